"""The one error type of the STUN parsers."""

from __future__ import annotations

from rtcpy.core.errors import WireError


class StunError(WireError):
    """Bytes that are no STUN message, or a STUN message with a malformed header or attribute.

    `offset` counts **bytes** from the start of the message. Whether to drop the datagram or to answer 400
    is for the caller: see `rtcpy.stun.server`.
    """

    __slots__ = ()

"""The one error type of the RTP and RTCP parsers."""

from __future__ import annotations

from rtcpy.core.errors import WireError


class RtpError(WireError):
    """Bytes that are no RTP or RTCP packet, or a part of one that does not follow its format.

    `offset` counts **bytes** from the start of what was given to the parser.
    """

    __slots__ = ()

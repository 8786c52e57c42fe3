"""The one error type of the STUN parsers."""

from __future__ import annotations

from rtcpy.core.errors import WireError


class StunError(WireError):
    """Bytes that are no STUN message, or a STUN message with a malformed attribute.

    `offset` counts **bytes** from the start of the message. `bad_request` tells the two apart: it is set when
    header and FINGERPRINT raised no doubt that this is STUN, so that a server may answer a request with 400;
    everything else is dropped in silence (RFC 8489 §6.3).
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        rfc: str = "",
        value: object = None,
        bad_request: bool = False,
    ) -> None:
        super().__init__(message, offset=offset, rfc=rfc, value=value)
        self.bad_request = bad_request

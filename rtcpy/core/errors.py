"""The errors of every layer, in one small tree.

Two questions decide the class: *whose* fault, and *what* was broken.

- `WireError`: bytes or text that do not follow a format. Each layer has exactly one subclass
  (`SdpError`, `StunError`, `DtlsDecodeError`, `SctpDecodeError`, …) and its parsers raise nothing else.
- `ProtocolError`: the peer sent something well-formed that breaks a rule; carries what to answer.
- `UsageError`: the caller asked for something illegal; `.name` is the W3C DOMException name.
- `CryptoError`: a verification failed. Verification raises, it never returns a bool.

None of these cross `Machine.receive`: see law 5 in `rtcpy.core.machine`.
"""

from __future__ import annotations


class RtcError(Exception):
    """Root of everything that rtcpy raises on purpose."""


class WireError(RtcError):
    """Input does not follow its format.

    Args:
        message: what is wrong, with found and expected values.
        offset: position of the offending input in **bytes** (for SDP: the line number, from 1), if known.
        rfc: section that states the rule, e.g. ``"RFC 8489 §5"``.
        value: the offending value itself.
    """

    __slots__ = ("message", "offset", "rfc", "value")

    def __init__(
        self, message: str, *, offset: int | None = None, rfc: str = "", value: object = None
    ) -> None:
        self.message, self.offset, self.rfc, self.value = message, offset, rfc, value
        super().__init__(message)

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at byte {self.offset}"
        rule = f" ({self.rfc})" if self.rfc else ""
        return f"{self.message}{where}{rule}"


class ProtocolError(RtcError):
    """The peer broke a rule of the protocol.

    Args:
        message: which rule, with the offending value.
        rfc: the section.
        alert_or_cause: what to send back: a TLS AlertDescription, an SCTP error cause, a STUN error code.
    """

    __slots__ = ("alert_or_cause", "message", "rfc")

    def __init__(self, message: str, *, rfc: str = "", alert_or_cause: int | None = None) -> None:
        self.message, self.rfc, self.alert_or_cause = message, rfc, alert_or_cause
        super().__init__(f"{message} ({rfc})" if rfc else message)


class CryptoError(RtcError):
    """A signature, tag, integrity value or fingerprint did not verify."""


class UsageError(RtcError):
    """The caller broke a rule of the API. `name` is the DOMException name that W3C gives the case."""

    name = "OperationError"


class InvalidStateError(UsageError):
    """The object is in the wrong state for this call."""

    name = "InvalidStateError"


class InvalidAccessError(UsageError):
    """The object does not support this operation or argument."""

    name = "InvalidAccessError"


class InvalidModificationError(UsageError):
    """The object cannot be changed in this way (W3C webrtc §4.4.1)."""

    name = "InvalidModificationError"


class OperationError(UsageError):
    """The operation failed for a reason specific to it."""

    name = "OperationError"


class RtcSyntaxError(UsageError):
    """Text that the caller passed in could not be parsed. Named so as not to shadow the builtin."""

    name = "SyntaxError"


class NotSupportedError(UsageError):
    """The configuration or parameter is not supported."""

    name = "NotSupportedError"


class NetworkError(UsageError):
    """The transport under the object is gone."""

    name = "NetworkError"


class AbortError(UsageError):
    """The operation was given up because its object closed."""

    name = "AbortError"


class RtcRangeError(UsageError, ValueError):
    """A number is outside its range: W3C's RangeError; also a `ValueError` for Python callers."""

    name = "RangeError"

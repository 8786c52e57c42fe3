"""Alerts, and the errors that become alerts.

Owns the AlertDescription registry, the two-byte alert message, the layer's one parser error and the
error that a broken rule raises inside a handshake. Which alerts are believed, and when, is decided in
`connection`: a plaintext alert proves nothing about who sent it.

Specs: RFC 5246 §7.2, RFC 6347 §4.1.2.7, RFC 7301 §3.2 (120), RFC 5746 §4.5 (100).
"""

from __future__ import annotations

from enum import IntEnum

from rtcpy.core.errors import ProtocolError, WireError
from rtcpy.wire import Wire, bits, wire


class AlertLevel(IntEnum):
    """RFC 5246 §7.2: a fatal alert ends the connection at once."""

    WARNING = 1
    FATAL = 2


class AlertDescription(IntEnum):
    """TLS Alerts registry (IANA): those that DTLS 1.2 peers send. Others stay plain integers."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    HANDSHAKE_FAILURE = 40
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120


class DtlsDecodeError(WireError):
    """Bytes that are no DTLS record, handshake message, extension or alert. The layer's parsers raise nothing else."""


class DtlsRuleError(ProtocolError):
    """The peer sent something well-formed that a handshake must not contain; `alert` is what it deserves.

    Args:
        message: the rule and the offending value.
        alert: what to send if the handshake fails over it.
        rfc: the section that states the rule.
    """

    __slots__ = ("alert",)

    def __init__(self, message: str, alert: AlertDescription, *, rfc: str) -> None:
        super().__init__(message, rfc=rfc, alert_or_cause=int(alert))
        self.alert = alert


@wire("RFC 5246 §7.2", error=DtlsDecodeError)
class Alert(Wire):
    """A notice to the peer: a warning, or the end."""

    level: int = bits(8, "how bad: 1 warning, 2 fatal", enum=AlertLevel)
    description: int = bits(8, "what happened", enum=AlertDescription)


def alert_name(description: int) -> str:
    """The registry's name of an alert, or its number, for messages to people."""
    try:
        return AlertDescription(description).name.lower()
    except ValueError:
        return f"alert {description}"

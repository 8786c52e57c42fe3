"""The errors of the SCTP layer."""

from __future__ import annotations

from rtcpy.core.errors import UsageError, WireError


class SctpDecodeError(WireError):
    """Bytes that are no SCTP packet, chunk, parameter or DCEP message. The only error that the parsers here raise."""

    __slots__ = ()


class MessageTooLargeError(UsageError, TypeError):
    """A message is larger than the peer's `max-message-size` allows.

    W3C webrtc §6.2 (`send`, step 4) demands a TypeError, hence the second base class.
    """

    name = "TypeError"


class ChannelParameterError(UsageError, TypeError):
    """Arguments of a new channel that contradict each other or the API (W3C webrtc §6.1: TypeError)."""

    name = "TypeError"

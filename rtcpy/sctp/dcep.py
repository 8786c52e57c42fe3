"""The Data Channel Establishment Protocol: two messages, OPEN and ACK.

Formats and their checks only; the procedures are `datachannel`'s. Lengths count bytes of UTF-8, not characters;
two well-known stacks count characters, so `read_open` recognizes that and takes the labels apart as they were meant.

Specs: RFC 8832 §5, §8.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.wire import Wire, bits, const, length_of, opaque, wire


class MessageType(IntEnum):
    """RFC 8832 §8.2.1."""

    ACK = 0x02
    OPEN = 0x03


class ChannelType(IntEnum):
    """RFC 8832 §8.2.2. The high bit stands for unordered."""

    RELIABLE = 0x00
    PARTIAL_RELIABLE_REXMIT = 0x01
    PARTIAL_RELIABLE_TIMED = 0x02
    RELIABLE_UNORDERED = 0x80
    PARTIAL_RELIABLE_REXMIT_UNORDERED = 0x81
    PARTIAL_RELIABLE_TIMED_UNORDERED = 0x82


UNORDERED = 0x80
MAX_TEXT = 65535  # bytes of label or protocol
_OPEN_HEADER = 12  # bytes before the label


@wire("RFC 8832 §5.1", error=SctpDecodeError)
class OpenMessage(Wire):
    """DATA_CHANNEL_OPEN: a channel begins on the stream that carries this."""

    message_type = const(8, MessageType.OPEN, "DATA_CHANNEL_OPEN")
    channel_type: int = bits(8, "reliability and order", enum=ChannelType)
    priority: int = bits(16, "weight: 128 below normal, 256 normal, 512 high, 1024 extra high")
    reliability_parameter: int = bits(32, "retransmissions, or lifetime in ms; by channel type")
    label_length = length_of("label", 16, doc="bytes of the label")
    protocol_length = length_of("protocol", 16, doc="bytes of the protocol")
    label: bytes = opaque("name, UTF-8", length="label_length", default=b"")
    protocol: bytes = opaque("subprotocol, UTF-8", length="protocol_length", default=b"")


@wire("RFC 8832 §5.2", error=SctpDecodeError)
class AckMessage(Wire):
    """DATA_CHANNEL_ACK: the channel is known at both ends."""

    message_type = const(8, MessageType.ACK, "DATA_CHANNEL_ACK")


@dataclass(slots=True)
class ChannelParameters:
    """What an OPEN says, in the terms of the W3C API. `max_lifetime_ms` in **milliseconds**."""

    label: str
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    max_lifetime_ms: int | None = None
    priority: int = 256


def write_open(parameters: ChannelParameters) -> bytes:
    """DATA_CHANNEL_OPEN. Spec: RFC 8832 §5.1."""
    kind, reliability = ChannelType.RELIABLE.value, 0
    if parameters.max_retransmits is not None:
        kind, reliability = ChannelType.PARTIAL_RELIABLE_REXMIT.value, parameters.max_retransmits
    elif parameters.max_lifetime_ms is not None:
        kind, reliability = ChannelType.PARTIAL_RELIABLE_TIMED.value, parameters.max_lifetime_ms
    return OpenMessage(
        channel_type=kind if parameters.ordered else kind | UNORDERED,
        priority=parameters.priority,
        reliability_parameter=reliability,
        label=parameters.label.encode(),
        protocol=parameters.protocol.encode(),
    ).serialize()


def read_open(data: bytes) -> ChannelParameters:
    """What a DATA_CHANNEL_OPEN says. Raises SctpDecodeError.

    Text that is no UTF-8 is read with replacement characters. Spec: RFC 8832 §5.1.
    """
    message, label, protocol = _split(data)
    kind = message.channel_type & ~UNORDERED
    if kind > ChannelType.PARTIAL_RELIABLE_TIMED:
        raise SctpDecodeError(
            f"channel type {message.channel_type:#x}",
            offset=1,
            rfc="RFC 8832 §8.2.2",
            value=message.channel_type,
        )
    return ChannelParameters(
        label=label,
        protocol=protocol,
        ordered=not message.channel_type & UNORDERED,
        max_retransmits=message.reliability_parameter
        if kind == ChannelType.PARTIAL_RELIABLE_REXMIT
        else None,
        max_lifetime_ms=message.reliability_parameter if kind == ChannelType.PARTIAL_RELIABLE_TIMED else None,
        priority=message.priority,
    )


def _split(data: bytes) -> tuple[OpenMessage, str, str]:
    """The message, its label and its protocol, also where the lengths count characters."""
    if len(data) >= _OPEN_HEADER:
        label_length = int.from_bytes(data[8:10], "big")
        protocol_length = int.from_bytes(data[10:12], "big")
        tail = data[_OPEN_HEADER:]
        if len(tail) > label_length + protocol_length:
            text = tail.decode("utf-8", "replace")
            if len(text) == label_length + protocol_length:
                head = OpenMessage.parse(data[:8] + bytes(4))
                return head, text[:label_length], text[label_length:]
    message = OpenMessage.parse(data)
    return message, message.label.decode("utf-8", "replace"), message.protocol.decode("utf-8", "replace")

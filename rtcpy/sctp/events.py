"""What an association and its data channels tell their owner.

The first group comes from `Association`, the second (`Channel…`) from `DataChannels`, which swallows the first
except `Established`, `Restarted` and `Aborted`/`ShutDown`: those it passes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtcpy.core.machine import Event

if TYPE_CHECKING:
    from rtcpy.sctp.channel import Channel


@dataclass(slots=True)
class Established(Event):
    """The association is up; streams are numbered below these counts (RFC 9260 §11.2.4 COMMUNICATION UP)."""

    outbound_streams: int
    inbound_streams: int


@dataclass(slots=True)
class StreamMessage(Event):
    """One whole message arrived on a stream (RFC 9260 §11.2.1 DATA ARRIVE)."""

    stream_id: int
    ppid: int
    data: bytes


@dataclass(slots=True)
class StreamMessageTooLarge(Event):
    """A message of `size` bytes exceeded our `max_message_size`: it was acknowledged and thrown away."""

    stream_id: int
    size: int


@dataclass(slots=True)
class StreamsReset(Event):
    """Streams started again at sequence number 0 (RFC 6525).

    `incoming`: the peer reset what it sends to us; otherwise it has answered our own request for what we send.
    `result` is the response code of RFC 6525 §4.4; always 1 (performed) or 0 (nothing to do) when incoming.
    """

    stream_ids: list[int]
    incoming: bool
    result: int


@dataclass(slots=True)
class Restarted(Event):
    """The peer lost its state and set up the association anew (RFC 9260 §5.2.4.1). Unsent messages are gone."""


@dataclass(slots=True)
class Aborted(Event):
    """The association is dead. `cause` is an RFC 9260 §3.3.10 code, 0 if none; `by_peer` tells who ended it."""

    reason: str
    cause: int = 0
    by_peer: bool = False


@dataclass(slots=True)
class ShutDown(Event):
    """The association ended in good order: all that was sent has arrived (RFC 9260 §9.2)."""


@dataclass(slots=True)
class BufferLow(Event):
    """Unsent bytes of a stream fell to its threshold or below."""

    stream_id: int


@dataclass(slots=True)
class ChannelOpened(Event):
    """A channel that we created is open: messages may be sent (W3C `open`)."""

    channel: Channel


@dataclass(slots=True)
class ChannelAnnounced(Event):
    """The peer created a channel; it is open (W3C `datachannel`, then `open`)."""

    channel: Channel


@dataclass(slots=True)
class ChannelMessage(Event):
    """A message: text as `str`, binary as `bytes` (W3C `message`)."""

    channel: Channel
    data: str | bytes


@dataclass(slots=True)
class ChannelClosing(Event):
    """The peer is closing the channel; nothing can be sent any more (W3C `closing`)."""

    channel: Channel


@dataclass(slots=True)
class ChannelClosed(Event):
    """The channel is closed at both ends, or `error` tells why it died (W3C `error`, then `close`)."""

    channel: Channel
    error: str | None = None


@dataclass(slots=True)
class BufferedAmountLow(Event):
    """The channel's unsent bytes fell to `buffered_amount_low_threshold` or below (W3C `bufferedamountlow`)."""

    channel: Channel

"""Data channels over one association: DCEP, ids, closing (interface; the rules follow)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.sctp.association import Association
from rtcpy.sctp.config import SctpConfig


class ChannelState(Enum):
    """W3C webrtc RTCDataChannelState."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(slots=True, eq=False)
class Channel:
    """One data channel as the application knows it. Identity is the object itself: `id` is None until it is assigned."""

    label: str
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    max_lifetime_ms: int | None = None
    negotiated: bool = False
    id: int | None = None
    priority: int = 256
    state: ChannelState = ChannelState.CONNECTING
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class DataChannels:
    """Machine[bytes, Event]: an `Association` and the channels on it."""

    association: Association

    def __init__(self, config: SctpConfig, *, entropy: Entropy, tap: Tap | None = None) -> None:
        raise NotImplementedError

    def set_role(self, is_dtls_client: bool, *, now: Instant) -> None:
        """The DTLS role is known: even ids are ours as client, odd ones as server (RFC 8832 §6)."""

    def set_remote_max_message_size(self, size: int) -> None:
        """The peer's ``a=max-message-size``, bytes; 0 is no limit."""

    def start(self, *, now: Instant) -> None:
        """DTLS is up: send INIT."""

    def open(
        self,
        label: str,
        protocol: str = "",
        *,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_lifetime_ms: int | None = None,
        negotiated: bool = False,
        id: int | None = None,
        priority: int = 256,
        now: Instant,
    ) -> Channel:
        """Create a channel; allowed before the role is known and before the association is up."""
        raise NotImplementedError

    def send(self, channel: Channel | int, data: str | bytes, *, now: Instant) -> None:
        """Queue a message on an open channel, given as object or id."""

    def close_channel(self, channel: Channel | int, *, now: Instant) -> None:
        """Close after what is queued has been sent."""

    def buffered_amount(self, channel: Channel | int) -> int:
        """Unsent bytes."""
        raise NotImplementedError

    def set_buffered_amount_low_threshold(self, channel: Channel | int, amount: int) -> None:
        """Bytes at or under which `BufferedAmountLow` is told."""

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one packet."""

    def receive_batch(self, packets: Sequence[bytes], *, now: Instant) -> None:
        """Take packets that arrived together (see `Association.receive_batch`)."""

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""

    def next_timeout(self) -> Instant | None:
        """The next deadline."""
        raise NotImplementedError

    def take_packets(self) -> Sequence[bytes]:
        """Drain packets."""
        raise NotImplementedError

    def take_events(self) -> Sequence[Event]:
        """Drain events."""
        raise NotImplementedError

    def close(self, *, now: Instant) -> None:
        """Abort the association; every channel is closed."""

"""One SCTP association over DTLS: the Machine of this layer (interface; the rules follow)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.sctp.config import SctpConfig


class State(Enum):
    """RFC 9260 §4."""

    CLOSED = "CLOSED"
    COOKIE_WAIT = "COOKIE-WAIT"
    COOKIE_ECHOED = "COOKIE-ECHOED"
    ESTABLISHED = "ESTABLISHED"
    SHUTDOWN_PENDING = "SHUTDOWN-PENDING"
    SHUTDOWN_SENT = "SHUTDOWN-SENT"
    SHUTDOWN_RECEIVED = "SHUTDOWN-RECEIVED"
    SHUTDOWN_ACK_SENT = "SHUTDOWN-ACK-SENT"


class Association:
    """Machine[bytes, Event]: packets are SCTP packets, i.e. the plaintext of DTLS records (RFC 8261)."""

    state: State
    max_packet_size: int  # bytes of the largest SCTP packet sent now
    dropped: int  # packets and chunks refused
    outbound_streams: int
    inbound_streams: int

    def __init__(self, config: SctpConfig, *, entropy: Entropy, tap: Tap | None = None) -> None:
        raise NotImplementedError

    def start(self, *, now: Instant) -> None:
        """Send INIT. In WebRTC both sides do (RFC 8841 §10.2). Without it the association answers a peer's INIT."""

    def send(
        self,
        stream_id: int,
        ppid: int,
        data: bytes,
        *,
        unordered: bool = False,
        max_retransmits: int | None = None,
        lifetime: float | None = None,
        now: Instant,
    ) -> None:
        """Queue one message (allowed before ESTABLISHED)."""

    def reset_streams(self, stream_ids: Sequence[int], *, now: Instant) -> None:
        """Reset outgoing streams once everything queued on them has arrived (RFC 6525); answered by StreamsReset."""

    def buffered_amount(self, stream_id: int) -> int:
        """Bytes queued on the stream and not yet sent."""
        raise NotImplementedError

    def set_buffered_amount_low_threshold(self, stream_id: int, amount: int) -> None:
        """When unsent bytes fall from above `amount` to it or below: event BufferLow."""

    def set_priority(self, stream_id: int, priority: int) -> None:
        """Weight of the stream, 1…65535 (256 is normal, RFC 8831 §6.4)."""

    def shutdown(self, *, now: Instant) -> None:
        """End in good order once everything sent has arrived (RFC 9260 §9.2)."""

    def abort(self, reason: str = "", *, now: Instant) -> None:
        """End at once: ABORT with cause User-Initiated Abort (RFC 9260 §9.1)."""

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one packet."""

    def receive_batch(self, packets: Sequence[bytes], *, now: Instant) -> None:
        """Take packets that arrived together: the same as one by one, but at most one SACK at the end."""

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
        """ABORT if something was up, and be silent for ever."""

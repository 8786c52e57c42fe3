"""DtlsConnection: the machine (interface; the working parts follow)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.dtls.certificate import Certificate, Fingerprint
from rtcpy.dtls.events import DtlsConfig, DtlsState, Role


class DtlsConnection:
    """One DTLS association over a path that already works: a `Machine[bytes, Event]` whose packets are UDP payloads."""

    def __init__(
        self,
        *,
        role: Role,
        certificate: Certificate,
        entropy: Entropy,
        wall_clock: WallClock | None = None,
        config: DtlsConfig | None = None,
        tap: Tap | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def state(self) -> DtlsState:
        """RTCDtlsTransportState: new, connecting, connected (events handed out), closed, failed."""
        raise NotImplementedError

    def start(self, *, now: Instant) -> None:
        """Client: send the ClientHello. Server: begin to answer (datagrams that came earlier were kept)."""
        raise NotImplementedError

    def set_remote_fingerprints(self, fingerprints: Iterable[Fingerprint], *, now: Instant) -> None:
        """Say whom to expect, before or after the certificate came. Until one matched, no key or byte gets out."""
        raise NotImplementedError

    def send(self, data: bytes, *, now: Instant) -> None:
        """One application_data record, one datagram. Raises InvalidStateError unless connected."""
        raise NotImplementedError

    def export_keying_material(self, label: str, context: bytes | None, length: int) -> bytes:
        """RFC 5705. Raises InvalidStateError unless connected."""
        raise NotImplementedError

    @property
    def record_overhead(self) -> int:
        """Bytes that a record adds to the data given to `send`: 37 for GCM, 29 for ChaCha20-Poly1305."""
        raise NotImplementedError

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one UDP payload that demultiplexing gave to DTLS (first byte 20…63)."""
        raise NotImplementedError

    def handle_timeout(self, *, now: Instant) -> None:
        """Retransmit or give up, if due."""
        raise NotImplementedError

    def next_timeout(self) -> Instant | None:
        """The next deadline."""
        raise NotImplementedError

    def take_packets(self) -> Sequence[bytes]:
        """Datagrams to send, in order."""
        raise NotImplementedError

    def take_events(self) -> Sequence[Event]:
        """`PeerCertificate`, `Connected`, `KeyingMaterial`, `ApplicationData`, `Closed`, `Failed`."""
        raise NotImplementedError

    def close(self, *, now: Instant) -> None:
        """Send close_notify and forget everything. Idempotent."""
        raise NotImplementedError

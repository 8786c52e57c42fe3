"""Two DTLS ends and a link between them, in virtual time: what the tests of this package run on."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.dtls import (
    ApplicationData,
    Certificate,
    Connected,
    DtlsConfig,
    DtlsConnection,
    Fingerprint,
    KeyingMaterial,
    Role,
)

LABEL = "EXPERIMENTAL rtcpy test"
CLIENT, SERVER = 0, 1


@cache
def certificate(name: str, key_type: str = "ecdsa") -> Certificate:
    """A certificate per name, made once."""
    return Certificate.generate(SeededEntropy(f"certificate {name}"), FixedClock(), key_type)  # type: ignore[arg-type]


def make(
    role: Role,
    *,
    seed: object = 0,
    key_type: str = "ecdsa",
    peer_key_type: str = "ecdsa",
    fingerprints: Iterable[Fingerprint] | None = (),
    config: DtlsConfig | None = None,
    tap: Tap | None = None,
) -> DtlsConnection:
    """One end that expects the other of its kind. `fingerprints`: None to leave them out, else instead of the right one."""
    connection = DtlsConnection(
        role=role,
        certificate=certificate(role.value, key_type),
        entropy=SeededEntropy(f"{role.value} {seed}"),
        wall_clock=FixedClock(),
        config=config or DtlsConfig(),
        tap=tap,
    )
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    if fingerprints is not None:
        right = [certificate(other.value, peer_key_type).fingerprint("sha-256")]
        connection.set_remote_fingerprints(list(fingerprints) or right, now=0.0)
    return connection


def pair(
    *,
    seed: object = 0,
    client_key: str = "ecdsa",
    server_key: str = "ecdsa",
    client: DtlsConfig | None = None,
    server: DtlsConfig | None = None,
) -> tuple[DtlsConnection, DtlsConnection]:
    """A client and a server that expect each other."""
    return (
        make(Role.CLIENT, seed=seed, key_type=client_key, peer_key_type=server_key, config=client),
        make(Role.SERVER, seed=seed, key_type=server_key, peer_key_type=client_key, config=server),
    )


#: (number of the datagram, sender, bytes) -> list of (extra delay in seconds, bytes) that arrive
Fate = Callable[[int, int, bytes], list[tuple[float, bytes]]]


def deliver(_number: int, _sender: int, data: bytes) -> list[tuple[float, bytes]]:
    """No fault."""
    return [(0.0, data)]


@dataclass
class Link:
    """Runs two machines against each other. At equal instants packets come before timers, end 0 before end 1."""

    ends: tuple[DtlsConnection, DtlsConnection]
    fate: Fate = deliver
    delay: float = 0.02
    now: Instant = 0.0
    sent: list[tuple[Instant, int, bytes]] = field(default_factory=list)
    events: tuple[list[Event], list[Event]] = field(default_factory=lambda: ([], []))
    connected_at: dict[int, Instant] = field(default_factory=dict)
    _wire: list[tuple[Instant, int, int, bytes]] = field(default_factory=list)
    _order: int = 0

    def start(self) -> Link:
        for end in self.ends:
            end.start(now=self.now)
        return self

    def inject(self, receiver: int, data: bytes, *, at: Instant) -> None:
        """A datagram that neither end sent."""
        self._order += 1
        heapq.heappush(self._wire, (at, self._order, receiver, data))

    def drain(self) -> None:
        for i, end in enumerate(self.ends):
            for packet in end.take_packets():
                number = len(self.sent)
                self.sent.append((self.now, i, packet))
                for extra, data in self.fate(number, i, packet):
                    self._order += 1
                    heapq.heappush(self._wire, (self.now + self.delay + extra, self._order, 1 - i, data))
            for event in end.take_events():
                self.events[i].append(event)
                if isinstance(event, Connected):
                    self.connected_at[i] = self.now

    def run(self, *, until: Instant) -> Link:
        while True:
            self.drain()
            due = [(t, 1, i) for i, end in enumerate(self.ends) if (t := end.next_timeout()) is not None]
            if self._wire:
                due.append((self._wire[0][0], 0, self._wire[0][2]))
            if not due or min(due)[0] > until:
                self.now = max(self.now, until) if until != float("inf") else self.now
                return self
            at, is_timer, i = min(due)
            self.now = max(self.now, at)
            if is_timer:
                self.ends[i].handle_timeout(now=self.now)
                after = self.ends[i].next_timeout()
                assert after is None or after > self.now, "a due timeout made no progress (law 3)"
            else:
                self.ends[i].receive(heapq.heappop(self._wire)[3], now=self.now)

    def of(self, end: int, kind: type) -> list[Event]:
        return [event for event in self.events[end] if isinstance(event, kind)]

    def data(self, end: int) -> list[bytes]:
        return [event.data for event in self.events[end] if isinstance(event, ApplicationData)]

    @property
    def is_connected(self) -> bool:
        return len(self.connected_at) == 2

    def check_connected(self) -> None:
        """Both ends connected, hold the same keys, and a message goes each way."""
        assert self.is_connected, (self.ends[0].state, self.ends[1].state, self.events)
        a, b = (end.export_keying_material(LABEL, b"context", 32) for end in self.ends)
        assert a == b
        (left,), (right,) = self.of(0, Connected), self.of(1, Connected)
        assert left == right
        for k, l in zip(self.of(0, KeyingMaterial), self.of(1, KeyingMaterial), strict=True):
            assert isinstance(k, KeyingMaterial) and isinstance(l, KeyingMaterial)
            assert (k.local_key, k.local_salt) == (
                l.remote_key,
                l.remote_salt,
            ) and k.local_key != k.remote_key
            assert (k.remote_key, k.remote_salt) == (l.local_key, l.local_salt)
        self.fate = deliver
        before = len(self.data(0)), len(self.data(1))
        self.ends[0].send(b"to the server", now=self.now)
        self.ends[1].send(b"to the client", now=self.now)
        self.run(until=self.now + 1.0)
        assert self.data(0)[before[0] :] == [b"to the client"]
        assert self.data(1)[before[1] :] == [b"to the server"]


def lossy(
    seed: object, *, loss: float, duplicate: float = 0.0, reorder: float = 0.0, corrupt: float = 0.0
) -> Fate:
    """Independent faults from a seed; a reordered datagram is held back by up to 100 ms."""
    rng = random.Random(repr(seed))

    def fate(_number: int, _sender: int, data: bytes) -> list[tuple[float, bytes]]:
        if rng.random() < loss:
            return []
        copies = 2 if rng.random() < duplicate else 1
        out = []
        for _ in range(copies):
            extra = rng.random() * 0.1 if rng.random() < reorder else 0.0
            if rng.random() < corrupt:
                at = rng.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
            out.append((extra, data))
        return out

    return fate

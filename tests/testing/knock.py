"""A small machine that keeps all nine laws, to plant faults into: stop-and-wait messages with retransmission.

'Q' number text is answered by 'A' number; the timeout doubles (cf. RFC 8489 §6.2.1); a random nonce in the greeting
makes it depend on its entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.core.env import Entropy, SeededEntropy
from rtcpy.core.machine import Event, Instant
from rtcpy.sim import LinkConfig, Pair
from rtcpy.testing import Connection, TransportUnderTest

RTO = 0.5  # s
TRIES = 12
HEARD_LIMIT = 64  # unknown packets remembered


@dataclass(slots=True)
class Delivered(Event):
    text: bytes


@dataclass(slots=True)
class GaveUp(Event):
    text: bytes


class Knock:
    """One end. `send` queues; one message is under way at a time."""

    def __init__(self, entropy: Entropy) -> None:
        self.nonce = entropy.token(4)
        self.queue: list[bytes] = []
        self.number = 0
        self.heard = -1
        self.pending: bytes | None = None
        self.deadline: Instant | None = None
        self.wait, self.left = RTO, TRIES
        self.closed = False
        self.dropped = 0
        self.out: list[bytes] = []
        self.events: list[Event] = []

    def send(self, text: bytes, *, now: Instant) -> None:
        self.queue.append(bytes(text))
        if self.pending is None:
            self._next(now)

    def _next(self, now: Instant) -> None:
        self.pending, self.deadline = None, None
        if self.queue:
            self.pending = b"Q" + bytes([self.number]) + self.nonce + self.queue.pop(0)
            self.wait, self.left = RTO, TRIES
            self._transmit(now)

    def _transmit(self, now: Instant) -> None:
        assert self.pending is not None
        self.out.append(self.pending)
        self.left -= 1
        self.deadline = now + self.wait
        self.wait = min(2 * self.wait, 4.0)

    def receive(self, packet: bytes, *, now: Instant) -> None:
        packet = bytes(packet)
        if self.closed:
            return
        if packet[:1] == b"A" and self.pending and packet[1:] == self.pending[1:6]:
            self.number = (self.number + 1) % 256
            self._next(now)
        elif packet[:1] == b"Q" and len(packet) >= 6:
            self._on_question(packet, now)
        else:
            self.dropped += 1

    def _on_question(self, packet: bytes, now: Instant) -> None:
        self.out.append(b"A" + packet[1:6])
        if packet[1] == (self.heard + 1) % 256:
            self.heard = packet[1]
            self.events.append(Delivered(packet[6:]))

    def handle_timeout(self, *, now: Instant) -> None:
        if self.pending is None or self.deadline is None or now < self.deadline:
            return
        if self.left:
            self._transmit(now)
        else:
            self.events.append(GaveUp(self.pending[6:]))
            self._next(now)

    def next_timeout(self) -> Instant | None:
        return self.deadline

    def take_packets(self) -> list[bytes]:
        out, self.out = self.out, []
        return out

    def take_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def close(self, *, now: Instant) -> None:
        self.closed = True
        self.queue.clear()
        self.pending = self.deadline = None


def connection(seed: int, kind: type[Knock] = Knock, link: LinkConfig | None = None) -> Connection:
    """Two `kind`s on a slightly lossy cable that say hello to each other and then exchange two words."""
    link = link if link is not None else LinkConfig(loss=0.1)
    a, b = kind(SeededEntropy(f"{seed}/a")), kind(SeededEntropy(f"{seed}/b"))
    sim = Pair(a, b, seed=seed, link=link)

    def heard(count: int) -> bool:
        return all(len(sim.events_of(i, Delivered)) >= count for i in (0, 1))

    def say(text: bytes) -> None:
        buffer = bytearray(text)
        sim.ends[0].send(buffer, now=sim.now)  # type: ignore[attr-defined]
        sim.ends[1].send(buffer, now=sim.now)  # type: ignore[attr-defined]
        buffer[:] = bytes(len(buffer))

    return Connection(
        sim,
        start=lambda: say(b"hello"),
        connected=lambda: heard(1),
        exercise=lambda: say(b"word"),
        exercised=lambda: heard(2),
    )


def transport(seed: int, link: LinkConfig, kind: type[Knock] = Knock) -> TransportUnderTest:
    """The same two ends as a message transport of one stream."""
    a, b = kind(SeededEntropy(f"{seed}/a")), kind(SeededEntropy(f"{seed}/b"))
    sim = Pair(a, b, seed=seed, link=link)
    return TransportUnderTest(
        sim,
        start=lambda: None,
        connected=lambda: True,
        send=lambda end, _stream, message: (a, b)[end].send(message, now=sim.now),
        received=lambda end: [(0, event.text) for event in sim.events_of(end, Delivered)],
    )

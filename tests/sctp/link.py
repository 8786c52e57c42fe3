"""Two machines and a bad link between them, in virtual time: just what the SCTP tests need.

At equal instants packets come before timers, and end 0 before end 1, so a seed fixes everything.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Event, Instant, Machine
from rtcpy.sctp import Association, DataChannels, SctpConfig


@dataclass
class Conditions:
    """What happens to packets, per direction alike. Probabilities in 0…1, times in seconds, `mtu` in bytes."""

    delay: float = 0.01
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    corruption: float = 0.0
    mtu: int = 1 << 20
    rate: float = 0.0  # bytes per second, 0: unlimited
    drop: Callable[[int, int, bytes], bool] | None = None  # (end, number of the packet from that end, packet)


@dataclass
class Link:
    """Ends 0 and 1 joined. `events[i]` and `sent[i]` collect what end i told and sent."""

    ends: tuple[Machine[bytes, Event], Machine[bytes, Event]]
    conditions: Conditions = field(default_factory=Conditions)
    seed: int = 0
    now: Instant = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.wire: list[tuple[Instant, int, int, bytes]] = []
        self.order = 0
        self.events: tuple[list[Event], list[Event]] = ([], [])
        self.log: list[tuple[Instant, int, bytes]] = []
        self.bytes_sent = [0, 0]
        self.packets_sent = [0, 0]
        self.free_at = [0.0, 0.0]
        self.keep_log = False
        self.on_event: Callable[[int, Event], None] | None = None

    def _post(self, end: int, packet: bytes) -> None:
        c, rng = self.conditions, self.random
        number = self.packets_sent[end]
        self.packets_sent[end] += 1
        self.bytes_sent[end] += len(packet)
        if self.keep_log:
            self.log.append((self.now, end, packet))
        if len(packet) > c.mtu or (c.drop is not None and c.drop(end, number, packet)):
            return
        if c.loss and rng.random() < c.loss:
            return
        copies = 2 if c.duplication and rng.random() < c.duplication else 1
        start = self.now
        if c.rate:
            start = max(self.now, self.free_at[end])
            self.free_at[end] = start = start + len(packet) / c.rate
        for _ in range(copies):
            arrival = start + c.delay + (c.jitter * rng.random() if c.jitter else 0.0)
            if c.reordering and rng.random() < c.reordering:
                arrival += c.delay * (0.5 + rng.random())
            data = packet
            if c.corruption and rng.random() < c.corruption:
                at = rng.randrange(len(packet))
                data = packet[:at] + bytes([packet[at] ^ (1 << rng.randrange(8))]) + packet[at + 1 :]
            self.order += 1
            heapq.heappush(self.wire, (arrival, self.order, 1 - end, data))

    def drain(self) -> None:
        """Carry packets from the machines to the wire, and events to the lists."""
        for end, machine in enumerate(self.ends):
            for packet in machine.take_packets():
                self._post(end, packet)
            for event in machine.take_events():
                self.events[end].append(event)
                if self.on_event is not None:
                    self.on_event(end, event)

    def run(self, until: Instant | None = None, *, stop: Callable[[], bool] | None = None) -> None:
        """Go on until nothing is left to happen, or `until`, or `stop()`."""
        while True:
            self.drain()
            if stop is not None and stop():
                return
            due: list[tuple[Instant, int, int]] = []
            for end, machine in enumerate(self.ends):
                deadline = machine.next_timeout()
                if deadline is not None:
                    due.append((deadline, 1, end))
            if self.wire:
                due.append((self.wire[0][0], 0, self.wire[0][2]))
            if not due or (until is not None and min(due)[0] > until):
                if until is not None:
                    self.now = max(self.now, until)
                return
            at, timer, end = min(due)
            self.now = max(self.now, at)
            if timer:
                self.ends[end].handle_timeout(now=self.now)
                after = self.ends[end].next_timeout()
                assert after is None or after > self.now, "a due timeout made no progress (law 3)"
            else:
                self.ends[end].receive(heapq.heappop(self.wire)[3], now=self.now)

    def of(self, end: int, kind: type) -> list:
        """Events of one kind at one end."""
        return [event for event in self.events[end] if isinstance(event, kind)]


def associations(
    conditions: Conditions | None = None,
    *,
    seed: int = 0,
    a: SctpConfig | None = None,
    b: SctpConfig | None = None,
) -> tuple[Link, Association, Association]:
    """A link with two associations, nothing started."""
    left = Association(a or SctpConfig(heartbeat_interval=0), entropy=SeededEntropy(f"a{seed}"))
    right = Association(b or SctpConfig(heartbeat_interval=0), entropy=SeededEntropy(f"b{seed}"))
    return Link((left, right), conditions or Conditions(), seed), left, right


def channels(
    conditions: Conditions | None = None,
    *,
    seed: int = 0,
    a: SctpConfig | None = None,
    b: SctpConfig | None = None,
) -> tuple[Link, DataChannels, DataChannels]:
    """A link with two sets of data channels; end 0 is the DTLS client. Nothing started."""
    left = DataChannels(a or SctpConfig(heartbeat_interval=0), entropy=SeededEntropy(f"a{seed}"))
    right = DataChannels(b or SctpConfig(heartbeat_interval=0), entropy=SeededEntropy(f"b{seed}"))
    left.set_role(True, now=0.0)
    right.set_role(False, now=0.0)
    return Link((left, right), conditions or Conditions(), seed), left, right


def established(
    conditions: Conditions | None = None,
    *,
    seed: int = 0,
    a: SctpConfig | None = None,
    b: SctpConfig | None = None,
) -> tuple[Link, Association, Association]:
    """Two associations that are up, over a perfect link so far; `conditions` hold from now on."""
    link, left, right = associations(seed=seed, a=a, b=b)
    left.start(now=0.0)
    right.start(now=0.0)
    link.run(1.0)
    assert left.state.value == right.state.value == "ESTABLISHED"
    if conditions is not None:
        link.conditions = conditions
    return link, left, right

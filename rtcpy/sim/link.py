"""One direction of a path: what happens to a packet between leaving one end and reaching the other.

Owns: loss (independent and in bursts), delay, jitter, duplication, reordering, corruption, a rate limit with a
bounded queue, a path MTU, outages, and scripts that decide the fate of chosen packets. A link is a pure function of
its configuration, its `random.Random` and the packets handed in: the same seed gives the same fates.

Does not own: time and addresses; that is `simulation` and `network`. NATs are in `nat`.

Read `LinkConfig` first, then `Link.send`.
No specification: bursts follow the two-state model of Gilbert and Elliott, queues drop at their tail.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from rtcpy.core.machine import Instant

DEFAULT_DELAY = 0.02  # s one way; 40 ms round trip is a usual path inside a continent
DEFAULT_HOLD = 0.05  # s that a reordered packet is held back: longer than a burst of packets takes to leave
DEFAULT_QUEUE_BYTES = 64 * 1024  # bytes; a home router's queue: about 130 ms at 4 Mbit/s
IP_UDP_OVERHEAD = 28  # bytes of IPv4 and UDP header, counted against the rate


@dataclass(slots=True, kw_only=True)
class BurstLoss:
    """Gilbert–Elliott: a good and a bad state, each with its own loss, changed at each packet with a probability.

    The mean length of a bad period is ``1 / leave_bad`` packets; the share of time in it is
    ``enter_bad / (enter_bad + leave_bad)``.

    Args:
        enter_bad: probability per packet of going from good to bad.
        leave_bad: probability per packet of going from bad to good.
        loss_good: loss probability in the good state.
        loss_bad: loss probability in the bad state.
    """

    enter_bad: float = 0.01
    leave_bad: float = 0.25
    loss_good: float = 0.0
    loss_bad: float = 0.8


@dataclass(slots=True, kw_only=True)
class LinkConfig:
    """What one direction does to packets. The default is a perfect path with a delay.

    Args:
        delay: one-way delay in seconds.
        jitter: up to this many seconds are added, uniformly; packets may so overtake each other (see `in_order`).
        loss: probability that a packet vanishes.
        burst: loss in bursts, on top of `loss`.
        duplicate: probability that a packet arrives twice; the copy has its own jitter.
        reorder: probability that a packet is held back by `hold` seconds.
        hold: how long a reordered packet waits, in seconds.
        corrupt: probability that a packet arrives with one to three bytes changed.
        rate_bps: capacity in bits per second, or `None` for no limit.
        queue_bytes: what may wait for its turn; a packet that does not fit is dropped (drop tail).
        mtu: largest packet in bytes that passes, or `None`. Larger ones vanish, as behind a router that
            drops and stays silent (RFC 8899 §1.1).
        overhead: bytes that each packet costs on top of its own against `rate_bps`.
        in_order: never let a packet overtake an earlier one, whatever the jitter.
    """

    delay: float = DEFAULT_DELAY
    jitter: float = 0.0
    loss: float = 0.0
    burst: BurstLoss | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    hold: float = DEFAULT_HOLD
    corrupt: float = 0.0
    rate_bps: float | None = None
    queue_bytes: int = DEFAULT_QUEUE_BYTES
    mtu: int | None = None
    overhead: int = IP_UDP_OVERHEAD
    in_order: bool = False


class Fate(Enum):
    """What a script may decide about a packet."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    SWAP = "swap"  # let the next packet of this direction overtake it; lost if none follows
    HOLD = "hold"  # arrive `LinkConfig.hold` seconds late
    CORRUPT = "corrupt"


Script = Callable[[int, Instant, bytes], Fate | bytes | None]
"""Given the packet's number on this link (from 0), the time and the packet: a fate, a replacement, or `None` for
the link's ordinary chances."""


@dataclass(slots=True)
class LinkCounters:
    """What a link did so far, in packets (`sent_bytes` and `delivered_bytes` in bytes)."""

    sent: int = 0
    sent_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    too_big: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0


def corrupted(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to three bytes changed for certain; empty data stays empty."""
    if not data:
        return data
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        out[rng.randrange(len(out))] ^= rng.randint(1, 255)
    return bytes(out) if out != data else bytes([data[0] ^ 1]) + data[1:]


@dataclass(slots=True)
class _Window:
    start: Instant
    end: Instant


@dataclass(slots=True)
class Link:
    """One direction of a path. `send` tells when, and as what, a packet arrives.

    Args:
        config: its properties; may be exchanged for another at any time.
        rng: the only source of chance.
    """

    config: LinkConfig
    rng: random.Random
    up: bool = True
    counters: LinkCounters = field(default_factory=LinkCounters)
    _scripts: list[Script] = field(default_factory=list)
    _outages: list[_Window] = field(default_factory=list)
    _bad: bool = False
    _busy_until: Instant = 0.0
    _last_arrival: Instant = 0.0
    _swapped: bytes | None = None

    # Commands

    def add_script(self, script: Script) -> None:
        """Let `script` see each packet first; of several, the first that answers decides."""
        self._scripts.append(script)

    def clear_scripts(self) -> None:
        """Back to chance alone."""
        self._scripts.clear()

    def decide(self, fates: dict[int, Fate | bytes]) -> None:
        """Fix the fate of packets by their number on this link, counted from 0."""
        table = dict(fates)
        self.add_script(lambda index, _now, _data: table.get(index))

    def drop(self, *indices: int) -> None:
        """Drop the packets with these numbers, counted from 0."""
        self.decide(dict.fromkeys(indices, Fate.DROP))

    def drop_when(self, predicate: Callable[[bytes], bool], times: int | None = None) -> None:
        """Drop each packet that `predicate` picks; with `times`, only that many."""
        left = [times]

        def script(_index: int, _now: Instant, data: bytes) -> Fate | None:
            if left[0] == 0 or not predicate(data):
                return None
            if left[0] is not None:
                left[0] -= 1
            return Fate.DROP

        self.add_script(script)

    def outage(self, start: Instant, duration: float) -> None:
        """Lose everything sent from `start` for `duration` seconds."""
        self._outages.append(_Window(start, start + duration))

    # The path

    def send(self, data: bytes, now: Instant) -> list[tuple[Instant, bytes]]:
        """When and as what `data`, sent at `now`, arrives: nothing, one copy or several.

        The order of things: outage and MTU, queue and bottleneck, then loss, corruption, delay and jitter of the path.
        """
        config, counters = self.config, self.counters
        index = counters.sent
        counters.sent = index + 1
        size = len(data)
        counters.sent_bytes += size
        if not self.up or (self._outages and self._in_outage(now)):
            counters.lost += 1
            return []
        if config.mtu is not None and size > config.mtu:
            counters.too_big += 1
            return []
        fate: Fate | bytes | None = None
        for script in self._scripts:
            if (fate := script(index, now, data)) is not None:
                break
        depart = now
        if config.rate_bps is not None:
            busy = max(self._busy_until, now)
            backlog = (busy - now) * config.rate_bps / 8
            if backlog + size + config.overhead > config.queue_bytes:
                counters.overflowed += 1
                return []
            depart = self._busy_until = busy + (size + config.overhead) * 8 / config.rate_bps
        arrivals = self._by_chance(data, depart) if fate is None else self._by_script(fate, data, depart)
        if self._swapped is not None and arrivals and fate is not Fate.SWAP:
            late, self._swapped = self._swapped, None
            arrivals.append((arrivals[-1][0], late))
        for _, packet in arrivals:
            counters.delivered += 1
            counters.delivered_bytes += len(packet)
        return arrivals

    def _in_outage(self, now: Instant) -> bool:
        self._outages = [window for window in self._outages if window.end > now]
        return any(window.start <= now for window in self._outages)

    def _arrival(self, depart: Instant) -> Instant:
        config = self.config
        at = depart + config.delay
        if config.jitter:
            at += config.jitter * self.rng.random()
        if config.in_order:
            at = self._last_arrival = max(at, self._last_arrival)
        return at

    def _by_chance(self, data: bytes, depart: Instant) -> list[tuple[Instant, bytes]]:
        # A chance of zero draws nothing, so switching one impairment on leaves the others' draws alone only
        # if it comes last: the order below is part of what a seed means.
        config, chance, counters = self.config, self.rng.random, self.counters
        if config.loss and chance() < config.loss:
            counters.lost += 1
            return []
        if config.burst is not None and self._lost_in_burst(config.burst):
            counters.lost += 1
            return []
        if config.corrupt and chance() < config.corrupt:
            counters.corrupted += 1
            data = corrupted(data, self.rng)
        at = self._arrival(depart)
        if config.reorder and chance() < config.reorder:
            counters.reordered += 1
            at += config.hold
        if config.duplicate and chance() < config.duplicate:
            counters.duplicated += 1
            return [(at, data), (self._arrival(depart), data)]
        return [(at, data)]

    def _lost_in_burst(self, burst: BurstLoss) -> bool:
        turn = self.rng.random() < (burst.leave_bad if self._bad else burst.enter_bad)
        self._bad = self._bad is not turn
        return self.rng.random() < (burst.loss_bad if self._bad else burst.loss_good)

    def _by_script(self, fate: Fate | bytes, data: bytes, depart: Instant) -> list[tuple[Instant, bytes]]:
        counters = self.counters
        at = self._arrival(depart)
        if isinstance(fate, bytes):
            return [(at, fate)]
        if fate is Fate.DROP:
            counters.lost += 1
            return []
        if fate is Fate.SWAP:
            counters.reordered += 1
            self._swapped = data
            return []
        if fate is Fate.HOLD:
            counters.reordered += 1
            return [(at + self.config.hold, data)]
        if fate is Fate.CORRUPT:
            counters.corrupted += 1
            return [(at, corrupted(data, self.rng))]
        counters.duplicated += 1
        return [(at, data), (at, data)]

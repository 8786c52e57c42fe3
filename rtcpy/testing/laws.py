"""The nine laws of `rtcpy.core.machine`, as executable checks for any machine: ours, or the reader's own.

A layer is described by a function that builds a *connection*: two ends in a simulator, the commands that start them,
and what "connected" means. Everything else follows: the connection is run once as the reference, then again with a
`Probe` around each end that does what the contract allows (drains twice, wakes early, scribbles over its inputs),
and the bytes on the wire must be the same.

>>> # def build(seed: int) -> Connection:
>>> #     a, b = MyLayer(SeededEntropy(f"{seed}/a")), MyLayer(SeededEntropy(f"{seed}/b"))
>>> #     sim = Pair(a, b, seed=seed)
>>> #     return Connection(sim, start=lambda: a.start(now=sim.now), connected=lambda: a.up and b.up)
>>> # check_machine(build)

A class that is made and commanded like one of ours needs no such function: `check_machine(MyIceAgent)` (see `conventions`).

Owns: `Connection`, `Probe`, `check_machine` and one function per law. Law 1's other half (no clock is even
importable) is read from the source by tests/architecture.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from rtcpy.core.machine import Datagram, Event, Instant, Machine
from rtcpy.sim import Simulation, corrupted

CONNECT_LIMIT = 60.0  # s of virtual time that a connection may take to come up on a good path
GROWTH_LIMIT = 2 * 1024 * 1024  # bytes a machine may grow under hostile input
STAGES = 4  # points of the set-up at which hostile bytes and `close` are tried


@dataclass(slots=True)
class Connection:
    """Two (or more) ends in a simulator and how to use them.

    Args:
        sim: the simulator with its ends in place and nothing started. For the laws it should have a path without
            chance of its own beyond what its seed decides.
        start: issues the commands that bring the ends up.
        connected: whether they are.
        exercise: uses the connection: sends something each way. Called once after connecting.
        exercised: whether everything that `exercise` sent has arrived.
        wrap: turns hostile bytes into what `receive` of end `i` takes, as if its peer had sent them.
        limit: seconds of virtual time for connecting.
        linger: seconds of virtual time to go on after the exercise, so that periodic timers fire.
    """

    sim: Simulation[Any]
    start: Callable[[], None]
    connected: Callable[[], bool]
    exercise: Callable[[], None] | None = None
    exercised: Callable[[], bool] | None = None
    wrap: Callable[[int, bytes], Any] | None = None
    limit: float = CONNECT_LIMIT
    linger: float = 20.0


Build = Callable[[int], Connection]


@dataclass(slots=True)
class Run:
    """What a connection did: packets as (time, end, what), and the events of each end in words."""

    packets: list[tuple[Instant, int, object]] = field(default_factory=list)
    events: list[list[str]] = field(default_factory=list)


class Probe:
    """A machine in front of a machine that uses every freedom the contract gives, and adds nothing of its own.

    Args:
        machine: the one under test.
        drains: drain packets and events twice, events first, and read `next_timeout` between (law 2).
        spurious: call `handle_timeout` after each input although nothing is due (law 4).
        scribble: hand inputs over in a buffer that is overwritten right after; empty the lists that the drains
            returned once their contents were copied (law 8).
    """

    def __init__(
        self,
        machine: Machine[Any, Any],
        *,
        drains: bool = False,
        spurious: bool = False,
        scribble: bool = False,
    ) -> None:
        self.machine = machine
        self._drains, self._spurious, self._scribble = drains, spurious, scribble
        self._events: list[Any] = []

    def receive(self, packet: Any, *, now: Instant) -> None:
        """Pass a packet on, in a buffer of our own if `scribble`."""
        if not self._scribble:
            self.machine.receive(packet, now=now)
        else:
            data = packet.data if isinstance(packet, Datagram) else packet
            buffer: Any = bytearray(data)
            lent = Datagram(buffer, packet.local, packet.remote) if isinstance(packet, Datagram) else buffer
            self.machine.receive(lent, now=now)
            buffer[:] = b"\xaa" * len(buffer)
        self._wake(now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Pass a timeout on."""
        self.machine.handle_timeout(now=now)
        self._wake(now)

    def _wake(self, now: Instant) -> None:
        if not self._spurious:
            return
        before = self.machine.next_timeout()
        if before is not None and before <= now:
            return  # not early
        self.machine.handle_timeout(now=now)
        after = self.machine.next_timeout()
        assert after == before, f"law 4: an early call at {now} moved the deadline from {before} to {after}"

    def next_timeout(self) -> Instant | None:
        """The machine's deadline; read twice, it must be the same."""
        deadline = self.machine.next_timeout()
        if self._drains:
            assert self.machine.next_timeout() == deadline, "law 2: next_timeout changed by being read"
        return deadline

    def take_packets(self) -> Sequence[Any]:
        """The machine's packets, drained the hard way if `drains`."""
        if self._drains:
            self.machine.next_timeout()
            self._events.extend(self.machine.take_events())
        taken = self.machine.take_packets()
        packets = list(taken)
        if self._scribble and isinstance(taken, list):
            taken.clear()
        if self._drains:
            assert not self.machine.take_packets(), "law 2: a second drain of packets found more"
        for packet in packets:
            data = packet.data if isinstance(packet, Datagram) else packet
            assert type(data) is bytes, (
                f"law 8: a packet is {type(data).__name__}, the caller wants bytes of its own"
            )
        return packets

    def take_events(self) -> Sequence[Any]:
        """The machine's events, drained the hard way if `drains`."""
        taken = self.machine.take_events()
        events = self._events + list(taken)
        self._events = []
        if self._scribble and isinstance(taken, list):
            taken.clear()
        if self._drains:
            assert not self.machine.take_events(), "law 2: a second drain of events found more"
        for event in events:
            assert isinstance(event, Event), f"{type(event).__name__} is no Event"
        return events

    def close(self, *, now: Instant) -> None:
        """Pass it on."""
        self.machine.close(now=now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.machine, name)


def check_machine(machine: Build | type[Any], *, seeds: int = 3, hostile: int = 300) -> None:
    """Put a machine through the nine laws.

    Args:
        machine: a function that makes a fresh connection for a seed, where equal seeds must give equal connections; or a
            class that follows one of the `conventions`.
        seeds: how many different connections are tried.
        hostile: how many hostile packets each stage of each connection gets.

    Raises:
        AssertionError: names the law.
        InvalidAccessError: a class that follows no convention.
    """
    build = _build(machine)
    for seed in range(seeds):
        with no_clocks():
            reference = run(build(seed))
            assert reference.packets, "the connection sent nothing: there is nothing to check"
            check_deterministic(build, seed, reference)
            check_drains(build, seed, reference)
            check_spurious(build, seed, reference)
            check_aliasing(build, seed, reference)
            check_closed(build, seed, reference)
        check_hostile(build, seed, reference, hostile)


def _build(machine: Build | type[Any]) -> Build:
    if not isinstance(machine, type):
        return machine
    from rtcpy.testing.conventions import connection_of  # it stands on this module, and knows the whole stack

    return connection_of(machine)


def run(connection: Connection, probe: Callable[[Machine[Any, Any]], Machine[Any, Any]] | None = None) -> Run:
    """Connect, exercise, linger; laws 1 and 3 are watched by the simulator. Returns what happened."""
    sim = connection.sim
    if probe is not None:
        sim.ends[:] = [probe(end) for end in sim.ends]
    connection.start()
    assert sim.drive(until=sim.now + connection.limit, stop=connection.connected), (
        f"not connected within {connection.limit} s"
    )
    if connection.exercise is not None:
        connection.exercise()
        if connection.exercised is not None:
            assert sim.drive(until=sim.now + connection.limit, stop=connection.exercised), (
                f"what was sent did not arrive within {connection.limit} s"
            )
    sim.drive(until=sim.now + connection.linger)
    return record(sim)


def record(sim: Simulation[Any]) -> Run:
    """What a simulation did so far, comparable by value."""
    assert sim.log is not None, "the laws compare logs: build the simulation with log=True"
    packets = [(at, end, plain(packet)) for at, end, packet in sim.log]
    return Run(packets, [[repr(event) for event in events] for events in sim.events])


def plain(packet: Any) -> object:
    """A packet as a value that compares by content."""
    return (packet.data, packet.local, packet.remote) if isinstance(packet, Datagram) else bytes(packet)


@contextmanager
def no_clocks() -> Iterator[None]:
    """Law 1: within this block, reading a clock or drawing from the system is an error."""

    def forbidden(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("law 1: a machine read a clock or drew from the system instead of being told")

    names = [
        "time.monotonic",
        "time.time",
        "time.perf_counter",
        "time.monotonic_ns",
        "time.time_ns",
        "os.urandom",
    ]
    patches = [mock.patch(name, forbidden) for name in names]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def same(law: str, found: Run, expected: Run) -> None:
    """Compare two runs and say where they first part."""
    for i, (a, b) in enumerate(zip(found.packets, expected.packets, strict=False)):
        assert a == b, f"{law}: packet {i} differs: {_short(a)}, expected {_short(b)}"
    assert len(found.packets) == len(expected.packets), (
        f"{law}: {len(found.packets)} packets, expected {len(expected.packets)}"
    )
    assert found.events == expected.events, f"{law}: the events differ"


def _short(packet: tuple[Instant, int, object]) -> str:
    what = packet[2][0] if isinstance(packet[2], tuple) else packet[2]
    assert isinstance(what, bytes)
    return f"{packet[0]:.4f} s, end {packet[1]}, {len(what)} bytes {what[:40].hex()}"


def check_deterministic(build: Build, seed: int, reference: Run) -> None:
    """Law 6: the same seed gives the same bytes and events."""
    same("law 6 (deterministic)", run(build(seed)), reference)


def check_drains(build: Build, seed: int, reference: Run) -> None:
    """Law 2: number and order of drains change nothing."""
    same("law 2 (drains do no work)", run(build(seed), lambda end: Probe(end, drains=True)), reference)


def check_spurious(build: Build, seed: int, reference: Run) -> None:
    """Law 4: wake-ups before anything is due change nothing."""
    same("law 4 (early wake-ups)", run(build(seed), lambda end: Probe(end, spurious=True)), reference)


def check_aliasing(build: Build, seed: int, reference: Run) -> None:
    """Law 8: what is kept is copied, what is given is owned by the caller."""
    same("law 8 (no aliasing)", run(build(seed), lambda end: Probe(end, scribble=True)), reference)


def check_closed(build: Build, seed: int, reference: Run) -> None:
    """Law 7: after `close` at any stage there are no deadlines, and nothing in makes anything come out."""
    last = reference.packets[-1][0]
    for stage in range(STAGES):
        connection = build(seed)
        sim = connection.sim
        if stage:
            connection.start()
            sim.drive(until=last * (stage / (STAGES - 1)) ** 3)
        for i, end in enumerate(sim.ends):
            end.close(now=sim.now)
            end.take_packets(), end.take_events()
            assert end.next_timeout() is None, f"law 7: end {i} closed in stage {stage} has a deadline"
            end.close(now=sim.now)
            for _, sender, packet in sim.log or []:
                if sender != i:
                    end.receive(_delivered(packet), now=sim.now)
            end.handle_timeout(now=sim.now + 3600.0)
            left = [*end.take_packets(), *end.take_events()]
            assert not left, f"law 7: end {i}, closed in stage {stage}, still produced {left[0]!r}"
            assert end.next_timeout() is None, f"law 7: end {i} closed in stage {stage} has a deadline again"


def _delivered(packet: Any) -> Any:
    if isinstance(packet, Datagram):
        return Datagram(packet.data, packet.remote, packet.local)
    return packet


def check_hostile(build: Build, seed: int, reference: Run, count: int) -> None:
    """Laws 5, 3 and 9: hostile bytes at every stage raise nothing, time moves on, memory stays bounded."""
    rng = random.Random(f"hostile/{seed}")
    last = reference.packets[-1][0]
    seeds = [(end, what[0] if isinstance(what, tuple) else what) for _, end, what in reference.packets]
    for stage in range(STAGES):
        connection = build(seed)
        sim = connection.sim
        if stage:
            connection.start()
            sim.drive(until=last * (stage / (STAGES - 1)) ** 3)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for index in range(count):
                end, base = rng.choice(seeds)
                assert isinstance(base, bytes)
                to = (end + 1) % len(sim.ends)
                data = hostile_bytes(base, rng)
                target = sim.ends[to]
                try:
                    target.receive(_wrap(connection, to, data), now=sim.now)
                except Exception as error:
                    raise AssertionError(
                        f"law 5: end {to} raised {error!r} at stage {stage}, seed {seed}, index {index}: {data.hex()}"
                    ) from error
                target.take_packets(), target.take_events()
                deadline = target.next_timeout()
                if deadline is not None and deadline <= sim.now:
                    target.handle_timeout(now=sim.now)
                    deadline = target.next_timeout()
                    assert deadline is None or deadline > sim.now, (
                        f"law 3: end {to} after hostile input {data.hex()}"
                    )
                    target.take_packets(), target.take_events()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown <= GROWTH_LIMIT, (
            f"law 9: {count} hostile packets left {grown} bytes behind at stage {stage}"
        )


def hostile_bytes(base: bytes, rng: random.Random) -> bytes:
    """Something near `base`: corrupted, cut, doubled, extended, or plain noise with its first byte."""
    kind = rng.randrange(6)
    if kind == 0:
        return corrupted(base, rng)
    if kind == 1:
        return base[: rng.randrange(len(base) + 1)]
    if kind == 2:
        return base[:1] + rng.randbytes(rng.randrange(100))
    if kind == 3:
        return base + rng.randbytes(rng.randrange(1, 20))
    if kind == 4 and len(base) >= 4:
        at = rng.randrange(len(base) - 3)
        size = rng.choice((1, 2, 4))
        return base[:at] + rng.choice((b"\x00", b"\xff")) * size + base[at + size :]
    return base


def _wrap(connection: Connection, to: int, data: bytes) -> Any:
    return data if connection.wrap is None else connection.wrap(to, data)

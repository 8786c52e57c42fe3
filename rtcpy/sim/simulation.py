"""Virtual time: the loop that moves packets and fires timers, with no clock but its own.

Owns: the order of things, the bound on how much may happen at one instant, and the check of law 3 of
`rtcpy.core.machine` after each timeout. Does not own: what becomes of a packet on its way (`link`), who is behind
which address (`network`), or two ends on one cable (`pair`).

At equal instants: scripted actions, then packets in the order in which they were sent, then timers, end 0 first.
Nothing else breaks ties, so a seeded run repeats byte for byte (law 6).

A simulation here cannot hang: more than `STEPS_PER_INSTANT` steps without time moving is reported as a livelock,
which is the fault that a test of a protocol most wants to see and a real network hides as heat.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Generic, TypeVar

from rtcpy.core.machine import Event, Instant, Machine

P = TypeVar("P")

STEPS_PER_INSTANT = 20_000
"""Steps at one and the same instant before a run is called a livelock: a full SCTP window of small packets with
their answers stays far below it."""


class LivelockError(AssertionError):
    """Much happened and time did not move: two ends answer each other for ever, or a timer fires in place."""


class LawViolationError(AssertionError):
    """A machine broke a law of `rtcpy.core.machine` in front of the simulator."""


class Simulation(Generic[P]):
    """Machines in virtual time. Subclasses say how a packet travels: they implement `_dispatch` and `_deliver`.

    Attributes:
        now: the virtual time in seconds.
        ends: the machines, in the order that breaks ties.
        events: for each end, what it reported so far.
        on_event: called with (end, event, now) for each event as it appears: the application's place. It may
            call commands of any end.
        log: for each packet that left an end: (time, end, packet). `None` switches it off.
        steps: how many packets were delivered and timers fired.
    """

    def __init__(self, ends: Sequence[Machine[P, Any]] = (), *, log: bool = True) -> None:
        self.now: Instant = 0.0
        self.ends: list[Machine[P, Any]] = list(ends)
        self.events: list[list[Any]] = [[] for _ in self.ends]
        self.on_event: Callable[[int, Any, Instant], None] | None = None
        self.log: list[tuple[Instant, int, P]] | None = [] if log else None
        self.steps = 0
        self._order = 0
        self._deadlines: list[Instant] = [inf] * len(self.ends)
        self._wire: list[tuple[Instant, int, int, P]] = []
        self._actions: list[tuple[Instant, int, Callable[[], None]]] = []

    # For subclasses

    def _dispatch(self, end: int, packet: P) -> None:
        """Put a packet that `end` has sent on its way with `_travel`, or lose it."""
        raise LawViolationError("a simulation without a path; use Pair or Network")

    def _deliver(self, end: int, packet: P) -> int:
        """Hand an arrived packet to whom it reaches now; return the end that took it, or −1 for nobody."""
        self.ends[end].receive(packet, now=self.now)
        return end

    def _travel(self, arrival: Instant, to: int, packet: P) -> None:
        """Let `packet` arrive at `arrival`."""
        self._order += 1
        heapq.heappush(self._wire, (arrival, self._order, to, packet))

    def _add_end(self, machine: Machine[P, Any]) -> int:
        self.ends.append(machine)
        self.events.append([])
        self._deadlines.append(inf)
        return len(self.ends) - 1

    # Commands

    def at(self, time: Instant, action: Callable[[], None]) -> None:
        """Run `action` at virtual `time`: a send of the application, a cable pulled. It may command any end."""
        self._order += 1
        heapq.heappush(self._actions, (max(time, self.now), self._order, action))

    def settle(self) -> None:
        """Take what all ends have to send and to report, without moving time. `drive` does so by itself."""
        for _ in range(STEPS_PER_INSTANT):
            if not sum(self._drain(end) for end in range(len(self.ends))):  # all of them, each time
                return
        raise LivelockError(f"at {self.now:.6f} s the ends never stop producing packets or events")

    def next_instant(self) -> Instant:
        """When the next thing happens; infinity if nothing ever will by itself. Settles first."""
        self.settle()
        wire = self._wire[0][0] if self._wire else inf
        action = self._actions[0][0] if self._actions else inf
        return max(self.now, min(wire, action, *self._deadlines))

    def step(self) -> bool:
        """Do the next thing, whatever it is: an action, one packet, or one timer. False when there is none."""
        self.settle()
        return self._step(inf)

    def drive(self, *, until: Instant, stop: Callable[[], bool] | None = None) -> bool:
        """Run until virtual time `until` (in seconds), or until `stop` answers True after a step.

        Returns:
            True if `stop` ended the run, False if time did (then `now` is `until`).

        Raises:
            LivelockError: too much happened at one instant.
            LawViolationError: a due timeout made no progress (law 3).
        """
        self.settle()
        if stop is not None and stop():
            return True
        instant, here = self.now, 0
        while self._step(until):
            if stop is not None and stop():
                return True
            if self.now != instant:
                instant, here = self.now, 0
            else:
                here += 1
                if here > STEPS_PER_INSTANT:
                    raise LivelockError(f"{here} steps at {instant:.6f} s without time moving")
        if until != inf:
            self.now = max(self.now, until)
        return False

    # The loop

    def _step(self, until: Instant) -> bool:
        wire, deadlines = self._wire, self._deadlines
        timer = min(deadlines) if deadlines else inf
        if self._actions:
            due = self._actions[0][0]
            if due <= until and due <= timer and not (wire and wire[0][0] < due):
                self.now = max(self.now, due)
                heapq.heappop(self._actions)[2]()
                self.settle()
                return True
        if wire and wire[0][0] <= timer:
            if wire[0][0] > until:
                return False
            arrival, _, to, packet = heapq.heappop(wire)
            self.now = max(self.now, arrival)
            self.steps += 1
            touched = self._deliver(to, packet)
        else:
            if timer > until or timer == inf:
                return False
            self.now = max(self.now, timer)
            self.steps += 1
            touched = deadlines.index(timer)
            end = self.ends[touched]
            end.handle_timeout(now=self.now)
            after = end.next_timeout()
            if after is not None and after <= self.now:
                raise LawViolationError(
                    f"law 3: end {touched} ({type(end).__name__}) was due at {timer:.6f} s, was called at "
                    f"{self.now:.6f} s, and now wants {after:.6f} s"
                )
        if touched >= 0 and self._drain(touched) and self.on_event is not None:
            self.settle()
        return True

    def _drain(self, end: int) -> bool:
        machine = self.ends[end]
        packets, events = machine.take_packets(), machine.take_events()
        if packets:
            if self.log is not None:
                now = self.now
                self.log.extend([(now, end, packet) for packet in packets])
            for packet in packets:
                self._dispatch(end, packet)
        if events:
            self.events[end].extend(events)
            if self.on_event is not None:
                for event in events:
                    self.on_event(end, event, self.now)
        deadline = machine.next_timeout()
        self._deadlines[end] = inf if deadline is None else deadline
        return bool(packets) or bool(events)

    def events_of(self, end: int, kind: type[E]) -> list[E]:
        """What `end` reported so far of type `kind`, in order."""
        return [event for event in self.events[end] if isinstance(event, kind)]


E = TypeVar("E", bound=Event)

"""Virtual time: the order of equal instants, bounded runs, the watch over law 3."""

from __future__ import annotations

import pytest

from rtcpy.core.machine import Event, Instant
from rtcpy.sim import Fate, LawViolationError, LinkConfig, LivelockError, Pair
from tests.testing.knock import Delivered, GaveUp, connection


class Note(Event):
    """Something happened, in words."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Scripted:
    """Notes what it is called with; sends and wakes as told."""

    def __init__(self, journal: list[str], name: str) -> None:
        self.journal, self.name = journal, name
        self.out: list[bytes] = []
        self.deadlines: list[Instant] = []
        self.events: list[Event] = []

    def receive(self, packet: bytes, *, now: Instant) -> None:
        self.journal.append(f"{now:g} {self.name} got {packet.decode()}")
        self.events.append(Note(packet.decode()))

    def handle_timeout(self, *, now: Instant) -> None:
        self.journal.append(f"{now:g} {self.name} woke")
        self.deadlines = [t for t in self.deadlines if t > now]

    def next_timeout(self) -> Instant | None:
        return min(self.deadlines, default=None)

    def take_packets(self) -> list[bytes]:
        out, self.out = self.out, []
        return out

    def take_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def close(self, *, now: Instant) -> None:
        self.deadlines = []


def scripted() -> tuple[Pair, Scripted, Scripted, list[str]]:
    journal: list[str] = []
    a, b = Scripted(journal, "a"), Scripted(journal, "b")
    return Pair(a, b, link=LinkConfig(delay=1.0)), a, b, journal


def test_equal_instants_actions_then_packets_as_sent_then_timers_end_0_first() -> None:
    sim, a, b, journal = scripted()
    a.deadlines, b.deadlines = [1.0], [1.0]
    b.out = [b"3"]
    a.out = [b"1", b"2"]
    sim.at(1.0, lambda: journal.append("1 action"))
    sim.drive(until=2.0)
    assert journal == ["1 action", "1 b got 1", "1 b got 2", "1 a got 3", "1 a woke", "1 b woke"]


def test_time_stops_where_it_is_told_and_goes_on() -> None:
    sim, a, _, journal = scripted()
    a.out = [b"x"]
    a.deadlines = [0.5, 3.0]
    assert not sim.drive(until=0.9)
    assert sim.now == 0.9 and journal == ["0.5 a woke"]
    assert sim.next_instant() == 1.0
    sim.drive(until=1.0)
    assert journal[1:] == ["1 b got x"]
    sim.drive(until=10.0)
    assert sim.now == 10.0 and journal[2:] == ["3 a woke"]


def test_a_condition_ends_a_run_at_its_instant() -> None:
    sim, a, _, _ = scripted()
    a.out = [b"x"]
    assert sim.drive(until=50.0, stop=lambda: bool(sim.events[1]))
    assert sim.now == 1.0
    assert sim.drive(until=50.0, stop=lambda: True) and sim.now == 1.0


def test_single_steps_see_the_same_as_a_run() -> None:
    running, parts = connection(3), connection(3)
    running.start()
    running.sim.drive(until=30.0)
    parts.start()
    while parts.sim.next_instant() <= 30.0 and parts.sim.step():
        pass
    assert running.sim.log == parts.sim.log and running.sim.steps == parts.sim.steps > 0


def test_a_machine_that_is_due_for_ever_is_reported() -> None:
    sim, a, _, _ = scripted()
    a.deadlines = [1.0]
    a.handle_timeout = lambda *, now: None  # type: ignore[method-assign]
    with pytest.raises(LawViolationError, match=r"law 3: end 0 \(Scripted\) was due at 1\.0"):
        sim.drive(until=5.0)


class Echo(Scripted):
    def receive(self, packet: bytes, *, now: Instant) -> None:
        self.out.append(packet)


def test_two_ends_that_answer_each_other_at_once_are_a_livelock() -> None:
    sim = Pair(Echo([], "a"), Echo([], "b"), link=LinkConfig(delay=0.0))
    sim.inject(0, b"ping")
    with pytest.raises(LivelockError, match="without time moving"):
        sim.drive(until=1.0)


def test_an_end_that_never_stops_producing_is_a_livelock() -> None:
    sim, a, _, _ = scripted()
    a.take_packets = lambda: [b"more"]  # type: ignore[method-assign]
    with pytest.raises(LivelockError, match="never stop"):
        sim.settle()


def test_the_application_may_answer_inside_the_run() -> None:
    sim, a, b, journal = scripted()

    def answer(end: int, event: Event, now: Instant) -> None:
        assert isinstance(event, Note)
        if end == 1 and event.text == "ping":
            b.out.append(b"pong")

    sim.on_event = answer
    a.out = [b"ping"]
    sim.drive(until=5.0)
    assert journal == ["1 b got ping", "2 a got pong"]


def test_injected_packets_arrive_and_are_not_in_the_log() -> None:
    sim, _, _, journal = scripted()
    sim.inject(1, b"forged", at=0.25)
    sim.drive(until=1.0)
    assert journal == ["0.25 b got forged"] and sim.log == []


def test_an_outage_cuts_both_ways_and_spares_what_is_under_way() -> None:
    sim, a, b, journal = scripted()
    sim.outage(0.5, 1.0)
    a.out = [b"1"]
    sim.drive(until=0.5)
    a.out, b.out = [b"2"], [b"3"]
    sim.drive(until=1.5)
    a.out = [b"4"]
    sim.drive(until=9.0)
    assert journal == ["1 b got 1", "2.5 b got 4"]


def test_a_lossy_cable_is_survived_and_repeats() -> None:
    logs = []
    for seed in (5, 5, 6):
        run = connection(seed, link=LinkConfig(loss=0.3, duplicate=0.1, reorder=0.2, jitter=0.01))
        run.start()
        assert run.sim.drive(until=60.0, stop=run.connected)
        logs.append(run.sim.log)
    assert logs[0] == logs[1] != logs[2]


def test_events_are_kept_by_end_and_found_by_kind() -> None:
    run = connection(1, link=LinkConfig())
    sim = run.sim
    assert isinstance(sim, Pair)
    run.start()
    sim.drive(until=0.05)
    sim.links[0].up = sim.links[1].up = False
    sim.ends[0].send(b"lost", now=sim.now)  # type: ignore[attr-defined]
    sim.drive(until=60.0)
    assert [e.text for e in sim.events_of(1, Delivered)] == [b"hello"]
    assert [e.text for e in sim.events_of(0, GaveUp)] == [b"lost"]


def test_scripts_reach_single_packets() -> None:
    run = connection(1, link=LinkConfig())
    assert isinstance(run.sim, Pair)
    run.sim.links[0].decide({0: Fate.DROP})
    run.start()
    assert run.sim.drive(until=60.0, stop=run.connected)
    assert run.sim.now == pytest.approx(0.5 + 0.02)  # the first retransmission made it

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rtcpy.aio.driver import PUMP_ROUNDS_MAX, REARMS_MAX, TIMER_STEP_MIN, Driver
from rtcpy.core.machine import Event
from tests.aio.echo import BatchEcho, Echo, Heard, Woken

pytestmark = pytest.mark.sockets


class Log:
    """What the listener saw; `await log.until(predicate)` waits for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    @property
    def heard(self) -> list[bytes]:
        return [event.data for event in self.events if isinstance(event, Heard)]

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not predicate():
                self._changed.clear()
                await self._changed.wait()


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


def test_question_and_answer_over_loopback() -> None:
    async def test() -> None:
        machines = Echo(), Echo()
        logs = Log(), Log()
        drivers = [Driver(m, log) for m, log in zip(machines, logs, strict=True)]
        a, b = (driver.bind("127.0.0.1") for driver in drivers)
        machines[0].say(b"?ping", a, b)
        drivers[0].touch()
        await logs[0].until(lambda: logs[0].heard == [b"!ping"])
        assert logs[1].heard == [b"?ping"]
        for driver in drivers:
            driver.close()

    run(test)


def test_everything_said_in_one_turn_leaves_in_one_batch() -> None:
    async def test() -> None:
        machine, log = BatchEcho(), Log()
        sender = Echo()
        driver, other = Driver(machine, log), Driver(sender, Log())
        local, remote = other.bind("127.0.0.1"), driver.bind("127.0.0.1")
        for turn in (1, 2):
            for i in range(20):
                sender.say(bytes([i]) * 100, local, remote)
                other.touch()
            assert other.sockets[0].counters.writes == turn - 1  # nothing leaves inside the command
            await log.until(lambda turn=turn: len(log.heard) == 20 * turn)
            if other.sockets[0].segmentation:
                assert other.sockets[0].counters.writes == turn
        if other.sockets[0].segmentation:
            assert machine.batches[-1] == 20  # the first time, a socket expects lone datagrams
        driver.close()
        other.close()

    run(test)


def test_events_never_reach_the_listener_inside_a_command() -> None:
    async def test() -> None:
        machine, log = Echo(), Log()
        driver = Driver(machine, log)
        machine.report(Woken(1.0))
        driver.touch()
        assert log.events == []
        await log.until(lambda: log.events == [Woken(1.0)])
        driver.close()

    run(test)


def test_a_listener_may_give_commands_and_pump() -> None:
    async def test() -> None:
        machine = Echo()
        seen: list[Event] = []

        def listener(event: Event) -> None:
            seen.append(event)
            if len(seen) < 5:
                machine.report(Woken(float(len(seen))))
                driver.pump()  # must not recurse
                driver.touch()

        driver = Driver(machine, listener)
        machine.report(Woken(0.0))
        driver.pump()
        assert seen == [Woken(float(i)) for i in range(5)]
        driver.close()

    run(test)


def test_a_listener_that_never_stops_talking_does_not_starve_the_loop() -> None:
    async def test() -> None:
        machine, count, stop = Echo(), 0, asyncio.Event()

        def listener(event: Event) -> None:
            nonlocal count
            count += 1
            if not stop.is_set():
                machine.report(event)
                driver.touch()

        driver = Driver(machine, listener)
        machine.report(Woken(0.0))
        driver.pump()
        assert count == PUMP_ROUNDS_MAX  # gave the loop back, and goes on in the next turn
        asyncio.get_running_loop().call_soon(stop.set)
        async with asyncio.timeout(20):
            await stop.wait()
        assert count >= PUMP_ROUNDS_MAX
        driver.close()

    run(test)


def test_a_raising_listener_is_reported_and_the_next_event_delivered() -> None:
    async def test() -> None:
        machine, seen, reports = Echo(), [], []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))

        def listener(event: Event) -> None:
            seen.append(event)
            if len(seen) == 1:
                raise RuntimeError("planted")

        driver = Driver(machine, listener)
        machine.report(Woken(1.0))
        machine.report(Woken(2.0))
        driver.pump()
        assert seen == [Woken(1.0), Woken(2.0)]
        assert [str(r["exception"]) for r in reports] == ["planted"]
        driver.close()

    run(test)


def test_a_machine_that_raises_does_not_deafen_its_socket() -> None:
    async def test() -> None:
        machine, log, reports = Echo(), Log(), []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
        sender = Echo()
        driver, other = Driver(machine, log), Driver(sender, Log())
        local, remote = other.bind("127.0.0.1"), driver.bind("127.0.0.1")
        for data in (b"before", b"raise", b"after"):
            sender.say(data, local, remote)
        other.touch()
        await log.until(lambda: b"after" in log.heard)
        assert log.heard == [b"before", b"after"]
        assert [str(r["exception"]) for r in reports] == ["planted"]
        driver.close()
        other.close()

    run(test)


def test_a_deadline_wakes_the_machine_no_earlier_than_promised() -> None:
    async def test() -> None:
        machine, log = Echo(), Log()
        driver = Driver(machine, log)
        deadline = machine.deadline = driver.now() + 0.02
        driver.touch()
        await log.until(lambda: bool(log.events))
        assert machine.timeouts and machine.timeouts[0] >= deadline
        driver.close()

    run(test)


class FakeLoop:
    """Counts what the driver asks of a loop; time stands still unless told."""

    def __init__(self) -> None:
        self.time_now = 100.0
        self.handles: list[FakeHandle] = []

    def time(self) -> float:
        return self.time_now

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeHandle:
        handle = FakeHandle(when, callback)
        self.handles.append(handle)
        return handle

    def call_soon(self, callback: Callable[[], None]) -> FakeHandle:
        return self.call_at(0.0, callback)


class FakeHandle:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when, self.callback, self.cancelled = when, callback, False

    def cancel(self) -> None:
        self.cancelled = True


def fake_driver(machine: Echo, monkeypatch: pytest.MonkeyPatch) -> tuple[Driver[Event], FakeLoop]:
    loop = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return Driver(machine, lambda _event: None), loop


def test_an_earlier_deadline_is_armed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    for deadline in (101.0, 100.5):
        machine.deadline = deadline
        driver.pump()
        driver.pump()
    assert [(h.when, h.cancelled) for h in loop.handles] == [(101.0, True), (100.5, False)]


def test_later_deadlines_are_followed_a_few_times_then_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    for i in range(1000):
        machine.deadline = 101.0 + 2**i if i < 2 * REARMS_MAX else 1100.0 + 2 ** (2 * REARMS_MAX)
        driver.pump()
    assert len(loop.handles) == 1 + REARMS_MAX
    assert [h.cancelled for h in loop.handles] == [True] * REARMS_MAX + [False]
    loop.time_now = loop.handles[-1].when
    loop.handles[-1].callback()  # for nothing, but the real deadline is armed now, and will be followed again
    assert machine.timeouts == []
    assert loop.handles[-1].when == 1100.0 + 2 ** (2 * REARMS_MAX)
    machine.deadline = 1e6
    driver.pump()
    assert loop.handles[-1].when == 1e6


def test_deadlines_that_creep_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retransmission timer that starts anew with every packet: one handle, which finds the real deadline."""
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    for i in range(20):
        loop.time_now = 100.0 + i / 1000
        driver._now = loop.time_now
        machine.deadline = loop.time_now + 0.25
        driver.pump()
    assert [(h.when, h.cancelled) for h in loop.handles] == [(100.25, False)]
    loop.time_now = 100.25
    loop.handles[-1].callback()
    assert machine.timeouts == []
    assert loop.handles[-1].when == 100.019 + 0.25


def test_a_wake_up_that_came_for_nothing_arms_the_real_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    machine.deadline = 101.0
    driver.pump()
    machine.deadline = 105.0  # moved without a pump
    loop.time_now = 101.0
    loop.handles[0].callback()
    assert machine.timeouts == []
    assert [h.when for h in loop.handles] == [101.0, 105.0]


def test_an_early_wake_up_counts_as_the_promised_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    machine.deadline = 101.0
    driver.pump()
    loop.time_now = 100.9999  # loops round to the resolution of their clock
    loop.handles[0].callback()
    assert machine.timeouts == [101.0]
    assert driver.now() == 101.0  # and time does not go back afterwards (law 1)
    assert len(loop.handles) == 1


def test_a_machine_that_breaks_law_3_cannot_spin_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    machine.stuck = True
    driver, loop = fake_driver(machine, monkeypatch)
    machine.deadline = 100.0
    driver.pump()
    for _ in range(3):
        loop.handles[-1].callback()
    steps = [b.when - a.when for a, b in zip(loop.handles, loop.handles[1:], strict=False)]
    assert all(step >= TIMER_STEP_MIN * 0.99 for step in steps)


def test_packets_go_to_the_socket_they_name_in_order() -> None:
    async def test() -> None:
        machine, log = Echo(), Log()
        driver = Driver(Echo(), Log())
        other = Driver(machine, log)
        target = other.bind("127.0.0.1")
        sender = driver._machine
        assert isinstance(sender, Echo)
        one, two = driver.bind("127.0.0.1"), driver.bind("127.0.0.1")
        for i, local in enumerate([one, one, two, one, two, two]):
            sender.say(bytes([i]), local, target)
        sender.say(b"nowhere", target, target)  # names a socket that this driver does not have: dropped
        driver.touch()
        await log.until(lambda: len(log.heard) == 6)
        assert [d.data[0] for d in machine.received if d.remote == one] == [0, 1, 3]
        assert [d.data[0] for d in machine.received if d.remote == two] == [2, 4, 5]
        driver.unbind(two)
        driver.unbind(two)
        assert [s.address for s in driver.sockets] == [one]
        driver.close()
        other.close()

    run(test)


def test_closing_sends_the_farewell_closes_sockets_and_is_idempotent() -> None:
    class Polite(Echo):
        def close(self, *, now: float) -> None:
            super().close(now=now)
            if self.closed == 1:
                self.say(b"bye", local, remote)

    async def test() -> None:
        nonlocal local, remote
        log = Log()
        other = Driver(Echo(), log)
        machine = Polite()
        driver = Driver(machine, Log())
        local, remote = driver.bind("127.0.0.1"), other.bind("127.0.0.1")
        machine.deadline = driver.now() + 1000
        driver.pump()
        driver.close()
        driver.close()
        driver.touch()
        assert driver.sockets == ()
        assert machine.closed == 1
        await log.until(lambda: log.heard == [b"bye"])
        other.close()
        loop = asyncio.get_running_loop()
        assert not [h for h in loop._scheduled if not h.cancelled()]  # type: ignore[attr-defined]

    local = remote = None  # type: ignore[assignment]
    run(test)

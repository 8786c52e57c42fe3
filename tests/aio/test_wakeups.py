"""The shared grid, on a loop whose time is told."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.aio.driver import COALESCE_AFTER
from rtcpy.aio.wakeups import GRID, SharedWakeups, on_grid, shared_wakeups
from tests.aio.echo import Echo
from tests.aio.test_driver import FakeLoop, fake_driver


class Loop(FakeLoop):
    """`FakeLoop` that keeps what its callbacks raised."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[dict[str, Any]] = []

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.reports.append(context)


def grid() -> tuple[SharedWakeups, Loop]:
    loop = Loop()
    return SharedWakeups(loop), loop  # type: ignore[arg-type]


@given(st.floats(0, 1e7))
def test_the_grid_is_never_early_and_never_a_step_late(instant: float) -> None:
    at = on_grid(instant)
    assert instant - 1e-6 <= at <= instant + GRID + 1e-6
    assert on_grid(at) in (at, on_grid(at + GRID / 2))


def test_all_who_wait_for_one_instant_share_a_timer_and_are_called_in_order() -> None:
    shared, loop = grid()
    called: list[int] = []
    for i in range(50):
        shared.call_at(101.0, lambda i=i: called.append(i))  # type: ignore[misc]
    shared.call_at(102.0, lambda: called.append(-1))
    assert [handle.when for handle in loop.handles] == [101.0, 102.0]
    loop.handles[0].callback()
    assert called == list(range(50))
    loop.handles[1].callback()
    assert called[-1] == -1


def test_the_timer_goes_with_the_last_who_cancels() -> None:
    shared, loop = grid()
    called: list[str] = []
    one = shared.call_at(101.0, lambda: called.append("one"))
    two = shared.call_at(101.0, lambda: called.append("two"))
    one.cancel()
    one.cancel()
    assert not loop.handles[0].cancelled
    two.cancel()
    assert loop.handles[0].cancelled
    shared.call_at(101.0, lambda: called.append("three"))  # a new slot, not the dead one
    assert len(loop.handles) == 2
    two.cancel()
    assert not loop.handles[1].cancelled
    loop.handles[1].callback()
    assert called == ["three"]


def test_a_call_may_cancel_another_that_is_still_to_come_and_wait_again() -> None:
    shared, loop = grid()
    called: list[str] = []
    waiting = {}

    def first() -> None:
        called.append("first")
        waiting["second"].cancel()
        waiting["first"].cancel()  # itself, too late
        shared.call_at(101.0, lambda: called.append("again"))

    waiting["first"] = shared.call_at(101.0, first)
    waiting["second"] = shared.call_at(101.0, lambda: called.append("second"))
    loop.handles[0].callback()
    assert called == ["first"]
    loop.handles[1].callback()
    assert called == ["first", "again"]


def test_one_that_raises_does_not_silence_the_next() -> None:
    shared, loop = grid()
    called: list[str] = []

    def wrong() -> None:
        raise ValueError("mine")

    shared.call_at(101.0, wrong)
    shared.call_at(101.0, lambda: called.append("next"))
    loop.handles[0].callback()
    assert called == ["next"]
    assert [str(report["exception"]) for report in loop.reports] == ["mine"]


@pytest.mark.sockets
def test_one_grid_for_each_loop_and_none_outlives_its_loop() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def use() -> SharedWakeups:
        loop = asyncio.get_running_loop()
        loops.append(weakref.ref(loop))
        shared = shared_wakeups(loop)
        shared.call_at(on_grid(loop.time() + 100), lambda: None)  # still pending when the loop is closed
        assert shared_wakeups(loop) is shared
        return shared

    assert asyncio.run(use()) is not asyncio.run(use())
    gc.collect()
    assert [loop() for loop in loops] == [None, None]


def test_drivers_of_one_loop_meet_on_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = [Echo() for _ in range(10)]
    first, loop = fake_driver(machines[0], monkeypatch)
    drivers = [first, *(type(first)(machine, lambda _event: None) for machine in machines[1:])]
    for i, (machine, driver) in enumerate(zip(machines, drivers, strict=True)):
        machine.deadline = 104.01 + i / 100
        driver.pump()
    assert [(handle.when, handle.cancelled) for handle in loop.handles] == [(on_grid(104.1), False)]
    loop.time_now = loop.handles[0].when
    loop.handles[0].callback()
    assert [machine.timeouts for machine in machines] == [[loop.time_now]] * 10


@pytest.mark.parametrize("pump_at", [100.0, 103.0, 103.9, 104.1])
def test_what_was_planned_on_the_grid_stays_there_when_it_comes_near(
    monkeypatch: pytest.MonkeyPatch, pump_at: float
) -> None:
    """A packet that arrives a moment before the deadline used to move the wake-up off the grid."""
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    machine.deadline = 104.05
    driver.pump()
    loop.time_now = pump_at
    driver.now()
    driver.pump()
    machine.deadline = 104.15  # a little later, and still before the wake-up
    driver.pump()
    assert [(handle.when, handle.cancelled) for handle in loop.handles] == [(on_grid(104.05), False)]


def test_what_comes_near_and_earlier_than_planned_is_met_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Echo()
    driver, loop = fake_driver(machine, monkeypatch)
    machine.deadline = 104.05
    driver.pump()
    loop.time_now = 104.05 - COALESCE_AFTER
    driver.now()
    machine.deadline = 104.01
    driver.pump()
    assert [(handle.when, handle.cancelled) for handle in loop.handles] == [
        (on_grid(104.05), True),
        (104.01, False),
    ]


def test_closing_a_driver_leaves_the_others_their_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Echo(), Echo()
    driver, loop = fake_driver(one, monkeypatch)
    other = type(driver)(two, lambda _event: None)
    call: Callable[[], None]
    for machine, each in ((one, driver), (two, other)):
        machine.deadline = 105.0
        each.pump()
    driver.close()
    call, loop.time_now = loop.handles[0].callback, 105.0
    call()
    assert (one.timeouts, two.timeouts) == ([], [105.0])

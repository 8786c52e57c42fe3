from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from rtcpy.aio.emitter import Emitter


class Bell(Emitter):
    EVENTS: ClassVar[frozenset[str]] = frozenset({"ring", "error"})


class Clapper(Emitter):
    """Reports to a bell, as a data channel reports to its connection."""

    EVENTS: ClassVar[frozenset[str]] = frozenset({"strike"})

    def __init__(self, bell: Bell) -> None:
        super().__init__()
        self._bell = bell

    def _error_sink(self) -> Emitter:
        return self._bell


pytestmark = pytest.mark.sockets  # asyncio's own loop needs a pair


def test_a_handler_is_not_assigned_as_in_javascript() -> None:
    bell = Bell()
    with pytest.raises(
        AttributeError, match=r"Bell has no onring; a listener is added with \.on\('ring', …\)"
    ):
        bell.onring = print
    with pytest.raises(AttributeError, match="Bell has no onring"):
        _ = bell.onring
    assert not hasattr(bell, "onring") and not hasattr(Clapper(bell), "onring")
    bell.onward = 1  # no event of that name: anybody's attribute


def run(test: Callable[[list[dict[str, Any]]], Any]) -> None:
    async def with_reports() -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
        async with asyncio.timeout(20):
            await test(reports)

    asyncio.run(with_reports())


def test_listeners_may_be_functions_coroutines_or_decorated_and_are_called_in_order() -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell, heard, done = Bell(), [], asyncio.Event()
        bell.on("ring", lambda *args: heard.append(("lambda", args)))

        @bell.on("ring")
        async def _(*args: object) -> None:
            await asyncio.sleep(0)
            heard.append(("coroutine", args))
            done.set()

        @bell.once("ring")
        def _(*args: object) -> None:
            heard.append(("once", args))

        bell.emit("ring", 1)
        assert heard == [("lambda", (1,)), ("once", (1,))]
        await done.wait()
        assert heard[-1] == ("coroutine", (1,))
        bell.emit("ring", 2)
        assert heard[-1] == ("lambda", (2,))
        assert reports == []

    run(test)


def test_a_misspelt_event_is_refused_with_the_right_names() -> None:
    with pytest.raises(ValueError, match="no event 'rign'; it has error, ring"):
        Bell().on("rign", print)
    with pytest.raises(TypeError, match="callable"):
        Bell().on("ring", 3)  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_what_a_listener_raises_reaches_the_error_listeners_and_disturbs_nobody(kind: str) -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell, errors, heard = Bell(), [], []
        arrived = asyncio.Event()

        def note(exc: Exception) -> None:
            errors.append(str(exc))
            arrived.set()

        async def fails_later() -> None:
            raise RuntimeError("planted")

        def fails() -> None:
            raise RuntimeError("planted")

        bell.on("error", note)
        bell.on("ring", fails if kind == "function" else fails_later)
        bell.on("ring", lambda: heard.append(1))
        bell.emit("ring")
        await arrived.wait()
        assert errors == ["planted"]
        assert heard == [1]
        assert reports == []
        assert not bell._listener_tasks

    run(test)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_without_error_listeners_the_loop_reports_it(kind: str) -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell = Bell()

        async def fails_later() -> None:
            raise RuntimeError("planted")

        def fails() -> None:
            raise RuntimeError("planted")

        bell.on("ring", fails if kind == "function" else fails_later)
        bell.emit("ring")
        if bell._listener_tasks:
            await asyncio.wait(bell._listener_tasks)
            await asyncio.sleep(0)  # its done callback
        assert [str(r["exception"]) for r in reports] == ["planted"]
        assert "Bell" in reports[0]["message"]

    run(test)


def test_an_error_listener_that_fails_itself_is_reported_once() -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell = Bell()
        calls = []

        @bell.on("error")
        def _(exc: Exception) -> None:
            calls.append(exc)
            raise ValueError("the doctor is ill")

        @bell.on("ring")
        def _() -> None:
            raise RuntimeError("planted")

        bell.emit("ring")
        assert [str(e) for e in calls] == ["planted"]
        assert [str(r["exception"]) for r in reports] == ["the doctor is ill"]

    run(test)


def test_an_emitter_may_report_to_another() -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell, errors = Bell(), []
        clapper = Clapper(bell)
        bell.on("error", errors.append)

        @clapper.on("strike")
        def _() -> None:
            raise RuntimeError("planted")

        clapper.emit("strike")
        assert [str(e) for e in errors] == ["planted"]
        assert reports == []

    run(test)


def test_an_error_event_that_nobody_hears_is_logged_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rtcpy.aio"):
        Bell().emit("error", RuntimeError("planted"))
    assert "planted" in caplog.text


def test_cancelling_a_listener_is_no_failure() -> None:
    async def test(reports: list[dict[str, Any]]) -> None:
        bell = Bell()

        @bell.on("ring")
        async def _() -> None:
            await asyncio.Event().wait()

        bell.emit("ring")
        assert bell._listener_tasks is not None
        (task,) = bell._listener_tasks
        task.cancel()
        await asyncio.wait([task])
        assert reports == []
        assert not bell._listener_tasks

    run(test)

"""Event targets: `on`, `once`, decorators, plain functions and coroutines.

W3C's EventTarget as Python sees it. `pyee` keeps the listeners; this file decides what happens when one of them
fails: it is logged, reported, and never disturbs the connection or the next listener.

Spec: DOM §2.7 (EventTarget) in spirit; W3C webrtc §12 lists the event names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from pyee.base import EventEmitter

logger = logging.getLogger("rtcpy.aio")

_INTERNAL_EVENTS = frozenset({"new_listener"})  # pyee's own


class _NoHandler:
    """Stands for ``onopen`` and the like: assigned as in JavaScript it would never be called, so that is refused."""

    def __init__(self, event: str) -> None:
        self._event = event

    def _refusal(self, emitter: object) -> AttributeError:
        kind = type(emitter).__name__
        return AttributeError(
            f"{kind} has no on{self._event}; a listener is added with .on({self._event!r}, …)"
        )

    def __get__(self, emitter: object, owner: type) -> Any:
        if emitter is None:
            return self
        raise self._refusal(emitter)

    def __set__(self, emitter: object, value: object) -> None:
        raise self._refusal(emitter)


class Emitter(EventEmitter):
    """An object with events. Subclasses list theirs in `EVENTS`; a misspelt name is refused with the right ones.

    A listener may be a function or a coroutine function; coroutines run as tasks. What a listener raises goes to
    the ``error`` listeners of the emitter that `_error_sink` names, and if there are none to the loop's exception
    handler. It never reaches the code that emitted.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for event in cls.EVENTS:
            setattr(cls, f"on{event}", _NoHandler(event))

    def __init__(self) -> None:
        super().__init__()
        self._listener_tasks: set[asyncio.Future[Any]] | None = None

    def _add_event_handler(self, event: str, k: Callable[..., Any], v: Callable[..., Any]) -> None:
        if event not in self.EVENTS and event not in _INTERNAL_EVENTS:
            names = ", ".join(sorted(self.EVENTS))
            raise ValueError(f"{type(self).__name__} has no event {event!r}; it has {names}")
        if not callable(k):
            raise TypeError(f"a listener for {event!r} must be callable, not {type(k).__name__}")
        super()._add_event_handler(event, k, v)
        self._listener_added(event)

    def _listener_added(self, event: str) -> None:
        """A hook for subclasses that deliver what came before the first listener."""

    def _has_listeners(self, event: str) -> bool:
        return bool(self._events.get(event))

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Call the listeners of `event` in the order they came; whether there were any.

        pyee's own takes a lock and copies; everything here runs on one loop, once per message.
        """
        listeners = self._events.get(event)
        if not listeners:
            if event == "error":
                self._emit_handle_potential_error(event, args[0] if args else None)
            return False
        for listener in (*listeners.values(),):  # a copy: listeners may come and go meanwhile
            try:
                result = listener(*args, **kwargs)
            except Exception as exc:  # noqa: BLE001  a listener is foreign code; its failure is reported, not spread
                self._listener_failed(listener, exc)
                continue
            if result is not None and asyncio.iscoroutine(result):
                self._run_coroutine(listener, result)
        return True

    def _tell(self, listeners: Mapping[Any, Callable[..., Any]], argument: object) -> None:
        """What `emit` does, for one argument and with the listeners at hand: messages come by the million."""
        for listener in (*listeners.values(),):
            try:
                result = listener(argument)
            except Exception as exc:  # noqa: BLE001  as in `emit`
                self._listener_failed(listener, exc)
                continue
            if result is not None and asyncio.iscoroutine(result):
                self._run_coroutine(listener, result)

    def _run_coroutine(self, f: Callable[..., Any], coroutine: Coroutine[Any, Any, Any]) -> None:
        """A coroutine listener becomes a task of ours, so that its failure is heard of."""
        task = asyncio.ensure_future(coroutine)
        if self._listener_tasks is None:
            self._listener_tasks = set()
        self._listener_tasks.add(task)  # the loop holds tasks weakly
        task.add_done_callback(lambda done: self._listener_done(f, done))

    def _listener_done(self, f: Callable[..., Any], task: asyncio.Future[Any]) -> None:
        if self._listener_tasks is not None:
            self._listener_tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._listener_failed(f, exc)

    def _emit_handle_potential_error(self, event: str, error: Any) -> None:
        """An ``error`` that nobody listens to is logged; pyee would raise it into the emitter.

        Not as a warning: a channel reports one whenever the other side closes its connection, as in browsers.
        """
        if event == "error":
            logger.info("unhandled error event at %s: %s", type(self).__name__, error)

    def _error_sink(self) -> Emitter:
        """Which emitter's ``error`` listeners hear about a failed listener of this one."""
        return self

    def _listener_failed(self, f: Callable[..., Any], exc: BaseException) -> None:
        sink = self._error_sink()
        listeners = sink.listeners("error") if "error" in sink.EVENTS else []
        if f in listeners or not listeners or not isinstance(exc, Exception):
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"rtcpy: an event listener of {type(self).__name__} raised", "exception": exc}
            )
            return
        logger.error("an event listener of %s raised", type(self).__name__, exc_info=exc)
        sink.emit("error", exc)

"""Wake-ups that all connections of one loop share: for deadlines that may be met a little late.

Owned here: the grid of instants, and one timer of the loop for each instant that somebody waits for. Which deadlines
may come here is `rtcpy.aio.driver`'s to say.

An idle connection has a deadline every few seconds (consent, RFC 7675 §5.1). Two hundred of them, each with a timer of
its own, wake the process for every single one, and every time it runs with cold caches. On the grid they are met
together: one timer, one turn of the loop. The clock is the loop's, so the grid is the same for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import ceil
from weakref import WeakKeyDictionary, ref

from rtcpy.core.machine import Instant

GRID = 0.2  # s between two shared instants


class Wakeup:
    """One call that is waited for; the part of `asyncio.TimerHandle` that a driver needs."""

    __slots__ = ("_slot", "callback")

    def __init__(self, slot: Slot, callback: Callable[[], None]) -> None:
        self._slot = slot
        self.callback = callback

    def cancel(self) -> None:
        """The call is not wanted any more. Idempotent, and harmless afterwards."""
        self._slot.cancel(self)


class Slot:
    """One instant of the grid with all who wait for it, in the order in which they came."""

    __slots__ = ("_loop", "_slots", "_timer", "_waiting", "_when")

    def __init__(self, when: Instant, loop: asyncio.AbstractEventLoop, slots: dict[Instant, Slot]) -> None:
        self._when, self._loop, self._slots = when, loop, slots
        self._waiting: dict[Wakeup, None] = {}
        self._timer = loop.call_at(when, self._fire)

    def add(self, callback: Callable[[], None]) -> Wakeup:
        """Wait for this instant."""
        wakeup = Wakeup(self, callback)
        self._waiting[wakeup] = None
        return wakeup

    def cancel(self, wakeup: Wakeup) -> None:
        """Stop waiting; the timer goes with the last one."""
        if self._waiting.pop(wakeup, self) is None and not self._waiting:
            self._timer.cancel()
            self._slots.pop(self._when, None)

    def _fire(self) -> None:
        self._slots.pop(self._when, None)
        for wakeup in tuple(self._waiting):
            if self._waiting.pop(wakeup, self) is not None:
                continue  # an earlier call has cancelled it
            try:
                wakeup.callback()
            except Exception as exc:  # noqa: BLE001  one connection's mistake is not the next one's
                self._loop.call_exception_handler({"message": "rtcpy: a timer raised", "exception": exc})


class SharedWakeups:
    """The grid of one loop.

    Args:
        loop: whose clock and timers are used.
    """

    __slots__ = ("__weakref__", "_loop", "_slots")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[Instant, Slot] = {}

    def call_at(self, when: Instant, callback: Callable[[], None]) -> Wakeup:
        """Call at `when`, which `on_grid` gave."""
        slot = self._slots.get(when)
        if slot is None:
            slot = self._slots[when] = Slot(when, self._loop, self._slots)
        return slot.add(callback)


def on_grid(instant: Instant) -> Instant:
    """The first shared instant that is not before `instant`."""
    return ceil(instant / GRID) * GRID


# Weak on both sides: a grid knows its loop, so a table that held it would keep every loop for ever.
_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[SharedWakeups]] = WeakKeyDictionary()


def shared_wakeups(loop: asyncio.AbstractEventLoop) -> SharedWakeups:
    """The one grid of `loop`; it lives as long as somebody holds it."""
    known = _SHARED.get(loop)
    shared = None if known is None else known()
    if shared is None:
        shared = SharedWakeups(loop)
        _SHARED[loop] = ref(shared)
    return shared

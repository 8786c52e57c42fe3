"""Deadlines with names: an enum-keyed table instead of timer objects.

A machine owns one `TimerTable` keyed by an enum of its own, so that a trace can say *why* it woke.
Deadlines are absolute instants; elapsed times are never compared.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

from rtcpy.core.machine import Instant

K = TypeVar("K", bound=Enum)


class TimerTable(Generic[K]):
    """The pending deadlines of one machine; at most one per key. A machine has a handful, so scans are cheap."""

    __slots__ = ("deadlines",)

    def __init__(self) -> None:
        self.deadlines: dict[K, Instant] = {}
        """What is armed. Hot lanes read and write it directly; the methods say what that means."""

    def set(self, key: K, deadline: Instant) -> None:
        """Arm or re-arm `key` to fire at `deadline`."""
        self.deadlines[key] = deadline

    def stop(self, key: K) -> None:
        """Disarm `key`; no effect when it is not armed."""
        self.deadlines.pop(key, None)

    def clear(self) -> None:
        """Disarm everything: what `close` does."""
        self.deadlines.clear()

    def deadline(self, key: K) -> Instant | None:
        """When `key` fires, or `None`."""
        return self.deadlines.get(key)

    def __contains__(self, key: K) -> bool:
        return key in self.deadlines

    def next_timeout(self) -> Instant | None:
        """The earliest deadline, or `None`."""
        return min(self.deadlines.values()) if self.deadlines else None

    def take_expired(self, now: Instant) -> list[K]:
        """Disarm and return the keys that are due, earliest first (ties: in the order they were armed)."""
        if not self.deadlines or min(self.deadlines.values()) > now:
            return []
        due = sorted(
            (deadline, i, key) for i, (key, deadline) in enumerate(self.deadlines.items()) if deadline <= now
        )
        for _, _, key in due:
            del self.deadlines[key]
        return [key for _, _, key in due]

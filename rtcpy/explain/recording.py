"""Writing a `Trace`: a tap for anything that has one.

Specs: none; what a tap sees is in `rtcpy.core.tap`.
"""

from __future__ import annotations

from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.explain.trace import (
    DropEntry,
    PacketEntry,
    SecretEntry,
    StateEntry,
    TimerEntry,
    Trace,
)


class TraceTap(Tap):
    """A tap that writes what it sees into a trace.

    Args:
        trace: where to.
        who: the endpoint's name in it.
        then: another tap, which is told the same afterwards.
    """

    __slots__ = ("is_stopped", "now", "then", "trace", "who")

    def __init__(self, trace: Trace, who: str, *, then: Tap | None = None) -> None:
        self.trace, self.who, self.then = trace, who, then
        self.now: Instant = 0.0
        """The last instant that anything here was told."""
        self.is_stopped = False

    def stop(self) -> None:
        """Write no more."""
        self.is_stopped = True

    def packet(
        self,
        layer: str,
        direction: Direction,
        data: bytes,
        *,
        now: Instant,
        local: Address | None = None,
        remote: Address | None = None,
    ) -> None:
        """Write a `PacketEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(PacketEntry(now, self.who, layer, direction, bytes(data), local, remote))
        if self.then is not None:
            self.then.packet(layer, direction, data, now=now, local=local, remote=remote)

    def drop(self, layer: str, data: bytes, reason: str, *, now: Instant) -> None:
        """Write a `DropEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(DropEntry(now, self.who, layer, bytes(data), reason))
        if self.then is not None:
            self.then.drop(layer, data, reason, now=now)

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        """Write a `StateEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(StateEntry(now, self.who, layer, what, old, new))
        if self.then is not None:
            self.then.state(layer, what, old, new, now=now)

    def timer(self, layer: str, name: str, *, now: Instant) -> None:
        """Write a `TimerEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(TimerEntry(now, self.who, layer, name))
        if self.then is not None:
            self.then.timer(layer, name, now=now)

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        """Write a `SecretEntry`."""
        if not self.is_stopped:
            self.trace.append(SecretEntry(self.now, self.who, label, bytes(client_random), bytes(secret)))
        if self.then is not None:
            self.then.secret(label, client_random, secret)

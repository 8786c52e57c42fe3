"""The laws of machines catch what they are for: one planted fault per law, and a clean machine that passes."""

from __future__ import annotations

import itertools
import time

import pytest

from rtcpy.core.machine import Event, Instant
from rtcpy.sim import LawViolationError
from rtcpy.testing import check_machine
from tests.testing.knock import Delivered, Knock, connection

_COUNTER = itertools.count()


class ReadsTheClock(Knock):
    def receive(self, packet: bytes, *, now: Instant) -> None:
        time.monotonic()
        super().receive(packet, now=now)


class WorksInDrain(Knock):
    """Waits a little longer each time somebody asks for events."""

    def take_events(self) -> list[object]:  # type: ignore[override]
        if self.deadline is not None:
            self.deadline += 0.001
        return super().take_events()  # type: ignore[return-value]


class StuckTimer(Knock):
    def handle_timeout(self, *, now: Instant) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.out.append(self.pending or b"")


class HatesEarlyCalls(Knock):
    def handle_timeout(self, *, now: Instant) -> None:
        if self.pending is not None:
            self._transmit(now)


class RaisesOnShort(Knock):
    def receive(self, packet: bytes, *, now: Instant) -> None:
        packet[5]
        super().receive(packet, now=now)


class NotDeterministic(Knock):
    def send(self, text: bytes, *, now: Instant) -> None:
        super().send(bytes(text) + bytes([next(_COUNTER) % 256]), now=now)


class SpeaksAfterClose(Knock):
    def close(self, *, now: Instant) -> None:
        self.queue.clear()
        self.pending = self.deadline = None


class KeepsATimerAfterClose(Knock):
    def close(self, *, now: Instant) -> None:
        self.closed = True


class KeepsTheBuffer(Knock):
    """Copies what it was lent only when somebody asks for it."""

    def receive(self, packet: bytes, *, now: Instant) -> None:
        super().receive(packet, now=now)
        for event in self.events:
            if isinstance(event, Delivered) and isinstance(event.text, bytes):
                event.text = memoryview(packet)[6:]  # type: ignore[assignment]

    def take_events(self) -> list[Event]:
        for event in self.events:
            if isinstance(event, Delivered):
                event.text = bytes(event.text)
        return super().take_events()


class HandsOutItsOwnBuffer(Knock):
    def take_packets(self) -> list[bytes]:
        return [bytearray(packet) for packet in super().take_packets()]  # type: ignore[misc]


class Hoards(Knock):
    def receive(self, packet: bytes, *, now: Instant) -> None:
        self.hoard = [*getattr(self, "hoard", []), bytes(50_000)]
        super().receive(packet, now=now)


def test_a_lawful_machine_passes() -> None:
    check_machine(connection)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (ReadsTheClock, "law 1"),
        (WorksInDrain, "law 2"),
        (StuckTimer, "law 3"),
        (HatesEarlyCalls, "law 4|law 3"),
        (RaisesOnShort, "law 5: .*index .*: "),
        (NotDeterministic, "law 6"),
        (SpeaksAfterClose, "law 7: .* still produced"),
        (KeepsATimerAfterClose, "law 7: .* has a deadline"),
        (KeepsTheBuffer, "law 8"),
        (HandsOutItsOwnBuffer, "law 8"),
        (Hoards, "law 9"),
    ],
)
def test_each_law_catches_its_offender(kind: type[Knock], says: str) -> None:
    with pytest.raises((AssertionError, LawViolationError), match=says):
        check_machine(lambda seed: connection(seed, kind), seeds=6)

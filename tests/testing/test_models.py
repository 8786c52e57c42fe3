"""The transport model accepts a transport that keeps its promise and names the message of one that does not."""

from __future__ import annotations

import pytest

from rtcpy.core.machine import Instant
from rtcpy.testing import StreamModel, check_reliable_transport
from tests.testing.knock import Delivered, Knock, transport


class DeliversTwice(Knock):
    """Forgets what it has heard."""

    def _on_question(self, packet: bytes, now: Instant) -> None:
        self.out.append(b"A" + packet[1:6])
        self.events.append(Delivered(packet[6:]))


class NeverRepeats(Knock):
    """Counts as sent what was sent once."""

    def handle_timeout(self, *, now: Instant) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.number = (self.number + 1) % 256
            self._next(now)


class Swaps(Knock):
    """Sends the newest first."""

    def send(self, text: bytes, *, now: Instant) -> None:
        self.queue.insert(0, text)
        if self.pending is None:
            self._next(now)


def test_stop_and_wait_keeps_its_promise() -> None:
    check_reliable_transport(transport, streams=1, largest=100)


@pytest.mark.parametrize(
    ("kind", "says"),
    [(DeliversTwice, "arrived twice"), (NeverRepeats, "never arrived"), (Swaps, "message .* is .*, not")],
)
def test_broken_transports_are_caught(kind: type[Knock], says: str) -> None:
    with pytest.raises(BaseException, match=says):  # Hypothesis may group several
        check_reliable_transport(lambda seed, link: transport(seed, link, kind), streams=1, largest=100)


def test_an_unordered_model_takes_any_order_but_nothing_twice() -> None:
    model = StreamModel(ordered=False)
    for message in (b"a", b"b", b"b"):
        model.on_sent(message)
    model.on_received(b"b")
    model.on_received(b"a")
    with pytest.raises(AssertionError, match="1 of 3 messages never arrived"):
        model.check_finished()
    model.on_received(b"b")
    model.check_finished()
    with pytest.raises(AssertionError, match="arrived twice"):
        model.on_received(b"b")
    with pytest.raises(AssertionError, match="nobody sent it"):
        model.on_received(b"c")


def test_a_partially_reliable_ordered_model_takes_gaps_but_no_late_ones() -> None:
    model = StreamModel(reliable=False)
    for message in (b"a", b"b", b"c"):
        model.on_sent(message)
    model.on_received(b"b")
    model.check_finished()
    with pytest.raises(AssertionError, match="after a later one"):
        model.on_received(b"a")

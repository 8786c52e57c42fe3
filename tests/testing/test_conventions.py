"""A class is taken as it stands if it follows a convention; if not, it is said what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.machine import Event, Instant
from rtcpy.dtls import DtlsConnection
from rtcpy.ice import IceAgent
from rtcpy.sctp import Association, DataChannels, SctpConfig
from rtcpy.sim import LawViolationError, LinkConfig
from rtcpy.testing import check_machine, check_reliable_transport
from rtcpy.testing.conventions import CONVENTIONS, connection_of, convention_of, made, transport_of
from tests.testing.knock import Delivered, Knock


@dataclass(slots=True)
class Arrived(Event):
    data: bytes


class Telling(Knock):
    """As the convention of message layers has it: what arrives is `data`."""

    def take_events(self) -> list[Event]:
        return [
            Arrived(event.text) if isinstance(event, Delivered) else event for event in super().take_events()
        ]


class Loud(Association):
    """Raises on what it does not understand."""

    def receive(self, packet: bytes, *, now: Instant) -> None:
        if len(packet) < 12:
            raise ValueError("too short")
        super().receive(packet, now=now)


class Backwards(Association):
    """Tells what came last first."""

    def take_events(self) -> list[Event]:
        return super().take_events()[::-1]


class Stuck(IceAgent):
    """Never looks at its deadlines."""

    def handle_timeout(self, *, now: Instant) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (IceAgent, "ICE agent"),
        (DtlsConnection, "DTLS connection"),
        (DataChannels, "data channels"),
        (Association, "association"),
        (Telling, "message layer"),
    ],
)
def test_each_convention_has_its_class(kind: type[Any], name: str) -> None:
    assert convention_of(kind).name == name
    assert convention_of(type("Mine", (kind,), {})).name == name
    assert len(CONVENTIONS) == 5


def test_the_laws_take_classes() -> None:
    class MyIceAgent(IceAgent):
        pass

    check_machine(MyIceAgent, seeds=1, hostile=20)
    check_machine(Telling, seeds=2, hostile=20)


def test_the_promise_takes_classes() -> None:
    check_reliable_transport(Telling, largest=100, examples=15)
    check_reliable_transport(Association, ordered=False, examples=5)
    check_reliable_transport(Association, reliable=False, limit=30.0, examples=5)


def test_faults_are_found_through_classes() -> None:
    with pytest.raises(AssertionError, match=r"law 5: .*too short"):
        check_machine(Loud, seeds=1)
    with pytest.raises(LawViolationError, match=r"law 3: .*Stuck"):
        check_machine(Stuck, seeds=1)
    with pytest.raises(AssertionError, match=r"message .* is .*, not"):
        check_reliable_transport(Backwards)


def test_classes_are_given_what_they_ask_for() -> None:
    class Plain:
        def __init__(self) -> None:
            self.given: dict[str, object] = {}

    class Greedy(Plain):
        def __init__(self, **given: object) -> None:
            self.given = given

    class Exact(Plain):
        def __init__(self, *, entropy: object, size: int = 5) -> None:
            self.given = {"entropy": entropy}

    assert made(Plain, entropy=1, config=2).given == {}
    assert made(Greedy, entropy=1, config=2).given == {"entropy": 1, "config": 2}
    assert made(Exact, entropy=1, config=2).given == {"entropy": 1}


def test_an_association_may_go_without_resets_and_config() -> None:
    class Mine:
        """Not a subclass: one that holds an association and shows less of it."""

        def __init__(self, *, entropy: Any) -> None:
            self.inner = Association(SctpConfig(), entropy=entropy)
            for name in ("receive", "handle_timeout", "next_timeout", "take_packets", "take_events", "close"):
                assert callable(getattr(self.inner, name))

        state = property(lambda self: self.inner.state.value)
        receive = lambda self, packet, *, now: self.inner.receive(packet, now=now)  # noqa: E731
        handle_timeout = lambda self, *, now: self.inner.handle_timeout(now=now)  # noqa: E731
        next_timeout = lambda self: self.inner.next_timeout()  # noqa: E731
        take_packets = lambda self: self.inner.take_packets()  # noqa: E731
        take_events = lambda self: self.inner.take_events()  # noqa: E731
        close = lambda self, *, now: self.inner.close(now=now)  # noqa: E731
        start = lambda self, *, now: self.inner.start(now=now)  # noqa: E731

        def send(self, stream: int, ppid: int, data: bytes, *, unordered: bool, now: Instant) -> None:
            self.inner.send(stream, ppid, data, unordered=unordered, now=now)

    assert convention_of(Mine).name == "association"
    check_machine(Mine, seeds=1, hostile=20)
    check_reliable_transport(Mine, examples=5)


def test_what_is_no_machine_is_refused() -> None:
    with pytest.raises(InvalidAccessError, match="dict is no machine: it has no receive, handle_timeout"):
        check_machine(dict)


def test_what_follows_no_convention_is_told_why() -> None:
    class Odd(Knock):
        def send(self, text: bytes, when: float) -> None:  # type: ignore[override]
            pass

    with pytest.raises(InvalidAccessError) as told:
        connection_of(Odd)
    text = str(told.value)
    assert "ICE agent: it has no gather" in text
    assert "association: it has no start" in text
    assert "message layer: send(…, now=…) cannot be called: missing a required argument: 'when'" in text


def test_a_constructor_that_asks_for_too_much_is_told_so() -> None:
    class Needy(Knock):
        def __init__(self, entropy: Any, password: str) -> None:
            super().__init__(entropy)

    with pytest.raises(InvalidAccessError, match="its constructor needs password, and is offered entropy"):
        connection_of(Needy)


def test_what_carries_no_messages_is_refused() -> None:
    with pytest.raises(InvalidAccessError, match="IceAgent is taken for: ICE agent"):
        check_reliable_transport(IceAgent)


def test_a_layer_has_one_stream() -> None:
    build, streams = transport_of(Telling)
    assert streams == 1
    transport = build(1, LinkConfig())
    transport.start()
    transport.send(0, 0, b"x")
    assert transport.sim.drive(until=5.0, stop=lambda: transport.received(1) == [(0, b"x")])

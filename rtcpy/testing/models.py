"""What a transport promises, as models that a real one is held against on a bad network.

A model is told what was sent and what arrived and raises when a promise is broken. It knows no protocol, so the same
check takes SCTP, a data channel, a stop-and-wait exercise or a reader's own association.

Promises (RFC 8831 §6.1, RFC 9260 §1.5.3): ordered and reliable means every message once and in order; unordered and
reliable every message once; partially reliable (RFC 3758) any subset, none twice, in order if ordered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcpy.sim import LinkConfig, Simulation

Message = str | bytes


@dataclass(slots=True)
class StreamModel:
    """One stream of messages in one direction.

    Args:
        ordered: messages arrive in the order in which they were sent.
        reliable: all messages arrive.
    """

    ordered: bool = True
    reliable: bool = True
    sent: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    _next: int = 0
    _outstanding: Counter[Message] = field(default_factory=Counter)

    def on_sent(self, message: Message) -> None:
        """The application handed `message` over."""
        self.sent.append(message)
        self._outstanding[message] += 1

    def on_received(self, message: Message) -> None:
        """`message` arrived. Raises AssertionError if it may not, now or ever."""
        if not self._outstanding[message]:
            known = "twice" if message in self.sent else "though nobody sent it"
            raise AssertionError(f"message {message[:40]!r} ({len(message)} long) arrived {known}")
        self._outstanding[message] -= 1
        self.received.append(message)
        if not self.ordered:
            return
        if self.reliable:
            expected = self.sent[len(self.received) - 1]
            assert message == expected, (
                f"message {len(self.received) - 1} is {message[:40]!r}, not {expected[:40]!r}"
            )
        else:
            try:
                self._next = self.sent.index(message, self._next) + 1
            except ValueError:
                raise AssertionError(f"message {message[:40]!r} arrived after a later one") from None

    def check_finished(self) -> None:
        """Nothing more will arrive: was everything delivered that was promised?"""
        if self.reliable:
            missing = len(self.sent) - len(self.received)
            assert not missing, f"{missing} of {len(self.sent)} messages never arrived"

    @property
    def complete(self) -> bool:
        """Whether all that was sent has arrived."""
        return len(self.received) == len(self.sent)


@dataclass(slots=True)
class TransportUnderTest:
    """Two connected-to-be ends of a message transport, described by what can be done with them.

    Args:
        sim: the simulator that holds both ends.
        start: brings them up.
        connected: whether they are up.
        send: hands a message over: (end, stream, message).
        received: all that an end has received so far: a list of (stream, message) in order of arrival.
    """

    sim: Simulation[bytes]
    start: Callable[[], None]
    connected: Callable[[], bool]
    send: Callable[[int, int, bytes], None]
    received: Callable[[int], list[tuple[int, bytes]]]


BAD_NETWORK = LinkConfig(delay=0.02, jitter=0.01, loss=0.1, duplicate=0.05, reorder=0.1)


def check_reliable_transport(
    transport: Callable[[int, LinkConfig], TransportUnderTest] | type[Any],
    *,
    ordered: bool = True,
    reliable: bool = True,
    streams: int = 2,
    largest: int = 5000,
    link: LinkConfig = BAD_NETWORK,
    limit: float = 600.0,
    examples: int | None = None,
) -> None:
    """Hold a transport against its promise on a bad network, with messages and seeds that Hypothesis chooses.

    Args:
        transport: a function that makes two fresh ends for a seed over links of the given properties; or a class that
            follows one of the `conventions` and carries messages.
        ordered: each stream keeps its order.
        reliable: everything arrives.
        streams: how many streams are used, numbered from 0; of a class, at most as many as it has.
        largest: bytes of the largest message.
        link: the network.
        limit: seconds of virtual time within which all must have arrived.
        examples: how many runs; default: Hypothesis' profile in force.

    Raises:
        AssertionError: says which message broke which promise.
        InvalidAccessError: a class that follows no convention, or none that carries messages.
    """
    build: Callable[[int, LinkConfig], TransportUnderTest]
    if isinstance(transport, type):
        from rtcpy.testing.conventions import (
            transport_of,
        )  # it stands on this module, and knows the whole stack

        build, available = transport_of(transport, ordered=ordered, reliable=reliable)
        streams = min(streams, available)
    else:
        build = transport
    sizes = st.one_of(st.integers(0, 40), st.integers(0, largest))
    plan = st.lists(st.tuples(st.integers(0, 1), st.integers(0, streams - 1), sizes), min_size=1, max_size=20)
    count = examples if examples is not None else settings.default.max_examples  # type: ignore[union-attr]

    @settings(max_examples=count, report_multiple_bugs=False)  # one message, not a group of them
    @given(plan, st.integers(0, 2**32))
    def promise(messages: list[tuple[int, int, int]], seed: int) -> None:
        _run_promise(build(seed, link), messages, ordered=ordered, reliable=reliable, limit=limit)

    promise()


def _run_promise(
    transport: TransportUnderTest,
    messages: list[tuple[int, int, int]],
    *,
    ordered: bool,
    reliable: bool,
    limit: float,
) -> None:
    sim = transport.sim
    models: dict[tuple[int, int], StreamModel] = {}
    transport.start()
    assert sim.drive(until=sim.now + limit, stop=transport.connected), f"not connected within {limit} s"
    for number, (end, stream, size) in enumerate(messages):
        message = (number.to_bytes(4, "big") * (size // 4 + 1))[:size] if size else b""
        models.setdefault((end, stream), StreamModel(ordered, reliable)).on_sent(message)
        transport.send(end, stream, message)
    seen = [0, 0]

    def settled() -> bool:
        for receiver in (0, 1):
            arrived = transport.received(receiver)
            for stream, message in arrived[seen[receiver] :]:
                model = models.get((1 - receiver, stream))
                assert model is not None, f"a message arrived on stream {stream}, on which nothing was sent"
                model.on_received(message)
            seen[receiver] = len(arrived)
        return reliable and all(model.complete for model in models.values())

    sim.drive(until=sim.now + limit, stop=settled)
    sim.drive(until=sim.now + 10.0)  # late copies would show now
    settled()
    for model in models.values():
        model.check_finished()

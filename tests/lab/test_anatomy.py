"""Phases, timers, journeys and peeled datagrams of recorded connections."""

from __future__ import annotations

from functools import cache

import pytest

from rtcpy.core.errors import InvalidAccessError
from rtcpy.explain.passages import passages, round_trips
from rtcpy.explain.trace import LostEntry, TimerEntry, Trace
from rtcpy.lab.anatomy import Journey, journeys, peel, phases, timers
from rtcpy.lab.exercises import longest_relay
from rtcpy.sim import LinkConfig, Session

MESSAGES = ("hello, Bob", "", b"\x00\x01", "x" * 1_000)


@cache
def call(loss: float = 0.0, seed: str = "anatomy") -> Session:
    session = Session(seed=seed, link=LinkConfig(loss=loss))
    session.connect()
    return session


def test_phases_in_the_order_of_the_layers() -> None:
    table = phases(call().trace)
    assert table.column("layer") == ["ICE", "DTLS", "SCTP"]
    assert table.column("round trips") == ["1½", "2", "2"]
    assert table.column("begins with")[1] == "bob's ClientHello"
    assert table.column("to ms")[-1] == f"{call().now * 1e3:.0f}" == "200"
    assert "rowspan" not in table._repr_html_() and "ClientHello" in table._repr_html_()


def test_phases_of_nothing() -> None:
    assert phases(Trace()).rows == [] and timers(Trace()).rows == [] and journeys(Trace()) == []


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_every_timer_is_told_with_its_meaning_and_rule(loss: float) -> None:
    trace = call(loss, "loss 204").trace
    table = timers(trace)
    assert len(table.rows) == len(trace.of(TimerEntry)) > 0
    assert all(table.column("what it is for")) and all(
        rule.startswith("RFC ") for rule in table.column("rule")
    )
    assert max(len(line) for text in table.column("what it is for") for line in text.splitlines()) <= 60


@pytest.mark.parametrize("seed", ["loss 204", "a", "b", "c"])
def test_journeys_are_the_datagrams_between_the_ends(seed: str) -> None:
    trace = call(0.2, seed).trace
    found = journeys(trace)
    assert [one.left for one in found] == sorted(one.left for one in found)
    assert all(one.arrived is None or one.arrived == pytest.approx(one.left + 0.02) for one in found)
    gone = len(trace.of(LostEntry))
    assert sum(one.arrived is None for one in found) <= gone + 4  # those on their way when the trace ended


def test_the_exercise_counts_as_the_ruler_of_the_ladder_does() -> None:
    trace = call().trace
    assert len(round_trips(passages(trace), call().now)) == longest_relay(journeys(trace), "alice") == 5


def test_relays() -> None:
    out, back = Journey("a", 0, 1), Journey("b", 1, 2)
    assert longest_relay([out, back], "a") == 1 and longest_relay([out, back], "b") == 0
    assert longest_relay([out, Journey("b", 0.5, 2)], "a") == 0  # left before the other had arrived
    assert longest_relay([out, Journey("b", 1, None)], "a") == 0


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_found_and_its_layers_add_up(message: str | bytes) -> None:
    session = Session(seed="anatomy")
    session.connect()
    session.run(1.0)
    session.alice.send("chat", message)
    session.run(1.0)
    if not message:
        message = b"\0"  # RFC 8831 §6.6: an empty message travels as one byte
    onion = peel(session.trace, "alice", message)
    data = message.encode() if isinstance(message, str) else message
    assert onion.message == data and data in onion.chunk and onion.chunk in onion.packet
    assert len(onion.datagram) == len(onion.packet) + 13 + 8 + 16
    inside = [int(text) for text in onion.table().column("inside")]
    around = [
        int(before or 0) + int(behind or 0)
        for before, behind in zip(
            onion.table().column("bytes before"), onion.table().column("behind"), strict=True
        )
    ]
    assert [outer - own for outer, own in zip(inside, around[1:], strict=False)] == inside[1:]
    assert sum(around) == onion.overhead and onion.overhead in (93, 94, 95, 96)
    assert str(onion) and "DTLS record" in onion._repr_html_()


def test_what_was_not_sent_alone_is_not_found() -> None:
    with pytest.raises(InvalidAccessError, match="alice has sent no datagram with just this message: 'hi'"):
        peel(call().trace, "alice", "hi")

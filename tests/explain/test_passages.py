"""Departures and arrivals put together: what was lost, doubled, overtaken, translated, and how often it went to and fro."""

from __future__ import annotations

import pytest

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain.passages import PEER, Passages, passages, phases, round_trips
from rtcpy.explain.trace import LostEntry, PacketEntry, Trace
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session

A, B, FACE = Address("10.0.0.1", 1), Address("192.0.2.2", 2), Address("203.0.113.1", 9)
OUT, IN = Direction.OUT, Direction.IN


def made(*entries: PacketEntry | LostEntry) -> Passages:
    trace = Trace()
    for entry in entries:
        trace.append(entry)
    return passages(trace)


def sent(at: float, data: bytes, who: str = "a") -> PacketEntry:
    local, remote = (A, B) if who == "a" else (B, FACE)
    return PacketEntry(at, who, "udp", OUT, data, local, remote)


def came(at: float, data: bytes, who: str = "b") -> PacketEntry:
    local, remote = (B, FACE) if who == "b" else (A, B)
    return PacketEntry(at, who, "udp", IN, data, local, remote)


def test_a_departure_finds_its_arrival_behind_a_translation() -> None:
    found = made(sent(0, b"\xc0x"), came(1, b"\xc0x"))
    (one,) = found.all
    assert (one.sender, one.receiver, one.sent, one.arrivals, one.fate) == ("a", "b", 0, [1], "")
    assert found.is_two_sided and found.nats == {"a": [FACE]}
    assert one.source == A and one.seen_source == FACE


def test_what_does_not_arrive_is_lost_unless_the_trace_ends_before() -> None:
    found = made(sent(0, b"\xc0x"), came(1, b"\xc0x"), sent(2, b"\xc0y"), sent(9, b"\xc0z"))
    assert [p.fate for p in found.all] == ["", "lost", "on its way"]
    found = made(
        sent(0, b"\xc0x"), came(1, b"\xc0x"), sent(2, b"\xc0y"), sent(2.5, b"\xc0z"), came(2.9, b"\xc0?")
    )
    assert [p.fate for p in found.all] == ["", "on its way", "on its way", ""]


def test_what_the_network_told_is_believed() -> None:
    """Two equal datagrams, of which the first was lost: without the network's word nobody could tell which."""
    lost = LostEntry(0, "a", b"\xc0x", A, B, "lost")
    found = made(sent(0, b"\xc0x"), lost, sent(5, b"\xc0x"), came(6, b"\xc0x"))
    assert [(p.sent, p.arrivals, p.fate) for p in found.all] == [(0, [], "lost"), (5, [6], "")]


def test_without_its_word_the_shortest_way_decides() -> None:
    found = made(
        sent(0, b"\xc0u"), came(1, b"\xc0u"), sent(2, b"\xc0x"), sent(5, b"\xc0x"), came(5.5, b"\xc0x")
    )
    assert [p.arrivals for p in found.all] == [[1], [5.5], []], "0.5 s is too soon for the second"


def test_doubled_overtaken_and_damaged() -> None:
    found = made(
        sent(0, b"\xc0x"), sent(1, b"\xc0y"), came(2, b"\xc0y"), came(3, b"\xc0x"), came(4, b"\xc0x")
    )
    assert [(p.fate, p.is_late, p.arrivals) for p in found.all] == [
        ("duplicated", True, [3, 4]),
        ("", False, [2]),
    ]
    hurt = LostEntry(0, "a", b"\xc0x", A, B, "corrupted")
    found = made(sent(0, b"\xc0x"), hurt, came(1, b"\xc0y"))
    assert [(p.fate, p.arrivals, p.data) for p in found.all] == [("corrupted", [1], b"\xc0x")]


def test_one_end_sees_halves() -> None:
    found = made(sent(0, b"\xc0x"), came(1, b"\xc0y", "a"))
    assert found.ends == ["a", PEER] and not found.is_two_sided
    assert [(p.sender, p.receiver, p.sent, p.arrivals, p.fate) for p in found.all] == [
        ("a", PEER, 0, [], ""),
        (PEER, "a", None, [1], ""),
    ]


def test_nothing_is_no_trouble() -> None:
    found = passages(Trace())
    assert found.all == [] and phases(found) == [] and round_trips(found, 1.0) == []


def test_only_so_many_are_followed() -> None:
    trace = Trace()
    for number in range(30):
        trace.append(sent(number, bytes([0xC0, number])))
    found = passages(trace, datagrams_max=10)
    assert len(found.all) == 10 and found.left_out == 20


@pytest.fixture(scope="module")
def classic() -> Session:
    session = Session(seed=1)
    session.connect()
    session.run(0.2)
    return session


def test_servers_get_a_line_of_their_own_and_times_half_way(classic: Session) -> None:
    found = passages(classic.trace)
    assert list(found.servers) == ["STUN server 192.0.2.53:3478"]
    asked = [p for p in found.all if p.receiver in found.servers]
    answers = [p for p in found.all if p.sender in found.servers]
    assert len(asked) == len(answers) == 2
    for passage in asked:
        assert passage.sent is not None and passage.arrivals == [pytest.approx(passage.sent + 0.02)]
    for passage in answers:
        assert passage.sent == pytest.approx(passage.arrivals[0] - 0.02) and passage.is_estimated


def test_flights_are_numbered_as_in_the_rfc(classic: Session) -> None:
    found = passages(classic.trace)
    assert [p.flight for p in found.all if p.flight] == [1, 4, 5, 6]


def test_a_flight_that_was_lost_and_sent_again_is_known_as_such() -> None:
    session = Session(seed=7, link=LinkConfig(loss=0.2, jitter=0.01, duplicate=0.05))
    session.connect()
    last = [p for p in passages(session.trace).all if p.flight == 6]
    assert [p.is_again for p in last] == [False] + [True] * (len(last) - 1) and len(last) > 1
    assert last[0].fate == "lost", "the seed no longer shows what this test is about"


def test_round_trips_are_counted_from_both_ends_or_from_one(classic: Session) -> None:
    """On a line without loss each phase takes whole half trips, and one end can tell as well as both."""
    found = passages(classic.trace)
    whole = phases(found)
    assert [phase.name for phase in whole] == ["ICE", "DTLS", "SCTP"]
    assert whole[1].half_trips == 4, "RFC 6347 §4.2.4: four flights without a cookie"
    for phase in whole:
        assert phase.end - phase.start == pytest.approx(0.02 * phase.half_trips)
    trips = round_trips(found, whole[-1].end + 1e-9)
    total = whole[-1].end - whole[0].start
    assert len(trips) == int(total / 0.04 + 1e-6)
    for name in classic.trace.names:
        part = Trace()
        for entry in classic.trace:
            if entry.who == name and not isinstance(entry, LostEntry):
                part.append(entry)
        assert [p.half_trips for p in phases(passages(part))] == [p.half_trips for p in whole]


@pytest.mark.parametrize("seed", range(8))
def test_on_a_bad_line_every_fate_is_the_one_that_the_network_told(seed: int) -> None:
    session = Session(seed=seed, link=LinkConfig(loss=0.2, duplicate=0.1, jitter=0.03))
    session.connect()
    session.alice.send("chat", "x" * 5000)
    session.run(2.0)
    found = passages(session.trace)
    told = session.trace.of(LostEntry)
    own = found.between_ends()
    for fate in ("lost", "duplicated"):
        expected = sorted(
            (e.who, e.data) for e in told if e.fate == fate and str(e.remote) not in "".join(found.servers)
        )
        mine = sorted((p.sender, p.data) for p in own if p.fate == fate)
        if fate == "lost":
            assert mine == expected
        else:
            assert len(mine) <= len(expected), "a copy may still be on its way"
    arrivals = session.trace.packets("udp", direction=IN)
    assert sum(
        len(p.arrivals) for p in found.all if not (p.is_estimated and p.receiver in found.servers)
    ) == len(arrivals), "every arrival belongs to exactly one journey"
    for passage in own:
        for at in passage.arrivals:
            assert passage.sent is not None and 0.0199 <= at - passage.sent <= 0.0501
        assert (passage.fate == "lost") <= (not passage.arrivals)

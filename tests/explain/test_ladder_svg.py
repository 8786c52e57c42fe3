"""The ladder as a picture: every text readable, every loss visible, long runs folded, whatever happened on the way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain import LadderPicture, Trace
from rtcpy.explain.notes import HIDDEN_CALLS
from rtcpy.explain.passages import passages
from rtcpy.explain.trace import CallEntry, EventEntry, LostEntry, PacketEntry, TimerEntry
from rtcpy.peer import Peer
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session
from tests.explain.sheets import SVG, check_sheet, titles, words

RED_CROSS = "#cf222e"


def connected(seed: int = 1, link: LinkConfig | None = None, **options: object) -> Session:
    session = Session(seed=seed, link=link, **options)  # type: ignore[arg-type]
    session.connect()
    session.alice.send("chat", "Hello, Bob!")
    session.run(0.5)
    return session


def one_end(trace: Trace, who: str) -> Trace:
    part = Trace()
    for entry in trace:
        if entry.who == who and not isinstance(entry, LostEntry):
            part.append(entry)
    return part


def test_as_text_it_says_what_it_is() -> None:
    trace = connected().trace
    assert str(LadderPicture(trace)) == "a ladder, to be drawn: alice and bob"
    assert str(LadderPicture(trace, title="close()")) == "a ladder, to be drawn: close()"
    assert str(LadderPicture(Trace())) == "a ladder, to be drawn"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", [0.0, 0.25])
def test_no_text_lies_on_another_and_every_loss_is_a_cross(seed: int, loss: float) -> None:
    session = connected(seed, LinkConfig(loss=loss, jitter=0.02 if loss else 0.0, duplicate=loss / 4))
    picture = LadderPicture(session.trace)
    root = check_sheet(picture.sheet())
    found = passages(session.trace)
    gone = [p for p in found.all if not p.arrivals and p.fate in ("lost", "unroutable", "filtered")]
    crosses = [
        e for e in root.iter(f"{SVG}path") if e.get("stroke") == RED_CROSS and "m" not in e.get("d", "")
    ]
    in_legend = 1 if gone else 0
    assert len(crosses) == len(gone) + in_legend
    written = words(root)
    for passage in found.all:
        assert any(passage.names.split(",")[0] in line for line in written)
    assert written.count("lost") == sum(p.fate == "lost" for p in gone)
    assert ("dashed: sent again" in written) == any(p.is_again for p in found.all)


def test_flights_phases_and_round_trips_are_counted() -> None:
    written = words(check_sheet(LadderPicture(connected().trace).sheet()))
    assert [line for line in written if line.startswith("flight ")] == [
        "flight 1",
        "flight 4",
        "flight 5",
        "flight 6",
    ]
    for phase in ("ICE", "DTLS", "SCTP"):
        assert phase in written
    assert written.count("2 RTT") >= 1 and "80 ms" in written
    trips = [line for line in written if re.fullmatch(r"RTT \d+", line)]
    assert trips == [f"RTT {number}" for number in range(1, len(trips) + 1)] and len(trips) >= 4


def test_servers_nats_addresses_and_calls_are_there() -> None:
    written = words(check_sheet(LadderPicture(connected().trace, title="A call").sheet()))
    for text in ("A call", "alice", "bob", "NAT", "203.0.113.1", "STUN server", "192.0.2.53:3478"):
        assert text in written
    assert "create_data_channel('chat')" in written and "send('Hello, Bob!')" in written
    assert "signaling: have-local-offer" in written
    bare = words(check_sheet(LadderPicture(connected().trace, notes=False).sheet()))
    assert "send('Hello, Bob!')" not in bare


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_trace_of_one_end_has_level_arrows(who: str) -> None:
    trace = one_end(connected().trace, who)
    root = check_sheet(LadderPicture(trace, names={"peer": "someone"}).sheet())
    assert "someone" in words(root)
    title = [t for t in titles(root) if "INIT-ACK" in t and t.startswith((who, "someone"))]
    assert title and not any("on its way" in t for t in title)


def test_bulk_is_folded_and_said_in_numbers() -> None:
    session = Session(seed=3, link=LinkConfig(loss=0.02, rate_bps=20e6))
    session.connect()
    for _ in range(10):
        session.alice.send("chat", bytes(60_000))
    session.run(3.0)
    found = passages(session.trace)
    folded = LadderPicture(session.trace).sheet()
    written = words(check_sheet(folded))
    data = sum(s.name == "DATA" for p in found.all for s in p.summaries)
    assert any(re.match(r"\d\d+ × DATA", line) for line in written)
    assert sum(line == "DATA" for line in written) < data / 4
    assert any(line.startswith("bob: ") and line.endswith(" × message") for line in written)
    whole = LadderPicture(session.trace, fold=False).sheet()
    check_sheet(whole)
    assert whole.height > 2 * folded.height


def test_a_part_can_be_chosen() -> None:
    trace = connected().trace
    part = words(check_sheet(LadderPicture(trace, since=0.05, until=0.13).sheet()))
    assert "ClientHello" in part and "COOKIE-ACK" not in part and "create_data_channel('chat')" not in part


def test_an_endless_trace_is_cut_and_says_so() -> None:
    trace = Trace()
    for number in range(1500):
        trace.append(
            PacketEntry(
                number, "a", "udp", Direction.OUT, b"\xc0" + number.to_bytes(2, "big"), Address("10.0.0.1", 1)
            )
        )
    written = words(check_sheet(LadderPicture(trace).sheet()))
    assert any(re.match("900 more datagrams or entries are not drawn", line) for line in written)


def test_an_empty_trace_is_an_empty_ladder() -> None:
    assert "no datagrams" in words(check_sheet(LadderPicture(Trace()).sheet()))
    lonely = Trace()
    lonely.append(CallEntry(0.0, "a", "create_offer"))
    assert "create_offer()" in words(check_sheet(LadderPicture(lonely).sheet()))


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.sampled_from("ab"),
            st.sampled_from(["in", "out", "call", "event", "timer"]),
            st.binary(min_size=1, max_size=80),
            st.text(max_size=80),
        ),
        max_size=25,
    )
)
def test_whatever_a_trace_holds_it_can_be_drawn(things: list[tuple[float, str, str, bytes, str]]) -> None:
    trace = Trace()
    for at, who, kind, data, text in sorted(things, key=lambda thing: thing[0]):
        if kind == "call":
            trace.append(CallEntry(at, who, "send", {"data": text}))
        elif kind == "event":
            trace.append(EventEntry(at, who, text or "x", text))
        elif kind == "timer":
            trace.append(TimerEntry(at, who, "sctp", text))
        else:
            here, there = Address("10.0.0.1", 1), Address("2001:db8:1111:2222:3333:4444:5555:6666", 65535)
            trace.append(PacketEntry(at, who, "udp", Direction(kind), data, here, there))
    check_sheet(LadderPicture(trace).sheet())
    check_sheet(LadderPicture(trace, fold=False, notes=False).sheet())


def test_what_is_hidden_exists() -> None:
    assert all(hasattr(Peer, name) for name in HIDDEN_CALLS - {"Peer"}), (
        "a name that is no command hides nothing"
    )


def test_a_ladder_prints_as_text_and_shows_as_a_picture() -> None:
    ladder = connected().trace.ladder()
    assert "ClientHello" in str(ladder) and "<svg" not in str(ladder)
    assert ladder._repr_html_().startswith("<svg ") and "ClientHello" in ladder._repr_html_()
    assert ladder.mermaid().startswith("sequenceDiagram\n")

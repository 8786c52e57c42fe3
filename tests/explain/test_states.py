"""Pictures of state machines: all of the table, nothing but the table, and the right state lit."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidAccessError
from rtcpy.dtls.flights12 import CLIENT, SERVER
from rtcpy.dtls.states import TRANSITIONS as DTLS
from rtcpy.explain.states import MACHINES, charts, draw, state_chart, state_machine
from rtcpy.explain.trace import StateEntry
from rtcpy.ice import checklist
from rtcpy.ice.states import transitions
from rtcpy.peer.states import SIGNALING_TRANSITIONS
from rtcpy.sctp.channel import CHANNEL_TRANSITIONS
from rtcpy.sctp.states import TRANSITIONS as SCTP
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session
from tests.explain.sheets import check_sheet, titles, words

TABLES = {
    "ice-pair": checklist.TRANSITIONS,
    "dtls": DTLS,
    "dtls-client": CLIENT,
    "dtls-server": SERVER,
    "sctp": SCTP,
    "channel": CHANNEL_TRANSITIONS,
}


@pytest.mark.parametrize("name", MACHINES)
def test_the_picture_has_every_state_and_every_transition(name: str) -> None:
    chart = state_chart(name)
    root = check_sheet(draw(chart))
    written, shown = words(root), "\n".join(titles(root)).split("\n")
    for state in chart.machine.states:
        assert written.count(state) >= 1, f"{state} is not in the picture"
    assert chart.machine.transitions
    for row in chart.machine.transitions:
        assert f"{row.old} → {row.new}: {row.cause}" in shown
    arrows = {line for line in shown if " → " in line and ": " in line}
    assert arrows == {f"{row.old} → {row.new}: {row.cause}" for row in chart.machine.transitions}


@pytest.mark.parametrize("name", TABLES)
def test_the_rows_are_those_that_the_layer_runs_by(name: str) -> None:
    rows = {(row.old, row.cause, row.new) for row in state_machine(name).transitions}
    assert rows == {(old.value, cause.value, new.value) for (old, cause), new in TABLES[name].items()}


def test_signaling_has_its_table_and_close() -> None:
    rows = {(row.old, row.cause, row.new) for row in state_machine("signaling").transitions}
    table = {(str(a), f"{side} {kind}", str(b)) for (a, side, kind), b in SIGNALING_TRANSITIONS.items()}
    assert table < rows
    assert {row[1] for row in rows - table} == {"close()"}


@pytest.mark.parametrize("name", MACHINES)
def test_each_state_can_be_lit(name: str) -> None:
    for state in state_machine(name).states:
        root = check_sheet(draw(state_chart(name, current=state, visited=[state], who="bob")))
        assert f"{state}: the current state" in titles(root)
        assert words(root)[0].startswith("bob: ") and words(root)[0].endswith(f"is {state}")


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidAccessError, match=r"'tcp'; there are signaling, connection, ice"):
        state_chart("tcp")
    with pytest.raises(InvalidAccessError, match="SCTP association has no state 'OPEN', only CLOSED"):
        state_chart("sctp", current="OPEN")


def test_charts_of_a_trace_follow_it() -> None:
    session = Session(seed=1)
    session.connect()
    session.run(0.5)
    for end in session.ends:
        lit = {chart.machine.name: chart.current for chart in session.trace.state_charts(end.name)}
        assert lit == {
            "signaling": "stable",
            "connection": str(end.peer.connection_state),
            "ice": "completed",
            "dtls": "connected",
            "sctp": "ESTABLISHED",
        }
    moved = next(entry for entry in session.trace.of(StateEntry, who="alice") if entry.layer == "dtls")
    before = {c.machine.name: c.current for c in charts(session.trace, "alice", until=moved.number)}
    after = {c.machine.name: c.current for c in charts(session.trace, "alice", until=moved.number + 1)}
    assert "dtls" not in before and after["dtls"] == "connecting"
    assert charts(session.trace, "nobody") == []
    session.alice.peer.close(now=session.now)
    session.network.settle()
    closed = {chart.machine.name: chart.current for chart in session.trace.state_charts("alice")}
    assert closed == {
        "signaling": "closed",
        "connection": "closed",
        "ice": "closed",
        "dtls": "closed",
        "sctp": "CLOSED",
    }


@pytest.mark.parametrize("seed", range(6))
def test_every_move_that_the_layers_make_is_in_their_pictures(seed: int) -> None:
    """Above all for ICE, whose states are computed: the arrows of the picture are found by asking, not by running."""
    session = Session(seed=seed, link=LinkConfig(loss=0.25, jitter=0.03, duplicate=0.05))
    session.connect()
    session.network.outage(session.now + 1, 12.0)
    session.run(20.0)
    session.network.outage(session.now, 60.0)
    session.run(60.0)
    for end in session.ends:
        end.peer.close(now=session.now)
    session.network.settle()
    known = {
        machine: {(row.old, row.new) for row in state_machine(machine).transitions} for machine in MACHINES
    }
    names = {("dtls", "DtlsTransport"): "dtls", ("sctp", "association"): "sctp", ("ice", "connection"): "ice"}
    names |= {("peer", "signaling"): "signaling", ("peer", "connection"): "connection"}
    seen: dict[str, int] = {}
    for entry in session.trace.of(StateEntry):
        machine = names.get((entry.layer, entry.what))
        if machine is None and entry.layer == "ice" and " -> " in entry.what:
            machine = "ice-pair"
        if machine is not None and entry.old != entry.new:
            assert (entry.old, entry.new) in known[machine], f"{machine}: {entry}"
            seen[machine] = seen.get(machine, 0) + 1
    assert set(seen) == {"signaling", "connection", "ice", "ice-pair", "dtls", "sctp"}
    assert any(entry.new == "failed" for entry in session.trace.of(StateEntry) if entry.what == "connection")


def test_ice_reaches_every_state_and_leaves_none_for_ever() -> None:
    moves = transitions()
    states = {old for old, _ in moves} | {new for _, new in moves}
    assert {state.value for state in states} == {
        "new",
        "checking",
        "connected",
        "completed",
        "disconnected",
        "failed",
    }
    assert all(any(old is state for old, _ in moves) for state in states)
    assert all(causes for causes in moves.values())

"""What the tables of ICE say is what the agents know, and a history misses no change."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidStateError
from rtcpy.explain.trace import StateEntry
from rtcpy.ice import pair_priority
from rtcpy.lab.candidates import PairHistory, agent_of, candidates, mappings, pairs, watch
from rtcpy.lab.unbundled import BOB, unbundled
from rtcpy.sim import PORT_RESTRICTED_CONE, Session
from rtcpy.sim.script import trickle


def homes(seed: str = "tables") -> Session:
    """Two ends behind port-restricted routers, with all calls made and nothing on its way yet."""
    session = Session(
        seed=seed,
        nats=(PORT_RESTRICTED_CONE, PORT_RESTRICTED_CONE),
        script=(trickle("alice", "bob"), trickle("bob", "alice")),
    )
    session.exchange_descriptions()
    return session


def test_there_is_no_agent_without_a_description() -> None:
    with pytest.raises(InvalidStateError, match="alice has no local description yet"):
        candidates(Session(seed=1).alice)


def test_candidates_and_mappings() -> None:
    session = homes()
    watch(session, 1.0)
    table = candidates(session.alice)
    assert table.column("type") == ["host", "srflx"]
    assert table.column("address") == ["192.168.0.2:5001", "203.0.113.1:5001"]
    assert table.column("base") == ["192.168.0.2:5001"] * 2
    assert table.column("priority") == ["2130706431", "1694498815"]
    assert table.column("type preference") == ["126", "100"]
    assert table.column("local preference") == ["65535", "65535"]
    known = candidates(session.bob, remote=True)
    assert known.column("address") == table.column("address") and set(known.column("base")) == {"—"}
    lent = mappings(session, "alice")
    assert lent.column("seen outside as") == ["203.0.113.1:5001"]
    assert "192.0.2.53:3478" in lent.column("has sent to")[0]
    with pytest.raises(KeyError):
        mappings(session, "carol")


def test_pairs() -> None:
    session = homes()
    watch(session, 1.0)
    table = pairs(session.alice)
    assert table.column("pair")[1] == "192.168.0.2:5001 → 198.51.100.2:5001"
    assert table.column("priority")[1] == str(pair_priority(2130706431, 1694498815))
    assert table.column("state") == ["in-progress", "succeeded"]
    assert "nominated, in use" in str(table)


def test_a_history_has_every_change_that_the_tap_saw() -> None:
    session = homes()
    for history in watch(session, 1.0):
        name = history.who
        seen: dict[str, list[str]] = {}
        for entry in session.trace.of(StateEntry, who=name):
            if entry.layer == "ice" and " -> " in entry.what and entry.new != "waiting":
                way = seen.setdefault(entry.what, [])
                if way[-1:] != [entry.new]:  # a triggered check begins anew within one instant
                    way.append(entry.new)
        noted: dict[str, list[str]] = {}
        for move in history.moves:
            if move.new in ("in-progress", "succeeded"):
                noted.setdefault(f"{move.local} -> {move.remote}", []).append(move.new)
        assert noted == seen and len(noted) == 2
        agent = agent_of(session.end(name))
        assert [key[2] for key in history.seen] == [
            pair.remote.transport_address for pair in agent.list_candidate_pairs()
        ]
        assert [move.new for move in history.moves][-1] == "succeeded, nominated"
    assert session.now == 1.0


def test_the_states_of_a_pair_column_by_column() -> None:
    alice, _ = watch(homes(), 1.0)
    key = next(key for key, pair in alice.seen.items() if pair.nominated)
    states = alice.states(*key)
    assert len(states) == len(alice.instants) and states[0] == ""
    assert list(dict.fromkeys(states)) == ["", "waiting", "in-progress", "succeeded", "succeeded, nominated"]
    html = alice._repr_html_()
    assert html.count("<tr>") == 1 + len(alice.seen)
    assert html.count("<th") == 1 + len(alice.instants)
    assert "nominated" in str(alice) and "stream" not in str(alice)


def test_a_pair_that_is_gone() -> None:
    session = homes()
    history = PairHistory("alice")
    agent = agent_of(session.alice)
    history.look(agent, 0.0)
    session.run(1.0)
    del agent._sessions.current.checklists.lists[0].pairs[0]
    history.look(agent, 1.0)
    assert history.moves[-1].new == "" and "gone" in str(history)


@pytest.mark.parametrize("dead", BOB)
def test_the_twin_of_a_dead_pair_stays_frozen(dead: str) -> None:
    history = unbundled(dead=dead)
    assert all(history.states(*key)[0] == "frozen" for key in history.seen if key[0] == 1)
    for key in history.seen:
        states = history.states(*key)
        if key[2].host == dead:
            assert not any("succeeded" in state for state in states)
            assert key[0] == 0 or set(states) == {"frozen"}
        else:
            assert "succeeded" in states[-1]
    assert "stream 1" in str(history) and "stream 1" in history._repr_html_()


def test_streams_as_many_as_asked_for() -> None:
    history = unbundled(streams=3)
    assert {key[0] for key in history.seen} == {0, 1, 2} and len(history.seen) == 6

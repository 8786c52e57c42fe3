"""Two peers in virtual time, every call made by hand: what is told, what is not, and that it repeats."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidStateError
from rtcpy.explain import States
from rtcpy.sim import SYMMETRIC, LinkConfig, Session


def test_it_connects_and_carries_messages() -> None:
    call = Session(seed=1)
    call.connect()
    call.alice.send("chat", "ping")
    call.bob.send("chat", b"pong")
    call.run(1)
    assert call.bob.received == ["ping"] and call.alice.received == [b"pong"]
    assert call.states().rows[3] == ("connectionState", "connected", "connected")


def test_a_seed_repeats_to_the_byte() -> None:
    runs = []
    for seed in ("a", "a", "b"):
        call = Session(seed=seed)
        call.connect()
        runs.append((call.ladder().render(), str(call.news()), list(call.network.log or ())))
    assert runs[0] == runs[1] != runs[2]


def test_nothing_moves_by_itself() -> None:
    call = Session()
    call.alice.create_data_channel("chat")
    offer = call.alice.create_offer()
    assert call.now == 0 and call.packets == 0 and not call.alice.candidates
    call.alice.set_local_description(offer)
    assert call.now == 0 and call.packets == 1  # the question to the STUN server


def test_news_are_told_once() -> None:
    call = Session()
    call.alice.create_data_channel("chat")
    assert call.news().names("alice") == ["negotiationneeded"]
    assert str(call.news()) == "nothing happened"


def test_candidates_are_taken_once_and_end_with_none() -> None:
    call = Session()
    call.alice.create_data_channel("chat")
    call.alice.set_local_description()
    call.run(1)
    found = call.alice.take_candidates()
    assert [c.candidate.split()[7] for c in found if c and c.candidate] == ["host", "srflx"]
    assert found[-1] is None and call.alice.take_candidates() == []


def test_early_candidates_are_refused() -> None:
    call = Session()
    call.bob.create_data_channel("chat")
    call.bob.set_local_description()
    with pytest.raises(InvalidStateError):
        call.alice.add_ice_candidate(call.bob.candidates[0])


def test_two_symmetric_routers_cannot_be_crossed() -> None:
    with pytest.raises(TimeoutError, match="not connected after 30 s"):
        Session(nats=(SYMMETRIC, SYMMETRIC)).connect()


def test_a_bad_network_delays_and_no_more() -> None:
    call = Session(seed=3, link=LinkConfig(delay=0.02, loss=0.2))
    call.connect()
    assert call.alice.open == {"chat"}


def test_states_are_a_table_in_both_forms() -> None:
    call = Session()
    states = States([("alice", call.alice.peer)])
    assert str(states).splitlines()[1].split() == ["signalingState", "stable"]
    assert "DTLS transport      —" in str(states)
    assert states._repr_html_().count("<tr>") == 7

"""The two small decision tables: role conflicts and the public state."""

from __future__ import annotations

from itertools import product

import pytest

from rtcpy.ice.events import IceConnectionState as State
from rtcpy.ice.roles import Verdict, judge_role
from rtcpy.ice.states import Facts, combined_state, stream_state


@pytest.mark.parametrize(
    ("controlling", "ours", "theirs_controlling", "theirs_controlled", "expected"),
    [  # RFC 8445 §7.3.1.1, bullet by bullet
        (True, 5, 4, None, Verdict.REFUSE),
        (True, 5, 5, None, Verdict.REFUSE),
        (True, 5, 6, None, Verdict.SWITCH),
        (False, 5, None, 4, Verdict.SWITCH),
        (False, 5, None, 5, Verdict.SWITCH),
        (False, 5, None, 6, Verdict.REFUSE),
        (False, 5, 9, None, Verdict.AGREE),
        (True, 5, None, 9, Verdict.AGREE),
        (True, 5, None, None, Verdict.AGREE),
        (False, 5, None, None, Verdict.AGREE),
    ],
)
def test_role_table(
    controlling: bool,
    ours: int,
    theirs_controlling: int | None,
    theirs_controlled: int | None,
    expected: Verdict,
) -> None:
    assert judge_role(controlling, ours, theirs_controlling, theirs_controlled) is expected


def test_exactly_one_side_yields_when_tie_breakers_differ() -> None:
    """Whoever's request arrives first, the larger tie-breaker ends up controlling."""
    for controlling, (big, small) in product((True, False), ((9, 3), (2**64 - 1, 0))):
        claim = (lambda n: (n, None)) if controlling else (lambda n: (None, n))
        at_big = judge_role(controlling, big, *claim(small))
        at_small = judge_role(controlling, small, *claim(big))
        assert {at_big, at_small} == {Verdict.REFUSE, Verdict.SWITCH}
        assert at_big is (Verdict.REFUSE if controlling else Verdict.SWITCH)


def all_facts() -> list[Facts]:
    names = Facts.__slots__
    return [
        Facts(**dict(zip(names, values, strict=True))) for values in product((False, True), repeat=len(names))
    ]


def test_every_combination_of_facts_has_its_state() -> None:
    """The sentences of W3C webrtc §5.6.4, asked of all 512 combinations."""
    for facts in all_facts():
        state = stream_state(facts)
        answering = facts.path and not facts.silent
        assert (state in (State.CONNECTED, State.COMPLETED)) == answering, "connected means a usable path"
        if state is State.COMPLETED:
            assert facts.nominated and not facts.candidates_left and not facts.checks_left
        if state is State.FAILED:
            assert not facts.path and not facts.checks_left
            assert facts.expired or not (facts.patience_left or facts.candidates_left), "RFC 8863 §4"
        if state is State.NEW:
            assert not facts.path and not facts.checks_left and not facts.pairs and not facts.restarted
        if state is State.DISCONNECTED:
            hope = facts.checks_left or facts.candidates_left or facts.patience_left
            if facts.path and facts.restarted:
                assert not hope, "a restart forgets that connectivity was lost"
        assert state is not State.CLOSED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [  # the example transitions of W3C webrtc §5.6.4
        (Facts(), State.NEW),
        (Facts(pairs=True, checks_left=True), State.CHECKING),
        (Facts(path=True, pairs=True, checks_left=True), State.CONNECTED),
        (Facts(pairs=True, patience_left=False), State.DISCONNECTED),
        (Facts(pairs=True, patience_left=False, candidates_left=False), State.FAILED),
        (Facts(path=True, nominated=True, pairs=True, candidates_left=False), State.COMPLETED),
        (Facts(path=True, silent=True, nominated=True, candidates_left=False), State.DISCONNECTED),
        (Facts(path=True, silent=True, restarted=True), State.CHECKING),
        (Facts(restarted=True), State.CHECKING),
        (Facts(path=True, restarted=True), State.CONNECTED),
        (Facts(pairs=True, expired=True), State.FAILED),
        (Facts(pairs=True), State.CHECKING),
        (Facts(patience_left=False, candidates_left=False), State.FAILED),
    ],
)
def test_examples(facts: Facts, expected: State) -> None:
    assert stream_state(facts) is expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([State.NEW, State.NEW], State.NEW),
        ([State.NEW, State.CHECKING], State.CHECKING),
        ([State.NEW, State.CONNECTED], State.CHECKING),
        ([State.CONNECTED, State.COMPLETED], State.CONNECTED),
        ([State.COMPLETED, State.COMPLETED], State.COMPLETED),
        ([State.COMPLETED, State.DISCONNECTED], State.DISCONNECTED),
        ([State.DISCONNECTED, State.FAILED], State.FAILED),
        ([State.CHECKING, State.FAILED], State.FAILED),
    ],
)
def test_combined(states: list[State], expected: State) -> None:
    assert combined_state(states) is expected

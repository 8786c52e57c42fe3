"""Each blank: the empty form fails, the model solution passes, three wrong ones are told why; and it runs in the live stack."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rtcpy.sim import LinkConfig, Session
from rtcpy.testing.blanks import BLANKS, check, named, swapped
from tests.testing.blank_solutions import ANSWERS

TELLS_WHY = re.compile(r"give.*; right is ", re.DOTALL)
WRONG = [(name, wrong) for name, (_, wrongs) in ANSWERS.items() for wrong in wrongs]
LOSSY = LinkConfig(loss=0.1, jitter=0.02)
MESSAGE = bytes(20_000)


def call() -> Session:
    """Two peers that have connected and exchanged a message large enough for several packets."""
    session = Session(seed="blanks", link=LOSSY)
    session.connect()
    session.alice.send("chat", MESSAGE)
    session.run(20, stop=lambda: bool(session.bob.received))
    return session


def test_there_are_ten_and_each_has_answers() -> None:
    assert list(BLANKS) == list(ANSWERS) and len(BLANKS) == 10
    assert all(blank.name == name for name, blank in BLANKS.items())


@pytest.mark.parametrize("name", BLANKS)
def test_the_blank_says_what_is_to_be_written(name: str) -> None:
    blank = named(name)
    assert re.search(r"RFC \d+ (§|appendix )", blank.rfc)
    assert "your turn" in blank.source and len(blank.task) > 80
    assert blank.empty().__doc__


@pytest.mark.parametrize("name", BLANKS)
def test_the_empty_form_fails(name: str) -> None:
    with pytest.raises(AssertionError, match="; right is "):
        check(name, named(name).empty())


@pytest.mark.parametrize("name", BLANKS)
def test_the_model_solution_passes(name: str) -> None:
    check(name, ANSWERS[name][0])


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=[wrong.__name__ for _, wrong in WRONG])
def test_a_wrong_solution_is_told_why(name: str, wrong: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        check(name, wrong)
    assert TELLS_WHY.search(str(caught.value)), caught.value


@pytest.mark.parametrize("name", BLANKS)
def test_the_live_stack_runs_on_the_model_solution(name: str) -> None:
    with swapped(name, ANSWERS[name][0]) as used:
        mine = call()
    assert mine.bob.received == [MESSAGE]
    assert used.calls > 0, "the stack never asked it"
    if name != "foundation":  # free to choose; everything else is fixed by the RFC, so not a byte may differ
        assert mine.network.log == call().network.log


@pytest.mark.parametrize(
    "wrong",
    [
        ("stun_header", ANSWERS["stun_header"][1][2]),
        ("prf", lambda secret, label, seed, length: bytes(length)[:3]),
        ("crc32c", ANSWERS["crc32c"][1][2]),
    ],
    ids=lambda wrong: wrong[0],
)
def test_the_live_stack_breaks_with_a_wrong_one(wrong: tuple[str, Any]) -> None:
    """Otherwise the swap would be a show."""
    session = Session(seed="blanks", link=LOSSY)
    with swapped(*wrong):
        try:
            session.connect()
            session.alice.send("chat", MESSAGE)
            session.run(5)
        except Exception:  # noqa: BLE001  a wrong answer may break whatever it likes
            return
    assert session.bob.received != [MESSAGE]


def test_a_wrong_priority_is_seen_in_the_description() -> None:
    with swapped("candidate_priority", lambda kind, local, component: 7):
        session = call()
    description = session.alice.peer.local_description
    assert description is not None and " 7 192.168.0.2 " in description.sdp


def test_the_stack_is_as_before_afterwards() -> None:
    before = call()
    with pytest.raises(ZeroDivisionError), swapped("prf", lambda *_: b""):
        raise ZeroDivisionError
    assert call().network.log == before.network.log


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="there are stun_header, mapped_address"):
        named("nonsense")

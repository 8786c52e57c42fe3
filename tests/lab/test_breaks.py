"""Each break has a question with one true answer, and evidence that names the check and its section."""

from __future__ import annotations

import re

import pytest

from rtcpy.lab.breaks import (
    BREAKS,
    FLIPPED_FINGERPRINT,
    GLARE,
    LOST_FLIGHT,
    REPLAYED_RECORD,
    SAME_TIE_BREAKER,
    SHRUNK_PATH,
    WRONG_INTEGRITY,
    Break,
    Outcome,
    change_password,
    flip_fingerprint,
)

PLAYED: dict[str, Outcome] = {}


def played(broken: Break) -> Outcome:
    """The outcome; each break is played once."""
    if broken.name not in PLAYED:
        PLAYED[broken.name] = broken.run()
    return PLAYED[broken.name]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.name)
def test_exactly_one_choice_comes_true(broken: Break) -> None:
    outcome = played(broken)  # `run` asserts that it is one
    assert 0 <= outcome.happened < len(broken.choices) >= 4
    assert outcome.refusals or broken is SAME_TIE_BREAKER, "the check that failed is shown"
    assert (
        re.search(r"(RFC \d+|W3C [a-z-]+) §", broken.section) and broken.why and broken.question.endswith("?")
    )


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.name)
def test_predictions_are_compared(broken: Break) -> None:
    outcome = played(broken)
    right = outcome.compare(outcome.letter)
    assert right.is_right and "As you said" in str(right) and "#116329" in right._repr_html_()
    wrong = outcome.compare((outcome.happened + 1) % len(broken.choices))
    assert wrong.is_right is False
    assert "You said" in str(wrong) and "What happened" in str(wrong) and "#a40e26" in wrong._repr_html_()
    assert outcome.is_right is None and "What happened" in str(outcome)
    for nonsense in ("z", "", 17, -1, "ab"):
        with pytest.raises(ValueError, match="no choice"):
            outcome.compare(nonsense)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.name)
def test_the_question_does_not_give_the_answer_away(broken: Break) -> None:
    assert str(broken).startswith("Break it: ") and "a) " in str(broken) and "d) " in str(broken)
    assert (
        broken.why not in str(broken)
        and "<ol" in broken._repr_html_()
        and broken.section not in broken._repr_html_()
    )


def test_a_break_is_the_same_each_time() -> None:
    assert str(WRONG_INTEGRITY.run()) == str(played(WRONG_INTEGRITY))


def test_a_break_in_which_nothing_comes_true_says_so() -> None:
    broken = Break(
        name="nothing",
        question="?",
        choices=tuple(choice for n, choice in enumerate(GLARE.choices) if n != played(GLARE).happened),
        why="",
        section="",
        play=GLARE.play,
        look=GLARE.look,
        telling=GLARE.telling,
    )
    with pytest.raises(AssertionError, match="came true"):
        broken.run()


def test_flipped_fingerprint() -> None:
    outcome = played(FLIPPED_FINGERPRINT)
    assert outcome.letter == "c"
    [refusal] = outcome.refusals
    assert (refusal.who, refusal.layer, refusal.section) == (
        "bob",
        "dtls",
        "RFC 8122 §5.1",
    ) and refusal.is_fatal
    assert "certificate" in refusal.check and "DTLS transport failed" in str(outcome.evidence["bob"])
    assert outcome.evidence["messages received by Bob"] == 0


def test_lost_flight() -> None:
    outcome = played(LOST_FLIGHT)
    assert outcome.letter == "c" and outcome.evidence["over after"] == "120 s"
    assert str(outcome.evidence["gaps between them"]).startswith("0.25 s, 0.5 s, 1 s, 2 s")
    assert {refusal.who for refusal in outcome.refusals} == {"alice", "bob"}
    assert all(refusal.section == "RFC 6347 §4.2.4" for refusal in outcome.refusals)


def test_wrong_integrity() -> None:
    outcome = played(WRONG_INTEGRITY)
    assert outcome.letter == "a"
    sections = {(refusal.who, refusal.section) for refusal in outcome.refusals}
    assert sections == {("alice", "RFC 8489 §9.1.3"), ("bob", "RFC 8445 §7.2.5.4")}


def test_same_tie_breaker() -> None:
    outcome = played(SAME_TIE_BREAKER)
    assert outcome.letter == "d"
    assert outcome.evidence["487 Role Conflict"] >= 2  # type: ignore[operator]
    assert sorted(str(outcome.evidence["in the end"]).replace(",", "").split()[1::2]) == [
        "controlled",
        "controlling",
    ]


def test_replayed_record() -> None:
    outcome = played(REPLAYED_RECORD)
    assert outcome.letter == "c" and outcome.evidence["datagrams with the message that reached Bob"] == 2
    [refusal] = outcome.refusals
    assert (refusal.who, refusal.layer, refusal.section) == ("bob", "dtls", "RFC 6347 §4.1.2.6")


def test_shrunk_path() -> None:
    outcome = played(SHRUNK_PATH)
    assert outcome.letter == "b" and outcome.evidence["datagrams that vanished"] == len(outcome.refusals) > 0
    assert str(outcome.evidence["longest datagram before"]) > "1"
    assert all("larger than the 1,250 bytes" in refusal.check for refusal in outcome.refusals)


def test_glare() -> None:
    outcome = played(GLARE)
    assert outcome.letter == "d" and outcome.evidence["answers refused"] == 2
    assert {refusal.who for refusal in outcome.refusals} == {"alice", "bob"}
    assert all("InvalidStateError" in refusal.check for refusal in outcome.refusals)


def test_one_bit_and_one_character() -> None:
    text = "a=ice-pwd:abc\r\na=fingerprint:sha-256 E3:27\r\n"
    assert flip_fingerprint(text) == "a=ice-pwd:abc\r\na=fingerprint:sha-256 E2:27\r\n"
    assert change_password(text) == "a=ice-pwd:aba\r\na=fingerprint:sha-256 E3:27\r\n"
    assert change_password("a=ice-pwd:aba\r\n") == "a=ice-pwd:abb\r\n"

"""Each exercise: the blank fails its check, the model solution passes, and three wrong ones are told what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtcpy.lab import exercises
from rtcpy.testing.blanks import BLANKS
from rtcpy.testing.blanks_stun import check_mapped_address, check_stun_header
from tests.notebooks import solutions
from tests.notebooks.lessons import run
from tests.testing.blank_solutions import ANSWERS

EXERCISES: list[tuple[str, Callable[[Any], None], Any, list[Any]]] = [
    (
        "00_bytes_and_declarations",
        exercises.check_padded,
        solutions.padded,
        [solutions.padded_always, solutions.padded_in_front, solutions.padded_to_two],
    ),
    (
        "00_bytes_and_declarations",
        exercises.check_data_header,
        solutions.data_header,
        [solutions.data_header_little, solutions.data_header_swapped, solutions.data_header_whole_byte],
    ),
    (
        "00_bytes_and_declarations",
        exercises.check_channel_data,
        solutions.ChannelData,
        [solutions.ChannelDataTotal, solutions.ChannelDataPadded, solutions.ChannelDataOpen],
    ),
    (
        "01_sdp",
        exercises.check_parameters,
        solutions.parameters,
        [solutions.parameters_downwards, solutions.parameters_with_clock, solutions.parameters_first_word],
    ),
    (
        "01_sdp",
        exercises.check_ufrag,
        solutions.ufrag_of,
        [solutions.ufrag_of_first, solutions.ufrag_of_section_only, solutions.ufrag_of_last_seen],
    ),
    (
        "02_stun",
        check_stun_header,
        solutions.stun_header,
        [solutions.stun_header_any_cookie, solutions.stun_header_any_length, solutions.stun_header_takes_rtp],
    ),
    (
        "02_stun",
        check_mapped_address,
        solutions.mapped_address,
        [
            solutions.mapped_address_plain,
            solutions.mapped_address_plain_port,
            solutions.mapped_address_wrong_half,
        ],
    ),
    *[
        ("03_ice", BLANKS[name].check, ANSWERS[name][0], list(ANSWERS[name][1]))
        for name in ("candidate_priority", "foundation")
    ],
    *[
        ("05_dtls12", BLANKS[name].check, ANSWERS[name][0], list(ANSWERS[name][1]))
        for name in ("prf", "ReplayWindow")
    ],
    *[
        ("09_sctp", BLANKS[name].check, ANSWERS[name][0], list(ANSWERS[name][1]))
        for name in ("crc32c", "serial_distance", "gap_blocks", "retransmission_timeout")
    ],
    (
        "10_data_channels",
        exercises.check_open_message,
        solutions.open_message,
        [
            solutions.open_message_counts_characters,
            solutions.open_message_always_ordered,
            solutions.open_message_zero_is_no_limit,
        ],
    ),
    (
        "10_data_channels",
        exercises.check_next_id,
        solutions.next_id,
        [
            solutions.next_id_odd_for_the_client,
            solutions.next_id_counts_its_own,
            solutions.next_id_without_an_end,
        ],
    ),
    (
        "11_offer_answer",
        exercises.check_next_state,
        solutions.next_state,
        [
            solutions.next_state_anything_goes,
            solutions.next_state_answers_itself,
            solutions.next_state_no_glare,
        ],
    ),
    (
        "11_offer_answer",
        exercises.check_inbox,
        solutions.Inbox,
        [solutions.InboxHasty, solutions.InboxForgetful, solutions.InboxBackwards],
    ),
    (
        "12_one_connection",
        exercises.check_which_protocol,
        solutions.which_protocol,
        [
            solutions.which_protocol_as_in_2010,
            solutions.which_protocol_exclusive,
            solutions.which_protocol_by_two_bits,
        ],
    ),
    (
        "12_one_connection",
        exercises.check_round_trips,
        solutions.round_trips,
        [
            solutions.round_trips_in_pairs,
            solutions.round_trips_lost_ones_count,
            solutions.round_trips_first_to_leave,
        ],
    ),
    (
        "14_your_browser",
        exercises.check_hides_its_address,
        solutions.hides_its_address,
        [
            solutions.hides_its_address_anywhere,
            solutions.hides_its_address_exactly,
            solutions.hides_its_address_any_name,
        ],
    ),
]

NAMES = [solution.__name__ for _, _, solution, _ in EXERCISES]


@pytest.mark.parametrize(("lesson", "check", "solution", "wrong"), EXERCISES, ids=NAMES)
def test_the_blank_fails(
    lesson: str,
    check: Callable[[Any], None],
    solution: Any,
    wrong: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    blank = run(lesson).names[solution.__name__]
    assert not exercises.attempt(check, blank)
    assert capsys.readouterr().out.startswith("✘ not yet: ")


@pytest.mark.parametrize(("lesson", "check", "solution", "wrong"), EXERCISES, ids=NAMES)
def test_the_model_solution_passes(
    lesson: str,
    check: Callable[[Any], None],
    solution: Any,
    wrong: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(solution)
    assert exercises.attempt(check, solution)
    assert capsys.readouterr().out == f"✔ {solution.__name__} is right\n"


@pytest.mark.parametrize(("lesson", "check", "solution", "wrong"), EXERCISES, ids=NAMES)
def test_wrong_solutions_are_told_why(
    lesson: str, check: Callable[[Any], None], solution: Any, wrong: list[Any]
) -> None:
    assert len(wrong) == 3
    for answer in wrong:
        with pytest.raises(AssertionError, match=r"right is|when there came"):
            check(answer)


def test_a_solution_that_raises_is_no_disaster(capsys: pytest.CaptureFixture[str]) -> None:
    def clumsy(data: bytes) -> bytes:
        return data[99:100][0].to_bytes()

    exercises.attempt(exercises.check_padded, clumsy)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "✘ not yet: clumsy raised IndexError: index out of range"
    assert told[1:] == [f"  line {clumsy.__code__.co_firstlineno + 1}: return data[99:100][0].to_bytes()"]
    exercises.attempt(exercises.check_padded, int)
    assert capsys.readouterr().out.count("\n") == 1, "no line of the reader's to be named"


def test_every_exercise_of_a_lesson_is_here() -> None:
    known = {name for name in dir(exercises) if name.startswith("check_") and name != "check_wire"}
    assert known == {check.__name__ for _, check, _, _ in EXERCISES if check.__module__ == exercises.__name__}

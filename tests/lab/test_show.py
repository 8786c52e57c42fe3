"""Showing things outside Jupyter, what changed in a text, and the texts that lessons read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.explain import picture
from rtcpy.lab import difference, sample, show
from rtcpy.sctp.dcep import AckMessage

CAPTURED = Path(__file__).parents[1] / "data" / "sdp" / "captured" / "chromium-156"


def test_show_prints_outside_jupyter(capsys: pytest.CaptureFixture[str]) -> None:
    thing = picture(AckMessage, b"\x02")
    show("text", thing)
    assert capsys.readouterr().out == f"text\n{thing}\n"


def test_difference_marks_what_is_only_in_one() -> None:
    assert difference("a\nb\nc", "a\nx\nc") == "  a\n- b\n+ x\n  c"
    assert difference("a\nb\nc", "a\nx\nc", common=False) == "- b\n+ x"
    assert difference("a", "a", common=False) == ""


LINES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


@given(LINES, LINES)
def test_difference_contains_both_texts(before: list[str], after: list[str]) -> None:
    lines = difference("\n".join(before), "\n".join(after)).splitlines()
    assert [line[2:] for line in lines if line[0] in " -"] == before
    assert [line[2:] for line in lines if line[0] in " +"] == after


def test_the_sample_is_what_chromium_wrote() -> None:
    text = sample("chromium-video-offer.sdp")
    assert text.encode() == (CAPTURED / "video-only-offer.sdp").read_bytes()
    assert text.startswith("v=0\r\n")

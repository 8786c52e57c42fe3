"""Showing things outside Jupyter, what changed in a text, and the texts that lessons read."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

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


class Plot:
    """What `show` uses of a figure of matplotlib."""

    def savefig(self, file: IO[bytes], *, format: str, dpi: float) -> None:
        """Draw it."""
        file.write(f"{format} at {dpi}".encode())

    def get_figwidth(self) -> float:
        """Inches."""
        return 9.0


def test_show_draws_in_jupyter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Text is printed, HTML displayed, and a plot made a picture: Jupyter itself draws those of pyplot only."""
    figure = Plot()
    displayed: list[Any] = []
    place = SimpleNamespace(display=displayed.append, Image=lambda **given: given)
    jupyter = SimpleNamespace(get_ipython=lambda: object(), display=place)
    monkeypatch.setitem(sys.modules, "IPython", jupyter)
    thing = picture(AckMessage, b"\x02")
    show("text", thing, figure)
    assert capsys.readouterr().out == "text\n"
    assert displayed[0] is thing and len(displayed) == 2
    assert displayed[1] == {"data": b"png at 144", "format": "png", "width": 900}


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

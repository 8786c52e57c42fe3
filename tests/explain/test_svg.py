"""Drawing text that fits."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from rtcpy.explain.svg import Sheet, clean, fit, measure, wrap
from tests.explain.sheets import SVG, titles


@given(st.text(max_size=60), st.floats(20, 400), st.booleans(), st.booleans())
def test_fitted_text_fits_and_what_fits_stays(text: str, width: float, bold: bool, mono: bool) -> None:
    shown = fit(text, width, 12, bold=bold, mono=mono)
    assert measure(shown, 12, bold=bold, mono=mono) <= width
    if measure(clean(text), 12, bold=bold, mono=mono) <= width:
        assert shown == clean(text)
    else:
        assert shown.endswith("…")


@given(st.text(alphabet="ab cd,()", max_size=120), st.floats(30, 200), st.integers(1, 4))
def test_wrapped_text_fits_and_loses_no_word_unless_it_is_cut(text: str, width: float, most: int) -> None:
    lines = wrap(text, width, 11, lines=most)
    assert 1 <= len(lines) <= most
    assert all(measure(line, 11) <= width for line in lines)
    if not any(line.endswith("…") for line in lines):
        assert " ".join(lines).split() == text.split()


@given(st.text(max_size=40))
def test_a_longer_text_is_wider(text: str) -> None:
    assert measure(text + "x", 12) > measure(text, 12)
    assert measure(text, 24) == 2 * measure(text, 12)


def test_widths_are_those_of_the_font() -> None:
    assert measure("Hello", 10) == 0.01 * (752 + 615 + 278 + 278 + 612)
    assert measure("iiii", 10) < measure("mmmm", 10)
    assert measure("iiii", 10, mono=True) == measure("mmmm", 10, mono=True)


@given(st.text(), st.text())
def test_any_text_gives_a_document_and_adds_no_element(text: str, title: str) -> None:
    sheet = Sheet(200, text)
    sheet.text(10, 20, text, title=title)
    sheet.box(0, 0, 10, 10, title=title)
    sheet.grow(40)
    root = ElementTree.fromstring(sheet.svg())
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "text")
    }
    assert titles(root)[0] == clean(text)


def test_text_cannot_turn_the_direction_of_writing() -> None:
    assert clean("a\u202eb\x00c\nd") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c d"

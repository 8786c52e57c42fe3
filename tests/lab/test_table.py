"""Tables of the lab: aligned as text, escaped as HTML."""

from __future__ import annotations

import pytest

from rtcpy.lab.table import GOOD, Cell, Table


def test_text_is_aligned_and_lines_of_a_cell_are_joined() -> None:
    table = Table(["who", "n"], [["alice", 1], [Cell("bob\nand eve", GOOD), 22]], title="title", note="note")
    assert str(table) == "title\nwho          n\nalice        1\nbob and eve  22\nnote"


def test_a_column_by_its_head() -> None:
    table = Table(["who", "n"], [["alice", 1], ["bob", 22]])
    assert table.column("n") == ["1", "22"]
    with pytest.raises(ValueError, match="nothing"):
        table.column("nothing")


def test_html_is_escaped_and_coloured() -> None:
    html = Table(
        ["<head>"], [[Cell("<b>", GOOD, hint="'\"<", bold=True)]], title="<title>", note="<note>"
    )._repr_html_()
    for written in ("<head>", "<title>", "<note>", "<b></td>", "'\"<'"):
        assert written not in html
    assert f"background:{GOOD}'>&lt;b&gt;</td>" in html and "font-weight:700" in html

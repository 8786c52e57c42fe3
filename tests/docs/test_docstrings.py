"""Docstrings as Sphinx sees them: drawings stay drawings, backticks become code, sections are left to napoleon."""

from __future__ import annotations

from docstrings import converted


def test_a_drawing_is_kept() -> None:
    lines = ["A message goes down:", "", "    a", "    |", "    b", "", "Then up."]
    assert converted(lines) == [
        "A message goes down:",
        "",
        "::",
        "",
        "    a",
        "    |",
        "    b",
        "",
        "Then up.",
    ]


def test_a_drawing_may_have_blank_lines() -> None:
    lines = ["It is:", "", "    a", "", "    b", "", "Done."]
    assert converted(lines) == ["It is:", "", "::", "", "    a", "", "    b", "", "Done."]


def test_single_backticks_are_code() -> None:
    assert converted(["Takes `Datagram`s and `x`."]) == ["Takes ``Datagram``\\ s and ``x``."]
    assert converted(["Already ``code``."]) == ["Already ``code``."]


def test_argument_sections_are_left_alone() -> None:
    lines = [
        "What.",
        "",
        "Args:",
        "    a: one",
        "        and more.",
        "",
        "    b: two",
        "",
        "Raises:",
        "    E: bad.",
    ]
    assert converted(lines) == lines


def test_list_items_may_go_on() -> None:
    lines = ["- one", "", "  more of one", "- two"]
    assert converted(lines) == lines


def test_spec_lines_stand_apart() -> None:
    assert converted(["Closes.", "Spec: RFC 8445 §2."]) == ["Closes.", "", "Spec: RFC 8445 §2."]


def test_doctests_are_left_alone() -> None:
    assert converted([">>> f(`x`)", "1"]) == [">>> f(`x`)", "1"]

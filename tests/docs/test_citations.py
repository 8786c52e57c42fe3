"""Every section that is cited exists, and the page that lists them says where they are."""

from __future__ import annotations

import re

import pytest
from citations import (
    Citation,
    Place,
    address,
    citations_of,
    cited,
    coverage_page,
    covered_by,
    known_sections,
    own_test,
    unknown,
    users,
)

CODE = citations_of("rtcpy")
TESTS = citations_of("tests")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RFC 8445 §6.1.2.3.", [("8445", "6.1.2.3")]),
        ("RFC 9429 §5.5, §5.6, RFC 3264 §6", [("9429", "5.5"), ("9429", "5.6"), ("3264", "6")]),
        ("W3C webrtc §4.4.2 (close)", [("webrtc", "4.4.2")]),
        ("W3C webrtc-stats §8.18", [("webrtc-stats", "8.18")]),
        ("RFC\n    8489 §14.5", [("8489", "14.5")]),
        ("RFC 8489 §B.1", [("8489", "B.1")]),
        ("see RFC 5245. In §3 we say", []),
        ("RFC 6347 and RFC 5246 §7.4", [("5246", "7.4")]),
        ("no citation", []),
    ],
)
def test_what_counts_as_a_citation(text: str, found: list[tuple[str, str]]) -> None:
    assert [(c.document, c.section) for c in cited(text, "x.py")] == found


def test_lines_are_counted_from_one() -> None:
    assert [c.place.line for c in cited("a\nb RFC 1 2\n# RFC 8445 §5", "x.py")] == [3]


def test_every_cited_section_exists() -> None:
    assert unknown(CODE + TESTS, known_sections()) == []


def test_the_check_sees_a_wrong_section() -> None:
    section = "99.1"
    wrong = Citation("8445", section, Place("x.py", 7))
    assert unknown([wrong], known_sections()) == [f"x.py:7: RFC 8445 has no §{section}"]


def test_sections_of_what_we_implement_are_known() -> None:
    """A document that half a package stands on may not be missing from the list of sections."""
    counts: dict[str, int] = {}
    for citation in CODE:
        counts[citation.document] = counts.get(citation.document, 0) + 1
    assert [d for d, count in counts.items() if count >= 10 and d not in known_sections()] == []


def test_the_page_lists_each_cited_section_once() -> None:
    page = coverage_page()
    rows = re.findall(r"^\| \[([0-9A-Z.]+)\]\(", page, re.MULTILINE)
    assert len(rows) == len({(c.document, c.section) for c in CODE})
    assert "`ice/checklist.py`" in page and "`ice/test_checklist.py`" in page
    assert not [line for line in page.splitlines() if line.startswith("| [") and line.count(" | ") != 3]


def test_where_a_section_is_read() -> None:
    assert address("8445", "6.1.2.3").endswith("/rfc8445.html#section-6.1.2.3")
    assert address("8489", "B.1").endswith("#appendix-B.1")
    assert address("webrtc", "4.4").endswith("/webrtc/")


def test_the_test_of_a_module() -> None:
    assert own_test("rtcpy/ice/checklist.py") == "tests/ice/test_checklist.py"
    assert own_test("rtcpy/ice/nothing_like_it.py") is None


def test_a_module_without_a_test_of_its_own_is_tested_by_those_that_use_it() -> None:
    assert own_test("rtcpy/dtls/connection.py") is None
    assert {"tests/dtls/test_handshake.py", "tests/dtls/test_hostile.py"} <= set(
        users("rtcpy/dtls/connection.py")
    )
    assert covered_by(["rtcpy/ice/checklist.py", "rtcpy/dtls/connection.py"]) == [
        "tests/ice/test_checklist.py"
    ]
    assert 0 < len(covered_by(["rtcpy/dtls/connection.py"])) <= 2
    assert covered_by(["rtcpy/ice/nothing_like_it.py"]) == []


def test_nearly_every_section_has_a_test() -> None:
    rows = [line for line in coverage_page().splitlines() if line.startswith("| [")]
    bare = [line for line in rows if line.endswith("|  |")]
    assert len(bare) / len(rows) < 0.1, "\n".join(bare)

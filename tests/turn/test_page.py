"""The page about TURN in docs/ says what happens: every snippet is run and its output compared."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "layers" / "turn.md"


def test_the_page() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert results.attempted >= 9
    assert results.failed == 0

"""The page docs/stepper.md: its examples run and print what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "stepper.md"


def test_the_page_does_what_it_says() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert results.attempted > 20 and results.failed == 0

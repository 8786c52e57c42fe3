"""The page docs/own_layer.md: its layer obeys the laws, and its mistakes are found with the words that it quotes."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "own_layer.md"


def test_the_page() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert results.attempted >= 35
    assert results.failed == 0

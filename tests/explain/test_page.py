"""The pages about traces and pictures in docs/ say what happens: every snippet is run and its output compared."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "least"), [("trace.md", 25), ("pictures.md", 18)])
def test_the_page(page: str, least: int) -> None:
    results = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert results.attempted >= least
    assert results.failed == 0

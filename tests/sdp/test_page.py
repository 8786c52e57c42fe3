"""The page about this layer: every snippet gives what the page says it gives."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "layers" / "sdp.md"


def test_the_page_runs() -> None:
    text = PAGE.read_text().replace("```python\n", "").replace("```\n", "\n")
    page = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert len(page.examples) > 25
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(page, out=report.append)
    assert runner.failures == 0, "".join(report)

"""The generated pages: every package and every lesson has its place, in the order in which it is read."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest

from tests.architecture.source import ROOT


def test_every_package_has_a_page() -> None:
    there = {path.parent.name for path in (ROOT / "rtcpy").glob("*/__init__.py")}
    assert there <= set(pages.PACKAGES)


@pytest.mark.parametrize("package", ["stun", "ice", "dtls", "sctp", "peer"])
def test_a_page_names_every_module_once(package: str) -> None:
    modules = {path.stem for path in (ROOT / "rtcpy" / package).glob("*.py")} - {"__init__"}
    order = pages.modules_in_reading_order(package)
    assert set(order) == modules and len(order) == len(modules)
    text = pages.api_page(package)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [f"## {name}" for name in order]


def test_the_order_is_the_package_docstring_s() -> None:
    order = pages.modules_in_reading_order("wire")
    assert order.index("fields") < order.index("codec") < order.index("spans") < order.index("compiled")


def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    page = tmp_path / "folder" / "page.md"
    pages.write(page, "text")
    before = page.stat().st_mtime_ns
    pages.write(page, "text")
    assert page.stat().st_mtime_ns == before
    pages.write(page, "other")
    assert page.read_text() == "other"


def test_links_to_source_lead_to_the_reference() -> None:
    source = [
        "see [the page](../rtcpy/peer/transport.py) and [that](../../rtcpy/wire/__init__.py), [not this](layers/ice.md)"
    ]
    pages.for_the_site(None, "design", source)
    assert source == ["see [the page](/api/peer.md) and [that](/api/wire.md), [not this](layers/ice.md)"]


def test_examples_end_without_a_blank_line() -> None:
    source = ["```python\n>>> 1\n1\n\n```\n\ntext\n\n```\nplain\n\n```\n\n```python\nx\n\ny\n```\n"]
    pages.for_the_site(None, "page", source)
    assert source == ["```python\n>>> 1\n1\n```\n\ntext\n\n```\nplain\n\n```\n\n```python\nx\n\ny\n```\n"]

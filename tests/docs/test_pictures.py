"""The pictures of the documentation are drawn, and the page shows each that it names."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pictures

from tests.architecture.source import ROOT


def test_every_picture_that_a_page_shows_is_drawn(tmp_path: Path) -> None:
    pictures.generate(folder=tmp_path)
    drawn = {path.stem for path in tmp_path.glob("*.svg")}
    shown = {
        name
        for page in (ROOT / "docs").glob("*.md")
        for name in re.findall(
            r"\{figure\} (?:\.\./)?pictures/([\w-]+)\.svg", page.read_text(encoding="utf-8")
        )
    }
    assert shown and shown <= drawn
    for path in tmp_path.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"

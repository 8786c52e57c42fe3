"""The lessons as text: which there are, their cells, and what they print when run as plain scripts."""

from __future__ import annotations

import contextlib
import io
import runpy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
LESSONS = tuple(path.stem for path in sorted(FOLDER.glob("[0-9][0-9]_*.py")))
MARKER = "# %%"


@dataclass(slots=True)
class Cell:
    """One cell; `text` without the comment signs if it is Markdown."""

    markdown: bool
    text: str


@dataclass(slots=True)
class Run:
    """What a lesson printed and what its names stand for at its end."""

    output: str
    names: dict[str, Any]


def cells(lesson: str) -> list[Cell]:
    """The cells of a lesson, without the header."""
    found: list[Cell] = []
    text = (FOLDER / f"{lesson}.py").read_text(encoding="utf-8")
    for part in ("\n" + text).split(f"\n{MARKER}")[1:]:
        head, _, body = part.partition("\n")
        markdown = "[markdown]" in head
        if markdown:
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        found.append(Cell(markdown, body))
    return found


@cache
def run(lesson: str) -> Run:
    """Run a lesson as a script, once."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        names = runpy.run_path(str(FOLDER / f"{lesson}.py"), run_name="lesson")
    return Run(printed.getvalue(), names)

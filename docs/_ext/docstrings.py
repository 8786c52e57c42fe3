"""Sphinx: docstrings are written to be read in the source; here they become reStructuredText.

- An indented block after a blank line is a drawing or code: it is kept as it stands.
- `name` in single backticks is code, also where letters follow (as in the plural of a class).
- A line ``Spec: …`` and its continuation stand apart.

`Args:`, `Returns:`, `Raises:` and `Attributes:` are left for napoleon, which runs after this.
"""

from __future__ import annotations

import re
from typing import Any

SECTION_HEAD = re.compile(r"(Args|Arguments|Attributes|Raises|Returns|Yields|Note|Example|Examples):\s*$")
LIST_ITEM = re.compile(r"\s*([-*•]|\d+\.)\s")
SINGLE_BACKTICKS = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_])")
SPEC = re.compile(r"(Specs?|Deviation|Erratum): ")


def indent_of(line: str) -> int:
    """Leading spaces."""
    return len(line) - len(line.lstrip(" "))


def _code(line: str) -> str:
    """`name` as ``name``."""
    return SINGLE_BACKTICKS.sub(lambda found: f"``{found[1]}``" + ("\\ " if _goes_on(found) else ""), line)


def _goes_on(found: re.Match[str]) -> bool:
    return found.string[found.end() : found.end() + 1].isalnum()


def converted(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    out: list[str] = []
    previous = ""  # the last line that was not blank
    block: int | None = None  # indent of the drawing that we are in
    base = 0
    in_section = False
    for index, line in enumerate(lines):
        if not line.strip():
            out.append(line)
            continue
        indent = indent_of(line)
        if block is not None and indent >= block:
            out.append(line)
            previous = line
            continue
        block = None
        if indent <= base:
            in_section = bool(SECTION_HEAD.match(line.strip()))
        after_blank = index > 0 and not lines[index - 1].strip()
        if (
            after_blank
            and not in_section
            and indent > indent_of(previous)
            and previous
            and not LIST_ITEM.match(previous)
            and not line.strip().startswith(">>>")
            and not previous.rstrip().endswith("::")
        ):
            out += [" " * indent_of(previous) + "::", ""]
            block = indent
            out.append(line)
            previous = line
            continue
        if SPEC.match(line.strip()) and not after_blank and index:
            out.append("")
        out.append(line if line.strip().startswith(">>>") else _code(line))
        previous = line
    return out


def on_docstring(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Called by autodoc for every docstring; changes `lines` in place."""
    lines[:] = converted(lines)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx, before napoleon."""
    app.connect("autodoc-process-docstring", on_docstring, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

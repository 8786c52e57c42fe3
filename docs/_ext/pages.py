"""Sphinx: the pages that are made from the repository at each build: the course, the API reference, the coverage.

They are written below `docs/` (git ignores them), because that is where Sphinx looks:

- `course/`: the lessons of `notebooks/`, which myst-nb executes.
- `api/`: a page for each package, its modules in the order in which its docstring tells to read them.
- `coverage.md`: see `citations`.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

from citations import coverage_page

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PACKAGES = (
    "core", "wire", "sdp", "stun", "turn", "ice", "dtls", "rtp", "sctp", "peer", "aio",
    "explain", "sim", "testing", "signaling", "servers", "lab", "cli",
)  # fmt: skip
SOURCE_LINK = re.compile(r"\]\((?:\.\./)+rtcpy/(\w+)/\w+\.py\)")  # good where the repository is read
BLANK_END = re.compile(
    r"(^```python\n(?:(?!```).*\n)*?)\n+(?=```$)", re.MULTILINE
)  # doctest wants it, readers do not
MENTION = re.compile(r"`([a-z_0-9]+)`")


def write(path: Path, text: str) -> None:
    """Write a file only if it changes, so that Sphinx reads again only what is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def lessons() -> list[Path]:
    """The lessons, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def write_course() -> None:
    """Copy the lessons and list them."""
    folder = DOCS / "course"
    folder.mkdir(exist_ok=True)
    names = {path.name for path in lessons()}
    for old in folder.glob("[0-9][0-9]_*.py"):
        if old.name not in names:
            old.unlink()
    for path in lessons():
        target = folder / path.name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
    entries = "\n".join(path.stem for path in lessons())
    write(
        folder / "index.md",
        "# The course\n\n"
        "Lessons to run, change and break. Each is a notebook, executed when these pages were built; keys and networks come "
        "from a seed, so your run shows the same bytes. `make lab` opens them.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n",
    )


def modules_in_reading_order(package: str) -> list[str]:
    """The modules of a package: those that its docstring names first, in that order, then the others by name."""
    folder = ROOT / "rtcpy" / package
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("__"))
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    named = [name for name in dict.fromkeys(MENTION.findall(text)) if name in names]
    return [*named, *(name for name in names if name not in named)]


def api_page(package: str) -> str:
    """The page of one package."""
    lines = [
        f"# rtcpy.{package}",
        "",
        "```{eval-rst}",
        f".. automodule:: rtcpy.{package}",
        "   :no-members:",
        "```",
        "",
    ]
    for name in modules_in_reading_order(package):
        lines += [f"## {name}", "", "```{eval-rst}", f".. automodule:: rtcpy.{package}.{name}", "```", ""]
    return "\n".join(lines)


def write_api() -> None:
    """A page for each package, and their list."""
    present = [package for package in PACKAGES if (ROOT / "rtcpy" / package / "__init__.py").exists()]
    for package in present:
        write(DOCS / "api" / f"{package}.md", api_page(package))
    entries = "\n".join(present)
    write(
        DOCS / "api" / "index.md",
        "# API reference\n\n"
        "A page for each package, from the bottom of the stack to the top. What the application uses is "
        "[rtcpy.aio](aio.md), whose names `import rtcpy` has as well; "
        "the same without sockets is [rtcpy.peer](peer.md).\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n",
    )


def generate(_app: Any = None, _config: Any = None) -> None:
    """Write all of them."""
    write_course()
    write_api()
    write(DOCS / "coverage.md", coverage_page())


def for_the_site(_app: Any, _name: str, source: list[str]) -> None:
    """Change a page as the site needs it.

    A link to a source file leads to the reference of its package, which links to the source. The blank line at the end of
    an example is left out.
    """
    source[0] = BLANK_END.sub(r"\1", SOURCE_LINK.sub(r"](/api/\1.md)", source[0]))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", generate)
    app.connect("source-read", for_the_site)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The package's own source, read as text and syntax trees, never imported: what the architecture tests look at."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rtcpy"
TESTS = ROOT / "tests"


@dataclass(slots=True, frozen=True)
class Module:
    """One file: its dotted name, the package directly below `rtcpy` (or ""), its text and its tree."""

    name: str
    layer: str
    path: Path
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))


def load(path: Path) -> Module:
    """Read one file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    layer = parts[1] if len(parts) > 2 else ""
    if name == "rtcpy.__main__":
        layer = "cli"  # `python -m rtcpy` is the command's front door
    text = path.read_text(encoding="utf-8")
    return Module(name, layer, path, text, ast.parse(text, filename=str(path)))


@cache
def product() -> tuple[Module, ...]:
    """Every module of rtcpy."""
    return tuple(load(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def suite() -> tuple[Module, ...]:
    """Every module of the tests."""
    return tuple(load(path) for path in sorted(TESTS.rglob("*.py")))


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Every import as (dotted target, line): ``from a import b`` gives ``a.b``; relative ones are resolved.

    Imports inside functions and under TYPE_CHECKING count like all others.
    """
    here = module.name.split(".") if module.path.name == "__init__.py" else module.name.split(".")[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                base = here[: len(here) - (node.level - 1)] + base
            for alias in node.names:
                yield ".".join([*base, alias.name]), node.lineno


def planted(layer: str, text: str) -> Module:
    """A module that does not exist, to show that a check would see its fault."""
    path = PACKAGE / layer / "planted.py"
    return Module(f"rtcpy.{layer}.planted", layer, path, text, ast.parse(text))


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file under version control that exists, or, outside a checkout, every file of the tree."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split("\0")
        found = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        found = [
            p for p in ROOT.rglob("*") if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)
        ]
    return tuple(path for path in found if path.is_file())


def expect_none(found: list[str]) -> None:
    """Fail with one offence a line."""
    assert not found, f"{len(found)} found:\n" + "\n".join(found)

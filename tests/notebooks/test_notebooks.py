"""Every lesson runs as it is, without Jupyter and without a network, and what its text quotes is there to be seen."""

from __future__ import annotations

import re
import runpy
from importlib import import_module

import pytest

from tests.notebooks.lessons import FOLDER, LESSONS, MARKER, ROOT, cells, run

QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
SPOKEN_OF = {'channel.send("hello")', "nats", ".local", "close_chromium", "save"}
"""What other programs write, and methods by their bare names. All else in backticks is in the lesson or the repository."""


def is_ours(quote: str) -> bool:
    """Whether `quote` is a file of the repository, a make target, a command of ours, or a name that can be imported."""
    if (ROOT / quote).exists():
        return True
    if quote.startswith("make "):
        return f"\n{quote[5:]}:" in (ROOT / "Makefile").read_text()
    if quote.startswith("rtcpy "):
        return (ROOT / "rtcpy/cli" / f"{quote.split()[1]}.py").exists()
    module, _, name = quote.rpartition(".")
    try:
        import_module(quote)
    except (ImportError, ValueError):
        try:
            return hasattr(import_module(module), name)
        except (ImportError, ValueError):
            return False
    return True


def test_there_are_lessons() -> None:
    assert {"00_bytes_and_declarations", "11_offer_answer"} <= set(LESSONS)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs(lesson: str) -> None:
    assert run(lesson).output


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_it_quotes_is_there(lesson: str) -> None:
    code = "\n".join(cell.text for cell in cells(lesson) if not cell.markdown)
    seen = " ".join(f"{run(lesson).output}\n{code}".split())
    for cell in cells(lesson):
        if cell.markdown:
            source = " ".join(" ".join(FENCED.findall(cell.text)).split())
            for quote in QUOTED.findall(FENCED.sub("", cell.text)):
                pieces = [
                    " ".join(piece.split()) for piece in quote.split("…")
                ]  # … stands for something left out
                there = (
                    all(piece in seen or piece in source for piece in pieces)
                    or quote in SPOKEN_OF
                    or is_ours(quote)
                )
                assert there, f"{lesson} speaks of `{quote}`, which it does not show"


@pytest.mark.parametrize("lesson", LESSONS)
def test_source_it_quotes_is_the_source(lesson: str) -> None:
    for cell in cells(lesson):
        for block in FENCED.findall(cell.text) if cell.markdown else []:
            files = [
                ROOT / quote for quote in QUOTED.findall(FENCED.sub("", cell.text)) if quote.endswith(".py")
            ]
            source = "\n".join(path.read_text(encoding="utf-8") for path in files)
            lines = [line.strip() for line in block.splitlines() if line.strip() not in ("", "...")]
            assert lines and all(line in source for line in lines)


@pytest.mark.parametrize("lesson", LESSONS)
def test_it_begins_with_a_promise_and_ends_with_exercises(lesson: str) -> None:
    prose = [cell.text for cell in cells(lesson) if cell.markdown]
    assert prose[0].lstrip().startswith(f"# {lesson[:2]} · ") and "After this you can" in prose[0]
    exercises = "\n".join(prose).partition("## Exercises")[2]
    assert len(re.findall(r"^\*\*\d\. ", exercises, re.MULTILINE)) in (2, 3)


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_helpers_in_cells(lesson: str) -> None:
    """Long definitions belong into the package, where they are typed and tested."""
    for cell in cells(lesson):
        assert cell.markdown or len(cell.text.strip().splitlines()) <= 25


@pytest.mark.parametrize("lesson", LESSONS)
def test_only_text_is_kept(lesson: str) -> None:
    text = (FOLDER / f"{lesson}.py").read_text(encoding="utf-8")
    assert text.startswith("# ---\n# jupyter:\n") and "format_name: percent" in text
    assert all(
        line.rstrip() in (MARKER, f"{MARKER} [markdown]")
        for line in text.splitlines()
        if line.startswith(MARKER)
    )
    assert not list(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def test_the_runner_says_what_it_cannot_find(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(FOLDER / "run.py"), run_name="runner")["main"]
    assert main(["99"]) == 2
    assert capsys.readouterr().err == "no lesson begins with 99\n"

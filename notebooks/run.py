"""Run the course in Jupyter: convert every lesson, execute it, say how it went.

    python notebooks/run.py                       all lessons
    python notebooks/run.py 11                    those whose name begins with 11
    python notebooks/run.py --write DIRECTORY     keep the executed notebooks, and what they look like as HTML

The lessons are kept as text, without outputs; the `.ipynb` files are made here in a temporary directory. Nothing needs
a network. Needs the `notebooks` extra; `make notebooks` installs it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CELL_LIMIT = 60  # s for one cell; a lesson as a whole should stay under that, too
LESSON_LIMIT = 60.0  # s
COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


def lessons(prefixes: list[str]) -> list[Path]:
    """The lessons in their order; those whose names begin with one of `prefixes`, if there are any."""
    found = sorted(HERE.glob("[0-9][0-9]_*.py"))
    return [path for path in found if not prefixes or path.name.startswith(tuple(prefixes))]


def run(path: Path, folder: Path) -> tuple[Any, float, str]:
    """Execute one lesson in a fresh kernel of this Python; (notebook, seconds, what went wrong or "")."""
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = jupytext.read(path)
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        kernel_name="python3",
        store_widget_state=False,  # pages would fetch the widgets' scripts from a CDN; the cards stand without them
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only: it warns about loopback every time
    )
    started = time.perf_counter()
    fault = ""
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as exc:
        fault = COLOUR_CODES.sub("", str(exc)).strip()
    return notebook, time.perf_counter() - started, fault


def keep(notebook: Any, path: Path, folder: Path) -> None:
    """Write an executed lesson as a notebook and as HTML."""
    import nbformat
    from nbconvert import HTMLExporter

    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{path.stem}.ipynb")
    exporter = HTMLExporter()
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = exporter.mermaid_js_url = (
        ""  # no network
    )
    page, _ = exporter.from_notebook_node(notebook)
    (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 0 if all went well."""
    parser = argparse.ArgumentParser(
        prog="notebooks/run.py", description="Run the lessons of the course in Jupyter."
    )
    parser.add_argument("lesson", nargs="*", help="beginnings of names, such as 00 or 11; default: all")
    parser.add_argument(
        "--write", type=Path, metavar="DIRECTORY", help="keep executed notebooks and HTML there"
    )
    options = parser.parse_args(arguments)
    chosen = lessons(options.lesson)
    if not chosen:
        print(f"no lesson begins with {' or '.join(options.lesson)}", file=sys.stderr)
        return 2
    try:
        import jupytext  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as exc:
        print(
            f"{exc.name} is not installed; make notebooks installs it, or pip install 'rtcpy[notebooks]'",
            file=sys.stderr,
        )
        return 2
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(chosen, 1):
            print(f"[{number}/{len(chosen)}] {path.stem:<28} ", end="", flush=True)
            notebook, seconds, fault = run(path, Path(folder))
            cells = sum(1 for cell in notebook.cells if cell.cell_type == "code")
            slow = not fault and seconds > LESSON_LIMIT
            verdict = "FAILED" if fault else f"FAILED: more than {LESSON_LIMIT:g} s" if slow else "ok"
            print(f"{cells:3d} cells {seconds:6.1f} s  {verdict}", flush=True)
            if fault:
                print("\n".join(f"    {line}" for line in fault.splitlines()))
            failed += bool(fault or slow)
            if options.write:
                keep(notebook, path, options.write)
    print(f"{len(chosen) - failed} of {len(chosen)} lessons ran to their end", end="")
    print(f"; written to {options.write}" if options.write else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks [--quick] [case …]`: run the cases, print ratios to aiortc, write benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Figure, header

CASES = ("codecs", "connect", "channel", "processes", "idle")


def main() -> int:
    """Exit status 1 when a promised ratio was not met in this run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"any of {', '.join(CASES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller totals")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    figures: list[Figure] = []
    print(header())
    for case in arguments.cases or CASES:
        for figure in importlib.import_module(f"benchmarks.{case}").run(arguments.quick):
            figures.append(figure)
            if sys.stderr.isatty():
                print("\r\033[K", end="", file=sys.stderr)
            print(figure.row(), flush=True)
    where = (
        f"Python {platform.python_version()}, aiortc {version('aiortc')}, cryptography {version('cryptography')}, "
        f"{os.cpu_count()} CPUs, Linux {platform.release().split('-')[0]}"
    )
    print(where)
    if arguments.write:
        lines = [header(), *(figure.row() for figure in figures)]
        text = "# Figures of the last full run\n\nSmaller is better; the ratio says how many times less rtcpy needs.\n"
        text += f"{where}. Loopback.\n\n```\n" + "\n".join(line.rstrip() for line in lines) + "\n```\n"
        Path(__file__).with_name("RESULTS.md").write_text(text)
    return int(any(figure.goal is not None and figure.ratio < figure.goal for figure in figures))


if __name__ == "__main__":
    sys.exit(main())

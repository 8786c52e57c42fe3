"""``rtcpy COMMAND …``: finds the subcommand, hands over, turns Ctrl-C into a quiet end.

Owned here: the list of commands. What they do is in their modules; see the package's docstring for their shape.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from rtcpy.cli import demo, explain, ladder, serve


class Command(Protocol):
    """What a subcommand module provides."""

    NAME: str
    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options, description and epilog."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status."""


COMMANDS: tuple[Command, ...] = (demo, explain, ladder, serve)

DESCRIPTION = """\
WebRTC from scratch: SDP, ICE, DTLS and SCTP in Python, to read, to step through and to use.

Every command works offline and stays on this machine unless you name another address."""

EPILOG = """\
Begin with     rtcpy demo
Options and examples of each:     rtcpy COMMAND --help"""


def _version() -> str:
    try:
        return version("rtcpy")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown (not installed)"


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="rtcpy",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rtcpy {_version()}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in COMMANDS:
        one = commands.add_parser(
            command.NAME, help=command.SUMMARY, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: those of the process) and return the exit status."""
    parser = make_parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        return 2
    try:
        status: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, the shell's convention
    except BrokenPipeError:  # the reader of our output went away: ``rtcpy … | head``
        sys.stderr.close()
        return 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())

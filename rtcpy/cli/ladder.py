"""``rtcpy ladder``: who said what to whom, and when, of a trace or a capture: as text, as a picture, for other tools.

Owned here: options, and where each output goes. Recognizing the input is `inputs`; drawing is `rtcpy.explain`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from html import escape
from pathlib import Path
from shutil import get_terminal_size

from rtcpy.cli.inputs import CaptureInput, InputError, TraceInput, read_input
from rtcpy.core.errors import RtcError
from rtcpy.explain.captured import trace_of
from rtcpy.explain.keylog import KeyLog, KeyLogError
from rtcpy.explain.keys import key_tree
from rtcpy.explain.ladder import WIDTH, Ladder
from rtcpy.explain.ladder_svg import LadderPicture
from rtcpy.explain.mermaid import mermaid
from rtcpy.explain.pcapng import write_pcapng
from rtcpy.explain.states import charts
from rtcpy.explain.trace import Trace
from rtcpy.explain.words import printable

NAME = "ladder"
SUMMARY = "draw who said what to whom, and when, from a trace or a capture"

DESCRIPTION = """\
A connection as a ladder: two lifelines, time downwards, an arrow for each datagram with its content. Give it

  a trace that rtcpy has saved     pc.trace.save(…), session.trace.save(…) or rtcpy demo --trace FILE
  a capture (pcap or pcapng)       of tcpdump, Wireshark or rtcpy; the two who talk most are drawn

Without an output it is printed as text. As a picture it shows more: sloped arrows for the time on the way,
a cross where something was lost, dashes where it was sent again, DTLS flights, the calls of the application,
each layer's share of the time, and the round trips counted. A trace of both ends knows what was lost; a trace
or a capture of one cannot."""

EPILOG = """\
examples:
  rtcpy demo --trace call.trace                 something to draw
  rtcpy ladder call.trace                       as text
  rtcpy ladder call.trace --svg call.svg        as a picture
  rtcpy ladder call.trace --html call.html      a page: the ladder, and every state machine as it was left
  rtcpy ladder call.trace --mermaid             for a wiki that draws Mermaid
  rtcpy ladder call.trace --pcapng call.pcapng  for Wireshark, with the secrets that open it
  rtcpy ladder call.trace --key-tree            how each key was made, with its bytes
  rtcpy ladder call.trace --until 300           only the first 300 ms
  rtcpy ladder call.pcap --keys keys.log --svg call.svg

Traces and what is made of them with secrets let their reader read the connection."""

_STYLE = (
    "body{font-family:'DejaVu Sans',Verdana,sans-serif;margin:24px;background:#fff;color:#1f2328}"
    "body>svg{display:block;margin:0 0 32px}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``rtcpy ladder``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("input", metavar="TRACE|CAPTURE|-", help="what to draw; - reads standard input")
    parser.add_argument("--svg", metavar="OUT", type=Path, help="write the picture")
    parser.add_argument(
        "--html", metavar="OUT", type=Path, help="write a page with the picture and the states"
    )
    parser.add_argument("--mermaid", action="store_true", help="print the text of a Mermaid sequence diagram")
    parser.add_argument(
        "--pcapng", metavar="OUT", type=Path, help="write what one end sent and received for Wireshark"
    )
    parser.add_argument(
        "--key-tree", action="store_true", help="print the key schedule of DTLS with all its bytes"
    )
    parser.add_argument(
        "--keys",
        metavar="FILE",
        action="append",
        type=Path,
        help="secrets of a capture: a key log in NSS format",
    )
    parser.add_argument(
        "--who", metavar="NAME", default="", help="whose view: of the text, --pcapng and --key-tree"
    )
    parser.add_argument("--since", metavar="MS", type=_milliseconds, help="leave out what happened before")
    parser.add_argument("--until", metavar="MS", type=_milliseconds, help="leave out what happened after")
    parser.add_argument("--no-notes", action="store_true", help="without calls, events and timers")
    parser.add_argument("--no-fold", action="store_true", help="draw each datagram of long runs")


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        raise argparse.ArgumentTypeError(f"{text!r}: milliseconds since the beginning are expected")
    return value / 1e3


def run(arguments: argparse.Namespace) -> int:
    """Read, draw, write."""
    try:
        trace, left_out, damage = _read(arguments)
        if arguments.who and arguments.who not in trace.names:
            raise InputError(
                f"no end is called {arguments.who!r}, but {', '.join(trace.names) or 'there is none'}"
            )
        _draw(arguments, trace)
    except BrokenPipeError:
        raise
    except (RtcError, OSError) as error:
        sys.stdout.flush()
        print(f"rtcpy ladder: {printable(str(error))}", file=sys.stderr)
        return 1
    if left_out:
        words = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        print(f"rtcpy ladder: left out of the capture: {words}", file=sys.stderr)
    if damage:
        print(f"rtcpy ladder: only what is before the damage is drawn: {printable(damage)}", file=sys.stderr)
    return 1 if damage else 0


def _read(arguments: argparse.Namespace) -> tuple[Trace, Counter[str], str]:
    """The trace, what of a capture is not in it, and where the capture is damaged."""
    stdin = sys.stdin.buffer.read() if arguments.input == "-" else None
    source = read_input([arguments.input], stdin, only_files=True)
    if isinstance(source, TraceInput):
        return source.trace, Counter(), ""
    if not isinstance(source, CaptureInput):
        what = "a session description" if source.kind == "sdp" else "one datagram"
        raise InputError(
            f"{arguments.input} is {what}; a ladder needs a trace or a capture (rtcpy explain takes it)"
        )
    keys = KeyLog()
    for path in arguments.keys or ():
        try:
            keys.read(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise InputError(f"{path} is no key log: it is no text") from None
        except KeyLogError as error:
            raise InputError(f"{path} is no key log: {error}") from None
    with source.file:
        captured = trace_of(source.capture, keys)
    return captured.trace, captured.left_out, captured.damage


def _draw(arguments: argparse.Namespace, trace: Trace) -> None:
    """Every output that was asked for; text if none was."""
    picture = LadderPicture(
        trace,
        since=arguments.since,
        until=arguments.until,
        notes=not arguments.no_notes,
        fold=not arguments.no_fold,
    )
    written = False
    if arguments.svg is not None:
        picture.save(arguments.svg)
        print(f"the picture is in {printable(str(arguments.svg))}", file=sys.stderr)
        written = True
    if arguments.html is not None:
        arguments.html.write_text(_page(arguments, trace, picture), encoding="utf-8")
        print(f"the page is in {printable(str(arguments.html))}", file=sys.stderr)
        written = True
    if arguments.pcapng is not None:
        count = write_pcapng(trace, arguments.pcapng, who=arguments.who)
        print(f"{count} packets written to {arguments.pcapng}", file=sys.stderr)
        written = True
    if arguments.mermaid:
        options = {"since": arguments.since, "until": arguments.until}
        print(mermaid(trace, with_notes=not arguments.no_notes, **options), end="")
        written = True
    if arguments.key_tree:
        print(key_tree(trace, arguments.who))
        written = True
    if not written:
        ladder = Ladder(
            trace,
            who=arguments.who or None,
            names=_names(trace),
            since=arguments.since,
            until=arguments.until,
        )
        width = max(60, min(WIDTH, get_terminal_size((WIDTH, 24)).columns))
        print(ladder.render(width=width))
        if not ladder.rows:
            print(f"rtcpy ladder: {_why_empty(trace, ladder)}", file=sys.stderr)


def _names(trace: Trace) -> tuple[str, str] | None:
    """Of a trace of one end that spoke with one address: that end, and the address. Otherwise the ladder knows best."""
    others = {str(entry.remote) for entry in trace.datagrams() if entry.remote is not None}
    return (trace.names[0], others.pop()) if len(trace.names) == 1 and len(others) == 1 else None


def _why_empty(trace: Trace, ladder: Ladder) -> str:
    """What to say below a ladder without a rung."""
    datagrams = trace.datagrams(who=ladder.names[0])
    if not datagrams:
        return f"{printable(ladder.names[0])} neither sent nor received a datagram"
    first, last = ((at - trace.started) * 1e3 for at in (datagrams[0].at, datagrams[-1].at))
    return f"no datagram in that time: the first crossed at {first:.0f} ms, the last at {last:.0f} ms"


def _page(arguments: argparse.Namespace, trace: Trace, picture: LadderPicture) -> str:
    """The ladder, then the state machines of each end; keys only if they were asked for."""
    name = escape(printable(str(arguments.input)))
    parts = [f"<h1>{name}</h1>", picture.svg()]
    for who in trace.names:
        drawn = charts(trace, who)
        if drawn:
            parts.append(f"<h2>The states of {escape(who)}</h2>")
            parts += [chart.svg() for chart in drawn]
    if arguments.key_tree:
        parts += ["<h2>Keys</h2>", key_tree(trace, arguments.who).svg()]
    body = "\n".join(parts)
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{name}</title>"
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )

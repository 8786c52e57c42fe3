"""``rtcpy explain``: a packet, a capture, a trace or a session description, to the last bit.

Owned here: options, the choice between overview and detail, and what is printed around explanations. Recognizing the
input is `inputs`; explaining is `rtcpy.explain`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from shutil import get_terminal_size
from typing import IO

from rtcpy.cli.inputs import Input, InputError, Packet, read_input
from rtcpy.core.errors import RtcError
from rtcpy.explain.dissect import Dissector
from rtcpy.explain.keylog import KeyLog, KeyLogError
from rtcpy.explain.tree import Explanation, Node
from rtcpy.explain.words import counted, printable, shortened

NAME = "explain"
SUMMARY = "say what a packet, a capture or a session description means, to the last bit"

DESCRIPTION = """\
Give it a file, text, or - for standard input; what it is, it finds out by itself:

  a capture (pcap or pcapng, of tcpdump, Wireshark or rtcpy)    a line per packet
  a trace that rtcpy has saved                                  a line per packet
  a session description, bare or inside JSON                    a line of words per line
  one datagram: hexadecimal text, or a file with its bytes      every bit

STUN, TURN channel data, DTLS 1.2, SCTP, data channels, RTP, RTCP and SDP are read; each field comes with its
meaning and the section of the RFC that defines it. Protected DTLS records are opened if the secrets are known:
from --keys, from the capture itself, or from the trace."""

EPILOG = """\
examples:
  rtcpy explain 000100002112a442000102030405060708090a0b      a STUN request of 20 bytes
  rtcpy explain "candidate:1 1 udp 2113937151 192.0.2.3 45664 typ host"
  rtcpy explain offer.sdp                     what each line is for
  rtcpy explain offer.sdp --full              and each field of it
  rtcpy explain call.pcapng                   the packets, a line each
  rtcpy explain call.pcapng --packet 3        the third, to the last bit
  rtcpy explain call.pcapng --packet 5-       all from the fifth on
  rtcpy explain call.pcapng --keys keys.log --sdp offer.sdp
                                              with the secrets of DTLS; passwords and header extensions from SDP
  rtcpy explain call.pcapng --html call.html  a page to look at, each packet to be opened
  rtcpy explain --json - < packet.hex         for other programs

A key log of ours: pc.trace.key_log() after Configuration(trace=True). Captures that rtcpy writes carry their own."""

WIDTH = 110  # columns where the terminal does not tell
WIDTH_MAX = 160
LINE_MAX = 400  # characters of one line of an overview
HTML_PACKETS_MAX = 5000
"""Packets on one page; a browser gets slow beyond. The page says how many were left out."""

_RANGE = re.compile(r"([0-9]{1,9})(?:(-)([0-9]{1,9})?)?")


@dataclass(slots=True)
class Range:
    """Packets that were asked for, by number, both ends included; `last` None: to the end."""

    first: int
    last: int | None

    def __contains__(self, number: int) -> bool:
        return self.first <= number and (self.last is None or number <= self.last)


def packet_range(text: str) -> Range:
    """``3``, ``3-7`` or ``3-``. Raises ArgumentTypeError."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no packet number: 3, 3-7 or 3- is expected")
    first, last = int(match[1]), int(match[3]) if match[3] else None
    if match[2] is None:
        last = first
    if last is not None and last < first:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return Range(first, last)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``rtcpy explain``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "input", nargs="+", metavar="FILE|HEX|SDP|-", help="what to explain; - reads standard input"
    )
    parser.add_argument(
        "--packet",
        action="append",
        type=packet_range,
        metavar="N",
        help="only packet N, or N-M, or N-; shown in full unless --summary; may be repeated",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--summary", action="store_true", help="a line per packet, or per line of SDP")
    shape.add_argument("--full", action="store_true", help="every bit of everything")
    shape.add_argument("--json", action="store_true", help="JSON; of several packets one object a line")
    shape.add_argument("--html", metavar="OUT", type=Path, help="write a page that shows everything")
    parser.add_argument(
        "--keys", metavar="FILE", action="append", type=Path, help="secrets of DTLS: a key log in NSS format"
    )
    parser.add_argument(
        "--sdp",
        metavar="FILE",
        action="append",
        type=Path,
        help="a description of the session: its passwords check signatures, its a=extmap name header extensions",
    )
    parser.add_argument(
        "--colour",
        choices=("auto", "always", "never"),
        default="auto",
        help="default: on a terminal, unless NO_COLOR",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, explain, print."""
    try:
        session = Dissector()
        for path in arguments.keys or ():
            _read_keys(session.keys, path)
        for path in arguments.sdp or ():
            for packet in read_input([str(path)], None):
                session.explain_layer("sdp", packet.data)
        stdin = sys.stdin.buffer.read() if arguments.input == ["-"] else None
        source = read_input(arguments.input, stdin)
        return _Report(arguments, session, source).run()
    except BrokenPipeError:
        raise
    except (RtcError, OSError) as error:
        print(f"rtcpy explain: {printable(str(error))}", file=sys.stderr)
        return 1


def _read_keys(keys: KeyLog, path: Path) -> None:
    try:
        keys.read(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is no key log: it is no text") from None
    except KeyLogError as error:
        raise InputError(f"{path} is no key log: {error}") from None


@dataclass(slots=True)
class _Report:
    """One run of the command."""

    arguments: argparse.Namespace
    session: Dissector
    source: Input
    shown: int = 0
    seen: int = 0
    started: float | None = None
    inside: int = 0
    known: int = 0
    problems: list[int] = field(default_factory=list)
    keys_taken: str = ""

    def run(self) -> int:
        status, trouble = 0, ""
        out = sys.stdout
        try:
            if self.arguments.html is not None:
                with self.arguments.html.open("w", encoding="utf-8") as page:
                    self._html(page)
            else:
                self._print(out)
        except BrokenPipeError:
            raise
        except (RtcError, OSError) as error:
            status, trouble = 1, printable(str(error))
        if self.arguments.packet and not self.shown and not trouble:
            status, trouble = 1, f"no such packet: the input has {counted(self.seen, 'packet')}"
        out.flush()
        if trouble:
            print(f"rtcpy explain: {trouble}", file=sys.stderr)
        return status

    # -- packets ---------------------------------------------------------------------------------------------------

    def _explained(self) -> Iterator[tuple[Packet, Explanation]]:
        """All packets are read, since later ones need what earlier ones tell; those asked for are given out."""
        for packet in self.source:
            self.seen += 1
            if self.started is None:
                self.started = packet.at
            self._take_keys()
            explanation = self.session.explain_layer(
                packet.layer,
                packet.data,
                source=packet.source or None,
                destination=packet.destination or None,
                plaintexts=packet.plaintexts,
            )
            if not self.arguments.packet or any(packet.number in wanted for wanted in self.arguments.packet):
                self.shown += 1
                self.inside += packet.layer == "sctp" and not packet.source
                is_known = explanation.root.layer != "unknown"
                self.known += is_known
                if explanation.problems and is_known:
                    self.problems.append(packet.number)
                yield packet, explanation

    def _take_keys(self) -> None:
        """Secrets that the input carries, as soon as they are known."""
        text = self.source.key_log
        if text != self.keys_taken:
            try:
                self.session.keys.read(text[len(self.keys_taken) :])
            except KeyLogError as error:
                print(f"rtcpy explain: a key log in the file: {error}", file=sys.stderr)
            self.keys_taken = text

    # -- text ------------------------------------------------------------------------------------------------------

    def _print(self, out: IO[str]) -> None:
        arguments, kind = self.arguments, self.source.kind
        is_one = kind == "datagram" or bool(arguments.packet)
        full = arguments.full or (is_one and not arguments.summary)
        colour, width = (
            _is_coloured(arguments.colour, out),
            min(get_terminal_size((WIDTH, 24)).columns, WIDTH_MAX),
        )
        many = kind in ("capture", "trace")
        for packet, explanation in self._explained():
            if arguments.json:
                shown = explanation.to_json()
                indent = None if many else 1
                print(json.dumps(self._json(packet) | shown if many else shown, indent=indent), file=out)
            elif full:
                head = self._head(packet)
                print(
                    *([head] if head else []),
                    explanation.render(width=width, colour=colour),
                    sep="\n",
                    file=out,
                )
                if many:
                    print(file=out)
            elif packet.layer == "sdp" and not many:
                for line in _sdp_lines(explanation, width, colour):
                    print(line, file=out)
            else:
                print(self._line(packet, explanation, colour), file=out)
        if many and not arguments.json and (self.shown or not arguments.packet):
            self._end(out, full)

    def _json(self, packet: Packet) -> dict[str, object]:
        told = {
            "number": packet.number,
            "at": packet.at,
            "source": packet.source,
            "destination": packet.destination,
            "who": packet.who,
            "layer": packet.layer,
            "comment": packet.comment,
            "missing": packet.missing,
        }
        return {name: value for name, value in told.items() if value not in (None, "", 0)}

    def _head(self, packet: Packet) -> str:
        """One line above a packet of many."""
        if packet.at is None:
            return ""
        ends = f"  {_ends(packet)}" if packet.source else ""
        lines = [f"packet {packet.number}  {packet.at - (self.started or 0.0):.6f} s{ends}"]
        if packet.missing:
            lines.append(f"cut: the capture has {counted(packet.missing, 'byte')} less than the packet had")
        if packet.comment:
            lines.append(f"comment: {shortened(printable(packet.comment), LINE_MAX)}")
        return "\n".join(lines)

    def _line(self, packet: Packet, explanation: Explanation, colour: bool) -> str:
        """A packet in a line: number, time, ends, what it is, and what is inside."""
        at = "" if packet.at is None else f"{packet.at - (self.started or 0.0):10.6f}  "
        ends = f"{_ends(packet)}  " if packet.source else ""
        what = explanation.title + "".join(f"  ▸ {title}" for title in _inside_titles(explanation))
        if packet.missing:
            what += f"  (cut by {counted(packet.missing, 'byte')})"
        problems = explanation.problems
        if problems:
            what += f"  ✗ {problems[0].problem}"
        line = shortened(f"{packet.number:>5}  {at}{printable(ends)}{printable(what)}", LINE_MAX)
        return f"\x1b[31m{line}\x1b[0m" if colour and problems else line

    def _end(self, out: IO[str], full: bool) -> None:
        """What a reader of an overview wants to know, below it."""
        words = [counted(self.shown, "packet")]
        if self.source.skipped:
            left = ", ".join(f"{number} {reason}" for reason, number in self.source.skipped.most_common())
            words.append(f"left out: {left}")
        if 0 < self.known < self.shown:
            words.append(f"not of WebRTC: {self.shown - self.known}")
        if self.problems:
            first = ", ".join(map(str, self.problems[:8])) + (", …" if len(self.problems) > 8 else "")
            words.append(f"something is wrong with {counted(len(self.problems), 'packet')}: {first}")
        print(f"\n{'; '.join(words)}.", file=out)
        if not self.known:
            print(
                "Nothing of WebRTC is among them: STUN, DTLS, SCTP, RTP or RTCP over UDP is looked for.",
                file=out,
            )
        if self.inside and not full:
            print(
                f"{counted(self.inside, 'packet')} without addresses: SCTP by itself, as rtcpy writes into a "
                "capture what its DTLS records have inside.",
                file=out,
            )
        if not full and self.shown:
            print("--packet N shows one to the last bit.", file=out)

    # -- HTML ------------------------------------------------------------------------------------------------------

    def _html(self, page: IO[str]) -> None:
        title = shortened(printable(" ".join(self.arguments.input)), 80)
        page.write(
            f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
            f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>\n"
        )
        left_out = 0
        single = self.source.kind in ("sdp", "datagram")
        for packet, explanation in self._explained():
            if self.shown > HTML_PACKETS_MAX:
                left_out += 1
                continue
            line = self._line(packet, explanation, False)
            head = escape(line.strip() if single else line)
            mark = " class='wrong'" if explanation.problems else ""
            is_open = " open" if single else ""
            page.write(
                f"<details{is_open}><summary{mark}>{head}</summary>{explanation._repr_html_()}</details>\n"
            )
        if left_out:
            page.write(f"<p>{left_out} packets more are not on this page: choose with --packet.</p>")
        page.write("</body></html>\n")
        shown = min(self.shown, HTML_PACKETS_MAX)
        print(f"{self.arguments.html}: {counted(shown, 'packet')}")


_STYLE = (
    "body{font-family:system-ui,sans-serif;background:#fff;color:#111;margin:1.5em;max-width:1400px}"
    "h1{font-size:1.2em}details{border-bottom:1px solid #ddd;padding:3px 0}"
    "summary{font-family:monospace;cursor:pointer;white-space:pre-wrap}summary.wrong{color:#a00}"
)


def _ends(packet: Packet) -> str:
    """``from → to``; in a trace also whose socket it was."""
    ends = f"{packet.source} → {packet.destination}" if packet.destination else packet.source
    return f"{packet.who}: {ends}" if packet.who and packet.who != packet.source else ends


def _inside_titles(explanation: Explanation) -> Iterator[str]:
    """Titles of what is inside, and inside of that."""
    for _, inside in explanation.insides():
        yield inside.title
        yield from _inside_titles(inside)


def _sdp_lines(explanation: Explanation, width: int, colour: bool) -> Iterator[str]:
    """Each line of a description, with what it is for."""
    column = min(56, width // 2)
    for section in explanation.root.children:
        if len(explanation.root.children) > 1:
            heading = f"── {section.name}" + (f": {section.text}" if section.text else "")
            yield f"\x1b[1m{heading}\x1b[0m" if colour else heading
        for line in section.children:
            yield from _sdp_line(line, column, width, colour)
    if explanation.root.problem:
        yield f"✗ {explanation.root.problem}"


def _sdp_line(line: Node, column: int, width: int, colour: bool) -> Iterator[str]:
    text = shortened(line.text, column - 1) if len(line.text) >= column else line.text
    rfc = f" ({line.rfc})" if line.rfc else ""
    words = shortened(f"{line.meaning}{rfc}", max(20, width - column))
    yield f"{text:<{column}}" + (f"\x1b[2m{words}\x1b[0m" if colour else words)
    if line.problem:
        problem = f"  ✗ {line.problem}"
        yield f"\x1b[31m{problem}\x1b[0m" if colour else problem


def _is_coloured(wanted: str, out: IO[str]) -> bool:
    """Whether to colour: on a terminal that can, unless told otherwise (https://no-color.org)."""
    if wanted != "auto":
        return wanted == "always"
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

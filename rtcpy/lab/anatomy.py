"""What a recorded connection is made of, as tables: phases and their round trips, timers that fired, and one datagram with
all its layers.

Specs: RFC 791 §3.1, RFC 768, RFC 6347 §4.1, RFC 5288 §3, RFC 9260 §3 (the layers of a datagram).
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import NamedTuple

from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.machine import Instant
from rtcpy.core.tap import Direction
from rtcpy.dtls.record12 import EXPLICIT_NONCE_LENGTH, RECORD_HEADER_LENGTH, TAG_LENGTH
from rtcpy.explain.passages import Passage, passages
from rtcpy.explain.passages import phases as phases_of
from rtcpy.explain.summary import RECORD_KEY
from rtcpy.explain.trace import TimerEntry, Trace
from rtcpy.lab.table import BUSY, FAINT, GOOD, WARM, Cell, Table
from rtcpy.sctp.chunks import ChunkType, DataChunk
from rtcpy.sim.narration import TIMER_RULES, TIMERS

IP_AND_UDP = 28  # bytes: IPv4 without options, and UDP
COMMON_HEADER = 12  # bytes; RFC 9260 §3.1
CHUNK_HEADER = 16  # bytes of a DATA chunk; RFC 9260 §3.3.1
WORDS_WIDTH = 60  # characters of an explanation, before it is broken
PALE = {"stun": BUSY, "dtls": "#f6d0e0", "sctp": GOOD, "dcep": WARM, "data": "#ffe2b8"}
"""Of the layers, as the background of a cell."""


class Journey(NamedTuple):
    """One datagram: who sent it, when it left and when it arrived, in **seconds**; it was lost if `arrived` is `None`."""

    sender: str
    left: Instant
    arrived: Instant | None


def journeys(trace: Trace) -> list[Journey]:
    """The datagrams between the two ends of a trace, in the order in which they left; servers are left out."""
    found = passages(trace)
    start = trace.started
    return [
        Journey(
            one.sender,
            one.sent - start,
            None if not one.arrivals or one.fate == "lost" else one.arrivals[0] - start,
        )
        for one in found.between_ends()
        if one.sent is not None
    ]


def phases(trace: Trace) -> Table:
    """What each layer needed until it was ready, in time and in round trips."""
    start = trace.started
    rows = [
        [
            Cell(phase.name, PALE[phase.layer], bold=True),
            _words(phase.first),
            _words(phase.last),
            f"{(phase.start - start) * 1e3:.0f}",
            f"{(phase.end - start) * 1e3:.0f}",
            phase.round_trips.removesuffix(" RTT"),
        ]
        for phase in phases_of(passages(trace))
    ]
    return Table(["layer", "begins with", "ends with", "from ms", "to ms", "round trips"], rows)


def _words(passage: Passage) -> str:
    return f"{passage.sender}'s {passage.names}"


def timers(trace: Trace) -> Table:
    """The timers that fired, what each was for, and the rule."""
    start = trace.started
    rows = [
        [
            f"{(entry.at - start) * 1e3:.0f}",
            entry.who,
            Cell(entry.layer.upper(), PALE.get("stun" if entry.layer == "ice" else entry.layer, FAINT)),
            Cell(entry.name, bold=True),
            fill(TIMERS.get(entry.name, ""), WORDS_WIDTH),
            TIMER_RULES.get(entry.name, ""),
        ]
        for entry in trace.of(TimerEntry)
    ]
    return Table(["ms", "who", "layer", "timer", "what it is for", "rule"], rows)


@dataclass(slots=True)
class Peeled:
    """One message on its way through all layers.

    Args:
        message: what the application handed in.
        chunk: the DATA chunk around it, with padding.
        packet: the SCTP packet around that.
        datagram: the DTLS record around that, which is the UDP payload.
    """

    message: bytes
    chunk: bytes
    packet: bytes
    datagram: bytes

    @property
    def overhead(self) -> int:
        """**Bytes** around the message, IP and UDP included."""
        return IP_AND_UDP + len(self.datagram) - len(self.message)

    def table(self) -> Table:
        """Each layer, from the outside: what it puts before and behind."""
        padding = len(self.chunk) - CHUNK_HEADER - len(self.message)
        before = RECORD_HEADER_LENGTH + EXPLICIT_NONCE_LENGTH
        layers = (
            (
                "IP and UDP",
                FAINT,
                IP_AND_UDP,
                len(self.datagram),
                0,
                "to which computer, and to which program there",
            ),
            (
                "DTLS record",
                PALE["dtls"],
                before,
                len(self.packet),
                TAG_LENGTH,
                "nobody else reads or changes it",
            ),
            ("SCTP packet", PALE["sctp"], COMMON_HEADER, len(self.chunk), 0, "which association, by its tag"),
            (
                "DATA chunk",
                PALE["dcep"],
                CHUNK_HEADER,
                len(self.message),
                padding,
                "which message of which stream, and which piece of it",
            ),
            ("message", PALE["data"], 0, len(self.message), 0, "what the application said"),
        )
        rows = [
            [Cell(name, colour, bold=True), str(front or ""), str(inside), str(behind or ""), what]
            for name, colour, front, inside, behind, what in layers
        ]
        return Table(["layer", "bytes before", "inside", "behind", "what for"], rows)

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def peel(trace: Trace, who: str, message: bytes | str) -> Peeled:
    """Find the datagram with which `who` sent a message, and take it apart.

    Raises:
        InvalidAccessError: there is none; or the message did not travel alone and in one piece.
    """
    wanted = message.encode() if isinstance(message, str) else message
    contents = {
        entry.data[:RECORD_KEY]: entry.data[RECORD_HEADER_LENGTH:]
        for entry in trace.packets("dtls-plaintext", who=who, direction=Direction.OUT)
    }
    for datagram in trace.packets("udp", who=who, direction=Direction.OUT):
        packet = contents.get(datagram.data[:RECORD_KEY], b"")
        chunk = packet[COMMON_HEADER:]
        if not chunk or chunk[0] != ChunkType.DATA:
            continue
        length = int.from_bytes(chunk[2:4], "big")
        if (length + 3) // 4 * 4 == len(chunk) and DataChunk.parse(chunk).user_data == wanted:
            return Peeled(wanted, chunk, packet, datagram.data)
    raise InvalidAccessError(f"{who} has sent no datagram with just this message: {message!r}")

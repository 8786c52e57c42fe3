"""Transport-wide feedback: for each packet of a transport whether it came, and when. The sender does the thinking.

The receiver tells the fate of a range of transport-wide sequence numbers in 16-bit *chunks* (runs, or vectors of small
symbols), and then one *delta* per packet that came: time since the one before, in units of 250 µs.

Neither list has a length on the wire: chunks end when they have told as many packets as were counted, and each of
their symbols says how large its delta is. So both lists are walked by hand (`read_report`, `explain_fci`), over
declared pieces.

Specs: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from rtcpy.core.serial import add16
from rtcpy.rtp.errors import RtpError
from rtcpy.wire import Span, Wire, bits, const, opaque, wire

_DRAFT = "draft-holmer-rmcat-transport-wide-cc-extensions-01"
_RFC = f"{_DRAFT} §3.1"

HEADER_SIZE = 8  # bytes of the FCI before the chunks
PACKETS_MAX = 0xFFFF
RUN_MAX = (1 << 13) - 1
DELTA_UNIT = 250e-6  # seconds
REFERENCE_UNIT = 64e-3  # seconds


class Symbol(IntEnum):
    """What became of a packet. Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.1."""

    NOT_RECEIVED = 0
    SMALL_DELTA = 1
    LARGE_DELTA = 2
    RESERVED = 3


DELTA_SIZES = {Symbol.NOT_RECEIVED: 0, Symbol.SMALL_DELTA: 1, Symbol.LARGE_DELTA: 2, Symbol.RESERVED: 0}
"""**Bytes** of the delta that a symbol announces; the reserved one has none ("received, w/o timestamp", §3.1.3)."""


@wire(f"{_DRAFT} §3.1", error=RtpError)
class TransportFeedback(Wire):
    """The feedback control information: a header, then chunks and deltas."""

    base_sequence: int = bits(16, "transport-wide sequence number of the first packet told about")
    status_count: int = bits(16, "packets told about")
    reference_time: int = bits(
        24, "the first delta counts from here: units of 64 ms since some instant, two's complement"
    )
    feedback_count: int = bits(8, "one more in each feedback packet: shows the loss of feedback itself")
    rest: bytes = opaque("packet chunks, receive deltas, zero padding", default=b"")

    @property
    def report(self) -> list[PacketStatus]:
        """What became of each packet. Raises RtpError."""
        return read_report(self)


@wire(f"{_DRAFT} §3.1.3", error=RtpError)
class RunLengthChunk(Wire):
    """The same fate for many packets in a row."""

    _type = const(1, 0, "T: 0, a run length chunk")
    symbol: int = bits(2, "S: 0 not received, 1 small delta, 2 large or negative delta", enum=Symbol)
    run_length: int = bits(13, "L: packets in a row")


@wire(f"{_DRAFT} §3.1.4", error=RtpError)
class OneBitVectorChunk(Wire):
    """Fourteen packets, each received (with a small delta) or not."""

    _type = const(1, 1, "T: 1, a status vector chunk")
    _size = const(1, 0, "S: 0, symbols of one bit")
    symbols: int = bits(14, "one bit per packet: 0 not received, 1 received with a small delta")


@wire(f"{_DRAFT} §3.1.4", error=RtpError)
class TwoBitVectorChunk(Wire):
    """Seven packets, each with a full symbol."""

    _type = const(1, 1, "T: 1, a status vector chunk")
    _size = const(1, 1, "S: 1, symbols of two bits")
    symbols: int = bits(14, "two bits per packet: 0 not received, 1 small delta, 2 large or negative delta")


@wire(f"{_DRAFT} §3.1.5", error=RtpError)
class SmallDelta(Wire):
    """The time since the packet before, up to 63.75 ms."""

    delta: int = bits(8, "in units of 250 µs")


@wire(f"{_DRAFT} §3.1.5", error=RtpError)
class LargeDelta(Wire):
    """The time since the packet before, from −8192 to 8191.75 ms."""

    delta: int = bits(16, "in units of 250 µs, two's complement")


Chunk = RunLengthChunk | OneBitVectorChunk | TwoBitVectorChunk


@dataclass(slots=True)
class PacketStatus:
    """The fate of one packet.

    Args:
        sequence_number: transport-wide.
        symbol: as told.
        arrival: units of 250 µs since the sender's-of-feedback time base; None where no time was told.
    """

    sequence_number: int
    symbol: Symbol
    arrival: int | None = None

    @property
    def received(self) -> bool:
        """Whether it came."""
        return self.symbol is not Symbol.NOT_RECEIVED

    @property
    def arrival_time(self) -> float | None:
        """When it came, in **seconds** on the receiver's time base."""
        return None if self.arrival is None else self.arrival * DELTA_UNIT


def chunk_format(first_byte: int) -> type[Chunk]:
    """Which kind of chunk begins with this byte: its two highest bits tell. Spec: the draft's §3.1.3, §3.1.4."""
    if not first_byte & 0x80:
        return RunLengthChunk
    return TwoBitVectorChunk if first_byte & 0x40 else OneBitVectorChunk


def chunk_symbols(chunk: Chunk, wanted: int) -> list[Symbol]:
    """The symbols of a chunk, at most `wanted`: the last chunk may have room for more packets than there are."""
    match chunk:
        case RunLengthChunk():
            return [Symbol(chunk.symbol)] * min(chunk.run_length, wanted)
        case OneBitVectorChunk():
            return [Symbol(chunk.symbols >> (13 - i) & 1) for i in range(min(14, wanted))]
        case _:
            return [Symbol(chunk.symbols >> (12 - 2 * i) & 3) for i in range(min(7, wanted))]


def _read_chunks(
    data: bytes, offset: int, end: int, count: int, spans: list[Span] | None, prefix: str
) -> tuple[list[Symbol], int]:
    """The symbols of `count` packets, and where their chunks end."""
    symbols: list[Symbol] = []
    number = 0
    while len(symbols) < count:
        if offset >= end:
            raise RtpError(
                f"transport feedback counts {count} packets, its chunks tell of {len(symbols)}",
                offset=offset,
                rfc=_RFC,
                value=count,
            )
        form = chunk_format(data[offset])
        chunk, offset = form.parse_from(data, offset, end, spans=spans, prefix=f"{prefix}chunks[{number}].")
        told = chunk_symbols(chunk, count - len(symbols))
        if not told:
            raise RtpError("transport feedback has an empty run", offset=offset - 2, rfc=_RFC, value=0)
        symbols += told
        number += 1
    return symbols, offset


def _read_deltas(
    data: bytes,
    offset: int,
    end: int,
    symbols: Sequence[Symbol],
    spans: list[Span] | None,
    prefix: str,
) -> tuple[list[int | None], int]:
    """The delta of each packet that has one, and where they end."""
    deltas: list[int | None] = []
    for number, symbol in enumerate(symbols):
        if symbol is Symbol.SMALL_DELTA:
            small, offset = SmallDelta.parse_from(
                data, offset, end, spans=spans, prefix=f"{prefix}deltas[{number}]."
            )
            deltas.append(small.delta)
        elif symbol is Symbol.LARGE_DELTA:
            large, offset = LargeDelta.parse_from(
                data, offset, end, spans=spans, prefix=f"{prefix}deltas[{number}]."
            )
            deltas.append(large.delta - (large.delta >> 15 << 16))
        else:
            deltas.append(None)
    return deltas, offset


def read_report(feedback: TransportFeedback) -> list[PacketStatus]:
    """What became of each packet, in the order of their numbers.

    Raises:
        RtpError: chunks or deltas end too early; the offset counts from the first chunk.

    Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
    """
    rest, count = feedback.rest, feedback.status_count
    symbols, offset = _read_chunks(rest, 0, len(rest), count, None, "")
    deltas, _ = _read_deltas(rest, offset, len(rest), symbols, None, "")
    reference = feedback.reference_time - (feedback.reference_time >> 23 << 24)
    clock = round(reference * REFERENCE_UNIT / DELTA_UNIT)
    found = []
    for number, (symbol, delta) in enumerate(zip(symbols, deltas, strict=True)):
        if delta is not None:
            clock += delta
        found.append(
            PacketStatus(add16(feedback.base_sequence, number), symbol, None if delta is None else clock)
        )
    return found


def write_report(
    base_sequence: int, reference_time: int, feedback_count: int, deltas: Sequence[int | None]
) -> TransportFeedback:
    """Feedback about the packets from `base_sequence` on.

    Args:
        base_sequence: transport-wide number of the first.
        reference_time: units of 64 ms, −2^23…2^23−1.
        feedback_count: of this feedback packet, 0…255.
        deltas: per packet the time since the one before that came (since the reference time for the first), in units of
            250 µs, −32768…32767; None: it did not come.

    Raises:
        RtpError: too many packets, none, or a number out of its range.

    Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
    """
    if not 1 <= len(deltas) <= PACKETS_MAX:
        raise RtpError(f"feedback about {len(deltas)} packets", rfc=_RFC, value=len(deltas))
    symbols, packed = [], bytearray()
    for delta in deltas:
        if delta is None:
            symbols.append(Symbol.NOT_RECEIVED)
        elif 0 <= delta <= 0xFF:
            symbols.append(Symbol.SMALL_DELTA)
            packed.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            symbols.append(Symbol.LARGE_DELTA)
            packed += (delta & 0xFFFF).to_bytes(2, "big")
        else:
            raise RtpError(f"a delta of {delta}", rfc=f"{_DRAFT} §3.1.5", value=delta)
    if not -(1 << 23) <= reference_time < 1 << 23:
        raise RtpError(f"a reference time of {reference_time}", rfc=_RFC, value=reference_time)
    chunks = bytearray()
    at = 0
    while at < len(symbols):
        chunk, told = _next_chunk(symbols, at)
        chunks += chunk.serialize()
        at += told
    rest = bytes(chunks + packed)
    return TransportFeedback(
        base_sequence=base_sequence,
        status_count=len(deltas),
        reference_time=reference_time & 0xFFFFFF,
        feedback_count=feedback_count,
        rest=rest + bytes(-len(rest) % 4),
    )


def _next_chunk(symbols: Sequence[Symbol], at: int) -> tuple[Chunk, int]:
    """The chunk that tells of the most packets from `at` on, and how many."""
    first, run = symbols[at], 1
    while at + run < len(symbols) and run < RUN_MAX and symbols[at + run] is first:
        run += 1
    if run >= 14 or at + run == len(symbols):
        return RunLengthChunk(symbol=first, run_length=run), run
    window = symbols[at : at + 14]
    if Symbol.LARGE_DELTA not in window:
        word = sum(symbol << (13 - i) for i, symbol in enumerate(window))
        return OneBitVectorChunk(symbols=word), len(window)
    if run >= 7:
        return RunLengthChunk(symbol=first, run_length=run), run
    window = symbols[at : at + 7]
    word = sum(symbol << (12 - 2 * i) for i, symbol in enumerate(window))
    return TwoBitVectorChunk(symbols=word), len(window)


def explain_fci(data: bytes, offset: int, end: int, spans: list[Span], prefix: str) -> None:
    """Append what every bit of transport-wide feedback in ``data[offset:end]`` means. Raises RtpError."""
    feedback, _ = TransportFeedback.parse_from(data, offset, end, spans=spans, prefix=prefix)
    if feedback.rest:
        spans.pop()
    symbols, at = _read_chunks(data, offset + HEADER_SIZE, end, feedback.status_count, spans, prefix)
    _, at = _read_deltas(data, at, end, symbols, spans, prefix)
    if at < end:
        piece = bytes(data[at:end])
        doc = "zero padding up to a whole word"
        spans.append(
            Span(
                at, 0, 8 * len(piece), f"{prefix}zero_padding", int.from_bytes(piece, "big"), piece, doc, _RFC
            )
        )

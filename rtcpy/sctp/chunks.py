"""The chunks of SCTP, each declared once.

Every chunk begins with type, flags and a length that counts its header but not the padding to 4 bytes. DATA and
SACK are most of all packets, so they have hand-written readers and writers beside the declaration; a property
test proves both equal, errors included.

Not here: how chunks share a packet (`packet`), what they mean (`association`). I-DATA and I-FORWARD-TSN
(RFC 8260) have their numbers reserved in `ChunkType`; they are not offered.

Specs: RFC 9260 §3.3; RFC 3758 §3.2 (FORWARD-TSN); RFC 4820 §3 (PAD); RFC 6525 §3.1 (RE-CONFIG); RFC 7053 (I bit);
RFC 8831 §8 (PPIDs).
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Self

from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.sctp.parameters import ErrorCause, Parameter
from rtcpy.wire import (
    Wire,
    array,
    bits,
    const,
    count_of,
    flag,
    length_of,
    opaque,
    pad,
    reserved,
    wire,
)
from rtcpy.wire.codec import Buffer

DATA_HEADER = Struct("!BBHIHHI")  # type, flags, length, TSN, stream, SSN, PPID
SACK_HEADER = Struct("!BBHIIHH")  # type, flags, length, cumulative TSN, a_rwnd, gap blocks, duplicates
CHUNK_HEADER = Struct("!BBH")

FLAG_ENDING, FLAG_BEGINNING, FLAG_UNORDERED, FLAG_IMMEDIATE = 1, 2, 4, 8
PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length modulo 4


class ChunkType(IntEnum):
    """IANA "SCTP Chunk Types"."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14
    AUTH = 15
    I_DATA = 64
    ASCONF_ACK = 128
    RE_CONFIG = 130
    PAD = 132
    FORWARD_TSN = 192
    ASCONF = 193
    I_FORWARD_TSN = 194


class Ppid(IntEnum):
    """Payload protocol identifiers of data channels (RFC 8831 §8); 52 and 54 are deprecated, but understood."""

    DCEP = 50
    STRING = 51
    BINARY_PARTIAL = 52
    BINARY = 53
    STRING_PARTIAL = 54
    STRING_EMPTY = 56
    BINARY_EMPTY = 57


@wire("RFC 9260 §3.3.1", error=SctpDecodeError)
class DataChunk(Wire):
    """User data; one fragment of one message on one stream."""

    type = const(8, ChunkType.DATA, "DATA")
    _reserved = reserved(4)
    immediate: bool = flag("I: the receiver should send the SACK at once", default=False)
    unordered: bool = flag("U: deliver without stream order", default=False)
    beginning: bool = flag("B: first fragment", default=True)
    ending: bool = flag("E: last fragment", default=True)
    length = length_of("user_data", 16, plus=16, doc="bytes of this chunk, without padding")
    tsn: int = bits(32, "transmission sequence number")
    stream_id: int = bits(16, "stream identifier S")
    stream_seq: int = bits(16, "stream sequence number n")
    ppid: int = bits(32, "payload protocol identifier", enum=Ppid)
    user_data: bytes = opaque("user data", length="length")
    _pad = pad(4)

    @classmethod
    def parse(cls, buf: Buffer) -> Self:
        """By hand where the bytes are in order; anything odd goes to the declaration, which says what is wrong."""
        size = len(buf)
        if size >= 16:
            kind, flags, length, tsn, stream_id, stream_seq, ppid = DATA_HEADER.unpack_from(buf)
            if kind == 0 and length >= 16 and size == length + (-length & 3):
                chunk = cls.__new__(cls)
                fill_data(chunk, flags, tsn, stream_id, stream_seq, ppid, bytes(buf[16:length]))
                return chunk
        return cls.parse_declared(buf)

    def serialize(self) -> bytes:
        """By hand; values out of range go to the declaration, which says what is wrong."""
        data = self.user_data
        if len(data) <= MAX_USER_DATA and type(data) is bytes:
            flags = self.immediate << 3 | self.unordered << 2 | self.beginning << 1 | self.ending
            try:
                return write_data(flags, self.tsn, self.stream_id, self.stream_seq, self.ppid, data)
            except Exception:  # noqa: BLE001 - struct.error or a wrong type: the reference finds the words
                return self.serialize_declared()
        return self.serialize_declared()


MAX_USER_DATA = 65535 - 16  # bytes: what the length field leaves
PPIDS: dict[int, Ppid] = {member.value: member for member in Ppid}


_FLAGS = [(bits & 8 != 0, bits & 4 != 0, bits & 2 != 0, bits & 1 != 0) for bits in range(16)]


def fill_data(
    chunk: DataChunk, flags: int, tsn: int, stream_id: int, stream_seq: int, ppid: int, user_data: bytes
) -> None:
    """Set a blank DataChunk from the numbers of its header. A constructor with nine keywords costs twice all the rest."""
    chunk.immediate, chunk.unordered, chunk.beginning, chunk.ending = _FLAGS[flags & 15]
    chunk.tsn = tsn
    chunk.stream_id = stream_id
    chunk.stream_seq = stream_seq
    chunk.ppid = PPIDS.get(ppid, ppid)
    chunk.user_data = user_data


def write_data(flags: int, tsn: int, stream_id: int, stream_seq: int, ppid: int, data: bytes) -> bytes:
    """A DATA chunk with its padding. Spec: RFC 9260 §3.3.1."""
    size = len(data)
    return DATA_HEADER.pack(0, flags, size + 16, tsn, stream_id, stream_seq, ppid) + data + PADDING[size & 3]


@wire("RFC 9260 §3.3.2", error=SctpDecodeError)
class InitChunk(Wire):
    """First word of an association: who I am, how much I take, where I begin to count."""

    type = const(8, ChunkType.INIT, "INIT")
    _flags = reserved(8)
    length = length_of("parameters", 16, plus=20, doc="bytes of this chunk, without padding")
    initiate_tag: int = bits(32, "verification tag that packets to the sender of this must carry; not 0")
    a_rwnd: int = bits(32, "advertised receiver window credit, bytes; at least 1500")
    outbound_streams: int = bits(16, "streams that the sender wishes to send on")
    inbound_streams: int = bits(16, "streams that the sender accepts at most")
    initial_tsn: int = bits(32, "first TSN that the sender will use")
    parameters: list[Parameter] = array(
        Parameter, "optional parameters", length="length", default_factory=list
    )
    _pad = pad(4)


@wire("RFC 9260 §3.3.3", error=SctpDecodeError)
class InitAckChunk(Wire):
    """Answer to INIT. Its state cookie holds all that the answering side would have to remember."""

    type = const(8, ChunkType.INIT_ACK, "INIT ACK")
    _flags = reserved(8)
    length = length_of("parameters", 16, plus=20, doc="bytes of this chunk, without padding")
    initiate_tag: int = bits(32, "verification tag that packets to the sender of this must carry; not 0")
    a_rwnd: int = bits(32, "advertised receiver window credit, bytes; at least 1500")
    outbound_streams: int = bits(16, "streams that the sender will send on")
    inbound_streams: int = bits(16, "streams that the sender accepts at most")
    initial_tsn: int = bits(32, "first TSN that the sender will use")
    parameters: list[Parameter] = array(
        Parameter, "the state cookie and options", length="length", default_factory=list
    )
    _pad = pad(4)


@wire("RFC 9260 §3.3.4", error=SctpDecodeError)
class GapBlock(Wire):
    """A run of TSNs received beyond the cumulative one."""

    start: int = bits(16, "first TSN of the run, as offset from the cumulative TSN")
    end: int = bits(16, "last TSN of the run, as offset from the cumulative TSN")


@wire("RFC 9260 §3.3.4", error=SctpDecodeError)
class SackChunk(Wire):
    """What has arrived: everything up to a TSN, runs beyond it, and what came twice."""

    type = const(8, ChunkType.SACK, "SACK")
    _flags = reserved(8)
    length = length_of("gaps duplicates", 16, plus=16, doc="bytes of this chunk")
    cumulative_tsn: int = bits(32, "cumulative TSN ack: all up to this one have arrived")
    a_rwnd: int = bits(32, "advertised receiver window credit, bytes")
    gap_count = count_of("gaps", 16, "number of gap ack blocks")
    duplicate_count = count_of("duplicates", 16, "number of duplicate TSNs")
    gaps: list[GapBlock] = array(GapBlock, "runs received", count="gap_count", default_factory=list)
    duplicates: list[int] = array(
        32, "TSNs received more than once", count="duplicate_count", default_factory=list
    )

    @classmethod
    def parse(cls, buf: Buffer) -> Self:
        """By hand where the counts agree with the length; anything odd goes to the declaration."""
        size = len(buf)
        if size >= 16:
            kind, _, length, cumulative, a_rwnd, gap_count, duplicate_count = SACK_HEADER.unpack_from(buf)
            if kind == 3 and length == size == 16 + 4 * (gap_count + duplicate_count):
                bounds, duplicates = read_sack_lists(buf, 0, gap_count, duplicate_count)
                return cls(
                    cumulative_tsn=cumulative,
                    a_rwnd=a_rwnd,
                    gaps=[
                        GapBlock(start=start, end=end)
                        for start, end in zip(bounds[::2], bounds[1::2], strict=True)
                    ],
                    duplicates=list(duplicates),
                )
        return cls.parse_declared(buf)

    def serialize(self) -> bytes:
        """By hand; values out of range go to the declaration, which says what is wrong."""
        bounds = [bound for gap in self.gaps for bound in (gap.start, gap.end)]
        if 4 * len(self.duplicates) + 2 * len(bounds) + 16 <= 65535:
            try:
                return write_sack(self.cumulative_tsn, self.a_rwnd, bounds, self.duplicates)
            except Exception:  # noqa: BLE001 - struct.error or a wrong type: the reference finds the words
                return self.serialize_declared()
        return self.serialize_declared()


def read_sack_lists(
    buf: Buffer, offset: int, gap_count: int, duplicate_count: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Gap bounds (start, end, start, end, …) and duplicate TSNs of the SACK at `offset`, whose size was checked."""
    if not gap_count and not duplicate_count:
        return (), ()
    values: tuple[int, ...] = Struct(f"!{2 * gap_count}H{duplicate_count}I").unpack_from(buf, offset + 16)
    return values[: 2 * gap_count], values[2 * gap_count :]


def write_sack(cumulative_tsn: int, a_rwnd: int, bounds: list[int], duplicates: list[int]) -> bytes:
    """A SACK chunk; `bounds` are gap offsets (start, end, start, end, …). Spec: RFC 9260 §3.3.4."""
    gap_count, duplicate_count = len(bounds) >> 1, len(duplicates)
    length = 16 + 4 * (gap_count + duplicate_count)
    head = SACK_HEADER.pack(3, 0, length, cumulative_tsn, a_rwnd, gap_count, duplicate_count)
    if length == 16:
        return head
    return head + Struct(f"!{2 * gap_count}H{duplicate_count}I").pack(*bounds, *duplicates)


@wire("RFC 9260 §3.3.5", error=SctpDecodeError)
class HeartbeatChunk(Wire):
    """Are you there? Also the carrier of path MTU probes (RFC 8899 §6.2)."""

    type = const(8, ChunkType.HEARTBEAT, "HEARTBEAT")
    _flags = reserved(8)
    length = length_of("parameters", 16, plus=4, doc="bytes of this chunk, without padding")
    parameters: list[Parameter] = array(Parameter, "one Heartbeat Info", length="length")
    _pad = pad(4)


@wire("RFC 9260 §3.3.6", error=SctpDecodeError)
class HeartbeatAckChunk(Wire):
    """I am here; the info comes back untouched."""

    type = const(8, ChunkType.HEARTBEAT_ACK, "HEARTBEAT ACK")
    _flags = reserved(8)
    length = length_of("parameters", 16, plus=4, doc="bytes of this chunk, without padding")
    parameters: list[Parameter] = array(Parameter, "the Heartbeat Info of the request", length="length")
    _pad = pad(4)


@wire("RFC 9260 §3.3.7", error=SctpDecodeError)
class AbortChunk(Wire):
    """The association is over, now."""

    type = const(8, ChunkType.ABORT, "ABORT")
    _flags = reserved(7)
    reflected: bool = flag(
        "T: the verification tag is the one of the packet that this answers", default=False
    )
    length = length_of("causes", 16, plus=4, doc="bytes of this chunk, without padding")
    causes: list[ErrorCause] = array(ErrorCause, "why", length="length", default_factory=list)
    _pad = pad(4)


@wire("RFC 9260 §3.3.8", error=SctpDecodeError)
class ShutdownChunk(Wire):
    """I have sent all I had, and it arrived."""

    type = const(8, ChunkType.SHUTDOWN, "SHUTDOWN")
    _flags = reserved(8)
    length = const(16, 8, "bytes of this chunk")
    cumulative_tsn: int = bits(32, "cumulative TSN ack: all up to this one have arrived")


@wire("RFC 9260 §3.3.9", error=SctpDecodeError)
class ShutdownAckChunk(Wire):
    """So have I."""

    type = const(8, ChunkType.SHUTDOWN_ACK, "SHUTDOWN ACK")
    _flags = reserved(8)
    length = const(16, 4, "bytes of this chunk")


@wire("RFC 9260 §3.3.10", error=SctpDecodeError)
class ErrorChunk(Wire):
    """Something was wrong, the association lives on."""

    type = const(8, ChunkType.ERROR, "ERROR")
    _flags = reserved(8)
    length = length_of("causes", 16, plus=4, doc="bytes of this chunk, without padding")
    causes: list[ErrorCause] = array(ErrorCause, "what", length="length")
    _pad = pad(4)


@wire("RFC 9260 §3.3.11", error=SctpDecodeError)
class CookieEchoChunk(Wire):
    """Here is your cookie back: I am who asked."""

    type = const(8, ChunkType.COOKIE_ECHO, "COOKIE ECHO")
    _flags = reserved(8)
    length = length_of("cookie", 16, plus=4, doc="bytes of this chunk, without padding")
    cookie: bytes = opaque("the state cookie of the INIT ACK", length="length")
    _pad = pad(4)


@wire("RFC 9260 §3.3.12", error=SctpDecodeError)
class CookieAckChunk(Wire):
    """We are associated."""

    type = const(8, ChunkType.COOKIE_ACK, "COOKIE ACK")
    _flags = reserved(8)
    length = const(16, 4, "bytes of this chunk")


@wire("RFC 9260 §3.3.13", error=SctpDecodeError)
class ShutdownCompleteChunk(Wire):
    """Good bye."""

    type = const(8, ChunkType.SHUTDOWN_COMPLETE, "SHUTDOWN COMPLETE")
    _flags = reserved(7)
    reflected: bool = flag(
        "T: the verification tag is the one of the packet that this answers", default=False
    )
    length = const(16, 4, "bytes of this chunk")


@wire("RFC 6525 §3.1", error=SctpDecodeError)
class ReconfigChunk(Wire):
    """One or two requests or responses about streams."""

    type = const(8, ChunkType.RE_CONFIG, "RE-CONFIG")
    _flags = reserved(8)
    length = length_of("parameters", 16, plus=4, doc="bytes of this chunk, without padding")
    parameters: list[Parameter] = array(Parameter, "requests and responses", length="length")
    _pad = pad(4)


@wire("RFC 4820 §3", error=SctpDecodeError)
class PadChunk(Wire):
    """Ballast, for path MTU probes."""

    type = const(8, ChunkType.PAD, "PAD")
    _flags = reserved(8)
    length = length_of("padding_data", 16, plus=4, doc="bytes of this chunk, without padding")
    padding_data: bytes = opaque("ignored", length="length")
    _pad = pad(4)


@wire("RFC 3758 §3.2", error=SctpDecodeError)
class SkippedStream(Wire):
    """A stream on which ordered messages were given up."""

    stream_id: int = bits(16, "stream")
    stream_seq: int = bits(16, "largest stream sequence number given up")


@wire("RFC 3758 §3.2", error=SctpDecodeError)
class ForwardTsnChunk(Wire):
    """Do not wait for anything up to here: it will not come."""

    type = const(8, ChunkType.FORWARD_TSN, "FORWARD TSN")
    _flags = reserved(8)
    length = length_of("skipped", 16, plus=8, doc="bytes of this chunk")
    new_cumulative_tsn: int = bits(32, "the receiver's cumulative TSN moves at least to this")
    skipped: list[SkippedStream] = array(
        SkippedStream, "ordered streams affected", length="length", default_factory=list
    )


CHUNK_FORMATS: dict[int, type[Wire]] = {
    ChunkType.DATA: DataChunk,
    ChunkType.INIT: InitChunk,
    ChunkType.INIT_ACK: InitAckChunk,
    ChunkType.SACK: SackChunk,
    ChunkType.HEARTBEAT: HeartbeatChunk,
    ChunkType.HEARTBEAT_ACK: HeartbeatAckChunk,
    ChunkType.ABORT: AbortChunk,
    ChunkType.SHUTDOWN: ShutdownChunk,
    ChunkType.SHUTDOWN_ACK: ShutdownAckChunk,
    ChunkType.ERROR: ErrorChunk,
    ChunkType.COOKIE_ECHO: CookieEchoChunk,
    ChunkType.COOKIE_ACK: CookieAckChunk,
    ChunkType.SHUTDOWN_COMPLETE: ShutdownCompleteChunk,
    ChunkType.RE_CONFIG: ReconfigChunk,
    ChunkType.PAD: PadChunk,
    ChunkType.FORWARD_TSN: ForwardTsnChunk,
}


@wire("RFC 9260 §3.2", error=SctpDecodeError)
class UnknownChunk(Wire):
    """A chunk of a type that we do not know. The two high bits of the type say what to do with it."""

    type: int = bits(8, "chunk type", enum=ChunkType)
    flags: int = bits(8, "chunk flags")
    length = length_of("value", 16, plus=4, doc="bytes of this chunk, without padding")
    value: bytes = opaque("chunk value", length="length")
    _pad = pad(4)

"""RTCP: what the ends of an RTP session tell each other about it. Reports, names, farewells.

Several RTCP packets travel in one datagram, a *compound*: a report first, then who is speaking, then whatever else.
With reduced size (RFC 5506, ``a=rtcp-rsize``) any packet may come alone. All begin alike::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |V=2|P| count/FMT |      PT       |        length in words − 1    |

The last packet may end in padding, counted by its own last byte. So each declaration ends in one opaque field that
may include padding, and a method of the packet says what is in it without (`SourceDescription.chunks`,
`Goodbye.reason`, …). Feedback (PT 205, 206) is `feedback`, extended reports (PT 207) are `xr`; how a datagram is cut
into packets is `compound`.

Specs: RFC 3550 §6.1, §6.4–6.7; RFC 9143 §15.1 and RFC 8852 §3 (SDES items).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.packet import VERSION, padding_size
from rtcpy.wire import Span, Wire, array, bits, const, count_of, flag, length_of, opaque, vector, wire

HEADER_SIZE = 4  # bytes
CHUNKS_MAX = 31  # what the 5-bit count can tell


class PacketType(IntEnum):
    """IANA "RTCP Control Packet Types". Spec: RFC 3550 §12.1, RFC 4585 §9, RFC 3611 §2."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    APPLICATION_DEFINED = 204
    TRANSPORT_FEEDBACK = 205
    PAYLOAD_FEEDBACK = 206
    EXTENDED_REPORT = 207


class SdesType(IntEnum):
    """IANA "RTCP SDES Item Types". Spec: RFC 3550 §6.5, §12.2; RFC 8852 §3; RFC 9143 §15.1."""

    END = 0
    CNAME = 1
    NAME = 2
    EMAIL = 3
    PHONE = 4
    LOC = 5
    TOOL = 6
    NOTE = 7
    PRIV = 8
    RTP_STREAM_ID = 12
    REPAIRED_RTP_STREAM_ID = 13
    CCID = 14
    MID = 15


_PADDING_BIT = "P: this packet ends in padding, whose last byte counts it"
_LENGTH = "32-bit words of this packet, minus one; header and padding included"
_VERSION = "version 2, as in RTP"


def content_end(packet: Wire, tail: bytes) -> int:
    """How many bytes of `tail`, the opaque end of `packet`, are no padding. Raises RtpError."""
    padded: bool = packet.padding  # type: ignore[attr-defined]
    return len(tail) - (padding_size(tail, 0, len(tail)) if padded else 0)


@wire("RFC 3550 §6.4.1", error=RtpError)
class ReportBlock(Wire):
    """How one source arrives at the reporter."""

    ssrc: int = bits(32, "the source that this block is about")
    fraction_lost: int = bits(8, "packets lost since the last report, in 1/256 of those expected")
    cumulative_lost: int = bits(
        24, "packets lost since the beginning, two's complement: duplicates can make it negative"
    )
    highest_sequence: int = bits(32, "highest sequence number received; the high 16 bits count wraps")
    jitter: int = bits(32, "interarrival jitter: mean deviation, in ticks of the RTP clock")
    last_sr: int = bits(32, "LSR: middle 32 bits of the NTP time of the last SR from the source; 0: none yet")
    delay_since_last_sr: int = bits(32, "DLSR: how long ago that SR came, in 1/65536 s")

    @property
    def packets_lost(self) -> int:
        """`cumulative_lost` with its sign. Spec: RFC 3550 §6.4.1."""
        return self.cumulative_lost - (1 << 24 if self.cumulative_lost & 0x800000 else 0)


@wire("RFC 3550 §6.4.1", error=RtpError)
class SenderReport(Wire):
    """SR: what I have sent, at what time by both clocks; and how others arrive here."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    report_count = count_of("reports", 5, "RC: report blocks in this packet")
    packet_type = const(8, PacketType.SENDER_REPORT, "PT: SR")
    length = length_of("reports extension", 16, plus=24, unit=4, doc=_LENGTH)
    ssrc: int = bits(32, "the source that sent this")
    ntp_seconds: int = bits(32, "wall clock when this was sent: seconds since 1900")
    ntp_fraction: int = bits(32, "fraction of a second, in 1/2^32")
    rtp_timestamp: int = bits(32, "the same instant by the clock of the RTP timestamps: for lip sync")
    packet_count: int = bits(32, "RTP packets sent since the beginning")
    octet_count: int = bits(32, "payload bytes sent since the beginning, without headers and padding")
    reports: list[ReportBlock] = array(
        ReportBlock, "sources heard since the last report", count="report_count", default_factory=list
    )
    extension: bytes = opaque("profile-specific extension, and padding", length="length", default=b"")


@wire("RFC 3550 §6.4.2", error=RtpError)
class ReceiverReport(Wire):
    """RR: how others arrive here, from someone who has sent nothing lately."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    report_count = count_of("reports", 5, "RC: report blocks in this packet")
    packet_type = const(8, PacketType.RECEIVER_REPORT, "PT: RR")
    length = length_of("reports extension", 16, plus=4, unit=4, doc=_LENGTH)
    ssrc: int = bits(32, "the source that sent this")
    reports: list[ReportBlock] = array(
        ReportBlock, "sources heard since the last report", count="report_count", default_factory=list
    )
    extension: bytes = opaque("profile-specific extension, and padding", length="length", default=b"")


@wire("RFC 3550 §6.5", error=RtpError)
class SdesItem(Wire):
    """One thing said about a source. Type 0 is no item: it ends the list."""

    type: int = bits(8, "which thing", enum=SdesType)
    text: bytes = vector(8, doc="UTF-8, not terminated")


@wire("RFC 3550 §6.5.8", error=RtpError)
class PrivateItem(Wire):
    """The text of a PRIV item: a prefix that tells experiments apart, then the value."""

    prefix: bytes = vector(8, doc="whose experiment")
    value: bytes = opaque("what it says", default=b"")


@dataclass(slots=True)
class SdesChunk:
    """What is said about one source.

    Args:
        ssrc: the source.
        items: in order.
    """

    ssrc: int
    items: list[SdesItem] = field(default_factory=list)

    def text(self, kind: SdesType) -> str | None:
        """The first item of this type; broken UTF-8 is shown as U+FFFD."""
        return next((item.text.decode("utf-8", "replace") for item in self.items if item.type == kind), None)


@wire("RFC 3550 §6.5", error=RtpError)
class SourceDescription(Wire):
    """SDES: who the sources are. Every compound names the sender's CNAME, which binds its streams together."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    source_count: int = bits(5, "SC: chunks in this packet")
    packet_type = const(8, PacketType.SOURCE_DESCRIPTION, "PT: SDES")
    length = length_of("content", 16, unit=4, doc=_LENGTH)
    content: bytes = opaque("chunks, and padding", length="length", default=b"")

    @classmethod
    def of(cls, chunks: Sequence[SdesChunk]) -> SourceDescription:
        """A packet with these chunks. Raises RtpError: more than 31, or an item too long."""
        if len(chunks) > CHUNKS_MAX:
            raise RtpError(
                f"{len(chunks)} chunks, at most {CHUNKS_MAX}", rfc="RFC 3550 §6.5", value=len(chunks)
            )
        out = bytearray()
        for chunk in chunks:
            out += (chunk.ssrc & 0xFFFFFFFF).to_bytes(4, "big")
            for item in chunk.items:
                out += item.serialize()
            out += bytes(4 - len(out) % 4)  # one null at the least ends the list
        return cls(source_count=len(chunks), content=bytes(out))

    @property
    def chunks(self) -> list[SdesChunk]:
        """The chunks. Raises RtpError: one reaches beyond the packet, or there are fewer than counted."""
        end = content_end(self, self.content)
        found: list[SdesChunk] = []
        for kind, at in sdes_steps(self.content, 0, end, self.source_count):
            if kind == "chunk":
                found.append(SdesChunk(int.from_bytes(self.content[at : at + 4], "big")))
            elif kind == "item":
                found[-1].items.append(SdesItem.parse_from(self.content, at, end)[0])
        return found


def sdes_steps(data: bytes, offset: int, end: int, count: int) -> Iterator[tuple[str, int]]:
    """What stands at which offset: ``"chunk"`` (four bytes of SSRC), ``"item"``, ``"end"`` (nulls up to a whole word).

    Raises:
        RtpError: the packet ends within a chunk.

    Spec: RFC 3550 §6.5: items end with a null, then nulls up to the next 32-bit boundary.
    """
    start = offset
    for number in range(count):
        if end - offset < 4:
            raise _truncated(f"chunk {number} of {count} needs an SSRC", offset)
        yield "chunk", offset
        offset += 4
        while True:
            if offset >= end:
                raise _truncated("a chunk has no null at its end", offset)
            if not data[offset]:
                break
            if end - offset < 2 or end - offset - 2 < data[offset + 1]:
                raise _truncated("an item reaches beyond the packet", offset)
            yield "item", offset
            offset += 2 + data[offset + 1]
        yield "end", offset
        offset += 4 - (offset - start) % 4
        if offset > end:
            raise _truncated("a chunk is not padded to a whole word", end)
    if offset != end:
        yield "rest", offset


def _truncated(what: str, offset: int) -> RtpError:
    return RtpError(f"SDES: {what}", offset=offset, rfc="RFC 3550 §6.5")


@wire("RFC 3550 §6.6", error=RtpError)
class Goodbye(Wire):
    """BYE: these sources are gone."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    source_count = count_of("ssrcs", 5, "SC: sources that leave")
    packet_type = const(8, PacketType.GOODBYE, "PT: BYE")
    length = length_of("ssrcs content", 16, unit=4, doc=_LENGTH)
    ssrcs: list[int] = array(32, "sources that leave", count="source_count", default_factory=list)
    content: bytes = opaque("why, perhaps; and padding", length="length", default=b"")

    @classmethod
    def of(cls, ssrcs: Sequence[int], reason: str = "") -> Goodbye:
        """A packet that ends these sources. `reason`: text for people, at most 255 **bytes**. Raises RtpError."""
        text = reason.encode()
        if len(text) > 255:
            raise RtpError(f"a reason of {len(text)} bytes, at most 255", rfc="RFC 3550 §6.6", value=reason)
        content = bytes([len(text)]) + text if text else b""
        return cls(ssrcs=list(ssrcs), content=content + bytes(-len(content) % 4))

    @property
    def reason(self) -> str:
        """Why, for people; empty if not told. Raises RtpError: the text reaches beyond the packet."""
        end = content_end(self, self.content)
        if not end:
            return ""
        size = reason_size(self.content, 0, end)
        return self.content[1 : 1 + size].decode("utf-8", "replace")


def reason_size(data: bytes, start: int, end: int) -> int:
    """**Bytes** of a BYE's reason, whose length byte is at `start`. Raises RtpError. Spec: RFC 3550 §6.6."""
    size = data[start]
    if size > end - start - 1:
        raise RtpError(
            f"BYE: a reason of {size} bytes, {end - start - 1} left",
            offset=start,
            rfc="RFC 3550 §6.6",
            value=size,
        )
    return size


@wire("RFC 3550 §6.7", error=RtpError)
class ApplicationDefined(Wire):
    """APP: for experiments, told apart by a name of four letters."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    subtype: int = bits(5, "the application's own", default=0)
    packet_type = const(8, PacketType.APPLICATION_DEFINED, "PT: APP")
    length = length_of("data", 16, plus=8, unit=4, doc=_LENGTH)
    ssrc: int = bits(32, "the source that sent this")
    name: bytes = opaque("four ASCII letters", length=4)
    data: bytes = opaque("the application's own, and padding", length="length", default=b"")


@wire("RFC 3550 §6.1", error=RtpError)
class UnknownPacket(Wire):
    """An RTCP packet of a type that is not read here: the common header, and the rest as it is."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag(_PADDING_BIT, default=False)
    count: int = bits(5, "a count, a format or nothing; by type", default=0)
    packet_type: int = bits(8, "PT: packet type", enum=PacketType)
    length = length_of("content", 16, unit=4, doc=_LENGTH)
    content: bytes = opaque("the rest, and padding", length="length", default=b"")


@wire("RFC 3711 §3.4", error=RtpError)
class ProtectedRtcp(Wire):
    """SRTCP: of a whole compound only these eight bytes can be read without the key."""

    _version = const(2, VERSION, _VERSION)
    padding: bool = flag("P: of the first packet", default=False)
    count: int = bits(5, "a count, a format or nothing; by type", default=0)
    packet_type: int = bits(8, "PT: type of the first packet", enum=PacketType)
    length: int = bits(16, "of the first packet, in 32-bit words, minus one")
    ssrc: int = bits(32, "who sent this")
    protected: bytes = opaque(
        "the rest, encrypted; with it a flag, a packet index and the authentication tag", default=b""
    )


# --- explanations of what the declarations leave opaque -------------------------------------------------------------


def explain_sdes(data: bytes, start: int, end: int, count: int, spans: list[Span], prefix: str) -> None:
    """Append what every bit of the chunks in ``data[start:end]`` means. Raises RtpError."""
    rfc = "RFC 3550 §6.5"
    number = item = -1
    for kind, at in sdes_steps(data, start, end, count):
        if kind == "chunk":
            number, item = number + 1, -1
            doc = "the source that is described"
            append_bytes(data, at, 4, f"{prefix}chunks[{number}].ssrc", doc, spans, rfc)
        elif kind == "item":
            item += 1
            _explain_item(data, at, end, f"{prefix}chunks[{number}].items[{item}].", spans)
        elif kind == "end":
            size = 4 - (at - start) % 4
            doc = "null: the list ends; then nulls up to a whole word"
            append_bytes(
                data, at, size, f"{prefix}chunks[{number}].end", doc, spans, rfc, bytes(data[at : at + size])
            )
        else:
            doc = "bytes that no chunk counts"
            append_bytes(data, at, end - at, f"{prefix}rest", doc, spans, rfc, bytes(data[at:end]))


def _explain_item(data: bytes, at: int, end: int, prefix: str, spans: list[Span]) -> None:
    SdesItem.parse_from(data, at, end, spans=spans, prefix=prefix)
    if spans[-1].name != f"{prefix}text":
        return  # an empty text has no bits
    text = spans.pop()
    parts: list[Span] = []
    if data[at] == SdesType.PRIV:
        try:
            PrivateItem.parse_from(data, at + 2, at + 2 + text.width // 8, spans=parts, prefix=prefix)
        except RtpError:
            parts.clear()  # a broken one is the experiment's business: it stays text
    text.doc = SDES_MEANINGS.get(data[at], text.doc)
    spans += parts or [text]


SDES_MEANINGS: dict[int, str] = {
    SdesType.CNAME: "canonical name: the same for all streams of one end, whatever their SSRCs",
    SdesType.NAME: "name of the person",
    SdesType.EMAIL: "address of the person",
    SdesType.PHONE: "telephone number",
    SdesType.LOC: "where the person is",
    SdesType.TOOL: "the program that sends",
    SdesType.NOTE: "what goes on at the source",
    SdesType.PRIV: "an experiment's own",
    SdesType.RTP_STREAM_ID: "the rid of the stream, as a=rid names it",
    SdesType.REPAIRED_RTP_STREAM_ID: "the rid of the stream that this one repairs",
    SdesType.MID: "the section of the description, as a=mid names it",
}
"""One sentence for each type of SDES item."""


def explain_reason(data: bytes, start: int, end: int, spans: list[Span], prefix: str) -> None:
    """Append what the end of a BYE means: length, text, nulls up to a whole word. Raises RtpError."""
    if start == end:
        return
    rfc = "RFC 3550 §6.6"
    size = reason_size(data, start, end)
    rest = start + 1 + size
    append_bytes(data, start, 1, f"{prefix}reason_length", "bytes of the reason", spans, rfc)
    append_bytes(
        data, start + 1, size, f"{prefix}reason", "why, for people", spans, rfc, bytes(data[start + 1 : rest])
    )
    doc = "nulls up to a whole word"
    append_bytes(data, rest, end - rest, f"{prefix}fill", doc, spans, rfc, bytes(data[rest:end]))


def append_bytes(
    data: bytes, at: int, size: int, name: str, doc: str, spans: list[Span], rfc: str, value: object = None
) -> None:
    """Append a span of `size` **bytes** at `at`, read as an integer unless a value is given."""
    if size:
        raw = int.from_bytes(data[at : at + size], "big")
        spans.append(Span(at, 0, 8 * size, name, raw, raw if value is None else value, doc, rfc))

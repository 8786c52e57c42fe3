"""Compound packets: how a datagram is cut into RTCP packets, and every packet into its fields.

RTCP packets stand one behind the other, each with its length. A whole compound begins with a report and names its
sender; with reduced size, which WebRTC negotiates, any packet may come alone.

Specs: RFC 3550 §6.1, Appendix A.2 (validity); RFC 5506 §3.1, §3.4 (reduced size).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.feedback import FeedbackPacket, explain_feedback
from rtcpy.rtp.packet import VERSION, explain_padding, padding_size
from rtcpy.rtp.rtcp import (
    HEADER_SIZE,
    ApplicationDefined,
    Goodbye,
    PacketType,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    UnknownPacket,
    append_bytes,
    explain_reason,
    explain_sdes,
)
from rtcpy.rtp.xr import ExtendedReport, explain_blocks
from rtcpy.wire import Span, Wire

PACKETS_MAX = 512
"""Per datagram: an Ethernet frame holds 368 of the smallest; a bound on the work for one datagram."""

FORMATS: Mapping[int, type[Wire]] = MappingProxyType(
    {
        PacketType.SENDER_REPORT: SenderReport,
        PacketType.RECEIVER_REPORT: ReceiverReport,
        PacketType.SOURCE_DESCRIPTION: SourceDescription,
        PacketType.GOODBYE: Goodbye,
        PacketType.APPLICATION_DEFINED: ApplicationDefined,
        PacketType.TRANSPORT_FEEDBACK: FeedbackPacket,
        PacketType.PAYLOAD_FEEDBACK: FeedbackPacket,
        PacketType.EXTENDED_REPORT: ExtendedReport,
    }
)
"""Packet type → its format; others are `UnknownPacket`."""

OPAQUE_TAILS = ("content", "extension", "data")
"""What the last field of these formats is called: it holds what no declaration can say, and padding."""


def split_compound(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of every RTCP packet in a datagram, in **bytes**.

    Raises:
        RtpError: a version other than 2, a length that reaches beyond the datagram, too many packets, or none.

    Spec: RFC 3550 §6.1, Appendix A.2.
    """
    if not data:
        raise RtpError("an empty datagram is no RTCP", offset=0, rfc="RFC 3550 §6.1", value=b"")
    found: list[tuple[int, int]] = []
    offset = 0
    while offset < len(data):
        if len(found) == PACKETS_MAX:
            raise RtpError(
                "too many RTCP packets in a datagram", offset=offset, rfc="RFC 3550 §6.1", value=len(found)
            )
        end = packet_end(data, offset)
        found.append((offset, end))
        offset = end
    return found


def packet_end(data: bytes, offset: int) -> int:
    """Where the RTCP packet at `offset` ends. Raises RtpError. Spec: RFC 3550 §6.1."""
    left = len(data) - offset
    if left < HEADER_SIZE:
        raise RtpError(f"{left} bytes are no RTCP header", offset=offset, rfc="RFC 3550 §6.1", value=left)
    if data[offset] >> 6 != VERSION:
        raise RtpError(
            f"RTCP version is {data[offset] >> 6}, expected {VERSION}",
            offset=offset,
            rfc="RFC 3550 §6.4.1",
            value=data[offset] >> 6,
        )
    size = 4 * (data[offset + 2] << 8 | data[offset + 3]) + 4
    if size > left:
        raise RtpError(
            f"RTCP length tells {size} bytes, {left} left",
            offset=offset + 2,
            rfc="RFC 3550 §6.4.1",
            value=size,
        )
    return offset + size


def parse_packet(data: bytes) -> Wire:
    """One RTCP packet that fills `data`. Raises RtpError."""
    form = FORMATS.get(data[1], UnknownPacket) if len(data) > 1 else UnknownPacket
    return form.parse(data)


def parse_compound(data: bytes, *, reduced_size: bool = True) -> list[Wire]:
    """The packets of a datagram, in order.

    Args:
        data: the datagram.
        reduced_size: also take what does not begin with a report (RFC 5506).

    Raises:
        RtpError: a packet does not follow its format; without `reduced_size` also a first packet that is no report or
            has padding.

    Spec: RFC 3550 §6.1, Appendix A.2; RFC 5506 §3.4.2.
    """
    pieces = split_compound(data)
    if not reduced_size:
        if data[1] not in (PacketType.SENDER_REPORT, PacketType.RECEIVER_REPORT):
            raise RtpError(
                f"a compound begins with SR or RR, this with {data[1]}",
                offset=1,
                rfc="RFC 3550 §6.1",
                value=data[1],
            )
        if data[0] & 0x20 and len(pieces) > 1:
            raise RtpError(
                "only the last packet of a compound may be padded",
                offset=0,
                rfc="RFC 3550 §6.4.1",
                value=True,
            )
    found = []
    for start, end in pieces:
        try:
            found.append(parse_packet(data[start:end]))
        except RtpError as error:
            if error.offset is not None:
                error.offset += start
            raise
    return found


def explain_compound(data: bytes) -> list[Span]:
    """Every bit of a datagram of RTCP with its meaning. Raises RtpError."""
    spans: list[Span] = []
    for number, (start, end) in enumerate(split_compound(data)):
        spans += explain_rtcp(data, start, end, f"packets[{number}].")
    return spans


def explain_rtcp(data: bytes, start: int, end: int, prefix: str = "") -> list[Span]:
    """Every bit of the RTCP packet in ``data[start:end]``, with what its declaration leaves opaque taken apart.

    Raises:
        RtpError: it does not follow its format.
    """
    form = FORMATS.get(data[start + 1], UnknownPacket) if end - start > 1 else UnknownPacket
    spans: list[Span] = []
    packet, at = form.parse_from(data, start, end, spans=spans, prefix=prefix)
    if at != end:
        raise RtpError(f"{form.__name__}: {end - at} bytes left over", offset=at, rfc=form.wire_rfc)
    has_tail = spans[-1].name.removeprefix(prefix) in OPAQUE_TAILS
    tail = spans.pop() if has_tail else None
    begin = tail.offset if tail is not None else end
    padding = padding_size(data, begin, end) if packet.padding else 0  # type: ignore[attr-defined]
    stop = end - padding
    match packet:
        case SourceDescription():
            explain_sdes(data, begin, stop, packet.source_count, spans, prefix)
        case Goodbye():
            explain_reason(data, begin, stop, spans, prefix)
        case ExtendedReport():
            explain_blocks(data, begin, stop, spans, prefix)
        case FeedbackPacket():
            explain_feedback(data, begin, stop, packet, spans, prefix)
        case _ if tail is not None:
            piece = data[begin:stop]
            append_bytes(data, begin, stop - begin, tail.name, tail.doc, spans, tail.rfc, bytes(piece))
    if padding:
        explain_padding(data, stop, end, spans, prefix)
    return spans

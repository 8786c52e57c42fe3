"""RTCP extended reports: blocks of further measurements. WebRTC uses two of them, to measure round trips.

A receiver that sends no media has no sender reports from which the other side could tell it the round-trip time. So it
sends the time in a block of its own (RRTR), and the other side answers with how long it kept it (DLRR).

Specs: RFC 3611 §2 (the packet), §3 (blocks), §4.4 (RRTR), §4.5 (DLRR).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.packet import VERSION
from rtcpy.rtp.rtcp import PacketType, content_end
from rtcpy.wire import Span, Wire, array, bits, const, flag, length_of, opaque, reserved, wire

BLOCK_HEADER_SIZE = 4  # bytes


class BlockType(IntEnum):
    """IANA "RTCP XR Block Type", the seven of RFC 3611 §4."""

    LOSS_RLE = 1
    DUPLICATE_RLE = 2
    PACKET_RECEIPT_TIMES = 3
    RECEIVER_REFERENCE_TIME = 4
    DLRR = 5
    STATISTICS_SUMMARY = 6
    VOIP_METRICS = 7


@wire("RFC 3611 §4.4", error=RtpError)
class ReceiverReferenceTime(Wire):
    """RRTR: the reporter's wall clock, to be answered with a DLRR."""

    block_type = const(8, BlockType.RECEIVER_REFERENCE_TIME, "BT: RRTR")
    _reserved = reserved(8)
    block_length = const(16, 2, "32-bit words of this block, minus one")
    ntp_seconds: int = bits(32, "wall clock when this was sent: seconds since 1900")
    ntp_fraction: int = bits(32, "fraction of a second, in 1/2^32")


@wire("RFC 3611 §4.5", error=RtpError)
class DlrrReport(Wire):
    """The answer to one receiver."""

    ssrc: int = bits(32, "the receiver whose RRTR this answers")
    last_rr: int = bits(32, "LRR: middle 32 bits of the NTP time in that RRTR; 0: none came")
    delay_since_last_rr: int = bits(32, "DLRR: how long ago it came, in 1/65536 s")


@wire("RFC 3611 §4.5", error=RtpError)
class DlrrBlock(Wire):
    """DLRR: when reference times came. From it and its own clock a receiver computes the round trip."""

    block_type = const(8, BlockType.DLRR, "BT: DLRR")
    _reserved = reserved(8)
    block_length = length_of("reports", 16, unit=4, doc="32-bit words of this block, minus one")
    reports: list[DlrrReport] = array(
        DlrrReport, "one per receiver", length="block_length", default_factory=list
    )


@wire("RFC 3611 §3", error=RtpError)
class UnknownBlock(Wire):
    """A block that is not read here."""

    block_type: int = bits(8, "BT: which measurement", enum=BlockType)
    type_specific: int = bits(8, "by type", default=0)
    block_length = length_of("contents", 16, unit=4, doc="32-bit words of this block, minus one")
    contents: bytes = opaque("by type", length="block_length", default=b"")


BLOCK_FORMATS: Mapping[int, type[Wire]] = MappingProxyType(
    {BlockType.RECEIVER_REFERENCE_TIME: ReceiverReferenceTime, BlockType.DLRR: DlrrBlock}
)
"""Block type → its format; others are `UnknownBlock`."""


@wire("RFC 3611 §2", error=RtpError)
class ExtendedReport(Wire):
    """XR: a list of report blocks."""

    _version = const(2, VERSION, "version 2, as in RTP")
    padding: bool = flag("P: this packet ends in padding, whose last byte counts it", default=False)
    _reserved = reserved(5)
    packet_type = const(8, PacketType.EXTENDED_REPORT, "PT: XR")
    length = length_of(
        "content",
        16,
        plus=4,
        unit=4,
        doc="32-bit words of this packet, minus one; header and padding included",
    )
    ssrc: int = bits(32, "the source that sent this")
    content: bytes = opaque("report blocks, and padding", length="length", default=b"")

    @classmethod
    def of(cls, ssrc: int, blocks: list[Wire]) -> ExtendedReport:
        """A packet with these blocks."""
        return cls(ssrc=ssrc, content=b"".join([block.serialize() for block in blocks]))

    @property
    def blocks(self) -> list[Wire]:
        """The blocks in order. Raises RtpError."""
        end, offset, found = content_end(self, self.content), 0, []
        while offset < end:
            block, offset = read_block(self.content, offset, end, None, "")
            found.append(block)
        return found


def read_block(data: bytes, offset: int, end: int, spans: list[Span] | None, prefix: str) -> tuple[Wire, int]:
    """The block at `offset`, and the offset after it. Raises RtpError. Spec: RFC 3611 §3."""
    form = BLOCK_FORMATS.get(data[offset], UnknownBlock)
    if end - offset < BLOCK_HEADER_SIZE:
        form = UnknownBlock  # which says that there is no header
    return form.parse_from(data, offset, end, spans=spans, prefix=prefix)


def explain_blocks(data: bytes, offset: int, end: int, spans: list[Span], prefix: str) -> None:
    """Append what every bit of the blocks in ``data[offset:end]`` means. Raises RtpError."""
    number = 0
    while offset < end:
        _, offset = read_block(data, offset, end, spans, f"{prefix}blocks[{number}].")
        number += 1

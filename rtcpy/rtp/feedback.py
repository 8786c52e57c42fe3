"""RTCP feedback: please send that again, please send a keyframe, please send less.

A feedback packet has the two SSRCs concerned and then *feedback control information* (FCI), whose format depends on
packet type and FMT. About the transport (PT 205): generic NACK and transport-wide congestion control (which is
`transport_cc`). About the payload (PT 206): picture and slice loss, full intra request, and REMB inside "application
layer feedback".

Each FCI is a declaration of its own, as the RFCs draw it; `FORMATS` tells which FMT has which.

Specs: RFC 4585 §6.1–6.4; RFC 5104 §4.3.1 (FIR); draft-alvestrand-rmcat-remb-03 §2.2 (REMB).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType

from rtcpy.core.serial import add16, diff16
from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.packet import VERSION
from rtcpy.rtp.rtcp import PacketType, append_bytes, content_end
from rtcpy.rtp.transport_cc import TransportFeedback, explain_fci
from rtcpy.wire import Span, Wire, array, bits, const, count_of, flag, length_of, opaque, reserved, wire

NACK_REACH = 16  # further packets that one entry can name, RFC 4585 §6.2.1
REMB_IDENTIFIER = 0x52454D42  # "REMB"
REMB_MANTISSA_MAX = (1 << 18) - 1
REMB_EXPONENT_MAX = 63


class TransportFormat(IntEnum):
    """FMT of PT 205. Spec: RFC 4585 §6.2; draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1."""

    NACK = 1
    TRANSPORT_CC = 15


class PayloadFormat(IntEnum):
    """FMT of PT 206. Spec: RFC 4585 §6.3, RFC 5104 §4.3."""

    PLI = 1
    SLI = 2
    RPSI = 3
    FIR = 4
    APPLICATION = 15


@wire("RFC 4585 §6.1", error=RtpError)
class FeedbackPacket(Wire):
    """The common form of all feedback messages (Figure 3)."""

    _version = const(2, VERSION, "version 2, as in RTP")
    padding: bool = flag("P: this packet ends in padding, whose last byte counts it", default=False)
    format: int = bits(5, "FMT: which feedback; by packet type")
    packet_type: int = bits(8, "PT: 205 about the transport, 206 about the payload", enum=PacketType)
    length = length_of(
        "content",
        16,
        plus=8,
        unit=4,
        doc="32-bit words of this packet, minus one; header and padding included",
    )
    sender_ssrc: int = bits(32, "who gives feedback")
    media_ssrc: int = bits(32, "the stream it is about; 0 where the FCI says it")
    content: bytes = opaque("feedback control information, and padding", length="length", default=b"")

    @classmethod
    def of(cls, sender_ssrc: int, media_ssrc: int, fci: Wire) -> FeedbackPacket:
        """A packet around `fci`, which must be of a format in `FORMATS`. Raises RtpError."""
        packet_type, number = KINDS[type(fci)]
        return cls(
            format=number,
            packet_type=packet_type,
            sender_ssrc=sender_ssrc,
            media_ssrc=media_ssrc,
            content=fci.serialize(),
        )

    @property
    def fci(self) -> Wire | bytes:
        """The feedback itself, typed where `FORMATS` has it, else the bytes; without padding. Raises RtpError."""
        content = self.content[: content_end(self, self.content)]
        form = fci_format(self.packet_type, self.format, content)
        return content if form is None else form.parse(content)


def fci_format(packet_type: int, number: int, content: bytes) -> type[Wire] | None:
    """The format of feedback control information, or None: not read here."""
    form = FORMATS.get((packet_type, number))
    if form is Remb and content[:4] != b"REMB":
        return None  # application layer feedback of another application
    return form


@wire("RFC 4585 §6.2.1", error=RtpError)
class NackEntry(Wire):
    """One lost packet, and a mask of the sixteen after it."""

    packet_id: int = bits(16, "PID: sequence number of a lost packet")
    bitmask: int = bits(16, "BLP: bit i (from the right, from 1) set: packet PID + i is lost, too", default=0)

    @property
    def sequence_numbers(self) -> list[int]:
        """All lost packets that this entry names."""
        more = [add16(self.packet_id, i + 1) for i in range(NACK_REACH) if self.bitmask >> i & 1]
        return [self.packet_id, *more]


@wire("RFC 4585 §6.2.1", error=RtpError)
class GenericNack(Wire):
    """NACK: these packets are missing; send them again if it is not too late."""

    entries: list[NackEntry] = array(NackEntry, "lost packets", default_factory=list)

    @classmethod
    def of(cls, sequence_numbers: Iterable[int]) -> GenericNack:
        """The entries that name these packets; numbers in rising serial order need the fewest."""
        entries: list[NackEntry] = []
        for number in sequence_numbers:
            ahead = diff16(number, entries[-1].packet_id) if entries else 0
            if entries and 1 <= ahead <= NACK_REACH:
                entries[-1].bitmask |= 1 << (ahead - 1)
            elif not entries or ahead:
                entries.append(NackEntry(packet_id=number))
        return cls(entries=entries)

    @property
    def sequence_numbers(self) -> list[int]:
        """All lost packets, in the order of the entries."""
        return [number for entry in self.entries for number in entry.sequence_numbers]


@wire("RFC 4585 §6.3.1", error=RtpError)
class PictureLossIndication(Wire):
    """PLI: I lost so much that I need a keyframe. It has no parameters."""


@wire("RFC 4585 §6.3.2", error=RtpError)
class SliceLoss(Wire):
    """A run of lost macroblocks in one picture."""

    first: int = bits(13, "first lost macroblock, in scan order")
    number: int = bits(13, "how many")
    picture_id: int = bits(6, "low six bits of the picture's id")


@wire("RFC 4585 §6.3.2", error=RtpError)
class SliceLossIndication(Wire):
    """SLI: parts of pictures are lost."""

    entries: list[SliceLoss] = array(SliceLoss, "what is lost", default_factory=list)


@wire("RFC 5104 §4.3.1.1", error=RtpError)
class FirEntry(Wire):
    """A request to one stream."""

    ssrc: int = bits(32, "the stream that shall send a keyframe")
    sequence_number: int = bits(8, "one more for each new request; the same when it is repeated")
    _reserved = reserved(24)


@wire("RFC 5104 §4.3.1.1", error=RtpError)
class FullIntraRequest(Wire):
    """FIR: send a keyframe, not for a loss but because someone new is watching."""

    entries: list[FirEntry] = array(FirEntry, "who shall send one", default_factory=list)


@wire("draft-alvestrand-rmcat-remb-03 §2.2", error=RtpError)
class Remb(Wire):
    """REMB: the receiver's estimate of what the path carries, for all streams together."""

    identifier = const(32, REMB_IDENTIFIER, '"REMB"')
    ssrc_count = count_of("ssrcs", 8, "streams listed below")
    exponent: int = bits(6, "the bit rate is mantissa × 2^exponent")
    mantissa: int = bits(18, "of the bit rate, in bit/s")
    ssrcs: list[int] = array(32, "streams that share the rate", count="ssrc_count", default_factory=list)

    @classmethod
    def of(cls, bitrate: int, ssrcs: list[int]) -> Remb:
        """An estimate of `bitrate` **bit/s**, rounded down to what 18 bits and an exponent can tell.

        Raises:
            RtpError: the rate is negative, or beyond all exponents.
        """
        exponent = max(0, bitrate.bit_length() - 18)
        if bitrate < 0 or exponent > REMB_EXPONENT_MAX:
            raise RtpError(
                f"a bit rate of {bitrate}", rfc="draft-alvestrand-rmcat-remb-03 §2.2", value=bitrate
            )
        return cls(exponent=exponent, mantissa=bitrate >> exponent, ssrcs=ssrcs)

    @property
    def bitrate(self) -> int:
        """The estimate, in **bit/s**."""
        return self.mantissa << self.exponent


FORMATS: Mapping[tuple[int, int], type[Wire]] = MappingProxyType(
    {
        (PacketType.TRANSPORT_FEEDBACK, TransportFormat.NACK): GenericNack,
        (PacketType.TRANSPORT_FEEDBACK, TransportFormat.TRANSPORT_CC): TransportFeedback,
        (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.PLI): PictureLossIndication,
        (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.SLI): SliceLossIndication,
        (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.FIR): FullIntraRequest,
        (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.APPLICATION): Remb,
    }
)
"""(packet type, FMT) → the format of the FCI."""

KINDS: Mapping[type[Wire], tuple[int, int]] = MappingProxyType({form: key for key, form in FORMATS.items()})
"""The same the other way round."""


def explain_feedback(
    data: bytes, start: int, end: int, packet: FeedbackPacket, spans: list[Span], prefix: str
) -> None:
    """Append what every bit of the feedback control information in ``data[start:end]`` means. Raises RtpError."""
    form = fci_format(packet.packet_type, packet.format, bytes(data[start : start + 4]))
    if form is None:
        doc = "feedback control information of a format that is not read here"
        append_bytes(
            data, start, end - start, f"{prefix}fci", doc, spans, "RFC 4585 §6.1", bytes(data[start:end])
        )
    elif form is TransportFeedback:
        explain_fci(data, start, end, spans, f"{prefix}fci.")
    else:
        _, at = form.parse_from(data, start, end, spans=spans, prefix=f"{prefix}fci.")
        if at != end:
            raise RtpError(f"{form.__name__}: {end - at} bytes left over", offset=at, rfc=form.wire_rfc)

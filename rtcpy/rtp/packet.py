"""The RTP packet: a fixed header, contributing sources, a header extension, payload, padding.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    |                           timestamp                           |
    |           synchronization source (SSRC) identifier            |
    |            contributing source (CSRC) identifiers             |
    |      defined by profile       |           length              |
    |                        header extension                       |
    |                   payload, padding, its length                |

Owned here: the declaration, and what it cannot say: that padding is counted by its own last byte. What the header
extension holds is `extensions`.

In SRTP the same header travels in the clear; the payload is encrypted and followed by a tag (RFC 3711 §3.1). Nothing
here asks which of the two it has before it.

Specs: RFC 3550 §5.1, §5.3.1; RFC 5761 §4 (which packets are RTCP).
"""

from __future__ import annotations

from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.extensions import ExtensionElement, HeaderExtension, explain_elements, read_elements
from rtcpy.wire import (
    Span,
    Wire,
    array,
    bits,
    const,
    count_of,
    embed,
    explain,
    flag,
    opaque,
    optional,
    wire,
)

VERSION = 2
FIXED_HEADER_SIZE = 12  # bytes
RTCP_TYPES = range(192, 224)
"""Second byte of RTCP; as RTP these would be payload types 64…95 with the marker bit. Spec: RFC 5761 §4."""


@wire("RFC 3550 §5.1", error=RtpError)
class RtpPacket(Wire):
    """One RTP packet: a piece of a medium, numbered, dated, and signed with the number of its source."""

    _version = const(2, VERSION, "version 2; also what tells RTP from STUN and DTLS on the same port")
    padding: bool = flag(
        "P: bytes that are no payload stand at the end; the last one counts them", default=False
    )
    extension: bool = flag("X: a header extension follows the fixed header", default=False)
    csrc_count = count_of("csrcs", 4, "CC: contributing sources listed below")
    marker: bool = flag(
        "M: by profile; the last packet of a video frame, the first after silence in audio", default=False
    )
    payload_type: int = bits(7, "PT: which codec; the numbers are agreed in SDP (a=rtpmap)")
    sequence_number: int = bits(16, "one more in each packet; the receiver detects loss and restores order")
    timestamp: int = bits(
        32, "when the first byte of the payload was sampled, in ticks of the codec's clock rate"
    )
    ssrc: int = bits(32, "synchronization source: the stream that this packet belongs to")
    csrcs: list[int] = array(
        32, "contributing sources: what a mixer mixed into this", count="csrc_count", default_factory=list
    )
    header_extension: HeaderExtension | None = optional(
        embed(HeaderExtension, "data for all payload types"), when="extension"
    )
    payload: bytes = opaque("the medium, and the padding if P is set", default=b"")

    @property
    def media(self) -> bytes:
        """The payload without padding; empty in a probe that is all padding.

        Raises:
            RtpError: the padding count is zero or larger than what is there.
        """
        return self.payload[: len(self.payload) - self.padding_size]

    @property
    def padding_size(self) -> int:
        """**Bytes** of padding, their count included. Raises RtpError. Spec: RFC 3550 §5.1."""
        return padding_size(self.payload, 0, len(self.payload)) if self.padding else 0

    @property
    def elements(self) -> list[ExtensionElement]:
        """The extension elements, in order; none without a header extension of RFC 8285. Raises RtpError."""
        return [] if self.header_extension is None else read_elements(self.header_extension)


def padding_size(data: bytes | bytearray | memoryview, start: int, end: int) -> int:
    """How many **bytes** before `end` are padding, told by the last of them.

    Args:
        data: the buffer.
        start: first byte that may be padding: behind the header.
        end: where the packet ends.

    Raises:
        RtpError: there is no byte to tell it, or it tells zero, or more than there are.

    Spec: RFC 3550 §5.1 (RTP), §6.4.1 (RTCP).
    """
    if end <= start:
        raise RtpError(
            "padding bit set, but there is nothing behind the header", offset=end, rfc="RFC 3550 §5.1"
        )
    size = data[end - 1]
    if not 1 <= size <= end - start:
        raise RtpError(
            f"padding count is {size}, expected 1 to {end - start}",
            offset=end - 1,
            rfc="RFC 3550 §5.1",
            value=size,
        )
    return size


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram that is RTP or RTCP is RTCP, by its second byte. Spec: RFC 5761 §4."""
    return len(data) > 1 and data[1] in RTCP_TYPES


def explain_packet(data: bytes, *, is_srtp: bool = False) -> list[Span]:
    """Every bit of an RTP packet, with extension elements and padding told apart.

    Args:
        data: the packet.
        is_srtp: the payload is encrypted, and its last byte counts no padding.

    Raises:
        RtpError: `data` does not have the shape of an RTP packet, or its padding or extension do not add up.
    """
    padded = len(data) > 0 and bool(data[0] & 0x20) and not is_srtp
    spans: list[Span] = []
    for span in explain(RtpPacket, data):
        if span.name == "header_extension.data":
            profile = int.from_bytes(data[span.offset - 4 : span.offset - 2], "big")
            end = span.offset + span.width // 8
            explain_elements(data, span.offset, end, profile, spans, "header_extension.")
        elif span.name == "payload" and padded:
            explain_payload(data, span, spans)
        else:
            spans.append(span)
    if padded and spans[-1].name != "padding_length":
        raise RtpError(
            "padding bit set, but there is no payload", offset=len(data), rfc="RFC 3550 §5.1", value=True
        )
    return spans


def explain_payload(data: bytes, span: Span, spans: list[Span]) -> None:
    """Append the parts of a payload that ends in padding."""
    end = len(data)
    size = padding_size(data, span.offset, end)
    if end - size > span.offset:
        spans.append(_bytes(data, span.offset, end - size, "payload", "the medium"))
    explain_padding(data, end - size, end, spans, "")


def explain_padding(data: bytes, start: int, end: int, spans: list[Span], prefix: str) -> None:
    """Append the padding of an RTP or RTCP packet, and the byte that counts it. Spec: RFC 3550 §5.1."""
    if end - 1 > start:
        spans.append(_bytes(data, start, end - 1, f"{prefix}padding_bytes", "padding: to be ignored"))
    count = data[end - 1]
    doc = "bytes of padding, this one included"
    spans.append(Span(end - 1, 0, 8, f"{prefix}padding_length", count, count, doc, "RFC 3550 §5.1"))


def _bytes(data: bytes, start: int, end: int, name: str, doc: str) -> Span:
    piece = bytes(data[start:end])
    return Span(start, 0, len(piece) * 8, name, int.from_bytes(piece, "big"), piece, doc, "RFC 3550 §5.1")

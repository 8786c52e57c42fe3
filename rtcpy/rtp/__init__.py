"""RTP and RTCP: the formats of real-time media, and of the reports about it. No machine yet: these are declarations.

RTP (RFC 3550) puts twelve bytes before a piece of audio or video: which stream, which number, which instant. Beside it
runs RTCP: how it arrives, who is speaking, please send that again. In WebRTC both share the port with STUN and DTLS,
begin with the bits ``10``, and are encrypted as SRTP and SRTCP (RFC 3711) with keys from the DTLS handshake. What is
declared here is the inside: headers travel in the clear in any case.

Where it sits: between `peer`, which tells it from the other protocols by its first byte, and codecs.

Read in this order: `packet` (the RTP header, padding), `extensions` (the framing of header extensions) and
`extension_formats` (what each of them holds); then RTCP: `rtcp` (reports, source descriptions, farewells), `compound`
(how packets share a datagram), `feedback` (NACK, PLI, FIR, REMB), `transport_cc` (the fate of every packet), `xr`
(round trips without sender reports). `errors` is three lines.

Not here: SRTP, sessions, jitter buffers, payload formats.

Specs: RFC 3550 (RTP, RTCP), 8285 (header extensions), 4585 and 5104 (feedback), 3611 (extended reports), 5506 (reduced
size), 5761 (RTP and RTCP on one port); drafts for REMB and transport-wide congestion control.
"""

from rtcpy.rtp.compound import explain_compound, explain_rtcp, parse_compound, split_compound
from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.extensions import ExtensionElement, HeaderExtension, read_elements, write_elements
from rtcpy.rtp.feedback import (
    FeedbackPacket,
    FullIntraRequest,
    GenericNack,
    PictureLossIndication,
    Remb,
    SliceLossIndication,
)
from rtcpy.rtp.packet import RtpPacket, explain_packet, is_rtcp
from rtcpy.rtp.rtcp import (
    ApplicationDefined,
    Goodbye,
    PacketType,
    ReceiverReport,
    ReportBlock,
    SdesChunk,
    SdesItem,
    SdesType,
    SenderReport,
    SourceDescription,
)
from rtcpy.rtp.transport_cc import PacketStatus, TransportFeedback, read_report, write_report
from rtcpy.rtp.xr import DlrrBlock, DlrrReport, ExtendedReport, ReceiverReferenceTime

__all__ = [
    "ApplicationDefined",
    "DlrrBlock",
    "DlrrReport",
    "ExtendedReport",
    "ExtensionElement",
    "FeedbackPacket",
    "FullIntraRequest",
    "GenericNack",
    "Goodbye",
    "HeaderExtension",
    "PacketStatus",
    "PacketType",
    "PictureLossIndication",
    "ReceiverReferenceTime",
    "ReceiverReport",
    "Remb",
    "ReportBlock",
    "RtpError",
    "RtpPacket",
    "SdesChunk",
    "SdesItem",
    "SdesType",
    "SenderReport",
    "SliceLossIndication",
    "SourceDescription",
    "TransportFeedback",
    "explain_compound",
    "explain_packet",
    "explain_rtcp",
    "is_rtcp",
    "parse_compound",
    "read_elements",
    "read_report",
    "split_compound",
    "write_elements",
    "write_report",
]

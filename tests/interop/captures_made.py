"""Captures made for tshark to read: a whole session of ours, and one of each message that sessions seldom show."""

from __future__ import annotations

from pathlib import Path

from rtcpy.core.machine import Address
from rtcpy.rtp import (
    ApplicationDefined,
    DlrrBlock,
    DlrrReport,
    ExtendedReport,
    ExtensionElement,
    FeedbackPacket,
    FullIntraRequest,
    GenericNack,
    Goodbye,
    PictureLossIndication,
    ReceiverReferenceTime,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtpPacket,
    SdesChunk,
    SdesItem,
    SdesType,
    SenderReport,
    SliceLossIndication,
    SourceDescription,
    write_elements,
    write_report,
)
from rtcpy.rtp.feedback import FirEntry, SliceLoss
from rtcpy.sctp.chunks import (
    AbortChunk,
    DataChunk,
    ErrorChunk,
    ForwardTsnChunk,
    GapBlock,
    HeartbeatAckChunk,
    HeartbeatChunk,
    PadChunk,
    SackChunk,
    ShutdownAckChunk,
    ShutdownChunk,
    ShutdownCompleteChunk,
    SkippedStream,
)
from rtcpy.sctp.packet import Packet
from rtcpy.sctp.parameters import CauseCode, ErrorCause, HeartbeatInfo, Parameter, ParameterType
from rtcpy.sim import Session
from rtcpy.stun import (
    ERROR_CODE,
    MAPPED_ADDRESS,
    NONCE,
    REALM,
    SOFTWARE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    Message,
    MessageClass,
    Method,
)
from rtcpy.wire import Wire
from tests.explain import capture_files as made

MEDIA_PORT, STUN_PORT = 6000, 3478


def session(path: Path) -> None:
    """A session of two peers of ours as we write it: wire, what DTLS protects beside it, and the secrets."""
    walked = Session(seed=20, nats=(None, None))  # tshark must see one pair of addresses
    walked.alice.create_data_channel("chat", ordered=False, max_retransmits=3)
    walked.connect()
    walked.alice.send("chat", "hello")
    walked.bob.send("chat", bytes(3000))
    walked.run(1.0)
    walked.alice.close_channel("chat")
    walked.run(1.0)
    walked.alice.close()
    walked.run(1.0)
    walked.trace.to_pcapng(path)


def seldom(path: Path) -> None:
    """One of each message that a session seldom shows."""
    frames = [
        made.udp("192.0.2.1", "192.0.2.2", message.serialize(b"key"), ports=(STUN_PORT, STUN_PORT))
        for message in stun_messages()
    ]
    frames += [
        made.udp("192.0.2.1", "192.0.2.2", data, ports=(MEDIA_PORT, MEDIA_PORT))
        for data in (*rtp_packets(), *rtcp_packets())
    ]
    frames += [
        made.udp("192.0.2.1", "192.0.2.2", b"")[:9]
        + b"\x84"
        + made.udp("192.0.2.1", "192.0.2.2", b"")[10:20]
        + packet.serialize()
        for packet in sctp_packets()
    ]
    sized = [frame[:2] + len(frame).to_bytes(2, "big") + frame[4:] for frame in frames]
    path.write_bytes(made.pcap(sized, link=101))


def stun_messages() -> list[Message]:
    """STUN with the attributes that ICE does not use."""
    far = Address("2001:db8::7", 4000)
    return [
        Message(
            Method.BINDING,
            MessageClass.ERROR_RESPONSE,
            bytes(range(12)),
            [
                ERROR_CODE(ErrorCode(401, "Unauthorized")),
                REALM("example"),
                NONCE(b"nonce"),
                SOFTWARE("rtcpy"),
            ],
        ),
        Message(
            Method.BINDING,
            MessageClass.SUCCESS_RESPONSE,
            bytes(range(12)),
            [XOR_MAPPED_ADDRESS(far), MAPPED_ADDRESS(Address("192.0.2.9", 9)), MAPPED_ADDRESS(far)],
        ),
        Message(Method.BINDING, MessageClass.INDICATION, bytes(range(12)), [USERNAME("a:b")]),
    ]


def rtp_packets() -> list[bytes]:
    """RTP with sources mixed, in both forms of header extension, padded."""
    wide = write_elements([ExtensionElement(3, b"abc"), ExtensionElement(200, b"")], two_byte=True)
    narrow = write_elements([ExtensionElement(1, b"x"), ExtensionElement(2, b"yz")])
    return [
        RtpPacket(
            marker=True,
            padding=True,
            extension=True,
            payload_type=96,
            sequence_number=number,
            timestamp=3000 * number,
            ssrc=77,
            csrcs=[78, 79],
            header_extension=extension,
            payload=b"payload\0\0\0\4",
        ).serialize()
        for number, extension in enumerate((wide, narrow), 1)
    ]


def rtcp_packets() -> list[bytes]:
    """Every kind of RTCP packet, each behind the report that a compound begins with."""
    block = ReportBlock(
        ssrc=2,
        fraction_lost=12,
        cumulative_lost=34,
        highest_sequence=0x10005,
        jitter=6,
        last_sr=7,
        delay_since_last_sr=8,
    )
    head = ReceiverReport(ssrc=1, reports=[block]).serialize()
    sender = SenderReport(
        ssrc=1,
        ntp_seconds=4_000_000_000,
        ntp_fraction=1 << 31,
        rtp_timestamp=3,
        packet_count=4,
        octet_count=5,
        reports=[block, block],
    ).serialize()
    items = [SdesItem(type=SdesType.CNAME, text=b"cname"), SdesItem(type=SdesType.TOOL, text=b"rtcpy")]
    feedback: list[Wire] = [
        GenericNack.of([10, 12, 40]),
        PictureLossIndication(),
        SliceLossIndication(entries=[SliceLoss(first=1, number=2, picture_id=3)]),
        FullIntraRequest(entries=[FirEntry(ssrc=5, sequence_number=6)]),
        Remb.of(1_234_567, [5, 6]),
        write_report(9, 10, 11, [None, 4, *[1] * 20, 300, None]),
    ]
    rest = [
        SourceDescription.of([SdesChunk(1, items), SdesChunk(2, items[:1])]),
        Goodbye.of([1, 2], "over"),
        ApplicationDefined(subtype=3, ssrc=1, name=b"test", data=b"12345678"),
        ExtendedReport.of(
            1,
            [
                ReceiverReferenceTime(ntp_seconds=4_000_000_000, ntp_fraction=5),
                DlrrBlock(reports=[DlrrReport(ssrc=3, last_rr=4, delay_since_last_rr=5)]),
            ],
        ),
        *[FeedbackPacket.of(1, 2, fci) for fci in feedback],
    ]
    return [sender, *[head + packet.serialize() for packet in rest]]


def sctp_packets() -> list[Packet]:
    """Chunks that a quiet network does not show."""
    info = Parameter(type=ParameterType.HEARTBEAT_INFO, value=HeartbeatInfo(info=b"beat"))
    chunks: list[Wire] = [
        HeartbeatChunk(parameters=[info]),
        HeartbeatAckChunk(parameters=[info]),
        SackChunk(
            cumulative_tsn=100,
            a_rwnd=2000,
            gaps=[GapBlock(start=2, end=3), GapBlock(start=5, end=5)],
            duplicates=[99, 100],
        ),
        ForwardTsnChunk(new_cumulative_tsn=200, skipped=[SkippedStream(stream_id=1, stream_seq=2)]),
        ShutdownChunk(cumulative_tsn=7),
        ShutdownAckChunk(),
        ShutdownCompleteChunk(reflected=True),
        ErrorChunk(causes=[ErrorCause(code=CauseCode.STALE_COOKIE, info=bytes(4))]),
        AbortChunk(causes=[ErrorCause(code=CauseCode.USER_INITIATED_ABORT, info=b"bye")]),
        PadChunk(padding_data=bytes(5)),
        DataChunk(
            immediate=True,
            unordered=True,
            ending=False,
            tsn=1,
            stream_id=2,
            stream_seq=3,
            ppid=51,
            user_data=b"abc",
        ),
    ]
    return [Packet(5000, 5000, 1234, [chunk]) for chunk in chunks]

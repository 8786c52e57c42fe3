"""Reports, source descriptions, farewells: what the declarations say, and what is found beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.rtp import (
    ApplicationDefined,
    DlrrBlock,
    DlrrReport,
    ExtendedReport,
    Goodbye,
    ReceiverReferenceTime,
    ReceiverReport,
    ReportBlock,
    RtpError,
    SdesChunk,
    SdesItem,
    SdesType,
    SenderReport,
    SourceDescription,
    explain_rtcp,
)
from rtcpy.rtp.rtcp import PrivateItem
from rtcpy.rtp.xr import BlockType, UnknownBlock

u32 = st.integers(0, 0xFFFFFFFF)
items = st.builds(SdesItem, type=st.integers(1, 255), text=st.binary(max_size=40))
chunks = st.lists(st.builds(SdesChunk, u32, st.lists(items, max_size=4)), max_size=5)


def test_a_sender_report_by_hand() -> None:
    block = ReportBlock(
        ssrc=2,
        fraction_lost=64,
        cumulative_lost=0xFFFFFE,
        highest_sequence=0x10005,
        jitter=3,
        last_sr=4,
        delay_since_last_sr=5,
    )
    report = SenderReport(
        ssrc=1,
        ntp_seconds=2**31,
        ntp_fraction=1,
        rtp_timestamp=7,
        packet_count=8,
        octet_count=9,
        reports=[block],
    )
    data = report.serialize()
    assert data[:4].hex() == "81c8000c" and len(data) == 52
    assert SenderReport.parse(data) == report
    assert block.packets_lost == -2


def test_a_receiver_report_without_blocks() -> None:
    assert ReceiverReport(ssrc=1).serialize().hex() == "80c9000100000001"


def test_lost_packets_have_a_sign() -> None:
    block = ReceiverReport.parse(
        bytes.fromhex("81c90007" + "00000001" + "00000002" + "007fffff" + "00" * 16)
    ).reports[0]
    assert block.packets_lost == 0x7FFFFF


def test_a_report_too_short_for_its_blocks_is_refused() -> None:
    data = bytes.fromhex("82c90007" + "00" * 28)
    with pytest.raises(RtpError):
        ReceiverReport.parse(data)


@given(chunks)
def test_source_descriptions_come_back(wanted: list[SdesChunk]) -> None:
    packet = SourceDescription.of(wanted)
    data = packet.serialize()
    assert len(data) % 4 == 0
    assert SourceDescription.parse(data).chunks == wanted
    spans = explain_rtcp(data, 0, len(data))
    assert sum(span.width for span in spans) == 8 * len(data)
    types = [span.value for span in spans if span.name.endswith("].type")]
    assert types == [item.type for chunk in wanted for item in chunk.items]


def test_a_chunk_always_ends_with_a_null() -> None:
    """RFC 3550 §6.5: also where the items end at a whole word."""
    packet = SourceDescription.of([SdesChunk(1, [SdesItem(type=SdesType.CNAME, text=b"ab")])])
    assert packet.content.hex() == "00000001" + "01026162" + "00000000"
    assert SourceDescription.of([SdesChunk(1)]).content.hex() == "0000000100000000"


def test_the_cname_is_found() -> None:
    item = SdesItem(type=SdesType.CNAME, text="é".encode())
    chunk = SourceDescription.of([SdesChunk(1, [item])]).chunks[0]
    assert chunk.text(SdesType.CNAME) == "é" and chunk.text(SdesType.TOOL) is None


def test_too_many_chunks_are_refused() -> None:
    with pytest.raises(RtpError, match="at most 31"):
        SourceDescription.of([SdesChunk(1)] * 32)


@pytest.mark.parametrize(
    ("count", "content"),
    [
        (1, ""),  # no chunk
        (1, "000001"),  # half an SSRC, made whole below
        (1, "00000001"),  # no null
        (1, "00000001" + "01050102"),  # an item beyond the packet
        (2, "00000001" + "00000000"),  # a second chunk that is not there
        (1, "00000001" + "01020304" + "01010101"),  # an item without null behind it
    ],
)
def test_broken_source_descriptions_are_refused(count: int, content: str) -> None:
    raw = bytes.fromhex(content)
    packet = SourceDescription(source_count=count, content=raw + b"\1" * (-len(raw) % 4))
    data = packet.serialize()
    with pytest.raises(RtpError):
        packet.chunks
    with pytest.raises(RtpError):
        explain_rtcp(data, 0, len(data))


def test_a_private_item_is_taken_apart() -> None:
    text = PrivateItem(prefix=b"lab", value=b"7").serialize()
    packet = SourceDescription.of([SdesChunk(1, [SdesItem(type=SdesType.PRIV, text=text)])])
    data = packet.serialize()
    found = {span.name: span.value for span in explain_rtcp(data, 0, len(data))}
    assert found["chunks[0].items[0].prefix"] == b"lab" and found["chunks[0].items[0].value"] == b"7"


@given(st.lists(u32, max_size=5), st.text(max_size=60))
def test_farewells_come_back(ssrcs: list[int], reason: str) -> None:
    try:
        packet = Goodbye.of(ssrcs, reason)
    except UnicodeEncodeError:
        return
    data = packet.serialize()
    again = Goodbye.parse(data)
    assert again.ssrcs == ssrcs and again.reason == reason
    assert sum(span.width for span in explain_rtcp(data, 0, len(data))) == 8 * len(data)


def test_a_reason_has_at_most_255_bytes() -> None:
    assert len(Goodbye.of([1], "x" * 255).content) == 256
    with pytest.raises(RtpError, match="at most 255"):
        Goodbye.of([1], "é" * 128)


def test_a_reason_beyond_the_packet_is_refused() -> None:
    packet = Goodbye(ssrcs=[1], content=b"\x04abc")
    with pytest.raises(RtpError, match="a reason of 4 bytes, 3 left"):
        packet.reason


def test_padding_is_no_content() -> None:
    packet = Goodbye(padding=True, ssrcs=[1], content=b"\x02hi\0\0\0\0\4")
    assert packet.reason == "hi"
    data = packet.serialize()
    assert [span.name for span in explain_rtcp(data, 0, len(data))][-4:] == [
        "reason",
        "fill",
        "padding_bytes",
        "padding_length",
    ]


def test_an_application_packet() -> None:
    packet = ApplicationDefined(subtype=3, ssrc=1, name=b"rtcp", data=b"1234")
    assert packet.serialize().hex() == "83cc0003000000017274637031323334"
    assert ApplicationDefined.parse(packet.serialize()) == packet


def test_extended_reports() -> None:
    blocks = [
        ReceiverReferenceTime(ntp_seconds=1, ntp_fraction=2),
        DlrrBlock(reports=[DlrrReport(ssrc=3, last_rr=4, delay_since_last_rr=5)]),
        UnknownBlock(block_type=BlockType.STATISTICS_SUMMARY, contents=bytes(8)),
    ]
    packet = ExtendedReport.of(9, list(blocks))
    assert ExtendedReport.parse(packet.serialize()).blocks == blocks


@pytest.mark.parametrize(
    "content",
    ["04000002", "05000003" + "00" * 8, "050000010000000a", "07000001", "0400000300000000" + "00" * 8],
)
def test_broken_blocks_are_refused(content: str) -> None:
    packet = ExtendedReport(ssrc=1, content=bytes.fromhex(content))
    data = packet.serialize()
    with pytest.raises(RtpError):
        packet.blocks
    with pytest.raises(RtpError):
        explain_rtcp(data, 0, len(data))

"""The RTP packet: header, contributing sources, padding that counts itself, and packets of real programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.rtp import HeaderExtension, RtpError, RtpPacket, explain_packet, is_rtcp
from rtcpy.rtp.packet import FIXED_HEADER_SIZE, padding_size
from rtcpy.testing import check_wire, mutations, wire_values
from tests.rtp.captured import corpus, packets

ALL = (*packets("rtp"), *corpus("rtp"))
OPUS = bytes.fromhex("80ef0007000003e8deadbeef") + b"opus"


def test_a_packet_by_hand() -> None:
    packet = RtpPacket.parse(OPUS)
    assert packet == RtpPacket(
        marker=True, payload_type=111, sequence_number=7, timestamp=1000, ssrc=0xDEADBEEF, payload=b"opus"
    )
    assert packet.serialize() == OPUS
    assert packet.media == b"opus" and packet.padding_size == 0 and packet.elements == []


def test_contributing_sources_are_counted() -> None:
    packet = RtpPacket(payload_type=0, sequence_number=0, timestamp=0, ssrc=1, csrcs=[2, 3])
    data = packet.serialize()
    assert data[0] & 15 == 2 and len(data) == FIXED_HEADER_SIZE + 8
    assert RtpPacket.parse(data).csrcs == [2, 3]


def test_sixteen_contributing_sources_do_not_fit() -> None:
    with pytest.raises(RtpError, match="csrc_count"):
        RtpPacket(payload_type=0, sequence_number=0, timestamp=0, ssrc=1, csrcs=[0] * 16).serialize()


def test_padding_is_counted_by_its_last_byte() -> None:
    packet = RtpPacket.parse(bytes([OPUS[0] | 0x20]) + OPUS[1:] + b"\0\0\0\4")
    assert packet.padding and packet.media == b"opus" and packet.padding_size == 4


def test_a_probe_may_be_all_padding() -> None:
    probe = next(p for p in map(RtpPacket.parse, packets("rtp", "chromium-chromium")) if p.padding)
    assert probe.padding_size == 255 and len(probe.media) < len(probe.payload)


@pytest.mark.parametrize(("tail", "offset"), [(b"", 12), (b"\0", 12), (b"xyz\5", 15)])
def test_padding_that_does_not_add_up_is_refused(tail: bytes, offset: int) -> None:
    data = bytes([0xA0]) + OPUS[1:12] + tail
    with pytest.raises(RtpError) as caught:
        explain_packet(data)
    assert caught.value.offset == offset and caught.value.rfc == "RFC 3550 §5.1"
    with pytest.raises(RtpError):
        RtpPacket.parse(data).media


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_padding_never_reaches_into_the_header(data: bytes, start: int, end: int) -> None:
    start, end = min(start, len(data)), min(end, len(data))
    try:
        size = padding_size(data, start, end)
    except RtpError:
        return
    assert 1 <= size <= end - start and data[end - 1] == size


@pytest.mark.parametrize("size", range(FIXED_HEADER_SIZE))
def test_a_truncated_header_is_refused(size: int) -> None:
    with pytest.raises(RtpError):
        RtpPacket.parse(OPUS[:size])


def test_a_truncated_extension_is_refused() -> None:
    extension = HeaderExtension(profile=0xBEDE, data=b"\x10\xff\0\0")
    whole = RtpPacket(
        extension=True,
        header_extension=extension,
        payload_type=0,
        sequence_number=0,
        timestamp=0,
        ssrc=0,
    ).serialize()
    for size in range(FIXED_HEADER_SIZE, len(whole)):
        with pytest.raises(RtpError) as caught:
            RtpPacket.parse(whole[:size])
        assert 0 <= (caught.value.offset or 0) <= size
    assert RtpPacket.parse(whole).header_extension == extension


def test_another_version_is_refused() -> None:
    with pytest.raises(RtpError, match="version is 0x1"):
        RtpPacket.parse(b"\x40" + OPUS[1:])


@pytest.mark.parametrize(
    ("second", "rtcp"),
    [(111, False), (239, False), (191, False), (192, True), (200, True), (223, True), (224, False)],
)
def test_rtcp_is_told_by_the_second_byte(second: int, rtcp: bool) -> None:
    assert is_rtcp(bytes([0x80, second])) is rtcp


def test_one_byte_is_no_rtcp() -> None:
    assert not is_rtcp(b"\x80") and not is_rtcp(b"")


def test_captured_packets_come_back_byte_for_byte() -> None:
    captured = packets("rtp")
    assert len(captured) >= 35
    for data in captured:
        packet = RtpPacket.parse(data)
        assert packet.serialize() == data
        assert len(packet.media) + packet.padding_size == len(packet.payload)
        assert not is_rtcp(data)


def check_tiling(data: bytes) -> None:
    """Law of the explanation: every bit once, in order, as it is."""
    at = 0
    whole = int.from_bytes(data, "big")
    for span in explain_packet(data):
        assert span.first_bit == at and span.width > 0, span
        at += span.width
        assert span.raw == whole >> (8 * len(data) - at) & ((1 << span.width) - 1), span
    assert at == 8 * len(data)


@pytest.mark.parametrize("data", packets("rtp"), ids=lambda data: data[:4].hex())
def test_captured_packets_are_explained_to_the_bit(data: bytes) -> None:
    check_tiling(data)


@given(st.sampled_from(ALL).flatmap(mutations) | wire_values(RtpPacket).map(lambda p: p.serialize()))
def test_whatever_comes_is_explained_to_the_bit_or_refused(data: bytes) -> None:
    error = None
    try:
        check_tiling(data)
    except RtpError as exc:
        error = exc
    assert error is None or (error.rfc and error.offset is not None and 0 <= error.offset <= len(data))


def test_explained_names() -> None:
    data = next(d for d in packets("rtp", "chromium-chromium") if RtpPacket.parse(d).padding)
    names = [span.name for span in explain_packet(data)]
    assert "header_extension.elements[0].id" in names and names[-2:] == ["padding_bytes", "padding_length"]


def test_the_formats_obey_the_laws() -> None:
    check_wire(RtpPacket)
    check_wire(HeaderExtension)

"""Compounds: several packets in a datagram, padding at the end, reduced size, and hostile lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.rtp import (
    FeedbackPacket,
    Goodbye,
    PictureLossIndication,
    ReceiverReport,
    RtpError,
    SdesChunk,
    SourceDescription,
    explain_compound,
    explain_rtcp,
    parse_compound,
    split_compound,
)
from rtcpy.rtp.compound import FORMATS, PACKETS_MAX
from rtcpy.rtp.rtcp import UnknownPacket
from rtcpy.testing import mutations, wire_values
from tests.rtp.captured import corpus, packets

ALL = (*packets("rtcp"), *corpus("rtcp"))
RR = ReceiverReport(ssrc=1).serialize()
PLI = FeedbackPacket.of(1, 2, PictureLossIndication()).serialize()
anything = st.one_of([wire_values(form) for form in {*FORMATS.values(), UnknownPacket}]).map(
    lambda packet: packet.serialize()
)


def test_packets_stand_one_behind_the_other() -> None:
    sdes = SourceDescription.of([SdesChunk(1)]).serialize()
    data = RR + sdes + PLI
    assert split_compound(data) == [(0, 8), (8, 20), (20, 32)]
    assert [type(packet) for packet in parse_compound(data)] == [
        ReceiverReport,
        SourceDescription,
        FeedbackPacket,
    ]


def test_a_whole_compound_begins_with_a_report() -> None:
    assert parse_compound(RR + PLI, reduced_size=False)
    assert parse_compound(PLI)
    with pytest.raises(RtpError, match="begins with SR or RR, this with 206"):
        parse_compound(PLI, reduced_size=False)


def test_only_the_last_packet_is_padded() -> None:
    padded = ReceiverReport(padding=True, ssrc=1, extension=b"\0\0\0\4").serialize()
    assert parse_compound(padded, reduced_size=False)
    with pytest.raises(RtpError, match="only the last"):
        parse_compound(padded + PLI, reduced_size=False)


def test_an_unknown_type_is_carried_through() -> None:
    data = b"\x80\xc0\x00\x01abcd"
    packet = parse_compound(data)[0]
    assert packet == UnknownPacket(packet_type=192, content=b"abcd") and packet.serialize() == data


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"", 0),
        (RR + b"\x80", 8),
        (RR + b"\x40\xc9\0\0", 8),
        (RR + b"\x80\xc9\0\1", 10),
        (RR + b"\x81\xc9\0\1\0\0\0\0", 16),
    ],
)
def test_broken_compounds_say_where(data: bytes, offset: int) -> None:
    with pytest.raises(RtpError) as caught:
        parse_compound(data)
    assert caught.value.offset == offset and caught.value.rfc


def test_packets_are_bounded() -> None:
    least = b"\x80\xc0\0\0"
    assert len(parse_compound(least * PACKETS_MAX)) == PACKETS_MAX
    with pytest.raises(RtpError, match="too many"):
        parse_compound(least * (PACKETS_MAX + 1))


def test_captured_compounds_come_back_byte_for_byte() -> None:
    captured = packets("rtcp")
    assert len(captured) >= 20
    for data in captured:
        assert b"".join(packet.serialize() for packet in parse_compound(data)) == data


def test_firefox_says_goodbye() -> None:
    last = [parse_compound(data) for data in packets("rtcp", "firefox-aiortc")]
    assert any(isinstance(packet, Goodbye) for found in last for packet in found)


def check_tiling(data: bytes) -> None:
    """Law of the explanation: every bit once, in order, as it is."""
    at, whole = 0, int.from_bytes(data, "big")
    for span in explain_compound(data):
        assert span.first_bit == at and span.width > 0, span
        at += span.width
        assert span.raw == whole >> (8 * len(data) - at) & ((1 << span.width) - 1), span
    assert at == 8 * len(data)


@pytest.mark.parametrize("data", packets("rtcp"), ids=lambda data: data[:4].hex())
def test_captured_compounds_are_explained_to_the_bit(data: bytes) -> None:
    check_tiling(data)


@given(st.sampled_from(ALL).flatmap(mutations) | st.lists(anything, max_size=3).map(b"".join))
def test_whatever_comes_is_explained_to_the_bit_or_refused(data: bytes) -> None:
    error = None
    try:
        check_tiling(data)
    except RtpError as exc:
        error = exc
    assert error is None or (error.rfc and error.offset is not None and 0 <= error.offset <= len(data))


@given(st.sampled_from(ALL).flatmap(mutations) | st.lists(anything, max_size=3).map(b"".join))
def test_what_can_be_explained_can_be_read(data: bytes) -> None:
    try:
        found = parse_compound(data)
    except RtpError:
        with pytest.raises(RtpError):
            explain_compound(data)
        return
    for packet, (start, end) in zip(found, split_compound(data), strict=True):
        try:
            for name in ("chunks", "reason", "blocks", "fci"):
                fci = getattr(packet, name, None)
                getattr(fci, "report", None)
        except RtpError:
            with pytest.raises(RtpError):
                explain_rtcp(data, start, end)

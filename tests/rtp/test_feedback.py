"""Feedback: NACK, PLI, SLI, FIR, REMB, and transport-wide congestion control."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.serial import add16
from rtcpy.rtp import (
    FeedbackPacket,
    FullIntraRequest,
    GenericNack,
    PictureLossIndication,
    Remb,
    RtpError,
    SliceLossIndication,
    TransportFeedback,
    explain_rtcp,
    parse_compound,
    read_report,
    write_report,
)
from rtcpy.rtp.feedback import FirEntry, NackEntry, SliceLoss
from rtcpy.rtp.transport_cc import OneBitVectorChunk, RunLengthChunk, Symbol, TwoBitVectorChunk, chunk_symbols
from rtcpy.wire import Wire
from tests.rtp.captured import packets


def round_trip(fci: Wire) -> FeedbackPacket:
    """Through bytes and back, explained to the last bit."""
    data = FeedbackPacket.of(1, 2, fci).serialize()
    assert sum(span.width for span in explain_rtcp(data, 0, len(data))) == 8 * len(data)
    packet = FeedbackPacket.parse(data)
    assert packet.fci == fci
    return packet


def test_feedback_comes_back_by_its_type() -> None:
    assert round_trip(GenericNack.of([1, 2, 18])).format == 1
    assert round_trip(PictureLossIndication()).serialize().hex() == "81ce00020000000100000002"
    assert round_trip(SliceLossIndication(entries=[SliceLoss(first=1, number=2, picture_id=3)])).format == 2
    assert round_trip(FullIntraRequest(entries=[FirEntry(ssrc=7, sequence_number=1)])).format == 4
    assert round_trip(Remb.of(250_000, [5, 6])).format == 15
    assert round_trip(write_report(1, 2, 3, [None, 4, 5000])).packet_type == 205


@given(st.integers(0, 0xFFFF), st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_nack_names_all_that_are_lost(first: int, gaps: list[int]) -> None:
    lost, at = [first], first
    for gap in gaps:
        at = add16(at, gap)
        lost.append(at)
    nack = GenericNack.of(lost)
    assert nack.sequence_numbers == lost
    assert len(nack.entries) <= 1 + sum(gap for gap in gaps) // 17


def test_a_mask_counts_from_the_packet_behind() -> None:
    assert NackEntry(packet_id=0xFFFF, bitmask=0x8001).sequence_numbers == [0xFFFF, 0, 15]


def test_a_number_twice_is_named_once() -> None:
    assert GenericNack.of([5, 5]).sequence_numbers == [5]


@given(st.integers(0, 2**80))
def test_a_bit_rate_is_rounded_down(bitrate: int) -> None:
    try:
        remb = Remb.of(bitrate, [])
    except RtpError:
        assert bitrate >= 2**18 << 63
        return
    assert remb.bitrate <= bitrate < remb.bitrate + (1 << remb.exponent)
    assert Remb.parse(remb.serialize()).bitrate == remb.bitrate


def test_other_application_feedback_stays_bytes() -> None:
    packet = FeedbackPacket(format=15, packet_type=206, sender_ssrc=1, media_ssrc=0, content=b"ALFAdata")
    assert packet.fci == b"ALFAdata"
    assert explain_rtcp(packet.serialize(), 0, 20)[-1].name == "fci"


@pytest.mark.parametrize(
    ("packet_type", "number", "content"),
    [
        (205, 1, "000100"),
        (206, 1, "00000000"),
        (206, 4, "00000001"),
        (206, 15, "52454d4202000001"),
        (205, 15, "00010005"),
        (205, 15, "0001000500000000"),
        (205, 15, "00010005000000002005"),
    ],
)
def test_broken_feedback_is_refused(packet_type: int, number: int, content: str) -> None:
    raw = bytes.fromhex(content)
    if len(raw) % 4:
        raw += bytes(-len(raw) % 4)
    if (packet_type, number) == (205, 1):
        return
    packet = FeedbackPacket(format=number, packet_type=packet_type, sender_ssrc=1, media_ssrc=2, content=raw)
    data = packet.serialize()
    with pytest.raises(RtpError):
        fci = packet.fci
        assert isinstance(fci, TransportFeedback)
        fci.report
    with pytest.raises(RtpError):
        explain_rtcp(data, 0, len(data))


# --- transport-wide congestion control ------------------------------------------------------------------------------

deltas = st.one_of(st.none(), st.integers(0, 255), st.integers(-0x8000, 0x7FFF))


@given(
    st.integers(0, 0xFFFF),
    st.integers(-(1 << 23), (1 << 23) - 1),
    st.integers(0, 255),
    st.lists(deltas, min_size=1, max_size=120)
    | st.tuples(deltas, st.integers(1, 9000)).map(lambda t: [t[0]] * t[1]),
)
def test_reports_come_back(base: int, reference: int, count: int, told: list[int | None]) -> None:
    feedback = write_report(base, reference, count, told)
    again = TransportFeedback.parse(feedback.serialize())
    report = read_report(again)
    assert [status.sequence_number for status in report] == [add16(base, i) for i in range(len(told))]
    assert [status.received for status in report] == [delta is not None for delta in told]
    clock = reference * 256
    for status, delta in zip(report, told, strict=True):
        if delta is None:
            assert status.arrival is None and status.arrival_time is None
        else:
            clock += delta
            assert status.arrival == clock
    data = FeedbackPacket.of(1, 2, feedback).serialize()
    assert sum(span.width for span in explain_rtcp(data, 0, len(data))) == 8 * len(data)


def test_the_examples_of_the_draft() -> None:
    """draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.3, §3.1.4."""
    run = RunLengthChunk.parse(bytes([0b0000_0000, 0b1101_1101]))
    assert (run.symbol, run.run_length) == (Symbol.NOT_RECEIVED, 221)
    run = RunLengthChunk.parse(bytes([0b0110_0000, 0b0001_1000]))
    assert (run.symbol, run.run_length) == (Symbol.RESERVED, 24)
    vector = OneBitVectorChunk.parse(bytes([0b1001_1111, 0b0001_1100]))
    assert [int(s) for s in chunk_symbols(vector, 14)] == [0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0]
    two = TwoBitVectorChunk.parse(bytes([0b1100_1101, 0b0101_0000]))
    assert [int(s) for s in chunk_symbols(two, 7)] == [0, 3, 1, 1, 1, 0, 0]


def test_a_run_for_ever_is_cut_to_the_count() -> None:
    feedback = TransportFeedback(
        base_sequence=0, status_count=3, reference_time=0, feedback_count=0, rest=b"\x1f\xff\0\0"
    )
    assert len(read_report(feedback)) == 3


def test_an_empty_run_is_no_way_to_turn_for_ever() -> None:
    feedback = TransportFeedback(
        base_sequence=0, status_count=3, reference_time=0, feedback_count=0, rest=bytes(400)
    )
    with pytest.raises(RtpError, match="empty run"):
        read_report(feedback)


@pytest.mark.parametrize(("reference", "told"), [(1 << 23, [0]), (0, []), (0, [0x8000]), (0, [None] * 65536)])
def test_reports_out_of_range_are_refused(reference: int, told: list[int | None]) -> None:
    with pytest.raises(RtpError):
        write_report(0, reference, 0, told)


def test_feedback_of_chromium_is_read_with_and_without_padding() -> None:
    reports = []
    for data in packets("rtcp", "chromium-chromium"):
        for packet in parse_compound(data):
            if isinstance(packet, FeedbackPacket) and packet.packet_type == 205 and packet.format == 15:
                fci = packet.fci
                assert isinstance(fci, TransportFeedback)
                report = fci.report
                times = [status.arrival for status in report if status.arrival is not None]
                assert times == sorted(times) and len(report) == fci.status_count
                reports.append(packet.padding)
    assert set(reports) == {True, False}

"""RTP and RTCP as trees: every bit, values in words, what encryption leaves to be read, and broken packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.explain import Dissector, explain
from rtcpy.explain.tree import UNREADABLE
from rtcpy.rtp import (
    FeedbackPacket,
    GenericNack,
    Goodbye,
    PictureLossIndication,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtpPacket,
    SdesChunk,
    SdesItem,
    SdesType,
    SourceDescription,
    write_report,
)
from rtcpy.testing import mutations
from tests.rtp.captured import corpus, packets
from tests.rtp.test_extensions import CHROMIUM

ALL = (*packets("rtp"), *packets("rtcp"), *corpus("rtp"), *corpus("rtcp"))


@pytest.mark.parametrize("kind", ["rtp", "rtcp"])
@pytest.mark.parametrize(("session", "extensions"), [("chromium-chromium", CHROMIUM), ("", {})])
def test_captured_packets_are_tiled_and_readable(kind: str, session: str, extensions: dict[int, str]) -> None:
    for data in packets(kind, session):
        found = explain(data, extensions=extensions)
        assert found.is_tiled and not found.problems and not found.unreadable, str(found)
        assert all(leaf.rfc for leaf in found.leaves())


@given(st.sampled_from(ALL).flatmap(mutations), st.booleans())
def test_whatever_comes_is_tiled(data: bytes, is_srtp: bool) -> None:
    found = explain(data, extensions=CHROMIUM, is_srtp=is_srtp)
    assert found.is_tiled
    assert str(found) and found._repr_html_() and found.to_json()


@given(
    st.binary(max_size=60),
    st.sampled_from([0x80, 0x90, 0xA0, 0xBF]),
    st.sampled_from([0, 111, 192, *range(200, 208)]),
)
def test_anything_behind_a_first_word_is_tiled(rest: bytes, first: int, second: int) -> None:
    assert explain(bytes([first, second]) + rest).is_tiled
    assert explain(bytes([first])).is_tiled


def test_extensions_are_named_by_what_sdp_says() -> None:
    data = next(d for d in packets("rtp", "chromium-chromium") if len(RtpPacket.parse(d).elements) == 6)
    found = explain(data, extensions=CHROMIUM)
    assert found.find("transport_sequence_number").value == RtpPacket.parse(data).elements[1].data[1]
    assert found.find("elements[1]").text.startswith("id 3, draft-holmer")
    assert found.find("rotation").value == 0
    assert explain(data).find("elements[1]").text == "id 3"


def test_numbers_are_shown_in_their_units() -> None:
    block = ReportBlock(
        ssrc=2,
        fraction_lost=64,
        cumulative_lost=0xFFFFFE,
        highest_sequence=5,
        jitter=3,
        last_sr=4,
        delay_since_last_sr=32768,
    )
    found = explain(ReceiverReport(ssrc=1, reports=[block]).serialize())
    assert found.find("fraction_lost").text == "64 (25 %)"
    assert found.find("cumulative_lost").text == "-2"
    assert found.find("delay_since_last_sr").text == "32768 (0.5 s)"


def test_feedback_says_what_it_comes_to() -> None:
    def title(fci: object) -> str:
        return explain(FeedbackPacket.of(1, 2, fci).serialize()).root.text  # type: ignore[arg-type, no-any-return]

    assert title(GenericNack.of([10, 12])) == "NACK: lost: 10, 12"
    assert title(PictureLossIndication()) == "PLI"
    pli = explain(FeedbackPacket.of(1, 2, PictureLossIndication()).serialize())
    assert "keyframe" in pli.root.meaning
    assert title(Remb.of(300_000, [5])) == "REMB: 300,000 bit/s"
    assert title(write_report(7, 0, 0, [1, None, 2])) == "transport-cc: 2 of 3 packets from 7 on arrived"


def test_source_descriptions_are_shown_as_text() -> None:
    item = SdesItem(type=SdesType.CNAME, text=b"a\x1b[31m")
    text = str(explain(SourceDescription.of([SdesChunk(1, [item])]).serialize()))
    assert "CNAME" in text and "\x1b" not in text


def test_a_compound_lists_its_packets() -> None:
    data = ReceiverReport(ssrc=1).serialize() + Goodbye.of([1], "over").serialize()
    found = explain(data)
    assert found.root.text == "RTCP: RR, BYE" and found.find("reason").value == b"over"


def test_what_comes_behind_a_broken_length_is_unreadable() -> None:
    data = ReceiverReport(ssrc=1).serialize() + b"\x80\xc9\xff\xff"
    found = explain(data)
    assert found.is_tiled and found.find(UNREADABLE).offset == 8
    assert "length tells 262144 bytes, 4 left" in found.problems[0].problem


def test_padding_that_does_not_add_up_is_said() -> None:
    found = explain(
        RtpPacket(
            padding=True, payload_type=0, sequence_number=0, timestamp=0, ssrc=0, payload=b"\xff"
        ).serialize()
    )
    assert found.is_tiled and "padding count is 255" in found.problems[0].problem


def test_after_a_handshake_media_is_encrypted() -> None:
    session = Dissector()
    rtp = RtpPacket(
        padding=True, payload_type=96, sequence_number=1, timestamp=2, ssrc=3, payload=b"\xff" * 20
    ).serialize()
    assert session.explain(rtp).problems
    session.explain(bytes.fromhex("16feff0000000000000000000a"))
    found = session.explain(rtp)
    assert found.root.name == "SRTP packet" and not found.problems
    assert "encrypted" in found.find("payload").meaning
    rtcp = ReceiverReport(ssrc=1).serialize() + bytes(14)
    found = session.explain(rtcp)
    assert found.is_tiled and not found.problems and found.root.text == "SRTCP, beginning with RR"

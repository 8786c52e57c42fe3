"""Header extensions: both forms, padding anywhere, ids that end the list, and the single extensions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.rtp import ExtensionElement, HeaderExtension, RtpError, RtpPacket, read_elements, write_elements
from rtcpy.rtp import extension_formats as formats
from rtcpy.rtp.extensions import explain_elements
from rtcpy.wire import Span
from tests.rtp.captured import packets

one_byte = st.builds(ExtensionElement, st.integers(1, 14), st.binary(min_size=1, max_size=16))
two_byte = st.builds(ExtensionElement, st.integers(1, 255), st.binary(max_size=255))


@given(st.lists(one_byte, max_size=10), st.booleans())
def test_small_elements_survive_both_forms(elements: list[ExtensionElement], wide: bool) -> None:
    extension = write_elements(elements, two_byte=wide)
    assert extension.profile == (0x1000 if wide else 0xBEDE)
    assert len(extension.data) % 4 == 0
    assert read_elements(HeaderExtension.parse(extension.serialize())) == elements


@given(st.lists(two_byte, max_size=10))
def test_the_form_is_chosen_by_what_must_fit(elements: list[ExtensionElement]) -> None:
    extension = write_elements(elements)
    small = all(e.id <= 14 and 1 <= len(e.data) <= 16 for e in elements)
    assert extension.profile == (0xBEDE if small else 0x1000)
    assert read_elements(extension) == elements


@pytest.mark.parametrize(
    ("element", "wide"),
    [
        (ExtensionElement(0, b"x"), False),
        (ExtensionElement(15, b"x"), False),
        (ExtensionElement(1, b""), False),
        (ExtensionElement(1, bytes(17)), False),
        (ExtensionElement(0, b"x"), True),
        (ExtensionElement(256, b"x"), True),
        (ExtensionElement(1, bytes(256)), True),
    ],
)
def test_what_does_not_fit_is_refused(element: ExtensionElement, wide: bool) -> None:
    with pytest.raises(RtpError, match="does not fit"):
        write_elements([element], two_byte=wide)


def test_the_example_of_the_rfc() -> None:
    """RFC 8285 §4.2: three elements with padding between them."""
    data = bytes.fromhex("10aa21bbbb000033cccccccc")
    found = read_elements(HeaderExtension(profile=0xBEDE, data=data))
    assert [(e.id, len(e.data)) for e in found] == [(1, 1), (2, 2), (3, 4)]


def test_the_two_byte_example_of_the_rfc() -> None:
    """RFC 8285 §4.3: no data, one byte, padding, four bytes."""
    data = bytes.fromhex("01000201aa000304bbbbbbbb")
    found = read_elements(HeaderExtension(profile=0x1000, data=data))
    assert [(e.id, len(e.data)) for e in found] == [(1, 0), (2, 1), (3, 4)]


def test_application_bits_do_not_matter() -> None:
    assert len(read_elements(HeaderExtension(profile=0x100A, data=b"\x05\x01\x00\x00"))) == 1


def test_another_profile_has_no_elements() -> None:
    assert read_elements(HeaderExtension(profile=0xABAC, data=b"\x10\xaa\0\0")) == []


@pytest.mark.parametrize("stop", [b"\xf3", b"\xf0", b"\x03"])
def test_id_15_and_id_0_with_a_length_end_the_list(stop: bytes) -> None:
    """RFC 8285 §4.1.2, §4.2: what stands behind is not looked at, even if it makes no sense."""
    data = b"\x10\xaa" + stop + b"\x3f" * 5
    extension = HeaderExtension(profile=0xBEDE, data=data)
    assert read_elements(extension) == [ExtensionElement(1, b"\xaa")]
    spans: list[Span] = []
    explain_elements(data, 0, len(data), 0xBEDE, spans)
    assert spans[-1].name == "ignored" and spans[-1].width == 8 * 6


@pytest.mark.parametrize(
    ("profile", "data", "offset"),
    [(0xBEDE, b"\x13\xaa\xaa\xaa", 1), (0x1000, b"\x01\x03\xaa\xaa", 2), (0x1000, b"\0\0\0\x01", 3)],
)
def test_an_element_beyond_the_block_is_refused(profile: int, data: bytes, offset: int) -> None:
    with pytest.raises(RtpError) as caught:
        read_elements(HeaderExtension(profile=profile, data=data))
    assert caught.value.offset == offset
    with pytest.raises(RtpError):
        explain_elements(data, 0, len(data), profile, [])


@given(
    st.binary(max_size=80).map(lambda d: d + bytes(-len(d) % 4)), st.sampled_from([0xBEDE, 0x1000, 0x1234])
)
def test_reading_and_explaining_agree(data: bytes, profile: int) -> None:
    spans: list[Span] = []
    try:
        elements = read_elements(HeaderExtension(profile=profile, data=data))
    except RtpError:
        with pytest.raises(RtpError):
            explain_elements(data, 0, len(data), profile, spans)
        return
    explain_elements(data, 0, len(data), profile, spans)
    at = 0
    for span in spans:
        assert span.first_bit == at
        at += span.width
        assert span.raw == int.from_bytes(data, "big") >> (8 * len(data) - at) & ((1 << span.width) - 1)
    assert at == 8 * len(data)
    ids = [span.value for span in spans if span.name.endswith("].id")]
    assert ids == [element.id for element in elements]


CHROMIUM = {
    1: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    2: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    3: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    4: "urn:ietf:params:rtp-hdrext:sdes:mid",
    7: "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
    8: "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    13: "urn:3gpp:video-orientation",
}
"""a=extmap lines of the plain-media sessions."""


def test_extensions_of_chromium_can_be_read() -> None:
    seen: dict[int, object] = {}
    for data in packets("rtp", "chromium-chromium"):
        for element in RtpPacket.parse(data).elements:
            value = formats.FORMATS[CHROMIUM[element.id]].parse(element.data)
            assert value.serialize() == element.data
            seen[element.id] = value
    assert set(seen) == set(CHROMIUM)
    assert isinstance(seen[4], formats.MidExtension) and seen[4].mid in (b"0", b"1")
    assert isinstance(seen[13], formats.VideoOrientation) and seen[13].rotation == 0
    timing = seen[7]
    assert isinstance(timing, formats.VideoTiming)
    assert timing.encode_start <= timing.encode_finish <= timing.packetization <= timing.pacer_exit


def test_optional_parts() -> None:
    assert formats.TransportSequenceNumber2.parse(b"\0\7").request is None
    asked = formats.TransportSequenceNumber2.parse(b"\0\7\x80\x05").request
    assert asked is not None and asked.with_timing and asked.sequence_count == 5
    assert formats.AbsoluteCaptureTime.parse(bytes(8)).clock_offset is None
    assert formats.AbsoluteCaptureTime.parse(bytes(15) + b"\1").clock_offset == 1

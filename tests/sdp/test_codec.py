"""Text to model and back: real descriptions, hostile text, limits."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sdp import Candidate, Mid, SdpError, SessionDescription, parse, serialize
from rtcpy.sdp.codec import LINES_MAX, SECTIONS_MAX, TEXT_MAX
from tests.profile import scale
from tests.sdp.samples import (
    CAPTURED,
    NOT_PARSED,
    NOT_VALID,
    captured,
    corpus,
    gathered,
    read,
    rfc_examples,
)
from tests.sdp.strategies import descriptions

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
EXAMPLES = dict(rfc_examples())
CORPUS = corpus()


def touch_every_view(description: SessionDescription) -> None:
    """Read everything that can be read of a valid description."""
    assert description.origin.serialize() == description.lines[1][2:]
    assert description.timings
    assert isinstance(description.bundle_groups, list)
    for section in (description, *description.media):
        assert section.connection is None or section.connection.address
        assert len(section.bandwidths) == sum(line.startswith("b=") for line in section.lines)
    for media in description.media:
        assert media.media_line.serialize() == media.lines[0][2:]
        assert media.mid is None or description.section(media.mid) is not None
        if media.is_rtp:
            assert {str(codec.payload_type) for codec in media.codecs()} <= set(media.formats)
        for candidate in media.all(Candidate):
            assert f"a={candidate.trickled()}" in media.lines
        description.fingerprints(media)
        description.setup(media)
        description.ice_credentials(media)
        description.ice_options(media)
        description.direction_of(media)


# What real programs and RFCs write --------------------------------------------------------------------


def test_the_samples_are_there() -> None:
    assert len(CAPTURED) == 155
    assert {path.parent.name for path in CAPTURED} == {
        "aiortc", "chromium-156", "firefox-153", "node-datachannel", "pion", "sessions", "webrtcbin", "werift", "wrtc"
    }  # fmt: skip
    assert len(EXAMPLES) == 195
    assert len(CORPUS) > 40
    assert {"rfc3264", "rfc4317", "rfc8839", "rfc8866", "rfc9143", "rfc9429"} <= {
        name.split()[0] for name in EXAMPLES
    }


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_captured_descriptions(path: Path) -> None:
    text = read(path)
    description = parse(text)
    description.validate()
    touch_every_view(description)
    assert serialize(description) == text  # byte for byte: all of them have CRLF
    assert parse(serialize(description)) == description


def test_descriptions_gathered_by_browsers() -> None:
    texts = list(gathered())
    assert len(texts) >= 2
    for text in texts:
        description = parse(text)
        description.validate()
        touch_every_view(description)
        assert serialize(description) == text


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_rfcs(name: str) -> None:
    text = EXAMPLES[name]
    if name in NOT_PARSED:
        with pytest.raises(SdpError):
            parse(text)
        return
    description = parse(text)
    assert serialize(description) == text
    assert parse(serialize(description)) == description
    whole = text.split("\r\n")[1][:2] == "o=" and text.split("\r\n")[2][:2] == "s=" and "\r\nt=" in text
    if whole and name not in NOT_VALID:
        description.validate()
        touch_every_view(description)
    else:  # a fragment, or one with a slip
        with pytest.raises(SdpError):
            description.validate()


def test_known_slips_name_examples() -> None:
    assert set(NOT_PARSED) | set(NOT_VALID) <= set(EXAMPLES)


@pytest.mark.parametrize("name", CORPUS)
def test_corpus_of_the_webrtc_project(name: str) -> None:
    text = CORPUS[name]
    if not text.startswith("v=0"):  # nothing else of it is refused
        with pytest.raises(SdpError, match="line 1"):
            parse(text)
        return
    description = parse(text)
    assert parse(serialize(description)) == description
    if "ufrag_voice" in text:  # the credentials of their unit tests are no ice-chars
        with pytest.raises(SdpError, match="a=ice-ufrag"):
            description.validate()
        return
    description.validate()
    touch_every_view(description)


# Line ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_line_ends(end: str) -> None:
    text = captured("firefox-153/av-data-offer")
    changed = text.replace("\r\n", end)
    assert parse(changed) == parse(text)
    assert serialize(parse(changed)) == text
    assert parse(changed.removesuffix(end)) == parse(text)
    assert parse(changed + end + end) == parse(text)
    assert parse(changed.encode()) == parse(text)


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u2029", "\u001c\u001d\u001e", "\v", "\f"])
def test_what_splitlines_would_split_at_is_no_line_end(character: str) -> None:
    text = f"{HEAD}a=tool:x{character}a=ice-lite\r\n"
    assert len(text.splitlines()) > 5
    if character.isascii():
        with pytest.raises(SdpError, match="line 5, session: control character"):
            parse(text)
    else:
        assert not parse(text).is_ice_lite
        assert serialize(parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "\r\n", "\n\n\r", " ", "x", "v=0x", "\ufeffv=0", "v=1\r\n", "o=-\r\nv=0"]
)
def test_no_description_at_all(text: str) -> None:
    with pytest.raises(SdpError):
        parse(text)


def test_an_empty_line_inside_is_no_line() -> None:
    with pytest.raises(SdpError, match="line 3, session"):
        parse("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n\r\ns=-\r\nt=0 0\r\n")


# Errors tell where ------------------------------------------------------------------------------------


def test_errors_name_line_section_value_and_rule() -> None:
    text = HEAD + AUDIO + "a=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4\r\n"
    with pytest.raises(SdpError) as caught:
        parse(text)
    assert (
        str(caught.value)
        == "line 8, m=video: c= line does not follow its grammar: found 'IN IP4' (RFC 8866 §5.7)"
    )
    text = HEAD + AUDIO + "a=mid:0\r\na=rtpmap:0 PCMU\r\n"
    description = parse(text)  # a tool may look at the rest
    with pytest.raises(SdpError) as caught:
        description.validate()
    assert (
        str(caught.value)
        == "line 7, m=audio: a=rtpmap does not follow its grammar: found '0 PCMU' (RFC 8866 §6.6)"
    )
    with pytest.raises(SdpError, match="line 7, m=audio"):
        description.media[0].codecs()


@pytest.mark.parametrize("position", range(0, 170, 9))
def test_a_broken_line_anywhere_is_found_at_its_number(position: int) -> None:
    lines = captured("chromium-156/av-data-offer").split("\r\n")[:-1]
    lines[position] = "broken"
    with pytest.raises(SdpError) as caught:
        parse("\r\n".join(lines))
    assert caught.value.line == position + 1
    assert caught.value.value == "broken"


# Limits -----------------------------------------------------------------------------------------------


def test_text_has_a_limit() -> None:
    fits = HEAD + "a=tool:"
    fits += "x" * (TEXT_MAX - len(fits) - 2) + "\r\n"
    assert serialize(parse(fits)) == fits
    with pytest.raises(SdpError, match=f"longer than {TEXT_MAX} bytes"):
        parse(fits[:-2] + "x\r\n")
    with pytest.raises(SdpError, match="longer than"):
        parse((fits[:-2] + "x\r\n").encode())
    with pytest.raises(SdpError, match="longer than"):
        parse(fits.replace("xxx", "\u00e9\u00e9\u00e9"))  # bytes count, not characters
    with pytest.raises(SdpError, match="longer than"):
        parse("\n" * (TEXT_MAX + 1))


def test_what_would_be_too_long_with_crlf_is_too_long() -> None:
    head = HEAD.replace("\r\n", "\n")
    lines = "".join(f"a=tool:{'x' * 250}\n" for _ in range(900))
    text = head + lines
    text += "a=tool:" + "x" * (TEXT_MAX - len(text) - 8) + "\n"
    assert len(text) == TEXT_MAX
    with pytest.raises(SdpError, match="longer than"):
        parse(text)


def test_a_section_has_a_limit() -> None:
    head = HEAD.count("\r\n")
    assert len(parse(HEAD + "a=x\r\n" * (LINES_MAX - head)).lines) == LINES_MAX
    with pytest.raises(SdpError, match=f"line {LINES_MAX + 1}, session: more than {LINES_MAX} lines"):
        parse(HEAD + "a=x\r\n" * (LINES_MAX - head + 1))
    section = AUDIO + "a=x\r\n" * (LINES_MAX - 1)
    assert len(parse(HEAD + section + section).media[1].lines) == LINES_MAX
    with pytest.raises(SdpError, match=f"line {4 + LINES_MAX + 1}, m=audio: more than"):
        parse(HEAD + section + "a=x\r\n")


def test_sections_have_a_limit() -> None:
    assert len(parse(HEAD + AUDIO * SECTIONS_MAX).media) == SECTIONS_MAX
    with pytest.raises(SdpError, match=f"line {4 + SECTIONS_MAX + 1}: more than {SECTIONS_MAX} m= sections"):
        parse(HEAD + AUDIO * (SECTIONS_MAX + 1))


def test_the_same_limits_hold_for_writing() -> None:
    for spoil in ("sections", "lines", "bytes"):
        description = parse(HEAD + AUDIO)
        if spoil == "sections":
            description.media *= SECTIONS_MAX + 1
        elif spoil == "lines":
            description.lines += ["a=x"] * LINES_MAX
        else:
            description.lines.append("a=tool:" + "x" * TEXT_MAX)
        with pytest.raises(SdpError, match=r"more than|longer than"):
            serialize(description)


def test_the_longest_descriptions_are_read_whole() -> None:
    # Views and checks over the largest text there can be: linear, so it ends at once.
    section = AUDIO.replace(" 0\r", "".join(f" {n}" for n in range(96, 128)) + "\r")
    section += "".join(
        f"a=rtpmap:{96 + n % 32} x/90000\r\na=rtcp-fb:* nack\r\na=fmtp:{96 + n % 32} a=1\r\n"
        for n in range(300)
    )
    description = parse(HEAD + section * 6)
    description.validate()
    for media in description.media:
        codecs = media.codecs()
        assert len(codecs) == 32
        assert all(len(codec.feedback) == 300 for codec in codecs)
    wide = parse(HEAD + AUDIO[:-2] + " 0" * 120_000 + "\r\n")
    wide.validate()
    assert len(wide.media[0].codecs()) == 1


FULL_SECTIONS = {
    "shortest lines": AUDIO + "a=x\n" * (LINES_MAX - 1),
    "known attributes": AUDIO + "a=mid:0\n" * (LINES_MAX - 1),
    "only m= lines": "m=a 1 a 0\n",
}


@pytest.mark.parametrize("name", FULL_SECTIONS)
def test_memory_is_bounded_by_the_input(name: str) -> None:
    section = FULL_SECTIONS[name]
    text = HEAD + section * min(SECTIONS_MAX, TEXT_MAX // (len(section) + LINES_MAX) - 1)
    tracemalloc.start()
    try:
        description = parse(text)
        serialize(description)
        with contextlib.suppress(SdpError):
            description.validate()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 64 * len(text) + 256 * 1024


# Hostile text -----------------------------------------------------------------------------------------


@given(st.text() | st.text("vosiuecbtrzkam=:/ 0a\r\n", max_size=200))
def test_any_text(text: str) -> None:
    for form in (text, HEAD + text, HEAD + AUDIO + text, HEAD + AUDIO + "a=" + text):
        check_hostile(form)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for form in (data, HEAD.encode() + data):
        check_hostile(form)


def check_hostile(text: str | bytes) -> bool:
    """Parse, validate and read; only `SdpError` may come of it. Returns whether it parsed."""
    try:
        description = parse(text)
    except SdpError:
        return False
    again = serialize(description)
    assert parse(again) == description
    try:
        description.validate()
    except SdpError:
        return True
    for media in description.media:
        if media.is_rtp:
            media.codecs()
        description.direction_of(media)
        description.fingerprints(media)
    return True


@pytest.mark.parametrize("text", ["v=0\r\ns=\ud800", "v=0\r\na=\udfff:"])
def test_lone_surrogates_are_no_text(text: str) -> None:
    with pytest.raises(SdpError, match="not UTF-8"):
        parse(text)


def test_bytes_must_be_utf8() -> None:
    with pytest.raises(SdpError, match="not UTF-8"):
        parse(b"v=0\r\ns=\xff\r\n")
    assert parse("v=0\r\ns=\u4e2d\r\n".encode()).session_name == "\u4e2d"


def test_every_truncation_of_a_description() -> None:
    text = captured("pion/av-data-offer-gathered")
    parsed = sum(check_hostile(text[:end]) for end in range(0, len(text), scale(dev=5, ci=2, thorough=1)))
    assert parsed > 100  # truncations that end in an attribute's value parse


@given(descriptions())
def test_built_descriptions_survive(description: SessionDescription) -> None:
    text = serialize(description)
    again = parse(text)
    assert again == description
    again.validate()
    assert serialize(again) == text
    assert serialize(parse(text.replace("\r\n", "\n"))) == text


# Writing ----------------------------------------------------------------------------------------------


EVIL_LINES = [
    "a=x\r\na=y",
    "a=x\n",
    "a=x\r",
    "a=x\x00",
    "a=x\x1b",
    "a=x:\ud800",
    "",
    "x",
    "a=",
    "c=IN",
    "\ufffe=x",
]


@pytest.mark.parametrize("evil", [*EVIL_LINES, "m=audio 9 RTP/AVP 0"])
@pytest.mark.parametrize("place", ["session", "media"])
def test_lines_put_in_by_hand_are_checked(evil: str, place: str) -> None:
    description = parse(HEAD + AUDIO + "a=mid:0\r\n")
    section = description if place == "session" else description.media[0]
    section.lines.append(evil)
    with pytest.raises(SdpError) as caught:
        serialize(description)
    assert caught.value.line == (5 if place == "session" else 7)


def test_sections_begin_with_their_m_line() -> None:
    description = parse(HEAD + AUDIO)
    description.media[0].lines[0] = "a=x"
    with pytest.raises(SdpError, match="m= line begins every media section"):
        serialize(description)
    description.media[0].lines.clear()
    with pytest.raises(SdpError, match="media section without m= line"):
        serialize(description)
    with pytest.raises(SdpError, match="begins with v=0"):
        serialize(SessionDescription())


def test_str_is_the_text() -> None:
    description = parse(HEAD + AUDIO)
    description.media[0].add(Mid("0"))
    assert str(description) == HEAD + AUDIO + "a=mid:0\r\n" == description.serialize()
    assert SessionDescription.parse(str(description)) == description

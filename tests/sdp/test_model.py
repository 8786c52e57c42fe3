"""Sections and their views: reading, writing in the right place, inheritance, codecs, validation."""

from __future__ import annotations

import pytest
from hypothesis import given

from rtcpy.sdp import (
    Bandwidth,
    Candidate,
    Codec,
    Connection,
    Direction,
    Extmap,
    Fingerprint,
    Group,
    IceOptions,
    IcePwd,
    IceUfrag,
    MediaDescription,
    MediaLine,
    Mid,
    Msid,
    Origin,
    Rtpmap,
    SctpPort,
    SdpError,
    SessionDescription,
    Setup,
    Ssrc,
    parse,
)
from rtcpy.sdp.transport_attributes import Role
from tests.sdp.samples import captured
from tests.sdp.strategies import values

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def described(*lines: str, media: str = "m=audio 9 UDP/TLS/RTP/SAVPF 0") -> MediaDescription:
    """A parsed section with these lines."""
    return parse(HEAD + "\r\n".join([media, *lines]) + "\r\n").media[0]


# Reading ----------------------------------------------------------------------------------------------


def test_an_offer_of_chromium() -> None:
    description = parse(captured("chromium-156/av-data-offer"))
    assert description.origin == Origin(3998114199484975968, 2)
    assert description.bundle_groups == [["0", "1", "2"]]
    assert [media.media for media in description.media] == ["audio", "video", "application"]
    assert description.has("extmap-allow-mixed")
    audio, video, data = description.media
    assert (audio.mid, audio.port, audio.protocol) == ("0", 9, "UDP/TLS/RTP/SAVPF")
    assert audio.formats == ["111", "63", "9", "0", "8", "13", "110", "126"]
    assert (audio.is_rtp, audio.is_data, data.is_rtp, data.is_data) == (True, False, False, True)
    assert audio.direction is Direction.SENDRECV and data.direction is None
    assert audio.connection == Connection("0.0.0.0")
    assert audio.get(Msid) == Msid(
        "93a77122-1d56-4de7-8f83-09d4796e1de7", "d6614a26-c8f3-43aa-8093-a6b8ae5a93d9"
    )
    assert len(video.all(Extmap)) == 11
    assert [ssrc.attribute for ssrc in video.all(Ssrc)] == ["cname", "msid", "cname", "msid"]
    assert description.ice_credentials(data) == ("if4u", "E23K5peiezsKLyUQ64YawMAQ")
    assert description.setup(audio) is Role.ACTPASS
    assert [one.algorithm for one in description.fingerprints(audio)] == ["sha-256"]
    assert data.get(SctpPort) == SctpPort(5000)
    opus = audio.codecs()[0]
    assert opus == Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1", ["transport-cc"])
    assert opus.fmtp["useinbandfec"] == "1"
    h264 = video.codecs()[2]
    assert (h264.name, h264.fmtp["profile-level-id"], h264.feedback[-1]) == ("H264", "42001f", "nack pli")


def test_an_offer_of_firefox_with_fmtp_before_rtpmap() -> None:
    description = parse(captured("firefox-153/av-data-offer"))
    audio = description.media[0]
    lines = audio.lines
    assert lines.index("a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1") < lines.index(
        "a=rtpmap:109 opus/48000/2"
    )
    assert audio.codecs()[0].fmtp == {"maxplaybackrate": "48000", "stereo": "1", "useinbandfec": "1"}
    assert not audio.all(Fingerprint)
    assert description.fingerprints(audio)[0].value.startswith("02:D5:D4")
    assert description.ice_options(audio) == ["trickle"]
    assert audio.all(Extmap)[1].direction is Direction.RECVONLY


def test_a_session_of_libdatachannel_with_comma_options() -> None:
    description = parse(captured("node-datachannel/data-only-offer-gathered"))
    media = description.media[0]
    assert description.ice_options(media) == ["ice2", "trickle"]
    assert len(description.fingerprints(media)) == 1
    assert media.all(Candidate)


def test_raw_access() -> None:
    section = described("a=mid:0", "a=x:", "a=rtcp-mux", "a=x:y:z", "b=AS:1")
    assert section.value("x") == ""
    assert section.values("x") == ["", "y:z"]
    assert section.value("rtcp-mux") is None and section.has("rtcp-mux")
    assert section.has("x") and not section.has("rtcp") and not section.has("m")
    assert list(section.attributes()) == [("mid", "0"), ("x", ""), ("rtcp-mux", None), ("x", "y:z")]
    assert section.texts("b") == ["AS:1"] and section.text("i") is None
    assert section.get(Rtpmap) is None and section.all(Rtpmap) == []
    assert section.bandwidths == [Bandwidth("AS", 1)]


def test_a_decoded_value_is_a_copy() -> None:
    section = described("a=mid:0")
    mid = section.get(Mid)
    assert mid is not None
    mid.value = "1"
    assert section.mid == "0"
    section.set(mid)
    assert section.mid == "1"


# Inheritance ------------------------------------------------------------------------------------------

PRINT_A = "sha-1 " + ":".join(["AA"] * 20)
PRINT_B = "sha-1 " + ":".join(["BB"] * 20)


def test_what_the_session_says_holds_until_a_section_says_otherwise() -> None:
    session = f"a=fingerprint:{PRINT_A}\r\na=setup:active\r\na=ice-ufrag:aaaa\r\na=ice-pwd:{'a' * 22}\r\n"
    session += "a=ice-options:ice2\r\na=recvonly\r\n"
    section = "m=audio 9 RTP/AVP 0\r\n"
    own = f"a=fingerprint:{PRINT_B}\r\na=setup:passive\r\na=ice-ufrag:bbbb\r\na=ice-pwd:{'b' * 22}\r\n"
    own += "a=ice-options:trickle ice2\r\na=sendonly\r\n"
    description = parse(HEAD + session + section + section + own)
    first, second = description.media
    assert description.fingerprints(first) == [Fingerprint.parse(PRINT_A)]
    assert description.fingerprints(second) == [Fingerprint.parse(PRINT_B)]
    assert (description.setup(first), description.setup(second)) == (Role.ACTIVE, Role.PASSIVE)
    assert description.ice_credentials(first) == ("aaaa", "a" * 22)
    assert description.ice_credentials(second) == ("bbbb", "b" * 22)
    assert description.ice_options(first) == ["ice2"]
    assert description.ice_options(second) == ["ice2", "trickle"]
    assert description.direction_of(first) is Direction.RECVONLY
    assert description.direction_of(second) is Direction.SENDONLY


def test_what_nobody_says() -> None:
    description = parse(HEAD + "m=audio 9 RTP/AVP 0\r\na=ice-ufrag:aaaa\r\n")
    media = description.media[0]
    assert description.ice_credentials(media) is None  # the password is missing
    assert description.setup(media) is None
    assert description.fingerprints(media) == []
    assert description.direction_of(media) is Direction.SENDRECV
    assert not description.allows_mixed_extmap(media)
    description.add_flag("extmap-allow-mixed")
    assert description.allows_mixed_extmap(media)


# Codecs -----------------------------------------------------------------------------------------------


def test_static_payload_types_need_no_rtpmap() -> None:
    codecs = described(media="m=audio 9 RTP/AVP 0 8 9 96 13").codecs()
    assert [(codec.payload_type, codec.name) for codec in codecs] == [
        (0, "PCMU"),
        (8, "PCMA"),
        (9, "G722"),
        (13, "CN"),
    ]


def test_wildcard_feedback_and_lines_about_nothing() -> None:
    section = described(
        "a=rtcp-fb:* nack",
        "a=rtcp-fb:97 ccm fir",
        "a=rtpmap:96 VP8/90000",
        "a=fmtp:99 x=1",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=fmtp:97 rtx-time=3000",
        media="m=video 9 RTP/AVPF 97 96 97",
    )
    assert section.codecs() == [
        Codec(97, "rtx", 90000, 1, "apt=96;rtx-time=3000", ["nack", "ccm fir"]),
        Codec(96, "VP8", 90000, 1, "", ["nack"]),
    ]


def test_the_first_of_two_rtpmaps_counts() -> None:
    section = described("a=rtpmap:96 VP8/90000", "a=rtpmap:96 VP9/90000", media="m=video 9 RTP/AVP 96")
    assert [codec.name for codec in section.codecs()] == ["VP8"]


OFFERS = ["chromium-156/av-data-offer", "firefox-153/av-data-offer", "webrtcbin/av-data-offer-gathered"]


@pytest.mark.parametrize("name", OFFERS)
def test_codecs_can_be_written_again(name: str) -> None:
    for media in parse(captured(name)).media:
        if media.is_rtp:
            codecs = media.codecs()
            copy = MediaDescription.new(media.media, 9, media.protocol, media.formats)
            for codec in codecs:
                copy.add(*codec.values())
            assert copy.codecs() == codecs


# Writing ----------------------------------------------------------------------------------------------


def test_a_description_built_from_nothing() -> None:
    description = SessionDescription.new(4711)
    description.add(Group("BUNDLE", ["0"]), IceOptions(["trickle"]))
    data = MediaDescription.new("application", 9, "UDP/DTLS/SCTP", ["webrtc-datachannel"])
    data.connection = Connection()
    data.add(Mid("0"), IceUfrag("abcd"), IcePwd("x" * 22), Fingerprint.parse(PRINT_A), Setup(Role.ACTPASS))
    data.add(SctpPort(5000)).add_flag("end-of-candidates").add_attribute("x-mine", "1 2")
    description.media.append(data)
    description.validate()
    assert description.serialize().split("\r\n") == [
        "v=0",
        "o=- 4711 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=ice-options:trickle",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        f"a=ice-pwd:{'x' * 22}",
        f"a=fingerprint:{PRINT_A}",
        "a=setup:actpass",
        "a=sctp-port:5000",
        "a=end-of-candidates",
        "a=x-mine:1 2",
        "",
    ]


def test_set_replaces_in_place_and_removes_doubles() -> None:
    section = described("a=mid:0", "a=setup:active", "a=x", "a=setup:passive", "a=y")
    section.set(Setup(Role.ACTPASS))
    assert section.lines[1:] == ["a=mid:0", "a=setup:actpass", "a=x", "a=y"]
    section.set(SctpPort(1))
    assert section.lines[-1] == "a=sctp-port:1"


def test_remove() -> None:
    section = described("a=mid:0", "a=candidate:1 1 udp 1 h 1 typ host", "a=candidate-like:1", "a=rtcp-mux")
    assert section.remove(Candidate) == 1
    assert section.remove("rtcp-mux") == 1
    assert section.remove("nothing") == 0
    assert section.lines[1:] == ["a=mid:0", "a=candidate-like:1"]


def test_directions_are_replaced() -> None:
    section = described("a=sendrecv", "a=mid:0", "a=inactive")
    section.direction = Direction.RECVONLY
    assert section.lines[1:] == ["a=recvonly", "a=mid:0"]
    section.direction = None
    assert section.lines[1:] == ["a=mid:0"]
    section.direction = Direction.INACTIVE
    assert section.lines[1:] == ["a=mid:0", "a=inactive"]


def test_lines_go_where_the_rfc_wants_them() -> None:
    description = SessionDescription.new(1)
    description.add(Group("BUNDLE", []))
    description.add_text("b", "AS:1")
    description.connection = Connection("192.0.2.1")
    description.add_text("i", "info")
    description.add_text("b", "TIAS:2")
    description.add_text("t", "3724394400 0")
    assert "".join(line[0] for line in description.lines) == "vosicbbtta"
    media = MediaDescription.new("audio", 9, "RTP/AVP", [0])
    media.add(Mid("0"))
    media.add_text("b", "AS:1")
    media.set_text("i", "info")
    media.connection = Connection()
    assert "".join(line[0] for line in media.lines) == "micba"
    media.connection = None
    assert "".join(line[0] for line in media.lines) == "miba"
    media.set_text("i", "other")
    assert media.text("i") == "other"


def test_the_media_line_can_be_changed() -> None:
    media = MediaDescription.new("audio", 9, "UDP/TLS/RTP/SAVPF", [111, 0])
    assert not media.is_rejected
    media.port = 0
    media.formats = [0]
    assert media.lines == ["m=audio 0 UDP/TLS/RTP/SAVPF 0"]
    assert media.is_rejected
    media.add_flag("bundle-only")
    assert not media.is_rejected
    media.media_line = MediaLine("video", 1, "RTP/AVP", ["31"])
    assert media.lines[0] == "m=video 1 RTP/AVP 31"
    for bad in (-1, 65536):
        with pytest.raises(SdpError):
            media.port = bad
    with pytest.raises(SdpError):
        media.formats = []
    with pytest.raises(SdpError):
        media.formats = ["0\r\na=x"]


def test_the_origin_can_be_changed() -> None:
    description = SessionDescription.new(1)
    origin = description.origin
    origin.session_version += 1
    description.origin = origin
    assert description.lines[1] == "o=- 1 2 IN IP4 127.0.0.1"


@pytest.mark.parametrize("evil", ["\r\na=x", "\n", "\r", "\x00", "\x07", "\x7f"])
def test_nothing_can_be_injected(evil: str) -> None:
    section = MediaDescription.new("audio", 9, "RTP/AVP", [0])
    before = list(section.lines)
    for write in (
        lambda: section.add(Mid(f"0{evil}")),
        lambda: section.set(Mid(f"0{evil}")),
        lambda: section.add_flag(f"rtcp-mux{evil}"),
        lambda: section.add_attribute("x", f"y{evil}"),
        lambda: section.add_attribute(f"x{evil}", "y"),
        lambda: section.add_text("i", f"y{evil}"),
        lambda: section.set_text("i", f"y{evil}"),
        lambda: setattr(section, "connection", Connection(f"h{evil}")),
        lambda: MediaDescription.new(f"audio{evil}", 9, "RTP/AVP", [0]),
        lambda: MediaDescription.new("audio", 9, f"RTP/AVP{evil}", [0]),
        lambda: MediaDescription.new("audio", 9, "RTP/AVP", [f"0{evil}"]),
        lambda: SessionDescription.new(1, session_name=f"-{evil}"),
    ):
        with pytest.raises(SdpError):
            write()
    assert section.lines == before


BAD_ATTRIBUTES = [("a:b", "c"), ("", "c"), ("a b", None), ("mid", None), ("mid", "a b"), ("rtcp-mux", "1")]


@pytest.mark.parametrize(("name", "value"), BAD_ATTRIBUTES)
def test_attributes_that_cannot_be_added(name: str, value: str | None) -> None:
    section = MediaDescription.new("audio", 9, "RTP/AVP", [0])
    with pytest.raises(SdpError):
        section.add_attribute(name, value)
    assert len(section.lines) == 1


@given(values)
def test_any_value_can_be_added_read_set_and_removed(value: object) -> None:
    section = MediaDescription.new("audio", 9, "RTP/AVP", [0])
    section.add(value, value)  # type: ignore[arg-type]
    kind = type(value)
    assert section.all(kind) == [value, value]  # type: ignore[type-var]
    section.set(value)  # type: ignore[arg-type]
    assert section.all(kind) == [value]  # type: ignore[type-var]
    assert section.remove(kind) == 1  # type: ignore[arg-type]
    assert section.lines == ["m=audio 9 RTP/AVP 0"]


# Validation -------------------------------------------------------------------------------------------


def test_every_required_line() -> None:
    whole = HEAD.split("\r\n")[:-1]
    parse("\r\n".join(whole)).validate()
    for missing, kind in ((1, "o"), (2, "s")):
        lines = whole[:missing] + whole[missing + 1 :]
        with pytest.raises(SdpError, match=f"line {missing + 1} must be the one {kind}= line"):
            parse("\r\n".join(lines)).validate()
    with pytest.raises(SdpError, match="t= line is missing"):
        parse("\r\n".join(whole[:3])).validate()
    for double in whole[:3]:
        with pytest.raises(SdpError, match=f"the one {double[0]}= line"):
            parse("\r\n".join([*whole, double])).validate()


def test_unknown_type_letters_are_kept_and_not_valid() -> None:
    description = parse(HEAD + "x=unknown\r\nm=audio 9 RTP/AVP 0\r\ny=more\r\n")
    assert description.serialize().endswith("x=unknown\r\nm=audio 9 RTP/AVP 0\r\ny=more\r\n")
    with pytest.raises(
        SdpError, match=r"line 5, session: unknown type letter: found 'x=unknown' \(RFC 8866 §5\)"
    ):
        description.validate()


def test_two_sections_of_one_name() -> None:
    section = "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    with pytest.raises(SdpError, match="a=mid stands twice"):
        parse(HEAD + section + section).validate()


def test_payload_types_are_numbers() -> None:
    for bad in ("128", "opus", "00", "\u0661"):
        try:
            description = parse(HEAD + f"m=audio 9 RTP/AVP {bad}\r\n")
        except SdpError:
            continue
        with pytest.raises(SdpError, match="RTP format is no payload type"):
            description.validate()
    parse(HEAD + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n").validate()


def test_rids_of_simulcast_exist() -> None:
    lines = "m=video 9 RTP/AVP 96\r\na=rid:hi send\r\na=simulcast:send hi;lo\r\n"
    with pytest.raises(SdpError, match="a=simulcast names a rid that has no a=rid line: found 'lo'"):
        parse(HEAD + lines).validate()
    parse(HEAD + lines + "a=rid:lo send\r\n").validate()


def test_an_edited_description_has_no_wrong_line_numbers() -> None:
    media = MediaDescription.new("audio", 9, "RTP/AVP", [0])
    media.lines.append("a=mid:a b")
    with pytest.raises(SdpError) as caught:
        media.validate()
    assert caught.value.line is None
    assert str(caught.value).startswith("m=audio: a=mid")


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", True),
        ("m=application 9 TCP/DTLS/SCTP webrtc-datachannel", True),
        ("m=application 9 DTLS/SCTP 5000", True),
        ("m=application 9 UDP/BFCP *", False),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0", False),
    ],
)
def test_which_sections_are_data(line: str, data: bool) -> None:
    assert described(media=line).is_data is data

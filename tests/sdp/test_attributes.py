"""Every attribute: what its grammar takes, what it refuses, and that no field can smuggle anything in."""

from __future__ import annotations

import copy
import dataclasses
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sdp import (
    FLAGS,
    REGISTRY,
    AttributeValue,
    Candidate,
    Content,
    Direction,
    Extmap,
    Fingerprint,
    Fmtp,
    Group,
    IceOptions,
    IcePwd,
    Identity,
    MaxMessageSize,
    Mid,
    Msid,
    MsidSemantic,
    Ptime,
    RemoteCandidates,
    Rid,
    Rtcp,
    RtcpFb,
    RtcpXr,
    Rtpmap,
    SctpInit,
    Sctpmap,
    SctpPort,
    SdpError,
    Section,
    Setup,
    Simulcast,
    SimulcastFormat,
    Ssrc,
    SsrcGroup,
    TlsId,
    decode,
)
from rtcpy.sdp.transport_attributes import HASH_BYTES, Role
from tests.sdp.strategies import VALUES, free

SHA256 = "F9:0C:E1:BD:CE:6F:0A:5C:52:B7:AE:4F:FC:36:C0:46:A5:A5:AE:D7:95:95:EF:27:17:EB:0D:B3:56:C5:FF:C1"


def hi(rid: str, paused: bool = False) -> SimulcastFormat:
    return SimulcastFormat(rid, paused)


TYPED: list[tuple[str, AttributeValue]] = [
    ("rtpmap:111 opus/48000/2", Rtpmap(111, "opus", 48000, 2)),
    ("rtpmap:0 PCMU/8000", Rtpmap(0, "PCMU", 8000)),
    ("rtpmap:9 G722/8000/1", Rtpmap(9, "G722", 8000, 1)),
    ("fmtp:111 minptime=10;useinbandfec=1", Fmtp("111", "minptime=10;useinbandfec=1")),
    ("fmtp:63 111/111", Fmtp("63", "111/111")),
    ("fmtp:101 0-15", Fmtp("101", "0-15")),
    ("ptime:20", Ptime("20")),
    ("ptime:2.5", Ptime("2.5")),
    ("rtcp:9 IN IP4 0.0.0.0", Rtcp(9, "IN", "IP4", "0.0.0.0")),
    ("rtcp:53020", Rtcp(53020)),
    ("rtcp-fb:96 nack pli", RtcpFb("96", "nack pli")),
    ("rtcp-fb:* ccm fir", RtcpFb("*", "ccm fir")),
    ("rtcp-fb:96 trr-int 100", RtcpFb("96", "trr-int 100")),
    ("rtcp-xr:rcvr-rtt=all", RtcpXr(["rcvr-rtt=all"])),
    ("rtcp-xr:pkt-loss-rle=80 voip-metrics", RtcpXr(["pkt-loss-rle=80", "voip-metrics"])),
    ("extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", Extmap(4, "urn:ietf:params:rtp-hdrext:sdes:mid")),
    (
        "extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
        Extmap(2, "urn:ietf:params:rtp-hdrext:csrc-audio-level", Direction.RECVONLY),
    ),
    (
        "extmap:4/recvonly http://example.com/082005/ext.htm#xmeta short",
        Extmap(4, "http://example.com/082005/ext.htm#xmeta", Direction.RECVONLY, "short"),
    ),
    ("extmap:4096 urn:x", Extmap(4096, "urn:x")),
    ("ssrc:1320271440 cname:Bx/zkyf08n1S5FVH", Ssrc(1320271440, "cname", "Bx/zkyf08n1S5FVH")),
    ("ssrc:0 flag", Ssrc(0, "flag")),
    ("ssrc-group:FID 1901482491 342442329", SsrcGroup("FID", [1901482491, 342442329])),
    ("ssrc-group:SIM", SsrcGroup("SIM", [])),
    ("rid:hi send", Rid("hi", "send")),
    (
        "rid:1 send pt=97,98;max-width=1280;max-height=720;x-flag",
        Rid("1", "send", ["97", "98"], {"max-width": "1280", "max-height": "720", "x-flag": None}),
    ),
    ("rid:5 recv max-br=64000;depend=1,2", Rid("5", "recv", [], {"max-br": "64000", "depend": "1,2"})),
    ("simulcast:send hi;mid;lo", Simulcast([[hi("hi")], [hi("mid")], [hi("lo")]])),
    (
        "simulcast:send 1,~4;3 recv ~a,b",
        Simulcast([[hi("1"), hi("4", True)], [hi("3")]], [[hi("a", True), hi("b")]]),
    ),
    ("simulcast:recv 5", Simulcast(recv=[[hi("5")]])),
    ("ice-options:trickle", IceOptions(["trickle"])),
    ("ice-options:ice2 rtp+ecn", IceOptions(["ice2", "rtp+ecn"])),
    ("ice-options:google-ice", IceOptions(["google-ice"])),
    (f"fingerprint:sha-256 {SHA256}", Fingerprint("sha-256", SHA256)),
    ("setup:actpass", Setup(Role.ACTPASS)),
    ("setup:holdconn", Setup(Role.HOLDCONN)),
    ("tls-id:91bbf309c0990a6bec11e38ba2933cee", TlsId("91bbf309c0990a6bec11e38ba2933cee")),
    ("sctp-port:5000", SctpPort(5000)),
    ("sctp-port:0", SctpPort(0)),
    ("max-message-size:1073741823", MaxMessageSize(1073741823)),
    ("sctpmap:5000 webrtc-datachannel 1024", Sctpmap(5000, "webrtc-datachannel", 1024)),
    ("sctpmap:5000 webrtc-datachannel", Sctpmap(5000, "webrtc-datachannel")),
    ("sctp-init:AQAAFA==", SctpInit(b"\x01\x00\x00\x14")),
    ("mid:audio0", Mid("audio0")),
    ("group:BUNDLE 0 1 2", Group("BUNDLE", ["0", "1", "2"])),
    ("group:BUNDLE", Group("BUNDLE", [])),
    ("msid:{1d9e21ee} {57af5978}", Msid("{1d9e21ee}", "{57af5978}")),
    (
        "msid:user2499049254@host-1f403786 webrtctransceiver0",
        Msid("user2499049254@host-1f403786", "webrtctransceiver0"),
    ),
    ("msid:-", Msid("-")),
    ("msid-semantic:WMS *", MsidSemantic("WMS", ["*"])),
    ("identity:eyJpZHAiOns=", Identity("eyJpZHAiOns=")),
    ("content:slides,main", Content(["slides", "main"])),
    (
        "remote-candidates:1 192.0.2.3 45664 2 192.0.2.3 45665",
        RemoteCandidates([(1, "192.0.2.3", 45664), (2, "192.0.2.3", 45665)]),
    ),
]


@pytest.mark.parametrize(("line", "expected"), TYPED)
def test_known_lines(line: str, expected: AttributeValue) -> None:
    name, _, value = line.partition(":")
    assert decode(name, value) == expected
    assert expected.line() == f"a={line}"


READ_AS: list[tuple[str, AttributeValue]] = [
    ("msid-semantic: WMS a b", MsidSemantic("WMS", ["a", "b"])),  # Chromium's blank
    ("msid-semantic: WMS", MsidSemantic("WMS", [])),
    ("group:BUNDLE ", Group("BUNDLE", [])),
    ("rtcp-fb:111 transport-cc ", RtcpFb("111", "transport-cc")),  # Pion's blank
    ("ice-options:ice2,trickle", IceOptions(["ice2", "trickle"])),  # libdatachannel's comma
    (f"fingerprint:SHA-256 {SHA256.lower()}", Fingerprint("sha-256", SHA256)),
    (f"fingerprint: SHA-256 {SHA256}", Fingerprint("sha-256", SHA256)),  # RFC 5763 §7.1
]


@pytest.mark.parametrize(("line", "expected"), READ_AS)
def test_lines_that_are_read_although_not_written_so(line: str, expected: AttributeValue) -> None:
    name, _, value = line.partition(":")
    assert decode(name, value) == expected
    assert expected.line() != f"a={line}"


BAD = """
rtpmap:128 VP8/90000
rtpmap:096 VP8/90000
rtpmap:96 VP8
rtpmap:96 VP8/0
rtpmap:96 VP8/90000/
rtpmap:96  VP8/90000
rtpmap:96 V P8/90000
rtpmap:-1 VP8/90000
fmtp:96
fmtp:
fmtp: apt=96
ptime:0
ptime:-20
ptime:abc
maxptime:1e3
framerate:
rtcp:65536
rtcp:9 IN IP4
rtcp-fb:96
rtcp-fb:96\u0020
rtcp-fb:nack
extmap:0 urn:x
extmap:4352 urn:x
extmap:1
extmap:1/both urn:x
extmap:123456 urn:x
ssrc:4294967296 cname:x
ssrc:1
ssrc:x cname:y
ssrc:1 cname:
ssrc-group:FID 1,2
ssrc-group:FID 4294967296
rid:hi
rid:hi both
rid:h.i send
rid:hi send\u0020
rid:hi send pt=
rid:hi send pt=1,,2
rid:hi send max-br=1;max-br=2
rid:hi send max-br=1;pt=96
rid:hi send ;
simulcast:
simulcast:send
simulcast:send a send b
simulcast:send ;
simulcast:send a,,b
simulcast:send ~~a
simulcast:send a;
imageattr:x send
ice-ufrag:abc
ice-ufrag:ab_c
ice-pwd:tooshort
ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaaaa\u00e4
ice-options:
ice-options: , ,
ice-pacing:x
fingerprint:sha-256
fingerprint:sha-256 00:11
fingerprint:sha-1 F9:0C
fingerprint:sha-256 F90CE1
fingerprint:x F9:0C:
fingerprint:x F9:0G
setup:both
setup:ACTIVE
connection:old
tls-id:short
sctp-port:65536
sctp-port:05000
sctp-port:-1
max-message-size:0100
max-message-size:1e6
sctpmap:5000
sctpmap:70000 webrtc-datachannel
sctp-init:A
sctp-init:=
dcmap:65535
mid:
mid:a b
group:
group:BUN DLE\u0020\u0020
msid:
msid:a b c
identity:***
label:a b
content:a,,b
quality:11
orient:up
lang:
rtcp-mux:
rtcp-mux:x
sendrecv:1
remote-candidates:1 192.0.2.1
remote-candidates:0 192.0.2.1 1
remote-candidates:1 192.0.2.1 65536
""".strip("\n").split("\n")


@pytest.mark.parametrize("line", BAD)
def test_malformed_values(line: str) -> None:
    name, _, value = line.partition(":")
    with pytest.raises(SdpError):
        decode(name, value)
    with pytest.raises(SdpError):
        check_attribute(f"a={line}")


def test_lengths_of_ice_credentials() -> None:
    for name, low in (("ice-ufrag", 4), ("ice-pwd", 22)):
        for length in (low, 256):
            assert decode(name, "+" * length) is not None
        for length in (low - 1, 257):
            with pytest.raises(SdpError):
                decode(name, "+" * length)


def check_attribute(line: str) -> None:
    """The check of `validate`, which takes a quick lane where it can."""
    Section([line]).validate()


# The registry -----------------------------------------------------------------------------------------


NEEDED = """
rtpmap fmtp rtcp rtcp-fb rtcp-xr extmap mid group msid msid-semantic ssrc ssrc-group rid simulcast
fingerprint setup connection tls-id ice-ufrag ice-pwd ice-options ice-pacing candidate remote-candidates
sctp-port max-message-size sctpmap ptime maxptime framerate imageattr identity sctp-init dcmap label content
cat keywds tool orient type charset sdplang lang quality
"""
NEEDED_FLAGS = """
rtcp-mux rtcp-mux-only rtcp-rsize extmap-allow-mixed ice-lite ice-mismatch end-of-candidates bundle-only
sendrecv sendonly recvonly inactive
"""


def test_the_registry_has_what_webrtc_needs() -> None:
    assert set(REGISTRY) == set(NEEDED.split())
    assert set(FLAGS) == set(NEEDED_FLAGS.split())


def test_unknown_attributes_mean_nothing() -> None:
    assert decode("x-unknown", "any thing") is None
    assert decode("x-unknown", None) is None
    assert decode("RTPMAP", "nonsense") is None  # names have case, RFC 8866 §5.13
    check_attribute("a=x-unknown:any thing")


def test_flags_have_no_value_and_others_need_one() -> None:
    assert decode("rtcp-mux", None) is None
    with pytest.raises(SdpError, match=r"a=rtcp-mux has no value: found 'x' \(RFC 5761"):
        decode("rtcp-mux", "x")
    with pytest.raises(SdpError, match=r"a=mid needs a value"):
        decode("mid", None)
    with pytest.raises(SdpError):
        check_attribute("a=mid")


# Laws for every attribute -----------------------------------------------------------------------------

KINDS = sorted(REGISTRY)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_written_and_read_it_is_the_same(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    line = value.line()
    assert line.startswith(f"a={name}:")
    assert decode(name, line.removeprefix(f"a={name}:")) == value
    check_attribute(line)
    assert Section([line]).all(type(value)) == [value]


@pytest.mark.parametrize("name", KINDS)
@given(text=free | st.text())
def test_any_text_is_read_or_refused_and_the_quick_check_agrees(name: str, text: str) -> None:
    try:
        first = decode(name, text)
    except SdpError:
        with pytest.raises(SdpError):
            check_attribute(f"a={name}:{text}")
        return
    check_attribute(f"a={name}:{text}")
    assert first is not None
    again = decode(name, first.serialize())
    assert again == first
    assert again is not None
    assert again.serialize() == first.serialize()


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_no_field_smuggles_anything_in(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    evil = data.draw(
        st.sampled_from(["\r\na=evil", "\n", "\r", "\x00", "\x1b[31m", "\x0b", "\x7f", "\ud800"])
    )
    for path in text_fields(value):
        broken = copy.deepcopy(value)
        spoil(broken, path, evil)
        with pytest.raises(SdpError):
            Section().add(broken)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_no_field_spills_into_the_next(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    evil = data.draw(st.sampled_from([" ", " send x", ",", ";pt=1", "/1", " typ host"]))
    for path in text_fields(value):
        broken = copy.deepcopy(value)
        spoil(broken, path, evil)
        try:
            line = broken.line()
        except SdpError:
            continue
        assert decode(name, line.removeprefix(f"a={name}:")) == broken  # then the field may hold it


def text_fields(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Paths to all the strings inside of a value."""
    if isinstance(value, str):
        return [path]
    found: list[tuple[object, ...]] = []
    if dataclasses.is_dataclass(value) and not isinstance(value, Enum | type):
        for one in dataclasses.fields(value):
            found += text_fields(getattr(value, one.name), (*path, one.name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += text_fields(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            found += text_fields(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            found += text_fields(item, (*path, index))
    return found


def spoil(value: object, path: tuple[object, ...], evil: str) -> None:
    """Append `evil` to the string at this path."""

    def changed(current: object, rest: tuple[object, ...]) -> object:
        if not rest:
            return str(current) + evil
        key = rest[0]
        if isinstance(current, tuple):
            assert isinstance(key, int)
            return (*current[:key], changed(current[key], rest[1:]), *current[key + 1 :])
        if isinstance(current, list | dict):
            current[key] = changed(current[key], rest[1:])  # type: ignore[index,call-overload]
        else:
            setattr(current, str(key), changed(getattr(current, str(key)), rest[1:]))
        return current

    changed(value, path)


def test_the_paths_reach_into_lists() -> None:
    candidate = Candidate("1", 1, "udp", 1, "h", 1, "host", extensions=[("a", "b")])
    assert ("extensions", 0, 1) in text_fields(candidate)
    spoil(candidate, ("extensions", 0, 1), "!")
    assert candidate.extensions == [("a", "b!")]


@pytest.mark.parametrize(
    "value",
    [
        Rtpmap(128, "x", 1),
        Rtpmap(-1, "x", 1),
        Rtpmap(96, "x", 0),
        Rtpmap(96, "x", 1, 0),
        Rtcp(65536),
        Rtcp(-1),
        Extmap(0, "urn:x"),
        Extmap(4352, "urn:x"),
        Ssrc(2**32, "cname", "x"),
        Ssrc(-1, "cname", "x"),
        SsrcGroup("FID", [2**32]),
        SctpPort(65536),
        SctpPort(-1),
        MaxMessageSize(-1),
        Sctpmap(65536, "x"),
        Fingerprint("sha-256", "00"),
        SctpInit(b""),
        Simulcast(),
        Simulcast([[]]),
        IceOptions([]),
        RemoteCandidates([]),
        RemoteCandidates([(0, "h", 1)]),
        Content([]),
        Msid("a", " "),
    ],
)
def test_values_out_of_range_cannot_be_written(value: AttributeValue) -> None:
    with pytest.raises(SdpError):
        value.line()


# Single attributes ------------------------------------------------------------------------------------


def test_directions() -> None:
    assert [d for d in Direction if d.sends] == [Direction.SENDRECV, Direction.SENDONLY]
    for one in Direction:
        assert one.reversed.reversed is one
        assert Direction.of(sends=one.sends, receives=one.receives) is one
        for other in Direction:
            both = one & other
            assert both.sends == (one.sends and other.sends)
            assert both.receives == (one.receives and other.receives)
    assert Direction.SENDONLY.reversed is Direction.RECVONLY


def test_fmtp_pairs() -> None:
    assert Fmtp("102", "level-asymmetry-allowed=1;packetization-mode=1").pairs() == {
        "level-asymmetry-allowed": "1",
        "packetization-mode": "1",
    }
    assert Fmtp("1", "A=1; a=2 ;;=x; flag").pairs() == {"a": "1", "flag": ""}
    assert Fmtp("1", "sprop=a=b").pairs() == {"sprop": "a=b"}


def test_feedback_parts() -> None:
    assert (RtcpFb("96", "nack pli").type, RtcpFb("96", "nack pli").parameter) == ("nack", "pli")
    assert (RtcpFb("96", "nack").type, RtcpFb("96", "nack").parameter) == ("nack", "")


@pytest.mark.parametrize("algorithm", HASH_BYTES)
def test_fingerprints_of_every_hash(algorithm: str) -> None:
    digest = bytes(range(HASH_BYTES[algorithm]))
    fingerprint = Fingerprint.of(algorithm.upper(), digest)
    assert fingerprint.digest == digest
    assert decode("fingerprint", fingerprint.serialize()) == fingerprint
    with pytest.raises(SdpError, match=f"{algorithm} has {len(digest)} bytes"):
        Fingerprint.parse(Fingerprint.of(algorithm, digest[1:] or b"1").value.join([f"{algorithm} ", ""]))


def test_a_password_does_not_show_in_repr() -> None:
    assert "secret" not in repr(IcePwd("secretsecretsecretsecret"))


def test_numbers_and_texts_convert() -> None:
    assert int(SctpPort(5000)) == 5000
    assert str(Mid("0")) == "0"
    assert Ptime("2.5").milliseconds == 2.5
    assert IceOptions(["trickle"]).trickle and not IceOptions(["ice2"]).trickle

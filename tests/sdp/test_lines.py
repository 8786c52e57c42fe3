"""The fixed lines: what their grammar takes and refuses, and their typed forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sdp import Bandwidth, Connection, MediaLine, Origin, SdpError, Timing
from rtcpy.sdp.lines import CHECKS, MEDIA_ORDER, SESSION_ORDER, check_clean, check_line, check_lines
from tests.sdp.strategies import tokens, words

GOOD = """
v=0
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
o=mozilla...THIS_IS_SDPARTA-99.0 6775026055706200387 0 IN IP4 0.0.0.0
o=- 1 1 IN IP6 2001:db8::1
o=alice 2890844526 2890844526 IN IP4 host.atlanta.example.com
s=-
s=Call to John Smith
s=
s=\u041f\u0440\u0438\u0432\u0435\u0442
i=SDP Offer #1
u=http://www.jdoe.example.com/home.html
e=Jane Doe <jane@jdoe.example.com>
e=j.doe@example.com (Jane Doe)
e=j.doe@example.com
p=+1 617 555-6011
p=+1 617 555-6011 (Jane Doe)
p=Jane Doe <+1 617 555-6011>
c=IN IP4 198.51.100.1
c=IN IP4 233.252.0.1/127/3
c=IN IP6 ff00::db8:0:101/3
b=AS:128
b=X-YZ:0
t=0 0
t=3724394400 3724398000
r=604800 3600 0 90000
r=7d 1h 0 25h
z=3730928400 -1h 3749680800 0
k=prompt
k=clear:secret
k=base64:QUJD
k=uri:http://example.com/key
m=audio 49170 RTP/AVP 0
m=video 49170/2 RTP/AVP 31 32
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
m=application 9 DTLS/SCTP 5000
m=image 54111 udptl t38
a=sendrecv
a=x-unknown:\u2028 anything \t goes
a=fmtp:
x=unknown types pass here and are refused by validate
""".strip("\n").split("\n")

BAD = """
v=1
v=
v=0 0
o=
o=- 1 1 IN IP4
o=- a 1 IN IP4 127.0.0.1
o=- -1 1 IN IP4 127.0.0.1
o=a b 1 1 IN IP4 127.0.0.1
o=- 1 1 IN IP4 127.0.0.1 more
i=
u=
u=http://a b
e=a<b
e=a (b) c
p=(only)
c=IN IP4
c=IN  IP4 192.0.2.1
c=IN IP4 192.0.2.1 more
b=AS
b=AS:
b=AS:1.5
b=:1
t=0
t=0 0 0
t=123 0
r=7d
r=0 1 1
r=7D 1h 0
z=
z=1 1
k=
k=other
k=base64:***
m=audio
m=audio 9
m=audio 9 RTP/AVP
m=audio 65536 RTP/AVP 0
m=audio -1 RTP/AVP 0
m=audio 9/0 RTP/AVP 0
m=audio 9 RTP//AVP 0
m=audio 9 /RTP 0
m=audio 9 RTP/AVP  0
m=audio 9 RTP/AVP 0\x20
m=au dio 9 RTP/AVP 0
a=
a=:value
a=na me
a=na me:value
a=(name)
a= name
=
a
ab
abc=def
 a=b
1=b
\u00e4=b
""".strip("\n").split("\n")


@pytest.mark.parametrize("line", GOOD)
def test_well_formed_lines(line: str) -> None:
    check_line(line)
    check_lines([line], None, "")


@pytest.mark.parametrize("line", ["", *BAD])
def test_malformed_lines(line: str) -> None:
    with pytest.raises(SdpError):
        check_line(line)
    with pytest.raises(SdpError, match=r"line 8, here: "):
        check_lines(["a=first", line], 7, "here")


def test_every_type_letter_has_its_check_and_its_place() -> None:
    assert set(CHECKS) | {"a"} == set(SESSION_ORDER) | set(MEDIA_ORDER)
    assert {line[0] for line in GOOD} >= set(CHECKS)


@pytest.mark.parametrize(
    "character", ["\x00", "\x01", "\x08", "\x0b", "\x0c", "\r", "\n", "\x1b", "\x7f", "\ud800"]
)
def test_what_may_stand_in_no_line(character: str) -> None:
    with pytest.raises(SdpError):
        check_clean(f"s=a{character}b")
    with pytest.raises(SdpError):
        check_lines([f"a=tool:a{character}b"], 1, "session")


@given(st.text())
def test_the_quick_check_of_sections_equals_the_checks_of_lines(text: str) -> None:
    for line in (text, f"a={text}", f"s={text}", f"a=x:{text}"):
        outcomes = []
        for check in (
            lambda line: (check_clean(line), check_line(line)),
            lambda line: check_lines([line], 1, ""),
        ):
            try:
                check(line)
                outcomes.append("")
            except SdpError as error:
                outcomes.append(error.message)
        assert outcomes[0] == outcomes[1]


# Typed forms ------------------------------------------------------------------------------------------


def test_origin() -> None:
    origin = Origin.parse("- 3998114199484975968 2 IN IP4 127.0.0.1")
    assert origin == Origin(3998114199484975968, 2)
    assert origin.serialize() == "- 3998114199484975968 2 IN IP4 127.0.0.1"


def test_media_line() -> None:
    line = MediaLine.parse("video 49170/2 RTP/AVP 31 32")
    assert line == MediaLine("video", 49170, "RTP/AVP", ["31", "32"], 2)
    assert line.serialize() == "video 49170/2 RTP/AVP 31 32"


def test_the_small_ones() -> None:
    assert Connection.parse("IN IP6 ::1") == Connection("::1", "IP6")
    assert Connection().serialize() == "IN IP4 0.0.0.0"
    assert Bandwidth.parse("TIAS:64000") == Bandwidth("TIAS", 64000)
    assert Timing.parse("3724394400 3724398000") == Timing(3724394400, 3724398000)
    assert Timing().serialize() == "0 0"


@given(words, words, tokens, tokens, st.integers(0, 2**64), st.integers(0, 2**64))
def test_origin_survives(username: str, address: str, network: str, kind: str, one: int, two: int) -> None:
    origin = Origin(one, two, username, network, kind, address)
    assert Origin.parse(origin.serialize()) == origin


@pytest.mark.parametrize(
    "value",
    [
        Origin(1, 1, "a\r\nb"),
        Origin(1, 1, "a b"),
        Origin(-1, 1),
        Origin(1, 1, address="x y"),
        Origin(1, 1, address="x\x00"),
        Origin(1, 1, address_type="IP4\n"),
        Origin(1, 1, network_type=""),
        Connection("1.2.3.4\r\na=x"),
        Connection(""),
        Connection("a", "I P"),
        Bandwidth("A S", 1),
        Bandwidth("AS\n", 1),
        Bandwidth("AS", -1),
        Timing(1, 0),
        MediaLine("au dio", 9, "RTP/AVP", ["0"]),
        MediaLine("audio\r\n", 9, "RTP/AVP", ["0"]),
        MediaLine("audio", 65536, "RTP/AVP", ["0"]),
        MediaLine("audio", 9, "RTP//AVP", ["0"]),
        MediaLine("audio", 9, "RTP/AVP", []),
        MediaLine("audio", 9, "RTP/AVP", ["0", ""]),
        MediaLine("audio", 9, "RTP/AVP", ["0\n"]),
        MediaLine("audio", 9, "RTP/AVP", ["0"], 0),
    ],
)
def test_fields_that_cannot_be_written(value: Origin | Connection | Bandwidth | Timing | MediaLine) -> None:
    with pytest.raises(SdpError):
        value.serialize()

"""Session descriptions as trees: every byte in a field, the layer's own rules, and text that is anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import RtcSyntaxError
from rtcpy.explain import Dissector, Explanation, explain
from rtcpy.explain.dissect_sdp import description, is_sdp
from rtcpy.explain.sdp_words import ATTRIBUTES, FLAG_MEANINGS, LINES, Line
from rtcpy.explain.tree import UNREADABLE
from rtcpy.sdp import FLAGS, REGISTRY, SdpError, SessionDescription
from rtcpy.sdp.lines import CHECKS
from rtcpy.stun import Message, MessageClass, Method, short_term_key

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "sdp").rglob("*.sdp"))
CANDIDATE = (
    "candidate:1 1 udp 2113937151 192.0.2.3 45664 typ srflx raddr 0.0.0.0 rport 9 generation 0 ufrag abcd"
)


def tree(data: bytes) -> Explanation:
    """As a description, whatever it is."""
    return Explanation(data, description(data))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_captured_descriptions_are_tiled_and_known(path: Path) -> None:
    data = path.read_bytes()
    found = explain(data.decode())
    assert found.is_tiled and not found.unreadable
    assert found.data == data
    valid = True
    try:
        SessionDescription.parse(data.decode()).validate()
    except SdpError:
        valid = False
    assert valid == (not found.problems), [node.problem for node in found.problems]


def test_leaves_have_words() -> None:
    lines = [line for path in SAMPLES for line in path.read_bytes().splitlines(keepends=True)]
    for line in dict.fromkeys(lines):
        found = tree(line)
        node = found.root.children[0].children[0]
        assert node.meaning and node.rfc, line
        assert b"".join(found.bytes_of(leaf) for leaf in found.leaves()) == line


@given(st.text(st.characters(codec="utf-8")) | st.text("am=:1 /;,\r\n~vos", max_size=80))
def test_any_text_is_tiled(text: str) -> None:
    found = tree(text.encode())
    assert found.is_tiled
    assert str(found) and found._repr_html_() and found.to_json()


@given(st.binary(max_size=80))
def test_any_bytes_are_tiled(data: bytes) -> None:
    assert tree(data).is_tiled
    assert tree(b"v=0\r\n" + data).is_tiled


@given(st.sampled_from(SAMPLES), st.data())
def test_edited_descriptions_are_tiled(path: Path, data: st.DataObject) -> None:
    text = path.read_bytes()
    at = data.draw(st.integers(0, len(text)))
    size = data.draw(st.integers(0, 12))
    edited = text[:at] + data.draw(st.binary(max_size=6)) + text[at + size :]
    assert tree(edited).is_tiled


@given(st.sampled_from(sorted(ATTRIBUTES)), st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_value_of_any_attribute_is_tiled(name: str, value: str) -> None:
    assert tree(f"a={name}:{value}".encode()).is_tiled


def test_every_rule_has_words_for_its_groups() -> None:
    assert set(ATTRIBUTES) == set(REGISTRY) and set(FLAG_MEANINGS) == set(FLAGS)
    assert set(LINES) == set(CHECKS)
    for name, line in [*ATTRIBUTES.items(), *LINES.items()]:
        assert isinstance(line, Line) and line.meaning
        match = re.compile(line.rule.pattern)
        assert len(line.fields) == max(1, match.groups), name


def test_a_candidate_by_itself() -> None:
    found = explain(CANDIDATE)
    assert found.is_tiled and not found.problems
    assert found.find("priority").value == 2113937151
    assert "126 (type)" in found.find("priority").text and "256 − 1" in found.find("priority").text
    assert found.find("related address").value == "0.0.0.0" and found.find("related port").value == 9
    assert found.find("candidate type").value == "srflx"
    assert [node.text for node in found.find_all("name")] == ["generation", "ufrag"]
    assert found.find("ufrag").value == "abcd"


def test_fields_have_the_values_that_the_parser_reads() -> None:
    text = "a=rtpmap:111 opus/48000/2\r\na=extmap:3/recvonly urn:x\r\na=sctp-port:5000\r\n"
    found = explain(text)
    rtpmap, extmap, port = (line.value for line in found.root.children[0].children)
    assert rtpmap == REGISTRY["rtpmap"].parse("111 opus/48000/2")
    assert extmap == REGISTRY["extmap"].parse("3/recvonly urn:x")
    assert found.find("clock rate").value == 48000 and found.find("channels").value == 2
    assert port == REGISTRY["sctp-port"].parse("5000")


def test_formats_are_called_by_their_codecs() -> None:
    text = "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n"
    found = explain(text)
    assert [node.text for node in found.find_all("format")] == [
        "111 (opus/48000/2)",
        "0 (PCMU/8000)",
        "111 (opus/48000/2)",
    ]
    assert found.find("minptime").value == "10"


def test_what_is_not_known_is_said_to_be() -> None:
    found = explain("a=x-new:1\r\n")
    assert (
        "receivers ignore" in found.find("a=x-new").meaning and found.find("a=x-new").rfc == "RFC 8866 §5.13"
    )
    assert not found.problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a=mid:a b", "a=mid does not follow its grammar"),
        ("a=sendrecv:yes", "a=sendrecv has no value"),
        ("a=rtpmap", "a=rtpmap needs a value"),
        ("a=sctp-port:70000", "outside 0..65535"),
        ("m=audio x y", "m= line does not follow its grammar"),
        ("q=1", "SDP has no q= line"),
        ("v=0\r\n\r\ns=-\r\n", "empty line"),
        ("v=0\r\ns=-\r\nt=0 0\r\n", "must be the one o= line"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    found = explain(text)
    assert found.is_tiled
    assert any(problem in node.problem for node in found.problems), found.problems


def test_lines_end_as_they_end() -> None:
    found = explain("v=0\ns=x\r\nt=0 0\ra=b")
    assert [node.text for node in found.find_all("line end")] == ["LF", "CRLF", "CR"]


def test_bytes_that_are_no_utf8_have_their_place() -> None:
    found = tree(b"s=\xff\xc3\xa9x\r\n")
    assert found.is_tiled and found.find("value").value == "\udcffé" + "x"
    assert "\udcff" not in str(found) and "does not follow its grammar" in found.problems[0].problem


def test_the_front_door_tells_text_from_hexadecimal() -> None:
    assert explain("v=0\r\n").root.layer == "sdp" and is_sdp(b"a=mid:0") and not is_sdp(b"\0\1")
    assert explain("  \r\na=mid:0").root.layer == "sdp"
    assert explain("0001").root.layer == "stun"
    with pytest.raises(RtcSyntaxError, match="neither hexadecimal nor SDP"):
        explain("hello")


def test_nothing_of_a_peer_steers_the_terminal() -> None:
    found = tree(b"a=x\x1b[31m:\x1b[0m\r\n\x1b[2J\r\n")
    assert found.is_tiled and "\x1b" not in str(found)


def test_a_description_helps_to_read_the_packets_after_it() -> None:
    session = Dissector()
    password = "0123456789abcdefghijkl"
    session.explain(f"a=ice-pwd:{password}\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n".encode())
    check = Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(short_term_key(password))
    assert session.explain(check).find("MESSAGE-INTEGRITY").text.startswith("matches")
    packet = bytes.fromhex("900000010000000200000003bede000140310000")
    assert session.explain(packet).find("mid").value == b"1"


def test_unreadable_lines_are_leaves() -> None:
    found = explain("v=0\r\nhello\r\n")
    assert found.find(UNREADABLE).value == b"hello"

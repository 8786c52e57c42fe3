"""Candidates in descriptions and on their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sdp import Candidate, SdpError, parse_trickled
from rtcpy.sdp.candidate import TRICKLED_MAX
from rtcpy.sdp.values import AttributeValue
from tests.sdp.samples import trickled
from tests.sdp.strategies import candidates

TRICKLED = list(trickled())

MDNS = (
    "candidate:1 1 udp 2113937151 2d4db18c-1daf-4112-bf16-a24c91b21f54.local 60487 typ host "
    "generation 0 ufrag if4u network-cost 999"
)


def test_there_are_samples_of_browsers() -> None:
    assert {peer for peer, _ in TRICKLED} >= {"chromium-156", "firefox-153"}
    assert sum(text == "" for _, text in TRICKLED) >= 2  # Firefox ends each section


@pytest.mark.parametrize(("peer", "text"), TRICKLED)
def test_captured_candidates_survive(peer: str, text: str) -> None:
    parsed = parse_trickled(text)
    if text == "":
        assert parsed.is_end
    else:
        assert parsed.candidate is not None
        assert parsed.candidate.trickled() == text


def test_chromium() -> None:
    candidate = parse_trickled(MDNS).candidate
    assert candidate is not None
    assert candidate == Candidate(
        "1",
        1,
        "udp",
        2113937151,
        "2d4db18c-1daf-4112-bf16-a24c91b21f54.local",
        60487,
        "host",
        extensions=[("generation", "0"), ("ufrag", "if4u"), ("network-cost", "999")],
    )
    assert candidate.is_name
    assert (candidate.ufrag, candidate.generation, candidate.tcp_type) == ("if4u", 0, None)


def test_firefox_tcp_in_upper_case() -> None:
    candidate = Candidate.parse("1 1 TCP 2105524479 198.51.100.1 9 typ host tcptype active")
    assert (candidate.transport, candidate.protocol, candidate.tcp_type) == ("TCP", "tcp", "active")
    assert not candidate.is_name
    assert candidate.ufrag is None
    assert candidate.serialize() == "1 1 TCP 2105524479 198.51.100.1 9 typ host tcptype active"


def test_reflexive_with_related_address() -> None:
    text = "2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998"
    candidate = Candidate.parse(text)
    assert (candidate.type, candidate.related_address, candidate.related_port) == (
        "srflx",
        "203.0.113.141",
        8998,
    )
    assert candidate.serialize() == text


def test_ipv6_zone_and_unknown_type_and_extension() -> None:
    text = "3 2 udp 1 fe80::1%eth0 1 typ future raddr :: rport 9 x-one 1 x-two"
    candidate = Candidate.parse(text + " v")
    assert (candidate.component, candidate.address, candidate.is_name) == (2, "fe80::1%eth0", False)
    assert candidate.extensions == [("x-one", "1"), ("x-two", "v")]
    with pytest.raises(SdpError, match="name without a value"):
        Candidate.parse(text)


def test_a_blank_at_the_end_is_forgiven() -> None:
    assert Candidate.parse("1 1 udp 1 192.0.2.1 1 typ host ") == Candidate.parse(
        "1 1 udp 1 192.0.2.1 1 typ host"
    )
    assert Candidate.parse("1 1 udp 1 192.0.2.1 1 typ host a b ").extensions == [("a", "b")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1 1 udp 1 192.0.2.1 1",
        "1 1 udp 1 192.0.2.1 1 typ",
        "1 1 udp 1 192.0.2.1 1 host",
        "1 0 udp 1 192.0.2.1 1 typ host",
        "1 257 udp 1 192.0.2.1 1 typ host",
        "1 1 udp 4294967296 192.0.2.1 1 typ host",
        "1 1 udp -1 192.0.2.1 1 typ host",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 1 192.0.2.1 1 typ host rport 65536",
        "1 1 udp 1  1 typ host",
        "1 1 u/dp 1 192.0.2.1 1 typ host",
        "a_b 1 udp 1 192.0.2.1 1 typ host",
        "123456789012345678901234567890123 1 udp 1 192.0.2.1 1 typ host",
        "1 1 udp 1 192.0.2.1 1 typ host a",
        "1 1 udp 1 192.0.2.1 1 typ host  a b",
        "1 1 udp 1 192.0.2.1 1 typ host (a) b",
        "1 1 udp 1 192.0.2.1 1 typ host\ta b",
        " 1 1 udp 1 192.0.2.1 1 typ host",
        "1 1 udp 1 192.0.2.1 1 typ hostraddr 1.2.3.4\x00",
    ],
)
def test_malformed_candidates(text: str) -> None:
    with pytest.raises(SdpError):
        Candidate.parse(text)
    with pytest.raises(SdpError):
        parse_trickled(f"candidate:{text}" if text else "candidate:")


@pytest.mark.parametrize(
    "text", [MDNS, f"a={MDNS}", MDNS.removeprefix("candidate:"), f"{MDNS}\r\n", f"a={MDNS}\n"]
)
def test_forms_in_which_candidates_travel(text: str) -> None:
    assert parse_trickled(text) == parse_trickled(MDNS)


@pytest.mark.parametrize("text", ["", "end-of-candidates", "a=end-of-candidates", "a=end-of-candidates\r\n"])
def test_forms_of_the_end(text: str) -> None:
    assert parse_trickled(text).is_end


@pytest.mark.parametrize(
    "text", [" ", "null", "candidate", "a=mid:0", "\r\n\r\n", MDNS + "\r\na=x", MDNS + "\x00"]
)
def test_other_text_is_no_candidate(text: str) -> None:
    with pytest.raises(SdpError):
        parse_trickled(text)


def test_trickled_text_has_a_limit() -> None:
    with pytest.raises(SdpError, match=f"longer than {TRICKLED_MAX}"):
        parse_trickled(MDNS + " a b" * TRICKLED_MAX)
    long = MDNS + " a b" * 1000
    parsed = parse_trickled(long)
    assert parsed.candidate is not None
    assert len(parsed.candidate.extensions) == 1003


@given(candidates)
def test_candidates_survive_the_journey(candidate: Candidate) -> None:
    assert parse_trickled(candidate.trickled()).candidate == candidate
    assert parse_trickled(candidate.line()).candidate == candidate


_WORDS = st.sampled_from(
    ["host", "raddr", "rport", "typ", "1", "a b", "x raddr", " ", "", "1 2 3", "é", "\t"]
)


@given(
    st.builds(
        Candidate,
        foundation=_WORDS | st.just("1"),
        component=st.integers(0, 257),
        transport=_WORDS | st.just("udp"),
        priority=st.integers(-1, 2**32),
        address=_WORDS | st.just("::1"),
        port=st.integers(-1, 65536),
        type=_WORDS | st.just("host"),
        related_address=st.none() | _WORDS,
        related_port=st.none() | st.integers(-1, 65536),
        extensions=st.lists(st.tuples(_WORDS, _WORDS), max_size=3),
    )
)
def test_what_is_not_read_again_would_be_read_as_it_was(candidate: Candidate) -> None:
    def outcome(line: Callable[[], str]) -> str | None:
        try:
            return line()
        except SdpError:
            return None

    assert outcome(candidate.line) == outcome(lambda: AttributeValue.line(candidate))


@given(candidates, st.data())
def test_every_truncation_is_read_or_refused(candidate: Candidate, data: st.DataObject) -> None:
    text = candidate.trickled()
    for end in range(len(text)):
        try:
            parsed = parse_trickled(text[:end]).candidate
        except SdpError:
            continue
        assert (parsed is None) == (end == 0)


@given(st.text())
def test_any_text(text: str) -> None:
    for form in (text, f"candidate:{text}", f"candidate:1 1 udp 1 {text}"):
        try:
            parsed = parse_trickled(form)
        except SdpError:
            continue
        if parsed.candidate is not None:  # then it can be written, and read the same
            assert parse_trickled(parsed.candidate.trickled()) == parsed


@pytest.mark.parametrize("generation", ["x", "\u0661", "1" * 20, ""])
def test_a_strange_generation_is_none(generation: str) -> None:
    assert (
        Candidate("1", 1, "udp", 1, "h", 1, "host", extensions=[("generation", generation)]).generation
        is None
    )

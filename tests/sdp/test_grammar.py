"""Rules of the grammar: addresses, digits, linear shapes, and what the error says."""

from __future__ import annotations

import ipaddress
import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parse  # type: ignore[attr-defined]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import WireError
from rtcpy.sdp import attributes, candidate, grammar, lines, media_attributes, transport_attributes
from rtcpy.sdp.grammar import DIGITS_MAX, Rule, SdpError, integer, is_fqdn, is_ip4, is_ip6, shorten
from tests.profile import scale


def all_rules() -> dict[str, Rule]:
    """Every Rule of the package, by module and name."""
    found: dict[str, Rule] = {}
    for module in (attributes, candidate, lines, media_attributes, transport_attributes):
        for name, value in vars(module).items():
            if isinstance(value, Rule):
                found[f"{module.__name__}.{name}"] = value
            if isinstance(value, type):
                for inner, rule in vars(value).items():
                    if isinstance(rule, Rule):
                        found[f"{value.__name__}.{inner}"] = rule
    return found


RULES = all_rules()


def test_all_rules_are_found_and_each_names_its_document() -> None:
    assert len(RULES) > 60
    for name, rule in RULES.items():
        assert re.match(r"RFC \d{4,5} §|draft-|observed from", rule.rfc), name


# Linear time -------------------------------------------------------------------------------------------

UNBOUNDED = 64  # a repeat of more than this counts as unbounded: {1,256} over {1,256} would be just as bad


def unbounded_repeats_nest(tree: object, inside: bool = False) -> bool:
    """Does a long repeat stand inside another long repeat?"""
    for op, argument in tree:  # type: ignore[attr-defined]
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            long = argument[1] > UNBOUNDED
            if long and inside:
                return True
            if unbounded_repeats_nest(argument[2], inside or long):
                return True
        elif op is sre.SUBPATTERN:
            if unbounded_repeats_nest(argument[3], inside):
                return True
        elif op is sre.BRANCH:
            if any(unbounded_repeats_nest(branch, inside) for branch in argument[1]):
                return True
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            if unbounded_repeats_nest(argument[1], inside):
                return True
    return False


def test_the_check_for_nested_repeats_sees_them() -> None:
    assert unbounded_repeats_nest(sre_parse.parse("(?:a+)+"))
    assert unbounded_repeats_nest(sre_parse.parse("x(a|(b*c)*)"))
    assert not unbounded_repeats_nest(sre_parse.parse("(?:a{1,3})+b*"))


NESTED_WITH_DELIMITER = {
    "Group.RULE",
    "MsidSemantic.RULE",
    "MediaLine.RULE",
}
"""Rules with ``(?: WORD+)*``, whose words cannot contain the blank before them: only one way to match."""


@pytest.mark.parametrize("name", sorted(RULES))
def test_no_rule_nests_repeats(name: str) -> None:
    assert unbounded_repeats_nest(sre_parse.parse(RULES[name].pattern)) == (name in NESTED_WITH_DELIMITER)


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_finishes_on_long_hostile_input(name: str) -> None:
    # A quadratic rule would need 10**10 steps for one of these; there is no clock here, only the end.
    match = RULES[name].match
    starts = ["", "0 ", "a ", "1 send ", "x:", "1 1 udp 1 h 1 typ host ", "send ", "audio 9 a "]
    starts = starts[: scale(dev=2, ci=5, thorough=8)]
    units = ["0", "a ", ",", " ", ":", "a", "=", "/", ";", "0 ", "a,", "a/", "A:", "\u0660", "(", "<"]
    units = units[: scale(dev=4, ci=8, thorough=16)]
    refused = 0
    for start in starts:
        for unit in units:
            try:
                match(start + unit * (100_000 // len(unit)) + "\x00")
            except SdpError:
                refused += 1
    assert refused == len(starts) * len(units)  # no rule lets NUL pass


# Digits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digit", ["\u0661", "\u0967", "\uff11", "\u00b2"])
def test_digits_of_other_scripts_are_no_digits(digit: str) -> None:
    for kind, value in [
        (attributes.Rtpmap, f"{digit} VP8/90000"),
        (attributes.Rtpmap, f"96 VP8/9000{digit}"),
        (attributes.SctpPort, f"500{digit}"),
        (attributes.Ssrc, f"{digit} cname:x"),
        (attributes.Candidate, f"1 1 udp {digit} 192.0.2.1 1 typ host"),
        (attributes.Candidate, f"1 1 udp 1 192.0.2.1 {digit} typ host"),
        (lines.Origin, f"- {digit} 1 IN IP4 127.0.0.1"),
        (lines.MediaLine, f"audio {digit} RTP/AVP 0"),
    ]:
        with pytest.raises(SdpError):
            kind.parse(value)


def test_numbers_have_an_end() -> None:
    lines.Origin.parse(f"- {'9' * DIGITS_MAX} 1 IN IP4 127.0.0.1")
    with pytest.raises(SdpError):
        lines.Origin.parse(f"- {'9' * (DIGITS_MAX + 1)} 1 IN IP4 127.0.0.1")
    with pytest.raises(SdpError):
        integer("9" * 5000, 0, 10**50, "number", "RFC")  # int() itself would raise ValueError


@pytest.mark.parametrize(("text", "fits"), [("0", True), ("65535", True), ("65536", False), ("00080", True)])
def test_integer_keeps_to_its_range(text: str, fits: bool) -> None:
    if fits:
        assert integer(text, 0, 65535, "port", "RFC 8866 §9") == int(text)
    else:
        with pytest.raises(SdpError, match=r"port is outside 0\.\.65535: found '65536' \(RFC 8866 §9\)"):
            integer(text, 0, 65535, "port", "RFC 8866 §9")


# Addresses ---------------------------------------------------------------------------------------------


def stdlib_accepts(kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


@given(st.ip_addresses())
def test_real_addresses_are_recognized(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    forms = [str(address), address.exploded, address.compressed]
    for form in forms:
        assert is_ip4(form) == (address.version == 4)
        assert is_ip6(form) == (address.version == 6)


@given(st.text("0123456789.", max_size=17))
def test_ip4_agrees_with_the_standard_library(text: str) -> None:
    assert is_ip4(text) == stdlib_accepts(ipaddress.IPv4Address, text)


@given(st.text("0af:.", max_size=24) | st.from_regex(r"[0-9a-f:]{2,39}", fullmatch=True))
def test_ip6_agrees_with_the_standard_library(text: str) -> None:
    assert is_ip6(text) == stdlib_accepts(ipaddress.IPv6Address, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::", True),
        ("::1", True),
        ("1::", True),
        ("::ffff:192.0.2.1", True),
        ("64:ff9b::192.0.2.33", True),
        ("1:2:3:4:5:6:7:8", True),
        ("1:2:3:4:5:6:7::", True),
        ("fe80::1%eth0", True),
        ("fe80::1%", False),
        ("1:2:3:4:5:6:7:8:9", False),
        ("1::2::3", False),
        (":::", False),
        ("12345::", False),
        ("[::1]", False),
        ("::\u0661", False),
        ("", False),
    ],
)
def test_ip6_forms(text: str, expected: bool) -> None:
    assert is_ip6(text) == expected


def test_names() -> None:
    assert is_fqdn("2d4db18c-1daf-4112-bf16-a24c91b21f54.local")
    assert is_fqdn("192.0.2.1")  # the grammar's FQDN has no way to say it is none
    assert not is_fqdn("a.b")
    assert not is_fqdn("fe80::1")


# The error ---------------------------------------------------------------------------------------------


def test_the_error_says_where_what_and_why() -> None:
    error = SdpError("a=mid does not follow its grammar", rfc="RFC 5888 §4", value="a b").at(12, "m=audio")
    assert isinstance(error, WireError)
    assert str(error) == "line 12, m=audio: a=mid does not follow its grammar: found 'a b' (RFC 5888 §4)"
    assert (error.line, error.offset, error.section, error.value) == (12, 12, "m=audio", "a b")
    assert error.at(99, "elsewhere").line == 12  # the first to know the place is right
    assert str(SdpError("no place known")) == "no place known"


def test_messages_are_short_and_printable() -> None:
    text = str(SdpError("bad", value="\x1b[31m" + "x" * 100_000))
    assert len(text) < 200
    assert "\x1b" not in text
    assert "(100005 characters)" in text
    assert shorten("\u202e") == "'\\u202e'"
    assert shorten(7) == "7"


def test_check_refuses_control_characters_that_the_pattern_would_take() -> None:
    rule = Rule("x", grammar.BYTE_STRING, "RFC 8866 §9")
    assert rule.check("a\tb") == "a\tb"
    for character in "\x00\x01\x0b\x0c\x1b\x7f\r\n":
        with pytest.raises(SdpError):
            rule.check(f"a{character}b")

"""Candidates: the formulas of RFC 8445 §5.1, the mix of RFC 8421, and which addresses are refused."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address
from rtcpy.ice.candidate import (
    ICE_CHARACTERS,
    Candidate,
    CandidateType,
    Foundations,
    IceCredentials,
    LocalAddress,
    candidate_priority,
    canonical,
    default_candidate,
    local_preferences,
    may_pair,
    pair_priority,
    unusable_reason,
)

priorities = st.integers(1, 2**31 - 1)


@pytest.mark.parametrize(
    ("type", "local_preference", "component", "expected"),
    [
        (CandidateType.HOST, 65535, 1, 2130706431),  # RFC 8445 §15, figure of agent L
        (CandidateType.SERVER_REFLEXIVE, 65535, 1, 1694498815),
        (CandidateType.PEER_REFLEXIVE, 65535, 1, 1862270975),
        (CandidateType.RELAYED, 65535, 1, 16777215),
        (CandidateType.HOST, 60000, 1, 2129289471),  # first line of the list in RFC 8421 §5
        (CandidateType.HOST, 60000, 2, 2129289470),
        (CandidateType.HOST, 0, 256, 126 << 24),
    ],
)
def test_candidate_priority(
    type: CandidateType, local_preference: int, component: int, expected: int
) -> None:
    assert candidate_priority(type, local_preference, component) == expected


def test_type_outranks_everything_else() -> None:
    types = [
        CandidateType.HOST,
        CandidateType.PEER_REFLEXIVE,
        CandidateType.SERVER_REFLEXIVE,
        CandidateType.RELAYED,
    ]
    worst = [candidate_priority(type, 0, 256) for type in types]
    best = [candidate_priority(type, 65535, 1) for type in types]
    assert all(low > high for low, high in zip(worst, best[1:], strict=False))


@given(priorities, priorities)
def test_pair_priority_is_the_formula(g: int, d: int) -> None:
    assert pair_priority(g, d) == 2**32 * min(g, d) + 2 * max(g, d) + (1 if g > d else 0)


@given(priorities, priorities, priorities, priorities)
def test_the_weaker_candidate_decides(g: int, d: int, g2: int, d2: int) -> None:
    if min(g, d) > min(g2, d2):
        assert pair_priority(g, d) > pair_priority(g2, d2)


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), max_size=30))
def test_local_preferences_are_unique_and_follow_the_driver(entries: list[tuple[bool, int]]) -> None:
    addresses = [
        LocalAddress(Address(f"2001:db8::{i + 1:x}" if six else f"10.0.0.{i + 1}", 1), preference=preference)
        for i, (six, preference) in enumerate(entries)
    ]
    out = local_preferences(addresses)
    assert len(set(out)) == len(out) == len(addresses)
    assert all(0 <= preference <= 65535 for preference in out)
    if out:
        assert max(out) == 65535
    for i, (six, preference) in enumerate(entries):
        for j, (six2, preference2) in enumerate(entries):
            if six == six2 and preference > preference2:
                assert out[i] > out[j]


def test_families_are_mixed() -> None:
    """RFC 8421 §4: with two IPv4 and six IPv6 addresses an IPv4 one comes early, not behind all IPv6."""
    addresses = [LocalAddress(Address(f"10.0.0.{i}", 1)) for i in (1, 2)]
    addresses += [LocalAddress(Address(f"2001:db8::{i}", 1)) for i in range(1, 7)]
    ranked = sorted(zip(local_preferences(addresses), addresses, strict=True), key=lambda item: -item[0])
    families = ["6" if ":" in entry.address.host else "4" for _, entry in ranked]
    assert "".join(families) == "66646664"


def test_foundations_follow_type_base_server_and_transport() -> None:
    """RFC 8445 §5.1.1.3, each of the four conditions alone."""
    foundations = Foundations()
    first = foundations.of(CandidateType.SERVER_REFLEXIVE, "10.0.0.1", "192.0.2.1", "udp")
    assert foundations.of(CandidateType.SERVER_REFLEXIVE, "10.0.0.1", "192.0.2.1", "udp") == first
    others = [
        foundations.of(CandidateType.HOST, "10.0.0.1", "192.0.2.1", "udp"),
        foundations.of(CandidateType.SERVER_REFLEXIVE, "10.0.0.2", "192.0.2.1", "udp"),
        foundations.of(CandidateType.SERVER_REFLEXIVE, "10.0.0.1", "192.0.2.2", "udp"),
        foundations.of(CandidateType.SERVER_REFLEXIVE, "10.0.0.1", "192.0.2.1", "tcp"),
    ]
    assert len({first, *others}) == 5
    assert all(len(name) <= 32 and set(name) <= set(ICE_CHARACTERS) for name in [first, *others])


def test_credentials_are_long_enough_and_seeded() -> None:
    own = IceCredentials.generate(SeededEntropy(1))
    assert len(own.ufrag) >= 4 and len(own.pwd) >= 22
    assert set(own.ufrag + own.pwd) <= set(ICE_CHARACTERS)
    assert own == IceCredentials.generate(SeededEntropy(1)) != IceCredentials.generate(SeededEntropy(2))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (Address("192.0.2.1", 5000), None),
        (Address("10.1.2.3", 1), None),
        (Address("2001:db8::1", 65535), None),
        (Address("fe80::1", 4000), None),
        (Address("169.254.3.4", 4000), None),
        (Address("192.0.2.1", 0), "port 0"),
        (Address("192.0.2.1", 65536), "port 0"),
        (Address("0.0.0.0", 5000), "unspecified address"),
        (Address("0.1.2.3", 5000), "unspecified address"),
        (Address("::", 5000), "unspecified address"),
        (Address("224.0.0.251", 5353), "multicast address"),
        (Address("ff02::fb", 5353), "multicast address"),
        (Address("255.255.255.255", 5000), "broadcast or reserved address"),
        (Address("240.0.0.1", 5000), "broadcast or reserved address"),
        (Address("127.0.0.1", 5000), "loopback address"),
        (Address("127.8.8.8", 5000), "loopback address"),
        (Address("::1", 5000), "loopback address"),
        (Address("::ffff:127.0.0.1", 5000), "IPv4 address in IPv6 form"),
        (Address("::ffff:192.0.2.1", 5000), "IPv4 address in IPv6 form"),
        (Address("::192.0.2.1", 5000), "IPv4 address in IPv6 form"),
        (Address("fec0::1", 5000), "deprecated site-local address"),
        (Address("e8b4c8aa-0000.local", 5000), "mDNS names are not resolved"),
        (Address("HOST.LOCAL.", 5000), "mDNS names are not resolved"),
        (Address("example.org", 5000), "not an IP address"),
        (Address("", 5000), "not an IP address"),
        (Address("1.2.3", 5000), "not an IP address"),
    ],
)
def test_unusable_addresses(address: Address, reason: str | None) -> None:
    assert unusable_reason(address, allow_loopback=False) == reason


def test_loopback_can_be_allowed() -> None:
    assert unusable_reason(Address("127.0.0.1", 1), allow_loopback=True) is None
    assert unusable_reason(Address("::1", 1), allow_loopback=True) is None


@given(st.text(max_size=20), st.integers(-5, 70000))
def test_any_text_is_judged_without_error(host: str, port: int) -> None:
    reason = unusable_reason(Address(host, port), allow_loopback=False)
    assert reason is None or reason
    canonical(Address(host, port))


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ("10.0.0.1", "192.0.2.1", True),
        ("10.0.0.1", "2001:db8::1", False),
        ("2001:db8::2", "2001:db8::1", True),
        ("fe80::1", "fe80::2", True),
        ("fe80::1", "2001:db8::1", False),
        ("2001:db8::1", "fe80::1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("::1", "2001:db8::1", False),
    ],
)
def test_may_pair(local: str, remote: str, expected: bool) -> None:
    assert may_pair(ipaddress.ip_address(local), ipaddress.ip_address(remote)) is expected


def test_canonical() -> None:
    assert canonical(Address("2001:DB8:0:0::1", 7)) == Address("2001:db8::1", 7)
    assert canonical(Address("fe80::1%eth0", 7)) == Address("fe80::1", 7)
    assert canonical(Address("name.local", 7)) == Address("name.local", 7)


def candidate(type: CandidateType, address: str, priority: int = 1, **changes: object) -> Candidate:
    values: dict[str, object] = {"component": 1, "transport": "udp", **changes}
    return Candidate(
        foundation="1",
        priority=priority,
        address=address,
        port=1,
        type=type,
        **values,  # type: ignore[arg-type]
    )


def test_default_candidate_prefers_what_works_for_strangers() -> None:
    local = candidate(CandidateType.HOST, "10.0.0.1", 9)
    reflexive = candidate(CandidateType.SERVER_REFLEXIVE, "192.0.2.1", 5)
    relayed = candidate(CandidateType.RELAYED, "198.51.100.1", 1)
    six = candidate(CandidateType.HOST, "2001:db8::1", 99)
    assert default_candidate([local, reflexive, relayed]) is relayed
    assert default_candidate([local, reflexive]) is reflexive
    assert default_candidate([six, local]) is local
    assert default_candidate([six]) is six
    assert default_candidate([candidate(CandidateType.HOST, "fe80::1", 99), six]) is six
    assert default_candidate([candidate(CandidateType.HOST, "10.0.0.1", transport="tcp")]) is None
    assert default_candidate([]) is None

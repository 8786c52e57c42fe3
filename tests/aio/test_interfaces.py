from __future__ import annotations

import pytest

from rtcpy.aio.interfaces import (
    MAX_LOCAL_ADDRESSES,
    NetworkAddress,
    admits_loopback,
    choose_addresses,
    list_addresses,
)

LO4, LO6 = NetworkAddress("lo", "127.0.0.1", 8), NetworkAddress("lo", "::1", 128)
ETH4 = NetworkAddress("eth0", "198.51.100.1", 24)
ETH6 = NetworkAddress("eth0", "2001:db8::1", 64)
ETH_LINK = NetworkAddress("eth0", "fe80::1%eth0", 64)
LINK_ONLY = NetworkAddress("eth1", "fe80::2%eth1", 64)
ALL = [LO4, LO6, ETH4, ETH6, ETH_LINK, LINK_ONLY]


def test_by_default_loopback_is_left_out_as_browsers_do() -> None:
    assert choose_addresses(ALL, None) == [ETH4, ETH6, LINK_ONLY]
    assert choose_addresses([LO4, LO6], None) == []


def test_a_choice_by_name_is_obeyed_loopback_included() -> None:
    assert choose_addresses(ALL, ["lo"]) == [LO4, LO6]
    assert choose_addresses(ALL, ["eth0", "lo"]) == [LO4, LO6, ETH4, ETH6]
    assert choose_addresses(ALL, ["nothing"]) == []
    assert choose_addresses(ALL, []) == []


def test_a_function_is_asked_about_every_address() -> None:
    assert choose_addresses(ALL, lambda a: a.ip.version == 4) == [LO4, ETH4]
    assert choose_addresses(ALL, lambda a: a.prefix_length == 128) == [LO6]


def test_link_local_ipv6_only_where_there_is_nothing_else() -> None:
    assert choose_addresses([ETH_LINK], None) == [ETH_LINK]
    assert choose_addresses([ETH_LINK, ETH4], None) == [ETH4]


@pytest.mark.parametrize(
    "host", ["fec0::1", "::198.51.100.1", "::ffff:198.51.100.1", "::", "0.0.0.0", "224.0.0.1", "ff02::1"]
)
def test_what_rfc_8445_forbids_is_never_used(host: str) -> None:
    assert choose_addresses([NetworkAddress("eth0", host, 64)], ["eth0"]) == []


def test_a_host_with_very_many_addresses_gets_its_first_ones() -> None:
    many = [NetworkAddress("eth0", f"10.0.{i // 250}.{i % 250 + 1}", 16) for i in range(500)]
    assert choose_addresses(many, None) == many[:MAX_LOCAL_ADDRESSES]


def test_the_system_lists_loopback_with_literals_that_parse() -> None:
    found = list_addresses()
    assert any(a.ip.is_loopback for a in found)
    assert all(a.interface and 0 <= a.prefix_length <= 128 for a in found)


def test_only_a_choice_that_lets_loopback_in_lets_the_peers_loopback_in() -> None:
    assert admits_loopback(["lo"])
    assert admits_loopback(lambda a: a.ip.is_loopback)
    assert not admits_loopback(None)
    assert not admits_loopback(["eth0"])
    assert not admits_loopback(lambda a: a.interface == "eth0")

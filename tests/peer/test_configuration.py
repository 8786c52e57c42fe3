"""Server URLs and what may be changed: W3C webrtc §4.4.1.5."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import InvalidAccessError, InvalidModificationError, RtcSyntaxError
from rtcpy.dtls import Certificate
from rtcpy.peer.configuration import (
    MAX_ICE_SERVERS,
    BundlePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    check_update,
    copy_configuration,
    parse_server_url,
    server_endpoints,
)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "transport"),
    [
        ("stun:stun.example.org", "stun", "stun.example.org", 3478, "udp"),
        ("STUN:192.0.2.1:19302", "stun", "192.0.2.1", 19302, "udp"),
        ("stun:[2001:db8::1]:5000", "stun", "2001:db8::1", 5000, "udp"),
        ("stuns:stun.example.org", "stuns", "stun.example.org", 5349, "tcp"),
        ("turn:turn.example.org", "turn", "turn.example.org", 3478, "udp"),
        ("turn:turn.example.org:443?transport=tcp", "turn", "turn.example.org", 443, "tcp"),
        ("turns:turn.example.org?transport=udp", "turns", "turn.example.org", 5349, "udp"),
    ],
)
def test_good_urls(url: str, scheme: str, host: str, port: int, transport: str) -> None:
    endpoint = parse_server_url(url, username="user", credential="secret")
    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.transport) == (
        scheme,
        host,
        port,
        transport,
    )
    assert endpoint.url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stun",
        "stun:",
        "http:example.org",
        "stun://example.org",
        "stun:example.org/path",
        "stun:user@example.org",
        "stun:example.org?transport=udp",
        "stun:example.org#x",
        "stun:example.org:",
        "stun:example.org:0",
        "stun:example.org:65536",
        "stun:example.org:12a",
        "stun:example.org:１２",
        "stun:example.org 1",
        "stun:[2001:db8::1",
        "turn:example.org?transport=sctp",
        "turn:example.org?x=y",
        "turn:example.org?transport=udp#x",
    ],
)
def test_bad_urls(url: str) -> None:
    with pytest.raises(RtcSyntaxError):
        parse_server_url(url, username="user", credential="secret")


@pytest.mark.parametrize(("username", "credential"), [(None, None), ("user", None), (None, "secret")])
def test_turn_needs_both_credentials(username: str | None, credential: str | None) -> None:
    with pytest.raises(InvalidAccessError):
        parse_server_url("turn:example.org", username=username, credential=credential)


def test_a_server_without_urls_is_refused() -> None:
    with pytest.raises(RtcSyntaxError):
        server_endpoints([IceServer(urls=[])])


def test_servers_are_flattened_and_limited() -> None:
    many = [IceServer(urls=["stun:a.example", "stun:b.example"]) for _ in range(100)]
    assert len(server_endpoints(many)) == 2 * MAX_ICE_SERVERS


def test_a_copy_is_not_reached_by_later_changes() -> None:
    original = PeerConfiguration(ice_servers=[IceServer(urls="stun:a.example")])
    copy = copy_configuration(original)
    original.ice_servers[0].urls = "stun:b.example"
    original.ice_servers.append(IceServer(urls="stun:c.example"))
    assert [s.urls for s in copy.ice_servers] == ["stun:a.example"]


def test_plain_strings_become_enums() -> None:
    made = copy_configuration(PeerConfiguration(ice_transport_policy="relay", bundle_policy="max-bundle"))  # type: ignore[arg-type]
    assert made.ice_transport_policy is IceTransportPolicy.RELAY
    assert made.bundle_policy is BundlePolicy.MAX_BUNDLE


CERTIFICATE = Certificate.generate(SeededEntropy(1), FixedClock())


@pytest.mark.parametrize(
    "changed",
    [
        {"certificates": [CERTIFICATE]},
        {"bundle_policy": BundlePolicy.MAX_BUNDLE},
        {"max_message_size": 1000},
        {"path_mtu": 1200},
    ],
)
def test_what_cannot_be_changed(changed: dict[str, object]) -> None:
    old = PeerConfiguration()
    with pytest.raises(InvalidModificationError):
        check_update(old, replace(old, **changed), gathering_started=False)  # type: ignore[arg-type]


def test_the_pool_size_can_be_changed_until_gathering_began() -> None:
    old = PeerConfiguration()
    new = replace(old, ice_candidate_pool_size=2)
    check_update(old, new, gathering_started=False)
    with pytest.raises(InvalidModificationError):
        check_update(old, new, gathering_started=True)


def test_servers_and_policy_can_be_changed() -> None:
    old = PeerConfiguration()
    new = replace(
        old, ice_servers=[IceServer(urls="stun:a.example")], ice_transport_policy=IceTransportPolicy.RELAY
    )
    check_update(old, new, gathering_started=True)

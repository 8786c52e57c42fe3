from __future__ import annotations

from typing import Any

import pytest

from rtcpy.aio.configuration import Configuration, check_fixed, to_peer_configuration
from rtcpy.core.env import SystemEntropy
from rtcpy.core.errors import (
    InvalidAccessError,
    InvalidModificationError,
    NotSupportedError,
    RtcRangeError,
    RtcSyntaxError,
)
from rtcpy.core.tap import Tap
from rtcpy.peer import BundlePolicy, IceServer, IceTransportPolicy


def test_the_defaults_are_those_of_w3c() -> None:
    settings = to_peer_configuration(Configuration())
    assert settings.ice_servers == []
    assert settings.ice_transport_policy is IceTransportPolicy.ALL
    assert settings.bundle_policy is BundlePolicy.BALANCED
    assert settings.certificates == []
    assert settings.ice_candidate_pool_size == 0


def test_strings_become_enums() -> None:
    settings = to_peer_configuration(
        Configuration(ice_transport_policy="relay", bundle_policy="max-bundle", rtcp_mux_policy="require")
    )
    assert settings.ice_transport_policy is IceTransportPolicy.RELAY
    assert settings.bundle_policy is BundlePolicy.MAX_BUNDLE


def test_servers_of_all_schemes_are_taken() -> None:
    turn = IceServer(["turn:t.example?transport=udp", "turns:t.example"], username="u", credential="p")
    to_peer_configuration(Configuration(ice_servers=[IceServer("stun:127.0.0.1:3478"), turn]))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"ice_servers": ["stun:a"]}, TypeError, 'rtcpy.IceServer\\(urls="stun:host:port"\\)'),
        ({"ice_servers": [IceServer("http://a")]}, RtcSyntaxError, "stun, stuns, turn, turns"),
        ({"ice_servers": [IceServer([])]}, RtcSyntaxError, "no URL"),
        ({"ice_servers": [IceServer("turn:a")]}, InvalidAccessError, "username and credential"),
        ({"ice_transport_policy": "none"}, TypeError, "'all', 'relay'"),
        ({"bundle_policy": 3}, TypeError, "'balanced', 'max-compat', 'max-bundle'"),
        ({"rtcp_mux_policy": "negotiate"}, TypeError, "'require'"),
        ({"certificates": ["pem"]}, TypeError, "rtcpy.Certificate"),
        ({"ice_candidate_pool_size": 256}, RtcRangeError, "0…255"),
        ({"ice_candidate_pool_size": True}, TypeError, "integer"),
        ({"max_message_size": -1}, RtcRangeError, "max_message_size is -1"),
        ({"path_mtu": 100}, RtcRangeError, "576…65507"),
        ({"path_mtu": 1200.0}, TypeError, "integer"),
        ({"network_interfaces": "lo"}, TypeError, "\\['lo'\\]"),
        ({"network_interfaces": [1]}, TypeError, "interface names or a function"),
        ({"dtls_versions": "1.2"}, TypeError, "non-empty list"),
        ({"dtls_versions": []}, TypeError, "non-empty list"),
        ({"dtls_versions": ["1.1"]}, NotSupportedError, "DTLS '1.1'"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        to_peer_configuration(Configuration(**options))


def test_something_else_than_a_configuration_is_refused() -> None:
    with pytest.raises(TypeError, match=r"rtcpy\.Configuration, got dict"):
        to_peer_configuration({})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"tap": Tap()}, {"entropy": SystemEntropy()}, {"dtls_versions": ["1.2", "1.2"]}]
)
def test_what_a_connection_was_built_with_stays(options: dict[str, Any]) -> None:
    old = Configuration()
    check_fixed(old, Configuration(path_mtu=1200))
    with pytest.raises(InvalidModificationError):
        check_fixed(old, Configuration(**options))

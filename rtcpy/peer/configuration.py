"""What an application may set on a connection, and the checks that W3C asks of it.

Owns `PeerConfiguration`, `IceServer` and the validation of server URLs. Resolving a host name is I/O and is
the driver's (`rtcpy.aio`); it gets `ServerEndpoint`s from `rtcpy.peer.events.GatheringNeeded`.

Specs: W3C webrtc §4.2, §4.4.1.5; RFC 7064 (stun: URIs), RFC 7065 (turn: URIs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rtcpy.core.errors import InvalidAccessError, InvalidModificationError, RtcSyntaxError
from rtcpy.dtls import Certificate, DtlsConfig
from rtcpy.ice import IceConfig
from rtcpy.sctp import SctpConfig

MAX_ICE_SERVERS = 32
"""Servers beyond this many are cut off: each costs requests from every local address (W3C webrtc §4.4.1.5 step 5)."""

DEFAULT_STUN_PORT = 3478  # RFC 8489 §18.6
DEFAULT_STUNS_PORT = 5349  # RFC 8489 §18.6
DEFAULT_MAX_MESSAGE_SIZE = 262_144
"""**Bytes** of the largest message we take; what Chromium says too. Goes into a=max-message-size (RFC 8841 §6)."""


class IceTransportPolicy(StrEnum):
    """Which candidates may be used. Spec: W3C webrtc §4.2.3."""

    ALL = "all"
    RELAY = "relay"


class BundlePolicy(StrEnum):
    """How to offer sections to a peer that may not bundle. Spec: W3C webrtc §4.2.4, RFC 9429 §4.1.1."""

    BALANCED = "balanced"
    MAX_COMPAT = "max-compat"
    MAX_BUNDLE = "max-bundle"


class RtcpMuxPolicy(StrEnum):
    """RTCP always shares the port of RTP here. Spec: W3C webrtc §4.2.5."""

    REQUIRE = "require"


@dataclass(slots=True)
class IceServer:
    """A STUN or TURN server. Spec: W3C webrtc §4.2.2.

    Args:
        urls: one URL or several, e.g. ``"stun:stun.example.org:3478"``.
        username: for TURN.
        credential: the password, for TURN.
    """

    urls: str | list[str] | tuple[str, ...]
    username: str | None = None
    credential: str | None = None


@dataclass(slots=True, frozen=True)
class ServerEndpoint:
    """One validated server URL, taken apart: what a driver resolves.

    Args:
        url: as configured; identifies the server in events.
        scheme: ``stun``, ``stuns``, ``turn`` or ``turns``.
        host: name or IP literal (IPv6 without brackets).
        port: explicit or the scheme's default.
        transport: ``udp`` or ``tcp``.
        username: for TURN.
        credential: for TURN.
    """

    url: str
    scheme: str
    host: str
    port: int
    transport: str = "udp"
    username: str | None = None
    credential: str | None = None


@dataclass(slots=True)
class PeerConfiguration:
    """The W3C configuration of a connection and a few settings of ours. Spec: W3C webrtc §4.2.1.

    Args:
        ice_servers: asked for server-reflexive (and, with TURN, relayed) candidates.
        ice_transport_policy: ``relay`` hides every other candidate.
        bundle_policy: matters only with media sections.
        rtcp_mux_policy: only ``require``.
        certificates: own DTLS certificates; empty: one ECDSA P-256 certificate is made. The first is used.
        ice_candidate_pool_size: accepted and kept; candidates are gathered when a description is set.
        max_message_size: **bytes** of the largest message that we take, announced in SDP; 0 is no limit.
        path_mtu: **bytes** of UDP payload for good; `None`: path MTU discovery from 1,200 upwards.
        ice: settings of the ICE agent, such as `allow_loopback`; `ice_transport_policy` above overrides its policy.
        dtls: settings of DTLS.
        sctp: settings of SCTP; ports and message sizes come from SDP, the path MTU from `path_mtu`.
    """

    ice_servers: list[IceServer] = field(default_factory=list)
    ice_transport_policy: IceTransportPolicy = IceTransportPolicy.ALL
    bundle_policy: BundlePolicy = BundlePolicy.BALANCED
    rtcp_mux_policy: RtcpMuxPolicy = RtcpMuxPolicy.REQUIRE
    certificates: list[Certificate] = field(default_factory=list)
    ice_candidate_pool_size: int = 0
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    path_mtu: int | None = None
    ice: IceConfig = field(default_factory=IceConfig)
    dtls: DtlsConfig = field(default_factory=DtlsConfig)
    sctp: SctpConfig = field(default_factory=SctpConfig)


_SCHEMES = ("stun", "stuns", "turn", "turns")
_HOST = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+(%[0-9A-Za-z_.~-]+)?)\]|(?P<name>[0-9A-Za-z_.~-]+)")


def parse_server_url(
    url: str, *, username: str | None = None, credential: str | None = None
) -> ServerEndpoint:
    """Take a STUN or TURN URL apart.

    Raises:
        RtcSyntaxError: it is no such URL.
        InvalidAccessError: a TURN server without username and credential.

    Spec: W3C webrtc §4.4.1.5 (validate an ICE server URL), RFC 7064 §3.1, RFC 7065 §3.1.
    """
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES:
        raise RtcSyntaxError(
            f"{url!r}: scheme is none of stun, stuns, turn, turns (RFC 7064 §3.1, RFC 7065 §3.1)"
        )
    rest, question, query = rest.partition("?")
    if any(c in rest for c in "/@#") or "#" in query or (question and scheme.startswith("stun")):
        raise RtcSyntaxError(f"{url!r}: only host and port may follow the scheme (RFC 7064 §3.1)")
    secure = scheme.endswith("s")
    transport = "tcp" if secure else "udp"
    if question:
        if query not in ("transport=udp", "transport=tcp"):
            raise RtcSyntaxError(f"{url!r}: query is neither transport=udp nor transport=tcp (RFC 7065 §3.1)")
        transport = query.removeprefix("transport=")
    match = _HOST.match(rest)
    if match is None:
        raise RtcSyntaxError(f"{url!r}: no host (RFC 7064 §3.1)")
    port_text = rest[match.end() :]
    port = DEFAULT_STUNS_PORT if secure else DEFAULT_STUN_PORT
    if port_text:
        digits = port_text.removeprefix(":")
        if digits == port_text or re.fullmatch(r"[0-9]{1,5}", digits) is None or not 0 < int(digits) < 65536:
            raise RtcSyntaxError(f"{url!r}: {port_text!r} is no port (RFC 7064 §3.1)")
        port = int(digits)
    if scheme.startswith("turn") and (username is None or credential is None):
        raise InvalidAccessError(
            f"{url!r}: a TURN server needs username and credential (W3C webrtc §4.4.1.5)"
        )
    return ServerEndpoint(url, scheme, match["v6"] or match["name"], port, transport, username, credential)


def server_endpoints(servers: list[IceServer]) -> tuple[ServerEndpoint, ...]:
    """Every URL of `servers`, validated, in order.

    Raises:
        RtcSyntaxError: a URL is malformed or a server has none.
        InvalidAccessError: TURN credentials are missing.

    Spec: W3C webrtc §4.4.1.5 steps 5 and 6.
    """
    endpoints: list[ServerEndpoint] = []
    for server in servers[:MAX_ICE_SERVERS]:
        urls = [server.urls] if isinstance(server.urls, str) else list(server.urls)
        if not urls:
            raise RtcSyntaxError("an ICE server has no URL (W3C webrtc §4.4.1.5 step 6.3)")
        endpoints.extend(
            parse_server_url(url, username=server.username, credential=server.credential) for url in urls
        )
    return tuple(endpoints)


def check_update(old: PeerConfiguration, new: PeerConfiguration, *, gathering_started: bool) -> None:
    """Refuse a change that a living connection cannot make.

    Args:
        gathering_started: `set_local_description` has been called.

    Raises:
        InvalidModificationError: certificates, policies or (too late) the pool size differ.

    Spec: W3C webrtc §4.4.1.5 step 3.
    """
    if len(old.certificates) != len(new.certificates) or any(
        a is not b for a, b in zip(old.certificates, new.certificates, strict=False)
    ):
        raise InvalidModificationError("certificates cannot be changed (W3C webrtc §4.4.1.5 step 3.1)")
    if old.bundle_policy != new.bundle_policy:
        raise InvalidModificationError("bundle_policy cannot be changed (W3C webrtc §4.4.1.5 step 3.4)")
    if old.rtcp_mux_policy != new.rtcp_mux_policy:
        raise InvalidModificationError("rtcp_mux_policy cannot be changed (W3C webrtc §4.4.1.5 step 3.5)")
    if old.ice_candidate_pool_size != new.ice_candidate_pool_size and gathering_started:
        raise InvalidModificationError(
            "ice_candidate_pool_size cannot be changed after set_local_description (W3C webrtc §4.4.1.5 step 3.6)"
        )
    if old.max_message_size != new.max_message_size or old.path_mtu != new.path_mtu:
        raise InvalidModificationError("max_message_size and path_mtu cannot be changed")


def copy_configuration(configuration: PeerConfiguration) -> PeerConfiguration:
    """A copy that later changes by the caller do not reach; enums are normalised from strings."""
    return replace(
        configuration,
        ice_servers=[replace(server) for server in configuration.ice_servers],
        certificates=list(configuration.certificates),
        ice_transport_policy=IceTransportPolicy(configuration.ice_transport_policy),
        bundle_policy=BundlePolicy(configuration.bundle_policy),
        rtcp_mux_policy=RtcpMuxPolicy(configuration.rtcp_mux_policy),
    )

"""`rtcpy.Configuration`: W3C's RTCConfiguration in snake_case, and the few settings that only we have.

Owns: the dataclass that applications fill in, and checks with messages that say what to write instead. The rules of
W3C themselves (server URLs, what may change later) are in `rtcpy.peer.configuration`, which the sans-I/O peer shares.

Specs: W3C webrtc §4.2 (configuration), §4.4.1.5 (setting it); RFC 7064, RFC 7065 (server URLs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from rtcpy.aio.interfaces import NetworkAddress, admits_loopback
from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.errors import InvalidModificationError, NotSupportedError, RtcRangeError
from rtcpy.core.tap import Tap
from rtcpy.dtls import Certificate
from rtcpy.ice import IceConfig
from rtcpy.peer import (
    BundlePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    RtcpMuxPolicy,
    server_endpoints,
)
from rtcpy.peer.configuration import DEFAULT_MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    from rtcpy.explain.trace import Endpoint

DTLS_VERSIONS = ("1.2",)
"""What this version of rtcpy speaks."""
PATH_MTU_MIN = (
    576  # bytes of UDP payload; less and not even a ClientHello fragment is worth its header (RFC 791)
)
PATH_MTU_MAX = 65_507  # bytes: the largest UDP payload over IPv4 (RFC 768)

InterfaceFilter = Sequence[str] | Callable[[NetworkAddress], bool]
"""Interface names to use, or a function that is asked about each address."""

_E = TypeVar("_E", bound=Enum)


@dataclass(slots=True, kw_only=True)
class Configuration:
    """How a `PeerConnection` is to behave. Strings are accepted where W3C has enums.

    Args:
        ice_servers: STUN and TURN servers. TURN URLs are checked and reported as not supported yet.
        ice_transport_policy: ``"all"`` or ``"relay"``.
        bundle_policy: ``"balanced"``, ``"max-compat"`` or ``"max-bundle"``; matters with media only.
        rtcp_mux_policy: ``"require"``.
        certificates: own certificates; empty: one is made for this connection.
        ice_candidate_pool_size: 0…255; kept, but candidates are gathered when a description is set.
        network_interfaces: which interfaces may carry this connection: a list of names (``["lo"]`` is loopback
            only) or a function from `NetworkAddress` to bool. `None`: all but loopback, as in browsers.
        path_mtu: **bytes** of UDP payload, fixed; `None`: discover the path's own, from 1,200 upwards.
        max_message_size: **bytes** of the largest message we accept, announced to the peer; 0 is no limit.
        dtls_versions: versions to speak, from `DTLS_VERSIONS`.
        tap: sees every hand-over between the layers; for traces and lessons.
        trace: `True` keeps all that happens in ``pc.trace``, where it can be read, saved and replayed; an endpoint of
            a `rtcpy.explain.Trace` keeps it there. A trace contains the keys and every message of the connection.
        entropy: where randomness comes from; anything but the default is for reproducible experiments only.
        wall_clock: calendar time for certificates and statistics.

    Spec: W3C webrtc §4.2.1.
    """

    ice_servers: list[IceServer] = field(default_factory=list)
    ice_transport_policy: IceTransportPolicy | str = IceTransportPolicy.ALL
    bundle_policy: BundlePolicy | str = BundlePolicy.BALANCED
    rtcp_mux_policy: RtcpMuxPolicy | str = RtcpMuxPolicy.REQUIRE
    certificates: list[Certificate] = field(default_factory=list)
    ice_candidate_pool_size: int = 0
    network_interfaces: InterfaceFilter | None = None
    path_mtu: int | None = None
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    dtls_versions: Sequence[str] = DTLS_VERSIONS
    tap: Tap | None = None
    trace: bool | Endpoint = False
    entropy: Entropy | None = None
    wall_clock: WallClock | None = None


def to_peer_configuration(configuration: Configuration) -> PeerConfiguration:
    """Check `configuration` and take from it what the sans-I/O peer needs.

    Raises:
        TypeError: a value has the wrong type.
        RtcRangeError: a number is out of its range.
        RtcSyntaxError: a server URL is malformed.
        InvalidAccessError: a TURN server lacks its credentials.
        NotSupportedError: a DTLS version that we do not speak.

    Spec: W3C webrtc §4.4.1.5.
    """
    if not isinstance(configuration, Configuration):
        raise TypeError(f"expected rtcpy.Configuration, got {type(configuration).__name__}")
    for server in configuration.ice_servers:
        if not isinstance(server, IceServer):
            raise TypeError(f'ice_servers holds {server!r}; write rtcpy.IceServer(urls="stun:host:port")')
    server_endpoints(list(configuration.ice_servers))
    for certificate in configuration.certificates:
        if not isinstance(certificate, Certificate):
            raise TypeError(f"certificates holds a {type(certificate).__name__}, expected rtcpy.Certificate")
    _in_range("ice_candidate_pool_size", configuration.ice_candidate_pool_size, 0, 255)
    _in_range("max_message_size", configuration.max_message_size, 0, 1 << 62)
    if configuration.path_mtu is not None:
        _in_range("path_mtu", configuration.path_mtu, PATH_MTU_MIN, PATH_MTU_MAX)
    _check_interfaces(configuration.network_interfaces)
    _check_versions(configuration.dtls_versions)
    _check_trace(configuration.trace)
    return PeerConfiguration(
        ice_servers=list(configuration.ice_servers),
        ice_transport_policy=_enum(
            IceTransportPolicy, "ice_transport_policy", configuration.ice_transport_policy
        ),
        bundle_policy=_enum(BundlePolicy, "bundle_policy", configuration.bundle_policy),
        rtcp_mux_policy=_enum(RtcpMuxPolicy, "rtcp_mux_policy", configuration.rtcp_mux_policy),
        certificates=list(configuration.certificates),
        ice_candidate_pool_size=configuration.ice_candidate_pool_size,
        max_message_size=configuration.max_message_size,
        path_mtu=configuration.path_mtu,
        ice=IceConfig(allow_loopback=admits_loopback(configuration.network_interfaces)),
    )


def check_fixed(old: Configuration, new: Configuration) -> None:
    """Refuse to change what a living connection was built with; the W3C members are checked by the peer.

    Raises:
        InvalidModificationError: `dtls_versions`, `tap`, `trace`, `entropy` or `wall_clock` differ.
    """
    if tuple(old.dtls_versions) != tuple(new.dtls_versions):
        raise InvalidModificationError("dtls_versions cannot be changed on a living connection")
    if old.trace != new.trace:
        raise InvalidModificationError("trace cannot be changed on a living connection")
    for name in ("tap", "entropy", "wall_clock"):
        if getattr(old, name) is not getattr(new, name):
            raise InvalidModificationError(f"{name} cannot be changed on a living connection")


def _in_range(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise RtcRangeError(f"{name} is {value}, expected {low}…{high}")


def _enum(kind: type[_E], name: str, value: object) -> _E:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(repr(str(member.value)) for member in kind)
        raise TypeError(f"{name} is {value!r}, expected one of {choices}") from None


def _check_interfaces(chosen: InterfaceFilter | None) -> None:
    if chosen is None or callable(chosen):
        return
    if isinstance(chosen, str):
        raise TypeError(f"network_interfaces is the string {chosen!r}; write a list of names: [{chosen!r}]")
    for name in chosen:
        if not isinstance(name, str):
            raise TypeError(f"network_interfaces holds {name!r}, expected interface names or a function")


def _check_versions(versions: Sequence[str]) -> None:
    if isinstance(versions, str) or not versions:
        raise TypeError(
            f"dtls_versions is {versions!r}, expected a non-empty list such as {list(DTLS_VERSIONS)!r}"
        )
    for version in versions:
        if version not in DTLS_VERSIONS:
            raise NotSupportedError(f"DTLS {version!r} is not spoken here, only {', '.join(DTLS_VERSIONS)}")


def _check_trace(trace: object) -> None:
    if isinstance(trace, bool):
        return
    from rtcpy.explain.trace import Endpoint, Trace

    if isinstance(trace, Trace):
        raise TypeError('trace is a Trace; say who writes to it: trace.endpoint("alice")')
    if not isinstance(trace, Endpoint):
        raise TypeError(f"trace is {trace!r}, expected True, False or an endpoint of a Trace")

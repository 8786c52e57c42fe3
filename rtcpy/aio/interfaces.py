"""Which addresses of this machine a connection may use.

Owns: asking the system for its interfaces (through `ifaddr`), the application's choice among them, and the rules for
host candidates. Does not own: candidates and their priorities (`rtcpy.ice`), sockets (`rtcpy.aio.sockets`).

Specs: RFC 8445 §5.1.1.1 (which addresses become host candidates), RFC 8828 §5 (what a web page may learn).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import ifaddr

LOOPBACK_NAMES = ("lo", "lo0")  # Linux; BSD and macOS
LISTING_VALID = 1.0  # s
MAX_LOCAL_ADDRESSES = 32  # sockets per connection; a host with more addresses gets its first ones


@dataclass(slots=True, frozen=True)
class NetworkAddress:
    """One address of one interface; what a `network_interfaces` function is asked about.

    Args:
        interface: the system's name, e.g. ``"eth0"``.
        host: the IP literal; IPv6 link-local carries its ``%scope``.
        prefix_length: of the attached network, in **bits**.
    """

    interface: str
    host: str
    prefix_length: int
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = field(init=False, repr=False, compare=False)
    """The address as an object, for questions such as `.is_loopback` or `.is_private`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ip", ipaddress.ip_address(self.host))


def list_addresses() -> list[NetworkAddress]:
    """Every address of every interface, as the system lists them."""
    found: list[NetworkAddress] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            if isinstance(entry.ip, str):
                host = entry.ip
            else:
                host, _flow, scope = entry.ip
                host = host.partition("%")[0]
                if scope and ipaddress.IPv6Address(host).is_link_local:
                    host = f"{host}%{adapter.name}"
            found.append(NetworkAddress(adapter.name, host, int(entry.network_prefix)))
    return found


def recent_addresses() -> list[NetworkAddress]:
    """`list_addresses`, asked of the system at most once in `LISTING_VALID` seconds.

    A server that takes calls by the hundred would otherwise ask for every one; a laptop that changes networks is
    noticed by the next ICE restart all the same.
    """
    return _listed_in(int(time.monotonic() / LISTING_VALID))


@lru_cache(maxsize=1)
def _listed_in(_interval: int) -> list[NetworkAddress]:
    """The listing of one interval of the clock."""
    return list_addresses()


_LOOPBACKS = [
    [NetworkAddress(name, "127.0.0.1", 8), NetworkAddress(name, "::1", 128)] for name in LOOPBACK_NAMES
]


def choose_addresses(
    available: Sequence[NetworkAddress],
    chosen: Sequence[str] | Callable[[NetworkAddress], bool] | None,
) -> list[NetworkAddress]:
    """The addresses to make host candidates of, in the order of `available`.

    Without a choice: everything but loopback (RFC 8445 §5.1.1.1 forbids it), as browsers do. A choice is obeyed to
    the letter, loopback included: that is what tests, lessons and sandboxes need. Deprecated forms (site-local,
    IPv4-compatible, IPv4-mapped) are never used. IPv6 link-local addresses are used only if an interface has nothing
    else: they reach no further than the link and would double the checks on every other network.
    """
    if chosen is None:
        wanted = [a for a in available if not a.ip.is_loopback]
    elif callable(chosen):
        wanted = [a for a in available if chosen(a)]
    else:
        names = set(chosen)
        wanted = [a for a in available if a.interface in names]
    wanted = [a for a in wanted if _may_be_host_candidate(a)]
    routable = {a.interface for a in wanted if not _is_link_local(a)}
    wanted = [a for a in wanted if not (a.ip.version == 6 and a.interface in routable and _is_link_local(a))]
    return wanted[:MAX_LOCAL_ADDRESSES]


def admits_loopback(chosen: Sequence[str] | Callable[[NetworkAddress], bool] | None) -> bool:
    """Whether a choice of interfaces lets loopback in; only then are loopback candidates of the peer checked, too."""
    return any(choose_addresses(addresses, chosen) for addresses in _LOOPBACKS)


@lru_cache(2 * MAX_LOCAL_ADDRESSES)
def _is_link_local(address: NetworkAddress) -> bool:
    return address.ip.is_link_local


@lru_cache(2 * MAX_LOCAL_ADDRESSES)
def _may_be_host_candidate(address: NetworkAddress) -> bool:
    """RFC 8445 §5.1.1.1: no deprecated IPv4-compatible, IPv4-mapped or site-local IPv6; nothing that is no host."""
    ip = address.ip
    if ip.is_unspecified or ip.is_multicast:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        compatible = int(ip) >> 32 == 0 and not ip.is_loopback
        return not (ip.is_site_local or ip.ipv4_mapped is not None or compatible)
    return True

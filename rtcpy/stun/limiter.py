"""How many answers one host gets: a token bucket per source, in a table of bounded size.

A UDP server answers whoever the source address names, and that may be a victim. The answer to a Binding request is
hardly larger than the question; this keeps the number down as well.

Owned here: the bucket table. Who asks for a token and what happens without one: `server`.

Specs: none; the hazard is in RFC 8489 §16.2.1 and RFC 8085 §3.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address

from rtcpy.core.machine import Instant

RATE = 50.0  # answers per second and host in the long run: ten pages gathering once a second behind one NAT
BURST = 100  # answers at once after a pause: a whole page of candidates with retransmissions
MAX_HOSTS = 4096  # buckets kept, about 1 MB; the host heard least recently is forgotten first
IPV6_PREFIX_BITS = 64  # one subscriber owns a whole /64 (RFC 4291 §2.5.4), so that counts as one host


class RateLimiter:
    """Tokens per source host. Invariant: never more than `max_hosts` buckets.

    Args:
        rate: tokens per **second** that flow back.
        burst: tokens a rested host has.
        max_hosts: size of the table.
    """

    __slots__ = ("_buckets", "_burst", "_max_hosts", "_rate")

    def __init__(self, rate: float = RATE, burst: int = BURST, max_hosts: int = MAX_HOSTS) -> None:
        self._rate, self._burst, self._max_hosts = rate, burst, max_hosts
        self._buckets: dict[str, tuple[float, Instant]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, host: str, *, now: Instant) -> bool:
        """Take one token of `host`; `False` when it has none left."""
        key = _subscriber(host)
        tokens, since = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        granted = tokens >= 1
        self._buckets[key] = (tokens - 1 if granted else tokens, now)  # at the end: heard last
        if len(self._buckets) > self._max_hosts:
            del self._buckets[next(iter(self._buckets))]
        return granted


def _subscriber(host: str) -> str:
    """`host`, or for IPv6 its /64 network."""
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host.partition("%")[0])
    except AddressValueError:
        return host
    return f"{int(address) >> (128 - IPV6_PREFIX_BITS):x}/{IPV6_PREFIX_BITS}"

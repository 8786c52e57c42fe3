"""Sockets and server addresses for ICE: what a browser does unseen when gathering begins.

Owns: choosing interfaces, binding one socket per address, resolving the names of STUN servers. Does not own: asking
those servers and making candidates (`rtcpy.ice`).

Specs: RFC 8445 §5.1.1 (gathering), RFC 7064 §3.2 (how a stun: URI is resolved), RFC 8838 §3 (nothing waits for it).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from rtcpy.aio.configuration import Configuration
from rtcpy.aio.driver import Driver
from rtcpy.aio.interfaces import choose_addresses, recent_addresses
from rtcpy.core.machine import Address, Event
from rtcpy.ice import LocalAddress
from rtcpy.peer import GatheringNeeded, Peer, ServerEndpoint

logger = logging.getLogger("rtcpy.aio")

RESOLVE_TIMEOUT = (
    5.0  # s for a name server to answer; a host name that takes longer is reported as unreachable
)


NOT_SUPPORTED = "relays and STUN over TCP or TLS are not supported by this version"
_NO_RELAY_YET = ("turn", "turns", "stuns")


class Gatherer:
    """Answers each `GatheringNeeded` of one peer.

    Host candidates are handed over at once. Server names are resolved side by side in the background, and each server
    joins as soon as its address is known, so that a dead name server delays nothing but its own candidates.
    """

    __slots__ = ("_driver", "_peer", "_sockets", "_tasks")

    def __init__(self, peer: Peer, driver: Driver[Event]) -> None:
        self._peer = peer
        self._driver = driver
        self._sockets: dict[str, LocalAddress] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, request: GatheringNeeded, configuration: Configuration) -> None:
        """Bind what is not bound yet, tell the peer, and go after the servers."""
        self._bind(configuration)
        known: list[tuple[ServerEndpoint, Address]] = []
        names: list[ServerEndpoint] = []
        for server in request.servers:
            if server.scheme in _NO_RELAY_YET or server.transport != "udp":
                self._peer.server_unreachable(server, NOT_SUPPORTED, now=self._driver.now())
            elif _is_literal(server.host):
                known.append((server, Address(server.host, server.port)))
            else:
                names.append(server)
        addresses = list(self._sockets.values())
        self._peer.gather(
            request.generation, addresses, known, more_to_come=bool(names), now=self._driver.now()
        )
        if names:
            task = asyncio.get_running_loop().create_task(self._resolve_all(request.generation, names))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._driver.pump()

    def _bind(self, configuration: Configuration) -> None:
        """One socket per chosen address; those of an earlier generation are used again (their NAT bindings live)."""
        chosen = choose_addresses(recent_addresses(), configuration.network_interfaces)
        if not chosen:
            logger.warning(
                "no network interface to use%s; Configuration(network_interfaces=['lo']) would use loopback",
                "" if configuration.network_interfaces is None else " among those chosen",
            )
        for candidate in chosen:
            if candidate.host in self._sockets:
                continue
            try:
                address = self._driver.bind(candidate.host)
            except OSError as exc:
                # IPv6 addresses in duplicate address detection, interfaces going down: the others still serve.
                logger.info("cannot bind %s on %s: %s", candidate.host, candidate.interface, exc)
                continue
            self._sockets[candidate.host] = LocalAddress(address, candidate.interface)

    async def _resolve_all(self, generation: int, servers: Sequence[ServerEndpoint]) -> None:
        """Look names up side by side; each server joins when its address is known, the last one ends the waiting."""
        lookups = [asyncio.create_task(self._resolve(server)) for server in servers]
        try:
            for left, lookup in zip(
                range(len(lookups) - 1, -1, -1), asyncio.as_completed(lookups), strict=True
            ):
                found = await lookup
                self._peer.add_servers(generation, found, more_to_come=left > 0, now=self._driver.now())
                self._driver.touch()
        finally:
            for task in lookups:
                task.cancel()

    async def _resolve(self, server: ServerEndpoint) -> list[tuple[ServerEndpoint, Address]]:
        """The first address of each family that `server`'s name has; none is reported. Spec: RFC 7064 §3.2."""
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                found = await self._driver.loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
        except TimeoutError:
            reason = f"the name {server.host} was not resolved within {RESOLVE_TIMEOUT:g} s"
        except (OSError, UnicodeError) as exc:
            reason = f"the name {server.host} cannot be resolved: {exc}"
        else:
            by_family = {family: sockaddr for family, _, _, _, sockaddr in reversed(found)}
            addresses = [
                (server, Address(str(by_family[family][0]), server.port))
                for family in (socket.AF_INET, socket.AF_INET6)
                if family in by_family
            ]
            if addresses:
                return addresses
            reason = f"the name {server.host} has no address"
        self._peer.server_unreachable(server, reason, now=self._driver.now())
        return []

    def close(self) -> None:
        """Stop resolving."""
        for task in self._tasks:
            task.cancel()


def _is_literal(host: str) -> bool:
    """Whether `host` is an IP address already."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False

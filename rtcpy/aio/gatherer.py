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
from rtcpy.aio.interfaces import choose_addresses, list_addresses
from rtcpy.core.machine import Address, Event
from rtcpy.ice import LocalAddress
from rtcpy.peer import GatheringNeeded, Peer, ServerEndpoint

logger = logging.getLogger("rtcpy.aio")

RESOLVE_TIMEOUT = (
    5.0  # s for a name server to answer; a host name that takes longer is reported as unreachable
)


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
        addresses = list(self._sockets.values())
        literal: list[tuple[ServerEndpoint, Address]] = []
        names: list[ServerEndpoint] = []
        for server in request.servers:
            if _is_literal(server.host):
                literal.append((server, Address(server.host, server.port)))
            else:
                names.append(server)
        if not names:
            self._peer.gather(request.generation, addresses, literal, now=self._driver.now())
            self._driver.touch()
            return
        task = asyncio.get_running_loop().create_task(self._resolve(request, addresses, literal, names))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _bind(self, configuration: Configuration) -> None:
        """One socket per chosen address; those of an earlier generation are used again (their NAT bindings live)."""
        chosen = choose_addresses(list_addresses(), configuration.network_interfaces)
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

    async def _resolve(
        self,
        request: GatheringNeeded,
        addresses: Sequence[LocalAddress],
        literal: list[tuple[ServerEndpoint, Address]],
        names: Sequence[ServerEndpoint],
    ) -> None:
        raise NotImplementedError

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

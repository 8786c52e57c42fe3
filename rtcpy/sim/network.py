"""Hosts with addresses in virtual time: whole peers, servers, NATs between them, and an attacker's injections.

Owns: which host a packet reaches, through which NATs, over which `link`. A host is a machine that speaks
`Datagram`s (an ICE agent, a whole peer, a STUN server) and has IP addresses; each address belongs to one place: the
public internet, or the inside of a NAT. Packets are translated outward when they leave, and inward when they arrive,
so that a hole punched while a packet travels is open when it gets there.

Does not own: the loop (`simulation`), impairments (`link`), translation (`nat`).

>>> network = Network(seed=1)
>>> home = network.add_nat("home", "203.0.113.7")
>>> network.nats["home"].external
'203.0.113.7'
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rtcpy.core.machine import Address, Datagram, Instant, Machine
from rtcpy.sim.link import Link, LinkConfig
from rtcpy.sim.nat import Nat, NatConfig
from rtcpy.sim.simulation import Simulation

NESTED_NATS_LIMIT = 8  # carrier-grade in front of home is two; more than eight is a loop in the topology


@dataclass(slots=True, eq=False)
class _Site:
    """A realm of addresses: the internet, or what is behind one NAT."""

    name: str
    number: int
    nat: Nat | None = None
    outside: _Site | None = None
    owners: dict[str, int | _Site] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Host:
    """One machine with its addresses. `alive` False is an unplugged machine: no packets, no timers."""

    index: int
    name: str
    machine: Machine[Datagram, Any]
    addresses: list[str]
    site: str
    alive: bool = True


class _Silent:
    """What stands in for a machine that died without a word."""

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Nobody listens."""

    def handle_timeout(self, *, now: Instant) -> None:
        """Nothing is due."""

    def next_timeout(self) -> Instant | None:
        """Never."""
        return None

    def take_packets(self) -> list[Datagram]:
        """Nothing to send."""
        return []

    def take_events(self) -> list[Any]:
        """Nothing to say."""
        return []

    def close(self, *, now: Instant) -> None:
        """Already gone."""


class Network(Simulation[Datagram]):
    """Hosts, NATs and the links between them.

    Args:
        seed: of all chance on all links and NATs.
        link: the properties of every path that `set_path` does not name.
        log: keep all sent datagrams in `.log` (as their sender wrote them, before any NAT).

    Attributes:
        on_fate: called with (name of the sender, the datagram as sent, its fate, now) for each datagram that does not
            simply arrive: ``"lost"``, ``"duplicated"``, ``"corrupted"``, ``"unroutable"``, or ``"filtered"`` by a NAT.
    """

    def __init__(self, *, seed: int | str = 0, link: LinkConfig | None = None, log: bool = True) -> None:
        super().__init__((), log=log)
        self.hosts: dict[str, Host] = {}
        self.nats: dict[str, Nat] = {}
        self.links: dict[tuple[str, str], Link] = {}
        self.unroutable = 0
        self.on_fate: Callable[[str, Datagram, str, Instant], None] | None = None
        self._origins: dict[int, tuple[str, Datagram]] = {}  # by id of a travelling datagram, for `on_fate`
        self._seed = seed
        self._default = link if link is not None else LinkConfig()
        self._paths: dict[tuple[str, str], LinkConfig] = {}
        self._outages: list[tuple[Instant, float, str | None]] = []
        self._sites: dict[str, _Site] = {"internet": _Site("internet", 0)}
        self._by_index: list[Host] = []
        self._by_number: list[_Site] = [self._sites["internet"]]

    # Building

    def add_nat(
        self, name: str, external: str, config: NatConfig | None = None, *, behind: str = "internet"
    ) -> Nat:
        """Put a NAT with address `external` into the site `behind`; hosts go behind it with ``behind=name``."""
        outside = self._sites[behind]
        nat = Nat(external, config, rng=random.Random(f"{self._seed}/nat/{name}"))
        site = _Site(name, len(self._sites), nat, outside)
        self._claim(outside, external, site)
        self._sites[name] = site
        self._by_number.append(site)
        self.nats[name] = nat
        return nat

    def add_host(
        self,
        name: str,
        machine: Machine[Datagram, Any],
        addresses: Iterable[str],
        *,
        behind: str = "internet",
    ) -> int:
        """Put `machine` into the site `behind` under IP `addresses`; returns its number, which breaks ties."""
        index = self._add_end(machine)
        host = Host(index, name, machine, [], behind)
        self.hosts[name] = host
        self._by_index.append(host)
        for address in addresses:
            self.add_address(name, address)
        return index

    def add_address(self, name: str, address: str) -> None:
        """Give a host one more IP address, as when an interface comes up."""
        host = self.hosts[name]
        self._claim(self._sites[host.site], address, host.index)
        host.addresses.append(address)

    def remove_address(self, name: str, address: str) -> None:
        """Take an IP address away: packets from and to it go nowhere."""
        host = self.hosts[name]
        host.addresses.remove(address)
        del self._sites[host.site].owners[address]

    def _claim(self, site: _Site, address: str, owner: int | _Site) -> None:
        if address in site.owners:
            raise ValueError(f"{address} is taken in {site.name}")
        site.owners[address] = owner

    def set_path(self, source: str, destination: str, config: LinkConfig, *, both: bool = True) -> None:
        """Give the path between two names its own properties; `destination` is a host, or the NAT before it."""
        for key in ((source, destination), (destination, source)) if both else ((source, destination),):
            self._paths[key] = config
            if key in self.links:
                self.links[key].config = config

    def set_link(self, config: LinkConfig) -> None:
        """Change the properties of all paths that `set_path` did not name, from now on."""
        self._default = config
        for key, link in self.links.items():
            if key not in self._paths:
                link.config = config

    # Events from outside

    def outage(self, start: Instant, duration: float, host: str | None = None) -> None:
        """Lose everything sent from `start` for `duration` seconds; with `host`, only what that host sends or
        what is sent towards it. Packets already on their way still arrive."""
        self._outages.append((start, duration, host))
        for (source, destination), link in self.links.items():
            if host is None or host in (source, destination):
                link.outage(start, duration)

    def kill(self, name: str) -> None:
        """Let a host vanish without a word: crash, reload, power cut."""
        host = self.hosts[name]
        host.alive = False
        self.ends[host.index] = _Silent()
        self._deadlines[host.index] = float("inf")

    def inject(
        self, data: bytes, source: Address, destination: Address, *, at: Instant | None = None
    ) -> None:
        """Let a datagram with a (forged) `source` appear in the internet on its way to `destination` at `at`."""
        self._travel(self.now if at is None else max(at, self.now), -1, Datagram(data, destination, source))

    # The path

    def link(self, source: str, destination: str) -> Link:
        """The link from one host to another host, or to the NAT that a packet to it reaches first."""
        key = (source, destination)
        found = self.links.get(key)
        if found is None:
            config = self._paths.get(key, self._default)
            found = self.links[key] = Link(config, random.Random(f"{self._seed}/{source}/{destination}"))
            for start, duration, host in self._outages:
                if host is None or host in key:
                    found.outage(start, duration)
        return found

    def _dispatch(self, end: int, packet: Datagram) -> None:
        host = self._by_index[end]
        site, source = self._sites[host.site], packet.local
        if site.owners.get(source.host) != end:
            self._lose(host.name, packet)  # not (or no longer) an address of this host
            return
        for _ in range(NESTED_NATS_LIMIT):
            owner = site.owners.get(packet.remote.host)
            if owner is not None:
                break
            if site.nat is None or site.outside is None:
                self._lose(host.name, packet)
                return
            translated = site.nat.outbound(source, packet.remote, now=self.now)
            if translated is None:
                self._tell(host.name, packet, "filtered")
                return
            source, site = translated, site.outside
        else:
            self._lose(host.name, packet)
            return
        name = owner.name if isinstance(owner, _Site) else self._by_index[owner].name
        arrivals = self.link(host.name, name).send(packet.data, self.now)
        for arrival, data in arrivals:
            # On the wire `local` is where the datagram is going and `remote` where it seems to come from.
            travelling = Datagram(data, packet.remote, source)
            if self.on_fate is not None:
                self._origins[id(travelling)] = host.name, packet
                if data != packet.data:
                    self._tell(host.name, packet, "corrupted")
            self._travel(arrival, owner if isinstance(owner, int) else -1 - site.number, travelling)
        if len(arrivals) != 1:
            self._tell(host.name, packet, "duplicated" if arrivals else "lost")

    def _tell(self, sender: str, packet: Datagram, fate: str) -> None:
        if self.on_fate is not None:
            self.on_fate(sender, packet, fate, self.now)

    def _lose(self, sender: str, packet: Datagram) -> None:
        self.unroutable += 1
        self._tell(sender, packet, "unroutable")

    def _deliver(self, end: int, packet: Datagram) -> int:
        origin = self._origins.pop(id(packet), None)
        if end < 0:
            unroutable = self.unroutable
            end = self._enter(packet, self._by_number[-1 - end])
            if end < 0:
                if origin is not None:
                    self._tell(*origin, "filtered" if self.unroutable == unroutable else "unroutable")
                return -1
        if not self._by_index[end].alive:
            return -1
        self.ends[end].receive(packet, now=self.now)
        return end

    def _enter(self, packet: Datagram, site: _Site) -> int:
        """Find the host behind the NATs of `site`, rewriting the destination on the way in; −1 if it is kept out.

        Hairpinning is the case of a source that is the NAT's own external address (RFC 4787 §6).
        """
        for _ in range(NESTED_NATS_LIMIT):
            owner = site.owners.get(packet.local.host)
            if owner is None:
                self.unroutable += 1
                return -1
            if isinstance(owner, int):
                return owner
            nat = owner.nat
            assert nat is not None, "only NATs own addresses as sites"
            if packet.remote.host == nat.external and not nat.config.hairpinning:
                nat.filtered += 1
                return -1
            inside = nat.inbound(packet.remote, packet.local, now=self.now)
            if inside is None:
                return -1
            packet.local, site = inside, owner
        self.unroutable += 1
        return -1

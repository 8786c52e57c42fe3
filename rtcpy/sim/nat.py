"""Network address translators, in all the behaviours that RFC 4787 names.

Owns: the mapping table of one NAT, which port it gives, which packets it lets in, when a mapping dies, whether it
hairpins. Does not own: where packets go (`network`) and what else happens to them (`link`).

The classic names map so: "full cone" is endpoint-independent mapping and filtering; "restricted cone" has
address-dependent filtering; "port-restricted cone" address-and-port-dependent filtering; "symmetric" has
address-and-port-dependent mapping and filtering. RFC 4787 §3 says why the classic names should be left alone.

Spec: RFC 4787.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum

from rtcpy.core.machine import Address, Instant

MAPPING_TIMEOUT = 120.0  # s, RFC 4787 §4.3 REQ-5: a mapping must not expire in less than two minutes
MAPPINGS_LIMIT = 4096  # one NAT of a simulation; beyond it new flows get nothing, as on a full table
FIRST_PORT = 1024  # below are the well-known ports (RFC 4787 §4.2.1 REQ-3)
LAST_PORT = 65535


class Behaviour(Enum):
    """How much of the remote endpoint a mapping or a filter looks at (RFC 4787 §4.1 and §5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"

    def key(self, remote: Address) -> tuple[str, int]:
        """The part of `remote` that this behaviour distinguishes."""
        if self is Behaviour.ENDPOINT_INDEPENDENT:
            return ("", 0)
        if self is Behaviour.ADDRESS_DEPENDENT:
            return (remote.host, 0)
        return (remote.host, remote.port)


class PortAllocation(Enum):
    """Which external port a new mapping gets (RFC 4787 §4.2)."""

    PRESERVE = "preserve"  # the internal port, if free
    SEQUENTIAL = "sequential"  # the next free one
    RANDOM = "random"  # any free one


@dataclass(slots=True, kw_only=True)
class NatConfig:
    """The behaviour of one NAT. The default is what most home routers do: port-restricted.

    Args:
        mapping: whether one internal endpoint looks the same to all (RFC 4787 §4.1).
        filtering: who may send in through a mapping (RFC 4787 §5).
        ports: which external port a mapping gets.
        hairpinning: whether two hosts behind it reach each other by their external addresses (RFC 4787 §6).
        timeout: seconds until an unused mapping is forgotten.
        refresh_inbound: whether inbound packets keep a mapping alive too (RFC 4787 §4.3 REQ-6 asks for outbound).
        blocks_udp: a firewall that lets no UDP pass at all, either way.
    """

    mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT
    filtering: Behaviour = Behaviour.ADDRESS_AND_PORT_DEPENDENT
    ports: PortAllocation = PortAllocation.PRESERVE
    hairpinning: bool = True
    timeout: float = MAPPING_TIMEOUT
    refresh_inbound: bool = True
    blocks_udp: bool = False


FULL_CONE = NatConfig(filtering=Behaviour.ENDPOINT_INDEPENDENT)
RESTRICTED_CONE = NatConfig(filtering=Behaviour.ADDRESS_DEPENDENT)
PORT_RESTRICTED_CONE = NatConfig()
SYMMETRIC = NatConfig(mapping=Behaviour.ADDRESS_AND_PORT_DEPENDENT, ports=PortAllocation.RANDOM)


@dataclass(slots=True)
class Mapping:
    """One line of the table: an internal endpoint, its external face, and whom it has talked to."""

    internal: Address
    external: Address
    expires: Instant
    key: tuple[Address, tuple[str, int]]
    contacted: set[Address] = field(default_factory=set)


class Nat:
    """The mapping table of one translator with one external address.

    Invariant: `_by_key` and `_by_external` hold the same mappings.

    Args:
        external: its address on the outside, an IP literal.
        config: its behaviour.
        rng: for random port allocation.
    """

    def __init__(
        self, external: str, config: NatConfig | None = None, *, rng: random.Random | None = None
    ) -> None:
        self.external = external
        self.config = config if config is not None else NatConfig()
        self.filtered = 0
        self._rng = rng if rng is not None else random.Random(external)
        self._by_key: dict[tuple[Address, tuple[str, int]], Mapping] = {}
        self._by_external: dict[Address, Mapping] = {}
        self._next_port = FIRST_PORT

    def mappings(self, now: Instant) -> list[Mapping]:
        """The mappings alive at `now`, oldest first."""
        return [mapping for mapping in self._by_key.values() if mapping.expires > now]

    def forget(self) -> None:
        """Lose the table, as on a reboot."""
        self._by_key.clear()
        self._by_external.clear()

    def outbound(self, source: Address, destination: Address, *, now: Instant) -> Address | None:
        """The external source address for a packet from inside, making a mapping if need be; `None`: not let out.

        Spec: RFC 4787 §4.1, §4.3 (outbound packets refresh the mapping: REQ-6).
        """
        if self.config.blocks_udp:
            self.filtered += 1
            return None
        key = (source, self.config.mapping.key(destination))
        mapping = self._by_key.get(key)
        if mapping is None or mapping.expires <= now:
            if mapping is not None:
                self._remove(mapping)
            mapping = self._create(key, now)
            if mapping is None:
                self.filtered += 1
                return None
        mapping.expires = now + self.config.timeout
        mapping.contacted.add(destination)
        return mapping.external

    def inbound(self, source: Address, destination: Address, *, now: Instant) -> Address | None:
        """The internal address for a packet that came to one of ours; `None`: no mapping, or filtered.

        Spec: RFC 4787 §5 REQ-8.
        """
        mapping = self._by_external.get(destination)
        if mapping is None or mapping.expires <= now or self.config.blocks_udp:
            self.filtered += 1
            return None
        look = self.config.filtering.key
        if look(source) not in {look(contacted) for contacted in mapping.contacted}:
            self.filtered += 1
            return None
        if self.config.refresh_inbound:
            mapping.expires = now + self.config.timeout
        return mapping.internal

    def _remove(self, mapping: Mapping) -> None:
        del self._by_key[mapping.key]
        del self._by_external[mapping.external]

    def _create(self, key: tuple[Address, tuple[str, int]], now: Instant) -> Mapping | None:
        if len(self._by_key) >= MAPPINGS_LIMIT:
            for old in [mapping for mapping in self._by_key.values() if mapping.expires <= now]:
                self._remove(old)
            if len(self._by_key) >= MAPPINGS_LIMIT:
                return None
        external = self._allocate(key[0].port, now)
        if external is None:
            return None
        mapping = Mapping(internal=key[0], external=external, expires=now, key=key)
        self._by_key[key] = self._by_external[external] = mapping
        return mapping

    def _allocate(self, wanted: int, now: Instant) -> Address | None:
        if self.config.ports is PortAllocation.PRESERVE and self._free(wanted, now):
            return Address(self.external, wanted)
        if self.config.ports is PortAllocation.RANDOM:
            for _ in range(64):  # a table of 4,096 in 64,512 ports: 64 misses in a row do not happen
                port = self._rng.randint(FIRST_PORT, LAST_PORT)
                if self._free(port, now):
                    return Address(self.external, port)
            return None
        for _ in range(MAPPINGS_LIMIT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
            if self._free(port, now):
                return Address(self.external, port)
        return None

    def _free(self, port: int, now: Instant) -> bool:
        taken = self._by_external.get(Address(self.external, port))
        if taken is not None and taken.expires <= now:
            self._remove(taken)
            taken = None
        return taken is None

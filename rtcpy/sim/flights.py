"""A network whose packets in flight can be seen, and changed by hand between two steps.

`OpenNetwork` is `network.Network` with its hood up: what left whom and what became of it (`departures`), what is on its
way (`in_flight`), what was delivered last, and the operations of an attacker or a bad cable on single packets. Packets
that a rule of `hold_when` picks stop in the middle of the network until they are released.

No specification: what NATs refuse follows RFC 4787 §5, packets that are too large vanish as RFC 8899 §1.1 describes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

from rtcpy.core.machine import Address, Datagram, Instant
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.network import Network, _Site

DEPARTURES_KEPT = 100_000  # records of sent packets; later ones are not kept


@dataclass(slots=True)
class Flight:
    """A datagram between leaving one end and reaching the other.

    Args:
        order: tells it from all others of this network.
        data: the UDP payload as it travels now.
        source: where it seems to come from, as the receiver will see it.
        destination: where it is going.
        sender: name of the host that sent it; empty if it was injected.
        receiver: name of the host, or of the router before it.
        sent: when it left, in **seconds**.
        arrival: when it will be there; `inf` while it is held.
        note: what was done to it by hand: ``"held"``, ``"edited"``, ``"a copy"``, ``"injected"``, ``"delayed"`` or "".
    """

    order: int
    data: bytes
    source: Address
    destination: Address
    sender: str
    receiver: str
    sent: Instant
    arrival: Instant
    note: str = ""
    to: int = field(default=-1, repr=False)
    """As `Simulation` names the receiver."""
    origin: tuple[str, Datagram] | None = field(default=None, repr=False, compare=False)
    """The sender and the datagram as it was sent, for `Network.on_fate`."""

    @property
    def is_held(self) -> bool:
        """Whether it waits for its release."""
        return self.arrival == inf


@dataclass(slots=True)
class Departure:
    """A datagram that a host sent, and what the network did to it at once.

    Args:
        at: when, in **seconds**.
        sender: name of the host.
        data: the UDP payload.
        local: own address of the sender.
        remote: where it was sent to.
        receiver: name of the host, or of the router before it; empty if there is none.
        fate: empty: it is on its way as it was sent. Else why not, with the section where there is one.
    """

    at: Instant
    sender: str
    data: bytes
    local: Address
    remote: Address
    receiver: str
    fate: str = ""


@dataclass(slots=True)
class _Traveller:
    sender: str
    sent: Instant
    note: str = ""


Predicate = Callable[[Flight], bool]


class OpenNetwork(Network):
    """A `Network` to look into and to meddle with. Arguments: those of `Network`.

    Attributes:
        departures: what hosts have sent since the list was last emptied by its owner.
        held: packets that wait for their release.
        delivered: the packet that the last step delivered, `None` if it was none.
        turned_away: why nobody took it, with the section; empty: somebody did.
        woken: name of the host whose timer fired in the last step; empty if it was none.
    """

    def __init__(self, *, seed: int | str = 0, link: LinkConfig | None = None, log: bool = True) -> None:
        super().__init__(seed=seed, link=link, log=log)
        self.departures: list[Departure] = []
        self.held: list[Flight] = []
        self.delivered: Flight | None = None
        self.turned_away = ""
        self.woken = ""
        self._travellers: dict[int, _Traveller] = {}
        self._sender = ""
        self._rules: dict[int, Predicate] = {}
        self._rules_made = 0
        self._arrived = False

    # --- looking -----------------------------------------------------------------------------------------------

    def in_flight(self) -> list[Flight]:
        """What is on its way, next to arrive first; held packets last."""
        travelling = [self._flight(entry) for entry in sorted(self._wire, key=lambda entry: entry[:2])]
        return travelling + list(self.held)

    def _flight(self, entry: tuple[Instant, int, int, Datagram]) -> Flight:
        arrival, order, to, packet = entry
        origin = self._travellers.get(order) or _Traveller("", arrival)
        return Flight(
            order,
            packet.data,
            packet.remote,
            packet.local,
            origin.sender,
            self._by_index[to].name
            if to >= 0
            else self._name_at(packet.local.host, self._by_number[-1 - to]),
            origin.sent,
            arrival,
            origin.note,
            to,
            self._origins.get(id(packet)),
        )

    def _name_at(self, address: str, site: _Site) -> str:
        """Who has `address` in `site`: a host, or a router; empty: nobody."""
        owner = site.owners.get(address)
        if owner is None:
            return ""
        return owner.name if isinstance(owner, _Site) else self._by_index[owner].name

    @property
    def rules(self) -> list[int]:
        """The numbers of the rules of `hold_when` in force."""
        return list(self._rules)

    # --- moving ------------------------------------------------------------------------------------------------

    def advance(self) -> bool:
        """Do the next thing: one packet, one timer or one scripted action. Whether there was any."""
        self.settle()
        self.delivered, self.turned_away, self.woken = None, "", ""
        head = self._flight(self._wire[0]) if self._wire else None
        before, steps, self._arrived = list(self._deadlines), self.steps, False
        if not self._step(inf):
            return False
        if self._arrived and head is not None:
            self.delivered = head
            self._travellers.pop(head.order, None)
        elif self.steps != steps:
            self.woken = self._by_index[before.index(min(before))].name
        return True

    def advance_possible(self) -> bool:
        """Whether anything is left to happen."""
        return self.next_instant() != inf

    def wait(self, until: Instant) -> None:
        """Let time pass up to `until`, and what is due by then happen."""
        self.drive(until=until)
        orders = {entry[1] for entry in self._wire}
        self._travellers = {order: origin for order, origin in self._travellers.items() if order in orders}

    # --- meddling ----------------------------------------------------------------------------------------------

    def drop(self, order: int) -> Flight:
        """Take a packet off the wire for good."""
        flight = self._take(order)
        self._tell_of(flight, "lost")
        return flight

    def duplicate(self, order: int) -> Flight:
        """Let a copy of a packet arrive right behind it; of a held one, at once. Returns the original."""
        flight = self._find(order)
        arrival = self.now if flight.is_held else flight.arrival
        self._put(flight, flight.data, arrival, "a copy")
        self._tell_of(flight, "duplicated")
        return flight

    def delay(self, order: int, seconds: float) -> Flight:
        """Let a packet arrive `seconds` later; of a held one, so much from now."""
        if not 0 <= seconds < inf:
            raise ValueError(f"a delay of {seconds} s")
        flight = self._take(order)
        self._put(flight, flight.data, (self.now if flight.is_held else flight.arrival) + seconds, "delayed")
        return flight

    def edit(self, order: int, data: bytes) -> Flight:
        """Let a packet arrive with other bytes. Returns the original."""
        flight = self._take(order)
        self._tell_of(flight, "corrupted")
        if flight.is_held:
            self.held.append(replace(flight, data=bytes(data), note="edited, held"))
        else:
            self._put(flight, bytes(data), flight.arrival, "edited")
        return flight

    def insert(self, data: bytes, source: Address, destination: Address, at: Instant) -> None:
        """Let a datagram that nobody sent appear in the internet, to arrive at `at`."""
        self._sender, held = "", self._rules
        self._rules = {}
        self.inject(bytes(data), source, destination, at=at)
        self._rules = held
        self._travellers[self._order].note = "injected"

    def hold(self, order: int) -> Flight:
        """Stop a packet where it is."""
        flight = self._take(order)
        flight.arrival, flight.note = inf, "held"
        self.held.append(flight)
        return flight

    def hold_when(self, picks: Predicate) -> int:
        """Stop every packet that `picks` chooses from now on, those in flight too. Returns the number of the rule."""
        self._rules_made += 1
        self._rules[self._rules_made] = picks
        for flight in self.in_flight():
            if not flight.is_held and picks(flight):
                self.hold(flight.order)
        return self._rules_made

    def release(self, order: int | None = None) -> list[Flight]:
        """Let one held packet go on, or with `None` all of them, and end all rules."""
        if order is None:
            self._rules.clear()
        going = [flight for flight in self.held if order is None or flight.order == order]
        if order is not None and not going:
            raise LookupError(f"packet {order} is not held")
        self.held = [flight for flight in self.held if flight not in going]
        for flight in going:
            self._put(flight, flight.data, self.now, flight.note.replace("held", "").strip(", "))
        return going

    # --- how it is done ----------------------------------------------------------------------------------------

    def _tell_of(self, flight: Flight, fate: str) -> None:
        if flight.origin is not None:
            self._tell(*flight.origin, fate)

    def _find(self, order: int) -> Flight:
        for entry in self._wire:
            if entry[1] == order:
                return self._flight(entry)
        for flight in self.held:
            if flight.order == order:
                return flight
        raise LookupError(f"packet {order} is not in flight")

    def _take(self, order: int) -> Flight:
        flight = self._find(order)
        if flight.is_held:
            self.held = [other for other in self.held if other.order != order]
        else:
            [packet] = [entry[3] for entry in self._wire if entry[1] == order]
            self._wire = sorted(entry for entry in self._wire if entry[1] != order)  # sorted is a heap, too
            self._travellers.pop(order, None)
            self._origins.pop(id(packet), None)
        return flight

    def _put(self, flight: Flight, data: bytes, arrival: Instant, note: str) -> None:
        """Send on what was taken out, or a copy."""
        self._order += 1
        self._travellers[self._order] = _Traveller(flight.sender, flight.sent, note)
        travelling = Datagram(data, flight.destination, flight.source)
        if flight.origin is not None:
            self._origins[id(travelling)] = flight.origin
        heapq.heappush(self._wire, (arrival, self._order, flight.to, travelling))

    def _travel(self, arrival: Instant, to: int, packet: Datagram) -> None:
        super()._travel(arrival, to, packet)
        self._travellers[self._order] = _Traveller(self._sender, self.now)
        if self._rules:
            flight = self._find(self._order)
            if any(picks(flight) for picks in self._rules.values()):
                self.hold(flight.order)

    def _dispatch(self, end: int, packet: Datagram) -> None:
        sender = self._by_index[end].name
        self._sender = sender
        orders, unroutable = self._order, self.unroutable
        filtered = {name: nat.filtered for name, nat in self.nats.items()}
        lost = {
            key: (link.counters.lost, link.counters.too_big, link.counters.overflowed)
            for key, link in self.links.items()
        }
        super()._dispatch(end, packet)
        receiver, fate = "", ""
        if self._order != orders:
            receiver = self._find(orders + 1).receiver
            if self._order > orders + 1:
                fate = "duplicated by the network"
        else:
            fate = self._fate(packet, unroutable, filtered, lost)
        if len(self.departures) < DEPARTURES_KEPT:
            self.departures.append(
                Departure(self.now, sender, packet.data, packet.local, packet.remote, receiver, fate)
            )

    def _fate(
        self,
        packet: Datagram,
        unroutable: int,
        filtered: dict[str, int],
        before: dict[tuple[str, str], tuple[int, int, int]],
    ) -> str:
        """Why a packet did not get onto its way."""
        if self.unroutable != unroutable:
            return f"{packet.remote.host} leads nowhere from there"
        for name, count in filtered.items():
            if self.nats[name].filtered != count:
                return f"{name} lets it not out (RFC 4787 §4.1)"
        for key, link in self.links.items():
            lost, too_big, overflowed = before.get(key, (0, 0, 0))
            if link.counters.too_big != too_big:
                return f"larger than the {link.config.mtu:,} bytes that the path carries (RFC 8899 §1.1)"
            if link.counters.overflowed != overflowed:
                return "the queue at the bottleneck is full"
            if link.counters.lost != lost:
                return "lost by the network"
        return "lost by the network"

    def _deliver(self, end: int, packet: Datagram) -> int:
        filtered = {name: nat.filtered for name, nat in self.nats.items()}
        unroutable = self.unroutable
        self._arrived = True
        taken = super()._deliver(end, packet)
        if taken < 0:
            turned = [name for name, count in filtered.items() if self.nats[name].filtered != count]
            self.turned_away = (
                f"{turned[0]} knows nobody inside who has sent to {packet.remote} (RFC 4787 §5)"
                if turned
                else "no host has this address"
                if self.unroutable != unroutable
                else "the host is switched off"
            )
        return taken

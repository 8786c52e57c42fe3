"""From entries of a trace to journeys of datagrams: who sent what to whom, when it arrived, or that it did not.

A trace of both ends has each datagram twice, as its sender wrote it and as its receiver read it, perhaps with a translated
address, late, twice or never. `passages` puts the two together. A trace of one end shows one half of each journey.

Owns the matching and the names of those who have no trace of their own (servers, the far end). Does not own the words for
what a datagram is (`summary`), nor any picture (`ladder_svg`, `mermaid`).

Specs: RFC 8489 §6.3.3 (transaction ids pair requests with responses), RFC 6347 §4.2.4 (flights).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rtcpy.core.errors import WireError
from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction
from rtcpy.explain.summary import RECORD_KEY, Summary, summarize_datagram
from rtcpy.explain.trace import LostEntry, PacketEntry, Trace
from rtcpy.stun.attributes import USERNAME
from rtcpy.stun.message import MessageClass, is_stun, parse_message

PEER = "peer"
"""What the far end is called in a trace of one end."""
_GONE = ("lost", "unroutable", "filtered")


@dataclass(slots=True)
class Passage:
    """One datagram from its sender to where it got to.

    Args:
        number: of the first entry that knows of it.
        sender: lifeline that it left from.
        receiver: lifeline that it was meant for.
        sent: when it left; `None` if only its arrival was recorded.
        arrivals: when it arrived; empty if it did not, or nobody recorded it; several if it was doubled on the way.
        fate: ``""`` for an ordinary journey, else ``"lost"``, ``"duplicated"``, ``"corrupted"``, ``"unroutable"``,
            ``"filtered"`` (by a NAT), or ``"on its way"`` when the trace ended.
        data: the UDP payload as it was sent.
        summaries: what is in it.
        is_again: all of it was sent before.
        is_late: something that left later arrived earlier.
        flight: number of the DTLS flight, 1 to 6; 0: none.
        source: address that it was sent from, or seemed to come from.
        seen_source: the address that the receiver saw; `None` if unknown.
        is_estimated: one of its times is half of a round trip to a server that was not recorded.
    """

    number: int
    sender: str
    receiver: str
    sent: Instant | None
    data: bytes
    arrivals: list[Instant] = field(default_factory=list)
    fate: str = ""
    summaries: list[Summary] = field(default_factory=list)
    is_again: bool = False
    is_late: bool = False
    flight: int = 0
    source: Address | None = None
    destination: Address | None = None
    seen_source: Address | None = None
    is_estimated: bool = False

    @property
    def at(self) -> Instant:
        """When it is first heard of."""
        return self.sent if self.sent is not None else self.arrivals[0]

    @property
    def layer(self) -> str:
        """The layer that speaks in it: what the application would care for most."""
        layers = {summary.layer for summary in self.summaries}
        return next(
            (layer for layer in ("data", "dcep", "sctp", "dtls", "stun", "rtp", "rtcp") if layer in layers),
            "?",
        )

    @property
    def names(self) -> str:
        """The names of everything in it, repeats counted."""
        counts: dict[str, int] = {}
        for summary in self.summaries:
            counts[summary.name] = counts.get(summary.name, 0) + 1
        return (
            ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())
            or "nothing"
        )

    @property
    def details(self) -> str:
        """The details of everything in it."""
        return " · ".join(dict.fromkeys(summary.detail for summary in self.summaries if summary.detail))

    @property
    def is_bulk(self) -> bool:
        """Whether it may be drawn together with its neighbours."""
        return bool(self.summaries) and all(summary.bulk for summary in self.summaries)


@dataclass(slots=True)
class Passages:
    """The journeys of a trace.

    Args:
        all: in the order in which they began.
        ends: lifelines of the endpoints; of a trace of one end the second is `PEER`.
        servers: lifelines of servers with their addresses.
        addresses: of each lifeline, as far as they are known.
        nats: for each endpoint behind a NAT, the addresses that others saw instead of its own.
        is_two_sided: whether departures and arrivals were both recorded.
        left_out: datagrams beyond the limit.
        half_trip: **seconds** from one end to the other, as far as a trace of one end tells: half of the shortest STUN
            transaction; 0 for a trace of both.
    """

    all: list[Passage]
    ends: list[str]
    servers: dict[str, Address]
    addresses: dict[str, list[Address]]
    nats: dict[str, list[Address]]
    is_two_sided: bool
    left_out: int = 0
    half_trip: float = 0.0

    def departure(self, passage: Passage) -> Instant:
        """When it left; in a trace of one end, half a round trip before it arrived."""
        return passage.sent if passage.sent is not None else passage.arrivals[0] - self.half_trip

    def arrival(self, passage: Passage) -> Instant | None:
        """When it first arrived; in a trace of one end, half a round trip after it left. `None`: it did not."""
        if passage.arrivals:
            return passage.arrivals[0]
        return None if passage.fate or passage.sent is None else passage.sent + self.half_trip

    def between_ends(self) -> list[Passage]:
        """Those that do not involve a server."""
        return [p for p in self.all if p.sender not in self.servers and p.receiver not in self.servers]


def passages(trace: Trace, *, datagrams_max: int = 20_000) -> Passages:
    """The journeys of the datagrams of a trace.

    Args:
        trace: of one end or of several.
        datagrams_max: more than this are counted, not followed.
    """
    entries = trace.datagrams()
    left_out = max(0, len(entries) - datagrams_max)
    entries = entries[:datagrams_max]
    recorded = list(dict.fromkeys(entry.who for entry in entries)) or list(trace.names[:1])
    recorded.sort(key=trace.names.index)
    is_two_sided = len(recorded) > 1
    ends = recorded if is_two_sided else [*recorded, PEER]
    own = {name: _own_addresses(entries, name) for name in recorded}
    servers = _servers(entries, {address for addresses in own.values() for address in addresses})
    guide = _Guide(ends, own, servers, is_two_sided)
    out = [_departure(entry, guide) for entry in entries if entry.direction is Direction.OUT]
    _fates(out, trace.of(LostEntry))
    _arrivals(out, [entry for entry in entries if entry.direction is Direction.IN], guide)
    out.sort(key=lambda passage: (passage.at, passage.number))
    if is_two_sided:
        _missing(out, guide, entries[-1].at)
    _server_times(out, guide)
    out.sort(key=lambda passage: (passage.at, passage.number))
    _words(out, trace)
    _lateness(out)
    return Passages(
        out,
        ends,
        {name: address for address, name in servers.items()},
        {**{name: list(addresses) for name, addresses in own.items()}, PEER: list(guide.foreign)},
        {name: list(seen) for name, seen in guide.seen.items() if seen},
        is_two_sided,
        left_out,
        0.0 if is_two_sided else _half_trip(out),
    )


def _half_trip(out: Sequence[Passage]) -> float:
    """Half of the shortest transaction between the ends. Spec: RFC 8489 §6.3.3."""
    asked: dict[bytes, list[Instant]] = {}
    shortest = math.inf
    for passage in out:
        if not is_stun(passage.data) or passage.is_estimated:
            continue
        key, is_request = passage.data[8:20], passage.data[0] == 0
        if passage.sent is not None and is_request:
            asked.setdefault(key, []).append(passage.sent)
        elif (
            passage.sent is None and not is_request and len(asked.get(key, ())) == 1
        ):  # else it answers either
            shortest = min(shortest, passage.arrivals[0] - asked[key][0])
    return shortest / 2 if shortest < math.inf else 0.0


class _Guide:
    """Who has which address."""

    def __init__(
        self,
        ends: Sequence[str],
        own: Mapping[str, dict[Address, None]],
        servers: Mapping[Address, str],
        is_two_sided: bool,
    ) -> None:
        self.ends, self.servers, self.is_two_sided = ends, servers, is_two_sided
        self.owners = {address: name for name, addresses in own.items() for address in addresses}
        self.seen: dict[str, dict[Address, None]] = {}
        self.foreign: dict[Address, None] = {}

    def other(self, name: str) -> str:
        """The end that `name` talks to when its address says nothing."""
        return next((end for end in self.ends if end != name), PEER)

    def owner(self, address: Address | None, speaker: str) -> str:
        """The lifeline of an address that `speaker` talks to or hears from."""
        if address is None:
            return self.other(speaker)
        found = self.servers.get(address) or self.owners.get(address)
        if found is not None and found != speaker:
            return found
        if not self.is_two_sided:
            self.foreign[address] = None
        return self.other(speaker)


def _own_addresses(entries: Iterable[PacketEntry], who: str) -> dict[Address, None]:
    return dict.fromkeys(entry.local for entry in entries if entry.who == who and entry.local is not None)


def _servers(entries: Iterable[PacketEntry], own: set[Address]) -> dict[Address, str]:
    """Those who are asked for a reflexive address: binding requests without credentials go to servers only."""
    found: dict[Address, str] = {}
    for entry in entries:
        remote = entry.remote
        if entry.direction is Direction.IN or remote is None or remote in found or remote in own:
            continue
        if is_stun(entry.data):
            try:
                message = parse_message(entry.data)
            except WireError:
                continue
            if message.message_class is MessageClass.REQUEST and USERNAME not in message:
                found[remote] = f"STUN server {remote}"
    return found


def _departure(entry: PacketEntry, guide: _Guide) -> Passage:
    receiver = guide.owner(entry.remote, entry.who)
    return Passage(
        entry.number,
        entry.who,
        receiver,
        entry.at,
        entry.data,
        source=entry.local,
        destination=entry.remote,
    )


def _fates(out: Sequence[Passage], lost: Sequence[LostEntry]) -> None:
    """Write what the network did to the datagrams that it did not simply carry."""
    waiting: dict[tuple[str, bytes], list[Passage]] = {}
    for passage in out:
        waiting.setdefault((passage.sender, passage.data), []).append(passage)
    for entry in lost:
        for passage in reversed(waiting.get((entry.who, entry.data), [])):  # the network tells at once
            known = passage.sent is not None and passage.sent <= entry.at and not passage.fate
            if known and passage.destination == entry.remote and passage.number < entry.number:
                passage.fate = entry.fate
                break


def _arrivals(out: list[Passage], entries: Sequence[PacketEntry], guide: _Guide) -> None:
    """Give each arrival to the departure that it comes from; what nobody sent becomes a journey of its own."""
    sent: dict[bytes, list[Passage]] = {}
    for passage in out:
        sent.setdefault(passage.data, []).append(passage)
    shortest = _shortest(sent, entries)
    for entry in entries:
        found = _origin(sent.get(entry.data, ()), entry, shortest)
        if found is None and guide.is_two_sided:
            found = _damaged(out, entry)
        if found is None:
            sender = guide.owner(entry.remote, entry.who)
            out.append(
                Passage(
                    entry.number,
                    sender,
                    entry.who,
                    None,
                    entry.data,
                    [entry.at],
                    source=entry.remote,
                    destination=entry.local,
                    seen_source=entry.remote,
                )
            )
            continue
        if found.arrivals and not found.fate:
            found.fate = "duplicated"
        found.arrivals.append(entry.at)
        found.receiver, found.seen_source = entry.who, entry.remote
        if entry.remote is not None and entry.remote != found.source:
            guide.seen.setdefault(found.sender, {})[entry.remote] = None
            guide.owners.setdefault(entry.remote, found.sender)


def _shortest(sent: Mapping[bytes, Sequence[Passage]], entries: Sequence[PacketEntry]) -> float:
    """The shortest time on the way, from datagrams that were sent only once."""
    times = [
        entry.at - departures[0].at
        for entry in entries
        if len(departures := sent.get(entry.data, ())) == 1 and entry.at >= departures[0].at
    ]
    return min(times, default=0.0)


def _origin(departures: Sequence[Passage], entry: PacketEntry, shortest: float) -> Passage | None:
    """Which of the equal datagrams arrived here: the oldest that is not accounted for, if it can have got here by now."""
    possible = [
        passage
        for passage in departures
        if passage.sender != entry.who
        and passage.at + shortest * 0.999 <= entry.at
        and passage.fate not in _GONE
    ]
    for passage in possible:
        if not passage.arrivals or (passage.fate == "duplicated" and len(passage.arrivals) < 2):
            return passage
    return possible[-1] if possible else None


def _damaged(out: Sequence[Passage], entry: PacketEntry) -> Passage | None:
    """The datagram that arrived with other bytes than it left with."""
    for passage in out:
        if (
            passage.fate == "corrupted"
            and not passage.arrivals
            and passage.sender != entry.who
            and abs(len(passage.data) - len(entry.data)) <= 1
            and passage.at <= entry.at
        ):
            return passage
    return None


def _missing(out: Sequence[Passage], guide: _Guide, end: Instant) -> None:
    """What left and was not seen again: lost, unless the trace ends before it could have arrived."""
    longest = max((p.arrivals[-1] - p.at for p in out if p.sent is not None and p.arrivals), default=0.0)
    for passage in out:
        if passage.fate or passage.arrivals or passage.receiver in guide.servers.values():
            continue
        passage.fate = "on its way" if passage.at + longest >= end else "lost"


def _server_times(out: Sequence[Passage], guide: _Guide) -> None:
    """Servers keep no trace: assume that a request was there half way between it and its response.

    Spec: RFC 8489 §6.3.3 (the transaction id).
    """
    names = set(guide.servers.values())
    asked: dict[bytes, list[Passage]] = {}
    for passage in out:
        if not is_stun(passage.data):
            continue
        key = passage.data[8:20]
        if passage.receiver in names and passage.sent is not None:
            asked.setdefault(key, []).append(passage)
        elif passage.sender in names and passage.arrivals:
            before = [p for p in asked.get(key, ()) if p.fate not in _GONE and p.at <= passage.arrivals[0]]
            if not before:
                continue
            request = before[-1]
            half = (request.at + passage.arrivals[0]) / 2
            passage.sent = half
            passage.is_estimated = True
            if not request.arrivals:
                request.arrivals, request.is_estimated = [half], True


def _words(out: Sequence[Passage], trace: Trace) -> None:
    """Say what is in each datagram, and what was there before."""
    views: dict[tuple[str, Direction], dict[bytes, bytes]] = {}
    for entry in trace.packets("dtls-plaintext"):
        views.setdefault((entry.who, entry.direction), {})[entry.data[:RECORD_KEY]] = entry.data[13:]
    clients: dict[str, None] = {}
    seen: set[tuple[str, str, bytes]] = set()
    for passage in out:
        view = {
            **views.get((passage.receiver, Direction.IN), {}),
            **views.get((passage.sender, Direction.OUT), {}),
        }
        passage.summaries = summarize_datagram(passage.data, view)
        again = []
        for summary in passage.summaries:
            # One Finished per handshake: where it was lost, nobody opened it, and its content cannot be compared.
            mark = b"once" if summary.name == "Finished" else summary.identity
            identity = (passage.sender, summary.name, mark)
            if mark:
                again.append(identity in seen)
                seen.add(identity)
            if summary.name == "ClientHello":
                clients[passage.sender] = None
        passage.is_again = bool(again) and all(again)
        passage.flight = _flight(passage, is_client=passage.sender in clients)


def _flight(passage: Passage, *, is_client: bool) -> int:
    """Number of the DTLS flight as in RFC 6347 §4.2.4, figure 1: those of the cookie exchange may be missing."""
    for summary in passage.summaries:
        if summary.layer != "dtls":
            continue
        if summary.name == "ClientHello":
            return 3 if "cookie" in summary.detail else 1
        if summary.name == "HelloVerifyRequest":
            return 2
        if summary.name in ("ServerHello", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"):
            return 4
        if summary.name in ("Certificate", "ClientKeyExchange", "CertificateVerify"):
            return 5 if is_client else 4
        if summary.name in ("ChangeCipherSpec", "Finished"):
            return 5 if is_client else 6
    return 0


def _lateness(out: Sequence[Passage]) -> None:
    """Mark what was overtaken: of two from the same sender to the same receiver the later one arrived earlier."""
    lanes: dict[tuple[str, str], list[Passage]] = {}
    for passage in out:
        if passage.sent is not None and passage.arrivals:
            lanes.setdefault((passage.sender, passage.receiver), []).append(passage)
    for lane in lanes.values():
        earliest = float("inf")
        for passage in reversed(lane):
            passage.is_late = earliest < passage.arrivals[0]
            earliest = min(earliest, passage.arrivals[0])


# --- round trips -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Phase:
    """One layer's part in connecting.

    Args:
        name: ``"ICE"``, ``"DTLS"`` or ``"SCTP"``.
        layer: whose colour it has.
        first: the journey that it began with.
        last: the journey whose arrival ended it, or (ICE) whose departure did.
        start: when `first` left.
        end: when its work was done.
        half_trips: journeys that had to wait for one another, the longest such chain; two are a round trip.
    """

    name: str
    layer: str
    first: Passage
    last: Passage
    start: Instant
    end: Instant
    half_trips: int

    @property
    def round_trips(self) -> str:
        """Round trips for people: ``"1 RTT"``, ``"1½ RTT"``."""
        whole, half = divmod(self.half_trips, 2)
        return ("½" if half and not whole else f"{whole}½" if half else f"{whole}") + " RTT"


def phases(found: Passages) -> list[Phase]:
    """How long each layer took to connect, in time and in round trips; layers that did not finish are missing.

    ICE ends when DTLS begins, DTLS with the last Finished, SCTP with the first COOKIE-ACK.
    """
    own = found.between_ends()
    out = []
    hello = next((p for p in own if p.layer == "dtls"), None)
    stun = [p for p in own if p.layer == "stun"]
    if stun and hello is not None and stun[0].at <= hello.at:
        depth = _depth(found, stun, found.departure(hello), hello.sender)
        out.append(Phase("ICE", "stun", stun[0], hello, stun[0].at, hello.at, depth))
    out += [
        phase
        for name, layer, ending in (("DTLS", "dtls", "Finished"), ("SCTP", "sctp", "COOKIE-ACK"))
        if (phase := _phase(found, own, name, layer, ending)) is not None
    ]
    return out


def _phase(found: Passages, own: Sequence[Passage], name: str, layer: str, ending: str) -> Phase | None:
    members = [p for p in own if any(s.layer == layer for s in p.summaries)]
    ends: dict[str, tuple[Instant, Passage]] = {}
    for passage in members:
        if any(summary.name == ending for summary in passage.summaries):
            arrived = found.arrival(passage)
            if arrived is not None and (passage.receiver not in ends or arrived < ends[passage.receiver][0]):
                ends[passage.receiver] = (arrived, passage)
    if not ends:
        return None
    choose = max if ending == "Finished" else min  # both sides finish, but one COOKIE-ACK is enough
    end, last = choose(ends.values(), key=lambda pair: pair[0])
    depth = _depth(found, members, end, last.receiver, inclusive=True)
    seen = last.arrivals[0] if last.arrivals else last.at
    return Phase(name, layer, members[0], last, members[0].at, seen, depth)


def _depth(
    found: Passages, members: Sequence[Passage], end: Instant, who: str, *, inclusive: bool = False
) -> int:
    """The longest chain of journeys, each begun at or after the end of the one before, that `who` has seen at `end`."""
    steps: list[tuple[Instant, bool, int, bool]] = []  # (time, arrivals first, which, whether it departs)
    for order, passage in enumerate(members):
        sent, arrived = found.departure(passage), found.arrival(passage)
        if arrived is not None:
            steps += [(sent, True, order, True), (arrived, arrived == sent, order, False)]
    depth: dict[str, int] = {}
    carried: dict[int, int] = {}
    for at, _, order, departs in sorted(steps, key=lambda step: (step[0], step[1], step[2], not step[3])):
        passage = members[order]
        if at > end + 1e-12:
            break
        if departs:
            carried[order] = depth.get(passage.sender, 0) + 1
        else:
            depth[passage.receiver] = max(depth.get(passage.receiver, 0), carried[order])
            if inclusive and passage.receiver == who and abs(at - end) < 1e-12:
                return depth[who]
    return depth.get(who, 0)


def round_trips(found: Passages, until: Instant, *, most: int = 40) -> list[tuple[Passage, Passage]]:
    """One round trip after the other between the ends, from the first packet on: (journey out, journey back).

    Args:
        found: the journeys.
        until: round trips that end later are not counted.
        most: where counting ends.
    """
    own = [p for p in found.between_ends() if found.arrival(p) is not None]
    lanes: dict[str, list[Passage]] = {}
    for passage in own:
        lanes.setdefault(passage.sender, []).append(passage)
    if len(lanes) < 2:
        return []
    here = own[0].sender if found.is_two_sided else found.ends[0]
    there = next(name for name in lanes if name != here)
    trips: list[tuple[Passage, Passage]] = []
    now = -math.inf
    while len(trips) < most:
        out = _next(found, lanes.get(here, ()), now)
        back = _next(found, lanes[there], out[1]) if out is not None else None
        if out is None or back is None or back[1] > until:
            break
        trips.append((out[0], back[2]))
        now = max(back[1], math.nextafter(found.departure(out[0]), math.inf))
    return trips


def _next(
    found: Passages, journeys: Sequence[Passage], now: Instant
) -> tuple[Passage, Instant, Passage] | None:
    """(the first to leave at or after `now`, the earliest arrival among it and those soon after, and whose that is)."""
    start = bisect_left(journeys, now - 1e-12, key=found.departure)
    rest = journeys[start : start + 64]
    if not rest:
        return None
    arrivals = [(arrival, index) for index, p in enumerate(rest) if (arrival := found.arrival(p)) is not None]
    arrival, index = min(arrivals)
    return rest[0], arrival, rest[index]

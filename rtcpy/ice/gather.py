"""Gathering: asking STUN servers how the world sees our sockets.

Owned here: the transactions with servers, their pacing, their end, and keeping the NAT bindings alive until ICE
has concluded. Not here: host candidates, which need nobody's answer, and relayed candidates, which a TURN client
allocates (both: `local`).

Theory of operation: each base is asked about at each server of its family, one new request every Ta, all in
flight together. Each answer yields its candidate at once. A server that is dead holds up only the end of gathering, and
that no longer than `IceConfig.gathering_timeout`.

Specs: RFC 8445 §5.1.1.2 (server-reflexive), §5.1.1.4 (keeping candidates alive), §14.2; RFC 8489 §6.2.1, §11.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Address, Datagram, Instant
from rtcpy.ice.binding import error_code, mapped_address, write_server_request
from rtcpy.ice.candidate import canonical, parse_ip, unusable_reason
from rtcpy.ice.check import retransmission_interval
from rtcpy.ice.config import MAX_SERVERS, IceConfig, StunServer
from rtcpy.stun import Message, MessageClass, new_transaction_id

NO_ANSWER = 701  # the server could not be reached, W3C webrtc §4.8.3
MAX_KEEPALIVES = 16  # bindings refreshed per round; there are MAX_SERVERS servers at most


@dataclass(slots=True)
class Mapped:
    """A server's answer: seen from `server`, the socket `base` has the address `mapped`."""

    base: Address
    mapped: Address
    server: StunServer
    server_index: int


@dataclass(slots=True)
class Unanswered:
    """A server gave nothing usable for `base`."""

    base: Address
    server: StunServer
    code: int
    reason: str


Outcome = Mapped | Unanswered


@dataclass(slots=True, eq=False)
class _Query:
    """One Binding request to one server from one base."""

    base: Address
    server: StunServer
    server_index: int
    transaction_id: bytes
    packet: bytes
    next_send: Instant
    transmissions: int = 1


def may_ask(base: Address, server: Address) -> bool:
    """Whether a socket on `base` can reach `server`: same family, and no way from loopback or link-local out."""
    ours, theirs = parse_ip(base.host.partition("%")[0]), parse_ip(server.host.partition("%")[0])
    if ours is None or theirs is None or ours.version != theirs.version:
        return False
    if ours.is_loopback and not theirs.is_loopback:
        return False
    return not (ours.version == 6 and ours.is_link_local and not theirs.is_link_local)


class Gatherer:
    """The transactions of one session with STUN servers.

    Args:
        bases: sockets to ask about, best first.
        servers: whom to ask.
        config: timers.
        entropy: for transaction ids.
        now: instant of this call; the first request goes out at once.
    """

    __slots__ = (
        "_asked",
        "_bases",
        "_config",
        "_deadline",
        "_entropy",
        "_keepalive_at",
        "_next_at",
        "_packets",
        "_queries",
        "_refreshed",
        "_refreshing",
        "_waiting",
    )

    def __init__(
        self,
        bases: Iterable[Address],
        servers: Iterable[StunServer],
        config: IceConfig,
        entropy: Entropy,
        *,
        now: Instant,
    ) -> None:
        self._config, self._entropy = config, entropy
        self._bases = list(bases)
        self._asked = 0
        self._waiting: deque[tuple[Address, StunServer, int]] = deque()
        self._queries: dict[bytes, _Query] = {}
        self._refreshing = True
        self._refreshed: dict[tuple[Address, Address], bytes] = {}
        self._packets: list[Datagram] = []
        self._next_at = now
        self._deadline = now + config.gathering_timeout
        self._keepalive_at: Instant | None = None
        self.ask(servers, now=now)

    def ask(self, servers: Iterable[StunServer], *, now: Instant) -> None:
        """Ask more servers, at most `MAX_SERVERS` in all: their names were resolved later than others'."""
        fresh = list(servers)[: MAX_SERVERS - self._asked]
        if not fresh:
            return
        numbered = list(enumerate(fresh, self._asked))
        self._asked += len(fresh)
        self._waiting.extend(
            (base, server, i)
            for base in self._bases
            for i, server in numbered
            if may_ask(base, server.address)
        )
        self._deadline = now + self._config.gathering_timeout
        self._start_due(now)

    @property
    def done(self) -> bool:
        """Whether nothing is asked any more."""
        return not self._waiting and not self._queries

    def take_packets(self) -> list[Datagram]:
        """Drain what is to be sent."""
        out, self._packets = self._packets, []
        return out

    def next_timeout(self) -> Instant | None:
        """When the next request, repeat, refresh or the end is due."""
        deadlines = [query.next_send for query in self._queries.values()]
        if self._waiting:
            deadlines.append(self._next_at)
        if not self.done:
            deadlines.append(self._deadline)
        if self._keepalive_at is not None:
            deadlines.append(self._keepalive_at)
        return min(deadlines, default=None)

    def handle_timeout(self, *, now: Instant) -> list[Outcome]:
        """Send what is due; at the end, give up on servers that have not answered."""
        outcomes: list[Outcome] = []
        if not self.done and now >= self._deadline:
            reason = f"no answer within {self._config.gathering_timeout:g} s"
            outcomes += [Unanswered(q.base, q.server, NO_ANSWER, reason) for q in self._queries.values()]
            outcomes += [
                Unanswered(base, server, NO_ANSWER, "no time left to ask")
                for base, server, _ in self._waiting
            ]
            self._queries.clear()
            self._waiting.clear()
        for query in self._queries.values():
            if query.next_send <= now:
                query.transmissions += 1
                query.next_send = now + retransmission_interval(
                    query.transmissions, self._config.rto, self._config.rto_max
                )
                self._packets.append(Datagram(query.packet, query.base, query.server.address))
        self._start_due(now)
        if self._keepalive_at is not None and now >= self._keepalive_at:
            self._refresh(now)
        return outcomes

    def _start_due(self, now: Instant) -> None:
        """Start one transaction if Ta has passed. Spec: RFC 8445 §14.2."""
        if self._waiting and now >= self._next_at:
            base, server, index = self._waiting.popleft()
            transaction_id = new_transaction_id(self._entropy)
            packet = write_server_request(transaction_id)
            interval = retransmission_interval(1, self._config.rto, self._config.rto_max)
            self._queries[transaction_id] = _Query(
                base, server, index, transaction_id, packet, now + interval
            )
            self._packets.append(Datagram(packet, base, server.address))
            self._next_at = now + self._config.ta

    def _refresh(self, now: Instant) -> None:
        """Keep the bindings behind our reflexive candidates alive. Spec: RFC 8445 §5.1.1.4."""
        for (base, server), _ in list(self._refreshed.items())[:MAX_KEEPALIVES]:
            transaction_id = new_transaction_id(self._entropy)
            self._refreshed[base, server] = transaction_id
            self._packets.append(Datagram(write_server_request(transaction_id), base, server))
        self._keepalive_at = now + self._config.keepalive

    def handle_response(self, message: Message, packet: Datagram, *, now: Instant) -> Outcome | str | None:
        """Take a response that no check claims.

        Returns:
            the outcome; why the response is refused; or `None` when it ends a refresh and tells nothing new.

        A server's answers are not signed, so only the 96 random bits of the transaction id and both addresses
        speak for them (RFC 8489 §6.3.3).
        """
        if message.transaction_id in self._refreshed.values():
            return None
        query = self._queries.get(message.transaction_id)
        if query is None:
            return "response to no request of ours (RFC 8489 §6.3.3)"
        if packet.local != query.base or canonical(packet.remote) != canonical(query.server.address):
            return "response from another address than was asked (RFC 8489 §6.3.3)"
        del self._queries[message.transaction_id]
        if message.message_class is MessageClass.ERROR_RESPONSE:
            code, reason = error_code(message)
            return Unanswered(query.base, query.server, code, reason)
        mapped = mapped_address(message, allow_plain=True)
        if mapped is None:
            return Unanswered(query.base, query.server, NO_ANSWER, "the response carries no mapped address")
        problem = unusable_reason(mapped, allow_loopback=self._config.allow_loopback)
        if problem is None and (":" in mapped.host) != (":" in query.base.host):
            problem = "of the other address family"
        if problem is not None:
            return Unanswered(query.base, query.server, NO_ANSWER, f"mapped address {mapped}: {problem}")
        if self._refreshing:
            self._refreshed[query.base, query.server.address] = b""
            if self._keepalive_at is None:
                self._keepalive_at = now + self._config.keepalive
        return Mapped(query.base, mapped, query.server, query.server_index)

    def stop_refreshing(self) -> None:
        """ICE has concluded: let unused bindings die. Spec: RFC 8445 §8.3.1."""
        self._refreshing = False
        self._keepalive_at = None
        self._refreshed.clear()

    def stop(self) -> None:
        """End everything at once."""
        self.stop_refreshing()
        self._queries.clear()
        self._waiting.clear()
        self._packets.clear()

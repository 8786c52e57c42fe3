"""The answering side of Binding: where did this datagram come from?

`StunServer` is a `Machine`: datagrams in, datagrams out, no socket. `rtcpy.servers.stun` puts it on UDP ports, and
`python -m rtcpy serve --stun 127.0.0.1:3478` runs it.

It holds no state per client (a Binding request may be answered again and again, RFC 8489 §6.3.1) apart from the
bounded table of `limiter`. An answer to a 20-byte request is at most six times as large, and Binding answers carry
no SOFTWARE for that reason: a server that answers anybody must not be a lever.

Owned here: what to answer to what. Not here: long-term credentials (`authenticator`), the check of ICE's short-term
credentials (the ICE agent answers its own requests), NAT behaviour discovery (RFC 5780, not offered).

Specs: RFC 8489 §6.3, §6.3.1, §12; RFC 8085 §3 for the restraint.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from rtcpy.core.errors import RtcError
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.stun.attributes import (
    ERROR_CODE,
    UNKNOWN_ATTRIBUTES,
    XOR_MAPPED_ADDRESS,
)
from rtcpy.stun.authenticator import Authenticated, Authenticator
from rtcpy.stun.error_codes import ErrorCode, ErrorNumber
from rtcpy.stun.errors import StunError
from rtcpy.stun.limiter import RateLimiter
from rtcpy.stun.message import Message, MessageClass, Method, is_stun, parse_message, split_message_type

MAX_REQUEST_BYTES = (
    1500  # larger than any Binding request that fits an Ethernet frame; RFC 8489 §6.1 says 548
)
MAX_UNKNOWN_LISTED = 32  # types named in one 420; a request with more has made its point


class Drop(Enum):
    """Why a datagram got no answer."""

    NOT_STUN = "not STUN (RFC 8489 §5)"
    MALFORMED = "malformed STUN (RFC 8489 §6.3)"
    NOT_A_REQUEST = "a response or indication (RFC 8489 §6.3)"
    UNSUPPORTED_METHOD = "a method other than Binding (RFC 8489 §6.3)"
    RATE_LIMITED = "too many requests from this host (RFC 8489 §16)"
    UNANSWERABLE = "source address cannot be answered (RFC 8489 §6.3.1.1)"


@dataclass(slots=True)
class Answered(Event):
    """One request was answered; `error` is `None` for a success, else the code."""

    client: Address
    server: Address
    error: int | None


class StunServer:
    """Answers Binding requests. A `Machine[Datagram, Event]` without deadlines.

    Args:
        authenticator: ask for long-term credentials; `None` answers everybody, as public STUN servers do.
        limiter: the bound on answers per host; the default is generous for people and mean to floods.
        tap: told of every datagram and every drop.
    """

    __slots__ = ("_authenticator", "_closed", "_events", "_limiter", "_out", "_tap", "answered", "dropped")

    def __init__(
        self,
        *,
        authenticator: Authenticator | None = None,
        limiter: RateLimiter | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._authenticator, self._tap = authenticator, tap
        self._limiter = limiter if limiter is not None else RateLimiter()
        self._out: list[Datagram] = []
        self._events: list[Event] = []
        self._closed = False
        self.answered = 0
        """Requests answered, errors included."""
        self.dropped: Counter[Drop] = Counter()
        """Datagrams not answered, by reason."""

    # --- Machine ---------------------------------------------------------------------------------------------

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Take one datagram. Spec: RFC 8489 §6.3."""
        if self._closed:
            return None
        data = bytes(packet.data)  # a copy, should the caller reuse its buffer (law 8)
        if self._tap is not None:
            self._tap.packet("stun", Direction.IN, data, now=now, local=packet.local, remote=packet.remote)
        if not is_stun(data):
            return self._drop(Drop.NOT_STUN, packet, now)
        method, message_class = split_message_type(data[0] << 8 | data[1])
        if message_class is not MessageClass.REQUEST:
            return self._drop(Drop.NOT_A_REQUEST, packet, now)
        if method != Method.BINDING:
            return self._drop(Drop.UNSUPPORTED_METHOD, packet, now)
        if len(data) > MAX_REQUEST_BYTES:
            return self._drop(Drop.MALFORMED, packet, now)
        if not packet.remote.port:
            return self._drop(Drop.UNANSWERABLE, packet, now)
        if not self._limiter.allow(packet.remote.host, now=now):
            return self._drop(Drop.RATE_LIMITED, packet, now)
        try:
            request = parse_message(data)
        except StunError as error:
            if not error.bad_request:
                return self._drop(Drop.MALFORMED, packet, now)
            request = Message(method, message_class, data[8:20])
            self._send(request.error(ErrorCode.of(ErrorNumber.BAD_REQUEST)), packet, now)
            return None
        try:
            self._on_binding_request(request, packet, now)
        except RtcError:  # the source is no IP literal, so XOR-MAPPED-ADDRESS cannot say it
            self._drop(Drop.UNANSWERABLE, packet, now)
        return None

    def handle_timeout(self, *, now: Instant) -> None:
        """Nothing is ever due."""

    def next_timeout(self) -> Instant | None:
        """`None`: a server without state has no deadlines."""
        return None

    def take_packets(self) -> list[Datagram]:
        """The answers, in the order of the requests."""
        out, self._out = self._out, []
        return out

    def take_events(self) -> list[Event]:
        """`Answered`, once per answer."""
        events, self._events = self._events, []
        return events

    def close(self, *, now: Instant) -> None:
        """Stop answering."""
        self._closed = True
        self._out.clear()

    # --- requests --------------------------------------------------------------------------------------------

    def _on_binding_request(self, request: Message, packet: Datagram, now: Instant) -> None:
        """Authentication first, then unknown attributes, then the answer: the order of RFC 8489 §6.3."""
        fingerprint = request.fingerprint is not None
        who: Authenticated | None = None
        if self._authenticator is not None:
            checked = self._authenticator.check(request, packet.remote, now=now)
            if not isinstance(checked, Authenticated):
                self._send(checked.response, packet, now, fingerprint=fingerprint)
                return
            who = checked
        unknown = request.unknown_required[:MAX_UNKNOWN_LISTED]
        if unknown:
            response = request.error(
                ErrorCode.of(ErrorNumber.UNKNOWN_ATTRIBUTE), [UNKNOWN_ATTRIBUTES(unknown)]
            )
        else:
            response = request.success([XOR_MAPPED_ADDRESS(packet.remote)])
        self._send(response, packet, now, who=who, fingerprint=fingerprint)

    def _send(
        self,
        response: Message,
        to: Datagram,
        now: Instant,
        *,
        who: Authenticated | None = None,
        fingerprint: bool = False,
    ) -> None:
        """Answer from the address that was asked. Spec: RFC 8489 §6.3.1.2."""
        data = response.serialize(
            who.key if who else None, sha256=who.sha256 if who else False, fingerprint=fingerprint
        )
        error = response.get(ERROR_CODE)
        self._out.append(Datagram(data, to.local, to.remote))
        self._events.append(Answered(to.remote, to.local, None if error is None else error.code))
        self.answered += 1
        if self._tap is not None:
            self._tap.packet("stun", Direction.OUT, data, now=now, local=to.local, remote=to.remote)

    def _drop(self, why: Drop, packet: Datagram, now: Instant) -> None:
        self.dropped[why] += 1
        if self._tap is not None:
            self._tap.drop("stun", packet.data, why.value, now=now)

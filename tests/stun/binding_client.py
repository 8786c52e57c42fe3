"""A client of nothing but `rtcpy.stun`: asks one server for its address, with or without an account.

A `Machine`, so that server and client can be put through the laws and behind simulated NATs.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.stun import (
    ERROR_CODE,
    XOR_MAPPED_ADDRESS,
    Due,
    ErrorCode,
    LongTermClient,
    Message,
    MessageClass,
    Method,
    StunError,
    Transaction,
    Verdict,
    new_transaction_id,
    parse_message,
)


@dataclass(slots=True)
class Mapped(Event):
    """The server sees us as `address`."""

    address: Address | None


@dataclass(slots=True)
class Failed(Event):
    """It did not work; `error` is what the server said, if it said anything."""

    reason: str
    error: ErrorCode | None = None


class BindingClient:
    """One Binding transaction, repeated after a challenge."""

    def __init__(
        self, local: Address, server: Address, *, entropy: Entropy, account: LongTermClient | None = None
    ) -> None:
        self.local, self.server, self.account = local, server, account
        self.address: Address | None = None
        self.requests: list[bytes] = []
        self._entropy = entropy
        self._transaction: Transaction | None = None
        self._out: list[Datagram] = []
        self._events: list[Event] = []
        self._closed = False

    def start(self, *, now: Instant) -> None:
        request = Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(self._entropy))
        data = self.account.sign(request) if self.account else request.serialize(fingerprint=False)
        self._transaction = Transaction(request.transaction_id, data, now=now)
        self.requests.append(data)
        self._transmit()

    def _transmit(self) -> None:
        assert self._transaction is not None
        self._out.append(Datagram(self._transaction.request, self.local, self.server))

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        transaction = self._transaction
        if self._closed or transaction is None or transaction.over or packet.remote != self.server:
            return
        try:
            response = parse_message(packet.data)
        except StunError:
            return
        if response.transaction_id != transaction.transaction_id or response.message_class not in (
            MessageClass.SUCCESS_RESPONSE,
            MessageClass.ERROR_RESPONSE,
        ):
            return
        verdict = self.account.handle_response(response) if self.account else Verdict.ACCEPT
        if verdict is Verdict.DISCARD:
            transaction.handle_forgery()
            return
        transaction.handle_response(now=now)
        error = response.get(ERROR_CODE)
        if verdict is Verdict.RETRY:
            self.start(now=now)
        elif verdict is Verdict.FAIL:
            self._events.append(Failed(self.account.failure if self.account else "", error))
        elif response.message_class is MessageClass.ERROR_RESPONSE:
            self._events.append(Failed("refused", error))
        else:
            self.address = response.get(XOR_MAPPED_ADDRESS)
            self._events.append(Mapped(self.address))

    def handle_timeout(self, *, now: Instant) -> None:
        if self._transaction is None:
            return
        due = self._transaction.handle_timeout(now=now)
        if due is Due.RETRANSMIT:
            self._transmit()
        elif due is Due.FAILED:
            self._events.append(Failed("integrity" if self._transaction.failed_integrity else "timeout"))

    def next_timeout(self) -> Instant | None:
        return None if self._transaction is None else self._transaction.next_timeout()

    def take_packets(self) -> list[Datagram]:
        out, self._out = self._out, []
        return out

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def close(self, *, now: Instant) -> None:
        self._closed = True
        self._transaction = None
        self._out.clear()

"""The contract that every protocol layer of rtcpy follows.

A `Machine` is a protocol without I/O: bytes and the time go in; datagrams, events and the next
deadline come out. No method reads a clock, draws from the operating system, opens a socket or awaits.
That is what lets the same object run under asyncio, in a simulator with a virtual clock, in a property
test, or one step at a time in a notebook.

Six methods; commands (`send`, `start`, `add_remote_candidate`, …) are ordinary methods that end in
``*, now``. After anything that may have changed a machine (a command, `receive`, `handle_timeout`,
`close`) its owner drains `take_packets` and `take_events` and re-reads `next_timeout`.

The laws, each checked for every machine by `rtcpy.testing.laws`:

1. *Time is told.* `now` never decreases; equal is fine. No method reads a clock.
2. *All work happens in* `receive`, `handle_timeout`, `close` *and commands.* Drains compute nothing, so
   their order and number cannot change behaviour.
3. *Progress.* After ``handle_timeout(now=t)`` with ``t >= next_timeout()``, `next_timeout()` is `None` or ``> t``.
4. *Spurious wake-ups are harmless.*
5. *Hostile bytes never raise*: they are dropped, counted and told to the tap with the reason.
   Commands do raise (`UsageError`).
6. *Deterministic*: the same arguments, entropy seed and inputs give the same bytes and events.
7. *Closed is final.*
8. *No aliasing*: what is kept is copied; outputs are `bytes` that the caller owns.
9. *Bounded*: every queue, reassembly buffer and table has a limit; where an application can outrun a
   machine, it exposes `buffered_amount`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

Instant = float
"""Seconds on the caller's monotonic clock. The origin has no meaning; only differences do."""

P = TypeVar("P")
E_co = TypeVar("E_co", covariant=True)


class Address(NamedTuple):
    """A transport address: an IP literal (IPv6 without brackets, scope after ``%``) and a UDP or TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class Datagram:
    """One UDP payload with both of its ends, as ICE and everything above the socket sees it."""

    data: bytes
    local: Address
    remote: Address


class Event:
    """Base of everything that `take_events` hands out: complete when made, never filled in later."""

    __slots__ = ()


class Machine(Protocol[P, E_co]):
    """What the owner of a protocol layer may call. `P` is `bytes` for DTLS and SCTP, `Datagram` for ICE and above."""

    def receive(self, packet: P, *, now: Instant) -> None:
        """Take one packet from below. Never raises on hostile bytes."""

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due. An early call has no effect."""

    def next_timeout(self) -> Instant | None:
        """The next deadline, or `None`. Pure."""

    def take_packets(self) -> Sequence[P]:
        """Drain what is to be sent, in order. Does no work."""

    def take_events(self) -> Sequence[E_co]:
        """Drain what happened, in order. Does no work."""

    def close(self, *, now: Instant) -> None:
        """End the machine: say goodbye on the wire if the protocol does, cancel all deadlines. Idempotent."""

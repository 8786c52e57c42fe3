"""Connectivity checks in flight: which request awaits which answer, when it is repeated, when it is given up.

Owned here: the table of transactions and their schedule. What a check says is `binding`'s, what its outcome means
is `agent`'s.

Specs: RFC 8445 §7.2.4, §7.2.5, §14.3; RFC 8489 §6.2.1; RFC 7675 §5.1 (consent checks are sent once).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rtcpy.core.machine import Instant
from rtcpy.ice.checklist import CandidatePair

QUICK_TRANSMISSIONS = (
    7  # Rc of RFC 8489 §6.2.1: so many go out with the interval capped, later ones double it
)
MAX_CHECKS_PER_PAIR = (
    4  # outstanding; older ones are forgotten. A peer that checks us all the time makes more.
)
CONSENT_MEMORY = 10.0  # s that a consent check may be answered after: many round trips (RFC 7675 §5.1)


class Purpose(Enum):
    """Why a check is sent; it decides what silence means."""

    CONNECTIVITY = "does this pair work?"  # silence fails the pair
    NOMINATION = "use this pair"  # silence fails the pair, RFC 8445 §7.2.5.3.4
    CONSENT = "may I go on sending?"  # sent once; `consent` counts the silence
    PROBE = "is the path in use still alive?"  # repeated for a while; `consent` counts the silence


def retransmission_interval(transmissions: int, rto: float, rto_max: float, *, steady: bool = False) -> float:
    """Seconds to wait after the `transmissions`-th request (from 1) before the next.

    It doubles from `rto` up to `rto_max`, stays there until `QUICK_TRANSMISSIONS` have gone out, then doubles
    again without limit. Deviation: see `IceConfig.rto_max`.

    Args:
        transmissions: how often the request has gone out.
        rto: first interval in seconds.
        rto_max: ceiling in seconds.
        steady: stay at the ceiling for good: the pair has been proven, so nobody is flooded who does not answer.

    Spec: RFC 8489 §6.2.1.
    """
    if transmissions < QUICK_TRANSMISSIONS or steady:
        return min(rto * (1 << min(transmissions - 1, QUICK_TRANSMISSIONS)), rto_max)
    return rto_max * (2 << (transmissions - QUICK_TRANSMISSIONS))


@dataclass(slots=True, eq=False)
class Check:
    """One Binding request of ours on a pair.

    Args:
        transaction_id: 12 **bytes**.
        pair: what it checks.
        packet: the request, for repeating it bit for bit.
        key: what the answer must be signed with (the peer's password when the request was made).
        controlling: the role that the request claims.
        purpose: what it is for.
        sent_at: instant of the first transmission.
        rto: first interval, in seconds.
        expires: when it is given up.
        next_send: when it is repeated; `None` when it is not (cancelled, or consent).
        priority: the PRIORITY it carries; what a peer-reflexive candidate of ours learnt from it gets.
    """

    transaction_id: bytes
    pair: CandidatePair
    packet: bytes
    key: bytes
    controlling: bool
    purpose: Purpose
    sent_at: Instant
    rto: float
    expires: Instant
    next_send: Instant | None
    priority: int
    transmissions: int = 1
    cancelled: bool = False

    def deadline(self) -> Instant:
        """When something is to be done about it."""
        return self.expires if self.next_send is None or self.next_send > self.expires else self.next_send

    def cancel(self) -> None:
        """No more repeats, and no answer is no failure; but an answer still counts.

        Spec: RFC 8445 §7.3.1.4, §8.1.2.
        """
        self.cancelled = True
        self.next_send = None

    def round_trip_time(self, now: Instant) -> float | None:
        """Seconds, or `None` after a repeat: which one was answered is unknown (RFC 8489 §6.2.1)."""
        return now - self.sent_at if self.transmissions == 1 else None


class CheckTable:
    """All checks in flight, by transaction id. Bounded by `MAX_CHECKS_PER_PAIR` times the pairs."""

    __slots__ = ("_checks",)

    def __init__(self) -> None:
        self._checks: dict[bytes, Check] = {}

    def __len__(self) -> int:
        return len(self._checks)

    def add(self, check: Check) -> None:
        """Start a transaction; the pair's oldest one is forgotten when it has too many."""
        if len(self._checks) >= MAX_CHECKS_PER_PAIR:
            mine = self.of(check.pair)
            for old in mine[: max(0, len(mine) - MAX_CHECKS_PER_PAIR + 1)]:
                del self._checks[old.transaction_id]
        self._checks[check.transaction_id] = check

    def find(self, transaction_id: bytes) -> Check | None:
        """The check that a response belongs to."""
        return self._checks.get(transaction_id)

    def remove(self, check: Check) -> None:
        """The transaction is over."""
        self._checks.pop(check.transaction_id, None)

    def of(self, pair: CandidatePair) -> list[Check]:
        """The checks on `pair`, oldest first."""
        return [check for check in self._checks.values() if check.pair is pair]

    def forget(self, pair: CandidatePair) -> None:
        """Drop all checks on `pair`: its answers count no more (RFC 7675 §5.1)."""
        for check in self.of(pair):
            del self._checks[check.transaction_id]

    def all(self) -> list[Check]:
        """Every check, oldest first."""
        return list(self._checks.values())

    def clear(self) -> None:
        """Forget everything."""
        self._checks.clear()

    def due(self, now: Instant) -> list[Check]:
        """The checks whose deadline has come, oldest first."""
        return [check for check in self._checks.values() if check.deadline() <= now]

    def next_timeout(self) -> Instant | None:
        """The earliest deadline."""
        if not self._checks:
            return None
        return min([check.deadline() for check in self._checks.values()], default=None)

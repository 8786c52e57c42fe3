"""When to send a request again, and when to give up.

UDP loses datagrams, so a client repeats its request: after RTO, then after twice as long, and so on. With the
defaults that is at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and the end at 39.5 s.

A `Transaction` holds no socket and no clock: it says when it wants to be woken and what is due then.
`RtoEstimator` remembers how long a server takes, so that the next transaction starts with a better guess.

Specs: RFC 8489 §6.2.1, §6.2.2, RFC 6298.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Instant

RTO_INITIAL = 0.5  # s, "greater than or equal to 500 ms", RFC 8489 §6.2.1
REQUESTS_MAX = 7  # Rc: requests in all, RFC 8489 §6.2.1
FINAL_WAIT = 16  # Rm: the wait after the last request, in units of RTO, RFC 8489 §6.2.1
RELIABLE_TIMEOUT = 39.5  # s, Ti: the one wait over TCP, RFC 8489 §6.2.2
RTO_STALE_AFTER = 600.0  # s without a transaction until an estimate is worth nothing, RFC 8489 §6.2.1
RTO_MAX = 60.0  # s, RFC 6298 §2.5
CLOCK_GRANULARITY = 0.001  # s, "a 1 ms accuracy SHOULD be maintained", RFC 8489 §6.2.1
_ALPHA, _BETA, _K = 1 / 8, 1 / 4, 4  # RFC 6298 §2.3


@dataclass(slots=True)
class TransactionTimers:
    """The three numbers of the schedule.

    Args:
        rto: first interval in **seconds**; it doubles after each request.
        requests: Rc, how often the request is sent in all.
        final_wait: Rm, the wait after the last request in units of `rto`.

    Spec: RFC 8489 §6.2.1.
    """

    rto: float = RTO_INITIAL
    requests: int = REQUESTS_MAX
    final_wait: float = FINAL_WAIT

    def __post_init__(self) -> None:
        if not (self.rto > 0 and self.requests >= 1 and self.final_wait > 0):
            raise RtcRangeError(
                f"a schedule cannot be {self!r}: all three must be positive (RFC 8489 §6.2.1)"
            )

    @classmethod
    def reliable(cls, timeout: float = RELIABLE_TIMEOUT) -> TransactionTimers:
        """Over TCP: one request, one wait of `timeout` **seconds**. Spec: RFC 8489 §6.2.2."""
        return cls(rto=timeout, requests=1, final_wait=1)

    @property
    def duration(self) -> float:
        """**Seconds** from the first request to failure, when nothing is answered."""
        return self.rto * ((1 << (self.requests - 1)) - 1 + self.final_wait)


class Due(Enum):
    """What a wake-up brought."""

    NOTHING = "nothing"
    RETRANSMIT = "retransmit"  # send `request` again, bit for bit
    FAILED = "failed"  # nobody answered


class Transaction:
    """One request that waits for its response. Made in the instant in which the caller sends it first.

    Args:
        transaction_id: the 12 **bytes** that the response must echo.
        request: the serialized request, for retransmission; may stay empty if the caller keeps it.
        now: the instant of the first transmission.
        timers: the schedule; the defaults are RFC 8489's.

    Invariant: `next_timeout` is `None` exactly when the transaction is over.
    """

    __slots__ = (
        "_deadline",
        "_interval",
        "_started",
        "_timers",
        "forged",
        "request",
        "sent",
        "transaction_id",
    )

    def __init__(
        self,
        transaction_id: bytes,
        request: bytes = b"",
        *,
        now: Instant,
        timers: TransactionTimers | None = None,
    ) -> None:
        self.transaction_id, self.request = transaction_id, request
        self._timers = timers or TransactionTimers()
        self._started = now
        self._interval = self._timers.rto
        self.sent = 0
        """How many times the request has gone out."""
        self.forged = 0
        """Responses discarded for a missing or wrong HMAC (see `failed_integrity`)."""
        self._deadline: Instant | None = None
        self._sent_one(now)

    def _sent_one(self, now: Instant) -> None:
        self.sent += 1
        if self.sent < self._timers.requests:
            self._deadline = now + self._interval
            self._interval *= 2
        else:
            self._deadline = now + self._timers.rto * self._timers.final_wait

    def next_timeout(self) -> Instant | None:
        """When `handle_timeout` has something to do; `None` when the transaction is over."""
        return self._deadline

    def handle_timeout(self, *, now: Instant) -> Due:
        """What is due at `now`. After `RETRANSMIT` the caller sends `request`; after `FAILED` it is over.

        Spec: RFC 8489 §6.2.1.
        """
        if self._deadline is None or now < self._deadline:
            return Due.NOTHING
        if self.sent < self._timers.requests:
            self._sent_one(now)
            return Due.RETRANSMIT
        self._deadline = None
        return Due.FAILED

    def handle_response(self, *, now: Instant) -> float | None:
        """End the transaction; the caller has checked id and HMAC.

        Returns:
            The round-trip time in **seconds**, or `None` when the request was sent more than once: then nobody
            knows which one was answered (Karn's algorithm).

        Spec: RFC 8489 §6.2.1.
        """
        self._deadline = None
        return now - self._started if self.sent == 1 else None

    def handle_forgery(self) -> None:
        """A response with our id but without a valid HMAC: as if never received, but remembered.

        Spec: RFC 8489 §9.1.4.
        """
        self.forged += 1

    def cancel(self) -> None:
        """Give up waiting, e.g. because the check became pointless (RFC 8445 §8.1.1) or on a hard ICMP error."""
        self._deadline = None

    @property
    def over(self) -> bool:
        """Whether the transaction was answered, failed or was cancelled."""
        return self._deadline is None

    @property
    def failed_integrity(self) -> bool:
        """On failure: report broken integrity instead of a timeout. Spec: RFC 8489 §9.1.4."""
        return self.forged > 0


class RtoEstimator:
    """The first retransmission interval for one server, from the round trips seen.

    Args:
        minimum: floor of the RTO in **seconds**; RFC 8489 asks for 0.5 unless another mechanism paces.

    Spec: RFC 6298 §2 with the two exceptions of RFC 8489 §6.2.1 (not rounded to seconds; starts at 500 ms).
    """

    __slots__ = ("_last", "_minimum", "_rttvar", "_srtt")

    def __init__(self, minimum: float = RTO_INITIAL) -> None:
        self._minimum = minimum
        self._srtt: float | None = None
        self._rttvar = 0.0
        self._last: Instant = 0.0

    def measure(self, round_trip: float | None, *, now: Instant) -> None:
        """Take what `Transaction.handle_response` returned; `None` counts as use, not as a measurement."""
        if self._srtt is not None and now - self._last > RTO_STALE_AFTER:
            self._srtt = None
        self._last = now
        if round_trip is None:
            return
        if self._srtt is None:
            self._srtt, self._rttvar = round_trip, round_trip / 2
        else:
            self._rttvar += _BETA * (abs(self._srtt - round_trip) - self._rttvar)
            self._srtt += _ALPHA * (round_trip - self._srtt)

    def rto(self, *, now: Instant) -> float:
        """The interval in **seconds** to start the next transaction with."""
        if self._srtt is None or now - self._last > RTO_STALE_AFTER:
            return self._minimum
        return min(RTO_MAX, max(self._minimum, self._srtt + max(CLOCK_GRANULARITY, _K * self._rttvar)))

"""When a flight is sent again, and in what size: the timer values and the brakes.

    sent --timeout--> sent again --2 × timeout--> sent again -- … up to `maximum_timeout`
      |
      +--the peer repeats the flight before--> sent again, at most every 20 ms

A new flight begins with the initial timeout. Deviation: RFC 6347 §4.2.4.1 would keep a timer that had grown until a
flight gets through without loss; but the peer has just answered, so the path is alive, and flights are few.

Specs: RFC 6347 §4.2.4, §4.1.1.1; the values of the timer are explained at `DtlsConfig`.
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.dtls.events import DtlsConfig

DUPLICATE_SPACING = 0.02  # s; a flight is repeated for the peer's sake at most this often
DOUBTED_RETRANSMISSIONS = 2  # of a client's flight 5, after which its hello is sent along
BLACKHOLE_RETRANSMISSIONS = 3  # unanswered, after which fragments shrink: RFC 6347 §4.1.1.1
BLACKHOLE_MTU = 548  # bytes of UDP payload that every IPv4 host takes: 576 − 28, RFC 791 §3.1


class Retransmission:
    """The counters behind one connection's flights. Knows no flight and no timer; returns numbers."""

    __slots__ = ("_config", "_in_a_row", "_last_sent", "_timeout", "total")

    def __init__(self, config: DtlsConfig) -> None:
        self._config = config
        self._timeout = config.initial_timeout
        self._in_a_row = 0
        self._last_sent: Instant | None = None
        self.total = 0
        """Flights sent more than once, in all."""

    def begin(self) -> None:
        """A new flight is to be sent."""
        self._in_a_row = 0
        self._timeout = self._config.initial_timeout

    def back_off(self) -> None:
        """The timer fired: the flight is to be sent again, with more patience."""
        self._in_a_row += 1
        self.total += 1
        self._timeout = min(2 * self._timeout, self._config.maximum_timeout)

    def may_repeat(self, now: Instant) -> bool:
        """Whether a repetition by the peer may be answered with one of ours; if so, it is counted."""
        if self._last_sent is not None and now - self._last_sent < DUPLICATE_SPACING:
            return False
        self.total += 1
        return True

    def sent(self, now: Instant) -> Instant:
        """A flight was sent: when to send it again."""
        self._last_sent = now
        return now + self._timeout

    @property
    def has_sent(self) -> bool:
        """Whether the peer may know of us."""
        return self._last_sent is not None

    @property
    def is_doubted(self) -> bool:
        """Whether a client should wonder if the server read its hello right (see `client12`)."""
        return self._in_a_row >= DOUBTED_RETRANSMISSIONS

    @property
    def mtu(self) -> int:
        """Largest datagram for the next transmission, in **bytes**."""
        mtu = self._config.mtu
        return min(mtu, BLACKHOLE_MTU) if self._in_a_row >= BLACKHOLE_RETRANSMISSIONS else mtu

"""How long to wait for an acknowledgement, and how much may be on its way: RTO and congestion window.

Owns srtt, rttvar, rto, cwnd, ssthresh and partial_bytes_acked of the one path that SCTP over DTLS has. Which
chunks are outstanding or lost is `outbound`'s business; it tells this object and asks it.

Specs: RFC 9260 §6.3.1 (RTO), §7.2 (slow start, congestion avoidance, reaction to loss).
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.sctp.config import SctpConfig

RTO_ALPHA = 1 / 8  # RFC 9260 §16
RTO_BETA = 1 / 4  # RFC 9260 §16
INITIAL_CWND = 4404  # bytes, RFC 9260 §7.2.1 (IPv4; IPv6 has 4344, and the layer below knows which)
MIN_WINDOW_PACKETS = 4  # RFC 9260 §7.2.3: ssthresh is never below 4 packets
SLOW_START_LIMIT = (
    2  # L of RFC 9260 §7.2.1 and RFC 3465: growth per SACK in packets; one SACK covers two packets
)
CWND_LIMIT = 8 * 1024 * 1024  # bytes: bound on what is kept for retransmission, whatever the path promises


class Congestion:
    """RFC 9260 §6.3 and §7 for one path. `pmdcs` is the user data in bytes that one packet holds."""

    __slots__ = (
        "_config",
        "_last_sent",
        "cwnd",
        "expected_rtt",
        "min_rtt",
        "partial_bytes_acked",
        "pmdcs",
        "rto",
        "rto_initial",
        "rttvar",
        "srtt",
        "ssthresh",
    )

    def __init__(self, config: SctpConfig, pmdcs: int) -> None:
        self._config = config
        self.pmdcs = pmdcs
        self.rto_initial = config.rto_initial
        self.expected_rtt = config.rto_initial / 3
        self.restart()

    def restart(self) -> None:
        """As new: at set-up, after a restart of the association and after a change of path.

        Spec: RFC 9260 §7.2.1, §7.2.5.2.
        """
        self.srtt: float | None = None
        self.rttvar = 0.0
        self.min_rtt = 0.0
        self.rto = self.rto_initial
        self.cwnd = min(4 * self.pmdcs, max(2 * self.pmdcs, INITIAL_CWND))
        self.ssthresh = CWND_LIMIT
        self.partial_bytes_acked = 0
        self._last_sent: Instant | None = None

    # -- time ------------------------------------------------------------------------------------

    def expect(self, rtt: float) -> None:
        """The path's round trip is known before the first packet: ICE has just measured `rtt` seconds on it.

        Until SCTP has measured for itself, timeouts start from what C2 makes of that instead of from RTO.Initial: with
        1, 2, 4 s for lost INITs a connection at 20 % loss would take seconds more. Spec: RFC 9260 §6.3.1 (C1, C2).
        """
        estimate = rtt + max(2 * rtt, self._config.rtt_variance_min)
        self.expected_rtt = rtt
        self.rto_initial = min(max(estimate, self._config.rto_min), self._config.rto_initial)
        if self.srtt is None:
            self.rto = self.rto_initial

    def measured(self, rtt: float) -> None:
        """A round trip of a packet that was sent once took `rtt` seconds. Spec: RFC 9260 §6.3.1 (C2, C3, C6, C7)."""
        if self.srtt is None:
            self.srtt, self.rttvar, self.min_rtt = rtt, rtt / 2, rtt
        else:
            error = rtt - self.srtt
            self.rttvar += RTO_BETA * ((error if error > 0 else -error) - self.rttvar)
            self.srtt += RTO_ALPHA * error
            self.min_rtt = rtt if rtt < self.min_rtt else self.min_rtt
        config = self._config
        variance, least = 4 * self.rttvar, config.rtt_variance_min
        rto = self.srtt + (variance if variance > least else least)
        least = config.rto_min
        self.rto = least if rto < least else min(rto, config.rto_max)

    def back_off(self) -> None:
        """A timer expired: wait twice as long next time. Spec: RFC 9260 §6.3.3 (E2)."""
        self.rto = min(self.rto * 2, self._config.rto_max)

    # -- window ----------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        """Bytes beyond which cwnd does not grow: what the path can hold at the configured rate.

        Deviation: RFC 9260 bounds cwnd by loss alone. On a path with hardly any delay that only fills, and
        then overruns, the receiver's socket buffer.
        """
        path = int(self.min_rtt * self._config.cwnd_rate)
        return min(max(self._config.cwnd_floor, 4 * self.pmdcs, path), CWND_LIMIT)

    def acknowledged(self, size: int, flight_before: int) -> None:
        """`size` bytes were newly acknowledged outside fast recovery, with `flight_before` bytes outstanding.

        Grows cwnd, but only if it was in full use. Spec: RFC 9260 §7.2.1, §7.2.2.
        """
        full = flight_before + self.pmdcs > self.cwnd  # not one more packet would have fitted
        if self.cwnd <= self.ssthresh:
            if full:
                self.cwnd = min(
                    self.cwnd + min(size, SLOW_START_LIMIT * self.pmdcs), max(self.limit, self.cwnd)
                )
            return
        self.partial_bytes_acked += size
        if self.partial_bytes_acked >= self.cwnd:
            if full:
                self.partial_bytes_acked -= self.cwnd
                self.cwnd = min(self.cwnd + self.pmdcs, max(self.limit, self.cwnd))
            else:
                self.partial_bytes_acked = self.cwnd

    def lost(self) -> None:
        """Gap reports showed a loss: halve. Spec: RFC 9260 §7.2.3."""
        self.ssthresh = max(self.cwnd // 2, MIN_WINDOW_PACKETS * self.pmdcs)
        self.cwnd = self.ssthresh
        self.partial_bytes_acked = 0

    def timed_out(self) -> None:
        """T3-rtx expired: start again with one packet. Spec: RFC 9260 §7.2.3, §6.3.3 (E1)."""
        self.ssthresh = max(self.cwnd // 2, MIN_WINDOW_PACKETS * self.pmdcs)
        self.cwnd = self.pmdcs
        self.partial_bytes_acked = 0

    def sending(self, now: Instant, flight: int) -> None:
        """A packet with DATA is about to leave; after silence the window has aged, halved once per RTO.

        Spec: RFC 9260 §7.2.1, last item.
        """
        last, self._last_sent = self._last_sent, now
        if flight or last is None or now - last <= self.rto:
            return
        halvings = int(min((now - last) / self.rto, 32))
        floor = MIN_WINDOW_PACKETS * self.pmdcs
        if self.cwnd > floor:
            self.ssthresh = max(self.ssthresh, self.cwnd)
            self.cwnd = max(self.cwnd >> halvings, floor)

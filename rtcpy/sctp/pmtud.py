"""How large a packet may be: path MTU discovery by probing, and the way back when packets vanish.

Owns the packet size in force and the search. A probe is a HEARTBEAT padded to the size in question;
its answer proves that the size passes. A lost probe proves nothing and costs nothing: probes carry no data and count
for no congestion control. `supervision` builds the probes and keeps the timer.

The search begins when it is `wanted`, which is when more bytes wait than a packet of the base size holds; an
association that only chats never probes (RFC 8899 §4.3 lets probes wait for data). It goes down a short ladder, largest
first: on loopback and in data centres the first probe already succeeds and packets as large as a DTLS record follow
one round trip later; elsewhere one of the sizes that real links have is found after a few losses. Sizes in between are
not worth their probes.

What the *peer* can read is another matter: only a peer that says so in its INIT gets more than an Ethernet frame
holds (`limit_to`).

The layers below must not fragment: sockets set "don't fragment", or the discovery finds the size of a lie.

Specs: RFC 8899 §4.3 (black holes), §5.1 (constants), §5.2 (states), §5.3 (search), §6.2 (SCTP, over DTLS: §6.2.3);
RFC 4820 (PAD).
"""

from __future__ import annotations

from enum import Enum

from rtcpy.core.machine import Instant
from rtcpy.sctp.config import MAX_DTLS_PLAINTEXT, UNSIGNALLED_LARGEST_PACKET, SctpConfig

MAX_PROBES = 3  # RFC 8899 §5.1.2
PROBE_TIMER = (
    1.0  # s: the least that RFC 8899 §5.1.1 allows; the round trip is measured, no need to guess 15 s
)
PMTU_RAISE_TIMER = 600.0  # s, RFC 8899 §5.1.1
BLACK_HOLE_TIMEOUTS = 2  # T3-rtx expiries in a row with packets larger than the base in flight
RETRY_AFTER_BLACK_HOLE = 30.0  # s until larger sizes are tried again

# UDP payloads of links that exist: jumbo Ethernet (IPv4, IPv6), FDDI, Ethernet (IPv4, IPv6), PPPoE, tunnels.
LADDER = (8972, 8952, 4324, 1472, 1452, 1440, 1392, 1352, 1280)


class SearchState(Enum):
    """RFC 8899 §5.2. BASE needs no phase of its own here: the set-up of DTLS has confirmed the base size."""

    DISABLED = "Disabled"
    SEARCHING = "Searching"
    SEARCH_COMPLETE = "Search Complete"


class PathMtu:
    """Packet sizes of one path. All sizes here are SCTP packets in **bytes**, multiples of 4."""

    __slots__ = (
        "_base",
        "_candidates",
        "_limit",
        "_overhead",
        "_own_limit",
        "_probe_count",
        "_timeouts",
        "deadline",
        "size",
        "state",
        "wanted",
    )

    def __init__(self, config: SctpConfig) -> None:
        self._overhead = config.lower_overhead
        self._base = max((config.path_mtu - self._overhead) & ~3, 512)
        self._own_limit = max(
            min(config.path_mtu_limit - self._overhead, MAX_DTLS_PLAINTEXT) & ~3, self._base
        )
        self._limit = self._own_limit
        self.size = self._base
        self.state = SearchState.DISABLED
        self._candidates: list[int] = []  # still to be tried, in this order
        self._probe_count = 0
        self._timeouts = 0
        self.deadline: Instant | None = None
        self.wanted = False  # something was to be sent that larger packets would make cheaper

    @property
    def base(self) -> int:
        """The size that is assumed always to pass."""
        return self._base

    def limit_to(self, largest_packet: int) -> None:
        """Never send more than the peer's stack can read: bytes of SCTP packet, 0 when it does not say.

        A path that carries a packet proves nothing about the program at its end; see `parameters.LargestPacket`.
        """
        reads = (largest_packet or UNSIGNALLED_LARGEST_PACKET) & ~3
        self._limit = max(min(self._own_limit, reads), self._base)

    def restart(self, now: Instant) -> None:
        """Begin at the base, and search if that is wanted: the association is new, or the path, or the wish."""
        self.size = self._base
        self._timeouts = 0
        if self.wanted:
            self._search(now)
        else:
            self.stop()

    def stop(self) -> None:
        """No more probes."""
        self.state, self.deadline = SearchState.DISABLED, None

    def _search(self, now: Instant) -> None:
        sizes = {self._limit} | {(size - self._overhead) & ~3 for size in LADDER}
        self._candidates = sorted((s for s in sizes if self.size < s <= self._limit), reverse=True)
        self._probe_count = 0
        if self._candidates:
            self.state, self.deadline = SearchState.SEARCHING, now
        else:
            self.state, self.deadline = SearchState.SEARCH_COMPLETE, None

    def take_probe(self, now: Instant) -> int | None:
        """The size of the probe that is due, or None. Spec: RFC 8899 §5.2, §5.3."""
        if self.deadline is None or now < self.deadline:
            return None
        if self.state is SearchState.SEARCH_COMPLETE:
            self._search(now)
            if not self._candidates:
                return None
        if self._probe_count == MAX_PROBES:
            self._candidates.pop(0)
            self._probe_count = 0
            if not self._candidates:
                self.state, self.deadline = SearchState.SEARCH_COMPLETE, now + PMTU_RAISE_TIMER
                return None
        self._probe_count += 1
        self.deadline = now + PROBE_TIMER
        return self._candidates[0]

    def acknowledged(self, size: int, now: Instant) -> bool:
        """A probe of `size` arrived. Whether packets may now be larger. Spec: RFC 8899 §5.2."""
        self._timeouts = 0
        if self.state is not SearchState.SEARCHING or size <= self.size or size > self._limit:
            return False
        self.size = size
        self._candidates = []  # all larger ones were tried before it
        self.state = SearchState.SEARCH_COMPLETE
        self.deadline = None if size == self._limit else now + PMTU_RAISE_TIMER
        return True

    def progress(self) -> None:
        """Data was acknowledged."""
        self._timeouts = 0

    def timed_out(self, now: Instant) -> bool:
        """T3-rtx expired. Whether that is taken for a black hole: packets are back at the base size then.

        Spec: RFC 8899 §4.3.
        """
        self._timeouts += 1
        if self.size == self._base or self._timeouts < BLACK_HOLE_TIMEOUTS:
            return False
        self.size = self._base
        self._timeouts = 0
        self._candidates = []
        self.state, self.deadline = SearchState.SEARCH_COMPLETE, now + RETRY_AFTER_BLACK_HOLE
        return True

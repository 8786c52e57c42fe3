"""Four blanks of SCTP: the checksum, numbers that wrap, what a SACK reports, and how long to wait for one.

Specs: RFC 9260 appendix A, §3.3.4, §6.3.1; RFC 1982 §3.2; RFC 3720 §B.4 (vectors of CRC32c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import google_crc32c
from hypothesis import strategies as st

from rtcpy.core.serial import diff32
from rtcpy.sctp import inbound
from rtcpy.sctp.congestion import Congestion
from rtcpy.testing.blank import Blank, Replacement, everywhere, for_all, same

VECTORS = {  # RFC 3720 §B.4
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(reversed(range(32))): 0x113FDB5C,
}
SPREAD_MAX = 40  # how far beyond the cumulative TSN the runs of a check lie
CLOSE = 1e-9  # relative: two ways to write the same formula differ in the last bits

Crc = Callable[..., int]
Distance = Callable[[int, int], int]
GapBlocks = Callable[[int, set[int]], list[tuple[int, int]]]
Timeout = Callable[[float | None, float, float], tuple[float, float, float]]


def check_crc32c(crc32c: Crc) -> None:
    """`crc32c(data, crc=0)`: the checksum, to be continued from `crc`. Spec: RFC 9260 appendix A."""
    for data, right in VECTORS.items():
        found = crc32c(data)
        same(
            f"crc32c(bytes.fromhex('{data.hex()}'))",
            hex(found) if isinstance(found, int) else found,
            hex(right),
        )

    def check(given: tuple[bytes, bytes]) -> None:
        head, tail = given
        right = int(google_crc32c.value(head + tail))
        same(f"crc32c({head + tail!r})", crc32c(head + tail), right)
        same(f"crc32c({tail!r}, crc32c({head!r}))", crc32c(tail, crc32c(head)), right)

    for_all(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), check)


def _install_crc(crc32c: Crc, count: Callable[[], None]) -> list[Replacement]:
    def value(data: bytes) -> int:
        count()
        return crc32c(bytes(data))

    def extend(crc: int, data: bytes) -> int:
        count()
        return crc32c(bytes(data), crc)

    return [*everywhere(google_crc32c.value, value), *everywhere(google_crc32c.extend, extend)]


CRC32C = Blank(
    name="crc32c",
    title="the checksum",
    rfc="RFC 9260 appendix A",
    task=(
        "A remainder, with the polynomial 0x1EDC6F41 read backwards: 0x82F63B78. Begin with `crc ^ 0xFFFFFFFF`; for "
        "each byte, XOR it into the lowest eight bits, then eight times: shift right by one and, if a one fell out, "
        "XOR with the polynomial. At the end XOR with 0xFFFFFFFF once more. `crc` is what came before, so that "
        "`crc32c(b, crc32c(a)) == crc32c(a + b)`."
    ),
    source='''def crc32c(data: bytes, crc: int = 0) -> int:
    """CRC32c of `data`, continued from `crc`."""
    ...  # your turn
''',
    check=check_crc32c,
    install=_install_crc,
)


def check_serial_distance(serial_distance: Distance) -> None:
    """`serial_distance(a, b)`: how far `a` is ahead of `b` among 32-bit numbers that wrap. Spec: RFC 1982 §3.2."""

    def check(given: tuple[int, int]) -> None:
        b, ahead = given
        a = (b + ahead) % 2**32
        same(f"serial_distance({a:#010x}, {b:#010x})", serial_distance(a, b), ahead)

    edges = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2])
    near = st.one_of(st.integers(-40, 40), st.integers(-(2**31) + 1, 2**31 - 1))
    for_all(st.tuples(st.one_of(edges, st.integers(0, 2**32 - 1)), near), check)


def _install_distance(serial_distance: Distance, count: Callable[[], None]) -> list[Replacement]:
    def distance(a: int, b: int) -> int:
        count()
        return serial_distance(a, b)

    return everywhere(diff32, distance)


SERIAL_DISTANCE = Blank(
    name="serial_distance",
    title="numbers that wrap",
    rfc="RFC 1982 §3.2",
    task=(
        "TSNs have 32 bits and begin anywhere, so 0xFFFFFFFF is followed by 0. Return how far `a` is ahead of `b`: positive "
        "if it comes after, negative if before, always the shorter way round. (At exactly half the circle nobody can say.)"
    ),
    source='''def serial_distance(a: int, b: int) -> int:
    """How far `a` is ahead of `b`, from -2**31 + 1 to 2**31 - 1."""
    ...  # your turn
''',
    check=check_serial_distance,
    install=_install_distance,
)


def check_gap_blocks(gap_blocks: GapBlocks) -> None:
    """`gap_blocks(cumulative_tsn, received)`: the runs beyond it, as offsets. Spec: RFC 9260 §3.3.4."""

    def check(given: tuple[int, set[int]]) -> None:
        cumulative, offsets = given
        received = {(cumulative + offset) % 2**32 for offset in offsets}
        runs: list[list[int]] = []
        for offset in sorted(offsets):
            if runs and runs[-1][1] == offset - 1:
                runs[-1][1] = offset
            else:
                runs.append([offset, offset])
        found = gap_blocks(cumulative, set(received))
        shown = [tuple(block) for block in found] if isinstance(found, list | tuple) else found
        tsns = "{" + ", ".join(f"{(cumulative + offset) % 2**32:#x}" for offset in sorted(offsets)) + "}"
        same(f"gap_blocks({cumulative:#x}, {tsns if offsets else 'set()'})", shown, [tuple(r) for r in runs])

    beginnings = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 20, 2**32 - 1))
    for_all(st.tuples(beginnings, st.sets(st.integers(2, SPREAD_MAX), max_size=12)), check)


def _install_gaps(gap_blocks: GapBlocks, count: Callable[[], None]) -> list[Replacement]:
    def blocks(ranges: list[list[int]], cumulative: int) -> list[int]:
        count()
        received: set[int] = set()
        for first, last in ranges:
            last = min(last, cumulative + inbound.MAX_GAP)
            received.update(tsn & 0xFFFFFFFF for tsn in range(first, last + 1))
        return [bound for block in gap_blocks(cumulative & 0xFFFFFFFF, received) for bound in block]

    return everywhere(inbound.gap_blocks, blocks)


GAP_BLOCKS = Blank(
    name="gap_blocks",
    title="what a SACK reports beyond the gap",
    rfc="RFC 9260 §3.3.4",
    task=(
        "Everything up to `cumulative_tsn` has arrived, the next TSN has not, and `received` is the set of those that came "
        "beyond. Return the runs of neighbours, in order, each as (start, end): offsets from `cumulative_tsn`, both "
        "inclusive. TSNs wrap after 0xFFFFFFFF."
    ),
    source='''def gap_blocks(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    """(start, end) of each run of received TSNs, as offsets from the cumulative TSN."""
    ...  # your turn
''',
    check=check_gap_blocks,
    install=_install_gaps,
)


def check_retransmission_timeout(retransmission_timeout: Timeout) -> None:
    """`retransmission_timeout(srtt, rttvar, rtt)`: (srtt, rttvar, rto) after one more round trip. Spec: RFC 9260 §6.3.1."""

    def check(round_trips: list[float]) -> None:
        srtt: float | None = None
        rttvar = 0.0
        for rtt in round_trips:
            call = f"retransmission_timeout({srtt!r}, {rttvar!r}, {rtt!r})"
            found = retransmission_timeout(srtt, rttvar, rtt)
            if srtt is None:
                right = (rtt, rtt / 2, rtt + 4 * (rtt / 2))
            else:
                variance = (1 - 1 / 4) * rttvar + 1 / 4 * abs(srtt - rtt)
                smooth = (1 - 1 / 8) * srtt + 1 / 8 * rtt
                right = (smooth, variance, smooth + 4 * variance)
            assert isinstance(found, tuple) and len(found) == 3, f"{call} gives {found!r}; right is {right!r}"
            for name, value, wanted in zip(("srtt", "rttvar", "rto"), found, right, strict=True):
                assert abs(value - wanted) <= CLOSE * wanted + 1e-12, (
                    f"{call} gives {name} {value:.6g}; right is {wanted:.6g}"
                )
            srtt, rttvar = right[0], right[1]

    for_all(
        st.lists(st.sampled_from([0.001, 0.02, 0.04, 0.05, 0.2, 1.0, 2.5]), min_size=1, max_size=6), check
    )


def _install_timeout(retransmission_timeout: Timeout, count: Callable[[], None]) -> list[Replacement]:
    original = Congestion.measured

    def measured(self: Any, rtt: float) -> None:
        count()
        srtt, rttvar, rto = retransmission_timeout(self.srtt, self.rttvar, rtt)
        original(self, rtt)  # keeps what else follows from a measurement
        config = self._config
        self.srtt, self.rttvar = srtt, rttvar
        self.rto = min(max(rto, srtt + config.rtt_variance_min, config.rto_min), config.rto_max)

    return [(Congestion, "measured", measured)]


RETRANSMISSION_TIMEOUT = Blank(
    name="retransmission_timeout",
    title="how long to wait for an acknowledgement",
    rfc="RFC 9260 §6.3.1",
    task=(
        "`rtt` is a new measurement in seconds; `srtt` is None before the first. Return the new (SRTT, RTTVAR, RTO). First "
        "measurement (C2): SRTT = rtt, RTTVAR = rtt / 2. Later ones (C3): RTTVAR is moved by a quarter of the way towards "
        "|SRTT - rtt|, with the *old* SRTT; then SRTT by an eighth towards rtt. RTO = SRTT + 4 RTTVAR. Bounds are kept elsewhere."
    ),
    source='''def retransmission_timeout(srtt: float | None, rttvar: float, rtt: float) -> tuple[float, float, float]:
    """(SRTT, RTTVAR, RTO) in seconds after one more measured round trip."""
    ...  # your turn
''',
    check=check_retransmission_timeout,
    install=_install_timeout,
)

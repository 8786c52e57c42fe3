"""Model solutions of the ten blanks, and for each three wrong ones that somebody might well write. Try yourself first."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

COOKIE = bytes.fromhex("2112a442")

# --- STUN -----------------------------------------------------------------------------------------------------------


def stun_header(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[0] & 0xC0 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_any_cookie(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[0] & 0xC0:
        return None
    return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_takes_rtp(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_cookie_as_transaction(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[0] & 0xC0 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[4:16]


def mapped_address(value: bytes) -> tuple[str, int]:
    port = int.from_bytes(value[2:4], "big") ^ 0x2112
    return ".".join(str(a ^ b) for a, b in zip(value[4:8], COOKIE, strict=True)), port


def mapped_address_plain(value: bytes) -> tuple[str, int]:
    return ".".join(map(str, value[4:8])), int.from_bytes(value[2:4], "big")


def mapped_address_plain_port(value: bytes) -> tuple[str, int]:
    return mapped_address(value)[0], int.from_bytes(value[2:4], "big")


def mapped_address_wrong_half(value: bytes) -> tuple[str, int]:
    return mapped_address(value)[0], int.from_bytes(value[2:4], "big") ^ 0xA442


# --- ICE ------------------------------------------------------------------------------------------------------------


def candidate_priority(type_preference: int, local_preference: int, component: int) -> int:
    return (type_preference << 24) + (local_preference << 8) + (256 - component)


def candidate_priority_component_up(type_preference: int, local_preference: int, component: int) -> int:
    return (type_preference << 24) + (local_preference << 8) + component


def candidate_priority_from_zero(type_preference: int, local_preference: int, component: int) -> int:
    return (type_preference << 24) + (local_preference << 8) + (255 - component)


def candidate_priority_local_first(type_preference: int, local_preference: int, component: int) -> int:
    return (local_preference << 16) + (type_preference << 8) + (256 - component)


def foundation(type: str, base: str, server: str, transport: str) -> str:
    return hashlib.sha256(repr((type, base, server, transport)).encode()).hexdigest()[:32]


def foundation_without_server(type: str, base: str, server: str, transport: str) -> str:
    return hashlib.sha256(f"{type} {base} {transport}".encode()).hexdigest()[:32]


def foundation_readable(type: str, base: str, server: str, transport: str) -> str:
    return f"{type}-{base}-{server}-{transport}"


def foundation_ambiguous(type: str, base: str, server: str, transport: str) -> str:
    return (type + base + server + transport).replace(".", "").replace(":", "")[:32]


# --- DTLS -----------------------------------------------------------------------------------------------------------


def prf(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    a, out = label + seed, b""
    while len(out) < length:
        a = hmac.digest(secret, a, "sha256")
        out += hmac.digest(secret, a + label + seed, "sha256")
    return out[:length]


def prf_from_a0(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    a, out = label + seed, b""
    while len(out) < length:
        out += hmac.digest(secret, a + label + seed, "sha256")
        a = hmac.digest(secret, a, "sha256")
    return out[:length]


def prf_uncut(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    return prf(secret, label, seed, (length + 31) // 32 * 32)


def prf_chained(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    a, out = label + seed, b""
    while len(out) < length:
        a = hmac.digest(secret, a, "sha256")
        out += a
    return out[:length]


class ReplayWindow:
    def __init__(self) -> None:
        self.highest, self.seen = -1, 0

    def is_new(self, number: int) -> bool:
        behind = self.highest - number
        return behind < 0 or (behind < 64 and not self.seen >> behind & 1)

    def mark(self, number: int) -> None:
        ahead = number - self.highest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, 64) | 1) & (1 << 64) - 1
            self.highest = number
        else:
            self.seen |= 1 << -ahead


class ReplayWindowMovesWhenAsked(ReplayWindow):
    """A forged record with a high number would shut out the real ones."""

    def is_new(self, number: int) -> bool:
        new = super().is_new(number)
        if new:
            self.mark(number)
        return new


class ReplayWindowInOrderOnly(ReplayWindow):
    """Takes nothing that comes late."""

    def is_new(self, number: int) -> bool:
        return number > self.highest


class ReplayWindowForEver:
    """Keeps every number, and takes those that are too old to be told from a replay."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def is_new(self, number: int) -> bool:
        return number not in self.seen

    def mark(self, number: int) -> None:
        self.seen.add(number)


# --- SCTP -----------------------------------------------------------------------------------------------------------


def _divide(data: bytes, crc: int, polynomial: int) -> int:
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
    return crc


def crc32c(data: bytes, crc: int = 0) -> int:
    return _divide(data, crc ^ 0xFFFFFFFF, 0x82F63B78) ^ 0xFFFFFFFF


def crc32c_of_ethernet(data: bytes, crc: int = 0) -> int:
    return _divide(data, crc ^ 0xFFFFFFFF, 0xEDB88320) ^ 0xFFFFFFFF


def crc32c_not_inverted(data: bytes, crc: int = 0) -> int:
    return _divide(data, crc, 0x82F63B78)


def crc32c_forgets(data: bytes, crc: int = 0) -> int:
    return _divide(data, 0xFFFFFFFF, 0x82F63B78) ^ 0xFFFFFFFF


def serial_distance(a: int, b: int) -> int:
    return (a - b + 2**31) % 2**32 - 2**31


def serial_distance_plain(a: int, b: int) -> int:
    return a - b


def serial_distance_unsigned(a: int, b: int) -> int:
    return (a - b) % 2**32


def serial_distance_backwards(a: int, b: int) -> int:
    return (b - a + 2**31) % 2**32 - 2**31


def gap_blocks(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    for offset in sorted((tsn - cumulative_tsn) % 2**32 for tsn in received):
        if blocks and blocks[-1][1] == offset - 1:
            blocks[-1] = (blocks[-1][0], offset)
        else:
            blocks.append((offset, offset))
    return blocks


def gap_blocks_absolute(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    return [(s + cumulative_tsn, e + cumulative_tsn) for s, e in gap_blocks(cumulative_tsn, received)]


def gap_blocks_unwrapped(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    for offset in sorted(tsn - cumulative_tsn for tsn in received):
        if blocks and blocks[-1][1] == offset - 1:
            blocks[-1] = (blocks[-1][0], offset)
        else:
            blocks.append((offset, offset))
    return blocks


def gap_blocks_exclusive(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    return [(start, end + 1) for start, end in gap_blocks(cumulative_tsn, received)]


def retransmission_timeout(srtt: float | None, rttvar: float, rtt: float) -> tuple[float, float, float]:
    if srtt is None:
        srtt, rttvar = rtt, rtt / 2
    else:
        rttvar += (abs(srtt - rtt) - rttvar) / 4
        srtt += (rtt - srtt) / 8
    return srtt, rttvar, srtt + 4 * rttvar


def retransmission_timeout_new_srtt(
    srtt: float | None, rttvar: float, rtt: float
) -> tuple[float, float, float]:
    if srtt is None:
        srtt, rttvar = rtt, rtt / 2
    else:
        srtt += (rtt - srtt) / 8
        rttvar += (abs(srtt - rtt) - rttvar) / 4
    return srtt, rttvar, srtt + 4 * rttvar


def retransmission_timeout_no_first(
    srtt: float | None, rttvar: float, rtt: float
) -> tuple[float, float, float]:
    srtt = srtt or 0.0
    rttvar += (abs(srtt - rtt) - rttvar) / 4
    srtt += (rtt - srtt) / 8
    return srtt, rttvar, srtt + 4 * rttvar


def retransmission_timeout_swapped(
    srtt: float | None, rttvar: float, rtt: float
) -> tuple[float, float, float]:
    if srtt is None:
        srtt, rttvar = rtt, rtt / 2
    else:
        rttvar += (abs(srtt - rtt) - rttvar) / 8
        srtt += (rtt - srtt) / 4
    return srtt, rttvar, srtt + 4 * rttvar


ANSWERS: dict[str, tuple[Any, tuple[Any, Any, Any]]] = {
    "stun_header": (
        stun_header,
        (stun_header_any_cookie, stun_header_takes_rtp, stun_header_cookie_as_transaction),
    ),
    "mapped_address": (
        mapped_address,
        (mapped_address_plain, mapped_address_plain_port, mapped_address_wrong_half),
    ),
    "candidate_priority": (
        candidate_priority,
        (candidate_priority_component_up, candidate_priority_from_zero, candidate_priority_local_first),
    ),
    "foundation": (foundation, (foundation_without_server, foundation_readable, foundation_ambiguous)),
    "prf": (prf, (prf_from_a0, prf_uncut, prf_chained)),
    "ReplayWindow": (
        ReplayWindow,
        (ReplayWindowMovesWhenAsked, ReplayWindowInOrderOnly, ReplayWindowForEver),
    ),
    "crc32c": (crc32c, (crc32c_of_ethernet, crc32c_not_inverted, crc32c_forgets)),
    "serial_distance": (
        serial_distance,
        (serial_distance_plain, serial_distance_unsigned, serial_distance_backwards),
    ),
    "gap_blocks": (gap_blocks, (gap_blocks_absolute, gap_blocks_unwrapped, gap_blocks_exclusive)),
    "retransmission_timeout": (
        retransmission_timeout,
        (
            retransmission_timeout_new_srtt,
            retransmission_timeout_no_first,
            retransmission_timeout_swapped,
        ),
    ),
}
"""For each blank: the model solution, and three that are wrong."""

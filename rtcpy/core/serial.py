"""Serial number arithmetic (RFC 1982): numbers that wrap, compared over half of their space.

SCTP's TSN and SSN (RFC 9260 §1.6), RTP's sequence numbers (RFC 3550 §A.1) and RE-CONFIG sequence
numbers use it. Differences are signed: positive means `a` is ahead of `b`.
"""

from __future__ import annotations

MOD16 = 1 << 16
MOD32 = 1 << 32


def diff16(a: int, b: int) -> int:
    """Signed distance from `b` to `a` in 16-bit serial space, in −32768…32767. Spec: RFC 1982 §3.2."""
    return ((a - b + 0x8000) & 0xFFFF) - 0x8000


def diff32(a: int, b: int) -> int:
    """Signed distance from `b` to `a` in 32-bit serial space, in −2³¹…2³¹−1. Spec: RFC 1982 §3.2."""
    return ((a - b + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def add16(a: int, n: int) -> int:
    """`a` advanced by `n`, wrapping at 2¹⁶. Spec: RFC 1982 §3.1."""
    return (a + n) & 0xFFFF


def add32(a: int, n: int) -> int:
    """`a` advanced by `n`, wrapping at 2³². Spec: RFC 1982 §3.1."""
    return (a + n) & 0xFFFFFFFF


def gt16(a: int, b: int) -> bool:
    """Whether `a` is after `b`. At exactly half the space RFC 1982 leaves it undefined; here it is False."""
    return 0 < ((a - b) & 0xFFFF) < 0x8000


def gt32(a: int, b: int) -> bool:
    """Whether `a` is after `b`. At exactly half the space RFC 1982 leaves it undefined; here it is False."""
    return 0 < ((a - b) & 0xFFFFFFFF) < 0x80000000

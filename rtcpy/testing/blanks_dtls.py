"""Two blanks of DTLS 1.2: where keys come from, and how a record is taken once only.

Specs: RFC 5246 §5 (the PRF), RFC 6347 §4.1.2.6 (the replay window).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from hypothesis import strategies as st

from rtcpy.dtls import keys12, record12
from rtcpy.testing.blank import Blank, Replacement, everywhere, for_all, same

WINDOW = 64  # records; RFC 6347 §4.1.2.6 asks for 32 at least and would like 64
PRF_LENGTHS = (
    12,
    32,
    40,
    48,
    104,
)  # bytes: verify_data, one hash, a GCM key block, a master secret, a longer one

Prf = Callable[[bytes, bytes, bytes, int], bytes]


class Window(Protocol):
    """What is asked for."""

    def is_new(self, number: int) -> bool:
        """Whether a record with this number may be taken."""

    def mark(self, number: int) -> None:
        """It was genuine."""


def check_prf(prf: Prf) -> None:
    """`prf(secret, label, seed, length)`: TLS 1.2's pseudorandom function with SHA-256. Spec: RFC 5246 §5."""

    def check(given: tuple[bytes, bytes, bytes, int]) -> None:
        secret, label, seed, length = given
        found = prf(secret, label, seed, length)
        call = f"prf({secret!r}, {label!r}, {seed!r}, {length})"
        assert isinstance(found, bytes), f"{call} gives {found!r}; right is bytes"
        assert len(found) == length, f"{call} gives {len(found)} bytes; right is {length}"
        same(call, found.hex(), keys12.prf("sha256", secret, label, seed, length).hex())

    for_all(
        st.tuples(
            st.binary(max_size=48),
            st.sampled_from([b"master secret", b"key expansion", b"client finished"]),
            st.binary(max_size=64),
            st.sampled_from(PRF_LENGTHS),
        ),
        check,
    )


def _install_prf(prf: Prf, count: Callable[[], None]) -> list[Replacement]:
    original = keys12.prf

    def replacement(hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
        if hash_name != "sha256":
            return original(hash_name, secret, label, seed, length)
        count()
        return prf(secret, label, seed, length)

    return everywhere(original, replacement)


PRF = Blank(
    name="prf",
    title="the pseudorandom function of TLS 1.2",
    rfc="RFC 5246 §5",
    task=(
        "P_SHA256: A(0) is label + seed, A(i) is HMAC-SHA256(secret, A(i-1)); the output is HMAC-SHA256(secret, A(1) + label + "
        "seed), then the same with A(2), and so on, cut to `length` bytes. Use `hmac.digest(key, message, 'sha256')`."
    ),
    source='''import hmac


def prf(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """`length` pseudorandom bytes: P_SHA256(secret, label + seed)."""
    ...  # your turn
''',
    check=check_prf,
    install=_install_prf,
)


def check_replay_window(replay_window: Callable[[], Window]) -> None:
    """`ReplayWindow()` with `is_new(number)` and `mark(number)`. Spec: RFC 6347 §4.1.2.6."""

    def check(numbers: list[int]) -> None:
        window = replay_window()
        seen: set[int] = set()
        for index, number in enumerate(numbers):
            highest = max(seen, default=-1)
            right = number not in seen and number > highest - WINDOW
            story = f"after {numbers[:index]}, is_new({number})"
            found = window.is_new(number)
            assert isinstance(found, bool), f"{story} gives {found!r}; right is {right}"
            same(story, found, right)
            same(f"{story}, asked twice without mark(),", window.is_new(number), right)
            if right:
                window.mark(number)
                seen.add(number)

    steps = st.lists(
        st.one_of(st.integers(0, 8), st.integers(56, 72), st.integers(0, 200), st.just(2**48 - 1)),
        max_size=12,
    )
    for_all(steps, check)


def _install_window(replay_window: Callable[[], Any], count: Callable[[], None]) -> list[Replacement]:
    class Swapped:
        highest = 1 << 48  # above every number: the record layer asks `is_new` about each record

        def __init__(self) -> None:
            self._answer = replay_window()

        def is_new(self, number: int) -> bool:
            count()
            return bool(self._answer.is_new(number))

        def mark(self, number: int) -> None:
            self._answer.mark(number)

    return everywhere(record12.ReplayWindow, Swapped)


REPLAY_WINDOW = Blank(
    name="ReplayWindow",
    title="the replay window",
    rfc="RFC 6347 §4.1.2.6",
    task=(
        "`is_new(number)` says whether a record with this sequence number may be taken: it has not been marked, and it is "
        "not more than 63 behind the highest that was. It changes nothing, for the record may still turn out to be forged; "
        "`mark(number)` is called when it was not. Memory must not grow with the number of records: 64 bits are enough."
    ),
    source='''class ReplayWindow:
    """Which of the last 64 sequence numbers came already."""

    def is_new(self, number: int) -> bool:
        """Whether a record with this number may be taken. Changes nothing."""
        ...  # your turn

    def mark(self, number: int) -> None:
        """The record was genuine: its number is used up."""
        ...  # your turn
''',
    check=check_replay_window,
    install=_install_window,
)

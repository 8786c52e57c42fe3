"""The outside world, injected: randomness and wall-clock time. The one impure file below `aio/`.

Machines take an `Entropy` (and a `WallClock`, if they need calendar time) as a constructor argument. Give them
`SeededEntropy` and a `FixedClock`, and a whole connection repeats byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import Protocol


class Entropy(Protocol):
    """A source of unpredictable bytes (RFC 4086)."""

    def token(self, length: int) -> bytes:
        """`length` fresh random **bytes**."""


class SystemEntropy:
    """The operating system's CSPRNG. The only choice outside tests, simulations and lessons."""

    __slots__ = ()

    def token(self, length: int) -> bytes:
        """`length` bytes from `os.urandom`."""
        return os.urandom(length)


class SeededEntropy:
    """A reproducible stream: SHA-256 of seed and counter. Predictable by design, so never for a real call."""

    __slots__ = ("_buffer", "_counter", "_seed")

    def __init__(self, seed: int | str | bytes) -> None:
        raw = seed if isinstance(seed, bytes) else str(seed).encode()
        self._seed = hashlib.sha256(raw).digest()
        self._counter = 0
        self._buffer = b""

    def token(self, length: int) -> bytes:
        """The next `length` bytes of the stream."""
        while len(self._buffer) < length:
            self._buffer += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        out, self._buffer = self._buffer[:length], self._buffer[length:]
        return out


def random_integer(entropy: Entropy, bits: int) -> int:
    """A uniform integer of `bits` bits."""
    return int.from_bytes(entropy.token((bits + 7) // 8), "big") >> (-bits % 8)


def random_unit(entropy: Entropy) -> float:
    """A uniform float in [0, 1) with 53 bits, for jitter."""
    return random_integer(entropy, 53) / (1 << 53)


def random_text(entropy: Entropy, length: int, alphabet: str) -> str:
    """`length` characters, each uniform over `alphabet` (its size must be a power of two, so that none is favoured)."""
    size = len(alphabet)
    assert size and size & (size - 1) == 0, "a power of two keeps the choice uniform"
    return "".join([alphabet[byte & (size - 1)] for byte in entropy.token(length)])


class WallClock(Protocol):
    """Calendar time, for certificates and NTP timestamps; never for deadlines."""

    def unix_time(self) -> float:
        """Seconds since 1970-01-01T00:00Z."""


class SystemClock:
    """The machine's own wall clock."""

    __slots__ = ()

    def unix_time(self) -> float:
        """`time.time()`."""
        return time.time()


class FixedClock:
    """A wall clock that stands still: for reproducible runs."""

    __slots__ = ("_unix_time",)

    def __init__(self, unix_time: float = 1_750_000_000.0) -> None:
        self._unix_time = unix_time

    def unix_time(self) -> float:
        """The instant given to the constructor."""
        return self._unix_time

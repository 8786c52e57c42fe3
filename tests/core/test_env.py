"""Injected randomness and clocks: a seed is a promise."""

from __future__ import annotations

import hashlib
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import (
    FixedClock,
    SeededEntropy,
    SystemClock,
    SystemEntropy,
    random_integer,
    random_text,
    random_unit,
)


@given(st.integers() | st.text() | st.binary(), st.lists(st.integers(0, 100), max_size=10))
def test_a_seed_gives_one_stream_however_it_is_cut(seed: int | str | bytes, cuts: list[int]) -> None:
    whole = SeededEntropy(seed).token(sum(cuts))
    pieces = SeededEntropy(seed)
    assert b"".join(pieces.token(n) for n in cuts) == whole
    assert len(whole) == sum(cuts)


def test_the_stream_of_a_seed_never_changes() -> None:
    """Notebooks quote bytes made from seeds: SHA-256 of (SHA-256 of the seed in decimal, counter), in blocks."""
    key = hashlib.sha256(b"1").digest()
    blocks = [hashlib.sha256(key + counter.to_bytes(8, "big")).digest() for counter in (0, 1)]
    assert SeededEntropy(1).token(64) == b"".join(blocks)
    assert SeededEntropy(1).token(8).hex() == "f534527e68800a14"


def test_seeds_differ_and_do_not_repeat() -> None:
    streams = [SeededEntropy(seed).token(64) for seed in (0, 1, "a", b"b")]
    assert len(set(streams)) == 4
    stream = SeededEntropy(5).token(32 * 64)
    assert len({stream[i : i + 32] for i in range(0, len(stream), 32)}) == 64


def test_the_system_is_asked_for_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "urandom", lambda n: asked.append(n) or bytes(n))
    assert SystemEntropy().token(7) == bytes(7)
    assert asked == [7]


@given(st.integers(), st.integers(1, 130))
def test_integers_have_their_bits(seed: int, bits: int) -> None:
    assert 0 <= random_integer(SeededEntropy(seed), bits) < 1 << bits


def test_integers_reach_top_and_bottom_of_a_width_that_fills_no_byte() -> None:
    entropy = SeededEntropy(0)
    assert {random_integer(entropy, 3) for _ in range(200)} == set(range(8))


@given(st.integers())
def test_units_are_below_one(seed: int) -> None:
    assert 0.0 <= random_unit(SeededEntropy(seed)) < 1.0


def test_units_spread() -> None:
    entropy = SeededEntropy(3)
    draws = [random_unit(entropy) for _ in range(1000)]
    assert 0.45 < sum(draws) / 1000 < 0.55
    assert min(draws) < 0.01 and max(draws) > 0.99


def test_text_uses_the_whole_alphabet_and_refuses_to_favour() -> None:
    text = random_text(SeededEntropy(1), 500, "abcdefgh")
    assert len(text) == 500 and set(text) == set("abcdefgh")
    with pytest.raises(AssertionError, match="power of two"):
        random_text(SeededEntropy(1), 5, "abc")


def test_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = FixedClock(1234.5)
    assert fixed.unix_time() == fixed.unix_time() == 1234.5
    monkeypatch.setattr(time, "time", lambda: 99.0)
    assert SystemClock().unix_time() == 99.0

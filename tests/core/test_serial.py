"""Serial number arithmetic: the examples and the properties of RFC 1982."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.serial import MOD16, MOD32, add16, add32, diff16, diff32, gt16, gt32

Arithmetic = tuple[int, Callable[[int, int], int], Callable[[int, int], int], Callable[[int, int], bool]]
WIDTHS: list[Arithmetic] = [(MOD16, diff16, add16, gt16), (MOD32, diff32, add32, gt32)]


@pytest.mark.parametrize(("modulus", "diff", "add", "gt"), WIDTHS)
class TestProperties:
    @given(data=st.data())
    def test_adding_up_to_half_the_space_moves_ahead(
        self, data: st.DataObject, modulus, diff, add, gt
    ) -> None:  # type: ignore[no-untyped-def]
        """RFC 1982 §3.1 and §3.2: s + n > s for 0 < n < 2^(BITS−1)."""
        s = data.draw(st.integers(0, modulus - 1))
        n = data.draw(st.integers(1, modulus // 2 - 1))
        ahead = add(s, n)
        assert 0 <= ahead < modulus
        assert gt(ahead, s) and not gt(s, ahead)
        assert diff(ahead, s) == n and diff(s, ahead) == -n

    @given(data=st.data())
    def test_difference_inverts_addition(self, data: st.DataObject, modulus, diff, add, gt) -> None:  # type: ignore[no-untyped-def]
        a = data.draw(st.integers(0, modulus - 1))
        b = data.draw(st.integers(0, modulus - 1))
        assert add(b, diff(a, b)) == a
        assert -(modulus // 2) <= diff(a, b) < modulus // 2
        assert gt(a, b) == (diff(a, b) > 0)

    def test_exactly_half_the_space_apart_neither_is_ahead(self, modulus, diff, add, gt) -> None:  # type: ignore[no-untyped-def]
        """RFC 1982 §3.2 leaves this pair undefined; here both answers are no."""
        half = modulus // 2
        assert not gt(half, 0) and not gt(0, half)
        assert diff(half, 0) == -half == diff(0, half)

    def test_nothing_is_ahead_of_itself(self, modulus, diff, add, gt) -> None:  # type: ignore[no-untyped-def]
        assert not gt(7, 7) and diff(7, 7) == 0

    def test_it_wraps(self, modulus, diff, add, gt) -> None:  # type: ignore[no-untyped-def]
        assert add(modulus - 1, 1) == 0
        assert gt(0, modulus - 1) and diff(0, modulus - 1) == 1
        assert diff(modulus - 1, 0) == -1


def test_the_comparison_is_not_transitive() -> None:
    """RFC 1982 §3.2 warns of it; sorting serial numbers therefore needs a window below half the space."""
    a, b, c = 0, 0x5555_5555, 0xAAAA_AAAA
    assert gt32(b, a) and gt32(c, b) and gt32(a, c)

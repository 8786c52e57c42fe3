"""Checks in flight: their schedule and their table."""

from __future__ import annotations

from typing import cast

import pytest

from rtcpy.core.machine import Instant
from rtcpy.ice.check import MAX_CHECKS_PER_PAIR, Check, CheckTable, Purpose, retransmission_interval
from rtcpy.ice.checklist import CandidatePair, Checklist
from tests.ice.test_checklist import make_pair


def make_check(
    number: int, pair: CandidatePair, *, next_send: Instant | None = 1.0, expires: Instant = 9.0
) -> Check:
    return Check(
        number.to_bytes(12, "big"),
        pair,
        b"",
        b"",
        True,
        Purpose.CONNECTIVITY,
        0.0,
        0.5,
        expires,
        next_send,
        1,
    )


def sent_at(rto: float, rto_max: float, count: int, *, steady: bool = False) -> list[float]:
    times, now = [0.0], 0.0
    for transmission in range(1, count):
        now += retransmission_interval(transmission, rto, rto_max, steady=steady)
        times.append(now)
    return times


def test_the_uncapped_schedule_is_that_of_rfc_8489() -> None:
    """§6.2.1: "requests would be sent at times 0 ms, 500 ms, 1500 ms, 3500 ms, 7500 ms, 15500 ms, and 31500 ms"."""
    assert sent_at(0.5, 1e9, 7) == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_our_cap_repeats_quickly_at_first_and_then_backs_off() -> None:
    assert sent_at(0.5, 1.0, 11) == [0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.5, 11.5, 19.5, 35.5]


def test_a_proven_pair_is_asked_steadily() -> None:
    assert sent_at(0.5, 1.0, 12, steady=True) == [0.0, 0.5] + [0.5 + i for i in range(1, 11)]


@pytest.mark.parametrize("steady", [False, True])
def test_intervals_never_shrink(steady: bool) -> None:
    gaps = [retransmission_interval(n, 0.5, 1.0, steady=steady) for n in range(1, 40)]
    assert gaps == sorted(gaps)


def test_deadlines() -> None:
    pair = make_pair(Checklist(0, 10), 1)
    check = make_check(1, pair, next_send=1.0, expires=9.0)
    assert check.deadline() == 1.0
    check.next_send = 10.0
    assert check.deadline() == 9.0
    check.next_send = 1.0
    check.cancel()
    assert check.cancelled and check.deadline() == 9.0, "cancelled: not repeated, still awaited (§7.3.1.4)"


def test_round_trip_time_needs_a_single_transmission() -> None:
    check = make_check(1, make_pair(Checklist(0, 10), 1))
    assert check.round_trip_time(0.25) == 0.25
    check.transmissions = 2
    assert check.round_trip_time(0.25) is None


def test_the_table_is_bounded_per_pair_and_forgets_the_oldest() -> None:
    table = CheckTable()
    checklist = Checklist(0, 10)
    pair, other = make_pair(checklist, 1), make_pair(checklist, 2)
    table.add(make_check(999, other))
    for number in range(20):
        table.add(make_check(number, pair))
    assert len(table) == MAX_CHECKS_PER_PAIR + 1
    assert [int.from_bytes(c.transaction_id, "big") for c in table.of(pair)] == [16, 17, 18, 19]
    assert table.find((0).to_bytes(12, "big")) is None
    assert cast(Check, table.find((999).to_bytes(12, "big"))).pair is other
    table.forget(pair)
    assert len(table) == 1
    table.clear()
    assert table.next_timeout() is None


def test_due_checks_in_order() -> None:
    table = CheckTable()
    checklist = Checklist(0, 10)
    checks = [make_check(n, make_pair(checklist, n), next_send=float(n)) for n in (3, 1, 2)]
    for check in checks:
        table.add(check)
    assert table.next_timeout() == 1.0
    assert table.due(0.5) == []
    assert table.due(2.0) == [checks[1], checks[2]]
    table.remove(checks[1])
    assert table.all() == [checks[0], checks[2]]

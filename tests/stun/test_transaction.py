"""Retransmission: the schedule to the instant, and the memory for round trips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Instant
from rtcpy.stun import Due, RtoEstimator, Transaction, TransactionTimers

TID = bytes(12)


def unanswered(transaction: Transaction, start: Instant) -> tuple[list[Instant], Instant]:
    """(instants of all transmissions, instant of failure), waking exactly when asked to."""
    sent = [start]
    while (deadline := transaction.next_timeout()) is not None:
        due = transaction.handle_timeout(now=deadline)
        if due is Due.FAILED:
            return sent, deadline
        assert due is Due.RETRANSMIT
        sent.append(deadline)
    raise AssertionError("it neither retransmits nor fails")


def test_the_schedule_of_the_rfc() -> None:
    """RFC 8489 §6.2.1: "0 ms, 500 ms, 1500 ms, 3500 ms, 7500 ms, 15500 ms, and 31500 ms", failed at 39500 ms."""
    transaction = Transaction(TID, b"request", now=0.0)
    sent, failed = unanswered(transaction, 0.0)
    assert sent == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert failed == 39.5
    assert transaction.sent == 7
    assert transaction.over
    assert not transaction.failed_integrity
    assert transaction.request == b"request"


@given(
    st.integers(1, 64).map(lambda n: n / 16),  # seconds that binary fractions hold exactly
    st.integers(1, 10),
    st.integers(1, 32),
    st.integers(0, 10_000).map(float),
)
def test_any_schedule(rto: float, requests: int, final_wait: int, start: float) -> None:
    timers = TransactionTimers(rto, requests, final_wait)
    sent, failed = unanswered(Transaction(TID, now=start, timers=timers), start)
    assert len(sent) == requests
    assert sent == [start + rto * (2**i - 1) for i in range(requests)]
    assert failed == sent[-1] + rto * final_wait
    assert failed - start == timers.duration


def test_over_tcp() -> None:
    """RFC 8489 §6.2.2: no retransmission, Ti = 39.5 s, "to equalize the TCP and UDP timeouts"."""
    sent, failed = unanswered(Transaction(TID, now=1.0, timers=TransactionTimers.reliable()), 1.0)
    assert sent == [1.0]
    assert failed == 40.5
    assert TransactionTimers().duration == TransactionTimers.reliable().duration == 39.5


@pytest.mark.parametrize(("rto", "requests", "final"), [(0, 7, 16), (0.5, 0, 16), (0.5, 7, 0), (-1, 7, 16)])
def test_impossible_schedules(rto: float, requests: int, final: float) -> None:
    with pytest.raises(RtcRangeError, match="must be positive"):
        TransactionTimers(rto, requests, final)


def test_early_wake_ups_do_nothing() -> None:
    transaction = Transaction(TID, now=0.0)
    for now in (0.0, 0.1, 0.499):
        assert transaction.handle_timeout(now=now) is Due.NOTHING
        assert transaction.next_timeout() == 0.5
    assert transaction.sent == 1


def test_a_late_wake_up_sends_once() -> None:
    """A loop that slept through three deadlines owes the network one request, not three."""
    transaction = Transaction(TID, now=0.0)
    assert transaction.handle_timeout(now=5.0) is Due.RETRANSMIT
    assert transaction.next_timeout() == 6.0
    assert transaction.handle_timeout(now=5.0) is Due.NOTHING


def test_answers() -> None:
    """RFC 8489 §6.2.1: after a retransmission nobody knows which request was answered (Karn)."""
    quick = Transaction(TID, now=10.0)
    assert quick.handle_response(now=10.03) == pytest.approx(0.03)
    assert quick.over
    assert quick.next_timeout() is None
    assert quick.handle_timeout(now=100.0) is Due.NOTHING

    slow = Transaction(TID, now=10.0)
    slow.handle_timeout(now=10.5)
    assert slow.handle_response(now=10.51) is None


def test_cancelled() -> None:
    transaction = Transaction(TID, now=0.0)
    transaction.cancel()
    assert transaction.over
    assert transaction.handle_timeout(now=100.0) is Due.NOTHING


def test_forgeries_do_not_end_it_but_change_the_verdict() -> None:
    """RFC 8489 §9.1.4: retransmissions go on; at the end it is broken integrity, not a timeout."""
    transaction = Transaction(TID, now=0.0)
    transaction.handle_forgery()
    assert transaction.next_timeout() == 0.5
    _, failed = unanswered(transaction, 0.0)
    assert failed == 39.5
    assert transaction.failed_integrity


def test_rto_starts_at_half_a_second() -> None:
    assert RtoEstimator().rto(now=0.0) == 0.5


def test_rto_follows_rfc6298() -> None:
    """RFC 6298 §2.2 and §2.3, without rounding to seconds."""
    estimator = RtoEstimator(minimum=0.001)
    estimator.measure(0.8, now=1.0)
    assert estimator.rto(now=1.0) == pytest.approx(0.8 + 4 * 0.4)
    estimator.measure(0.4, now=2.0)  # rttvar = 3/4·0.4 + 1/4·0.4; srtt = 7/8·0.8 + 1/8·0.4
    assert estimator.rto(now=2.0) == pytest.approx(0.75 + 4 * 0.4)


def test_rto_never_below_its_floor_nor_above_a_minute() -> None:
    estimator = RtoEstimator()
    for _ in range(20):
        estimator.measure(0.01, now=1.0)
    assert estimator.rto(now=1.0) == 0.5
    estimator.measure(1e6, now=1.0)
    assert estimator.rto(now=1.0) == 60.0


def test_rto_keeps_a_millisecond_of_slack() -> None:
    """RFC 6298 §2.3 with the granularity of RFC 8489 §6.2.1: a perfectly steady path is not timed to the edge."""
    estimator = RtoEstimator(minimum=0.001)
    for _ in range(200):
        estimator.measure(0.2, now=1.0)
    assert estimator.rto(now=1.0) == pytest.approx(0.201)


def test_rto_forgets_after_ten_minutes() -> None:
    """RFC 8489 §6.2.1: stale without transactions; a transaction that measured nothing still counts as one."""
    estimator = RtoEstimator()
    estimator.measure(2.0, now=0.0)
    assert estimator.rto(now=600.0) == 6.0
    assert estimator.rto(now=600.1) == 0.5
    estimator.measure(None, now=500.0)
    assert estimator.rto(now=1000.0) == 6.0
    estimator.measure(None, now=2000.0)
    assert estimator.rto(now=2000.0) == 0.5

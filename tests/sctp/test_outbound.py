"""The sending half by itself: SACKs that lie, loss detection, windows, RTO and congestion window by the book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sctp import SctpConfig
from rtcpy.sctp.chunks import DataChunk, ForwardTsnChunk
from rtcpy.sctp.congestion import Congestion
from rtcpy.sctp.outbound import Outbound, _minus
from rtcpy.sctp.sendqueue import Message, SendQueue

PMDCS = 1000
ROOM = 1016


def make(*, window: int = 1 << 20, partial: bool = True, initial: int = 1) -> Outbound:
    outbound = Outbound(
        SendQueue(), Congestion(SctpConfig(), PMDCS), initial, window, partial_reliability=partial
    )
    outbound.congestion.cwnd = 1 << 20
    return outbound


def push(outbound: Outbound, size: int, *, stream: int = 0, **options: object) -> Message:
    values = {"unordered": False, "max_retransmits": None, "expires": None} | options
    message = Message(outbound.queue.stream(stream), 51, bytes(size), **values)  # type: ignore[arg-type]
    outbound.queue.push(message)
    return message


def send_all(outbound: Outbound, now: float = 0.0) -> list[DataChunk]:
    out = []
    while (chunk := outbound.fill(ROOM, now)[0]) != b"":
        while chunk:
            length = int.from_bytes(chunk[2:4], "big")
            padded = length + -length % 4
            out.append(DataChunk.parse(chunk[:padded]))
            chunk = chunk[padded:]
    return out


def sent_ten(**options: object) -> Outbound:
    outbound = make(**options)  # type: ignore[arg-type]
    for _ in range(10):
        push(outbound, PMDCS)
    assert [c.tsn for c in send_all(outbound)] == [
        ((options.get("initial") or 1) + i) & 0xFFFFFFFF for i in range(10)
    ]  # type: ignore[operator]
    assert outbound.flight == 10 * PMDCS
    return outbound


@pytest.mark.parametrize("initial", [1, 0xFFFFFFFB])
def test_sack_of_tsns_never_sent_changes_nothing(initial: int) -> None:
    outbound = sent_ten(initial=initial)
    top = initial + 9
    for cumulative, bounds in [
        (top + 1, ()),
        (top + 100_000, ()),
        (initial - 2, ()),
        (top - 1, (2, 3)),
        (initial - 1, (2, 11)),
    ]:
        before = outbound.ignored_sacks
        assert not outbound.acknowledge(cumulative & 0xFFFFFFFF, 5, bounds, 0.1)
        assert outbound.ignored_sacks == before + 1
        assert outbound.flight == 10 * PMDCS and outbound.window == (1 << 20) - 10 * PMDCS


def test_inverted_and_overlapping_gap_blocks_are_left_out() -> None:
    outbound = sent_ten()
    outbound.acknowledge(0, 1 << 20, (5, 3, 2, 4, 3, 6, 0, 2, 8, 9), 0.1)
    states = [sent.state for sent in outbound._sent]
    assert [i + 1 for i, state in enumerate(states) if state == 2] == [2, 3, 4, 8, 9]
    assert outbound.flight == 5 * PMDCS
    assert outbound.ignored_sacks == 3


def test_third_missing_report_retransmits_once_and_halves_once() -> None:
    outbound = sent_ten()
    cwnd = outbound.congestion.cwnd
    for i in range(2, 5):
        assert outbound.fill(ROOM, 0.1) == (b"", 0)
        outbound.acknowledge(0, 1 << 20, (2, i), 0.1)
    assert outbound.congestion.cwnd == cwnd // 2
    (again,) = send_all(outbound)
    assert again.tsn == 1 and again.immediate
    for i in range(5, 9):  # sent before the retransmission: they prove nothing about it
        outbound.acknowledge(0, 1 << 20, (2, i), 0.1)
    assert send_all(outbound) == [] and outbound.retransmissions == 1
    for _ in range(5):
        push(outbound, PMDCS)
    assert len(send_all(outbound)) == 5
    for i in range(11, 14):  # sent after it: three of these, and it was lost again
        outbound.acknowledge(0, 1 << 20, (2, i), 0.2)
    assert [c.tsn for c in send_all(outbound)] == [1]
    assert outbound.congestion.cwnd == cwnd // 2


def test_reneged_chunks_are_in_flight_again() -> None:
    outbound = sent_ten()
    outbound.acknowledge(0, 1 << 20, (2, 5), 0.1)
    assert outbound.flight == 6 * PMDCS
    outbound.acknowledge(0, 1 << 20, (2, 3), 0.1)
    assert outbound.flight == 8 * PMDCS
    outbound.acknowledge(10, 1 << 20, (), 0.1)
    assert outbound.flight == 0 and not outbound.outstanding


def test_timeout_sends_one_packet_until_something_is_acknowledged() -> None:
    outbound = sent_ten()
    outbound.timed_out(1.0)
    assert outbound.congestion.cwnd == PMDCS and outbound.flight == 0
    assert [c.tsn for c in send_all(outbound)] == [1]
    outbound.acknowledge(1, 1 << 20, (), 1.1)
    assert [c.tsn for c in send_all(outbound)] == [2, 3]


def test_a_round_trip_is_not_measured_on_retransmissions() -> None:
    """Karn's rule, RFC 9260 §6.3.1 C5."""
    outbound = sent_ten()
    outbound.timed_out(1.0)
    send_all(outbound, 1.0)
    outbound.acknowledge(1, 1 << 20, (), 5.0)
    assert outbound.congestion.srtt is None
    send_all(outbound, 5.0)
    push(outbound, PMDCS)
    outbound.acknowledge(10, 1 << 20, (), 5.1)
    assert send_all(outbound, 5.1)[0].tsn == 11
    outbound.acknowledge(11, 1 << 20, (), 5.35)
    assert outbound.congestion.srtt == pytest.approx(0.25)


def test_the_peers_window_is_kept_and_probed_with_one_chunk() -> None:
    outbound = make(window=2500)
    for _ in range(4):
        push(outbound, PMDCS)
    assert len(send_all(outbound)) == 2  # 2500 bytes hold two
    outbound.acknowledge(2, 0, (), 0.1)
    assert send_all(outbound) == [] and outbound.blocked_by_window
    outbound.timed_out(1.0)  # nothing outstanding: the timer asks for a probe
    assert [c.tsn for c in send_all(outbound)] == [3]
    outbound.acknowledge(3, 5000, (), 1.1)
    assert [c.tsn for c in send_all(outbound)] == [4]


def test_abandonment_is_told_stream_by_stream() -> None:
    outbound = make()
    push(outbound, 2500, stream=1, max_retransmits=0)
    push(outbound, PMDCS, stream=2, max_retransmits=0, unordered=True)
    push(outbound, PMDCS, stream=3)
    assert len(send_all(outbound)) == 5
    outbound.timed_out(1.0)
    assert outbound.must_forward and outbound.advanced & 0xFFFFFFFF == 4
    forward = ForwardTsnChunk.parse(outbound.forward_tsn(500))
    assert forward.new_cumulative_tsn == 4
    assert [(s.stream_id, s.stream_seq) for s in forward.skipped] == [(1, 0)]
    assert [c.tsn for c in send_all(outbound)] == [5]
    outbound.acknowledge(5, 1 << 20, (), 1.1)
    assert not outbound.outstanding and not outbound.must_forward


def test_forward_tsn_that_does_not_fit_stops_before_the_first_stream_left_out() -> None:
    outbound = make()
    for stream in range(10):
        push(outbound, PMDCS, stream=stream, max_retransmits=0)
    send_all(outbound)
    outbound.timed_out(1.0)
    forward = ForwardTsnChunk.parse(outbound.forward_tsn(8 + 4 * 3))
    assert len(forward.skipped) == 3 and forward.new_cumulative_tsn == 3


def test_nothing_is_abandoned_for_a_peer_without_forward_tsn() -> None:
    outbound = make(partial=False)
    push(outbound, PMDCS, max_retransmits=0, expires=0.5)
    send_all(outbound)
    outbound.timed_out(1.0)
    assert not outbound.must_forward and [c.tsn for c in send_all(outbound, 1.0)] == [1]


def test_an_expired_message_in_the_queue_takes_no_numbers() -> None:
    outbound = make()
    push(outbound, PMDCS, expires=1.0)
    push(outbound, PMDCS)
    (chunk,) = send_all(outbound, 2.0)
    assert (chunk.tsn, chunk.stream_seq) == (1, 0)
    assert outbound.queue.buffered == 0


def test_half_sent_message_that_expires_gives_its_buffer_back() -> None:
    outbound = make()
    outbound.congestion.cwnd = PMDCS
    push(outbound, 5 * PMDCS, expires=1.0)
    assert len(send_all(outbound, 0.0)) == 1 and outbound.queue.buffered == 4 * PMDCS
    outbound.acknowledge(1, 1 << 20, (), 0.5)
    assert send_all(outbound, 1.5) == []
    assert outbound.queue.buffered == 0 and outbound.queue.current is None


@pytest.mark.parametrize("unordered", [False, True])
def test_a_message_cut_short_gets_an_end_that_can_be_forwarded(unordered: bool) -> None:
    """All that was sent of it has arrived; without a TSN for the rest the receiver would wait for ever."""
    outbound = make()
    outbound.congestion.cwnd = PMDCS
    push(outbound, 3 * PMDCS, expires=1.0, unordered=unordered)
    assert [c.tsn for c in send_all(outbound, 0.0)] == [1]
    outbound.acknowledge(1, 1 << 20, (), 0.5)
    assert send_all(outbound, 1.5) == []
    assert outbound.abandoned and outbound.must_forward
    forward = ForwardTsnChunk.parse(outbound.forward_tsn(500))
    assert forward.new_cumulative_tsn == 2
    assert [(s.stream_id, s.stream_seq) for s in forward.skipped] == ([] if unordered else [(0, 0)])
    push(outbound, PMDCS)
    assert [(c.tsn, c.stream_seq) for c in send_all(outbound, 1.6)] == [(3, 0 if unordered else 1)]


def test_streams_take_turns_by_weight() -> None:
    outbound = make()
    outbound.congestion.cwnd = 0
    outbound.queue.stream(2).priority = 512
    for _ in range(8):
        for stream in (1, 2, 3):
            push(outbound, PMDCS, stream=stream)
    outbound.congestion.cwnd = 1 << 20
    order = [c.stream_id for c in send_all(outbound)]
    assert [order[:12].count(s) for s in (1, 2, 3)] == [3, 6, 3]
    assert order.count(1) == order.count(2) == order.count(3) == 8


def test_a_small_message_does_not_wait_for_the_whole_queue_of_another() -> None:
    outbound = make()
    outbound.congestion.cwnd = 0
    for _ in range(100):
        push(outbound, 5 * PMDCS, stream=1)
    push(outbound, 10, stream=2)
    outbound.congestion.cwnd = 1 << 30
    order = [c.stream_id for c in send_all(outbound)]
    assert order.index(2) <= 5


interval_lists = st.lists(st.integers(0, 60), unique=True, max_size=20).map(
    lambda cuts: [(a, b) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)]
)


@given(interval_lists, interval_lists)
def test_interval_difference(these: list[tuple[int, int]], those: list[tuple[int, int]]) -> None:
    def points(intervals: list[tuple[int, int]]) -> set[int]:
        return {i for a, b in intervals for i in range(a, b + 1)}

    assert points(list(_minus(these, those))) == points(these) - points(those)


# -- congestion --------------------------------------------------------------------------------------


def test_rto_by_the_book() -> None:
    """RFC 9260 §6.3.1, with the floors of the RFC's own size."""
    congestion = Congestion(SctpConfig(rto_min=0.01, rtt_variance_min=0.0, rto_max=60.0), PMDCS)
    assert congestion.rto == 1.0
    congestion.measured(0.1)
    assert (congestion.srtt, congestion.rttvar) == (0.1, 0.05) and congestion.rto == pytest.approx(0.3)
    congestion.measured(0.2)
    assert congestion.rttvar == pytest.approx(0.75 * 0.05 + 0.25 * 0.1)
    assert congestion.srtt == pytest.approx(0.1125)
    congestion.back_off()
    assert congestion.rto == pytest.approx(2 * (0.1125 + 4 * 0.0625))


def test_rto_floor_covers_a_delayed_sack_and_has_a_ceiling() -> None:
    congestion = Congestion(SctpConfig(), PMDCS)
    for _ in range(100):
        congestion.measured(0.15)
    assert congestion.rto >= 0.15 + 0.2
    for _ in range(20):
        congestion.back_off()
    assert congestion.rto == SctpConfig().rto_max


def test_window_grows_only_when_used_and_stops_at_its_limit() -> None:
    congestion = Congestion(SctpConfig(cwnd_floor=20_000), PMDCS)
    assert congestion.cwnd == min(4 * PMDCS, max(2 * PMDCS, 4404))
    start = congestion.cwnd
    congestion.acknowledged(2000, start // 2)
    assert congestion.cwnd == start
    for _ in range(1000):
        congestion.acknowledged(2000, congestion.cwnd)
    assert congestion.cwnd == 20_000
    congestion.lost()
    assert congestion.cwnd == congestion.ssthresh == 10_000
    congestion.acknowledged(2000, congestion.cwnd)
    before = congestion.cwnd
    for _ in range(before // 2000 + 1):
        congestion.acknowledged(2000, congestion.cwnd)
    assert congestion.cwnd == before + PMDCS  # one packet per window
    congestion.timed_out()
    assert congestion.cwnd == PMDCS and congestion.ssthresh == 6500


def test_window_ages_in_silence() -> None:
    congestion = Congestion(SctpConfig(), PMDCS)
    congestion.cwnd = 64 * PMDCS
    congestion.sending(0.0, 0)
    congestion.sending(0.5, 0)
    assert congestion.cwnd == 64 * PMDCS
    congestion.sending(0.5 + 3.5 * congestion.rto, 0)
    assert congestion.cwnd == 8 * PMDCS
    congestion.sending(1000.0, 0)
    assert congestion.cwnd == 4 * PMDCS


def test_window_limit_follows_the_path() -> None:
    congestion = Congestion(SctpConfig(), PMDCS)
    assert congestion.limit == SctpConfig().cwnd_floor
    congestion.measured(0.02)
    assert congestion.limit == 2_500_000
    congestion.measured(10.0)
    assert congestion.limit == 2_500_000

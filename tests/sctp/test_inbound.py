"""Reassembly, order, SACK and window of the receiving half, against a model that just remembers everything."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sctp import SctpConfig, StreamMessage
from rtcpy.sctp.chunks import FLAG_BEGINNING, FLAG_ENDING, FLAG_UNORDERED, SackChunk
from rtcpy.sctp.events import StreamMessageTooLarge
from rtcpy.sctp.inbound import MAX_GAP, Arrival, Inbound

M32 = 0xFFFFFFFF
B, E, U = FLAG_BEGINNING, FLAG_ENDING, FLAG_UNORDERED


def make(initial: int = 1000, **options: int) -> Inbound:
    values = {"window": 1 << 20, "max_message_size": 1 << 16, "stream_count": 100} | options
    return Inbound(initial, **values)


def fragments(
    messages: list[tuple[int, bool, int, bytes]], initial: int
) -> list[tuple[int, int, int, int, int, bytes]]:
    """(flags, tsn, stream, seq, ppid, data) of each fragment; messages are (stream, unordered, fragment size, data)."""
    out = []
    tsn = initial
    next_seq: dict[int, int] = {}
    for stream, unordered, size, data in messages:
        seq = 0 if unordered else next_seq.get(stream, 0)
        if not unordered:
            next_seq[stream] = seq + 1
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        for i, piece in enumerate(pieces):
            flags = (B if i == 0 else 0) | (E if i == len(pieces) - 1 else 0) | (U if unordered else 0)
            out.append((flags, tsn & M32, stream, seq, 51, piece))
            tsn += 1
    return out


messages_strategy = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 5), st.binary(min_size=1, max_size=20)),
    min_size=1,
    max_size=12,
)


@given(
    messages_strategy, st.sampled_from([1000, 0xFFFFFFF0, 0x7FFFFFFA, 0]), st.randoms(use_true_random=False)
)
def test_any_order_and_any_duplicates_give_every_message_once(
    messages: list[tuple[int, bool, int, bytes]], initial: int, rng: random.Random
) -> None:
    inbound = make(initial)
    pieces = fragments(messages, initial)
    arriving = pieces + rng.sample(pieces, rng.randint(0, len(pieces)))
    rng.shuffle(arriving)
    seen: set[int] = set()
    for piece in arriving:
        arrival = inbound.receive(*piece)
        assert (arrival is Arrival.DUPLICATE) == (piece[1] in seen)
        seen.add(piece[1])
        sack = SackChunk.parse(inbound.sack(1000))
        cumulative = initial - 1
        while (cumulative + 1) & M32 in seen:
            cumulative += 1
        assert sack.cumulative_tsn == cumulative & M32
        told = {(cumulative + offset) & M32 for gap in sack.gaps for offset in range(gap.start, gap.end + 1)}
        expected = {tsn for tsn in seen if 0 < (tsn - cumulative) & M32 < 1 << 31}
        assert told == expected
        assert all(a.end + 1 < b.start for a, b in zip(sack.gaps, sack.gaps[1:], strict=False))
    got = [(m.stream_id, m.data) for m in inbound.messages if isinstance(m, StreamMessage)]
    assert sorted(got) == sorted((stream, data) for stream, _, _, data in messages)
    for stream in range(4):
        ordered = [data for s, unordered, _, data in messages if s == stream and not unordered]
        unordered_data = [data for s, unordered, _, data in messages if s == stream and unordered]
        delivered = [data for s, data in got if s == stream]
        for data in unordered_data:
            delivered.remove(data) if data not in ordered else None
        if not set(ordered) & set(unordered_data):
            assert delivered == ordered
    assert inbound.held == 0 and inbound.window == 1 << 20
    assert inbound.discarded == 0


def test_in_order_messages_need_no_books() -> None:
    inbound = make()
    for piece in fragments([(0, False, 3, b"abcdefgh"), (1, True, 9, b"x" * 5)], 1000):
        assert inbound.receive(*piece) is Arrival.IN_ORDER
    assert inbound.messages == [StreamMessage(0, 51, b"abcdefgh"), StreamMessage(1, 51, b"xxxxx")]
    assert not inbound._by_first and not inbound._by_last and not inbound._ranges


def test_a_chunk_beyond_the_window_is_refused_but_the_next_in_order_is_not() -> None:
    inbound = make(window=2000)
    assert inbound.receive(B | E, 1001, 0, 1, 51, bytes(1500)) is Arrival.GAP
    assert inbound.window == 0
    assert inbound.receive(B | E, 1002, 0, 2, 51, bytes(1500)) is Arrival.REFUSED
    assert [gap.end for gap in SackChunk.parse(inbound.sack(100)).gaps] == [2]
    assert inbound.receive(B | E, 1000, 0, 0, 51, bytes(1500)) is Arrival.GAP
    assert len(inbound.messages) == 2 and inbound.held == 0
    assert inbound.window_opened


def test_what_cannot_be_acknowledged_is_refused() -> None:
    inbound = make()
    assert inbound.receive(B | E, 1000 + MAX_GAP, 0, 0, 51, b"far") is Arrival.REFUSED
    assert inbound.receive(B | E, 999 + MAX_GAP, 0, 0, 51, b"ok") is Arrival.GAP
    assert SackChunk.parse(inbound.sack(1000)).gaps[0].end == MAX_GAP
    assert inbound.receive(B | E, 500, 0, 0, 51, b"old") is Arrival.DUPLICATE


def test_a_peer_that_ignores_the_window_in_order_is_stopped() -> None:
    """Ordered messages whose predecessors never come: TSNs in order, so each passes, until the hard limit."""
    inbound = make(window=10_000, max_message_size=5_000)
    for i in range(10_000):
        arrival = inbound.receive(B | E, 1000 + i, 0, i + 1, 51, bytes(100))
        if arrival is Arrival.OVERFLOW:
            break
    assert arrival is Arrival.OVERFLOW and i < 400
    assert inbound.held <= 2 * 10_000 + 5_000 + 200


def test_tiny_fragments_are_charged_what_they_cost() -> None:
    inbound = make(window=100_000)
    accepted = 0
    for i in range(1, 50_000, 2):
        accepted += inbound.receive(0, 1000 + i, 0, 0, 51, b"x") is Arrival.GAP
    assert accepted < 100_000 // 64 + 1


@pytest.mark.parametrize("unordered", [0, U])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_message_beyond_the_limit_is_acknowledged_and_thrown_away(unordered: int, shuffled: bool) -> None:
    inbound = make(max_message_size=1000)
    pieces = [
        ((B if i == 0 else E if i == 19 else 0) | unordered, 1000 + i, 3, 0, 51, bytes(100))
        for i in range(20)
    ]
    if shuffled:
        random.Random(1).shuffle(pieces)
    for piece in pieces:
        inbound.receive(*piece)
        assert inbound.held <= 1000 + 20 * 164
    inbound.receive(B | E | unordered, 1020, 3, 1, 51, b"next")
    assert inbound.messages == [StreamMessageTooLarge(3, 2000), StreamMessage(3, 51, b"next")]
    assert inbound.held == 0 and not inbound.has_gaps


def test_fragments_without_a_beginning_cost_nothing_for_long() -> None:
    inbound = make()
    inbound.receive(0, 1000, 0, 0, 51, b"middle of nothing")
    inbound.receive(E, 1001, 0, 0, 51, b"end of nothing")
    inbound.receive(B, 1002, 0, 0, 51, b"never finished")
    inbound.receive(B | E, 1003, 1, 0, 51, b"good")
    assert inbound.messages == [StreamMessage(1, 51, b"good")]
    assert inbound.held == 0 and inbound.discarded == 3


def test_forward_tsn_releases_what_waited_and_drops_what_is_broken() -> None:
    inbound = make()
    inbound.receive(B, 1000, 0, 0, 51, b"first half")
    inbound.receive(B | E, 1002, 0, 1, 51, b"second")
    inbound.receive(B | E, 1004, 0, 3, 51, b"fourth")
    inbound.receive(E, 1006, 1, 0, 51, b"tail of a lost one")
    assert inbound.messages == []
    assert inbound.forward(1003, [(0, 2)])
    assert [m.data for m in inbound.messages] == [b"second", b"fourth"]  # type: ignore[attr-defined]
    assert inbound.cumulative & M32 == 1004
    assert inbound.forward(1006, [(1, 0)])
    assert inbound.held == 0 and inbound.cumulative & M32 == 1006 and not inbound.has_gaps
    assert not inbound.forward(1006, [])
    inbound.receive(B | E, 1007, 1, 1, 51, b"on")
    assert inbound.messages[-1] == StreamMessage(1, 51, b"on")


def test_forward_tsn_far_ahead_is_constant_work() -> None:
    inbound = make()
    inbound.receive(B | E, 1005, 0, 5, 51, b"x")
    assert inbound.forward((1000 + (1 << 31) - 2) & M32, [(i, 32767) for i in range(100)])
    assert len(inbound._ranges) == 0 and len(inbound._streams) <= 100 and inbound.held == 0
    assert not inbound.forward(1000, [])


def test_forward_tsn_for_streams_that_do_not_exist_is_ignored() -> None:
    inbound = make(stream_count=4)
    assert inbound.forward(1000, [(4, 1), (65535, 9)])
    assert not inbound._streams


def test_reset_starts_numbers_again() -> None:
    inbound = make()
    inbound.receive(B | E, 1000, 2, 0, 51, b"a")
    inbound.receive(B | E, 1001, 2, 5, 51, b"early")
    assert inbound.has_all(1001) and not inbound.has_all(1002)
    assert inbound.reset_streams([2]) == [2] and inbound.held == 0
    inbound.receive(B | E, 1002, 2, 0, 51, b"b")
    assert [m.data for m in inbound.messages] == [b"a", b"b"]  # type: ignore[attr-defined]


def test_sack_fits_the_room_and_reports_duplicates_once() -> None:
    inbound = make()
    for i in range(1, 400, 2):
        inbound.receive(B | E | U, 1000 + i, 0, 0, 51, b"x")
        inbound.receive(B | E | U, 1000 + i, 0, 0, 51, b"x")
    raw = inbound.sack(116)
    sack = SackChunk.parse(raw)
    assert len(raw) <= 116 and len(sack.gaps) == 25 and sack.duplicates == []
    raw = make().sack(116)
    assert SackChunk.parse(raw).a_rwnd == 1 << 20


def test_default_window_holds_the_largest_message_twice() -> None:
    config = SctpConfig()
    assert config.receive_window >= 2 * config.max_message_size

"""One direction of a path: each impairment does what it says, in the proportion it says, the same for one seed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sim import BurstLoss, Fate, Link, LinkConfig, corrupted

MANY = 20_000


def link(seed: int = 1, **properties: Any) -> Link:
    return Link(LinkConfig(**properties), random.Random(seed))


def packets(count: int) -> list[bytes]:
    return [i.to_bytes(4, "big") * 10 for i in range(count)]


def arrivals(path: Link, count: int, spacing: float = 0.0) -> list[tuple[float, bytes]]:
    return sorted(
        (arrival for i, p in enumerate(packets(count)) for arrival in path.send(p, i * spacing)),
        key=lambda arrival: arrival[0],
    )


def test_a_perfect_link_only_delays() -> None:
    assert link(delay=0.03).send(b"x", 1.0) == [(1.03, b"x")]


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5])
def test_loss_has_its_share(probability: float) -> None:
    path = link(loss=probability)
    assert len(arrivals(path, MANY)) == pytest.approx(MANY * (1 - probability), rel=0.03)
    assert path.counters.sent == MANY
    assert path.counters.lost + path.counters.delivered == MANY


def test_bursts_come_together_and_have_their_share() -> None:
    burst = BurstLoss(enter_bad=0.02, leave_bad=0.2, loss_bad=1.0)
    path = link(burst=burst)
    fates = [bool(path.send(b"x", 0.0)) for _ in range(MANY)]
    share = burst.enter_bad / (burst.enter_bad + burst.leave_bad)
    assert fates.count(False) / MANY == pytest.approx(share, rel=0.15)
    runs = "".join("." if fate else "x" for fate in fates).replace(".", " ").split()
    assert sum(map(len, runs)) / len(runs) == pytest.approx(1 / burst.leave_bad, rel=0.15)


def test_duplicates_arrive_twice_and_are_equal() -> None:
    path = link(duplicate=0.2, jitter=0.01)
    both = [p for p in (path.send(x, 0.0) for x in packets(MANY)) if len(p) == 2]
    assert len(both) == pytest.approx(0.2 * MANY, rel=0.05) and path.counters.duplicated == len(both)
    assert all(a[1] == b[1] for a, b in both)


def test_reordered_packets_are_overtaken() -> None:
    path = link(reorder=0.1, hold=0.05)
    order = [p for _, p in arrivals(path, 1000, spacing=0.001)]
    assert sorted(order) == packets(1000) and order != packets(1000)
    assert path.counters.reordered == pytest.approx(100, abs=40)


def test_jitter_shuffles_unless_told_not_to() -> None:
    assert [p for _, p in arrivals(link(jitter=0.05), 200, spacing=0.001)] != packets(200)
    kept = arrivals(link(jitter=0.05, in_order=True), 200, spacing=0.001)
    assert [p for _, p in kept] == packets(200)


def test_corrupted_packets_differ_and_keep_their_size() -> None:
    path = link(corrupt=1.0)
    for packet in packets(500):
        ((_, arrived),) = path.send(packet, 0.0)
        assert arrived != packet and len(arrived) == len(packet)


@given(st.binary(max_size=50), st.integers())
def test_corruption_always_changes_something(data: bytes, seed: int) -> None:
    changed = corrupted(data, random.Random(seed))
    assert len(changed) == len(data)
    assert changed != data or not data


def test_rate_spaces_packets_and_a_full_queue_drops() -> None:
    path = link(delay=0.0, rate_bps=8_000, overhead=0, queue_bytes=1000)  # 1,000 bytes a second
    times = [at for i in range(20) for at, _ in path.send(bytes(100), 0.0)]
    assert times == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert path.counters.overflowed == 10
    assert path.send(bytes(100), 0.55) == [(pytest.approx(1.1), bytes(100))]  # half of it has drained


def test_throughput_never_exceeds_the_rate() -> None:
    path = link(rate_bps=1_000_000, queue_bytes=10_000)
    got = [(at, p) for i in range(5000) for at, p in path.send(bytes(1172), i * 0.001)]
    assert got[-1][0] >= sum(len(p) + 28 for _, p in got) * 8 / 1_000_000
    assert path.counters.overflowed == 5000 - len(got) > 0


def test_too_big_for_the_path_vanishes() -> None:
    path = link(mtu=1200)
    assert path.send(bytes(1200), 0.0) and not path.send(bytes(1201), 0.0)
    assert path.counters.too_big == 1


def test_outages_begin_and_end() -> None:
    path = link(delay=0.0)
    path.outage(1.0, 2.0)
    path.outage(5.0, 1.0)
    got = [t for t in (0.9, 1.0, 2.9, 3.0, 4.9, 5.5, 6.0) if path.send(b"x", t)]
    assert got == [0.9, 3.0, 4.9, 6.0]
    path.up = False
    assert not path.send(b"x", 7.0)


def test_scripts_decide_by_number() -> None:
    path = link(hold=1.0, loss=0.0)
    path.drop(1)
    path.decide({2: Fate.DUPLICATE, 3: Fate.HOLD, 4: Fate.CORRUPT, 5: b"replaced"})
    got = [path.send(b"0123", 0.0) for _ in range(7)]
    assert [len(g) for g in got] == [1, 0, 2, 1, 1, 1, 1]
    assert got[3][0][0] == pytest.approx(1.02) and got[4][0][1] != b"0123" and got[5][0][1] == b"replaced"


def test_a_swapped_packet_follows_the_next_one() -> None:
    path = link()
    path.decide({0: Fate.SWAP})
    assert path.send(b"first", 0.0) == []
    assert [p for _, p in path.send(b"second", 0.5)] == [b"second", b"first"]
    assert [p for _, p in path.send(b"third", 0.6)] == [b"third"]


def test_a_predicate_drops_what_it_picks_so_many_times() -> None:
    path = link()
    path.drop_when(lambda data: data[:1] == b"!", times=2)
    assert [bool(path.send(p, 0.0)) for p in (b"a", b"!", b"!", b"!")] == [True, False, False, True]
    path.clear_scripts()
    assert path.send(b"!", 0.0)


def test_a_scripted_packet_draws_no_loss() -> None:
    path = link(loss=1.0)
    path.decide({0: Fate.DUPLICATE})
    assert len(path.send(b"x", 0.0)) == 2 and path.send(b"x", 0.0) == []


@given(st.integers(0, 1000))
def test_one_seed_one_fate(seed: int) -> None:
    bad = {
        "loss": 0.2,
        "jitter": 0.03,
        "duplicate": 0.1,
        "reorder": 0.2,
        "corrupt": 0.1,
        "burst": BurstLoss(),
    }
    assert arrivals(link(seed, **bad), 50, 0.001) == arrivals(link(seed, **bad), 50, 0.001)


def test_seeds_differ() -> None:
    assert arrivals(link(1, loss=0.5), 50) != arrivals(link(2, loss=0.5), 50)

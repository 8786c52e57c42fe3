"""The path takes large packets, and then no more: what was cut for it must still leave, alone, and fit a DTLS record."""

from __future__ import annotations

import random

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Instant
from rtcpy.sctp import Association, SctpConfig, StreamMessage
from rtcpy.sim import Fate, LinkConfig, Pair
from tests.profile import scale

LARGEST = 16_384  # bytes of plaintext in a DTLS record (RFC 6347 §4.1)


@pytest.mark.parametrize("seed", range(scale(dev=12, ci=40, thorough=400)))
def test_no_packet_outgrows_a_record_when_large_ones_begin_to_vanish(seed: int) -> None:
    """Large packets are lost in runs: black-hole detection falls back, chunks cut large are sent again beside others."""
    ends = [Association(SctpConfig(), entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    sim = Pair(*ends, seed=seed, link=LinkConfig(delay=0.01, loss=0.05), log=False)
    rng = random.Random(seed)
    sizes: list[int] = []

    def watch(_index: int, now: Instant, packet: bytes) -> Fate | None:
        sizes.append(len(packet))
        hole = 1.5 < now < 6.0 and len(packet) > 1200
        return Fate.DROP if hole and rng.random() < 0.9 else None

    for link in sim.links:
        link.add_script(watch)
    for end in ends:
        end.start(now=0.0)
    sent: list[list[bytes]] = [[], []]
    for number in range(60):
        for i, end in enumerate(ends):
            message = rng.randbytes(rng.choice((1, 300, 5_000, 40_000)))
            sent[i].append(message)
            sim.at(1.0 + number * 0.05, lambda end=end, m=message: end.send(0, 53, m, now=sim.now))

    def arrived() -> bool:
        return all(len(sim.events_of(1 - i, StreamMessage)) == len(sent[i]) for i in (0, 1))

    assert sim.drive(until=120.0, stop=arrived)
    for i in (0, 1):
        assert [event.data for event in sim.events_of(1 - i, StreamMessage)] == sent[i]
    assert max(sizes) <= LARGEST
    assert any(size > 1200 for size in sizes), "large packets were in use"

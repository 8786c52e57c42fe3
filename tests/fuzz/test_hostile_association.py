"""A peer that holds the keys and lies: SCTP packets are mutated behind DTLS, with tag and checksum put right again.

Such a peer may end the association. It may not make the other end raise, spin, or remember without bound.
"""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Instant
from rtcpy.sctp import DataChannels, SctpConfig
from rtcpy.sctp.packet import packet_checksum
from rtcpy.sim import LinkConfig, Pair
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.parsers import sctp_packets
from tests.profile import scale

SEEDS = scale(dev=10, ci=60, thorough=1_000)
PACKETS = 400  # at most, mutated ones in each run
WINDOW = 64 * 1024  # bytes of receive window: what may be held is bounded by it
GROWTH = 2 * 1024 * 1024  # bytes


def forged(packet: bytes, rng: random.Random, others: tuple[bytes, ...]) -> bytes:
    """A mutation of the chunks of `packet` under its own header, so that it passes as authentic."""
    body = mutate_bytes(packet[12:], rng, [other[12:] for other in others[:50]])[:1400]
    header = packet[:12]
    return header[:8] + packet_checksum(header + body) + body


def run(seed: int) -> None:
    rng = random.Random(f"association/{seed}")
    others = sctp_packets()
    config = SctpConfig(receive_window=WINDOW)
    ends = [DataChannels(config, entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    sim = Pair(*ends, seed=seed, link=LinkConfig(delay=0.01), log=False)
    left = [PACKETS]

    def lie(_index: int, _now: Instant, data: bytes) -> bytes | None:
        if left[0] > 0 and rng.random() < 0.3:
            left[0] -= 1
            return forged(data, rng, others)
        return None

    sim.links[0].add_script(lie)  # end 0 is the liar
    for end, role in zip(ends, (True, False), strict=True):
        end.set_role(role, now=0.0)
        end.start(now=0.0)
    channel = ends[0].open("chat", now=0.0)
    sim.drive(until=2.0)
    for number in range(60):

        def talk(number: int = number) -> None:
            if channel.state.value == "open" and ends[0].buffered_amount(channel) < 100_000:
                ends[0].send(channel, bytes(number * 97 % 4000), now=sim.now)

        sim.at(2.0 + number * 0.1, talk)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        sim.drive(until=60.0)
        sim.events[0].clear()
        sim.events[1].clear()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown <= GROWTH, f"{grown} bytes"


@pytest.mark.parametrize("block", range(10))
def test_a_lying_peer_breaks_nothing_but_itself(block: int) -> None:
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            run(seed)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}\nassociation, seed {seed}") from error

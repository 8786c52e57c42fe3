"""Whole peers in every state of their life under mutated datagrams: nothing raises, nothing grows, the call goes on.

The attacker knows other sessions and the addresses of this one, but no password and no key. 50 seeds of 20,000
datagrams under `thorough`, a slice of that elsewhere. A failure names seed, stage and index; the run repeats exactly.
"""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable
from functools import cache

import pytest

from rtcpy.core.machine import Address
from rtcpy.sim import LinkConfig
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.parsers import dtls_datagrams, sctp_packets, stun_messages
from tests.profile import scale
from tests.sim.call import STUN_ADDRESS, Call

SEEDS = scale(dev=1, ci=3, thorough=50)
DATAGRAMS = scale(dev=3_000, ci=10_000, thorough=20_000)  # for each seed, over all stages
GROWTH = 2 * 1024 * 1024  # bytes that a peer may remember of it
BURST = 10  # datagrams at one instant
PAUSE = 0.001  # s between bursts

STAGES: dict[str, Callable[[Call], object]] = {
    "fresh": lambda call: None,
    "offered": lambda call: (call.start(), call.run(0.02)),
    "answered": lambda call: (call.start(), call.run(0.06)),
    "checking": lambda call: (call.start(), call.run(0.11)),
    "handshaking": lambda call: (call.start(), call.run(0.17)),
    "connected": lambda call: (call.start(), call.run(5.0)),
    "transferring": lambda call: (call.connect(), call.send(0, b"t" * 200_000), call.send(1, b"u" * 200_000)),
    "restarting": lambda call: (call.connect(), call.restart_ice(1), call.run(0.06)),
    "disconnected": lambda call: (call.connect(), call.net.outage(call.now, 15.0), call.run(14.0)),
    "failed": lambda call: (call.connect(), call.net.outage(call.now, 45.0), call.run(45.0)),
    "closed": lambda call: (call.connect(), call.peers[0].close(now=call.now), call.run(2.0)),
}
SURVIVES = {
    "offered",
    "answered",
    "checking",
    "handshaking",
    "connected",
    "transferring",
    "restarting",
    "disconnected",
}


@cache
def material() -> tuple[bytes, ...]:
    """Datagrams of another session of ours, and of sessions of others."""
    call = Call(seed="other session", stun=True)
    assert call.connect()
    for end in (0, 1):
        call.send(end, b"m" * 20_000)
    call.run(10.0)
    assert call.net.log is not None
    own = tuple(dict.fromkeys(packet.data for _, _, packet in call.net.log))
    return own + stun_messages() + dtls_datagrams() + sctp_packets()


def source_for(call: Call, end: int, rng: random.Random) -> Address:
    """The peer's own address most of the time, the STUN server's, or a stranger's."""
    kind = rng.random()
    if kind < 0.7:
        return call.addresses[1 - end]
    return STUN_ADDRESS if kind < 0.8 else Address("198.51.100.9", rng.randrange(1, 65536))


def bombard(call: Call, seed: int, stage: str, count: int) -> None:
    """Send `count` hostile datagrams to both ends while time goes on."""
    rng = random.Random(f"peers/{seed}/{stage}")
    packets = material()
    unroutable, steps = call.net.unroutable, call.net.steps
    for index in range(count):
        end = rng.randrange(2)
        data = mutate_bytes(rng.choice(packets), rng, packets)[:1500]
        call.net.inject(data, source_for(call, end, rng), call.addresses[end])
        try:
            call.run(PAUSE if index % BURST == 0 else 0.0)
        except Exception as error:
            raise AssertionError(
                f"{type(error).__name__}: {error}\nseed {seed}, stage {stage!r}, index {index}: {data.hex()}"
            ) from error
    assert call.net.unroutable == unroutable and call.net.steps >= steps + count, "some never reached a peer"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_hostile_datagrams_in_every_state(seed: int, stage: str) -> None:
    count = DATAGRAMS // len(STAGES)
    call = Call(seed=seed, link=LinkConfig(jitter=0.002), log=False)
    for end in (0, 1):  # the attacker knows the first ports from the start
        call.addresses[end] = Address(call.addresses[end].host, 5001)
    STAGES[stage](call)
    bombard(call, seed, stage, min(count, 200))  # what is allocated once is there now
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        bombard(call, seed + 1_000_000, stage, count)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown <= GROWTH, f"seed {seed}, stage {stage!r}: {count} datagrams left {grown} bytes behind"
    if stage in SURVIVES:
        assert call.run(90.0, lambda: call.is_open() and call.state(0) == call.state(1) == "connected"), (
            call.states
        )
        assert not any(state == "failed" for states in call.states for _, state in states)
        marks = [len(got) for got in call.received]
        for end in (0, 1):
            call.send(end, "still here")
        assert call.run(60.0, lambda: all(got and got[-1] == "still here" for got in call.received)), marks
    known = {"still here", b"t" * 200_000, b"u" * 200_000}
    assert all(message in known for got in call.received for message in got), "something forged was delivered"


def test_the_stages_are_what_they_are_called() -> None:
    expected = {
        "fresh": "new new",
        "offered": "new new",
        "handshaking": "connecting connecting",
        "connected": "connected connected",
        "transferring": "connected connected",
        "disconnected": "disconnected disconnected",
        "failed": "failed failed",
        "closed": "closed connected",
    }
    for stage, states in expected.items():
        call = Call(link=LinkConfig(jitter=0.002), log=False)
        STAGES[stage](call)
        assert f"{call.state(0)} {call.state(1)}" == states, stage

"""One seed, one trace: byte for byte, also in another process with another hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from rtcpy.sim import BurstLoss, LinkConfig, NatConfig
from tests.sim.call import Call

ROOT = Path(__file__).resolve().parents[2]


def trace(seed: int) -> list[tuple[object, ...]]:
    """All that two peers behind NATs do on a bad network, a restart included."""
    link = LinkConfig(
        loss=0.1, duplicate=0.05, reorder=0.1, corrupt=0.02, jitter=0.02, burst=BurstLoss(), rate_bps=3e6
    )
    call = Call(seed=seed, link=link, nats=(NatConfig(), NatConfig()))
    call.start()
    call.run(20.0)
    if call.is_open():
        for end in (0, 1):
            call.send(end, b"data" * 20_000)
    call.run(10.0)
    call.restart_ice(0)
    call.run(10.0)
    for peer in call.peers:
        peer.close(now=call.now)
    call.net.settle()
    call.run(5.0)
    assert call.net.log is not None
    packets = [(at, end, packet.data, packet.local, packet.remote) for at, end, packet in call.net.log]
    events = [(end, repr(event)) for end, events in enumerate(call.net.events) for event in events]
    return [*packets, *events, *call.signalled]


def digest(seed: int) -> str:
    """The trace in one line."""
    return hashlib.sha256(repr(trace(seed)).encode()).hexdigest()


def test_one_seed_twice_is_identical() -> None:
    first, second = trace(11), trace(11)
    assert len(first) > 200
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a == b, f"entry {number} differs"


def test_another_seed_is_another_trace() -> None:
    assert digest(11) != digest(12)


def test_another_process_with_another_hash_seed_gives_the_same_trace() -> None:
    """Nothing may depend on the order of a set of strings."""
    program = "from tests.sim.test_determinism import digest; print(digest(13))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2", "31337")
    }
    assert found == {digest(13) + "\n"}

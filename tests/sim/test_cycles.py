"""Connecting and closing again and again leaves nothing behind."""

from __future__ import annotations

import gc
import tracemalloc

from tests.profile import scale
from tests.sim.call import Call

CYCLES = scale(dev=30, ci=60, thorough=400)
GROWTH = 256 * 1024  # bytes over all cycles: caches may warm, connections may not stay


def cycle(seed: int) -> None:
    """One call, with a message, closed by one side or (every third) dropped by both."""
    call = Call(seed=seed)
    assert call.connect()
    call.send(0, "hello")
    call.run(1.0)
    assert call.received[1] == ["hello"]
    if seed % 3:
        call.peers[seed % 2].close(now=call.now)
        call.net.settle()
        call.run(1.0)


def test_connect_and_close_cycles_do_not_grow() -> None:
    for seed in range(5):
        cycle(seed)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for seed in range(CYCLES):
            cycle(seed)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown <= GROWTH, f"{CYCLES} cycles left {grown} bytes behind"


def test_a_closed_peer_lets_go_of_what_was_queued() -> None:
    call = Call(seed=1, log=False)
    assert call.connect()
    call.net.outage(call.now, 100.0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call.send(0, bytes(260_000))
        call.run(1.0)
        assert tracemalloc.get_traced_memory()[0] - before > 250_000
        call.peers[0].close(now=call.now)
        call.net.settle()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()
    assert call.peers[0].next_timeout() is None

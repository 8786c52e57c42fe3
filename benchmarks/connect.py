"""Connect: from two constructors to a data channel open at both ends, in one process. Wall and CPU time."""

from __future__ import annotations

import asyncio
import gc
import time

from benchmarks.measure import Figure, progress
from benchmarks.stacks import connected_pair


def run(quick: bool) -> list[Figure]:
    """Alternate the stacks; the closing counts as CPU, not as wall time."""
    wall = Figure("connect, two peers in one process: wall", "ms", goal=3.0, best=False)
    cpu = Figure("connect and close: CPU of both peers", "ms", goal=1.0, best=False)

    async def once(stack: str) -> tuple[float, float]:
        gc.collect()
        start, start_cpu = time.perf_counter(), time.process_time()
        a, b = await connected_pair(stack)
        elapsed = time.perf_counter() - start
        await a.close()
        await b.close()
        return elapsed * 1000, (time.process_time() - start_cpu) * 1000

    rounds = 5 if quick else 30
    for stack in ("rtcpy", "aiortc"):
        asyncio.run(once(stack))  # imports and caches
    for i in range(rounds):
        progress(f"connect {i + 1}/{rounds}")
        for stack in ("rtcpy", "aiortc"):
            elapsed, used = asyncio.run(once(stack))
            wall.samples[stack].append(elapsed)
            cpu.samples[stack].append(used)
    return [wall, cpu]

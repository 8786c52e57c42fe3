"""Idle: 200 connected pairs in one process: memory per pair, CPU per second and pair. Each stack in its own process."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time

from benchmarks.measure import Figure, progress
from benchmarks.stacks import connected_pair


async def child(stack: str, pairs: int, seconds: float) -> None:
    """Connect, settle, then do nothing for `seconds`."""
    import psutil

    process = psutil.Process()
    warm = await connected_pair(stack)
    gc.collect()
    before = process.memory_info().rss
    held = []
    for i in range(pairs):
        held.append(await connected_pair(stack))
        if i % 20 == 19:
            print(f"{stack}: {i + 1} pairs", file=sys.stderr, flush=True)
    gc.collect()
    await asyncio.sleep(3)
    rss = process.memory_info().rss - before
    start, start_cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    cpu = (time.process_time() - start_cpu) / (time.perf_counter() - start)
    print(json.dumps([rss / pairs / 1024, cpu / (pairs + 1) * 1e6]), flush=True)
    for pair in [warm, *held]:
        for peer in pair:
            await peer.close()


def run(quick: bool) -> list[Figure]:
    """RSS and idle CPU."""
    pairs, seconds = (30, 10.0) if quick else (200, 20.0)
    rss = Figure(f"{pairs} idle pairs: RSS per pair", "KiB", goal=1.0)
    cpu = Figure(f"{pairs} idle pairs: CPU per pair and second", "µs/s", goal=2.0)
    for stack in ("rtcpy", "aiortc"):
        progress(f"idle {stack}")
        command = [sys.executable, "-m", "benchmarks.idle", stack, str(pairs), str(seconds)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout
        a, b = json.loads(out.strip().splitlines()[-1])
        rss.samples[stack].append(a)
        cpu.samples[stack].append(b)
    return [rss, cpu]


if __name__ == "__main__":
    asyncio.run(child(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))

"""Data channel: bulk transfer and 64-byte ping-pong, both peers in one process. CPU per byte and per round trip."""

from __future__ import annotations

import asyncio
import time

from benchmarks.measure import Figure, progress
from benchmarks.stacks import connected_pair

SIZES = (1024, 16384, 65536)


async def transfer(stack: str, size: int, total: int, path_mtu: int | None) -> tuple[float, float]:
    """Send `total` bytes in messages of `size`; returns (CPU seconds per GB, MB per second)."""
    a, b = await connected_pair(stack, path_mtu)
    done = asyncio.get_running_loop().create_future()
    received = 0
    count = total // size

    def message(data: bytes) -> None:
        nonlocal received
        received += len(data)
        if received >= count * size and not done.done():
            done.set_result(None)

    b.on_message(message)
    payload = bytes(size)
    # Let path MTU discovery and slow start settle: the figure is about the steady state.
    warm = asyncio.Event()
    warm_count, seen = max(1, (total // 8) // size), 0

    def warming(data: bytes) -> None:
        nonlocal seen
        seen += 1
        if seen == warm_count:
            warm.set()

    b.on_message(warming)
    async with asyncio.timeout(300):
        await a.send_all(payload, warm_count)
        await warm.wait()
        received = 0
        start, start_cpu = time.perf_counter(), time.process_time()
        await a.send_all(payload, count)
        await done
    cpu, wall = time.process_time() - start_cpu, time.perf_counter() - start
    await a.close()
    await b.close()
    return cpu / (count * size) * 1e9, count * size / wall / 1e6


async def ping_pong(stack: str, rounds: int) -> tuple[float, float]:
    """Returns (CPU µs, wall µs) per round trip of 64 bytes."""
    a, b = await connected_pair(stack)
    b.on_message(b.send)
    back = asyncio.get_running_loop().create_future()
    left = rounds
    payload = bytes(64)

    def pong(data: bytes) -> None:
        nonlocal left
        left -= 1
        if left > 0:
            a.send(payload)
        elif not back.done():
            back.set_result(None)

    a.on_message(pong)
    start, start_cpu = time.perf_counter(), time.process_time()
    a.send(payload)
    async with asyncio.timeout(120):
        await back
    cpu, wall = time.process_time() - start_cpu, time.perf_counter() - start
    await a.close()
    await b.close()
    return cpu / rounds * 1e6, wall / rounds * 1e6


def run(quick: bool) -> list[Figure]:
    """aiortc gets fewer bytes than rtcpy: the figure is per byte, and it would take minutes otherwise."""
    figures: list[Figure] = []
    repeats = 2 if quick else 4
    scale = 1 if quick else 4
    baseline: dict[int, list[float]] = {}
    for size in SIZES:
        fixed = Figure(f"bulk, {size} B messages, path MTU 1,200", "CPU-s/GB", goal=6.0)
        found = Figure(
            f"bulk, {size} B messages, path MTU discovered", "CPU-s/GB", goal=25.0 if size > 1024 else None
        )
        for i in range(repeats):
            progress(f"bulk {size} B {i + 1}/{repeats}")
            fixed.samples["rtcpy"].append(asyncio.run(transfer("rtcpy", size, 8_000_000 * scale, 1200))[0])
            found.samples["rtcpy"].append(asyncio.run(transfer("rtcpy", size, 16_000_000 * scale, None))[0])
            value = asyncio.run(transfer("aiortc", size, 1_500_000 * scale, None))[0]
            fixed.samples["aiortc"].append(value)
            found.samples["aiortc"].append(value)
        baseline[size] = fixed.samples["aiortc"]
        figures += [fixed, found]
    cpu = Figure("ping-pong, 64 B: CPU per round trip", "µs", goal=3.0)
    wall = Figure("ping-pong, 64 B: wall per round trip", "µs", best=False)
    for i in range(repeats):
        progress(f"ping-pong {i + 1}/{repeats}")
        for stack, rounds in (("rtcpy", 2000 * scale), ("aiortc", 500 * scale)):
            used, elapsed = asyncio.run(ping_pong(stack, rounds))
            cpu.samples[stack].append(used)
            wall.samples[stack].append(elapsed)
    return [*figures, cpu, wall]

"""Data channel between two processes: the CPU of both counts. Signalling by JSON lines over pipes."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time

from benchmarks.measure import Figure, progress
from benchmarks.stacks import STACKS


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _read() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def _write(value: object) -> None:
    print(json.dumps(value), flush=True)


async def child(stack: str, role: str, size: int, count: int, path_mtu: int | None) -> None:
    """One of the two processes; the parent passes descriptions between their pipes."""
    peer = STACKS[stack](path_mtu)
    if role == "send":
        _write(await peer.offer())
        await peer.accept(json.loads(await _read()))
        await peer.opened()
        start = _cpu()
        await peer.send_all(bytes(size), count)
        await _read()  # the receiver has it all
        _write(_cpu() - start)
    else:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        got, start, began = 0, 0.0, 0.0

        def message(data: bytes) -> None:
            nonlocal got, start, began
            if not got:
                start, began = _cpu(), time.perf_counter()
            got += 1
            if got == count:
                done.set_result(None)

        peer.on_message(message)
        _write(await peer.answer(json.loads(await _read())))
        async with asyncio.timeout(300):
            await done
        _write([_cpu() - start, time.perf_counter() - began])
    await _read()
    await peer.close()


def measure(stack: str, size: int, total: int, path_mtu: int | None) -> tuple[float, float]:
    """Returns (CPU seconds per GB of both processes, MB per second)."""
    count = total // size

    def spawn(role: str) -> subprocess.Popen[str]:
        arguments = [stack, role, str(size), str(count), str(path_mtu or 0)]
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.processes", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def hear(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{stack}: a benchmark process ended early")
        return line.strip()

    with spawn("send") as sender, spawn("receive") as receiver:
        try:
            say(receiver, hear(sender))
            say(sender, hear(receiver))
            receiver_cpu, wall = json.loads(hear(receiver))
            say(sender, "done")
            sender_cpu = json.loads(hear(sender))
            for process in (sender, receiver):
                say(process, "bye")
        finally:
            for process in (sender, receiver):
                if process.stdin is not None:
                    process.stdin.close()
    return (sender_cpu + receiver_cpu) / (count * size) * 1e9, count * size / wall / 1e6


def run(quick: bool) -> list[Figure]:
    """Bulk transfer between two processes, at 1,200 bytes and with discovery."""
    figures = []
    repeats, scale = (1, 1) if quick else (3, 4)
    for size in (1024, 16384, 65536):
        fixed = Figure(f"two processes, {size} B, path MTU 1,200", "CPU-s/GB")
        found = Figure(f"two processes, {size} B, path MTU discovered", "CPU-s/GB")
        for i in range(repeats):
            progress(f"two processes {size} B {i + 1}/{repeats}")
            fixed.samples["rtcpy"].append(measure("rtcpy", size, 8_000_000 * scale, 1200)[0])
            found.samples["rtcpy"].append(measure("rtcpy", size, 16_000_000 * scale, None)[0])
            value = measure("aiortc", size, 1_500_000 * scale, None)[0]
            fixed.samples["aiortc"].append(value)
            found.samples["aiortc"].append(value)
        figures += [fixed, found]
    return figures


if __name__ == "__main__":
    asyncio.run(child(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]) or None))

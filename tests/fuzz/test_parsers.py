"""Every parser under a million mutated inputs (a slice of them outside `thorough`).

None raises what it did not document; none works or remembers out of proportion to its input. A failure names driver,
seed and index: ``python -m tests.fuzz DRIVER SEED INDEX`` shows and repeats it.
"""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import pytest

from tests.fuzz.parsers import Driver, drivers
from tests.profile import scale

BLOCKS = scale(dev=1, ci=1, thorough=12)
INPUTS = scale(dev=400, ci=4_000, thorough=10_000)  # in each block; ten parsers make a million
MEASURED = 40  # every so many inputs one is measured: counting calls and bytes slows it down tenfold
CALLS_PER_BYTE, CALLS_AT_LEAST = 60, 20_000
MEMORY_PER_BYTE, MEMORY_AT_LEAST = 64, 256 * 1024  # bytes
SEED = 1


def calls_of(run: Any, data: Any) -> int:
    """How many functions were called, ours and the interpreter's: work without a clock."""
    count = 0

    def count_call(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        run(data)
    finally:
        sys.setprofile(before)
    return count


def attempt(driver: Driver, data: Any) -> None:
    """Run one input; only the documented error is swallowed."""
    try:
        driver.run(data)
    except driver.error:
        return


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_parsers_take_anything(driver: Driver, block: int) -> None:
    for index in range(block * INPUTS, (block + 1) * INPUTS):
        data = driver.input(SEED, index)
        where = f"replay with: python -m tests.fuzz {driver.name} {SEED} {index}"
        try:
            attempt(driver, data)
            if index % MEASURED == 0:
                size = len(data) if isinstance(data, bytes) else len(data.encode(errors="surrogatepass"))
                calls = calls_of(lambda data: attempt(driver, data), data)
                assert calls <= CALLS_PER_BYTE * size + CALLS_AT_LEAST, f"{calls} calls for {size} bytes"
                tracemalloc.start()
                attempt(driver, data)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert peak <= MEMORY_PER_BYTE * size + MEMORY_AT_LEAST, f"{peak} bytes for {size} bytes"
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}\n{where}") from error
        finally:
            tracemalloc.stop()


def test_inputs_repeat_and_are_hostile() -> None:
    for driver in drivers():
        accepted = 0
        for index in range(60):
            data = driver.input(7, index)
            assert driver.input(7, index) == data
            try:
                driver.run(data)
                accepted += 1
            except driver.error:
                pass
        assert accepted > 0, f"{driver.name}: nothing is near enough to valid to reach deep"


def test_the_seeds_are_there() -> None:
    counts = {driver.name: len(driver.seeds) for driver in drivers()}
    assert (
        counts["sdp"] > 100 and counts["stun"] > 40 and counts["dtls-records"] > 100 and counts["sctp"] > 50
    )

"""The page docs/layers/aio.md: its code runs and does what it says."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sockets

PAGE = (Path(__file__).parents[2] / "docs" / "layers" / "aio.md").read_text(encoding="utf-8")


def namespace() -> dict[str, Any]:
    """What all code blocks of the page define."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/layers/aio.md", "exec"), names)
    return names


def bounded(coroutine: Any) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(30):
            return await coroutine

    return asyncio.run(run())


def test_the_small_driver_answers() -> None:
    assert re.fullmatch(r"127\.0\.0\.1:\d+ asked 127\.0\.0\.1:\d+", bounded(namespace()["serve_one"]()))


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")
def test_forty_datagrams_leave_in_one_call() -> None:
    assert bounded(namespace()["forty_at_once"]()) == (1, 40)


def test_every_file_the_page_names_exists() -> None:
    for name in set(re.findall(r"`((?:rtcpy|tests)/[a-z_/0-9]+(?:\.py|/))`", PAGE)):
        assert (Path(__file__).parents[2] / name).exists(), name

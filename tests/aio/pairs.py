"""Two connections in one process, for tests: on loopback, with signalling by hand."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import rtcpy


def loopback(**options: Any) -> rtcpy.Configuration:
    """A configuration that stays on this machine."""
    return rtcpy.Configuration(network_interfaces=["lo"], **options)


def run(test: Callable[[], Awaitable[None]], *, reports: list[dict[str, Any]] | None = None) -> None:
    """Run `test`; whatever reaches the loop's exception handler fails it, unless it asked for `reports`."""
    unexpected: list[dict[str, Any]] = [] if reports is None else reports

    async def bounded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unexpected.append(context))
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())
    if reports is None:
        assert unexpected == []


def trickle(a: rtcpy.PeerConnection, b: rtcpy.PeerConnection) -> None:
    """Hand each side's candidates to the other, as they come, once the other can take them."""

    def connect(source: rtcpy.PeerConnection, target: rtcpy.PeerConnection) -> None:
        early: list[rtcpy.IceCandidate | None] = []

        async def flush() -> None:
            while early and target.remote_description is not None and target.signaling_state != "closed":
                await target.add_ice_candidate(early.pop(0))

        @source.on("icecandidate")
        async def _(candidate: rtcpy.IceCandidate | None) -> None:
            early.append(candidate)
            await flush()

        target.on("signalingstatechange", flush)

    connect(a, b)
    connect(b, a)


async def negotiate(offerer: rtcpy.PeerConnection, answerer: rtcpy.PeerConnection) -> None:
    """One exchange of offer and answer."""
    await offerer.set_local_description()
    assert offerer.local_description is not None
    await answerer.set_remote_description(offerer.local_description)
    await answerer.set_local_description()
    assert answerer.local_description is not None
    await offerer.set_remote_description(answerer.local_description)


class Pair:
    """Two connections and a channel between them.

    `await Pair.connected()` gives one that is up; use it as an async context manager.
    """

    def __init__(self, a: rtcpy.Configuration | None = None, b: rtcpy.Configuration | None = None) -> None:
        self.a = rtcpy.PeerConnection(a or loopback())
        self.b = rtcpy.PeerConnection(b or loopback())
        self.announced: asyncio.Queue[rtcpy.DataChannel] = asyncio.Queue()
        self.b.on("datachannel", self.announced.put_nowait)
        trickle(self.a, self.b)
        self.channel: rtcpy.DataChannel
        self.remote: rtcpy.DataChannel

    @classmethod
    async def connected(
        cls, a: rtcpy.Configuration | None = None, b: rtcpy.Configuration | None = None, **options: Any
    ) -> Pair:
        """A pair with an open channel; `options` are those of `create_data_channel`."""
        pair = cls(a, b)
        pair.channel = pair.a.create_data_channel("test", **options)
        await negotiate(pair.a, pair.b)
        await pair.channel.opened()
        pair.remote = await pair.announced.get()
        return pair

    async def __aenter__(self) -> Pair:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.a.close()
        self.b.close()


def open_files() -> int:
    """How many file descriptors this process has open."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def threads() -> int:
    """How many threads run."""
    return threading.active_count()

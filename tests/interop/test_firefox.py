"""rtcpy and Firefox ESR with its default flags, in a network namespace of their own; each side offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.interop import behaviours
from tests.interop.ends import End, RtcpyEnd, negotiate
from tests.interop.firefox import Firefox, FirefoxEnd, firefox
from tests.interop.namespace import network_namespace

pytestmark = pytest.mark.interop

Behaviour = Callable[[End, End], Awaitable[None]]


@dataclass
class Browser:
    """The running browser and the loop in which it is driven."""

    firefox: Firefox
    runner: asyncio.Runner

    def call(self, session: Callable[[FirefoxEnd, RtcpyEnd], Awaitable[None]]) -> None:
        """Run `session` with a fresh page and a fresh connection of ours."""

        async def run() -> None:
            theirs, ours = FirefoxEnd(self.firefox), RtcpyEnd()
            await theirs.start()
            try:
                await session(theirs, ours)
            finally:
                await ours.close()
                await theirs.close()

        self.runner.run(run())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One namespace, event loop and Firefox for the module; each test has a page and a connection of its own."""
    with network_namespace(), asyncio.Runner() as runner:
        manager = firefox()
        started = runner.run(manager.__aenter__())
        yield Browser(started, runner)
        runner.run(manager.__aexit__(None, None, None))


@pytest.mark.parametrize("offerer", ["rtcpy", "firefox"])
@pytest.mark.parametrize("behaviour", behaviours.ALL, ids=lambda behaviour: behaviour.__name__)
def test_behaviour(browser: Browser, behaviour: Behaviour, offerer: str) -> None:
    browser.call(
        lambda theirs, ours: behaviour(ours, theirs) if offerer == "rtcpy" else behaviour(theirs, ours)
    )


def test_media_sections_are_rejected_and_data_flows(browser: Browser) -> None:
    """Firefox ends the candidates of each section by an empty one (W3C webrtc §4.8.1.1); the data section goes on."""

    async def media_too(theirs: FirefoxEnd, ours: RtcpyEnd) -> None:
        await theirs.add_media()
        await theirs.create_channel("main")
        _, answer = await negotiate(theirs, ours)
        assert answer.count("m=audio 0 ") == 1 and answer.count("m=video 0 ") == 1
        assert await theirs.wait_open("main") == await ours.wait_open("main")

    browser.call(media_too)

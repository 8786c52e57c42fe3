"""rtcpy and Chromium with its default flags, in a network namespace of their own; each side offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import BrowserContext

from tests.interop import behaviours
from tests.interop.browser import ChromiumEnd, chromium
from tests.interop.ends import End, RtcpyEnd, negotiate
from tests.interop.namespace import network_namespace

pytestmark = pytest.mark.interop

Behaviour = Callable[[End, End], Awaitable[None]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One namespace, event loop and Chromium for the module; each test has a page and a connection of its own."""
    with network_namespace(), asyncio.Runner() as runner:
        manager = chromium()
        context = runner.run(manager.__aenter__())
        yield Browser(context, runner)
        runner.run(manager.__aexit__(None, None, None))


@dataclass
class Browser:
    """The running browser and the loop in which it is driven."""

    context: BrowserContext
    runner: asyncio.Runner

    def call(self, session: Callable[[ChromiumEnd, RtcpyEnd], Awaitable[None]], **options: Any) -> None:
        """Run `session` with a fresh page and a fresh connection of ours; `options` as for RTCPeerConnection."""

        async def run() -> None:
            theirs = ChromiumEnd(await self.context.new_page())
            await theirs.start(**options)
            ours = RtcpyEnd()
            try:
                await session(theirs, ours)
            finally:
                await ours.close()
                await theirs.close()

        self.runner.run(run())


@pytest.mark.parametrize("offerer", ["rtcpy", "chromium"])
@pytest.mark.parametrize("behaviour", behaviours.ALL, ids=lambda behaviour: behaviour.__name__)
def test_behaviour(browser: Browser, behaviour: Behaviour, offerer: str) -> None:
    browser.call(
        lambda theirs, ours: behaviour(ours, theirs) if offerer == "rtcpy" else behaviour(theirs, ours)
    )


def test_page_reload_is_noticed_by_consent_expiry(browser: Browser) -> None:
    """The browser forgets the call without a word; our consent runs out within 30 s (RFC 7675 §5.1)."""

    async def reload(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        await behaviours.connect(theirs, ours)
        await theirs.page.reload()
        assert await ours.wait_connection_state("disconnected", "failed", "closed")
        assert await ours.wait_connection_state("failed", "closed")
        assert await ours.channel_state("main") in ("open", "closed")

    browser.call(reload)


def test_media_sections_are_rejected_and_data_flows(browser: Browser) -> None:
    """An offer with audio and video gets its data channel; the media sections are answered with port 0."""

    async def media_too(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        await theirs.create_channel("main")
        await theirs.add_media()
        _, answer = await negotiate(theirs, ours)
        assert answer.count("m=audio 0 ") == 1 and answer.count("m=video 0 ") == 1
        await theirs.wait_open("main")
        await ours.wait_open("main")
        await ours.send("main", ["data beside rejected media"])
        assert await theirs.receive("main", 1) == ["data beside rejected media"]

    browser.call(media_too)


def test_rejected_media_may_come_before_the_data(browser: Browser) -> None:
    """An offer of media alone is rejected as a whole; the data channel of the next offer works, from either side."""

    async def media_first(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        await theirs.add_media()
        _, answer = await negotiate(theirs, ours)
        assert answer.count("m=audio 0 ") == 1 and answer.count("m=video 0 ") == 1
        await theirs.create_channel("main")
        await negotiate(theirs, ours)
        assert await theirs.wait_open("main") == await ours.wait_open("main")
        await ours.create_channel("ours")
        await negotiate(ours, theirs)
        assert await theirs.wait_open("ours") == await ours.wait_open("ours")

    browser.call(media_first)


def test_the_browser_adds_media_while_data_flows(browser: Browser) -> None:
    """Rejected media in a later offer leaves the channels alone.

    (Not after an earlier rejection: Chromium 156 then puts the media at the head of the bundle, and when they are
    rejected replaces the transport of its data channels by a new one that never starts.)
    """

    async def media_later(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        await behaviours.connect(theirs, ours)
        await theirs.add_media()
        _, answer = await negotiate(theirs, ours)
        assert answer.count("m=audio 0 ") == 1 and answer.count("m=video 0 ") == 1
        await theirs.send("main", ["still here"])
        assert await ours.receive("main", 1) == ["still here"]
        await negotiate(ours, theirs)
        await ours.send("main", ["and here"])
        assert await theirs.receive("main", 1) == ["and here"]

    browser.call(media_later)


@pytest.mark.parametrize("offerer", ["rtcpy", "chromium"])
def test_an_rsa_certificate_is_taken(browser: Browser, offerer: str) -> None:
    browser.call(
        lambda theirs, ours: (
            behaviours.connect(ours, theirs) if offerer == "rtcpy" else behaviours.connect(theirs, ours)
        ),
        rsa=True,
    )


@pytest.mark.parametrize("policy", ["balanced", "max-compat", "max-bundle"])
def test_every_bundle_policy_is_understood(browser: Browser, policy: str) -> None:
    """With `max-bundle` data alone: Chromium refuses any answer that rejects the first section of such a bundle."""

    async def connect(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        if policy != "max-bundle":
            await theirs.add_media()
        await behaviours.connect(theirs, ours)

    browser.call(connect, bundlePolicy=policy)


def test_messages_larger_than_the_browser_takes_are_refused_here(browser: Browser) -> None:
    """`send` raises TypeError above the peer's max-message-size (W3C webrtc §6.2.6); the channel goes on."""

    async def too_large(theirs: ChromiumEnd, ours: RtcpyEnd) -> None:
        await behaviours.connect(ours, theirs)
        with pytest.raises(TypeError):
            await ours.send("main", [bytes(262145)])
        await ours.send("main", [bytes(262144)])
        assert await theirs.receive("main", 1) == [bytes(262144)]

    browser.call(too_large)

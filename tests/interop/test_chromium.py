"""rtcpy and Chromium with its default flags, in a network namespace of their own; each side offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.interop import behaviours
from tests.interop.browser import ChromiumEnd, chromium
from tests.interop.ends import End, RtcpyEnd, negotiate
from tests.interop.namespace import network_namespace

pytestmark = pytest.mark.interop

Behaviour = Callable[[End, End], Awaitable[None]]


def call(behaviour: Behaviour, offerer: str, configuration: Any = None) -> None:
    """Run one behaviour in a fresh namespace, browser and connection."""

    async def session() -> None:
        async with chromium() as context:
            browser = ChromiumEnd(await context.new_page())
            await browser.start()
            ours = RtcpyEnd(configuration=configuration)
            try:
                await (behaviour(ours, browser) if offerer == "rtcpy" else behaviour(browser, ours))
            finally:
                await ours.close()

    with network_namespace():
        asyncio.run(session())


@pytest.mark.parametrize("offerer", ["rtcpy", "chromium"])
@pytest.mark.parametrize(
    "behaviour",
    [
        behaviours.messages_of_all_kinds,
        behaviours.a_thousand_in_order,
        behaviours.unordered_without_retransmits,
        behaviours.attributes_are_preserved,
        behaviours.channels_by_either_side_early_and_late,
        behaviours.close_by_either_side,
        behaviours.ice_restart_keeps_channels,
    ],
    ids=lambda behaviour: behaviour.__name__,
)
def test_behaviour(behaviour: Behaviour, offerer: str) -> None:
    call(behaviour, offerer)


def test_page_reload_is_noticed_by_consent_expiry() -> None:
    """The browser forgets the call without a word; our consent runs out within 30 s (RFC 7675 §5.1)."""

    async def session() -> None:
        async with chromium() as context:
            browser = ChromiumEnd(await context.new_page())
            await browser.start()
            ours = RtcpyEnd()
            try:
                await behaviours.connect(browser, ours)
                await browser.page.reload()
                assert await ours.wait_connection_state("disconnected", "failed", "closed")
                assert await ours.wait_connection_state("failed", "closed")
                assert await ours.channel_state("main") in ("open", "closed")
            finally:
                await ours.close()

    with network_namespace():
        asyncio.run(session())


def test_media_sections_are_rejected_and_data_flows() -> None:
    """An offer with audio and video gets its data channel; the media sections are answered with port 0."""

    async def media_too(browser: ChromiumEnd, ours: RtcpyEnd) -> None:
        await browser.create_channel("main")
        await browser.page.evaluate("window.end.media()")
        _, answer = await negotiate(browser, ours)
        assert answer.count("m=audio 0 ") == 1 and answer.count("m=video 0 ") == 1
        await browser.wait_open("main")
        await ours.wait_open("main")
        await ours.send("main", ["data beside rejected media"])
        assert await browser.receive("main", 1) == ["data beside rejected media"]

    call(media_too, "chromium")  # type: ignore[arg-type]

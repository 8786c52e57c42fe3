"""rtcpy with itself, doing all that it does with others: what fails here needs no second suspect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.interop import behaviours
from tests.interop.ends import End, RtcpyEnd
from tests.interop.namespace import network_namespace

pytestmark = pytest.mark.interop

Behaviour = Callable[[End, End], Awaitable[None]]


@pytest.mark.parametrize("behaviour", behaviours.ALL, ids=lambda behaviour: behaviour.__name__)
def test_behaviour(behaviour: Behaviour) -> None:
    async def session() -> None:
        offerer, answerer = RtcpyEnd("offerer"), RtcpyEnd("answerer")
        try:
            await behaviour(offerer, answerer)
        finally:
            await offerer.close()
            await answerer.close()

    with network_namespace():
        asyncio.run(session())

"""rtcpy with werift, libdatachannel and libwebrtc (as packaged for Node.js), in both roles.

What is left out is what the other side cannot do: werift 0.25 stalls a channel on which it sends an empty message,
counts characters where RFC 8832 §5.1 counts bytes, and announces an unordered channel as an ordered one when it also
limits retransmissions (it overwrites the 0x80 of the channel type); only libwebrtc restarts ICE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tests.interop import behaviours
from tests.interop.ends import End, Message, RtcpyEnd, negotiate
from tests.interop.namespace import network_namespace
from tests.interop.node_end import NodeEnd

pytestmark = pytest.mark.interop

Behaviour = Callable[[End, End], Awaitable[None]]


async def plain_messages(a: End, b: End) -> None:
    """Text and binary up to 16 KiB, both ways, without empty ones."""
    await behaviours.connect(a, b)
    messages: list[Message] = ["hello", "Grüße 🌍", b"\x00\xff", behaviours.blob(16384), "last"]
    for sender, receiver in ((a, b), (b, a)):
        await sender.send("main", messages)
        assert await receiver.receive("main", len(messages)) == messages


async def unordered_as_werift_says_it(a: End, b: End) -> None:
    """The unreliable channel, as far as werift can announce one."""
    if a.name == "werift":
        await a.create_channel("lossy", ordered=True, max_retransmits=0)
        await negotiate(a, b)
        here, there = await a.wait_open("lossy"), await b.wait_open("lossy")
        assert here == there and here.max_retransmits == 0
    else:
        await behaviours.unordered_without_retransmits(a, b)


CASES: list[tuple[str, Behaviour]] = [
    ("werift", plain_messages),
    ("werift", unordered_as_werift_says_it),
    ("werift", behaviours.close_by_either_side),
    ("werift", behaviours.channels_by_either_side_early_and_late),
    ("libdatachannel", partial(behaviours.messages_of_all_kinds, largest=262144)),
    ("libdatachannel", behaviours.a_thousand_in_order),
    ("libdatachannel", behaviours.unordered_without_retransmits),
    ("libdatachannel", behaviours.channels_by_either_side_early_and_late),
    ("libdatachannel", behaviours.attributes_are_preserved),
    ("libdatachannel", behaviours.close_by_either_side),
    ("wrtc", behaviours.messages_of_all_kinds),
    ("wrtc", behaviours.a_thousand_in_order),
    ("wrtc", behaviours.unordered_without_retransmits),
    ("wrtc", behaviours.attributes_are_preserved),
    ("wrtc", behaviours.channels_by_either_side_early_and_late),
    ("wrtc", behaviours.close_by_either_side),
    ("wrtc", behaviours.ice_restart_keeps_channels),
]


@pytest.mark.parametrize("offerer", ["rtcpy", "other"])
@pytest.mark.parametrize(
    ("stack", "behaviour"),
    CASES,
    ids=[f"{stack}-{getattr(b, 'func', b).__name__}" for stack, b in CASES],
)
def test_behaviour(stack: str, behaviour: Behaviour, offerer: str) -> None:
    async def session() -> None:
        theirs = NodeEnd(stack)
        await theirs.start()
        ours = RtcpyEnd()
        try:
            await (behaviour(ours, theirs) if offerer == "rtcpy" else behaviour(theirs, ours))
        finally:
            await ours.close()
            await theirs.close()

    with network_namespace():
        asyncio.run(session())

"""rtcpy and aiortc, in a network namespace of their own; each side offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from tests.interop import behaviours
from tests.interop.ends import ChannelInfo, End, Message, OnCandidate, RtcpyEnd
from tests.interop.namespace import network_namespace

pytestmark = pytest.mark.interop


class AiortcEnd:
    """aiortc's side. It gathers all candidates before it describes itself, and knows no ICE restart."""

    def __init__(self) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        # Its default configuration would ask a STUN server on the internet.
        self.name, self.pc = "aiortc", RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.on_candidate: OnCandidate | None = None
        self.channels: dict[str, Any] = {}
        self.inbox: dict[str, list[Message]] = {}
        self.changed = asyncio.Condition()
        self.pc.on("datachannel", self._adopt)
        self.pc.on("connectionstatechange", self._notify)

    async def _notify(self, *_: Any) -> None:
        async with self.changed:
            self.changed.notify_all()

    def _adopt(self, channel: Any) -> None:
        self.channels[channel.label] = channel
        inbox = self.inbox.setdefault(channel.label, [])

        async def message(data: Message) -> None:
            inbox.append(data)
            await self._notify()

        channel.on("message", message)
        for event in ("open", "close"):
            channel.on(event, self._notify)
        self.announced = asyncio.get_running_loop().create_task(self._notify())

    async def start(self) -> None:
        """Nothing to start."""

    async def create_channel(self, label: str, **options: Any) -> None:
        names = {"max_retransmits": "maxRetransmits", "max_packet_life_time": "maxPacketLifeTime"}
        self._adopt(self.pc.createDataChannel(label, **{names.get(k, k): v for k, v in options.items()}))

    async def offer(self, *, ice_restart: bool = False) -> str:
        assert not ice_restart, "aiortc has no ICE restart"
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def answer(self, sdp: str) -> str:
        from aiortc import RTCSessionDescription

        await self.pc.setRemoteDescription(RTCSessionDescription(type="offer", sdp=sdp))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        from aiortc import RTCSessionDescription

        await self.pc.setRemoteDescription(RTCSessionDescription(type="answer", sdp=sdp))

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        from aiortc.sdp import candidate_from_sdp

        if candidate is None or not candidate["candidate"]:
            await self.pc.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = candidate["sdpMid"], candidate["sdpMLineIndex"]
        await self.pc.addIceCandidate(parsed)

    async def _until(self, predicate: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(40), self.changed:
                await self.changed.wait_for(predicate)
        except TimeoutError:
            raise AssertionError(
                f"aiortc: {what} did not happen; connection {self.pc.connectionState}, "
                f"channels { {label: c.readyState for label, c in self.channels.items()} }"
            ) from None

    async def wait_open(self, label: str) -> ChannelInfo:
        await self._until(
            lambda: label in self.channels and self.channels[label].readyState == "open", f"open of {label!r}"
        )
        c = self.channels[label]
        return ChannelInfo(
            c.label, c.protocol, c.id, c.ordered, c.maxRetransmits, c.maxPacketLifeTime, c.negotiated
        )

    async def wait_closed(self, label: str) -> None:
        await self._until(lambda: self.channels[label].readyState == "closed", f"close of {label!r}")

    async def send(self, label: str, messages: list[Message]) -> None:
        for message in messages:
            self.channels[label].send(message)

    async def receive(self, label: str, count: int) -> list[Message]:
        inbox = self.inbox.setdefault(label, [])
        await self._until(lambda: len(inbox) >= count, f"message {count} on {label!r} ({len(inbox)} came)")
        out, inbox[:count] = inbox[:count], []
        return out

    async def close_channel(self, label: str) -> None:
        self.channels[label].close()

    async def channel_state(self, label: str) -> str:
        return str(self.channels[label].readyState)

    async def wait_connection_state(self, *states: str) -> str:
        await self._until(lambda: self.pc.connectionState in states, f"connection state {states}")
        return str(self.pc.connectionState)

    async def gathered(self) -> str:
        """The local description with all candidates: it has them from the start."""
        return str(self.pc.localDescription.sdp)

    async def close_connection(self) -> None:
        """Close as an application does."""
        await self.pc.close()

    async def close(self) -> None:
        await self.pc.close()


# aiortc counts characters where RFC 8832 §5.1 counts bytes, so labels stay ASCII here; it has no ICE restart.
BEHAVIOURS: dict[str, Callable[[End, End], Awaitable[None]]] = {
    "messages_of_all_kinds": behaviours.messages_of_all_kinds,
    "a_thousand_in_order": behaviours.a_thousand_in_order,
    "unordered_without_retransmits": behaviours.unordered_without_retransmits,
    "attributes_are_preserved": partial(behaviours.attributes_are_preserved, unicode=False),
    "channels_by_either_side_early_and_late": behaviours.channels_by_either_side_early_and_late,
    "close_by_either_side": behaviours.close_by_either_side,
    "gathered_descriptions": behaviours.gathered_descriptions,
    "many_channels_at_once": behaviours.many_channels_at_once,
    "closing_the_connection_is_noticed": behaviours.closing_the_connection_is_noticed,
}


@pytest.mark.parametrize("offerer", ["rtcpy", "aiortc"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_behaviour(behaviour: str, offerer: str) -> None:
    async def session() -> None:
        theirs, ours = AiortcEnd(), RtcpyEnd()
        ends: tuple[End, End] = (ours, theirs) if offerer == "rtcpy" else (theirs, ours)
        try:
            await BEHAVIOURS[behaviour](*ends)
        finally:
            await ours.close()
            await theirs.close()

    with network_namespace():
        asyncio.run(session())

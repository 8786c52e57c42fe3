"""rtcpy and aiortc behind the few verbs that the cases need. Loopback only, no STUN server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

HIGH_WATER = 1 << 20  # bytes a sender keeps queued
LOW_WATER = 1 << 18


class Peer(Protocol):
    """One end of a call: signalling in SDP text with all candidates inside, one data channel."""

    async def offer(self) -> str: ...
    async def answer(self, sdp: str) -> str: ...
    async def accept(self, sdp: str) -> None: ...
    async def opened(self) -> None: ...
    def on_message(self, handler: Callable[[Any], None]) -> None: ...
    def send(self, message: bytes) -> None: ...
    async def send_all(self, message: bytes, count: int) -> None: ...
    async def close(self) -> None: ...


class RtcpyPeer:
    """rtcpy through its public API. `path_mtu` fixes the path MTU in bytes; None lets it be discovered."""

    def __init__(self, path_mtu: int | None = None) -> None:
        import rtcpy

        self.rtcpy = rtcpy
        # One host candidate, 127.0.0.1, as the other stack gets below.
        self.pc = rtcpy.PeerConnection(
            rtcpy.Configuration(network_interfaces=lambda a: a.host == "127.0.0.1", path_mtu=path_mtu)
        )
        self.channel: Any = None
        self.open = asyncio.Event()
        self.handler: Callable[[Any], None] | None = None
        self.pc.on("datachannel", self._adopt)

    def _adopt(self, channel: Any) -> None:
        self.channel = channel
        channel.on("open", self.open.set)
        if self.handler is not None:
            channel.on("message", self.handler)
        if channel.ready_state == "open":
            self.open.set()

    async def _gathered(self) -> str:
        done = asyncio.Event()
        self.pc.on(
            "icegatheringstatechange", lambda: self.pc.ice_gathering_state == "complete" and done.set()
        )
        if self.pc.ice_gathering_state != "complete":
            await done.wait()
        return str(self.pc.local_description.sdp)

    async def offer(self) -> str:
        self._adopt(self.pc.create_data_channel("bench"))
        await self.pc.set_local_description()
        return await self._gathered()

    async def answer(self, sdp: str) -> str:
        await self.pc.set_remote_description(self.rtcpy.SessionDescription(type="offer", sdp=sdp))
        await self.pc.set_local_description()
        return await self._gathered()

    async def accept(self, sdp: str) -> None:
        await self.pc.set_remote_description(self.rtcpy.SessionDescription(type="answer", sdp=sdp))

    async def opened(self) -> None:
        await self.open.wait()

    def on_message(self, handler: Callable[[Any], None]) -> None:
        self.handler = handler
        if self.channel is not None:
            self.channel.on("message", handler)

    def send(self, message: bytes) -> None:
        self.channel.send(message)

    async def send_all(self, message: bytes, count: int) -> None:
        low = asyncio.Event()
        channel = self.channel
        channel.buffered_amount_low_threshold = LOW_WATER
        channel.on("bufferedamountlow", low.set)
        for _ in range(count):
            if channel.buffered_amount > HIGH_WATER:
                low.clear()
                await low.wait()
            channel.send(message)

    async def close(self) -> None:
        await self.pc.close()


class AiortcPeer:
    """aiortc through its public API, bound to loopback."""

    def __init__(self, path_mtu: int | None = None) -> None:
        import aioice.ice
        import aiortc

        # aioice lists all addresses but loopback; this keeps its traffic on the machine.
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
        self.aiortc = aiortc
        self.pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.channel: Any = None
        self.open = asyncio.Event()
        self.handler: Callable[[Any], None] | None = None
        self.pc.on("datachannel", self._adopt)

    def _adopt(self, channel: Any) -> None:
        self.channel = channel
        channel.on("open", self.open.set)
        if self.handler is not None:
            channel.on("message", self.handler)
        if channel.readyState == "open":
            self.open.set()

    async def offer(self) -> str:
        self._adopt(self.pc.createDataChannel("bench"))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def answer(self, sdp: str) -> str:
        await self.pc.setRemoteDescription(self.aiortc.RTCSessionDescription(type="offer", sdp=sdp))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        await self.pc.setRemoteDescription(self.aiortc.RTCSessionDescription(type="answer", sdp=sdp))

    async def opened(self) -> None:
        await self.open.wait()

    def on_message(self, handler: Callable[[Any], None]) -> None:
        self.handler = handler
        if self.channel is not None:
            self.channel.on("message", handler)

    def send(self, message: bytes) -> None:
        self.channel.send(message)

    async def send_all(self, message: bytes, count: int) -> None:
        low = asyncio.Event()
        channel = self.channel
        channel.bufferedAmountLowThreshold = LOW_WATER
        channel.on("bufferedamountlow", low.set)
        for _ in range(count):
            if channel.bufferedAmount > HIGH_WATER:
                low.clear()
                await low.wait()
            channel.send(message)

    async def close(self) -> None:
        await self.pc.close()


STACKS: dict[str, Callable[[int | None], Peer]] = {"rtcpy": RtcpyPeer, "aiortc": AiortcPeer}


async def connected_pair(stack: str, path_mtu: int | None = None) -> tuple[Peer, Peer]:
    """Two peers of one stack in this process, their channel open at both ends."""
    make = STACKS[stack]
    a, b = make(path_mtu), make(path_mtu)
    async with asyncio.timeout(60):
        await a.accept(await b.answer(await a.offer()))
        await a.opened()
        await b.opened()
    return a, b

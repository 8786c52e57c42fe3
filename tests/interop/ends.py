"""One face for every peer that we talk to: the same few verbs for rtcpy, a browser and other stacks.

The behaviours in `behaviours.py` are written once against `End`; each test module says who is on the other side.
Signalling is a method call: descriptions as SDP text, candidates as W3C `RTCIceCandidateInit` dictionaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

Message = str | bytes
OnCandidate = Callable[[dict[str, Any] | None], Awaitable[None]]


@dataclass(slots=True, eq=False)
class ChannelInfo:
    """What one side knows of a channel; `unknown` names the fields that its API cannot tell."""

    label: str
    protocol: str
    id: int | None
    ordered: bool
    max_retransmits: int | None
    max_packet_life_time: int | None
    negotiated: bool
    unknown: frozenset[str] = frozenset()

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """The same in every field that both sides can tell."""
        if not isinstance(other, ChannelInfo):
            return NotImplemented
        told = {field.name for field in fields(self)} - {"unknown"} - self.unknown - other.unknown
        return all(getattr(self, name) == getattr(other, name) for name in told)


class End(Protocol):
    """One peer of a call."""

    name: str
    on_candidate: OnCandidate | None

    async def start(self) -> None: ...
    async def create_channel(self, label: str, **options: Any) -> None: ...
    async def offer(self, *, ice_restart: bool = False) -> str: ...
    async def answer(self, sdp: str) -> str: ...
    async def accept(self, sdp: str) -> None: ...
    async def add_candidate(self, candidate: dict[str, Any] | None) -> None: ...
    async def wait_open(self, label: str) -> ChannelInfo: ...
    async def wait_closed(self, label: str) -> None: ...
    async def send(self, label: str, messages: list[Message]) -> None: ...
    async def receive(self, label: str, count: int) -> list[Message]: ...
    async def close_channel(self, label: str) -> None: ...
    async def channel_state(self, label: str) -> str: ...
    async def wait_connection_state(self, *states: str) -> str: ...
    async def gathered(self) -> str: ...
    async def close_connection(self) -> None: ...
    async def close(self) -> None: ...


async def negotiate(
    offerer: End, answerer: End, *, ice_restart: bool = False, trickle: bool = True
) -> tuple[str, str]:
    """One round of offer and answer; candidates trickle beside it, or all stand in the descriptions.

    Returns both descriptions.
    """
    if not trickle:
        offerer.on_candidate = answerer.on_candidate = None
        await offerer.offer(ice_restart=ice_restart)
        offer = await offerer.gathered()
        await answerer.answer(offer)
        answer = await answerer.gathered()
        await offerer.accept(answer)
        return offer, answer
    pending: list[tuple[End, dict[str, Any] | None]] = []
    described = {offerer.name + "!": False, answerer.name: False}

    async def to_answerer(candidate: dict[str, Any] | None) -> None:
        if described[answerer.name]:
            await answerer.add_candidate(candidate)
        else:
            pending.append((answerer, candidate))

    async def to_offerer(candidate: dict[str, Any] | None) -> None:
        if described[offerer.name + "!"]:
            await offerer.add_candidate(candidate)
        else:
            pending.append((offerer, candidate))

    async def flush(end: End) -> None:
        for item in [item for item in pending if item[0] is end]:
            pending.remove(item)
            await end.add_candidate(item[1])

    offerer.on_candidate, answerer.on_candidate = to_answerer, to_offerer
    offer = await offerer.offer(ice_restart=ice_restart)
    answer = await answerer.answer(offer)
    described[answerer.name] = True
    await flush(answerer)
    await offerer.accept(answer)
    described[offerer.name + "!"] = True
    await flush(offerer)
    return offer, answer


class RtcpyEnd:
    """Our side, through the public API only."""

    def __init__(self, name: str = "rtcpy", configuration: Any = None) -> None:
        import rtcpy

        self.name, self.on_candidate = name, None
        self.pc = rtcpy.PeerConnection(configuration)
        self.channels: dict[str, Any] = {}
        self.inbox: dict[str, list[Message]] = {}
        self.closed: set[str] = set()
        self.changed = asyncio.Condition()
        self.pc.on("icecandidate", self._candidate)
        self.pc.on("datachannel", self._adopt)
        self.pc.on("connectionstatechange", self._notify)
        self.pc.on("icegatheringstatechange", self._notify)

    on_candidate: OnCandidate | None

    async def _candidate(self, candidate: Any) -> None:
        if self.on_candidate is not None:
            await self.on_candidate(None if candidate is None else candidate.to_json())

    async def _notify(self, *_: Any) -> None:
        async with self.changed:
            self.changed.notify_all()

    def _adopt(self, channel: Any) -> None:
        self.channels[channel.label] = channel
        inbox = self.inbox.setdefault(channel.label, [])

        async def message(data: Message) -> None:
            inbox.append(data)
            await self._notify()

        async def closed() -> None:
            self.closed.add(channel.label)
            await self._notify()

        channel.on("message", message)
        channel.on("close", closed)
        channel.on("open", self._notify)
        asyncio.get_running_loop().create_task(self._notify())

    async def start(self) -> None:
        """Nothing to start: the connection exists."""

    async def create_channel(self, label: str, **options: Any) -> None:
        self._adopt(self.pc.create_data_channel(label, **options))

    async def offer(self, *, ice_restart: bool = False) -> str:
        if ice_restart:
            self.pc.restart_ice()
        await self.pc.set_local_description(await self.pc.create_offer())
        return self._described()

    def _described(self) -> str:
        assert self.pc.local_description is not None
        return self.pc.local_description.sdp

    async def answer(self, sdp: str) -> str:
        import rtcpy

        await self.pc.set_remote_description(rtcpy.SessionDescription(type="offer", sdp=sdp))
        await self.pc.set_local_description()
        return self._described()

    async def accept(self, sdp: str) -> None:
        import rtcpy

        await self.pc.set_remote_description(rtcpy.SessionDescription(type="answer", sdp=sdp))

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        import rtcpy

        if candidate is None:
            await self.pc.add_ice_candidate(None)
            return
        await self.pc.add_ice_candidate(
            rtcpy.IceCandidate(
                candidate=candidate.get("candidate", ""),
                sdp_mid=candidate.get("sdpMid"),
                sdp_mline_index=candidate.get("sdpMLineIndex"),
                username_fragment=candidate.get("usernameFragment"),
            )
        )

    async def _until(self, predicate: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(40), self.changed:
                await self.changed.wait_for(predicate)
        except TimeoutError:
            raise AssertionError(
                f"{self.name}: {what} did not happen; connection {self.pc.connection_state}, "
                f"ice {self.pc.ice_connection_state}, channels "
                f"{ {label: c.ready_state for label, c in self.channels.items()} }"
            ) from None

    async def wait_open(self, label: str) -> ChannelInfo:
        await self._until(
            lambda: label in self.channels and self.channels[label].ready_state == "open",
            f"open of {label!r}",
        )
        c = self.channels[label]
        return ChannelInfo(
            c.label, c.protocol, c.id, c.ordered, c.max_retransmits, c.max_packet_life_time, c.negotiated
        )

    async def wait_closed(self, label: str) -> None:
        await self._until(lambda: label in self.closed, f"close of {label!r}")

    async def send(self, label: str, messages: list[Message]) -> None:
        for message in messages:
            self.channels[label].send(message)
            await self.channels[label].drain()

    async def receive(self, label: str, count: int) -> list[Message]:
        inbox = self.inbox.setdefault(label, [])
        await self._until(lambda: len(inbox) >= count, f"message {count} on {label!r} ({len(inbox)} came)")
        out, inbox[:count] = inbox[:count], []
        return out

    async def close_channel(self, label: str) -> None:
        self.channels[label].close()

    async def channel_state(self, label: str) -> str:
        return str(self.channels[label].ready_state)

    async def wait_connection_state(self, *states: str) -> str:
        await self._until(lambda: self.pc.connection_state in states, f"connection state {states}")
        return str(self.pc.connection_state)

    async def gathered(self) -> str:
        """The local description with all candidates."""
        await self._until(lambda: self.pc.ice_gathering_state == "complete", "end of gathering")
        return self._described()

    async def close_connection(self) -> None:
        """Close as an application does."""
        await self.pc.close()

    async def close(self) -> None:
        """Leave nothing behind."""
        await self.pc.close()

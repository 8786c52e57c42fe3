"""Stacks of the Node.js world as an `End`: a child process that speaks JSON lines."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.interop.ends import ChannelInfo, Message, OnCandidate

FOLDER = Path(__file__).parent / "node"
PACKAGES = {"werift": "werift", "libdatachannel": "node-datachannel", "wrtc": "@roamhq/wrtc"}
UNKNOWN = {
    # Its W3C face reads the id when the channel is made, before there is one, and takes announced channels for reliable.
    "libdatachannel": ("id", "ordered", "max_retransmits", "max_packet_life_time"),
}


class NodeEnd:
    """One RTCPeerConnection of `stack` in a process of its own."""

    def __init__(self, stack: str) -> None:
        self.name = stack
        self.on_candidate: OnCandidate | None = None
        self.answers: dict[int, asyncio.Future[Any]] = {}
        self.process: asyncio.subprocess.Process | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("needs node (Debian: nodejs)")
        if not (FOLDER / "node_modules" / PACKAGES[self.name]).is_dir():
            pytest.skip(f"needs {PACKAGES[self.name]}: run `npm install` in tests/interop/node")
        self.process = await asyncio.create_subprocess_exec(
            node,
            "peer.cjs",
            self.name,
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        self._spawn(self._listen())

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _listen(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if not line.startswith(b"{"):
                continue  # chatter of the stack itself
            value = json.loads(line)
            if "id" in value:
                future = self.answers.pop(value["id"])
                if "error" in value:
                    future.set_exception(AssertionError(f"{self.name}: {value['error']}"))
                else:
                    future.set_result(value["result"])
            elif self.on_candidate is not None:
                self._spawn(self.on_candidate(value["candidate"]))
        for future in self.answers.values():
            future.set_exception(AssertionError(f"{self.name}: its process ended"))

    async def _call(self, call: str, *args: Any) -> Any:
        assert self.process is not None and self.process.stdin is not None
        number = id(future := asyncio.get_running_loop().create_future())
        self.answers[number] = future
        self.process.stdin.write(json.dumps({"id": number, "call": call, "args": args}).encode() + b"\n")
        await self.process.stdin.drain()
        async with asyncio.timeout(60):
            return await future

    async def create_channel(self, label: str, **options: Any) -> None:
        names = {"max_retransmits": "maxRetransmits", "max_packet_life_time": "maxPacketLifeTime"}
        await self._call("createChannel", label, {names.get(k, k): v for k, v in options.items()})

    async def offer(self, *, ice_restart: bool = False) -> str:
        return str(await self._call("offer", ice_restart))

    async def answer(self, sdp: str) -> str:
        return str(await self._call("answer", sdp))

    async def accept(self, sdp: str) -> None:
        await self._call("accept", sdp)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        await self._call("addCandidate", candidate)

    async def wait_open(self, label: str) -> ChannelInfo:
        return ChannelInfo(
            *await self._call("waitOpen", label), unknown=frozenset(UNKNOWN.get(self.name, ()))
        )

    async def wait_closed(self, label: str) -> None:
        await self._call("waitClosed", label)

    async def send(self, label: str, messages: list[Message]) -> None:
        await self._call(
            "send",
            label,
            [["s", m] if isinstance(m, str) else ["b", base64.b64encode(m).decode()] for m in messages],
        )

    async def receive(self, label: str, count: int) -> list[Message]:
        got = await self._call("receive", label, count)
        return [value if kind == "s" else base64.b64decode(value) for kind, value in got]

    async def close_channel(self, label: str) -> None:
        await self._call("closeChannel", label)

    async def channel_state(self, label: str) -> str:
        return str(await self._call("channelState", label))

    async def wait_connection_state(self, *states: str) -> str:
        return str(await self._call("waitConnectionState", states))

    async def close(self) -> None:
        """End the process. A call that is to see this side close uses `close_connection` first."""
        if self.process is not None:
            self.process.kill()  # werift's would stay for seconds
            await self.process.wait()

    async def gathered(self) -> str:
        """The local description with all candidates."""
        return str(await self._call("gathered"))

    async def close_connection(self) -> None:
        """Close the RTCPeerConnection, as an application does."""
        await self._call("close")

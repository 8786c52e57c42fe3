"""Our agent against aioice, which others wrote: both roles, over loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from rtcpy.core.env import SystemEntropy
from rtcpy.core.machine import Address, Datagram
from rtcpy.ice import (
    Candidate,
    CandidateFound,
    CandidateType,
    IceAgent,
    IceConfig,
    IceConnectionState,
    IceCredentials,
    LocalAddress,
)
from rtcpy.stun import is_stun

aioice = pytest.importorskip("aioice", reason="aioice is the other side of this test")

LIMIT = 20.0  # s before a connection that does not come up is given up


class Driver:
    """The least that drives an agent: one socket, one timer."""

    def __init__(self, agent: IceAgent) -> None:
        self.loop = asyncio.get_running_loop()
        self.agent = agent
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.address = Address(*self.socket.getsockname())
        self.candidates: list[Candidate] = []
        self.data: asyncio.Queue[bytes] = asyncio.Queue()
        self.changed = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None
        self.loop.add_reader(self.socket, self._on_readable)

    def _on_readable(self) -> None:
        data, source = self.socket.recvfrom(2048)
        remote = Address(*source)
        if is_stun(data):
            self.agent.receive(Datagram(data, self.address, remote), now=self.loop.time())
        elif self.agent.is_validated(self.address, remote):
            self.data.put_nowait(data)
        self.pump()

    def pump(self) -> None:
        for packet in self.agent.take_packets():
            self.socket.sendto(packet.data, packet.remote)
        for event in self.agent.take_events():
            if isinstance(event, CandidateFound):
                self.candidates.append(event.candidate)
        self.changed.set()
        if self.timer is not None:
            self.timer.cancel()
        deadline = self.agent.next_timeout()
        self.timer = None if deadline is None else self.loop.call_at(deadline, self._on_timer, deadline)

    def _on_timer(self, deadline: float) -> None:
        self.agent.handle_timeout(now=max(deadline, self.loop.time()))
        self.pump()

    async def reach(self, *states: IceConnectionState) -> None:
        while self.agent.state not in states:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), LIMIT)

    def send(self, data: bytes) -> None:
        assert self.agent.selected_path is not None
        self.socket.sendto(data, self.agent.selected_path[1])

    def close(self) -> None:
        self.agent.close(now=self.loop.time())
        self.pump()
        self.loop.remove_reader(self.socket)
        self.socket.close()


@pytest.mark.interop
@pytest.mark.parametrize("controlling", [True, False])
def test_connects_and_carries_data(controlling: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])

    async def run() -> None:
        theirs: Any = aioice.Connection(ice_controlling=not controlling)
        await theirs.gather_candidates()
        config = IceConfig(allow_loopback=True)
        ours = Driver(IceAgent(controlling=controlling, entropy=SystemEntropy(), config=config))
        try:
            ours.agent.gather([LocalAddress(ours.address)], now=ours.loop.time())
            ours.pump()
            theirs.remote_username = ours.agent.local_credentials.ufrag
            theirs.remote_password = ours.agent.local_credentials.pwd
            for candidate in ours.candidates:
                await theirs.add_remote_candidate(
                    aioice.Candidate(
                        foundation=candidate.foundation,
                        component=candidate.component,
                        transport=candidate.transport,
                        priority=candidate.priority,
                        host=candidate.address,
                        port=candidate.port,
                        type=candidate.type.value,
                    )
                )
            await theirs.add_remote_candidate(None)
            credentials = IceCredentials(theirs.local_username, theirs.local_password)
            ours.agent.set_remote_credentials(credentials, now=ours.loop.time())
            for c in theirs.local_candidates:
                ours.agent.add_remote_candidate(
                    Candidate(
                        c.foundation,
                        c.component,
                        c.transport,
                        c.priority,
                        c.host,
                        c.port,
                        CandidateType(c.type),
                    ),
                    now=ours.loop.time(),
                )
            ours.agent.end_of_remote_candidates(now=ours.loop.time())
            ours.pump()
            await asyncio.wait_for(theirs.connect(), LIMIT)
            await ours.reach(IceConnectionState.COMPLETED)
            assert ours.agent.controlling is controlling
            await theirs.send(b"\x80 from aioice")
            assert await asyncio.wait_for(ours.data.get(), LIMIT) == b"\x80 from aioice"
            ours.send(b"\x80 from rtcpy")
            assert await asyncio.wait_for(theirs.recv(), LIMIT) == b"\x80 from rtcpy"
        finally:
            ours.close()
            await theirs.close()

    asyncio.run(run())

"""Perfect negotiation and copy-and-paste, with real connections on loopback."""

from __future__ import annotations

import asyncio
import logging

import pytest

import rtcpy
from rtcpy.signaling import (
    Bye,
    CandidateMessage,
    DescriptionMessage,
    LocalChannel,
    Negotiator,
    SignalingChannel,
    decode_description,
    encode_description,
    gathered,
    local_pair,
)
from tests.aio.pairs import loopback, run

pytestmark = pytest.mark.sockets


class Ends:
    """Two connections with a negotiator each."""

    def __init__(self, channels: tuple[SignalingChannel, SignalingChannel]) -> None:
        self.pcs = rtcpy.PeerConnection(loopback()), rtcpy.PeerConnection(loopback())
        self.channels = channels
        self.negotiators = [
            Negotiator(pc, channel, polite=polite)
            for pc, channel, polite in zip(self.pcs, channels, (False, True), strict=True)
        ]
        self.announced: list[asyncio.Queue[rtcpy.DataChannel]] = [asyncio.Queue(), asyncio.Queue()]
        for pc, queue in zip(self.pcs, self.announced, strict=True):
            pc.on("datachannel", queue.put_nowait)
        self.tasks = [asyncio.create_task(negotiator.run()) for negotiator in self.negotiators]

    async def __aenter__(self) -> Ends:
        return self

    async def __aexit__(self, *_: object) -> None:
        for pc in self.pcs:
            pc.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        for channel in self.channels:
            await channel.close()
        assert not [t for t in asyncio.all_tasks() if "rtcpy/signaling" in str(t) or "rtcpy/aio" in str(t)]


def test_the_application_only_makes_channels() -> None:
    async def test() -> None:
        async with Ends(local_pair()) as ends:
            channel = ends.pcs[0].create_data_channel("x")
            await channel.opened()
            remote = await ends.announced[1].get()
            channel.send("hello")
            assert await remote.receive() == "hello"
            ends.pcs[1].restart_ice()  # the other side starts a negotiation now
            changed = asyncio.Event()
            ends.pcs[1].on(
                "signalingstatechange",
                lambda: changed.set() if ends.pcs[1].signaling_state == "stable" else None,
            )
            await changed.wait()
            remote.send("and on")
            assert await channel.receive() == "and on"

    run(test)


@pytest.mark.parametrize("first", [0, 1])
def test_both_offer_at_once_and_both_get_what_they_want(first: int) -> None:
    async def test() -> None:
        async with Ends(local_pair()) as ends:
            order = (first, 1 - first)
            mine = {side: ends.pcs[side].create_data_channel(f"from {side}") for side in order}
            for side in order:
                await mine[side].opened()
                remote = await ends.announced[1 - side].get()
                assert remote.label == f"from {side}"
                mine[side].send("x")
                assert await remote.receive() == "x"

    run(test)


def test_candidates_may_overtake_the_description() -> None:
    class Overtaking(LocalChannel):
        """Lets candidates pass while the first description is held."""

        held: DescriptionMessage | None = None
        passed = 0

        async def send(self, message: object) -> None:
            if isinstance(message, DescriptionMessage) and self.passed == 0:
                self.held = message
                return
            await super().send(message)  # type: ignore[arg-type]
            if isinstance(message, CandidateMessage):
                self.passed += 1
                if message.candidate is None and self.held is not None:
                    await super().send(self.held)

    async def test() -> None:
        a, b = Overtaking(), LocalChannel()
        a._other, b._other = b, a
        async with Ends((a, b)) as ends:
            channel = ends.pcs[0].create_data_channel("x")
            await channel.opened()
            assert a.passed >= 2

    run(test)


def test_a_message_that_cannot_be_applied_is_logged_and_the_next_one_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        a, b = local_pair()
        async with Ends((a, b)) as ends:
            assert a._other is not None
            a._other._inbox.put_nowait("nonsense")
            for bad in (
                DescriptionMessage(rtcpy.SessionDescription(type="offer", sdp="v=0\r\n")),  # type: ignore[arg-type]
                DescriptionMessage(rtcpy.SessionDescription(type="answer", sdp="")),  # type: ignore[arg-type]
            ):
                await a.send(bad)
            channel = ends.pcs[0].create_data_channel("x")
            await channel.opened()

    with caplog.at_level(logging.WARNING, "rtcpy.signaling"):
        run(test)
    assert "was not understood" in caplog.text
    assert caplog.text.count("could not be applied") == 2


def test_bye_ends_the_other_side() -> None:
    async def test() -> None:
        async with Ends(local_pair()) as ends:
            await ends.pcs[0].create_data_channel("x").opened()
            await ends.negotiators[0].bye()
            await ends.tasks[1]

    run(test)


def test_a_channel_that_breaks_ends_the_run_with_its_error() -> None:
    class Broken(LocalChannel):
        async def send(self, message: object) -> None:
            raise ConnectionResetError("planted")

    async def test() -> None:
        a, b = Broken(), LocalChannel()
        a._other, b._other = b, a
        async with Ends((a, b)) as ends:
            ends.pcs[0].create_data_channel("x")
            with pytest.raises(ConnectionResetError, match="planted"):
                await ends.tasks[0]

    run(test)


def test_a_local_channel_ends_for_both() -> None:
    async def test() -> None:
        a, b = local_pair()
        await a.send(Bye())
        await a.close()
        await a.close()
        assert await b.receive() == Bye()
        assert await b.receive() is None
        with pytest.raises(ConnectionResetError):
            await b.send(Bye())
        assert await a.receive() is None

    run(test)


def test_through_the_embedded_server() -> None:
    pytest.importorskip("websockets", reason="needs the websockets package")
    from rtcpy.servers.signaling import SignalingServer
    from rtcpy.signaling.websocket import WebSocketChannel

    async def test() -> None:
        async with SignalingServer() as server:
            first = await WebSocketChannel.connect(server.url, "r")
            second = await WebSocketChannel.connect(server.url, "r")
            assert (first.polite, second.polite) == (False, True)
            async with Ends((first, second)) as ends:
                channels = [pc.create_data_channel("x") for pc in ends.pcs]
                for channel in channels:
                    await channel.opened()

    run(test)


def test_two_lines_of_text_connect_two_peers() -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as a, rtcpy.PeerConnection(loopback()) as b:
            channel = a.create_data_channel("x")
            with pytest.raises(rtcpy.InvalidStateError, match="gathering starts with it"):
                await gathered(a)
            await a.set_local_description()
            line = encode_description(await gathered(a))
            await b.set_remote_description(decode_description(line))
            await b.set_local_description()
            answer = encode_description(await gathered(b))
            assert len(line) < 2000
            await a.set_remote_description(decode_description(answer))
            await channel.opened()

    run(test)

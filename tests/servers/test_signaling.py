from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

websockets_client = pytest.importorskip("websockets.asyncio.client", reason="needs the websockets package")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from rtcpy.core.errors import OperationError  # noqa: E402
from rtcpy.peer import IceCandidate, SdpType, SessionDescription  # noqa: E402
from rtcpy.servers.signaling import Limits, SignalingServer  # noqa: E402
from rtcpy.signaling.messages import Bye, CandidateMessage, DescriptionMessage, SignalingError  # noqa: E402
from rtcpy.signaling.websocket import OUTBOX_LIMIT, WebSocketChannel  # noqa: E402

pytestmark = pytest.mark.sockets

OFFER = DescriptionMessage(SessionDescription(SdpType.OFFER, "v=0\r\n"))
CANDIDATE = CandidateMessage(IceCandidate("candidate:1", "0", 0))


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


async def raw(url: str, **options: Any) -> Any:
    return await websockets_client.connect(url, proxy=None, **options)


def test_two_in_a_room_hear_each_other_and_agree_on_who_is_polite() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            first = await WebSocketChannel.connect(server.url, "lesson-1")
            await first.send(OFFER)  # nobody is there yet: held back
            second = await WebSocketChannel.connect(server.url, "lesson-1")
            assert (first.polite, second.polite) == (False, True)
            await second.joined()
            reading = asyncio.create_task(first.receive())
            await first.joined()
            assert await second.receive() == OFFER
            await second.send(CANDIDATE)
            assert await reading == CANDIDATE
            assert server.rooms == {"lesson-1": 2}
            await second.send(Bye())
            assert await first.receive() == Bye()
            await second.close()
            await second.close()
            assert await first.receive() is None  # it left
            await first.close()

    run(test)


def test_rooms_are_apart_and_end_with_their_last_member() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            a = await WebSocketChannel.connect(server.url, "a")
            b = await WebSocketChannel.connect(server.url, "b")
            a2 = await WebSocketChannel.connect(server.url, "a")
            await a2.send(OFFER)
            assert await a.receive() == OFFER
            assert server.counters.relayed == 1
            for channel in (a, a2, b):
                await channel.close()
            while server.rooms:
                await server.changed()

    run(test)


@pytest.mark.parametrize(
    "path", ["/", "/../etc", "/a/b", "/" + "x" * 65, "/%2e%2e%2f", "/r%C3%B6m", "/a%0d%0ab"]
)
def test_a_path_that_names_no_room_is_refused(path: str) -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            with pytest.raises(InvalidStatus) as caught:
                await raw(server.url + path)
            assert caught.value.response.status_code == 404

    run(test)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("https://[::1]:443", True),
        ("null", False),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example:80", False),
    ],
)
def test_pages_of_other_origins_are_refused(origin: str, allowed: bool) -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            if allowed:
                await (await raw(server.url + "/r", origin=origin)).close()
                return
            with pytest.raises(InvalidStatus) as caught:
                await raw(server.url + "/r", origin=origin)
            assert caught.value.response.status_code == 403

    run(test)


def test_a_server_with_a_token_asks_for_it() -> None:
    async def test() -> None:
        async with SignalingServer(token="s3cret&more") as server:
            for token in (None, "", "s3cret", "S3cret&more"):
                with pytest.raises(OperationError, match="401"):
                    await WebSocketChannel.connect(server.url, "r", token=token)
            channel = await WebSocketChannel.connect(server.url, "r", token="s3cret&more")
            await channel.close()
            assert server.counters.refused == 4

    run(test)


def test_rooms_connections_and_peers_are_limited_and_given_back() -> None:
    async def test() -> None:
        limits = Limits(rooms=2, connections=3, peers_per_room=2)
        async with SignalingServer(limits=limits) as server:
            a = [await WebSocketChannel.connect(server.url, "a") for _ in range(2)]
            with pytest.raises(OperationError, match="409"):
                await WebSocketChannel.connect(server.url, "a")
            b = await WebSocketChannel.connect(server.url, "b")
            with pytest.raises(OperationError, match="503"):
                await WebSocketChannel.connect(server.url, "b")  # connections
            await b.close()
            while "b" in server.rooms:
                await server.changed()
            c = await WebSocketChannel.connect(server.url, "c")
            await a[1].close()
            while server.rooms.get("a") != 1:
                await server.changed()
            with pytest.raises(OperationError, match="503"):
                await WebSocketChannel.connect(server.url, "d")  # rooms
            await c.close()
            await a[0].close()

    run(test)


def test_messages_beyond_the_size_end_the_connection() -> None:
    async def test() -> None:
        async with SignalingServer(limits=Limits(message_size=1000)) as server:
            socket = await raw(server.url + "/r")
            await socket.recv()
            await socket.send("x" * 1001)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1009

    run(test)


def test_binary_messages_are_refused() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            socket = await raw(server.url + "/r")
            await socket.recv()
            await socket.send(b"\0")
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1003

    run(test)


def test_a_flood_ends_the_connection_and_leaves_the_room_to_the_others() -> None:
    async def test() -> None:
        async with SignalingServer(limits=Limits(burst=10, messages_per_second=0.001)) as server:
            quiet = await raw(server.url + "/r")
            await quiet.recv()
            loud = await raw(server.url + "/r")
            await loud.recv()
            with pytest.raises(ConnectionClosed):
                for i in range(11):
                    await loud.send(f'{{"n": {i}}}')
                while True:
                    await loud.recv()
            assert loud.close_code == 1008
            assert server.counters.dropped_for_rate == 1
            heard = [json.loads(await quiet.recv()) for _ in range(12)]
            assert heard[0] == {"server": "joined"}
            assert heard[1:11] == [{"n": i} for i in range(10)]
            assert heard[11] == {"server": "left"}
            await quiet.close()

    run(test)


def test_nobody_but_the_server_speaks_as_the_server() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            a = await WebSocketChannel.connect(server.url, "r")
            socket = await raw(server.url + "/r")
            await socket.send('{"server": "left"}')
            await socket.send('{"bye": true}')
            assert await a.receive() == Bye()
            await a.close()
            await socket.close()

    run(test)


def test_what_is_no_message_is_an_error_for_the_reader_not_the_end() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            a = await WebSocketChannel.connect(server.url, "r")
            socket = await raw(server.url + "/r")
            await socket.send("what?")
            await socket.send('{"bye": true}')
            with pytest.raises(SignalingError):
                await a.receive()
            assert await a.receive() == Bye()
            await a.close()
            await socket.close()

    run(test)


def test_a_client_alone_may_not_hold_back_for_ever() -> None:
    async def test() -> None:
        async with SignalingServer() as server:
            channel = await WebSocketChannel.connect(server.url, "r")
            for _ in range(OUTBOX_LIMIT):
                await channel.send(CANDIDATE)
            with pytest.raises(ConnectionResetError):
                await channel.send(CANDIDATE)
            await channel.close()

    run(test)


def test_a_server_that_goes_away_ends_its_channels() -> None:
    async def test() -> None:
        server = SignalingServer()
        await server.start()
        a = await WebSocketChannel.connect(server.url, "r")
        b = await WebSocketChannel.connect(server.url, "r")
        await server.close()
        await server.close()
        assert await a.receive() is None
        with pytest.raises(ConnectionResetError):
            await b.send(OFFER)

    run(test)


def test_a_reader_that_is_too_slow_is_dropped_instead_of_buffered() -> None:
    async def test() -> None:
        limits = Limits(waiting_bytes=200_000, burst=100_000)
        async with SignalingServer(limits=limits) as server:
            slow = await raw(server.url + "/r", max_queue=1)
            fast = await raw(server.url + "/r")
            while not server.counters.dropped_slow:
                await fast.send("x" * 50_000)
            assert server.rooms.get("r", 0) <= 2
            await fast.close()
            slow.transport.abort()

    run(test)

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rtcpy
from rtcpy.aio import datachannel
from tests.aio.pairs import Pair, loopback, negotiate, run
from tests.profile import scale

pytestmark = pytest.mark.sockets

MESSAGES: list[str | bytes] = [
    "text",
    b"binary",
    "",
    b"",
    "ünïcödé 🎈",
    "\x00",
    b"\x00",
    bytes(range(256)),
    "x" * 262_144,
    b"y" * 262_144,
    "é" * 131_072,  # 262,144 bytes
]


def test_every_kind_of_message_arrives_as_it_was_sent_in_both_directions() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            for source, target in ((pair.channel, pair.remote), (pair.remote, pair.channel)):
                for message in MESSAGES:
                    source.send(message)
                got = [await target.receive() for _ in MESSAGES]
                assert got == MESSAGES
                assert [type(m) for m in got] == [type(m) for m in MESSAGES]

    run(test)


def test_buffers_of_all_kinds_are_sent_as_bytes_and_may_be_reused_at_once() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            buffer = bytearray(b"abc")
            pair.channel.send(buffer)
            buffer[:] = b"zzz"
            pair.channel.send(memoryview(b"0123456789")[2:5])
            pair.channel.send(memoryview(b"0123456789")[::3])
            assert [await pair.remote.receive() for _ in range(3)] == [b"abc", b"234", b"0369"]

    run(test)


@pytest.mark.parametrize("wrong", [None, 3, ["x"], object()])
def test_other_types_are_refused(wrong: Any) -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            with pytest.raises(TypeError, match="str, bytes, bytearray or memoryview"):
                pair.channel.send(wrong)

    run(test)


def test_a_message_beyond_the_peers_limit_is_refused_before_it_is_sent() -> None:
    async def test() -> None:
        async with await Pair.connected(b=loopback(max_message_size=1000)) as pair:
            assert pair.a.sctp is not None
            assert pair.a.sctp.max_message_size == 1000
            with pytest.raises(TypeError):
                pair.channel.send("é" * 501)  # 1,002 bytes
            assert pair.channel.buffered_amount == 0
            pair.channel.send(b"x" * 1000)
            assert len(await pair.remote.receive()) == 1000

    run(test)


def test_a_thousand_messages_keep_their_order() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            for i in range(1000):
                pair.channel.send(str(i))
            assert [await pair.remote.receive() for i in range(1000)] == [str(i) for i in range(1000)]

    run(test)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ordered": False},
        {"ordered": False, "max_retransmits": 0},
        {"max_retransmits": 3, "protocol": "p"},
        {"max_packet_life_time": 500},
        {"ordered": False, "max_packet_life_time": 1, "protocol": "ünder"},
    ],
)
def test_the_other_side_sees_the_channel_as_it_was_made(options: dict[str, Any]) -> None:
    async def test() -> None:
        async with await Pair.connected(**options) as pair:
            for channel in (pair.channel, pair.remote):
                assert channel.label == "test"
                assert channel.protocol == options.get("protocol", "")
                assert channel.ordered is options.get("ordered", True)
                assert channel.max_retransmits == options.get("max_retransmits")
                assert channel.max_packet_life_time == options.get("max_packet_life_time")
                assert channel.negotiated is False
            assert pair.channel.id == pair.remote.id is not None
            assert pair.remote.connection is pair.b
            pair.channel.send("x")
            assert await pair.remote.receive() == "x"
            assert f"id={pair.channel.id} open" in repr(pair.channel)

    run(test)


def test_negotiated_channels_need_no_announcement() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            a = pair.a.create_data_channel("mine", negotiated=True, id=7)
            b = pair.b.create_data_channel("yours", negotiated=True, id=7)
            await negotiate(pair.a, pair.b)
            await a.opened()
            await b.opened()
            a.send("x")
            assert await b.receive() == "x"
            assert (a.label, b.label, a.id, b.id) == ("mine", "yours", 7, 7)
            assert pair.announced.empty()

    run(test)


def test_channels_made_by_either_side_before_and_after_connecting_have_ids_of_their_own() -> None:
    async def test() -> None:
        pair = Pair()
        made = asyncio.Queue[rtcpy.DataChannel]()
        pair.a.on("datachannel", made.put_nowait)
        async with pair:
            before = [pair.a.create_data_channel("a1"), pair.b.create_data_channel("b1")]
            await negotiate(pair.a, pair.b)
            for channel in before:
                await channel.opened()
            after = [pair.a.create_data_channel("a2"), pair.b.create_data_channel("b2")]
            for channel in after:
                await channel.opened()
            assert {(await pair.announced.get()).label for _ in range(2)} == {"a1", "a2"}
            assert {(await made.get()).label for _ in range(2)} == {"b1", "b2"}
            ids = [channel.id for channel in before + after]
            assert len(set(ids)) == 4
            assert before[0].id is not None and before[1].id is not None
            assert before[0].id % 2 != before[1].id % 2  # RFC 8832 §6: by DTLS role

    run(test)


# --- receiving ---------------------------------------------------------------------------------------------------------


def test_iteration_gives_every_message_and_ends_with_the_channel() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:

            async def read() -> list[str | bytes]:
                return [message async for message in pair.remote]

            reading = asyncio.create_task(read())
            for i in range(5):
                pair.channel.send(str(i))
            pair.channel.close()
            assert await reading == ["0", "1", "2", "3", "4"]
            with pytest.raises(rtcpy.InvalidStateError):
                await pair.remote.receive()

    run(test)


def test_messages_that_came_before_anyone_listened_reach_the_first_listener_in_order() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            marker = asyncio.Event()
            for i in range(3):
                pair.channel.send(str(i))
            behind = pair.a.create_data_channel("behind")
            await behind.opened()  # its announcement was answered, so what went before it has arrived
            heard: list[str | bytes] = []

            @pair.remote.on("message")
            def _(message: str | bytes) -> None:
                heard.append(message)
                if message == "new":
                    marker.set()

            pair.channel.send("new")
            await marker.wait()
            assert heard == ["0", "1", "2", "new"]

    run(test)


def test_listeners_and_a_reader_may_both_be_there() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            heard: list[str | bytes] = []
            pair.remote.on("message", heard.append)
            reading = asyncio.create_task(pair.remote.receive())
            await asyncio.sleep(0)
            pair.channel.send("both")
            assert await reading == "both"
            assert heard == ["both"]

    run(test)


def test_a_reader_that_falls_too_far_behind_loses_the_channel_not_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datachannel, "BACKLOG_LIMIT", 100_000)

    async def test() -> None:
        async with await Pair.connected() as pair:
            errors: list[rtcpy.DataChannelError] = []
            pair.remote.on("error", errors.append)
            for _ in range(10):
                pair.channel.send(b"x" * 20_000)
            await pair.remote.closed()
            assert errors
            assert "not read" in str(errors[0])
            assert errors[0].detail == "data-channel-failure"
            kept = [message async for message in pair.remote]
            assert kept == [b"x" * 20_000] * 4  # what had come in order, without a hole

    run(test)


# --- sending: buffered amount and back-pressure ----------------------------------------------------------------------


def test_buffered_amount_rises_with_send_and_falls_only_between_callbacks() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            pair.channel.send("1234")
            pair.channel.send(b"56")
            pair.channel.send("é")
            assert pair.channel.buffered_amount == 8
            await pair.channel.drain(0)
            assert pair.channel.buffered_amount == 0
            assert [await pair.remote.receive() for _ in range(3)] == ["1234", b"56", "é"]

    run(test)


def test_bufferedamountlow_fires_when_the_threshold_is_crossed_downwards() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            fired: list[int] = []
            pair.channel.on("bufferedamountlow", lambda: fired.append(pair.channel.buffered_amount))
            pair.channel.buffered_amount_low_threshold = 100_000
            assert pair.channel.buffered_amount_low_threshold == 100_000
            total = 40
            for _ in range(total):
                pair.channel.send(b"x" * 50_000)
            assert fired == []
            received = 0
            while received < total:
                await pair.remote.receive()
                received += 1
            await pair.channel.drain(0)
            assert len(fired) == 1
            assert fired[0] <= 100_000

    run(test)


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (1 << 32, ValueError), ("x", TypeError), (True, TypeError)]
)
def test_a_threshold_out_of_range_is_refused(value: Any, error: type[Exception]) -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            channel = pc.create_data_channel("x")
            with pytest.raises(error):
                channel.buffered_amount_low_threshold = value

    run(test)


def test_drain_keeps_a_sender_within_bounds_and_everything_arrives() -> None:
    count, size = scale(dev=200, ci=400, thorough=4000), 32_768

    async def test() -> None:
        async with await Pair.connected() as pair:
            peak = 0

            async def send() -> None:
                nonlocal peak
                for i in range(count):
                    pair.channel.send(i.to_bytes(4, "big") * (size // 4))
                    peak = max(peak, pair.channel.buffered_amount)
                    await pair.channel.drain()
                pair.channel.close()

            sending = asyncio.create_task(send())
            got = 0
            async for message in pair.remote:
                assert message == got.to_bytes(4, "big") * (size // 4)
                got += 1
            await sending
            assert got == count
            assert peak <= datachannel.DRAIN_HIGH + size

    run(test)


def test_a_full_send_buffer_is_an_operation_error_not_a_loss() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            sent = 0
            with pytest.raises(rtcpy.OperationError):
                for _ in range(100_000):
                    pair.channel.send(b"x" * 262_144)
                    sent += 1
            assert pair.channel.buffered_amount == sent * 262_144
            for _ in range(sent):
                assert len(await pair.remote.receive()) == 262_144
            pair.channel.send("fits again")
            assert await pair.remote.receive() == "fits again"

    run(test)


# --- closing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["creator", "other"])
def test_closing_delivers_what_was_sent_and_fires_the_events_of_w3c(who: str) -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            mine, theirs = (pair.channel, pair.remote) if who == "creator" else (pair.remote, pair.channel)
            log: list[str] = []
            for name, channel in (("mine", mine), ("theirs", theirs)):
                for event in ("closing", "close", "error"):
                    channel.on(event, lambda *_, what=f"{name} {event}": log.append(what))
            theirs.on("message", lambda message: log.append(f"got {message}"))
            mine.send("last words")
            mine.close()
            assert mine.ready_state == "closing"
            mine.close()
            with pytest.raises(rtcpy.InvalidStateError):
                mine.send("too late")
            await mine.closed()
            await theirs.closed()
            await mine.closed()
            assert mine.ready_state == theirs.ready_state == "closed"
            assert "error" not in " ".join(log)
            assert "mine closing" not in log  # fires only where the other side closed, W3C webrtc §6.2.4
            order = [log.index(e) for e in ("got last words", "theirs closing", "theirs close")]
            assert order == sorted(order)
            assert log.count("mine close") == log.count("theirs close") == 1

    run(test)


def test_ids_are_free_again_after_closing() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            first = pair.channel.id
            pair.channel.close()
            await pair.channel.closed()
            await pair.remote.closed()
            again = pair.a.create_data_channel("again", negotiated=True, id=first)
            remote = pair.b.create_data_channel("too", negotiated=True, id=first)
            again.send("x")
            assert await remote.receive() == "x"

    run(test)


def test_waits_end_with_the_channel() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            waiting = asyncio.create_task(pair.channel.receive())
            await asyncio.sleep(0)
            pair.remote.close()
            with pytest.raises(rtcpy.InvalidStateError, match="closed"):
                await waiting
            with pytest.raises(rtcpy.InvalidStateError):
                await pair.channel.opened()
            await pair.channel.closed()

    run(test)


def test_a_channel_closed_before_the_connection_is_up_closes_quietly() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            short, keep = pair.a.create_data_channel("short"), pair.a.create_data_channel("keep")
            short.close()
            await negotiate(pair.a, pair.b)
            await keep.opened()
            await short.closed()

    run(test)


def test_a_cancelled_wait_leaves_no_trace() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            waiting = asyncio.create_task(pair.remote.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert pair.remote._waiters == []
            pair.channel.send("x")
            assert await pair.remote.receive() == "x"

    run(test)


def test_an_abrupt_end_of_the_other_side_closes_the_channel() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            pair.channel.send(b"x" * 1000)
            await pair.remote.receive()
            pair.b.close()
            await pair.channel.closed()
            assert pair.channel.ready_state == "closed"

    run(test)

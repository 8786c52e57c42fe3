from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

import rtcpy
from rtcpy.core.env import FixedClock, SeededEntropy
from tests.aio.pairs import Pair, loopback, negotiate, open_files, run, threads, trickle
from tests.profile import scale

pytestmark = pytest.mark.sockets

STATE_EVENTS = (
    "negotiationneeded",
    "signalingstatechange",
    "icegatheringstatechange",
    "iceconnectionstatechange",
    "connectionstatechange",
    "datachannel",
    "icecandidate",
)


def test_the_classic_flow_connects_two_in_one_process() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            assert pair.a.connection_state == pair.b.connection_state == "connected"
            assert pair.a.ice_connection_state in ("connected", "completed")
            assert pair.a.signaling_state == pair.b.signaling_state == "stable"
            assert pair.channel.ready_state == pair.remote.ready_state == "open"
            assert pair.remote.label == "test"
            pair.channel.send("hello")
            assert await pair.remote.receive() == "hello"
            pair.remote.send(b"\x00\xff")
            assert await pair.channel.receive() == b"\x00\xff"

    run(test)


def test_explicit_descriptions_and_full_candidates_without_trickle() -> None:
    async def test() -> None:
        a, b = rtcpy.PeerConnection(loopback()), rtcpy.PeerConnection(loopback())
        async with a, b:
            channel = a.create_data_channel("x")
            await a.set_local_description(await a.create_offer())
            await complete(a)
            assert a.local_description is not None
            assert "a=candidate:" in a.local_description.sdp
            assert "a=end-of-candidates" in a.local_description.sdp
            await b.set_remote_description(
                rtcpy.SessionDescription(type="offer", sdp=a.local_description.sdp)
            )  # type: ignore[arg-type]
            await b.set_local_description(await b.create_answer())
            await complete(b)
            assert b.local_description is not None
            await a.set_remote_description(b.local_description)
            await channel.opened()
            await a.connected()
            await b.connected()

    run(test)


async def complete(pc: rtcpy.PeerConnection) -> None:
    done = asyncio.Event()
    pc.on("icegatheringstatechange", lambda: done.set() if pc.ice_gathering_state == "complete" else None)
    if pc.ice_gathering_state != "complete":
        await done.wait()


def test_events_come_in_the_order_of_w3c() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            log: list[tuple[str, str]] = []

            def watch(name: str, pc: rtcpy.PeerConnection, event: str) -> None:
                def note(*args: Any) -> None:
                    states = {
                        "signalingstatechange": pc.signaling_state,
                        "icegatheringstatechange": pc.ice_gathering_state,
                        "iceconnectionstatechange": pc.ice_connection_state,
                        "connectionstatechange": pc.connection_state,
                        "icecandidate": "null" if args == (None,) else "one",
                    }
                    log.append((name, f"{event} {states.get(event, '')}".strip()))

                pc.on(event, note)

            for event in STATE_EVENTS:
                watch("a", pair.a, event)
                watch("b", pair.b, event)
            channel = pair.a.create_data_channel("x")
            assert log == []  # nothing fires inside a call
            channel.on("open", lambda: log.append(("a", "open")))
            negotiated = asyncio.Event()
            pair.a.on("negotiationneeded", negotiated.set)
            await negotiated.wait()
            assert log == [("a", "negotiationneeded")]
            await pair.a.set_local_description()
            # What the call changed has fired when it returns; gathering has not begun to be heard of.
            assert log[1:] == [("a", "signalingstatechange have-local-offer")]
            assert pair.a.local_description is not None
            await pair.b.set_remote_description(pair.a.local_description)
            assert ("b", "signalingstatechange have-remote-offer") in log
            await pair.b.set_local_description()
            assert log[-1] == ("b", "signalingstatechange stable")
            assert pair.b.local_description is not None
            await pair.a.set_remote_description(pair.b.local_description)
            await channel.opened()
            mine = [what for who, what in log if who == "a"]

            def before(*names: str) -> None:
                places = [mine.index(name) for name in names]
                assert places == sorted(places), mine

            before("icegatheringstatechange gathering", "icecandidate one", "icecandidate null")
            before(
                "icegatheringstatechange gathering", "icegatheringstatechange complete", "icecandidate null"
            )
            before("signalingstatechange have-local-offer", "signalingstatechange stable")
            before("iceconnectionstatechange checking", "iceconnectionstatechange connected", "open")
            before("connectionstatechange connecting", "connectionstatechange connected", "open")
            assert mine.count("negotiationneeded") == 1
            theirs = [what for who, what in log if who == "b"]
            assert theirs.count("datachannel") == 1

    run(test)


def test_negotiationneeded_fires_once_for_many_changes_and_not_during_operations() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            needed: list[str] = []
            pair.a.on("negotiationneeded", lambda: needed.append(pair.a.signaling_state))
            for i in range(5):
                pair.a.create_data_channel(str(i))
            await negotiate(pair.a, pair.b)
            await asyncio.sleep(0)
            assert len(needed) <= 1
            await pair.a.connected()
            needed.clear()
            pair.a.create_data_channel("another")  # the section is negotiated: nothing to say
            await asyncio.sleep(0)
            assert needed == []
            pair.a.restart_ice()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert needed == ["stable"]

    run(test)


@pytest.mark.parametrize("who", ["a", "b"])
def test_an_ice_restart_keeps_channels_open(who: str) -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            assert pair.a.local_description is not None
            before = [line for line in pair.a.local_description.sdp.splitlines() if "ice-ufrag" in line]
            first, second = (pair.a, pair.b) if who == "a" else (pair.b, pair.a)
            first.restart_ice()
            await negotiate(first, second)
            assert pair.a.local_description is not None
            after = [line for line in pair.a.local_description.sdp.splitlines() if "ice-ufrag" in line]
            assert before != after
            pair.channel.send("still here")
            assert await pair.remote.receive() == "still here"
            pair.remote.send("me too")
            assert await pair.channel.receive() == "me too"

    run(test)


def test_renegotiation_without_changes_and_channels_after_it() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            await negotiate(pair.b, pair.a)
            await negotiate(pair.a, pair.b)
            late = pair.a.create_data_channel("late", protocol="p")
            await late.opened()
            remote = await pair.announced.get()
            assert (remote.label, remote.protocol) == ("late", "p")
            late.send("x")
            assert await remote.receive() == "x"

    run(test)


def test_two_offers_at_once_roll_one_back() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            one, two = pair.a.create_data_channel("one"), pair.b.create_data_channel("two")
            await pair.a.set_local_description()
            await pair.b.set_local_description()
            assert pair.a.local_description is not None
            await pair.b.set_remote_description(pair.a.local_description)  # b is polite: rolls back
            assert pair.b.signaling_state == "have-remote-offer"
            await pair.b.set_local_description()
            assert pair.b.local_description is not None
            await pair.a.set_remote_description(pair.b.local_description)
            await one.opened()
            await two.opened()

    run(test)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_what_w3c_refuses_is_refused_by_its_name() -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            offer = rtcpy.SessionDescription(type="offer", sdp="v=0\r\nnonsense")  # type: ignore[arg-type]
            for action, name in [
                (pc.create_answer(), "InvalidStateError"),
                (pc.set_local_description(rtcpy.SessionDescription(type="answer")), "InvalidStateError"),  # type: ignore[arg-type]
                (pc.set_local_description(rtcpy.SessionDescription(type="rollback")), "InvalidStateError"),  # type: ignore[arg-type]
                (pc.set_local_description(offer), "InvalidModificationError"),
                (
                    pc.set_remote_description(rtcpy.SessionDescription(type="answer", sdp="")),
                    "InvalidStateError",
                ),  # type: ignore[arg-type]
                (pc.add_ice_candidate(rtcpy.IceCandidate("candidate:1", "0")), "InvalidStateError"),
            ]:
                with pytest.raises(rtcpy.UsageError) as caught:
                    await action
                assert caught.value.name == name, caught.value
            with pytest.raises(rtcpy.RtcError) as wrong:
                await pc.set_remote_description(offer)
            assert getattr(wrong.value, "name", "") == "SyntaxError"
            with pytest.raises(TypeError):
                await pc.add_ice_candidate(rtcpy.IceCandidate("candidate:1"))
            assert pc.signaling_state == "stable"

    run(test)


@pytest.mark.parametrize("wrong", [{"type": "offer", "sdp": ""}, "v=0", None])
def test_dictionaries_and_text_are_not_descriptions(wrong: object) -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            with pytest.raises(TypeError, match="SessionDescription"):
                await pc.set_remote_description(wrong)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="IceCandidate"):
                await pc.add_ice_candidate("candidate:1")  # type: ignore[arg-type]

    run(test)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"label": "x" * 65_536}, TypeError),
        ({"label": "ü" * 32_768}, TypeError),  # 65,536 bytes
        ({"label": "x", "protocol": "p" * 65_536}, TypeError),
        ({"label": 3}, TypeError),
        ({"label": "x", "negotiated": True}, TypeError),
        ({"label": "x", "max_retransmits": 1, "max_packet_life_time": 1}, TypeError),
        ({"label": "x", "negotiated": True, "id": 65_535}, TypeError),
    ],
)
def test_channel_options_are_checked_as_w3c_says(options: dict[str, Any], error: type[Exception]) -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            with pytest.raises(error):
                pc.create_data_channel(**options)

    run(test)


def test_a_negotiated_id_can_be_used_once() -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            pc.create_data_channel("x", negotiated=True, id=4)
            with pytest.raises(rtcpy.OperationError):
                pc.create_data_channel("y", negotiated=True, id=4)
            assert pc.create_data_channel("z", id=9).id is None  # ignored without negotiated

    run(test)


def test_a_connection_outside_a_loop_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="inside a coroutine"):
        rtcpy.PeerConnection(loopback())


def test_a_wrong_configuration_is_refused_by_the_constructor() -> None:
    async def test() -> None:
        with pytest.raises(TypeError, match=r"\['lo'\]"):
            rtcpy.PeerConnection(rtcpy.Configuration(network_interfaces="lo"))

    run(test)


def test_configuration_can_be_read_and_changed_within_limits() -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            mine = pc.get_configuration()
            mine.ice_servers.append(rtcpy.IceServer("stun:127.0.0.1"))
            assert pc.get_configuration().ice_servers == []
            pc.set_configuration(mine)
            assert pc.get_configuration().ice_servers == [rtcpy.IceServer("stun:127.0.0.1")]
            mine.bundle_policy = "max-bundle"
            with pytest.raises(rtcpy.InvalidModificationError):
                pc.set_configuration(mine)

    run(test)


# --- events and failures of listeners --------------------------------------------------------------------------------


def test_a_failing_listener_disturbs_neither_the_connection_nor_the_others() -> None:
    reports: list[dict[str, Any]] = []

    async def test() -> None:
        pair = Pair()
        async with pair:
            errors: list[BaseException] = []
            twice = asyncio.Event()

            @pair.b.on("error")
            def _(exc: BaseException) -> None:
                errors.append(exc)
                if len(errors) == 2:
                    twice.set()

            @pair.b.on("datachannel")
            def _(channel: rtcpy.DataChannel) -> None:
                @channel.on("message")
                def _(message: object) -> None:
                    raise RuntimeError(f"planted in {message!r}")

            channel = pair.a.create_data_channel("x")
            await negotiate(pair.a, pair.b)
            await channel.opened()
            remote = await pair.announced.get()
            channel.send("one")
            channel.send("two")
            remote.send("answer")
            assert await channel.receive() == "answer"
            await twice.wait()
            assert [str(e) for e in errors] == ["planted in 'one'", "planted in 'two'"]

    run(test, reports=reports)
    assert reports == []


# --- servers ---------------------------------------------------------------------------------------------------------


def test_turn_servers_are_taken_and_reported_as_not_supported_yet() -> None:
    async def test() -> None:
        server = rtcpy.IceServer("turn:127.0.0.1:3478", username="u", credential="p")
        async with rtcpy.PeerConnection(loopback(ice_servers=[server])) as pc:
            errors: list[rtcpy.IceCandidateError] = []
            pc.on("icecandidateerror", errors.append)
            pc.create_data_channel("x")
            await pc.set_local_description()
            await complete(pc)
            assert [(e.url, e.error_code) for e in errors] == [("turn:127.0.0.1:3478", 701)]
            assert "not supported" in errors[0].error_text

    run(test)


def test_a_name_that_does_not_resolve_delays_nothing_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        release = asyncio.Event()

        async def never_heard_of_it(*_args: object, **_options: object) -> list[Any]:
            await release.wait()
            raise OSError(-2, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never_heard_of_it)
        server = rtcpy.IceServer("stun:no-such-host.invalid:3478")
        pair = Pair(loopback(ice_servers=[server]))
        async with pair:
            errors: list[rtcpy.IceCandidateError] = []
            pair.a.on("icecandidateerror", errors.append)
            channel = pair.a.create_data_channel("x")
            await negotiate(pair.a, pair.b)
            await channel.opened()  # while the name server is still silent
            assert pair.a.ice_gathering_state == "gathering"
            release.set()
            await complete(pair.a)
            assert [e.error_code for e in errors] == [701]
            assert "no-such-host.invalid" in errors[0].error_text

    run(test)


def test_a_name_is_resolved_and_its_server_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from rtcpy.core.machine import Address
    from rtcpy.servers.stun import StunService

    async def test() -> None:
        service = await StunService.start([Address("127.0.0.1", 0)])
        port = service.addresses[0].port

        async def resolve(host: str, port: int, **_options: object) -> list[Any]:
            assert host == "stun.test"
            return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        server = rtcpy.IceServer(f"stun:stun.test:{port}")
        async with rtcpy.PeerConnection(loopback(ice_servers=[server])) as pc:
            errors: list[rtcpy.IceCandidateError] = []
            pc.on("icecandidateerror", errors.append)
            pc.create_data_channel("x")
            await pc.set_local_description()
            await complete(pc)
            assert service.answered >= 1
            assert errors == []
        service.close()

    run(test)


# --- closing ---------------------------------------------------------------------------------------------------------


def test_closing_is_final_silent_and_awaitable() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            fired: list[str] = []
            for event in STATE_EVENTS:
                pair.a.on(event, lambda *_: fired.append("pc"))
            for event in ("open", "closing", "close", "error", "message", "bufferedamountlow"):
                pair.channel.on(event, lambda *_: fired.append("channel"))
            gone = asyncio.create_task(pair.remote.closed())
            await pair.a.close()
            await pair.a.close()
            pair.a.close()
            assert fired == []  # W3C webrtc §4.4.2: close fires nothing here
            assert (
                pair.a.signaling_state == pair.a.connection_state == pair.a.ice_connection_state == "closed"
            )
            assert pair.channel.ready_state == "closed"
            await gone  # and the other side notices at once
            for call in (
                pair.a.create_offer,
                pair.a.create_answer,
                pair.a.set_local_description,
                pair.a.add_ice_candidate,
            ):
                with pytest.raises(rtcpy.InvalidStateError):
                    await call()  # type: ignore[operator]
            with pytest.raises(rtcpy.InvalidStateError):
                pair.a.create_data_channel("x")
            with pytest.raises(rtcpy.InvalidStateError):
                pair.channel.send("x")
            with pytest.raises(rtcpy.InvalidStateError):
                pair.a.set_configuration(loopback())
            pair.a.restart_ice()
            pair.channel.close()

    run(test)


def test_closing_ends_every_wait() -> None:
    async def test() -> None:
        pair = Pair()
        channel = pair.a.create_data_channel("x")
        waits = [
            asyncio.create_task(channel.opened()),
            asyncio.create_task(channel.receive()),
            asyncio.create_task(pair.a.connected()),
        ]
        closing = asyncio.create_task(channel.closed())
        await asyncio.sleep(0)
        pair.a.close()
        for result in await asyncio.gather(*waits, return_exceptions=True):
            assert isinstance(result, rtcpy.InvalidStateError)
        await closing
        pair.b.close()

    run(test)


def test_closing_at_any_moment_leaves_nothing_behind() -> None:
    async def one(moment: int) -> None:
        pair = Pair()
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            if steps == moment:
                pair.a.close()

        for pc in (pair.a, pair.b):
            for event in STATE_EVENTS:
                pc.on(event, lambda *_: step())
        channel = pair.a.create_data_channel("x")
        channel.on("open", step)
        try:
            await negotiate(pair.a, pair.b)
            await channel.opened()
        except rtcpy.InvalidStateError:
            assert pair.a.signaling_state == "closed"
        pair.a.close()
        pair.b.close()

    async def test() -> None:
        before = open_files()
        for moment in range(1, 24):
            await one(moment)
            await asyncio.sleep(0)
        if before:
            assert open_files() == before

    run(test)


def test_connecting_and_closing_again_and_again_leaves_no_task_socket_or_thread() -> None:
    cycles = scale(dev=8, ci=30, thorough=200)

    async def test() -> None:
        async def cycle() -> None:
            async with await Pair.connected() as pair:
                pair.channel.send("x")
                assert await pair.remote.receive() == "x"

        await cycle()
        await asyncio.sleep(0)
        files, running = open_files(), threads()
        for _ in range(cycles):
            await cycle()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert threads() == running
        if files:
            assert open_files() == files
        pending = [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()]  # type: ignore[attr-defined]
        assert len(pending) <= 1  # the timeout of this test

    run(test)


# --- statistics, identity --------------------------------------------------------------------------------------------


def test_statistics_tell_what_flowed() -> None:
    async def test() -> None:
        async with await Pair.connected() as pair:
            pair.channel.send("12345")
            await pair.remote.receive()
            report = await pair.a.get_stats()
            (channel,) = report.of_type("data-channel")
            assert channel["label"] == "test"
            assert channel["messagesSent"] == 1
            assert channel["bytesSent"] == 5
            assert channel["state"] == "open"
            (transport,) = report.of_type("transport")
            assert transport["dtlsState"] == "connected"
            pair_id = transport["selectedCandidatePairId"]
            assert isinstance(pair_id, str)
            assert report[pair_id]["type"] == "candidate-pair"
            assert report[pair_id]["state"] == "succeeded"
            assert all({"id", "type", "timestamp"} <= set(entry) for entry in report.values())
            assert "data-channel" in repr(report)

    run(test)


def test_the_transport_objects_show_the_layers() -> None:
    async def test() -> None:
        pair = Pair()
        async with pair:
            assert pair.a.sctp is None
            channel = pair.a.create_data_channel("x")
            await negotiate(pair.a, pair.b)
            sctp = pair.a.sctp
            assert sctp is not None
            states: list[str] = []
            sctp.on("statechange", lambda: states.append(f"sctp {sctp.state}"))
            sctp.transport.on("statechange", lambda: states.append(f"dtls {sctp.transport.state}"))
            assert (sctp.state, sctp.max_channels) == ("connecting", None)
            await channel.opened()
            assert sctp is pair.a.sctp
            assert sctp.state == "connected"
            assert sctp.max_message_size == 262_144
            assert sctp.max_channels
            assert states.index("dtls connected") < states.index("sctp connected")
            chosen = sctp.transport.ice_transport.get_selected_candidate_pair()
            assert chosen is not None
            assert all("127.0.0.1" in c.candidate or "::1" in c.candidate for c in chosen)

    run(test)


@pytest.mark.parametrize("key_type", ["ecdsa", "rsa"])
def test_a_certificate_can_be_made_once_and_used_by_many(key_type: str) -> None:
    async def test() -> None:
        certificate = await rtcpy.PeerConnection.generate_certificate(key_type)
        async with await Pair.connected(loopback(certificates=[certificate])) as pair:
            fingerprint = str(certificate.fingerprint("sha-256"))
            assert pair.a.local_description is not None
            assert fingerprint in pair.a.local_description.sdp
            pair.channel.send("x")
            assert await pair.remote.receive() == "x"
        with pytest.raises(rtcpy.NotSupportedError):
            await rtcpy.PeerConnection.generate_certificate("dsa")

    run(test)


def test_seeded_connections_make_the_same_offer() -> None:
    async def test() -> None:
        offers = []
        for _ in range(2):
            configuration = loopback(entropy=SeededEntropy(7), wall_clock=FixedClock())
            async with rtcpy.PeerConnection(configuration) as pc:
                pc.create_data_channel("x")
                offers.append((await pc.create_offer()).sdp)
        assert offers[0] == offers[1]

    run(test)


@pytest.mark.skipif(sys.platform != "linux", reason="::1 and 127.0.0.1 on lo")
def test_only_the_chosen_interface_is_offered() -> None:
    async def test() -> None:
        only_v4 = rtcpy.Configuration(network_interfaces=lambda a: a.ip.is_loopback and a.ip.version == 4)
        async with rtcpy.PeerConnection(only_v4) as pc:
            pc.create_data_channel("x")
            await pc.set_local_description()
            await complete(pc)
            assert pc.local_description is not None
            found = [
                line for line in pc.local_description.sdp.split("\r\n") if line.startswith("a=candidate")
            ]
            assert found
            assert all(" 127.0.0.1 " in line for line in found)

    run(test)


def test_a_wrong_fingerprint_fails_the_connection_and_says_so() -> None:
    async def test() -> None:
        a, b = rtcpy.PeerConnection(loopback()), rtcpy.PeerConnection(loopback())
        trickle(a, b)
        async with a, b:
            channel = a.create_data_channel("x")
            other = await rtcpy.PeerConnection.generate_certificate()
            await a.set_local_description()
            assert a.local_description is not None
            head, _, tail = a.local_description.sdp.partition("a=fingerprint:")
            forged = f"{head}a=fingerprint:{other.fingerprint('sha-256')}\r\n{tail.partition(chr(10))[2]}"
            await b.set_remote_description(rtcpy.SessionDescription(type="offer", sdp=forged))  # type: ignore[arg-type]
            await b.set_local_description()
            assert b.local_description is not None
            await a.set_remote_description(b.local_description)
            with pytest.raises(rtcpy.OperationError, match=r"(?i)fingerprint|DTLS"):
                await b.connected()
            assert channel.ready_state != "open"
            assert b.connection_state == "failed"

    run(test)

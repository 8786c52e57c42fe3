"""`Configuration(trace=…)` and `pc.trace`: real connections, recorded and replayed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import rtcpy
from rtcpy.core.tap import Tap
from rtcpy.explain import RecordedPeer, Trace
from rtcpy.explain.trace import CallEntry, EventEntry, PacketEntry, SecretEntry
from tests.aio.pairs import Pair, loopback, negotiate, run

pytestmark = pytest.mark.sockets


def test_a_connection_has_no_trace_unless_asked() -> None:
    async def test() -> None:
        async with rtcpy.PeerConnection(loopback()) as pc:
            assert pc.trace is None
            assert not isinstance(pc._peer, RecordedPeer)

    run(test)


def test_a_real_connection_replays_to_the_same_bytes(tmp_path: Path) -> None:
    """Sockets, the system's clock and randomness, datagrams that arrive together; restart, glare, channels closed."""
    trace = Trace()

    async def test() -> None:
        pair = await Pair.connected(
            loopback(trace=trace.endpoint("alice")), loopback(trace=trace.endpoint("bob"))
        )
        async with pair:
            assert pair.a.trace is pair.b.trace is trace
            for message in ("hello", bytes(200_000), "Grüße"):
                pair.channel.send(message)
                assert await pair.remote.receive() == message
            pair.a.restart_ice()
            await negotiate(pair.a, pair.b)
            await pair.a.set_local_description()
            await pair.b.set_local_description()
            assert pair.a.local_description is not None
            await pair.b.set_remote_description(pair.a.local_description)
            await pair.b.set_local_description()
            assert pair.b.local_description is not None
            await pair.a.set_remote_description(pair.b.local_description)
            other = pair.b.create_data_channel("other", ordered=False)
            await other.opened()
            with pytest.raises(rtcpy.OperationError):
                await pair.a.add_ice_candidate(rtcpy.IceCandidate("candidate:nonsense", "0"))
            await pair.a.get_stats()
            pair.channel.close()
            await pair.remote.closed()
        await asyncio.sleep(0)

    run(test)
    assert not trace.lost
    assert trace.names == ["alice", "bob"]
    assert {entry.error.partition(":")[0] for entry in trace.of(CallEntry)} == {"", "OperationError"}
    assert any(entry.more for entry in trace.of(PacketEntry)), "nothing arrived together"
    trace.save(tmp_path / "call.trace")
    replay = Trace.load(tmp_path / "call.trace").replay().run()
    shown = replay.snapshots()
    assert {shown[name]["states"]["signalingState"] for name in shown} == {"closed"}
    for name, endpoint in replay._endpoints.items():
        heard = [(e.name, e.detail) for e in trace.of(EventEntry, who=name)]
        assert [(e.name, e.detail) for e in endpoint.again.of(EventEntry)] == heard
    assert len(trace.of(SecretEntry)) == 2 and len(trace.key_log().splitlines()) == 1


def test_a_connection_may_have_a_trace_and_a_tap() -> None:
    class Listener(Tap):
        layers: set[str] = set()

        def packet(self, layer: str, *_: Any, **__: Any) -> None:
            self.layers.add(layer)

    async def test() -> None:
        tap = Listener()
        async with await Pair.connected(loopback(trace=True, tap=tap)) as pair:
            assert pair.b.trace is None
            trace = pair.a.trace
            assert trace is not None and trace.names == ["here"]
            assert {"udp", "stun", "dtls", "sctp", "sdp"} <= tap.layers
            assert tap.layers == {entry.layer for entry in trace.packets()}
            trace.replay().run()
            assert trace.replay().to(-1).peers["here"].connection_state == pair.a.connection_state
            assert "Binding request" in trace.ladder().render()

    run(test)


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("yes", "trace is 'yes', expected True, False or an endpoint of a Trace"),
        (None, "trace is None"),
        (1, "trace is 1"),
        (Trace(), r'say who writes to it: trace.endpoint\("alice"\)'),
    ],
)
def test_other_settings_are_refused(trace: Any, expected: str) -> None:
    async def test() -> None:
        with pytest.raises(TypeError, match=expected):
            rtcpy.PeerConnection(rtcpy.Configuration(trace=trace))

    run(test)


def test_the_trace_of_a_living_connection_stays() -> None:
    async def test() -> None:
        trace = Trace()
        async with rtcpy.PeerConnection(loopback(trace=trace.endpoint("a"))) as pc:
            pc.set_configuration(loopback(trace=trace.endpoint("a")))
            for other in (True, False, trace.endpoint("b"), Trace().endpoint("a")):
                with pytest.raises(rtcpy.InvalidModificationError, match="trace cannot be changed"):
                    pc.set_configuration(loopback(trace=other))

    run(test)

"""Whole peers in virtual time: from the offer to messages, and everything that can happen on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtcpy.core.machine import Address, Datagram, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.dtls import DtlsConfig
from rtcpy.peer import (
    ChannelClosed,
    ChannelClosing,
    ChannelError,
    ConnectionStateChanged,
    DataChannelAnnounced,
    DtlsStateChanged,
    IceCandidate,
    IceConnectionStateChanged,
    PeerConfiguration,
    SctpStateChanged,
    SessionDescription,
    SignalingStateChanged,
)
from rtcpy.sim import LinkConfig
from tests.peer.builders import lines
from tests.peer.calls import HOSTS, PORT, Call
from tests.profile import scale


def states(call: Call, side: int, kind: type[Any]) -> list[str]:
    return [str(event.state) for event in call.events(side, kind)]


def test_offer_answer_and_a_message_each_way() -> None:
    call = Call()
    ours, theirs = call.connect("chat")
    assert (theirs.label, theirs.id) == ("chat", ours.id)
    call.a.send(ours, "text ✓", now=call.now)
    call.a.send(ours, b"\x00\xff", now=call.now)
    call.a.send(ours, "", now=call.now)
    call.b.send(theirs, b"", now=call.now)
    call.b.send(theirs, bytearray(b"x" * 100_000), now=call.now)
    call.run(5.0)
    assert call.messages(1) == ["text ✓", b"\x00\xff", ""]
    assert call.messages(0) == [b"", b"x" * 100_000]
    assert call.errors == []


def test_the_order_of_events() -> None:
    call = Call()
    call.connect()
    call.run(5.0)
    for side in (0, 1):
        assert states(call, side, IceConnectionStateChanged)[:2] == ["checking", "connected"]
        assert states(call, side, ConnectionStateChanged) == ["connecting", "connected"]
        assert states(call, side, DtlsStateChanged) == ["connecting", "connected"]
        assert states(call, side, SctpStateChanged) == ["connected"]
    told = [type(e).__name__ for e in call.all_events(1)]
    assert told.index("ConnectionStateChanged") < told.index("SctpStateChanged")
    assert told.index("SctpStateChanged") < told.index("DataChannelAnnounced") < told.index("ChannelOpened")
    for peer in call.peers:
        assert peer.connection_state == "connected"
        assert peer.sctp_state == peer.dtls_state == "connected"
        assert peer.max_channels is not None


def test_candidates_inside_the_descriptions() -> None:
    call = Call(trickle=False)
    call.connect()
    assert call.b.remote_description is not None
    assert "a=end-of-candidates" in call.b.remote_description.sdp


def test_a_seeded_run_repeats_byte_for_byte() -> None:
    def run() -> tuple[list[tuple[Instant, int, Datagram]], list[str]]:
        call = Call(seed="again", link=LinkConfig(delay=0.02, loss=0.1, reorder=0.1))
        ours, _ = call.connect()
        call.a.send(ours, b"z" * 5000, now=call.now)
        call.run(20.0)
        return call.log(), [str(e) for side in (0, 1) for e in call.all_events(side)]

    assert run() == run()


@pytest.mark.parametrize("seed", range(scale(dev=10, ci=40, thorough=400)))
def test_connecting_on_a_bad_network(seed: int) -> None:
    call = Call(seed=seed, link=LinkConfig(delay=0.03, loss=0.2, reorder=0.2, duplicate=0.05))
    ours, theirs = call.connect(seconds=60.0)
    call.a.send(ours, "ping", now=call.now)
    call.b.send(theirs, "pong", now=call.now)
    assert call.run(60.0, until=lambda: bool(call.messages(0)) and bool(call.messages(1)))
    assert (call.messages(1), call.messages(0)) == (["ping"], ["pong"])


def test_both_offer_at_once_and_the_polite_one_gives_in() -> None:
    call = Call()
    first = call.a.create_data_channel("from a", now=0.0)
    second = call.b.create_data_channel("from b", now=0.0)
    call.network.at(0.0, lambda: None)
    assert call.run(20.0, until=lambda: len(call.opened(0)) == len(call.opened(1)) == 2)
    assert states(call, 1, SignalingStateChanged)[:3] == ["have-local-offer", "stable", "have-remote-offer"]
    assert {c.label for c in call.opened(0)} == {c.label for c in call.opened(1)} == {"from a", "from b"}
    assert first.id is not None
    assert second.id is not None
    assert first.id % 2 != second.id % 2
    assert call.errors == []


def test_a_channel_of_the_answerer() -> None:
    call = Call()
    call.connect("first")
    channel = call.b.create_data_channel(
        "second", protocol="p", ordered=False, max_retransmits=3, now=call.now
    )
    assert call.run(5.0, until=lambda: len(call.opened(0)) == 2)
    (announced,) = [e.channel for e in call.events(0, DataChannelAnnounced)]
    assert (announced.label, announced.protocol, announced.ordered, announced.max_retransmits) == (
        "second",
        "p",
        False,
        3,
    )
    assert announced.id == channel.id
    assert states(call, 1, SignalingStateChanged) == ["have-remote-offer", "stable"], "no new offer for it"


def test_negotiated_channels() -> None:
    call = Call()
    for peer in call.peers:
        peer.create_data_channel("n", negotiated=True, id=20, now=0.0)
    assert call.run(20.0, until=lambda: bool(call.opened(0)) and bool(call.opened(1)))
    call.a.send(call.opened(0)[0], "hi", now=call.now)
    call.run(2.0)
    assert call.messages(1) == ["hi"]
    assert not call.events(1, DataChannelAnnounced)


@pytest.mark.parametrize("closer", [0, 1])
def test_closing_a_channel(closer: int) -> None:
    call = Call()
    pair = call.connect()
    call.peers[closer].send(pair[closer], "last words", now=call.now)
    call.peers[closer].close_channel(pair[closer], now=call.now)
    call.run(5.0)
    assert call.messages(1 - closer) == ["last words"]
    assert [e.channel for e in call.events(1 - closer, ChannelClosing)] == [pair[1 - closer]]
    assert not call.events(closer, ChannelClosing), "only the other side is told that it is closing"
    for side in (0, 1):
        assert call.events(side, ChannelClosed) == [ChannelClosed(pair[side], None)]
        assert call.peers[side].channels == []
    call.connect("again")


@pytest.mark.parametrize("closer", [0, 1])
def test_closing_the_connection(closer: int) -> None:
    call = Call()
    pair = call.connect()
    call.peers[closer].close(now=call.now)
    call.network.settle()
    call.run(5.0)
    other = 1 - closer
    assert [e.channel for e in call.events(other, ChannelClosed)] == [pair[other]]
    assert call.peers[other].sctp_state == "closed"
    assert call.peers[other].dtls_state == "closed"
    assert pair[closer].state.value == "closed"
    assert not call.events(closer, ChannelClosed), "closing fires nothing at the closer"
    assert call.peers[closer].next_timeout() is None


def test_renegotiation_keeps_the_transport() -> None:
    call = Call()
    ours, _ = call.connect()
    before = call.log()[-1][0]
    call.a.set_local_description(now=call.now)
    assert call.a.local_description is not None
    call.signal(0, call.a.local_description)
    call.run(2.0)
    assert states(call, 0, SignalingStateChanged)[-2:] == ["have-local-offer", "stable"]
    assert states(call, 0, DtlsStateChanged) == ["connecting", "connected"]
    call.a.send(ours, "still here", now=call.now)
    call.run(2.0)
    assert call.messages(1) == ["still here"]
    assert all(d.data[0] != 22 for t, _, d in call.log() if t > before), "no handshake after the first"


@pytest.mark.parametrize("side", [0, 1])
def test_ice_restart_keeps_the_channels_open(side: int) -> None:
    call = Call()
    pair = call.connect()
    old = [p.transport.ice.local_credentials.ufrag for p in call.peers if p.transport is not None]
    call.peers[side].restart_ice(now=call.now)
    for i in range(20):
        call.network.at(call.now + 0.05 * i, lambda: call.a.send(pair[0], "tick", now=call.now))
    call.run(10.0)
    new = [p.transport.ice.local_credentials.ufrag for p in call.peers if p.transport is not None]
    assert not set(old) & set(new)
    assert call.messages(1) == ["tick"] * 20
    assert not call.events(0, ChannelClosed)
    assert states(call, 0, DtlsStateChanged) == ["connecting", "connected"], "DTLS goes on"
    assert all(p.connection_state == "connected" for p in call.peers)
    assert call.errors == []


def test_ice_restart_moves_to_another_address() -> None:
    call = Call()
    pair = call.connect()
    call.ports[0] = PORT + 7
    call.a.restart_ice(now=call.now)
    call.run(10.0)
    call.a.send(pair[0], "from elsewhere", now=call.now)
    call.run(2.0)
    assert call.messages(1) == ["from elsewhere"]
    last = [d for _, i, d in call.log() if i == 0 and d.data[0] == 23][-1]
    assert last.local.port == PORT + 7


def test_a_rolled_back_restart_leaves_everything_running() -> None:
    call = Call(automatic=False)
    a, b = call.peers
    channel = a.create_data_channel("x", now=0.0)
    call._describe(0, 0.0)
    assert call.run(20.0, until=lambda: bool(call.opened(0)) and bool(call.opened(1)))
    a.set_local_description(a.create_offer(ice_restart=True, now=call.now), now=call.now)
    call.run(1.0)
    a.set_local_description(SessionDescription("rollback"), now=call.now)  # type: ignore[arg-type]
    call.run(40.0)
    a.send(channel, "alive", now=call.now)
    call.run(1.0)
    assert call.messages(1) == ["alive"]
    assert a.connection_state == b.connection_state == "connected"


@pytest.mark.parametrize(("outage", "survives"), [(5.0, True), (20.0, True), (35.0, False)])
def test_outages(outage: float, survives: bool) -> None:
    call = Call()
    ours, _ = call.connect()
    call.run(5.0)
    start = call.now
    call.network.outage(start, outage)
    call.network.at(start + 1.0, lambda: call.a.send(ours, "during", now=call.now))
    call.run(outage + 25.0)
    if survives:
        assert call.a.connection_state == "connected"
        assert call.messages(1) == ["during"]
        return
    assert "disconnected" in states(call, 0, ConnectionStateChanged)
    assert call.a.connection_state == "failed"
    call.a.restart_ice(now=call.now)
    call.run(30.0)
    assert call.a.connection_state == call.b.connection_state == "connected"
    assert call.messages(1) == ["during"], "what waited in SCTP arrives after the restart"


def test_a_dead_peer_is_noticed_by_consent() -> None:
    call = Call()
    call.connect()
    call.run(5.0)
    call.network.kill("peer1")
    call.run(60.0)
    assert states(call, 0, ConnectionStateChanged)[-2:] == ["disconnected", "failed"]
    quiet = call.now
    call.run(30.0)
    assert not [d for t, i, d in call.log() if i == 0 and t > quiet and d.data[0] > 3], (
        "no data without consent"
    )


# --- wrong and hostile ---------------------------------------------------------------------------------------


def tampered(prefix: str, *sides: int) -> Any:
    """An `edit` that damages a line of the descriptions that `sides` send, and lets candidates fit any generation."""

    def edit(side: int, what: Any) -> Any:
        if isinstance(what, IceCandidate):
            return replace(what, username_fragment=None, candidate=what.candidate.split(" ufrag")[0])
        if side not in sides:
            return what
        (line,) = lines(what.sdp, prefix)
        return replace(what, sdp=what.sdp.replace(line, flipped(line)))

    return edit


def flipped(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize("client", [0, 1])
def test_a_wrong_fingerprint_fails_in_both_roles(client: int) -> None:
    """The offerer is told another fingerprint than the answerer's certificate has."""

    def edit(side: int, what: Any) -> Any:
        if side == 0 or not isinstance(what, SessionDescription):
            return what
        (line,) = lines(what.sdp, "a=fingerprint:")
        text = what.sdp.replace(line, flipped(line))
        if client == 0:
            text = text.replace("a=setup:active", "a=setup:passive")
        return replace(what, sdp=text)

    call = Call(edit=edit, configurations=(quick(), quick()))
    channel = call.a.create_data_channel("x", now=0.0)
    if client == 0:  # the answerer has to take the other role, too
        make_passive(call)
    call.run(40.0)
    assert call.a.dtls_state == "failed"
    assert call.a.connection_state == "failed"
    assert call.messages(0) == call.messages(1) == []
    assert not call.opened(0)
    assert not call.opened(1)
    failures = [e for e in call.events(0, DtlsStateChanged) if e.state == "failed"]
    assert "fingerprint" in failures[0].reason or "certificate" in failures[0].reason
    assert channel.state.value == "closed"
    assert [e.channel for e in call.events(0, ChannelError)] == [channel]


def quick() -> PeerConfiguration:
    return PeerConfiguration(dtls=DtlsConfig(handshake_timeout=20.0))


def make_passive(call: Call) -> None:
    """Let peer 1 hear an offer that says active, so that it answers passive by itself."""
    inner = call.edit
    assert inner is not None

    def edit(side: int, what: Any) -> Any:
        if side == 0 and isinstance(what, SessionDescription) and what.type == "offer":
            return replace(what, sdp=what.sdp.replace("a=setup:actpass", "a=setup:active"))
        if side == 1 and isinstance(what, SessionDescription):
            (line,) = lines(what.sdp, "a=fingerprint:")
            return replace(what, sdp=what.sdp.replace(line, flipped(line)))
        return what

    call.edit = edit


@pytest.mark.parametrize("prefix", ["a=ice-ufrag:", "a=ice-pwd:"])
def test_wrong_ice_credentials_never_connect(prefix: str) -> None:
    call = Call(edit=tampered(prefix, 0, 1))
    channel = call.a.create_data_channel("x", now=0.0)
    call.run(120.0)
    assert call.a.connection_state == call.b.connection_state == "failed"
    assert not call.opened(0)
    assert channel.state.value == "connecting"
    assert not [d for _, _, d in call.log() if d.data[0] >= 20], "not one DTLS record was sent"


@pytest.mark.parametrize("prefix", ["a=ice-ufrag:", "a=ice-pwd:"])
@pytest.mark.parametrize("liar", [0, 1])
def test_credentials_that_one_side_has_wrong_never_connect(prefix: str, liar: int) -> None:
    call = Call(edit=tampered(prefix, liar))
    call.a.create_data_channel("x", now=0.0)
    call.run(60.0)
    assert "connected" not in states(call, 1 - liar, IceConnectionStateChanged)
    for side in (0, 1):
        assert "connected" not in states(call, side, ConnectionStateChanged)
        assert not call.opened(side)


def test_strangers_cannot_disturb_the_set_up() -> None:
    """docs/threats.md: hellos and alerts from addresses that ICE has not validated, 300 a second, from the beginning."""
    call = Call(seed=5)
    hello = bytes.fromhex("16feff0000000000000000000c010000000000000000000000")
    alert = bytes.fromhex("15fefd00000000000000000002022f")
    for i in range(3000):
        at = i / 300
        source = Address(f"203.0.113.{i % 200 + 1}", 1000 + i)
        target = Address(HOSTS[i % 2], PORT)
        call.network.at(at, lambda s=source, t=target, p=(hello, alert)[i % 2]: call.network.inject(p, s, t))
    ours, theirs = call.connect(seconds=5.0)
    call.a.send(ours, "hello", now=call.now)
    call.b.send(theirs, "hello", now=call.now)
    call.run(10.0)
    assert call.messages(0) == call.messages(1) == ["hello"]
    for peer in call.peers:
        assert peer.connection_state == "connected"
        assert peer.transport is not None
        assert sum(peer.transport.dropped.values()) > 100


def test_replayed_datagrams_deliver_nothing_twice() -> None:
    call = Call()
    ours, _ = call.connect()
    for i in range(10):
        call.a.send(ours, str(i), now=call.now)
    call.run(2.0)
    old = list(call.log())
    for index, (_, end, datagram) in enumerate(old):
        call.network.at(
            call.now + 0.001 * index,
            lambda d=datagram, e=end: call.peers[1 - e].receive(
                Datagram(d.data, d.remote, d.local), now=call.now
            ),
        )
    call.run(5.0)
    assert call.messages(1) == [str(i) for i in range(10)]
    assert all(p.connection_state == "connected" for p in call.peers)


def test_a_client_hello_before_the_answer_is_kept() -> None:
    """The answer is slow: checks and hello overtake it, and are not lost (no wait for a DTLS timer)."""

    def run(delay: float) -> float:
        call = Call(signaling_delay=delay)
        call.connect()
        return call.now

    slow = run(0.5)
    # Two signalling delays, then at most a few round trips of 40 ms: no retransmission timer in between.
    assert slow < 2 * 0.5 + 0.25


# --- taps and figures ----------------------------------------------------------------------------------------


class Recorder(Tap):
    def __init__(self) -> None:
        self.packets: list[tuple[str, Direction, bytes]] = []
        self.states: list[tuple[str, str, str, str]] = []

    def packet(self, layer: str, direction: Direction, data: bytes, **_: Any) -> None:
        self.packets.append((layer, direction, bytes(data)))

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        self.states.append((layer, what, old, new))


def test_the_tap_sees_every_datagram_and_description() -> None:
    taps = (Recorder(), Recorder())
    call = Call(taps=taps)
    ours, _ = call.connect()
    call.a.send(ours, "watched", now=call.now)
    call.run(2.0)
    for side, tap in enumerate(taps):
        sent = [
            data for layer, direction, data in tap.packets if (layer, direction) == ("udp", Direction.OUT)
        ]
        assert sent == [d.data for _, end, d in call.log() if end == side]
    assert ("sctp", Direction.OUT) in {(layer, direction) for layer, direction, _ in taps[0].packets}
    assert [d for layer, d, _ in taps[0].packets if layer == "sdp"] == [Direction.OUT, Direction.IN]
    assert ("peer", "signaling", "stable", "have-local-offer") in taps[0].states
    assert ("peer", "connection", "connecting", "connected") in taps[1].states


def test_a_tap_changes_nothing() -> None:
    def run(taps: tuple[Tap | None, Tap | None]) -> list[tuple[Instant, int, Datagram]]:
        call = Call(seed="tap", taps=taps)
        call.connect()
        call.run(2.0)
        return call.log()

    assert run((None, None)) == run((Recorder(), Recorder()))


def test_datagrams_of_a_batch_have_the_same_effect() -> None:
    call = Call()
    ours, theirs = call.connect()
    call.run(5.0)
    for i in range(20):
        call.a.send(ours, b"%d" % i * 500, now=call.now)
    batch = [Datagram(d.data, d.remote, d.local) for d in call.a.take_packets()]
    assert len(batch) > 1
    call.b.receive_many(batch, now=call.now)
    call.run(2.0)
    assert call.messages(1) == [b"%d" % i * 500 for i in range(20)]
    assert theirs.messages_received == 20


def test_statistics() -> None:
    call = Call()
    ours, _ = call.connect()
    call.a.send(ours, "x" * 50, now=call.now)
    call.run(5.0)
    report = call.a.get_stats(now=call.now)
    by_type: dict[str, list[dict[str, Any]]] = {}
    for id_, entry in report.items():
        assert entry["id"] == id_
        assert entry["timestamp"] == 1_750_000_000_000.0
        by_type.setdefault(str(entry["type"]), []).append(entry)
    assert set(by_type) == {
        "peer-connection",
        "data-channel",
        "transport",
        "candidate-pair",
        "local-candidate",
        "remote-candidate",
        "certificate",
    }
    (transport,) = by_type["transport"]
    assert (transport["dtlsState"], transport["dtlsRole"], transport["iceRole"]) == (
        "connected",
        "server",
        "controlling",
    )
    assert str(transport["dtlsCipher"]).startswith("TLS_ECDHE_ECDSA_WITH_")
    assert transport["tlsVersion"] == "FEFD"
    for member in ("selectedCandidatePairId", "localCertificateId", "remoteCertificateId"):
        assert transport[member] in report
    pair = report[str(transport["selectedCandidatePairId"])]
    assert pair["state"] == "succeeded"
    assert pair["nominated"] is True
    assert report[str(pair["localCandidateId"])]["address"] == HOSTS[0]
    assert report[str(pair["remoteCandidateId"])]["address"] == HOSTS[1]
    data = [d for t, i, d in call.log() if i == 0 and d.data[0] >= 20]
    assert (pair["packetsSent"], pair["bytesSent"]) == (len(data), sum(len(d.data) for d in data))
    assert pair["totalRoundTripTime"] > 0  # type: ignore[operator]
    (channel,) = by_type["data-channel"]
    assert (channel["label"], channel["state"], channel["messagesSent"], channel["bytesSent"]) == (
        "chat",
        "open",
        1,
        50,
    )
    assert by_type["peer-connection"][0]["dataChannelsOpened"] == 1
    theirs = call.b.get_stats(now=call.now)
    fingerprints = {e["fingerprint"] for e in report.values() if e["type"] == "certificate"}
    assert fingerprints == {e["fingerprint"] for e in theirs.values() if e["type"] == "certificate"}


def test_statistics_before_a_connection() -> None:
    call = Call(automatic=False)
    assert list(call.a.get_stats(now=0.0)) == ["P"]
    call.a.create_data_channel("x", now=0.0)
    assert list(call.a.get_stats(now=0.0)) == ["P", "D1"]
    assert "dataChannelIdentifier" not in call.a.get_stats(now=0.0)["D1"]

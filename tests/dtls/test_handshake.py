"""The handshake when the network is kind: every choice of parameters, every order of what the owner does."""

from __future__ import annotations

import itertools

import pytest

from rtcpy.core.errors import InvalidAccessError, InvalidStateError
from rtcpy.core.machine import Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.dtls import (
    AlertDescription,
    ApplicationData,
    CipherSuite,
    Closed,
    Connected,
    DtlsConfig,
    DtlsConnection,
    DtlsState,
    Failed,
    KeyingMaterial,
    NamedGroup,
    PeerCertificate,
    Role,
    SrtpProfile,
)
from rtcpy.dtls.certificate import fingerprint_of
from rtcpy.dtls.flights12 import CLIENT, COMMITTED, SERVER, HandshakeState, Input
from rtcpy.dtls.messages import HandshakeType
from tests.dtls.link import CLIENT as C
from tests.dtls.link import LABEL, Link, certificate, lossy, make, pair
from tests.dtls.link import SERVER as S
from tests.dtls.wire import messages, records

WRONG = fingerprint_of(b"another certificate")


@pytest.mark.parametrize("suite", CipherSuite, ids=lambda s: s.name)
@pytest.mark.parametrize("group", NamedGroup)
@pytest.mark.parametrize("client_key", ["ecdsa", "rsa"])
def test_suites_groups_and_keys(suite: CipherSuite, group: NamedGroup, client_key: str) -> None:
    server_key = "rsa" if "ECDHE_RSA" in suite.name else "ecdsa"
    config = DtlsConfig(cipher_suites=(suite,), groups=(group,))
    link = Link(pair(client_key=client_key, server_key=server_key, server=config)).start().run(until=5.0)
    link.check_connected()
    (connected,) = link.of(C, Connected)
    assert isinstance(connected, Connected)
    assert (connected.version, connected.cipher_suite, connected.group) == (0xFEFD, suite, group)


@pytest.mark.parametrize("profile", SrtpProfile)
def test_srtp_profile(profile: SrtpProfile) -> None:
    link = Link(pair(server=DtlsConfig(srtp_profiles=(profile,)))).start().run(until=5.0)
    link.check_connected()
    (keys,) = link.of(S, KeyingMaterial)
    assert isinstance(keys, KeyingMaterial) and keys.profile is profile


@pytest.mark.parametrize("who", [C, S])
def test_no_srtp(who: int) -> None:
    none = DtlsConfig(srtp_profiles=())
    ends = pair(client=none) if who == C else pair(server=none)
    link = Link(ends).start().run(until=5.0)
    link.check_connected()
    assert link.of(C, KeyingMaterial) == link.of(S, KeyingMaterial) == []


def test_two_round_trips_and_the_order_of_events() -> None:
    link = Link(pair(), delay=0.05).start().run(until=5.0)
    assert link.connected_at == pytest.approx({S: 0.15, C: 0.2})
    assert len(link.sent) == 4
    for end, other in ((C, "server"), (S, "client")):
        kinds = [type(event) for event in link.events[end]]
        assert kinds == [PeerCertificate, Connected, KeyingMaterial]
        assert link.events[end][0] == PeerCertificate((certificate(other).der,))
        assert link.ends[end].remote_certificates == (certificate(other).der,)
        assert link.ends[end].next_timeout() is None
        assert link.ends[end].retransmissions == 0 and not link.ends[end].dropped


@pytest.mark.parametrize("mtu", [128, 200, 256, 548, 1200, 9000])
@pytest.mark.parametrize("keys", list(itertools.product(["ecdsa", "rsa"], repeat=2)), ids="-".join)
def test_fragments(mtu: int, keys: tuple[str, str]) -> None:
    config = DtlsConfig(mtu=mtu)
    link = (
        Link(pair(client_key=keys[0], server_key=keys[1], client=config, server=config))
        .start()
        .run(until=5.0)
    )
    assert max(len(data) for _, _, data in link.sent) <= mtu
    link.check_connected()
    assert link.ends[0].retransmissions == link.ends[1].retransmissions == 0


def test_cookie() -> None:
    link = Link(pair(server=DtlsConfig(cookie=True))).start().run(until=5.0)
    link.check_connected()
    first, request, second, answer, *_ = [data for _, _, data in link.sent]
    assert request[13] == HandshakeType.HELLO_VERIFY_REQUEST
    assert request[3:11] == first[3:11], "numbered as the hello's record was: RFC 6347 §4.2.1"
    assert len(request) <= len(first), "no amplification"
    (hello,), (again,), (server_hello, *_) = messages([first]), messages([second]), messages([answer])
    assert (hello.message_seq, again.message_seq, server_hello.message_seq) == (0, 1, 1)
    assert hello.body[:34] == again.body[:34], "same version and random"


def test_a_seed_repeats_byte_for_byte() -> None:
    def trace(seed: int) -> list[tuple[Instant, int, bytes]]:
        fate = lossy(seed, loss=0.3, duplicate=0.1, reorder=0.2, corrupt=0.1)
        return Link(pair(seed=seed), fate=fate).start().run(until=60.0).sent

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)
    assert trace(3) == trace(3)


# -- fingerprints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", [C, S])
@pytest.mark.parametrize("when", ["before", "after"])
def test_wrong_fingerprint(victim: int, when: str) -> None:
    """GHSA-qwfw-ggxw-577c, CVE-2021-28681: in both roles, and not a byte or key gets out."""
    role, other = (Role.CLIENT, Role.SERVER) if victim == C else (Role.SERVER, Role.CLIENT)
    lone = make(role, fingerprints=[WRONG] if when == "before" else None)
    peer = make(other)
    link = Link((lone, peer) if victim == C else (peer, lone)).start().run(until=2.0)
    if when == "after":
        assert lone.state is DtlsState.CONNECTING and peer.state is DtlsState.CONNECTED
        peer.send(b"secret", now=link.now)
        link.run(until=3.0)
        assert link.events[victim] == [PeerCertificate((certificate(other.value).der,))]
        lone.set_remote_fingerprints([WRONG], now=link.now)
    link.run(until=200.0)
    failed = link.events[victim][-1]
    assert isinstance(failed, Failed) and failed.alert == AlertDescription.BAD_CERTIFICATE
    assert lone.state is DtlsState.FAILED and lone.next_timeout() is None
    assert not any(isinstance(e, Connected | KeyingMaterial | ApplicationData) for e in link.events[victim])
    for call in (
        lambda: lone.send(b"x", now=link.now),
        lambda: lone.export_keying_material(LABEL, None, 16),
        lambda: (
            lone.set_remote_fingerprints([certificate(other.value).fingerprint()], now=link.now)
            or lone.send(b"", now=link.now)
        ),
    ):
        with pytest.raises(InvalidStateError):
            call()
    if when == "after":
        assert link.events[1 - victim][-1] == Failed(
            "the peer sent the alert bad_certificate (RFC 5246 §7.2.2)", 42
        )
    else:
        assert not link.of(1 - victim, Connected)


@pytest.mark.parametrize("late", [C, S])
def test_the_fingerprint_may_come_last(late: int) -> None:
    """An answer may be slower than DTLS; data that comes meanwhile waits behind the gate."""
    role, other = (Role.CLIENT, Role.SERVER) if late == C else (Role.SERVER, Role.CLIENT)
    lone, peer = make(role, fingerprints=None), make(other)
    link = Link((lone, peer) if late == C else (peer, lone)).start().run(until=1.0)
    for i in range(10):
        peer.send(bytes([i]), now=link.now)
    link.run(until=2.0)
    assert lone.state is DtlsState.CONNECTING and link.data(late) == []
    with pytest.raises(InvalidStateError):
        lone.send(b"x", now=link.now)
    lone.set_remote_fingerprints([certificate(other.value).fingerprint("sha-512")], now=link.now)
    link.run(until=3.0)
    kinds = [type(e) for e in link.events[late]]
    assert kinds == [PeerCertificate, Connected, KeyingMaterial] + [ApplicationData] * 10
    assert link.data(late) == [bytes([i]) for i in range(10)]
    link.check_connected()


def test_what_waits_for_the_fingerprint_is_bounded() -> None:
    lone, peer = make(Role.CLIENT, fingerprints=None), make(Role.SERVER)
    link = Link((lone, peer)).start().run(until=1.0)
    for _ in range(100):
        peer.send(bytes(1200), now=link.now)
    for _ in range(5000):
        peer.send(b"", now=link.now)
    link.run(until=2.0)
    assert lone.dropped["too much data before the gate opened (RFC 8827 §6.5)"] > 4000
    lone.set_remote_fingerprints([certificate("server").fingerprint()], now=link.now)
    link.run(until=3.0)
    assert 40 <= len([d for d in link.data(C) if d]) <= 55


def test_a_match_is_final() -> None:
    link = Link(pair()).start().run(until=1.0)
    for end in link.ends:
        end.set_remote_fingerprints([WRONG], now=link.now)
    link.check_connected()


# -- early and late ---------------------------------------------------------------------------------


def test_hello_before_start_is_kept() -> None:
    client, server = pair()
    link = Link((client, server))
    client.start(now=0.0)
    link.run(until=0.1)
    assert server.state is DtlsState.NEW and link.sent[0][1] == C
    server.start(now=0.1)
    link.run(until=1.0)
    assert link.connected_at[S] == pytest.approx(0.14), "no retransmission was needed"
    link.check_connected()


def test_early_input_is_bounded() -> None:
    server = make(Role.SERVER)
    for i in range(1000):
        server.receive(bytes([22]) + bytes(i), now=0.0)
    assert len(server._early) <= 16 and server.dropped["too much before its time (RFC 6347 §4.2.2)"] >= 984
    server.start(now=1.0)
    assert server.state is DtlsState.CONNECTING and not server._early


def test_finished_before_the_rest_of_its_flight() -> None:
    """Records of epoch 1 that overtake what they need are kept, not lost."""

    def fate(number: int, sender: int, data: bytes) -> list[tuple[float, bytes]]:
        late = sender == C and number and data[0] == 22 and records(data)[-1][3:5] == b"\0\0"
        return [(0.05 if late else 0.0, data)]

    link = Link(pair(client=DtlsConfig(mtu=300)), fate=fate).start().run(until=5.0)
    link.check_connected()


def test_server_data_that_overtakes_its_finished() -> None:
    client, server = pair()
    link = Link((client, server)).start()
    while server.state is not DtlsState.CONNECTED:
        link.run(until=link.now + 0.01)
        if server.state is DtlsState.CONNECTED and not link.of(C, Connected):
            break
    server.send(b"early", now=link.now)
    held = list(server.take_packets())
    early = held[-1]
    assert early[0] == 23
    client.receive(early, now=link.now)
    assert client.state is DtlsState.CONNECTING
    link.run(until=5.0)
    assert link.data(C) == [b"early"]
    link.check_connected()


# -- endings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [C, S])
def test_close_notify(who: int) -> None:
    link = Link(pair()).start().run(until=1.0)
    link.ends[who].send(b"last words", now=link.now)
    link.ends[who].close(now=link.now)
    link.run(until=2.0)
    assert link.data(1 - who) == [b"last words"]
    assert link.events[who][-1] == Closed(None) and link.events[1 - who][-1] == Closed(0)
    for end in link.ends:
        assert end.state is DtlsState.CLOSED and end.next_timeout() is None
        end.close(now=2.0)
        assert not end.take_packets() and not end.take_events()
        with pytest.raises(InvalidStateError):
            end.send(b"x", now=2.0)


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("who", [C, S])
def test_close_at_any_time(who: int, steps: int) -> None:
    link = Link(pair()).start().run(until=0.02 * steps - 0.01)
    link.ends[who].close(now=link.now)
    link.run(until=300.0)
    assert link.ends[who].state is DtlsState.CLOSED
    assert link.events[who][-1] == Closed(None)
    assert link.ends[1 - who].state in (DtlsState.CLOSED, DtlsState.FAILED)
    assert all(end.next_timeout() is None for end in link.ends)


def test_close_before_start() -> None:
    client, server = pair()
    for end in (client, server):
        end.close(now=0.0)
        assert list(end.take_events()) == [Closed(None)] and not end.take_packets()
        with pytest.raises(InvalidStateError):
            end.start(now=0.0)


def test_nobody_answers() -> None:
    client, _ = pair(client=DtlsConfig(handshake_timeout=30.0))
    client.start(now=0.0)
    times = []
    while (deadline := client.next_timeout()) is not None:
        client.handle_timeout(now=deadline)
        times.append(deadline)
    assert times[:6] == [0.25, 0.75, 1.75, 3.75, 5.75, 7.75], (
        "doubling up to maximum_timeout: RFC 6347 §4.2.4.1"
    )
    (failed,) = client.take_events()
    assert isinstance(failed, Failed) and failed.alert is None and "30 s" in failed.reason
    assert times[-1] == 30.0


def test_a_server_without_client_gives_up() -> None:
    _, server = pair()
    server.start(now=5.0)
    assert server.next_timeout() == 125.0
    server.handle_timeout(now=124.0)
    assert not server.take_events()
    server.handle_timeout(now=125.0)
    assert isinstance(server.take_events()[0], Failed) and server.next_timeout() is None


def test_misuse() -> None:
    client, _ = pair()
    with pytest.raises(InvalidStateError):
        client.send(b"x", now=0.0)
    with pytest.raises(InvalidStateError):
        client.seal(b"x", now=0.0)
    client.start(now=0.0)
    with pytest.raises(InvalidStateError):
        client.start(now=0.0)
    with pytest.raises(InvalidStateError):
        client.export_keying_material(LABEL, None, 16)
    link = Link(pair()).start().run(until=1.0)
    with pytest.raises(InvalidAccessError):
        link.ends[C].send(bytes((1 << 14) + 1), now=link.now)
    with pytest.raises(InvalidAccessError):
        link.ends[C].seal(bytes((1 << 14) + 1), now=link.now)
    with pytest.raises(InvalidAccessError):
        link.ends[C].export_keying_material("key expansion", None, 16)
    for bad in ({"mtu": 60}, {"cipher_suites": ()}, {"groups": ()}, {"initial_timeout": 0.0}):
        with pytest.raises(ValueError):
            DtlsConfig(**bad)


@pytest.mark.parametrize(
    ("client", "server", "alert"),
    [
        (
            {"cipher_suites": (CipherSuite.ECDHE_RSA_WITH_AES_128_GCM_SHA256,)},
            {},
            AlertDescription.HANDSHAKE_FAILURE,
        ),
        (
            {"groups": (NamedGroup.X25519,)},
            {"groups": (NamedGroup.SECP256R1,)},
            AlertDescription.HANDSHAKE_FAILURE,
        ),
    ],
)
def test_nothing_in_common(
    client: dict[str, object], server: dict[str, object], alert: AlertDescription
) -> None:
    """The server says why, but goes on waiting: the hello may not have been its peer's."""
    ends = pair(client=DtlsConfig(**client), server=DtlsConfig(**server))  # type: ignore[arg-type]
    link = Link(ends).start().run(until=60.0)
    alerts = [data for _, who, data in link.sent if who == S]
    assert {(data[0], data[-1]) for data in alerts} == {(21, alert)}
    assert link.ends[S].state is DtlsState.CONNECTING
    link.run(until=200.0)
    for events in link.events:
        assert isinstance(events[-1], Failed)
    assert alert.name.lower() in str(link.events[C][-1])


# -- tables ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "start"), [(CLIENT, Input.START), (SERVER, Input.START)])
def test_each_table_is_one_path(
    table: dict[tuple[HandshakeState, Input], HandshakeState], start: Input
) -> None:
    """No message is optional and no state has a second way out, but for the cookie."""
    state, seen = HandshakeState.START, []
    while state is not HandshakeState.FINISHED:
        ways = {kind: to for (at, kind), to in table.items() if at is state and to is not state}
        assert len(ways) == 1
        ((kind, state),) = ways.items()
        seen.append(kind)
    loops = [kind for (at, kind), to in table.items() if to is at]
    assert loops == ([Input.HELLO_VERIFY_REQUEST] if table is CLIENT else [])
    assert seen[0] is start and Input.CHANGE_CIPHER_SPEC in seen and seen.count(Input.CERTIFICATE) == 1
    assert (Input.CERTIFICATE_VERIFY if table is SERVER else Input.CERTIFICATE_REQUEST) in seen
    assert HandshakeState.WAIT_CHANGE_CIPHER_SPEC in COMMITTED


# -- tap -----------------------------------------------------------------------------------------------------


class Recorder(Tap):
    def __init__(self) -> None:
        self.packets: list[tuple[str, Direction, bytes]] = []
        self.secrets: list[tuple[str, bytes, bytes]] = []
        self.states: list[str] = []

    def packet(self, layer, direction, data, *, now, local=None, remote=None):  # type: ignore[no-untyped-def]
        self.packets.append((layer, direction, data))

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        self.secrets.append((label, client_random, secret))

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        self.states.append(new)


def test_the_tap_sees_all_records_and_the_secret() -> None:
    taps = Recorder(), Recorder()
    ends: tuple[DtlsConnection, DtlsConnection] = (
        make(Role.CLIENT, tap=taps[0]),
        make(Role.SERVER, tap=taps[1]),
    )
    link = Link(ends).start().run(until=1.0)
    link.check_connected()
    assert taps[0].secrets == taps[1].secrets
    ((label, client_random, secret),) = taps[0].secrets
    assert label == "CLIENT_RANDOM" and client_random in link.sent[0][2] and len(secret) == 48
    for i, tap in enumerate(taps):
        for direction, who in ((Direction.OUT, i), (Direction.IN, 1 - i)):
            told = b"".join(data for layer, d, data in tap.packets if layer == "dtls" and d is direction)
            assert told == b"".join(data for _, sender, data in link.sent if sender == who)
        plain = [data[13:] for layer, _, data in tap.packets if layer == "dtls-plaintext" and data[0] == 23]
        assert sorted(plain) == [b"to the client", b"to the server"]
        assert tap.states == ["connecting", "connected"]

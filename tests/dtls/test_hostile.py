"""Input that no honest peer sends: forged, replayed, reordered, left out, mutated. One test per way it went wrong elsewhere."""

from __future__ import annotations

import itertools
import random

import pytest

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.dtls import (
    ApplicationData,
    Connected,
    DtlsConfig,
    DtlsConnection,
    DtlsState,
    Failed,
    KeyingMaterial,
    Role,
)
from rtcpy.dtls.alerts import Alert, AlertDescription, AlertLevel
from rtcpy.dtls.fragments import MAX_BUFFERED
from rtcpy.dtls.handshake12 import MAX_CHAIN
from rtcpy.dtls.messages import (
    CertificateEntry,
    CertificateMessage,
    ClientHello,
    HandshakeType,
    Message,
    parse_body,
)
from rtcpy.dtls.record12 import ContentType
from rtcpy.dtls.server12 import MAX_OFFERS
from tests.dtls.link import CLIENT as C
from tests.dtls.link import SERVER as S
from tests.dtls.link import Fate, Link, certificate, deliver, make, pair
from tests.dtls.wire import captures, first_hello, messages, plain_record, records, whole
from tests.profile import scale

ALERTS = [Alert(level=level, description=d).serialize() for level in (1, 2) for d in AlertDescription]
SHORT = DtlsConfig(handshake_timeout=2.5, refusal_timeout=1.0)


def _connected() -> Link:
    link = Link(pair()).start().run(until=1.0)
    assert link.is_connected
    return link


def _protected(end: DtlsConnection, content_type: ContentType, content: bytes) -> bytes:
    """A record under the keys of `end`, who would never send it."""
    return end._writer.protect(content_type, content)


def _no_harm(link: Link) -> None:
    """Both ends are as before: connected, and data flows."""
    assert [end.state for end in link.ends] == [DtlsState.CONNECTED] * 2
    link.check_connected()


# -- messages left out, doubled, moved: CVE-2022-29222, CVE-2014-0224, JSSE ------------------------------


def _rewrite(sender: int, order: tuple[int, ...], count: int) -> Fate:
    """Replace the plaintext messages of a flight by those in `order`, numbered as if that were all of them."""

    def fate(_number: int, who: int, data: bytes) -> list[tuple[float, bytes]]:
        found = messages([data])
        if who != sender or len(found) != count:
            return [(0.0, data)]
        first = found[0].message_seq
        out = b"".join(
            whole(found[k].type, first + i, found[k].body, number=(1 << 40) + i) for i, k in enumerate(order)
        )
        rest = b"".join(r for r in records(data) if r[0] != ContentType.HANDSHAKE or r[3:5] != b"\0\0")
        return [(0.0, out + rest)]

    return fate


def _orders(count: int) -> list[tuple[int, ...]]:
    every = [order for n in range(count + 1) for order in itertools.permutations(range(count), n)]
    every += [tuple(sorted((*range(count), k))) for k in range(count - 1)]
    return [order for order in every if order != tuple(range(count))]


@pytest.mark.parametrize(("sender", "count"), [(S, 5), (C, 3)])
def test_only_the_expected_list_of_messages_connects(sender: int, count: int) -> None:
    """Every omission, order and repetition of a flight's messages: none connects, none gives a key."""
    orders = _orders(count)
    for order in orders[:: scale(dev=max(1, len(orders) // 80), ci=1, thorough=1)]:
        link = (
            Link(pair(client=SHORT, server=SHORT), fate=_rewrite(sender, order, count))
            .start()
            .run(until=10.0)
        )
        for events in link.events:
            assert not any(isinstance(e, Connected | KeyingMaterial | ApplicationData) for e in events), order
        assert [end.state for end in link.ends] == [DtlsState.FAILED] * 2, order
    unchanged = _rewrite(sender, tuple(range(count)), count)
    Link(pair(), fate=unchanged).start().run(until=5.0).check_connected()


@pytest.mark.parametrize("sender", [C, S])
def test_a_handshake_without_change_cipher_spec_does_not_connect(sender: int) -> None:
    def fate(_number: int, who: int, data: bytes) -> list[tuple[float, bytes]]:
        kept = [r for r in records(data) if who != sender or r[0] != ContentType.CHANGE_CIPHER_SPEC]
        return [(0.0, b"".join(kept))]

    link = Link(pair(client=SHORT, server=SHORT), fate=fate).start().run(until=10.0)
    assert not link.of(1 - sender, Connected)


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.parametrize("victim", [C, S])
def test_early_change_cipher_spec(victim: int, step: int) -> None:
    """CVE-2014-0224: anywhere but at its place it is dropped, and changes nothing."""
    link = Link(pair()).start()
    for i in range(20):
        link.inject(victim, plain_record(20, b"\1", number=i), at=0.01 * step)
    link.run(until=5.0)
    link.check_connected()


@pytest.mark.parametrize("content", [b"", b"\2", b"\1\1"])
def test_malformed_change_cipher_spec(content: bytes) -> None:
    def fate(_number: int, who: int, data: bytes) -> list[tuple[float, bytes]]:
        out = [plain_record(20, content) if r[0] == 20 and who == C else r for r in records(data)]
        return [(0.0, b"".join(out))]

    link = Link(pair(client=SHORT, server=SHORT), fate=fate).start().run(until=10.0)
    assert not link.of(S, Connected)


# -- forgeries during the handshake: CVE-2023-49786, -51443, -51275 ------------------------------------------


def _forged_hello(rng: random.Random, like: bytes) -> bytes:
    """A hello of somebody else, acceptable or not."""
    hello = parse_body(messages([like])[0])
    assert isinstance(hello, ClientHello)
    hello.random = rng.randbytes(32)
    match rng.randrange(4):
        case 0:
            hello.extensions = None
        case 1:
            hello.cipher_suites = [0x002F]
        case 2:
            hello.client_version = 0xFEFF
    return whole(HandshakeType.CLIENT_HELLO, rng.choice((0, 0, 0, 1)), hello.serialize())


def _forged_server_flight(rng: random.Random) -> bytes:
    name = rng.choice([n for n in captures() if any(who == "server" for who, _ in captures()[n])])
    return rng.choice([data for who, data in captures()[name] if who == "server"])


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("seed", range(scale(dev=4, ci=20, thorough=100)))
def test_hellos_alerts_and_nonsense_at_300_per_second(seed: int, cookie: bool) -> None:
    """From someone who can write both addresses but reads nothing: both connect, and nothing forged gets through."""
    rng = random.Random(seed)
    link = Link(pair(seed=seed, server=DtlsConfig(cookie=cookie)), delay=0.04).start()
    link.drain()
    hello = link.sent[0][2]
    for i in range(300):
        at = i / 300
        for victim in (C, S):
            data = rng.choice(
                (
                    lambda: _forged_hello(rng, hello),
                    lambda: _forged_server_flight(rng),
                    lambda: plain_record(21, rng.choice(ALERTS), number=rng.randrange(1 << 48)),
                    lambda: plain_record(21, rng.choice(ALERTS), number=rng.randrange(1 << 48) | 1 << 48),
                    lambda: plain_record(23, b"not yours", number=rng.choice((5, (1 << 48) + 5))),
                    lambda: plain_record(20, b"\1"),
                    lambda: rng.randbytes(rng.randrange(200)),
                    lambda: whole(HandshakeType.FINISHED, rng.randrange(8), bytes(12)),
                    lambda: whole(rng.randrange(256), rng.randrange(8), rng.randbytes(rng.randrange(80))),
                )
            )()
            link.inject(victim, data, at=at)
    link.run(until=20.0)
    link.check_connected()
    assert link.data(C) == [b"to the client"] and link.data(S) == [b"to the server"]


@pytest.mark.parametrize("victim", [C, S])
@pytest.mark.parametrize("at", [0.001, 0.021, 0.041, 0.061, 0.5])
def test_plaintext_alerts_end_nothing(victim: int, at: float) -> None:
    """RFC 6347 §4.1.2.7: who sends them proves nothing, during the handshake and least of all after."""
    link = Link(pair()).start()
    for alert in ALERTS:
        link.inject(victim, plain_record(21, alert), at=at)
    link.run(until=2.0)
    _no_harm(link)


def test_a_forged_flight_in_front_of_the_true_one() -> None:
    """The client reads a wrong flight 4 first, with an impossible choice, then the true one."""
    for name in captures():
        forged = [data for who, data in captures()[name] if who == "server"][:4]
        link = Link(pair()).start()
        for i, data in enumerate(forged):
            link.inject(C, data, at=0.03 + 0.001 * i)
        link.run(until=10.0)
        link.check_connected()


def test_a_forged_beginning_of_a_message_keeps_no_true_one_out() -> None:
    """The first fragment seen of a message lies about length or type."""
    for victim, seq in itertools.product((C, S), range(6)):
        link = Link(pair()).start()
        for kind, length in ((11, 60000), (2, 5000), (16, 7)):
            head = kind.to_bytes(1, "big") + length.to_bytes(3, "big") + seq.to_bytes(2, "big")
            fragment = head + (0).to_bytes(3, "big") + (4).to_bytes(3, "big") + b"evil"
            link.inject(victim, plain_record(22, fragment), at=0.001)
        link.run(until=10.0)
        link.check_connected()


def test_a_server_with_cookies_keeps_nothing_and_amplifies_nothing() -> None:
    server = make(Role.SERVER, config=DtlsConfig(cookie=True))
    server.start(now=0.0)
    rng = random.Random(1)
    (template,) = messages(first_hello("aiortc-werift"))
    for i in range(1000):
        hello = parse_body(template)
        assert isinstance(hello, ClientHello)
        hello.random, hello.cookie = rng.randbytes(32), rng.randbytes(rng.choice((0, 20, 32)))
        datagram = whole(HandshakeType.CLIENT_HELLO, rng.randrange(2), hello.serialize())
        server.receive(datagram, now=i / 300)
        out = list(server.take_packets())
        assert len(out) == 1 and out[0][13] == HandshakeType.HELLO_VERIFY_REQUEST
        assert len(out[0]) <= len(datagram)
    assert not server._handshake._offers  # type: ignore[union-attr]
    assert server.state is DtlsState.CONNECTING


def test_offers_are_bounded() -> None:
    server = make(Role.SERVER)
    server.start(now=0.0)
    rng = random.Random(1)
    for name in ("aiortc-chromium", "aiortc-werift"):
        (template,) = messages(first_hello(name))
        for _ in range(100):
            body = template.body[:2] + rng.randbytes(32) + template.body[34:]
            server.receive(whole(HandshakeType.CLIENT_HELLO, 0, body), now=0.0)
            assert 1 <= len(server._handshake._offers) <= MAX_OFFERS  # type: ignore[union-attr]


# -- fragments: CVE-2014-3506, CVE-2022-29189, CVE-2016-2179, CVE-2014-0221 -----------------------------------


@pytest.mark.parametrize("role", Role)
def test_fragment_flood_is_bounded_and_forgotten(role: Role) -> None:
    rng = random.Random(role.value)
    link = Link(pair()).start()
    victim = C if role is Role.CLIENT else S
    end = link.ends[victim]
    for i in range(3000):
        length = rng.randrange(1, 1 << 16)
        offset = rng.randrange(length)
        piece = rng.randbytes(min(length - offset, 1000))
        head = (
            rng.randrange(30).to_bytes(1, "big")
            + length.to_bytes(3, "big")
            + rng.randrange(7).to_bytes(2, "big")
        )
        fragment = head + offset.to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece
        end.receive(plain_record(22, fragment), now=i / 1e6)
        assert end._handshake._in_order.buffered <= MAX_BUFFERED
    link.now = 0.01
    link.run(until=20.0)
    link.check_connected()
    for one in link.ends:
        assert one._handshake._in_order.buffered == 0 and not one._early and not one._handshake._transcript


def test_thousands_of_messages_in_one_record() -> None:
    """Loops, no recursion: CVE-2014-0221."""
    for content in (
        bytes(12) * 1300,
        (b"\x0e" + bytes(11)) * 1300,
        b"".join(Message(14, seq % 65536, b"").transcript() for seq in range(1300)),
    ):
        link = Link(pair()).start()
        for victim in (C, S):
            link.inject(victim, plain_record(22, content), at=0.03)
        link.run(until=10.0)
        link.check_connected()


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [b"\x30"],
        [b"\x30\x82\xff\xff" + bytes(100)],
        [certificate("server").der[:-1]],
        [bytes(60000)],
        [certificate("server").der] * (MAX_CHAIN + 1),
    ],
    ids=["none", "stub", "lies", "cut", "large", "chain"],
)
@pytest.mark.parametrize("sender", [C, S])
def test_bad_certificates(sender: int, entries: list[bytes]) -> None:
    """Parsed by `cryptography` only; whatever is wrong with them, no connection and no exception."""
    body = CertificateMessage(certificates=[CertificateEntry(der=der) for der in entries]).serialize()

    def fate(_number: int, who: int, data: bytes) -> list[tuple[float, bytes]]:
        if who != sender:
            return [(0.0, data)]
        out = []
        for record in records(data):
            if record[0] == 22 and record[13] == HandshakeType.CERTIFICATE:
                seq = int.from_bytes(record[17:19], "big")
                for at in range(0, max(1, len(body)), 8000):
                    piece = Message(11, seq, body).fragment(at, min(8000, len(body) - at))
                    out.append(plain_record(22, piece))
            else:
                out.append(record)
        return [(0.0, b"".join(out))]

    link = Link(pair(client=SHORT, server=SHORT), fate=fate).start().run(until=10.0)
    assert link.ends[1 - sender].state is DtlsState.FAILED
    assert not link.of(C, Connected) and not link.of(S, Connected)


# -- after the handshake ----------------------------------------------------------------------------------------


def test_plaintext_after_the_handshake_is_dropped() -> None:
    for content_type in [*range(30), *range(30, 256, scale(dev=64, ci=8, thorough=1))]:
        link = _connected()
        before = [dict(end.dropped) for end in link.ends]
        for victim in (C, S):
            for content in (b"", b"\1", b"\2\0", bytes(100)):
                link.inject(victim, plain_record(content_type, content), at=link.now)
        link.run(until=link.now + 0.1)
        assert all(not link.data(i) for i in (C, S))
        assert [end.dropped.total() - sum(b.values()) for end, b in zip(link.ends, before, strict=True)] == [
            4,
            4,
        ]
        _no_harm(link)


@pytest.mark.parametrize("later", [0.0, 0.5, 100.0])
def test_every_datagram_of_a_session_sent_again(later: float) -> None:
    """Nothing is delivered twice, nothing breaks."""
    link = Link(pair()).start().run(until=1.0)
    for i in range(100):
        link.ends[i % 2].send(i.to_bytes(2, "big"), now=link.now)
    link.run(until=2.0)
    old = list(link.sent)
    at = link.now + later
    for _, sender, data in old:
        link.inject(1 - sender, data, at=at)
        link.inject(sender, data, at=at)  # reflected as well
    link.run(until=at + 1.0)
    for i in (C, S):
        assert link.data(i) == [k.to_bytes(2, "big") for k in range(100) if k % 2 == 1 - i]
    _no_harm(link)


def test_forged_records_do_not_move_the_replay_window() -> None:
    """CVE-2016-2181, end to end."""
    link = _connected()
    link.ends[C].send(b"true", now=link.now)
    (true,) = link.ends[C].take_packets()
    for number in (1 << 48 | (1 << 48) - 1, 1 << 48 | 1000, 2 << 48 | 1, 65535 << 48):
        link.ends[S].receive(true[:3] + number.to_bytes(8, "big") + true[11:], now=link.now)
    assert not link.ends[S].take_events()
    link.ends[S].receive(true, now=link.now)
    assert list(link.ends[S].take_events()) == [ApplicationData(b"true")]


@pytest.mark.parametrize("who", [C, S])
def test_no_renegotiation(who: int) -> None:
    """An authentic HelloRequest or ClientHello gets a warning, not a handshake. CVE-2009-3555."""
    link = _connected()
    asked = HandshakeType.HELLO_REQUEST if who == C else HandshakeType.CLIENT_HELLO
    for kind in HandshakeType:
        if kind == HandshakeType.FINISHED:
            continue
        body = messages([link.sent[0][2]])[0].body if kind == HandshakeType.CLIENT_HELLO else b""
        record = _protected(link.ends[1 - who], ContentType.HANDSHAKE, Message(kind, 0, body).transcript())
        link.ends[who].receive(record, now=link.now)
        answers = list(link.ends[who].take_packets())
        assert [a[0] for a in answers] == ([21] if kind is asked else [])
        for answer in answers:
            link.ends[1 - who].receive(answer, now=link.now)
            assert link.ends[1 - who].dropped["warning alert (RFC 5246 §7.2.2)"] == 1
    _no_harm(link)


def test_authentic_alerts() -> None:
    for description in AlertDescription:
        for level in AlertLevel:
            link = _connected()
            alert = Alert(level=level, description=description).serialize()
            link.ends[S].receive(_protected(link.ends[C], ContentType.ALERT, alert), now=link.now)
            ends = description == AlertDescription.CLOSE_NOTIFY or level == AlertLevel.FATAL
            assert (link.ends[S].state is not DtlsState.CONNECTED) == ends
    for content in (b"", b"\2", b"\2\0\0", b"\2\0" * 2):
        link = _connected()
        link.ends[S].receive(_protected(link.ends[C], ContentType.ALERT, content), now=link.now)
        assert link.ends[S].dropped["malformed alert (RFC 5246 §7.2)"] == 1
        _no_harm(link)


def test_protected_records_of_other_types() -> None:
    link = _connected()
    for content_type in (20, 0, 24, 255):
        record = link.ends[C]._writer.protect(content_type, b"\1")
        link.ends[S].receive(record, now=link.now)
    assert link.ends[S].dropped["protected record of an unexpected type (RFC 5246 §6.2.1)"] == 4
    _no_harm(link)


def test_a_lost_last_flight_is_repeated_for_ever() -> None:
    """RFC 6347 §4.2.4: the server answers the client's repeated Finished, however late."""
    blocked = [True]

    def fate(_number: int, who: int, data: bytes) -> list[tuple[float, bytes]]:
        return [] if who == S and blocked[0] and data[0] == 20 else [(0.0, data)]

    link = Link(pair(), fate=fate).start().run(until=100.0)
    assert list(link.connected_at) == [S]
    blocked[0] = False
    link.run(until=110.0)
    link.check_connected()


# -- failed and closed leave nothing: CVE-2022-39368 ----------------------------------------------------------------


def test_a_failed_handshake_leaves_no_state() -> None:
    link = Link(pair(client=SHORT, server=SHORT), fate=_rewrite(S, (0, 1, 2, 4), 5)).start().run(until=10.0)
    for end in link.ends:
        assert end.state is DtlsState.FAILED and end.next_timeout() is None
        assert not end._sessions and not end._early and not end._held
        assert end._handshake.keys is None and not end._handshake._transcript
        for _, _, data in link.sent:
            end.receive(data, now=link.now)
        assert not end.take_packets() and not end.take_events()


# -- mutation -----------------------------------------------------------------------------------------------------------


def _mutate(rng: random.Random, corpus: list[bytes]) -> bytes:
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((0, 1, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + rng.randrange(8)] = b""
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(8))
            case 3:
                data += rng.choice(corpus)[: rng.randrange(200)]
            case _ if at < len(data):
                data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    return bytes(data)


def _corpus() -> list[bytes]:
    """Of other sessions: under the seed of the one attacked, its own Finished would be among them."""
    own = [
        data
        for _, _, data in Link(
            pair(seed="another", client=DtlsConfig(mtu=300), server=DtlsConfig(cookie=True))
        )
        .start()
        .run(until=1.0)
        .sent
    ]
    return own + [data for lines in captures().values() for _, data in lines]


@pytest.mark.parametrize("seed", range(4))
def test_mutated_datagrams_during_and_after_the_handshake(seed: int) -> None:
    """No exception leaves `receive`; the handshake still connects, and stays connected."""
    rng, corpus = random.Random(seed), _corpus()
    link = Link(pair(seed=seed, server=DtlsConfig(cookie=seed % 2 == 1)), delay=0.02).start()
    count = scale(dev=800, ci=5000, thorough=50_000)
    for i in range(count):
        link.inject(i % 2, _mutate(rng, corpus), at=2.0 * i / count)
    link.run(until=30.0)
    link.check_connected()
    corpus += [data for _, _, data in link.sent]
    for i in range(count):
        link.ends[i % 2].receive(_mutate(rng, corpus), now=link.now)
    link.run(until=link.now + 1.0)
    link.fate = deliver
    _no_harm(link)


def test_a_stranger_alone_never_connects() -> None:
    """Real flights of other sessions, shuffled, against a lone end: no keys, no exception, and an end at last."""
    for role in Role:
        rng = random.Random(role.value)
        end = DtlsConnection(
            role=role,
            certificate=certificate(role.value),
            entropy=SeededEntropy(1),
            wall_clock=FixedClock(),
            config=DtlsConfig(handshake_timeout=30.0),
        )
        end.start(now=0.0)
        corpus, now = _corpus(), 0.0
        events = []
        while now < 31.0:
            now += 0.02
            end.receive(_mutate(rng, corpus), now=now)
            end.handle_timeout(now=now)
            events += list(end.take_events())
        assert [type(e) for e in events] == [Failed]

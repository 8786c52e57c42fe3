"""The hellos of real peers, byte for byte, into our server: each gets a correct DTLS 1.2 answer."""

from __future__ import annotations

import pytest
from cryptography import x509

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.dtls import DtlsConnection, DtlsState, NamedGroup, Role, SrtpProfile
from rtcpy.dtls.extensions import ExtensionType, SupportedGroups, UseSrtp, by_type
from rtcpy.dtls.messages import (
    EMPTY_RENEGOTIATION_INFO_SCSV,
    CertificateMessage,
    ClientHello,
    HandshakeType,
    ServerHello,
    ServerKeyExchange,
    parse_body,
)
from rtcpy.dtls.signatures import verify
from tests.dtls.link import certificate
from tests.dtls.wire import captures, first_hello, fragments, messages

# aiortc is the client of the captures named X-aiortc.
NAMES = sorted(captures())
CHROMIUM, FIREFOX = "aiortc-chromium", "aiortc-firefox"
ECDSA_ONLY = [name for name in NAMES if name.endswith("-aiortc")]


def _server(kind: str = "ecdsa") -> DtlsConnection:
    server = DtlsConnection(
        role=Role.SERVER,
        certificate=certificate("server", kind),
        entropy=SeededEntropy("browsers"),
        wall_clock=FixedClock(),
    )
    server.start(now=0.0)
    return server


def _check_answer(name: str, datagrams: list[bytes], kind: str) -> ServerHello:
    (hello_message,) = messages(first_hello(name))
    hello = parse_body(hello_message)
    assert isinstance(hello, ClientHello)
    answer = messages(datagrams)
    assert [m.type for m in answer] == [2, 11, 12, 13, 14]
    assert [m.message_seq for m in answer] == [0, 1, 2, 3, 4]
    server_hello, cert, exchange = (parse_body(m) for m in answer[:3])
    assert isinstance(server_hello, ServerHello)
    assert server_hello.server_version == 0xFEFD and server_hello.cipher_suite in hello.cipher_suites
    assert server_hello.random[-8:-1] != b"DOWNGRD", "1.2 is all we have: RFC 8446 §4.1.3"
    theirs, ours = by_type(hello.extensions), by_type(server_hello.extensions)
    asked = set(theirs)
    if EMPTY_RENEGOTIATION_INFO_SCSV in hello.cipher_suites:
        asked.add(ExtensionType.RENEGOTIATION_INFO)  # RFC 5746 §3.6
    assert set(ours) <= asked, "nothing that was not asked for: RFC 5246 §7.4.1.4"
    assert {ExtensionType.EXTENDED_MASTER_SECRET, ExtensionType.RENEGOTIATION_INFO} <= set(ours)
    wanted, chosen = theirs.get(ExtensionType.USE_SRTP), ours.get(ExtensionType.USE_SRTP)
    assert isinstance(wanted, UseSrtp) and isinstance(chosen, UseSrtp)
    assert len(chosen.profiles) == 1 and chosen.profiles[0] in wanted.profiles
    assert isinstance(cert, CertificateMessage) and isinstance(exchange, ServerKeyExchange)
    groups = theirs[ExtensionType.SUPPORTED_GROUPS]
    assert isinstance(groups, SupportedGroups) and exchange.group in groups.groups
    key = x509.load_der_x509_certificate(cert.certificates[0].der).public_key()
    signed = (hello.random, server_hello.random, exchange.signed_part())
    verify(key, exchange.scheme, exchange.signature, signed)  # type: ignore[arg-type]
    return server_hello


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("name", NAMES)
def test_answer_to_a_real_hello(name: str, kind: str) -> None:
    server = _server(kind)
    for datagram in first_hello(name):
        assert not server.take_packets(), "no answer to half a hello"
        server.receive(datagram, now=0.0)
    datagrams = list(server.take_packets())
    if kind == "rsa" and name in ECDSA_ONLY:
        assert not datagrams and server.dropped.total() == 1  # it offers ECDSA suites only
    else:
        _check_answer(name, datagrams, kind)
    assert server.state is DtlsState.CONNECTING


def test_the_captures_are_what_they_are_for() -> None:
    def hello(name: str) -> ClientHello:
        parsed = parse_body(messages(first_hello(name))[0])
        assert isinstance(parsed, ClientHello)
        return parsed

    assert [len(d) for d in first_hello(CHROMIUM)] == [1200, 263]
    assert messages(first_hello(CHROMIUM))[0].type == HandshakeType.CLIENT_HELLO
    assert fragments(first_hello(CHROMIUM)[0])[0].length == 1413
    assert fragments(first_hello(FIREFOX)[0])[0].length == 1461
    for name in (CHROMIUM, FIREFOX):
        found = by_type(hello(name).extensions)
        groups = found[ExtensionType.SUPPORTED_GROUPS]
        assert isinstance(groups, SupportedGroups) and 0x11EC in groups.groups, "ML-KEM"
        assert ExtensionType.SUPPORTED_VERSIONS in found and ExtensionType.KEY_SHARE in found
    groups = by_type(hello("aiortc-node-datachannel").extensions)[ExtensionType.SUPPORTED_GROUPS]
    assert isinstance(groups, SupportedGroups) and groups.groups == [NamedGroup.SECP256R1]
    assert len(messages(first_hello("aiortc-werift"))[0].body) == 86
    assert len(hello("aiortc-werift").cipher_suites) == 2
    assert len(first_hello("aiortc-webrtcbin")) == 2


def test_chromium_is_given_a_profile_it_offers() -> None:
    server = _server()
    for datagram in first_hello(CHROMIUM):
        server.receive(datagram, now=0.0)
    chosen = by_type(_check_answer(CHROMIUM, list(server.take_packets()), "ecdsa").extensions)
    assert chosen[ExtensionType.USE_SRTP] == UseSrtp(profiles=[SrtpProfile.AEAD_AES_128_GCM])


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3), (1, 0, 3, 2), (0, 2, 1, 3), (1, 3, 0, 2), (0, 0, 1, 1), (0, 3)]
)
def test_chromiums_doubled_hello(order: tuple[int, ...]) -> None:
    """Two datagrams, and the same again 50 ms later, in any order: one answer, repeated for the repetition."""
    lines = [data for who, data in captures()[CHROMIUM] if who == "client"][:4]
    assert [len(d) for d in lines] == [1200, 263, 1200, 263]
    server = _server()
    answers: list[list[bytes]] = []
    for i, k in enumerate(order):
        server.receive(lines[k], now=0.05 * (i // 2))
        if packets := list(server.take_packets()):
            answers.append(packets)
    assert 1 <= len(answers) <= 2
    for answer in answers:
        _check_answer(CHROMIUM, answer, "ecdsa")
    first = messages(answers[0])
    assert all(messages(answer) == first for answer in answers)
    assert server.next_timeout() is not None


def test_a_repeated_hello_is_not_answered_at_any_rate() -> None:
    server = _server()
    hello = first_hello("aiortc-werift")[0]
    sent = 0
    for i in range(1000):
        server.receive(hello, now=i / 1000)
        sent += len(server.take_packets())
    assert sent <= 51, "at most one answer per 20 ms"

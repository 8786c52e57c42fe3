"""Each rule that a hello or a server's flight must keep: broken one at a time, refused with its own alert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.dtls import AlertDescription, Connected, DtlsConfig, DtlsConnection, DtlsState, Failed, Role
from rtcpy.dtls.extensions import (
    ClientExtension,
    EcPointFormats,
    ExtendedMasterSecret,
    ExtensionType,
    OfferedVersions,
    RenegotiationInfo,
    ServerExtension,
    SignatureAlgorithms,
    SupportedGroups,
    UseSrtp,
)
from rtcpy.dtls.messages import (
    EMPTY_RENEGOTIATION_INFO_SCSV,
    CertificateType,
    HandshakeType,
    Message,
    parse_body,
)
from rtcpy.dtls.record12 import ContentType
from rtcpy.dtls.retransmission import BLACKHOLE_MTU, Retransmission
from rtcpy.dtls.waiting import MAX_BYTES, WaitingRoom
from tests.dtls.link import CLIENT as C
from tests.dtls.link import SERVER as S
from tests.dtls.link import Fate, Link, certificate, pair
from tests.dtls.wire import first_hello, messages, plain_record, records, whole

A = AlertDescription
SHORT = DtlsConfig(refusal_timeout=1.0, handshake_timeout=20.0)


def _change(kind: HandshakeType, change: Callable[[Any], None]) -> Fate:
    """Let `change` edit each message of that kind on its way."""

    def fate(_number: int, _who: int, data: bytes) -> list[tuple[float, bytes]]:
        out = []
        for record in records(data):
            if record[0] == ContentType.HANDSHAKE and record[3:5] == b"\0\0" and record[13] == kind:
                (message,) = messages([record])
                body = parse_body(message)
                change(body)
                content = Message(message.type, message.message_seq, body.serialize()).transcript()
                record = plain_record(22, content, number=int.from_bytes(record[3:11], "big"))
            out.append(record)
        return [(0.0, b"".join(out))]

    return fate


def _without(kind: ExtensionType) -> Callable[[Any], None]:
    def change(hello: Any) -> None:
        hello.extensions = [e for e in hello.extensions if e.type != kind]

    return change


def _with(kind: int, body: Any, *, server: bool) -> Callable[[Any], None]:
    def change(hello: Any) -> None:
        _without(kind)(hello)  # type: ignore[arg-type]
        hello.extensions.append((ServerExtension if server else ClientExtension)(type=kind, body=body))

    return change


def _set(name: str, value: object) -> Callable[[Any], None]:
    return lambda body: setattr(body, name, value)


def _twice(hello: Any) -> None:
    hello.extensions.append(hello.extensions[0])


E = ExtensionType
HELLOS = {
    "no extended_master_secret": (_without(E.EXTENDED_MASTER_SECRET), A.HANDSHAKE_FAILURE),
    "no renegotiation_info": (_without(E.RENEGOTIATION_INFO), A.HANDSHAKE_FAILURE),
    "a renegotiation": (
        _with(E.RENEGOTIATION_INFO, RenegotiationInfo(renegotiated_connection=b"x"), server=False),
        A.HANDSHAKE_FAILURE,
    ),
    "no signature_algorithms": (_without(E.SIGNATURE_ALGORITHMS), A.HANDSHAKE_FAILURE),
    "SHA-1 signatures": (
        _with(E.SIGNATURE_ALGORITHMS, SignatureAlgorithms(schemes=[0x0203]), server=False),
        A.HANDSHAKE_FAILURE,
    ),
    "no group in common": (
        _with(E.SUPPORTED_GROUPS, SupportedGroups(groups=[24, 0x11EC]), server=False),
        A.HANDSHAKE_FAILURE,
    ),
    "no suite in common": (_set("cipher_suites", [0x1301, 0xC013]), A.HANDSHAKE_FAILURE),
    "DTLS 1.0": (_set("client_version", 0xFEFF), A.PROTOCOL_VERSION),
    "DTLS 1.3 alone": (
        _with(E.SUPPORTED_VERSIONS, OfferedVersions(versions=[0xFEFC]), server=False),
        A.PROTOCOL_VERSION,
    ),
    "compression": (_set("compression_methods", [1]), A.ILLEGAL_PARAMETER),
    "a long session id": (_set("session_id", bytes(33)), A.ILLEGAL_PARAMETER),
    "compressed points": (
        _with(E.EC_POINT_FORMATS, EcPointFormats(formats=[1]), server=False),
        A.ILLEGAL_PARAMETER,
    ),
    "an extension twice": (_twice, A.ILLEGAL_PARAMETER),
    "no extensions": (_set("extensions", None), A.HANDSHAKE_FAILURE),
}


@pytest.mark.parametrize(("change", "alert"), HELLOS.values(), ids=HELLOS)
def test_hellos_that_the_server_refuses(change: Callable[[Any], None], alert: AlertDescription) -> None:
    """It says why after a second, and goes on waiting: a better hello is answered still."""
    link = Link(pair(server=SHORT), fate=_change(HandshakeType.CLIENT_HELLO, change)).start().run(until=1.5)
    answers = [data for _, who, data in link.sent if who == S]
    assert [(data[0], data[-2], data[-1]) for data in answers] == [(21, 2, alert)]
    assert link.ends[S].state is DtlsState.CONNECTING
    link.fate = lambda _n, _w, data: [(0.0, data)]
    link.run(until=10.0)
    link.check_connected()


def _server() -> DtlsConnection:
    server = DtlsConnection(
        role=Role.SERVER, certificate=certificate("server"), entropy=SeededEntropy(1), wall_clock=FixedClock()
    )
    server.start(now=0.0)
    return server


@pytest.mark.parametrize(
    "change",
    [
        _set("client_version", 0xFEFC),  # newer than we are: the server answers with its own
        _set("cipher_suites", [0x0A0A, EMPTY_RENEGOTIATION_INFO_SCSV, 0xC02B]),
        _set("compression_methods", [1, 0]),
        _set("session_id", bytes(32)),
        _without(E.SUPPORTED_GROUPS),  # then any group may be chosen: RFC 8422 §4
        _without(E.EC_POINT_FORMATS),
        _without(E.USE_SRTP),
        _with(E.USE_SRTP, UseSrtp(profiles=[1], mki=b"mki"), server=False),
        _with(0x1A1A, b"grease", server=False),
        _with(E.SERVER_NAME, b"", server=False),
    ],
)
def test_hellos_that_are_fine(change: Callable[[Any], None]) -> None:
    (message,) = messages(first_hello("aiortc-chromium"))
    hello = parse_body(message)
    change(hello)
    server = _server()
    server.receive(whole(HandshakeType.CLIENT_HELLO, 0, hello.serialize()), now=0.0)
    assert [m.type for m in messages(list(server.take_packets()))] == [2, 11, 12, 13, 14]


def _spoil(body: Any) -> None:
    body.signature = body.signature[:-1] + bytes([body.signature[-1] ^ 1])


FLIGHT = {
    "DTLS 1.0": (HandshakeType.SERVER_HELLO, _set("server_version", 0xFEFF), A.PROTOCOL_VERSION),
    "DTLS 1.3": (HandshakeType.SERVER_HELLO, _set("server_version", 0xFEFC), A.PROTOCOL_VERSION),
    "a suite not offered": (HandshakeType.SERVER_HELLO, _set("cipher_suite", 0xC00A), A.ILLEGAL_PARAMETER),
    "a suite for RSA": (HandshakeType.SERVER_HELLO, _set("cipher_suite", 0xC02F), A.UNSUPPORTED_CERTIFICATE),
    "compression": (HandshakeType.SERVER_HELLO, _set("compression_method", 1), A.ILLEGAL_PARAMETER),
    "a long session id": (HandshakeType.SERVER_HELLO, _set("session_id", bytes(33)), A.ILLEGAL_PARAMETER),
    "no extended_master_secret": (
        HandshakeType.SERVER_HELLO,
        _without(E.EXTENDED_MASTER_SECRET),
        A.HANDSHAKE_FAILURE,
    ),
    "no renegotiation_info": (
        HandshakeType.SERVER_HELLO,
        _without(E.RENEGOTIATION_INFO),
        A.HANDSHAKE_FAILURE,
    ),
    "a renegotiation": (
        HandshakeType.SERVER_HELLO,
        _with(E.RENEGOTIATION_INFO, RenegotiationInfo(renegotiated_connection=b"x"), server=True),
        A.HANDSHAKE_FAILURE,
    ),
    "an extension not offered": (
        HandshakeType.SERVER_HELLO,
        _with(16, b"\0\0", server=True),
        A.UNSUPPORTED_EXTENSION,
    ),
    "an extension twice": (HandshakeType.SERVER_HELLO, _twice, A.ILLEGAL_PARAMETER),
    "a profile not offered": (
        HandshakeType.SERVER_HELLO,
        _with(E.USE_SRTP, UseSrtp(profiles=[5]), server=True),
        A.ILLEGAL_PARAMETER,
    ),
    "two profiles": (
        HandshakeType.SERVER_HELLO,
        _with(E.USE_SRTP, UseSrtp(profiles=[1, 7]), server=True),
        A.ILLEGAL_PARAMETER,
    ),
    "an MKI": (
        HandshakeType.SERVER_HELLO,
        _with(E.USE_SRTP, UseSrtp(profiles=[1], mki=b"x"), server=True),
        A.ILLEGAL_PARAMETER,
    ),
    "compressed points": (
        HandshakeType.SERVER_HELLO,
        _with(E.EC_POINT_FORMATS, EcPointFormats(formats=[1]), server=True),
        A.ILLEGAL_PARAMETER,
    ),
    "another random": (HandshakeType.SERVER_HELLO, _set("random", bytes(32)), A.DECRYPT_ERROR),
    "a group not offered": (HandshakeType.SERVER_KEY_EXCHANGE, _set("group", 24), A.ILLEGAL_PARAMETER),
    "a scheme not offered": (HandshakeType.SERVER_KEY_EXCHANGE, _set("scheme", 0x0203), A.DECRYPT_ERROR),
    "a wrong signature": (HandshakeType.SERVER_KEY_EXCHANGE, _spoil, A.DECRYPT_ERROR),
    "another key": (HandshakeType.SERVER_KEY_EXCHANGE, _set("public", bytes(31) + b"\x09"), A.DECRYPT_ERROR),
    "no taste for our certificate": (
        HandshakeType.CERTIFICATE_REQUEST,
        _set("types", [CertificateType.RSA_SIGN]),
        A.HANDSHAKE_FAILURE,
    ),
    "no taste for our signatures": (
        HandshakeType.CERTIFICATE_REQUEST,
        _set("schemes", [0x0401]),
        A.HANDSHAKE_FAILURE,
    ),
}


@pytest.mark.parametrize(("kind", "change", "alert"), FLIGHT.values(), ids=FLIGHT)
def test_flights_that_the_client_refuses(
    kind: HandshakeType, change: Callable[[Any], None], alert: AlertDescription
) -> None:
    """It sends no flight 5, and after a second the alert. A true flight within that second mends all."""
    link = Link(pair(client=SHORT, server=SHORT), fate=_change(kind, change)).start().run(until=19.0)
    failed = link.events[C][-1]
    assert isinstance(failed, Failed) and failed.alert == alert, failed
    assert link.sent[-1][2][-2:] == bytes([2, alert]) or any(
        d[-2:] == bytes([2, alert]) for _, _, d in link.sent
    )
    assert not link.of(C, Connected) and not link.of(S, Connected)
    assert not any(len(messages([d])) == 3 for _, who, d in link.sent if who == C), "a flight 5 was sent"
    link = Link(pair(client=SHORT), fate=_change(kind, change)).start().run(until=0.1)
    link.fate = lambda _n, _w, data: [(0.0, data)]
    link.run(until=10.0)
    link.check_connected()


def test_the_extended_master_secret_extension_is_always_there() -> None:
    """RFC 7627 §5.1: offered in every hello, answered in every server hello."""
    link = Link(pair()).start().run(until=1.0)
    (hello,), server_flight = messages([link.sent[0][2]]), messages([link.sent[1][2]])
    for message in (hello, server_flight[0]):
        body: Any = parse_body(message)
        assert ExtendedMasterSecret() in [e.body for e in body.extensions]


# -- patience ------------------------------------------------------------------------------------------


def test_waiting_rooms() -> None:
    room = WaitingRoom(3)
    assert room.keep_newest(b"a") == [] and room.keep_newest(b"b") == [] and room.keep_newest(b"c") == []
    assert room.keep_newest(b"d") == [b"a"]
    assert not room.keep_if_room(b"e") and len(room) == 3
    assert room.take() == [b"b", b"c", b"d"] and len(room) == 0
    assert not room.keep_if_room(bytes(MAX_BYTES)) and room.keep_if_room(bytes(MAX_BYTES - 64))
    assert not room.keep_if_room(b"")
    assert room.keep_newest(b"x") == [bytes(MAX_BYTES - 64)]
    assert room.keep_newest(bytes(MAX_BYTES)) == [b"x", bytes(MAX_BYTES)] and room.take() == []


def test_retransmission_values() -> None:
    pace = Retransmission(DtlsConfig(initial_timeout=0.1, maximum_timeout=0.3))
    assert not pace.has_sent and pace.may_repeat(0.0)
    assert pace.sent(1.0) == pytest.approx(1.1) and pace.has_sent
    assert not pace.may_repeat(1.019) and pace.may_repeat(1.02)
    assert [(pace.back_off(), pace.sent(2.0))[1] for _ in range(3)] == pytest.approx([2.2, 2.3, 2.3])
    assert pace.mtu == BLACKHOLE_MTU and pace.is_doubted and pace.total == 5
    pace.begin()
    assert pace.mtu == 1200 and not pace.is_doubted and pace.sent(3.0) == pytest.approx(3.1)

"""Handshake messages: declared formats against real bytes, hostile bytes and truncation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.dtls.alerts import DtlsDecodeError, DtlsRuleError
from rtcpy.dtls.extensions import ClientExtension, ExtendedMasterSecret, UseSrtp, by_type
from rtcpy.dtls.messages import (
    BODIES,
    ClientHello,
    HandshakeFragment,
    HandshakeType,
    Message,
    parse_body,
)
from rtcpy.dtls.record12 import Record
from rtcpy.wire import explain
from tests.dtls.wire import captures, messages, records


def _real_messages() -> list[tuple[str, Message]]:
    out = []
    for name, lines in captures().items():
        for who in ("client", "server"):
            out += [(name, m) for m in messages([data for sender, data in lines if sender == who])]
    return out


REAL = _real_messages()


def test_real_handshakes_hold_every_message() -> None:
    kinds = {m.type for _, m in REAL}
    assert kinds >= set(HandshakeType) - {HandshakeType.HELLO_REQUEST, HandshakeType.FINISHED}
    assert len(REAL) > 100


@pytest.mark.parametrize(
    ("name", "message"), REAL, ids=[f"{n}-{m.type}-{i}" for i, (n, m) in enumerate(REAL)]
)
def test_real_messages_parse_and_serialize_to_the_same_bytes(name: str, message: Message) -> None:
    if message.type == HandshakeType.SERVER_HELLO and name in ("chromium-chromium-no-pqc",):
        return  # DTLS 1.3
    body = parse_body(message)
    assert body.serialize() == message.body
    spans = explain(type(body), message.body)
    assert sum(span.width for span in spans) == 8 * len(message.body)
    for cut in range(len(message.body)):
        try:
            shorter = parse_body(Message(message.type, 0, message.body[:cut]))
        except DtlsDecodeError:
            continue
        # Hellos may end before their extensions: RFC 5246 §7.4.1.2
        assert message.type in (HandshakeType.CLIENT_HELLO, HandshakeType.SERVER_HELLO)
        assert shorter.extensions is None  # type: ignore[attr-defined]


def test_real_records_parse() -> None:
    for lines in captures().values():
        for _, datagram in lines:
            for record in records(datagram):
                assert Record.parse(record).serialize() == record


@given(st.sampled_from(sorted(BODIES)), st.binary(max_size=120))
def test_arbitrary_bytes_give_a_value_or_the_one_error(kind: int, data: bytes) -> None:
    try:
        body = parse_body(Message(kind, 0, data))
    except DtlsDecodeError:
        return
    assert body.serialize() == data


@given(st.sampled_from(REAL), st.data())
def test_damaged_messages_give_a_value_or_the_one_error(
    real: tuple[str, Message], data: st.DataObject
) -> None:
    body = bytearray(real[1].body)
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = parse_body(Message(real[1].type, 0, bytes(body)))
    except DtlsDecodeError:
        return
    assert parsed.serialize() == bytes(body)


def test_unknown_message_type() -> None:
    with pytest.raises(DtlsDecodeError):
        parse_body(Message(99, 0, b""))


@given(
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.binary(max_size=100),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_hand_made_fragments_equal_the_declaration(kind: int, seq: int, body: bytes, a: int, b: int) -> None:
    begin, end = sorted((min(a, len(body)), min(b, len(body))))
    made = Message(kind, seq, body).fragment(begin, end - begin)
    read = HandshakeFragment.parse(made)
    assert (read.type, read.length, read.message_seq) == (kind, len(body), seq)
    assert (read.fragment_offset, read.fragment) == (begin, body[begin:end])
    assert read.serialize() == made


def test_extensions_may_not_repeat() -> None:
    twice = [ClientExtension(type=23, body=ExtendedMasterSecret())] * 2
    with pytest.raises(DtlsRuleError):
        by_type(twice)
    assert by_type(None) == {}


def test_unknown_extensions_and_grease_survive() -> None:
    hello = ClientHello(
        client_version=0xFEFD,
        random=bytes(32),
        cipher_suites=[0x0A0A, 0xC02B],
        compression_methods=[0],
        extensions=[
            ClientExtension(type=0x1A1A, body=b"\0"),
            ClientExtension(type=14, body=UseSrtp(profiles=[0x9999, 1])),
        ],
    )
    assert ClientHello.parse(hello.serialize()) == hello

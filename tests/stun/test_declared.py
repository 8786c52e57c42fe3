"""The declaration and the fast parser are the same format; the explanation tells every bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.stun import Message, MessageClass, Method, StunError, parse_message
from rtcpy.stun.attributes import REGISTRY
from rtcpy.stun.declared import MEANINGS, DeclaredMessage, explain_message, title
from rtcpy.stun.message import split_message_type
from rtcpy.testing.wire_laws import check_wire
from tests.stun import strategies as s

DATA = Path(__file__).parent.parent / "data" / "stun"
CAPTURED = [
    bytes.fromhex(entry["message"])
    for entry in json.loads((DATA / "captured.json").read_text(encoding="utf-8"))["messages"]
]


def test_the_declaration_obeys_the_laws() -> None:
    check_wire(DeclaredMessage)


@given(s.messages, st.booleans())
def test_what_the_fast_parser_accepts_the_declaration_accepts(message: Message, sha256: bool) -> None:
    data = message.serialize(b"key", sha256=sha256)
    declared = DeclaredMessage.parse(data)
    assert declared.transaction_id == message.transaction_id
    method = declared.method_high << 7 | declared.method_middle << 4 | declared.method_low
    message_class = MessageClass(declared.class_high << 1 | declared.class_low)
    assert split_message_type(data[0] << 8 | data[1]) == (method, message_class)
    assert (method, message_class) == (message.method, message.message_class)
    found = [(one.type, one.value) for one in declared.attributes]
    expected = [(kind.code, kind.encode(value, message.transaction_id)) for kind, value in message.attributes]
    assert found[:-2] == expected
    assert [code for code, _ in found[-2:]] == [0x001C if sha256 else 0x0008, 0x8028]
    assert declared.serialize() == data


@given(st.sampled_from(CAPTURED), st.data())
def test_what_the_declaration_refuses_the_fast_parser_refuses(data: bytes, draws: st.DataObject) -> None:
    """Near misses: real messages with a byte changed, cut or added."""
    at = draws.draw(st.integers(0, len(data) - 1))
    size = draws.draw(st.integers(0, 2))
    changed = data[:at] + draws.draw(st.binary(min_size=size, max_size=size)) + data[at + 1 :]
    try:
        DeclaredMessage.parse(changed)
    except StunError:
        with pytest.raises(StunError):
            parse_message(changed)


@given(s.messages)
def test_every_bit_is_explained_once(message: Message) -> None:
    data = message.serialize(b"key")
    spans = explain_message(data)
    position = 0
    for span in spans:
        assert span.first_bit == position
        position += span.width
    assert position == 8 * len(data)
    assert (
        "".join(f"{span.raw:0{span.width}b}" for span in spans)
        == f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
    )


@given(s.messages)
def test_explained_values_are_the_parsed_ones(message: Message) -> None:
    spans = explain_message(message.serialize())
    values = [span.value for span in spans if span.name.endswith("].value")]
    expected = [
        value
        for kind, value in message.attributes
        if kind.encode(value, message.transaction_id)  # an empty value has no bits to explain
    ]
    assert values[:-1] == expected


def test_an_explanation_in_words() -> None:
    data = bytes.fromhex(  # RFC 5769 §2.2 up to its HMAC
        "0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643"
    )
    assert title(data) == "Binding success response"
    spans = {span.name: span for span in explain_message(data)}
    assert spans["attributes[0].type"].value == "XOR-MAPPED-ADDRESS"
    assert spans["attributes[0].value"].value == Address("192.0.2.1", 32853)
    assert spans["attributes[0].value"].rfc == "RFC 8489 §14.2"


def test_what_is_malformed_is_said() -> None:
    data = Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(fingerprint=False)
    data = data[:2] + b"\0\x08" + data[4:] + bytes.fromhex("0024 0003 61626300")
    span = next(span for span in explain_message(data) if span.name == "attributes[0].value")
    assert span.doc == "malformed: PRIORITY has 3 bytes, expected 4"
    assert span.value == b"abc"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (0x0001, "Binding request"),
        (0x0113, "Allocate error response"),
        (0x3EEF, "method 0xFFF request"),
        (0x0018, "Create permission indication"),
    ],
)
def test_titles(kind: int, words: str) -> None:
    assert title(kind.to_bytes(2, "big") + bytes(18)).lower() == words.lower()


def test_unknown_types_say_what_follows_from_them() -> None:
    data = Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(fingerprint=False)
    data = data[:2] + b"\0\x10" + data[4:] + bytes.fromhex("0003 0001 61000000 c057 0001 61000000")
    spans = explain_message(data)
    assert [span.value for span in spans if span.name.endswith(".type")] == ["0x0003", "0xC057"]
    assert [span.doc for span in spans if span.name.endswith(".value")] == [
        "unknown: the request must be refused",
        "unknown, may be ignored",
    ]


def test_every_known_type_has_a_meaning() -> None:
    assert set(MEANINGS) == set(REGISTRY) | {0x0008, 0x001C, 0x8028}

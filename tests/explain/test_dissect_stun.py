"""STUN: names, values, what is behind an XOR, and whether what was signed matches."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given

from rtcpy.core.machine import Address
from rtcpy.explain import Dissector, explain
from rtcpy.stun import (
    ERROR_CODE,
    SOFTWARE,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    Message,
    MessageClass,
    Method,
    StunError,
    parse_message,
)
from rtcpy.stun.attributes import DATA, EVEN_PORT, REGISTRY
from rtcpy.stun.declared import MEANINGS
from rtcpy.stun.declared_values import SEEN_NAMES, VALUE_FORMATS, ErrorCodeValue, PriorityValue
from rtcpy.testing import wire_values
from rtcpy.wire import Wire
from tests.explain.coverage import DATA as STORED
from tests.explain.sessions import trace
from tests.stun import strategies as s

TID = bytes(range(12))
KEY = b"secret"


def request(*attributes: object, key: bytes | None = KEY) -> bytes:
    return Message(Method.BINDING, MessageClass.REQUEST, TID, list(attributes)).serialize(key)  # type: ignore[arg-type]


def test_the_type_is_shown_bit_by_bit() -> None:
    data = Message(Method.CREATE_PERMISSION, MessageClass.ERROR_RESPONSE, TID).serialize()
    explanation = explain(data)
    kind = explanation.find("message type")
    assert kind.text == "CreatePermission error response"
    assert [(leaf.name, leaf.first_bit, leaf.width) for leaf in kind.children] == [
        ("zero", 0, 2),
        ("method_high", 2, 5),
        ("class_high", 7, 1),
        ("method_middle", 8, 3),
        ("class_low", 11, 1),
        ("method_low", 12, 4),
    ]
    assert [explanation.bits_of(leaf) for leaf in kind.children] == [0, 0, 1, 0, 1, 8]
    assert explain(b"\x02\x00" + data[2:]).find("message type").text == "GOOG-PING request"
    assert explain(b"\x01\x23" + data[2:]).find("message type").text == "method 0x013 success response"


@pytest.mark.parametrize("address", [Address("203.0.113.7", 40000), Address("2001:db8::1", 1)])
def test_an_xored_address_shows_the_xor(address: Address) -> None:
    data = Message(
        Method.BINDING, MessageClass.SUCCESS_RESPONSE, TID, [XOR_MAPPED_ADDRESS(address)]
    ).serialize()
    explanation = explain(data)
    node = explanation.find("XOR-MAPPED-ADDRESS")
    assert (node.value, node.text) == (address, str(address))
    port, host = node.find("port"), node.find("address")
    assert port.value == address.port and "xor 2112 = " in port.text
    masked = explanation.bytes_of(host).hex()
    assert host.text.startswith(f"{masked} xor 2112a442") and host.text.endswith(f" = {address.host}")
    assert explanation.title.startswith(f"Binding success response: you are {address}, ")


def test_signatures_are_checked_where_a_password_is_known() -> None:
    data = request(USERNAME("them:us"))
    assert explain(data).find("MESSAGE-INTEGRITY").text == "not checked: no password is known"
    assert explain(data, passwords=["other", "secret"]).find("MESSAGE-INTEGRITY").text == (
        "matches the password 'secret'"
    )
    assert explain(data, passwords=[KEY]).find("MESSAGE-INTEGRITY").text == "matches the key 73656372…"
    wrong = explain(data, passwords=["other"])
    assert wrong.find("MESSAGE-INTEGRITY").problem == "does not match the password 'other'"
    sha256 = Message(Method.BINDING, MessageClass.REQUEST, TID).serialize(KEY, sha256=True, sha256_bytes=16)
    assert explain(sha256, passwords=["secret"]).find("MESSAGE-INTEGRITY-SHA256").text.startswith("matches")


def test_checks_of_a_trace_are_verified_with_the_passwords_of_its_descriptions() -> None:
    found = [node.text for one in explain(trace()) for node in one.find_all("MESSAGE-INTEGRITY")]
    assert len(found) > 6 and all(text.startswith("matches the password ") for text in found)


def test_the_fingerprint_is_always_checked() -> None:
    data = request()
    assert explain(data).find("FINGERPRINT").text == "matches"
    changed = data[:8] + b"\xff" + data[9:]
    node = explain(changed, passwords=["secret"]).find("FINGERPRINT")
    assert node.problem.startswith("does not match: the CRC over the bytes before it is ")
    assert len(explain(changed, passwords=["secret"]).problems) == 2


def test_what_follows_a_signature_is_told_to_be_ignored() -> None:
    signed = Message(Method.BINDING, MessageClass.REQUEST, TID).serialize(KEY, fingerprint=False)
    more = signed + bytes.fromhex("8022 0001 78000000")
    more = more[:2] + (len(more) - 20).to_bytes(2, "big") + more[4:]
    assert explain(more).find("SOFTWARE").problem.startswith("comes after MESSAGE-INTEGRITY")


def test_a_wrong_length_does_not_hide_the_attributes() -> None:
    data = request(USERNAME("them:us"), SOFTWARE("x"))
    cut = explain(data[:-2])
    assert cut.is_tiled and cut.find("USERNAME").value == "them:us" and cut.find("SOFTWARE").value == "x"
    assert "by length" in cut.root.problem and cut.unreadable == 2
    longer = explain(data + b"\0\0")
    assert longer.is_tiled and "2 bytes left over" in longer.root.problem and longer.unreadable == 2


def test_values_that_break_their_format_say_so() -> None:
    data = bytes.fromhex("0101000c 2112a442") + TID + bytes.fromhex("0020 0008 00 07 0000 00000000")
    assert "neither IPv4 nor IPv6" in explain(data).find("XOR-MAPPED-ADDRESS").problem
    data = bytes.fromhex("01110008 2112a442") + TID + bytes.fromhex("0009 0004 0000 0963")
    assert explain(data).find("ERROR-CODE").problem.startswith("ERROR-CODE has class 1")
    data = bytes.fromhex("01010008 2112a442") + TID + bytes.fromhex("0024 0003 00000000")
    node = explain(data).find("PRIORITY")
    assert "PRIORITY has 3 bytes" in node.problem


def test_errors_are_told_in_the_title_and_flags_have_no_value() -> None:
    data = Message(
        Method.BINDING, MessageClass.ERROR_RESPONSE, TID, [ERROR_CODE(ErrorCode(487, "Role Conflict"))]
    ).serialize()
    assert explain(data).title.startswith('Binding error response: 487 "Role Conflict", ')
    nominating = explain(request(USE_CANDIDATE(True)))
    assert nominating.title.startswith("Binding request, nominates this pair, ")
    assert [child.name for child in nominating.find("USE-CANDIDATE").children] == ["type", "length"]
    even = explain(request(EVEN_PORT(True)))
    assert even.find("EVEN-PORT").text == "yes" and even.find("reserve_next").value is True


def test_a_datagram_within_is_explained_in_its_place() -> None:
    inner = request(USERNAME("them:us"))
    outer = explain(Message(Method.DATA, MessageClass.INDICATION, TID, [DATA(inner)]).serialize())
    assert outer.is_tiled
    assert outer.find("DATA/USERNAME").value == "them:us"
    assert outer.find("DATA/STUN message").offset == 24
    deep = inner
    for _ in range(8):
        deep = Message(Method.DATA, MessageClass.INDICATION, TID, [DATA(deep)]).serialize()
    assert explain(deep).is_tiled and "too deep" in explain(deep).problems[0].problem


def test_attributes_of_browsers_have_names() -> None:
    """Every attribute that was seen on the wire is known by name."""
    messages = json.loads((STORED / "stun" / "captured.json").read_text(encoding="utf-8"))["messages"]
    names = set()
    for entry in messages:
        explanation = explain(bytes.fromhex(entry["message"]), passwords=[entry.get("password") or "?"])
        for node in explanation.find("attributes").children:
            names.add(node.name)
        if entry.get("password") and entry["what"] == "Binding request":
            assert explanation.find("MESSAGE-INTEGRITY").text.startswith("matches")
    assert "GOOG-NETWORK-INFO" in names and not any(name.startswith("attribute 0x") for name in names)


@given(s.messages)
def test_values_are_those_that_the_stack_reads(message: Message) -> None:
    data = message.serialize(KEY)
    explanation = Dissector(passwords=[KEY]).explain_layer("stun", data)
    attributes = [node for group in explanation.find_all("attributes") for node in group.children]
    shown = [node.value for node in attributes if node.name not in ("MESSAGE-INTEGRITY", "FINGERPRINT")]
    parsed = [value for _, value in parse_message(data).attributes]
    assert [value for value in shown if value is not None] == parsed
    assert not [node for node in attributes if node.name == "FINGERPRINT" and node.problem]


@pytest.mark.parametrize(
    "code", sorted(set(VALUE_FORMATS) & set(REGISTRY)), ids=lambda code: REGISTRY[code].name
)
def test_the_declared_formats_take_what_the_stack_writes(code: int) -> None:
    """For each attribute that the stack knows: what it takes, the declaration takes."""

    @given(wire_values(VALUE_FORMATS[code]))
    def law(value: Wire) -> None:
        data = value.serialize()
        with suppress(StunError):
            decoded = REGISTRY[code].decode(data, TID)
            if decoded is None:
                return
            again = VALUE_FORMATS[code].parse(REGISTRY[code].encode(decoded, TID))
            if isinstance(value, ErrorCodeValue):
                assert (value.hundreds, value.number) == (again.hundreds, again.number)  # type: ignore[attr-defined]

    law()
    assert code in MEANINGS


def test_the_parts_of_a_priority() -> None:
    assert PriorityValue.parse((126 << 24 | 65535 << 8 | 255).to_bytes(4, "big")).type_preference == 126


def test_no_name_is_given_twice() -> None:
    assert not set(SEEN_NAMES) & set(REGISTRY)

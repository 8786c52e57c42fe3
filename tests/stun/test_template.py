"""The short way to write and verify a repeated message, against the general one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import CryptoError
from rtcpy.core.machine import Address
from rtcpy.stun import (
    ICE_CONTROLLING,
    PRIORITY,
    SOFTWARE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Message,
    MessageClass,
    Method,
    SignedTemplate,
    StunError,
    parse_message,
)

IDS = st.binary(min_size=12, max_size=12)
KEYS = st.binary(max_size=100)
CLASSES = st.sampled_from(MessageClass)
ATTRIBUTES = st.lists(
    st.one_of(
        st.text("abc:+/", max_size=50).map(USERNAME),
        st.integers(0, 2**32 - 1).map(PRIORITY),
        st.integers(0, 2**64 - 1).map(ICE_CONTROLLING),
        st.text("xyz ", max_size=20).map(SOFTWARE),
        st.tuples(st.sampled_from(["10.0.0.1", "198.51.100.7"]), st.integers(0, 65535)).map(
            lambda where: XOR_MAPPED_ADDRESS(Address(*where))
        ),
    ),
    max_size=6,
)


def template_of(data: bytes) -> SignedTemplate:
    template = SignedTemplate.of(parse_message(data))
    assert template is not None
    return template


@given(CLASSES, ATTRIBUTES, IDS, IDS, KEYS, KEYS)
def test_it_writes_what_serialize_writes(
    message_class: MessageClass,
    attributes: list[object],
    first: bytes,
    second: bytes,
    key: bytes,
    other: bytes,
) -> None:
    def general(transaction_id: bytes, key: bytes) -> bytes:
        return Message(Method.BINDING, message_class, transaction_id, attributes).serialize(key)  # type: ignore[arg-type]

    template = template_of(general(first, key))
    assert template.write(second, other) == general(second, other)
    assert template.matches(general(second, other))
    assert template.is_authentic(general(second, other), other)


def is_authentic(data: bytes, key: bytes) -> bool:
    try:
        message = parse_message(data, require_fingerprint=True)
        message.verify_integrity(key)
    except (StunError, CryptoError):
        return False
    return True


@given(ATTRIBUTES, IDS, KEYS, st.data())
def test_what_matches_is_judged_as_the_general_way_judges(
    attributes: list[object], transaction_id: bytes, key: bytes, data: st.DataObject
) -> None:
    """Any few bytes changed, behind a sum made right again or not: recognized means: parses, and says the same."""
    message = Message(Method.BINDING, MessageClass.REQUEST, transaction_id, attributes)  # type: ignore[arg-type]
    wire = bytearray(message.serialize(key))
    template = template_of(bytes(wire))
    for _ in range(data.draw(st.integers(0, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(wire)
    if data.draw(st.booleans()):
        with suppress(StunError):
            changed = parse_message(changed[:-8]).serialize(key)
    if template.matches(changed):
        assert template.is_authentic(changed, key) == is_authentic(changed, key)
        if template.is_authentic(changed, key):
            assert (
                parse_message(changed).attributes == parse_message(bytes(message.serialize(key))).attributes
            )


@given(ATTRIBUTES, IDS, KEYS, st.integers(0), st.binary(max_size=40))
def test_another_length_never_matches(
    attributes: list[object], transaction_id: bytes, key: bytes, cut: int, more: bytes
) -> None:
    wire = Message(Method.BINDING, MessageClass.REQUEST, transaction_id, attributes).serialize(key)  # type: ignore[arg-type]
    template = template_of(wire)
    assert not template.matches(wire[: cut % len(wire)])
    assert template.matches(wire + more) is (not more)


@pytest.mark.parametrize(
    "made",
    [
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(),
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12), [PRIORITY(1)]).serialize(),
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12), [USERNAME("abcdefghijkl")]).serialize(),
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(b"key", fingerprint=False),
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(b"key", sha256=True),
        Message(Method.BINDING, MessageClass.REQUEST, bytes(12)).serialize(b"key", sha1=True, sha256=True),
    ],
)
def test_only_what_ends_in_both_sums_has_a_template(made: bytes) -> None:
    assert SignedTemplate.of(parse_message(made)) is None


def test_a_message_of_our_own_making_has_no_template_before_it_is_written() -> None:
    assert SignedTemplate.of(Message(Method.BINDING, MessageClass.REQUEST, bytes(12))) is None

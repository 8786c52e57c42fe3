"""The message: header, attribute loop, what counts and what does not, and hostile input."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import CryptoError, RtcRangeError
from rtcpy.core.machine import Address
from rtcpy.stun import (
    ERROR_CODE,
    ICE_CONTROLLING,
    PRIORITY,
    SOFTWARE,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Attribute,
    ErrorCode,
    ErrorNumber,
    Integrity,
    Message,
    MessageClass,
    Method,
    StunError,
    is_stun,
    new_transaction_id,
    parse_message,
)
from rtcpy.stun.attributes import (
    XOR_PEER_ADDRESS,
)
from rtcpy.stun.message import MAX_ATTRIBUTES, message_type, split_message_type
from rtcpy.stun.values import unknown_attribute
from tests.stun import strategies as s

TID = bytes(range(12))
KEY = b"VOkJxbRl1RmTxUk/WvJxBt"


def request(*attributes: tuple[object, object]) -> Message:
    return Message(Method.BINDING, MessageClass.REQUEST, TID, list(attributes))  # type: ignore[arg-type]


def raw(*tlvs: tuple[int, bytes], kind: int = 0x0001) -> bytes:
    """A message by hand: (type, value) pairs, padded with zeros."""
    body = b"".join(
        code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
        for code, value in tlvs
    )
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TID + body


CHECK = request(USERNAME("evtj:h6vY"), ICE_CONTROLLING(7), USE_CANDIDATE(True), PRIORITY(1845494271))


# --- header --------------------------------------------------------------------------------------------------


def test_a_binding_request_byte_by_byte() -> None:
    assert request().serialize(fingerprint=False) == bytes.fromhex("0001 0000 2112a442") + TID


@pytest.mark.parametrize(
    ("kind", "method", "message_class"),
    [
        (0x0001, Method.BINDING, MessageClass.REQUEST),
        (0x0011, Method.BINDING, MessageClass.INDICATION),
        (0x0101, Method.BINDING, MessageClass.SUCCESS_RESPONSE),
        (0x0111, Method.BINDING, MessageClass.ERROR_RESPONSE),
        (0x0003, Method.ALLOCATE, MessageClass.REQUEST),
        (0x0016, Method.SEND, MessageClass.INDICATION),
        (0x0017, Method.DATA, MessageClass.INDICATION),
        (0x0113, Method.ALLOCATE, MessageClass.ERROR_RESPONSE),
        (0x3EEF, 0xFFF, MessageClass.REQUEST),
    ],
)
def test_message_type(kind: int, method: int, message_class: MessageClass) -> None:
    """RFC 8489 §5 Figure 3; RFC 8656 §17."""
    assert message_type(method, message_class) == kind
    assert split_message_type(kind) == (method, message_class)


@given(st.integers(0, 0x3FFF))
def test_every_message_type_survives(kind: int) -> None:
    assert message_type(*split_message_type(kind)) == kind


def test_transaction_ids_are_drawn_from_entropy() -> None:
    entropy = SeededEntropy(1)
    assert new_transaction_id(entropy) != new_transaction_id(entropy)
    assert new_transaction_id(SeededEntropy(1)) == new_transaction_id(SeededEntropy(1))
    with pytest.raises(RtcRangeError, match="12 bytes, got 3"):
        Message(Method.BINDING, MessageClass.REQUEST, b"abc").serialize()


GOOD = CHECK.serialize(KEY)
HEADER_FAULTS = {
    "empty": (b"", "0 bytes are too few", 0),
    "short": (GOOD[:19], "19 bytes are too few", 19),
    "top bits 01": (b"\x40" + GOOD[1:], "top two bits", 0),
    "top bits 10 (RTP)": (b"\x80" + GOOD[1:], "top two bits", 0),
    "RFC 3489": (GOOD[:4] + bytes(4) + GOOD[8:], "magic cookie is 0x00000000", 4),
    "truncated": (GOOD[:-4], "length field says", 2),
    "one byte more": (GOOD + b"\0", "length field says", 2),
    "four bytes more": (GOOD + bytes(4), "length field says", 2),
    "no multiple of 4": (GOOD[:2] + b"\0\3" + GOOD[4:20] + b"abc", "no multiple of 4", 2),
}


@pytest.mark.parametrize("fault", HEADER_FAULTS)
def test_header_faults(fault: str) -> None:
    """RFC 8489 §5, §6.3; the error says where, and that nothing should be answered."""
    data, words, offset = HEADER_FAULTS[fault]
    with pytest.raises(StunError, match=words) as caught:
        parse_message(data)
    assert caught.value.offset == offset
    assert caught.value.rfc == "RFC 8489 §5"
    assert not caught.value.bad_request
    assert not is_stun(data)


def test_is_stun_says_yes_to_stun() -> None:
    assert is_stun(GOOD)
    assert is_stun(bytearray(GOOD))
    assert is_stun(memoryview(GOOD))


# --- attributes ----------------------------------------------------------------------------------------------


@given(s.messages, st.none() | s.keys, st.booleans(), st.booleans())
def test_round_trip(message: Message, key: bytes | None, sha256: bool, fingerprint: bool) -> None:
    data = message.serialize(key, sha256=sha256, fingerprint=fingerprint)
    assert is_stun(data)
    again = parse_message(data, require_fingerprint=fingerprint)
    assert again == message
    assert (again.fingerprint is not None) == fingerprint
    if key is not None:
        again.verify_integrity(key)
        assert again.integrity_algorithm is (Integrity.SHA256 if sha256 else Integrity.SHA1)
        with pytest.raises(CryptoError):
            again.verify_integrity(key + b"x")
    assert again.serialize(key, sha256=sha256, fingerprint=fingerprint) == data


@given(s.messages)
def test_parsing_takes_any_buffer_and_keeps_none(message: Message) -> None:
    buffer = bytearray(message.serialize(KEY))
    parsed = parse_message(memoryview(buffer))  # type: ignore[arg-type]
    buffer[:] = bytes(len(buffer))
    assert parsed == message
    parsed.verify_integrity(KEY)


def test_order_is_kept_and_the_first_duplicate_counts() -> None:
    """RFC 8489 §14."""
    message = parse_message(request(PRIORITY(1), USERNAME("a"), PRIORITY(2)).serialize())
    assert [attribute.name for attribute, _ in message.attributes] == ["PRIORITY", "USERNAME", "PRIORITY"]
    assert message.get(PRIORITY) == 1
    assert message.get_all(PRIORITY) == [1, 2]


def test_attributes_that_may_repeat() -> None:
    """RFC 8656 §10.1: a CreatePermission names several peers."""
    peers = [Address("192.0.2.1", 1), Address("2001:db8::1", 2)]
    message = Message(
        Method.CREATE_PERMISSION, MessageClass.REQUEST, TID, [XOR_PEER_ADDRESS(p) for p in peers]
    )
    assert parse_message(message.serialize()).get_all(XOR_PEER_ADDRESS) == peers


def test_membership_and_add() -> None:
    message = request(PRIORITY(1))
    assert PRIORITY in message
    assert USERNAME not in message
    assert message.get(USERNAME) is None
    message.add(USERNAME, "a")
    assert USERNAME in message


def test_padding_may_hold_anything() -> None:
    """RFC 8489 §14: zero when sent, ignored when received."""
    data = bytearray(raw((0x0006, b"abc")))
    assert data[-1] == 0
    data[-1] = 0x20
    assert parse_message(bytes(data)) == parse_message(raw((0x0006, b"abc")))


ATTRIBUTE_FAULTS = {
    "longer than the message": (
        raw((0x0006, b"abcd"))[:-6] + b"\0\5abcd",
        "announces 5 bytes, 4 are left",
        22,
    ),
    "length 65535": (raw((0x0006, b"abcd"))[:-6] + b"\xff\xffabcd", "announces 65535 bytes", 22),
    "malformed value": (raw((0x8022, b""), (0x0024, b"abc")), "PRIORITY has 3 bytes, expected 4", 28),
    "USERNAME not UTF-8": (raw((0x0006, b"ab\xff")), "USERNAME is not UTF-8 at its byte 2", 24),
    "short HMAC": (raw((0x0008, bytes(19))), "MESSAGE-INTEGRITY has 19 bytes", 22),
    "short HMAC-SHA256": (raw((0x001C, bytes(12))), "MESSAGE-INTEGRITY-SHA256 has 12 bytes", 22),
    "odd HMAC-SHA256": (raw((0x001C, bytes(18))), "MESSAGE-INTEGRITY-SHA256 has 18 bytes", 22),
    "long HMAC-SHA256": (raw((0x001C, bytes(36))), "MESSAGE-INTEGRITY-SHA256 has 36 bytes", 22),
    "too many": (raw(*[(0x8000 + 77, b"")] * (MAX_ATTRIBUTES + 1)), "more than 256 attributes", 20 + 4 * 256),
}


@pytest.mark.parametrize("fault", ATTRIBUTE_FAULTS)
def test_attribute_faults(fault: str) -> None:
    """Each says where it is, and that a request like this deserves a 400."""
    data, words, offset = ATTRIBUTE_FAULTS[fault]
    with pytest.raises(StunError, match=words) as caught:
        parse_message(data)
    assert caught.value.offset == offset
    assert caught.value.bad_request
    assert f"at byte {offset}" in str(caught.value)
    assert "RFC 8" in str(caught.value)


def test_as_many_attributes_as_allowed() -> None:
    data = raw(*[(0x8000 + 77, b"")] * MAX_ATTRIBUTES)
    assert len(parse_message(data).attributes) == MAX_ATTRIBUTES


def test_unknown_attributes() -> None:
    """Comprehension-required ones are listed once, in order; optional ones are kept and cause nothing. RFC 8489 §14."""
    message = parse_message(
        raw((0x0003, bytes(4)), (0x7FFF, b""), (0xC057, b"\0\1\0\0"), (0x0003, b""), (0x8000 + 77, b"x"))
    )
    assert message.unknown_required == [0x0003, 0x7FFF]
    assert message.get(unknown_attribute(0xC057)) == b"\0\1\0\0"
    assert repr(message.attributes[2][0]) == "<UNKNOWN-0xC057 0xC057>"


@pytest.mark.parametrize("code", [0xC057, 0xC070, 0xC071])
def test_private_attributes_of_libwebrtc_do_no_harm(code: int) -> None:
    """Network info, and DTLS inside STUN: of any length, before HMAC or not, they change nothing."""
    for size in (0, 1, 4, 300):
        message = request(USERNAME("a:b"), unknown_attribute(code)(bytes(size)), PRIORITY(1))
        parsed = parse_message(message.serialize(KEY), require_fingerprint=True)
        parsed.verify_integrity(KEY)
        assert parsed.unknown_required == []
        assert parsed.get(PRIORITY) == 1


def test_an_address_of_unknown_family_is_ignored() -> None:
    """RFC 8489 §6.3.3."""
    message = parse_message(raw((0x0020, b"\0\3\0\0abcd"), (0x0020, b"\0\1\0\0abcd")))
    assert len(message.get_all(XOR_MAPPED_ADDRESS)) == 1


# --- what an HMAC covers -------------------------------------------------------------------------------------


def with_tail(data: bytes, *tlvs: tuple[int, bytes]) -> bytes:
    """`data` with attributes appended and the length field put right, as somebody without the key could."""
    tail = raw(*tlvs)[20:]
    return data[:2] + (len(data) - 20 + len(tail)).to_bytes(2, "big") + data[4:] + tail


@pytest.mark.parametrize("sha256", [False, True])
def test_attributes_behind_the_hmac_do_not_count(sha256: bool) -> None:
    """RFC 8489 §9. Nobody without the key can add USE-CANDIDATE to a check."""
    data = request(USERNAME("a:b")).serialize(KEY, sha256=sha256, fingerprint=False)
    forged = with_tail(data, (0x0025, b""), (0x0024, bytes(4)), (0x7FFF, b""), (0x0024, b"malformed"))
    message = parse_message(forged)
    message.verify_integrity(KEY)
    assert message == request(USERNAME("a:b"))
    assert message.unknown_required == []


def test_both_hmacs() -> None:
    """RFC 8489 §9.1.2: a first request carries both; §9.1.3: SHA-256 is the one that is checked."""
    data = CHECK.serialize(KEY, sha1=True, sha256=True)
    message = parse_message(data, require_fingerprint=True)
    assert message.integrity is not None
    assert message.integrity_sha256 is not None
    assert message.integrity_algorithm is Integrity.SHA256
    assert message == CHECK
    message.verify_integrity(KEY)
    message.integrity = bytes(20)  # the weaker one may be wrong: it is not looked at
    message.verify_integrity(KEY)
    with pytest.raises(CryptoError, match="expected MESSAGE-INTEGRITY "):
        message.verify_integrity(KEY, algorithm=Integrity.SHA1)


def test_sha1_behind_sha256_does_not_count() -> None:
    """RFC 8489 §9: behind -SHA256 only FINGERPRINT counts."""
    data = with_tail(CHECK.serialize(KEY, sha256=True, fingerprint=False), (0x0008, bytes(20)))
    message = parse_message(data)
    assert message.integrity is None
    message.verify_integrity(KEY, algorithm=Integrity.SHA256)


def test_second_hmacs_do_not_count() -> None:
    for sha256, code, size in ((False, 0x0008, 20), (True, 0x001C, 32)):
        data = with_tail(
            CHECK.serialize(KEY, sha256=sha256, fingerprint=False), (code, bytes(size)), (code, b"bad")
        )
        parse_message(data).verify_integrity(KEY)


@pytest.mark.parametrize("size", [16, 20, 24, 28, 32])
def test_truncated_sha256(size: int) -> None:
    """RFC 8489 §14.6: a truncated HMAC is refused unless the usage allows it."""
    message = parse_message(CHECK.serialize(KEY, sha256=True, sha256_bytes=size))
    message.verify_integrity(KEY, sha256_min_bytes=16)
    message.verify_integrity(KEY, sha256_min_bytes=size)
    if size < 32:
        with pytest.raises(CryptoError, match=f"cut to {size} bytes"):
            message.verify_integrity(KEY)


@pytest.mark.parametrize("size", [0, 12, 18, 36])
def test_sha256_cannot_be_cut_like_that(size: int) -> None:
    with pytest.raises(RtcRangeError, match="cannot be cut"):
        CHECK.serialize(KEY, sha256=True, sha256_bytes=size)


def test_a_message_without_hmac_is_never_verified() -> None:
    for message in (CHECK, parse_message(CHECK.serialize())):
        with pytest.raises(CryptoError, match="no MESSAGE-INTEGRITY"):
            message.verify_integrity(KEY)


def test_fingerprint() -> None:
    """RFC 8489 §7, §14.7."""
    data = CHECK.serialize(KEY)
    wrong = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(StunError, match="FINGERPRINT is 0x") as caught:
        parse_message(wrong)
    assert not caught.value.bad_request  # silently discarded, RFC 8489 §6.3
    with pytest.raises(StunError, match="FINGERPRINT is missing"):
        parse_message(CHECK.serialize(KEY, fingerprint=False), require_fingerprint=True)
    with pytest.raises(StunError, match="4 bytes follow FINGERPRINT"):
        parse_message(with_tail(data, (0x8022, b"")))
    with pytest.raises(StunError, match="FINGERPRINT has 8 bytes"):
        parse_message(raw((0x8028, bytes(8))))


# --- hostile input -------------------------------------------------------------------------------------------


def parse(data: bytes) -> Message | StunError:
    """What comes of `data`; any other exception fails the test."""
    try:
        return parse_message(data)
    except StunError as error:
        return error


@given(st.binary(max_size=120))
@example(b"")
@example(bytes.fromhex("0001 0000 2112a442") + TID)
def test_arbitrary_bytes(data: bytes) -> None:
    """A message or a `StunError`, nothing else."""
    found = parse(data)
    if isinstance(found, StunError):
        assert found.offset is not None
        assert 0 <= found.offset <= len(data)
        assert found.rfc


@given(st.lists(st.tuples(s.u16, s.u16 | st.integers(0, 40), st.binary(max_size=24)), max_size=5), s.u16)
def test_arbitrary_attributes(tlvs: list[tuple[int, int, bytes]], kind: int) -> None:
    """The same behind a good header, so that the attribute loop and every value format get their share."""
    body = b"".join(code.to_bytes(2, "big") + size.to_bytes(2, "big") + value for code, size, value in tlvs)
    body += bytes(-len(body) % 4)
    data = (
        (kind & 0x3FFF).to_bytes(2, "big") + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TID + body
    )
    found = parse(data)
    if isinstance(found, StunError):
        assert found.offset is not None
        assert 0 <= found.offset <= len(data)
    else:
        assert parse(found.serialize(fingerprint=False)) == found


@given(st.sampled_from(sorted(s.VALUES, key=lambda a: a.code)), st.binary(max_size=80))
def test_arbitrary_values_of_known_attributes(attribute: Attribute[object], value: bytes) -> None:
    found = parse(raw((attribute.code, value)))
    if isinstance(found, StunError):
        assert found.offset == 24
        assert found.bad_request
    else:
        assert parse(found.serialize()) == found


@given(s.messages, st.booleans())
def test_every_truncation_is_refused(message: Message, sha256: bool) -> None:
    data = message.serialize(KEY, sha256=sha256)
    for size in range(len(data)):
        with pytest.raises(StunError):
            parse_message(data[:size])


def refused(data: bytes, *, require_fingerprint: bool, algorithm: Integrity | None = None) -> bool:
    try:
        parse_message(data, require_fingerprint=require_fingerprint).verify_integrity(
            KEY, algorithm=algorithm
        )
    except (StunError, CryptoError):
        return True
    return False


def flips(data: bytes) -> list[tuple[int, bytes]]:
    """Every single-bit change: (bit, changed message)."""
    return [
        (bit, data[: bit // 8] + bytes([data[bit // 8] ^ 0x80 >> bit % 8]) + data[bit // 8 + 1 :])
        for bit in range(len(data) * 8)
    ]


@given(s.messages, st.booleans())
def test_every_flipped_bit_of_a_signed_message_is_noticed(message: Message, sha256: bool) -> None:
    data = message.serialize(KEY, sha256=sha256, fingerprint=False)
    assert not refused(data, require_fingerprint=False)
    accepted = [bit for bit, changed in flips(data) if not refused(changed, require_fingerprint=False)]
    assert accepted == []


def test_every_flipped_bit_with_fingerprint_required() -> None:
    """As ICE parses: HMAC and FINGERPRINT, both required."""
    for kwargs in ({}, {"sha256": True}, {"sha1": True, "sha256": True}):
        data = CHECK.serialize(KEY, **kwargs)  # type: ignore[arg-type]
        assert [bit for bit, changed in flips(data) if not refused(changed, require_fingerprint=True)] == []


def test_which_flipped_bits_an_optional_fingerprint_leaves() -> None:
    """The HMAC does not cover FINGERPRINT. Where it is not required, a change of its *type* makes it an unknown
    attribute behind the HMAC, which does not count; nothing else gets by."""
    data = CHECK.serialize(KEY)
    accepted = [bit for bit, changed in flips(data) if not refused(changed, require_fingerprint=False)]
    type_field = range((len(data) - 8) * 8, (len(data) - 6) * 8)
    assert accepted == list(type_field)
    for bit in accepted:
        message = parse_message(dict(flips(data))[bit])
        assert message.fingerprint is None
        assert message == CHECK


def test_which_flipped_bits_two_hmacs_leave() -> None:
    """With both HMACs and no FINGERPRINT, hiding the type of -SHA256 leaves a message with a good MESSAGE-INTEGRITY:
    the bid-down that RFC 8489 §9.1.4 ends by asking for one algorithm."""
    data = CHECK.serialize(KEY, sha1=True, sha256=True, fingerprint=False)
    accepted = [bit for bit, changed in flips(data) if not refused(changed, require_fingerprint=False)]
    assert accepted == list(range((len(data) - 36) * 8, (len(data) - 34) * 8))
    assert all(
        refused(changed, require_fingerprint=False, algorithm=Integrity.SHA256)
        for bit, changed in flips(data)
        if bit in accepted
    )


# --- building ------------------------------------------------------------------------------------------------


def test_responses_echo_method_and_transaction() -> None:
    """RFC 8489 §6.3.1.1."""
    success = CHECK.success([XOR_MAPPED_ADDRESS(Address("192.0.2.1", 7))])
    assert (success.method, success.message_class, success.transaction_id) == (
        Method.BINDING,
        MessageClass.SUCCESS_RESPONSE,
        TID,
    )
    error = CHECK.error(ErrorCode.of(ErrorNumber.ROLE_CONFLICT), [SOFTWARE("x")])
    assert error.message_class is MessageClass.ERROR_RESPONSE
    assert error.get(ERROR_CODE) == ErrorCode(487, "Role Conflict")
    assert error.get(SOFTWARE) == "x"


def test_too_much_for_one_message() -> None:
    with pytest.raises(RtcRangeError, match="do not fit a STUN message"):
        request(unknown_attribute(0xC000)(bytes(65500))).serialize()
    with pytest.raises(RtcRangeError, match="16-bit attribute length"):
        request(unknown_attribute(0xC000)(bytes(65536))).serialize()


def test_the_largest_message() -> None:
    message = request(unknown_attribute(0xC000)(bytes(65400)))
    data = message.serialize(KEY, sha1=True, sha256=True)
    parsed = parse_message(data, require_fingerprint=True)
    parsed.verify_integrity(KEY)
    assert parsed == message

"""Value formats, one by one: bytes written by hand from the figures, limits, and what is malformed."""

from __future__ import annotations

import pytest
from hypothesis import given

from rtcpy.core.errors import RtcRangeError, UsageError
from rtcpy.core.machine import Address
from rtcpy.stun import ErrorCode, ErrorNumber, PasswordAlgorithm, StunError
from rtcpy.stun import attributes as a
from rtcpy.stun import values as v
from rtcpy.stun.error_codes import REASON_PHRASES
from tests.stun import strategies as s

TID = bytes.fromhex("b7e7a701bc34d686fa87dfae")

# RFC 8489 §18.3, RFC 8445 §20.1, RFC 8656 §18
CODES = {
    0x0001: "MAPPED-ADDRESS",
    0x0006: "USERNAME",
    0x0009: "ERROR-CODE",
    0x000A: "UNKNOWN-ATTRIBUTES",
    0x000C: "CHANNEL-NUMBER",
    0x000D: "LIFETIME",
    0x0012: "XOR-PEER-ADDRESS",
    0x0013: "DATA",
    0x0014: "REALM",
    0x0015: "NONCE",
    0x0016: "XOR-RELAYED-ADDRESS",
    0x0017: "REQUESTED-ADDRESS-FAMILY",
    0x0018: "EVEN-PORT",
    0x0019: "REQUESTED-TRANSPORT",
    0x001A: "DONT-FRAGMENT",
    0x001D: "PASSWORD-ALGORITHM",
    0x001E: "USERHASH",
    0x0020: "XOR-MAPPED-ADDRESS",
    0x0022: "RESERVATION-TOKEN",
    0x0024: "PRIORITY",
    0x0025: "USE-CANDIDATE",
    0x8000: "ADDITIONAL-ADDRESS-FAMILY",
    0x8001: "ADDRESS-ERROR-CODE",
    0x8002: "PASSWORD-ALGORITHMS",
    0x8003: "ALTERNATE-DOMAIN",
    0x8004: "ICMP",
    0x8022: "SOFTWARE",
    0x8023: "ALTERNATE-SERVER",
    0x8029: "ICE-CONTROLLED",
    0x802A: "ICE-CONTROLLING",
}


def test_the_registry() -> None:
    assert {code: attribute.name for code, attribute in a.REGISTRY.items()} == CODES
    assert set(s.VALUES) == set(a.REGISTRY.values())
    for attribute in a.REGISTRY.values():
        assert attribute.comprehension_required == (attribute.code < 0x8000)
        assert attribute.rfc.startswith("RFC ")
    assert set(REASON_PHRASES) == set(ErrorNumber)


@given(s.known_attributes, s.transaction_ids)
def test_values_survive(pair: v.AttributeValue, transaction_id: bytes) -> None:
    attribute, value = pair
    assert attribute.decode(attribute.encode(value, transaction_id), transaction_id) == value


@pytest.mark.parametrize(
    ("attribute", "value", "wire"),
    [
        (a.MAPPED_ADDRESS, Address("192.0.2.1", 32853), "0001 8055 c0000201"),
        (a.XOR_MAPPED_ADDRESS, Address("192.0.2.1", 32853), "0001 a147 e112a643"),  # RFC 5769 §2.2
        (
            a.XOR_MAPPED_ADDRESS,  # RFC 5769 §2.3
            Address("2001:db8:1234:5678:11:2233:4455:6677", 32853),
            "0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9",
        ),
        (a.XOR_PEER_ADDRESS, Address("0.0.0.0", 0), "0001 2112 2112a442"),
        (a.MAPPED_ADDRESS, Address("::ffff:192.0.2.1", 1), "0002 0001 00000000000000000000ffffc0000201"),
        (a.ALTERNATE_SERVER, Address("2001:db8::1", 3478), "0002 0d96 20010db8000000000000000000000001"),
        (a.USERNAME, "マト", "e3839ee38388"),
        (a.ERROR_CODE, ErrorCode(438, "Stale Nonce"), "0000 04 26" + b"Stale Nonce".hex()),
        (a.ERROR_CODE, ErrorCode(699), "0000 06 63"),
        (a.UNKNOWN_ATTRIBUTES, (0x0003, 0x7FFF), "0003 7fff"),
        (a.PASSWORD_ALGORITHM, PasswordAlgorithm(2), "0002 0000"),
        (a.PASSWORD_ALGORITHM, PasswordAlgorithm(9, b"abcde"), "0009 0005 6162636465 000000"),
        (a.PASSWORD_ALGORITHMS, (PasswordAlgorithm(2), PasswordAlgorithm(1)), "0002 0000 0001 0000"),
        (
            a.PASSWORD_ALGORITHMS,
            (PasswordAlgorithm(7, b"x"), PasswordAlgorithm(1)),
            "0007 0001 78000000 0001 0000",
        ),
        (a.PASSWORD_ALGORITHMS, (), ""),
        (a.PRIORITY, 1845494271, "6e0001ff"),
        (a.USE_CANDIDATE, True, ""),
        (a.ICE_CONTROLLED, 0x932FF9B151263B36, "932ff9b151263b36"),
        (a.CHANNEL_NUMBER, 0x4001, "4001 0000"),
        (a.LIFETIME, 600, "00000258"),
        (a.REQUESTED_ADDRESS_FAMILY, 2, "02 000000"),
        (a.EVEN_PORT, True, "80"),
        (a.EVEN_PORT, False, "00"),
        (a.REQUESTED_TRANSPORT, 17, "11 000000"),
        (a.ADDRESS_ERROR_CODE, v.AddressError(2, 440, "x"), "02 00 04 28 78"),
        (a.ICMP, v.IcmpError(3, 4, 1200), "0000 03 04 000004b0"),
    ],
    ids=lambda x: getattr(x, "name", None) and str(x),
)
def test_bytes_by_hand(attribute: v.Attribute[object], value: object, wire: str) -> None:
    assert attribute.encode(value, TID).hex() == wire.replace(" ", "")
    assert attribute.decode(bytes.fromhex(wire), TID) == value


@pytest.mark.parametrize(
    ("attribute", "wire", "value"),
    [
        (a.MAPPED_ADDRESS, "ff01 0001 c0000201", Address("192.0.2.1", 1)),  # the first byte is ignored, §14.1
        (a.ERROR_CODE, "ffff fc 26", ErrorCode(438, "")),  # and so are the reserved bits, §14.8
        (a.ERROR_CODE, "0000 04 26 ff", ErrorCode(438, "\ufffd")),  # a broken phrase does not hide the code
        (a.SOFTWARE, "61ff", "a\ufffd"),
        (a.CHANNEL_NUMBER, "4001 ffff", 0x4001),  # RFC 8656 §18.1
        (a.REQUESTED_TRANSPORT, "11 ffffff", 17),
        (a.EVEN_PORT, "ff", True),
        (a.EVEN_PORT, "7f", False),
        (a.PASSWORD_ALGORITHMS, "0007 0001 78", (PasswordAlgorithm(7, b"x"),)),  # the last padding left out
    ],
)
def test_what_receivers_overlook(attribute: v.Attribute[object], wire: str, value: object) -> None:
    assert attribute.decode(bytes.fromhex(wire), TID) == value


@pytest.mark.parametrize("attribute", [a.MAPPED_ADDRESS, a.XOR_MAPPED_ADDRESS])
@pytest.mark.parametrize("family", [0, 3, 255])
def test_unknown_families_are_ignored(attribute: v.Attribute[Address], family: int) -> None:
    assert attribute.decode(bytes((0, family, 1, 2)) + bytes(4), TID) is None


@pytest.mark.parametrize(
    ("attribute", "wire"),
    [
        (a.MAPPED_ADDRESS, ""),
        (a.MAPPED_ADDRESS, "0001 00"),
        (a.MAPPED_ADDRESS, "0001 0001 c00002"),
        (a.XOR_MAPPED_ADDRESS, "0001 0001 c0000201 00"),
        (a.XOR_MAPPED_ADDRESS, "0002 0001 c0000201"),
        (a.USERNAME, "c3"),
        (a.USERNAME, "61" * 764),
        (a.SOFTWARE, "61" * 764),
        (a.NONCE, "61" * 764),
        (a.REALM, "eda080"),  # a surrogate is no UTF-8
        (a.ERROR_CODE, "000004"),
        (a.ERROR_CODE, "0000 02 00"),
        (a.ERROR_CODE, "0000 07 00"),
        (a.ERROR_CODE, "0000 04 64"),
        (a.ERROR_CODE, "0000 04 01" + "61" * 764),
        (a.ADDRESS_ERROR_CODE, "01 00 04"),
        (a.UNKNOWN_ATTRIBUTES, "000300"),
        (a.PASSWORD_ALGORITHM, ""),
        (a.PASSWORD_ALGORITHM, "0001 0004 0000"),
        (a.PASSWORD_ALGORITHM, "0001 0000 0002 0000"),
        (a.PASSWORD_ALGORITHMS, "0001"),
        (a.PASSWORD_ALGORITHMS, "0001 0000 0002 ffff"),
        (a.USERHASH, "61" * 31),
        (a.PRIORITY, "0000"),
        (a.USE_CANDIDATE, "00"),
        (a.ICE_CONTROLLING, "00" * 9),
        (a.CHANNEL_NUMBER, "4001"),
        (a.EVEN_PORT, ""),
        (a.REQUESTED_TRANSPORT, "11"),
        (a.DONT_FRAGMENT, "01"),
        (a.RESERVATION_TOKEN, "00" * 7),
        (a.ICMP, "00" * 7),
    ],
)
def test_malformed(attribute: v.Attribute[object], wire: str) -> None:
    """Each names the attribute, the section and the value or its length."""
    with pytest.raises(StunError) as caught:
        attribute.decode(bytes.fromhex(wire), TID)
    assert attribute.name.split("-")[0] in caught.value.message
    assert caught.value.rfc == attribute.rfc


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (a.MAPPED_ADDRESS, Address("example.org", 1)),
        (a.MAPPED_ADDRESS, Address("192.0.2.256", 1)),
        (a.XOR_MAPPED_ADDRESS, Address("::12345", 1)),
        (a.XOR_MAPPED_ADDRESS, Address("192.0.2.1", 65536)),
        (a.XOR_MAPPED_ADDRESS, Address("192.0.2.1", -1)),
        (a.USERNAME, "x" * 509),
        (a.USERNAME, "é" * 255),
        (a.USERNAME, "\ud800"),
        (a.REALM, "x" * 128),
        (a.SOFTWARE, "x" * 128),
        (a.ALTERNATE_DOMAIN, "x" * 256),
        (a.NONCE, bytes(764)),
        (a.ERROR_CODE, ErrorCode(299)),
        (a.ERROR_CODE, ErrorCode(700)),
        (a.ERROR_CODE, ErrorCode(400, "x" * 128)),
        (a.ADDRESS_ERROR_CODE, v.AddressError(256, 440)),
        (a.UNKNOWN_ATTRIBUTES, [65536]),
        (a.PASSWORD_ALGORITHM, PasswordAlgorithm(65536)),
        (a.PASSWORD_ALGORITHM, PasswordAlgorithm(1, bytes(65536))),
        (a.USERHASH, bytes(31)),
        (a.PRIORITY, 1 << 32),
        (a.PRIORITY, -1),
        (a.USE_CANDIDATE, False),
        (a.CHANNEL_NUMBER, 65536),
        (a.REQUESTED_TRANSPORT, 256),
        (a.RESERVATION_TOKEN, bytes(9)),
        (a.ICMP, v.IcmpError(256, 0)),
        (a.DATA, bytes(65536)),
    ],
)
def test_values_that_do_not_fit(attribute: v.Attribute[object], value: object) -> None:
    """The caller's mistake: a `UsageError` that is a `ValueError`, too."""
    with pytest.raises(RtcRangeError) as caught:
        attribute.encode(value, TID)
    assert isinstance(caught.value, UsageError | ValueError)
    assert "RFC 8" in str(caught.value)


def test_the_longest_that_fit() -> None:
    assert len(a.USERNAME.encode("é" * 254, TID)) == 508
    assert len(a.SOFTWARE.encode("€" * 127, TID)) == 381
    assert a.USERNAME.decode(b"x" * 763, TID) == "x" * 763
    assert len(a.REALM.encode("\U0001f600" * 127, TID)) == 508


def test_a_scope_stays_at_home() -> None:
    """The zone of a link-local address means nothing to the other side (RFC 4007 §11)."""
    wire = a.XOR_MAPPED_ADDRESS.encode(Address("fe80::1%eth0", 5), TID)
    assert a.XOR_MAPPED_ADDRESS.decode(wire, TID) == Address("fe80::1", 5)


def test_unknown_types_equal_by_number() -> None:
    assert v.unknown_attribute(0xC057) == v.unknown_attribute(0xC057)
    assert v.unknown_attribute(0xC057) != v.unknown_attribute(0xC058)
    assert len({v.unknown_attribute(0xC057), v.unknown_attribute(0xC057)}) == 1
    assert a.PRIORITY != 0x24

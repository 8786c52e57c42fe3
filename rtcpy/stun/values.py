"""The formats of attribute values: addresses plain and XORed, numbers, text, error codes, algorithm lists.

`Attribute` is one type with its format: a number, a name, a way in and a way out. The functions below it make the
common shapes (`integer_attribute`, `text_attribute`, `xor_address_attribute`, …) or are the two directions of a
shape that only one attribute has. Which types there are is said in `attributes`.

Every decoder checks lengths first and raises `StunError`; every encoder refuses what its format cannot carry with
`RtcRangeError`.

Specs: RFC 8489 §14, RFC 8445 §16.1, RFC 8656 §18.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, Generic, NamedTuple, TypeVar

from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Address
from rtcpy.stun.error_codes import ErrorCode
from rtcpy.stun.errors import StunError

T = TypeVar("T")

MAGIC_COOKIE = 0x2112A442  # RFC 8489 §5; also the mask of XOR-MAPPED-ADDRESS
COMPREHENSION_OPTIONAL = 0x8000  # first type that a receiver may ignore, RFC 8489 §14
MAX_USERNAME_BYTES = 508  # what we send: "fewer than 509 bytes", RFC 8489 §14.3
MAX_TEXT_CHARACTERS = 127  # "fewer than 128 characters", RFC 8489 §14.8, §14.9, §14.10, §14.14
MAX_TEXT_BYTES = 509  # the same text, encoded, as we send it, RFC 8489 §14.9
MAX_TEXT_BYTES_RECEIVED = (
    763  # what a receiver must be able to take (old 6-byte UTF-8), RFC 8489 §14.3, §14.9
)
MAX_DOMAIN_BYTES = 255  # RFC 8489 §14.16

FAMILY_IPV4 = 0x01  # RFC 8489 §14.1
FAMILY_IPV6 = 0x02
REMEMBERED_ADDRESSES = (
    256  # IP addresses whose text is kept, in the whole process; consent checks repeat them for ever
)

_MAPPED_PREFIX = 0xFFFF  # ::ffff:0:0/96, an IPv4 address in IPv6 form, RFC 4291 §2.5.5.2


class AddressError(NamedTuple):
    """The value of ADDRESS-ERROR-CODE: which family TURN could not allocate, and why. Spec: RFC 8656 §18.12."""

    family: int
    code: int
    reason: str = ""


class IcmpError(NamedTuple):
    """The value of ICMP: the error that a relayed datagram met. Spec: RFC 8656 §18.13."""

    type: int
    code: int
    error_data: int = 0


class PasswordAlgorithmNumber(IntEnum):
    """How a long-term password becomes a key. Spec: RFC 8489 §18.5."""

    MD5 = 0x0001
    SHA256 = 0x0002


class PasswordAlgorithm(NamedTuple):
    """One entry of PASSWORD-ALGORITHMS, and the value of PASSWORD-ALGORITHM. Spec: RFC 8489 §14.11, §14.12."""

    number: int
    parameters: bytes = b""


AttributeValue = tuple["Attribute[Any]", Any]
"""One attribute of a message: its type and its decoded value."""


class Attribute(Generic[T]):
    """One attribute type: number, name, and the two directions of its value format.

    `decode(value, transaction_id)` raises `StunError` on a malformed value, and returns `None` for a value that
    RFC 8489 tells us to ignore (an unknown address family). `encode(value, transaction_id)` raises `RtcRangeError`
    on a value that the format cannot carry. Only XOR addresses look at the transaction id.
    """

    __slots__ = ("code", "decode", "encode", "name", "rfc")

    def __init__(
        self,
        code: int,
        name: str,
        decode: Callable[[bytes, bytes], T | None],
        encode: Callable[[T, bytes], bytes],
        rfc: str,
    ) -> None:
        self.code, self.name, self.decode, self.encode, self.rfc = code, name, decode, encode, rfc

    def __call__(self, value: T) -> AttributeValue:
        """The pair (this type, `value`) for the attribute list of a `Message`."""
        return (self, value)

    @property
    def comprehension_required(self) -> bool:
        """Whether a receiver that does not know the type must refuse the message. Spec: RFC 8489 §14."""
        return self.code < COMPREHENSION_OPTIONAL

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Attribute) and other.code == self.code

    def __hash__(self) -> int:
        return self.code

    def __repr__(self) -> str:
        return f"<{self.name} 0x{self.code:04X}>"


def unknown_attribute(code: int) -> Attribute[bytes]:
    """A type outside our registry: its value stays `bytes` and survives a round trip."""
    return Attribute(code, f"UNKNOWN-0x{code:04X}", decode_bytes, encode_bytes, "RFC 8489 §14")


def decode_bytes(value: bytes, _transaction_id: bytes) -> bytes:
    """An opaque value of any length."""
    return value


def encode_bytes(value: bytes, _transaction_id: bytes) -> bytes:
    """An opaque value of any length that a 16-bit length can tell."""
    if len(value) > 0xFFFF:
        raise RtcRangeError(f"{len(value)} bytes do not fit the 16-bit attribute length (RFC 8489 §14)")
    return bytes(value)


def decode_exactly(name: str, size: int, rfc: str) -> Callable[[bytes, bytes], bytes]:
    """A decoder for an opaque value of exactly `size` **bytes**."""

    def decode(value: bytes, _transaction_id: bytes) -> bytes:
        if len(value) != size:
            raise StunError(f"{name} has {len(value)} bytes, expected {size}", rfc=rfc, value=value)
        return value

    return decode


def encode_exactly(name: str, size: int, rfc: str) -> Callable[[bytes, bytes], bytes]:
    """An encoder for an opaque value of exactly `size` **bytes**."""

    def encode(value: bytes, _transaction_id: bytes) -> bytes:
        if len(value) != size:
            raise RtcRangeError(f"{name} must have {size} bytes, got {len(value)} ({rfc})")
        return bytes(value)

    return encode


def integer_attribute(code: int, name: str, size: int, rfc: str) -> Attribute[int]:
    """An attribute that is one unsigned integer of `size` **bytes**, and nothing else."""

    def decode(value: bytes, _transaction_id: bytes) -> int:
        if len(value) != size:
            raise StunError(f"{name} has {len(value)} bytes, expected {size}", rfc=rfc, value=value)
        return int.from_bytes(value, "big")

    def encode(value: int, _transaction_id: bytes) -> bytes:
        try:
            return value.to_bytes(size, "big")
        except OverflowError as error:
            raise RtcRangeError(f"{name} is {value}, outside 0…2^{8 * size}−1 ({rfc})") from error

    return Attribute(code, name, decode, encode, rfc)


def leading_integer_attribute(code: int, name: str, size: int, rfc: str) -> Attribute[int]:
    """Four bytes: an unsigned integer of `size` **bytes**, then zeros reserved for future use."""
    shift = 8 * (4 - size)

    def decode(value: bytes, _transaction_id: bytes) -> int:
        if len(value) != 4:
            raise StunError(f"{name} has {len(value)} bytes, expected 4", rfc=rfc, value=value)
        return int.from_bytes(value, "big") >> shift

    def encode(value: int, _transaction_id: bytes) -> bytes:
        if not 0 <= value < 1 << (8 * size):
            raise RtcRangeError(f"{name} is {value}, outside 0…2^{8 * size}−1 ({rfc})")
        return (value << shift).to_bytes(4, "big")

    return Attribute(code, name, decode, encode, rfc)


def flag_attribute(code: int, name: str, rfc: str) -> Attribute[bool]:
    """An attribute without a value: being there is what it says."""

    def decode(value: bytes, _transaction_id: bytes) -> bool:
        if value:
            raise StunError(f"{name} carries {len(value)} bytes, expected none", rfc=rfc, value=value)
        return True

    def encode(value: bool, _transaction_id: bytes) -> bytes:
        if value is not True:
            raise RtcRangeError(f"{name} is {value!r}: leave the attribute out instead ({rfc})")
        return b""

    return Attribute(code, name, decode, encode, rfc)


def text_attribute(
    code: int, name: str, rfc: str, *, characters: int, max_bytes: int, lenient: bool = False
) -> Attribute[str]:
    """UTF-8 text. `lenient` is for text that only people read: broken UTF-8 is shown as U+FFFD, not refused."""
    errors = "replace" if lenient else "strict"

    def decode(value: bytes, _transaction_id: bytes) -> str:
        if len(value) > MAX_TEXT_BYTES_RECEIVED:
            raise StunError(
                f"{name} has {len(value)} bytes, at most {MAX_TEXT_BYTES_RECEIVED} allowed", rfc=rfc
            )
        try:
            return value.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise StunError(f"{name} is not UTF-8 at its byte {error.start}", rfc=rfc, value=value) from error

    def encode(value: str, _transaction_id: bytes) -> bytes:
        return encode_text(name, value, characters=characters, max_bytes=max_bytes, rfc=rfc)

    return Attribute(code, name, decode, encode, rfc)


def encode_text(name: str, value: str, *, characters: int, max_bytes: int, rfc: str) -> bytes:
    """`value` as UTF-8, refused when it is longer than `characters` or `max_bytes`."""
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise RtcRangeError(f"{name} cannot be encoded as UTF-8: {error.reason} ({rfc})") from error
    if len(value) > characters or len(raw) > max_bytes:
        raise RtcRangeError(
            f"{name} has {len(value)} characters in {len(raw)} bytes, at most {characters} in {max_bytes} ({rfc})"
        )
    return raw


@lru_cache(REMEMBERED_ADDRESSES)
def _address_text(value: int, family: int) -> str:
    """An address given as an integer, written the way sockets write it."""
    if family == FAMILY_IPV4:
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    if value >> 32 == _MAPPED_PREFIX:  # Python 3.11 and 3.13 spell these differently
        return f"::ffff:{_address_text(value & 0xFFFFFFFF, FAMILY_IPV4)}"
    return str(IPv6Address(value))


@lru_cache(REMEMBERED_ADDRESSES)
def _address_number(host: str) -> int:
    """The inverse; a scope means nothing to the other side. Raises AddressValueError."""
    return int(IPv6Address(host.partition("%")[0]) if ":" in host else IPv4Address(host))


def _split_address(name: str, value: bytes, rfc: str) -> tuple[int, int, int] | None:
    """(family, port, address as integer), or `None` for a family that is neither IPv4 nor IPv6."""
    if len(value) < 4:
        raise StunError(f"{name} has {len(value)} bytes, too short for family and port", rfc=rfc, value=value)
    family = value[1]  # value[0] must be ignored, RFC 8489 §14.1
    if family == FAMILY_IPV4:
        size = 8
    elif family == FAMILY_IPV6:
        size = 20
    else:
        return None  # "the attribute SHOULD be ignored", RFC 8489 §6.3.3
    if len(value) != size:
        raise StunError(
            f"{name} of family {family} has {len(value)} bytes, expected {size}", rfc=rfc, value=value
        )
    return family, value[2] << 8 | value[3], int.from_bytes(value[4:], "big")


def _pack_address(name: str, address: Address, port_mask: int, mask4: int, mask6: int, rfc: str) -> bytes:
    host, port = address
    if not 0 <= port <= 0xFFFF:
        raise RtcRangeError(f"{name} has port {port}, outside 0…65535 ({rfc})")
    try:
        number = _address_number(host)
        if ":" in host:
            return struct.pack("!xBH", FAMILY_IPV6, port ^ port_mask) + (number ^ mask6).to_bytes(16, "big")
        return struct.pack("!xBHI", FAMILY_IPV4, port ^ port_mask, number ^ mask4)
    except AddressValueError as error:
        raise RtcRangeError(f"{name} needs an IP literal, got {host!r} ({rfc})") from error


def address_attribute(code: int, name: str, rfc: str) -> Attribute[Address]:
    """A transport address in the clear. Spec: RFC 8489 §14.1."""

    def decode(value: bytes, _transaction_id: bytes) -> Address | None:
        parts = _split_address(name, value, rfc)
        return None if parts is None else Address(_address_text(parts[2], parts[0]), parts[1])

    def encode(value: Address, _transaction_id: bytes) -> bytes:
        return _pack_address(name, value, 0, 0, 0, rfc)

    return Attribute(code, name, decode, encode, rfc)


def xor_address_attribute(code: int, name: str, rfc: str) -> Attribute[Address]:
    """A transport address XORed with cookie and transaction id, so that no NAT rewrites it in passing.

    Spec: RFC 8489 §14.2.
    """

    def decode(value: bytes, transaction_id: bytes) -> Address | None:
        parts = _split_address(name, value, rfc)
        if parts is None:
            return None
        family, port, number = parts
        if family == FAMILY_IPV4:
            number ^= MAGIC_COOKIE
        else:
            number ^= MAGIC_COOKIE << 96 | int.from_bytes(transaction_id, "big")
        return Address(_address_text(number, family), port ^ MAGIC_COOKIE >> 16)

    def encode(value: Address, transaction_id: bytes) -> bytes:
        mask6 = MAGIC_COOKIE << 96 | int.from_bytes(transaction_id, "big")
        return _pack_address(name, value, MAGIC_COOKIE >> 16, MAGIC_COOKIE, mask6, rfc)

    return Attribute(code, name, decode, encode, rfc)


def _split_error(name: str, value: bytes, rfc: str) -> tuple[int, str]:
    """Code and phrase, from the third byte on: 5 reserved bits, class, number, text. Spec: RFC 8489 §14.8."""
    if len(value) < 4:
        raise StunError(f"{name} has {len(value)} bytes, at least 4 needed", rfc=rfc, value=value)
    if len(value) - 4 > MAX_TEXT_BYTES_RECEIVED:
        raise StunError(f"{name} has a reason of {len(value) - 4} bytes", rfc=rfc)
    hundreds, number = value[2] & 0x07, value[3]
    if not 3 <= hundreds <= 6 or number > 99:
        raise StunError(f"{name} has class {hundreds} and number {number}", rfc=rfc, value=value[:4])
    return hundreds * 100 + number, value[4:].decode("utf-8", "replace")  # the phrase is for people only


def _join_error(name: str, code: int, reason: str, rfc: str) -> bytes:
    if not 300 <= code <= 699:
        raise RtcRangeError(f"{name} has code {code}, outside 300…699 ({rfc})")
    phrase = encode_text(
        f"reason of {name}", reason, characters=MAX_TEXT_CHARACTERS, max_bytes=MAX_TEXT_BYTES, rfc=rfc
    )
    return bytes(divmod(code, 100)) + phrase


def decode_error_code(value: bytes, _transaction_id: bytes) -> ErrorCode:
    """ERROR-CODE. Spec: RFC 8489 §14.8."""
    return ErrorCode(*_split_error("ERROR-CODE", value, "RFC 8489 §14.8"))


def encode_error_code(value: ErrorCode, _transaction_id: bytes) -> bytes:
    """ERROR-CODE. Spec: RFC 8489 §14.8."""
    return b"\0\0" + _join_error("ERROR-CODE", value[0], value[1], "RFC 8489 §14.8")


def decode_address_error(value: bytes, _transaction_id: bytes) -> AddressError:
    """ADDRESS-ERROR-CODE. Spec: RFC 8656 §18.12."""
    code, reason = _split_error("ADDRESS-ERROR-CODE", value, "RFC 8656 §18.12")
    return AddressError(value[0], code, reason)


def encode_address_error(value: AddressError, _transaction_id: bytes) -> bytes:
    """ADDRESS-ERROR-CODE. Spec: RFC 8656 §18.12."""
    if not 0 <= value.family <= 0xFF:
        raise RtcRangeError(f"ADDRESS-ERROR-CODE has family {value.family} (RFC 8656 §18.12)")
    return bytes((value.family, 0)) + _join_error(
        "ADDRESS-ERROR-CODE", value.code, value.reason, "RFC 8656 §18.12"
    )


def decode_icmp(value: bytes, _transaction_id: bytes) -> IcmpError:
    """ICMP. Spec: RFC 8656 §18.13."""
    if len(value) != 8:
        raise StunError(f"ICMP has {len(value)} bytes, expected 8", rfc="RFC 8656 §18.13", value=value)
    # Figure 11 draws a type of 7 bits and a code of 9; ICMP itself has a byte for each (RFC 792).
    # Deviation: we read and write whole bytes, since the text says "the value of the ICMP type".
    return IcmpError(value[2], value[3], int.from_bytes(value[4:], "big"))


def encode_icmp(value: IcmpError, _transaction_id: bytes) -> bytes:
    """ICMP. Spec: RFC 8656 §18.13."""
    try:
        return struct.pack("!xxBBI", *value)
    except struct.error as error:
        raise RtcRangeError(f"ICMP cannot carry {value!r} (RFC 8656 §18.13)") from error


def decode_unknown_attributes(value: bytes, _transaction_id: bytes) -> tuple[int, ...]:
    """UNKNOWN-ATTRIBUTES: 16-bit types in a row. Spec: RFC 8489 §14.13."""
    if len(value) % 2:
        raise StunError(
            f"UNKNOWN-ATTRIBUTES has {len(value)} bytes, expected an even number",
            rfc="RFC 8489 §14.13",
            value=value,
        )
    return struct.unpack(f"!{len(value) // 2}H", value)


def encode_unknown_attributes(value: Sequence[int], _transaction_id: bytes) -> bytes:
    """UNKNOWN-ATTRIBUTES: 16-bit types in a row. Spec: RFC 8489 §14.13."""
    try:
        return struct.pack(f"!{len(value)}H", *value)
    except struct.error as error:
        raise RtcRangeError(f"UNKNOWN-ATTRIBUTES cannot carry {value!r} (RFC 8489 §14.13)") from error


def _read_algorithm(name: str, value: bytes, offset: int, rfc: str) -> tuple[PasswordAlgorithm, int]:
    """One algorithm at `offset`, and the offset behind its padding (which may be missing at the very end)."""
    if len(value) - offset < 4:
        raise StunError(f"{name} ends inside an algorithm header", rfc=rfc, value=value)
    number, length = struct.unpack_from("!HH", value, offset)
    end = offset + 4 + length
    if end > len(value):
        raise StunError(f"{name} announces {length} parameter bytes, {len(value) - offset - 4} left", rfc=rfc)
    return PasswordAlgorithm(number, value[offset + 4 : end]), end + (-length & 3)


def _write_algorithm(algorithm: PasswordAlgorithm) -> bytes:
    number, parameters = algorithm
    if not 0 <= number <= 0xFFFF or len(parameters) > 0xFFFF:
        raise RtcRangeError(f"a password algorithm cannot be {algorithm!r} (RFC 8489 §14.12)")
    return struct.pack("!HH", number, len(parameters)) + parameters + bytes(-len(parameters) & 3)


def decode_password_algorithms(value: bytes, _transaction_id: bytes) -> tuple[PasswordAlgorithm, ...]:
    """PASSWORD-ALGORITHMS: entries in order of preference. Spec: RFC 8489 §14.11."""
    found = []
    offset = 0
    while offset < len(value):  # each round advances by at least the 4 header bytes
        algorithm, offset = _read_algorithm("PASSWORD-ALGORITHMS", value, offset, "RFC 8489 §14.11")
        found.append(algorithm)
    return tuple(found)


def encode_password_algorithms(value: Sequence[PasswordAlgorithm], _transaction_id: bytes) -> bytes:
    """PASSWORD-ALGORITHMS: entries in order of preference. Spec: RFC 8489 §14.11."""
    return b"".join(map(_write_algorithm, value))


def decode_password_algorithm(value: bytes, _transaction_id: bytes) -> PasswordAlgorithm:
    """PASSWORD-ALGORITHM: one entry and nothing behind it. Spec: RFC 8489 §14.12."""
    algorithm, end = _read_algorithm("PASSWORD-ALGORITHM", value, 0, "RFC 8489 §14.12")
    if end < len(value):
        raise StunError(
            f"PASSWORD-ALGORITHM has {len(value) - end} bytes too many", rfc="RFC 8489 §14.12", value=value
        )
    return algorithm


def encode_password_algorithm(value: PasswordAlgorithm, _transaction_id: bytes) -> bytes:
    """PASSWORD-ALGORITHM. Spec: RFC 8489 §14.12."""
    return _write_algorithm(value)


def decode_nonce(value: bytes, _transaction_id: bytes) -> bytes:
    """NONCE, as opaque bytes. Spec: RFC 8489 §14.10."""
    if len(value) > MAX_TEXT_BYTES_RECEIVED:
        raise StunError(
            f"NONCE has {len(value)} bytes, at most {MAX_TEXT_BYTES_RECEIVED}", rfc="RFC 8489 §14.10"
        )
    return value


def encode_nonce(value: bytes, _transaction_id: bytes) -> bytes:
    """NONCE, as opaque bytes. Spec: RFC 8489 §14.10."""
    # A client echoes what it was given, so what may be received may also be sent.
    if len(value) > MAX_TEXT_BYTES_RECEIVED:
        raise RtcRangeError(
            f"NONCE has {len(value)} bytes, at most {MAX_TEXT_BYTES_RECEIVED} (RFC 8489 §14.10)"
        )
    return bytes(value)


def decode_even_port(value: bytes, _transaction_id: bytes) -> bool:
    """EVEN-PORT: whether the next port is to be reserved, too. Spec: RFC 8656 §18.7."""
    if len(value) != 1:
        raise StunError(f"EVEN-PORT has {len(value)} bytes, expected 1", rfc="RFC 8656 §18.7", value=value)
    return bool(value[0] & 0x80)


def encode_even_port(value: bool, _transaction_id: bytes) -> bytes:
    """EVEN-PORT: whether the next port is to be reserved, too. Spec: RFC 8656 §18.7."""
    return b"\x80" if value else b"\x00"

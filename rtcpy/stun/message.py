"""The STUN message: a 20-byte header, then type-length-value attributes.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |0 0|     method and class      |     length of the attributes  |
    |                  magic cookie 0x2112A442                      |
    |                 transaction id, 96 random bits                |
    |        attribute type         |        length of value        |
    |        value, padded with zeros to a multiple of 4 bytes      |

Owned here: reading and writing that, which attributes count, and in which order integrity is applied. Not here:
value formats (`attributes`), HMAC and CRC (`integrity`), keys (`credentials`), retransmission (`transaction`).

The parser below is written by hand because every ICE check of every peer passes through it; `rtcpy.stun.declared`
has the same format as a declaration, for explanations, and a property test that both agree.

Specs: RFC 8489 §5, §6.3, §9, §14.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

from rtcpy.core.env import Entropy
from rtcpy.core.errors import CryptoError, RtcRangeError
from rtcpy.stun.attributes import (
    ERROR_CODE,
    REGISTRY,
)
from rtcpy.stun.error_codes import ErrorCode
from rtcpy.stun.errors import StunError
from rtcpy.stun.integrity import (
    FINGERPRINT_BYTES,
    FINGERPRINT_TYPE,
    FINGERPRINT_XOR,
    HEADER_BYTES,
    INTEGRITY_BYTES,
    MESSAGE_INTEGRITY_SHA256_TYPE,
    MESSAGE_INTEGRITY_TYPE,
    SHA256_BYTES,
    SHA256_MIN_BYTES,
    Integrity,
    equal,
    fingerprint,
    message_integrity,
    message_integrity_sha256,
)
from rtcpy.stun.values import (
    COMPREHENSION_OPTIONAL,
    MAGIC_COOKIE,
    Attribute,
    AttributeValue,
    unknown_attribute,
)

T = TypeVar("T")

TRANSACTION_ID_BYTES = 12  # 96 bits, RFC 8489 §5
MAX_ATTRIBUTES = 256
"""More than any usage needs (a CreatePermission of 100 peers is the largest we know); bounds the work per datagram."""


class Method(IntEnum):
    """What a message is about. Spec: RFC 8489 §18.2, RFC 8656 §17. Other numbers stay plain `int`."""

    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009


class MessageClass(IntEnum):
    """The two class bits C1 C0. Spec: RFC 8489 §5."""

    REQUEST = 0b00
    INDICATION = 0b01
    SUCCESS_RESPONSE = 0b10
    ERROR_RESPONSE = 0b11


def message_type(method: int, message_class: MessageClass) -> int:
    """The 14-bit type field: the class bits sit at bits 8 and 4, between the bits of the method.

    Spec: RFC 8489 §5 Figure 3, Appendix A.
    """
    return (
        (method & 0xF80) << 2
        | (method & 0x070) << 1
        | method & 0x00F
        | (message_class & 0b10) << 7
        | (message_class & 0b01) << 4
    )


def split_message_type(value: int) -> tuple[int, MessageClass]:
    """(method, class) of a type field. Spec: RFC 8489 Appendix A."""
    method = (value & 0x3E00) >> 2 | (value & 0x00E0) >> 1 | value & 0x000F
    with suppress(ValueError):  # unknown methods stay numbers
        method = Method(method)
    return method, MessageClass((value & 0x100) >> 7 | (value & 0x010) >> 4)


_SPLIT: dict[int, tuple[int, MessageClass]] = {
    message_type(method, message_class): (method, message_class)
    for method in Method
    for message_class in MessageClass
}
"""`split_message_type` for the known methods, so that no enum is looked up per message."""

_HEADER = struct.Struct("!HHI12s")
_TLV = struct.Struct("!HH")
_TLV_INT = struct.Struct("!HHI")


def new_transaction_id(entropy: Entropy) -> bytes:
    """12 fresh random **bytes**; they must not be predictable. Spec: RFC 8489 §5."""
    return entropy.token(TRANSACTION_ID_BYTES)


def is_stun(data: bytes) -> bool:
    """Whether `data` may be STUN: enough bytes, two zero bits, the cookie, and a length that fits the datagram.

    This is the cheap test for demultiplexing (RFC 7983 §7 adds that the first byte is 0…3); `parse_message`
    decides. Spec: RFC 8489 §5, §6.3.
    """
    return (
        len(data) >= HEADER_BYTES
        and data[0] < 0x40
        and data[4:8] == b"\x21\x12\xa4\x42"
        and (data[2] << 8 | data[3]) == len(data) - HEADER_BYTES
        and not data[3] & 3
    )


@dataclass(slots=True)
class Message:
    """One STUN message. Invariant: `attributes` holds only what a receiver may act on, in wire order.

    The integrity attributes are not in the list: `serialize` computes them, and `parse_message` leaves what it
    found in `integrity`, `integrity_sha256` and `fingerprint`. Attributes behind an HMAC are not protected by it,
    so the parser drops them (RFC 8489 §9). Equality compares content, not integrity.

    Args:
        method: what it is about; `Method` or an unknown number.
        message_class: request, indication, success or error response.
        transaction_id: 12 **bytes**, the same in request and response.
        attributes: pairs made by calling an `Attribute`: ``[USERNAME("a:b"), PRIORITY(1)]``.
    """

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: list[AttributeValue] = field(default_factory=list)
    integrity: bytes | None = field(default=None, compare=False)
    integrity_sha256: bytes | None = field(default=None, compare=False)
    fingerprint: int | None = field(default=None, compare=False)
    _raw: bytes = field(default=b"", compare=False, repr=False)
    _integrity_offset: int = field(default=0, compare=False, repr=False)
    _sha256_offset: int = field(default=0, compare=False, repr=False)

    def get(self, attribute: Attribute[T]) -> T | None:
        """The first value of `attribute`, or `None`. Duplicates do not count. Spec: RFC 8489 §14."""
        code = attribute.code
        for found, value in self.attributes:
            if found.code == code:
                return value  # type: ignore[no-any-return]
        return None

    def get_all(self, attribute: Attribute[T]) -> list[T]:
        """All values of `attribute`, in order: for those that may repeat (XOR-PEER-ADDRESS, RFC 8656 §10.1)."""
        return [value for found, value in self.attributes if found.code == attribute.code]

    def add(self, attribute: Attribute[T], value: T) -> None:
        """Append one attribute."""
        self.attributes.append((attribute, value))

    def __contains__(self, attribute: Attribute[Any]) -> bool:
        return any(found.code == attribute.code for found, _ in self.attributes)

    @property
    def unknown_required(self) -> list[int]:
        """Types below 0x8000 that we do not understand, each once: what a 420 lists. Spec: RFC 8489 §6.3.1."""
        unknown = [found.code for found, _ in self.attributes if found.code < COMPREHENSION_OPTIONAL]
        return list(dict.fromkeys(code for code in unknown if code not in REGISTRY))

    @property
    def raw(self) -> bytes:
        """A received message as it came; empty for one of our own making."""
        return self._raw

    @property
    def signed_bytes(self) -> int | None:
        """How many **bytes** of `raw` stand before MESSAGE-INTEGRITY; `None` without that attribute."""
        return None if self.integrity is None else self._integrity_offset

    @property
    def integrity_algorithm(self) -> Integrity | None:
        """Which HMAC this received message carries; SHA-256 wins. `None`: it carries none."""
        if self.integrity_sha256 is not None:
            return Integrity.SHA256
        return Integrity.SHA1 if self.integrity is not None else None

    def serialize(
        self,
        key: bytes | None = None,
        *,
        sha256: bool = False,
        sha1: bool | None = None,
        fingerprint: bool = True,
        sha256_bytes: int = SHA256_BYTES,
    ) -> bytes:
        """The message as **bytes**.

        Args:
            key: HMAC key from `rtcpy.stun.credentials`; `None` sends no integrity attribute.
            sha256: with a key, append MESSAGE-INTEGRITY-SHA256.
            sha1: with a key, append MESSAGE-INTEGRITY. Default: unless `sha256`. Both at once are for a first
                request to a peer whose algorithms are unknown (RFC 8489 §9.1.2).
            fingerprint: append FINGERPRINT; ICE requires it (RFC 8445 §7.1).
            sha256_bytes: length of a truncated -SHA256, 16…32; only where the usage allows it (RFC 8489 §14.6).

        Raises:
            RtcRangeError: an attribute value or length does not fit its format.

        Spec: RFC 8489 §5, §14 (padding is zeros), §14.5–14.7 (order: SHA-1, SHA-256, FINGERPRINT).
        """
        transaction_id = self.transaction_id
        if len(transaction_id) != TRANSACTION_ID_BYTES:
            raise RtcRangeError(f"a transaction id has 12 bytes, got {len(transaction_id)} (RFC 8489 §5)")
        parts = [b""]  # the header goes here
        for attribute, value in self.attributes:
            raw = attribute.encode(value, transaction_id)
            size = len(raw)
            if size > 0xFFFF:
                raise RtcRangeError(f"{attribute.name} has {size} bytes, at most 65535 (RFC 8489 §14)")
            parts.append(_TLV.pack(attribute.code, size))
            parts.append(raw + bytes(-size & 3) if size & 3 else raw)
        size = sum(map(len, parts))
        kind = message_type(self.method, self.message_class)
        if size + 4 + INTEGRITY_BYTES + 4 + SHA256_BYTES + 4 + FINGERPRINT_BYTES > 0xFFFC:
            raise RtcRangeError(f"{size} attribute bytes do not fit a STUN message (RFC 8489 §5)")
        parts[0] = _HEADER.pack(kind, size, MAGIC_COOKIE, transaction_id)
        message = b"".join(parts)
        if key is not None:
            if sha1 or (sha1 is None and not sha256):
                value = message_integrity(message, key)
                message += _TLV.pack(MESSAGE_INTEGRITY_TYPE, INTEGRITY_BYTES) + value
            if sha256:
                if sha256_bytes not in range(SHA256_MIN_BYTES, SHA256_BYTES + 1, 4):
                    raise RtcRangeError(f"-SHA256 cannot be cut to {sha256_bytes} bytes (RFC 8489 §14.6)")
                value = message_integrity_sha256(message, key, sha256_bytes)
                message += _TLV.pack(MESSAGE_INTEGRITY_SHA256_TYPE, sha256_bytes) + value
        size = len(message) - HEADER_BYTES
        if fingerprint:
            size += 4 + FINGERPRINT_BYTES
            message = _TLV.pack(kind, size) + message[4:]
            crc = zlib.crc32(message) ^ FINGERPRINT_XOR
            return message + _TLV_INT.pack(FINGERPRINT_TYPE, FINGERPRINT_BYTES, crc)
        return _TLV.pack(kind, size) + message[4:]

    def verify_integrity(
        self, key: bytes, *, algorithm: Integrity | None = None, sha256_min_bytes: int = SHA256_BYTES
    ) -> None:
        """Check that whoever made this message knew `key`.

        Args:
            key: HMAC key from `rtcpy.stun.credentials`.
            algorithm: accept only this one: what a client asks of the response when its request carried only
                this one (RFC 8489 §9.1.4). Default: SHA-256 where present, else SHA-1 (§9.1.3).
            sha256_min_bytes: the shortest truncated HMAC that the usage allows.

        Raises:
            CryptoError: no integrity attribute, the wrong one, one too short, or a value that does not match.

        Spec: RFC 8489 §9.1.3, §14.5, §14.6.
        """
        sha256, sha1 = self.integrity_sha256, self.integrity
        if sha256 is not None:
            if algorithm is Integrity.SHA1:
                raise CryptoError(_wrong(Integrity.SHA256, algorithm))
            if len(sha256) < sha256_min_bytes:
                raise CryptoError(f"MESSAGE-INTEGRITY-SHA256 is cut to {len(sha256)} bytes (RFC 8489 §14.6)")
            if not equal(
                message_integrity_sha256(self._raw[: self._sha256_offset], key, len(sha256)), sha256
            ):
                raise CryptoError("MESSAGE-INTEGRITY-SHA256 does not match (RFC 8489 §14.6)")
        elif sha1 is not None:
            if algorithm is not None and algorithm is not Integrity.SHA1:
                raise CryptoError(_wrong(Integrity.SHA1, algorithm))
            if not equal(message_integrity(self._raw[: self._integrity_offset], key), sha1):
                raise CryptoError("MESSAGE-INTEGRITY does not match (RFC 8489 §14.5)")
        else:
            raise CryptoError("the message has no MESSAGE-INTEGRITY (RFC 8489 §9.1.3)")

    def success(self, attributes: Iterable[AttributeValue] = ()) -> Message:
        """A success response to this request. Spec: RFC 8489 §6.3.1.1."""
        return Message(self.method, MessageClass.SUCCESS_RESPONSE, self.transaction_id, list(attributes))

    def error(self, error: ErrorCode, attributes: Iterable[AttributeValue] = ()) -> Message:
        """An error response to this request. Spec: RFC 8489 §6.3.1.1."""
        return Message(
            self.method, MessageClass.ERROR_RESPONSE, self.transaction_id, [ERROR_CODE(error), *attributes]
        )


def _wrong(found: Integrity, expected: Integrity) -> str:
    return f"the message has {found.value}, expected {expected.value} (RFC 8489 §9.1.4)"


def parse_message(data: bytes, *, require_fingerprint: bool = False) -> Message:
    """One STUN message from the whole of `data`.

    The FINGERPRINT, where present, is checked here; MESSAGE-INTEGRITY needs a key: `Message.verify_integrity`.
    Values of unknown types are kept as `bytes`. Attributes that follow an HMAC are dropped.

    Args:
        data: exactly one message, in **bytes**.
        require_fingerprint: refuse a message without FINGERPRINT, as ICE does (RFC 8489 §7).

    Raises:
        StunError: whatever is wrong with it, with offset and section.

    Spec: RFC 8489 §5, §6.3, §7, §9, §14.
    """
    end = len(data)
    if end < HEADER_BYTES:
        raise StunError(f"{end} bytes are too few for the 20-byte header", offset=end, rfc="RFC 8489 §5")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if kind > 0x3FFF:
        raise StunError(
            f"first byte 0x{data[0]:02X}: its top two bits must be 0", offset=0, rfc="RFC 8489 §5"
        )
    if cookie != MAGIC_COOKIE:
        raise StunError(f"magic cookie is 0x{cookie:08X}, expected 0x2112A442", offset=4, rfc="RFC 8489 §5")
    if length != end - HEADER_BYTES or length & 3:
        raise StunError(
            f"length field says {length}, {end - HEADER_BYTES} bytes follow the header"
            if length != end - HEADER_BYTES
            else f"length field says {length}, which is no multiple of 4",
            offset=2,
            rfc="RFC 8489 §5",
            value=length,
        )
    data = bytes(data)
    method_and_class = _SPLIT.get(kind)
    if method_and_class is None:
        method_and_class = split_message_type(kind)
    attributes: list[AttributeValue] = []
    message = Message(
        method_and_class[0], method_and_class[1], transaction_id, attributes, None, None, None, data
    )
    offset = HEADER_BYTES
    count = 0
    sealed = False  # an HMAC was seen: what follows is not protected and does not count
    while offset < end:  # each round advances by at least the 4 bytes of a TLV header
        code, size = _TLV.unpack_from(data, offset)
        start = offset + 4
        stop = start + size
        if stop > end:
            raise StunError(
                f"attribute 0x{code:04X} announces {size} bytes, {end - start} are left",
                offset=offset + 2,
                rfc="RFC 8489 §14",
                bad_request=True,
                value=size,
            )
        count += 1
        if count > MAX_ATTRIBUTES:
            raise StunError(
                f"more than {MAX_ATTRIBUTES} attributes", offset=offset, rfc="RFC 8489 §14", bad_request=True
            )
        known = REGISTRY.get(code)
        if known is not None:
            if not sealed:
                try:
                    value = known.decode(data[start:stop], transaction_id)
                except StunError as error:
                    error.offset, error.bad_request = start, True
                    raise
                if value is not None:
                    attributes.append((known, value))
        elif code == MESSAGE_INTEGRITY_TYPE:
            if not sealed:
                if size != INTEGRITY_BYTES:
                    raise StunError(
                        f"MESSAGE-INTEGRITY has {size} bytes, expected 20",
                        offset=offset + 2,
                        rfc="RFC 8489 §14.5",
                        bad_request=True,
                    )
                message.integrity = data[start:stop]
                message._integrity_offset = offset
                sealed = True
        elif code == FINGERPRINT_TYPE:
            if size != FINGERPRINT_BYTES or stop != end:
                raise StunError(
                    f"FINGERPRINT has {size} bytes, expected 4"
                    if size != FINGERPRINT_BYTES
                    else f"{end - stop} bytes follow FINGERPRINT, which must be last",
                    offset=offset,
                    rfc="RFC 8489 §14.7",
                )
            found = int.from_bytes(data[start:stop], "big")
            # It is last, so the header's length already counts up to its end.
            if zlib.crc32(data[:offset]) ^ FINGERPRINT_XOR != found:
                raise StunError(
                    f"FINGERPRINT is 0x{found:08X}, expected 0x{fingerprint(data[:offset]):08X}",
                    offset=start,
                    rfc="RFC 8489 §14.7",
                    value=found,
                )
            message.fingerprint = found
        elif code == MESSAGE_INTEGRITY_SHA256_TYPE:
            # Counts behind MESSAGE-INTEGRITY too, but only once.
            if message.integrity_sha256 is None:
                if size not in range(SHA256_MIN_BYTES, SHA256_BYTES + 1, 4):
                    raise StunError(
                        f"MESSAGE-INTEGRITY-SHA256 has {size} bytes, expected 16, 20, 24, 28 or 32",
                        offset=offset + 2,
                        rfc="RFC 8489 §14.6",
                        bad_request=True,
                    )
                message.integrity_sha256 = data[start:stop]
                message._sha256_offset = offset
                sealed = True
        elif not sealed:
            attributes.append((unknown_attribute(code), data[start:stop]))
        offset = stop + (-size & 3)
    if require_fingerprint and message.fingerprint is None:
        raise StunError("FINGERPRINT is missing", offset=end, rfc="RFC 8489 §7")
    return message

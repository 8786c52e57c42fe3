"""A signed message that comes again and again, the same but for its transaction id.

ICE asks for consent every five seconds for as long as a connection lives, and each question and answer is the last
one over again: only the transaction id differs, and with it the two attributes that are computed. A `SignedTemplate`
keeps what stays the same. It writes the next such message, or recognizes and verifies it, without taking it apart:

    | header up to the cookie | transaction id | attributes | MESSAGE-INTEGRITY | FINGERPRINT |
      the same                  new              the same     computed            computed

Owned here: this fast way beside `message`; a property test holds both equal.

Specs: RFC 8489 §5, §14.5, §14.7.
"""

from __future__ import annotations

import zlib

from rtcpy.stun.integrity import (
    FINGERPRINT_BYTES,
    FINGERPRINT_TYPE,
    FINGERPRINT_XOR,
    HEADER_BYTES,
    INTEGRITY_BYTES,
    MESSAGE_INTEGRITY_TYPE,
    equal,
    hmac_sha1,
)
from rtcpy.stun.message import Message

_ID = slice(8, HEADER_BYTES)
_FINGERPRINT_TLV = FINGERPRINT_TYPE.to_bytes(2, "big") + FINGERPRINT_BYTES.to_bytes(2, "big")
_INTEGRITY_TLV = MESSAGE_INTEGRITY_TYPE.to_bytes(2, "big") + INTEGRITY_BYTES.to_bytes(2, "big")
_AFTER_SIGNED = 4 + FINGERPRINT_BYTES  # bytes behind what MESSAGE-INTEGRITY's own length field counts
_TAIL = 4 + INTEGRITY_BYTES + _AFTER_SIGNED


class SignedTemplate:
    """What stays the same in messages that differ by their transaction id; made by `of`.

    Invariant: a message that `matches` has, once parsed, the attributes of the first one, except that an XORed IPv6
    address reads differently, because the transaction id is part of its mask.
    """

    __slots__ = ("_attributes", "_head", "_signed_head")

    def __init__(self, head: bytes, attributes: bytes) -> None:
        self._head = head
        length = len(attributes) + _TAIL - _AFTER_SIGNED
        self._signed_head = head[:2] + length.to_bytes(2, "big") + head[4:]
        self._attributes = attributes + _INTEGRITY_TLV

    @classmethod
    def of(cls, message: Message) -> SignedTemplate | None:
        """The template of a parsed message, or `None` if it does not end in MESSAGE-INTEGRITY and FINGERPRINT."""
        raw = message.raw
        if (
            message.fingerprint is None
            or message.signed_bytes is None
            or message.signed_bytes != len(raw) - _TAIL
        ):
            return None
        return cls(raw[: _ID.start], raw[HEADER_BYTES:-_TAIL])

    def write(self, transaction_id: bytes, key: bytes) -> bytes:
        """The message with another transaction id, signed.

        Args:
            transaction_id: 12 **bytes**.
            key: HMAC key.

        The message must hold no XORed IPv6 address: its value would be that of the old transaction id.
        """
        rest = transaction_id + self._attributes
        value = hmac_sha1(key, self._signed_head + rest[:-4])
        message = self._head + rest + value
        crc = zlib.crc32(message) ^ FINGERPRINT_XOR
        return message + _FINGERPRINT_TLV + crc.to_bytes(FINGERPRINT_BYTES, "big")

    def matches(self, data: bytes) -> bool:
        """Whether `data` is such a message; who made it is not said by that: `is_authentic`."""
        return (
            data[HEADER_BYTES : -_TAIL + 4] == self._attributes
            and data[: _ID.start] == self._head
            and data[-_AFTER_SIGNED:-FINGERPRINT_BYTES] == _FINGERPRINT_TLV
        )

    def is_authentic(self, data: bytes, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY and FINGERPRINT of a message that `matches` are right.

        Spec: RFC 8489 §9.1.3, §14.5, §14.7.
        """
        if zlib.crc32(data[:-_AFTER_SIGNED]) ^ FINGERPRINT_XOR != int.from_bytes(
            data[-FINGERPRINT_BYTES:], "big"
        ):
            return False
        value = hmac_sha1(key, self._signed_head + data[_ID.start : -_TAIL])
        return equal(value, data[-_TAIL + 4 : -_AFTER_SIGNED])

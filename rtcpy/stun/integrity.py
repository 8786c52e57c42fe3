"""The three attributes computed over the bytes before them: two HMACs and a CRC.

They share one trick that costs every newcomer an hour: the *length field of the header is part of what is
hashed*, and it must count up to the end of the attribute being computed, whatever follows. So each function
here takes the message **up to** its attribute and writes that length itself.

    header(length → end of this attribute) | attributes before it      --HMAC or CRC-->      value

Owned here: computing and comparing. Keys come from `credentials`; where the attributes stand is `message`'s.

Specs: RFC 8489 §14.5 (MESSAGE-INTEGRITY), §14.6 (-SHA256), §14.7 (FINGERPRINT), RFC 2104.
"""

from __future__ import annotations

import hashlib
import zlib
from enum import Enum
from hmac import compare_digest

MESSAGE_INTEGRITY_TYPE = 0x0008  # RFC 8489 §18.3.1
MESSAGE_INTEGRITY_SHA256_TYPE = 0x001C  # RFC 8489 §18.3.2
FINGERPRINT_TYPE = 0x8028  # RFC 8489 §18.3.1

HEADER_BYTES = 20  # RFC 8489 §5
INTEGRITY_BYTES = 20  # HMAC-SHA1, RFC 8489 §14.5
SHA256_BYTES = 32  # HMAC-SHA256 in full, RFC 8489 §14.6
SHA256_MIN_BYTES = 16  # the shortest truncation that a usage may allow, RFC 8489 §14.6
FINGERPRINT_BYTES = 4  # RFC 8489 §14.7
FINGERPRINT_XOR = 0x5354554E  # "STUN": keeps it apart from a CRC-32 of the application's own, RFC 8489 §14.7


HMAC_BLOCK_BYTES = 64  # B: what SHA-1 and SHA-256 both eat at a time, RFC 2104 §2
_INNER = bytes(byte ^ 0x36 for byte in range(256))  # ipad, RFC 2104 §2
_OUTER = bytes(byte ^ 0x5C for byte in range(256))  # opad, RFC 2104 §2


class Integrity(Enum):
    """Which HMAC protects a message. Where both are there, SHA-256 is the one that counts (RFC 8489 §9.1.3)."""

    SHA1 = "MESSAGE-INTEGRITY"
    SHA256 = "MESSAGE-INTEGRITY-SHA256"


def _with_length(before: bytes, attribute_bytes: int) -> bytes:
    """`before` with a header length that ends behind an attribute of `attribute_bytes`, its own header included."""
    length = len(before) - HEADER_BYTES + attribute_bytes
    return before[:2] + length.to_bytes(2, "big") + before[4:]


def hmac_sha1(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA1 by its definition, ``H(K ⊕ opad, H(K ⊕ ipad, text))``: 20 **bytes**.

    Every connectivity check pays for one of these. Written out it takes two thirds of the time of the standard
    library's `hmac.digest`, which fetches an algorithm object per call; a property test holds both equal.

    Spec: RFC 2104 §2.
    """
    sha1 = hashlib.sha1
    key = (sha1(key).digest() if len(key) > HMAC_BLOCK_BYTES else key).ljust(HMAC_BLOCK_BYTES, b"\0")
    return sha1(key.translate(_OUTER) + sha1(key.translate(_INNER) + text).digest()).digest()


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256, the same construction over the other hash: 32 **bytes**. Spec: RFC 2104 §2, RFC 4231."""
    sha256 = hashlib.sha256
    key = (sha256(key).digest() if len(key) > HMAC_BLOCK_BYTES else key).ljust(HMAC_BLOCK_BYTES, b"\0")
    return sha256(key.translate(_OUTER) + sha256(key.translate(_INNER) + text).digest()).digest()


def message_integrity(before: bytes, key: bytes) -> bytes:
    """The 20-byte value of MESSAGE-INTEGRITY.

    Args:
        before: the message from its first byte up to this attribute; its length field may say anything.
        key: from `rtcpy.stun.credentials`.

    Spec: RFC 8489 §14.5.
    """
    return hmac_sha1(key, _with_length(before, 4 + INTEGRITY_BYTES))


def message_integrity_sha256(before: bytes, key: bytes, size: int = SHA256_BYTES) -> bytes:
    """The value of MESSAGE-INTEGRITY-SHA256, cut to its first `size` **bytes** (16…32, a multiple of 4).

    Spec: RFC 8489 §14.6.
    """
    return hmac_sha256(key, _with_length(before, 4 + size))[:size]


def fingerprint(before: bytes) -> int:
    """The 32-bit value of FINGERPRINT over the message `before` it. Spec: RFC 8489 §14.7."""
    return zlib.crc32(_with_length(before, 4 + FINGERPRINT_BYTES)) ^ FINGERPRINT_XOR


def equal(expected: bytes, found: bytes) -> bool:
    """Comparison in constant time, so that a forger learns nothing from how long a refusal took."""
    return compare_digest(expected, found)

"""The HMACs by their definition, the header length inside them, and the CRC."""

from __future__ import annotations

import hmac
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.stun.integrity import (
    fingerprint,
    hmac_sha1,
    hmac_sha256,
    message_integrity,
    message_integrity_sha256,
)

HEADER = bytes.fromhex("0001 0000 2112a442") + bytes(range(12))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hmac_equals_the_standard_library(key: bytes, text: bytes) -> None:
    assert hmac_sha1(key, text) == hmac.digest(key, text, "sha1")
    assert hmac_sha256(key, text) == hmac.digest(key, text, "sha256")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128])
def test_hmac_around_the_block_size(size: int) -> None:
    """RFC 2104 §2: keys up to 64 bytes are padded, longer ones are hashed first."""
    key = bytes(range(size))
    assert hmac_sha1(key, b"text") == hmac.digest(key, b"text", "sha1")
    assert hmac_sha256(key, b"text") == hmac.digest(key, b"text", "sha256")


@pytest.mark.parametrize(
    ("key", "text", "digest"),
    [
        (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        (
            b"\xaa" * 80,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
    ],
)
def test_rfc2202(key: bytes, text: bytes, digest: str) -> None:
    """RFC 2202 §3, test cases 1, 2, 3 and 6."""
    assert hmac_sha1(key, text).hex() == digest


@pytest.mark.parametrize(
    ("key", "text", "digest"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_rfc4231(key: bytes, text: bytes, digest: str) -> None:
    """RFC 4231 §4.2, §4.3 and §4.7."""
    assert hmac_sha256(key, text).hex() == digest


@given(st.integers(0, 0xFFFF), st.integers(0, 20).map(lambda words: bytes(4 * words)))
def test_the_length_field_is_computed_not_believed(length: int, attributes: bytes) -> None:
    """RFC 8489 §14.5–14.7: it counts to the end of the attribute at hand, whatever stands in the header."""
    before = HEADER[:2] + length.to_bytes(2, "big") + HEADER[4:] + attributes

    def with_length(extra: int) -> bytes:
        return HEADER[:2] + (len(attributes) + extra).to_bytes(2, "big") + HEADER[4:] + attributes

    assert message_integrity(before, b"k") == hmac.digest(b"k", with_length(24), "sha1")
    assert message_integrity_sha256(before, b"k") == hmac.digest(b"k", with_length(36), "sha256")
    # A truncated value makes the attribute, and so the length, shorter.
    assert message_integrity_sha256(before, b"k", 16) == hmac.digest(b"k", with_length(20), "sha256")[:16]
    assert fingerprint(before) == zlib.crc32(with_length(8)) ^ 0x5354554E


def test_the_mask_of_fingerprint_says_stun() -> None:
    assert (fingerprint(HEADER) ^ zlib.crc32(HEADER[:2] + b"\0\x08" + HEADER[4:])).to_bytes(
        4, "big"
    ) == b"STUN"

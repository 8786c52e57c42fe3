"""The DER of a certificate that signs itself: the one shape that WebRTC needs, written down directly.

Owns the encoding of our own certificates. What is in them, and everything about the peer's, is in `certificate`. A
general builder of certificates costs more time than the key and the signature together, for a structure in which
four fields vary.

Specs: RFC 5280 §4.1 (the structure, `Certificate` and `TBSCertificate`), ITU-T X.690 §8, §10 (DER); RFC 5758 §3.2 and
RFC 4055 §5 (the algorithm identifiers).
"""

from __future__ import annotations

import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

INTEGER, BIT_STRING, UTF8_STRING, UTC_TIME, GENERALIZED_TIME = 0x02, 0x03, 0x0C, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

VERSION_3 = bytes.fromhex("a003020102")  # [0] EXPLICIT INTEGER 2: what everybody sends, extensions or not
COMMON_NAME = bytes.fromhex("0603550403")  # OID 2.5.4.3
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # OID 1.2.840.10045.4.3.2, no parameters
RSA_WITH_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")  # OID 1.2.840.113549.1.1.11, NULL
UTC_TIME_YEARS = range(1950, 2050)  # RFC 5280 §4.1.2.5: the others are GeneralizedTime

# RFC 6979: a deterministic nonce, so that a seeded run repeats and no bad nonce can leak the key.
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def self_signed(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    *,
    serial: int,
    common_name: str,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
) -> bytes:
    """The DER bytes of a certificate whose issuer is its subject.

    Args:
        key: ours; it signs with SHA-256.
        serial: positive, at most 20 **bytes** (RFC 5280 §4.1.2.2).
        common_name: the only part of both names; RFC 5280 allows 64 characters.
        not_before: first second of validity, UTC.
        not_after: the last.
    """
    algorithm = ECDSA_WITH_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_WITH_SHA256
    attribute = encode(SEQUENCE, COMMON_NAME + encode(UTF8_STRING, common_name.encode()))
    name = encode(SEQUENCE, encode(SET, attribute))
    signed = encode(
        SEQUENCE,
        VERSION_3
        + encode(INTEGER, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
        + algorithm
        + name
        + encode(SEQUENCE, encode_time(not_before) + encode_time(not_after))
        + name
        + key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(signed, _ECDSA)
    else:
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return encode(SEQUENCE, signed + algorithm + encode(BIT_STRING, b"\0" + signature))


def encode(tag: int, content: bytes) -> bytes:
    """Tag, length in its shortest form, content. Spec: X.690 §8.1.3, §10.1."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_time(moment: datetime.datetime) -> bytes:
    """Two digits of the year where they suffice, four elsewhere. Spec: RFC 5280 §4.1.2.5."""
    digits = f"{moment.year:04}{moment.month:02}{moment.day:02}{moment.hour:02}{moment.minute:02}{moment.second:02}Z"
    if moment.year in UTC_TIME_YEARS:
        return encode(UTC_TIME, digits[2:].encode())
    return encode(GENERALIZED_TIME, digits.encode())

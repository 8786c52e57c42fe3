"""Signatures in the handshake: which schemes exist, which key can make which, sign and verify.

TLS 1.2 writes a scheme as a pair (hash, algorithm); DTLS 1.3 reads the same two bytes as one name, and so do
we. In 1.2 an ECDSA scheme says nothing about the curve (RFC 8446 §4.2.3).

Specs: RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3 (PSS in TLS 1.2), RFC 8422 §5.10, RFC 6979 (deterministic ECDSA).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from rtcpy.core.errors import CryptoError
from rtcpy.dtls.certificate import PrivateKey, PublicKey


class SignatureScheme(IntEnum):
    """TLS SignatureScheme (IANA): what we sign and accept. SHA-1 and MD5 are not here (RFC 9155 §2)."""

    RSA_PKCS1_SHA256 = 0x0401
    ECDSA_SECP256R1_SHA256 = 0x0403
    RSA_PKCS1_SHA384 = 0x0501
    ECDSA_SECP384R1_SHA384 = 0x0503
    RSA_PKCS1_SHA512 = 0x0601
    ECDSA_SECP521R1_SHA512 = 0x0603
    RSA_PSS_RSAE_SHA256 = 0x0804
    RSA_PSS_RSAE_SHA384 = 0x0805
    RSA_PSS_RSAE_SHA512 = 0x0806


ACCEPTED_SCHEMES = (
    SignatureScheme.ECDSA_SECP256R1_SHA256,
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.RSA_PKCS1_SHA256,
    SignatureScheme.ECDSA_SECP384R1_SHA384,
    SignatureScheme.RSA_PSS_RSAE_SHA384,
    SignatureScheme.RSA_PKCS1_SHA384,
    SignatureScheme.ECDSA_SECP521R1_SHA512,
    SignatureScheme.RSA_PSS_RSAE_SHA512,
    SignatureScheme.RSA_PKCS1_SHA512,
)
"""What signature_algorithms and CertificateRequest offer, in order of preference."""

ECDSA_SCHEMES = tuple(s for s in ACCEPTED_SCHEMES if s & 0xFF == 3)
# PKCS #1 v1.5 first: it is deterministic. PSS draws a salt inside the library, so a handshake in which the
# peer accepts nothing but PSS is the one that does not repeat under a seed.
RSA_SCHEMES = (
    SignatureScheme.RSA_PKCS1_SHA256,
    SignatureScheme.RSA_PKCS1_SHA384,
    SignatureScheme.RSA_PKCS1_SHA512,
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.RSA_PSS_RSAE_SHA384,
    SignatureScheme.RSA_PSS_RSAE_SHA512,
)

_Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_HASHES: dict[int, _Hash] = {
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}  # by the hash byte, RFC 5246 §7.4.1.4.1


def _hash(scheme: SignatureScheme) -> _Hash:
    return _HASHES[scheme & 0xFF if scheme >> 8 == 8 else scheme >> 8]


def _rsa_padding(scheme: SignatureScheme) -> padding.PSS | padding.PKCS1v15:
    """PSS salts are as long as the digest (RFC 8446 §4.2.3)."""
    if scheme >> 8 != 8:
        return padding.PKCS1v15()
    digest = _hash(scheme)
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


def choose_scheme(is_rsa: bool, offered: Sequence[int]) -> SignatureScheme | None:
    """Our best scheme for a key of that kind which the peer accepts, or None. Spec: RFC 5246 §7.4.3, §7.4.8."""
    for scheme in RSA_SCHEMES if is_rsa else ECDSA_SCHEMES:
        if scheme in offered:
            return scheme
    return None


def sign(key: PrivateKey, scheme: SignatureScheme, parts: Iterable[bytes]) -> bytes:
    """Sign the concatenation of `parts`."""
    data = b"".join(parts)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _rsa_padding(scheme), _hash(scheme))
    return key.sign(data, ec.ECDSA(_hash(scheme), deterministic_signing=True))


def verify(key: PublicKey, scheme: int, signature: bytes, parts: Iterable[bytes]) -> None:
    """Check the peer's signature over the concatenation of `parts`.

    Raises:
        CryptoError: the scheme is none that we offered or does not fit the key, or the signature is wrong.

    Spec: RFC 5246 §4.7, §7.4.3.
    """
    if scheme not in ACCEPTED_SCHEMES:
        raise CryptoError(f"signature scheme {scheme:#06x} was not offered (RFC 5246 §7.4.3)")
    known = SignatureScheme(scheme)
    data = b"".join(parts)
    try:
        if isinstance(key, rsa.RSAPublicKey) and known in RSA_SCHEMES:
            key.verify(signature, data, _rsa_padding(known), _hash(known))
        elif isinstance(key, ec.EllipticCurvePublicKey) and known in ECDSA_SCHEMES:
            key.verify(signature, data, ec.ECDSA(_hash(known)))
        else:
            raise CryptoError(f"{known.name} does not fit the key of the certificate (RFC 5246 §7.4.3)")
    except (InvalidSignature, ValueError):
        raise CryptoError(f"the peer's {known.name} signature is wrong (RFC 5246 §4.7)") from None

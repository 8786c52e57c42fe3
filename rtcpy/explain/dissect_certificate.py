"""An X.509 certificate in a line: whose it says it is, until when, which key, and the hash that SDP announces.

Certificates are parsed by `cryptography` alone, here as in the stack; their DER stays one leaf.

Specs: RFC 5280 §4.1 (certificates), RFC 8122 §5 (fingerprints).
"""

from __future__ import annotations

import hashlib
import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rtcpy.explain.words import quoted

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def outline(der: bytes) -> str:
    """Subject, validity, key and SHA-256 fingerprint; the fingerprint alone if the rest cannot be read."""
    fingerprint = f"sha-256 {hashlib.sha256(der).digest().hex(':').upper()}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about certificates that are only just readable
            certificate = x509.load_der_x509_certificate(der)
            subject = certificate.subject.rfc4514_string()
            begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            key = _key(certificate)
            own = certificate.subject == certificate.issuer
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        return f"not readable: {quoted(str(error), 80)}; {fingerprint}"
    issuer = "self-signed" if own else "signed by another"
    return f"{quoted(subject)}, {issuer}, {key}, valid {begin:%Y-%m-%d} to {end:%Y-%m-%d}; {fingerprint}"


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"{_CURVES.get(key.curve.name, key.curve.name)} key"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA key of {key.key_size} bits"
    return "Ed25519 key" if isinstance(key, ed25519.Ed25519PublicKey) else "a key of another kind"

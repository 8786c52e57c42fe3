"""Certificates and fingerprints."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import FixedClock, SeededEntropy, SystemEntropy
from rtcpy.core.errors import RtcSyntaxError
from rtcpy.dtls import Certificate, Fingerprint, FingerprintMismatchError
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.certificate import (
    HASH_LENGTHS,
    KNOWN_HASHES,
    TRUSTED_HASHES,
    check_fingerprints,
    fingerprint_of,
    load_public_key,
)
from tests.dtls.link import certificate

LIBRARY = {"sha-1": hashes.SHA1, "sha-224": hashes.SHA224, "sha-256": hashes.SHA256, "sha-384": hashes.SHA384}
LIBRARY["sha-512"] = hashes.SHA512


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_generate(kind: str) -> None:
    made = certificate("some", kind)
    parsed = x509.load_der_x509_certificate(made.der)
    parsed.verify_directly_issued_by(parsed)
    assert made.is_rsa == (kind == "rsa") == isinstance(parsed.public_key(), rsa.RSAPublicKey)
    now = datetime.datetime.fromtimestamp(FixedClock().unix_time(), tz=datetime.UTC)
    assert parsed.not_valid_before_utc < now < parsed.not_valid_after_utc
    assert made.expires == parsed.not_valid_after_utc.timestamp()
    assert parsed.serial_number.bit_length() == 64
    for algorithm, digest in LIBRARY.items():
        expected = parsed.fingerprint(digest()).hex(":").upper()
        assert made.fingerprint(algorithm) == Fingerprint(algorithm, expected)
        assert made.fingerprint(algorithm) is made.fingerprint(algorithm), "cached"


def test_generation_repeats_under_a_seed_and_differs_between_seeds() -> None:
    def make(seed: int, kind: str) -> bytes:
        return Certificate.generate(SeededEntropy(seed), FixedClock(), kind).der  # type: ignore[arg-type]

    assert make(1, "ecdsa") == make(1, "ecdsa") != make(2, "ecdsa")
    assert make(1, "rsa") == make(1, "rsa") != make(2, "rsa")


def test_system_entropy_and_wrong_key_type() -> None:
    for kind in ("ecdsa", "rsa"):
        made = Certificate.generate(SystemEntropy(), FixedClock(), kind)  # type: ignore[arg-type]
        load_public_key(made.der)
    with pytest.raises(ValueError, match="key_type"):
        Certificate.generate(SystemEntropy(), FixedClock(), "dsa")  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", KNOWN_HASHES)
def test_every_algorithm_of_rfc_8122_parses(algorithm: str) -> None:
    value = ":".join(["AB"] * HASH_LENGTHS[algorithm])
    for text in (f"{algorithm} {value}", f"{algorithm.upper()} {value.lower()}"):
        assert Fingerprint.parse(text) == Fingerprint(algorithm, value)
    assert str(Fingerprint.parse(f"{algorithm} {value}")) == f"{algorithm} {value}"
    with pytest.raises(RtcSyntaxError):
        Fingerprint.parse(f"{algorithm} {value}:AB")


@pytest.mark.parametrize(
    "text", ["", "sha-256", "sha-256 ", " AB", "sha-256 AB", "sha-256 A:B", "token XY", "x AB:"]
)
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(RtcSyntaxError):
        Fingerprint.parse(text)


@given(st.text(max_size=80))
def test_arbitrary_text(text: str) -> None:
    try:
        parsed = Fingerprint.parse(text)
    except RtcSyntaxError:
        return
    assert Fingerprint.parse(str(parsed)) == parsed


@pytest.mark.parametrize("algorithm", TRUSTED_HASHES)
def test_trusted_hashes_match(algorithm: str) -> None:
    der = certificate("some").der
    right = fingerprint_of(der, algorithm)
    wrong = fingerprint_of(b"another", algorithm)
    assert check_fingerprints(der, [wrong, right]) == right
    with pytest.raises(FingerprintMismatchError):
        check_fingerprints(der, [wrong])


@pytest.mark.parametrize("algorithm", ["sha-224", "sha-1"])
def test_weak_hashes_never_match(algorithm: str) -> None:
    der = certificate("some").der
    with pytest.raises(FingerprintMismatchError):
        check_fingerprints(der, [fingerprint_of(der, algorithm)])


@pytest.mark.parametrize("algorithm", ["md5", "md2"])
def test_md5_and_md2_are_not_even_computed(algorithm: str) -> None:
    """RFC 8122 §5: MUST NOT be used to calculate or to verify."""
    der = certificate("some").der
    with pytest.raises(KeyError):
        fingerprint_of(der, algorithm)
    with pytest.raises(FingerprintMismatchError):
        check_fingerprints(der, [Fingerprint(algorithm, ":".join(["AB"] * 16))])


def test_the_strongest_hash_decides() -> None:
    """RFC 8122 §5.1: a right SHA-256 does not excuse a wrong SHA-512."""
    der = certificate("some").der
    right256, wrong512 = fingerprint_of(der), fingerprint_of(b"another", "sha-512")
    for offered in ([right256, wrong512], [wrong512, right256], []):
        with pytest.raises(FingerprintMismatchError):
            check_fingerprints(der, offered)
    assert check_fingerprints(der, [fingerprint_of(b"another", "sha-1"), right256]) == right256


@given(st.binary(max_size=100))
def test_arbitrary_certificates(data: bytes) -> None:
    with pytest.raises(DtlsRuleError) as error:
        load_public_key(data)
    assert error.value.alert is AlertDescription.BAD_CERTIFICATE


@given(st.data())
def test_damaged_certificates(data: st.DataObject) -> None:
    """`cryptography` parses them, or it is a bad certificate; no other exception gets out."""
    der = bytearray(certificate("some", data.draw(st.sampled_from(["ecdsa", "rsa"]))).der)
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        load_public_key(bytes(der))
    except DtlsRuleError as refused:
        error = refused
    else:
        return
    assert error.alert in (AlertDescription.BAD_CERTIFICATE, AlertDescription.UNSUPPORTED_CERTIFICATE)


def _signed(key: object) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.public_key(key.public_key()).sign(key, algorithm).public_bytes(Encoding.DER)  # type: ignore[attr-defined, arg-type]


def test_keys_that_are_not_accepted() -> None:
    refused = [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
    ]
    for key in refused:
        with pytest.raises(DtlsRuleError) as error:
            load_public_key(_signed(key))
        assert error.value.alert is AlertDescription.UNSUPPORTED_CERTIFICATE
    load_public_key(_signed(ec.generate_private_key(ec.SECP384R1())))

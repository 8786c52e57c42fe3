"""Groups, signatures and the key schedule, each against `cryptography` or against its other end."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import CryptoError, InvalidAccessError
from rtcpy.dtls import CipherSuite, NamedGroup, SrtpProfile
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.client12 import is_downgraded
from rtcpy.dtls.groups import KeyShare
from rtcpy.dtls.keys12 import RESERVED_LABELS, SUITES, KeySchedule, prf
from rtcpy.dtls.signatures import (
    ACCEPTED_SCHEMES,
    ECDSA_SCHEMES,
    RSA_SCHEMES,
    SignatureScheme,
    choose_scheme,
    sign,
    verify,
)
from tests.dtls.link import certificate

# -- groups -------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", NamedGroup)
def test_both_ends_get_the_same_secret(group: NamedGroup) -> None:
    a, b = KeyShare(group, SeededEntropy(1)), KeyShare(group, SeededEntropy(2))
    assert a.public != b.public
    assert a.exchange(b.public) == b.exchange(a.public)
    assert KeyShare(group, SeededEntropy(1)).public == a.public


def test_exchange_with_the_library() -> None:
    x = X25519PrivateKey.generate()
    share = KeyShare(NamedGroup.X25519, SeededEntropy(1))
    expected = x.exchange(X25519PublicKey.from_public_bytes(share.public))
    assert share.exchange(x.public_key().public_bytes_raw()) == expected
    p = ec.generate_private_key(ec.SECP256R1())
    share = KeyShare(NamedGroup.SECP256R1, SeededEntropy(1))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share.public)
    public = p.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert share.exchange(public) == p.exchange(ec.ECDH(), point)


@pytest.mark.parametrize("group", NamedGroup)
def test_invalid_public_values(group: NamedGroup) -> None:
    """RFC 8422 §5.11: off the curve, of small order, compressed, of the wrong length."""
    share = KeyShare(group, SeededEntropy(1))
    bad = [b"", b"\0", bytes(31), bytes(32), bytes(64), bytes(65), b"\x04" + bytes(64), share.public + b"\0"]
    if group is NamedGroup.SECP256R1:
        compressed = bytes([2 + (share.public[64] & 1)]) + share.public[1:33]
        bad += [compressed, share.public[:-1] + bytes([share.public[-1] ^ 1])]
    else:
        bad += [b"\x01" + bytes(31)]
    for public in bad:
        with pytest.raises(DtlsRuleError) as error:
            share.exchange(public)
        assert error.value.alert is AlertDescription.ILLEGAL_PARAMETER


# -- signatures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_signatures(scheme: SignatureScheme) -> None:
    kind = "rsa" if scheme in RSA_SCHEMES else "ecdsa"
    key = certificate("signer", kind).private_key
    signature = sign(key, scheme, (b"one", b"two"))
    verify(key.public_key(), scheme, signature, (b"onet", b"wo"))
    for bad in (signature[:-1], signature[:-1] + bytes([signature[-1] ^ 1]), b"", bytes(len(signature))):
        with pytest.raises(CryptoError):
            verify(key.public_key(), scheme, bad, (b"onetwo",))
    with pytest.raises(CryptoError):
        verify(key.public_key(), scheme, signature, (b"another",))
    other = certificate("signer", "ecdsa" if kind == "rsa" else "rsa").private_key.public_key()
    with pytest.raises(CryptoError, match="does not fit"):
        verify(other, scheme, signature, (b"onetwo",))
    if "PSS" not in scheme.name:
        assert sign(key, scheme, (b"onetwo",)) == signature, "deterministic"


def test_schemes_that_were_not_offered() -> None:
    key = certificate("signer").private_key
    for scheme in (0x0203, 0x0201, 0x0101, 0xFFFF):  # SHA-1, MD5, nonsense
        with pytest.raises(CryptoError, match="not offered"):
            verify(key.public_key(), scheme, b"", (b"",))


def test_choice_of_scheme() -> None:
    assert choose_scheme(False, ACCEPTED_SCHEMES) is SignatureScheme.ECDSA_SECP256R1_SHA256
    assert choose_scheme(True, ACCEPTED_SCHEMES) is SignatureScheme.RSA_PKCS1_SHA256
    assert choose_scheme(True, [0x0806]) is SignatureScheme.RSA_PSS_RSAE_SHA512
    assert choose_scheme(True, ECDSA_SCHEMES) is None
    assert choose_scheme(False, [0x0203, *RSA_SCHEMES]) is None
    assert set(RSA_SCHEMES) | set(ECDSA_SCHEMES) == set(ACCEPTED_SCHEMES) == set(SignatureScheme)


# -- key schedule ---------------------------------------------------------------------------------


def _schedule(suite: CipherSuite) -> KeySchedule:
    return KeySchedule.derive(suite, b"c" * 32, b"s" * 32, b"pre-master", b"transcript")


@given(st.binary(max_size=80), st.binary(max_size=20), st.binary(max_size=80), st.integers(0, 200))
def test_prf_is_a_stream(secret: bytes, label: bytes, seed: bytes, length: int) -> None:
    whole = prf("sha256", secret, label, seed, 200)
    assert prf("sha256", secret, label, seed, length) == whole[:length]
    assert prf("sha256", secret, label + seed, b"", length) == whole[:length]


def test_the_extended_master_secret_depends_on_the_whole_handshake() -> None:
    """RFC 7627 §4; the values themselves are checked against OpenSSL in test_pyopenssl."""
    suite = CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    keys = _schedule(suite)
    digest = hashlib.sha256(b"transcript").digest()
    assert keys.master_secret == prf("sha256", b"pre-master", b"extended master secret", digest, 48)
    assert (
        keys.master_secret
        != KeySchedule.derive(suite, b"c" * 32, b"s" * 32, b"pre-master", b"x").master_secret
    )


@pytest.mark.parametrize("suite", CipherSuite, ids=lambda s: s.name)
def test_key_block(suite: CipherSuite) -> None:
    block, p = _schedule(suite).key_block(), SUITES[suite]
    assert [len(block.client_key), len(block.client_iv)] == [p.key_length, p.fixed_iv_length]
    assert [len(block.server_key), len(block.server_iv)] == [p.key_length, p.fixed_iv_length]
    assert len({block.client_key, block.server_key}) == len({block.client_iv, block.server_iv}) == 2


def test_secrets_do_not_show() -> None:
    keys = _schedule(CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
    assert repr(keys.master_secret) not in repr(keys) and "master" not in repr(keys)
    assert repr(keys.key_block()) == "KeyBlock()"


def test_exporter_arguments() -> None:
    keys = _schedule(CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
    for label in ("", "schlüssel", *RESERVED_LABELS):
        with pytest.raises(InvalidAccessError):
            keys.export(label, None, 16)
    for length in (0, -1, 4097):
        with pytest.raises(InvalidAccessError):
            keys.export("EXPERIMENTAL x", None, length)
    with pytest.raises(InvalidAccessError):
        keys.export("EXPERIMENTAL x", bytes(65536), 16)
    assert len({keys.export("EXPERIMENTAL x", c, 16) for c in (None, b"", b"\0", bytes(65535))}) == 4


@pytest.mark.parametrize("profile", SrtpProfile)
def test_srtp_key_lengths(profile: SrtpProfile) -> None:
    """RFC 5764 §4.1.2, RFC 7714 §12."""
    expected = {1: (16, 14), 2: (16, 14), 7: (16, 12), 8: (32, 12)}[profile]
    keys = _schedule(CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256).srtp_keys(profile)
    assert [len(k) for k in keys] == [expected[0], expected[0], expected[1], expected[1]]


# -- downgrade sentinel -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail", "negotiated", "highest", "expected"),
    [
        (b"DOWNGRD\x01", 0xFEFD, 0xFEFD, False),  # Chromium to any 1.2 client
        (b"DOWNGRD\x01", 0xFEFD, 0xFEFC, True),
        (b"DOWNGRD\x00", 0xFEFF, 0xFEFD, True),
        (b"DOWNGRD\x01", 0xFEFF, 0xFEFD, True),
        (b"DOWNGRD\x02", 0xFEFD, 0xFEFC, False),
        (bytes(8), 0xFEFF, 0xFEFC, False),
        (b"DOWNGRD\x01", 0xFEFC, 0xFEFC, False),
    ],
)
def test_downgrade_sentinel(tail: bytes, negotiated: int, highest: int, expected: bool) -> None:
    """RFC 8446 §4.1.3."""
    assert is_downgraded(bytes(24) + tail, negotiated, highest) is expected

"""The DER of our own certificates, against a general builder of certificates."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.dtls.selfsigned import encode, encode_time, self_signed

EC_KEY = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
MOMENTS = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2200, 1, 1)).map(
    lambda t: t.replace(microsecond=0, tzinfo=datetime.UTC)
)


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
@given(
    serial=st.integers(1, (1 << 159) - 1),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=16),
    start=MOMENTS,
    days=st.integers(0, 400),
)
def test_it_is_what_a_builder_makes(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    serial: int,
    name: str,
    start: datetime.datetime,
    days: int,
) -> None:
    end = start + datetime.timedelta(days=days)
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(names).issuer_name(names).serial_number(serial)
    builder = builder.not_valid_before(start).not_valid_after(end).public_key(key.public_key())
    deterministic = True if isinstance(key, ec.EllipticCurvePrivateKey) else None
    theirs = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=deterministic)
    ours = self_signed(key, serial=serial, common_name=name, not_before=start, not_after=end)
    assert ours == theirs.public_bytes(Encoding.DER)
    x509.load_der_x509_certificate(ours).verify_directly_issued_by(theirs)


@pytest.mark.parametrize(
    ("size", "head"), [(0, "3000"), (127, "307f"), (128, "308180"), (255, "3081ff"), (256, "30820100")]
)
def test_lengths_take_their_shortest_form(size: int, head: str) -> None:
    assert encode(0x30, bytes(size)) == bytes.fromhex(head) + bytes(size)


@pytest.mark.parametrize(("year", "tag"), [(1949, 0x18), (1950, 0x17), (2049, 0x17), (2050, 0x18)])
def test_years_outside_the_century_of_utc_time_have_four_digits(year: int, tag: int) -> None:
    moment = datetime.datetime(year, 12, 31, 23, 59, 58, tzinfo=datetime.UTC)
    digits = f"{year}1231235958Z".encode()
    assert encode_time(moment) == encode(tag, digits[2:] if tag == 0x17 else digits)

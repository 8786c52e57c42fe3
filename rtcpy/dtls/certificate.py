"""Certificates: our own, self-signed; the peer's, judged by fingerprint alone.

WebRTC authenticates by fingerprint in the signalled description, not by any authority (RFC 8827 §6.5), so
names, dates and chains mean nothing here; the hash of the leaf's DER bytes and the key inside do. Peers'
certificates are parsed by `cryptography` only.

Our own are made through `Entropy` and `WallClock`: given a seed and a fixed clock, the same certificate comes
out, byte for byte. For RSA under a seed the primes are searched for here, since libraries draw their own
randomness. With `SystemEntropy` the library's audited generator is used for both kinds.

Specs: RFC 8122 §5 (fingerprints), RFC 5280 §4.1, RFC 5763 §6.2, W3C webrtc §4.9 (generateCertificate).
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rtcpy.core.env import Entropy, SystemEntropy, WallClock, random_integer
from rtcpy.core.errors import CryptoError, RtcSyntaxError
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.selfsigned import self_signed

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

VALIDITY_DAYS = 30  # W3C webrtc §4.9.1: user agents use 30 days by default
CLOCK_SKEW_DAYS = 1  # not_before lies this far back, so that a peer with a slow clock finds it valid
RSA_BITS = 2048  # W3C webrtc §4.9: RSASSA-PKCS1-v1_5 with modulusLength 2048 must be supported
RSA_BITS_MINIMUM = 2048  # RFC 9325 §4.5
RSA_BITS_MAXIMUM = 8192  # bounds the work that a peer's certificate can cause
RSA_EXPONENT = 65537  # FIPS 186-5 §5.1 wants an odd public exponent above 2¹⁶; this is everyone's
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # n of SEC 2 §2.4.2

TRUSTED_HASHES = ("sha-512", "sha-384", "sha-256")
"""Hashes that may vouch for a certificate, strongest first. A constant list: no peer can add to it."""
KNOWN_HASHES = (*TRUSTED_HASHES, "sha-224", "sha-1", "md5", "md2")
"""All of RFC 8122 §5. The weaker ones parse, and never match: MD5 and MD2 by that section, the rest by ours."""
HASH_LENGTHS = {"sha-512": 64, "sha-384": 48, "sha-256": 32, "sha-224": 28, "sha-1": 20, "md5": 16, "md2": 16}
_PUBLIC_HASHES = {
    "sha-512": hashlib.sha512,
    "sha-384": hashlib.sha384,
    "sha-256": hashlib.sha256,
    "sha-224": hashlib.sha224,
    "sha-1": hashlib.sha1,
}


_HEX_PAIRS = re.compile("[0-9A-F]{2}(?::[0-9A-F]{2})*")


class FingerprintMismatchError(CryptoError):
    """No trusted fingerprint of the description belongs to the certificate that the peer presented."""


@dataclass(slots=True, unsafe_hash=True)
class Fingerprint:
    """``a=fingerprint:algorithm value``; `algorithm` in lower case, `value` as upper-case hex pairs with colons."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        self.algorithm = self.algorithm.lower()
        self.value = self.value.upper()

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Read ``"sha-256 AB:CD:…"``. Lower-case hex is taken too: RFC 4572 peers send it.

        Raises:
            RtcSyntaxError: not of that form, or a length that its hash cannot have.

        Spec: RFC 8122 §5, Figure 2.
        """
        algorithm, _, value = text.strip(" ").partition(" ")
        made = cls(algorithm, value)
        digest = made.digest()
        expected = HASH_LENGTHS.get(made.algorithm)
        if not algorithm or digest is None or (expected is not None and len(digest) != expected):
            raise RtcSyntaxError(f"{text[:200]!r} is no certificate fingerprint (RFC 8122 §5)")
        return made

    def digest(self) -> bytes | None:
        """The hash as bytes, or None when `value` is not hex pairs with colons."""
        if _HEX_PAIRS.fullmatch(self.value) is None:
            return None
        return bytes.fromhex(self.value.replace(":", ""))

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


def fingerprint_of(der: bytes, algorithm: str = "sha-256") -> Fingerprint:
    """The fingerprint of a certificate's DER bytes. Raises KeyError for hashes that may not be computed (md5, md2).

    Spec: RFC 8122 §5.
    """
    digest = _PUBLIC_HASHES[algorithm.lower()](der).hexdigest().upper()
    return Fingerprint(algorithm, ":".join([digest[i : i + 2] for i in range(0, len(digest), 2)]))


def check_fingerprints(der: bytes, offered: Iterable[Fingerprint]) -> Fingerprint:
    """Return the offered fingerprint that `der` matches.

    Of the hashes that the description offers, only the strongest one trusted counts: a set that mixes a
    correct SHA-256 with a wrong SHA-512 is refused. Comparison takes constant time.

    Raises:
        FingerprintMismatchError: nothing trusted was offered, or nothing of it matches.

    Spec: RFC 8122 §5.1 (the set with the most preferred hash decides).
    """
    by_hash: dict[str, list[Fingerprint]] = {}
    for fingerprint in offered:
        by_hash.setdefault(fingerprint.algorithm, []).append(fingerprint)
    for algorithm in TRUSTED_HASHES:
        if algorithm not in by_hash:
            continue
        actual = _PUBLIC_HASHES[algorithm](der).digest()
        for fingerprint in by_hash[algorithm]:
            digest = fingerprint.digest()
            if digest is not None and hmac.compare_digest(actual, digest):
                return fingerprint
        raise FingerprintMismatchError(
            f"the peer's certificate has {fingerprint_of(der, algorithm)}, the description promised "
            f"{' or '.join(str(f)[:160] for f in by_hash[algorithm][:4])} (RFC 8122 §5.1)"
        )
    names = ", ".join(sorted(by_hash)[:8]) or "nothing"
    raise FingerprintMismatchError(
        f"the description offers {names}; one of {', '.join(TRUSTED_HASHES)} is needed (RFC 8122 §5)"
    )


class Certificate:
    """Our own certificate with its private key. Make one per process or per call and share it between connections.

    Everything that a handshake needs over and over (DER bytes, fingerprints) is computed once.
    """

    __slots__ = ("_expires", "_fingerprints", "_private_key", "der")

    def __init__(self, private_key: PrivateKey, der: bytes, expires: float) -> None:
        self._private_key = private_key
        self._expires = expires
        self.der = der
        self._fingerprints: dict[str, Fingerprint] = {}

    @classmethod
    def generate(
        cls, entropy: Entropy, wall_clock: WallClock, key_type: Literal["ecdsa", "rsa"] = "ecdsa"
    ) -> Certificate:
        """Make a key and a certificate signed by itself, valid from a day ago for 30 days.

        Args:
            entropy: source of the key, the serial number and the name.
            wall_clock: for the validity dates.
            key_type: ``"ecdsa"`` (P-256, what browsers make by default) or ``"rsa"`` (2048 bits).

        Spec: RFC 5280 §4.1, W3C webrtc §4.9.1.
        """
        if key_type not in ("ecdsa", "rsa"):
            raise ValueError(f"key_type is {key_type!r}, expected 'ecdsa' or 'rsa'")
        key: PrivateKey = p256_key(entropy) if key_type == "ecdsa" else _rsa_key(entropy)
        # The name means nothing (RFC 5763 §5), so it is random and tells nothing; RFC 5280 §4.1.2.2 wants a
        # positive serial number of at most 20 bytes.
        serial = random_integer(entropy, 63) | 1 << 63
        name = f"WebRTC {entropy.token(8).hex()}"
        today = datetime.datetime.fromtimestamp(int(wall_clock.unix_time()), tz=datetime.UTC)
        expires = today + datetime.timedelta(days=VALIDITY_DAYS)
        der = self_signed(
            key,
            serial=serial,
            common_name=name,
            not_before=today - datetime.timedelta(days=CLOCK_SKEW_DAYS),
            not_after=expires,
        )
        return cls(key, der, expires.timestamp())

    @property
    def is_rsa(self) -> bool:
        """Whether the key is RSA; else it is ECDSA on P-256."""
        return isinstance(self._private_key, rsa.RSAPrivateKey)

    @property
    def private_key(self) -> PrivateKey:
        """The private key, for signing."""
        return self._private_key

    @property
    def expires(self) -> float:
        """End of validity, in seconds since 1970-01-01T00:00Z (W3C's `expires` counts milliseconds)."""
        return self._expires

    def fingerprint(self, algorithm: str = "sha-256") -> Fingerprint:
        """Our fingerprint, as it goes into the description. Cached."""
        found = self._fingerprints.get(algorithm)
        if found is None:
            found = self._fingerprints[algorithm] = fingerprint_of(self.der, algorithm)
        return found


def p256_key(entropy: Entropy) -> ec.EllipticCurvePrivateKey:
    """A P-256 key: from the library if `entropy` is the system's, else from 320 random bits.

    The 64 spare bits make the reduction's bias negligible (FIPS 186-5 §A.2.1).
    """
    if isinstance(entropy, SystemEntropy):
        return ec.generate_private_key(ec.SECP256R1())
    scalar = random_integer(entropy, 320) % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def _rsa_key(entropy: Entropy) -> rsa.RSAPrivateKey:
    """An RSA key: from the library if `entropy` is the system's, else from primes found with `entropy`."""
    if isinstance(entropy, SystemEntropy):
        return rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)
    p = _prime(entropy, RSA_BITS // 2)
    q = p
    while abs(p - q) >> (RSA_BITS // 2 - 100) == 0:  # FIPS 186-5 §A.1.3: far apart
        q = _prime(entropy, RSA_BITS // 2)
    p, q = max(p, q), min(p, q)
    d = pow(RSA_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(RSA_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key()


_SMALL_PRIMES = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))


def _prime(entropy: Entropy, bits: int) -> int:
    """A random prime with its two top bits set, by Miller–Rabin (FIPS 186-5 §B.3.1).

    Error below 2⁻⁸⁰ already after 3 rounds at this size (same standard, table B.1); 8 are made.
    """
    while True:
        n = random_integer(entropy, bits) | 3 << (bits - 2) | 1
        if (n - 1) % RSA_EXPONENT and all(n % small for small in _SMALL_PRIMES):
            if all(_passes(n, random_integer(entropy, bits - 2) + 2) for _ in range(8)):
                return n


def _passes(n: int, base: int) -> bool:
    """One Miller–Rabin round: whether `n` looks prime to `base`."""
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    x = pow(base, (n - 1) >> twos, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


def load_public_key(der: bytes) -> PublicKey:
    """The public key inside a peer's certificate.

    Raises:
        DtlsRuleError: bad_certificate if it does not parse, unsupported_certificate for a key we cannot use.

    Spec: RFC 5246 §7.4.2, RFC 8422 §5.3.
    """
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception as error:  # noqa: BLE001 - ValueError, InvalidVersion, UnsupportedAlgorithm, …: the list is not ours
        raise DtlsRuleError(
            f"the peer's certificate does not parse: {error}"[:300],
            AlertDescription.BAD_CERTIFICATE,
            rfc="RFC 5246 §7.4.2",
        ) from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    ):
        return key
    if isinstance(key, rsa.RSAPublicKey) and RSA_BITS_MINIMUM <= key.key_size <= RSA_BITS_MAXIMUM:
        return key
    raise DtlsRuleError(
        f"the peer's certificate holds a {type(key).__name__} that is not accepted",
        AlertDescription.UNSUPPORTED_CERTIFICATE,
        rfc="RFC 5246 §7.2.2",
    )

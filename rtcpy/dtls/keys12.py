"""The key schedule of TLS 1.2: one PRF, and what is drawn from it.

Everything hangs on the master secret: pre-master secret and handshake hash go in (extended master secret),
and the key block, both Finished values and exported keys come out:

    ECDHE secret --+
                   +-> master secret --+-> key block: write keys and IVs of both sides
    session hash --+                   +-> verify_data of both Finished
                                       +-> exported keys: SRTP's, and whoever asks

The hash is SHA-256, or SHA-384 for the suites that say so (RFC 5289 §3.2). HMAC runs in the standard library.

Specs: RFC 5246 §5, §6.3, §7.4.9, §8.1; RFC 7627 §4; RFC 5705 §4; RFC 5764 §4.2; RFC 5288, 5289, 7905.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from rtcpy.core.errors import InvalidAccessError
from rtcpy.dtls.events import CipherSuite, SrtpProfile

MASTER_SECRET_LENGTH = 48  # bytes; RFC 5246 §8.1
VERIFY_DATA_LENGTH = 12  # bytes; RFC 5246 §7.4.9
SRTP_EXPORTER_LABEL = "EXTRACTOR-dtls_srtp"  # RFC 5764 §4.2
EXPORT_LENGTH_LIMIT = 4096  # bytes; ours: no protocol on top of DTLS asks for more than a few hundred
RESERVED_LABELS = frozenset(
    {"client finished", "server finished", "master secret", "extended master secret", "key expansion"}
)  # RFC 5705 §6, RFC 7627 §4: labels of TLS itself, which an exporter must not reproduce


@dataclass(slots=True, frozen=True)
class SuiteParameters:
    """What a cipher suite stands for. Lengths in **bytes**."""

    is_rsa: bool
    hash: str
    aead: str
    key_length: int
    fixed_iv_length: int


SUITES: Mapping[CipherSuite, SuiteParameters] = {
    CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: SuiteParameters(False, "sha256", "aes-gcm", 16, 4),
    CipherSuite.ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: SuiteParameters(False, "sha384", "aes-gcm", 32, 4),
    CipherSuite.ECDHE_RSA_WITH_AES_128_GCM_SHA256: SuiteParameters(True, "sha256", "aes-gcm", 16, 4),
    CipherSuite.ECDHE_RSA_WITH_AES_256_GCM_SHA384: SuiteParameters(True, "sha384", "aes-gcm", 32, 4),
    CipherSuite.ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: SuiteParameters(True, "sha256", "chacha20", 32, 12),
    CipherSuite.ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: SuiteParameters(
        False, "sha256", "chacha20", 32, 12
    ),
}


def prf(hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """`length` pseudorandom **bytes** from `secret`: P_hash over label and seed. Spec: RFC 5246 §5."""
    labelled = label + seed
    a, out = labelled, b""
    while len(out) < length:
        a = hmac.digest(secret, a, hash_name)
        out += hmac.digest(secret, a + labelled, hash_name)
    return out[:length]


def handshake_hash(hash_name: str, transcript: bytes) -> bytes:
    """Hash of the handshake messages. Spec: RFC 5246 §7.4.9, RFC 7627 §3."""
    return hashlib.new(hash_name, transcript).digest()


@dataclass(slots=True)
class KeyBlock:
    """Record protection keys of both directions. Spec: RFC 5246 §6.3."""

    client_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    client_iv: bytes = field(repr=False)
    server_iv: bytes = field(repr=False)


@dataclass(slots=True)
class KeySchedule:
    """The secrets of one connection. `repr` shows none of them."""

    suite: CipherSuite
    client_random: bytes
    server_random: bytes
    master_secret: bytes = field(repr=False)

    @classmethod
    def derive(
        cls,
        suite: CipherSuite,
        client_random: bytes,
        server_random: bytes,
        pre_master_secret: bytes,
        transcript: bytes,
    ) -> KeySchedule:
        """Make the extended master secret.

        Args:
            transcript: all messages from ClientHello up to and including ClientKeyExchange.

        Spec: RFC 7627 §4.
        """
        name = SUITES[suite].hash
        session_hash = handshake_hash(name, transcript)
        master = prf(name, pre_master_secret, b"extended master secret", session_hash, MASTER_SECRET_LENGTH)
        return cls(suite, client_random, server_random, master)

    def key_block(self) -> KeyBlock:
        """Write keys and IVs; AEAD suites have no MAC keys. Spec: RFC 5246 §6.3, RFC 5288 §3, RFC 7905 §2."""
        p = SUITES[self.suite]
        key, iv = p.key_length, p.fixed_iv_length
        seed = self.server_random + self.client_random
        block = prf(p.hash, self.master_secret, b"key expansion", seed, 2 * (key + iv))
        return KeyBlock(
            client_key=block[:key],
            server_key=block[key : 2 * key],
            client_iv=block[2 * key : 2 * key + iv],
            server_iv=block[2 * key + iv :],
        )

    def verify_data(self, *, of_client: bool, transcript: bytes) -> bytes:
        """The content of a Finished over all messages before it. Spec: RFC 5246 §7.4.9."""
        name = SUITES[self.suite].hash
        label = b"client finished" if of_client else b"server finished"
        seed = handshake_hash(name, transcript)
        return prf(name, self.master_secret, label, seed, VERIFY_DATA_LENGTH)

    def export(self, label: str, context: bytes | None, length: int) -> bytes:
        """Keying material for others. No context is not the same as an empty one.

        Args:
            label: ASCII, not one of TLS's own.
            context: at most 65,535 **bytes**, or None.
            length: in **bytes**, 1 to 4,096.

        Raises:
            InvalidAccessError: an argument is outside of that.

        Spec: RFC 5705 §4.
        """
        if not label.isascii() or not label or label in RESERVED_LABELS:
            raise InvalidAccessError(
                f"exporter label {label!r} is empty, reserved or not ASCII (RFC 5705 §4)"
            )
        if not 1 <= length <= EXPORT_LENGTH_LIMIT:
            raise InvalidAccessError(f"cannot export {length} bytes, 1 to {EXPORT_LENGTH_LIMIT} expected")
        seed = self.client_random + self.server_random
        if context is not None:
            if len(context) > 0xFFFF:
                raise InvalidAccessError(f"exporter context has {len(context)} bytes, at most 65535 fit")
            seed += len(context).to_bytes(2, "big") + context
        return prf(SUITES[self.suite].hash, self.master_secret, label.encode("ascii"), seed, length)

    def srtp_keys(self, profile: SrtpProfile) -> tuple[bytes, bytes, bytes, bytes]:
        """(client key, server key, client salt, server salt) for SRTP. Spec: RFC 5764 §4.2."""
        key, salt = profile.key_length, profile.salt_length
        block = self.export(SRTP_EXPORTER_LABEL, None, 2 * (key + salt))
        return block[:key], block[key : 2 * key], block[2 * key : 2 * key + salt], block[2 * key + salt :]

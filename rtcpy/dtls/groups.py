"""Key exchange groups: X25519 and P-256 behind one small object.

Owns the ephemeral Diffie-Hellman keys; X25519MLKEM768 joins them with DTLS 1.3. Private keys come from `Entropy`,
so a seeded handshake repeats.

Specs: RFC 8422 §5.4, §5.7, §5.10, §5.11 (ECDHE in TLS 1.2), RFC 7748 §6.1 (X25519).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rtcpy.core.env import Entropy
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.certificate import p256_key
from rtcpy.dtls.events import NamedGroup

X25519_LENGTH = 32  # bytes; RFC 7748 §5
P256_LENGTH = 65  # bytes: 0x04, x, y; RFC 8422 §5.4.1 (uncompressed is the only form left)


class KeyShare:
    """One ephemeral key pair, for one handshake.

    `public` goes on the wire; `exchange` turns the peer's public value into the pre-master secret.
    """

    __slots__ = ("_private", "group", "public")

    def __init__(self, group: NamedGroup, entropy: Entropy) -> None:
        self.group = group
        self._private: X25519PrivateKey | ec.EllipticCurvePrivateKey
        if group is NamedGroup.X25519:
            private = X25519PrivateKey.from_private_bytes(entropy.token(X25519_LENGTH))
            self._private = private
            self.public: bytes = private.public_key().public_bytes_raw()
        else:
            key = self._private = p256_key(entropy)
            self.public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def exchange(self, peer_public: bytes) -> bytes:
        """The shared secret, which TLS 1.2 uses as pre-master secret.

        Raises:
            DtlsRuleError: illegal_parameter for a point that is malformed, off the curve, or of small order.

        Spec: RFC 8422 §5.10 (P-256: the x coordinate), §5.11 (validation; an all-zero X25519 result aborts).
        """
        try:
            if isinstance(self._private, X25519PrivateKey):
                return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
            if len(peer_public) != P256_LENGTH or peer_public[0] != 4:
                raise ValueError("not an uncompressed point")
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer_public)
            return self._private.exchange(ec.ECDH(), point)
        except ValueError as error:
            raise DtlsRuleError(
                f"the peer's {self.group.name} public value of {len(peer_public)} bytes is invalid: {error}",
                AlertDescription.ILLEGAL_PARAMETER,
                rfc="RFC 8422 §5.11",
            ) from None

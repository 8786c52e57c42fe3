"""What a `DtlsConnection` reports and how it is configured: the vocabulary its owner needs.

The order of events is part of the contract: `PeerCertificate` as soon as the peer has proved to hold the
key of its certificate; then, and only once a fingerprint matched *and* the handshake finished, `Connected`,
`KeyingMaterial` (if use_srtp was negotiated) and any `ApplicationData`; last `Closed` or `Failed`.

Specs: RFC 5764 §4.1.2 and §4.2 (SRTP profiles and keys), RFC 6347 §4.2.4.1 (timers).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from rtcpy.core.machine import Event

DTLS_1_0 = 0xFEFF  # version numbers are ones' complements, so newer is smaller; RFC 6347 §4.1
DTLS_1_2 = 0xFEFD


class Role(Enum):
    """Who sends the ClientHello. In WebRTC `a=setup:active` is the client (RFC 8842 §5.1)."""

    CLIENT = "client"
    SERVER = "server"


class DtlsState(Enum):
    """RTCDtlsTransportState, W3C webrtc §5.5."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class CipherSuite(IntEnum):
    """TLS Cipher Suites (IANA): the forward-secret AEAD suites of RFC 9325 §4.2, and no others."""

    ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xC02B
    ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xC02C
    ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xC02F
    ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xC030
    ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xCCA8
    ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xCCA9


class NamedGroup(IntEnum):
    """TLS Supported Groups (IANA), RFC 8422 §5.1.1: those that DTLS 1.2 here can use."""

    SECP256R1 = 23
    X25519 = 29


class SrtpProfile(IntEnum):
    """DTLS-SRTP Protection Profiles (IANA): RFC 5764 §4.1.2, RFC 7714 §14.2. All that libsrtp here can run."""

    AES128_CM_HMAC_SHA1_80 = 0x0001
    AES128_CM_HMAC_SHA1_32 = 0x0002
    AEAD_AES_128_GCM = 0x0007
    AEAD_AES_256_GCM = 0x0008

    @property
    def key_length(self) -> int:
        """Master key in **bytes**."""
        return 32 if self is SrtpProfile.AEAD_AES_256_GCM else 16

    @property
    def salt_length(self) -> int:
        """Master salt in **bytes**: 112 bits for AES-CM (RFC 5764 §4.1.2), 96 for GCM (RFC 7714 §12)."""
        return 14 if self < SrtpProfile.AEAD_AES_128_GCM else 12


DEFAULT_CIPHER_SUITES = (
    CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite.ECDHE_RSA_WITH_AES_256_GCM_SHA384,
)
DEFAULT_GROUPS = (NamedGroup.X25519, NamedGroup.SECP256R1)
DEFAULT_SRTP_PROFILES = (
    SrtpProfile.AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM,
    SrtpProfile.AES128_CM_HMAC_SHA1_80,
    SrtpProfile.AES128_CM_HMAC_SHA1_32,
)

MTU_MINIMUM = 128  # bytes; a record and handshake header take 25, so fragments still get somewhere


@dataclass(slots=True)
class DtlsConfig:
    """How one connection behaves. Sizes in **bytes** of UDP payload, times in seconds.

    The retransmission timer deviates from the 1 s, doubling to 60 s, of RFC 6347 §4.2.4.1, as RFC 9147 §5.8.2
    allows real-time profiles to (it recommends 400 ms for DTLS-SRTP, or 1.5 times a round trip known from ICE).
    Ours begins lower because ICE has already validated the path, one flight is about a datagram, and browsers
    begin at 50 ms; it is capped because a call set-up that waits a minute for one packet is dead anyway.
    """

    mtu: int = 1200
    """Largest handshake datagram. Application data may be larger: `send` makes one record of what it is given."""
    cipher_suites: tuple[CipherSuite, ...] = DEFAULT_CIPHER_SUITES
    """In order of preference; a server follows its own order."""
    groups: tuple[NamedGroup, ...] = DEFAULT_GROUPS
    srtp_profiles: tuple[SrtpProfile, ...] = DEFAULT_SRTP_PROFILES
    """In order of preference; empty: no use_srtp extension."""
    cookie: bool = False
    """Server: make the client prove its address with a HelloVerifyRequest first (RFC 6347 §4.2.1).

    Needless inside ICE, which has validated the path; a must for a server on an open port."""
    initial_timeout: float = 0.25
    """First retransmission after this many seconds; the owner may set 1.5 × the RTT that ICE measured."""
    maximum_timeout: float = 2.0
    """The doubling stops here."""
    handshake_timeout: float = 120.0
    """From `start` to giving up."""
    refusal_timeout: float = 10.0
    """How long after refusing the peer's flight a valid one may still replace it (see `connection`)."""

    def __post_init__(self) -> None:
        if self.mtu < MTU_MINIMUM:
            raise ValueError(f"mtu is {self.mtu}, at least {MTU_MINIMUM} expected")
        if not self.cipher_suites or not self.groups:
            raise ValueError("at least one cipher suite and one group are needed")
        if not 0 < self.initial_timeout <= self.maximum_timeout:
            raise ValueError("initial_timeout must be positive and at most maximum_timeout")


@dataclass(slots=True)
class PeerCertificate(Event):
    """The peer proved to hold the private key of the first certificate; whether it is the *right* one, fingerprints tell."""

    chain: tuple[bytes, ...]
    """DER, leaf first, as the peer sent them."""


@dataclass(slots=True)
class Connected(Event):
    """Handshake finished, fingerprint matched: data may flow."""

    version: int
    cipher_suite: CipherSuite
    group: NamedGroup
    srtp_profile: SrtpProfile | None


@dataclass(slots=True)
class KeyingMaterial(Event):
    """SRTP master keys and salts, by direction (RFC 5764 §4.2). Never shown by `repr`."""

    profile: SrtpProfile
    local_key: bytes = field(repr=False)
    local_salt: bytes = field(repr=False)
    remote_key: bytes = field(repr=False)
    remote_salt: bytes = field(repr=False)


@dataclass(slots=True)
class ApplicationData(Event):
    """The plaintext of one application_data record."""

    data: bytes


@dataclass(slots=True)
class Closed(Event):
    """The connection ended in good order: `alert` is the peer's close_notify (0), or None when we closed."""

    alert: int | None


@dataclass(slots=True)
class Failed(Event):
    """The connection is dead. `alert`: the AlertDescription sent or received, if there was one."""

    reason: str
    alert: int | None

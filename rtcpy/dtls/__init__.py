"""DTLS 1.2: authentication and keys for a WebRTC connection, and the records that carry SCTP.

TLS over datagrams. Two endpoints prove that each holds the key of the certificate whose fingerprint was
signalled in SDP, agree on fresh keys, and export some of them for SRTP. It stands on ICE's validated path and
under SCTP:

    sctp packet -> [ DTLS record ] -> ice -> udp

Read in this order: `events` and `states` (what it reports, how it is configured), `record12` (records and their
protection), `extensions` and `messages` (what a handshake says), `fragments` (messages from pieces), `groups`,
`signatures` and `keys12` (key exchange, proofs, key schedule), `certificate` with `selfsigned`, `flights12` (the two
handshakes as tables), `handshake12` with `client12` and `server12` (what each message does), `retransmission` and `waiting`
(patience), `alerts`, `connection` (the machine). Names ending in 12 belong to version 1.2 alone; version 1.3 will
stand beside them. So far there are only the formats that are needed to read other people's hellos and records,
`extensions13` and `record13`, and the names in `registries`.

Specs: RFC 6347 (DTLS 1.2), RFC 5246 (TLS 1.2), RFC 5764 (use_srtp), RFC 5705 (exporters), RFC 7627
(extended master secret), RFC 8422 (elliptic curves), RFC 5288, 5289 and 7905 (cipher suites), RFC 5746
(renegotiation_info), RFC 8122 (fingerprints), RFC 8827 §6.5 and RFC 9325 (what WebRTC and good sense demand).
"""

from rtcpy.dtls.alerts import AlertDescription, DtlsDecodeError
from rtcpy.dtls.certificate import Certificate, Fingerprint, FingerprintMismatchError
from rtcpy.dtls.connection import DtlsConnection
from rtcpy.dtls.events import (
    ApplicationData,
    CipherSuite,
    Closed,
    Connected,
    DtlsConfig,
    DtlsState,
    Failed,
    KeyingMaterial,
    NamedGroup,
    PeerCertificate,
    Role,
    SrtpProfile,
)

__all__ = [
    "AlertDescription",
    "ApplicationData",
    "Certificate",
    "CipherSuite",
    "Closed",
    "Connected",
    "DtlsConfig",
    "DtlsConnection",
    "DtlsDecodeError",
    "DtlsState",
    "Failed",
    "Fingerprint",
    "FingerprintMismatchError",
    "KeyingMaterial",
    "NamedGroup",
    "PeerCertificate",
    "Role",
    "SrtpProfile",
]

"""What IANA calls the numbers of TLS: for explanations and for messages to people, never for decisions.

The enumerations beside (`CipherSuite`, `NamedGroup`, `SignatureScheme` …) hold what this stack can do; peers offer
more than that, and a reader of their hellos wants names. Numbers that follow the pattern of GREASE are named so.

Specs: RFC 8447 §5 and §8 to §17 (the registries), RFC 8446 §4.2.3, §4.2.7, Appendix B.4 (their TLS 1.3 entries),
RFC 8701 §2 (GREASE), RFC 9147 §5.2 and §6.1 (DTLS 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping

VERSIONS: Mapping[int, str] = {
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
    0xFEFF: "DTLS 1.0",
    0xFEFD: "DTLS 1.2",
    0xFEFC: "DTLS 1.3",
}
"""ProtocolVersion. DTLS writes ones' complements, so newer is smaller (RFC 6347 §4.1)."""

CONTENT_TYPES: Mapping[int, str] = {
    20: "change_cipher_spec",
    21: "alert",
    22: "handshake",
    23: "application_data",
    24: "heartbeat",
    25: "tls12_cid",
    26: "ACK",
    27: "return_routability_check",
}
"""TLS ContentType."""

HANDSHAKE_TYPES: Mapping[int, str] = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    3: "HelloVerifyRequest",
    4: "NewSessionTicket",
    5: "EndOfEarlyData",
    8: "EncryptedExtensions",
    9: "RequestConnectionId",
    10: "NewConnectionId",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    17: "ClientCertificateRequest",
    20: "Finished",
    21: "CertificateURL",
    22: "CertificateStatus",
    23: "SupplementalData",
    24: "KeyUpdate",
    25: "CompressedCertificate",
    254: "MessageHash",
}
"""TLS HandshakeType, spelled as the RFCs spell the messages."""

EXTENSION_TYPES: Mapping[int, str] = {
    0: "server_name",
    1: "max_fragment_length",
    2: "client_certificate_url",
    3: "trusted_ca_keys",
    4: "truncated_hmac",
    5: "status_request",
    6: "user_mapping",
    7: "client_authz",
    8: "server_authz",
    9: "cert_type",
    10: "supported_groups",
    11: "ec_point_formats",
    12: "srp",
    13: "signature_algorithms",
    14: "use_srtp",
    15: "heartbeat",
    16: "application_layer_protocol_negotiation",
    17: "status_request_v2",
    18: "signed_certificate_timestamp",
    19: "client_certificate_type",
    20: "server_certificate_type",
    21: "padding",
    22: "encrypt_then_mac",
    23: "extended_master_secret",
    24: "token_binding",
    25: "cached_info",
    26: "tls_lts",
    27: "compress_certificate",
    28: "record_size_limit",
    29: "pwd_protect",
    30: "pwd_clear",
    31: "password_salt",
    32: "ticket_pinning",
    33: "tls_cert_with_extern_psk",
    34: "delegated_credential",
    35: "session_ticket",
    36: "TLMSP",
    37: "TLMSP_proxying",
    38: "TLMSP_delegate",
    39: "supported_ekt_ciphers",
    41: "pre_shared_key",
    42: "early_data",
    43: "supported_versions",
    44: "cookie",
    45: "psk_key_exchange_modes",
    47: "certificate_authorities",
    48: "oid_filters",
    49: "post_handshake_auth",
    50: "signature_algorithms_cert",
    51: "key_share",
    52: "transparency_info",
    53: "connection_id (deprecated)",
    54: "connection_id",
    55: "external_id_hash",
    56: "external_session_id",
    57: "quic_transport_parameters",
    58: "ticket_request",
    59: "dnssec_chain",
    60: "sequence_number_encryption_algorithms",
    61: "rrc",
    62: "tls_flags",
    0xFD00: "ech_outer_extensions",
    0xFE0D: "encrypted_client_hello",
    0xFF01: "renegotiation_info",
}
"""TLS ExtensionType Values, all of them."""

EXTENSION_MEANINGS: Mapping[int, str] = {
    0: "the name of the server that is meant; none in WebRTC, where addresses come from ICE",
    5: "asks for a proof that the certificate is not revoked",
    10: "groups for the key exchange that the sender can use, best first",
    11: "how points of elliptic curves may be written; only uncompressed ones are left",
    13: "signatures that the sender can check, best first",
    14: "keys for SRTP, please: which ciphers media may be protected with",
    16: "which protocols may run inside; WebRTC names itself",
    18: "asks for a proof that the certificate was logged",
    21: "filling, without a meaning",
    22: "with CBC ciphers, authenticate what was encrypted; needless with the AEAD ciphers of today",
    23: "bind the master secret to the whole handshake",
    27: "ways in which certificates may be compressed",
    28: "the largest record that the sender takes",
    34: "takes short-lived keys that stand in for the one of a certificate",
    35: "a ticket with which a session may be resumed",
    41: "keys from an earlier session, to resume it",
    42: "data that comes before the handshake is over",
    43: "versions that the sender speaks, or the one chosen; version fields elsewhere are frozen",
    44: "proof of the client's address, to be repeated",
    45: "how a key from an earlier session may be used",
    47: "authorities whose certificates the sender trusts",
    49: "the client may be asked for a certificate after the handshake",
    50: "signatures that the sender can check in certificates",
    51: "ephemeral public keys for the key exchange, before anyone has chosen a group",
    54: "a number by which records find their connection when the address changes",
    0xFE0D: "the true ClientHello, encrypted, or noise in its place so that the true one does not stand out",
    0xFF01: "ties renegotiations to the handshake before; its presence says that the sender is safe",
}
"""What an extension is for, in one sentence; those met in WebRTC."""

CIPHER_SUITES: Mapping[int, str] = {
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA",
    0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
    0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
    0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    0x003C: "TLS_RSA_WITH_AES_128_CBC_SHA256",
    0x003D: "TLS_RSA_WITH_AES_256_CBC_SHA256",
    0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
    0x006B: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256",
    0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x009E: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    0x009F: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0x5600: "TLS_FALLBACK_SCSV",
    0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xC023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    0xC024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    0xC027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    0xC028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xC0AC: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    0xC0AD: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
    0xC0AE: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    0xC0AF: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCAA: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}
"""TLS Cipher Suites: those that WebRTC peers offer."""

GROUPS: Mapping[int, str] = {
    19: "secp192r1",
    21: "secp224r1",
    23: "secp256r1",
    24: "secp384r1",
    25: "secp521r1",
    26: "brainpoolP256r1",
    27: "brainpoolP384r1",
    28: "brainpoolP512r1",
    29: "x25519",
    30: "x448",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x0200: "MLKEM512",
    0x0201: "MLKEM768",
    0x0202: "MLKEM1024",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x6399: "X25519Kyber768Draft00",
}
"""TLS Supported Groups."""

SIGNATURE_SCHEMES: Mapping[int, str] = {
    0x0101: "rsa_pkcs1_md5",
    0x0201: "rsa_pkcs1_sha1",
    0x0202: "dsa_sha1",
    0x0203: "ecdsa_sha1",
    0x0301: "rsa_pkcs1_sha224",
    0x0302: "dsa_sha224",
    0x0303: "ecdsa_sha224",
    0x0401: "rsa_pkcs1_sha256",
    0x0402: "dsa_sha256",
    0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384",
    0x0502: "dsa_sha384",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0601: "rsa_pkcs1_sha512",
    0x0602: "dsa_sha512",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512",
    0x081A: "ecdsa_brainpoolP256r1tls13_sha256",
    0x081B: "ecdsa_brainpoolP384r1tls13_sha384",
    0x081C: "ecdsa_brainpoolP512r1tls13_sha512",
    0x0904: "mldsa44",
    0x0905: "mldsa65",
    0x0906: "mldsa87",
}
"""TLS SignatureScheme; those below 0x0700 are pairs of a hash and an algorithm in TLS 1.2."""

SRTP_PROFILES: Mapping[int, str] = {
    0x0001: "SRTP_AES128_CM_HMAC_SHA1_80",
    0x0002: "SRTP_AES128_CM_HMAC_SHA1_32",
    0x0005: "SRTP_NULL_HMAC_SHA1_80",
    0x0006: "SRTP_NULL_HMAC_SHA1_32",
    0x0007: "SRTP_AEAD_AES_128_GCM",
    0x0008: "SRTP_AEAD_AES_256_GCM",
    0x0009: "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM",
    0x000A: "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM",
}
"""DTLS-SRTP Protection Profiles. Spec: RFC 5764 §4.1.2, RFC 7714 §14.2."""

CERTIFICATE_TYPES: Mapping[int, str] = {
    1: "rsa_sign",
    2: "dss_sign",
    3: "rsa_fixed_dh",
    4: "dss_fixed_dh",
    64: "ecdsa_sign",
    65: "rsa_fixed_ecdh",
    66: "ecdsa_fixed_ecdh",
}
"""TLS ClientCertificateType Identifiers."""

POINT_FORMATS: Mapping[int, str] = {
    0: "uncompressed",
    1: "ansiX962_compressed_prime",
    2: "ansiX962_compressed_char2",
}
"""TLS EC Point Formats; only 0 is still in use (RFC 8422 §5.1.2)."""

COMPRESSION_METHODS: Mapping[int, str] = {0: "null", 1: "DEFLATE", 64: "LZS"}
"""TLS Compression Method Identifiers."""

PSK_MODES: Mapping[int, str] = {0: "psk_ke", 1: "psk_dhe_ke"}
"""TLS PskKeyExchangeMode. Spec: RFC 8446 §4.2.9."""

CERTIFICATE_COMPRESSION: Mapping[int, str] = {1: "zlib", 2: "brotli", 3: "zstd"}
"""TLS Certificate Compression Algorithm IDs."""

HELLO_RETRY_REQUEST_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random by which a ServerHello is a HelloRetryRequest: SHA-256 of that word. Spec: RFC 8446 §4.1.3."""

DOWNGRADE_SENTINELS: Mapping[bytes, str] = {
    b"DOWNGRD\x01": "its end says: I speak 1.3, and 1.2 is all that I was offered",
    b"DOWNGRD\x00": "its end says: I speak 1.3, and 1.1 or less is all that I was offered",
}
"""Last 8 bytes of a server random by which a client sees that someone took its 1.3 away. Spec: RFC 8446 §4.1.3."""


def is_grease(value: int) -> bool:
    """Whether a 16-bit number is one that means nothing, sent so that peers stay used to numbers they do not know.

    Spec: RFC 8701 §2.
    """
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def registered(table: Mapping[int, str], value: int, digits: int = 4) -> str:
    """``name (0x1301)``, or the number alone where there is no name. `digits`: hexadecimal ones."""
    number = f"0x{value:0{digits}x}"
    name = table.get(value) or ("GREASE" if digits == 4 and is_grease(value) else "")
    return f"{name} ({number})" if name else number

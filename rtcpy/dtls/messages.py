"""Handshake messages of DTLS 1.2, declared field by field.

Every message travels behind the 12-byte header of `HandshakeFragment`, in one piece or several; `fragments` puts
them together. `parse_body` reads a whole message. What the messages must contain is checked in `client12` and
`server12`; here only their format.

Specs: RFC 6347 §4.2.2 (header), §4.2.1 (HelloVerifyRequest), §4.3.2; RFC 5246 §7.4; RFC 8422 §5.4, §5.7 (ECDHE).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from rtcpy.dtls.alerts import DtlsDecodeError
from rtcpy.dtls.events import CipherSuite, NamedGroup
from rtcpy.dtls.extensions import ClientExtension, ServerExtension
from rtcpy.dtls.signatures import SignatureScheme
from rtcpy.wire import Wire, bits, const, length_of, opaque, optional, vector, wire


class HandshakeType(IntEnum):
    """TLS HandshakeType (IANA): the messages of a full ECDHE handshake."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20


class CertificateType(IntEnum):
    """ClientCertificateType (IANA)."""

    RSA_SIGN = 1
    ECDSA_SIGN = 64


COMPRESSION_NULL = 0  # RFC 5246 §6.2.2; the only one allowed, RFC 9325 §3.3
EMPTY_RENEGOTIATION_INFO_SCSV = 0x00FF  # RFC 5746 §3.3
SESSION_ID_LENGTH = 32  # bytes, at most; RFC 5246 §7.4.1.2
HANDSHAKE_HEADER_LENGTH = 12  # bytes; RFC 6347 §4.2.2
_HEADER = struct.Struct(">IHHI")  # type and length; message_seq; offset and fragment length, 24 bits each


@wire("RFC 6347 §4.2.2", error=DtlsDecodeError)
class HandshakeFragment(Wire):
    """A piece of a handshake message, or a whole one."""

    type: int = bits(8, "which message", enum=HandshakeType)
    length: int = bits(24, "bytes of the whole message, without this header")
    message_seq: int = bits(16, "number of the message; a retransmission keeps it")
    fragment_offset: int = bits(24, "where this piece begins")
    fragment_length = length_of("fragment", 24, doc="bytes of this piece")
    fragment: bytes = opaque("the piece", length="fragment_length")


@wire("RFC 5246 §7.4.1.1", error=DtlsDecodeError)
class HelloRequest(Wire):
    """The server asks for a renegotiation. It gets none."""


@wire("RFC 6347 §4.2.1", error=DtlsDecodeError)
class ClientHello(Wire):
    """What the client can do."""

    client_version: int = bits(16, "newest version offered here; 0xFEFD is DTLS 1.2")
    random: bytes = opaque("client random", length=32)
    session_id: bytes = vector(8, bytes, "a session to resume; WebRTC resumes none", default=b"")
    cookie: bytes = vector(8, bytes, "cookie of a HelloVerifyRequest", default=b"")
    cipher_suites: list[int] = vector(16, 16, "cipher suites, best first", minimum=2, enum=CipherSuite)
    compression_methods: list[int] = vector(8, 8, "0 is none", minimum=1)
    extensions: list[ClientExtension] | None = optional(vector(16, ClientExtension, "extensions"))


@wire("RFC 5246 §7.4.1.3", error=DtlsDecodeError)
class ServerHello(Wire):
    """What the server chose."""

    server_version: int = bits(16, "version of this connection; 0xFEFD is DTLS 1.2")
    random: bytes = opaque("server random", length=32)
    session_id: bytes = vector(8, bytes, "name of this session, if it can be resumed", default=b"")
    cipher_suite: int = bits(16, "the suite chosen", enum=CipherSuite)
    compression_method: int = bits(8, "0 is none")
    extensions: list[ServerExtension] | None = optional(vector(16, ServerExtension, "extensions"))


@wire("RFC 6347 §4.2.1", error=DtlsDecodeError)
class HelloVerifyRequest(Wire):
    """The server makes the client prove that it receives at its address."""

    server_version: int = bits(16, "means nothing; RFC 6347 asks for 0xFEFF")
    cookie: bytes = vector(8, bytes, "to be repeated in the next ClientHello")


@wire("RFC 5246 §7.4.2", error=DtlsDecodeError)
class CertificateEntry(Wire):
    """One certificate of a chain."""

    der: bytes = vector(24, bytes, "an X.509 certificate in DER", minimum=1)


@wire("RFC 5246 §7.4.2", error=DtlsDecodeError)
class CertificateMessage(Wire):
    """The sender's chain, leaf first; a client without one sends an empty list."""

    certificates: list[CertificateEntry] = vector(24, CertificateEntry, "chain, leaf first")


@wire("RFC 8422 §5.4", error=DtlsDecodeError)
class ServerKeyExchange(Wire):
    """The server's ephemeral public key, signed together with both randoms."""

    curve_type = const(8, 3, "named_curve")
    group: int = bits(16, "the group chosen", enum=NamedGroup)
    public: bytes = vector(8, bytes, "ephemeral public key", minimum=1)
    scheme: int = bits(16, "how it is signed", enum=SignatureScheme)
    signature: bytes = vector(16, bytes, "over client random, server random and the fields above")

    def signed_part(self) -> bytes:
        """ServerECDHParams, as they are signed. Spec: RFC 8422 §5.4."""
        return struct.pack(">BHB", 3, self.group, len(self.public)) + self.public


@wire("RFC 5246 §7.4.4", error=DtlsDecodeError)
class DistinguishedName(Wire):
    """A certification authority's name in DER."""

    der: bytes = vector(16, bytes, "a name in DER", minimum=1)


@wire("RFC 5246 §7.4.4", error=DtlsDecodeError)
class CertificateRequest(Wire):
    """The server wants the client's certificate."""

    types: list[int] = vector(8, 8, "kinds of key", minimum=1, enum=CertificateType)
    schemes: list[int] = vector(16, 16, "signature schemes, best first", minimum=2, enum=SignatureScheme)
    authorities: list[DistinguishedName] = vector(
        16, DistinguishedName, "authorities; none in WebRTC", default_factory=list
    )


@wire("RFC 5246 §7.4.5", error=DtlsDecodeError)
class ServerHelloDone(Wire):
    """End of the server's flight."""


@wire("RFC 8422 §5.7", error=DtlsDecodeError)
class ClientKeyExchange(Wire):
    """The client's ephemeral public key."""

    public: bytes = vector(8, bytes, "ephemeral public key", minimum=1)


@wire("RFC 5246 §7.4.8", error=DtlsDecodeError)
class CertificateVerify(Wire):
    """Proof that the client holds the key of its certificate: a signature over all messages so far."""

    scheme: int = bits(16, "how it is signed", enum=SignatureScheme)
    signature: bytes = vector(16, bytes, "over all handshake messages so far")


@wire("RFC 5246 §7.4.9", error=DtlsDecodeError)
class Finished(Wire):
    """The first protected message: a hash of the whole handshake under the new master secret."""

    verify_data: bytes = opaque("PRF over the handshake's hash", length=12)


BODIES: Mapping[int, type[Wire]] = {
    HandshakeType.HELLO_REQUEST: HelloRequest,
    HandshakeType.CLIENT_HELLO: ClientHello,
    HandshakeType.SERVER_HELLO: ServerHello,
    HandshakeType.HELLO_VERIFY_REQUEST: HelloVerifyRequest,
    HandshakeType.CERTIFICATE: CertificateMessage,
    HandshakeType.SERVER_KEY_EXCHANGE: ServerKeyExchange,
    HandshakeType.CERTIFICATE_REQUEST: CertificateRequest,
    HandshakeType.SERVER_HELLO_DONE: ServerHelloDone,
    HandshakeType.CERTIFICATE_VERIFY: CertificateVerify,
    HandshakeType.CLIENT_KEY_EXCHANGE: ClientKeyExchange,
    HandshakeType.FINISHED: Finished,
}


@dataclass(slots=True)
class Message:
    """A whole handshake message: from `fragments` on the way in, from `client12`/`server12` on the way out."""

    type: int
    message_seq: int
    body: bytes

    def fragment(self, offset: int, length: int) -> bytes:
        """The piece ``body[offset:offset+length]`` behind its header. Spec: RFC 6347 §4.2.3."""
        both = offset << 24 | length
        header = _HEADER.pack(
            self.type << 24 | len(self.body),
            self.message_seq,
            both >> 32,
            both & 0xFFFFFFFF,
        )
        return header + self.body[offset : offset + length]

    def transcript(self) -> bytes:
        """What handshake hashes cover: the message as if it had been sent in one piece. Spec: RFC 6347 §4.2.6."""
        return self.fragment(0, len(self.body))


def parse_body(message: Message) -> Wire:
    """Read a message's body by its type.

    Raises:
        DtlsDecodeError: it does not follow its format, or the type is unknown.
    """
    body = BODIES.get(message.type)
    if body is None:
        raise DtlsDecodeError(
            f"handshake message type {message.type} is unknown", value=message.type, rfc="RFC 5246 §7.4"
        )
    return body.parse(message.body)

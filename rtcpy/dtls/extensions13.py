"""Hello extensions that this stack does not act on, declared: for reading the hellos of browsers.

A DTLS 1.2 handshake passes these through as bytes (`extensions`), and so cannot fail over them. Here they have a
format, since a ClientHello of today is mostly made of them.

Specs: RFC 8446 §4.2 (TLS 1.3), RFC 6066 §3, §4, §8, RFC 7301 §3.1, RFC 8449 §4, RFC 8879 §3, RFC 9146 §3,
RFC 7685 §3.
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.dtls.alerts import DtlsDecodeError
from rtcpy.dtls.events import NamedGroup
from rtcpy.dtls.extensions import CLIENT_BODIES, SERVER_BODIES, SignatureAlgorithms
from rtcpy.dtls.signatures import SignatureScheme
from rtcpy.wire import Wire, bits, opaque, vector, wire


@wire("RFC 8446 §4.2.8", error=DtlsDecodeError)
class KeyShareEntry(Wire):
    """One ephemeral public key."""

    group: int = bits(16, "the group that the key belongs to", enum=NamedGroup)
    key_exchange: bytes = vector(16, bytes, "the public key", minimum=1)


@wire("RFC 8446 §4.2.8", error=DtlsDecodeError)
class ClientKeyShares(Wire):
    """Keys for the groups that the client expects the server to choose from."""

    client_shares: list[KeyShareEntry] = vector(16, KeyShareEntry, "public keys, best group first")


@wire("RFC 8446 §4.2.8", error=DtlsDecodeError)
class ServerKeyShare(Wire):
    """The server's key, for one of the groups."""

    group: int = bits(16, "the group chosen", enum=NamedGroup)
    key_exchange: bytes = vector(16, bytes, "the public key", minimum=1)


@wire("RFC 8446 §4.2.8", error=DtlsDecodeError)
class RetryGroup(Wire):
    """In a HelloRetryRequest: the group for which the client should have sent a key."""

    selected_group: int = bits(16, "send a key for this group", enum=NamedGroup)


@wire("RFC 8446 §4.2.1", error=DtlsDecodeError)
class SelectedVersion(Wire):
    """supported_versions of a ServerHello."""

    selected_version: int = bits(16, "the version of this connection")


@wire("RFC 8446 §4.2.9", error=DtlsDecodeError)
class PskKeyExchangeModes(Wire):
    """Whether resuming a session still makes fresh keys."""

    modes: list[int] = vector(8, 8, "1: with a fresh key exchange, too", minimum=1)


@wire("RFC 8446 §4.2.2", error=DtlsDecodeError)
class Cookie(Wire):
    """Proof of the client's address."""

    cookie: bytes = vector(16, bytes, "as the HelloRetryRequest had it", minimum=1)


@wire("RFC 8446 §4.2.11", error=DtlsDecodeError)
class PskIdentity(Wire):
    """The name of a key from before, usually a ticket."""

    identity: bytes = vector(16, bytes, "name of the key; only the server can read it", minimum=1)
    obfuscated_ticket_age: int = bits(32, "age of the ticket in ms, plus a secret")


@wire("RFC 8446 §4.2.11", error=DtlsDecodeError)
class PskBinder(Wire):
    """Proof that the client holds the key."""

    binder: bytes = vector(8, bytes, "HMAC over the ClientHello up to here", minimum=32)


@wire("RFC 8446 §4.2.11", error=DtlsDecodeError)
class OfferedPsks(Wire):
    """Keys from before that the client could go on with."""

    identities: list[PskIdentity] = vector(16, PskIdentity, "names of keys", minimum=7)
    binders: list[PskBinder] = vector(16, PskBinder, "a proof for each", minimum=33)


@wire("RFC 8446 §4.2.11", error=DtlsDecodeError)
class SelectedPsk(Wire):
    """Which of the keys from before the server takes."""

    selected_identity: int = bits(16, "place in the client's list, from 0")


@wire("RFC 7301 §3.1", error=DtlsDecodeError)
class ProtocolName(Wire):
    """A protocol."""

    name: bytes = vector(8, bytes, "name of a protocol, ASCII", minimum=1)


@wire("RFC 7301 §3.1", error=DtlsDecodeError)
class ProtocolNames(Wire):
    """Which protocols may run inside."""

    protocols: list[ProtocolName] = vector(16, ProtocolName, "protocols, best first", minimum=2)


@wire("RFC 6066 §3", error=DtlsDecodeError)
class ServerName(Wire):
    """A name of the server."""

    name_type: int = bits(8, "0: a host name")
    name: bytes = vector(16, bytes, "the name", minimum=1)


@wire("RFC 6066 §3", error=DtlsDecodeError)
class ServerNames(Wire):
    """The server that is meant."""

    names: list[ServerName] = vector(16, ServerName, "names", minimum=1)


@wire("RFC 6066 §4", error=DtlsDecodeError)
class MaxFragmentLength(Wire):
    """Smaller records, please."""

    size: int = bits(8, "1: 512, 2: 1,024, 3: 2,048, 4: 4,096 bytes")


@wire("RFC 6066 §8", error=DtlsDecodeError)
class StatusRequest(Wire):
    """Send a proof along that the certificate is not revoked."""

    status_type: int = bits(8, "1: OCSP")
    responders: bytes = vector(16, bytes, "responders that the client trusts", default=b"")
    extensions: bytes = vector(16, bytes, "extensions of the request", default=b"")


@wire("RFC 8449 §4", error=DtlsDecodeError)
class RecordSizeLimit(Wire):
    """Records up to this, please."""

    size: int = bits(16, "largest plaintext of a record that the sender takes, bytes")


@wire("RFC 8446 §4.2.3", error=DtlsDecodeError)
class DelegatedCredentials(Wire):
    """Signatures of delegated credentials that the client can check."""

    schemes: list[int] = vector(16, 16, "schemes, best first", minimum=2, enum=SignatureScheme)


@wire("RFC 8879 §3", error=DtlsDecodeError)
class CertificateCompression(Wire):
    """Ways in which certificates may be compressed."""

    algorithms: list[int] = vector(8, 16, "ways to compress, best first", minimum=2)


@wire("RFC 9146 §3", error=DtlsDecodeError)
class ConnectionId(Wire):
    """The number that records to the sender of this shall carry."""

    cid: bytes = vector(8, bytes, "connection id; empty: none is wanted", default=b"")


@wire("RFC 7685 §3", error=DtlsDecodeError)
class Padding(Wire):
    """Filling."""

    zeros: bytes = opaque("zero bytes")


_BOTH: Mapping[int, type[Wire]] = {
    1: MaxFragmentLength,
    16: ProtocolNames,
    28: RecordSizeLimit,
    44: Cookie,
    54: ConnectionId,
}
READABLE_IN_CLIENT_HELLO: Mapping[int, type[Wire]] = {
    **CLIENT_BODIES,
    **_BOTH,
    0: ServerNames,
    5: StatusRequest,
    21: Padding,
    27: CertificateCompression,
    34: DelegatedCredentials,
    41: OfferedPsks,
    45: PskKeyExchangeModes,
    50: SignatureAlgorithms,
    51: ClientKeyShares,
}
"""Every extension of a ClientHello that has a declaration, by type."""

READABLE_IN_SERVER_HELLO: Mapping[int, type[Wire]] = {
    **SERVER_BODIES,
    **_BOTH,
    41: SelectedPsk,
    43: SelectedVersion,
    51: ServerKeyShare,
}
"""Every extension of a ServerHello that has a declaration, by type."""

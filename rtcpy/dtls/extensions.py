"""Hello extensions that DTLS 1.2 uses, declared; all others pass through as bytes.

The same type may have another format in a ClientHello than in a ServerHello; hence two declarations of one
extension. GREASE (RFC 8701) and everything unknown is kept and ignored.

Specs: RFC 5246 §7.4.1.4, RFC 7627 §5.1, RFC 5746 §3.2, RFC 5764 §4.1.1, RFC 8422 §5.1, RFC 8446 §4.2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from rtcpy.dtls.alerts import AlertDescription, DtlsDecodeError, DtlsRuleError
from rtcpy.dtls.events import NamedGroup, SrtpProfile
from rtcpy.dtls.signatures import SignatureScheme
from rtcpy.wire import Wire, bits, length_of, switch, vector, wire


class ExtensionType(IntEnum):
    """TLS ExtensionType Values (IANA): those met in WebRTC hellos."""

    SERVER_NAME = 0
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    USE_SRTP = 14
    APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    RECORD_SIZE_LIMIT = 28
    DELEGATED_CREDENTIALS = 34
    SESSION_TICKET = 35
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    KEY_SHARE = 51
    RENEGOTIATION_INFO = 0xFF01


POINT_FORMAT_UNCOMPRESSED = 0  # RFC 8422 §5.1.2


@wire("RFC 8422 §5.1.1", error=DtlsDecodeError)
class SupportedGroups(Wire):
    """Groups that the client can use, best first."""

    groups: list[int] = vector(16, 16, "groups, best first", minimum=2, enum=NamedGroup)


@wire("RFC 8422 §5.1.2", error=DtlsDecodeError)
class EcPointFormats(Wire):
    """Point encodings; only 0, uncompressed, is still in use."""

    formats: list[int] = vector(8, 8, "point encodings; 0 is uncompressed", minimum=1)


@wire("RFC 5246 §7.4.1.4.1", error=DtlsDecodeError)
class SignatureAlgorithms(Wire):
    """Signature schemes that the sender can verify, best first."""

    schemes: list[int] = vector(16, 16, "schemes, best first", minimum=2, enum=SignatureScheme)


@wire("RFC 5764 §4.1.1", error=DtlsDecodeError)
class UseSrtp(Wire):
    """SRTP protection profiles: a choice from the client, one from the server."""

    profiles: list[int] = vector(16, 16, "protection profiles, best first", minimum=2, enum=SrtpProfile)
    mki: bytes = vector(8, bytes, "master key identifier; WebRTC uses none", default=b"")


@wire("RFC 7627 §5.1", error=DtlsDecodeError)
class ExtendedMasterSecret(Wire):
    """Bind the master secret to the whole handshake. Its presence says everything."""


@wire("RFC 5746 §3.2", error=DtlsDecodeError)
class RenegotiationInfo(Wire):
    """Bind renegotiations to what came before; empty in a first handshake, and there is no second."""

    renegotiated_connection: bytes = vector(
        8, bytes, "verify_data of the handshake before; empty", default=b""
    )


@wire("RFC 8446 §4.2.1", error=DtlsDecodeError)
class OfferedVersions(Wire):
    """supported_versions of a ClientHello: how DTLS 1.3 clients say what else they can do."""

    versions: list[int] = vector(8, 16, "versions, best first", minimum=2)


CLIENT_BODIES: Mapping[int, type[Wire]] = {
    ExtensionType.SUPPORTED_GROUPS: SupportedGroups,
    ExtensionType.EC_POINT_FORMATS: EcPointFormats,
    ExtensionType.SIGNATURE_ALGORITHMS: SignatureAlgorithms,
    ExtensionType.USE_SRTP: UseSrtp,
    ExtensionType.EXTENDED_MASTER_SECRET: ExtendedMasterSecret,
    ExtensionType.RENEGOTIATION_INFO: RenegotiationInfo,
    ExtensionType.SUPPORTED_VERSIONS: OfferedVersions,
}
SERVER_BODIES: Mapping[int, type[Wire]] = {
    ExtensionType.EC_POINT_FORMATS: EcPointFormats,
    ExtensionType.USE_SRTP: UseSrtp,
    ExtensionType.EXTENDED_MASTER_SECRET: ExtendedMasterSecret,
    ExtensionType.RENEGOTIATION_INFO: RenegotiationInfo,
}


@wire("RFC 5246 §7.4.1.4", error=DtlsDecodeError)
class ClientExtension(Wire):
    """One extension of a ClientHello."""

    type: int = bits(16, "which extension", enum=ExtensionType)
    length = length_of("body", 16, doc="bytes of the body")
    body: Wire | bytes = switch("type", CLIENT_BODIES, "what it says", length="length")


@wire("RFC 5246 §7.4.1.4", error=DtlsDecodeError)
class ServerExtension(Wire):
    """One extension of a ServerHello."""

    type: int = bits(16, "which extension", enum=ExtensionType)
    length = length_of("body", 16, doc="bytes of the body")
    body: Wire | bytes = switch("type", SERVER_BODIES, "what it says", length="length")


def by_type(extensions: Sequence[ClientExtension | ServerExtension] | None) -> dict[int, Wire | bytes]:
    """Extensions as a dict from type to body.

    Raises:
        DtlsRuleError: illegal_parameter if a type comes twice.

    Spec: RFC 5246 §7.4.1.4.
    """
    found: dict[int, Wire | bytes] = {}
    for extension in extensions or ():
        if extension.type in found:
            raise DtlsRuleError(
                f"extension {extension.type} comes twice",
                AlertDescription.ILLEGAL_PARAMETER,
                rfc="RFC 5246 §7.4.1.4",
            )
        found[extension.type] = extension.body
    return found

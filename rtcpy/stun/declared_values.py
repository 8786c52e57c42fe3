"""What STUN attributes carry, as declarations: for reading and for explanations.

`values` reads these by hand, because it must be fast and because some values are XORed; a test holds both together.
Values that are nothing but text or bytes have no declaration.

Specs: RFC 8489 §14, RFC 8445 §16.1, RFC 8656 §18; RFC 5780 §7 (NAT discovery). Google's attributes are registered
with IANA by name only; their formats are those of libwebrtc's ``stun.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from rtcpy.stun.errors import StunError
from rtcpy.wire import Wire, array, bits, flag, length_of, opaque, pad, reserved, wire


class Family(IntEnum):
    """Address families. Spec: RFC 8489 §14.1."""

    IPV4 = 1
    IPV6 = 2


@wire("RFC 8489 §14.1", error=StunError)
class AddressValue(Wire):
    """A transport address."""

    _zero = reserved(8)
    family: int = bits(8, "which kind of address", enum=Family)
    port: int = bits(16, "port")
    address: bytes = opaque("4 bytes of IPv4 or 16 bytes of IPv6")


@wire("RFC 8489 §14.2", error=StunError)
class XorAddressValue(Wire):
    """A transport address, XORed so that no router takes it for one and rewrites it."""

    _zero = reserved(8)
    family: int = bits(8, "which kind of address", enum=Family)
    port: int = bits(16, "port, XORed with the upper half of the magic cookie")
    address: bytes = opaque(
        "address, XORed with the magic cookie (IPv4), or with cookie and transaction id (IPv6)"
    )


@wire("RFC 8489 §14.8", error=StunError)
class ErrorCodeValue(Wire):
    """Why a request failed: hundreds and the rest apart, so that a class can be told without dividing."""

    _reserved = reserved(21)
    hundreds: int = bits(3, "class of the error: the hundreds of its code")
    number: int = bits(8, "the code modulo 100")
    reason: bytes = opaque("a phrase for people, UTF-8")


@wire("RFC 8656 §18.12", error=StunError)
class AddressErrorValue(Wire):
    """Why one of two address families could not be had."""

    family: int = bits(8, "the family that failed", enum=Family)
    _reserved = reserved(13)
    hundreds: int = bits(3, "class of the error: the hundreds of its code")
    number: int = bits(8, "the code modulo 100")
    reason: bytes = opaque("a phrase for people, UTF-8")


@wire("RFC 8489 §14.13", error=StunError)
class UnknownAttributesValue(Wire):
    """What the server did not understand."""

    types: list[int] = array(16, "an attribute type")


@wire("RFC 8489 §14.12", error=StunError)
class PasswordAlgorithmValue(Wire):
    """One way to make a key of a password."""

    algorithm: int = bits(16, "1: MD5, 2: SHA-256 (RFC 8489 §18.5)")
    length = length_of("parameters", 16, doc="bytes of the parameters, without padding")
    parameters: bytes = opaque("parameters; both known algorithms have none", length="length")
    _padding = pad(4)


@wire("RFC 8489 §14.11", error=StunError)
class PasswordAlgorithmsValue(Wire):
    """The ways that the server takes, best first."""

    algorithms: list[PasswordAlgorithmValue] = array(PasswordAlgorithmValue, "ways to make a key, best first")


@wire("RFC 8445 §16.1", error=StunError)
class PriorityValue(Wire):
    """The priority that a peer-reflexive candidate would get."""

    type_preference: int = bits(
        8, "type preference: 126 host, 110 peer-reflexive, 100 server-reflexive, 0 relayed"
    )
    local_preference: int = bits(16, "local preference: which of several addresses of a type")
    component: int = bits(8, "256 minus the component id; 255 for component 1 (RFC 8445 §5.1.2.1)")


@wire("RFC 8445 §16.1", error=StunError)
class TieBreakerValue(Wire):
    """A random number; of two agents in the same role the one with the larger number has its way."""

    tie_breaker: int = bits(64, "random; the larger one keeps the role on a conflict (RFC 8445 §7.3.1.1)")


@wire("RFC 8656 §18.1", error=StunError)
class ChannelNumberValue(Wire):
    """The channel to bind."""

    channel: int = bits(16, "channel number, 0x4000 to 0x4FFF")
    _reserved = reserved(16)


@wire("RFC 8656 §18.2", error=StunError)
class LifetimeValue(Wire):
    """How long something lives."""

    seconds: int = bits(32, "seconds until it expires; 0 deletes it")


@wire("RFC 8656 §18.6", error=StunError)
class FamilyValue(Wire):
    """Which kind of address is wanted."""

    family: int = bits(8, "the family wanted", enum=Family)
    _reserved = reserved(24)


@wire("RFC 8656 §18.7", error=StunError)
class EvenPortValue(Wire):
    """An even port, and perhaps the next one, too."""

    reserve_next: bool = flag("R: reserve the next higher port, too")
    _reserved = reserved(7)


@wire("RFC 8656 §18.8", error=StunError)
class RequestedTransportValue(Wire):
    """What to relay."""

    protocol: int = bits(8, "IP protocol number; 17 is UDP")
    _reserved = reserved(24)


@wire("RFC 8656 §18.13", error=StunError)
class IcmpValue(Wire):
    """An ICMP error that a relayed datagram met. Read as whole bytes; see `values.decode_icmp`."""

    _reserved = reserved(16)
    icmp_type: int = bits(8, "ICMP type")
    icmp_code: int = bits(8, "ICMP code")
    error_data: int = bits(32, "for a datagram too big: the MTU of the next hop")


@wire("RFC 5780 §7.2", error=StunError)
class ChangeRequestValue(Wire):
    """From where to answer: for finding out what a NAT does."""

    _reserved = reserved(29)
    change_ip: bool = flag("answer from another address")
    change_port: bool = flag("answer from another port")
    _unused = reserved(1)


@wire("RFC 8489 §14.5", error=StunError)
class IntegrityValue(Wire):
    """HMAC-SHA1 of the message up to here, keyed with the password."""

    hmac: bytes = opaque("HMAC-SHA1 over all before this attribute", length=20)


@wire("RFC 8489 §14.6", error=StunError)
class IntegritySha256Value(Wire):
    """HMAC-SHA256 of the message up to here, keyed with the password; it may be cut to 16 bytes."""

    hmac: bytes = opaque("HMAC-SHA256 over all before this attribute")


@wire("RFC 8489 §14.7", error=StunError)
class FingerprintValue(Wire):
    """CRC-32 of the message up to here, XORed with a constant of STUN's own."""

    crc: int = bits(32, 'CRC-32 over all before this attribute, XORed with 0x5354554E, "STUN"')


@wire("RFC 8489 §18.3", error=StunError)
class GoogNetworkInfoValue(Wire):
    """libwebrtc: over which kind of network the check came, for choosing a pair."""

    network_id: int = bits(16, "a number for the sender's network interface")
    network_cost: int = bits(16, "what traffic costs there: 0 Ethernet, 10 Wi-Fi, 900 cellular, 999 at most")


@wire("RFC 8489 §18.3", error=StunError)
class GoogMiscInfoValue(Wire):
    """libwebrtc: a row of 16-bit numbers for extensions of its own."""

    numbers: list[int] = array(16, "what libwebrtc supports; the first is the version of GOOG-PING")


@wire("RFC 8489 §18.3", error=StunError)
class DtlsInStunAckValue(Wire):
    """libwebrtc: which DTLS packets have arrived."""

    hashes: list[int] = array(32, "CRC-32 of a DTLS packet that arrived")


VALUE_FORMATS: Mapping[int, type[Wire]] = {
    0x0001: AddressValue,
    0x0003: ChangeRequestValue,
    0x0008: IntegrityValue,
    0x0009: ErrorCodeValue,
    0x000A: UnknownAttributesValue,
    0x000C: ChannelNumberValue,
    0x000D: LifetimeValue,
    0x0012: XorAddressValue,
    0x0016: XorAddressValue,
    0x0017: FamilyValue,
    0x0018: EvenPortValue,
    0x0019: RequestedTransportValue,
    0x001C: IntegritySha256Value,
    0x001D: PasswordAlgorithmValue,
    0x0020: XorAddressValue,
    0x0024: PriorityValue,
    0x8000: FamilyValue,
    0x8001: AddressErrorValue,
    0x8002: PasswordAlgorithmsValue,
    0x8004: IcmpValue,
    0x8020: XorAddressValue,
    0x8023: AddressValue,
    0x8028: FingerprintValue,
    0x8029: TieBreakerValue,
    0x802A: TieBreakerValue,
    0x802B: AddressValue,
    0x802C: AddressValue,
    0xC057: GoogNetworkInfoValue,
    0xC059: GoogMiscInfoValue,
    0xC071: DtlsInStunAckValue,
}
"""The declared format of an attribute's value, by its type."""

SEEN_NAMES: Mapping[int, tuple[str, str, str]] = {
    0x0003: ("CHANGE-REQUEST", "from which address to answer; a question about NATs", "RFC 5780 §7.2"),
    0x001B: ("ACCESS-TOKEN", "a token of a third party instead of a password", "RFC 7635 §6.2"),
    0x0026: ("PADDING", "fills a message up to a size", "RFC 5780 §7.6"),
    0x0027: ("RESPONSE-PORT", "to which port to answer", "RFC 5780 §7.5"),
    0x002A: ("CONNECTION-ID", "which TCP connection of the relay", "RFC 6062 §6.2.1"),
    0x8020: (
        "XOR-MAPPED-ADDRESS (draft)",
        "XOR-MAPPED-ADDRESS as early drafts numbered it",
        "RFC 8489 §14.2",
    ),
    0x8027: ("CACHE-TIMEOUT", "how long an answer may be remembered", "RFC 8489 §18.3"),
    0x802B: ("RESPONSE-ORIGIN", "from where the answer was sent", "RFC 5780 §7.3"),
    0x802C: ("OTHER-ADDRESS", "from where the server could answer as well", "RFC 5780 §7.4"),
    0x802D: ("ECN-CHECK", "whether congestion marks get through", "RFC 6679 §7.2.2"),
    0x802E: ("THIRD-PARTY-AUTHORIZATION", "who hands out tokens for this server", "RFC 7635 §6.1"),
    0x8030: ("MOBILITY-TICKET", "keeps an allocation when the client's address changes", "RFC 8016 §3.3"),
    0xC000: (
        "CISCO-STUN-FLOWDATA",
        "what kind of flow this is, for Cisco's network equipment",
        "RFC 8489 §18.3",
    ),
    0xC001: ("ENF-FLOW-DESCRIPTION", "what kind of flow this is, for network equipment", "RFC 8489 §18.3"),
    0xC002: ("ENF-NETWORK-STATUS", "what the network can give to this flow", "RFC 8489 §18.3"),
    0xC056: (
        "GOOG-NETWORK-INFO (old)",
        "libwebrtc: an earlier number of GOOG-NETWORK-INFO",
        "RFC 8489 §18.3",
    ),
    0xC057: ("GOOG-NETWORK-INFO", "libwebrtc: the sender's network interface and its cost", "RFC 8489 §18.3"),
    0xC058: (
        "GOOG-LAST-ICE-CHECK-RECEIVED",
        "libwebrtc: transaction id of the last check that arrived",
        "RFC 8489 §18.3",
    ),
    0xC059: ("GOOG-MISC-INFO", "libwebrtc: what extensions the sender knows", "RFC 8489 §18.3"),
    0xC05A: ("GOOG-OBSOLETE-1", "libwebrtc: no longer used", "RFC 8489 §18.3"),
    0xC05B: ("GOOG-CONNECTION-ID", "libwebrtc: reserved for its ICE controllers", "RFC 8489 §18.3"),
    0xC05C: ("GOOG-DELTA", "libwebrtc: a change of settings of its ICE controllers", "RFC 8489 §18.3"),
    0xC05D: ("GOOG-DELTA-ACK", "libwebrtc: that change has arrived", "RFC 8489 §18.3"),
    0xC05E: ("GOOG-DELTA-SYNC-REQ", "libwebrtc: asks for all settings again", "RFC 8489 §18.3"),
    0xC060: (
        "GOOG-MESSAGE-INTEGRITY-32",
        "libwebrtc: the first 4 bytes of a MESSAGE-INTEGRITY, in GOOG-PING",
        "RFC 8489 §18.3",
    ),
    0xC070: (
        "META-DTLS-IN-STUN",
        "libwebrtc: a DTLS packet that rides along with a check, to save a round trip",
        "RFC 8489 §18.3",
    ),
    0xC071: (
        "META-DTLS-IN-STUN-ACKNOWLEDGEMENT",
        "libwebrtc: which of the DTLS packets in checks have arrived",
        "RFC 8489 §18.3",
    ),
}
"""(name, meaning, section) of types that the stack does not act on, but that are seen on networks."""

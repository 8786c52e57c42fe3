"""The STUN message as a declaration: for reading, for explanations, and as the reference for the fast parser.

`message` reads STUN by hand, because it must be fast; here the same format stands as one would draw it. A property
test holds the two together: what `parse_message` accepts, this accepts with the same attributes, and what this
refuses, `parse_message` refuses.

What a declaration cannot say, the meaning of a value that is XORed or hashed, `explain_message` and
`rtcpy.explain` add. Formats of attribute values are in `declared_values`.

Specs: RFC 8489 §5 (Figures 2 and 3), §14 (Figure 4).
"""

from __future__ import annotations

from rtcpy.stun.attributes import (
    REGISTRY,
)
from rtcpy.stun.errors import StunError
from rtcpy.stun.integrity import FINGERPRINT_TYPE, MESSAGE_INTEGRITY_SHA256_TYPE, MESSAGE_INTEGRITY_TYPE
from rtcpy.stun.message import TRANSACTION_ID_BYTES, MessageClass, split_message_type
from rtcpy.stun.values import COMPREHENSION_OPTIONAL, MAGIC_COOKIE
from rtcpy.wire import Span, Wire, array, bits, const, explain, flag, length_of, opaque, pad, wire

MEANINGS = {
    0x0001: "the address the request came from, in the clear; for clients of RFC 3489",
    0x0006: 'whose password signed this; in ICE "ufrag of the receiver:ufrag of the sender"',
    0x0008: "HMAC-SHA1 over everything before it: the sender knows the password",
    0x0009: "why the request failed: a number for programs, a phrase for people",
    0x000A: "the attribute types that the server did not understand",
    0x000C: "the channel that stands for a peer, so that 4 bytes replace a whole Send indication",
    0x000D: "how long the allocation lives on, in seconds",
    0x0012: "the peer behind the relay, XORed with cookie and transaction id",
    0x0013: "application data on its way through the relay",
    0x0014: "which accounts the server means: part of what is hashed into the key",
    0x0015: "the server's challenge; it must come back, and expires",
    0x0016: "the address that the relay lends to the client, XORed",
    0x0017: "IPv4 (1) or IPv6 (2) for the relayed address",
    0x0018: "the relayed port must be even; the top bit asks to reserve the next one",
    0x0019: "the protocol to relay; 17 is UDP",
    0x001A: "relay with the don't-fragment bit set",
    0x001C: "HMAC-SHA256 over everything before it: the sender knows the password",
    0x001D: "the hash with which the client made its key",
    0x001E: "the hash of name and realm, instead of the name",
    0x0020: "the address the request came from, XORed with the cookie so that no router rewrites it",
    0x0022: "a ticket for the port reserved earlier",
    0x0024: "the priority that a peer-reflexive candidate learnt from this check would get",
    0x0025: "the controlling agent nominates this pair",
    0x8000: "one more address of this family, please",
    0x8001: "why one of two address families could not be allocated",
    0x8002: "the hashes the server takes, best first; repeated by the client so that nobody strikes one out",
    0x8003: "the name to expect in the other server's certificate",
    0x8004: "the ICMP error that a relayed datagram met",
    0x8022: "the software that sent this; for people",
    0x8023: "another server to try",
    0x8028: 'CRC-32 of everything before it, XORed with "STUN": this is no packet of another protocol',
    0x8029: "the sender takes the controlled role; the number breaks ties",
    0x802A: "the sender takes the controlling role; the number breaks ties",
}
"""One sentence for each attribute type, for explanations."""

_COMPUTED = {
    MESSAGE_INTEGRITY_TYPE: ("MESSAGE-INTEGRITY", "RFC 8489 §14.5"),
    MESSAGE_INTEGRITY_SHA256_TYPE: ("MESSAGE-INTEGRITY-SHA256", "RFC 8489 §14.6"),
    FINGERPRINT_TYPE: ("FINGERPRINT", "RFC 8489 §14.7"),
}


@wire("RFC 8489 §14", error=StunError)
class DeclaredAttribute(Wire):
    """One attribute: type, length of the value without its padding, value, padding."""

    type: int = bits(16, "attribute type; from 0x8000 on a receiver may ignore it")
    length = length_of("value", 16, doc="bytes of the value, without padding")
    value: bytes = opaque("the value; its format depends on the type", length="length")
    _padding = pad(4)


@wire("RFC 8489 §5", error=StunError)
class DeclaredMessage(Wire):
    """The header and the attributes. The two class bits sit between the bits of the method."""

    _zero = const(2, 0, "00: tells STUN from RTP, which begins with 10; DTLS is told by its whole first byte")
    method_high: int = bits(5, "method, bits 11–7")
    class_high: bool = flag("class bit 1: a response")
    method_middle: int = bits(3, "method, bits 6–4")
    class_low: bool = flag("class bit 0: an indication, or an error among responses")
    method_low: int = bits(4, "method, bits 3–0")
    length = length_of("attributes", 16, doc="bytes after the 20-byte header")
    _cookie = const(32, MAGIC_COOKIE, "magic cookie: tells RFC 8489 from RFC 3489")
    transaction_id: bytes = opaque("random; the response repeats it", length=TRANSACTION_ID_BYTES)
    attributes: list[DeclaredAttribute] = array(DeclaredAttribute, "the attributes", length="length")


def explain_message(data: bytes) -> list[Span]:
    """Every bit of a STUN message with its meaning; attribute values are decoded where we know them.

    A value that does not follow its format is left as bytes, and its span says what is wrong with it.

    Raises:
        StunError: `data` does not have the shape of a message.
    """
    spans = explain(DeclaredMessage, data)
    transaction_id = data[8:20]
    code = 0
    for span in spans:
        if span.name.endswith("].type"):
            code = span.raw
            span.value, _, span.rfc = _describe(code)
            span.doc = "may be ignored" if code >= COMPREHENSION_OPTIONAL else "must be understood"
        elif span.name.endswith("].value"):
            known = REGISTRY.get(code)
            span.doc, span.rfc = _describe(code)[1:]
            if known is not None and isinstance(span.value, bytes):
                try:
                    span.value = known.decode(span.value, transaction_id)
                except StunError as error:
                    span.doc = f"malformed: {error.message}"
    return spans


def _describe(code: int) -> tuple[str, str, str]:
    """(name, meaning, section) of an attribute type."""
    known = REGISTRY.get(code)
    if known is not None:
        return known.name, MEANINGS[code], known.rfc
    if code in _COMPUTED:
        name, rfc = _COMPUTED[code]
        return name, MEANINGS[code], rfc
    meaning = (
        "unknown, may be ignored"
        if code >= COMPREHENSION_OPTIONAL
        else "unknown: the request must be refused"
    )
    return f"0x{code:04X}", meaning, "RFC 8489 §14"


def title(data: bytes) -> str:
    """One line for a list: ``Binding request``, ``method 0x123 error response``."""
    method, message_class = split_message_type(data[0] << 8 | data[1])
    name = getattr(method, "name", f"method 0x{method:03X}").replace("_", " ").capitalize()
    return f"{name} {MessageClass(message_class).name.replace('_', ' ').lower()}"

"""The STUN message as a declaration: for reading, for explanations, and as the reference for the fast parser.

`message` reads STUN by hand, because it must be fast; here the same format stands as one would draw it. A property
test holds the two together: what `parse_message` accepts, this accepts with the same attributes, and what this
refuses, `parse_message` refuses.

What a declaration cannot say, the meaning of a value that is XORed or hashed, `explain_message` adds.

Specs: RFC 8489 §5 (Figures 2 and 3), §14 (Figure 4).
"""

from __future__ import annotations

from rtcpy.stun.attributes import (
    REGISTRY,
)
from rtcpy.stun.errors import StunError
from rtcpy.stun.integrity import FINGERPRINT_TYPE, MESSAGE_INTEGRITY_SHA256_TYPE, MESSAGE_INTEGRITY_TYPE
from rtcpy.stun.message import TRANSACTION_ID_BYTES, MessageClass, split_message_type
from rtcpy.stun.values import MAGIC_COOKIE
from rtcpy.wire import Span, Wire, array, bits, const, explain, flag, length_of, opaque, pad, wire

_COMPUTED = {
    MESSAGE_INTEGRITY_TYPE: ("MESSAGE-INTEGRITY", "HMAC-SHA1 over everything before it", "RFC 8489 §14.5"),
    MESSAGE_INTEGRITY_SHA256_TYPE: (
        "MESSAGE-INTEGRITY-SHA256",
        "HMAC-SHA256 over everything before it",
        "RFC 8489 §14.6",
    ),
    FINGERPRINT_TYPE: (
        "FINGERPRINT",
        "CRC-32 of everything before it, XORed with 'STUN'",
        "RFC 8489 §14.7",
    ),
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

    _zero = const(2, 0, "00: tells STUN from RTP, DTLS and the others on the same port")
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
            name, span.doc, span.rfc = _describe(code)
            span.value = name
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
    if code in _COMPUTED:
        return _COMPUTED[code]
    known = REGISTRY.get(code)
    if known is not None:
        must = "must be understood" if known.comprehension_required else "may be ignored"
        return known.name, f"{known.name}; {must}", known.rfc
    ignorable = code >= 0x8000
    return (
        f"0x{code:04X}",
        f"unknown; {'ignored' if ignorable else 'the request must be refused'}",
        "RFC 8489 §14",
    )


def title(data: bytes) -> str:
    """One line for a list: ``Binding request``, ``method 0x123 error response``."""
    method, message_class = split_message_type(data[0] << 8 | data[1])
    name = getattr(method, "name", f"method 0x{method:03X}").replace("_", " ").capitalize()
    return f"{name} {MessageClass(message_class).name.replace('_', ' ').lower()}"

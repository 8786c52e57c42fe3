"""STUN attributes: what each type is called, and how its value is read and written.

One `Attribute` object per registered type, with a typed value: `PRIORITY` carries an `int`, `USERNAME` a `str`,
`XOR_MAPPED_ADDRESS` an `Address`. Calling one makes the pair that a message is built from, and the same object
reads it back:

    message = Message(Method.BINDING, MessageClass.REQUEST, tid, [USERNAME("them:us"), PRIORITY(1845494271)])
    message.get(PRIORITY)         # -> 1845494271, an int for the type checker too

Owned here: the registry that says which types we understand. Not here: the formats of their values (`values`), the
type-length-value loop (`message`), and the three attributes whose value depends on the bytes before them,
MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (`integrity`).

Specs: RFC 8489 §14 and §18.3, RFC 8445 §16.1, RFC 8656 §18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtcpy.stun.values import (
    MAX_DOMAIN_BYTES,
    MAX_TEXT_BYTES,
    MAX_TEXT_CHARACTERS,
    MAX_USERNAME_BYTES,
    Attribute,
    PasswordAlgorithm,
    address_attribute,
    decode_address_error,
    decode_bytes,
    decode_error_code,
    decode_even_port,
    decode_exactly,
    decode_icmp,
    decode_nonce,
    decode_password_algorithm,
    decode_password_algorithms,
    decode_unknown_attributes,
    encode_address_error,
    encode_bytes,
    encode_error_code,
    encode_even_port,
    encode_exactly,
    encode_icmp,
    encode_nonce,
    encode_password_algorithm,
    encode_password_algorithms,
    encode_unknown_attributes,
    flag_attribute,
    integer_attribute,
    leading_integer_attribute,
    text_attribute,
    xor_address_attribute,
)

MAPPED_ADDRESS = address_attribute(0x0001, "MAPPED-ADDRESS", "RFC 8489 §14.1")
USERNAME = text_attribute(
    0x0006,
    "USERNAME",
    "RFC 8489 §14.3",
    characters=MAX_USERNAME_BYTES,
    max_bytes=MAX_USERNAME_BYTES,
)
ERROR_CODE = Attribute(0x0009, "ERROR-CODE", decode_error_code, encode_error_code, "RFC 8489 §14.8")
UNKNOWN_ATTRIBUTES: Attribute[Sequence[int]] = Attribute(
    0x000A, "UNKNOWN-ATTRIBUTES", decode_unknown_attributes, encode_unknown_attributes, "RFC 8489 §14.13"
)
REALM = text_attribute(
    0x0014, "REALM", "RFC 8489 §14.9", characters=MAX_TEXT_CHARACTERS, max_bytes=MAX_TEXT_BYTES
)
NONCE = Attribute(0x0015, "NONCE", decode_nonce, encode_nonce, "RFC 8489 §14.10")
"""Its text is opaque to clients and echoed byte for byte, hence `bytes`."""
PASSWORD_ALGORITHM = Attribute(
    0x001D, "PASSWORD-ALGORITHM", decode_password_algorithm, encode_password_algorithm, "RFC 8489 §14.12"
)
USERHASH = Attribute(
    0x001E,
    "USERHASH",
    decode_exactly("USERHASH", 32, "RFC 8489 §14.4"),
    encode_exactly("USERHASH", 32, "RFC 8489 §14.4"),
    "RFC 8489 §14.4",
)
XOR_MAPPED_ADDRESS = xor_address_attribute(0x0020, "XOR-MAPPED-ADDRESS", "RFC 8489 §14.2")
PASSWORD_ALGORITHMS: Attribute[Sequence[PasswordAlgorithm]] = Attribute(
    0x8002, "PASSWORD-ALGORITHMS", decode_password_algorithms, encode_password_algorithms, "RFC 8489 §14.11"
)
ALTERNATE_DOMAIN = text_attribute(
    0x8003, "ALTERNATE-DOMAIN", "RFC 8489 §14.16", characters=MAX_DOMAIN_BYTES, max_bytes=MAX_DOMAIN_BYTES
)
SOFTWARE = text_attribute(
    0x8022,
    "SOFTWARE",
    "RFC 8489 §14.14",
    characters=MAX_TEXT_CHARACTERS,
    max_bytes=MAX_TEXT_BYTES,
    lenient=True,
)
ALTERNATE_SERVER = address_attribute(0x8023, "ALTERNATE-SERVER", "RFC 8489 §14.15")

# ICE, RFC 8445 §16.1
PRIORITY = integer_attribute(0x0024, "PRIORITY", 4, "RFC 8445 §16.1")
USE_CANDIDATE = flag_attribute(0x0025, "USE-CANDIDATE", "RFC 8445 §16.1")
ICE_CONTROLLED = integer_attribute(0x8029, "ICE-CONTROLLED", 8, "RFC 8445 §16.1")
"""The sender's 64-bit tie-breaker."""
ICE_CONTROLLING = integer_attribute(0x802A, "ICE-CONTROLLING", 8, "RFC 8445 §16.1")
"""The sender's 64-bit tie-breaker."""

# TURN, RFC 8656 §18
CHANNEL_NUMBER = leading_integer_attribute(0x000C, "CHANNEL-NUMBER", 2, "RFC 8656 §18.1")
LIFETIME = integer_attribute(0x000D, "LIFETIME", 4, "RFC 8656 §18.2")
"""Whole seconds."""
XOR_PEER_ADDRESS = xor_address_attribute(0x0012, "XOR-PEER-ADDRESS", "RFC 8656 §18.3")
DATA = Attribute(0x0013, "DATA", decode_bytes, encode_bytes, "RFC 8656 §18.4")
XOR_RELAYED_ADDRESS = xor_address_attribute(0x0016, "XOR-RELAYED-ADDRESS", "RFC 8656 §18.5")
REQUESTED_ADDRESS_FAMILY = leading_integer_attribute(0x0017, "REQUESTED-ADDRESS-FAMILY", 1, "RFC 8656 §18.6")
EVEN_PORT = Attribute(0x0018, "EVEN-PORT", decode_even_port, encode_even_port, "RFC 8656 §18.7")
REQUESTED_TRANSPORT = leading_integer_attribute(0x0019, "REQUESTED-TRANSPORT", 1, "RFC 8656 §18.8")
"""An IP protocol number; 17 is UDP."""
DONT_FRAGMENT = flag_attribute(0x001A, "DONT-FRAGMENT", "RFC 8656 §18.9")
RESERVATION_TOKEN = Attribute(
    0x0022,
    "RESERVATION-TOKEN",
    decode_exactly("RESERVATION-TOKEN", 8, "RFC 8656 §18.10"),
    encode_exactly("RESERVATION-TOKEN", 8, "RFC 8656 §18.10"),
    "RFC 8656 §18.10",
)
ADDITIONAL_ADDRESS_FAMILY = leading_integer_attribute(
    0x8000, "ADDITIONAL-ADDRESS-FAMILY", 1, "RFC 8656 §18.11"
)
ADDRESS_ERROR_CODE = Attribute(
    0x8001, "ADDRESS-ERROR-CODE", decode_address_error, encode_address_error, "RFC 8656 §18.12"
)
ICMP = Attribute(0x8004, "ICMP", decode_icmp, encode_icmp, "RFC 8656 §18.13")

REGISTRY: dict[int, Attribute[Any]] = {
    attribute.code: attribute
    for attribute in (
        MAPPED_ADDRESS,
        USERNAME,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        REALM,
        NONCE,
        PASSWORD_ALGORITHM,
        USERHASH,
        XOR_MAPPED_ADDRESS,
        PASSWORD_ALGORITHMS,
        ALTERNATE_DOMAIN,
        SOFTWARE,
        ALTERNATE_SERVER,
        PRIORITY,
        USE_CANDIDATE,
        ICE_CONTROLLED,
        ICE_CONTROLLING,
        CHANNEL_NUMBER,
        LIFETIME,
        XOR_PEER_ADDRESS,
        DATA,
        XOR_RELAYED_ADDRESS,
        REQUESTED_ADDRESS_FAMILY,
        EVEN_PORT,
        REQUESTED_TRANSPORT,
        DONT_FRAGMENT,
        RESERVATION_TOKEN,
        ADDITIONAL_ADDRESS_FAMILY,
        ADDRESS_ERROR_CODE,
        ICMP,
    )
}
"""Every type whose value we understand. The three integrity attributes are understood by `message` itself."""

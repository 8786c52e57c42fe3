"""STUN: one question ("from where do you see me?") and the small message format that carries it.

A host behind a NAT cannot know its own public address. It sends a Binding request; the answer holds the source
address that arrived, XORed so that no helpful router rewrites it. ICE then uses the same two messages, signed with
a password from signalling, to find out which pairs of addresses work at all, and TURN adds methods for relays.

Where it sits: directly on UDP (or TCP). ICE and TURN import it; it imports `core` and `wire`. Below a session
it shares its port with DTLS and RTP and is told apart by its first byte, 0…3 (RFC 7983).

Read in this order: `declared` with `declared_values` (the format as one would draw it), `message` (the same by hand:
parse and serialize), `template` (a message that comes again and again), `attributes` (which ones there are), `values`
(what each one carries) and `error_codes`, `integrity` (two HMACs and a CRC), `credentials` (where keys come from; the
client's half of the long-term dance), `opaque` (passwords in Unicode), `transaction` (retransmission); then the
answering side: `server`, with `authenticator` (challenges and nonces) and `limiter`. `errors` is three lines.

Specs: RFC 8489 (obsoletes 5389), its test vectors RFC 5769, ICE's attributes RFC 8445 §16.1, TURN's RFC 8656 §18.
"""

from rtcpy.stun.attributes import (
    ALTERNATE_SERVER,
    ERROR_CODE,
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    MAPPED_ADDRESS,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    PRIORITY,
    REALM,
    SOFTWARE,
    UNKNOWN_ATTRIBUTES,
    USE_CANDIDATE,
    USERHASH,
    USERNAME,
    XOR_MAPPED_ADDRESS,
)
from rtcpy.stun.authenticator import Authenticated, Authenticator, Refused
from rtcpy.stun.credentials import LongTermClient, Verdict, long_term_key, short_term_key, userhash
from rtcpy.stun.error_codes import ErrorCode, ErrorNumber
from rtcpy.stun.errors import StunError
from rtcpy.stun.integrity import Integrity
from rtcpy.stun.limiter import RateLimiter
from rtcpy.stun.message import (
    Message,
    MessageClass,
    Method,
    is_stun,
    new_transaction_id,
    parse_message,
)
from rtcpy.stun.opaque import opaque_string
from rtcpy.stun.server import Answered, Drop, StunServer
from rtcpy.stun.template import SignedTemplate
from rtcpy.stun.transaction import Due, RtoEstimator, Transaction, TransactionTimers
from rtcpy.stun.values import Attribute, AttributeValue, PasswordAlgorithm, PasswordAlgorithmNumber

__all__ = [
    "ALTERNATE_SERVER",
    "ERROR_CODE",
    "ICE_CONTROLLED",
    "ICE_CONTROLLING",
    "MAPPED_ADDRESS",
    "NONCE",
    "PASSWORD_ALGORITHM",
    "PASSWORD_ALGORITHMS",
    "PRIORITY",
    "REALM",
    "SOFTWARE",
    "UNKNOWN_ATTRIBUTES",
    "USERHASH",
    "USERNAME",
    "USE_CANDIDATE",
    "XOR_MAPPED_ADDRESS",
    "Answered",
    "Attribute",
    "AttributeValue",
    "Authenticated",
    "Authenticator",
    "Drop",
    "Due",
    "ErrorCode",
    "ErrorNumber",
    "Integrity",
    "LongTermClient",
    "Message",
    "MessageClass",
    "Method",
    "PasswordAlgorithm",
    "PasswordAlgorithmNumber",
    "RateLimiter",
    "Refused",
    "RtoEstimator",
    "SignedTemplate",
    "StunError",
    "StunServer",
    "Transaction",
    "TransactionTimers",
    "Verdict",
    "is_stun",
    "long_term_key",
    "new_transaction_id",
    "opaque_string",
    "parse_message",
    "short_term_key",
    "userhash",
]

"""Error codes: the numbers that STUN, ICE and TURN answer with, their phrases, and the value of ERROR-CODE.

Specs: RFC 8489 §14.8 and §18.4, RFC 8445 §16.2, RFC 8656 §19.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class ErrorNumber(IntEnum):
    """Error codes that STUN, ICE and TURN define. Spec: RFC 8489 §14.8, RFC 8445 §16.2, RFC 8656 §19."""

    TRY_ALTERNATE = 300
    BAD_REQUEST = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    UNKNOWN_ATTRIBUTE = 420
    ALLOCATION_MISMATCH = 437
    STALE_NONCE = 438
    ADDRESS_FAMILY_NOT_SUPPORTED = 440
    WRONG_CREDENTIALS = 441
    UNSUPPORTED_TRANSPORT_PROTOCOL = 442
    PEER_ADDRESS_FAMILY_MISMATCH = 443
    ALLOCATION_QUOTA_REACHED = 486
    ROLE_CONFLICT = 487
    SERVER_ERROR = 500
    INSUFFICIENT_CAPACITY = 508


REASON_PHRASES = {
    ErrorNumber.TRY_ALTERNATE: "Try Alternate",
    ErrorNumber.BAD_REQUEST: "Bad Request",
    ErrorNumber.UNAUTHENTICATED: "Unauthenticated",
    ErrorNumber.FORBIDDEN: "Forbidden",
    ErrorNumber.UNKNOWN_ATTRIBUTE: "Unknown Attribute",
    ErrorNumber.ALLOCATION_MISMATCH: "Allocation Mismatch",
    ErrorNumber.STALE_NONCE: "Stale Nonce",
    ErrorNumber.ADDRESS_FAMILY_NOT_SUPPORTED: "Address Family not Supported",
    ErrorNumber.WRONG_CREDENTIALS: "Wrong Credentials",
    ErrorNumber.UNSUPPORTED_TRANSPORT_PROTOCOL: "Unsupported Transport Protocol",
    ErrorNumber.PEER_ADDRESS_FAMILY_MISMATCH: "Peer Address Family Mismatch",
    ErrorNumber.ALLOCATION_QUOTA_REACHED: "Allocation Quota Reached",
    ErrorNumber.ROLE_CONFLICT: "Role Conflict",
    ErrorNumber.SERVER_ERROR: "Server Error",
    ErrorNumber.INSUFFICIENT_CAPACITY: "Insufficient Capacity",
}
"""The recommended phrases of the IANA registry; they are for people, the number decides (RFC 8489 §18.4)."""


class ErrorCode(NamedTuple):
    """The value of ERROR-CODE. Spec: RFC 8489 §14.8."""

    code: int
    reason: str = ""

    @classmethod
    def of(cls, number: ErrorNumber) -> ErrorCode:
        """The registered error `number` with its recommended phrase."""
        return cls(int(number), REASON_PHRASES[number])

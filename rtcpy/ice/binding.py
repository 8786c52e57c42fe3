"""The two STUN messages of ICE: the signed Binding request, and its answers.

Everything that ICE puts into STUN or reads from it is here; the others deal in plain values.

Specs: RFC 8445 §7.1 (attributes), §7.2.2 (credentials), §7.3 (answers), §11 (keepalive), RFC 8489 §9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.core.errors import CryptoError
from rtcpy.core.machine import Address
from rtcpy.ice.candidate import COMPONENT_RTP, Candidate, CandidateType, candidate_priority
from rtcpy.stun import (
    ERROR_CODE,
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    MAPPED_ADDRESS,
    PRIORITY,
    UNKNOWN_ATTRIBUTES,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    ErrorNumber,
    Message,
    MessageClass,
    Method,
)


@dataclass(slots=True)
class CheckRequest:
    """What a received connectivity check says.

    Args:
        local_ufrag: the part of USERNAME before the colon: ours.
        remote_ufrag: the part after it: the sender's.
        priority: PRIORITY, or `None`; what a peer-reflexive candidate learnt from it gets.
        use_candidate: the controlling peer nominates this pair.
        controlling: tie-breaker of a sender that claims to control, or `None`.
        controlled: tie-breaker of a sender that claims to be controlled, or `None`.
    """

    local_ufrag: str
    remote_ufrag: str
    priority: int | None
    use_candidate: bool
    controlling: int | None
    controlled: int | None


def read_check(message: Message) -> CheckRequest | None:
    """The fields of a Binding request, or `None` without a USERNAME of two parts. Spec: RFC 8445 §7.3."""
    username = message.get(USERNAME)
    if username is None:
        return None
    ours, colon, theirs = username.partition(":")
    if not colon:
        return None
    return CheckRequest(
        local_ufrag=ours,
        remote_ufrag=theirs,
        priority=message.get(PRIORITY),
        use_candidate=USE_CANDIDATE in message,
        controlling=message.get(ICE_CONTROLLING),
        controlled=message.get(ICE_CONTROLLED),
    )


def reflexive_priority(local: Candidate) -> int:
    """What PRIORITY carries: the priority that `local` would have if it turned out to be peer-reflexive.

    Spec: RFC 8445 §7.1.1.
    """
    return candidate_priority(CandidateType.PEER_REFLEXIVE, local.priority >> 8 & 0xFFFF, COMPONENT_RTP)


def write_check(
    transaction_id: bytes,
    username: str,
    key: bytes,
    *,
    priority: int,
    controlling: bool,
    tie_breaker: int,
    use_candidate: bool,
) -> bytes:
    """A connectivity check, ready to send.

    Args:
        transaction_id: 12 fresh random **bytes**.
        username: the peer's ufrag, a colon, ours.
        key: from the peer's password.
        priority: see `reflexive_priority`.
        controlling: our role.
        tie_breaker: ours, 64 bits.
        use_candidate: nominate the pair; only when controlling.

    Spec: RFC 8445 §7.1, §7.2.2.
    """
    role = ICE_CONTROLLING(tie_breaker) if controlling else ICE_CONTROLLED(tie_breaker)
    attributes = [USERNAME(username), role, PRIORITY(priority)]
    if use_candidate:
        attributes.append(USE_CANDIDATE(True))
    return Message(Method.BINDING, MessageClass.REQUEST, transaction_id, attributes).serialize(key)


def write_success(request: Message, source: Address, key: bytes) -> bytes:
    """The answer to a check: where it came from, signed with our password. Spec: RFC 8445 §7.3, §7.3.1.2."""
    return request.success([XOR_MAPPED_ADDRESS(source)]).serialize(key)


def write_role_conflict(request: Message, key: bytes) -> bytes:
    """487: we insist on our role. Spec: RFC 8445 §7.3.1.1."""
    return request.error(ErrorCode.of(ErrorNumber.ROLE_CONFLICT)).serialize(key)


def write_unknown_attributes(request: Message, unknown: list[int], key: bytes) -> bytes:
    """420: the request carries attributes that must be understood and are not. Spec: RFC 8489 §6.3.1."""
    error = ErrorCode.of(ErrorNumber.UNKNOWN_ATTRIBUTE)
    return request.error(error, [UNKNOWN_ATTRIBUTES(unknown)]).serialize(key)


def write_server_request(transaction_id: bytes) -> bytes:
    """An unsigned Binding request for a STUN server. Spec: RFC 8445 §5.1.1.2."""
    return Message(Method.BINDING, MessageClass.REQUEST, transaction_id).serialize(fingerprint=False)


def write_keepalive(transaction_id: bytes) -> bytes:
    """A Binding indication: FINGERPRINT and nothing else. Spec: RFC 8445 §11."""
    return Message(Method.BINDING, MessageClass.INDICATION, transaction_id).serialize()


def mapped_address(response: Message, *, allow_plain: bool = False) -> Address | None:
    """The address that the other side saw, if the response says so.

    Args:
        allow_plain: accept MAPPED-ADDRESS from an old server (RFC 8489 §11); never from a peer (RFC 8445 §7.3).
    """
    address = response.get(XOR_MAPPED_ADDRESS)
    if address is None and allow_plain:
        address = response.get(MAPPED_ADDRESS)
    return address


def error_code(response: Message) -> ErrorCode:
    """The error of an error response; 0 when it carries none."""
    return response.get(ERROR_CODE) or ErrorCode(0, "no ERROR-CODE")


def is_authentic(message: Message, key: bytes) -> bool:
    """Whether MESSAGE-INTEGRITY and FINGERPRINT are there and right: only then may a message have effects.

    Spec: RFC 8489 §9.1.3, §9.1.4; RFC 8445 §7.1 requires FINGERPRINT.
    """
    if message.fingerprint is None:
        return False
    try:
        message.verify_integrity(key)
    except CryptoError:
        return False
    return True


def forgery(message: Message) -> str:
    """Which of the checks of `is_authentic` a message failed. A *wrong* FINGERPRINT is no STUN message to begin with."""
    request = message.message_class is MessageClass.REQUEST
    kind = "request" if request else "response"
    if message.fingerprint is None:
        return f"{kind} without FINGERPRINT (RFC 8445 §7.1)"
    rule = "RFC 8489 §9.1.3" if request else "RFC 8489 §9.1.4"
    if message.integrity_algorithm is None:
        return f"{kind} without MESSAGE-INTEGRITY ({rule})"
    return f"{kind} whose MESSAGE-INTEGRITY is wrong: another password, or a changed byte ({rule})"

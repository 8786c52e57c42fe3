"""Judging and keeping the peer's candidates: signalled ones and those met by their checks.

The peer says where we should send checks to, so every limit here protects somebody else (RFC 8445 §19.5.1).

Specs: RFC 8838 §11 (trickled candidates), RFC 8445 §7.3.1.3 (peer-reflexive), §5.3.
"""

from __future__ import annotations

from rtcpy.core.machine import Address
from rtcpy.ice.candidate import (
    COMPONENT_RTP,
    MAX_PRIORITY,
    Candidate,
    CandidateType,
    canonical,
    unusable_reason,
)
from rtcpy.ice.config import MAX_PEER_REFLEXIVE, MAX_REMOTE_CANDIDATES
from rtcpy.ice.session import Stream


def refusal(candidate: Candidate, *, allow_loopback: bool) -> str | None:
    """Why a signalled candidate cannot be used, or `None`. Spec: RFC 8445 §5.3, §19.5.1.

    TCP and ``.local`` candidates are refused here until the agent speaks RFC 6544 and mDNS.
    """
    if candidate.component != COMPONENT_RTP:
        return "candidate of another component (RFC 8445 §5.3)"
    if candidate.transport != "udp":
        return "candidate of another transport (RFC 8445 §5.3)"
    if not 0 < candidate.priority <= 0xFFFFFFFF:
        return "candidate priority out of range (RFC 8445 §5.1.2)"
    problem = unusable_reason(candidate.transport_address, allow_loopback=allow_loopback)
    return None if problem is None else f"candidate: {problem} (RFC 8445 §19.5.1)"


def add_signalled(stream: Stream, candidate: Candidate) -> Candidate | str | None:
    """Keep a usable candidate.

    Returns:
        the record, if it is new; why it is refused; or `None` if its address is known already. One that was met
        as peer-reflexive then takes the signalled type, foundation and priority, so that both sides order
        pairs alike (RFC 8838 §11 item 4A): the caller sorts again.
    """
    address = canonical(candidate.transport_address)
    known = stream.remote.get(address)
    if known is None:
        if len(stream.remote) >= MAX_REMOTE_CANDIDATES:
            return "more candidates than MAX_REMOTE_CANDIDATES (RFC 8445 §19.5.1)"
        own = candidate.copy()
        own.address, own.url, own.base = address.host, None, None
        stream.remote[address] = own
        return own
    if known.type is CandidateType.PEER_REFLEXIVE and candidate.type is not CandidateType.PEER_REFLEXIVE:
        known.type, known.foundation, known.priority = (
            candidate.type,
            candidate.foundation,
            candidate.priority,
        )
        known.related_address, known.related_port = candidate.related_address, candidate.related_port
    return None


def add_peer_reflexive(stream: Stream, source: Address, priority: int | None) -> Candidate | str:
    """Keep what an authentic check from an unknown address tells, or say why not. Spec: RFC 8445 §7.3.1.3.

    Args:
        stream: where the check arrived.
        source: canonical address it came from.
        priority: its PRIORITY.
    """
    if priority is None:
        return "check without PRIORITY from an unknown address (RFC 8445 §7.3.1.3)"
    met = sum(candidate.type is CandidateType.PEER_REFLEXIVE for candidate in stream.remote.values())
    if met >= MAX_PEER_REFLEXIVE or len(stream.remote) >= MAX_REMOTE_CANDIDATES:
        return "more peer-reflexive candidates than MAX_PEER_REFLEXIVE (RFC 8445 §19.5.1)"
    candidate = Candidate(
        foundation=_unused_foundation(stream),
        component=COMPONENT_RTP,
        transport="udp",
        priority=max(1, min(priority, MAX_PRIORITY)),
        address=source.host,
        port=source.port,
        type=CandidateType.PEER_REFLEXIVE,
    )
    stream.remote[source] = candidate
    return candidate


def _unused_foundation(stream: Stream) -> str:
    """An arbitrary foundation that no remote candidate has. Spec: RFC 8445 §7.3.1.3."""
    taken = {candidate.foundation for candidate in stream.remote.values()}
    number = len(taken) + 1
    while f"prflx{number}" in taken:
        number += 1
    return f"prflx{number}"


def describe(candidate: Candidate) -> bytes:
    """A candidate for the tap's eyes."""
    text = f"{candidate.type.value} {candidate.transport} {candidate.address} {candidate.port}"
    return text.encode("utf-8", "replace")

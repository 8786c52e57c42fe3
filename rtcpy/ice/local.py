"""Making our own candidates: each of the four kinds, from what we know of it.

Pure functions: finding is `gather`'s and `agent`'s part, this is what the record then looks like.

Specs: RFC 8445 §5.1.1 (kinds and bases), §5.1.2 (priority), §7.2.5.3.1 (peer-reflexive), RFC 8839 §5.1 (related
address, and how to hide it), RFC 8828 §5.2.
"""

from __future__ import annotations

from dataclasses import replace

from rtcpy.core.machine import Address
from rtcpy.ice.candidate import (
    COMPONENT_RTP,
    LOCAL_PREFERENCE_STEP,
    MAX_LOCAL_PREFERENCE,
    Candidate,
    CandidateType,
    Foundations,
    candidate_priority,
    canonical,
)
from rtcpy.ice.gather import Mapped

HIDDEN_PORT = 9  # with an unspecified address: the related address is not told, RFC 8839 §5.1


def hidden(like: str) -> tuple[str, int]:
    """A related address that tells nothing, of the family of the IP literal `like`. Spec: RFC 8839 §5.1."""
    return ("::" if ":" in like else "0.0.0.0", HIDDEN_PORT)


def host_candidate(base: Address, preference: int, ufrag: str, foundations: Foundations) -> Candidate:
    """The candidate of a bound socket; it is its own base. Spec: RFC 8445 §5.1.1.1.

    Args:
        base: of the socket; its scope is not told.
        preference: local preference, 0…65535.
        ufrag: of the session.
        foundations: of the agent.
    """
    address = canonical(base)
    return Candidate(
        foundation=foundations.of(CandidateType.HOST, address.host),
        component=COMPONENT_RTP,
        transport="udp",
        priority=candidate_priority(CandidateType.HOST, preference),
        address=address.host,
        port=address.port,
        type=CandidateType.HOST,
        ufrag=ufrag,
        base=base,
    )


def server_reflexive_candidate(
    answer: Mapped, host: Candidate, foundations: Foundations, *, reveal: bool
) -> Candidate:
    """The candidate that a STUN server's answer makes. Spec: RFC 8445 §5.1.1.2.

    Args:
        answer: of the server.
        host: the host candidate of the socket that asked; its local preference is taken, less the number of the
            server, so that each stays unique (§5.1.2.1).
        foundations: of the agent.
        reveal: whether the related address may be told.
    """
    mapped = canonical(answer.mapped)
    preference = max(0, (host.priority >> 8 & 0xFFFF) - answer.server_index)
    server = answer.server.address.host
    return _reflexive(
        host,
        mapped,
        type=CandidateType.SERVER_REFLEXIVE,
        foundation=foundations.of(CandidateType.SERVER_REFLEXIVE, host.address, server),
        priority=candidate_priority(CandidateType.SERVER_REFLEXIVE, preference),
        url=answer.server.url or None,
        reveal=reveal,
    )


def peer_reflexive_candidate(
    mapped: Address, local: Candidate, priority: int, foundations: Foundations, *, reveal: bool
) -> Candidate:
    """The candidate that the peer's answer shows. Spec: RFC 8445 §7.2.5.3.1.

    Args:
        mapped: our address as the peer saw it.
        local: the candidate whose base sent the check.
        priority: PRIORITY of that check.
        foundations: of the agent.
        reveal: whether the related address may be told.
    """
    assert local.base is not None, "local candidates have a base"
    foundation = foundations.of(CandidateType.PEER_REFLEXIVE, canonical(local.base).host)
    return _reflexive(
        local,
        mapped,
        type=CandidateType.PEER_REFLEXIVE,
        foundation=foundation,
        priority=priority,
        url=None,
        reveal=reveal,
    )


def _reflexive(
    local: Candidate,
    mapped: Address,
    *,
    type: CandidateType,
    foundation: str,
    priority: int,
    url: str | None,
    reveal: bool,
) -> Candidate:
    assert local.base is not None, "local candidates have a base"
    related: tuple[str, int] = canonical(local.base) if reveal else hidden(mapped.host)
    return Candidate(
        foundation=foundation,
        component=COMPONENT_RTP,
        transport="udp",
        priority=priority,
        address=mapped.host,
        port=mapped.port,
        type=type,
        related_address=related[0],
        related_port=related[1],
        ufrag=local.ufrag,
        url=url,
        base=local.base,
    )


def relayed_candidate(
    given: Candidate, number: int, ufrag: str, foundations: Foundations, *, reveal: bool
) -> Candidate:
    """Fill in what a TURN client's candidate leaves open; its base is itself. Spec: RFC 8445 §5.1.1.2.

    Args:
        given: address, related address and URL; foundation ``""`` and priority 0 are filled in.
        number: how many relayed candidates there are already: each has its own preference (§5.1.2.2).
        ufrag: of the session.
        foundations: of the agent.
        reveal: whether the related address may be told.
    """
    base = canonical(given.transport_address)
    preference = max(0, MAX_LOCAL_PREFERENCE - LOCAL_PREFERENCE_STEP * number)
    own = replace(
        given,
        address=base.host,
        foundation=given.foundation or foundations.of(CandidateType.RELAYED, base.host, given.url or ""),
        priority=given.priority or candidate_priority(CandidateType.RELAYED, preference),
        ufrag=ufrag,
        base=base,
    )
    if not reveal:
        own.related_address, own.related_port = hidden(base.host)
    return own

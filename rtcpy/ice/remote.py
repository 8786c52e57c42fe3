"""Judging and keeping the peer's candidates: signalled ones and those met by their checks.

The peer says where we should send checks to, so every limit here protects somebody else (RFC 8445 §19.5.1).

Owned here: the candidates that came before their session (`RemoteCandidates`). Those in force are their stream's.

Specs: RFC 8838 §11 (trickled candidates), RFC 8445 §7.3.1.3 (peer-reflexive), §5.3.
"""

from __future__ import annotations

from dataclasses import replace

from rtcpy.core.machine import Address, Instant
from rtcpy.ice.candidate import (
    COMPONENT_RTP,
    MAX_PRIORITY,
    Candidate,
    CandidateType,
    canonical,
    unusable_reason,
)
from rtcpy.ice.config import MAX_PEER_REFLEXIVE, MAX_REMOTE_CANDIDATES, IceConfig
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.pairing import Pairing
from rtcpy.ice.session import Session, Stream


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


class RemoteCandidates:
    """The way of the peer's candidates into a stream.

    Args:
        config: which addresses are allowed.
        pairing: sorts anew when a known candidate gets its signalled priority.
        outbox: where refusals are told.
    """

    __slots__ = ("_backlog", "_config", "_outbox", "_pairing")

    def __init__(self, config: IceConfig, pairing: Pairing, outbox: Outbox) -> None:
        self._config, self._pairing, self._outbox = config, pairing, outbox
        self._backlog: list[tuple[int, Candidate]] = []  # with the index of their stream

    def keep_for_later(
        self, stream: Stream, candidate: Candidate, previous: Session | None, now: Instant
    ) -> None:
        """A candidate of another session: of an old one it is dropped, of one to come it waits.

        Spec: RFC 8838 §11, RFC 8445 §19.5.1.
        """
        if previous is not None:
            before = previous.streams[stream.index].remote_credentials
            if before is not None and before.ufrag == candidate.ufrag:
                self._outbox.drop("candidate of an old session (RFC 8838 §11)", describe(candidate), now=now)
                return
        if len(self._backlog) >= MAX_REMOTE_CANDIDATES:
            self._outbox.drop(
                "too many candidates of an unknown session (RFC 8445 §19.5.1)", describe(candidate), now=now
            )
            return
        self._backlog.append((stream.index, replace(candidate)))

    def accept_kept(self, stream: Stream, ufrag: str, now: Instant) -> None:
        """The stream's session is known now: what waited for it is judged, what waited for another one is gone."""
        for index, candidate in [entry for entry in self._backlog if entry[0] == stream.index]:
            self._backlog.remove((index, candidate))
            if candidate.ufrag == ufrag:
                self._judge(stream, candidate, now)

    def accept(self, stream: Stream, candidate: Candidate, now: Instant) -> Candidate | None:
        """Judge a candidate that has just come; the record kept if it is new. Spec: RFC 8838 §11, §14."""
        if stream.end_of_candidates:
            reason = "candidate after end-of-candidates (RFC 8838 §14)"
            self._outbox.drop(reason, describe(candidate), now=now)
            return None
        return self._judge(stream, candidate, now)

    def _judge(self, stream: Stream, candidate: Candidate, now: Instant) -> Candidate | None:
        reason: str | Candidate | None = refusal(candidate, allow_loopback=self._config.allow_loopback)
        if reason is None:
            reason = add_signalled(stream, candidate)
        if isinstance(reason, Candidate):
            return reason
        if reason is None:
            self._pairing.reorder(stream)  # a peer-reflexive one may have got its signalled priority
        else:
            self._outbox.drop(reason, describe(candidate), now=now)
        return None

    def learn(self, stream: Stream, source: Address, priority: int | None, now: Instant) -> Candidate | None:
        """The peer-reflexive candidate behind an unknown source. Spec: RFC 8445 §7.3.1.3."""
        found = add_peer_reflexive(stream, source, priority)
        if isinstance(found, str):
            self._outbox.drop(found, now=now)
            return None
        return found

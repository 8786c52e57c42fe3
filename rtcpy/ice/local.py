"""Our own candidates: what each of the four kinds looks like, and the way of each into its stream.

Owned here: the foundations, which are the agent's and outlive its sessions, and whether gathering has come to an end
(`LocalCandidates`). Not here: the talk with STUN servers (`gather`); the candidates themselves are their stream's.

Reading order: the functions make records and know nothing else; `LocalCandidates` decides when there is one to make.

Specs: RFC 8445 §5.1.1 (kinds and bases), §5.1.2 (priority), §5.1.3 (redundant ones), §7.2.5.3.1 (peer-reflexive); RFC 8838
§9, §10; RFC 8839 §5.1 (related address, and how to hide it); RFC 8828 §5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rtcpy.core.env import Entropy
from rtcpy.core.errors import InvalidAccessError, InvalidStateError
from rtcpy.core.machine import Address, Datagram, Instant
from rtcpy.ice.candidate import (
    COMPONENT_RTP,
    LOCAL_PREFERENCE_STEP,
    MAX_LOCAL_PREFERENCE,
    Candidate,
    CandidateType,
    Foundations,
    LocalAddress,
    candidate_priority,
    canonical,
    local_preferences,
    unusable_reason,
)
from rtcpy.ice.checklist import CandidatePair
from rtcpy.ice.config import (
    MAX_LOCAL_ADDRESSES,
    MAX_PEER_REFLEXIVE,
    IceConfig,
    StunServer,
    TransportPolicy,
)
from rtcpy.ice.events import CandidateFound, GatheringDone, GatheringFailed, IceGatheringState
from rtcpy.ice.gather import Gatherer, Mapped, Outcome
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.pairing import Pairing
from rtcpy.ice.restart import Sessions
from rtcpy.ice.session import Session, Stream
from rtcpy.stun import Message

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


class LocalCandidates:
    """Finds our candidates, offers them, and has them paired.

    Args:
        config: which addresses are allowed, what is told of them.
        entropy: for the talk with STUN servers.
        sessions: of the agent; new candidates are the current one's.
        pairing: pairs each new base with what is known of the peer.
        outbox: takes what servers are asked, and the events.
    """

    __slots__ = ("_config", "_entropy", "_foundations", "_outbox", "_pairing", "_sessions")

    def __init__(
        self, config: IceConfig, entropy: Entropy, sessions: Sessions, pairing: Pairing, outbox: Outbox
    ) -> None:
        self._config, self._entropy, self._outbox = config, entropy, outbox
        self._sessions, self._pairing = sessions, pairing
        self._foundations = Foundations()

    @property
    def _may_reveal(self) -> bool:
        """Whether related addresses are told. Spec: RFC 8828 §5.2."""
        hide = self._config.transport_policy is TransportPolicy.RELAY
        return self._config.reveal_related_address and not hide

    # --- gathering -----------------------------------------------------------------------------------------

    def gather(
        self,
        local_addresses: Sequence[LocalAddress],
        servers: Sequence[StunServer],
        *,
        more_to_come: bool,
        now: Instant,
    ) -> None:
        """See `IceAgent.gather`. Spec: RFC 8445 §5.1.1, RFC 8838 §9."""
        session = self._sessions.current
        if session.gathering_state is not IceGatheringState.NEW:
            raise InvalidStateError("this ICE session has gathered already (RFC 8838 §13)")
        session.gathering_state = IceGatheringState.GATHERING
        session.more_to_come = more_to_come
        usable = [entry for entry in local_addresses if self._may_bind(entry, now)]
        if len(usable) > MAX_LOCAL_ADDRESSES:
            self._outbox.drop("more local addresses than MAX_LOCAL_ADDRESSES (RFC 8445 §19.5.1)", now=now)
            del usable[MAX_LOCAL_ADDRESSES:]
        ranked = sorted(zip(local_preferences(usable), usable, strict=True), key=lambda item: -item[0])
        for preference, entry in ranked:
            self._add_host(session, entry, preference)
        if self._config.transport_policy is TransportPolicy.ALL and (servers or more_to_come):
            bases = [entry.address for _, entry in ranked]
            session.gatherer = Gatherer(bases, servers, self._config, self._entropy, now=now)
            self._outbox.send_all(session.gatherer.take_packets(), now=now)

    def ask(self, servers: Sequence[StunServer], *, now: Instant) -> bool:
        """See `IceAgent.add_servers`; whether it was not too late. Spec: RFC 8838 §3."""
        session = self._sessions.current
        if session.gathering_state is not IceGatheringState.GATHERING or session.gatherer is None:
            return False
        session.gatherer.ask(servers, now=now)
        self._outbox.send_all(session.gatherer.take_packets(), now=now)
        return True

    def add_relayed(self, candidate: Candidate, stream: Stream) -> bool:
        """See `IceAgent.add_local_candidate`; whether it is new. Spec: RFC 8445 §5.1.1.2."""
        session = self._sessions.current
        if candidate.type is not CandidateType.RELAYED or candidate.transport != "udp":
            raise InvalidAccessError(f"only relayed UDP candidates are added, got {candidate.type.value}")
        if session.gathering_state is not IceGatheringState.GATHERING:
            raise InvalidStateError("candidates are added while gathering (RFC 8838 §13)")
        base = canonical(candidate.transport_address)
        if base in session.sockets:
            return False  # identical to a host candidate: discarded, RFC 8445 §5.1.1.2
        relayed = sum(other.type is CandidateType.RELAYED for other in stream.local)
        own = relayed_candidate(
            candidate, relayed, session.credentials.ufrag, self._foundations, reveal=self._may_reveal
        )
        session.sockets[base] = (stream.index, own)
        self._announce(session, stream, own)
        return True

    def handle_response(self, message: Message, packet: Datagram, *, now: Instant) -> bool:
        """A response that no check claims: from a STUN server (`True`), or from nowhere."""
        refused = "response to no request of ours (RFC 8489 §6.3.3)"
        for session in self._sessions.all():
            if session.gatherer is not None:
                outcome = session.gatherer.handle_response(message, packet, now=now)
                if outcome is None:
                    return True
                if not isinstance(outcome, str):
                    self._on_gathered(session, outcome)
                    return True
                refused = outcome
        self._outbox.drop(refused, packet.data, now=now)
        return False

    def handle_timeout(self, *, now: Instant) -> None:
        """Ask servers again, or give them up."""
        for session in self._sessions.all():
            if session.gatherer is not None:
                outcomes = session.gatherer.handle_timeout(now=now)
                self._outbox.send_all(session.gatherer.take_packets(), now=now)
                for outcome in outcomes:
                    self._on_gathered(session, outcome)

    def complete(self, *, now: Instant) -> None:
        """Tell of each session that has found all that it will. Spec: RFC 8838 §13."""
        for session in self._sessions.all():
            if session.gathering_state is not IceGatheringState.GATHERING or session.more_to_come:
                continue
            if session.gatherer is None or session.gatherer.done:
                session.gathering_state = IceGatheringState.COMPLETE
                self._outbox.tell(GatheringDone(session.credentials.ufrag))
                self._outbox.state("gathering", "gathering", "complete", now=now)

    # --- each candidate ------------------------------------------------------------------------------------

    def _may_bind(self, entry: LocalAddress, now: Instant) -> bool:
        self._sessions.stream(entry.stream)
        reason = unusable_reason(canonical(entry.address), allow_loopback=self._config.allow_loopback)
        if reason is not None:
            self._outbox.drop(
                f"local address: {reason} (RFC 8445 §5.1.1.1)", str(entry.address).encode(), now=now
            )
        return reason is None

    def _add_host(self, session: Session, entry: LocalAddress, preference: int) -> None:
        """Offer the host candidate of a socket, unless only relays may be used."""
        if self._config.transport_policy is TransportPolicy.RELAY:
            return  # not offered, and nothing that arrives there is answered
        candidate = host_candidate(entry.address, preference, session.credentials.ufrag, self._foundations)
        session.sockets[entry.address] = (entry.stream, candidate)
        self._announce(session, session.streams[entry.stream], candidate)

    def _on_gathered(self, session: Session, outcome: Outcome) -> None:
        """A server answered, or did not. Spec: RFC 8445 §5.1.1.2, §5.1.3."""
        if not isinstance(outcome, Mapped):
            server = outcome.server.url or f"stun:{outcome.server.address}"
            self._outbox.tell(GatheringFailed(server, outcome.code, outcome.reason, outcome.base))
            return
        index, host = session.sockets[outcome.base]
        stream = session.streams[index]
        mapped = canonical(outcome.mapped)
        if mapped == canonical(outcome.base) or any(
            c.base == outcome.base and c.transport_address == mapped for c in stream.local
        ):
            return  # redundant: same address, same base, §5.1.3
        candidate = server_reflexive_candidate(outcome, host, self._foundations, reveal=self._may_reveal)
        self._announce(session, stream, candidate)

    def _announce(self, session: Session, stream: Stream, candidate: Candidate) -> None:
        """Offer one of our candidates, unless the filter objects, and pair its base.

        A reflexive candidate is replaced by its base before pairing, and is then redundant with the base's own
        candidate (§6.1.2.4), unless the filter hid that one. Spec: RFC 8838 §10.
        """
        accept = self._config.candidate_filter
        if accept is not None and not accept(candidate.copy()):
            return
        stream.local.append(candidate)
        self._outbox.tell(CandidateFound(candidate.copy(), stream.index))
        assert candidate.base is not None, "local candidates have a base"
        if candidate.base not in stream.bases:
            stream.bases[candidate.base] = candidate
            if session is self._sessions.current:
                self._pairing.form(stream, [candidate.base], list(stream.remote.values()))

    def learn(self, pair: CandidatePair, mapped: Address, priority: int) -> Candidate:
        """Our candidate as the peer sees it; a new one is peer-reflexive. Spec: RFC 8445 §7.2.5.3.1.

        Args:
            pair: whose check was answered.
            mapped: canonical address in the answer.
            priority: PRIORITY of the check.
        """
        stream = pair.stream
        if mapped == pair.local.transport_address:
            return pair.local
        for candidate in stream.local:
            if candidate.transport_address == mapped and candidate.base == pair.local_address:
                return candidate
        candidate = peer_reflexive_candidate(
            mapped, pair.local, priority, self._foundations, reveal=self._may_reveal
        )
        learnt = sum(other.type is CandidateType.PEER_REFLEXIVE for other in stream.local)
        if learnt < MAX_PEER_REFLEXIVE:
            stream.local.append(candidate)
        return candidate

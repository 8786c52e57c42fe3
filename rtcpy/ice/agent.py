"""The ICE agent: finds a path to the peer, proves it, and keeps consent to use it.

Owned here: the machine that ties the parts together: commands, dispatch of received STUN, sending checks, the path
in use. Not here: what pairs are and when they are checked (`checklist`), schedules (`check`, `consent`, `gather`),
message contents (`binding`), the policy of nomination (`nomination`), the public state (`states`).

Reading order: `IceAgent`'s commands, then `receive` and the `_on_…` methods in the order of a check's life,
then `_finish`, which runs after every input and decides what follows from it.

Specs: RFC 8445 §7 (checks), §8 (concluding), §9 (restart); RFC 8838; RFC 7675; RFC 8863.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from rtcpy.core.env import Entropy
from rtcpy.core.errors import InvalidAccessError, InvalidStateError, RtcRangeError
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.ice.binding import (
    error_code,
    forgery,
    is_authentic,
    mapped_address,
    read_check,
    write_keepalive,
    write_role_conflict,
    write_success,
    write_unknown_attributes,
)
from rtcpy.ice.candidate import (
    MAX_CREDENTIAL_CHARACTERS,
    Candidate,
    CandidateType,
    Foundations,
    IceCredentials,
    LocalAddress,
    canonical,
    local_preferences,
    may_pair,
    parse_ip,
    unusable_reason,
)
from rtcpy.ice.check import Check, Purpose
from rtcpy.ice.checker import Checker
from rtcpy.ice.checklist import ACTIVE, CandidatePair, PairInput, PairState
from rtcpy.ice.config import (
    MAX_EARLY_CHECKS,
    MAX_LOCAL_ADDRESSES,
    MAX_PEER_REFLEXIVE,
    MAX_REMOTE_CANDIDATES,
    MAX_STREAMS,
    IceConfig,
    StunServer,
    TransportPolicy,
)
from rtcpy.ice.consent import Consent, ConsentAction
from rtcpy.ice.events import (
    CandidateFound,
    CandidatePairStats,
    GatheringDone,
    GatheringFailed,
    IceConnectionState,
    IceGatheringState,
    RoleChanged,
    StateChanged,
)
from rtcpy.ice.gather import Gatherer, Mapped, Outcome
from rtcpy.ice.local import (
    host_candidate,
    peer_reflexive_candidate,
    relayed_candidate,
    server_reflexive_candidate,
)
from rtcpy.ice.nomination import patience_for
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.paths import Paths
from rtcpy.ice.remote import add_peer_reflexive, add_signalled, describe, refusal
from rtcpy.ice.roles import Role, Verdict
from rtcpy.ice.session import EarlyCheck, Session, Stream
from rtcpy.ice.states import Facts, combined_state, stream_state
from rtcpy.ice.steady import REPLAYED, SteadyPath
from rtcpy.stun import (
    ErrorNumber,
    Message,
    MessageClass,
    Method,
    StunError,
    new_transaction_id,
    parse_message,
)

SERVER_ERRORS = range(500, 600)  # may be temporary: the request is repeated, RFC 8489 §6.3.4


class IceAgent:
    """One agent: `Machine[Datagram, Event]`.

    `selected_path`, `send_allowed` and `is_validated` are asked for every packet and cost an attribute or one look
    into a set.

    Args:
        controlling: our role, from signalling: the offerer controls, and a full agent facing a lite one.
        entropy: source of credentials, transaction ids, tie-breakers and jitter.
        config: settings; `None` for the defaults.
        credentials: made in advance with `IceCredentials.generate`, since an offer needs them first.
        streams: number of data streams; with BUNDLE, one.
        tap: sees STUN messages, drops, state changes.

    Raises:
        RtcRangeError: a setting or `streams` is out of range.

    Spec: RFC 8445.
    """

    def __init__(
        self,
        *,
        controlling: bool,
        entropy: Entropy,
        config: IceConfig | None = None,
        credentials: IceCredentials | None = None,
        streams: int = 1,
        tap: Tap | None = None,
    ) -> None:
        self._config = config or IceConfig()
        self._config.validate()
        if not 1 <= streams <= MAX_STREAMS:
            raise RtcRangeError(f"{streams} streams, expected 1…{MAX_STREAMS}")
        self._entropy = entropy
        self.state = IceConnectionState.NEW
        self.selected_path: tuple[Address, Address] | None = None
        """(local base, remote) to send data of stream 0 on; also the best valid pair before nomination."""
        self._outbox = Outbox(tap)
        self._role = Role(controlling, entropy)
        self._foundations = Foundations()
        own = credentials or IceCredentials.generate(entropy)
        self._session = self._begin(own, streams, restarted=False)
        self._previous: Session | None = None
        self._undo: tuple[Session, Session | None] | None = None
        self._retire_at: Instant | None = None
        self._checker = Checker(self._config, entropy, self._role, self._outbox)
        self._paths = Paths(streams, self._config, entropy)
        self._backlog: list[tuple[int, Candidate]] = []
        self._events: list[Event] = []
        self._deadline: Instant | None = None
        self._stale_deadline = False
        self._settled = False  # the last `_finish` left nothing but consent to look after
        self._steady: SteadyPath | None = None  # what has been learnt since; only while settled

    # --- commands ------------------------------------------------------------------------------------------

    def set_role(self, controlling: bool, *, now: Instant) -> None:
        """Take the role that signalling found. A conflict met later may turn it round (`RoleChanged`).

        Spec: RFC 8445 §6.1.1.
        """
        self._require_open("set_role")
        if not controlling and any(stream.lite for stream in self._session.streams):
            return  # facing a lite agent, the full one controls
        if controlling != self._role.controlling:
            self._switch_role(now)
            self._finish(now)

    def set_remote_credentials(
        self, credentials: IceCredentials, *, lite: bool = False, stream: int | None = None, now: Instant
    ) -> None:
        """Tell the peer's credentials: checks begin, those that came early are acted on.

        Args:
            credentials: of the peer. The same ones again have no effect.
            lite: the peer is an ICE-lite agent; we then control (RFC 8445 §6.1.1).
            stream: for one stream only; default: all.
            now: instant of this call.

        Raises:
            InvalidStateError: other credentials are in force; only a `restart` may change them (RFC 8445 §9).
            RtcRangeError: empty, or longer than 256 characters (RFC 8839 §5.4).
        """
        self._require_open("set_remote_credentials")
        if not all(
            0 < len(text) <= MAX_CREDENTIAL_CHARACTERS for text in (credentials.ufrag, credentials.pwd)
        ):
            raise RtcRangeError("ICE credentials must have 1…256 characters (RFC 8839 §5.4)")
        streams = self._session.streams if stream is None else [self._stream(stream)]
        for one in streams:
            if one.remote_credentials is not None and one.remote_credentials != credentials:
                raise InvalidStateError("the peer's ICE credentials changed without a restart (RFC 8445 §9)")
        if lite and not self._role.controlling:
            self._switch_role(now)
        fresh = [one for one in streams if one.remote_credentials is None]
        for one in fresh:
            one.set_remote_credentials(IceCredentials(credentials.ufrag, credentials.pwd), lite=lite)
        if fresh:
            self._commit_restart()
            if self._session.patience_until is None:
                self._session.patience_until = now + self._config.patience
            self._hear_news(now)
            for one in fresh:
                for index, candidate in [entry for entry in self._backlog if entry[0] == one.index]:
                    self._backlog.remove((index, candidate))
                    if candidate.ufrag == credentials.ufrag:
                        self._accept_remote(one, candidate, now, late=False)
                if one.ended_ufrag == credentials.ufrag:
                    one.end_of_candidates = True
                self._form_pairs(one, list(one.bases), list(one.remote.values()))
            if not self._session.checklists.started:
                self._session.checklists.start()
            for one in fresh:
                early, one.early = list(one.early.values()), {}
                for check in early:
                    if check.remote_ufrag == credentials.ufrag:
                        self._act_on_check(one, check, now)
                    else:
                        self._session.validated.pop((check.local, check.remote), None)
        self._finish(now)

    def gather(
        self,
        local_addresses: Sequence[LocalAddress],
        servers: Sequence[StunServer] = (),
        *,
        more_to_come: bool = False,
        now: Instant,
    ) -> None:
        """Find our candidates; host candidates come out at once, others as servers answer.

        Args:
            local_addresses: sockets that the driver has bound.
            servers: STUN servers to ask, at most 16.
            more_to_come: relayed candidates or servers will be added; `GatheringDone` waits for `finish_gathering`.
            now: instant of this call.

        Raises:
            InvalidStateError: this session has gathered already; another round takes a `restart`.

        Spec: RFC 8445 §5.1.1, RFC 8838 §9.
        """
        self._require_open("gather")
        session = self._session
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
        self._finish(now)

    def add_servers(self, servers: Sequence[StunServer], *, now: Instant) -> None:
        """Ask more STUN servers, whose names were resolved after ``gather(more_to_come=True)``.

        No effect once gathering has ended: a late server is not worth another round.

        Spec: RFC 8838 §3 (nothing waits for the slowest).
        """
        self._require_open("add_servers")
        session = self._session
        if session.gathering_state is IceGatheringState.GATHERING and session.gatherer is not None:
            session.gatherer.ask(servers, now=now)
            self._outbox.send_all(session.gatherer.take_packets(), now=now)
            self._finish(now)

    def add_local_candidate(self, candidate: Candidate, *, stream: int = 0, now: Instant) -> None:
        """Add a relayed candidate that a TURN client allocated.

        Datagrams whose `local` is its address are to be sent through the relay, and what comes through it is
        handed to `receive` with that `local`. An empty foundation, a priority of 0 are filled in here.

        Raises:
            InvalidAccessError: the candidate is not a relayed one.
            InvalidStateError: gathering is not under way.

        Spec: RFC 8445 §5.1.1.2 (the base of a relayed candidate is itself).
        """
        self._require_open("add_local_candidate")
        session, one = self._session, self._stream(stream)
        if candidate.type is not CandidateType.RELAYED or candidate.transport != "udp":
            raise InvalidAccessError(f"only relayed UDP candidates are added, got {candidate.type.value}")
        if session.gathering_state is not IceGatheringState.GATHERING:
            raise InvalidStateError("candidates are added while gathering (RFC 8838 §13)")
        base = canonical(candidate.transport_address)
        if base in session.sockets:
            return  # identical to a host candidate: discarded, RFC 8445 §5.1.1.2
        relayed = sum(other.type is CandidateType.RELAYED for other in one.local)
        own = relayed_candidate(
            candidate, relayed, session.credentials.ufrag, self._foundations, reveal=self._may_reveal
        )
        session.sockets[base] = (stream, own)
        self._announce(session, one, own)
        self._finish(now)

    def finish_gathering(self, *, now: Instant) -> None:
        """No more candidates will be added: the promise of ``gather(more_to_come=True)`` is fulfilled."""
        self._require_open("finish_gathering")
        self._session.more_to_come = False
        self._finish(now)

    def add_remote_candidate(self, candidate: Candidate, *, stream: int = 0, now: Instant) -> None:
        """Take one of the peer's candidates, at any time, also before its credentials.

        What cannot be used (TCP, ``.local`` names, component 2, addresses that no check may go to, an old
        session's, one after end-of-candidates, the 101st) is counted and told to the tap, never an error.

        Spec: RFC 8838 §11, RFC 8445 §5.3.
        """
        self._require_open("add_remote_candidate")
        one = self._stream(stream)
        if candidate.ufrag is not None:
            theirs = one.remote_credentials
            if theirs is None or candidate.ufrag != theirs.ufrag:
                self._keep_for_later(one, candidate, now)
                return
        self._hear_news(now)
        added = self._accept_remote(one, candidate, now)
        if added is not None:
            self._form_pairs(one, list(one.bases), [added])
        self._finish(now)

    def end_of_remote_candidates(
        self, *, stream: int | None = None, ufrag: str | None = None, now: Instant
    ) -> None:
        """The peer has no more candidates; failure may now be found.

        Args:
            stream: for one stream only; default: all.
            ufrag: the session it was said for; ignored if that turns out not to be the one in force.
            now: instant of this call.

        Spec: RFC 8838 §14.
        """
        self._require_open("end_of_remote_candidates")
        for one in self._session.streams if stream is None else [self._stream(stream)]:
            theirs = one.remote_credentials
            if ufrag is None or (theirs is not None and theirs.ufrag == ufrag):
                one.end_of_candidates = True
            elif theirs is None:
                one.ended_ufrag = ufrag
        self._finish(now)

    def restart(self, *, credentials: IceCredentials | None = None, now: Instant) -> IceCredentials:
        """Begin a new session with new credentials; then `gather` and `set_remote_credentials` anew.

        The path in use carries data until a new one is selected. Roles stay.

        Args:
            credentials: made in advance; default: fresh ones.
            now: instant of this call.

        Returns:
            our new credentials.

        Spec: RFC 8445 §9, §12.1.
        """
        self._require_open("restart")
        old = self._session
        own = credentials or IceCredentials.generate(self._entropy)
        if own.ufrag == old.credentials.ufrag or own.pwd == old.credentials.pwd:
            raise InvalidAccessError("an ICE restart must change both ufrag and password (RFC 8445 §9)")
        self._undo = (old, self._previous)
        if self._previous is None or self._paths.uses(old):
            self._previous = old
        self._retire_at = None
        self._role.forgive()
        self._checker.suspend()
        self._session = self._begin(own, len(old.streams), restarted=True)
        self._finish(now)
        return own

    def rollback_restart(self, *, now: Instant) -> None:
        """Undo `restart`, as when the offer that carried it is rolled back: the old session goes on.

        Raises:
            InvalidStateError: there is nothing to undo, or the peer's new credentials are already set.
        """
        self._require_open("rollback_restart")
        if self._undo is None:
            raise InvalidStateError("no ICE restart can be rolled back")
        if self._session.gatherer is not None:
            self._session.gatherer.stop()
        self._session, self._previous = self._undo
        self._undo = None
        for pair in self._session.checklists:
            if pair.state is PairState.IN_PROGRESS:  # its check was cancelled by the restart
                self._checker.trigger(pair, now=now, at_once=True)
        for one in self._session.streams:
            one.nominating = None
        if self._previous is not None and self._session.concluded:
            self._retire_at = now + self._config.retire_delay
        self._finish(now)

    # --- queries -------------------------------------------------------------------------------------------

    @property
    def controlling(self) -> bool:
        """Our role at present. Spec: RFC 8445 §6.1.1."""
        return self._role.controlling

    @property
    def dropped(self) -> dict[str, int]:
        """Datagrams and candidates refused, by reason."""
        return self._outbox.dropped

    @property
    def local_credentials(self) -> IceCredentials:
        """Ours, of the current session."""
        return self._session.credentials

    @property
    def remote_credentials(self) -> IceCredentials | None:
        """The peer's, of the current session and stream 0, once known."""
        return self._session.streams[0].remote_credentials

    @property
    def gathering_state(self) -> IceGatheringState:
        """Of the current session."""
        return self._session.gathering_state

    @property
    def send_allowed(self) -> bool:
        """Whether stream 0 has a path with consent. Spec: RFC 7675 §5.1."""
        return self.selected_path is not None

    def selected_path_of(self, stream: int) -> tuple[Address, Address] | None:
        """`selected_path` of another stream."""
        return self._paths.addresses(self._stream(stream).index)

    def is_validated(self, local: Address, remote: Address) -> bool:
        """Whether a check with correct integrity passed between the two, either way.

        What else arrives from `remote` may be looked at; anything from elsewhere must not be (a ClientHello from
        a stranger would otherwise disturb the handshake).
        """
        key = (local, remote)
        if key in self._session.validated:
            return True
        return self._previous is not None and key in self._previous.validated

    def local_candidates(self, stream: int = 0) -> list[Candidate]:
        """Copies of our candidates, those learnt from the peer's answers included."""
        return [candidate.copy() for candidate in self._stream(stream).local]

    def remote_candidates(self, stream: int = 0) -> list[Candidate]:
        """Copies of the peer's candidates, those learnt from its checks included."""
        return [candidate.copy() for candidate in self._stream(stream).remote.values()]

    def list_candidate_pairs(self) -> list[CandidatePairStats]:
        """All pairs of the current session, best first, then a path that survives from before a restart."""
        pairs = list(self._session.checklists)
        pairs += [p for p in self._paths.pairs if p is not None and p.stream.session is not self._session]
        return [pair.statistics(selected=self._paths.pairs[pair.stream.index] is pair) for pair in pairs]

    def round_trip(self, stream: int = 0) -> float | None:
        """**Seconds** that the last answered check on the path in use took; `None` without a path or an answer."""
        pair = self._paths.pairs[stream]
        return None if pair is None else pair.current_round_trip_time

    # --- Machine -------------------------------------------------------------------------------------------

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Take a STUN message. What is not valid STUN, or not for us, has no effect but a count."""
        if self.state is IceConnectionState.CLOSED:
            return
        if self._steady is not None and self._steady.receive(packet, now=now):
            self._stale_deadline = True
            return
        try:
            message = parse_message(packet.data)
        except StunError as error:
            told = f"not a valid STUN message: {error}"
            self._outbox.drop(f"not a valid STUN message ({error.rfc})", packet.data, now=now, told=told)
            return
        self._outbox.received(packet, now=now)
        if message.method != Method.BINDING:
            self._outbox.drop("not a Binding message (RFC 8445 §7.3)", packet.data, now=now)
        elif message.message_class is MessageClass.REQUEST:
            if self._on_request(message, packet, now):
                self._finish(now)
        elif message.message_class is MessageClass.INDICATION:
            pass  # a keepalive: its arrival is all there is to it, RFC 8445 §11
        elif self._on_response(message, packet, now):
            self._finish(now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due: repeats, expiries, consent checks, servers, nomination, the next paced check."""
        deadline = self.next_timeout()
        if deadline is None or now < deadline:
            return
        if self._outbox.is_watched:
            for name in self._due(now):
                self._outbox.timer(name, now=now)
        self._stale_deadline = True
        due = self._checker.table.due(now)
        news = bool(due) or not self._is_quiet(now)
        if news:
            for check in due:
                self._on_check_due(check, now)
            for session in self._sessions():
                if session.gatherer is not None:
                    outcomes = session.gatherer.handle_timeout(now=now)
                    self._outbox.send_all(session.gatherer.take_packets(), now=now)
                    for outcome in outcomes:
                        self._on_gathered(session, outcome)
        for consent in self._paths.due(now):
            news |= self._on_consent_due(consent, now)
        if self._retire_at is not None and now >= self._retire_at:
            self._retire_previous()
        if news:
            self._finish(now)

    def next_timeout(self) -> Instant | None:
        """The next deadline; computed once after each change."""
        if self._stale_deadline:
            self._deadline = self._earliest_deadline()
            self._stale_deadline = False
        return self._deadline

    def take_packets(self) -> list[Datagram]:
        """Drain the datagrams to send."""
        return self._outbox.take()

    def take_events(self) -> list[Event]:
        """Drain what happened."""
        out, self._events = self._events, []
        return out

    def close(self, *, now: Instant) -> None:
        """Stop: no answers, no checks, no path. Nothing is said to the peer; its consent runs out."""
        if self.state is IceConnectionState.CLOSED:
            return
        for session in self._sessions():
            if session.gatherer is not None:
                session.gatherer.stop()
        self._checker.table.clear()
        self._outbox.clear()
        self._paths.clear()
        self._previous = self._undo = self._retire_at = None
        self.selected_path = None
        self._set_state(IceConnectionState.CLOSED, now)
        self._deadline, self._stale_deadline = None, False

    def _begin(self, credentials: IceCredentials, streams: int, *, restarted: bool) -> Session:
        session = Session.begin(credentials, streams, self._config.max_pairs, restarted=restarted)
        if self._outbox.has_tap:
            session.checklists.listen()
        return session

    # --- local candidates ----------------------------------------------------------------------------------

    def _may_bind(self, entry: LocalAddress, now: Instant) -> bool:
        self._stream(entry.stream)
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

    @property
    def _may_reveal(self) -> bool:
        """Whether related addresses are told. Spec: RFC 8828 §5.2."""
        hide = self._config.transport_policy is TransportPolicy.RELAY
        return self._config.reveal_related_address and not hide

    def _on_gathered(self, session: Session, outcome: Outcome) -> None:
        """A server answered, or did not. Spec: RFC 8445 §5.1.1.2, §5.1.3."""
        if not isinstance(outcome, Mapped):
            server = outcome.server.url or f"stun:{outcome.server.address}"
            self._events.append(GatheringFailed(server, outcome.code, outcome.reason, outcome.base))
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
        self._events.append(CandidateFound(candidate.copy(), stream.index))
        assert candidate.base is not None, "local candidates have a base"
        if candidate.base not in stream.bases:
            stream.bases[candidate.base] = candidate
            if session is self._session:
                self._form_pairs(stream, [candidate.base], list(stream.remote.values()))

    # --- remote candidates and pairs -----------------------------------------------------------------------

    def _keep_for_later(self, stream: Stream, candidate: Candidate, now: Instant) -> None:
        """A candidate of another session: of an old one it is dropped, of one to come it waits."""
        if self._previous is not None:
            before = self._previous.streams[stream.index].remote_credentials
            if before is not None and before.ufrag == candidate.ufrag:
                self._outbox.drop("candidate of an old session (RFC 8838 §11)", describe(candidate), now=now)
                return
        if len(self._backlog) >= MAX_REMOTE_CANDIDATES:
            self._outbox.drop(
                "too many candidates of an unknown session (RFC 8445 §19.5.1)", describe(candidate), now=now
            )
            return
        self._backlog.append((stream.index, replace(candidate)))

    def _accept_remote(
        self, stream: Stream, candidate: Candidate, now: Instant, *, late: bool = True
    ) -> Candidate | None:
        """Judge a remote candidate; the record kept if it is new. Spec: RFC 8838 §11, RFC 8445 §19.5.1.

        `late` is `False` for one that waited for its session, and so may have come before its end-of-candidates.
        """
        reason: str | Candidate | None
        if stream.end_of_candidates and late:
            reason = "candidate after end-of-candidates (RFC 8838 §14)"
        else:
            reason = refusal(candidate, allow_loopback=self._config.allow_loopback)
        if reason is None:
            reason = add_signalled(stream, candidate)
        if isinstance(reason, Candidate):
            return reason
        if reason is None:
            self._reorder(stream)  # a peer-reflexive one may have got its signalled priority
        else:
            self._outbox.drop(reason, describe(candidate), now=now)
        return None

    def _reorder(self, stream: Stream) -> None:
        for pair in stream.checklist.pairs:
            pair.compute_priority(self._role.controlling)
        stream.checklist.sort()

    def _form_pairs(self, stream: Stream, bases: list[Address], remotes: list[Candidate]) -> None:
        """Pair bases with remote candidates, best first. Spec: RFC 8445 §6.1.2.2, RFC 8838 §10, §11."""
        if stream.remote_credentials is None or stream.selected is not None:
            return  # later; or never: the choice is made (RFC 8445 §8.1.2)
        pairs = []
        for base in bases:
            ours = parse_ip(base.host.partition("%")[0])
            for remote in remotes:
                theirs = parse_ip(remote.address)
                if ours is not None and theirs is not None and may_pair(ours, theirs):
                    pairs.append(self._make_pair(stream, stream.bases[base], base, remote))
        pairs.sort(key=lambda pair: -pair.priority)
        for pair in pairs:
            self._session.checklists.add(stream.checklist, pair)

    def _make_pair(self, stream: Stream, local: Candidate, base: Address, remote: Candidate) -> CandidatePair:
        destination = remote.transport_address
        _, percent, scope = base.host.partition("%")
        if percent:  # link-local, and so is the remote one (`may_pair`); only our side knows which link
            destination = Address(f"{remote.address}%{scope}", remote.port)
        pair = CandidatePair(stream, local, remote, base, destination)
        pair.compute_priority(self._role.controlling)
        return pair

    # --- checks of ours ------------------------------------------------------------------------------------

    def _on_check_due(self, check: Check, now: Instant) -> None:
        """Repeat a check, or give it up. Spec: RFC 8489 §6.2.1, RFC 8445 §7.2.5.2.3."""
        pair = check.pair
        if now < check.expires:
            self._checker.repeat(check, now=now)
            return
        self._checker.table.remove(check)
        if not check.cancelled and check.purpose in (Purpose.CONNECTIVITY, Purpose.NOMINATION):
            self._fail(pair, now)
        elif pair.state is PairState.IN_PROGRESS and not self._checker.table.of(pair):
            if pair.stream.selected is not None and pair in pair.stream.checklist.pairs:
                pair.stream.checklist.remove(pair)  # cancelled by the conclusion, §8.1.2

    def _fail(self, pair: CandidatePair, now: Instant) -> None:
        """A check on `pair` failed.

        Deviation: where a nomination fails, RFC 8445 §7.2.5.3.4 fails the whole checklist. Here the pair fails, and
        another valid pair may be nominated: the peer has not seen a nomination that it answered.

        Spec: RFC 8445 §7.2.5.2, §7.2.5.4.
        """
        if pair.apply(PairInput.FAILURE):
            pair.consent_until = None
            pair.unanswered_since = None
            pair.nominate_on_success = False
            pair.stream.checklist.drop_triggered(pair)
        if pair.stream.nominating is pair:
            pair.stream.nominating = None

    def _on_response(self, message: Message, packet: Datagram, now: Instant) -> bool:
        """A response arrived; whether anything changed. Spec: RFC 8445 §7.2.5."""
        check = self._checker.table.find(message.transaction_id)
        if check is None:
            return self._on_server_response(message, packet, now)
        if not is_authentic(message, check.key):
            # As if never received (RFC 8489 §9.1.4): the transaction goes on.
            self._outbox.drop(forgery(message), packet.data, now=now)
            return False
        pair = check.pair
        symmetric = canonical(packet.remote) == pair.remote.transport_address
        if packet.local != pair.local_address or not symmetric:
            # Non-symmetric: §7.2.5.2.1 fails the pair.
            self._outbox.drop(
                "response from another address than the request went to (RFC 8445 §7.2.5.2.1)",
                packet.data,
                now=now,
            )
            self._checker.table.remove(check)
            if check.purpose is Purpose.CONNECTIVITY and pair.state is PairState.IN_PROGRESS:
                self._fail(pair, now)
            return True
        pair.responses_received += 1
        pair.last_packet_received = now
        if message.message_class is MessageClass.ERROR_RESPONSE:
            return self._on_error(check, message, now)
        mapped = mapped_address(message)
        if mapped is None:
            self._outbox.drop(
                "success response without XOR-MAPPED-ADDRESS (RFC 8445 §7.3.1.2)", packet.data, now=now
            )
            return False
        self._checker.table.remove(check)
        self._stale_deadline = True
        if self._on_success(check, canonical(mapped), now) or not self._is_quiet(now):
            return True
        steady = self._steady_path(pair, packet) if check.purpose is Purpose.CONSENT else None
        if steady is not None:
            steady.learn_answer(message)
        return False

    def _on_error(self, check: Check, message: Message, now: Instant) -> bool:
        """An authentic error response. Spec: RFC 8445 §7.2.5.1, §7.2.5.2.4; RFC 7675 §5.2."""
        code = error_code(message).code
        pair = check.pair
        if code in SERVER_ERRORS:
            return False  # perhaps only for now; the request is repeated
        self._checker.table.remove(check)
        if code == ErrorNumber.ROLE_CONFLICT and self._role.may_heed_487():
            if self._role.must_switch_for_487(check.controlling):
                self._switch_role(now)
                self._events.append(RoleChanged(self._role.controlling))
            if pair.stream.session is self._session:
                self._checker.trigger(pair, now=now, at_once=True)
        elif code == ErrorNumber.FORBIDDEN and pair.valid:
            self._revoke(pair, now)
        elif check.purpose in (Purpose.CONNECTIVITY, Purpose.NOMINATION):
            self._fail(pair, now)
        return True

    def _on_success(self, check: Check, mapped: Address, now: Instant) -> bool:
        """A check succeeded; whether that changed more than the consent. Spec: RFC 8445 §7.2.5.3, RFC 7675 §5.1."""
        pair, stream = check.pair, check.pair.stream
        round_trip = check.round_trip_time(now)
        if round_trip is not None:
            pair.current_round_trip_time = round_trip
            pair.total_round_trip_time += round_trip
        if (
            pair.revoked
            or stream.checklist.find(pair.local_address, pair.remote.transport_address) is not pair
        ):
            return True  # forbidden to use again (RFC 7675 §5.1), or removed by the conclusion (§8.1.2)
        pair.consent_until = (
            inf if self._config.consent_interval is None else now + self._config.consent_expiry
        )
        stream.session.add_validated(pair.local_address, pair.remote_address)
        if check.purpose in (Purpose.CONNECTIVITY, Purpose.NOMINATION) or pair.reflexive is None:
            pair.reflexive = self._learn_reflexive(pair, mapped, check.priority)
        pair.unanswered_since = None
        news = pair.apply(PairInput.SUCCESS)
        stream.checklist.drop_triggered(pair)
        for other in self._checker.table.of(pair):
            if other.purpose is Purpose.CONNECTIVITY:
                other.cancel()
        if stream.session is self._session:
            news |= bool(self._session.checklists.unfreeze(pair.foundation))
        consent = self._paths.consent_on(pair)
        if consent is None or consent.silent:
            news = True
        if consent is not None:
            consent.handle_answer(now=now)
        elsewhere_silent = consent is None and self._paths.is_silent(stream.index)
        if self._role.controlling and check.purpose is Purpose.NOMINATION:
            self._nominated(pair, now)
            news = True
        elif not self._role.controlling and pair.nominate_on_success:
            news = True
            pair.nominate_on_success = False
            self._nominated(pair, now, at_once=elsewhere_silent)
        return news or check.purpose not in (Purpose.CONSENT, Purpose.PROBE)

    def _learn_reflexive(self, pair: CandidatePair, mapped: Address, priority: int) -> Candidate:
        """Our candidate as the peer sees it; a new one is peer-reflexive. Spec: RFC 8445 §7.2.5.3.1."""
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

    # --- checks of the peer --------------------------------------------------------------------------------

    def _on_request(self, message: Message, packet: Datagram, now: Instant) -> bool:
        """A check arrived: judge, answer, act; whether anything changed. Spec: RFC 8445 §7.3.

        Deviation: RFC 8489 §9.1.3 answers what fails to authenticate with 400 or 401. We are silent, so that
        nobody can make us send a byte to anyone without knowing our password.
        """
        request = read_check(message)
        session = None if request is None else self._session_of(request.local_ufrag)
        if request is None or session is None:
            self._outbox.drop("request whose USERNAME is not ours (RFC 8489 §9.1.3)", packet.data, now=now)
            return False
        socket = session.sockets.get(packet.local)
        if socket is None:
            self._outbox.drop(
                "request to an address that was not gathered (RFC 8445 §7.3)", packet.data, now=now
            )
            return False
        if not is_authentic(message, session.key):
            self._outbox.drop(forgery(message), packet.data, now=now)
            return False
        source = canonical(packet.remote)
        if unusable_reason(source, allow_loopback=self._config.allow_loopback) is not None:
            self._outbox.drop(
                "request from an address that must not be sent to (RFC 8445 §19.5.1)", packet.data, now=now
            )
            return False
        stream = session.streams[socket[0]]
        pair = stream.checklist.find(packet.local, source)
        if pair is not None:
            pair.requests_received += 1
            pair.last_packet_received = now
        unknown = message.unknown_required
        if unknown:
            answer = write_unknown_attributes(message, unknown, session.key)
            self._answer(answer, packet, pair, now)
            return False
        if session is self._session and not self._agree_on_role(request.controlling, request.controlled, now):
            answer = write_role_conflict(message, session.key)
            self._answer(answer, packet, pair, now)
            return False
        answer = write_success(message, source, session.key)
        self._answer(answer, packet, pair, now)
        if pair is not None:
            pair.responses_sent += 1
        if session.is_replay(message.transaction_id, packet.local, packet.remote):
            self._outbox.drop(REPLAYED, packet.data, now=now)
            return not self._is_quiet(now)
        check = EarlyCheck(
            packet.local, packet.remote, request.remote_ufrag, request.priority, request.use_candidate
        )
        if stream.remote_credentials is None:
            self._keep_early(stream, check, now)
            return True
        if request.remote_ufrag != stream.remote_credentials.ufrag:
            self._outbox.drop(
                "request from another session of the peer (RFC 8445 §7.3.1.4)", packet.data, now=now
            )
            return True
        if session is self._session:
            if self._act_on_check(stream, check, now) or not self._is_quiet(now):
                return True
            steady = self._steady_path(pair, packet)
            if steady is not None:
                steady.learn_request(message, answer)
            return False
        session.add_validated(packet.local, packet.remote)
        self._revive_if_silent(pair, now)
        return True

    def _agree_on_role(self, controlling: int | None, controlled: int | None, now: Instant) -> bool:
        """Settle a role conflict; `False` if the peer has to yield. Spec: RFC 8445 §7.3.1.1."""
        verdict = self._role.judge(controlling, controlled)
        if verdict is Verdict.SWITCH:
            self._switch_role(now)
            self._events.append(RoleChanged(self._role.controlling))
        return verdict is not Verdict.REFUSE

    def _switch_role(self, now: Instant) -> None:
        """Take the other role: priorities change, and checks that claim the old role are sent anew.

        Spec: RFC 8445 §7.2.5.1, §7.3.1.1.
        """
        self._settled, self._steady = False, None
        before = self._role.name
        self._role.controlling = not self._role.controlling
        self._outbox.state("role", before, self._role.name, now=now)
        for stream in self._session.streams:
            stream.nominating = stream.nominate_at = None
            self._reorder(stream)
        self._checker.claim_new_role(self._session, now=now)

    def _keep_early(self, stream: Stream, check: EarlyCheck, now: Instant) -> None:
        """Keep a check until the peer's credentials are known. Spec: RFC 8445 §7.3."""
        key = (check.local, check.remote)
        known = stream.early.get(key)
        if known is None and len(stream.early) >= MAX_EARLY_CHECKS:
            self._outbox.drop("more early checks than MAX_EARLY_CHECKS (RFC 8445 §7.3)", now=now)
            return
        if known is not None and known.remote_ufrag == check.remote_ufrag:
            check.use_candidate |= known.use_candidate
        stream.early[key] = check
        stream.session.add_validated(*key)

    def _act_on_check(self, stream: Stream, check: EarlyCheck, now: Instant) -> bool:
        """Learn, pair, check back, perhaps accept a nomination; whether anything changed by it.

        Spec: RFC 8445 §7.3.1.3–§7.3.1.5.
        """
        session = stream.session
        source = canonical(check.remote)
        nominates = check.use_candidate and not self._role.controlling
        concluded = stream.selected is not None and not nominates
        session.add_validated(check.local, check.remote)
        remote = stream.remote.get(source)
        if remote is None:
            if concluded or (remote := self._learn_remote(stream, source, check.priority, now)) is None:
                return True
        pair = stream.checklist.find(check.local, source)
        if pair is None:
            if concluded:
                return True
            local = stream.bases.get(check.local) or session.sockets[check.local][1]
            pair = self._make_pair(stream, local, check.local, remote)
            pair.remote_address = check.remote
            if not session.checklists.add(stream.checklist, pair):
                self._outbox.drop("more pairs than IceConfig.max_pairs (RFC 8445 §6.1.2.5)", now=now)
                return True
            pair.requests_received = pair.responses_sent = 1
            pair.last_packet_received = now
        if pair.revoked:
            return True
        if pair.state is PairState.SUCCEEDED and pair.has_consent(now):
            if nominates and self._paths.is_silent(stream.index) and self._paths.consent_on(pair) is None:
                # The peer leaves a path that we, too, find dead: make sure of the new one, then follow.
                pair.nominate_on_success = True
                self._checker.probe(pair, now=now)
            elif nominates and not pair.nominated:
                self._nominated(pair, now)
            else:
                self._revive_if_silent(pair, now)
                return False
            return True
        pair.nominate_on_success |= nominates
        if not concluded:
            self._checker.trigger(pair, now=now)
        return True

    def _learn_remote(
        self, stream: Stream, source: Address, priority: int | None, now: Instant
    ) -> Candidate | None:
        """The peer-reflexive candidate behind an unknown source. Spec: RFC 8445 §7.3.1.3."""
        found = add_peer_reflexive(stream, source, priority)
        if isinstance(found, str):
            self._outbox.drop(found, now=now)
            return None
        self._hear_news(now)
        return found

    # --- nomination and the path in use --------------------------------------------------------------------

    def _consider_nomination(self, stream: Stream, now: Instant) -> None:
        """Controlling: nominate when the policy says so. Spec: RFC 8445 §8.1.1."""
        if not self._role.controlling or stream.selected is not None or stream.nominating is not None:
            return
        best = stream.best_valid(now)
        if best is None:
            stream.nominate_at = None
            return
        all_known = not self._candidates_left(stream)
        wait = patience_for(best, stream.checklist, all_known=all_known, config=self._config)
        if stream.nominate_at is None or stream.nominate_at > now + wait:
            stream.nominate_at = now + wait
        if now >= stream.nominate_at:
            stream.nominate_at = None
            stream.nominating = best
            self._checker.perform(best, Purpose.NOMINATION, now=now)

    def _nominated(self, pair: CandidatePair, now: Instant, *, at_once: bool = False) -> None:
        """`pair` is nominated and valid: it becomes the selected one, unless a better one is.

        A peer of RFC 5245 nominates every pair that works; the highest priority wins then (§8.1.1).

        Spec: RFC 8445 §7.2.5.3.4, §7.3.1.5, §8.1.2.
        """
        stream = pair.stream
        pair.nominated = True
        stream.nominating = stream.nominate_at = None
        current = stream.selected
        if current is None or at_once or not current.has_consent(now) or pair.priority > current.priority:
            stream.selected = pair
            stream.expired = False
        stream.checklist.conclude()
        self._checker.conclude(stream)
        session = stream.session
        if session is self._session and session.concluded:
            session.patience_until = session.news_until = None
            if session.gatherer is not None:
                session.gatherer.stop_refreshing()
            if self._previous is not None and self._retire_at is None:
                self._retire_at = now + self._config.retire_delay

    # --- consent -------------------------------------------------------------------------------------------

    def _on_consent_due(self, consent: Consent, now: Instant) -> bool:
        """Ask for consent, look after silence, end what expired; whether the path is worse than it was.

        Spec: RFC 7675 §5.1, RFC 8445 §11.
        """
        pair = consent.pair
        worse = False
        for action in consent.handle_timeout(now=now):
            self._outbox.timer(f"consent {action.name.lower()}", now=now)
            if action is ConsentAction.CHECK:
                self._checker.perform(pair, Purpose.CONSENT, now=now)
            elif action is ConsentAction.PROBE:
                self._checker.probe(pair, now=now)
            elif action is ConsentAction.SILENT:
                worse = True
            elif action is ConsentAction.EXPIRED:
                worse = True
                self._revoke(pair, now)
            elif action is ConsentAction.KEEPALIVE:
                pair.last_packet_sent = now
                packet = write_keepalive(new_transaction_id(self._entropy))
                self._outbox.send(packet, pair.local_address, pair.remote_address, now=now)
        return worse

    def _revive_if_silent(self, pair: CandidatePair | None, now: Instant) -> None:
        """The peer's check arrived on a path that had gone silent: see whether it works again."""
        if pair is not None:
            consent = self._paths.consent_on(pair)
            if consent is not None and consent.silent:
                self._checker.probe(pair, now=now)

    def _revoke(self, pair: CandidatePair, now: Instant) -> None:
        """Consent is over: nothing more is sent on this pair with these credentials.

        Spec: RFC 7675 §5.1, §5.2.
        """
        self._fail(pair, now)
        pair.consent_until = None
        pair.revoked = True
        pair.stream.expired = True
        self._checker.table.forget(pair)

    # --- after every input ---------------------------------------------------------------------------------

    def _finish(self, now: Instant) -> None:
        """What follows from the input just handled: nominations, checks, path, gathering, state."""
        session = self._session
        if session.patience_until is not None and now >= session.patience_until:
            session.patience_until, session.patience_over = None, True
        if session.news_until is not None and now >= session.news_until:
            session.news_until = None
            for stream in session.streams:
                stream.end_of_candidates = True
        for each in self._sessions():
            self._complete_gathering(each, now)
        for stream in session.streams:
            self._consider_nomination(stream, now)
        self._checker.pump(session.checklists, now=now)
        self._events += self._paths.update(session, now=now)
        self.selected_path = self._paths.addresses(0)
        states = [stream_state(self._facts(stream, now)) for stream in session.streams]
        self._set_state(states[0] if len(states) == 1 else combined_state(states), now)
        for pair, old, new in session.checklists.take_moves():
            self._outbox.state(pair, old.value, new.value, now=now)
        self._stale_deadline = True
        self._settled = self._is_settled()
        self._steady = None

    def _is_settled(self) -> bool:
        """Whether every stream uses its selected pair, and nothing is left to gather, to check or to wait for.

        Then `_finish` depends on nothing but the consents: checks of it that are asked, answered or arrive change
        neither path nor state, so it need not run after them. Whatever else happens is followed by `_finish`.
        """
        session = self._session
        return (
            self._previous is None
            and self._undo is None
            and (session.gatherer is None or session.gatherer.next_timeout() is None)
            and all(
                stream.selected is not None
                and self._paths.pairs[stream.index] is stream.selected
                and not stream.checklist.triggered
                for stream in session.streams
            )
        )

    def _is_quiet(self, now: Instant) -> bool:
        """Whether `_finish` would find nothing to do: all is settled, and no consent has run out meanwhile."""
        return self._settled and all(pair is not None and pair.has_consent(now) for pair in self._paths.pairs)

    def _steady_path(self, pair: CandidatePair | None, packet: Datagram) -> SteadyPath | None:
        """Where to learn what has just arrived on `pair` and changed nothing; `None` if it is not the path in use."""
        if pair is None or len(self._session.streams) > 1 or packet.remote != pair.remote_address:
            return None
        consent = self._paths.consent_on(pair)
        if consent is not None and self._steady is None:
            self._steady = SteadyPath(pair, consent, self._checker.table, self._config, self._outbox)
        return self._steady if consent is not None else None

    def _complete_gathering(self, session: Session, now: Instant) -> None:
        if session.gathering_state is not IceGatheringState.GATHERING or session.more_to_come:
            return
        if session.gatherer is None or session.gatherer.done:
            session.gathering_state = IceGatheringState.COMPLETE
            self._events.append(GatheringDone(session.credentials.ufrag))
            self._outbox.state("gathering", "gathering", "complete", now=now)

    def _candidates_left(self, stream: Stream) -> bool:
        complete = self._session.gathering_state is IceGatheringState.COMPLETE
        return not (complete and stream.end_of_candidates)

    def _has_hope(self, pair: CandidatePair, now: Instant) -> bool:
        """Whether a check of `pair` may still succeed, as far as the state of the stream is concerned.

        Each check of the peer begins ours anew (RFC 8445 §7.3.1.4). Where ours are never answered, as with a wrong
        password, that would be `checking` for ever; once patience is over, so is the hope for a pair tried that long.
        """
        if pair.state not in ACTIVE:
            return False
        since = pair.unanswered_since
        return not self._session.patience_over or since is None or now - since < self._config.patience

    def _facts(self, stream: Stream, now: Instant) -> Facts:
        path = self._paths.pairs[stream.index]
        own = path is not None and path.stream is stream
        candidates_left = self._candidates_left(stream)
        return Facts(
            path=path is not None,
            silent=self._paths.is_silent(stream.index),
            nominated=own and path is stream.selected,
            expired=stream.expired,
            restarted=self._session.restarted and not own,
            pairs=bool(stream.checklist.pairs),
            checks_left=stream.selected is None
            and any(self._has_hope(p, now) for p in stream.checklist.pairs),
            candidates_left=candidates_left,
            patience_left=not self._session.patience_over and (bool(stream.local) or candidates_left),
        )

    def _set_state(self, state: IceConnectionState, now: Instant) -> None:
        if state is not self.state:
            self._outbox.state("connection", self.state.value, state.value, now=now)
            self.state = state
            self._events.append(StateChanged(state))

    def _earliest_deadline(self) -> Instant | None:
        if self._settled:  # nothing but consent, and checks in flight on paths
            check, consent = self._checker.table.next_timeout(), self._paths.next_timeout()
            return consent if check is None or (consent is not None and consent < check) else check
        session = self._session
        deadlines = [session.patience_until, session.news_until, self._retire_at]
        deadlines += [self._checker.next_timeout(session), self._paths.next_timeout()]
        deadlines += [each.gatherer.next_timeout() for each in self._sessions() if each.gatherer is not None]
        deadlines += [stream.nominate_at for stream in session.streams]
        return min([deadline for deadline in deadlines if deadline is not None], default=None)

    def _due(self, now: Instant) -> list[str]:
        """The deadlines that have come, by name. Consent names its own, see `_on_consent_due`."""
        session = self._session
        named = [
            ("patience", session.patience_until),  # the PAC timer, RFC 8863 §4
            ("no more candidates", session.news_until),
            ("retirement of the old credentials", self._retire_at),
            *(("gathering", each.gatherer.next_timeout()) for each in self._sessions() if each.gatherer),
            *(("nomination", stream.nominate_at) for stream in session.streams),
        ]
        found = [name for name, deadline in named if deadline is not None and deadline <= now]
        return self._checker.due(session, now) + found

    # --- small things --------------------------------------------------------------------------------------

    def _sessions(self) -> list[Session]:
        """The current session, then those that still have something to answer or to gather."""
        sessions = [self._session]
        if self._previous is None and self._undo is None:
            return sessions
        for other in (self._previous, self._undo[0] if self._undo else None):
            if other is not None and other not in sessions:
                sessions.append(other)
        return sessions

    def _session_of(self, ufrag: str) -> Session | None:
        return next((s for s in self._sessions() if s.credentials.ufrag == ufrag), None)

    def _commit_restart(self) -> None:
        """The peer has answered a restart: it cannot be rolled back, and what the old session gathers is moot."""
        for old in self._sessions()[1:]:
            if old.gatherer is not None:
                old.gatherer.stop()
                old.gatherer = None
        self._undo = None

    def _retire_previous(self) -> None:
        """The session before the restart is over: its credentials answer no more. Spec: RFC 8445 §8.3.1, §9."""
        self._retire_at = None
        if self._previous is not None:
            self._checker.forget(self._previous)
            self._previous = None

    def _hear_news(self, now: Instant) -> None:
        """The peer has told something: a missing end-of-candidates is waited for anew. Spec: RFC 8863 §5."""
        timeout = self._config.end_of_candidates_timeout
        if timeout is not None and not self._session.concluded:
            if any(stream.remote_credentials is not None for stream in self._session.streams):
                self._session.news_until = now + timeout

    def _on_server_response(self, message: Message, packet: Datagram, now: Instant) -> bool:
        """A response that no check claims: from a STUN server, or from nowhere."""
        refused = "response to no request of ours (RFC 8489 §6.3.3)"
        for session in self._sessions():
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

    def _answer(self, data: bytes, request: Datagram, pair: CandidatePair | None, now: Instant) -> None:
        """Send a response back the way the request came."""
        if pair is not None:
            pair.last_packet_sent = now
            self._stale_deadline = True
        self._outbox.send(data, request.local, request.remote, now=now)

    def _stream(self, index: int) -> Stream:
        if not 0 <= index < len(self._session.streams):
            raise RtcRangeError(f"stream {index}, expected 0…{len(self._session.streams) - 1}")
        return self._session.streams[index]

    def _require_open(self, what: str) -> None:
        if self.state is IceConnectionState.CLOSED:
            raise InvalidStateError(f"{what}: the ICE agent is closed")

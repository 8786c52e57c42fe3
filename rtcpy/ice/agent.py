"""The ICE agent: finds a path to the peer, proves it, and keeps consent to use it.

Owned here: the machine that ties the parts together: commands, dispatch of received STUN, what a check of the peer
and an answer to one of ours mean. Not here: which sessions there are (`restart`), our candidates and the peer's (`local`,
`remote`), forming pairs (`pairing`), when pairs are checked (`checklist`, `checker`), schedules (`check`, `consent`, `gather`),
message contents (`binding`), nomination (`nomination`), whether there is anything left to do (`steady`), the public state
(`states`).

Reading order: `IceAgent`'s commands, then `receive` and the `_on_…` methods in the order of a check's life,
then `_finish`, which runs after every input and decides what follows from it.

Specs: RFC 8445 §7.2.5 (answers), §7.3 (checks of the peer), §9 (restart); RFC 8838; RFC 7675; RFC 8863.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    write_keepalive,
)
from rtcpy.ice.candidate import (
    MAX_CREDENTIAL_CHARACTERS,
    Candidate,
    IceCredentials,
    LocalAddress,
    canonical,
)
from rtcpy.ice.check import Check, Purpose
from rtcpy.ice.checker import Checker
from rtcpy.ice.checklist import CandidatePair, PairInput, PairState
from rtcpy.ice.config import MAX_STREAMS, IceConfig, StunServer
from rtcpy.ice.conflict import RoleConflict
from rtcpy.ice.consent import Consent, ConsentAction
from rtcpy.ice.events import CandidatePairStats, IceConnectionState, IceGatheringState, StateChanged
from rtcpy.ice.local import LocalCandidates
from rtcpy.ice.nomination import Nomination
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.pairing import Pairing
from rtcpy.ice.paths import Paths
from rtcpy.ice.remote import RemoteCandidates
from rtcpy.ice.requests import Effect, PeerChecks
from rtcpy.ice.restart import Sessions
from rtcpy.ice.roles import Role
from rtcpy.ice.session import Stream
from rtcpy.ice.states import Facts, combined_state, stream_state
from rtcpy.ice.steady import Settlement
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
        own = credentials or IceCredentials.generate(entropy)
        self._sessions = Sessions(own, streams, self._config, watched=self._outbox.has_tap)
        self._checker = Checker(self._config, entropy, self._role, self._outbox)
        self._paths = Paths(streams, self._config, entropy)
        self._pairing = Pairing(self._role)
        self._local = LocalCandidates(self._config, entropy, self._sessions, self._pairing, self._outbox)
        self._remote = RemoteCandidates(self._config, self._pairing, self._outbox)
        self._nomination = Nomination(self._config, self._role, self._sessions, self._checker)
        self._settlement = Settlement(
            self._sessions, self._paths, self._checker.table, self._config, self._outbox
        )
        self._conflict = RoleConflict(
            self._role, self._sessions, self._pairing, self._checker, self._settlement, self._outbox
        )
        self._requests = PeerChecks(
            config=self._config,
            role=self._role,
            sessions=self._sessions,
            conflict=self._conflict,
            remote=self._remote,
            pairing=self._pairing,
            checker=self._checker,
            nomination=self._nomination,
            paths=self._paths,
            settlement=self._settlement,
            outbox=self._outbox,
        )
        self._deadline: Instant | None = None
        self._stale_deadline = False

    # --- commands ------------------------------------------------------------------------------------------

    def set_role(self, controlling: bool, *, now: Instant) -> None:
        """Take the role that signalling found. A conflict met later may turn it round (`RoleChanged`).

        Spec: RFC 8445 §6.1.1.
        """
        self._require_open("set_role")
        if not controlling and any(stream.lite for stream in self._sessions.current.streams):
            return  # facing a lite agent, the full one controls
        if controlling != self._role.controlling:
            self._conflict.switch(now)
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
        session = self._sessions.current
        streams = session.streams if stream is None else [self._sessions.stream(stream)]
        for one in streams:
            if one.remote_credentials is not None and one.remote_credentials != credentials:
                raise InvalidStateError("the peer's ICE credentials changed without a restart (RFC 8445 §9)")
        if lite and not self._role.controlling:
            self._conflict.switch(now)
        fresh = [one for one in streams if one.remote_credentials is None]
        for one in fresh:
            one.set_remote_credentials(IceCredentials(credentials.ufrag, credentials.pwd), lite=lite)
        if fresh:
            self._sessions.commit()
            if session.patience_until is None:
                session.patience_until = now + self._config.patience
            session.hear_news(self._config.end_of_candidates_timeout, now)
            for one in fresh:
                self._remote.accept_kept(one, credentials.ufrag, now)
                if one.ended_ufrag == credentials.ufrag:
                    one.end_of_candidates = True
                self._pairing.form(one, list(one.bases), list(one.remote.values()))
            if not session.checklists.started:
                session.checklists.start()
            for one in fresh:
                self._requests.act_on_early(one, credentials.ufrag, now)
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
        self._local.gather(local_addresses, servers, more_to_come=more_to_come, now=now)
        self._finish(now)

    def add_servers(self, servers: Sequence[StunServer], *, now: Instant) -> None:
        """Ask more STUN servers, whose names were resolved after ``gather(more_to_come=True)``.

        No effect once gathering has ended: a late server is not worth another round.

        Spec: RFC 8838 §3 (nothing waits for the slowest).
        """
        self._require_open("add_servers")
        if self._local.ask(servers, now=now):
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
        if self._local.add_relayed(candidate, self._sessions.stream(stream)):
            self._finish(now)

    def finish_gathering(self, *, now: Instant) -> None:
        """No more candidates will be added: the promise of ``gather(more_to_come=True)`` is fulfilled."""
        self._require_open("finish_gathering")
        self._sessions.current.more_to_come = False
        self._finish(now)

    def add_remote_candidate(self, candidate: Candidate, *, stream: int = 0, now: Instant) -> None:
        """Take one of the peer's candidates, at any time, also before its credentials.

        What cannot be used (TCP, ``.local`` names, component 2, addresses that no check may go to, an old
        session's, one after end-of-candidates, the 101st) is counted and told to the tap, never an error.

        Spec: RFC 8838 §11, RFC 8445 §5.3.
        """
        self._require_open("add_remote_candidate")
        one = self._sessions.stream(stream)
        if candidate.ufrag is not None:
            theirs = one.remote_credentials
            if theirs is None or candidate.ufrag != theirs.ufrag:
                self._remote.keep_for_later(one, candidate, self._sessions.previous, now)
                return
        self._sessions.current.hear_news(self._config.end_of_candidates_timeout, now)
        added = self._remote.accept(one, candidate, now)
        if added is not None:
            self._pairing.form(one, list(one.bases), [added])
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
        for one in self._sessions.current.streams if stream is None else [self._sessions.stream(stream)]:
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
        old = self._sessions.current
        own = credentials or IceCredentials.generate(self._entropy)
        if own.ufrag == old.credentials.ufrag or own.pwd == old.credentials.pwd:
            raise InvalidAccessError("an ICE restart must change both ufrag and password (RFC 8445 §9)")
        self._sessions.restart(own, in_use=self._paths.uses(old))
        self._role.forgive()
        self._checker.suspend()
        self._finish(now)
        return own

    def rollback_restart(self, *, now: Instant) -> None:
        """Undo `restart`, as when the offer that carried it is rolled back: the old session goes on.

        Raises:
            InvalidStateError: there is nothing to undo, or the peer's new credentials are already set.
        """
        self._require_open("rollback_restart")
        self._sessions.rollback(now)
        session = self._sessions.current
        for pair in session.checklists:
            if pair.state is PairState.IN_PROGRESS:  # its check was cancelled by the restart
                self._checker.trigger(pair, now=now, at_once=True)
        for one in session.streams:
            one.nominating = None
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
        return self._sessions.current.credentials

    @property
    def remote_credentials(self) -> IceCredentials | None:
        """The peer's, of the current session and stream 0, once known."""
        return self._sessions.current.streams[0].remote_credentials

    @property
    def gathering_state(self) -> IceGatheringState:
        """Of the current session."""
        return self._sessions.current.gathering_state

    @property
    def send_allowed(self) -> bool:
        """Whether stream 0 has a path with consent. Spec: RFC 7675 §5.1."""
        return self.selected_path is not None

    def selected_path_of(self, stream: int) -> tuple[Address, Address] | None:
        """`selected_path` of another stream."""
        return self._paths.addresses(self._sessions.stream(stream).index)

    def is_validated(self, local: Address, remote: Address) -> bool:
        """Whether a check with correct integrity passed between the two, either way.

        What else arrives from `remote` may be looked at; anything from elsewhere must not be (a ClientHello from
        a stranger would otherwise disturb the handshake).
        """
        key = (local, remote)
        sessions = self._sessions
        if key in sessions.current.validated:
            return True
        return sessions.previous is not None and key in sessions.previous.validated

    def local_candidates(self, stream: int = 0) -> list[Candidate]:
        """Copies of our candidates, those learnt from the peer's answers included."""
        return [candidate.copy() for candidate in self._sessions.stream(stream).local]

    def remote_candidates(self, stream: int = 0) -> list[Candidate]:
        """Copies of the peer's candidates, those learnt from its checks included."""
        return [candidate.copy() for candidate in self._sessions.stream(stream).remote.values()]

    def list_candidate_pairs(self) -> list[CandidatePairStats]:
        """All pairs of the current session, best first, then a path that survives from before a restart."""
        session = self._sessions.current
        pairs = list(session.checklists)
        pairs += [p for p in self._paths.pairs if p is not None and p.stream.session is not session]
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
        steady = self._settlement.steady
        if steady is not None and steady.receive(packet, now=now):
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
            effect = self._requests.receive(message, packet, now=now)
            if effect is Effect.NEWS:
                self._finish(now)
            elif effect is Effect.ANSWERED:
                self._stale_deadline = True  # what was sent puts a keepalive off
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
        news = bool(due) or not self._settlement.is_quiet(now)
        if news:
            for check in due:
                self._on_check_due(check, now)
            self._local.handle_timeout(now=now)
        for consent in self._paths.due(now):
            news |= self._on_consent_due(consent, now)
        retire_at = self._sessions.retire_at
        if retire_at is not None and now >= retire_at:
            over = self._sessions.retire()
            if over is not None:
                self._checker.forget(over)
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
        return self._outbox.take_events()

    def close(self, *, now: Instant) -> None:
        """Stop: no answers, no checks, no path. Nothing is said to the peer; its consent runs out."""
        if self.state is IceConnectionState.CLOSED:
            return
        self._sessions.close()
        self._checker.table.clear()
        self._outbox.clear()
        self._paths.clear()
        self.selected_path = None
        self._set_state(IceConnectionState.CLOSED, now)
        self._deadline, self._stale_deadline = None, False

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
            return self._local.handle_response(message, packet, now=now)
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
        if self._on_success(check, canonical(mapped), now) or not self._settlement.is_quiet(now):
            return True
        steady = self._settlement.steady_path(pair, packet) if check.purpose is Purpose.CONSENT else None
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
        if code == ErrorNumber.ROLE_CONFLICT and self._conflict.heed_487(check, now):
            if pair.stream.session is self._sessions.current:
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
            pair.reflexive = self._local.learn(pair, mapped, check.priority)
        pair.unanswered_since = None
        news = pair.apply(PairInput.SUCCESS)
        stream.checklist.drop_triggered(pair)
        for other in self._checker.table.of(pair):
            if other.purpose is Purpose.CONNECTIVITY:
                other.cancel()
        if stream.session is self._sessions.current:
            news |= bool(self._sessions.current.checklists.unfreeze(pair.foundation))
        consent = self._paths.consent_on(pair)
        if consent is None or consent.silent:
            news = True
        if consent is not None:
            consent.handle_answer(now=now)
        elsewhere_silent = consent is None and self._paths.is_silent(stream.index)
        if self._role.controlling and check.purpose is Purpose.NOMINATION:
            self._nomination.conclude(pair, now)
            news = True
        elif not self._role.controlling and pair.nominate_on_success:
            news = True
            pair.nominate_on_success = False
            self._nomination.conclude(pair, now, at_once=elsewhere_silent)
        return news or check.purpose not in (Purpose.CONSENT, Purpose.PROBE)

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
        session = self._sessions.current
        session.lose_patience(now)
        self._local.complete(now=now)
        for stream in session.streams:
            self._nomination.consider(stream, now)
        self._checker.pump(session.checklists, now=now)
        self._outbox.tell(*self._paths.update(session, now=now))
        self.selected_path = self._paths.addresses(0)
        states = [stream_state(self._facts(stream, now)) for stream in session.streams]
        self._set_state(states[0] if len(states) == 1 else combined_state(states), now)
        for pair, old, new in session.checklists.take_moves():
            self._outbox.state(pair, old.value, new.value, now=now)
        self._stale_deadline = True
        self._settlement.judge()

    def _facts(self, stream: Stream, now: Instant) -> Facts:
        path = self._paths.pairs[stream.index]
        own = path is not None and path.stream is stream
        candidates_left = stream.candidates_left
        return Facts(
            path=path is not None,
            silent=self._paths.is_silent(stream.index),
            nominated=own and path is stream.selected,
            expired=stream.expired,
            restarted=stream.session.restarted and not own,
            pairs=bool(stream.checklist.pairs),
            checks_left=stream.selected is None and stream.has_hope(now, self._config.patience),
            candidates_left=candidates_left,
            patience_left=not stream.session.patience_over and (bool(stream.local) or candidates_left),
        )

    def _set_state(self, state: IceConnectionState, now: Instant) -> None:
        if state is not self.state:
            self._outbox.state("connection", self.state.value, state.value, now=now)
            self.state = state
            self._outbox.tell(StateChanged(state))

    def _earliest_deadline(self) -> Instant | None:
        if self._settlement.reached:  # nothing but consent, and checks in flight on paths
            check, consent = self._checker.table.next_timeout(), self._paths.next_timeout()
            return consent if check is None or (consent is not None and consent < check) else check
        session = self._sessions.current
        deadlines = [session.patience_until, session.news_until, self._sessions.retire_at]
        deadlines += [self._checker.next_timeout(session), self._paths.next_timeout()]
        deadlines += [
            each.gatherer.next_timeout() for each in self._sessions.all() if each.gatherer is not None
        ]
        deadlines += [stream.nominate_at for stream in session.streams]
        return min([deadline for deadline in deadlines if deadline is not None], default=None)

    def _due(self, now: Instant) -> list[str]:
        """The deadlines that have come, by name. Consent names its own, see `_on_consent_due`."""
        session = self._sessions.current
        named = [
            ("patience", session.patience_until),  # the PAC timer, RFC 8863 §4
            ("no more candidates", session.news_until),
            ("retirement of the old credentials", self._sessions.retire_at),
            *(("gathering", each.gatherer.next_timeout()) for each in self._sessions.all() if each.gatherer),
            *(("nomination", stream.nominate_at) for stream in session.streams),
        ]
        found = [name for name, deadline in named if deadline is not None and deadline <= now]
        return self._checker.due(session, now) + found

    def _require_open(self, what: str) -> None:
        if self.state is IceConnectionState.CLOSED:
            raise InvalidStateError(f"{what}: the ICE agent is closed")

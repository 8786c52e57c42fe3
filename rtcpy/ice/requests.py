"""Checks of the peer: judge the request, answer it, and learn what it tells about the path it came on.

Owned here: the checks that came before the peer's credentials, until those are known (`Stream.early`). Not here: what a
request and its answers consist of (`binding`), checks of ours (`checker`), and what their answers mean (`agent`).

The order is that of the RFC: whose is it, is it authentic, does it make sense, who controls; then the answer; then what
follows: the peer's address may be new, the pair may be, ours is checked back, and it may be nominated.

Specs: RFC 8445 §7.3 (STUN server procedures), §19.2 (replays), §19.5.1; RFC 8489 §6.3.1, §9.1.3.
"""

from __future__ import annotations

from enum import Enum

from rtcpy.core.machine import Datagram, Instant
from rtcpy.ice.binding import (
    forgery,
    is_authentic,
    read_check,
    write_role_conflict,
    write_success,
    write_unknown_attributes,
)
from rtcpy.ice.candidate import canonical, unusable_reason
from rtcpy.ice.checker import Checker
from rtcpy.ice.checklist import CandidatePair, PairState
from rtcpy.ice.config import MAX_EARLY_CHECKS, IceConfig
from rtcpy.ice.conflict import RoleConflict
from rtcpy.ice.nomination import Nomination
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.pairing import Pairing
from rtcpy.ice.paths import Paths
from rtcpy.ice.remote import RemoteCandidates
from rtcpy.ice.restart import Sessions
from rtcpy.ice.roles import Role
from rtcpy.ice.session import EarlyCheck, Stream
from rtcpy.ice.steady import REPLAYED, Settlement
from rtcpy.stun import Message


class Effect(Enum):
    """What a request has done to us."""

    REFUSED = "nothing: it was dropped"
    ANSWERED = "an answer was sent, and nothing follows from it"
    NEWS = "something has changed, and what follows from it is to be worked out"


class PeerChecks:
    """The server side of connectivity checks; `Checker` is the client side.

    Args:
        config: limits.
        role: a nomination counts for the controlled agent only.
        sessions: whose credentials a request may be for.
        conflict: settles who controls.
        remote: learns candidates.
        pairing: makes pairs.
        checker: checks back.
        nomination: heeds nominations.
        paths: in use.
        settlement: learns requests that change nothing.
        outbox: takes the answers.
    """

    __slots__ = (
        "_checker",
        "_config",
        "_conflict",
        "_nomination",
        "_outbox",
        "_pairing",
        "_paths",
        "_remote",
        "_role",
        "_sessions",
        "_settlement",
    )

    def __init__(
        self,
        *,
        config: IceConfig,
        role: Role,
        sessions: Sessions,
        conflict: RoleConflict,
        remote: RemoteCandidates,
        pairing: Pairing,
        checker: Checker,
        nomination: Nomination,
        paths: Paths,
        settlement: Settlement,
        outbox: Outbox,
    ) -> None:
        self._config, self._role, self._sessions, self._conflict = config, role, sessions, conflict
        self._remote, self._pairing, self._checker, self._nomination = remote, pairing, checker, nomination
        self._paths, self._settlement, self._outbox = paths, settlement, outbox

    def receive(self, message: Message, packet: Datagram, *, now: Instant) -> Effect:
        """A check arrived: judge, answer, act. Spec: RFC 8445 §7.3.

        Deviation: RFC 8489 §9.1.3 answers what fails to authenticate with 400 or 401. We are silent, so that
        nobody can make us send a byte to anyone without knowing our password.
        """
        request = read_check(message)
        session = None if request is None else self._sessions.of(request.local_ufrag)
        if request is None or session is None:
            self._outbox.drop("request whose USERNAME is not ours (RFC 8489 §9.1.3)", packet.data, now=now)
            return Effect.REFUSED
        socket = session.sockets.get(packet.local)
        if socket is None:
            self._outbox.drop(
                "request to an address that was not gathered (RFC 8445 §7.3)", packet.data, now=now
            )
            return Effect.REFUSED
        if not is_authentic(message, session.key):
            self._outbox.drop(forgery(message), packet.data, now=now)
            return Effect.REFUSED
        source = canonical(packet.remote)
        if unusable_reason(source, allow_loopback=self._config.allow_loopback) is not None:
            self._outbox.drop(
                "request from an address that must not be sent to (RFC 8445 §19.5.1)", packet.data, now=now
            )
            return Effect.REFUSED
        stream = session.streams[socket[0]]
        pair = stream.checklist.find(packet.local, source)
        if pair is not None:
            pair.requests_received += 1
            pair.last_packet_received = now
        unknown = message.unknown_required
        if unknown:
            answer = write_unknown_attributes(message, unknown, session.key)
            self._answer(answer, packet, pair, now)
            return Effect.ANSWERED
        if session is self._sessions.current and not self._conflict.settle(
            request.controlling, request.controlled, now
        ):
            answer = write_role_conflict(message, session.key)
            self._answer(answer, packet, pair, now)
            return Effect.ANSWERED
        answer = write_success(message, source, session.key)
        self._answer(answer, packet, pair, now)
        if pair is not None:
            pair.responses_sent += 1
        if session.is_replay(message.transaction_id, packet.local, packet.remote):
            self._outbox.drop(REPLAYED, packet.data, now=now)
            return Effect.ANSWERED if self._settlement.is_quiet(now) else Effect.NEWS
        check = EarlyCheck(
            packet.local, packet.remote, request.remote_ufrag, request.priority, request.use_candidate
        )
        if stream.remote_credentials is None:
            self._keep_early(stream, check, now)
            return Effect.NEWS
        if request.remote_ufrag != stream.remote_credentials.ufrag:
            self._outbox.drop(
                "request from another session of the peer (RFC 8445 §7.3.1.4)", packet.data, now=now
            )
            return Effect.NEWS
        if session is self._sessions.current:
            if self._act_on(stream, check, now) or not self._settlement.is_quiet(now):
                return Effect.NEWS
            steady = self._settlement.steady_path(pair, packet)
            if steady is not None:
                steady.learn_request(message, answer)
            return Effect.ANSWERED
        session.add_validated(packet.local, packet.remote)
        self._revive_if_silent(pair, now)
        return Effect.NEWS

    def _answer(self, data: bytes, request: Datagram, pair: CandidatePair | None, now: Instant) -> None:
        """Send a response back the way the request came."""
        if pair is not None:
            pair.last_packet_sent = now
        self._outbox.send(data, request.local, request.remote, now=now)

    # --- before the peer's credentials are known -----------------------------------------------------------

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

    def act_on_early(self, stream: Stream, ufrag: str, now: Instant) -> None:
        """The peer's credentials are known: act on the checks that were kept, if they were its. Spec: RFC 8445 §7.3."""
        early, stream.early = list(stream.early.values()), {}
        for check in early:
            if check.remote_ufrag == ufrag:
                self._act_on(stream, check, now)
            else:
                stream.session.validated.pop((check.local, check.remote), None)

    # --- what follows --------------------------------------------------------------------------------------

    def _act_on(self, stream: Stream, check: EarlyCheck, now: Instant) -> bool:
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
            if concluded or (remote := self._remote.learn(stream, source, check.priority, now)) is None:
                return True
            session.hear_news(self._config.end_of_candidates_timeout, now)
        pair = stream.checklist.find(check.local, source)
        if pair is None:
            if concluded:
                return True
            local = stream.bases.get(check.local) or session.sockets[check.local][1]
            pair = self._pairing.make(stream, local, check.local, remote)
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
                self._nomination.conclude(pair, now)
            else:
                self._revive_if_silent(pair, now)
                return False
            return True
        pair.nominate_on_success |= nominates
        if not concluded:
            self._checker.trigger(pair, now=now)
        return True

    def _revive_if_silent(self, pair: CandidatePair | None, now: Instant) -> None:
        """The peer's check arrived on a path that had gone silent: see whether it works again."""
        if pair is not None:
            consent = self._paths.consent_on(pair)
            if consent is not None and consent.silent:
                self._checker.probe(pair, now=now)

"""Sending connectivity checks: which goes when, what it claims, how it is repeated.

Owned here: pacing, the transactions in flight, the request's contents. What an answer means is `agent`'s.

Specs: RFC 8445 §6.1.4.2 (scheduling), §7.2.2–§7.2.4 (sending), §14 (Ta and RTO), RFC 7675 §5.1.
"""

from __future__ import annotations

from math import inf

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Instant
from rtcpy.ice.binding import reflexive_priority, write_check
from rtcpy.ice.check import CONSENT_MEMORY, Check, CheckTable, Purpose, retransmission_interval
from rtcpy.ice.checklist import CandidatePair, ChecklistSet, PairInput, PairState
from rtcpy.ice.config import TA_MIN, IceConfig
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.roles import Role
from rtcpy.ice.session import Session, Stream
from rtcpy.stun import SignedTemplate, new_transaction_id, parse_message

RECENT_CHECK = 0.020  # s: a triggered check waits so long for the answer to one that has just gone out


class Checker:
    """The client side of connectivity checks.

    Args:
        config: timers.
        entropy: for transaction ids.
        role: claimed in each check; shared with the agent.
        outbox: takes the requests.
    """

    __slots__ = (
        "_config",
        "_consent_check",
        "_contents",
        "_entropy",
        "_next_ordinary_at",
        "_next_triggered_at",
        "_outbox",
        "_role",
        "table",
    )

    def __init__(self, config: IceConfig, entropy: Entropy, role: Role, outbox: Outbox) -> None:
        self._config, self._entropy, self._role, self._outbox = config, entropy, role, outbox
        self._next_ordinary_at: Instant = -inf
        self._next_triggered_at: Instant = -inf
        self.table = CheckTable()
        self._contents: tuple[str, bytes, int, bool, int] | None = None  # of the last consent check
        self._consent_check: SignedTemplate | None = None

    def pump(self, checklists: ChecklistSet, *, now: Instant) -> None:
        """Send the checks that may go now.

        Ordinary checks keep Ta apart; the first goes at once. Deviation: RFC 8445 §6.1.4.2 puts triggered checks
        under the same Ta. They go only where an authentic check has just come from, so nobody can be flooded by
        them; they wait for no more than 5 ms after one another (§14.2).
        """
        if now >= self._next_triggered_at:
            entry = checklists.next_triggered(now)
            if entry is not None:
                self._next_triggered_at = now + TA_MIN
                self.perform(entry.pair, Purpose.CONNECTIVITY, now=now)
        if now >= self._next_ordinary_at:
            pair = checklists.next_ordinary()
            if pair is not None:
                self._next_ordinary_at = now + self._config.ta
                self.perform(pair, Purpose.CONNECTIVITY, now=now)

    def next_timeout(self, session: Session) -> Instant | None:
        """When the next check, repeat or expiry is due."""
        deadlines = [self.table.next_timeout()]
        triggered = session.checklists.triggered_at()
        if triggered is not None:
            deadlines.append(max(triggered, self._next_triggered_at))
        if not session.concluded and session.checklists.has_ordinary():
            deadlines.append(self._next_ordinary_at)
        return min([deadline for deadline in deadlines if deadline is not None], default=None)

    def due(self, session: Session, now: Instant) -> list[str]:
        """What `next_timeout` was about, in words: the deadlines that have come."""
        names = ["check unanswered" if check.expires <= now else "RTO" for check in self.table.due(now)]
        triggered = session.checklists.triggered_at()
        if triggered is not None and max(triggered, self._next_triggered_at) <= now:
            names.append("triggered check")
        ordinary = not session.concluded and session.checklists.has_ordinary()
        if ordinary and self._next_ordinary_at <= now:
            names.append("Ta")
        return names

    def perform(self, pair: CandidatePair, purpose: Purpose, *, now: Instant) -> None:
        """Send one check. Spec: RFC 8445 §7.2.2, §7.2.4, §14.3."""
        stream = pair.stream
        credentials = stream.remote_credentials
        if credentials is None or pair.revoked:
            return
        if purpose is Purpose.CONNECTIVITY:
            pair.apply(PairInput.PERFORM)
        transaction_id = new_transaction_id(self._entropy)
        priority = reflexive_priority(pair.local)
        username = f"{credentials.ufrag}:{stream.session.credentials.ufrag}"
        packet = self._write(pair, purpose, transaction_id, username, priority)
        rto, expires, next_send = self._schedule(purpose, stream.session.checklists, now)
        check = Check(
            transaction_id=transaction_id,
            pair=pair,
            packet=packet,
            key=stream.remote_key,
            controlling=self._role.controlling,
            purpose=purpose,
            sent_at=now,
            rto=rto,
            expires=expires,
            next_send=next_send,
            priority=priority,
        )
        self.table.add(check)
        pair.requests_sent += 1
        pair.consent_requests_sent += purpose is Purpose.CONSENT
        pair.last_check_sent = now
        if pair.unanswered_since is None:
            pair.unanswered_since = now
        self._transmit(check, now)

    def _write(
        self, pair: CandidatePair, purpose: Purpose, transaction_id: bytes, username: str, priority: int
    ) -> bytes:
        """The request; a consent check that says what the last one said is made from it."""
        key, role = pair.stream.remote_key, self._role
        contents = (username, key, priority, role.controlling, role.tie_breaker)
        if purpose is Purpose.CONSENT and self._consent_check is not None and contents == self._contents:
            return self._consent_check.write(transaction_id, key)
        packet = write_check(
            transaction_id,
            username,
            key,
            priority=priority,
            controlling=role.controlling,
            tie_breaker=role.tie_breaker,
            use_candidate=purpose is Purpose.NOMINATION,
        )
        if purpose is Purpose.CONSENT:
            self._contents, self._consent_check = contents, SignedTemplate.of(parse_message(packet))
        return packet

    def _schedule(
        self, purpose: Purpose, checklists: ChecklistSet, now: Instant
    ) -> tuple[float, Instant, Instant | None]:
        """(first interval, end, first repeat) of a check."""
        rto = self._config.rto
        if purpose is Purpose.CONSENT:
            return rto, now + CONSENT_MEMORY, None  # "transmitted once only", RFC 7675 §5.1
        expires = now + self._config.check_timeout
        if purpose is Purpose.PROBE:
            expires = now + self._config.consent_grace
        elif purpose is Purpose.CONNECTIVITY:
            # So late that every other check goes out once before any goes out twice. Deviation: RFC 8445 §14.3
            # multiplies by the number of all checks as well, which is 250 s for 100 pairs.
            rto = max(rto, self._config.ta * checklists.count(PairState.WAITING, PairState.IN_PROGRESS))
        return rto, expires, now + retransmission_interval(1, rto, max(rto, self._config.rto_max))

    def repeat(self, check: Check, *, now: Instant) -> None:
        """Send a check once more, bit for bit. Spec: RFC 8489 §6.2.1."""
        check.transmissions += 1
        ceiling = max(check.rto, self._config.rto_max)
        steady = check.purpose is not Purpose.CONNECTIVITY
        check.next_send = now + retransmission_interval(
            check.transmissions, check.rto, ceiling, steady=steady
        )
        check.pair.retransmissions_sent += 1
        self._transmit(check, now)

    def _transmit(self, check: Check, now: Instant) -> None:
        pair = check.pair
        pair.last_packet_sent = now
        self._outbox.send(check.packet, pair.local_address, pair.remote_address, now=now)

    def probe(self, pair: CandidatePair, *, now: Instant) -> None:
        """Check a path in use, with repeats, unless that is going on already."""
        if not any(check.purpose is Purpose.PROBE for check in self.table.of(pair)):
            self.perform(pair, Purpose.PROBE, now=now)

    def trigger(self, pair: CandidatePair, *, now: Instant, at_once: bool = False) -> None:
        """Put a pair into the triggered-check queue; what is in flight on it is no longer repeated.

        A pair whose check has only just gone out is given a moment to be answered, unless `at_once`.

        Spec: RFC 8445 §7.3.1.4.
        """
        if pair.state is PairState.IN_PROGRESS:
            for check in self.table.of(pair):
                check.cancel()
        pair.apply(PairInput.TRIGGER)
        sent = -inf if at_once or pair.last_check_sent is None else pair.last_check_sent
        pair.stream.checklist.enqueue(pair, not_before=max(now, sent + RECENT_CHECK))

    def claim_new_role(self, session: Session, *, now: Instant) -> None:
        """The role changed: checks that claim the old one are sent anew. Spec: RFC 8445 §7.2.5.1."""
        for check in self.table.all():
            if check.cancelled or check.pair.stream.session is not session:
                continue
            if check.purpose is Purpose.NOMINATION:
                check.cancel()
            elif check.purpose is Purpose.CONNECTIVITY:
                check.cancel()
                if check.pair.state is PairState.IN_PROGRESS:
                    self.trigger(check.pair, now=now, at_once=True)

    def conclude(self, stream: Stream) -> None:
        """A pair was nominated: other checks are no longer repeated. Spec: RFC 8445 §8.1.2.

        Those on pairs that an aggressive peer nominated as well go on.
        """
        for check in self.table.all():
            if check.pair.stream is stream and check.purpose is Purpose.CONNECTIVITY:
                if not check.pair.nominate_on_success:
                    check.cancel()

    def suspend(self) -> None:
        """A restart began: only the path in use is still checked."""
        for check in self.table.all():
            if check.purpose in (Purpose.CONNECTIVITY, Purpose.NOMINATION):
                check.cancel()

    def forget(self, session: Session) -> None:
        """A session is over: its answers count no more."""
        for check in self.table.all():
            if check.pair.stream.session is session:
                self.table.remove(check)

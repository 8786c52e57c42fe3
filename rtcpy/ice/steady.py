"""The steady state: the same consent check and the same answer every five seconds, for as long as a call lasts.

Once an agent has settled (`Settlement`) hardly anything else arrives, and each message is the last one over
again but for its transaction id. So the agent shows the first of each kind, handled in the general way, to a
`SteadyPath`, which recognizes the next ones by their bytes and does what the general way would do, and no more:
verify, count, answer, renew. Whatever it does not recognize, or does not trust, goes the general way.

Owned here: whether the agent has settled, and that short cut. It decides nothing anew; `tests/ice/test_steady.py` holds it
equal to the general way.

Specs: RFC 7675 §5.1, RFC 8445 §7.2.5.3, §7.3.
"""

from __future__ import annotations

from math import inf

from rtcpy.core.machine import Datagram, Instant
from rtcpy.ice.binding import write_success
from rtcpy.ice.candidate import canonical
from rtcpy.ice.check import CheckTable, Purpose
from rtcpy.ice.checklist import CandidatePair
from rtcpy.ice.config import IceConfig
from rtcpy.ice.consent import Consent
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.paths import Paths
from rtcpy.ice.restart import Sessions
from rtcpy.stun import Message, MessageClass, Method, SignedTemplate, parse_message

REPLAYED = "request seen before from another address (RFC 8445 §19.2)"


class SteadyPath:
    """Consent checks on the selected pair of a settled agent, theirs and ours.

    The agent forgets it whenever anything else has happened (`IceAgent._finish`); so the pair, its session, both
    roles and all credentials are what they were when the messages were learnt.

    Args:
        pair: the selected one, in use.
        consent: its consent.
        table: our checks in flight.
        config: expiry of consent.
        outbox: takes the answers.
    """

    __slots__ = ("_answer", "_answered", "_asked", "_config", "_consent", "_outbox", "_table", "pair")

    def __init__(
        self, pair: CandidatePair, consent: Consent, table: CheckTable, config: IceConfig, outbox: Outbox
    ) -> None:
        self.pair = pair
        self._consent, self._table, self._config, self._outbox = consent, table, config, outbox
        self._asked: SignedTemplate | None = None  # their request …
        self._answer: SignedTemplate | None = (
            None  # … our answer to it, where only the transaction id differs
        )
        self._answered: SignedTemplate | None = None  # their answer to our request

    def learn_request(self, request: Message, answer: bytes) -> None:
        """A request that changed nothing got this answer; so will the next one that is like it."""
        self._asked = SignedTemplate.of(request)
        if ":" not in self.pair.remote_address.host:  # an XORed IPv6 address is different in each answer
            self._answer = SignedTemplate.of(parse_message(answer))

    def learn_answer(self, response: Message) -> None:
        """A success response renewed the consent and changed nothing else."""
        self._answered = SignedTemplate.of(response)

    def receive(self, packet: Datagram, *, now: Instant) -> bool:
        """Take a message that is like one learnt; `False`: nothing was done, it is for the general way."""
        pair = self.pair
        if packet.remote != pair.remote_address or packet.local != pair.local_address:
            return False
        if self._consent.silent or not pair.has_consent(now):
            return False
        data = bytes(packet.data)
        if self._asked is not None and self._asked.matches(data):
            return self._on_request(data, packet, now)
        if self._answered is not None and self._answered.matches(data):
            return self._on_answer(data, packet, now)
        return False

    def _on_request(self, data: bytes, packet: Datagram, now: Instant) -> bool:
        """What `PeerChecks.receive` does with it. Spec: RFC 8445 §7.3."""
        pair = self.pair
        session = pair.stream.session
        assert self._asked is not None
        if not self._asked.is_authentic(data, session.key):
            return False
        transaction_id = data[8:20]
        self._outbox.received(packet, now=now)
        pair.requests_received += 1
        pair.last_packet_received = pair.last_packet_sent = now
        if self._answer is not None:
            answer = self._answer.write(transaction_id, session.key)
        else:
            request = Message(Method.BINDING, MessageClass.REQUEST, transaction_id)
            answer = write_success(request, canonical(packet.remote), session.key)
        self._outbox.send(answer, packet.local, packet.remote, now=now)
        pair.responses_sent += 1
        if session.is_replay(transaction_id, packet.local, packet.remote):
            self._outbox.drop(REPLAYED, packet.data, now=now)
        else:
            session.add_validated(packet.local, packet.remote)
        return True

    def _on_answer(self, data: bytes, packet: Datagram, now: Instant) -> bool:
        """What `IceAgent._on_response` and `_on_success` do with it. Spec: RFC 7675 §5.1, RFC 8445 §7.2.5.3."""
        pair, table = self.pair, self._table
        check = table.find(data[8:20])
        if (
            check is None
            or check.purpose is not Purpose.CONSENT
            or check.pair is not pair
            or len(table) > 1  # others on the pair would be told of the success
            or pair.nominate_on_success
        ):
            return False
        assert self._answered is not None
        if not self._answered.is_authentic(data, check.key):
            return False
        self._outbox.received(packet, now=now)
        table.remove(check)
        pair.responses_received += 1
        pair.last_packet_received = now
        pair.unanswered_since = None
        pair.current_round_trip_time = now - check.sent_at
        pair.total_round_trip_time += pair.current_round_trip_time
        unlimited = self._config.consent_interval is None
        pair.consent_until = inf if unlimited else now + self._config.consent_expiry
        pair.stream.session.add_validated(packet.local, packet.remote)
        self._consent.handle_answer(now=now)
        return True


class Settlement:
    """Whether all is settled: every stream uses its selected pair, nothing is left to gather, to check or to wait for.

    Then `IceAgent._finish` depends on nothing but the consents: checks of it that are asked, answered or arrive change
    neither path nor state, so it need not run after them. Whatever else happens is followed by `_finish`, which asks anew.

    Args:
        sessions: of the agent.
        paths: in use.
        table: our checks in flight.
        config: expiry of consent.
        outbox: takes the answers of the short cut.
    """

    __slots__ = ("_config", "_outbox", "_paths", "_sessions", "_table", "reached", "steady")

    def __init__(
        self, sessions: Sessions, paths: Paths, table: CheckTable, config: IceConfig, outbox: Outbox
    ) -> None:
        self._sessions, self._paths, self._table = sessions, paths, table
        self._config, self._outbox = config, outbox
        self.reached = False  # the last `_finish` left nothing but consent to look after
        self.steady: SteadyPath | None = None  # what has been learnt since

    def judge(self) -> None:
        """Everything that followed from an input is done: look whether anything is left; forget what was learnt."""
        self.reached = self._is_reached()
        self.steady = None

    def upset(self) -> None:
        """Something is to be worked out again."""
        self.reached, self.steady = False, None

    def _is_reached(self) -> bool:
        session, paths = self._sessions.current, self._paths
        return (
            self._sessions.alone
            and (session.gatherer is None or session.gatherer.next_timeout() is None)
            and all(
                stream.selected is not None
                and paths.pairs[stream.index] is stream.selected
                and not stream.checklist.triggered
                for stream in session.streams
            )
        )

    def is_quiet(self, now: Instant) -> bool:
        """Whether `_finish` would find nothing to do: all is settled, and no consent has run out meanwhile."""
        return self.reached and all(pair is not None and pair.has_consent(now) for pair in self._paths.pairs)

    def steady_path(self, pair: CandidatePair | None, packet: Datagram) -> SteadyPath | None:
        """Where to learn what has just arrived on `pair` and changed nothing; `None` if it is not the path in use."""
        one_stream = len(self._sessions.current.streams) == 1
        if pair is None or not one_stream or packet.remote != pair.remote_address:
            return None
        consent = self._paths.consent_on(pair)
        if consent is not None and self.steady is None:
            self.steady = SteadyPath(pair, consent, self._table, self._config, self._outbox)
        return self.steady if consent is not None else None

"""Nomination: when the controlling agent settles for a pair, and what follows for either side.

RFC 8445 §8.1.1 leaves the stopping criterion to us. Data flows on the best valid pair before nomination anyway
(§12.1), so waiting costs nothing but the peer's certainty; nominating early costs the chance of a better path.
Ours: a direct pair that nothing known can beat is nominated at once; a relayed one gets the others some time.

Owned here: which pair of a stream is being nominated, and which is selected. Not here: which path carries data (`paths`).

Specs: RFC 8445 §8.1.1, §8.1.2, §7.2.5.3.4, §7.3.1.5; RFC 8863 §4 (last paragraph).
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.ice.candidate import CandidateType
from rtcpy.ice.check import Purpose
from rtcpy.ice.checker import Checker
from rtcpy.ice.checklist import ACTIVE, CandidatePair, Checklist
from rtcpy.ice.config import IceConfig
from rtcpy.ice.restart import Sessions
from rtcpy.ice.roles import Role
from rtcpy.ice.session import Stream


def patience_for(best: CandidatePair, checklist: Checklist, *, all_known: bool, config: IceConfig) -> float:
    """Seconds that `best`, the best valid pair, should wait for a better one; 0 means: nominate it now.

    Args:
        best: the valid pair of highest priority.
        checklist: the pairs of its stream.
        all_known: both sides have said that no more candidates come.
        config: the two delays.
    """
    rivals = any(pair.priority > best.priority and pair.state in ACTIVE for pair in checklist.pairs)
    if not rivals and (all_known or is_direct(best)):
        return 0.0
    return config.relay_nomination_delay if is_relayed(best) else config.nomination_delay


def is_direct(pair: CandidatePair) -> bool:
    """Whether no translator or relay of ours or theirs was needed to name both ends.

    A peer-reflexive remote candidate counts: it is what a host candidate looks like whose trickled line is late.
    """
    direct = (CandidateType.HOST, CandidateType.PEER_REFLEXIVE)
    return pair.local.type is CandidateType.HOST and pair.remote.type in direct


def is_relayed(pair: CandidatePair) -> bool:
    """Whether a TURN server carries the packets."""
    return CandidateType.RELAYED in (pair.local.type, pair.remote.type)


class Nomination:
    """Nominates, and heeds nominations.

    Args:
        config: the delays of the policy.
        role: only the controlling agent nominates; shared with the agent.
        sessions: the session before a restart retires when the current one has its pairs.
        checker: sends the check that nominates.
    """

    __slots__ = ("_checker", "_config", "_role", "_sessions")

    def __init__(self, config: IceConfig, role: Role, sessions: Sessions, checker: Checker) -> None:
        self._config, self._role, self._sessions, self._checker = config, role, sessions, checker

    def consider(self, stream: Stream, now: Instant) -> None:
        """Controlling: nominate when the policy says so. Spec: RFC 8445 §8.1.1."""
        if not self._role.controlling or stream.selected is not None or stream.nominating is not None:
            return
        best = stream.best_valid(now)
        if best is None:
            stream.nominate_at = None
            return
        all_known = not stream.candidates_left
        wait = patience_for(best, stream.checklist, all_known=all_known, config=self._config)
        if stream.nominate_at is None or stream.nominate_at > now + wait:
            stream.nominate_at = now + wait
        if now >= stream.nominate_at:
            stream.nominate_at = None
            stream.nominating = best
            self._checker.perform(best, Purpose.NOMINATION, now=now)

    def conclude(self, pair: CandidatePair, now: Instant, *, at_once: bool = False) -> None:
        """`pair` is nominated and valid: it becomes the selected one, unless a better one is.

        A peer of RFC 5245 nominates every pair that works; the highest priority wins then (§8.1.1).

        Args:
            pair: of any session.
            now: instant of this call.
            at_once: the path in use is silent, so this one is taken whatever its priority.

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
        if session is self._sessions.current and session.concluded:
            session.patience_until = session.news_until = None
            if session.gatherer is not None:
                session.gatherer.stop_refreshing()
            self._sessions.conclude(now)

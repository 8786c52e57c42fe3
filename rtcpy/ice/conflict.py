"""Role conflicts: both agents claim the same role, and one of them has to take the other.

Owned here: what changing the role means for everything that depended on it. The role itself, its tie-breaker and the table of
verdicts are `roles`'. A conflict shows in either direction: in a check of the peer (`settle`) or in its answer to one of
ours (`heed_487`).

Specs: RFC 8445 §7.3.1.1 (checks of the peer), §7.2.5.1 (487), §6.1.2.3 (priorities depend on the role).
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.ice.check import Check
from rtcpy.ice.checker import Checker
from rtcpy.ice.events import RoleChanged
from rtcpy.ice.outbox import Outbox
from rtcpy.ice.pairing import Pairing
from rtcpy.ice.restart import Sessions
from rtcpy.ice.roles import Role, Verdict
from rtcpy.ice.steady import Settlement


class RoleConflict:
    """Changes the role, when signalling or a conflict demands it.

    Args:
        role: shared with all that act by it.
        sessions: whose pairs get other priorities.
        pairing: sorts them.
        checker: sends checks anew that claimed the old role.
        settlement: is upset by a change.
        outbox: takes the event.
    """

    __slots__ = ("_checker", "_outbox", "_pairing", "_role", "_sessions", "_settlement")

    def __init__(
        self,
        role: Role,
        sessions: Sessions,
        pairing: Pairing,
        checker: Checker,
        settlement: Settlement,
        outbox: Outbox,
    ) -> None:
        self._role, self._sessions, self._pairing = role, sessions, pairing
        self._checker, self._settlement, self._outbox = checker, settlement, outbox

    def settle(self, controlling: int | None, controlled: int | None, now: Instant) -> bool:
        """Settle the conflict in a check of the peer, if there is one; `False` if the peer has to yield.

        Args:
            controlling: its tie-breaker if it claims to control, else `None`.
            controlled: its tie-breaker if it claims to be controlled, else `None`.
            now: instant of this call.

        Spec: RFC 8445 §7.3.1.1.
        """
        verdict = self._role.judge(controlling, controlled)
        if verdict is Verdict.SWITCH:
            self.switch(now)
            self._outbox.tell(RoleChanged(self._role.controlling))
        return verdict is not Verdict.REFUSE

    def heed_487(self, check: Check, now: Instant) -> bool:
        """The peer insists on the role that our check claimed; whether the check is to be sent again.

        Spec: RFC 8445 §7.2.5.1.
        """
        if not self._role.may_heed_487():
            return False
        if self._role.must_switch_for_487(check.controlling):
            self.switch(now)
            self._outbox.tell(RoleChanged(self._role.controlling))
        return True

    def switch(self, now: Instant) -> None:
        """Take the other role: priorities change, and checks that claim the old role are sent anew.

        Spec: RFC 8445 §7.2.5.1, §7.3.1.1.
        """
        self._settlement.upset()
        before = self._role.name
        self._role.controlling = not self._role.controlling
        self._outbox.state("role", before, self._role.name, now=now)
        session = self._sessions.current
        for stream in session.streams:
            stream.nominating = stream.nominate_at = None
            self._pairing.reorder(stream)
        self._checker.claim_new_role(session, now=now)

"""Who controls: the role-conflict table, as data, and the agent's role with its tie-breaker.

One agent is *controlling* (it nominates the pair), the other *controlled*. Signalling decides, but can get it
wrong (two offers at once, a third party in between). Then both claim the same role in their checks, and the
one whose random *tie-breaker* is larger wins.

Spec: RFC 8445 §6.1.1, §7.2.5.1, §7.3.1.1.
"""

from __future__ import annotations

from enum import Enum

from rtcpy.core.env import Entropy, random_integer

TIE_BREAKER_BITS = 64  # RFC 8445 §16.1
MAX_ROLE_SWITCHES = (
    16  # per session; random tie-breakers need two or three, a peer that always says 487 any number
)


class Verdict(Enum):
    """What a Binding request's role attribute means to us."""

    AGREE = "no conflict"
    SWITCH = "we take the other role"
    REFUSE = "we answer 487 and keep our role"


CONFLICT: dict[tuple[bool, bool, bool], Verdict] = {
    # (we control, peer claims control, our tie-breaker >= theirs)
    (True, True, True): Verdict.REFUSE,
    (True, True, False): Verdict.SWITCH,
    (False, False, True): Verdict.SWITCH,
    (False, False, False): Verdict.REFUSE,
    (True, False, True): Verdict.AGREE,
    (True, False, False): Verdict.AGREE,
    (False, True, True): Verdict.AGREE,
    (False, True, False): Verdict.AGREE,
}
"""RFC 8445 §7.3.1.1, row by row."""


def judge_role(
    controlling: bool, tie_breaker: int, theirs_controlling: int | None, theirs_controlled: int | None
) -> Verdict:
    """What to do about the role attributes of a request.

    Args:
        controlling: our role.
        tie_breaker: ours, 64 bits.
        theirs_controlling: value of ICE-CONTROLLING in the request, or `None`.
        theirs_controlled: value of ICE-CONTROLLED in the request, or `None`.

    Spec: RFC 8445 §7.3.1.1. A request with neither attribute raises no conflict; one with both is judged by
    the one that conflicts.
    """
    theirs = theirs_controlling if controlling else theirs_controlled
    if theirs is None:
        return Verdict.AGREE
    return CONFLICT[controlling, controlling, tie_breaker >= theirs]


class Role:
    """Our role and the number that defends it.

    Args:
        controlling: as signalling has it.
        entropy: for tie-breakers.
    """

    __slots__ = ("_entropy", "_switches", "controlling", "tie_breaker")

    def __init__(self, controlling: bool, entropy: Entropy) -> None:
        self.controlling = controlling
        self._entropy = entropy
        self._switches = 0
        self.tie_breaker = random_integer(entropy, TIE_BREAKER_BITS)

    @property
    def name(self) -> str:
        """The role as RFC 8445 spells it."""
        return "controlling" if self.controlling else "controlled"

    def judge(self, theirs_controlling: int | None, theirs_controlled: int | None) -> Verdict:
        """See `judge_role`."""
        return judge_role(self.controlling, self.tie_breaker, theirs_controlling, theirs_controlled)

    def may_heed_487(self) -> bool:
        """Whether another 487 is worth following."""
        return self._switches < MAX_ROLE_SWITCHES

    def must_switch_for_487(self, claimed_controlling: bool) -> bool:
        """Whether a 487 to a check that claimed a role makes us switch; if so, the tie-breaker is drawn anew.

        A check may claim a role that we have given up since: then it is only to be sent again. So there is at most
        one switch for each 487. Spec: RFC 8445 §7.2.5.1.
        """
        if claimed_controlling != self.controlling:
            return False
        self._switches += 1
        self.tie_breaker = random_integer(self._entropy, TIE_BREAKER_BITS)
        return True

    def forgive(self) -> None:
        """A new session counts its switches anew."""
        self._switches = 0

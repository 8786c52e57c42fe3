"""Who controls: the role-conflict table, as data.

One agent is *controlling* (it nominates the pair), the other *controlled*. Signalling decides, but can get it
wrong (two offers at once, a third party in between). Then both claim the same role in their checks, and the
one whose random *tie-breaker* is larger wins.

Spec: RFC 8445 §6.1.1, §7.2.5.1, §7.3.1.1.
"""

from __future__ import annotations

from enum import Enum


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

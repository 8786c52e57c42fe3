"""When the controlling agent settles for a pair: a policy, apart from the mechanism.

RFC 8445 §8.1.1 leaves the stopping criterion to us. Data flows on the best valid pair before nomination anyway
(§12.1), so waiting costs nothing but the peer's certainty; nominating early costs the chance of a better path.
Ours: a direct pair that nothing known can beat is nominated at once; a relayed one gets the others some time.

Specs: RFC 8445 §8.1.1, RFC 8863 §4 (last paragraph).
"""

from __future__ import annotations

from rtcpy.ice.candidate import CandidateType
from rtcpy.ice.checklist import ACTIVE, CandidatePair, Checklist
from rtcpy.ice.config import IceConfig


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

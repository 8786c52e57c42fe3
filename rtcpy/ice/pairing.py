"""Forming candidate pairs: which of our addresses with which of the peer's, and in which order.

Owned here: the rule. The pairs are their checklist's (`checklist`), the candidates their stream's (`session`); whose
priority counts first depends on the role.

Specs: RFC 8445 §6.1.2.2 (forming), §6.1.2.3 (priority), §6.1.2.4 (pruning: bases are paired, not candidates);
RFC 8838 §10, §11 (later candidates).
"""

from __future__ import annotations

from rtcpy.core.machine import Address
from rtcpy.ice.candidate import Candidate, may_pair, parse_ip
from rtcpy.ice.checklist import CandidatePair
from rtcpy.ice.roles import Role
from rtcpy.ice.session import Stream


class Pairing:
    """Pairs for the streams of one agent.

    Args:
        role: decides between the two priorities; shared with the agent.
    """

    __slots__ = ("_role",)

    def __init__(self, role: Role) -> None:
        self._role = role

    def form(self, stream: Stream, bases: list[Address], remotes: list[Candidate]) -> None:
        """Pair bases with remote candidates, best first. Spec: RFC 8445 §6.1.2.2, RFC 8838 §10, §11."""
        if stream.remote_credentials is None or stream.selected is not None:
            return  # later; or never: the choice is made (RFC 8445 §8.1.2)
        pairs = []
        for base in bases:
            ours = parse_ip(base.host.partition("%")[0])
            for remote in remotes:
                theirs = parse_ip(remote.address)
                if ours is not None and theirs is not None and may_pair(ours, theirs):
                    pairs.append(self.make(stream, stream.bases[base], base, remote))
        pairs.sort(key=lambda pair: -pair.priority)
        for pair in pairs:
            stream.session.checklists.add(stream.checklist, pair)

    def make(self, stream: Stream, local: Candidate, base: Address, remote: Candidate) -> CandidatePair:
        """One pair, not yet in a checklist."""
        destination = remote.transport_address
        _, percent, scope = base.host.partition("%")
        if percent:  # link-local, and so is the remote one (`may_pair`); only our side knows which link
            destination = Address(f"{remote.address}%{scope}", remote.port)
        pair = CandidatePair(stream, local, remote, base, destination)
        pair.compute_priority(self._role.controlling)
        return pair

    def reorder(self, stream: Stream) -> None:
        """The role changed, or a candidate's priority: compute the priorities anew and sort. Spec: RFC 8445 §6.1.2.3."""
        for pair in stream.checklist.pairs:
            pair.compute_priority(self._role.controlling)
        stream.checklist.sort()

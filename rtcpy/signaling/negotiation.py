"""Perfect negotiation without I/O: what to do with an offer that collides with ours.

Both sides may start a negotiation whenever they like. If their offers cross, one must give way, and both must agree
on who: the *polite* side takes its own offer back (rolls back) and answers; the *impolite* side ignores the other's
offer, knowing that it will be withdrawn. Nothing else about the two differs.

Theory of operation, for a description that arrives::

    it is an offer, and we are making one, or are not stable       -> collision
        polite                                                     -> apply it (which rolls ours back), answer
        impolite                                                   -> ignore it, and the candidates that belong to it
    any other offer                                                -> apply it, answer
    an answer                                                      -> apply it

Candidates may overtake the description they belong to (RFC 8838 §7 lets them come at any time): the early ones are
kept for the description that follows.

Spec: W3C webrtc §10.7.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from rtcpy.peer import IceCandidate, SdpType, SessionDescription, SignalingState

MAX_EARLY_CANDIDATES = 128  # a generation has a dozen; more before any description is an attack or a mistake


class Verdict(Enum):
    """What the owner is to do with a description."""

    IGNORE = "ignore"
    APPLY = "apply"
    APPLY_AND_ANSWER = "apply, then answer"


class Negotiation:
    """The state of perfect negotiation on one side.

    Args:
        polite: whether this side gives way. The two sides must differ.

    The owner calls `begin_offer` before and `end_offer` after it made and set an offer, asks `on_description` about
    each description that arrives, and calls `applied` when one was applied.
    """

    __slots__ = ("_answer_pending", "_described", "_early", "_ignoring", "_making_offer", "polite")

    def __init__(self, *, polite: bool) -> None:
        self.polite = polite
        self._making_offer = False
        self._ignoring = False
        self._answer_pending = False
        self._described = False
        self._early: deque[IceCandidate | None] = deque(maxlen=MAX_EARLY_CANDIDATES)

    @property
    def making_offer(self) -> bool:
        """An offer is being made and has not been set yet."""
        return self._making_offer

    @property
    def ignoring(self) -> bool:
        """The last offer of the other side was ignored; errors about its candidates mean nothing."""
        return self._ignoring

    def begin_offer(self) -> None:
        """``negotiationneeded`` fired: an offer is on its way."""
        self._making_offer = True

    def end_offer(self) -> None:
        """The offer was set, or could not be made."""
        self._making_offer = False

    def on_description(self, description: SessionDescription, state: SignalingState) -> Verdict:
        """Decide about a description of the other side, given our signalling state."""
        ready = not self._making_offer and (state is SignalingState.STABLE or self._answer_pending)
        collision = description.type is SdpType.OFFER and not ready
        self._ignoring = collision and not self.polite
        if self._ignoring:
            return Verdict.IGNORE
        self._answer_pending = description.type in (SdpType.ANSWER, SdpType.PRANSWER)
        return Verdict.APPLY_AND_ANSWER if description.type is SdpType.OFFER else Verdict.APPLY

    def applied(self) -> list[IceCandidate | None]:
        """A description was applied; returns the candidates that came before it and can be added now."""
        self._answer_pending = False
        self._described = True
        early = list(self._early)
        self._early.clear()
        return early

    def failed(self) -> None:
        """A description could not be applied."""
        self._answer_pending = False

    def on_candidate(self, candidate: IceCandidate | None) -> bool:
        """Whether a candidate can be added now; if not, it is kept (or dropped with the offer it belonged to)."""
        if self._described:
            return True
        if not self._ignoring:
            self._early.append(candidate)
        return False

"""Perfect negotiation, proved on two models of a connection with a delaying channel between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from rtcpy.peer import IceCandidate, SdpType, SessionDescription, SignalingState
from rtcpy.signaling.negotiation import MAX_EARLY_CANDIDATES, Negotiation, Verdict

OFFER = SessionDescription(SdpType.OFFER, "o")
ANSWER = SessionDescription(SdpType.ANSWER, "a")
STABLE, LOCAL, REMOTE = (
    SignalingState.STABLE,
    SignalingState.HAVE_LOCAL_OFFER,
    SignalingState.HAVE_REMOTE_OFFER,
)


def test_an_offer_in_stable_is_applied_and_answered() -> None:
    for polite in (True, False):
        assert Negotiation(polite=polite).on_description(OFFER, STABLE) is Verdict.APPLY_AND_ANSWER


def test_in_a_collision_the_polite_side_gives_way_and_the_impolite_one_does_not() -> None:
    for making, state in ((True, STABLE), (False, LOCAL), (True, LOCAL)):
        for polite, verdict in ((True, Verdict.APPLY_AND_ANSWER), (False, Verdict.IGNORE)):
            negotiation = Negotiation(polite=polite)
            if making:
                negotiation.begin_offer()
            assert negotiation.on_description(OFFER, state) is verdict
            assert negotiation.ignoring is not polite
            assert negotiation.making_offer is making
            negotiation.end_offer()
            assert negotiation.on_description(ANSWER, state) is Verdict.APPLY
            assert not negotiation.ignoring


def test_an_offer_right_behind_an_answer_is_no_collision() -> None:
    negotiation = Negotiation(polite=False)
    assert negotiation.on_description(ANSWER, LOCAL) is Verdict.APPLY
    # The answer is still being applied: by the time the offer is, the state will be stable.
    assert negotiation.on_description(OFFER, LOCAL) is Verdict.APPLY_AND_ANSWER


def test_early_candidates_wait_for_their_description_in_order() -> None:
    negotiation = Negotiation(polite=True)
    some: list[IceCandidate | None] = [IceCandidate(str(i), "0") for i in range(3)]
    some.append(None)
    assert not any(negotiation.on_candidate(c) for c in some)
    negotiation.on_description(OFFER, STABLE)
    assert negotiation.applied() == some
    assert negotiation.applied() == []
    assert negotiation.on_candidate(some[0])


def test_a_description_that_could_not_be_applied_changes_nothing() -> None:
    negotiation = Negotiation(polite=False)
    negotiation.on_description(ANSWER, LOCAL)
    negotiation.failed()
    assert negotiation.on_description(OFFER, LOCAL) is Verdict.IGNORE
    assert not negotiation.on_candidate(None)


def test_candidates_of_an_ignored_offer_are_not_kept_and_early_ones_are_bounded() -> None:
    negotiation = Negotiation(polite=False)
    negotiation.on_description(OFFER, LOCAL)
    assert not negotiation.on_candidate(IceCandidate("x", "0"))
    assert negotiation.applied() == []
    negotiation = Negotiation(polite=True)
    for i in range(10 * MAX_EARLY_CANDIDATES):
        negotiation.on_candidate(IceCandidate(str(i), "0"))
    assert len(negotiation.applied()) == MAX_EARLY_CANDIDATES


@dataclass
class Side:
    """A connection reduced to its signalling state and a count of what it wants negotiated."""

    negotiation: Negotiation
    state: SignalingState = STABLE
    wanted: int = 0
    agreed: int = 0
    offered: int = 0
    inbox: list[tuple[SessionDescription, int]] = field(default_factory=list)

    def negotiate(self, other: Side) -> None:
        """The negotiationneeded event: fires only in stable, W3C webrtc §4.7.3 step 2.3."""
        if self.state is not STABLE or self.agreed == self.wanted:
            return
        self.negotiation.begin_offer()
        self.state, self.offered = LOCAL, self.wanted
        self.negotiation.end_offer()
        other.inbox.append((OFFER, self.wanted))

    def deliver(self, other: Side) -> None:
        description, _count = self.inbox.pop(0)
        verdict = self.negotiation.on_description(description, self.state)
        if verdict is Verdict.IGNORE:
            return
        if verdict is Verdict.APPLY_AND_ANSWER:
            # Applying an offer in have-local-offer rolls ours back first: it will have to be made again.
            assert self.state in (STABLE, LOCAL)
            self.state = STABLE
            other.inbox.append((ANSWER, 0))
        else:
            assert self.state is LOCAL, "an answer that nobody waits for"
            self.state, self.agreed = STABLE, self.offered
        self.negotiation.applied()


@given(
    st.lists(st.sampled_from(["want a", "want b", "deliver a", "deliver b", "fire a", "fire b"]), max_size=60)
)
def test_however_messages_and_wishes_interleave_both_sides_get_what_they_want(script: list[str]) -> None:
    sides = {"a": Side(Negotiation(polite=True)), "b": Side(Negotiation(polite=False))}
    others = {"a": sides["b"], "b": sides["a"]}
    for step in script:
        verb, who = step.split()
        if verb == "want":
            sides[who].wanted += 1
        elif verb == "fire":
            sides[who].negotiate(others[who])
        elif sides[who].inbox:
            sides[who].deliver(others[who])
    for _ in range(20):  # then let everything settle
        for who, side in sides.items():
            while side.inbox:
                side.deliver(others[who])
            side.negotiate(others[who])
    for side in sides.values():
        assert side.state is STABLE
        assert side.agreed == side.wanted

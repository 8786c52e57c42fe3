"""Two peers that do whatever comes to mind, legal or not, in any order: nothing half applied, ever."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from rtcpy import sdp
from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import UsageError
from rtcpy.core.machine import Address, Datagram
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    GatheringNeeded,
    IceCandidate,
    IceCandidateFound,
    Peer,
    SdpType,
    SessionDescription,
    SignalingState,
)
from rtcpy.peer.negotiation import Negotiation, has_sctp, plan
from tests.peer.test_negotiate import AUDIO_VIDEO_DATA
from tests.profile import scale

SIDES = st.integers(0, 1)
SECONDS = st.sampled_from([0.0, 0.5, 5.0])
TYPES = st.sampled_from(list(SdpType))


class TwoPeers(RuleBasedStateMachine):
    texts = Bundle("texts")
    candidates = Bundle("candidates")

    @initialize(target=texts, seed=st.integers(0, 1000), wanting=st.sampled_from([(0,), (1,), (0, 1), ()]))
    def begin(self, seed: int, wanting: tuple[int, ...]) -> str:
        self.peers = [Peer(entropy=SeededEntropy(f"{seed}/{i}"), wall_clock=FixedClock()) for i in (0, 1)]
        self.now = 0.0
        self.found: list[IceCandidate] = []
        self.refused = 0
        for side in wanting:
            self.peers[side].create_data_channel("x", now=0.0)
        return AUDIO_VIDEO_DATA

    def attempt(self, side: int, command: Callable[[], object], *, may_roll_back: bool = False) -> bool:
        """Run a command; an error must be W3C's and leave the state of negotiation alone."""
        before = self.peers[side].negotiation
        try:
            command()
        except (UsageError, TypeError):
            self.refused += 1
            after = self.peers[side].negotiation
            if may_roll_back and before.signaling is SignalingState.HAVE_LOCAL_OFFER:
                assert after.signaling in (SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER)
            else:
                assert after is before
            return False
        return True

    # --- making and taking descriptions ----------------------------------------------------------------------

    @rule(target=texts, side=SIDES, restart=st.booleans())
    def create_offer(self, side: int, restart: bool) -> object:
        made: list[str] = []
        peer = self.peers[side]
        self.attempt(side, lambda: made.append(peer.create_offer(ice_restart=restart, now=self.now).sdp))
        return multiple(*made)

    @rule(target=texts, side=SIDES)
    def create_answer(self, side: int) -> object:
        made: list[str] = []
        self.attempt(side, lambda: made.append(self.peers[side].create_answer(now=self.now).sdp))
        return multiple(*made)

    @rule(target=texts, side=SIDES)
    def set_local_by_itself(self, side: int) -> object:
        peer = self.peers[side]
        if not self.attempt(side, lambda: peer.set_local_description(now=self.now)):
            return multiple()
        assert peer.local_description is not None
        return peer.local_description.sdp

    @rule(side=SIDES, kind=TYPES, text=texts)
    def set_local(self, side: int, kind: SdpType, text: str) -> None:
        self.attempt(
            side, lambda: self.peers[side].set_local_description(SessionDescription(kind, text), now=self.now)
        )

    @rule(side=SIDES, kind=TYPES, text=texts)
    def set_remote(self, side: int, kind: SdpType, text: str) -> None:
        self.attempt(
            side,
            lambda: self.peers[side].set_remote_description(SessionDescription(kind, text), now=self.now),
            may_roll_back=kind is SdpType.OFFER,
        )

    @rule(side=SIDES, seconds=SECONDS)
    def whole_exchange(self, side: int, seconds: float) -> None:
        """A well-behaved application, wherever the two stand."""
        offerer, answerer = self.peers[side], self.peers[1 - side]
        for peer in (offerer, answerer):
            if peer.signaling_state in ("have-local-offer", "have-remote-offer"):
                self.attempt(
                    self.peers.index(peer),
                    lambda p=peer: p.set_local_description(
                        SessionDescription(SdpType.ROLLBACK), now=self.now
                    ),
                )
        if any(p.signaling_state != "stable" for p in self.peers):
            return
        offerer.set_local_description(now=self.now)
        assert offerer.local_description is not None
        if not self.attempt(
            1 - side,
            lambda: answerer.set_remote_description(offerer.local_description, now=self.now),  # type: ignore[arg-type]
        ):
            offerer.set_local_description(SessionDescription(SdpType.ROLLBACK), now=self.now)
            return
        answerer.set_local_description(now=self.now)
        assert answerer.local_description is not None
        self.attempt(side, lambda: offerer.set_remote_description(answerer.local_description, now=self.now))  # type: ignore[arg-type]
        self.let_time_pass(seconds)

    @rule(side=SIDES, local=st.booleans())
    def roll_back(self, side: int, local: bool) -> None:
        peer = self.peers[side]
        before = peer.negotiation
        back = SessionDescription(SdpType.ROLLBACK)
        command = peer.set_local_description if local else peer.set_remote_description
        if self.attempt(side, lambda: command(back, now=self.now)):
            assert before.stable is not None
            assert essence(peer.negotiation) == essence(before.stable), "back to exactly where it was"

    # --- other commands --------------------------------------------------------------------------------------

    @rule(side=SIDES)
    def create_channel(self, side: int) -> None:
        if len(self.peers[side].channels) < 8:
            self.attempt_any(lambda: self.peers[side].create_data_channel("x", now=self.now))

    @rule(side=SIDES)
    def close_channel(self, side: int) -> None:
        for channel in self.peers[side].channels[:1]:
            self.peers[side].close_channel(channel, now=self.now)

    @rule(side=SIDES)
    def send(self, side: int) -> None:
        for channel in self.peers[side].channels[:1]:
            self.attempt_any(lambda c=channel: self.peers[side].send(c, "hello", now=self.now))

    @rule(side=SIDES)
    def restart_ice(self, side: int) -> None:
        self.peers[side].restart_ice(now=self.now)

    @rule(side=SIDES, index=st.integers(0, 3))
    def add_candidate(self, side: int, index: int) -> None:
        for candidate in self.found[-1 - index : len(self.found) - index]:
            self.attempt_any(lambda c=candidate: self.peers[side].add_ice_candidate(c, now=self.now))

    @rule(side=SIDES, text=st.sampled_from(["", "nonsense", "candidate:1 1 udp 1 192.0.2.1 9 typ host"]))
    def add_other_candidate(self, side: int, text: str) -> None:
        self.attempt_any(
            lambda: self.peers[side].add_ice_candidate(IceCandidate(text, sdp_mline_index=0), now=self.now)
        )
        self.attempt_any(lambda: self.peers[side].add_ice_candidate(None, now=self.now))

    @rule(seconds=SECONDS)
    def pause(self, seconds: float) -> None:
        self.let_time_pass(seconds)

    def let_time_pass(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(300):
            self.exchange_packets()
            due = [d for p in self.peers if (d := p.next_timeout()) is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            for peer in self.peers:
                peer.handle_timeout(now=self.now)
        self.now = max(self.now, end)

    def attempt_any(self, command: Callable[[], object]) -> None:
        try:
            command()
        except (UsageError, TypeError):
            self.refused += 1

    def exchange_packets(self) -> None:
        for side, peer in enumerate(self.peers):
            for event in peer.take_events():
                if isinstance(event, GatheringNeeded):
                    host = LocalAddress(Address(f"198.51.100.{side + 1}", 4000))
                    peer.gather(event.generation, [host], now=self.now)
                elif isinstance(event, IceCandidateFound) and event.candidate is not None:
                    self.found.append(event.candidate)
                    self.attempt_any(
                        lambda c=event.candidate, p=self.peers[1 - side]: p.add_ice_candidate(c, now=self.now)
                    )
        for side, peer in enumerate(self.peers):
            for datagram in peer.take_packets():
                self.peers[1 - side].receive(
                    Datagram(datagram.data, datagram.remote, datagram.local), now=self.now
                )

    # --- what always holds -----------------------------------------------------------------------------------

    @invariant()
    def the_states_fit_together(self) -> None:
        for peer in getattr(self, "peers", []):
            check(peer)


def check(peer: Peer) -> None:
    """What must hold of any peer at any time."""
    state = peer.negotiation
    s = SignalingState
    assert (state.pending_local is not None) == (
        state.signaling in (s.HAVE_LOCAL_OFFER, s.HAVE_LOCAL_PRANSWER, s.HAVE_REMOTE_PRANSWER)
    )
    assert (state.pending_remote is not None) == (
        state.signaling in (s.HAVE_REMOTE_OFFER, s.HAVE_LOCAL_PRANSWER, s.HAVE_REMOTE_PRANSWER)
    )
    assert (state.stable is None) == (state.signaling is s.STABLE)
    assert (state.current_local is None) == (state.current_remote is None)
    if state.current_local is not None and state.current_remote is not None:
        assert len(state.current_local.sections) == len(state.current_remote.sections)
        assert {state.current_local.type, state.current_remote.type} == {SdpType.OFFER, SdpType.ANSWER}
    wanted = plan(state)
    assert (peer.transport is not None) == (wanted is not None), "a transport exists when one is planned"
    if peer.transport is not None and wanted is not None:
        credentials = peer.transport.ice.local_credentials
        assert (credentials.ufrag, credentials.pwd) == wanted.credentials
        assert peer.transport.remote == wanted.remote or wanted.remote is None
    assert (peer.sctp_state is not None) == has_sctp(state)
    for description in (peer.local_description, peer.remote_description):
        if description is not None:
            sdp.SessionDescription.parse(description.sdp).validate()
    peer.get_stats(now=1e9)


def essence(state: Negotiation) -> tuple[object, ...]:
    """What a rollback restores: everything that an offer can change."""
    return (
        state.signaling,
        state.current_local,
        state.current_remote,
        state.pending_local,
        state.pending_remote,
        tuple(t for t in state.transceivers if t.from_remote),
    )


TestTwoPeers = TwoPeers.TestCase
TestTwoPeers.settings = settings(
    max_examples=scale(dev=40, ci=150, thorough=2000), stateful_step_count=40, deadline=None
)

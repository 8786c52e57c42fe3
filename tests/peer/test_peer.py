"""One `Peer`: W3C's commands, errors, events and their order."""

from __future__ import annotations

from typing import Any

import pytest

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import (
    InvalidAccessError,
    InvalidModificationError,
    InvalidStateError,
    OperationError,
    RtcSyntaxError,
)
from rtcpy.core.machine import Address, Datagram
from rtcpy.dtls import Certificate
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    ChannelClosed,
    ChannelError,
    GatheringNeeded,
    IceCandidate,
    IceCandidateError,
    IceCandidateFound,
    IceGatheringStateChanged,
    IceServer,
    NegotiationNeeded,
    Peer,
    PeerConfiguration,
    SessionDescription,
    SignalingStateChanged,
)
from tests.peer.builders import edited, lines
from tests.peer.test_negotiate import AUDIO_VIDEO_DATA

HOST = LocalAddress(Address("198.51.100.1", 4000), "eth0")


def make(seed: int | str = 1, configuration: PeerConfiguration | None = None) -> Peer:
    return Peer(configuration, entropy=SeededEntropy(seed), wall_clock=FixedClock())


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def offer_of(peer: Peer) -> SessionDescription:
    peer.set_local_description(now=0.0)
    assert peer.local_description is not None
    return peer.local_description


def answered(seed: int = 1) -> tuple[Peer, Peer]:
    """Two peers after one exchange; nothing was gathered."""
    a, b = make(f"{seed}a"), make(f"{seed}b")
    a.create_data_channel("x", now=0.0)
    b.set_remote_description(offer_of(a), now=0.0)
    b.set_local_description(now=0.0)
    assert b.local_description is not None
    a.set_remote_description(b.local_description, now=0.0)
    for peer in (a, b):
        peer.take_events()
    return a, b


# --- before anything -----------------------------------------------------------------------------------------


def test_a_new_peer() -> None:
    peer = make()
    assert peer.signaling_state == "stable"
    assert peer.ice_gathering_state == "new"
    assert peer.ice_connection_state == "new"
    assert peer.connection_state == "new"
    assert peer.sctp_state is peer.dtls_state is peer.max_message_size is peer.max_channels is None
    assert peer.local_description is peer.remote_description is None
    assert peer.can_trickle_ice_candidates is None
    assert peer.next_timeout() is None
    assert peer.take_packets() == []
    assert peer.take_events() == []
    peer.receive(Datagram(b"\x16\xfe\xfd", HOST.address, Address("192.0.2.1", 1)), now=0.0)
    peer.handle_timeout(now=1.0)
    assert peer.take_packets() == []


def test_an_expired_certificate_is_refused() -> None:
    old = Certificate.generate(SeededEntropy(1), FixedClock(0.0))
    with pytest.raises(InvalidAccessError):
        make(configuration=PeerConfiguration(certificates=[old]))


def test_a_configured_certificate_is_used() -> None:
    certificate = Certificate.generate(SeededEntropy(7), FixedClock())
    peer = make(configuration=PeerConfiguration(certificates=[certificate]))
    peer.create_data_channel("x", now=0.0)
    assert f"a=fingerprint:{certificate.fingerprint()}" in peer.create_offer(now=0.0).sdp


# --- describing ----------------------------------------------------------------------------------------------


def test_events_of_an_offer() -> None:
    peer = make()
    peer.create_data_channel("x", now=0.0)
    assert names(peer.take_events()) == ["NegotiationNeeded"]
    peer.create_data_channel("y", now=0.0)
    assert peer.take_events() == [], "once is enough"
    peer.set_local_description(now=0.0)
    events = peer.take_events()
    assert names(events) == ["SignalingStateChanged", "GatheringNeeded"]
    (needed,) = [e for e in events if isinstance(e, GatheringNeeded)]
    peer.gather(needed.generation, [HOST], now=0.0)
    events = peer.take_events()
    assert names(events) == [
        "IceGatheringStateChanged",
        "IceCandidateFound",
        "IceCandidateFound",
        "IceGatheringStateChanged",
        "IceCandidateFound",
    ]
    assert [e.state for e in events if isinstance(e, IceGatheringStateChanged)] == ["gathering", "complete"]
    found = [e.candidate for e in events if isinstance(e, IceCandidateFound)]
    assert found[0] is not None
    assert found[0].candidate.startswith("candidate:1 1 udp 2130706431 198.51.100.1 4000 typ host")
    assert (found[0].sdp_mid, found[0].sdp_mline_index) == ("0", 0)
    assert found[1] is not None
    assert found[1].candidate == ""
    assert found[1].username_fragment == found[0].username_fragment
    assert found[2] is None
    assert peer.local_description is not None
    assert lines(peer.local_description.sdp, "m=", "a=candidate", "a=end") == [
        "m=application 4000 UDP/DTLS/SCTP webrtc-datachannel",
        "a=candidate:1 1 udp 2130706431 198.51.100.1 4000 typ host",
        "a=end-of-candidates",
    ]


def test_gathering_twice_or_for_an_old_generation_is_ignored() -> None:
    peer = make()
    peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    peer.take_events()
    peer.gather(99, [HOST], now=0.0)
    assert peer.take_events() == []
    peer.gather(1, [HOST], now=0.0)
    assert peer.take_events()
    peer.gather(1, [HOST], now=0.0)
    assert peer.take_events() == []


def test_the_states_of_a_remote_offer() -> None:
    a, b = make("a"), make("b")
    a.create_data_channel("x", now=0.0)
    b.set_remote_description(offer_of(a), now=0.0)
    assert b.signaling_state == "have-remote-offer"
    assert b.sctp_state == "connecting"
    assert b.can_trickle_ice_candidates is True
    assert b.pending_remote_description is not None
    assert b.current_remote_description is None
    assert b.max_message_size is None
    b.set_local_description(now=0.0)
    assert b.signaling_state == "stable"
    assert b.max_message_size == 262144
    assert b.current_local_description == b.local_description


def test_explicit_descriptions_work_like_implied_ones() -> None:
    a, b = make("a"), make("b")
    a.create_data_channel("x", now=0.0)
    offer = a.create_offer(now=0.0)
    a.set_local_description(offer, now=0.0)
    b.set_remote_description(offer, now=0.0)
    answer = b.create_answer(now=0.0)
    b.set_local_description(answer, now=0.0)
    a.set_remote_description(answer, now=0.0)
    assert a.signaling_state == b.signaling_state == "stable"


def test_an_empty_text_means_the_last_one_created() -> None:
    peer = make()
    peer.create_data_channel("x", now=0.0)
    offer = peer.create_offer(now=0.0)
    peer.set_local_description(SessionDescription("offer"), now=0.0)  # type: ignore[arg-type]
    assert peer.local_description == offer


def test_plain_strings_serve_as_types() -> None:
    assert SessionDescription("offer", "x").type == "offer"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="offered"):
        SessionDescription("offered", "x")  # type: ignore[arg-type]


def test_provisional_answers() -> None:
    a, b = make("a"), make("b")
    a.create_data_channel("x", now=0.0)
    b.set_remote_description(offer_of(a), now=0.0)
    answer = b.create_answer(now=0.0)
    b.set_local_description(SessionDescription("pranswer", answer.sdp), now=0.0)  # type: ignore[arg-type]
    assert b.signaling_state == "have-local-pranswer"
    assert b.local_description is not None
    assert b.local_description.type == "pranswer"
    a.set_remote_description(SessionDescription("pranswer", answer.sdp), now=0.0)  # type: ignore[arg-type]
    assert a.signaling_state == "have-remote-pranswer"
    with pytest.raises(InvalidStateError):
        a.set_local_description(SessionDescription("rollback"), now=0.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidStateError):
        a.set_local_description(now=0.0)  # W3C: implies an offer, which is not possible here
    b.set_local_description(now=0.0)
    assert b.local_description.type == "answer" if b.local_description else False
    a.set_remote_description(SessionDescription("answer", answer.sdp), now=0.0)  # type: ignore[arg-type]
    assert a.signaling_state == b.signaling_state == "stable"


def test_rollback_by_hand() -> None:
    peer = make()
    channel = peer.create_data_channel("x", now=0.0)
    first = offer_of(peer)
    peer.gather(1, [HOST], now=0.0)
    peer.take_events()
    peer.set_local_description(SessionDescription("rollback"), now=0.0)  # type: ignore[arg-type]
    assert names(peer.take_events()) == [
        "SignalingStateChanged",
        "IceGatheringStateChanged",
        "NegotiationNeeded",
    ]
    assert peer.ice_gathering_state == "new"
    assert peer.sctp_state is None
    assert peer.local_description is None
    assert channel.state.value == "connecting", "channels are not part of the offer"
    second = offer_of(peer)
    assert lines(second.sdp, "a=ice-ufrag") != lines(first.sdp, "a=ice-ufrag")
    assert lines(second.sdp, "a=mid") == ["a=mid:1"]


@pytest.mark.parametrize("side", ["local", "remote"])
def test_a_remote_offer_is_rolled_back_by_either_call(side: str) -> None:
    peer = make()
    peer.set_remote_description(SessionDescription("offer", AUDIO_VIDEO_DATA), now=0.0)  # type: ignore[arg-type]
    back = SessionDescription("rollback")  # type: ignore[arg-type]
    (peer.set_local_description if side == "local" else peer.set_remote_description)(back, now=0.0)
    assert peer.signaling_state == "stable"
    assert peer.remote_description is None
    assert peer.sctp_state is None


def test_glare_rolls_back_by_itself_and_tells_both_changes() -> None:
    polite, other = make("p"), make("o")
    for peer in (polite, other):
        peer.create_data_channel("x", now=0.0)
        peer.set_local_description(now=0.0)
    polite.take_events()
    assert other.local_description is not None
    polite.set_remote_description(other.local_description, now=0.0)
    states = [e.state for e in polite.take_events() if isinstance(e, SignalingStateChanged)]
    assert states == ["stable", "have-remote-offer"]


def test_a_bad_offer_in_glare_does_not_undo_the_rollback() -> None:
    """W3C webrtc §4.4.2, setRemoteDescription step 3.1: the rollback comes first."""
    peer = make()
    peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    with pytest.raises(RtcSyntaxError):
        peer.set_remote_description(SessionDescription("offer", "rubbish"), now=0.0)  # type: ignore[arg-type]
    assert peer.signaling_state == "stable"


@pytest.mark.parametrize(
    ("description", "error"),
    [
        (SessionDescription("answer", AUDIO_VIDEO_DATA), InvalidStateError),  # type: ignore[arg-type]
        (SessionDescription("pranswer", AUDIO_VIDEO_DATA), InvalidStateError),  # type: ignore[arg-type]
        (SessionDescription("rollback"), InvalidStateError),  # type: ignore[arg-type]
        (SessionDescription("offer", "v=1"), RtcSyntaxError),  # type: ignore[arg-type]
        (
            SessionDescription("offer", edited(AUDIO_VIDEO_DATA, ("a=rtcp-mux\r\n", ""))),  # type: ignore[arg-type]
            InvalidAccessError,
        ),
    ],
)
def test_refused_remote_descriptions_leave_no_trace(
    description: SessionDescription, error: type[Exception]
) -> None:
    peer = make()
    before = peer.negotiation
    with pytest.raises(error):
        peer.set_remote_description(description, now=0.0)
    assert peer.negotiation is before
    assert peer.take_events() == []


def test_modified_descriptions_are_refused() -> None:
    peer = make()
    peer.create_data_channel("x", now=0.0)
    offer = peer.create_offer(now=0.0)
    with pytest.raises(InvalidModificationError):
        peer.set_local_description(SessionDescription(offer.type, offer.sdp + "a=x\r\n"), now=0.0)
    assert peer.signaling_state == "stable"


def test_nothing_can_be_done_after_close() -> None:
    peer = make()
    channel = peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    peer.take_events()
    peer.close(now=0.0)
    peer.close(now=0.0)
    assert peer.take_events() == [], "closing fires nothing (W3C webrtc §4.4.2, close)"
    assert peer.signaling_state == peer.connection_state == peer.ice_connection_state == "closed"
    assert channel.state.value == "closed"
    description = SessionDescription("offer", AUDIO_VIDEO_DATA)  # type: ignore[arg-type]
    for command in (
        lambda: peer.create_offer(now=0.0),
        lambda: peer.create_answer(now=0.0),
        lambda: peer.set_local_description(now=0.0),
        lambda: peer.set_remote_description(description, now=0.0),
        lambda: peer.add_ice_candidate(None, now=0.0),
        lambda: peer.create_data_channel("y", now=0.0),
        lambda: peer.set_configuration(PeerConfiguration(), now=0.0),
        lambda: peer.send(channel, "x", now=0.0),
    ):
        with pytest.raises(InvalidStateError):
            command()
    peer.restart_ice(now=0.0)
    peer.gather(1, [HOST], now=0.0)
    peer.close_channel(channel, now=0.0)
    peer.receive(Datagram(b"\x00\x01", HOST.address, HOST.address), now=1.0)
    peer.handle_timeout(now=2.0)
    assert peer.take_events() == []
    assert peer.take_packets() == []
    assert peer.next_timeout() is None


# --- negotiation needed --------------------------------------------------------------------------------------


def test_negotiation_needed_waits_for_the_operations_chain() -> None:
    peer = make()
    peer.begin_operation()
    peer.begin_operation()
    peer.create_data_channel("x", now=0.0)
    assert peer.take_events() == []
    peer.end_operation(now=0.0)
    assert peer.take_events() == []
    peer.end_operation(now=0.0)
    assert names(peer.take_events()) == ["NegotiationNeeded"]


def test_negotiation_needed_is_dropped_when_the_chain_negotiated() -> None:
    """W3C webrtc §4.7.3: createDataChannel(); setLocalDescription() fires nothing until stable again."""
    peer = make()
    peer.begin_operation()
    peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    peer.end_operation(now=0.0)
    assert not [e for e in peer.take_events() if isinstance(e, NegotiationNeeded)]


def test_restart_ice_needs_negotiation_once() -> None:
    a, _ = answered()
    a.restart_ice(now=0.0)
    a.restart_ice(now=0.0)
    assert names(a.take_events()) == ["NegotiationNeeded"]
    a.set_local_description(now=0.0)
    assert names(a.take_events())[:2] == ["SignalingStateChanged", "GatheringNeeded"]


def test_restart_ice_before_anything_needs_nothing() -> None:
    peer = make()
    peer.restart_ice(now=0.0)
    assert peer.take_events() == []


def test_new_servers_restart_ice_with_the_next_offer() -> None:
    """RFC 9429 §3.5.1: "needs-ice-restart"."""
    a, _ = answered()
    before = lines(a.local_description.sdp, "a=ice-ufrag") if a.local_description else []
    a.set_configuration(PeerConfiguration(ice_servers=[IceServer(urls="stun:192.0.2.1")]), now=0.0)
    assert a.take_events() == [], "nothing happens until the next gathering"
    a.set_local_description(now=0.0)
    assert a.local_description is not None
    assert lines(a.local_description.sdp, "a=ice-ufrag") != before
    (needed,) = [e for e in a.take_events() if isinstance(e, GatheringNeeded)]
    assert [s.url for s in needed.servers] == ["stun:192.0.2.1"]


# --- candidates of the other side ----------------------------------------------------------------------------

CANDIDATE = "candidate:1 1 udp 2130706431 198.51.100.9 5000 typ host"


def receiver() -> Peer:
    peer = make()
    peer.set_remote_description(SessionDescription("offer", AUDIO_VIDEO_DATA), now=0.0)  # type: ignore[arg-type]
    peer.set_local_description(now=0.0)
    peer.take_events()
    return peer


def test_a_candidate_before_a_description_is_refused() -> None:
    with pytest.raises(InvalidStateError):
        make().add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="0"), now=0.0)
    with pytest.raises(InvalidStateError):
        make().add_ice_candidate(None, now=0.0)
    with pytest.raises(TypeError):
        make().add_ice_candidate(IceCandidate(CANDIDATE), now=0.0)  # step 3 comes before step 4


@pytest.mark.parametrize(
    ("candidate", "error"),
    [
        (IceCandidate(CANDIDATE), TypeError),
        (IceCandidate(CANDIDATE, sdp_mid="zz"), OperationError),
        (IceCandidate(CANDIDATE, sdp_mid=""), OperationError),
        (IceCandidate(CANDIDATE, sdp_mline_index=3), OperationError),
        (IceCandidate(CANDIDATE, sdp_mline_index=-1), OperationError),
        (IceCandidate(CANDIDATE, sdp_mid="d", username_fragment="gone"), OperationError),
        (IceCandidate(CANDIDATE + " ufrag gone", sdp_mid="d"), OperationError),
        (IceCandidate("", sdp_mid="d", username_fragment="gone"), OperationError),
        (IceCandidate("candidate:nonsense", sdp_mid="d"), OperationError),
        (IceCandidate("candidate:1 1 udp 1 1.2.3.4 99999 typ host", sdp_mid="d"), OperationError),
    ],
)
def test_bad_candidates(candidate: IceCandidate, error: type[Exception]) -> None:
    peer = receiver()
    before = peer.remote_description
    with pytest.raises(error):
        peer.add_ice_candidate(candidate, now=0.0)
    assert peer.remote_description == before


@pytest.mark.parametrize(
    "candidate",
    [
        IceCandidate(CANDIDATE, sdp_mid="d"),
        IceCandidate("a=" + CANDIDATE, sdp_mid="d"),
        IceCandidate(CANDIDATE, sdp_mline_index=2),
        IceCandidate(CANDIDATE, sdp_mid="d", sdp_mline_index=7),
        IceCandidate(CANDIDATE, sdp_mid="", sdp_mline_index=2),  # Pion
        IceCandidate(CANDIDATE, sdp_mid="d", username_fragment="abcd"),
        IceCandidate(CANDIDATE + " ufrag abcd", sdp_mid="d"),
        IceCandidate(CANDIDATE.replace("udp", "UDP"), sdp_mid="d"),  # Firefox
    ],
)
def test_good_candidates_reach_agent_and_description(candidate: IceCandidate) -> None:
    peer = receiver()
    peer.add_ice_candidate(candidate, now=0.0)
    assert peer.transport is not None
    assert [c.address for c in peer.transport.ice.remote_candidates()] == ["198.51.100.9"]
    assert peer.remote_description is not None
    section = peer.remote_description.sdp.split("m=application")[1]
    assert "198.51.100.9 5000 typ host" in section


def test_the_same_candidate_twice_counts_once() -> None:
    peer = receiver()
    for _ in range(2):
        peer.add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="d"), now=0.0)
    assert peer.remote_description is not None
    assert peer.remote_description.sdp.count("198.51.100.9") == 1


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 2 udp 2130706431 198.51.100.9 5000 typ host",
        "candidate:1 1 tcp 2105524479 198.51.100.9 9 typ host tcptype active",
        "candidate:1 1 udp 2113937151 2fa56858-067a-4f5f-887f-db130aa8adb9.local 46981 typ host",
        "candidate:1 1 udp 2113937151 198.51.100.9 46981 typ carrierpigeon",
    ],
    ids=["component 2", "tcp", "mdns", "unknown type"],
)
def test_candidates_that_cannot_be_used_are_no_error(text: str) -> None:
    peer = receiver()
    peer.add_ice_candidate(IceCandidate(text, sdp_mid="d"), now=0.0)
    assert peer.transport is not None
    assert peer.transport.ice.remote_candidates() == []


def test_the_end_of_one_section_does_not_end_another() -> None:
    peer = receiver()
    peer.add_ice_candidate(IceCandidate("", sdp_mid="a"), now=0.0)
    peer.add_ice_candidate(IceCandidate("", sdp_mid="v"), now=0.0)
    peer.add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="d"), now=0.0)
    assert peer.transport is not None
    assert len(peer.transport.ice.remote_candidates()) == 1
    peer.add_ice_candidate(IceCandidate("", sdp_mid="d"), now=0.0)
    assert peer.remote_description is not None
    assert peer.remote_description.sdp.count("a=end-of-candidates") == 3


def test_the_end_of_all() -> None:
    peer = receiver()
    peer.add_ice_candidate(None, now=0.0)
    assert peer.remote_description is not None
    assert peer.remote_description.sdp.count("a=end-of-candidates") == 3


def test_candidates_before_our_answer_are_kept() -> None:
    peer = make()
    peer.set_remote_description(SessionDescription("offer", AUDIO_VIDEO_DATA), now=0.0)  # type: ignore[arg-type]
    peer.add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="d"), now=0.0)
    peer.set_local_description(now=0.0)
    assert peer.transport is not None
    assert [c.address for c in peer.transport.ice.remote_candidates()] == ["198.51.100.9"]


def test_too_many_candidates_are_refused() -> None:
    peer = receiver()
    for port in range(1, 257):
        peer.add_ice_candidate(
            IceCandidate(f"candidate:1 1 udp 1 198.51.100.9 {port} typ host", sdp_mid="d"), now=0.0
        )
    with pytest.raises(OperationError, match="256"):
        peer.add_ice_candidate(
            IceCandidate("candidate:1 1 udp 1 198.51.100.9 999 typ host", sdp_mid="d"), now=0.0
        )


def test_candidates_of_a_restart_belong_to_the_new_generation() -> None:
    peer = receiver()
    restarted = edited(
        AUDIO_VIDEO_DATA,
        ("a=ice-ufrag:abcd", "a=ice-ufrag:wxyz"),
        ("0123456789012345678901", "9876543210987654321098"),
    )
    peer.set_remote_description(SessionDescription("offer", restarted), now=0.0)  # type: ignore[arg-type]
    peer.add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="d", username_fragment="wxyz"), now=0.0)
    peer.add_ice_candidate(
        IceCandidate(CANDIDATE.replace("5000", "5001"), sdp_mid="d", username_fragment="abcd"), now=0.0
    )
    assert peer.pending_remote_description is not None
    assert peer.current_remote_description is not None
    assert "198.51.100.9 5000" in peer.pending_remote_description.sdp
    assert "198.51.100.9 5000" not in peer.current_remote_description.sdp
    assert "198.51.100.9 5001" in peer.current_remote_description.sdp
    peer.set_local_description(now=0.0)
    assert peer.transport is not None
    assert [c.port for c in peer.transport.ice.remote_candidates()] == [5000]
    with pytest.raises(OperationError):
        peer.add_ice_candidate(IceCandidate(CANDIDATE, sdp_mid="d", username_fragment="abcd"), now=0.0)


# --- servers -------------------------------------------------------------------------------------------------


def test_servers_are_handed_to_the_driver_and_asked() -> None:
    peer = make(configuration=PeerConfiguration(ice_servers=[IceServer(urls="stun:192.0.2.7:3479")]))
    peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    (needed,) = [e for e in peer.take_events() if isinstance(e, GatheringNeeded)]
    (server,) = needed.servers
    peer.gather(needed.generation, [HOST], [(server, Address("192.0.2.7", 3479))], now=0.0)
    (request,) = peer.take_packets()
    assert request.remote == Address("192.0.2.7", 3479)
    assert peer.ice_gathering_state == "gathering"
    peer.take_events()
    for _ in range(50):
        deadline = peer.next_timeout()
        if deadline is None or peer.ice_gathering_state == "complete":
            break
        peer.handle_timeout(now=deadline)
    events = peer.take_events()
    (error,) = [e for e in events if isinstance(e, IceCandidateError)]
    assert (error.url, error.error_code, error.address) == ("stun:192.0.2.7:3479", 701, "198.51.100.1")
    assert peer.ice_gathering_state == "complete"


def test_a_server_that_the_driver_cannot_resolve() -> None:
    peer = make(configuration=PeerConfiguration(ice_servers=[IceServer(urls="stun:nowhere.example")]))
    peer.create_data_channel("x", now=0.0)
    peer.set_local_description(now=0.0)
    (needed,) = [e for e in peer.take_events() if isinstance(e, GatheringNeeded)]
    peer.server_unreachable(needed.servers[0], "no such name", now=0.0)
    (error,) = peer.take_events()
    assert error == IceCandidateError(None, None, "stun:nowhere.example", 701, "no such name")


# --- channels without a connection ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"label": "x" * 65536},
        {"label": "é" * 32768},
        {"protocol": "x" * 65536},
        {"max_retransmits": 1, "max_packet_life_time": 1},
        {"max_retransmits": -1},
        {"max_retransmits": 65536},
        {"max_packet_life_time": 65536},
        {"negotiated": True},
        {"negotiated": True, "id": 65535},
        {"id": 65536},
        {"label": "\ud800"},
    ],
)
def test_impossible_channels(options: dict[str, Any]) -> None:
    peer = make()
    with pytest.raises(TypeError):
        peer.create_data_channel(**{"label": "x", **options}, now=0.0)
    assert peer.channels == []
    assert peer.take_events() == []


def test_an_id_is_ignored_unless_negotiated() -> None:
    peer = make()
    assert peer.create_data_channel("x", id=7, now=0.0).id is None
    assert peer.create_data_channel("y", id=7, negotiated=True, now=0.0).id == 7
    with pytest.raises(OperationError):
        peer.create_data_channel("z", id=7, negotiated=True, now=0.0)


def test_ids_are_given_when_the_role_is_known() -> None:
    a, b = make("a"), make("b")
    channels = [a.create_data_channel(str(i), now=0.0) for i in range(3)]
    b.set_remote_description(offer_of(a), now=0.0)
    b.set_local_description(now=0.0)
    assert b.create_data_channel("ours", now=0.0).id == 0, "the answerer is DTLS client: even ids"
    assert [c.id for c in channels] == [None] * 3
    assert b.local_description is not None
    a.set_remote_description(b.local_description, now=0.0)
    assert [c.id for c in channels] == [1, 3, 5], "the offerer is DTLS server: odd ids (RFC 8832 §6)"


def test_sending_on_a_connecting_channel_is_refused() -> None:
    peer = make()
    channel = peer.create_data_channel("x", now=0.0)
    with pytest.raises(InvalidStateError):
        peer.send(channel, "too early", now=0.0)


def test_closing_a_channel_before_the_connection() -> None:
    peer = make()
    channel = peer.create_data_channel("x", now=0.0)
    peer.take_events()
    peer.close_channel(channel, now=0.0)
    assert peer.take_events() == [ChannelClosed(channel, None)]
    assert peer.channels == []


def test_channels_end_with_an_error_when_data_is_refused() -> None:
    peer = make()
    channel = peer.create_data_channel("x", now=0.0)
    offer = offer_of(peer)
    peer.take_events()
    refusal = edited(offer.sdp, ("m=application 9", "m=application 0"), ("a=group:BUNDLE 0\r\n", ""))
    peer.set_remote_description(SessionDescription("answer", refusal), now=0.0)  # type: ignore[arg-type]
    events = peer.take_events()
    assert names(events) == ["SignalingStateChanged", "ChannelError", "ChannelClosed"]
    (error,) = [e for e in events if isinstance(e, ChannelError)]
    assert (error.channel, error.detail) == (channel, "data-channel-failure")
    assert channel.state.value == "closed"
    assert peer.sctp_state is None
    assert peer.transport is None
    assert peer.channels == []
    peer.create_data_channel("again", now=0.0)
    assert names(peer.take_events()) == ["NegotiationNeeded"]

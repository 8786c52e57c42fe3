"""One agent against a peer played by hand: every rule of RFC 8445 §7 and §8 that another agent would hide."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import InvalidStateError, RtcRangeError
from rtcpy.core.machine import Address, Datagram
from rtcpy.core.tap import Direction, Tap
from rtcpy.ice import (
    CandidateType,
    IceAgent,
    IceConfig,
    IceConnectionState,
    IceCredentials,
    LocalAddress,
    PairSelected,
    RoleChanged,
    TransportPolicy,
)
from rtcpy.ice.checklist import TRANSITIONS
from rtcpy.ice.config import MAX_EARLY_CHECKS, MAX_PEER_REFLEXIVE, MAX_REMOTE_CANDIDATES
from rtcpy.stun import (
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    PRIORITY,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    MessageClass,
    parse_message,
    short_term_key,
)
from rtcpy.stun.values import unknown_attribute
from tests.ice.world import COMPLETED, CONNECTED, FAILED, PEER, A, B, Puppet, error_of, gather, host

B2 = B._replace(port=2001)


# --- what we send ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("controlling", [True, False])
def test_a_check_carries_what_rfc_8445_asks_for(controlling: bool) -> None:
    """§7.1, §7.2.2."""
    puppet = Puppet(controlling=controlling)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.take()
    assert (packet.local, packet.remote) == (A, B)
    assert check.get(USERNAME) == f"{PEER.ufrag}:{puppet.agent.local_credentials.ufrag}"
    assert check.get(PRIORITY) == (110 << 24) + (65535 << 8) + 255
    assert (ICE_CONTROLLING in check, ICE_CONTROLLED in check) == (controlling, not controlling)
    assert USE_CANDIDATE not in check and check.fingerprint is not None
    check.verify_integrity(short_term_key(PEER.pwd))


def test_the_first_check_goes_at_once_and_ta_paces_the_others() -> None:
    puppet = Puppet()
    for number in range(4):
        puppet.agent.add_remote_candidate(
            host(B._replace(port=3000 + number), foundation=str(number)), now=0.0
        )
    times = [(0.0, packet.remote.port) for _, packet in puppet.requests()]
    while len(times) < 4:
        deadline = puppet.agent.next_timeout()
        assert deadline is not None
        puppet.wait(deadline - puppet.now)
        times += [(puppet.now, packet.remote.port) for _, packet in puppet.requests()]
    assert [at for at, _ in times] == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert [port for _, port in times] == [3000, 3001, 3002, 3003]


def test_every_pair_is_tried_once_before_any_is_tried_twice() -> None:
    """§14.1: the retransmission interval grows with the number of checks."""
    puppet = Puppet(known=False)
    for number in range(40):
        puppet.agent.add_remote_candidate(
            host(B._replace(port=3000 + number), foundation=str(number)), now=0.0
        )
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    ports: list[int] = [packet.remote.port for _, packet in puppet.requests()]
    while puppet.now < 5.0:
        puppet.wait(0.05)
        ports += [packet.remote.port for _, packet in puppet.requests()]
    assert len(set(ports[:40])) == 40 and len(ports) > 40


def test_better_pairs_are_checked_first() -> None:
    puppet = Puppet(known=False)
    for number in (5, 9, 7):
        puppet.agent.add_remote_candidate(
            host(B._replace(port=number), foundation=str(number), priority=number), now=0.0
        )
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    puppet.wait(0.2)
    ports = [packet.remote.port for _, packet in puppet.requests()]
    assert ports == [9, 7, 5]


def test_checks_are_repeated_bit_for_bit_and_given_up() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.end_of_remote_candidates(now=0.0)
    puppet.wait(39.4)
    sent = puppet.requests()
    assert len(sent) == 11 and len({packet.data for _, packet in sent}) == 1
    assert puppet.agent.state is IceConnectionState.CHECKING
    puppet.wait(0.2)
    assert puppet.agent.state is FAILED, "checks and patience have both run out"
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["failed"]


def test_no_failure_before_end_of_candidates() -> None:
    """RFC 8838 §8; after the last news a missing end is taken as given (RFC 8863 §5)."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.wait(50.0)
    assert puppet.agent.state is IceConnectionState.DISCONNECTED
    puppet.wait(10.1)
    assert puppet.agent.state is FAILED


def test_no_failure_before_the_patience_is_over() -> None:
    """RFC 8863 §3.2: every candidate was unusable; the peer's own check rescues the session."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(Address("peer.local", 5)), now=0.0)
    puppet.agent.end_of_remote_candidates(now=0.0)
    puppet.wait(30.0)
    assert puppet.agent.state is IceConnectionState.NEW
    puppet.send(puppet.message())
    puppet.answer_all()
    assert puppet.agent.state is CONNECTED or puppet.agent.state is COMPLETED


def test_without_any_candidate_of_ours_there_is_nothing_to_be_patient_for() -> None:
    """W3C webrtc §5.6.4, "failed"."""
    agent = IceAgent(controlling=True, entropy=SeededEntropy(1))
    agent.set_remote_credentials(PEER, now=0.0)
    agent.end_of_remote_candidates(now=0.0)
    agent.gather([], now=0.0)
    assert agent.state is FAILED


def test_a_failed_session_is_revived_by_the_peers_late_check() -> None:
    """§7.3.1.4: answer pasted by hand, minutes later."""
    puppet = Puppet(controlling=False)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.end_of_remote_candidates(now=0.0)
    puppet.wait(100.0)
    assert puppet.agent.state is FAILED
    puppet.take()
    puppet.send(puppet.message(use_candidate=True))
    assert puppet.agent.state is IceConnectionState.CHECKING
    puppet.answer_all()
    assert puppet.agent.state is COMPLETED


# --- what we answer -------------------------------------------------------------------------------------------


def test_a_request_is_answered_with_its_source_signed() -> None:
    puppet = Puppet()
    request = puppet.message()
    puppet.send(request)
    (answer, packet), *_ = puppet.take()
    assert answer.message_class is MessageClass.SUCCESS_RESPONSE
    assert answer.transaction_id == request.transaction_id
    assert answer.get(XOR_MAPPED_ADDRESS) == B and (packet.local, packet.remote) == (A, B)
    assert USERNAME not in answer and answer.fingerprint is not None
    answer.verify_integrity(puppet.key)


def test_unknown_attributes_that_must_be_understood_get_420() -> None:
    puppet = Puppet()
    message = puppet.message()
    message.attributes.append(unknown_attribute(0x7FFE)(b"abcd"))
    puppet.send(message)
    ((answer, _),) = puppet.take()
    assert error_of(answer) == 420
    assert puppet.agent.list_candidate_pairs() == [] and not puppet.agent.is_validated(A, B)


def test_chromiums_optional_attributes_are_ignored() -> None:
    """Chromium sends 0xC057 (network-info), and DTLS in STUN as 0xC070 and 0xC071."""
    puppet = Puppet()
    message = puppet.message()
    for code in (0xC057, 0xC070, 0xC071):
        message.attributes.append(unknown_attribute(code)(b"\x00\x01\x00\x00"))
    puppet.send(message)
    assert puppet.agent.is_validated(A, B) and len(puppet.take()) == 2


def test_a_binding_indication_is_a_keepalive_and_nothing_else() -> None:
    puppet = Puppet()
    puppet.send(puppet.message(MessageClass.INDICATION))
    assert puppet.take() == [] and not puppet.agent.is_validated(A, B)


# --- triggered checks, peer-reflexive candidates --------------------------------------------------------------


def test_a_check_from_an_unknown_address_teaches_a_peer_reflexive_candidate() -> None:
    """§7.3.1.3, §7.3.1.4; and the check back goes at once."""
    puppet = Puppet()
    puppet.send(puppet.message(priority=1234567))
    (candidate,) = puppet.agent.remote_candidates()
    assert (candidate.type, candidate.priority) == (CandidateType.PEER_REFLEXIVE, 1234567)
    ((_, packet),) = puppet.requests()
    assert (packet.local, packet.remote) == (A, B)


def test_its_late_signalled_candidate_gives_it_a_name() -> None:
    """RFC 8838 §11 item 4A: one candidate, one pair, the signalled priority."""
    puppet = Puppet()
    puppet.send(puppet.message(priority=5))
    before = puppet.agent.list_candidate_pairs()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    (candidate,) = puppet.agent.remote_candidates()
    assert (candidate.type, candidate.foundation, candidate.priority) == (CandidateType.HOST, "1", 2130706431)
    after = puppet.agent.list_candidate_pairs()
    assert len(before) == len(after) == 1 and after[0].priority > before[0].priority


def test_an_unknown_address_without_priority_teaches_nothing() -> None:
    puppet = Puppet()
    puppet.send(puppet.message(priority=None))
    assert puppet.agent.remote_candidates() == []
    assert len(puppet.take()) == 1, "but it is answered"


def test_a_triggered_check_replaces_one_in_progress() -> None:
    """§7.3.1.4: cancelled means not repeated, but an answer still counts."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((first, packet),) = puppet.requests()
    puppet.wait(0.1)
    puppet.send(puppet.message())
    ((second, _),) = puppet.requests()
    assert second.transaction_id != first.transaction_id
    puppet.wait(2.0)
    assert {m.transaction_id for m, _ in puppet.requests()} == {second.transaction_id}
    puppet.answer(first, packet)
    assert puppet.agent.selected_path == (A, B)


def test_a_check_that_has_just_gone_out_is_given_a_moment() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((first, packet),) = puppet.requests()
    puppet.wait(0.005)
    puppet.send(puppet.message())
    assert puppet.requests() == []
    puppet.answer(first, packet)
    puppet.wait(0.5)
    assert [m for m, _ in puppet.requests() if USE_CANDIDATE not in m] == [], "no second check was needed"


def test_a_succeeded_pair_is_not_checked_again() -> None:
    puppet = Puppet(controlling=False)
    puppet.send(puppet.message())
    puppet.answer_all()
    for _ in range(5):
        puppet.send(puppet.message())
    assert puppet.requests() == []


def test_a_peer_reflexive_candidate_of_our_own() -> None:
    """§7.2.5.3.1: a NAT shows an address that we did not know."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.requests()
    seen_from_outside = Address("203.0.113.9", 777)
    puppet.answer(check, packet, mapped=seen_from_outside)
    ours = puppet.agent.local_candidates()[-1]
    assert (ours.type, ours.transport_address, ours.base) == (
        CandidateType.PEER_REFLEXIVE,
        seen_from_outside,
        A,
    )
    assert ours.priority == check.get(PRIORITY)
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.local.transport_address == seen_from_outside
    assert puppet.agent.selected_path == (A, B), "packets leave from the base"


# --- nomination -----------------------------------------------------------------------------------------------


def test_the_path_is_there_before_nomination_on_either_side() -> None:
    """§12.1: DTLS may start on the first valid pair."""
    for controlling in (True, False):
        puppet = Puppet(controlling=controlling)
        puppet.agent.add_remote_candidate(host(B), now=0.0)
        ((check, packet),) = puppet.requests()
        assert puppet.agent.selected_path is None and not puppet.agent.send_allowed
        puppet.answer(check, packet)
        assert puppet.agent.selected_path == (A, B) and puppet.agent.send_allowed
        assert puppet.agent.state is CONNECTED
        (event,) = [e for e in puppet.agent.take_events() if isinstance(e, PairSelected)]
        assert (event.local, event.remote, event.nominated) == (A, B, False)


def test_the_best_pair_is_nominated_at_once() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.answer_all()
    ((nomination, packet),) = puppet.requests()
    assert USE_CANDIDATE in nomination
    puppet.answer(nomination, packet)
    selected = [e for e in puppet.agent.take_events() if isinstance(e, PairSelected)]
    assert [event.nominated for event in selected] == [False, True]
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.nominated and pair.selected


def test_a_worse_pair_waits_for_the_better_one() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.add_remote_candidate(host(B2, foundation="2", priority=5), now=0.0)
    puppet.wait(0.06)
    better, worse = puppet.requests()
    puppet.answer(*worse)
    assert puppet.agent.selected_path == (A, B2)
    assert puppet.requests() == []
    puppet.wait(0.2)
    puppet.answer(*better)
    assert puppet.agent.selected_path == (A, B), "data moves to the better pair"
    ((nomination, packet),) = [item for item in puppet.requests() if USE_CANDIDATE in item[0]]
    assert packet.remote == B
    puppet.answer(nomination, packet)
    assert [p.nominated for p in puppet.agent.list_candidate_pairs()] == [True, False]


def test_but_not_for_ever() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.add_remote_candidate(host(B2, foundation="2", priority=5), now=0.0)
    puppet.wait(0.06)
    _, worse = puppet.requests()
    puppet.answer(*worse)
    puppet.wait(0.49)
    assert not [m for m, _ in puppet.requests() if USE_CANDIDATE in m]
    puppet.wait(0.02)
    assert [packet.remote for m, packet in puppet.requests() if USE_CANDIDATE in m] == [B2]


def test_a_relayed_pair_waits_longer_unless_all_is_known() -> None:
    for all_known, expected in ((False, 2.0), (True, 0.0)):
        puppet = Puppet()
        puppet.agent.add_remote_candidate(host(B, type=CandidateType.RELAYED, priority=16777215), now=0.0)
        if all_known:
            puppet.agent.end_of_remote_candidates(now=0.0)
        puppet.answer_all()
        start = puppet.now
        while (
            not (sent := [m for m, _ in puppet.requests() if USE_CANDIDATE in m]) and puppet.now < start + 5.0
        ):
            puppet.wait(0.01)
        assert sent and puppet.now - start == pytest.approx(expected, abs=0.011)


def test_one_nomination_only() -> None:
    """§8.1.1: having nominated, the agent must not nominate another pair, better or not."""
    puppet = Puppet()
    puppet.connect()
    puppet.agent.add_remote_candidate(host(B2, foundation="2", priority=2**31 - 1), now=puppet.now)
    puppet.send(puppet.message(), source=B2)
    puppet.wait_answering(3.0)
    assert puppet.agent.selected_path == (A, B)


def test_a_nomination_that_fails_fails_its_pair() -> None:
    """§7.2.5.3.4."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.answer_all()
    ((nomination, packet),) = puppet.requests()
    puppet.refuse(nomination, packet, 400)
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["failed"]
    assert puppet.agent.selected_path is None


def test_a_busy_peer_is_asked_again() -> None:
    """RFC 8489 §6.3.4: 5xx may pass."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.requests()
    puppet.refuse(check, packet, 500)
    puppet.wait(0.6)
    puppet.answer_all()
    assert puppet.agent.selected_path == (A, B)


def test_controlled_use_candidate_before_our_check_succeeded() -> None:
    """§7.3.1.5, second bullet."""
    puppet = Puppet(controlling=False)
    puppet.send(puppet.message(use_candidate=True))
    (pair,) = puppet.agent.list_candidate_pairs()
    assert not pair.nominated
    puppet.answer_all()
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.nominated and pair.selected


def test_use_candidate_from_a_controlled_peer_is_ignored() -> None:
    puppet = Puppet(controlling=True)
    puppet.send(puppet.message(use_candidate=True))
    ((check, packet),) = puppet.requests()
    puppet.answer(check, packet)
    (pair,) = puppet.agent.list_candidate_pairs()
    assert not pair.nominated


def aggressive(puppet: Puppet, source: Address, priority: int) -> None:
    """One check of a peer of RFC 5245, which nominates every pair; our check back is answered."""
    puppet.send(puppet.message(use_candidate=True, priority=priority), source=source)
    puppet.wait(0.006)
    puppet.answer_all()


def test_of_an_aggressive_peers_nominations_the_best_wins() -> None:
    """§8.1.1: Chromium sends USE-CANDIDATE in every check."""
    puppet = Puppet(controlling=False)
    aggressive(puppet, B, 1000)
    assert puppet.agent.selected_path == (A, B)
    aggressive(puppet, B2, 2000)
    assert puppet.agent.selected_path == (A, B2)
    for source in (B, B2, B):
        aggressive(puppet, source, 1000)
    assert puppet.agent.selected_path == (A, B2), "repeats change nothing"
    nominated = [pair.nominated for pair in puppet.agent.list_candidate_pairs()]
    assert nominated == [True, True]


def test_two_nominations_in_flight_both_count() -> None:
    puppet = Puppet(controlling=False)
    puppet.send(puppet.message(use_candidate=True, priority=1000), source=B)
    puppet.send(puppet.message(use_candidate=True, priority=2000), source=B2)
    puppet.wait(0.01)
    checks = puppet.requests()
    assert len(checks) == 2
    for check in checks:
        puppet.answer(*check)
    assert puppet.agent.selected_path == (A, B2)


def test_an_aggressive_peer_that_moves_away_from_a_dead_path_is_followed() -> None:
    puppet = Puppet(controlling=False)
    aggressive(puppet, B, 2000)
    aggressive(puppet, B2, 1000)
    assert puppet.agent.selected_path == (A, B)
    puppet.wait(9.1)
    assert puppet.agent.state is IceConnectionState.DISCONNECTED
    puppet.take()
    aggressive(puppet, B2, 1000)
    assert puppet.agent.selected_path == (A, B2)
    assert puppet.agent.state is CONNECTED


def test_an_ice_lite_peer_makes_us_control() -> None:
    """§6.1.1: it sends no checks and answers ours."""
    puppet = Puppet(controlling=False, known=False)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.set_remote_credentials(PEER, lite=True, now=0.0)
    assert puppet.agent.controlling
    puppet.answer_all(), puppet.answer_all()
    assert puppet.agent.selected_path == (A, B)
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.nominated
    puppet.agent.set_role(False, now=0.0)
    assert puppet.agent.controlling, "facing a lite agent the full one controls"
    puppet.wait_answering(60.0)
    assert puppet.agent.state is CONNECTED


# --- roles ----------------------------------------------------------------------------------------------------


def test_487_for_the_smaller_tie_breaker_and_nothing_else_happens() -> None:
    puppet = Puppet(controlling=True)
    puppet.send(puppet.message(controlling=True, tie_breaker=0))
    ((answer, _),) = puppet.take()
    assert error_of(answer) == 487
    answer.verify_integrity(puppet.key)
    assert puppet.agent.controlling and puppet.agent.remote_candidates() == []


def test_the_larger_tie_breaker_makes_us_switch_and_is_answered() -> None:
    puppet = Puppet(controlling=True)
    puppet.send(puppet.message(controlling=True, tie_breaker=2**64 - 1))
    assert not puppet.agent.controlling
    assert RoleChanged(False) in puppet.agent.take_events()
    (answer, _), (check, _) = puppet.take()
    assert answer.message_class is MessageClass.SUCCESS_RESPONSE
    assert ICE_CONTROLLED in check


def test_487_makes_us_switch_redraw_and_check_again() -> None:
    """§7.2.5.1."""
    puppet = Puppet(controlling=True)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.requests()
    puppet.refuse(check, packet, 487)
    assert not puppet.agent.controlling
    ((again, packet),) = puppet.requests()
    assert again.get(ICE_CONTROLLED) != check.get(ICE_CONTROLLING), "another tie-breaker"
    puppet.answer(again, packet)
    assert puppet.agent.selected_path == (A, B)


def test_at_most_one_switch_per_487() -> None:
    """docs/threats.md: a 487 for a role that we have given up meanwhile only repeats the check."""
    puppet = Puppet(controlling=True)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.requests()
    puppet.send(puppet.message(controlling=True, tie_breaker=2**64 - 1))
    assert not puppet.agent.controlling
    puppet.take()
    puppet.refuse(check, packet, 487)
    assert not puppet.agent.controlling


def test_a_peer_that_always_says_487_does_not_keep_us_spinning() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    refused = 0
    for _ in range(200):
        for check, packet in puppet.requests():
            puppet.refuse(check, packet, 487)
            refused += 1
        puppet.wait(0.01)
    assert refused == 17
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["failed"]


def test_priorities_follow_the_role() -> None:
    puppet = Puppet(controlling=True)
    puppet.agent.add_remote_candidate(host(B, priority=7), now=0.0)
    before = puppet.agent.list_candidate_pairs()[0].priority
    puppet.agent.set_role(False, now=0.0)
    assert puppet.agent.list_candidate_pairs()[0].priority == before - 1  # G > D no longer


# --- order of things ------------------------------------------------------------------------------------------


def test_checks_before_the_answer_are_answered_and_acted_on_later() -> None:
    """§7.3: the response needs nothing from the peer's description."""
    puppet = Puppet(known=False)
    puppet.send(puppet.message())
    puppet.send(puppet.message(), source=B2)
    assert len(puppet.take()) == 2
    assert puppet.agent.is_validated(A, B) and puppet.agent.remote_candidates() == []
    puppet.agent.set_remote_credentials(PEER, now=1.0)
    puppet.now = 1.0
    puppet.wait(0.02)
    assert {packet.remote for _, packet in puppet.requests()} == {B, B2}


def test_an_early_nomination_is_remembered() -> None:
    puppet = Puppet(controlling=False, known=False)
    puppet.send(puppet.message(use_candidate=True))
    puppet.send(puppet.message())
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    puppet.answer_all()
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.nominated


def test_early_checks_of_somebody_else_are_forgotten() -> None:
    puppet = Puppet(known=False)
    puppet.send(puppet.message(username=f"{puppet.agent.local_credentials.ufrag}:stranger"))
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    puppet.take()
    assert not puppet.agent.is_validated(A, B) and puppet.agent.remote_candidates() == []
    assert puppet.requests() == []


def test_early_checks_are_bounded() -> None:
    puppet = Puppet(known=False)
    for number in range(100):
        puppet.send(puppet.message(), source=B._replace(port=3000 + number))
    assert puppet.agent.dropped == {
        "more early checks than MAX_EARLY_CHECKS (RFC 8445 §7.3)": 100 - MAX_EARLY_CHECKS
    }
    assert len(puppet.take()) == 100


def test_candidates_of_a_session_to_come_wait_for_its_credentials() -> None:
    """RFC 8838 §9: the ufrag says where a candidate belongs."""
    puppet = Puppet(known=False)
    puppet.agent.add_remote_candidate(host(B, ufrag=PEER.ufrag), now=0.0)
    puppet.agent.add_remote_candidate(host(B2, ufrag="else"), now=0.0)
    assert puppet.agent.remote_candidates() == []
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    assert [candidate.port for candidate in puppet.agent.remote_candidates()] == [B.port]


def test_credentials_change_only_with_a_restart() -> None:
    puppet = Puppet()
    puppet.agent.set_remote_credentials(PEER, now=0.0)
    with pytest.raises(InvalidStateError):
        puppet.agent.set_remote_credentials(IceCredentials("other", "q" * 22), now=0.0)


@pytest.mark.parametrize("bad", [("", "p" * 22), ("u", ""), ("u" * 257, "p" * 22), ("u", "p" * 257)])
def test_impossible_credentials(bad: tuple[str, str]) -> None:
    with pytest.raises(RtcRangeError):
        Puppet(known=False).agent.set_remote_credentials(IceCredentials(*bad), now=0.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"component": 2}, "candidate of another component (RFC 8445 §5.3)"),
        (
            {"transport": "tcp", "tcp_type": "active", "port": 9},
            "candidate of another transport (RFC 8445 §5.3)",
        ),
        ({"address": "0b2c.local"}, "candidate: mDNS names are not resolved (RFC 8445 §19.5.1)"),
        ({"address": "127.0.0.1"}, "candidate: loopback address (RFC 8445 §19.5.1)"),
        ({"address": "224.0.0.1"}, "candidate: multicast address (RFC 8445 §19.5.1)"),
        ({"address": "255.255.255.255"}, "candidate: broadcast or reserved address (RFC 8445 §19.5.1)"),
        ({"address": "0.0.0.0"}, "candidate: unspecified address (RFC 8445 §19.5.1)"),
        ({"port": 0}, "candidate: port 0 (RFC 8445 §19.5.1)"),
        ({"priority": 0}, "candidate priority out of range (RFC 8445 §5.1.2)"),
    ],
)
def test_unusable_candidates_are_counted_and_never_checked(changes: dict[str, object], reason: str) -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B, **changes), now=0.0)
    assert puppet.agent.dropped == {reason: 1}
    assert puppet.requests() == [] and puppet.agent.next_timeout() is not None
    puppet.wait(5.0)
    assert puppet.requests() == []


def test_after_end_of_candidates_none_is_taken() -> None:
    """RFC 8838 §14."""
    puppet = Puppet()
    puppet.agent.end_of_remote_candidates(ufrag="another session", now=0.0)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.end_of_remote_candidates(ufrag=PEER.ufrag, now=0.0)
    puppet.agent.add_remote_candidate(host(B2), now=0.0)
    assert [candidate.port for candidate in puppet.agent.remote_candidates()] == [B.port]


def test_the_same_candidate_twice_is_one() -> None:
    puppet = Puppet()
    for _ in range(3):
        puppet.agent.add_remote_candidate(host(B), now=0.0)
    assert len(puppet.agent.remote_candidates()) == len(puppet.agent.list_candidate_pairs()) == 1


# --- limits ---------------------------------------------------------------------------------------------------


def test_a_flood_of_candidates_is_bounded() -> None:
    """RFC 8445 §19.5.1: "voice hammer"."""
    agent = IceAgent(controlling=True, entropy=SeededEntropy("flood"))
    gather(agent, [A, A._replace(port=1001), A._replace(port=1002)], (), 0.0)
    agent.set_remote_credentials(PEER, now=0.0)
    for number in range(500):
        address = Address(f"10.2.{number // 200}.{number % 200 + 1}", 5)
        agent.add_remote_candidate(host(address, foundation=str(number)), now=0.0)
    assert len(agent.remote_candidates()) == MAX_REMOTE_CANDIDATES
    assert len(agent.list_candidate_pairs()) == 100
    first = {parse_message(packet.data).transaction_id: 0.0 for packet in agent.take_packets()}
    while (deadline := agent.next_timeout()) is not None and deadline < 5.0:
        agent.handle_timeout(now=deadline)
        for packet in agent.take_packets():
            first.setdefault(parse_message(packet.data).transaction_id, deadline)
    assert len(first) == 100
    gaps = [b - a for a, b in pairwise(first.values())]
    assert all(gap >= 0.05 - 1e-9 for gap in gaps), "one check per Ta"


def test_a_flood_of_authentic_sources_is_bounded() -> None:
    puppet = Puppet()
    for number in range(200):
        puppet.send(puppet.message(), source=B._replace(port=3000 + number))
    assert len(puppet.agent.remote_candidates()) == MAX_PEER_REFLEXIVE
    sent = len(puppet.take())
    assert sent <= 200 + MAX_PEER_REFLEXIVE


def test_a_peer_that_checks_all_the_time_gets_no_more_back_than_it_sends() -> None:
    puppet = Puppet()
    received = sent = 0
    while puppet.now < 1.0:
        data = puppet.message().serialize(puppet.key)
        puppet.send(data)
        received += len(data)
        puppet.wait(0.001)
        sent += sum(len(packet.data) for _, packet in puppet.take())
    assert sent <= 1.2 * received, "one answer each, and triggered checks 20 ms apart"


def test_validated_addresses_are_bounded() -> None:
    puppet = Puppet()
    for number in range(1000):
        puppet.send(puppet.message(), source=B._replace(port=3000 + number))
    assert len(puppet.agent._sessions.current.validated) == 256
    assert puppet.agent.is_validated(A, B._replace(port=3999))
    assert not puppet.agent.is_validated(A, B._replace(port=3000)), "the oldest has been forgotten"


def test_a_restart_ends_the_checks_of_the_old_session() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.restart(now=0.1)
    puppet.now = 0.1
    puppet.take()
    puppet.wait(60.0)
    assert puppet.take() == []


# --- validation, privacy, ends --------------------------------------------------------------------------------


def test_validated_in_either_direction() -> None:
    """What gates DTLS and SRTP."""
    puppet = Puppet()
    assert not puppet.agent.is_validated(A, B)
    puppet.send(puppet.message())
    assert puppet.agent.is_validated(A, B) and not puppet.agent.is_validated(A, B2)
    puppet.agent.add_remote_candidate(host(B2, foundation="2"), now=0.0)
    puppet.wait(0.1)
    for check, packet in puppet.requests():
        if packet.remote == B2:
            puppet.answer(check, packet)
    assert puppet.agent.is_validated(A, B2)


def test_relay_only_answers_nothing_on_host_sockets() -> None:
    config = IceConfig(transport_policy=TransportPolicy.RELAY)
    puppet = Puppet(config=config)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.send(puppet.message())
    assert puppet.take() == [] and not puppet.agent.is_validated(A, B)
    assert puppet.agent.list_candidate_pairs() == []


def test_checks_through_a_relay_leave_from_it() -> None:
    """The driver routes datagrams whose `local` is the relayed address through TURN."""
    from tests.ice.test_gather import relayed

    agent = IceAgent(controlling=True, entropy=SeededEntropy(1))
    agent.gather([], more_to_come=True, now=0.0)
    agent.add_local_candidate(relayed(), now=0.0)
    agent.set_remote_credentials(PEER, now=0.0)
    agent.add_remote_candidate(host(B), now=0.0)
    (packet,) = agent.take_packets()
    base = Address("198.51.100.50", 50000)
    assert (packet.local, packet.remote) == (base, B)
    request = parse_message(packet.data)
    data = request.success([XOR_MAPPED_ADDRESS(base)]).serialize(short_term_key(PEER.pwd))
    agent.receive(Datagram(data, base, B), now=0.1)
    assert agent.selected_path == (base, B)


def test_link_local_addresses_keep_our_scope() -> None:
    agent = IceAgent(controlling=True, entropy=SeededEntropy(1))
    ours = Address("fe80::1%eth0", 1000)
    agent.gather([LocalAddress(ours), LocalAddress(Address("2001:db8::1", 1001))], now=0.0)
    agent.set_remote_credentials(PEER, now=0.0)
    agent.add_remote_candidate(host(Address("FE80::2", 2000)), now=0.0)
    (packet,) = agent.take_packets()
    assert (packet.local, packet.remote) == (ours, Address("fe80::2%eth0", 2000))
    (pair,) = agent.list_candidate_pairs()
    assert pair.local.address == "fe80::1" and pair.remote.address == "fe80::2"
    request = parse_message(packet.data)
    data = request.success([XOR_MAPPED_ADDRESS(ours)]).serialize(short_term_key(PEER.pwd))
    agent.receive(Datagram(data, ours, Address("fe80::2%eth0", 2000)), now=0.1)
    assert agent.selected_path == (ours, Address("fe80::2%eth0", 2000))


class Listener(Tap):
    """Writes down what the tap is told."""

    def __init__(self) -> None:
        self.moves: dict[str, list[tuple[str, str]]] = {}
        self.packets: list[tuple[Direction, bytes]] = []
        self.drops: list[tuple[bytes, str]] = []
        self.timers: list[str] = []

    def packet(self, layer: str, direction: Direction, data: bytes, **_: object) -> None:
        assert layer == "stun"
        self.packets.append((direction, data))

    def drop(self, layer: str, data: bytes, reason: str, *, now: float) -> None:
        self.drops.append((data, reason))

    def state(self, layer: str, what: str, old: str, new: str, *, now: float) -> None:
        self.moves.setdefault(what, []).append((old, new))

    def timer(self, layer: str, name: str, *, now: float) -> None:
        self.timers.append(name)


def test_the_tap_is_told_every_step() -> None:
    """Each state machine's story is complete: a move begins where the last one ended, along the table."""
    tap = Listener()
    puppet = Puppet(tap=tap)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.add_remote_candidate(host(B2), now=0.0)  # the same foundation: frozen
    ((request, packet),) = puppet.requests()
    puppet.send(puppet.message(), source=B2)
    puppet.send(b"rubbish")
    puppet.answer(request, packet)
    puppet.wait_answering(6.5)
    pair, other = f"{A} -> {B}", f"{A} -> {B2}"
    assert tap.moves[pair] == [
        ("frozen", "waiting"),
        ("waiting", "in-progress"),
        ("in-progress", "succeeded"),
    ]
    assert tap.moves[other][:2] == [("frozen", "waiting"), ("waiting", "in-progress")]
    for story in tap.moves.values():
        assert all(before[1] == after[0] for before, after in pairwise(story))
    table = {(old.value, new.value) for (old, _), new in TRANSITIONS.items()}
    assert {move for what in (pair, other) for move in tap.moves[what]} <= table
    assert tap.moves["connection"][0] == ("new", "checking")
    why = "not a valid STUN message: 7 bytes are too few for the 20-byte header at byte 7 (RFC 8489 §5)"
    assert tap.drops[0] == (b"rubbish", why)
    assert puppet.agent.dropped["not a valid STUN message (RFC 8489 §5)"] == 1, "counted without its values"
    assert "consent check" in tap.timers
    sent = [data for direction, data in tap.packets if direction is Direction.OUT]
    assert packet.data in sent


def test_closed_is_final() -> None:
    puppet = Puppet()
    puppet.connect()
    puppet.agent.close(now=puppet.now)
    assert puppet.agent.state is IceConnectionState.CLOSED and puppet.agent.selected_path is None
    puppet.agent.take_events()
    puppet.send(puppet.message())
    puppet.wait(100.0)
    assert puppet.take() == [] and puppet.agent.take_events() == [] and puppet.agent.next_timeout() is None
    for command in (
        lambda: puppet.agent.restart(now=puppet.now),
        lambda: puppet.agent.add_remote_candidate(host(B2), now=puppet.now),
        lambda: puppet.agent.gather([], now=puppet.now),
        lambda: puppet.agent.set_role(False, now=puppet.now),
    ):
        with pytest.raises(InvalidStateError):
            command()


def test_statistics() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((check, packet),) = puppet.requests()
    puppet.wait(0.125)
    puppet.answer(check, packet)
    puppet.wait(0.01)
    puppet.answer_all()
    puppet.send(puppet.message())
    (pair,) = puppet.agent.list_candidate_pairs()
    assert (pair.requests_sent, pair.responses_received) == (2, 2)
    assert (pair.requests_received, pair.responses_sent) == (1, 1)
    assert pair.current_round_trip_time == pytest.approx(0.01)
    assert pair.total_round_trip_time == pytest.approx(0.135)
    assert pair.last_packet_received == puppet.now and pair.state == "succeeded"

"""Consent freshness: RFC 7675 in numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.ice import IceConfig, IceConnectionState
from rtcpy.ice.checklist import Checklist
from rtcpy.ice.consent import Consent, ConsentAction
from rtcpy.stun import Message, MessageClass, parse_message
from tests.ice.test_checklist import make_pair
from tests.ice.world import COMPLETED, FAILED, A, B, Puppet, World, host


def make_consent(seed: int = 0, config: IceConfig | None = None) -> Consent:
    pair = make_pair(Checklist(0, 10), 1)
    config = config or IceConfig()
    pair.consent_until = config.consent_expiry
    return Consent(pair, config, SeededEntropy(seed), now=0.0)


@given(st.integers(0, 10_000), st.lists(st.booleans(), max_size=40))
def test_intervals_expiry_and_progress(seed: int, answers: list[bool]) -> None:
    """Checks are 4…6 s apart whatever is answered, and permission ends exactly 30 s after the last answer."""
    consent = make_consent(seed)
    sent, last_answer, now = [0.0], 0.0, 0.0
    for answered in answers:
        while True:
            deadline = consent.next_timeout()
            assert deadline > now or deadline == now == 0.0
            now = deadline
            actions = consent.handle_timeout(now=now)
            assert consent.next_timeout() > now or ConsentAction.EXPIRED in actions
            if ConsentAction.EXPIRED in actions:
                assert now == last_answer + 30.0
                return
            if ConsentAction.CHECK in actions:
                break
        assert 4.0 <= now - sent[-1] <= 6.0
        sent.append(now)
        if answered:
            last_answer = now
            consent.pair.consent_until = now + 30.0
            consent.handle_answer(now=now)
            assert not consent.silent


def test_intervals_are_randomised() -> None:
    """RFC 7675 §5.1: agents must not fall into step."""
    first = {round(make_consent(seed).next_timeout(), 3) for seed in range(50)}
    assert len(first) > 40


def test_every_interval_is_drawn_anew() -> None:
    consent = make_consent()
    gaps, last = set(), 0.0
    for _ in range(20):
        while ConsentAction.CHECK not in consent.handle_timeout(now=(now := consent.next_timeout())):
            pass
        consent.pair.consent_until = now + 30.0
        consent.handle_answer(now=now)
        gaps.add(round(now - last, 3))
        last = now
    assert len(gaps) > 15


def test_silence_is_noticed_probed_and_forgiven() -> None:
    consent = make_consent()
    seen: list[tuple[float, ConsentAction]] = []
    while len(seen) < 3:
        now = consent.next_timeout()
        seen += [(now, action) for action in consent.handle_timeout(now=now)]
    start = seen[0][0]
    assert seen == [
        (start, ConsentAction.CHECK),
        (start + 1.0, ConsentAction.PROBE),
        (start + 3.0, ConsentAction.SILENT),
    ]
    assert consent.silent
    consent.handle_answer(now=start + 3.5)
    assert not consent.silent


def test_keepalive_only_without_consent_checks() -> None:
    """RFC 8445 §11: after 15 s in which nothing was sent."""
    consent = make_consent(config=IceConfig(consent_interval=None))
    consent.pair.consent_until = float("inf")
    assert consent.next_timeout() == 15.0
    assert consent.handle_timeout(now=15.0) == [ConsentAction.KEEPALIVE]
    consent.pair.last_packet_sent = 20.0
    assert consent.next_timeout() == 35.0


# --- in the agent --------------------------------------------------------------------------------------------


def test_sending_stops_within_thirty_seconds_of_the_last_answer() -> None:
    world = World(seed=3).connected()
    world.run(7.0)
    world.network.kill("b")
    stop = world.network.now
    assert world.network.drive(until=stop + 60.0, stop=lambda: world.a.selected_path is None)
    last = max(pair.last_packet_received or 0.0 for pair in world.a.list_candidate_pairs())
    assert world.network.now <= last + 30.0 + 1e-9
    assert world.states(0)[-2:] == ["disconnected", "failed"]
    assert not world.a.send_allowed
    sent = len(world.network.log or [])
    world.run(120.0)
    assert len(world.network.log or []) == sent, "not a byte more"


def test_data_does_not_renew_consent() -> None:
    """RFC 7675 §5.1: only authenticated answers count; the peer's own checks do not either."""
    puppet = Puppet()
    puppet.connect()
    start = puppet.now
    while puppet.agent.selected_path is not None and puppet.now < start + 60.0:
        puppet.wait(1.0)
        puppet.send(b"\x17\xfe\xfd data, not STUN")
        puppet.send(puppet.message())
    assert 30.0 <= puppet.now - start <= 31.0
    assert puppet.agent.state is FAILED


@pytest.mark.parametrize("seed", range(5))
def test_disconnected_comes_after_three_to_nine_seconds_and_goes_with_the_first_answer(seed: int) -> None:
    world = World(seed=seed).connected()
    world.run(5.0 + seed)
    start = world.network.now
    world.network.outage(start, 20.0)
    found: dict[int, float] = {}

    def both_noticed() -> bool:
        for end, agent in enumerate(world.agents):
            if agent.state is IceConnectionState.DISCONNECTED:
                found.setdefault(end, world.network.now)
        return len(found) == 2

    assert world.network.drive(until=start + 9.2, stop=both_noticed)
    assert all(at >= start + 2.9 for at in found.values())
    world.network.drive(until=start + 20.0)
    assert all(agent.send_allowed for agent in world.agents), "twenty seconds are no reason to stop"
    recovered = lambda: all(agent.state is COMPLETED for agent in world.agents)  # noqa: E731
    assert world.network.drive(until=start + 28.0, stop=recovered)
    world.assert_agreed()


def test_five_seconds_without_a_network_cost_nothing_lasting() -> None:
    world = World(seed=9).connected()
    world.run(10.0)
    world.network.outage(world.network.now, 5.0)
    world.run(15.0)
    assert all(agent.state is COMPLETED for agent in world.agents)


def test_a_single_lost_consent_check_is_not_noticed() -> None:
    """The probe after a second asks again."""
    world = World(seed=4).connected()
    before = [len(world.states(0)), len(world.states(1))]
    link = world.network.link("a", "b")
    link.drop(link.counters.sent, link.counters.sent + 1)
    world.run(20.0)
    assert [len(world.states(0)), len(world.states(1))] == before


def test_thirty_five_seconds_end_it_and_a_restart_brings_it_back() -> None:
    world = World(seed=5).connected()
    world.run(3.0)
    world.network.outage(world.network.now, 36.0)
    world.run(36.0)
    assert [agent.state for agent in world.agents] == [FAILED, FAILED]
    assert world.a.selected_path is None
    now = world.network.now
    world.a.restart(now=now), world.b.restart(now=now)
    assert [agent.state.value for agent in world.agents] == ["checking", "checking"]
    world.signal()
    assert world.connect(within=5.0)
    world.assert_agreed()


def test_consent_lost_is_lost_for_these_credentials() -> None:
    """RFC 7675 §5.1: late answers and new checks of the peer revive nothing."""
    puppet = Puppet()
    puppet.connect()
    puppet.wait(29.9)
    kept = puppet.requests()
    puppet.wait(1.0)
    assert puppet.agent.state is FAILED
    for request, packet in kept:
        puppet.answer(request, packet)
    puppet.send(puppet.message())
    puppet.wait(5.0)
    assert not puppet.requests(), "no check goes out on the lost path"
    assert puppet.agent.selected_path is None


def test_a_path_lost_before_nomination_is_not_revived_either() -> None:
    """The peer never nominates, then vanishes for longer than consent lasts, then checks again."""
    puppet = Puppet(controlling=False)
    puppet.send(puppet.message())
    puppet.answer_all()
    assert puppet.agent.selected_path == (A, B)
    puppet.wait(31.0)
    assert puppet.agent.state is FAILED and puppet.agent.selected_path is None
    puppet.take()
    puppet.send(puppet.message(use_candidate=True))
    puppet.wait(1.0)
    assert puppet.requests() == [] and puppet.agent.selected_path is None


def test_403_revokes_at_once_but_only_if_authentic() -> None:
    """RFC 7675 §5.2."""
    puppet = Puppet()
    puppet.connect()
    puppet.wait(6.1)
    request, packet = puppet.requests()[0]
    forged = request.error((403, "")).serialize(b"not the password")
    puppet.send(forged)
    assert puppet.agent.selected_path == (A, B)
    puppet.refuse(request, packet, 403)
    assert puppet.agent.selected_path is None and puppet.agent.state is FAILED


def test_consent_can_be_switched_off_and_then_keepalives_flow() -> None:
    puppet = Puppet(config=IceConfig(consent_interval=None))
    puppet.connect()
    puppet.take()
    puppet.wait(61.0)
    sent = puppet.take()
    assert [message.message_class for message, _ in sent] == [MessageClass.INDICATION] * 4
    assert all(message.attributes == [] and message.fingerprint is not None for message, _ in sent)
    assert puppet.agent.selected_path == (A, B)


def test_each_consent_check_is_new_and_sent_once() -> None:
    """RFC 7675 §5.1."""
    puppet = Puppet()
    puppet.connect()
    puppet.take()
    seen: list[Message] = []
    for _ in range(6):
        puppet.wait_answering(5.0)
    puppet.wait(0.0)
    world = World(seed=8).connected()
    mark = len(world.network.log or [])
    world.run(60.0)
    for _, end, packet in (world.network.log or [])[mark:]:
        message = parse_message(packet.data)
        if end == 0 and message.message_class is MessageClass.REQUEST:
            seen.append(message)
    ids = [message.transaction_id for message in seen]
    assert 9 <= len(ids) == len(set(ids)) <= 16
    assert puppet.agent.send_allowed


def test_a_second_pair_does_not_keep_consent_of_the_first() -> None:
    puppet = Puppet()
    puppet.connect()
    other = B._replace(port=2001)
    puppet.agent.add_remote_candidate(host(other, foundation="2"), now=puppet.now)
    puppet.wait(30.5)
    assert puppet.agent.selected_path is None

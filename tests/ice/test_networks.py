"""Two agents on bad networks, behind NATs, told things in any order: they connect, and agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.ice import (
    Candidate,
    CandidateType,
    GatheringDone,
    IceConfig,
    IceConnectionState,
    LocalAddress,
    PairSelected,
    RoleChanged,
    StunServer,
)
from rtcpy.sim import (
    FULL_CONE,
    PORT_RESTRICTED_CONE,
    RESTRICTED_CONE,
    SYMMETRIC,
    LinkConfig,
    NatConfig,
)
from rtcpy.stun import StunError, parse_message
from rtcpy.stun.server import StunServer as AnsweringServer
from tests.ice.world import COMPLETED, CONNECTED, FAILED, SIGNALLING_DELAY, A, B, World, gather, host
from tests.profile import scale

SERVER = StunServer(Address("198.51.100.1", 3478), "stun:one.example:3478")
HOME_A, HOME_B = "192.168.1.2", "192.168.9.2"


# --- loss -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0.0, 0.2, 0.3])
def test_connects_despite_loss(loss: float) -> None:
    """Every seed has a path within 15 s of virtual time, and both sides agree on it in the end."""
    for seed in range(scale(dev=20, ci=100, thorough=1000)):
        world = World(seed=seed, loss=loss)
        world.add_hosts()
        world.signal()
        up = lambda: all(agent.selected_path is not None for agent in world.agents)  # noqa: B023, E731
        assert world.network.drive(until=15.0, stop=up), f"seed {seed}"
        assert world.connect(within=45.0), f"seed {seed}: {[agent.state for agent in world.agents]}"
        world.assert_agreed()


def test_equal_roles_are_sorted_out_despite_loss() -> None:
    """docs/threats.md: equal roles at 30 % loss, all within 15 s, roles agree."""
    for seed in range(scale(dev=20, ci=100, thorough=1000)):
        world = World(seed=seed, loss=0.3, roles=(seed % 2 == 0, seed % 2 == 0))
        world.add_hosts()
        world.signal()
        up = lambda: (  # noqa: E731
            all(agent.selected_path is not None for agent in world.agents)  # noqa: B023
            and world.a.controlling != world.b.controlling  # noqa: B023
        )
        assert world.network.drive(until=15.0, stop=up), f"seed {seed}"
        assert world.connect(within=45.0), f"seed {seed}"
        world.assert_agreed()


@pytest.mark.parametrize("both", [True, False])
def test_equal_roles_and_equal_tie_breakers(both: bool) -> None:
    """docs/threats.md: both yield or both insist; the numbers are drawn anew, and it ends."""
    for seed in range(scale(dev=10, ci=100, thorough=300)):
        world = World(seed=seed, roles=(both, both))
        world.b._role.tie_breaker = world.a._role.tie_breaker
        world.add_hosts()
        world.signal()
        assert world.connect(within=10.0)
        world.assert_agreed()
        switches = sum(len(world.network.events_of(end, RoleChanged)) for end in (0, 1))
        assert 1 <= switches <= 8


@given(st.integers(0, 2**32))
def test_any_mishap_of_the_network_is_survived(seed: int) -> None:
    """Loss, jitter, duplication, reordering and corruption at once."""
    link = LinkConfig(delay=0.03, loss=0.1, jitter=0.05, duplicate=0.2, reorder=0.2, corrupt=0.1)
    world = World(seed=seed, link=link)
    world.add_hosts()
    world.signal()
    assert world.connect(within=60.0)
    world.assert_agreed()


def test_a_seeded_run_repeats_byte_for_byte() -> None:
    def once() -> tuple[object, list[str]]:
        world = World(seed=77, loss=0.3)
        world.add_hosts()
        world.signal()
        world.run(60.0)
        log = [
            (at, end, packet.data, packet.local, packet.remote) for at, end, packet in world.network.log or []
        ]
        return log, [repr(events) for events in world.network.events]

    assert once() == once()


def test_connecting_takes_one_round_trip_after_signalling() -> None:
    """PERFORMANCE: no waits that the RFCs do not ask for."""
    world = World(seed=1)
    world.add_hosts()
    world.signal()
    up = lambda: all(agent.selected_path is not None for agent in world.agents)  # noqa: E731
    assert world.network.drive(until=5.0, stop=up)
    # The answerer's check leaves with the answer, and its answer is back after 40 ms; so is the offerer's.
    assert world.network.now == pytest.approx(2 * SIGNALLING_DELAY + 0.04, abs=0.021)


def test_idle_costs_consent_checks_and_nothing_else() -> None:
    world = World(seed=2).connected()
    world.run(5.0)
    steps, sent = world.network.steps, len(world.network.log or [])
    world.run(100.0)
    per_agent = (len(world.network.log or []) - sent) / 2
    assert 30 <= per_agent <= 52, "one check and one answer every 4…6 s"
    assert world.network.steps - steps <= 2.6 * 2 * per_agent, "about one wake-up a packet"


# --- NATs -----------------------------------------------------------------------------------------------------

NATS = {
    "full cone": FULL_CONE,
    "restricted": RESTRICTED_CONE,
    "port-restricted": PORT_RESTRICTED_CONE,
    "symmetric": SYMMETRIC,
}


def behind_nats(a: NatConfig, b: NatConfig, seed: int = 1, loss: float = 0.0) -> World:
    world = World(seed=seed, loss=loss)
    world.network.add_nat("nat-a", "203.0.113.1", a)
    world.network.add_nat("nat-b", "203.0.113.2", b)
    world.add_hosts([HOME_A], [HOME_B], behind=("nat-a", "nat-b"))
    world.network.add_host("server", AnsweringServer(), [SERVER.address.host])
    world.signal([Address(HOME_A, 4000)], [Address(HOME_B, 4000)], [SERVER])
    return world


@pytest.mark.parametrize("nat_a", list(NATS))
@pytest.mark.parametrize("nat_b", list(NATS))
def test_which_nats_can_be_crossed(nat_a: str, nat_b: str) -> None:
    """The classic table: all but symmetric against symmetric or port-restricted, which need a relay."""
    hard = {nat_a, nat_b}
    impossible = "symmetric" in hard and hard <= {"symmetric", "port-restricted"}
    world = behind_nats(NATS[nat_a], NATS[nat_b])
    connected = world.connect(within=60.0)
    assert connected is not impossible
    if impossible:
        world.run(60.0)
        assert [agent.state for agent in world.agents] == [FAILED, FAILED]
    else:
        world.assert_agreed()
        assert world.network.now < 3.0


def test_nats_and_loss() -> None:
    for seed in range(scale(dev=10, ci=50, thorough=300)):
        world = behind_nats(PORT_RESTRICTED_CONE, PORT_RESTRICTED_CONE, seed, loss=0.2)
        connected = world.connect(within=60.0)
        known = [
            any(c.type is CandidateType.SERVER_REFLEXIVE for c in agent.local_candidates())
            for agent in world.agents
        ]
        assert connected or not all(known), f"seed {seed}"


def test_servers_hear_no_more_of_us_once_ice_has_concluded() -> None:
    """RFC 8445 §5.1.1.4, §8.3.1: bindings are refreshed only until then."""
    world = behind_nats(PORT_RESTRICTED_CONE, PORT_RESTRICTED_CONE)
    assert world.connect(within=5.0)
    world.run(60.0)
    asked = [at for at, _, packet in world.network.log or [] if packet.remote == SERVER.address]
    assert len(asked) == 2 and max(asked) < 1.0


def test_a_peer_behind_a_nat_is_met_as_peer_reflexive() -> None:
    """Without any server: the one in the open learns the address of the other from its check."""
    world = World(seed=1)
    world.network.add_nat("nat", "203.0.113.1", SYMMETRIC)
    world.add_hosts([HOME_A], [B.host], behind=("nat", "internet"))
    world.signal([Address(HOME_A, 4000)], [B])
    assert world.connect(within=5.0)
    (pair,) = [p for p in world.b.list_candidate_pairs() if p.selected]
    assert (pair.remote.type, pair.remote.address) == (CandidateType.PEER_REFLEXIVE, "203.0.113.1")
    (pair,) = [p for p in world.a.list_candidate_pairs() if p.selected]
    assert (pair.local.type, pair.local.address) == (CandidateType.PEER_REFLEXIVE, "203.0.113.1")


def test_several_interfaces_of_which_one_works() -> None:
    world = World(seed=1)
    world.add_hosts(["10.9.0.1", "10.8.0.1", "10.0.0.1"], ["10.0.0.2"])
    world.network.remove_address("a", "10.9.0.1")
    world.network.remove_address("a", "10.8.0.1")
    world.signal([Address("10.9.0.1", 1), Address("10.8.0.1", 1), A], [B])
    assert world.connect(within=5.0)
    world.assert_agreed()
    assert world.a.selected_path == (A, B)


def test_both_families_at_once() -> None:
    world = World(seed=1)
    six_a, six_b = Address("2001:db8::1", 1000), Address("2001:db8::2", 2000)
    world.add_hosts([A.host, six_a.host], [B.host, six_b.host])
    world.signal([A, six_a], [B, six_b])
    assert world.connect(within=5.0)
    assert world.a.selected_path == (six_a, six_b), "IPv6 comes first (RFC 8421 §4)"
    assert len(world.a.list_candidate_pairs()) <= 2, "families are not mixed in a pair"


def test_unusable_neighbours_of_good_candidates_do_no_harm() -> None:
    """A peer lists TCP, `.local`, component 2 and upper-case IPv6 beside the one that works."""

    def spoil(candidate: Candidate) -> Candidate | None:
        for changed in (
            replace(candidate, transport="tcp", tcp_type="active", port=9),
            replace(candidate, address="3f2504e0.local"),
            replace(candidate, component=2, port=candidate.port + 1),
        ):
            for agent in world.agents:
                if agent.local_credentials.ufrag != candidate.ufrag:
                    agent.add_remote_candidate(changed, now=world.network.now)
        return candidate

    world = World(seed=1, keep_candidate=spoil)
    world.connected()
    assert len(world.a.remote_candidates()) == 1


def test_no_trickle_at_all() -> None:
    """Only the answerer knows candidates; the offerer meets it by its checks alone."""
    world = World(seed=1, trickle=False)
    world.add_hosts()
    world.b.add_remote_candidate(host(A), now=0.0)
    world.signal()
    up = lambda: all(agent.state is CONNECTED for agent in world.agents)  # noqa: E731
    assert world.network.drive(until=5.0, stop=up)
    world.assert_agreed()


# --- order ----------------------------------------------------------------------------------------------------


@given(st.data())
def test_any_order_of_signalling_connects(data: Any) -> None:
    """Candidates, credentials and the end of candidates may come in any order, at any time (RFC 8838 §11, §14).

    What comes after the end does not count, so the end is put behind the candidates it ends.
    """
    world = World(seed=data.draw(st.integers(0, 100)), trickle=False)
    addresses = ([A, A._replace(port=1001)], [B, B._replace(port=2001)])
    world.add_hosts()
    for end, agent in enumerate(world.agents):
        other = world.agents[1 - end]

        def told(end: int = end, agent: Any = agent, other: Any = other) -> list[tuple[float, Any]]:
            times = st.floats(0.0, 2.0)
            gathered = data.draw(times)
            items = [(gathered, lambda: gather(agent, addresses[end], (), world.network.now))]
            credentials = other.local_credentials
            items.append(
                (data.draw(times), lambda: agent.set_remote_credentials(credentials, now=world.network.now))
            )
            latest = 0.0
            with_ufrag = data.draw(st.booleans())
            for number, address in enumerate(addresses[1 - end]):
                at = data.draw(times)
                latest = max(latest, at)
                ufrag = credentials.ufrag if with_ufrag else None
                candidate = host(address, foundation=str(number), ufrag=ufrag)
                items.append(
                    (
                        at,
                        lambda candidate=candidate: agent.add_remote_candidate(
                            candidate, now=world.network.now
                        ),
                    )
                )
            ends = latest + data.draw(times)
            items.append((ends, lambda: agent.end_of_remote_candidates(now=world.network.now)))
            return items

        for at, action in told():
            world.network.at(at, action)
    assert world.connect(within=30.0), [agent.state for agent in world.agents]
    world.assert_agreed()


# --- several streams ------------------------------------------------------------------------------------------


def test_three_streams_share_foundations_and_all_connect() -> None:
    """RFC 8445 §6.1.2.6: the second and third list wait for the first, then go at once."""
    world = World(seed=1, streams=3)
    world.add_hosts()
    network = world.network
    local_a = [LocalAddress(A._replace(port=1000 + i), stream=i) for i in range(3)]
    local_b = [LocalAddress(B._replace(port=2000 + i), stream=i) for i in range(3)]
    world.a.gather(local_a, now=0.0)
    world.b.gather(local_b, now=0.0)
    network.settle()
    network.drive(until=SIGNALLING_DELAY * 1.5)  # candidates are known, credentials are not
    for agent, other in ((world.a, world.b), (world.b, world.a)):
        agent.set_remote_credentials(other.local_credentials, now=network.now)
    states = sorted(pair.state for pair in world.a.list_candidate_pairs())
    assert states == ["frozen", "frozen", "in-progress"]
    assert world.connect(within=5.0)
    for stream in range(3):
        mine, theirs = world.a.selected_path_of(stream), world.b.selected_path_of(stream)
        assert mine is not None and theirs is not None and mine == theirs[::-1]
        assert mine == (local_a[stream].address, local_b[stream].address)


def test_one_stream_of_two_fails_and_so_does_the_agent() -> None:
    world = World(seed=1, streams=2, trickle=False)
    world.add_hosts()
    for agent, other, own, theirs in ((world.a, world.b, A, B), (world.b, world.a, B, A)):
        agent.gather([LocalAddress(own), LocalAddress(own._replace(port=own.port + 1), stream=1)], now=0.0)
        agent.set_remote_credentials(other.local_credentials, now=0.0)
        agent.add_remote_candidate(host(theirs), stream=0, now=0.0)
        agent.end_of_remote_candidates(now=0.0)
    world.run(1.0)
    assert world.a.selected_path == (A, B) and world.a.selected_path_of(1) is None
    assert world.a.state is IceConnectionState.CHECKING
    world.run(60.0)
    assert world.a.state is FAILED and world.a.selected_path == (A, B)


# --- restart --------------------------------------------------------------------------------------------------


def restart_both(world: World, b: Address = B) -> None:
    now = world.network.now
    world.a.restart(now=now)
    world.b.restart(now=now)
    world.signal([A], [b])


def test_a_restart_keeps_the_path_until_the_new_one_is_selected() -> None:
    """RFC 8445 §9, §12.1."""
    world = World(seed=1).connected()
    old_states = len(world.states(0))
    world.run(2.0)
    restart_both(world)
    assert world.a.state is CONNECTED, 'W3C: ("completed", ICE restart occurs): "connected"'
    gaps: list[float] = []

    def done() -> bool:
        if world.a.selected_path is None or world.b.selected_path is None:
            gaps.append(world.network.now)
        return all(agent.state is COMPLETED for agent in world.agents)

    assert world.network.drive(until=world.network.now + 5.0, stop=done)
    assert gaps == [], "not for a moment was there no path"
    assert world.states(0)[old_states:] == ["connected", "completed"]
    world.assert_agreed()
    world.run(60.0)
    assert all(agent.state is COMPLETED for agent in world.agents)


def test_a_restart_does_not_move_before_nomination_while_the_old_path_answers() -> None:
    """RFC 8445 §12.1: the selected pair of before stays until there is a new one."""
    world = World(seed=1).connected()
    second = B._replace(port=2500)
    mark = [len(world.network.events_of(end, PairSelected)) for end in (0, 1)]
    restart_both(world, second)
    assert world.connect(within=5.0)
    for end in (0, 1):
        selected = world.network.events_of(end, PairSelected)[mark[end] :]
        assert [(event.nominated, second in (event.local, event.remote)) for event in selected] == [
            (True, True)
        ]


def test_a_restart_moves_at_once_when_the_old_path_is_dead() -> None:
    world = World(seed=1).connected()
    moved = Address("10.0.0.77", 2077)
    world.network.remove_address("b", B.host)
    world.network.add_address("b", moved.host)
    world.run(12.0)
    assert world.a.state is IceConnectionState.DISCONNECTED
    mark = len(world.network.events_of(0, PairSelected))
    restart_both(world, moved)
    assert world.connect(within=5.0)
    assert [event.nominated for event in world.network.events_of(0, PairSelected)[mark:]] == [False, True]


def test_a_restart_moves_to_a_new_address() -> None:
    world = World(seed=1).connected()
    moved = Address("10.0.0.77", 2077)
    world.network.add_address("b", moved.host)
    world.network.remove_address("b", B.host)
    world.run(1.0)
    restart_both(world, moved)
    assert world.connect(within=10.0)
    assert world.a.selected_path == (A, moved) and world.b.selected_path == (moved, A)


def test_a_restart_that_only_one_side_has_heard_of_harms_nothing() -> None:
    """The peer still checks consent with the old credentials: it is answered, and so are we."""
    world = World(seed=1).connected()
    world.a.restart(now=world.network.now)
    gather(world.a, [A], (), world.network.now)
    world.run(100.0)
    assert world.b.state is COMPLETED
    assert world.a.selected_path == (A, B) and world.a.state is CONNECTED


def test_a_restart_can_be_rolled_back() -> None:
    world = World(seed=1).connected()
    before = world.a.local_credentials
    world.a.restart(now=world.network.now)
    gather(world.a, [A], (), world.network.now)
    assert world.a.local_credentials != before
    world.a.rollback_restart(now=world.network.now)
    assert world.a.local_credentials == before and world.a.state is COMPLETED
    world.run(100.0)
    assert all(agent.state is COMPLETED for agent in world.agents)
    restart_both(world)
    assert world.connect(within=5.0)


def test_a_restart_rolled_back_before_the_first_connection_goes_on_checking() -> None:
    world = World(seed=1, loss=0.0)
    world.add_hosts()
    world.signal()
    world.network.link("b", "a").outage(0.0, 1.0)
    world.run(0.5)
    assert world.a.state is IceConnectionState.CHECKING
    world.a.restart(now=world.network.now)
    world.a.rollback_restart(now=world.network.now)
    assert world.connect(within=5.0)
    world.assert_agreed()


def test_a_restart_over_a_restart() -> None:
    """Two in a row, the first never answered: the old path still carries data."""
    world = World(seed=1).connected()
    world.a.restart(now=world.network.now)
    gather(world.a, [A], (), world.network.now)
    world.run(1.0)
    assert world.a.selected_path == (A, B)
    restart_both(world)
    assert world.connect(within=5.0)
    world.assert_agreed()


def test_a_restart_under_loss() -> None:
    for seed in range(scale(dev=10, ci=50, thorough=300)):
        world = World(seed=seed, loss=0.2)
        world.add_hosts()
        world.signal()
        assert world.connect(within=60.0)
        restart_both(world)
        assert world.connect(within=60.0), f"seed {seed}"
        world.assert_agreed()


def test_candidates_of_the_old_session_are_told_apart() -> None:
    """RFC 8838 §9: delayed ones must not enter the new session."""
    world = World(seed=1).connected()
    old = world.b.local_credentials.ufrag
    now = world.network.now
    world.a.restart(now=now), world.b.restart(now=now)
    gather(world.a, [A], (), now)
    world.a.add_remote_candidate(host(B._replace(port=5), ufrag=old), now=now)
    world.a.set_remote_credentials(world.b.local_credentials, now=now)
    world.a.add_remote_candidate(host(B._replace(port=6), ufrag=old), now=now)
    assert world.a.remote_candidates() == []
    assert world.a.dropped == {"candidate of an old session (RFC 8838 §11)": 2}


def test_old_credentials_stop_answering_some_time_after_the_restart() -> None:
    world = World(seed=1, config=IceConfig(retire_delay=5.0)).connected()
    old_check = next(
        packet for _, end, packet in world.network.log or [] if end == 1 and is_request(packet.data)
    )
    restart_both(world)
    assert world.connect(within=5.0)
    for wait, answers in ((1.0, 1), (10.0, 0)):
        world.run(wait)
        mark = len(world.network.log or [])
        world.network.inject(old_check.data, B, A)
        world.run(0.1)
        sent = [
            packet
            for _, end, packet in (world.network.log or [])[mark:]
            if end == 0 and packet.data[8:20] == old_check.data[8:20]
        ]
        assert len(sent) == answers
    assert world.a.dropped.get("request whose USERNAME is not ours (RFC 8489 §9.1.3)") == 1


def is_request(data: bytes) -> bool:
    try:
        return parse_message(data).message_class == 0
    except StunError:
        return False


def test_a_restart_has_new_credentials_and_its_own_end_of_gathering() -> None:
    world = World(seed=1).connected()
    first = world.a.local_credentials
    second = world.a.restart(now=world.network.now)
    assert second.ufrag != first.ufrag and second.pwd != first.pwd
    gather(world.a, [A], (), world.network.now)
    world.network.settle()
    assert [event.ufrag for event in world.network.events_of(0, GatheringDone)] == [first.ufrag, second.ufrag]

"""Hostile input: the rows of STUN and ICE in the threat table, each with its test."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address, Datagram
from rtcpy.ice import IceCredentials
from rtcpy.sim import corrupted
from rtcpy.stun import (
    ICE_CONTROLLING,
    PRIORITY,
    SOFTWARE,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    Message,
    MessageClass,
    Method,
    short_term_key,
)
from tests.ice.world import FAILED, PEER, A, B, Puppet, World, gather, host
from tests.profile import scale

STRANGER = Address("10.66.6.6", 666)
UNSIGNED = "request without MESSAGE-INTEGRITY (RFC 8489 §9.1.3)"
UNAUTHENTIC = (
    "request whose MESSAGE-INTEGRITY is wrong: another password, or a changed byte (RFC 8489 §9.1.3)"
)
UNSIGNED_RESPONSE = "response without MESSAGE-INTEGRITY (RFC 8489 §9.1.4)"
FORGED = "response whose MESSAGE-INTEGRITY is wrong: another password, or a changed byte (RFC 8489 §9.1.4)"


def assert_untouched(puppet: Puppet) -> None:
    """The agent has learnt nothing, believes nothing, sends nothing."""
    agent = puppet.agent
    assert agent.remote_candidates() == [] and agent.list_candidate_pairs() == []
    assert not agent.is_validated(A, STRANGER) and agent.selected_path is None
    assert puppet.take() == []
    puppet.wait(3.0)
    assert puppet.take() == []


# --- requests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda p, m: m.serialize(b"wrong password"), UNAUTHENTIC),
        (lambda p, m: m.serialize(None), UNSIGNED),
        (lambda p, m: m.serialize(p.key, fingerprint=False), "request without FINGERPRINT (RFC 8445 §7.1)"),
        (lambda p, m: m.serialize(short_term_key(PEER.pwd)), UNAUTHENTIC),
        (lambda p, m: m.serialize(b""), UNAUTHENTIC),
    ],
)
def test_requests_that_do_not_authenticate_have_no_effect(known: bool, forge: object, reason: str) -> None:
    """docs/threats.md: "no effect, no candidate learnt"; and not even an answer, so that nothing is amplified."""
    puppet = Puppet(known=known)
    data = forge(puppet, puppet.message(use_candidate=True, controlling=True, tie_breaker=2**64 - 1))  # type: ignore[operator]
    puppet.send(data, source=STRANGER)
    assert puppet.agent.dropped == {reason: 1}
    assert puppet.agent.controlling, "a forged role conflict changes no role"
    assert_untouched(puppet)


@pytest.mark.parametrize(
    "username", ["", "nobody:peer", ":peer", "peer", "::", "x" * 400, "ünï:peer", "peer:{ours}"]
)
def test_a_wrong_username_has_no_effect(username: str) -> None:
    puppet = Puppet()
    message = puppet.message()
    message.attributes[0] = USERNAME(username.replace("{ours}", puppet.agent.local_credentials.ufrag))
    puppet.send(message, source=STRANGER)
    assert puppet.agent.dropped == {"request whose USERNAME is not ours (RFC 8489 §9.1.3)": 1}
    assert_untouched(puppet)


def test_a_request_without_username_has_no_effect() -> None:
    puppet = Puppet()
    message = puppet.message()
    del message.attributes[0]
    puppet.send(message, source=STRANGER)
    assert_untouched(puppet)


def test_somebody_who_knows_our_password_but_is_not_our_peer() -> None:
    """Right integrity, another ufrag behind the colon: answered (§7.3), but not believed."""
    puppet = Puppet()
    puppet.send(puppet.message(username=f"{puppet.agent.local_credentials.ufrag}:evil"), source=STRANGER)
    assert len(puppet.take()) == 1
    assert_untouched(puppet)


def test_attributes_behind_the_integrity_do_not_count() -> None:
    """RFC 8489 §14.5: USE-CANDIDATE smuggled in behind the HMAC nominates nothing."""
    puppet = Puppet(controlling=False)
    data = puppet.message().serialize(puppet.key, fingerprint=False)
    data += (0x0025).to_bytes(2, "big") + b"\0\0"
    padded = data[:2] + (len(data) - 20 + 8).to_bytes(2, "big") + data[4:]
    from rtcpy.stun.integrity import fingerprint

    padded += b"\x80\x28\x00\x04" + fingerprint(padded).to_bytes(4, "big")
    puppet.send(padded)
    puppet.answer_all()
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.state == "succeeded" and not pair.nominated


@pytest.mark.parametrize(
    "source", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1", "::ffff:10.0.0.9"]
)
def test_no_answer_and_no_check_goes_to_addresses_that_reach_others(source: str) -> None:
    puppet = Puppet()
    puppet.send(puppet.message(), source=Address(source, 5))
    assert puppet.take() == []
    assert puppet.agent.dropped == {"request from an address that must not be sent to (RFC 8445 §19.5.1)": 1}


def test_a_socket_that_is_not_ours() -> None:
    puppet = Puppet()
    puppet.send(puppet.message(), to=Address("10.0.0.9", 9))
    assert puppet.agent.dropped == {"request to an address that was not gathered (RFC 8445 §7.3)": 1}
    assert_untouched(puppet)


@pytest.mark.parametrize("method", [Method.ALLOCATE, Method.SEND, 0x0FFF])
def test_other_methods(method: int) -> None:
    puppet = Puppet()
    message = puppet.message()
    message.method = method
    puppet.send(message)
    assert puppet.agent.dropped == {"not a Binding message (RFC 8445 §7.3)": 1}
    assert_untouched(puppet)


# --- responses ------------------------------------------------------------------------------------------------


def checking() -> tuple[Puppet, Message, Datagram]:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((request, packet),) = puppet.requests()
    return puppet, request, packet


@pytest.mark.parametrize("key", [None, b"", b"wrong", short_term_key("p" * 23)])
@pytest.mark.parametrize("code", [None, 487, 400, 401, 403, 420])
def test_a_forged_response_with_the_right_transaction_id_is_as_if_never_received(
    key: bytes | None, code: int | None
) -> None:
    """docs/threats.md: forged success or 487 with a captured transaction id. RFC 8489 §9.1.4."""
    puppet, request, packet = checking()
    response = (
        request.success([XOR_MAPPED_ADDRESS(A)]) if code is None else request.error(ErrorCode(code, ""))
    )
    puppet.send(response.serialize(key))
    assert puppet.agent.dropped == {UNSIGNED_RESPONSE if key is None else FORGED: 1}
    assert puppet.agent.controlling and puppet.agent.selected_path is None
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["in-progress"]
    puppet.answer(request, packet)
    assert puppet.agent.selected_path == (A, B), "the true answer still counts"


def test_a_response_without_fingerprint_does_not_count() -> None:
    puppet, request, _ = checking()
    puppet.send(
        request.success([XOR_MAPPED_ADDRESS(A)]).serialize(short_term_key(PEER.pwd), fingerprint=False)
    )
    assert puppet.agent.dropped == {"response without FINGERPRINT (RFC 8445 §7.1)": 1}
    assert puppet.agent.selected_path is None


def test_a_response_from_another_address_fails_the_pair() -> None:
    """§7.2.5.2.1: non-symmetric."""
    puppet, request, packet = checking()
    puppet.answer(request, packet, source=STRANGER)
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["failed"]
    assert not puppet.agent.is_validated(A, STRANGER) and not puppet.agent.is_validated(A, B)


def test_a_response_to_another_socket_of_ours_fails_the_pair() -> None:
    puppet, request, _ = checking()
    data = request.success([XOR_MAPPED_ADDRESS(A)]).serialize(short_term_key(PEER.pwd))
    puppet.send(data, source=B, to=A._replace(port=1))
    assert [pair.state for pair in puppet.agent.list_candidate_pairs()] == ["failed"]


def test_a_response_without_mapped_address_proves_nothing() -> None:
    puppet, request, packet = checking()
    puppet.send(request.success().serialize(short_term_key(PEER.pwd)))
    assert puppet.agent.selected_path is None
    puppet.answer(request, packet)
    assert puppet.agent.selected_path == (A, B)


def test_a_captured_response_cannot_be_used_again() -> None:
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    ((request, packet),) = puppet.requests()
    for _ in range(5):
        puppet.answer(request, packet)
    (pair,) = puppet.agent.list_candidate_pairs()
    assert pair.responses_received == 1
    assert puppet.agent.dropped == {"response to no request of ours (RFC 8489 §6.3.3)": 4}


def test_an_asymmetric_answer_to_a_consent_check_neither_renews_nor_ends_it() -> None:
    puppet = Puppet()
    puppet.connect()
    puppet.wait(6.1)
    (request, packet), *_ = puppet.requests()
    puppet.answer(request, packet, source=STRANGER)
    assert puppet.agent.selected_path == (A, B)
    puppet.wait(24.0)
    assert puppet.agent.selected_path is None


# --- whole sessions -------------------------------------------------------------------------------------------


def test_a_wrong_password_never_connects() -> None:
    world = World(seed=1)
    world.add_hosts()
    gather(world.a, [A], (), 0.0)
    gather(world.b, [B], (), 0.0)
    for agent, other in ((world.a, world.b), (world.b, world.a)):
        wrong = IceCredentials(other.local_credentials.ufrag, "x" * 22)
        agent.set_remote_credentials(wrong, now=0.0)
    world.run(100.0)
    assert [agent.state for agent in world.agents] == [FAILED, FAILED]
    assert not world.a.is_validated(A, B) and world.a.selected_path is None


def test_a_wrong_password_on_one_side_fails_that_side_though_the_other_keeps_checking() -> None:
    """The peer's authentic checks begin ours anew each time; without an answer that is not `checking` for ever."""
    puppet = Puppet(controlling=False)
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    puppet.agent.end_of_remote_candidates(now=0.0)
    while puppet.now < 79.0:
        assert puppet.agent.state.value == "checking" or puppet.now > 39.5
        puppet.send(puppet.message(use_candidate=True))
        puppet.wait(2.0)
        for request, _ in puppet.requests():
            puppet.send(request.success([XOR_MAPPED_ADDRESS(A)]).serialize(b"wrong"))
    assert puppet.agent.state is FAILED and puppet.agent.selected_path is None


def test_a_wrong_ufrag_never_connects() -> None:
    world = World(seed=1)
    world.add_hosts()
    gather(world.a, [A], (), 0.0)
    gather(world.b, [B], (), 0.0)
    for agent, other in ((world.a, world.b), (world.b, world.a)):
        agent.set_remote_credentials(IceCredentials("nope", other.local_credentials.pwd), now=0.0)
        agent.add_remote_candidate(host(B if agent is world.a else A), now=0.0)
    world.run(100.0)
    assert world.a.selected_path is None and world.b.selected_path is None
    assert not world.a.is_validated(A, B)


def test_injection_during_set_up_and_after_changes_nothing() -> None:
    """docs/threats.md: on and off the path at 300 a second: up, intact, nothing accepted."""
    rng = random.Random(1)
    world = World(seed=1)
    world.add_hosts()
    world.signal()
    network = world.network
    captured: list[bytes] = []
    network_log = network.log
    assert network_log is not None

    def attack() -> None:
        for _, _, packet in network_log[len(captured) :]:
            captured.append(packet.data)
        for source in (STRANGER, A, B):
            for destination in (A, B):
                data = rng.choice(captured) if captured and rng.random() < 0.7 else rng.randbytes(80)
                if rng.random() < 0.5:
                    data = corrupted(data, rng)
                if destination.host != source.host:
                    network.inject(data, source, destination)

    for step in range(20 * 60):
        network.at(step / 60, attack)
    assert world.connect(within=5.0)
    network.drive(until=20.0)
    world.assert_agreed()
    assert world.a.selected_path == (A, B)
    for agent in world.agents:
        # Faster than the path, the attacker may be first with a captured request and be met as peer-reflexive;
        # but what is sent to him he cannot answer.
        assert all(
            p.state != "succeeded" for p in agent.list_candidate_pairs() if p.remote.address == STRANGER.host
        )
        assert len(agent.list_candidate_pairs()) <= 2
    assert all(event != "disconnected" for end in (0, 1) for event in world.states(end))


def test_a_captured_request_from_another_address_teaches_nothing() -> None:
    """Integrity does not cover the source: only the first source of a transaction id is believed."""
    puppet = Puppet()
    data = puppet.message(use_candidate=True).serialize(puppet.key)
    puppet.send(data)
    puppet.take()
    puppet.send(data, source=STRANGER)
    puppet.send(data)
    assert [packet.remote for _, packet in puppet.take()] == [STRANGER, B], (
        "answered, as any authentic request"
    )
    assert not puppet.agent.is_validated(A, STRANGER) and puppet.agent.is_validated(A, B)
    assert len(puppet.agent.remote_candidates()) == 1
    for _ in range(500):
        puppet.send(puppet.message())
    assert len(puppet.agent._sessions.current.seen) <= 64


def test_replayed_datagrams_of_a_whole_session_change_nothing() -> None:
    """docs/threats.md: everything sent again, at once and later."""
    world = World(seed=2).connected()
    world.run(20.0)
    log = list(world.network.log or [])
    before = [agent.list_candidate_pairs()[0].nominated for agent in world.agents]
    for _, _, packet in log:
        world.network.inject(packet.data, packet.local, packet.remote)
    world.run(1.0)
    assert [len(agent.list_candidate_pairs()) for agent in world.agents] == [1, 1]
    assert [agent.list_candidate_pairs()[0].nominated for agent in world.agents] == before
    world.assert_agreed()


def test_floods_of_forged_traffic_leave_nothing_behind() -> None:
    puppet = Puppet()
    puppet.connect()
    puppet.take()
    for number in range(scale(dev=2000, ci=5000, thorough=50_000)):
        message = puppet.message()
        puppet.send(
            message.serialize(b"wrong"), source=Address(f"10.3.{number % 250}.1", 1 + number % 60_000)
        )
    assert puppet.take() == []
    assert len(puppet.agent.dropped) == 1, "counted by reason, not by source"
    assert len(puppet.agent.remote_candidates()) == 1
    assert puppet.agent.selected_path == (A, B)


attributes = st.lists(
    st.one_of(
        st.text(max_size=40).filter(lambda t: len(t.encode("utf-8", "replace")) < 400).map(USERNAME),
        st.integers(0, 2**32 - 1).map(PRIORITY),
        st.just(USE_CANDIDATE(True)),
        st.integers(0, 2**64 - 1).map(ICE_CONTROLLING),
        st.text("ab", max_size=10).map(SOFTWARE),
        st.builds(lambda port: XOR_MAPPED_ADDRESS(Address("203.0.113.5", port)), st.integers(0, 65535)),
    ),
    max_size=8,
)


@given(
    st.lists(
        st.tuples(
            attributes, st.sampled_from(MessageClass), st.booleans(), st.sampled_from([A, B, STRANGER])
        ),
        max_size=12,
    )
)
def test_no_message_however_odd_breaks_the_agent(
    messages: list[tuple[list[object], MessageClass, bool, Address]],
) -> None:
    """Even correctly signed nonsense: no exception, progress in time, bounded tables."""
    puppet = Puppet()
    puppet.agent.add_remote_candidate(host(B), now=0.0)
    for extra, message_class, signed, source in messages:
        message = puppet.message(message_class)
        message.attributes += extra  # type: ignore[arg-type]
        puppet.send(message.serialize(puppet.key if signed else b"no"), source=source)
        puppet.wait(0.02)
        puppet.take()
    puppet.wait(120.0)
    assert len(puppet.agent.list_candidate_pairs()) <= 3


@given(st.binary(max_size=200))
def test_any_bytes_are_dropped(data: bytes) -> None:
    puppet = Puppet()
    puppet.send(data)
    assert sum(puppet.agent.dropped.values()) == 1 or data[:2] == b"\x00\x11"
    assert puppet.take() == []


def test_mutations_of_real_traffic() -> None:
    """Seeded corruption of every datagram of a session, into both agents, in all states."""
    rng = random.Random(5)
    rounds = scale(dev=3, ci=20, thorough=400)
    reference = World(seed=3).connected()
    reference.run(12.0)
    traffic = [(end, packet) for _, end, packet in reference.network.log or []]
    for number in range(rounds):
        world = World(seed=3)
        world.add_hosts()
        world.signal()
        world.run(rng.random() * 0.2)
        for end, packet in traffic:
            target = world.agents[1 - end]
            for _ in range(10):
                mutated = corrupted(packet.data, rng)
                target.receive(Datagram(mutated, packet.remote, packet.local), now=world.network.now)
        world.network.settle()
        assert world.connect(within=60.0), f"round {number}"
        world.assert_agreed()

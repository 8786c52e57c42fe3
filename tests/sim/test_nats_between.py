"""Whole peers behind every pair of NATs that ICE can cross with a STUN server alone, and those that it cannot."""

from __future__ import annotations

import itertools

import pytest

from rtcpy.sim import (
    FULL_CONE,
    PORT_RESTRICTED_CONE,
    RESTRICTED_CONE,
    SYMMETRIC,
    Behaviour,
    LinkConfig,
    NatConfig,
    PortAllocation,
)
from tests.sim.call import NAT_FACES, Call

NATS: dict[str, NatConfig | None] = {
    "public": None,
    "full-cone": FULL_CONE,
    "restricted": RESTRICTED_CONE,
    "port-restricted": PORT_RESTRICTED_CONE,
    "symmetric": SYMMETRIC,
}
# Where both sides' mappings depend on the remote port and filters look at it too, nobody can guess the other's face.
IMPASSABLE = {
    ("symmetric", "symmetric"),
    ("symmetric", "port-restricted"),
    ("port-restricted", "symmetric"),
}


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NATS, NATS)))
def test_pairs_of_nats(a: str, b: str) -> None:
    """RFC 4787 §4 and §5; RFC 8445 §2.1 for the why."""
    call = Call(seed=f"{a}/{b}", nats=(NATS[a], NATS[b]), link=LinkConfig(loss=0.02, jitter=0.003))
    connected = call.connect(limit=60.0)
    assert connected is ((a, b) not in IMPASSABLE)
    if connected:
        call.send(0, "through")
        assert call.run(10.0, lambda: call.received[1] == ["through"])
        call.run(300.0)
        assert [call.state(end) for end in (0, 1)] == ["connected", "connected"], (
            "keep-alives keep mappings alive"
        )


def test_mappings_that_die_early_are_kept_alive_by_consent() -> None:
    """RFC 7675 §5.1: checks every 5 s refresh a mapping that lasts 15."""
    short = NatConfig(timeout=15.0)
    call = Call(nats=(short, short))
    assert call.connect()
    call.run(200.0)
    call.send(1, "still there")
    assert call.run(5.0, lambda: call.received[0] == ["still there"])


def test_a_rebooted_nat_is_survived_as_a_new_path_or_by_a_restart() -> None:
    """The face changes under a running call: the other side learns it from a check, or a restart finds it."""
    random_ports = NatConfig(ports=PortAllocation.RANDOM, filtering=Behaviour.ENDPOINT_INDEPENDENT)
    call = Call(seed=4, nats=(random_ports, None))
    assert call.connect()
    call.run(10.0)
    call.net.nats["nat0"].forget()
    call.run(40.0)
    if "failed" in (call.state(0), call.state(1)):
        call.restart_ice(0 if call.state(0) == "failed" else 1)
        assert call.run(20.0, lambda: call.state(0) == call.state(1) == "connected")
    call.send(0, "here again")
    call.send(1, "and back")
    assert call.run(60.0, lambda: call.received == [["and back"], ["here again"]])


def test_a_firewall_without_udp_fails_and_says_so() -> None:
    call = Call(nats=(NatConfig(blocks_udp=True), None))
    assert not call.connect(limit=60.0)
    assert call.state(0) == "failed"


def test_two_behind_the_same_address_space_do_not_meet_strangers() -> None:
    """Both households use 192.168.0.0/24: a private candidate must not connect to the wrong host."""
    call = Call(nats=(PORT_RESTRICTED_CONE, PORT_RESTRICTED_CONE))
    assert call.connect()
    stats = call.peers[0].get_stats(now=call.now)
    selected = stats[str(stats["T0"]["selectedCandidatePairId"])]
    assert stats[str(selected["remoteCandidateId"])]["address"] == NAT_FACES[1]

"""NATs behave as RFC 4787 names them, each of the nine combinations, and hairpins, ports and timeouts."""

from __future__ import annotations

import random

import pytest

from rtcpy.core.machine import Address
from rtcpy.sim import Behaviour, Nat, NatConfig, PortAllocation
from rtcpy.sim.nat import MAPPINGS_LIMIT

INSIDE = Address("192.168.1.5", 5000)
A, A2, B = Address("198.51.100.1", 80), Address("198.51.100.1", 81), Address("198.51.100.2", 80)
EI, AD, APD = (
    Behaviour.ENDPOINT_INDEPENDENT,
    Behaviour.ADDRESS_DEPENDENT,
    Behaviour.ADDRESS_AND_PORT_DEPENDENT,
)


def nat(**properties: object) -> Nat:
    return Nat("203.0.113.1", NatConfig(**properties), rng=random.Random(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mapping", "same_for_a2", "same_for_b"), [(EI, True, True), (AD, True, False), (APD, False, False)]
)
def test_mapping_behaviours(mapping: Behaviour, same_for_a2: bool, same_for_b: bool) -> None:
    """RFC 4787 §4.1."""
    box = nat(mapping=mapping)
    to_a, to_a2, to_b = (box.outbound(INSIDE, remote, now=0.0) for remote in (A, A2, B))
    assert to_a is not None and to_a.host == "203.0.113.1"
    assert (to_a == to_a2) is same_for_a2
    assert (to_a == to_b) is same_for_b
    assert box.outbound(INSIDE, A, now=1.0) == to_a


@pytest.mark.parametrize(
    ("filtering", "a2_enters", "b_enters"), [(EI, True, True), (AD, True, False), (APD, False, False)]
)
@pytest.mark.parametrize("mapping", [EI, AD, APD])
def test_filtering_behaviours(
    mapping: Behaviour, filtering: Behaviour, a2_enters: bool, b_enters: bool
) -> None:
    """RFC 4787 §5."""
    box = nat(mapping=mapping, filtering=filtering)
    face = box.outbound(INSIDE, A, now=0.0)
    assert face is not None
    assert box.inbound(A, face, now=0.1) == INSIDE
    assert (box.inbound(A2, face, now=0.1) == INSIDE) is a2_enters
    assert (box.inbound(B, face, now=0.1) == INSIDE) is b_enters
    assert box.filtered == [a2_enters, b_enters].count(False)


def test_nobody_enters_where_nobody_left() -> None:
    assert nat(filtering=EI).inbound(A, Address("203.0.113.1", 5000), now=0.0) is None


def test_ports_are_preserved_until_taken() -> None:
    box = nat(ports=PortAllocation.PRESERVE)
    other = Address("192.168.1.6", INSIDE.port)
    first, second = box.outbound(INSIDE, A, now=0.0), box.outbound(other, A, now=0.0)
    assert first == Address("203.0.113.1", INSIDE.port)
    assert second is not None and second.port != INSIDE.port


def test_ports_in_sequence_and_at_random() -> None:
    box = nat(mapping=APD, ports=PortAllocation.SEQUENTIAL)
    ports = [face.port for remote in (A, A2, B) if (face := box.outbound(INSIDE, remote, now=0.0))]
    assert ports == [1024, 1025, 1026]
    box = nat(mapping=APD, ports=PortAllocation.RANDOM)
    ports = [face.port for remote in (A, A2, B) if (face := box.outbound(INSIDE, remote, now=0.0))]
    assert (len(set(ports)) == 3 and ports != sorted(ports)) or ports[1] - ports[0] != 1


def test_a_mapping_dies_of_silence_and_the_next_may_differ() -> None:
    """RFC 4787 §4.3."""
    box = nat(mapping=APD, ports=PortAllocation.SEQUENTIAL, timeout=30.0)
    face = box.outbound(INSIDE, A, now=0.0)
    assert face is not None
    assert box.inbound(A, face, now=29.0) == INSIDE  # and refreshes it
    assert box.inbound(A, face, now=58.0) == INSIDE
    assert box.inbound(A, face, now=88.1) is None
    assert box.outbound(INSIDE, A, now=89.0) != face
    assert len(box.mappings(89.0)) == 1


def test_without_inbound_refresh_only_sending_keeps_a_mapping() -> None:
    box = nat(timeout=30.0, refresh_inbound=False)
    face = box.outbound(INSIDE, A, now=0.0)
    assert face is not None
    assert box.inbound(A, face, now=29.0) == INSIDE
    assert box.inbound(A, face, now=30.0) is None


def test_a_firewall_lets_nothing_pass() -> None:
    box = nat(blocks_udp=True)
    assert box.outbound(INSIDE, A, now=0.0) is None and box.filtered == 1


def test_a_reboot_forgets() -> None:
    box = nat()
    face = box.outbound(INSIDE, A, now=0.0)
    assert face is not None
    box.forget()
    assert box.inbound(A, face, now=0.0) is None and box.mappings(0.0) == []


def test_the_table_is_bounded_and_recovers() -> None:
    box = nat(mapping=APD, timeout=60.0)
    given = [box.outbound(INSIDE, Address("198.51.100.9", 1 + i), now=0.0) for i in range(MAPPINGS_LIMIT + 5)]
    assert given.count(None) == 5 and len(box.mappings(0.0)) == MAPPINGS_LIMIT
    assert len({face for face in given if face}) == MAPPINGS_LIMIT, "no two share a port"
    assert box.outbound(INSIDE, A, now=61.0) is not None

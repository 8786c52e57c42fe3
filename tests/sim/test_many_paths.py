"""Hosts with several addresses, of both families, and servers that do not answer: ICE finds what works, at once."""

from __future__ import annotations

import pytest

from rtcpy.core.machine import Address
from rtcpy.sim import LinkConfig
from tests.profile import scale
from tests.sim.call import Call

FOUR, SIX = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")


def selected(call: Call, end: int) -> tuple[str, str]:
    """Local and remote address of the path in use."""
    stats = call.peers[end].get_stats(now=call.now)
    pair = stats[str(stats["T0"]["selectedCandidatePairId"])]
    return tuple(str(stats[str(pair[key])]["address"]) for key in ("localCandidateId", "remoteCandidateId"))  # type: ignore[return-value]


def test_ipv6_alone() -> None:
    call = Call(hosts=(SIX[:1], SIX[1:]))
    assert call.connect()
    assert selected(call, 0) == SIX


def test_both_families_agree_on_one_path() -> None:
    call = Call(hosts=((SIX[0], FOUR[0]), (SIX[1], FOUR[1])))
    assert call.connect()
    call.run(5.0)
    assert selected(call, 0) == tuple(reversed(selected(call, 1)))
    call.send(0, "over one path")
    assert call.run(2.0, lambda: call.received[1] == ["over one path"])


def test_one_family_on_one_side_only() -> None:
    call = Call(hosts=((SIX[0], FOUR[0]), (FOUR[1],)))
    assert call.connect()
    assert selected(call, 0) == FOUR


@pytest.mark.parametrize("working", [0, 1])
@pytest.mark.parametrize("seed", range(scale(dev=2, ci=5, thorough=50)))
def test_a_candidate_that_leads_nowhere_delays_nothing(working: int, seed: int) -> None:
    """One of two networks is there on both sides, but carries nothing."""
    hosts = (("192.0.2.1", "198.51.100.1"), ("192.0.2.2", "198.51.100.2"))
    call = Call(seed=seed, hosts=hosts, link=LinkConfig(jitter=0.004))
    dead = hosts[0][1 - working].rpartition(".")[0]
    call.start()
    for end in (0, 1):
        broken = [host for host in hosts[end] if host.startswith(dead)]
        call.net.at(
            0.06,
            lambda end=end, broken=broken: [call.net.remove_address(f"end{end}", host) for host in broken],
        )
    assert call.run(20.0, call.is_open)
    assert call.now < 1.5
    assert selected(call, 0) == (hosts[0][working], hosts[1][working])


@pytest.mark.parametrize("trickle", [True, False])
def test_dead_servers_delay_nothing_but_the_end_of_gathering(trickle: bool) -> None:
    """All servers are asked at once; without trickling the description waits for the gathering to give up."""
    call = Call(stun=True, dead_servers=3, trickle=trickle)
    assert call.connect()
    if trickle:
        assert call.now < 0.5
    else:
        assert call.now < 12.0
    assert any("srflx" in text or "typ host" in text for _, _, text in call.signalled)


def test_a_lost_interface_is_replaced_by_a_restart() -> None:
    """Wi-Fi goes, the mobile network comes: new addresses, the same channel."""
    call = Call(seed=2)
    assert call.connect()
    call.run(5.0)
    call.net.remove_address("end0", FOUR[0])
    call.net.add_address("end0", "198.51.100.77")
    call.send(1, "sent while moving")
    call.run(1.0)
    call.restart_ice(0)
    assert call.run(20.0, lambda: call.received[0] == ["sent while moving"])
    call.run(5.0)
    assert selected(call, 1) == (FOUR[1], "198.51.100.77")
    assert call.opened == [["chat"], ["chat"]]
    assert call.addresses[0] == Address("198.51.100.77", 5002)

"""The network goes away and comes back: short outages heal, long ones are told, and an ICE restart recovers."""

from __future__ import annotations

import pytest

from rtcpy.sim import LinkConfig
from tests.sim.call import Call
from tests.sim.test_death import EARLIEST


def connected(seed: int = 0) -> Call:
    call = Call(seed=seed, link=LinkConfig(loss=0.02, jitter=0.003))
    assert call.connect()
    call.run(10.0)
    return call


@pytest.mark.parametrize("duration", [5.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_short_outages_heal_by_themselves(duration: float, seed: int) -> None:
    call = connected(seed)
    call.net.outage(call.now, duration)
    call.run(1.0)
    call.send(0, "sent into the dark")
    call.run(duration + 40.0, lambda: bool(call.received[1]))
    assert call.received[1] == ["sent into the dark"]
    call.run(20.0)
    for end in (0, 1):
        assert call.state(end) == "connected"
        assert "failed" not in [state for _, state in call.states[end]]
    call.send(1, "still here")
    assert call.run(5.0, lambda: call.received[0] == ["still here"])


def test_a_long_outage_is_disconnected_then_failed_and_a_restart_recovers() -> None:
    """W3C webrtc §5.6.4, RFC 7675 §5.1: consent lasts 30 s after the last answer."""
    call = connected()
    began = call.now
    call.net.outage(began, 35.0)
    call.send(0, "sent into the dark")
    call.run(36.0)
    for end in (0, 1):
        later = [(at, state) for at, state in call.states[end] if at > began]
        assert [state for _, state in later] == ["disconnected", "failed"], later
        assert later[0][0] - began < 15.0
        assert EARLIEST <= later[1][0] - began <= 30.1
    call.restart_ice(0)
    assert call.run(20.0, lambda: call.state(0) == call.state(1) == "connected")
    assert call.run(80.0, lambda: call.received[1] == ["sent into the dark"])
    call.send(1, "back again")
    assert call.run(10.0, lambda: call.received[0] == ["back again"])
    assert call.opened == [["chat"], ["chat"]], "the channel is the same one"


def test_nothing_is_sent_without_consent() -> None:
    """RFC 7675 §5.1: after expiry, no data; only checks of a restart may leave."""
    call = connected()
    began = call.now
    call.net.outage(began, 100.0)
    call.send(0, "x" * 3000)
    call.run(45.0)
    assert call.net.log is not None
    late = [packet.data for at, end, packet in call.net.log if at > began + 36.0 and end < 2]
    assert all(data[0] < 4 for data in late), "a first byte of 20…63 is DTLS (RFC 7983 §7)"


def test_restart_on_a_working_connection_interrupts_nothing() -> None:
    call = connected()
    for number in range(40):
        call.net.at(call.now + number * 0.1, lambda number=number: call.send(0, str(number)))
    call.run(1.0)
    before = call.addresses[0]
    call.restart_ice(1)
    call.run(20.0)
    assert call.received[1] == [str(number) for number in range(40)]
    assert call.addresses[0] != before, "new candidates were gathered"
    for end in (0, 1):
        assert {state for _, state in call.states[end]} <= {"connecting", "connected"}
        assert call.state(end) == "connected"

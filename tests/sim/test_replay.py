"""Every datagram of a session sent again, at once and later: nothing is delivered twice, nothing breaks."""

from __future__ import annotations

import pytest

from rtcpy.sim import LinkConfig
from tests.sim.call import Call


def exchange(call: Call, count: int) -> None:
    """Some messages each way."""
    for number in range(count):
        for end in (0, 1):
            call.send(end, f"{end} {number}")
    call.run(5.0)


@pytest.mark.parametrize("options", [{}, {"ordered": False, "max_retransmits": 0}])
def test_a_doubling_network_delivers_once(options: dict[str, object]) -> None:
    """Each datagram arrives twice, at once; each is sent a third time 1 s later by an eavesdropper."""
    call = Call(seed=1, link=LinkConfig(duplicate=1.0, jitter=0.002))
    tapped = 0

    def eavesdrop() -> None:
        nonlocal tapped
        assert call.net.log is not None
        for _, end, packet in call.net.log[tapped:]:
            if end < 2 and packet.data[0] >= 20:
                call.net.inject(packet.data, packet.local, packet.remote, at=call.now + 1.0)
        tapped = len(call.net.log)
        call.net.at(call.now + 0.01, eavesdrop)

    eavesdrop()
    call.start(**options)
    assert call.run(30.0, call.is_open)
    exchange(call, 30)
    call.run(10.0)
    assert sorted(map(str, call.received[0])) == sorted(f"1 {n}" for n in range(30))
    assert sorted(map(str, call.received[1])) == sorted(f"0 {n}" for n in range(30))


def test_a_whole_session_replayed_later_is_ignored() -> None:
    call = Call(seed=2)
    assert call.connect()
    exchange(call, 20)
    before = [list(got) for got in call.received]
    assert call.net.log is not None
    recorded = [(at, packet) for at, end, packet in call.net.log if end < 2]
    start = call.now + 1.0
    for at, packet in recorded:
        call.net.inject(packet.data, packet.local, packet.remote, at=start + at)
    call.run(recorded[-1][0] + 10.0)
    assert call.received == before
    assert [call.state(end) for end in (0, 1)] == ["connected", "connected"]
    assert all([state for _, state in call.states[end]] == ["connecting", "connected"] for end in (0, 1))
    exchange(call, 1)
    assert [got[len(old) :] for got, old in zip(call.received, before, strict=True)] == [["1 0"], ["0 0"]]


def test_a_session_replayed_into_another_one_is_ignored() -> None:
    old = Call(seed="old")
    assert old.connect()
    exchange(old, 5)
    call = Call(seed="new")
    assert old.net.log is not None
    for at, end, packet in old.net.log:
        if end < 2:
            call.net.inject(packet.data, packet.local, packet.remote, at=at)
            call.net.inject(packet.data, packet.local, packet.remote, at=at + 3.0)
    assert call.connect()
    exchange(call, 5)
    assert call.received == [[f"1 {n}" for n in range(5)], [f"0 {n}" for n in range(5)]]

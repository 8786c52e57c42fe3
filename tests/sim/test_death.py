"""A peer that vanishes or says goodbye is noticed, and closing leaves nothing behind."""

from __future__ import annotations

from rtcpy.sim import LinkConfig
from tests.sim.call import Call

EARLIEST = 24.0 - 0.1  # s: consent lasts 30 s from the last answer, which is at most 6 s old (RFC 7675 §5.1)


def test_abrupt_death_is_noticed_by_consent_expiry() -> None:
    """RFC 7675 §5.1: a page reload, a crash, a pulled plug."""
    call = Call(seed=1)
    assert call.connect()
    call.run(5.0)
    call.net.kill("end1")
    died = call.now
    call.run(60.0)
    after = [(round(at - died, 1), state) for at, state in call.states[0] if at > died]
    assert [state for _, state in after] == ["disconnected", "failed"]
    assert after[0][0] <= 15.0 and EARLIEST <= after[1][0] <= 30.1


def test_close_is_seen_by_the_other_side() -> None:
    call = Call(seed=1)
    assert call.connect()
    call.run(1.0)
    call.peers[0].close(now=call.now)
    call.net.settle()
    call.run(5.0)
    assert call.state(0) == "closed"
    assert call.peers[0].next_timeout() is None
    assert call.channels[1]["chat"].state.value == "closed"


def test_a_closed_peer_is_silent_whatever_arrives() -> None:
    call = Call(seed=1)
    assert call.connect()
    call.peers[0].close(now=call.now)
    call.net.settle()
    call.run(1.0)
    assert call.net.log is not None
    sent = sum(end == 0 for _, end, _ in call.net.log)
    call.run(60.0)
    assert sum(end == 0 for _, end, _ in call.net.log) == sent


def test_closing_a_channel_closes_it_at_both_ends_and_frees_its_id() -> None:
    call = Call(seed=4, link=LinkConfig(loss=0.1))
    assert call.connect()
    first = call.open_channel(1, "one")
    assert call.run(20.0, lambda: call.is_open("one"))
    used = first.id
    call.peers[0].close_channel(call.channels[0]["one"], now=call.now)
    call.net.settle()
    assert call.run(30.0, lambda: first.state.value == call.channels[0]["one"].state.value == "closed")
    call.run(5.0)
    for end in (0, 1):
        call.open_channel(end, "two", negotiated=True, id=used)
    assert call.run(20.0, lambda: call.is_open("two"))
    call.send(1, "over the same id", "two")
    assert call.run(5.0, lambda: call.received[0] == ["over the same id"])
    assert call.channels[0]["chat"].state.value == "open"

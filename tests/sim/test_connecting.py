"""Whole peers connect: at once on a good path, and in every seed on a bad one."""

from __future__ import annotations

from statistics import median, quantiles

import pytest

from rtcpy.sim import LinkConfig
from tests.profile import scale
from tests.sim.call import SIGNALLING_DELAY, Call

SEEDS = scale(dev=8, ci=25, thorough=200)
ROUND_TRIP = 0.04  # s, of the default link


def opening_times(loss: float, seeds: int, **link: float) -> list[float]:
    times = []
    for seed in range(seeds):
        call = Call(seed=seed, link=LinkConfig(loss=loss, jitter=0.005, **link), log=False)
        assert call.connect(limit=60.0), f"seed {seed}: not open after 60 s: {call.states}"
        times.append(call.now - 2 * SIGNALLING_DELAY)  # from the moment at which the answer is there
    return times


def test_a_good_path_costs_few_round_trips() -> None:
    """Offer, answer and a candidate each way; one check; DTLS (2 round trips); SCTP (2), with DCEP in the last."""
    call = Call()
    assert call.connect()
    signalled = 3 * SIGNALLING_DELAY  # offer, answer, and the answerer's candidate behind it
    assert call.now <= signalled + 6 * ROUND_TRIP + 0.001
    assert [call.state(end) for end in (0, 1)] == ["connected", "connected"]


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
def test_channels_open_at_loss(loss: float) -> None:
    times = opening_times(loss, max(50, SEEDS))
    assert median(times) <= 1.0
    assert quantiles(times, n=100)[98] <= 8.0


def test_channels_open_at_heavy_loss_with_everything_else_going_wrong() -> None:
    for at in opening_times(0.3, SEEDS, duplicate=0.1, reorder=0.2, corrupt=0.02):
        assert at <= 60.0


def test_states_go_through_connecting_to_connected_and_no_further() -> None:
    call = Call(seed=3, link=LinkConfig(loss=0.1))
    assert call.connect()
    call.run(20.0)
    for end in (0, 1):
        assert [state for _, state in call.states[end]] == ["connecting", "connected"]
        assert [state for _, state in call.ice_states[end]][:2] == ["checking", "connected"]
        assert [state for _, state in call.ice_states[end]][2:] in ([], ["completed"])


@pytest.mark.parametrize("trickle", [True, False])
def test_candidates_may_trickle_or_come_all_at_once(trickle: bool) -> None:
    call = Call(stun=True, trickle=trickle)
    assert call.connect()
    texts = [text for _, _, text in call.signalled if "a=candidate" in text]
    assert bool(texts) is not trickle


def test_channels_of_both_sides_and_with_all_kinds_of_promises() -> None:
    call = Call(seed=1, link=LinkConfig(loss=0.1))
    assert call.connect()
    call.open_channel(1, "back")
    call.open_channel(0, "loose", ordered=False, max_retransmits=0)
    call.open_channel(1, "hurried", max_packet_life_time=500, protocol="p")
    labels = ("chat", "back", "loose", "hurried")
    assert call.run(30.0, lambda: all(call.is_open(label) for label in labels))
    ids = [call.channels[0][label].id for label in labels]
    assert len(set(ids)) == 4 and ids == [call.channels[1][label].id for label in labels]
    assert call.channels[0]["hurried"].protocol == "p"


def test_a_channel_negotiated_by_the_application_needs_no_announcement() -> None:
    call = Call()
    call.start("agreed", negotiated=True, id=7)
    call.run(SIGNALLING_DELAY + 0.01)  # the offer has come: no second one is needed
    call.open_channel(1, "agreed", negotiated=True, id=7)
    assert call.run(10.0, lambda: call.is_open("agreed"))
    call.send(0, "hello", "agreed")
    assert call.run(5.0, lambda: call.received[1] == ["hello"])

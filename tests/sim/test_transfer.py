"""Data arrives whole, once and in order, whatever the network does on the way."""

from __future__ import annotations

import hashlib
import random

import pytest

from rtcpy.sim import BurstLoss, LinkConfig
from rtcpy.testing import StreamModel
from tests.profile import scale
from tests.sim.call import Call

SEEDS = scale(dev=3, ci=10, thorough=40)
AMOUNT = scale(dev=200_000, ci=500_000, thorough=2_000_000)  # bytes each way

NETWORKS = {
    "loss": LinkConfig(loss=0.1),
    "bursts": LinkConfig(burst=BurstLoss(enter_bad=0.02, leave_bad=0.3)),
    "reordering": LinkConfig(reorder=0.2, jitter=0.02),
    "duplication": LinkConfig(duplicate=0.2, jitter=0.01),
    "corruption": LinkConfig(corrupt=0.05),
    "everything": LinkConfig(loss=0.1, reorder=0.1, duplicate=0.05, corrupt=0.01, jitter=0.01),
    "narrow": LinkConfig(rate_bps=4_000_000, queue_bytes=40_000, loss=0.01),
    "small-mtu": LinkConfig(mtu=1200, loss=0.02),
}


def messages(seed: int, amount: int) -> list[str | bytes]:
    """Text and binary of mixed sizes, empty ones too; `amount` bytes in all."""
    rng = random.Random(seed)
    out: list[str | bytes] = [b"", ""]
    left = amount
    while left > 0:
        size = min(left, rng.choice((1, 20, 300, 1200, 5000, 16_384, 65_536)))
        out.append(rng.randbytes(size) if rng.random() < 0.7 else "é" * (size // 2))
        left -= size
    return out


@pytest.mark.parametrize("network", NETWORKS)
def test_both_directions_arrive_intact_and_in_order(network: str) -> None:
    for seed in range(SEEDS):
        call = Call(seed=f"{network}/{seed}", link=NETWORKS[network], log=False)
        assert call.connect(), f"seed {seed}"
        sent = [messages(seed, AMOUNT), messages(seed + 1000, AMOUNT)]
        for end in (0, 1):
            for message in sent[end]:
                call.send(end, message)
        done = call.run(
            900.0,
            lambda call=call, sent=sent: (
                len(call.received[0]) + len(call.received[1]) >= len(sent[0]) + len(sent[1])
            ),
        )
        assert done, (
            f"{network}, seed {seed}: {[len(r) for r in call.received]} of {[len(s) for s in sent]} arrived"
        )
        call.run(5.0)
        for end in (0, 1):
            assert call.received[1 - end] == sent[end], f"{network}, seed {seed}"


def test_unordered_messages_all_arrive_once() -> None:
    call = Call(seed=2, link=NETWORKS["everything"], log=False)
    call.start("loose", ordered=False)
    assert call.run(60.0, lambda: call.is_open("loose"))
    call.run(2.0)  # until the announcement is acknowledged all goes in order (RFC 8832 §6)
    model = StreamModel(ordered=False)
    for number in range(300):
        message = f"{number} " + "x" * (number * 7 % 3000)
        model.on_sent(message)
        call.send(0, message, "loose")
    call.run(120.0, lambda: len(call.received[1]) >= 300)
    call.run(5.0)
    for message in call.received[1]:
        model.on_received(message)
    model.check_finished()
    assert call.received[1] != model.sent, "with this much reordering some must have overtaken others"


@pytest.mark.parametrize("options", [{"max_retransmits": 0}, {"max_packet_life_time": 100}])
@pytest.mark.parametrize("ordered", [True, False])
def test_partly_reliable_channels_lose_some_and_never_repeat(options: dict[str, int], ordered: bool) -> None:
    call = Call(seed=5, link=LinkConfig(loss=0.2, jitter=0.005), log=False)
    call.start("loose", ordered=ordered, **options)
    assert call.run(60.0, lambda: call.is_open("loose"))
    model = StreamModel(ordered=ordered, reliable=False)
    for number in range(400):
        message = f"{number} " + "x" * 500
        model.on_sent(message)
        call.net.at(call.now + number * 0.02, lambda message=message: call.send(0, message, "loose"))
    call.run(60.0)
    for message in call.received[1]:
        model.on_received(message)
    assert 100 < len(model.received) < 400


def test_large_messages_both_ways() -> None:
    call = Call(seed=1, link=LinkConfig(loss=0.02), log=False)
    assert call.connect()
    large = random.Random(9).randbytes(256 * 1024)
    call.send(0, large)
    call.send(1, large)
    assert call.run(120.0, lambda: all(call.received))
    digests = {
        hashlib.sha256(message).digest()
        for got in call.received
        for message in got
        if isinstance(message, bytes)
    }
    assert digests == {hashlib.sha256(large).digest()}

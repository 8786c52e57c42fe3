"""Everything at once, at times that a seed chooses: the network changes, fails and heals while the application works.

Whatever happens, no call raises, reliable messages arrive once and in order, and when the network is good again the
connection is too.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rtcpy.sim import BurstLoss, LinkConfig
from rtcpy.testing import StreamModel
from tests.profile import scale
from tests.sim.call import Call

SEEDS = scale(dev=10, ci=40, thorough=1_000)
GOOD = LinkConfig(delay=0.02)
CHAOS = 40.0  # s


def bad_link(rng: random.Random) -> LinkConfig:
    """Properties of a bad hour."""
    return LinkConfig(
        delay=rng.choice((0.001, 0.02, 0.15)),
        jitter=rng.choice((0.0, 0.005, 0.05)),
        loss=rng.choice((0.0, 0.02, 0.1, 0.3)),
        duplicate=rng.choice((0.0, 0.1)),
        reorder=rng.choice((0.0, 0.1)),
        corrupt=rng.choice((0.0, 0.02)),
        burst=rng.choice((None, BurstLoss())),
        rate_bps=rng.choice((None, 1_000_000, 20_000_000)),
        mtu=rng.choice((None, 1200, 1500, 9000)),
    )


class Chaos:
    """One seed's story: a call, a channel for each kind of promise, and what was sent on them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"chaos/{seed}")
        self.call = Call(seed=f"chaos/{seed}", link=bad_link(self.rng), log=False)
        self.models = {
            (end, label): StreamModel(ordered, reliable)
            for end in (0, 1)
            for label, ordered, reliable in (
                ("chat", True, True),
                ("heap", False, True),
                ("loose", True, False),
            )
        }
        self.count = 0

    def send(self) -> None:
        """A message on a channel that is open; each names its channel and is like no other."""
        end = self.rng.randrange(2)
        labels = [label for label in ("chat", "heap", "loose") if self.call.is_open(label)]
        if not labels:
            return
        label = self.rng.choice(labels)
        channel = self.call.channels[end][label]
        if self.call.peers[end].buffered_amount(channel) > 300_000:
            return
        self.count += 1
        message = f"{label} {self.count} " + "x" * self.rng.choice((0, 10, 1_000, 20_000, 60_000))
        self.models[end, label].on_sent(message)
        self.call.send(end, message, label)

    def change_network(self) -> None:
        """Another hour, another network."""
        self.call.net.set_link(bad_link(self.rng))

    def cut(self) -> None:
        """An outage of one host or of all."""
        self.call.net.outage(
            self.call.now, self.rng.choice((0.5, 3.0, 8.0)), self.rng.choice((None, "end0", "end1"))
        )

    def restart(self) -> None:
        """An ICE restart by the offerer, unless a negotiation is under way (this page resolves no glare)."""
        if all(peer.signaling_state.value == "stable" for peer in self.call.peers):
            self.call.restart_ice(0)

    def run(self) -> None:
        """Connect, let it rage, let it heal; then judge."""
        call, rng = self.call, self.rng
        call.start()
        call.open_channel(0, "heap", ordered=False)
        call.open_channel(0, "loose", max_retransmits=rng.randrange(3))
        deeds: list[Callable[[], None]] = [self.change_network, self.cut, self.restart]
        for at in sorted(rng.uniform(1.0, CHAOS) for _ in range(10)):
            call.net.at(at, rng.choice(deeds))
        for _ in range(150):
            call.net.at(rng.uniform(0.5, CHAOS), self.send)
        call.run(CHAOS + 10.0)
        call.net.set_link(GOOD)
        if "failed" in (call.state(0), call.state(1)):
            self.restart()
        reliable = [model for (_, label), model in self.models.items() if label != "loose"]
        seen = [0, 0]

        def settled() -> bool:
            for receiver in (0, 1):
                for message in call.received[receiver][seen[receiver] :]:
                    assert isinstance(message, str)
                    self.models[1 - receiver, message.partition(" ")[0]].on_received(message)
                seen[receiver] = len(call.received[receiver])
            return all(model.complete for model in reliable) and call.state(0) == call.state(1) == "connected"

        assert call.run(200.0, settled), (
            f"{call.state(0)}, {call.state(1)}; {[len(m.received) for m in reliable]} of {[len(m.sent) for m in reliable]}"
        )
        call.run(5.0)
        settled()
        assert self.count > 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_chaos(seed: int) -> None:
    Chaos(seed).run()

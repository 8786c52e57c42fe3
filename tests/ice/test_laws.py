"""The nine laws of `Machine`, for the agent."""

from __future__ import annotations

from rtcpy.core.machine import Datagram
from rtcpy.sim import LinkConfig
from rtcpy.testing.laws import Connection, check_machine
from tests.ice.world import COMPLETED, A, B, World
from tests.profile import scale


def build(seed: int) -> Connection:
    """Two agents on a path with some chance of its own; the linger is long enough for consent checks."""
    world = World(seed=seed, link=LinkConfig(delay=0.02, loss=0.1, jitter=0.01, duplicate=0.05))
    world.add_hosts()

    def wrap(end: int, data: bytes) -> Datagram:
        return Datagram(data, (A, B)[end], (B, A)[end])

    return Connection(
        world.network,
        start=world.signal,
        connected=lambda: all(agent.state is COMPLETED for agent in world.agents),
        wrap=wrap,
        linger=20.0,
    )


def test_the_laws() -> None:
    check_machine(build, seeds=scale(dev=3, ci=6, thorough=25), hostile=scale(dev=200, ci=500, thorough=2000))

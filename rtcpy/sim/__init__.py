"""The network in virtual time: two ends on a cable, or hosts with addresses behind NATs, all seeded.

Real networks lose, delay, double and shuffle packets, and never twice in the same way. Here they do, and exactly the
same way for the same seed, a thousand times faster than the wall clock, with no socket. Protocol tests, the lessons
and the fuzzer stand on it.

Read `simulation` first (the loop and its order of things), then `link` (what happens to a packet on its way),
`pair` (two ends that speak bytes), `nat` (RFC 4787), `network` (hosts with addresses) and `flights` (packets on their
way, to be dropped, changed or held by hand).

`session` is two whole peers on such a network, to be stepped through forwards and back, or with every call yours to
make. It stands on `script` (the calls as data), `stepper` (what was done and can be done again), `steps` (what happened,
in words: `narration`, and in HTML: `step_html`), `pending` (packets in flight with numbers) and `frozen` (what "the same
state" means). These alone know the protocols, so they are loaded when first asked for.

>>> from rtcpy.sim import LinkConfig, Pair
>>> # sim = Pair(a, b, seed=7, link=LinkConfig(delay=0.02, loss=0.1, reorder=0.1))
>>> # a.start(now=sim.now); sim.drive(until=60.0); sim.events[1]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rtcpy.sim.link import BurstLoss, Fate, Link, LinkConfig, LinkCounters, Script, corrupted
from rtcpy.sim.nat import (
    FULL_CONE,
    PORT_RESTRICTED_CONE,
    RESTRICTED_CONE,
    SYMMETRIC,
    Behaviour,
    Nat,
    NatConfig,
    PortAllocation,
)
from rtcpy.sim.network import Host, Network
from rtcpy.sim.pair import Pair
from rtcpy.sim.simulation import LawViolationError, LivelockError, Simulation

if TYPE_CHECKING:
    from rtcpy.sim.flights import Flight, OpenNetwork
    from rtcpy.sim.script import CLASSIC, Act, Claim, When
    from rtcpy.sim.session import End, Session
    from rtcpy.sim.stepper import DivergedError, NothingLeftError
    from rtcpy.sim.steps import Refusal, Step

__all__ = [
    "CLASSIC",
    "FULL_CONE",
    "PORT_RESTRICTED_CONE",
    "RESTRICTED_CONE",
    "SYMMETRIC",
    "Act",
    "Behaviour",
    "BurstLoss",
    "Claim",
    "DivergedError",
    "End",
    "Fate",
    "Flight",
    "Host",
    "LawViolationError",
    "Link",
    "LinkConfig",
    "LinkCounters",
    "LivelockError",
    "Nat",
    "NatConfig",
    "Network",
    "NothingLeftError",
    "OpenNetwork",
    "Pair",
    "PortAllocation",
    "Refusal",
    "Script",
    "Session",
    "Simulation",
    "Step",
    "When",
    "corrupted",
]

_LATE = {
    "CLASSIC": "script",
    "Act": "script",
    "Claim": "script",
    "DivergedError": "stepper",
    "End": "session",
    "Flight": "flights",
    "NothingLeftError": "stepper",
    "OpenNetwork": "flights",
    "Refusal": "steps",
    "Session": "session",
    "Step": "steps",
    "When": "script",
}
"""Names that bring in the whole stack, and the files that have them."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)

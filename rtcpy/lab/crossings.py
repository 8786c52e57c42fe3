"""Which two routers can be crossed? Every combination tried in virtual time, with two whole peers.

Nothing is looked up: `try_crossing` lets Alice and Bob, each behind a router of a given behaviour, exchange candidates
and check their pairs until both have a path or ICE gives up. `crossings` does so for all combinations and draws a table.

Specs: RFC 4787 §4.1, §5 (mapping, filtering), RFC 8445 §7 (checks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rtcpy.ice import CandidatePairStats, IceConnectionState
from rtcpy.lab.candidates import agent_of
from rtcpy.lab.table import BAD, GOOD, WARM, Cell, Table
from rtcpy.sim.nat import FULL_CONE, PORT_RESTRICTED_CONE, RESTRICTED_CONE, SYMMETRIC, NatConfig
from rtcpy.sim.script import trickle
from rtcpy.sim.session import Session

ROUTERS: Mapping[str, NatConfig | None] = {
    "none": None,
    "full cone": FULL_CONE,
    "restricted": RESTRICTED_CONE,
    "port-restricted": PORT_RESTRICTED_CONE,
    "symmetric": SYMMETRIC,
}
"""From the friendliest to the strictest, by their classic names (RFC 4787 §3 tells why those say too little)."""

GIVE_UP = 60.0  # s of virtual time: longer than the patience of an agent (RFC 8863 §4)


@dataclass(slots=True)
class Crossing:
    """What came of one attempt.

    Args:
        session: it, as it stood in the end.
        path: the pair that Alice uses; `None`: there is no way.
        seconds: from the beginning to the path at both ends, or to the end of hope.
        checks: connectivity checks that the two have sent, repetitions included.
    """

    session: Session
    path: CandidatePairStats | None
    seconds: float
    checks: int

    @property
    def types(self) -> str:
        """How the two ends of the path were found, Alice's first; empty without a path."""
        return "" if self.path is None else f"{self.path.local.type.value} – {self.path.remote.type.value}"


def try_crossing(
    nat_of_alice: NatConfig | None, nat_of_bob: NatConfig | None, *, seed: int | str = "crossings"
) -> Crossing:
    """Let the two look for a path through these routers; `None` is a public address."""
    session = Session(
        seed=seed,
        nats=(nat_of_alice, nat_of_bob),
        script=(trickle("alice", "bob"), trickle("bob", "alice")),
    )
    alice, bob = session.alice, session.bob
    session.exchange_descriptions()
    agents = agent_of(alice), agent_of(bob)
    while session.now < GIVE_UP and not all(agent.send_allowed for agent in agents):
        if all(agent.state is IceConnectionState.FAILED for agent in agents):
            break
        session.step()
    pairs = agents[0].list_candidate_pairs()
    path = next((pair for pair in pairs if pair.selected and agents[1].send_allowed), None)
    checks = sum(
        pair.requests_sent + pair.retransmissions_sent
        for agent in agents
        for pair in agent.list_candidate_pairs()
    )
    return Crossing(session, path, session.now, checks)


class Crossings:
    """All combinations: ``crossings["symmetric", "full cone"]`` is that of Alice's router with Bob's."""

    def __init__(self, names: Sequence[str], tried: Mapping[tuple[str, str], Crossing]) -> None:
        self.names, self.tried = list(names), dict(tried)

    def __getitem__(self, routers: tuple[str, str]) -> Crossing:
        return self.tried[routers]

    @property
    def impossible(self) -> list[tuple[str, str]]:
        """The combinations without a path."""
        return [routers for routers, crossing in self.tried.items() if crossing.path is None]

    def _table(self) -> Table:
        rows = [
            [Cell(mine, "#f6f8fa", bold=True), *(_shown(self.tried[mine, theirs]) for theirs in self.names)]
            for mine in self.names
        ]
        return Table(
            ["Alice's router ↓   Bob's →", *self.names],
            rows,
            note="The path that Alice uses: how her end and Bob's end of it were found, and when both had it.",
        )

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def _shown(crossing: Crossing) -> Cell:
    if crossing.path is None:
        text = f"no way\n{crossing.checks} checks, {crossing.seconds:.0f} s"
        return Cell(text, BAD, "every check was turned away")
    learnt = "prflx" in crossing.types
    hint = "one end was learnt from the check itself" if learnt else "both ends were signalled"
    return Cell(f"{crossing.types}\n{crossing.seconds * 1e3:.0f} ms", WARM if learnt else GOOD, hint)


def crossings(routers: Mapping[str, NatConfig | None] | None = None) -> Crossings:
    """Try every combination of `routers`, by name; default: `ROUTERS`."""
    kinds = ROUTERS if routers is None else routers
    tried = {
        (mine, theirs): try_crossing(kinds[mine], kinds[theirs], seed=f"{mine}/{theirs}")
        for mine in kinds
        for theirs in kinds
    }
    return Crossings(list(kinds), tried)

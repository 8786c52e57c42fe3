"""What ICE knows at one moment, as tables: candidates, pairs, the mappings of a router; and how pairs fare over time.

`watch` lets a session go on and keeps every change of every pair; what it makes is a table with one column for each
instant at which something changed.

Not here: which routers can be crossed at all (`crossings`).

Specs: RFC 8445 §5.1 (candidates), §6.1.2 (pairs and their states), RFC 4787 §4 (mappings).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcpy.core.errors import InvalidStateError
from rtcpy.core.machine import Address, Instant
from rtcpy.ice import Candidate, CandidatePairStats, CandidateType, IceAgent
from rtcpy.ice.candidate import TYPE_PREFERENCE
from rtcpy.lab.table import BAD, BUSY, FAINT, GOOD, WARM, Cell, Table
from rtcpy.sim.session import End, Session

STATE_COLOURS = {
    "frozen": "#e3d9fb",
    "waiting": WARM,
    "in-progress": BUSY,
    "succeeded": GOOD,
    "failed": BAD,
}
"""Of the states of a pair; the names are W3C's (RFC 8445 §6.1.2.6)."""

TYPE_COLOURS = {
    CandidateType.HOST: "#cfe8ff",
    CandidateType.SERVER_REFLEXIVE: "#ffe2b8",
    CandidateType.PEER_REFLEXIVE: "#f6d0e0",
    CandidateType.RELAYED: "#e3d9fb",
}


def agent_of(end: End | IceAgent) -> IceAgent:
    """The ICE agent of an end, which has one as soon as it has a description.

    Raises:
        InvalidStateError: there is none yet.
    """
    if isinstance(end, IceAgent):
        return end
    if end.peer.transport is None:
        raise InvalidStateError(f"{end.name} has no local description yet, and so no ICE agent")
    return end.peer.transport.ice


def _type(candidate: Candidate) -> Cell:
    return Cell(candidate.type.value, TYPE_COLOURS[candidate.type])


def candidates(end: End | IceAgent, *, remote: bool = False) -> Table:
    """The candidates that an end has found, or with `remote` those of the other side that it knows."""
    agent = agent_of(end)
    known = agent.remote_candidates() if remote else agent.local_candidates()
    rows = [
        [
            _type(candidate),
            str(candidate.transport_address),
            "—" if candidate.base is None else str(candidate.base),
            candidate.foundation,
            f"{TYPE_PREFERENCE[candidate.type]}",
            f"{candidate.priority >> 8 & 0xFFFF}",
            f"{candidate.priority}",
        ]
        for candidate in known
    ]
    head = ["type", "address", "base", "foundation", "type preference", "local preference", "priority"]
    return Table(head, rows)


def pairs(end: End | IceAgent) -> Table:
    """The pairs of an end, best first."""
    rows = [
        [
            f"{number}",
            _ends(pair),
            f"{pair.local.type.value} → {pair.remote.type.value}",
            f"{pair.priority}",
            Cell(pair.state, STATE_COLOURS[pair.state]),
            _marks(pair),
        ]
        for number, pair in enumerate(agent_of(end).list_candidate_pairs(), 1)
    ]
    return Table(["", "pair", "types", "priority", "state", ""], rows)


def _ends(pair: CandidatePairStats) -> str:
    base = pair.local.base or pair.local.transport_address
    return f"{base} → {pair.remote.transport_address}"


def _marks(pair: CandidatePairStats) -> str:
    return ", ".join(
        word for word, holds in (("nominated", pair.nominated), ("in use", pair.selected)) if holds
    )


def mappings(session: Session, whose: str) -> Table:
    """What the router before an end lends to whom just now, and whom packets may come from.

    Raises:
        KeyError: there is no router before it.
    """
    router = session.network.nats[f"{whose}'s router"]
    rows = [
        [
            str(mapping.internal),
            str(mapping.external),
            "\n".join(str(address) for address in sorted(mapping.contacted)),
        ]
        for mapping in router.mappings(session.now)
    ]
    return Table(["inside", "seen outside as", "has sent to"], rows, title=f"{whose}'s router")


@dataclass(slots=True)
class Move:
    """One change of one pair: `at` in **seconds**; `old` is empty where the pair is new, `new` where it is gone."""

    at: Instant
    stream: int
    local: Address
    remote: Address
    old: str
    new: str


@dataclass(slots=True)
class PairHistory:
    """How the pairs of one end fared.

    Args:
        who: name of the end.
        moves: every change, in order.
        seen: the last that was known of each pair, by (stream, base, address of the peer).
    """

    who: str
    moves: list[Move] = field(default_factory=list)
    seen: dict[tuple[int, Address, Address], CandidatePairStats] = field(default_factory=dict)
    _words: dict[tuple[int, Address, Address], str] = field(default_factory=dict)

    def look(self, agent: IceAgent, now: Instant) -> None:
        """Note what is different from the last time."""
        fresh: dict[tuple[int, Address, Address], str] = {}
        for pair in agent.list_candidate_pairs():
            local, remote = pair.local.base or pair.local.transport_address, pair.remote.transport_address
            key = (pair.stream, local, remote)
            self.seen[key] = pair
            fresh[key] = f"{pair.state}, nominated" if pair.nominated else pair.state
        for key in [*fresh, *(key for key in self._words if key not in fresh)]:
            old, new = self._words.get(key, ""), fresh.get(key, "")
            if old != new:
                self.moves.append(Move(now, *key, old, new))
        self._words = fresh

    @property
    def instants(self) -> list[Instant]:
        """When something changed."""
        return sorted({move.at for move in self.moves})

    def states(self, stream: int, local: Address, remote: Address) -> list[str]:
        """What a pair was at the end of each of `instants`; empty where it was not there."""
        word, out = "", []
        for instant in self.instants:
            for move in self.moves:
                if move.at == instant and (move.stream, move.local, move.remote) == (stream, local, remote):
                    word = move.new
            out.append(word)
        return out

    def __str__(self) -> str:
        lines = [f"{self.who}'s pairs"]
        for move in self.moves:
            stream = f"stream {move.stream}  " if any(key[0] for key in self.seen) else ""
            pair = f"{move.local} → {move.remote}"
            lines.append(f"{move.at * 1e3:5.0f} ms  {stream}{pair:<38}  {move.new or 'gone'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows: list[list[object]] = []
        several = any(key[0] for key in self.seen)
        for key, pair in sorted(self.seen.items(), key=lambda item: (item[0][0], -item[1].priority)):
            name = (
                f"stream {key[0]}\n" if several else ""
            ) + f"{key[1]} →\n{key[2]}\n{pair.local.type.value} → {pair.remote.type.value}"
            row: list[object] = [name]
            before = ""
            for word in self.states(*key):
                colour = STATE_COLOURS.get(word.split(",")[0], FAINT)
                row.append(Cell(word.replace(", ", "\n"), colour, bold=word != before))
                before = word
            rows.append(row)
        head = ["", *(f"{instant * 1e3:.0f} ms" for instant in self.instants)]
        return Table(head, rows, title=f"{self.who}'s pairs")._repr_html_()


def watch(session: Session, seconds: float) -> tuple[PairHistory, PairHistory]:
    """Let a session go on for so many **seconds**, with its script if it has one; the histories of alice and bob.

    A history begins with what is there when it begins.
    """
    histories = tuple(PairHistory(end.name) for end in session.ends)

    def look() -> None:
        for end, history in zip(session.ends, histories, strict=True):
            if end.peer.transport is not None:
                history.look(end.peer.transport.ice, session.now)

    until = session.now + seconds
    look()
    while session.due() is not None or session.network.next_instant() <= until:
        session.step()
        look()
    session.run(until - session.now)
    return histories[0], histories[1]

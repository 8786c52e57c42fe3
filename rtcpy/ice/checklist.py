"""Candidate pairs, their states, and the order in which they are checked.

Owned here: the pair record, the pair state machine, freezing across checklists, pruning, limits, the
triggered-check queue. Not here: sending a check (`checker`), its transaction (`check`).

Theory of operation. Every base of ours is paired with every candidate of the peer; the pairs of one data stream
form a *checklist*, sorted by priority; all checklists form the *checklist set*. Pairs whose two foundations
are equal are likely to fare alike, so only one of them is *Waiting* at first and the others are *Frozen* until
it succeeded. Each Ta one Waiting pair is checked; a check that arrives from the peer puts its pair into the
*triggered-check queue*, which goes first.

     Frozen --unfreeze--> Waiting --perform--> In-Progress --success--> Succeeded
                             ^                      |
                             +------ trigger -------+---- failure ----> Failed

Specs: RFC 8445 §6.1.2 (forming), §6.1.4 (scheduling), §7.3.1.4 (triggered checks), §8.1.2 (concluding),
RFC 8838 §10–§12 (trickled candidates).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from rtcpy.core.enums import KeyEnum
from rtcpy.core.machine import Address, Instant
from rtcpy.ice.candidate import Candidate, pair_priority
from rtcpy.ice.events import CandidatePairStats

if TYPE_CHECKING:
    from rtcpy.ice.session import Stream


class PairState(KeyEnum):
    """Spec: RFC 8445 §6.1.2.6; the values are those of W3C `RTCStatsIceCandidatePairState`."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class PairInput(KeyEnum):
    """What can happen to a pair."""

    UNFREEZE = "a pair of its foundation succeeded, or none is being tried"
    PERFORM = "a check is sent"
    SUCCESS = "a check was answered"
    FAILURE = "a check failed, or consent was lost"
    TRIGGER = "the peer's check arrived on it"


TRANSITIONS: Mapping[tuple[PairState, PairInput], PairState] = {
    (PairState.FROZEN, PairInput.UNFREEZE): PairState.WAITING,
    (PairState.WAITING, PairInput.PERFORM): PairState.IN_PROGRESS,
    (PairState.IN_PROGRESS, PairInput.SUCCESS): PairState.SUCCEEDED,
    (PairState.IN_PROGRESS, PairInput.FAILURE): PairState.FAILED,
    # §7.3.1.4: the peer's check is a sign of life; check (again) now.
    (PairState.FROZEN, PairInput.TRIGGER): PairState.WAITING,
    (PairState.WAITING, PairInput.TRIGGER): PairState.WAITING,
    (PairState.IN_PROGRESS, PairInput.TRIGGER): PairState.WAITING,
    (PairState.FAILED, PairInput.TRIGGER): PairState.WAITING,
    # The transaction that a triggered check replaced is not retransmitted, but may still be answered.
    (PairState.WAITING, PairInput.SUCCESS): PairState.SUCCEEDED,
    # §7.2.5.3.4: a nomination that fails; RFC 7675 §5.1: consent that expires.
    (PairState.SUCCEEDED, PairInput.FAILURE): PairState.FAILED,
    (PairState.WAITING, PairInput.FAILURE): PairState.FAILED,
}
"""RFC 8445 figure 6 with the arrows of §7.2.5 and §7.3.1.4. An input without a row changes nothing."""

ACTIVE = frozenset((PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS))


class ChecklistState(Enum):
    """Spec: RFC 8445 §6.1.2.1. *Failed* is not stored: `states` derives it, since a late check may undo it."""

    RUNNING = "Running"
    COMPLETED = "Completed"


@dataclass(slots=True, eq=False)
class CandidatePair:
    """A base of ours with a candidate of the peer.

    Since requests leave from bases, a reflexive local candidate is replaced by its base before pairing
    (RFC 8445 §6.1.2.4); what the peer sees in its place is `reflexive`, once a response has told.

    Deviation: RFC 8445 §7.2.5.3.2 lets a response whose mapped address is another local candidate validate
    the pair of *that* candidate. Data leaves from the base that sent the check, so here the checked pair itself
    is the valid one; any other pair is proven by its own check.

    Args:
        stream: the data stream it belongs to.
        local: our candidate; its `base` is where packets leave from.
        remote: the peer's candidate.
        remote_address: where packets go: the address of `remote`, with our scope if it is link-local.
    """

    stream: Stream
    local: Candidate
    remote: Candidate
    local_address: Address
    remote_address: Address
    priority: int = 0
    state: PairState = PairState.FROZEN
    reflexive: Candidate | None = None
    nominated: bool = False
    nominate_on_success: bool = (
        False  # controlled: USE-CANDIDATE came before our own check succeeded (§7.3.1.5)
    )
    consent_until: Instant | None = None  # set while the pair is valid; RFC 7675 §5.1
    unanswered_since: Instant | None = None  # the first of our checks that no answer or failure has ended
    revoked: bool = False  # consent was lost: these credentials must not be used on it again (RFC 7675 §5.1)
    last_check_sent: Instant | None = None
    requests_sent: int = 0
    requests_received: int = 0
    responses_sent: int = 0
    responses_received: int = 0
    retransmissions_sent: int = 0
    consent_requests_sent: int = 0
    current_round_trip_time: float | None = None
    total_round_trip_time: float = 0.0
    last_packet_sent: Instant | None = None
    last_packet_received: Instant | None = None

    @property
    def foundation(self) -> tuple[str, str]:
        """Both foundations; pairs that share them are frozen together. Spec: RFC 8445 §6.1.2.6."""
        return self.local.foundation, self.remote.foundation

    @property
    def valid(self) -> bool:
        """Whether it is on the valid list (§7.2.5.3.2)."""
        return self.consent_until is not None

    def has_consent(self, now: Instant) -> bool:
        """Whether data may be sent on it. Spec: RFC 7675 §5.1."""
        return self.consent_until is not None and now < self.consent_until

    def compute_priority(self, controlling: bool) -> None:
        """Set `priority` for our role. Spec: RFC 8445 §6.1.2.3."""
        ours, theirs = self.local.priority, self.remote.priority
        self.priority = pair_priority(ours, theirs) if controlling else pair_priority(theirs, ours)

    def apply(self, what: PairInput) -> bool:
        """Move on by one input; whether the state changed."""
        old, new = self.state, TRANSITIONS.get((self.state, what), self.state)
        if new is old:
            return False
        self.state = new
        moves = self.stream.checklist.moves
        if moves is not None:
            moves.append((self, old, new))
        return True

    def statistics(self, *, selected: bool) -> CandidatePairStats:
        """What has happened on the pair so far; `selected` says whether it is the path in use."""
        return CandidatePairStats(
            local=(self.reflexive or self.local).copy(),
            remote=self.remote.copy(),
            state=self.state.value,
            priority=self.priority,
            nominated=self.nominated,
            selected=selected,
            requests_sent=self.requests_sent,
            requests_received=self.requests_received,
            responses_sent=self.responses_sent,
            responses_received=self.responses_received,
            retransmissions_sent=self.retransmissions_sent,
            consent_requests_sent=self.consent_requests_sent,
            current_round_trip_time=self.current_round_trip_time,
            total_round_trip_time=self.total_round_trip_time,
            last_packet_sent=self.last_packet_sent,
            last_packet_received=self.last_packet_received,
            stream=self.stream.index,
        )

    def __str__(self) -> str:
        return f"{self.local_address} -> {self.remote_address}"


@dataclass(slots=True)
class Triggered:
    """An entry of the triggered-check queue; `not_before` spares a pair that was checked a moment ago."""

    pair: CandidatePair
    not_before: Instant


@dataclass(slots=True, eq=False)
class Checklist:
    """The pairs of one data stream, highest priority first, and its triggered-check queue (FIFO).

    `moves` collects state changes for the tap, until the agent tells them; `None` when nobody listens.
    """

    index: int
    limit: int
    state: ChecklistState = ChecklistState.RUNNING
    pairs: list[CandidatePair] = field(default_factory=list)
    triggered: deque[Triggered] = field(default_factory=deque)
    moves: list[tuple[CandidatePair, PairState, PairState]] | None = None
    _by_address: dict[tuple[Address, Address], CandidatePair] = field(default_factory=dict)

    def find(self, local: Address, remote: Address) -> CandidatePair | None:
        """The pair from base `local` to the candidate at `remote` (canonical, without scope)."""
        return self._by_address.get((local, remote))

    def sort(self) -> None:
        """Order by priority, highest first; equal ones keep their order. Spec: RFC 8445 §6.1.2.3."""
        self.pairs.sort(key=lambda pair: -pair.priority)

    def insert(self, pair: CandidatePair) -> bool:
        """Take `pair` in, in order; `False` if it is redundant or the list is full of better ones.

        Redundant means the same base and the same remote address (§6.1.2.4). A full list first gives up failed
        pairs, then one of lower priority whose check has not begun (RFC 8838 §10 item 6).
        """
        key = (pair.local_address, pair.remote.transport_address)
        if key in self._by_address:
            return False
        if len(self.pairs) >= self.limit and not self._make_room(pair.priority):
            return False
        self._by_address[key] = pair
        self.pairs.append(pair)
        self.sort()
        return True

    def _make_room(self, priority: int) -> bool:
        for pair in reversed(self.pairs):
            if pair.state is PairState.FAILED and not pair.revoked:
                self.remove(pair)
                return True
        for pair in reversed(self.pairs):
            if pair.priority < priority and pair.state in (PairState.FROZEN, PairState.WAITING):
                self.remove(pair)
                return True
        return False

    def remove(self, pair: CandidatePair) -> None:
        """Forget `pair`."""
        self.pairs.remove(pair)
        del self._by_address[pair.local_address, pair.remote.transport_address]
        self.drop_triggered(pair)

    def enqueue(self, pair: CandidatePair, *, not_before: Instant) -> None:
        """Put `pair` at the end of the triggered-check queue unless it is there already. Spec: §6.1.4.1."""
        if not any(entry.pair is pair for entry in self.triggered):
            self.triggered.append(Triggered(pair, not_before))

    def drop_triggered(self, pair: CandidatePair) -> None:
        """Take `pair` out of the triggered-check queue."""
        for entry in self.triggered:
            if entry.pair is pair:
                self.triggered.remove(entry)
                return

    def conclude(self) -> None:
        """A pair was nominated: drop what has not been tried. Spec: RFC 8445 §8.1.2.

        Kept are pairs that an aggressive peer has nominated too and that may prove better, succeeded ones for the
        same reason, and failed ones for the statistics. Transactions in progress are the caller's to cancel.
        """
        self.state = ChecklistState.COMPLETED
        idle = (PairState.FROZEN, PairState.WAITING)
        for pair in [p for p in self.pairs if p.state in idle and not p.nominate_on_success]:
            self.remove(pair)


@dataclass(slots=True, eq=False)
class ChecklistSet:
    """All checklists of a session, in stream order.

    Args:
        lists: one per data stream.
        started: whether initial states were given; pairs added before that stay Frozen.
    """

    lists: list[Checklist]
    started: bool = False
    _turn: int = 0

    @classmethod
    def of(cls, streams: int, max_pairs: int) -> ChecklistSet:
        """Empty lists for `streams` streams; the limit of `max_pairs` is shared evenly (RFC 8445 §6.1.2.5)."""
        return cls([Checklist(i, max(1, max_pairs // streams)) for i in range(streams)])

    def __iter__(self) -> Iterator[CandidatePair]:
        for checklist in self.lists:
            yield from checklist.pairs

    def listen(self) -> None:
        """Collect state changes from now on; `take_moves` has to be called after each input."""
        for checklist in self.lists:
            checklist.moves = []

    def take_moves(self) -> list[tuple[CandidatePair, PairState, PairState]]:
        """Drain (pair, old state, new state)."""
        out = []
        for checklist in self.lists:
            if checklist.moves:
                out += checklist.moves
                checklist.moves = []
        return out

    def start(self) -> list[CandidatePair]:
        """Give initial states: of each foundation the first pair of the first checklist is Waiting.

        Returns the pairs that became Waiting. Spec: RFC 8445 §6.1.2.6 step 4.
        """
        self.started = True
        seen: set[tuple[str, str]] = set()
        waiting = []
        for pair in self:
            if pair.foundation not in seen:
                seen.add(pair.foundation)
                if pair.apply(PairInput.UNFREEZE):
                    waiting.append(pair)
        return waiting

    def add(self, checklist: Checklist, pair: CandidatePair) -> bool:
        """Insert a pair; once started, its first state follows the three rules for trickled pairs.

        Rule 1: the topmost pair of its foundation waits. Rule 2: so does one whose foundation has succeeded.
        Rule 3: all others are frozen. Spec: RFC 8838 §12.
        """
        if not checklist.insert(pair):
            return False
        if self.started:
            same = [other for other in self if other.foundation == pair.foundation]
            if same[0] is pair or any(other.state is PairState.SUCCEEDED for other in same):
                pair.apply(PairInput.UNFREEZE)
        return True

    def unfreeze(self, foundation: tuple[str, str]) -> list[CandidatePair]:
        """A pair of `foundation` succeeded: its frozen siblings in all lists may go. Spec: RFC 8445 §7.2.5.3.3."""
        return [p for p in self if p.foundation == foundation and p.apply(PairInput.UNFREEZE)]

    def next_triggered(self, now: Instant) -> Triggered | None:
        """Take the first triggered check that is due. Spec: RFC 8445 §6.1.4.2 step 1."""
        for checklist in self.lists:
            for entry in checklist.triggered:
                if entry.not_before <= now:
                    checklist.triggered.remove(entry)
                    return entry
        return None

    def triggered_at(self) -> Instant | None:
        """When the first triggered check is due."""
        return min(
            (entry.not_before for checklist in self.lists for entry in checklist.triggered), default=None
        )

    def next_ordinary(self) -> CandidatePair | None:
        """Pick the pair to check now, turning from list to list. Spec: RFC 8445 §6.1.4.2 steps 2–4."""
        if not self.started:
            return None
        count = len(self.lists)
        for step in range(count):
            checklist = self.lists[(self._turn + step) % count]
            if checklist.state is ChecklistState.RUNNING:
                pair = self._pick(checklist)
                if pair is not None:
                    self._turn = (checklist.index + 1) % count
                    return pair
        return None

    def _pick(self, checklist: Checklist) -> CandidatePair | None:
        queued = {id(entry.pair) for entry in checklist.triggered}
        for pair in checklist.pairs:  # highest priority first
            if pair.state is PairState.WAITING and id(pair) not in queued:
                return pair
        busy: set[tuple[str, str]] | None = None
        for pair in checklist.pairs:
            if pair.state is PairState.FROZEN:
                if busy is None:
                    trying = (PairState.WAITING, PairState.IN_PROGRESS)
                    busy = {other.foundation for other in self if other.state in trying}
                if pair.foundation not in busy:
                    pair.apply(PairInput.UNFREEZE)
                    return pair
        return None

    def has_ordinary(self) -> bool:
        """Whether `next_ordinary` would find a pair; changes nothing."""
        if not self.started:
            return False
        trying = (PairState.WAITING, PairState.IN_PROGRESS)
        busy: set[tuple[str, str]] | None = None
        for checklist in self.lists:
            if checklist.state is not ChecklistState.RUNNING:
                continue
            queued = {id(entry.pair) for entry in checklist.triggered}
            for pair in checklist.pairs:
                if pair.state is PairState.WAITING and id(pair) not in queued:
                    return True
                if pair.state is PairState.FROZEN:
                    if busy is None:
                        busy = {other.foundation for other in self if other.state in trying}
                    if pair.foundation not in busy:
                        return True
        return False

    def count(self, *states: PairState) -> int:
        """How many pairs are in one of `states`, in all lists: N of the RTO formula (RFC 8445 §14.3)."""
        return sum(pair.state in states for pair in self)

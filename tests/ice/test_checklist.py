"""Pairs and checklists: the state table, the examples of RFC 8445 and RFC 8838, pruning, limits, turn taking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rtcpy.core.machine import Address
from rtcpy.ice.candidate import Candidate, CandidateType
from rtcpy.ice.checklist import (
    TRANSITIONS,
    CandidatePair,
    Checklist,
    ChecklistSet,
    ChecklistState,
    PairInput,
    PairState,
)
from rtcpy.ice.session import Stream

F, W, P, S, X = (
    PairState.FROZEN,
    PairState.WAITING,
    PairState.IN_PROGRESS,
    PairState.SUCCEEDED,
    PairState.FAILED,
)
I = PairInput


@dataclass(eq=False)
class FakeStream:
    checklist: Checklist


def make_pair(checklist: Checklist, number: int, foundation: str = "1", priority: int = 1) -> CandidatePair:
    """A pair with the given foundation and priority; `number` makes its addresses unique."""
    local = Candidate("L", 1, "udp", 1, "10.0.0.1", 1, CandidateType.HOST, base=Address("10.0.0.1", 1))
    address = f"10.1.{number // 250}.{number % 250 + 1}"
    remote = Candidate(foundation, 1, "udp", priority, address, 2, CandidateType.HOST)
    stream = cast(Stream, FakeStream(checklist))
    return CandidatePair(
        stream, local, remote, Address("10.0.0.1", 1), remote.transport_address, priority=priority
    )


@pytest.mark.parametrize("state", list(PairState))
@pytest.mark.parametrize("what", list(PairInput))
def test_every_state_takes_every_input(state: PairState, what: PairInput) -> None:
    """RFC 8445 figure 6, §7.2.5, §7.3.1.4, written out once more, by hand and the other way round."""
    expected = {
        I.UNFREEZE: {F: W},
        I.PERFORM: {W: P},
        I.SUCCESS: {P: S, W: S},
        I.FAILURE: {P: X, S: X, W: X},
        I.TRIGGER: {F: W, W: W, P: W, X: W},
    }[what].get(state, state)
    pair = make_pair(Checklist(0, 10), 1)
    pair.state = state
    assert pair.apply(what) is (expected is not state)
    assert pair.state is expected


def test_the_table_has_no_dead_rows() -> None:
    reachable, new = set(), {F}
    while new:
        reachable |= new
        new = {to for (state, _), to in TRANSITIONS.items() if state in reachable} - reachable
    assert reachable == set(PairState)


def grid(rows: list[str]) -> tuple[ChecklistSet, dict[tuple[int, str], CandidatePair]]:
    """Checklists from rows of foundations, as in the tables of the RFCs: one pair for each letter."""
    checklists = ChecklistSet.of(len(rows), 100)
    pairs = {}
    number = 0
    for row, letters in enumerate(rows):
        for letter in letters:
            number += 1
            pair = make_pair(checklists.lists[row], number, letter, priority=1000 - number)
            assert checklists.add(checklists.lists[row], pair)
            pairs[row, letter] = pair
    return checklists, pairs


def test_initial_states_of_the_example_in_rfc_8445() -> None:
    """§6.1.2.6 table 1."""
    checklists, pairs = grid(["123", "1234", "15"])
    checklists.start()
    waiting = {key for key, pair in pairs.items() if pair.state is W}
    assert waiting == {(0, "1"), (0, "2"), (0, "3"), (1, "4"), (2, "5")}


def test_the_tables_of_rfc_8838() -> None:
    """§12: tables 2 to 6."""
    checklists, pairs = grid(["123", "1234", "1", "1"])
    checklists.start()
    first = pairs[0, "1"]
    first.apply(I.PERFORM), first.apply(I.SUCCESS)
    checklists.unfreeze(first.foundation)
    assert {key for key, pair in pairs.items() if pair.state is W} == {  # table 3
        (0, "2"), (0, "3"), (1, "1"), (1, "4"), (2, "1"), (3, "1"),
    }  # fmt: skip
    lists = checklists.lists
    rule1 = make_pair(lists[0], 50, "5")
    assert checklists.add(lists[0], rule1) and rule1.state is W  # table 4
    rule1.apply(I.PERFORM), rule1.apply(I.SUCCESS)
    rule2 = make_pair(lists[1], 51, "5")
    assert checklists.add(lists[1], rule2) and rule2.state is W  # table 5
    rule3 = make_pair(lists[2], 52, "3")
    assert checklists.add(lists[2], rule3) and rule3.state is F  # table 6


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(1, 50)), max_size=25))
def test_starting_puts_one_pair_of_each_foundation_into_waiting(
    entries: list[tuple[int, str, int]],
) -> None:
    """§6.1.2.6 step 4: exactly one, of the first list that has it, the best there."""
    checklists = ChecklistSet.of(3, 300)
    for number, (row, foundation, priority) in enumerate(entries):
        pair = make_pair(checklists.lists[row], number, foundation, priority)
        checklists.add(checklists.lists[row], pair)
    checklists.start()
    for foundation in {entry[1] for entry in entries}:
        column = [pair for pair in checklists if pair.remote.foundation == foundation]
        assert [pair.state for pair in column] == [W] + [F] * (len(column) - 1)
        first_row = min(row for row, name, _ in entries if name == foundation)
        best = max(p for row, name, p in entries if row == first_row and name == foundation)
        assert column[0].priority == best


def test_pairs_are_ordered_and_redundant_ones_pruned() -> None:
    checklist = Checklist(0, 10)
    for number, priority in enumerate([5, 9, 1, 9]):
        assert checklist.insert(make_pair(checklist, number, priority=priority))
    assert [pair.priority for pair in checklist.pairs] == [9, 9, 5, 1]
    assert not checklist.insert(make_pair(checklist, 0, "other", priority=99)), (
        "same base, same remote (§6.1.2.4)"
    )
    assert len(checklist.pairs) == 4


def test_a_full_list_gives_up_failed_pairs_first_then_worse_ones_not_begun() -> None:
    """RFC 8838 §10 item 6."""
    checklist = Checklist(0, 3)
    low, middle, high = (make_pair(checklist, n, str(n), priority=n) for n in (1, 5, 9))
    for pair in (low, middle, high):
        checklist.insert(pair)
    low.state, middle.state, high.state = P, W, X
    assert checklist.insert(make_pair(checklist, 3, priority=3))
    assert high not in checklist.pairs, "the failed one goes, whatever its priority"
    assert not checklist.insert(make_pair(checklist, 4, priority=2)), "nothing worse to give up"
    assert checklist.insert(make_pair(checklist, 6, priority=6))
    assert low in checklist.pairs, "a check in progress is not given up"
    assert len(checklist.pairs) == 3


def test_the_limit_is_shared_evenly() -> None:
    """§6.1.2.5."""
    assert [checklist.limit for checklist in ChecklistSet.of(4, 100).lists] == [25] * 4
    assert ChecklistSet.of(16, 10).lists[0].limit == 1


def test_ordinary_checks_take_turns_among_lists() -> None:
    """§6.1.4.2."""
    checklists, pairs = grid(["ab", "cd", "e"])
    checklists.start()
    order = []
    while (pair := checklists.next_ordinary()) is not None:
        pair.apply(I.PERFORM)
        order.append(next(key for key, value in pairs.items() if value is pair))
    assert order == [(0, "a"), (1, "c"), (2, "e"), (0, "b"), (1, "d")]
    assert not checklists.has_ordinary()


def test_a_frozen_pair_goes_when_nothing_of_its_foundation_is_being_tried() -> None:
    """§6.1.4.2 step 2."""
    checklists, pairs = grid(["a", "a"])
    checklists.start()
    first = checklists.next_ordinary()
    assert first is pairs[0, "a"]
    first.apply(I.PERFORM)
    assert checklists.next_ordinary() is None and not checklists.has_ordinary()
    first.apply(I.FAILURE)
    assert checklists.has_ordinary()
    assert checklists.next_ordinary() is pairs[1, "a"]


def test_the_triggered_queue_is_first_in_first_out_and_holds_each_pair_once() -> None:
    """§6.1.4.1."""
    checklists, pairs = grid(["abc"])
    checklist = checklists.lists[0]
    for name, at in (("c", 0.0), ("a", 2.0), ("b", 0.0), ("c", 0.0)):
        checklist.enqueue(pairs[0, name], not_before=at)
    assert checklists.triggered_at() == 0.0
    taken = []
    while (entry := checklists.next_triggered(1.0)) is not None:
        taken.append(entry.pair)
    assert taken == [pairs[0, "c"], pairs[0, "b"]]
    assert checklists.triggered_at() == 2.0


def test_a_queued_pair_is_no_ordinary_check() -> None:
    checklists, pairs = grid(["a"])
    checklists.start()
    checklists.lists[0].enqueue(pairs[0, "a"], not_before=5.0)
    assert not checklists.has_ordinary() and checklists.next_ordinary() is None


def test_concluding_drops_what_was_not_tried() -> None:
    """§8.1.2; what an aggressive peer has nominated as well is kept."""
    checklists, pairs = grid(["abcdef"])
    checklist = checklists.lists[0]
    for name, state in zip("abcdef", (F, W, P, S, X, W), strict=True):
        pairs[0, name].state = state
    pairs[0, "f"].nominate_on_success = True
    checklist.enqueue(pairs[0, "b"], not_before=0.0)
    checklist.enqueue(pairs[0, "f"], not_before=0.0)
    checklist.conclude()
    assert checklist.state is ChecklistState.COMPLETED
    assert [p.remote.foundation for p in checklist.pairs] == ["c", "d", "e", "f"]
    assert [entry.pair for entry in checklist.triggered] == [pairs[0, "f"]]
    checklists.started = True
    assert checklists.next_ordinary() is None, "a completed list has no ordinary checks"


class ChecklistMachine(RuleBasedStateMachine):
    """Any order of adding, checking, succeeding, failing, triggering keeps the set consistent."""

    LIMIT = 12

    def __init__(self) -> None:
        super().__init__()
        self.set = ChecklistSet.of(2, self.LIMIT)
        self.number = 0

    @rule(row=st.integers(0, 1), foundation=st.sampled_from("abc"), priority=st.integers(1, 20))
    def add(self, row: int, foundation: str, priority: int) -> None:
        self.number += 1
        checklist = self.set.lists[row]
        self.set.add(checklist, make_pair(checklist, self.number, foundation, priority))

    @rule()
    def start(self) -> None:
        if not self.set.started:
            self.set.start()

    @rule()
    def check(self) -> None:
        had = self.set.has_ordinary()
        pair = self.set.next_ordinary()
        assert (pair is not None) is had, "has_ordinary and next_ordinary agree"
        if pair is not None:
            assert pair.apply(I.PERFORM)

    @precondition(lambda self: any(pair.state is P for pair in self.set))
    @rule(success=st.booleans(), data=st.data())
    def finish(self, success: bool, data: Any) -> None:
        pair = data.draw(st.sampled_from([pair for pair in self.set if pair.state is P]))
        pair.apply(I.SUCCESS if success else I.FAILURE)
        if success:
            self.set.unfreeze(pair.foundation)

    @precondition(lambda self: any(True for _ in self.set))
    @rule(data=st.data())
    def trigger(self, data: Any) -> None:
        pair = data.draw(st.sampled_from(list(self.set)))
        if pair.state is not S:
            pair.apply(I.TRIGGER)
            pair.stream.checklist.enqueue(pair, not_before=0.0)

    @rule()
    def perform_triggered(self) -> None:
        entry = self.set.next_triggered(0.0)
        if entry is not None:
            assert entry.pair.apply(I.PERFORM)

    @invariant()
    def consistent(self) -> None:
        for checklist in self.set.lists:
            assert len(checklist.pairs) <= checklist.limit
            priorities = [pair.priority for pair in checklist.pairs]
            assert priorities == sorted(priorities, reverse=True)
            assert all(
                checklist.find(p.local_address, p.remote.transport_address) is p for p in checklist.pairs
            )
            queued = [entry.pair for entry in checklist.triggered]
            assert len(set(map(id, queued))) == len(queued)
            assert all(pair in checklist.pairs for pair in queued)
        if self.set.started:
            for foundation in {pair.foundation for pair in self.set}:
                column = [pair.state for pair in self.set if pair.foundation == foundation]
                assert not (S in column and F in column and W not in column and P not in column) or (
                    self.set.has_ordinary()
                ), "what may be unfrozen is found"


TestChecklistMachine = ChecklistMachine.TestCase

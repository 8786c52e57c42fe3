"""The deadline table against a model: a dictionary searched by hand."""

from __future__ import annotations

from enum import Enum

from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.timers import TimerTable


class Name(Enum):
    RETRANSMIT = "retransmit"
    HEARTBEAT = "heartbeat"
    CONSENT = "consent"


names = st.sampled_from(Name)
instants = st.floats(0, 100, allow_nan=False)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, instants),
        st.tuples(st.just("stop"), names, instants),
        st.tuples(st.just("expire"), names, instants),
        st.tuples(st.just("clear"), names, instants),
    ),
    max_size=30,
)


@given(steps)
def test_it_behaves_like_a_searched_dictionary(plan: list[tuple[str, Name, float]]) -> None:
    table: TimerTable[Name] = TimerTable()
    model: dict[Name, float] = {}
    for what, name, instant in plan:
        if what == "set":
            table.set(name, instant)
            model[name] = instant
        elif what == "stop":
            table.stop(name)
            model.pop(name, None)
        elif what == "clear":
            table.clear()
            model.clear()
        else:
            due = table.take_expired(instant)
            assert set(due) == {n for n, d in model.items() if d <= instant}
            assert [model[n] for n in due] == sorted(model[n] for n in due), "earliest first"
            for n in due:
                del model[n]
        assert table.next_timeout() == min(model.values(), default=None)
        for n in Name:
            assert table.deadline(n) == model.get(n)
            assert (n in table) == (n in model)


def test_ties_fire_in_the_order_in_which_they_were_armed() -> None:
    table: TimerTable[Name] = TimerTable()
    for name in (Name.CONSENT, Name.RETRANSMIT, Name.HEARTBEAT):
        table.set(name, 5.0)
    assert table.take_expired(5.0) == [Name.CONSENT, Name.RETRANSMIT, Name.HEARTBEAT]
    assert table.next_timeout() is None


def test_a_deadline_is_due_at_its_instant_and_not_before() -> None:
    table: TimerTable[Name] = TimerTable()
    table.set(Name.CONSENT, 5.0)
    assert table.take_expired(4.999999) == []
    assert table.take_expired(5.0) == [Name.CONSENT]
    assert table.take_expired(5.0) == []


def test_rearming_moves_the_deadline() -> None:
    table: TimerTable[Name] = TimerTable()
    table.set(Name.CONSENT, 5.0)
    table.set(Name.CONSENT, 9.0)
    assert table.next_timeout() == 9.0
    assert table.take_expired(8.0) == []

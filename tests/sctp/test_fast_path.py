"""The fast paths of single messages and of plain SACKs, byte for byte against the general ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.sctp import Association, SctpConfig, StreamMessage
from rtcpy.sctp.outbound import Outbound
from tests.sctp.link import Conditions, Link

Step = tuple[float, int, int, int, bool, int | None, float | None]


def play(
    steps: list[Step], conditions: Conditions, seed: int
) -> tuple[list[tuple[float, int, bytes]], list[object]]:
    """Two associations, the messages sent at their times; everything that crossed the wire, and what arrived."""
    config = SctpConfig(path_mtu=1200, path_mtu_limit=1200)
    ends = (
        Association(config, entropy=SeededEntropy(f"a{seed}")),
        Association(config, entropy=SeededEntropy(f"b{seed}")),
    )
    link = Link(ends, conditions, seed)
    link.keep_log = True
    for end in ends:
        end.start(now=0.0)
    link.run(until=1.0)
    now = 1.0
    for pause, end, stream, size, unordered, retransmits, lifetime in steps:
        now += pause
        link.run(until=now)
        ends[end].send(
            stream,
            53,
            bytes([stream]) * size,
            unordered=unordered,
            max_retransmits=retransmits,
            lifetime=lifetime,
            now=now,
        )
    link.run(until=now + 30)
    return link.log, [*link.events[0], *link.events[1]]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.3]),
        st.integers(0, 1),
        st.integers(0, 3),
        st.sampled_from([1, 64, 500, 1131, 1132, 1133, 1160, 3000, 20000]),
        st.booleans(),
        st.sampled_from([None, None, 0, 2]),
        st.sampled_from([None, None, 0.0, 0.05]),
    ),
    max_size=40,
)


@given(steps=STEPS, lossy=st.booleans(), seed=st.integers(0, 1000))
def test_both_ways_put_the_same_bytes_on_the_wire(steps: list[Step], lossy: bool, seed: int) -> None:
    conditions = Conditions(loss=0.1, reordering=0.1, duplication=0.05) if lossy else Conditions()
    fast = play(steps, conditions, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbound, "at_once", lambda self, message, now: None)
        patch.setattr(Association, "_accept_sack_and_data", lambda self, packet, size, now: False)
        patch.setattr(Outbound, "acknowledge_everything", lambda self, cumulative, window, now: False)
        general = play(steps, conditions, seed)
    assert fast[0] == general[0]
    assert fast[1] == general[1]


def test_the_fast_path_is_taken() -> None:
    """Else the comparison above compares nothing."""
    taken = 0
    original = Outbound.at_once

    def counted(self: Outbound, message: object, now: float) -> bytes | None:
        nonlocal taken
        chunk = original(self, message, now)  # type: ignore[arg-type]
        taken += chunk is not None
        return chunk

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbound, "at_once", counted)
        _, events = play([(0.1, 0, 1, 64, False, None, None)] * 5, Conditions(), 1)
    assert taken == 5
    assert sum(isinstance(event, StreamMessage) for event in events) == 5

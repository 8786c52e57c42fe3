"""Deliveries keep what the channel promises, whatever the dice say."""

from __future__ import annotations

import pytest

from rtcpy.lab.messages import Deliveries, data_chunks, deliver, plot_deliveries
from rtcpy.sctp.chunks import DataChunk, Ppid
from rtcpy.sctp.dcep import read_open
from rtcpy.sim import LinkConfig, Session

CLEAN = LinkConfig(delay=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_reliable_channels_deliver_everything(seed: int) -> None:
    ordered, unordered = deliver(seed=seed), deliver(seed=seed, ordered=False)
    assert ordered.order == sorted(ordered.order) and len(ordered.order) == 20 and not ordered.lost
    assert sorted(unordered.order) == ordered.order and not unordered.lost
    assert ordered.worst > 0.05  # something was lost, and sent again


@pytest.mark.parametrize("seed", range(3))
def test_what_is_given_up_is_told_and_never_late_where_order_does_not_matter(seed: int) -> None:
    run = deliver(seed=seed, ordered=False, max_retransmits=0)
    assert run.lost and set(run.lost) | set(run.arrived) == set(range(20))
    assert run.worst < 0.03
    in_order = deliver(seed=seed, max_retransmits=0)
    assert in_order.order == sorted(in_order.order)
    assert "never: " in str(run) and f"{len(run.arrived)} of 20" in str(run)


def test_a_clean_link_delays_and_nothing_else() -> None:
    run = deliver("clean", link=CLEAN, count=5)
    assert run.order == [0, 1, 2, 3, 4]
    assert all(abs(run.latency(n) - 0.02) < 1e-6 for n in range(5))
    assert str(run) == "clean: 5 of 5 arrive (all), the slowest after 20 ms"


def test_nothing_sent() -> None:
    empty = Deliveries("nothing", 0.02)
    assert empty.worst == 0.0 and empty.lost == []
    with pytest.raises(KeyError):
        deliver(link=LinkConfig(loss=1.0), count=1, max_retransmits=0).latency(0)


def test_data_chunks_are_those_of_the_sender() -> None:
    session = Session(seed="chunks")
    session.connect()
    session.alice.send("chat", "hello")
    session.run(0.1)
    opening, hello = data_chunks(session, sender="alice")
    assert opening.ppid == Ppid.DCEP and read_open(opening.user_data).label == "chat"
    assert isinstance(hello, DataChunk) and hello.user_data == b"hello"
    assert [chunk.user_data for chunk in data_chunks(session, sender="bob")] == [b"\x02"]


def test_a_plot_has_a_line_for_each_message_and_a_cross_for_each_loss() -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    runs = [deliver(), deliver("unordered", ordered=False, max_retransmits=0)]
    figure = plot_deliveries(runs)
    assert len(figure.axes) == 2
    for run, axes in zip(runs, figure.axes, strict=True):
        assert axes.get_title(loc="left") == str(run)
        crosses = [line for line in axes.get_lines() if line.get_marker() == "x"]
        assert len(crosses) == len(run.lost)
        arrows = [line for line in axes.get_lines() if line.get_marker() == "o"]
        assert [line.get_xdata()[1] for line in arrows] == [run.arrived[n] for n in sorted(run.arrived)]

"""A watched transfer says what happened: chunks, losses, timers, windows; and its plots have everything in them."""

from __future__ import annotations

import pytest

from rtcpy.lab.transfer import Transfer, transfer
from rtcpy.sim import LinkConfig


def test_without_loss_every_chunk_is_sent_once() -> None:
    seen = transfer(100_000)
    assert seen.size == 100_000 and seen.lost == seen.retransmissions == 0 and not seen.timeouts
    assert [sending.number for sending in seen.sendings] == list(range(len(seen.sendings)))
    assert seen.acknowledged[-1][1] <= len(seen.sendings)
    assert [sample.at for sample in seen.samples] == sorted(sample.at for sample in seen.samples)


def test_the_chosen_packet_is_lost_and_sent_again() -> None:
    seen = transfer(200_000, lose={30})
    lost = [sending.number for sending in seen.sendings if sending.lost]
    assert lost == [sending.number for sending in seen.sendings if sending.again] == [30]
    assert not seen.timeouts


def test_chance_follows_the_seed() -> None:
    link = LinkConfig(loss=0.05)
    assert transfer(100_000, link=link, seed=3) == transfer(100_000, link=link, seed=3)
    assert transfer(100_000, link=link, seed=3) != transfer(100_000, link=link, seed=4)


def test_lost_acknowledgements_are_not_lost_chunks() -> None:
    seen = transfer(100_000, back=LinkConfig(loss=0.3), seed=2)
    assert seen.size == 100_000 and seen.lost == 0


def test_an_outage_lets_the_timer_expire_and_back_off() -> None:
    seen = transfer(200_000, outage=(0.05, 2.0))
    waits = [b - a for a, b in zip(seen.timeouts, seen.timeouts[1:], strict=False)]
    assert len(waits) >= 2 and waits == sorted(waits)
    assert seen.duration > 2.0


def test_giving_up_says_how_far_it_came() -> None:
    with pytest.raises(TimeoutError, match=r"\d+ of 100000 bytes after 1 s"):
        transfer(100_000, outage=(0.05, 10.0), limit=1.0)


def test_a_path_that_carries_nothing() -> None:
    with pytest.raises(TimeoutError, match="no association"):
        transfer(1000, link=LinkConfig(loss=1.0))


def test_nothing_has_no_speed() -> None:
    assert Transfer().goodput == 0.0


def test_the_plots_show_what_was_seen() -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    seen = transfer(200_000, lose={30})
    window = seen.plot_window().axes[0]
    assert window.get_title(loc="left") == str(seen)
    assert {text.get_text() for text in window.get_legend().get_texts()} == {
        "in flight",
        "cwnd",
        "ssthresh",
        "lost",
    }
    chunks = seen.plot_chunks(title="chunks").axes[0]
    dots = {line.get_label(): len(line.get_xdata()) for line in chunks.get_lines()}
    assert dots["lost"] == dots["sent again"] == 1
    assert dots["sent"] == len(seen.sendings) - 2

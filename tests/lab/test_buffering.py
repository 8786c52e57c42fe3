"""The send buffer as a sender sees it, and what becomes of those who ask it and those who do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rtcpy.lab import buffering
from rtcpy.lab.buffering import Spout, feed, plot_feedings

HIGH, LOW, BLOCK = 65_536, 32_768, 16_384


class Greedy:
    def __init__(self, channel: Spout, blocks: Sequence[bytes]) -> None:
        for block in blocks:
            channel.send(block)

    def on_low(self) -> None:
        """Nothing is left."""


class Polite:
    def __init__(self, channel: Spout, blocks: Sequence[bytes]) -> None:
        self.channel, self.blocks = channel, list(blocks)
        channel.buffered_amount_low_threshold = LOW
        assert channel.buffered_amount_low_threshold == LOW
        self.on_low()

    def on_low(self) -> None:
        assert self.channel.buffered_amount <= LOW
        while self.blocks and self.channel.buffered_amount < HIGH:
            self.channel.send(self.blocks.pop(0))


class Lazy(Greedy):
    """Sends the first block only."""

    def __init__(self, channel: Spout, blocks: Sequence[bytes]) -> None:
        super().__init__(channel, blocks[:1])


def test_asking_costs_no_time_and_saves_memory() -> None:
    greedy, polite = feed(Greedy, blocks=20), feed(Polite, blocks=20)
    assert greedy.received == polite.received == 20
    assert HIGH <= polite.peak <= HIGH + BLOCK
    assert 20 * BLOCK * 0.9 < greedy.peak <= 20 * BLOCK
    line = 20 * BLOCK * 8 / 1e6  # s that the bytes alone take
    assert line < greedy.seconds < line * 1.15 and abs(polite.seconds - greedy.seconds) < 0.1
    assert greedy.samples[-1][1] == polite.samples[-1][1] == 0
    assert str(polite).startswith("Polite: 20 blocks in ")


def test_a_sender_that_stops_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffering, "LIMIT", 5.0)
    with pytest.raises(TimeoutError, match="1 of 3 blocks after 5 s"):
        feed(Lazy, blocks=3)


def test_the_plot_has_every_run() -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    runs = [feed(Greedy, blocks=5), feed(Polite, blocks=5)]
    axes = plot_feedings(runs).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [str(run) for run in runs]
    assert [len(line.get_xdata()) for line in axes.get_lines()] == [len(run.samples) for run in runs]

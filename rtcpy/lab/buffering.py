"""What waits in the send buffer of a channel, watched while somebody fills it over a slow line, to be plotted.

`feed` lets a class of the reader's send blocks to Bob: it is made with a `Spout` and the blocks, and its method
``on_low`` is called when the buffer has run down to the threshold. `Feeding` is what was seen.

Spec: W3C webrtc §6.2 (bufferedAmount, bufferedAmountLowThreshold, send).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rtcpy.core.machine import Instant
from rtcpy.sctp import Channel
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL = "chat"
LIMIT = 120.0  # s of virtual time
WIDTH, HEIGHT = 9.0, 2.8  # inches
COLOURS = ("#c01c28", "#1a5fb4", "#26a269", "#8a5a00")


class Filling(Protocol):
    """What sends."""

    def on_low(self) -> None:
        """The buffer has run down to the threshold."""


@dataclass(slots=True)
class Spout:
    """Alice's channel, with what W3C's has for sending. Counts are **bytes**."""

    session: Session
    channel: Channel

    @property
    def buffered_amount(self) -> int:
        """Queued and not yet sent."""
        return self.session.alice.peer.buffered_amount(self.channel)

    @property
    def buffered_amount_low_threshold(self) -> int:
        """When the buffer falls to this, `Filling.on_low` is called."""
        return self.channel.buffered_amount_low_threshold

    @buffered_amount_low_threshold.setter
    def buffered_amount_low_threshold(self, amount: int) -> None:
        self.session.alice.peer.set_buffered_amount_low_threshold(self.channel, amount)

    def send(self, data: bytes) -> None:
        """Queue a message."""
        self.session.alice.send(LABEL, data)


@dataclass(slots=True)
class Feeding:
    """What was seen: `samples` are (seconds since the beginning, bytes that wait), `seconds` until the last block came."""

    name: str
    samples: list[tuple[Instant, int]] = field(default_factory=list)
    received: int = 0
    seconds: float = 0.0

    @property
    def peak(self) -> int:
        """The most that waited, in **bytes**."""
        return max((amount for _, amount in self.samples), default=0)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.received} blocks in {self.seconds:.2f} s, at most {self.peak:,} bytes waited"
        )


def feed(
    filling: Callable[[Spout, Sequence[bytes]], Filling],
    *,
    blocks: int = 40,
    size: int = 16_384,
    rate_bps: float = 1e6,
    seed: int | str = "feed",
) -> Feeding:
    """Let `filling` send `blocks` blocks of `size` **bytes** over a line of `rate_bps` **bits per second**.

    Raises:
        TimeoutError: not all of them arrived in two minutes of virtual time, perhaps because it stopped sending.
    """
    session = Session(seed=seed, nats=(None, None))
    session.connect()
    session.network.set_link(LinkConfig(delay=0.02, rate_bps=rate_bps))
    seen, started = Feeding(getattr(filling, "__name__", "this")), session.now
    spout = Spout(session, session.alice.channels[LABEL])
    sender = filling(spout, [number.to_bytes(4, "big") * (size // 4) for number in range(blocks)])
    told = len(session.steps)

    def look() -> bool:
        nonlocal told
        steps, told = session.steps[told:], len(session.steps)
        if any(
            item.who == "alice" and item.name == "bufferedamountlow" for step in steps for item in step.events
        ):
            sender.on_low()
        seen.samples.append((session.now - started, spout.buffered_amount))
        return len(session.bob.received) >= blocks

    if not session.run(LIMIT, stop=look):
        raise TimeoutError(f"{len(session.bob.received)} of {blocks} blocks after {LIMIT:g} s")
    seen.received, seen.seconds = len(session.bob.received), session.now - started
    return seen


def plot_feedings(feedings: Sequence[Feeding]) -> Figure:
    """The bytes that wait, over time, for several runs."""
    # Not pyplot: it keeps figures in a global list and draws each twice in a notebook.
    from matplotlib.figure import Figure as MakeFigure

    figure = MakeFigure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    for run, colour in zip(feedings, COLOURS, strict=False):
        axes.step(
            [at for at, _ in run.samples],
            [amount / 1000 for _, amount in run.samples],
            where="post",
            color=colour,
            label=str(run),
        )
    axes.set_ylabel("kB that wait")
    axes.set_xlabel("seconds")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper right", frameon=True, fontsize=8)
    return figure

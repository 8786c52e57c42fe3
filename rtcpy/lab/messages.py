"""Messages on a channel of your choice over a link of your choice: which arrive, and when, to be plotted.

`deliver` opens a channel between two whole peers, spoils the link, sends numbered messages at a steady pace and notes
what the other application hears. `plot_deliveries` draws several such runs under one another. `data_chunks` are the
chunks that crossed a session, decrypted.

Specs: RFC 8831 §6.6 (messages), RFC 3758 (giving up), RFC 9260 §6.6 (order).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtcpy.core.machine import Instant
from rtcpy.core.tap import Direction
from rtcpy.sctp.chunks import DataChunk
from rtcpy.sctp.packet import parse_packet
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AFTERWARDS = 5.0  # s of virtual time after the last message: enough for every retransmission
SETTLING = 0.5  # s before the first: the channel is open at both ends
LABEL = "game"
LATE = 0.005  # s beyond the delay of the link from which on a message was held up
WIDTH, PANEL = 9.0, 1.5  # inches
COLOURS = {"prompt": "#1a5fb4", "late": "#e66100", "lost": "#c01c28"}


def data_chunks(session: Session, *, sender: str) -> list[DataChunk]:
    """Every DATA chunk that an end has sent, oldest first, as it was before it was encrypted."""
    return [
        chunk
        for entry in session.trace.packets("sctp", who=sender)
        if entry.direction is Direction.OUT
        for chunk in parse_packet(entry.data).chunks
        if isinstance(chunk, DataChunk)
    ]


@dataclass(slots=True)
class Deliveries:
    """One run.

    Args:
        title: of the channel.
        delay: of the link, in **seconds**.
        sent: for each message, when; **seconds** since the first.
        arrived: by number of the message, when the other application heard it.
        order: numbers in the order in which it heard them.
    """

    title: str
    delay: float
    sent: list[Instant] = field(default_factory=list)
    arrived: dict[int, Instant] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    @property
    def lost(self) -> list[int]:
        """Messages that never arrived."""
        return [number for number in range(len(self.sent)) if number not in self.arrived]

    def latency(self, number: int) -> float:
        """**Seconds** from sending to hearing.

        Raises:
            KeyError: it never arrived.
        """
        return self.arrived[number] - self.sent[number]

    @property
    def worst(self) -> float:
        """The longest latency, in **seconds**; 0 if nothing arrived."""
        return max((self.latency(number) for number in self.arrived), default=0.0)

    def __str__(self) -> str:
        lost = f"never: {', '.join(map(str, self.lost))}" if self.lost else "all"
        return (
            f"{self.title}: {len(self.arrived)} of {len(self.sent)} arrive ({lost}), "
            f"the slowest after {self.worst * 1e3:.0f} ms"
        )


def deliver(
    title: str = "ordered, reliable",
    *,
    count: int = 20,
    interval: float = 0.02,
    link: LinkConfig | None = None,
    seed: int | str = "deliver",
    ordered: bool = True,
    max_retransmits: int | None = None,
    max_packet_life_time: int | None = None,
) -> Deliveries:
    """Send numbered messages from Alice to Bob.

    Args:
        title: of the run.
        count: messages.
        interval: **seconds** between two.
        link: both ways, once the channel is open; default: 20 ms, and every fifth packet lost.
        seed: of keys and of the dice.
        ordered: as of `create_data_channel`.
        max_retransmits: as of `create_data_channel`.
        max_packet_life_time: as of `create_data_channel`, **milliseconds**.
    """
    link = LinkConfig(delay=0.02, loss=0.2) if link is None else link
    session = Session(seed=seed, nats=(None, None))
    session.connect()
    session.alice.create_data_channel(
        LABEL, ordered=ordered, max_retransmits=max_retransmits, max_packet_life_time=max_packet_life_time
    )
    session.run(SETTLING)
    session.network.set_link(link)
    run = Deliveries(title, link.delay)
    started = session.now

    def listen() -> bool:
        for heard in session.bob.received[len(run.order) :]:
            run.order.append(int(heard))
            run.arrived[int(heard)] = session.now - started
        return False

    for number in range(count):
        run.sent.append(session.now - started)
        session.alice.send(LABEL, str(number))
        session.run(interval, stop=listen)
    session.run(AFTERWARDS, stop=listen)
    return run


def plot_deliveries(runs: Sequence[Deliveries]) -> Figure:
    """Time to the right. A line goes from the sending of a message (above) to its hearing (below)."""
    # Not pyplot: it keeps figures in a global list and draws each twice in a notebook.
    from matplotlib.figure import Figure as MakeFigure

    figure = MakeFigure(figsize=(WIDTH, PANEL * len(runs) + 0.4), layout="constrained")
    panels: Any = figure.subplots(len(runs), 1, sharex=True, squeeze=False)
    for run, axes in zip(runs, panels[:, 0], strict=True):
        axes.set_title(str(run), fontsize=9, loc="left")
        for number, at in enumerate(run.sent):
            if number in run.arrived:
                late = run.latency(number) > run.delay + LATE
                colour = COLOURS["late" if late else "prompt"]
                axes.plot(
                    [at, run.arrived[number]], [1, 0], "-o", color=colour, linewidth=1.1, markersize=3.5
                )
            else:
                axes.plot([at, at + run.delay / 2], [1, 0.55], "-", color=COLOURS["lost"], linewidth=1.1)
                axes.plot([at + run.delay / 2], [0.55], "x", color=COLOURS["lost"], markersize=7)
        axes.set_yticks([0, 1], ["Bob hears", "Alice sends"], fontsize=8)
        axes.set_ylim(-0.15, 1.15)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.grid(axis="x", alpha=0.25)
    panels[-1, 0].set_xlabel("seconds")
    return figure

"""A transfer over a link of your choice, watched: the congestion window and every chunk, to be plotted.

Two SCTP associations on a cable in virtual time; one sends messages, and after everything that happens the sender's
figures are noted. `transfer` does it, `Transfer` is what was seen.

Nothing of SCTP is here: the values are those of `rtcpy.sctp.congestion`.

Specs: RFC 9260 §7.2 (cwnd, ssthresh), §6.3 (RTO).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Instant
from rtcpy.core.serial import diff32
from rtcpy.core.tap import Tap
from rtcpy.sctp import Association, SctpConfig, State, StreamMessage
from rtcpy.sctp.chunks import DataChunk, SackChunk
from rtcpy.sctp.packet import parse_packet
from rtcpy.sctp.tcb import Timer
from rtcpy.sim import LinkConfig, Pair

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PACKET = 1200  # bytes of UDP payload: fixed, so that the window counts equal packets
CONNECT_LIMIT = 60.0  # s of virtual time
BINARY = 53  # payload protocol identifier of a binary message, RFC 8831 §8
HEIGHT, WIDTH = 3.0, 9.0  # inches of one plot
COLOURS = {
    "cwnd": "#1a5fb4",
    "ssthresh": "#8a5a00",
    "flight": "#b9d3f0",
    "lost": "#c01c28",
    "again": "#e66100",
}


@dataclass(slots=True)
class Sample:
    """The sender at one instant: `at` in seconds since the first chunk, sizes in **bytes**, `rto` in seconds."""

    at: Instant
    cwnd: int
    ssthresh: int
    flight: int
    rto: float


@dataclass(slots=True)
class Sending:
    """One DATA chunk put on the wire: `number` counts chunks from 0, `again` if it is not its first time."""

    at: Instant
    number: int
    again: bool
    lost: bool


@dataclass(slots=True)
class Transfer:
    """What was seen.

    Attributes:
        samples: after each thing that happened, oldest first.
        sendings: every DATA chunk, as often as it was sent.
        acknowledged: (time, number of chunks that the receiver has without a gap), as the SACKs said.
        size: **bytes** of messages that arrived.
        duration: seconds from the first chunk to the last message.
        timeouts: when T3-rtx expired, in seconds since the first chunk.
    """

    samples: list[Sample] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    acknowledged: list[tuple[Instant, int]] = field(default_factory=list)
    size: int = 0
    duration: Instant = 0.0
    timeouts: list[Instant] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """**Bytes** per second that reached the application."""
        return self.size / self.duration if self.duration else 0.0

    @property
    def lost(self) -> int:
        """Chunks that the link lost."""
        return sum(sending.lost for sending in self.sendings)

    @property
    def retransmissions(self) -> int:
        """Chunks sent again."""
        return sum(sending.again for sending in self.sendings)

    def __str__(self) -> str:
        return (
            f"{self.size / 1e3:.0f} kB in {self.duration:.2f} s: {self.goodput / 1e3:.0f} kB/s, "
            f"{len(self.sendings)} chunks, {self.lost} lost, {self.retransmissions} sent again, {len(self.timeouts)} timeouts"
        )

    def plot_window(self, *, title: str = "", until: Instant | None = None) -> Figure:
        """cwnd, ssthresh and what is in flight, over time; a red tick for each lost chunk."""
        figure, axes = _figure(title or str(self))
        shown = [s for s in self.samples if until is None or s.at <= until]
        times = [s.at for s in shown]
        axes.fill_between(
            times, [s.flight / 1e3 for s in shown], step="post", color=COLOURS["flight"], label="in flight"
        )
        axes.step(times, [s.cwnd / 1e3 for s in shown], where="post", color=COLOURS["cwnd"], label="cwnd")
        top = max(s.cwnd for s in shown) * 1.1 / 1e3
        axes.step(
            times,
            [min(s.ssthresh / 1e3, top * 2) for s in shown],
            where="post",
            color=COLOURS["ssthresh"],
            linestyle="--",
            linewidth=1,
            label="ssthresh",
        )
        lost = [s.at for s in self.sendings if s.lost and (until is None or s.at <= until)]
        axes.plot(
            lost, [0] * len(lost), "|", color=COLOURS["lost"], markersize=14, label="lost", clip_on=False
        )
        axes.set_ylim(0, top)
        axes.set_ylabel("kB")
        axes.legend(loc="upper right", ncols=4, frameon=True, fontsize=8)
        return figure

    def plot_chunks(self, *, since: Instant = 0.0, until: Instant | None = None, title: str = "") -> Figure:
        """Each chunk as a dot at its number and time; what the receiver has without a gap as a line."""
        figure, axes = _figure(title or "every DATA chunk")
        shown = [s for s in self.sendings if s.at >= since and (until is None or s.at <= until)]
        for label, colour, chosen in (
            ("sent", COLOURS["cwnd"], [s for s in shown if not s.again and not s.lost]),
            ("sent again", COLOURS["again"], [s for s in shown if s.again and not s.lost]),
            ("lost", COLOURS["lost"], [s for s in shown if s.lost]),
        ):
            mark = "x" if label == "lost" else "."
            axes.plot(
                [s.at for s in chosen],
                [s.number for s in chosen],
                mark,
                color=colour,
                label=label,
                markersize=5,
            )
        line = [(at, n) for at, n in self.acknowledged if at >= since and (until is None or at <= until)]
        axes.step(
            [at for at, _ in line],
            [n for _, n in line],
            where="post",
            color="#333",
            linewidth=1,
            label="acknowledged without a gap",
        )
        axes.set_ylabel("chunk")
        axes.legend(loc="upper left", frameon=True, fontsize=8)
        return figure


def _figure(title: str) -> tuple[Figure, Any]:
    # Not pyplot: it keeps figures in a global list and draws each twice in a notebook.
    from matplotlib.figure import Figure as MakeFigure

    figure = MakeFigure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


class _Timers(Tap):
    """Notes when the retransmission timer expired."""

    __slots__ = ("expired",)

    def __init__(self) -> None:
        self.expired: list[Instant] = []

    def timer(self, layer: str, name: str, *, now: Instant) -> None:
        """A timer expired."""
        if name == Timer.T3_RTX.value:
            self.expired.append(now)


class _WatchedPair(Pair):
    """A pair that notes which packets of end 0 never arrive."""

    def __init__(self, *args: Any, lose: Collection[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fates: list[tuple[Instant, bytes, bool]] = []
        self._lose = lose
        self._data = 0

    def _dispatch(self, end: int, packet: bytes) -> None:
        if end == 1:
            super()._dispatch(end, packet)
            return
        is_data = packet[12] == 0  # the first chunk is DATA
        chosen = is_data and self._data in self._lose
        self._data += is_data
        arrivals = [] if chosen else self.links[0].send(packet, self.now)
        for arrival, data in arrivals:
            self._travel(arrival, 1, data)
        self.fates.append((self.now, packet, not arrivals))


def transfer(
    size: int = 500_000,
    *,
    link: LinkConfig | None = None,
    back: LinkConfig | None = None,
    seed: int = 1,
    message: int = 16_384,
    lose: Collection[int] = (),
    outage: tuple[Instant, Instant] | None = None,
    limit: Instant = 600.0,
) -> Transfer:
    """Send `size` **bytes** in messages of `message` bytes over `link`, one way.

    Args:
        size: in all.
        link: the way there, and back unless `back` is given; default: 20 ms, no loss, no limit.
        back: the way that the SACKs take.
        seed: of keys, tags and chance.
        message: **bytes** of each message.
        lose: packets with DATA to lose for certain, by their number, counted from 0.
        outage: (begin, length) in **seconds** after the first chunk: nothing gets through, either way.
        limit: **seconds** of virtual time after which to give up.

    Raises:
        TimeoutError: not everything arrived within `limit`.
    """
    config = SctpConfig(path_mtu=PACKET, path_mtu_limit=PACKET)
    timers = _Timers()
    sender = Association(config, entropy=SeededEntropy(f"{seed}/a"), tap=timers)
    receiver = Association(config, entropy=SeededEntropy(f"{seed}/b"))
    ends = (sender, receiver)
    pair = _WatchedPair(sender, receiver, seed=seed, link=link or LinkConfig(), back=back, lose=lose)
    sender.start(now=0.0)
    receiver.start(now=0.0)
    if not pair.drive(until=CONNECT_LIMIT, stop=lambda: all(end.state is State.ESTABLISHED for end in ends)):
        raise TimeoutError(f"no association after {CONNECT_LIMIT:g} s")
    pair.fates.clear()
    started = pair.now
    if outage is not None:
        pair.outage(started + outage[0], outage[1])
    seen = Transfer()
    for offset in range(0, size, message):
        sender.send(0, BINARY, bytes(min(message, size - offset)), now=pair.now)

    def watch() -> bool:
        congestion = sender.congestion
        sample = Sample(
            pair.now - started, congestion.cwnd, congestion.ssthresh, sender.figures.flight, congestion.rto
        )
        before = seen.samples[-1] if seen.samples else None
        if before is None or (sample.cwnd, sample.ssthresh, sample.flight) != (
            before.cwnd,
            before.ssthresh,
            before.flight,
        ):
            seen.samples.append(sample)
        arrived = sum(len(event.data) for event in pair.events[1] if isinstance(event, StreamMessage))
        if arrived > seen.size:
            seen.size, seen.duration = arrived, pair.now - started
        return arrived >= size

    if not pair.drive(until=started + limit, stop=watch):
        raise TimeoutError(f"{seen.size} of {size} bytes after {limit:g} s")
    seen.timeouts = [at - started for at in timers.expired if at >= started]
    _note_chunks(seen, pair, started)
    return seen


def _note_chunks(seen: Transfer, pair: _WatchedPair, started: Instant) -> None:
    """Read what went over the wire."""
    first: int | None = None
    sent: set[int] = set()
    for at, packet, lost in pair.fates:
        for chunk in parse_packet(packet).chunks:
            if isinstance(chunk, DataChunk):
                first = chunk.tsn if first is None else first
                number = diff32(chunk.tsn, first)
                seen.sendings.append(Sending(at - started, number, number in sent, lost))
                sent.add(number)
    for at, end, packet in pair.log or ():
        if end == 1 and at >= started and first is not None:
            for chunk in parse_packet(packet).chunks:
                if isinstance(chunk, SackChunk):
                    seen.acknowledged.append((at - started, diff32(chunk.cumulative_tsn, first) + 1))

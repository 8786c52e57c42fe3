"""Who said what to whom, and when: a connection as a ladder of arrows, in plain text.

`Recorder` is a tap that keeps what crosses one endpoint's socket. `Ladder` makes rows of it: one per datagram,
repeats marked, long stretches of the same kind drawn together, a heading where a new layer speaks for the first time.

Specs: none; the layout follows the message flow figures of the RFCs (RFC 6347 Figure 1, RFC 9260 §5.1.6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.explain.summary import RECORD_KEY, Summary, summarize_datagram

RECORDED_MAX = 20_000  # datagrams kept; a longer session is a matter for a capture file
RUN_MIN = 6  # datagrams of acknowledged bulk data in a row before they are drawn as one
WIDTH = 100  # columns
TIME_WIDTH = 10  # columns for the time


@dataclass(slots=True)
class Crossing:
    """One datagram at the socket."""

    at: Instant
    direction: Direction
    data: bytes
    local: Address | None
    remote: Address | None


@dataclass(slots=True)
class Row:
    """One line of a ladder.

    Args:
        at: when, in seconds since the first datagram.
        outward: from our side to the other.
        text: what.
        size: **bytes** of UDP payload.
        layers: of the things in it, in order.
        count: datagrams that the row stands for.
    """

    at: float
    outward: bool
    text: str
    size: int
    layers: tuple[str, ...]
    count: int = 1


class Recorder(Tap):
    """A tap that keeps datagrams, and the plaintext of protected records as DTLS hands it over."""

    __slots__ = ("crossings", "ended", "lost", "plaintexts", "states")

    def __init__(self) -> None:
        self.crossings: list[Crossing] = []
        self.plaintexts: dict[tuple[Direction, bytes], bytes] = {}
        self.states: list[tuple[Instant, str, str, str]] = []
        self.lost = 0
        """Datagrams beyond `RECORDED_MAX`."""
        self.ended = False

    def stop(self) -> None:
        """Keep no more."""
        self.ended = True

    def packet(
        self,
        layer: str,
        direction: Direction,
        data: bytes,
        *,
        now: Instant,
        local: Address | None = None,
        remote: Address | None = None,
    ) -> None:
        """Keep what crosses the socket and what protected records contain."""
        if self.ended:
            return
        if layer == "udp":
            if len(self.crossings) >= RECORDED_MAX:
                self.lost += 1
                return
            self.crossings.append(Crossing(now, direction, data, local, remote))
        elif layer == "dtls-plaintext" and len(self.plaintexts) < RECORDED_MAX:
            self.plaintexts[direction, data[:RECORD_KEY]] = data[13:]

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        """Keep changes of state."""
        if not self.ended and len(self.states) < RECORDED_MAX:
            self.states.append((now, layer, what, new))


class Ladder:
    """The rows of a recording.

    Args:
        recorder: what was recorded at one side.
        names: what to call that side and the other.
    """

    def __init__(self, recorder: Recorder, names: tuple[str, str] = ("here", "there")) -> None:
        self.names = names
        self.lost = recorder.lost
        self.started: Instant = recorder.crossings[0].at if recorder.crossings else 0.0
        self._parts = list(self._summarized(recorder))
        self.rows = list(_grouped(self._parts))

    def first(self, name: str, *, layer: str | None = None, outward: bool | None = None) -> float | None:
        """When something of this name first crossed the socket, in seconds since the beginning."""
        for at, out, summaries, _size in self._parts:
            for summary in summaries:
                if (
                    summary.name == name
                    and (layer is None or summary.layer == layer)
                    and (outward is None or outward is out)
                ):
                    return at
        return None

    def _summarized(self, recorder: Recorder) -> Iterator[tuple[float, bool, list[Summary], int]]:
        views = {
            direction: {key: plain for (way, key), plain in recorder.plaintexts.items() if way is direction}
            for direction in Direction
        }
        seen: set[tuple[bool, str, bytes]] = set()
        for crossing in recorder.crossings:
            outward = crossing.direction is Direction.OUT
            summaries = summarize_datagram(crossing.data, views[crossing.direction])
            for summary in summaries:
                identity = (outward, summary.name, summary.identity)
                if summary.identity and identity in seen:
                    summary.detail = "again" + (f", {summary.detail}" if summary.detail else "")
                seen.add(identity)
            yield crossing.at - self.started, outward, summaries, len(crossing.data)

    def render(self, *, width: int = WIDTH, headings: Mapping[str, str] | None = None) -> str:
        """The ladder as text of at most `width` columns.

        Args:
            width: columns.
            headings: by layer, what to say before its first row: ``stun``, ``dtls``, ``sctp``, ``dcep``, ``data``.
        """
        said: set[str] = set()
        lines = [self._title(width)]
        for row in self.rows:
            for layer in row.layers:
                heading = (headings or {}).get(layer)
                if heading is not None and layer not in said:
                    said.add(layer)
                    lines += self._heading(heading, width)
            lines += self._row(row, width)
        if self.lost:
            lines.append(f"{'':>{TIME_WIDTH}}  … and {self.lost} datagrams that were not recorded")
        return "\n".join(line.rstrip() for line in lines)

    def _title(self, width: int) -> str:
        left, right = self.names
        gap = max(1, width - TIME_WIDTH - 1 - len(left) - len(right))
        return f"{'ms':>{TIME_WIDTH - 1}}  {left}{' ' * gap}{right}"

    def _heading(self, text: str, width: int) -> list[str]:
        inner = width - TIME_WIDTH - 3
        side = f"{'':>{TIME_WIDTH}} "
        wrapped = _wrap(text, inner - 2)
        return [f"{side}│{'':<{inner}}│", *(f"{side}│ {line:<{inner - 1}}│" for line in wrapped)]

    def _row(self, row: Row, width: int) -> list[str]:
        inner = width - TIME_WIDTH - 3
        size = f" {row.size} B " if row.count == 1 else f" {row.count}×, {row.size} B "
        tail = f"─{size}─"
        room = inner - len(tail) - 6
        first, *rest = _wrap(row.text, room)
        bar = "─" * (inner - len(first) - len(tail) - 5)
        arrow = f"── {first} {bar}{tail}▶" if row.outward else f"◀─ {first} {bar}{tail}─"
        side = f"{'':>{TIME_WIDTH}} "
        lines = [f"{row.at * 1e3:>{TIME_WIDTH}.2f} │{arrow}│"]
        return lines + [f"{side}│   {line:<{inner - 3}}│" for line in rest]


def _grouped(parts: Sequence[tuple[float, bool, list[Summary], int]]) -> Iterator[Row]:
    """One row per datagram, but one per direction for a run of bulk data and its acknowledgements."""
    index = 0
    while index < len(parts):
        end = index
        while end < len(parts) and parts[end][2] and all(s.bulk for s in parts[end][2]):
            end += 1
        if end - index >= RUN_MIN:
            yield from _run(parts[index:end])
            index = end
            continue
        stop = max(end, index + 1)
        for at, outward, summaries, size in parts[index:stop]:
            text = ", ".join(str(summary) for summary in summaries) or "nothing"
            yield Row(at, outward, text, size, tuple(summary.layer for summary in summaries))
        index = stop


def _run(parts: Sequence[tuple[float, bool, list[Summary], int]]) -> Iterator[Row]:
    for outward in (True, False):
        mine = [part for part in parts if part[1] is outward]
        if not mine:
            continue
        counts = Counter(summary.name for part in mine for summary in part[2])
        text = " and ".join(f"{count} × {name}" for name, count in counts.most_common())
        size = sum(part[3] for part in mine)
        yield Row(mine[0][0], outward, f"⋮ {text}", size, ("data",), len(mine))


def _wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, broken at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        while len(word) > width:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:width])
            word = word[width:]
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line or not lines else lines

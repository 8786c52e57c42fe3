"""Who said what to whom, and when: a connection as a ladder of arrows, in plain text.

`Ladder` makes rows of a `Trace`: one per datagram, repeats marked, long stretches of the same kind drawn together, a
heading where a new layer speaks for the first time. The same as a picture is `ladder_svg`, for other tools `mermaid`; both
are at hand here, and notebooks show the picture.

Specs: none; the layout follows the message flow figures of the RFCs (RFC 6347 Figure 1, RFC 9260 §5.1.6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtcpy.core.machine import Instant
from rtcpy.core.tap import Direction
from rtcpy.explain.summary import RECORD_KEY, Summary, summarize_datagram
from rtcpy.explain.trace import RECORD_HEADER, PacketEntry, Trace

if TYPE_CHECKING:
    from rtcpy.explain.ladder_svg import LadderPicture

RUN_MIN = 6  # datagrams of acknowledged bulk data in a row before they are drawn as one
WIDTH = 100  # columns
TIME_WIDTH = 10  # columns for the time


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


class Ladder:
    """What crossed one endpoint's socket, as rows.

    Args:
        trace: of that endpoint, and perhaps of others.
        who: the endpoint; default: the first of the trace.
        names: what to call that side and the other; default: its name, and that of the other if the trace has two.
        since: leave out what crossed before, in **seconds** since the beginning of the trace.
        until: leave out what crossed after, likewise.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        who: str | None = None,
        names: tuple[str, str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> None:
        who = who if who is not None else trace.names[0] if trace.names else "here"
        others = [name for name in trace.names if name != who]
        self.names = names or (who, others[0] if len(others) == 1 else "there")
        self._trace = trace
        self.lost = trace.lost
        datagrams = trace.datagrams(who=who)
        self.started: Instant = datagrams[0].at if datagrams else 0.0
        parts = self._summarized(datagrams, trace.packets("dtls-plaintext", who=who))
        low = -inf if since is None else trace.started + since - self.started
        high = inf if until is None else trace.started + until - self.started
        self._parts = [part for part in parts if low <= part[0] <= high]
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

    def _summarized(
        self, datagrams: Sequence[PacketEntry], plaintexts: Sequence[PacketEntry]
    ) -> Iterator[tuple[float, bool, list[Summary], int]]:
        views: dict[Direction, dict[bytes, bytes]] = {direction: {} for direction in Direction}
        for entry in plaintexts:
            views[entry.direction][entry.data[:RECORD_KEY]] = entry.data[RECORD_HEADER:]
        seen: set[tuple[bool, str, bytes]] = set()
        for crossing in datagrams:
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
            lines.append(f"{'':>{TIME_WIDTH}}  … and more: {self.lost} entries of the trace found no room")
        return "\n".join(line.rstrip() for line in lines)

    def __str__(self) -> str:
        return self.render()

    def picture(self, **options: Any) -> LadderPicture:
        """The ladder of the whole trace as a picture; `options` are those of `rtcpy.explain.ladder_svg.LadderPicture`."""
        from rtcpy.explain.ladder_svg import LadderPicture
        from rtcpy.explain.passages import PEER

        return LadderPicture(self._trace, **{"names": {PEER: self.names[1]}, **options})

    def svg(self, **options: Any) -> str:
        """The picture as SVG."""
        return self.picture(**options).svg()

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the picture as an SVG file."""
        self.picture(**options).save(path)

    def mermaid(self, **options: Any) -> str:
        """The text of a Mermaid sequence diagram; `options` are those of `rtcpy.explain.mermaid.mermaid`."""
        from rtcpy.explain.mermaid import mermaid

        return mermaid(self._trace, **options)

    def _repr_html_(self) -> str:
        return self.svg()

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

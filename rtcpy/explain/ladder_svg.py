"""A connection as a ladder that can be read like a page: SVG with every packet, every wait and every loss.

Time runs downwards, at its own pace: nothing is drawn for the sake of an empty second, and what happens at one instant
gets as much room as its words need; the axis on the left tells the time. Each datagram leaves its sender's lifeline on a
level line that carries its name, crosses in the middle, and arrives on a level line at its receiver. So crossing lines
are overtaking packets, a line that ends in a cross was lost, one that forks was doubled, and a dashed one is a repetition.
On the outer sides stand the application's calls and what it heard; on the right, the phases and the round trips.

Owns the layout. What happened comes from `passages`; how text is measured is in `svg`.

Specs: none; after the figures of RFC 6347 (flights), RFC 8445 and RFC 9260 §5.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtcpy.core.machine import Instant
from rtcpy.explain.notes import Note, notes
from rtcpy.explain.passages import Passage, Passages, passages, phases, round_trips
from rtcpy.explain.svg import Sheet, fit, measure, wrap
from rtcpy.explain.trace import Trace

COLOURS = {
    "stun": "#0969da",
    "dtls": "#a2388f",
    "sctp": "#1a7f37",
    "dcep": "#9a6700",
    "data": "#bc4c00",
    "rtp": "#6639ba",
    "rtcp": "#6639ba",
    "?": "#59636e",
}
"""Of the layers; all carry text on white with a contrast of at least 4.5 to 1."""
WORDS = {
    "stun": "STUN (ICE)",
    "dtls": "DTLS",
    "sctp": "SCTP",
    "dcep": "DCEP",
    "data": "data",
    "rtp": "RTP",
    "rtcp": "RTCP",
    "?": "other",
}

ROWS_MAX = 600  # datagrams and folds that are drawn; more make no picture
RUN_MIN = 8  # datagrams of bulk data, or of upkeep, in a row before they are drawn as one
_INK, _MUTED, _FAINT, _RED, _RULE = "#1f2328", "#59636e", "#d1d9e0", "#cf222e", "#eff2f5"
_AXIS, _OUTER, _ZONE, _MIDDLE, _RULER, _MARGIN = 62.0, 276.0, 300.0, 140.0, 148.0, 16.0  # pixels
_NAME, _DETAIL = 12.0, 10.5  # font sizes, pixels
_FATES = {
    "lost": "lost",
    "unroutable": "no route",
    "filtered": "kept out by NAT",
    "corrupted": "damaged",
    "duplicated": "doubled",
    "on its way": "on its way",
}


class LadderPicture:
    """The ladder of a trace.

    Args:
        trace: of one end or of both.
        title: one line above; default: the names of the ends.
        names: what to call an end instead of its name in the trace; `PEER` is the far end of a trace of one end.
        since: leave out what happened before, in **seconds** since the beginning of the trace.
        until: leave out what happened after, likewise.
        notes: draw calls, events, drops and timers beside the lifelines.
        fold: draw long runs of bulk data, and of upkeep once the connection stands, as one.
        layers: draw only datagrams in which one of these speaks: ``"stun"``, ``"dtls"``, ``"sctp"`` …; default: all.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        title: str = "",
        names: Mapping[str, str] | None = None,
        since: float | None = None,
        until: float | None = None,
        notes: bool = True,
        fold: bool = True,
        layers: Iterable[str] = (),
    ) -> None:
        self._trace, self._title, self._names = trace, title, dict(names or {})
        self._since, self._until, self._notes, self._fold = since, until, notes, fold
        self._layers = frozenset(layers)

    def svg(self) -> str:
        """The picture, as a document of its own that may also stand inside of HTML."""
        return self.sheet().svg()

    def __str__(self) -> str:
        what = self._title or " and ".join(self._names.get(name, name) for name in self._trace.names)
        return f"a ladder, to be drawn: {what}" if what else "a ladder, to be drawn"

    def _repr_html_(self) -> str:
        return self.svg()

    def save(self, path: str | Path) -> None:
        """Write the picture as an SVG file."""
        Path(path).write_text(self.svg(), encoding="utf-8")

    def sheet(self) -> Sheet:
        """The picture with the boxes of its texts."""
        part = (self._since, self._until)
        return _Drawing(
            self._trace, self._title, self._names, part, self._notes, self._fold, self._layers
        ).draw()


# --- what is drawn, in order -----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Fold:
    """A run of datagrams that are drawn as one."""

    members: list[Passage]
    asides: list[Note] = field(default_factory=list)
    drawn_at: Instant = 0.0  # after what was on its way when the run began

    @property
    def at(self) -> Instant:
        return self.members[0].at

    @property
    def end(self) -> Instant:
        return max((p.arrivals[-1] if p.arrivals else p.at) for p in self.members)


@dataclass(slots=True, eq=False)
class _Item:
    """Something that takes a place in time.

    Args:
        at: when.
        order: breaks ties.
        slot: column in which it needs room.
        above: pixels needed above its line.
        below: and below.
        what: the thing itself.
        y: where its line is, once it is placed.
    """

    at: Instant
    order: tuple[float, int]
    slot: tuple[str, str]
    above: float
    below: float
    what: Passage | Note | _Fold | str
    role: str
    y: float = 0.0


class _Drawing:
    def __init__(
        self,
        trace: Trace,
        title: str,
        names: Mapping[str, str],
        part: tuple[float | None, float | None],
        with_notes: bool,
        fold: bool,
        layers: Collection[str],
    ) -> None:
        self.found: Passages = passages(trace)
        self.phases = phases(self.found)
        self.started = trace.started
        low = -math.inf if part[0] is None else part[0] + self.started
        high = math.inf if part[1] is None else part[1] + self.started
        self.part = (low, high)
        chosen = [p for p in self.found.all if low <= p.at <= high and (not layers or p.layer in layers)]
        self.left_out = max(0, len(chosen) - 20 * ROWS_MAX) + self.found.left_out + trace.lost
        self.notes = [n for n in notes(trace) if low <= n.at <= high] if with_notes else []
        self.ends = self.found.ends[:2] if len(self.found.ends) > 1 else [*self.found.ends, ""]
        self.names = {name: names.get(name, name) for name in self.ends}
        self.title = title or " and ".join(name for name in self.names.values() if name)
        self.servers = list(
            dict.fromkeys(
                name for p in chosen for name in (p.sender, p.receiver) if name in self.found.servers
            )
        )
        self.layers = layers
        self.has_ruler = any(not layers or phase.layer in layers for phase in self.phases)
        parts = self._folded(chosen, fold)
        self.left_out += sum(len(part.members) if isinstance(part, _Fold) else 1 for part in parts[ROWS_MAX:])
        self.parts = parts[:ROWS_MAX]
        middle = _MIDDLE + max(0, len(self.servers) - 1) * 120 + (50 if self.servers else 0)
        outer = _OUTER if self.notes else 100.0
        self.left = _MARGIN + _AXIS + outer
        self.zone_left = self.left + _ZONE
        self.zone_right = self.zone_left + middle
        self.right = self.zone_right + _ZONE
        self.outer = outer
        self.ruler = self.right + outer + 8
        self.width = self.ruler + (_RULER if self.has_ruler else 0) + _MARGIN
        self.sheet = Sheet(self.width, f"Ladder diagram: {self.title}")
        step = (self.zone_right - self.zone_left) / (len(self.servers) + 1)
        self.server_x = {name: self.zone_left + step * (i + 1) for i, name in enumerate(self.servers)}

    # -- folding ----------------------------------------------------------------------------------

    def _folded(self, chosen: Sequence[Passage], fold: bool) -> list[Passage | _Fold]:
        if not fold:
            return list(chosen)
        ready = self.phases[-1].end if self.phases and self.phases[-1].name == "SCTP" else math.inf
        marks = sorted(n.at for n in self.notes if not n.is_minor)
        out: list[Passage | _Fold] = []
        run: list[Passage] = []

        def flush() -> None:
            if len(run) >= RUN_MIN:
                out.append(_Fold(list(run)))
            else:
                out.extend(run)
            run.clear()

        for passage in chosen:
            upkeep = passage.layer == "stun" and passage.at > ready
            if not (passage.is_bulk or upkeep):
                flush()
                out.append(passage)
                continue
            if run and any(run[-1].at < mark <= passage.at for mark in marks):
                flush()
            run.append(passage)
        flush()
        latest = 0.0
        for part in out:
            if isinstance(part, Passage):
                latest = max([latest, *part.arrivals])
            else:
                part.drawn_at = max(part.at, min(latest, part.end))
                part.asides = [n for n in self.notes if n.is_minor and part.at <= n.at <= part.end]
        hidden = {id(note) for part in out if isinstance(part, _Fold) for note in part.asides}
        self.notes = [note for note in self.notes if id(note) not in hidden]
        return out

    # -- placing ----------------------------------------------------------------------------------

    def _items(self) -> list[_Item]:
        items: list[_Item] = []
        began: set[str] = set()
        for part in self.parts:
            if isinstance(part, _Fold):
                lines = self._fold_lines(part)
                height = 24.0 + 15 * max(len(lines[0]), len(lines[1]))
                order = (math.inf if part.drawn_at > part.at else float(part.members[0].number), 0)
                items.append(_Item(part.drawn_at, order, ("all", ""), 14, height, part, "fold"))
                continue
            for name in (part.sender, part.receiver):
                if name in self.server_x and name not in began:
                    began.add(name)
                    items.append(_Item(part.at, (part.number, 0), ("server", name), 20, 22, name, "server"))
            items += self._journey(part)
        for note in self.notes:
            items.append(_Item(note.at, (note.number, 0), ("note", note.who), 9, 9, note, "note"))
        items.sort(key=lambda item: (item.at, item.order))
        return items

    def _journey(self, passage: Passage) -> list[_Item]:
        """Where it leaves and where it arrives; the one that carries the words needs more room."""
        order = float(passage.number)
        above, below = self._label_room(passage)
        server_sends = passage.sender in self.server_x
        out: list[_Item] = []
        flat = passage.sent is None or (not passage.arrivals and not passage.fate)
        if flat and not server_sends:
            return [_Item(passage.at, (order, 1), ("packet", self.ends[0]), above, below, passage, "flat")]
        if passage.sent is not None:
            slot = ("server", passage.sender) if server_sends else ("packet", passage.sender)
            room = (2.0, 2.0) if server_sends else (above, below)
            out.append(_Item(passage.sent, (order, 1), slot, *room, passage, "send"))
        for number, at in enumerate(passage.arrivals):
            slot = (
                ("server", passage.receiver)
                if passage.receiver in self.server_x
                else ("packet", passage.receiver)
            )
            room = (above, below) if server_sends and not number else (4.0, 4.0)
            out.append(_Item(at, (order, 2 + number), slot, *room, passage, f"arrive{number}"))
        return out

    def _place(self, items: Sequence[_Item], top: float) -> float:
        """Give every item its level: times in order, words of one column below each other."""
        bottoms: dict[tuple[str, str], float] = {}
        floor = top
        anchor, time = top, None
        for item in items:
            if time is not None and item.at > time + 1e-9:
                anchor += min(46.0, 7.0 + 7.0 * math.log2(1.0 + (item.at - time) / 0.01))
            time = item.at
            slots = [item.slot]
            if item.role == "flat":  # a level line needs room on both sides
                slots = [("packet", name) for name in self.ends]
            below = max(bottoms.get(slot, floor) for slot in slots)
            if item.slot[0] == "all":
                below = max([floor, *bottoms.values()])
            anchor = item.y = max(anchor, below + item.above)
            for slot in slots:
                bottoms[slot] = anchor + item.below
            if item.slot[0] == "all":
                floor = anchor + item.below
                bottoms = {slot: max(bottom, floor) for slot, bottom in bottoms.items()}
                anchor = floor
                time = item.what.end if isinstance(item.what, _Fold) else time
        return max([anchor, floor, *bottoms.values()])

    # -- drawing ----------------------------------------------------------------------------------

    def draw(self) -> Sheet:
        """Everything."""
        sheet = self.sheet
        top = self._header()
        items = self._items()
        bottom = self._place(items, top + 14)
        if not items:
            sheet.text(self.left, top + 30, "no datagrams", colour=_MUTED, italic=True)
            bottom = top + 40
        self._axis(items, top)
        self._lifelines(top, bottom + 14)
        places: dict[int, dict[str, float]] = {}
        for item in items:
            places.setdefault(id(item.what), {})[item.role] = item.y
        used = self._server_spans(items)
        for name, (first, last) in used.items():
            x = self.server_x[name]
            sheet.line([(x, first), (x, last + 10)], _FAINT, width=3)
        for part in self.parts:
            if isinstance(part, Passage):
                self._line(part, places[id(part)])
        self._brackets(places)
        for item in items:
            if item.role == "server" and isinstance(item.what, str):
                self._server_head(item.what, item.y)
            elif isinstance(item.what, Note):
                self._note(item.what, item.y)
            elif isinstance(item.what, _Fold):
                self._fold_block(item.what, item.y)
        for part in self.parts:
            if isinstance(part, Passage):
                self._label(part, places[id(part)])
        if self.has_ruler:
            self._ruler(places)
        bottom = self._footer(bottom + 24)
        sheet.grow(bottom)
        return sheet

    def _header(self) -> float:
        """Title, legend, heads of the lifelines; returns where time begins."""
        sheet = self.sheet
        sheet.text(_MARGIN, 28, fit(self.title, self.width - 2 * _MARGIN, 16, bold=True), size=16, bold=True)
        x = _MARGIN
        for layer in [layer for layer in COLOURS if any(self._has(part, layer) for part in self.parts)]:
            sheet.line([(x, 46), (x + 18, 46)], COLOURS[layer], width=2.5)
            x += 24 + sheet.text(x + 24, 50, WORDS[layer], size=11, colour=_MUTED) + 18
        legends = []
        if any(isinstance(p, Passage) and p.is_again for p in self.parts):
            legends.append(("dashed: sent again", "5 3"))
        for words, dash in legends:
            sheet.line([(x, 46), (x + 18, 46)], _MUTED, width=1.6, dash=dash)
            x += 24 + sheet.text(x + 24, 50, words, size=11, colour=_MUTED) + 18
        if any(isinstance(p, Passage) and p.fate in ("lost", "unroutable", "filtered") for p in self.parts):
            sheet.cross(x + 6, 46, _RED, size=4)
            x += 18 + sheet.text(x + 18, 50, "did not arrive", size=11, colour=_MUTED) + 18
        if self.servers:
            x += sheet.text(
                x, 50, "times at servers are half of the round trip", size=11, colour=_MUTED, italic=True
            )
        y = 66.0
        height = 0.0
        for name, x in zip(self.ends, (self.left, self.right), strict=True):
            if name:
                height = max(height, self._head(name, x, y))
        self._nat_heads(y)
        return y + height

    def _has(self, part: Passage | _Fold, layer: str) -> bool:
        members = part.members if isinstance(part, _Fold) else [part]
        return any(summary.layer == layer for p in members for summary in p.summaries)

    def _head(self, name: str, x: float, y: float) -> float:
        """Name and addresses of an end over its lifeline; returns its height."""
        sheet = self.sheet
        name, addresses = self.names[name], [str(a) for a in self.found.addresses.get(name, [])]
        addresses = [address for address in addresses if address != name]
        shown = addresses[:2] + ([f"and {len(addresses) - 2} more"] if len(addresses) > 2 else [])
        half = min(_ZONE, self.outer) - 4
        width = max([measure(name, 13, bold=True), *(measure(a, 10.5) for a in shown), 60.0]) + 24
        width = min(width, 2 * half)
        height = 26.0 + 14 * len(shown)
        left = min(max(4.0, x - width / 2), self.width - 4.0 - width)
        sheet.box(
            left,
            y,
            width,
            height,
            fill="#f6f8fa",
            stroke="#afb8c1",
            radius=6,
            title="\n".join([name, *addresses]),
        )
        sheet.text(
            left + width / 2,
            y + 18,
            fit(name, width - 12, 13, bold=True),
            size=13,
            bold=True,
            anchor="middle",
        )
        for number, address in enumerate(shown):
            sheet.text(
                left + width / 2,
                y + 33 + 14 * number,
                fit(address, width - 12, 10.5),
                size=10.5,
                colour=_MUTED,
                anchor="middle",
            )
        return height

    def _nat_heads(self, y: float) -> None:
        for name, x in zip(self.ends, (self.zone_left, self.zone_right), strict=True):
            seen = self.found.nats.get(name)
            if not seen:
                continue
            words = ", ".join(dict.fromkeys(a.host for a in seen))
            width = max(measure(fit(words, 130, 10.5), 10.5), measure("NAT", 12, bold=True)) + 20
            title = f"{name}'s NAT: others see " + ", ".join(map(str, seen))
            self.sheet.box(
                x - width / 2, y, width, 40, fill="#fff8c5", stroke="#d4a72c", radius=6, title=title
            )
            self.sheet.text(x, y + 17, "NAT", size=12, bold=True, anchor="middle")
            self.sheet.text(x, y + 32, fit(words, 130, 10.5), size=10.5, colour=_MUTED, anchor="middle")

    def _axis(self, items: Sequence[_Item], top: float) -> None:
        """The time of each instant, as far as there is room, and a hairline across the page."""
        sheet, last, before = self.sheet, top, None
        sheet.text(_MARGIN + _AXIS - 10, top + 4, "ms", size=10.5, colour=_MUTED, anchor="end")
        for item in items:
            if before is not None and abs(item.at - before) < 1e-9:
                continue
            before = item.at
            if item.y - last < 13:
                continue
            last = item.y
            text = f"{(item.at - self.started) * 1e3:,.1f}"
            sheet.line([(_MARGIN + _AXIS - 4, item.y), (self.right + self.outer, item.y)], _RULE, width=1)
            sheet.text(_MARGIN + _AXIS - 10, item.y + 4, text, size=10.5, colour=_MUTED, anchor="end")

    def _lifelines(self, top: float, bottom: float) -> None:
        for name, x in zip(self.ends, (self.left, self.right), strict=True):
            if name:
                self.sheet.line([(x, top), (x, bottom)], "#818b98", width=2)
        for name, x in zip(self.ends, (self.zone_left, self.zone_right), strict=True):
            if self.found.nats.get(name):
                self.sheet.line([(x, 106), (x, bottom)], "#d4a72c", width=1.4, dash="2 4")

    def _server_spans(self, items: Sequence[_Item]) -> dict[str, tuple[float, float]]:
        spans: dict[str, tuple[float, float]] = {}
        for item in items:
            if item.slot[0] == "server":
                first, last = spans.get(item.slot[1], (item.y, item.y))
                spans[item.slot[1]] = (min(first, item.y), max(last, item.y))
        return spans

    def _server_head(self, name: str, y: float) -> None:
        x = self.server_x[name]
        what, _, address = name.rpartition(" ")
        shown = fit(address, 130, 10)
        width = max(measure(what, 11, bold=True), measure(shown, 10)) + 14
        self.sheet.box(
            x - width / 2, y - 17, width, 34, fill="#f6f8fa", stroke="#afb8c1", radius=5, title=name
        )
        self.sheet.text(x, y - 3, what, size=11, bold=True, anchor="middle")
        self.sheet.text(x, y + 10, shown, size=10, colour=_MUTED, anchor="middle")

    # -- one datagram -----------------------------------------------------------------------------

    def _is_left(self, name: str) -> bool:
        return name == self.ends[0]

    def _edges(self, name: str) -> tuple[float, float]:
        """(lifeline, inner edge of the zone of words) of an end; of a server both are its lifeline."""
        if name in self.server_x:
            return self.server_x[name], self.server_x[name]
        return (self.left, self.zone_left) if self._is_left(name) else (self.right, self.zone_right)

    def _title_of(self, passage: Passage) -> str:
        names = [self.names.get(name, name) for name in (passage.sender, passage.receiver)]
        lines = [f"{' → '.join(names)}, {len(passage.data)} bytes"]
        if passage.sent is not None:
            about = "about " if passage.is_estimated and passage.sender in self.server_x else ""
            lines.append(f"sent {about}{(passage.sent - self.started) * 1e3:.3f} ms")
        for at in passage.arrivals:
            took = f", {(at - passage.sent) * 1e3:.3f} ms on its way" if passage.sent is not None else ""
            lines.append(f"arrived {(at - self.started) * 1e3:.3f} ms{took}")
        if passage.fate:
            lines.append(f"on the way: {_FATES.get(passage.fate, passage.fate)}")
        if passage.is_late:
            lines.append("overtaken by something sent later")
        if passage.source is not None and passage.destination is not None:
            lines.append(f"{passage.source} → {passage.destination}")
        if passage.seen_source is not None and passage.seen_source != passage.source:
            lines.append(f"seen as coming from {passage.seen_source}")
        lines += [f"{summary}  [{summary.rfc}]" for summary in passage.summaries]
        return "\n".join(lines)

    def _line(self, passage: Passage, places: dict[str, float]) -> None:
        sheet, colour = self.sheet, COLOURS[passage.layer]
        dash = "5 3" if passage.is_again else ""
        title = self._title_of(passage)
        x0, inner0 = self._edges(passage.sender)
        x1, inner1 = self._edges(passage.receiver)
        way = 1.0 if x1 > x0 else -1.0
        if "flat" in places:
            y = places["flat"]
            sheet.line([(x0, y), (x1 - 6 * way, y)], colour, width=1.6, dash=dash, title=title)
            sheet.head(x1, y, colour, dx=way, dy=0)
            return
        y0 = places.get(
            "send", places.get("arrive0", 0.0)
        )  # of a server without a known request only the arrival
        if not passage.arrivals:
            middle = inner0 + (inner1 - inner0) * (0.5 if passage.receiver in self.server_x else 0.42)
            y = y0 + 9
            sheet.line([(x0, y0), (inner0, y0), (middle, y)], colour, width=1.6, dash=dash, title=title)
            if passage.fate == "on its way":
                sheet.line([(middle, y), (middle + 14 * way, y + 1.5)], colour, width=1.6, dash="1 4")
            else:
                sheet.cross(middle, y, _RED, title=title)
            return
        for number in range(len(passage.arrivals)):
            y1 = places[f"arrive{number}"]
            sheet.line(
                [(x0, y0), (inner0, y0), (inner1, y1), (x1 - 6 * way, y1)],
                colour,
                width=1.6,
                dash=dash,
                title=title,
                opacity=1.0 if not number else 0.55,
            )
            dx, dy = (x1 - inner0, y1 - y0) if inner1 == x1 else (way, 0.0)
            sheet.head(x1, y1, colour, dx=dx, dy=dy)
            if passage.fate == "corrupted":
                sheet.cross((inner0 + inner1) / 2, (y0 + y1) / 2, "#bf8700", size=4, title=title)

    def _chips(self, passage: Passage) -> list[tuple[str, str]]:
        chips = []
        if passage.is_again:
            chips.append(("again", "#bf8700"))
        if passage.fate and passage.fate != "on its way":
            chips.append(
                (_FATES.get(passage.fate, passage.fate), _RED if not passage.arrivals else "#bf8700")
            )
        if passage.is_late and passage.fate != "duplicated":
            chips.append(("overtaken", "#bf8700"))
        return chips

    def _label_lines(self, passage: Passage) -> list[str]:
        chips = sum(measure(text, 10) + 14 for text, _ in self._chips(passage))
        size = measure(f"{len(passage.data)} B", 10) + 10
        room = _ZONE - 30 - size
        words = passage.names
        if measure(words, _NAME, bold=True) <= room - chips:
            return [words]
        first = wrap(words, room - chips, _NAME, lines=2, bold=True)[0]
        if first.endswith("…"):  # not one word has room beside the chips
            return ["", *wrap(words, room, _NAME, lines=3, bold=True)]
        rest = words[len(first) :].lstrip()
        return [first, *wrap(rest, room, _NAME, lines=2, bold=True)]

    def _label_room(self, passage: Passage) -> tuple[float, float]:
        above = 5.0 + 14 * len(self._label_lines(passage))
        return above, 15.0 if passage.details else 5.0

    def _label(self, passage: Passage, places: dict[str, float]) -> None:
        """Names above the line, details below it, at the end that is not a server."""
        sheet, colour = self.sheet, COLOURS[passage.layer]
        server_sends = passage.sender in self.server_x
        y = places.get("flat", places.get("send", 0.0))
        if server_sends:
            y = places.get("arrive0", y)
        speaker = passage.receiver if server_sends else passage.sender
        if "flat" in places and speaker not in self.ends:
            speaker = self.ends[0]
        is_left = self._is_left(speaker)
        left = (self.left if is_left else self.zone_right) + 14
        right = (self.zone_left if is_left else self.right) - 14
        title = self._title_of(passage)
        lines = self._label_lines(passage)
        size = f"{len(passage.data)} B"
        base = y - 5 - 14 * (len(lines) - 1)
        x = left
        for text, tone in self._chips(passage):
            width = measure(text, 10) + 8
            sheet.box(x, base - 10.5, width, 13, fill="#fff", stroke=tone, radius=3)
            sheet.text(x + 4, base - 0.5, text, size=10, colour=tone)
            x += width + 6
        for number, line in enumerate(lines):
            if not line:
                continue
            sheet.text(
                x if not number else left,
                base + 14 * number,
                line,
                size=_NAME,
                bold=True,
                colour=colour,
                title=title,
            )
        sheet.text(right, y - 5, size, size=10, colour=_MUTED, anchor="end")
        if passage.details:
            text = fit(passage.details, right - left, _DETAIL)
            sheet.text(left, y + 11.5, text, size=_DETAIL, colour=_MUTED, title=title)

    def _brackets(self, places: dict[int, dict[str, float]]) -> None:
        """A bar along the lifeline for each DTLS flight, with its number at the side."""
        groups: list[tuple[str, int, list[Passage]]] = []
        open_: dict[str, tuple[str, int, list[Passage]]] = {}
        for part in self.parts:
            if not isinstance(part, Passage):
                continue
            current = open_.get(part.sender)
            if current is not None and part.flight == current[1] and part.at - current[2][-1].at < 1e-9:
                current[2].append(part)
                continue
            open_.pop(part.sender, None)
            if part.flight:
                open_[part.sender] = (part.sender, part.flight, [part])
                groups.append(open_[part.sender])
        for sender, flight, members in groups:
            rows = [places[id(m)].get("send", places[id(m)].get("flat", 0.0)) for m in members]
            first = members[0]
            top = rows[0] - self._label_room(first)[0] + 3
            bottom = rows[-1] + self._label_room(members[-1])[1] - 1
            is_left = self._is_left(sender)
            x = (self.left + 4) if is_left else (self.right - 8)
            self.sheet.box(x, top, 4, bottom - top, fill=COLOURS["dtls"], radius=2)
            text = f"flight {flight}"
            inner = self.zone_left if is_left else self.zone_right
            edge = inner + 8 if is_left else inner - 8
            width = measure(text, 10, bold=True) + 10
            left = edge if is_left else edge - width
            y = rows[0]
            self.sheet.box(left, y - 19, width, 14, fill="#fbefff", stroke=COLOURS["dtls"], radius=7)
            self.sheet.text(
                left + width / 2,
                y - 8.5,
                text,
                size=10,
                bold=True,
                colour=COLOURS["dtls"],
                anchor="middle",
                title="RFC 6347 §4.2.4: a flight is sent, and if need be sent again, as one",
            )

    # -- beside the packets -----------------------------------------------------------------------

    def _note(self, note: Note, y: float) -> None:
        if note.who not in self.ends:
            return
        sheet, is_left = self.sheet, self._is_left(note.who)
        x = self.left if is_left else self.right
        room = self.outer - 34
        size, mono = (10.0, True) if note.kind == "call" else (10.5, False)
        text = fit(note.words, room, size, mono=mono)
        width = measure(text, size, mono=mono) + 12
        left = x - 12 - width if is_left else x + 12
        fill, stroke, colour = {
            "call": ("#ddf4ff", "#54aeff", "#0a3069"),
            "error": ("#ffebe9", _RED, "#82071e"),
            "drop": ("#ffebe9", "none", "#82071e"),
            "timer": ("#f6f8fa", "none", _MUTED),
            "state": ("#fff8c5", "#d4a72c", "#4d2d00"),
            "event": ("#f6f8fa", "#d1d9e0", _INK),
        }[note.kind]
        edge = left + width if is_left else left
        sheet.line([(edge, y), (x, y)], "#afb8c1", width=1)
        sheet.path(f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z", fill="#59636e")
        title = f"{note.title or note.text}\n{(note.at - self.started) * 1e3:.3f} ms"
        sheet.box(left, y - 8, width, 16, fill=fill, stroke=stroke, radius=3, title=title)
        sheet.text(left + 6, y + 3.6, text, size=size, mono=mono, colour=colour, title=title)

    def _fold_lines(self, fold: _Fold) -> tuple[list[str], list[str]]:
        """What each end said in a run: (of the left one, of the right one)."""
        sides = []
        for name in self.ends:
            mine = [p for p in fold.members if p.sender == name]
            counts: dict[str, int] = {}
            for passage in mine:
                for summary in passage.summaries:
                    counts[summary.name] = counts.get(summary.name, 0) + 1
            lines = []
            if mine:
                words = ", ".join(
                    f"{count:,} × {word}" for word, count in sorted(counts.items(), key=lambda i: -i[1])
                )
                lines.append(words)
                lines.append(f"{len(mine):,} datagrams, {sum(len(p.data) for p in mine):,} B")
                for word, count in (
                    ("lost", sum(not p.arrivals and bool(p.fate) and p.fate != "on its way" for p in mine)),
                    ("sent again", sum(p.is_again for p in mine)),
                    ("overtaken", sum(p.is_late for p in mine)),
                ):
                    if count:
                        lines.append(f"{count:,} {word}")
            asides = _counted(note for note in fold.asides if note.who == name)
            lines += [f"{name}: {count:,} × {text}" for text, count in asides.most_common(3)]
            sides.append(lines)
        return sides[0], sides[1]

    def _fold_block(self, fold: _Fold, y: float) -> None:
        """A run: one wide arrow each way with what it stands for."""
        sheet = self.sheet
        left, right = self._fold_lines(fold)
        height = 10.0 + 15 * max(len(left), len(right))
        span = (fold.end - fold.at) * 1e3
        colour = COLOURS[max((p.layer for p in fold.members), key=[p.layer for p in fold.members].count)]
        asides = ", ".join(f"{count} × {text}" for text, count in _counted(fold.asides).items())
        title = f"{len(fold.members)} datagrams in {span:.1f} ms" + (
            f"\nmeanwhile: {asides}" if asides else ""
        )
        sheet.box(
            self.left + 3,
            y - 10,
            self.right - self.left - 6,
            height + 18,
            fill="#fff",
            stroke=_FAINT,
            radius=6,
            title=title,
        )
        middle = (self.zone_left + self.zone_right) / 2
        width = self.zone_right - self.zone_left
        for lines, is_left in ((left, True), (right, False)):
            inner = self.zone_left if is_left else self.zone_right
            x = self.left + 14 if is_left else self.zone_right + 14
            for number, line in enumerate(lines):
                strong = number == 0
                tone = colour if strong else _RED if line.endswith("lost") else _MUTED
                text = fit(line, _ZONE - 28, 11.5 if strong else 10.5, bold=strong)
                sheet.text(
                    x,
                    y + 6 + 15 * number,
                    text,
                    size=11.5 if strong else 10.5,
                    bold=strong,
                    colour=tone,
                    title=title,
                )
            if any(p.sender == self.ends[not is_left] for p in fold.members):
                way = 1.0 if is_left else -1.0
                level = y + height * (0.33 if is_left else 0.66)
                for shift in (-2.0, 2.0):
                    sheet.line(
                        [(inner + 4 * way, level + shift), (inner + (width - 14) * way, level + shift)],
                        colour,
                        width=1.6,
                    )
                sheet.head(inner + (width - 2) * way, level, colour, dx=way, dy=0, size=13)
        sheet.text(
            middle, y + height * 0.33 - 8, f"{span:,.1f} ms", size=10.5, colour=_MUTED, anchor="middle"
        )

    def _ruler(self, places: Mapping[int, Mapping[str, float]]) -> None:
        """Phases and round trips at the side."""
        sheet = self.sheet
        x, last = self.ruler + 12, 0.0
        for phase in self.phases:
            top, bottom = (
                self._level(places, phase.first),
                self._level(places, phase.last, end=phase.name != "ICE"),
            )
            if top is None or bottom is None:
                continue
            colour = COLOURS[phase.layer]
            sheet.box(x - 6, top, 5, max(4.0, bottom - top), fill=colour, radius=2.5)
            y = max(top + 12, last + 16)
            span = f"{(phase.end - phase.start) * 1e3:,.0f} ms"
            words = (
                f"{phase.name}: from its first packet to the end of its work.\n"
                "Round trips are journeys that had to wait for one another."
            )
            sheet.text(x + 6, y, phase.name, size=12, bold=True, colour=colour, title=words)
            sheet.text(x + 6, y + 14, phase.round_trips, size=11, colour=_INK, title=words)
            sheet.text(x + 6, y + 27, span, size=10.5, colour=_MUTED, title=words)
            last = y + 27
            x += 4
        if self.layers:
            return  # round trips are counted over all of them
        x = self.ruler + _RULER - 54
        previous: float | None = None
        for number, (out, back) in enumerate(round_trips(self.found, self.phases[-1].end + 1e-9), 1):
            top, bottom = self._level(places, out), self._level(places, back, end=True)
            if top is None or bottom is None:
                continue
            if previous is not None and top - previous >= 6:
                sheet.line([(x, previous), (x, top)], "#d1d9e0", width=1.2, dash="2 3")
            sheet.line([(x, top + 1), (x, bottom - 1)], "#818b98", width=1.6)
            for y in (top + 1, bottom - 1):
                sheet.line([(x - 4, y), (x + 4, y)], "#818b98", width=1.6)
            if bottom - top >= 14:
                took = ((back.arrivals[0] if back.arrivals else back.at) - out.at) * 1e3
                title = f"round trip {number}: {took:.3f} ms"
                sheet.text(
                    x + 8, (top + bottom) / 2 + 4, f"RTT {number}", size=10.5, colour=_MUTED, title=title
                )
            previous = bottom

    def _level(
        self, places: Mapping[int, Mapping[str, float]], passage: Passage, *, end: bool = False
    ) -> float | None:
        """The height on the page of a journey's beginning or end; `None` if it is not drawn by itself."""
        found = places.get(id(passage))
        if found is None:
            return None
        return found.get("arrive0" if end else "send", found.get("flat"))

    def _footer(self, y: float) -> float:
        sheet = self.sheet
        for name, x in zip(self.ends, (self.left, self.right), strict=True):
            if name:
                text = fit(self.names[name], 150, 12, bold=True)
                sheet.text(x, y + 4, text, size=12, bold=True, colour=_MUTED, anchor="middle")
        if self.left_out:
            y += 22
            text = f"{self.left_out:,} more datagrams or entries are not drawn; choose a part with since and until"
            sheet.text(self.left, y + 4, text, size=11, colour=_RED)
        return y + 18


def _counted(asides: Iterable[Note]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for note in asides:
        counts[note.short] += note.count
    return counts

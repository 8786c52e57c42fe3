"""State machines as pictures, drawn from the tables that the layers run by, with the current state lit.

`state_chart("sctp", current="ESTABLISHED")` is one picture; `charts(trace, who=…)` are those of an endpoint, lit as the trace
has left them, with the way that they went. A picture can be printed, shown in a notebook, or saved as SVG.

Owns: which tables there are, and how one is drawn. Does not own the tables: they are beside the states in the layers.
Two kinds of state have none, because they are functions of others (`rtcpy.ice.states`, `rtcpy.peer.states`); their
arrows are found by asking the function.

Specs: W3C webrtc §4.3, §5.5, §5.6.4, §6.2; RFC 9429 §4.1.8; RFC 8445 §6.1.2.6; RFC 6347 §4.2.4; RFC 9260 §4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from rtcpy.core.errors import InvalidAccessError
from rtcpy.dtls.events import DtlsState
from rtcpy.dtls.flights12 import CLIENT, SERVER
from rtcpy.dtls.states import TRANSITIONS as DTLS
from rtcpy.dtls.states import StateInput
from rtcpy.explain.layered import lay_out
from rtcpy.explain.svg import Sheet, measure, wrap
from rtcpy.explain.trace import StateEntry, Trace
from rtcpy.ice import checklist
from rtcpy.ice import states as ice
from rtcpy.ice.events import IceConnectionState
from rtcpy.peer.states import (
    SIGNALING_TRANSITIONS,
    DtlsTransportState,
    IceTransportState,
    SignalingState,
    derive_connection_state,
    derive_ice_connection_state,
)
from rtcpy.sctp.channel import CHANNEL_TRANSITIONS
from rtcpy.sctp.states import TRANSITIONS as SCTP

S = TypeVar("S", bound=Enum)
I = TypeVar("I", bound=Enum)


@dataclass(slots=True, frozen=True)
class Transition:
    """One row of a table: in state `old`, `cause` leads to state `new`."""

    old: str
    cause: str
    new: str


@dataclass(slots=True, frozen=True)
class StateMachine:
    """A machine to be drawn.

    Args:
        name: what `state_chart` knows it by.
        title: for people.
        rfc: where it is specified.
        states: all of them; the first is where reading begins.
        transitions: all of them.
        starts: where the machine may begin, and why.
    """

    name: str
    title: str
    rfc: str
    states: tuple[str, ...]
    transitions: tuple[Transition, ...]
    starts: Mapping[str, str]


def _spelled(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _machine(
    name: str,
    title: str,
    rfc: str,
    rows: Iterable[tuple[object, str, object]],
    starts: Mapping[object, str],
    more: Iterable[object] = (),
) -> StateMachine:
    """A machine from its rows; states in the order in which they appear."""
    transitions = tuple(Transition(_spelled(old), cause, _spelled(new)) for old, cause, new in rows)
    states = dict.fromkeys(_spelled(state) for state in starts)
    for row in transitions:
        states |= dict.fromkeys((row.old, row.new))
    states |= dict.fromkeys(_spelled(state) for state in more)
    return StateMachine(
        name, title, rfc, tuple(states), transitions, {_spelled(state): why for state, why in starts.items()}
    )


def _table(table: Mapping[tuple[S, I], S]) -> list[tuple[object, str, object]]:
    return [(old, str(cause.value), new) for (old, cause), new in table.items()]


def _signaling() -> StateMachine:
    rows: list[tuple[object, str, object]] = [
        (old, f"{side} {kind}", new) for (old, side, kind), new in SIGNALING_TRANSITIONS.items()
    ]
    rows += [
        (state, "close()", SignalingState.CLOSED)
        for state in SignalingState
        if state is not SignalingState.CLOSED
    ]
    return _machine(
        "signaling", "signalingState", "W3C webrtc §4.3.1, RFC 9429 §4.1.8", rows, {SignalingState.STABLE: ""}
    )


def _ice() -> StateMachine:
    rows: list[tuple[object, str, object]] = [
        (old, cause.value, new) for (old, new), causes in ice.transitions().items() for cause in causes
    ]
    rows += [
        (state, "close()", IceConnectionState.CLOSED)
        for state in IceConnectionState
        if state is not IceConnectionState.CLOSED
    ]
    return _machine(
        "ice", "ICE transport", "W3C webrtc §5.6.4, RFC 8445 §6.1.3", rows, {IceConnectionState.NEW: ""}
    )


def _connection() -> StateMachine:
    """The sum of one ICE and one DTLS transport: both machines side by side, and what the sum makes of each step."""
    ice_moves = list(ice.transitions())
    dtls_moves = [(old, cause, new) for (old, cause), new in DTLS.items() if cause is not StateInput.CLOSE]
    start = (IceConnectionState.NEW, DtlsState.NEW)
    seen, to_do = {start}, [start]
    rows: dict[tuple[str, str, str], None] = {}

    def total(pair: tuple[IceConnectionState, DtlsState]) -> str:
        aggregate = derive_ice_connection_state([IceTransportState(pair[0].value)], closed=False)
        return derive_connection_state(aggregate, [DtlsTransportState(pair[1].value)]).value

    def go(
        old: tuple[IceConnectionState, DtlsState], new: tuple[IceConnectionState, DtlsState], cause: str
    ) -> None:
        if total(old) != total(new):
            rows[total(old), cause, total(new)] = None
        if new not in seen:
            seen.add(new)
            to_do.append(new)

    while to_do:
        pair = to_do.pop(0)
        for old, new in ice_moves:
            if old is pair[0]:
                go(pair, (new, pair[1]), f"ICE {new.value}")
        for dtls_old, cause, dtls_new in dtls_moves:
            has_path = pair[0] in (IceConnectionState.CONNECTED, IceConnectionState.COMPLETED)
            if dtls_old is pair[1] and (has_path or cause is StateInput.FAILURE):
                go(pair, (pair[0], dtls_new), f"DTLS {dtls_new.value}")
    totals = dict.fromkeys(name for row in rows for name in (row[0], row[2]))
    closing = [(name, "close()", "closed") for name in totals]
    return _machine("connection", "connectionState", "W3C webrtc §4.3.3", [*rows, *closing], {"new": ""})


_MACHINES: Mapping[str, Callable[[], StateMachine]] = {
    "signaling": _signaling,
    "connection": _connection,
    "ice": _ice,
    "ice-pair": lambda: _machine(
        "ice-pair",
        "ICE candidate pair",
        "RFC 8445 §6.1.2.6, §7.2.5, §7.3.1.4",
        _table(checklist.TRANSITIONS),
        {checklist.PairState.FROZEN: ""},
    ),
    "dtls": lambda: _machine(
        "dtls", "DTLS transport", "W3C webrtc §5.5, RFC 8122 §6.2", _table(DTLS), {DtlsState.NEW: ""}
    ),
    "dtls-client": lambda: _machine(
        "dtls-client",
        "DTLS 1.2 handshake, client",
        "RFC 6347 §4.2.4, RFC 5246 §7.3",
        _table(CLIENT),
        {"start": ""},
    ),
    "dtls-server": lambda: _machine(
        "dtls-server",
        "DTLS 1.2 handshake, server",
        "RFC 6347 §4.2.4, RFC 5246 §7.3",
        _table(SERVER),
        {"start": ""},
    ),
    "sctp": lambda: _machine(
        "sctp", "SCTP association", "RFC 9260 §4, §5.2, §9.2", _table(SCTP), {"CLOSED": ""}
    ),
    "channel": lambda: _machine(
        "channel",
        "Data channel",
        "W3C webrtc §6.2, RFC 8831 §6.7, RFC 8832 §6",
        _table(CHANNEL_TRANSITIONS),
        {"connecting": "create_data_channel", "open": "DATA_CHANNEL_OPEN received"},
    ),
}
MACHINES: tuple[str, ...] = tuple(_MACHINES)
"""Names of the machines that can be drawn, from the top of the stack to its bottom and up again."""


def state_machine(name: str) -> StateMachine:
    """A machine by its name, one of `MACHINES`.

    Raises:
        InvalidAccessError: there is none of that name.
    """
    make = _MACHINES.get(name)
    if make is None:
        raise InvalidAccessError(f"no state machine is called {name!r}; there are {', '.join(MACHINES)}")
    return make()


@dataclass(slots=True)
class StateChart:
    """A state machine as a picture.

    Args:
        machine: what to draw.
        current: the state that is lit; empty: none.
        visited: the states that it went through so far, oldest first, with the current one if it is known.
        who: whose machine it is, for the title.
    """

    machine: StateMachine
    current: str = ""
    visited: Sequence[str] = field(default_factory=list)
    who: str = ""

    @property
    def title(self) -> str:
        """One line for people."""
        whose = f"{self.who}: " if self.who else ""
        return f"{whose}{self.machine.title}" + (f" is {self.current}" if self.current else "")

    def __str__(self) -> str:
        lines = [f"{self.title}   ({self.machine.rfc})"]
        for state in self.machine.states:
            mark = "▶" if state == self.current else "·" if state in self.visited else " "
            lines.append(f" {mark} {state}")
            lines += [
                f"      {row.cause} → {row.new}" for row in self.machine.transitions if row.old == state
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.svg()

    def svg(self) -> str:
        """The picture as SVG."""
        return draw(self).svg()

    def save(self, path: str | Path) -> None:
        """Write the picture as an SVG file."""
        Path(path).write_text(self.svg(), encoding="utf-8")


def state_chart(name: str, *, current: str = "", visited: Sequence[str] = (), who: str = "") -> StateChart:
    """The picture of one machine.

    Args:
        name: one of `MACHINES`.
        current: the state to light, as its specification spells it.
        visited: the states it went through.
        who: whose it is.

    Raises:
        InvalidAccessError: no machine of that name, or no state of that name in it.
    """
    machine = state_machine(name)
    for state in (*([current] if current else []), *visited):
        if state not in machine.states:
            raise InvalidAccessError(
                f"{machine.title} has no state {state!r}, only {', '.join(machine.states)}"
            )
    return StateChart(machine, current, list(visited), who)


# What a tap calls the machines: (layer, what) of `StateEntry`; ICE names pairs by their candidates.
_TOLD = {
    ("dtls", "DtlsTransport"): "dtls",
    ("sctp", "association"): "sctp",
    ("ice", "connection"): "ice",
    ("peer", "signaling"): "signaling",
    ("peer", "connection"): "connection",
}


def charts(trace: Trace, who: str = "", *, until: int | None = None) -> list[StateChart]:
    """The machines of one endpoint as a trace has left them.

    Args:
        trace: a recording.
        who: the endpoint; default: the first.
        until: only entries with a smaller number count; default: all.
    """
    name = who or (trace.names[0] if trace.names else "")
    went: dict[str, list[str]] = {}
    for entry in trace.of(StateEntry, who=name):
        machine = _TOLD.get((entry.layer, entry.what))
        if machine is None or (until is not None and entry.number >= until):
            continue
        went.setdefault(machine, [entry.old]).append(entry.new)
        if (
            machine == "signaling" and entry.new == "closed"
        ):  # nobody is told of the rest: W3C webrtc §4.4.2, close
            went.setdefault("connection", ["new"]).append("closed")
    return [
        state_chart(machine, current=went[machine][-1], visited=went[machine], who=name)
        for machine in MACHINES
        if machine in went
    ]


# --- drawing ---------------------------------------------------------------------------------------------------------

_SIZE, _SMALL = 13.0, 11.0  # font sizes, pixels
_LABEL_WIDTH = 150.0  # pixels of a label before it is broken
_MARGIN = 24.0
_INK, _MUTED, _LINE, _TRODDEN, _LIT = "#1f2328", "#59636e", "#8c959f", "#0969da", "#fff3c4"
ANY = "any state"  # from where arrows start that leave every state alike


@dataclass(slots=True)
class _Arrow:
    source: str
    target: str
    rows: list[Transition]
    lines: list[str]


def _arrows(
    machine: StateMachine,
) -> tuple[list[_Arrow], list[_Arrow], dict[str, list[Transition]]]:
    """(arrows between states, arrows that leave every state alike, rows that lead back to their own state)."""
    common: dict[tuple[str, str], list[Transition]] = {}
    for row in machine.transitions:
        common.setdefault((row.cause, row.new), []).append(row)
    everywhere = {
        key
        for key, rows in common.items()
        if len(rows) > 2 and {row.old for row in rows} | {key[1]} == set(machine.states)
    }
    between: dict[tuple[str, str], list[Transition]] = {}
    own: dict[str, list[Transition]] = {}
    for row in machine.transitions:
        if (row.cause, row.new) in everywhere:
            continue
        if row.old == row.new:
            own.setdefault(row.old, []).append(row)
        else:
            between.setdefault((row.old, row.new), []).append(row)
    arrows = []
    for (source, target), rows in between.items():
        causes = dict.fromkeys(row.cause for row in rows)
        lines: list[str] = []
        for number, cause in enumerate(causes):
            lines += wrap(f"or {cause}" if number else cause, _LABEL_WIDTH, _SMALL, lines=4)
        arrows.append(_Arrow(source, target, rows, lines))
    return arrows, [_Arrow(ANY, new, common[cause, new], [cause]) for cause, new in sorted(everywhere)], own


def draw(chart: StateChart) -> Sheet:
    """The chart on a sheet."""
    machine = chart.machine
    arrows, everywhere, own = _arrows(machine)
    loops = {
        state: [line for row in rows for line in wrap(f"again: {row.cause}", _LABEL_WIDTH, 10.5, lines=3)]
        for state, rows in own.items()
    }
    for state, why in machine.starts.items():
        if why:
            loops[state] = [*wrap(f"begins by: {why}", _LABEL_WIDTH, 10.5, lines=3), *loops.get(state, ())]
    placed = dict.fromkeys(
        [*machine.starts, *(end for arrow in arrows for end in (arrow.source, arrow.target))]
    )
    apart = [
        state for state in machine.states if state not in placed
    ]  # reached from everywhere, left for nowhere
    sizes = {state: _box_size(state, loops.get(state, ())) for state in machine.states if state in placed}
    layout = lay_out(
        sizes,
        [
            (
                a.source,
                a.target,
                (max(measure(line, _SMALL) for line in a.lines) + 10, 14.0 * len(a.lines) + 2),
            )
            for a in arrows
        ],
    )
    least = max(
        [
            measure(chart.title, 15, bold=True),
            measure(machine.rfc, _SMALL),
            *(_common_width(arrow, apart) for arrow in everywhere),
        ]
    )
    sheet = Sheet(max(layout.width, least) + 2 * _MARGIN, chart.title)
    sheet.text(_MARGIN, 30, chart.title, size=15, bold=True)
    sheet.text(_MARGIN, 47, machine.rfc, size=_SMALL, colour=_MUTED)
    dx = (sheet.width - layout.width) / 2
    dy = 84.0
    went = set(pairwise(chart.visited))
    for arrow, route in zip(arrows, layout.routes, strict=True):
        trodden = (arrow.source, arrow.target) in went
        colour = _TRODDEN if trodden else _LINE
        points = [(x + dx, y + dy) for x, y in route.points]
        sheet.path(_curve(points), stroke=colour, width=2.2 if trodden else 1.3, title=_words(arrow.rows))
        sheet.head(*points[-1], colour, dx=0, dy=points[-1][1] - points[-2][1], size=9 if trodden else 7.5)
    for arrow, route in zip(arrows, layout.routes, strict=True):
        x, y = route.label[0] + dx, route.label[1] + dy
        height, width = 14.0 * len(arrow.lines), max(measure(line, _SMALL) for line in arrow.lines)
        sheet.box(x - width / 2 - 4, y - height / 2 - 1, width + 8, height + 2, fill="#fff")
        for number, line in enumerate(arrow.lines):
            sheet.text(
                x,
                y - height / 2 + 14 * number + 10.5,
                line,
                size=_SMALL,
                anchor="middle",
                colour=_TRODDEN if (arrow.source, arrow.target) in went else _MUTED,
                title=_words(arrow.rows),
            )
    for state, size in sizes.items():
        x, y = layout.centres[state]
        _box(sheet, chart, state, (x + dx, y + dy), size, own.get(state, ()), loops.get(state, ()))
    y = dy + layout.height + _MARGIN
    for arrow in everywhere:
        _from_everywhere(sheet, chart, arrow, apart, y + 22)
        y += 52
    sheet.grow(y)
    return sheet


def _words(rows: Sequence[Transition]) -> str:
    return "\n".join(f"{row.old} → {row.new}: {row.cause}" for row in rows)


def _box_size(state: str, loops: Sequence[str]) -> tuple[float, float]:
    width = max([measure(state, _SIZE, bold=True), *(measure(line, 10.5) for line in loops)])
    return width + 28, 34.0 + 14 * len(loops)


def _box(
    sheet: Sheet,
    chart: StateChart,
    state: str,
    centre: tuple[float, float],
    size: tuple[float, float],
    own: Sequence[Transition] = (),
    loops: Sequence[str] = (),
) -> None:
    """One state, with the inputs that leave it where it is."""
    (x, y), (width, height) = centre, size
    lit, seen = state == chart.current, state in chart.visited
    sheet.box(
        x - width / 2,
        y - height / 2,
        width,
        height,
        fill=_LIT if lit else "#ddf4ff" if seen else "#f6f8fa",
        stroke="#bf8700" if lit else _TRODDEN if seen else "#afb8c1",
        line=2.4 if lit else 1.4,
        radius=9,
        title=f"{state}: the current state" if lit else state,
    )
    top = y - height / 2
    sheet.text(x, top + 21.5, state, size=_SIZE, anchor="middle", bold=True, colour=_INK)
    for number, line in enumerate(loops):
        sheet.text(
            x,
            top + 36 + 14 * number,
            line,
            size=10.5,
            anchor="middle",
            colour=_MUTED,
            italic=True,
            title=_words(own),
        )
    if state == chart.machine.states[0]:
        _start(sheet, x, top)


def _start(sheet: Sheet, x: float, top: float) -> None:
    """A dot with an arrow into the box below: here it begins."""
    sheet.path(f"M{x - 4:.1f} {top - 20:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", fill=_INK)
    sheet.line([(x, top - 16), (x, top - 6)], _INK, width=1.3)
    sheet.head(x, top, _INK, dx=0, dy=1, size=7)


def _common_width(arrow: _Arrow, apart: Sequence[str]) -> float:
    target = (
        _box_size(arrow.target, ())[0] if arrow.target in apart else measure(arrow.target, _SIZE, bold=True)
    )
    return measure(ANY, _SMALL) + 24 + measure(arrow.lines[0], _SMALL) + 60 + target


def _from_everywhere(sheet: Sheet, chart: StateChart, arrow: _Arrow, apart: Sequence[str], y: float) -> None:
    """The line below the picture for what leads from every state to the same one."""
    width = measure(ANY, _SMALL) + 24
    x = (sheet.width - _common_width(arrow, apart)) / 2
    sheet.box(
        x, y - 13, width, 26, fill="#fff", stroke=_LINE, dash="4 3", radius=13, title=_words(arrow.rows)
    )
    sheet.text(x + width / 2, y + 4, ANY, size=_SMALL, anchor="middle", colour=_MUTED, italic=True)
    label = measure(arrow.lines[0], _SMALL)
    end = x + width + label + 52
    sheet.line([(x + width, y), (end - 6, y)], _LINE, width=1.3, title=_words(arrow.rows))
    sheet.head(end, y, _LINE, dx=1, dy=0, size=7.5)
    sheet.box(x + width + 18, y - 8, label + 12, 16, fill="#fff")
    sheet.text(x + width + 24, y + 4, arrow.lines[0], size=_SMALL, colour=_MUTED, title=_words(arrow.rows))
    if arrow.target in apart:
        size = _box_size(arrow.target, ())
        _box(sheet, chart, arrow.target, (end + 2 + size[0] / 2, y), size)
    else:
        sheet.text(end + 6, y + 4.5, arrow.target, size=_SIZE, bold=True, colour=_INK)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """A soft line through `points`, leaving and arriving vertically."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return path

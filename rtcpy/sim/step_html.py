"""Steps, walks and packets in flight as HTML: states side by side with the changes lit, descriptions as coloured diffs.

Styles are inline and nothing is loaded or run, so it looks the same in Jupyter, in a converted notebook and on a page of
the documentation. Everything shown may come from a peer, so everything is escaped.

Specs: none.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rtcpy.sim.pending import Pending
from rtcpy.sim.steps import LINES_SHOWN, SdpChange, Step

BOX = "background:#fff;color:#111;font-family:system-ui,sans-serif;font-size:14px;line-height:1.45;max-width:1040px"
CARD = "border:1px solid #cfd4da;border-radius:6px;padding:10px 14px;margin:8px 0;background:#fff;color:#111"
_FOLDED = (
    "border:1px solid #cfd4da;border-radius:6px;padding:5px 14px;margin:3px 0;background:#fff;color:#111"
)
_MONO = "font-family:ui-monospace,Consolas,monospace;font-size:12.5px"
_CELL = (
    "padding:2px 10px;text-align:left;border:1px solid #e3e6ea;color:#111;background:#fff;white-space:nowrap"
)
_TABLE = "border-collapse:collapse;margin:4px 0;font-size:13px"
_LIT = _CELL + ";background:#fff0b3;font-weight:600"
_SECTION = "color:#57606a;white-space:nowrap"
_TITLE = "font-weight:600;margin:8px 0 2px"
_KINDS = {
    "call": ("#0550ae", "#ddf0ff"),
    "packet": ("#116329", "#dcf7e1"),
    "wire": ("#116329", "#dcf7e1"),
    "timer": ("#7d4e00", "#fff0c2"),
    "wait": ("#57606a", "#eef0f2"),
    "look": ("#57606a", "#eef0f2"),
    "change": ("#a40e26", "#ffe3e6"),
    "action": ("#57606a", "#eef0f2"),
}


def page(*parts: str) -> str:
    """Parts in one box that is readable on light and dark pages."""
    return f"<div style='{BOX}'>{''.join(parts)}</div>"


def step_html(step: Step) -> str:
    """One step as a card."""
    return f"<div style='{CARD}'>{heading(step)}{body(step)}</div>"


def heading(step: Step) -> str:
    """Number, name, kind and time."""
    return (
        f"<div style='display:flex;gap:8px;align-items:baseline'><b style='color:#57606a'>{step.number}</b>"
        f"<b style='flex:1'>{escape(step.name)}</b>{_tag(step.kind)}"
        f"<span style='color:#57606a'>{step.at * 1e3:.0f} ms</span></div>"
    )


def _tag(kind: str) -> str:
    ink, paper = _KINDS.get(kind, ("#57606a", "#eef0f2"))
    return f"<span style='color:{ink};background:{paper};border-radius:9px;padding:0 8px;font-size:12px'>{escape(kind)}</span>"


def body(step: Step) -> str:
    """All but the heading."""
    rule = f" <span style='{_SECTION}'>{escape(step.section)}</span>" if step.section else ""
    says = f"<p style='margin:4px 0 8px'>{escape(step.says)}{rule}</p>" if step.says or rule else ""
    error = f"<p style='color:#a40e26;margin:4px 0'>✗ {escape(step.error)}</p>" if step.error else ""
    right = "".join(
        (
            _list("checked", [(str(check), not check.holds) for check in step.checks]),
            _list("events", [(_heard(item.who, item.name, item.detail), False) for item in step.events]),
            _list("sent", [(str(sent), bool(sent.fate)) for sent in step.packets], mono=True),
            _list("refused", [(str(refusal), True) for refusal in step.refusals_to_tell]),
        )
    )
    columns = (
        "<div style='display:flex;flex-wrap:wrap;gap:8px 20px;align-items:flex-start'>"
        f"<div>{states_html(step)}</div><div style='flex:1;min-width:320px'>{right}</div></div>"
    )
    return f"{says}{error}{columns}{''.join(map(_sdp, step.sdp_changes))}"


def states_html(step: Step) -> str:
    """Both ends side by side; what changed is lit and shows what it was."""
    names = "".join(f"<th style='{_CELL}'>{escape(name)}</th>" for name in step.after.names)
    rows = []
    for old, new in zip(step.before.rows, step.after.rows, strict=True):
        cells = "".join(
            f"<td style='{_CELL}'>{escape(now)}</td>"
            if was == now
            else f"<td style='{_LIT}'><span style='color:#8a6d00;font-weight:400'>{escape(was)} →</span> {escape(now)}</td>"
            for was, now in zip(old[1:], new[1:], strict=True)
        )
        rows.append(f"<tr><td style='{_CELL};color:#57606a'>{escape(new[0])}</td>{cells}</tr>")
    head = f"<tr><th style='{_CELL}'></th>{names}</tr>"
    return f"<table style='{_TABLE}'>{head}{''.join(rows)}</table>"


def _heard(who: str, name: str, detail: str) -> str:
    return f"{who}: {name}{' · ' if detail else ''}{detail}"


def _list(title: str, lines: Sequence[tuple[str, bool]], *, mono: bool = False) -> str:
    """A small list under a title; nothing if it is empty. The second of each pair: in red."""
    if not lines:
        return ""
    style = _MONO if mono else "font-size:13px"
    items = "".join(
        f"<div style='{style};overflow-wrap:anywhere;{'color:#a40e26' if bad else ''}'>{escape(text)}</div>"
        for text, bad in lines
    )
    return f"<div style='{_TITLE}'>{title}</div>{items}"


def _sdp(change: SdpChange) -> str:
    """A description's diff; folded if it is long, or the text that somebody made before."""
    lines = "".join(
        f"<div style='background:{'#dcf7e1' if line[0] == '+' else '#ffe3e6' if line[0] == '-' else '#fff'};"
        f"overflow-wrap:anywhere'>{escape(line)}</div>"
        for line in change.lines
    )
    title = (
        f"{escape(change.who)}: {escape(change.description)} <span style='{_SECTION}'>{escape(change.section)}</span>, "
        f"{len(change.lines)} line{'s' if len(change.lines) != 1 else ''}{', all gone' if change.is_gone else ''}"
    )
    opened = " open" if len(change.lines) <= LINES_SHOWN // 2 and not change.is_known else ""
    return (
        f"<details{opened} style='margin-top:8px'><summary style='cursor:pointer'>{title}</summary>"
        f"<div style='{_MONO};border:1px solid #e3e6ea;padding:4px 8px;margin-top:4px'>{lines}</div></details>"
    )


def walk_html(steps: Sequence[Step], *, title: str = "") -> str:
    """A walk as a sequence of cards that open: readable without a kernel, a widget or a script."""
    head = f"<p style='margin:4px 0'><b>{escape(title)}</b></p>" if title else ""
    cards = "".join(
        f"<details style='{_FOLDED}'><summary style='cursor:pointer'>"
        f"<div style='display:inline-block;width:calc(100% - 24px);vertical-align:top'>{heading(step)}</div></summary>"
        f"{body(step)}{parts_html(step)}</details>"
        for step in steps
    )
    return f"{head}{cards}"


def parts_html(step: Step) -> str:
    """What a named step was put together from."""
    if len(step.parts) < 2:
        return ""
    rows = "".join(
        f"<div style='{_MONO};overflow-wrap:anywhere'>{part.number} · {part.at * 1e3:.0f} ms · {escape(part.name)}</div>"
        for part in step.parts
    )
    summary = f"<summary style='cursor:pointer'>{len(step.parts)} single steps</summary>"
    return f"<details style='margin-top:8px'>{summary}{rows}</details>"


def pending_html(pending: Pending) -> str:
    """Packets in flight as a table."""
    if not pending.packets:
        return "<p style='margin:4px 0;color:#57606a'>nothing is on its way</p>"
    head = "".join(
        f"<th style='{_CELL}'>{name}</th>" for name in ("", "arrives", "from", "to", "bytes", "what", "why")
    )
    rows = []
    for packet in pending:
        flight = packet.flight
        when = "held" if flight.is_held else f"{flight.arrival * 1e3:.0f} ms"
        note = f" [{flight.note}]" if flight.note and flight.note != "held" else ""
        wide = _CELL + ";white-space:normal"
        rows.append(
            f"<tr><td style='{_CELL}'><b>{packet.index}</b></td><td style='{_CELL}'>{when}</td>"
            f"<td style='{_CELL}'>{escape(flight.sender or '?')}</td><td style='{_CELL}'>{escape(flight.receiver or '?')}</td>"
            f"<td style='{_CELL}'>{len(flight.data)}</td><td style='{wide}'>{escape(packet.summary + note)}</td>"
            f"<td style='{wide}'>{escape(packet.says)} <span style='{_SECTION}'>{escape(packet.section)}</span></td></tr>"
        )
    return f"<table style='{_TABLE}'><tr>{head}</tr>{''.join(rows)}</table>"

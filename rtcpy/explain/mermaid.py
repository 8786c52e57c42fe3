"""A ladder as text for Mermaid, which many wikis and code hosts draw: a ``sequenceDiagram``.

The picture is simpler than ours: time has no scale and nothing overtakes anything. What was lost ends in a cross (``-x``),
what was sent again is dashed, DTLS flights and runs of bulk data are said in words.

Names and details come from packets: characters that Mermaid would read as its own are replaced by others that look like
them, so that no packet can add a line, a link or markup to the diagram. (Mermaid's entity codes, ``#59;``, are no way
to do that: it looks for them with patterns that words like "style" can upset.)

Spec: none; the syntax is that of https://mermaid.js.org/syntax/sequenceDiagram.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtcpy.explain.notes import Note, notes
from rtcpy.explain.passages import Passage, Passages, passages
from rtcpy.explain.svg import clean
from rtcpy.explain.trace import Trace

TEXT_MAX = 90  # characters of a message
MESSAGES_MAX = 400  # of one diagram; renderers refuse texts that are much longer than this makes
RUN_MIN = 8

_BREAK = "\N{ZERO WIDTH NON-JOINER}"
_LIKE = str.maketrans(
    {
        ";": "⁏",
        "#": "♯",
        "<": "‹",
        ">": "›",
        "{": "❴",
        "}": "❵",
        "\\": "∖",
        "`": "ˋ",
        "&": f"&{_BREAK}",
        "$": f"${_BREAK}",
        "%": f"%{_BREAK}",
    }
)
"""What has a meaning in Mermaid, in the HTML and formulas that it makes, or in a Markdown fence around it."""


def escape(text: str, *, most: int = TEXT_MAX) -> str:
    """`text` in one line, with nothing in it that Mermaid would not take literally."""
    text = clean(text).strip()
    if len(text) > most:
        text = text[: most - 1].rstrip() + "…"
    text = text.translate(_LIKE)
    # "wrap:" before a message is an instruction.
    return f"{_BREAK}{text}" if text.lower().startswith(("wrap", "nowrap")) else text or "-"


def mermaid(
    trace: Trace, *, with_notes: bool = True, since: float | None = None, until: float | None = None
) -> str:
    """A trace as the text of a Mermaid sequence diagram.

    Args:
        trace: of one end or of both.
        with_notes: with the application's calls and what it heard.
        since: leave out what happened before, in **seconds** since the beginning of the trace.
        until: leave out what happened after, likewise.
    """
    found = passages(trace)
    low = float("-inf") if since is None else trace.started + since
    high = float("inf") if until is None else trace.started + until
    chosen = [p for p in found.all if low <= p.at <= high]
    names = _participants(found, chosen)
    lines = ["sequenceDiagram"]
    lines += [f"    participant {alias} as {escape(name, most=60)}" for name, alias in names.items()]
    things: list[Passage | Note | list[Passage]] = [*_runs(chosen)]
    if with_notes:
        things += [note for note in notes(trace) if low <= note.at <= high and note.kind != "timer"]
    things.sort(key=_order)
    for thing in things[:MESSAGES_MAX]:
        lines += _lines(thing, names)
    if len(things) > MESSAGES_MAX:
        over = ",".join(list(names.values())[:2])
        lines.append(f"    Note over {over}: {len(things) - MESSAGES_MAX} more are not shown")
    return "\n".join(lines) + "\n"


def _participants(found: Passages, chosen: Sequence[Passage]) -> dict[str, str]:
    """The alias of each lifeline, in the order of drawing: first end, servers, second end."""
    servers = [
        name
        for name in found.servers
        if any(name in (passage.sender, passage.receiver) for passage in chosen)
    ]
    order = [found.ends[0], *servers, *found.ends[1:]]
    return {name: f"L{number}" for number, name in enumerate(order)}


def _order(thing: Passage | Note | list[Passage]) -> tuple[float, float]:
    first = thing[0] if isinstance(thing, list) else thing
    return first.at, float(first.number)


def _runs(chosen: Sequence[Passage]) -> list[Passage | list[Passage]]:
    out: list[Passage | list[Passage]] = []
    run: list[Passage] = []
    for passage in [*chosen, None]:
        if passage is not None and passage.is_bulk:
            run.append(passage)
            continue
        out += [list(run)] if len(run) >= RUN_MIN else run
        run.clear()
        if passage is not None:
            out.append(passage)
    return out


def _lines(thing: Passage | Note | list[Passage], names: dict[str, str]) -> list[str]:
    if isinstance(thing, Note):
        alias = names.get(thing.who)
        if alias is None:
            return []
        side = "left" if alias == "L0" else "right"
        return [f"    Note {side} of {alias}: {escape(thing.words)}"]
    if isinstance(thing, list):
        return _run_lines(thing, names)
    arrow = "-x" if thing.fate in ("lost", "unroutable", "filtered") else "->>"
    dashed = "-" if thing.is_again else ""
    words = thing.names + (f" ({thing.details})" if thing.details else "")
    if thing.flight:
        words = f"flight {thing.flight}: {words}"
    if thing.is_again:
        words = f"again: {words}"
    if thing.fate in ("duplicated", "corrupted", "unroutable", "filtered", "lost"):
        words = f"[{thing.fate}] {words}"
    return [f"    {names[thing.sender]}{dashed}{arrow}{names[thing.receiver]}: {escape(words)}"]


def _run_lines(run: Sequence[Passage], names: dict[str, str]) -> list[str]:
    """One arrow each way for a run of bulk data."""
    lines = []
    for sender in dict.fromkeys(p.sender for p in run):
        mine = [p for p in run if p.sender == sender]
        counts: dict[str, int] = {}
        for passage in mine:
            for summary in passage.summaries:
                counts[summary.name] = counts.get(summary.name, 0) + 1
        words = " and ".join(f"{count} × {name}" for name, count in counts.items())
        lost = sum(p.fate == "lost" for p in mine)
        words += f", {sum(len(p.data) for p in mine)} B" + (f", {lost} lost" if lost else "")
        lines.append(f"    {names[sender]}->>{names[mine[0].receiver]}: {escape(words)}")
    return lines

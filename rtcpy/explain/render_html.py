"""An explanation for Jupyter: every byte in the colour of its field, the tree as a table below.

The mouse over a byte shows what it means, and lights up its row; over a row, its bytes. That is CSS alone (``:has``);
where styles are stripped, as on pages that show notebooks, colours, titles and the table remain. Nothing is loaded
from anywhere, no script runs.

Everything shown may come from a peer, so everything is escaped.

Specs: none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html import escape

from rtcpy.explain.tree import Explanation, Node
from rtcpy.explain.words import shortened

BYTES_PER_ROW = 16
BYTES_SHOWN = 1536  # in the dump; what is beyond is in the table
LIT_MAX = 300  # leaves up to which rules that light them up are written
COLOURS = ("#cfe8ff", "#ffe2b8", "#d3f2cf", "#f6d0e0", "#e3d9fb", "#fff3a8", "#c9f0ee", "#e8e2d8")
"""Light backgrounds that keep apart and carry black text; neighbouring fields never share one."""

_BOX = "background:#fff;color:#111;padding:6px;overflow-x:auto"
_DUMP = "font-family:monospace;line-height:1.7;white-space:pre;color:#111"
_CELL = "padding:1px 10px 1px 4px;text-align:left;vertical-align:top;color:#111"
_CODE = _CELL + ";font-family:monospace;white-space:pre"
_VALUE = _CELL + ";min-width:11em;max-width:19em;overflow-wrap:break-word"
_MEANING = _CELL + ";min-width:16em"
_HEADINGS = ("at", "bits", "field", "value", "meaning")


def render_html(explanation: Explanation) -> str:
    """The whole explanation as one ``<div>``; what some bytes stand for follows below, each to be opened."""
    return f"<div style='{_BOX}'>{_Html(explanation).body()}</div>"


class _Html:
    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        self.leaves = [leaf for leaf in explanation.leaves() if leaf.width]
        seed = explanation.data + explanation.title.encode()
        self.rfc = ""  # the section that was named last; it holds until another is named
        self.scope = (
            "x" + hashlib.sha256(seed).hexdigest()[:8]
        )  # rules must not reach other explanations on the page

    def body(self) -> str:
        title = self.explanation.title
        head = f"<p style='margin:4px 0'><b>{escape(title)}</b></p>" if title else ""
        return f"{self._style()}<div class='{self.scope}'>{head}{self._dump()}{self._table()}</div>{self._insides()}"

    def _style(self) -> str:
        if len(self.leaves) > LIT_MAX:
            return ""
        rules = [
            f".{self.scope}:has(.l{n}:hover) .l{n}{{outline:2px solid #d33;outline-offset:-2px}}"
            for n in range(len(self.leaves))
        ]
        return f"<style>{''.join(rules)}</style>"

    def _dump(self) -> str:
        size = min(len(self.explanation.data), BYTES_SHOWN)
        owners: list[list[tuple[int, Node]]] = [[] for _ in range(size)]
        for number, leaf in enumerate(self.leaves):
            for at in range(leaf.offset, min(leaf.end, size)):
                owners[at].append((number, leaf))
        rows = []
        for start in range(0, size, BYTES_PER_ROW):
            cells = [self._byte(at, owners[at]) for at in range(start, min(start + BYTES_PER_ROW, size))]
            rows.append(f"<span style='color:#777'>{start:5d}  </span>{''.join(cells)}")
        if size < len(self.explanation.data):
            rows.append(f"       … {len(self.explanation.data) - size} bytes more")
        return f"<div style='{_DUMP}'>{'<br>'.join(rows)}</div>"

    def _byte(self, at: int, owners: list[tuple[int, Node]]) -> str:
        """One byte; if several fields share it, it has their colours in stripes."""
        colours = [COLOURS[number % len(COLOURS)] for number, _ in owners] or ["#fff"]
        step = 100 / len(colours)
        stripes = ",".join(f"{c} {i * step:.0f}% {(i + 1) * step:.0f}%" for i, c in enumerate(colours))
        background = colours[0] if len(colours) == 1 else f"linear-gradient(90deg,{stripes})"
        title = "\n".join(self._title(leaf) for _, leaf in owners)
        classes = " ".join(f"l{number}" for number, _ in owners)
        return (
            f"<span class='{classes}' title='{escape(title, quote=True)}' "
            f"style='background:{background}'> {self.explanation.data[at]:02x} </span>"
        )

    def _title(self, leaf: Node) -> str:
        path = " › ".join(node.name for node in self.explanation.path_to(leaf.first_bit)[1:]) or leaf.name
        value = f" = {leaf.text}" if leaf.text else ""
        problem = f"  ✗ {leaf.problem}" if leaf.problem else ""
        return f"{path}{value}  {leaf.meaning}{problem}"

    def _table(self) -> str:
        head = "".join(f"<th style='{_CELL}'>{name}</th>" for name in _HEADINGS)
        rows = "".join(self._rows(self.explanation.root, 0, None, iter(range(len(self.leaves) + 1))))
        style = "border-collapse:collapse;font-size:90%;margin-top:6px"
        return f"<table style='{style}'><tr style='background:#fff'>{head}</tr>{rows}</table>"

    def _rows(self, node: Node, depth: int, above: Node | None, numbers: Iterator[int]) -> Iterator[str]:
        is_leaf = not node.children and node.width > 0
        number = next(numbers) if is_leaf else None
        where = f"{node.offset}" + (f".{node.first_bit % 8}" if not node.is_whole_bytes else "")
        rfc, self.rfc = ("" if node.rfc == self.rfc else node.rfc), node.rfc or self.rfc
        meaning = escape("" if above is not None and node.meaning == above.meaning else node.meaning)
        if node.problem:
            meaning += f" <b style='color:#b00'>✗ {escape(node.problem)}</b>"
        if rfc:
            meaning += f" <span style='color:#666;white-space:nowrap'>{escape(rfc)}</span>"
        name = escape("  " * depth + node.name)
        cells = (
            f"<td style='{_CELL}'>{where}</td><td style='{_CELL}'>{node.width}</td>"
            f"<td style='{_CODE}'>{name if is_leaf else f'<b>{name}</b>'}</td>"
            f"<td style='{_VALUE}'>{escape(shortened(node.text, 200))}</td>"
            f"<td style='{_MEANING}'>{meaning}</td>"
        )
        colour = "#fff" if number is None else COLOURS[number % len(COLOURS)]
        mark = "" if number is None else f" class='l{number}'"
        yield f"<tr{mark} style='background:{colour}'>{cells}</tr>"
        for child in node.children:
            yield from self._rows(child, depth + 1, node, numbers)

    def _insides(self) -> str:
        parts = []
        for node, inside in self.explanation.insides():
            where = f"bytes {node.offset}…{node.end - 1}, {node.name}: what they stand for"
            parts.append(
                f"<details open style='margin:8px 0 0 16px'><summary>{escape(where)}</summary>"
                f"{_Html(inside).body()}</details>"
            )
        return "".join(parts)

"""A table with coloured cells: drawn in Jupyter, aligned in columns elsewhere.

No specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rtcpy.sim.step_html import page

GOOD, WARM, BUSY, BAD, FAINT = "#d3f2cf", "#fff3a8", "#cfe8ff", "#f8cfd3", "#f0f1f3"
"""Light backgrounds that carry black text."""

_CELL = (
    "padding:3px 9px;text-align:left;vertical-align:top;border:1px solid #dfe3e8;color:#111;white-space:pre"
)
_HEAD = _CELL + ";font-weight:600;background:#f6f8fa"
_TABLE = "border-collapse:collapse;font-size:12.5px;margin:4px 0"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table.

    Args:
        text: may have several lines in HTML; in text they are joined.
        colour: of the background, as CSS wants it.
        hint: shown when the pointer rests on it.
        bold: whether it is to be noticed.
    """

    text: str
    colour: str = "#fff"
    hint: str = ""
    bold: bool = False


class Table:
    """Rows under a head.

    Args:
        head: one text for each column.
        rows: cells; what is not a `Cell` is shown as its text.
        title: one line above.
        note: one line below.
    """

    __slots__ = ("head", "note", "rows", "title")

    def __init__(
        self, head: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", note: str = ""
    ) -> None:
        self.head, self.title, self.note = list(head), title, note
        self.rows = [
            [value if isinstance(value, Cell) else Cell(str(value)) for value in row] for row in rows
        ]

    def column(self, name: str) -> list[str]:
        """The texts under the head `name`, from top to bottom.

        Raises:
            ValueError: no column has this head.
        """
        index = self.head.index(name)
        return [row[index].text for row in self.rows]

    def __str__(self) -> str:
        lines = [self.head, *([" ".join(cell.text.split("\n")) for cell in row] for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        told = [
            "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*filter(None, [self.title]), *told, *filter(None, [self.note])])

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='{_HEAD}'>{escape(name)}</th>" for name in self.head)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows)
        title = f"<p style='margin:4px 0'><b>{escape(self.title)}</b></p>" if self.title else ""
        note = f"<p style='margin:4px 0;color:#57606a'>{escape(self.note)}</p>" if self.note else ""
        return page(
            f"{title}<div style='overflow-x:auto'><table style='{_TABLE}'><tr>{head}</tr>{body}</table></div>{note}"
        )


def _cell(cell: Cell) -> str:
    weight = ";font-weight:700" if cell.bold else ""
    hint = f" title='{escape(cell.hint, quote=True)}'" if cell.hint else ""
    return f"<td{hint} style='{_CELL}{weight};background:{cell.colour}'>{escape(cell.text)}</td>"

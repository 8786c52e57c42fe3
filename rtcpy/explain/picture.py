"""Bytes as a picture: every byte in the colour of the field that it belongs to, every field in words below.

Owns how explained bytes look: plain text for a terminal, HTML for Jupyter (hover over a byte to read its meaning; the
table below says the same without a mouse). Does not own what they mean: spans come from `rtcpy.wire`, and so from the
parser itself.

Everything shown may come from a peer: HTML is escaped, text is shown as Python writes it.

Specs: none of its own; each span names the section that defines its bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rtcpy.wire import Span, Wire, explain, render

BYTES_PER_ROW = 16
VALUE_MAX = 64  # characters of a value that are shown in the table
COLOURS = ("#cfe8ff", "#ffe2b8", "#d3f2cf", "#f6d0e0", "#e3d9fb", "#fff3a8", "#c9f0ee", "#e8e2d8")
"""Light backgrounds that keep apart and carry black text; neighbouring fields never share one."""

_STYLE = "font-family:monospace;line-height:1.7;white-space:pre;color:#111"
_CELL = "padding:2px 10px 2px 4px;text-align:left;vertical-align:top;color:#111"


class Picture:
    """Explained bytes, to be printed or shown in a notebook.

    Args:
        data: the bytes.
        spans: what every bit of them means, in order.
        title: one line above.
    """

    __slots__ = ("data", "spans", "title")

    def __init__(self, data: bytes, spans: Sequence[Span], title: str = "") -> None:
        self.data, self.spans, self.title = data, list(spans), title

    def __str__(self) -> str:
        rows = [
            f"{offset:5d}  {self.data[offset : offset + BYTES_PER_ROW].hex(' ')}"
            for offset in range(0, len(self.data), BYTES_PER_ROW)
        ]
        return "\n".join([*([self.title] if self.title else []), *rows, "", render(self.spans)])

    def _repr_html_(self) -> str:
        title = f"<p style='margin:4px 0'><b>{escape(self.title)}</b></p>" if self.title else ""
        return f"<div style='background:#fff;padding:6px'>{title}{self._dump()}{self._table()}</div>"

    def _dump(self) -> str:
        """The bytes; one that several fields share has their colours in stripes."""
        rows = []
        for start in range(0, len(self.data), BYTES_PER_ROW):
            cells = [self._byte(at) for at in range(start, min(start + BYTES_PER_ROW, len(self.data)))]
            rows.append(f"<span style='color:#777'>{start:5d}  </span>{''.join(cells)}")
        return f"<div style='{_STYLE}'>{'<br>'.join(rows)}</div>"

    def _byte(self, at: int) -> str:
        owners = [
            (number, span)
            for number, span in enumerate(self.spans)
            if span.first_bit < at * 8 + 8 and at * 8 < span.first_bit + span.width
        ]
        colours = [COLOURS[number % len(COLOURS)] for number, _ in owners] or ["#fff"]
        step = 100 / len(colours)
        stripes = ",".join(f"{c} {i * step:.0f}% {(i + 1) * step:.0f}%" for i, c in enumerate(colours))
        meaning = "\n".join(f"{span.name} = {_value(span)}  {span.doc}" for _, span in owners)
        return (
            f"<span title='{escape(meaning, quote=True)}' "
            f"style='background:linear-gradient(90deg,{stripes})'> {self.data[at]:02x} </span>"
        )

    def _table(self) -> str:
        head = "".join(
            f"<th style='{_CELL}'>{name}</th>" for name in ("at", "bits", "field", "value", "meaning")
        )
        rows = []
        for number, span in enumerate(self.spans):
            where = f"{span.offset}" + (f".{span.bit}" if span.bit or span.width % 8 else "")
            columns = (where, str(span.width), span.name, _value(span), span.doc)
            colour = COLOURS[number % len(COLOURS)]
            cells = "".join(f"<td style='{_CELL}'>{escape(text)}</td>" for text in columns)
            rows.append(f"<tr style='background:{colour}'>{cells}</tr>")
        table = "border-collapse:collapse;font-size:90%;margin-top:6px"
        return f"<table style='{table}'><tr style='background:#fff'>{head}</tr>{''.join(rows)}</table>"


def picture(form: type[Wire], data: bytes, title: str = "") -> Picture:
    """`data`, read as one `form`. Raises the format's error if it is none."""
    return Picture(data, explain(form, data), title or f"{form.__name__}, {len(data)} bytes, {form.wire_rfc}")


def _value(span: Span) -> str:
    """What a span was read as, short."""
    value = span.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        text = value[:BYTES_PER_ROW].hex(" ") + (" …" if len(value) > BYTES_PER_ROW else "")
        shown = value.decode("ascii", "replace")
        if value and shown.isascii() and shown.isprintable():
            text += f"  {shown[:VALUE_MAX]!r}"
        return text
    if isinstance(value, int) and not isinstance(value, bool) and span.width >= 16:
        name = getattr(value, "name", "")
        return f"{name + ' ' if name else ''}{int(value)} = {span.raw:#x}"
    name = getattr(value, "name", None)
    return (f"{name} ({int(value)})" if isinstance(name, str) and isinstance(value, int) else str(value))[
        :VALUE_MAX
    ]

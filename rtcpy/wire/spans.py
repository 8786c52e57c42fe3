"""Explanations: which bits mean what, and the RFCs' 32-bit box diagrams, from the same declarations.

`explain` parses and returns one `Span` for every bit of the input, each bit exactly once. `render` prints
them for a terminal. `box_diagram` draws the format itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtcpy.wire import fields as f

if TYPE_CHECKING:
    from rtcpy.wire.codec import Buffer, Wire

WIDE = 16
"""**Bits** from which a constant is shown in hexadecimal: it is a pattern, not an amount."""


@dataclass(slots=True)
class Span:
    """A run of bits with a meaning.

    `offset` in **bytes** from the start of the input, `bit` the first bit within that byte (0 is the most
    significant), `width` in **bits**, `raw` the bits as an unsigned integer, `value` what they were read as, `form` the
    declaration that the field stands in.
    """

    offset: int
    bit: int
    width: int
    name: str
    raw: int
    value: object
    doc: str
    rfc: str
    form: type[Wire] | None = None

    @property
    def first_bit(self) -> int:
        """Position of the first bit, counted from the start of the input."""
        return self.offset * 8 + self.bit


def explain(cls: type[Wire], buf: Buffer) -> list[Span]:
    """Every bit of `buf`, read as one `cls`, in order. Raises the format's error when it does not parse."""
    spans: list[Span] = []
    _, offset = cls.parse_from(buf, 0, len(buf), spans=spans)
    if offset != len(buf):
        raise cls.wire_error(
            f"{cls.__name__}: {len(buf) - offset} bytes left over", offset=offset, rfc=cls.wire_rfc
        )
    return spans


def render(spans: Iterable[Span]) -> str:
    """One line per span: offset, bits, name, value, meaning."""
    rows = []
    for span in spans:
        where = f"{span.offset:5d}" + (f".{span.bit}" if span.bit or span.width % 8 else "  ")
        value = span.value
        if isinstance(value, bytes):
            shown = value[:16].hex(" ") + (" …" if len(value) > 16 else "")
        elif isinstance(value, int) and not isinstance(value, bool) and span.width >= 16:
            shown = f"{value!r} ({span.raw:#x})"
        else:
            shown = "" if value is None else repr(value)
        rows.append((where, f"{span.width:4d}", span.name, shown, span.doc))
    if not rows:
        return ""
    name_width = max(len(row[2]) for row in rows)
    value_width = min(48, max(len(row[3]) for row in rows))
    return "\n".join(
        f"{where} {width}b  {name:<{name_width}}  {shown:<{value_width}}  {doc}".rstrip()
        for where, width, name, shown, doc in rows
    )


def _boxes(cls: type[Wire]) -> list[tuple[str, int | None]]:
    """(label, width in bits or None for variable) of every line."""
    boxes: list[tuple[str, int | None]] = []
    for field in cls.wire_fields:
        label = field.name.strip("_").replace("_", " ")
        match field:
            case f.Const():
                value = f"{field.value:#x}" if field.width >= WIDE else str(field.value)
                boxes.append((f"{label} = {value}", field.width))
            case f.Bits() | f.LengthOf() | f.CountOf():
                boxes.append((label, field.width))
            case f.Reserved():
                boxes.append(("reserved", field.width))
            case f.Opaque(length=int() as size):
                boxes.append((label, size * 8))
            case f.Vector():
                boxes.append((f"{label} length", field.len_bits))
                boxes.append((label, None))
            case f.Pad():
                boxes.append(("padding", None))
            case _:
                boxes.append((label, None))
    return boxes


def box_diagram(cls: type[Wire]) -> str:
    """The format as RFCs draw it: rows of 32 bits; a variable-length field takes a row between slashes."""
    ruler = "+" + "-+" * 32
    lines = [
        " " + "".join(f"{i // 10 if i % 10 == 0 else ' '} " for i in range(32)).rstrip(),
        " " + "".join(f"{i % 10} " for i in range(32)).rstrip(),
        ruler,
    ]
    row, used = "", 0
    for label, width in _boxes(cls):
        if width is None:
            if used:
                lines += [(row + "|").ljust(65), ruler]
                row, used = "", 0
            lines += ["/" + f"{label} (variable)".center(63) + "/", ruler]
            continue
        first, left = True, width
        while left:
            part = min(left, 32 - used)
            text = label if first else f"… {label}"
            cell = part * 2 - 1
            row += "|" + (text if len(text) <= cell else _short(text, cell)).center(cell)
            used, left, first = used + part, left - part, False
            if used == 32:
                lines += [row + "|", ruler]
                row, used = "", 0
    if used:
        lines += [row + "|", "+" + "-+" * used]
    return "\n".join(lines)


def _short(text: str, cell: int) -> str:
    """A label cut to a narrow box: initials, then as many letters as fit."""
    initials = "".join(word[0].upper() for word in text.split() if word[0].isalnum())
    return initials[:cell] if cell < 4 else text[:cell]


def value_of(spans: Iterable[Span], name: str) -> Any:
    """The value of the span called `name`. Raises KeyError."""
    for span in spans:
        if span.name == name:
            return span.value
    raise KeyError(name)

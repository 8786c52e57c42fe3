"""Drawing SVG whose text fits: a sheet that measures what it writes.

Owns: text width, cutting and wrapping by width, escaping, the shapes that our pictures are made of. Does not own what is
drawn (`ladder_svg`, `states`, `keys`).

A picture carries no ``id``, no style sheet and no script, so that any number of them can stand in one page without
touching each other or the page. Text is measured in the widest font of `SANS`; a reader who has a narrower one sees
a little more air. Every text's box is kept in `Sheet.boxes`: tests prove that none overlap and none is cut off.

Spec: SVG 1.1 §9, §10 (https://www.w3.org/TR/SVG11/).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

SANS = "'DejaVu Sans',Verdana,'Segoe UI','Helvetica Neue',Arial,sans-serif"
MONO = "'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace"

# Advance widths of DejaVu Sans from U+0020 to U+007E, in thousandths of the font size.
_REGULAR = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748,
    787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615,
    352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337,
    636, 838,
)  # fmt: skip
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838,
)  # fmt: skip
_MONO = 602
_NARROW = frozenset("·’‘")
_OTHER = 1000  # of every character beyond ASCII that is not known to be narrower
_WIDE = 1400  # of East Asian wide characters and emoji, whatever font the reader has for them


def measure(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """Width of `text` in **pixels** at font size `size`, in the widest font of the family."""
    return _thousandths(text, bold, mono) * size / 1000


@lru_cache(maxsize=4096)
def _thousandths(text: str, bold: bool, mono: bool) -> int:
    table = _BOLD if bold else _REGULAR
    total = 0
    for char in text:
        code = ord(char)
        if 32 <= code < 127:
            total += _MONO if mono else table[code - 32]
        elif unicodedata.east_asian_width(char) in "WF":
            total += _WIDE
        elif unicodedata.combining(char):
            continue
        else:
            total += 380 if char in _NARROW and not mono else _OTHER
    return total


def clean(text: str) -> str:
    """`text` with what an XML document may not contain, and what turns the direction of writing, replaced.

    Spec: XML 1.0 §2.2 (Char).
    """
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def fit(text: str, width: float, size: float, *, bold: bool = False, mono: bool = False) -> str:
    """`text`, cut and ended with an ellipsis if it is wider than `width` **pixels**."""
    text = clean(text)
    if measure(text, size, bold=bold, mono=mono) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle].rstrip() + "…", size, bold=bold, mono=mono) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


def wrap(
    text: str, width: float, size: float, *, lines: int, bold: bool = False, mono: bool = False
) -> list[str]:
    """`text` in at most `lines` lines of at most `width` **pixels**, broken at spaces; the last one is cut."""
    words, out = clean(text).split(" "), list[str]()
    line = ""
    for index, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if measure(longer, size, bold=bold, mono=mono) <= width or not line:
            line = longer
            continue
        if len(out) + 1 == lines:
            return [*out, fit(" ".join([line, *words[index:]]), width, size, bold=bold, mono=mono)]
        out.append(line)
        line = word
    out.append(line)
    return [fit(one, width, size, bold=bold, mono=mono) for one in out]


@dataclass(slots=True)
class Box:
    """Where a text stands: its corners in **pixels** and what it says."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right - 0.01
            and other.left < self.right - 0.01
            and self.top < other.bottom - 0.01
            and other.top < self.bottom - 0.01
        )


class Sheet:
    """A white sheet to draw on, in pixels from the upper left corner. It grows downwards until `svg` is called.

    Args:
        width: of the sheet.
        label: what the picture is, for those who hear it read.
    """

    def __init__(self, width: float, label: str) -> None:
        self.width, self.label = width, label
        self.height = 0.0
        self.boxes: list[Box] = []
        self._parts: list[str] = []

    def grow(self, bottom: float) -> None:
        """Reach at least down to `bottom`."""
        self.height = max(self.height, bottom)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = "#1f2328",
        anchor: str = "start",
        bold: bool = False,
        mono: bool = False,
        italic: bool = False,
        title: str = "",
        halo: str = "",
    ) -> float:
        """Write one line; `y` is its base line. Returns its width.

        Args:
            anchor: ``"start"``, ``"middle"`` or ``"end"``: which part of it stands at `x`.
            title: shown when the pointer rests on it.
            halo: colour of a rim that keeps lines behind it away.
        """
        text = clean(text)
        width = measure(text, size, bold=bold, mono=mono)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.boxes.append(Box(left, y - 0.76 * size, left + width, y + 0.24 * size, text))
        style = "".join(
            [
                f' text-anchor="{anchor}"' if anchor != "start" else "",
                ' font-weight="700"' if bold else "",
                ' font-style="italic"' if italic else "",
                f' font-family="{MONO}"' if mono else "",
                f' stroke="{halo}" stroke-width="3" paint-order="stroke" stroke-linejoin="round"'
                if halo
                else "",
            ]
        )
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"{style}>'
            f"{_title(title)}{escape(text, quote=False)}</text>"
        )
        return width

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        width: float = 1.5,
        dash: str = "",
        title: str = "",
        opacity: float = 1.0,
    ) -> None:
        """Draw through `points`."""
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.path(path, stroke=colour, width=width, dash=dash, title=title, opacity=opacity)

    def path(
        self,
        path: str,
        *,
        stroke: str = "none",
        fill: str = "none",
        width: float = 1.5,
        dash: str = "",
        title: str = "",
        opacity: float = 1.0,
    ) -> None:
        """Draw an SVG path."""
        more = f' stroke-dasharray="{dash}"' if dash else ""
        more += f' opacity="{opacity:g}"' if opacity != 1.0 else ""
        self._parts.append(
            f'<path d="{path}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}" stroke-linejoin="round"{more}>'
            f"{_title(title)}</path>"
        )

    def head(self, x: float, y: float, colour: str, *, dx: float, dy: float, size: float = 8) -> None:
        """An arrow head whose point is at `x`, `y`, flying in direction (`dx`, `dy`)."""
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        ux, uy = dx / length * size, dy / length * size
        a = (x - ux - uy * 0.42, y - uy + ux * 0.42)
        b = (x - ux + uy * 0.42, y - uy - ux * 0.42)
        self.path(f"M{x:.1f} {y:.1f}L{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}Z", fill=colour)

    def cross(self, x: float, y: float, colour: str, *, size: float = 5, title: str = "") -> None:
        """An ×: here something ended."""
        self.path(
            f"M{x - size:.1f} {y - size:.1f}l{2 * size:.1f} {2 * size:.1f}"
            f"M{x - size:.1f} {y + size:.1f}l{2 * size:.1f} {-2 * size:.1f}",
            stroke=colour,
            width=2.4,
            title=title,
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        stroke: str = "none",
        line: float = 1.0,
        radius: float = 4,
        dash: str = "",
        title: str = "",
    ) -> None:
        """A rectangle with round corners."""
        more = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" fill="{fill}" '
            f'stroke="{stroke}" stroke-width="{line:g}"{more}>{_title(title)}</rect>'
        )

    def open_group(self, title: str = "") -> None:
        """What follows, up to `close_group`, belongs together; `title` is shown when the pointer rests on any of it."""
        self._parts.append(f"<g>{_title(title)}")

    def close_group(self) -> None:
        """End of what `open_group` began."""
        self._parts.append("</g>")

    def svg(self) -> str:
        """The picture as a document of its own, which may also stand inside of HTML."""
        width, height = f"{self.width:.0f}", f"{self.height:.0f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" font-family="{SANS}" style="max-width:100%;height:auto;background:#fff">'
            f"<title>{escape(clean(self.label), quote=False)}</title>"
            f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(self._parts)}</svg>\n'
        )


def _title(text: str) -> str:
    """The words that a browser shows when the pointer rests; lines are kept."""
    if not text:
        return ""
    return "<title>" + escape("\n".join(clean(line) for line in text.split("\n")), quote=False) + "</title>"

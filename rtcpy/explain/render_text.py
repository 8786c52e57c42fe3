"""An explanation for a terminal: bytes at the left, the tree at the right, line by line.

A field that is a part of a byte shows its own bits and dots for those of its neighbours. Bytes are coloured like the
field that they belong to, if colours are wanted. Nothing is wider than asked for: sentences continue on the next line.

Specs: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from rtcpy.explain.tree import Explanation, Node

BYTES_PER_LINE = 8
BYTES_COLUMN = 3 * BYTES_PER_LINE - 1
LINES_OF_BYTES = 4  # of one leaf; what is beyond is counted
WIDTH_MIN = 60  # columns: below that, lines become longer than asked for
COLOURS = (36, 33, 32, 35, 34, 96)  # SGR foregrounds that are readable on dark and on light
PROBLEM, DIM, BOLD = 31, 2, 1


@dataclass(slots=True)
class _Painter:
    """ANSI colours, or none."""

    is_on: bool

    def paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_on and text else text


def render_text(explanation: Explanation, *, width: int, colour: bool, insides: bool) -> str:
    """The whole explanation as lines of at most `width` columns.

    Args:
        explanation: what to show.
        width: columns.
        colour: use ANSI colour codes.
        insides: also what some bytes stand for, each below under a title of its own.
    """
    painter = _Painter(colour)
    lines = [painter.paint(explanation.title, BOLD)] if explanation.title else []
    lines += _Text(explanation, max(width, WIDTH_MIN), painter).lines()
    if insides:
        for node, inside in explanation.insides():
            text = render_text(inside, width=width, colour=colour, insides=True)
            lines += ["", f"inside {node.name}, bytes {node.offset}…{node.end - 1}:", text]
    return "\n".join(line.rstrip() for line in lines)


class _Text:
    def __init__(self, explanation: Explanation, width: int, painter: _Painter) -> None:
        self.explanation, self.painter = explanation, painter
        self.data = explanation.data
        self.digits = max(3, len(str(len(self.data))))
        self.room = width - self.digits - 2 - BYTES_COLUMN - 2  # columns of the tree
        self.number = 0  # of the leaf, for its colour
        self.rfc = ""  # the section that was named last; it holds until another is named

    def lines(self) -> list[str]:
        return list(self._node(self.explanation.root, "", "", None))

    def _node(self, node: Node, lead: str, below: str, above: Node | None) -> Iterator[str]:
        """Lines of a node: `lead` stands before its name, `below` before everything under it."""
        colour = COLOURS[self.number % len(COLOURS)]
        dump: list[str] = []
        if not node.children and node.width:
            dump = self._dump(node)
            self.number += 1
        trunk = below + ("│  " if node.children else "   ")
        words = self._words(node, above, len(lead), len(trunk))
        for row in range(max(len(dump), len(words))):
            where = f"{node.offset:>{self.digits}}" if row == 0 else " " * self.digits
            shown = self.painter.paint(f"{dump[row] if row < len(dump) else '':<{BYTES_COLUMN}}", colour)
            text = words[row] if row < len(words) else ""
            tree = lead if row == 0 else trunk
            yield f"{self.painter.paint(where, DIM)}  {shown}  {self.painter.paint(tree, DIM)}{text}"
        for child in node.children:
            is_last = child is node.children[-1]
            yield from self._node(
                child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "), node
            )

    def _dump(self, leaf: Node) -> list[str]:
        piece = self.explanation.bytes_of(leaf)
        if not leaf.is_whole_bytes and len(piece) <= 2:
            return [self._bits(leaf)]
        rows = [piece[i : i + BYTES_PER_LINE].hex(" ") for i in range(0, len(piece), BYTES_PER_LINE)]
        if len(rows) > LINES_OF_BYTES:
            left = len(piece) - (LINES_OF_BYTES - 1) * BYTES_PER_LINE
            rows = [*rows[: LINES_OF_BYTES - 1], f"… {left} bytes more"]
        return rows

    def _bits(self, leaf: Node) -> str:
        """Own bits as digits, those of neighbours in the same byte as dots."""
        digits = f"{self.explanation.bits_of(leaf):0{leaf.width}b}"
        before, after = leaf.first_bit % 8, -leaf.end_bit % 8
        row = "·" * before + digits + "·" * after
        return " ".join(row[i : i + 8] for i in range(0, len(row), 8))

    def _words(self, node: Node, above: Node | None, first: int, rest: int) -> list[str]:
        """Name, value and meaning in lines: the first has `first` columns less than the room, the others `rest`."""
        head = f"{node.name}: {node.text}" if node.text else node.name
        if node.text.startswith(node.name):
            head = node.text
        tail = "" if above is not None and node.meaning == above.meaning else node.meaning
        if node.rfc and node.rfc != self.rfc:
            self.rfc = node.rfc
            tail = f"{tail} ({node.rfc})" if tail else f"({node.rfc})"
        lines = wrap(
            f"{head}  {tail}" if tail else head,
            self.room,
            initial_indent="\0" * first,
            subsequent_indent="\0" * rest,
            drop_whitespace=True,
            break_on_hyphens=False,
        )
        lines = [line.replace("\0", "") for line in lines]
        if self.painter.is_on:
            lines = self._coloured(lines, head)
        if node.problem and node.problem not in node.text:
            problem = wrap("✗ " + node.problem, max(20, self.room - rest), break_on_hyphens=False)
            lines += [self.painter.paint(line, PROBLEM) for line in problem]
        return lines

    def _coloured(self, lines: list[str], head: str) -> list[str]:
        """The head as it is, what follows dim."""
        out, left = [], len(head)
        for line in lines:
            plain = line[: max(0, left)]
            out.append(plain + self.painter.paint(line[len(plain) :], DIM))
            left -= len(line) + 1
        return out

"""From wire declarations to trees: the only place where bytes are taken apart.

`grow` reads one value of a declared format and makes a node of the spans that the parser itself leaves behind, so an
explanation cannot disagree with the parser. Where the format is broken, what was read up to there stays explained, the
field at fault says what is wrong, and the rest is one leaf called ``unreadable``.

`grow_row` does so for values in a row, `expand` for a leaf whose bytes have a format of their own, `grow_spans` for spans
that a layer made itself. The dissectors put
these together and add the words that a declaration does not have.

Specs: none of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rtcpy.core.errors import WireError
from rtcpy.explain.tree import UNREADABLE, Node
from rtcpy.explain.words import bytes_text, value_text
from rtcpy.wire import Span, Wire
from rtcpy.wire import fields as f

_INDEXED = re.compile(r"(.+)\[\d+\]")
DEPTH_MAX = 24
"""Levels of nesting that no format here comes near; deeper ones are left unexplained rather than followed."""


@dataclass(slots=True)
class Grown:
    """What became of some bytes.

    Attributes:
        node: the tree.
        end: the offset after it, in **bytes**.
        value: the parsed value; None if the format is broken.
        error: what is wrong with it.
    """

    node: Node
    end: int
    value: Wire | None = None
    error: WireError | None = None


def grow(
    form: type[Wire],
    data: bytes,
    start: int,
    end: int,
    *,
    layer: str,
    name: str = "",
    fill: bool = True,
    padding: int = 0,
) -> Grown:
    """Read one `form` at `start`.

    Args:
        form: the declaration.
        data: the buffer that is explained.
        start: where the value begins, in **bytes**.
        end: where it has to end at the latest.
        layer: of the nodes.
        name: of the node; default: the name of the class.
        fill: the value has to fill all up to `end`; what is left over is unreadable.
        padding: **bytes** of padding after `end` that the format wants and the buffer does not have; they are read as
            zeros and are not in the tree.
    """
    spans: list[Span] = []
    node = Node(name or form.__name__, start * 8, 0, layer=layer, form=form)
    value: Wire | None = None
    error: WireError | None = None
    buffer = data[:end] + bytes(padding) if padding else data
    try:
        value, stop = form.parse_from(buffer, start, end + padding, spans=spans)
        stop = min(stop, end)
    except WireError as exc:
        error, stop = exc, end
    _nest(node, spans, end * 8)
    if error is not None:
        _blame(node, error)
        fill = True
    reached = node.children[-1].end_bit // 8 if node.children else start
    if fill and reached < end:
        if error is None:
            error = form.wire_error(
                f"{form.__name__}: {end - reached} bytes left over", offset=reached, rfc=form.wire_rfc
            )
            node.problem = str(error)
        node.children.append(unreadable(data, reached, end, error, layer=layer))
        reached = end
    node.width = (reached if fill else stop) * 8 - node.first_bit
    node.value = value
    _describe(node)
    return Grown(node, reached if fill else stop, value, error)


def grow_spans(spans: list[Span], *, layer: str, name: str, form: type[Wire] | None = None) -> Node:
    """A tree of spans that a layer made itself, where a declaration alone cannot say how its parts follow.

    Args:
        spans: neighbouring, in order; at least one.
        layer: of the nodes.
        name: of the node around them.
        form: the declaration that they are one value of, if there is one.
    """
    node = Node(name, spans[0].first_bit, 0, layer=layer, form=form)
    end_bit = spans[-1].first_bit + spans[-1].width
    _nest(node, spans, end_bit)
    node.width = end_bit - node.first_bit
    _describe(node)
    return node


def grow_row(form: type[Wire], data: bytes, start: int, end: int, *, layer: str, name: str) -> list[Grown]:
    """Values of `form` one after the other up to `end`; the last may be broken. `name` gets a number."""
    row: list[Grown] = []
    while start < end:
        grown = grow(form, data, start, end, layer=layer, name=f"{name}[{len(row)}]", fill=False)
        row.append(grown)
        if grown.error is not None or grown.end == start:
            break
        start = grown.end
    return row


def expand(node: Node, form: type[Wire], data: bytes, *, layer: str = "") -> Grown:
    """Read the bytes of a leaf by `form`: it gets children and the parsed value instead of text and bytes."""
    grown = grow(form, data, node.offset, node.end, layer=layer or node.layer, name=node.name)
    node.children, node.form = grown.node.children, form
    node.value, node.text = grown.value, ""
    node.problem = node.problem or grown.node.problem
    node.layer = layer or node.layer
    return grown


def unreadable(
    data: bytes, start: int, end: int, reason: WireError | str, *, layer: str, rfc: str = ""
) -> Node:
    """A leaf for bytes that nobody can read, with the reason."""
    piece = data[start:end]
    return Node(
        UNREADABLE,
        start * 8,
        (end - start) * 8,
        piece,
        bytes_text(piece),
        "cannot be read, for the reason given",
        reason.rfc if isinstance(reason, WireError) else rfc,
        layer,
        str(reason),
    )


def opaque_leaf(
    name: str, data: bytes, start: int, end: int, *, layer: str, meaning: str, rfc: str, text: str = ""
) -> Node:
    """A leaf of whole bytes that are explained as one: a ciphertext, a tag, a message of the application."""
    piece = data[start:end]
    return Node(name, start * 8, (end - start) * 8, piece, text or bytes_text(piece), meaning, rfc, layer)


def parent(name: str, children: list[Node], **words: str) -> Node:
    """A node around neighbouring nodes. `words`: text, meaning, rfc, layer, problem."""
    first = children[0].first_bit
    return Node(name, first, children[-1].end_bit - first, children=children, **words)  # type: ignore[arg-type]


def _nest(root: Node, spans: list[Span], limit: int) -> None:
    """Hang the spans below `root`, by the dots and brackets in their names."""
    open_nodes: list[tuple[str, Node]] = [
        ("", root)
    ]  # path and node, from the root to the place of the last span
    for span in spans:
        width = min(span.width, limit - span.first_bit)
        if width <= 0:
            continue
        parts = _parts(span.name)
        path = ".".join(parts)
        is_value = any(path == there for there, _ in open_nodes)  # of a vector whose length opened the group
        groups = (parts if is_value else parts[:-1])[:DEPTH_MAX]
        while len(open_nodes) > 1 and not _is_within(open_nodes[-1][0], groups):
            open_nodes.pop()
        for depth in range(len(open_nodes) - 1, len(groups)):
            group = Node(_plain(groups[depth]), span.first_bit, 0, layer=root.layer)
            open_nodes[-1][1].children.append(group)
            open_nodes.append((".".join(groups[: depth + 1]), group))
        _note_form(open_nodes, span, is_value)
        leaf = _leaf(span, parts[-1], width, root.layer)
        if _is_length(span):
            leaf.meaning = "how many bytes follow"
        open_nodes[-1][1].children.append(leaf)
        for _, group in open_nodes[1:]:
            group.width = leaf.end_bit - group.first_bit


def _is_within(path: str, groups: list[str]) -> bool:
    depth = path.count(".") + 1
    return depth <= len(groups) and ".".join(groups[:depth]) == path


def _parts(name: str) -> list[str]:
    """``a[1].b`` is b in element a[1] of a."""
    parts: list[str] = []
    for part in name.split("."):
        indexed = _INDEXED.fullmatch(part)
        if indexed:
            parts.append(indexed[1])
        parts.append(part)
    return parts


def _note_form(open_nodes: list[tuple[str, Node]], span: Span, is_value: bool) -> None:
    """Tell the node that is one value of the span's declaration that it is."""
    if span.form is None:
        return
    owner = len(open_nodes) - 1
    if is_value or _is_length(span) or span.name.endswith("]"):  # these stand in a group of their own
        owner -= 1
    if owner > 0:
        open_nodes[owner][1].form = span.form


def _is_length(span: Span) -> bool:
    """Whether a span is the length that a vector begins with."""
    last = span.name.split(".")
    return (
        span.form is not None
        and len(last) > 1
        and last[-1] == "length"
        and _field(span.form, last[-2]) is not None
    )


def _field(form: type[Wire], name: str) -> f.Vector | f.Array | None:
    """The vector or array of this name in a declaration."""
    for field in form.wire_fields:
        inner = field.inner if isinstance(field, f.Optional) else field
        if field.name == name and isinstance(inner, f.Vector | f.Array):
            return inner
    return None


def _plain(name: str) -> str:
    return name.lstrip("_")


def _leaf(span: Span, name: str, width: int, layer: str) -> Node:
    field = None
    if span.form is not None:
        field = next((x for x in span.form.wire_fields if x.name == name), None)
    if isinstance(field, f.Pad):
        name = "padding"
    elif isinstance(field, f.Reserved):
        name = "reserved"
    value = span.value
    if isinstance(field, f.Pad | f.Reserved):
        value = span.raw >> (span.width - width)
    text = "0" if type(value) is int and value == 0 else value_text(value, width)
    return Node(_plain(name), span.first_bit, width, value, text, span.doc, span.rfc, layer)


def _blame(node: Node, error: WireError) -> None:
    """Note the error at the node, and at the field that it is about if that was read."""
    node.problem = str(error)
    if error.offset is None:
        return
    words = error.message.partition(": ")[2].split(" ")
    for leaf in node.leaves():
        if leaf is not node and leaf.name == _plain(words[0]) and leaf.end_bit > error.offset * 8:
            leaf.problem = error.message
            return


def _describe(root: Node) -> None:
    """Words for the groups: what their declaration says they are."""
    for node in root.walk():
        if node.form is None:
            continue
        node.rfc = node.rfc or node.form.wire_rfc
        node.meaning = node.meaning or first_sentence(node.form)
        for child in node.children:
            field = _field(node.form, child.name)
            if child.children and child.form is None and field is not None:
                child.meaning = child.meaning or field.doc
                child.rfc = child.rfc or node.form.wire_rfc


def first_sentence(form: type[Wire]) -> str:
    """What a declaration is for, by its docstring; dataclasses without one are given a signature, which is none."""
    text = (form.__doc__ or "").strip()
    return "" if text.startswith(f"{form.__name__}(") else text.split("\n")[0].rstrip(".")

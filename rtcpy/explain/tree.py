"""The tree of an explanation: every bit of a packet has its place in it, once.

`Node` is a run of bits with a name, a value and a sentence; its children are runs within. `Explanation` is the tree
of one buffer. Its law: the leaves tile the bits of `data` exactly once and in order, whatever the bytes are. What
cannot be read is a leaf as well, called ``unreadable``, and says why.

Bytes may stand for other bytes: a protected record for its plaintext, the last fragment of a handshake message for
the whole message. These have an `Explanation` of their own, in `Node.inside`.

Not here: how trees are made (`growth` and the dissectors) and how they look (`render_text`, `render_html`,
`render_json`).

Specs: none of its own; each node names the section that defines its bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from rtcpy.wire import Wire, box_diagram

UNREADABLE = "unreadable"
"""The name of a leaf that holds what could not be read."""


@dataclass(slots=True)
class Node:
    """A run of bits that means something.

    Attributes:
        name: of the field or message: the RFC's term, or the declaration's name for it.
        first_bit: from the start of the buffer that the tree explains, in **bits**.
        width: in **bits**.
        value: as parsed: an `int`, an enum member, `bytes`, `str`, an `Address`, a value of `form`, …; None where the
            children say all.
        text: the value for people, in one line. Nothing in it can steer a terminal.
        meaning: one sentence.
        rfc: the section that defines it, ``"RFC 8489 §5"``.
        layer: ``"stun"``, ``"turn"``, ``"dtls"``, ``"sctp"``, ``"dcep"``, ``"data"``, ``"rtp"``, ``"rtcp"``, ``"sdp"``
            or ``"unknown"``.
        problem: what is wrong with it; empty if nothing is.
        form: the declaration that this is one value of, if it is.
        children: runs within, in order; empty for a leaf.
        inside: what these bytes stand for: plaintext of a protected record, a message put together from fragments.
    """

    name: str
    first_bit: int
    width: int
    value: object = None
    text: str = ""
    meaning: str = ""
    rfc: str = ""
    layer: str = ""
    problem: str = ""
    form: type[Wire] | None = field(default=None, repr=False)
    children: list[Node] = field(default_factory=list)
    inside: Explanation | None = None

    @property
    def end_bit(self) -> int:
        """The bit after the last one."""
        return self.first_bit + self.width

    @property
    def offset(self) -> int:
        """The byte in which it begins."""
        return self.first_bit // 8

    @property
    def end(self) -> int:
        """The byte after the last one that has a part of it."""
        return -(-self.end_bit // 8)

    @property
    def is_whole_bytes(self) -> bool:
        """Whether it begins and ends at the edge of a byte."""
        return not self.first_bit % 8 and not self.width % 8

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, in order of their bits."""
        yield self
        for child in self.children:
            yield from child.walk()

    def leaves(self) -> Iterator[Node]:
        """The leaves below, in order; a node without children is its own leaf."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def find(self, name: str) -> Node:
        """The first node called `name` here or below: its `value` is what most callers want.

        Args:
            name: a name, or several from the outside to the inside: ``"key_share/group"``.

        Raises:
            KeyError: there is none; the message names those that are spelled alike.
        """
        for found in self.find_all(name):
            return found
        names = list(dict.fromkeys(node.name for node in self.walk()))
        close = get_close_matches(name.rpartition("/")[2], names)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise KeyError(f"nothing is called {name!r} in {self.name}{hint}")

    def find_all(self, name: str) -> Iterator[Node]:
        """All nodes called `name` here or below, in order. Takes the same paths as `find`."""
        first, _, rest = name.partition("/")
        seen: set[int] = set()
        for node in self.walk():
            if node.name != first:
                continue
            if not rest:
                yield node
                continue
            for child in node.children:
                for found in child.find_all(rest):
                    if id(found) not in seen:  # below two nodes of the same name
                        seen.add(id(found))
                        yield found


@dataclass(slots=True)
class Explanation:
    """What a buffer means, bit by bit. `print` it, or leave it at the end of a notebook cell.

    Attributes:
        data: the bytes that are explained; for SDP its UTF-8.
        root: the tree.
        title: one line above it.
    """

    data: bytes
    root: Node
    title: str = ""

    def leaves(self) -> Iterator[Node]:
        """The leaves: every bit is in exactly one of them."""
        return self.root.leaves()

    def walk(self) -> Iterator[Node]:
        """All nodes, parents first."""
        return self.root.walk()

    def find(self, name: str) -> Node:
        """The first node called `name`, ``"USERNAME"`` or with a path ``"key_share/group"``. Raises KeyError."""
        return self.root.find(name)

    def find_all(self, name: str) -> Iterator[Node]:
        """All nodes called `name`, in order."""
        return self.root.find_all(name)

    def node_at(self, bit: int) -> Node:
        """The leaf that has this bit, counted from the start of `data`. Raises IndexError."""
        node = self.root
        if not node.first_bit <= bit < node.end_bit:
            raise IndexError(f"bit {bit} is outside of the {node.width} bits of {self.title or node.name}")
        while node.children:
            node = next(child for child in node.children if child.first_bit <= bit < child.end_bit)
        return node

    def path_to(self, bit: int) -> list[Node]:
        """The nodes from the root to the leaf that has this bit. Raises IndexError."""
        leaf = self.node_at(bit)
        path = [self.root]
        while path[-1] is not leaf:
            path.append(next(child for child in path[-1].children if child.first_bit <= bit < child.end_bit))
        return path

    def insides(self) -> Iterator[tuple[Node, Explanation]]:
        """What some nodes stand for, with the node: plaintexts, reassembled messages. Not those within them."""
        for node in self.walk():
            if node.inside is not None:
                yield node, node.inside

    @property
    def problems(self) -> list[Node]:
        """The nodes with which something is wrong, here and inside."""
        found = [node for node in self.walk() if node.problem]
        for _, inside in self.insides():
            found += inside.problems
        return found

    @property
    def is_tiled(self) -> bool:
        """The law: leaves tile `data` exactly, and every parent is as large as its children together."""
        if self.root.first_bit or self.root.width != len(self.data) * 8:
            return False
        for node in self.walk():
            at = node.first_bit
            for child in node.children:
                if child.first_bit != at or child.width <= 0:
                    return False
                at = child.end_bit
            if node.children and at != node.end_bit:
                return False
        return all(inside.is_tiled for _, inside in self.insides())

    @property
    def unreadable(self) -> int:
        """**Bytes** of `data` in leaves that could not be read."""
        return sum(leaf.width for leaf in self.leaves() if leaf.name == UNREADABLE) // 8

    def bits_of(self, node: Node) -> int:
        """The bits of a node as an unsigned integer."""
        word = int.from_bytes(self.data[node.offset : node.end], "big")
        return (word >> (node.end * 8 - node.end_bit)) & ((1 << node.width) - 1)

    def bytes_of(self, node: Node) -> bytes:
        """The bytes that have a part of a node."""
        return self.data[node.offset : node.end]

    def forms(self) -> list[type[Wire]]:
        """The declarations that the bytes were read by, each once, in the order of their first use."""
        return list(dict.fromkeys(node.form for node in self.walk() if node.form is not None))

    def boxes(self) -> str:
        """The RFC's box diagram of each declaration that was used."""
        return "\n\n".join(f"{form.__name__}, {form.wire_rfc}\n{box_diagram(form)}" for form in self.forms())

    def render(self, *, width: int = 110, colour: bool = False, insides: bool = True) -> str:
        """For a terminal: the bytes beside the tree.

        Args:
            width: columns; nothing is wider.
            colour: with ANSI colour codes.
            insides: also what protected or fragmented bytes stand for, below.
        """
        from rtcpy.explain.render_text import render_text

        return render_text(self, width=width, colour=colour, insides=insides)

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        from rtcpy.explain.render_html import render_html

        return render_html(self)

    def to_json(self) -> dict[str, Any]:
        """Nested dicts, lists, numbers and strings, as `json.dumps` takes them; bytes are in hexadecimal."""
        from rtcpy.explain.render_json import to_json

        return to_json(self)

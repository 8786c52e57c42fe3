"""Sphinx: every ``RFC 8445 §6.1.2.3`` in prose and docstrings becomes a link to that section.

Does not fetch anything: the build needs no network, the reader's browser does.
"""

from __future__ import annotations

from typing import Any

from citations import DOCUMENT, GAP_MAX, SECTION, address
from docutils import nodes
from sphinx.transforms import SphinxTransform

_UNTOUCHED = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw, nodes.comment)


def linked(text: str) -> list[nodes.Node]:
    """`text` as nodes, its citations as references. A document without section links to the document."""
    out: list[nodes.Node] = []
    at = 0
    for document in DOCUMENT.finditer(text):
        section = SECTION.search(text, document.end(), document.end() + GAP_MAX)
        adjacent = section is not None and not text[document.end() : section.start()].strip()
        end = section.end() if section is not None and adjacent else document.end()
        target = address(document[1] or document[2], section[1] if section is not None and adjacent else "")
        if document.start() > at:
            out.append(nodes.Text(text[at : document.start()]))
        words = text[document.start() : end]
        out.append(nodes.reference(words, words, refuri=target, internal=False))
        at = end
    if out:
        out.append(nodes.Text(text[at:]))
    return out


class LinkCitations(SphinxTransform):
    """Runs after parsing, before references are resolved."""

    default_priority = 700

    def apply(self, **_: Any) -> None:
        """Replace text nodes that cite."""
        for node in list(self.document.findall(nodes.Text)):
            ancestor = node.parent
            while ancestor is not None and not isinstance(ancestor, _UNTOUCHED):
                ancestor = ancestor.parent
            if ancestor is None and (replacement := linked(node.astext())):
                node.parent.replace(node, replacement)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_transform(LinkCitations)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

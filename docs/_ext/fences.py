"""Sphinx: the fence ``{drawn}``, a picture of `drawn` with its text. For HTML the picture, for everything else the text."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from drawn import as_html
from sphinx.util.docutils import SphinxDirective


class Drawn(SphinxDirective):
    """A picture and the text that stands for it where nothing is drawn."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The picture for HTML, the text for everything else."""
        text = "\n".join(self.content)
        if not text.strip():
            raise self.error("a picture needs its text, for those who read the page without the site")
        try:
            html = as_html(self.arguments[0], text)
        except ValueError as error:
            raise self.error(str(error)) from error
        if self.env.app.builder.format == "html":
            return [nodes.raw("", html, format="html")]
        return [nodes.literal_block(text, text)]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("drawn", Drawn)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx: a page may link elsewhere, but must not need anything from elsewhere. The build fails if one does.

Looked at is every script, style sheet, picture and frame of every page that was written.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
STYLES = {"stylesheet", "preload", "icon", "modulepreload"}


class _Loads(HTMLParser):
    """Collects the addresses that a browser fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag makes a browser fetch."""
        given = dict(attrs)
        if tag in LOADING:
            self.addresses.append(given.get(LOADING[tag]) or "")
        elif tag == "link" and STYLES & set((given.get("rel") or "").split()):
            self.addresses.append(given.get("href") or "")


def foreign(page: str) -> list[str]:
    """The addresses on other machines that `page` (HTML) makes a browser fetch."""
    parser = _Loads()
    parser.feed(page)
    return [address for address in parser.addresses if address.startswith(("http:", "https:", "//"))]


def check(app: Any, error: Exception | None) -> None:
    """Called when all pages are written.

    Raises:
        ExtensionError: names the pages and what they need.
    """
    from sphinx.errors import ExtensionError

    if error is not None or app.builder.format != "html":
        return
    found = []
    for path in sorted(Path(app.outdir).rglob("*.html")):
        found += [f"{path.relative_to(app.outdir)}: {a}" for a in foreign(path.read_text(encoding="utf-8"))]
    if found:
        raise ExtensionError("pages that need the network:\n" + "\n".join(found))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

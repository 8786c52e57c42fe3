"""What counts as needing the network, and what does not."""

from __future__ import annotations

import pytest
from offline import foreign


@pytest.mark.parametrize(
    "page",
    [
        "<script src='https://cdn.example/x.js'></script>",
        "<script src='//cdn.example/x.js'></script>",
        "<link rel='stylesheet' href='http://fonts.example/a.css'>",
        "<img src='https://example.org/a.png'>",
    ],
)
def test_what_a_browser_would_fetch_is_found(page: str) -> None:
    assert len(foreign(page)) == 1


def test_links_and_local_things_are_fine() -> None:
    page = (
        "<a href='https://www.rfc-editor.org/'>RFC</a><script src='_static/a.js'></script>"
        "<link rel='canonical' href='https://example.org/'><img src='data:image/png;base64,AA=='><script>1</script>"
    )
    assert foreign(page) == []

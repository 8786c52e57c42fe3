"""One lesson talks to a real browser: what runs it may open sockets, and needs Chromium and a network of its own."""

from __future__ import annotations

import shutil

import pytest

from tests.interop.namespace import require_namespaces

WITH_A_BROWSER = "14_your_browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are about that lesson."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            if item.callspec.params.get("lesson") == WITH_A_BROWSER:
                item.add_marker(pytest.mark.interop)
                item.add_marker(pytest.mark.sockets)


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("interop"):
        require_namespaces()
        if shutil.which("chromium") is None:
            pytest.skip("needs chromium (Debian: chromium)")

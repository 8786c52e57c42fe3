"""Settings of the whole suite: Hypothesis profiles, and no sockets unless a test says so."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.profile import PROFILE

# Deadlines would be timed assertions; machines are noisy. Derandomized runs keep CI reproducible.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=50, derandomize=True, **_COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.load_profile(PROFILE)


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Protocol tests touch no network; those that do are marked `sockets` or `interop`."""
    if request.node.get_closest_marker("sockets") or request.node.get_closest_marker("interop"):
        yield
        return

    class Blocked(socket.socket):
        def __init__(self, *args: object, **kwargs: object) -> None:
            raise RuntimeError("this test opens a socket; mark it with @pytest.mark.sockets")

    monkeypatch.setattr(socket, "socket", Blocked)
    yield

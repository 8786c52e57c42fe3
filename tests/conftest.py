"""Settings of the whole suite: Hypothesis profiles, and no sockets unless a test says so."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.profile import PROFILE

NO_SKIPS = os.environ.get("CI") == "true"
"""In CI every program is there, or .ci/run failed to install it: a skip would hide that."""

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Full-length runs belong to the thorough profile; elsewhere they are not part of the suite."""
    if PROFILE != "thorough":
        long = [item for item in items if item.get_closest_marker("thorough")]
        if long:
            config.hook.pytest_deselected(items=long)
            items[:] = [item for item in items if not item.get_closest_marker("thorough")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be skipped, a skipped test has failed."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for modules that skip as a whole."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be skipped with CI=true: {reason}"

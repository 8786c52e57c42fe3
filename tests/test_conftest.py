"""The suite's own settings: what CI=true and the profiles do to a test run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SAMPLE = """
import socket
import pytest

def test_passes(): pass
def test_skips(): pytest.skip("needs a unicorn")
@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_expected(): assert False
@pytest.mark.thorough
def test_takes_hours(): pass
def test_opens_a_socket():
    with pytest.raises(RuntimeError, match="mark it"):
        socket.socket()
@pytest.mark.sockets
def test_may_open_a_socket(): socket.socket().close()
"""

MODULE = """
import pytest
pytest.importorskip("no_such_module_anywhere")
"""


def run(folder: Path, *, ci: str | None, profile: str, only: str = "") -> str:
    (folder / "test_sample.py").write_text(SAMPLE)
    (folder / "test_module.py").write_text(MODULE)
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "RTCPY_PROFILE", "PYTEST_ADDOPTS")}
    environment |= {"PYTHONPATH": str(ROOT), "RTCPY_PROFILE": profile} | ({"CI": ci} if ci else {})
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-ra", "--rootdir", str(folder), str(folder / only)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.sockets
def test_on_a_laptop_a_skip_is_a_skip_and_names_its_reason(tmp_path: Path) -> None:
    output = run(tmp_path, ci=None, profile="dev")
    assert "3 passed, 2 skipped, 1 deselected, 1 xfailed" in output
    assert "needs a unicorn" in output


@pytest.mark.sockets
def test_in_ci_a_skip_is_a_failure(tmp_path: Path) -> None:
    module = run(tmp_path, ci="true", profile="ci")
    assert "nothing may be skipped with CI=true: " in module
    assert "no_such_module_anywhere" in module  # a module that skips as a whole stops the run
    single = run(tmp_path, ci="true", profile="ci", only="test_sample.py")
    assert "1 failed, 3 passed, 1 deselected, 1 xfailed" in single
    assert "needs a unicorn" in single


@pytest.mark.sockets
def test_the_thorough_profile_runs_the_long_tests(tmp_path: Path) -> None:
    assert "4 passed, 2 skipped, 1 xfailed" in run(tmp_path, ci=None, profile="thorough")

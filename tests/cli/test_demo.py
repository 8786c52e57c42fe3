"""The demonstration, run as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="needs the websockets package")
pytestmark = pytest.mark.sockets

ROOT = Path(__file__).parents[2]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "rtcpy", "demo", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
        check=False,
    )


def test_the_demo_connects_echoes_transfers_and_explains_every_layer() -> None:
    done = demo("--megabytes", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = done.stdout
    in_order = [
        "== 1. Signalling",
        "have-local-offer",
        "trickles udp",
        "connection state: connected",
        "== 2. Messages",
        "alice sent 'Hello, bob!'            and got back 'Hello, bob!'",
        "got back b'\\x00\\x01\\x02 bytes'",
        "got back 'Grüße 🎈'",
        "== 3. What crossed the wire",
        "Binding request",
        "ClientHello",
        "ServerHello (ECDHE_ECDSA",
        "Finished",
        "INIT (",
        "COOKIE-ECHO",
        'DATA_CHANNEL_OPEN (label "greetings"',
        'DATA (text "Hello, bob!"',
        "⋮",
        "close_notify",
        "== 4.",
        "2.0 of 2.0 MB",
        "== 5. How long it took",
        "bulk throughput",
        "Read on: rtcpy/peer/transport.py",
    ]
    at = 0
    for text in in_order:
        found = out.find(text, at)
        assert found >= 0, f"{text!r} is missing after {out[max(0, at - 200) : at]!r}"
        at = found
    assert "—" not in out[out.index("== 5.") :].split("Read on")[0], "a timing is missing"
    assert all(len(line) <= 100 for line in out.split("\n")), "meant for 100 columns"
    for named in set(re.findall(r"rtcpy/[a-z_/0-9]+\.py", out)):
        assert (ROOT / named).exists(), f"the demo names {named}"


@pytest.mark.parametrize(("columns", "most"), [("80", 80), ("300", 100), ("70", 73)])
def test_the_demo_fits_the_terminal(columns: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = demo("--megabytes", "1")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.split("\n") if len(line) > most] == []


def test_a_wrong_size_is_refused_with_a_usage_message() -> None:
    done = demo("--megabytes", "none")
    assert done.returncode == 2
    assert "expected a number of megabytes" in done.stderr


def test_the_demo_saves_a_trace_of_both_ends_that_replays(tmp_path: Path) -> None:
    from rtcpy.explain import Trace

    path = tmp_path / "call.trace"
    done = demo("--megabytes", "1", "--trace", str(path))
    assert done.returncode == 0, done.stderr
    assert "with their keys" in done.stdout and "docs/trace.md" in done.stdout
    trace = Trace.load(path)
    assert trace.names == ["alice", "bob"]
    shown = trace.replay().run().snapshots()
    assert {one["states"]["signalingState"] for one in shown.values()} == {"closed"}


def test_a_trace_that_cannot_be_saved_is_refused_at_once(tmp_path: Path) -> None:
    done = demo("--trace", str(tmp_path / "nowhere" / "call.trace"))
    assert done.returncode == 2
    assert "expected a file in a folder that exists" in done.stderr

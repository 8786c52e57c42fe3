"""What the README shows runs as it stands and prints what it says."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
DIALOGUES = re.findall(r"^```pycon\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ rtcpy (.*?)(?: +#.*)?$", README, re.MULTILINE)


def run(source: str) -> str:
    """What `source` prints, run as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.sockets
def test_the_classic_flow_echoes() -> None:
    (flow,) = [block for block in BLOCKS if "create_offer" in block]
    assert run(flow) == "HELLO\n"
    body = flow[flow.index("loopback =") : flow.index("asyncio.run")]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20, "the README promises twenty lines"


def test_the_declaration_explains_itself() -> None:
    (block,) = [block for block in BLOCKS if "box_diagram" in block]
    out = run(block)
    assert "user data (variable)" in out and "68 65 6c 6c 6f" in out


def test_the_dialogues_say_what_is_said() -> None:
    assert len(DIALOGUES) == 3
    text = "\n".join(DIALOGUES)
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.REPORT_NDIFF, verbose=False)
    results.run(doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0))
    assert results.tries >= 9
    assert results.failures == 0


@pytest.mark.sockets
def test_the_commands_run(tmp_path: Path) -> None:
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "rtcpy", *command.split()],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout or "--svg" in command
    assert (tmp_path / "call.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", README, re.MULTILINE))
    assert {"demo", "lab", "docs", "notebooks", "test"} <= named <= targets


def test_the_lessons_are_listed_as_the_course_lists_them() -> None:
    rows = re.findall(r"^\| \d\d \| \[.*\|$", README, re.MULTILINE)
    course = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert len(rows) >= 10
    assert [row.replace("](notebooks/", "](") for row in rows] == re.findall(
        r"^\| \d\d \| \[.*\|$", course, re.MULTILINE
    )


def test_every_block_is_tested_and_every_link_leads_somewhere() -> None:
    assert len(BLOCKS) == 2
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_name_of_ours_in_the_table_exists() -> None:
    import rtcpy

    rows = re.findall(r"^\|.*\|.*\|(.*)\|$", README, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"rtcpy\.([A-Za-z]+)\b", row)]
    assert "PeerConnection" in names
    assert [name for name in names if not hasattr(rtcpy, name)] == []
    members = {name for row in rows for name in re.findall(r"\bpc\.([a-z_]+)", row)} - {"on"}
    assert {"create_offer", "restart_ice"} <= members
    assert [name for name in members if not hasattr(rtcpy.PeerConnection, name)] == []
    channel = {name for row in rows for name in re.findall(r"\bchannel\.([a-z_]+)", row)}
    assert [name for name in channel if not hasattr(rtcpy.DataChannel, name)] == []
    events = {name for row in rows for name in re.findall(r'pc\.on\("([a-z]+)"', row)}
    assert [name for name in events if name not in rtcpy.PeerConnection.EVENTS] == []

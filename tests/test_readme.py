"""The README's code runs as it stands, and its first example does what its comments say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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

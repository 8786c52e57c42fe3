"""Packets of real programs, and those with which other people test their parsers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "rtp"


@cache
def packets(kind: str, session: str = "") -> tuple[bytes, ...]:
    """Captured ``"rtp"`` or ``"rtcp"``, of all sessions or of those whose name begins with `session`."""
    table = json.loads((DATA / "captured.json").read_text())["packets"]
    return tuple(
        bytes.fromhex(entry["data"])
        for entry in table
        if entry["kind"] == kind and entry["session"].startswith(session)
    )


@cache
def corpus(kind: str) -> tuple[bytes, ...]:
    """Seed inputs of the WebRTC project, ``"rtp"`` or ``"rtcp"``."""
    table = json.loads((DATA / f"webrtc-corpus-{kind}.json").read_text())["inputs"]
    return tuple(bytes.fromhex(text) for text in table.values())

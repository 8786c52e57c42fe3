"""The Mermaid text, held against a strict grammar of what we write; Mermaid's own parser took what that lets pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain.mermaid import escape, mermaid
from rtcpy.explain.trace import EventEntry, PacketEntry, Trace
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session

TEXT = r"(?!(?:no)?wrap)[^#;<>{}\\`\n\r]+"
LINES = [
    re.compile(rf"    participant (L\d+) as {TEXT}"),
    re.compile(rf"    (L\d+)(?:->>|-->>|-x|--x)(L\d+): {TEXT}"),
    re.compile(rf"    Note (?:left|right) of (L\d+): {TEXT}"),
    re.compile(rf"    Note over (L\d+),(L\d+): {TEXT}"),
]


def check(text: str) -> list[str]:
    """Check a diagram and return its lines."""
    first, *lines = text.splitlines()
    assert first == "sequenceDiagram" and text.endswith("\n")
    declared: set[str] = set()
    for line in lines:
        (match,) = [m for pattern in LINES if (m := pattern.fullmatch(line))]
        if line.startswith("    participant "):
            assert match[1] not in declared
            declared.add(match[1])
        else:
            assert set(match.groups()) <= declared, "a lifeline that nobody declared"
    return lines


@given(st.text())
def test_no_text_gets_out_of_its_line(text: str) -> None:
    safe = escape(text)
    assert re.fullmatch(TEXT, safe) and len(safe) <= 400
    assert "%%" not in safe and "$$" not in safe and not re.search(r"&\w+", safe)


@pytest.mark.parametrize(
    "text",
    ["A->>B: x", "wrap: x", "NOWRAP: x", "%%{init: {}}%%", "<script>", "a\nb", "x;y", "&lt;b&gt;", "```", ""],
)
def test_what_mermaid_would_read_as_its_own(text: str) -> None:
    trace = Trace()
    trace.append(
        PacketEntry(0.0, "a", "udp", Direction.OUT, b"\xc0", Address("10.0.0.1", 1), Address("10.0.0.2", 2))
    )
    trace.append(EventEntry(0.0, "a", "message", text))
    lines = check(mermaid(trace))
    assert len(lines) == 4


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_a_session_has_its_lines(loss: float) -> None:
    session = Session(seed=2, link=LinkConfig(loss=loss))
    session.connect()
    session.alice.send("chat", "Hello; #1: <b>")
    session.run(1.0)
    lines = check(mermaid(session.trace))
    assert any("-x" in line and "[lost]" in line for line in lines) == bool(loss)
    assert any("-->>" in line and "again: " in line for line in lines) == bool(loss)
    assert any("flight 4: ServerHello" in line for line in lines)
    assert any('text "Hello' in line for line in lines)
    assert not any("send(" in line for line in check(mermaid(session.trace, with_notes=False)))
    assert not any("COOKIE" in line for line in check(mermaid(session.trace, until=0.1)))


def test_bulk_is_one_line_each_way() -> None:
    session = Session(seed=2)
    session.connect()
    session.alice.send("chat", bytes(200_000))
    session.run(2.0)
    lines = check(mermaid(session.trace))
    assert any(re.search(r"\d\d+ × DATA, \d+ B", line) for line in lines)
    assert len(lines) < 250


def test_a_long_trace_is_cut() -> None:
    trace = Trace()
    for number in range(500):
        data = b"\xc0" + number.to_bytes(2, "big")
        trace.append(PacketEntry(number, "a", "udp", Direction.OUT, data, Address("10.0.0.1", 1)))
    assert check(mermaid(trace))[-1] == "    Note over L0,L1: 100 more are not shown"

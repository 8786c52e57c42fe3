"""Pictures in pages: text where the repository is read, drawn where the site is built."""

from __future__ import annotations

import re
from pathlib import Path

import drawn
import pytest

from rtcpy.explain import MACHINES
from tests.architecture.source import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```\{drawn\} (.+)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
FENCES = [(page, found[1], found[2]) for page in PAGES for found in FENCE.finditer(page.read_text("utf-8"))]
LAYERS = sorted((ROOT / "docs" / "layers").glob("*.md"))


@pytest.mark.parametrize(
    ("page", "argument", "text"), FENCES, ids=[f"{page.stem}-{argument}" for page, argument, _ in FENCES]
)
def test_every_picture_of_the_pages_can_be_drawn_and_read_without(
    page: Path, argument: str, text: str
) -> None:
    assert len(drawn.drawn(argument)) > 2000
    assert text.strip()
    if argument.startswith("states "):
        machine = drawn.state_chart(argument.split()[1]).machine
        named = [state for state in machine.states if state in text]
        assert len(named) > len(machine.states) / 2, f"{page.name}: the text names {named} only"


def test_there_are_some() -> None:
    assert len(FENCES) >= 9


@pytest.mark.parametrize("page", LAYERS, ids=[page.stem for page in LAYERS])
def test_each_page_of_a_layer_begins_with_its_picture(page: Path) -> None:
    top = page.read_text("utf-8").split("\n## ")[0]
    assert re.search(r"^```(\{drawn\} .+)?\n", top, re.MULTILINE)


def test_each_package_of_the_stack_has_a_page() -> None:
    layers = {"sdp", "stun", "turn", "ice", "dtls", "rtp", "sctp", "peer", "aio"}
    assert {page.stem for page in LAYERS} == layers
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert all(f"\nlayers/{layer}\n" in index for layer in layers)


def test_each_page_of_docs_has_its_place_in_the_navigation() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert [page for page in pages if f"\n{page}\n" not in index] == []


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("states nonsense", "there are signaling, "),
        ("ladder", "a ladder of nothing; there are stun, "),
        ("ladder rtp", "a ladder of rtp"),
        ("bytes nonsense", "there are rtp, "),
        ("photo dog", "there are ladder, states, bytes"),
    ],
)
def test_what_cannot_be_drawn_is_told(argument: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        drawn.drawn(argument)


def test_a_ladder_has_the_datagrams_of_its_layers_only() -> None:
    dtls, sctp = drawn.ladder("dtls"), drawn.ladder("sctp", "dcep", "data")
    assert "ClientHello" in dtls and "INIT-ACK" not in dtls and "Binding" not in dtls
    assert "INIT-ACK" in sctp and "DATA_CHANNEL_OPEN" in sctp and "ClientHello" not in sctp


def test_every_machine_and_sample_can_be_drawn() -> None:
    for name in MACHINES:
        assert drawn.drawn(f"states {name}").startswith("<svg")
    for name in drawn.SAMPLES:
        assert drawn.drawn(f"bytes {name}").startswith("<div")


def test_text_is_kept_and_escaped() -> None:
    html = drawn.as_html("states dtls", "a --> b <c>")
    assert "<summary>As text</summary><pre>a --&gt; b &lt;c&gt;</pre>" in html

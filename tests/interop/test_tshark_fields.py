"""tshark reads the same bytes and must find the same: every field that both have, in captures of others and of ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rtcpy.explain import Dissector
from rtcpy.explain.capture import Capture
from tests.interop import captures_made
from tests.interop.tshark import FIELDS, Comparison, compare, dissect, needs_tshark

pytestmark = [pytest.mark.interop, needs_tshark]

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
RTP_PORTS = {
    "chromium-plain-media": 40771,
    "aiortc-chromium-decrypted": 5004,
    "firefox-aiortc-decrypted": 5004,
}
LEAST = 8_500  # fields compared in all; fewer means that a row of the table found nothing any more

MADE: dict[str, tuple[Callable[[Path], object], str]] = {
    "our session": (captures_made.session, "session.pcapng"),
    "seldom seen": (captures_made.seldom, "seldom.pcap"),
}
NAMES = [*sorted(path.stem for path in CAPTURES.glob("*.pcap")), *MADE]


@cache
def compared(name: str) -> Comparison:
    """All packets of one capture."""
    if name not in MADE:
        ports = [RTP_PORTS[name]] if name in RTP_PORTS else []
        return of_file(CAPTURES / f"{name}.pcap", *ports)
    make, file = MADE[name]
    with TemporaryDirectory() as folder:
        path = Path(folder) / file
        make(path)
        return of_file(path, captures_made.MEDIA_PORT)


def of_file(path: Path, *ports: int) -> Comparison:
    """All packets of one file."""
    theirs, found, session = dissect(path, *ports), Comparison(), Dissector()
    with path.open("rb") as file:
        capture = Capture(file)
        for record in capture:
            session.keys.read(capture.key_log)
            explanation = session.explain_layer(
                record.layer, record.data, source=record.source, destination=record.destination
            )
            assert explanation.is_tiled
            compare(theirs[record.number - 1], explanation, record.number, found)
        assert capture.packets == len(theirs)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_all_values_are_equal(name: str, record_property: pytest.RecordProperty) -> None:
    found = compared(name)
    record_property("fields_compared", found.same.total())
    assert not found.differing, f"{len(found.differing)} differ, the first: {found.differing[0]}"
    assert found.same.total() > 50


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_mapped_or_left_out_for_a_reason(name: str) -> None:
    assert not compared(name).undecided


def test_every_row_of_the_table_finds_something(record_property: pytest.RecordProperty) -> None:
    same = sum((compared(name).same for name in NAMES), Comparison().same)
    record_property("fields_compared", same.total())
    record_property("names_compared", len(same))
    assert set(FIELDS) - set(same) == set()
    assert same.total() >= LEAST, f"{same.total()} fields"


def test_the_comparison_sees_a_difference() -> None:
    """With another byte in place of one, something is not equal."""
    path = CAPTURES / "chromium-plain-media.pcap"
    theirs = dissect(path, RTP_PORTS["chromium-plain-media"])
    session, found = Dissector(), Comparison()
    with path.open("rb") as file:
        record = next(iter(Capture(file)))
    changed = record.data[:3] + bytes([record.data[3] ^ 4]) + record.data[4:]
    compare(theirs[0], session.explain(changed), 1, found)
    assert "stun.length" in {name for _, name, _, _ in found.differing}

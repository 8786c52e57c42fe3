"""The law: leaves tile the bits of any bytes, exactly once and in order. And how much of real traffic they explain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.dtls.messages import HandshakeFragment
from rtcpy.dtls.record12 import Record
from rtcpy.dtls.record13 import ShortUnifiedHeader, UnifiedHeader
from rtcpy.explain import Dissector, Explanation
from rtcpy.sctp.chunks import CHUNK_FORMATS
from rtcpy.sctp.packet import COMMON_HEADER
from rtcpy.stun.declared import DeclaredMessage
from rtcpy.testing.strategies import mutations, near_valid, wire_values
from rtcpy.turn import ChannelData
from tests.explain.coverage import CAPTURES, DATA, captured, figures
from tests.explain.sessions import sent, trace

LAYERS = ("udp", "stun", "dtls", "dtls-plaintext", "sctp", "datachannel")


def check(explanation: Explanation) -> None:
    """The law, and that everything shown can be shown."""
    assert explanation.is_tiled
    bits = "".join(
        f"{explanation.bits_of(leaf):0{leaf.width}b}" for leaf in explanation.leaves() if leaf.width
    )
    assert bits == "".join(f"{byte:08b}" for byte in explanation.data)
    for node in explanation.walk():
        assert node.text.isprintable() and node.name.isprintable()
    text = str(explanation)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "<script" not in explanation._repr_html_()
    json.dumps(explanation.to_json())


@given(st.binary(max_size=200), st.sampled_from(LAYERS))
def test_any_bytes_of_any_layer_are_tiled(data: bytes, layer: str) -> None:
    check(Dissector().explain_layer(layer, data))


@given(st.sampled_from([0, 1, 20, 21, 22, 23, 24, 26, 32, 44, 47, 63, 64, 79, 128]), st.binary(max_size=150))
def test_any_bytes_behind_any_first_byte_are_tiled(first: int, rest: bytes) -> None:
    check(Dissector().explain(bytes([first]) + rest))


@pytest.mark.parametrize(
    "form",
    [DeclaredMessage, Record, UnifiedHeader, ShortUnifiedHeader, ChannelData],
    ids=lambda form: form.__name__,
)
@given(st.data())
def test_near_misses_of_packets_are_tiled(form: type, draws: st.DataObject) -> None:
    check(Dissector().explain(draws.draw(near_valid(form))))


@given(wire_values(HandshakeFragment).map(lambda value: value.serialize()).flatmap(mutations), st.booleans())
def test_near_misses_of_handshake_messages_are_tiled(content: bytes, whole: bool) -> None:
    if whole:  # lengths that agree, so that the body is read
        size = max(0, len(content) - 12).to_bytes(3, "big")
        content = content[:1] + size + content[4:6] + bytes(3) + size + content[12:]
    record = Record(content_type=22, version=0xFEFD, epoch=0, sequence_number=1, fragment=content)
    check(Dissector().explain(record.serialize()))


@given(st.sampled_from(list(CHUNK_FORMATS.values())), st.data())
def test_near_misses_of_chunks_are_tiled(form: type, draws: st.DataObject) -> None:
    chunk = draws.draw(near_valid(form))
    check(Dissector().explain_layer("sctp", COMMON_HEADER.pack(5000, 5000, 7, 0) + chunk))


def handshakes() -> list[bytes]:
    """Handshake messages of browsers and of Python stacks, in the clear."""
    table = json.loads((DATA / "dtls" / "handshakes.json").read_text(encoding="utf-8"))
    return [
        bytes.fromhex(entry[1])
        for entries in table.values()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, list)
    ]


def stored(path: str, key: str, field: str) -> list[bytes]:
    """Packets of a file under tests/data."""
    return [
        bytes.fromhex(entry[field]) for entry in json.loads((DATA / path).read_text(encoding="utf-8"))[key]
    ]


def test_every_stored_packet_is_tiled() -> None:
    for layer, packets in {
        "dtls": handshakes(),
        "stun": stored("stun/captured.json", "messages", "message"),
        "sctp": stored("sctp/captured.json", "packets", "packet"),
    }.items():
        assert len(packets) > 10
        for packet in packets:
            explanation = Dissector().explain_layer(layer, packet)
            check(explanation)
            assert explanation.unreadable == 0 and not explanation.problems, str(explanation)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures_of_real_peers_are_explained(path: Path, record_property: pytest.RecordProperty) -> None:
    counted = figures(captured(path))
    record_property("explained", str(counted))
    print(f"{path.stem}: {counted}")
    assert not counted.untiled and counted.datagrams > 10
    assert counted.unreadable == counted.inside_unreadable == 0 and not counted.problems


def test_a_session_of_ours_is_explained_to_the_last_byte(record_property: pytest.RecordProperty) -> None:
    counted = figures(
        [(entry.local, entry.remote, entry.data, "udp") for entry in sent()],
        Dissector(keys=trace().key_log()),
    )
    record_property("explained", str(counted))
    print(f"our session: {counted}")
    assert not counted.untiled and not counted.problems
    assert counted.explained == counted.seen > 50_000
    assert counted.inside > 50_000 and counted.inside_unreadable == 0


def test_every_packet_of_every_layer_of_ours_is_tiled() -> None:
    for layer in ("stun", "dtls", "dtls-plaintext", "sctp", "datachannel"):
        for entry in sent(layer):
            explanation = Dissector().explain_layer(layer, entry.data)
            assert explanation.is_tiled and explanation.unreadable == 0


def test_every_leaf_of_ours_says_what_it_means_and_where_that_is_written() -> None:
    dissector = Dissector(keys=trace().key_log())
    for entry in sent():
        explanation = dissector.explain(entry.data, source=entry.local, destination=entry.remote)
        for tree in (explanation, *(inside for _, inside in explanation.insides())):
            for leaf in tree.leaves():
                assert leaf.meaning and leaf.rfc and leaf.layer, (tree.title, leaf)


@given(st.sampled_from(sent()), st.data())
def test_packets_of_ours_with_an_edit_are_tiled(entry: object, draws: st.DataObject) -> None:
    data = entry.data[:600]  # type: ignore[attr-defined]
    check(Dissector().explain(draws.draw(mutations(data))))

"""Packets: checksum vectors, real packets, seeds of others' fuzzers, and nothing but SctpDecodeError."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sctp import SctpDecodeError
from rtcpy.sctp.chunks import (
    CookieAckChunk,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    UnknownChunk,
)
from rtcpy.sctp.packet import (
    MAX_CHUNKS,
    Packet,
    PacketWriter,
    checksum,
    packet_checksum,
    parse_packet,
    split_chunks,
)
from rtcpy.sctp.parameters import OutgoingResetRequest, ParameterType, ReconfigResponse

DATA = Path(__file__).parent.parent / "data" / "sctp"
VECTORS = json.loads((DATA / "rfc3720-crc32c.json").read_text())["vectors"]
CAPTURED = json.loads((DATA / "captured.json").read_text())["packets"]
CORPUS = json.loads((DATA / "webrtc-corpus.json").read_text())["inputs"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_crc32c_vectors(vector: dict) -> None:
    """RFC 3720 B.4: the value, and the order of its bytes on the wire."""
    data = bytes.fromhex(vector["data"])
    assert checksum(data) == int(vector["crc_value"], 16)
    assert checksum(data).to_bytes(4, "little") == bytes.fromhex(vector["crc_octets_on_wire"])


@pytest.mark.parametrize(
    "entry", CAPTURED, ids=lambda e: f"{e['session']}-{e['sender'].split()[0]}-{e['chunk_types']}"
)
def test_captured_packets_parse_and_come_back(entry: dict) -> None:
    raw = bytes.fromhex(entry["packet"])
    packet = parse_packet(raw)
    assert packet.checksum_ok
    assert [chunk.serialize()[0] for chunk in packet.chunks] == entry["chunk_types"]
    assert not any(isinstance(chunk, UnknownChunk) for chunk in packet.chunks)
    again = parse_packet(packet.serialize())
    assert again == packet
    if entry["chunk_types"][0] in (0, 3, 10, 11):  # no parameters, so no choice about padding
        assert packet.serialize() == raw


def test_captured_inits_say_what_browsers_say() -> None:
    by_sender = {
        entry["sender"]: parse_packet(bytes.fromhex(entry["packet"])).chunks[0]
        for entry in CAPTURED
        if entry["chunk_types"] == [1]
    }
    chromium, firefox = by_sender["Chromium 156"], by_sender["Firefox 153"]
    assert isinstance(chromium, InitChunk) and isinstance(firefox, InitChunk)
    assert (chromium.a_rwnd, chromium.outbound_streams, chromium.inbound_streams) == (5242880, 65535, 65535)
    assert (firefox.a_rwnd, firefox.outbound_streams, firefox.inbound_streams) == (16777216, 65535, 65535)
    for init in (chromium, firefox):
        assert {ParameterType.FORWARD_TSN_SUPPORTED, ParameterType.SUPPORTED_EXTENSIONS} <= {
            parameter.type for parameter in init.parameters
        }


def test_captured_reconfigs_are_understood() -> None:
    kinds = set()
    for entry in CAPTURED:
        if entry["chunk_types"] == [130]:
            (chunk,) = parse_packet(bytes.fromhex(entry["packet"])).chunks
            assert isinstance(chunk, ReconfigChunk)
            kinds |= {type(parameter.value) for parameter in chunk.parameters}
    assert kinds == {OutgoingResetRequest, ReconfigResponse}


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_corpus_seeds_parse_or_say_what_is_wrong(name: str) -> None:
    raw = bytes.fromhex(CORPUS[name])
    try:
        packet = parse_packet(raw)
    except SctpDecodeError:
        return
    again = packet.serialize()
    assert parse_packet(again).serialize() == again


def test_corpus_is_mostly_understood() -> None:
    understood = 0
    for raw in CORPUS.values():
        try:
            parse_packet(bytes.fromhex(raw))
        except SctpDecodeError:
            continue
        understood += 1
    assert understood >= len(CORPUS) * 2 // 3


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_packet_or_the_one_error(raw: bytes) -> None:
    try:
        packet = parse_packet(raw)
    except SctpDecodeError:
        return
    assert packet.chunks


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 40), st.binary(max_size=40)))
)
def test_chunk_walk_always_ends(chunks: list[tuple[int, int, int, bytes]]) -> None:
    """Lengths that lie, 0 to 3 among them: every step advances or raises."""
    raw = bytes(12) + b"".join(
        bytes([kind, flags]) + n.to_bytes(2, "big") + body for kind, flags, n, body in chunks
    )
    try:
        walked = split_chunks(raw)
    except SctpDecodeError:
        return
    offsets = [offset for _, _, offset, _ in walked]
    assert all(b - a >= 4 for a, b in pairwise(offsets))


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_chunk_length_below_its_header_is_refused(length: int) -> None:
    raw = bytes(12) + bytes([14, 0, 0, length]) + bytes(8)
    with pytest.raises(SctpDecodeError, match="chunk length"):
        parse_packet(raw)


def test_a_packet_has_a_bounded_number_of_chunks() -> None:
    with pytest.raises(SctpDecodeError, match="too many"):
        split_chunks(bytes(12) + bytes([11, 0, 0, 4]) * (MAX_CHUNKS + 1))


def test_padding_of_the_last_chunk_may_be_missing() -> None:
    data = DataChunk(tsn=1, stream_id=2, stream_seq=3, ppid=51, user_data=b"abcde")
    raw = Packet(5000, 5000, 7, [data]).serialize()
    (chunk,) = parse_packet(raw[:-3]).chunks
    assert chunk == data


@given(st.binary(min_size=4, max_size=100), st.integers(0, 0xFFFFFFFF))
def test_the_writer_puts_the_same_checksum_as_the_reference(chunks: bytes, tag: int) -> None:
    packet = PacketWriter(5000, 5001, tag, zero_checksum=False).write(chunks)
    assert packet[8:12] == packet_checksum(packet)
    assert packet[12:] == chunks
    zero = PacketWriter(5000, 5001, tag, zero_checksum=True)
    assert zero.write(chunks) == packet[:8] + bytes(4) + chunks
    assert zero.write_checked(chunks) == packet


def test_a_packet_of_many_kinds_survives() -> None:
    packet = Packet(
        1,
        2,
        3,
        [
            CookieAckChunk(),
            SackChunk(cumulative_tsn=5, a_rwnd=6),
            ForwardTsnChunk(new_cumulative_tsn=9),
            HeartbeatChunk(parameters=[]),
            InitAckChunk(initiate_tag=1, a_rwnd=2, outbound_streams=3, inbound_streams=4, initial_tsn=5),
            UnknownChunk(type=200, flags=3, value=b"xyz"),
            DataChunk(tsn=1, stream_id=2, stream_seq=3, ppid=1000, user_data=b"q"),
        ],
    )
    assert parse_packet(packet.serialize()) == packet
    corrupted = bytearray(packet.serialize())
    corrupted[-4] ^= 1
    assert not parse_packet(bytes(corrupted)).checksum_ok

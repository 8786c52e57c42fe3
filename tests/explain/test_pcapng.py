"""Capture files that we write: block by block as the draft says, and as our own reader reads them back."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain import Capture, KeyLog, PcapngTap, PcapngWriter, Trace, write_pcapng
from rtcpy.explain.pcapng import (
    ENHANCED_PACKET,
    INTERFACE,
    LINKTYPE_RAW,
    LINKTYPE_SCTP,
    SECRETS,
    SECTION_HEADER,
    checksum,
    udp_packet,
)
from rtcpy.explain.trace import PacketEntry
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session
from tests.dtls import link


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """(type, body) of each block; the lengths before and after must agree and be whole words (draft §4)."""
    out, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        out.append((kind, data[at + 8 : at + length - 4]))
        at += length
    assert at == len(data)
    return out


def options(data: bytes) -> list[tuple[int, bytes]]:
    """Options up to their end, which must be there and be the last (draft §3.5)."""
    out, at = [], 0
    while at < len(data):
        code, length = struct.unpack_from("<HH", data, at)
        at += 4
        if code == 0:
            assert length == 0 and at == len(data)
            return out
        assert not any(data[at + length : at + length + -length % 4]), "padding is zero"
        out.append((code, data[at : at + length]))
        at += length + -length % 4
    assert not out, "options without an end"
    return out


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=300),
            st.integers(0, 10**18),
            st.text(max_size=80),
            st.sampled_from([None, *Direction]),
        ),
        max_size=8,
    ),
    st.text(max_size=30),
)
def test_every_block_is_as_the_draft_says(
    packets: list[tuple[bytes, int, str, Direction | None]], comment: str
) -> None:
    file = BytesIO()
    writer = PcapngWriter(file, comment=comment)
    number = writer.add_interface(LINKTYPE_RAW, "one", "of two")
    other = writer.add_interface(LINKTYPE_SCTP, "two")
    for index, (data, at, text, direction) in enumerate(packets):
        writer.add_packet((number, other)[index % 2], at / 1e9, data, comment=text, direction=direction)
    (section, one, two, *rest) = blocks(file.getvalue())
    assert writer.written == len(file.getvalue())
    assert section[0] == SECTION_HEADER and struct.unpack_from("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    told = dict(options(section[1][16:]))
    assert told[4] == b"rtcpy" and (not comment or 1 in told)
    for (kind, body), link_type in ((one, LINKTYPE_RAW), (two, LINKTYPE_SCTP)):
        assert kind == INTERFACE and struct.unpack_from("<HHI", body) == (link_type, 0, 0)
        assert (9, b"\x09") in options(body[8:])
    assert [kind for kind, _ in rest] == [ENHANCED_PACKET] * len(packets)
    for index, ((_, body), (data, at, text, direction)) in enumerate(zip(rest, packets, strict=True)):
        interface, high, low, kept, length = struct.unpack_from("<IIIII", body)
        assert interface == index % 2 and kept == length == len(data) and body[20 : 20 + kept] == data
        assert high << 32 | low == round(at / 1e9 * 10**9)
        found = dict(options(body[20 + kept + -kept % 4 :]))
        assert (1 in found) == bool(text) and (2 in found) == (direction is not None)
        if text:
            assert found[1] == text.encode("utf-8", "replace")
        if direction is not None:
            assert found[2] == struct.pack("<I", 1 if direction is Direction.IN else 2)


def test_what_cannot_be_written_is_refused() -> None:
    writer = PcapngWriter(BytesIO())
    with pytest.raises(InvalidAccessError, match="interface 0 has not been described"):
        writer.add_packet(0, 0.0, b"")
    writer.add_interface(LINKTYPE_RAW, "x")
    with pytest.raises(InvalidAccessError, match="cannot be written as a time since 1970"):
        writer.add_packet(0, -1.0, b"")
    with pytest.raises(InvalidAccessError, match="65508 bytes do not fit"):
        udp_packet(bytes(65508), Address("10.0.0.1", 1), Address("10.0.0.2", 2))
    with pytest.raises(InvalidAccessError, match=r"'a\.local' is no IP address"):
        udp_packet(b"", Address("a.local", 1), Address("10.0.0.2", 2))


V4 = st.builds(Address, st.ip_addresses(v=4).map(str), st.integers(0, 65535))
V6 = st.builds(Address, st.ip_addresses(v=6).map(str), st.integers(0, 65535))


@given(
    st.binary(max_size=100),
    st.one_of(st.tuples(V4, V4), st.tuples(V6, V6), st.tuples(V4, V6), st.tuples(V6, V4)),
)
def test_checksums_are_right_and_headers_say_what_they_were_given(
    data: bytes, ends: tuple[Address, Address]
) -> None:
    packet = udp_packet(data, *ends, identification=7)
    if packet[0] >> 4 == 4:
        assert checksum(packet[:20]) == 0 and struct.unpack_from(">H", packet, 2) == (len(packet),)
        addresses, udp = packet[12:20], packet[20:]
        pseudo = addresses + struct.pack(">BBH", 0, 17, len(udp))
    else:
        assert struct.unpack_from(">H", packet, 4) == (len(packet) - 40,)
        addresses, udp = packet[8:40], packet[40:]
        pseudo = addresses + struct.pack(">IHBB", len(udp), 0, 0, 17)
    assert checksum(pseudo + udp) == 0, "a sum over everything with its checksum is zero: RFC 1071 §1"
    assert struct.unpack_from(">HHH", udp) == (ends[0].port, ends[1].port, len(udp)) and udp[8:] == data
    assert udp[6:8] != b"\0\0", "zero would mean that there is none: RFC 768"


def test_a_known_checksum() -> None:
    """RFC 1071 §3's example: the sum of these four words is ddf2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def session(loss: float = 0.0) -> Session:
    made = Session(seed=5, link=LinkConfig(loss=loss, duplicate=loss))
    made.connect()
    made.alice.send("chat", "Hello, Bob!")
    made.run(0.5)
    return made


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_our_reader_reads_what_we_wrote(who: str, tmp_path: Path) -> None:
    trace = session().trace
    path = tmp_path / "a.pcapng"
    count = trace.to_pcapng(path, who=who, start=1.75e9)
    capture = Capture.of(path.read_bytes())
    records = list(capture)
    assert len(records) == count and not capture.skipped
    kept = [e for e in trace.of(PacketEntry, who=who) if e.layer in ("udp", "sctp")]
    assert [(r.layer, r.data) for r in records] == [(e.layer, e.data) for e in kept]
    for record, entry in zip(records, kept, strict=True):
        assert record.at == pytest.approx(1.75e9 + entry.at, abs=2e-6)
        if entry.layer == "udp":
            ends = (entry.local, entry.remote)
            assert (record.source, record.destination) == (
                ends if entry.direction is Direction.OUT else ends[::-1]
            )
        assert record.comment
    assert KeyLog(capture.key_log) == KeyLog(trace.key_log()) and len(KeyLog(capture.key_log)) == 1
    (hello,) = [r for r in records if r.layer == "udp" and 'text "Hello, Bob!"' in r.comment]
    assert b"Hello" not in hello.data, "explained, though it was protected"


def test_secrets_stand_before_the_packets_and_can_be_left_out() -> None:
    file, bare = BytesIO(), BytesIO()
    trace = session().trace
    write_pcapng(trace, file)
    kinds = [kind for kind, _ in blocks(file.getvalue())]
    assert kinds[:4] == [SECTION_HEADER, SECRETS, INTERFACE, INTERFACE]
    write_pcapng(trace.redacted(), bare)
    assert SECRETS not in [kind for kind, _ in blocks(bare.getvalue())]


def test_what_was_refused_says_why() -> None:
    file = BytesIO()
    made = session(loss=0.2)
    for who in ("alice", "bob"):
        write_pcapng(made.trace, file, who=who)
    assert b"refused: " in file.getvalue()


def test_an_unknown_endpoint_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidAccessError, match="no endpoint 'carol', but alice, bob"):
        write_pcapng(session().trace, BytesIO(), who="carol")
    with pytest.raises(InvalidAccessError, match="no endpoint '', but nobody"):
        write_pcapng(Trace(), BytesIO())


def test_a_tap_writes_while_it_runs_and_stops_at_its_limit() -> None:
    file, short = BytesIO(), BytesIO()
    for target, limit in ((file, 1 << 20), (short, 600)):
        tap = PcapngTap(target, "client", limit=limit, start=1.75e9)
        client = link.make(link.Role.CLIENT, tap=tap)
        pipe = link.Link((client, link.make(link.Role.SERVER)))
        pipe.start().run(until=2.0)
        for number in range(20):
            tap.packet("udp", Direction.OUT, bytes([number]) * 50, now=number, local=Address("10.0.0.1", 1))
        kinds = [kind for kind, _ in blocks(target.getvalue())]
        assert kinds.count(SECRETS) == 1
        assert kinds.count(ENHANCED_PACKET) + tap.left_out == 20
        assert len(target.getvalue()) <= limit + 400
    assert kinds.count(ENHANCED_PACKET) < 20

"""Capture files: every form of pcap and pcapng, every link type, what is left out, and damaged files."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.explain.capture import RECORD_MAX, Capture, CaptureError, Record
from rtcpy.testing import mutations
from tests.explain import capture_files as made

V4 = made.udp("192.0.2.1", "192.0.2.2", b"four")
V6 = made.udp("2001:db8::1", "2001:db8::2", b"six", ports=(7, 8))
FROM4, TO4 = Address("192.0.2.1", 1000), Address("192.0.2.2", 2000)
FROM6, TO6 = Address("2001:db8::1", 7), Address("2001:db8::2", 8)


def read(data: bytes) -> tuple[list[Record], Capture]:
    """All records, and the capture that gave them."""
    capture = Capture.of(data)
    return list(capture), capture


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_all_four_forms(order: str, nano: bool) -> None:
    records, capture = read(made.pcap([made.ethernet(V4), made.ethernet(V6)], order=order, nano=nano))
    assert capture.format == "pcap" and not capture.skipped and capture.packets == 2
    assert [(r.number, r.at, r.source, r.destination, r.data) for r in records] == [
        (1, 0.5, FROM4, TO4, b"four"),
        (2, 1.5, FROM6, TO6, b"six"),
    ]


LINKS = {
    "null": (0, pack("<I", 2) + V4),
    "null of another machine": (0, pack(">I", 30) + V6),
    "loop": (108, pack(">I", 2) + V4),
    "raw 4": (101, V4),
    "raw 6": (101, V6),
    "old raw": (12, V4),
    "IPv4": (228, V4),
    "IPv6": (229, V6),
    "cooked 4": (113, bytes(14) + b"\x08\x00" + V4),
    "cooked 6": (113, bytes(14) + b"\x86\xdd" + V6),
    "cooked version 2": (276, b"\x86\xdd" + bytes(18) + V6),
    "tagged": (1, made.ethernet(V4, tags=2)),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_types(name: str) -> None:
    link, frame = LINKS[name]
    (record,), _ = read(made.pcap([frame], link=link))
    assert (record.source, record.data) in ((FROM4, b"four"), (FROM6, b"six")) and record.layer == "udp"


def test_an_interface_of_sctp_has_no_addresses() -> None:
    (record,), _ = read(made.pcap([b"an SCTP packet"], link=248))
    assert record.layer == "sctp" and record.source is None and record.data == b"an SCTP packet"


def ip4(protocol: int, fragment: int = 0) -> bytes:
    """An IPv4 packet of another kind."""
    return V4[:6] + pack("!H", fragment) + V4[8:9] + bytes([protocol]) + V4[10:]


def ip6(*headers: bytes) -> bytes:
    """V6 with extension headers before UDP: each its own kind, then its bytes without the first."""
    kinds = [header[0] for header in headers] + [17]
    body = b"".join(bytes([kinds[i + 1]]) + header[1:] for i, header in enumerate(headers)) + V6[40:]
    return V6[:4] + pack("!HB", len(body), kinds[0]) + V6[7:40] + body


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (ip4(6), "TCP"),
        (ip4(1), "ICMP"),
        (ip4(200), "IP protocol 200"),
        (ip4(17, 0x2000), "IPv4 fragments"),
        (ip4(17, 0x0001), "IPv4 fragments"),
        (V4[:19], "malformed IPv4"),
        (b"\x41" + V4[1:], "malformed IPv4"),
        (V4[:24], "UDP headers cut short"),
        (V6[:39], "malformed IPv6"),
        (ip6(bytes([44, 0, 0, 1, 0, 0, 0, 0])), "IPv6 fragments"),
        (V6[:6] + b"\x3a" + V6[7:], "ICMPv6"),
        (ip6(*[bytes([60, 0]) + bytes(6)] * 9), "IPv6 with too many extension headers"),
        (b"\x70", "packets that are no IP"),
        (b"", "packets that are no IP"),
    ],
)
def test_what_is_no_datagram_is_counted(packet: bytes, reason: str) -> None:
    records, capture = read(made.pcap([packet, V4], link=101))
    assert capture.skipped == {reason: 1} and capture.packets == 2
    assert [record.number for record in records] == [2], "numbers are those of the file"


def test_sctp_straight_from_ip() -> None:
    """As it is in captures of what DTLS protected, made by others."""
    packet = V4[:9] + bytes([132]) + V4[10:]
    (record,), _ = read(made.pcap([packet], link=101))
    assert record.layer == "sctp" and record.source == FROM4 and record.data == V4[20:]


def test_extension_headers_are_stepped_over() -> None:
    atomic = bytes([44]) + bytes(7)
    (record,), _ = read(
        made.pcap([ip6(bytes([0, 1]) + bytes(14), atomic, bytes([60, 0]) + bytes(6))], link=101)
    )
    assert record.data == b"six"


def test_frames_that_carry_no_ip_are_counted() -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    tags = bytes(12) + b"\x81\x00\0\1" * 9 + b"\x08\0"
    _, capture = read(made.pcap([arp, b"", tags, bytes(12) + b"\x88\xcc"]))
    assert capture.skipped == {
        "ARP": 1, "packets that are no IP": 1, "frames with too many VLAN tags": 1, "ethertype 0x88cc": 1,
    }  # fmt: skip
    _, capture = read(made.pcap([b"x"], link=147))
    assert capture.skipped == {"packets of link type 147": 1}


def test_kinds_of_what_is_left_out_are_bounded() -> None:
    frames = [bytes(12) + pack("!H", 0x9200 + n) for n in range(1000)]
    _, capture = read(made.pcap(frames))
    assert len(capture.skipped) == 65 and capture.skipped["others"] == 1000 - 64


def test_a_cut_packet_says_how_much_is_missing() -> None:
    (record,), _ = read(made.pcap([made.ethernet(V4)[:-2]], cut=2))
    assert record.data == b"fo" and record.missing == 2
    (record,), _ = read(made.pcap([made.ethernet(V4) + bytes(18)]))
    assert record.data == b"four" and record.missing == 0, "padding of Ethernet is no payload"


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_everything(order: str) -> None:
    data = (
        made.section(order, "a session")
        + made.interface(order, 1, name="eth0")
        + made.interface(order, 248, name="sctp", resolution=9)
        + made.secrets("CLIENT_RANDOM aa bb", order)
        + made.block(order, 4, b"names")
        + made.enhanced(made.ethernet(V4), order, comment="look")
        + made.block(order, 5, bytes(12))
        + made.enhanced(b"chunk", order, number=1, ticks=2_500_000_000)
        + made.simple(made.ethernet(V6), order)
        + made.secrets("other", order, kind=1)
        + made.block(order, 0x99, b"")
        + made.secrets("CLIENT_RANDOM cc dd\n", order)
    )
    records, capture = read(data)
    assert capture.format == "pcapng"
    assert [(r.number, r.layer, r.data, r.comment, r.interface, r.at) for r in records] == [
        (1, "udp", b"four", "look", "eth0", 1.5),
        (2, "sctp", b"chunk", "", "sctp", 2.5),
        (3, "udp", b"six", "", "eth0", 0.0),
    ]
    assert capture.key_log == "CLIENT_RANDOM aa bb\nCLIENT_RANDOM cc dd\n"
    assert capture.comments == ["a session"]
    assert capture.skipped == {"secrets of type 0x00000001": 1, "pcapng blocks of type 0x99": 1}


def test_sections_may_differ_in_byte_order() -> None:
    data = b"".join(
        made.section(order) + made.interface(order, 101) + made.enhanced(V4, order) for order in ("<", ">")
    )
    records, _ = read(data)
    assert [record.number for record in records] == [1, 2]


def test_obsolete_packet_blocks_are_read() -> None:
    body = pack("<HHIIII", 0, 0, 0, 3_000_000, len(V4), len(V4)) + V4
    (record,), _ = read(made.section() + made.interface(link=101) + made.block("<", 2, body))
    assert record.at == 3.0 and record.data == b"four"


def test_times_in_powers_of_two_and_with_an_offset() -> None:
    options = made.option("<", 9, b"\x8a") + made.option("<", 14, pack("<q", 100))
    described = made.block("<", 1, pack("<HHI", 101, 0, 0) + options)
    (record,), _ = read(made.section() + described + made.enhanced(V4, ticks=1536))
    assert record.at == 101.5


def test_a_simple_packet_is_cut_by_its_interface() -> None:
    body = pack("<I", len(V4)) + V4[:28]
    (record,), _ = read(made.section() + made.interface(link=101, snap=28) + made.block("<", 3, body))
    assert record.data == b"" and record.missing == 4


BEGIN = made.section() + made.interface(link=101)


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"", "begins with nothing", 0),
        (b"GIF8", "begins with 47 49 46 38", 0),
        (made.pcap([])[:20], "ends within the file header: 20 bytes needed, 16 left", 4),
        (made.pcap([V4])[:30], "ends within the header of packet 1", 25),
        (made.pcap([V4])[:-1], "ends within packet 1: 32 bytes needed, 31 left", 40),
        (made.pcap([]) + pack("<IIII", 0, 0, RECORD_MAX + 1, 0), "at most 16777216 expected", 32),
        (made.section()[:10], "ends within a section header", 8),
        (made.section()[:8] + b"\0\0\0\0", "byte-order magic is 00 00 00 00", 8),
        (BEGIN + b"\1\0", "ends within a block type", len(BEGIN)),
        (BEGIN + pack("<II", 6, 13), "block length is 13", len(BEGIN) + 4),
        (BEGIN + pack("<II", 6, 8), "block length is 8", len(BEGIN) + 4),
        (BEGIN + pack("<II", 6, RECORD_MAX + 4), "block length is 16777220", len(BEGIN) + 4),
        (BEGIN + pack("<III", 5, 12, 16), "block lengths disagree: 12 and 16", len(BEGIN) + 8),
        (BEGIN + made.block("<", 6, bytes(16)), "block of packet 1 is too short", len(BEGIN)),
        (BEGIN + made.enhanced(V4, number=1), "of interface 1, 1 were described", len(BEGIN) + 8),
        (BEGIN + made.block("<", 6, pack("<IIIII", 0, 0, 0, 99, 99)), "has 99 bytes, its block 0", len(BEGIN) + 28),
        (made.section() + made.simple(V4), "of interface 0, 0 were described", 28 + 8),
        (made.section() + made.block("<", 1, b"abcd"), "interface description is too short", 28),
        (made.section() + made.block("<", 10, b"abcd"), "secrets are too short", 28),
        (made.section() + made.block("<", 10, pack("<II", 0x544C534B, 5) + b"abcd"), "secrets of 5 bytes, 4", 40),
    ],
)  # fmt: skip
def test_damaged_files_say_what_is_wrong_and_where(data: bytes, message: str, offset: int) -> None:
    with pytest.raises(CaptureError) as caught:
        read(data)
    assert message in str(caught.value) and caught.value.offset == offset


def test_what_stands_before_the_damage_is_given_out() -> None:
    records = iter(Capture.of(made.pcap([V4, V4], link=101)[:-1]))
    assert next(records).data == b"four"
    with pytest.raises(CaptureError):
        next(records)


WHOLE = [
    made.pcap([made.ethernet(V4), made.ethernet(V6)]),
    made.pcap([V4, V6], link=101, order=">", nano=True),
    made.section("<", "x") + made.interface(name="a") + made.secrets("K a b") + made.enhanced(made.ethernet(V4), comment="c"),
    made.section(">") + made.interface(">", 113) + made.enhanced(bytes(14) + b"\x08\0" + V4, ">"),
]  # fmt: skip


@given(st.sampled_from(WHOLE).flatmap(mutations))
def test_any_bytes_give_records_or_the_one_error(data: bytes) -> None:
    try:
        capture = Capture.of(data)
        for record in capture:
            assert record.data is not None and record.number <= capture.packets
    except CaptureError as error:
        assert error.offset is not None and 0 <= error.offset <= len(data)  # noqa: PT017


@given(st.integers(0, 65535), st.binary(max_size=100))
def test_any_frame_of_any_link_is_read_or_counted(link: int, frame: bytes) -> None:
    for kind in (link, 0, 1, 101, 113, 276):
        records, capture = read(made.pcap([frame], link=kind))
        assert len(records) + sum(capture.skipped.values()) == 1

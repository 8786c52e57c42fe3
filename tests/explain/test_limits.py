"""What reads the files and packets of others has limits, and says when it has reached one (docs/threats.md)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.dtls.messages import HandshakeFragment, HandshakeType
from rtcpy.explain import Capture, CaptureError, Trace, TraceError, capture, handshakes, tracefile
from rtcpy.explain.handshakes import Handshakes
from rtcpy.sim.session import Session
from tests.explain import capture_files as made

V4, V6 = made.udp("192.0.2.1", "192.0.2.2", b"four"), made.udp("2001:db8::1", "2001:db8::2", b"six")


def read(data: bytes) -> tuple[list[object], Capture]:
    opened = Capture(io.BytesIO(data))
    return list(opened), opened


def test_interfaces_of_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "INTERFACES_MAX", 3)
    read(made.section() + 3 * made.interface())
    with pytest.raises(CaptureError, match="more than 3 interfaces"):
        read(made.section() + 4 * made.interface())


def test_key_logs_of_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "KEY_LOG_MAX", 40)
    read(made.section() + 2 * made.secrets("CLIENT_RANDOM aa bb"))
    with pytest.raises(CaptureError, match="key logs of more than 40 bytes"):
        read(made.section() + 3 * made.secrets("CLIENT_RANDOM aa bb"))


@pytest.mark.parametrize(("count", "kept"), [(7, True), (8, False), (2000, False)])
def test_vlan_tags_in_a_row(count: int, kept: bool) -> None:
    records, opened = read(made.pcap([made.ethernet(V4, tags=count)]))
    assert bool(records) is kept
    assert opened.skipped == ({} if kept else {"frames with too many VLAN tags": 1})


@pytest.mark.parametrize(("count", "kept"), [(7, True), (8, False), (100, False)])
def test_extension_headers_in_a_row(count: int, kept: bool) -> None:
    options = b"\x3c" + bytes(7)  # destination options, and the next header is such a one again
    tail = (count - 1) * options + bytes([17]) + bytes(7) + V6[40:]
    packet = V6[:4] + len(tail).to_bytes(2, "big") + b"\x3c" + V6[7:40] + tail
    records, opened = read(made.pcap([packet], link=101))
    assert bool(records) is kept
    assert opened.skipped == ({} if kept else {"IPv6 with too many extension headers": 1})


def test_lines_and_entries_of_a_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    session = Session(seed=1)
    session.alice.create_data_channel("x")
    session.trace.save(tmp_path / "it")
    size = max(len(line) for line in (tmp_path / "it").read_bytes().splitlines())
    monkeypatch.setattr(tracefile, "LINE_MAX", size - 1)
    with pytest.raises(TraceError, match=f"at most {size - 1}"):
        Trace.load(tmp_path / "it")
    monkeypatch.setattr(tracefile, "LINE_MAX", 10 * size)
    monkeypatch.setattr(tracefile, "READ_ENTRIES_MAX", len(session.trace) - 1)
    with pytest.raises(TraceError, match=f"too much: more than {len(session.trace) - 1} entries"):
        Trace.load(tmp_path / "it")


def test_handshake_messages_that_never_become_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Handshakes()
    monkeypatch.setattr(handshakes, "ASSEMBLIES_MAX", 10)
    for number in range(1000):
        part = HandshakeFragment(
            type=HandshakeType.CERTIFICATE,
            length=2000,
            message_seq=number,
            fragment_offset=0,
            fragment=bytes(500),
        )
        assert heard.hear(part, "a", "b") is None
    assert len(heard._assemblies) == 10
    assert [key[2] for key in heard._assemblies] == list(range(990, 1000)), "the oldest go"


def test_hellos_and_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(seed=1)
    session.connect()
    monkeypatch.setattr(handshakes, "HELLOS_MAX", 5)
    monkeypatch.setattr(handshakes, "CONNECTIONS_MAX", 5)
    heard, entropy = Handshakes(), SeededEntropy(1)
    client, server = (
        next(
            fragment
            for entry in session.trace.packets("udp")
            for fragment in hellos(entry.data)
            if fragment.type == kind
        )
        for kind in (HandshakeType.CLIENT_HELLO, HandshakeType.SERVER_HELLO)
    )
    for _ in range(50):
        for hello, source, destination in ((client, "a", "b"), (server, "b", "a")):
            body = hello.fragment[:2] + entropy.token(32) + hello.fragment[34:]
            heard.hear(
                HandshakeFragment(
                    type=hello.type, length=len(body), message_seq=0, fragment_offset=0, fragment=body
                ),
                source,
                destination,
            )
    assert (len(heard._hellos), len(heard.connections)) == (5, 5)


def hellos(datagram: bytes) -> list[HandshakeFragment]:
    """The first handshake message of a datagram in the clear, if there is one."""
    if datagram[:1] != b"\x16" or datagram[3:5] != b"\0\0":
        return []
    size = int.from_bytes(datagram[11:13], "big")
    return [HandshakeFragment.parse(datagram[13 : 13 + size])]

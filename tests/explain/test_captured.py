"""Captures as traces: who is who, what belongs to the conversation, and the same picture as from a trace of our own."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain import Capture, KeyLog, LadderPicture, PcapngWriter, Trace, key_tree, write_pcapng
from rtcpy.explain.captured import NoConversationError, trace_of
from rtcpy.explain.passages import passages, phases
from rtcpy.explain.pcapng import LINKTYPE_RAW, udp_packet
from rtcpy.explain.trace import SecretEntry
from rtcpy.sim.session import Session
from tests.explain.sheets import check_sheet

CAPTURES = sorted((Path(__file__).parent.parent / "data" / "captures").glob("*.pcap*"))


@pytest.fixture(scope="module")
def session() -> Session:
    made = Session(seed=2)
    made.connect()
    made.alice.send("chat", "Hello, Bob!")
    made.run(0.3)
    return made


def written(trace: Trace, who: str = "") -> Capture:
    file = BytesIO()
    write_pcapng(trace, file, who=who)
    return Capture.of(file.getvalue())


def test_our_own_capture_comes_back_as_the_trace_of_its_end(session: Session) -> None:
    captured = trace_of(written(session.trace, "alice"))
    assert captured.trace.names == ["192.168.0.2:5001"]
    for layer in ("udp", "stun", "dtls", "sctp"):
        ours = sorted((e.data, e.direction.value) for e in session.trace.packets(layer, who="alice"))
        theirs = sorted((e.data, e.direction.value) for e in captured.trace.packets(layer))
        assert theirs == ours, layer
    plain = {e.data for e in captured.trace.packets("dtls-plaintext")}
    heard = {e.data for e in session.trace.packets("dtls-plaintext", who="alice")}
    assert heard < plain, "what the tap saw opened, and our own Finished"
    (secret,) = captured.trace.of(SecretEntry)
    assert secret.secret == session.trace.of(SecretEntry, who="alice")[0].secret
    assert not captured.left_out, "what is beside the records is what is in them"


def test_it_draws_as_well_as_the_trace(session: Session) -> None:
    trace = trace_of(written(session.trace, "alice")).trace
    check_sheet(LadderPicture(trace).sheet())
    half_trips = [phase.half_trips for phase in phases(passages(session.trace))]
    assert [phase.half_trips for phase in phases(passages(trace))] == half_trips
    tree = key_tree(trace)
    assert (
        tree.find("client_write_key").value == session.trace.key_tree("alice").find("client_write_key").value
    )
    assert tree.find("pre_master_secret").value is None


def test_secrets_may_come_from_elsewhere(session: Session) -> None:
    closed = trace_of(written(session.trace.redacted()))
    assert not closed.trace.packets("dtls-plaintext")
    inside = len(session.trace.packets("sctp", who="alice"))
    assert closed.left_out == {"SCTP without the records that it was in": inside}
    opened = trace_of(written(session.trace.redacted()), KeyLog(session.trace.key_log()))
    assert opened.trace.packets("dtls-plaintext")


def test_other_traffic_is_left_out_and_counted(session: Session) -> None:
    file = BytesIO()
    writer = PcapngWriter(file)
    wire = writer.add_interface(LINKTYPE_RAW, "x")
    strangers = Address("10.9.9.1", 53), Address("10.9.9.2", 4000)
    for number, entry in enumerate(session.trace.datagrams(who="alice")):
        assert entry.local is not None and entry.remote is not None
        ends = (entry.local, entry.remote)
        source, destination = ends if entry.direction is Direction.OUT else ends[::-1]
        writer.add_packet(wire, entry.at, udp_packet(entry.data, source, destination))
        if number < 3:
            writer.add_packet(wire, entry.at, udp_packet(b"\x00\x34dns", *strangers))
            writer.add_packet(wire, entry.at, udp_packet(b"\x80media" * 9, *strangers))
    captured = trace_of(Capture.of(file.getvalue()))
    assert captured.left_out == {"not WebRTC": 3, "of other conversations": 3}
    assert len(captured.trace.datagrams()) == len(session.trace.datagrams(who="alice"))


def test_a_capture_without_webrtc_says_so() -> None:
    file = BytesIO()
    writer = PcapngWriter(file)
    wire = writer.add_interface(LINKTYPE_RAW, "x")
    writer.add_packet(wire, 0.0, udp_packet(b"\x00\x34dns", Address("10.9.9.1", 53), Address("10.9.9.2", 4)))
    with pytest.raises(NoConversationError, match="nobody in this capture talks WebRTC to anybody"):
        trace_of(Capture.of(file.getvalue()))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captures_of_browsers_can_be_drawn(path: Path) -> None:
    captured = trace_of(Capture.of(path.read_bytes()))
    assert len(captured.trace.datagrams()) > 10
    check_sheet(LadderPicture(captured.trace).sheet())

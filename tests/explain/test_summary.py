from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.dtls.messages import HandshakeFragment, HandshakeType
from rtcpy.explain import Ladder, Trace, TraceTap, summarize, summarize_datagram
from rtcpy.explain.summary import RECORD_KEY
from rtcpy.sctp.chunks import AbortChunk, DataChunk, Ppid, SackChunk
from rtcpy.sctp.dcep import ChannelParameters, write_open
from rtcpy.sctp.packet import Packet
from rtcpy.sctp.parameters import CauseCode, ErrorCause
from rtcpy.stun import (
    ERROR_CODE,
    ICE_CONTROLLING,
    USE_CANDIDATE,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    Message,
    MessageClass,
    Method,
    new_transaction_id,
)

TID = new_transaction_id(SeededEntropy(1))


def stun(kind: MessageClass, *attributes: object) -> bytes:
    return Message(Method.BINDING, kind, TID, list(attributes)).serialize()  # type: ignore[arg-type]


def sctp(*chunks: object) -> bytes:
    return Packet(5000, 5000, 7, list(chunks)).serialize()  # type: ignore[arg-type]


def record(kind: int, epoch: int, number: int, content: bytes) -> bytes:
    return (
        bytes([kind, 0xFE, 0xFD])
        + epoch.to_bytes(2, "big")
        + number.to_bytes(6, "big")
        + len(content).to_bytes(2, "big")
        + content
    )


def data(payload: bytes, ppid: int = Ppid.BINARY, **options: object) -> DataChunk:
    values = {"tsn": 5, "stream_id": 1, "stream_seq": 0, "ppid": ppid, "user_data": payload} | options
    return DataChunk(**values)  # type: ignore[arg-type]


def test_checks_and_their_answers_are_told_in_words() -> None:
    (request,) = summarize_datagram(stun(MessageClass.REQUEST, ICE_CONTROLLING(1), USE_CANDIDATE(True)))
    assert str(request) == "Binding request (I control, USE-CANDIDATE: let us take this pair)"
    assert request.rfc == "RFC 8445 §7"
    seen = XOR_MAPPED_ADDRESS(Address("198.51.100.1", 9))
    (success,) = summarize_datagram(stun(MessageClass.SUCCESS_RESPONSE, seen))
    assert str(success) == "Binding success (I see you at 198.51.100.1:9)"
    (error,) = summarize_datagram(
        stun(MessageClass.ERROR_RESPONSE, ERROR_CODE(ErrorCode(487, "Role Conflict")))
    )
    assert str(error) == 'Binding error (487 "Role Conflict")'
    assert request.identity != success.identity


def test_handshake_messages_are_named_whole_and_in_pieces() -> None:
    done = HandshakeFragment(
        type=HandshakeType.SERVER_HELLO_DONE, length=0, message_seq=4, fragment_offset=0, fragment=b""
    ).serialize()
    piece = HandshakeFragment(
        type=HandshakeType.CERTIFICATE, length=600, message_seq=1, fragment_offset=100, fragment=b"x" * 50
    ).serialize()
    two = summarize_datagram(record(22, 0, 1, piece) + record(22, 0, 2, done))
    assert [str(s) for s in two] == ["Certificate (bytes 100…150 of 600)", "ServerHelloDone"]
    assert [s.rfc for s in two] == ["RFC 5246 §7.4.2", "RFC 5246 §7.4.5"]


def test_other_records() -> None:
    (change,) = summarize_datagram(record(20, 0, 3, b"\x01"))
    assert change.name == "ChangeCipherSpec"
    (alert,) = summarize_datagram(record(21, 0, 3, b"\x02\x28"))
    assert (alert.name, alert.detail) == ("Alert", "handshake_failure")
    (finished,) = summarize_datagram(record(22, 1, 0, b"x" * 48))
    assert finished.name == "Finished"
    (hidden,) = summarize_datagram(record(23, 1, 7, b"x" * 48))
    assert str(hidden) == "protected application data (record 7)"


def test_protected_records_are_opened_with_what_the_tap_saw() -> None:
    packet = sctp(data("hällo".encode(), Ppid.STRING))
    sealed = record(23, 1, 7, b"?" * 60)
    (opened,) = summarize_datagram(sealed, {sealed[:RECORD_KEY]: packet})
    assert str(opened) == 'DATA (text "hällo", stream 1)'


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (data(b"12345"), "DATA (5 B binary, stream 1)"),
        (data(b"\0", Ppid.STRING_EMPTY), "DATA (empty text message, stream 1)"),
        (data(b"\0", Ppid.BINARY_EMPTY), "DATA (empty binary message, stream 1)"),
        (data(b"x", beginning=True, ending=False), "DATA (first part of a message, stream 1)"),
        (data(b"x", beginning=False, ending=False), "DATA (part of a message, stream 1)"),
        (data(b"x", beginning=False, ending=True), "DATA (last part of a message, stream 1)"),
        (data(b"x", 99), "DATA (1 B, ppid 99, stream 1)"),
        (data(b"\x02", Ppid.DCEP), "DATA_CHANNEL_ACK (stream 1)"),
        (
            data(write_open(ChannelParameters("chat", ordered=False, max_retransmits=2)), Ppid.DCEP),
            'DATA_CHANNEL_OPEN (label "chat", stream 1, unordered, at most 2 retransmissions)',
        ),
        (SackChunk(cumulative_tsn=9, a_rwnd=1), "SACK (all up to 9)"),
        (
            AbortChunk(causes=[ErrorCause(code=CauseCode.USER_INITIATED_ABORT, info=b"")]),
            "ABORT (USER_INITIATED_ABORT)",
        ),
    ],
)
def test_chunks(chunk: object, said: str) -> None:
    (summary,) = summarize("sctp", sctp(chunk))
    assert str(summary) == said


def test_text_of_a_peer_cannot_steer_a_terminal() -> None:
    evil = '\x1b[2J\r\n\u202eabc"'
    (summary,) = summarize("sctp", sctp(data(evil.encode(), Ppid.STRING)))
    shown = str(summary)
    assert shown.isprintable()
    (long,) = summarize("sctp", sctp(data(b"x" * 900, Ppid.STRING)))
    assert len(str(long)) < 80


@given(st.binary(max_size=200))
def test_anything_gets_a_summary_and_nothing_raises(datagram: bytes) -> None:
    for layer in ("udp", "stun", "dtls", "dtls-plaintext", "sctp", "nonsense"):
        for summary in summarize(layer, datagram):
            assert str(summary).isprintable()


@given(st.binary(max_size=120), st.sampled_from([20, 21, 22, 23, 24]), st.integers(0, 1))
def test_anything_inside_a_record_gets_a_summary(content: bytes, kind: int, epoch: int) -> None:
    sealed = record(kind, epoch, 3, content)
    for plaintexts in ({}, {sealed[:RECORD_KEY]: content}):
        summaries = summarize_datagram(sealed + sealed[: len(content) // 2], plaintexts)
        assert all(str(s).isprintable() for s in summaries)


# --- the ladder --------------------------------------------------------------------------------------------------------


def crossing(recorder: TraceTap, at: float, direction: Direction, packet: bytes) -> None:
    recorder.packet("udp", direction, packet, now=at, local=None, remote=None)


def test_a_ladder_has_a_row_per_datagram_and_marks_repeats() -> None:
    recorder = TraceTap(Trace(), "me")
    crossing(recorder, 5.0, Direction.OUT, stun(MessageClass.REQUEST))
    crossing(recorder, 5.5, Direction.OUT, stun(MessageClass.REQUEST))
    crossing(recorder, 5.6, Direction.IN, stun(MessageClass.SUCCESS_RESPONSE))
    ladder = Ladder(recorder.trace)
    assert [(round(r.at, 3), r.outward, r.text) for r in ladder.rows] == [
        (0.0, True, "Binding request"),
        (0.5, True, "Binding request (again)"),
        (0.6, False, "Binding success"),
    ]
    assert ladder.first("Binding success") == pytest.approx(0.6)
    assert ladder.first("Binding success", outward=True) is None
    assert ladder.first("Binding request", layer="dtls") is None


def test_runs_of_bulk_data_are_drawn_together_and_small_messages_are_not() -> None:
    recorder = TraceTap(Trace(), "me")
    for i in range(10):
        for way, chunk in (
            (Direction.OUT, data(b"x" * 1100, tsn=i)),
            (Direction.IN, SackChunk(cumulative_tsn=i, a_rwnd=1)),
        ):
            sealed = record(23, 1, i, bytes([i]) * 30)
            recorder.packet("dtls-plaintext", way, sealed[:RECORD_KEY] + b"\0\0" + sctp(chunk), now=1.0)
            crossing(recorder, 1.0 + i, way, sealed)
    sealed = record(23, 1, 99, b"?" * 30)
    recorder.packet(
        "dtls-plaintext",
        Direction.OUT,
        sealed[:RECORD_KEY] + b"\0\0" + sctp(data(b"bye", Ppid.STRING, tsn=99)),
        now=20.0,
    )
    crossing(recorder, 20.0, Direction.OUT, sealed)
    rows = Ladder(recorder.trace).rows
    assert [(r.outward, r.text, r.count) for r in rows] == [
        (True, "⋮ 10 × DATA", 10),
        (False, "⋮ 10 × SACK", 10),
        (True, 'DATA (text "bye", stream 1)', 1),
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_rendered_ladder_keeps_its_width_and_its_rails(width: int) -> None:
    recorder = TraceTap(Trace(), "me")
    crossing(
        recorder, 0.0, Direction.OUT, stun(MessageClass.REQUEST, ICE_CONTROLLING(1), USE_CANDIDATE(True))
    )
    crossing(recorder, 0.1, Direction.IN, record(22, 0, 1, b"\x63" * 40))
    text = Ladder(recorder.trace, names=("alice", "bob")).render(
        width=width, headings={"stun": "word " * 60, "dtls": "x" * 300}
    )
    lines = text.split("\n")
    assert all(len(line) <= width for line in lines)
    assert all(line.endswith("│") and line[11] == "│" for line in lines[1:])
    assert lines[0].split() == ["ms", "alice", "bob"]
    assert "USE-CANDIDATE" in text


def test_a_ladder_of_a_trace_that_ended_early_says_so() -> None:
    recorder = TraceTap(Trace(entries_max=3), "a")
    for i in range(10):
        crossing(recorder, float(i), Direction.OUT, stun(MessageClass.INDICATION))
    ladder = Ladder(recorder.trace)
    assert len(ladder.rows) == 3
    assert "7 entries of the trace found no room" in ladder.render()


def test_the_ladder_of_a_trace_with_two_ends_is_seen_from_one() -> None:
    trace = Trace()
    alice, bob = TraceTap(trace, "alice"), TraceTap(trace, "bob")
    crossing(alice, 0.0, Direction.OUT, stun(MessageClass.REQUEST))
    crossing(bob, 0.1, Direction.IN, stun(MessageClass.REQUEST))
    assert [row.outward for row in trace.ladder().rows] == [True]
    assert trace.ladder().names == ("alice", "bob")
    assert [row.outward for row in trace.ladder("bob").rows] == [False]
    assert trace.ladder("bob").names == ("bob", "alice")


def test_an_empty_recording_renders_too() -> None:
    assert Ladder(Trace(), names=("a", "b")).render(width=80).split() == ["ms", "a", "b"]

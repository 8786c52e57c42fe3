"""SCTP, DCEP and channel data: chunks, parameters, causes, payloads, and what is said about broken ones."""

from __future__ import annotations

import pytest

from rtcpy.explain import Dissector, Explanation, explain
from rtcpy.explain.user_messages import UserMessages
from rtcpy.sctp.chunks import (
    CHUNK_FORMATS,
    AbortChunk,
    DataChunk,
    ErrorChunk,
    HeartbeatChunk,
    InitChunk,
    Ppid,
    ReconfigChunk,
    SackChunk,
    ShutdownChunk,
    UnknownChunk,
)
from rtcpy.sctp.dcep import ChannelParameters, write_open
from rtcpy.sctp.packet import Packet, packet_checksum
from rtcpy.sctp.parameters import (
    CauseCode,
    ErrorCause,
    HeartbeatInfo,
    OutgoingResetRequest,
    Parameter,
    ParameterType,
    SupportedExtensions,
)
from rtcpy.sctp.unspoken import READABLE_CHUNKS, AuthChunk, IDataChunk, IForwardTsnChunk
from rtcpy.testing.wire_laws import check_wire
from rtcpy.turn import ChannelData
from rtcpy.wire import Wire
from tests.explain.sessions import LARGE, sent, trace

HEADER = 12


def packet(*chunks: Wire) -> bytes:
    return Packet(5000, 5000, 7, list(chunks)).serialize()


def explained(data: bytes) -> Explanation:
    explanation = Dissector().explain_layer("sctp", data)
    assert explanation.is_tiled
    return explanation


def data(payload: bytes, ppid: int = Ppid.BINARY, **options: object) -> DataChunk:
    values = {"tsn": 5, "stream_id": 1, "stream_seq": 0, "ppid": ppid, "user_data": payload} | options
    return DataChunk(**values)  # type: ignore[arg-type]


def test_the_checksum_is_checked() -> None:
    right = packet(SackChunk(cumulative_tsn=1, a_rwnd=2))
    assert explained(right).find("checksum").text.endswith(", matches")
    none = right[:8] + bytes(4) + right[12:]
    assert "none: allowed where both ends said so" in explained(none).find("checksum").text
    wrong = right[:8] + b"\1\2\3\4" + right[12:]
    assert packet_checksum(wrong).hex() in explained(wrong).find("checksum").problem


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (data(b"12345"), "DATA: 5 bytes binary, stream 1"),
        (data(b"\0", Ppid.STRING_EMPTY), "DATA: empty text message, stream 1"),
        (data("hällo".encode(), Ppid.STRING), 'DATA: text "hällo", stream 1'),
        (data(b"x", 99), "DATA: 1 byte with PPID 99, stream 1"),
        (data(b"x", ending=False), "DATA: first part of a message (binary), stream 1"),
        (data(b"\x02", Ppid.DCEP), "DATA: DATA_CHANNEL_ACK, stream 1"),
        (
            data(write_open(ChannelParameters("chat", ordered=False, max_retransmits=1)), Ppid.DCEP),
            'DATA: DATA_CHANNEL_OPEN "chat", unordered, at most 1 retransmission, stream 1',
        ),
        (
            data(write_open(ChannelParameters("chat", max_lifetime_ms=250)), Ppid.DCEP),
            'DATA: DATA_CHANNEL_OPEN "chat", for at most 250 ms, stream 1',
        ),
        (SackChunk(cumulative_tsn=9, a_rwnd=1), "SACK (all up to 9)"),
        (ShutdownChunk(cumulative_tsn=9), "SHUTDOWN"),
        (
            HeartbeatChunk(parameters=[Parameter(type=1, value=HeartbeatInfo(info=b"x"))]),
            "HEARTBEAT (Heartbeat Info)",
        ),
        (UnknownChunk(type=0x3F, flags=0, value=b"x"), "chunk type 63"),
        (IDataChunk(tsn=1, stream_id=1, message_id=0, ppid_or_fsn=53, user_data=b"x"), "I-DATA"),
        (IForwardTsnChunk(new_cumulative_tsn=7), "I-FORWARD-TSN (give up all up to 7)"),
        (AuthChunk(shared_key_id=0, hmac_id=1, hmac=bytes(20)), "AUTH"),
    ],
)
def test_chunks_in_a_line(chunk: Wire, said: str) -> None:
    explanation = explained(packet(chunk))
    assert explanation.root.text == said and not explanation.problems


def test_parameters_are_named_and_read() -> None:
    chunk = InitChunk(
        initiate_tag=1, a_rwnd=1500, outbound_streams=1, inbound_streams=1, initial_tsn=1,
        parameters=[
            Parameter(type=ParameterType.FORWARD_TSN_SUPPORTED, value=b""),
            Parameter(type=ParameterType.SUPPORTED_EXTENSIONS, value=SupportedExtensions(chunk_types=[130, 192])),
            Parameter(type=0x8765, value=b"abc"),
        ],
    )  # fmt: skip
    explanation = explained(packet(chunk))
    names = [node.name for node in explanation.find("parameters").children]
    assert names == ["Forward TSN Supported", "Supported Extensions", "parameter 0x8765"]
    assert explanation.find("Supported Extensions").text == "RE-CONFIG (130), FORWARD TSN (192)"
    assert explanation.find("parameter 0x8765").meaning.endswith("its type says: skip it")
    reset = ReconfigChunk(
        parameters=[
            Parameter(
                type=ParameterType.OUTGOING_SSN_RESET_REQUEST,
                value=OutgoingResetRequest(request_seq=1, response_seq=2, last_tsn=3, stream_ids=[4]),
            )
        ]
    )
    assert explained(packet(reset)).root.text == "RE-CONFIG (Outgoing SSN Reset Request)"


def test_causes_are_named_and_read() -> None:
    causes = [
        ErrorCause(code=CauseCode.INVALID_STREAM_IDENTIFIER, info=b"\0\7\0\0"),
        ErrorCause(code=CauseCode.MISSING_MANDATORY_PARAMETER, info=b"\0\0\0\1\0\7"),
        ErrorCause(code=CauseCode.STALE_COOKIE, info=b"\0\0\0\5"),
        ErrorCause(
            code=CauseCode.UNRECOGNIZED_PARAMETERS, info=Parameter(type=0x8765, value=b"").serialize()
        ),
        ErrorCause(code=CauseCode.NO_USER_DATA, info=b"\0\0\0\5"),
        ErrorCause(code=CauseCode.PROTOCOL_VIOLATION, info=b"tag is 0"),
        ErrorCause(code=99, info=b"?"),
    ]
    explanation = explained(packet(ErrorChunk(causes=causes)))
    names = [node.name for node in explanation.find("causes").children]
    assert names == [
        "Invalid Stream Identifier", "Missing Mandatory Parameter", "Stale Cookie", "Unrecognized Parameters",
        "No User Data", "Protocol Violation", "cause 99",
    ]  # fmt: skip
    assert explanation.find("stream_id").value == 7 and explanation.find("staleness_us").value == 5
    assert explanation.find("parameter 0x8765").width == 32
    assert explanation.find("information").text.endswith('"tag is 0"') and not explanation.problems
    broken = explained(packet(AbortChunk(causes=[ErrorCause(code=CauseCode.STALE_COOKIE, info=b"\0")])))
    assert broken.unreadable == 1


def test_a_broken_chunk_does_not_hide_the_next() -> None:
    sack = SackChunk(cumulative_tsn=9, a_rwnd=1).serialize()
    lying = sack[:12] + b"\0\5" + sack[14:]  # five gap blocks, none there
    explanation = explained(packet(SackChunk(cumulative_tsn=1, a_rwnd=1))[:HEADER] + lying + sack)
    assert explanation.root.text == "SACK + SACK (all up to 9)"
    told = [node.problem for node in explanation.problems if node.name == "SACK"]
    assert told and told[0].startswith("GapBlock: start needs 4 bytes, 0 left")


@pytest.mark.parametrize("length", [0, 3, 200])
def test_a_length_that_leads_nowhere_ends_the_packet(length: int) -> None:
    bad = bytes([3, 0]) + length.to_bytes(2, "big") + bytes(8)
    explanation = explained(packet(SackChunk(cumulative_tsn=9, a_rwnd=1)) + bad)
    assert explanation.root.text == "SACK (all up to 9) + broken chunk"
    assert "length" in explanation.problems[-1].problem or "value needs" in explanation.problems[-1].problem


@pytest.mark.parametrize("size", [0, 5, 12, 14])
def test_packets_cut_short(size: int) -> None:
    explanation = explained(packet(SackChunk(cumulative_tsn=9, a_rwnd=1))[:size])
    assert explanation.root.width == size * 8
    assert explanation.root.problem or explanation.root.text in ("no chunks", "broken chunk")


def test_missing_padding_at_the_end_is_no_fault() -> None:
    whole = packet(data(b"12345"))
    for size in range(len(whole) - 3, len(whole)):
        cut = whole[:size]
        cut = cut[:8] + packet_checksum(cut) + cut[12:]
        assert not explained(cut).problems
        assert [node.width for node in explained(cut).find_all("padding")] == [
            8 * (size - len(whole) + 3)
        ] * (size > len(whole) - 3)


def test_text_that_is_no_utf_8_is_told() -> None:
    assert (
        "no UTF-8: invalid start byte at byte 1"
        in explained(packet(data(b"a\xff", Ppid.STRING))).problems[0].problem
    )
    assert "2 or 3 expected" in explained(packet(data(b"\x09x", Ppid.DCEP))).problems[0].problem


def test_a_message_in_fragments_is_put_together_where_it_ends() -> None:
    dissector = Dissector(keys=trace().key_log())
    messages = []
    for entry in sent():
        for _, inside in dissector.explain(
            entry.data, source=entry.local, destination=entry.remote
        ).insides():
            messages += [message for node, message in inside.insides() if node.name == "user_data"]
    assert [message.data for message in messages] == [LARGE]
    assert messages[0].title == "40,960 bytes binary, put together: 40,960 bytes"


def test_fragments_may_come_in_any_order_and_more_than_once() -> None:
    first = data(b"a", tsn=0xFFFFFFFF, beginning=True, ending=False)
    middle = data(b"b", tsn=0, beginning=False, ending=False)
    last = data(b"c", tsn=1, beginning=False, ending=True)
    for order in ((first, middle, last), (last, middle, first), (middle, last, middle, first)):
        messages = UserMessages()
        heard = [messages.hear(chunk, "them") for chunk in order]
        assert heard[-1] == b"abc" and heard[:-1] == [None] * (len(order) - 1)
    messages = UserMessages()
    assert messages.hear(first, "a") is None and messages.hear(middle, "b") is None
    assert messages.hear(last, "a") is None  # the middle came from another
    assert messages.hear(data(b"x"), "a") is None  # whole by itself


def test_fragments_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtcpy.explain import user_messages

    monkeypatch.setattr(user_messages, "WAITING_MAX", 1000)
    messages = UserMessages()
    for tsn in range(0, 400, 2):
        messages.hear(data(bytes(100), tsn=tsn, ending=False), "them")
    assert len(messages._waiting) == 10


def test_channel_data_shows_the_datagram_within() -> None:
    inner = bytes.fromhex("000100002112a442") + bytes(12)
    for padding in (b"", b"\0"):
        payload = inner + b"\x99" * len(padding and b"123")
        explanation = explain(ChannelData(channel_number=0x4001, data=payload).serialize() + padding)
        assert explanation.is_tiled and explanation.root.text.startswith("channel 0x4001: Binding request")
        assert [node.width for node in explanation.find_all("padding")] == [8] * len(padding)
    wrong = explain(ChannelData(channel_number=0x4FFF, data=inner).serialize()[:-1])
    assert "data needs 20 bytes by length, 19 left" in wrong.root.problem and wrong.is_tiled
    media = explain(
        ChannelData(channel_number=0x4000, data=bytes.fromhex("80000001 00000002 00000003 ff")).serialize()
    )
    assert media.is_tiled and media.find("RTP packet").offset == 4 and not media.problems


@pytest.mark.parametrize("form", [AuthChunk, IDataChunk, IForwardTsnChunk])
def test_formats_that_the_stack_does_not_speak_obey_the_laws_and_stay_unspoken(form: type[Wire]) -> None:
    check_wire(form)
    assert form in READABLE_CHUNKS.values() and form not in CHUNK_FORMATS.values()

"""Chunks and parameters: round trips, the hand-written lanes against their declarations, lengths that lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import WireError
from rtcpy.sctp import SctpDecodeError
from rtcpy.sctp.chunks import (
    CHUNK_FORMATS,
    DataChunk,
    ErrorChunk,
    GapBlock,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    read_sack_lists,
    write_data,
    write_sack,
)
from rtcpy.sctp.parameters import (
    ErrorCause,
    OutgoingResetRequest,
    Parameter,
    ParameterType,
    SupportedExtensions,
    skips_rest,
    wants_report,
)
from rtcpy.wire import Wire, explain

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
data_chunks = st.builds(
    DataChunk,
    immediate=st.booleans(),
    unordered=st.booleans(),
    beginning=st.booleans(),
    ending=st.booleans(),
    tsn=u32,
    stream_id=u16,
    stream_seq=u16,
    ppid=u32,
    user_data=st.binary(max_size=50),
)
sack_chunks = st.builds(
    SackChunk,
    cumulative_tsn=u32,
    a_rwnd=u32,
    gaps=st.lists(st.builds(GapBlock, start=u16, end=u16), max_size=6),
    duplicates=st.lists(u32, max_size=6),
)


def outcome(parse: object, raw: bytes) -> object:
    """The value, or what is wrong and where."""
    try:
        return parse(raw)  # type: ignore[operator]
    except WireError as error:
        return (type(error), error.offset, str(error))


@given(st.one_of(data_chunks, sack_chunks))
def test_lanes_serialize_as_declared(chunk: Wire) -> None:
    raw = chunk.serialize()
    assert raw == chunk.serialize_declared()
    assert type(chunk).parse(raw) == chunk == type(chunk).parse_declared(raw)


@given(st.one_of(data_chunks, sack_chunks), st.data())
def test_lanes_parse_as_declared_also_what_is_broken(chunk: Wire, data: st.DataObject) -> None:
    raw = bytearray(chunk.serialize())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=4))
    cls = type(chunk)
    assert outcome(cls.parse, broken) == outcome(cls.parse_declared, broken)


@given(st.sampled_from([DataChunk, SackChunk]), st.binary(max_size=64))
def test_lanes_parse_arbitrary_bytes_as_declared(cls: type[Wire], raw: bytes) -> None:
    assert outcome(cls.parse, raw) == outcome(cls.parse_declared, raw)


@pytest.mark.parametrize(
    "values", [{"tsn": -1}, {"stream_id": 65536}, {"ppid": 1 << 32}, {"user_data": bytes(65520)}]
)
def test_lane_and_declaration_refuse_the_same_values(values: dict) -> None:
    fields = {"tsn": 1, "stream_id": 2, "stream_seq": 3, "ppid": 4, "user_data": b"x"} | values
    chunk = DataChunk(**fields)
    with pytest.raises(SctpDecodeError):
        chunk.serialize_declared()
    with pytest.raises(SctpDecodeError):
        chunk.serialize()


@given(data_chunks)
def test_the_function_of_the_lane_writes_the_same(chunk: DataChunk) -> None:
    flags = chunk.immediate << 3 | chunk.unordered << 2 | chunk.beginning << 1 | chunk.ending
    assert (
        write_data(flags, chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.ppid, chunk.user_data)
        == chunk.serialize_declared()
    )


@given(sack_chunks)
def test_the_functions_of_the_sack_lane_agree(chunk: SackChunk) -> None:
    bounds = [bound for gap in chunk.gaps for bound in (gap.start, gap.end)]
    raw = write_sack(chunk.cumulative_tsn, chunk.a_rwnd, bounds, chunk.duplicates)
    assert raw == chunk.serialize_declared()
    assert read_sack_lists(b"??" + raw, 2, len(chunk.gaps), len(chunk.duplicates)) == (
        tuple(bounds),
        tuple(chunk.duplicates),
    )


@given(st.sampled_from(sorted(CHUNK_FORMATS)), st.binary(max_size=60))
def test_any_body_gives_a_chunk_or_the_one_error(kind: int, body: bytes) -> None:
    raw = bytes([kind, 0]) + (len(body) + 4).to_bytes(2, "big") + body + bytes(-len(body) % 4)
    cls = CHUNK_FORMATS[kind]
    try:
        chunk = cls.parse(raw)
    except SctpDecodeError:
        return
    spans = explain(cls, raw)
    assert sum(span.width for span in spans) == 8 * len(raw), "every bit explained once"
    again = chunk.serialize()
    assert cls.parse(again) == chunk


@pytest.mark.parametrize("length", [0, 1, 2, 3])
@pytest.mark.parametrize("chunk_type", [1, 2, 4, 5, 6, 9, 130])
def test_parameter_lengths_below_the_header_are_refused(chunk_type: int, length: int) -> None:
    """What froze another stack: a parameter of length 0 must not be looked at twice."""
    fixed = bytes(3) + b"\1" + b"\0\0\x10\0" + b"\0\1\0\1" + bytes(4) if chunk_type in (1, 2) else b""
    body = fixed + b"\x80\x08" + length.to_bytes(2, "big") + bytes(8)
    raw = bytes([chunk_type, 0]) + (len(body) + 4).to_bytes(2, "big") + body
    with pytest.raises(SctpDecodeError) as caught:
        CHUNK_FORMATS[chunk_type].parse(raw)
    assert caught.value.offset is not None


def test_the_last_parameter_may_lack_its_padding_in_the_chunk_length() -> None:
    """RFC 9260 §3.2: "a robust implementation is expected to accept the chunk" both ways."""
    parameter = Parameter(
        type=ParameterType.SUPPORTED_EXTENSIONS, value=SupportedExtensions(chunk_types=[130, 192, 1])
    )
    chunk = InitChunk(
        initiate_tag=1,
        a_rwnd=1500,
        outbound_streams=1,
        inbound_streams=1,
        initial_tsn=9,
        parameters=[parameter],
    )
    raw = chunk.serialize()
    shorter = raw[:2] + (len(raw) - 1).to_bytes(2, "big") + raw[4:]
    assert InitChunk.parse(raw) == InitChunk.parse(shorter) == chunk
    for each in (raw, shorter):
        assert sum(span.width for span in explain(InitChunk, each)) == 8 * len(each)


def test_reset_request_lists_streams_and_an_odd_one_is_padded() -> None:
    request = OutgoingResetRequest(request_seq=1, response_seq=2, last_tsn=3, stream_ids=[7])
    parameter = Parameter(type=ParameterType.OUTGOING_SSN_RESET_REQUEST, value=request)
    chunk = ReconfigChunk(parameters=[parameter])
    assert len(chunk.serialize()) == 4 + 4 + 12 + 4
    assert ReconfigChunk.parse(chunk.serialize()) == chunk


def test_causes_of_any_length_come_back() -> None:
    chunk = ErrorChunk(causes=[ErrorCause(code=9, info=b"abc"), ErrorCause(code=777, info=b"")])
    assert ErrorChunk.parse(chunk.serialize()) == chunk


@pytest.mark.parametrize(
    ("kind", "skips", "reports"),
    [(0x0003, True, False), (0x4003, True, True), (0x8003, False, False), (0xC003, False, True)],
)
def test_high_bits_say_what_to_do_with_unknown_parameters(kind: int, skips: bool, reports: bool) -> None:
    """RFC 9260 §3.2.1, table 3."""
    assert (skips_rest(kind), wants_report(kind)) == (skips, reports)

"""The declaration engine on small formats of its own: bytes worked out by hand, errors with their offsets."""

from __future__ import annotations

import struct
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import WireError
from rtcpy.wire import (
    Wire,
    array,
    bits,
    box_diagram,
    const,
    count_of,
    embed,
    explain,
    flag,
    length_of,
    opaque,
    optional,
    pad,
    render,
    reserved,
    switch,
    vector,
    wire,
)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


class TinyError(WireError):
    """The error type of these formats."""


@wire("Test §1", error=TinyError)
class Chunk(Wire):
    """Shaped like an SCTP DATA chunk."""

    type = const(8, 7, "kind of chunk")
    _reserved = reserved(5)
    first: bool = flag("first fragment")
    colour: int = bits(2, "colour", enum=Colour)
    length = length_of("body", 16, plus=8, doc="bytes without padding")
    number: int = bits(32, "serial number")
    body: bytes = opaque(length="length")
    _pad = pad(4)


@wire("Test §2", error=TinyError)
class Range(Wire):
    start: int = bits(16, "first")
    end: int = bits(16, "last")


@wire("Test §3", error=TinyError)
class Report(Wire):
    """Two counted arrays under one length, as in a SACK."""

    length = length_of("ranges singles", 16, plus=6)
    range_count = count_of("ranges", 16)
    single_count = count_of("singles", 16)
    ranges: list[Range] = array(Range, count="range_count", default_factory=list)
    singles: list[int] = array(32, count="single_count", default_factory=list)


@wire("Test §4", error=TinyError)
class Hello(Wire):
    """Nested vectors and an optional tail, as in TLS."""

    version: int = bits(16, "version")
    suites: list[int] = vector(16, 16, "suites", minimum=2)
    names: list[int] = vector(8, 8, enum=Colour, default_factory=list)
    extensions: list[Chunk] | None = optional(vector(16, Chunk), default=None)


@wire("Test §5", error=TinyError)
class Envelope(Wire):
    kind: int = bits(8, "what is inside")
    has_note: bool = flag("a note follows the body")
    _reserved = reserved(7)
    length = length_of("body", 16, unit=2)
    body: Range | bytes = switch("kind", {1: Range}, length="length")
    note: int | None = optional(bits(16, "note"), when="has_note", default=None)
    last: Range = embed(Range)


CHUNK = Chunk(first=True, colour=Colour.BLUE, number=0x01020304, body=b"hello")
CHUNK_BYTES = bytes([7, 0b00000110, 0, 13, 1, 2, 3, 4]) + b"hello\0\0\0"


def test_known_bytes_both_ways() -> None:
    assert CHUNK.serialize() == CHUNK_BYTES
    assert Chunk.parse(CHUNK_BYTES) == CHUNK
    assert Chunk.parse(memoryview(CHUNK_BYTES)) == CHUNK


def test_enum_values_are_named_and_unknown_ones_survive() -> None:
    assert Chunk.parse(CHUNK_BYTES).colour is Colour.BLUE
    other = CHUNK_BYTES[:1] + bytes([0b00000111]) + CHUNK_BYTES[2:]
    parsed = Chunk.parse(other)
    assert parsed.colour == 3 and not isinstance(parsed.colour, Colour)
    assert parsed.serialize() == other


def test_reserved_bits_are_ignored_and_sent_as_zero() -> None:
    dirty = CHUNK_BYTES[:1] + bytes([0b11111110]) + CHUNK_BYTES[2:]
    assert Chunk.parse(dirty) == CHUNK
    assert Chunk.parse(dirty).serialize() == CHUNK_BYTES


def test_wire_only_lines_are_no_attributes() -> None:
    assert not hasattr(CHUNK, "length")
    with pytest.raises(TypeError):
        Chunk(first=True, colour=1, number=1, body=b"", length=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("data", "offset", "says"),
    [
        (b"", 0, "needs 4 bytes, 0 left"),
        (b"\x08" + CHUNK_BYTES[1:], 0, "type is 0x8, expected 0x7"),
        (CHUNK_BYTES[:3] + b"\x07" + CHUNK_BYTES[4:], 0, "length is 7, at least 8"),
        (CHUNK_BYTES[:3] + b"\x60" + CHUNK_BYTES[4:], 8, "needs 88 bytes by length, 8 left"),
        (CHUNK_BYTES[:-1], 13, "padding needs 3 bytes, 2 left"),
        (CHUNK_BYTES + b"x", 16, "1 bytes left over"),
    ],
)
def test_errors_say_what_and_where(data: bytes, offset: int, says: str) -> None:
    with pytest.raises(TinyError, match=says) as caught:
        Chunk.parse(data)
    assert caught.value.offset == offset
    assert "Test §1" in str(caught.value)


def test_every_truncation_is_refused() -> None:
    whole = Hello(version=1, suites=[1, 2], names=[1], extensions=[CHUNK]).serialize()
    without_extensions = 2 + 6 + 2
    for size in range(len(whole)):
        if size == without_extensions:
            assert Hello.parse(whole[:size]).extensions is None
            continue
        with pytest.raises(TinyError):
            Hello.parse(whole[:size])


def test_one_length_over_two_arrays() -> None:
    report = Report(ranges=[Range(start=2, end=3)], singles=[9, 10])
    data = report.serialize()
    assert data == struct.pack("!HHHHHII", 6 + 4 + 8, 1, 2, 2, 3, 9, 10)
    assert Report.parse(data) == report
    with pytest.raises(TinyError, match="length is 22, the fields take 18"):
        Report.parse(struct.pack("!H", 22) + data[2:])


def test_vectors_respect_minimum_and_element_size() -> None:
    with pytest.raises(TinyError, match="suites has 0 bytes, at least 2"):
        Hello.parse(bytes([0, 1, 0, 0, 0]))
    with pytest.raises(TinyError, match="ends within an element of 2 bytes"):
        Hello.parse(bytes([0, 1, 0, 3, 1, 2, 3, 0]))
    with pytest.raises(TinyError, match="fewer than 2 bytes"):
        Hello(version=1, suites=[], names=[]).serialize()


def test_switch_optional_embed_and_units() -> None:
    last = Range(start=5, end=6)
    for envelope in (
        Envelope(kind=1, has_note=True, body=Range(start=1, end=2), note=77, last=last),
        Envelope(kind=9, has_note=False, body=b"abcd", last=last),
    ):
        assert Envelope.parse(envelope.serialize()) == envelope
    with pytest.raises(TinyError, match="is not Range"):
        Envelope(kind=1, has_note=False, body=b"raw!", last=last).serialize()
    with pytest.raises(TinyError, match="no multiple of 2"):
        Envelope(kind=9, has_note=False, body=b"odd", last=last).serialize()
    with pytest.raises(TinyError, match="disagrees with has_note"):
        Envelope(kind=9, has_note=True, body=b"", last=last).serialize()


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(TinyError, match="does not fit 32 bits"):
        Chunk(first=False, colour=0, number=1 << 32, body=b"").serialize()
    with pytest.raises(TinyError, match="does not fit 16 bits"):
        Chunk(first=False, colour=0, number=0, body=bytes(1 << 16)).serialize()


def test_bit_fields_must_fill_whole_bytes() -> None:
    with pytest.raises(TypeError, match="a, b fill 13 bits"):

        @wire("Test §6")
        class Broken(Wire):
            a: int = bits(5)
            b: int = bits(8)


@given(st.binary(max_size=40), st.booleans(), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_round_trip(body: bytes, first: bool, colour: int, number: int) -> None:
    chunk = Chunk(first=first, colour=colour, number=number, body=body)
    assert Chunk.parse(chunk.serialize()) == chunk


@given(st.one_of(st.binary(max_size=64), st.binary(max_size=60).map(lambda tail: CHUNK_BYTES[:4] + tail)))
def test_arbitrary_bytes_give_a_value_or_the_error(data: bytes) -> None:
    for cls in (Chunk, Range, Report, Hello, Envelope):
        error: TinyError | None = None
        try:
            value = cls.parse(data)
        except TinyError as caught:
            error = caught
        if error is None:
            again = value.serialize()
            assert cls.parse(again) == value and len(again) == len(data)
        else:
            assert error.offset is not None and 0 <= error.offset <= len(data)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=4), st.binary(max_size=9))
def test_every_bit_is_explained_once(suites: list[int], body: bytes) -> None:
    hello = Hello(
        version=3,
        suites=suites,
        names=[1, 200],
        extensions=[Chunk(first=False, colour=1, number=1, body=body)],
    )
    data = hello.serialize()
    spans = explain(Hello, data)
    position = 0
    whole = int.from_bytes(data, "big")
    for span in spans:
        assert span.first_bit == position
        position += span.width
        assert span.raw == (whole >> (len(data) * 8 - position)) & ((1 << span.width) - 1)
    assert position == len(data) * 8


def test_render_and_diagram() -> None:
    text = render(explain(Chunk, CHUNK_BYTES))
    assert "number" in text and "serial number" in text and "68 65 6c 6c 6f" in text
    diagram = box_diagram(Chunk)
    rows = diagram.splitlines()
    assert rows[3] == "|    type = 7   | reserved|F| C |             length            |"
    assert all(len(row) <= 65 for row in rows)
    assert "/                        body (variable)                        /" in rows


def test_a_constant_that_is_a_pattern_is_drawn_in_hexadecimal() -> None:
    @wire("RFC 8489 §5")
    class Marked(Wire):
        """Two constants."""

        kind = const(8, 17, "an amount")
        cookie = const(32, 0x2112A442, "a pattern")

    diagram = box_diagram(Marked)
    assert "kind = 17" in diagram and "cookie = 0x2112a442" in diagram

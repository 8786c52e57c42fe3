"""The quick lane by itself: what it makes, and that it leaves everything else to the walk."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import WireError
from rtcpy.wire import Wire, array, bits, const, count_of, length_of, opaque, optional, pad, vector, wire
from rtcpy.wire.compiled import compile_reader, compile_writer, numbers, reader_source, writer_source


@wire("RFC 0000 §1")
class Item(Wire):
    """A nested value."""

    number: int = bits(8, "number")


@wire("RFC 0000 §2")
class Everything(Wire):
    """One field of most kinds."""

    version = const(4, 2, "version")
    kind: int = bits(4, "kind")
    length = length_of("name", 8, plus=2)
    count = count_of("items", 8)
    name: bytes = opaque("name", length="length")
    items: list[Item] = array(Item, "items", count="count")
    wide: list[int] = vector(8, 24, "numbers of three bytes", minimum=3)
    _pad = pad(4)
    last: int | None = optional(bits(16, "last"))


VALUE = Everything(kind=5, name=b"abc", items=[Item(number=7), Item(number=8)], wide=[1, 0x010203], last=9)
DATA = bytes.fromhex("25 05 02 616263 07 08 06 000001 010203 00 0009")


def test_numbers_of_every_width() -> None:
    assert list(numbers(b"\x01\x02", 1)) == [1, 2]
    assert list(numbers(b"\x01\x02\x03\x04", 2)) == [0x0102, 0x0304]
    assert list(numbers(b"\x01\x02\x03", 3)) == [0x010203]


def test_good_values_take_the_quick_lane() -> None:
    assert compile_writer(Everything)(VALUE) == VALUE.serialize_declared() == DATA
    assert compile_reader(Everything)(DATA, 0, len(DATA)) == (VALUE, len(DATA))


def test_an_absent_optional_field() -> None:
    value = Everything(kind=1, name=b"", items=[], wide=[3], last=None)
    data = value.serialize()
    assert data == value.serialize_declared()
    assert Everything.parse(data) == Everything.parse_declared(data) == value


@pytest.mark.parametrize("size", [n for n in range(len(DATA)) if n != 16])  # at 16 only `last` is missing
def test_the_walk_says_what_is_wrong(size: int) -> None:
    cut = DATA[:size]
    with pytest.raises(WireError) as quick:
        Everything.parse(cut)
    with pytest.raises(WireError) as walked:
        Everything.parse_declared(cut)
    assert str(quick.value) == str(walked.value)


def test_what_cannot_be_written_is_left_to_the_walk() -> None:
    for unfit in (
        Everything(kind=16, name=b"", items=[], wide=[1]),
        Everything(kind=1, name=b"", items=[], wide=[]),
        Everything(kind=1, name=b"", items=[], wide=[1 << 24]),
        Everything(kind=1, name=bytes(254), items=[], wide=[1]),
        Everything(kind=1, name=b"", items=[], wide=[1], last=1 << 16),
    ):
        assert compile_writer(Everything)(unfit) is None
        with pytest.raises(WireError):
            unfit.serialize()


def test_the_source_can_be_read() -> None:
    assert reader_source(Everything).startswith("def read(buf, offset, end):\n")
    assert writer_source(Everything).startswith("def write(self):\n")


def test_each_class_has_its_own_lane() -> None:
    Item(number=1).serialize()
    Item.parse(b"\x01")
    assert Item.wire_reader is not None and Item.wire_reader is not Wire.wire_reader
    assert Wire.wire_reader is None and Wire.wire_writer is None

"""Hypothesis strategies made from wire declarations: values of any `Wire` class, and hostile bytes near valid ones.

Nothing is said twice: the same declaration that parses and serializes a format says what its values are. A strategy
made here draws only values that the format can hold, so a round-trip test needs no filter that could hide a fault.

Owns: `wire_values`, `mutations`, `near_valid`. Does not own: the laws themselves (`laws`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st

from rtcpy.wire import Wire
from rtcpy.wire import fields as f

T = TypeVar("T", bound=Wire)

MAX_ELEMENTS = 4  # elements of a generated array: enough for "none, one, several"
MAX_BYTES = 40  # bytes of a generated opaque: spans several words and every padding

Overrides = Mapping[Any, st.SearchStrategy[Any]]
"""Strategies that replace the generated ones: by `Wire` class, or by (class, attribute name)."""


def wire_values(cls: type[T], overrides: Overrides | None = None) -> st.SearchStrategy[T]:
    """Values of the declared format `cls`, all of which serialize.

    Args:
        cls: a class made by `rtcpy.wire.wire`.
        overrides: replacements for what a declaration cannot say, such as an attribute whose bytes must
            themselves follow a format.
    """
    table: Overrides = overrides if overrides is not None else {}
    if cls in table:
        return table[cls]
    return _wire_values(cls, table)


@st.composite
def _wire_values(draw: st.DrawFn, cls: type[T], overrides: Overrides) -> T:
    values: dict[str, Any] = {}
    ended = False  # an optional tail was left out: nothing after it may be there
    for field in cls.wire_fields:
        if isinstance(field, f.Const | f.Reserved | f.LengthOf | f.CountOf | f.Pad):
            continue
        if (cls, field.name) in overrides:
            values[field.name] = draw(overrides[cls, field.name])
        elif isinstance(field, f.Optional):
            if field.when is not None:
                present = bool(values[field.when])
            else:
                present = not ended and draw(st.booleans())
                ended = not present
            values[field.name] = (
                draw(_field(cls, field.inner, values, overrides, least=1)) if present else None
            )
        else:
            values[field.name] = draw(_field(cls, field, values, overrides))
    return cls(**values)


def _field(
    cls: type[Wire], field: f.Field, values: Mapping[str, Any], overrides: Overrides, *, least: int = 0
) -> st.SearchStrategy[Any]:
    """What one attribute may hold; `least` bytes at the least where its length is its own to choose."""
    match field:
        case f.Bits():
            return _bits(cls, field)
        case f.Opaque():
            return _opaque(cls, field, least)
        case f.Vector(of=of) if of is bytes:
            return st.binary(
                min_size=field.minimum, max_size=_most(field.len_bits, field.minimum + MAX_BYTES)
            )
        case f.Vector():
            width = field.of // 8 if isinstance(field.of, int) else 1
            return _elements(field, overrides, least=-(-field.minimum // width))
        case f.Array():
            return _elements(field, overrides, least=least)
        case f.Switch():
            case = (field.cases or {}).get(values[field.on])
            if case is not None:
                return wire_values(case, overrides)
            return _sized(cls, field.name, least)
        case f.Embed():
            return wire_values(field.of, overrides)
    raise AssertionError(field)


def _most(len_bits: int, wanted: int) -> int:
    return min(wanted, (1 << len_bits) - 1)


def _bits(cls: type[Wire], field: f.Bits) -> st.SearchStrategy[Any]:
    if field.is_flag:
        return st.booleans()
    choices: list[st.SearchStrategy[Any]] = [st.integers(0, (1 << field.width) - 1)]
    if field.enum is not None:
        choices.append(st.sampled_from([m for m in field.enum if 0 <= m < 1 << field.width]))
    for other in cls.wire_fields:  # a value that selects a format is worth drawing more often than by chance
        if isinstance(other, f.Switch) and other.on == field.name and other.cases:
            choices.append(st.sampled_from(sorted(other.cases)))
    return st.one_of(choices)


def _opaque(cls: type[Wire], field: f.Opaque, least: int) -> st.SearchStrategy[bytes]:
    if isinstance(field.length, int):
        return st.binary(min_size=field.length, max_size=field.length)
    return _sized(cls, field.name, least)


def _sized(cls: type[Wire], name: str, least: int) -> st.SearchStrategy[bytes]:
    """Bytes for attribute `name`, as many as the length field that counts it can express."""
    for other in cls.wire_fields:
        if isinstance(other, f.LengthOf) and name in other.targets and other.unit > 1:
            # Alone under a length in units: its size must make the total a multiple. Others beside it are
            # arrays of whole units in every format there is.
            odd = -other.plus % other.unit
            counts = st.integers(-(-max(0, least - odd) // other.unit), MAX_BYTES // other.unit)
            sizes = counts.map(lambda n, odd=odd, unit=other.unit: odd + n * unit)  # type: ignore[misc]
            return sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
    return st.binary(min_size=least, max_size=MAX_BYTES)


def _elements(field: f.Vector | f.Array, overrides: Overrides, least: int) -> st.SearchStrategy[list[Any]]:
    element: st.SearchStrategy[Any]
    if isinstance(field.of, int):
        element = st.integers(0, (1 << field.of) - 1)
        if field.enum is not None:
            element = st.one_of(element, st.sampled_from([m for m in field.enum if 0 <= m < 1 << field.of]))
    else:
        element = wire_values(field.of, overrides)
    return st.lists(element, min_size=least, max_size=least + MAX_ELEMENTS)


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with one to four edits of the kinds that break parsers.

    Bits flipped, bytes set to the extremes, lengths zeroed, pieces cut out, doubled, swapped or appended.
    """
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["flip", "extreme", "truncate", "cut", "double", "append", "length"]))
        if not out:
            kind = "append"
        at = draw(st.integers(0, max(0, len(out) - 1)))
        if kind == "flip":
            out[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "extreme":
            out[at] = draw(st.sampled_from([0x00, 0x01, 0x7F, 0x80, 0xFF]))
        elif kind == "truncate":
            del out[at:]
        elif kind == "cut":
            del out[at : at + draw(st.integers(1, 8))]
        elif kind == "double":
            piece = out[at : at + draw(st.integers(1, 16))]
            out[at:at] = piece
        elif kind == "append":
            out += draw(st.binary(min_size=1, max_size=8))
        else:
            size = draw(st.sampled_from([1, 2, 4]))
            value = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 0x7FFF, 0xFFFF, len(out)]))
            out[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")
    return bytes(out)


def near_valid(cls: type[Wire], overrides: Overrides | None = None) -> st.SearchStrategy[bytes]:
    """Bytes that are almost a `cls`, and now and then bytes that are nothing at all."""
    valid = wire_values(cls, overrides).map(lambda value: value.serialize())
    return st.one_of(valid.flatmap(mutations), st.binary(max_size=64))

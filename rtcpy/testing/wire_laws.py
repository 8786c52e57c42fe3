"""The laws that every declared wire format obeys, as one executable check.

1. *Round trip*: a value survives `serialize` and `parse`.
2. *Fixed point*: what a parser accepted, serialized, is accepted and serializes to the same bytes again.
3. *Tiling*: an explanation covers every bit exactly once and shows the bits that are there.
4. *One reading*: explained values equal parsed values.
5. *One error*: arbitrary bytes give a value or the layer's error with an offset inside the input, nothing else.
6. *Truncation*: a format that knows its own length refuses every proper prefix; one with a `parse_from` of its
   own may forgive missing padding, if it reads the same value.
7. *Fast path*: a hand-written `parse` or `serialize` equals the declaration, errors included.
8. *No aliasing*: a value parsed from a buffer does not change with the buffer; any bytes-like object will do.

The checks are ordinary functions of one value or one input; `check_wire` runs them all under Hypothesis.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings

from rtcpy.core.errors import WireError
from rtcpy.testing.strategies import Overrides, near_valid, wire_values
from rtcpy.wire import Wire, explain
from rtcpy.wire import fields as f

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def check_wire(cls: type[Wire], *, overrides: Overrides | None = None, examples: int | None = None) -> None:
    """Put a declared format through all its laws.

    Args:
        cls: the format.
        overrides: strategies for attributes that a declaration cannot describe; see `wire_values`.
        examples: how many values and how many hostile inputs; default: Hypothesis' profile in force. However slow the
            machine, none is given up for its time.

    Raises:
        AssertionError: a law is broken; the message names law and format.
    """
    count = examples if examples is not None else settings.default.max_examples  # type: ignore[union-attr]

    limits = settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])

    @limits
    @given(wire_values(cls, overrides))
    def values(value: Wire) -> None:
        check_value(value)

    @limits
    @given(near_valid(cls, overrides))
    def inputs(data: bytes) -> None:
        check_input(cls, data)

    values()
    inputs()


def check_value(value: Wire) -> None:
    """Laws 1, 3, 4, 6, 7 and 8 for one value."""
    cls = type(value)
    data = value.serialize()
    assert type(data) is bytes, f"{cls.__name__}.serialize gives {type(data).__name__}"
    assert data == value.serialize_declared(), f"law 7: fast {cls.__name__}.serialize differs for {value}"
    parsed = cls.parse(data)
    assert parsed == value, f"law 1: {cls.__name__} {value} comes back as {parsed} from {data.hex()}"
    check_explanation(cls, data)
    check_no_aliasing(cls, data)
    open_end, forgives = is_open_ended(cls), forgives_padding(cls)
    for size in range(len(data)):
        check_input(cls, data[:size])
        if not open_end:
            shorter, _ = _attempt(cls.parse, cls, data[:size])
            assert shorter is None or (forgives and shorter == value and not any(data[size:])), (
                f"law 6: {cls.__name__} takes {size} of {len(data)} bytes: {data.hex()}"
            )


def check_input(cls: type[Wire], data: bytes) -> None:
    """Laws 2, 3, 4, 5 and 7 for one input, valid or not."""
    fast, fast_error = _attempt(cls.parse, cls, data)
    slow, slow_error = _attempt(cls.parse_declared, cls, data)
    where = f"{cls.__name__} on {data.hex()}"
    assert fast == slow, f"law 7: fast parse of {where} gives {fast}, the declaration {slow}"
    if fast_error is not None or slow_error is not None:
        assert (
            fast_error is not None
            and slow_error is not None
            and (
                (str(fast_error), fast_error.offset, fast_error.rfc)
                == (str(slow_error), slow_error.offset, slow_error.rfc)
            )
        ), f"law 7: {where}: fast parse says {fast_error!r}, the declaration {slow_error!r}"
        offset = fast_error.offset
        assert offset is not None and 0 <= offset <= len(data), f"law 5: {where}: offset is {offset}"
        assert fast_error.rfc, f"law 5: {where}: the error cites no section"
        return
    assert fast is not None
    again = fast.serialize()
    parsed = cls.parse(again)
    assert parsed == fast, f"law 2: {where} reads {fast}, and after writing it {parsed}"
    assert parsed.serialize() == again, f"law 2: {where} does not settle"
    check_explanation(cls, data)


def check_explanation(cls: type[Wire], data: bytes) -> None:
    """Laws 3 and 4 for bytes that parse."""
    spans = explain(cls, data)
    value = cls.parse(data)
    whole, total, position = int.from_bytes(data, "big"), len(data) * 8, 0
    for span in spans:
        assert span.first_bit == position, (
            f"law 3: {cls.__name__}: {span.name} begins at bit {span.first_bit}, {position} were explained"
        )
        assert span.width > 0, f"law 3: {cls.__name__}: {span.name} has no bits"
        position += span.width
        raw = (whole >> (total - position)) & ((1 << span.width) - 1)
        assert span.raw == raw, f"law 3: {cls.__name__}: {span.name} shows {span.raw:#x}, there is {raw:#x}"
        found, known = _lookup(value, span.name)
        if known:
            assert found == span.value, (
                f"law 4: {cls.__name__}: {span.name} is explained as {span.value!r}, parsed as {found!r}"
            )
    assert position == total, f"law 3: {cls.__name__}: {total - position} bits are unexplained"


def check_no_aliasing(cls: type[Wire], data: bytes) -> None:
    """Law 8 for bytes that parse."""
    expected = cls.parse(data)
    buffer = bytearray(data)
    value = cls.parse(buffer)
    assert value == expected, f"law 8: {cls.__name__} reads a bytearray differently"
    assert cls.parse(memoryview(data)) == expected, f"law 8: {cls.__name__} reads a memoryview differently"
    for i in range(len(buffer)):
        buffer[i] ^= 0xFF
    assert value == expected, f"law 8: {cls.__name__} changes with the buffer it was parsed from"


def is_open_ended(cls: type[Wire]) -> bool:
    """Whether `cls` takes all the bytes there are, so that a shorter input may be another valid value."""
    for field in cls.wire_fields:
        match field:
            case f.Opaque(length=None) | f.Array(count=None, length=None) | f.Optional(when=None):
                return True
            case f.Switch(length=None):
                return True
            case f.Embed(of=of) if is_open_ended(of):
                return True
    return False


def forgives_padding(cls: type[Wire]) -> bool:
    """Whether `cls` says by a `parse_from` of its own that its last padding may be missing."""
    return cls.parse_from.__func__ is not Wire.parse_from.__func__  # type: ignore[attr-defined]


def _attempt(parse: Any, cls: type[Wire], data: bytes) -> tuple[Wire | None, WireError | None]:
    try:
        return parse(data), None
    except WireError as error:
        if type(error) is not cls.wire_error:
            raise AssertionError(
                f"law 5: {cls.__name__} raises {type(error).__name__}, documented is {cls.wire_error.__name__}"
            ) from error
        return None, error


def _lookup(value: object, path: str) -> tuple[object, bool]:
    """The attribute of `value` that a span's name spells, and whether there is one (constants have none)."""
    for name, index in _STEP.findall(path):
        if index:
            if not isinstance(value, list) or int(index) >= len(value):
                return None, False
            value = value[int(index)]
        elif (
            isinstance(value, Wire)
            and name in {field.name for field in value.wire_fields}
            and hasattr(value, name)
        ):
            value = getattr(value, name)
        else:
            return None, False
    return value, True

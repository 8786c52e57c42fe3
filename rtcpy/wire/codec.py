"""Parse and serialize from declarations.

`wire` turns a declaration into a slotted dataclass and keeps its field list as the *layout*: a tuple of steps,
where neighbouring bit fields form one `Run` of whole bytes. `parse_declared` walks the layout once over the
bytes; the walk also records spans when asked, so an explanation cannot disagree with the parser.

The walk is what a declaration means. Where nobody asks for an explanation and nothing is wrong, `parse` and
`serialize` take a quicker lane to the same result: functions made of the declaration (`rtcpy.wire.compiled`).

A format on a hot path may override `parse` and `serialize` by hand; `rtcpy.testing.laws.check_wire` proves such
an override equal to the declaration, errors included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, dataclass_transform

from rtcpy.core.errors import WireError
from rtcpy.wire import fields as f
from rtcpy.wire.compiled import Reader, Writer, compile_reader, compile_writer
from rtcpy.wire.fields import BIT_FIELDS, MISSING, Field
from rtcpy.wire.spans import Span

T = TypeVar("T", bound="Wire")
Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class Run:
    """Neighbouring bit fields that together fill `size` bytes; each with its shift from the right end."""

    size: int
    fields: tuple[tuple[Field, int, int], ...]  # (field, shift, mask)
    attributes: tuple[tuple[str, int, int, dict[int, Any]], ...]  # of `Bits`: (name, shift, mask, names)
    others: tuple[
        tuple[Field, int, int], ...
    ]  # those that are no attributes and not reserved, as in `fields`


class _Walk:
    """One pass of `parse_declared` over one value: position, limits, values read so far, spans if wanted."""

    __slots__ = (
        "buf",
        "cls",
        "counts",
        "end",
        "lengths",
        "offset",
        "prefix",
        "sizes",
        "spans",
        "start",
        "values",
    )

    def __init__(
        self, cls: type[Wire], buf: Buffer, offset: int, end: int, spans: list[Span] | None, prefix: str
    ) -> None:
        self.cls, self.buf, self.start, self.offset, self.end = cls, buf, offset, offset, end
        self.values: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.lengths: dict[str, tuple[f.LengthOf, int, int]] = {}  # (field, value, its offset)
        self.spans, self.prefix = spans, prefix

    def fail(self, message: str, offset: int | None = None, value: object = None) -> WireError:
        return self.cls.wire_error(
            f"{self.cls.__name__}: {message}",
            offset=self.offset if offset is None else offset,
            rfc=self.cls.wire_rfc,
            value=value,
        )

    def need(self, size: int, what: str) -> int:
        """Advance over `size` bytes; return where they begin."""
        if self.end - self.offset < size:
            raise self.fail(f"{what} needs {size} bytes, {self.end - self.offset} left")
        at = self.offset
        self.offset += size
        return at

    def span(self, offset: int, size: int, field: Field, value: object, *, name: str = "") -> None:
        if self.spans is not None and size:
            raw = int.from_bytes(self.buf[offset : offset + size], "big")
            self.spans.append(
                Span(
                    offset,
                    0,
                    size * 8,
                    self.prefix + (name or field.name),
                    raw,
                    value,
                    field.doc,
                    self.cls.wire_rfc,
                    self.cls,
                )
            )

    def remaining(self, length: str, what: str) -> int:
        """Bytes that the length field `length` still grants to `what`."""
        field, value, at = self.lengths[length]
        left = value * field.unit - field.plus
        for target in field.targets:
            left -= self.sizes.get(target, 0)
        if left < 0:
            raise self.fail(f"{length} is {value}, too small for {what}", at, value)
        if left > self.end - self.offset:
            raise self.fail(
                f"{what} needs {left} bytes by {length}, {self.end - self.offset} left", value=value
            )
        return left

    # -- one method per kind of step ------------------------------------------------------------

    def run(self, run: Run) -> None:
        at = self.offset
        end = at + run.size
        if end > self.end:
            self.need(run.size, run.fields[0][0].name)
        self.offset = end
        word = int.from_bytes(self.buf[at:end], "big")
        values = self.values
        for name, shift, mask, names in run.attributes:
            raw = (word >> shift) & mask
            values[name] = names.get(raw, raw)
        if self.spans is not None:  # before anything is found wrong: a wrong field is still that field
            self.explain_run(run, at, word, self.spans)
        for field, shift, mask in run.others:
            raw = (word >> shift) & mask
            if isinstance(field, f.LengthOf):
                self.lengths[field.name] = (field, raw, at)
                if raw * field.unit < field.plus:
                    raise self.fail(
                        f"{field.name} is {raw}, at least {field.plus // field.unit} expected", at, raw
                    )
            elif isinstance(field, f.CountOf):
                self.counts[field.name] = raw
            elif isinstance(field, f.Const) and raw != field.value:
                raise self.fail(f"{field.name} is {raw:#x}, expected {field.value:#x}", at, raw)

    def explain_run(self, run: Run, at: int, word: int, spans: list[Span]) -> None:
        """A span for each field of a run that was read at `at`."""
        total = run.size * 8
        for field, shift, mask in run.fields:
            raw = (word >> shift) & mask
            width = mask.bit_length()
            begin = total - shift - width
            value = self.values[field.name] if isinstance(field, f.Bits) else raw
            name, rfc = self.prefix + field.name, self.cls.wire_rfc
            spans.append(Span(at + begin // 8, begin % 8, width, name, raw, value, field.doc, rfc, self.cls))

    def opaque(self, field: f.Opaque) -> bytes:
        if field.length is None:
            size = self.end - self.offset
        elif isinstance(field.length, int):
            size = field.length
        else:
            size = self.remaining(field.length, field.name)
        at = self.need(size, field.name)
        value = bytes(self.buf[at : at + size])
        if self.spans is not None:
            self.span(at, size, field, value)
        return value

    def vector(self, field: f.Vector) -> Any:
        head = field.len_bits // 8
        at = self.need(head, f"length of {field.name}")
        size = int.from_bytes(self.buf[at : at + head], "big")
        if self.spans is not None:
            self.span(at, head, field, size, name=f"{field.name}.length")
        if size < field.minimum:
            raise self.fail(f"{field.name} has {size} bytes, at least {field.minimum} expected", at, size)
        begin = self.need(size, field.name)
        if field.of is bytes:
            value = bytes(self.buf[begin : begin + size])
            if self.spans is not None:
                self.span(begin, size, field, value)
            return value
        self.offset = begin
        return self.elements(field, begin + size)

    def elements(self, field: f.Vector | f.Array, end: int, count: int | None = None) -> list[Any]:
        """Read elements up to `end`, or `count` of them."""
        out: list[Any] = []
        width = field.of // 8 if isinstance(field.of, int) else 0
        names = enum_names(field)
        while self.offset < end if count is None else len(out) < count:
            at = self.offset
            if width:
                if end - at < width:
                    raise self.fail(f"{field.name} ends within an element of {width} bytes", at)
                self.offset += width
                raw = int.from_bytes(self.buf[at : at + width], "big")
                value: Any = names.get(raw, raw)
                if self.spans is not None:
                    self.span(at, width, field, value, name=f"{field.name}[{len(out)}]")
            else:
                value = self.nested(field.of, end, field.name, len(out))
                if self.offset == at:
                    raise self.fail(f"{field.name} has an element of no bytes", at)
            out.append(value)
        return out

    def array(self, field: f.Array) -> list[Any]:
        if field.count is not None:
            return self.elements(field, self.end, self.counts[field.count])
        size = self.end - self.offset if field.length is None else self.remaining(field.length, field.name)
        return self.elements(field, self.offset + size)

    def nested(self, cls: type[Wire], end: int, name: str, number: int | None = None) -> Wire:
        """A value inside this one: the attribute `name`, or its element `number`."""
        prefix = ""
        if self.spans is not None:
            prefix = f"{self.prefix}{name}." if number is None else f"{self.prefix}{name}[{number}]."
        value, self.offset = cls.parse_from(self.buf, self.offset, end, spans=self.spans, prefix=prefix)
        return value

    def switch(self, field: f.Switch) -> Any:
        size = self.end - self.offset if field.length is None else self.remaining(field.length, field.name)
        case = (field.cases or {}).get(self.values[field.on])
        end = self.offset + size
        if case is None:
            at = self.need(size, field.name)
            raw = bytes(self.buf[at : at + size])
            if self.spans is not None:
                self.span(at, size, field, raw)
            return raw
        value = self.nested(case, end, field.name)
        if self.offset != end:
            raise self.fail(f"{field.name} has {end - self.offset} bytes left over")
        return value

    def pad(self, field: f.Pad) -> None:
        at = self.need(-(self.offset - self.start) % field.multiple, "padding")
        self.span(at, self.offset - at, field, None)

    def embed(self, field: f.Embed) -> Wire:
        return self.nested(field.of, self.end, field.name)

    def optional(self, step: f.Optional) -> Any:
        if not (self.flagged(step.when) if step.when else self.offset < self.end):
            return None
        if not isinstance(step.inner, f.Bits):
            return READERS[type(step.inner)](self, step.inner)
        size = step.inner.width // 8
        at = self.need(size, step.name)
        raw = int.from_bytes(self.buf[at : at + size], "big")
        value = enum_names(step.inner).get(raw, raw)
        self.span(at, size, step.inner, value)
        return value

    def flagged(self, when: str) -> Any:
        """Whether the earlier field `when` says that an optional one is there."""
        return self.values[when] if when in self.values else self.counts[when]

    def steps(self) -> None:
        values, sizes = self.values, self.sizes
        for name, read, step in self.cls.wire_steps:
            if name:
                at = self.offset
                values[name] = read(self, step)
                sizes[name] = self.offset - at
            else:
                read(self, step)
        for name, (field, value, at) in self.lengths.items():
            taken = field.plus
            for target in field.targets:
                taken += sizes.get(target, 0)
            if value * field.unit != taken:
                raise self.fail(f"{name} is {value}, the fields take {taken // field.unit}", at, value)


READERS: dict[type, Callable[[_Walk, Any], Any]] = {
    Run: _Walk.run,
    f.Pad: _Walk.pad,
    f.Opaque: _Walk.opaque,
    f.Vector: _Walk.vector,
    f.Array: _Walk.array,
    f.Switch: _Walk.switch,
    f.Embed: _Walk.embed,
    f.Optional: _Walk.optional,
}
"""What reads each kind of step."""

_FLAG: dict[int, Any] = {0: False, 1: True}
_NO_NAMES: dict[int, Any] = {}


def enum_names(field: Any) -> dict[int, Any]:
    """What values of `field` are called: booleans of a flag, members of its enum; others stay integers."""
    if isinstance(field, f.Bits) and field.is_flag:
        return _FLAG
    return _NO_NAMES if field.enum is None else field.enum._value2member_map_


class Wire:
    """Base of every declared format. Attributes are the annotated lines of the declaration.

    Class attributes: `wire_rfc` (the section), `wire_error` (the one exception its parser raises),
    `wire_fields` (all lines in wire order), `wire_layout` (the same, bit fields packed into runs), `wire_steps`
    (the layout with what reads each step; the name is empty for steps that are no attribute), `wire_encoders`
    (the attributes that are not bits, with what encodes each), `wire_reader` and `wire_writer` (the quick lane).
    """

    __slots__ = ()

    wire_rfc: ClassVar[str] = ""
    wire_error: ClassVar[type[WireError]] = WireError
    wire_fields: ClassVar[tuple[Field, ...]] = ()
    wire_layout: ClassVar[tuple[Any, ...]] = ()
    wire_steps: ClassVar[tuple[tuple[str, Callable[[_Walk, Any], Any], Any], ...]] = ()
    wire_encoders: ClassVar[tuple[tuple[str, Callable[[Any, Any, Any], bytes], Any], ...]] = ()
    wire_reader: ClassVar[Reader | None] = None
    wire_writer: ClassVar[Writer | None] = None

    @classmethod
    def parse(cls: type[T], buf: Buffer) -> T:
        """Read one value that fills `buf`. Raises `wire_error` with the byte offset. May be overridden by a fast path."""
        value, offset = cls.parse_from(buf, 0, len(buf))
        if offset != len(buf):
            raise cls._left_over(buf, offset)
        return value

    def serialize(self) -> bytes:
        """The bytes of this value. Raises `wire_error` for a value that the format cannot hold."""
        cls = type(self)
        if cls.wire_writer is None:
            cls.wire_writer = compile_writer(cls)
        written = cls.wire_writer(self)
        return self.serialize_declared() if written is None else written

    @classmethod
    def parse_declared(cls: type[T], buf: Buffer) -> T:
        """`parse` by the walk alone: the reference that fast paths are compared with."""
        value, offset = cls.parse_from(buf, 0, len(buf), spans=[])
        if offset != len(buf):
            raise cls._left_over(buf, offset)
        return value

    @classmethod
    def _left_over(cls, buf: Buffer, offset: int) -> WireError:
        return cls.wire_error(
            f"{cls.__name__}: {len(buf) - offset} bytes left over", offset=offset, rfc=cls.wire_rfc
        )

    @classmethod
    def parse_from(
        cls: type[T], buf: Buffer, offset: int, end: int, *, spans: list[Span] | None = None, prefix: str = ""
    ) -> tuple[T, int]:
        """Read one value from ``buf[offset:end]``; return it and the offset after it.

        `spans` collects an explanation of every bit, names prefixed by `prefix`.
        """
        if spans is None:
            if cls.wire_reader is None:
                cls.wire_reader = compile_reader(cls)
            read: tuple[T, int] | None = cls.wire_reader(buf, offset, end)
            if read is not None:
                return read
        walk = _Walk(cls, buf, offset, end, spans, prefix)
        walk.steps()
        return cls(**walk.values), walk.offset

    def serialize_declared(self) -> bytes:
        """`serialize` by the declaration alone: the reference that fast paths are compared with."""
        parts = {name: encode(self, field, getattr(self, name)) for name, encode, field in self.wire_encoders}
        out = bytearray()
        for step in self.wire_layout:
            if isinstance(step, Run):
                word = 0
                for name, shift, mask, _ in step.attributes:
                    value = int(getattr(self, name))
                    if not 0 <= value <= mask:
                        raise self._unfit(name, value, f"does not fit {mask.bit_length()} bits")
                    word |= value << shift
                for field, shift, mask in step.others:
                    word |= self._fit(field.name, self._number(field, parts), mask) << shift
                out += word.to_bytes(step.size, "big")
            elif isinstance(step, f.Pad):
                out += bytes(-len(out) % step.multiple)
            else:
                out += parts[step.name]
        return bytes(out)

    def _number(self, field: Field, parts: dict[str, bytes]) -> int:
        """The value of a bit field that is no attribute."""
        if isinstance(field, f.LengthOf):
            total = field.plus
            for target in field.targets:
                total += len(parts[target])
            if total % field.unit:
                raise self._unfit(field.name, total, f"is no multiple of {field.unit}")
            return total // field.unit
        if isinstance(field, f.CountOf):
            return len(getattr(self, field.target))
        assert isinstance(field, f.Const), field
        return field.value

    def _fit(self, name: str, value: int, mask: int) -> int:
        if not 0 <= value <= mask:
            raise self._unfit(name, value, f"does not fit {mask.bit_length()} bits")
        return value

    def _unfit(self, name: str, value: object, why: str) -> WireError:
        return self.wire_error(
            f"{type(self).__name__}.{name}: {value!r} {why}", rfc=self.wire_rfc, value=value
        )

    # -- one method per kind of attribute ---------------------------------------------------------

    def _encode_optional(self, field: f.Optional, value: Any) -> bytes:
        present = field.when is None or bool(getattr(self, field.when))
        if (value is not None) != present and field.when is not None:
            raise self._unfit(field.name, value, f"disagrees with {field.when}")
        return b"" if value is None else ENCODERS[type(field.inner)](self, field.inner, value)

    def _encode_bits(self, field: f.Bits, value: Any) -> bytes:
        return self._fit(field.name, int(value), (1 << field.width) - 1).to_bytes(field.width // 8, "big")

    def _encode_opaque(self, field: f.Opaque, value: Any) -> bytes:
        if isinstance(field.length, int) and len(value) != field.length:
            raise self._unfit(field.name, value, f"is not {field.length} bytes")
        return bytes(value)

    def _encode_vector(self, field: f.Vector, value: Any) -> bytes:
        body = bytes(value) if field.of is bytes else self._encode_elements(field, value)
        size = len(body)
        if size < field.minimum:
            raise self._unfit(field.name, value, f"has fewer than {field.minimum} bytes")
        return (
            self._fit(field.name, size, (1 << field.len_bits) - 1).to_bytes(field.len_bits // 8, "big") + body
        )

    def _encode_elements(self, field: f.Vector | f.Array, value: list[Any]) -> bytes:
        if not isinstance(field.of, int):
            return b"".join([element.serialize() for element in value])
        size = field.of // 8
        try:
            return b"".join([int(number).to_bytes(size, "big") for number in value])
        except OverflowError:
            unfit = next(number for number in value if not 0 <= int(number) < 1 << field.of)
            raise self._unfit(field.name, int(unfit), f"does not fit {field.of} bits") from None

    def _encode_switch(self, field: f.Switch, value: Any) -> bytes:
        case = (field.cases or {}).get(getattr(self, field.on), bytes)
        if not isinstance(value, case):
            raise self._unfit(field.name, value, f"is not {case.__name__}, which {field.on} calls for")
        return value.serialize() if isinstance(value, Wire) else bytes(value)

    def _encode_embed(self, field: f.Embed, value: Any) -> bytes:
        return bytes(value.serialize())


ENCODERS: dict[type, Callable[[Any, Any, Any], bytes]] = {
    f.Optional: Wire._encode_optional,
    f.Bits: Wire._encode_bits,
    f.Opaque: Wire._encode_opaque,
    f.Vector: Wire._encode_vector,
    f.Array: Wire._encode_elements,
    f.Switch: Wire._encode_switch,
    f.Embed: Wire._encode_embed,
}
"""What encodes each kind of attribute; bits only where they are optional, as others are part of a run."""


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(f.bits, f.flag, f.opaque, f.vector, f.array, f.switch, f.embed, f.optional),
)
def wire(rfc: str, *, error: type[WireError] = WireError) -> Callable[[type[T]], type[T]]:
    """Make a `Wire` class out of a declaration.

    Args:
        rfc: the section that defines the format, e.g. ``"RFC 9260 §3.3.1"``.
        error: the exception that its parser and serializer raise: the one error type of its layer.
    """

    def decorate(cls: type[T]) -> type[T]:
        declared: list[Field] = []
        annotations = cls.__dict__.get("__annotations__", {})
        for name, field in list(cls.__dict__.items()):
            if not isinstance(field, Field):
                continue
            field.name = name
            if isinstance(field, f.Optional):
                field.inner.name = name
            declared.append(field)
            delattr(cls, name)
            if name in annotations and field.default is not MISSING:
                setattr(cls, name, field.default)
            elif name in annotations and field.default_factory is not None:
                setattr(cls, name, dataclasses.field(default_factory=field.default_factory))
        made = dataclass(slots=True, kw_only=True)(cls)
        made.wire_rfc, made.wire_error = rfc, error
        made.wire_reader = made.wire_writer = None  # made when first used, and never a base class's
        made.wire_fields, made.wire_layout = tuple(declared), _layout(cls.__name__, declared)
        made.wire_steps = tuple(
            ("" if isinstance(step, (Run, f.Pad)) else step.name, READERS[type(step)], step)
            for step in made.wire_layout
        )
        made.wire_encoders = tuple(
            (field.name, ENCODERS[type(field)], field)
            for field in declared
            if not isinstance(field, (*BIT_FIELDS, f.Pad))
        )
        return made

    return decorate


def _layout(owner: str, declared: list[Field]) -> tuple[Run | Field, ...]:
    """Pack neighbouring bit fields into runs; a run that fills no whole number of bytes is a mistake in the declaration."""
    out: list[Run | Field] = []
    pending: list[tuple[Field, int]] = []

    def flush() -> None:
        if not pending:
            return
        total = sum(width for _, width in pending)
        if total % 8:
            raise TypeError(
                f"{owner}: {', '.join(x.name for x, _ in pending)} fill {total} bits, not whole bytes"
            )
        packed, left = [], total
        for field, width in pending:
            left -= width
            packed.append((field, left, (1 << width) - 1))
        attributes = [
            (x.name, shift, mask, enum_names(x)) for x, shift, mask in packed if isinstance(x, f.Bits)
        ]
        others = [(x, s, m) for x, s, m in packed if not isinstance(x, (f.Bits, f.Reserved))]
        out.append(Run(total // 8, tuple(packed), tuple(attributes), tuple(others)))
        pending.clear()

    for field in declared:
        if isinstance(field, (f.Bits, f.Const, f.Reserved, f.LengthOf, f.CountOf)):
            pending.append((field, field.width))
            if sum(width for _, width in pending) % 8 == 0 and sum(width for _, width in pending) >= 32:
                flush()
        else:
            flush()
            out.append(field)
    flush()
    return tuple(out)

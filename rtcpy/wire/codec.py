"""Parse and serialize from declarations.

`wire` turns a declaration into a slotted dataclass and keeps its field list as the *layout*: a tuple of steps,
where neighbouring bit fields form one `Run` of whole bytes. `parse_declared` walks the layout once over the
bytes; the walk also records spans when asked, so an explanation cannot disagree with the parser.

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
from rtcpy.wire.fields import BIT_FIELDS, MISSING, Field
from rtcpy.wire.spans import Span

T = TypeVar("T", bound="Wire")
Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class Run:
    """Neighbouring bit fields that together fill `size` bytes; each with its shift from the right end."""

    size: int
    fields: tuple[tuple[Field, int, int], ...]  # (field, shift, mask)


class _Walk:
    """One pass of `parse_declared` over one value: position, limits, values read so far, spans if wanted."""

    __slots__ = ("buf", "cls", "end", "lengths", "offset", "prefix", "sizes", "spans", "start", "values")

    def __init__(
        self, cls: type[Wire], buf: Buffer, offset: int, end: int, spans: list[Span] | None, prefix: str
    ) -> None:
        self.cls, self.buf, self.start, self.offset, self.end = cls, buf, offset, offset, end
        self.values: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
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
                )
            )

    def remaining(self, length: str, what: str) -> int:
        """Bytes that the length field `length` still grants to `what`."""
        field, value, at = self.lengths[length]
        left = value * field.unit - field.plus - sum(self.sizes.get(t, 0) for t in field.targets)
        if left < 0:
            raise self.fail(f"{length} is {value}, too small for {what}", at, value)
        if left > self.end - self.offset:
            raise self.fail(
                f"{what} needs {left} bytes by {length}, {self.end - self.offset} left", value=value
            )
        return left

    # -- one method per kind of step ------------------------------------------------------------

    def run(self, run: Run) -> None:
        at = self.need(run.size, run.fields[0][0].name)
        word = int.from_bytes(self.buf[at : at + run.size], "big")
        total = run.size * 8
        for field, shift, mask in run.fields:
            raw = (word >> shift) & mask
            value: Any = raw
            if isinstance(field, f.Bits):
                value = self.values[field.name] = named(field, raw)
            elif isinstance(field, f.Const):
                if raw != field.value:
                    raise self.fail(f"{field.name} is {raw:#x}, expected {field.value:#x}", at, raw)
            elif isinstance(field, f.LengthOf):
                self.lengths[field.name] = (field, raw, at)
                if raw * field.unit < field.plus:
                    raise self.fail(
                        f"{field.name} is {raw}, at least {field.plus // field.unit} expected", at, raw
                    )
            elif isinstance(field, f.CountOf):
                self.values[field.name] = raw
            if self.spans is not None:
                width = mask.bit_length()
                begin = total - shift - width
                self.spans.append(
                    Span(
                        at + begin // 8,
                        begin % 8,
                        width,
                        self.prefix + field.name,
                        raw,
                        value,
                        field.doc,
                        self.cls.wire_rfc,
                    )
                )

    def opaque(self, field: f.Opaque) -> bytes:
        if field.length is None:
            size = self.end - self.offset
        elif isinstance(field.length, int):
            size = field.length
        else:
            size = self.remaining(field.length, field.name)
        at = self.need(size, field.name)
        value = bytes(self.buf[at : at + size])
        self.span(at, size, field, value)
        return value

    def vector(self, field: f.Vector) -> Any:
        head = field.len_bits // 8
        at = self.need(head, f"length of {field.name}")
        size = int.from_bytes(self.buf[at : at + head], "big")
        self.span(at, head, field, size, name=f"{field.name}.length")
        if size < field.minimum:
            raise self.fail(f"{field.name} has {size} bytes, at least {field.minimum} expected", at, size)
        begin = self.need(size, field.name)
        if field.of is bytes:
            value = bytes(self.buf[begin : begin + size])
            self.span(begin, size, field, value)
            return value
        self.offset = begin
        return self.elements(field, begin + size)

    def elements(self, field: f.Vector | f.Array, end: int, count: int | None = None) -> list[Any]:
        """Read elements up to `end`, or `count` of them."""
        out: list[Any] = []
        width = field.of // 8 if isinstance(field.of, int) else 0
        while self.offset < end if count is None else len(out) < count:
            at = self.offset
            if width:
                if end - at < width:
                    raise self.fail(f"{field.name} ends within an element of {width} bytes", at)
                self.offset += width
                raw = int.from_bytes(self.buf[at : at + width], "big")
                value: Any = named(field, raw)
                self.span(at, width, field, value, name=f"{field.name}[{len(out)}]")
            else:
                value = self.nested(field.of, end, f"{field.name}[{len(out)}].")
                if self.offset == at:
                    raise self.fail(f"{field.name} has an element of no bytes", at)
            out.append(value)
        return out

    def array(self, field: f.Array) -> list[Any]:
        if field.count is not None:
            return self.elements(field, self.end, self.values[field.count])
        size = self.end - self.offset if field.length is None else self.remaining(field.length, field.name)
        return self.elements(field, self.offset + size)

    def nested(self, cls: type[Wire], end: int, prefix: str) -> Wire:
        value, self.offset = cls.parse_from(
            self.buf, self.offset, end, spans=self.spans, prefix=self.prefix + prefix
        )
        return value

    def switch(self, field: f.Switch) -> Any:
        size = self.end - self.offset if field.length is None else self.remaining(field.length, field.name)
        case = (field.cases or {}).get(self.values[field.on])
        end = self.offset + size
        if case is None:
            at = self.need(size, field.name)
            raw = bytes(self.buf[at : at + size])
            self.span(at, size, field, raw)
            return raw
        value = self.nested(case, end, field.name + ".")
        if self.offset != end:
            raise self.fail(f"{field.name} has {end - self.offset} bytes left over")
        return value

    def pad(self, field: f.Pad) -> None:
        at = self.need(-(self.offset - self.start) % field.multiple, "padding")
        self.span(at, self.offset - at, field, None)

    def value(self, step: Field) -> Any:
        match step:
            case f.Opaque():
                return self.opaque(step)
            case f.Vector():
                return self.vector(step)
            case f.Array():
                return self.array(step)
            case f.Switch():
                return self.switch(step)
            case f.Embed():
                return self.nested(step.of, self.end, step.name + ".")
            case f.Optional():
                present = self.values[step.when] if step.when else self.offset < self.end
                return self.optional(step) if present else None
        raise AssertionError(step)

    def optional(self, step: f.Optional) -> Any:
        if not isinstance(step.inner, f.Bits):
            return self.value(step.inner)
        size = step.inner.width // 8
        at = self.need(size, step.name)
        value = named(step.inner, int.from_bytes(self.buf[at : at + size], "big"))
        self.span(at, size, step.inner, value)
        return value

    def steps(self) -> None:
        for step in self.cls.wire_layout:
            if isinstance(step, Run):
                self.run(step)
            elif isinstance(step, f.Pad):
                self.pad(step)
            else:
                at = self.offset
                self.values[step.name] = self.value(step)
                self.sizes[step.name] = self.offset - at
        for name, (field, value, at) in self.lengths.items():
            taken = sum(self.sizes.get(t, 0) for t in field.targets) + field.plus
            if value * field.unit != taken:
                raise self.fail(f"{name} is {value}, the fields take {taken // field.unit}", at, value)


def named(field: Any, raw: int) -> Any:
    """`raw` as bool, as a member of the field's enum where it has one of that value, else as it is."""
    if isinstance(field, f.Bits) and field.is_flag:
        return raw == 1
    if field.enum is not None:
        return field.enum._value2member_map_.get(raw, raw)
    return raw


class Wire:
    """Base of every declared format. Attributes are the annotated lines of the declaration.

    Class attributes: `wire_rfc` (the section), `wire_error` (the one exception its parser raises),
    `wire_fields` (all lines in wire order), `wire_layout` (the same, bit fields packed into runs).
    """

    __slots__ = ()

    wire_rfc: ClassVar[str] = ""
    wire_error: ClassVar[type[WireError]] = WireError
    wire_fields: ClassVar[tuple[Field, ...]] = ()
    wire_layout: ClassVar[tuple[Any, ...]] = ()

    @classmethod
    def parse(cls: type[T], buf: Buffer) -> T:
        """Read one value that fills `buf`. Raises `wire_error` with the byte offset. May be overridden by a fast path."""
        return cls.parse_declared(buf)

    def serialize(self) -> bytes:
        """The bytes of this value. Raises `wire_error` for a value that the format cannot hold."""
        return self.serialize_declared()

    @classmethod
    def parse_declared(cls: type[T], buf: Buffer) -> T:
        """`parse` by the declaration alone: the reference that fast paths are compared with."""
        value, offset = cls.parse_from(buf, 0, len(buf))
        if offset != len(buf):
            raise cls.wire_error(
                f"{cls.__name__}: {len(buf) - offset} bytes left over", offset=offset, rfc=cls.wire_rfc
            )
        return value

    @classmethod
    def parse_from(
        cls: type[T], buf: Buffer, offset: int, end: int, *, spans: list[Span] | None = None, prefix: str = ""
    ) -> tuple[T, int]:
        """Read one value from ``buf[offset:end]``; return it and the offset after it.

        `spans` collects an explanation of every bit, names prefixed by `prefix`.
        """
        walk = _Walk(cls, buf, offset, end, spans, prefix)
        walk.steps()
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v for k, v in walk.values.items() if k in names}), walk.offset

    def serialize_declared(self) -> bytes:
        """`serialize` by the declaration alone."""
        parts: dict[str, bytes] = {}
        for field in self.wire_fields:
            if not isinstance(field, (*BIT_FIELDS, f.Pad)):
                parts[field.name] = self._encode(field, getattr(self, field.name))
        out = bytearray()
        for step in self.wire_layout:
            if isinstance(step, Run):
                word = 0
                for field, shift, mask in step.fields:
                    word |= self._fit(field, self._number(field, parts), mask) << shift
                out += word.to_bytes(step.size, "big")
            elif isinstance(step, f.Pad):
                out += bytes(-len(out) % step.multiple)
            else:
                out += parts[step.name]
        return bytes(out)

    def _number(self, field: Field, parts: dict[str, bytes]) -> int:
        match field:
            case f.Bits():
                return int(getattr(self, field.name))
            case f.Const():
                return field.value
            case f.LengthOf():
                total = sum(len(parts[t]) for t in field.targets) + field.plus
                if total % field.unit:
                    raise self._unfit(field, total, f"is no multiple of {field.unit}")
                return total // field.unit
            case f.CountOf():
                return len(getattr(self, field.target))
        return 0  # reserved

    def _fit(self, field: Field, value: int, mask: int) -> int:
        if not 0 <= value <= mask:
            raise self._unfit(field, value, f"does not fit {mask.bit_length()} bits")
        return value

    def _unfit(self, field: Field, value: object, why: str) -> WireError:
        return self.wire_error(
            f"{type(self).__name__}.{field.name}: {value!r} {why}", rfc=self.wire_rfc, value=value
        )

    def _encode(self, field: Any, value: Any) -> bytes:
        match field:
            case f.Optional():
                present = field.when is None or bool(getattr(self, field.when))
                if (value is not None) != present and field.when is not None:
                    raise self._unfit(field, value, f"disagrees with {field.when}")
                return b"" if value is None else self._encode(field.inner, value)
            case f.Bits():
                return self._fit(field, int(value), (1 << field.width) - 1).to_bytes(field.width // 8, "big")
            case f.Opaque():
                if isinstance(field.length, int) and len(value) != field.length:
                    raise self._unfit(field, value, f"is not {field.length} bytes")
                return bytes(value)
            case f.Vector():
                body = bytes(value) if field.of is bytes else self._elements(field, value)
                if len(body) < field.minimum:
                    raise self._unfit(field, value, f"has fewer than {field.minimum} bytes")
                return (
                    self._fit(field, len(body), (1 << field.len_bits) - 1).to_bytes(
                        field.len_bits // 8, "big"
                    )
                    + body
                )
            case f.Array():
                return self._elements(field, value)
            case f.Switch():
                case = (field.cases or {}).get(getattr(self, field.on), bytes)
                if not isinstance(value, case):
                    raise self._unfit(field, value, f"is not {case.__name__}, which {field.on} calls for")
                return value.serialize() if isinstance(value, Wire) else bytes(value)
            case f.Embed():
                return bytes(value.serialize())
        raise AssertionError(field)

    def _elements(self, field: f.Vector | f.Array, value: list[Any]) -> bytes:
        if isinstance(field.of, int):
            mask, size = (1 << field.of) - 1, field.of // 8
            return b"".join(self._fit(field, int(v), mask).to_bytes(size, "big") for v in value)
        return b"".join(v.serialize() for v in value)


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
        made.wire_fields, made.wire_layout = tuple(declared), _layout(cls.__name__, declared)
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
        out.append(Run(total // 8, tuple(packed)))
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

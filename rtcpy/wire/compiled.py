"""The quick lane: declarations turned into Python functions, which a class gets when it is first used.

`codec` reads a value by walking over the layout and asking each step what to do. A connection is set up with some
hundred values, and walking took a tenth of its time; the functions made here do the same with the questions answered
in advance. They know only the good case: a reader or writer that meets anything else returns `None`, and its caller
goes over the declaration by `codec`'s walk, which knows what to complain of. So there is one source of errors and of
explanations, and law 7 (`rtcpy.testing.wire_laws`) compares the two lanes on every format.

To see what was made of a format: ``print(reader_source(ClientHello))``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rtcpy.wire import fields as f

if TYPE_CHECKING:
    from rtcpy.wire.codec import Wire

Reader = Callable[[Any, int, int], Any]
Writer = Callable[[Any], bytes | None]


def compile_reader(cls: type[Wire]) -> Reader:
    """``read(buf, offset, end)``, which gives (value, offset after it), or None if the walk must say what is wrong."""
    source, names = _Source(cls).reader()
    exec(source, names)
    made: Reader = names["read"]
    return made


def compile_writer(cls: type[Wire]) -> Writer:
    """``write(value)``, which gives its bytes, or None if the walk must say what is wrong."""
    source, names = _Source(cls).writer()
    exec(source, names)
    made: Writer = names["write"]
    return made


def reader_source(cls: type[Wire]) -> str:
    """What `compile_reader` compiles."""
    return _Source(cls).reader()[0]


def writer_source(cls: type[Wire]) -> str:
    """What `compile_writer` compiles."""
    return _Source(cls).writer()[0]


def numbers(data: bytes, width: int) -> tuple[int, ...] | bytes:
    """The unsigned integers of `width` **bytes** in `data`, whose length is a multiple of it."""
    if width == 1:
        return data
    if width == 2:
        return struct.unpack(f">{len(data) // 2}H", data)
    return tuple(int.from_bytes(data[i : i + width], "big") for i in range(0, len(data), width))


class _Source:
    """Source text of the two functions of one class, and the objects that it names."""

    def __init__(self, cls: type[Wire]) -> None:
        from rtcpy.wire.codec import Run, Wire, enum_names  # it imports us

        self.cls, self.run_type, self.enum_names = cls, Run, enum_names
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "cls": cls,
            "Wire": Wire,
            "numbers": numbers,
            "from_bytes": int.from_bytes,
        }
        self.lengths: dict[str, f.LengthOf] = {
            field.name: field for field in cls.wire_fields if isinstance(field, f.LengthOf)
        }
        self.measured = {target for field in self.lengths.values() for target in field.targets}

    def say(self, depth: int, *lines: str) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def known(self, thing: object) -> str:
        """A name for an object that the source refers to."""
        for name, other in self.names.items():
            if other is thing:
                return name
        name = f"k{len(self.names)}"
        self.names[name] = thing
        return name

    # -- reading ------------------------------------------------------------------------------------

    def reader(self) -> tuple[str, dict[str, Any]]:
        self.say(0, "def read(buf, offset, end):")
        self.say(1, "start = offset", *[f"s_{name} = 0" for name in sorted(self.measured)])
        for step in self.cls.wire_layout:
            if isinstance(step, self.run_type):
                self.read_run(step)
            elif isinstance(step, f.Pad):
                self.say(1, f"offset += -(offset - start) % {step.multiple}")
                self.say(1, "if offset > end: return None")
            else:
                if step.name in self.measured:
                    self.say(1, "before = offset")
                self.read(1, step, step.name)
                if step.name in self.measured:
                    self.say(1, f"s_{step.name} = offset - before")
        for name, field in self.lengths.items():
            total = " + ".join([str(field.plus), *(f"s_{target}" for target in field.targets)])
            self.say(1, f"if c_{name} * {field.unit} != {total}: return None")
        attributes = [
            field.name
            for field in self.cls.wire_fields
            if isinstance(field, f.Bits) or not isinstance(field, (*f.BIT_FIELDS, f.Pad))
        ]
        arguments = ", ".join(f"{name}=v_{name}" for name in attributes)
        self.say(1, f"return cls({arguments}), offset")
        return "\n".join(self.lines) + "\n", self.names

    def read_run(self, run: Any) -> None:
        self.say(1, f"after = offset + {run.size}", "if after > end: return None")
        self.say(1, "word = from_bytes(buf[offset:after], 'big')", "offset = after")
        for name, shift, mask, names in run.attributes:
            self.say(1, f"v_{name} = word >> {shift} & {mask}")
            if names:
                self.say(1, f"v_{name} = {self.known(names)}.get(v_{name}, v_{name})")
        for field, shift, mask in run.others:
            self.say(1, f"c_{field.name} = word >> {shift} & {mask}")
            if isinstance(field, f.LengthOf):
                self.say(1, f"if c_{field.name} * {field.unit} < {field.plus}: return None")
            elif isinstance(field, f.Const):
                self.say(1, f"if c_{field.name} != {field.value}: return None")

    def read(self, depth: int, field: Any, name: str) -> None:
        """Lines that read one field into ``v_name``."""
        match field:
            case f.Opaque():
                self.read_span(depth, field.length)
                self.say(depth, f"v_{name} = bytes(buf[offset:after])", "offset = after")
            case f.Vector():
                head = field.len_bits // 8
                self.say(depth, f"after = offset + {head}", "if after > end: return None")
                self.say(depth, "size = from_bytes(buf[offset:after], 'big')", "offset = after")
                self.say(depth, "after += size", f"if size < {field.minimum} or after > end: return None")
                self.read_elements(depth, field, name)
            case f.Array() if field.count is not None:
                self.read_counted(depth, field, name)
            case f.Array():
                self.read_span(depth, field.length)
                self.read_elements(depth, field, name)
            case f.Switch():
                self.read_span(depth, field.length)
                self.say(depth, f"case = {self.known(field.cases or {})}.get(v_{field.on})")
                self.say(depth, "if case is None:", f"    v_{name} = bytes(buf[offset:after])", "else:")
                self.say(depth + 1, f"v_{name}, at = case.parse_from(buf, offset, after)")
                self.say(depth + 1, "if at != after: return None")
                self.say(depth, "offset = after")
            case f.Embed():
                self.say(depth, f"v_{name}, offset = {self.known(field.of)}.parse_from(buf, offset, end)")
            case f.Optional():
                self.say(depth, f"if {self.condition(field)}:")
                self.read(depth + 1, field.inner, name)
                self.say(depth, "else:", f"    v_{name} = None")
            case f.Bits():  # inside an optional field
                size, names = field.width // 8, self.enum_names(field)
                self.say(depth, f"after = offset + {size}", "if after > end: return None")
                self.say(depth, f"v_{name} = from_bytes(buf[offset:after], 'big')", "offset = after")
                if names:
                    self.say(depth, f"v_{name} = {self.known(names)}.get(v_{name}, v_{name})")
            case _:
                raise AssertionError(field)

    def condition(self, field: f.Optional) -> str:
        if field.when is None:
            return "offset < end"
        other = next(x for x in self.cls.wire_fields if x.name == field.when)
        return f"c_{field.when}" if isinstance(other, f.CountOf) else f"v_{field.when}"

    def read_span(self, depth: int, length: str | int | None) -> None:
        """Lines that set ``after`` to where a field of that length ends."""
        if length is None:
            self.say(depth, "after = end")
            return
        if isinstance(length, int):
            self.say(depth, f"after = offset + {length}", "if after > end: return None")
            return
        field = self.lengths[length]
        taken = "".join(f" - s_{target}" for target in field.targets)
        self.say(depth, f"after = offset + c_{length} * {field.unit} - {field.plus}{taken}")
        self.say(depth, "if not offset <= after <= end: return None")

    def read_elements(self, depth: int, field: Any, name: str) -> None:
        """Lines that read ``buf[offset:after]`` into ``v_name``."""
        if field.of is bytes:
            self.say(depth, f"v_{name} = bytes(buf[offset:after])", "offset = after")
        elif isinstance(field.of, int):
            width = field.of // 8
            if width > 1:
                self.say(depth, f"if (after - offset) % {width}: return None")
            self.read_numbers(depth, field, name)
        else:
            self.say(depth, f"v_{name} = []", "while offset < after:")
            self.say(depth + 1, f"element, at = {self.known(field.of)}.parse_from(buf, offset, after)")
            self.say(depth + 1, "if at == offset: return None", f"v_{name}.append(element)", "offset = at")

    def read_numbers(self, depth: int, field: Any, name: str) -> None:
        names = self.enum_names(field)
        found = f"numbers(bytes(buf[offset:after]), {field.of // 8})"
        if names:
            self.say(depth, f"names = {self.known(names)}")
            self.say(depth, f"v_{name} = [names.get(n, n) for n in {found}]")
        else:
            self.say(depth, f"v_{name} = list({found})")
        self.say(depth, "offset = after")

    def read_counted(self, depth: int, field: f.Array, name: str) -> None:
        if isinstance(field.of, int):
            self.say(depth, f"after = offset + c_{field.count} * {field.of // 8}")
            self.say(depth, "if after > end: return None")
            self.read_numbers(depth, field, name)
        else:
            self.say(depth, f"v_{name} = []", f"for _ in range(c_{field.count}):")
            self.say(depth + 1, f"element, at = {self.known(field.of)}.parse_from(buf, offset, end)")
            self.say(depth + 1, "if at == offset: return None", f"v_{name}.append(element)", "offset = at")

    # -- writing ------------------------------------------------------------------------------------

    def writer(self) -> tuple[str, dict[str, Any]]:
        self.say(0, "def write(self):")
        for field in self.cls.wire_fields:
            if not isinstance(field, (*f.BIT_FIELDS, f.Pad)):
                self.say(1, f"value = self.{field.name}")
                self.write(1, field, field.name)
        parts: list[str] = []
        for step in self.cls.wire_layout:
            if isinstance(step, self.run_type):
                parts.append(self.write_run(step, len(parts)))
            elif isinstance(step, f.Pad):
                self.say(1, f"out = {_joined(parts)}", f"out += bytes(-len(out) % {step.multiple})")
                parts = ["out"]
            else:
                parts.append(f"p_{step.name}")
        self.say(1, f"return {_joined(parts)}")
        return "\n".join(self.lines) + "\n", self.names

    def write_run(self, run: Any, number: int) -> str:
        """Lines that pack one run; the expression of its bytes."""
        terms = []
        for name, shift, mask, _ in run.attributes:
            self.say(1, f"n = int(self.{name})", f"if not 0 <= n <= {mask}: return None")
            self.say(1, f"b_{name} = n")
            terms.append(f"b_{name} << {shift}")
        for field, shift, mask in run.others:
            if isinstance(field, f.Const):
                terms.append(str(field.value << shift))
                continue
            if isinstance(field, f.CountOf):
                self.say(1, f"n = len(self.{field.target})")
            else:
                total = " + ".join([str(field.plus), *(f"len(p_{target})" for target in field.targets)])
                self.say(1, f"n = {total}")
                if field.unit != 1:
                    self.say(1, f"if n % {field.unit}: return None", f"n //= {field.unit}")
            self.say(1, f"if n > {mask}: return None", f"b_{field.name} = n")
            terms.append(f"b_{field.name} << {shift}")
        self.say(1, f"w_{number} = ({' | '.join(terms) or 0}).to_bytes({run.size}, 'big')")
        return f"w_{number}"

    def write(self, depth: int, field: Any, name: str) -> None:
        """Lines that turn ``value`` into ``p_name``."""
        match field:
            case f.Opaque():
                if isinstance(field.length, int):
                    self.say(depth, f"if len(value) != {field.length}: return None")
                self.say(depth, f"p_{name} = bytes(value)")
            case f.Vector():
                self.write_elements(depth, field, name)
                limit = (1 << field.len_bits) - 1
                self.say(depth, f"if not {field.minimum} <= len(p_{name}) <= {limit}: return None")
                self.say(depth, f"p_{name} = len(p_{name}).to_bytes({field.len_bits // 8}, 'big') + p_{name}")
            case f.Array():
                self.write_elements(depth, field, name)
            case f.Switch():
                self.say(depth, f"case = {self.known(field.cases or {})}.get(self.{field.on}, bytes)")
                self.say(depth, "if not isinstance(value, case): return None")
                self.say(depth, f"p_{name} = bytes(value) if case is bytes else value.serialize()")
            case f.Embed():
                self.say(depth, f"p_{name} = bytes(value.serialize())")
            case f.Optional():
                self.say(depth, "if value is None:")
                if field.when is not None:
                    self.say(depth + 1, f"if self.{field.when}: return None")
                self.say(depth + 1, f"p_{name} = b''")
                self.say(depth, "else:")
                if field.when is not None:
                    self.say(depth + 1, f"if not self.{field.when}: return None")
                self.write(depth + 1, field.inner, name)
            case f.Bits():  # inside an optional field
                limit = (1 << field.width) - 1
                self.say(depth, "n = int(value)", f"if not 0 <= n <= {limit}: return None")
                self.say(depth, f"p_{name} = n.to_bytes({field.width // 8}, 'big')")
            case _:
                raise AssertionError(field)

    def write_elements(self, depth: int, field: Any, name: str) -> None:
        if field.of is bytes:
            self.say(depth, f"p_{name} = bytes(value)")
        elif isinstance(field.of, int):
            self.say(
                depth, f"try: p_{name} = b''.join([int(n).to_bytes({field.of // 8}, 'big') for n in value])"
            )
            self.say(depth, "except OverflowError: return None")
        else:
            self.say(depth, f"p_{name} = b''.join([element.serialize() for element in value])")


def _joined(parts: list[str]) -> str:
    if not parts:
        return "b''"
    return parts[0] if len(parts) == 1 else f"b''.join(({', '.join(parts)}))"

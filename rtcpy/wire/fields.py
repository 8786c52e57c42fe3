"""The vocabulary of wire declarations: plain descriptions of fields, with no code that reads or writes them.

Each public function makes one field description. Functions that describe an attribute return `Any`, so
that ``tsn: int = bits(32, …)`` type-checks; a type checker sees them as dataclass field specifiers.

Widths are **bits**, lengths are **bytes**. Everything is big-endian ("network byte order"). There are no
lambdas in a declaration: what a field depends on is named by a string, so it can be inverted, checked and printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtcpy.wire.codec import Wire

Element = "type[bytes] | type[Wire] | int"


class _Missing:
    """No default: the attribute must be given."""


MISSING = _Missing()


@dataclass(slots=True)
class Field:
    """One line of a declaration. `name` is filled in by the `wire` decorator; empty `doc` means self-evident."""

    doc: str
    name: str = ""
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None


@dataclass(slots=True)
class Bits(Field):
    """An unsigned integer of `width` bits; `enum` gives names to known values, unknown ones stay `int`."""

    width: int = 0
    enum: type[IntEnum] | None = None
    is_flag: bool = False


@dataclass(slots=True)
class Const(Field):
    """`width` bits that always hold `value`."""

    width: int = 0
    value: int = 0


@dataclass(slots=True)
class Reserved(Field):
    """`width` bits sent as zero and ignored on receipt."""

    width: int = 0


@dataclass(slots=True)
class LengthOf(Field):
    """Holds (bytes taken by `targets` + `plus`) / `unit`, in `width` bits."""

    targets: tuple[str, ...] = ()
    width: int = 0
    plus: int = 0
    unit: int = 1


@dataclass(slots=True)
class CountOf(Field):
    """The number of elements of `target`, in `width` bits."""

    target: str = ""
    width: int = 0


@dataclass(slots=True)
class Opaque(Field):
    """Bytes: as many as the length field called `length` says, a fixed number, or all that is left (None)."""

    length: str | int | None = None


@dataclass(slots=True)
class Vector(Field):
    """A length of `len_bits` bits (counting bytes), then elements; TLS calls this ``opaque x<0..2^16-1>``."""

    len_bits: int = 0
    of: Any = bytes
    minimum: int = 0
    enum: type[IntEnum] | None = None


@dataclass(slots=True)
class Array(Field):
    """Elements in a row: `count` names a `count_of`; else `length` a `length_of`; else until the end."""

    of: Any = bytes
    count: str | None = None
    length: str | None = None
    enum: type[IntEnum] | None = None


@dataclass(slots=True)
class Pad(Field):
    """Zero bytes up to the next multiple of `multiple` bytes, counted from the start of this format."""

    multiple: int = 4


@dataclass(slots=True)
class Switch(Field):
    """A body whose format depends on the earlier attribute `on`; values without a case are `bytes`."""

    on: str = ""
    cases: Mapping[int, type[Wire]] | None = None
    length: str | None = None


@dataclass(slots=True)
class Embed(Field):
    """One complete value of another format."""

    of: Any = None


@dataclass(slots=True)
class Optional(Field):
    """`inner`, present when the earlier field `when` is non-zero (`None`: when bytes are left); else the attribute is None."""

    inner: Any = None
    when: str | None = None


#: Fields made of bits: neighbours are packed together and must fill whole bytes.
BIT_FIELDS = (Bits, Const, Reserved, LengthOf, CountOf)


def bits(width: int, doc: str = "", *, enum: type[IntEnum] | None = None, default: Any = MISSING) -> Any:
    """An unsigned integer attribute of `width` bits."""
    return Bits(doc, default=default, width=width, enum=enum)


def flag(doc: str = "", *, default: Any = MISSING) -> Any:
    """A one-bit attribute, read as `bool`."""
    return Bits(doc, default=default, width=1, is_flag=True)


def const(width: int, value: int, doc: str = "") -> Any:
    """Wire only: `width` bits that must hold `value`."""
    return Const(doc, width=width, value=value)


def reserved(width: int) -> Any:
    """Wire only: `width` zero bits, ignored on receipt."""
    return Reserved("reserved: sent as zero, ignored on receipt", width=width)


def length_of(targets: str, width: int, *, plus: int = 0, unit: int = 1, doc: str = "") -> Any:
    """Wire only: the bytes that `targets` (one name, or several separated by spaces) take, plus `plus`.

    The number on the wire counts units of `unit` bytes.
    """
    return LengthOf(doc, targets=tuple(targets.split()), width=width, plus=plus, unit=unit)


def count_of(target: str, width: int, doc: str = "") -> Any:
    """Wire only: how many elements `target` has."""
    return CountOf(doc, target=target, width=width)


def opaque(doc: str = "", *, length: str | int | None = None, default: Any = MISSING) -> Any:
    """A `bytes` attribute. `length`: name of the `length_of` field, a fixed number of bytes, or None for all that is left."""
    return Opaque(doc, default=default, length=length)


def vector(
    len_bits: int,
    of: Any = bytes,
    doc: str = "",
    *,
    minimum: int = 0,
    enum: type[IntEnum] | None = None,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
) -> Any:
    """A length-prefixed attribute. `of`: `bytes`, a `Wire` class (a list of them), or a width in bits (a list of integers).

    `minimum`: fewest **bytes** allowed.
    """
    return Vector(
        doc,
        default=default,
        default_factory=default_factory,
        len_bits=len_bits,
        of=of,
        minimum=minimum,
        enum=enum,
    )


def array(
    of: Any,
    doc: str = "",
    *,
    count: str | None = None,
    length: str | None = None,
    enum: type[IntEnum] | None = None,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
) -> Any:
    """A list attribute of `Wire` values or of integers (`of` a width in bits), by count, by byte length, or to the end."""
    return Array(
        doc, default=default, default_factory=default_factory, of=of, count=count, length=length, enum=enum
    )


def pad(multiple: int) -> Any:
    """Wire only: zero bytes up to a multiple of `multiple` bytes from the start of the format."""
    return Pad("padding: zero bytes, not counted in lengths", multiple=multiple)


def switch(on: str, cases: Mapping[int, type[Wire]], doc: str = "", *, length: str | None = None) -> Any:
    """An attribute whose format is `cases[value of on]`; `bytes` where there is no case."""
    return Switch(doc, on=on, cases=cases, length=length)


def embed(of: type[Wire], doc: str = "") -> Any:
    """An attribute that is one value of the format `of`."""
    return Embed(doc, of=of)


def optional(inner: Any, *, when: str | None = None, default: Any = None) -> Any:
    """An attribute that is None unless the earlier field `when` is non-zero (or, without `when`, unless bytes are left)."""
    return Optional(inner.doc, default=default, inner=inner, when=when)

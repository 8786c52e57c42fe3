"""The laws of declared formats catch what they are for, and the generated strategies reach every corner."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from rtcpy.core.errors import WireError
from rtcpy.testing import check_wire, mutations, wire_values
from rtcpy.testing.wire_laws import check_explanation, is_open_ended
from rtcpy.wire import (
    Wire,
    array,
    bits,
    const,
    count_of,
    embed,
    flag,
    length_of,
    opaque,
    optional,
    pad,
    reserved,
    switch,
    vector,
    wire,
)
from rtcpy.wire.codec import Buffer


class LawError(WireError):
    """The error type of these formats."""


class Kind(IntEnum):
    NUMBER = 1
    WORD = 7


@wire("Test §1", error=LawError)
class Number(Wire):
    value: int = bits(32, "a number")


@wire("Test §2", error=LawError)
class Word(Wire):
    text: bytes = vector(8, doc="some letters", minimum=1)


@wire("Test §3", error=LawError)
class Everything(Wire):
    """Each kind of line once."""

    version = const(3, 5, "version")
    urgent: bool = flag("urgent")
    _reserved = reserved(4)
    kind: int = bits(8, "what is inside", enum=Kind)
    length = length_of("body", 16, plus=4)
    body: Number | Word | bytes = switch("kind", {1: Number, 7: Word}, length="length")
    _pad = pad(4)
    count = count_of("numbers", 8)
    has_note: bool = flag("a note follows")
    _reserved2 = reserved(7)
    numbers: list[int] = array(16, count="count")
    note: int | None = optional(bits(16, "note"), when="has_note")
    words: list[Word] = vector(16, Word)
    last: Number = embed(Number)


@wire("Test §4", error=LawError)
class Words32(Wire):
    """A length in words of four bytes, and a tail that may be missing."""

    length = length_of("body", 8, plus=1, unit=4)
    body: bytes = opaque(length="length")
    tail: bytes | None = optional(opaque("the rest"))


class _FastNumber(Wire):
    """Methods of a fast path that is right."""

    value: int

    @classmethod
    def parse(cls, buf: Buffer) -> Any:
        if len(buf) != 4:
            return cls.parse_declared(buf)
        return cls(value=int.from_bytes(buf, "big"))  # type: ignore[call-arg]

    def serialize(self) -> bytes:
        return self.value.to_bytes(4, "big")


@pytest.mark.parametrize("cls", [Number, Word, Everything, Words32])
def test_lawful_formats_pass(cls: type[Wire]) -> None:
    check_wire(cls)


@given(wire_values(Everything))
def test_generated_values_serialize(value: Everything) -> None:
    assert Everything.parse(value.serialize()) == value


@pytest.mark.parametrize(
    "corner",
    [
        lambda v: isinstance(v.body, Number),
        lambda v: isinstance(v.body, Word) and len(v.words) > 1,
        lambda v: isinstance(v.body, bytes) and len(v.body) % 4 == 3,
        lambda v: v.note is None and not v.numbers,
        lambda v: v.note is not None and len(v.numbers) > 2,
        lambda v: v.kind not in (1, 7) and v.urgent,
    ],
)
def test_generated_values_reach_every_corner(corner: Any) -> None:
    assert corner(find(wire_values(Everything), corner))


def test_overrides_replace_what_a_declaration_cannot_say() -> None:
    only_seven = wire_values(Everything, {(Everything, "kind"): st.just(7), Word: st.just(Word(text=b"x"))})
    value = find(only_seven, lambda v: bool(v.words))
    assert value.body == Word(text=b"x") and value.words[0] == Word(text=b"x")


@given(st.data())
def test_mutations_stay_near(data: st.DataObject) -> None:
    base = bytes(range(40))
    mutated = data.draw(mutations(base))
    assert len(mutated) <= len(base) + 4 * 16


def test_open_ended_formats_are_known() -> None:
    assert is_open_ended(Words32)
    assert not is_open_ended(Everything)


# Planted faults


@wire("Test §5", error=LawError)
class FastAndWrong(Wire):
    """Reads little-endian in its fast path."""

    value: int = bits(32, "a number")

    @classmethod
    def parse(cls, buf: Buffer) -> FastAndWrong:
        if len(buf) != 4:
            return cls.parse_declared(buf)
        return cls(value=int.from_bytes(buf, "little"))


@wire("Test §6", error=LawError)
class FastAndSilent(Wire):
    """Its fast path forgets to refuse what is left over."""

    value: int = bits(32, "a number")

    @classmethod
    def parse(cls, buf: Buffer) -> FastAndSilent:
        return cls.parse_declared(buf[:4])


@wire("Test §7", error=LawError)
class OtherError(Wire):
    """Raises what it did not document."""

    value: int = bits(32, "a number")

    @classmethod
    def parse_declared(cls, buf: Buffer) -> OtherError:
        return cls.parse(buf)

    @classmethod
    def parse(cls, buf: Buffer) -> OtherError:
        if len(buf) != 4:
            raise WireError("wrong size", offset=0, rfc="Test §7")
        return cls(value=int.from_bytes(buf, "big"))


@wire("Test §8", error=LawError)
class Vague(Wire):
    """Does not say where."""

    value: int = bits(32, "a number")

    @classmethod
    def parse_declared(cls, buf: Buffer) -> Vague:
        return cls.parse(buf)

    @classmethod
    def parse(cls, buf: Buffer) -> Vague:
        if len(buf) != 4:
            raise LawError("wrong size", rfc="Test §8")
        return cls(value=int.from_bytes(buf, "big"))


@wire("Test §9", error=LawError)
class WrongOut(Wire):
    """Writes something other than it declares."""

    value: int = bits(32, "a number")

    def serialize(self) -> bytes:
        return bytes(4)


@wire("Test §10", error=LawError)
class Clinging(Wire):
    """Keeps a view of its input."""

    text: bytes = opaque("letters")

    @classmethod
    def parse(cls, buf: Buffer) -> Clinging:
        return cls(text=memoryview(buf))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (FastAndWrong, "law 7|law 1"),
        (FastAndSilent, "law 7"),
        (OtherError, "law 5"),
        (Vague, "law 5: .* offset is None"),
        (WrongOut, "law 7"),
        (Clinging, "law 8"),
    ],
)
def test_each_law_catches_its_offender(cls: type[Wire], says: str) -> None:
    with pytest.raises(BaseException, match=says) as caught:  # Hypothesis may group several
        check_wire(cls)
    assert not isinstance(caught.value, TypeError)


def test_an_explanation_with_a_hole_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtcpy.testing import wire_laws
    from rtcpy.wire import explain

    monkeypatch.setattr(wire_laws, "explain", lambda cls, data: explain(cls, data)[1:])
    with pytest.raises(AssertionError, match="law 3"):
        check_explanation(
            Everything, Everything.parse(b"\xa0\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00").serialize()
        )

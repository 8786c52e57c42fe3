"""What an attribute is: the base of all typed ``a=`` values, and the shapes that many of them share.

Owns `AttributeValue` and its simple forms (one token, one text, one number, a list of tokens). The attributes
themselves are in `media_attributes`, `transport_attributes`, `candidate` and `attributes`.

Spec: RFC 8866 §5.13 (attributes), §9.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from rtcpy.sdp.grammar import BYTE_STRING, Rule, integer


class AttributeValue(ABC):
    """Typed value of one ``a=NAME:value`` line.

    A value is a copy: changing it changes no description until it is written with `Section.set` or
    `Section.add`. Parsing accepts what the grammar has (and the deviations marked at each class);
    serializing checks the result against the same rule, so a field can smuggle in nothing.
    """

    __slots__ = ()

    NAME: ClassVar[str]
    RULE: ClassVar[Rule]
    PURE: ClassVar[bool] = False
    """Is every value that follows `RULE` valid, so that `validate` need not build the value?"""

    @classmethod
    @abstractmethod
    def parse(cls, value: str) -> Self:
        """The value behind the colon, typed.

        Raises:
            SdpError: it does not follow `RULE`, or a number is outside its range.
        """

    @abstractmethod
    def serialize(self) -> str:
        """The text behind the colon.

        Raises:
            SdpError: a field holds what the grammar does not allow there.
        """

    def line(self) -> str:
        """The whole line, without its end: ``a=NAME:value``.

        What is written is read again and compared, so that no field can spill into the next one (a rid named
        ``"a send pt=1"``, a URI with a blank).

        Raises:
            SdpError: a field holds what the grammar does not allow there.
        """
        text = self.serialize()
        if self.parse(text) != self:
            raise self.RULE.error("has a field that would be read differently", text)
        return f"a={self.NAME}:{text}"


@dataclass(slots=True)
class TextAttribute(AttributeValue):
    """An attribute that is one piece of text; `RULE` says which text."""

    PURE: ClassVar[bool] = True

    value: str

    @classmethod
    def parse(cls, value: str) -> Self:
        cls.RULE.match(value)
        return cls(value)

    def serialize(self) -> str:
        return self.RULE.check(self.value)

    def line(self) -> str:
        return f"a={self.NAME}:{self.serialize()}"  # one field is read as it is written

    def __str__(self) -> str:
        return self.value


@dataclass(slots=True)
class NumberAttribute(AttributeValue):
    """An attribute that is one whole number between `LOW` and `HIGH`."""

    LOW: ClassVar[int]
    HIGH: ClassVar[int]

    value: int

    @classmethod
    def parse(cls, value: str) -> Self:
        cls.RULE.match(value)
        return cls(integer(value, cls.LOW, cls.HIGH, f"a={cls.NAME}", cls.RULE.rfc))

    def serialize(self) -> str:
        text = self.RULE.check(str(self.value))
        integer(text, self.LOW, self.HIGH, f"a={self.NAME}", self.RULE.rfc)
        return text

    def line(self) -> str:
        return f"a={self.NAME}:{self.serialize()}"  # one field is read as it is written

    def __int__(self) -> int:
        return self.value


@dataclass(slots=True)
class ListAttribute(AttributeValue):
    """An attribute that is a list of words with one space between; `RULE` matches the joined list."""

    PURE: ClassVar[bool] = True

    values: list[str]

    @classmethod
    def parse(cls, value: str) -> Self:
        cls.RULE.match(value)
        return cls(value.split(" "))

    def serialize(self) -> str:
        return self.RULE.check(" ".join(self.values))


FREE_TEXT = BYTE_STRING
"""Pattern of attributes whose value is any ``byte-string``."""

"""All that a machine knows, as plain values that can be compared: what "the same state" means when one goes back.

`freeze` walks through an object and everything in it. Numbers, text, bytes and enums stand for themselves, containers
and records for their contents; keys of the cryptographic library, functions and the like for their kind. An object met
before is named by its number, so that loops end and shared things stay shared.

No specification.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from enum import Enum

Frozen = object
"""None, bool, int, float, str, bytes, or tuples of these."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_UNSORTED = (set, frozenset)
OURS = "rtcpy."


def freeze(thing: object, *, leave_out: frozenset[str] = frozenset()) -> Frozen:
    """`thing` as plain values.

    Args:
        thing: a machine, or anything.
        leave_out: names of attributes that do not count.
    """
    return _Freezer(leave_out).freeze(thing)


def digest(thing: object, *, leave_out: frozenset[str] = frozenset()) -> str:
    """SHA-256 of `freeze`, as 64 hex digits: equal for equal states."""
    return hashlib.sha256(repr(freeze(thing, leave_out=leave_out)).encode()).hexdigest()


class _Freezer:
    def __init__(self, leave_out: frozenset[str]) -> None:
        self._met: dict[int, int] = {}
        self._kept: list[object] = []  # so that no number of `id` is used twice
        self._leave_out = leave_out

    def freeze(self, thing: object) -> Frozen:
        if isinstance(thing, Enum):
            return f"{type(thing).__name__}.{thing.name}"
        if isinstance(thing, _PLAIN):
            return thing
        if isinstance(thing, (bytearray, memoryview)):
            return bytes(thing)
        if id(thing) in self._met:
            return ("again", self._met[id(thing)])
        self._met[id(thing)] = len(self._met)
        self._kept.append(thing)
        if isinstance(thing, Mapping):
            return ("map", *((self.freeze(key), self.freeze(value)) for key, value in thing.items()))
        if isinstance(thing, (list, tuple, deque)):
            return ("row", *(self.freeze(item) for item in thing))
        if isinstance(thing, _UNSORTED):
            return ("set", *sorted((self.freeze(item) for item in thing), key=repr))
        kind = type(thing)
        if not kind.__module__.startswith(OURS):
            return ("other", f"{kind.__module__}.{kind.__qualname__}")
        return (
            kind.__qualname__,
            *(
                (name, self.freeze(getattr(thing, name)))
                for name in _attributes(thing)
                if name not in self._leave_out and hasattr(thing, name)
            ),
        )


def _attributes(thing: object) -> list[str]:
    """Names of what an object holds: its slots, those of its bases, and what is in its dictionary."""
    names: dict[str, None] = {}
    for base in type(thing).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                mangled = f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") else name
                names[mangled] = None
    names.update(dict.fromkeys(getattr(thing, "__dict__", {})))
    return sorted(names)

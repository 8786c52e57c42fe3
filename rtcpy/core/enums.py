"""`KeyEnum`: an `Enum` for states, inputs and timers, which are keys of tables and asked for with every packet."""

from __future__ import annotations

from enum import Enum


class KeyEnum(Enum):
    """An `Enum` that hashes by identity.

    Members are singletons, so that nothing changes but the time: `Enum` hashes a member's name, in Python.
    """

    __hash__ = object.__hash__

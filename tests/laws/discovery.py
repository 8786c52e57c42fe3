"""Finds what the laws apply to, by walking the package: every declared format and every machine."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

import rtcpy
from rtcpy.wire import Wire

SIX_METHODS = ("receive", "handle_timeout", "next_timeout", "take_packets", "take_events", "close")
WITHOUT_IO = {"core", "wire", "sdp", "stun", "ice", "turn", "dtls", "rtp", "sctp", "peer", "servers"}


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of the layers without I/O. One that does not import is an error here, not a gap."""
    found = []
    for info in pkgutil.walk_packages(rtcpy.__path__, "rtcpy."):
        if info.name.split(".")[1] in WITHOUT_IO:
            found.append(importlib.import_module(info.name))
    return tuple(found)


def _classes() -> list[type[Any]]:
    found: dict[type[Any], None] = {}
    for module in modules():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                found[value] = None
    return list(found)


def wire_classes() -> list[type[Wire]]:
    """Every declared format, in the order of modules."""
    return [cls for cls in _classes() if issubclass(cls, Wire) and cls.wire_fields]


def machine_classes() -> list[type[Any]]:
    """Every class that has the six methods, except the contract itself."""
    return [
        cls
        for cls in _classes()
        if all(callable(getattr(cls, name, None)) for name in SIX_METHODS)
        and not getattr(cls, "_is_protocol", False)
    ]


def name_of(cls: type[Any]) -> str:
    """Layer and class, for test ids."""
    return f"{cls.__module__.removeprefix('rtcpy.')}.{cls.__name__}"

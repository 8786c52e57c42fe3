"""An explanation as JSON: for other tools, and for tests that compare with other dissectors.

Bytes are hexadecimal; other values are numbers, booleans and strings. Every node has ``first_bit``, ``width`` and
``name``; what is empty is left out.

Specs: RFC 8259 §3 (values).
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from rtcpy.explain.tree import Explanation, Node
from rtcpy.wire import Wire

_WORDS = ("text", "meaning", "rfc", "layer", "problem")


def to_json(explanation: Explanation) -> dict[str, Any]:
    """``{"title", "data", "root"}``; nodes have ``children`` and ``inside`` where there are any."""
    return {
        "title": explanation.title,
        "data": explanation.data.hex(),
        "root": _node(explanation.root),
    }


def _node(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {"name": node.name, "first_bit": node.first_bit, "width": node.width}
    if node.value is not None and not isinstance(node.value, Wire):  # whose parts are children
        out["value"] = _value(node.value)
    out.update({word: text for word in _WORDS if (text := getattr(node, word))})
    if node.children:
        out["children"] = [_node(child) for child in node.children]
    if node.inside is not None:
        out["inside"] = to_json(node.inside)
    return out


def _value(value: object) -> Any:
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return [_value(one) for one in value]
    return str(value)

"""One value of one wire format, explained: for formats of a lesson, or of the reader's own.

`explain` finds out what a datagram is; `picture` is told. Both give an `Explanation`.

Specs: none of its own; each node names the section that defines its bits.
"""

from __future__ import annotations

from rtcpy.explain.dissect import layer_of
from rtcpy.explain.growth import grow
from rtcpy.explain.tree import Explanation
from rtcpy.explain.words import counted
from rtcpy.wire import Wire


def picture(form: type[Wire], data: bytes, title: str = "") -> Explanation:
    """`data`, read as one `form`.

    Args:
        form: any declared format.
        data: the bytes of one value.
        title: the line above; default: what it is, how large, and where it is defined.

    Raises:
        WireError: the format's own error, if `data` is none.
    """
    grown = grow(form, data, 0, len(data), layer=layer_of(form))
    if grown.value is None or grown.node.problem:
        form.parse(data)
    return Explanation(
        data, grown.node, title or f"{form.__name__}, {counted(len(data), 'byte')}, {form.wire_rfc}"
    )

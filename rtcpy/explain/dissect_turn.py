"""TURN channel data: a number, a length, and the datagram that is being relayed, explained in its place.

Specs: RFC 8656 §12.4, §12.5.
"""

from __future__ import annotations

from collections.abc import Callable

from rtcpy.explain.growth import grow, opaque_leaf
from rtcpy.explain.known import Known
from rtcpy.explain.tree import Node
from rtcpy.turn.channeldata import FIRST_CHANNEL, LAST_CHANNEL, ChannelData

PADDING_MAX = 3  # bytes; RFC 8656 §12.5

Relayed = Callable[[bytes, int, int, Known], Node]


def channel_data(data: bytes, start: int, end: int, known: Known, relayed: Relayed) -> Node:
    """The channel data message in ``data[start:end]``. Spec: RFC 8656 §12.4.

    Args:
        relayed: explains the datagram inside.
    """
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    stop = min(end, start + 4 + length)
    if 0 < end - stop <= PADDING_MAX and (end - start) % 4 == 0:
        grown = grow(ChannelData, data, start, stop, layer="turn", name="channel data")
        grown.node.children.append(
            opaque_leaf(
                "padding",
                data,
                stop,
                end,
                layer="turn",
                meaning="needed over TCP only, but allowed here",
                rfc="RFC 8656 §12.5",
            )
        )
        grown.node.width = (end - start) * 8
    else:
        grown = grow(ChannelData, data, start, end, layer="turn", name="channel data")
    node = grown.node
    if not isinstance(grown.value, ChannelData):
        node.text = "broken channel data"
        return node
    channel = grown.value.channel_number
    node.text = f"channel {channel:#06x}"
    for leaf in node.children:
        if leaf.name == "channel_number":
            leaf.text = f"{channel:#06x}"
            if not FIRST_CHANNEL <= channel <= LAST_CHANNEL:
                leaf.problem = f"channel numbers are {FIRST_CHANNEL:#x} to {LAST_CHANNEL:#x} (RFC 8656 §12)"
        if leaf.name == "data":
            inner = relayed(data, leaf.offset, leaf.end, known)
            leaf.children, leaf.text, leaf.value = [inner], inner.text, None
            node.text += f": {inner.text or inner.name}"
    return node

"""A whole trace, explained: each description and each datagram to the last bit, in the order in which they came.

What one packet tells helps to read the next: passwords in the descriptions, hellos before protected records. Of a
datagram that two endpoints of the trace saw, both views are explained; they may differ by a NAT, or by a flipped bit.

Specs: those of the layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, overload

from rtcpy.core.tap import Direction
from rtcpy.explain.dissect import Dissector
from rtcpy.explain.summary import RECORD_KEY
from rtcpy.explain.trace import RECORD_HEADER, PacketEntry, Trace
from rtcpy.explain.tree import Explanation

HTML_MAX = 500
"""Packets that a notebook shows; a page with more is slow to open."""


class ExplainedTrace(Sequence[Explanation]):
    """The explanations of a trace, packet by packet; `str` has a line for each.

    Args:
        trace: descriptions and datagrams of it are explained.
        keys, passwords, extensions, is_srtp: as `rtcpy.explain.explain` takes them, besides what the trace tells.
    """

    __slots__ = ("entries", "explanations", "trace")

    def __init__(self, trace: Trace, **known: Any) -> None:
        self.trace = trace
        self.entries: list[PacketEntry] = []
        self.explanations: list[Explanation] = []
        views = {
            (name, direction): {
                entry.data[:RECORD_KEY]: entry.data[RECORD_HEADER:]
                for entry in trace.packets("dtls-plaintext", who=name, direction=direction)
            }
            for name in trace.names
            for direction in Direction
        }
        dissectors = {name: Dissector(**known) for name in trace.names}
        for dissector in dissectors.values():
            dissector.keys.read(trace.key_log())
        for entry in trace.packets():
            if entry.layer in ("udp", "sdp"):
                self.entries.append(entry)
                self.explanations.append(
                    _explain(entry, dissectors[entry.who], views[entry.who, entry.direction])
                )

    @overload
    def __getitem__(self, index: int) -> Explanation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Explanation]: ...
    def __getitem__(self, index: int | slice) -> Explanation | list[Explanation]:
        return self.explanations[index]

    def __len__(self) -> int:
        return len(self.explanations)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    @property
    def size(self) -> int:
        """**Bytes** in all packets."""
        return sum(len(explanation.data) for explanation in self.explanations)

    @property
    def unreadable(self) -> int:
        """**Bytes** of them that follow no format."""
        return sum(explanation.unreadable for explanation in self.explanations)

    def lines(self) -> list[str]:
        """A line for each packet: its entry of the trace, when, whose socket it crossed and how, and what it is."""
        width = max((len(name) for name in self.trace.names), default=0)
        return [
            f"{entry.number:>6}  {(entry.at - self.trace.started) * 1e3:9.2f} ms  {entry.who:<{width}} "
            f"{'→' if entry.direction is Direction.OUT else '←'} {explanation.title}"
            for entry, explanation in zip(self.entries, self.explanations, strict=True)
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines()) or "no packets"

    def _repr_html_(self) -> str:
        shown = [
            f"<details><summary style='font-family:monospace;white-space:pre-wrap'>{escape(line)}</summary>"
            f"{explanation._repr_html_()}</details>"
            for line, explanation in zip(self.lines()[:HTML_MAX], self.explanations, strict=False)
        ]
        left = len(self) - len(shown)
        more = f"<p>… and {left} packets more: index this object, or slice it.</p>" if left > 0 else ""
        return f"<div style='background:#fff;color:#111;padding:6px'>{''.join(shown)}{more}</div>"


def explain_entry(
    entry: PacketEntry, *, plaintexts: Mapping[bytes, bytes] | None = None, **known: Any
) -> Explanation:
    """One packet of any layer, alone: what it takes other packets to know stays closed."""
    return _explain(entry, Dissector(**known), plaintexts)


def _explain(
    entry: PacketEntry, dissector: Dissector, plaintexts: Mapping[bytes, bytes] | None
) -> Explanation:
    source, destination = (
        (entry.local, entry.remote) if entry.direction is Direction.OUT else (entry.remote, entry.local)
    )
    return dissector.explain_layer(
        entry.layer, entry.data, source=source, destination=destination, plaintexts=plaintexts
    )

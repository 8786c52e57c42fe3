"""How much of what was seen is explained: counted over capture files and over sessions of our own.

    python -m tests.explain.coverage FILE…

prints a line for each file: datagrams, bytes seen, bytes that a leaf explains, bytes that no one could read, and the
bytes of what stands behind some of them (plaintexts, messages from fragments).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rtcpy.core.machine import Address
from rtcpy.explain import Dissector, Explanation
from rtcpy.explain.capture import Capture

DATA = Path(__file__).parent.parent / "data"
CAPTURES = sorted((DATA / "explain").glob("*.pcap")) + sorted((DATA / "captures").glob("*.pcap"))

Sent = tuple[Address | None, Address | None, bytes, str]
"""Source, destination, payload and layer of a packet."""


@dataclass(slots=True)
class Figures:
    """What was counted. All but `datagrams` and `problems` in **bytes**."""

    datagrams: int = 0
    seen: int = 0
    unreadable: int = 0
    inside: int = 0
    inside_unreadable: int = 0
    untiled: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def explained(self) -> int:
        """Bytes that a leaf with a meaning holds."""
        return self.seen - self.unreadable

    def count(self, explanation: Explanation) -> None:
        """Add one datagram."""
        self.datagrams += 1
        self.seen += len(explanation.data)
        self.unreadable += explanation.unreadable
        if not explanation.is_tiled:
            self.untiled.append(explanation.data)
        for _, inside in explanation.insides():
            self.inside += len(inside.data)
            self.inside_unreadable += inside.unreadable
        self.problems += [f"{node.name}: {node.problem}" for node in explanation.problems]

    def __str__(self) -> str:
        inside = (
            f", {self.inside - self.inside_unreadable:,} of {self.inside:,} inside" if self.inside else ""
        )
        return (
            f"{self.datagrams} datagrams, {self.explained:,} of {self.seen:,} bytes explained{inside}, "
            f"{self.unreadable + self.inside_unreadable:,} unreadable"
        )


def figures(datagrams: Iterable[Sent], dissector: Dissector | None = None) -> Figures:
    """Explain datagrams in their order, and count."""
    dissector = dissector or Dissector()
    counted = Figures()
    for source, destination, data, layer in datagrams:
        counted.count(dissector.explain_layer(layer, data, source=source, destination=destination))
    return counted


def captured(path: Path) -> list[Sent]:
    """The datagrams of a capture file."""
    with path.open("rb") as file:
        return [(record.source, record.destination, record.data, record.layer) for record in Capture(file)]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{Path(name).name}: {figures(captured(Path(name)))}")

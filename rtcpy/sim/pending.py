"""What is on its way in a session, listed with numbers: the packets that one may drop, change or hold.

Specs: those of the packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rtcpy.core.machine import Instant
from rtcpy.explain.dissect import Dissector
from rtcpy.explain.summary import Summary, summarize_datagram
from rtcpy.explain.tree import Explanation
from rtcpy.sim.flights import Flight
from rtcpy.sim.narration import about_packet


@dataclass(slots=True)
class InFlight:
    """One packet on its way.

    Args:
        index: its number now: what `Session.drop` and the others take.
        flight: where it is from and going, when it left and arrives, and its bytes.
        summary: what it is, in a line.
        says: what it is for.
        section: where it is defined.
        plaintexts: what protected records of its sender contain, by the first 11 **bytes** of the record.
        passwords: ICE passwords of both ends.
    """

    index: int
    flight: Flight
    summary: str
    says: str
    section: str
    plaintexts: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    passwords: Sequence[str] = field(default=(), repr=False)

    @property
    def data(self) -> bytes:
        """The UDP payload."""
        return self.flight.data

    def explain(self) -> Explanation:
        """The packet to the last bit; what is protected is read in the clear, for the session knows what was sent."""
        return self.__explain__(passwords=self.passwords)

    def __explain__(self, *, plaintexts: object = None, **known: Any) -> Explanation:
        flight = self.flight
        return Dissector(**known).explain(
            self.data, source=flight.sender, destination=flight.receiver, plaintexts=self.plaintexts
        )

    def _repr_html_(self) -> str:
        return str(self.explain()._repr_html_())

    def __str__(self) -> str:
        flight = self.flight
        when = "held" if flight.is_held else f"{flight.arrival * 1e3:.0f} ms"
        note = f" [{flight.note}]" if flight.note and flight.note != "held" else ""
        return (
            f"{self.index:>2}  {when:>8}  {flight.sender or '?'} → {flight.receiver or '?'}  {len(flight.data):>4} B  "
            f"{self.summary}{note}"
        )


class Pending(Sequence[InFlight]):
    """The packets in flight, next to arrive first, held ones last. A copy: it does not follow the session."""

    __slots__ = ("at", "packets")

    def __init__(self, packets: Sequence[InFlight], at: Instant) -> None:
        self.packets, self.at = list(packets), at

    def __len__(self) -> int:
        return len(self.packets)

    def __getitem__(self, index: int) -> InFlight:  # type: ignore[override]
        return self.packets[index]

    def __iter__(self) -> Iterator[InFlight]:
        return iter(self.packets)

    def find(self, words: str, *, sender: str = "") -> int:
        """The number of the first packet whose line contains `words`, from `sender` if it is given.

        Raises:
            LookupError: there is none; the message lists what there is.
        """
        for packet in self.packets:
            if words in packet.summary and sender in ("", packet.flight.sender):
                return packet.index
        raise LookupError(f"no packet in flight says {words!r}:\n{self}")

    def __str__(self) -> str:
        if not self.packets:
            return "nothing is on its way"
        return "\n".join(str(packet) for packet in self.packets)

    def _repr_html_(self) -> str:
        from rtcpy.sim.step_html import page, pending_html

        return page(pending_html(self))


def read(data: bytes, plaintexts: Mapping[bytes, bytes]) -> list[Summary]:
    """What is in a datagram."""
    return summarize_datagram(data, plaintexts)


def line(summaries: Sequence[Summary]) -> str:
    """A datagram in a line."""
    return ", ".join(str(summary) for summary in summaries) or "an empty datagram"


def in_flight(
    index: int,
    flight: Flight,
    summaries: Sequence[Summary],
    plaintexts: Mapping[bytes, bytes],
    passwords: Sequence[str],
) -> InFlight:
    """A packet with its explanation. What was edited or injected is read as it stands, without plaintexts."""
    if "edited" in flight.note or "injected" in flight.note:
        plaintexts = {}
    says, section = about_packet(summaries, receiver=flight.receiver, sender=flight.sender)
    return InFlight(index, flight, line(summaries), says, section, plaintexts, passwords)


__all__ = ["InFlight", "Pending", "in_flight", "line", "read"]

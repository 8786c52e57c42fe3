"""Where an agent's datagrams and events collect until they are drained, and where refusals are counted and told.

Owned here: the list of datagrams to send, the list of events, the counters of drops, every call of the tap.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction, Tap

LAYER = "stun"  # what ICE puts on the wire; its states are told as "ice"


class Outbox:
    """What leaves the agent: datagrams for the driver, events for its owner, facts for the tap.

    Args:
        tap: the listener, or `None`: then each call costs one comparison.
    """

    __slots__ = ("_events", "_packets", "_tap", "dropped")

    def __init__(self, tap: Tap | None) -> None:
        self._tap = tap
        self._packets: list[Datagram] = []
        self._events: list[Event] = []
        self.dropped: dict[str, int] = {}
        """How often each reason made us refuse something. Reasons are fixed texts, so the table is bounded."""

    @property
    def has_tap(self) -> bool:
        """Whether anybody listens."""
        return self._tap is not None

    def send(self, data: bytes, local: Address, remote: Address, *, now: Instant) -> None:
        """Queue one datagram from `local` to `remote`."""
        packet = Datagram(data, local, remote)
        self._packets.append(packet)
        if self._tap is not None:
            self._told(Direction.OUT, packet, now)

    def send_all(self, packets: Iterable[Datagram], *, now: Instant) -> None:
        """Queue datagrams in order."""
        for packet in packets:
            self._packets.append(packet)
            self._told(Direction.OUT, packet, now)

    def tell(self, *events: Event) -> None:
        """Queue what happened, in order."""
        self._events += events

    def received(self, packet: Datagram, *, now: Instant) -> None:
        """Tell the tap that a STUN message came in."""
        if self._tap is not None:
            self._told(Direction.IN, packet, now)

    def _told(self, direction: Direction, packet: Datagram, now: Instant) -> None:
        if self._tap is not None:
            data = bytes(packet.data)
            self._tap.packet(LAYER, direction, data, now=now, local=packet.local, remote=packet.remote)

    def drop(self, reason: str, data: bytes = b"", *, now: Instant, told: str = "") -> None:
        """Count a refusal and tell why.

        Args:
            reason: what is counted; of these there are few, whatever arrives.
            data: what was refused.
            now: the time.
            told: what the tap is told instead, with values out of the packet.
        """
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if self._tap is not None:
            self._tap.drop(LAYER, bytes(data), told or reason, now=now)

    def state(self, what: object, old: str, new: str, *, now: Instant) -> None:
        """Tell that the state machine `what` moved."""
        if self._tap is not None:
            self._tap.state("ice", str(what), old, new, now=now)

    @property
    def is_watched(self) -> bool:
        """Whether there is a tap: what only a tap wants need not be worked out otherwise."""
        return self._tap is not None

    def timer(self, name: str, *, now: Instant) -> None:
        """Tell that the deadline `name` fired."""
        if self._tap is not None:
            self._tap.timer("ice", name, now=now)

    def take(self) -> list[Datagram]:
        """Drain the datagrams."""
        out, self._packets = self._packets, []
        return out

    def take_events(self) -> list[Event]:
        """Drain the events."""
        out, self._events = self._events, []
        return out

    def clear(self) -> None:
        """Forget the datagrams that were not drained."""
        self._packets.clear()

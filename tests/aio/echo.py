"""A machine small enough to read at a glance, for tests of the driver and the sockets."""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.core.machine import Address, Datagram, Event, Instant


@dataclass(slots=True)
class Heard(Event):
    data: bytes
    remote: Address


@dataclass(slots=True)
class Woken(Event):
    at: Instant


class Echo:
    """Reports every datagram; answers what starts with '?'; wakes when told to."""

    def __init__(self) -> None:
        self.deadline: Instant | None = None
        self.received: list[Datagram] = []
        self.batches: list[int] = []
        self.timeouts: list[Instant] = []
        self.closed = 0
        self.stuck = False
        self._packets: list[Datagram] = []
        self._events: list[Event] = []

    def say(self, data: bytes, local: Address, remote: Address) -> None:
        self._packets.append(Datagram(data, local, remote))

    def report(self, event: Event) -> None:
        self._events.append(event)

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        if packet.data == b"raise":
            raise ValueError("planted")
        self.received.append(packet)
        self._events.append(Heard(packet.data, packet.remote))
        if packet.data.startswith(b"?"):
            self.say(b"!" + packet.data[1:], packet.local, packet.remote)

    def handle_timeout(self, *, now: Instant) -> None:
        if self.deadline is None or now < self.deadline:
            return
        self.timeouts.append(now)
        if not self.stuck:
            self.deadline = None
        self._events.append(Woken(now))

    def next_timeout(self) -> Instant | None:
        return self.deadline

    def take_packets(self) -> list[Datagram]:
        out, self._packets = self._packets, []
        return out

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def close(self, *, now: Instant) -> None:
        self.closed += 1
        self.deadline = None


class BatchEcho(Echo):
    """The same with `receive_many`, as `rtcpy.peer.Peer` has it."""

    def receive_many(self, packets: list[Datagram], *, now: Instant) -> None:
        self.batches.append(len(packets))
        for packet in packets:
            self.receive(packet, now=now)

"""Writing a `Trace`: a tap for anything that has one, and a `Peer` that writes down all it is told.

`TraceTap` sees what a machine does. `RecordedPeer` adds what it was told: API calls with their arguments, datagrams,
wake-ups, random bytes and calendar time, so that the trace can be replayed. It behaves like any other `Peer`.

A recorded peer draws everything through its entropy, keys included. (With `SystemEntropy` alone the library may draw
keys by itself, where nobody could write them down.)

Specs: none; what a tap sees is in `rtcpy.core.tap`, what a peer may be told in `rtcpy.peer.peer`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.explain.arguments import to_json
from rtcpy.explain.news import describe
from rtcpy.explain.trace import (
    CallEntry,
    ClockEntry,
    DrawEntry,
    DropEntry,
    EventEntry,
    PacketEntry,
    SecretEntry,
    StateEntry,
    TimerEntry,
    Trace,
    WakeEntry,
)
from rtcpy.peer import Channel, DataChannelAnnounced, Peer, PeerConfiguration
from rtcpy.peer.stats import Stats

P = ParamSpec("P")
R = TypeVar("R")

CONSTRUCTOR = "Peer"
"""The command that a `CallEntry` has for the making of a peer."""

ERROR_MAX = 1000  # characters of an error message that are kept


class TraceTap(Tap):
    """A tap that writes what it sees into a trace.

    Args:
        trace: where to.
        who: the endpoint's name in it.
        then: another tap, which is told the same afterwards.
        arrivals: write datagrams from the network, too; `RecordedPeer` does that by itself.
    """

    __slots__ = ("_arrivals", "is_stopped", "now", "then", "trace", "who")

    def __init__(self, trace: Trace, who: str, *, then: Tap | None = None, arrivals: bool = True) -> None:
        self.trace, self.who, self.then = trace, who, then
        self._arrivals = arrivals
        self.now: Instant = 0.0
        """The last instant that anything here was told."""
        self.is_stopped = False

    def stop(self) -> None:
        """Write no more."""
        self.is_stopped = True

    def packet(
        self,
        layer: str,
        direction: Direction,
        data: bytes,
        *,
        now: Instant,
        local: Address | None = None,
        remote: Address | None = None,
    ) -> None:
        """Write a `PacketEntry`."""
        self.now = now
        if not self.is_stopped and (self._arrivals or layer != "udp" or direction is Direction.OUT):
            self.trace.append(PacketEntry(now, self.who, layer, direction, bytes(data), local, remote))
        if self.then is not None:
            self.then.packet(layer, direction, data, now=now, local=local, remote=remote)

    def drop(self, layer: str, data: bytes, reason: str, *, now: Instant) -> None:
        """Write a `DropEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(DropEntry(now, self.who, layer, bytes(data), reason))
        if self.then is not None:
            self.then.drop(layer, data, reason, now=now)

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        """Write a `StateEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(StateEntry(now, self.who, layer, what, old, new))
        if self.then is not None:
            self.then.state(layer, what, old, new, now=now)

    def timer(self, layer: str, name: str, *, now: Instant) -> None:
        """Write a `TimerEntry`."""
        self.now = now
        if not self.is_stopped:
            self.trace.append(TimerEntry(now, self.who, layer, name))
        if self.then is not None:
            self.then.timer(layer, name, now=now)

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        """Write a `SecretEntry`."""
        if not self.is_stopped:
            self.trace.append(SecretEntry(self.now, self.who, label, bytes(client_random), bytes(secret)))
        if self.then is not None:
            self.then.secret(label, client_random, secret)


class RecordingEntropy:
    """An `Entropy` that writes down what is drawn from another.

    Args:
        entropy: where the bytes come from.
        tap: names the trace, the endpoint and the time.
    """

    __slots__ = ("_entropy", "_tap")

    def __init__(self, entropy: Entropy, tap: TraceTap) -> None:
        self._entropy, self._tap = entropy, tap

    def token(self, length: int) -> bytes:
        """`length` bytes from the other entropy."""
        drawn = self._entropy.token(length)
        tap = self._tap
        if not tap.is_stopped:
            tap.trace.append(DrawEntry(tap.now, tap.who, drawn))
        return drawn


class RecordingClock:
    """A `WallClock` that writes down what another says.

    Args:
        clock: the other.
        tap: names the trace, the endpoint and the time.
    """

    __slots__ = ("_clock", "_tap", "is_silent")

    def __init__(self, clock: WallClock, tap: TraceTap) -> None:
        self._clock, self._tap = clock, tap
        self.is_silent = False
        """Whether it is read for somebody who only looks at the peer; such reading leaves no trace."""

    def unix_time(self) -> float:
        """What the other clock says."""
        said = self._clock.unix_time()
        tap = self._tap
        if not self.is_silent and not tap.is_stopped:
            tap.trace.append(ClockEntry(tap.now, tap.who, said))
        return said


def _recorded(command: Callable[P, R]) -> Callable[P, R]:
    """`command` of `Peer`, with a `CallEntry` written before it is carried out."""
    signature = inspect.signature(command)

    @wraps(command)
    def carry_out(*args: P.args, **kwargs: P.kwargs) -> R:
        peer = cast("RecordedPeer", args[0])
        named = dict(signature.bind(*args, **kwargs).arguments)
        del named["self"]
        now = cast(Instant, named.pop("now", peer.tap.now))
        return peer._carry_out(command.__name__, named, now, lambda: command(*args, **kwargs))

    return carry_out


class RecordedPeer(Peer):
    """A `Peer` that writes down what it is told and what it does.

    Args:
        configuration, entropy, wall_clock: as `Peer` takes them.
        tap: another tap, which is told what there is to tell as if nothing was recorded.
        trace: where to write.
        who: the endpoint's name in it.
        now: instant of this call.
    """

    def __init__(
        self,
        configuration: PeerConfiguration | None = None,
        *,
        entropy: Entropy,
        wall_clock: WallClock,
        tap: Tap | None = None,
        trace: Trace,
        who: str,
        now: Instant,
    ) -> None:
        self.tap = TraceTap(trace, who, then=tap, arrivals=False)
        """What writes the trace; `stop` ends it."""
        self._clock = RecordingClock(wall_clock, self.tap)
        self._channel_numbers: dict[Channel, int] = {}
        self._carry_out(
            CONSTRUCTOR,
            {"configuration": configuration or PeerConfiguration()},
            now,
            lambda: super(RecordedPeer, self).__init__(
                configuration,
                entropy=RecordingEntropy(entropy, self.tap),
                wall_clock=self._clock,
                tap=self.tap,
            ),
        )

    create_offer = _recorded(Peer.create_offer)
    create_answer = _recorded(Peer.create_answer)
    set_local_description = _recorded(Peer.set_local_description)
    set_remote_description = _recorded(Peer.set_remote_description)
    add_ice_candidate = _recorded(Peer.add_ice_candidate)
    restart_ice = _recorded(Peer.restart_ice)
    set_configuration = _recorded(Peer.set_configuration)
    begin_operation = _recorded(Peer.begin_operation)
    end_operation = _recorded(Peer.end_operation)
    gather = _recorded(Peer.gather)
    add_servers = _recorded(Peer.add_servers)
    server_unreachable = _recorded(Peer.server_unreachable)
    create_data_channel = _recorded(Peer.create_data_channel)
    send = _recorded(Peer.send)
    close_channel = _recorded(Peer.close_channel)
    set_buffered_amount_low_threshold = _recorded(Peer.set_buffered_amount_low_threshold)
    close = _recorded(Peer.close)

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Take one datagram. Never raises on hostile bytes."""
        self._write_arrival(packet, now, more=False)
        super().receive(packet, now=now)

    def receive_many(self, packets: Sequence[Datagram], *, now: Instant) -> None:
        """Take datagrams that arrived together."""
        last = len(packets) - 1
        for index, packet in enumerate(packets):
            self._write_arrival(packet, now, more=index < last)
        super().receive_many(packets, now=now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""
        tap = self.tap
        tap.now = now
        if not tap.is_stopped:
            tap.trace.append(WakeEntry(now, tap.who, self.next_timeout()))
        super().handle_timeout(now=now)

    def take_events(self) -> list[Event]:
        """Drain what happened, in the order in which W3C fires it."""
        events = super().take_events()
        tap = self.tap
        for event in events:
            if isinstance(event, DataChannelAnnounced):
                self._number_of(event.channel, new=True)
            said = describe(event)
            if said is not None and not tap.is_stopped:
                tap.trace.append(EventEntry(tap.now, tap.who, *said))
        return events

    def get_stats(self, *, now: Instant) -> dict[str, Stats]:
        """W3C's statistics by id. Asking for them is no input: it leaves no trace."""
        self._clock.is_silent = True
        try:
            return super().get_stats(now=now)
        finally:
            self._clock.is_silent = False

    def channel_of(self, number: int) -> Channel:
        """The channel that calls in the trace name by `number`. Raises ValueError if there is none."""
        for channel, known in self._channel_numbers.items():
            if known == number:
                return channel
        raise ValueError(f"there is no channel {number} yet")

    def _write_arrival(self, packet: Datagram, now: Instant, *, more: bool) -> None:
        tap = self.tap
        tap.now = now
        if not tap.is_stopped:
            tap.trace.append(
                PacketEntry(
                    now,
                    tap.who,
                    "udp",
                    Direction.IN,
                    bytes(packet.data),
                    packet.local,
                    packet.remote,
                    more,
                )
            )

    def _carry_out(
        self, name: str, arguments: Mapping[str, object], now: Instant, command: Callable[[], R]
    ) -> R:
        """Carry out a command with its entry before it, which then gets the outcome."""
        tap = self.tap
        tap.now = now
        spelled = {key: to_json(value, self._number_of) for key, value in arguments.items()}
        entry = CallEntry(now, tap.who, name, spelled)
        if not tap.is_stopped:
            tap.trace.append(entry)
        try:
            result = command()
        except Exception as error:
            entry.error = spell_error(error)
            raise
        if isinstance(result, Channel):
            self._number_of(result, new=True)
        entry.result = to_json(result, self._number_of)
        return result

    def _number_of(self, channel: Channel, *, new: bool = False) -> int:
        """The number of a channel, in the order in which the application saw them, from 1; 0 if it never did."""
        numbers = self._channel_numbers
        if new and channel not in numbers:
            numbers[channel] = len(numbers) + 1
        return numbers.get(channel, 0)


def spell_error(error: Exception) -> str:
    """An error as a `CallEntry` has it: W3C's name and the message."""
    return f"{getattr(error, 'name', type(error).__name__)}: {error}"[:ERROR_MAX]

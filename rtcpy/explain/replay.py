"""`Replay`: the endpoints of a trace, rebuilt from what they were told, one step at a time, forwards and backwards.

A machine is a function of its inputs (law 6 of `rtcpy.core.machine`), and a trace has them all. So new peers are made
and told the same at the same instants; what they send and what they report must be the same to the byte, or a
`ReplayError` says where they first part. No network takes part: what did not arrive then does not arrive now.

A step is one input with everything that followed from it. Backwards is forwards from the beginning: a connection is
rebuilt in a fraction of the time that it took, and nothing needs to be undone.

Specs: none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from rtcpy.core.machine import Address, Datagram, Instant
from rtcpy.core.tap import Direction
from rtcpy.explain.arguments import Reader
from rtcpy.explain.news import States
from rtcpy.explain.recording import CONSTRUCTOR, RecordedPeer, spell_error
from rtcpy.explain.snapshot import Snapshot, snapshot
from rtcpy.explain.summary import RECORD_KEY, summarize_datagram
from rtcpy.explain.trace import (
    RECORD_HEADER,
    CallEntry,
    ClockEntry,
    DrawEntry,
    Entry,
    EventEntry,
    PacketEntry,
    TimerEntry,
    Trace,
    TraceError,
    WakeEntry,
    is_input,
)
from rtcpy.peer import Channel, Peer, PeerConfiguration

COMMANDS = frozenset(
    {
        "add_ice_candidate",
        "add_servers",
        "begin_operation",
        "close",
        "close_channel",
        "create_answer",
        "create_data_channel",
        "create_offer",
        "end_operation",
        "gather",
        "restart_ice",
        "send",
        "server_unreachable",
        "set_buffered_amount_low_threshold",
        "set_configuration",
        "set_local_description",
        "set_remote_description",
    }
)
"""What a trace may call. Nothing else of a peer can be reached from a file."""

TIMELESS = frozenset({"begin_operation", "set_buffered_amount_low_threshold"})
"""Commands that are not told the time."""

SHOWN = 24  # bytes of a packet that a message shows from the first difference on


class ReplayError(TraceError):
    """The replay does something else than the recording, or the recording cannot be followed.

    Args:
        message: what differs.
        number: of the entry of the trace.
        recorded: the packet of the recording, if it is about one.
        replayed: the packet of the replay.
    """

    __slots__ = ("number", "recorded", "replayed")

    def __init__(
        self,
        message: str,
        *,
        number: int,
        recorded: bytes | None = None,
        replayed: bytes | None = None,
    ) -> None:
        self.number, self.recorded, self.replayed = number, recorded, replayed
        super().__init__(f"entry {number}: {message}" if number >= 0 else message)


@dataclass(slots=True)
class ReplayStep:
    """One input and what followed from it.

    Args:
        number: place among the steps, from 0.
        who: whose input it is.
        at: when, in **seconds** since the beginning of the trace.
        name: what it is: ``"create_offer"``, ``"datagram"``, ``"3 datagrams"``, ``"timer"``.
        entries: of the trace: the input (or several datagrams that arrived together), then what followed, and what
            the applications heard afterwards.
    """

    number: int
    who: str
    at: float
    name: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def detail(self) -> str:
        """What the input was: the packets in it, the timers that fired, the error that a command ended with."""
        first = self.entries[0]
        if isinstance(first, CallEntry):
            return first.error
        if isinstance(first, WakeEntry):
            return ", ".join(f"{e.layer} {e.name}" for e in self.entries if isinstance(e, TimerEntry))
        arrived = [e for e in self.entries if isinstance(e, PacketEntry) and e.direction is Direction.IN]
        plaintexts = {
            e.data[:RECORD_KEY]: e.data[RECORD_HEADER:] for e in arrived if e.layer == "dtls-plaintext"
        }
        return ", ".join(
            summary.name
            for e in arrived
            if e.layer == "udp"
            for summary in summarize_datagram(e.data, plaintexts)
        )

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.number}: {self.at * 1e3:.1f} ms, {self.who}: {self.name}{detail}"


class Replay:
    """The endpoints of `trace`, at any position of it.

    `position` counts the steps taken: 0 is before the first one, where no endpoint exists yet; ``len(steps)`` is the
    end.

    Args:
        trace: recorded by `RecordedPeer`: of a `rtcpy.sim.Session`, or of connections with
            ``Configuration(trace=True)``.

    Raises:
        ReplayError: the trace has no inputs to replay, or it was saved without its secrets.

    >>> # replay = Trace.load("call.trace").replay()
    >>> # replay.to(20); print(replay.states()); replay.back()
    """

    __slots__ = ("_done", "_endpoints", "position", "steps", "trace")

    def __init__(self, trace: Trace) -> None:
        if not trace.has_secrets:
            raise ReplayError(
                "this trace was saved without its secrets and draws: it can be read, not replayed", number=-1
            )
        self.trace = trace
        self.steps = list(_steps(trace))
        if not self.steps:
            raise ReplayError(
                "this trace has no calls: it was written by a tap alone, not by a recorded peer", number=-1
            )
        self.position = 0
        self._endpoints: dict[str, _Endpoint] = {}
        self._done = 0  # steps that the endpoints have taken: where they stand, not where we are

    def __repr__(self) -> str:
        return f"<Replay of {', '.join(self.trace.names)}: {self.position} of {len(self.steps)} steps>"

    # --- moving ----------------------------------------------------------------------------------------------

    def step(self) -> ReplayStep | None:
        """Take the next step and return it; `None` at the end.

        Raises:
            ReplayError: the replay parts from the recording.
        """
        if self.position == len(self.steps):
            return None
        self.to(self.position + 1)
        return self.steps[self.position - 1]

    def back(self) -> ReplayStep | None:
        """Go back before the last step and return it; `None` at the beginning."""
        if not self.position:
            return None
        self.position -= 1
        return self.steps[self.position]

    def to(self, position: int) -> Replay:
        """Go to a position, forwards or backwards; from the end if it is negative, as in a list.

        Raises:
            IndexError: there is no such position.
            ReplayError: the replay parts from the recording on the way.
        """
        count = len(self.steps)
        wanted = position + count + 1 if position < 0 else position
        if not 0 <= wanted <= count:
            raise IndexError(f"position {position}: this replay has positions 0…{count}")
        if wanted >= self.position:
            self._follow(wanted)
        self.position = wanted
        return self

    def to_entry(self, number: int) -> Replay:
        """Go to just after the step that entry `number` of the trace belongs to.

        Raises:
            IndexError: no step has it.
        """
        for step in self.steps:
            if step.entries[0].number <= number <= step.entries[-1].number:
                return self.to(step.number + 1)
        raise IndexError(f"no step has entry {number} of the trace")

    def run(self) -> Replay:
        """Go to the end: what does not raise has been replayed to the same bytes."""
        return self.to(len(self.steps))

    # --- looking ---------------------------------------------------------------------------------------------

    @property
    def peers(self) -> dict[str, Peer]:
        """The endpoints at this position, by name; those not made yet are missing. To look at: commands given to them
        are not part of the recording, and are forgotten with the next step back."""
        self._follow(self.position)
        return {name: one.peer for name, one in self._endpoints.items() if one.peer is not None}

    def snapshots(self) -> dict[str, Snapshot]:
        """`rtcpy.explain.snapshot` of each endpoint at this position."""
        return {name: snapshot(peer) for name, peer in self.peers.items()}

    def states(self) -> States:
        """W3C's states of the endpoints at this position, side by side."""
        return States(list(self.peers.items()))

    # --- following the recording -----------------------------------------------------------------------------

    def _follow(self, position: int) -> None:
        """Bring the endpoints to `position`."""
        if self._done > position:
            self._endpoints, self._done = {}, 0
        while self._done < position:
            step = self.steps[self._done]
            try:
                self._take(step)
            except Exception:
                self._endpoints, self._done = {}, 0
                raise
            self._done += 1

    def _take(self, step: ReplayStep) -> None:
        endpoint = self._endpoints.get(step.who)
        if endpoint is None:
            endpoint = self._endpoints[step.who] = _Endpoint(step.who)
        endpoint.take(step.entries)
        for entry in step.entries:
            if isinstance(entry, EventEntry):
                listener = self._endpoints.get(entry.who)
                if listener is None:
                    raise ReplayError(f"{entry.who} hears something before it is made", number=entry.number)
                listener.hear(entry)


def _steps(trace: Trace) -> list[ReplayStep]:
    """The inputs of a trace, each with what followed. The last one of a trace that ended early is not whole."""
    steps: list[ReplayStep] = []
    more = False
    for entry in trace.entries:
        if not is_input(entry):
            if steps:
                steps[-1].entries.append(entry)
            continue
        if more and steps[-1].who == entry.who and isinstance(entry, PacketEntry):
            steps[-1].entries.append(entry)
        else:
            steps.append(ReplayStep(len(steps), entry.who, entry.at - trace.started, "", [entry]))
        more = isinstance(entry, PacketEntry) and entry.more
    if trace.lost and steps:
        steps.pop()
    if not any(isinstance(step.entries[0], CallEntry) for step in steps):
        return []
    for step in steps:
        step.name = _name(step.entries)
    return steps


def _name(entries: Sequence[Entry]) -> str:
    first = entries[0]
    if isinstance(first, CallEntry):
        return first.command
    if isinstance(first, WakeEntry):
        return "timer"
    count = sum(is_input(entry) for entry in entries)
    return "datagram" if count == 1 else f"{count} datagrams"


class _Tape:
    """`Entropy` and `WallClock` that give what the recording has."""

    __slots__ = ("clock", "draws", "fault", "last_time", "number")

    def __init__(self) -> None:
        self.draws: deque[DrawEntry] = deque()
        self.clock: deque[ClockEntry] = deque()
        self.last_time = 0.0
        self.number = -1  # of the input that is being taken
        self.fault: ReplayError | None = None
        """The first time that the replay asked for what the recording does not have: a machine may swallow the error."""

    def token(self, length: int) -> bytes:
        if not self.draws:
            raise self._fail(f"{length} random bytes are drawn that the recording does not have", self.number)
        entry = self.draws.popleft()
        if len(entry.data) != length:
            raise self._fail(
                f"{length} random bytes are drawn, {len(entry.data)} in the recording", entry.number
            )
        return entry.data

    def unix_time(self) -> float:
        if self.clock:
            self.last_time = self.clock.popleft().unix_time
        return self.last_time

    def _fail(self, message: str, number: int) -> ReplayError:
        self.fault = self.fault or ReplayError(message, number=number)
        return self.fault


class _Endpoint:
    """One endpoint: its peer, and a trace of its own that must come out like the recording."""

    __slots__ = ("_heard", "_now", "_tape", "_written", "again", "peer", "reader", "who")

    def __init__(self, who: str) -> None:
        self.who = who
        self.peer: RecordedPeer | None = None
        self.again = Trace(entries_max=2**62, bytes_max=2**62)
        """What the replay has written: the same entries, if all is well."""
        self.reader = Reader(self._channel_of)
        self._tape = _Tape()
        self._written = 0  # entries of `again` that were looked at
        self._heard: deque[EventEntry] = deque()
        self._now: Instant = float("-inf")

    def take(self, entries: Sequence[Entry]) -> None:
        """Tell the peer what it was told, and hold what it does against the recording."""
        first = entries[0]
        if first.at < self._now:
            raise ReplayError(f"time goes backwards, from {self._now} s to {first.at} s", number=first.number)
        self._now = first.at
        mine = [entry for entry in entries if entry.who == self.who]
        tape = self._tape
        tape.draws = deque([entry for entry in mine if isinstance(entry, DrawEntry)])
        tape.clock = deque([entry for entry in mine if isinstance(entry, ClockEntry)])
        tape.number = first.number
        fault: Exception | None = None
        try:
            if isinstance(first, CallEntry):
                self._call(first)
            elif isinstance(first, WakeEntry):
                self._made(first).handle_timeout(now=first.at)
            else:
                arrived = takewhile(is_input, mine)
                self._receive([entry for entry in arrived if isinstance(entry, PacketEntry)])
        except ReplayError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording did not have it
            fault = error
        if tape.fault is not None:
            raise tape.fault
        if fault is not None:
            raise ReplayError(f"the replay raised {spell_error(fault)}", number=first.number) from fault
        self._compare(first, mine)
        if tape.draws:
            raise ReplayError(
                "random bytes of the recording are left over that the replay did not draw",
                number=tape.draws[0].number,
            )

    def hear(self, entry: EventEntry) -> None:
        """The application took events here: so do we, and the next one must be this."""
        if not self._heard:
            self._made(entry).take_events()
            self._heard.extend(self._fresh(EventEntry))
        if not self._heard:
            raise ReplayError(
                f"{self.who} hears nothing, in the recording {_said(entry)}", number=entry.number
            )
        found = self._heard.popleft()
        if (found.name, found.detail) != (entry.name, entry.detail):
            raise ReplayError(
                f"{self.who} hears {_said(found)}, in the recording {_said(entry)}", number=entry.number
            )

    def _call(self, entry: CallEntry) -> None:
        try:
            arguments = {name: self.reader.read(value) for name, value in entry.arguments.items()}
        except ValueError as error:
            if entry.error:
                return  # an error leaves a peer as it was, so it need not be told
            raise ReplayError(f"the arguments of {entry.command}: {error}", number=entry.number) from None
        outcome = ""
        try:
            if entry.command == CONSTRUCTOR:
                self._make(entry, arguments)
            else:
                if entry.command not in COMMANDS:
                    raise ReplayError(f"a peer has no command {entry.command!r}", number=entry.number)
                if entry.command not in TIMELESS:
                    arguments["now"] = entry.at
                getattr(self._made(entry), entry.command)(**arguments)
        except ReplayError:
            raise
        except Exception as raised:  # noqa: BLE001 - what a command raises is part of the recording
            outcome = spell_error(raised)
        if self._tape.fault is None and outcome != entry.error:
            raise ReplayError(
                f"{entry.command} ends with {outcome or 'success'}, in the recording with {entry.error or 'success'}",
                number=entry.number,
            )

    def _make(self, entry: CallEntry, arguments: dict[str, object]) -> None:
        configuration = arguments.pop("configuration", None)
        if arguments or not isinstance(configuration, PeerConfiguration):
            raise ReplayError("a peer is made of a configuration", number=entry.number)
        if self.peer is not None:
            raise ReplayError(f"{self.who} is made twice", number=entry.number)
        self.peer = RecordedPeer(
            configuration,
            entropy=self._tape,
            wall_clock=self._tape,
            trace=self.again,
            who=self.who,
            now=entry.at,
        )

    def _receive(self, arrived: Sequence[PacketEntry]) -> None:
        peer = self._made(arrived[0])
        nowhere = Address("", 0)
        datagrams = [
            Datagram(entry.data, entry.local or nowhere, entry.remote or nowhere) for entry in arrived
        ]
        if len(datagrams) == 1:
            peer.receive(datagrams[0], now=arrived[0].at)
        else:
            peer.receive_many(datagrams, now=arrived[0].at)

    def _made(self, entry: Entry) -> RecordedPeer:
        if self.peer is None:
            raise ReplayError(f"{self.who} is told something before it is made", number=entry.number)
        return self.peer

    def _channel_of(self, number: int) -> Channel:
        if self.peer is None:
            raise ValueError("there is no channel yet")
        return self.peer.channel_of(number)

    def _fresh(self, kind: type[EventEntry]) -> list[EventEntry]:
        fresh, self._written = self.again.entries[self._written :], len(self.again.entries)
        return [entry for entry in fresh if isinstance(entry, kind)]

    def _compare(self, first: Entry, recorded: Sequence[Entry]) -> None:
        """Both must have sent the same datagrams, in the same order."""
        fresh, self._written = self.again.entries[self._written :], len(self.again.entries)
        expected, found = _sent(recorded), _sent(fresh)
        for old, new in zip(expected, found, strict=False):
            if (old.data, old.local, old.remote) != (new.data, new.local, new.remote):
                raise ReplayError(
                    _difference(self.who, old, new),
                    number=old.number,
                    recorded=old.data,
                    replayed=new.data,
                )
        if len(expected) > len(found):
            old = expected[len(found)]
            raise ReplayError(
                f"{self.who} does not send the {len(old.data)} bytes that the recording has: {_shown(old.data, 0)}",
                number=old.number,
                recorded=old.data,
            )
        if len(found) > len(expected):
            new = found[len(expected)]
            raise ReplayError(
                f"{self.who} sends {len(new.data)} bytes that the recording does not have: {_shown(new.data, 0)}",
                number=first.number,
                replayed=new.data,
            )


def _sent(entries: Sequence[Entry]) -> list[PacketEntry]:
    return [
        entry
        for entry in entries
        if isinstance(entry, PacketEntry) and entry.layer == "udp" and entry.direction is Direction.OUT
    ]


def _difference(who: str, old: PacketEntry, new: PacketEntry) -> str:
    if old.data == new.data:
        return (
            f"{who} sends from {new.local} to {new.remote}, in the recording from {old.local} to {old.remote}"
        )
    at = next(
        (i for i, (a, b) in enumerate(zip(old.data, new.data, strict=False)) if a != b),
        min(len(old.data), len(new.data)),
    )
    return (
        f"{who} sends another packet, from byte {at} on: {_shown(new.data, at)} ({len(new.data)} bytes), "
        f"in the recording {_shown(old.data, at)} ({len(old.data)} bytes)"
    )


def _shown(data: bytes, at: int) -> str:
    return (data[at : at + SHOWN].hex(" ") or "nothing") + (" …" if len(data) > at + SHOWN else "")


def _said(entry: EventEntry) -> str:
    return f"{entry.name}: {entry.detail}" if entry.detail else entry.name


def check(trace: Trace) -> None:
    """Replay the whole of `trace`. Raises `ReplayError` if anything comes out otherwise."""
    Replay(trace).run()

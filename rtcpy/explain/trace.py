"""`Trace`: everything that happened at one or more endpoints, in order.

Two kinds of entry. *Inputs* are what an endpoint was told: datagrams that arrived, API calls, wake-ups of its timer,
random bytes, the calendar time. They are enough to rebuild the endpoint (`rtcpy.explain.replay`). *Consequences* are
what it did about them: packets of every layer, drops, changes of state, timers, secrets, events for the application.

Each input is followed by its consequences, at once and uninterrupted: a machine works nowhere else (law 2 of
`rtcpy.core.machine`). Events are the exception: they stand where the application took them.

A trace of a connection contains the keys of that connection, what it was asked to draw, and every message in the
clear. Treat the file as you would treat the messages; `Trace.redacted` leaves out what opens other recordings.

Owns the model and its queries. Who writes it: `recording`. The file: `tracefile`.

Specs: none; the entries follow `rtcpy.core.tap` and the events of W3C webrtc §12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rtcpy.core.errors import WireError
from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction

if TYPE_CHECKING:
    from rtcpy.explain.explained import ExplainedTrace
    from rtcpy.explain.keys import KeyTree
    from rtcpy.explain.ladder import Ladder
    from rtcpy.explain.replay import Replay
    from rtcpy.explain.states import StateChart
    from rtcpy.explain.tree import Explanation

RECORD_HEADER = 13
"""**Bytes** before the content in a packet of layer ``"dtls-plaintext"``: the record's header (RFC 6347 §4.1)."""

ENTRIES_MAX = 100_000
"""Entries that a trace keeps unless told otherwise; later ones are counted."""

BYTES_MAX = 64 * 1024 * 1024
"""**Bytes** of packets, draws and secrets that a trace keeps unless told otherwise."""


class TraceError(WireError):
    """A trace file does not follow its format, or holds what no recording could.

    Args:
        message: what was found and what was expected.
        line: number of the offending line, from 1; 0 if it is about none.
    """

    __slots__ = ("line",)

    def __init__(self, message: str, *, line: int = 0) -> None:
        self.line = line
        super().__init__(message, offset=line or None)

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(slots=True)
class Entry:
    """What all entries have.

    Args:
        at: when, in **seconds** on the endpoint's clock; the origin has no meaning.
        who: name of the endpoint.
        number: place in the trace, from 0; given by `Trace.append`.
    """

    kind: ClassVar[str] = ""
    """The word for this kind of entry in a file."""
    is_input: ClassVar[bool] = False
    """Whether the endpoint was told this, rather than did it."""

    at: Instant
    who: str
    number: int = field(default=-1, kw_only=True)


@dataclass(slots=True)
class PacketEntry(Entry):
    """A packet was handed from one layer to another. With `layer` ``"udp"`` and direction IN it is an input.

    Args:
        layer: ``"udp"``, ``"stun"``, ``"dtls"`` (a record), ``"dtls-plaintext"`` (its header and content in the
            clear), ``"sctp"``, ``"datachannel"`` (a message) or ``"sdp"`` (UTF-8).
        direction: seen from `who`.
        data: the bytes.
        local: own address, where the layer knows it.
        remote: the other side's.
        more: another datagram follows that arrived together with this one; the layers are pumped after the last.
    """

    kind: ClassVar[str] = "packet"

    layer: str
    direction: Direction
    data: bytes
    local: Address | None = None
    remote: Address | None = None
    more: bool = False

    def __explain__(self, **known: Any) -> Explanation:
        """The packet to the last bit: ``rtcpy.explain(entry)``."""
        from rtcpy.explain.explained import explain_entry

        return explain_entry(self, **known)


@dataclass(slots=True)
class DropEntry(Entry):
    """`layer` refused a packet from the network, and why."""

    kind: ClassVar[str] = "drop"

    layer: str
    data: bytes
    reason: str


@dataclass(slots=True)
class StateEntry(Entry):
    """The state machine `what` of `layer` moved from `old` to `new`, spelled as in its specification."""

    kind: ClassVar[str] = "state"

    layer: str
    what: str
    old: str
    new: str


@dataclass(slots=True)
class TimerEntry(Entry):
    """The deadline of `layer` called `name` fired."""

    kind: ClassVar[str] = "timer"

    layer: str
    name: str


@dataclass(slots=True)
class SecretEntry(Entry):
    """A secret was derived; `label` as in the NSS key log format (``"CLIENT_RANDOM"`` in DTLS 1.2)."""

    kind: ClassVar[str] = "secret"

    label: str
    client_random: bytes
    secret: bytes


@dataclass(slots=True)
class CallEntry(Entry):
    """The application or the driver gave a command of `rtcpy.peer.Peer`; an input.

    The first call of each endpoint is ``"Peer"``: the constructor, with the configuration.

    Args:
        command: name of the method.
        arguments: by name, as JSON has them (see `rtcpy.explain.arguments` for bytes, channels and descriptions).
        error: W3C's name of what it raised, a colon and the message; empty: it succeeded.
        result: what it returned, spelled like the arguments; a channel is its number.
    """

    kind: ClassVar[str] = "call"
    is_input: ClassVar[bool] = True

    command: str
    arguments: dict[str, object] = field(default_factory=dict)
    error: str = ""
    result: object = None


@dataclass(slots=True)
class WakeEntry(Entry):
    """`handle_timeout` was called; an input. `deadline` is what `next_timeout` had asked for."""

    kind: ClassVar[str] = "wake"
    is_input: ClassVar[bool] = True

    deadline: Instant | None = None


@dataclass(slots=True)
class DrawEntry(Entry):
    """Random bytes were drawn. An input that stands among the consequences of the input that led to it."""

    kind: ClassVar[str] = "draw"

    data: bytes


@dataclass(slots=True)
class ClockEntry(Entry):
    """Calendar time was read, **seconds** since 1970-01-01T00:00Z. Stands like a `DrawEntry`."""

    kind: ClassVar[str] = "clock"

    unix_time: float


@dataclass(slots=True)
class EventEntry(Entry):
    """What the application heard: W3C's name of the event, and the values that matter in words."""

    kind: ClassVar[str] = "event"

    name: str
    detail: str = ""


@dataclass(slots=True)
class LostEntry(Entry):
    """A simulated network did not carry a datagram as it was sent. Traces of real networks have none.

    Args:
        data: the UDP payload as `who` sent it.
        local: whence.
        remote: where to.
        fate: ``"lost"``, ``"duplicated"``, ``"corrupted"``, ``"unroutable"`` or ``"filtered"`` (by a NAT).
    """

    kind: ClassVar[str] = "lost"

    data: bytes
    local: Address
    remote: Address
    fate: str = "lost"


ENTRY_KINDS: tuple[type[Entry], ...] = (
    PacketEntry,
    DropEntry,
    StateEntry,
    TimerEntry,
    SecretEntry,
    CallEntry,
    WakeEntry,
    DrawEntry,
    ClockEntry,
    EventEntry,
    LostEntry,
)
"""Every kind of entry."""

E = TypeVar("E", bound=Entry)


def is_input(entry: Entry) -> bool:
    """Whether replaying begins something new at `entry`: a call, a wake-up, a datagram that arrived."""
    if isinstance(entry, PacketEntry):
        return entry.layer == "udp" and entry.direction is Direction.IN
    return entry.is_input


@dataclass(slots=True, frozen=True)
class Endpoint:
    """A place in a trace for one endpoint: what ``Configuration(trace=…)`` takes. Made by `Trace.endpoint`."""

    trace: Trace
    name: str


class Trace:
    """The entries of one or more endpoints, in the order in which things happened.

    Args:
        entries_max: entries kept; the rest is counted in `lost`.
        bytes_max: **bytes** of data kept in entries; with the first that does not fit the trace ends.
    """

    __slots__ = ("_bytes", "bytes_max", "entries", "entries_max", "has_secrets", "lost", "names")

    def __init__(self, *, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.entries: list[Entry] = []
        self.names: list[str] = []
        """The endpoints, in the order in which they appeared."""
        self.entries_max = entries_max
        self.bytes_max = bytes_max
        self.lost = 0
        """Entries that found no room. What is kept is a beginning without gaps."""
        self.has_secrets = True
        """False after `redacted`: without keys and draws nothing can be replayed."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __repr__(self) -> str:
        names = ", ".join(self.names) or "nobody"
        lost = f", {self.lost} more not kept" if self.lost else ""
        return f"<Trace of {names}: {len(self.entries)} entries, {len(self.datagrams())} datagrams{lost}>"

    def endpoint(self, name: str) -> Endpoint:
        """A place for an endpoint called `name`, so that several connections can be in one trace.

        >>> # trace = Trace()
        >>> # a = rtcpy.PeerConnection(rtcpy.Configuration(trace=trace.endpoint("alice")))
        >>> # b = rtcpy.PeerConnection(rtcpy.Configuration(trace=trace.endpoint("bob")))
        """
        return Endpoint(self, name)

    # --- writing ---------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> bool:
        """Put `entry` at the end and number it; whether there was room."""
        size = self._bytes + sum(
            len(value)
            for name in ("data", "secret", "client_random")
            if isinstance(value := getattr(entry, name, None), bytes)
        )
        if self.lost or len(self.entries) >= self.entries_max or size > self.bytes_max:
            self.lost += 1
            return False
        self._bytes = size
        entry.number = len(self.entries)
        if entry.who not in self.names:
            self.names.append(entry.who)
        self.entries.append(entry)
        return True

    # --- reading ---------------------------------------------------------------------------------------------

    @property
    def started(self) -> Instant:
        """When the first entry was made; 0 for an empty trace."""
        return self.entries[0].at if self.entries else 0.0

    def of(self, kind: type[E], *, who: str | None = None) -> list[E]:
        """The entries of one kind, of one endpoint if `who` is given."""
        return [
            entry for entry in self.entries if isinstance(entry, kind) and (who is None or entry.who == who)
        ]

    def packets(
        self, layer: str | None = None, *, who: str | None = None, direction: Direction | None = None
    ) -> list[PacketEntry]:
        """The packets of one layer, of one endpoint, in one direction; what is `None` is not asked for."""
        return [
            entry
            for entry in self.of(PacketEntry, who=who)
            if (layer is None or entry.layer == layer) and (direction is None or entry.direction is direction)
        ]

    def datagrams(self, *, who: str | None = None) -> list[PacketEntry]:
        """What crossed the sockets, in both directions."""
        return self.packets("udp", who=who)

    def inputs(self, *, who: str | None = None) -> list[Entry]:
        """What the endpoints were told, draws and clock readings apart."""
        return [entry for entry in self.entries if is_input(entry) and (who is None or entry.who == who)]

    def key_log(self) -> str:
        """The secrets as an NSS key log (what Wireshark's "(Pre)-Master-Secret log filename" takes).

        Spec: draft-ietf-tls-keylogfile §2.
        """
        lines = {
            f"{entry.label} {entry.client_random.hex()} {entry.secret.hex()}": None
            for entry in self.of(SecretEntry)
        }
        return "".join(f"{line}\n" for line in lines)

    def ladder(self, who: str | None = None) -> Ladder:
        """What crossed the socket of `who` (default: the first endpoint), as a ladder of arrows."""
        from rtcpy.explain.ladder import Ladder

        return Ladder(self, who=who)

    def state_charts(self, who: str = "", *, until: int | None = None) -> list[StateChart]:
        """The state machines of `who` (default: the first endpoint) as pictures, lit as they were before entry `until`."""
        from rtcpy.explain.states import charts

        return charts(self, who, until=until)

    def key_tree(self, who: str = "") -> KeyTree:
        """The key schedule of the connection, as `who` (default: the first endpoint that has secrets) saw it.

        Raises:
            InvalidAccessError: the trace has no DTLS secret, or not the hellos that it belongs to.
        """
        from rtcpy.explain.keys import key_tree

        return key_tree(self, who)

    def to_pcapng(self, path: str | Path, *, who: str = "", start: float | None = None) -> int:
        """Write what `who` (default: the first endpoint) sent and received as a file for Wireshark, secrets included.

        Args:
            path: of the file.
            who: the endpoint.
            start: **seconds** since 1970 of the first entry; default: the trace's own times.

        Returns:
            How many packets were written.

        Raises:
            InvalidAccessError: the trace has no such endpoint.
            OSError: the file cannot be written.
        """
        from rtcpy.explain.pcapng import write_pcapng

        return write_pcapng(self, path, who=who, start=start)

    def _repr_html_(self) -> str:
        return self.ladder().svg()

    def replay(self) -> Replay:
        """The endpoints, rebuilt step by step from what they were told.

        Raises:
            ReplayError: nothing here can be replayed.
        """
        from rtcpy.explain.replay import Replay

        return Replay(self)

    def __explain__(self, *, plaintexts: object = None, **known: Any) -> ExplainedTrace:
        """Every description and datagram to the last bit: ``rtcpy.explain(trace)``. The trace has plaintexts itself."""
        from rtcpy.explain.explained import ExplainedTrace

        return ExplainedTrace(self, **known)

    # --- keeping ---------------------------------------------------------------------------------------------

    def redacted(self) -> Trace:
        """A copy without secrets, draws, private keys and passwords of servers, to be shown to others.

        It still has the descriptions (with the ICE passwords of that connection) and all messages in the clear, and
        it can no longer be replayed.
        """
        from rtcpy.explain.arguments import without_secrets

        shown = Trace(entries_max=self.entries_max, bytes_max=self.bytes_max)
        shown.names = list(self.names)
        for entry in self.entries:
            if isinstance(entry, (SecretEntry, DrawEntry)):
                continue
            copy = replace(entry)
            if isinstance(copy, CallEntry):
                copy.arguments = {name: without_secrets(value) for name, value in copy.arguments.items()}
            shown.append(copy)
        shown.lost, shown.has_secrets = self.lost, False
        return shown

    def save(self, path: str | Path, *, secrets: bool = True) -> None:
        """Write the trace as JSON lines.

        Args:
            path: of the file; one that exists is replaced. Its mode lets only the owner read it.
            secrets: with `False`, what `redacted` leaves.
        """
        from rtcpy.explain.tracefile import write

        write(self if secrets else self.redacted(), Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read what `save` has written.

        Raises:
            TraceError: the file is no trace; with the number of the line and what was expected there.
            OSError: it cannot be read.
        """
        from rtcpy.explain.tracefile import read

        return read(Path(path))

"""A class instead of a function: `check_machine(MyIceAgent)`, `check_reliable_transport(MyAssociation)`.

The laws need two ends that talk, so they have to know how an end is made and what to tell it. A class that is made and
commanded like one of ours says so by its shape; each `Convention` here is one such shape, and the first that fits is
taken:

- *ICE agent*, as `rtcpy.ice.IceAgent`: `gather`, `set_remote_credentials`, `add_remote_candidate`, `local_credentials`.
- *DTLS connection*, as `rtcpy.dtls.DtlsConnection`: `set_remote_fingerprints`, `start`, `send`.
- *data channels*, as `rtcpy.sctp.DataChannels`: `set_role`, `start`, `open`, `send`, `close_channel`.
- *association*, as `rtcpy.sctp.Association`: `start`, and `send` with stream and payload protocol.
- *message layer*, for layers of your own: `send(data, now=…)`, and `start(now=…)` if it needs one. What arrives is told
  by events with an attribute `data`.

Constructors are called with keywords. Each convention offers some (`entropy` always, `config` or `role` where ours have
them); a class takes those that it names, and may have others with defaults. Ends take and report the types of our
layer: `rtcpy.ice.Candidate` in `CandidateFound`, messages in `StreamMessage`.

Owns: the conventions, and which one a class follows. A layer of another shape is described by a function that returns
a `Connection` (`laws`) or a `TransportUnderTest` (`models`), as those here do.

Specs: those of the layers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.machine import Address, Datagram
from rtcpy.dtls import ApplicationData, Certificate, DtlsState, Role
from rtcpy.ice import CandidateFound, IceConnectionState, LocalAddress, StunServer
from rtcpy.sctp import SctpConfig
from rtcpy.sctp.events import ChannelAnnounced, ChannelMessage, ChannelOpened, StreamMessage
from rtcpy.sim import LinkConfig, Network, Pair
from rtcpy.stun.server import StunServer as AnsweringServer
from rtcpy.testing.laws import Build, Connection
from rtcpy.testing.models import TransportUnderTest

SIX_METHODS = ("receive", "handle_timeout", "next_timeout", "take_packets", "take_events", "close")
LOSSY = LinkConfig(loss=0.03, jitter=0.005)
"""For the laws: now and then something is sent again, and timers get to fire."""
BINARY, BINARY_EMPTY = 53, 57
"""Payload protocols of RFC 8831 §8. SCTP cannot carry an empty message, so one byte stands for it."""
_TEN = 10.0  # s between what happens first and what happens later


@dataclass(slots=True, frozen=True)
class Usage:
    """How something is called: positional arguments, and names of keyword arguments."""

    arguments: int = 0
    keywords: tuple[str, ...] = ()

    def misfit(self, function: Callable[..., Any], name: str) -> str:
        """Why `function`, a method, cannot be called so; empty if it can."""
        try:
            inspect.signature(function).bind(*[None] * (self.arguments + 1), **dict.fromkeys(self.keywords))
        except TypeError as error:
            shown = ", ".join(["…"] * self.arguments + [f"{keyword}=…" for keyword in self.keywords])
            return f"{name}({shown}) cannot be called: {error}"
        return ""


@dataclass(slots=True, frozen=True)
class Convention:
    """One shape of class, and what to do with two of them.

    Args:
        name: for people.
        offered: keyword arguments that the constructor may ask for.
        commands: how each command that is needed is called.
        attributes: what else the ends are asked for.
        connection: (class, seed) to two ends for the laws.
        transport: (class, seed, network, ordered, reliable) to two ends for the promise; `None`: it carries no messages.
        streams: how many streams such a transport has.
    """

    name: str
    offered: tuple[str, ...]
    commands: Mapping[str, Usage]
    connection: Callable[[type[Any], int], Connection]
    transport: Callable[[type[Any], int, LinkConfig, bool, bool], TransportUnderTest] | None = None
    streams: int = 0
    attributes: tuple[str, ...] = field(default=())

    def misfits(self, kind: type[Any]) -> Iterator[str]:
        """All reasons why `kind` does not follow this convention."""
        for name in (*self.commands, *self.attributes):
            if not hasattr(kind, name):
                yield f"it has no {name}"
        for name, usage in self.commands.items():
            if (command := getattr(kind, name, None)) is not None and (why := usage.misfit(command, name)):
                yield why
        needed = [
            name
            for name, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        for name in needed:
            if name not in self.offered:
                yield f"its constructor needs {name}, and is offered {', '.join(self.offered)}"


def convention_of(kind: type[Any]) -> Convention:
    """The convention that a class follows.

    Raises:
        InvalidAccessError: it is no machine, or follows none; says for each what is missing.
    """
    if lacking := [name for name in SIX_METHODS if not callable(getattr(kind, name, None))]:
        raise InvalidAccessError(
            f"{kind.__name__} is no machine: it has no {', '.join(lacking)} (see rtcpy.core.machine)"
        )
    for convention in CONVENTIONS:
        if not any(convention.misfits(kind)):
            return convention
    reasons = "\n".join(f"  {one.name}: {next(one.misfits(kind))}" for one in CONVENTIONS)
    raise InvalidAccessError(
        f"{kind.__name__} follows no convention of rtcpy.testing.conventions:\n{reasons}\n"
        "Make it fit one, or give a function that builds a connection of it."
    )


def connection_of(kind: type[Any]) -> Build:
    """A function that makes connections of `kind` for `check_machine`.

    Raises:
        InvalidAccessError: the class follows no convention.
    """
    convention = convention_of(kind)
    return lambda seed: convention.connection(kind, seed)


def transport_of(
    kind: type[Any], *, ordered: bool = True, reliable: bool = True
) -> tuple[Callable[[int, LinkConfig], TransportUnderTest], int]:
    """A function that makes transports of `kind` for `check_reliable_transport`, and how many streams they have.

    Raises:
        InvalidAccessError: the class follows no convention, or one that carries no messages.
    """
    convention = convention_of(kind)
    if (transport := convention.transport) is None:
        carriers = " or ".join(one.name for one in CONVENTIONS if one.transport is not None)
        raise InvalidAccessError(
            f"{kind.__name__} is taken for: {convention.name}. That promises no messages; {carriers} does, "
            "or give a function that builds a transport"
        )
    return (lambda seed, link: transport(kind, seed, link, ordered, reliable)), convention.streams


def made(kind: type[Any], **offered: Any) -> Any:
    """An end, made with those of the offered arguments that its constructor takes."""
    parameters = inspect.signature(kind).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return kind(**{name: value for name, value in offered.items() if takes_all or name in parameters})


def lent(text: bytes, use: Callable[[Any], object]) -> None:
    """Let `use` have `text` in a buffer that is overwritten right after: law 8 for commands."""
    buffer = bytearray(text)
    use(buffer)
    buffer[:] = bytes(len(buffer))


# --- ICE -------------------------------------------------------------------------------------------------------------

_HOSTS = (Address("192.0.2.1", 5001), Address("192.0.2.2", 5002))
_STUN = Address("192.0.2.9", 3478)


def _ice(kind: type[Any], seed: int) -> Connection:
    """Two agents on one network with a STUN server, trickling."""
    sim = Network(seed=seed, link=LOSSY)
    agents = [
        made(kind, controlling=controlling, entropy=SeededEntropy(f"{seed}/{controlling}"))
        for controlling in (True, False)
    ]
    for name, agent, address in zip("ab", agents, _HOSTS, strict=True):
        sim.add_host(name, agent, [address.host])
    sim.add_host("stun", AnsweringServer(), [_STUN.host])

    def on_event(end: int, event: Any, now: float) -> None:
        if end < 2 and isinstance(event, CandidateFound):
            agents[1 - end].add_remote_candidate(event.candidate, now=now)

    sim.on_event = on_event

    def start() -> None:
        for i, agent in enumerate(agents):
            agent.set_remote_credentials(agents[1 - i].local_credentials, now=sim.now)
            agent.gather([LocalAddress(_HOSTS[i])], [StunServer(_STUN)], now=sim.now)
            sim.settle()

    def wrap(to: int, data: bytes) -> Datagram:
        addresses = [*_HOSTS, _STUN]
        return Datagram(data, addresses[to], addresses[(to + 1) % 2])

    up = (IceConnectionState.CONNECTED, IceConnectionState.COMPLETED)
    return Connection(
        sim, start=start, connected=lambda: all(agent.state in up for agent in agents), wrap=wrap, linger=30.0
    )


# --- DTLS ------------------------------------------------------------------------------------------------------------


@cache
def _certificate(name: str) -> Certificate:
    return Certificate.generate(SeededEntropy(name), FixedClock())


def _dtls(kind: type[Any], seed: int) -> Connection:
    """A handshake, then records each way: many, since DTLS repeats none that is lost."""
    roles = (Role.CLIENT, Role.SERVER)
    ends = [
        made(
            kind,
            role=role,
            certificate=_certificate(role.value),
            entropy=SeededEntropy(f"{seed}/{role.value}"),
            wall_clock=FixedClock(),
        )
        for role in roles
    ]
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        for end, other in zip(ends, reversed(roles), strict=True):
            end.set_remote_fingerprints([_certificate(other.value).fingerprint("sha-256")], now=sim.now)
            end.start(now=sim.now)

    def exercise() -> None:
        for end in ends:
            for _ in range(20):
                lent(b"across", partial(end.send, now=sim.now))

    return Connection(
        sim,
        start=start,
        connected=lambda: all(end.state is DtlsState.CONNECTED for end in ends),
        exercise=exercise,
        exercised=lambda: all(sim.events_of(i, ApplicationData) for i in (0, 1)),
    )


# --- SCTP ------------------------------------------------------------------------------------------------------------


def _associations(kind: type[Any], seed: int) -> list[Any]:
    return [made(kind, config=SctpConfig(), entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]


def _is_established(end: Any) -> bool:
    return str(getattr(end.state, "value", end.state)) == "ESTABLISHED"


def _association(kind: type[Any], seed: int) -> Connection:
    """Two associations that start at the same moment, and messages on two streams each way."""
    ends = _associations(kind, seed)
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        for end in ends:
            end.start(now=sim.now)

    def exercise() -> None:
        for end in ends:
            for stream in (0, 1):
                send = partial(end.send, stream, BINARY, unordered=bool(stream), now=sim.now)
                lent(b"m" * 3000, send)
            if hasattr(
                end, "reset_streams"
            ):  # RFC 6525: data channels need it, an association may go without
                end.reset_streams([1], now=sim.now)

    return Connection(
        sim,
        start=start,
        connected=lambda: all(_is_established(end) for end in ends),
        exercise=exercise,
        exercised=lambda: all(
            [message.data for message in sim.events_of(i, StreamMessage)] == [b"m" * 3000] * 2 for i in (0, 1)
        ),
        linger=70.0,
    )


def _association_transport(
    kind: type[Any], seed: int, link: LinkConfig, ordered: bool, reliable: bool
) -> TransportUnderTest:
    ends = _associations(kind, seed)
    sim = Pair(*ends, seed=seed, link=link, log=False)
    limits = {} if reliable else {"max_retransmits": 0}

    def start() -> None:
        for end in ends:
            end.start(now=sim.now)

    def send(end: int, stream: int, message: bytes) -> None:
        protocol = BINARY if message else BINARY_EMPTY
        ends[end].send(stream, protocol, message or b"\0", unordered=not ordered, now=sim.now, **limits)

    def received(end: int) -> list[tuple[int, bytes]]:
        return [
            (event.stream_id, b"" if event.ppid == BINARY_EMPTY else event.data)
            for event in sim.events_of(end, StreamMessage)
        ]

    return TransportUnderTest(sim, start, lambda: all(_is_established(end) for end in ends), send, received)


def _data_channels(kind: type[Any], seed: int) -> Connection:
    """A data channel opened by one side, a message each way, closed again."""
    ends = _associations(kind, seed)
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        ends[0].set_role(True, now=sim.now)
        ends[1].set_role(False, now=sim.now)
        for end in ends:
            end.start(now=sim.now)
        ends[0].open("chat", now=sim.now)

    def exercise() -> None:
        channel = sim.events_of(1, ChannelAnnounced)[0].channel
        ends[0].send(channel.id, "text", now=sim.now)
        lent(b"binary", lambda buffer: ends[1].send(channel.id, buffer, now=sim.now))
        sim.at(sim.now + _TEN, lambda: ends[1].close_channel(channel, now=sim.now))

    def exercised() -> bool:
        received = [[message.data for message in sim.events_of(i, ChannelMessage)] for i in (0, 1)]
        return received == [[b"binary"], ["text"]]

    return Connection(
        sim,
        start=start,
        connected=lambda: bool(sim.events_of(0, ChannelOpened) and sim.events_of(1, ChannelAnnounced)),
        exercise=exercise,
        exercised=exercised,
    )


# --- layers of the reader's own --------------------------------------------------------------------------------------

_LOSSIER = LinkConfig(
    loss=0.2
)  # few packets are sent; some of them should be lost, so that timers have to fire
_WORDS = 5


def _layers(kind: type[Any], seed: int, link: LinkConfig, *, log: bool) -> tuple[list[Any], Pair]:
    ends = [made(kind, entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    return ends, Pair(*ends, seed=seed, link=link, log=log)


def _start(ends: list[Any], sim: Pair) -> None:
    for end in ends:
        if hasattr(end, "start"):
            end.start(now=sim.now)


def _message_layer(kind: type[Any], seed: int) -> Connection:
    """Some messages each way, and again ten seconds later. That they arrive is no law: see `check_reliable_transport`."""
    ends, sim = _layers(kind, seed, _LOSSIER, log=True)

    def say(text: bytes) -> None:
        for end in ends:
            for number in range(_WORDS):
                lent(text + bytes([number]), partial(end.send, now=sim.now))

    def start() -> None:
        _start(ends, sim)
        say(b"hello")

    return Connection(
        sim, start, connected=lambda: True, exercise=lambda: sim.at(sim.now + _TEN, lambda: say(b"goodbye"))
    )


def _message_transport(
    kind: type[Any], seed: int, link: LinkConfig, _ordered: bool, _reliable: bool
) -> TransportUnderTest:
    ends, sim = _layers(kind, seed, link, log=False)
    return TransportUnderTest(
        sim,
        start=lambda: _start(ends, sim),
        connected=lambda: True,
        send=lambda end, _stream, message: ends[end].send(message, now=sim.now),
        received=lambda end: [(0, bytes(event.data)) for event in sim.events[end] if hasattr(event, "data")],
    )


_NOW = ("now",)
CONVENTIONS = (
    Convention(
        "ICE agent",
        ("controlling", "entropy"),
        {
            "gather": Usage(2, _NOW),
            "set_remote_credentials": Usage(1, _NOW),
            "add_remote_candidate": Usage(1, _NOW),
        },
        _ice,
        attributes=("local_credentials",),
    ),
    Convention(
        "DTLS connection",
        ("role", "certificate", "entropy", "wall_clock"),
        {"set_remote_fingerprints": Usage(1, _NOW), "start": Usage(0, _NOW), "send": Usage(1, _NOW)},
        _dtls,
    ),
    Convention(
        "data channels",
        ("config", "entropy"),
        {
            "set_role": Usage(1, _NOW),
            "start": Usage(0, _NOW),
            "open": Usage(1, _NOW),
            "send": Usage(2, _NOW),
            "close_channel": Usage(1, _NOW),
        },
        _data_channels,
    ),
    Convention(
        "association",
        ("config", "entropy"),
        {"start": Usage(0, _NOW), "send": Usage(3, ("unordered", "now"))},
        _association,
        _association_transport,
        streams=8,
    ),
    Convention(
        "message layer", ("entropy",), {"send": Usage(1, _NOW)}, _message_layer, _message_transport, streams=1
    ),
)
"""In the order in which they are tried: those that ask for more come first."""

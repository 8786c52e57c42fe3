"""``rtcpy demo``: two peers connect on this machine, and every packet between them is named.

Owned here: the script of the demonstration and its words. The calls are those of any application; signalling runs
through the embedded server of `rtcpy.servers.signaling`, and the ladder comes from `rtcpy.explain`. Nothing leaves
loopback, and it ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rtcpy.aio import Configuration, DataChannel, PeerConnection
from rtcpy.explain import Ladder, Trace
from rtcpy.explain.ladder import WIDTH
from rtcpy.explain.trace import Endpoint

if TYPE_CHECKING:
    from rtcpy.signaling import Negotiator
    from rtcpy.signaling.websocket import WebSocketChannel

NAME = "demo"
SUMMARY = "connect two peers on this machine and show every packet of it"

DESCRIPTION = """\
Two PeerConnections in one process: offer and answer through an embedded WebSocket server, ICE, DTLS,
SCTP, an echo, a bulk transfer. Then the same once more on paper: a ladder of what crossed the wire,
and a table of how long each step took. Only loopback is used; it takes a few seconds."""

EPILOG = """\
examples:
  rtcpy demo                   the whole thing
  rtcpy demo --megabytes 500   a longer transfer
  rtcpy demo --trace FILE      keep all that happened at both ends, to be read, replayed and stepped through
  rtcpy demo --plain           no colours, no moving progress line (the default when output is no terminal)"""

TIME_LIMIT = 60.0  # s for the whole demonstration; a machine that needs longer has another problem
MEGABYTES = 48
CHUNK = 65_536  # bytes of one message of the bulk transfer
WIDTH_MIN = 60  # columns below which a ladder cannot be drawn
ECHOES = 200  # round trips that the figure is taken from
RECONNECTS = 5  # connections that the second figure is taken from

PHASES = {
    "stun": "ICE looks for a path: each side asks from each of its addresses “can you hear me?”, signed with the "
    "password from the other's description.   → rtcpy/ice/agent.py",
    "dtls": "A path works, so DTLS begins on it: two self-signed certificates, accepted only because their "
    "fingerprints stood in the descriptions. Everything after Finished is encrypted.   → rtcpy/dtls/connection.py",
    "sctp": "Inside DTLS, SCTP makes streams of messages out of packets. Both sides say INIT at once; that is "
    "allowed and makes one association.   → rtcpy/sctp/association.py",
    "dcep": "A channel is one message on one stream: “this stream is called so, treat it like this”. Data may "
    "follow without waiting.   → rtcpy/sctp/datachannel.py",
    "data": "And this is what it was all for.   → rtcpy/sctp/outbound.py",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``rtcpy demo``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "--megabytes",
        type=_positive,
        default=MEGABYTES,
        help="size of the bulk transfer (default: %(default)s)",
    )
    parser.add_argument(
        "--trace",
        type=_writable,
        metavar="FILE",
        help="save the first connection, keys included; docs/trace.md says what can be done with it",
    )
    parser.add_argument("--plain", action="store_true", help="no colours and no moving progress line")


def run(arguments: argparse.Namespace) -> int:
    """Run it; exit status 1 if something did not work."""
    try:
        import websockets as _websockets  # noqa: F401
    except ImportError:
        print(
            "rtcpy demo: the signalling server needs the websockets package: pip install websockets",
            file=sys.stderr,
        )
        return 1
    screen = Screen(plain=arguments.plain or not sys.stdout.isatty())
    try:
        asyncio.run(_bounded(screen, arguments.megabytes, arguments.trace))
    except TimeoutError:
        print(f"rtcpy demo: gave up after {TIME_LIMIT:g} s; is loopback filtered here?", file=sys.stderr)
        return 1
    except OSError as error:
        if arguments.trace is not None and error.filename is not None:
            print(f"rtcpy demo: cannot save the trace: {error}", file=sys.stderr)
        else:
            print(f"rtcpy demo: {error}; is the loopback interface up?", file=sys.stderr)
        return 1
    return 0


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of megabytes from 1 to 100000")
    return int(text)


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a file in a folder that exists")
    return path


class Screen:
    """Where the demonstration is printed: plain lines, or colours and a moving bar if `rich` and a terminal are there."""

    def __init__(self, *, plain: bool) -> None:
        self.width = max(WIDTH_MIN, min(WIDTH, get_terminal_size((WIDTH, 24)).columns))
        """Columns: those of the terminal, as far as lines of prose are pleasant; `WIDTH` where nobody knows."""
        self._console: Any = None
        if not plain:
            try:
                from rich.console import Console
            except ImportError:
                return
            self._console = Console(highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """A heading."""
        if self._console is not None:
            self._console.print(f"\n{text}", style="bold cyan", markup=False)
        else:
            print(f"\n== {text}")

    def say(self, text: str = "", *, dim: bool = False) -> None:
        """A line."""
        if self._console is not None:
            self._console.print(text, style="dim" if dim else None, markup=False)
        else:
            print(text)

    def tell(self, text: str, *, dim: bool = False) -> None:
        """Prose, in lines of at most `width` columns."""
        for line in textwrap.wrap(text, self.width, break_on_hyphens=False):
            self.say(line, dim=dim)

    def row(self, what: str, value: str, note: str) -> None:
        """A line of the table of figures; what is said about one goes on below it where the line is full."""
        before = f"   {what:<28}{value:<12} "
        for line in textwrap.wrap(
            note,
            self.width,
            initial_indent=before,
            subsequent_indent=" " * len(before),
            break_on_hyphens=False,
        ):
            self.say(line)

    def progress(self, what: str, total: int) -> Progress:
        """A progress display for `total` bytes."""
        return Progress(self._console, what, total)


class Progress:
    """A bar that moves on a terminal; elsewhere one line for each fifth."""

    def __init__(self, console: Any, what: str, total: int) -> None:
        self._console, self._what, self._total = console, what, total
        self._bar: Any = None
        self._task: Any = None
        self._printed = 0

    def __enter__(self) -> Progress:
        if self._console is not None:
            from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn(self._what),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int) -> None:
        """`done` bytes have arrived."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif done * 5 // self._total > self._printed:
            self._printed = done * 5 // self._total
            print(f"   {self._what}: {done / 1e6:6.1f} of {self._total / 1e6:.1f} MB")


@dataclass(slots=True)
class Timings:
    """When things happened, in seconds on one clock; the ladder adds what only the wire knows."""

    started: float = 0.0
    marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """`name` has happened just now, if it has not before."""
        self.marks.setdefault(name, time.perf_counter() - self.started)


class Side:
    """One of the two peers with its signalling."""

    def __init__(self, name: str, place: Endpoint | None = None) -> None:
        self.name = name
        self.pc = PeerConnection(Configuration(network_interfaces=["lo"], trace=place or False))
        self.channel: WebSocketChannel | None = None
        self.negotiator: Negotiator | None = None
        self.task: asyncio.Task[None] | None = None

    async def enter(self, url: str, room: str) -> None:
        """Meet the other side at the signalling server, and let perfect negotiation do the rest."""
        from rtcpy.signaling import Negotiator
        from rtcpy.signaling.websocket import WebSocketChannel

        self.channel = await WebSocketChannel.connect(url, room)
        self.negotiator = Negotiator(self.pc, self.channel, polite=self.channel.polite)
        self.task = asyncio.create_task(self.negotiator.run())

    async def leave(self) -> None:
        """Close the connection and the signalling."""
        self.pc.close()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        if self.channel is not None:
            await self.channel.close()


async def _bounded(screen: Screen, megabytes: int, path: Path | None) -> None:
    async with asyncio.timeout(TIME_LIMIT):
        await _demonstrate(screen, megabytes, path)


async def _demonstrate(screen: Screen, megabytes: int, path: Path | None) -> None:
    from rtcpy.servers.signaling import SignalingServer

    screen.tell("rtcpy: WebRTC from scratch. Two peers in this process, only loopback between them.")
    async with SignalingServer() as server:
        trace, timings = Trace(), Timings()
        alice, bob = Side("alice", trace.endpoint("alice")), Side("bob", trace.endpoint("bob"))
        try:
            await _connect(screen, server.url, alice, bob, timings)
        finally:
            await alice.leave()
            await bob.leave()
        ladder = Ladder(trace, who=alice.name)
        _show_ladder(screen, ladder)
        if path is not None:
            trace.save(path)
            screen.say()
            screen.tell(
                f"{path} has it all: {len(trace)} entries of both ends, with their keys. Walk through it with "
                f"rtcpy.explain.Trace.load(…).replay(), or draw it: rtcpy ladder {path} --svg ladder.svg   → docs/trace.md"
            )
        again, speed = await _measure(screen, server.url, megabytes)
    _show_timings(screen, ladder, timings, again, speed)
    screen.say()
    screen.tell(
        "Read on: rtcpy/peer/transport.py is the page where all of this is wired together, top to bottom."
    )
    screen.tell(
        "Take it apart: every layer runs without sockets and clocks, one step at a time; see rtcpy/core/machine.py."
    )


async def _connect(screen: Screen, url: str, alice: Side, bob: Side, timings: Timings) -> None:
    """The first connection, traced: signalling, connecting, an echo, a small transfer."""
    screen.title("1. Signalling")
    screen.tell(
        f"An embedded WebSocket server at {url} passes on what the two cannot yet tell each other directly."
    )
    screen.tell(
        "It understands nothing of it.   → rtcpy/servers/signaling.py, rtcpy/signaling/negotiation.py",
        dim=True,
    )
    timings.started = time.perf_counter()
    _watch(screen, alice, timings)
    _watch(screen, bob, timings)
    arrived: asyncio.Queue[DataChannel] = asyncio.Queue()
    bob.pc.on("datachannel", arrived.put_nowait)
    await alice.enter(url, "demo")
    await bob.enter(url, "demo")
    timings.started = time.perf_counter()
    channel = alice.pc.create_data_channel("greetings", protocol="demo")
    await channel.opened()
    timings.mark("open")
    remote = await arrived.get()
    await remote.opened()

    screen.title("2. Messages")
    screen.tell(
        f"The channel {remote.label!r} is open on stream {remote.id}; bob sends back whatever arrives."
    )
    echo = asyncio.create_task(_echo(remote))
    for message in ("Hello, bob!", b"\x00\x01\x02 bytes", "Grüße 🎈"):
        channel.send(message)
        screen.say(f"   alice sent {message!r:<24} and got back {await channel.receive()!r}")
    timings.mark("first echo")
    channel.send(bytes(200_000))
    await channel.receive()
    echo.cancel()
    channel.close()
    await channel.closed()


def _watch(screen: Screen, side: Side, timings: Timings) -> None:
    """Say what an application would hear."""
    pc = side.pc

    def note(text: str) -> Callable[[], None]:
        return lambda: screen.say(f"   {side.name:<6} {text}")

    @pc.on("signalingstatechange")
    def _() -> None:
        screen.say(f"   {side.name:<6} signaling state: {pc.signaling_state}")
        timings.mark(f"{side.name} {pc.signaling_state}")

    @pc.on("icecandidate")
    def _(candidate: Any) -> None:
        if candidate is None:
            note("no more candidates")()
            timings.mark(f"{side.name} gathered")
        elif candidate.candidate:
            screen.say(f"   {side.name:<6} trickles {_short(candidate.candidate)}")
            timings.mark(f"{side.name} first candidate")

    @pc.on("connectionstatechange")
    def _() -> None:
        screen.say(f"   {side.name:<6} connection state: {pc.connection_state}")
        timings.mark(f"{side.name} {pc.connection_state}")


def _short(candidate: str) -> str:
    """Transport, address and type of a candidate line."""
    words = candidate.split()
    return f"{words[2]} {words[4]} port {words[5]} ({words[7]})" if len(words) > 7 else candidate


async def _echo(channel: DataChannel) -> None:
    async for message in channel:
        channel.send(message)


@dataclass(slots=True)
class Speed:
    """What the unobserved connections measured."""

    seconds: float = 0.0
    total: int = 0
    payload_on_wire: int = 0
    round_trip: float = 0.0
    mtu: int = 0


async def _measure(screen: Screen, url: str, megabytes: int) -> tuple[list[float], Speed]:
    """Fresh connections without a trace: how fast it is when nobody looks."""
    screen.title("4. The same without a microscope")
    screen.say("A trace costs time. These connections have none.")
    connects: list[float] = []
    speed = Speed()
    for i in range(RECONNECTS):
        a, b = Side("a"), Side("b")
        arrived: asyncio.Queue[DataChannel] = asyncio.Queue()
        b.pc.on("datachannel", arrived.put_nowait)
        try:
            await a.enter(url, f"again-{i}")
            await b.enter(url, f"again-{i}")
            started = time.perf_counter()
            channel = a.pc.create_data_channel("bulk")
            await channel.opened()
            connects.append(time.perf_counter() - started)
            remote = await arrived.get()
            await remote.opened()
            if i == RECONNECTS - 1:
                await _ping(channel, remote, speed)
                await _transfer(screen, a.pc, channel, remote, megabytes * 1_000_000, speed)
        finally:
            await a.leave()
            await b.leave()
    return connects, speed


async def _ping(channel: DataChannel, remote: DataChannel, speed: Speed) -> None:
    """64 bytes there and back, `ECHOES` times."""
    remote.on("message", remote.send)
    times: list[float] = []
    for _ in range(ECHOES):
        started = time.perf_counter()
        channel.send(bytes(64))
        await channel.receive()
        times.append(time.perf_counter() - started)
    remote.remove_listener("message", remote.send)
    speed.round_trip = sorted(times)[len(times) // 2]


async def _transfer(
    screen: Screen, pc: PeerConnection, channel: DataChannel, remote: DataChannel, total: int, speed: Speed
) -> None:
    """`total` bytes one way, with back-pressure at the sender."""
    before = _sent(await pc.get_stats())
    received = 0
    done = asyncio.Event()

    with screen.progress("bulk transfer", total) as progress:

        def take(message: str | bytes) -> None:
            nonlocal received
            received += len(message)
            progress.at(received)
            if received >= total:
                done.set()

        remote.on("message", take)
        started = time.perf_counter()
        left = total
        chunk = bytes(CHUNK)
        while left > 0:
            channel.send(chunk if left >= CHUNK else chunk[:left])
            left -= CHUNK
            await channel.drain()
        await done.wait()
        speed.seconds = time.perf_counter() - started
    speed.total = received
    speed.payload_on_wire = _sent(await pc.get_stats()) - before


def _sent(report: Any) -> int:
    """UDP payload bytes sent so far."""
    return sum(int(entry.get("bytesSent", 0)) for entry in report.of_type("transport"))


def _show_ladder(screen: Screen, ladder: Ladder) -> None:
    screen.title("3. What crossed the wire")
    screen.tell(
        "Every UDP datagram of that connection as alice's socket saw it; runs of bulk data are drawn as one."
    )
    screen.tell(
        "The trace has protected records in the clear, too: no keys were harmed.   → rtcpy/explain/ladder.py",
        dim=True,
    )
    screen.say()
    screen.say(ladder.render(width=screen.width, headings=PHASES))


def _show_timings(screen: Screen, ladder: Ladder, timings: Timings, again: list[float], speed: Speed) -> None:
    screen.title("5. How long it took")
    marks = timings.marks

    def since(name: str) -> float | None:
        return marks.get(name)

    def between(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else end - start

    asked, answered = (
        ladder.first("Binding request", outward=True),
        ladder.first("Binding success", outward=False),
    )
    hello, init = ladder.first("ClientHello"), ladder.first("INIT")
    rows: list[tuple[str, float | None, str]] = [
        ("offer made and applied", since("alice have-local-offer"), "createDataChannel to have-local-offer"),
        ("first candidate", since("alice first candidate"), "host candidates need nobody's answer"),
        ("answer applied", since("alice stable"), "two WebSocket hops through the server"),
        ("first check answered", between(asked, answered), "one STUN round trip"),
        ("DTLS handshake", between(hello, init), "two round trips, two signatures each side"),
        ("SCTP association", between(init, ladder.first("COOKIE-ACK")), "four-way, against flooding"),
        ("channel open", since("open"), "everything together, trace and all"),
        ("first three echoes back", since("first echo"), "text, bytes, and text again"),
    ]
    for what, value, note in rows:
        shown = "     —" if value is None else f"{value * 1e3:7.2f} ms"
        screen.row(what, shown, note)
    connects = sorted(again)
    screen.row(
        "open without trace, median",
        f"{connects[len(connects) // 2] * 1e3:7.2f} ms",
        f"of {len(connects)}, fastest {connects[0] * 1e3:.2f} ms",
    )
    screen.row("64-byte round trip, median", f"{speed.round_trip * 1e6:7.0f} µs", f"of {ECHOES}")
    rate = speed.total / speed.seconds / 1e6 if speed.seconds else 0.0
    screen.row(
        "bulk throughput", f"{rate:7.1f} MB/s", f"{speed.total / 1e6:.0f} MB, both ends in this thread"
    )
    if speed.payload_on_wire:
        overhead = speed.payload_on_wire / speed.total - 1
        screen.row(
            "bytes beside the payload",
            f"{overhead * 100:7.2f} %",
            "SCTP and DTLS headers, tags, acknowledgements",
        )

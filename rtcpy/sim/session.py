"""Two whole peers in virtual time: step through a connection, forwards and back, or make every call yourself.

`Session` owns the network, a STUN server, the clock and what a driver does (binding an address when a peer asks for
it). `End` is one peer with the calls of W3C's API, at the session's time. Signalling is not here: "sending" a
description is handing it to the other end's `set_remote_description`, when and in which order you like.

Two ways to use it, also mixed. *By hand*: make calls on `session.alice` and `session.bob`, and let time pass with
`run`. *By the script*: `step` does one thing at a time, `next` goes to the next milestone, `walk` to the end. In both,
everything that happens is a `Step`, `back` undoes it, and between any two steps packets can be dropped, changed, held
or forged.

Nothing moves by itself. Everything is seeded, so a session repeats to the byte.

Specs: W3C webrtc §4.4 (the calls), RFC 9429 §4.1 (what they do).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import UsageError
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction
from rtcpy.dtls.messages import HandshakeType
from rtcpy.explain.difference import changed_lines
from rtcpy.explain.ladder import Ladder
from rtcpy.explain.news import Item, News, States, describe
from rtcpy.explain.recording import RecordedPeer, TraceTap
from rtcpy.explain.snapshot import snapshot
from rtcpy.explain.summary import RECORD_KEY, Summary, summarize
from rtcpy.explain.trace import RECORD_HEADER, DropEntry, Entry, LostEntry, PacketEntry, TimerEntry, Trace
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    Channel,
    ChannelMessage,
    ChannelOpened,
    DataChannelAnnounced,
    DtlsStateChanged,
    GatheringNeeded,
    IceCandidate,
    IceCandidateFound,
    IceConnectionState,
    IceConnectionStateChanged,
    IceServer,
    Peer,
    PeerConfiguration,
    SdpType,
    ServerEndpoint,
    SessionDescription,
    SignalingState,
)
from rtcpy.sim.flights import Flight, OpenNetwork
from rtcpy.sim.frozen import freeze
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.narration import (
    CALLS,
    CANDIDATE_RULE,
    DESCRIPTION_RULES,
    GLARE,
    ROLLBACK,
    ROLLBACK_RULE,
    TIMER_RULES,
    TIMERS,
    about_packet,
    another_path,
    milestone,
)
from rtcpy.sim.nat import FULL_CONE, NatConfig
from rtcpy.sim.pending import InFlight, Pending, in_flight, line, read
from rtcpy.sim.script import CLASSIC, Act
from rtcpy.sim.simulation import STEPS_PER_INSTANT, LivelockError
from rtcpy.sim.stepper import Action, Stepper
from rtcpy.sim.steps import ON_THE_WIRE, Checked, Refusal, SdpChange, Sent, Step, split_reason
from rtcpy.stun.server import StunServer

PORT = 5000  # of the first socket of each end; any would do
STUN_HOST = "192.0.2.53"  # RFC 5737 §3: addresses for documentation, all of them in this file
HOSTS = {
    "alice": ("192.168.0.2", "203.0.113.1"),
    "bob": ("192.0.2.2", "198.51.100.2"),
}  # own, and that of a NAT
CONNECTING_LIMIT = 30.0  # s of virtual time that `connect` waits
READINGS_MAX = 1_000  # datagrams whose reading is kept, for they are spoken of several times
ARGUMENT_SHOWN = 40  # characters of an argument in the name of a step


class End:
    """One peer, and what its application would keep. Its calls are steps of the session.

    Attributes:
        name: ``"alice"`` or ``"bob"``.
        peer: the machine; look at anything. After `Session.back` it is another one.
        found: candidates of its own, oldest first; `None` stands for the end of gathering.
        given: candidates of the other side that it was given.
        made: descriptions that it created last: ``"offer"``, ``"answer"``.
        channels: by label.
        received: messages, oldest first.
        open: labels of the channels that are open.
    """

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self.peer: Peer
        self.found: list[IceCandidate | None]
        self.given: list[IceCandidate]
        self.made: dict[str, SessionDescription]
        self.channels: dict[str, Channel]
        self.received: list[str | bytes]
        self.open: set[str]
        self.taken = 0
        """How many of `found` `take_candidates` has handed out."""
        self._session = session

    def begin(self, peer: Peer) -> None:
        """Be as at the beginning, with a new peer."""
        self.peer = peer
        self.found, self.given, self.made, self.channels, self.received = [], [], {}, {}, []
        self.open, self.taken = set(), 0

    # --- the calls of W3C's API --------------------------------------------------------------------------------

    def create_data_channel(
        self,
        label: str,
        *,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_packet_life_time: int | None = None,
        negotiated: bool = False,
        id: int | None = None,
    ) -> Channel:
        """Spec: W3C webrtc §6.1."""
        options = {
            name: value
            for name, value in (
                ("max_retransmits", max_retransmits),
                ("max_packet_life_time", max_packet_life_time),
                ("id", id),
            )
            if value is not None
        }
        if not ordered:
            options["ordered"] = False
        if negotiated:
            options["negotiated"] = True
        made = self._call("create_data_channel", label, **options)
        assert isinstance(made, Channel)
        return made

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """A description of what we could do; nothing changes. Spec: W3C webrtc §4.4.2 (createOffer)."""
        made = self._call("create_offer", **({"ice_restart": True} if ice_restart else {}))
        assert isinstance(made, SessionDescription)
        return made

    def create_answer(self) -> SessionDescription:
        """What we would reply; nothing changes. Spec: W3C webrtc §4.4.2 (createAnswer)."""
        made = self._call("create_answer")
        assert isinstance(made, SessionDescription)
        return made

    def set_local_description(self, description: SessionDescription | None = None) -> None:
        """Mean it: gathering begins. Without argument, the one that is due. Spec: W3C webrtc §4.4.2."""
        self._call("set_local_description", *([] if description is None else [description]))

    def set_remote_description(self, description: SessionDescription) -> None:
        """Take what the other end sent. Spec: W3C webrtc §4.4.2 (setRemoteDescription)."""
        self._call("set_remote_description", description)

    def add_ice_candidate(self, candidate: IceCandidate | None) -> None:
        """Take one candidate that the other end sent. Spec: W3C webrtc §4.4.2 (addIceCandidate)."""
        self._call("add_ice_candidate", candidate)

    def restart_ice(self) -> None:
        """Have the next offer ask for new ICE credentials. Spec: W3C webrtc §4.4.2 (restartIce)."""
        self._call("restart_ice")

    def send(self, label: str, data: str | bytes) -> None:
        """Send a message. Spec: W3C webrtc §6.2 (send)."""
        self._call("send", label, data)

    def close_channel(self, label: str) -> None:
        """Close a channel. Spec: W3C webrtc §6.2 (close)."""
        self._call("close_channel", label)

    def close(self) -> None:
        """End the connection. Spec: W3C webrtc §4.4.2 (close)."""
        self._call("close")

    @property
    def candidates(self) -> list[IceCandidate | None]:
        """Found and not yet taken with `take_candidates`."""
        return self.found[self.taken :]

    def take_candidates(self) -> list[IceCandidate | None]:
        """Those found since the last time: what is to be signalled now."""
        found = self.candidates
        self.taken = len(self.found)
        return found

    # --- how a call becomes a step -----------------------------------------------------------------------------

    def _call(self, method: str, *arguments: object, **options: object) -> object:
        return self._session._call(self, method, arguments, options)

    def _action(self, method: str, *arguments: object, **options: object) -> Action:
        """The call as something that can be done again."""
        if method not in CALLS:
            raise ValueError(f"{method} is no call of an end: {', '.join(CALLS)}")
        says, section = self._sentence(method, arguments)
        shown = ", ".join(
            [*map(_shown, arguments), *(f"{name}={value!r}" for name, value in options.items())]
        )
        name = self.name
        return Action(
            "call",
            f"{name}.{method}({shown})",
            name,
            lambda session: session.end(name)._make(method, arguments, options),
            says.format(who=name.capitalize()),
            section,
            call=method,
        )

    def _sentence(self, method: str, arguments: Sequence[object]) -> tuple[str, str]:
        """What there is to say about a call, and the section."""
        description = arguments[0] if arguments else None
        if isinstance(description, SessionDescription):
            if description.type is SdpType.ROLLBACK:
                return ROLLBACK
            state = self.peer.signaling_state
            if (method, description.type) == ("set_remote_description", SdpType.OFFER):
                if state is SignalingState.HAVE_LOCAL_OFFER:
                    return GLARE
        return CALLS[method]

    def _make(self, method: str, arguments: Sequence[object], options: Mapping[str, object]) -> object:
        """Give the command to the peer."""
        peer, now, rest = self.peer, self._session.now, list(arguments)
        if method in ("send", "close_channel"):
            label = rest[0]
            if label not in self.channels:
                raise LookupError(f"{self.name} has no channel {label!r}")
            rest[0] = self.channels[str(label)]
        made: object = getattr(peer, method)(*rest, **options, now=now)
        if isinstance(made, Channel):
            self.channels[made.label] = made
        elif isinstance(made, SessionDescription):
            self.made[made.type.value] = made
        elif method == "add_ice_candidate" and isinstance(arguments[0], IceCandidate):
            self.given.append(arguments[0])
        return made

    def on_event(self, event: Event) -> None:
        """Keep what an application would keep, and do what a driver does."""
        match event:
            case GatheringNeeded(generation=generation, servers=servers):
                self._gather(generation, servers)
            case IceCandidateFound(candidate=candidate):
                self.found.append(candidate)
            case DataChannelAnnounced(channel=channel):
                self.channels[channel.label] = channel
            case ChannelOpened(channel=channel):
                self.channels.setdefault(channel.label, channel)
                self.open.add(channel.label)
            case ChannelMessage(data=data):
                self.received.append(data)

    def _gather(self, generation: int, servers: Sequence[ServerEndpoint]) -> None:
        """Bind a new port on each address of this machine and hand it in."""
        hosts = self._session.network.hosts[self.name].addresses
        bound = [LocalAddress(Address(host, PORT + generation)) for host in hosts]
        resolved = [(server, Address(server.host, server.port)) for server in servers]
        self.peer.gather(generation, bound, resolved, now=self._session.now)


def _shown(argument: object) -> str:
    """An argument of a call, in a few words."""
    if isinstance(argument, SessionDescription):
        return argument.type.value
    if isinstance(argument, IceCandidate):
        words = argument.candidate.split()
        return f"{words[7]} {words[4]}:{words[5]}" if len(words) > 7 else "the end of candidates"
    text = repr(argument)
    return text if len(text) <= ARGUMENT_SHOWN else f"{text[: ARGUMENT_SHOWN - 1]}…"


class Session(Stepper):
    """Alice, Bob, the internet between them, and a clock that stands still until told.

    Args:
        seed: of keys, credentials and all chance on the network.
        link: what the network does to packets; default: 20 ms each way, nothing lost.
        nats: before alice and before bob; `None` is a public address. Default: a friendly one before alice.
        script: the calls that `step` makes; default: the README's classic flow. An empty one leaves them all to you.
        configuration: of both peers; its servers are replaced by the session's STUN server.

    Attributes:
        network: the simulated network; look at anything. After `back` it is another one.
        trace: all that happened at both ends, and what became of their datagrams. After `back` it is another one.
        ends: alice and bob.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        link: LinkConfig | None = None,
        nats: tuple[NatConfig | None, NatConfig | None] = (FULL_CONE, None),
        script: Sequence[Act] | None = None,
        configuration: PeerConfiguration | None = None,
    ) -> None:
        super().__init__(CLASSIC if script is None else script)
        self._settings = (seed, link, nats, configuration)
        self.ends = [End(self, name) for name in HOSTS]
        self._build()

    def _advance(self) -> bool:
        """One packet, timer or action of the network."""
        return self.network.advance()

    def _build(self) -> None:
        seed, link, nats, configuration = self._settings
        self.network = OpenNetwork(seed=seed, link=link)
        self.trace = Trace()
        self._heard: list[Item] = []
        self._failures: list[Refusal] = []
        self._told = self._read = 0
        self._reached: set[str] = set()
        self._plaintexts: dict[str, dict[bytes, bytes]] = {name: {} for name in HOSTS}
        self._readings: dict[tuple[str, bytes], list[Summary]] = {}
        for end, nat in zip(self.ends, nats, strict=True):
            own, face = HOSTS[end.name]
            site = "internet"
            if nat is not None:
                site = f"{end.name}'s router"
                self.network.add_nat(site, face, nat)
            settings = replace(
                configuration or PeerConfiguration(), ice_servers=[IceServer(f"stun:{STUN_HOST}")]
            )
            end.begin(
                RecordedPeer(
                    settings,
                    entropy=SeededEntropy(f"{seed}/{end.name}"),
                    wall_clock=FixedClock(),
                    trace=self.trace,
                    who=end.name,
                    now=self.network.now,
                )
            )
            self.network.add_host(end.name, end.peer, [own], behind=site)
        self.network.add_host("stun", StunServer(tap=TraceTap(self._elsewhere(), "stun")), [STUN_HOST])
        self.network.on_event = self._on_event
        self.network.on_fate = self._on_fate
        self._texts = self._descriptions()
        self._stood = self.states()

    def copy(self) -> Session:
        """A session of its own with the same settings that stands at the same place, with the same undone future."""
        seed, link, nats, configuration = self._settings
        twin = Session(seed=seed, link=link, nats=nats, script=self.script, configuration=configuration)
        twin._future = [*zip(self._past, self.steps, strict=True), *self._future]
        twin.to(self.position)
        twin._restore(self._marks())
        return twin

    # --- who and when ------------------------------------------------------------------------------------------

    @property
    def _session(self) -> Session:
        return self

    @property
    def alice(self) -> End:
        """Who calls."""
        return self.ends[0]

    @property
    def bob(self) -> End:
        """Who is called."""
        return self.ends[1]

    def end(self, name: str) -> End:
        """The end called `name`.

        Raises:
            LookupError: there is none.
        """
        for end in self.ends:
            if end.name == name:
                return end
        raise LookupError(f"no end is called {name!r}, but " + " and ".join(end.name for end in self.ends))

    @property
    def now(self) -> Instant:
        """Virtual time in **seconds**."""
        return self.network.now

    @property
    def packets(self) -> int:
        """How many datagrams the two have sent so far."""
        return sum(1 for _, end, _ in self.network.log or () if end < len(self.ends))

    # --- by hand -----------------------------------------------------------------------------------------------

    def run(self, seconds: float, *, stop: Callable[[], bool] | None = None) -> bool:
        """Let virtual time pass, or less of it if `stop` answers True; whether it did. The script rests."""
        until = self.now + seconds
        if stop is not None and stop():
            return True
        instant, here = self.now, 0
        while self.network.next_instant() <= until:
            self._wire()
            if stop is not None and stop():
                return True
            here = here + 1 if self.now == instant else 0
            instant = self.now
            if here > STEPS_PER_INSTANT:
                raise LivelockError(f"{here} steps at {instant:.6f} s without time moving")
        if self.now < until:
            self._pass(until - self.now)
        return False

    def exchange_descriptions(self, label: str = "chat") -> None:
        """Alice offers, Bob answers, both descriptions are delivered at once; no time passes, no candidate is signalled.

        Args:
            label: of a channel that Alice creates first; an empty text: none.

        Spec: RFC 9429 §3.2.
        """
        alice, bob = self.alice, self.bob
        if label:
            alice.create_data_channel(label)
        alice.set_local_description()
        assert alice.peer.local_description is not None
        bob.set_remote_description(alice.peer.local_description)
        bob.set_local_description()
        assert bob.peer.local_description is not None
        alice.set_remote_description(bob.peer.local_description)

    def connect(self) -> None:
        """The whole exchange, with every candidate signalled as it is found, until a channel is open at both ends.

        Raises:
            TimeoutError: not within `CONNECTING_LIMIT` seconds of virtual time.
        """
        alice, bob = self.alice, self.bob
        self.exchange_descriptions("chat" if not alice.channels else "")

        def trickle() -> bool:
            for sender, receiver in ((alice, bob), (bob, alice)):
                for candidate in sender.take_candidates():
                    receiver.add_ice_candidate(candidate)
            return bool(alice.open and bob.open)

        if not self.run(CONNECTING_LIMIT, stop=trickle):
            raise TimeoutError(f"not connected after {CONNECTING_LIMIT:g} s")

    def _pass(self, seconds: float) -> Step:
        """Time goes by and nothing happens; again, if that is what was undone."""
        if self._future:
            undone = self._future[0][1]
            if undone.kind == "wait" and undone.at == self.now + seconds and not undone.label:
                return self._redo()
        return self._do(self._wait_action(seconds))

    def _wait_action(self, seconds: float) -> Action:
        until = self.now + seconds
        return Action(
            "wait", f"wait {seconds:g} s", "", lambda session: session.network.wait(until), "Time goes by."
        )

    def _call(
        self, end: End, method: str, arguments: Sequence[object], options: Mapping[str, object]
    ) -> object:
        """A call by hand: a step of its own, unless it is made from within one."""
        if self._acting:
            made = end._make(method, arguments, options)
            self.network.settle()
            return made
        action = end._action(method, *arguments, **options)
        name, make = end.name, action.run

        def run(session: Session) -> object:
            session._note_call(name, method)
            return make(session)

        action.run = run
        self._do(action)
        return self._value

    # --- looking -----------------------------------------------------------------------------------------------

    def news(self) -> News:
        """What both applications heard since the last time."""
        fresh = self._heard[self._told :]
        self._told = len(self._heard)
        return News(fresh)

    def states(self) -> States:
        """Where both ends stand."""
        return States([(end.name, end.peer) for end in self.ends])

    def ladder(self) -> Ladder:
        """What crossed alice's socket so far."""
        return Ladder(self.trace)

    @property
    def pending(self) -> Pending:
        """The packets on their way, numbered for `drop`, `duplicate`, `delay`, `edit`, `hold` and `release`."""
        return self._pending()

    def _pending(self) -> Pending:
        flights = self.network.in_flight()
        return Pending([self._in_flight(index, flight) for index, flight in enumerate(flights)], self.now)

    def _in_flight(self, index: int, flight: Flight) -> InFlight:
        transports = [end.peer.transport for end in self.ends]
        passwords = [transport.ice.local_credentials.pwd for transport in transports if transport is not None]
        summaries = self._reading(flight.sender, flight.data, flight.note)
        return in_flight(index, flight, summaries, self._plaintexts.get(flight.sender, {}), passwords)

    def _named(self, flight: Flight) -> str:
        return f"{flight.sender or 'somebody'}'s {self._in_flight(0, flight).summary}"

    def _reading(self, sender: str, data: bytes, note: str = "") -> list[Summary]:
        """What is in a datagram; each is read once. What was edited or injected is read as it stands."""
        is_original = "edited" not in note and "injected" not in note
        key = (sender if is_original else "", data)
        found = self._readings.get(key)
        if found is None:
            if len(self._readings) >= READINGS_MAX:
                self._readings.clear()
            plaintexts = self._plaintexts.get(sender, {}) if is_original else {}
            found = self._readings[key] = read(data, plaintexts)
        return found

    def snapshot(self) -> dict[str, object]:
        """All that is known in the session now, as plain values: equal for equal states.

        Keys: ``"now"``; for each end what `rtcpy.explain.snapshot` says of it, with ``"received"`` (messages) and
        ``"machine"`` (everything in it, to the last counter); ``"pending"`` (packets on their way) and ``"network"``.
        """
        shot: dict[str, object] = {"now": self.now}
        for end in self.ends:
            shot[end.name] = {
                **snapshot(end.peer),
                "received": list(end.received),
                "machine": freeze(end.peer, leave_out=_TOOLS),
            }
        network = self.network
        links = [(list(ends), link) for ends, link in network.links.items()]
        shot["pending"] = [freeze(flight, leave_out=_TOOLS) for flight in network.in_flight()]
        shot["network"] = freeze([links, list(network.nats.values()), network.rules], leave_out=_TOOLS)
        return shot

    def _descriptions(self) -> dict[tuple[str, str], str]:
        """The descriptions of both ends, by end and W3C's name."""
        texts = {}
        for end in self.ends:
            local, remote = end.peer.local_description, end.peer.remote_description
            texts[end.name, "localDescription"] = local.sdp if local is not None else ""
            texts[end.name, "remoteDescription"] = remote.sdp if remote is not None else ""
        return texts

    # --- observing an action -----------------------------------------------------------------------------------

    def _marks(self) -> dict[str, int]:
        return {"told": self._told, **{end.name: end.taken for end in self.ends}}

    def _restore(self, marks: dict[str, int]) -> None:
        self._told = marks.get("told", 0)
        for end in self.ends:
            end.taken = marks.get(end.name, 0)

    def _observed(self, action: Action, number: int) -> Step | None:
        network = self.network
        network.departures.clear()
        before, heard, failed = self._standing(), len(self._heard), len(self._failures)
        self._value, error = None, ""
        try:
            self._value = action.run(self)
            network.settle()
        except (UsageError, LookupError, TypeError, ValueError) as problem:
            if action.kind != "call":
                raise
            self._value, error = problem, f"{getattr(problem, 'name', type(problem).__name__)}: {problem}"
            network.settle()
        fresh = self._new_entries()
        step = Step(number, action.name, action.kind, self.now, action.who, before, self._standing())
        step.says, step.section, step.label, step.error = action.says, action.section, action.label, error
        step.is_aside = action.is_aside
        step.events = self._heard[heard:]
        step.sdp_changes = self._sdp_changes(action, step)
        step.packets = [
            Sent(
                gone.at,
                gone.sender,
                gone.receiver,
                gone.data,
                line(self._reading(gone.sender, gone.data)),
                gone.local,
                gone.remote,
                gone.fate,
            )
            for gone in network.departures
        ]
        if action.kind in ON_THE_WIRE:
            self._tell_wire(step, fresh)
        step.refusals = [*self._refused(step, fresh), *self._failures[failed:]]
        step.checks = [Checked(claim.words, claim.holds(self)) for claim in action.claims]
        return step

    def _standing(self) -> States:
        """Where both ends stand; the object of before, if that is where they stood."""
        states = self.states()
        if states != self._stood:
            self._stood = states
        return self._stood

    def _elsewhere(self) -> Trace:
        """A trace for hosts that are not ends; its drops are told, and that is all."""
        self._servers = Trace()
        self._servers_read = 0
        return self._servers

    def _new_entries(self) -> list[Entry]:
        """What the taps wrote since the last time; contents of protected records are noted on the way."""
        fresh = self.trace.entries[self._read :]
        self._read = len(self.trace.entries)
        for entry in fresh:
            if (
                isinstance(entry, PacketEntry)
                and entry.layer == "dtls-plaintext"
                and entry.direction is Direction.OUT
            ):
                self._plaintexts[entry.who][entry.data[:RECORD_KEY]] = entry.data[RECORD_HEADER:]
        served = self._servers.entries[self._servers_read :]
        self._servers_read = len(self._servers.entries)
        return fresh + [entry for entry in served if isinstance(entry, DropEntry)]

    def _tell_wire(self, step: Step, fresh: Sequence[Entry]) -> None:
        """Name a step of the network: whose packet or timer it was, and what it is for."""
        network = self.network
        flight = network.delivered
        if flight is not None:
            arrived = self._in_flight(0, flight)
            summaries = self._reading(flight.sender, flight.data, flight.note)
            host = self._host_of(flight)
            note = f" ({flight.note})" if flight.note else ""
            step.kind, step.who = "packet", host
            step.name = f"{_whose(host)} receives {arrived.summary}{note}"
            step.says, step.section = about_packet(summaries, receiver=host, sender=flight.sender)
            reached = milestone(summaries, host, step.events)
        elif network.woken:
            names = list(dict.fromkeys(entry.name for entry in fresh if isinstance(entry, TimerEntry)))
            step.kind, step.who = "timer", network.woken
            what = ", ".join(names) or (
                f"sends {step.packets[0].summary}" if step.packets else "nothing to send"
            )
            step.name = f"{_whose(network.woken)}'s timer: {what}"
            step.says = " ".join(TIMERS[name] for name in names if name in TIMERS) or "Something is due."
            step.section = next((TIMER_RULES[name] for name in names if name in TIMER_RULES), "")
            reached = milestone((), network.woken, step.events)
        else:
            step.kind, step.name = "action", "an action of the network"
            reached = ""
        if reached in self._reached:
            reached = another_path(step.events)
        if reached:
            self._reached.add(reached)
            step.milestone = reached

    def _host_of(self, flight: Flight) -> str:
        """The host that a packet reaches, behind whatever routers."""
        if flight.receiver in self.network.hosts:
            return flight.receiver
        name = flight.receiver.removesuffix("'s router")
        return name if name in self.network.hosts else flight.receiver or "nobody"

    def _sdp_changes(self, action: Action, step: Step) -> list[SdpChange]:
        """Which descriptions are different now, and which rule made them so."""
        changes = []
        made = self._value
        if isinstance(made, SessionDescription):
            end = self.end(action.who)
            previous = end.peer.local_description
            lines = changed_lines(previous.sdp if previous is not None else "", made.sdp)
            rule = DESCRIPTION_RULES[action.call]
            if previous is not None:
                rule = {"create_offer": "RFC 9429 §5.2.2", "create_answer": "RFC 9429 §5.3.2"}.get(
                    action.call, rule
                )
            changes.append(SdpChange(end.name, f"{made.type.value} made, not yet set", lines, rule))
        grew = any(item.name == "icecandidate" for item in step.events)
        if action.kind not in ON_THE_WIRE or grew:
            texts = self._descriptions()
            for key, text in texts.items():
                if text != self._texts[key]:
                    by_call = key[0] == action.who and not (grew and key[1] == "localDescription")
                    rule = DESCRIPTION_RULES.get(action.call, CANDIDATE_RULE) if by_call else CANDIDATE_RULE
                    if action.call == "set_local_description" and not self._texts[key]:
                        rule = DESCRIPTION_RULES[action.call]
                    if not text:
                        rule = ROLLBACK_RULE
                    changes.append(SdpChange(*key, changed_lines(self._texts[key], text), rule))
            self._texts = texts
        return changes

    def _refused(self, step: Step, fresh: Sequence[Entry]) -> list[Refusal]:
        """What layers, routers and the network refused in a step."""
        refusals = []
        for entry in fresh:
            if isinstance(entry, DropEntry):
                check, section = split_reason(entry.reason)
                what = _described(entry)
                refusals.append(Refusal(entry.at, entry.who, entry.layer, check, section, what, entry.data))
        for sent in step.packets:
            if sent.fate and not sent.fate.startswith("duplicated"):
                check, section = split_reason(sent.fate)
                refusals.append(
                    Refusal(sent.at, "network", "network", check, section, sent.summary, sent.data)
                )
        flight = self.network.delivered
        if step.kind == "packet" and flight is not None and self.network.turned_away:
            check, section = split_reason(self.network.turned_away)
            what = self._in_flight(0, flight).summary
            refusals.append(
                Refusal(step.at, flight.receiver or "network", "network", check, section, what, flight.data)
            )
        if step.error:
            check, section = split_reason(step.error)
            refusals.append(Refusal(step.at, step.who, "api", check, section, step.name))
        return refusals

    def _on_fate(self, sender: str, datagram: Datagram, fate: str, now: Instant) -> None:
        if sender in HOSTS:
            self.trace.append(LostEntry(now, sender, datagram.data, datagram.local, datagram.remote, fate))

    def _on_event(self, number: int, event: Event, now: Instant) -> None:
        if number >= len(self.ends):
            return  # the STUN server
        end = self.ends[number]
        said = describe(event)
        if said is not None:
            self._heard.append(Item(now, end.name, *said))
        match event:
            case DtlsStateChanged(state="failed", reason=reason) if reason:
                check, section = split_reason(reason)
                self._failures.append(
                    Refusal(now, end.name, "dtls", check, section, "the handshake", is_fatal=True)
                )
            case IceConnectionStateChanged(state=IceConnectionState.FAILED):
                check, section = "no candidate pair works", "RFC 8445 §7.2.5.4"
                self._failures.append(
                    Refusal(now, end.name, "ice", check, section, "the connection", is_fatal=True)
                )
        end.on_event(event)


_TOOLS = frozenset({"_tap", "tap", "_clock", "_wall_clock", "_handlers", "_entropy", "origin"})
"""Attributes that are tools of a machine and not its state; of the entropy the draws show in everything else."""


def _whose(name: str) -> str:
    return "The STUN server" if name == "stun" else name[:1].upper() + name[1:]


def _described(entry: DropEntry) -> str:
    """What was refused, in a line."""
    data = entry.data
    if entry.layer == "dtls":
        if data[1:3] in (b"\xfe\xfd", b"\xfe\xff"):  # a record; else a handshake message, RFC 6347 §4.2.2
            return line(read(data, {}))
        known = {int(member): member.name for member in HandshakeType}
        return f"handshake message {known.get(data[0], data[0])}" if data else "nothing"
    if entry.layer == "stun" and not (data and data[0] < 4):
        return data.decode("utf-8", "replace") or "a candidate or check beyond a limit"
    if entry.layer in ("stun", "sctp", "udp"):
        return line(summarize(entry.layer, data))
    return f"{len(data)} bytes of {entry.layer}"

"""A whole call in virtual time: two peers on a simulated network, with a signalling channel between them.

What a browser page and its signalling server do, in a page: answer `NegotiationNeeded` with an offer, offers with
answers, pass candidates on, bind addresses when asked. The tests of this directory stand on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Tap
from rtcpy.dtls import Certificate
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    ChannelMessage,
    ChannelOpened,
    ConnectionStateChanged,
    DataChannelAnnounced,
    GatheringNeeded,
    IceCandidate,
    IceCandidateFound,
    IceConnectionStateChanged,
    IceServer,
    NegotiationNeeded,
    Peer,
    PeerConfiguration,
    SdpType,
    ServerEndpoint,
    SessionDescription,
    SignalingState,
)
from rtcpy.sctp import Channel
from rtcpy.sim import LinkConfig, NatConfig, Network
from rtcpy.stun.server import StunServer

SIGNALLING_DELAY = 0.05  # s one way between the two pages
PORT = 5000
STUN_ADDRESS = Address("192.0.2.53", 3478)
PUBLIC = ("192.0.2.1", "192.0.2.2")
PRIVATE = ("192.168.0.2", "192.168.0.3")
NAT_FACES = ("203.0.113.1", "203.0.113.2")

Edit = Callable[[int, str], str]


@cache
def certificate(name: str) -> Certificate:
    """One certificate per name: making them takes longer than a whole simulated call."""
    return Certificate.generate(SeededEntropy(name), FixedClock())


class Call:
    """Two peers, end 0 offers. `start`, then drive `net`.

    Args:
        seed: of everything.
        link: properties of all paths.
        nats: a NAT before each end; `None` is a public address. With a NAT there is a STUN server.
        stun: add a STUN server even without NATs.
        hosts: IP addresses of each end, if not the usual one.
        dead_servers: this many STUN servers more that never answer.
        configurations: of the two peers.
        edit: rewrites each description on its way: (from, text) -> text.
        trickle: candidates go one by one; else the description waits for all.
        log: keep datagrams.
        taps: a tap for each end.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        link: LinkConfig | None = None,
        nats: tuple[NatConfig | None, NatConfig | None] = (None, None),
        stun: bool = False,
        hosts: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
        dead_servers: int = 0,
        configurations: tuple[PeerConfiguration | None, PeerConfiguration | None] = (None, None),
        edit: Edit | None = None,
        trickle: bool = True,
        log: bool = True,
        taps: tuple[Tap | None, Tap | None] = (None, None),
    ) -> None:
        self.net = Network(seed=seed, link=link, log=log)
        self.trickle, self._edit = trickle, edit
        self.peers: list[Peer] = []
        self.addresses: list[Address] = []
        self.channels: list[dict[str, Channel]] = [{}, {}]
        self.opened: list[list[str]] = [[], []]
        self.received: list[list[str | bytes]] = [[], []]
        self.states: list[list[tuple[Instant, str]]] = [[], []]
        self.ice_states: list[list[tuple[Instant, str]]] = [[], []]
        self.signalled: list[tuple[Instant, int, str]] = []
        self.signalling_up = True
        self._untold: list[str | None] = [None, None]
        with_stun = stun or any(nats)
        for end, (nat, configuration, tap) in enumerate(zip(nats, configurations, taps, strict=True)):
            configuration = configuration if configuration is not None else PeerConfiguration()
            if not configuration.certificates:
                configuration.certificates = [certificate(f"end {end}")]
            servers = [f"192.0.2.{200 + n}" for n in range(dead_servers)]
            if with_stun:
                servers.append(STUN_ADDRESS.host)
            configuration.ice_servers = [
                IceServer(f"stun:{server}:{STUN_ADDRESS.port}") for server in servers
            ]
            peer = Peer(
                configuration, entropy=SeededEntropy(f"{seed}/{end}"), wall_clock=FixedClock(), tap=tap
            )
            own = hosts[end] or [(PUBLIC if nat is None else PRIVATE)[end]]
            site = "internet"
            if nat is not None:
                site = f"nat{end}"
                self.net.add_nat(site, NAT_FACES[end], nat)
            self.net.add_host(f"end{end}", peer, own, behind=site)
            self.peers.append(peer)
            self.addresses.append(Address(own[0], PORT))
        if with_stun:
            self.net.add_host("stun", StunServer(), [STUN_ADDRESS.host])
        self.net.on_event = self._on_event

    @property
    def now(self) -> Instant:
        """Virtual time."""
        return self.net.now

    # What the page does

    def start(self, label: str = "chat", **options: Any) -> None:
        """Let end 0 create a channel; negotiation follows by itself."""
        self.open_channel(0, label, **options)

    def open_channel(self, end: int, label: str, **options: Any) -> Channel:
        """Create a data channel at `end`."""
        channel = self.peers[end].create_data_channel(label, now=self.now, **options)
        self.channels[end][label] = channel
        self.net.settle()
        return channel

    def send(self, end: int, data: str | bytes, label: str = "chat") -> None:
        """Send a message on a channel."""
        self.peers[end].send(self.channels[end][label], data, now=self.now)
        self.net.settle()

    def restart_ice(self, end: int) -> None:
        """Ask for new credentials and paths; negotiation follows by itself."""
        self.peers[end].restart_ice(now=self.now)
        self.net.settle()

    def is_open(self, label: str = "chat") -> bool:
        """Whether both ends may send on the channel."""
        return all(label in opened for opened in self.opened)

    def connect(self, *, limit: float = 60.0) -> bool:
        """Start and run until the channel is open at both ends."""
        self.start()
        return self.net.drive(until=self.now + limit, stop=self.is_open)

    def run(self, seconds: float, stop: Callable[[], bool] | None = None) -> bool:
        """Let time pass."""
        return self.net.drive(until=self.now + seconds, stop=stop)

    def state(self, end: int) -> str:
        """W3C connectionState."""
        return self.peers[end].connection_state.value

    # Events and signalling

    def _on_event(self, end: int, event: Any, now: Instant) -> None:
        if end > 1:
            return  # the STUN server
        match event:
            case NegotiationNeeded():
                if self.peers[end].signaling_state is SignalingState.STABLE:
                    self._describe(end)
            case GatheringNeeded(generation=generation, servers=servers):
                self._gather(end, generation, servers)
            case IceCandidateFound(candidate=candidate):
                self._on_candidate(end, candidate)
            case ChannelOpened(channel=channel):
                self.channels[end].setdefault(channel.label, channel)
                self.opened[end].append(channel.label)
            case DataChannelAnnounced(channel=channel):
                self.channels[end][channel.label] = channel
            case ChannelMessage(data=data):
                self.received[end].append(data)
            case ConnectionStateChanged(state=state):
                self.states[end].append((now, state.value))
            case IceConnectionStateChanged(state=state):
                self.ice_states[end].append((now, state.value))

    def _gather(self, end: int, generation: int, servers: Sequence[ServerEndpoint]) -> None:
        """Bind a new port on every address of the host, as a driver would."""
        bound = [Address(host, PORT + generation) for host in self.net.hosts[f"end{end}"].addresses]
        self.addresses[end] = bound[0]
        resolved = [(server, Address(server.host, server.port)) for server in servers]
        self.peers[end].gather(generation, [LocalAddress(local) for local in bound], resolved, now=self.now)

    def _describe(self, end: int) -> None:
        """Make an offer or an answer, whichever is due, and tell the other side (or wait for its candidates)."""
        self.peers[end].set_local_description(None, now=self.now)
        description = self.peers[end].local_description
        assert description is not None
        if self.trickle:
            self._tell_description(end, description)
        else:
            self._untold[end] = description.type.value

    def _tell_description(self, end: int, description: SessionDescription) -> None:
        text = description.sdp if self._edit is None else self._edit(end, description.sdp)
        self._tell(end, text, lambda: self._take(1 - end, SessionDescription(description.type, text)))

    def _take(self, end: int, description: SessionDescription) -> None:
        self.peers[end].set_remote_description(description, now=self.now)
        if description.type is SdpType.OFFER:
            self._describe(end)

    def _on_candidate(self, end: int, candidate: IceCandidate | None) -> None:
        if self.trickle:
            signalled = candidate and IceCandidate(
                candidate.candidate,
                candidate.sdp_mid,
                candidate.sdp_mline_index,
                candidate.username_fragment,
            )
            text = candidate.candidate if candidate else ""
            self._tell(end, text, lambda: self.peers[1 - end].add_ice_candidate(signalled, now=self.now))
        elif candidate is None and self._untold[end]:
            self._untold[end] = None
            description = self.peers[end].local_description
            assert description is not None
            self._tell_description(end, description)

    def _tell(self, end: int, text: str, action: Callable[[], None]) -> None:
        self.signalled.append((self.now, end, text))

        def deliver() -> None:
            if self.signalling_up:
                action()

        self.net.at(self.now + SIGNALLING_DELAY, deliver)

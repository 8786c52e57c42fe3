"""Two whole peers in virtual time, every call yours to make: the walkthrough of offer and answer stands on it.

`Session` owns the network, a STUN server, the clock and what a driver does (binding an address when a peer asks for
it). `End` is one peer with the calls of W3C's API, at the session's time. Signalling is not here: "sending" a
description is handing it to the other end's `set_remote_description`, when and in which order you like.

Nothing moves by itself: time passes in `run`. Everything is seeded, so a session repeats to the byte.

Specs: W3C webrtc §4.4 (the calls), RFC 9429 §4.1 (what they do).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.explain import Ladder, Trace
from rtcpy.explain.news import Item, News, States, describe
from rtcpy.explain.recording import RecordedPeer
from rtcpy.explain.trace import LostEntry
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    Channel,
    ChannelMessage,
    ChannelOpened,
    DataChannelAnnounced,
    GatheringNeeded,
    IceCandidate,
    IceCandidateFound,
    IceServer,
    Peer,
    PeerConfiguration,
    ServerEndpoint,
    SessionDescription,
)
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.nat import FULL_CONE, NatConfig
from rtcpy.sim.network import Network
from rtcpy.stun.server import StunServer

PORT = 5000  # of the first socket of each end; any would do
STUN_HOST = "192.0.2.53"  # RFC 5737 §3: addresses for documentation, all of them in this file
HOSTS = {
    "alice": ("192.168.0.2", "203.0.113.1"),
    "bob": ("192.0.2.2", "198.51.100.2"),
}  # own, and that of a NAT
CONNECTING_LIMIT = 30.0  # s of virtual time that `connect` waits


class End:
    """One peer, and what its application would keep.

    Attributes:
        name: ``"alice"`` or ``"bob"``.
        peer: the machine; look at anything.
        candidates: found and to be signalled, oldest first.
        channels: by label.
        received: messages, oldest first.
        open: labels of the channels that are open.
    """

    def __init__(self, session: Session, name: str, peer: Peer) -> None:
        self.name, self.peer = name, peer
        self.candidates: list[IceCandidate | None] = []
        self.channels: dict[str, Channel] = {}
        self.received: list[str | bytes] = []
        self.open: set[str] = set()
        self._session = session

    def create_data_channel(self, label: str) -> Channel:
        """Spec: W3C webrtc §6.1."""
        channel = self.channels[label] = self.peer.create_data_channel(label, now=self._session.now)
        self._session.network.settle()
        return channel

    def create_offer(self) -> SessionDescription:
        """A description of what we could do; nothing changes. Spec: W3C webrtc §4.4.2 (createOffer)."""
        offer = self.peer.create_offer(now=self._session.now)
        self._session.network.settle()
        return offer

    def create_answer(self) -> SessionDescription:
        """What we would reply; nothing changes. Spec: W3C webrtc §4.4.2 (createAnswer)."""
        answer = self.peer.create_answer(now=self._session.now)
        self._session.network.settle()
        return answer

    def set_local_description(self, description: SessionDescription | None = None) -> None:
        """Mean it: gathering begins. Without argument, the one that is due. Spec: W3C webrtc §4.4.2."""
        self.peer.set_local_description(description, now=self._session.now)
        self._session.network.settle()

    def set_remote_description(self, description: SessionDescription) -> None:
        """Take what the other end sent. Spec: W3C webrtc §4.4.2 (setRemoteDescription)."""
        self.peer.set_remote_description(description, now=self._session.now)
        self._session.network.settle()

    def add_ice_candidate(self, candidate: IceCandidate | None) -> None:
        """Take one candidate that the other end sent. Spec: W3C webrtc §4.4.2 (addIceCandidate)."""
        self.peer.add_ice_candidate(candidate, now=self._session.now)
        self._session.network.settle()

    def take_candidates(self) -> list[IceCandidate | None]:
        """Those found since the last time: what is to be signalled now."""
        found, self.candidates = self.candidates, []
        return found

    def send(self, label: str, data: str | bytes) -> None:
        """Send a message. Spec: W3C webrtc §6.2 (send)."""
        self.peer.send(self.channels[label], data, now=self._session.now)
        self._session.network.settle()

    def on_event(self, event: Event) -> None:
        """Keep what an application would keep, and do what a driver does."""
        match event:
            case GatheringNeeded(generation=generation, servers=servers):
                self._gather(generation, servers)
            case IceCandidateFound(candidate=candidate):
                self.candidates.append(candidate)
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


class Session:
    """Alice, Bob, the internet between them, and a clock that stands still until told.

    Args:
        seed: of keys, credentials and all chance on the network.
        link: what the network does to packets; default: 20 ms each way, nothing lost.
        nats: before alice and before bob; `None` is a public address. Default: a friendly one before alice.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        link: LinkConfig | None = None,
        nats: tuple[NatConfig | None, NatConfig | None] = (FULL_CONE, None),
    ) -> None:
        self.network = Network(seed=seed, link=link)
        self.trace = Trace()
        """All that happened at both ends so far, and what became of their datagrams on the way."""
        self._heard: list[Item] = []
        self._told = 0
        self.ends: list[End] = []
        for (name, (own, face)), nat in zip(HOSTS.items(), nats, strict=True):
            site = "internet"
            if nat is not None:
                site = f"{name}'s router"
                self.network.add_nat(site, face, nat)
            peer = RecordedPeer(
                PeerConfiguration(ice_servers=[IceServer(f"stun:{STUN_HOST}")]),
                entropy=SeededEntropy(f"{seed}/{name}"),
                wall_clock=FixedClock(),
                trace=self.trace,
                who=name,
                now=self.network.now,
            )
            self.ends.append(End(self, name, peer))
            self.network.add_host(name, peer, [own], behind=site)
        self.network.add_host("stun", StunServer(), [STUN_HOST])
        self.network.on_event = self._on_event
        self.network.on_fate = self._on_fate

    @property
    def alice(self) -> End:
        """Who calls."""
        return self.ends[0]

    @property
    def bob(self) -> End:
        """Who is called."""
        return self.ends[1]

    @property
    def now(self) -> Instant:
        """Virtual time in **seconds**."""
        return self.network.now

    @property
    def packets(self) -> int:
        """How many datagrams the two have sent so far."""
        return sum(1 for _, end, _ in self.network.log or () if end < len(self.ends))

    def run(self, seconds: float, *, stop: Callable[[], bool] | None = None) -> bool:
        """Let virtual time pass, or less of it if `stop` answers True; whether it did."""
        return self.network.drive(until=self.now + seconds, stop=stop)

    def connect(self) -> None:
        """The whole exchange, with every candidate signalled as it is found, until a channel is open at both ends.

        Raises:
            TimeoutError: not within `CONNECTING_LIMIT` seconds of virtual time.
        """
        alice, bob = self.alice, self.bob
        if not alice.channels:
            alice.create_data_channel("chat")
        alice.set_local_description()
        assert alice.peer.local_description is not None
        bob.set_remote_description(alice.peer.local_description)
        bob.set_local_description()
        assert bob.peer.local_description is not None
        alice.set_remote_description(bob.peer.local_description)

        def trickle() -> bool:
            for sender, receiver in ((alice, bob), (bob, alice)):
                for candidate in sender.take_candidates():
                    receiver.add_ice_candidate(candidate)
            return bool(alice.open and bob.open)

        if not self.run(CONNECTING_LIMIT, stop=trickle):
            raise TimeoutError(f"not connected after {CONNECTING_LIMIT:g} s")

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
        end.on_event(event)

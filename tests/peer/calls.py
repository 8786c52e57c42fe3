"""Two whole peers on a network in virtual time, with a signalling channel between them.

The application in here is the usual one: perfect negotiation (W3C webrtc §10.7). Peer 1 is the polite one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.ice import LocalAddress
from rtcpy.peer import (
    ChannelMessage,
    ChannelOpened,
    GatheringNeeded,
    IceCandidate,
    IceCandidateFound,
    NegotiationNeeded,
    Peer,
    PeerConfiguration,
    SessionDescription,
    SignalingStateChanged,
)
from rtcpy.sctp import Channel
from rtcpy.sim import LinkConfig, Network

E = TypeVar("E", bound=Event)

HOSTS = ("198.51.100.1", "198.51.100.2")
PORT = 40000


class Call:
    """Two peers, `a` (impolite) and `b` (polite), and what they told.

    Args:
        seed: of both peers and the network.
        link: how bad the network is.
        signaling_delay: one way, in seconds.
        automatic: negotiate by perfect negotiation; `False` leaves all commands to the test.
        trickle: signal candidates one by one; `False`: they travel inside the descriptions only.
        configurations: of the two.
        edit: may change what is signalled: called with (sender, description or candidate), may return `None` to
            lose it.
        taps: of the two.
    """

    def __init__(
        self,
        *,
        seed: int | str = 1,
        link: LinkConfig | None = None,
        signaling_delay: float = 0.03,
        automatic: bool = True,
        trickle: bool = True,
        configurations: tuple[PeerConfiguration, PeerConfiguration] | None = None,
        edit: Callable[[int, Any], Any] | None = None,
        taps: tuple[Tap | None, Tap | None] = (None, None),
    ) -> None:
        ours = configurations or (PeerConfiguration(), PeerConfiguration())
        self.network = Network(seed=seed, link=link)
        self.peers = [
            Peer(ours[i], entropy=SeededEntropy(f"{seed}/{i}"), wall_clock=FixedClock(), tap=taps[i])
            for i in (0, 1)
        ]
        for i, peer in enumerate(self.peers):
            self.network.add_host(f"peer{i}", peer, [HOSTS[i]])
        self.network.on_event = self._on_event
        self.delay, self.automatic, self.trickle, self.edit = signaling_delay, automatic, trickle, edit
        self.making_offer = [False, False]
        self.ignore_offer = [False, False]
        self.ports = [PORT, PORT]
        self.errors: list[Exception] = []
        self.greetings: dict[Channel, list[str | bytes]] = {}
        self.next_free: list[Instant] = [0.0, 0.0]

    @property
    def a(self) -> Peer:
        return self.peers[0]

    @property
    def b(self) -> Peer:
        return self.peers[1]

    @property
    def now(self) -> Instant:
        return self.network.now

    def events(self, side: int, kind: type[E]) -> list[E]:
        """What one side told, of one kind."""
        return self.network.events_of(side, kind)

    def all_events(self, side: int) -> list[Event]:
        return list(self.network.events[side])

    def opened(self, side: int) -> list[Channel]:
        return [event.channel for event in self.events(side, ChannelOpened)]

    def messages(self, side: int) -> list[str | bytes]:
        return [event.data for event in self.events(side, ChannelMessage)]

    def run(self, seconds: float = 30.0, *, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass."""
        return self.network.drive(until=self.network.now + seconds, stop=until)

    def connect(self, label: str = "chat", seconds: float = 30.0) -> tuple[Channel, Channel]:
        """A channel from `a`, open on both sides; both handles."""
        channel = self.a.create_data_channel(label, now=self.now)

        def both() -> bool:
            return channel in self.opened(0) and any(c.label == label for c in self.opened(1))

        assert self.run(seconds, until=both), (
            f"no channel after {seconds} s: {self.a.connection_state} / {self.b.connection_state}"
        )
        return channel, next(c for c in self.opened(1) if c.label == label)

    def log(self) -> list[tuple[Instant, int, Datagram]]:
        assert self.network.log is not None
        return self.network.log

    # --- the application -------------------------------------------------------------------------------------

    def _on_event(self, side: int, event: Event, now: Instant) -> None:
        peer = self.peers[side]
        match event:
            case GatheringNeeded(generation):
                # One turn of an event loop later: the driver binds sockets.
                self.network.at(now, lambda: self._gather(side, generation))
            case IceCandidateFound(candidate):
                if self.trickle and candidate is not None:
                    self.signal(side, candidate)
                elif not self.trickle and candidate is None and peer.local_description is not None:
                    self.signal(side, peer.local_description)
            case NegotiationNeeded() if self.automatic:
                self._describe(side, now)
            case SignalingStateChanged():
                pass

    def _gather(self, side: int, generation: int) -> None:
        address = LocalAddress(Address(HOSTS[side], self.ports[side]), "eth0")
        self.peers[side].gather(generation, [address], [], now=self.now)

    def _describe(self, side: int, now: Instant) -> None:
        """Apply a local description that the state demands, and signal it."""
        peer = self.peers[side]
        peer.set_local_description(now=now)
        if self.trickle or peer.ice_gathering_state == "complete":
            assert peer.local_description is not None
            self.signal(side, peer.local_description)

    def signal(self, side: int, what: SessionDescription | IceCandidate) -> None:
        """Send something to the other side; order is kept."""
        if self.edit is not None:
            what = self.edit(side, what)
            if what is None:
                return
        at = max(self.now + self.delay, self.next_free[side])
        self.next_free[side] = at
        self.network.at(at, lambda: self._arrive(1 - side, what))

    def _arrive(self, side: int, what: SessionDescription | IceCandidate) -> None:
        peer, polite = self.peers[side], side == 1
        try:
            if isinstance(what, IceCandidate):
                if not self.ignore_offer[side]:
                    peer.add_ice_candidate(what, now=self.now)
                return
            collision = what.type == "offer" and peer.signaling_state != "stable"
            self.ignore_offer[side] = collision and not polite
            if self.ignore_offer[side]:
                return
            peer.set_remote_description(what, now=self.now)
            if what.type == "offer":
                self._describe(side, self.now)
        except Exception as error:  # noqa: BLE001  (an application logs it; the test looks)
            self.errors.append(error)

"""`Peer`: one end of a WebRTC connection, without I/O. The product of everything below it.

Datagrams and the time go in; datagrams, events and the next deadline come out. A driver binds sockets, moves
datagrams and calls `handle_timeout`; the simulator does the same with a virtual clock.

Gathering needs sockets, so it is a dialogue: after a local description was set the peer emits `GatheringNeeded`,
the driver binds sockets (or reuses those it has), resolves server names and calls `gather`.

Order of calls for an offerer::

    peer.create_data_channel("chat", now=now)        # -> NegotiationNeeded
    peer.set_local_description(None, now=now)        # -> SignalingStateChanged, GatheringNeeded
    signal(peer.local_description)
    peer.gather(generation, addresses, servers, now=now)     # -> IceCandidateFound ...: signal them
    peer.set_remote_description(answer, now=now)     # -> ICE, DTLS, SCTP run by themselves
    # ... -> ChannelOpened
"""

from __future__ import annotations

from collections.abc import Sequence

from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.ice import LocalAddress
from rtcpy.peer.configuration import PeerConfiguration, ServerEndpoint
from rtcpy.peer.description import IceCandidate, SessionDescription
from rtcpy.peer.states import (
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    PeerConnectionState,
    SctpTransportState,
    SignalingState,
)
from rtcpy.sctp import Channel


class Peer:
    """One end of a connection: a `Machine[Datagram, Event]` plus the W3C commands, all synchronous.

    Every command raises a `UsageError` whose `.name` is W3C's; an error leaves the peer as it was.
    """

    def __init__(
        self,
        configuration: PeerConfiguration | None = None,
        *,
        entropy: Entropy,
        wall_clock: WallClock,
        tap: Tap | None = None,
    ) -> None: ...

    # --- the Machine -------------------------------------------------------------------------------------
    def receive(self, packet: Datagram, *, now: Instant) -> None: ...
    def receive_many(self, packets: Sequence[Datagram], *, now: Instant) -> None:
        """Like `receive` for each, but the layers above are pumped once, after the last."""

    def handle_timeout(self, *, now: Instant) -> None: ...
    def next_timeout(self) -> Instant | None: ...
    def take_packets(self) -> list[Datagram]: ...
    def take_events(self) -> list[Event]: ...
    def close(self, *, now: Instant) -> None: ...

    # --- negotiation (W3C webrtc §4.4.2) -------------------------------------------------------------------
    def create_offer(self, *, ice_restart: bool = False, now: Instant) -> SessionDescription: ...
    def create_answer(self, *, now: Instant) -> SessionDescription: ...
    def set_local_description(self, description: SessionDescription | None = None, *, now: Instant) -> None:
        """`None` or an empty text: create what the state demands and apply it."""

    def set_remote_description(self, description: SessionDescription, *, now: Instant) -> None: ...
    def add_ice_candidate(self, candidate: IceCandidate | None, *, now: Instant) -> None:
        """`None` ends the candidates of all sections."""

    def restart_ice(self, *, now: Instant) -> None: ...
    def get_configuration(self) -> PeerConfiguration: ...
    def set_configuration(self, configuration: PeerConfiguration, *, now: Instant) -> None: ...
    def begin_operation(self) -> None:
        """An asynchronous operation of the facade is in its chain: hold `NegotiationNeeded` back (W3C §4.4.1.2)."""

    def end_operation(self, *, now: Instant) -> None:
        """The operation is over; with the last one the negotiation-needed flag is brought up to date."""

    # --- gathering -----------------------------------------------------------------------------------------
    def gather(
        self,
        generation: int,
        addresses: Sequence[LocalAddress],
        servers: Sequence[tuple[ServerEndpoint, Address]],
        *,
        now: Instant,
    ) -> None:
        """Answer to `GatheringNeeded`: bound local addresses, and the servers with the addresses they resolved to."""

    def server_unreachable(self, server: ServerEndpoint, reason: str, *, now: Instant) -> None:
        """The driver could not resolve or reach a server: becomes an `IceCandidateError` 701."""

    # --- data channels (W3C webrtc §6) -----------------------------------------------------------------------
    def create_data_channel(
        self,
        label: str,
        *,
        protocol: str = "",
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_packet_life_time: int | None = None,
        negotiated: bool = False,
        id: int | None = None,
        now: Instant,
    ) -> Channel: ...
    def send(self, channel: Channel, data: str | bytes | bytearray | memoryview, *, now: Instant) -> None: ...
    def close_channel(self, channel: Channel, *, now: Instant) -> None: ...
    def buffered_amount(self, channel: Channel) -> int: ...
    def buffered_amount_low_threshold(self, channel: Channel) -> int: ...
    def set_buffered_amount_low_threshold(self, channel: Channel, threshold: int) -> None: ...

    # --- statistics --------------------------------------------------------------------------------------------
    def get_stats(self, *, now: Instant) -> dict[str, dict[str, object]]:
        """W3C webrtc-stats by id; member names as in JavaScript, timestamps in **milliseconds** of Unix time."""

    # --- attributes (all read-only) ------------------------------------------------------------------------------
    @property
    def signaling_state(self) -> SignalingState: ...
    @property
    def ice_gathering_state(self) -> IceGatheringState: ...
    @property
    def ice_connection_state(self) -> IceConnectionState: ...
    @property
    def connection_state(self) -> PeerConnectionState: ...
    @property
    def dtls_state(self) -> DtlsTransportState | None: ...
    @property
    def sctp_state(self) -> SctpTransportState | None:
        """`None` until SCTP was negotiated (W3C: `pc.sctp === null`)."""

    @property
    def max_message_size(self) -> float | None:
        """**Bytes** that one message to the other side may have; `inf` without limit, `None` before SCTP."""

    @property
    def max_channels(self) -> int | None: ...
    @property
    def local_description(self) -> SessionDescription | None: ...
    @property
    def remote_description(self) -> SessionDescription | None: ...
    @property
    def current_local_description(self) -> SessionDescription | None: ...
    @property
    def current_remote_description(self) -> SessionDescription | None: ...
    @property
    def pending_local_description(self) -> SessionDescription | None: ...
    @property
    def pending_remote_description(self) -> SessionDescription | None: ...
    @property
    def can_trickle_ice_candidates(self) -> bool | None: ...
    @property
    def channels(self) -> list[Channel]: ...

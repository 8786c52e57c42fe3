"""`rtcpy.PeerConnection`: the W3C API in snake_case, thin, over `rtcpy.peer.Peer`.

Owns: coroutines, events, the data channel objects, and the order in which an application sees things happen. Does not
own: any rule of negotiation or transport. Every method is "give the peer a command, then pump".

Order, as W3C prescribes it: what a method causes is visible, and its events have fired, when its `await` returns; what
comes from the network or from gathering fires later, never inside a method. So candidates are announced only after
``await pc.set_local_description()`` has returned, and a signalling message that is sent right then goes first.

The operations chain (W3C webrtc §4.4.1.2) makes operations take turns. Here each runs to its end without ever giving
up the loop, so turns are taken by construction; what remains of the chain is that ``negotiationneeded`` waits until no
operation is under way.

Specs: W3C webrtc §4.4 (interface), §4.4.1 (algorithms), §6.1 (data channels); RFC 9429 (JSEP).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rtcpy.aio.configuration import Configuration, check_fixed, to_peer_configuration
from rtcpy.aio.datachannel import DataChannel, DataChannelError
from rtcpy.aio.driver import Driver
from rtcpy.aio.emitter import Emitter
from rtcpy.aio.gatherer import Gatherer
from rtcpy.aio.stats import StatsReport
from rtcpy.aio.transports import SctpTransport
from rtcpy.core.env import SystemClock, SystemEntropy
from rtcpy.core.errors import InvalidStateError, NotSupportedError, OperationError
from rtcpy.core.machine import Event, Instant
from rtcpy.dtls import Certificate
from rtcpy.peer import (
    ChannelClosed,
    ChannelClosing,
    ChannelError,
    ChannelMessage,
    ChannelOpened,
    ConnectionStateChanged,
    DataChannelAnnounced,
    DtlsStateChanged,
    GatheringNeeded,
    IceCandidate,
    IceCandidateError,
    IceCandidateFound,
    IceConnectionState,
    IceConnectionStateChanged,
    IceGatheringState,
    IceGatheringStateChanged,
    NegotiationNeeded,
    Peer,
    PeerConfiguration,
    PeerConnectionState,
    SctpStateChanged,
    SelectedCandidatePairChanged,
    SessionDescription,
    SignalingState,
    SignalingStateChanged,
)
from rtcpy.sctp import Channel

if TYPE_CHECKING:
    from rtcpy.explain.trace import Trace

T = TypeVar("T")

UNNAMED = "here"
"""What an endpoint is called in a trace of its own."""


class PeerConnection(Emitter):
    """A connection to one other endpoint. Create it inside a running asyncio loop.

    Events (the argument, if any, in brackets): ``negotiationneeded``, ``icecandidate`` (an `IceCandidate`, one with
    an empty `candidate` at the end of a generation, then `None`), ``icecandidateerror`` (an `IceCandidateError`),
    ``signalingstatechange``, ``iceconnectionstatechange``, ``icegatheringstatechange``, ``connectionstatechange``,
    ``datachannel`` (a `DataChannel`); and ours: ``error`` (what a listener of this connection or of one of its
    channels raised).

    Args:
        configuration: see `Configuration`; `None` means the defaults.

    Raises:
        RuntimeError: there is no running loop.
        TypeError, UsageError: the configuration is refused; see `to_peer_configuration`.

    Spec: W3C webrtc §4.4.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {
            "negotiationneeded",
            "icecandidate",
            "icecandidateerror",
            "signalingstatechange",
            "iceconnectionstatechange",
            "icegatheringstatechange",
            "connectionstatechange",
            "datachannel",
            "track",  # may be listened to; fires when media is there
            "error",
        }
    )

    def __init__(self, configuration: Configuration | None = None) -> None:
        super().__init__()
        configuration = Configuration() if configuration is None else configuration
        settings = to_peer_configuration(configuration)
        self._configuration = replace(configuration, certificates=list(configuration.certificates))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "create a PeerConnection inside a coroutine: it needs the running loop"
            ) from None
        self._peer, self._trace = _make_peer(configuration, settings, loop.time())
        self._driver: Driver[Event] = Driver(self._peer, self._on_event, after_pump=self._after_pump)
        self._gatherer = Gatherer(self._peer, self._driver)
        self._channels: dict[Channel, DataChannel] = {}
        self._sending: list[DataChannel] = []  # those whose buffered amount, as shown, is not 0
        self._sctp: SctpTransport | None = None
        self._selected_pair: tuple[IceCandidate, IceCandidate] | None = None
        self._connected_waiters: list[asyncio.Future[None]] = []
        # As an application sees them: a state changes together with its event, not before (W3C webrtc §4.4.1).
        self._signaling_state = self._peer.signaling_state
        self._ice_gathering_state = self._peer.ice_gathering_state
        self._ice_connection_state = self._peer.ice_connection_state
        self._connection_state = self._peer.connection_state
        self._failure = ""
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<PeerConnection {self.connection_state} signaling={self.signaling_state}>"

    # ------------------------------------------------------------------ negotiation

    async def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Make an offer for the present state. Nothing changes until it is passed to `set_local_description`.

        Args:
            ice_restart: ask for new ICE credentials, as after `restart_ice`.

        Raises:
            InvalidStateError: closed, or an offer is not possible now.

        Spec: W3C webrtc §4.4.2 (createOffer), RFC 9429 §5.2.
        """
        return self._operate(lambda now: self._peer.create_offer(ice_restart=ice_restart, now=now))

    async def create_answer(self) -> SessionDescription:
        """Make an answer to the remote offer.

        Raises:
            InvalidStateError: closed, or there is no remote offer.

        Spec: W3C webrtc §4.4.2 (createAnswer), RFC 9429 §5.3.
        """
        return self._operate(lambda now: self._peer.create_answer(now=now))

    async def set_local_description(self, description: SessionDescription | None = None) -> None:
        """Apply our own offer or answer; without argument, the one that the state demands is made first.

        Gathering of candidates begins with this call, and they are announced after it has returned.

        Raises:
            InvalidStateError: the type does not fit the signalling state.
            InvalidModificationError: the text is not what `create_offer` or `create_answer` returned.

        Spec: W3C webrtc §4.4.2 (setLocalDescription), RFC 9429 §5.9.
        """
        if description is not None:
            _expect_description(description)
        self._operate(lambda now: self._peer.set_local_description(description, now=now))

    async def set_remote_description(self, description: SessionDescription) -> None:
        """Apply what the other side sent. An offer that collides with ours rolls ours back first.

        Raises:
            InvalidStateError: the type does not fit the signalling state.
            RtcSyntaxError: the text is no SDP.
            InvalidAccessError, OperationError: the SDP cannot be applied; the message says why.

        Spec: W3C webrtc §4.4.2 (setRemoteDescription), RFC 9429 §5.10.
        """
        _expect_description(description)
        self._operate(lambda now: self._peer.set_remote_description(description, now=now))

    async def add_ice_candidate(self, candidate: IceCandidate | None = None) -> None:
        """Take one trickled candidate of the other side; `None` (or nothing) says that no more will come.

        Raises:
            TypeError: neither mid nor index says which media section it is for.
            InvalidStateError: there is no remote description yet.
            OperationError: no such section or ICE generation, or the candidate cannot be read.

        Spec: W3C webrtc §4.4.2 (addIceCandidate).
        """
        if candidate is not None and not isinstance(candidate, IceCandidate):
            raise TypeError(f"expected rtcpy.IceCandidate or None, not {type(candidate).__name__}")
        self._operate(lambda now: self._peer.add_ice_candidate(candidate, now=now))

    def restart_ice(self) -> None:
        """Have the next offer ask for new ICE credentials; ``negotiationneeded`` fires.

        Spec: W3C webrtc §4.4.2 (restartIce).
        """
        if not self._is_closed:
            self._peer.restart_ice(now=self._driver.now())
            self._driver.touch()

    def _operate(self, operation: Callable[[float], T]) -> T:
        """Run one operation of the chain: command, events, and only then the negotiation-needed flag.

        Spec: W3C webrtc §4.4.1.2.
        """
        self._check_open()
        self._peer.begin_operation()
        told = False
        try:
            result = operation(self._driver.now())
            self._driver.pump()
            told = True
        finally:
            if not self._is_closed and (self._peer.end_operation(now=self._driver.now()) or not told):
                self._driver.touch()
        return result

    def _check_open(self) -> None:
        if self._is_closed:
            raise InvalidStateError("the connection is closed")

    # ------------------------------------------------------------------ data channels

    def create_data_channel(
        self,
        label: str,
        *,
        ordered: bool = True,
        max_packet_life_time: int | None = None,
        max_retransmits: int | None = None,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,
    ) -> DataChannel:
        """Create a channel; it opens once the connection is up. The first one makes ``negotiationneeded`` fire.

        Args:
            label: any text of at most 65,535 bytes in UTF-8.
            ordered: deliver messages in order.
            max_packet_life_time: give a message up after so many **milliseconds**.
            max_retransmits: give a message up after so many retransmissions; not together with the former.
            protocol: name of a sub-protocol.
            negotiated: do not announce it; the other side creates one with the same `id`.
            id: the stream, required with `negotiated`, ignored otherwise.

        Raises:
            InvalidStateError: the connection is closed.
            TypeError: label or protocol too long, both limits given, `negotiated` without `id`, or a wrong type.
            OperationError: the id is in use, or none is left.

        Spec: W3C webrtc §6.1 (createDataChannel).
        """
        self._check_open()
        if not isinstance(label, str) or not isinstance(protocol, str):
            raise TypeError("label and protocol must be str")
        handle = self._peer.create_data_channel(
            label,
            protocol=protocol,
            ordered=ordered,
            max_retransmits=max_retransmits,
            max_packet_life_time=max_packet_life_time,
            negotiated=negotiated,
            id=id,
            now=self._driver.now(),
        )
        self._driver.touch()
        return self._channel(handle)

    def _channel(self, handle: Channel) -> DataChannel:
        channel = self._channels.get(handle)
        if channel is None:
            channel = self._channels[handle] = DataChannel(self, handle)
            # The facade compares amounts itself, between callbacks (`_after_pump`): spare an event per message.
            self._peer.set_buffered_amount_low_threshold(handle, -1)
        return channel

    def _send(self, handle: Channel, data: str | bytes | bytearray | memoryview) -> None:
        if self._is_closed:
            self._check_open()
        self._peer.send(handle, data, now=self._driver.now())
        self._driver.touch()

    def _close_channel(self, handle: Channel) -> None:
        if not self._is_closed:
            self._peer.close_channel(handle, now=self._driver.now())
            self._driver.touch()

    # ------------------------------------------------------------------ configuration, statistics

    def get_configuration(self) -> Configuration:
        """A copy of the configuration in force. Spec: W3C webrtc §4.4.2 (getConfiguration)."""
        return replace(
            self._configuration,
            ice_servers=list(self._configuration.ice_servers),
            certificates=list(self._configuration.certificates),
        )

    def set_configuration(self, configuration: Configuration) -> None:
        """Change what may be changed; servers and policies count from the next gathering (see `restart_ice`).

        Raises:
            InvalidStateError: the connection is closed.
            InvalidModificationError: certificates, bundle policy or another fixed member differs.

        Spec: W3C webrtc §4.4.1.5.
        """
        self._check_open()
        settings = to_peer_configuration(configuration)
        check_fixed(self._configuration, configuration)
        self._peer.set_configuration(settings, now=self._driver.now())
        self._configuration = replace(configuration, certificates=list(configuration.certificates))
        self._driver.touch()

    async def get_stats(self) -> StatsReport:
        """Figures about transports, candidate pairs and channels. Spec: W3C webrtc §8.2, W3C webrtc-stats."""
        return StatsReport(self._peer.get_stats(now=self._driver.now()))

    @staticmethod
    async def generate_certificate(key_type: str = "ecdsa") -> Certificate:
        """Make a certificate to be used by several connections (``Configuration(certificates=[…])``).

        Args:
            key_type: ``"ecdsa"`` (P-256) or ``"rsa"`` (2,048 bits, which takes a while, in a thread).

        Raises:
            NotSupportedError: another key type.

        Spec: W3C webrtc §4.9.1 (generateCertificate).
        """
        if key_type == "ecdsa":
            return Certificate.generate(SystemEntropy(), SystemClock(), key_type="ecdsa")
        if key_type == "rsa":
            return await asyncio.to_thread(
                lambda: Certificate.generate(SystemEntropy(), SystemClock(), key_type="rsa")
            )
        raise NotSupportedError(f"key_type is {key_type!r}, expected 'ecdsa' or 'rsa'")

    # ------------------------------------------------------------------ attributes (W3C webrtc §4.4.2)

    @property
    def signaling_state(self) -> SignalingState:
        """Where the exchange of offer and answer stands."""
        return self._signaling_state

    @property
    def ice_gathering_state(self) -> IceGatheringState:
        """Whether candidates are still being gathered."""
        return self._ice_gathering_state

    @property
    def ice_connection_state(self) -> IceConnectionState:
        """How far ICE has come."""
        return self._ice_connection_state

    @property
    def connection_state(self) -> PeerConnectionState:
        """ICE and DTLS together: what most applications want to know."""
        return self._connection_state

    @property
    def local_description(self) -> SessionDescription | None:
        """The pending local description, else the current one; with the candidates gathered so far."""
        return self._peer.local_description

    @property
    def current_local_description(self) -> SessionDescription | None:
        """Ours of the last complete exchange."""
        return self._peer.current_local_description

    @property
    def pending_local_description(self) -> SessionDescription | None:
        """Ours of the exchange under way."""
        return self._peer.pending_local_description

    @property
    def remote_description(self) -> SessionDescription | None:
        """The pending remote description, else the current one."""
        return self._peer.remote_description

    @property
    def current_remote_description(self) -> SessionDescription | None:
        """Theirs of the last complete exchange."""
        return self._peer.current_remote_description

    @property
    def pending_remote_description(self) -> SessionDescription | None:
        """Theirs of the exchange under way."""
        return self._peer.pending_remote_description

    @property
    def can_trickle_ice_candidates(self) -> bool | None:
        """Whether the other side takes candidates one by one; `None` before its description is known."""
        return self._peer.can_trickle_ice_candidates

    @property
    def sctp(self) -> SctpTransport | None:
        """What carries the data channels; `None` until it was negotiated."""
        if self._peer.sctp_state is None:
            return None
        if self._sctp is None:
            self._sctp = SctpTransport(self)
        return self._sctp

    @property
    def trace(self) -> Trace | None:
        """All that happened so far, if ``Configuration(trace=…)`` asked for it; it contains the keys."""
        return self._trace

    async def connected(self) -> None:
        """Wait until `connection_state` is connected.

        Raises:
            OperationError: the connection failed; the message says why, if it is known.
            InvalidStateError: it was closed.
        """
        while self.connection_state is not PeerConnectionState.CONNECTED:
            self._check_open()
            if self.connection_state is PeerConnectionState.FAILED:
                raise OperationError(self._failure or "the connection failed")
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._connected_waiters.append(waiter)
            await waiter

    # ------------------------------------------------------------------ events from the peer

    def _on_event(self, event: Event) -> None:
        if self._is_closed:
            return  # W3C webrtc §4.4.2 (close): a closed connection fires nothing
        if type(event) is ChannelMessage:
            self._channels[event.channel]._deliver(event.data)
            return
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def _after_pump(self) -> None:
        """Bring buffered amounts up to date: they may fall only between callbacks. Spec: W3C webrtc §6.2."""
        if not self._sending:
            return
        sending, self._sending = self._sending, []  # anew, for listeners may send
        for channel in sending:
            amount = self._peer.buffered_amount(channel._handle)
            if amount:
                self._sending.append(channel)
            if amount < channel._buffered:
                channel._update_buffered(amount)

    def _on_gathering_needed(self, event: GatheringNeeded) -> None:
        """Candidates come after the description that started the gathering was signalled: one turn later."""
        self._driver.loop.call_soon(self._gather, event)

    def _gather(self, event: GatheringNeeded) -> None:
        if not self._is_closed:
            self._gatherer.start(event, self._configuration)

    def _on_connection_state(self, event: ConnectionStateChanged) -> None:
        self._connection_state = event.state
        self._wake_connected()
        self.emit("connectionstatechange")

    def _wake_connected(self) -> None:
        waiters, self._connected_waiters = self._connected_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _on_signaling_state(self, event: SignalingStateChanged) -> None:
        self._signaling_state = event.state
        self.emit("signalingstatechange")

    def _on_ice_state(self, event: IceConnectionStateChanged) -> None:
        self._ice_connection_state = event.state
        if event.state is IceConnectionState.FAILED:
            self._failure = "ICE failed: no candidate pair works, or the other side stopped answering"
        self.emit("iceconnectionstatechange")
        if self._sctp is not None:
            self._sctp.transport.ice_transport.emit("statechange")

    def _on_gathering_state(self, event: IceGatheringStateChanged) -> None:
        self._ice_gathering_state = event.state
        self.emit("icegatheringstatechange")
        if self._sctp is not None:
            self._sctp.transport.ice_transport.emit("gatheringstatechange")

    def _on_selected_pair(self, event: SelectedCandidatePairChanged) -> None:
        self._selected_pair = (event.local, event.remote)
        if self._sctp is not None:
            self._sctp.transport.ice_transport.emit("selectedcandidatepairchange")

    def _on_dtls_state(self, event: DtlsStateChanged) -> None:
        if event.reason:
            self._failure = f"DTLS failed: {event.reason}"
        if self._sctp is not None:
            self._sctp.transport.emit("statechange")

    def _on_sctp_state(self, event: SctpStateChanged) -> None:
        if self._sctp is not None:
            self._sctp.emit("statechange")

    def _on_channel_announced(self, event: DataChannelAnnounced) -> None:
        channel = self._channel(event.channel)
        channel._announced()
        self.emit("datachannel", channel)

    def _on_channel_closing(self, event: ChannelClosing) -> None:
        self._channel(event.channel)._closing()

    def _on_channel_error(self, event: ChannelError) -> None:
        error = DataChannelError(event.detail, event.message, event.sctp_cause_code)
        self._channel(event.channel).emit("error", error)

    def _on_channel_closed(self, event: ChannelClosed) -> None:
        channel = self._channel(event.channel)
        self._forget(channel)
        channel.emit("close")

    def _forget(self, channel: DataChannel) -> None:
        self._channels.pop(channel._handle, None)
        self._sending = [other for other in self._sending if other is not channel]
        channel._closed()

    # ------------------------------------------------------------------ ending

    def close(self) -> Awaitable[None]:
        """Tell the other side, close sockets and channels. Idempotent; needs no `await`, but may be awaited.

        No event fires at this connection or its channels. Iterations over channels end, and whoever waits for one
        gets an `InvalidStateError`.

        Spec: W3C webrtc §4.4.2 (close).
        """
        if not self._is_closed:
            self._is_closed = True
            self._gatherer.close()
            self._driver.close()
            for channel in tuple(self._channels.values()):
                self._forget(channel)
            self._signaling_state = self._peer.signaling_state
            self._ice_connection_state = self._peer.ice_connection_state
            self._connection_state = self._peer.connection_state
            self._wake_connected()
        return _Done()

    async def __aenter__(self) -> PeerConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Done:
    """What `close` returns: it has happened; awaiting lets those that it woke run first."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield  # a bare yield is one turn of the loop


def _make_peer(
    configuration: Configuration, settings: PeerConfiguration, now: Instant
) -> tuple[Peer, Trace | None]:
    """The peer, and the trace that it writes if it is asked to."""
    entropy = configuration.entropy or SystemEntropy()
    wall_clock = configuration.wall_clock or SystemClock()
    if not configuration.trace:
        return Peer(settings, entropy=entropy, wall_clock=wall_clock, tap=configuration.tap), None
    from rtcpy.explain.recording import RecordedPeer  # only who looks pays for looking
    from rtcpy.explain.trace import Trace

    place = configuration.trace if configuration.trace is not True else Trace().endpoint(UNNAMED)
    peer = RecordedPeer(
        settings,
        entropy=entropy,
        wall_clock=wall_clock,
        tap=configuration.tap,
        trace=place.trace,
        who=place.name,
        now=now,
    )
    return peer, place.trace


def _expect_description(description: object) -> None:
    if not isinstance(description, SessionDescription):
        raise TypeError(f"expected rtcpy.SessionDescription(type=…, sdp=…), not {type(description).__name__}")


# Dispatch by type; messages, which come by the million, are looked for first.
_HANDLERS: dict[type[Event], Callable[..., None]] = {
    ChannelOpened: lambda pc, event: pc._channel(event.channel)._opened(),
    ChannelClosing: PeerConnection._on_channel_closing,
    ChannelClosed: PeerConnection._on_channel_closed,
    ChannelError: PeerConnection._on_channel_error,
    DataChannelAnnounced: PeerConnection._on_channel_announced,
    NegotiationNeeded: lambda pc, _event: pc.emit("negotiationneeded"),
    SignalingStateChanged: PeerConnection._on_signaling_state,
    GatheringNeeded: PeerConnection._on_gathering_needed,
    IceCandidateFound: lambda pc, event: pc.emit("icecandidate", event.candidate),
    IceCandidateError: lambda pc, event: pc.emit("icecandidateerror", event),
    IceGatheringStateChanged: PeerConnection._on_gathering_state,
    IceConnectionStateChanged: PeerConnection._on_ice_state,
    ConnectionStateChanged: PeerConnection._on_connection_state,
    SelectedCandidatePairChanged: PeerConnection._on_selected_pair,
    DtlsStateChanged: PeerConnection._on_dtls_state,
    SctpStateChanged: PeerConnection._on_sctp_state,
}

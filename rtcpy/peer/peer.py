"""`Peer`: one end of a WebRTC connection, without I/O. The product of everything below it.

Datagrams and the time go in; datagrams, events and the next deadline come out. A driver binds sockets, moves
datagrams and calls `handle_timeout`; the simulator does the same with a virtual clock.

Gathering needs sockets, so it is a dialogue: after a local description was set the peer emits `GatheringNeeded`, the
driver binds sockets (or reuses those it has), resolves server names and calls `gather`.

Order of calls for an offerer::

    channel = peer.create_data_channel("chat", now=now)          # NegotiationNeeded
    peer.set_local_description(None, now=now)                    # SignalingStateChanged, GatheringNeeded
    signal(peer.local_description)
    peer.gather(generation, addresses, servers, now=now)         # IceCandidateFound …: signal them
    peer.set_remote_description(answer, now=now)                 # ICE, DTLS, SCTP run by themselves
    ...                                                          # ConnectionStateChanged, ChannelOpened
    peer.send(channel, "hello", now=now)

Owns W3C's states, events and their order. The rules of offer and answer are pure functions elsewhere (`negotiate`,
`apply`); what they decide is carried out here on the one `Transport`.

Specs: W3C webrtc §4.4 (operation), §4.7.3 (negotiation needed), §5.6 (what ICE reports), §6 (data channels), §8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rtcpy import dtls, ice, sctp, sdp
from rtcpy.core.env import Entropy, WallClock, random_integer, random_text
from rtcpy.core.errors import InvalidAccessError, InvalidStateError
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.peer import negotiation, stats
from rtcpy.peer.apply import (
    Applied,
    CloseChannels,
    CloseTransport,
    Connect,
    OpenTransport,
    RestartIce,
    RollBackIce,
    UseSctp,
    apply_local,
    apply_remote,
    apply_rollback,
)
from rtcpy.peer.candidates import MAX_CANDIDATES, LocalGeneration, render_local, to_sdp
from rtcpy.peer.channels import ChannelBook
from rtcpy.peer.configuration import (
    IceTransportPolicy,
    PeerConfiguration,
    ServerEndpoint,
    check_update,
    copy_configuration,
    server_endpoints,
)
from rtcpy.peer.description import IceCandidate, SessionDescription
from rtcpy.peer.events import (
    GatheringNeeded,
    IceCandidateError,
    IceCandidateFound,
    NegotiationNeeded,
    SelectedCandidatePairChanged,
    SignalingStateChanged,
)
from rtcpy.peer.negotiate import (
    create_answer,
    create_offer,
    is_last_answer_accurate,
    is_last_offer_accurate,
)
from rtcpy.peer.negotiation import Credentials, LocalParameters, Negotiation, TransportPlan
from rtcpy.peer.reported import ReportedStates
from rtcpy.peer.sections import Description
from rtcpy.peer.states import (
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    PeerConnectionState,
    SctpTransportState,
    SdpType,
    Side,
    SignalingState,
)
from rtcpy.peer.transport import Transport
from rtcpy.peer.trickle import RemoteCandidates

SESSION_ID_BITS = 63
"""RFC 9429 §5.2.1: a 64-bit number with the highest bit zero, so that signed parsers read it too."""

TLS_ID_LENGTH = 24
"""Characters of a=tls-id: 144 bits; RFC 8842 §4 asks for at least 20 characters and 120 bits."""

TLS_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

NO_ANSWER_FROM_SERVER = 701
"""errorCode of a server that no host candidate can reach. W3C webrtc §4.8.3."""

_OPEN = sctp.ChannelState.OPEN  # a member of an Enum costs some to look up


class Peer:
    """One end of a connection: a `Machine[Datagram, Event]` plus the W3C commands, all synchronous.

    Every command raises a `UsageError` whose `.name` is W3C's; an error leaves the peer as it was.

    Args:
        configuration: servers, policies, limits. Copied.
        entropy: all randomness: keys, ids, credentials. With a seeded one a run repeats byte for byte.
        wall_clock: dates of the certificate, timestamps of statistics.
        tap: sees every hand-over between layers, and descriptions.

    Raises:
        InvalidAccessError: a configured certificate has expired, or TURN credentials are missing.
        RtcSyntaxError: a server URL is malformed.

    Spec: W3C webrtc §4.4.1.1.
    """

    def __init__(
        self,
        configuration: PeerConfiguration | None = None,
        *,
        entropy: Entropy,
        wall_clock: WallClock,
        tap: Tap | None = None,
    ) -> None:
        self._configuration = copy_configuration(configuration or PeerConfiguration())
        self._servers = server_endpoints(self._configuration.ice_servers)
        self._entropy = entropy
        self._wall_clock = wall_clock
        self._tap = tap
        certificates = self._configuration.certificates
        if any(certificate.expires < wall_clock.unix_time() for certificate in certificates):
            raise InvalidAccessError("a certificate has expired (W3C webrtc §4.4.1.1 step 5.1)")
        self._certificate = (
            certificates[0] if certificates else dtls.Certificate.generate(entropy, wall_clock)
        )
        fingerprint = self._certificate.fingerprint()
        self._state = Negotiation(
            LocalParameters(
                session_id=random_integer(entropy, SESSION_ID_BITS),
                fingerprints=((fingerprint.algorithm, fingerprint.value),),
                tls_id=random_text(entropy, TLS_ID_LENGTH, TLS_ID_ALPHABET),
                max_message_size=self._configuration.max_message_size,
            )
        )
        self._planned: tuple[Negotiation, TransportPlan | None, bool] = (self._state, None, False)
        self._ice_config = replace(self._configuration.ice)
        self._transport: Transport | None = None
        self._book = ChannelBook(self._configuration, entropy=entropy, tap=tap)
        self._gathered: dict[str, LocalGeneration] = {}
        self._remote = RemoteCandidates()
        self._generation = 0
        self._awaiting_gather = False
        self._events: list[Event] = []
        self._out: list[Datagram] = []
        self._operations = 0
        self._update_on_empty_chain = False
        self._negotiation_needed = False
        self._reported = ReportedStates(tap)
        self._failure = ""
        self._selected: tuple[ice.Candidate, ice.Candidate] | None = None
        self._handlers: dict[type[Event], Callable[..., None]] = {
            ice.CandidateFound: self._on_candidate_found,
            ice.GatheringDone: self._on_gathering_done,
            ice.GatheringFailed: self._on_gathering_failed,
            ice.PairSelected: self._on_pair_selected,
            ice.StateChanged: self._on_state_changed,
            ice.RoleChanged: self._ignore,
            dtls.Connected: self._on_state_changed,
            dtls.Closed: self._on_dtls_ended,
            dtls.Failed: self._on_dtls_ended,
            dtls.PeerCertificate: self._ignore,
            dtls.KeyingMaterial: self._ignore,
            sctp.Established: self._on_established,
            sctp.Restarted: self._ignore,
            sctp.Aborted: self._on_association_ended,
            sctp.ShutDown: self._on_association_ended,
            sctp.ChannelOpened: self._on_channel_opened,
            sctp.ChannelAnnounced: self._on_channel_announced,
            sctp.ChannelClosed: self._on_channel_closed,
        }

    # --- the Machine -----------------------------------------------------------------------------------------

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Take one datagram. Never raises on hostile bytes."""
        transport = self._transport
        if transport is not None:
            transport.receive(packet, now=now)
            if transport.events:
                self._dispatch(transport.take_events(), now)

    def receive_many(self, packets: Sequence[Datagram], *, now: Instant) -> None:
        """Take datagrams that arrived together: like `receive` for each, but the layers are pumped once."""
        if self._transport is not None:
            self._transport.receive_many(packets, now=now)
            self._collect(now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""
        if self._transport is not None:
            self._transport.handle_timeout(now=now)
            self._collect(now)

    def next_timeout(self) -> Instant | None:
        """The next deadline of any layer."""
        return self._transport.next_timeout() if self._transport is not None else None

    def take_packets(self) -> list[Datagram]:
        """Drain the datagrams to send."""
        if self._transport is None:
            out, self._out = self._out, []
            return out
        packets = self._transport.take_packets() if self._transport.packets else []
        if self._out:
            packets = self._out + packets
            self._out = []
        return packets

    def take_events(self) -> list[Event]:
        """Drain what happened, in the order in which W3C fires it."""
        events, self._events = self._events, []
        return events

    def close(self, *, now: Instant) -> None:
        """End the connection: SCTP ABORT, DTLS close_notify, silence. Fires nothing.

        Spec: W3C webrtc §4.4.2 (close the connection).
        """
        if self._state.signaling is SignalingState.CLOSED:
            return
        self._reported.tell("signaling", self._state.signaling, SignalingState.CLOSED, now)
        self._state = replace(self._state, signaling=SignalingState.CLOSED)
        if self._transport is not None:
            self._transport.close(now=now)
            self._out += self._transport.take_packets()
            self._transport.take_events()
        self._book.close(now)
        self._awaiting_gather = False
        self._reported.close()

    # --- negotiation -----------------------------------------------------------------------------------------

    def create_offer(self, *, ice_restart: bool = False, now: Instant) -> SessionDescription:
        """Make an offer of the present state; nothing changes until it is set as local description.

        Args:
            ice_restart: ask for new ICE credentials.
            now: instant of this call.

        Raises:
            InvalidStateError: closed, or not in `stable` or `have-local-offer`.

        Spec: W3C webrtc §4.4.2 (createOffer), RFC 9429 §5.2.
        """
        self._require_open()
        state = create_offer(
            self._state, fresh=self._fresh_credentials(), gathered=self._gathered, ice_restart=ice_restart
        )
        self._state = state
        assert state.last_offer is not None
        return SessionDescription(SdpType.OFFER, state.last_offer.text)

    def create_answer(self, *, now: Instant) -> SessionDescription:
        """Make an answer to the remote offer.

        Raises:
            InvalidStateError: closed, or there is no offer to answer.

        Spec: W3C webrtc §4.4.2 (createAnswer), RFC 9429 §5.3.
        """
        self._require_open()
        state = create_answer(self._state, fresh=self._fresh_credentials(), gathered=self._gathered)
        self._state = state
        assert state.last_answer is not None
        return SessionDescription(SdpType.ANSWER, state.last_answer.text)

    def set_local_description(self, description: SessionDescription | None = None, *, now: Instant) -> None:
        """Apply an offer or answer of ours; candidates are gathered from then on.

        Args:
            description: what `create_offer` or `create_answer` returned last; a rollback; or `None`, or one with
                empty text: the last one if it is still accurate, else a new one.
            now: instant of this call.

        Raises:
            InvalidStateError: closed, or the type does not fit the signalling state.
            InvalidModificationError: the text is not what was created last.

        Spec: W3C webrtc §4.4.2 (setLocalDescription), RFC 9429 §5.5.
        """
        self._require_open()
        kind = description.type if description is not None else self._implied_type()
        if kind is SdpType.ROLLBACK:
            self._commit(apply_rollback(self._state, Side.LOCAL), now)
            return
        state = self._state
        text = description.sdp if description is not None else ""
        if not text:
            state, text = self._current_text(state, kind)
        applied = apply_local(state, kind, text)
        self._show(Direction.OUT, text, now)
        self._commit(applied, now)

    def set_remote_description(self, description: SessionDescription, *, now: Instant) -> None:
        """Apply what the other side sent. An offer that crosses ours rolls ours back first.

        Raises:
            InvalidStateError: closed, or the type does not fit the signalling state.
            RtcSyntaxError: the text is no SDP; the message has the line.
            InvalidAccessError: the description is inconsistent, incomplete, or does not fit what was negotiated.

        After an implicit rollback an error does not bring our offer back: so W3C has it.

        Spec: W3C webrtc §4.4.2 (setRemoteDescription), RFC 9429 §5.6.
        """
        self._require_open()
        if description.type is SdpType.ROLLBACK:
            self._commit(apply_rollback(self._state, Side.REMOTE), now)
            return
        self._show(Direction.IN, description.sdp, now)
        if description.type is SdpType.OFFER and self._state.signaling is SignalingState.HAVE_LOCAL_OFFER:
            self._commit(apply_rollback(self._state, Side.LOCAL), now)
        self._commit(apply_remote(self._state, description.type, description.sdp), now)

    def add_ice_candidate(self, candidate: IceCandidate | None = None, *, now: Instant) -> None:
        """Take one trickled candidate of the other side.

        Args:
            candidate: with the empty text the end of the candidates of one section; `None` that of all.
            now: instant of this call.

        Raises:
            TypeError: a candidate with neither mid nor index.
            InvalidStateError: closed, or there is no remote description yet.
            OperationError: no such section, no such ICE generation, or no candidate line.

        Spec: W3C webrtc §4.4.2 (addIceCandidate), RFC 8840 §4, §8.2.
        """
        self._require_open()
        candidate = IceCandidate() if candidate is None else candidate
        if candidate.candidate and candidate.sdp_mid is None and candidate.sdp_mline_index is None:
            raise TypeError(
                "a candidate needs sdp_mid or sdp_mline_index (W3C webrtc §4.4.2, addIceCandidate)"
            )
        if self._state.remote_description is None:
            raise InvalidStateError("there is no remote description yet (W3C webrtc §4.4.2, addIceCandidate)")
        self._remote.add(candidate, self._state)
        self._feed(now)

    def restart_ice(self, *, now: Instant) -> None:
        """Have the next offer ask for new ICE credentials. Spec: W3C webrtc §4.4.2 (restartIce)."""
        if self._state.signaling is SignalingState.CLOSED:
            return
        described = frozenset[tuple[str, str]]().union(
            *(d.credentials for d in (self._state.current_local, self._state.pending_local) if d is not None)
        )
        self._state = replace(self._state, replace=described)
        self._update_negotiation_needed()

    def get_configuration(self) -> PeerConfiguration:
        """A copy of the configuration in force. Spec: W3C webrtc §4.4.2 (getConfiguration)."""
        return copy_configuration(self._configuration)

    def set_configuration(self, configuration: PeerConfiguration, *, now: Instant) -> None:
        """Change what may be changed. Servers and policies count from the next gathering, i.e. ICE restart.

        Raises:
            InvalidStateError: closed.
            InvalidModificationError: a member differs that cannot change.
            RtcSyntaxError, InvalidAccessError: as in the constructor.

        Spec: W3C webrtc §4.4.1.5; RFC 9429 §3.5.1, §4.1.18.
        """
        self._require_open()
        new, old = copy_configuration(configuration), self._configuration
        started = self._state.local_description is not None
        check_update(old, new, gathering_started=started)
        servers = server_endpoints(new.ice_servers)
        changed = servers != self._servers or new.ice_transport_policy is not old.ice_transport_policy
        self._configuration, self._servers = new, servers
        if changed and started:
            self._state = replace(self._state, needs_ice_restart=True)

    def begin_operation(self) -> None:
        """An asynchronous operation of the facade is in its chain: hold `NegotiationNeeded` back until it is over.

        Spec: W3C webrtc §4.4.1.2, §4.7.3 step 1.
        """
        self._operations += 1

    def end_operation(self, *, now: Instant) -> bool:
        """The operation is over; with the last one the negotiation-needed flag is brought up to date.

        Returns:
            Whether there are events to take.

        Spec: W3C webrtc §4.4.1.2 step 7.4.
        """
        self._operations -= 1
        if not self._operations and self._update_on_empty_chain:
            self._update_on_empty_chain = False
            self._update_negotiation_needed()
        return bool(self._events)

    # --- gathering -------------------------------------------------------------------------------------------

    def gather(
        self,
        generation: int,
        addresses: Sequence[ice.LocalAddress],
        servers: Sequence[tuple[ServerEndpoint, Address]] = (),
        *,
        more_to_come: bool = False,
        now: Instant,
    ) -> None:
        """Answer `GatheringNeeded`: the sockets that are bound, and the servers with their addresses.

        Args:
            generation: of the event; of an older one the call is ignored, and so is a second call.
            addresses: of bound sockets.
            servers: those whose addresses are known.
            more_to_come: names are still being resolved; `add_servers` follows and nothing waits for it.
            now: instant of this call.

        Spec: RFC 8445 §5.1.1, W3C webrtc §5.6 ("began gathering").
        """
        if generation != self._generation or not self._awaiting_gather or self._transport is None:
            return
        self._awaiting_gather = False
        self._events += self._reported.set_gathering(IceGatheringState.GATHERING, now)
        self._transport.gather(addresses, _stun_servers(servers), more_to_come=more_to_come, now=now)
        self._collect(now)

    def add_servers(
        self,
        generation: int,
        servers: Sequence[tuple[ServerEndpoint, Address]],
        *,
        more_to_come: bool,
        now: Instant,
    ) -> None:
        """Servers whose names were resolved after ``gather(more_to_come=True)``; the last call ends the waiting.

        Args:
            generation: of the `GatheringNeeded`; of an older one the call is ignored.
            servers: those resolved now, perhaps none.
            more_to_come: whether yet others are being resolved.
            now: instant of this call.

        Spec: RFC 8838 §3.
        """
        if generation != self._generation or self._awaiting_gather or self._transport is None:
            return
        if self._transport.closed:
            return
        self._transport.add_servers(_stun_servers(servers), more_to_come=more_to_come, now=now)
        self._collect(now)

    def server_unreachable(self, server: ServerEndpoint, reason: str, *, now: Instant) -> None:
        """The driver could not resolve or reach a server. Spec: W3C webrtc §4.8.3."""
        if self._state.signaling is not SignalingState.CLOSED:
            self._events.append(IceCandidateError(None, None, server.url, NO_ANSWER_FROM_SERVER, reason))

    # --- data channels ---------------------------------------------------------------------------------------

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
    ) -> sctp.Channel:
        """Create a channel, at any time; it opens when the association is up.

        Args:
            label: at most 65,535 bytes of UTF-8; need not be unique.
            protocol: sub-protocol, same limit.
            ordered: deliver messages in order.
            max_retransmits: give a message up after so many retransmissions.
            max_packet_life_time: give it up after so many **milliseconds**; not together with the former.
            negotiated: the other side creates one with the same `id` instead of being told in-band.
            id: the stream; with `negotiated` only, otherwise ignored.
            now: instant of this call.

        Raises:
            InvalidStateError: closed.
            TypeError: a text too long, a number out of range, both limits, or `negotiated` without `id`.
            OperationError: the id is taken or beyond what was negotiated, or none is left.

        Spec: W3C webrtc §6.1 (createDataChannel).
        """
        self._require_open()
        channel = self._book.open(
            label,
            protocol=protocol,
            ordered=ordered,
            max_retransmits=max_retransmits,
            max_packet_life_time=max_packet_life_time,
            negotiated=negotiated,
            id=id,
            now=now,
        )
        if not self._state.data_wanted:
            self._state = replace(self._state, data_wanted=True)
            self._update_negotiation_needed()
        self._after_command(now)
        return channel

    def send(
        self, channel: sctp.Channel, data: str | bytes | bytearray | memoryview, *, now: Instant
    ) -> None:
        """Queue a message: text as `str`, anything else as binary.

        Raises:
            InvalidStateError: the channel is not open.
            MessageTooLargeError: longer than `max_message_size` (a TypeError, as W3C asks).
            OperationError: the send buffer is full.

        Spec: W3C webrtc §6.2 (send).
        """
        association = self._book.association
        if channel.state is not _OPEN or association is None:
            raise InvalidStateError(
                f"channel {channel.label!r} is {channel.state.value} (W3C webrtc §6.2, send)"
            )
        if not isinstance(data, (str, bytes)):
            data = bytes(data)
        association.send(channel, data, now=now)
        transport = self._transport
        if transport is None:
            return self._after_command(now)
        transport.push(now=now)
        if transport.events:
            self._dispatch(transport.take_events(), now)
        return None

    def close_channel(self, channel: sctp.Channel, *, now: Instant) -> None:
        """Close a channel once what is queued has been sent. Spec: W3C webrtc §6.2 (close), RFC 8831 §6.7."""
        association = self._book.association
        if association is None or channel.state in (sctp.ChannelState.CLOSING, sctp.ChannelState.CLOSED):
            return
        association.close_channel(channel, now=now)
        self._after_command(now)

    def buffered_amount(self, channel: sctp.Channel) -> int:
        """**Bytes** queued and not yet sent. Spec: W3C webrtc §6.2 (bufferedAmount)."""
        association = self._book.association
        return association.buffered_amount(channel) if association is not None else 0

    def set_buffered_amount_low_threshold(self, channel: sctp.Channel, threshold: int) -> None:
        """**Bytes** at or under which `ChannelBufferedAmountLow` is told. Spec: W3C webrtc §6.2."""
        if self._book.association is not None:
            self._book.association.set_buffered_amount_low_threshold(channel, threshold)

    # --- statistics ------------------------------------------------------------------------------------------

    def get_stats(self, *, now: Instant) -> dict[str, stats.Stats]:
        """W3C's statistics by id; member names as in JavaScript, timestamps in **milliseconds** of Unix time.

        Spec: W3C webrtc §8.2, §8.6; W3C webrtc-stats.
        """
        return stats.make_report(
            clock=stats.Clock(now, self._wall_clock.unix_time()),
            transport=self._transport,
            certificate=self._certificate,
            channels=self._book.numbered(),
            opened=self._book.opened,
            closed=self._book.closed,
        )

    # --- attributes (W3C webrtc §4.4.2, §6.1) ----------------------------------------------------------------

    @property
    def signaling_state(self) -> SignalingState:
        """Where the exchange of offer and answer stands."""
        return self._state.signaling

    @property
    def ice_gathering_state(self) -> IceGatheringState:
        """Whether candidates are being gathered."""
        return self._reported.gathering

    @property
    def ice_connection_state(self) -> IceConnectionState:
        """How far ICE has come."""
        return self._reported.ice

    @property
    def connection_state(self) -> PeerConnectionState:
        """ICE and DTLS together."""
        return self._reported.connection

    @property
    def dtls_state(self) -> DtlsTransportState | None:
        """Of the one transport; `None` while there is none."""
        return self._reported.dtls

    @property
    def sctp_state(self) -> SctpTransportState | None:
        """Of the association; `None` until a description of one was applied (W3C: ``pc.sctp === null``)."""
        return self._reported.sctp

    @property
    def max_message_size(self) -> float | None:
        """**Bytes** that one message to the other side may have; `inf` without limit; `None` before it is known.

        Spec: W3C webrtc §6.1.1.2; whatever the other side takes, we can send.
        """
        agreed = self._plan()[0]
        if agreed is None or agreed.sctp is None:
            return None
        return float(agreed.sctp.remote_max_message_size) or float("inf")

    @property
    def max_channels(self) -> int | None:
        """Channels that can exist at once; `None` until the association is up. Spec: W3C webrtc §6.1.1.3."""
        return self._book.max_channels

    @property
    def local_description(self) -> SessionDescription | None:
        """The pending one, or else the current one, with the candidates gathered so far."""
        return self._local(self._state.local_description)

    @property
    def current_local_description(self) -> SessionDescription | None:
        """Ours of the last finished exchange."""
        return self._local(self._state.current_local)

    @property
    def pending_local_description(self) -> SessionDescription | None:
        """Ours of the exchange under way."""
        return self._local(self._state.pending_local)

    @property
    def remote_description(self) -> SessionDescription | None:
        """The pending one, or else the current one, with the candidates added so far."""
        return self._remote_text(self._state.remote_description)

    @property
    def current_remote_description(self) -> SessionDescription | None:
        """Theirs of the last finished exchange."""
        return self._remote_text(self._state.current_remote)

    @property
    def pending_remote_description(self) -> SessionDescription | None:
        """Theirs of the exchange under way."""
        return self._remote_text(self._state.pending_remote)

    @property
    def can_trickle_ice_candidates(self) -> bool | None:
        """Whether the other side takes candidates after its description; `None` before one was set.

        Spec: RFC 9429 §4.1.17.
        """
        remote = self._state.remote_description
        if remote is None:
            return None
        session = [tag for options in remote.model.all(sdp.IceOptions) for tag in options.values]
        return "trickle" in session or any("trickle" in s.ice_options for s in remote.sections)

    @property
    def channels(self) -> list[sctp.Channel]:
        """Every channel that is not closed, in order of creation (W3C [[DataChannels]])."""
        return self._book.existing()

    @property
    def negotiation(self) -> Negotiation:
        """The state of offer and answer, for tools and tests. A value: keep it, compare it."""
        return self._state

    @property
    def transport(self) -> Transport | None:
        """The one transport, for tools and tests."""
        return self._transport

    # --- carrying out what was decided -----------------------------------------------------------------------

    def _commit(self, applied: Applied, now: Instant) -> None:
        """Make a new state the state, do what it takes, and tell it in W3C's order (§4.4.1.4 steps 4.6.13–4.6.16)."""
        before = self._state.signaling
        self._state = applied.state
        after = applied.state.signaling
        if before is not after:
            self._reported.tell("signaling", before, after, now)
            self._events.append(SignalingStateChanged(after))
        for effect in applied.effects:
            match effect:
                case OpenTransport(plan):
                    self._open_transport(plan)
                case RestartIce(credentials):
                    self._restart_ice(credentials, now)
                case RollBackIce():
                    assert self._transport is not None
                    self._transport.ice.rollback_restart(now=now)
                    self._awaiting_gather = False
                case Connect(remote):
                    assert self._transport is not None
                    self._remote.begin_anew()
                    self._transport.connect(remote, now=now)
                case UseSctp(parameters):
                    assert self._transport is not None
                    self._transport.use_sctp(self._book.need(), parameters, now=now)
                case CloseChannels(reason):
                    self._close_channels(reason, now)
                case CloseTransport():
                    self._close_transport(now)
        self._forget_old_generations()
        self._collect(now)
        self._feed(now)
        self._update_states(now)
        if after is SignalingState.STABLE:
            self._negotiation_needed = False
            self._update_negotiation_needed()

    def _open_transport(self, plan: TransportPlan) -> None:
        settings = self._configuration
        self._ice_config.transport_policy = _policy(settings.ice_transport_policy)
        dtls_config = settings.dtls
        if settings.path_mtu is not None:
            dtls_config = replace(dtls_config, mtu=min(dtls_config.mtu, settings.path_mtu))
        self._transport = Transport(
            credentials=ice.IceCredentials(*plan.credentials),
            controlling=plan.controlling,
            certificate=self._certificate,
            ice_config=self._ice_config,
            dtls_config=dtls_config,
            entropy=self._entropy,
            wall_clock=self._wall_clock,
            tap=self._tap,
        )
        self._book.state = SctpTransportState.CONNECTING
        self._ask_for_gathering(plan.credentials)

    def _restart_ice(self, credentials: Credentials, now: Instant) -> None:
        assert self._transport is not None
        self._ice_config.transport_policy = _policy(self._configuration.ice_transport_policy)
        self._transport.ice.restart(credentials=ice.IceCredentials(*credentials), now=now)
        self._ask_for_gathering(credentials)

    def _ask_for_gathering(self, credentials: Credentials) -> None:
        self._gathered[credentials.ufrag] = LocalGeneration()
        self._generation += 1
        self._awaiting_gather = True
        self._events.append(GatheringNeeded(self._generation, self._servers))

    def _close_transport(self, now: Instant) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.channels = None  # channels outlive a rolled-back transport; refused ones are closed already
        transport.close(now=now)
        self._out += transport.take_packets()
        self._transport = None
        self._awaiting_gather = False
        self._selected = None
        self._book.max_channels = None

    def _close_channels(self, reason: str, now: Instant) -> None:
        """Data was refused, or DTLS ended: the association goes, and every channel with it."""
        if self._transport is not None:
            self._transport.drop_sctp(now=now)
            self._dispatch(self._transport.take_events(), now)
        self._events += self._book.end_all(reason, now)

    def _forget_old_generations(self) -> None:
        """Drop candidates of generations that no description names any more."""
        state = self._state
        known = {
            s.ufrag
            for d in (
                state.current_local,
                state.pending_local,
                state.current_remote,
                state.pending_remote,
            )
            if d is not None
            for s in d.sections
        }
        self._gathered = {ufrag: g for ufrag, g in self._gathered.items() if ufrag in known}
        self._remote.keep_only(known)

    def _after_command(self, now: Instant) -> None:
        """Bring up what a command on the channels has made."""
        if self._transport is not None:
            self._transport.push(now=now)
            self._collect(now)
        elif self._book.association is not None:
            self._dispatch(self._book.association.take_events(), now)

    def _feed(self, now: Instant) -> None:
        """Hand the agent what the other side has signalled."""
        if self._transport is not None:
            self._remote.feed(self._transport, self._state, now)
            self._collect(now)

    # --- what the layers report ------------------------------------------------------------------------------

    def _collect(self, now: Instant) -> None:
        """Translate what the transport reported. Messages, which come by the million, pass as they are."""
        transport = self._transport
        if transport is not None and transport.events:
            self._dispatch(transport.take_events(), now)

    def _dispatch(self, events: Sequence[Event], now: Instant) -> None:
        handlers = self._handlers
        news = False
        for event in events:
            handler = handlers.get(type(event))
            if handler is None:
                self._events.append(event)
            else:
                handler(event, now)
                news = True
        if news:  # states follow from what the layers report, and from nothing else but commands
            self._update_states(now)

    def _ignore(self, event: Event, now: Instant) -> None:
        """Of no interest to W3C; statistics read it elsewhere."""

    def _on_candidate_found(self, event: ice.CandidateFound, now: Instant) -> None:
        """Spec: W3C webrtc §5.6 (surface a candidate)."""
        ufrag = event.candidate.ufrag or ""
        candidate = to_sdp(event.candidate)
        generation = self._gathered.get(ufrag)
        if generation is None or len(generation.candidates) >= MAX_CANDIDATES:
            return
        generation.candidates.append(candidate)
        text = f"{candidate.trickled()} ufrag {ufrag}"  # RFC 8840 §4.1: one more extension, at the end
        self._events.append(IceCandidateFound(self._signalled(text, ufrag, event.candidate.url)))

    def _on_gathering_done(self, event: ice.GatheringDone, now: Instant) -> None:
        """Spec: W3C webrtc §5.6 (finished gathering a generation), both tasks."""
        generation = self._gathered.get(event.ufrag)
        if generation is None:
            return
        generation.ended = True
        self._events.append(IceCandidateFound(self._signalled("", event.ufrag, None)))
        transport = self._transport
        if transport is not None and transport.ice.gathering_state is ice.IceGatheringState.COMPLETE:
            self._events += self._reported.set_gathering(IceGatheringState.COMPLETE, now)
            self._events.append(IceCandidateFound(None))

    def _signalled(self, text: str, ufrag: str, url: str | None) -> IceCandidate:
        """With the section that our candidates are signalled for."""
        plan = self._plan()[0]
        return IceCandidate(
            text,
            plan.mid if plan is not None else None,
            plan.mline_index if plan is not None else None,
            ufrag,
            url or None,
        )

    def _on_gathering_failed(self, event: ice.GatheringFailed, now: Instant) -> None:
        """Spec: W3C webrtc §4.8.3: the address is told only if a candidate has told it already."""
        known = any(
            c.type == "host" and c.address == event.local.host.partition("%")[0]
            for g in self._gathered.values()
            for c in g.candidates
        )
        self._events.append(
            IceCandidateError(
                event.local.host if known else None,
                event.local.port if known else None,
                event.server,
                event.code,
                event.reason,
            )
        )

    def _on_pair_selected(self, event: ice.PairSelected, now: Instant) -> None:
        """Spec: W3C webrtc §5.6 (change the selected candidate pair and state), steps 8 and 10."""
        selected = (event.local_candidate, event.remote_candidate)
        if selected == self._selected:
            return
        self._selected = selected
        self._events.append(
            SelectedCandidatePairChanged(
                self._signalled(
                    to_sdp(event.local_candidate).trickled(),
                    event.local_candidate.ufrag or "",
                    event.local_candidate.url,
                ),
                self._signalled(
                    to_sdp(event.remote_candidate).trickled(), event.remote_candidate.ufrag or "", None
                ),
            )
        )

    def _on_state_changed(self, event: Event, now: Instant) -> None:
        self._update_states(now)

    def _on_dtls_ended(self, event: dtls.Closed | dtls.Failed, now: Instant) -> None:
        """Spec: W3C webrtc §6.1.2: the association ends with DTLS."""
        if isinstance(event, dtls.Failed):
            self._failure = event.reason
        self._book.state = SctpTransportState.CLOSED
        self._update_states(now)
        self._close_channels(self._failure, now)

    def _on_established(self, event: sctp.Established, now: Instant) -> None:
        self._book.on_established(event)
        self._update_states(now)

    def _on_association_ended(self, event: Event, now: Instant) -> None:
        """An ABORT or SHUTDOWN. Spec: W3C webrtc §6.1.2."""
        self._book.state = SctpTransportState.CLOSED
        self._update_states(now)

    def _on_channel_opened(self, event: sctp.ChannelOpened, now: Instant) -> None:
        self._events += self._book.on_opened(event)

    def _on_channel_announced(self, event: sctp.ChannelAnnounced, now: Instant) -> None:
        self._events += self._book.on_announced(event)

    def _on_channel_closed(self, event: sctp.ChannelClosed, now: Instant) -> None:
        self._events += self._book.on_closed(event)

    # --- derived states --------------------------------------------------------------------------------------

    def _update_states(self, now: Instant) -> None:
        """Tell which of W3C's derived states changed."""
        if self._state.signaling is not SignalingState.CLOSED:
            sctp_state = self._book.state if self._plan()[1] else None
            self._events += self._reported.update(self._transport, sctp_state, self._failure, now)

    def _update_negotiation_needed(self) -> None:
        """Spec: W3C webrtc §4.7.3."""
        if self._operations:
            self._update_on_empty_chain = True
            return
        if self._state.signaling is not SignalingState.STABLE:
            return
        if not negotiation.is_negotiation_needed(self._state):
            self._negotiation_needed = False
        elif not self._negotiation_needed:
            self._negotiation_needed = True
            self._events.append(NegotiationNeeded())

    # --- small things ----------------------------------------------------------------------------------------

    def _plan(self) -> tuple[TransportPlan | None, bool]:
        """`negotiation.plan` and `negotiation.has_sctp` of the present state, worked out once for each state."""
        if self._planned[0] is not self._state:
            state = self._state
            planned = negotiation.plan(state)
            self._planned = (state, planned, planned is not None or negotiation.has_sctp(state))
        return self._planned[1:]

    def _require_open(self) -> None:
        if self._state.signaling is SignalingState.CLOSED:
            raise InvalidStateError("the connection is closed (W3C webrtc §4.4.1.2)")

    def _implied_type(self) -> SdpType:
        """Spec: W3C webrtc §4.4.2 (setLocalDescription, step 4.1)."""
        s = SignalingState
        offers = (s.STABLE, s.HAVE_LOCAL_OFFER, s.HAVE_REMOTE_PRANSWER)
        return SdpType.OFFER if self._state.signaling in offers else SdpType.ANSWER

    def _current_text(self, state: Negotiation, kind: SdpType) -> tuple[Negotiation, str]:
        """The text that an empty one stands for. Spec: W3C webrtc §4.4.2 (setLocalDescription, steps 4.4, 4.5)."""
        if kind is SdpType.OFFER:
            if not is_last_offer_accurate(state, self._gathered):
                state = create_offer(state, fresh=self._fresh_credentials(), gathered=self._gathered)
            created = state.last_offer
        else:
            if not is_last_answer_accurate(state, self._gathered):
                state = create_answer(state, fresh=self._fresh_credentials(), gathered=self._gathered)
            created = state.last_answer
        assert created is not None
        return state, created.text

    def _fresh_credentials(self) -> Credentials:
        made = ice.IceCredentials.generate(self._entropy)
        return Credentials(made.ufrag, made.pwd)

    def _local(self, description: Description | None) -> SessionDescription | None:
        if description is None:
            return None
        return SessionDescription(description.type, render_local(description, self._gathered))

    def _remote_text(self, description: Description | None) -> SessionDescription | None:
        if description is None:
            return None
        return SessionDescription(description.type, self._remote.render(description))

    def _show(self, direction: Direction, text: str, now: Instant) -> None:
        if self._tap is not None:
            self._tap.packet("sdp", direction, text.encode("utf-8", "replace"), now=now)


def _stun_servers(servers: Sequence[tuple[ServerEndpoint, Address]]) -> list[ice.StunServer]:
    """Those that can be asked over UDP; TURN servers answer STUN too (RFC 8656 §3.1)."""
    return [
        ice.StunServer(address, server.url)
        for server, address in servers
        if server.scheme in ("stun", "turn") and server.transport == "udp"
    ]


def _policy(policy: IceTransportPolicy) -> ice.TransportPolicy:
    return ice.TransportPolicy(policy.value)

"""One BUNDLE transport: ICE, DTLS and SCTP wired by hand. This page is the explanation of WebRTC.

A message of the application goes down, a datagram of the network comes up, and each layer hands the next what
it made of it::

       send(channel, "hello")                                    ChannelMessage(channel, "hello")
            |                                                               ^
      DataChannels      DATA chunk on a stream, acknowledged, resent   DataChannels
            |  SCTP packet                                                  |  SCTP packet
      DtlsConnection    record: encrypted, authenticated, numbered     DtlsConnection
            |  UDP payload                                                  |  UDP payload
         IceAgent       selected path: from where to where              is it from a validated address?
            |  Datagram(data, local, remote)                                |  first byte: STUN or DTLS?
            v                                                               |
        take_packets                                                     receive

How a connection comes to life, in the order in which the code below makes it happen:

1. `gather`: the ICE agent learns our addresses and tells them as candidates (`CandidateFound`).
2. `connect`: the two descriptions are known. ICE sends checks (STUN) to every candidate of the other side.
3. A check is answered: `PairSelected`. There is a path, so DTLS starts; the side that answered ``setup:active`` sends
   the ClientHello.
4. DTLS shows certificates. Only the one whose fingerprint stood in the description is accepted: `Connected`.
5. SCTP sends INIT inside DTLS, from whichever side is first; both would. `Established`: channels open.

Nothing waits for more than it needs: DTLS takes the first path that works, before ICE has made its final choice;
a ClientHello that overtakes the answer or the check that validates its sender is kept, not lost.

Who may talk to DTLS: only addresses that ICE has validated, i.e. that passed a check with the password from the
descriptions. Others cannot start a handshake, inject an alert, or fill anything but a few slots for early datagrams.

Not here: what the descriptions say (`rtcpy.peer.apply`), W3C's states and events (`rtcpy.peer.peer`).

Specs: RFC 8445 §12 (sending), RFC 8842 §5, RFC 5764 §5.1.2 and RFC 7983 §7 (demultiplexing), RFC 8261 (SCTP over
DTLS), RFC 8827 §6.5 (fingerprint), RFC 7675 §5.1 (no consent, no sending).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtcpy import dtls, ice, sctp
from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.errors import InvalidStateError
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.peer.demux import BY_FIRST_BYTE, DTLS_FIRST, DTLS_LAST, Protocol
from rtcpy.peer.negotiation import RemoteTransport, SctpParameters

EARLY_DATAGRAMS = 16
"""DTLS datagrams kept until their sender is validated and the answer is known; a ClientHello with a post-quantum key
share is two, sent again after 50 ms. Older ones make room: whoever is dropped sends again (RFC 6347 §4.2.4)."""

EARLY_DATAGRAMS_PER_ADDRESS = 4
"""Of these from one address, so that one stranger cannot fill all."""

MAX_COUNTED_PATHS = 256
"""Paths whose traffic is counted apart; more only come with many ICE restarts, and then counting begins anew."""

TIMEOUT_ROUNDS = 4
"""Times that `handle_timeout` goes round the three layers; two have been enough for all that one can set off in another."""

DTLS_TIMEOUT_MIN, DTLS_TIMEOUT_MAX = 0.1, 0.5
"""Bounds in **seconds** of the first DTLS retransmission, which is 1.5 round trips as ICE measured them. RFC 9147
§5.8.2 recommends that much where the round trip is known."""


@dataclass(slots=True)
class PathCounters:
    """What went over one path, STUN apart; **bytes** of UDP payload. Spec: W3C webrtc-stats §8.18."""

    packets_sent: int = 0
    packets_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class Transport:
    """`Machine[Datagram, Event]`: one path with encryption and data channels on it.

    Its events are those of the three layers, untranslated and in order.

    Args:
        credentials: ICE, ours, as they stand in our description.
        controlling: ICE role to begin with.
        certificate: ours, whose fingerprint stands in our description.
        ice_config: settings of ICE.
        dtls_config: settings of DTLS.
        entropy: all randomness.
        wall_clock: for DTLS.
        tap: sees every hand-over.
    """

    __slots__ = (
        "_certificate",
        "_counters",
        "_counters_by_path",
        "_counters_path",
        "_dtls_config",
        "_early",
        "_entropy",
        "_sctp_started",
        "_tap",
        "_wall_clock",
        "bytes_received",
        "bytes_sent",
        "channels",
        "closed",
        "dropped",
        "dtls",
        "dtls_info",
        "events",
        "ice",
        "packets",
        "packets_received",
        "packets_sent",
        "peer_certificates",
        "remote",
        "selected_pair",
        "selected_pair_changes",
    )

    def __init__(
        self,
        *,
        credentials: ice.IceCredentials,
        controlling: bool,
        certificate: dtls.Certificate,
        ice_config: ice.IceConfig,
        dtls_config: dtls.DtlsConfig,
        entropy: Entropy,
        wall_clock: WallClock,
        tap: Tap | None = None,
    ) -> None:
        self._certificate = certificate
        self._dtls_config = dtls_config
        self._entropy = entropy
        self._wall_clock = wall_clock
        self._tap = tap
        self.packets: list[Datagram] = []
        self.events: list[Event] = []
        self._early: deque[Datagram] = deque(maxlen=EARLY_DATAGRAMS)
        self._counters_path: tuple[Address, Address] | None = None
        self._counters_by_path: dict[tuple[Address, Address], PathCounters] = {}
        self._counters = PathCounters()
        self._sctp_started = False
        self.ice = ice.IceAgent(
            controlling=controlling, entropy=entropy, config=ice_config, credentials=credentials, tap=tap
        )
        self.dtls: dtls.DtlsConnection | None = None
        self.channels: sctp.DataChannels | None = None
        self.remote: RemoteTransport | None = None
        self.dtls_info: dtls.Connected | None = None
        self.peer_certificates: tuple[bytes, ...] = ()
        self.selected_pair: ice.PairSelected | None = None
        self.selected_pair_changes = 0
        self.closed = False
        self.dropped: dict[str, int] = {}
        self.packets_sent = self.packets_received = 0
        self.bytes_sent = self.bytes_received = 0

    # --- commands --------------------------------------------------------------------------------------------

    def gather(
        self,
        addresses: Sequence[ice.LocalAddress],
        servers: Sequence[ice.StunServer],
        *,
        more_to_come: bool = False,
        now: Instant,
    ) -> None:
        """Learn our own addresses: host candidates at once, reflexive ones as servers answer."""
        self.ice.gather(addresses, servers, more_to_come=more_to_come, now=now)
        self._pump(now)

    def add_servers(self, servers: Sequence[ice.StunServer], *, more_to_come: bool, now: Instant) -> None:
        """Ask servers whose names took longer to resolve; the last ones end the waiting for more."""
        self.ice.add_servers(servers, now=now)
        if not more_to_come:
            self.ice.finish_gathering(now=now)
        self._pump(now)

    def connect(self, remote: RemoteTransport, *, now: Instant) -> None:
        """The descriptions say whom to connect to: check paths to it, and run DTLS over the first that works.

        Called again after an ICE restart: DTLS then goes on over the new path (RFC 9429 §5.11).
        """
        self.remote = remote
        self.ice.set_remote_credentials(
            ice.IceCredentials(remote.credentials.ufrag, remote.credentials.pwd), lite=remote.lite, now=now
        )
        fingerprints = [dtls.Fingerprint(algorithm, value) for algorithm, value in remote.fingerprints]
        if self.dtls is None:
            self.dtls = dtls.DtlsConnection(
                role=dtls.Role.CLIENT if remote.is_dtls_client else dtls.Role.SERVER,
                certificate=self._certificate,
                entropy=self._entropy,
                wall_clock=self._wall_clock,
                config=self._dtls_settings(),
                tap=self._tap,
            )
            if self.ice.selected_path is not None:
                self.dtls.start(now=now)
        self.dtls.set_remote_fingerprints(fingerprints, now=now)
        self._replay_early(now)
        self._pump(now)

    def use_sctp(self, channels: sctp.DataChannels, parameters: SctpParameters, *, now: Instant) -> None:
        """The SCTP association is agreed: start it when DTLS is up.

        Args:
            channels: the channels, some perhaps created already.
            parameters: ports and sizes from the descriptions.
        """
        assert self.remote is not None, "an association is agreed together with its transport"
        self.channels = channels
        channels.set_ports(parameters.local_port, parameters.remote_port)
        channels.set_remote_max_message_size(parameters.remote_max_message_size)
        channels.set_role(self.remote.is_dtls_client, now=now)
        self._start_sctp(now)
        self._pump(now)

    def drop_sctp(self, *, now: Instant) -> None:
        """The association was refused: abort it, with every channel on it."""
        if self.channels is not None:
            self.channels.close(now=now)
            self._pump(now)
            self.channels = None
            self._sctp_started = False

    def push(self, *, now: Instant) -> None:
        """Send what a command on the channels has made."""
        channels = self.channels
        if channels is not None:
            if channels.events:
                self.events += channels.take_events()
            if channels.association.packets:
                self._send_down(channels, now)

    def pump(self, *, now: Instant) -> None:
        """Move what a command on one of the layers (a send, a candidate) has brought up."""
        self._pump(now)

    # --- the Machine -----------------------------------------------------------------------------------------

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        """Take one datagram."""
        content = self._take(packet, now)
        if content is None:
            self._pump(now)
        elif content and self.channels is not None:
            self.channels.receive(content, now=now)
            self.push(now=now)

    def receive_many(self, packets: Sequence[Datagram], *, now: Instant) -> None:
        """Take datagrams that arrived together: the layers above are pumped once, after the last."""
        contents: list[bytes] = []
        lane_only = True
        for packet in packets:
            content = self._take(packet, now)
            if content is None:
                lane_only = False
            elif content:
                contents.append(content)
        if contents:
            self._send_up(contents, now)
        if not lane_only:
            self._pump(now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Let each layer do what is due. What one does may make another due at once: on a new path SCTP probes its MTU."""
        for _ in range(TIMEOUT_ROUNDS):
            self.ice.handle_timeout(now=now)
            if self.dtls is not None:
                self.dtls.handle_timeout(now=now)
            if self.channels is not None:
                self.channels.handle_timeout(now=now)
            self._pump(now)
            deadline = self.next_timeout()
            if deadline is None or deadline > now:
                return

    def next_timeout(self) -> Instant | None:
        """The earliest deadline of the three layers."""
        earliest = self.ice.next_timeout()
        if self.dtls is not None:
            deadline = self.dtls.next_timeout()
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        if self.channels is not None and not self.closed:
            deadlines = self.channels.association.timers.deadlines  # the channels have none of their own
            deadline = min(deadlines.values()) if deadlines else None
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def take_packets(self) -> list[Datagram]:
        """Drain what is to be sent."""
        out, self.packets = self.packets, []
        return out

    def take_events(self) -> list[Event]:
        """Drain what the layers reported."""
        events, self.events = self.events, []
        return events

    def close(self, *, now: Instant) -> None:
        """Say goodbye from the top down: SCTP ABORT, DTLS close_notify; then ICE falls silent.

        Spec: W3C webrtc §4.4.2 (close), RFC 8831 §6.7, RFC 5246 §7.2.1.
        """
        if self.closed:
            return
        if self.channels is not None:
            self.channels.close(now=now)
        self._pump(now)
        if self.dtls is not None:
            self.dtls.close(now=now)
            self._pump(now)
        self.ice.close(now=now)
        self._send_checks(now)
        self._early.clear()
        self.closed = True

    # --- up: from a datagram to the layer it is for ----------------------------------------------------------

    def _take(self, packet: Datagram, now: Instant) -> bytes | None:
        """Hand a datagram to its layer. The content of a DTLS record that took the hot lane, else None."""
        data = packet.data
        if not data or self.closed:
            return None
        if self._tap is not None:
            self._tap.packet("udp", Direction.IN, data, now=now, local=packet.local, remote=packet.remote)
        self.packets_received += 1
        self.bytes_received += len(data)
        first = data[0]
        if DTLS_FIRST <= first <= DTLS_LAST:
            path = self.ice.selected_path
            if self.dtls is None:
                self._keep_early(packet, now)
            elif path is not None and packet.remote == path[1] and packet.local == path[0]:
                if path is not self._counters_path:
                    self._count_on(path)
                self._counters.packets_received += 1
                self._counters.bytes_received += len(data)
                content = self.dtls.open(data, now=now)
                if content is not None:
                    return content
                self.dtls.receive(data, now=now)
            elif self.ice.is_validated(packet.local, packet.remote):
                self.dtls.receive(data, now=now)
            elif self.dtls_info is None:
                self._keep_early(packet, now)
            else:
                self._drop("dtls", data, "not from a validated address (RFC 8445 §12)", now)
        elif BY_FIRST_BYTE[first] is Protocol.STUN:
            self.ice.receive(packet, now=now)
            if self._early:
                self._replay_early(now)
        else:
            self._drop("udp", data, f"nothing here speaks {BY_FIRST_BYTE[first].value} (RFC 7983 §7)", now)
        return None

    def _keep_early(self, packet: Datagram, now: Instant) -> None:
        """Hold a DTLS datagram whose sender is not validated yet, or whose fingerprint is not known yet."""
        same = sum(1 for kept in self._early if kept.remote == packet.remote and kept.local == packet.local)
        if same >= EARLY_DATAGRAMS_PER_ADDRESS:
            self._drop(
                "dtls",
                packet.data,
                "too many datagrams before their address was validated (RFC 8445 §12)",
                now,
            )
            return
        self._early.append(
            Datagram(bytes(packet.data), packet.local, packet.remote)
        )  # kept, hence copied (law 8)

    def _replay_early(self, now: Instant) -> None:
        """Hand over what was kept from addresses that have been validated since."""
        if self.dtls is None:
            return
        kept = list(self._early)
        self._early.clear()
        for packet in kept:
            if self.ice.is_validated(packet.local, packet.remote):
                self.dtls.receive(packet.data, now=now)
            elif self.dtls_info is None:
                self._early.append(packet)

    def _drop(self, layer: str, data: bytes, reason: str, now: Instant) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if self._tap is not None:
            self._tap.drop(layer, data, reason, now=now)

    # --- the pump: events up, packets down, until nothing moves ---------------------------------------------

    def _pump(self, now: Instant) -> None:
        while True:
            again = False
            for event in self.ice.take_events():
                match event:
                    case ice.PairSelected():
                        self._on_path(event, now)
                self.events.append(event)

            if self.dtls is not None:
                arrived: list[bytes] = []
                for event in self.dtls.take_events():
                    match event:
                        case dtls.ApplicationData(data):
                            arrived.append(data)
                            continue
                        case dtls.Connected():
                            self.dtls_info = event
                            self._early.clear()
                            self._start_sctp(now)
                        case dtls.PeerCertificate(chain):
                            self.peer_certificates = chain
                    again = True
                    self.events.append(event)

                for record in self.dtls.take_packets():
                    self._send_record(record, now)

                if arrived:
                    self._send_up(arrived, now)
                else:
                    self.push(now=now)

            self._send_checks(now)
            if not again:
                return

    def _send_up(self, contents: list[bytes], now: Instant) -> None:
        """What DTLS opened goes to SCTP; what that makes SCTP say goes down."""
        if self.channels is not None:
            self.channels.receive_batch(contents, now=now)
            self.push(now=now)

    def _send_down(self, channels: sctp.DataChannels, now: Instant) -> None:
        """What SCTP wants to say becomes DTLS records."""
        secured = self.dtls
        packets = channels.association.take_packets()
        if secured is not None and self.dtls_info is not None:
            try:
                for packet in packets:
                    self._send_record(secured.seal(packet, now=now), now)
            except InvalidStateError:
                return  # DTLS has ended, and there is nobody to tell

    def _send_record(self, record: bytes, now: Instant) -> None:
        """Down to the selected path. Without one (consent expired) records are lost, as on a network that is down."""
        path = self.ice.selected_path
        if path is None:
            self._drop("dtls", record, "no path to send on (RFC 7675 §5.1)", now)
            return
        if path is not self._counters_path:
            self._count_on(path)
        size, counters = len(record), self._counters
        counters.packets_sent += 1
        counters.bytes_sent += size
        self.packets_sent += 1
        self.bytes_sent += size
        datagram = Datagram(record, path[0], path[1])
        self.packets.append(datagram)
        if self._tap is not None:
            self._tell_sent(datagram, now)

    def _send_checks(self, now: Instant) -> None:
        """What ICE says goes where it wants."""
        for check in self.ice.take_packets():
            self.packets_sent += 1
            self.bytes_sent += len(check.data)
            self.packets.append(check)
            if self._tap is not None:
                self._tell_sent(check, now)

    def _tell_sent(self, datagram: Datagram, now: Instant) -> None:
        assert self._tap is not None
        self._tap.packet(
            "udp", Direction.OUT, datagram.data, now=now, local=datagram.local, remote=datagram.remote
        )

    def _count_on(self, path: tuple[Address, Address]) -> None:
        """Count what comes and goes on `path` from now on."""
        if len(self._counters_by_path) >= MAX_COUNTED_PATHS:
            self._counters_by_path.clear()
        self._counters = self._counters_by_path.setdefault(path, PathCounters())
        self._counters_path = path

    def counters_of(self, pair: ice.CandidatePairStats) -> PathCounters:
        """What went over a pair. Spec: W3C webrtc-stats §8.18."""
        local = pair.local.base or pair.local.transport_address
        return self._counters_by_path.get((local, pair.remote.transport_address), PathCounters())

    def _on_path(self, event: ice.PairSelected, now: Instant) -> None:
        """ICE found a path, or a better one. The first one starts DTLS. Spec: RFC 8445 §12.1."""
        before = self.selected_pair
        self.selected_pair = event
        moved = before is not None and (before.local, before.remote) != (event.local, event.remote)
        if moved and self.channels is not None and self._sctp_started:
            self._tell_round_trip(self.channels)
            self.channels.path_changed(now=now)  # what is known of the old path's size and speed is void
        self.selected_pair_changes += 1
        if self.dtls is not None and self.dtls.state is dtls.DtlsState.NEW:
            self.dtls.start(now=now)
            self._replay_early(now)

    def _start_sctp(self, now: Instant) -> None:
        """Each side sends INIT as soon as DTLS is up (RFC 8841 §9.3, RFC 8261 §6.1).

        The server is up first: it sends the last message of the handshake, and its INIT on its heels.
        """
        if self.channels is not None and self.dtls_info is not None and not self._sctp_started:
            assert self.remote is not None
            self._sctp_started = True
            self._tell_round_trip(self.channels)
            self.channels.start(after_peer=self.remote.is_dtls_client, now=now)

    def _tell_round_trip(self, channels: sctp.DataChannels) -> None:
        rtt = self.ice.round_trip()
        if rtt is not None:
            channels.expect_round_trip(rtt)

    def _dtls_settings(self) -> dtls.DtlsConfig:
        """The configured settings, with the first timeout fitted to the round trip if ICE knows it already."""
        rtt = self.ice.round_trip()
        if rtt is None:
            return self._dtls_config
        timeout = min(max(1.5 * rtt, DTLS_TIMEOUT_MIN), DTLS_TIMEOUT_MAX, self._dtls_config.maximum_timeout)
        return replace(self._dtls_config, initial_timeout=timeout)

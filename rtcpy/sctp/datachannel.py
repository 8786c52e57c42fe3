"""Data channels over one association: opening, ids, messages, closing.

Owns the channels, their ids and their states; composes an `Association`, whose packets and timers pass through
unchanged. A channel is a pair of streams of equal number, opened by a message on it (DCEP) or by agreement
(`negotiated`), closed by resetting both streams. Its id is free again when both resets are done.

Specs: RFC 8831 (data channels), RFC 8832 (DCEP), W3C webrtc §6 (the semantics of states, ids and sizes).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from rtcpy.core.env import Entropy
from rtcpy.core.errors import InvalidStateError, OperationError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.sctp.association import Association, State
from rtcpy.sctp.channel import Channel, ChannelInput, ChannelState
from rtcpy.sctp.chunks import Ppid
from rtcpy.sctp.config import SctpConfig
from rtcpy.sctp.dcep import MAX_TEXT, AckMessage, ChannelParameters, MessageType, read_open, write_open
from rtcpy.sctp.errors import ChannelParameterError, SctpDecodeError
from rtcpy.sctp.events import (
    Aborted,
    BufferedAmountLow,
    BufferLow,
    ChannelAnnounced,
    ChannelClosed,
    ChannelClosing,
    ChannelMessage,
    ChannelOpened,
    Established,
    Restarted,
    ShutDown,
    StreamMessage,
    StreamMessageTooLarge,
    StreamsReset,
)

MAX_ID = 65534  # W3C webrtc §6.2: 65535 is no stream (RFC 8832 §6, INIT has 16 bits for a count)
MAX_UINT16 = 65535

# As plain numbers, for the lane: a member of an Enum costs some to look up.
_DCEP, _BINARY, _STRING = int(Ppid.DCEP), int(Ppid.BINARY), int(Ppid.STRING)
_PARTIAL = frozenset({int(Ppid.STRING_PARTIAL), int(Ppid.BINARY_PARTIAL)})
_OPEN = ChannelState.OPEN


class _Link:
    """What `DataChannels` remembers of a channel beside what the application sees."""

    __slots__ = ("channel", "confirmed", "error", "local_reset", "open_sent", "partial", "remote_reset")

    def __init__(self, channel: Channel, *, confirmed: bool) -> None:
        self.channel = channel
        self.confirmed = confirmed  # the peer is known to know the channel: unordered sending may begin
        self.open_sent = confirmed
        self.local_reset = self.remote_reset = False
        self.partial = b""  # beginning of a message in the deprecated partial PPIDs
        self.error: str | None = None


class DataChannels:
    """Machine[bytes, Event]: an `Association` and the channels on it.

    Args: as `Association`.
    """

    def __init__(self, config: SctpConfig, *, entropy: Entropy, tap: Tap | None = None) -> None:
        self.association = Association(config, entropy=entropy, tap=tap)
        self._config, self._tap = config, tap
        self._parity: int | None = None  # 0: even ids are ours (DTLS client), 1: odd
        self._started = self._established = self._over = False
        self._links: dict[int, _Link] = {}
        self._unnumbered: list[Channel] = []
        self._next_id: int | None = None
        self._retired: set[int] = set()  # ids that cannot be reset, hence not used again
        self.events: list[Event] = []
        self.dropped_messages = 0  # on unknown streams, of unknown PPIDs, malformed DCEP

    # -- commands --------------------------------------------------------------------------------

    def set_role(self, is_dtls_client: bool, *, now: Instant) -> None:
        """The DTLS role is known: even ids are ours as client, odd ones as server. Spec: RFC 8832 §6."""
        self._parity = 0 if is_dtls_client else 1
        waiting, self._unnumbered = self._unnumbered, []
        for channel in waiting:
            try:
                self._number(channel, now)
            except OperationError as error:
                self._die(channel, str(error))

    def set_remote_max_message_size(self, size: int) -> None:
        """The peer's ``a=max-message-size``, **bytes**; 0 is no limit."""
        self.association.set_remote_max_message_size(size)

    def set_ports(self, local_port: int, remote_port: int) -> None:
        """The SCTP ports that were signalled; see `Association.set_ports`."""
        self.association.set_ports(local_port, remote_port)

    def expect_round_trip(self, rtt: float) -> None:
        """ICE measured `rtt` seconds on the path: the first timeouts follow it. Spec: RFC 9260 §6.3.1."""
        self.association.congestion.expect(rtt)

    def start(self, *, after_peer: bool = False, now: Instant) -> None:
        """DTLS is up: send INIT (see `Association.start`). OPENs of channels that have ids ride with the COOKIE ECHO."""
        self._started = True
        for link in list(self._links.values()):
            self._send_open(link, now)
        self.association.start(after_peer=after_peer, now=now)
        self._pump(now)

    def open(
        self,
        label: str,
        protocol: str = "",
        *,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_lifetime_ms: int | None = None,
        negotiated: bool = False,
        id: int | None = None,
        priority: int = 256,
        now: Instant,
    ) -> Channel:
        """Create a channel; allowed before the role is known and before the association is up.

        Args:
            max_lifetime_ms: **milliseconds** after which a message is not sent (again).
            negotiated: both sides call this with the same `id`; nothing is sent.
            id: only with `negotiated`; otherwise ignored, as W3C demands.

        Raises:
            ChannelParameterError: what W3C calls TypeError: texts beyond 65535 bytes, both limits at once, …
            OperationError: the id is in use, or none is left.
            InvalidStateError: after the end.

        Spec: W3C webrtc §6.1 (createDataChannel).
        """
        if self._over:
            raise InvalidStateError("the association is over")
        if len(label.encode()) > MAX_TEXT or len(protocol.encode()) > MAX_TEXT:
            raise ChannelParameterError(f"label and protocol may have {MAX_TEXT} bytes of UTF-8 each")
        if max_retransmits is not None and max_lifetime_ms is not None:
            raise ChannelParameterError("max_retransmits and max_lifetime_ms exclude each other")
        for name, value in (("max_retransmits", max_retransmits), ("max_lifetime_ms", max_lifetime_ms)):
            if value is not None and not 0 <= value <= MAX_UINT16:
                raise ChannelParameterError(f"{name} is {value}, expected 0 to {MAX_UINT16}")
        if negotiated and (id is None or not 0 <= id <= MAX_ID):
            raise ChannelParameterError(f"a negotiated channel needs an id from 0 to {MAX_ID}, got {id}")
        channel = Channel(
            label=label,
            protocol=protocol,
            ordered=ordered,
            max_retransmits=max_retransmits,
            max_lifetime_ms=max_lifetime_ms,
            negotiated=negotiated,
            id=id if negotiated else None,
            priority=priority,
        )
        if negotiated:
            assert id is not None
            if id in self._links or (self._established and id >= self._stream_count):
                raise OperationError(f"stream {id} is in use or out of range")
            self._enter(channel, confirmed=True, now=now)
        elif self._parity is None:
            self._unnumbered.append(channel)
        else:
            self._number(channel, now)
        self._pump(now)
        return channel

    def send(self, channel: Channel | int, data: str | bytes, *, now: Instant) -> None:
        """Queue a message on an open channel, given as object or id.

        Raises:
            InvalidStateError: the channel is not open.
            MessageTooLargeError: beyond the peer's maximum (W3C: TypeError).
            OperationError: the send buffer is full.

        Spec: W3C webrtc §6.2 (send), RFC 8831 §6.6.
        """
        link = self._link(channel)
        if link is None or link.channel.state is not _OPEN:
            raise InvalidStateError("the channel is not open")
        channel = link.channel
        if isinstance(data, str):
            payload, ppid = data.encode(), _STRING
        else:
            payload, ppid = bytes(data), _BINARY
        if not payload:
            ppid = Ppid.STRING_EMPTY if ppid == _STRING else Ppid.BINARY_EMPTY
        assert channel.id is not None
        lifetime = channel.max_lifetime_ms
        self.association.send(
            channel.id,
            ppid,
            payload or b"\0",  # RFC 8831 §6.6: an empty message is one zero byte with a PPID of its own
            unordered=not channel.ordered and link.confirmed,
            max_retransmits=channel.max_retransmits,
            lifetime=None if lifetime is None else lifetime / 1000,
            now=now,
        )
        channel.messages_sent += 1
        channel.bytes_sent += len(payload)
        if self._tap is not None:
            self._tap.packet("datachannel", Direction.OUT, payload, now=now)
        if self.association.events:
            self._pump(now)

    def close_channel(self, channel: Channel | int, *, now: Instant) -> None:
        """Close after what is queued has been sent. No effect on a channel that is closing or closed.

        Spec: RFC 8831 §6.7, W3C webrtc §6.2 (close).
        """
        if isinstance(channel, Channel) and channel in self._unnumbered:
            self._unnumbered.remove(channel)
            return self._die(channel, None)
        link = self._link(channel)
        if link is None or link.channel.state in (ChannelState.CLOSING, ChannelState.CLOSED):
            return None
        if not self._established and not link.open_sent and link.channel.id is not None:
            del self._links[link.channel.id]  # nobody ever heard of it
            return self._die(link.channel, None)
        self._close_link(link, None, now)
        self._pump(now)
        return None

    def buffered_amount(self, channel: Channel | int) -> int:
        """Unsent bytes. Spec: W3C webrtc §6.2 (bufferedAmount)."""
        number = channel if isinstance(channel, int) else channel.id
        if number is None or not self.association.total_buffered:
            return 0
        return self.association.buffered_amount(number)

    def set_buffered_amount_low_threshold(self, channel: Channel | int, amount: int) -> None:
        """**Bytes** at or under which `BufferedAmountLow` is told."""
        link = self._link(channel)
        target = link.channel if link is not None else channel
        if isinstance(target, Channel):
            target.buffered_amount_low_threshold = amount
            if target.id is not None and target.state is ChannelState.OPEN:
                self.association.set_buffered_amount_low_threshold(target.id, amount)

    @property
    def channels(self) -> list[Channel]:
        """All channels that are not closed."""
        return self._unnumbered + [link.channel for link in self._links.values()]

    @property
    def max_channels(self) -> int | None:
        """How many channels fit, once the peer's stream counts are known (W3C webrtc §6.1.1, maxChannels)."""
        return self._stream_count if self._established else None

    def path_changed(self, *, now: Instant) -> None:
        """See `Association.path_changed`."""
        self.association.path_changed(now=now)
        self._pump(now)

    # -- the machine -------------------------------------------------------------------------------

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one packet."""
        self.association.receive(packet, now=now)
        if self.association.events:
            self._pump(now)

    def receive_batch(self, packets: Sequence[bytes], *, now: Instant) -> None:
        """Take packets that arrived together (see `Association.receive_batch`)."""
        self.association.receive_batch(packets, now=now)
        if self.association.events:
            self._pump(now)

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""
        self.association.handle_timeout(now=now)
        self._pump(now)

    def next_timeout(self) -> Instant | None:
        """The next deadline."""
        return self.association.next_timeout()

    def take_packets(self) -> list[bytes]:
        """Packets to send, in order."""
        return self.association.take_packets()

    def take_events(self) -> list[Event]:
        """What happened, in order."""
        events, self.events = self.events, []
        return events

    def close(self, *, now: Instant) -> None:
        """Abort the association; every channel is closed, without events of their own (W3C webrtc §4.4.2, close)."""
        self.association.close(now=now)
        self.association.take_events()
        for channel in self.channels:
            channel.move(ChannelInput.END)
        self._links.clear()
        self._unnumbered.clear()
        self._over = True

    # -- ids ---------------------------------------------------------------------------------------

    @property
    def _stream_count(self) -> int:
        return min(self.association.outbound_streams, self.association.inbound_streams)

    def _link(self, channel: Channel | int) -> _Link | None:
        if isinstance(channel, int):
            return self._links.get(channel)
        number = channel.id
        link = None if number is None else self._links.get(number)
        return link if link is None or link.channel is channel else None

    def _number(self, channel: Channel, now: Instant) -> None:
        """Give a channel the next free id of our parity. Raises OperationError. Spec: RFC 8832 §6."""
        assert self._parity is not None
        limit = min(self._stream_count, MAX_ID + 1)
        first = self._parity if self._next_id is None else self._next_id
        for number in chain(range(first, limit, 2), range(self._parity, min(first, limit), 2)):
            if number not in self._links and number not in self._retired:
                channel.id, self._next_id = number, number + 2
                return self._enter(channel, confirmed=False, now=now)
        raise OperationError("no stream is left for another channel")

    def _enter(self, channel: Channel, *, confirmed: bool, now: Instant) -> None:
        """The channel has its id: tell the peer, or be open."""
        assert channel.id is not None
        link = self._links[channel.id] = _Link(channel, confirmed=confirmed)
        self.association.set_priority(channel.id, channel.priority)
        if self._started:
            self._send_open(link, now)
        if self._established:
            self._opened(link)

    def _send_open(self, link: _Link, now: Instant) -> None:
        """DATA_CHANNEL_OPEN: ordered and reliable, whatever the channel is. Spec: RFC 8832 §6."""
        channel = link.channel
        if link.open_sent or channel.id is None:
            return
        link.open_sent = True
        parameters = ChannelParameters(
            label=channel.label,
            protocol=channel.protocol,
            ordered=channel.ordered,
            max_retransmits=channel.max_retransmits,
            max_lifetime_ms=channel.max_lifetime_ms,
            priority=channel.priority,
        )
        self.association.send(channel.id, Ppid.DCEP, write_open(parameters), now=now)

    def _opened(self, link: _Link) -> None:
        if link.channel.state is ChannelState.CONNECTING:
            link.channel.move(ChannelInput.OPENED)
            self._watch(link.channel)
            self.events.append(ChannelOpened(link.channel))

    def _watch(self, channel: Channel) -> None:
        """From now on tell when unsent bytes fall to the threshold; OPEN and ACK are no bytes of the application."""
        assert channel.id is not None
        self.association.set_buffered_amount_low_threshold(channel.id, channel.buffered_amount_low_threshold)

    # -- closing -----------------------------------------------------------------------------------

    def _close_link(self, link: _Link, error: str | None, now: Instant) -> None:
        """Reset our stream; the channel is closed when the peer's is reset as well. Spec: RFC 8831 §6.7."""
        channel = link.channel
        assert channel.id is not None
        link.error = link.error or error
        channel.move(ChannelInput.CLOSE)
        if self.association.can_reset_streams:
            self.association.reset_streams([channel.id], now=now)
        else:
            self._retired.add(channel.id)
            self._finish(link)

    def _finish(self, link: _Link, by: ChannelInput = ChannelInput.END) -> None:
        assert link.channel.id is not None
        del self._links[link.channel.id]
        self._die(link.channel, link.error, by)

    def _die(self, channel: Channel, error: str | None, by: ChannelInput = ChannelInput.END) -> None:
        channel.move(by)
        self.events.append(ChannelClosed(channel, error))

    def _end(self, error: str | None) -> None:
        """Everything is over: no goodbye can be sent."""
        channels = self.channels
        self._links.clear()
        self._unnumbered.clear()
        for channel in channels:
            self._die(channel, error)

    # -- what the association tells ------------------------------------------------------------------

    def _pump(self, now: Instant) -> None:
        """Work off the association's events, until there are none."""
        association = self.association
        while association.events:
            for event in association.take_events():
                if type(event) is StreamMessage:  # the lane
                    self._on_message(event, now)
                else:
                    self._on_event(event, now)

    def _on_event(self, event: Event, now: Instant) -> None:
        match event:
            case BufferLow(stream_id=stream_id):
                link = self._links.get(stream_id)
                if link is not None and link.channel.state is ChannelState.OPEN:
                    self.events.append(BufferedAmountLow(link.channel))
            case StreamsReset(stream_ids=ids, incoming=True):
                self._on_incoming_reset(ids, now)
            case StreamsReset(stream_ids=ids):
                for number in ids:
                    link = self._links.get(number)
                    if link is not None and link.channel.state is ChannelState.CLOSING:
                        link.local_reset = True
                        if link.remote_reset:
                            self._finish(link, ChannelInput.RESET)
            case StreamMessageTooLarge(stream_id=number, size=size):
                self._ignore(b"", "message longer than a=max-message-size (RFC 8841 §6)", now)
                link = self._links.get(number)
                if link is not None and link.channel.state is ChannelState.OPEN:
                    reason = (
                        f"message of {size} bytes, {self._config.max_message_size} allowed (RFC 8841 §6.1)"
                    )
                    self._close_link(link, reason, now)
            case Established():
                self.events.append(event)
                self._on_established(now)
            case Restarted():
                self._end("the peer restarted the association")
                self._retired.clear()
                self.events.append(event)
            case Aborted(reason=reason):
                self._over = True
                self._end(reason)
                self.events.append(event)
            case ShutDown():
                self._over = True
                self._end(None)
                self.events.append(event)

    def _on_established(self, now: Instant) -> None:
        """Channels open; those whose ids do not fit the peer's stream counts fail. Spec: W3C webrtc §6.1.1.2."""
        self._started = self._established = True
        for number, link in list(self._links.items()):
            if number >= self._stream_count:
                link.error = f"stream {number}, but the association has {self._stream_count}"
                self._finish(link)
            elif link.channel.state is ChannelState.CONNECTING:
                self._send_open(link, now)
                self._opened(link)

    def _on_incoming_reset(self, ids: list[int], now: Instant) -> None:
        """The peer closes channels. Spec: RFC 8831 §6.7."""
        for number in ids:
            link = self._links.get(number)
            if link is None:
                continue
            link.remote_reset = True
            if link.channel.state in (ChannelState.OPEN, ChannelState.CONNECTING):
                self.events.append(ChannelClosing(link.channel))
                self._close_link(link, None, now)
            elif link.local_reset:
                self._finish(link, ChannelInput.RESET)

    # -- messages ----------------------------------------------------------------------------------

    def _on_message(self, message: StreamMessage, now: Instant) -> None:
        """One message from the peer. Spec: RFC 8831 §6.6, RFC 8832 §6."""
        ppid = message.ppid
        link = self._links.get(message.stream_id)
        if ppid == _DCEP:
            return self._on_dcep(message.stream_id, link, message.data, now)
        if link is None or link.channel.state is not _OPEN:
            # Deviation: RFC 8832 §6 wants the stream reset. A negotiated channel may exist at the peer before it does here.
            return self._ignore(
                message.data, "message on a stream without an open channel (RFC 8832 §6)", now
            )
        link.confirmed = True
        data = message.data
        if link.partial or ppid in _PARTIAL:
            whole = self._join_partial(link, ppid, data, now)
            if whole is None:
                return None
            data = whole
        content: str | bytes
        if ppid == _BINARY:
            content = data
        elif ppid == _STRING:
            content = data.decode("utf-8", "replace")
        elif ppid == Ppid.STRING_EMPTY:
            content, data = "", b""
        elif ppid == Ppid.BINARY_EMPTY:
            content = data = b""
        else:
            return self._ignore(data, "message of an unknown payload protocol (RFC 8831 §8)", now)
        channel = link.channel
        channel.messages_received += 1
        channel.bytes_received += len(data)
        if self._tap is not None:
            self._tap.packet("datachannel", Direction.IN, data, now=now)
        self.events.append(ChannelMessage(channel, content))
        return None

    def _join_partial(self, link: _Link, ppid: int, data: bytes, now: Instant) -> bytes | None:
        """Messages cut by the application in the old way: parts under 52 or 54, the last under 53 or 51.

        Spec: RFC 8831 §6.6 (deprecated, to be understood).
        """
        if len(link.partial) + len(data) > self._config.max_message_size:
            link.partial = b""
            self._ignore(data, "message longer than a=max-message-size (RFC 8841 §6)", now)
            return None
        data, link.partial = link.partial + data, b""
        if ppid in _PARTIAL:
            link.partial = data
            return None
        return data

    def _on_dcep(self, number: int, link: _Link | None, data: bytes, now: Instant) -> None:
        """OPEN or ACK. What is wrong with it costs the channel, never the association. Spec: RFC 8832 §5, §6."""
        if data == AckMessage().serialize():
            if link is not None:
                link.confirmed = True
            else:
                self._ignore(data, "DATA_CHANNEL_ACK without a channel (RFC 8832 §5.2)", now)
            return None
        if data[:1] != bytes([MessageType.OPEN]):
            return self._ignore(data, "neither DATA_CHANNEL_OPEN nor DATA_CHANNEL_ACK (RFC 8832 §8.2.1)", now)
        try:
            parameters = read_open(data)
        except SctpDecodeError as error:
            return self._refuse(number, data, f"malformed DATA_CHANNEL_OPEN ({error.rfc})", now)
        if link is not None:
            if link.channel.state is not ChannelState.CLOSING:
                self._ignore(data, "OPEN on a stream with a channel (RFC 8832 §6)", now)
                self._close_link(
                    link, "the peer opened another channel on the same stream (RFC 8832 §6)", now
                )
            return None
        if self._parity is not None and number % 2 == self._parity:
            return self._refuse(number, data, "OPEN on a stream that is ours to give (RFC 8832 §6)", now)
        if number >= min(self._stream_count, MAX_ID + 1):
            return self._refuse(number, data, "OPEN on a stream that does not exist (RFC 8832 §6)", now)
        channel = Channel(
            label=parameters.label,
            protocol=parameters.protocol,
            ordered=parameters.ordered,
            max_retransmits=parameters.max_retransmits,
            max_lifetime_ms=parameters.max_lifetime_ms,
            id=number,
            priority=parameters.priority,
            state=ChannelState.OPEN,
        )
        self._links[number] = _Link(channel, confirmed=True)
        self.association.set_priority(number, channel.priority)
        if self.association.state is State.ESTABLISHED:
            self.association.send(number, Ppid.DCEP, AckMessage().serialize(), now=now)
        self._watch(channel)
        self.events.append(ChannelAnnounced(channel))
        return None

    def _ignore(self, data: bytes, reason: str, now: Instant) -> None:
        """Count a message that goes no further, and tell why."""
        self.dropped_messages += 1
        if self._tap is not None:
            self._tap.drop("datachannel", data, reason, now=now)

    def _refuse(self, number: int, data: bytes, reason: str, now: Instant) -> None:
        """Reset the stream of an OPEN that cannot be accepted; no ACK. Spec: RFC 8832 §6."""
        self._ignore(data, reason, now)
        if self.association.can_reset_streams and number < self.association.outbound_streams:
            self.association.reset_streams([number], now=now)

"""One SCTP association over DTLS: the Machine of this layer.

Owns the state, both sides' tags and parameters, the timers, and the parts that own the rest: `SendQueue` and
`Outbound` (what we send), `Inbound` (what we get), `Congestion`, `PathMtu`, `StreamResets`. This file takes packets
apart, hands each chunk to its owner, and puts packets together; the set-up's formats are in `handshake`, the table
of states in `states`.

Reading order: the commands, `receive` (the lane), `_flush` (what leaves), the set-up, the rest chunk by chunk, timers.

Specs: RFC 9260 §5 (set-up), §6 (data), §8 (faults, verification tags), §9 (termination); RFC 3758; RFC 6525; RFC 8261;
RFC 9653.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from struct import Struct

from rtcpy.core.env import Entropy, random_integer
from rtcpy.core.errors import CryptoError, InvalidStateError, OperationError, ProtocolError, RtcRangeError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.serial import add32
from rtcpy.core.tap import Direction, Tap
from rtcpy.core.timers import TimerTable
from rtcpy.sctp.chunks import (
    CHUNK_HEADER,
    DATA_HEADER,
    FLAG_IMMEDIATE,
    SACK_HEADER,
    AbortChunk,
    ChunkType,
    CookieAckChunk,
    CookieEchoChunk,
    ErrorChunk,
    ForwardTsnChunk,
    HeartbeatAckChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    PadChunk,
    ReconfigChunk,
    ShutdownAckChunk,
    ShutdownChunk,
    ShutdownCompleteChunk,
    read_sack_lists,
    write_data,
)
from rtcpy.sctp.config import SctpConfig
from rtcpy.sctp.congestion import Congestion
from rtcpy.sctp.errors import MessageTooLargeError, SctpDecodeError
from rtcpy.sctp.events import Aborted, Established, Restarted, ShutDown, StreamsReset
from rtcpy.sctp.figures import Figures
from rtcpy.sctp.handshake import (
    Cookie,
    CookieJar,
    Side,
    make_init,
    make_init_ack,
    make_side,
    read_greeting,
)
from rtcpy.sctp.inbound import M32, Arrival, Inbound
from rtcpy.sctp.outbound import DATA_OVERHEAD, Outbound
from rtcpy.sctp.packet import (
    COMMON_HEADER_SIZE,
    PacketWriter,
    chunk_bytes,
    packet_checksum,
)
from rtcpy.sctp.parameters import (
    CauseCode,
    ErrorCause,
    HeartbeatInfo,
    OutgoingResetRequest,
    Parameter,
    ParameterType,
    ReconfigResponse,
    ResetResult,
)
from rtcpy.sctp.pmtud import PathMtu
from rtcpy.sctp.sendqueue import Message, SendQueue
from rtcpy.sctp.states import MAY_SEND_DATA, TAKES_DATA, TAKES_SACK, TRANSITIONS, Input, State
from rtcpy.sctp.streams import StreamResets

__all__ = ["Association", "State"]

SACK_EVERY = 2  # packets, RFC 9260 §6.2
HOLD_BACK_MIN = 0.02  # s that our INIT waits for the COOKIE ECHO of a peer whose INIT came first
TAIL_PROBE_MIN = 0.01  # s, RFC 8985 §7.2 leaves it open; below, timers fire late anyway
PEER_SACK_DELAY = 0.2  # s that a peer may wait before it acknowledges a lone packet, RFC 9260 §6.2
MAX_REASON = 256  # bytes of text in an ABORT
MAX_CONTROL = 64  # control chunks that may wait for a packet; more are answers to a flood
SHUTDOWN_GUARD_RTOS = 5  # T5-shutdown-guard in RTO.Max, RFC 9260 §9.2

# Chunks whose packets have verification tag rules of their own (RFC 9260 §8.5.1).
_SPECIAL = frozenset(
    int(kind)
    for kind in {
        ChunkType.INIT,
        ChunkType.INIT_ACK,
        ChunkType.COOKIE_ECHO,
        ChunkType.ABORT,
        ChunkType.SHUTDOWN_ACK,
        ChunkType.SHUTDOWN_COMPLETE,
    }
)
PLAIN_INIT_AFTER = 2  # unanswered INITs, before one without the parameters that not every stack skips
_HEARTBEAT = Struct("!IdII")  # nonce, time sent, packet size probed (0: no probe), reserved
_PORTS = Struct("!HH")


def _malformed(error: SctpDecodeError) -> str:
    """Why a chunk is dropped, without the values that differ from packet to packet."""
    return f"malformed chunk ({error.rfc})"


_ZERO = b"\0\0\0\0"
_SACK_AND_DATA = Struct("!xxHIIIBBHIHHI")  # SACK up to its (absent) lists, header of a DATA chunk
_BEHIND_SACK = COMMON_HEADER_SIZE + 16  # bytes before a DATA chunk that follows a SACK without lists

DATA_AND_SACK = COMMON_HEADER_SIZE + 16 + 16  # bytes of a packet that are not user data
_SHUTTING_DOWN = (
    State.SHUTDOWN_PENDING,
    State.SHUTDOWN_RECEIVED,
    State.SHUTDOWN_SENT,
    State.SHUTDOWN_ACK_SENT,
)


class Timer(StrEnum):
    """Why the association wakes. RFC 9260 §16, RFC 6525 §5.1.1, RFC 8899 §5.1.1."""

    T1_INIT = "T1-init"
    T1_COOKIE = "T1-cookie"
    T2_SHUTDOWN = "T2-shutdown"
    T3_RTX = "T3-rtx"
    T5_SHUTDOWN_GUARD = "T5-shutdown-guard"
    TAIL_PROBE = "tail loss probe"
    SACK = "delayed SACK"
    HEARTBEAT = "HEARTBEAT"
    RECONFIG = "RE-CONFIG"
    PROBE = "path MTU probe"


# Members of an Enum cost more to look up than the tables that they are keys of: the lanes use these names.
_T3_RTX, _SACK, _TAIL_PROBE = Timer.T3_RTX, Timer.SACK, Timer.TAIL_PROBE
_ESTABLISHED, _IN_ORDER = State.ESTABLISHED, Arrival.IN_ORDER
_AWAITING_SHUTDOWN = (State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED)


class Association:
    """Machine[bytes, Event]: packets are SCTP packets, i.e. the plaintext of DTLS records (RFC 8261).

    It answers a peer's INIT from the beginning; `start` sends our own. `send` may be called at any time before the
    end. What arrives is told by `StreamMessage`.

    Args:
        config: see `SctpConfig`.
        entropy: for tags, first TSNs, the cookie key and nonces.
        tap: sees every packet, drop, state change and timer.
    """

    __slots__ = (
        "_asked",
        "_config",
        "_control",
        "_echoed",
        "_entropy",
        "_errors",
        "_forward_due",
        "_heartbeat_nonce",
        "_held_back",
        "_inbound",
        "_init_sent",
        "_jar",
        "_last_heard",
        "_last_word",
        "_local",
        "_may_flush",
        "_may_send_data",
        "_offered",
        "_outbound",
        "_over",
        "_plain_head",
        "_ports",
        "_progress_at",
        "_queue",
        "_remote",
        "_remote_max_message_size",
        "_renumber_due",
        "_resets",
        "_sack_count",
        "_sack_now",
        "_tail_probed",
        "_takes_data",
        "_takes_sack",
        "_tap",
        "_tie_tags",
        "_tries",
        "_writer",
        "congestion",
        "dropped",
        "events",
        "inbound_streams",
        "outbound_streams",
        "packets",
        "packets_received",
        "packets_sent",
        "path",
        "state",
        "timers",
    )

    def __init__(self, config: SctpConfig, *, entropy: Entropy, tap: Tap | None = None) -> None:
        if config.max_message_size < 1 or config.receive_window < 1500 or not 0 <= config.sack_delay <= 0.5:
            raise RtcRangeError(
                "max_message_size ≥ 1, receive_window ≥ 1500 and sack_delay ≤ 0.5 s are required"
            )
        self._config, self._entropy, self._tap = config, entropy, tap
        self._jar = CookieJar(entropy)
        self.state = State.CLOSED
        self._over = False  # the association has been; CLOSED is final now
        self._last_word = b""  # then the answer to a repeated SHUTDOWN ACK (RFC 9260 §8.4, item 5)
        self._may_send_data = self._takes_data = self._takes_sack = False  # by state, see `states`
        self._plain_head = b""  # what packets to us begin with if they have no checksum (RFC 9653)
        self._ports = _PORTS.pack(config.remote_port, config.local_port)
        self._local: Side | None = None
        self._remote: Side | None = None
        self._tie_tags = (0, 0)  # RFC 9260 §5.2.2
        self._echoed = b""  # our COOKIE ECHO, for repetition
        self._writer: PacketWriter | None = None
        self._queue = SendQueue()
        self.path = PathMtu(config)
        self.congestion = Congestion(config, self.path.size - COMMON_HEADER_SIZE - DATA_OVERHEAD)
        self._inbound: Inbound | None = None
        self._outbound: Outbound | None = None
        self._resets = StreamResets(0, 0)
        self.timers: TimerTable[Timer] = TimerTable()
        self.packets: list[bytes] = []  # what `take_packets` will give
        self.events: list[Event] = []  # what `take_events` will give
        self._control: list[bytes] = []  # chunks that wait for the next packet
        self._sack_count = 0  # packets with DATA since the last SACK
        self._sack_now = False
        self._may_flush = False  # something happened since the last flush that may let packets leave
        self._forward_due = False
        self._renumber_due = False  # a black hole swallowed chunks that are too large now
        self._asked: list[int] = []  # TSNs that the SACK asked for since then must report as duplicates
        self._tries = 0  # of the timer that runs in this phase
        self._progress_at: Instant = 0.0  # last DATA sent or acknowledged
        self._tail_probed = False  # since then
        self._errors = 0  # RFC 9260 §8.1: retransmissions without an answer
        self._last_heard: Instant = 0.0
        self._init_sent: Instant = 0.0
        self._offered: Side | None = None  # told in an INIT ACK: a COOKIE ECHO is to be expected
        self._held_back = False
        self._heartbeat_nonce = 0
        self._remote_max_message_size = config.remote_max_message_size
        self.dropped = 0  # packets and chunks refused
        self.packets_sent = 0
        self.packets_received = 0
        self.outbound_streams = config.outbound_streams
        self.inbound_streams = config.inbound_streams

    # -- commands --------------------------------------------------------------------------------

    def start(self, *, after_peer: bool = False, now: Instant) -> None:
        """Set the association up: send INIT. In WebRTC both sides do. Spec: RFC 9260 §5.1 (A), RFC 8841 §9.3.

        Deviation: RFC 8841 has both sides initiate; after the peer's INIT ours waits whether it is needed at all.

        Args:
            after_peer: the peer could start before us, so its INIT is probably here already: let what has arrived be
                read first. Two INITs that cross cost a second handshake, for nothing.
            now: instant of this call.

        Raises InvalidStateError if the association was started before or is over.
        """
        if self._over or self.state is not State.CLOSED:
            if self.state is State.CLOSED:
                raise InvalidStateError("the association is over (RFC 9260 §8.4)")
            return  # the peer's INIT came first
        self._last_heard = now
        if after_peer or self._offered is not None:
            self.timers.set(Timer.T1_INIT, now)
        else:
            self._associate(now)

    def _associate(self, now: Instant) -> None:
        # With the tag of an INIT ACK that we gave, its cookie stays good however late it comes (§5.2.1, §5.2.4 (B)).
        self._local = self._offered or make_side(self._config, self._entropy)
        self._move(Input.ASSOCIATE, now)
        self._tries = 0
        self._send_init(now)

    def send(
        self,
        stream_id: int,
        ppid: int,
        data: bytes,
        *,
        unordered: bool = False,
        max_retransmits: int | None = None,
        lifetime: float | None = None,
        now: Instant,
    ) -> None:
        """Queue one message; what the windows allow leaves at once.

        Args:
            data: 1 byte at least; SCTP has no empty messages (RFC 9260 §3.3.1).
            unordered: deliver without regard to other messages of the stream.
            max_retransmits: give up after so many retransmissions of a fragment; None never (RFC 3758 §4).
            lifetime: **seconds** after which it is not sent (again).

        Raises:
            InvalidStateError: the association is over or shutting down, or the stream is being reset.
            RtcRangeError: no such stream, or an empty message.
            MessageTooLargeError: beyond the peer's maximum.
            OperationError: the send buffer is full.
        """
        established = self.state is _ESTABLISHED
        if not established and (self._over or self.state in _SHUTTING_DOWN):
            raise InvalidStateError(f"the association is {self.state.value} (RFC 9260 §9.2)")
        if not 0 <= stream_id < self.outbound_streams:
            raise RtcRangeError(f"stream {stream_id}, but there are {self.outbound_streams}")
        size = len(data)
        limit = self._remote_max_message_size
        if size > limit and limit:
            raise MessageTooLargeError(f"message of {size} bytes, the peer takes {limit}")
        if not size:
            raise RtcRangeError("SCTP carries no empty messages (RFC 9260 §3.3.1)")
        queue = self._queue
        if queue.buffered and queue.buffered + size > self._config.send_buffer_limit:
            raise OperationError(f"{queue.buffered} bytes wait already, the buffer is full")
        stream = queue.streams.get(stream_id) or queue.stream(stream_id)
        if stream.resetting or stream_id in self._resets.waiting:
            raise InvalidStateError(f"stream {stream_id} is being reset (RFC 6525 §5.1.2)")
        expires = None if lifetime is None else now + lifetime
        message = Message(stream, ppid, bytes(data), unordered, max_retransmits, expires)
        if not established:
            queue.push(message)
        elif not self._send_at_once(message, now):
            queue.push(message)
            self._flush(now)

    def _send_at_once(self, message: Message, now: Instant) -> bool:
        """One message, one packet, no queue: what `_flush` would do where nothing else waits. Whether it did."""
        outbound, inbound, writer = self._outbound, self._inbound, self._writer
        if (
            self._queue.buffered
            or self._control
            or self._forward_due
            or outbound is None
            or inbound is None
            or writer is None
            or outbound.to_retransmit
            or len(message.data) + DATA_AND_SACK > self.path.size
        ):
            return False
        chunk = outbound.at_once(message, now)
        if chunk is None:
            return False
        deadlines = self.timers.deadlines
        if self._sack_count or self._sack_now:
            chunk = inbound.sack(16) + chunk
            self._sack_now, self._sack_count = False, 0
            deadlines.pop(_SACK, None)
        packet = writer.write(chunk)
        self.packets.append(packet)
        self.packets_sent += 1
        if self._tap is not None:
            self._tap.packet("sctp", Direction.OUT, packet, now=now)
        if _T3_RTX not in deadlines:
            deadlines[_T3_RTX] = now + self.congestion.rto
        self._progress_at = now
        if not self._tail_probed and _TAIL_PROBE not in deadlines:
            deadlines[_TAIL_PROBE] = now + self._tail_delay()
        return True

    def reset_streams(self, stream_ids: Sequence[int], *, now: Instant) -> None:
        """Reset outgoing streams once everything queued on them has arrived; answered by `StreamsReset`.

        Raises InvalidStateError if the peer has no RE-CONFIG. Spec: RFC 6525 §5.1.2.
        """
        if self._over:
            raise InvalidStateError("the association is over (RFC 9260 §8.4)")
        if self._remote is not None and not self._remote.reconfig:
            raise InvalidStateError("the peer cannot reset streams (RFC 6525)")
        self._resets.ask([i for i in stream_ids if 0 <= i < self.outbound_streams])
        self._pump_resets(now)
        self._flush(now)

    @property
    def can_reset_streams(self) -> bool:
        """Whether the peer understands RE-CONFIG; True as long as that is unknown."""
        return self._remote is None or self._remote.reconfig

    @property
    def figures(self) -> Figures:
        """Where both directions stand, for tools."""
        received = self._inbound.cumulative & M32 if self._inbound is not None else None
        out = self._outbound
        if out is None:
            return Figures(received=received)
        return Figures(
            out.next_tsn & M32,
            out.cumulative & M32,
            received,
            out.next_tsn - 1 - out.cumulative,
            out.flight,
            out.window,
            out.retransmissions,
        )

    @property
    def total_buffered(self) -> int:
        """Bytes queued on all streams that were not sent yet."""
        return self._queue.buffered

    def buffered_amount(self, stream_id: int) -> int:
        """Bytes queued on the stream that were not sent yet."""
        stream = self._queue.streams.get(stream_id)
        return 0 if stream is None else stream.buffered

    def set_buffered_amount_low_threshold(self, stream_id: int, amount: int) -> None:
        """When unsent bytes fall from above `amount` to it or below: event `BufferLow`."""
        self._queue.stream(stream_id).low_threshold = amount

    def set_priority(self, stream_id: int, priority: int) -> None:
        """Weight of the stream, 1…65535 (256 is normal). Spec: RFC 8831 §6.4."""
        self._queue.stream(stream_id).priority = min(max(priority, 1), 65535)

    def set_remote_max_message_size(self, size: int) -> None:
        """The peer's ``a=max-message-size``, **bytes**; 0 is no limit. Spec: RFC 8841 §6.1."""
        self._remote_max_message_size = size

    def set_ports(self, local_port: int, remote_port: int) -> None:
        """The SCTP ports that were signalled; to be told before `start`. Spec: RFC 8841 §5 (``a=sctp-port``)."""
        config = self._config
        if (local_port, remote_port) != (config.local_port, config.remote_port):
            self._config = replace(config, local_port=local_port, remote_port=remote_port)
        self._ports = _PORTS.pack(remote_port, local_port)

    @property
    def max_packet_size(self) -> int:
        """Bytes of the largest SCTP packet that is sent now."""
        return self.path.size

    def path_changed(self, *, now: Instant) -> None:
        """Packets take another way now (ICE switched or restarted): forget what was learnt of the old one.

        Whatever is unacknowledged is sent again at once instead of after a timer that backed off during an outage.
        Spec: RFC 9260 §7.2.5.2, RFC 8899 §4.3.
        """
        if self._over or self._outbound is None or self.state not in MAY_SEND_DATA:
            return
        self.congestion.restart()
        self._set_packet_size(self.path.base)
        self.path.restart(now)
        self._arm_probe()
        self._errors = 0
        if self._outbound.outstanding:
            self._outbound.requeue()
            self._forward_due = True
            self.timers.stop(Timer.T3_RTX)
            self._ask_for_sack()
        self._flush(now)

    def shutdown(self, *, now: Instant) -> None:
        """End in good order once everything sent has arrived. Spec: RFC 9260 §9.2."""
        if self.state is State.ESTABLISHED:
            self._move(Input.SHUTDOWN_COMMAND, now)
            self._check_shutdown(now)
            self._flush(now)
        elif self.state in (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED):
            self.abort(now=now)

    def abort(self, reason: str = "", *, now: Instant) -> None:
        """End at once: ABORT with cause User-Initiated Abort. Spec: RFC 9260 §9.1, §3.3.10.12."""
        if self._over:
            return
        text = reason.encode("utf-8", "replace")[:MAX_REASON]
        self._send_abort(CauseCode.USER_INITIATED_ABORT, text, now)
        self._end(Aborted(reason or "aborted by us", CauseCode.USER_INITIATED_ABORT), now)

    def close(self, *, now: Instant) -> None:
        """ABORT if something was up, and be silent for ever. Idempotent."""
        if not self._over:
            if self._writer is not None:
                self._send_abort(CauseCode.USER_INITIATED_ABORT, b"", now)
            self._end(None, now)
        self._last_word = b""

    # -- draining --------------------------------------------------------------------------------

    def take_packets(self) -> list[bytes]:
        """Packets to send, in order."""
        packets, self.packets = self.packets, []
        return packets

    def take_events(self) -> list[Event]:
        """What happened, in order."""
        events, self.events = self.events, []
        return events

    def next_timeout(self) -> Instant | None:
        """The next deadline."""
        deadlines = self.timers.deadlines
        return min(deadlines.values()) if deadlines else None

    # -- receiving: the lane -----------------------------------------------------------------------

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one packet."""
        self._accept(packet, now)
        self._settle(now)

    def receive_batch(self, packets: Sequence[bytes], *, now: Instant) -> None:
        """Take packets that arrived together: as one by one, but with at most one SACK, at the end.

        Deviation: RFC 9260 §6.2 asks for a SACK every second packet. SACKs that would leave in one burst say no more
        than the last of them.
        """
        for packet in packets:
            self._accept(packet, now)
        self._settle(now)

    def _drop(self, data: bytes, reason: str, now: Instant) -> None:
        self.dropped += 1
        if self._tap is not None:
            self._tap.drop("sctp", data, reason, now=now)

    def _accept(self, packet: bytes, now: Instant) -> None:
        """Check a packet and hand each chunk to its owner. Spec: RFC 9260 §6.8, §8.5, §3.2 (unknown chunks)."""
        if type(packet) is not bytes:
            packet = bytes(packet)  # law 8: what is kept are slices of it
        tap = self._tap
        if tap is not None:
            tap.packet("sctp", Direction.IN, packet, now=now)
        size = len(packet)
        if size < COMMON_HEADER_SIZE + 4:
            return self._drop(packet, "too short for a chunk (RFC 9260 §3)", now)
        kind = packet[COMMON_HEADER_SIZE]
        if packet[:12] != self._plain_head or kind in _SPECIAL:
            checksum = packet[8:12]
            if (checksum != _ZERO or not self._config.zero_checksum) and checksum != packet_checksum(packet):
                return self._drop(packet, "wrong checksum (RFC 9260 §6.8)", now)
            if packet[:4] != self._ports:
                return self._drop(packet, "wrong ports (RFC 9260 §8.4)", now)
            tag = int.from_bytes(packet[4:8], "big")
            if kind in _SPECIAL or self.state is State.CLOSED:
                if not self._accept_special(packet, tag, now):
                    return None
            if self._local is None or tag != self._local.tag:
                return self._drop(packet, "wrong verification tag (RFC 9260 §8.5)", now)
        self.packets_received += 1
        self._last_heard = now
        offset = COMMON_HEADER_SIZE
        if kind == 3 and size > DATA_AND_SACK and self._accept_sack_and_data(packet, size, now):
            return None
        data_seen = False
        while offset < size:
            if size - offset < 4:
                return self._drop(packet, "half a chunk header (RFC 9260 §3.2)", now)
            kind, _flags, length = CHUNK_HEADER.unpack_from(packet, offset)
            end = offset + length
            if length < 4 or end > size:
                return self._drop(packet, "chunk length (RFC 9260 §3.2)", now)
            if kind == 0:
                if length <= 16:
                    if length == 16:
                        cause = packet[offset + 4 : offset + 8]
                        return self._protocol_error(
                            CauseCode.NO_USER_DATA, cause, "DATA without user data", now
                        )
                    return self._drop(packet, "DATA too short (RFC 9260 §3.3.1)", now)
                if not self._on_data(packet, offset, end, now):
                    return None
                if not data_seen:
                    data_seen = True
                    self._sack_count += 1
            elif kind == 3:
                self._on_sack(packet, offset, length, now)
            else:
                handler = self._HANDLERS.get(kind)
                if handler is None:
                    if not self._on_unknown(packet, kind, offset, length, now):
                        return None
                else:
                    try:
                        handler(self, chunk_bytes(packet, offset, length), now)
                    except SctpDecodeError as error:
                        self._drop(packet, _malformed(error), now)
                    if self._over:
                        return None
            offset = end + (-length & 3)
        return None

    def _accept_sack_and_data(self, packet: bytes, size: int, now: Instant) -> bool:
        """The fast path beside the loop of `_accept`, for the packets of a conversation: a SACK that acknowledges all
        that was sent, then one DATA chunk, then nothing. Whether it was that; if not, nothing has changed.
        """
        sack_length, cumulative, window, lists, kind, flags, length, tsn, stream_id, stream_seq, ppid = (
            _SACK_AND_DATA.unpack_from(packet, COMMON_HEADER_SIZE)
        )
        end = _BEHIND_SACK + length
        inbound, outbound = self._inbound, self._outbound
        if (
            kind != 0
            or sack_length != 16
            or lists
            or length <= 16
            or not end <= size <= end + (-length & 3)
            or self.state is not _ESTABLISHED
            or self._renumber_due
            or inbound is None
            or outbound is None
            or not outbound.acknowledge_everything(cumulative, window, now)
        ):
            return False
        self.timers.deadlines.pop(_T3_RTX, None)  # from here to `arrival`: what `_acknowledged` does then
        if outbound.progress:
            self._progress_at = now
            self._tail_probed = False
        self._errors = 0
        self.path.progress()
        if self._resets.waiting:
            self._pump_resets(now)
        if self._queue.buffered:
            self._may_flush = True
        arrival = inbound.receive(flags, tsn, stream_id, stream_seq, ppid, packet[DATA_AND_SACK:end])
        if flags & FLAG_IMMEDIATE:
            self._sack_now = True
        if arrival is _IN_ORDER or self._on_irregular_data(arrival, packet, stream_id, now):
            self._sack_count += 1
        return True

    def _on_data(self, packet: bytes, offset: int, end: int, now: Instant) -> bool:
        """DATA. Returns whether the packet is read on. Spec: RFC 9260 §6.2, §6.5."""
        inbound = self._inbound
        if inbound is None or not self._takes_data:
            self._drop(packet, f"DATA in {self.state.value} (RFC 9260 §6)", now)
            return False
        _, flags, _, tsn, stream_id, stream_seq, ppid = DATA_HEADER.unpack_from(packet, offset)
        arrival = inbound.receive(flags, tsn, stream_id, stream_seq, ppid, packet[offset + 16 : end])
        if flags & FLAG_IMMEDIATE:
            self._sack_now = True
        return arrival is _IN_ORDER or self._on_irregular_data(arrival, packet, stream_id, now)

    def _on_irregular_data(self, arrival: Arrival, packet: bytes, stream_id: int, now: Instant) -> bool:
        """DATA that was not simply the next. Returns whether the packet is read on. Spec: RFC 9260 §6.2, §3.3.10.1."""
        self._sack_now = True
        match arrival:
            case Arrival.REFUSED:
                self._drop(packet, "DATA beyond the window (RFC 9260 §6.2)", now)
            case Arrival.BAD_STREAM:
                self._drop(packet, "invalid stream identifier (RFC 9260 §6.5)", now)
                self._send_error(CauseCode.INVALID_STREAM_IDENTIFIER, stream_id.to_bytes(2, "big") + b"\0\0")
            case Arrival.OVERFLOW:
                self._protocol_error(CauseCode.PROTOCOL_VIOLATION, b"window ignored", "window ignored", now)
                return False
        return True

    def _on_sack(self, packet: bytes, offset: int, length: int, now: Instant) -> None:
        """SACK. Spec: RFC 9260 §6.2.1."""
        outbound = self._outbound
        if outbound is None or not self._takes_sack:
            return self._drop(packet, f"SACK in {self.state.value} (RFC 9260 §6)", now)
        if length < 16:
            return self._drop(packet, "SACK too short (RFC 9260 §3.3.4)", now)
        _, _, _, cumulative, window, gap_count, duplicate_count = SACK_HEADER.unpack_from(packet, offset)
        if length != 16 + 4 * (gap_count + duplicate_count):
            return self._drop(packet, "SACK counts disagree with its length (RFC 9260 §3.3.4)", now)
        bounds = read_sack_lists(packet, offset, gap_count, 0)[0] if gap_count else ()
        ignored = outbound.ignored_sacks
        self._acknowledged(outbound.acknowledge(cumulative, window, bounds, now), now)
        self._may_flush = True
        if outbound.ignored_sacks != ignored:
            self._drop(packet, "SACK old, of TSNs never sent, or with bad gap blocks (RFC 9260 §6.2.1)", now)
        elif self._renumber_due and self._is_answer(packet, offset, gap_count, duplicate_count):
            self._renumber_due = False
            self._asked.clear()
            if outbound.has_oversize:
                outbound.renumber()
                self._forward_due = True
        return None

    def _is_answer(self, packet: bytes, offset: int, gap_count: int, duplicate_count: int) -> bool:
        """Whether a SACK was made after the last `_ask_for_sack` had arrived: an older one does not tell all.

        A peer that does not report duplicates (RFC 9260 §6.2 asks for it) is believed at the second asking.
        """
        duplicates = read_sack_lists(packet, offset, gap_count, duplicate_count)[1] if duplicate_count else ()
        return len(self._asked) > 1 or any(tsn in self._asked for tsn in duplicates)

    def _acknowledged(self, advanced: bool, now: Instant) -> None:
        """After a SACK or SHUTDOWN was worked off: T3-rtx and all that waits for progress."""
        outbound = self._outbound
        assert outbound is not None
        if outbound.advanced > outbound.cumulative:  # RFC 3758 §3.5 (C3)
            self._forward_due = True
        if outbound.next_tsn - 1 == outbound.cumulative:
            self.timers.deadlines.pop(_T3_RTX, None)  # R2
        elif advanced:
            self.timers.deadlines[_T3_RTX] = now + self.congestion.rto  # R3
        if outbound.progress:
            self._progress_at, self._tail_probed = now, False
        if advanced:
            self._errors = 0
            self.path.progress()
            if self._resets.waiting:
                self._pump_resets(now)
        if self.state in _AWAITING_SHUTDOWN:
            self._check_shutdown(now)

    def _on_unknown(self, packet: bytes, kind: int, offset: int, length: int, now: Instant) -> bool:
        """A chunk of unknown type: its two high bits say what to do. Returns whether the packet is read on.

        Spec: RFC 9260 §3.2 (table 2).
        """
        self._drop(packet, f"unknown chunk type {kind} (RFC 9260 §3.2)", now)
        if kind & 0x40:
            self._send_error(CauseCode.UNRECOGNIZED_CHUNK_TYPE, packet[offset : offset + min(length, 512)])
        return bool(kind & 0x80)

    def _settle(self, now: Instant) -> None:
        """After packets were taken: hand up messages, decide about the SACK, send what may go."""
        if self._over:
            return
        inbound = self._inbound
        if inbound is not None:
            messages = inbound.messages
            if messages:
                self.events += messages
                messages.clear()
            if self._resets.deferred is not None:
                self._try_deferred_reset(now)
            if self._sack_count:
                if self._sack_now or self._sack_count >= SACK_EVERY or inbound.wants_sack():
                    self._sack_now = True
                    if self.state is State.SHUTDOWN_SENT:
                        self._send_shutdown(now)
                elif _SACK not in self.timers.deadlines:
                    self.timers.deadlines[_SACK] = now + self._config.sack_delay
            elif self._sack_now and self.state is State.SHUTDOWN_SENT:
                self._send_shutdown(now)
        if self._sack_now or (self._may_flush and self._has_work()):
            self._flush(now)

    def _has_work(self) -> bool:
        """Whether `_flush` could find anything at all to send or to tell."""
        outbound = self._outbound
        if outbound is None:
            return False
        self._may_flush = bool(
            self._control
            or self._forward_due
            or self._queue.events
            or self._queue.buffered
            or outbound.to_retransmit
            or outbound.earliest_resent
        )
        return self._may_flush

    # -- sending -----------------------------------------------------------------------------------

    def _emit(self, packet: bytes, now: Instant) -> None:
        self.packets.append(packet)
        self.packets_sent += 1
        if self._tap is not None:
            self._tap.packet("sctp", Direction.OUT, packet, now=now)

    def _say(self, chunk: bytes) -> None:
        """Put a control chunk into the next packet."""
        self._may_flush = True
        if len(self._control) < MAX_CONTROL:
            self._control.append(chunk)

    def _flush(self, now: Instant) -> None:
        """Make packets of all that may leave: control chunks, SACK, DATA, in this order. Spec: RFC 9260 §6.1, §6.10."""
        self._may_flush = False
        writer, inbound, outbound = self._writer, self._inbound, self._outbound
        if writer is None or inbound is None or outbound is None:
            return
        queue = self._queue
        if queue.buffered > self.path.size and not self.path.wanted:
            self._want_larger_packets(now)
        space = self.path.size - COMMON_HEADER_SIZE
        sends = self._may_send_data
        if self._forward_due and sends:
            self._forward_due = outbound.abandoned = False
            if outbound.must_forward:
                self._say(outbound.forward_tsn(space))
                self._start_t3(now)
        flown = outbound.flight
        for _ in range(self._config.max_burst):
            head = b""
            if self._control:
                head = self._take_control(space)
            if self._sack_now and len(head) + 16 <= space:
                head += inbound.sack(space - len(head))
                self._sack_sent()
            data = b""
            if sends and not self._control and (queue.buffered or outbound.to_retransmit):
                room = space - len(head)
                if self._sack_count and room > 16 and not head:
                    # A delayed SACK rides along if there is DATA to ride on, and both fit.
                    data, _ = outbound.fill(room - 16, now)
                    if data:
                        head = inbound.sack(16)
                        self._sack_sent()
                if not data:
                    data, _ = outbound.fill(space - len(head), now, alone=not head and not self._renumber_due)
            if data:
                head = head + data if head else data
            elif not head:
                break
            packet = writer.write(head)
            self.packets.append(packet)
            self.packets_sent += 1
            if self._tap is not None:
                self._tap.packet("sctp", Direction.OUT, packet, now=now)
            if not (self._control or self._sack_now or queue.buffered or outbound.to_retransmit):
                break
        if outbound.earliest_resent:
            outbound.earliest_resent = False
            self.timers.set(_T3_RTX, now + self.congestion.rto)
        elif outbound.flight != flown or (queue.buffered and not outbound.outstanding and sends):
            self._start_t3(now)
        if outbound.flight != flown:
            self._progress_at = now
            if not self._tail_probed and _TAIL_PROBE not in self.timers.deadlines:
                self.timers.deadlines[_TAIL_PROBE] = now + self._tail_delay()
        if queue.events:
            self.events += queue.events
            queue.events.clear()
        if outbound.abandoned:  # while packets were filled
            outbound.abandoned = False
            self._forward_due = outbound.must_forward
            self._flush(now)

    def _take_control(self, space: int) -> bytes:
        """Control chunks for one packet, as many as fit."""
        head = self._control.pop(0)
        while self._control and len(head) + len(self._control[0]) <= space:
            head += self._control.pop(0)
        return head

    def _sack_sent(self) -> None:
        self._sack_now, self._sack_count = False, 0
        self.timers.deadlines.pop(_SACK, None)

    def _start_t3(self, now: Instant) -> None:
        """Start T3-rtx unless it runs. Spec: RFC 9260 §6.3.2 (R1)."""
        if _T3_RTX not in self.timers.deadlines:
            self.timers.deadlines[_T3_RTX] = now + self.congestion.rto

    def _send_alone(self, chunk: bytes, tag: int, now: Instant) -> None:
        """A packet outside the association's own stream of packets: always with a checksum."""
        writer = PacketWriter(self._config.local_port, self._config.remote_port, tag, zero_checksum=False)
        self._emit(writer.write_checked(chunk), now)

    def _send_error(self, cause: int, info: bytes) -> None:
        self._say(ErrorChunk(causes=[ErrorCause(code=cause, info=info)]).serialize())

    def _send_abort(self, cause: int, info: bytes, now: Instant) -> None:
        """ABORT to the peer if its tag is known, without DATA. Spec: RFC 9260 §9.1."""
        if self._remote is not None:
            chunk = AbortChunk(causes=[ErrorCause(code=cause, info=info)]).serialize()
            self._send_alone(chunk, self._remote.tag, now)

    def _protocol_error(self, cause: int, info: bytes, reason: str, now: Instant) -> None:
        """The peer broke a rule for which the answer is ABORT."""
        self._send_abort(cause, info, now)
        self._end(Aborted(reason, cause), now)

    # -- states --------------------------------------------------------------------------------------

    def _move(self, by: Input, now: Instant) -> None:
        """Change the state as the table says."""
        old, new = self.state, TRANSITIONS[self.state, by]
        self.state = new
        self._may_send_data = new in MAY_SEND_DATA
        self._takes_data = new in TAKES_DATA
        self._takes_sack = new in TAKES_SACK
        self._plain_head = b""
        if new is not State.CLOSED and self._local is not None and self._config.zero_checksum:
            self._plain_head = self._ports + self._local.tag.to_bytes(4, "big") + _ZERO
        if self._tap is not None and old is not new:
            self._tap.state("sctp", "association", old.value, new.value, now=now)

    def _end(self, event: Event | None, now: Instant, by: Input = Input.END) -> None:
        """The association is over; CLOSED from now on."""
        self._move(by, now)
        self._over = True
        if self._inbound is not None:
            self.events += self._inbound.messages
        self.timers.clear()
        self._control.clear()
        self._queue.clear()
        self._inbound = self._outbound = self._writer = None
        if event is not None:
            self.events.append(event)

    def _establish(self, now: Instant) -> None:
        """Enter ESTABLISHED (the state has been set): timers, path MTU search, what waited."""
        assert self._outbound is not None
        for timer in (Timer.T1_INIT, Timer.T1_COOKIE, Timer.T2_SHUTDOWN, Timer.T5_SHUTDOWN_GUARD):
            self.timers.stop(timer)
        self._tries = self._errors = 0
        self.events.append(Established(self.outbound_streams, self.inbound_streams))
        if self._config.heartbeat_interval:
            self.timers.set(Timer.HEARTBEAT, now + self._config.heartbeat_interval)
        self.path.restart(now)
        self._arm_probe()
        if self._outbound.outstanding:
            self._start_t3(now)
        self._pump_resets(now)

    def _adopt(self, remote: Side, now: Instant) -> None:
        """Build the association's parts for this peer: the TCB of the RFC. Spec: RFC 9260 §5.1.1, §14."""
        local = self._local
        assert local is not None
        config = self._config
        self._remote = remote
        self.outbound_streams = min(local.outbound_streams, remote.inbound_streams)
        self.inbound_streams = min(local.inbound_streams, remote.outbound_streams)
        self.path.limit_to(remote.largest_packet)
        self._writer = PacketWriter(
            config.local_port,
            config.remote_port,
            remote.tag,
            zero_checksum=config.zero_checksum and remote.zero_checksum,
        )
        self._inbound = Inbound(
            remote.initial_tsn,
            window=max(config.receive_window, 2 * config.max_message_size),
            max_message_size=config.max_message_size,
            stream_count=self.inbound_streams,
        )
        if self._outbound is None:
            self._outbound = Outbound(
                self._queue,
                self.congestion,
                local.initial_tsn,
                remote.window,
                partial_reliability=remote.forward_tsn,
            )
        else:
            self._outbound.adopt(remote.window, partial_reliability=remote.forward_tsn)
        self._resets.next_request = local.initial_tsn
        self._resets.expected_request = remote.initial_tsn
        self._tie_tags = (random_integer(self._entropy, 32) | 1, random_integer(self._entropy, 32) | 1)
        self._sack_count, self._sack_now = 0, False

    # -- set-up ----------------------------------------------------------------------------------------

    def _send_init(self, now: Instant) -> None:
        assert self._local is not None
        self._init_sent = now
        plain = self._tries >= PLAIN_INIT_AFTER
        self._send_alone(make_init(self._local, plain=plain).serialize(), 0, now)
        self.timers.set(Timer.T1_INIT, now + self.congestion.rto)

    def _accept_special(self, packet: bytes, tag: int, now: Instant) -> bool:
        """Packets with tag rules of their own, or without an association. Whether the rest is to be read as usual.

        Spec: RFC 9260 §8.4, §8.5.1.
        """
        kind, flags, length = CHUNK_HEADER.unpack_from(packet, COMMON_HEADER_SIZE)
        if length < 4 or COMMON_HEADER_SIZE + length > len(packet):
            self._drop(packet, "chunk length (RFC 9260 §3.2)", now)
            return False
        chunk = chunk_bytes(packet, COMMON_HEADER_SIZE, length)
        if self._over:
            if kind == ChunkType.SHUTDOWN_ACK and self._last_word:
                self._send_alone(ShutdownCompleteChunk(reflected=True).serialize(), tag, now)
            else:
                self._drop(packet, "the association is over (RFC 9260 §8.4)", now)
            return False
        try:
            match kind:
                case ChunkType.INIT:
                    if tag != 0 or len(chunk) + COMMON_HEADER_SIZE < len(packet):
                        self._drop(packet, "INIT with a tag, or not alone (RFC 9260 §8.5.1)", now)
                    else:
                        self._on_init(InitChunk.parse(chunk), now)
                    return False
                case ChunkType.COOKIE_ECHO:
                    return self._on_cookie_echo(packet, CookieEchoChunk.parse(chunk).cookie, tag, now)
                case ChunkType.ABORT:
                    if self._tag_or_reflected(tag, flags):
                        self._on_abort(AbortChunk.parse(chunk), now)
                    else:
                        self._drop(packet, "ABORT with a wrong tag (RFC 9260 §8.5.1)", now)
                    return False
                case ChunkType.SHUTDOWN_COMPLETE:
                    if self.state is State.SHUTDOWN_ACK_SENT and self._tag_or_reflected(tag, flags):
                        self._end(ShutDown(), now, Input.SHUTDOWN_COMPLETE)
                    else:
                        self._drop(packet, "SHUTDOWN COMPLETE out of place (RFC 9260 §8.5.1)", now)
                    return False
                case ChunkType.SHUTDOWN_ACK:
                    self._on_shutdown_ack(packet, tag, now)
                    return False
                case ChunkType.INIT_ACK:
                    if self.state is not State.COOKIE_WAIT or self._local is None or tag != self._local.tag:
                        self._drop(packet, "INIT ACK out of place (RFC 9260 §5.2.3)", now)  # §5.2.3
                    else:
                        self._on_init_ack(InitAckChunk.parse(chunk), now)
                    return False
        except SctpDecodeError as error:
            self._drop(packet, _malformed(error), now)
            return False
        return self._out_of_the_blue(packet, kind, tag, now)

    def _tag_or_reflected(self, tag: int, flags: int) -> bool:
        """The rule for ABORT and SHUTDOWN COMPLETE. Spec: RFC 9260 §8.5.1 (B, C)."""
        if flags & 1:
            return self._remote is not None and tag == self._remote.tag
        return self._local is not None and tag == self._local.tag

    def _out_of_the_blue(self, packet: bytes, kind: int, tag: int, now: Instant) -> bool:
        """A packet while there is no association. Spec: RFC 9260 §8.4 (7, 8)."""
        self._drop(packet, "out of the blue (RFC 9260 §8.4)", now)
        if kind not in (ChunkType.COOKIE_ACK, ChunkType.ERROR):
            self._send_alone(AbortChunk(reflected=True).serialize(), tag, now)
        return False

    def _on_init(self, init: InitChunk, now: Instant) -> None:
        """INIT: answer with a cookie, whatever the state, and change nothing. Spec: RFC 9260 §5.1 (B), §5.2.1, §5.2.2."""
        try:
            greeting = read_greeting(init)
        except ProtocolError as error:
            cause = ErrorCause(code=error.alert_or_cause or 0, info=b"")
            self._send_alone(AbortChunk(causes=[cause]).serialize(), init.initiate_tag, now)
            return self._drop(b"", f"INIT with values that are not allowed ({error.rfc})", now)
        if self.state is State.SHUTDOWN_ACK_SENT:
            return self._say(ShutdownAckChunk().serialize())  # §9.2
        local = self._local
        tie_tags = (0, 0)
        if self.state is State.CLOSED:
            local = self._offered = self._offered or make_side(self._config, self._entropy)
        elif local is None or self.state not in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
            local = make_side(self._config, self._entropy)
        if self.state not in (State.CLOSED, State.COOKIE_WAIT):
            tie_tags = self._tie_tags
        cookie = self._jar.seal(Cookie(now, local, greeting.side, *tie_tags))
        answer = make_init_ack(local, greeting.side, cookie, greeting.unrecognized).serialize()
        self._send_alone(answer, greeting.side.tag, now)
        return None

    def _on_init_ack(self, init_ack: InitAckChunk, now: Instant) -> None:
        """INIT ACK in COOKIE-WAIT: echo the cookie, with what DATA fits beside it. Spec: RFC 9260 §5.1 (C), §3.3.3."""
        try:
            greeting = read_greeting(init_ack)
        except ProtocolError as error:
            abort = AbortChunk(causes=[ErrorCause(code=error.alert_or_cause or 0, info=b"")])
            self._send_alone(abort.serialize(), init_ack.initiate_tag, now)
            return self._end(Aborted(str(error), error.alert_or_cause or 0), now)
        if greeting.cookie is None:
            missing = (1).to_bytes(4, "big") + ParameterType.STATE_COOKIE.to_bytes(2, "big")  # §3.3.10.2
            cause = ErrorCause(code=CauseCode.MISSING_MANDATORY_PARAMETER, info=missing)
            self._send_alone(AbortChunk(causes=[cause]).serialize(), greeting.side.tag, now)
            return self._end(Aborted("INIT ACK without a cookie", CauseCode.MISSING_MANDATORY_PARAMETER), now)
        self.timers.stop(Timer.T1_INIT)
        if self._tries:
            self.congestion.restart()  # the timer has backed off, but nothing was measured
        else:
            self.congestion.measured(now - self._init_sent)
        self._adopt(greeting.side, now)
        self._echoed = CookieEchoChunk(cookie=greeting.cookie).serialize()
        if greeting.unrecognized:  # reported behind the COOKIE ECHO (§3.2.2)
            info = b"".join(greeting.unrecognized)
            cause = ErrorCause(code=CauseCode.UNRECOGNIZED_PARAMETERS, info=info)
            self._echoed += ErrorChunk(causes=[cause]).serialize()
        self._move(Input.INIT_ACK, now)
        self._tries = 0
        self._send_cookie_echo(now)
        return None

    def _send_cookie_echo(self, now: Instant) -> None:
        """COOKIE ECHO, with a checksum in any case (RFC 9653 §5.2), and DATA behind it (RFC 9260 §5.1 C)."""
        assert self._writer is not None and self._outbound is not None
        room = self.path.size - COMMON_HEADER_SIZE - len(self._echoed)
        data = self._outbound.fill(room, now)[0] if room > DATA_OVERHEAD else b""
        self._outbound.earliest_resent = False
        self._emit(self._writer.write_checked(self._echoed + data), now)
        self.timers.set(Timer.T1_COOKIE, now + self.congestion.rto)

    def _on_cookie_echo(self, packet: bytes, raw: bytes, tag: int, now: Instant) -> bool:
        """COOKIE ECHO: whether the rest of its packet is to be read. Spec: RFC 9260 §5.1.5, §5.2.4 (table 12)."""
        try:
            cookie = self._jar.open(raw)
        except CryptoError:
            self._drop(packet, "a state cookie that is not ours (RFC 9260 §5.1.5)", now)
            return False
        if tag != cookie.local.tag:
            self._drop(packet, "COOKIE ECHO with a wrong tag (RFC 9260 §8.5.1)", now)
            return False
        local, remote = self._local, self._remote
        local_matches = local is not None and cookie.local.tag == local.tag
        remote_matches = remote is not None and cookie.remote.tag == remote.tag
        too_old = now > cookie.made + self._config.cookie_lifetime
        if too_old and not (local_matches and remote_matches):
            staleness = min(int((now - cookie.made - self._config.cookie_lifetime) * 1e6), 0xFFFFFFFF)
            cause = ErrorCause(code=CauseCode.STALE_COOKIE, info=staleness.to_bytes(4, "big"))
            self._send_alone(ErrorChunk(causes=[cause]).serialize(), cookie.remote.tag, now)
            self._drop(packet, "stale cookie (RFC 9260 §5.2.4)", now)
            return False
        tie_tags = (cookie.local_tie_tag, cookie.remote_tie_tag)
        if self.state is State.CLOSED:
            self._local = cookie.local
            self._local.zero_checksum = self._config.zero_checksum
            self._adopt(cookie.remote, now)
            self._move(Input.VALID_COOKIE, now)
            self._establish(now)
        elif local_matches and remote_matches:  # (D)
            if self.state is State.COOKIE_ECHOED:
                self._move(Input.VALID_COOKIE, now)
                self._establish(now)
        elif local_matches:  # (B)
            if self.state in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
                self._adopt(cookie.remote, now)
                self._move(Input.VALID_COOKIE, now)
                self._establish(now)
            else:
                self._remote = cookie.remote
                self._writer = PacketWriter(
                    self._config.local_port,
                    self._config.remote_port,
                    cookie.remote.tag,
                    zero_checksum=self._config.zero_checksum and cookie.remote.zero_checksum,
                )
        elif not remote_matches and remote is not None and tie_tags == self._tie_tags:  # (A)
            if self.state is State.SHUTDOWN_ACK_SENT:
                self._say(ShutdownAckChunk().serialize())
                self._send_error(CauseCode.COOKIE_RECEIVED_WHILE_SHUTTING_DOWN, b"")
                return False
            self._restart(cookie, now)
        else:  # (C) and all that the table does not show
            self._drop(packet, "cookie of another association (RFC 9260 §5.2.4)", now)
            return False
        self._may_flush = True
        self._control.insert(0, CookieAckChunk().serialize())  # first in its packet (§5.1.5, step 6)
        self._sack_now = self._inbound is not None and len(packet) > COMMON_HEADER_SIZE + len(raw) + 4 + 16
        return True

    def _restart(self, cookie: Cookie, now: Instant) -> None:
        """The peer lost its state and set up anew. Spec: RFC 9260 §5.2.4 (A)."""
        self.timers.clear()
        self._queue.clear()
        self._control.clear()
        self._outbound = None
        self._resets = StreamResets(0, 0)
        self.congestion.restart()
        self._set_packet_size(self.path.base)
        self._local = cookie.local
        self._adopt(cookie.remote, now)
        self._move(Input.VALID_COOKIE, now)
        self.events.append(Restarted())
        self._establish(now)

    def _on_cookie_echo_late(self, chunk: bytes, now: Instant) -> None:
        """COOKIE ECHO that is not the first chunk: it has been read, or it is out of place."""

    def _on_cookie_ack(self, chunk: bytes, now: Instant) -> None:
        """COOKIE ACK. Spec: RFC 9260 §5.1 (E), §5.2.5."""
        self._may_flush = True
        if self.state is State.COOKIE_ECHOED:
            self._move(Input.COOKIE_ACK, now)
            self._establish(now)

    # -- the other chunks --------------------------------------------------------------------------

    def _on_heartbeat(self, chunk: bytes, now: Instant) -> None:
        """HEARTBEAT: return its parameter as it is. Spec: RFC 9260 §8.3."""
        self._say(
            CHUNK_HEADER.pack(ChunkType.HEARTBEAT_ACK, 0, int.from_bytes(chunk[2:4], "big")) + chunk[4:]
        )

    def _on_heartbeat_ack(self, chunk: bytes, now: Instant) -> None:
        """HEARTBEAT ACK: the path lives, and a probe's size passes. Spec: RFC 9260 §8.3, RFC 8899 §6.2.1.2."""
        parameters = HeartbeatAckChunk.parse(chunk).parameters
        value = parameters[0].value if parameters else None
        if not isinstance(value, HeartbeatInfo) or len(value.info) != _HEARTBEAT.size:
            return self._drop(chunk, "HEARTBEAT ACK that we did not ask for (RFC 9260 §8.3)", now)
        nonce, sent, size, _ = _HEARTBEAT.unpack(value.info)
        if nonce != self._heartbeat_nonce or not sent <= now:
            return self._drop(chunk, "HEARTBEAT ACK with a nonce that is not ours (RFC 9260 §8.3)", now)
        self._errors = 0
        if size:
            if self.path.acknowledged(size, now):
                self._set_packet_size(size)
            self._arm_probe()
        else:
            self.congestion.measured(now - sent)
        return None

    def _on_abort(self, abort: AbortChunk, now: Instant) -> None:
        """ABORT: over, without an answer. Spec: RFC 9260 §9.1."""
        cause = abort.causes[0] if abort.causes else None
        reason = "aborted by the peer"
        if cause is not None and cause.code == CauseCode.USER_INITIATED_ABORT and cause.info:
            reason = cause.info.decode("utf-8", "replace")
        self._end(Aborted(reason, cause.code if cause else 0, by_peer=True), now)

    def _on_error(self, chunk: bytes, now: Instant) -> None:
        """ERROR: only a stale cookie changes anything. Spec: RFC 9260 §5.2.6, §3.3.10."""
        codes = [cause.code for cause in ErrorChunk.parse(chunk).causes]
        if CauseCode.STALE_COOKIE in codes and self.state is State.COOKIE_ECHOED:
            self.timers.stop(Timer.T1_COOKIE)
            if self._outbound is not None:
                self._outbound.requeue()
            self._move(Input.STALE_COOKIE, now)
            self._writer = None
            self._send_init(now)

    def _on_shutdown(self, chunk: bytes, now: Instant) -> None:
        """SHUTDOWN. Spec: RFC 9260 §9.2."""
        shutdown = ShutdownChunk.parse(chunk)
        if self.state in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
            return
        outbound = self._outbound
        self._may_flush = True
        if outbound is not None and self.state is not State.SHUTDOWN_ACK_SENT:
            self._acknowledged(outbound.acknowledge_cumulative(shutdown.cumulative_tsn, now), now)
        if self.state in (State.ESTABLISHED, State.SHUTDOWN_PENDING):
            self._move(Input.SHUTDOWN, now)
            self._check_shutdown(now)
        elif self.state is State.SHUTDOWN_SENT:
            self._move(Input.SHUTDOWN, now)
            self._send_shutdown_ack(now)
        return

    def _on_shutdown_ack(self, packet: bytes, tag: int, now: Instant) -> None:
        """SHUTDOWN ACK. Spec: RFC 9260 §8.4 (5), §8.5.1 (E), §9.2."""
        if self.state in (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED):
            self._send_alone(ShutdownCompleteChunk(reflected=True).serialize(), tag, now)
        elif self._local is None or tag != self._local.tag:
            self._drop(packet, "wrong verification tag (RFC 9260 §8.5)", now)
        elif self.state in (State.SHUTDOWN_SENT, State.SHUTDOWN_ACK_SENT):
            assert self._remote is not None
            self._send_alone(ShutdownCompleteChunk().serialize(), self._remote.tag, now)
            self._last_word = ShutdownCompleteChunk(reflected=True).serialize()
            self._end(ShutDown(), now, Input.SHUTDOWN_ACK)
        else:
            self._drop(packet, "SHUTDOWN ACK out of place (RFC 9260 §8.5.1)", now)

    def _check_shutdown(self, now: Instant) -> None:
        """Go on with the shutdown if nothing is left to be sent or acknowledged. Spec: RFC 9260 §9.2."""
        outbound = self._outbound
        if outbound is None or outbound.outstanding or self._queue.buffered:
            return
        if self.state is State.SHUTDOWN_PENDING:
            self._move(Input.ALL_ACKNOWLEDGED, now)
            self._tries = 0
            guard = SHUTDOWN_GUARD_RTOS * self._config.rto_max
            self.timers.set(Timer.T5_SHUTDOWN_GUARD, now + guard)
            self._send_shutdown(now)
        elif self.state is State.SHUTDOWN_RECEIVED:
            self._move(Input.ALL_ACKNOWLEDGED, now)
            self._send_shutdown_ack(now)

    def _send_shutdown(self, now: Instant) -> None:
        assert self._inbound is not None
        self._say(ShutdownChunk(cumulative_tsn=self._inbound.cumulative & 0xFFFFFFFF).serialize())
        self.timers.set(Timer.T2_SHUTDOWN, now + self.congestion.rto)

    def _send_shutdown_ack(self, now: Instant) -> None:
        self._say(ShutdownAckChunk().serialize())
        self.timers.set(Timer.T2_SHUTDOWN, now + self.congestion.rto)

    def _on_forward_tsn(self, chunk: bytes, now: Instant) -> None:
        """FORWARD TSN. Acknowledged like DATA. Spec: RFC 3758 §3.6."""
        forward = ForwardTsnChunk.parse(chunk)
        inbound = self._inbound
        if inbound is None or self.state not in TAKES_DATA:
            return self._drop(chunk, f"FORWARD TSN in {self.state.value} (RFC 3758 §3.6)", now)
        skipped = [(skip.stream_id, skip.stream_seq) for skip in forward.skipped]
        if not inbound.forward(forward.new_cumulative_tsn, skipped):
            self._sack_now = True
        self._sack_count += 1
        return None

    def _on_pad(self, chunk: bytes, now: Instant) -> None:
        """PAD: nothing. Spec: RFC 4820 §3."""

    # -- stream reset ------------------------------------------------------------------------------

    def _on_reconfig(self, chunk: bytes, now: Instant) -> None:
        """RE-CONFIG: requests and responses, at most two. Spec: RFC 6525 §5.2."""
        if self._inbound is None or self.state is not State.ESTABLISHED:
            return self._drop(chunk, f"RE-CONFIG in {self.state.value} (RFC 6525 §5.2)", now)
        for parameter in ReconfigChunk.parse(chunk).parameters[:2]:
            if isinstance(parameter.value, ReconfigResponse):
                self._on_reset_response(parameter.value, now)
                continue
            request, answer = self._resets.asked(parameter)
            if answer is not None:
                self._say(answer)
            if request is None:
                continue
            if request.reset_outgoing is not None:
                self._resets.ask(request.reset_outgoing or sorted(self._queue.streams))
                self._pump_resets(now)
            if isinstance(parameter.value, OutgoingResetRequest):
                self._resets.deferred = parameter.value
                if not self._try_deferred_reset(now):
                    self._say(self._resets.defer(parameter.value))
        return None

    def _try_deferred_reset(self, now: Instant) -> bool:
        """Carry out the peer's reset if everything sent before it is here. Spec: RFC 6525 §5.2.2 (E1 to E4)."""
        request, inbound = self._resets.deferred, self._inbound
        if request is None or inbound is None or not inbound.has_all(request.last_tsn):
            return False
        self.events += inbound.messages
        inbound.messages.clear()
        stream_ids = inbound.reset_streams(request.stream_ids)
        self.events.append(StreamsReset(stream_ids, incoming=True, result=ResetResult.PERFORMED))
        self._say(self._resets.answer(request.request_seq, ResetResult.PERFORMED))
        return True

    def _pump_resets(self, now: Instant) -> None:
        """Ask for the reset of streams on which everything has arrived. Spec: RFC 6525 §5.1.2."""
        resets, outbound = self._resets, self._outbound
        if resets.outstanding is not None or not resets.waiting or outbound is None:
            return
        if self.state is not State.ESTABLISHED:
            return
        streams = [self._queue.stream(stream_id) for stream_id in resets.waiting]
        ready = [s for s in streams if not s.buffered and s.last_tsn <= outbound.cumulative]
        if not ready:
            return
        self._say(resets.begin([s.stream_id for s in ready], add32(outbound.next_tsn, -1)))
        for stream_id in resets.outstanding_ids:
            self._queue.stream(stream_id).resetting = True
        self.timers.set(Timer.RECONFIG, now + self.congestion.rto)

    def _on_reset_response(self, response: ReconfigResponse, now: Instant) -> None:
        """The answer to our reset: the ids are free again. Spec: RFC 6525 §5.2.7."""
        done = self._resets.answered(response)
        if done is None:
            return
        self.timers.stop(Timer.RECONFIG)
        stream_ids, result = done
        for stream_id in stream_ids:
            stream = self._queue.stream(stream_id)
            if result in (ResetResult.PERFORMED, ResetResult.NOTHING_TO_DO):
                stream.next_seq = 0
            self._queue.resume(stream)
        if result == ResetResult.ALREADY_IN_PROGRESS:
            self._resets.ask(stream_ids)
        else:
            self.events.append(StreamsReset(stream_ids, incoming=False, result=result))
        self._pump_resets(now)

    # -- path MTU ----------------------------------------------------------------------------------

    def _set_packet_size(self, size: int) -> None:
        self.path.size = size
        self.congestion.pmdcs = size - COMMON_HEADER_SIZE - DATA_OVERHEAD

    def _want_larger_packets(self, now: Instant) -> None:
        """More than a packet holds is waiting: from now on it is worth knowing what the path carries.

        Spec: RFC 8899 §4.3 (probes may wait while no data asks for them).
        """
        self.path.wanted = True
        if self.state is State.ESTABLISHED:  # else `_establish` begins the search
            self.path.restart(now)
            self._arm_probe()

    def _arm_probe(self) -> None:
        if self.path.deadline is None:
            self.timers.stop(Timer.PROBE)
        else:
            self.timers.set(Timer.PROBE, self.path.deadline)

    def _heartbeat(self, size: int, now: Instant) -> None:
        """HEARTBEAT; a `size` other than 0 makes it a path MTU probe of that many bytes. Spec: RFC 8899 §6.2.1.2.

        The ballast is a PAD chunk (RFC 4820 §3) for our own kind only. Everybody must skip it (RFC 9260 §3.2), but
        werift 0.25 throws on chunks that it does not know, and its process ends. Others get a DATA chunk that they
        have already and throw away (§6.2). A large Heartbeat Info would do for the way there, but it has to come
        back, and libwebrtc answers no HEARTBEAT whose answer is larger than its own packets.
        """
        assert self._writer is not None and self._remote is not None
        if not self._heartbeat_nonce:
            self._heartbeat_nonce = random_integer(self._entropy, 32) | 1
        info = HeartbeatInfo(info=_HEARTBEAT.pack(self._heartbeat_nonce, now, size, 0))
        chunk = HeartbeatChunk(
            parameters=[Parameter(type=ParameterType.HEARTBEAT_INFO, value=info)]
        ).serialize()
        if not size:
            return self._say(chunk)
        room = size - COMMON_HEADER_SIZE - len(chunk)
        if self._remote.largest_packet:
            chunk += PadChunk(padding_data=bytes(room - CHUNK_HEADER.size)).serialize()
        else:
            chunk += self._duplicate(room - DATA_OVERHEAD)
        self._emit(self._writer.write(chunk), now)
        return None

    def _ask_for_sack(self) -> None:
        """Make the peer tell what it has: a DATA chunk that it has already is answered by a SACK at once (RFC 9260 §6.2)."""
        self._say(self._duplicate(1))

    def _duplicate(self, size: int) -> bytes:
        """A DATA chunk with `size` bytes of user data and a TSN that the peer has acknowledged, or began with."""
        assert self._outbound is not None
        tsn = self._outbound.cumulative & 0xFFFFFFFF
        return write_data(3 | FLAG_IMMEDIATE, tsn, 0, 0, 0, bytes(size))

    # -- timers ------------------------------------------------------------------------------------

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""
        due = self.timers.take_expired(now)
        if not due:
            return
        for timer in due:
            if self._over:
                return
            if self._tap is not None:
                self._tap.timer("sctp", timer.value, now=now)
            self._EXPIRED[timer](self, now)
        self._flush(now)

    def _give_up(self, tries: int | None, what: str, now: Instant) -> bool:
        """Count a repetition; whether that was one too many, and the association is over."""
        self._tries += 1
        if tries is None or self._tries <= tries:
            return False
        self._end(Aborted(f"no answer to {what}"), now)
        return True

    def _on_t1_init(self, now: Instant) -> None:
        """Spec: RFC 9260 §5.1.6 (last paragraphs). In CLOSED our INIT was held back in favour of the peer's."""
        if self.state is State.CLOSED:
            if self._offered is not None and not self._held_back:
                self._held_back = True  # the cookie has two round trips to come back
                wait = max(2 * self.congestion.expected_rtt, HOLD_BACK_MIN)
                self.timers.set(Timer.T1_INIT, now + wait)
            else:
                self._associate(now)
        elif not self._give_up(self._config.max_init_retransmits, "INIT", now):
            self.congestion.back_off()
            self._send_init(now)

    def _on_t1_cookie(self, now: Instant) -> None:
        if not self._give_up(self._config.max_init_retransmits, "COOKIE ECHO", now):
            self.congestion.back_off()
            if self._outbound is not None:
                self._outbound.requeue()
            self._send_cookie_echo(now)

    def _on_t2_shutdown(self, now: Instant) -> None:
        """Spec: RFC 9260 §9.2."""
        if self._give_up(self._config.max_association_retransmits, "SHUTDOWN", now):
            return
        self.congestion.back_off()
        if self.state is State.SHUTDOWN_SENT:
            self._send_shutdown(now)
        elif self.state is State.SHUTDOWN_ACK_SENT:
            self._send_shutdown_ack(now)

    def _on_t5_guard(self, now: Instant) -> None:
        self._protocol_error(CauseCode.USER_INITIATED_ABORT, b"", "shutdown took too long", now)

    def _on_t3_rtx(self, now: Instant) -> None:
        """Spec: RFC 9260 §6.3.3, §8.1; RFC 3758 §3.5 (A5); RFC 8899 §4.3."""
        outbound = self._outbound
        if outbound is None or self.state not in MAY_SEND_DATA:
            return None
        if outbound.outstanding and outbound.window > 0:
            self._errors += 1  # an unanswered probe of a closed window does not count (§6.1 A)
        limit = self._config.max_association_retransmits
        if limit is not None and self._errors > limit:
            return self._protocol_error(CauseCode.USER_INITIATED_ABORT, b"", "retransmissions exhausted", now)
        outbound.timed_out(now)
        if outbound.outstanding and self.path.timed_out(now):
            self._set_packet_size(self.path.base)
            self.congestion.timed_out()
            self._arm_probe()
        if outbound.partial_reliability and outbound.has_oversize:
            # The first expiry only stops oversize chunks from leaving (`_flush`); one may have left a moment ago. At
            # the next there has been none for a backed-off RTO, and the answer to a question now tells all.
            if self._renumber_due:
                self._ask_for_sack()
                self._asked = [*self._asked[-3:], outbound.cumulative & 0xFFFFFFFF]
            self._renumber_due = True
        else:
            self._renumber_due = False
            self._asked.clear()
        self._forward_due = True
        if outbound.outstanding:
            self.timers.set(Timer.T3_RTX, now + self.congestion.rto)
        return None

    def _tail_delay(self) -> float:
        """Seconds without news after which the tail counts as lost: two round trips, and the delay of a lone SACK.

        Spec: RFC 8985 §7.2.
        """
        congestion, outbound = self.congestion, self._outbound
        if congestion.srtt is None or outbound is None:
            return congestion.rto
        delay = max(2 * congestion.srtt, TAIL_PROBE_MIN)
        return delay if outbound.flight > congestion.pmdcs else delay + PEER_SACK_DELAY

    def _on_tail_probe(self, now: Instant) -> None:
        """The timer is lazy: it runs on while there is progress, and looks at the time only when it fires."""
        outbound = self._outbound
        if outbound is None or not outbound.flight or self._tail_probed or self.state not in MAY_SEND_DATA:
            return
        due = self._progress_at + self._tail_delay()
        if now < due:
            self.timers.set(Timer.TAIL_PROBE, due)
        else:
            self._tail_probed = outbound.probe_tail()

    def _on_sack_timer(self, now: Instant) -> None:
        """Spec: RFC 9260 §6.2: within 200 ms."""
        self._sack_now = self._sack_count > 0

    def _on_heartbeat_timer(self, now: Instant) -> None:
        """A path on which nothing was heard for the interval is asked. Spec: RFC 9260 §8.3."""
        interval = self._config.heartbeat_interval
        silent_since = self._last_heard + interval
        if now < silent_since:
            self.timers.set(Timer.HEARTBEAT, silent_since)
        else:
            self._heartbeat(0, now)
            self.timers.set(Timer.HEARTBEAT, now + interval + self.congestion.rto)

    def _on_reconfig_timer(self, now: Instant) -> None:
        """Spec: RFC 6525 §5.1.1: the request is repeated like DATA."""
        if self._resets.outstanding is not None:
            self._say(self._resets.repeat())
            self.timers.set(Timer.RECONFIG, now + 2 * self.congestion.rto)

    def _on_probe_timer(self, now: Instant) -> None:
        """Spec: RFC 8899 §5.2."""
        size = self.path.take_probe(now)
        if size is not None and self._writer is not None:
            self._heartbeat(size, now)
        self._arm_probe()

    _EXPIRED: dict[Timer, Callable[[Association, Instant], None]] = {
        Timer.T1_INIT: _on_t1_init,
        Timer.T1_COOKIE: _on_t1_cookie,
        Timer.T2_SHUTDOWN: _on_t2_shutdown,
        Timer.T3_RTX: _on_t3_rtx,
        Timer.T5_SHUTDOWN_GUARD: _on_t5_guard,
        Timer.TAIL_PROBE: _on_tail_probe,
        Timer.SACK: _on_sack_timer,
        Timer.HEARTBEAT: _on_heartbeat_timer,
        Timer.RECONFIG: _on_reconfig_timer,
        Timer.PROBE: _on_probe_timer,
    }

    _HANDLERS: dict[int, Callable[[Association, bytes, Instant], None]] = {
        ChunkType.HEARTBEAT: _on_heartbeat,
        ChunkType.HEARTBEAT_ACK: _on_heartbeat_ack,
        ChunkType.SHUTDOWN: _on_shutdown,
        ChunkType.ERROR: _on_error,
        ChunkType.COOKIE_ECHO: _on_cookie_echo_late,
        ChunkType.COOKIE_ACK: _on_cookie_ack,
        ChunkType.RE_CONFIG: _on_reconfig,
        ChunkType.PAD: _on_pad,
        ChunkType.FORWARD_TSN: _on_forward_tsn,
    }

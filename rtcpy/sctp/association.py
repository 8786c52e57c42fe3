"""One SCTP association over DTLS: the Machine of this layer, and its lane.

`Association` is the block of shared state (`tcb`) and moves data: it takes packets apart, hands each chunk to its owner,
and puts packets together. Owned here: when to acknowledge, what is lost when nothing is heard (T3-rtx, the tail probe), what
of it may leave. Not here: the set-up (`setup`), the end (`teardown`), HEARTBEATs and path MTU probes (`supervision`),
stream resets (`reconfig`), the table of states (`states`), the queue and the TSNs of either direction (`sendqueue`,
`outbound`, `inbound`).

Reading order: the commands, `receive` (the lane), `_flush` (what leaves), packets with tag rules of their own, timers.
The two tables at the end say whose each chunk and each timer is.

Specs: RFC 9260 §6 (data), §8.4 and §8.5 (verification tags); RFC 3758; RFC 8261; RFC 8985 §7; RFC 9653.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct

from rtcpy.core.env import Entropy
from rtcpy.core.errors import InvalidStateError, OperationError, RtcRangeError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.sctp.chunks import (
    CHUNK_HEADER,
    DATA_HEADER,
    FLAG_IMMEDIATE,
    SACK_HEADER,
    AbortChunk,
    ChunkType,
    CookieEchoChunk,
    ForwardTsnChunk,
    InitAckChunk,
    InitChunk,
    ShutdownChunk,
    read_sack_lists,
)
from rtcpy.sctp.config import SctpConfig
from rtcpy.sctp.errors import MessageTooLargeError, SctpDecodeError
from rtcpy.sctp.inbound import Arrival
from rtcpy.sctp.packet import COMMON_HEADER_SIZE, chunk_bytes, packet_checksum
from rtcpy.sctp.parameters import CauseCode
from rtcpy.sctp.reconfig import Reconfiguration
from rtcpy.sctp.sendqueue import Message
from rtcpy.sctp.setup import Setup
from rtcpy.sctp.states import MAY_SEND_DATA, TAKES_DATA, State
from rtcpy.sctp.supervision import Supervision
from rtcpy.sctp.tcb import NO_CHECKSUM, T3_RTX, Tcb, Timer
from rtcpy.sctp.teardown import Teardown

__all__ = ["Association", "State"]

SACK_EVERY = 2  # packets, RFC 9260 §6.2
TAIL_PROBE_MIN = 0.01  # s, RFC 8985 §7.2 leaves it open; below, timers fire late anyway
PEER_SACK_DELAY = 0.2  # s that a peer may wait before it acknowledges a lone packet, RFC 9260 §6.2

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
_SHUTTING_DOWN = (
    State.SHUTDOWN_PENDING,
    State.SHUTDOWN_RECEIVED,
    State.SHUTDOWN_SENT,
    State.SHUTDOWN_ACK_SENT,
)
_AWAITING_SHUTDOWN = (State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED)

_SACK_AND_DATA = Struct("!xxHIIIBBHIHHI")  # SACK up to its (absent) lists, header of a DATA chunk
_BEHIND_SACK = COMMON_HEADER_SIZE + 16  # bytes before a DATA chunk that follows a SACK without lists
DATA_AND_SACK = COMMON_HEADER_SIZE + 16 + 16  # bytes of a packet that are not user data

# Members of an Enum cost more to look up than the tables that they are keys of: the lanes use these names.
_SACK, _TAIL_PROBE = Timer.SACK, Timer.TAIL_PROBE
_ESTABLISHED, _IN_ORDER = State.ESTABLISHED, Arrival.IN_ORDER


def _malformed(error: SctpDecodeError) -> str:
    """Why a chunk is dropped, without the values that differ from packet to packet."""
    return f"malformed chunk ({error.rfc})"


class Association(Tcb):
    """Machine[bytes, Event]: packets are SCTP packets, i.e. the plaintext of DTLS records (RFC 8261).

    It answers a peer's INIT from the beginning; `start` sends our own. `send` may be called at any time before the
    end. What arrives is told by `StreamMessage`.

    For tools, `figures` says where both directions stand, and `congestion`, `path`, `timers` and `state` may be read.

    Args:
        config: see `SctpConfig`.
        entropy: for tags, first TSNs, the cookie key and nonces.
        tap: sees every packet, drop, state change and timer.
    """

    __slots__ = (
        "_asked",
        "_forward_due",
        "_progress_at",
        "_reconfiguration",
        "_renumber_due",
        "_setup",
        "_supervision",
        "_tail_probed",
        "_teardown",
    )

    def __init__(self, config: SctpConfig, *, entropy: Entropy, tap: Tap | None = None) -> None:
        super().__init__(config, entropy, tap)
        self._supervision = Supervision(self)
        self._reconfiguration = Reconfiguration(self)
        self._setup = Setup(self, entropy, self._supervision, self._reconfiguration)
        self._teardown = Teardown(self)
        self._forward_due = False
        self._renumber_due = False  # a black hole swallowed chunks that are too large now
        self._asked: list[int] = []  # TSNs that the SACK asked for since then must report as duplicates
        self._progress_at: Instant = 0.0  # last DATA sent or acknowledged
        self._tail_probed = False  # since then

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
        if self.over or self.state is not State.CLOSED:
            if self.state is State.CLOSED:
                raise InvalidStateError("the association is over (RFC 9260 §8.4)")
            return  # the peer's INIT came first
        self.last_heard = now
        self._setup.start(now, after_peer=after_peer)

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
        if not established and (self.over or self.state in _SHUTTING_DOWN):
            raise InvalidStateError(f"the association is {self.state.value} (RFC 9260 §9.2)")
        if not 0 <= stream_id < self.outbound_streams:
            raise RtcRangeError(f"stream {stream_id}, but there are {self.outbound_streams}")
        size = len(data)
        limit = self._remote_max_message_size
        if size > limit and limit:
            raise MessageTooLargeError(f"message of {size} bytes, the peer takes {limit}")
        if not size:
            raise RtcRangeError("SCTP carries no empty messages (RFC 9260 §3.3.1)")
        queue = self.queue
        if queue.buffered and queue.buffered + size > self.config.send_buffer_limit:
            raise OperationError(f"{queue.buffered} bytes wait already, the buffer is full")
        stream = queue.streams.get(stream_id) or queue.stream(stream_id)
        if stream.resetting or stream_id in self.resets.waiting:
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
        outbound, inbound, writer = self.outbound, self.inbound, self.writer
        if (
            self.queue.buffered
            or self.control
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
        if self._sack_count or self.sack_now:
            chunk = inbound.sack(16) + chunk
            self.sack_now, self._sack_count = False, 0
            deadlines.pop(_SACK, None)
        packet = writer.write(chunk)
        self.packets.append(packet)
        self.packets_sent += 1
        if self._tap is not None:
            self._tap.packet("sctp", Direction.OUT, packet, now=now)
        if T3_RTX not in deadlines:
            deadlines[T3_RTX] = now + self.congestion.rto
        self._progress_at = now
        if not self._tail_probed and _TAIL_PROBE not in deadlines:
            deadlines[_TAIL_PROBE] = now + self._tail_delay()
        return True

    def reset_streams(self, stream_ids: Sequence[int], *, now: Instant) -> None:
        """Reset outgoing streams once everything queued on them has arrived; answered by `StreamsReset`.

        Raises InvalidStateError if the peer has no RE-CONFIG. Spec: RFC 6525 §5.1.2.
        """
        if self.over:
            raise InvalidStateError("the association is over (RFC 9260 §8.4)")
        if self.remote is not None and not self.remote.reconfig:
            raise InvalidStateError("the peer cannot reset streams (RFC 6525)")
        self.resets.ask([i for i in stream_ids if 0 <= i < self.outbound_streams])
        self._reconfiguration.pump(now)
        self._flush(now)

    def path_changed(self, *, now: Instant) -> None:
        """Packets take another way now (ICE switched or restarted): forget what was learnt of the old one.

        Whatever is unacknowledged is sent again at once instead of after a timer that backed off during an outage.
        Spec: RFC 9260 §7.2.5.2, RFC 8899 §4.3.
        """
        if self.over or self.outbound is None or self.state not in MAY_SEND_DATA:
            return
        self.congestion.restart()
        self.set_packet_size(self.path.base)
        self._supervision.search(now)
        self.errors = 0
        if self.outbound.outstanding:
            self.outbound.requeue()
            self._forward_due = True
            self.timers.stop(Timer.T3_RTX)
            self._supervision.ask_for_sack()
        self._flush(now)

    def shutdown(self, *, now: Instant) -> None:
        """End in good order once everything sent has arrived. Spec: RFC 9260 §9.2."""
        established = self.state is State.ESTABLISHED
        self._teardown.shutdown(now)
        if established:
            self._flush(now)

    def abort(self, reason: str = "", *, now: Instant) -> None:
        """End at once: ABORT with cause User-Initiated Abort. Spec: RFC 9260 §9.1, §3.3.10.12."""
        self._teardown.abort(reason, now)

    def close(self, *, now: Instant) -> None:
        """ABORT if something was up, and be silent for ever. Idempotent."""
        self._teardown.close(now)

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

    def _accept(self, packet: bytes, now: Instant) -> None:
        """Check a packet and hand each chunk to its owner. Spec: RFC 9260 §6.8, §8.5, §3.2 (unknown chunks)."""
        if type(packet) is not bytes:
            packet = bytes(packet)  # law 8: what is kept are slices of it
        tap = self._tap
        if tap is not None:
            tap.packet("sctp", Direction.IN, packet, now=now)
        size = len(packet)
        if size < COMMON_HEADER_SIZE + 4:
            return self.drop(packet, "too short for a chunk (RFC 9260 §3)", now)
        kind = packet[COMMON_HEADER_SIZE]
        if packet[:12] != self._plain_head or kind in _SPECIAL:
            checksum = packet[8:12]
            if (checksum != NO_CHECKSUM or not self.config.zero_checksum) and checksum != packet_checksum(
                packet
            ):
                return self.drop(packet, "wrong checksum (RFC 9260 §6.8)", now)
            if packet[:4] != self._ports:
                return self.drop(packet, "wrong ports (RFC 9260 §8.4)", now)
            tag = int.from_bytes(packet[4:8], "big")
            if kind in _SPECIAL or self.state is State.CLOSED:
                if not self._accept_special(packet, tag, now):
                    return None
            if self.local is None or tag != self.local.tag:
                return self.drop(packet, "wrong verification tag (RFC 9260 §8.5)", now)
        self.packets_received += 1
        self.last_heard = now
        offset = COMMON_HEADER_SIZE
        if kind == 3 and size > DATA_AND_SACK and self._accept_sack_and_data(packet, size, now):
            return None
        data_seen = False
        while offset < size:
            if size - offset < 4:
                return self.drop(packet, "half a chunk header (RFC 9260 §3.2)", now)
            kind, _flags, length = CHUNK_HEADER.unpack_from(packet, offset)
            end = offset + length
            if length < 4 or end > size:
                return self.drop(packet, "chunk length (RFC 9260 §3.2)", now)
            if kind == 0:
                if length <= 16:
                    if length == 16:
                        cause = packet[offset + 4 : offset + 8]
                        return self.protocol_error(
                            CauseCode.NO_USER_DATA, cause, "DATA without user data", now
                        )
                    return self.drop(packet, "DATA too short (RFC 9260 §3.3.1)", now)
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
                        self.drop(packet, _malformed(error), now)
                    if self.over:
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
        inbound, outbound = self.inbound, self.outbound
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
        self.timers.deadlines.pop(T3_RTX, None)  # from here to `arrival`: what `_acknowledged` does then
        if outbound.progress:
            self._progress_at = now
            self._tail_probed = False
        self.errors = 0
        self.path.progress()
        if self.resets.waiting:
            self._reconfiguration.pump(now)
        if self.queue.buffered:
            self.may_flush = True
        arrival = inbound.receive(flags, tsn, stream_id, stream_seq, ppid, packet[DATA_AND_SACK:end])
        if flags & FLAG_IMMEDIATE:
            self.sack_now = True
        if arrival is _IN_ORDER or self._on_irregular_data(arrival, packet, stream_id, now):
            self._sack_count += 1
        return True

    def _on_data(self, packet: bytes, offset: int, end: int, now: Instant) -> bool:
        """DATA. Returns whether the packet is read on. Spec: RFC 9260 §6.2, §6.5."""
        inbound = self.inbound
        if inbound is None or not self._takes_data:
            self.drop(packet, f"DATA in {self.state.value} (RFC 9260 §6)", now)
            return False
        _, flags, _, tsn, stream_id, stream_seq, ppid = DATA_HEADER.unpack_from(packet, offset)
        arrival = inbound.receive(flags, tsn, stream_id, stream_seq, ppid, packet[offset + 16 : end])
        if flags & FLAG_IMMEDIATE:
            self.sack_now = True
        return arrival is _IN_ORDER or self._on_irregular_data(arrival, packet, stream_id, now)

    def _on_irregular_data(self, arrival: Arrival, packet: bytes, stream_id: int, now: Instant) -> bool:
        """DATA that was not simply the next. Returns whether the packet is read on. Spec: RFC 9260 §6.2, §3.3.10.1."""
        self.sack_now = True
        match arrival:
            case Arrival.REFUSED:
                self.drop(packet, "DATA beyond the window (RFC 9260 §6.2)", now)
            case Arrival.BAD_STREAM:
                self.drop(packet, "invalid stream identifier (RFC 9260 §6.5)", now)
                self.send_error(CauseCode.INVALID_STREAM_IDENTIFIER, stream_id.to_bytes(2, "big") + b"\0\0")
            case Arrival.OVERFLOW:
                self.protocol_error(CauseCode.PROTOCOL_VIOLATION, b"window ignored", "window ignored", now)
                return False
        return True

    def _on_sack(self, packet: bytes, offset: int, length: int, now: Instant) -> None:
        """SACK. Spec: RFC 9260 §6.2.1."""
        outbound = self.outbound
        if outbound is None or not self._takes_sack:
            return self.drop(packet, f"SACK in {self.state.value} (RFC 9260 §6)", now)
        if length < 16:
            return self.drop(packet, "SACK too short (RFC 9260 §3.3.4)", now)
        _, _, _, cumulative, window, gap_count, duplicate_count = SACK_HEADER.unpack_from(packet, offset)
        if length != 16 + 4 * (gap_count + duplicate_count):
            return self.drop(packet, "SACK counts disagree with its length (RFC 9260 §3.3.4)", now)
        bounds = read_sack_lists(packet, offset, gap_count, 0)[0] if gap_count else ()
        ignored = outbound.ignored_sacks
        self._acknowledged(outbound.acknowledge(cumulative, window, bounds, now), now)
        self.may_flush = True
        if outbound.ignored_sacks != ignored:
            self.drop(packet, "SACK old, of TSNs never sent, or with bad gap blocks (RFC 9260 §6.2.1)", now)
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
        outbound = self.outbound
        assert outbound is not None
        if outbound.advanced > outbound.cumulative:  # RFC 3758 §3.5 (C3)
            self._forward_due = True
        if outbound.next_tsn - 1 == outbound.cumulative:
            self.timers.deadlines.pop(T3_RTX, None)  # R2
        elif advanced:
            self.timers.deadlines[T3_RTX] = now + self.congestion.rto  # R3
        if outbound.progress:
            self._progress_at, self._tail_probed = now, False
        if advanced:
            self.errors = 0
            self.path.progress()
            if self.resets.waiting:
                self._reconfiguration.pump(now)
        if self.state in _AWAITING_SHUTDOWN:
            self._teardown.check(now)

    def _on_unknown(self, packet: bytes, kind: int, offset: int, length: int, now: Instant) -> bool:
        """A chunk of unknown type: its two high bits say what to do. Returns whether the packet is read on.

        Spec: RFC 9260 §3.2 (table 2).
        """
        self.drop(packet, f"unknown chunk type {kind} (RFC 9260 §3.2)", now)
        if kind & 0x40:
            self.send_error(CauseCode.UNRECOGNIZED_CHUNK_TYPE, packet[offset : offset + min(length, 512)])
        return bool(kind & 0x80)

    def _settle(self, now: Instant) -> None:
        """After packets were taken: hand up messages, decide about the SACK, send what may go."""
        if self.over:
            return
        inbound = self.inbound
        if inbound is not None:
            messages = inbound.messages
            if messages:
                self.events += messages
                messages.clear()
            if self.resets.deferred is not None:
                self._reconfiguration.try_deferred()
            if self._sack_count:
                if self.sack_now or self._sack_count >= SACK_EVERY or inbound.wants_sack():
                    self.sack_now = True
                    if self.state is State.SHUTDOWN_SENT:
                        self._teardown.send_shutdown(now)
                elif _SACK not in self.timers.deadlines:
                    self.timers.deadlines[_SACK] = now + self.config.sack_delay
            elif self.sack_now and self.state is State.SHUTDOWN_SENT:
                self._teardown.send_shutdown(now)
        if self.sack_now or (self.may_flush and self._has_work()):
            self._flush(now)

    def _has_work(self) -> bool:
        """Whether `_flush` could find anything at all to send or to tell."""
        outbound = self.outbound
        if outbound is None:
            return False
        self.may_flush = bool(
            self.control
            or self._forward_due
            or self.queue.events
            or self.queue.buffered
            or outbound.to_retransmit
            or outbound.earliest_resent
        )
        return self.may_flush

    # -- sending -----------------------------------------------------------------------------------

    def _flush(self, now: Instant) -> None:
        """Make packets of all that may leave: control chunks, SACK, DATA, in this order. Spec: RFC 9260 §6.1, §6.10."""
        self.may_flush = False
        writer, inbound, outbound = self.writer, self.inbound, self.outbound
        if writer is None or inbound is None or outbound is None:
            return
        queue = self.queue
        if queue.buffered > self.path.size and not self.path.wanted:
            self._supervision.want_larger_packets(now)
        space = self.path.size - COMMON_HEADER_SIZE
        sends = self._may_send_data
        if self._forward_due and sends:
            self._forward_due = outbound.abandoned = False
            if outbound.must_forward:
                self.say(outbound.forward_tsn(space))
                self.start_t3(now)
        flown = outbound.flight
        for _ in range(self.config.max_burst):
            head = b""
            if self.control:
                head = self._take_control(space)
            if self.sack_now and len(head) + 16 <= space:
                head += inbound.sack(space - len(head))
                self._sack_sent()
            data = b""
            if sends and not self.control and (queue.buffered or outbound.to_retransmit):
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
            if not (self.control or self.sack_now or queue.buffered or outbound.to_retransmit):
                break
        if outbound.earliest_resent:
            outbound.earliest_resent = False
            self.timers.set(T3_RTX, now + self.congestion.rto)
        elif outbound.flight != flown or (queue.buffered and not outbound.outstanding and sends):
            self.start_t3(now)
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
        head = self.control.pop(0)
        while self.control and len(head) + len(self.control[0]) <= space:
            head += self.control.pop(0)
        return head

    def _sack_sent(self) -> None:
        self.sack_now, self._sack_count = False, 0
        self.timers.deadlines.pop(_SACK, None)

    # -- packets with rules of their own -----------------------------------------------------------

    def _accept_special(self, packet: bytes, tag: int, now: Instant) -> bool:
        """Packets with tag rules of their own, or without an association. Whether the rest is to be read as usual.

        Spec: RFC 9260 §8.4, §8.5.1.
        """
        kind, flags, length = CHUNK_HEADER.unpack_from(packet, COMMON_HEADER_SIZE)
        if length < 4 or COMMON_HEADER_SIZE + length > len(packet):
            self.drop(packet, "chunk length (RFC 9260 §3.2)", now)
            return False
        chunk = chunk_bytes(packet, COMMON_HEADER_SIZE, length)
        if self.over:
            self._teardown.after_the_end(packet, kind, tag, now)
            return False
        try:
            match kind:
                case ChunkType.INIT:
                    if tag != 0 or len(chunk) + COMMON_HEADER_SIZE < len(packet):
                        self.drop(packet, "INIT with a tag, or not alone (RFC 9260 §8.5.1)", now)
                    else:
                        self._setup.on_init(InitChunk.parse(chunk), now)
                    return False
                case ChunkType.COOKIE_ECHO:
                    return self._setup.on_cookie_echo(packet, CookieEchoChunk.parse(chunk).cookie, tag, now)
                case ChunkType.ABORT:
                    if self._tag_or_reflected(tag, flags):
                        self._teardown.on_abort(AbortChunk.parse(chunk), now)
                    else:
                        self.drop(packet, "ABORT with a wrong tag (RFC 9260 §8.5.1)", now)
                    return False
                case ChunkType.SHUTDOWN_COMPLETE:
                    fits = self._tag_or_reflected(tag, flags)
                    self._teardown.on_shutdown_complete(packet, tag_fits=fits, now=now)
                    return False
                case ChunkType.SHUTDOWN_ACK:
                    self._teardown.on_shutdown_ack(packet, tag, now)
                    return False
                case ChunkType.INIT_ACK:
                    if self.state is not State.COOKIE_WAIT or self.local is None or tag != self.local.tag:
                        self.drop(packet, "INIT ACK out of place (RFC 9260 §5.2.3)", now)
                    else:
                        self._setup.on_init_ack(InitAckChunk.parse(chunk), now)
                    return False
        except SctpDecodeError as error:
            self.drop(packet, _malformed(error), now)
            return False
        return self._out_of_the_blue(packet, kind, tag, now)

    def _tag_or_reflected(self, tag: int, flags: int) -> bool:
        """The rule for ABORT and SHUTDOWN COMPLETE. Spec: RFC 9260 §8.5.1 (B, C)."""
        if flags & 1:
            return self.remote is not None and tag == self.remote.tag
        return self.local is not None and tag == self.local.tag

    def _out_of_the_blue(self, packet: bytes, kind: int, tag: int, now: Instant) -> bool:
        """A packet while there is no association. Spec: RFC 9260 §8.4 (7, 8)."""
        self.drop(packet, "out of the blue (RFC 9260 §8.4)", now)
        if kind not in (ChunkType.COOKIE_ACK, ChunkType.ERROR):
            self.send_alone(AbortChunk(reflected=True).serialize(), tag, now)
        return False

    # -- chunks that acknowledge, or are to be acknowledged ----------------------------------------

    def _on_shutdown(self, chunk: bytes, now: Instant) -> None:
        """SHUTDOWN: it acknowledges like a SACK, then `teardown` goes on. Spec: RFC 9260 §9.2."""
        shutdown = ShutdownChunk.parse(chunk)
        if self.state in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
            return
        outbound = self.outbound
        self.may_flush = True
        if outbound is not None and self.state is not State.SHUTDOWN_ACK_SENT:
            self._acknowledged(outbound.acknowledge_cumulative(shutdown.cumulative_tsn, now), now)
        self._teardown.on_shutdown(now)

    def _on_forward_tsn(self, chunk: bytes, now: Instant) -> None:
        """FORWARD TSN. Acknowledged like DATA. Spec: RFC 3758 §3.6."""
        forward = ForwardTsnChunk.parse(chunk)
        inbound = self.inbound
        if inbound is None or self.state not in TAKES_DATA:
            return self.drop(chunk, f"FORWARD TSN in {self.state.value} (RFC 3758 §3.6)", now)
        skipped = [(skip.stream_id, skip.stream_seq) for skip in forward.skipped]
        if not inbound.forward(forward.new_cumulative_tsn, skipped):
            self.sack_now = True
        self._sack_count += 1
        return None

    # -- timers ------------------------------------------------------------------------------------

    def handle_timeout(self, *, now: Instant) -> None:
        """Do what is due."""
        due = self.timers.take_expired(now)
        if not due:
            return
        for timer in due:
            if self.over:
                return
            if self._tap is not None:
                self._tap.timer("sctp", timer.value, now=now)
            self._EXPIRED[timer](self, now)
        self._flush(now)

    def _on_t3_rtx(self, now: Instant) -> None:
        """Spec: RFC 9260 §6.3.3, §8.1; RFC 3758 §3.5 (A5); RFC 8899 §4.3."""
        outbound = self.outbound
        if outbound is None or self.state not in MAY_SEND_DATA:
            return None
        if outbound.outstanding and outbound.window > 0:
            self.errors += 1  # an unanswered probe of a closed window does not count (§6.1 A)
        limit = self.config.max_association_retransmits
        if limit is not None and self.errors > limit:
            return self.protocol_error(CauseCode.USER_INITIATED_ABORT, b"", "retransmissions exhausted", now)
        outbound.timed_out(now)
        if outbound.outstanding and self.path.timed_out(now):
            self.set_packet_size(self.path.base)
            self.congestion.timed_out()
            self._supervision.arm_probe()
        if outbound.partial_reliability and outbound.has_oversize:
            # The first expiry only stops oversize chunks from leaving (`_flush`); one may have left a moment ago. At
            # the next there has been none for a backed-off RTO, and the answer to a question now tells all.
            if self._renumber_due:
                self._supervision.ask_for_sack()
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
        congestion, outbound = self.congestion, self.outbound
        if congestion.srtt is None or outbound is None:
            return congestion.rto
        delay = max(2 * congestion.srtt, TAIL_PROBE_MIN)
        return delay if outbound.flight > congestion.pmdcs else delay + PEER_SACK_DELAY

    def _on_tail_probe(self, now: Instant) -> None:
        """The timer is lazy: it runs on while there is progress, and looks at the time only when it fires."""
        outbound = self.outbound
        if outbound is None or not outbound.flight or self._tail_probed or self.state not in MAY_SEND_DATA:
            return
        due = self._progress_at + self._tail_delay()
        if now < due:
            self.timers.set(Timer.TAIL_PROBE, due)
        else:
            self._tail_probed = outbound.probe_tail()

    def _on_sack_timer(self, now: Instant) -> None:
        """Spec: RFC 9260 §6.2: within 200 ms."""
        self.sack_now = self._sack_count > 0

    # -- who takes what ----------------------------------------------------------------------------

    _EXPIRED: dict[Timer, Callable[[Association, Instant], None]] = {
        Timer.T1_INIT: lambda self, now: self._setup.on_t1_init(now),
        Timer.T1_COOKIE: lambda self, now: self._setup.on_t1_cookie(now),
        Timer.T2_SHUTDOWN: lambda self, now: self._teardown.on_t2_shutdown(now),
        Timer.T3_RTX: _on_t3_rtx,
        Timer.T5_SHUTDOWN_GUARD: lambda self, now: self._teardown.on_t5_guard(now),
        Timer.TAIL_PROBE: _on_tail_probe,
        Timer.SACK: _on_sack_timer,
        Timer.HEARTBEAT: lambda self, now: self._supervision.on_heartbeat_timer(now),
        Timer.RECONFIG: lambda self, now: self._reconfiguration.on_timer(now),
        Timer.PROBE: lambda self, now: self._supervision.on_probe_timer(now),
    }

    # DATA and SACK are not here but in `_accept`, what may come without an association in `_accept_special`.
    _HANDLERS: dict[int, Callable[[Association, bytes, Instant], None]] = {
        ChunkType.HEARTBEAT: lambda self, chunk, now: self._supervision.on_heartbeat(chunk),
        ChunkType.HEARTBEAT_ACK: lambda self, chunk, now: self._supervision.on_heartbeat_ack(chunk, now),
        ChunkType.SHUTDOWN: _on_shutdown,
        ChunkType.ERROR: lambda self, chunk, now: self._setup.on_error(chunk, now),
        ChunkType.COOKIE_ECHO: lambda self, chunk, now: (
            None
        ),  # first in its packet it has been read; else misplaced
        ChunkType.COOKIE_ACK: lambda self, chunk, now: self._setup.on_cookie_ack(now),
        ChunkType.RE_CONFIG: lambda self, chunk, now: self._reconfiguration.on_reconfig(chunk, now),
        ChunkType.PAD: lambda self, chunk, now: None,  # nothing but length: RFC 4820 §3
        ChunkType.FORWARD_TSN: _on_forward_tsn,
    }

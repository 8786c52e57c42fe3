"""What one association knows, and the elementary things done with it: the Transmission Control Block of the RFC.

Owned here: the state and its table, both sides' words about themselves, the parts that own the rest (`SendQueue`,
`Outbound`, `Inbound`, `Congestion`, `PathMtu`, `StreamResets`), the deadlines, and what waits to be drained. Not here: why
any of it changes. `setup` makes an association out of two greetings, `teardown` ends it, `supervision` watches the path,
`reconfig` resets streams; each has a state of its own beside this one. `association` is this block and moves data.

The names without an underscore are for those files; whoever uses an association needs only what `Association` says.

Specs: RFC 9260 §1.3 (TCB), §14 (what it holds), §5.1.1, §8.1 (error counter), §9.1 (ABORT); RFC 8841 §5, §6.1.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from struct import Struct

from rtcpy.core.env import Entropy
from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.core.timers import TimerTable
from rtcpy.sctp.chunks import AbortChunk, ErrorChunk
from rtcpy.sctp.config import SctpConfig
from rtcpy.sctp.congestion import Congestion
from rtcpy.sctp.events import Aborted
from rtcpy.sctp.figures import Figures
from rtcpy.sctp.handshake import Side
from rtcpy.sctp.inbound import M32, Inbound
from rtcpy.sctp.outbound import DATA_OVERHEAD, Outbound
from rtcpy.sctp.packet import COMMON_HEADER_SIZE, PacketWriter
from rtcpy.sctp.parameters import ErrorCause
from rtcpy.sctp.pmtud import PathMtu
from rtcpy.sctp.sendqueue import SendQueue
from rtcpy.sctp.states import MAY_SEND_DATA, TAKES_DATA, TAKES_SACK, TRANSITIONS, Input, State
from rtcpy.sctp.streams import StreamResets

MAX_CONTROL = 64  # control chunks that may wait for a packet; more are answers to a flood
NO_CHECKSUM = b"\0\0\0\0"  # RFC 9653 §5.1
_PORTS = Struct("!HH")


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


T3_RTX = Timer.T3_RTX  # members of an Enum cost more to look up than the tables that they are keys of


class Tcb:
    """The state that the parts of one association share.

    Args:
        config: see `SctpConfig`.
        entropy: for tags, first TSNs, the cookie key and nonces.
        tap: sees every packet, drop, state change and timer.
    """

    __slots__ = (
        "_may_send_data",
        "_plain_head",
        "_ports",
        "_remote_max_message_size",
        "_sack_count",
        "_takes_data",
        "_takes_sack",
        "_tap",
        "config",
        "congestion",
        "control",
        "dropped",
        "entropy",
        "errors",
        "events",
        "inbound",
        "inbound_streams",
        "last_heard",
        "local",
        "may_flush",
        "outbound",
        "outbound_streams",
        "over",
        "packets",
        "packets_received",
        "packets_sent",
        "path",
        "queue",
        "remote",
        "resets",
        "sack_now",
        "state",
        "timers",
        "writer",
    )

    def __init__(self, config: SctpConfig, entropy: Entropy, tap: Tap | None) -> None:
        if config.max_message_size < 1 or config.receive_window < 1500 or not 0 <= config.sack_delay <= 0.5:
            raise RtcRangeError(
                "max_message_size ≥ 1, receive_window ≥ 1500 and sack_delay ≤ 0.5 s are required"
            )
        self.config, self.entropy, self._tap = config, entropy, tap
        self.state = State.CLOSED
        self.over = False  # the association has been; CLOSED is final now
        self._may_send_data = self._takes_data = self._takes_sack = False  # by state, see `states`
        self._plain_head = b""  # what packets to us begin with if they have no checksum (RFC 9653)
        self._ports = _PORTS.pack(config.remote_port, config.local_port)
        self._remote_max_message_size = config.remote_max_message_size
        self.local: Side | None = None
        self.remote: Side | None = None
        self.outbound_streams = config.outbound_streams
        self.inbound_streams = config.inbound_streams
        self.writer: PacketWriter | None = None
        self.queue = SendQueue()
        self.path = PathMtu(config)
        self.congestion = Congestion(config, self.path.size - COMMON_HEADER_SIZE - DATA_OVERHEAD)
        self.inbound: Inbound | None = None
        self.outbound: Outbound | None = None
        self.resets = StreamResets(0, 0)
        self.timers: TimerTable[Timer] = TimerTable()
        self.packets: list[bytes] = []  # what `take_packets` will give
        self.events: list[Event] = []  # what `take_events` will give
        self.control: list[bytes] = []  # chunks that wait for the next packet
        self.may_flush = False  # something happened since the last flush that may let packets leave
        self._sack_count = 0  # packets with DATA since the last SACK
        self.sack_now = False
        self.errors = 0  # RFC 9260 §8.1: retransmissions without an answer
        self.last_heard: Instant = 0.0
        self.dropped = 0  # packets and chunks refused
        self.packets_sent = 0
        self.packets_received = 0

    # -- queries and settings --------------------------------------------------------------------

    @property
    def can_reset_streams(self) -> bool:
        """Whether the peer understands RE-CONFIG; True as long as that is unknown."""
        return self.remote is None or self.remote.reconfig

    @property
    def figures(self) -> Figures:
        """Where both directions stand, for tools."""
        received = self.inbound.cumulative & M32 if self.inbound is not None else None
        out = self.outbound
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
    def max_packet_size(self) -> int:
        """Bytes of the largest SCTP packet that is sent now."""
        return self.path.size

    @property
    def total_buffered(self) -> int:
        """Bytes queued on all streams that were not sent yet."""
        return self.queue.buffered

    def buffered_amount(self, stream_id: int) -> int:
        """Bytes queued on the stream that were not sent yet."""
        stream = self.queue.streams.get(stream_id)
        return 0 if stream is None else stream.buffered

    def set_buffered_amount_low_threshold(self, stream_id: int, amount: int) -> None:
        """When unsent bytes fall from above `amount` to it or below: event `BufferLow`."""
        self.queue.stream(stream_id).low_threshold = amount

    def set_priority(self, stream_id: int, priority: int) -> None:
        """Weight of the stream, 1…65535 (256 is normal). Spec: RFC 8831 §6.4."""
        self.queue.stream(stream_id).priority = min(max(priority, 1), 65535)

    def set_remote_max_message_size(self, size: int) -> None:
        """The peer's ``a=max-message-size``, **bytes**; 0 is no limit. Spec: RFC 8841 §6.1."""
        self._remote_max_message_size = size

    def set_ports(self, local_port: int, remote_port: int) -> None:
        """The SCTP ports that were signalled; to be told before `start`. Spec: RFC 8841 §5 (``a=sctp-port``)."""
        config = self.config
        if (local_port, remote_port) != (config.local_port, config.remote_port):
            self.config = replace(config, local_port=local_port, remote_port=remote_port)
        self._ports = _PORTS.pack(remote_port, local_port)

    # -- states ------------------------------------------------------------------------------------

    def move(self, by: Input, now: Instant) -> None:
        """Change the state as the table says."""
        old, new = self.state, TRANSITIONS[self.state, by]
        self.state = new
        self._may_send_data = new in MAY_SEND_DATA
        self._takes_data = new in TAKES_DATA
        self._takes_sack = new in TAKES_SACK
        self._plain_head = b""
        if new is not State.CLOSED and self.local is not None and self.config.zero_checksum:
            self._plain_head = self._ports + self.local.tag.to_bytes(4, "big") + NO_CHECKSUM
        if self._tap is not None and old is not new:
            self._tap.state("sctp", "association", old.value, new.value, now=now)

    def adopt(self, remote: Side) -> None:
        """Build the association's parts for this peer, whose words `setup` has. Spec: RFC 9260 §5.1.1, §14."""
        local = self.local
        assert local is not None
        config = self.config
        self.outbound_streams = min(local.outbound_streams, remote.inbound_streams)
        self.inbound_streams = min(local.inbound_streams, remote.outbound_streams)
        self.path.limit_to(remote.largest_packet)
        self.address(remote)
        self.inbound = Inbound(
            remote.initial_tsn,
            window=max(config.receive_window, 2 * config.max_message_size),
            max_message_size=config.max_message_size,
            stream_count=self.inbound_streams,
        )
        if self.outbound is None:
            self.outbound = Outbound(
                self.queue,
                self.congestion,
                local.initial_tsn,
                remote.window,
                partial_reliability=remote.forward_tsn,
            )
        else:
            self.outbound.adopt(remote.window, partial_reliability=remote.forward_tsn)
        self.resets.next_request = local.initial_tsn
        self.resets.expected_request = remote.initial_tsn
        self._sack_count, self.sack_now = 0, False

    def address(self, remote: Side) -> None:
        """Packets carry this side's tag from now on, and a checksum unless both sides can do without."""
        config = self.config
        self.remote = remote
        self.writer = PacketWriter(
            config.local_port,
            config.remote_port,
            remote.tag,
            zero_checksum=config.zero_checksum and remote.zero_checksum,
        )

    def end(self, event: Event | None, now: Instant, by: Input = Input.END) -> None:
        """The association is over; CLOSED from now on."""
        self.move(by, now)
        self.over = True
        if self.inbound is not None:
            self.events += self.inbound.messages
        self.timers.clear()
        self.control.clear()
        self.queue.clear()
        self.inbound = self.outbound = self.writer = None
        if event is not None:
            self.events.append(event)

    # -- packets and chunks ------------------------------------------------------------------------

    def drop(self, data: bytes, reason: str, now: Instant) -> None:
        """Count a packet or chunk that is refused, and tell why."""
        self.dropped += 1
        if self._tap is not None:
            self._tap.drop("sctp", data, reason, now=now)

    def emit(self, packet: bytes, now: Instant) -> None:
        """Hand out one packet."""
        self.packets.append(packet)
        self.packets_sent += 1
        if self._tap is not None:
            self._tap.packet("sctp", Direction.OUT, packet, now=now)

    def say(self, chunk: bytes) -> None:
        """Put a control chunk into the next packet."""
        self.may_flush = True
        if len(self.control) < MAX_CONTROL:
            self.control.append(chunk)

    def send_alone(self, chunk: bytes, tag: int, now: Instant) -> None:
        """A packet outside the association's own stream of packets: always with a checksum."""
        writer = PacketWriter(self.config.local_port, self.config.remote_port, tag, zero_checksum=False)
        self.emit(writer.write_checked(chunk), now)

    def send_error(self, cause: int, info: bytes) -> None:
        """ERROR with one cause in the next packet. Spec: RFC 9260 §3.3.10."""
        self.say(ErrorChunk(causes=[ErrorCause(code=cause, info=info)]).serialize())

    def send_abort(self, cause: int, info: bytes, now: Instant) -> None:
        """ABORT to the peer if its tag is known, without DATA. Spec: RFC 9260 §9.1."""
        if self.remote is not None:
            chunk = AbortChunk(causes=[ErrorCause(code=cause, info=info)]).serialize()
            self.send_alone(chunk, self.remote.tag, now)

    def protocol_error(self, cause: int, info: bytes, reason: str, now: Instant) -> None:
        """The peer broke a rule for which the answer is ABORT."""
        self.send_abort(cause, info, now)
        self.end(Aborted(reason, cause), now)

    # -- what several parts set --------------------------------------------------------------------

    def start_t3(self, now: Instant) -> None:
        """Start T3-rtx unless it runs. Spec: RFC 9260 §6.3.2 (R1)."""
        if T3_RTX not in self.timers.deadlines:
            self.timers.deadlines[T3_RTX] = now + self.congestion.rto

    def set_packet_size(self, size: int) -> None:
        """Packets hold so many bytes from now on; the windows count in what fits into one."""
        self.path.size = size
        self.congestion.pmdcs = size - COMMON_HEADER_SIZE - DATA_OVERHEAD

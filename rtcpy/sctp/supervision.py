"""Whether the path is alive, and what it carries: HEARTBEATs, and the probes of path MTU discovery, which are HEARTBEATs too.

Owned here: the nonce that tells our HEARTBEAT ACKs from invented ones, and the two timers. Which size is probed, and when,
is decided by `PathMtu` (`pmtud`). Retransmissions without an answer are counted by T3-rtx (`association`), which sees
them; what is heard here sets that count to nothing.

Specs: RFC 9260 §8.1, §8.3; RFC 8899 §4.3, §5.2, §6.2.1; RFC 4820 (PAD).
"""

from __future__ import annotations

from struct import Struct

from rtcpy.core.env import random_integer
from rtcpy.core.machine import Instant
from rtcpy.sctp.chunks import (
    CHUNK_HEADER,
    FLAG_IMMEDIATE,
    ChunkType,
    HeartbeatAckChunk,
    HeartbeatChunk,
    PadChunk,
    write_data,
)
from rtcpy.sctp.outbound import DATA_OVERHEAD
from rtcpy.sctp.packet import COMMON_HEADER_SIZE
from rtcpy.sctp.parameters import HeartbeatInfo, Parameter, ParameterType
from rtcpy.sctp.states import State
from rtcpy.sctp.tcb import Tcb, Timer

_HEARTBEAT = Struct("!IdII")  # nonce, time sent, packet size probed (0: no probe), reserved


class Supervision:
    """Asks the path how it is, and answers the peer who does."""

    __slots__ = ("_nonce", "_tcb")

    def __init__(self, tcb: Tcb) -> None:
        self._tcb = tcb
        self._nonce = 0

    def begin(self, now: Instant) -> None:
        """The association is established: the path is there to be watched."""
        tcb = self._tcb
        if tcb.config.heartbeat_interval:
            tcb.timers.set(Timer.HEARTBEAT, now + tcb.config.heartbeat_interval)
        self.search(now)

    # -- liveness --------------------------------------------------------------------------------

    def on_heartbeat_timer(self, now: Instant) -> None:
        """A path on which nothing was heard for the interval is asked. Spec: RFC 9260 §8.3."""
        tcb = self._tcb
        interval = tcb.config.heartbeat_interval
        silent_since = tcb.last_heard + interval
        if now < silent_since:
            tcb.timers.set(Timer.HEARTBEAT, silent_since)
        else:
            self._heartbeat(0, now)
            tcb.timers.set(Timer.HEARTBEAT, now + interval + tcb.congestion.rto)

    def on_heartbeat(self, chunk: bytes) -> None:
        """HEARTBEAT: return its parameter as it is. Spec: RFC 9260 §8.3."""
        length = int.from_bytes(chunk[2:4], "big")
        self._tcb.say(CHUNK_HEADER.pack(ChunkType.HEARTBEAT_ACK, 0, length) + chunk[4:])

    def on_heartbeat_ack(self, chunk: bytes, now: Instant) -> None:
        """HEARTBEAT ACK: the path lives, and a probe's size passes. Spec: RFC 9260 §8.3, RFC 8899 §6.2.1.2."""
        tcb = self._tcb
        parameters = HeartbeatAckChunk.parse(chunk).parameters
        value = parameters[0].value if parameters else None
        if not isinstance(value, HeartbeatInfo) or len(value.info) != _HEARTBEAT.size:
            return tcb.drop(chunk, "HEARTBEAT ACK that we did not ask for (RFC 9260 §8.3)", now)
        nonce, sent, size, _ = _HEARTBEAT.unpack(value.info)
        if nonce != self._nonce or not sent <= now:
            return tcb.drop(chunk, "HEARTBEAT ACK with a nonce that is not ours (RFC 9260 §8.3)", now)
        tcb.errors = 0
        if size:
            if tcb.path.acknowledged(size, now):
                tcb.set_packet_size(size)
            self.arm_probe()
        else:
            tcb.congestion.measured(now - sent)
        return None

    # -- path MTU --------------------------------------------------------------------------------

    def search(self, now: Instant) -> None:
        """Begin at the base size, and search for a larger one if that is wanted. Spec: RFC 8899 §5.2."""
        self._tcb.path.restart(now)
        self.arm_probe()

    def want_larger_packets(self, now: Instant) -> None:
        """More than a packet holds is waiting: from now on it is worth knowing what the path carries.

        Spec: RFC 8899 §4.3 (probes may wait while no data asks for them).
        """
        tcb = self._tcb
        tcb.path.wanted = True
        if tcb.state is State.ESTABLISHED:  # else `begin` starts the search
            self.search(now)

    def arm_probe(self) -> None:
        """Set the timer for the next probe, as `PathMtu` has decided."""
        tcb = self._tcb
        if tcb.path.deadline is None:
            tcb.timers.stop(Timer.PROBE)
        else:
            tcb.timers.set(Timer.PROBE, tcb.path.deadline)

    def on_probe_timer(self, now: Instant) -> None:
        """Spec: RFC 8899 §5.2."""
        size = self._tcb.path.take_probe(now)
        if size is not None and self._tcb.writer is not None:
            self._heartbeat(size, now)
        self.arm_probe()

    # -- what is sent ----------------------------------------------------------------------------

    def _heartbeat(self, size: int, now: Instant) -> None:
        """HEARTBEAT; a `size` other than 0 makes it a path MTU probe of that many bytes. Spec: RFC 8899 §6.2.1.2.

        The ballast is a PAD chunk (RFC 4820 §3) for our own kind only. Everybody must skip it (RFC 9260 §3.2), but
        werift 0.25 throws on chunks that it does not know, and its process ends. Others get a DATA chunk that they
        have already and throw away (§6.2). A large Heartbeat Info would do for the way there, but it has to come
        back, and libwebrtc answers no HEARTBEAT whose answer is larger than its own packets.
        """
        tcb = self._tcb
        assert tcb.writer is not None and tcb.remote is not None
        if not self._nonce:
            self._nonce = random_integer(tcb.entropy, 32) | 1
        info = HeartbeatInfo(info=_HEARTBEAT.pack(self._nonce, now, size, 0))
        chunk = HeartbeatChunk(
            parameters=[Parameter(type=ParameterType.HEARTBEAT_INFO, value=info)]
        ).serialize()
        if not size:
            return tcb.say(chunk)
        room = size - COMMON_HEADER_SIZE - len(chunk)
        if tcb.remote.largest_packet:
            chunk += PadChunk(padding_data=bytes(room - CHUNK_HEADER.size)).serialize()
        else:
            chunk += self._duplicate(room - DATA_OVERHEAD)
        tcb.emit(tcb.writer.write(chunk), now)
        return None

    def ask_for_sack(self) -> None:
        """Make the peer tell what it has: a DATA chunk that it has already is answered by a SACK at once (RFC 9260 §6.2)."""
        self._tcb.say(self._duplicate(1))

    def _duplicate(self, size: int) -> bytes:
        """A DATA chunk with `size` bytes of user data and a TSN that the peer has acknowledged, or began with."""
        outbound = self._tcb.outbound
        assert outbound is not None
        tsn = outbound.cumulative & 0xFFFFFFFF
        return write_data(3 | FLAG_IMMEDIATE, tsn, 0, 0, 0, bytes(size))

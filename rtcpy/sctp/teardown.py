"""How an association ends: ABORT at once, SHUTDOWN in good order.

Owned here: how often SHUTDOWN or SHUTDOWN ACK was repeated, and whether a SHUTDOWN ACK that comes after the end still gets
its answer. The order of things, for the side that begins:

    SHUTDOWN-PENDING  what was sent is still to be acknowledged
    SHUTDOWN-SENT     SHUTDOWN goes out, again at each T2-shutdown; DATA of the peer is still taken
    CLOSED            SHUTDOWN ACK came; SHUTDOWN COMPLETE is the last word

and for the other SHUTDOWN-RECEIVED (the same wait), SHUTDOWN-ACK-SENT, CLOSED at SHUTDOWN COMPLETE.

Specs: RFC 9260 §9.1, §9.2, §8.4 (5), §8.5.1 (C, E).
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.sctp.chunks import AbortChunk, ChunkType, ShutdownAckChunk, ShutdownChunk, ShutdownCompleteChunk
from rtcpy.sctp.events import Aborted, ShutDown
from rtcpy.sctp.parameters import CauseCode
from rtcpy.sctp.states import Input, State
from rtcpy.sctp.tcb import Tcb, Timer

MAX_REASON = 256  # bytes of text in an ABORT
SHUTDOWN_GUARD_RTOS = 5  # T5-shutdown-guard in RTO.Max, RFC 9260 §9.2


class Teardown:
    """Both ways out, for either side."""

    __slots__ = ("_repeats", "_stays_polite", "_tcb")

    def __init__(self, tcb: Tcb) -> None:
        self._tcb = tcb
        self._repeats = 0  # expiries of T2-shutdown
        self._stays_polite = False  # ours was the SHUTDOWN COMPLETE; if it is lost, the peer asks again

    # -- commands ----------------------------------------------------------------------------------

    def shutdown(self, now: Instant) -> None:
        """See `Association.shutdown`. Spec: RFC 9260 §9.2."""
        tcb = self._tcb
        if tcb.state is State.ESTABLISHED:
            tcb.move(Input.SHUTDOWN_COMMAND, now)
            self.check(now)
        elif tcb.state in (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED):
            self.abort("", now)

    def abort(self, reason: str, now: Instant) -> None:
        """See `Association.abort`. Spec: RFC 9260 §9.1, §3.3.10.12."""
        tcb = self._tcb
        if tcb.over:
            return
        text = reason.encode("utf-8", "replace")[:MAX_REASON]
        tcb.send_abort(CauseCode.USER_INITIATED_ABORT, text, now)
        tcb.end(Aborted(reason or "aborted by us", CauseCode.USER_INITIATED_ABORT), now)

    def close(self, now: Instant) -> None:
        """See `Association.close`."""
        tcb = self._tcb
        if not tcb.over:
            if tcb.writer is not None:
                tcb.send_abort(CauseCode.USER_INITIATED_ABORT, b"", now)
            tcb.end(None, now)
        self._stays_polite = False

    # -- the order of things -----------------------------------------------------------------------

    def check(self, now: Instant) -> None:
        """Go on with the shutdown if nothing is left to be sent or acknowledged. Spec: RFC 9260 §9.2."""
        tcb = self._tcb
        outbound = tcb.outbound
        if outbound is None or outbound.outstanding or tcb.queue.buffered:
            return
        if tcb.state is State.SHUTDOWN_PENDING:
            tcb.move(Input.ALL_ACKNOWLEDGED, now)
            self._repeats = 0
            guard = SHUTDOWN_GUARD_RTOS * tcb.config.rto_max
            tcb.timers.set(Timer.T5_SHUTDOWN_GUARD, now + guard)
            self.send_shutdown(now)
        elif tcb.state is State.SHUTDOWN_RECEIVED:
            tcb.move(Input.ALL_ACKNOWLEDGED, now)
            self._repeats = 0
            self._send_shutdown_ack(now)

    def send_shutdown(self, now: Instant) -> None:
        """SHUTDOWN, which acknowledges like a SACK; DATA that still arrives is answered by another (§9.2)."""
        tcb = self._tcb
        assert tcb.inbound is not None
        tcb.say(ShutdownChunk(cumulative_tsn=tcb.inbound.cumulative & 0xFFFFFFFF).serialize())
        tcb.timers.set(Timer.T2_SHUTDOWN, now + tcb.congestion.rto)

    def _send_shutdown_ack(self, now: Instant) -> None:
        tcb = self._tcb
        tcb.say(ShutdownAckChunk().serialize())
        tcb.timers.set(Timer.T2_SHUTDOWN, now + tcb.congestion.rto)

    def on_t2_shutdown(self, now: Instant) -> None:
        """Spec: RFC 9260 §9.2."""
        tcb = self._tcb
        self._repeats += 1
        limit = tcb.config.max_association_retransmits
        if limit is not None and self._repeats > limit:
            tcb.end(Aborted("no answer to SHUTDOWN"), now)
            return
        tcb.congestion.back_off()
        if tcb.state is State.SHUTDOWN_SENT:
            self.send_shutdown(now)
        elif tcb.state is State.SHUTDOWN_ACK_SENT:
            self._send_shutdown_ack(now)

    def on_t5_guard(self, now: Instant) -> None:
        """Spec: RFC 9260 §9.2."""
        self._tcb.protocol_error(CauseCode.USER_INITIATED_ABORT, b"", "shutdown took too long", now)

    # -- chunks ------------------------------------------------------------------------------------

    def on_abort(self, abort: AbortChunk, now: Instant) -> None:
        """ABORT: over, without an answer. Spec: RFC 9260 §9.1."""
        cause = abort.causes[0] if abort.causes else None
        reason = "aborted by the peer"
        if cause is not None and cause.code == CauseCode.USER_INITIATED_ABORT and cause.info:
            reason = cause.info.decode("utf-8", "replace")
        self._tcb.end(Aborted(reason, cause.code if cause else 0, by_peer=True), now)

    def on_shutdown(self, now: Instant) -> None:
        """SHUTDOWN, after what it acknowledges was worked off. Spec: RFC 9260 §9.2."""
        tcb = self._tcb
        if tcb.state in (State.ESTABLISHED, State.SHUTDOWN_PENDING):
            tcb.move(Input.SHUTDOWN, now)
            self.check(now)
        elif tcb.state is State.SHUTDOWN_SENT:
            tcb.move(Input.SHUTDOWN, now)
            self._send_shutdown_ack(now)

    def on_shutdown_ack(self, packet: bytes, tag: int, now: Instant) -> None:
        """SHUTDOWN ACK. Spec: RFC 9260 §8.4 (5), §8.5.1 (E), §9.2."""
        tcb = self._tcb
        if tcb.state in (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED):
            tcb.send_alone(ShutdownCompleteChunk(reflected=True).serialize(), tag, now)
        elif tcb.local is None or tag != tcb.local.tag:
            tcb.drop(packet, "wrong verification tag (RFC 9260 §8.5)", now)
        elif tcb.state in (State.SHUTDOWN_SENT, State.SHUTDOWN_ACK_SENT):
            assert tcb.remote is not None
            tcb.send_alone(ShutdownCompleteChunk().serialize(), tcb.remote.tag, now)
            self._stays_polite = True
            tcb.end(ShutDown(), now, Input.SHUTDOWN_ACK)
        else:
            tcb.drop(packet, "SHUTDOWN ACK out of place (RFC 9260 §8.5.1)", now)

    def on_shutdown_complete(self, packet: bytes, *, tag_fits: bool, now: Instant) -> None:
        """SHUTDOWN COMPLETE. Spec: RFC 9260 §8.5.1 (C), §9.2."""
        tcb = self._tcb
        if tcb.state is State.SHUTDOWN_ACK_SENT and tag_fits:
            tcb.end(ShutDown(), now, Input.SHUTDOWN_COMPLETE)
        else:
            tcb.drop(packet, "SHUTDOWN COMPLETE out of place (RFC 9260 §8.5.1)", now)

    def after_the_end(self, packet: bytes, kind: int, tag: int, now: Instant) -> None:
        """A packet for an association that is over: at most the last word is said again. Spec: RFC 9260 §8.4."""
        tcb = self._tcb
        if kind == ChunkType.SHUTDOWN_ACK and self._stays_polite:
            tcb.send_alone(ShutdownCompleteChunk(reflected=True).serialize(), tag, now)
        else:
            tcb.drop(packet, "the association is over (RFC 9260 §8.4)", now)

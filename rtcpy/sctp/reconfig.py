"""Carrying out stream resets: when to ask, what to do when asked, what the answer changes.

Owned here: the RE-CONFIG timer. The numbers of requests, what waits and what is under way are `StreamResets`'
(`streams`), which says nothing about queues and messages; this file joins it to them.

Specs: RFC 6525 §5.1 (our requests), §5.2 (the peer's).
"""

from __future__ import annotations

from rtcpy.core.machine import Instant
from rtcpy.core.serial import add32
from rtcpy.sctp.chunks import ReconfigChunk
from rtcpy.sctp.events import StreamsReset
from rtcpy.sctp.parameters import OutgoingResetRequest, ReconfigResponse, ResetResult
from rtcpy.sctp.states import State
from rtcpy.sctp.tcb import Tcb, Timer


class Reconfiguration:
    """Both directions of RE-CONFIG for one association."""

    __slots__ = ("_tcb",)

    def __init__(self, tcb: Tcb) -> None:
        self._tcb = tcb

    # -- our requests ----------------------------------------------------------------------------

    def pump(self, now: Instant) -> None:
        """Ask for the reset of streams on which everything has arrived. Spec: RFC 6525 §5.1.2."""
        tcb = self._tcb
        resets, outbound = tcb.resets, tcb.outbound
        if resets.outstanding is not None or not resets.waiting or outbound is None:
            return
        if tcb.state is not State.ESTABLISHED:
            return
        streams = [tcb.queue.stream(stream_id) for stream_id in resets.waiting]
        ready = [s for s in streams if not s.buffered and s.last_tsn <= outbound.cumulative]
        if not ready:
            return
        tcb.say(resets.begin([s.stream_id for s in ready], add32(outbound.next_tsn, -1)))
        for stream_id in resets.outstanding_ids:
            tcb.queue.stream(stream_id).resetting = True
        tcb.timers.set(Timer.RECONFIG, now + tcb.congestion.rto)

    def on_timer(self, now: Instant) -> None:
        """Spec: RFC 6525 §5.1.1: the request is repeated like DATA."""
        tcb = self._tcb
        if tcb.resets.outstanding is not None:
            tcb.say(tcb.resets.repeat())
            tcb.timers.set(Timer.RECONFIG, now + 2 * tcb.congestion.rto)

    def _on_response(self, response: ReconfigResponse, now: Instant) -> None:
        """The answer to our reset: the ids are free again. Spec: RFC 6525 §5.2.7."""
        tcb = self._tcb
        done = tcb.resets.answered(response)
        if done is None:
            return
        tcb.timers.stop(Timer.RECONFIG)
        stream_ids, result = done
        for stream_id in stream_ids:
            stream = tcb.queue.stream(stream_id)
            if result in (ResetResult.PERFORMED, ResetResult.NOTHING_TO_DO):
                stream.next_seq = 0
            tcb.queue.resume(stream)
        if result == ResetResult.ALREADY_IN_PROGRESS:
            tcb.resets.ask(stream_ids)
        else:
            tcb.events.append(StreamsReset(stream_ids, incoming=False, result=result))
        self.pump(now)

    # -- the peer's ------------------------------------------------------------------------------

    def on_reconfig(self, chunk: bytes, now: Instant) -> None:
        """RE-CONFIG: requests and responses, at most two. Spec: RFC 6525 §5.2."""
        tcb = self._tcb
        if tcb.inbound is None or tcb.state is not State.ESTABLISHED:
            return tcb.drop(chunk, f"RE-CONFIG in {tcb.state.value} (RFC 6525 §5.2)", now)
        for parameter in ReconfigChunk.parse(chunk).parameters[:2]:
            if isinstance(parameter.value, ReconfigResponse):
                self._on_response(parameter.value, now)
                continue
            request, answer = tcb.resets.asked(parameter)
            if answer is not None:
                tcb.say(answer)
            if request is None:
                continue
            if request.reset_outgoing is not None:
                tcb.resets.ask(request.reset_outgoing or sorted(tcb.queue.streams))
                self.pump(now)
            if isinstance(parameter.value, OutgoingResetRequest):
                tcb.resets.deferred = parameter.value
                if not self.try_deferred():
                    tcb.say(tcb.resets.defer(parameter.value))
        return None

    def try_deferred(self) -> bool:
        """Carry out the peer's reset if everything sent before it is here. Spec: RFC 6525 §5.2.2 (E1 to E4)."""
        tcb = self._tcb
        request, inbound = tcb.resets.deferred, tcb.inbound
        if request is None or inbound is None or not inbound.has_all(request.last_tsn):
            return False
        tcb.events += inbound.messages
        inbound.messages.clear()
        stream_ids = inbound.reset_streams(request.stream_ids)
        tcb.events.append(StreamsReset(stream_ids, incoming=True, result=ResetResult.PERFORMED))
        tcb.say(tcb.resets.answer(request.request_seq, ResetResult.PERFORMED))
        return True

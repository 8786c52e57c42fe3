"""Resetting streams: one outstanding request each way, answered, repeated, remembered.

Owns the re-configuration sequence numbers, our request that waits for its answer, the streams that wait for their
turn, and the peer's last request with our answer to it. Does not own the streams: `reconfig` applies what the
methods return to `sendqueue` and `inbound`, and sends the chunks.

A data channel is closed by resetting its stream in both directions (RFC 8831 §6.7). An id may be used again only when
the response has come: `reconfig` tells the owner by `StreamsReset`.

Specs: RFC 6525 §4 (formats), §5.1 (sender), §5.2 (receiver).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcpy.core.serial import add32
from rtcpy.sctp.chunks import ReconfigChunk
from rtcpy.sctp.parameters import (
    AddStreamsRequest,
    IncomingResetRequest,
    OutgoingResetRequest,
    Parameter,
    ParameterType,
    ReconfigResponse,
    ResetResult,
    SsnTsnResetRequest,
)

MAX_STREAMS_PER_REQUEST = 128  # streams; keeps a request far below any path MTU


@dataclass(slots=True)
class Request:
    """What the peer asks, once it is accepted as new."""

    reset_incoming: list[int] | None = None  # streams that the peer resets; empty: all
    reset_outgoing: list[int] | None = None  # streams that the peer wants us to reset; empty: all


@dataclass(slots=True)
class StreamResets:
    """RFC 6525 state of one association.

    Args:
        next_request: our next request sequence number: starts as our initial TSN (§5.1.1).
        expected_request: the peer's: starts as its initial TSN.
    """

    next_request: int
    expected_request: int
    waiting: list[int] = field(default_factory=list)
    """Streams to reset that are not part of the outstanding request."""
    outstanding: Parameter | None = None
    """Our request without an answer; repeated until it has one."""
    outstanding_ids: list[int] = field(default_factory=list)
    deferred: OutgoingResetRequest | None = None
    """The peer's reset that waits for data still missing."""
    _last_result: ResetResult = ResetResult.BAD_SEQUENCE_NUMBER
    _answered: bool = False

    # -- our requests ----------------------------------------------------------------------------

    def ask(self, stream_ids: list[int]) -> None:
        """Put streams on the list to be reset; those on it or under way already are left alone."""
        for stream_id in stream_ids:
            if stream_id not in self.waiting and stream_id not in self.outstanding_ids:
                self.waiting.append(stream_id)

    def begin(self, ready: list[int], last_tsn: int) -> bytes:
        """Make the next request for the `ready` streams: all they sent is acknowledged. Returns the chunk.

        Spec: RFC 6525 §5.1.2 (A1 to A6).
        """
        assert self.outstanding is None and ready
        ready = ready[:MAX_STREAMS_PER_REQUEST]
        self.waiting = [stream_id for stream_id in self.waiting if stream_id not in ready]
        self.outstanding_ids = ready
        request = OutgoingResetRequest(
            request_seq=self.next_request,
            response_seq=add32(self.expected_request, -1),
            last_tsn=last_tsn,
            stream_ids=ready,
        )
        self.next_request = add32(self.next_request, 1)
        self.outstanding = Parameter(type=ParameterType.OUTGOING_SSN_RESET_REQUEST, value=request)
        return self.repeat()

    def repeat(self) -> bytes:
        """The outstanding request as a chunk."""
        assert self.outstanding is not None
        return ReconfigChunk(parameters=[self.outstanding]).serialize()

    def answered(self, response: ReconfigResponse) -> tuple[list[int], ResetResult | int] | None:
        """Our request was answered: its streams and the result. None if it was another, or is not done yet.

        Spec: RFC 6525 §5.2.7.
        """
        request = self.outstanding.value if self.outstanding is not None else None
        if not isinstance(request, OutgoingResetRequest) or response.response_seq != request.request_seq:
            return None
        if response.result == ResetResult.IN_PROGRESS:
            return None
        stream_ids, self.outstanding_ids, self.outstanding = self.outstanding_ids, [], None
        return stream_ids, response.result

    # -- the peer's requests ---------------------------------------------------------------------

    def asked(self, parameter: Parameter) -> tuple[Request | None, bytes | None]:
        """A request of the peer: what to do (or None), and what to answer at once (or None).

        A repeated request gets its answer again; one out of sequence is refused. Spec: RFC 6525 §5.2.1.
        """
        value = parameter.value
        if not isinstance(
            value, OutgoingResetRequest | IncomingResetRequest | SsnTsnResetRequest | AddStreamsRequest
        ):
            return None, None
        sequence = value.request_seq
        if self._answered and sequence == add32(self.expected_request, -1):
            return None, self._response(sequence, self._last_result)
        if sequence != self.expected_request:
            return None, self._response(sequence, ResetResult.BAD_SEQUENCE_NUMBER)
        match value:
            case OutgoingResetRequest():
                return Request(reset_incoming=value.stream_ids), None
            case IncomingResetRequest():
                return Request(reset_outgoing=value.stream_ids), self.answer(sequence, ResetResult.PERFORMED)
        return None, self.answer(sequence, ResetResult.DENIED)  # resetting TSNs, more streams: not offered

    def answer(self, sequence: int, result: ResetResult) -> bytes:
        """Settle the request with this number; the result is kept, in case the answer is lost."""
        self.expected_request = add32(sequence, 1)
        self._last_result, self._answered, self.deferred = result, True, None
        return self._response(sequence, result)

    def defer(self, request: OutgoingResetRequest) -> bytes:
        """Data before the reset is still missing: the answer is "in progress" for now. Spec: RFC 6525 §5.2.2 (E2)."""
        self.deferred = request
        return self._response(request.request_seq, ResetResult.IN_PROGRESS)

    @staticmethod
    def _response(sequence: int, result: ResetResult) -> bytes:
        response = ReconfigResponse(response_seq=sequence, result=result)
        return ReconfigChunk(
            parameters=[Parameter(type=ParameterType.RECONFIG_RESPONSE, value=response)]
        ).serialize()

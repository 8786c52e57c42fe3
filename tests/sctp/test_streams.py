"""Stream resets (RFC 6525): the table of requests, races, losses."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidStateError
from rtcpy.sctp import Association, SctpConfig, StreamMessage, StreamsReset
from rtcpy.sctp.chunks import ReconfigChunk
from rtcpy.sctp.packet import Packet, parse_packet
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
from tests.sctp.link import Conditions, Link, established

CONFIG = {"heartbeat_interval": 0, "path_mtu_limit": 1200}


def up(conditions: Conditions | None = None, seed: int = 0) -> tuple[Link, Association, Association]:
    return established(conditions, seed=seed, a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG))  # type: ignore[arg-type]


def ask(target: Association, kind: int, value: object, now: float = 2.0) -> list[ReconfigResponse]:
    """Send a request made by hand; the responses."""
    chunk = ReconfigChunk(parameters=[Parameter(type=kind, value=value)])  # type: ignore[arg-type]
    tag = target.local.tag  # type: ignore[union-attr]
    target.take_packets()
    target.receive(Packet(5000, 5000, tag, [chunk]).serialize(), now=now)
    return [
        parameter.value
        for packet in target.take_packets()
        for c in parse_packet(packet).chunks
        if isinstance(c, ReconfigChunk)
        for parameter in c.parameters
        if isinstance(parameter.value, ReconfigResponse)
    ]


def test_reset_waits_for_the_data_and_starts_numbers_again() -> None:
    link, a, _b = up()
    for _ in range(20):
        a.send(3, 51, bytes(3000), now=link.now)
    a.reset_streams([3], now=link.now)
    with pytest.raises(InvalidStateError):
        a.send(3, 51, b"x", now=link.now)
    a.send(4, 51, b"other streams go on", now=link.now)
    link.run(3.0)
    assert len(link.of(1, StreamMessage)) == 21
    assert link.of(1, StreamsReset) == [StreamsReset([3], True, 1)]
    assert link.of(0, StreamsReset) == [StreamsReset([3], False, 1)]
    a.send(3, 51, b"again", now=link.now)
    link.run(4.0)
    assert link.events[1][-1] == StreamMessage(3, 51, b"again")
    assert a.queue.streams[3].next_seq == 1


@pytest.mark.parametrize("seed", range(20))
def test_resets_in_both_directions_survive_a_bad_link(seed: int) -> None:
    link, a, b = up(Conditions(loss=0.3, reordering=0.3, duplication=0.2), seed=seed)
    for round_number in range(3):
        for stream in (0, 1):
            a.send(stream, 51, b"a%d" % round_number, now=link.now)
            b.send(stream, 51, b"b%d" % round_number, now=link.now)
        a.reset_streams([0, 1], now=link.now)
        b.reset_streams([0, 1], now=link.now)
        link.run(link.now + 40.0)
    for end, name in ((1, b"a"), (0, b"b")):
        for stream in (0, 1):
            got = [e.data for e in link.of(end, StreamMessage) if e.stream_id == stream]
            assert got == [name + b"%d" % i for i in range(3)]
        done = [e for e in link.of(end, StreamsReset) if not e.incoming]
        assert sorted(i for e in done for i in e.stream_ids) == [0, 0, 0, 1, 1, 1]
        assert all(e.result == ResetResult.PERFORMED for e in done)


def test_the_table_of_requests() -> None:
    """New, repeated, out of sequence, of kinds not offered. RFC 6525 §5.2."""
    _link, _a, b = up()
    seq = b.resets.expected_request
    tsn = b.inbound.cumulative & 0xFFFFFFFF  # type: ignore[union-attr]

    def outgoing(number: int, last_tsn: int = tsn) -> OutgoingResetRequest:
        return OutgoingResetRequest(request_seq=number, response_seq=0, last_tsn=last_tsn, stream_ids=[5])

    kind = ParameterType.OUTGOING_SSN_RESET_REQUEST
    assert [r.result for r in ask(b, kind, outgoing(seq + 5))] == [ResetResult.BAD_SEQUENCE_NUMBER]
    assert [r.result for r in ask(b, kind, outgoing(seq - 1))] == [ResetResult.BAD_SEQUENCE_NUMBER]
    assert b.take_events() == []
    assert [r.result for r in ask(b, kind, outgoing(seq, tsn + 3))] == [ResetResult.IN_PROGRESS]
    assert b.take_events() == []
    assert [r.result for r in ask(b, kind, outgoing(seq))] == [ResetResult.PERFORMED]
    assert b.take_events() == [StreamsReset([5], True, 1)]
    assert [r.result for r in ask(b, kind, outgoing(seq))] == [ResetResult.PERFORMED]
    assert b.take_events() == []  # repeated: answered, not done again
    request = SsnTsnResetRequest(request_seq=seq + 1)
    assert [r.result for r in ask(b, ParameterType.SSN_TSN_RESET_REQUEST, request)] == [ResetResult.DENIED]
    more = AddStreamsRequest(request_seq=seq + 2, new_streams=10)
    assert [r.result for r in ask(b, ParameterType.ADD_OUTGOING_STREAMS, more)] == [ResetResult.DENIED]
    b.send(7, 51, b"x", now=2.0)
    incoming = IncomingResetRequest(request_seq=seq + 3, stream_ids=[7])
    assert [r.result for r in ask(b, ParameterType.INCOMING_SSN_RESET_REQUEST, incoming)] == [
        ResetResult.PERFORMED
    ]
    assert b.resets.waiting == [7]


@pytest.mark.parametrize("streams", [[], [65535], [9, 9, 9], list(range(1000))])
def test_reset_of_unknown_streams_is_harmless(streams: list[int]) -> None:
    link, a, b = up()
    tsn = b.inbound.cumulative & 0xFFFFFFFF  # type: ignore[union-attr]
    request = OutgoingResetRequest(
        request_seq=b.resets.expected_request, response_seq=0, last_tsn=tsn, stream_ids=streams
    )
    assert len(ask(b, ParameterType.OUTGOING_SSN_RESET_REQUEST, request)) == 1
    a.send(1, 51, b"alive", now=link.now)
    link.run(5.0)
    assert StreamMessage(1, 51, b"alive") in link.events[1]


def test_a_response_nobody_waits_for_is_ignored() -> None:
    _, a, _ = up()
    for result in (0, 1, 2, 6, 99):
        ask(a, ParameterType.RECONFIG_RESPONSE, ReconfigResponse(response_seq=1, result=result))
    assert a.take_events() == []


def test_a_refused_reset_is_told_and_the_stream_goes_on() -> None:
    link, a, _b = up()
    a.reset_streams([2], now=link.now)
    seq = a.resets.next_request - 1 & 0xFFFFFFFF
    ask(a, ParameterType.RECONFIG_RESPONSE, ReconfigResponse(response_seq=seq, result=ResetResult.DENIED))
    assert a.take_events() == [StreamsReset([2], False, ResetResult.DENIED)]
    a.send(2, 51, b"still here", now=2.0)


def test_two_hundred_streams_go_in_several_requests() -> None:
    link, a, _ = up()
    a.reset_streams(list(range(300)), now=link.now)
    link.run(5.0)
    done = [e for e in link.of(0, StreamsReset) if not e.incoming]
    assert len(done) == 3 and sorted(i for e in done for i in e.stream_ids) == list(range(300))

"""Set-up, collisions, restart, tags, termination: RFC 9260 §5, §8, §9, case by case."""

from __future__ import annotations

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import InvalidStateError, OperationError, RtcRangeError
from rtcpy.core.tap import Tap
from rtcpy.sctp import (
    Aborted,
    Association,
    Established,
    MessageTooLargeError,
    Restarted,
    SctpConfig,
    ShutDown,
    State,
    StreamMessage,
)
from rtcpy.sctp.chunks import (
    AbortChunk,
    CookieAckChunk,
    CookieEchoChunk,
    DataChunk,
    ErrorChunk,
    HeartbeatAckChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    ShutdownAckChunk,
    ShutdownChunk,
    ShutdownCompleteChunk,
    UnknownChunk,
)
from rtcpy.sctp.handshake import Cookie, make_side, read_greeting
from rtcpy.sctp.packet import Packet, parse_packet
from rtcpy.sctp.parameters import CauseCode, HeartbeatInfo, Parameter, ParameterType, StateCookie
from rtcpy.sctp.states import TRANSITIONS, Input
from tests.sctp.link import Conditions, Link, associations, established


def quiet(**options: object) -> SctpConfig:
    """No heartbeats, no path MTU search: only what a test asks for."""
    return SctpConfig(heartbeat_interval=0, path_mtu_limit=1200, **options)  # type: ignore[arg-type]


def chunks_of(packets: list[bytes]) -> list[object]:
    return [chunk for packet in packets for chunk in parse_packet(packet).chunks]


def pair(**options: object) -> tuple[Link, Association, Association]:
    return established(a=quiet(**options), b=quiet(**options))


def inject(target: Association, *chunks: object, tag: int | None = None, now: float = 2.0) -> list[object]:
    """Give an association a packet made by hand; return the chunks it answers with."""
    if tag is None:
        tag = 0 if target.local is None else target.local.tag
    target.take_packets()
    target.receive(Packet(5000, 5000, tag, list(chunks)).serialize(), now=now)  # type: ignore[arg-type]
    return chunks_of(target.take_packets())


# -- set-up ---------------------------------------------------------------------------------------


def test_one_side_asks() -> None:
    link, a, b = associations(a=quiet(), b=quiet())
    link.keep_log = True
    a.start(now=0.0)
    link.run(1.0)
    assert a.state is b.state is State.ESTABLISHED
    kinds = [type(parse_packet(packet).chunks[0]) for _, _, packet in link.log]
    assert kinds == [InitChunk, InitAckChunk, CookieEchoChunk, CookieAckChunk]
    assert link.of(0, Established) == link.of(1, Established) == [Established(65535, 65535)]


def test_simultaneous_init_gives_one_association() -> None:
    link, a, b = associations(a=quiet(), b=quiet())
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    assert a.state is b.state is State.ESTABLISHED
    assert len(link.of(0, Established)) == len(link.of(1, Established)) == 1
    assert (a.remote.tag, b.remote.tag) == (b.local.tag, a.local.tag)  # type: ignore[union-attr]
    a.send(1, 51, b"hello", now=link.now)
    b.send(2, 51, b"you too", now=link.now)
    link.run(2.0)
    assert link.of(1, StreamMessage) == [StreamMessage(1, 51, b"hello")]
    assert link.of(0, StreamMessage) == [StreamMessage(2, 51, b"you too")]


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("lost", range(5))
def test_every_single_lost_packet_of_a_collision_is_repaired(end: int, lost: int) -> None:
    conditions = Conditions(drop=lambda e, n, _: (e, n) == (end, lost))
    link, a, b = associations(conditions, a=quiet(), b=quiet())
    a.send(0, 51, b"early", now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(8.0)
    assert a.state is b.state is State.ESTABLISHED
    assert link.of(1, StreamMessage) == [StreamMessage(0, 51, b"early")]
    assert link.of(0, StreamMessage) == []


def test_a_side_that_lets_its_peer_go_first_saves_the_second_handshake() -> None:
    link, a, b = associations(a=quiet(), b=quiet())
    link.keep_log = True
    a.start(now=0.0)
    link.run(stop=lambda: bool(link.wire))
    b.send(0, 51, b"early", now=link.wire[0][0])
    b.start(after_peer=True, now=link.wire[0][0])  # what arrives in the same instant is read first
    link.run(1.0)
    assert a.state is b.state is State.ESTABLISHED
    kinds = [type(parse_packet(packet).chunks[0]) for _, _, packet in link.log[:4]]
    assert kinds == [InitChunk, InitAckChunk, CookieEchoChunk, CookieAckChunk]
    assert link.of(0, StreamMessage) == [StreamMessage(0, 51, b"early")]
    assert sum(isinstance(chunk, InitChunk) for chunk in chunks_of([p for _, _, p in link.log])) == 1


def test_a_peer_that_does_not_ask_is_asked_in_the_same_instant() -> None:
    link, a, b = associations(a=quiet(), b=quiet())
    b.start(after_peer=True, now=3.0)
    assert b.take_packets() == [] and b.next_timeout() == 3.0
    b.handle_timeout(now=3.0)
    assert b.state is State.COOKIE_WAIT
    link.run(4.0)
    assert a.state is b.state is State.ESTABLISHED


@pytest.mark.parametrize("round_trip", [0.001, 0.1])
def test_our_init_goes_out_when_nothing_comes_of_the_peers(round_trip: float) -> None:
    _, _, b = associations(a=quiet(), b=quiet())
    b.congestion.expect(round_trip)
    init = InitChunk(initiate_tag=77, a_rwnd=9999, outbound_streams=1, inbound_streams=1, initial_tsn=1)
    (answer,) = inject(b, init, tag=0, now=1.0)
    assert isinstance(answer, InitAckChunk)
    b.start(now=1.0)
    b.handle_timeout(now=1.0)
    assert b.take_packets() == [] and b.state is State.CLOSED
    held = b.next_timeout()
    assert held == pytest.approx(1.0 + max(2 * round_trip, 0.02))
    b.handle_timeout(now=held)
    (ours,) = chunks_of(b.take_packets())
    assert isinstance(ours, InitChunk) and b.state is State.COOKIE_WAIT


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("lost", range(5))
def test_every_single_lost_packet_is_repaired_when_one_side_waits(end: int, lost: int) -> None:
    conditions = Conditions(drop=lambda e, n, _: (e, n) == (end, lost))
    link, a, b = associations(conditions, a=quiet(), b=quiet())
    a.send(0, 51, b"early", now=0.0)
    a.start(now=0.0)
    link.run(stop=lambda: bool(link.wire) or link.now > 0)
    b.start(after_peer=True, now=link.conditions.delay)
    link.run(8.0)
    assert a.state is b.state is State.ESTABLISHED
    assert link.of(1, StreamMessage) == [StreamMessage(0, 51, b"early")]


def test_a_cookie_for_our_answer_is_good_after_our_own_init_too() -> None:
    """Our INIT, held back and then sent, has the tag that our INIT ACK had: a late COOKIE ECHO still fits (§5.2.4 (B))."""
    lost = {(0, 1), (1, 1)}  # the first COOKIE ECHO, and our own INIT after it
    link, a, b = associations(Conditions(drop=lambda e, n, _: (e, n) in lost), a=quiet(), b=quiet())
    b.congestion.expect(0.02)
    a.start(now=0.0)
    link.run(stop=lambda: bool(link.wire))
    b.start(after_peer=True, now=link.conditions.delay)
    link.run(8.0, stop=lambda: a.state is b.state is State.ESTABLISHED)
    assert a.state is b.state is State.ESTABLISHED
    assert a.dropped == b.dropped == 0


def test_init_that_arrives_late_finds_the_association_and_leaves_it() -> None:
    _, _a, b = pair()
    before = (b.local, b.remote)
    init = InitChunk(initiate_tag=77, a_rwnd=9999, outbound_streams=1, inbound_streams=1, initial_tsn=1)
    (answer,) = inject(b, init, tag=0)
    assert isinstance(answer, InitAckChunk)
    assert answer.initiate_tag != b.local.tag  # type: ignore[union-attr] # §5.2.2: a new tag
    assert (b.local, b.remote) == before and b.state is State.ESTABLISHED


def test_restart_of_the_peer_is_told_and_data_flows_again() -> None:
    link, a, b = pair()
    a.send(0, 51, b"before", now=link.now)
    link.run(2.0)
    fresh = Association(quiet(), entropy=SeededEntropy("again"))
    link.ends = (fresh, b)
    fresh.start(now=link.now)
    link.run(4.0)
    assert fresh.state is b.state is State.ESTABLISHED
    assert len(link.of(1, Restarted)) == 1
    fresh.send(0, 51, b"after", now=link.now)
    b.send(0, 51, b"answer", now=link.now)
    link.run(6.0)
    assert [event.data for event in link.of(1, StreamMessage)] == [b"before", b"after"]
    assert [event.data for event in link.of(0, StreamMessage)] == [b"answer"]


def test_streams_are_negotiated_down_to_the_peers_limits() -> None:
    link, a, b = established(a=quiet(), b=quiet(outbound_streams=2048, inbound_streams=1024))
    assert (a.outbound_streams, a.inbound_streams) == (1024, 2048)
    assert (b.outbound_streams, b.inbound_streams) == (2048, 1024)
    with pytest.raises(RtcRangeError):
        a.send(1024, 51, b"x", now=link.now)


def test_cookie_that_was_tampered_with_is_refused_bit_by_bit() -> None:
    b = Association(quiet(), entropy=SeededEntropy(1))
    init = InitChunk(initiate_tag=7, a_rwnd=9999, outbound_streams=1, inbound_streams=1, initial_tsn=1)
    (ack,) = inject(b, init, tag=0, now=0.0)
    assert isinstance(ack, InitAckChunk)
    cookie = next(p.value.cookie for p in ack.parameters if isinstance(p.value, StateCookie))
    for at in range(len(cookie)):
        bad = cookie[:at] + bytes([cookie[at] ^ 0x40]) + cookie[at + 1 :]
        assert inject(b, CookieEchoChunk(cookie=bad), tag=ack.initiate_tag, now=0.1) == []
        assert b.state is State.CLOSED
    for cut in (0, 1, 31, 32, len(cookie) - 1):
        assert inject(b, CookieEchoChunk(cookie=cookie[:cut]), tag=ack.initiate_tag, now=0.1) == []
    assert inject(b, CookieEchoChunk(cookie=cookie), tag=ack.initiate_tag ^ 1, now=0.1) == []
    assert isinstance(
        inject(b, CookieEchoChunk(cookie=cookie), tag=ack.initiate_tag, now=0.2)[0], CookieAckChunk
    )
    assert b.state is State.ESTABLISHED


def test_stale_cookie_is_answered_with_its_age_and_setup_begins_again() -> None:
    b = Association(quiet(), entropy=SeededEntropy(1))
    init = InitChunk(initiate_tag=7, a_rwnd=9999, outbound_streams=1, inbound_streams=1, initial_tsn=1)
    (ack,) = inject(b, init, tag=0, now=0.0)
    assert isinstance(ack, InitAckChunk)
    cookie = next(p.value.cookie for p in ack.parameters if isinstance(p.value, StateCookie))
    (error,) = inject(b, CookieEchoChunk(cookie=cookie), tag=ack.initiate_tag, now=62.5)
    assert isinstance(error, ErrorChunk) and error.causes[0].code == CauseCode.STALE_COOKIE
    assert int.from_bytes(error.causes[0].info, "big") == 2_500_000  # microseconds
    assert b.state is State.CLOSED

    link, a, b = associations(a=quiet(), b=quiet(cookie_lifetime=0.015), conditions=Conditions(delay=0.01))
    a.start(now=0.0)
    link.run(0.035)
    assert a.state is State.COOKIE_ECHOED
    b.config.cookie_lifetime = 60.0
    link.run(3.0)
    assert a.state is b.state is State.ESTABLISHED


def test_collision_table_case_by_case() -> None:
    """RFC 9260 §5.2.4, table 12."""
    _link, a, b = associations(a=quiet(), b=quiet())
    a.start(now=0.0)
    (init_packet,) = a.take_packets()
    b.start(now=0.0)
    b.take_packets()
    b.receive(init_packet, now=0.0)
    (ack_packet,) = b.take_packets()
    a.receive(ack_packet, now=0.0)
    (echo_packet,) = a.take_packets()
    assert b.state is State.COOKIE_WAIT
    b.receive(echo_packet, now=0.0)  # (B): our tag, the peer's unknown yet
    assert b.state is State.ESTABLISHED
    assert isinstance(chunks_of(b.take_packets())[0], CookieAckChunk)
    b.receive(echo_packet, now=0.0)  # (D): the same again, its COOKIE ACK may have been lost
    assert b.state is State.ESTABLISHED
    assert isinstance(chunks_of(b.take_packets())[0], CookieAckChunk)
    assert len([e for e in b.take_events() if isinstance(e, Established)]) == 1
    # (C): a cookie for the same peer, but of a tag of ours that is no more, without tie-tags
    c = Association(quiet(), entropy=SeededEntropy("b0"))
    c.receive(init_packet, now=0.0)
    c.take_packets()
    greeting = read_greeting(next(ch for ch in chunks_of([init_packet]) if isinstance(ch, InitChunk)))
    other = make_side(quiet(), SeededEntropy("an earlier life"))
    cookie = c._setup._jar.seal(Cookie(0.0, other, greeting.side, 0, 0))
    c.start(now=0.0)
    c.take_packets()
    c.receive(init_packet, now=0.0)
    new = next(ch for ch in chunks_of(c.take_packets()) if isinstance(ch, InitAckChunk))
    fresh = next(p.value.cookie for p in new.parameters if isinstance(p.value, StateCookie))
    assert isinstance(
        inject(c, CookieEchoChunk(cookie=fresh), tag=new.initiate_tag, now=0.0)[0], CookieAckChunk
    )
    assert inject(c, CookieEchoChunk(cookie=cookie), tag=other.tag, now=0.0) == []
    assert c.state is State.ESTABLISHED and c.local.tag == new.initiate_tag  # type: ignore[union-attr]


@pytest.mark.parametrize("field", ["a_rwnd", "outbound_streams", "inbound_streams"])
def test_init_with_forbidden_values_is_aborted_without_a_trace(field: str) -> None:
    b = Association(quiet(), entropy=SeededEntropy(1))
    values = {
        "initiate_tag": 7,
        "a_rwnd": 1500,
        "outbound_streams": 1,
        "inbound_streams": 1,
        "initial_tsn": 0,
    }
    (answer,) = inject(b, InitChunk(**values | {field: 0}), tag=0)
    assert isinstance(answer, AbortChunk) and not answer.reflected
    assert b.state is State.CLOSED
    assert isinstance(inject(b, InitChunk(**values), tag=0)[0], InitAckChunk)


def test_init_with_tag_zero_or_in_company_is_dropped_in_silence() -> None:
    b = Association(quiet(), entropy=SeededEntropy(1))
    init = InitChunk(initiate_tag=0, a_rwnd=1500, outbound_streams=1, inbound_streams=1, initial_tsn=0)
    assert inject(b, init, tag=0) == []
    init.initiate_tag = 5
    assert inject(b, init, tag=9) == []
    assert inject(b, init, CookieAckChunk(), tag=0) == []
    assert b.dropped == 3


def test_unknown_parameters_are_reported_skipped_or_end_the_reading() -> None:
    b = Association(quiet(), entropy=SeededEntropy(1))
    parameters = [
        Parameter(type=0x8002, value=bytes(32)),  # AUTH's Random: known, unused
        Parameter(type=0xC099, value=b"report"),
        Parameter(type=0x8099, value=b"skip"),
        Parameter(type=0x4099, value=b"report and stop"),
        Parameter(type=0xC098, value=b"never seen"),
    ]
    init = InitChunk(
        initiate_tag=5,
        a_rwnd=1500,
        outbound_streams=1,
        inbound_streams=1,
        initial_tsn=0,
        parameters=parameters,
    )
    (ack,) = inject(b, init, tag=0)
    assert isinstance(ack, InitAckChunk)
    reported = [p.value for p in ack.parameters if p.type == ParameterType.UNRECOGNIZED_PARAMETER]
    assert reported == [parameters[1].serialize(), parameters[3].serialize()]


def test_a_flood_of_inits_leaves_no_state() -> None:
    _, _a, b = pair()
    state = (b.local, b.remote, b.timers.next_timeout())
    for tag in range(1, 2001):
        init = InitChunk(initiate_tag=tag, a_rwnd=1500, outbound_streams=1, inbound_streams=1, initial_tsn=0)
        answers = inject(b, init, tag=0)
        assert len(answers) == 1
    assert (b.local, b.remote, b.timers.next_timeout()) == state
    assert b.state is State.ESTABLISHED and not b.control


def test_only_one_side_without_forward_tsn_or_reconfig_is_accepted() -> None:
    """A peer with nothing but Supported Extensions, or with nothing at all."""
    b = Association(quiet(), entropy=SeededEntropy(1))
    init = InitChunk(initiate_tag=5, a_rwnd=1500, outbound_streams=1, inbound_streams=1, initial_tsn=0)
    (ack,) = inject(b, init, tag=0)
    assert isinstance(ack, InitAckChunk)
    cookie = next(p.value.cookie for p in ack.parameters if isinstance(p.value, StateCookie))
    inject(b, CookieEchoChunk(cookie=cookie), tag=ack.initiate_tag)
    assert b.state is State.ESTABLISHED and not b.can_reset_streams
    with pytest.raises(InvalidStateError):
        b.reset_streams([0], now=2.0)


@pytest.mark.parametrize(
    ("a_offers", "b_offers"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_zero_checksum_only_when_both_agree(a_offers: bool, b_offers: bool) -> None:
    """RFC 9653 §5.2; INIT and COOKIE ECHO carry a checksum in any case."""
    link, a, b = associations(a=quiet(zero_checksum=a_offers), b=quiet(zero_checksum=b_offers))
    link.keep_log = True
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    a.send(0, 51, b"hello", now=link.now)
    link.run(2.0)
    assert len(link.of(1, StreamMessage)) == 1
    zero = {type(parse_packet(p).chunks[0]) for _, _, p in link.log if p[8:12] == bytes(4)}
    assert zero.isdisjoint({InitChunk, InitAckChunk, CookieEchoChunk})
    assert (DataChunk in zero) == (a_offers and b_offers)


# -- tags, out of the blue ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunk",
    [
        DataChunk(tsn=0, stream_id=0, stream_seq=0, ppid=51, user_data=b"x"),
        SackChunk(cumulative_tsn=0, a_rwnd=0),
        ShutdownChunk(cumulative_tsn=0),
        ShutdownAckChunk(),
        ShutdownCompleteChunk(),
        AbortChunk(),
        CookieAckChunk(),
        HeartbeatChunk(parameters=[]),
    ],
    ids=lambda c: type(c).__name__,
)
def test_a_wrong_verification_tag_changes_nothing(chunk: object) -> None:
    _, a, _ = pair()
    tag = a.local.tag ^ 0x10000  # type: ignore[union-attr]
    assert inject(a, chunk, tag=tag) == []
    assert a.state is State.ESTABLISHED and a.take_events() == [] and a.dropped == 1


def test_abort_with_the_reflected_tag_counts_only_with_the_t_bit() -> None:
    for reflected in (False, True):
        _, a, _ = pair()
        inject(a, AbortChunk(reflected=reflected), tag=a.remote.tag)  # type: ignore[union-attr]
        assert (a.state is State.CLOSED) is reflected


def test_wrong_ports_and_wrong_checksums_are_dropped() -> None:
    _, a, _ = established(a=quiet(zero_checksum=False), b=quiet())
    good = Packet(5000, 5000, a.local.tag, [AbortChunk()])  # type: ignore[union-attr]
    raw = good.serialize()
    a.receive(raw[:8] + bytes(4) + raw[12:], now=2.0)  # zero was not agreed
    a.receive(raw[:-1] + b"\1", now=2.0)
    good.source_port = 5001
    a.receive(good.serialize(), now=2.0)
    assert a.state is State.ESTABLISHED and a.dropped == 3


@pytest.mark.parametrize(
    ("chunk", "answer"),
    [
        (DataChunk(tsn=0, stream_id=0, stream_seq=0, ppid=51, user_data=b"x"), AbortChunk(reflected=True)),
        (ShutdownAckChunk(), ShutdownCompleteChunk(reflected=True)),
        (AbortChunk(), None),
        (ShutdownCompleteChunk(), None),
        (CookieAckChunk(), None),
    ],
    ids=lambda c: type(c).__name__,
)
def test_out_of_the_blue(chunk: object, answer: object) -> None:
    """RFC 9260 §8.4."""
    a = Association(quiet(), entropy=SeededEntropy(1))
    a.receive(Packet(5000, 5000, 99, [chunk]).serialize(), now=0.0)  # type: ignore[list-item]
    packets = [parse_packet(packet) for packet in a.take_packets()]
    assert [packet.chunks[0] for packet in packets] == ([] if answer is None else [answer])
    assert all(packet.verification_tag == 99 for packet in packets)


# -- chunks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reports", "goes_on"),
    [(0x3F, False, False), (0x7F, True, False), (0xBF, False, True), (0xFF, True, True)],
)
def test_high_bits_say_what_to_do_with_unknown_chunks(kind: int, reports: bool, goes_on: bool) -> None:
    """RFC 9260 §3.2, table 2."""
    _, a, _ = pair()
    info = Parameter(type=ParameterType.HEARTBEAT_INFO, value=HeartbeatInfo(info=b"tick"))
    unknown = UnknownChunk(type=kind, flags=0, value=b"what")
    answers = inject(a, unknown, HeartbeatChunk(parameters=[info]))
    assert any(isinstance(x, ErrorChunk) and x.causes[0].code == 6 for x in answers) is reports
    assert any(isinstance(x, HeartbeatAckChunk) and x.parameters == [info] for x in answers) is goes_on
    assert a.state is State.ESTABLISHED


def test_heartbeats_are_sent_into_silence_and_answered() -> None:
    link, a, _b = established(a=SctpConfig(path_mtu_limit=1200), b=quiet())
    link.keep_log = True
    link.run(100.0)
    kinds = [type(parse_packet(packet).chunks[0]) for _, _, packet in link.log]
    assert kinds == [HeartbeatChunk, HeartbeatAckChunk] * 3
    a.close(now=link.now)
    link.run(200.0)
    assert a.next_timeout() is None


def test_data_without_user_data_aborts() -> None:
    _, a, _ = pair()
    tsn = a.inbound.cumulative + 1 & 0xFFFFFFFF  # type: ignore[union-attr]
    (answer,) = inject(a, DataChunk(tsn=tsn, stream_id=0, stream_seq=0, ppid=51, user_data=b""))
    assert isinstance(answer, AbortChunk) and answer.causes[0].code == CauseCode.NO_USER_DATA
    assert isinstance(a.take_events()[0], Aborted)


def test_data_on_a_stream_that_does_not_exist_is_acknowledged_and_reported() -> None:
    _, a, _ = established(a=quiet(inbound_streams=4), b=quiet())
    tsn = a.inbound.cumulative + 1 & 0xFFFFFFFF  # type: ignore[union-attr]
    answers = inject(a, DataChunk(tsn=tsn, stream_id=4, stream_seq=0, ppid=51, user_data=b"x"))
    error = next(x for x in answers if isinstance(x, ErrorChunk))
    assert (error.causes[0].code, error.causes[0].info) == (CauseCode.INVALID_STREAM_IDENTIFIER, b"\0\4\0\0")
    assert next(x for x in answers if isinstance(x, SackChunk)).cumulative_tsn == tsn
    assert a.take_events() == []


# -- sending: limits ---------------------------------------------------------------------------------


def test_send_refuses_what_it_must() -> None:
    link, a, _ = established(a=quiet(remote_max_message_size=1000, send_buffer_limit=50_000), b=quiet())
    with pytest.raises(MessageTooLargeError) as caught:
        a.send(0, 51, bytes(1001), now=link.now)
    assert isinstance(caught.value, TypeError) and caught.value.name == "TypeError"
    with pytest.raises(RtcRangeError):
        a.send(0, 51, b"", now=link.now)
    with pytest.raises(OperationError):
        for _ in range(100):
            a.send(0, 51, bytes(1000), now=link.now)
    assert 49_000 <= a.buffered_amount(0) <= 50_000
    a.set_remote_max_message_size(0)
    link.run(3.0)
    a.send(0, 51, bytes(300_000), now=link.now)  # no limit now
    a.close(now=link.now)
    with pytest.raises(InvalidStateError):
        a.send(0, 51, b"x", now=link.now)


# -- the end -----------------------------------------------------------------------------------------


def test_shutdown_delivers_everything_first() -> None:
    link, a, b = established(Conditions(loss=0.2), a=quiet(), b=quiet(), seed=5)
    for i in range(100):
        a.send(0, 51, b"%d" % i * 300, now=link.now)
    b.send(0, 51, b"from here too", now=link.now)
    a.shutdown(now=link.now)
    with pytest.raises(InvalidStateError):
        a.send(0, 51, b"late", now=link.now)
    link.run(60.0)
    assert [e.data for e in link.of(1, StreamMessage)] == [b"%d" % i * 300 for i in range(100)]
    assert [e.data for e in link.of(0, StreamMessage)] == [b"from here too"]
    assert a.state is b.state is State.CLOSED
    assert len(link.of(0, ShutDown)) == len(link.of(1, ShutDown)) == 1
    assert a.next_timeout() is b.next_timeout() is None


def test_both_shut_down_at_once() -> None:
    link, a, b = pair()
    a.shutdown(now=link.now)
    b.shutdown(now=link.now)
    link.run(5.0)
    assert a.state is b.state is State.CLOSED
    assert len(link.of(0, ShutDown)) == len(link.of(1, ShutDown)) == 1


@pytest.mark.parametrize("lost", range(3))
@pytest.mark.parametrize("end", [0, 1])
def test_a_lost_shutdown_packet_is_repeated(end: int, lost: int) -> None:
    link, a, b = pair()
    base = link.packets_sent[end]
    link.conditions = Conditions(drop=lambda e, n, _: (e, n) == (end, base + lost))
    a.shutdown(now=link.now)
    link.run(20.0)
    assert a.state is b.state is State.CLOSED


def test_abort_carries_its_reason_and_is_not_answered() -> None:
    link, a, b = pair()
    a.abort("had enough", now=link.now)
    link.run(2.0)
    (event,) = link.of(1, Aborted)
    assert (event.reason, event.cause, event.by_peer) == ("had enough", CauseCode.USER_INITIATED_ABORT, True)
    assert a.state is b.state is State.CLOSED
    assert link.packets_sent[1] == 3 or not link.wire


def test_closed_is_final() -> None:
    link, a, _b = pair()
    a.close(now=link.now)
    packets = a.take_packets()
    assert [type(chunk) for chunk in chunks_of(packets)] == [AbortChunk]
    a.close(now=link.now)
    for chunk in (ShutdownAckChunk(), CookieAckChunk(), AbortChunk()):
        a.receive(Packet(5000, 5000, 1, [chunk]).serialize(), now=link.now)
    assert a.take_packets() == [] and a.take_events() == [] and a.next_timeout() is None
    with pytest.raises(InvalidStateError):
        a.start(now=link.now)


def test_limits_on_retransmission_are_kept_when_set() -> None:
    config = quiet(max_init_retransmits=3, max_association_retransmits=4)
    link, a, _ = associations(Conditions(loss=1.0), a=config, b=quiet())
    a.start(now=0.0)
    link.run(100.0)
    assert link.packets_sent[0] == 4 and isinstance(link.events[0][-1], Aborted)

    link, a, _ = established(Conditions(loss=1.0), a=config, b=quiet())
    a.send(0, 51, b"into the void", now=link.now)
    link.run(200.0)
    assert isinstance(link.events[0][-1], Aborted) and a.next_timeout() is None


def test_an_outage_is_survived_and_the_window_comes_back() -> None:
    link, a, _ = established(a=quiet(), b=quiet())
    for i in range(50):
        a.send(0, 51, b"%03d" % i * 500, now=link.now)
    link.conditions = Conditions(loss=1.0)
    link.run(link.now + 35)
    link.conditions = Conditions()
    a.path_changed(now=link.now)
    at = link.now
    link.run(at + 3.0)
    assert len(link.of(1, StreamMessage)) == 50
    b_last = link.events[1][-1]
    assert isinstance(b_last, StreamMessage)


# -- the table ---------------------------------------------------------------------------------------


def test_the_state_table_is_complete_where_it_must_be() -> None:
    assert all((state, Input.END) in TRANSITIONS for state in State)
    reachable = {State.CLOSED}
    while more := {TRANSITIONS[s, i] for s, i in TRANSITIONS if s in reachable} - reachable:
        reachable |= more
    assert reachable == set(State)


CONTROL = [
    CookieAckChunk(),
    ShutdownChunk(cumulative_tsn=0),
    ShutdownAckChunk(),
    ShutdownCompleteChunk(),
    SackChunk(cumulative_tsn=0, a_rwnd=0),
    DataChunk(tsn=0, stream_id=0, stream_seq=0, ppid=51, user_data=b"x"),
    InitAckChunk(initiate_tag=5, a_rwnd=2000, outbound_streams=1, inbound_streams=1, initial_tsn=0),
    InitChunk(initiate_tag=5, a_rwnd=2000, outbound_streams=1, inbound_streams=1, initial_tsn=0),
    CookieEchoChunk(cookie=b"crumbs"),
    AbortChunk(),
    ErrorChunk(causes=[]),
    HeartbeatChunk(parameters=[]),
    HeartbeatAckChunk(parameters=[]),
]


def in_state(state: State) -> Association:
    """An association in the given state."""
    link, a, b = associations(a=quiet(), b=quiet())
    if state is State.CLOSED:
        return a
    a.start(now=0.0)
    if state is State.COOKIE_WAIT:
        return a
    if state is State.COOKIE_ECHOED:
        link.run(0.025)
        return a
    link.run(1.0)
    if state in (State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED):
        link.conditions = Conditions(drop=lambda e, n, p: p[12] == 0 and e == 0)
        a.send(0, 51, b"never arrives", now=link.now)
        (a if state is State.SHUTDOWN_PENDING else b).shutdown(now=link.now)
        link.run(1.05)
    elif state is State.SHUTDOWN_SENT:
        a.shutdown(now=link.now)
    elif state is State.SHUTDOWN_ACK_SENT:
        b.shutdown(now=link.now)
        link.run(1.011)
    return a


@pytest.mark.parametrize("state", list(State), ids=lambda s: s.value)
@pytest.mark.parametrize("chunk", CONTROL, ids=lambda c: type(c).__name__)
def test_every_chunk_in_every_state_moves_only_as_the_table_says(state: State, chunk: object) -> None:
    a = in_state(state)
    assert a.state is state
    moves: list[tuple[str, str]] = []

    class Watch(Tap):
        def state(self, layer: str, what: str, old: str, new: str, *, now: float) -> None:
            moves.append((old, new))

    a._tap = Watch()
    tag = 0 if isinstance(chunk, InitChunk) or a.local is None else a.local.tag
    a.receive(Packet(5000, 5000, tag, [chunk]).serialize(), now=1.2)  # type: ignore[list-item]
    a.handle_timeout(now=1.2)
    allowed = {(old.value, new.value) for (old, _), new in TRANSITIONS.items()}
    assert set(moves) <= allowed
    assert [old for old, _ in moves] == [state.value, *(new for _, new in moves)][: len(moves)]
    assert a.state.value == (moves[-1][1] if moves else state.value)


def test_a_peer_that_throws_unknown_parameters_away_with_their_chunk_is_reached() -> None:
    """Pion 3.1 does: the third INIT and the answer to it hold nothing that it may not know."""

    def unknown(_end: int, _number: int, packet: bytes) -> bool:
        return b"\xbf\xf0" in packet or b"\x80\x01" in packet

    link, a, b = associations(Conditions(drop=unknown), a=quiet(), b=quiet())
    link.keep_log = True
    a.start(now=0.0)
    link.run(20.0)
    assert a.state is b.state is State.ESTABLISHED
    inits = [p for _, end, p in link.log if end == 0 and isinstance(parse_packet(p).chunks[0], InitChunk)]
    assert [unknown(0, 0, p) for p in inits] == [True, True, False]

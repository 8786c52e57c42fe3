"""Path MTU discovery and black holes (RFC 8899)."""

from __future__ import annotations

import pytest

from rtcpy.sctp import Association, SctpConfig, StreamMessage
from rtcpy.sctp.packet import parse_packet
from rtcpy.sctp.pmtud import PathMtu
from tests.sctp.link import Conditions, Link, associations, established


def config(**options: object) -> SctpConfig:
    return SctpConfig(**{"heartbeat_interval": 0, "remote_max_message_size": 0} | options)  # type: ignore[arg-type]


def ask_for_more(link: Link, a: Association) -> None:
    """Send what no packet of the base size holds, and wait until that has been settled."""
    a.send(0, 53, bytes(20_000), now=link.now)
    link.run(link.now + 1.0)
    link.events[1].clear()


def test_a_chat_sends_no_probe() -> None:
    link, a, b = established(a=config(), b=config())
    link.keep_log = True
    for i in range(50):
        for end in (a, b):
            end.send(i % 3, 51, b"how do you do" * 80, now=link.now)
            link.run(link.now + 0.1)
    link.run(link.now + 700.0)
    assert a.max_packet_size == b.max_packet_size == 1160
    assert len(link.of(1, StreamMessage)) == 50
    assert {type(c).__name__ for _, _, p in link.log for c in parse_packet(p).chunks} == {
        "DataChunk",
        "SackChunk",
    }


@pytest.mark.parametrize("messages", [[bytes(1_400)], [bytes(400)] * 60])
def test_the_search_begins_when_more_waits_than_a_packet_holds(messages: list[bytes]) -> None:
    """One large message, or a heap of small ones; only the end that has them asks."""
    link, a, b = established(a=config(), b=config())
    for message in messages:
        a.send(0, 53, message, now=link.now)
    link.run(link.now + 1.0)
    assert a.max_packet_size == 16384
    assert b.max_packet_size == 1160
    assert [e.data for e in link.of(1, StreamMessage)] == messages


def test_what_waited_for_the_set_up_begins_the_search_with_it() -> None:
    link, a, b = associations(a=config(), b=config())
    a.send(0, 53, bytes(50_000), now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    assert a.max_packet_size == 16384
    assert b.max_packet_size == 1160


def test_a_path_without_limit_carries_whole_dtls_records_after_one_round_trip() -> None:
    link, a, _ = established(a=config(), b=config())
    ask_for_more(link, a)
    assert a.max_packet_size == 16384
    a.congestion.cwnd = 1 << 20
    link.keep_log = True
    a.send(0, 53, bytes(160_000), now=link.now)
    link.run(3.0)
    assert max(len(packet) for _, _, packet in link.log) == 16384
    assert link.of(1, StreamMessage)[0].data == bytes(160_000)


@pytest.mark.parametrize(
    ("payload", "found"), [(1472, 1472), (1500, 1472), (1300, 1280), (9000, 8972), (1200, 1200)]
)
def test_the_search_finds_the_size_of_real_links(payload: int, found: int) -> None:
    overhead = 37
    link, a, _b = established(a=config(), b=config(), seed=1)
    ask_for_more(link, a)
    assert a.max_packet_size == 16384  # found before the conditions held
    link.conditions = Conditions(mtu=payload - overhead)
    a.path_changed(now=link.now)
    assert a.max_packet_size == 1200 - overhead & ~3
    link.run(link.now + 60)
    assert a.max_packet_size == found - overhead & ~3


def test_strangers_are_probed_without_a_chunk_type_that_they_may_not_know() -> None:
    """werift 0.25 throws on PAD, and its process ends."""
    link, a, _b = established(a=config(), b=config())
    ask_for_more(link, a)
    assert a.remote is not None
    a.remote.largest_packet = 0
    a.path.limit_to(0)
    link.keep_log = True
    a.path_changed(now=link.now)
    link.run(link.now + 5.0)
    assert a.max_packet_size == 1432
    sent = [packet for _, end, packet in link.log if end == 0]
    assert [[type(c).__name__ for c in parse_packet(p).chunks] for p in sent] == [
        ["HeartbeatChunk", "DataChunk"]
    ]
    assert len(sent[0]) == 1432
    assert not link.of(1, StreamMessage)  # a duplicate: acknowledged, not delivered


def test_a_fixed_path_mtu_sends_no_probe() -> None:
    link, a, _ = established(a=config(path_mtu_limit=1200), b=config(path_mtu_limit=1200))
    a.send(0, 53, bytes(100_000), now=link.now)
    link.keep_log = True
    link.run(60.0)
    assert a.max_packet_size == 1160
    assert max(len(packet) for _, _, packet in link.log) <= 1163
    assert not any(
        type(c).__name__ == "HeartbeatChunk" for _, _, p in link.log for c in parse_packet(p).chunks
    )


@pytest.mark.parametrize("unordered", [False, True])
def test_a_path_that_shrinks_under_way_is_survived(unordered: bool) -> None:
    """The large chunks that it swallows are sent again in smaller ones; each message arrives once."""
    link, a, b = established(a=config(), b=config())
    messages = [bytes([i]) * 50_000 for i in range(12)]
    for message in messages:
        a.send(0, 53, message, unordered=unordered, now=link.now)
    link.run(link.now + 0.015)
    link.conditions = Conditions(mtu=1400)
    link.run(link.now + 60.0)
    assert a.max_packet_size <= 1400
    got = [e.data for e in link.of(1, StreamMessage)]
    assert sorted(got) == sorted(messages)
    if not unordered:
        assert got == messages
    assert a.outbound is not None and not a.outbound.outstanding
    assert b.inbound is not None and b.inbound.held == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_shrinking_path_with_loss_delivers_each_message_once(seed: int) -> None:
    link, a, _b = established(a=config(), b=config(), seed=seed)
    messages = [bytes([i]) * (7_000 * i + 1) for i in range(14)]
    for i, message in enumerate(messages):
        a.send(i % 3, 53, message, now=link.now)
    link.conditions = Conditions(loss=0.1, reordering=0.2)
    link.run(link.now + 0.05)
    link.conditions = Conditions(loss=0.1, reordering=0.2, mtu=1300)
    link.run(link.now + 200.0)
    for stream in range(3):
        assert [e.data for e in link.of(1, StreamMessage) if e.stream_id == stream] == messages[stream::3]


def test_larger_packets_come_back_when_the_path_does() -> None:
    link, a, _ = established(a=config(), b=config())
    a.send(0, 53, bytes(300_000), now=link.now)
    link.conditions = Conditions(mtu=1300)
    link.run(link.now + 20.0)
    assert a.max_packet_size < 1300
    link.conditions = Conditions()
    link.run(link.now + 700.0)
    assert a.max_packet_size == 16384


def test_the_sizes_are_those_that_the_lower_layers_can_carry() -> None:
    for mtu, limit, overhead in [(1200, 16421, 37), (1200, 65535, 22), (1200, 1200, 73), (1280, 1300, 37)]:
        path = PathMtu(SctpConfig(path_mtu=mtu, path_mtu_limit=limit, lower_overhead=overhead))
        path.wanted = True
        path.restart(0.0)
        sizes = {path.size}
        now = 0.0
        while path.deadline is not None and path.deadline < 100.0:
            now = path.deadline
            probe = path.take_probe(now)
            if probe is not None:
                sizes.add(probe)
        assert all(size % 4 == 0 and size + overhead <= max(limit, mtu) and size <= 16384 for size in sizes)
        assert min(sizes) == (mtu - overhead) & ~3

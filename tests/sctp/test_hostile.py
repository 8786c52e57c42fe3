"""Hostile input into connected associations: nothing raises, memory stays bounded, data still flows."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.sctp import ChannelMessage, DataChannels, SctpConfig, State, StreamMessage
from rtcpy.sctp.chunks import ForwardTsnChunk, SackChunk, SkippedStream, write_data
from rtcpy.sctp.packet import Packet, PacketWriter
from tests.profile import scale
from tests.sctp.link import channels, established

DATA = Path(__file__).parent.parent / "data" / "sctp"
SEEDS = [bytes.fromhex(e["packet"]) for e in json.loads((DATA / "captured.json").read_text())["packets"]] + [
    bytes.fromhex(raw) for raw in json.loads((DATA / "webrtc-corpus.json").read_text())["inputs"].values()
]
CONFIG = {"heartbeat_interval": 0, "path_mtu_limit": 1200}


def mutated(rng: random.Random, raw: bytes) -> bytes:
    """A few bytes changed, cut, doubled."""
    out = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(12, len(out)) if len(out) > 12 else 0
        match rng.randrange(5):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at : at + 2] = rng.choice([b"\0\0", b"\0\1", b"\0\3", b"\0\4", b"\xff\xff", b"\x80\0"])
            case 2:
                del out[at:]
            case 3:
                out[at:at] = out[at : at + rng.randint(1, 40)]
            case 4:
                out[at : at + 4] = rng.randbytes(4)
    return bytes(out)


@pytest.mark.parametrize("seed", range(scale(dev=3, ci=10, thorough=50)))
def test_mutated_packets_from_an_authenticated_peer(seed: int) -> None:
    """Right tag, right checksum, wrong everything else: only rule-bound endings are allowed, never an exception."""
    rng = random.Random(seed)
    link, _, b = established(a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG), seed=seed)  # type: ignore[arg-type]
    assert b.local is not None
    writer = PacketWriter(5000, 5000, b.local.tag, zero_checksum=False)
    now = link.now
    for _ in range(scale(dev=2000, ci=5000, thorough=20_000)):
        body = mutated(rng, rng.choice(SEEDS))[12:]
        b.receive(writer.write_checked(body), now=now)
        now += 0.001
        deadline = b.next_timeout()
        if deadline is not None and deadline <= now:
            b.handle_timeout(now=now)
            after = b.next_timeout()
            assert after is None or after > now
        b.take_packets()
        b.take_events()
        if b.state is State.CLOSED:
            link, _a, b = established(
                a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG), seed=rng.randrange(1 << 30)
            )  # type: ignore[arg-type]
            assert b.local is not None
            writer = PacketWriter(5000, 5000, b.local.tag, zero_checksum=False)
            now = link.now


@pytest.mark.parametrize("seed", range(scale(dev=2, ci=5, thorough=50)))
def test_foreign_packets_leave_the_association_up_and_memory_flat(seed: int) -> None:
    """Mutations of others' packets, tags and all, into a peer that is up: dropped, and data still flows."""
    rng = random.Random(seed)
    link, a, b = channels(a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG), seed=seed)  # type: ignore[arg-type]
    channel = a.open("x", now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(scale(dev=3000, ci=10_000, thorough=20_000)):
            b.receive(mutated(rng, rng.choice(SEEDS)), now=link.now)
            b.take_packets()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert grown <= 2 << 20
    assert b.association.state is State.ESTABLISHED
    a.send(channel, "still here", now=link.now)
    link.run(link.now + 5)
    assert [e.data for e in link.of(1, ChannelMessage)] == ["still here"]


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_arbitrary_bytes_before_during_and_after_setup(packets: list[bytes]) -> None:
    end = DataChannels(SctpConfig(), entropy=SeededEntropy(1))
    for step in range(3):
        for packet in packets:
            end.receive(packet, now=float(step))
        if step == 0:
            end.start(now=0.5)
        elif step == 1:
            end.close(now=1.5)
    assert end.next_timeout() is None


def test_a_flood_of_distant_fragments_is_bounded() -> None:
    link, _, b = established(a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG))  # type: ignore[arg-type]
    assert b.inbound is not None and b.local is not None
    first = b.inbound.cumulative + 1
    writer = PacketWriter(5000, 5000, b.local.tag, zero_checksum=True)
    rng = random.Random(0)
    for _ in range(scale(dev=5_000, ci=20_000, thorough=100_000)):
        tsn = (first + rng.randrange(1, 1 << 20)) & 0xFFFFFFFF
        b.receive(writer.write(write_data(0, tsn, 0, 0, 51, b"x")), now=link.now)
        b.take_packets()
    assert b.inbound.held <= SctpConfig().receive_window
    assert len(b.inbound._by_first) <= 65535


def test_sacks_that_lie_about_everything_do_not_stop_the_transfer() -> None:
    link, a, _ = established(a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG))  # type: ignore[arg-type]
    assert a.local is not None and a.outbound is not None
    rng = random.Random(0)
    for i in range(60):
        a.send(0, 51, b"%d" % i * 200, now=link.now)
        near = a.outbound.next_tsn
        sack = SackChunk(cumulative_tsn=(near + rng.randrange(0, 1 << 30)) & 0xFFFFFFFF, a_rwnd=0)
        packet = Packet(5000, 5000, a.local.tag, [sack]).serialize()
        a.receive(packet, now=link.now)
    link.run(30.0)
    assert len(link.of(1, StreamMessage)) == 60


def test_forward_tsn_far_ahead_is_survived() -> None:
    link, _, b = established(a=SctpConfig(**CONFIG), b=SctpConfig(**CONFIG))  # type: ignore[arg-type]
    assert b.inbound is not None and b.local is not None
    for step in (1, 1000, 1 << 16, 1 << 30, (1 << 31) - 1, 1 << 31):
        new = (b.inbound.cumulative + step) & 0xFFFFFFFF
        skipped = [SkippedStream(stream_id=i, stream_seq=i) for i in range(200)]
        chunk = ForwardTsnChunk(new_cumulative_tsn=new, skipped=skipped)
        b.receive(Packet(5000, 5000, b.local.tag, [chunk]).serialize(), now=link.now)
    assert b.state is State.ESTABLISHED and b.inbound.held == 0 and not b.inbound.has_gaps

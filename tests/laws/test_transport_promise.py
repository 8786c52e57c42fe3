"""SCTP keeps its promise to messages, held against the models of `rtcpy.testing`, on networks that Hypothesis chooses."""

from __future__ import annotations

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.sctp import Association, SctpConfig
from rtcpy.sctp.events import StreamMessage
from rtcpy.sim import LinkConfig, Pair
from rtcpy.testing import TransportUnderTest, check_reliable_transport
from rtcpy.testing.conventions import BINARY, BINARY_EMPTY


def limited(seed: int, link: LinkConfig, *, unordered: bool, **limits: float) -> TransportUnderTest:
    """Two associations over `link` as a transport of messages that are given up."""
    ends = [Association(SctpConfig(), entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    sim = Pair(*ends, seed=seed, link=link, log=False)

    def start() -> None:
        for end in ends:
            end.start(now=sim.now)

    def send(end: int, stream: int, message: bytes) -> None:
        ppid = BINARY if message else BINARY_EMPTY
        ends[end].send(stream, ppid, message or b"\0", unordered=unordered, now=sim.now, **limits)  # type: ignore[arg-type]

    def received(end: int) -> list[tuple[int, bytes]]:
        return [
            (event.stream_id, b"" if event.ppid == BINARY_EMPTY else event.data)
            for event in sim.events_of(end, StreamMessage)
        ]

    return TransportUnderTest(
        sim, start, lambda: all(end.state.value == "ESTABLISHED" for end in ends), send, received
    )


def test_ordered_and_reliable() -> None:
    check_reliable_transport(Association, streams=4, largest=20_000)


def test_unordered_and_reliable() -> None:
    check_reliable_transport(Association, ordered=False, streams=4, largest=20_000)


@pytest.mark.parametrize("ordered", [False, True])
def test_partly_reliable(ordered: bool) -> None:
    check_reliable_transport(Association, ordered=ordered, reliable=False, limit=30.0)


@pytest.mark.parametrize("unordered", [False, True])
def test_given_up_after_a_while(unordered: bool) -> None:
    check_reliable_transport(
        lambda seed, link: limited(seed, link, unordered=unordered, lifetime=0.1),
        ordered=not unordered,
        reliable=False,
        limit=30.0,
    )

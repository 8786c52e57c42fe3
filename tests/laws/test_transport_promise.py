"""SCTP keeps its promise to messages, held against the models of `rtcpy.testing`, on networks that Hypothesis chooses."""

from __future__ import annotations

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.sctp import Association, SctpConfig
from rtcpy.sctp.events import StreamMessage
from rtcpy.sim import LinkConfig, Pair
from rtcpy.testing import TransportUnderTest, check_reliable_transport

BINARY, BINARY_EMPTY = (
    53,
    57,
)  # PPIDs of RFC 8831 §8; SCTP cannot carry an empty message, so one byte stands for it


def sctp(seed: int, link: LinkConfig, *, unordered: bool = False, **limits: float) -> TransportUnderTest:
    """Two associations over `link` as a message transport."""
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
    check_reliable_transport(sctp, streams=4, largest=20_000)


def test_unordered_and_reliable() -> None:
    check_reliable_transport(
        lambda seed, link: sctp(seed, link, unordered=True), ordered=False, streams=4, largest=20_000
    )


@pytest.mark.parametrize("unordered", [False, True])
@pytest.mark.parametrize("limits", [{"max_retransmits": 0}, {"lifetime": 0.1}])
def test_partly_reliable(unordered: bool, limits: dict[str, float]) -> None:
    check_reliable_transport(
        lambda seed, link: sctp(seed, link, unordered=unordered, **limits),
        ordered=not unordered,
        reliable=False,
        largest=5_000,
        limit=30.0,
    )

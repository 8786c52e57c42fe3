"""Demultiplexing by first byte: the figure of RFC 9443 §3, byte by byte."""

from __future__ import annotations

import pytest

from rtcpy.peer.demux import DTLS_FIRST, DTLS_LAST, Protocol, classify

EDGES = [
    (0, Protocol.STUN),
    (3, Protocol.STUN),
    (4, Protocol.UNKNOWN),
    (15, Protocol.UNKNOWN),
    (16, Protocol.ZRTP),
    (19, Protocol.ZRTP),
    (20, Protocol.DTLS),
    (63, Protocol.DTLS),
    (64, Protocol.TURN_CHANNEL),
    (79, Protocol.TURN_CHANNEL),
    (80, Protocol.UNKNOWN),
    (127, Protocol.UNKNOWN),
    (128, Protocol.RTP),
    (191, Protocol.RTP),
    (192, Protocol.UNKNOWN),
    (255, Protocol.UNKNOWN),
]


@pytest.mark.parametrize(("first", "protocol"), EDGES)
def test_edges_of_every_range(first: int, protocol: Protocol) -> None:
    assert classify(bytes([first, 0, 0])) is protocol


def test_an_empty_datagram_is_nothing() -> None:
    assert classify(b"") is Protocol.UNKNOWN


def test_the_fast_lane_agrees_with_the_table() -> None:
    for first in range(256):
        assert (DTLS_FIRST <= first <= DTLS_LAST) == (classify(bytes([first])) is Protocol.DTLS)

"""Where an association stands, as numbers for tools: what a snapshot of it shows.

Specs: RFC 9260 §14.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Figures:
    """Where both directions of an association stand, for tools. TSNs are those of the wire; `None` before set-up.

    Args:
        next_tsn: of the next DATA chunk that we send.
        acknowledged: the peer has everything up to this TSN of ours (cumulative TSN ack point).
        received: we have everything up to this TSN of the peer.
        outstanding: chunks sent and not acknowledged.
        flight: **bytes** of these that count as being on their way.
        room: **bytes** that the peer can take beyond what is in flight.
        retransmissions: chunks sent again so far.

    Spec: RFC 9260 §14.2, §14.3.
    """

    next_tsn: int | None = None
    acknowledged: int | None = None
    received: int | None = None
    outstanding: int = 0
    flight: int = 0
    room: int | None = None
    retransmissions: int = 0

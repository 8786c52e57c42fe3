"""Two machines that speak `bytes`, and the cable between them: the simulator for one layer alone.

DTLS against DTLS, SCTP against SCTP, or our own layer against someone else's that follows the contract of
`rtcpy.core.machine`. Whole peers with addresses live in `network`.
"""

from __future__ import annotations

import random
from typing import Any

from rtcpy.core.machine import Instant, Machine
from rtcpy.sim.link import Link, LinkConfig
from rtcpy.sim.simulation import Simulation


class Pair(Simulation[bytes]):
    """Two ends on one cable in virtual time.

    ``links[0]`` carries from end 0 to end 1, ``links[1]`` back.

    Args:
        a: end 0.
        b: end 1.
        seed: of all chance on both links.
        link: the way from `a` to `b`, and back unless `back` is given. Default: 20 ms, no impairment.
        back: the way from `b` to `a`.
        log: keep all sent packets in `.log`; switch off for bulk transfers.
    """

    def __init__(
        self,
        a: Machine[bytes, Any],
        b: Machine[bytes, Any],
        *,
        seed: int | str = 0,
        link: LinkConfig | None = None,
        back: LinkConfig | None = None,
        log: bool = True,
    ) -> None:
        super().__init__((a, b), log=log)
        forward = link if link is not None else LinkConfig()
        self.links = (
            Link(forward, random.Random(f"{seed}/0")),
            Link(back if back is not None else forward, random.Random(f"{seed}/1")),
        )

    def _dispatch(self, end: int, packet: bytes) -> None:
        for arrival, data in self.links[end].send(packet, self.now):
            self._travel(arrival, 1 - end, data)

    def inject(self, to: int, packet: bytes, *, at: Instant | None = None) -> None:
        """Let `packet`, which nobody here sent, reach end `to` at virtual time `at` (default: now)."""
        self._travel(self.now if at is None else max(at, self.now), to, packet)

    def outage(self, start: Instant, duration: float) -> None:
        """Cut both directions from `start` for `duration` seconds. Packets already on their way still arrive."""
        for link in self.links:
            link.outage(start, duration)

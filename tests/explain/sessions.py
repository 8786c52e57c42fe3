"""A data-channel session of our own, with a large message, as tests of explanations take it."""

from __future__ import annotations

from functools import cache

from rtcpy.core.tap import Direction
from rtcpy.explain import Trace
from rtcpy.explain.trace import PacketEntry
from rtcpy.sim.session import Session

LARGE = bytes(range(256)) * 160  # 40 KiB: many fragments, and a search for the path MTU
TEXT = "hällo"


@cache
def trace() -> Trace:
    """Connect, a text, a large binary, an empty text, and close."""
    session = Session(seed=3)
    session.alice.create_data_channel("chat")
    session.connect()
    session.run(1.0)
    session.alice.send("chat", TEXT)
    session.run(0.5)
    session.bob.send("chat", LARGE)
    session.run(2.0)
    session.alice.send("chat", "")
    session.run(1.0)
    session.alice.peer.close(now=session.now)
    session.run(2.0)
    return session.trace


def sent(layer: str = "udp", who: str | None = None) -> list[PacketEntry]:
    """What both ends (or one) sent, in order."""
    return trace().packets(layer, who=who, direction=Direction.OUT)

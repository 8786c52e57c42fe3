"""Sphinx: the pictures of `pictures.md`, drawn from a seeded session at each build. Nothing in them is drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pages import DOCS, write

from rtcpy.explain import MACHINES, LadderPicture, key_tree, state_chart
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session


def pictures() -> Mapping[str, str]:
    """The SVG of each picture, by its name."""
    good, bad = Session(seed=1), Session(seed=7, link=LinkConfig(loss=0.2, jitter=0.01, duplicate=0.05))
    for session in (good, bad):
        session.connect()
        session.alice.send("chat", "Hello, Bob!")
        session.run(0.5)
    return {
        "ladder": LadderPicture(good.trace, title="A connection, and its first message").svg(),
        "ladder-loss": LadderPicture(bad.trace, title="The same where every fifth datagram is lost").svg(),
        "keys": key_tree(good.trace).svg(),
        **{f"states-{name}": state_chart(name).svg() for name in MACHINES},
        "states-lit": next(c for c in good.trace.state_charts("alice") if c.machine.name == "sctp").svg(),
    }


def generate(_app: Any = None, _config: Any = None, folder: Path = DOCS / "pictures") -> None:
    """Write all of them."""
    for name, svg in pictures().items():
        write(folder / f"{name}.svg", svg)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", generate)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

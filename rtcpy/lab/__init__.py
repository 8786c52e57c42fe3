"""The bench of the course: things to show, exercises that check themselves.

The notebooks in `notebooks/` contain sentences, calls and exercises; whatever else they need is here, so that it is
typed and tested like the rest. Nothing leaves the machine: a lesson runs on a train.

In the order of reading: `show` (print here, draw there), `table` (rows in colours), `cards` (steps that open),
`exercises` (the checks), `breaks` (what goes wrong, to be predicted), `widget` (the stepper with buttons). Then, each
for a lesson,

- of ICE: `candidates` (what the agents know, and how pairs fare), `crossings` (which routers can be crossed), `unbundled`
  (what freezing is for);
- of DTLS: `handshake` (two ends on a cable, keys from a seed);
- of SCTP: `transfer` (a transfer, watched and plotted);
- of data channels: `messages` (which arrive, and when), `buffering` (what waits to be sent);
- of one connection: `anatomy` (its phases and round trips, timers, a datagram with all its layers);
- of your browser: `browser` (a page that it opens), `private_network` (a network for both).

The two whole peers in virtual time are `rtcpy.sim.Session`; what their applications heard, and the texts that real
browsers wrote, are in `rtcpy.explain`.

Specs: W3C webrtc §4 (the calls and events that a session offers), RFC 9429 (what they do).
"""

from importlib import import_module
from typing import TYPE_CHECKING

from rtcpy.explain.difference import difference
from rtcpy.explain.news import News, States
from rtcpy.explain.samples import sample
from rtcpy.lab.cards import cards
from rtcpy.lab.show import show
from rtcpy.lab.widget import StepperView, stepper
from rtcpy.sim.session import End, Session

if TYPE_CHECKING:
    from rtcpy.lab.browser import BrowserCall, BrowserLab

__all__ = [
    "BrowserCall",
    "BrowserLab",
    "End",
    "News",
    "Session",
    "States",
    "StepperView",
    "cards",
    "difference",
    "sample",
    "show",
    "stepper",
]

_LATE = {"BrowserCall": "browser", "BrowserLab": "browser"}
"""Names whose files need more than the others (websockets), and those files."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)

"""The bench of the course: things to show, exercises that check themselves.

The notebooks in `notebooks/` contain sentences, calls and exercises; whatever else they need is here, so that it is
typed and tested like the rest. Nothing in here opens a socket: a lesson runs on a train.

In the order of reading: `show` (print here, draw there), `exercises` (the checks). The two whole peers in virtual time
are `rtcpy.sim.Session`; what their applications heard, and the texts that real browsers wrote, are in `rtcpy.explain`.

Specs: W3C webrtc §4 (the calls and events that a session offers), RFC 9429 (what they do).
"""

from rtcpy.explain.difference import difference
from rtcpy.explain.news import News, States
from rtcpy.explain.samples import sample
from rtcpy.lab.show import show
from rtcpy.sim.session import End, Session

__all__ = ["End", "News", "Session", "States", "difference", "sample", "show"]

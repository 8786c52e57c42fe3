"""Explanations: what a packet is, in a line or to the last bit, and what a whole connection looks like.

Everything here is made from the wire declarations of the layers: there is no second dissector that could disagree.

In the order of reading: `picture` (one packet to the last bit), `summary` (one line per packet, of any layer), `trace`
(all that happened, with `tracefile`, `arguments` and `recording`, which write it), `ladder` (who said what to whom, and
when), `news` (what the applications heard, and where both ends stand).

Specs: those of the layers; each summary names the section that its packet is defined in.
"""

from rtcpy.explain.ladder import Ladder, Row
from rtcpy.explain.news import News, States, describe
from rtcpy.explain.picture import Picture, picture
from rtcpy.explain.recording import TraceTap
from rtcpy.explain.summary import Summary, summarize, summarize_datagram
from rtcpy.explain.trace import Trace, TraceError

__all__ = [
    "Ladder",
    "News",
    "Picture",
    "Row",
    "States",
    "Summary",
    "Trace",
    "TraceError",
    "TraceTap",
    "describe",
    "picture",
    "summarize",
    "summarize_datagram",
]

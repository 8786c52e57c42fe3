"""Explanations: what a packet is, in a line or to the last bit, and what a whole connection looks like.

    print(rtcpy.explain("00010000 2112a442 000102030405060708090a0b"))

Everything here is made from the wire declarations of the layers: there is no second dissector that could disagree.
The package can be called: ``rtcpy.explain(x)`` is ``rtcpy.explain.explain(x)``.

In the order of reading:

- one packet: `tree` (what an explanation is), `growth` (trees from declarations), `dissect` (the front door: what was
  given?), then one dissector per protocol: `dissect_stun`, `dissect_turn`, `dissect_dtls` with `dissect_certificate`,
  `dissect_sctp`, `dissect_rtp`, `dissect_sdp` (with `sdp_words`);
- what helps: `known` (all that a reader brings along or has learned), `keylog` (secrets as text), `handshakes` (whose
  keys are whose, and records opened), `user_messages` (messages from fragments);
- how it looks: `words` (values in words), `render_text`, `render_html`, `render_json`; `picture` (one value of one
  format), `summary` (one line per packet, of any layer);
- a whole connection: `trace` (all that happened, with `tracefile`, `arguments` and `recording`, which write it),
  `replay` (the endpoints again, step by step; `snapshot` says where they stand), `explained` (every packet of it),
  `ladder` (who said what to whom, and when), `news` (what the applications heard, and where both ends stand);
  `capture` (files of tcpdump and Wireshark) and `captured` (those as traces);
- pictures of it: `passages` (which datagram arrived, and how often it went to and fro) and `notes` (the words beside),
  from which `ladder_svg` and `mermaid` draw; `states` (state machines, laid out by `layered`), `keys` (the key schedule);
  `svg` (drawing text that fits); `pcapng` (the same for Wireshark);
- beside them: `difference` (what changed in a text), `samples` (texts that real browsers wrote).

Specs: those of the layers; each node names the section that its bits are defined in.
"""

import sys
from types import ModuleType
from typing import Any

from rtcpy.explain.capture import Capture, CaptureError
from rtcpy.explain.dissect import Dissector, explain
from rtcpy.explain.explained import ExplainedTrace
from rtcpy.explain.keylog import KeyLog, KeyLogError
from rtcpy.explain.keys import KeyNode, KeyTree, key_tree
from rtcpy.explain.ladder import Ladder, Row
from rtcpy.explain.ladder_svg import LadderPicture
from rtcpy.explain.mermaid import mermaid
from rtcpy.explain.news import News, States, describe
from rtcpy.explain.pcapng import PcapngTap, PcapngWriter, write_pcapng
from rtcpy.explain.picture import picture
from rtcpy.explain.recording import RecordedPeer, TraceTap
from rtcpy.explain.replay import Replay, ReplayError, ReplayStep
from rtcpy.explain.snapshot import snapshot
from rtcpy.explain.states import MACHINES, StateChart, charts, state_chart
from rtcpy.explain.summary import Summary, summarize, summarize_datagram
from rtcpy.explain.trace import Trace, TraceError
from rtcpy.explain.tree import Explanation, Node

__all__ = [
    "MACHINES",
    "Capture",
    "CaptureError",
    "Dissector",
    "ExplainedTrace",
    "Explanation",
    "KeyLog",
    "KeyLogError",
    "KeyNode",
    "KeyTree",
    "Ladder",
    "LadderPicture",
    "News",
    "Node",
    "PcapngTap",
    "PcapngWriter",
    "RecordedPeer",
    "Replay",
    "ReplayError",
    "ReplayStep",
    "Row",
    "StateChart",
    "States",
    "Summary",
    "Trace",
    "TraceError",
    "TraceTap",
    "charts",
    "describe",
    "explain",
    "key_tree",
    "mermaid",
    "picture",
    "snapshot",
    "state_chart",
    "summarize",
    "summarize_datagram",
    "write_pcapng",
]


class _CallableModule(ModuleType):
    """This package, which may be called like the function that it is named after."""

    def __call__(self, thing: Any, **known: Any) -> Any:
        """`explain`."""
        return explain(thing, **known)


sys.modules[__name__].__class__ = _CallableModule

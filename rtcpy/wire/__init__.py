"""Wire formats, declared once: parse, serialize, explain and generate from the same few lines.

A format is a class decorated with `wire`; each line is one field in wire order. An *annotated* line becomes
an attribute of the object. An unannotated line exists only on the wire (constants, counts, lengths,
padding): it cannot be set wrongly because it cannot be set.

    @wire("RFC 8832 §5.2")
    class Ack(Wire):
        '''DATA_CHANNEL_ACK.'''
        message_type = const(8, 0x02, "DATA_CHANNEL_ACK")

Read `fields` (the vocabulary), then `codec` (parse and serialize), then `spans` (explanations and the RFCs'
box diagrams), at last `compiled` (functions made from declarations, for the good case alone). Hypothesis
strategies made from declarations live in `rtcpy.testing.strategies`.
Text (SDP) has a grammar of its own in `rtcpy.sdp`, with the same `Span`.
"""

from rtcpy.wire.codec import Wire, wire
from rtcpy.wire.fields import (
    array,
    bits,
    const,
    count_of,
    embed,
    flag,
    length_of,
    opaque,
    optional,
    pad,
    reserved,
    switch,
    vector,
)
from rtcpy.wire.spans import Span, box_diagram, explain, render

__all__ = [
    "Span",
    "Wire",
    "array",
    "bits",
    "box_diagram",
    "const",
    "count_of",
    "embed",
    "explain",
    "flag",
    "length_of",
    "opaque",
    "optional",
    "pad",
    "render",
    "reserved",
    "switch",
    "vector",
    "wire",
]

"""Tests that come with the library: put a wire format, a machine or a whole transport of *your own* through the laws.

- `check_wire(MyFormat)`: the laws of declared formats (`wire_laws`).
- `check_machine(MyIceAgent)`: the nine laws of `rtcpy.core.machine`, for a layer of ours or of yours (`laws`).
- `check_reliable_transport(MyAssociation)`: messages on a bad network against what the transport promises (`models`).
  Both take a class that is made and commanded like one of ours (`conventions`), or a function that builds two ends.
- `wire_values(MyFormat)`, `near_valid(MyFormat)`: Hypothesis strategies made from declarations (`strategies`).

- `rtcpy.testing.blanks`: ten rules of RFCs to write yourself, checked by properties, and put into the live stack (`blank`,
  `blanks_stun`, `blanks_ice`, `blanks_dtls`, `blanks_sctp`).

Needs Hypothesis (``pip install rtcpy[testing]``). Read `strategies`, `wire_laws`, `laws`, `models`,
`conventions`, `blanks`. A worked example is in docs/own_layer.md.
"""

from rtcpy.testing.laws import Connection, Probe, Run, check_machine
from rtcpy.testing.models import BAD_NETWORK, StreamModel, TransportUnderTest, check_reliable_transport
from rtcpy.testing.strategies import mutations, near_valid, wire_values
from rtcpy.testing.wire_laws import check_explanation, check_input, check_value, check_wire

__all__ = [
    "BAD_NETWORK",
    "Connection",
    "Probe",
    "Run",
    "StreamModel",
    "TransportUnderTest",
    "check_explanation",
    "check_input",
    "check_machine",
    "check_reliable_transport",
    "check_value",
    "check_wire",
    "mutations",
    "near_valid",
    "wire_values",
]

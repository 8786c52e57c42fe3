"""SCTP over DTLS, and data channels on top: messages, reliable or not, ordered or not, on many streams.

Where it sits: packets go down into DTLS as application data (RFC 8261) and come up from there; above it `peer`
maps channels to the W3C API. There is one path, one port pair, no IP address: what RFC 9260 says of
multi-homing does not apply here (RFC 8261 §5).

Read in this order:

1. `config` and `events`: what goes in and what comes out; `errors`; `figures`, for tools.
2. `packet`, `chunks`, `parameters`, `causes`, `unspoken`: the formats.
3. `states` (the table) and `tcb` (what an association knows), then how it comes and goes: `handshake` (INIT, the state
   cookie) and `setup` (the four-way handshake, collisions, restart), `teardown` (ABORT, SHUTDOWN).
   `association` is the machine: it takes packets apart, moves data, and hands all else to those that own it.
4. `sendqueue` and `outbound`: messages become DATA chunks; acknowledgement, retransmission, abandonment.
5. `congestion`: how long to wait, how much to send.
6. `inbound`: DATA chunks become messages; what to acknowledge.
7. `streams` and `reconfig`: resetting streams. `supervision`: whether the path is alive; `pmtud`: how large a packet
   may be.
8. `dcep` (two messages), `channel` (its states) and `datachannel`: channel ids, opening and closing.

Specs: RFC 9260 (SCTP), 3758 (partial reliability), 6525 (stream reset), 8261 (over DTLS), 8831 and 8832
(data channels, DCEP), 8899 with 4820 (path MTU discovery), 9653 (zero checksum). I-DATA (RFC 8260) would sit
beside `outbound` and `inbound`; it is not offered.
"""

from rtcpy.sctp.association import Association, State
from rtcpy.sctp.channel import Channel, ChannelInput, ChannelState
from rtcpy.sctp.config import SctpConfig
from rtcpy.sctp.datachannel import DataChannels
from rtcpy.sctp.errors import ChannelParameterError, MessageTooLargeError, SctpDecodeError
from rtcpy.sctp.events import (
    Aborted,
    BufferedAmountLow,
    BufferLow,
    ChannelAnnounced,
    ChannelClosed,
    ChannelClosing,
    ChannelMessage,
    ChannelOpened,
    Established,
    Restarted,
    ShutDown,
    StreamMessage,
    StreamMessageTooLarge,
    StreamsReset,
)

__all__ = [
    "Aborted",
    "Association",
    "BufferLow",
    "BufferedAmountLow",
    "Channel",
    "ChannelAnnounced",
    "ChannelClosed",
    "ChannelClosing",
    "ChannelInput",
    "ChannelMessage",
    "ChannelOpened",
    "ChannelParameterError",
    "ChannelState",
    "DataChannels",
    "Established",
    "MessageTooLargeError",
    "Restarted",
    "SctpConfig",
    "SctpDecodeError",
    "ShutDown",
    "State",
    "StreamMessage",
    "StreamMessageTooLarge",
    "StreamsReset",
]

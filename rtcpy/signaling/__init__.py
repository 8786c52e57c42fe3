"""Signalling: how two endpoints that cannot reach each other yet exchange descriptions and candidates.

WebRTC leaves this part to the application on purpose: any way of carrying two texts and some candidates will do, and
that is why every page about it begins with a server one has to write. Here are four ways ready to use, and the one
piece of logic that is hard to get right.

In the order of reading:

- `messages`: descriptions and candidates as JSON, the same that browsers' `toJSON` makes, with limits.
- `negotiation`: *perfect negotiation* without I/O: who gives way when both offer at once.
- `negotiator`: the same tied to a `PeerConnection` and a channel; one line in an application.
- `local`: two channels in one process, for tests, lessons and demos.
- `copypaste`: one line of text each way, for two people with a chat window.
- `websocket`: through the embedded server of `rtcpy.servers.signaling`, or any that relays JSON.

Specs: W3C webrtc §10.7 (perfect negotiation), §4.6, §4.8.1 (the JSON forms); RFC 8838 (trickle), RFC 6455 (WebSocket).
"""

from rtcpy.signaling.copypaste import CopyPasteError, decode_description, encode_description, gathered
from rtcpy.signaling.local import LocalChannel, local_pair
from rtcpy.signaling.messages import (
    Bye,
    CandidateMessage,
    DescriptionMessage,
    Message,
    SignalingError,
    parse_message,
    serialize_message,
)
from rtcpy.signaling.negotiation import Negotiation, Verdict
from rtcpy.signaling.negotiator import Negotiator, SignalingChannel

__all__ = [
    "Bye",
    "CandidateMessage",
    "CopyPasteError",
    "DescriptionMessage",
    "LocalChannel",
    "Message",
    "Negotiation",
    "Negotiator",
    "SignalingChannel",
    "SignalingError",
    "Verdict",
    "decode_description",
    "encode_description",
    "gathered",
    "local_pair",
    "parse_message",
    "serialize_message",
]

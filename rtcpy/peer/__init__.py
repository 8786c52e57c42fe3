"""One end of a WebRTC connection, without I/O: offers and answers, one transport, states, statistics.

Two peers meet over a signalling channel that is none of our business: one hands over an *offer*, the other an
*answer*, both SDP text, and candidates beside them. From the two descriptions each side knows whom to expect
(a certificate fingerprint), where (candidates) and what is to flow (sections). Then the layers below run by
themselves, all on one UDP port::

    application      Peer.send(channel, …)            events: ChannelMessage …
        |
      sctp           data channels: messages on streams
        |
      dtls           encryption; the fingerprint decides
        |
      ice            a path that works, and consent to use it
        |
      driver         sockets, or the simulator

This package holds what is above those layers and is specified by JSEP and W3C: the state machine of offer and
answer, and the wiring. It opens no socket, reads no clock, and awaits nothing; `rtcpy.aio` does.

Read in this order: `states` (the tables), `description` and `configuration` (what goes in), `demux` (first byte),
`transport` (how the layers hang together: the page to read if you read one), `sections` (what is read out of a
description), `transceiver`, `negotiation` (the state of offer and answer), `negotiate` (making descriptions), `apply`
(judging and taking them), `candidates` and `trickle` (what comes beside them), `channels`, `reported` (states as told),
`events`, `stats`, `peer` (the machine that is the product).

Specs: W3C webrtc §4, §5.4–5.6, §6; RFC 9429 (JSEP), RFC 3264 (offer/answer), RFC 9143 (BUNDLE), RFC 8841 and 8842
(data sections, DTLS in SDP), RFC 8839 and 8840 (ICE in SDP), RFC 7983 and 9443 (demultiplexing), W3C webrtc-stats.
"""

from rtcpy.peer.configuration import (
    BundlePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    RtcpMuxPolicy,
    ServerEndpoint,
    parse_server_url,
    server_endpoints,
)
from rtcpy.peer.demux import Protocol, classify
from rtcpy.peer.description import IceCandidate, SessionDescription
from rtcpy.peer.events import (
    ChannelBufferedAmountLow,
    ChannelClosed,
    ChannelClosing,
    ChannelError,
    ChannelMessage,
    ChannelOpened,
    ConnectionStateChanged,
    DataChannelAnnounced,
    DtlsStateChanged,
    GatheringNeeded,
    IceCandidateError,
    IceCandidateFound,
    IceConnectionStateChanged,
    IceGatheringStateChanged,
    NegotiationNeeded,
    SctpStateChanged,
    SelectedCandidatePairChanged,
    SignalingStateChanged,
)
from rtcpy.peer.peer import Peer
from rtcpy.peer.states import (
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    PeerConnectionState,
    SctpTransportState,
    SdpType,
    SignalingState,
)
from rtcpy.sctp import Channel
from rtcpy.sctp import ChannelState as DataChannelState

__all__ = [
    "BundlePolicy",
    "Channel",
    "ChannelBufferedAmountLow",
    "ChannelClosed",
    "ChannelClosing",
    "ChannelError",
    "ChannelMessage",
    "ChannelOpened",
    "ConnectionStateChanged",
    "DataChannelAnnounced",
    "DataChannelState",
    "DtlsStateChanged",
    "DtlsTransportState",
    "GatheringNeeded",
    "IceCandidate",
    "IceCandidateError",
    "IceCandidateFound",
    "IceConnectionState",
    "IceConnectionStateChanged",
    "IceGatheringState",
    "IceGatheringStateChanged",
    "IceServer",
    "IceTransportPolicy",
    "NegotiationNeeded",
    "Peer",
    "PeerConfiguration",
    "PeerConnectionState",
    "Protocol",
    "RtcpMuxPolicy",
    "SctpStateChanged",
    "SctpTransportState",
    "SdpType",
    "SelectedCandidatePairChanged",
    "ServerEndpoint",
    "SessionDescription",
    "SignalingState",
    "SignalingStateChanged",
    "classify",
    "parse_server_url",
    "server_endpoints",
]

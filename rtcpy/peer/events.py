"""What a `Peer` tells its owner. Every W3C event of a peer connection and of its channels has one type here.

They come out of `Peer.take_events` in the order in which W3C fires them. State-change events carry the new
state, because by the time the owner reads them the peer may have moved on. Messages are the one thing that
comes by the million: those events are handed on from SCTP as they are (`ChannelOpened`, `ChannelMessage`,
`ChannelClosing`, `ChannelBufferedAmountLow` and `ChannelClosed` are the classes of `rtcpy.sctp`).

Specs: W3C webrtc §4.4.2, §4.7.3, §4.8.2, §4.8.3, §5.6, §6.2 and the table of events in §12.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.core.machine import Event
from rtcpy.peer.configuration import ServerEndpoint
from rtcpy.peer.description import IceCandidate
from rtcpy.peer.states import (
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    PeerConnectionState,
    SctpTransportState,
    SignalingState,
)
from rtcpy.sctp import BufferedAmountLow as ChannelBufferedAmountLow
from rtcpy.sctp import Channel, ChannelClosed, ChannelClosing, ChannelMessage, ChannelOpened

__all__ = [
    "ChannelBufferedAmountLow",
    "ChannelClosed",
    "ChannelClosing",
    "ChannelError",
    "ChannelMessage",
    "ChannelOpened",
    "ConnectionStateChanged",
    "DataChannelAnnounced",
    "DtlsStateChanged",
    "GatheringNeeded",
    "IceCandidateError",
    "IceCandidateFound",
    "IceConnectionStateChanged",
    "IceGatheringStateChanged",
    "NegotiationNeeded",
    "SctpStateChanged",
    "SelectedCandidatePairChanged",
    "SignalingStateChanged",
]


@dataclass(slots=True)
class NegotiationNeeded(Event):
    """Something changed that the other side must be told in a new offer. Spec: W3C webrtc §4.7.3."""


@dataclass(slots=True)
class SignalingStateChanged(Event):
    """The signalling state is now `state`. Spec: W3C webrtc §4.4.1.4 step 4.6.15."""

    state: SignalingState


@dataclass(slots=True)
class GatheringNeeded(Event):
    """The driver is to bind sockets and call `Peer.gather`. Not a W3C event: there the browser does it unseen.

    Args:
        generation: hand it back to `Peer.gather`; an answer for an older generation is ignored.
        servers: what to resolve to addresses, in the order configured.
    """

    generation: int
    servers: tuple[ServerEndpoint, ...]


@dataclass(slots=True)
class IceCandidateFound(Event):
    """A local candidate to signal; with an empty `candidate.candidate` the end of one generation; `None`: all done.

    Spec: W3C webrtc §4.8.2.
    """

    candidate: IceCandidate | None


@dataclass(slots=True)
class IceCandidateError(Event):
    """A STUN or TURN server refused or could not be reached. Spec: W3C webrtc §4.8.3.

    Args:
        address: local address used, if it is already public as a candidate.
        port: its port.
        url: the server's URL as configured.
        error_code: STUN error code, or 701 when there was no answer at all.
        error_text: the reason in words.
    """

    address: str | None
    port: int | None
    url: str
    error_code: int
    error_text: str


@dataclass(slots=True)
class IceGatheringStateChanged(Event):
    """Spec: W3C webrtc §5.6 ("began gathering", "is finished gathering")."""

    state: IceGatheringState


@dataclass(slots=True)
class IceConnectionStateChanged(Event):
    """Spec: W3C webrtc §5.6 ("change the selected candidate pair and state", step 12)."""

    state: IceConnectionState


@dataclass(slots=True)
class ConnectionStateChanged(Event):
    """Spec: W3C webrtc §4.4.1.3."""

    state: PeerConnectionState


@dataclass(slots=True)
class SelectedCandidatePairChanged(Event):
    """The path that datagrams take from now on. Spec: W3C webrtc §5.6 (selectedcandidatepairchange)."""

    local: IceCandidate
    remote: IceCandidate


@dataclass(slots=True)
class DtlsStateChanged(Event):
    """Fired at the RTCDtlsTransport in a browser. `reason` says why it failed, in words. Spec: W3C webrtc §5.5."""

    state: DtlsTransportState
    reason: str = ""


@dataclass(slots=True)
class SctpStateChanged(Event):
    """Fired at the RTCSctpTransport in a browser. Spec: W3C webrtc §6.1.2."""

    state: SctpTransportState


@dataclass(slots=True)
class DataChannelAnnounced(Event):
    """The other side opened `channel`; it can be sent on at once, `ChannelOpened` follows. Spec: W3C webrtc §6.2.3."""

    channel: Channel


@dataclass(slots=True)
class ChannelError(Event):
    """Always followed by `ChannelClosed`, unless it is an error of one message.

    Args:
        channel: where.
        detail: W3C's errorDetail: ``"data-channel-failure"`` or ``"sctp-failure"``.
        message: the reason in words.
        sctp_cause_code: of the ABORT that ended the association, if it was that.
    """

    channel: Channel
    detail: str
    message: str = ""
    sctp_cause_code: int | None = None

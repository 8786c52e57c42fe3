"""The states of a connection, as W3C names them, and how they follow from one another: tables, no behaviour.

Two kinds live here. `SignalingState` is a state machine that the application drives with descriptions; its
transitions are data (`SIGNALING_TRANSITIONS`), and the picture in the course is drawn from that table. The
other states of a peer connection are *derived*: each is a function of the states of its transports and is
never set by hand (`derive_ice_connection_state`, `derive_connection_state`, `derive_ice_gathering_state`).

Theory of operation, signalling (W3C webrtc §4.3.1, RFC 9429 §3.2 and §4.1.8)::

                          set local offer                set remote pranswer
             +--------> have-local-offer -----------> have-remote-pranswer --+ (again)
             |            |  |                              |
             |  rollback  |  | set remote answer            | set remote answer
       [stable] <---------+--+------------------------------+
             |  rollback  |  | set local answer             | set local answer
             |            |  |                              |
             +--------> have-remote-offer ----------> have-local-pranswer --+ (again)
                          set remote offer               set local pranswer

Not here: what a description does to sections and transports (`rtcpy.peer.apply`).

Specs: W3C webrtc §4.3 (states), §5.5, §5.6.4, §6.1.2; RFC 9429 §5.5, §5.6 (which type is legal when).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class SdpType(StrEnum):
    """What a session description is for. Spec: W3C webrtc §4.6.1."""

    OFFER = "offer"
    PRANSWER = "pranswer"
    ANSWER = "answer"
    ROLLBACK = "rollback"


class Side(StrEnum):
    """Whose description is applied: `setLocalDescription` or `setRemoteDescription`."""

    LOCAL = "local"
    REMOTE = "remote"


class SignalingState(StrEnum):
    """Where the exchange of offer and answer stands. Spec: W3C webrtc §4.3.1."""

    STABLE = "stable"
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    HAVE_LOCAL_PRANSWER = "have-local-pranswer"
    HAVE_REMOTE_PRANSWER = "have-remote-pranswer"
    CLOSED = "closed"


class IceGatheringState(StrEnum):
    """Whether candidates are being gathered on any transport. Spec: W3C webrtc §4.3.2."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


class IceConnectionState(StrEnum):
    """The sum of the ICE transports. Spec: W3C webrtc §4.3.4."""

    CLOSED = "closed"
    FAILED = "failed"
    DISCONNECTED = "disconnected"
    NEW = "new"
    CHECKING = "checking"
    COMPLETED = "completed"
    CONNECTED = "connected"


class PeerConnectionState(StrEnum):
    """The sum of the ICE and DTLS transports. Spec: W3C webrtc §4.3.3."""

    CLOSED = "closed"
    FAILED = "failed"
    DISCONNECTED = "disconnected"
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"


class DtlsTransportState(StrEnum):
    """Spec: W3C webrtc §5.5 (RTCDtlsTransportState)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class IceTransportState(StrEnum):
    """Spec: W3C webrtc §5.6.4 (RTCIceTransportState)."""

    CLOSED = "closed"
    FAILED = "failed"
    DISCONNECTED = "disconnected"
    NEW = "new"
    CHECKING = "checking"
    COMPLETED = "completed"
    CONNECTED = "connected"


class IceGathererState(StrEnum):
    """Spec: W3C webrtc §5.6.3 (RTCIceGathererState)."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


class SctpTransportState(StrEnum):
    """Spec: W3C webrtc §6.1.2 (RTCSctpTransportState)."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


_S, _L, _R, _T = SignalingState, Side.LOCAL, Side.REMOTE, SdpType

SIGNALING_TRANSITIONS: Mapping[tuple[SignalingState, Side, SdpType], SignalingState] = {
    (_S.STABLE, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.STABLE, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ANSWER): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.ANSWER): _S.STABLE,
}
"""Every legal (state, side, type) and where it leads; whatever is missing is an `InvalidStateError`.

Spec: RFC 9429 §5.5, §5.6; W3C webrtc §4.4.1.4 step 2 (no rollback from stable or from a provisional answer).
A remote offer in `have-local-offer` is missing on purpose: `Peer.set_remote_description` first rolls back
(W3C webrtc §4.4.2, setRemoteDescription step 3.1), so it arrives here in `stable`.
"""


def derive_ice_connection_state(
    transports: Iterable[IceTransportState], *, closed: bool
) -> IceConnectionState:
    """The aggregate of all ICE transports in use. Spec: W3C webrtc §4.3.4 (first rule that applies)."""
    states = set(transports)
    t, c = IceTransportState, IceConnectionState
    if closed:
        return c.CLOSED
    if t.FAILED in states:
        return c.FAILED
    if t.DISCONNECTED in states:
        return c.DISCONNECTED
    if states <= {t.NEW, t.CLOSED}:
        return c.NEW
    if states & {t.NEW, t.CHECKING}:
        return c.CHECKING
    if states <= {t.COMPLETED, t.CLOSED}:
        return c.COMPLETED
    return c.CONNECTED


def derive_connection_state(
    ice: IceConnectionState, transports: Iterable[DtlsTransportState]
) -> PeerConnectionState:
    """The aggregate of ICE and all DTLS transports in use. Spec: W3C webrtc §4.3.3 (first rule that applies).

    Deviation: the text accepts only an ICE state of "connected" as connected; "completed", which it derives
    once every transport has finished its checks, is the same thing further on and counts too, as in browsers.
    """
    states = set(transports)
    d, c, i = DtlsTransportState, PeerConnectionState, IceConnectionState
    if ice is i.CLOSED:
        return c.CLOSED
    if ice is i.FAILED or d.FAILED in states:
        return c.FAILED
    if ice is i.DISCONNECTED:
        return c.DISCONNECTED
    if not states or (ice is i.NEW and states <= {d.NEW, d.CLOSED}):
        return c.NEW
    if ice in (i.CONNECTED, i.COMPLETED) and states <= {d.CONNECTED, d.CLOSED}:
        return c.CONNECTED
    return c.CONNECTING


def derive_ice_gathering_state(transports: Iterable[IceGathererState]) -> IceGatheringState:
    """The aggregate of all gatherers in use. Spec: W3C webrtc §4.3.2."""
    states = set(transports)
    g = IceGathererState
    if g.GATHERING in states:
        return IceGatheringState.GATHERING
    if states and states <= {g.COMPLETE}:
        return IceGatheringState.COMPLETE
    return IceGatheringState.NEW

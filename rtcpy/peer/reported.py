"""The derived states of a connection, as last told to the application, and telling what changed in W3C's order.

Owns `ReportedStates`. How the states follow from those of the layers is a set of pure functions in
`rtcpy.peer.states`.

Specs: W3C webrtc §4.3 (states), §4.4.1.3, §5.6 (which event comes first), §6.1.2.
"""

from __future__ import annotations

from rtcpy import dtls, ice
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.peer.events import (
    ConnectionStateChanged,
    DtlsStateChanged,
    IceConnectionStateChanged,
    IceGatheringStateChanged,
    SctpStateChanged,
)
from rtcpy.peer.states import (
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    IceTransportState,
    PeerConnectionState,
    SctpTransportState,
    derive_connection_state,
    derive_ice_connection_state,
    derive_ice_gathering_state,
)
from rtcpy.peer.transport import Transport

_ICE_STATES = {state: IceTransportState(state.value) for state in ice.IceConnectionState}
_DTLS_STATES = {state: DtlsTransportState(state.value) for state in dtls.DtlsState}


class ReportedStates:
    """What the application knows of each state; `update` compares with what is.

    Args:
        tap: sees every change.
    """

    __slots__ = ("_sources", "_tap", "connection", "dtls", "gathering", "ice", "sctp")

    def __init__(self, tap: Tap | None) -> None:
        self._tap = tap
        self._sources: tuple[object, ...] = ()  # what the states were derived from last
        self.gathering = IceGatheringState.NEW
        self.ice = IceConnectionState.NEW
        self.connection = PeerConnectionState.NEW
        self.dtls: DtlsTransportState | None = None
        self.sctp: SctpTransportState | None = None

    def update(
        self, transport: Transport | None, sctp_state: SctpTransportState | None, failure: str, now: Instant
    ) -> list[Event]:
        """Derive all states anew; the events of those that changed, in order.

        Args:
            transport: the one transport, if there is one.
            sctp_state: of the association; `None` where W3C has no RTCSctpTransport.
            failure: why DTLS failed, if it did.
            now: instant of this call.
        """
        sources = (
            sctp_state,
            failure,
            self.gathering,
            transport is not None and (transport.ice.state, transport.dtls and transport.dtls.state),
        )
        if sources == self._sources:
            return []
        self._sources = sources
        events: list[Event] = []
        ice_states: list[IceTransportState] = []
        dtls_states: list[DtlsTransportState] = []
        dtls_state: DtlsTransportState | None = None
        if transport is not None:
            ice_states.append(_ICE_STATES[transport.ice.state])
            dtls_state = (
                _DTLS_STATES[transport.dtls.state] if transport.dtls is not None else DtlsTransportState.NEW
            )
            dtls_states.append(dtls_state)
        elif self.gathering is not IceGatheringState.NEW:
            events += self.set_gathering(derive_ice_gathering_state([]), now)
        ice_state = derive_ice_connection_state(ice_states, closed=False)
        connection = derive_connection_state(ice_state, dtls_states)
        if dtls_state is not self.dtls:
            self.tell("dtls", self.dtls or "none", dtls_state or "none", now)
            self.dtls = dtls_state
            if dtls_state is not None and dtls_state is not DtlsTransportState.NEW:
                reason = failure if dtls_state is DtlsTransportState.FAILED else ""
                events.append(DtlsStateChanged(dtls_state, reason))
        if sctp_state is not self.sctp:
            self.tell("sctp", self.sctp or "none", sctp_state or "none", now)
            self.sctp = sctp_state
            if sctp_state is not None and sctp_state is not SctpTransportState.CONNECTING:
                events.append(SctpStateChanged(sctp_state))
        if ice_state is not self.ice:
            self.tell("ice", self.ice, ice_state, now)
            self.ice = ice_state
            events.append(IceConnectionStateChanged(ice_state))
        if connection is not self.connection:
            self.tell("connection", self.connection, connection, now)
            self.connection = connection
            events.append(ConnectionStateChanged(connection))
        return events

    def set_gathering(self, state: IceGatheringState, now: Instant) -> list[Event]:
        """The gathering state changed; its event, if it did. Its place among candidates matters: W3C webrtc §5.6."""
        if state is self.gathering:
            return []
        self.tell("gathering", self.gathering, state, now)
        self.gathering = state
        return [IceGatheringStateChanged(state)]

    def close(self) -> None:
        """Everything is closed, and nobody is told. Spec: W3C webrtc §4.4.2 (close, steps 6–11)."""
        self.ice = IceConnectionState.CLOSED
        self.connection = PeerConnectionState.CLOSED
        if self.dtls is not None:
            self.dtls = DtlsTransportState.CLOSED
        if self.sctp is not None:
            self.sctp = SctpTransportState.CLOSED

    def tell(self, what: str, old: str, new: str, now: Instant) -> None:
        """Show a change to the tap."""
        if self._tap is not None:
            self._tap.state("peer", what, str(old), str(new), now=now)

"""The transport objects of W3C's API: `pc.sctp`, its DTLS transport, and the ICE transport below that.

Views without state of their own: everything is read from the peer. Made on first use, so that a connection whose
application never asks carries no weight for them.

Specs: W3C webrtc §5.5 (RTCDtlsTransport), §5.6 (RTCIceTransport), §6.1.1 (RTCSctpTransport).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rtcpy.aio.emitter import Emitter
from rtcpy.peer import (
    DtlsTransportState,
    IceCandidate,
    IceConnectionState,
    IceGatheringState,
    SctpTransportState,
)

if TYPE_CHECKING:
    from rtcpy.aio.peerconnection import PeerConnection


class IceTransport(Emitter):
    """The path that datagrams take. Spec: W3C webrtc §5.6."""

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"statechange", "gatheringstatechange", "selectedcandidatepairchange"}
    )

    def __init__(self, connection: PeerConnection) -> None:
        super().__init__()
        self._connection = connection

    @property
    def state(self) -> IceConnectionState:
        """With everything bundled on one transport it equals the connection's ICE state."""
        return self._connection.ice_connection_state

    @property
    def gathering_state(self) -> IceGatheringState:
        """Whether candidates are still being gathered."""
        return self._connection.ice_gathering_state

    def get_selected_candidate_pair(self) -> tuple[IceCandidate, IceCandidate] | None:
        """(local, remote), or `None` while there is none."""
        return self._connection._selected_pair

    def _error_sink(self) -> Emitter:
        return self._connection


class DtlsTransport(Emitter):
    """The encryption of one path. Spec: W3C webrtc §5.5."""

    EVENTS: ClassVar[frozenset[str]] = frozenset({"statechange", "error"})

    def __init__(self, connection: PeerConnection) -> None:
        super().__init__()
        self._connection = connection
        self.ice_transport = IceTransport(connection)

    @property
    def state(self) -> DtlsTransportState:
        """new, connecting, connected, closed or failed."""
        return self._connection._peer.dtls_state or DtlsTransportState.NEW

    def _error_sink(self) -> Emitter:
        return self._connection


class SctpTransport(Emitter):
    """What carries the data channels. Spec: W3C webrtc §6.1.1."""

    EVENTS: ClassVar[frozenset[str]] = frozenset({"statechange"})

    def __init__(self, connection: PeerConnection) -> None:
        super().__init__()
        self._connection = connection
        self.transport = DtlsTransport(connection)

    @property
    def state(self) -> SctpTransportState:
        """connecting, connected or closed."""
        return self._connection._peer.sctp_state or SctpTransportState.CONNECTING

    @property
    def max_message_size(self) -> float | None:
        """**Bytes** that one `send` may take; `inf` if the other side sets no limit."""
        return self._connection._peer.max_message_size

    @property
    def max_channels(self) -> int | None:
        """How many channels can exist at once; `None` until the association is up."""
        return self._connection._peer.max_channels

    def _error_sink(self) -> Emitter:
        return self._connection

"""What an ICE agent tells its owner: events, public states, statistics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rtcpy.core.enums import KeyEnum
from rtcpy.core.machine import Address, Event, Instant
from rtcpy.ice.candidate import Candidate


class IceConnectionState(KeyEnum):
    """How far connecting has come. Spec: W3C webrtc §5.6.4 (`RTCIceTransportState`)."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceGatheringState(Enum):
    """How far gathering has come. Spec: W3C webrtc §5.6.3 (`RTCIceGathererState`)."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


@dataclass(slots=True)
class CandidateFound(Event):
    """A local candidate to be signalled. Its `ufrag` says which session it belongs to."""

    candidate: Candidate
    stream: int = 0


@dataclass(slots=True)
class GatheringDone(Event):
    """No more candidates will come in this session: signal end-of-candidates. Spec: RFC 8838 §13."""

    ufrag: str


@dataclass(slots=True)
class GatheringFailed(Event):
    """A server gave no candidate: W3C `icecandidateerror`.

    Args:
        server: URL of the server, or its address when it was configured without one.
        code: STUN error code, or 701 when the server did not answer (W3C webrtc §4.8.3).
        reason: for people.
        local: the socket that asked.
    """

    server: str
    code: int
    reason: str
    local: Address


@dataclass(slots=True)
class PairSelected(Event):
    """`selected_path` changed: data goes this way from now on.

    Args:
        local: base address to send from.
        remote: where to send to.
        local_candidate: how the peer sees `local` (may be reflexive).
        remote_candidate: the peer's candidate behind `remote`.
        nominated: `False` for the best valid pair before nomination (RFC 8445 §12.1 allows data on it).
    """

    local: Address
    remote: Address
    local_candidate: Candidate
    remote_candidate: Candidate
    nominated: bool
    stream: int = 0


@dataclass(slots=True)
class StateChanged(Event):
    """`IceAgent.state` is now `state`."""

    state: IceConnectionState


@dataclass(slots=True)
class RoleChanged(Event):
    """A role conflict was resolved: the agent is now controlling, or not. Spec: RFC 8445 §7.3.1.1."""

    controlling: bool


@dataclass(slots=True)
class CandidatePairStats:
    """One pair as W3C `RTCIceCandidatePairStats` wants it. Times are instants of the caller's clock, or seconds."""

    local: Candidate
    remote: Candidate
    state: str
    priority: int
    nominated: bool
    selected: bool
    requests_sent: int
    requests_received: int
    responses_sent: int
    responses_received: int
    retransmissions_sent: int
    consent_requests_sent: int
    current_round_trip_time: float | None
    total_round_trip_time: float
    last_packet_sent: Instant | None
    last_packet_received: Instant | None
    stream: int = 0

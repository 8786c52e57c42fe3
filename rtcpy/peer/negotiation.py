"""The state of offer and answer: one immutable value, so that nothing can be half applied and rollback is exact.

Every step is a pure function that takes a `Negotiation` and returns another: `negotiate` makes descriptions, `apply`
takes them. If a step fails, the old value is simply kept. The value before an offer is remembered inside
(`Negotiation.stable`), and rolling back means returning to it.

What the layers below should be doing follows from the value alone: `plan` reads it off, and `apply` turns the
difference of two plans into effects.

Specs: W3C webrtc §4.4.1.1 (the internal slots), §4.7.3 (negotiation needed); RFC 9429 §3.2, §5.2.2 (versions);
RFC 8842 §5 (DTLS roles), RFC 8445 §6.1.1 (ICE roles).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rtcpy.peer.sections import DEFAULT_MAX_MESSAGE_SIZE, Description, MediaSection
from rtcpy.peer.states import SdpType, SignalingState
from rtcpy.peer.transceiver import Transceiver


class Credentials(NamedTuple):
    """ICE user name fragment and password, as an immutable pair."""

    ufrag: str
    pwd: str


@dataclass(slots=True, frozen=True)
class LocalParameters:
    """What every description of ours says alike.

    Args:
        session_id: of the ``o=`` line, below 2⁶³ (RFC 9429 §5.2.1).
        fingerprints: (hash, value) of our certificate.
        tls_id: of our side of the DTLS association (RFC 8842 §4).
        max_message_size: **bytes**; 0 is no limit (RFC 8841 §6).
    """

    session_id: int
    fingerprints: tuple[tuple[str, str], ...]
    tls_id: str
    max_message_size: int


@dataclass(slots=True, frozen=True)
class Negotiation:
    """Where offer and answer stand, and all that decides what comes next.

    Args:
        local: constants of our descriptions.
        signaling: W3C [[SignalingState]].
        current_local: W3C [[CurrentLocalDescription]]; the other three likewise.
        last_offer: W3C [[LastCreatedOffer]].
        last_answer: W3C [[LastCreatedAnswer]].
        session_version: of the description made last; each new one counts one up (RFC 9429 §5.2.2).
        abandoned_version: of the last one that was rolled back; what is not newer is not offered again by itself.
        next_mid: one more than any mid of an offer of ours that was applied, also if it was rolled back.
        transceivers: W3C's set of transceivers, in order.
        data_wanted: a data channel was created that needs a section.
        replace: W3C [[LocalIceCredentialsToReplace]].
        needs_ice_restart: the ICE configuration changed (RFC 9429 §3.5.1).
        stable: the value before the pending offer.
    """

    local: LocalParameters
    signaling: SignalingState = SignalingState.STABLE
    current_local: Description | None = None
    current_remote: Description | None = None
    pending_local: Description | None = None
    pending_remote: Description | None = None
    last_offer: Description | None = None
    last_answer: Description | None = None
    session_version: int = 0
    abandoned_version: int = 0
    next_mid: int = 0
    transceivers: tuple[Transceiver, ...] = ()
    data_wanted: bool = False
    replace: frozenset[tuple[str, str]] = frozenset()
    needs_ice_restart: bool = False
    stable: Negotiation | None = None

    @property
    def local_description(self) -> Description | None:
        """Pending, or else current."""
        return self.pending_local or self.current_local

    @property
    def remote_description(self) -> Description | None:
        """Pending, or else current."""
        return self.pending_remote or self.current_remote


@dataclass(slots=True, frozen=True)
class RemoteTransport:
    """The other end of the transport.

    Args:
        credentials: ICE, of the other side.
        lite: it only answers checks.
        fingerprints: (hash, value) of the certificates that it may show.
        is_dtls_client: whether *we* send the ClientHello.
        tls_id: its name for the association, if it gave one.
    """

    credentials: Credentials
    lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    is_dtls_client: bool
    tls_id: str | None


@dataclass(slots=True, frozen=True)
class SctpParameters:
    """The SCTP association agreed on.

    Args:
        local_port: SCTP port of our side.
        remote_port: of the other.
        remote_max_message_size: **bytes** that the other side takes, 0 is no limit.
    """

    local_port: int
    remote_port: int
    remote_max_message_size: int


@dataclass(slots=True, frozen=True)
class TransportPlan:
    """What the one transport should be doing.

    Args:
        mid: of the section that its candidates are signalled for.
        mline_index: of that section.
        credentials: ICE, ours.
        controlling: the role to begin with (RFC 8445 §6.1.1); who offers later changes nothing, hence not compared.
        remote: whom to connect to; `None` until both descriptions are known.
        sctp: `None` until agreed, or if the association is refused.
    """

    mid: str | None
    mline_index: int
    credentials: Credentials
    controlling: bool = field(compare=False)
    remote: RemoteTransport | None = None
    sctp: SctpParameters | None = None


def plan(state: Negotiation) -> TransportPlan | None:
    """What the transport should be doing in `state`; `None`: there is none.

    A transport begins with the local description that offers or accepts a section. It learns whom to connect to
    from the (provisional) answer; an offer in between leaves what is running alone.

    Spec: RFC 9429 §5.9–5.11, §3.5.1.
    """
    s = SignalingState
    if state.signaling is s.CLOSED:
        return None
    if state.signaling in (s.HAVE_LOCAL_PRANSWER, s.HAVE_REMOTE_PRANSWER):
        return _plan_pair(state.pending_local, state.pending_remote)
    running = _plan_pair(state.current_local, state.current_remote)
    if state.signaling is s.HAVE_LOCAL_OFFER:
        assert state.pending_local is not None
        section = state.pending_local.data_section
        if section is None:
            return running
        offered = _local_plan(state.pending_local, section, controlling=True)
        if running is None:
            return offered
        return TransportPlan(
            running.mid,
            running.mline_index,
            offered.credentials,
            running.controlling,
            running.remote,
            running.sctp,
        )
    return running


def _local_plan(description: Description, section: MediaSection, *, controlling: bool) -> TransportPlan:
    carrier = description.transport_section(section)
    assert carrier.ufrag is not None and carrier.pwd is not None, "our sections have credentials"
    return TransportPlan(
        carrier.mid, carrier.index, Credentials(carrier.ufrag, carrier.pwd), controlling=controlling
    )


def _plan_pair(local: Description | None, remote: Description | None) -> TransportPlan | None:
    """The plan of a finished (or provisional) exchange."""
    if local is None or remote is None:
        return None
    section = local.data_section
    if section is None:
        return None
    other = remote.sections[section.index]
    if other.rejected or not other.is_data:
        return None
    carrier = remote.transport_section(other)
    assert carrier.ufrag is not None and carrier.pwd is not None, "checked when it was applied"
    we_offered = local.type is SdpType.OFFER
    base = _local_plan(local, section, controlling=we_offered or remote.ice_lite)
    our_setup = local.transport_section(section).setup
    is_client = carrier.setup == "passive" if we_offered else our_setup == "active"
    sctp = None
    if section.sctp_port and other.sctp_port:
        size = other.max_message_size
        sctp = SctpParameters(
            section.sctp_port, other.sctp_port, DEFAULT_MAX_MESSAGE_SIZE if size is None else size
        )
    return TransportPlan(
        base.mid,
        base.mline_index,
        base.credentials,
        base.controlling,
        RemoteTransport(
            Credentials(carrier.ufrag, carrier.pwd),
            remote.ice_lite,
            carrier.fingerprints,
            is_client,
            carrier.tls_id,
        ),
        sctp,
    )


def has_sctp(state: Negotiation) -> bool:
    """Whether W3C's [[SctpTransport]] exists: from the first offer of a data section until one is refused.

    Spec: W3C webrtc §4.4.1.4 steps 4.6.7, 4.6.8 and 4.6.12.2.
    """
    if plan(state) is not None:
        return True
    pending = state.pending_local or state.pending_remote
    return pending is not None and pending.data_section is not None


def is_negotiation_needed(state: Negotiation) -> bool:
    """Whether the other side must be told of something.

    Spec: W3C webrtc §4.7.3 (check if negotiation is needed).
    """
    if state.replace:
        return True
    description = state.current_local
    if state.data_wanted and (plan_of_current(state) is None):
        return True
    for transceiver in state.transceivers:
        if transceiver.stopped:
            continue
        associated = (
            description is not None
            and transceiver.mid is not None
            and description.by_mid(transceiver.mid) is not None
        )
        if not associated:
            return True
    return False


def plan_of_current(state: Negotiation) -> TransportPlan | None:
    """The plan of the last finished exchange alone."""
    return _plan_pair(state.current_local, state.current_remote)

"""Taking descriptions: setLocalDescription, setRemoteDescription and rollback as pure functions.

``(state, description) -> (state, effects)``: the description is judged first, as a whole; only one that is acceptable
gives a new state. What the layers below have to do about it comes back as a list of effects, which is nothing but
the difference between the transport plans before and after (`rtcpy.peer.negotiation.plan`).

What is refused here although the RFCs would allow it (each marked `Deviation:` at its check):
a new DTLS association inside a running connection (changed fingerprint or tls-id), a new SCTP association on a running
DTLS association (changed port), and an answer with other ICE credentials than the provisional answer before it.

Specs: W3C webrtc §4.4.1.4 (set a session description); RFC 9429 §5.5–5.11; RFC 3264 §6, §8; RFC 9143 §7.4;
RFC 8842 §5; RFC 8841 §10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from rtcpy.core.errors import InvalidAccessError, InvalidModificationError, InvalidStateError
from rtcpy.peer.negotiate import accepted_data_section
from rtcpy.peer.negotiation import (
    Credentials,
    Negotiation,
    RemoteTransport,
    SctpParameters,
    TransportPlan,
    plan,
    plan_of_current,
)
from rtcpy.peer.sections import Description, MediaSection, read_description
from rtcpy.peer.states import SIGNALING_TRANSITIONS, SdpType, Side, SignalingState
from rtcpy.peer.transceiver import Transceiver, TransceiverDirection

_NUMBER = re.compile("[0-9]{1,9}")
"""The mids that we make, in RFC 9429 §5.2.1's "per-PeerConnection counter"; other sides may name sections freely."""

# --- effects -------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class OpenTransport:
    """Make the ICE agent and gather candidates for it."""

    plan: TransportPlan


@dataclass(slots=True, frozen=True)
class RestartIce:
    """Begin a new ICE generation with these credentials of ours; the old one carries data until the new one works."""

    credentials: Credentials


@dataclass(slots=True, frozen=True)
class RollBackIce:
    """Undo the last `RestartIce`."""


@dataclass(slots=True, frozen=True)
class Connect:
    """Check the way to the other side and, once there is one, run DTLS with it."""

    remote: RemoteTransport


@dataclass(slots=True, frozen=True)
class UseSctp:
    """The association is agreed: run it as soon as DTLS is up."""

    sctp: SctpParameters


@dataclass(slots=True, frozen=True)
class CloseChannels:
    """Data was refused or disabled: every channel ends with an error."""

    reason: str


@dataclass(slots=True, frozen=True)
class CloseTransport:
    """Nothing needs the transport any more."""


Effect = OpenTransport | RestartIce | RollBackIce | Connect | UseSctp | CloseChannels | CloseTransport


class Applied(NamedTuple):
    """The new state, and what is to be done about it, in order."""

    state: Negotiation
    effects: tuple[Effect, ...]


# --- the three ways in ---------------------------------------------------------------------------------------


def apply_local(state: Negotiation, kind: SdpType, text: str) -> Applied:
    """Take a description of ours.

    Args:
        state: where negotiation stands.
        kind: offer, pranswer or answer.
        text: exactly as `create_offer` or `create_answer` made it last.

    Raises:
        InvalidModificationError: the text is not what was created last.
        InvalidStateError: such a description is not due now.

    Spec: W3C webrtc §4.4.2 (setLocalDescription), RFC 9429 §5.5, §5.9.
    """
    created = state.last_offer if kind is SdpType.OFFER else state.last_answer
    if created is None or created.text != text:
        call = "create_offer" if kind is SdpType.OFFER else "create_answer"
        raise InvalidModificationError(
            f"the {kind} is not the text that {call} returned last (W3C webrtc §4.4.2, setLocalDescription)"
        )
    signaling = check_type(state, Side.LOCAL, kind)
    if kind is SdpType.OFFER:
        # An offer in have-local-offer replaces the one before; what to roll back to stays.
        before = state.stable if state.stable is not None else state
        used = [int(s.mid) for s in created.sections if s.mid is not None and _NUMBER.fullmatch(s.mid)]
        after = replace(
            state,
            signaling=signaling,
            pending_local=created,
            next_mid=max([state.next_mid, *(mid + 1 for mid in used)]),
            stable=replace(before, stable=None) if before.stable is not None else before,
        )
        return _applied(state, _clear_restart_flag(after, created))
    answer = created if kind is SdpType.ANSWER else replace(created, type=SdpType.PRANSWER)
    if kind is SdpType.PRANSWER:
        after = replace(state, signaling=signaling, pending_local=answer)
    else:
        after = _complete(state, answer, state.pending_remote)
    return _applied(state, _clear_restart_flag(after, created))


def apply_remote(state: Negotiation, kind: SdpType, text: str) -> Applied:
    """Take a description of the other side.

    Args:
        state: where negotiation stands. An offer that crosses ours is the caller's to roll back first.
        kind: offer, pranswer or answer.
        text: what came through signalling.

    Raises:
        InvalidStateError: such a description is not due now.
        RtcSyntaxError: the text is no SDP.
        InvalidAccessError: it is SDP, but does not fit: its own parts to each other, or to what was negotiated.

    Spec: W3C webrtc §4.4.1.4, RFC 9429 §5.6, §5.8, §5.10.
    """
    signaling = check_type(state, Side.REMOTE, kind)
    description = read_description(kind, text)
    _check_consistency(description)
    if kind is SdpType.OFFER:
        before = state.stable if state.stable is not None else state
        _check_offer(before, description)
        added_since = tuple(
            t for t in state.transceivers if not t.from_remote and t not in before.transceivers
        )
        after = replace(
            state,
            signaling=signaling,
            pending_remote=description,
            transceivers=_associate(before.transceivers + added_since, description),
            last_answer=None,  # it answered another offer
            stable=replace(before, stable=None) if before.stable is not None else before,
        )
        return _applied(state, after)
    description = _with_roles_kept(state, description)
    _check_answer(state, description)
    if kind is SdpType.PRANSWER:
        return _applied(state, replace(state, signaling=signaling, pending_remote=description))
    return _applied(state, _complete(state, state.pending_local, description))


def apply_rollback(state: Negotiation, side: Side) -> Applied:
    """Abandon the offer that is pending and return to the stable state before it.

    What the application did meanwhile (channels created, restarts asked for, transceivers added) stays.

    Raises:
        InvalidStateError: nothing to roll back, or a provisional answer was already applied.

    Spec: W3C webrtc §4.4.1.4 steps 2 and 4.6.12; RFC 9429 §5.7 (the same for both sides).
    """
    check_type(state, side, SdpType.ROLLBACK)
    stable = state.stable
    assert stable is not None, "an offer is pending"
    added_since = tuple(t for t in state.transceivers if not t.from_remote and t not in stable.transceivers)
    after = replace(
        stable,
        last_offer=state.last_offer,
        last_answer=state.last_answer,
        session_version=state.session_version,
        abandoned_version=state.session_version,
        next_mid=state.next_mid,
        transceivers=stable.transceivers + added_since,
        data_wanted=state.data_wanted,
        replace=state.replace,
        needs_ice_restart=state.needs_ice_restart or stable.needs_ice_restart,
    )
    return _applied(state, after, rollback=True)


def check_type(state: Negotiation, side: Side, kind: SdpType) -> SignalingState:
    """Where a description of this type leads; raises `InvalidStateError` if it is not due.

    Spec: RFC 9429 §5.5, §5.6.
    """
    after = SIGNALING_TRANSITIONS.get((state.signaling, side, kind))
    if after is None:
        raise InvalidStateError(f"a {side} {kind} is not possible in {state.signaling} (RFC 9429 §5.5, §5.6)")
    return after


def _complete(state: Negotiation, local: Description | None, remote: Description | None) -> Negotiation:
    """An answer was applied: the pending pair becomes the current one. Spec: W3C webrtc §4.4.1.4 step 4.6.5.2."""
    after = replace(
        state,
        signaling=SignalingState.STABLE,
        current_local=local,
        current_remote=remote,
        pending_local=None,
        pending_remote=None,
        last_offer=None,
        last_answer=None,
        stable=None,
        transceivers=tuple(t for t in state.transceivers if not _refused(t, local, remote)),
    )
    if after.replace and local is not None and not (after.replace & local.credentials):
        after = replace(after, replace=frozenset())
    # Channels whose section the other side refused are closed with an error, so nothing wants data any more.
    offer, answer = (
        (local, remote) if remote is not None and remote.type is SdpType.ANSWER else (remote, local)
    )
    if _data_refused(offer, answer) and answer is remote:
        after = replace(after, data_wanted=False)
    return after


def _data_refused(offer: Description | None, answer: Description | None) -> bool:
    """Whether the answer rejected the data section that was offered."""
    if offer is None or answer is None or offer.data_section is None:
        return False
    return answer.sections[offer.data_section.index].rejected


def _refused(transceiver: Transceiver, local: Description | None, remote: Description | None) -> bool:
    """Whether a transceiver's section was rejected, which stops it. Spec: W3C webrtc §4.4.1.4 step 4.6.13."""
    if transceiver.mline_index is None:
        return False
    return any(
        d is not None
        and transceiver.mline_index < len(d.sections)
        and d.sections[transceiver.mline_index].rejected
        for d in (local, remote)
    )


def _associate(transceivers: tuple[Transceiver, ...], offer: Description) -> tuple[Transceiver, ...]:
    """Give every offered media section a transceiver. Spec: RFC 9429 §5.10, W3C webrtc §4.4.1.4 step 4.6.11.2.7."""
    known = {t.mline_index for t in transceivers}
    return transceivers + tuple(
        Transceiver(
            kind=s.kind,
            mid=s.mid,
            mline_index=s.index,
            direction=TransceiverDirection.RECVONLY,
            from_remote=True,
        )
        for s in offer.sections
        if s.is_rtp and s.index not in known and not s.rejected
    )


def _clear_restart_flag(after: Negotiation, description: Description) -> Negotiation:
    """A local description with new credentials settles what the configuration asked for. Spec: RFC 9429 §3.5.1."""
    if not after.needs_ice_restart:
        return after
    reference = after.stable.current_local if after.stable is not None else after.current_local
    if (
        reference is not None
        and description.credentials & reference.credentials
        and reference is not description
    ):
        return after
    return replace(after, needs_ice_restart=False)


# --- judging -------------------------------------------------------------------------------------------------


def _check_consistency(description: Description) -> None:
    """What must hold inside one description.

    Raises:
        InvalidAccessError: a BUNDLE group names a section that does not exist or two groups share one; RTP without
            RTCP multiplexing.

    Spec: RFC 9143 §7.1, §7.3; RFC 5888 §9.2; W3C webrtc §4.4.1.4 step 4.5.4.
    """
    seen: set[str] = set()
    for group in description.bundle_groups:
        for mid in group:
            if description.by_mid(mid) is None:
                raise InvalidAccessError(
                    f"a=group:BUNDLE names {mid!r}, but no section has that mid (RFC 9143 §7.1)"
                )
            if mid in seen:
                raise InvalidAccessError(f"{mid!r} stands twice in BUNDLE groups (RFC 9143 §7.1)")
            seen.add(mid)
    for section in description.sections:
        if not section.is_rtp or section.port == 0 or section.rtcp_mux:
            continue
        if description.transport_section(section) is section:
            raise InvalidAccessError(
                f"section {section.index} ({section.kind}) has no a=rtcp-mux, which rtcp_mux_policy requires "
                "(W3C webrtc §4.4.1.4 step 4.5.4)"
            )


def _check_transport(description: Description, section: MediaSection) -> MediaSection:
    """That a data section says whom to expect: ICE credentials, a fingerprint, a role.

    Returns:
        The section that carries its transport parameters.

    Raises:
        InvalidAccessError: something is missing, or the role is none that DTLS has.

    Spec: RFC 9429 §5.8.3; RFC 8839 §5.4; RFC 8122 §5; RFC 8842 §5.1 (no holdconn).
    """
    carrier = description.transport_section(section)
    if carrier.ufrag is None or carrier.pwd is None:
        raise InvalidAccessError(
            f"section {carrier.index} has no a=ice-ufrag and a=ice-pwd, nor has the session (RFC 9429 §5.8.3)"
        )
    if not carrier.fingerprints:
        raise InvalidAccessError(
            f"section {carrier.index} has no a=fingerprint, nor has the session (RFC 9429 §5.8.3)"
        )
    if carrier.setup == "holdconn":
        raise InvalidAccessError(
            f"section {carrier.index} says a=setup:holdconn, which DTLS does not have (RFC 8842 §5.1)"
        )
    return carrier


def _check_continuity(running: TransportPlan | None, carrier: MediaSection, section: MediaSection) -> None:
    """That a new description goes on with the DTLS and SCTP associations that run.

    Deviation: RFC 8842 §5.5 and RFC 8841 §10.5 let a description replace them. That is a new connection in all but
    name; it is refused here and can be had with a new one.

    Raises:
        InvalidAccessError: fingerprints, tls-id or SCTP port changed.
    """
    if running is None or running.remote is None:
        return
    if frozenset(carrier.fingerprints) != frozenset(running.remote.fingerprints):
        raise InvalidAccessError(
            f"section {carrier.index} has other fingerprints than the running DTLS association; replacing it is not "
            "supported (RFC 8842 §5.5)"
        )
    if None not in (carrier.tls_id, running.remote.tls_id) and carrier.tls_id != running.remote.tls_id:
        raise InvalidAccessError(
            f"section {carrier.index} has another a=tls-id than the running DTLS association; replacing it is not "
            "supported (RFC 8842 §5.5)"
        )
    if running.sctp is not None and section.sctp_port not in (running.sctp.remote_port, 0):
        raise InvalidAccessError(
            f"section {section.index} changes the SCTP port from {running.sctp.remote_port} to {section.sctp_port}; "
            "replacing the association is not supported (RFC 8841 §10.5)"
        )


def _check_offer(before: Negotiation, offer: Description) -> None:
    """That a remote offer fits what was negotiated.

    Raises:
        InvalidAccessError: sections disappeared, changed their kind or mid, or the transport does not fit.

    Spec: RFC 3264 §8; RFC 9429 §5.8.3; W3C webrtc §4.4.1.4 step 4.4 (back-to-back offers are judged as from stable).
    """
    for ours, theirs in _current_pairs(before):
        index = ours.index
        if index >= len(offer.sections):
            raise InvalidAccessError(
                f"the offer has {len(offer.sections)} sections, but section {index} was negotiated; sections are "
                "never removed (RFC 3264 §8)"
            )
        section = offer.sections[index]
        if ours.rejected or theirs.rejected:
            continue  # the place may be used for something new: RFC 3264 §8.1
        if section.kind != ours.kind:
            raise InvalidAccessError(
                f"section {index} was {ours.kind} and is now {section.kind} (RFC 3264 §8: the order is kept)"
            )
        if section.mid != ours.mid and section.mid is not None:
            raise InvalidAccessError(
                f"section {index} was {ours.mid!r} and is now {section.mid!r}, though it was in use (RFC 9429 §5.2.2)"
            )
    section_or_none = accepted_data_section(replace(before, pending_remote=offer), offer)
    if section_or_none is None:
        return
    carrier = _check_transport(offer, section_or_none)
    running = plan_of_current(before)
    _check_continuity(running, carrier, section_or_none)
    if running is not None and running.remote is not None:
        held = {"active": False, "passive": True}.get(carrier.setup or "actpass")
        if held is not None and held is not running.remote.is_dtls_client:
            raise InvalidAccessError(
                f"section {carrier.index} says a=setup:{carrier.setup}, which would swap the roles of the running DTLS "
                "association (RFC 8842 §5.3)"
            )


def _current_pairs(state: Negotiation) -> list[tuple[MediaSection, MediaSection]]:
    """Our and their view of each section that was negotiated."""
    if state.current_local is None or state.current_remote is None:
        return []
    return list(zip(state.current_local.sections, state.current_remote.sections, strict=False))


def _check_answer(state: Negotiation, answer: Description) -> None:
    """That a remote (provisional) answer fits the offer.

    Raises:
        InvalidAccessError: it does not.

    Spec: RFC 9429 §5.8.3 (counts, kinds, protocols), §5.10 (restart), §5.11; RFC 3264 §6; RFC 9143 §7.4.
    """
    offer = state.pending_local
    assert offer is not None, "an answer is only legal to an offer"
    if len(answer.sections) != len(offer.sections):
        raise InvalidAccessError(
            f"the answer has {len(answer.sections)} sections, the offer {len(offer.sections)} (RFC 3264 §6)"
        )
    for ours, theirs in zip(offer.sections, answer.sections, strict=True):
        if theirs.kind != ours.kind or theirs.protocol != ours.protocol:
            raise InvalidAccessError(
                f"section {ours.index} was offered as {ours.kind} {ours.protocol} and answered as {theirs.kind} "
                f"{theirs.protocol} (RFC 9429 §5.8.3)"
            )
        if theirs.mid is not None and theirs.mid != ours.mid:
            raise InvalidAccessError(
                f"section {ours.index} was offered as mid {ours.mid!r} and answered as {theirs.mid!r} (RFC 5888 §9.1)"
            )
        if ours.rejected and theirs.port != 0:
            raise InvalidAccessError(
                f"section {ours.index} was offered with port 0 and answered with {theirs.port} (RFC 3264 §6)"
            )
    offered = [set(group) for group in offer.bundle_groups]
    for group in answer.bundle_groups:
        if not any(set(group) <= other for other in offered):
            raise InvalidAccessError(
                f"a=group:BUNDLE {' '.join(group)} was not offered as one group (RFC 9143 §7.4)"
            )
    ours_or_none = offer.data_section
    if ours_or_none is None or answer.sections[ours_or_none.index].rejected:
        return
    theirs = answer.sections[ours_or_none.index]
    if not theirs.is_data:
        raise InvalidAccessError(
            f"section {theirs.index} answers data channels with something else (RFC 9429 §5.3.1)"
        )
    carrier = _check_transport(answer, theirs)
    if carrier.setup == "actpass":
        raise InvalidAccessError(
            f"section {carrier.index} answers a=setup:actpass; it must choose active or passive (RFC 8842 §5.3)"
        )
    _check_answer_transport(state, answer, theirs, carrier)


def _with_roles_kept(state: Negotiation, answer: Description) -> Description:
    """The answer to an ICE restart, with the DTLS roles that are running.

    Firefox 153 answers every restart with ``a=setup:active``, also when it is the DTLS server. By RFC 8842 §4 other
    roles would mean a new association, but it goes on with the old one, and so do we. Without a restart, and with
    another fingerprint, such an answer is refused by the checks.
    """
    running = plan_of_current(state)
    ours = state.pending_local.data_section if state.pending_local is not None else None
    if running is None or running.remote is None or ours is None or ours.index >= len(answer.sections):
        return answer
    theirs = answer.sections[ours.index]
    if not theirs.is_data or theirs.rejected:
        return answer
    carrier = answer.transport_section(theirs)
    if carrier.setup not in ("active", None) or not running.remote.is_dtls_client:
        return answer
    if carrier.ufrag == running.remote.credentials.ufrag or carrier.pwd == running.remote.credentials.pwd:
        return answer
    kept = replace(carrier, setup="passive")
    return replace(answer, sections=tuple(kept if s is carrier else s for s in answer.sections))


def _check_answer_transport(
    state: Negotiation, answer: Description, section: MediaSection, carrier: MediaSection
) -> None:
    """Restart and continuity. Spec: RFC 9429 §5.10 (first and second point), §5.11 (second point)."""
    assert state.pending_local is not None and carrier.ufrag is not None and carrier.pwd is not None
    credentials = Credentials(carrier.ufrag, carrier.pwd)
    running = plan_of_current(state)
    if running is not None and running.remote is not None:
        offered = plan(replace(state, signaling=SignalingState.HAVE_LOCAL_OFFER, pending_remote=None))
        restarted = offered is not None and offered.credentials != running.credentials
        changed = credentials != running.remote.credentials
        if restarted and not changed:
            raise InvalidAccessError(
                "the offer restarted ICE, but the answer has the credentials of before (RFC 9429 §5.10)"
            )
        if changed and not restarted:
            raise InvalidAccessError(
                "the answer has new ICE credentials, but the offer did not restart ICE (RFC 9429 §5.10)"
            )
        _check_continuity(running, carrier, section)
        if (carrier.setup == "passive") is not running.remote.is_dtls_client:
            raise InvalidAccessError(
                f"section {carrier.index} says a=setup:{carrier.setup}, which would swap the roles of the running DTLS "
                "association (RFC 8842 §5.3)"
            )
    if state.signaling is not SignalingState.HAVE_REMOTE_PRANSWER:
        return
    provisional = plan(state)
    if provisional is None or provisional.remote is None:
        return
    _check_continuity(provisional, carrier, section)
    if credentials != provisional.remote.credentials:
        # Deviation: RFC 9429 §5.10 lets the final answer come from another fork with other credentials.
        raise InvalidAccessError(
            "the answer has other ICE credentials than the provisional answer; forking is not supported (RFC 9429 §3.8)"
        )
    if (carrier.setup == "passive") is not provisional.remote.is_dtls_client:
        raise InvalidAccessError("the answer swaps the DTLS roles of the provisional answer (RFC 8842 §5.3)")


# --- the difference ------------------------------------------------------------------------------------------


def _applied(before: Negotiation, after: Negotiation, *, rollback: bool = False) -> Applied:
    return Applied(after, effects_between(before, after, rollback=rollback))


def effects_between(before: Negotiation, after: Negotiation, *, rollback: bool = False) -> tuple[Effect, ...]:
    """What turns the transport of one state into that of the other.

    Args:
        before: the state that was.
        after: the state that is.
        rollback: whether `after` undoes the pending offer of `before`.
    """
    old, new = plan(before), plan(after)
    effects: list[Effect] = []
    if new is None:
        refused = not rollback and _refused_in(before, after)
        if refused:
            effects.append(CloseChannels(refused))
        if old is not None:
            effects.append(CloseTransport())
        return tuple(effects)
    if old is None:
        effects.append(OpenTransport(new))
    elif old.credentials != new.credentials:
        underlying = plan_of_current(before)
        if rollback:
            effects.append(RollBackIce())
        elif underlying is None:
            effects += [CloseTransport(), OpenTransport(new)]
        else:
            if old.credentials != underlying.credentials:  # a second restart before the first was answered
                effects.append(RollBackIce())
            effects.append(RestartIce(new.credentials))
    if new.remote is not None and (old is None or old.remote != new.remote):
        effects.append(Connect(new.remote))
    old_sctp = old.sctp if old is not None else None
    if new.sctp is not None and new.sctp != old_sctp:
        effects.append(UseSctp(new.sctp))
    if old_sctp is not None and new.sctp is None:
        effects.append(CloseChannels("the other side closed the SCTP association (a=sctp-port:0)"))
    return tuple(effects)


def _refused_in(before: Negotiation, after: Negotiation) -> str:
    """Why data came to nothing in an exchange that was just finished; empty if it did not."""
    if after.signaling is not SignalingState.STABLE:
        return ""
    offer = before.pending_local
    if offer is not None and offer.type is SdpType.OFFER and offer.data_section is not None:
        return "the answer rejects the data section"
    if plan_of_current(before) is not None:
        return "the data section was disabled"
    return ""

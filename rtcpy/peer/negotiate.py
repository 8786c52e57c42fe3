"""Making descriptions: createOffer and createAnswer as pure functions.

Both take the state of negotiation and return a new one with the description in it; nothing below is touched, and
nothing is random: fresh ICE credentials are handed in. Whether a call is legal in a state is checked here too.

How the ``m=`` lines are kept: their order never changes and none is ever removed. A section that is out of use
stays at its place with port 0 until something new needs a place (RFC 9429 §5.2.2: recycling).

Media sections: offered ones are kept in order and rejected; ours have none yet. `_data_section` is the only section
that is filled in, `_rejected_section` holds the places of all others.

Specs: RFC 9429 §5.2 (offers), §5.3 (answers); RFC 3264 §5, §6, §8; RFC 9143 §7 (BUNDLE); RFC 8841 §10 (data sections);
RFC 8842 §5 (setup, tls-id); W3C webrtc §4.4.2 (createOffer, createAnswer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rtcpy import sdp
from rtcpy.core.errors import InvalidStateError
from rtcpy.peer.candidates import LocalGeneration, render_local
from rtcpy.peer.negotiation import Credentials, LocalParameters, Negotiation, plan_of_current
from rtcpy.peer.sections import (
    DATA_FORMAT,
    DEFAULT_SCTP_PORT,
    Description,
    MediaSection,
    understand,
)
from rtcpy.peer.states import SdpType, SignalingState

DISCARD_PORT = 9
"""Port of a section without candidates, where ICE will tell the real one. RFC 8840 §4.1.1."""

DATA_PROTOCOL = "UDP/DTLS/SCTP"
"""What our offers say. RFC 9429 §5.1.2, RFC 8841 §4.4.1."""

ICE_OPTIONS = ("trickle", "ice2")
"""What we can do: RFC 8840 §4.1.1, RFC 8445 §10."""

OLD_FORM_STREAMS = 1024
"""Streams announced in a=sctpmap of the older form: what browsers wrote there; SCTP negotiates the number anyway."""

PLACEHOLDER = Credentials("0000", "0" * 22)
"""Never signalled: stands in where a description without sections is compared with what would be made now."""

Gathered = dict[str, LocalGeneration]
"""Candidates of ours by user name fragment."""


def create_offer(
    state: Negotiation, *, fresh: Credentials, gathered: Gathered, ice_restart: bool = False
) -> Negotiation:
    """Make an offer of what is in use and what is wanted; it is `last_offer` of the returned state.

    Args:
        state: where negotiation stands.
        fresh: ICE credentials to use if new ones are called for.
        gathered: candidates found so far, to be written inside.
        ice_restart: W3C's `iceRestart` option.

    Raises:
        InvalidStateError: not in `stable` or `have-local-offer`.

    Spec: W3C webrtc §4.4.2 (create an offer), RFC 9429 §5.2.
    """
    if state.signaling not in (SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER):
        raise InvalidStateError(
            f"create_offer is not possible in {state.signaling} (W3C webrtc §4.4.2, createOffer)"
        )
    version = state.session_version + 1
    credentials = offer_credentials(state, fresh, ice_restart=ice_restart)
    return replace(state, session_version=version, last_offer=_offer(state, version, credentials, gathered))


def create_answer(state: Negotiation, *, fresh: Credentials, gathered: Gathered) -> Negotiation:
    """Make an answer to the pending remote offer; it is `last_answer` of the returned state.

    Args:
        state: where negotiation stands.
        fresh: ICE credentials to use if new ones are called for.
        gathered: candidates found so far.

    Raises:
        InvalidStateError: not in `have-remote-offer` or `have-local-pranswer`.

    Spec: W3C webrtc §4.4.2 (create an answer), RFC 9429 §5.3.
    """
    if state.signaling not in (SignalingState.HAVE_REMOTE_OFFER, SignalingState.HAVE_LOCAL_PRANSWER):
        raise InvalidStateError(
            f"create_answer is not possible in {state.signaling} (W3C webrtc §4.4.2, createAnswer)"
        )
    version = state.session_version + 1
    description = _answer(state, version, answer_credentials(state, fresh), gathered)
    return replace(state, session_version=version, last_answer=description)


def is_last_offer_accurate(state: Negotiation, gathered: Gathered) -> bool:
    """Whether `last_offer` still says what a new one would.

    Spec: W3C webrtc §4.4.2 (setLocalDescription, step 4.4.2).
    """
    last = state.last_offer
    if last is None:
        return False
    version = last.model.origin.session_version
    if version <= state.abandoned_version:
        return False
    credentials = offer_credentials(state, _own_credentials(last) or PLACEHOLDER, ice_restart=False)
    return _offer(state, version, credentials, gathered).text == last.text


def is_last_answer_accurate(state: Negotiation, gathered: Gathered) -> bool:
    """Whether `last_answer` still answers the pending offer as a new one would. Spec: as for offers, step 4.5.2."""
    last = state.last_answer
    if last is None or state.pending_remote is None:
        return False
    version = last.model.origin.session_version
    if version <= state.abandoned_version:
        return False
    credentials = answer_credentials(state, _own_credentials(last) or PLACEHOLDER)
    return _answer(state, version, credentials, gathered).text == last.text


# --- credentials ---------------------------------------------------------------------------------------------


def offer_credentials(state: Negotiation, fresh: Credentials, *, ice_restart: bool) -> Credentials:
    """The ICE credentials of the next offer: those in use, unless a restart is due.

    Spec: RFC 9429 §5.2.2, §5.2.3.1, §3.5.1; W3C webrtc §4.4.2 (restartIce).
    """
    used = _own_credentials(state.local_description)
    if used is None or ice_restart or used in state.replace or state.needs_ice_restart:
        return fresh
    return used


def answer_credentials(state: Negotiation, fresh: Credentials) -> Credentials:
    """The ICE credentials of the next answer: those in use, unless the offer restarts ICE.

    Spec: RFC 9429 §5.3.2; RFC 8839 §4.4.1.1.1.
    """
    provisional = _own_credentials(state.pending_local)
    if provisional is not None:
        return provisional
    running = plan_of_current(state)
    if running is None or running.remote is None or offer_restarts_ice(state):
        return fresh
    return running.credentials


def offer_restarts_ice(state: Negotiation) -> bool:
    """Whether the pending remote offer begins a new ICE generation. Spec: RFC 9429 §5.10, RFC 8839 §4.4.1.1.1."""
    running = plan_of_current(state)
    offer = state.pending_remote
    if running is None or running.remote is None or offer is None or offer.data_section is None:
        return False
    carrier = offer.transport_section(offer.data_section)
    return (carrier.ufrag, carrier.pwd) != running.remote.credentials


def _own_credentials(description: Description | None) -> Credentials | None:
    """The credentials of the live transport in a description of ours."""
    if description is None or description.data_section is None:
        return None
    carrier = description.transport_section(description.data_section)
    return (
        Credentials(carrier.ufrag, carrier.pwd)
        if carrier.ufrag is not None and carrier.pwd is not None
        else None
    )


# --- offers --------------------------------------------------------------------------------------------------


def _offer(state: Negotiation, version: int, credentials: Credentials, gathered: Gathered) -> Description:
    slots = _slots(state)
    model = sdp.SessionDescription.new(state.local.session_id, version)
    live = [mid for mid, previous in slots if previous is None]
    if live:  # a group of nothing says nothing
        model.add(sdp.Group("BUNDLE", list(live)))
    model.add(sdp.IceOptions(list(ICE_OPTIONS)))
    for mid, previous in slots:
        if previous is not None:
            model.media.append(_rejected_section(previous, state.local_description))
        else:
            media = sdp.MediaDescription.new("application", DISCARD_PORT, DATA_PROTOCOL, [DATA_FORMAT])
            media.connection = sdp.Connection()
            media.add(sdp.Mid(mid))
            _add_transport(media, state.local, credentials, setup="actpass", tls_id=state.local.tls_id)
            media.add(sdp.SctpPort(DEFAULT_SCTP_PORT), sdp.MaxMessageSize(state.local.max_message_size))
            model.media.append(media)
    return _finish(SdpType.OFFER, model, gathered)


def _slots(state: Negotiation) -> list[tuple[str, MediaSection | None]]:
    """The place of every section of the next offer: (mid, `None`) for the live data section, or what to keep rejected.

    Spec: RFC 9429 §5.2.2 (recycling, order), RFC 3264 §8.1, §8.2.
    """
    base = state.local_description
    remote = state.current_remote
    slots: list[tuple[str, MediaSection | None]] = []
    free: list[int] = []
    has_data = False
    for section in base.sections if base is not None else ():
        negotiated = remote is not None and section.index < len(remote.sections)
        refused = (
            negotiated
            and remote is not None
            and remote.sections[section.index].rejected
            and not _recycled_since(state, section)
        )
        mid = section.mid or ""
        if section.is_data and not section.rejected and not refused and not has_data:
            has_data = True
            slots.append((mid, None))
        else:
            free.append(section.index)
            slots.append((mid, section))
    if not has_data and state.data_wanted:
        next_mid = state.next_mid
        taken = {s.mid for d in (base, remote) if d is not None for s in d.sections}
        while str(next_mid) in taken:
            next_mid += 1
        entry: tuple[str, MediaSection | None] = (str(next_mid), None)
        if free:
            slots[free[0]] = entry
        else:
            slots.append(entry)
    return slots


def _recycled_since(state: Negotiation, section: MediaSection) -> bool:
    """Whether the pending offer put something new in a place that the last answer had refused."""
    if state.pending_local is None or state.current_local is None:
        return False
    if section.index >= len(state.current_local.sections):
        return True
    return state.current_local.sections[section.index].mid != section.mid


def _rejected_section(section: MediaSection, source: Description | None) -> sdp.MediaDescription:
    """A section out of use: same kind, protocol and mid, port 0, one format.

    Args:
        section: as it was described last, by either side.
        source: the description it is from, for the name of its format.

    Spec: RFC 3264 §6, §8.2; RFC 9143 §7.3.3, §7.5.3 (not in the BUNDLE group, no bundle-only).
    """
    formats = section.formats if section.is_data else section.formats[:1]
    media = sdp.MediaDescription.new(section.kind, 0, section.protocol, formats)
    media.connection = sdp.Connection()
    if section.mid is not None:
        media.add(sdp.Mid(section.mid))
    if section.is_rtp:
        media.direction = sdp.Direction.INACTIVE
        if source is not None:
            for rtpmap in source.model.media[section.index].all(sdp.Rtpmap):
                if str(rtpmap.payload_type) in formats:
                    media.add(rtpmap)
    return media


def _add_transport(
    media: sdp.MediaDescription,
    local: LocalParameters,
    credentials: Credentials,
    *,
    setup: str,
    tls_id: str | None,
) -> None:
    """ICE and DTLS parameters. Spec: RFC 9429 §5.2.1 (attributes of category TRANSPORT)."""
    media.add(sdp.IceUfrag(credentials.ufrag), sdp.IcePwd(credentials.pwd))
    for algorithm, value in local.fingerprints:
        media.add(sdp.Fingerprint(algorithm, value))
    media.add_attribute("setup", setup)
    if tls_id is not None:
        media.add(sdp.TlsId(tls_id))


def _finish(kind: SdpType, model: sdp.SessionDescription, gathered: Gathered) -> Description:
    """The facts of what we wrote, its text complete with candidates."""
    bare = understand(kind, model, model.serialize())
    text = render_local(bare, gathered)
    return bare if text == bare.text else replace(bare, text=text)


# --- answers -------------------------------------------------------------------------------------------------


def accepted_data_section(state: Negotiation, offer: Description) -> MediaSection | None:
    """Which section of a remote offer we accept: the first for data, if BUNDLE allows it.

    A bundle-only section needs a group with a section that has a port; if everything with a port in its group
    is rejected, so must it be.

    Spec: RFC 9429 §5.3.1 (rejections), RFC 9143 §7.3.1 (tagged section), §7.3.2 (bundle-only cannot move out).
    """
    section = offer.data_section
    if section is None:
        return None
    if section.port == 0 and offer_tag(state, offer, section) is None:
        return None
    return section


def offer_tag(state: Negotiation, offer: Description, section: MediaSection) -> MediaSection | None:
    """The offerer-tagged section of `section`'s group as we select it, `None`: no group can be formed.

    Walks the group's mids: the first that we do not reject and that has a port. Of an offer for a group that was
    negotiated before, the tag is the offerer's choice alone.

    Spec: RFC 9143 §7.3, §7.3.1.
    """
    group = offer.group_of(section)
    if group is None:
        return None
    running = plan_of_current(state)
    for mid in group:
        member = offer.by_mid(mid)
        if member is not None and (running is not None or member is section) and member.port != 0:
            return member
    return None


def answer_setup(offered: str | None, running_as_client: bool | None) -> str:
    """``active`` or ``passive``.

    Args:
        offered: of the offer's transport; `None` counts as actpass, as in browsers.
        running_as_client: our role in the association that continues, `None` if there is none.

    Spec: RFC 9429 §5.3.1 (active by default), §5.3.2; RFC 8842 §5.3; RFC 4145 §4.1.
    """
    if running_as_client is not None:
        return "active" if running_as_client else "passive"
    return "passive" if offered == "active" else "active"


def _answer(state: Negotiation, version: int, credentials: Credentials, gathered: Gathered) -> Description:
    offer = state.pending_remote
    assert offer is not None, "have-remote-offer and have-local-pranswer have one"
    model = sdp.SessionDescription.new(state.local.session_id, version)
    accepted = accepted_data_section(state, offer)
    group = offer.group_of(accepted) if accepted is not None else None
    if group is not None and accepted is not None and accepted.mid is not None:
        model.add(sdp.Group("BUNDLE", [accepted.mid]))
    options = _common_options(offer)
    if options:
        model.add(sdp.IceOptions(list(options)))
    running = plan_of_current(state)
    for section in offer.sections:
        if section is not accepted:
            model.media.append(_rejected_section(section, offer))
            continue
        carrier = offer.transport_section(section)
        as_client = (
            running.remote.is_dtls_client if running is not None and running.remote is not None else None
        )
        media = sdp.MediaDescription.new("application", DISCARD_PORT, section.protocol, section.formats)
        media.connection = sdp.Connection()
        if section.mid is not None:
            media.add(sdp.Mid(section.mid))
        _add_transport(
            media,
            state.local,
            credentials,
            setup=answer_setup(carrier.setup, as_client),
            tls_id=state.local.tls_id if carrier.tls_id is not None else None,
        )
        _add_sctp(media, section)
        media.add(sdp.MaxMessageSize(state.local.max_message_size))
        model.media.append(media)
    return _finish(SdpType.ANSWER, model, gathered)


def _common_options(offer: Description) -> Sequence[str]:
    """Our ICE options that were offered too. Spec: RFC 9429 §5.3.1."""
    offered = frozenset[str]().union(*(s.ice_options for s in offer.sections))
    return [option for option in ICE_OPTIONS if option in offered]


def _add_sctp(media: sdp.MediaDescription, section: MediaSection) -> None:
    """The SCTP port in the form in which it was offered; 0 is answered by 0. Spec: RFC 8841 §10.3."""
    assert section.sctp_port is not None
    if DATA_FORMAT in section.formats:
        media.add(sdp.SctpPort(DEFAULT_SCTP_PORT if section.sctp_port else 0))
    else:
        media.add(sdp.Sctpmap(section.sctp_port, DATA_FORMAT, OLD_FORM_STREAMS))

"""Candidates that the other side trickles: which section and generation each belongs to, and handing them to ICE once.

Owns `RemoteCandidates`: W3C's addIceCandidate but for the checks of the connection itself. Which of the candidates
of bundled sections the one transport may use is decided in `rtcpy.peer.candidates`.

Specs: W3C webrtc §4.4.2 (addIceCandidate); RFC 8838 §9, §14; RFC 8840 §4, §8.2.
"""

from __future__ import annotations

from rtcpy import sdp
from rtcpy.core.errors import OperationError
from rtcpy.core.machine import Instant
from rtcpy.peer.candidates import (
    MAX_CANDIDATES,
    RemoteGeneration,
    candidates_for,
    effective_ufrag,
    render_remote,
    to_ice,
)
from rtcpy.peer.description import IceCandidate
from rtcpy.peer.negotiation import Negotiation
from rtcpy.peer.sections import Description, MediaSection
from rtcpy.peer.states import SignalingState
from rtcpy.peer.transport import Transport


class RemoteCandidates:
    """What was trickled to us, by generation, and what of it the agent has had. Bounded per generation."""

    __slots__ = ("_fed", "_fed_end", "_generations")

    def __init__(self) -> None:
        self._generations: dict[str, RemoteGeneration] = {}
        self._fed: set[tuple[str, str]] = set()
        self._fed_end: str | None = None

    def add(self, candidate: IceCandidate, state: Negotiation) -> None:
        """Take one candidate, or the end of one section or of all.

        Args:
            candidate: as it was signalled; with neither mid nor index it is the end of all.
            state: with the remote descriptions it may belong to; there is at least one.

        Raises:
            OperationError: no such section, no such generation, no candidate line, or too many.

        Deviation: an empty mid beside an index, which Pion sends, counts as no mid.
        """
        mid, index = candidate.sdp_mid, candidate.sdp_mline_index
        if mid == "" and index is not None:
            mid = None
        if mid is None and index is None:
            self._end_all(candidate.username_fragment, state)
            return
        remote = state.remote_description
        assert remote is not None, "checked by the caller"
        section = _find_section(remote, mid, index)
        parsed = _parse(candidate.candidate)
        ufrag = _generation_of(section, candidate, parsed, state)
        if ufrag is None:
            return  # a rejected section without credentials: nothing to connect to (step 4.4)
        generation = self._generations.setdefault(ufrag, RemoteGeneration())
        if parsed is None:
            generation.ended.add(section.index)
        elif (section.index, parsed) not in generation.added:
            if len(generation.added) >= MAX_CANDIDATES:
                raise OperationError(f"more than {MAX_CANDIDATES} candidates of one generation")
            generation.added.append((section.index, parsed))

    def _end_all(self, ufrag: str | None, state: Negotiation) -> None:
        for description in (state.current_remote, state.pending_remote):
            for section in description.sections if description is not None else ():
                assert description is not None
                own = effective_ufrag(description, section)
                if own is not None and ufrag in (None, own):
                    self._generations.setdefault(own, RemoteGeneration()).all_ended = True

    def feed(self, transport: Transport, state: Negotiation, now: Instant) -> None:
        """Hand the agent the candidates that belong to its transport and that it has not had yet."""
        if transport.remote is None:
            return
        ufrag = transport.remote.credentials.ufrag
        provisional = state.signaling in (
            SignalingState.HAVE_LOCAL_PRANSWER,
            SignalingState.HAVE_REMOTE_PRANSWER,
        )
        remote = state.pending_remote if provisional else state.current_remote
        local = state.pending_local if provisional else state.current_local
        if remote is None or local is None or local.data_section is None:
            return
        section = remote.sections[local.data_section.index]
        accepted = frozenset(
            s.index
            for s, t in zip(remote.sections, local.sections, strict=True)
            if not (s.rejected or t.rejected)
        )
        chosen, complete = candidates_for(remote, section, accepted, self._generations.get(ufrag))
        for candidate in chosen:
            key = (ufrag, candidate.serialize())
            if key not in self._fed and len(self._fed) < 2 * MAX_CANDIDATES:
                self._fed.add(key)
                converted = to_ice(candidate, ufrag)
                if converted is not None:
                    transport.ice.add_remote_candidate(converted, now=now)
        if complete and self._fed_end != ufrag:
            self._fed_end = ufrag
            transport.ice.end_of_remote_candidates(ufrag=ufrag, now=now)
        transport.pump(now=now)

    def begin_anew(self) -> None:
        """The agent connects to a new generation: it has had nothing of it."""
        self._fed.clear()
        self._fed_end = None

    def keep_only(self, ufrags: set[str | None]) -> None:
        """Drop generations that no description names any more."""
        self._generations = {ufrag: g for ufrag, g in self._generations.items() if ufrag in ufrags}

    def render(self, description: Description) -> str:
        """The text of a remote description with what was trickled for it since."""
        return render_remote(description, self._generations)


def _find_section(description: Description, mid: str | None, index: int | None) -> MediaSection:
    """Spec: W3C webrtc §4.4.2 (addIceCandidate, steps 4.2 and 4.3)."""
    if mid is not None:
        section = description.by_mid(mid)
        if section is None:
            raise OperationError(f"no section of the remote description has mid {mid!r} (W3C webrtc §4.4.2)")
        return section
    assert index is not None
    if not 0 <= index < len(description.sections):
        raise OperationError(
            f"the remote description has {len(description.sections)} sections, none with index {index} "
            "(W3C webrtc §4.4.2)"
        )
    return description.sections[index]


def _parse(text: str) -> sdp.Candidate | None:
    """The candidate, or `None` for the end. Spec: W3C webrtc §4.4.2 (addIceCandidate, step 4.7.1)."""
    try:
        return sdp.parse_trickled(text).candidate
    except sdp.SdpError as error:
        raise OperationError(f"not a candidate: {error}") from error


def _generation_of(
    section: MediaSection, candidate: IceCandidate, parsed: sdp.Candidate | None, state: Negotiation
) -> str | None:
    """The user name fragment that a candidate belongs to; `None` for a section without one.

    Raises:
        OperationError: it names one that neither remote description has for the section.

    Spec: W3C webrtc §4.4.2 (addIceCandidate, steps 4.5 and 4.7); RFC 8838 §9.
    """
    newest: str | None = None
    known: set[str] = set()
    for description in (state.current_remote, state.pending_remote):
        if description is not None and section.index < len(description.sections):
            ufrag = effective_ufrag(description, description.sections[section.index])
            if ufrag is not None:
                known.add(ufrag)
                newest = ufrag
    wanted = candidate.username_fragment or (parsed.ufrag if parsed is not None else None)
    if wanted is None or (not known and section.rejected):
        return newest
    if wanted not in known:
        raise OperationError(
            f"user name fragment {wanted!r} is in no remote description for section {section.index} "
            "(W3C webrtc §4.4.2, addIceCandidate step 4.5)"
        )
    return wanted

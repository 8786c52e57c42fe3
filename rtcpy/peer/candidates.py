"""Candidates by generation: the lists that trickle beside the descriptions, and their two written forms.

Owns the lists of both sides and the conversion between `rtcpy.sdp.Candidate` (text) and `rtcpy.ice.Candidate`.
Does not own when they are gathered (`rtcpy.peer.peer`) nor what is done with them (`rtcpy.ice`).

A *generation* is named by its user name fragment: an ICE restart begins a new one, and what arrives late for the old
one must not be mixed in (RFC 8838 §9, W3C webrtc §4.4.2 addIceCandidate step 4.5).

Specs: RFC 8839 §5.1, RFC 8840 §4, §8; RFC 9143 §10 (candidates in bundled sections); W3C webrtc §4.8.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcpy import ice, sdp
from rtcpy.peer.sections import Description, MediaSection

MAX_CANDIDATES = 256
"""Signalled candidates kept per generation and side. Browsers send some dozens; the ICE agent pairs 100."""


@dataclass(slots=True)
class LocalGeneration:
    """What we gathered under one user name fragment."""

    candidates: list[sdp.Candidate] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class RemoteGeneration:
    """What was signalled to us under one user name fragment, by section, beyond what stood in the description.

    Args:
        added: (index of the section, candidate), in order of arrival.
        ended: sections whose end of candidates was signalled.
        all_ended: the end of candidates of the whole description was signalled.
    """

    added: list[tuple[int, sdp.Candidate]] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    all_ended: bool = False


def to_ice(candidate: sdp.Candidate, ufrag: str | None) -> ice.Candidate | None:
    """For the agent; `None` for a type that RFC 8839 §5.1 does not have, which is to be ignored.

    Args:
        candidate: as it was signalled.
        ufrag: the generation it belongs to.
    """
    try:
        kind = ice.CandidateType(candidate.type)
    except ValueError:
        return None
    return ice.Candidate(
        foundation=candidate.foundation,
        component=candidate.component,
        transport=candidate.protocol,
        priority=candidate.priority,
        address=candidate.address,
        port=candidate.port,
        type=kind,
        related_address=candidate.related_address,
        related_port=candidate.related_port,
        tcp_type=candidate.tcp_type,
        ufrag=ufrag,
        generation=candidate.generation,
    )


def to_sdp(candidate: ice.Candidate) -> sdp.Candidate:
    """For a description or a signalling message. A scope (``%eth0``) is nobody else's business and is cut off."""
    extensions: list[tuple[str, str]] = []
    if candidate.tcp_type is not None:
        extensions.append(("tcptype", candidate.tcp_type))
    if candidate.generation is not None:
        extensions.append(("generation", str(candidate.generation)))
    return sdp.Candidate(
        foundation=candidate.foundation,
        component=candidate.component,
        transport=candidate.transport,
        priority=candidate.priority,
        address=candidate.address.partition("%")[0],
        port=candidate.port,
        type=candidate.type.value,
        related_address=candidate.related_address,
        related_port=candidate.related_port,
        extensions=extensions,
    )


def render_local(description: Description, generations: dict[str, LocalGeneration]) -> str:
    """The text of one of our descriptions with what has been gathered for it so far.

    The default candidate goes into the ``m=`` and ``c=`` lines. Spec: RFC 8839 §4.2.1.2; RFC 9429 §5.2.2; W3C webrtc
    §5.6 (surface a candidate, steps 3 and 4).
    """
    if not any(s.ufrag in generations for s in description.sections):
        return description.text
    out = sdp.SessionDescription(list(description.model.lines))
    for section, media in zip(description.sections, description.model.media, strict=True):
        copy = sdp.MediaDescription(list(media.lines))
        out.media.append(copy)
        generation = generations.get(section.ufrag) if section.ufrag is not None else None
        if generation is None or section.rejected:
            continue
        copy.remove(sdp.Candidate)
        copy.remove("end-of-candidates")
        default = _default(generation.candidates)
        if default is not None:
            copy.port = default.port
            copy.connection = sdp.Connection(default.address, "IP6" if ":" in default.address else "IP4")
        copy.add(*generation.candidates)
        if generation.ended:
            copy.add_flag("end-of-candidates")
    return out.serialize()


def _default(candidates: list[sdp.Candidate]) -> sdp.Candidate | None:
    """The candidate for the ``m=`` line; `None` keeps port 9. Spec: RFC 8839 §4.2.1.2."""
    pairs = [(to_ice(c, None), c) for c in candidates if not c.is_name]
    best = ice.default_candidate([i for i, _ in pairs if i is not None])
    return next((c for i, c in pairs if i is best), None) if best is not None else None


def render_remote(description: Description, generations: dict[str, RemoteGeneration]) -> str:
    """The text of the other side's description with what was trickled for it since.

    Spec: W3C webrtc §4.4.2 (addIceCandidate, steps 4.7.2.2 and 4.7.2.3).
    """
    by_section: dict[int, list[sdp.Candidate]] = {}
    ended: set[int] = set()
    for section in description.sections:
        generation = generations.get(effective_ufrag(description, section) or "")
        if generation is None:
            continue
        added = [c for index, c in generation.added if index == section.index]
        if added:
            by_section[section.index] = added
        if (generation.all_ended or section.index in generation.ended) and not section.ended:
            ended.add(section.index)
    if not by_section and not ended:
        return description.text
    out = sdp.SessionDescription(list(description.model.lines))
    for index, media in enumerate(description.model.media):
        copy = sdp.MediaDescription(list(media.lines))
        out.media.append(copy)
        copy.add(*by_section.get(index, ()))
        if index in ended:
            copy.add_flag("end-of-candidates")
    return out.serialize()


def effective_ufrag(description: Description, section: MediaSection) -> str | None:
    """The generation that candidates of `section` belong to, bundling considered."""
    return section.ufrag or description.transport_section(section).ufrag


def candidates_for(
    description: Description,
    section: MediaSection,
    accepted: frozenset[int],
    generation: RemoteGeneration | None,
) -> tuple[list[sdp.Candidate], bool]:
    """The remote candidates that the transport of `section` may use, and whether more may come.

    Those of its own section count, and those of other sections that share its transport. A section that was
    rejected has a transport of its own in browsers, with the same credentials but other ports: to check those
    would find a path that is about to vanish, so they are left out. Peers with one socket for everything (Pion)
    write candidates into the first section only, even if that one gets rejected; they are recognised by a section of
    ours that has none and cannot get any: no trickling, or its end was signalled.

    Args:
        description: the remote one in force.
        section: the section whose transport it is.
        accepted: indices of the sections that share the transport.
        generation: what was trickled for it.

    Returns:
        The candidates in order, and whether the list is complete.

    Spec: RFC 9143 §10 (ICE with BUNDLE), RFC 8840 §8 (end of candidates).
    """
    carrier = description.transport_section(section)
    ufrag = carrier.ufrag
    own = accepted | {section.index, carrier.index}
    added = generation.added if generation is not None else []
    ended = generation.ended if generation is not None else set()
    every = [
        (s.index, c) for s in description.sections if s.ufrag in (None, ufrag) for c in s.candidates
    ] + added
    complete = (
        (generation is not None and generation.all_ended)
        or carrier.ended
        or section.ended
        or bool(ended & {carrier.index, section.index})
    )
    chosen = [c for index, c in every if index in own]
    if not chosen and (complete or "trickle" not in section.ice_options):
        chosen = [c for _, c in every]
        complete = complete or any(s.ended for s in description.sections)
    return [c for c in chosen if c.component == ice.candidate.COMPONENT_RTP], complete

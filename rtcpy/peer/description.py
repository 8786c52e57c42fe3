"""What crosses the signalling channel: session descriptions and candidates, in their W3C form (text).

Plain data, no behaviour beyond reading the candidate line. The structured forms are `rtcpy.sdp` (the grammar)
and `rtcpy.ice.Candidate` (what the agent works with).

Specs: W3C webrtc §4.6 (session description), §4.8.1 (candidate).
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.peer.states import SdpType


@dataclass(slots=True, frozen=True)
class SessionDescription:
    """An offer, answer, provisional answer or rollback. Spec: W3C webrtc §4.6.2.

    Args:
        type: what it is; a plain string such as ``"offer"`` is accepted and becomes the enum.
        sdp: the text, lines ended by CRLF; empty for a rollback. For `set_local_description` an empty text
            means "the one last created, or a fresh one".
    """

    type: SdpType
    sdp: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", SdpType(self.type))


@dataclass(slots=True, frozen=True)
class IceCandidate:
    """One candidate as it is signalled. Spec: W3C webrtc §4.8.1.

    Args:
        candidate: the ``candidate:…`` attribute without ``a=``; the empty string ends the candidates of one
            media section.
        sdp_mid: the mid of that section, if known.
        sdp_mline_index: its index from 0, if known.
        username_fragment: the ICE generation it belongs to; `None` is the newest.
        url: the server that a local ``srflx`` or ``relay`` candidate came from (never signalled).
        relay_protocol: how a local ``relay`` candidate speaks to its server (never signalled).
    """

    candidate: str = ""
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None
    username_fragment: str | None = None
    url: str | None = None
    relay_protocol: str | None = None

    def to_json(self) -> dict[str, str | int | None]:
        """The four members that are signalled, by their JavaScript names. Spec: W3C webrtc §4.8.1 (toJSON)."""
        return {
            "candidate": self.candidate,
            "sdpMid": self.sdp_mid,
            "sdpMLineIndex": self.sdp_mline_index,
            "usernameFragment": self.username_fragment,
        }

"""What two sides say to each other while they set a connection up, as JSON that a browser's `JSON.stringify` also makes.

Three messages: ``{"description": {"type", "sdp"}}``, ``{"candidate": {…} | null}``, ``{"bye": true}``. A page sends
``{description: pc.localDescription}`` and ``{candidate: event.candidate}`` and needs to know nothing more.

Hostile text gives `SignalingError` and nothing else; sizes are limited before anything is parsed.

Specs: W3C webrtc §4.6.2 and §4.8.1 (toJSON), §10.7; RFC 8259 (JSON).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from rtcpy.core.errors import WireError
from rtcpy.peer import IceCandidate, SessionDescription

MAX_MESSAGE = (
    512 * 1024
)  # characters: a description of the largest size that `rtcpy.sdp` takes, escaped as JSON
MAX_CANDIDATE = 4096  # characters of one candidate line; real ones have some hundred
MAX_IDENTIFIER = 256  # characters of a mid or ufrag: RFC 8839 §5.4 allows 256 for a ufrag
MAX_MLINE_INDEX = 65_535  # W3C: unsigned short


class SignalingError(WireError):
    """A signalling message that is none."""


@dataclass(slots=True)
class DescriptionMessage:
    """An offer, an answer or a rollback."""

    description: SessionDescription


@dataclass(slots=True)
class CandidateMessage:
    """A candidate; `None` ends them all."""

    candidate: IceCandidate | None


@dataclass(slots=True)
class Bye:
    """The other side leaves."""


Message = DescriptionMessage | CandidateMessage | Bye


def serialize_message(message: Message) -> str:
    """The JSON text of `message`."""
    if isinstance(message, DescriptionMessage):
        description = message.description
        value: object = {"description": {"type": str(description.type), "sdp": description.sdp}}
    elif isinstance(message, CandidateMessage):
        value = {"candidate": None if message.candidate is None else message.candidate.to_json()}
    else:
        value = {"bye": True}
    return json.dumps(value, separators=(",", ":"))


def parse_message(text: str | bytes) -> Message:
    """Read one message.

    Raises:
        SignalingError: too long, no JSON, or none of the three.
    """
    if len(text) > MAX_MESSAGE:
        raise SignalingError(
            f"a signalling message of {len(text)} characters; at most {MAX_MESSAGE} are taken"
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise SignalingError(f"not JSON: {exc}", rfc="RFC 8259 §2", value=text[:80]) from None
    if not isinstance(value, dict):
        raise SignalingError(f"expected a JSON object, found {type(value).__name__}", value=text[:80])
    if "description" in value:
        return DescriptionMessage(_description(value["description"]))
    if "candidate" in value:
        return CandidateMessage(_candidate(value["candidate"]))
    if value.get("bye") is True:
        return Bye()
    found = ", ".join(repr(str(key)[:40]) for key in list(value)[:5]) or "nothing"
    raise SignalingError(f"expected description, candidate or bye, found {found}", value=text[:80])


def _description(value: object) -> SessionDescription:
    if not isinstance(value, dict):
        raise SignalingError("description is no object", rfc="W3C webrtc §4.6.2", value=value)
    kind, sdp = value.get("type"), value.get("sdp", "")
    if not isinstance(kind, str) or not isinstance(sdp, str):
        raise SignalingError(
            "description needs the strings type and sdp", rfc="W3C webrtc §4.6.2", value=kind
        )
    try:
        return SessionDescription(type=kind, sdp=sdp)  # type: ignore[arg-type]  # strings become the enum
    except ValueError:
        raise SignalingError(
            f"description type {kind[:40]!r} is none of offer, pranswer, answer, rollback",
            rfc="W3C webrtc §4.6.1",
            value=kind,
        ) from None


def _candidate(value: object) -> IceCandidate | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise SignalingError("candidate is neither an object nor null", rfc="W3C webrtc §4.8.1", value=value)
    index = value.get("sdpMLineIndex")
    if index is not None and (
        isinstance(index, bool) or not isinstance(index, int) or not 0 <= index <= MAX_MLINE_INDEX
    ):
        raise SignalingError("sdpMLineIndex is no unsigned short", rfc="W3C webrtc §4.8.1", value=index)
    return IceCandidate(
        _text(value, "candidate", MAX_CANDIDATE) or "",
        _text(value, "sdpMid", MAX_IDENTIFIER),
        index,
        _text(value, "usernameFragment", MAX_IDENTIFIER),
    )


def _text(value: dict[str, object], key: str, limit: int) -> str | None:
    text = value.get(key)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > limit:
        raise SignalingError(
            f"{key} is no string of at most {limit} characters", rfc="W3C webrtc §4.8.1", value=text
        )
    return text

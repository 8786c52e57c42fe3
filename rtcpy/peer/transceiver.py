"""Transceivers: the link between a media section of the descriptions and what sends and receives it.

Owns the record and how an offered direction is answered. Until media is spoken, transceivers exist only because
the other side offered media: they hold the place of their section, and the answer rejects it. Sections of data
channels have no transceiver (RFC 9429 §3.4.1).

Specs: W3C webrtc §5.4; RFC 9429 §4.2, §5.3.1, §5.10; RFC 3264 §6.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TransceiverDirection(StrEnum):
    """Seen from the side that describes. Spec: W3C webrtc §5.4 (RTCRtpTransceiverDirection)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"
    STOPPED = "stopped"

    @property
    def sends(self) -> bool:
        """Whether the describing side sends."""
        return self in (TransceiverDirection.SENDRECV, TransceiverDirection.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the describing side receives."""
        return self in (TransceiverDirection.SENDRECV, TransceiverDirection.RECVONLY)

    @property
    def reversed(self) -> TransceiverDirection:
        """The same, seen from the other side."""
        return direction_of(self.receives, self.sends)


def direction_of(sends: bool, receives: bool) -> TransceiverDirection:
    """The direction with these two halves."""
    if sends:
        return TransceiverDirection.SENDRECV if receives else TransceiverDirection.SENDONLY
    return TransceiverDirection.RECVONLY if receives else TransceiverDirection.INACTIVE


def answer_direction(offered: TransceiverDirection, wanted: TransceiverDirection) -> TransceiverDirection:
    """What to answer: the offered direction turned round, cut down to what the transceiver wants.

    Spec: RFC 9429 §5.3.1, RFC 3264 §6.1.
    """
    mirror = offered.reversed
    return direction_of(mirror.sends and wanted.sends, mirror.receives and wanted.receives)


@dataclass(slots=True, frozen=True)
class Transceiver:
    """One media section's sender and receiver. A value: changing one makes a new one, so rollback is exact.

    Args:
        kind: ``audio`` or ``video``; other kinds that are offered get one too, to be rejected.
        mid: of its section, `None` while it has none (W3C [[Mid]]).
        mline_index: of its section, `None` while it has none.
        direction: what the application wants.
        current_direction: what was last negotiated, `None` before.
        stopped: it will never send or receive again.
        from_remote: made by a remote offer; a rollback of that offer removes it.
    """

    kind: str
    mid: str | None = None
    mline_index: int | None = None
    direction: TransceiverDirection = TransceiverDirection.SENDRECV
    current_direction: TransceiverDirection | None = None
    stopped: bool = False
    from_remote: bool = False

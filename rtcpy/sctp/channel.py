"""One data channel as the application knows it, and its states as data.

Theory of operation: a channel of ours is `connecting` until the association is up and its OPEN has been sent; one that
the peer opens, or that joins an association which is up, begins `open`. Closing is two resets, one of each direction's
stream, and the id is free again when both are done. There is no way back.

Specs: W3C webrtc §6.2 (RTCDataChannelState), RFC 8831 §6.7 (closing), RFC 8832 §6 (opening).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rtcpy.core.enums import KeyEnum


class ChannelState(Enum):
    """W3C webrtc RTCDataChannelState."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class ChannelInput(KeyEnum):
    """What moves a channel."""

    OPENED = "the association is up, OPEN is sent"
    CLOSE = "command: close; or the peer reset its stream; or it broke a rule"
    RESET = "both streams are reset"
    END = "the association is over, or there is no stream for it"


_S, _I = ChannelState, ChannelInput

CHANNEL_TRANSITIONS: Mapping[tuple[ChannelState, ChannelInput], ChannelState] = {
    (_S.CONNECTING, _I.OPENED): _S.OPEN,
    (_S.CONNECTING, _I.CLOSE): _S.CLOSING,
    (_S.OPEN, _I.CLOSE): _S.CLOSING,
    (_S.CLOSING, _I.RESET): _S.CLOSED,
    **{(state, _I.END): _S.CLOSED for state in _S},
}


@dataclass(slots=True, eq=False)
class Channel:
    """One data channel as the application knows it. Identity is the object itself: `id` is None until it is assigned.

    Only `DataChannels` changes it. `max_lifetime_ms` in milliseconds; counts are messages and payload bytes.
    """

    label: str
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    max_lifetime_ms: int | None = None
    negotiated: bool = False
    id: int | None = None
    priority: int = 256
    state: ChannelState = ChannelState.CONNECTING
    buffered_amount_low_threshold: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0

    def move(self, by: ChannelInput) -> None:
        """Follow one row of `CHANNEL_TRANSITIONS`; for the channel's owner."""
        self.state = CHANNEL_TRANSITIONS[self.state, by]

"""A data channel as its application sees it: the handle that commands take and events carry.

The handle exists before SCTP does (a channel may be created before the first offer), gets its id when the
DTLS role is known, and outlives the association. The protocol behind it is `rtcpy.sctp.datachannel`.

Specs: W3C webrtc §6.2; RFC 8832 (the open message), RFC 8831 §6.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtcpy.peer.states import DataChannelState


@dataclass(slots=True, eq=False)
class Channel:
    """One data channel. Identity counts, two handles are never equal. Read its fields, don't write them.

    Args:
        label: UTF-8 text of at most 65,535 bytes.
        protocol: the application's sub-protocol, same limit.
        ordered: deliver in the order of sending.
        max_retransmits: give a message up after so many retransmissions; `None` is reliable.
        max_packet_life_time: give it up after so many **milliseconds**; `None` is reliable.
        negotiated: agreed by the application on both sides instead of announced in-band.
        id: the SCTP stream, `None` until it is known.
        ready_state: connecting, open, closing, closed.
        remote: the other side opened it.
    """

    label: str = ""
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    max_packet_life_time: int | None = None
    negotiated: bool = False
    id: int | None = None
    ready_state: DataChannelState = DataChannelState.CONNECTING
    remote: bool = False

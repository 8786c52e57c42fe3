"""TURN: a relay for those whose packets get through to nobody else.

A client asks a server for an address of the server's own (an *allocation*); what peers send there, the server passes
on, and what the client gives it, it sends from there. Requests and answers are STUN messages (`rtcpy.stun` has their
methods and attributes); data may travel in STUN messages too, or, with 4 bytes instead of 36 around it, as *channel
data*.

Where it sits: between ICE and the socket. It imports `core`, `wire` and `stun`. On the wire its channel data is told
apart by the first byte, 64…79 (RFC 7983).

So far there is one file: `channeldata`, the format of channel data.

Specs: RFC 8656.
"""

from rtcpy.turn.channeldata import ChannelData, TurnError

__all__ = ["ChannelData", "TurnError"]

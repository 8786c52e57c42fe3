"""Channel data: a number that stands for a peer, a length, and the peer's datagram.

Over UDP a datagram holds one such message and padding is not needed, though some add it. Over TCP messages follow each
other, so each is padded to a multiple of 4 bytes that the length does not count.

Specs: RFC 8656 §12.4 (format), §12.5 and §12.6 (padding), §12 (the numbers 0x4000 to 0x4FFF).
"""

from __future__ import annotations

from rtcpy.core.errors import WireError
from rtcpy.wire import Wire, bits, length_of, opaque, wire

FIRST_CHANNEL, LAST_CHANNEL = 0x4000, 0x4FFF  # RFC 8656 §12


class TurnError(WireError):
    """Bytes that are no channel data. The layer's parsers raise nothing else."""


@wire("RFC 8656 §12.4", error=TurnError)
class ChannelData(Wire):
    """One datagram on its way through a relay."""

    channel_number: int = bits(16, "the channel: stands for one peer of the client")
    length = length_of("data", 16, doc="bytes of the datagram, without padding")
    data: bytes = opaque("the datagram, as the peer sent it or is to receive it", length="length")

"""Chunks that this stack does not speak, declared: for reading what others send.

The association answers them as the two high bits of their type say (`chunks.UnknownChunk`); here they have a format.

Specs: RFC 8260 §2.1 (I-DATA), §2.3.1 (I-FORWARD-TSN); RFC 4895 §4.1 (AUTH).
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.sctp.chunks import CHUNK_FORMATS, ChunkType
from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.wire import Wire, array, bits, const, flag, length_of, opaque, pad, reserved, wire


@wire("RFC 8260 §2.1", error=SctpDecodeError)
class IDataChunk(Wire):
    """User data that may be interleaved with that of other messages."""

    type = const(8, ChunkType.I_DATA, "I-DATA")
    _reserved = reserved(4)
    immediate: bool = flag("I: the receiver should send the SACK at once", default=False)
    unordered: bool = flag("U: deliver without stream order", default=False)
    beginning: bool = flag("B: first fragment", default=True)
    ending: bool = flag("E: last fragment", default=True)
    length = length_of("user_data", 16, plus=20, doc="bytes of this chunk, without padding")
    tsn: int = bits(32, "transmission sequence number")
    stream_id: int = bits(16, "stream identifier")
    _unused = reserved(16)
    message_id: int = bits(32, "message identifier: counts messages of the stream")
    ppid_or_fsn: int = bits(32, "of a first fragment its PPID, of others their number within the message")
    user_data: bytes = opaque("user data", length="length")
    _pad = pad(4)


@wire("RFC 8260 §2.3.1", error=SctpDecodeError)
class SkippedMessages(Wire):
    """A stream on which messages were given up."""

    stream_id: int = bits(16, "stream")
    _reserved = reserved(15)
    unordered: bool = flag("U: unordered messages", default=False)
    message_id: int = bits(32, "the last message given up")


@wire("RFC 8260 §2.3.1", error=SctpDecodeError)
class IForwardTsnChunk(Wire):
    """Do not wait for anything up to here: it will not come."""

    type = const(8, ChunkType.I_FORWARD_TSN, "I-FORWARD-TSN")
    _flags = reserved(8)
    length = length_of("skipped", 16, plus=8, doc="bytes of this chunk")
    new_cumulative_tsn: int = bits(32, "the receiver's cumulative TSN moves at least to this")
    skipped: list[SkippedMessages] = array(
        SkippedMessages, "streams affected", length="length", default_factory=list
    )


@wire("RFC 4895 §4.1", error=SctpDecodeError)
class AuthChunk(Wire):
    """Authenticates the chunks behind it. Over DTLS there is no need for it."""

    type = const(8, ChunkType.AUTH, "AUTH")
    _flags = reserved(8)
    length = length_of("hmac", 16, plus=8, doc="bytes of this chunk, without padding")
    shared_key_id: int = bits(16, "which shared key")
    hmac_id: int = bits(16, "which HMAC; 1: SHA-1, 3: SHA-256")
    hmac: bytes = opaque("HMAC over this chunk and those behind it", length="length")
    _pad = pad(4)


READABLE_CHUNKS: Mapping[int, type[Wire]] = {
    **CHUNK_FORMATS,
    ChunkType.AUTH: AuthChunk,
    ChunkType.I_DATA: IDataChunk,
    ChunkType.I_FORWARD_TSN: IForwardTsnChunk,
}
"""Every chunk that has a declaration, by its type."""

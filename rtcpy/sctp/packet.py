"""The SCTP packet: common header, checksum, chunks in a row.

`parse_packet` gives objects, for tools and tests. The association's lane uses a walk of its own with
the same limits, so that a DATA chunk costs no object before it is delivered.

The checksum is CRC32c over the packet with the checksum field zero, sent in little-endian order
(RFC 9260 §6.8 and appendix A). Over DTLS it adds nothing, and RFC 9653 lets both sides agree to send zero.

Specs: RFC 9260 §3, §3.1, §6.8, §6.10; RFC 9653.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

import google_crc32c

from rtcpy.sctp.chunks import CHUNK_FORMATS, CHUNK_HEADER, DATA_HEADER, DataChunk, UnknownChunk, fill_data
from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.wire import Wire, bits, wire

COMMON_HEADER = Struct("!HHII")  # source port, destination port, verification tag, checksum
COMMON_HEADER_SIZE = 12  # bytes
_SINGLE_DATA = Struct("!HHIIBBHIHHI")  # common header and the header of a DATA chunk
MAX_CHUNKS = 4096  # per packet: what 16 KiB of empty chunks hold; a bound on the work for one packet

_ZERO_CHECKSUM = b"\0\0\0\0"
_crc32c = google_crc32c.value
_crc32c_extend = google_crc32c.extend


def checksum(data: bytes) -> int:
    """CRC32c of `data`. Spec: RFC 9260 appendix A."""
    return int(_crc32c(data))


def packet_checksum(packet: bytes) -> bytes:
    """The four checksum bytes that `packet` should carry at offset 8."""
    crc: int = _crc32c(packet[:8] + _ZERO_CHECKSUM + packet[12:])
    return crc.to_bytes(4, "little")


@wire("RFC 9260 §3.1", error=SctpDecodeError)
class CommonHeader(Wire):
    """Twelve bytes before the chunks."""

    source_port: int = bits(16, "SCTP port of the sender")
    destination_port: int = bits(16, "SCTP port of the receiver")
    verification_tag: int = bits(
        32, "the receiver's tag: proves that the sender knows the association; 0 with INIT"
    )
    checksum: int = bits(32, "CRC32c, little-endian; may be zero by RFC 9653")


@dataclass(slots=True)
class Packet:
    """A packet taken apart. `checksum_ok` is False also for the zero of RFC 9653."""

    source_port: int
    destination_port: int
    verification_tag: int
    chunks: list[Wire]
    checksum_ok: bool = True

    def serialize(self, *, zero_checksum: bool = False) -> bytes:
        """The bytes, with a fresh checksum (or zero)."""
        head = COMMON_HEADER.pack(self.source_port, self.destination_port, self.verification_tag, 0)
        chunks = self.chunks
        body = (
            chunks[0].serialize() if len(chunks) == 1 else b"".join([chunk.serialize() for chunk in chunks])
        )
        if zero_checksum:
            return head + body
        crc: int = _crc32c_extend(_crc32c(head), body)
        return head[:8] + crc.to_bytes(4, "little") + body


def split_chunks(packet: bytes) -> list[tuple[int, int, int, int]]:
    """(type, flags, offset, length) of every chunk; lengths without padding. Raises SctpDecodeError.

    The padding of the last chunk may be missing. Spec: RFC 9260 §3.2, §6.10.
    """
    size = len(packet)
    if size < COMMON_HEADER_SIZE + 4:
        raise SctpDecodeError(
            f"packet of {size} bytes has no room for a chunk", offset=size, rfc="RFC 9260 §3", value=size
        )
    out: list[tuple[int, int, int, int]] = []
    offset = COMMON_HEADER_SIZE
    while offset < size:
        if size - offset < 4:
            raise SctpDecodeError(
                f"{size - offset} bytes are no chunk header", offset=offset, rfc="RFC 9260 §3.2", value=size
            )
        kind, flags, length = CHUNK_HEADER.unpack_from(packet, offset)
        if length < 4 or length > size - offset:
            raise SctpDecodeError(
                f"chunk length {length}, expected 4 to {size - offset}",
                offset=offset + 2,
                rfc="RFC 9260 §3.2",
                value=length,
            )
        if len(out) == MAX_CHUNKS:
            raise SctpDecodeError(
                "too many chunks in a packet", offset=offset, rfc="RFC 9260 §6.10", value=len(out)
            )
        out.append((kind, flags, offset, length))
        offset += length + (-length & 3)
    return out


def chunk_bytes(packet: bytes, offset: int, length: int) -> bytes:
    """The chunk at `offset` with its padding, which is supplied where the packet ends too early."""
    padded = packet[offset : offset + length + (-length & 3)]
    missing = -len(padded) & 3
    return padded + bytes(missing) if missing else padded


def parse_chunk(data: bytes) -> Wire:
    """One chunk with padding, as its declared format; `UnknownChunk` for types that have none."""
    return CHUNK_FORMATS.get(data[0], UnknownChunk).parse(data)


def parse_packet(packet: bytes) -> Packet:
    """The whole packet as objects. Raises SctpDecodeError. A wrong checksum is told, not raised."""
    size = len(packet)
    if size >= _SINGLE_DATA.size:
        source, destination, tag, _, kind, flags, length, tsn, stream_id, stream_seq, ppid = (
            _SINGLE_DATA.unpack_from(packet)
        )
        end = COMMON_HEADER_SIZE + length
        if kind == 0 and length >= DATA_HEADER.size and end <= size <= end + (-length & 3):
            data = DataChunk.__new__(DataChunk)  # most packets are one DATA chunk
            fill_data(data, flags, tsn, stream_id, stream_seq, ppid, packet[28:end])
            crc: int = _crc32c(packet[:8] + _ZERO_CHECKSUM + packet[12:])
            return Packet(source, destination, tag, [data], packet[8:12] == crc.to_bytes(4, "little"))
    chunks = [
        parse_chunk(chunk_bytes(packet, offset, length)) for _, _, offset, length in split_chunks(packet)
    ]
    source, destination, tag, _ = COMMON_HEADER.unpack_from(packet)
    return Packet(source, destination, tag, chunks, packet[8:12] == packet_checksum(packet))


class PacketWriter:
    """Joins chunks to packets of one association: ports, tag and checksum rule are set once.

    Since header and tag never change while an association lives, their part of the CRC is computed once too.
    """

    __slots__ = ("_crc_of_header", "_head", "_head_zero", "zero_checksum")

    def __init__(
        self, source_port: int, destination_port: int, verification_tag: int, *, zero_checksum: bool
    ) -> None:
        head = COMMON_HEADER.pack(source_port, destination_port, verification_tag, 0)
        self._head_zero = head
        self._head = head[:8]
        self._crc_of_header: int = _crc32c(head)
        self.zero_checksum = zero_checksum

    def write(self, chunks: bytes) -> bytes:
        """The packet around `chunks`, with checksum zero if that was agreed (RFC 9653 §5.2)."""
        if self.zero_checksum:
            return self._head_zero + chunks
        crc: int = _crc32c_extend(self._crc_of_header, chunks)
        return self._head + crc.to_bytes(4, "little") + chunks

    def write_checked(self, chunks: bytes) -> bytes:
        """The packet around `chunks` with its CRC32c in any case: INIT and COOKIE ECHO need it (RFC 9653 §5.2)."""
        crc: int = _crc32c_extend(self._crc_of_header, chunks)
        return self._head + crc.to_bytes(4, "little") + chunks

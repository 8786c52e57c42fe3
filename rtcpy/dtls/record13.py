"""Records of DTLS 1.3 as they look on the wire: for reading other people's handshakes.

This stack speaks 1.2. Browsers speak 1.3 with each other, and most of their records have the short header below, of
which even the sequence number is encrypted. A record in epoch 0 still looks like one of 1.2 (`record12.Record`).

Specs: RFC 9147 §4 (the unified header), §4.2.3 (encryption of the sequence number), §7 (ACK).
"""

from __future__ import annotations

from rtcpy.dtls.alerts import DtlsDecodeError
from rtcpy.wire import Wire, bits, const, flag, optional, vector, wire

UNIFIED_HEADER = 0b001  # the top three bits of the first byte; RFC 9147 §4
TAG_LENGTH = 16  # bytes of all cipher suites that WebRTC peers use with 1.3


@wire("RFC 9147 §4", error=DtlsDecodeError)
class UnifiedHeader(Wire):
    """Header of an encrypted record, with the usual sequence number of 16 bits."""

    _fixed = const(3, UNIFIED_HEADER, "001: an encrypted record of DTLS 1.3")
    connection_id: bool = flag("C: a connection id follows", default=False)
    _long_sequence = const(1, 1, "S: the sequence number has 16 bits")
    has_length: bool = flag("L: a length follows; without it the record fills the datagram", default=True)
    epoch: int = bits(2, "the two lowest bits of the epoch: 2 handshake, 3 the first application keys")
    sequence_number: int = bits(
        16, "the lowest bits of the sequence number, encrypted so that observers cannot count"
    )
    length: int | None = optional(bits(16, "bytes of the encrypted record"), when="has_length")


@wire("RFC 9147 §4", error=DtlsDecodeError)
class ShortUnifiedHeader(Wire):
    """Header of an encrypted record, with a sequence number of 8 bits."""

    _fixed = const(3, UNIFIED_HEADER, "001: an encrypted record of DTLS 1.3")
    connection_id: bool = flag("C: a connection id follows", default=False)
    _long_sequence = const(1, 0, "S: the sequence number has 8 bits")
    has_length: bool = flag("L: a length follows; without it the record fills the datagram", default=True)
    epoch: int = bits(2, "the two lowest bits of the epoch: 2 handshake, 3 the first application keys")
    sequence_number: int = bits(
        8, "the lowest bits of the sequence number, encrypted so that observers cannot count"
    )
    length: int | None = optional(bits(16, "bytes of the encrypted record"), when="has_length")


@wire("RFC 9147 §4", error=DtlsDecodeError)
class RecordNumber(Wire):
    """Epoch and sequence number of one record."""

    epoch: int = bits(64, "epoch of the record")
    sequence_number: int = bits(64, "sequence number of the record")


@wire("RFC 9147 §7", error=DtlsDecodeError)
class Ack(Wire):
    """Which records of a flight have arrived, so that only the others are sent again."""

    record_numbers: list[RecordNumber] = vector(16, RecordNumber, "records that arrived")


def is_unified(first_byte: int) -> bool:
    """Whether a record that begins with this byte has the unified header. Spec: RFC 9147 §4.1."""
    return first_byte >> 5 == UNIFIED_HEADER

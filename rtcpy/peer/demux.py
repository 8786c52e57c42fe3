"""Which protocol a datagram belongs to, told by its first byte.

Everything of one connection shares one UDP port: connectivity checks, the DTLS handshake, data channels inside
DTLS records, and media. Their first bytes were laid out so that they cannot be confused::

                    +----------------+
                    |        [0..3] -+--> STUN: checks, consent
                    |                |
                    |      [16..19] -+--> ZRTP (not used)
        first byte  |                |
      ------------> |      [20..63] -+--> DTLS: handshake, alerts, data channels
                    |                |
                    |      [64..79] -+--> TURN channel data, from a TURN server only
                    |                |
                    |    [128..191] -+--> SRTP and SRTCP
                    +----------------+
                      anything else: dropped (QUIC would live in 64..127 and 192..255)

Specs: RFC 7983 §7; RFC 9443 §3 (room for QUIC); RFC 5764 §5.1.2, which both update.
"""

from __future__ import annotations

from enum import Enum


class Protocol(Enum):
    """What a datagram is, as far as its first byte tells."""

    STUN = "stun"
    ZRTP = "zrtp"
    DTLS = "dtls"
    TURN_CHANNEL = "turn"
    RTP = "rtp"
    UNKNOWN = "unknown"


RANGES: tuple[tuple[int, int, Protocol], ...] = (
    (0, 3, Protocol.STUN),
    (16, 19, Protocol.ZRTP),
    (20, 63, Protocol.DTLS),
    (64, 79, Protocol.TURN_CHANNEL),
    (128, 191, Protocol.RTP),
)
"""First byte from, to (both inclusive), protocol. RFC 9443 §3."""

DTLS_FIRST, DTLS_LAST = 20, 63
"""The DTLS row again, for the lane that every data-channel packet takes."""


def _table() -> tuple[Protocol, ...]:
    table = [Protocol.UNKNOWN] * 256
    for first, last, protocol in RANGES:
        table[first : last + 1] = [protocol] * (last - first + 1)
    return tuple(table)


BY_FIRST_BYTE: tuple[Protocol, ...] = _table()


def classify(data: bytes) -> Protocol:
    """The protocol of `data`; an empty datagram is `UNKNOWN`. Spec: RFC 7983 §7, RFC 9443 §3."""
    return BY_FIRST_BYTE[data[0]] if data else Protocol.UNKNOWN

"""Cutting datagrams up and putting them together again, for tests that play the attacker."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

from rtcpy.dtls.fragments import Assembly
from rtcpy.dtls.messages import HandshakeFragment, HandshakeType, Message

CAPTURES = Path(__file__).parent.parent / "data" / "dtls" / "handshakes.json"


@cache
def captures() -> dict[str, list[tuple[str, bytes]]]:
    """Real handshakes: name -> [(sender, datagram)]."""
    raw = json.loads(CAPTURES.read_text())
    return {name: [(who, bytes.fromhex(data)) for who, data in lines] for name, lines in raw.items()}


def first_hello(name: str) -> list[bytes]:
    """The datagrams of the client's first ClientHello in a capture."""
    out = []
    for who, data in captures()[name]:
        if who != "client":
            break
        out.append(data)
        if sum(len(fragment.fragment) for d in out for fragment in fragments(d)) == fragments(data)[0].length:
            break
    return out


def records(datagram: bytes) -> list[bytes]:
    """The records of a datagram, cut by their own lengths."""
    out, at = [], 0
    while at + 13 <= len(datagram) and datagram[at + 1] == 0xFE:
        end = at + 13 + int.from_bytes(datagram[at + 11 : at + 13], "big")
        out.append(datagram[at:end])
        at = end
    return out


def fragments(datagram: bytes) -> list[HandshakeFragment]:
    """The plaintext handshake fragments of a datagram."""
    out = []
    for record in records(datagram):
        if record[0] == 22 and record[3:5] == b"\0\0":
            at = 13
            while at < len(record):
                fragment, at = HandshakeFragment.parse_from(record, at, len(record))
                out.append(fragment)
    return out


def messages(datagrams: list[bytes]) -> list[Message]:
    """The plaintext handshake messages in datagrams of one sender, in order of message_seq."""
    slots: dict[int, tuple[int, Assembly]] = {}
    for datagram in datagrams:
        for f in fragments(datagram):
            _, slot = slots.setdefault(f.message_seq, (int(f.type), Assembly(f.length)))
            slot.add(f.fragment_offset, f.fragment)
    return [
        Message(kind, seq, slot.body()) for seq, (kind, slot) in sorted(slots.items()) if slot.is_complete
    ]


def plain_record(content_type: int, content: bytes, number: int = 1 << 40, version: int = 0xFEFD) -> bytes:
    """A record of epoch 0 (or of whatever `number` says)."""
    return struct.pack(">BHQH", content_type, version, number, len(content)) + content


def whole(kind: HandshakeType | int, message_seq: int, body: bytes, number: int = 1 << 40) -> bytes:
    """A record with one unfragmented message."""
    return plain_record(22, Message(int(kind), message_seq, body).transcript(), number)

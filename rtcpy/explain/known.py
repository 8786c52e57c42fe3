"""What is known besides the bytes: keys, passwords, and what was read before.

A packet by itself says only so much. `Known` holds what a reader brings along (passwords, a key log, plaintexts from a
trace) and what packets before this one have told (`handshakes`, `user_messages`).

Specs: RFC 8489 §9.1.1 (keys of STUN).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from rtcpy.explain.handshakes import Handshakes
from rtcpy.explain.user_messages import UserMessages
from rtcpy.stun.credentials import short_term_key

RECORD_KEY = 11  # bytes of a record header before its length: type, version, epoch, sequence number
DEPTH_MAX = 4  # of datagrams within datagrams: channel data may hold channel data


@dataclass(slots=True)
class Known:
    """What helps to read a packet.

    Attributes:
        stun_keys: HMAC keys to try on MESSAGE-INTEGRITY, with what to call each.
        extensions: what RTP header extensions mean: local id to URI, as ``a=extmap`` has it.
        is_srtp: media is encrypted: what looks like RTP is SRTP. True as soon as DTLS was seen (RFC 8827 §6.5).
        plaintexts: what protected records of this sender contain, by the first `RECORD_KEY` bytes of the record.
        handshakes: DTLS connections seen so far, and their keys.
        user_messages: messages on SCTP streams whose fragments are being put together.
        source: whoever sent the packet at hand; anything that tells senders apart.
        destination: whoever it was sent to.
        depth: how many datagrams the one at hand is inside of.
    """

    stun_keys: Mapping[str, bytes] = field(default_factory=dict)
    extensions: Mapping[int, str] = field(default_factory=dict)
    is_srtp: bool = False
    plaintexts: Mapping[bytes, bytes] = field(default_factory=dict)
    handshakes: Handshakes = field(default_factory=Handshakes)
    user_messages: UserMessages = field(default_factory=UserMessages)
    source: Hashable = None
    destination: Hashable = None
    depth: int = 0


def stun_keys(passwords: Iterable[str | bytes]) -> dict[str, bytes]:
    """HMAC keys by what to call them: ICE passwords as `str`, keys of other credentials as `bytes`."""
    keys: dict[str, bytes] = {}
    for password in passwords:
        if isinstance(password, str):
            keys[f"the password {password!r}"] = short_term_key(password)
        else:
            keys[f"the key {password[:4].hex()}…"] = password
    return keys

"""What is known besides the bytes: keys, passwords, and what was read before.

A packet by itself says only so much. `Known` holds what a reader brings along; `Dissector` in `dissect` adds what
packets before this one have told.

Specs: RFC 8489 §9.1.1 (keys of STUN).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rtcpy.stun.credentials import short_term_key


@dataclass(slots=True)
class Known:
    """What helps to read a packet.

    Attributes:
        stun_keys: HMAC keys to try on MESSAGE-INTEGRITY, with what to call each.
        extensions: what RTP header extensions mean: local id to URI, as ``a=extmap`` has it.
        is_srtp: media is encrypted: what looks like RTP is SRTP. True as soon as DTLS was seen (RFC 8827 §6.5).
    """

    stun_keys: Mapping[str, bytes] = field(default_factory=dict)
    extensions: Mapping[int, str] = field(default_factory=dict)
    is_srtp: bool = False


def stun_keys(passwords: Iterable[str | bytes]) -> dict[str, bytes]:
    """HMAC keys by what to call them: ICE passwords as `str`, keys of other credentials as `bytes`."""
    keys: dict[str, bytes] = {}
    for password in passwords:
        if isinstance(password, str):
            keys[f"the password {password!r}"] = short_term_key(password)
        else:
            keys[f"the key {password[:4].hex()}…"] = password
    return keys

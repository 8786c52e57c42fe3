"""`explain`: whatever it is given, as a tree of its bits.

The input may be bytes, hexadecimal text, SDP text, a `Datagram`, a wire format or a value of one, or anything that
knows how to explain itself (`__explain__`), as traces do. What a datagram is, its first byte tells (RFC 7983); each
protocol has a dissector of its own, `dissect_stun` and so on.

A single packet says only so much: `Dissector` remembers what the packets before it told.

Specs: RFC 7983 §7, RFC 9443 §3 (which protocol).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from rtcpy.core.errors import RtcSyntaxError
from rtcpy.core.machine import Datagram
from rtcpy.explain import dissect_rtp, dissect_sdp, dissect_stun
from rtcpy.explain.growth import grow, unreadable
from rtcpy.explain.known import Known, stun_keys
from rtcpy.explain.tree import Explanation, Node
from rtcpy.explain.words import counted
from rtcpy.peer.demux import Protocol as Demultiplexed
from rtcpy.peer.demux import classify
from rtcpy.sdp import Extmap, IcePwd
from rtcpy.wire import Wire, box_diagram

_HEX_NOISE = re.compile(r"0x|[\s:,;.\-|]", re.IGNORECASE)
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")


@runtime_checkable
class Explainable(Protocol):
    """Something that explains itself: a trace, an entry of one, a session."""

    def __explain__(self, **known: Any) -> Any:
        """The explanation; `known` are the keyword arguments of `explain`."""


class Diagram(str):
    """A wire format as RFCs draw it: text that a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Dissector:
    """Explains the datagrams of a session one after the other.

    Args:
        passwords: for MESSAGE-INTEGRITY: ICE passwords as `str`, other HMAC keys as `bytes`.
        extensions: RTP header extensions by local id, as ``a=extmap`` has them.
        is_srtp: media is encrypted; else it is taken to be as soon as DTLS was seen.
    """

    def __init__(
        self,
        *,
        passwords: Iterable[str | bytes] = (),
        extensions: Mapping[int, str] | None = None,
        is_srtp: bool = False,
    ) -> None:
        self._known = Known(stun_keys(passwords), extensions or {}, is_srtp)

    def explain(self, data: bytes) -> Explanation:
        """One datagram."""
        data = bytes(data)
        protocol = classify(data)
        self._known.is_srtp |= protocol is Demultiplexed.DTLS
        if protocol is Demultiplexed.STUN:
            root = dissect_stun.message(data, 0, len(data), self._known)
        elif protocol is Demultiplexed.RTP:
            root = dissect_rtp.media(data, 0, len(data), self._known)
        elif dissect_sdp.is_sdp(data):
            root = self._sdp(data)
        else:
            root = _not_read(data, protocol)
        return Explanation(data, root, title_of(root, len(data)))

    def _sdp(self, data: bytes) -> Node:
        """A description; its ICE passwords and header extensions help to read the packets after it."""
        root = dissect_sdp.description(data)
        passwords, extensions = [], dict(self._known.extensions)
        for node in root.walk():
            if isinstance(node.value, IcePwd):
                passwords.append(node.value.value)
            elif isinstance(node.value, Extmap):
                extensions[node.value.id] = node.value.uri
        self._known.stun_keys = {**self._known.stun_keys, **stun_keys(passwords)}
        self._known.extensions = extensions
        return root


def _not_read(data: bytes, protocol: Demultiplexed) -> Node:
    """A datagram of a protocol that is not WebRTC's, or is not read here."""
    if not data:
        return Node("datagram", 0, 0, layer="unknown", meaning="nothing", rfc="RFC 7983 §7")
    leaf = unreadable(
        data,
        0,
        len(data),
        f"first byte {data[0]}: {_PROTOCOLS[protocol]}",
        layer="unknown",
        rfc="RFC 7983 §7",
    )
    return Node("datagram", 0, len(data) * 8, layer="unknown", rfc="RFC 7983 §7", children=[leaf])


_PROTOCOLS = {
    Demultiplexed.ZRTP: "ZRTP, which WebRTC does not use",
    Demultiplexed.UNKNOWN: "no protocol of WebRTC begins with it",
    Demultiplexed.DTLS: "DTLS",
    Demultiplexed.TURN_CHANNEL: "TURN channel data",
    Demultiplexed.RTP: "RTP or RTCP",
}


def title_of(root: Node, size: int) -> str:
    """One line above a tree."""
    what = root.text or root.name
    rfc = f" ({root.rfc})" if root.rfc else ""
    return f"{what}, {counted(size, 'byte')}{rfc}"


def explain(
    thing: Any,
    *,
    passwords: Iterable[str | bytes] = (),
    extensions: Mapping[int, str] | None = None,
    is_srtp: bool = False,
) -> Any:
    """What something means, to the last bit.

    Args:
        thing: `bytes`, `bytearray` or `memoryview` of a UDP payload; the same as hexadecimal text, with or without
            spaces, colons, ``0x`` and line breaks; SDP text; a `Datagram`; a wire format (its box diagram) or a value
            of one; or an object with a method ``__explain__``.
        passwords: for MESSAGE-INTEGRITY: ICE passwords as `str`, other HMAC keys as `bytes`.
        extensions: RTP header extensions by local id, as ``a=extmap`` has them: ``{4: "urn:ietf:params:…:sdes:mid"}``.
        is_srtp: media is encrypted.

    Returns:
        An `Explanation`; for a wire format a `Diagram`; for objects that explain themselves, what they give.

    Raises:
        RtcSyntaxError: text that is neither hexadecimal nor SDP; the message says where.
        TypeError: nothing of that kind can be explained.
    """
    known: dict[str, Any] = {"passwords": passwords, "extensions": extensions, "is_srtp": is_srtp}
    if isinstance(thing, type) and issubclass(thing, Wire):
        return Diagram(f"{thing.__name__}, {thing.wire_rfc}\n{box_diagram(thing)}")
    if isinstance(thing, Wire):
        return explain_wire(thing)
    if isinstance(thing, Datagram):
        return Dissector(**known).explain(thing.data)
    if isinstance(thing, bytes | bytearray | memoryview):
        return Dissector(**known).explain(bytes(thing))
    if isinstance(thing, str):
        is_sdp = dissect_sdp.LOOKS_LIKE_SDP.match(thing)
        data = thing.encode("utf-8", "surrogatepass") if is_sdp else from_hex(thing)
        return Dissector(**known).explain(data)
    if isinstance(thing, Explainable):
        return thing.__explain__(**known)
    raise TypeError(
        f"cannot explain {type(thing).__name__}: bytes, hexadecimal text, SDP text, a Datagram, a trace or a wire "
        "format is expected"
    )


def explain_wire(value: Wire) -> Explanation:
    """The bytes that a value of a declared format serializes to. Raises the format's error if it cannot."""
    data = value.serialize()
    form = type(value)
    root = grow(form, data, 0, len(data), layer=layer_of(form)).node
    return Explanation(data, root, f"{form.__name__}, {counted(len(data), 'byte')} ({form.wire_rfc})")


def layer_of(form: type[Wire]) -> str:
    """The layer that a declaration belongs to: the package that it stands in."""
    parts = form.__module__.split(".")
    return parts[1] if parts[0] == "rtcpy" and len(parts) > 1 else "unknown"


def from_hex(text: str) -> bytes:
    """The bytes that hexadecimal text stands for; separators and ``0x`` do not matter.

    Raises:
        RtcSyntaxError: a character that is neither, or half a byte.
    """
    digits = _HEX_NOISE.sub("", text)
    wrong = _NOT_HEX.search(digits)
    if wrong:
        at = text.index(wrong[0])
        raise RtcSyntaxError(f"neither hexadecimal nor SDP: character {wrong[0]!r} at {at}")
    if len(digits) % 2:
        raise RtcSyntaxError(f"an odd number of hexadecimal digits: {len(digits)}")
    return bytes.fromhex(digits)

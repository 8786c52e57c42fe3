"""`explain`: whatever it is given, as a tree of its bits.

The input may be bytes, hexadecimal text, SDP text, a `Datagram`, a wire format or a value of one, or anything that
knows how to explain itself (`__explain__`), as traces do. What a datagram is, its first byte tells (RFC 7983); each
protocol has a dissector of its own, `dissect_stun` and so on.

A single packet says only so much: `Dissector` remembers what the packets before it told.

Specs: RFC 7983 §7, RFC 9443 §3 (which protocol).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from rtcpy.core.errors import RtcSyntaxError
from rtcpy.core.machine import Datagram
from rtcpy.explain import dissect_dtls, dissect_rtp, dissect_sctp, dissect_sdp, dissect_stun, dissect_turn
from rtcpy.explain.growth import grow, opaque_leaf, unreadable
from rtcpy.explain.handshakes import Handshakes
from rtcpy.explain.keylog import KeyLog
from rtcpy.explain.known import DEPTH_MAX, Known, stun_keys
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
    """Explains the datagrams of a session one after the other, and remembers what they tell.

    Args:
        keys: a key log, or its text: opens protected records once the hellos were seen.
        passwords: for MESSAGE-INTEGRITY: ICE passwords as `str`, other HMAC keys as `bytes`.
        extensions: RTP header extensions by local id, as ``a=extmap`` has them.
        is_srtp: media is encrypted; else it is taken to be as soon as DTLS was seen.
    """

    __slots__ = ("_known",)

    def __init__(
        self,
        *,
        keys: KeyLog | str | None = None,
        passwords: Iterable[str | bytes] = (),
        extensions: Mapping[int, str] | None = None,
        is_srtp: bool = False,
    ) -> None:
        log = KeyLog(keys) if isinstance(keys, str) else keys
        self._known = Known(stun_keys(passwords), extensions or {}, is_srtp, handshakes=Handshakes(log))

    @property
    def keys(self) -> KeyLog:
        """The secrets known so far; more may be added at any time."""
        return self._known.handshakes.keys

    def learn_passwords(self, passwords: Iterable[str | bytes]) -> None:
        """Try these on MESSAGE-INTEGRITY, too."""
        self._known.stun_keys = {**self._known.stun_keys, **stun_keys(passwords)}

    def explain(
        self,
        data: bytes | bytearray | memoryview | Datagram,
        *,
        source: Hashable = None,
        destination: Hashable = None,
        plaintexts: Mapping[bytes, bytes] | None = None,
    ) -> Explanation:
        """One datagram, or a session description.

        Args:
            data: the UDP payload, or SDP in UTF-8: its ICE passwords and header extensions help to read what follows.
            source: whoever sent it: anything that tells senders apart, an address or a name.
            destination: whoever it was sent to.
            plaintexts: what protected records of this sender contain, by the first 11 **bytes** of the record, as a
                trace of an endpoint has it; needless where there are keys.
        """
        payload = bytes(data.data if isinstance(data, Datagram) else data)
        self._prepare(source, destination, plaintexts)
        is_sdp = dissect_sdp.is_sdp(payload)
        root = self._sdp(payload) if is_sdp else datagram(payload, 0, len(payload), self._known)
        return Explanation(payload, root, title_of(root, len(payload)))

    def explain_layer(
        self,
        layer: str,
        data: bytes | bytearray | memoryview,
        *,
        source: Hashable = None,
        destination: Hashable = None,
        plaintexts: Mapping[bytes, bytes] | None = None,
    ) -> Explanation:
        """A packet of a known layer, as the tap names layers.

        Args:
            layer: ``"udp"``, ``"stun"``, ``"dtls"`` (a record), ``"dtls-plaintext"`` (its header and content in the
                clear), ``"sctp"``, ``"datachannel"`` (a message) or ``"sdp"``.
            data: the bytes.
            source: see `explain`.
            destination: see `explain`.
            plaintexts: see `explain`.
        """
        payload = bytes(data)
        self._prepare(source, destination, plaintexts)
        if layer == "dtls-plaintext":
            return dissect_dtls.plaintext_record(payload, self._known)
        if layer == "datachannel":
            leaf = opaque_leaf(
                "message",
                payload,
                0,
                len(payload),
                layer="data",
                meaning="a message of the application, whole",
                rfc="RFC 8831 §6.6",
            )
            return Explanation(payload, leaf, f"message, {counted(len(payload), 'byte')}")
        if layer == "sdp":
            root = self._sdp(payload)
        else:
            root = _LAYERS.get(layer, datagram)(payload, 0, len(payload), self._known)
        return Explanation(payload, root, title_of(root, len(payload)))

    def _prepare(
        self, source: Hashable, destination: Hashable, plaintexts: Mapping[bytes, bytes] | None
    ) -> None:
        self._known.source, self._known.destination = source, destination
        self._known.plaintexts = plaintexts or {}

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


def datagram(data: bytes, start: int, end: int, known: Known) -> Node:
    """Whatever is in ``data[start:end]``, by its first byte. Spec: RFC 7983 §7."""
    protocol = classify(data[start : start + 1])
    if known.depth < DEPTH_MAX:
        known.depth += 1
        try:
            if protocol is Demultiplexed.STUN:
                return dissect_stun.message(data, start, end, known, datagram)
            if protocol is Demultiplexed.DTLS:
                known.is_srtp = True
                return dissect_dtls.datagram(data, start, end, known)
            if protocol is Demultiplexed.RTP:
                return _media(data, start, end, known)
            if protocol is Demultiplexed.TURN_CHANNEL:
                return dissect_turn.channel_data(data, start, end, known, datagram)
        finally:
            known.depth -= 1
    return _not_read(data, start, end, protocol)


def _media(data: bytes, start: int, end: int, known: Known) -> Node:
    """RTP or RTCP, which has no length of its own, also within another datagram."""
    node = dissect_rtp.media(data[start:end], 0, end - start, known)
    for one in node.walk() if start else ():
        one.first_bit += start * 8
    return node


def _stun(data: bytes, start: int, end: int, known: Known) -> Node:
    return dissect_stun.message(data, start, end, known, datagram)


_LAYERS = {"stun": _stun, "dtls": dissect_dtls.datagram, "sctp": dissect_sctp.packet}


def _not_read(data: bytes, start: int, end: int, protocol: Demultiplexed) -> Node:
    """A datagram of a protocol that is not WebRTC's, or is not read here."""
    node = Node("datagram", start * 8, (end - start) * 8, layer="unknown", rfc="RFC 7983 §7")
    if start == end:
        node.meaning = "nothing at all"
        return node
    why = f"first byte {data[start]}: {_PROTOCOLS[protocol]}"
    node.children = [unreadable(data, start, end, why, layer="unknown", rfc="RFC 7983 §7")]
    return node


_PROTOCOLS = {
    Demultiplexed.STUN: "STUN, too deep inside of other datagrams",
    Demultiplexed.ZRTP: "ZRTP, which WebRTC does not use",
    Demultiplexed.UNKNOWN: "no protocol of WebRTC begins with it",
    Demultiplexed.DTLS: "DTLS, too deep inside of other datagrams",
    Demultiplexed.TURN_CHANNEL: "channel data, too deep inside of other datagrams",
    Demultiplexed.RTP: "RTP, too deep inside of other datagrams",
}


def title_of(root: Node, size: int) -> str:
    """One line above a tree."""
    what = root.text or root.name
    rfc = f" ({root.rfc})" if root.rfc else ""
    return f"{what}, {counted(size, 'byte')}{rfc}"


def explain(
    thing: Any,
    *,
    keys: KeyLog | str | None = None,
    passwords: Iterable[str | bytes] = (),
    plaintexts: Mapping[bytes, bytes] | None = None,
    extensions: Mapping[int, str] | None = None,
    is_srtp: bool = False,
    title: str = "",
) -> Any:
    """What something means, to the last bit.

    Args:
        thing: `bytes`, `bytearray` or `memoryview` of a UDP payload; the same as hexadecimal text, with or without
            spaces, colons, ``0x`` and line breaks; SDP text; a `Datagram`; a wire format (its box diagram) or a value
            of one; or an object with a method ``__explain__``.
        keys: a key log, or its text. A single datagram can be opened only with what came before it: see `Dissector`.
        passwords: for MESSAGE-INTEGRITY: ICE passwords as `str`, other HMAC keys as `bytes`.
        plaintexts: what protected records contain, by the first 11 **bytes** of the record.
        extensions: RTP header extensions by local id, as ``a=extmap`` has them: ``{4: "urn:ietf:params:…:sdes:mid"}``.
        is_srtp: media is encrypted.
        title: a line of your own above the explanation of bytes.

    Returns:
        An `Explanation`; for a wire format a `Diagram`; for objects that explain themselves, what they give.

    Raises:
        RtcSyntaxError: text that is neither hexadecimal nor SDP; the message says where.
        TypeError: nothing of that kind can be explained.
    """
    helps: dict[str, Any] = {
        "keys": keys,
        "passwords": passwords,
        "extensions": extensions,
        "is_srtp": is_srtp,
    }
    if isinstance(thing, type) and issubclass(thing, Wire):
        return Diagram(f"{thing.__name__}, {thing.wire_rfc}\n{box_diagram(thing)}")
    if isinstance(thing, Wire):
        return explain_wire(thing)
    if isinstance(thing, str):
        is_sdp = dissect_sdp.LOOKS_LIKE_SDP.match(thing)
        thing = thing.encode("utf-8", "surrogatepass") if is_sdp else from_hex(thing)
    if isinstance(thing, bytes | bytearray | memoryview | Datagram):
        explanation = Dissector(**helps).explain(thing, plaintexts=plaintexts)
        explanation.title = title or explanation.title
        return explanation
    if isinstance(thing, Explainable):
        return thing.__explain__(plaintexts=plaintexts, **helps)
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

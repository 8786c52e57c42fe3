"""SCTP packets: header and checksum, every chunk with its parameters or causes, and what users sent.

Chunks are read by the declarations of `rtcpy.sctp`; where one is broken, its length still leads to the next. The
payload of a DATA chunk is explained by its PPID: DCEP, text or binary. A message in fragments is put together in
`inside` of the fragment that completes it.

Specs: RFC 9260 §3 (packet, chunks); RFC 8832 §5 (DCEP); RFC 8831 §6.6, §8 (messages and PPIDs).
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.explain.growth import expand, grow, opaque_leaf, unreadable
from rtcpy.explain.known import Known
from rtcpy.explain.tree import Explanation, Node
from rtcpy.explain.words import bytes_text, counted, quoted, shortened
from rtcpy.sctp.causes import CAUSE_FORMATS
from rtcpy.sctp.chunks import (
    ChunkType,
    DataChunk,
    ForwardTsnChunk,
    InitAckChunk,
    InitChunk,
    Ppid,
    SackChunk,
    UnknownChunk,
)
from rtcpy.sctp.dcep import AckMessage, ChannelType, MessageType, OpenMessage
from rtcpy.sctp.packet import COMMON_HEADER_SIZE, CommonHeader, packet_checksum
from rtcpy.sctp.parameters import CauseCode, ErrorCause, Parameter, ParameterType, SupportedExtensions
from rtcpy.sctp.unspoken import READABLE_CHUNKS, IForwardTsnChunk
from rtcpy.wire import Wire

LAYER = "sctp"
RFC_CHUNK = "RFC 9260 §3.2"

_ACRONYMS = {"ACK", "INIT", "TSN", "SSN", "IPV4", "IPV6", "ECN", "HMAC"}
_PPIDS: Mapping[int, tuple[str, str]] = {
    Ppid.DCEP: ("DCEP", "a message of the Data Channel Establishment Protocol"),
    Ppid.STRING: ("text", "a text message, UTF-8"),
    Ppid.BINARY_PARTIAL: ("binary, partial", "a piece of a binary message; deprecated"),
    Ppid.BINARY: ("binary", "a binary message"),
    Ppid.STRING_PARTIAL: ("text, partial", "a piece of a text message; deprecated"),
    Ppid.STRING_EMPTY: (
        "empty text",
        "an empty text message: SCTP cannot send nothing, so one byte stands for it",
    ),
    Ppid.BINARY_EMPTY: (
        "empty binary",
        "an empty binary message: SCTP cannot send nothing, so one byte stands for it",
    ),
}


def packet(data: bytes, start: int, end: int, known: Known) -> Node:
    """The SCTP packet in ``data[start:end]``. Spec: RFC 9260 §3."""
    header = grow(
        CommonHeader, data, start, min(end, start + COMMON_HEADER_SIZE), layer=LAYER, name="common header"
    )
    root = Node(
        "SCTP packet",
        start * 8,
        (end - start) * 8,
        meaning="a header, and chunks one after the other",
        rfc="RFC 9260 §3",
        layer=LAYER,
        children=[header.node] if header.node.width else [],
    )
    if header.error is not None:
        root.text, root.problem = "broken SCTP packet", str(header.error)
        return root
    _checksum(header.node, data[start:end])
    tag = next((leaf.value for leaf in header.node.children if leaf.name == "verification_tag"), 0)
    at = start + COMMON_HEADER_SIZE
    while at < end:
        node = chunk(data, at, end, known, sender=(known.source, tag))
        root.children.append(node)
        at = node.end
    told = [node.text or node.name for node in root.children[1:]]
    root.text = shortened(" + ".join(told), 160) if told else "no chunks"
    return root


def _checksum(header: Node, packet_bytes: bytes) -> None:
    """Say whether the checksum is right. Spec: RFC 9260 §6.8, RFC 9653 §5."""
    leaf = next(child for child in header.children if child.name == "checksum")
    found, expected = packet_bytes[8:12], packet_checksum(packet_bytes)
    leaf.text = found.hex()
    if found == expected:
        leaf.text += ", matches"
    elif found == bytes(4):
        leaf.text += ", none: allowed where both ends said so (RFC 9653 §5)"
    else:
        leaf.text += ", does not match"
        leaf.problem = f"the CRC32c over the packet is {expected.hex()} (RFC 9260 §6.8)"


def chunk(data: bytes, start: int, end: int, known: Known, *, sender: object) -> Node:
    """The chunk at `start`, with its padding as far as it is there. Spec: RFC 9260 §3.2."""
    left = end - start
    length = int.from_bytes(data[start + 2 : start + 4], "big") if left >= 4 else 0
    if left < 4 or length < 4 or length > left:
        broken = grow(UnknownChunk, data, start, end, layer=LAYER, name="chunk")
        broken.node.text = "broken chunk"
        return broken.node
    kind = data[start]
    name = chunk_name(kind)
    stop = min(end, start + length + (-length & 3))
    form = READABLE_CHUNKS.get(kind, UnknownChunk)
    missing = start + length + (-length & 3) - stop
    grown = grow(form, data, start, stop, layer=LAYER, name=name, padding=missing)
    node = grown.node
    node.text = name
    if form is UnknownChunk:
        node.meaning = "a chunk that this stack does not know; " + _what_to_do(kind)
    _name_type(node, kind)
    for part in node.walk():
        for leaf in part.leaves() if part.form is SupportedExtensions else ():
            if isinstance(leaf.value, int):
                leaf.text = f"{chunk_name(leaf.value)} ({int(leaf.value)})"
    for part in node.walk():
        if part.form is Parameter:
            _parameter(part, data)
        elif part.form is ErrorCause:
            _cause(part, data)
    if isinstance(grown.value, DataChunk):
        _data(node, grown.value, data, known, sender)
    elif grown.value is not None:
        node.text += _told(grown.value, node)
    return node


def chunk_name(kind: int) -> str:
    """``INIT ACK``; a number for types without a name."""
    try:
        return (
            _spaced(ChunkType(kind).name)
            .replace("RE CONFIG", "RE-CONFIG")
            .replace("I DATA", "I-DATA")
            .replace("I FORWARD TSN", "I-FORWARD-TSN")
        )
    except ValueError:
        return f"chunk type {kind}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _what_to_do(kind: int) -> str:
    """What the two high bits of an unknown type say. Spec: RFC 9260 §3.2."""
    drop = "skip it" if kind & 0x80 else "drop the packet"
    return f"its type says: {drop}{' and report it' if kind & 0x40 else ''}"


def _name_type(node: Node, kind: int) -> None:
    for leaf in node.children:
        if leaf.name == "type":
            leaf.text = f"{chunk_name(kind)} ({kind})"


def _parameter(node: Node, data: bytes) -> None:
    """Name a parameter by its type. Spec: RFC 9260 §3.2.1."""
    code = int.from_bytes(data[node.offset : node.offset + 2], "big")
    known_type = code in set(ParameterType)
    node.name = _title(ParameterType(code).name) if known_type else f"parameter {code:#06x}"
    if not known_type:
        node.meaning = "a parameter that this stack does not know; " + (
            "its type says: skip it" if code & 0x8000 else "its type says: read no further"
        )
    for leaf in node.children:
        if leaf.name == "type":
            leaf.text = f"{node.name} ({code:#06x})"
        if leaf.name == "value":
            values = [one for one in leaf.leaves() if one.name != "reserved"]
            node.text = shortened(", ".join(one.text for one in values), 60)
            if leaf.form is not None:
                node.meaning, node.rfc = leaf.meaning, leaf.form.wire_rfc


def _cause(node: Node, data: bytes) -> None:
    """Name an error cause by its code, and read its information. Spec: RFC 9260 §3.3.10."""
    code = int.from_bytes(data[node.offset : node.offset + 2], "big")
    node.name = _title(CauseCode(code).name) if code in set(CauseCode) else f"cause {code}"
    for leaf in node.children:
        if leaf.name == "code":
            leaf.text = f"{node.name} ({code})"
        form = CAUSE_FORMATS.get(code)
        if leaf.name == "info" and form is not None:
            grown = expand(leaf, form, data)
            node.meaning = leaf.meaning = grown.node.meaning
            node.rfc = form.wire_rfc
            for part in leaf.walk():
                if part.form is Parameter:
                    _parameter(part, data)
        elif leaf.name == "info":
            node.text = leaf.text


def _title(name: str) -> str:
    """``STATE_COOKIE`` as the RFC writes it: State Cookie."""
    return " ".join(word if word in _ACRONYMS else word.capitalize() for word in name.split("_"))


def _told(value: Wire, node: Node) -> str:
    """What a line about a control chunk should say, too."""
    if isinstance(value, InitChunk | InitAckChunk):
        return f" (window {value.a_rwnd} bytes, streams {value.outbound_streams}/{value.inbound_streams})"
    if isinstance(value, SackChunk):
        runs = f", {counted(len(value.gaps), 'run')} beyond" if value.gaps else ""
        return f" (all up to {value.cumulative_tsn}{runs})"
    if isinstance(value, ForwardTsnChunk | IForwardTsnChunk):
        return f" (give up all up to {value.new_cumulative_tsn})"
    details = [part.name for part in node.walk() if part.form is Parameter or part.form is ErrorCause]
    return f" ({', '.join(details)})" if details else ""


def _data(node: Node, value: DataChunk, data: bytes, known: Known, sender: object) -> None:
    """The payload of a DATA chunk, by its PPID. Spec: RFC 8831 §6.6, §8."""
    kind, meaning = _PPIDS.get(
        int(value.ppid), (f"PPID {int(value.ppid)}", "of a protocol that is not known here")
    )
    for leaf in node.children:
        if leaf.name == "ppid":
            leaf.text = f"{kind} ({int(value.ppid)})"
    whole = known.user_messages.hear(value, sender)
    payload = next((leaf for leaf in node.children if leaf.name == "user_data"), None)
    where = f"stream {value.stream_id}"
    if payload is None:
        node.text = f"DATA: nothing, {where}"
        node.problem = node.problem or "a DATA chunk without data (RFC 9260 §6.2)"
        return
    payload.layer, payload.meaning, payload.rfc = "data", meaning, "RFC 8831 §8"
    if value.beginning and value.ending:
        said = _message(payload, int(value.ppid), data)
        node.text = f"DATA: {said}, {where}"
        return
    part = "first part" if value.beginning else "last part" if value.ending else "part"
    payload.meaning = f"a fragment: the {part} of a message ({meaning})"
    node.text = f"DATA: {part} of a message ({kind}), {where}"
    if whole is not None:
        payload.inside = explain_message(whole, int(value.ppid))
        node.text += ", the last that was missing"


def explain_message(payload: bytes, ppid: int) -> Explanation:
    """A message on a stream that came in fragments."""
    root = opaque_leaf(
        "user message",
        payload,
        0,
        len(payload),
        layer="data",
        meaning="put together from fragments",
        rfc="RFC 9260 §6.9",
    )
    said = _message(root, ppid, payload)
    return Explanation(payload, root, f"{said}, put together: {counted(len(payload), 'byte')}")


def _message(leaf: Node, ppid: int, data: bytes) -> str:
    """Take a whole message apart as far as it has parts; a line about it."""
    raw = data[leaf.offset : leaf.end]
    if ppid == Ppid.DCEP:
        return _dcep(leaf, data)
    if ppid in (Ppid.STRING_EMPTY, Ppid.BINARY_EMPTY):
        leaf.text = "empty"
        return f"{_PPIDS[ppid][0]} message"
    if ppid in (Ppid.STRING, Ppid.STRING_PARTIAL):
        leaf.text = quoted(raw.decode("utf-8", "replace"))
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            leaf.problem = f"no UTF-8: {error.reason} at byte {error.start} (RFC 8831 §6.6)"
        return f"text {quoted(raw.decode('utf-8', 'replace'), 32)}"
    leaf.text = f"{counted(len(raw), 'byte')}: {bytes_text(raw)}"
    kind = _PPIDS[ppid][0] if ppid in _PPIDS else f"with PPID {ppid}"
    return f"{counted(len(raw), 'byte')} {kind}"


def _dcep(leaf: Node, data: bytes) -> str:
    """DATA_CHANNEL_OPEN or DATA_CHANNEL_ACK. Spec: RFC 8832 §5."""
    kind = data[leaf.offset]
    if kind not in (MessageType.OPEN, MessageType.ACK):
        leaf.children = [
            unreadable(
                data,
                leaf.offset,
                leaf.end,
                f"message type {kind}: 2 or 3 expected",
                layer="dcep",
                rfc="RFC 8832 §8.2.1",
            )
        ]
        leaf.text = ""
        return "DCEP, unreadable"
    form: type[Wire] = OpenMessage if kind == MessageType.OPEN else AckMessage
    grown = expand(leaf, form, data, layer="dcep")
    leaf.name = "DATA_CHANNEL_OPEN" if kind == MessageType.OPEN else "DATA_CHANNEL_ACK"
    leaf.meaning, leaf.rfc = grown.node.meaning, form.wire_rfc
    for part in leaf.children:
        if part.name == "message_type":
            part.text = f"{leaf.name} ({kind})"
        if part.name in ("label", "protocol") and isinstance(part.value, bytes):
            part.text = quoted(part.value.decode("utf-8", "replace"))
    if not isinstance(grown.value, OpenMessage):
        return leaf.name
    return (
        f"{leaf.name} {quoted(grown.value.label.decode('utf-8', 'replace'), 32)}{_reliability(grown.value)}"
    )


def _reliability(message: OpenMessage) -> str:
    """How a channel delivers, where that is not the usual. Spec: RFC 8832 §5.1."""
    said = ", unordered" if message.channel_type & 0x80 else ""
    kind = message.channel_type & 0x7F
    if kind == ChannelType.PARTIAL_RELIABLE_REXMIT:
        said += f", at most {counted(message.reliability_parameter, 'retransmission')}"
    elif kind == ChannelType.PARTIAL_RELIABLE_TIMED:
        said += f", for at most {message.reliability_parameter} ms"
    return said

"""What a packet is, in a line: the same parse as an explanation, and only what matters when many lines stand together.

`summarize_datagram` takes what crosses a socket; protected records are opened with what the tap saw of them. Text that
came from a peer is shown escaped and cut: a summary can be printed anywhere.

Specs: RFC 7983 §7 (which protocol), RFC 8489, RFC 8445 §7 (checks), RFC 6347, RFC 5246 §7.4 (handshake),
RFC 9260 §3.3 (chunks), RFC 8832 §5 (opening a channel), RFC 3550 §5.1, §6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rtcpy.core.errors import WireError
from rtcpy.dtls.alerts import Alert, alert_name
from rtcpy.dtls.messages import (
    BODIES,
    CertificateMessage,
    ClientHello,
    HandshakeFragment,
    ServerHello,
    ServerKeyExchange,
)
from rtcpy.dtls.record12 import ContentType, Record
from rtcpy.dtls.record13 import ShortUnifiedHeader, UnifiedHeader
from rtcpy.explain.dissect import Dissector
from rtcpy.explain.dissect_dtls import record_content
from rtcpy.explain.known import RECORD_KEY
from rtcpy.explain.tree import UNREADABLE, Node
from rtcpy.explain.words import quoted
from rtcpy.peer.demux import Protocol, classify
from rtcpy.rtp.packet import RtpPacket, explain_packet, is_rtcp
from rtcpy.rtp.rtcp import PacketType
from rtcpy.sctp.chunks import (
    AbortChunk,
    DataChunk,
    ForwardTsnChunk,
    InitAckChunk,
    InitChunk,
    PadChunk,
    Ppid,
    ReconfigChunk,
    SackChunk,
)
from rtcpy.sctp.dcep import AckMessage, MessageType, OpenMessage, read_open
from rtcpy.sctp.parameters import OutgoingResetRequest, Parameter, ReconfigResponse
from rtcpy.stun.declared import DeclaredMessage
from rtcpy.stun.message import MessageClass
from rtcpy.wire import Wire

__all__ = ["RECORD_KEY", "Summary", "summarize", "summarize_datagram"]

PREVIEW = 32  # characters of application text that are shown
BULK_SIZE = 1000  # bytes of user data from which on a message is one of many
LAYERS = frozenset({"udp", "stun", "dtls", "dtls-plaintext", "sctp"})


@dataclass(slots=True)
class Summary:
    """What one packet (or one chunk, or one record) is.

    Args:
        layer: ``"stun"``, ``"turn"``, ``"dtls"``, ``"sctp"``, ``"dcep"``, ``"data"``, ``"rtp"``, ``"rtcp"``, ``"sdp"``
            or ``"?"``.
        name: as its specification names it.
        detail: a few values, or ``""``.
        rfc: the section that defines it.
        size: **bytes** on its layer.
        identity: equal for two transmissions of the same thing; empty if it cannot be told.
        bulk: one of many like it (a fragment, a large message, an acknowledgement): may be drawn with its neighbours.
    """

    layer: str
    name: str
    detail: str = ""
    rfc: str = ""
    size: int = 0
    identity: bytes = b""
    bulk: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


def summarize(layer: str, data: bytes) -> list[Summary]:
    """Summaries of a packet of a known layer, as the tap names layers: udp, stun, dtls, dtls-plaintext, sctp."""
    if layer not in LAYERS:
        return [Summary("?", f"{len(data)} bytes of {layer}", size=len(data))]
    return list(_summaries(Dissector().explain_layer(layer, data).root))


def summarize_datagram(data: bytes, plaintexts: Mapping[bytes, bytes] | None = None) -> list[Summary]:
    """Summaries of everything in one UDP payload, in its order.

    Args:
        data: the payload.
        plaintexts: what protected records contain, by the first `RECORD_KEY` bytes of the record.
    """
    if classify(data) is Protocol.RTP:
        return [_media(data)]
    return list(_summaries(Dissector().explain(data, plaintexts=plaintexts).root))


def _summaries(node: Node) -> Iterator[Summary]:
    """Of a packet, or of each of the things in it."""
    if node.form is DeclaredMessage:
        yield _stun(node)
    elif node.form is Record:
        yield from _record(node)
    elif node.form in (UnifiedHeader, ShortUnifiedHeader):
        yield Summary("dtls", "record of DTLS 1.3", "protected", "RFC 9147 §4", _size(node))
    elif node.name == "DTLS datagram":
        for record in node.children:
            yield from _summaries(record)
    elif node.name == "SCTP packet":
        yield from _packet(node)
    elif node.layer == "unknown":
        reason = next((leaf.problem for leaf in node.leaves() if leaf.problem), "nothing")
        yield Summary("?", "not WebRTC", reason, node.rfc, _size(node))
    else:
        yield Summary(node.layer, *_first_words(node), node.rfc, _size(node))


def _first_words(node: Node) -> tuple[str, str]:
    """(name, detail) of a packet that has no summary of its own here."""
    if node.problem:
        return "unreadable", node.problem
    return (node.text or node.name), ""


def _size(node: Node) -> int:
    return node.end - node.offset


# --- STUN -----------------------------------------------------------------------------------------------------------


def _stun(node: Node) -> Summary:
    message = node.value
    if not isinstance(message, DeclaredMessage):
        return _unreadable("stun", node)
    kind = next((child for child in node.children if child.name == "message type"), node)
    found = {
        attribute.name: attribute
        for group in node.children
        if group.name == "attributes"
        for attribute in reversed(group.children)  # of duplicates the first counts
        if not attribute.problem
    }
    message_class = message.class_high << 1 | message.class_low
    return Summary(
        "stun",
        kind.text.removesuffix(" response"),
        ", ".join(_stun_details(found)),
        "RFC 8445 §7" if {"USERNAME", "ICE-CONTROLLING"} & set(found) else "RFC 8489 §5",
        _size(node),
        bytes([MessageClass(message_class).value]) + message.transaction_id,
    )


def _stun_details(found: Mapping[str, Node]) -> Iterator[str]:
    if "ICE-CONTROLLING" in found:
        yield "I control"
    if "ICE-CONTROLLED" in found:
        yield "you control"
    if "USE-CANDIDATE" in found:
        yield "USE-CANDIDATE: let us take this pair"
    if "XOR-MAPPED-ADDRESS" in found:
        yield f"I see you at {found['XOR-MAPPED-ADDRESS'].text}"
    if "ERROR-CODE" in found:
        yield found["ERROR-CODE"].text


# --- DTLS -----------------------------------------------------------------------------------------------------------


def _record(node: Node) -> Iterator[Summary]:
    record = node.value
    if not isinstance(record, Record):
        yield Summary("dtls", "broken record", node.problem, rfc="RFC 6347 §4.1", size=_size(node))
        return
    content = record_content(node)
    if content is None:
        yield _protected(record, _size(node))
    elif record.content_type == ContentType.HANDSHAKE:
        for message in content.children:
            yield _handshake_message(message)
    elif record.content_type == ContentType.CHANGE_CIPHER_SPEC:
        yield Summary("dtls", "ChangeCipherSpec", "protected from here on", "RFC 5246 §7.1", _size(node))
    elif record.content_type == ContentType.ALERT:
        yield _alert(content)
    elif record.content_type == ContentType.APPLICATION_DATA:
        packets = [content] if content.name == "SCTP packet" else content.children
        for packet in packets:
            yield from _summaries(packet)
        if not packets:
            yield Summary(
                "dtls", "application data in the clear", content.problem, "RFC 6347 §4.1", _size(node)
            )
    else:
        yield Summary(
            "dtls", f"content type {int(record.content_type)}", rfc="RFC 6347 §4.1", size=_size(node)
        )


def _protected(record: Record, size: int) -> Summary:
    """A record that nobody opened for us: its header still says what kind it is."""
    if record.content_type == ContentType.HANDSHAKE:
        return Summary("dtls", "Finished", "protected", "RFC 5246 §7.4.9", size)
    name = (
        ContentType(record.content_type).name.replace("_", " ").lower()
        if record.content_type in set(ContentType)
        else f"content type {int(record.content_type)}"
    )
    return Summary("dtls", f"protected {name}", f"record {record.sequence_number}", "RFC 6347 §4.1", size)


def _handshake_message(node: Node) -> Summary:
    fragment = node.value
    if not isinstance(fragment, HandshakeFragment):
        return _unreadable("dtls", node)
    identity = (
        bytes([fragment.type & 0xFF])
        + fragment.message_seq.to_bytes(2, "big")
        + fragment.fragment_offset.to_bytes(3, "big")
    )
    rfc = BODIES[fragment.type].wire_rfc if fragment.type in BODIES else "RFC 5246 §7.4"
    if len(fragment.fragment) != fragment.length:
        first, last = fragment.fragment_offset, fragment.fragment_offset + len(fragment.fragment)
        detail = f"bytes {first}…{last} of {fragment.length}"
    else:
        body = node.children[-1]
        detail = "malformed" if body.problem else _handshake_detail(body.value)
    return Summary("dtls", node.name, detail, rfc, _size(node), identity)


def _handshake_detail(body: object) -> str:
    if isinstance(body, ClientHello):
        return f"{len(body.cipher_suites)} cipher suites" + (", with cookie" if body.cookie else "")
    if isinstance(body, ServerHello):
        return _enum_name(body.cipher_suite)
    if isinstance(body, ServerKeyExchange):
        return _enum_name(body.group)
    if isinstance(body, CertificateMessage):
        return ", ".join(f"{len(entry.der)} B" for entry in body.certificates) or "none"
    return ""


def _alert(content: Node) -> Summary:
    alert = content.value
    if not isinstance(alert, Alert):
        return _unreadable("dtls", content)
    return Summary("dtls", "Alert", alert_name(alert.description), "RFC 5246 §7.2", _size(content))


# --- media ---------------------------------------------------------------------------------------------------------


def _media(data: bytes) -> Summary:
    """RTP or RTCP by what encryption leaves in the clear. Spec: RFC 5761 §4, RFC 3711 §3.1, §3.4."""
    if is_rtcp(data):
        kind = data[1]
        name = PacketType(kind).name.replace("_", " ").lower() if kind in set(PacketType) else f"type {kind}"
        return Summary("rtcp", f"RTCP {name}", "", "RFC 3550 §6", len(data), bulk=True)
    try:
        fields = {span.name: span.raw for span in explain_packet(data, is_srtp=True)}
    except WireError as exc:
        return Summary("rtp", "unreadable", str(exc), exc.rfc, len(data))
    number, source = fields["sequence_number"], fields["ssrc"]
    return Summary(
        "rtp",
        f"RTP type {fields['payload_type']}",
        f"number {number}" + (", marked" if fields.get("marker") else ""),
        RtpPacket.wire_rfc,
        len(data),
        source.to_bytes(4, "big") + number.to_bytes(2, "big"),
        bulk=True,
    )


# --- SCTP -----------------------------------------------------------------------------------------------------------


def _packet(node: Node) -> Iterator[Summary]:
    if node.problem:
        yield _unreadable("sctp", node)
        return
    for chunk in node.children[1:]:
        size = _size(chunk) - sum(_size(part) for part in chunk.children if part.name == "padding")
        value = chunk.value
        yield _chunk(value, chunk, size) if isinstance(value, Wire) else _unreadable("sctp", chunk)


def _chunk(chunk: Wire, node: Node, size: int) -> Summary:
    rfc = chunk.wire_rfc
    if isinstance(chunk, DataChunk):
        summary = _data(chunk, size)
        summary.bulk = len(chunk.user_data) > BULK_SIZE or not (chunk.beginning and chunk.ending)
        return summary
    name = node.name.replace(" ", "-")
    detail = ""
    if isinstance(chunk, InitChunk | InitAckChunk):
        detail = f"window {chunk.a_rwnd} B, {chunk.outbound_streams} streams"
    elif isinstance(chunk, SackChunk):
        detail = f"all up to {chunk.cumulative_tsn}"
        if chunk.gaps:
            detail += f", {len(chunk.gaps)} runs beyond"
    elif isinstance(chunk, ForwardTsnChunk):
        detail = f"give up all up to {chunk.new_cumulative_tsn}"
    elif isinstance(chunk, ReconfigChunk):
        detail = ", ".join(_reconfiguration(parameter) for parameter in chunk.parameters[:2])
    elif isinstance(chunk, PadChunk):
        detail = f"{size} B: does a packet this large get through?"
    elif isinstance(chunk, AbortChunk):
        detail = ", ".join(_enum_name(getattr(cause, "code", "cause")) for cause in chunk.causes[:2])
    return Summary("sctp", name, detail, rfc, size, bulk=isinstance(chunk, SackChunk))


def _reconfiguration(parameter: Parameter) -> str:
    """What a RE-CONFIG chunk asks or answers."""
    value = parameter.value
    if isinstance(value, OutgoingResetRequest):
        streams = ", ".join(map(str, value.stream_ids[:8])) or "all"
        return f"I close stream {streams}"
    if isinstance(value, ReconfigResponse):
        return _enum_name(value.result).replace("_", " ").lower()
    return _enum_name(parameter.type).replace("_", " ").lower()


def _data(chunk: DataChunk, size: int) -> Summary:
    where = f"stream {chunk.stream_id}"
    data = chunk.user_data
    identity = chunk.tsn.to_bytes(4, "big")
    if not (chunk.beginning and chunk.ending):
        part = "first part" if chunk.beginning else "last part" if chunk.ending else "part"
        return Summary("data", "DATA", f"{part} of a message, {where}", "RFC 9260 §3.3.1", size, identity)
    if chunk.ppid == Ppid.DCEP:
        return Summary("dcep", *_dcep(data, where), size, identity)
    if chunk.ppid in (Ppid.STRING_EMPTY, Ppid.BINARY_EMPTY):
        kind = "text" if chunk.ppid == Ppid.STRING_EMPTY else "binary"
        return Summary("data", "DATA", f"empty {kind} message, {where}", "RFC 8831 §6.6", size, identity)
    if chunk.ppid == Ppid.STRING:
        text = _preview(data.decode("utf-8", "replace"))
        return Summary("data", "DATA", f"text {text}, {where}", "RFC 8831 §6.6", size, identity)
    if chunk.ppid == Ppid.BINARY:
        return Summary("data", "DATA", f"{len(data)} B binary, {where}", "RFC 8831 §6.6", size, identity)
    return Summary(
        "data", "DATA", f"{len(data)} B, ppid {int(chunk.ppid)}, {where}", "RFC 9260 §3.3.1", size, identity
    )


def _dcep(data: bytes, where: str) -> tuple[str, str, str]:
    """(name, detail, section) of a message of the Data Channel Establishment Protocol."""
    if data[:1] == bytes([MessageType.ACK]):
        return "DATA_CHANNEL_ACK", where, AckMessage.wire_rfc
    try:
        opened = read_open(data)
    except WireError as exc:
        return "DCEP", f"unreadable: {exc}", exc.rfc
    properties = [f"label {_preview(opened.label)}", where]
    if not opened.ordered:
        properties.append("unordered")
    if opened.max_retransmits is not None:
        properties.append(f"at most {opened.max_retransmits} retransmissions")
    if opened.max_lifetime_ms is not None:
        properties.append(f"at most {opened.max_lifetime_ms} ms")
    return "DATA_CHANNEL_OPEN", ", ".join(properties), OpenMessage.wire_rfc


# --- words ----------------------------------------------------------------------------------------------------------


def _unreadable(layer: str, node: Node) -> Summary:
    reason = node.problem or next((leaf.problem for leaf in node.leaves() if leaf.name == UNREADABLE), "")
    return Summary(layer, "unreadable", reason, node.rfc, _size(node))


def _preview(text: str) -> str:
    """Text of a peer: escaped, so that it can steer no terminal, and cut."""
    return quoted(text, PREVIEW)


def _enum_name(value: object) -> str:
    name = getattr(value, "name", None)
    return str(name) if name is not None else f"{value:#x}" if isinstance(value, int) else str(value)

"""One line about a packet: its name, and the few of its values that tell the story.

`summarize_datagram` takes a UDP payload apart as far as it can be read; protected DTLS records are opened with the
plaintexts that a tap has seen (no keys needed). Bytes that follow no format are said to be such: nothing here raises.

Text that came from a peer is shown escaped and cut: a summary can be printed anywhere.

Specs: RFC 7983 §7 (which protocol), RFC 8489, RFC 8445 §7 (checks), RFC 6347, RFC 5246 §7.4 (handshake),
RFC 9260 §3.3 (chunks), RFC 8832 §5 (opening a channel).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rtcpy.core.errors import WireError
from rtcpy.dtls.alerts import Alert, alert_name
from rtcpy.dtls.messages import (
    BODIES,
    CertificateMessage,
    ClientHello,
    HandshakeFragment,
    HandshakeType,
    ServerHello,
    ServerKeyExchange,
)
from rtcpy.dtls.record12 import ContentType, Record
from rtcpy.peer.demux import Protocol, classify
from rtcpy.sctp.chunks import (
    AbortChunk,
    ChunkType,
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
from rtcpy.sctp.packet import chunk_bytes, parse_chunk, split_chunks
from rtcpy.sctp.parameters import OutgoingResetRequest, Parameter, ReconfigResponse
from rtcpy.stun.attributes import (
    ERROR_CODE,
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
)
from rtcpy.stun.message import Message, MessageClass, Method, parse_message
from rtcpy.wire import Wire

PREVIEW = 32  # characters of application text that are shown
BULK_SIZE = 1000  # bytes of user data from which on a message is one of many
RECORD_KEY = 11  # bytes of a record header before its length: type, version, epoch, sequence number


@dataclass(slots=True)
class Summary:
    """What one packet (or one chunk, or one record) is.

    Args:
        layer: ``"stun"``, ``"dtls"``, ``"sctp"``, ``"dcep"``, ``"data"`` or ``"?"``.
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
    readers: dict[str, Callable[[bytes], list[Summary]]] = {
        "udp": summarize_datagram,
        "stun": _stun,
        "dtls": lambda record: _record(record, None),
        "dtls-plaintext": lambda record: _record(record, record[13:]),
        "sctp": _sctp,
    }
    read = readers.get(layer)
    return read(data) if read is not None else [Summary("?", f"{len(data)} bytes of {layer}", size=len(data))]


def summarize_datagram(data: bytes, plaintexts: Mapping[bytes, bytes] | None = None) -> list[Summary]:
    """Summaries of everything in one UDP payload, in its order.

    Args:
        data: the payload.
        plaintexts: what protected records contain, by the first `RECORD_KEY` bytes of the record.
    """
    protocol = classify(data)
    if protocol is Protocol.STUN:
        return _stun(data)
    if protocol is Protocol.DTLS:
        return _records(data, plaintexts or {})
    return [Summary("?", f"{protocol.value}, not read here", rfc="RFC 7983 §7", size=len(data))]


# --- STUN -----------------------------------------------------------------------------------------------------------


def _stun(data: bytes) -> list[Summary]:
    try:
        message = parse_message(data)
    except WireError as exc:
        return [_unreadable("stun", data, exc)]
    return [
        Summary(
            "stun",
            f"{_stun_method(message)} {_STUN_CLASSES[message.message_class]}",
            ", ".join(_stun_details(message)),
            "RFC 8445 §7" if USERNAME in message or ICE_CONTROLLING in message else "RFC 8489 §5",
            len(data),
            bytes([message.message_class.value]) + message.transaction_id,
        )
    ]


_STUN_CLASSES = {
    MessageClass.REQUEST: "request",
    MessageClass.INDICATION: "indication",
    MessageClass.SUCCESS_RESPONSE: "success",
    MessageClass.ERROR_RESPONSE: "error",
}


def _stun_method(message: Message) -> str:
    try:
        return Method(message.method).name.capitalize()
    except ValueError:
        return f"method {message.method:#x}"


def _stun_details(message: Message) -> list[str]:
    details = []
    if ICE_CONTROLLING in message:
        details.append("I control")
    if ICE_CONTROLLED in message:
        details.append("you control")
    if USE_CANDIDATE in message:
        details.append("USE-CANDIDATE: let us take this pair")
    seen = message.get(XOR_MAPPED_ADDRESS)
    if seen is not None:
        details.append(f"I see you at {seen}")
    error = message.get(ERROR_CODE)
    if error is not None:
        details.append(f"{int(error.code)} {_quoted(error.reason)}")
    return details


# --- DTLS -----------------------------------------------------------------------------------------------------------


def _records(data: bytes, plaintexts: Mapping[bytes, bytes]) -> list[Summary]:
    """Every record of a datagram, whole or up to the byte where it breaks off."""
    out: list[Summary] = []
    offset = 0
    while offset < len(data):
        end = offset + 13 + int.from_bytes(data[offset + 11 : offset + 13], "big")
        if len(data) - offset < 13 or end > len(data):
            out.append(Summary("dtls", "broken record", rfc="RFC 6347 §4.1", size=len(data) - offset))
            break
        record = data[offset:end]
        out += _record(record, plaintexts.get(record[:RECORD_KEY]))
        offset = end
    return out


def _record(data: bytes, plaintext: bytes | None) -> list[Summary]:
    try:
        record = Record.parse(data)
    except WireError as exc:
        return [_unreadable("dtls", data, exc)]
    if record.epoch and plaintext is None:
        return [_protected(record, len(data))]
    content = record.fragment if plaintext is None else plaintext
    if record.content_type == ContentType.HANDSHAKE:
        return _handshake(content)
    if record.content_type == ContentType.CHANGE_CIPHER_SPEC:
        return [Summary("dtls", "ChangeCipherSpec", "protected from here on", "RFC 5246 §7.1", len(data))]
    if record.content_type == ContentType.ALERT:
        return [_alert(content)]
    if record.content_type == ContentType.APPLICATION_DATA:
        return _sctp(content)
    return [Summary("dtls", f"content type {int(record.content_type)}", rfc="RFC 6347 §4.1", size=len(data))]


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


def _handshake(content: bytes) -> list[Summary]:
    out: list[Summary] = []
    offset = 0
    while offset < len(content):
        length = 12 + int.from_bytes(content[offset + 9 : offset + 12], "big")
        piece = content[offset : offset + length]
        try:
            fragment = HandshakeFragment.parse(piece)
        except WireError as exc:
            out.append(_unreadable("dtls", piece, exc))
            break
        out.append(_handshake_message(fragment, len(piece)))
        offset += length
    return out


def _handshake_message(fragment: HandshakeFragment, size: int) -> Summary:
    name = (
        _camel(HandshakeType(fragment.type).name)
        if fragment.type in BODIES
        else f"handshake {int(fragment.type)}"
    )
    identity = (
        bytes([fragment.type & 0xFF])
        + fragment.message_seq.to_bytes(2, "big")
        + fragment.fragment_offset.to_bytes(3, "big")
    )
    rfc = BODIES[fragment.type].wire_rfc if fragment.type in BODIES else "RFC 5246 §7.4"
    whole = len(fragment.fragment) == fragment.length
    if not whole:
        first, last = fragment.fragment_offset, fragment.fragment_offset + len(fragment.fragment)
        return Summary("dtls", name, f"bytes {first}…{last} of {fragment.length}", rfc, size, identity)
    detail = ""
    form = BODIES.get(fragment.type)
    if form is not None:
        try:
            detail = _handshake_detail(form.parse(fragment.fragment))
        except WireError:
            detail = "malformed"
    return Summary("dtls", name, detail, rfc, size, identity)


def _handshake_detail(body: Wire) -> str:
    if isinstance(body, ClientHello):
        return f"{len(body.cipher_suites)} cipher suites" + (", with cookie" if body.cookie else "")
    if isinstance(body, ServerHello):
        return _enum_name(body.cipher_suite)
    if isinstance(body, ServerKeyExchange):
        return _enum_name(body.group)
    if isinstance(body, CertificateMessage):
        return ", ".join(f"{len(entry.der)} B" for entry in body.certificates) or "none"
    return ""


def _alert(content: bytes) -> Summary:
    try:
        alert = Alert.parse(content)
    except WireError as exc:
        return _unreadable("dtls", content, exc)
    return Summary("dtls", "Alert", alert_name(alert.description), "RFC 5246 §7.2", len(content))


# --- SCTP -----------------------------------------------------------------------------------------------------------


def _sctp(packet: bytes) -> list[Summary]:
    try:
        return [
            _chunk(parse_chunk(chunk_bytes(packet, offset, length)), kind, length)
            for kind, _flags, offset, length in split_chunks(packet)
        ]
    except WireError as exc:
        return [_unreadable("sctp", packet, exc)]


def _chunk(chunk: Wire, kind: int, size: int) -> Summary:
    rfc = chunk.wire_rfc
    if isinstance(chunk, DataChunk):
        summary = _data(chunk, size)
        summary.bulk = len(chunk.user_data) > BULK_SIZE or not (chunk.beginning and chunk.ending)
        return summary
    name = ChunkType(kind).name.replace("_", "-") if kind in set(ChunkType) else f"chunk type {kind}"
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
    return Summary("sctp", name, detail, rfc, size, bulk=kind == ChunkType.SACK)


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
        text = _quoted(data.decode("utf-8", "replace"))
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
    properties = [f"label {_quoted(opened.label)}", where]
    if not opened.ordered:
        properties.append("unordered")
    if opened.max_retransmits is not None:
        properties.append(f"at most {opened.max_retransmits} retransmissions")
    if opened.max_lifetime_ms is not None:
        properties.append(f"at most {opened.max_lifetime_ms} ms")
    return "DATA_CHANNEL_OPEN", ", ".join(properties), OpenMessage.wire_rfc


# --- words ----------------------------------------------------------------------------------------------------------


def _unreadable(layer: str, data: bytes, exc: WireError) -> Summary:
    return Summary(layer, "unreadable", str(exc), exc.rfc, len(data))


def _quoted(text: str) -> str:
    """Text of a peer: escaped, so that it can steer no terminal, and cut."""
    shown = text if len(text) <= PREVIEW else text[: PREVIEW - 1] + "…"
    return (
        '"'
        + "".join(c if c.isprintable() and c != '"' else c.encode("unicode_escape").decode() for c in shown)
        + '"'
    )


def _enum_name(value: object) -> str:
    name = getattr(value, "name", None)
    return str(name) if name is not None else f"{value:#x}" if isinstance(value, int) else str(value)


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))

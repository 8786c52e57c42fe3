"""RTP and RTCP: the header, every header extension by what SDP says it is, reports and feedback to the last bit.

The spans are those of `rtcpy.rtp`. Added here: numbers in their units, what extension ids mean, and the difference that
encryption makes: of SRTP the header can be read, of SRTCP the first eight bytes (RFC 3711 §3.1, §3.4).

Specs: RFC 3550 §5.1, §6; RFC 8285 §4; RFC 4585 §6; RFC 3611; RFC 3711 §3.1, §3.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby

from rtcpy.explain.growth import expand, first_sentence, grow, grow_spans, parent, unreadable
from rtcpy.explain.known import Known
from rtcpy.explain.tree import UNREADABLE, Node
from rtcpy.explain.words import counted, quoted, shortened
from rtcpy.rtp.compound import FORMATS, explain_rtcp, packet_end
from rtcpy.rtp.errors import RtpError
from rtcpy.rtp.extension_formats import FORMATS as EXTENSION_FORMATS
from rtcpy.rtp.feedback import GenericNack, PayloadFormat, Remb, TransportFormat, fci_format
from rtcpy.rtp.packet import RtpPacket, explain_packet, is_rtcp
from rtcpy.rtp.rtcp import PacketType, ProtectedRtcp, SdesType, UnknownPacket
from rtcpy.rtp.transport_cc import OneBitVectorChunk, RunLengthChunk, Symbol, TwoBitVectorChunk, chunk_symbols
from rtcpy.wire import Wire

FEEDBACK_HEADER = 12  # bytes before the feedback itself, RFC 4585 §6.1
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970, RFC 3550 §4

_NAMES: dict[int, str] = {
    PacketType.SENDER_REPORT: "SR",
    PacketType.RECEIVER_REPORT: "RR",
    PacketType.SOURCE_DESCRIPTION: "SDES",
    PacketType.GOODBYE: "BYE",
    PacketType.APPLICATION_DEFINED: "APP",
    PacketType.TRANSPORT_FEEDBACK: "RTPFB",
    PacketType.PAYLOAD_FEEDBACK: "PSFB",
    PacketType.EXTENDED_REPORT: "XR",
}
_FEEDBACK_NAMES: dict[tuple[int, int], str] = {
    (PacketType.TRANSPORT_FEEDBACK, TransportFormat.NACK): "NACK",
    (PacketType.TRANSPORT_FEEDBACK, TransportFormat.TRANSPORT_CC): "transport-cc",
    (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.PLI): "PLI",
    (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.SLI): "SLI",
    (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.RPSI): "RPSI",
    (PacketType.PAYLOAD_FEEDBACK, PayloadFormat.FIR): "FIR",
}


def media(data: bytes, start: int, end: int, known: Known) -> Node:
    """RTP or RTCP in ``data[start:end]``, told apart by the second byte. Spec: RFC 5761 §4."""
    if start or end != len(data):
        raise ValueError("RTP fills its datagram: it has no length of its own")
    if not is_rtcp(data):
        return _rtp(data, known)
    return _srtcp(data) if known.is_srtp else _rtcp(data)


# --- RTP ------------------------------------------------------------------------------------------------------------


def _rtp(data: bytes, known: Known) -> Node:
    name = "SRTP packet" if known.is_srtp else "RTP packet"
    try:
        spans = explain_packet(data, is_srtp=known.is_srtp)
        root = grow_spans(spans, layer="rtp", name=name, form=RtpPacket)
    except RtpError as error:
        root = grow(RtpPacket, data, 0, len(data), layer="rtp", name=name).node
        root.problem = root.problem or str(error)
    _rtp_words(root, data, known)
    return root


def _rtp_words(root: Node, data: bytes, known: Known) -> None:
    fields = {node.name: node for node in root.children}
    told = [
        f"{label} {fields[name].value}"
        for label, name in (("payload type", "payload_type"), ("sequence number", "sequence_number"))
        if name in fields
    ]
    root.text = ", ".join([root.name.removesuffix(" packet"), *told])
    payload = fields.get("payload")
    if payload is not None and isinstance(payload.value, bytes):
        payload.text = counted(len(payload.value), "byte")
        payload.meaning = (
            "the medium, encrypted, and the authentication tag at its end"
            if known.is_srtp
            else "the medium, in the codec's own format"
        )
        payload.rfc = "RFC 3711 §3.1" if known.is_srtp else payload.rfc
    extension = fields.get("header_extension")
    if extension is None:
        return
    _profile(extension)
    for node in extension.children:
        if node.name == "elements":
            for element in node.children:
                _element(element, data, known)
            node.text = counted(len(node.children), "element")


def _profile(extension: Node) -> None:
    """What the 16 bits "defined by profile" say."""
    for node in extension.children:
        if node.name == "profile" and isinstance(node.value, int):
            form = {0xBEDE: "one-byte headers"}.get(
                node.value, "two-byte headers" if node.value & 0xFFF0 == 0x1000 else "not RFC 8285"
            )
            node.text = f"{node.value:#06x}, {form}"
            node.rfc = "RFC 8285 §4.1.2"


def _element(element: Node, data: bytes, known: Known) -> None:
    """Name an element by its URI, and take its data apart."""
    fields = {node.name: node for node in element.children}
    number = fields["id"].value if "id" in fields else None
    uri = known.extensions.get(number) if isinstance(number, int) else None
    if uri is None:
        element.text = f"id {number}"
        return
    element.text = f"id {number}, {uri.rpartition(':' if uri.startswith('urn:') else '/')[2]}"
    fields["id"].text = f"{number}, {uri}"
    form = EXTENSION_FORMATS.get(uri)
    leaf = fields.get("data")
    if form is not None and leaf is not None:
        grown = expand(leaf, form, data)
        leaf.text, leaf.meaning, leaf.rfc = "", grown.node.meaning, form.wire_rfc


# --- RTCP -----------------------------------------------------------------------------------------------------------


def _rtcp(data: bytes) -> Node:
    packets: list[Node] = []
    offset, end = 0, len(data)
    while offset < end:
        try:
            stop = packet_end(data, offset)
        except RtpError as error:
            if not packets or not offset:
                form = FORMATS.get(data[1], UnknownPacket)
                packets.append(grow(form, data, 0, end, layer="rtcp", name=_name(form)).node)
                packets[-1].problem = packets[-1].problem or str(error)
            else:
                packets.append(unreadable(data, offset, end, error, layer="rtcp"))
            break
        packets.append(_packet(data, offset, stop))
        offset = stop
    names = [node.text.partition(":")[0] for node in packets if node.name != UNREADABLE]
    if len(packets) == 1:
        return packets[0]
    return parent(
        "RTCP compound",
        packets,
        text=f"RTCP: {', '.join(names)}",
        meaning="several RTCP packets, each with its length",
        rfc="RFC 3550 §6.1",
        layer="rtcp",
    )


def _name(form: type[Wire]) -> str:
    """``sender report``: the name of a declaration as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", form.__name__).lower()


def _packet(data: bytes, start: int, end: int) -> Node:
    """One RTCP packet."""
    form = FORMATS.get(data[start + 1], UnknownPacket)
    try:
        root = grow_spans(explain_rtcp(data, start, end), layer="rtcp", name=_name(form), form=form)
    except RtpError as error:
        root = grow(form, data, start, end, layer="rtcp", name=_name(form)).node
        root.problem = root.problem or str(error)
        if root.children and root.children[-1].name in ("content", "extension", "data"):
            root.children[-1].problem = root.children[-1].problem or error.message
    root.text = _kind(root, data, start)
    _rtcp_words(root)
    _feedback_words(root, data)
    return root


def _kind(root: Node, data: bytes, start: int) -> str:
    """``SR``, ``PLI``, ``RTCP 192``: what a packet is called in a line."""
    packet_type, number = data[start + 1], data[start] & 31
    name = _NAMES.get(packet_type, f"RTCP packet type {packet_type}")
    if packet_type in (PacketType.TRANSPORT_FEEDBACK, PacketType.PAYLOAD_FEEDBACK):
        if packet_type == PacketType.PAYLOAD_FEEDBACK and number == PayloadFormat.APPLICATION:
            is_remb = any(node.form is Remb for node in root.walk())
            name = "REMB" if is_remb else "application layer feedback"
        else:
            name = _FEEDBACK_NAMES.get((packet_type, number), f"{name} format {number}")
        for node in root.children:
            if node.name == "format":
                node.text = f"{number}, {name}"
        fci = fci_format(packet_type, number, data[start + FEEDBACK_HEADER : start + FEEDBACK_HEADER + 4])
        if fci is not None:
            root.meaning = first_sentence(fci)
    return name


def _ticks(unit: float, name: str) -> Callable[[int], str]:
    return lambda value: f"{value} ({value * unit:.4g} {name})"


def _signed(width: int) -> Callable[[int], str]:
    return lambda value: str(value - (value >> (width - 1) << width))


def _date(value: int) -> str:
    """An NTP second as calendar time; before 1970 it is no wall clock but a counter."""
    if value < NTP_EPOCH:
        return f"{value} (no calendar time)"
    when = datetime.fromtimestamp(value - NTP_EPOCH, UTC)
    return f"{value} ({when:%Y-%m-%d %H:%M:%S} UTC)"


_WORDS: dict[str, Callable[[int], str]] = {
    "fraction_lost": lambda value: f"{value} ({value / 2.56:.3g} %)",
    "cumulative_lost": _signed(24),
    "ntp_seconds": _date,
    "ntp_fraction": _ticks(1 / (1 << 32), "s"),
    "delay_since_last_sr": _ticks(1 / 65536, "s"),
    "delay_since_last_rr": _ticks(1 / 65536, "s"),
    "reference_time": lambda value: (
        f"{value - (value >> 23 << 24)} ({(value - (value >> 23 << 24)) * 0.064:.3f} s)"
    ),
    "delta": _ticks(0.25, "ms"),
}


def _rtcp_words(root: Node) -> None:
    """Numbers in their units; texts as text."""
    for node in root.walk():
        words = _WORDS.get(node.name)
        if words is not None and isinstance(node.value, int):
            if node.name == "delta" and node.width == 16:
                node.text = _ticks(0.25, "ms")(node.value - (node.value >> 15 << 16))
            else:
                node.text = words(node.value)
        elif node.name in ("text", "reason", "name") and isinstance(node.value, bytes):
            node.text = quoted(node.value.decode("utf-8", "replace"))
        elif node.name.startswith("items["):
            _item_words(node)


def _item_words(item: Node) -> None:
    """``CNAME "abc"`` beside an SDES item."""
    kind = next((child.value for child in item.children if child.name == "type"), None)
    text = next((leaf.value for leaf in item.leaves() if leaf.name == "text"), b"")
    if isinstance(kind, int):
        name = kind.name if isinstance(kind, SdesType) else f"type {kind}"
        item.text = (
            f"{name} {quoted(bytes(text).decode('utf-8', 'replace'))}" if isinstance(text, bytes) else name
        )


def _feedback_words(root: Node, data: bytes) -> None:
    """What the feedback comes to: which packets, what rate."""
    for node in root.children:
        if node.name != "fci":
            continue
        piece = data[node.offset : node.end]
        if node.form is Remb or any(child.name == "identifier" for child in node.children):
            rate = Remb.parse(piece).bitrate
            node.text = f"{rate:,} bit/s"
        elif any(child.name == "entries" for child in node.children) and root.text == "NACK":
            lost = GenericNack.parse(piece).sequence_numbers
            node.text = shortened(f"lost: {', '.join(map(str, lost))}")
        elif root.text == "transport-cc":
            _statuses(node, data)
        root.text += f": {node.text}" if node.text else ""


def _statuses(fci: Node, data: bytes) -> None:
    """What each chunk tells, and whose delta each delta is."""
    fields = {node.name: node for node in fci.children}
    count, base = fields["status_count"].value, fields["base_sequence"].value
    if not isinstance(count, int) or not isinstance(base, int):
        return
    told = arrived = 0
    for chunk in fields["chunks"].children if "chunks" in fields else ():
        form = chunk.form
        if form not in (RunLengthChunk, OneBitVectorChunk, TwoBitVectorChunk):
            continue
        value = form.parse(data[chunk.offset : chunk.end])
        symbols = chunk_symbols(value, count - told)
        told += len(symbols)
        arrived += sum(symbol is not Symbol.NOT_RECEIVED for symbol in symbols)
        chunk.text = shortened(
            ", ".join(
                f"{len(list(group))} × {symbol.name.lower().replace('_', ' ')}"
                for symbol, group in groupby(symbols)
            )
        )
    for delta in fields["deltas"].children if "deltas" in fields else ():
        number = int(delta.name.partition("[")[2].rstrip("]"))
        delta.text = f"packet {(base + number) & 0xFFFF}"
    fci.text = f"{arrived} of {counted(count, 'packet')} from {base} on arrived"


# --- SRTCP ----------------------------------------------------------------------------------------------------------


def _srtcp(data: bytes) -> Node:
    """Header and SSRC are in the clear, the rest is not. Spec: RFC 3711 §3.4."""
    root = grow(ProtectedRtcp, data, 0, len(data), layer="rtcp", name="SRTCP packet").node
    if len(data) > 1:
        first = _NAMES.get(data[1], f"packet type {data[1]}")
        root.text = f"SRTCP, beginning with {first}"
    return root

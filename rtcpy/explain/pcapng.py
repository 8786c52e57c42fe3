"""A trace as a capture file that Wireshark opens, decrypts and finds our explanations in.

One file has it all: the datagrams as they crossed the wire, with IP and UDP headers made for them; what DTLS protected,
on a second interface of type SCTP; the secrets that open the first; and for each packet what `summary` says of it, as
a comment. `write_pcapng` does that for a `Trace`; `PcapngTap` for a connection that is running.

Owns the format. Does not own what is in the packets.

Specs: draft-ietf-opsawg-pcapng (blocks §4, options §3.5, secrets §4.7), draft-ietf-opsawg-pcaplinktype (101: raw IP, 248:
SCTP), RFC 791 §3.1, RFC 8200 §3, RFC 768, RFC 1071 (checksums), RFC 8200 §8.1 (the pseudo-header).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.explain.summary import RECORD_KEY, Summary, summarize, summarize_datagram
from rtcpy.explain.trace import DropEntry, PacketEntry, Trace

SECTION_HEADER, INTERFACE, ENHANCED_PACKET, SECRETS = 0x0A0D0D0A, 1, 6, 0x0A  # block types
BYTE_ORDER_MAGIC = 0x1A2B3C4D
TLS_KEY_LOG = 0x544C534B  # secrets type; draft §4.7
LINKTYPE_RAW, LINKTYPE_SCTP = 101, 248
NANOSECONDS = 9  # if_tsresol: 10 to the minus nine
SNAP_LENGTH = 0  # no limit; nothing is cut
PACKET_MAX = 262_144  # bytes; what Wireshark takes for one packet
COMMENT_MAX = 2000  # bytes of a packet comment
FILE_MAX = 256 * 1024 * 1024  # bytes that `PcapngTap` writes unless told otherwise
UNKNOWN = Address("0.0.0.0", 0)
_UDP = 17

OPT_END, OPT_COMMENT = 0, 1
SHB_APPLICATION = 4
IF_NAME, IF_DESCRIPTION, IF_TSRESOL = 2, 3, 9
EPB_FLAGS = 2
INBOUND, OUTBOUND = 1, 2


class PcapngWriter:
    """Writes blocks one after the other; nothing is kept.

    Args:
        file: open for writing bytes.
        application: who wrote it, for the file's header.
        comment: about the whole file.
    """

    def __init__(self, file: BinaryIO, *, application: str = "rtcpy", comment: str = "") -> None:
        self._file = file
        self.written = 0
        """**Bytes** so far."""
        self._interfaces = 0
        options = [(SHB_APPLICATION, application.encode())]
        if comment:
            options.insert(0, (OPT_COMMENT, comment.encode()[:COMMENT_MAX]))
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
        self._block(SECTION_HEADER, body + _options(options))

    def add_interface(self, link_type: int, name: str, description: str = "") -> int:
        """Describe an interface; returns the number that its packets name it by. Spec: draft §4.2."""
        options = [(IF_NAME, name.encode())]
        if description:
            options.append((IF_DESCRIPTION, description.encode()))
        options.append((IF_TSRESOL, bytes([NANOSECONDS])))
        self._block(INTERFACE, struct.pack("<HHI", link_type, 0, SNAP_LENGTH) + _options(options))
        self._interfaces += 1
        return self._interfaces - 1

    def add_key_log(self, text: str) -> None:
        """Embed lines of an NSS key log; before the packets that they open. Spec: draft §4.7."""
        data = text.encode("ascii")
        self._block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(data)) + data + bytes(-len(data) % 4))

    def add_packet(
        self,
        interface: int,
        at: Instant,
        data: bytes,
        *,
        comment: str = "",
        direction: Direction | None = None,
    ) -> None:
        """Write one packet. Spec: draft §4.3.

        Args:
            interface: what `add_interface` returned.
            at: **seconds** since 1970, not negative.
            data: the bytes, as the interface's link type asks for them.
            comment: what is to be said of it.
            direction: as seen by the endpoint.
        """
        if not 0 <= interface < self._interfaces:
            raise InvalidAccessError(f"interface {interface} has not been described")
        ticks = round(at * 10**NANOSECONDS)
        if not 0 <= ticks < 1 << 64:
            raise InvalidAccessError(f"{at} s cannot be written as a time since 1970")
        kept = data[:PACKET_MAX]
        options: list[tuple[int, bytes]] = []
        if comment:
            options.append((OPT_COMMENT, _cut(comment, COMMENT_MAX)))
        if direction is not None:
            flags = INBOUND if direction is Direction.IN else OUTBOUND
            options.append((EPB_FLAGS, struct.pack("<I", flags)))
        head = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(kept), len(data))
        self._block(ENHANCED_PACKET, head + kept + bytes(-len(kept) % 4) + _options(options))

    def _block(self, kind: int, body: bytes) -> None:
        """Type and length before and after. Spec: draft §4 (general block structure)."""
        length = 12 + len(body)
        self._file.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))
        self.written += length


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    """Options padded to 32 bits, and their end; nothing if there are none. Spec: draft §3.5."""
    out = b"".join(
        struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options
    )
    return out + struct.pack("<HH", OPT_END, 0) if out else b""


def _cut(text: str, limit: int) -> bytes:
    """UTF-8 of at most `limit` **bytes**, cut between characters."""
    data = text.encode("utf-8", "replace")
    return data if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore").encode() + "…".encode()


# --- IP and UDP ------------------------------------------------------------------------------------------------------


def checksum(data: bytes) -> int:
    """The internet checksum of `data`, taken as padded to 16 bits. Spec: RFC 1071 §1."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int(word) for word in struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_packet(data: bytes, source: Address, destination: Address, *, identification: int = 0) -> bytes:
    """An IP packet with a UDP header around `data`, checksums included.

    Addresses of different families are both written as IPv6, the IPv4 one as a mapped address.

    Args:
        data: the UDP payload, at most 65,507 **bytes**.
        source: whence.
        destination: where to.
        identification: of the IPv4 packet.

    Raises:
        InvalidAccessError: the payload does not fit, or an address is no IP literal.

    Spec: RFC 791 §3.1, RFC 8200 §3 and §8.1, RFC 768.
    """
    length = 8 + len(data)
    if length + 20 > 0xFFFF:
        raise InvalidAccessError(f"{len(data)} bytes do not fit into one UDP datagram")
    here, there = _ip(source.host), _ip(destination.host)
    if here.version != there.version:
        here, there = _mapped(here), _mapped(there)
    addresses = here.packed + there.packed
    udp = struct.pack(">HHHH", source.port, destination.port, length, 0) + data
    pseudo = addresses + (
        struct.pack(">BBH", 0, _UDP, length)
        if here.version == 4
        else struct.pack(">IHBB", length, 0, 0, _UDP)
    )
    total = checksum(pseudo + udp) or 0xFFFF  # 0 means "none": RFC 768
    udp = udp[:6] + struct.pack(">H", total) + udp[8:]
    if here.version == 6:
        return struct.pack(">IHBB", 6 << 28, length, _UDP, 64) + addresses + udp
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, identification & 0xFFFF, 0x4000, 64, _UDP, 0)
    total = checksum(head + addresses)
    return head[:10] + struct.pack(">H", total) + addresses + udp


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise InvalidAccessError(f"{host!r} is no IP address") from None


def _mapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


# --- a trace ---------------------------------------------------------------------------------------------------------


def write_pcapng(
    trace: Trace, file: str | Path | BinaryIO, *, who: str = "", start: float | None = None
) -> int:
    """Write what one endpoint of a trace sent and received as a capture file.

    Args:
        trace: the recording. One without secrets gives a file in which DTLS stays closed.
        file: path or open file.
        who: the endpoint; default: the first. (Two views of the same packets in one file would look like repetitions.)
        start: **seconds** since 1970 of the trace's first entry; default: its own times.

    Returns:
        How many packets were written, on both interfaces.

    Raises:
        InvalidAccessError: the trace has nothing of `who`.
        OSError: the file cannot be written.
    """
    name = who or (trace.names[0] if trace.names else "")
    if name not in trace.names:
        known = ", ".join(trace.names) or "nobody"
        raise InvalidAccessError(f"the trace has no endpoint {name!r}, but {known}")
    if isinstance(file, str | Path):
        with Path(file).open("wb") as opened:
            return write_pcapng(trace, opened, who=name, start=start)
    first = trace.started
    shift = start - first if start is not None else max(0.0, -min((entry.at for entry in trace), default=0.0))
    sheet = _Captured(file, name, trace.key_log())
    drops = dict(_drops(trace, name))
    views = _views(trace.packets("dtls-plaintext", who=name))
    for entry in trace.of(PacketEntry, who=name):
        if entry.layer in ("udp", "sctp"):
            drop = drops.get(entry.number)
            sheet.packet(
                entry, entry.at + shift, views, f"refused: {drop.reason}" if drop is not None else ""
            )
    return sheet.packets


def _drops(trace: Trace, who: str) -> list[tuple[int, DropEntry]]:
    """For each refused datagram its number and why: a drop follows its packet, with nothing else arriving between."""
    out: list[tuple[int, DropEntry]] = []
    arrived: PacketEntry | None = None
    for entry in trace:
        if entry.who != who:
            continue
        if isinstance(entry, PacketEntry) and entry.layer == "udp":
            arrived = entry if entry.direction is Direction.IN else arrived
        elif (
            isinstance(entry, DropEntry) and arrived is not None and entry.data and entry.data in arrived.data
        ):
            out.append((arrived.number, entry))
    return out


def _views(entries: Sequence[PacketEntry]) -> dict[Direction, dict[bytes, bytes]]:
    views: dict[Direction, dict[bytes, bytes]] = {way: {} for way in Direction}
    for entry in entries:
        views[entry.direction][entry.data[:RECORD_KEY]] = entry.data[13:]
    return views


class _Captured:
    """A file with our two interfaces."""

    def __init__(self, file: BinaryIO, who: str, key_log: str = "") -> None:
        self.writer = PcapngWriter(file, comment=f"What {who} sent and received, written by rtcpy.")
        if key_log:
            self.writer.add_key_log(key_log)
        self.wire = self.writer.add_interface(
            LINKTYPE_RAW,
            f"{who}: wire",
            "UDP as it crossed the socket; IP and UDP headers were made for this file",
        )
        self.inside = self.writer.add_interface(
            LINKTYPE_SCTP,
            f"{who}: inside DTLS",
            "SCTP packets in the clear, as they are inside of DTLS records",
        )
        self.packets = 0
        self._sent = 0

    def packet(
        self,
        entry: PacketEntry,
        at: Instant,
        views: dict[Direction, dict[bytes, bytes]],
        remark: str = "",
    ) -> None:
        """Write a packet of layer ``"udp"`` or ``"sctp"``."""
        if entry.layer == "sctp":
            comment = _comment(summarize("sctp", entry.data), remark)
            self.writer.add_packet(self.inside, at, entry.data, comment=comment, direction=entry.direction)
        else:
            ends = entry.local or UNKNOWN, entry.remote or UNKNOWN
            source, destination = ends if entry.direction is Direction.OUT else ends[::-1]
            data = udp_packet(entry.data, source, destination, identification=self._sent)
            self._sent += 1
            comment = _comment(summarize_datagram(entry.data, views[entry.direction]), remark)
            self.writer.add_packet(self.wire, at, data, comment=comment, direction=entry.direction)
        self.packets += 1


def _comment(summaries: Sequence[Summary], remark: str) -> str:
    lines = [f"{summary}  [{summary.rfc}]" if summary.rfc else str(summary) for summary in summaries]
    return "\n".join([*lines, *([remark] if remark else [])])


class PcapngTap(Tap):
    """A tap that writes a capture file while the connection runs.

    What a record contains is known only after the record was seen, so comments on protected records say less than those
    of `write_pcapng`; the secret stands before the first packet that it opens.

    Args:
        file: open for writing bytes; the caller closes it.
        who: the endpoint's name.
        limit: **bytes**; when the file has so many, no more is written and `left_out` counts.
        start: **seconds** since 1970 that correspond to 0 of the connection's clock.
    """

    __slots__ = ("_captured", "_limit", "_secrets", "_start", "left_out")

    def __init__(
        self, file: BinaryIO, who: str = "here", *, limit: int = FILE_MAX, start: float = 0.0
    ) -> None:
        self._captured = _Captured(file, who)
        self._limit, self._start = limit, start
        self._secrets: set[bytes] = set()
        self.left_out = 0

    def packet(
        self,
        layer: str,
        direction: Direction,
        data: bytes,
        *,
        now: Instant,
        local: Address | None = None,
        remote: Address | None = None,
    ) -> None:
        """Write packets of the wire and of SCTP."""
        if layer not in ("udp", "sctp"):
            return
        if self._captured.writer.written + len(data) > self._limit:
            self.left_out += 1
            return
        entry = PacketEntry(now, "", layer, direction, bytes(data), local, remote)
        self._captured.packet(entry, now + self._start, _NO_VIEWS)

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        """Write a secret."""
        if client_random not in self._secrets and len(self._secrets) < 64:
            self._secrets.add(bytes(client_random))
            self._captured.writer.add_key_log(f"{label} {client_random.hex()} {secret.hex()}\n")


_NO_VIEWS: dict[Direction, dict[bytes, bytes]] = {way: {} for way in Direction}

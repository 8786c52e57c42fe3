"""Capture files: pcap and pcapng as tcpdump, Wireshark and rtcpy write them, read down to UDP payloads.

A file is read as a stream, block by block; nothing of it is kept but what a later block may refer to. What is no UDP
datagram (TCP, ARP, fragments …) is counted and left out. Key logs that the file carries (Decryption Secrets Blocks) and
comments on packets are kept.

Why not a library: those of moderate size (dpkt 1.9, python-pcapng 2.1) know no Decryption Secrets Blocks, and errors
without offset are of no use to who has a broken file.

Specs: draft-ietf-opsawg-pcap §4, §5 (pcap); draft-ietf-opsawg-pcapng §3, §4 (pcapng); RFC 791 §3.1, RFC 8200 §3, §4
(IP); RFC 768 (UDP); link types: tcpdump.org/linktypes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import BinaryIO

from rtcpy.core.errors import WireError
from rtcpy.core.machine import Address, Instant

RECORD_MAX = 1 << 24
"""**Bytes** of one record or block; larger ones are taken for damage. tcpdump's own limit is 2^18."""
INTERFACES_MAX = 4096  # per section
KEY_LOG_MAX = 1 << 24  # bytes of key logs kept
COMMENT_MAX = 1 << 16  # bytes of one comment
REASONS_MAX = 64  # kinds of things left out that are told apart

LINK_NULL, LINK_ETHERNET, LINK_RAW, LINK_LOOP = 0, 1, 101, 108
LINK_COOKED, LINK_IPV4, LINK_IPV6, LINK_SCTP, LINK_COOKED2 = 113, 228, 229, 248, 276
_OLD_RAW = (12, 14)  # what some systems wrote for LINK_RAW

_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
}
_SECTION = b"\x0a\x0d\x0d\x0a"  # the same in both byte orders
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_INTERFACE, _PACKET, _SIMPLE, _ENHANCED, _SECRETS = 1, 2, 3, 6, 10  # block types
_OPTION_END, _OPTION_COMMENT, _IF_NAME, _IF_RESOLUTION, _IF_OFFSET = 0, 1, 2, 9, 14
_TLS_KEY_LOG = 0x544C534B
_NO_LOSS = (4, 5, 0xBAD, 0x40000BAD)  # names of hosts, statistics, and what others invented

_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_VLAN = (0x8100, 0x88A8, 0x9100)
_UDP = 17
_SCTP = 132
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 58: "ICMPv6"}
_EXTENSION_HEADERS = (0, 43, 60)  # hop-by-hop, routing, destination options: RFC 8200 §4.1
_FRAGMENT = 44
_HEADERS_MAX = 8  # of IPv6 extension headers and VLAN tags, in a row
_FAMILIES = {2: _IPV4, 10: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}  # AF_INET, AF_INET6 of several systems


class CaptureError(WireError):
    """A file that is no capture, or a damaged one. `offset` counts **bytes** from the start of the file."""

    __slots__ = ()


def _wrong(message: str, offset: int, value: object = None, rfc: str = "") -> CaptureError:
    return CaptureError(message, offset=offset, rfc=rfc, value=value)


@dataclass(slots=True)
class Record:
    """One datagram of a capture.

    Attributes:
        number: of the packet in the file, from 1, as other tools number it; those left out count.
        at: when, in **seconds** since 1970; 0 where the file does not tell.
        source: who sent it; None where only the payload was captured.
        destination: to whom.
        data: the UDP payload, or the SCTP packet.
        layer: ``"udp"``; ``"sctp"`` from an interface of link type 248, or straight from IP.
        comment: what someone wrote beside the packet.
        interface: name or number of the interface.
        missing: **bytes** that the capture cut off.
    """

    number: int
    at: Instant
    source: Address | None
    destination: Address | None
    data: bytes
    layer: str = "udp"
    comment: str = ""
    interface: str = ""
    missing: int = 0


@dataclass(slots=True)
class _Interface:
    link: int
    name: str
    unit: float  # seconds per tick of its timestamps
    offset: int = 0  # seconds added to them
    snap: int = 0  # bytes kept of a packet; 0: all


@dataclass(slots=True)
class Capture:
    """Reads a capture file. Iterate over it once; counts and key logs grow meanwhile.

    Attributes:
        stream: the file, opened in binary mode.
        format: ``"pcap"`` or ``"pcapng"``, known from the beginning.
        skipped: what was left out, and how often: ``{"TCP": 3}``.
        key_log: text in NSS key log format, from all Decryption Secrets Blocks so far.
        comments: what someone wrote about the file or its interfaces.
        packets: packets seen so far.

    Raises:
        CaptureError: the file begins like neither format.
    """

    stream: BinaryIO
    format: str = ""
    skipped: Counter[str] = field(default_factory=Counter)
    key_log: str = ""
    comments: list[str] = field(default_factory=list)
    packets: int = 0
    _offset: int = 0
    _magic: bytes = b""

    def __post_init__(self) -> None:
        self._magic = self.stream.read(4)
        self._offset = len(self._magic)
        if self._magic in _PCAP:
            self.format = "pcap"
        elif self._magic == _SECTION:
            self.format = "pcapng"
        else:
            raise _wrong(
                f"neither pcap nor pcapng: the file begins with {self._magic.hex(' ') or 'nothing'}",
                0,
                self._magic,
            )

    @classmethod
    def of(cls, data: bytes) -> Capture:
        """A capture that is in memory. Raises CaptureError."""
        return cls(BytesIO(data))

    def __iter__(self) -> Iterator[Record]:
        """The datagrams, in the order of the file.

        Raises:
            CaptureError: the file is damaged or ends within a packet; all before that was given out.
        """
        return self._pcap() if self.format == "pcap" else self._pcapng()

    def _read(self, size: int, what: str) -> bytes:
        """Exactly `size` bytes."""
        begin = self._offset
        data = self.stream.read(size)
        self._offset += len(data)
        if len(data) < size:
            raise _wrong(
                f"the file ends within {what}: {size} bytes needed, {len(data)} left", begin, len(data)
            )
        return data

    # -- pcap ------------------------------------------------------------------------------------------------------

    def _pcap(self) -> Iterator[Record]:
        order, unit = _PCAP[self._magic]
        header = self._read(20, "the file header")
        link = Struct(order + "I").unpack(header[16:])[0] & 0xFFFF  # above: length of the FCS
        interface = _Interface(link, "", unit)
        head = Struct(order + "IIII")
        while True:
            begin = self._offset
            first = self.stream.read(1)
            if not first:
                return
            self._offset += 1
            number = self.packets + 1
            seconds, fraction, size, original = head.unpack(
                first + self._read(15, f"the header of packet {number}")
            )
            if size > RECORD_MAX:
                raise _wrong(
                    f"packet {number} has {size} bytes, at most {RECORD_MAX} expected", begin + 8, size
                )
            frame = self._read(size, f"packet {number}")
            yield from self._frame(interface, seconds + fraction * unit, frame, original - size, "")

    # -- pcapng ----------------------------------------------------------------------------------------------------

    def _pcapng(self) -> Iterator[Record]:
        interfaces: list[_Interface] = []
        order, kind, begin = "", self._magic, 0
        while kind:
            length = self._read(4, "a block length")
            if kind == _SECTION:
                magic = self._read(4, "a section header")
                if magic not in _BYTE_ORDERS:
                    rfc = "draft-ietf-opsawg-pcapng §4.1"
                    raise _wrong(f"byte-order magic is {magic.hex(' ')}", begin + 8, magic, rfc)
                order, interfaces = _BYTE_ORDERS[magic], []
                body = magic + self._rest(length, order, begin, had=4)
                self._note_comments(_options(body, 16, order))  # byte order, version, section length
            else:
                code = Struct(order + "I").unpack(kind)[0]
                body = self._rest(length, order, begin, had=0)
                if code == _INTERFACE:
                    self._interface(interfaces, body, order, begin)
                elif code in (_ENHANCED, _PACKET, _SIMPLE):
                    yield from self._packet(code, interfaces, body, order, begin)
                elif code == _SECRETS:
                    self._secrets(body, order, begin)
                elif code not in _NO_LOSS:
                    self._skip(f"pcapng blocks of type {code:#x}")
            begin = self._offset
            kind = self.stream.read(4)
            self._offset += len(kind)
            if kind and len(kind) < 4:
                raise _wrong(f"the file ends within a block type: {len(kind)} bytes left", begin, len(kind))

    def _rest(self, length: bytes, order: str, begin: int, *, had: int) -> bytes:
        """The body of a block, `had` bytes of which were read, and its second length. Spec: pcapng §3.1."""
        rfc = "draft-ietf-opsawg-pcapng §3.1"
        number = Struct(order + "I")
        size = number.unpack(length)[0]
        if size % 4 or not 12 + had <= size <= RECORD_MAX:
            raise _wrong(f"block length is {size}", begin + 4, size, rfc)
        body = self._read(size - 12 - had, "a block")
        again = number.unpack(self._read(4, "a block"))[0]
        if again != size:
            raise _wrong(f"block lengths disagree: {size} and {again}", self._offset - 4, again, rfc)
        return body

    def _interface(self, interfaces: list[_Interface], body: bytes, order: str, begin: int) -> None:
        if len(body) < 8:
            raise _wrong(
                "interface description is too short", begin, len(body), "draft-ietf-opsawg-pcapng §4.2"
            )
        if len(interfaces) == INTERFACES_MAX:
            raise _wrong(f"more than {INTERFACES_MAX} interfaces", begin, len(interfaces))
        link, _, snap = Struct(order + "HHI").unpack_from(body)
        interface = _Interface(link, str(len(interfaces)), 1e-6, 0, snap)
        options = _options(body, 8, order)
        for code, value in options:
            if code == _IF_NAME:
                interface.name = _text(value)
            elif code == _IF_RESOLUTION and value:
                exponent = value[0] & 0x7F
                interface.unit = 2.0**-exponent if value[0] & 0x80 else 10.0**-exponent
            elif code == _IF_OFFSET and len(value) == 8:
                interface.offset = int.from_bytes(value, "big" if order == ">" else "little", signed=True)
        self._note_comments(options)
        interfaces.append(interface)

    def _packet(
        self, code: int, interfaces: list[_Interface], body: bytes, order: str, begin: int
    ) -> Iterator[Record]:
        number = self.packets + 1
        rfc = "draft-ietf-opsawg-pcapng §4.3"
        index, ticks = 0, 0
        if len(body) < (4 if code == _SIMPLE else 20):
            raise _wrong(f"the block of packet {number} is too short", begin, len(body), rfc)
        if code == _SIMPLE:
            original = Struct(order + "I").unpack_from(body)[0]
            snap = interfaces[0].snap if interfaces else 0
            size, start = min(original, snap or original), 4
        else:
            layout = Struct(order + ("HHIIII" if code == _PACKET else "IIIII"))
            index, *_, high, low, size, original = layout.unpack_from(body)
            ticks, start = high << 32 | low, 20
        if index >= len(interfaces):
            raise _wrong(
                f"packet {number} is of interface {index}, {len(interfaces)} were described",
                begin + 8,
                index,
                rfc,
            )
        if size > len(body) - start:
            raise _wrong(
                f"packet {number} has {size} bytes, its block {len(body) - start}",
                begin + 8 + start,
                size,
                rfc,
            )
        interface = interfaces[index]
        options = _options(body, start + size + (-size & 3), order) if code != _SIMPLE else []
        comment = "\n".join(_text(value) for option, value in options if option == _OPTION_COMMENT)
        at = interface.offset + ticks * interface.unit
        yield from self._frame(interface, at, body[start : start + size], original - size, comment)

    def _secrets(self, body: bytes, order: str, begin: int) -> None:
        """Decryption Secrets Block: a key log travels in the file that it opens."""
        rfc = "draft-ietf-opsawg-pcapng §4.7"
        if len(body) < 8:
            raise _wrong("decryption secrets are too short", begin, len(body), rfc)
        kind, size = Struct(order + "II").unpack_from(body)
        if size > len(body) - 8:
            raise _wrong(f"secrets of {size} bytes, {len(body) - 8} in their block", begin + 12, size, rfc)
        if kind != _TLS_KEY_LOG:
            self._skip(f"secrets of type {kind:#010x}")
        elif len(self.key_log) + size > KEY_LOG_MAX:
            raise _wrong(f"key logs of more than {KEY_LOG_MAX} bytes", begin + 12, size, rfc)
        else:
            text = body[8 : 8 + size].decode("utf-8", "replace")
            self.key_log += text if text.endswith("\n") or not text else text + "\n"

    def _skip(self, reason: str) -> None:
        known = reason in self.skipped or len(self.skipped) < REASONS_MAX
        self.skipped[reason if known else "others"] += 1

    def _note_comments(self, options: list[tuple[int, bytes]]) -> None:
        for code, value in options:
            if code == _OPTION_COMMENT and len(self.comments) < INTERFACES_MAX:
                self.comments.append(_text(value))

    # -- frames ----------------------------------------------------------------------------------------------------

    def _frame(
        self, interface: _Interface, at: float, frame: bytes, missing: int, comment: str
    ) -> Iterator[Record]:
        """The datagram in a captured frame, if there is one."""
        self.packets += 1
        missing = max(0, missing)
        if interface.link == LINK_SCTP:
            yield Record(self.packets, at, None, None, frame, "sctp", comment, interface.name, missing)
            return
        unwrap = _LINKS.get(interface.link)
        if unwrap is None:
            self._skip(f"packets of link type {interface.link}")
            return
        try:
            kind, packet = unwrap(frame)
            layer, source, destination, data, short = _datagram(kind, packet)
        except _LeftOut as reason:
            self._skip(str(reason))
            return
        yield Record(
            self.packets, at, source, destination, data, layer, comment, interface.name, min(missing, short)
        )


def _text(value: bytes) -> str:
    return value[:COMMENT_MAX].rstrip(b"\0").decode("utf-8", "replace")


def _options(body: bytes, offset: int, order: str) -> list[tuple[int, bytes]]:
    """Options of a block: code and value. What does not fit is left out: they are remarks, not packets."""
    head = Struct(order + "HH")
    found: list[tuple[int, bytes]] = []
    while len(body) - offset >= 4:
        code, size = head.unpack_from(body, offset)
        offset += 4
        if code == _OPTION_END or size > len(body) - offset:
            break
        found.append((code, body[offset : offset + size]))
        offset += size + (-size & 3)
    return found


class _LeftOut(Exception):
    """A frame without a UDP datagram; the text says what it is."""


def _ethernet(frame: bytes) -> tuple[int, bytes]:
    offset = 12
    for _ in range(_HEADERS_MAX):
        kind = int.from_bytes(frame[offset : offset + 2], "big")
        offset += 2
        if kind not in _VLAN:
            return kind, frame[offset:]
        offset += 2
    raise _LeftOut("frames with too many VLAN tags")


def _raw(frame: bytes) -> tuple[int, bytes]:
    version = frame[0] >> 4 if frame else 0
    return {4: _IPV4, 6: _IPV6}.get(version, 0), frame


def _family(frame: bytes) -> tuple[int, bytes]:
    """BSD loopback: the address family, in the byte order of whatever machine it was."""
    number = min(int.from_bytes(frame[:4], "little"), int.from_bytes(frame[:4], "big"))
    return _FAMILIES.get(number, 0), frame[4:]


_LINKS: dict[int, Callable[[bytes], tuple[int, bytes]]] = {
    LINK_ETHERNET: _ethernet,
    LINK_NULL: _family,
    LINK_LOOP: _family,
    LINK_COOKED: lambda frame: (int.from_bytes(frame[14:16], "big"), frame[16:]),
    LINK_COOKED2: lambda frame: (int.from_bytes(frame[:2], "big"), frame[20:]),
    **dict.fromkeys((LINK_RAW, LINK_IPV4, LINK_IPV6, *_OLD_RAW), _raw),
}
"""Link type → what finds the ethertype and the packet in a frame."""


def _datagram(kind: int, packet: bytes) -> tuple[str, Address, Address, bytes, int]:
    """(layer, source, destination, payload, bytes of it that are missing) of an IP packet with UDP or SCTP."""
    if kind == _IPV4:
        protocol, source, destination, rest = _ipv4(packet)
    elif kind == _IPV6:
        protocol, source, destination, rest = _ipv6(packet)
    else:
        raise _LeftOut({_ARP: "ARP", 0: "packets that are no IP"}.get(kind, f"ethertype {kind:#06x}"))
    if protocol not in (_UDP, _SCTP):
        raise _LeftOut(_PROTOCOLS.get(protocol, f"IP protocol {protocol}"))
    if len(rest) < 8:
        raise _LeftOut(f"{'UDP' if protocol == _UDP else 'SCTP'} headers cut short")
    from_port, to_port = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
    ends = Address(source, from_port), Address(destination, to_port)
    if protocol == _SCTP:
        return "sctp", *ends, rest, 0
    size = int.from_bytes(rest[4:6], "big")
    data = rest[8:size] if size >= 8 else rest[8:]
    return "udp", *ends, data, max(0, size - 8 - len(data))


def _ipv4(packet: bytes) -> tuple[int, str, str, bytes]:
    """Protocol, addresses and what is in an IPv4 packet. Spec: RFC 791 §3.1."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or (packet[0] & 15) < 5:
        raise _LeftOut("malformed IPv4")
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:  # more fragments, or an offset
        raise _LeftOut("IPv4 fragments")
    size = int.from_bytes(packet[2:4], "big") or len(packet)  # 0: the network card cuts it up
    source, destination = (str(IPv4Address(packet[at : at + 4])) for at in (12, 16))
    return packet[9], source, destination, packet[(packet[0] & 15) * 4 : size]


def _ipv6(packet: bytes) -> tuple[int, str, str, bytes]:
    """Protocol, addresses and what is in an IPv6 packet. Spec: RFC 8200 §3, §4."""
    if len(packet) < 40 or packet[0] >> 4 != 6:
        raise _LeftOut("malformed IPv6")
    size = int.from_bytes(packet[4:6], "big")
    source, destination = (str(IPv6Address(packet[at : at + 16])) for at in (8, 24))
    rest = packet[40 : 40 + size] if size else packet[40:]
    kind = packet[6]
    for _ in range(_HEADERS_MAX):
        if kind == _FRAGMENT and len(rest) >= 8:
            if int.from_bytes(rest[2:4], "big") & 0xFFF9:
                raise _LeftOut("IPv6 fragments")
            kind, rest = rest[0], rest[8:]
        elif kind in _EXTENSION_HEADERS and len(rest) >= 8:
            kind, rest = rest[0], rest[8 + rest[1] * 8 :]
        else:
            return kind, source, destination, rest
    raise _LeftOut("IPv6 with too many extension headers")

"""Small capture files made by hand, in every form that there is: what `rtcpy.explain.capture` must be able to read."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack


def udp(source: str, destination: str, payload: bytes, *, ports: tuple[int, int] = (1000, 2000)) -> bytes:
    """An IP packet with a UDP datagram; checksums are zero, nobody here looks at them."""
    body = pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    a, b = ip_address(source), ip_address(destination)
    if a.version == 4:
        return pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0) + a.packed + b.packed + body
    return pack("!IHBB", 6 << 28, len(body), 17, 64) + a.packed + b.packed + body


def ethernet(packet: bytes, *, tags: int = 0) -> bytes:
    """The packet in an Ethernet frame, with VLAN tags."""
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    return bytes(12) + pack("!HH", 0x8100, 5) * tags + pack("!H", kind) + packet


def pcap(frames: list[bytes], *, link: int = 1, order: str = "<", nano: bool = False, cut: int = 0) -> bytes:
    """A pcap file; packet n comes at n seconds and a half. `cut`: bytes by which each was longer on the wire."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    half = 500_000_000 if nano else 500_000
    for number, frame in enumerate(frames):
        out += pack(order + "IIII", number, half, len(frame), len(frame) + cut) + frame
    return out


def option(order: str, code: int, value: bytes) -> bytes:
    """One option of a pcapng block."""
    return pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    """One pcapng block."""
    body += bytes(-len(body) % 4)
    size = pack(order + "I", 12 + len(body))
    return pack(order + "I", kind) + size + body + size


def section(order: str = "<", comment: str = "") -> bytes:
    """A section header block."""
    options = option(order, 1, comment.encode()) + option(order, 0, b"") if comment else b""
    return block(order, 0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def interface(
    order: str = "<", link: int = 1, *, name: str = "", resolution: int = 6, snap: int = 0
) -> bytes:
    """An interface description block; `resolution` as in the option if_tsresol."""
    options = option(order, 9, bytes([resolution]))
    if name:
        options += option(order, 2, name.encode())
    return block(order, 1, pack(order + "HHI", link, 0, snap) + options + option(order, 0, b""))


def enhanced(
    frame: bytes,
    order: str = "<",
    *,
    number: int = 0,
    ticks: int = 1_500_000,
    comment: str = "",
    cut: int = 0,
) -> bytes:
    """An enhanced packet block."""
    head = pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) + cut)
    options = option(order, 1, comment.encode()) + option(order, 0, b"") if comment else b""
    return block(order, 6, head + frame + bytes(-len(frame) % 4) + options)


def simple(frame: bytes, order: str = "<") -> bytes:
    """A simple packet block."""
    return block(order, 3, pack(order + "I", len(frame)) + frame)


def secrets(text: str, order: str = "<", kind: int = 0x544C534B) -> bytes:
    """A decryption secrets block."""
    return block(order, 10, pack(order + "II", kind, len(text)) + text.encode())

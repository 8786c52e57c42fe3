"""Two blanks of STUN: the header, and the address that was seen outside.

Specs: RFC 8489 §5, §6.3, §14.2.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.stun import XOR_MAPPED_ADDRESS, Message, MessageClass, Method, StunError, parse_message
from rtcpy.stun.message import split_message_type
from rtcpy.testing.blank import Blank, Replacement, everywhere, for_all, same

COOKIE = bytes.fromhex("2112a442")
_TRANSACTION_IDS = st.binary(min_size=12, max_size=12)

StunHeader = Callable[[bytes], tuple[int, int, bytes] | None]
MappedAddress = Callable[[bytes], tuple[str, int]]


def check_stun_header(stun_header: StunHeader) -> None:
    """`stun_header(data)`: (type, length, transaction id), or `None` if it cannot be STUN. Spec: RFC 8489 §5."""

    def right(data: bytes) -> tuple[int, int, bytes] | None:
        if len(data) < 20 or data[0] > 3 or data[4:8] != COOKIE:
            return None
        return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]

    def check(data: bytes) -> None:
        same(f"stun_header(bytes.fromhex('{data.hex(' ')}'))", stun_header(data), right(data))

    valid = st.builds(
        lambda kind, tid: Message(Method.BINDING, kind, tid).serialize(fingerprint=True),
        st.sampled_from(list(MessageClass)),
        _TRANSACTION_IDS,
    )
    rtp = valid.map(lambda data: bytes([0x80 | data[0]]) + data[1:])  # two high bits set: not ours
    other_cookie = valid.map(lambda data: data[:7] + bytes([data[7] ^ 1]) + data[8:])
    cut = valid.map(lambda data: data[:19])
    for_all(st.one_of(valid, rtp, other_cookie, cut), check)


def _install_header(stun_header: StunHeader, count: Callable[[], None]) -> list[Replacement]:
    def parse(data: bytes, *, require_fingerprint: bool = False) -> Message:
        count()
        header = stun_header(data)
        if header is None:
            raise StunError("your stun_header says that this is no STUN message", offset=0, rfc="RFC 8489 §5")
        kind, length, transaction_id = header
        if length != len(data) - 20:
            raise StunError(
                f"your stun_header reads length {length}, {len(data) - 20} bytes follow the header",
                offset=2,
                rfc="RFC 8489 §5",
                value=length,
            )
        method, message_class = split_message_type(kind & 0x3FFF)
        message = parse_message(data, require_fingerprint=require_fingerprint)
        message.method, message.message_class, message.transaction_id = method, message_class, transaction_id
        return message

    return everywhere(parse_message, parse)


STUN_HEADER = Blank(
    name="stun_header",
    title="the header of a STUN message",
    rfc="RFC 8489 §5",
    task=(
        "Return (message type, message length, transaction id), or None if `data` cannot be STUN: fewer than 20 bytes, one "
        "of the two highest bits set, or another magic cookie than 0x2112A442."
    ),
    source='''def stun_header(data: bytes) -> tuple[int, int, bytes] | None:
    """(message type, message length, transaction id), or None if it cannot be STUN."""
    ...  # your turn
''',
    check=check_stun_header,
    install=_install_header,
)


def check_mapped_address(mapped_address: MappedAddress) -> None:
    """`mapped_address(value)`: (IPv4 address, port) of an XOR-MAPPED-ADDRESS value. Spec: RFC 8489 §14.2."""

    def check(given: tuple[bytes, int]) -> None:
        host, port = ".".join(map(str, given[0])), given[1]
        attribute = XOR_MAPPED_ADDRESS(Address(host, port))
        data = Message(Method.BINDING, MessageClass.SUCCESS_RESPONSE, bytes(12), [attribute]).serialize()
        value = data[24:32]
        same(f"mapped_address(bytes.fromhex('{value.hex(' ')}'))", mapped_address(value), (host, port))

    for_all(st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 65535)), check)


def _install_address(mapped_address: MappedAddress, count: Callable[[], None]) -> list[Replacement]:
    original = XOR_MAPPED_ADDRESS.decode

    def decode(value: bytes, transaction_id: bytes) -> Address | None:
        if len(value) != 8:
            return original(value, transaction_id)  # IPv6, or malformed
        count()
        return Address(*mapped_address(value))

    return [(XOR_MAPPED_ADDRESS, "decode", decode)]


MAPPED_ADDRESS = Blank(
    name="mapped_address",
    title="the address that the server saw",
    rfc="RFC 8489 §14.2",
    task=(
        "`value` is the value of an XOR-MAPPED-ADDRESS attribute for IPv4: a zero byte, the family 1, the port XORed "
        "with the upper half of the magic cookie, the address XORed with all of it. Return (address as text, port)."
    ),
    source='''def mapped_address(value: bytes) -> tuple[str, int]:
    """(IPv4 address as text, port) of the value of an XOR-MAPPED-ADDRESS attribute."""
    ...  # your turn
''',
    check=check_mapped_address,
    install=_install_address,
)

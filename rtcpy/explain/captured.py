"""A capture file as a trace of one end, so that what draws traces draws captures, too.

A capture knows addresses, no endpoints. Who talks to whom is worked out from the traffic: the two addresses with the
most datagrams between them are two ends, every address that one of them talks to belongs to the other, and who is asked
for a reflexive address is a server. The end that speaks first is "here". Other conversations are counted and left out.

With secrets, protected records are opened as `explain` opens them. There are no calls, timers, states and draws in such a
trace, and nothing to replay.

Specs: RFC 7983 §7 (what is WebRTC's at all), RFC 6347 §4.1 (records).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rtcpy.core.errors import RtcError, WireError
from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.dtls.messages import HandshakeFragment
from rtcpy.dtls.record12 import RECORD_HEADER_LENGTH, ContentType, parse_header
from rtcpy.explain.capture import Capture, CaptureError, Record
from rtcpy.explain.handshakes import Handshakes
from rtcpy.explain.keylog import MASTER_SECRET, KeyLog
from rtcpy.explain.trace import PacketEntry, SecretEntry, Trace
from rtcpy.peer.demux import Protocol, classify
from rtcpy.stun.attributes import USERNAME
from rtcpy.stun.message import MessageClass, is_stun, parse_message

DATAGRAMS_MAX = 30_000  # of one capture that are looked at; more make no picture


class NoConversationError(RtcError):
    """A capture without two addresses that speak to each other as WebRTC's endpoints do."""


@dataclass(slots=True)
class Captured:
    """What was made of a capture.

    Args:
        trace: of the end that speaks first, named by its address.
        left_out: what is not in it, and how often.
        damage: where the file is damaged, in words; the trace has what is before. Empty if it is whole.
    """

    trace: Trace
    left_out: Counter[str] = field(default_factory=Counter)
    damage: str = ""


def trace_of(capture: Capture, keys: KeyLog | None = None) -> Captured:
    """A capture as a trace of one end.

    Args:
        capture: not read yet; it is read to its end.
        keys: secrets; those in the capture itself are added to them.

    Raises:
        NoConversationError: nobody in it talks WebRTC to anybody.
        CaptureError: the file is damaged before the first datagram of WebRTC.
    """
    keys = keys if keys is not None else KeyLog()
    left_out: Counter[str] = Counter()
    records: list[Record] = []
    inside = 0  # SCTP packets by themselves, as `pcapng` writes what is in the records
    damage = ""
    for record in _whole(capture):
        if isinstance(record, CaptureError):
            if not records:
                raise record
            damage = str(record)
        elif record.layer == "sctp":
            inside += 1
        elif record.source is None or record.destination is None:
            left_out["without addresses"] += 1
        elif not _may_be_ours(record.data):
            left_out["not WebRTC"] += 1
        elif len(records) >= DATAGRAMS_MAX:
            left_out[f"beyond the first {DATAGRAMS_MAX:,}"] += 1
        else:
            records.append(record)
    left_out.update(capture.skipped)
    if capture.key_log:
        keys.read(capture.key_log)
    sides, servers = _sides(records)
    trace = Trace()
    reader = _Reader(trace, next(str(a) for a, here in sides.items() if here), keys)
    for record in records:
        assert record.source is not None and record.destination is not None
        here, there = sides.get(record.source), sides.get(record.destination)
        if here and (there is False or record.destination in servers):
            reader.take(record, Direction.OUT)
        elif there and (here is False or record.source in servers):
            reader.take(record, Direction.IN)
        else:
            left_out["of other conversations"] += 1
    if inside and not trace.packets("sctp"):
        left_out["SCTP without the records that it was in"] = inside
    return Captured(trace, left_out, damage)


def _whole(capture: Capture) -> Iterator[Record | CaptureError]:
    """The records; at last the error, if the file is damaged: whoever stops a capture may cut its last packet."""
    try:
        yield from capture
    except CaptureError as error:
        yield error


def _may_be_ours(data: bytes) -> bool:
    """Whether it may be a datagram of WebRTC. Spec: RFC 7983 §7, RFC 8489 §5 (the magic cookie)."""
    protocol = classify(data)
    return is_stun(data) if protocol is Protocol.STUN else protocol is not Protocol.UNKNOWN


def _sides(records: Iterable[Record]) -> tuple[dict[Address, bool], set[Address]]:
    """(for each address of the main conversation whether it is "here", addresses of servers)."""
    servers: set[Address] = set()
    flows: dict[tuple[Address, Address], int] = {}
    spoke_first: dict[frozenset[Address], Address] = {}
    proven: set[frozenset[Address]] = set()  # pairs that spoke STUN or DTLS: anything may look like media
    for record in records:
        source, destination = record.source, record.destination
        if source is None or destination is None:
            continue
        if _asks_server(record.data):
            servers.add(destination)
        if classify(record.data) in (Protocol.STUN, Protocol.DTLS):
            proven |= {frozenset((source, destination))}
        flows[source, destination] = flows.get((source, destination), 0) + 1
        spoke_first.setdefault(frozenset((source, destination)), source)
    is_media_only = not any(len(pair) == 2 for pair in proven)  # decrypted media, written by itself
    pairs: Counter[frozenset[Address]] = Counter()
    neighbours: dict[Address, list[Address]] = {}
    for (source, destination), count in flows.items():
        pair = frozenset((source, destination))
        if source in servers or destination in servers or len(pair) < 2:
            continue
        if pair not in proven and not is_media_only:
            continue
        pairs[pair] += count
        neighbours.setdefault(source, []).append(destination)
        neighbours.setdefault(destination, []).append(source)
    if not pairs:
        raise NoConversationError(
            "nobody in this capture talks WebRTC to anybody: STUN checks, DTLS or media between two addresses are expected"
        )
    main = pairs.most_common(1)[0][0]
    first = spoke_first[main]
    sides, todo = {first: True}, deque([first])
    while todo:
        address = todo.popleft()
        for other in neighbours[address]:
            if other not in sides:
                sides[other] = not sides[address]
                todo.append(other)
    return sides, servers


def _asks_server(data: bytes) -> bool:
    """Whether this is a request without credentials: peers have them, servers that tell addresses ask for none."""
    if classify(data) is not Protocol.STUN:
        return False
    try:
        message = parse_message(data)
    except WireError:
        return False
    return message.message_class is MessageClass.REQUEST and USERNAME not in message


class _Reader:
    """Makes entries of datagrams: the datagram, its records, what is in them."""

    def __init__(self, trace: Trace, who: str, keys: KeyLog) -> None:
        self._trace, self._who = trace, who
        self._handshakes = Handshakes(keys)
        self._told: set[bytes] = set()

    def take(self, record: Record, direction: Direction) -> None:
        """One datagram."""
        is_out = direction is Direction.OUT
        local, remote = (record.source, record.destination) if is_out else (record.destination, record.source)
        self._trace.append(PacketEntry(record.at, self._who, "udp", direction, record.data, local, remote))
        protocol = classify(record.data)
        if protocol is Protocol.STUN:
            self._trace.append(
                PacketEntry(record.at, self._who, "stun", direction, record.data, local, remote)
            )
        elif protocol is Protocol.DTLS:
            self._records(record, direction)

    def _records(self, datagram: Record, direction: Direction) -> None:
        data, offset = datagram.data, 0
        while offset < len(data):
            try:
                content_type, _, number, end = parse_header(data, offset)
            except WireError:
                return
            whole, begin, offset = data[offset:end], offset + RECORD_HEADER_LENGTH, end
            self._trace.append(PacketEntry(datagram.at, self._who, "dtls", direction, whole))
            if not number >> 48:
                if content_type == ContentType.HANDSHAKE:
                    self._hear(data[begin:end], datagram)
                continue
            opened = self._handshakes.open(content_type, number, data, begin, end)
            if opened is None:
                continue
            plain, connection, _ = opened
            secret = self._handshakes.keys.master_secret(connection.client_random)
            if secret is not None and connection.client_random not in self._told:
                self._told.add(connection.client_random)
                self._trace.append(
                    SecretEntry(datagram.at, self._who, MASTER_SECRET, connection.client_random, secret)
                )
            clear = whole[:11] + len(plain).to_bytes(2, "big") + plain
            self._trace.append(PacketEntry(datagram.at, self._who, "dtls-plaintext", direction, clear))
            if content_type == ContentType.APPLICATION_DATA:
                self._trace.append(PacketEntry(datagram.at, self._who, "sctp", direction, plain))

    def _hear(self, content: bytes, datagram: Record) -> None:
        offset = 0
        while offset < len(content):
            try:
                fragment, offset = HandshakeFragment.parse_from(content, offset, len(content))
            except WireError:
                return
            self._handshakes.hear(fragment, datagram.source, datagram.destination)

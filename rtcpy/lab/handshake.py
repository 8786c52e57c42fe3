"""A DTLS handshake on the bench: two connections on a simulated cable, keys from a seed, everything written down.

Nothing but DTLS takes part, so nothing else is in the way. `Handshake` runs it, with losses and sizes of one's choice;
what it has written is a `Trace` like any other, so that ladders, key trees and key logs can be made of it.
`messages` finds the handshake messages in any trace, also in that of a whole session.

Specs: RFC 6347 §4.2.2 (messages), §4.2.4 (flights), RFC 5246 §7.4.9 (what hashes cover).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.errors import InvalidAccessError, WireError
from rtcpy.core.machine import Address, Instant
from rtcpy.core.tap import Direction
from rtcpy.dtls import Certificate, DtlsConfig, DtlsConnection, Role
from rtcpy.dtls.flights12 import CLIENT, SERVER, HandshakeState, Input
from rtcpy.dtls.fragments import Assembly
from rtcpy.dtls.messages import HandshakeFragment, HandshakeType, Message
from rtcpy.dtls.record12 import ContentType, Record
from rtcpy.explain.ladder import Ladder
from rtcpy.explain.passages import Passage, passages
from rtcpy.explain.recording import RecordingEntropy, TraceTap
from rtcpy.explain.states import StateChart, state_chart
from rtcpy.explain.trace import LostEntry, PacketEntry, Trace
from rtcpy.lab.table import BAD, BUSY, WARM, Cell, Table
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.pair import Pair

NAMES = ("client", "server")
ADDRESSES = (Address("192.0.2.1", 5000), Address("198.51.100.2", 5000))  # RFC 5737: for documentation
MESSAGE_MAX = 1 << 16  # bytes; a longer one is no message of this bench
_COLOURS = (BUSY, WARM)  # of what the client and the server send


def message_name(kind: int) -> str:
    """A message's name as RFC 5246 §7.4 spells it: ``"ServerKeyExchange"``."""
    return "".join(word.capitalize() for word in HandshakeType(kind).name.split("_"))


@dataclass(slots=True)
class Said:
    """One whole handshake message: who said it, its name, and it."""

    who: str
    name: str
    message: Message

    @property
    def body(self) -> bytes:
        """The message without its header."""
        return self.message.body

    def transcript(self) -> bytes:
        """What handshake hashes cover. Spec: RFC 6347 §4.2.6."""
        return self.message.transcript()


def messages(trace: Trace) -> list[Said]:
    """The handshake messages of two endpoints, each once, in the order in which hashes take them.

    Whoever sends a protected Finished tells its tap the ciphertext only; what it contained, the receiver has seen. A first
    ClientHello that was answered with a HelloVerifyRequest, and that answer, are left out, as hashes leave them out
    (RFC 6347 §4.2.1).
    """
    said: list[Said] = []
    for speaker, listener in (trace.names[:2], trace.names[1::-1]):
        pieces: dict[int, tuple[int, Assembly]] = {}
        for entry in (
            *trace.packets(who=speaker, direction=Direction.OUT),
            *trace.packets(who=listener, direction=Direction.IN),
        ):
            for piece in _fragments(entry):
                if piece.length <= MESSAGE_MAX:
                    kind, assembly = pieces.setdefault(
                        piece.message_seq, (piece.type, Assembly(piece.length))
                    )
                    if kind == piece.type:
                        assembly.add(piece.fragment_offset, piece.fragment)
        said += [
            Said(speaker, message_name(kind), Message(kind, seq, assembly.body()))
            for seq, (kind, assembly) in sorted(pieces.items())
            if assembly.is_complete
        ]
    hello = [one for one in said if one.name == "ClientHello"][-1:]
    client = hello[0].who if hello else ""
    hers = [one for one in said if one.who == client and one.name != "ClientHello"]
    his = [one for one in said if one.who != client and one.name != "HelloVerifyRequest"]
    last = [one for one in his if one.name == "Finished"]
    return [*hello, *(one for one in his if one.name != "Finished"), *hers, *last]


def _fragments(entry: PacketEntry) -> list[HandshakeFragment]:
    """The pieces of messages in a record in the clear, or in what a protected one contained."""
    if entry.layer not in ("dtls", "dtls-plaintext"):
        return []
    record = Record.parse(entry.data)
    if record.content_type != ContentType.HANDSHAKE or (record.epoch and entry.layer == "dtls"):
        return []
    found, offset, content = [], 0, record.fragment
    while offset < len(content):
        try:
            fragment, offset = HandshakeFragment.parse_from(content, offset, len(content))
        except WireError:
            break
        found.append(fragment)
    return found


class _Cable(Pair):
    """A `Pair` that writes down what leaves, arrives and is lost, and loses what it is told to."""

    def __init__(self, bench: Handshake, link: LinkConfig, seed: str, lose: Collection[int]) -> None:
        super().__init__(bench.client, bench.server, seed=seed, link=link)
        self._bench, self._lose = bench, lose
        self._sent = 0

    def _dispatch(self, end: int, packet: bytes) -> None:
        here, there = ADDRESSES[end], ADDRESSES[1 - end]
        trace, who = self._bench.trace, NAMES[end]
        trace.append(PacketEntry(self.now, who, "udp", Direction.OUT, packet, here, there))
        self._sent += 1
        arrivals = self.links[end].send(packet, self.now) if self._sent not in self._lose else []
        if not arrivals:
            trace.append(LostEntry(self.now, who, packet, here, there))
        for arrival, data in arrivals:
            self._travel(arrival, 1 - end, data)

    def _deliver(self, end: int, packet: bytes) -> int:
        here, there = ADDRESSES[end], ADDRESSES[1 - end]
        entry = PacketEntry(self.now, NAMES[end], "udp", Direction.IN, packet, here, there)
        self._bench.trace.append(entry)
        return super()._deliver(end, packet)


class Handshake:
    """A DTLS client and a DTLS server who know each other's fingerprints, and a cable that takes 20 ms each way.

    Both draw from `SeededEntropy` of ``"<seed>/client"`` and ``"<seed>/server"``: whoever knows the seed can draw the
    same again, private keys included.

    Args:
        seed: of all keys, randoms and certificates, and of the chance on the cable.
        lose: numbers of the datagrams that are lost, counted from 1 in the order in which they are sent.
        mtu: **bytes** of the largest datagram of the handshake.
        cookie: the server asks for a cookie first.
        link: the cable, if it is to be another.

    Attributes:
        client: who says hello.
        server: who answers.
        certificates: of both, by name.
        trace: all that happened so far.
    """

    def __init__(
        self,
        seed: str,
        *,
        lose: Collection[int] = (),
        mtu: int = 1200,
        cookie: bool = False,
        link: LinkConfig | None = None,
    ) -> None:
        self.trace = Trace()
        self.certificates = {
            name: Certificate.generate(SeededEntropy(f"{seed}/{name}'s certificate"), FixedClock())
            for name in NAMES
        }
        config = DtlsConfig(mtu=mtu)
        self.client = self._end("client", seed, Role.CLIENT, config)
        self.server = self._end("server", seed, Role.SERVER, replace(config, cookie=cookie))
        self.client.set_remote_fingerprints([self.certificates["server"].fingerprint()], now=0.0)
        self.server.set_remote_fingerprints([self.certificates["client"].fingerprint()], now=0.0)
        self._cable = _Cable(self, link or LinkConfig(), seed, lose)
        self._went: dict[str, list[HandshakeState]] = {name: [HandshakeState.START] for name in NAMES}
        self.server.start(now=0.0)
        self._look()

    def _end(self, name: str, seed: str, role: Role, config: DtlsConfig) -> DtlsConnection:
        tap = TraceTap(self.trace, name)
        entropy = RecordingEntropy(SeededEntropy(f"{seed}/{name}"), tap)
        certificate = self.certificates[name]
        return DtlsConnection(role=role, certificate=certificate, entropy=entropy, config=config, tap=tap)

    # --- doing -----------------------------------------------------------------------------------------------

    @property
    def now(self) -> Instant:
        """Virtual time in **seconds**."""
        return self._cable.now

    def start(self) -> None:
        """The client says hello; its datagram is on the way."""
        self.client.start(now=self.now)
        self._cable.settle()
        self._look()

    def step(self) -> None:
        """One datagram arrives, or one timer fires."""
        self._cable.step()
        self._look()

    def run(self, seconds: float = 30.0) -> Handshake:
        """Start if that was not done, and go on until both ends are connected, or so many **seconds** of virtual time."""
        if self._went["client"] == [HandshakeState.START]:
            self.start()
        until = self.now + seconds
        while not self.is_connected and self._cable.next_instant() <= until:
            self.step()
        return self

    def rest(self, seconds: float) -> None:
        """Let so many **seconds** of virtual time go by."""
        self._cable.drive(until=self.now + seconds)
        self._look()

    def send(self, who: str, data: bytes) -> bytes:
        """Let an end send a record of application data; the record, which is then on its way."""
        connection = self.client if who == "client" else self.server
        connection.send(data, now=self.now)
        self._cable.settle()
        return self.trace.datagrams(who=who)[-1].data

    def _look(self) -> None:
        """Note where both handshakes stand, and which states they have passed on the way there."""
        for name, connection, table in (("client", self.client, CLIENT), ("server", self.server, SERVER)):
            went = self._went[name]
            if connection.handshake_state is not went[-1]:
                went += _way(table, went[-1], connection.handshake_state)

    # --- looking ---------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether both ends are."""
        return self.client.state.value == self.server.state.value == "connected"

    def said(self, name: str, who: str = "") -> Said:
        """The message with this name; `who` said it, where both say one.

        Raises:
            InvalidAccessError: nobody has said it so far.
        """
        found = [one for one in messages(self.trace) if one.name == name and who in ("", one.who)]
        if not found:
            raise InvalidAccessError(f"no {name}{f' of the {who}' if who else ''} was said so far")
        return found[0]

    def transcript(self, *, until: str, who: str = "") -> bytes:
        """All messages up to and including this one, as hashes take them."""
        out = b""
        for one in messages(self.trace):
            out += one.transcript()
            if one.name == until and who in ("", one.who):
                return out
        raise InvalidAccessError(f"no {until}{f' of the {who}' if who else ''} was said so far")

    def master_secret(self) -> bytes:
        """The master secret that the client told its tap."""
        return bytes.fromhex(self.trace.key_log().split()[2])

    def chart(self, who: str) -> StateChart:
        """The state machine of one end's handshake, with the state it is in lit."""
        went = [state.value for state in self._went[who]]
        return state_chart(f"dtls-{who}", current=went[-1], visited=went, who=who)

    def ladder(self) -> Ladder:
        """Who sent what, and when."""
        return Ladder(self.trace)

    def flights(self) -> Table:
        """Every datagram so far: its flight, its records and their sizes."""
        rows: list[Sequence[object]] = []
        for number, passage in enumerate(passages(self.trace).all, 1):
            colour = _COLOURS[NAMES.index(passage.sender)]
            flight = str(passage.flight) if passage.flight else "–"
            rows.append(
                [
                    str(number),
                    f"{passage.at * 1e3:.0f}",
                    Cell(f"{passage.sender} →", colour),
                    Cell(flight, colour, bold=True),
                    "\n".join(_records(passage)),
                    str(len(passage.data)),
                    Cell(_fate(passage), BAD if passage.fate else "#fff"),
                ]
            )
        head = ["", "ms", "from", "flight", "records (bytes, headers included)", "bytes", ""]
        return Table(head, rows)


def _fate(passage: Passage) -> str:
    again = "again" if passage.is_again else ""
    return ", ".join(word for word in (passage.fate, again) if word)


def _records(passage: Passage) -> list[str]:
    """Each record of a datagram, in a line."""
    lines, offset, data = [], 0, passage.data
    while offset < len(data):
        begin = offset
        record, offset = Record.parse_from(data, offset, len(data))
        size = offset - begin
        if record.epoch:
            inside = {ContentType.HANDSHAKE: "Finished", ContentType.APPLICATION_DATA: "application data"}
            what = f"{inside.get(ContentType(record.content_type), 'alert')}, protected"
        elif record.content_type == ContentType.HANDSHAKE:
            piece = HandshakeFragment.parse(record.fragment)
            what = message_name(piece.type)
            if len(piece.fragment) < piece.length:
                end = piece.fragment_offset + len(piece.fragment)
                what += f" [{piece.fragment_offset}…{end - 1} of {piece.length}]"
        else:
            what = "ChangeCipherSpec" if record.content_type == ContentType.CHANGE_CIPHER_SPEC else "alert"
        lines.append(f"{what} ({size})")
    return [f"{line}," for line in lines[:-1]] + lines[-1:]


def _way(
    table: Mapping[tuple[HandshakeState, Input], HandshakeState], old: HandshakeState, new: HandshakeState
) -> list[HandshakeState]:
    """The states after `old` up to `new`: a handshake has one way only, and no way back."""
    out = [old]
    while out[-1] is not new:
        following = [
            after for (before, _), after in table.items() if before is out[-1] and after is not before
        ]
        if not following:
            return [new]  # a client whose handshake was forgotten begins anew
        out.append(following[0])
    return out[1:]

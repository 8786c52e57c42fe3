"""The key schedule of a DTLS 1.2 connection as a tree: from the key exchange to the last key, with the actual bytes.

`key_tree(trace)` reads the handshake out of a trace, takes the master secret that was recorded with it, and derives
all that follows. Where the trace has the random draws of an endpoint, the ephemeral private key is found among them and
the part above the master secret is derived as well, and compared. What is not known is said to be unknown.

Owns the tree and its looks. The derivations are those of `rtcpy.dtls.keys12`, called as the connection calls them.

Whoever sees this tree can read the connection. Treat it as you would treat the messages.

Specs: RFC 5246 §5, §6.3, §7.4.9, §8.1; RFC 7627 §3, §4; RFC 8422 §5.10; RFC 5705 §4; RFC 5764 §4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rtcpy.core.errors import CryptoError, InvalidAccessError, ProtocolError, WireError
from rtcpy.core.tap import Direction
from rtcpy.dtls.events import CipherSuite, NamedGroup, SrtpProfile
from rtcpy.dtls.extensions import ExtensionType, UseSrtp, by_type
from rtcpy.dtls.fragments import Assembly
from rtcpy.dtls.groups import KeyShare
from rtcpy.dtls.keys12 import MASTER_SECRET_LENGTH, SRTP_EXPORTER_LABEL, SUITES, KeySchedule, handshake_hash
from rtcpy.dtls.messages import (
    ClientHello,
    ClientKeyExchange,
    HandshakeFragment,
    HandshakeType,
    Message,
    ServerHello,
    ServerKeyExchange,
)
from rtcpy.dtls.record12 import ContentType, Record
from rtcpy.explain.svg import Sheet, fit, measure
from rtcpy.explain.trace import DrawEntry, PacketEntry, SecretEntry, Trace
from rtcpy.wire import Wire

SHOWN = 20  # bytes of a value that are shown before it is cut
MESSAGES_MAX = 256  # handshake messages of one direction that are looked at
MESSAGE_SIZE_MAX = 1 << 17  # bytes; a longer one is no handshake message of WebRTC


@dataclass(slots=True)
class KeyNode:
    """One value of the schedule.

    Args:
        label: its name in the specification.
        value: the bytes; `None` if they are unknown.
        how: the formula that makes it, in the specification's words; empty for what came over the wire.
        rfc: the section that defines it.
        kind: ``"public"`` (anybody on the path has seen it), ``"secret"`` or ``"key"`` (in use).
        note: one sentence more.
        children: what is made from it.
    """

    label: str
    value: bytes | None
    how: str
    rfc: str
    kind: str = "secret"
    note: str = ""
    children: list[KeyNode] = field(default_factory=list)

    def hex(self, shown: int = SHOWN) -> str:
        """The bytes for people, cut in the middle if there are many."""
        if self.value is None:
            return "unknown"
        if len(self.value) <= shown:
            return self.value.hex(" ")
        half = shown // 2
        return f"{self.value[:half].hex(' ')} … {self.value[-half:].hex(' ')}"


@dataclass(slots=True)
class KeyTree:
    """The values of one connection, what is made of what.

    Args:
        title: whose keys, and what was negotiated.
        roots: the values that nothing here is made before.
    """

    title: str
    roots: list[KeyNode]

    def __iter__(self) -> Iterator[KeyNode]:
        """Every node, parents first."""
        todo = list(self.roots)
        while todo:
            node = todo.pop(0)
            yield node
            todo[:0] = node.children

    def find(self, label: str) -> KeyNode:
        """The node of this label.

        Raises:
            InvalidAccessError: there is none.
        """
        for node in self:
            if node.label == label:
                return node
        raise InvalidAccessError(f"the tree has no {label!r}, but {', '.join(node.label for node in self)}")

    def __str__(self) -> str:
        lines = [self.title]

        def write(nodes: Sequence[KeyNode], indent: str) -> None:
            for number, node in enumerate(nodes):
                last = number == len(nodes) - 1
                size = f", {len(node.value)} B" if node.value is not None else ""
                lines.append(f"{indent}{'└' if last else '├'}─ {node.label}{size}   ({node.rfc})")
                below = f"{indent}{' ' if last else '│'}  {'│' if node.children else ' '}  "
                lines.extend(f"{below}{text}" for text in (node.how, node.hex(), node.note) if text)
                write(node.children, f"{indent}{' ' if last else '│'}  ")

        write(self.roots, "")
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        return self.svg()

    def svg(self) -> str:
        """The tree as SVG."""
        return draw(self).svg()

    def save(self, path: str | Path) -> None:
        """Write the picture as an SVG file. It shows the keys."""
        Path(path).write_text(self.svg(), encoding="utf-8")


# --- from a trace ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Handshake:
    """What a trace shows of one handshake. Transcripts are `None` where a message is missing."""

    client_hello: ClientHello
    server_hello: ServerHello
    server_key: ServerKeyExchange | None
    client_key: ClientKeyExchange | None
    up_to_client_key: bytes | None
    up_to_verify: bytes | None

    @property
    def suite(self) -> CipherSuite:
        return CipherSuite(self.server_hello.cipher_suite)

    @property
    def srtp_profile(self) -> SrtpProfile | None:
        chosen = by_type(self.server_hello.extensions).get(ExtensionType.USE_SRTP)
        if isinstance(chosen, UseSrtp) and chosen.profiles and chosen.profiles[0] in set(SrtpProfile):
            return SrtpProfile(chosen.profiles[0])
        return None

    @property
    def is_extended(self) -> bool:
        """Whether the master secret hangs on the whole handshake (RFC 7627), as WebRTC demands."""
        return ExtensionType.EXTENDED_MASTER_SECRET in by_type(self.server_hello.extensions)


def key_tree(trace: Trace, who: str = "", *, client_random: bytes | None = None) -> KeyTree:
    """The key schedule of a connection in a trace.

    Args:
        trace: a recording with secrets.
        who: the endpoint whose view it is; default: the first that has a secret.
        client_random: which connection, if there are several; default: the last.

    Raises:
        InvalidAccessError: the trace has no secret, or not the hellos that it belongs to.
    """
    secrets = [
        entry
        for entry in trace.of(SecretEntry, who=who or None)
        if entry.label == "CLIENT_RANDOM" and client_random in (None, entry.client_random)
    ]
    if not secrets:
        raise InvalidAccessError(
            "the trace has no DTLS secret" + (f" of {who}" if who else "") + ": DTLS did not get so far, "
            "or the trace was saved without secrets"
        )
    name = who or secrets[0].who
    secret = [entry for entry in secrets if entry.who == name][-1]
    handshake = _handshake(trace, name, secret.client_random)
    pre_master = _pre_master_secret(trace, name, handshake)
    return _tree(name, handshake, secret.secret, pre_master)


def _handshake(trace: Trace, who: str, client_random: bytes) -> _Handshake:
    """Put the handshake together again from the records that were handed over at `who`."""
    client: dict[int, Message] = {}
    server: dict[int, Message] = {}
    for way in (Direction.OUT, Direction.IN):
        messages = _messages(trace.packets("dtls", who=who, direction=way))
        if any(message.type == HandshakeType.SERVER_HELLO for message in messages.values()):
            server = messages
        elif any(message.type == HandshakeType.CLIENT_HELLO for message in messages.values()):
            client = messages
    hello = [
        (message, body)
        for message in client.values()
        if message.type == HandshakeType.CLIENT_HELLO
        and (body := _body(ClientHello, message)) is not None
        and body.random == client_random
    ]
    answer = [
        (message, chosen)
        for message in server.values()
        if message.type == HandshakeType.SERVER_HELLO and (chosen := _body(ServerHello, message)) is not None
    ]
    if not hello or not answer:
        raise InvalidAccessError(
            f"the trace of {who} has a secret, but not the ClientHello and ServerHello that it belongs to"
        )
    first_client, client_hello = hello[-1]
    first_server, server_hello = answer[-1]
    flight = _until(server, first_server.message_seq, HandshakeType.SERVER_HELLO_DONE)
    reply = _until(client, first_client.message_seq + 1, HandshakeType.CERTIFICATE_VERIFY)
    key = [m for m in reply or client.values() if m.type == HandshakeType.CLIENT_KEY_EXCHANGE]
    upto_key: bytes | None = None
    upto_verify: bytes | None = None
    if flight is not None and reply is not None:
        begin = b"".join(message.transcript() for message in (first_client, *flight))
        upto_verify = begin + b"".join(message.transcript() for message in reply)
        upto_key = begin + b"".join(
            message.transcript() for message in reply if message.type != HandshakeType.CERTIFICATE_VERIFY
        )
    server_key = [m for m in server.values() if m.type == HandshakeType.SERVER_KEY_EXCHANGE]
    return _Handshake(
        client_hello,
        server_hello,
        _body(ServerKeyExchange, server_key[-1]) if server_key else None,
        _body(ClientKeyExchange, key[-1]) if key else None,
        upto_key,
        upto_verify,
    )


def _messages(records: Sequence[PacketEntry]) -> dict[int, Message]:
    """The whole handshake messages in the clear of one direction, by their number."""
    pieces: dict[tuple[int, int, int], Assembly] = {}
    for entry in records:
        try:
            record = Record.parse(entry.data)
        except WireError:
            continue
        if record.epoch or record.content_type != ContentType.HANDSHAKE:
            continue
        content, offset = record.fragment, 0
        while offset < len(content):
            try:
                fragment, offset = HandshakeFragment.parse_from(content, offset, len(content))
            except WireError:
                break
            key = (fragment.message_seq, fragment.type, fragment.length)
            if fragment.length > MESSAGE_SIZE_MAX or (key not in pieces and len(pieces) >= MESSAGES_MAX):
                continue
            if fragment.fragment_offset + len(fragment.fragment) <= fragment.length:
                pieces.setdefault(key, Assembly(fragment.length)).add(
                    fragment.fragment_offset, fragment.fragment
                )
    return {
        seq: Message(kind, seq, assembly.body())
        for (seq, kind, _), assembly in sorted(pieces.items())
        if assembly.is_complete
    }


W = TypeVar("W", bound=Wire)


def _body(form: type[W], message: Message) -> W | None:
    """The body of a message, or `None` if it cannot be read."""
    try:
        return form.parse(message.body)
    except WireError:
        return None


def _until(messages: Mapping[int, Message], start: int, last: int) -> list[Message] | None:
    """The messages from number `start` up to the first of type `last`, if none is missing."""
    out: list[Message] = []
    while (message := messages.get(start + len(out))) is not None:
        out.append(message)
        if message.type == last:
            return out
    return None


def _pre_master_secret(trace: Trace, who: str, handshake: _Handshake) -> tuple[bytes, bytes] | None:
    """(ephemeral private key of `who`, pre-master secret), if the private key is among what `who` drew."""
    if handshake.server_key is None or handshake.client_key is None:
        return None
    try:
        group = NamedGroup(handshake.server_key.group)
    except ValueError:
        return None
    publics = handshake.client_key.public, handshake.server_key.public
    length = 32 if group is NamedGroup.X25519 else 40
    for draw in trace.of(DrawEntry, who=who):
        if len(draw.data) != length:
            continue
        share = KeyShare(group, _Drawn(draw.data))
        if share.public in publics:
            other = publics[1] if share.public == publics[0] else publics[0]
            try:
                return draw.data, share.exchange(other)
            except (ProtocolError, CryptoError):
                return None
    return None


class _Drawn:
    """Entropy that gives what was drawn once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def token(self, length: int) -> bytes:
        """The recorded bytes."""
        return self._data[:length]


def _tree(who: str, handshake: _Handshake, master: bytes, ecdhe: tuple[bytes, bytes] | None) -> KeyTree:
    suite = handshake.suite
    name = SUITES[suite].hash
    schedule = KeySchedule(suite, handshake.client_hello.random, handshake.server_hello.random, master)
    root = _master(handshake, schedule, ecdhe)
    root.children = [_key_block(schedule), *_finished(handshake, schedule)]
    if handshake.srtp_profile is not None:
        root.children.append(_srtp(schedule, handshake.srtp_profile))
    transcript = handshake.up_to_client_key
    session_hash = KeyNode(
        "session_hash",
        None if transcript is None else handshake_hash(name, transcript),
        "hash of all handshake messages from ClientHello to ClientKeyExchange",
        "RFC 7627 §3",
        "public",
        "" if transcript is not None else "a message of the handshake is missing in the trace",
    )
    roots = [
        KeyNode("client_random", schedule.client_random, "", "RFC 5246 §7.4.1.2", "public", "in ClientHello"),
        KeyNode("server_random", schedule.server_random, "", "RFC 5246 §7.4.1.3", "public", "in ServerHello"),
        *_publics(handshake),
        *([session_hash] if handshake.is_extended else []),
        _pre_master(handshake, ecdhe, root),
    ]
    title = f"Keys of {who}: {suite.name}, PRF with {name.upper().replace('SHA', 'SHA-')}"
    return KeyTree(title, roots)


def _group(handshake: _Handshake) -> str:
    number = handshake.server_key.group if handshake.server_key is not None else 0
    return NamedGroup(number).name if number in set(NamedGroup) else "ECDH"


def _publics(handshake: _Handshake) -> list[KeyNode]:
    """The public halves of the key exchange, as far as the trace has them."""
    group, out = _group(handshake), []
    if handshake.client_key is not None:
        how = f"{group}: the client's private key times the base point"
        out.append(
            KeyNode("ClientKeyExchange.public", handshake.client_key.public, how, "RFC 8422 §5.7", "public")
        )
    if handshake.server_key is not None:
        how = (
            f"{group}: the server's private key times the base point, signed with the key of its certificate"
        )
        out.append(
            KeyNode("ServerKeyExchange.public", handshake.server_key.public, how, "RFC 8422 §5.4", "public")
        )
    return out


def _pre_master(handshake: _Handshake, ecdhe: tuple[bytes, bytes] | None, master: KeyNode) -> KeyNode:
    known = "the ephemeral private key was found among the recorded draws"
    unknown = "neither private key is in the trace, so only what follows from it is known"
    return KeyNode(
        "pre_master_secret",
        None if ecdhe is None else ecdhe[1],
        f"{_group(handshake)}(one's own private key, the other's public key)",
        "RFC 8422 §5.10",
        note=unknown if ecdhe is None else known,
        children=[master],
    )


def _master(handshake: _Handshake, schedule: KeySchedule, ecdhe: tuple[bytes, bytes] | None) -> KeyNode:
    """The master secret as recorded, and whether the steps before it lead there."""
    last = MASTER_SECRET_LENGTH - 1
    if not handshake.is_extended:
        how = f'PRF(pre_master_secret, "master secret", client_random + server_random)[0..{last}]'
        return KeyNode("master_secret", schedule.master_secret, how, "RFC 5246 §8.1")
    note = "as the connection told it to its tap"
    transcript = handshake.up_to_client_key
    if ecdhe is not None and transcript is not None:
        derived = KeySchedule.derive(
            schedule.suite, schedule.client_random, schedule.server_random, ecdhe[1], transcript
        )
        if derived.master_secret == schedule.master_secret:
            note = "derived here, and equal to what the connection told"
        else:
            note = "derived here it would be another: this trace does not belong together"
    how = f'PRF(pre_master_secret, "extended master secret", session_hash)[0..{last}]'
    return KeyNode("master_secret", schedule.master_secret, how, "RFC 7627 §4", note=note)


def _key_block(schedule: KeySchedule) -> KeyNode:
    p = SUITES[schedule.suite]
    block = schedule.key_block()
    total = 2 * (p.key_length + p.fixed_iv_length)
    parts = [block.client_key, block.server_key, block.client_iv, block.server_iv]
    labels = ["client_write_key", "server_write_key", "client_write_IV", "server_write_IV"]
    notes = ["client → server", "server → client"] * 2
    ranges, start = [], 0
    for part in parts:
        ranges.append(f"key_block[{start}..{start + len(part) - 1}]")
        start += len(part)
    return KeyNode(
        "key_block",
        b"".join(parts),
        f'PRF(master_secret, "key expansion", server_random + client_random)[0..{total - 1}]',
        "RFC 5246 §6.3",
        children=[
            KeyNode(label, part, where, "RFC 5246 §6.3", "key", f"{p.aead}, {note}")
            for label, part, where, note in zip(labels, parts, ranges, notes, strict=True)
        ],
    )


def _finished(handshake: _Handshake, schedule: KeySchedule) -> list[KeyNode]:
    """Both verify_data: each covers all messages before it, so the server's covers the client's Finished."""
    transcript = handshake.up_to_verify
    ours = theirs = None
    if transcript is not None:
        ours = schedule.verify_data(of_client=True, transcript=transcript)
        # Certificates precede it on both sides, so the client's Finished has the number after CertificateVerify's.
        last = _last_number(transcript)
        whole = transcript + Message(HandshakeType.FINISHED, last + 1, ours).transcript()
        theirs = schedule.verify_data(of_client=False, transcript=whole)
    missing = "" if transcript is not None else "a message of the handshake is missing in the trace"
    return [
        KeyNode(
            f"verify_data of the {side}",
            value,
            f'PRF(master_secret, "{side} finished", hash of all messages before it)[0..11]',
            "RFC 5246 §7.4.9",
            "secret",
            missing or "sent protected, as Finished",
        )
        for side, value in (("client", ours), ("server", theirs))
    ]


def _last_number(transcript: bytes) -> int:
    """message_seq of the last message of a transcript."""
    offset, number = 0, 0
    while offset < len(transcript):
        number = int.from_bytes(transcript[offset + 4 : offset + 6], "big")
        offset += 12 + int.from_bytes(transcript[offset + 1 : offset + 4], "big")
    return number


def _srtp(schedule: KeySchedule, profile: SrtpProfile) -> KeyNode:
    total = 2 * (profile.key_length + profile.salt_length)
    values = schedule.srtp_keys(profile)
    labels = (
        "client_write_SRTP_master_key",
        "server_write_SRTP_master_key",
        "client_write_SRTP_master_salt",
        "server_write_SRTP_master_salt",
    )
    ranges, start = [], 0
    for part in values:
        ranges.append(f"exported[{start}..{start + len(part) - 1}]")
        start += len(part)
    return KeyNode(
        SRTP_EXPORTER_LABEL,
        schedule.export(SRTP_EXPORTER_LABEL, None, total),
        f'PRF(master_secret, "{SRTP_EXPORTER_LABEL}", client_random + server_random)[0..{total - 1}]',
        "RFC 5705 §4",
        note=f"use_srtp negotiated {profile.name}",
        children=[
            KeyNode(label, value, where, "RFC 5764 §4.2", "key")
            for label, value, where in zip(labels, values, ranges, strict=True)
        ],
    )


# --- drawing ---------------------------------------------------------------------------------------------------------

_WIDTH, _INDENT, _MARGIN = 860.0, 26.0, 24.0  # pixels
_COLOURS = {
    "public": ("#ddf4ff", "#54aeff", "on the wire, or made of it"),
    "secret": ("#fff8c5", "#d4a72c", "secret"),
    "key": ("#dafbe1", "#4ac26b", "key in use"),
}


def draw(tree: KeyTree) -> Sheet:
    """The tree on a sheet."""
    sheet = Sheet(_WIDTH, tree.title)
    sheet.text(
        _MARGIN,
        30,
        fit(tree.title, _WIDTH - 2 * _MARGIN, 15, bold=True),
        size=15,
        bold=True,
        title=tree.title,
    )
    x = _MARGIN
    for fill, stroke, word in _COLOURS.values():
        sheet.box(x, 42, 14, 14, fill=fill, stroke=stroke, radius=3)
        x += 20 + sheet.text(x + 20, 53, word, size=11, colour="#59636e") + 18
    bottom = _nodes(sheet, tree.roots, _MARGIN, 72)
    sheet.grow(bottom + 12)
    return sheet


def _nodes(sheet: Sheet, nodes: Sequence[KeyNode], x: float, y: float) -> float:
    """Nodes below each other from `y`; returns where the next may begin."""
    for node in nodes:
        lines = [(node.how, False)] if node.how else []
        lines.append((node.hex(24), True))
        if node.note:
            lines.append((node.note, False))
        height = 26.0 + 16 * len(lines)
        fill, stroke, _ = _COLOURS[node.kind]
        width = _WIDTH - _MARGIN - x
        whole = node.value.hex(" ") if node.value is not None else "unknown"
        sheet.box(x, y, width, height, fill=fill, stroke=stroke, radius=6, title=f"{node.label}\n{whole}")
        size = f"{len(node.value)} B · " if node.value is not None else ""
        right = f"{size}{node.rfc}"
        sheet.text(x + width - 10, y + 18, right, size=11, anchor="end", colour="#59636e")
        room = width - 30 - measure(right, 11)
        sheet.text(x + 10, y + 18, fit(node.label, room, 12.5, bold=True), size=12.5, bold=True)
        for number, (text, is_value) in enumerate(lines):
            text = fit(text, width - 20, 11, mono=is_value)
            colour = "#1f2328" if is_value else "#59636e"
            sheet.text(x + 10, y + 35 + 16 * number, text, size=11, mono=is_value, colour=colour)
        below = y + height + 8
        for child in node.children:
            middle = below + 14
            sheet.line([(x + 10, y + height), (x + 10, middle), (x + _INDENT, middle)], "#afb8c1", width=1.3)
            below = _nodes(sheet, [child], x + _INDENT, below)
        y = below
    return y

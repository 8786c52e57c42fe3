"""DTLS: the records of a datagram, 1.2 and 1.3, and in the open ones handshake messages down to every extension.

A protected record of 1.2 is nonce, ciphertext and tag; what it stands for is in `Node.inside`, when a key log or the
trace of an endpoint tells. A handshake message that came in pieces is put together in `inside` of the piece that
completes it. Records of 1.3 stay closed.

Handshake messages are here, certificates in `dissect_certificate`.

Specs: RFC 6347 §4.1, §4.2.2 (records, fragments); RFC 5246 §7 (messages, alerts); RFC 9147 §4 (records of 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rtcpy.dtls.alerts import Alert, AlertLevel, alert_name
from rtcpy.dtls.extensions import (
    ClientExtension,
    EcPointFormats,
    OfferedVersions,
    ServerExtension,
    SignatureAlgorithms,
    SupportedGroups,
    UseSrtp,
)
from rtcpy.dtls.extensions13 import (
    READABLE_IN_CLIENT_HELLO,
    READABLE_IN_SERVER_HELLO,
    CertificateCompression,
    DelegatedCredentials,
    KeyShareEntry,
    ProtocolName,
    PskKeyExchangeModes,
    RetryGroup,
    SelectedVersion,
    ServerKeyShare,
    ServerName,
)
from rtcpy.dtls.keys12 import SUITES
from rtcpy.dtls.messages import (
    BODIES,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    HandshakeFragment,
    HelloVerifyRequest,
    Message,
    ServerHello,
    ServerKeyExchange,
)
from rtcpy.dtls.record12 import (
    EXPLICIT_NONCE_LENGTH,
    RECORD_HEADER_LENGTH,
    ChangeCipherSpec,
    ContentType,
    Record,
)
from rtcpy.dtls.record12 import TAG_LENGTH as TAG_LENGTH_12
from rtcpy.dtls.record13 import TAG_LENGTH, Ack, ShortUnifiedHeader, UnifiedHeader, is_unified
from rtcpy.dtls.registries import (
    CERTIFICATE_COMPRESSION,
    CERTIFICATE_TYPES,
    CIPHER_SUITES,
    COMPRESSION_METHODS,
    CONTENT_TYPES,
    DOWNGRADE_SENTINELS,
    EXTENSION_MEANINGS,
    EXTENSION_TYPES,
    GROUPS,
    HANDSHAKE_TYPES,
    HELLO_RETRY_REQUEST_RANDOM,
    POINT_FORMATS,
    PSK_MODES,
    SIGNATURE_SCHEMES,
    SRTP_PROFILES,
    VERSIONS,
    is_grease,
    registered,
)
from rtcpy.explain import dissect_sctp
from rtcpy.explain.dissect_certificate import outline
from rtcpy.explain.growth import expand, grow, opaque_leaf, unreadable
from rtcpy.explain.known import RECORD_KEY, Known
from rtcpy.explain.tree import Explanation, Node
from rtcpy.explain.words import counted, quoted, shortened
from rtcpy.wire import Wire

LAYER = "dtls"
ACK_CONTENT_TYPE = 26  # RFC 9147 §7
RFC_RECORD = "RFC 6347 §4.1"
_S_BIT, _CID_BIT = 0x08, 0x10  # of the unified header; RFC 9147 §4

_NAMED: Mapping[tuple[type[Wire], str], tuple[Mapping[int, str], int]] = {
    (Record, "content_type"): (CONTENT_TYPES, 2),
    (Record, "version"): (VERSIONS, 4),
    (HandshakeFragment, "type"): (HANDSHAKE_TYPES, 2),
    (ClientHello, "client_version"): (VERSIONS, 4),
    (ClientHello, "cipher_suites"): (CIPHER_SUITES, 4),
    (ClientHello, "compression_methods"): (COMPRESSION_METHODS, 2),
    (ServerHello, "server_version"): (VERSIONS, 4),
    (ServerHello, "cipher_suite"): (CIPHER_SUITES, 4),
    (ServerHello, "compression_method"): (COMPRESSION_METHODS, 2),
    (HelloVerifyRequest, "server_version"): (VERSIONS, 4),
    (ServerKeyExchange, "group"): (GROUPS, 4),
    (ServerKeyExchange, "scheme"): (SIGNATURE_SCHEMES, 4),
    (CertificateRequest, "types"): (CERTIFICATE_TYPES, 2),
    (CertificateRequest, "schemes"): (SIGNATURE_SCHEMES, 4),
    (CertificateVerify, "scheme"): (SIGNATURE_SCHEMES, 4),
    (ClientExtension, "type"): (EXTENSION_TYPES, 4),
    (ServerExtension, "type"): (EXTENSION_TYPES, 4),
    (SupportedGroups, "groups"): (GROUPS, 4),
    (EcPointFormats, "formats"): (POINT_FORMATS, 2),
    (SignatureAlgorithms, "schemes"): (SIGNATURE_SCHEMES, 4),
    (DelegatedCredentials, "schemes"): (SIGNATURE_SCHEMES, 4),
    (UseSrtp, "profiles"): (SRTP_PROFILES, 4),
    (OfferedVersions, "versions"): (VERSIONS, 4),
    (SelectedVersion, "selected_version"): (VERSIONS, 4),
    (KeyShareEntry, "group"): (GROUPS, 4),
    (ServerKeyShare, "group"): (GROUPS, 4),
    (RetryGroup, "selected_group"): (GROUPS, 4),
    (PskKeyExchangeModes, "modes"): (PSK_MODES, 2),
    (CertificateCompression, "algorithms"): (CERTIFICATE_COMPRESSION, 4),
}
"""Fields whose numbers IANA names: the table, and the hexadecimal digits of a number."""

_TEXTS = {(ProtocolName, "name"), (ServerName, "name")}


def datagram(data: bytes, start: int, end: int, known: Known) -> Node:
    """All records in ``data[start:end]``. Spec: RFC 6347 §4.1.1 (several may share a datagram)."""
    records: list[Node] = []
    at = start
    while at < end:
        read = record13 if is_unified(data[at]) else record12
        node = read(data, at, end, known)
        records.append(node)
        if node.end <= at:
            break
        at = node.end
    told = list(dict.fromkeys(node.text or node.name for node in records))
    return Node(
        "DTLS datagram",
        start * 8,
        (end - start) * 8,
        text=shortened(" + ".join(told), 160),
        meaning="records, one after the other",
        rfc="RFC 6347 §4.1.1",
        layer=LAYER,
        children=records,
    )


def record12(data: bytes, start: int, end: int, known: Known) -> Node:
    """The record at `start`, by the header of 1.2, which 1.3 uses too until there are keys. Spec: RFC 6347 §4.1."""
    grown = grow(Record, data, start, end, layer=LAYER, name="record", fill=False)
    node = grown.node
    name_values(node)
    if not isinstance(grown.value, Record):
        node.text = "broken record"
        return node
    record = grown.value
    kind = CONTENT_TYPES.get(int(record.content_type), f"content type {int(record.content_type)}")
    node.text = kind
    fragment = node.children[-1]
    if fragment.name != "fragment":  # it is empty
        node.text = f"{kind}, empty"
    elif record.epoch:
        _protected(node, fragment, record, data, known)
    else:
        fragment.meaning = "what the record carries, in the clear: no keys are in use yet"
        node.text = _content(fragment, int(record.content_type), data, known)
    return node


def record13(data: bytes, start: int, end: int, known: Known) -> Node:
    """The encrypted record of DTLS 1.3 at `start`. Spec: RFC 9147 §4."""
    form = UnifiedHeader if data[start] & _S_BIT else ShortUnifiedHeader
    grown = grow(form, data, start, end, layer=LAYER, name="record", fill=False)
    header, node = grown.value, grown.node
    if not isinstance(header, UnifiedHeader | ShortUnifiedHeader):
        node.text = "broken record of DTLS 1.3"
        return node
    node.text = "encrypted record of DTLS 1.3"
    begin = grown.end
    stop = end if header.length is None else min(end, begin + header.length)
    if data[start] & _CID_BIT:
        rest = unreadable(
            data,
            start + 1,
            end,
            "a connection id follows, and its length was agreed in the handshake",
            layer=LAYER,
            rfc="RFC 9147 §9",
        )
        kept = [child for child in node.children if child.end_bit <= rest.first_bit]
        node.children = [*kept, rest] if rest.width else kept
    elif header.length is not None and begin + header.length > end:
        node.problem = f"length is {header.length}, {end - begin} bytes are left (RFC 9147 §4)"
        if begin < end:
            node.children.append(unreadable(data, begin, end, node.problem, layer=LAYER, rfc="RFC 9147 §4"))
    else:
        node.children += _sealed13(data, begin, stop)
    node.width = node.children[-1].end_bit - node.first_bit
    return node


def _sealed13(data: bytes, begin: int, end: int) -> list[Node]:
    middle = max(begin, end - TAG_LENGTH)
    parts = []
    if begin < middle:
        parts.append(
            opaque_leaf(
                "ciphertext",
                data,
                begin,
                middle,
                layer=LAYER,
                meaning="content, its type and filling, encrypted: only the ends have the keys",
                rfc="RFC 9147 §4",
            )
        )
    if middle < end:
        parts.append(
            opaque_leaf(
                "tag",
                data,
                middle,
                end,
                layer=LAYER,
                meaning="proves that whoever has the keys wrote header and content",
                rfc="RFC 9147 §4",
            )
        )
    return parts


def _protected(node: Node, fragment: Node, record: Record, data: bytes, known: Known) -> None:
    """A record under keys: its parts, and what it stands for if anyone knows. Spec: RFC 5246 §6.2.3.3."""
    number = int(record.epoch) << 48 | record.sequence_number
    begin, end = fragment.offset, fragment.end
    content_type = int(record.content_type)
    kind = CONTENT_TYPES.get(content_type, f"content type {content_type}")
    header = data[node.offset : node.offset + RECORD_KEY]
    plain, suite = known.plaintexts.get(header), -1
    opened = known.handshakes.open(content_type, number, data, begin, end) if plain is None else None
    if opened is not None:
        plain, suite = opened[0], opened[1].suite
    else:
        connection = known.handshakes.between(known.source, known.destination)
        suite = connection.suite if connection is not None else -1
    has_nonce = _has_explicit_nonce(suite, number, data, begin, end)
    if has_nonce is not None and end - begin >= TAG_LENGTH_12 + EXPLICIT_NONCE_LENGTH * has_nonce:
        fragment.children = _sealed12(data, begin, end, has_nonce)
    fragment.text, fragment.value = "", None
    fragment.meaning = "encrypted and authenticated"
    if suite in CIPHER_SUITES:
        fragment.meaning += f" with {CIPHER_SUITES[suite]}"
    if not fragment.children:
        fragment.text = counted(end - begin, "byte")
        fragment.meaning += "; which cipher suite it is, the hellos would tell"
    node.text = f"protected {kind}"
    if plain is None:
        return
    inside = explain_content(content_type, plain, known)
    target = next((child for child in fragment.children if child.name == "ciphertext"), fragment)
    target.inside = inside
    node.text = inside.root.text or inside.root.name


def _has_explicit_nonce(suite: int, number: int, data: bytes, begin: int, end: int) -> bool | None:
    """Whether the fragment begins with a nonce: by the suite, else by looking whether it holds the record's number."""
    for ours, parameters in SUITES.items():
        if int(ours) == suite:
            return parameters.aead == "aes-gcm"
    if data[begin : begin + EXPLICIT_NONCE_LENGTH] == number.to_bytes(8, "big"):
        return True  # what AES-GCM in DTLS does everywhere
    return None


def _sealed12(data: bytes, begin: int, end: int, has_nonce: bool) -> list[Node]:
    parts: list[Node] = []
    if has_nonce:
        parts.append(
            opaque_leaf(
                "explicit nonce",
                data,
                begin,
                begin + EXPLICIT_NONCE_LENGTH,
                layer=LAYER,
                meaning="the part of the nonce that changes; most senders write epoch and sequence number again",
                rfc="RFC 5288 §3",
            )
        )
        begin += EXPLICIT_NONCE_LENGTH
    middle = end - TAG_LENGTH_12
    if begin < middle:
        parts.append(
            opaque_leaf(
                "ciphertext",
                data,
                begin,
                middle,
                layer=LAYER,
                meaning="the content, encrypted: only the ends have the keys",
                rfc="RFC 5246 §6.2.3.3",
            )
        )
    parts.append(
        opaque_leaf(
            "tag",
            data,
            middle,
            end,
            layer=LAYER,
            meaning="proves that whoever has the keys wrote header and content",
            rfc="RFC 5246 §6.2.3.3",
        )
    )
    return parts


def explain_content(content_type: int, plain: bytes, known: Known) -> Explanation:
    """What is inside a protected record, as an explanation of its own."""
    if content_type == ContentType.APPLICATION_DATA:
        root = dissect_sctp.packet(plain, 0, len(plain), known)
    else:
        kind = CONTENT_TYPES.get(content_type, f"content type {content_type}")
        root = Node(kind, 0, len(plain) * 8, plain, layer=LAYER, rfc=RFC_RECORD)
        root.text = _content(root, content_type, plain, known) if plain else ""
    what = root.text or root.name
    return Explanation(plain, root, f"{what}, {counted(len(plain), 'byte')} in the clear ({root.rfc})")


def plaintext_record(data: bytes, known: Known) -> Explanation:
    """The header of a record and its content in the clear, as the tap hands over protected records."""
    start = RECORD_HEADER_LENGTH
    grown = grow(Record, data, 0, len(data), layer=LAYER, name="record")
    record = grown.value
    if isinstance(record, Record) and grown.node.children[-1].name == "fragment":
        fragment = grown.node.children[-1]
        name_values(grown.node)
        if record.content_type == ContentType.APPLICATION_DATA:
            packet = dissect_sctp.packet(data, start, len(data), known)
            fragment.children, fragment.text = [packet], packet.text
            grown.node.text = packet.text
        else:
            grown.node.text = _content(fragment, int(record.content_type), data, known)
    return Explanation(data, grown.node, f"{grown.node.text or 'record'}, in the clear")


def _content(leaf: Node, content_type: int, data: bytes, known: Known) -> str:
    """Take apart what a record carries in the clear; a line about it."""
    reader = _READERS.get(content_type)
    if reader is None:
        leaf.text = counted(leaf.end - leaf.offset, "byte")
        return CONTENT_TYPES.get(content_type, f"content type {content_type}")
    return reader(leaf, data, known)


def _change_cipher_spec(leaf: Node, data: bytes, known: Known) -> str:
    expand(leaf, ChangeCipherSpec, data)
    leaf.meaning = "from the next record on, the sender uses the new keys"
    return "ChangeCipherSpec"


def _alert(leaf: Node, data: bytes, known: Known) -> str:
    grown = expand(leaf, Alert, data)
    leaf.meaning = grown.node.meaning
    if not isinstance(grown.value, Alert):
        return "broken alert"
    level = "fatal" if grown.value.level == AlertLevel.FATAL else "warning"
    leaf.text = f"{alert_name(grown.value.description)}, {level}"
    return f"Alert {leaf.text}"


def _ack(leaf: Node, data: bytes, known: Known) -> str:
    expand(leaf, Ack, data)
    return "ACK"


def _handshake(leaf: Node, data: bytes, known: Known) -> str:
    """Handshake messages, or pieces of such, in a row."""
    at, end = leaf.offset, leaf.end
    told: list[str] = []
    leaf.children = []
    while at < end:
        node = fragment(data, at, end, known)
        leaf.children.append(node)
        told.append(node.text or node.name)
        if node.end <= at:
            break
        at = node.end
    leaf.text, leaf.value = "", None
    return " + ".join(told)


def _application_data(leaf: Node, data: bytes, known: Known) -> str:
    leaf.problem = "application data under no keys: receivers drop it (RFC 6347 §4.1)"
    return "application_data in the clear"


_READERS: Mapping[int, Callable[[Node, bytes, Known], str]] = {
    ContentType.CHANGE_CIPHER_SPEC: _change_cipher_spec,
    ContentType.ALERT: _alert,
    ContentType.HANDSHAKE: _handshake,
    ContentType.APPLICATION_DATA: _application_data,
    ACK_CONTENT_TYPE: _ack,
}


def fragment(data: bytes, start: int, end: int, known: Known) -> Node:
    """A handshake message, or a piece of one. Spec: RFC 6347 §4.2.2."""
    grown = grow(HandshakeFragment, data, start, end, layer=LAYER, name="handshake message", fill=False)
    node = grown.node
    name_values(node)
    piece = grown.value
    if not isinstance(piece, HandshakeFragment):
        node.text = "broken handshake message"
        return node
    kind = HANDSHAKE_TYPES.get(int(piece.type), f"handshake type {int(piece.type)}")
    node.name = kind
    form = BODIES.get(piece.type)
    node.rfc = form.wire_rfc if form is not None else "RFC 5246 §7.4"
    node.meaning = _meaning_of(form)
    complete = known.handshakes.hear(piece, known.source, known.destination)
    size = len(piece.fragment)
    if size == piece.length:
        if size:
            _body(node.children[-1], int(piece.type), data)
        node.text = kind + _told(node)
        return node
    first = piece.fragment_offset
    node.text = f"{kind}, bytes {first}…{first + size - 1} of {piece.length}"
    node.meaning = "a piece of a handshake message"
    if complete is not None:
        node.inside = whole_message(complete)
        node.text += ", the last that was missing"
    if node.children[-1].name == "fragment":
        node.children[-1].meaning = f"bytes {first} to {first + size - 1} of the message"
    return node


def whole_message(message: Message) -> Explanation:
    """A handshake message that came in pieces, as if it had come in one. Spec: RFC 6347 §4.2.6."""
    data = message.transcript()
    node = fragment(data, 0, len(data), Known())
    return Explanation(data, node, f"{node.text}, put together: {counted(len(data), 'byte')} ({node.rfc})")


def _meaning_of(form: type[Wire] | None) -> str:
    return (form.__doc__ or "").strip().split("\n")[0].rstrip(".") if form is not None else ""


def _body(leaf: Node, kind: int, data: bytes) -> None:
    """Take a whole message's body apart."""
    form = BODIES.get(kind)
    if form is None:
        leaf.meaning = "the message; its format is not declared here"
        return
    leaf.name = "body"
    grown = expand(leaf, form, data)
    leaf.meaning, leaf.rfc = grown.node.meaning, form.wire_rfc
    for child in leaf.children:
        if child.name == "extensions":
            _extensions(child, data, is_client=form is ClientHello)
    name_values(leaf)
    for node in leaf.walk():
        if node.form is CertificateEntry:
            _certificate(node, data)
    random = next((child for child in leaf.children if child.name == "random"), None)
    if form is ServerHello and random is not None:
        raw = data[random.offset : random.end]
        if raw == HELLO_RETRY_REQUEST_RANDOM:
            random.meaning = (
                "no random: this value says that the message is a HelloRetryRequest (RFC 8446 §4.1.3)"
            )
        elif raw[-8:] in DOWNGRADE_SENTINELS:
            random.meaning += f"; {DOWNGRADE_SENTINELS[raw[-8:]]}"


def _extensions(group: Node, data: bytes, *, is_client: bool) -> None:
    """Name the extensions, and read the bodies of those that the stack passes through as bytes."""
    formats = READABLE_IN_CLIENT_HELLO if is_client else READABLE_IN_SERVER_HELLO
    for node in group.children:
        kind = next((child for child in node.children if child.name == "type"), None)
        if kind is None:
            continue
        code = int.from_bytes(data[kind.offset : kind.end], "big")
        node.name = EXTENSION_TYPES.get(code) or ("GREASE" if is_grease(code) else f"extension {code:#06x}")
        node.meaning = EXTENSION_MEANINGS.get(code, "")
        if is_grease(code):
            node.meaning = "means nothing: keeps peers used to extensions that they do not know"
            node.rfc = "RFC 8701 §3.1"
        body = node.children[-1]
        if body.name != "body" or body.children:
            form = formats.get(code)
            node.rfc = form.wire_rfc if form is not None else node.rfc
            continue
        form = formats.get(code)
        if code == 51 and not is_client and body.width == 16:
            form = RetryGroup
        if form is not None and form.wire_fields:
            grown = expand(body, form, data)
            body.meaning, node.rfc = grown.node.meaning, form.wire_rfc
    name_values(group)
    for node in group.children:
        if not node.text:
            node.text = _extension_text(node)
    group.text = counted(sum(child.name != "length" for child in group.children), "extension")


def _extension_text(node: Node) -> str:
    """The values of an extension in a row."""
    body = node.children[-1] if node.children else node
    if body.name != "body":
        return ""
    said = []
    for leaf in body.leaves():
        if (
            leaf.name == "length"
            or leaf.name.endswith("length")
            or leaf.name == "key_exchange"
            or leaf is body
        ):
            continue
        said.append(leaf.text.partition(" (0x")[0] if "(0x" in leaf.text else leaf.text)
    return shortened(", ".join(said), 100)


def name_values(root: Node) -> None:
    """Give numbers their names by IANA, and text its letters."""
    for node in root.walk():
        if node.form is None:
            continue
        for child in node.children:
            named = _NAMED.get((node.form, child.name))
            if named is not None:
                table, digits = named
                for leaf in child.leaves():
                    if (
                        type(leaf.value) is not bytes
                        and isinstance(leaf.value, int)
                        and leaf.name != "length"
                    ):
                        leaf.text = registered(table, int(leaf.value), digits)
            if (node.form, child.name) in _TEXTS:
                for leaf in child.leaves():
                    if isinstance(leaf.value, bytes):
                        leaf.text = quoted(leaf.value.decode("ascii", "replace"))


def _certificate(node: Node, data: bytes) -> None:
    node.name = "certificate"
    for leaf in node.leaves():
        if leaf.name == "der" and isinstance(leaf.value, bytes):
            leaf.text = outline(leaf.value)
            leaf.meaning = (
                "an X.509 certificate in DER; in WebRTC nothing of it counts but its key and its hash"
            )
            node.text = leaf.text


def _told(node: Node) -> str:
    """What a line about a whole message should say, too."""
    found = {leaf.name: leaf for leaf in node.leaves()}
    kind = node.name
    if kind == "ServerHello" and "cipher_suite" in found:
        versions = [leaf.text for leaf in node.find_all("selected_version")]
        suite = found["cipher_suite"].text.partition(" (")[0]
        version = (versions or [found["server_version"].text])[0].partition(" (")[0]
        if any(leaf.value == HELLO_RETRY_REQUEST_RANDOM for leaf in node.find_all("random")):
            return f" (a HelloRetryRequest): {version}"
        return f": {version}, {suite}"
    if kind == "ClientHello":
        offered = [leaf.text.partition(" (")[0] for leaf in node.find_all("client_version")]
        listed = [
            leaf.text.partition(" (")[0]
            for group in node.find_all("versions")
            for leaf in group.leaves()
            if leaf.name != "length"
        ]
        with_cookie = (
            ", with cookie" if any(n.width > 8 for n in node.find_all("cookie") if n.children) else ""
        )
        return f": {', '.join(listed or offered)}{with_cookie}"
    if kind == "ServerKeyExchange" and "group" in found:
        return f": {found['group'].text.partition(' (')[0]}"
    return ""


def record_content(node: Node) -> Node | None:
    """The node with what a record of 1.2 carries in the clear, wherever it is; None if nobody could open it.

    Args:
        node: of a record, as `record12` makes it.
    """
    record = node.value
    for leaf in node.walk():
        if leaf.inside is not None and leaf.name in ("ciphertext", "fragment"):
            return leaf.inside.root
    fragment = node.children[-1]
    if not isinstance(record, Record) or fragment.name != "fragment":
        return fragment if isinstance(record, Record) and not record.epoch else None
    is_sealed = bool(record.epoch) and all(leaf.name in _SEALED for leaf in fragment.leaves())
    return None if is_sealed else fragment


_SEALED = {"explicit nonce", "ciphertext", "tag", "fragment"}

"""STUN messages: the interleaved type, every attribute with its header, value and padding, and what was signed.

The tree is that of `rtcpy.stun.declared`, values by `rtcpy.stun.declared_values`. Added here: names, what is behind an
XOR, and whether FINGERPRINT and MESSAGE-INTEGRITY match.

Specs: RFC 8489 §5, §14; RFC 8445 §7 (connectivity checks); RFC 8656 §18.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from rtcpy.core.errors import WireError
from rtcpy.explain.growth import Grown, expand, grow, grow_row, parent
from rtcpy.explain.known import Known
from rtcpy.explain.tree import UNREADABLE, Node
from rtcpy.explain.words import bytes_text, counted, printable, quoted, shortened
from rtcpy.stun.attributes import REGISTRY
from rtcpy.stun.declared import MEANINGS, DeclaredAttribute, DeclaredMessage
from rtcpy.stun.declared_values import SEEN_NAMES, VALUE_FORMATS
from rtcpy.stun.integrity import (
    FINGERPRINT_TYPE,
    MESSAGE_INTEGRITY_SHA256_TYPE,
    MESSAGE_INTEGRITY_TYPE,
    equal,
    fingerprint,
    message_integrity,
    message_integrity_sha256,
)
from rtcpy.stun.message import MessageClass, Method, split_message_type
from rtcpy.stun.values import COMPREHENSION_OPTIONAL, MAGIC_COOKIE, IcmpError

HEADER_BYTES = 20
_CLASSES = {
    MessageClass.REQUEST: "request",
    MessageClass.INDICATION: "indication",
    MessageClass.SUCCESS_RESPONSE: "success response",
    MessageClass.ERROR_RESPONSE: "error response",
}
_COMPUTED = {
    MESSAGE_INTEGRITY_TYPE: ("MESSAGE-INTEGRITY", "RFC 8489 §14.5"),
    MESSAGE_INTEGRITY_SHA256_TYPE: ("MESSAGE-INTEGRITY-SHA256", "RFC 8489 §14.6"),
    FINGERPRINT_TYPE: ("FINGERPRINT", "RFC 8489 §14.7"),
}
_GOOG_PING = 0x080  # libwebrtc's short keepalive; its number is not registered
_XORED = {0x0012, 0x0016, 0x0020, 0x8020}
_CARRIERS = {"DATA", "META-DTLS-IN-STUN"}
_TEXTS = {0x0006, 0x0014, 0x8003, 0x8022}
_UNPROTECTED_BY_DESIGN = {MESSAGE_INTEGRITY_SHA256_TYPE, FINGERPRINT_TYPE}


Carried = Callable[[bytes, int, int, Known], Node]


def message(data: bytes, start: int, end: int, known: Known, carried: Carried | None = None) -> Node:
    """The STUN message in ``data[start:end]``. Spec: RFC 8489 §5.

    Args:
        carried: explains datagrams that attributes carry: DATA of TURN, DTLS within checks.
    """
    grown = grow(DeclaredMessage, data, start, end, layer="stun", name="STUN message")
    root = grown.node
    _read_attributes_anyway(root, data, start, end)
    message_class = MessageClass.REQUEST
    if root.children and root.children[0].name != UNREADABLE:
        method, message_class = split_message_type(data[start] << 8 | data[start + 1])
        kind = f"{method_name(method)} {_CLASSES[message_class]}"
        root.children[:6] = [_type(root.children[:6], kind)]
        root.text = kind
        root.meaning = _meaning(method, message_class)
    for child in root.children:
        if child.name == "cookie":
            child.name, child.text = "magic cookie", data[child.offset : child.end].hex()
        elif child.name == "attributes":
            _attributes(child, data, start, known)
            _carry(child, data, known, carried)
            root.text += _told(child, message_class)
    return root


def method_name(method: int) -> str:
    """``Binding``, ``CreatePermission``; a number for others."""
    if method == _GOOG_PING:
        return "GOOG-PING"
    try:
        return "".join(word.capitalize() for word in Method(method).name.split("_"))
    except ValueError:
        return f"method {method:#05x}"


def _meaning(method: int, message_class: MessageClass) -> str:
    if method == Method.BINDING:
        return {
            MessageClass.REQUEST: "asks from which address this arrives; in ICE also: does this path work?",
            MessageClass.INDICATION: "keeps a NAT's binding alive; nobody answers",
            MessageClass.SUCCESS_RESPONSE: "says from which address the request came",
            MessageClass.ERROR_RESPONSE: "says why there is no answer",
        }[message_class]
    return ""


def _type(bits: list[Node], kind: str) -> Node:
    """The first two bytes: two zeros, and a method with the two bits of the class between its bits."""
    return parent(
        "message type",
        bits,
        text=kind,
        meaning="method and class, their bits interleaved",
        rfc="RFC 8489 §5",
        layer="stun",
    )


def _read_attributes_anyway(root: Node, data: bytes, start: int, end: int) -> None:
    """If the header's length does not fit the bytes: read the attributes that are there all the same."""
    begin = start + HEADER_BYTES
    last = root.children[-1] if root.children else None
    if last is None or last.name != UNREADABLE or last.offset != begin or begin >= end:
        return
    row = grow_row(DeclaredAttribute, data, begin, end, layer="stun", name="attributes")
    if row:
        root.children[-1] = parent("attributes", [one.node for one in row], layer="stun")


def _attributes(group: Node, data: bytes, start: int, known: Known) -> None:
    transaction_id = data[start + 8 : start + 20]
    signed = False
    group.text = counted(len(group.children), "attribute")
    for node in group.children:
        leaves = {leaf.name: leaf for leaf in node.children}
        if "type" not in leaves:
            continue
        code = int.from_bytes(data[node.offset : node.offset + 2], "big")
        node.name, node.meaning, node.rfc = describe(code)
        leaves["type"].text = f"{node.name} ({code:#06x})"
        leaves["type"].meaning = (
            "the attribute's type; who does not know it may skip it"
            if code >= COMPREHENSION_OPTIONAL
            else "the attribute's type; who does not know it must refuse a request"
        )
        if "value" in leaves:
            _value(node, leaves["value"], code, data, transaction_id)
            if code in _COMPUTED:
                raw = data[leaves["value"].offset : leaves["value"].end]
                _verify(node, leaves["value"], code, raw, data[start : node.offset], known)
        elif not node.problem:
            _decode(node, code, b"", transaction_id)
        if signed and code not in _UNPROTECTED_BY_DESIGN:
            node.problem = (
                node.problem or "comes after MESSAGE-INTEGRITY, so receivers ignore it (RFC 8489 §9)"
            )
        signed = signed or code in (MESSAGE_INTEGRITY_TYPE, MESSAGE_INTEGRITY_SHA256_TYPE)


def _carry(group: Node, data: bytes, known: Known, carried: Carried | None) -> None:
    """Explain the datagrams that attributes carry, in their place."""
    for node in group.children:
        if carried is None or node.name not in _CARRIERS:
            continue
        for leaf in node.children:
            if leaf.name == "value" and not leaf.children:
                inner = carried(data, leaf.offset, leaf.end, known)
                leaf.children, leaf.text, leaf.value = [inner], "", None
                node.text = inner.text or inner.name


def describe(code: int) -> tuple[str, str, str]:
    """(name, meaning, section) of an attribute type."""
    attribute = REGISTRY.get(code)
    if attribute is not None:
        return attribute.name, MEANINGS[code], attribute.rfc
    if code in _COMPUTED:
        name, rfc = _COMPUTED[code]
        return name, MEANINGS[code], rfc
    if code in SEEN_NAMES:
        return SEEN_NAMES[code]
    return (
        f"attribute {code:#06x}",
        "unknown, may be skipped"
        if code >= COMPREHENSION_OPTIONAL
        else "unknown: a request has to be refused",
        "RFC 8489 §14",
    )


def _value(node: Node, leaf: Node, code: int, data: bytes, transaction_id: bytes) -> None:
    """Take the value apart by its declaration, and say what it comes to."""
    raw = data[leaf.offset : leaf.end]
    leaf.meaning, leaf.rfc = node.meaning, node.rfc
    form = VALUE_FORMATS.get(code)
    grown: Grown | None = None
    if form is not None:
        grown = expand(leaf, form, data)
        leaf.meaning = grown.node.meaning
    elif code in _TEXTS:
        leaf.text = quoted(raw.decode("utf-8", "replace"))
    _decode(node, code, raw, transaction_id)
    if node.problem and not leaf.problem:
        leaf.problem = node.problem
    if code in _XORED and grown is not None and grown.error is None:
        _unmask(leaf, data, transaction_id)
    if not node.text:
        node.text = leaf.text if grown is None else _words_of(leaf)


def _decode(node: Node, code: int, raw: bytes, transaction_id: bytes) -> None:
    attribute = REGISTRY.get(code)
    if attribute is None:
        node.value = raw
        return
    try:
        node.value = attribute.decode(raw, transaction_id)
    except WireError as error:
        node.problem = str(error)
        return
    if node.value is None:
        node.problem = (
            "an address family that is neither IPv4 nor IPv6: receivers ignore it (RFC 8489 §6.3.3)"
        )
    elif isinstance(node.value, bool):
        node.text = "yes" if code == 0x0018 and node.value else ""
    elif code == 0x0009 and isinstance(node.value, tuple):
        node.text = f"{int(node.value[0])} {quoted(node.value[1])}"
    elif isinstance(node.value, IcmpError):
        node.text = f"type {node.value[0]}, code {node.value[1]}"
    elif isinstance(node.value, bytes):
        node.text = bytes_text(node.value)
    elif isinstance(node.value, str):
        node.text = quoted(node.value)
    elif isinstance(node.value, int):
        node.text = f"{node.value:#018x}" if code in (0x8029, 0x802A) else str(node.value)
    else:
        node.text = shortened(printable(str(node.value)))


def _words_of(leaf: Node) -> str:
    """The values of a format's fields in a row, for attributes that nothing decodes."""
    fields = [one for one in leaf.leaves() if one.name not in ("reserved", "padding") and one is not leaf]
    return shortened(", ".join(f"{one.name} {one.text}" for one in fields))


def _unmask(leaf: Node, data: bytes, transaction_id: bytes) -> None:
    """Show port and address as they are once the XOR is taken off. Spec: RFC 8489 §14.2."""
    for part in leaf.children:
        raw = data[part.offset : part.end]
        if part.name == "port":
            mask = MAGIC_COOKIE >> 16
            port = int.from_bytes(raw, "big") ^ mask
            part.value = port
            part.text = f"{raw.hex()} xor {mask:04x} = {port:04x}, port {port}"
        elif part.name == "address":
            mask_bytes = (MAGIC_COOKIE.to_bytes(4, "big") + transaction_id)[: len(raw)]
            plain = bytes(a ^ b for a, b in zip(raw, mask_bytes, strict=False))
            part.value = plain
            shown = str(ip_address(plain)) if len(plain) in (4, 16) else plain.hex()
            part.text = f"{raw.hex()} xor {mask_bytes.hex()} = {shown}"


def _verify(node: Node, leaf: Node, code: int, raw: bytes, before: bytes, known: Known) -> None:
    """Whether the value `raw` is the one that it should be. `before` is the message up to the attribute."""
    if node.problem or leaf.problem:
        return
    node.value = raw
    if code == FINGERPRINT_TYPE:
        expected = fingerprint(before).to_bytes(4, "big")
        node.text = "matches" if raw == expected else "does not match"
        if raw != expected:
            node.problem = (
                f"does not match: the CRC over the bytes before it is {expected.hex()} (RFC 8489 §14.7)"
            )
        return
    for label, key in known.stun_keys.items():
        computed = (
            message_integrity(before, key)
            if code == MESSAGE_INTEGRITY_TYPE
            else message_integrity_sha256(before, key, len(raw))
        )
        if equal(computed, raw):
            node.text = f"matches {label}"
            return
    if known.stun_keys:
        node.text = "does not match"
        node.problem = f"does not match {' or '.join(known.stun_keys)}"
    else:
        node.text = "not checked: no password is known"


def _told(attributes: Node, message_class: MessageClass) -> str:
    """What a line about the whole message should say, too."""
    found = {node.name: node for node in attributes.children}
    if "ERROR-CODE" in found:
        return f": {found['ERROR-CODE'].text}"
    if message_class is MessageClass.SUCCESS_RESPONSE and "XOR-MAPPED-ADDRESS" in found:
        return f": you are {found['XOR-MAPPED-ADDRESS'].text}"
    if "USE-CANDIDATE" in found:
        return ", nominates this pair"
    return ""

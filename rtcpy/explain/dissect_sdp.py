"""Session descriptions: every byte of the text in its field, every line with what it is for.

The lines are found as `rtcpy.sdp` finds them, and taken apart by the very rules that read them: the groups of a rule's
pattern are the fields. What a line says that its rule does not is in `sdp_words`.

Text may be anything: a line that follows no grammar stays whole and says why, an attribute that nobody knows says that,
and bytes that are no UTF-8 are leaves like others.

Specs: RFC 8866 §5, §9; RFC 8445 §5.1.2.1 (what a candidate's priority is made of).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rtcpy.explain.sdp_words import (
    ATTRIBUTES,
    CANDIDATE_EXTENSIONS,
    FLAG_MEANINGS,
    LINES,
    NUMBERS,
    PARAMETER_MEANINGS,
    STATIC_PAYLOADS,
    Field,
    Line,
)
from rtcpy.explain.tree import UNREADABLE, Node
from rtcpy.explain.words import bytes_text, counted, printable, shortened
from rtcpy.sdp import FLAGS, SdpError, SessionDescription, decode
from rtcpy.sdp.grammar import DIGITS_MAX
from rtcpy.sdp.lines import CHECKS

LOOKS_LIKE_SDP = re.compile(r"[ \t\r\n]*(?:[a-zA-Z]=|candidate:)")
"""How text begins that is a description, a piece of one, or a candidate by itself. Hexadecimal text never does."""

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
_ATTRIBUTE = re.compile(r"([^:]*)(?:(:)(.*))?", re.DOTALL)
_GAP = re.compile(r"[^ ]+| +")
_TEXT_SHOWN = 72  # characters of a line
_PUNCTUATION = {
    " ": "space",
    ":": "colon",
    "/": "slash",
    ";": "semicolon",
    ",": "comma",
    "=": "equals sign",
    "~": "tilde",
}
_LINE_ENDS = {
    "\r\n": ("CRLF", ""),
    "\n": ("LF", "the RFC has CRLF; readers take this, too"),
    "\r": ("CR", "the RFC has CRLF; readers take this, too"),
}


@dataclass(slots=True)
class _Part:
    """A run of characters of a line that means something; `inner` parts divide it."""

    name: str
    start: int
    end: int
    meaning: str = ""
    inner: Sequence[_Part] = ()


class _Text:
    """One line, with the byte at which each of its characters stands."""

    __slots__ = ("_offsets", "first", "text")

    def __init__(self, text: str, first: int) -> None:
        self.text, self.first = text, first
        self._offsets: list[int] | None = None
        if not text.isascii():
            at, self._offsets = 0, [0]
            for character in text:
                at += len(character.encode("utf-8", "surrogateescape"))
                self._offsets.append(at)

    def byte(self, index: int) -> int:
        """Offset in the description of character `index` of the line."""
        return self.first + (index if self._offsets is None else self._offsets[index])


def is_sdp(data: bytes) -> bool:
    """Whether bytes begin as a description does. No protocol of WebRTC begins with a letter and ``=``."""
    return LOOKS_LIKE_SDP.match(data[:64].decode("latin-1")) is not None


def description(data: bytes) -> Node:
    """A session description, a piece of one, or a candidate line. Spec: RFC 8866 §5."""
    text = data.decode("utf-8", "surrogateescape")
    lines = list(_lines(text))
    root = Node("session description", 0, len(data) * 8, text, layer="sdp", rfc="RFC 8866 §5")
    at = 0
    nodes: list[Node] = []
    formats: list[dict[str, str]] = [{}]
    for content, _ in lines:
        if content.startswith("m="):
            formats.append({})
        elif content.startswith("a=rtpmap:"):
            payload, _, codec = content[9:].partition(" ")
            formats[-1].setdefault(payload, codec)
    section = 0
    for content, end in lines:
        section += content.startswith("m=")
        line = _Text(content, at)
        node = _line(line, end, formats[section])
        at = node.end
        nodes.append(node)
    _problems_of_the_whole(root, nodes, text)
    root.children = list(_sections(nodes))
    media = [group for group in root.children if group.name.startswith("media section")]
    kinds = ", ".join(group.text for group in media)
    root.text = f"session description, {counted(len(media), 'media section')}" + (
        f": {kinds}" if kinds else ""
    )
    root.meaning = "what one side can do, and where it can be reached"
    if not text.startswith("v="):
        root.text = f"{counted(len(nodes), 'line')} of a session description"
    return root


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Content and line end. CRLF, LF and CR end lines, as in `rtcpy.sdp`."""
    at = 0
    while at < len(text):
        match = _LINE.match(text, at)
        assert match is not None  # the pattern matches everywhere
        yield match[1], match[2]
        at = match.end()


def _sections(nodes: list[Node]) -> Iterator[Node]:
    """The lines in groups: the session's, then one for each m= line."""
    starts = [index for index, node in enumerate(nodes) if node.name == "m= media"]
    bounds = [0, *starts, len(nodes)]
    number = -1
    for first, last in pairwise(bounds):
        group = nodes[first:last]
        if first == last:
            continue
        is_media = group[0].name == "m= media"
        number += is_media
        name = f"media section {number}" if is_media else "session level"
        media = next((leaf.text for leaf in group[0].leaves() if leaf.name == "media"), "")
        yield Node(
            name,
            group[0].first_bit,
            group[-1].end_bit - group[0].first_bit,
            text=media if is_media else counted(len(group), "line"),
            meaning="one medium, or the data channels" if is_media else "what holds for all sections",
            rfc="RFC 8866 §5.14" if is_media else "RFC 8866 §5",
            layer="sdp",
            children=group,
        )


def _problems_of_the_whole(root: Node, nodes: list[Node], text: str) -> None:
    """What is wrong with a whole description; pieces of one are not held to that."""
    if not text.startswith("v="):
        return
    try:
        SessionDescription.parse(text).validate()
    except SdpError as error:
        if error.line is not None and 1 <= error.line <= len(nodes):
            node = nodes[error.line - 1]
            node.problem = node.problem or str(error)
        else:
            root.problem = str(error)


# --- one line -------------------------------------------------------------------------------------------------------


def _line(line: _Text, end: str, formats: dict[str, str]) -> Node:
    """The node of a line and its end."""
    text = line.text
    name, meaning, rfc, problem, parts, value = "line", "", "RFC 8866 §5", "", list[_Part](), None
    if text[1:2] == "=" and text[0] in LINES:
        known = LINES[text[0]]
        name, meaning, rfc = f"{text[0]}= {known.title}", known.meaning, known.rule.rfc
        parts = [_Part("type", 0, 1, known.title), _Part("equals sign", 1, 2)]
        more, problem = _fields(line, 2, known)
        parts += more
        try:
            value = CHECKS[text[0]](text[2:])
        except SdpError as error:
            problem = str(error)
        value = None if isinstance(value, re.Match) else value
    elif text.startswith("a="):
        parts = [_Part("type", 0, 1, "attribute"), _Part("equals sign", 1, 2)]
        name, meaning, rfc, problem, more, value = _attribute(line, 2)
        parts += more
    elif text.startswith("candidate:"):
        name, meaning, rfc, problem, parts, value = _attribute(line, 0)
    elif text:
        problem = "no line of SDP: a letter and = are expected (RFC 8866 §5)"
        meaning, parts = "unknown", [_Part(UNREADABLE, 0, len(text))]
        if text[1:2] == "=":
            name, problem = f"{text[0]}=", f"SDP has no {text[0]}= line (RFC 8866 §5)"
    else:
        name, meaning = "empty line", "nothing"
        problem = "an empty line may only stand at the end (RFC 8866 §9)"
    children = [_node(line, part, formats, rfc) for part in parts if part.end > part.start]
    stop = line.byte(len(text))
    if end:
        what = {"\r\n": "CRLF", "\n": "LF: RFC 8866 has CRLF, readers take it", "\r": "CR: readers take it"}[
            end
        ]
        children.append(
            Node("line end", stop * 8, len(end) * 8, end, what.partition(":")[0], what, "RFC 8866 §5", "sdp")
        )
    for child in children:
        if child.name == UNREADABLE:
            child.problem, child.meaning = problem, "cannot be read, for the reason given"
    node = Node(
        printable(name),
        line.first * 8,
        (stop + len(end) - line.first) * 8,
        value if value is not None else text,
        printable(shortened(text, _TEXT_SHOWN)),
        meaning,
        rfc,
        "sdp",
        problem,
        children=children,
    )
    if not text and not end:
        node.problem = ""
    return node


def _attribute(line: _Text, start: int) -> tuple[str, str, str, str, list[_Part], object]:
    """(name, meaning, section, problem, parts, typed value) of an attribute that begins at `start`."""
    match = _ATTRIBUTE.fullmatch(line.text, start)
    assert match is not None  # the pattern matches everything
    name, text = match[1], match[3]
    parts = [_Part("attribute", start, match.end(1))]
    if match[2]:
        parts.append(_Part("colon", match.start(2), match.end(2)))
    value: object = None
    problem = ""
    try:
        value = decode(name, text)
    except SdpError as error:
        problem = str(error)
    known = ATTRIBUTES.get(name)
    if known is not None:
        meaning, rfc = known.meaning, known.rule.rfc
        if text is not None:
            more, wrong = _fields(line, match.start(3), known)
            parts, problem = parts + more, problem or wrong
    elif name in FLAGS:
        meaning, rfc = FLAG_MEANINGS.get(name, ""), FLAGS[name]
        if text is not None:
            parts.append(_Part("value", match.start(3), match.end(3)))
    else:
        meaning, rfc = "not known here: receivers ignore attributes that they do not know", "RFC 8866 §5.13"
        if text is not None:
            parts.append(_Part("value", match.start(3), match.end(3), "means nothing here"))
    return f"a={name}", meaning, rfc, problem, parts, value


def _fields(line: _Text, start: int, known: Line) -> tuple[list[_Part], str]:
    """The fields of a line by its rule, from character `start` on; and what is wrong."""
    text = line.text[start:]
    match = known.rule.fullmatch(text)
    if match is None:
        return [_Part("value", start, start + len(text), "does not follow the grammar of this line")], (
            f"{known.rule.name} does not follow its grammar ({known.rule.rfc})"
        )
    if match.re.groups == 0:
        field = known.fields[0]
        return [_divided(line.text, field, start, start + len(text))], ""
    parts: list[_Part] = []
    at = 0
    for index, field in enumerate(known.fields, 1):
        first, last = match.span(index)
        if first < 0 or first == last:
            continue
        parts += _gap(text, at, first, start)
        lead = len(text[first:last]) - len(text[first:last].lstrip(" ")) if field.shape != "one" else 0
        parts += _gap(text, first, first + lead, start)
        parts.append(_divided(line.text, field, start + first + lead, start + last))
        at = last
    return parts + _gap(text, at, len(text), start), ""


def _gap(text: str, first: int, last: int, start: int) -> list[_Part]:
    """What stands between two fields: blanks, punctuation, and words such as ``typ``."""
    parts = []
    for match in _GAP.finditer(text, first, last):
        word = match[0]
        name = _PUNCTUATION.get(word[0], "") if len(set(word)) == 1 else ""
        meaning = "" if name else "a fixed word: it says what follows"
        parts.append(_Part(name or "keyword", start + match.start(), start + match.end(), meaning))
    return parts


def _divided(text: str, field: Field, start: int, end: int) -> _Part:
    """A field, divided into its parts by its shape."""
    part = _Part(field.name, start, end, field.meaning)
    one = field.name.removesuffix("s") if field.shape != "one" else field.name
    match field.shape:
        case "words":
            part.inner = list(_split(text, start, end, r"[ ,]+", one))
        case "commas":
            part.inner = list(_split(text, start, end, ",", one))
        case "streams":
            part.inner = list(_split(text, start, end, r"[,;~]+", "rid"))
        case "named":
            names = ("name", "value")
            for index, inner in enumerate(parts := list(_split(text, start, end, " ", ""))):
                inner.name = inner.name or names[index // 2 % 2]
            for name, _, value in zip(parts[::4], parts[1::4], parts[2::4], strict=False):
                name.meaning = CANDIDATE_EXTENSIONS.get(text[name.start : name.end], "not known here")
                value.name = text[name.start : name.end]
            part.inner = parts
        case "triples":
            names3 = ("component", "address", "port")
            for index, inner in enumerate(parts := list(_split(text, start, end, " ", ""))):
                inner.name = inner.name or names3[index // 2 % 3]
            part.inner = parts
        case "pairs":
            part.inner = list(_pairs(text, start, end))
        case _:
            return part
    return part


def _split(text: str, start: int, end: int, pattern: str, name: str) -> Iterator[_Part]:
    """Words of `name` and the punctuation between them."""
    at = start
    for match in re.compile(pattern).finditer(text, start, end):
        if match.start() > at:
            yield _Part(name, at, match.start())
        yield _Part(_PUNCTUATION.get(match[0], "separator"), match.start(), match.end())
        at = match.end()
    if at < end:
        yield _Part(name, at, end)


def _pairs(text: str, start: int, end: int) -> Iterator[_Part]:
    """``name=value;…``; each value has the name that stands before it."""
    for piece in _split(text, start, end, r"; *", "parameter"):
        name, equals, _ = text[piece.start : piece.end].partition("=")
        if piece.name != "parameter" or not equals or not name:
            yield piece
            continue
        middle = piece.start + len(name)
        meaning = PARAMETER_MEANINGS.get(name.strip().lower(), "")
        yield _Part("parameter", piece.start, middle, meaning)
        yield _Part("equals sign", middle, middle + 1)
        if middle + 1 < piece.end:
            yield _Part(name.strip(), middle + 1, piece.end)


def _node(line: _Text, part: _Part, formats: dict[str, str], rfc: str) -> Node:
    """The node of a part."""
    text = line.text[part.start : part.end]
    first, last = line.byte(part.start), line.byte(part.end)
    node = Node(printable(part.name), first * 8, (last - first) * 8, text, "", part.meaning, rfc, "sdp")
    if part.inner:
        node.children = [_node(line, inner, formats, rfc) for inner in part.inner if inner.end > inner.start]
    if part.name in NUMBERS and len(text) <= DIGITS_MAX and text.isascii() and text.isdigit():
        node.value = int(text)
    if part.name not in _PUNCTUATION.values() and part.name != "separator":
        node.text = printable(shortened(text, _TEXT_SHOWN))
    if part.name == "priority" and isinstance(node.value, int):
        node.text = _priority(node.value)
    elif part.name in ("format", "apt"):
        codec = formats.get(text) or STATIC_PAYLOADS.get(text)
        node.text += f" ({printable(shortened(codec, 32))})" if codec else ""
    elif part.name == UNREADABLE:
        raw = text.encode("utf-8", "surrogateescape")
        node.value, node.text = raw, bytes_text(raw)
    return node


def _priority(value: int) -> str:
    """What a priority is made of. Spec: RFC 8445 §5.1.2.1."""
    kind, local, component = value >> 24, value >> 8 & 0xFFFF, 256 - (value & 0xFF)
    return f"{value} = 2²⁴·{kind} (type) + 2⁸·{local} (local) + 256 − {component} (component)"

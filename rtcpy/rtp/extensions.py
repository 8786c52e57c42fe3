"""RTP header extensions: data beside the payload that routers of media may read without knowing the codec.

One extension block holds several *elements*, each with a local id that SDP gives a meaning (``a=extmap:3 URI``). There
are two forms: one-byte headers (ids 1…14, 1 to 16 bytes each, profile 0xBEDE) and two-byte headers (ids 1…255, 0 to
255 bytes each, profile 0x1000…0x100F).

Between elements stand padding bytes that are no elements, and id 15 ends the list early. No declaration can say that,
so the walk over elements is by hand: `read_elements` and `explain_elements` take the same steps.

What the data of an element means is `extension_formats`.

Specs: RFC 3550 §5.3.1, RFC 8285 §4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rtcpy.rtp.errors import RtpError
from rtcpy.wire import Span, Wire, bits, length_of, opaque, wire

ONE_BYTE_PROFILE = 0xBEDE  # "the feast day of the Venerable Bede", RFC 8285 §4.2
TWO_BYTE_PROFILE = 0x1000  # 0x100 and four bits for applications, RFC 8285 §4.3
ONE_BYTE_ID_MAX = 14
ONE_BYTE_SIZE_MAX = 16  # bytes of data
END_ID = 15  # in the one-byte form: reserved, ends the list, RFC 8285 §4.2


@wire("RFC 3550 §5.3.1", error=RtpError)
class HeaderExtension(Wire):
    """The block that follows the fixed header when X is set."""

    profile: int = bits(16, "how to read the block: 0xBEDE one-byte, 0x1000 two-byte element headers")
    length = length_of("data", 16, unit=4, doc="32-bit words of the block, without these four bytes")
    data: bytes = opaque("elements and padding", length="length", default=b"")


@wire("RFC 8285 §4.2", error=RtpError)
class OneByteElement(Wire):
    """An element with a one-byte header.

    Ids 0 and 15 are never elements: see `read_elements`.
    """

    id: int = bits(4, "local id, 1…14; SDP says which extension it is (a=extmap)")
    length = length_of("data", 4, plus=-1, doc="bytes of data, minus one")
    data: bytes = opaque("the element's data", length="length")


@wire("RFC 8285 §4.3", error=RtpError)
class TwoByteElement(Wire):
    """An element with a two-byte header.

    Id 0 is never an element: see `read_elements`.
    """

    id: int = bits(8, "local id, 1…255; SDP says which extension it is (a=extmap)")
    length = length_of("data", 8, doc="bytes of data")
    data: bytes = opaque("the element's data", length="length", default=b"")


@dataclass(slots=True)
class ExtensionElement:
    """One element, whichever form its header has.

    Args:
        id: local id, 1…14 or 1…255.
        data: its **bytes**.
    """

    id: int
    data: bytes


def is_two_byte(profile: int) -> bool:
    """Whether `profile` announces two-byte headers; the low four bits are the application's. Spec: RFC 8285 §4.3."""
    return profile & 0xFFF0 == TWO_BYTE_PROFILE


def _form(profile: int) -> type[OneByteElement] | type[TwoByteElement] | None:
    if profile == ONE_BYTE_PROFILE:
        return OneByteElement
    return TwoByteElement if is_two_byte(profile) else None


def _steps(data: bytes, offset: int, end: int, profile: int) -> Iterator[tuple[str, int]]:
    """What stands at which offset: ``"element"``, ``"padding"`` (one byte) or ``"end"`` (all the rest).

    The caller sends back where the element that it read ends, so the walk is one pass.
    """
    one_byte = profile == ONE_BYTE_PROFILE
    while offset < end:
        first = data[offset]
        if first == 0:
            yield "padding", offset
            offset += 1
        elif one_byte and (first >> 4 == END_ID or first >> 4 == 0):
            yield "end", offset
            return
        else:
            yield "element", offset
            if one_byte:
                offset += 2 + (first & 15)
            else:
                offset += 2 + (data[offset + 1] if offset + 1 < end else 0)


def read_elements(extension: HeaderExtension) -> list[ExtensionElement]:
    """The elements of a block, in order; none if its profile is not one of RFC 8285.

    Padding is skipped; what stands behind id 15, or behind an id 0 with a length, is not looked at.

    Raises:
        RtpError: an element reaches beyond the block; the offset counts from the block's data.

    Spec: RFC 8285 §4.1.2, §4.2, §4.3.
    """
    form = _form(extension.profile)
    if form is None:
        return []
    data, found = extension.data, []
    for kind, offset in _steps(data, 0, len(data), extension.profile):
        if kind == "element":
            element, _ = form.parse_from(data, offset, len(data))
            found.append(ExtensionElement(element.id, element.data))
    return found


def write_elements(elements: Sequence[ExtensionElement], *, two_byte: bool | None = None) -> HeaderExtension:
    """A block with these elements, padded to whole words.

    Args:
        elements: in the order in which they shall stand.
        two_byte: the form; None takes one-byte headers where all elements fit them (RFC 8285 §4.1.2).

    Raises:
        RtpError: an id or a size that the form cannot carry.

    Spec: RFC 8285 §4.2, §4.3.
    """
    if two_byte is None:
        two_byte = any(e.id > ONE_BYTE_ID_MAX or not 1 <= len(e.data) <= ONE_BYTE_SIZE_MAX for e in elements)
    id_max, size_min, size_max = (255, 0, 255) if two_byte else (ONE_BYTE_ID_MAX, 1, ONE_BYTE_SIZE_MAX)
    out = bytearray()
    for element in elements:
        if not 1 <= element.id <= id_max or not size_min <= len(element.data) <= size_max:
            raise RtpError(
                f"extension {element.id} with {len(element.data)} bytes does not fit: ids 1 to {id_max}, "
                f"{size_min} to {size_max} bytes",
                rfc="RFC 8285 §4.3" if two_byte else "RFC 8285 §4.2",
                value=element.id,
            )
        form: type[OneByteElement] | type[TwoByteElement] = TwoByteElement if two_byte else OneByteElement
        out += form(id=element.id, data=element.data).serialize()
    out += bytes(-len(out) % 4)
    return HeaderExtension(profile=TWO_BYTE_PROFILE if two_byte else ONE_BYTE_PROFILE, data=bytes(out))


def explain_elements(
    data: bytes, start: int, end: int, profile: int, spans: list[Span], prefix: str = ""
) -> None:
    """Append what every bit of ``data[start:end]``, the data of a block, means.

    Raises:
        RtpError: an element reaches beyond the block.

    Spec: RFC 8285 §4.1.2.
    """
    form = _form(profile)
    if form is None:
        _append(
            data,
            start,
            end,
            f"{prefix}data",
            "data of a profile that is not RFC 8285's",
            spans,
            "RFC 3550 §5.3.1",
        )
        return
    count = paddings = 0
    for kind, offset in _steps(data, start, end, profile):
        if kind == "element":
            form.parse_from(data, offset, end, spans=spans, prefix=f"{prefix}elements[{count}].")
            count += 1
        elif kind == "end":
            doc = "id 15, or 0 with a length: nothing from here on is to be looked at"
            _append(data, offset, end, f"{prefix}ignored", doc, spans, "RFC 8285 §4.2")
        elif spans and spans[-1].name == f"{prefix}padding[{paddings - 1}]":
            last = spans[-1]
            last.width, last.value = last.width + 8, bytes(last.width // 8 + 1)
        else:
            doc = "padding: zero bytes, no element"
            _append(data, offset, offset + 1, f"{prefix}padding[{paddings}]", doc, spans, "RFC 8285 §4.1.2")
            paddings += 1


def _append(data: bytes, start: int, end: int, name: str, doc: str, spans: list[Span], rfc: str) -> None:
    piece = bytes(data[start:end])
    if piece:
        spans.append(Span(start, 0, 8 * len(piece), name, int.from_bytes(piece, "big"), piece, doc, rfc))

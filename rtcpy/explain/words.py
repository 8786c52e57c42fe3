"""Values in words: how anything that came off a wire is shown to people.

Text of a peer is never shown as it is: what does not print is escaped, so that it can steer no terminal, and long
values are cut. (HTML is escaped once more where it is made, in `render_html`.)

Specs: none.
"""

from __future__ import annotations

from enum import Enum

BYTES_SHOWN = 12  # of a value in one line
TEXT_SHOWN = 64  # characters of a value in one line
HEX_FROM = 16  # bits of an integer from which on it is shown in hexadecimal, too, unless it is one digit


def printable(text: str) -> str:
    """`text` with all that does not print escaped as Python would."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, limit: int = TEXT_SHOWN) -> str:
    """`text` in at most `limit` characters, the last of which is then an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(text: str, limit: int = TEXT_SHOWN) -> str:
    """Text of a peer in quotation marks: escaped and cut."""
    return '"' + printable(shortened(text, limit)).replace('"', '\\"') + '"'


def hex_words(data: bytes, limit: int = BYTES_SHOWN) -> str:
    """The first `limit` bytes in hexadecimal."""
    return data[:limit].hex(" ") + (" …" if len(data) > limit else "")


def counted(number: int, noun: str, nouns: str = "") -> str:
    """``1 byte``, ``2 bytes``: a number and what is counted, in the right form."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def bytes_text(data: bytes) -> str:
    """Bytes in a line: hexadecimal, and as text where they are nothing but ASCII text."""
    if not data:
        return "nothing"
    text = hex_words(data)
    try:
        shown = data.decode("ascii")
    except UnicodeDecodeError:
        return text
    return f"{text}  {quoted(shown)}" if shown.isprintable() else text


def enum_text(value: Enum) -> str:
    """``NAME (number)``."""
    number = f" ({value.value})" if isinstance(value.value, int) else ""
    return f"{value.name}{number}"


def value_text(value: object, width: int) -> str:
    """A value that was read from `width` **bits**, in a line."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return enum_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value} ({value:#0{2 + -(-width // 4)}x})" if width >= HEX_FROM and value > 9 else str(value)
    if isinstance(value, bytes):
        return bytes_text(value)
    if isinstance(value, str):
        return quoted(value)
    return shortened(printable(str(value)))

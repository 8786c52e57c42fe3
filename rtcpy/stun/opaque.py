"""OpaqueString: how user names, realms and passwords are brought into one form before they are hashed.

Two keyboards can produce the same visible password as different code points. The PRECIS profile OpaqueString
makes them the same bytes: it refuses control and invisible characters, turns every kind of space into U+0020, and
composes accents (NFC). It does not touch case, and unlike its predecessor SASLprep it does not fold look-alikes:
"Ⅸ" stays "Ⅸ".

Printable ASCII, and so every ICE password, passes unchanged.

Specs: RFC 8265 §4.2 (the profile), RFC 8264 §4.3 and §8 (FreeformClass), RFC 5892 §2.6 and Appendix A (exceptions
and context rules), as far as Python's `unicodedata` can tell:

- Deviation: the ZERO WIDTH NON-JOINER is accepted only after a virama; the second half of its rule needs the
  Joining_Type property, which `unicodedata` does not have. Refusing is the safe side.
- Deviation: the script of a neighbour is taken from its Unicode name ("GREEK SMALL LETTER…") for the same reason.
- Deviation: "unassigned" means unassigned in the Unicode version of the running Python.
"""

from __future__ import annotations

import unicodedata

from rtcpy.core.errors import RtcSyntaxError

# RFC 5892 §2.6: code points whose general category gives the wrong answer.
_ALLOWED = frozenset(map(chr, (0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007)))
_REFUSED = frozenset(map(chr, (0x0640, 0x07FA, 0x302E, 0x302F, *range(0x3031, 0x3036), 0x303B)))
_ARABIC_INDIC = frozenset(map(chr, range(0x0660, 0x066A)))
_EXTENDED_ARABIC_INDIC = frozenset(map(chr, range(0x06F0, 0x06FA)))

_VIRAMA = 9  # canonical combining class, RFC 5892 Appendix A.1
_OLD_HANGUL_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))  # RFC 8264 §9.9
# RFC 8264 §9.13: Default_Ignorable_Code_Point of the Unicode character database. They cannot be seen.
_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_FREEFORM_CATEGORIES = frozenset(
    (
        *("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"),  # LetterDigits, RFC 8264 §9.1
        *("Lt", "Nl", "No", "Me"),  # OtherLetterDigits, §9.18
        "Zs",  # Spaces, §9.14
        *("Sm", "Sc", "Sk", "So"),  # Symbols, §9.15
        *("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"),  # Punctuation, §9.16
    )
)


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _script_is(character: str, *scripts: str) -> bool:
    return unicodedata.name(character, "").startswith(scripts)


def _context_allows(text: str, at: int) -> bool | None:
    """Whether the character at index `at` may stand where it stands; `None`: no context rule concerns it.

    Spec: RFC 5892 Appendix A.1–A.9.
    """
    character = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if character in "\u200c\u200d":  # ZERO WIDTH (NON-)JOINER
        return bool(before) and unicodedata.combining(before) == _VIRAMA
    if character == "\u00b7":  # MIDDLE DOT: Catalan l·l
        return before == "l" and after == "l"
    if character == "\u0375":  # GREEK LOWER NUMERAL SIGN (KERAIA)
        return bool(after) and _script_is(after, "GREEK")
    if character in "\u05f3\u05f4":  # HEBREW PUNCTUATION GERESH, GERSHAYIM
        return bool(before) and _script_is(before, "HEBREW")
    if character == "\u30fb":  # KATAKANA MIDDLE DOT
        return any(_script_is(other, "HIRAGANA", "KATAKANA LETTER", "CJK") for other in text)
    if character in _ARABIC_INDIC:  # the two sets of digits look alike; never both
        return not _EXTENDED_ARABIC_INDIC.intersection(text)
    if character in _EXTENDED_ARABIC_INDIC:
        return not _ARABIC_INDIC.intersection(text)
    return None


def _allowed(text: str, at: int) -> bool:
    """Whether FreeformClass allows the character at index `at`, in the order of RFC 8264 §8."""
    character = text[at]
    code = ord(character)
    if character in _ALLOWED:
        return True
    if character in _REFUSED:
        return False
    if 0x21 <= code <= 0x7E:
        return True
    in_context = _context_allows(text, at)
    if in_context is not None:
        return in_context
    if _within(code, _OLD_HANGUL_JAMO) or _within(code, _IGNORABLE):
        return False
    category = unicodedata.category(character)
    if category in ("Cn", "Cc", "Cs"):  # unassigned and noncharacters; controls; surrogates are no characters
        return False
    if unicodedata.normalize("NFKC", character) != character:
        return True  # HasCompat, RFC 8264 §9.17
    return category in _FREEFORM_CATEGORIES


def opaque_string(text: str) -> str:
    """`text` in the form that is hashed, compared and sent.

    Raises:
        RtcSyntaxError: the text is empty, or holds a character that the profile refuses; which and where is said,
            the text itself is not (it may be a password).

    Spec: RFC 8265 §4.2.
    """
    if text.isascii() and text.isprintable() and text:
        return text  # U+0020…U+007E: nothing to do
    if not text:
        raise RtcSyntaxError("a user name, realm or password must not be empty (RFC 8265 §4.2)")
    for at in range(len(text)):
        if not _allowed(text, at):
            raise RtcSyntaxError(
                f"character {at + 1}, U+{ord(text[at]):04X}, is not allowed in a user name, realm or password "
                "(RFC 8265 §4.2.1)"
            )
    mapped = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", mapped)

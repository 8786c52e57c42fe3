"""The ABNF of SDP as regular expressions, and the one error of this package.

Owns `SdpError`, the character classes and generic rules of RFC 8866 §9, and `Rule`: a pattern that knows
its name and section. The rules of single lines and attributes stand beside the types they belong to.

Every pattern here and in the rest of the package runs in time linear in its input. What guarantees it:
no quantifier stands over a group that contains a quantifier able to match the same text in two ways (lists
are matched as one run of characters and split afterwards), neighbouring runs have disjoint characters or a
delimiter that neither contains, and optional parts begin with a delimiter. A test reads the parsed patterns
and checks the first of these.

Digits are ``[0-9]``: ``\\d`` and `str.isdigit` also take the digits of other scripts, which `int` would
then silently convert.

The ABNF speaks of bytes, this package of text: ``%x80-FF`` is any character beyond ASCII here, since such a
character is nothing but such bytes in UTF-8.

Spec: RFC 8866 §9. Where a rule here departs from the text, the place says so (``Deviation:``).
"""

from __future__ import annotations

import re

from rtcpy.core.errors import WireError

# RFC 8866 §9, generic sub-rules: primitives and datatypes ---------------------------------------------

TOKEN_CHAR = r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]"
TOKEN = TOKEN_CHAR + "+"
BEYOND_ASCII = r"\u0080-\ud7ff\ue000-\U0010ffff"  # %x80-FF: what UTF-8 can hold of it, so no surrogates
NON_WS_CHAR = rf"[!-~{BEYOND_ASCII}]"
NON_WS = NON_WS_CHAR + "+"  # non-ws-string
SPACED_CHAR = rf"[ -~{BEYOND_ASCII}]"  # of a list of such strings with blanks between
TEXT_CHAR = rf"[\t -~{BEYOND_ASCII}]"
BYTE_STRING = TEXT_CHAR + "+"
"""What ``byte-string`` is here.

Deviation: the RFC allows all bytes but NUL, CR and LF. No attribute in use needs the other ASCII control
characters but TAB; they are how escape sequences get into terminals and logs. So they are refused on the way
in, and what was accepted can always be written back.
"""
DIGITS_MAX = 40
"""Digits a number may have. The ABNF has no end; 40 hold 128 bits, and `int` of a number of unbounded length
costs quadratic time (CPython refuses 4,300 digits with `ValueError`)."""
NUMBER = rf"[0-9]{{1,{DIGITS_MAX}}}"
INTEGER = rf"[1-9][0-9]{{0,{DIGITS_MAX - 1}}}"  # integer: no leading zero, not zero
ZERO_BASED_INTEGER = rf"(?:0|{INTEGER})"
PAYLOAD_TYPE = "(?:12[0-7]|1[01][0-9]|[1-9]?[0-9])"  # zero-based-integer of 7 bits, RFC 3550 §5.1
ICE_CHAR = r"[A-Za-z0-9+/]"  # RFC 8839 §5.1
BASE64 = r"[A-Za-z0-9+/]+={0,2}"

# RFC 8866 §9, generic sub-rules: addressing ------------------------------------------------------------

DECIMAL_UCHAR = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IP4_ADDRESS = rf"{DECIMAL_UCHAR}\.{DECIMAL_UCHAR}\.{DECIMAL_UCHAR}\.{DECIMAL_UCHAR}"
_H16 = "[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{IP4_ADDRESS})"
IP6_ADDRESS = (
    "(?:"
    + "|".join(
        [rf"(?:{_H16}:){{6}}{_LS32}", rf"::(?:{_H16}:){{5}}{_LS32}"]
        + [rf"(?:(?:{_H16}:){{0,{n}}}{_H16})?::(?:{_H16}:){{{4 - n}}}{_LS32}" for n in range(5)]
        + [rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}", rf"(?:(?:{_H16}:){{0,6}}{_H16})?::"]
    )
    + ")"
)
FQDN = r"[A-Za-z0-9.\-]{4,}"

_IP4 = re.compile(IP4_ADDRESS)
_IP6 = re.compile(IP6_ADDRESS)
_FQDN = re.compile(FQDN)


def is_ip4(address: str) -> bool:
    """Is this an IPv4 address literal? Spec: RFC 8866 §9 (``IP4-address``)."""
    return _IP4.fullmatch(address) is not None


def is_ip6(address: str) -> bool:
    """Is this an IPv6 address literal, with or without a zone after ``%`` (RFC 4007 §11)?

    Spec: RFC 8866 §9 (``IP6-address``). The zone is no part of that rule; link-local candidates of some
    peers carry one.
    """
    literal, percent, zone = address.partition("%")
    return _IP6.fullmatch(literal) is not None and (not percent or zone != "")


def is_fqdn(address: str) -> bool:
    """Could this be a host name? Every IPv4 literal also could. Spec: RFC 8866 §9 (``FQDN``)."""
    return _FQDN.fullmatch(address) is not None


# What may never stand in a line that we accept or write ------------------------------------------------

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""ASCII control characters except TAB: what `BYTE_STRING` leaves out below U+0080."""


class SdpError(WireError):
    """Text that is no session description, or a value that may not stand in one.

    Args:
        message: what is wrong, with what was expected.
        line: number of the line in the text, from 1, if known; also available as `offset`.
        section: where in the description, e.g. ``"session"`` or ``"m-section 0 (audio)"``, if known.
        rfc: section that states the rule.
        value: the offending text. It is shown in full in `value`, shortened and escaped in the message.
    """

    __slots__ = ("section",)

    def __init__(
        self, message: str, *, line: int | None = None, section: str = "", rfc: str = "", value: object = None
    ) -> None:
        super().__init__(message, offset=line, rfc=rfc, value=value)
        self.section = section

    @property
    def line(self) -> int | None:
        """Number of the line, from 1."""
        return self.offset

    def at(self, line: int | None, section: str) -> SdpError:
        """This error with its place filled in, where it was not known yet. Returns itself."""
        if self.offset is None:
            self.offset = line
        if not self.section:
            self.section = section
        return self

    def __str__(self) -> str:
        where = [] if self.offset is None else [f"line {self.offset}"]
        if self.section:
            where.append(self.section)
        found = "" if self.value is None else f": found {shorten(self.value)}"
        rule = f" ({self.rfc})" if self.rfc else ""
        return (f"{', '.join(where)}: " if where else "") + self.message + found + rule


SHOWN_MAX = 80
"""Characters of an offending value that a message shows."""


def shorten(value: object) -> str:
    """A value for a message: quoted, control characters escaped, never longer than about `SHOWN_MAX`."""
    if isinstance(value, str) and len(value) > SHOWN_MAX:
        return ascii(value[:SHOWN_MAX]) + f"… ({len(value)} characters)"
    return ascii(value)


class Rule:
    """One rule of a grammar: a pattern with its name and its section.

    Args:
        name: as it shall appear in error messages, e.g. ``"a=rtpmap"``.
        pattern: regular expression for the whole value; its groups are the fields.
        rfc: where the rule stands.
    """

    __slots__ = ("fullmatch", "name", "pattern", "rfc")

    def __init__(self, name: str, pattern: str, rfc: str) -> None:
        self.name, self.pattern, self.rfc = name, pattern, rfc
        self.fullmatch = re.compile(pattern).fullmatch

    def match(self, value: str) -> re.Match[str]:
        """Match the whole value.

        Raises:
            SdpError: the value does not follow the rule.
        """
        match = self.fullmatch(value)
        if match is None:
            raise self.error("does not follow its grammar", value)
        return match

    def check(self, value: str) -> str:
        """The value itself, if it follows the rule; the guard of everything that is written.

        Raises:
            SdpError: the value does not follow the rule.
        """
        if self.fullmatch(value) is None:
            raise self.error("cannot be written", value)
        return value

    def error(self, problem: str, value: str) -> SdpError:
        """An `SdpError` that names this rule."""
        return SdpError(f"{self.name} {problem}", rfc=self.rfc, value=value)


def integer(text: str, low: int, high: int, name: str, rfc: str) -> int:
    """The number in `text` (already known to be ASCII digits), if it lies in ``low..high``.

    Raises:
        SdpError: it does not.
    """
    number = int(text) if len(text) <= DIGITS_MAX else -1
    if not low <= number <= high:
        raise SdpError(f"{name} is outside {low}..{high}", rfc=rfc, value=text)
    return number


PORT_MAX = 65535
UINT32_MAX = 2**32 - 1

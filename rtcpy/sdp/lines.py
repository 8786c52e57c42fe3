"""The fixed lines of a description: ``v= o= s= i= u= e= p= c= b= t= r= z= k= m=``.

Owns the grammar of each line type but ``a=``, and typed records for those that mean something to WebRTC
(`Origin`, `Connection`, `Bandwidth`, `Timing`, `MediaLine`). ``a=`` lines: `values` and what builds on it.

Spec: RFC 8866 §5 (what each line means), §9 (grammar).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from rtcpy.sdp.grammar import (
    BYTE_STRING,
    CONTROL,
    INTEGER,
    NON_WS,
    NUMBER,
    PORT_MAX,
    TEXT_CHAR,
    TOKEN,
    Rule,
    SdpError,
    integer,
)

_UNIT = "[dhms]?"  # fixed-len-time-unit, case-sensitive
_TYPED_TIME = rf"[0-9]{{1,20}}{_UNIT}"
_TIME = r"(?:[1-9][0-9]{9,19}|0)"  # seconds since 1900, at least ten digits, or 0
_EMAIL_SAFE = rf"(?:(?![()<>]){TEXT_CHAR})+"

VERSION = Rule("v= line", "0", "RFC 8866 §5.1")
"""Only version 0 exists; other numbers are well-formed but of a language that is not this one."""

SESSION_NAME = Rule("s= line", rf"{TEXT_CHAR}*", "RFC 8866 §5.3")
"""Deviation: an empty name is read. §5.3 forbids it, RFC 4317's examples and some peers write it."""

INFORMATION = Rule("i= line", BYTE_STRING, "RFC 8866 §5.4")
URI = Rule("u= line", NON_WS, "RFC 8866 §5.5")
EMAIL = Rule("e= line", rf"{_EMAIL_SAFE}(?:\({_EMAIL_SAFE}\)|<{_EMAIL_SAFE}>)?", "RFC 8866 §5.6")
PHONE = Rule("p= line", rf"{_EMAIL_SAFE}(?:\({_EMAIL_SAFE}\)|<{_EMAIL_SAFE}>)?", "RFC 8866 §5.6")
REPEAT = Rule("r= line", rf"[1-9][0-9]{{0,19}}{_UNIT} {_TYPED_TIME}(?: {_TYPED_TIME})+", "RFC 8866 §5.10")
ZONE = Rule("z= line", rf"{_TIME} -?{_TYPED_TIME}(?: {_TIME} -?{_TYPED_TIME})*", "RFC 8866 §5.11")
KEY = Rule(
    "k= line", rf"prompt|clear:{BYTE_STRING}|base64:[A-Za-z0-9+/]*={{0,2}}|uri:{NON_WS}", "RFC 8866 §5.12"
)


@dataclass(slots=True)
class Origin:
    """``o=``: who made this description, and which edition of it: ``o=- 3998114199484975968 2 IN IP4 127.0.0.1``.

    Args:
        session_id: unique together with the other fields; the same in all descriptions of one session.
        session_version: one more in each changed description of the session (RFC 9429 §5.2.2).
        username: ``-`` where there is none.
        network_type, address_type, address: of the maker; JSEP writes ``IN IP4 127.0.0.1`` so as to tell nothing.

    Spec: RFC 8866 §5.2, RFC 9429 §5.2.1.
    """

    RULE: ClassVar[Rule] = Rule(
        "o= line", rf"({NON_WS}) ({NUMBER}) ({NUMBER}) ({TOKEN}) ({TOKEN}) ({NON_WS})", "RFC 8866 §5.2"
    )

    session_id: int
    session_version: int
    username: str = "-"
    network_type: str = "IN"
    address_type: str = "IP4"
    address: str = "127.0.0.1"

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``o=``. Raises `SdpError`."""
        username, session_id, version, network, kind, address = cls.RULE.match(value).groups()
        return cls(int(session_id), int(version), username, network, kind, address)

    def serialize(self) -> str:
        """What stands behind ``o=``. Raises `SdpError`."""
        return self.RULE.check(
            f"{self.username} {self.session_id} {self.session_version}"
            f" {self.network_type} {self.address_type} {self.address}"
        )


@dataclass(slots=True)
class Connection:
    """``c=``: where media would go without ICE. With ICE: ``IN IP4 0.0.0.0`` or the default candidate.

    Args:
        address: address, name, or multicast address with ``/ttl`` and ``/count``, as written.

    Spec: RFC 8866 §5.7, RFC 9429 §5.2.1, RFC 8839 §4.2.1.3.
    """

    RULE: ClassVar[Rule] = Rule("c= line", rf"({TOKEN}) ({TOKEN}) ({NON_WS})", "RFC 8866 §5.7")

    address: str = "0.0.0.0"
    address_type: str = "IP4"
    network_type: str = "IN"

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``c=``. Raises `SdpError`."""
        network, kind, address = cls.RULE.match(value).groups()
        return cls(address, kind, network)

    def serialize(self) -> str:
        """What stands behind ``c=``. Raises `SdpError`."""
        return self.RULE.check(f"{self.network_type} {self.address_type} {self.address}")


@dataclass(slots=True)
class Bandwidth:
    """``b=``: bandwidth proposed: ``b=TIAS:128000`` (bit/s, without headers), ``b=AS:128`` (kbit/s, with them).

    Args:
        type: ``CT``, ``AS``, ``TIAS`` (RFC 3890), ``RS``, ``RR`` (RFC 3556), or another.
        value: in the unit that the type has.

    Spec: RFC 8866 §5.8.
    """

    RULE: ClassVar[Rule] = Rule("b= line", rf"({TOKEN}):({NUMBER})", "RFC 8866 §5.8")

    type: str
    value: int

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``b=``. Raises `SdpError`."""
        kind, number = cls.RULE.match(value).groups()
        return cls(kind, int(number))

    def serialize(self) -> str:
        """What stands behind ``b=``. Raises `SdpError`."""
        return self.RULE.check(f"{self.type}:{self.value}")


@dataclass(slots=True)
class Timing:
    """``t=``: when the session is on, in **seconds** since 1900; ``0 0`` is always, the only value in WebRTC.

    Spec: RFC 8866 §5.9.
    """

    RULE: ClassVar[Rule] = Rule("t= line", rf"({_TIME}) ({_TIME})", "RFC 8866 §5.9")

    start: int = 0
    stop: int = 0

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``t=``. Raises `SdpError`."""
        start, stop = cls.RULE.match(value).groups()
        return cls(int(start), int(stop))

    def serialize(self) -> str:
        """What stands behind ``t=``. Raises `SdpError`."""
        return self.RULE.check(f"{self.start} {self.stop}")


@dataclass(slots=True)
class MediaLine:
    """``m=``: one medium: ``m=audio 9 UDP/TLS/RTP/SAVPF 111 63``.

    Args:
        media: ``audio``, ``video``, ``application``, …
        port: 0..65535; 9 where ICE will find it, 0 for rejected (or bundle-only, RFC 9143 §6).
        protocol: ``UDP/TLS/RTP/SAVPF``, ``UDP/DTLS/SCTP``, …
        formats: RTP payload types, or ``webrtc-datachannel``, in order of preference.
        port_count: number of port pairs (``/2``), None where not written.

    Spec: RFC 8866 §5.14; RFC 8841 §4 for SCTP.
    """

    RULE: ClassVar[Rule] = Rule(
        "m= line",
        rf"({TOKEN}) ({NUMBER})(?:/({INTEGER}))? ([A-Za-z0-9!#$%&'*+\-.^_`{{|}}~/]+)"
        r"((?: [A-Za-z0-9!#$%&'*+\-.^_`{|}~]+)+)",
        "RFC 8866 §5.14",
    )

    media: str
    port: int
    protocol: str
    formats: list[str] = field(default_factory=list)
    port_count: int | None = None

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``m=``. Raises `SdpError`."""
        media, port, count, protocol, formats = cls.RULE.match(value).groups()
        if not all(protocol.split("/")):
            raise cls.RULE.error("has an empty part in its protocol", value)
        number = integer(port, 0, PORT_MAX, "port of m= line", cls.RULE.rfc)
        return cls(media, number, protocol, formats.split(" ")[1:], int(count) if count else None)

    def serialize(self) -> str:
        """What stands behind ``m=``. Raises `SdpError`."""
        integer(str(self.port), 0, PORT_MAX, "port of m= line", self.RULE.rfc)
        count = "" if self.port_count is None else f"/{self.port_count}"
        text = self.RULE.check(f"{self.media} {self.port}{count} {self.protocol} {' '.join(self.formats)}")
        if not all(self.protocol.split("/")):
            raise self.RULE.error("has an empty part in its protocol", text)
        return text


CHECKS: Mapping[str, Callable[[str], object]] = {
    "v": VERSION.match,
    "o": Origin.RULE.match,
    "s": SESSION_NAME.match,
    "i": INFORMATION.match,
    "u": URI.match,
    "e": EMAIL.match,
    "p": PHONE.match,
    "c": Connection.RULE.match,
    "b": Bandwidth.RULE.match,
    "t": Timing.RULE.match,
    "r": REPEAT.match,
    "z": ZONE.match,
    "k": KEY.match,
    "m": MediaLine.parse,
}
"""Line type → what checks its value. ``a`` is missing: attributes are checked when read, or by `validate`."""

SESSION_ORDER = "vosiuepcbtrzka"
"""Order of the line types of the session section. Spec: RFC 8866 §5."""

MEDIA_ORDER = "micbka"
"""Order of the line types of a media section. Spec: RFC 8866 §5."""

ATTRIBUTE_NAME = Rule("attribute name", TOKEN, "RFC 8866 §5.13")
ATTRIBUTE_LINE = re.compile(rf"a={TOKEN}(?::|\Z)")
"""How every ``a=`` line begins; what follows the colon is checked by the attribute itself.

Deviation: a value may be empty (``a=fmtp:``), which the grammar's ``byte-string`` may not. Of a known attribute
it is refused when that is read, of an unknown one it means nothing.
"""

_begins_attribute = ATTRIBUTE_LINE.match


def check_line(line: str) -> None:
    """Check one line, without its end: type letter, ``=``, and the syntax of its value where it has one here.

    Raises:
        SdpError: it is no line, or its value does not follow its grammar.

    Spec: RFC 8866 §5. Lines with letters that RFC does not have pass here and are refused by `validate`.
    """
    if line[1:2] != "=":
        raise SdpError("a line is one letter, '=' and a value", rfc="RFC 8866 §5", value=line)
    kind = line[0]
    if kind == "a":
        if _begins_attribute(line) is None:
            raise SdpError("a= line does not follow its grammar", rfc="RFC 8866 §5.13", value=line)
        return
    check = CHECKS.get(kind)
    if check is not None:
        check(line[2:])
    elif not (kind.isascii() and kind.isalpha()):
        raise SdpError("a line begins with a letter", rfc="RFC 8866 §5", value=line)


def check_lines(lines: list[str], first: int | None, section: str) -> None:
    """Check the lines of one section: `check_clean` and `check_line` for each, quicker.

    Args:
        lines: without their ends.
        first: number of the first of them, for errors; None if they stand in no text.
        section: its name, for errors.

    Raises:
        SdpError: the first line that is none.
    """
    # `isprintable` is the quick no: of what it refuses, only control characters and surrogates are forbidden.
    if not "".join(lines).isprintable():
        for index, line in enumerate(lines):
            try:
                check_clean(line)
            except SdpError as error:
                raise error.at(None if first is None else first + index, section) from None
    for index, line in enumerate(lines):
        if _begins_attribute(line) is None:
            try:
                check_line(line)
            except SdpError as error:
                raise error.at(None if first is None else first + index, section) from None


def check_clean(line: str) -> None:
    """Raises `SdpError` if a line holds a control character other than TAB, or what UTF-8 cannot hold."""
    if CONTROL.search(line) is not None:
        raise SdpError("control character in a line", rfc="RFC 8866 §9", value=line)
    if not line.isascii():
        try:
            line.encode()
        except UnicodeEncodeError:
            raise SdpError("line is not UTF-8", rfc="RFC 8866 §5", value=line) from None

"""A session description: its sections, their lines, and the typed views on them.

Owns `SessionDescription` and `MediaDescription`. The text is the model: a section is the list of its lines, in
their order, without line ends, unknown ones included; nothing is kept twice. Typed access decodes lines when
asked; a decoded value is a copy and changes nothing until written back with `Section.set` or `Section.add`.

An attribute may stand before the line it refers to (Firefox sorts ``fmtp`` before ``rtpmap``): views look at the
whole section, never at what came before.

Not here: text with line ends and its limits (`codec`); what anything means for a session (`rtcpy.peer`).

Spec: RFC 8866 §5, RFC 9429 §5.8.1–5.8.2 (what JSEP reads), RFC 3264 §5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeVar

from rtcpy.sdp.attributes import PATTERNS, Group, Mid, decode
from rtcpy.sdp.grammar import PAYLOAD_TYPE, SdpError
from rtcpy.sdp.lines import (
    CHECKS,
    MEDIA_ORDER,
    SESSION_NAME,
    SESSION_ORDER,
    Bandwidth,
    Connection,
    MediaLine,
    Origin,
    Timing,
    check_clean,
    check_line,
)
from rtcpy.sdp.media_attributes import Direction, Fmtp, Rid, RtcpFb, Rtpmap, Simulcast
from rtcpy.sdp.transport_attributes import Fingerprint, IceOptions, IcePwd, IceUfrag, Role, Setup
from rtcpy.sdp.values import AttributeValue

_PAYLOAD_TYPE = re.compile(PAYLOAD_TYPE)

A = TypeVar("A", bound=AttributeValue)

_ALWAYS = f"t={Timing().serialize()}"
DIRECTION_LINES = {f"a={direction.value}": direction for direction in Direction}


@dataclass(slots=True)
class Section:
    """Lines that belong together: those of the session, or of one ``m=``.

    Args:
        lines: without line ends, in order. Whoever changes them by hand answers for them; `serialize` checks.
        start: number of the first line in the text parsed, from 1, for error messages; 0 if built here.
    """

    lines: list[str] = field(default_factory=list)
    start: int = field(default=0, compare=False, kw_only=True)

    ORDER = ""

    @property
    def name(self) -> str:
        """What errors call this section."""
        return "section"

    # Reading ------------------------------------------------------------------------------------------

    def values(self, name: str) -> list[str]:
        """Text behind the colon of every ``a=name:`` line, in order."""
        prefix = f"a={name}:"
        return [line[len(prefix) :] for line in self.lines if line.startswith(prefix)]

    def value(self, name: str) -> str | None:
        """Text behind the colon of the first ``a=name:`` line."""
        prefix = f"a={name}:"
        for line in self.lines:
            if line.startswith(prefix):
                return line[len(prefix) :]
        return None

    def names(self) -> frozenset[str]:
        """Names of all attributes that stand here, for whoever is about to ask for many kinds of them."""
        return frozenset([line[2:].partition(":")[0] for line in self.lines if line[:2] == "a="])

    def has(self, name: str) -> bool:
        """Is there an attribute of this name, with a value or as a flag?"""
        return f"a={name}" in self.lines or self.value(name) is not None

    def all(self, kind: type[A]) -> list[A]:
        """Every attribute of this kind, decoded, in order.

        Raises:
            SdpError: one does not follow its grammar.
        """
        prefix = f"a={kind.NAME}:"
        found = []
        for index, line in enumerate(self.lines):
            if line.startswith(prefix):
                try:
                    found.append(kind.parse(line[len(prefix) :]))
                except SdpError as error:
                    raise error.at(self.line_number(index), self.name) from None
        return found

    def get(self, kind: type[A]) -> A | None:
        """The first attribute of this kind, decoded, or None.

        Raises:
            SdpError: it does not follow its grammar.
        """
        prefix = f"a={kind.NAME}:"
        for index, line in enumerate(self.lines):
            if line.startswith(prefix):
                try:
                    return kind.parse(line[len(prefix) :])
                except SdpError as error:
                    raise error.at(self.line_number(index), self.name) from None
        return None

    def attributes(self) -> Iterator[tuple[str, str | None]]:
        """Name and value of every ``a=`` line, in order; the value is None where there is no colon."""
        for line in self.lines:
            if line.startswith("a="):
                name, colon, value = line[2:].partition(":")
                yield name, (value if colon else None)

    def texts(self, kind: str) -> list[str]:
        """Values of all lines of one type letter, e.g. ``texts("b")``."""
        prefix = f"{kind}="
        return [line[2:] for line in self.lines if line.startswith(prefix)]

    def text(self, kind: str) -> str | None:
        """Value of the first line of one type letter."""
        prefix = f"{kind}="
        return next((line[2:] for line in self.lines if line.startswith(prefix)), None)

    @property
    def connection(self) -> Connection | None:
        """The first ``c=`` line. Spec: RFC 8866 §5.7."""
        text = self.text("c")
        return None if text is None else Connection.parse(text)

    @connection.setter
    def connection(self, value: Connection | None) -> None:
        line = None if value is None else f"c={value.serialize()}"  # checked in there
        self._replace([old for old in self.lines if old.startswith("c=")], line)

    @property
    def bandwidths(self) -> list[Bandwidth]:
        """All ``b=`` lines. Spec: RFC 8866 §5.8."""
        return [Bandwidth.parse(text) for text in self.texts("b")]

    @property
    def direction(self) -> Direction | None:
        """The first direction attribute of this section itself, None if it has none.

        `SessionDescription.direction_of` has inheritance and the default. Spec: RFC 8866 §6.7.
        """
        return next((DIRECTION_LINES[line] for line in self.lines if line in DIRECTION_LINES), None)

    @direction.setter
    def direction(self, value: Direction | None) -> None:
        self._replace(DIRECTION_LINES, value and f"a={value.value}")

    def line_number(self, index: int) -> int | None:
        """Number in the parsed text of the line at this index; None if the section was built here."""
        return self.start + index if self.start else None

    # Writing ------------------------------------------------------------------------------------------

    def add(self, *values: AttributeValue) -> Self:
        """Append attributes at the end. Returns itself.

        Raises:
            SdpError: a field holds what may not stand there.
        """
        self.lines.extend([value.line() for value in values])
        return self

    def add_flag(self, *names: str) -> Self:
        """Append attributes without value. Returns itself.

        Raises:
            SdpError: it is no name.
        """
        for name in names:
            self.add_attribute(name)
        return self

    def add_attribute(self, name: str, value: str | None = None) -> Self:
        """Append any attribute, known here or not. Returns itself.

        Raises:
            SdpError: name or value hold what may not stand there, or do not follow the attribute's grammar.
        """
        line = f"a={name}" if value is None else f"a={name}:{value}"
        check_clean(line)
        check_line(line)
        if ":" in name:
            raise SdpError("attribute name contains a colon", rfc="RFC 8866 §5.13", value=name)
        decode(name, value)
        self.lines.append(line)
        return self

    def set(self, value: AttributeValue) -> Self:
        """Put this value in the place of all attributes of its kind, or at the end. Returns itself.

        Raises:
            SdpError: a field holds what may not stand there.
        """
        prefix = f"a={value.NAME}:"
        self._replace([line for line in self.lines if line.startswith(prefix)], value.line())
        return self

    def remove(self, what: str | type[AttributeValue]) -> int:
        """Remove all attributes of a name or kind. Returns how many."""
        name = what if isinstance(what, str) else what.NAME
        flag, prefix = f"a={name}", f"a={name}:"
        before = len(self.lines)
        self.lines[:] = [line for line in self.lines if line != flag and not line.startswith(prefix)]
        return before - len(self.lines)

    def set_text(self, kind: str, value: str | None) -> None:
        """Write the one line of a type letter (None removes it), at the place that RFC 8866 §5 gives it.

        Raises:
            SdpError: the value does not follow the line's grammar.
        """
        line = None if value is None else f"{kind}={value}"
        if line is not None:
            check_clean(line)
            check_line(line)
        self._replace([old for old in self.lines if old.startswith(f"{kind}=")], line)

    def add_text(self, kind: str, value: str) -> None:
        """Add a line of a type letter (``b``, ``t``, …) behind those it belongs behind. Spec: RFC 8866 §5.

        Raises:
            SdpError: the value does not follow the line's grammar.
        """
        line = f"{kind}={value}"
        check_clean(line)
        check_line(line)
        self.lines.insert(self._place(kind), line)

    def _place(self, kind: str) -> int:
        """Index behind the last line whose type comes no later than this one."""
        rank = self.ORDER.find(kind)
        place = 0
        for index, line in enumerate(self.lines):
            if self.ORDER.find(line[0]) <= rank:
                place = index + 1
        return place if rank >= 0 else len(self.lines)

    def _replace(self, old: Iterable[str], new: str | None) -> None:
        """Put `new` in the place of the first of `old` lines, and remove the others."""
        gone = set(old)
        kept: list[str] = []
        for line in self.lines:
            if line not in gone:
                kept.append(line)
            elif new is not None:
                kept.append(new)
                new = None
        self.lines[:] = kept
        if new is not None:
            self.lines.insert(self._place(new[0]), new)

    # Checking -----------------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check every line, and every attribute known here, against its grammar.

        Raises:
            SdpError: the first that does not follow it; a type letter that RFC 8866 does not have (§5: such a
                description is to be ignored or rejected).

        Spec: RFC 9429 §5.8: a description is rejected if any line is not well-formed, even one that is not used.
        """
        for index, line in enumerate(self.lines):
            is_attribute = line.startswith("a=")
            name, colon, value = line[2:].partition(":")
            if is_attribute and colon:
                match = PATTERNS.get(name)
                if match is not None and match(value):
                    continue
            try:
                if is_attribute:
                    decode(name, value if colon else None)
                elif line[:1] in CHECKS:
                    check_line(line)
                else:
                    raise SdpError("unknown type letter", rfc="RFC 8866 §5", value=line)
            except SdpError as error:
                raise error.at(self.line_number(index), self.name) from None


@dataclass(slots=True)
class MediaDescription(Section):
    """One ``m=`` section; its first line is the ``m=`` line.

    `MediaDescription.new` builds one.
    """

    ORDER = MEDIA_ORDER

    @classmethod
    def new(cls, media: str, port: int, protocol: str, formats: Iterable[str | int]) -> Self:
        """An empty section.

        Args:
            media: ``"audio"``, ``"video"``, ``"application"``, …
            port: 9 where ICE will find the address, 0 to reject.
            protocol: e.g. ``"UDP/TLS/RTP/SAVPF"``, ``"UDP/DTLS/SCTP"``.
            formats: payload types or names, best first.

        Raises:
            SdpError: a field holds what may not stand there.
        """
        return cls([f"m={MediaLine(media, port, protocol, [str(f) for f in formats]).serialize()}"])

    @property
    def name(self) -> str:
        """What errors call this section: ``m=audio``."""
        return f"m={self.lines[0][2:].partition(' ')[0][:20]}" if self.lines else "m="

    @property
    def media_line(self) -> MediaLine:
        """The ``m=`` line, decoded."""
        return MediaLine.parse(self.lines[0][2:])

    @media_line.setter
    def media_line(self, value: MediaLine) -> None:
        self.lines[0] = f"m={value.serialize()}"

    @property
    def media(self) -> str:
        """``audio``, ``video``, ``application``, …"""
        return self.media_line.media

    @property
    def port(self) -> int:
        """Port of the ``m=`` line; set it to 0 to reject."""
        return self.media_line.port

    @port.setter
    def port(self, value: int) -> None:
        line = self.media_line
        line.port = value
        self.media_line = line

    @property
    def protocol(self) -> str:
        """``UDP/TLS/RTP/SAVPF``, ``UDP/DTLS/SCTP``, …"""
        return self.media_line.protocol

    @property
    def formats(self) -> list[str]:
        """Formats of the ``m=`` line, in order of preference. A copy; assign to change."""
        return self.media_line.formats

    @formats.setter
    def formats(self, value: Iterable[str | int]) -> None:
        line = self.media_line
        line.formats = [str(one) for one in value]
        self.media_line = line

    @property
    def is_rtp(self) -> bool:
        """Does this section carry RTP? Spec: RFC 9429 §5.1.2: the protocol has a part ``RTP``."""
        return "RTP" in self.protocol.split("/")

    @property
    def is_data(self) -> bool:
        """Is this a section for data channels, in the form of RFC 8841 or the older one (``DTLS/SCTP 5000``)?"""
        line = self.media_line
        return (
            line.media == "application"
            and "DTLS" in line.protocol.split("/")
            and "SCTP" in line.protocol.split("/")
        )

    @property
    def is_rejected(self) -> bool:
        """Is the port 0 without ``a=bundle-only``? Spec: RFC 3264 §6, RFC 9143 §6."""
        return self.port == 0 and not self.has("bundle-only")

    @property
    def mid(self) -> str | None:
        """Name of the section. Spec: RFC 5888 §4."""
        return self.value("mid")

    def codecs(self) -> list[Codec]:
        """The formats of an RTP section with all that is said about each, in order of preference.

        Formats without rtpmap are filled in from RFC 3551 §6 where they are static; others are left out.
        Lines about formats that the ``m=`` line does not name are ignored.

        Raises:
            SdpError: a line does not follow its grammar.

        Spec: RFC 8866 §5.14, §6.6; RFC 3264 §5.1.
        """
        maps: dict[str, Rtpmap] = {}
        parameters: dict[str, list[str]] = {}
        feedbacks: list[tuple[str, str]] = []
        for index, line in enumerate(self.lines):
            try:  # one pass and no values made: `all` for each of the kinds takes twice the time
                if line.startswith("a=rtcp-fb:"):
                    format_, feedback = RtcpFb.RULE.match(line[10:]).groups()
                    feedbacks.append((format_, feedback.rstrip(" ")))
                elif line.startswith("a=fmtp:"):
                    format_, text = Fmtp.RULE.match(line[7:]).groups()
                    parameters.setdefault(format_, []).append(text)
                elif line.startswith("a=rtpmap:"):
                    rtpmap = Rtpmap.parse(line[9:])
                    maps.setdefault(str(rtpmap.payload_type), rtpmap)
            except SdpError as error:
                raise error.at(self.line_number(index), self.name) from None
        found: dict[str, Codec] = {}
        for format_ in self.formats:
            known = maps.get(format_) or STATIC.get(format_)
            if known is not None and format_ not in found:
                found[format_] = Codec(
                    known.payload_type,
                    known.encoding_name,
                    known.clock_rate,
                    known.channels or 1,
                    ";".join(parameters.get(format_, ())),
                )
        for format_, feedback in feedbacks:
            if format_ == "*":
                for codec in found.values():
                    codec.feedback.append(feedback)
            elif format_ in found:
                found[format_].feedback.append(feedback)
        return list(found.values())

    def validate(self) -> None:
        """`Section.validate`, and: payload types are numbers; rids of ``a=simulcast`` exist.

        Raises:
            SdpError: the first violation.

        Spec: RFC 9429 §5.8.2, §5.8.3.
        """
        Section.validate(self)
        if self.is_rtp:
            for format_ in self.formats:
                if _PAYLOAD_TYPE.fullmatch(format_) is None:
                    raise SdpError(
                        "RTP format is no payload type",
                        line=self.line_number(0),
                        section=self.name,
                        rfc="RFC 8866 §5.14",
                        value=format_,
                    )
        simulcast = self.get(Simulcast)
        if simulcast is not None:
            rids = {rid.id for rid in self.all(Rid)}
            for stream in simulcast.send + simulcast.recv:
                for one in stream:
                    if one.rid not in rids:
                        raise SdpError(
                            "a=simulcast names a rid that has no a=rid line",
                            section=self.name,
                            rfc="RFC 9429 §5.8.3",
                            value=one.rid,
                        )


@dataclass(slots=True)
class Codec:
    """One format of an RTP section, put together from its ``rtpmap``, ``fmtp`` and ``rtcp-fb`` lines.

    Args:
        payload_type: 0..127.
        name: encoding name as written; compare without case.
        clock_rate: RTP ticks per second.
        channels: 1 where not written.
        parameters: of ``fmtp``, as written; empty if there are none.
        feedback: of ``rtcp-fb``, e.g. ``["nack", "nack pli"]``.
    """

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: str = ""
    feedback: list[str] = field(default_factory=list)

    @property
    def fmtp(self) -> dict[str, str]:
        """`parameters` as a dict; see `Fmtp.pairs`."""
        return Fmtp(str(self.payload_type), self.parameters).pairs()

    def values(self) -> list[AttributeValue]:
        """The attributes that describe this codec, to be added to a section."""
        format_ = str(self.payload_type)
        channels = self.channels if self.channels != 1 else None
        found: list[AttributeValue] = [Rtpmap(self.payload_type, self.name, self.clock_rate, channels)]
        found += [RtcpFb(format_, feedback) for feedback in self.feedback]
        if self.parameters:
            found.append(Fmtp(format_, self.parameters))
        return found


STATIC = {
    str(rtpmap.payload_type): rtpmap
    for rtpmap in (
        Rtpmap(0, "PCMU", 8000),
        Rtpmap(3, "GSM", 8000),
        Rtpmap(4, "G723", 8000),
        Rtpmap(5, "DVI4", 8000),
        Rtpmap(6, "DVI4", 16000),
        Rtpmap(7, "LPC", 8000),
        Rtpmap(8, "PCMA", 8000),
        Rtpmap(9, "G722", 8000),
        Rtpmap(10, "L16", 44100, 2),
        Rtpmap(11, "L16", 44100, 1),
        Rtpmap(12, "QCELP", 8000),
        Rtpmap(13, "CN", 8000),
        Rtpmap(14, "MPA", 90000),
        Rtpmap(15, "G728", 8000),
        Rtpmap(16, "DVI4", 11025),
        Rtpmap(17, "DVI4", 22050),
        Rtpmap(18, "G729", 8000),
        Rtpmap(25, "CelB", 90000),
        Rtpmap(26, "JPEG", 90000),
        Rtpmap(28, "nv", 90000),
        Rtpmap(31, "H261", 90000),
        Rtpmap(32, "MPV", 90000),
        Rtpmap(33, "MP2T", 90000),
        Rtpmap(34, "H263", 90000),
    )
}
"""Payload types that mean something without rtpmap. Spec: RFC 3551 §6, tables 4 and 5."""


@dataclass(slots=True)
class SessionDescription(Section):
    """A whole description: the lines of the session, then its media sections.

    Two descriptions are equal if all their lines are. `SessionDescription.new` builds one, `parse` reads one.
    """

    media: list[MediaDescription] = field(default_factory=list)

    ORDER = SESSION_ORDER

    @classmethod
    def new(cls, session_id: int, session_version: int = 1, *, session_name: str = "-") -> Self:
        """An empty description as JSEP begins one: ``v=0``, ``o=- ID VERSION IN IP4 127.0.0.1``, ``s=-``, ``t=0 0``.

        Args:
            session_id: below 2**63, drawn at random by the caller.
            session_version: one more for each changed description.

        Spec: RFC 9429 §5.2.1.
        """
        origin = Origin(session_id, session_version).serialize()
        return cls(["v=0", f"o={origin}", f"s={SESSION_NAME.check(session_name)}", _ALWAYS])

    @classmethod
    def parse(cls, text: str | bytes) -> SessionDescription:
        """Read a description; see `rtcpy.sdp.codec.parse`. Raises `SdpError`."""
        from rtcpy.sdp.codec import parse

        return parse(text)

    def serialize(self) -> str:
        """Text with CRLF line ends; see `rtcpy.sdp.codec.serialize`. Raises `SdpError`."""
        from rtcpy.sdp.codec import serialize

        return serialize(self)

    def __str__(self) -> str:
        return self.serialize()

    @property
    def name(self) -> str:
        """What errors call this section."""
        return "session"

    @property
    def origin(self) -> Origin:
        """The ``o=`` line, decoded. A copy; assign to change. Spec: RFC 8866 §5.2."""
        return Origin.parse(self.text("o") or "")

    @origin.setter
    def origin(self, value: Origin) -> None:
        self.set_text("o", value.serialize())

    @property
    def session_name(self) -> str:
        """The ``s=`` line. Spec: RFC 8866 §5.3."""
        return self.text("s") or ""

    @property
    def timings(self) -> list[Timing]:
        """The ``t=`` lines. Spec: RFC 8866 §5.9."""
        return [Timing.parse(text) for text in self.texts("t")]

    @property
    def groups(self) -> list[Group]:
        """All ``a=group`` lines. Spec: RFC 5888 §5."""
        return self.all(Group)

    @property
    def bundle_groups(self) -> list[list[str]]:
        """Mids of each BUNDLE group, in order. Spec: RFC 9143 §6."""
        return [group.mids for group in self.groups if group.semantics == "BUNDLE"]

    @property
    def is_ice_lite(self) -> bool:
        """Is the describing side an ICE-lite agent? Spec: RFC 8839 §5.3."""
        return self.has("ice-lite")

    def section(self, mid: str) -> MediaDescription | None:
        """The media section of this name."""
        return next((media for media in self.media if media.mid == mid), None)

    # What a media section inherits --------------------------------------------------------------------

    def inherited(self, media: MediaDescription, kind: type[A]) -> list[A]:
        """Attributes of a kind that hold for a section: its own, or the session's if it has none of its own.

        Args:
            media: a section of this description.
            kind: an attribute that RFCs define at both levels: `Fingerprint`, `Setup`, `IceUfrag`, `IcePwd`,
                `IceOptions`, `TlsId`, `Extmap`, `ConnectionReuse`, `RtcpXr`.

        Raises:
            SdpError: one does not follow its grammar.
        """
        return media.all(kind) or self.all(kind)

    def first(self, media: MediaDescription, kind: type[A]) -> A | None:
        """The first of `inherited`, or None.

        Raises:
            SdpError: it does not follow its grammar.
        """
        return media.get(kind) or self.get(kind)

    def ice_credentials(self, media: MediaDescription) -> tuple[str, str] | None:
        """Username fragment and password that hold for a section; None if either is missing.

        Spec: RFC 8839 §5.4.
        """
        ufrag, pwd = self.first(media, IceUfrag), self.first(media, IcePwd)
        return (ufrag.value, pwd.value) if ufrag and pwd else None

    def ice_options(self, media: MediaDescription) -> list[str]:
        """ICE options of the session and of the section together. Spec: RFC 8839 §5.6."""
        own = [value for options in self.all(IceOptions) + media.all(IceOptions) for value in options.values]
        return list(dict.fromkeys(own))

    def fingerprints(self, media: MediaDescription) -> list[Fingerprint]:
        """Certificate fingerprints that hold for a section. Spec: RFC 8122 §5: its own replace the session's."""
        return self.inherited(media, Fingerprint)

    def setup(self, media: MediaDescription) -> Role | None:
        """DTLS role that holds for a section, None if not told. Spec: RFC 4145 §4, RFC 8842 §5."""
        found = self.first(media, Setup)
        return found.role if found else None

    def direction_of(self, media: MediaDescription) -> Direction:
        """Direction that holds for a section; sendrecv where nothing is said. Spec: RFC 8866 §6.7."""
        return media.direction or self.direction or Direction.SENDRECV

    def allows_mixed_extmap(self, media: MediaDescription) -> bool:
        """May one- and two-byte header extensions be mixed in a section? Spec: RFC 8285 §6."""
        return media.has("extmap-allow-mixed") or self.has("extmap-allow-mixed")

    # Checking -----------------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check all sections against their grammar; that no required line is missing; that mids are unique.

        This is the syntax half of JSEP's parsing. `parse` alone checks shape and fixed lines, so that what is
        broken or missing in one place does not keep tools from reading the rest.

        Raises:
            SdpError: the first violation.

        Spec: RFC 9429 §5.8.1, §5.8.2; RFC 8866 §5; RFC 5888 §4.
        """
        Section.validate(self)
        self._check_required()
        mids: set[str] = set()
        for media in self.media:
            media.validate()
            mid = media.get(Mid)
            if mid is not None:
                if mid.value in mids:
                    raise SdpError(
                        "a=mid stands twice", section=media.name, rfc="RFC 5888 §4", value=mid.value
                    )
                mids.add(mid.value)

    def _check_required(self) -> None:
        """``v= o= s=`` in this order and once each, and at least one ``t=``. Spec: RFC 8866 §5."""
        kinds = [line[0] for line in self.lines]
        for index, kind in enumerate("vos"):
            if kinds[index : index + 1] != [kind] or kinds.count(kind) > 1:
                raise SdpError(
                    f"line {index + 1} must be the one {kind}= line",
                    line=self.line_number(index),
                    section=self.name,
                    rfc="RFC 8866 §5",
                    value=self.lines[index] if index < len(kinds) else "",
                )
        if "t" not in kinds:
            raise SdpError("t= line is missing", section=self.name, rfc="RFC 8866 §5.9")

"""The registry of all attributes known here, and those about sections, streams and the session.

Owns `REGISTRY` (name → typed value), `FLAGS` (attributes that have no value) and `decode`. Attributes about
formats are in `media_attributes`, about transports in `transport_attributes`, candidates in `candidate`.

An attribute that is in neither table is unknown: it stays in its section as it is and means nothing
(RFC 8866 §5.13: parsers ignore attributes that they do not understand).

Spec: RFC 8866 §6, RFC 5888 (group, mid), RFC 9143 (BUNDLE), RFC 8830 (msid), RFC 8827 §5 (identity), RFC 4574
(label), RFC 4796 (content).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

from rtcpy.sdp.candidate import Candidate, RemoteCandidates
from rtcpy.sdp.grammar import BASE64, BYTE_STRING, NON_WS, NON_WS_CHAR, TOKEN, Rule, SdpError
from rtcpy.sdp.media_attributes import (
    Direction,
    Extmap,
    Fmtp,
    Framerate,
    Imageattr,
    Maxptime,
    Ptime,
    Rid,
    Rtcp,
    RtcpFb,
    RtcpXr,
    Rtpmap,
    Simulcast,
    Ssrc,
    SsrcGroup,
)
from rtcpy.sdp.transport_attributes import (
    ConnectionReuse,
    Dcmap,
    Fingerprint,
    IceOptions,
    IcePacing,
    IcePwd,
    IceUfrag,
    MaxMessageSize,
    SctpInit,
    Sctpmap,
    SctpPort,
    Setup,
    TlsId,
)
from rtcpy.sdp.values import AttributeValue, NumberAttribute, TextAttribute


@dataclass(slots=True)
class Mid(TextAttribute):
    """Name of a section, unique in its description. Spec: RFC 5888 §4, RFC 9429 §5.2.1."""

    NAME: ClassVar[str] = "mid"
    RULE: ClassVar[Rule] = Rule("a=mid", TOKEN, "RFC 5888 §4")


@dataclass(slots=True)
class Group(AttributeValue):
    """Sections that belong together: ``a=group:BUNDLE 0 1 2`` share one transport.

    Args:
        semantics: ``BUNDLE``, ``LS``, …
        mids: in order; for BUNDLE the first is the tagged section (RFC 9143 §7.2.1).

    Spec: RFC 5888 §5, RFC 9143 §6.
    """

    NAME: ClassVar[str] = "group"
    RULE: ClassVar[Rule] = Rule("a=group", rf"({TOKEN})((?: [!#-'*+\-.0-9A-Z^-~]+)*)", "RFC 5888 §5")

    semantics: str
    mids: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, value: str) -> Self:
        # A blank may be left after BUNDLE where no section is left in the group.
        semantics, mids = cls.RULE.match(value.removesuffix(" ")).groups()
        return cls(semantics, mids.split(" ")[1:])

    def serialize(self) -> str:
        return self.RULE.check(" ".join([self.semantics, *self.mids]))


@dataclass(slots=True)
class Msid(AttributeValue):
    """MediaStream and track that a section carries: ``a=msid:stream track``.

    Args:
        stream: id of the MediaStream; ``-`` for none.
        track: application data, which older peers use for the track's id; empty where absent. JSEP ignores it.

    Deviation: any visible characters are read, of any length; webrtcbin's ids contain ``@``, which is no token.

    Spec: RFC 8830 §2.
    """

    NAME: ClassVar[str] = "msid"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule("a=msid", rf"({NON_WS})(?: ({NON_WS}))?", "RFC 8830 §2")

    stream: str
    track: str = ""

    @classmethod
    def parse(cls, value: str) -> Self:
        stream, track = cls.RULE.match(value).groups("")
        return cls(stream, track)

    def serialize(self) -> str:
        return self.RULE.check(self.stream + (f" {self.track}" if self.track else ""))


@dataclass(slots=True)
class MsidSemantic(AttributeValue):
    """Which streams have msid lines: ``a=msid-semantic:WMS *``; written for the sake of older peers.

    Spec: draft-ietf-mmusic-msid-16 and before (RFC 8830 no longer has it); libwebrtc writes a blank before WMS.
    """

    NAME: ClassVar[str] = "msid-semantic"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule(
        "a=msid-semantic", rf" ?({TOKEN})((?: {NON_WS_CHAR}+)*) ?", "draft-ietf-mmusic-msid"
    )

    semantic: str = "WMS"
    streams: list[str] = field(default_factory=lambda: ["*"])

    @classmethod
    def parse(cls, value: str) -> Self:
        semantic, streams = cls.RULE.match(value).groups()
        return cls(semantic, streams.split(" ")[1:])

    def serialize(self) -> str:
        return self.RULE.check(" ".join([self.semantic, *self.streams]))


@dataclass(slots=True)
class Identity(AttributeValue):
    """Assertion of an identity provider about the fingerprints.

    Args:
        assertion: base64 text, as written.
        extensions: the rest of the line, as written.

    Spec: RFC 8827 §5.
    """

    NAME: ClassVar[str] = "identity"
    RULE: ClassVar[Rule] = Rule("a=identity", rf"({BASE64})(?: ({BYTE_STRING}))?", "RFC 8827 §5")

    assertion: str
    extensions: str = ""

    @classmethod
    def parse(cls, value: str) -> Self:
        assertion, extensions = cls.RULE.match(value).groups("")
        return cls(assertion, extensions)

    def serialize(self) -> str:
        return self.RULE.check(self.assertion + (f" {self.extensions}" if self.extensions else ""))


@dataclass(slots=True)
class Label(TextAttribute):
    """A section's label for the application. Spec: RFC 4574 §4."""

    NAME: ClassVar[str] = "label"
    RULE: ClassVar[Rule] = Rule("a=label", TOKEN, "RFC 4574 §4")


@dataclass(slots=True)
class Content(AttributeValue):
    """What a medium is for: ``a=content:slides,main``. Spec: RFC 4796 §5."""

    NAME: ClassVar[str] = "content"
    RULE: ClassVar[Rule] = Rule("a=content", r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~,]+", "RFC 4796 §5")

    tags: list[str]

    @classmethod
    def parse(cls, value: str) -> Self:
        tags = cls.RULE.match(value).group().split(",")
        if "" in tags:
            raise cls.RULE.error("has an empty tag", value)
        return cls(tags)

    def serialize(self) -> str:
        text = self.RULE.check(",".join(self.tags))
        if text.split(",") != self.tags or "" in self.tags:
            raise self.RULE.error("has an empty tag or one with a comma", text)
        return text


@dataclass(slots=True)
class Tool(TextAttribute):
    """Name and version of the program that made the description. Spec: RFC 8866 §6.3."""

    NAME: ClassVar[str] = "tool"
    RULE: ClassVar[Rule] = Rule("a=tool", BYTE_STRING, "RFC 8866 §6.3")


@dataclass(slots=True)
class Category(TextAttribute):
    """Dot-separated category, obsolete. Spec: RFC 8866 §6.1."""

    NAME: ClassVar[str] = "cat"
    RULE: ClassVar[Rule] = Rule("a=cat", BYTE_STRING, "RFC 8866 §6.1")


@dataclass(slots=True)
class Keywords(TextAttribute):
    """Keywords, obsolete. Spec: RFC 8866 §6.2."""

    NAME: ClassVar[str] = "keywds"
    RULE: ClassVar[Rule] = Rule("a=keywds", BYTE_STRING, "RFC 8866 §6.2")


@dataclass(slots=True)
class Orientation(TextAttribute):
    """Orientation of a whiteboard or slides. Spec: RFC 8866 §6.8."""

    NAME: ClassVar[str] = "orient"
    RULE: ClassVar[Rule] = Rule("a=orient", "portrait|landscape|seascape", "RFC 8866 §6.8")


@dataclass(slots=True)
class ConferenceType(TextAttribute):
    """Kind of conference: ``broadcast``, ``meeting``, ``moderated``, ``test``, ``H332``. Spec: RFC 8866 §6.9."""

    NAME: ClassVar[str] = "type"
    RULE: ClassVar[Rule] = Rule("a=type", TOKEN, "RFC 8866 §6.9")


@dataclass(slots=True)
class Charset(TextAttribute):
    """Character set of the free texts; everything here is UTF-8 all the same. Spec: RFC 8866 §6.10."""

    NAME: ClassVar[str] = "charset"
    RULE: ClassVar[Rule] = Rule("a=charset", r"[A-Za-z0-9!#$%&'+\-^_`{}~.:()]+", "RFC 8866 §6.10")


_LANGUAGE = r"[A-Za-z0-9\-]+"  # Language-Tag of RFC 5646 §2.1, in shape


@dataclass(slots=True)
class SdpLang(TextAttribute):
    """Language of the description. Spec: RFC 8866 §6.11."""

    NAME: ClassVar[str] = "sdplang"
    RULE: ClassVar[Rule] = Rule("a=sdplang", _LANGUAGE, "RFC 8866 §6.11")


@dataclass(slots=True)
class Lang(TextAttribute):
    """Language of the medium. Spec: RFC 8866 §6.12."""

    NAME: ClassVar[str] = "lang"
    RULE: ClassVar[Rule] = Rule("a=lang", _LANGUAGE, "RFC 8866 §6.12")


@dataclass(slots=True)
class Quality(NumberAttribute):
    """Quality of a still-image encoding, 0 to 10. Spec: RFC 8866 §6.14."""

    NAME: ClassVar[str] = "quality"
    RULE: ClassVar[Rule] = Rule("a=quality", r"[0-9]{1,2}", "RFC 8866 §6.14")
    LOW: ClassVar[int] = 0
    HIGH: ClassVar[int] = 10


_KNOWN: tuple[type[AttributeValue], ...] = (
    Candidate,
    Category,
    Charset,
    ConferenceType,
    ConnectionReuse,
    Content,
    Dcmap,
    Extmap,
    Fingerprint,
    Fmtp,
    Framerate,
    Group,
    IceOptions,
    IcePacing,
    IcePwd,
    IceUfrag,
    Identity,
    Imageattr,
    Keywords,
    Label,
    Lang,
    MaxMessageSize,
    Maxptime,
    Mid,
    Msid,
    MsidSemantic,
    Orientation,
    Ptime,
    Quality,
    RemoteCandidates,
    Rid,
    Rtcp,
    RtcpFb,
    RtcpXr,
    Rtpmap,
    SctpInit,
    Sctpmap,
    SctpPort,
    SdpLang,
    Setup,
    Simulcast,
    Ssrc,
    SsrcGroup,
    TlsId,
    Tool,
)

REGISTRY: Mapping[str, type[AttributeValue]] = MappingProxyType({kind.NAME: kind for kind in _KNOWN})
"""Attribute name → its typed value. Names are compared with case (RFC 8866 §5.13: case-sensitive)."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        **{direction.value: "RFC 8866 §6.7" for direction in Direction},
        "bundle-only": "RFC 9143 §6",
        "end-of-candidates": "RFC 8840 §8.1",
        "extmap-allow-mixed": "RFC 8285 §6",
        "ice-lite": "RFC 8839 §5.3",
        "ice-mismatch": "RFC 8839 §5.3",
        "rtcp-mux": "RFC 5761 §5.1.3",
        "rtcp-mux-only": "RFC 8858 §3",
        "rtcp-rsize": "RFC 5506 §5",
    }
)
"""Attributes that have no value → the section that defines them."""


PATTERNS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {kind.NAME: kind.RULE.fullmatch for kind in _KNOWN if kind.PURE}
)
"""Attribute name → a match of it, for those where the pattern says all: the quick lane of `Section.validate`."""


def decode(name: str, value: str | None) -> AttributeValue | None:
    """The typed value of an attribute, or None for flags and unknown attributes.

    Args:
        name: what stands before the colon.
        value: what stands behind it; None if there is no colon.

    Raises:
        SdpError: a known attribute whose value does not follow its grammar.
    """
    kind = REGISTRY.get(name)
    if kind is None:
        if value is not None and name in FLAGS:
            raise SdpError(f"a={name} has no value", rfc=FLAGS[name], value=value)
        return None
    if value is None:
        raise SdpError(f"a={name} needs a value", rfc=kind.RULE.rfc, value=f"a={name}")
    return kind.parse(value)

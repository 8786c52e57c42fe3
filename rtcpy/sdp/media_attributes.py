"""Attributes about media: formats, feedback, header extensions, streams, simulcast.

Owns the typed values of the ``a=`` lines that describe what RTP carries. Not here: which transport carries it
(`transport_attributes`), which sections belong together (`attributes`), and what is done about any of it
(`rtcpy.peer`, `rtcpy.rtp`).

Spec: RFC 8866 §6 (rtpmap, fmtp, ptime, maxptime, framerate, directions), RFC 4585 §4.2 and RFC 5104 §7.1
(rtcp-fb), RFC 3605 (rtcp), RFC 3611 §5.1 (rtcp-xr), RFC 8285 §8 (extmap), RFC 5576 (ssrc, ssrc-group),
RFC 8851 §10 (rid), RFC 8853 §5.1 (simulcast), RFC 6236 §3.1 (imageattr).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from rtcpy.core.enums import KeyEnum
from rtcpy.sdp.grammar import (
    BYTE_STRING,
    INTEGER,
    NON_WS,
    NON_WS_CHAR,
    NUMBER,
    PAYLOAD_TYPE,
    PORT_MAX,
    SPACED_CHAR,
    TEXT_CHAR,
    TOKEN,
    UINT32_MAX,
    ZERO_BASED_INTEGER,
    Rule,
    SdpError,
    integer,
)
from rtcpy.sdp.values import FREE_TEXT, AttributeValue, ListAttribute, TextAttribute


class Direction(KeyEnum):
    """Which way media flows, as the describing side sees it. Spec: RFC 8866 §6.7; RFC 3264 §5.1, §6.1."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Does the describing side send?"""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Does the describing side receive?"""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same flow as the other side sees it."""
        return Direction.of(sends=self.receives, receives=self.sends)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        """The direction with these two halves."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    def __and__(self, other: Direction) -> Direction:
        """What both allow: the intersection that an answer needs (RFC 3264 §6.1)."""
        return Direction.of(sends=self.sends and other.sends, receives=self.receives and other.receives)


@dataclass(slots=True)
class Rtpmap(AttributeValue):
    """Payload type → codec: ``a=rtpmap:111 opus/48000/2``.

    Args:
        payload_type: 0..127.
        encoding_name: e.g. ``"opus"``; compare without case (RFC 4855 §3; webrtcbin writes OPUS).
        clock_rate: RTP ticks per second.
        channels: number of audio channels where written, else None, which means 1 for audio.

    Spec: RFC 8866 §6.6.
    """

    NAME: ClassVar[str] = "rtpmap"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule(
        "a=rtpmap", rf"({PAYLOAD_TYPE}) ({TOKEN})/({INTEGER})(?:/({INTEGER}))?", "RFC 8866 §6.6"
    )

    payload_type: int
    encoding_name: str
    clock_rate: int
    channels: int | None = None

    @classmethod
    def parse(cls, value: str) -> Self:
        payload_type, name, rate, channels = cls.RULE.match(value).groups()
        return cls(int(payload_type), name, int(rate), None if channels is None else int(channels))

    def serialize(self) -> str:
        channels = "" if self.channels is None else f"/{self.channels}"
        return self.RULE.check(f"{self.payload_type} {self.encoding_name}/{self.clock_rate}{channels}")


@dataclass(slots=True)
class Fmtp(AttributeValue):
    """Parameters of one format: ``a=fmtp:111 minptime=10;useinbandfec=1``.

    Args:
        format: the payload type, as written (a token: other media than RTP have other formats).
        parameters: the rest of the line, as written; every format has its own syntax
            (``0-15``, ``111/111``, ``apt=96``). `pairs` reads the usual one.

    Spec: RFC 8866 §6.15.
    """

    NAME: ClassVar[str] = "fmtp"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule("a=fmtp", rf"({TOKEN}) ({BYTE_STRING})", "RFC 8866 §6.15")

    format: str
    parameters: str

    @classmethod
    def parse(cls, value: str) -> Self:
        format_, parameters = cls.RULE.match(value).groups()
        return cls(format_, parameters)

    def serialize(self) -> str:
        return self.RULE.check(f"{self.format} {self.parameters}")

    def pairs(self) -> dict[str, str]:
        """``name=value;…`` as a dict: names in lower case, blanks around them dropped, first of equals wins.

        A part without ``=`` becomes a name with an empty value.
        """
        found: dict[str, str] = {}
        for part in self.parameters.split(";"):
            name, _, value = part.partition("=")
            if name.strip():
                found.setdefault(name.strip().lower(), value.strip())
        return found


_MILLISECONDS = rf"{INTEGER}|{ZERO_BASED_INTEGER}\.[0-9]{{1,9}}"  # non-zero-int-or-real


@dataclass(slots=True)
class Ptime(TextAttribute):
    """Milliseconds of audio in one packet. `value` keeps the text (``20``, ``2.5``). Spec: RFC 8866 §6.4."""

    NAME: ClassVar[str] = "ptime"
    RULE: ClassVar[Rule] = Rule("a=ptime", _MILLISECONDS, "RFC 8866 §6.4")

    @property
    def milliseconds(self) -> float:
        """The value as a number of milliseconds."""
        return float(self.value)


@dataclass(slots=True)
class Maxptime(Ptime):
    """Most milliseconds of audio that one packet may hold. Spec: RFC 8866 §6.5."""

    NAME: ClassVar[str] = "maxptime"
    RULE: ClassVar[Rule] = Rule("a=maxptime", _MILLISECONDS, "RFC 8866 §6.5")


@dataclass(slots=True)
class Framerate(TextAttribute):
    """Most video frames per second. `value` keeps the text. Spec: RFC 8866 §6.13."""

    NAME: ClassVar[str] = "framerate"
    RULE: ClassVar[Rule] = Rule("a=framerate", _MILLISECONDS, "RFC 8866 §6.13")

    @property
    def frames_per_second(self) -> float:
        """The value as a number."""
        return float(self.value)


@dataclass(slots=True)
class Rtcp(AttributeValue):
    """Where RTCP would go without rtcp-mux: ``a=rtcp:9 IN IP4 0.0.0.0``. JSEP parses and ignores it.

    Args:
        port: 0..65535.
        network_type, address_type, address: all three or none (empty).

    Spec: RFC 3605 §2.1.
    """

    NAME: ClassVar[str] = "rtcp"
    RULE: ClassVar[Rule] = Rule("a=rtcp", rf"({NUMBER})(?: ({TOKEN}) ({TOKEN}) ({NON_WS}))?", "RFC 3605 §2.1")

    port: int
    network_type: str = ""
    address_type: str = ""
    address: str = ""

    @classmethod
    def parse(cls, value: str) -> Self:
        port, network, kind, address = cls.RULE.match(value).groups("")
        return cls(integer(port, 0, PORT_MAX, "port of a=rtcp", cls.RULE.rfc), network, kind, address)

    def serialize(self) -> str:
        integer(str(self.port), 0, PORT_MAX, "port of a=rtcp", self.RULE.rfc)
        where = f" {self.network_type} {self.address_type} {self.address}" if self.address else ""
        return self.RULE.check(f"{self.port}{where}")


@dataclass(slots=True)
class RtcpFb(AttributeValue):
    """RTCP feedback that a format understands: ``a=rtcp-fb:96 nack pli``.

    Args:
        format: payload type as written, or ``"*"`` for all of the section.
        feedback: the rest as written, e.g. ``"nack"``, ``"nack pli"``, ``"ccm fir"``, ``"transport-cc"``,
            ``"trr-int 100"``.

    Deviation: blanks at the end, which Pion writes where there is no parameter, are read and dropped.

    Spec: RFC 4585 §4.2, RFC 5104 §7.1.
    """

    NAME: ClassVar[str] = "rtcp-fb"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule(
        "a=rtcp-fb", rf"({TOKEN}) ([A-Za-z0-9_\-]+(?: {TEXT_CHAR}*)?)", "RFC 4585 §4.2"
    )

    format: str
    feedback: str

    @classmethod
    def parse(cls, value: str) -> Self:
        format_, feedback = cls.RULE.match(value).groups()
        return cls(format_, feedback.rstrip(" "))

    def serialize(self) -> str:
        return self.RULE.check(f"{self.format} {self.feedback}")

    @property
    def type(self) -> str:
        """The first word: ``nack``, ``ccm``, …"""
        return self.feedback.partition(" ")[0]

    @property
    def parameter(self) -> str:
        """What follows the first word: ``pli``, ``fir``, … or nothing."""
        return self.feedback.partition(" ")[2]


@dataclass(slots=True)
class RtcpXr(ListAttribute):
    """RTCP extended reports that the describing side wants: ``a=rtcp-xr:rcvr-rtt=all``. Spec: RFC 3611 §5.1."""

    NAME: ClassVar[str] = "rtcp-xr"
    RULE: ClassVar[Rule] = Rule("a=rtcp-xr", rf"|{NON_WS_CHAR}{SPACED_CHAR}*", "RFC 3611 §5.1")


EXTMAP_ID_MAX = 4351
"""Ids 4096–4351 are for offers of more extensions than ids (RFC 8285 §6); usable ones end at 255."""


@dataclass(slots=True)
class Extmap(AttributeValue):
    """Header extension id → meaning: ``a=extmap:3/recvonly urn:ietf:params:rtp-hdrext:sdes:mid``.

    Args:
        id: 1..14 for the one-byte form, up to 255 for two bytes, 4096..4351 in offers.
        uri: which extension.
        direction: of this extension, where it differs from the media's.
        attributes: what the extension's own specification adds, as written.

    Spec: RFC 8285 §5, §6, §8.
    """

    NAME: ClassVar[str] = "extmap"
    RULE: ClassVar[Rule] = Rule(
        "a=extmap",
        rf"([0-9]{{1,5}})(?:/(sendrecv|sendonly|recvonly|inactive))? ({NON_WS})(?: ({BYTE_STRING}))?",
        "RFC 8285 §8",
    )

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str = ""

    @classmethod
    def parse(cls, value: str) -> Self:
        id_, direction, uri, attributes = cls.RULE.match(value).groups()
        number = integer(id_, 1, EXTMAP_ID_MAX, "id of a=extmap", "RFC 8285 §6")
        return cls(number, uri, Direction(direction) if direction else None, attributes or "")

    def serialize(self) -> str:
        integer(str(self.id), 1, EXTMAP_ID_MAX, "id of a=extmap", "RFC 8285 §6")
        direction = f"/{self.direction.value}" if self.direction else ""
        attributes = f" {self.attributes}" if self.attributes else ""
        return self.RULE.check(f"{self.id}{direction} {self.uri}{attributes}")


@dataclass(slots=True)
class Ssrc(AttributeValue):
    """One attribute of one RTP source: ``a=ssrc:1320271440 cname:Bx/zkyf08n1S5FVH``.

    Args:
        ssrc: 0..2**32-1.
        attribute: name of the source attribute (``cname``, ``msid``, …).
        value: what follows its colon, or None if it has none.

    Spec: RFC 5576 §4.1, §10.
    """

    NAME: ClassVar[str] = "ssrc"
    RULE: ClassVar[Rule] = Rule("a=ssrc", rf"([0-9]{{1,10}}) ({TOKEN})(?::({BYTE_STRING}))?", "RFC 5576 §4.1")

    ssrc: int
    attribute: str
    value: str | None = None

    @classmethod
    def parse(cls, value: str) -> Self:
        ssrc, attribute, text = cls.RULE.match(value).groups()
        return cls(integer(ssrc, 0, UINT32_MAX, "a=ssrc", cls.RULE.rfc), attribute, text)

    def serialize(self) -> str:
        integer(str(self.ssrc), 0, UINT32_MAX, "a=ssrc", self.RULE.rfc)
        value = "" if self.value is None else f":{self.value}"
        return self.RULE.check(f"{self.ssrc} {self.attribute}{value}")


@dataclass(slots=True)
class SsrcGroup(AttributeValue):
    """RTP sources that belong together: ``a=ssrc-group:FID 1901482491 342442329`` (media, its RTX).

    Spec: RFC 5576 §4.2.
    """

    NAME: ClassVar[str] = "ssrc-group"
    RULE: ClassVar[Rule] = Rule("a=ssrc-group", rf"({TOKEN})((?: [0-9]{{1,10}})*)", "RFC 5576 §4.2")

    semantics: str
    ssrcs: list[int]

    @classmethod
    def parse(cls, value: str) -> Self:
        semantics, rest = cls.RULE.match(value).groups()
        return cls(
            semantics, [integer(s, 0, UINT32_MAX, "a=ssrc-group", cls.RULE.rfc) for s in rest.split(" ")[1:]]
        )

    def serialize(self) -> str:
        for ssrc in self.ssrcs:
            integer(str(ssrc), 0, UINT32_MAX, "a=ssrc-group", self.RULE.rfc)
        return self.RULE.check(" ".join([self.semantics, *map(str, self.ssrcs)]))


RID_CHARS = r"[A-Za-z0-9_\-]+"
"""RFC 8851 §10 as published allows ``-`` and ``_`` in a rid-id; RFC 8852 §3, which carries it in RTP, allows letters
and digits only. Erratum: EID 7132 on RFC 8851 is verified; its text was not at hand. Both are read here, and what
to write is left to the caller."""


@dataclass(slots=True)
class Rid(AttributeValue):
    """One restricted stream of a section: ``a=rid:hi send pt=97,98;max-width=1280``.

    Args:
        id: the name that ``a=simulcast`` and the RTP header extension use.
        direction: ``"send"`` or ``"recv"``.
        formats: payload types as written after ``pt=``; empty means all.
        restrictions: name → value (None where there is none), in the order written.

    Spec: RFC 8851 §4, §10.
    """

    NAME: ClassVar[str] = "rid"
    RULE: ClassVar[Rule] = Rule("a=rid", rf"({RID_CHARS}) (send|recv)(?: ({BYTE_STRING}))?", "RFC 8851 §10")
    _PART: ClassVar[Rule] = Rule("restriction of a=rid", r"([A-Za-z0-9\-]+)(?:=([!-:<-~]+))?", "RFC 8851 §10")
    _FORMATS: ClassVar[Rule] = Rule("pt= of a=rid", r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~,]+", "RFC 8851 §10")

    id: str
    direction: str
    formats: list[str] = field(default_factory=list)
    restrictions: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str) -> Self:
        id_, direction, rest = cls.RULE.match(value).groups()
        rid = cls(id_, direction)
        for position, part in enumerate(rest.split(";") if rest else ()):
            name, text = cls._PART.match(part).groups()
            if name == "pt":
                if position:
                    raise SdpError("pt= must come first in a=rid", rfc=cls.RULE.rfc, value=value)
                rid.formats = cls._FORMATS.match(text or "").group().split(",")
                if "" in rid.formats:
                    raise cls._FORMATS.error("has an empty part", value)
            elif name in rid.restrictions:
                raise SdpError("restriction stands twice in a=rid", rfc="RFC 8851 §4", value=value)
            else:
                rid.restrictions[name] = text
        return rid

    def serialize(self) -> str:
        parts = [f"pt={self._FORMATS.check(','.join(self.formats))}"] if self.formats else []
        for name, text in self.restrictions.items():
            parts.append(self._PART.check(name if text is None else f"{name}={text}"))
        return self.RULE.check(f"{self.id} {self.direction}" + (" " + ";".join(parts) if parts else ""))


@dataclass(slots=True)
class SimulcastFormat:
    """One rid in ``a=simulcast``, and whether its stream starts paused (``~``)."""

    rid: str
    paused: bool = False

    def __str__(self) -> str:
        return ("~" if self.paused else "") + self.rid


@dataclass(slots=True)
class Simulcast(AttributeValue):
    """Streams of one source in several qualities: ``a=simulcast:send hi;mid,alt;~lo``.

    Args:
        send, recv: a list of streams, each a list of alternative formats, best first. Empty: not offered.

    Spec: RFC 8853 §5.1.
    """

    NAME: ClassVar[str] = "simulcast"
    RULE: ClassVar[Rule] = Rule(
        "a=simulcast",
        r"(send|recv) ([A-Za-z0-9_\-~,;]+)(?: (send|recv) ([A-Za-z0-9_\-~,;]+))?",
        "RFC 8853 §5.1",
    )
    _FORMAT: ClassVar[Rule] = Rule("rid in a=simulcast", rf"(~?)({RID_CHARS})", "RFC 8853 §5.1")

    send: list[list[SimulcastFormat]] = field(default_factory=list)
    recv: list[list[SimulcastFormat]] = field(default_factory=list)

    @classmethod
    def parse(cls, value: str) -> Self:
        first, streams, second, more = cls.RULE.match(value).groups()
        if first == second:
            raise SdpError("a=simulcast names one direction twice", rfc=cls.RULE.rfc, value=value)
        found = {first: cls._streams(streams)}
        if second:
            found[second] = cls._streams(more)
        return cls(found.get("send", []), found.get("recv", []))

    @classmethod
    def _streams(cls, text: str) -> list[list[SimulcastFormat]]:
        streams = []
        for stream in text.split(";"):
            matches = [cls._FORMAT.match(one) for one in stream.split(",")]
            streams.append([SimulcastFormat(match[2], match[1] == "~") for match in matches])
        return streams

    def serialize(self) -> str:
        parts = [
            f"{name} " + ";".join(",".join(map(str, stream)) for stream in streams)
            for name, streams in (("send", self.send), ("recv", self.recv))
            if streams
        ]
        return self.RULE.check(" ".join(parts))


@dataclass(slots=True)
class Imageattr(TextAttribute):
    """Image sizes that can be sent and received; kept as text. Spec: RFC 6236 §3.1."""

    NAME: ClassVar[str] = "imageattr"
    RULE: ClassVar[Rule] = Rule("a=imageattr", rf"(?:\*|[0-9]{{1,3}})[ \t]{FREE_TEXT}", "RFC 6236 §3.1")

"""Attributes about the transport: ICE credentials, DTLS certificates and roles, SCTP ports and sizes.

Owns their typed values. Candidates are in `candidate`; what BUNDLE makes of attributes that stand in several
sections is `rtcpy.peer`.

Spec: RFC 8839 §5.4–5.6 (ICE), RFC 8122 §5 (fingerprint), RFC 4145 §4–5 (setup, connection), RFC 8842 §4 (tls-id),
RFC 8841 §5–6 (sctp-port, max-message-size), RFC 8864 §5 (dcmap), draft-ietf-mmusic-sctp-sdp-05 (sctpmap).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Self

from rtcpy.sdp.grammar import BASE64, ICE_CHAR, NUMBER, PORT_MAX, TOKEN, Rule, SdpError, integer
from rtcpy.sdp.values import FREE_TEXT, AttributeValue, ListAttribute, NumberAttribute, TextAttribute


@dataclass(slots=True)
class IceUfrag(TextAttribute):
    """ICE username fragment, 4 to 256 characters. Spec: RFC 8839 §5.4."""

    NAME: ClassVar[str] = "ice-ufrag"
    RULE: ClassVar[Rule] = Rule("a=ice-ufrag", rf"{ICE_CHAR}{{4,256}}", "RFC 8839 §5.4")


@dataclass(slots=True)
class IcePwd(TextAttribute):
    """ICE password, 22 to 256 characters. Spec: RFC 8839 §5.4."""

    NAME: ClassVar[str] = "ice-pwd"
    RULE: ClassVar[Rule] = Rule("a=ice-pwd", rf"{ICE_CHAR}{{22,256}}", "RFC 8839 §5.4")

    def __repr__(self) -> str:  # it is a key: it must not slip into logs
        return "IcePwd(<hidden>)"


@dataclass(slots=True)
class IceOptions(ListAttribute):
    """ICE extensions that the describing side has: ``a=ice-options:ice2 trickle``.

    Deviation: tags are tokens here; the grammar's ``ice-char`` excludes ``-``, which registered and private tags
    contain (``google-ice`` of older libwebrtc), and libdatachannel separates with commas.

    Spec: RFC 8839 §5.6; ``trickle`` is RFC 8838 §3.
    """

    NAME: ClassVar[str] = "ice-options"
    PURE: ClassVar[bool] = False  # blanks and commas alone are no option
    RULE: ClassVar[Rule] = Rule("a=ice-options", r"[ !-~]+", "RFC 8839 §5.6")

    @classmethod
    def parse(cls, value: str) -> Self:
        cls.RULE.match(value)
        tags = [tag for tag in value.replace(",", " ").split(" ") if tag]
        if not tags:
            raise cls.RULE.error("names no option", value)
        return cls(tags)

    def serialize(self) -> str:
        return self.RULE.check(" ".join(self.values))

    @property
    def trickle(self) -> bool:
        """May candidates follow after the description?"""
        return "trickle" in self.values


@dataclass(slots=True)
class IcePacing(NumberAttribute):
    """Wanted time between connectivity checks (Ta), in **milliseconds**. Spec: RFC 8839 §5.5."""

    NAME: ClassVar[str] = "ice-pacing"
    RULE: ClassVar[Rule] = Rule("a=ice-pacing", r"[0-9]{1,10}", "RFC 8839 §5.5")
    LOW: ClassVar[int] = 0
    HIGH: ClassVar[int] = 10**10 - 1


HASH_BYTES = {"md2": 16, "md5": 16, "sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Length of each digest of RFC 8122 §5, in bytes. Which of them is strong enough is for `rtcpy.dtls` to say."""


@dataclass(slots=True)
class Fingerprint(AttributeValue):
    """Hash of the certificate that DTLS will show: ``a=fingerprint:sha-256 F9:0C:…``.

    Args:
        algorithm: e.g. ``"sha-256"``; read without regard to case, kept in lower case.
        value: pairs of hexadecimal digits with colons between, in upper case.

    Deviation: lower-case digits, which the grammar does not have, are read and turned into upper case; so is a blank
    after the colon, which the examples of RFC 5763 §7 have.

    Spec: RFC 8122 §5.
    """

    NAME: ClassVar[str] = "fingerprint"
    RULE: ClassVar[Rule] = Rule(
        "a=fingerprint", rf" ?({TOKEN}) ([0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}})*)", "RFC 8122 §5"
    )

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        self.algorithm, self.value = self.algorithm.lower(), self.value.upper()

    @classmethod
    def parse(cls, value: str) -> Self:
        fingerprint = cls(*cls.RULE.match(value).groups())
        fingerprint._check_length(value)
        return fingerprint

    @classmethod
    def of(cls, algorithm: str, digest: bytes) -> Self:
        """From the raw digest."""
        return cls(algorithm, digest.hex(":"))

    def serialize(self) -> str:
        text = self.RULE.check(f"{self.algorithm.lower()} {self.value.upper()}")
        self._check_length(text)
        return text

    @property
    def digest(self) -> bytes:
        """The raw digest."""
        return bytes.fromhex(self.value.replace(":", ""))

    def _check_length(self, text: str) -> None:
        expected = HASH_BYTES.get(self.algorithm.lower())
        if expected is not None and len(self.value) != 3 * expected - 1:
            raise SdpError(
                f"a=fingerprint: {self.algorithm} has {expected} bytes", rfc=self.RULE.rfc, value=text
            )


class Role(Enum):
    """Who opens the connection: the active side is the DTLS client. Spec: RFC 4145 §4, RFC 8842 §5."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


@dataclass(slots=True)
class Setup(AttributeValue):
    """``a=setup:actpass`` in offers, ``active`` or ``passive`` in answers. Spec: RFC 4145 §4, RFC 8842 §5.1."""

    NAME: ClassVar[str] = "setup"
    PURE: ClassVar[bool] = True
    RULE: ClassVar[Rule] = Rule("a=setup", r"active|passive|actpass|holdconn", "RFC 4145 §4")

    role: Role

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(Role(cls.RULE.match(value).group()))

    def serialize(self) -> str:
        return self.role.value


@dataclass(slots=True)
class ConnectionReuse(TextAttribute):
    """``a=connection:new`` or ``existing``: for TCP transports. Spec: RFC 4145 §5."""

    NAME: ClassVar[str] = "connection"
    RULE: ClassVar[Rule] = Rule("a=connection", r"new|existing", "RFC 4145 §5")


@dataclass(slots=True)
class TlsId(TextAttribute):
    """Names one DTLS association; a new value asks for a new one. Spec: RFC 8842 §4."""

    NAME: ClassVar[str] = "tls-id"
    RULE: ClassVar[Rule] = Rule("a=tls-id", r"[A-Za-z0-9+/_\-]{20,255}", "RFC 8842 §4")


@dataclass(slots=True)
class SctpPort(NumberAttribute):
    """SCTP port inside DTLS, 5000 by custom; 0 refuses the association. Spec: RFC 8841 §5."""

    NAME: ClassVar[str] = "sctp-port"
    RULE: ClassVar[Rule] = Rule("a=sctp-port", r"0|[1-9][0-9]{0,4}", "RFC 8841 §5.2")
    LOW: ClassVar[int] = 0
    HIGH: ClassVar[int] = PORT_MAX


MAX_MESSAGE_SIZE_DEFAULT = 65536  # bytes, where the attribute is absent: RFC 8841 §6.1


@dataclass(slots=True)
class MaxMessageSize(NumberAttribute):
    """Largest SCTP user message that the describing side takes, in **bytes**; 0 means any size.

    Spec: RFC 8841 §6; the default is `MAX_MESSAGE_SIZE_DEFAULT`.
    """

    NAME: ClassVar[str] = "max-message-size"
    RULE: ClassVar[Rule] = Rule("a=max-message-size", r"0|[1-9][0-9]{0,18}", "RFC 8841 §6.2")
    LOW: ClassVar[int] = 0
    HIGH: ClassVar[int] = 10**19 - 1


@dataclass(slots=True)
class Sctpmap(AttributeValue):
    """The older form of the data section: ``a=sctpmap:5000 webrtc-datachannel 1024``.

    Args:
        port: SCTP port, also the ``fmt`` of the ``m=`` line.
        protocol: ``webrtc-datachannel``.
        streams: how many, or None.

    Spec: draft-ietf-mmusic-sctp-sdp-05 §5 (dropped before RFC 8841; older peers still write it).
    """

    NAME: ClassVar[str] = "sctpmap"
    RULE: ClassVar[Rule] = Rule(
        "a=sctpmap", rf"({NUMBER}) ({TOKEN})(?: ({NUMBER}))?", "draft-ietf-mmusic-sctp-sdp-05 §5"
    )

    port: int
    protocol: str
    streams: int | None = None

    @classmethod
    def parse(cls, value: str) -> Self:
        port, protocol, streams = cls.RULE.match(value).groups()
        number = integer(port, 0, PORT_MAX, "port of a=sctpmap", cls.RULE.rfc)
        return cls(number, protocol, None if streams is None else int(streams))

    def serialize(self) -> str:
        integer(str(self.port), 0, PORT_MAX, "port of a=sctpmap", self.RULE.rfc)
        streams = "" if self.streams is None else f" {self.streams}"
        return self.RULE.check(f"{self.port} {self.protocol}{streams}")


@dataclass(slots=True)
class SctpInit(AttributeValue):
    """The INIT chunk of SCTP carried in the description (Chromium's experiment, off by default).

    Args:
        chunk: the chunk, whole.

    Spec: none yet; ``a=sctp-init:<base64>`` as observed from Chromium 156.
    """

    NAME: ClassVar[str] = "sctp-init"
    RULE: ClassVar[Rule] = Rule("a=sctp-init", BASE64, "observed from Chromium 156")

    chunk: bytes

    @classmethod
    def parse(cls, value: str) -> Self:
        cls.RULE.match(value)
        try:
            return cls(base64.b64decode(value, validate=True))
        except binascii.Error as error:
            raise cls.RULE.error(f"is no base64 ({error})", value) from error

    def serialize(self) -> str:
        return self.RULE.check(base64.b64encode(self.chunk).decode())


@dataclass(slots=True)
class Dcmap(AttributeValue):
    """A data channel agreed in the description: ``a=dcmap:1 label="chat";ordered=true``.

    Args:
        stream_id: SCTP stream, 0..65534.
        options: the rest, as written. WebRTC opens channels with DCEP instead and never writes this.

    Spec: RFC 8864 §5.1.
    """

    NAME: ClassVar[str] = "dcmap"
    RULE: ClassVar[Rule] = Rule("a=dcmap", rf"([0-9]{{1,5}})(?: ({FREE_TEXT}))?", "RFC 8864 §5.1")

    stream_id: int
    options: str = ""

    @classmethod
    def parse(cls, value: str) -> Self:
        stream_id, options = cls.RULE.match(value).groups("")
        return cls(integer(stream_id, 0, PORT_MAX - 1, "stream of a=dcmap", cls.RULE.rfc), options)

    def serialize(self) -> str:
        integer(str(self.stream_id), 0, PORT_MAX - 1, "stream of a=dcmap", self.RULE.rfc)
        return self.RULE.check(f"{self.stream_id}" + (f" {self.options}" if self.options else ""))

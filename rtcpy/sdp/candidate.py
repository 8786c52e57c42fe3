"""Candidate lines: where a peer might be reached, one address each.

Owns the ``candidate`` and ``remote-candidates`` attributes and the trickled form that travels outside of
descriptions (`parse_trickled`). What candidates *do* (foundations, priorities, pairs) is `rtcpy.ice`, which
knows nothing of this text; the peer converts between the two records.

Addresses may be IPv4, IPv6 or names: mDNS names (``….local``) are names here like any other, and it is the
agent that ignores those it cannot use (RFC 8839 §5.1).

Spec: RFC 8839 §5.1 (candidate), §5.2 (remote-candidates), RFC 6544 §4.5 (tcptype), RFC 8840 §4.1–4.3, §8
(trickle, end-of-candidates), draft-ietf-mmusic-mdns-ice-candidates (names), W3C webrtc §4.8.1 (RTCIceCandidate).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from rtcpy.sdp.grammar import (
    ICE_CHAR,
    NON_WS,
    NON_WS_CHAR,
    PORT_MAX,
    SPACED_CHAR,
    TOKEN,
    UINT32_MAX,
    Rule,
    SdpError,
    integer,
    is_ip4,
    is_ip6,
)
from rtcpy.sdp.values import AttributeValue

COMPONENT_MAX = 256  # RFC 8839 §5.1
_RELATED = ("raddr", "rport")


@dataclass(slots=True)
class Candidate(AttributeValue):
    """One transport address: ``candidate:1 1 udp 2113937151 192.0.2.3 45664 typ host generation 0``.

    Args:
        foundation: 1 to 32 characters; equal for candidates that are likely to behave alike.
        component: 1 (RTP, or everything with rtcp-mux) or 2 (RTCP); 1..256.
        transport: as written; `protocol` is it in lower case (Firefox and webrtcbin write ``UDP``).
        priority: 0..2**32-1. Deviation: the RFC has 1..2**31-1; what the other side computes is read as it is.
        address: IPv4, IPv6 (without brackets) or a name, as written.
        port: 0..65535; 9 for active TCP.
        type: ``host``, ``srflx``, ``prflx``, ``relay``, or an unknown token.
        related_address, related_port: the base or mapped address, None where not written.
        extensions: name and value of each further pair, in order, unknown ones included.

    Spec: RFC 8839 §5.1.
    """

    NAME: ClassVar[str] = "candidate"
    RULE: ClassVar[Rule] = Rule(
        "a=candidate",
        rf"({ICE_CHAR}{{1,32}}) ([0-9]{{1,3}}) ({TOKEN}) ([0-9]{{1,10}}) ({NON_WS}) ([0-9]{{1,5}}) typ ({TOKEN})"
        rf"(?: raddr ({NON_WS}))?(?: rport ([0-9]{{1,5}}))?"
        rf"((?: {SPACED_CHAR}*)?)",
        "RFC 8839 §5.1",
    )
    _NAME: ClassVar[Rule] = Rule("extension name of a=candidate", TOKEN, "RFC 8839 §5.1")
    _VALUE: ClassVar[Rule] = Rule("extension value of a=candidate", rf"(?:{NON_WS})?", "RFC 8839 §5.1")

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    related_address: str | None = None
    related_port: int | None = None
    extensions: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def parse(cls, value: str) -> Self:
        """From what stands behind ``candidate:``. Raises `SdpError`."""
        foundation, component, transport, priority, address, port, kind, raddr, rport, rest = cls.RULE.match(
            value
        ).groups()
        rfc = cls.RULE.rfc
        return cls(
            foundation,
            integer(component, 1, COMPONENT_MAX, "component of a=candidate", rfc),
            transport,
            integer(priority, 0, UINT32_MAX, "priority of a=candidate", rfc),
            address,
            integer(port, 0, PORT_MAX, "port of a=candidate", rfc),
            kind,
            raddr,
            None if rport is None else integer(rport, 0, PORT_MAX, "rport of a=candidate", rfc),
            cls._parse_extensions(rest[1:], value) if rest else [],
        )

    @classmethod
    def _parse_extensions(cls, text: str, value: str) -> list[tuple[str, str]]:
        words = text.split(" ")
        if len(words) % 2:
            if words.pop():  # a single blank at the end is forgiven
                raise SdpError("a=candidate ends in a name without a value", rfc=cls.RULE.rfc, value=value)
        pairs = list(zip(words[::2], words[1::2], strict=True))
        for name, _ in pairs:
            cls._NAME.match(name)
        return pairs

    def serialize(self) -> str:
        """What stands behind ``candidate:``. Raises `SdpError`."""
        rfc = self.RULE.rfc
        integer(str(self.component), 1, COMPONENT_MAX, "component of a=candidate", rfc)
        integer(str(self.priority), 0, UINT32_MAX, "priority of a=candidate", rfc)
        integer(str(self.port), 0, PORT_MAX, "port of a=candidate", rfc)
        words = [self.foundation, str(self.component), self.transport, str(self.priority), self.address]
        words += [str(self.port), "typ", self.type]
        if self.related_address is not None:
            words += ["raddr", self.related_address]
        if self.related_port is not None:
            integer(str(self.related_port), 0, PORT_MAX, "rport of a=candidate", rfc)
            words += ["rport", str(self.related_port)]
        for name, value in self.extensions:
            words += [self._NAME.check(name), self._VALUE.check(value)]
        return self.RULE.check(" ".join(words))

    def line(self) -> str:
        """As `AttributeValue.line`; where nothing can be read differently, nothing is read again.

        The rule has one blank between two words. So a text with as many blanks as our fields make has each word in
        its place, and only an extension or an empty field can still be taken for something else.
        """
        text = self.serialize()
        extensions = self.extensions
        blanks = 7 + 2 * (
            (self.related_address is not None) + (self.related_port is not None) + len(extensions)
        )
        if (
            text.count(" ") != blanks
            or self.related_address == ""
            or any(name in _RELATED or not value for name, value in extensions)
        ):
            return AttributeValue.line(self)
        return f"a={self.NAME}:{text}"

    def trickled(self) -> str:
        """The form in which candidates travel by themselves: ``candidate:…`` without ``a=``.

        Raises:
            SdpError: a field holds what the grammar does not allow there.

        Spec: RFC 8840 §9, W3C webrtc §4.8.1.
        """
        return self.line().removeprefix("a=")

    @property
    def protocol(self) -> str:
        """Transport in lower case: ``"udp"``, ``"tcp"``."""
        return self.transport.lower()

    def extension(self, name: str) -> str | None:
        """Value of the first extension of this name."""
        for key, value in self.extensions:
            if key == name:
                return value
        return None

    @property
    def tcp_type(self) -> str | None:
        """``active``, ``passive`` or ``so`` for TCP candidates. Spec: RFC 6544 §4.5."""
        return self.extension("tcptype")

    @property
    def ufrag(self) -> str | None:
        """Username fragment of the ICE generation that this candidate belongs to, if told. Spec: RFC 8840 §4.1."""
        return self.extension("ufrag")

    @property
    def generation(self) -> int | None:
        """libwebrtc's own count of ICE generations, if told."""
        text = self.extension("generation")
        return (
            int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
        )

    @property
    def is_name(self) -> bool:
        """Is the address neither IPv4 nor IPv6, i.e. a name to be resolved (mDNS) or ignored?"""
        return not (is_ip4(self.address) or is_ip6(self.address))


@dataclass(slots=True)
class RemoteCandidates(AttributeValue):
    """The remote candidates that a controlling agent selected, one per component; JSEP parses and ignores them.

    Args:
        candidates: component, address, port.

    Spec: RFC 8839 §5.2.
    """

    NAME: ClassVar[str] = "remote-candidates"
    RULE: ClassVar[Rule] = Rule("a=remote-candidates", rf"{NON_WS_CHAR}{SPACED_CHAR}*", "RFC 8839 §5.2")
    _ONE: ClassVar[Rule] = Rule(
        "a=remote-candidates", rf"([0-9]{{1,3}}) ({NON_WS}) ([0-9]{{1,5}})", "RFC 8839 §5.2"
    )

    candidates: list[tuple[int, str, int]]

    @classmethod
    def parse(cls, value: str) -> Self:
        words = cls.RULE.match(value).group().split(" ")
        found = []
        for start in range(0, len(words), 3):
            component, address, port = cls._ONE.match(" ".join(words[start : start + 3])).groups()
            found.append(
                (
                    integer(component, 1, COMPONENT_MAX, "component of a=remote-candidates", cls.RULE.rfc),
                    address,
                    integer(port, 0, PORT_MAX, "port of a=remote-candidates", cls.RULE.rfc),
                )
            )
        return cls(found)

    def serialize(self) -> str:
        text = self.RULE.check(
            " ".join(f"{c} {self._NAME_CHECK.check(a)} {p}" for c, a, p in self.candidates)
        )
        self.parse(text)
        return text

    _NAME_CHECK: ClassVar[Rule] = Rule("address of a=remote-candidates", NON_WS, "RFC 8839 §5.2")


@dataclass(slots=True)
class TrickledCandidate:
    """What one trickled string says.

    Args:
        candidate: the candidate, or None: no more candidates will come *for that section* (W3C's empty
            string). The peer must not end other sections by it: Firefox sends one per section, in any order.
    """

    candidate: Candidate | None

    @property
    def is_end(self) -> bool:
        """Is this the end of the candidates of its section?"""
        return self.candidate is None


def parse_trickled(text: str) -> TrickledCandidate:
    """Read what `RTCIceCandidate.candidate` holds.

    Args:
        text: ``candidate:…``, ``a=candidate:…``, the value alone as older peers send it, or ``""`` (also
            ``end-of-candidates``, with or without ``a=``) for the end. One line end at its end is forgiven.

    Raises:
        SdpError: anything else.

    Spec: W3C webrtc §4.8.1.1; RFC 8840 §4.1, §8.2, §9.
    """
    line = text.removesuffix("\n").removesuffix("\r")
    if len(line) > TRICKLED_MAX:
        raise SdpError(f"trickled candidate is longer than {TRICKLED_MAX} characters", value=line)
    line = line.removeprefix("a=")
    if line in ("", "end-of-candidates"):
        return TrickledCandidate(None)
    return TrickledCandidate(Candidate.parse(line.removeprefix("candidate:")))


TRICKLED_MAX = 8192
"""Characters of a trickled candidate. A real one has about 150; a name 255 at most (RFC 1035 §2.3.4)."""

"""Words for session descriptions: what each line and each attribute is for, and what its fields are called.

The fields are the groups of the rule that reads the line (`rtcpy.sdp.grammar.Rule`), in their order: names here, shapes
there. A rule without groups is one field.

Specs: RFC 8866 §5, §6; for attributes the section that their rule names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rtcpy.sdp.attributes import REGISTRY
from rtcpy.sdp.grammar import Rule
from rtcpy.sdp.lines import (
    EMAIL,
    INFORMATION,
    KEY,
    PHONE,
    REPEAT,
    SESSION_NAME,
    URI,
    VERSION,
    ZONE,
    Bandwidth,
    Connection,
    MediaLine,
    Origin,
    Timing,
)

Shape = Literal["one", "words", "commas", "pairs", "named", "triples", "streams"]
"""How a field is divided: not at all; by blanks; by commas; ``name=value;…``; ``name value …``; component, address, port;
``a,b;c`` of simulcast."""


@dataclass(slots=True, frozen=True)
class Field:
    """One group of a rule.

    Attributes:
        name: the RFC's term.
        meaning: one sentence; empty if the name says it.
        shape: how it is divided further; its parts have the singular of `name`.
    """

    name: str
    meaning: str = ""
    shape: Shape = "one"


@dataclass(slots=True, frozen=True)
class Line:
    """What is known about one kind of line.

    Attributes:
        title: in a word or two.
        meaning: one sentence.
        rule: its grammar.
        fields: one for each group of the rule.
    """

    title: str
    meaning: str
    rule: Rule
    fields: tuple[Field, ...]


_NETWORK = (Field("network type", "IN: the Internet"), Field("address type", "IP4 or IP6"))

LINES: Mapping[str, Line] = MappingProxyType(
    {
        "v": Line("version", "the version of SDP; there is only 0", VERSION, (Field("version"),)),
        "o": Line(
            "origin",
            "who made this description, and its edition",
            Origin.RULE,
            (
                Field("username", "- for none"),
                Field("session id", "the same in all descriptions of one session"),
                Field("session version", "one more in each description that differs from the one before"),
                *_NETWORK,
                Field("address", "of the maker; 127.0.0.1 so as to tell nothing"),
            ),
        ),
        "s": Line(
            "session name", "a name for people; WebRTC has none", SESSION_NAME, (Field("session name"),)
        ),
        "i": Line("information", "a title for people", INFORMATION, (Field("information"),)),
        "u": Line("URI", "where to read more", URI, (Field("URI"),)),
        "e": Line("email", "whom to write to", EMAIL, (Field("email address"),)),
        "p": Line("phone", "whom to call", PHONE, (Field("phone number"),)),
        "c": Line(
            "connection",
            "where media would go without ICE; with ICE a placeholder or the default candidate",
            Connection.RULE,
            (*_NETWORK, Field("address", "0.0.0.0: ICE will find it")),
        ),
        "b": Line(
            "bandwidth",
            "how much the describing side wants to receive at most",
            Bandwidth.RULE,
            (
                Field("bandwidth type", "AS: kbit/s with headers; TIAS: bit/s without; RS, RR: of RTCP"),
                Field("bandwidth"),
            ),
        ),
        "t": Line(
            "time",
            "when the session is on; 0 0: always",
            Timing.RULE,
            (Field("start time", "seconds since 1900"), Field("stop time", "seconds since 1900")),
        ),
        "r": Line("repeat times", "when it is on again", REPEAT, (Field("repeat times", shape="words"),)),
        "z": Line(
            "time zones", "when clocks are put forward or back", ZONE, (Field("adjustments", shape="words"),)
        ),
        "k": Line("key", "obsolete: a key in the open", KEY, (Field("key"),)),
        "m": Line(
            "media",
            "a media section begins: everything below, up to the next m= line, is about it",
            MediaLine.RULE,
            (
                Field("media", "audio, video, or application for data channels"),
                Field("port", "9: a placeholder, ICE will find it; 0: rejected, or bundle-only"),
                Field("number of ports"),
                Field("protocol", "what carries it"),
                Field("formats", "payload types in order of preference, or webrtc-datachannel", "words"),
            ),
        ),
    }
)
"""Line type → what is known about it; ``a`` is in `ATTRIBUTES`."""

_FORMAT = Field("format", "the payload type that this is about; * for all")

_WORDS: Mapping[str, tuple[str, tuple[Field, ...]]] = MappingProxyType(
    {
        "candidate": (
            "one address at which the describing side may be reached",
            (
                Field("foundation", "equal for candidates that are likely to behave alike"),
                Field("component", "1: RTP, or everything with rtcp-mux; 2: RTCP"),
                Field("transport", "udp or tcp"),
                Field("priority", "the higher, the sooner it is tried"),
                Field("address", "an IP address, or a name that only the local network resolves (.local)"),
                Field("port"),
                Field(
                    "candidate type",
                    "host: an own address; srflx: as a STUN server saw it; prflx: as the peer saw it; relay: lent by TURN",
                ),
                Field("related address", "raddr: where this address was learnt from, or 0.0.0.0"),
                Field("related port"),
                Field("extensions", "name and value of whatever else is told", "named"),
            ),
        ),
        "cat": ("category, obsolete", (Field("category"),)),
        "charset": ("character set of the free texts", (Field("charset"),)),
        "type": ("kind of conference", (Field("conference type"),)),
        "connection": ("whether an existing TCP connection is to be used again", (Field("connection"),)),
        "content": ("what the medium is for: slides, speaker, …", (Field("content types", shape="commas"),)),
        "dcmap": (
            "a data channel agreed on here; WebRTC opens channels in-band instead",
            (Field("stream id", "SCTP stream"), Field("options", "", "pairs")),
        ),
        "extmap": (
            "gives a local id to an RTP header extension",
            (
                Field("id", "the number in packets"),
                Field("direction", "of the extension, where it is not the medium's"),
                Field("URI", "which extension it is"),
                Field("attributes", "what the extension's specification adds"),
            ),
        ),
        "fingerprint": (
            "hash of the certificate that DTLS will show: what binds the connection to this description",
            (Field("hash function"), Field("fingerprint", "in pairs of hexadecimal digits")),
        ),
        "fmtp": (
            "parameters of a format",
            (_FORMAT, Field("parameters", "by the format's specification", "pairs")),
        ),
        "framerate": ("most video frames per second", (Field("frame rate"),)),
        "group": (
            "sections that belong together; BUNDLE: they share one transport",
            (
                Field("semantics", "BUNDLE: one transport; LS: lip sync"),
                Field("mids", "the sections", "words"),
            ),
        ),
        "ice-options": (
            "ICE extensions; trickle: candidates may come later",
            (Field("options", shape="words"),),
        ),
        "ice-pacing": ("wanted time between checks", (Field("pacing", "milliseconds"),)),
        "ice-pwd": (
            "password of the describing side: signs the checks sent to it",
            (Field("password", "at least 128 bits of randomness"),),
        ),
        "ice-ufrag": (
            "username fragment: half of the USERNAME in checks; a new one restarts ICE",
            (Field("username fragment"),),
        ),
        "identity": (
            "an identity provider vouches for the fingerprint",
            (Field("assertion", "base64"), Field("extensions")),
        ),
        "imageattr": ("picture sizes that can be sent and received", (Field("sizes"),)),
        "keywds": ("keywords, obsolete", (Field("keywords"),)),
        "label": ("a label for the application", (Field("label"),)),
        "lang": ("language of the medium", (Field("language"),)),
        "max-message-size": (
            "largest data-channel message that the describing side takes",
            (Field("size", "bytes; 0 for any"),),
        ),
        "maxptime": ("most audio in one packet", (Field("duration", "milliseconds"),)),
        "mid": ("name of the section; groups, candidates and packets refer to it", (Field("mid"),)),
        "msid": (
            "the MediaStream and the track that the section carries",
            (Field("stream id", "- for none"), Field("track id", "for older peers")),
        ),
        "msid-semantic": (
            "for older peers: which streams have msid lines",
            (Field("semantic", "WMS"), Field("stream ids", "* for all", "words")),
        ),
        "orient": ("orientation of slides", (Field("orientation"),)),
        "ptime": ("audio in one packet", (Field("duration", "milliseconds"),)),
        "quality": ("quality of still pictures", (Field("quality", "0 to 10"),)),
        "remote-candidates": (
            "the other side's candidates that ICE settled on",
            (Field("candidates", shape="triples"),),
        ),
        "rid": (
            "one encoding of the section's source, for simulcast",
            (
                Field("rid", "its name"),
                Field("direction", "send or recv"),
                Field("restrictions", "formats and limits", "pairs"),
            ),
        ),
        "rtcp": (
            "where RTCP would go without rtcp-mux",
            (Field("port"), *_NETWORK, Field("address")),
        ),
        "rtcp-fb": (
            "RTCP feedback that is understood for a format",
            (_FORMAT, Field("feedbacks", "nack, nack pli, ccm fir, goog-remb, transport-cc, …", "words")),
        ),
        "rtcp-xr": ("extended reports that are wanted", (Field("reports", shape="words"),)),
        "rtpmap": (
            "gives a payload type to a codec",
            (
                Field("payload type", "the number in RTP packets"),
                Field("encoding name", "the codec"),
                Field("clock rate", "ticks of RTP timestamps per second"),
                Field("channels", "of audio"),
            ),
        ),
        "sctp-init": (
            "the INIT chunk of SCTP, to save a round trip (an experiment)",
            (Field("chunk", "base64"),),
        ),
        "sctpmap": (
            "the data section as older peers wrote it",
            (Field("port", "SCTP port"), Field("protocol"), Field("streams", "how many")),
        ),
        "sctp-port": ("SCTP port inside DTLS", (Field("port", "5000 by custom"),)),
        "sdplang": ("language of the description", (Field("language"),)),
        "setup": (
            "who begins the DTLS handshake",
            (Field("role", "active: I am the client; passive: I am the server; actpass: you choose"),),
        ),
        "simulcast": (
            "one source in several encodings at once",
            (
                Field("direction"),
                Field("streams", "rids; ~ for paused", "streams"),
                Field("direction"),
                Field("streams", "rids; ~ for paused", "streams"),
            ),
        ),
        "ssrc": (
            "something about one RTP source",
            (
                Field("SSRC", "the number in RTP packets"),
                Field("attribute", "cname: whose it is; msid: which track"),
                Field("value"),
            ),
        ),
        "ssrc-group": (
            "RTP sources that belong together",
            (
                Field("semantics", "FID: a stream and its retransmissions; SIM: simulcast"),
                Field("SSRCs", shape="words"),
            ),
        ),
        "tls-id": ("names one DTLS association; a new name asks for a new one", (Field("tls-id"),)),
        "tool": ("the program that made this", (Field("tool"),)),
    }
)

ATTRIBUTES: Mapping[str, Line] = MappingProxyType(
    {
        name: Line(name, _WORDS[name][0], kind.RULE, _WORDS[name][1])
        for name, kind in REGISTRY.items()
        if name in _WORDS
    }
)
"""Attribute name → what is known about it, for all of `rtcpy.sdp.REGISTRY`."""

FLAG_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "sendrecv": "media both ways",
        "sendonly": "the describing side only sends",
        "recvonly": "the describing side only receives",
        "inactive": "no media, for now",
        "bundle-only": "only together with the group: alone it is rejected",
        "end-of-candidates": "no further candidates will come",
        "extmap-allow-mixed": "one-byte and two-byte header extensions may be mixed in a stream",
        "ice-lite": "the describing side answers checks and sends none",
        "ice-mismatch": "the default address was no candidate: something on the way rewrote it",
        "rtcp-mux": "RTP and RTCP share a port",
        "rtcp-mux-only": "RTP and RTCP must share a port",
        "rtcp-rsize": "RTCP may come in reduced size",
    }
)
"""Attributes without a value → one sentence."""

PARAMETER_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "apt": "associated payload type: the one whose packets are sent again",
        "cbr": "constant bit rate",
        "level-asymmetry-allowed": "each direction may have its own level",
        "level-idx": "AV1: the level, an index",
        "max-fr": "most frames per second",
        "max-fs": "largest frame, in macroblocks",
        "max-height": "largest height in pixels",
        "max-width": "largest width in pixels",
        "maxplaybackrate": "highest sampling rate that is of use",
        "minptime": "least milliseconds of audio per packet",
        "packetization-mode": "H.264: 0 single NAL units, 1 fragments and aggregates",
        "profile": "AV1: the profile",
        "profile-id": "VP9: the profile",
        "profile-level-id": "H.264: profile, constraints and level, a byte each",
        "pt": "formats that the encoding may use",
        "rtx-time": "milliseconds for which packets can be sent again",
        "sprop-stereo": "the sender is likely to send stereo",
        "stereo": "stereo is preferred",
        "tier": "AV1: the tier",
        "usedtx": "silence is not sent",
        "useinbandfec": "Opus may carry a coarse copy of the packet before",
    }
)
"""Names in ``a=fmtp`` and ``a=rid`` → one sentence."""

CANDIDATE_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "generation": "libwebrtc: counts ICE restarts",
        "network-cost": "libwebrtc: how dear the network is; 0 wired, 10 Wi-Fi, 50 unknown, 900 mobile",
        "network-id": "libwebrtc: which network interface",
        "tcptype": "TCP: active connects, passive listens, so does both",
        "ufrag": "the ICE generation that this belongs to",
    }
)
"""Extensions of candidates → one sentence."""

STATIC_PAYLOADS: Mapping[str, str] = MappingProxyType(
    {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "13": "CN/8000"}
)
"""Payload types that need no ``a=rtpmap``, those that WebRTC uses. Spec: RFC 3551 §6."""

NUMBERS = frozenset(
    {
        "version", "session id", "session version", "bandwidth", "start time", "stop time", "port", "number of ports",
        "component", "priority", "related port", "id", "pacing", "size", "payload type", "clock rate",
        "channels", "SSRC", "quality",
    }
)  # fmt: skip
"""Fields whose value is a number."""

"""SDP: the text in which two peers tell each other what they can do and where they can be reached.

WebRTC puts no protocol on the wire before this text has been carried across by the application: one
*offer*, one *answer* (RFC 3264, RFC 9429), both in the Session Description Protocol (RFC 8866). A
description is a list of lines ``letter=value``: first the session's, then one section per ``m=`` line.
Nearly everything that matters to WebRTC stands in ``a=`` lines, each defined by an RFC of its own.

This package turns text into a model and back, and nothing else. It decides nothing: what to offer, what
to accept and what an attribute makes the transports do is `rtcpy.peer`. It resolves nothing and opens
nothing: a candidate line becomes a `Candidate` record, which the peer turns into one of `rtcpy.ice`.

**The text is the model.** A section holds its lines as they came, in their order, unknown ones included;
so what is parsed and serialized again is the same text, byte for byte. Everything typed is a *view*,
decoded when asked for and written back as a line::

    description = SessionDescription.parse(text)        # structure and the syntax of the fixed lines
    description.validate()                              # the syntax of every attribute known here
    media = description.media[0]
    media.get(Mid), media.all(Candidate), media.codecs(), media.direction
    description.fingerprints(media)                     # with what is inherited from the session level
    description.serialize()

All errors are `SdpError`: line number, section, offending value and the RFC's section.

Read in this order: `grammar` (the ABNF as regular expressions, and `SdpError`), `lines` (the fixed lines:
``o= c= b= t= m=`` …), `values` (what an attribute is), `media_attributes`, `transport_attributes`,
`candidate`, `attributes` (the rest, and the registry of all), `model` (sections and views), `codec`
(text to model and back, with its limits).

Spec: RFC 8866, 3264, 9429, 8839, 8840, 8122, 8841, 8842, 9143, 5888, 4585, 5576, 8285, 8851, 8853, 8830.
"""

from rtcpy.sdp.attributes import (
    FLAGS,
    REGISTRY,
    Charset,
    Content,
    Group,
    Identity,
    Label,
    Lang,
    Mid,
    Msid,
    MsidSemantic,
    Quality,
    SdpLang,
    Tool,
    decode,
)
from rtcpy.sdp.candidate import Candidate, RemoteCandidates, TrickledCandidate, parse_trickled
from rtcpy.sdp.codec import parse, serialize
from rtcpy.sdp.grammar import SdpError
from rtcpy.sdp.lines import Bandwidth, Connection, MediaLine, Origin, Timing
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
    SimulcastFormat,
    Ssrc,
    SsrcGroup,
)
from rtcpy.sdp.model import Codec, MediaDescription, Section, SessionDescription
from rtcpy.sdp.transport_attributes import (
    MAX_MESSAGE_SIZE_DEFAULT,
    ConnectionReuse,
    Dcmap,
    Fingerprint,
    IceOptions,
    IcePacing,
    IcePwd,
    IceUfrag,
    MaxMessageSize,
    Role,
    SctpInit,
    Sctpmap,
    SctpPort,
    Setup,
    TlsId,
)
from rtcpy.sdp.values import AttributeValue

__all__ = [
    "FLAGS",
    "MAX_MESSAGE_SIZE_DEFAULT",
    "REGISTRY",
    "AttributeValue",
    "Bandwidth",
    "Candidate",
    "Charset",
    "Codec",
    "Connection",
    "ConnectionReuse",
    "Content",
    "Dcmap",
    "Direction",
    "Extmap",
    "Fingerprint",
    "Fmtp",
    "Framerate",
    "Group",
    "IceOptions",
    "IcePacing",
    "IcePwd",
    "IceUfrag",
    "Identity",
    "Imageattr",
    "Label",
    "Lang",
    "MaxMessageSize",
    "Maxptime",
    "MediaDescription",
    "MediaLine",
    "Mid",
    "Msid",
    "MsidSemantic",
    "Origin",
    "Ptime",
    "Quality",
    "RemoteCandidates",
    "Rid",
    "Role",
    "Rtcp",
    "RtcpFb",
    "RtcpXr",
    "Rtpmap",
    "SctpInit",
    "SctpPort",
    "Sctpmap",
    "SdpError",
    "SdpLang",
    "Section",
    "SessionDescription",
    "Setup",
    "Simulcast",
    "SimulcastFormat",
    "Ssrc",
    "SsrcGroup",
    "Timing",
    "TlsId",
    "Tool",
    "TrickledCandidate",
    "decode",
    "parse",
    "parse_trickled",
    "serialize",
]

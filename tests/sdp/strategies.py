"""Hypothesis strategies for attribute values and whole descriptions."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from rtcpy.sdp import (
    REGISTRY,
    AttributeValue,
    Bandwidth,
    Candidate,
    Connection,
    Dcmap,
    Direction,
    Extmap,
    Fingerprint,
    Fmtp,
    Group,
    IceOptions,
    Identity,
    MediaDescription,
    Mid,
    Msid,
    MsidSemantic,
    Origin,
    RemoteCandidates,
    Rid,
    Rtcp,
    RtcpFb,
    RtcpXr,
    Rtpmap,
    SctpInit,
    Sctpmap,
    SessionDescription,
    Setup,
    Simulcast,
    SimulcastFormat,
    Ssrc,
    SsrcGroup,
)
from rtcpy.sdp import attributes as at
from rtcpy.sdp.transport_attributes import HASH_BYTES, Role

TOKEN_CHARS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`{|}~"
ICE_CHARS = string.ascii_letters + string.digits + "+/"

tokens = st.text(TOKEN_CHARS, min_size=1, max_size=12)
ice_text = st.text(ICE_CHARS, min_size=1, max_size=32)
beyond = st.sampled_from(
    "éß中\u0085\u2028\u2029\U0001f600"
)  # what str.splitlines would split at, among others
words = st.text(
    st.one_of(st.characters(min_codepoint=0x21, max_codepoint=0x7E), beyond), min_size=1, max_size=16
)
free = st.text(
    st.one_of(st.characters(min_codepoint=0x20, max_codepoint=0x7E), beyond, st.just("\t")), min_size=1
)
ports = st.integers(0, 65535)
payload_types = st.integers(0, 127)
formats = payload_types.map(str)
uint32 = st.integers(0, 2**32 - 1)
positive = st.integers(1, 10**9)
rid_ids = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=8)
addresses = st.one_of(
    st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.uuids().map(lambda u: f"{u}.local")
)
extension_pairs = st.lists(
    st.tuples(tokens.filter(lambda name: name not in ("raddr", "rport")), words), max_size=4
)
candidates = st.builds(
    Candidate,
    ice_text,
    st.integers(1, 256),
    st.sampled_from(["udp", "UDP", "tcp", "TCP", "ssltcp"]),
    uint32,
    addresses,
    ports,
    st.sampled_from(["host", "srflx", "prflx", "relay", "other"]),
    st.none() | addresses,
    st.none() | ports,
    extension_pairs,
)


@st.composite
def fingerprints(draw: st.DrawFn) -> Fingerprint:
    """Fingerprints of all algorithms, and of an unknown one of any length."""
    algorithm = draw(st.sampled_from([*HASH_BYTES, "sha3-256"]))
    size = HASH_BYTES.get(algorithm)
    digest = draw(st.binary(min_size=size or 1, max_size=size or 64))
    return Fingerprint.of(algorithm, digest)


@st.composite
def rids(draw: st.DrawFn) -> Rid:
    """Rids with and without formats and restrictions."""
    names = st.sampled_from(["max-width", "max-fps", "max-br", "depend", "x-other"])
    texts = st.none() | st.text(string.ascii_letters + string.digits + ",.", min_size=1, max_size=6)
    return Rid(
        draw(rid_ids),
        draw(st.sampled_from(["send", "recv"])),
        draw(st.lists(formats, max_size=3)),
        draw(st.dictionaries(names, texts, max_size=3)),
    )


_streams = st.lists(
    st.lists(st.builds(SimulcastFormat, rid_ids, st.booleans()), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)
simulcasts = st.one_of(
    st.builds(Simulcast, _streams, _streams),
    st.builds(Simulcast, send=_streams),
    st.builds(Simulcast, recv=_streams),
)

VALUES: dict[str, st.SearchStrategy[AttributeValue]] = {
    "candidate": candidates,
    "cat": st.builds(at.Category, free),
    "charset": st.builds(at.Charset, st.sampled_from(["UTF-8", "ISO-8859-1"])),
    "type": st.builds(at.ConferenceType, tokens),
    "connection": st.builds(at.ConnectionReuse, st.sampled_from(["new", "existing"])),
    "content": st.builds(at.Content, st.lists(tokens, min_size=1, max_size=3)),
    "dcmap": st.builds(Dcmap, st.integers(0, 65534), st.just("") | free),
    "extmap": st.builds(
        Extmap, st.integers(1, 4351), words, st.none() | st.sampled_from(Direction), st.just("") | free
    ),
    "fingerprint": fingerprints(),
    "fmtp": st.builds(Fmtp, tokens, free),
    "framerate": st.builds(at.Framerate, st.sampled_from(["25", "29.97", "0.5"])),
    "group": st.builds(Group, tokens, st.lists(tokens, max_size=5)),
    "ice-options": st.builds(IceOptions, st.lists(tokens, min_size=1, max_size=4)),
    "ice-pacing": st.builds(at.IcePacing, st.integers(0, 10**10 - 1)),
    "ice-pwd": st.builds(at.IcePwd, st.text(ICE_CHARS, min_size=22, max_size=256)),
    "ice-ufrag": st.builds(at.IceUfrag, st.text(ICE_CHARS, min_size=4, max_size=256)),
    "identity": st.builds(Identity, st.binary(min_size=1).map(lambda b: _base64(b)), st.just("") | free),
    "imageattr": st.builds(at.Imageattr, free.map(lambda text: f"* {text}")),
    "keywds": st.builds(at.Keywords, free),
    "label": st.builds(at.Label, tokens),
    "lang": st.builds(at.Lang, st.sampled_from(["de", "en-GB"])),
    "max-message-size": st.builds(at.MaxMessageSize, st.integers(0, 10**19 - 1)),
    "maxptime": st.builds(at.Maxptime, positive.map(str)),
    "mid": st.builds(Mid, tokens),
    "msid": st.builds(Msid, words, st.just("") | words),
    "msid-semantic": st.builds(MsidSemantic, tokens, st.lists(words, max_size=3)),
    "orient": st.builds(at.Orientation, st.sampled_from(["portrait", "landscape", "seascape"])),
    "ptime": st.builds(at.Ptime, st.sampled_from(["20", "2.5", "10"])),
    "quality": st.builds(at.Quality, st.integers(0, 10)),
    "remote-candidates": st.builds(
        RemoteCandidates, st.lists(st.tuples(st.integers(1, 256), addresses, ports), min_size=1, max_size=3)
    ),
    "rid": rids(),
    "rtcp": st.one_of(st.builds(Rtcp, ports), st.builds(Rtcp, ports, st.just("IN"), st.just("IP4"), words)),
    "rtcp-fb": st.builds(
        RtcpFb,
        st.just("*") | formats,
        st.sampled_from(["nack", "nack pli", "ccm fir", "trr-int 100", "x-y z"]),
    ),
    "rtcp-xr": st.builds(RtcpXr, st.lists(words, min_size=1, max_size=3)),
    "rtpmap": st.builds(Rtpmap, payload_types, tokens, positive, st.none() | st.integers(1, 255)),
    "sctp-init": st.builds(SctpInit, st.binary(min_size=1, max_size=64)),
    "sctp-port": st.builds(at.SctpPort, ports),
    "sctpmap": st.builds(Sctpmap, ports, tokens, st.none() | ports),
    "sdplang": st.builds(at.SdpLang, st.sampled_from(["de", "en-GB"])),
    "setup": st.builds(Setup, st.sampled_from(Role)),
    "simulcast": simulcasts,
    "ssrc": st.builds(Ssrc, uint32, tokens, st.none() | free),
    "ssrc-group": st.builds(SsrcGroup, tokens, st.lists(uint32, max_size=4)),
    "tls-id": st.builds(at.TlsId, st.text(ICE_CHARS + "-_", min_size=20, max_size=255)),
    "tool": st.builds(at.Tool, free),
}
"""One strategy for each attribute of the registry."""

values = st.one_of(*VALUES.values())


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


@st.composite
def media_descriptions(draw: st.DrawFn, mid: str) -> MediaDescription:
    """A section with anything in it."""
    media = MediaDescription.new(
        draw(st.sampled_from(["audio", "video", "application", "text"])),
        draw(ports),
        draw(st.sampled_from(["UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP", "RTP/AVP", "TCP/DTLS/SCTP"])),
        draw(st.lists(payload_types, min_size=1, max_size=6)),
    )
    if draw(st.booleans()):
        media.connection = Connection(draw(addresses))
    for _ in range(draw(st.integers(0, 2))):
        media.add_text("b", Bandwidth(draw(tokens), draw(positive)).serialize())
    media.add(Mid(mid))
    for value in draw(st.lists(values, max_size=8)):
        if value.NAME not in ("mid", "simulcast"):
            media.add(value)
    media.direction = draw(st.none() | st.sampled_from(Direction))
    media.add_flag(*draw(st.lists(st.sampled_from(["rtcp-mux", "rtcp-rsize", "bundle-only", "x-unknown"]))))
    for name, text in draw(
        st.dictionaries(st.from_regex(r"x-[a-z]{1,8}", fullmatch=True), free, max_size=2)
    ).items():
        media.add_attribute(name, text)
    return media


@st.composite
def descriptions(draw: st.DrawFn) -> SessionDescription:
    """A description that is valid, built as the negotiation would build it."""
    description = SessionDescription.new(draw(st.integers(0, 2**63 - 1)), draw(st.integers(0, 2**31)))
    if draw(st.booleans()):
        description.origin = Origin(
            draw(st.integers(0, 2**64)), draw(st.integers(0, 99)), draw(words), "IN", "IP6", draw(words)
        )
    if draw(st.booleans()):
        description.connection = Connection(draw(addresses))
    for value in draw(st.lists(values, max_size=4)):
        description.add(value)
    mids = draw(st.lists(tokens, max_size=4, unique=True))
    description.media = [draw(media_descriptions(mid)) for mid in mids]
    return description


assert set(VALUES) == set(REGISTRY), set(VALUES) ^ set(REGISTRY)

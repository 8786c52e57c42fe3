"""What JSEP needs to know of a description, read out of the SDP model once: the meaning of its lines.

Owns `Description` and `MediaSection`: plain, immutable facts with inheritance from the session level, BUNDLE and
the older data-section form already applied. Does not own the syntax (`rtcpy.sdp`) nor any judgement of what is
acceptable (`rtcpy.peer.apply`).

Specs: RFC 9429 §5.8 (parsing), RFC 9143 §7 (BUNDLE), RFC 8841 §4–6 (data section), RFC 8839 §5, RFC 8840 §8,
RFC 8122 §5, RFC 8842 §5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcpy import sdp
from rtcpy.core.errors import RtcSyntaxError
from rtcpy.peer.states import SdpType
from rtcpy.peer.transceiver import TransceiverDirection

DATA_PROTOCOLS = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"})
"""What a data section's protocol may say; the last is the older form. RFC 9429 §5.1.2."""

RTP_PROTOCOLS = frozenset(
    {
        "RTP/AVP",
        "RTP/AVPF",
        "RTP/SAVP",
        "RTP/SAVPF",
        "TCP/DTLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "UDP/TLS/RTP/SAVPF",
    }
)
"""What a media section's protocol may say. RFC 9429 §5.1.2."""

DATA_FORMAT = "webrtc-datachannel"
"""The format of a data section. RFC 8841 §4.4.2."""

DEFAULT_SCTP_PORT = 5000
"""What everybody uses. The examples of RFC 8841 §12."""

DEFAULT_MAX_MESSAGE_SIZE = 65536
"""**Bytes**, when a description has no a=max-message-size. RFC 8841 §6.1."""

_DIRECTION_NAMES = frozenset(direction.value for direction in sdp.Direction)
_DIRECTIONS = {direction: TransceiverDirection(direction.value) for direction in sdp.Direction}


@dataclass(slots=True, frozen=True)
class MediaSection:
    """One ``m=`` section of one description, with what it inherits.

    Args:
        index: from 0; what `sdp_mline_index` counts.
        kind: ``application``, ``audio``, ``video`` …
        port: as written; 0 without `bundle_only` means rejected or disabled.
        protocol: e.g. ``UDP/DTLS/SCTP``.
        formats: the rest of the ``m=`` line.
        mid: identification tag, `None` for a peer without RFC 5888.
        bundle_only: ``a=bundle-only`` (RFC 9143 §6).
        direction: of media; meaningless for data.
        ufrag: ICE user name fragment, own or inherited; `None` if there is none.
        pwd: ICE password.
        ice_options: own and session-level ones.
        fingerprints: (hash, value) pairs, own or inherited.
        setup: ``actpass``, ``active``, ``passive``, ``holdconn``, or `None`.
        tls_id: names the DTLS association (RFC 8842 §4).
        rtcp_mux: ``a=rtcp-mux``.
        sctp_port: of a data section, 0 asks to have no association; `None` for other sections.
        max_message_size: **bytes** that the describing side takes; 0 is no limit; `None` if unsaid.
        candidates: written inside.
        ended: ``a=end-of-candidates``.
    """

    index: int
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str | None = None
    bundle_only: bool = False
    direction: TransceiverDirection = TransceiverDirection.SENDRECV
    ufrag: str | None = None
    pwd: str | None = None
    ice_options: frozenset[str] = frozenset()
    fingerprints: tuple[tuple[str, str], ...] = ()
    setup: str | None = None
    tls_id: str | None = None
    rtcp_mux: bool = False
    sctp_port: int | None = None
    max_message_size: int | None = None
    candidates: tuple[sdp.Candidate, ...] = ()
    ended: bool = False

    @property
    def rejected(self) -> bool:
        """Port 0 and not merely waiting to be bundled. Spec: RFC 3264 §6, RFC 9143 §6."""
        return self.port == 0 and not self.bundle_only

    @property
    def is_data(self) -> bool:
        """Whether it describes an SCTP association for data channels. Spec: RFC 8841 §4.4, RFC 9429 §5.1.2."""
        return self.sctp_port is not None

    @property
    def is_rtp(self) -> bool:
        """Whether it describes RTP media. Spec: RFC 9429 §5.1.2."""
        return self.protocol in RTP_PROTOCOLS

    @property
    def has_transport(self) -> bool:
        """Whether ICE and DTLS parameters stand here or at the session level."""
        return self.ufrag is not None and self.pwd is not None


@dataclass(slots=True, frozen=True, eq=False)
class Description:
    """One offer or answer, understood.

    Args:
        type: offer, pranswer or answer.
        sections: in order of the ``m=`` lines.
        bundle_groups: the mids of each BUNDLE group, in order; the first mid is the tag.
        ice_lite: the describing side only answers checks (RFC 8445 §2.5).
        model: the SDP itself. Shared: nobody changes it once it is in here.
        text: as it came in or was created.
    """

    type: SdpType
    sections: tuple[MediaSection, ...]
    bundle_groups: tuple[tuple[str, ...], ...]
    ice_lite: bool
    model: sdp.SessionDescription = field(repr=False)
    text: str = field(repr=False)
    data_section: MediaSection | None = field(init=False, repr=False)
    """The first data section that is not rejected: there is one association (W3C webrtc §6.1.1)."""

    def __post_init__(self) -> None:
        first = next((s for s in self.sections if s.is_data and not s.rejected), None)
        object.__setattr__(self, "data_section", first)  # asked for some thirty times in one exchange

    def by_mid(self, mid: str) -> MediaSection | None:
        """The section with that mid."""
        return next((s for s in self.sections if s.mid == mid), None)

    def group_of(self, section: MediaSection) -> tuple[str, ...] | None:
        """The BUNDLE group that `section` is in."""
        if section.mid is None:
            return None
        return next((group for group in self.bundle_groups if section.mid in group), None)

    def transport_section(self, section: MediaSection) -> MediaSection:
        """Where the ICE and DTLS parameters that `section` uses are written.

        Its own, unless it has none or waits to be bundled: then those of the tagged section of its group.
        Spec: RFC 9143 §7.1.3 (attributes of category TRANSPORT stand in the tagged section only).
        """
        group = self.group_of(section)
        if group is None or (section.has_transport and not section.bundle_only):
            return section
        return self.by_mid(group[0]) or section

    @property
    def credentials(self) -> frozenset[tuple[str, str]]:
        """Every pair of ICE credentials in the description, for W3C's [[LocalIceCredentialsToReplace]]."""
        return frozenset((s.ufrag, s.pwd) for s in self.sections if s.ufrag is not None and s.pwd is not None)


def read_description(kind: SdpType, text: str) -> Description:
    """Parse a description that an application handed in.

    Raises:
        RtcSyntaxError: the text is no SDP, or a line that matters here is malformed; the message has the line.

    Spec: RFC 9429 §5.8; W3C webrtc §4.4.1.4 step 4.5.3.
    """
    try:
        model = sdp.SessionDescription.parse(text)
        model.validate()
        return understand(kind, model, text)
    except sdp.SdpError as error:
        raise RtcSyntaxError(f"not a valid session description: {error}") from error


def understand(kind: SdpType, model: sdp.SessionDescription, text: str) -> Description:
    """Read the facts out of a parsed description. Raises `sdp.SdpError` for a malformed attribute."""
    groups = tuple(tuple(g.mids) for g in model.all(sdp.Group) if g.semantics == "BUNDLE")
    above = model.names()
    return Description(
        type=kind,
        sections=tuple(_section(model, above, index) for index in range(len(model.media))),
        bundle_groups=groups,
        ice_lite="ice-lite" in above,
        model=model,
        text=text,
    )


def _section(model: sdp.SessionDescription, above: frozenset[str], index: int) -> MediaSection:
    """One section; `above` are the attributes at the session level. What stands nowhere is not looked for."""
    media = model.media[index]
    line = media.media_line
    here = media.names()
    known = here | above
    ufrag = model.first(media, sdp.IceUfrag) if "ice-ufrag" in known else None
    pwd = model.first(media, sdp.IcePwd) if "ice-pwd" in known else None
    setup = model.setup(media) if "setup" in known else None
    tls_id = model.first(media, sdp.TlsId) if "tls-id" in known else None
    size = media.get(sdp.MaxMessageSize) if "max-message-size" in here else None
    return MediaSection(
        index=index,
        kind=line.media,
        port=line.port,
        protocol=line.protocol,
        formats=tuple(line.formats),
        mid=media.mid if "mid" in here else None,
        bundle_only="bundle-only" in here,
        direction=(
            TransceiverDirection.SENDRECV
            if known.isdisjoint(_DIRECTION_NAMES)
            else _DIRECTIONS[model.direction_of(media)]
        ),
        ufrag=ufrag.value if ufrag is not None else None,
        pwd=pwd.value if pwd is not None else None,
        ice_options=frozenset(model.ice_options(media)) if "ice-options" in known else frozenset(),
        fingerprints=(
            tuple([(f.algorithm, f.value) for f in model.fingerprints(media)])
            if "fingerprint" in known
            else ()
        ),
        setup=setup.value if setup is not None else None,
        tls_id=tls_id.value if tls_id is not None else None,
        rtcp_mux="rtcp-mux" in here,
        sctp_port=_sctp_port(media, line),
        max_message_size=size.value if size is not None else None,
        candidates=tuple(media.all(sdp.Candidate)) if "candidate" in here else (),
        ended="end-of-candidates" in known,
    )


def _sctp_port(media: sdp.MediaDescription, line: sdp.MediaLine) -> int | None:
    """The SCTP port of a data section in either form, `None` if this is no data section.

    Deviation: RFC 9429 §5.8.2 demands a=sctp-port; without it 5000 is assumed, as browsers do.

    Spec: RFC 8841 §4.4, §5; draft-ietf-mmusic-sctp-sdp-05 §4 (``m=application 9 DTLS/SCTP 5000``).
    """
    if line.media != "application" or line.protocol not in DATA_PROTOCOLS:
        return None
    if DATA_FORMAT in line.formats:
        port = media.get(sdp.SctpPort)
        return port.value if port is not None else DEFAULT_SCTP_PORT
    for old in media.all(sdp.Sctpmap):
        if str(old.port) in line.formats and old.protocol == DATA_FORMAT:
            return old.port
    return None

"""What single header extensions hold, by the URI that ``a=extmap`` gives them.

`FORMATS` is the table; `extensions` finds the elements. An extension that is not in the table is opaque.

Specs: the section at each. Those of webrtc.org are descriptions by the WebRTC project, no standards.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from rtcpy.rtp.errors import RtpError
from rtcpy.wire import Wire, array, bits, embed, flag, opaque, optional, reserved, wire


@wire("RFC 9143 §15.2", error=RtpError)
class MidExtension(Wire):
    """Which section of the description the stream belongs to: the value of its a=mid."""

    mid: bytes = opaque("the mid, UTF-8")


@wire("RFC 8852 §3.1", error=RtpError)
class RtpStreamId(Wire):
    """Which of several encodings of one source this is: the name in a=rid."""

    rid: bytes = opaque("the rid, letters and digits")


@wire("RFC 8852 §3.2", error=RtpError)
class RepairedRtpStreamId(Wire):
    """Which encoding this stream repairs: the rid of the original, in retransmissions."""

    rid: bytes = opaque("the rid, letters and digits")


@wire("RFC 6464 §3", error=RtpError)
class AudioLevel(Wire):
    """How loud the audio in this packet is, so that a mixer need not decode it."""

    voice: bool = flag("V: the sender believes that this is speech")
    level: int = bits(7, "level in −dBov: 0 is as loud as can be, 127 is silence")


@wire("RFC 6465 §3", error=RtpError)
class MixedLevel(Wire):
    """How loud one contributing source is."""

    _reserved = reserved(1)
    level: int = bits(7, "level in −dBov: 0 is as loud as can be, 127 is silence")


@wire("RFC 6465 §3", error=RtpError)
class MixedAudioLevels(Wire):
    """How loud each contributing source is, in the order of the CSRC list."""

    levels: list[MixedLevel] = array(MixedLevel, "one per CSRC", default_factory=list)


@wire("RFC 5450 §2", error=RtpError)
class TransmissionOffset(Wire):
    """How much later the packet was sent than its timestamp says."""

    offset: int = bits(24, "in ticks of the RTP clock, two's complement")


@wire("webrtc.org rtp-hdrext/abs-send-time §Encoding", error=RtpError)
class AbsoluteSendTime(Wire):
    """When the packet left, by the sender's clock."""

    seconds: int = bits(6, "seconds, modulo 64")
    fraction: int = bits(18, "fraction of a second, in 1/2^18")


@wire("draft-holmer-rmcat-transport-wide-cc-extensions-01 §2", error=RtpError)
class TransportSequenceNumber(Wire):
    """A number over all streams of a transport, so that one feedback message can speak of all packets."""

    transport_sequence_number: int = bits(16, "one more in each packet of the transport")


@wire("webrtc.org rtp-hdrext/transport-wide-cc-02 §RTP header extension format", error=RtpError)
class TransportFeedbackRequest(Wire):
    """What feedback the sender asks for with this packet."""

    with_timing: bool = flag("T: tell arrival times, too")
    sequence_count: int = bits(15, "packets to report on, up to this one; 0 asks for nothing")


@wire("webrtc.org rtp-hdrext/transport-wide-cc-02 §RTP header extension format", error=RtpError)
class TransportSequenceNumber2(Wire):
    """The transport-wide number, with a request for feedback now and then."""

    transport_sequence_number: int = bits(16, "one more in each packet of the transport")
    request: TransportFeedbackRequest | None = optional(
        embed(TransportFeedbackRequest, "feedback wanted"), default=None
    )


@wire("3GPP TS 26.114 §7.4.5", error=RtpError)
class VideoOrientation(Wire):
    """How to turn the picture before it is shown."""

    _reserved = reserved(4)
    back_camera: bool = flag("C: taken by the camera at the back")
    flip: bool = flag("F: mirrored horizontally")
    rotation: int = bits(2, "quarter turns, clockwise, that undo the sender's rotation")


@wire("webrtc.org rtp-hdrext/playout-delay §RTP header extension format", error=RtpError)
class PlayoutDelay(Wire):
    """How long the receiver should hold the frame back."""

    minimum: int = bits(12, "at least, in units of 10 ms")
    maximum: int = bits(12, "at most, in units of 10 ms")


class ContentType(IntEnum):
    """What the picture shows."""

    UNSPECIFIED = 0
    SCREENSHARE = 1


@wire("webrtc.org rtp-hdrext/video-content-type §Data layout", error=RtpError)
class VideoContentType(Wire):
    """What the picture shows: it decides between sharpness and smoothness."""

    content_type: int = bits(8, "0 unspecified, 1 a shared screen", enum=ContentType)


@wire("webrtc.org rtp-hdrext/video-timing §Data layout", error=RtpError)
class VideoTiming(Wire):
    """Where the time of a frame was spent, in milliseconds since it was captured."""

    flags: int = bits(8, "why it was sent: 1 a timer, 2 an unusually large frame")
    encode_start: int = bits(16, "encoding began")
    encode_finish: int = bits(16, "encoding ended")
    packetization: int = bits(16, "the packets were made")
    pacer_exit: int = bits(16, "the last packet left the pacer")
    network: int = bits(16, "for a router of media to fill in")
    network2: int = bits(16, "for a router of media to fill in")


@wire("webrtc.org rtp-hdrext/color-space §RTP header extension format", error=RtpError)
class ColorSpace(Wire):
    """What the numbers of the picture mean as colours."""

    primaries: int = bits(8, "ITU-T H.273 Table 2")
    transfer: int = bits(8, "ITU-T H.273 Table 3")
    matrix: int = bits(8, "ITU-T H.273 Table 4")
    _unused = reserved(2)
    range: int = bits(2, "0 unspecified, 1 limited, 2 full")
    horizontal_siting: int = bits(2, "where chroma samples sit, horizontally")
    vertical_siting: int = bits(2, "where chroma samples sit, vertically")
    hdr: bytes = opaque("mastering data for high dynamic range, or nothing", default=b"")


@wire("webrtc.org rtp-hdrext/abs-capture-time §RTP header extension format", error=RtpError)
class AbsoluteCaptureTime(Wire):
    """When the frame was captured, by NTP."""

    seconds: int = bits(32, "seconds since 1900")
    fraction: int = bits(32, "fraction of a second, in 1/2^32")
    clock_offset: int | None = optional(
        bits(64, "the capture system's clock minus the sender's, in 1/2^32 s, two's complement")
    )


@wire("webrtc.org rtp-hdrext/inband-cn §RTP header extension format", error=RtpError)
class InbandComfortNoise(Wire):
    """This packet holds comfort noise."""

    has_level: bool = flag("N: the level is told")
    level: int = bits(7, "noise level in −dBov")


_EXPERIMENT = "http://www.webrtc.org/experiments/rtp-hdrext/"
_IETF = "urn:ietf:params:rtp-hdrext:"

FORMATS: Mapping[str, type[Wire]] = MappingProxyType(
    {
        f"{_IETF}sdes:mid": MidExtension,
        f"{_IETF}sdes:rtp-stream-id": RtpStreamId,
        f"{_IETF}sdes:repaired-rtp-stream-id": RepairedRtpStreamId,
        f"{_IETF}ssrc-audio-level": AudioLevel,
        f"{_IETF}csrc-audio-level": MixedAudioLevels,
        f"{_IETF}toffset": TransmissionOffset,
        f"{_EXPERIMENT}abs-send-time": AbsoluteSendTime,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": TransportSequenceNumber,
        f"{_EXPERIMENT}transport-wide-cc-02": TransportSequenceNumber2,
        "urn:3gpp:video-orientation": VideoOrientation,
        f"{_EXPERIMENT}playout-delay": PlayoutDelay,
        f"{_EXPERIMENT}video-content-type": VideoContentType,
        f"{_EXPERIMENT}video-timing": VideoTiming,
        f"{_EXPERIMENT}color-space": ColorSpace,
        f"{_EXPERIMENT}abs-capture-time": AbsoluteCaptureTime,
        f"{_EXPERIMENT}inband-cn": InbandComfortNoise,
    }
)
"""URI of an extension, as ``a=extmap`` names it → its format. Others are opaque."""

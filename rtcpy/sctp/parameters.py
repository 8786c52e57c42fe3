"""What rides inside control chunks: parameters (INIT, HEARTBEAT, RE-CONFIG) and error causes (ERROR, ABORT).

Both are TLVs of 16-bit type, 16-bit length (header included, padding not) and a value padded to 4 bytes. The
two number spaces are separate, so there are two declarations. Address parameters are known by name only: over
DTLS there are no addresses (RFC 8261 §5), nothing here parses one.

Specs: RFC 9260 §3.2.1 (format), §3.3.2.1 and §3.3.3.1 (INIT), §3.3.10 (causes); RFC 3758 §3.1; RFC 5061 §4.2.7;
RFC 6525 §4; RFC 9653 §4.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self, TypeVar

from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.wire import Span, Wire, array, bits, length_of, opaque, pad, switch, wire
from rtcpy.wire.codec import Buffer

T = TypeVar("T", bound=Wire)


class ParameterType(IntEnum):
    """IANA "SCTP Chunk Parameter Types", those seen in WebRTC."""

    HEARTBEAT_INFO = 1
    IPV4_ADDRESS = 5
    IPV6_ADDRESS = 6
    STATE_COOKIE = 7
    UNRECOGNIZED_PARAMETER = 8
    COOKIE_PRESERVATIVE = 9
    HOST_NAME_ADDRESS = 11
    SUPPORTED_ADDRESS_TYPES = 12
    OUTGOING_SSN_RESET_REQUEST = 13
    INCOMING_SSN_RESET_REQUEST = 14
    SSN_TSN_RESET_REQUEST = 15
    RECONFIG_RESPONSE = 16
    ADD_OUTGOING_STREAMS = 17
    ADD_INCOMING_STREAMS = 18
    ECN_CAPABLE = 0x8000
    ZERO_CHECKSUM_ACCEPTABLE = 0x8001
    RANDOM = 0x8002
    CHUNK_LIST = 0x8003
    REQUESTED_HMAC_ALGORITHM = 0x8004
    PADDING = 0x8005
    SUPPORTED_EXTENSIONS = 0x8008
    LARGEST_PACKET = 0xBFF0  # ours: unassigned; the upper bits say "skip in silence" (RFC 9260 §3.2.1)
    FORWARD_TSN_SUPPORTED = 0xC000
    ADAPTATION_LAYER_INDICATION = 0xC006


class CauseCode(IntEnum):
    """IANA "SCTP Error Cause Codes" (RFC 9260 §3.3.10)."""

    INVALID_STREAM_IDENTIFIER = 1
    MISSING_MANDATORY_PARAMETER = 2
    STALE_COOKIE = 3
    OUT_OF_RESOURCE = 4
    UNRESOLVABLE_ADDRESS = 5
    UNRECOGNIZED_CHUNK_TYPE = 6
    INVALID_MANDATORY_PARAMETER = 7
    UNRECOGNIZED_PARAMETERS = 8
    NO_USER_DATA = 9
    COOKIE_RECEIVED_WHILE_SHUTTING_DOWN = 10
    RESTART_WITH_NEW_ADDRESSES = 11
    USER_INITIATED_ABORT = 12
    PROTOCOL_VIOLATION = 13


class ErrorDetectionMethod(IntEnum):
    """IANA "Error Detection Method" registry (RFC 9653 §8)."""

    RESERVED = 0
    SCTP_OVER_DTLS = 1


class ResetResult(IntEnum):
    """Result codes of a re-configuration response (RFC 6525 §4.4)."""

    NOTHING_TO_DO = 0
    PERFORMED = 1
    DENIED = 2
    WRONG_SSN = 3
    ALREADY_IN_PROGRESS = 4
    BAD_SEQUENCE_NUMBER = 5
    IN_PROGRESS = 6


@wire("RFC 9260 §3.3.3.1", error=SctpDecodeError)
class StateCookie(Wire):
    """Opaque to everyone but its maker, who signed it."""

    cookie: bytes = opaque("as made by the sender of INIT ACK; only that sender can read it")


@wire("RFC 9260 §3.3.5", error=SctpDecodeError)
class HeartbeatInfo(Wire):
    """Opaque to the peer, who returns it unchanged."""

    info: bytes = opaque("sender-specific heartbeat information")


@wire("RFC 9260 §3.3.2.1.3", error=SctpDecodeError)
class CookiePreservative(Wire):
    """A wish for a longer cookie life."""

    increment_ms: int = bits(32, "suggested increase of the cookie's life span, ms")


@wire("RFC 5061 §4.2.7", error=SctpDecodeError)
class SupportedExtensions(Wire):
    """Which optional chunks the sender understands."""

    chunk_types: list[int] = array(8, "one byte per supported chunk type")


@wire("RFC 9653 §4", error=SctpDecodeError)
class ZeroChecksumAcceptable(Wire):
    """The sender takes packets whose checksum is zero, as something better protects them."""

    method: int = bits(32, "error detection method identifier (EDMID)", enum=ErrorDetectionMethod)


@wire("RFC 9260 §3.2.1", error=SctpDecodeError)
class LargestPacket(Wire):
    """How large a packet the sender's stack can read; private to rtcpy, and ignored by everyone else.

    RFC 8899 finds what a *path* carries, not what the program at its end reads into: libwebrtc gives a DTLS
    transport up for good when a record holds more than 2,048 bytes, others cut at 1,500.
    """

    size: int = bits(32, "bytes of SCTP packet")


@wire("RFC 6525 §4.1", error=SctpDecodeError)
class OutgoingResetRequest(Wire):
    """The sender resets streams that it sends on; no stream listed means all."""

    request_seq: int = bits(32, "re-configuration request sequence number")
    response_seq: int = bits(32, "the incoming request that this answers, else the last one seen")
    last_tsn: int = bits(32, "sender's last assigned TSN: reset only after everything up to it is here")
    stream_ids: list[int] = array(16, "streams to reset; empty: all")


@wire("RFC 6525 §4.2", error=SctpDecodeError)
class IncomingResetRequest(Wire):
    """The sender asks the peer to reset streams that the peer sends on."""

    request_seq: int = bits(32, "re-configuration request sequence number")
    stream_ids: list[int] = array(16, "streams to reset; empty: all")


@wire("RFC 6525 §4.3", error=SctpDecodeError)
class SsnTsnResetRequest(Wire):
    """Start all numbers of the association afresh."""

    request_seq: int = bits(32, "re-configuration request sequence number")


@wire("RFC 6525 §4.4", error=SctpDecodeError)
class ReconfigResponse(Wire):
    """Outcome of one request."""

    response_seq: int = bits(32, "sequence number of the request that is answered")
    result: int = bits(32, "result code", enum=ResetResult)
    next_tsns: bytes = opaque("answers to SSN/TSN resets: sender's and receiver's next TSN", default=b"")


@wire("RFC 6525 §4.5", error=SctpDecodeError)
class AddStreamsRequest(Wire):
    """A wish for more streams, outgoing (type 17) or incoming (type 18)."""

    request_seq: int = bits(32, "re-configuration request sequence number")
    new_streams: int = bits(16, "how many streams to add")
    reserved_field: int = bits(16, "reserved", default=0)


PARAMETER_FORMATS: dict[int, type[Wire]] = {
    ParameterType.HEARTBEAT_INFO: HeartbeatInfo,
    ParameterType.STATE_COOKIE: StateCookie,
    ParameterType.COOKIE_PRESERVATIVE: CookiePreservative,
    ParameterType.OUTGOING_SSN_RESET_REQUEST: OutgoingResetRequest,
    ParameterType.INCOMING_SSN_RESET_REQUEST: IncomingResetRequest,
    ParameterType.SSN_TSN_RESET_REQUEST: SsnTsnResetRequest,
    ParameterType.RECONFIG_RESPONSE: ReconfigResponse,
    ParameterType.ADD_OUTGOING_STREAMS: AddStreamsRequest,
    ParameterType.ADD_INCOMING_STREAMS: AddStreamsRequest,
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: ZeroChecksumAcceptable,
    ParameterType.LARGEST_PACKET: LargestPacket,
    ParameterType.SUPPORTED_EXTENSIONS: SupportedExtensions,
}


def _parse_lenient(
    cls: type[T], buf: Buffer, offset: int, end: int, spans: list[Span] | None, prefix: str
) -> tuple[T, int]:
    """Parse one TLV whose final padding may be missing.

    The length of a chunk leaves out the padding of its last parameter (RFC 9260 §3.2), so within the chunk's
    value those bytes are not there; "a robust implementation" takes both.
    """
    walk = Wire.parse_from.__func__  # type: ignore[attr-defined]
    if end - offset >= 4:
        length = int.from_bytes(buf[offset + 2 : offset + 4], "big")
        missing = offset + length + (-length & 3) - end
        if 4 <= length <= end - offset and missing > 0:
            padded = bytes(buf[:end]) + bytes(missing)
            value, _ = walk(cls, padded, offset, len(padded), spans=spans, prefix=prefix)
            if spans is not None:
                padding = spans[-1]  # of which the last `missing` bytes are not there
                padding.width -= missing * 8
                padding.raw >>= missing * 8
                if not padding.width:
                    spans.pop()
            return value, end
    result: tuple[T, int] = walk(cls, buf, offset, end, spans=spans, prefix=prefix)
    return result


@wire("RFC 9260 §3.2.1", error=SctpDecodeError)
class Parameter(Wire):
    """One TLV of an INIT, INIT ACK, HEARTBEAT or RE-CONFIG chunk. The two high bits of `type` say what to do if unknown."""

    type: int = bits(16, "parameter type", enum=ParameterType)
    length = length_of("value", 16, plus=4, doc="bytes of type, length and value, without padding")
    value: Wire | bytes = switch("type", PARAMETER_FORMATS, "parameter value", length="length")
    _pad = pad(4)

    @classmethod
    def parse_from(
        cls, buf: Buffer, offset: int, end: int, *, spans: list[Span] | None = None, prefix: str = ""
    ) -> tuple[Self, int]:
        """As declared, except that the last padding of a chunk may be missing."""
        return _parse_lenient(cls, buf, offset, end, spans, prefix)


@wire("RFC 9260 §3.3.10", error=SctpDecodeError)
class ErrorCause(Wire):
    """One reason inside an ERROR or ABORT chunk."""

    code: int = bits(16, "cause code", enum=CauseCode)
    length = length_of("info", 16, plus=4, doc="bytes of code, length and information, without padding")
    info: bytes = opaque("cause-specific information", length="length")
    _pad = pad(4)

    @classmethod
    def parse_from(
        cls, buf: Buffer, offset: int, end: int, *, spans: list[Span] | None = None, prefix: str = ""
    ) -> tuple[Self, int]:
        """As declared, except that the last padding of a chunk may be missing."""
        return _parse_lenient(cls, buf, offset, end, spans, prefix)


def skips_rest(parameter_type: int) -> bool:
    """Whether an unknown parameter of this type ends the processing of its chunk. Spec: RFC 9260 §3.2.1."""
    return not parameter_type & 0x8000


def wants_report(parameter_type: int) -> bool:
    """Whether an unknown parameter of this type is to be reported to its sender. Spec: RFC 9260 §3.2.1."""
    return bool(parameter_type & 0x4000)

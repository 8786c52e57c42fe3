"""What error causes carry, declared: for reading ERROR and ABORT chunks.

The association acts on the code alone and keeps the information as bytes (`parameters.ErrorCause`); here it has a
format. Causes without one here carry nothing, or text.

Specs: RFC 9260 §3.3.10.1 to §3.3.10.13.
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.sctp.parameters import CauseCode, Parameter, ParameterType
from rtcpy.wire import Wire, array, bits, count_of, opaque, reserved, wire


@wire("RFC 9260 §3.3.10.1", error=SctpDecodeError)
class InvalidStream(Wire):
    """DATA came for a stream that does not exist."""

    stream_id: int = bits(16, "the stream")
    _reserved = reserved(16)


@wire("RFC 9260 §3.3.10.2", error=SctpDecodeError)
class MissingParameters(Wire):
    """An INIT or INIT ACK lacks what it must have."""

    number = count_of("types", 32, "how many are missing")
    types: list[int] = array(16, "a parameter that is missing", count="number", enum=ParameterType)


@wire("RFC 9260 §3.3.10.3", error=SctpDecodeError)
class StaleCookie(Wire):
    """A state cookie came back too late."""

    staleness_us: int = bits(32, "how late, in microseconds")


@wire("RFC 9260 §3.3.10.8", error=SctpDecodeError)
class UnrecognizedParameters(Wire):
    """Parameters that the receiver does not know, as they were."""

    parameters: list[Parameter] = array(Parameter, "a parameter that was not known")


@wire("RFC 9260 §3.3.10.9", error=SctpDecodeError)
class NoUserData(Wire):
    """A DATA chunk came without data."""

    tsn: int = bits(32, "TSN of the chunk")


@wire("RFC 9260 §3.3.10.12", error=SctpDecodeError)
class UpperLayerReason(Wire):
    """What the application says about its abort."""

    reason: bytes = opaque("why, as the application put it")


@wire("RFC 9260 §3.3.10.13", error=SctpDecodeError)
class ProtocolViolation(Wire):
    """What the sender finds wrong."""

    information: bytes = opaque("what was wrong, often in words")


CAUSE_FORMATS: Mapping[int, type[Wire]] = {
    CauseCode.INVALID_STREAM_IDENTIFIER: InvalidStream,
    CauseCode.MISSING_MANDATORY_PARAMETER: MissingParameters,
    CauseCode.STALE_COOKIE: StaleCookie,
    CauseCode.UNRECOGNIZED_PARAMETERS: UnrecognizedParameters,
    CauseCode.NO_USER_DATA: NoUserData,
    CauseCode.USER_INITIATED_ABORT: UpperLayerReason,
    CauseCode.PROTOCOL_VIOLATION: ProtocolViolation,
}
"""The declared format of a cause's information, by its code."""

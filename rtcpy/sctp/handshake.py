"""How an association is set up: what INIT and INIT ACK say, and the state cookie.

Pure functions and values; who sends what in which state is `setup`'s. The answering side keeps nothing until
its cookie comes back: everything it needs is in the cookie, signed with a key that only it knows, and good for
a minute. The cookie is never sent to be read by others, and holds no addresses.

Specs: RFC 9260 §3.2.1, §3.2.2, §5.1, §5.1.3–§5.1.5, §5.2.4; RFC 3758 §3.1; RFC 5061 §4.2.7; RFC 9653 §5.1.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from struct import Struct

from rtcpy.core.env import Entropy, random_integer
from rtcpy.core.errors import CryptoError, ProtocolError
from rtcpy.core.machine import Instant
from rtcpy.sctp.chunks import ChunkType, InitAckChunk, InitChunk
from rtcpy.sctp.config import MAX_DTLS_PLAINTEXT, SctpConfig
from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.sctp.parameters import (
    PARAMETER_FORMATS,
    CauseCode,
    ErrorDetectionMethod,
    LargestPacket,
    Parameter,
    ParameterType,
    StateCookie,
    SupportedExtensions,
    ZeroChecksumAcceptable,
    skips_rest,
    wants_report,
)

MIN_RECEIVE_WINDOW = 1500  # bytes, RFC 9260 §3.3.2
SUPPORTED_CHUNKS = (ChunkType.RE_CONFIG, ChunkType.FORWARD_TSN)

# Understood without a format of its own, or properly ignored: no report for these.
_KNOWN_UNUSED = frozenset(
    {
        ParameterType.IPV4_ADDRESS,
        ParameterType.IPV6_ADDRESS,
        ParameterType.HOST_NAME_ADDRESS,
        ParameterType.SUPPORTED_ADDRESS_TYPES,
        ParameterType.UNRECOGNIZED_PARAMETER,
        ParameterType.ECN_CAPABLE,
        ParameterType.RANDOM,
        ParameterType.CHUNK_LIST,
        ParameterType.REQUESTED_HMAC_ALGORITHM,
        ParameterType.PADDING,
        ParameterType.FORWARD_TSN_SUPPORTED,
        ParameterType.ADAPTATION_LAYER_INDICATION,
    }
)


@dataclass(slots=True)
class Side:
    """What one side of an association has said about itself.

    `outbound_streams` is what it asked for, `inbound_streams` what it accepts; `window` its a_rwnd in bytes;
    `largest_packet` the bytes of SCTP packet that its stack reads, 0 if it does not say.
    """

    tag: int
    window: int
    outbound_streams: int
    inbound_streams: int
    initial_tsn: int
    forward_tsn: bool = False
    reconfig: bool = False
    zero_checksum: bool = False
    largest_packet: int = 0


def make_side(config: SctpConfig, entropy: Entropy) -> Side:
    """Our own side, with a fresh tag and first TSN. Spec: RFC 9260 §5.3.1."""
    tag = 0
    while tag == 0:
        tag = random_integer(entropy, 32)
    return Side(
        tag=tag,
        window=config.receive_window,
        outbound_streams=config.outbound_streams,
        inbound_streams=config.inbound_streams,
        initial_tsn=random_integer(entropy, 32),
        forward_tsn=True,
        reconfig=True,
        zero_checksum=config.zero_checksum,
        largest_packet=MAX_DTLS_PLAINTEXT,
    )


def _own_parameters(side: Side, *, zero_checksum: bool, largest_packet: bool) -> list[Parameter]:
    """Our extensions. The last one has no padding: whether the chunk length counts that is a matter of dispute."""
    extensions = SupportedExtensions(chunk_types=list(SUPPORTED_CHUNKS))
    parameters = [Parameter(type=ParameterType.SUPPORTED_EXTENSIONS, value=extensions)]
    if zero_checksum and side.zero_checksum:
        method = ZeroChecksumAcceptable(method=ErrorDetectionMethod.SCTP_OVER_DTLS)
        parameters.append(Parameter(type=ParameterType.ZERO_CHECKSUM_ACCEPTABLE, value=method))
    if largest_packet:
        largest = LargestPacket(size=side.largest_packet)
        parameters.append(Parameter(type=ParameterType.LARGEST_PACKET, value=largest))
    parameters.append(Parameter(type=ParameterType.FORWARD_TSN_SUPPORTED, value=b""))
    return parameters


def make_init(side: Side, *, plain: bool = False) -> InitChunk:
    """INIT for our side; `plain` without the parameters that a peer may not know. Spec: RFC 9260 §3.3.2.

    Parameters like ours are to be skipped in silence (§3.2.1), but Pion 3.1 throws the whole chunk away.
    """
    return InitChunk(
        initiate_tag=side.tag,
        a_rwnd=side.window,
        outbound_streams=side.outbound_streams,
        inbound_streams=side.inbound_streams,
        initial_tsn=side.initial_tsn,
        parameters=_own_parameters(side, zero_checksum=not plain, largest_packet=not plain),
    )


def make_init_ack(side: Side, peer: Side, cookie: bytes, unrecognized: list[bytes]) -> InitAckChunk:
    """INIT ACK for our side, with the cookie and what we did not understand. Spec: RFC 9260 §3.3.3, §3.2.2.

    What only a peer with the same extension can use is said only to a peer that said it: see `make_init`.
    """
    parameters = [
        Parameter(type=ParameterType.STATE_COOKIE, value=StateCookie(cookie=cookie)),
        *_own_parameters(side, zero_checksum=peer.zero_checksum, largest_packet=peer.largest_packet > 0),
    ]
    parameters += [Parameter(type=ParameterType.UNRECOGNIZED_PARAMETER, value=raw) for raw in unrecognized]
    return InitAckChunk(
        initiate_tag=side.tag,
        a_rwnd=side.window,
        outbound_streams=side.outbound_streams,
        inbound_streams=side.inbound_streams,
        initial_tsn=side.initial_tsn,
        parameters=parameters,
    )


@dataclass(slots=True)
class Greeting:
    """An INIT or INIT ACK, understood."""

    side: Side
    cookie: bytes | None
    unrecognized: list[bytes]


def read_greeting(chunk: InitChunk | InitAckChunk) -> Greeting:
    """What a peer's INIT or INIT ACK says.

    Raises:
        SctpDecodeError: initiate tag 0: to be discarded in silence.
        ProtocolError: a value that is not allowed; carries the cause for the ABORT.

    Spec: RFC 9260 §3.3.2, §3.3.3, §3.2.1 (unknown parameters).
    """
    if chunk.initiate_tag == 0:
        raise SctpDecodeError("initiate tag is 0", offset=4, rfc="RFC 9260 §3.3.2", value=0)
    side = Side(
        tag=chunk.initiate_tag,
        window=chunk.a_rwnd,
        outbound_streams=chunk.outbound_streams,
        inbound_streams=chunk.inbound_streams,
        initial_tsn=chunk.initial_tsn,
    )
    if side.window < MIN_RECEIVE_WINDOW or not side.outbound_streams or not side.inbound_streams:
        raise ProtocolError(
            f"a_rwnd {side.window}, streams {side.outbound_streams} out, {side.inbound_streams} in",
            rfc="RFC 9260 §3.3.2",
            alert_or_cause=CauseCode.INVALID_MANDATORY_PARAMETER,
        )
    cookie: bytes | None = None
    unrecognized: list[bytes] = []
    for parameter in chunk.parameters:
        match parameter.value:
            case StateCookie(cookie=cookie):
                pass
            case SupportedExtensions(chunk_types=types):
                side.forward_tsn |= ChunkType.FORWARD_TSN in types
                side.reconfig |= ChunkType.RE_CONFIG in types
            case ZeroChecksumAcceptable(method=method):
                side.zero_checksum |= method == ErrorDetectionMethod.SCTP_OVER_DTLS
            case LargestPacket(size=size):
                side.largest_packet = size
            case _ if parameter.type == ParameterType.FORWARD_TSN_SUPPORTED:
                side.forward_tsn = True
            case _ if parameter.type in _KNOWN_UNUSED or parameter.type in PARAMETER_FORMATS:
                pass
            case _:
                if wants_report(parameter.type):
                    unrecognized.append(parameter.serialize())
                if skips_rest(parameter.type):
                    break
    return Greeting(side, cookie, unrecognized)


# -- state cookie -----------------------------------------------------------------------------------

_COOKIE = Struct("!d IIHHI IIHHI B III")
_MAC_SIZE = 32  # bytes, HMAC-SHA-256
_FORWARD_TSN, _RECONFIG, _ZERO_CHECKSUM = 1, 2, 4


@dataclass(slots=True)
class Cookie:
    """The answering side's memory, carried by the asking side. Tie-tags are 0 unless an association existed.

    Spec: RFC 9260 §5.1.3, §5.2.2.
    """

    made: Instant
    local: Side
    remote: Side
    local_tie_tag: int = 0
    remote_tie_tag: int = 0


class CookieJar:
    """Seals cookies and opens them again. The key lives and dies with the association."""

    __slots__ = ("_key",)

    def __init__(self, entropy: Entropy) -> None:
        self._key = entropy.token(32)

    def seal(self, cookie: Cookie) -> bytes:
        """The cookie as bytes, signed. Its size is a multiple of 4. Spec: RFC 9260 §5.1.3."""
        local, remote = cookie.local, cookie.remote
        flags = (
            _FORWARD_TSN * remote.forward_tsn
            + _RECONFIG * remote.reconfig
            + _ZERO_CHECKSUM * remote.zero_checksum
        )
        body = _COOKIE.pack(
            cookie.made,
            *(local.tag, local.window, local.outbound_streams, local.inbound_streams, local.initial_tsn),
            *(remote.tag, remote.window, remote.outbound_streams, remote.inbound_streams, remote.initial_tsn),
            flags,
            remote.largest_packet,
            cookie.local_tie_tag,
            cookie.remote_tie_tag,
        )
        body += bytes(-len(body) & 3)
        return body + hmac.digest(self._key, body, hashlib.sha256)

    def open(self, raw: bytes) -> Cookie:
        """Verify and read. Raises CryptoError if it is not ours. Its age is the caller's to judge. Spec: RFC 9260 §5.1.5."""
        body, mac = raw[:-_MAC_SIZE], raw[-_MAC_SIZE:]
        if not hmac.compare_digest(hmac.digest(self._key, body, hashlib.sha256), mac):
            raise CryptoError("the state cookie is not ours (RFC 9260 §5.1.5)")
        made, *values = _COOKIE.unpack(body[: _COOKIE.size])
        flags = values[10]
        local = _side(values[0:5], _FORWARD_TSN | _RECONFIG)
        remote = _side(values[5:10], flags)
        remote.largest_packet = values[11]
        return Cookie(made, local, remote, values[12], values[13])


def _side(numbers: list[int], flags: int) -> Side:
    tag, window, outbound_streams, inbound_streams, initial_tsn = numbers
    return Side(
        tag=tag,
        window=window,
        outbound_streams=outbound_streams,
        inbound_streams=inbound_streams,
        initial_tsn=initial_tsn,
        forward_tsn=bool(flags & _FORWARD_TSN),
        reconfig=bool(flags & _RECONFIG),
        zero_checksum=bool(flags & _ZERO_CHECKSUM),
    )

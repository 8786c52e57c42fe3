"""What is fuzzed without a connection: every parser, its seeds, and the one error that it documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rtcpy.core.errors import RtcError, RtcSyntaxError
from rtcpy.dtls import DtlsDecodeError, Fingerprint
from rtcpy.dtls.messages import BODIES
from rtcpy.dtls.record12 import parse_header
from rtcpy.peer import parse_server_url
from rtcpy.rtp import RtpError, RtpPacket, explain_compound, explain_packet, is_rtcp, parse_compound
from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.sctp.packet import parse_packet
from rtcpy.sdp import SdpError, parse
from rtcpy.sdp.attributes import decode
from rtcpy.sdp.candidate import parse_trickled
from rtcpy.signaling.messages import SignalingError
from rtcpy.signaling.messages import parse_message as parse_signalling
from rtcpy.stun import StunError, parse_message
from tests.fuzz.mutation import mutate_bytes, mutate_text, rng_of

DATA = Path(__file__).resolve().parents[1] / "data"


@dataclass(slots=True, frozen=True)
class Driver:
    """One parser under fire.

    Args:
        run: parses an input and reads all of what came out.
        error: what it may raise.
        seeds: valid and odd inputs that are mutated.
    """

    name: str
    run: Callable[[Any], object]
    error: type[Exception]
    seeds: Sequence[Any]

    def input(self, seed: int, index: int) -> Any:
        """Input `index` of the run with `seed`: a seed as it stands first, then mutations."""
        rng = rng_of(self.name, seed, index)
        base = self.seeds[index % len(self.seeds)]
        if index < len(self.seeds):
            return base
        if isinstance(base, str):
            return mutate_text(base, rng, self.seeds)
        return mutate_bytes(base, rng, self.seeds)


@cache
def texts() -> tuple[str, ...]:
    """Session descriptions of real programs, of RFCs, and of other people's fuzzers."""
    found = [path.read_bytes().decode() for path in sorted((DATA / "sdp").rglob("*.sdp"))]
    for path in sorted((DATA / "sdp" / "webrtc-corpora").glob("*.json")):
        found += json.loads(path.read_text())["inputs"].values()
    return tuple(found)


@cache
def candidates() -> tuple[str, ...]:
    """Candidate lines of real programs."""
    lines = {line[2:] for text in texts() for line in text.splitlines() if line.startswith("a=candidate:")}
    return (*sorted(lines), "", "end-of-candidates")


@cache
def stun_messages() -> tuple[bytes, ...]:
    """STUN messages of real programs, of RFC 5769, and of other people's fuzzers."""
    captured = json.loads((DATA / "stun" / "captured.json").read_text())["messages"]
    corpus = json.loads((DATA / "stun" / "webrtc-corpus.json").read_text())["inputs"]
    return tuple(bytes.fromhex(text) for text in [m["message"] for m in captured] + list(corpus.values()))


@cache
def dtls_datagrams() -> tuple[bytes, ...]:
    """DTLS flights of real programs."""
    sessions = json.loads((DATA / "fuzz" / "dtls.json").read_text())["sessions"]
    return tuple(bytes.fromhex(text) for datagrams in sessions.values() for text in datagrams)


@cache
def sctp_packets() -> tuple[bytes, ...]:
    """SCTP packets of real programs and of other people's fuzzers."""
    sessions = json.loads((DATA / "fuzz" / "sctp.json").read_text())["sessions"]
    corpus = json.loads((DATA / "fuzz" / "webrtc-corpus-sctp.json").read_text())["inputs"]
    return tuple(bytes.fromhex(t) for t in [p for s in sessions.values() for p in s] + list(corpus.values()))


@cache
def rtp_packets() -> tuple[bytes, ...]:
    """RTP and RTCP of real programs and of other people's fuzzers."""
    found = [entry["data"] for entry in json.loads((DATA / "rtp" / "captured.json").read_text())["packets"]]
    for kind in ("rtp", "rtcp"):
        found += json.loads((DATA / "rtp" / f"webrtc-corpus-{kind}.json").read_text())["inputs"].values()
    return tuple(bytes.fromhex(text) for text in found)


@cache
def signalling_messages() -> tuple[str, ...]:
    """What pages send each other."""
    offer, candidate = texts()[0], candidates()[0]
    return (
        json.dumps({"description": {"type": "offer", "sdp": offer}}),
        json.dumps({"candidate": {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}}),
        json.dumps({"candidate": None}),
        json.dumps({"bye": True}),
    )


def read_sdp(text: str) -> None:
    """Parse, serialize, parse again: the same text; read every attribute as its type, and all that sections offer."""
    description = parse(text)
    written = description.serialize()
    assert parse(written).serialize() == written, "serialize and parse do not settle"
    for section in (description, *description.media):
        for name, value in section.attributes():
            with suppress(SdpError):
                decode(name, value)
        with suppress(SdpError):
            section.validate()
    for media in description.media:
        for question in (
            media.codecs,
            lambda media=media: (media.port, media.protocol, media.formats, media.is_data, media.mid),
            lambda media=media: description.ice_credentials(media),
            lambda media=media: description.fingerprints(media),
            lambda media=media: description.setup(media),
            lambda media=media: description.direction_of(media),
        ):
            with suppress(SdpError):
                question()  # type: ignore[operator]
    with suppress(SdpError):
        assert all(isinstance(group, list) for group in description.bundle_groups)


def read_stun(data: bytes) -> None:
    """Parse, read every attribute, verify with a key that is not the right one."""
    message = parse_message(data)
    for attribute in message.attributes:
        repr(attribute)
    assert isinstance(message.unknown_required, list)
    try:
        message.verify_integrity(b"not the key")
    except RtcError as error:
        if type(error).__name__ not in ("CryptoError", "StunError"):
            raise


def read_records(data: bytes) -> None:
    """Walk the records of a datagram; each must advance."""
    offset = 0
    while offset < len(data):
        _, _, _, end = parse_header(data, offset)
        assert end >= offset + 13, "a record must take at least its header"
        offset = end


def read_handshake(data: bytes) -> None:
    """Parse a body as the handshake message that its first byte names."""
    body = BODIES.get(data[0]) if data else None
    if body is not None:
        body.parse(data[1:])


def read_media(data: bytes) -> None:
    """Parse as RTP or RTCP by its second byte, and explain every bit."""
    if is_rtcp(data):
        parse_compound(data)
        spans = explain_compound(data)
    else:
        assert RtpPacket.parse(data).serialize()
        spans = explain_packet(data)
    assert sum(span.width for span in spans) == 8 * len(data), "an explanation must cover every bit"


def handshake_bodies() -> tuple[bytes, ...]:
    """Type byte and body of each unfragmented plaintext handshake message of real programs."""
    found = []
    for datagram in dtls_datagrams():
        offset = 0
        while offset + 13 <= len(datagram):
            length = int.from_bytes(datagram[offset + 11 : offset + 13], "big")
            content = datagram[offset + 13 : offset + 13 + length]
            plain = datagram[offset + 3 : offset + 5] == b"\0\0"
            if datagram[offset] == 22 and plain and content[1:4] == content[9:12]:
                found.append(content[:1] + content[12:])
            offset += 13 + length
    return tuple(dict.fromkeys(found))


def drivers() -> list[Driver]:
    """All of them."""
    return [
        Driver("sdp", read_sdp, SdpError, texts()),
        Driver("candidate", parse_trickled, SdpError, candidates()),
        Driver("stun", read_stun, StunError, stun_messages()),
        Driver("dtls-records", read_records, DtlsDecodeError, dtls_datagrams()),
        Driver("dtls-handshake", read_handshake, DtlsDecodeError, handshake_bodies()),
        Driver("sctp", parse_packet, SctpDecodeError, sctp_packets()),
        Driver("rtp", read_media, RtpError, rtp_packets()),
        Driver("signalling", parse_signalling, SignalingError, signalling_messages()),
        Driver(
            "fingerprint",
            Fingerprint.parse,
            RtcSyntaxError,
            ("sha-256 " + ":".join(["AB"] * 32), "sha-1 00"),
        ),
        Driver(
            "server-url",
            parse_server_url,
            RtcError,
            ("stun:192.0.2.1:3478", "turn:[2001:db8::1]?transport=udp"),
        ),
    ]

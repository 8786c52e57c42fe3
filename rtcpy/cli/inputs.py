"""What ``rtcpy explain`` is given: told by its content, and turned into packets in order.

A file may be a capture (pcap, pcapng), a trace of rtcpy, a session description, JSON with one in it (as signalling
carries it), hexadecimal text, or the bytes of one datagram. Names say nothing: content decides.

Owned here: recognizing, and which packets of a trace are shown. Reading is done by `rtcpy.explain`.

Specs: none; RFC 8866 §5 (how a description begins), W3C webrtc §4.6.2 (RTCSessionDescriptionInit).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from rtcpy.core.errors import RtcError, RtcSyntaxError
from rtcpy.core.tap import Direction
from rtcpy.explain import tracefile
from rtcpy.explain.capture import Capture
from rtcpy.explain.dissect import from_hex
from rtcpy.explain.dissect_sdp import LOOKS_LIKE_SDP, is_sdp
from rtcpy.explain.known import RECORD_KEY
from rtcpy.explain.trace import RECORD_HEADER, PacketEntry, Trace

INPUT_MAX = 1 << 30  # bytes of what is no capture file, or comes on standard input
TEXT_MAX = 1 << 24  # bytes of hexadecimal or session description; a datagram has 65,507
CAPTURE_MAGIC = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a",
)  # fmt: skip
ARGUMENT = "the argument"  # what text of the command line is called in messages
_FILE_NAME = re.compile(r"[^\s=:]*(?:[/\\][^\s=:]*|\.[A-Za-z]\w{0,9})")
"""What surely was meant as a file: a path, or a name with an ending. No hexadecimal, no line of SDP."""


class InputError(RtcError):
    """What was given cannot be read as anything; the message says what was expected."""


@dataclass(slots=True)
class Packet:
    """One thing to explain.

    Attributes:
        number: from 1, as the file counts.
        at: when, in **seconds**; None where nobody says.
        source: address of who sent it; empty where nobody says.
        destination: to whom.
        layer: ``"udp"``, ``"sctp"`` or ``"sdp"``.
        data: the bytes.
        comment: what the file says beside it.
        plaintexts: what protected records in it contain, where a trace tells.
        missing: **bytes** that the capture cut off.
        who: name of the endpoint whose socket it crossed, in traces.
    """

    number: int
    at: float | None
    source: str
    destination: str
    layer: str
    data: bytes
    comment: str = ""
    plaintexts: Mapping[bytes, bytes] = field(default_factory=dict)
    missing: int = 0
    who: str = ""


class Input:
    """Packets of one input, in order. `key_log` and `skipped` grow while they are read."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """``"capture"``, ``"trace"``, ``"sdp"`` or ``"datagram"``."""

    @property
    def key_log(self) -> str:
        """Secrets that the input itself carries."""
        return ""

    @property
    def skipped(self) -> Counter[str]:
        """What was left out, and how often."""
        return Counter()

    def __iter__(self) -> Iterator[Packet]:
        """The packets. Raises CaptureError where the file is damaged."""
        raise AssertionError("made by its subclasses")


class CaptureInput(Input):
    """A pcap or pcapng file; it is closed once it is read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__("capture")
        self.file, self.capture = file, Capture(file)

    @property
    def key_log(self) -> str:
        """From Decryption Secrets Blocks so far."""
        return self.capture.key_log

    @property
    def skipped(self) -> Counter[str]:
        """What was no UDP datagram."""
        return self.capture.skipped

    def __iter__(self) -> Iterator[Packet]:
        with self.file:
            for record in self.capture:
                yield Packet(
                    record.number,
                    record.at,
                    str(record.source) if record.source else "",
                    str(record.destination) if record.destination else "",
                    record.layer,
                    record.data,
                    record.comment,
                    missing=record.missing,
                )


class TraceInput(Input):
    """A trace of rtcpy: descriptions and datagrams, each once, as whoever made it sent it."""

    def __init__(self, trace: Trace) -> None:
        super().__init__("trace")
        self.trace = trace

    @property
    def key_log(self) -> str:
        """The secrets that the trace has."""
        return self.trace.key_log()

    def __iter__(self) -> Iterator[Packet]:
        plaintexts: dict[tuple[str, Direction], dict[bytes, bytes]] = {}
        for record in self.trace.packets("dtls-plaintext"):
            records = plaintexts.setdefault((record.who, record.direction), {})
            records[record.data[:RECORD_KEY]] = record.data[RECORD_HEADER:]
        several = len(self.trace.names) > 1
        number = 0
        for entry in self.trace.entries:
            if not isinstance(entry, PacketEntry) or entry.layer not in ("udp", "sdp"):
                continue
            if several and entry.direction is Direction.IN:
                continue  # the other side's sending of it is in the trace, too
            number += 1
            yield _of_entry(entry, number, plaintexts.get((entry.who, entry.direction), {}))


def _of_entry(entry: PacketEntry, number: int, plaintexts: Mapping[bytes, bytes]) -> Packet:
    source, destination = str(entry.local or entry.who), str(entry.remote or "")
    if entry.direction is Direction.IN:
        source, destination = destination, source
    return Packet(
        number, entry.at, source, destination, entry.layer, entry.data, plaintexts=plaintexts, who=entry.who
    )


class SingleInput(Input):
    """One datagram or one description."""

    def __init__(self, data: bytes, kind: str) -> None:
        super().__init__(kind)
        self._data = data

    def __iter__(self) -> Iterator[Packet]:
        yield Packet(1, None, "", "", "sdp" if self.kind == "sdp" else "udp", self._data)


def read_input(words: list[str], stdin: bytes | None, *, only_files: bool = False) -> Input:
    """What the command line names.

    Args:
        words: one file name, ``-``, or text, perhaps in several words.
        stdin: what came on standard input, if ``-`` was given.
        only_files: text by itself makes no sense to the caller.

    Raises:
        InputError: it is nothing that can be explained.
        RtcError: it is something, but broken.
        OSError: the file cannot be read.
    """
    if stdin is not None:
        return recognize(stdin, "standard input")
    text = " ".join(words)
    path = Path(text)
    if len(words) == 1 and _exists(path):
        file = path.open("rb")
        if file.peek(4)[:4] in CAPTURE_MAGIC:
            return CaptureInput(file)  # which reads it block by block, however large
        with file:
            return recognize(file.read(INPUT_MAX + 1), text)
    if only_files or (len(words) == 1 and _FILE_NAME.fullmatch(text)):
        raise InputError(f"no such file: {text!r}{_meant(path)}")
    try:
        return _of_text(text.encode("utf-8", "surrogateescape"), ARGUMENT)
    except InputError as error:
        raise InputError(f"no such file: {text!r}; and as text it is {error}") from None


def _meant(path: Path) -> str:
    """A file beside it whose name is nearly the same, in words; empty if there is none."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f", but there is {str(path.parent / near[0])!r}" if near else ""


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a null: surely no file
        return False


def recognize(data: bytes, name: str) -> Input:
    """What bytes are, by how they begin. Raises InputError, or the error of what they seem to be."""
    if len(data) > INPUT_MAX:
        raise InputError(f"{name} has more than {INPUT_MAX >> 20} MiB")
    if not data:
        raise InputError(f"{name} is empty")
    if data[:4] in CAPTURE_MAGIC:
        return CaptureInput(BytesIO(data))
    if data.lstrip()[:16].startswith(b'{"rtcpy-trace"'):
        return TraceInput(tracefile.load(BytesIO(data)))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return SingleInput(data, "sdp" if is_sdp(data) else "datagram")
    return _of_text(data, name) if _is_text(text) else SingleInput(data, "datagram")


def _is_text(text: str) -> bool:
    """Whether people could have written it: a small datagram may happen to be UTF-8."""
    return "".join(text.split()).isprintable() or LOOKS_LIKE_SDP.match(text) is not None


def _of_text(data: bytes, name: str) -> Input:
    """What text is. Raises InputError."""
    if data.lstrip()[:1] == b"{":
        return SingleInput(_description(data, name), "sdp")
    if is_sdp(data):
        return SingleInput(data, "sdp")
    if len(data) > TEXT_MAX:
        raise InputError(f"{name} is text of {len(data)} bytes, too long for hexadecimal of a datagram")
    try:
        payload = from_hex(data.decode("utf-8", "replace"))
    except RtcSyntaxError as error:
        raise InputError(str(error) if name == ARGUMENT else f"{name}: {error}") from None
    if not payload:
        raise InputError(f"{name} has no bytes")
    return SingleInput(payload, "datagram")


def _description(data: bytes, name: str) -> bytes:
    """The text of ``{"type": "offer", "sdp": "…"}``, as `RTCPeerConnection` and signalling have it."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} begins like JSON, but is none: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("description"), dict):
        found = found["description"]
    text = found.get("sdp") if isinstance(found, dict) else None
    if not isinstance(text, str):
        keys = ", ".join(map(repr, list(found)[:5])) if isinstance(found, dict) else type(found).__name__
        raise InputError(f'{name} is JSON with {keys}; only {{"type": …, "sdp": …}} can be explained')
    return text.encode("utf-8", "surrogatepass")

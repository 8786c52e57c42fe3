"""Codecs: how long one message takes to read or write, beside aiortc and aioice. Best of many short loops."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from struct import unpack_from
from typing import Any

from benchmarks.measure import Figure, progress

OFFER = Path(__file__).parent.parent / "tests/data/sdp/captured/chromium-156/av-data-offer.sdp"
KEY = b"a password of some length"


def cost(call: Callable[[], Any], loops: int) -> float:
    """CPU microseconds per call, over one loop."""
    start = time.process_time()
    for _ in range(loops):
        call()
    return (time.process_time() - start) / loops * 1e6


def stun() -> dict[str, dict[str, Callable[[], Any]]]:
    """A connectivity check as Chromium sends it: built and signed, then parsed and verified."""
    from aioice import stun as aioice

    from rtcpy.core.machine import Address
    from rtcpy.stun import (
        ICE_CONTROLLING,
        PRIORITY,
        USE_CANDIDATE,
        USERNAME,
        XOR_MAPPED_ADDRESS,
        Message,
        MessageClass,
        Method,
        parse_message,
    )

    transaction = bytes(range(12))
    values = (
        (USERNAME, "abcd:efgh"),
        (ICE_CONTROLLING, 12345678901234567890),
        (USE_CANDIDATE, True),
        (PRIORITY, 1845501695),
        (XOR_MAPPED_ADDRESS, Address("192.0.2.1", 40000)),
    )

    def ours_build() -> bytes:
        message = Message(Method.BINDING, MessageClass.REQUEST, transaction)
        for attribute, value in values:
            message.add(attribute, value)  # type: ignore[arg-type]
        return message.serialize(KEY)

    def theirs_build() -> bytes:
        message = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST, transaction)
        message.attributes["USERNAME"] = "abcd:efgh"
        message.attributes["ICE-CONTROLLING"] = 12345678901234567890
        message.attributes["USE-CANDIDATE"] = None
        message.attributes["PRIORITY"] = 1845501695
        message.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", 40000)
        message.add_message_integrity(KEY)
        return bytes(message)

    ours, theirs = ours_build(), theirs_build()
    parsed = parse_message(ours)
    parsed.verify_integrity(KEY)
    if [bool(v) for v in (parsed.get(USERNAME), parsed.get(PRIORITY))] != [True, True]:
        raise AssertionError("the benchmark's own message does not survive")

    def ours_read() -> None:
        message = parse_message(ours)
        message.verify_integrity(KEY)
        message.get(USERNAME)
        message.get(PRIORITY)

    def theirs_read() -> None:
        message = aioice.parse_message(theirs)
        if not message.check_message_integrity(KEY):
            raise AssertionError("aioice does not accept its own message")
        message.attributes["USERNAME"]
        message.attributes["PRIORITY"]

    return {
        "STUN build and sign": {"rtcpy": ours_build, "aiortc": theirs_build},
        "STUN parse and verify": {"rtcpy": ours_read, "aiortc": theirs_read},
    }


def sdp() -> dict[str, dict[str, Callable[[], Any]]]:
    """Chromium's offer with audio, video and data."""
    from aiortc.sdp import SessionDescription

    from rtcpy.sdp import parse, serialize

    text = OFFER.read_bytes().decode()
    ours, theirs = parse(text), SessionDescription.parse(text)
    return {
        "SDP parse, Chromium's offer": {
            "rtcpy": lambda: parse(text),
            "aiortc": lambda: SessionDescription.parse(text),
        },
        "SDP serialize, the same": {"rtcpy": lambda: serialize(ours), "aiortc": lambda: str(theirs)},
    }


def sctp() -> dict[str, dict[str, Callable[[], Any]]]:
    """One DATA chunk of 1,152 bytes."""
    from aiortc.rtcsctptransport import CHUNK_TYPES
    from aiortc.rtcsctptransport import DataChunk as Theirs

    from rtcpy.sctp.chunks import DataChunk

    body = bytes(1152)
    ours = DataChunk(
        immediate=False,
        unordered=False,
        beginning=True,
        ending=False,
        tsn=0x12345678,
        stream_id=1,
        stream_seq=2,
        ppid=53,
        user_data=body,
    )
    theirs = Theirs(flags=2)
    theirs.tsn, theirs.stream_id, theirs.stream_seq, theirs.protocol = 0x12345678, 1, 2, 53
    theirs.user_data = body
    data = ours.serialize()
    if data != bytes(theirs):
        raise AssertionError("the two stacks disagree about the bytes of a DATA chunk")

    def theirs_parse() -> None:
        # The turn of aiortc's parse_packet loop for this chunk: header, bounds, class, body.
        kind, flags, length = unpack_from("!BBH", data, 0)
        if length < 4 or length > len(data):
            raise ValueError
        CHUNK_TYPES[kind](flags=flags, body=data[4:length])

    return {
        "SCTP DATA parse": {"rtcpy": lambda: DataChunk.parse(data), "aiortc": theirs_parse},
        "SCTP DATA serialize": {"rtcpy": ours.serialize, "aiortc": lambda: bytes(theirs)},
    }


def sctp_packet() -> dict[str, dict[str, Callable[[], Any]]]:
    """A whole packet with that chunk: header, checksum, chunk."""
    from aiortc.rtcsctptransport import parse_packet as theirs_parse
    from google_crc32c import value as crc32c

    from rtcpy.sctp.chunks import DataChunk
    from rtcpy.sctp.packet import parse_packet

    chunk = DataChunk(
        immediate=False,
        unordered=False,
        beginning=True,
        ending=True,
        tsn=1,
        stream_id=1,
        stream_seq=2,
        ppid=53,
        user_data=bytes(1152),
    ).serialize()
    head = b"\x13\x88\x13\x88\x01\x02\x03\x04"
    packet = head + crc32c(head + bytes(4) + chunk).to_bytes(4, "little") + chunk
    return {
        "SCTP packet with one DATA, parse": {
            "rtcpy": lambda: parse_packet(packet),
            "aiortc": lambda: theirs_parse(packet),
        }
    }


def run(quick: bool) -> list[Figure]:
    """Alternate the stacks, many short loops each."""
    figures = []
    for group in (stun, sdp, sctp, sctp_packet):
        for name, calls in group().items():
            goal = 1.0 if "parse" in name else None
            figure = Figure(name, "µs", goal=goal)
            progress(name)
            loops = max(20, int(2000 / max(cost(calls["aiortc"], 20), 1)))
            for _ in range(10 if quick else 40):
                for stack in ("rtcpy", "aiortc"):
                    figure.samples[stack].append(cost(calls[stack], loops))
            figures.append(figure)
    return figures

"""Signalling by hand: a description as one line of text that survives chat windows, mail and terminals.

No server and no second message for candidates: each side waits until all candidates are gathered and are part of its
description (`gathered`), then shows one line; the other side pastes it.

    print(encode_description(await gathered(pc)))
    await pc.set_remote_description(decode_description(input()))

The line is ``rtcpy1:`` and the deflated description in URL-safe base64: some 600 characters for a data channel.

Specs: RFC 4648 §5 (base64url), RFC 1950 (zlib); RFC 9429 §3.5.1 (a description after gathering holds all candidates).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import zlib

from rtcpy.aio import PeerConnection
from rtcpy.core.errors import InvalidStateError
from rtcpy.peer import IceGatheringState, SessionDescription
from rtcpy.signaling.messages import (
    MAX_MESSAGE,
    DescriptionMessage,
    SignalingError,
    parse_message,
    serialize_message,
)

PREFIX = "rtcpy1:"


class CopyPasteError(SignalingError):
    """The pasted text is no description: cut off, altered, or something else."""


async def gathered(pc: PeerConnection) -> SessionDescription:
    """Wait until all candidates are gathered; returns the local description that holds them.

    Raises:
        InvalidStateError: no local description was set, or the connection was closed meanwhile.
    """
    if pc.local_description is None:
        raise InvalidStateError("set_local_description comes first: gathering starts with it")
    done = asyncio.Event()

    def changed() -> None:
        if pc.ice_gathering_state is IceGatheringState.COMPLETE:
            done.set()

    pc.on("icegatheringstatechange", changed)
    try:
        changed()
        await done.wait()
    finally:
        pc.remove_listener("icegatheringstatechange", changed)
    description = pc.local_description
    assert description is not None
    return description


def encode_description(description: SessionDescription) -> str:
    """One line of text for `description`."""
    text = serialize_message(DescriptionMessage(description))
    packed = zlib.compress(text.encode(), 9)
    return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_description(text: str) -> SessionDescription:
    """The description in a pasted line; white space and line breaks that were put into it do not matter.

    Raises:
        CopyPasteError: it is none; the message says what to check.
    """
    line = "".join(text.split())
    if len(line) > MAX_MESSAGE:
        raise CopyPasteError(f"{len(line)} characters were pasted; a description has some hundred")
    if not line.startswith(PREFIX):
        raise CopyPasteError(f"the text does not begin with {PREFIX!r}", value=line[:40])
    payload = line.removeprefix(PREFIX)
    try:
        packed = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        # A limit, because a few pasted bytes can unfold to gigabytes.
        plain = unpacker.decompress(packed, MAX_MESSAGE)
        if not unpacker.eof or unpacker.unconsumed_tail or unpacker.unused_data:
            raise CopyPasteError("the text was cut off or has something behind it", value=line[:40])
    except (binascii.Error, zlib.error):
        raise CopyPasteError(
            "the text was altered on the way; copy it again as a whole", value=line[:40]
        ) from None
    try:
        message = parse_message(plain)
    except SignalingError as exc:
        raise CopyPasteError(f"the text unfolds to something else: {exc.message}", value=line[:40]) from None
    if not isinstance(message, DescriptionMessage):
        raise CopyPasteError("the text is no description", value=line[:40])
    return message.description

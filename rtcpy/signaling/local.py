"""Signalling inside one process: two channels, each the other's far end.

Messages go through their JSON form all the same, so that what works here works over a wire.
"""

from __future__ import annotations

import asyncio

from rtcpy.signaling.messages import Message, parse_message, serialize_message


class LocalChannel:
    """One end of a pair made by `local_pair`."""

    __slots__ = ("_closed", "_inbox", "_other")

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._other: LocalChannel | None = None
        self._closed = False

    async def send(self, message: Message) -> None:
        """Hand `message` to the other end.

        Raises:
            ConnectionResetError: either end is closed.
        """
        if self._closed or self._other is None or self._other._closed:
            raise ConnectionResetError("the signalling channel is closed")
        self._other._inbox.put_nowait(serialize_message(message))

    async def receive(self) -> Message | None:
        """The next message, or `None` when either end was closed and everything was read."""
        if self._closed and self._inbox.empty():
            return None
        text = await self._inbox.get()
        return None if text is None else parse_message(text)

    async def close(self) -> None:
        """End both directions. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._inbox.put_nowait(None)
        if self._other is not None:
            self._other._inbox.put_nowait(None)


def local_pair() -> tuple[LocalChannel, LocalChannel]:
    """Two connected channels."""
    a, b = LocalChannel(), LocalChannel()
    a._other, b._other = b, a
    return a, b

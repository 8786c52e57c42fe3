"""Signalling through a WebSocket: the client of `rtcpy.servers.signaling`, for Python. (A page needs three lines.)

The server puts two endpoints that ask for the same room together and relays their JSON. It speaks itself in messages
with the one member ``server``: ``{"server": "welcome", "polite": …, "peers": n}``, ``{"server": "joined"}``,
``{"server": "left"}``, ``{"server": "error", "reason": …}``.

Needs the `websockets` package (``pip install rtcpy[cli]``).

Spec: RFC 6455.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from rtcpy.core.errors import OperationError
from rtcpy.signaling.messages import MAX_MESSAGE, Message, parse_message, serialize_message

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OUTBOX_LIMIT = 256  # messages held until the other side joins


class WebSocketChannel:
    """A `SignalingChannel` to whoever is in the same room. Made by `WebSocketChannel.connect`.

    What is sent before the other side has joined is held back and sent then; so either side may come first.
    """

    def __init__(self, socket: ClientConnection, *, polite: bool, peers: int) -> None:
        self._socket = socket
        self.polite = polite
        """The server's proposal for perfect negotiation: who came second is polite."""
        self._peers = peers
        self._outbox: deque[str] = deque()
        self._joined = asyncio.Event()
        if peers:
            self._joined.set()

    @classmethod
    async def connect(cls, url: str, room: str, *, token: str | None = None) -> WebSocketChannel:
        """Enter `room` at the server.

        Args:
            url: the server, such as ``ws://127.0.0.1:8765``.
            room: any name of letters, digits, ``-`` and ``_``, up to 64.
            token: what the server was told to ask for.

        Raises:
            OperationError: the server refused, with its reason.
            OSError: it could not be reached.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, WebSocketException

        query = f"?{urlencode({'token': token})}" if token is not None else ""
        try:
            socket = await connect(
                f"{url.rstrip('/')}/{quote(room, safe='')}{query}", max_size=MAX_MESSAGE, proxy=None
            )
        except InvalidHandshake as exc:
            raise OperationError(f"the signalling server refused: {exc}") from exc
        try:
            greeting = json.loads(await socket.recv())
        except (ValueError, WebSocketException) as exc:
            await socket.close()
            raise OperationError(f"the signalling server did not greet: {exc}") from exc
        if not isinstance(greeting, dict) or greeting.get("server") != "welcome":
            await socket.close()
            raise OperationError(f"the signalling server did not greet: {str(greeting)[:80]}")
        return cls(socket, polite=bool(greeting.get("polite")), peers=int(greeting.get("peers", 0)))

    async def joined(self) -> None:
        """Wait until the other side is in the room."""
        while not self._joined.is_set():
            await self._joined.wait()

    async def send(self, message: Message) -> None:
        """Send, or hold back until the other side has joined.

        Raises:
            ConnectionResetError: the server is gone, or the other side never came and too much was held back.
        """
        text = serialize_message(message)
        if not self._peers:
            if len(self._outbox) >= OUTBOX_LIMIT:
                raise ConnectionResetError("nobody joined the room to whom all this could be sent")
            self._outbox.append(text)
            return
        await self._transmit(text)

    async def _transmit(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(text)
        except ConnectionClosed as exc:
            raise ConnectionResetError(f"the signalling server is gone: {exc}") from None

    async def receive(self) -> Message | None:
        """The next message of the other side; `None` when it left or the server is gone."""
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                text = await self._socket.recv()
            except ConnectionClosed:
                return None
            notice = _notice(text)
            if notice is None:
                return parse_message(text)
            if notice.get("server") == "joined":
                self._peers += 1
                while self._outbox:
                    await self._transmit(self._outbox.popleft())
                self._joined.set()
            elif notice.get("server") in ("left", "error"):
                return None

    async def close(self) -> None:
        """Leave the room. Idempotent."""
        await self._socket.close()


def _notice(text: str | bytes) -> dict[str, object] | None:
    """A message of the server itself; `None` for anything else."""
    head = text[:32]
    if ('"server"' if isinstance(head, str) else b'"server"') not in head:  # type: ignore[operator]
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "server" in value else None

"""The embedded signalling server: puts two endpoints into a room and relays their JSON. Runs offline, on loopback.

Owns: rooms, limits, the origin check. Does not own: the meaning of what it relays (`rtcpy.signaling.messages`).

    async with SignalingServer("127.0.0.1", 8765) as server:
        print(server.url)

A client connects to ``ws://host:port/ROOM``. The server greets with ``{"server": "welcome", "polite": …, "peers": n}``
(the second one in a room is polite, see W3C webrtc §10.7), tells the others ``{"server": "joined"}`` and
``{"server": "left"}``, and passes every other text on as it is. A room is its members: the last one out ends it.

Every limit of `Limits` guards against a client that is careless or hostile: message size, message rate, connections,
rooms, time to greet. A browser page may connect only from an allowed origin, since any page in the world can open a
WebSocket to loopback (RFC 6455 §10.2). Relayed text is never logged nor parsed.

Specs: RFC 6455 §4.2.2 (refusing), §7.4.1 (close codes), §10.2 (origin), §10.4 (sizes).
"""

from __future__ import annotations

import asyncio
import hmac
import http
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

logger = logging.getLogger("rtcpy.servers")

ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A room's name. Nothing that could mean a path, a header or markup."""

LOCAL_ORIGINS = (re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"),)
"""Pages of this machine: what a server on loopback serves."""


@dataclass(slots=True)
class Limits:
    """What one server grants.

    Args:
        message_size: **bytes** of one message; RFC 6455 §7.4.1 closes with 1009 beyond it.
        messages_per_second: that a client may send in the long run; a connection needs a few dozen in its life.
        burst: messages that it may send at once.
        rooms: at the same time.
        peers_per_room: two for a call.
        connections: in all, greeted or not.
        waiting_bytes: **bytes** that may wait for a slow reader before it is dropped.
        idle: seconds without a sign of life before a connection is dropped.
    """

    message_size: int = 512 * 1024
    messages_per_second: float = 50.0
    burst: int = 200
    rooms: int = 256
    peers_per_room: int = 2
    connections: int = 512
    waiting_bytes: int = 2 * 1024 * 1024
    idle: float = 20.0


@dataclass(slots=True)
class Counters:
    """What the server did, for tests and operators."""

    accepted: int = 0
    refused: int = 0
    relayed: int = 0
    dropped_for_rate: int = 0
    dropped_slow: int = 0


@dataclass(slots=True, eq=False)
class _Member:
    socket: ServerConnection
    tokens: float
    refilled: float
    outbox: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    waiting: int = 0


class SignalingServer:
    """A WebSocket relay for pairs of endpoints.

    Args:
        host: the address to listen on; loopback unless you know why not.
        port: 0 lets the system choose; see `port`.
        origins: origins (strings or compiled patterns that must match whole) of pages that may connect; programs send
            none and are let in. Default: pages of this machine.
        token: if given, every client must pass it as ``?token=…``.
        limits: see `Limits`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        origins: Sequence[str | re.Pattern[str]] | None = None,
        token: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._origins: Sequence[str | re.Pattern[str]] = LOCAL_ORIGINS if origins is None else origins
        self._token = token
        self.limits = limits or Limits()
        self.counters = Counters()
        self._rooms: dict[str, list[_Member]] = {}
        self._connections = 0
        self._server: Server | None = None
        self._changed = asyncio.Event()

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is in use or not ours.
        """
        origins: list[Origin | re.Pattern[str] | None] = [
            Origin(origin) if isinstance(origin, str) else origin for origin in self._origins
        ]
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            origins=[*origins, None],
            process_request=self._admit,
            max_size=self.limits.message_size,
            max_queue=8,  # messages read ahead; the rest waits in TCP, which slows the sender down
            compression=None,  # a few KiB bytes of unfolding JSON are not worth a decompression bomb
            ping_interval=self.limits.idle,
            ping_timeout=self.limits.idle,
            open_timeout=10,
            close_timeout=2,
            logger=logger,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close every connection and stop listening. Idempotent."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> SignalingServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """What clients pass to `WebSocketChannel.connect`."""
        return f"ws://[{self._host}]:{self._port}" if ":" in self._host else f"ws://{self._host}:{self._port}"

    @property
    def rooms(self) -> dict[str, int]:
        """How many members each room has."""
        return {name: len(members) for name, members in self._rooms.items()}

    async def changed(self) -> None:
        """Wait until someone enters or leaves a room."""
        await self._changed.wait()

    def _signal_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # ------------------------------------------------------------------ admission (RFC 6455 §4.2.2)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse with an HTTP status before any WebSocket exists; `None` lets the handshake go on."""
        name = _room_of(request.path)
        status: tuple[http.HTTPStatus, str] | None = None
        if name is None:
            status = http.HTTPStatus.NOT_FOUND, "connect to /ROOM: letters, digits, - and _, up to 64"
        elif self._token is not None and not hmac.compare_digest(
            _token_of(request.path).encode(), self._token.encode()
        ):
            status = http.HTTPStatus.UNAUTHORIZED, "the token is missing or wrong"
        elif self._connections >= self.limits.connections:
            status = http.HTTPStatus.SERVICE_UNAVAILABLE, "too many connections"
        elif len(self._rooms.get(name, ())) >= self.limits.peers_per_room:
            status = http.HTTPStatus.CONFLICT, "the room is full"
        elif name not in self._rooms and len(self._rooms) >= self.limits.rooms:
            status = http.HTTPStatus.SERVICE_UNAVAILABLE, "too many rooms"
        if status is None:
            return None
        self.counters.refused += 1
        return connection.respond(status[0], status[1] + "\n")

    # ------------------------------------------------------------------ relaying

    async def _serve(self, socket: ServerConnection) -> None:
        """One client, from greeting to leaving."""
        assert socket.request is not None
        name = _room_of(socket.request.path)
        assert name is not None
        members = self._rooms.get(name, [])
        # Two may have been admitted to the last place at the same time; the later one is told here.
        if len(members) >= self.limits.peers_per_room or (
            name not in self._rooms and len(self._rooms) >= self.limits.rooms
        ):
            self.counters.refused += 1
            await socket.close(1013, "the room is full")
            return
        members = self._rooms.setdefault(name, members)
        member = _Member(socket, float(self.limits.burst), asyncio.get_running_loop().time())
        self._connections += 1
        self.counters.accepted += 1
        self._post(member, _say("welcome", polite=bool(members), peers=len(members)))
        for other in members:
            self._post(other, _say("joined"))
        members.append(member)
        self._signal_change()
        writer = asyncio.create_task(self._write(member))
        try:
            async for message in socket:
                if not isinstance(message, str):
                    await socket.close(1003, "text only")
                    break
                if not self._take_token(member):
                    self.counters.dropped_for_rate += 1
                    await socket.close(1008, "too many messages")
                    break
                self._relay(member, members, message)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            self._leave(name, members, member)

    def _relay(self, member: _Member, members: list[_Member], message: str) -> None:
        if '"server"' in message[:32]:
            return  # only the server speaks as the server
        for other in members:
            if other is not member:
                self.counters.relayed += 1
                self._post(other, message)

    def _leave(self, name: str, members: list[_Member], member: _Member) -> None:
        self._connections -= 1
        members.remove(member)
        if not members:
            del self._rooms[name]
        for other in members:
            self._post(other, _say("left"))
        self._signal_change()

    def _post(self, member: _Member, text: str) -> None:
        """Queue for one member; a reader that is too slow is dropped, so that nobody's memory is its buffer."""
        if member.waiting + len(text) > self.limits.waiting_bytes:
            self.counters.dropped_slow += 1
            member.socket.transport.abort()
            return
        member.waiting += len(text)
        member.outbox.put_nowait(text)

    async def _write(self, member: _Member) -> None:
        try:
            while True:
                text = await member.outbox.get()
                await member.socket.send(text)
                member.waiting -= len(text)
        except ConnectionClosed:
            return

    def _take_token(self, member: _Member) -> bool:
        """A token bucket: `burst` at once, `messages_per_second` in the long run."""
        now = asyncio.get_running_loop().time()
        earned = (now - member.refilled) * self.limits.messages_per_second
        member.tokens = min(float(self.limits.burst), member.tokens + earned)
        member.refilled = now
        if member.tokens < 1.0:
            return False
        member.tokens -= 1.0
        return True


def _say(what: str, **more: object) -> str:
    return json.dumps({"server": what, **more}, separators=(",", ":"))


def _room_of(path: str) -> str | None:
    """The room that a request path names, `None` if it names none."""
    name = unquote(urlsplit(path).path.removeprefix("/"))
    return name if ROOM.fullmatch(name) else None


def _token_of(path: str) -> str:
    return parse_qs(urlsplit(path).query).get("token", [""])[0]

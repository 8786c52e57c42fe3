"""Your browser on the other side: a page is served, a browser opens it and calls, and every packet can be read.

`BrowserLab` runs in a thread of its own, so that a lesson needs no `await`: it serves `pages/call.html` and the
signalling beside it on one port of 127.0.0.1, and answers each visitor with a `PeerConnection` that keeps a trace.
`BrowserCall` is one such visit.

    lab = BrowserLab().start()
    lab.open_chromium()                 # or open lab.url in any browser on this machine
    call = lab.wait_for_call()
    call.send("hello from Python")

With ``private=True`` (default where it is possible: root on Linux) thread and browser live in a network of their own
(`private_network`); otherwise the connection runs over this machine's interfaces.

Not here: who gives way when both offer (`rtcpy.signaling`), what the packets mean (`rtcpy.explain`).

Specs: RFC 6455 §10.2 (the page's origin is checked), W3C webrtc §10.7.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

from rtcpy.aio import Configuration, DataChannel, PeerConnection
from rtcpy.core.tap import Direction
from rtcpy.explain import explain, summarize_datagram
from rtcpy.explain.summary import RECORD_KEY
from rtcpy.explain.trace import RECORD_HEADER, PacketEntry, Trace
from rtcpy.lab.private_network import INTERFACE, obstacle, private_network
from rtcpy.signaling import (
    CandidateMessage,
    DescriptionMessage,
    Negotiator,
    SignalingError,
    parse_message,
    serialize_message,
)
from rtcpy.signaling.messages import Message

T = TypeVar("T")

PAGE = Path(__file__).with_name("pages") / "call.html"
WAIT = 30.0  # s that a lesson waits for a browser, a message, the end of a thread
CALLS_MAX = 16  # visits that a lab keeps; a lesson has one or two
LOG_MAX = 1000  # states that one page may report
FEED_INTERVAL = 0.1  # s between two looks at the trace for the page
PACKETS_SHOWN = 2000  # datagrams that one page lists
MESSAGE_MAX = 512 * 1024  # characters of one message of the page
RECEIVED_MAX = 10_000  # messages that wait to be read
CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(slots=True, eq=False)
class _Socket:
    """The page's WebSocket as a signalling channel; what is not signalling goes to `other`."""

    socket: ServerConnection
    other: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

    async def send(self, message: Message) -> None:
        """Send one signalling message."""
        await self.say(serialize_message(message))

    async def say(self, text: str) -> None:
        """Send one text.

        Raises:
            ConnectionError: the page is gone.
        """
        try:
            await self.socket.send(text)
        except ConnectionClosed as exc:
            raise ConnectionError("the page is gone") from exc

    async def receive(self) -> Message | None:
        """The next signalling message, `None` when the page is gone."""
        while True:
            try:
                text = await self.socket.recv()
            except ConnectionClosed:
                return None
            if not isinstance(text, str):
                raise SignalingError("the page sent bytes, expected JSON text")
            try:
                value = json.loads(text)
            except ValueError as exc:
                raise SignalingError(f"the page sent no JSON: {exc}") from exc
            if isinstance(value, dict) and value.keys() & {"log", "explain"}:
                await self.other(value)
            else:
                return parse_message(text)

    async def close(self) -> None:
        """End it."""
        await self.socket.close()


@dataclass(slots=True, eq=False)
class BrowserCall:
    """One visit of a browser. All methods may be called from any thread but the lab's.

    Attributes:
        pc: our end; look, but call its methods through `do`.
        trace: everything that happened at our end.
        browser_log: the states that the page reported, as (name, value), oldest first.
        signalling: what was exchanged, as ("page" or "rtcpy", message), oldest first.
    """

    pc: PeerConnection
    trace: Trace
    _lab: BrowserLab
    browser_log: list[tuple[str, str]] = field(default_factory=list)
    signalling: list[tuple[str, Message]] = field(default_factory=list)
    _channel: DataChannel | None = None
    _inbox: queue.Queue[str | bytes] = field(default_factory=lambda: queue.Queue(RECEIVED_MAX))
    _open: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def wait_open(self, timeout: float = WAIT) -> BrowserCall:
        """Wait until the channel is open.

        Raises:
            TimeoutError: it is not after `timeout` seconds; the message says how far the connection came.
        """
        if not self._open.wait(timeout):
            raise TimeoutError(
                f"no open channel after {timeout:g} s: signalling {self.pc.signaling_state}, "
                f"ICE {self.pc.ice_connection_state}, connection {self.pc.connection_state}"
            )
        return self

    def send(self, message: str | bytes) -> None:
        """Send a message to the page.

        Raises:
            InvalidStateError: the channel is not open.
        """
        channel = self._channel
        assert channel is not None, "wait_open() comes first"

        async def send() -> None:
            channel.send(message)

        self.do(send())

    def receive(self, timeout: float = WAIT) -> str | bytes:
        """The next message of the page.

        Raises:
            TimeoutError: none after `timeout` seconds.
        """
        try:
            return self._inbox.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"the page said nothing for {timeout:g} s") from None

    def do(self, work: Awaitable[T]) -> T:
        """Run `work` where the connection lives and return its result."""
        return self._lab.run(work)

    def wait_ended(self, timeout: float = WAIT) -> None:
        """Wait until the page is gone.

        Raises:
            TimeoutError: it is still there after `timeout` seconds.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the page is still there after {timeout:g} s")

    def _adopt(self, channel: DataChannel) -> None:
        self._channel = channel
        channel.on("message", self._on_message)
        if channel.ready_state == "open":
            self._open.set()
        channel.on("open", self._open.set)

    def _on_message(self, message: str | bytes) -> None:
        if not self._inbox.full():
            self._inbox.put_nowait(message)


class BrowserLab:
    """Serves the page and answers who opens it.

    Args:
        port: of the page; 0 lets the system choose.
        private: put everything into a network of its own (needs root on Linux); `None`: if that is possible.

    `start` before anything else, `close` at the end, or use it as a context manager.
    """

    def __init__(self, *, port: int = 0, private: bool | None = None) -> None:
        self._port = port
        self.private = (not obstacle()) if private is None else private
        self.calls: list[BrowserCall] = []
        self._arrived: queue.Queue[BrowserCall] = queue.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started: Future[int] = Future()
        self._thread: threading.Thread | None = None
        self._browser: subprocess.Popen[bytes] | None = None
        self._profile: tempfile.TemporaryDirectory[str] | None = None

    # --- for the lesson -------------------------------------------------------------------------------------

    def start(self) -> BrowserLab:
        """Serve the page.

        Raises:
            PrivateNetworkError: a private network was asked for and cannot be had.
            OSError: the port is taken.
        """
        self._thread = threading.Thread(target=self._live, name="rtcpy browser lab", daemon=True)
        self._thread.start()
        self._port = self._started.result(WAIT)
        return self

    @property
    def url(self) -> str:
        """Where the page is. In a private network only a browser that `open_chromium` started gets there."""
        return f"http://127.0.0.1:{self._port}/"

    def open_chromium(self) -> bool:
        """Open the page in a headless Chromium, if there is one. Returns whether there is.

        Raises:
            OSError: it cannot be started.
        """
        path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
        if path is None:
            return False
        self.close_chromium()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [path, *CHROMIUM_FLAGS, f"--user-data-dir={self._profile.name}", self.url]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses to be root with one

        def launch() -> None:
            self._browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        self._on_thread(launch)
        return True

    def close_chromium(self) -> None:
        """End the Chromium that `open_chromium` started, as if its window were closed."""
        browser, self._browser = self._browser, None
        if browser is not None:
            browser.terminate()
            try:
                browser.wait(5)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
        if self._profile is not None:
            self._profile.cleanup()
            self._profile = None

    def wait_for_call(self, timeout: float = WAIT) -> BrowserCall:
        """The next visitor, once its channel is open.

        Raises:
            TimeoutError: nobody came, or the connection did not get through, within `timeout` seconds.
        """
        try:
            call = self._arrived.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"nobody opened {self.url} within {timeout:g} s") from None
        return call.wait_open(timeout)

    def run(self, work: Awaitable[T]) -> T:
        """Run `work` on the lab's thread and return its result."""
        assert self._loop is not None, "start() comes first"

        async def await_it() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(await_it(), self._loop).result(WAIT)

    def _on_thread(self, action: Callable[[], T]) -> T:
        """Run `action` on the lab's thread, for the sake of its network."""

        async def run() -> T:
            return action()

        return self.run(run())

    def close(self) -> None:
        """End all calls, the browser and the server. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self.close_chromium()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(WAIT)

    def __enter__(self) -> BrowserLab:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        where = (
            "in a network of its own, where only the Chromium of this lesson gets to it"
            if self.private
            else f"at <a href='{escape(self.url)}' target='_blank'>{escape(self.url)}</a>"
        )
        return f"<p>The page is served {where}.</p>"

    def __str__(self) -> str:
        where = "in a network of its own" if self.private else "on this machine"
        return f"the page is served at {self.url}, {where}"

    # --- the thread -----------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            with private_network() if self.private else nullcontext():
                asyncio.run(self._serve())
        except BaseException as exc:
            if not self._started.done():
                self._started.set_exception(exc)
            else:
                raise

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await serve(
            self._visit,
            "127.0.0.1",
            self._port,
            process_request=self._page,
            max_size=MESSAGE_MAX,
            compression=None,
            close_timeout=1,
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            self._port = port
            self._started.set_result(port)
            await self._stop.wait()
            for call in self.calls:
                await call.pc.close()

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page itself is plain HTTP; only ``/call`` becomes a WebSocket, and only for our own page."""
        if request.path == "/call":
            ours = Origin(self.url.removesuffix("/"))
            if request.headers.get("Origin") != ours:
                return connection.respond(403, "only the page of this lesson may call\n")
            return None
        if request.path != "/":
            return connection.respond(404, "there is one page here: /\n")
        body = PAGE.read_bytes()
        headers = Headers(
            {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
                "Connection": "close",
            }
        )
        return Response(200, "OK", headers, body)

    async def _visit(self, socket: ServerConnection) -> None:
        """One page, from opening to closing."""
        if len(self.calls) >= CALLS_MAX:
            await socket.close(1013, "too many calls")
            return
        interfaces = [INTERFACE] if self.private else None
        async with PeerConnection(Configuration(trace=True, network_interfaces=interfaces)) as pc:
            assert pc.trace is not None
            call = BrowserCall(pc, pc.trace, self)
            self.calls.append(call)

            async def other(value: dict[str, Any]) -> None:
                match value:
                    case {"log": [str(name), str(text)]} if len(call.browser_log) < LOG_MAX:
                        call.browser_log.append((name[:40], text[:200]))
                    case {"explain": int(number)}:
                        await self._explain(call, channel, number)

            channel = _Socket(socket, other)
            noted = _Noted(channel, call)
            negotiator = Negotiator(pc, noted, polite=True)
            pc.on("datachannel", call._adopt)
            self._arrived.put_nowait(call)
            feed = asyncio.create_task(self._feed(call, channel))
            try:
                await negotiator.run()
            except ConnectionError:
                pass
            finally:
                feed.cancel()
                call._ended.set()

    async def _feed(self, call: BrowserCall, page: _Socket) -> None:
        """Tell the page of each datagram."""
        told = shown = 0
        plaintexts: dict[Direction, dict[bytes, bytes]] = {direction: {} for direction in Direction}
        while shown < PACKETS_SHOWN:
            fresh = [
                (index, entry)
                for index, entry in enumerate(call.trace.entries[told:], told)
                if isinstance(entry, PacketEntry)
            ]
            told = len(call.trace.entries)
            for (
                _,
                entry,
            ) in fresh:  # first all that was opened: a record is told of before or after its datagram
                if entry.layer == "dtls-plaintext":
                    plaintexts[entry.direction][entry.data[:RECORD_KEY]] = entry.data[RECORD_HEADER:]
            rows = [
                _row(entry, call.trace.started, plaintexts[entry.direction], index)
                for index, entry in fresh
                if entry.layer == "udp"
            ]
            shown += len(rows)
            if rows:
                try:
                    await page.say(json.dumps({"packets": rows}))
                except ConnectionError:
                    return
            await asyncio.sleep(FEED_INTERVAL)

    async def _explain(self, call: BrowserCall, page: _Socket, number: int) -> None:
        """Show one datagram to the last bit."""
        entries = call.trace.entries
        entry = entries[number] if 0 <= number < len(entries) else None
        if isinstance(entry, PacketEntry):
            html = explain(entry.data)._repr_html_()
            await page.say(json.dumps({"explanation": {"number": number, "html": html}}))


@dataclass(slots=True, eq=False)
class _Noted:
    """A signalling channel that notes what passes, for the lesson to show."""

    inner: _Socket
    call: BrowserCall

    async def send(self, message: Message) -> None:
        """Note and send."""
        self._note("rtcpy", message)
        await self.inner.send(message)

    async def receive(self) -> Message | None:
        """Receive and note."""
        message = await self.inner.receive()
        if message is not None:
            self._note("page", message)
        return message

    async def close(self) -> None:
        """End it."""
        await self.inner.close()

    def _note(self, who: str, message: Message) -> None:
        if isinstance(message, DescriptionMessage | CandidateMessage) and len(self.call.signalling) < LOG_MAX:
            self.call.signalling.append((who, message))


def _row(
    entry: PacketEntry, started: float, plaintexts: dict[bytes, bytes], number: int
) -> dict[str, object]:
    summaries = summarize_datagram(entry.data, plaintexts)
    return {
        "number": number,
        "at": round(entry.at - started, 6),
        "inward": entry.direction is Direction.IN,
        "size": len(entry.data),
        "text": ", ".join(str(summary) for summary in summaries) or "nothing",
        "layer": summaries[-1].layer if summaries else "",
    }

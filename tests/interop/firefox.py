"""Headless Firefox as an `End`: no driver, just a page that holds one RTCPeerConnection and a WebSocket to us."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.interop.browser import SCRIPT, BrowserEnd

PAGE = (
    """<!doctype html><meta charset="utf-8"><title>peer</title><script>
const boot = """
    + SCRIPT
    + """;
const socket = new WebSocket(`ws://${location.host}/peer`);
window.onCandidate = candidate => socket.send(JSON.stringify({candidate}));
socket.onmessage = async event => {
  const {id, call, args} = JSON.parse(event.data);
  let answer;
  try { answer = {id, result: (await (call === "boot" ? boot : window.end[call])(...args)) ?? null}; }
  catch (error) { answer = {id, error: String(error)}; }
  socket.send(JSON.stringify(answer));
};
</script>"""
)

PREFERENCES = {
    "media.peerconnection.ice.loopback": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "services.settings.server": "http://127.0.0.1:9",
}


class Firefox:
    """A running browser whose page asks us what to do."""

    def __init__(self) -> None:
        self.pages: asyncio.Queue[ServerConnection] = asyncio.Queue()

    def page(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page at `/`; nothing else is HTTP."""
        if request.path == "/peer":
            return None
        headers = Headers({"Content-Type": "text/html; charset=utf-8", "Connection": "close"})
        if request.path != "/":
            return Response(404, "Not Found", headers, b"")
        return Response(200, "OK", headers, PAGE.encode())

    async def serve(self, connection: ServerConnection) -> None:
        """Hand the page over, and keep it until it is gone."""
        self.pages.put_nowait(connection)
        await connection.wait_closed()


class FirefoxEnd(BrowserEnd):
    """The browser's side of a call, in a freshly loaded page."""

    def __init__(self, browser: Firefox) -> None:
        super().__init__("firefox")
        self.browser = browser
        self.answers: dict[int, asyncio.Future[Any]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self, **options: Any) -> None:
        """Wait for the page; `options` as of RTCPeerConnection, and `rsa` for an RSA certificate."""
        async with asyncio.timeout(60):
            self.socket = await self.browser.pages.get()
        self._spawn(self._listen())
        await self._call("boot", options)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _listen(self) -> None:
        candidates: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._spawn(self._trickle(candidates))
        while (text := await self._next()) is not None:
            value = json.loads(text)
            if "candidate" in value:
                candidates.put_nowait(value["candidate"])
            elif "error" in value:
                self.answers.pop(value["id"]).set_exception(AssertionError(f"firefox: {value['error']}"))
            else:
                self.answers.pop(value["id"]).set_result(value["result"])

    async def _next(self) -> str | bytes | None:
        """What the page says next, or None when it is gone."""
        try:
            return await self.socket.recv()
        except ConnectionClosed:
            return None

    async def _trickle(self, candidates: asyncio.Queue[dict[str, Any] | None]) -> None:
        while True:
            candidate = await candidates.get()
            if self.on_candidate is not None:
                await self.on_candidate(candidate)

    async def _call(self, function: str, *arguments: Any) -> Any:
        number = id(future := asyncio.get_running_loop().create_future())
        self.answers[number] = future
        await self.socket.send(json.dumps({"id": number, "call": function, "args": arguments}))
        async with asyncio.timeout(60):
            return await future

    async def close(self) -> None:
        """Leave a fresh page behind for the next call."""
        await self._call("reload")
        await self.socket.wait_closed()
        for task in list(self.tasks):
            task.cancel()


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """A fresh headless Firefox with an empty profile, ended at the end."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("needs firefox (Debian: firefox-esr)")
    browser = Firefox()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()
        ]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        async with serve(
            browser.serve, "127.0.0.1", 0, process_request=browser.page, max_size=None
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                path,
                *("-headless", "-no-remote", "-profile", profile, f"http://127.0.0.1:{port}/"),
                env=os.environ | {"HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                yield browser
            finally:
                process.terminate()
                try:
                    async with asyncio.timeout(10):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()

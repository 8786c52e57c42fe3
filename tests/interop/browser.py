"""Browsers as an `End`, and headless Chromium: Playwright drives a blank page that holds one RTCPeerConnection."""

from __future__ import annotations

import base64
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright

from tests.interop.ends import ChannelInfo, Message, OnCandidate

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SCRIPT = r"""
(async ({rsa, ...configuration}) => {
  if (rsa) configuration.certificates = [await RTCPeerConnection.generateCertificate(
    {name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256"})];
  const pc = new RTCPeerConnection(configuration);
  const channels = {}, inbox = {}, waiters = [];
  const wake = () => { for (const w of waiters.splice(0)) w(); };
  const until = async (predicate, what) => {
    const deadline = Date.now() + 40000;
    while (!predicate()) {
      if (Date.now() > deadline) throw new Error(
        `chromium: ${what} did not happen; connection ${pc.connectionState}, ice ${pc.iceConnectionState}, channels `
        + JSON.stringify(Object.fromEntries(Object.entries(channels).map(([k, c]) => [k, c.readyState]))));
      await new Promise(resolve => { waiters.push(resolve); setTimeout(resolve, 1000); });
    }
  };
  const base64 = buffer => {
    const bytes = new Uint8Array(buffer); let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };
  const adopt = channel => {
    channel.binaryType = "arraybuffer";
    channels[channel.label] = channel; inbox[channel.label] ??= [];
    channel.onmessage = event => {
      inbox[channel.label].push(typeof event.data === "string" ? ["s", event.data] : ["b", base64(event.data)]);
      wake();
    };
    channel.onopen = channel.onclose = channel.onerror = wake;
    wake();
  };
  pc.ondatachannel = event => adopt(event.channel);
  pc.onconnectionstatechange = pc.onicegatheringstatechange = pc.oniceconnectionstatechange = wake;
  pc.onicecandidate = event => window.onCandidate(event.candidate && event.candidate.toJSON());
  window.end = {
    createChannel: (label, options) => adopt(pc.createDataChannel(label, options)),
    offer: async iceRestart => {
      await pc.setLocalDescription(await pc.createOffer({iceRestart})); return pc.localDescription.sdp;
    },
    answer: async sdp => {
      await pc.setRemoteDescription({type: "offer", sdp});
      await pc.setLocalDescription(); return pc.localDescription.sdp;
    },
    accept: sdp => pc.setRemoteDescription({type: "answer", sdp}),
    addCandidate: candidate => pc.addIceCandidate(candidate ?? undefined),
    waitOpen: async label => {
      await until(() => channels[label]?.readyState === "open", `open of ${label}`);
      const c = channels[label];
      return [c.label, c.protocol, c.id, c.ordered, c.maxRetransmits, c.maxPacketLifeTime, c.negotiated];
    },
    waitClosed: label => until(() => channels[label]?.readyState === "closed", `close of ${label}`),
    send: async (label, messages) => {
      const channel = channels[label];
      channel.bufferedAmountLowThreshold = 262144;
      for (const [kind, value] of messages) {
        if (channel.bufferedAmount > 4194304)
          await new Promise(resolve => channel.addEventListener("bufferedamountlow", resolve, {once: true}));
        channel.send(kind === "s" ? value : Uint8Array.from(atob(value), c => c.charCodeAt(0)));
      }
    },
    receive: async (label, count) => {
      const came = () => (inbox[label] ?? []).length;
      await until(() => came() >= count, `message ${count} on ${label}`);
      return inbox[label].splice(0, count);
    },
    closeChannel: label => channels[label].close(),
    channelState: label => channels[label]?.readyState ?? "none",
    waitConnectionState: async states => {
      await until(() => states.includes(pc.connectionState), `connection state ${states}`);
      return pc.connectionState;
    },
    gathered: async () => {
      await until(() => pc.iceGatheringState === "complete", "end of gathering");
      return pc.localDescription.sdp;
    },
    media: () => { pc.addTransceiver("audio"); pc.addTransceiver("video"); },
    close: () => pc.close(),
    reload: () => { setTimeout(() => location.reload(), 0); },
  };
})
"""


class BrowserEnd(ABC):
    """A browser's side of a call: `_call` runs one function of the script's `window.end` in the page."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_candidate: OnCandidate | None = None

    @abstractmethod
    async def start(self, **options: Any) -> None:
        """Load the peer into the page; `options` as of RTCPeerConnection, and `rsa` for an RSA certificate."""

    @abstractmethod
    async def _call(self, function: str, *arguments: Any) -> Any: ...

    @abstractmethod
    async def close(self) -> None:
        """Leave nothing behind."""

    async def add_media(self) -> None:
        """One audio and one video transceiver."""
        await self._call("media")

    async def create_channel(self, label: str, **options: Any) -> None:
        names = {"max_retransmits": "maxRetransmits", "max_packet_life_time": "maxPacketLifeTime"}
        await self._call("createChannel", label, {names.get(k, k): v for k, v in options.items()})

    async def offer(self, *, ice_restart: bool = False) -> str:
        return str(await self._call("offer", ice_restart))

    async def answer(self, sdp: str) -> str:
        return str(await self._call("answer", sdp))

    async def accept(self, sdp: str) -> None:
        await self._call("accept", sdp)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        await self._call("addCandidate", candidate)

    async def wait_open(self, label: str) -> ChannelInfo:
        return ChannelInfo(*await self._call("waitOpen", label))

    async def wait_closed(self, label: str) -> None:
        await self._call("waitClosed", label)

    async def send(self, label: str, messages: list[Message]) -> None:
        await self._call(
            "send",
            label,
            [["s", m] if isinstance(m, str) else ["b", base64.b64encode(m).decode()] for m in messages],
        )

    async def receive(self, label: str, count: int) -> list[Message]:
        got = await self._call("receive", label, count)
        return [value if kind == "s" else base64.b64decode(value) for kind, value in got]

    async def close_channel(self, label: str) -> None:
        await self._call("closeChannel", label)

    async def channel_state(self, label: str) -> str:
        return str(await self._call("channelState", label))

    async def wait_connection_state(self, *states: str) -> str:
        return str(await self._call("waitConnectionState", states))

    async def gathered(self) -> str:
        """The local description with all candidates."""
        return str(await self._call("gathered"))

    async def close_connection(self) -> None:
        """Close as an application does."""
        await self._call("close")


class ChromiumEnd(BrowserEnd):
    """Chromium's side."""

    def __init__(self, page: Page) -> None:
        super().__init__("chromium")
        self.page = page

    async def start(self, **options: Any) -> None:
        """Load the peer into the page; `options` as of RTCPeerConnection, and `rsa` for an RSA certificate."""

        async def candidate(value: dict[str, Any] | None) -> None:
            if self.on_candidate is not None:
                await self.on_candidate(value)

        await self.page.expose_function("onCandidate", candidate)
        await self.page.evaluate(SCRIPT, options)

    async def _call(self, function: str, *arguments: Any) -> Any:
        return await self.page.evaluate(f"a => window.end.{function}(...a)", list(arguments))

    async def close(self) -> None:
        """Close the page."""
        await self.page.close()


@asynccontextmanager
async def chromium(*extra_flags: str) -> AsyncIterator[BrowserContext]:
    """A fresh headless Chromium with an empty profile, ended at the end."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium (Debian: chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=path, headless=False, args=["--headless=new", *FLAGS, *extra_flags]
            )
            try:
                yield context
            finally:
                await context.close()

"""The lesson's page in a real Chromium, in a network of their own: it calls, both talk, every packet is listed."""

from __future__ import annotations

import shutil

import pytest

from rtcpy.lab.browser import BrowserLab
from tests.interop.namespace import require_namespaces

pytestmark = [pytest.mark.interop, pytest.mark.sockets]


def test_chromium_opens_the_page_and_calls() -> None:
    require_namespaces()
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium (Debian: chromium)")
    with BrowserLab(private=True) as lab:
        assert lab.open_chromium()
        call = lab.wait_for_call(60)
        assert call.receive() == "Hello from the browser"
        call.send("Hello from Python")
        assert call.signalling[0][0] == "page"
        layers = {entry.layer for entry in call.trace.datagrams()} | {
            layer for layer in ("stun", "dtls", "sctp") if call.trace.packets(layer)
        }
        assert layers == {"udp", "stun", "dtls", "sctp"}
        lab.close_chromium()
        call.wait_ended()
    assert ("connectionState", "connected") in call.browser_log

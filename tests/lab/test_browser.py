"""The page and its server without a browser: who gets the page, who may call, what the page is told; see also interop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from rtcpy.lab import browser
from rtcpy.lab.browser import BrowserLab

pytestmark = pytest.mark.sockets
WAIT = 20.0  # s


@pytest.fixture(scope="module")
def lab() -> Iterator[BrowserLab]:
    with BrowserLab(private=False) as lab:
        yield lab


def fetch(lab: BrowserLab, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", lab._port, timeout=WAIT)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.headers["Content-Type"], response.read().decode()


def page(lab: BrowserLab) -> ClientConnection:
    """A WebSocket that says it belongs to the page."""
    return connect(
        lab.url.replace("http", "ws") + "call", origin=Origin(lab.url.rstrip("/")), open_timeout=WAIT
    )


def test_the_page_is_served_whole_and_needs_nothing_else(lab: BrowserLab) -> None:
    status, kind, text = fetch(lab, "/")
    assert status == 200 and kind.startswith("text/html")
    assert "new RTCPeerConnection()" in text
    assert "http://" not in text and "https://" not in text and "src=" not in text


def test_there_is_nothing_else(lab: BrowserLab) -> None:
    assert fetch(lab, "/etc/passwd")[0] == 404
    assert fetch(lab, "/../pages/call.html")[0] == 404


@pytest.mark.parametrize("origin", [None, "http://evil.example", "http://127.0.0.1:1"])
def test_only_the_page_may_call(lab: BrowserLab, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(
            lab.url.replace("http", "ws") + "call",
            origin=None if origin is None else Origin(origin),
            open_timeout=WAIT,
        )
    assert refused.value.response.status_code == 403


def test_nonsense_ends_nothing(lab: BrowserLab) -> None:
    with page(lab) as socket:
        for text in (
            "no json",
            "[]",
            "7",
            '{"log": ["a", "b"]}',
            '{"explain": -1}',
            '{"explain": "x"}',
            '{"log": 3}',
            "{}",
        ):
            socket.send(text)
        socket.send(b"bytes")
        socket.send(json.dumps({"log": ["connectionState", "x" * 1000]}))
        socket.send(json.dumps({"explain": 0}))
        call = lab.calls[-1]
        socket.ping().wait(WAIT)
    call.wait_ended(WAIT)
    assert ("a", "b") in call.browser_log
    assert ("connectionState", "x" * 200) in call.browser_log


def test_a_message_that_is_too_large_ends_the_visit(lab: BrowserLab) -> None:
    with page(lab) as socket, pytest.raises(ConnectionClosed):
        socket.send("x" * (600 * 1024))
        socket.recv(WAIT)


def test_visits_and_reports_are_bounded(lab: BrowserLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "CALLS_MAX", len(lab.calls) + 1)
    monkeypatch.setattr(browser, "LOG_MAX", 3)
    with page(lab) as socket:
        for number in range(10):
            socket.send(json.dumps({"log": ["state", str(number)]}))
        socket.send(json.dumps({"explain": 0}))
        socket.ping().wait(WAIT)
        with page(lab) as another, pytest.raises(ConnectionClosed, match="too many calls"):
            another.recv(WAIT)
    call = lab.calls[-1]
    call.wait_ended(WAIT)
    assert call.browser_log == [("state", "0"), ("state", "1"), ("state", "2")]


def test_nobody_came() -> None:
    with (
        BrowserLab(private=False) as lab,
        pytest.raises(TimeoutError, match=r"nobody opened http://127\.0\.0\.1:\d+/ within"),
    ):
        lab.wait_for_call(0.01)


def test_closing_twice_is_closing_once() -> None:
    lab = BrowserLab(private=False).start()
    lab.close()
    lab.close()


def test_a_taken_port_is_told(lab: BrowserLab) -> None:
    with pytest.raises(OSError, match="in use"):
        BrowserLab(port=lab._port, private=False).start()


def test_what_it_says_of_itself(lab: BrowserLab) -> None:
    assert lab.url in str(lab) and lab.url in lab._repr_html_()

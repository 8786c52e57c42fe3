"""Whole traces, explained: every byte of every packet of a session has its place."""

from __future__ import annotations

import pytest

import rtcpy
from rtcpy.explain import ExplainedTrace, Explanation, Trace
from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session


def session(**link: float) -> Session:
    one = Session(seed=11, link=LinkConfig(**link))
    one.connect()
    one.alice.send("chat", "hello")
    one.bob.send("chat", b"\x00" * 3000)
    one.run(20.0)
    for end in one.ends:
        end.peer.close(now=one.now)
    one.run(1.0)
    return one


def test_every_byte_of_a_session_is_explained(record_property: pytest.RecordProperty) -> None:
    trace = session().trace
    explained = rtcpy.explain(trace)
    assert isinstance(explained, ExplainedTrace)
    assert len(explained) == len(trace.datagrams()) + len(trace.packets("sdp"))
    assert all(one.is_tiled for one in explained)
    assert not [problem for one in explained for problem in one.problems]
    record_property("bytes_explained", f"{explained.size - explained.unreadable} of {explained.size}")
    assert explained.size > 10_000 and explained.unreadable == 0
    # Protected records are open: what the application sent is found inside them.
    texts = [bytes_of for one in explained for _, inner in one.insides() for bytes_of in (inner.data,)]
    assert any(b"hello" in text for text in texts)


def test_what_noise_made_unreadable_is_tiled_too() -> None:
    explained = rtcpy.explain(session(loss=0.1, corrupt=0.2, duplicate=0.1, jitter=0.03).trace)
    assert all(one.is_tiled for one in explained)
    assert any(one.problems for one in explained)


def test_an_explained_trace_has_a_line_for_each_packet() -> None:
    explained = rtcpy.explain(session().trace)
    lines = str(explained).splitlines()
    assert len(lines) == len(explained)
    assert any("alice ← " in line and "ServerHello" not in line for line in lines)
    assert any("bob   → " in line for line in lines)
    assert isinstance(explained[0], Explanation) and explained[1:3] == list(explained)[1:3]
    assert explained._repr_html_().count("<details>") >= len(explained)
    assert str(rtcpy.explain(Trace())) == "no packets"


def test_an_entry_of_a_trace_is_explained_alone() -> None:
    trace = session().trace
    for layer in ("udp", "stun", "dtls", "dtls-plaintext", "sctp", "datachannel", "sdp"):
        entry = trace.packets(layer)[0]
        shown = rtcpy.explain(entry)
        assert shown.data == entry.data and shown.is_tiled

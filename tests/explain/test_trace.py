"""The model of a trace and its file."""

from __future__ import annotations

import json
import stat
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction, Tap
from rtcpy.explain.recording import TraceTap
from rtcpy.explain.trace import (
    ENTRY_KINDS,
    CallEntry,
    ClockEntry,
    DrawEntry,
    DropEntry,
    EventEntry,
    LostEntry,
    PacketEntry,
    SecretEntry,
    StateEntry,
    TimerEntry,
    Trace,
    TraceError,
    WakeEntry,
    is_input,
)
from rtcpy.explain.tracefile import load

HERE, THERE = Address("192.0.2.1", 5000), Address("2001:db8::1", 6000)


def filled() -> Trace:
    """One entry of every kind."""
    trace = Trace()
    for entry in (
        CallEntry(0.0, "alice", "Peer", {"configuration": {"key": 1}}, result=None),
        DrawEntry(0.0, "alice", b"\x01\x02"),
        ClockEntry(0.0, "alice", 1_750_000_000.5),
        PacketEntry(0.1, "alice", "udp", Direction.OUT, b"\x00\xff", HERE, THERE),
        LostEntry(0.1, "alice", b"\x00\xff", HERE, THERE, "lost"),
        PacketEntry(0.2, "bob", "udp", Direction.IN, b"\x00\xff", THERE, HERE, more=True),
        PacketEntry(0.2, "bob", "stun", Direction.IN, b"\x00\xff"),
        DropEntry(0.2, "bob", "stun", b"\x00\xff", "no message"),
        StateEntry(0.3, "bob", "ice", "agent", "new", "checking"),
        WakeEntry(0.4, "bob", None),
        TimerEntry(0.4, "bob", "sctp", "T3-rtx"),
        SecretEntry(0.5, "bob", "CLIENT_RANDOM", bytes(32), b"\x01" * 48),
        EventEntry(0.5, "bob", "datachannel", "'Grüße \x00'"),
    ):
        assert trace.append(entry)
    return trace


def test_there_is_an_entry_of_every_kind() -> None:
    assert {type(entry) for entry in filled()} == set(ENTRY_KINDS)


def test_entries_are_numbered_and_endpoints_named_in_order() -> None:
    trace = filled()
    assert [entry.number for entry in trace] == list(range(len(trace)))
    assert trace.names == ["alice", "bob"]
    assert repr(trace) == "<Trace of alice, bob: 13 entries, 2 datagrams>"


def test_a_trace_is_asked_by_kind_layer_endpoint_and_direction() -> None:
    trace = filled()
    assert [entry.number for entry in trace.datagrams()] == [3, 5]
    assert [entry.number for entry in trace.datagrams(who="bob")] == [5]
    assert [entry.number for entry in trace.packets(direction=Direction.IN)] == [5, 6]
    assert [entry.number for entry in trace.packets("stun")] == [6]
    assert [entry.name for entry in trace.of(TimerEntry)] == ["T3-rtx"]
    assert [entry.number for entry in trace.inputs()] == [0, 5, 9]
    assert [is_input(entry) for entry in trace].count(True) == 3


def test_a_trace_keeps_a_beginning_without_gaps() -> None:
    trace = Trace(bytes_max=10)
    assert trace.append(DrawEntry(0.0, "a", bytes(9)))
    assert not trace.append(DrawEntry(0.0, "a", bytes(2)))
    assert not trace.append(DrawEntry(0.0, "a", b""))  # it would fit, but what went before is missing
    assert (len(trace), trace.lost) == (1, 2)
    assert "2 more not kept" in repr(trace)


def test_the_key_log_has_a_line_for_each_secret_once() -> None:
    trace = filled()
    trace.append(SecretEntry(0.6, "alice", "CLIENT_RANDOM", bytes(32), b"\x01" * 48))  # the other end's view
    assert trace.key_log() == f"CLIENT_RANDOM {'00' * 32} {'01' * 48}\n"


def test_a_tap_writes_entries_and_tells_the_next_one() -> None:
    heard: list[str] = []

    class Listener(Tap):
        def packet(self, layer: str, *args: Any, **kwargs: Any) -> None:
            heard.append(f"packet {layer}")

        def drop(self, layer: str, *args: Any, **kwargs: Any) -> None:
            heard.append(f"drop {layer}")

        def state(self, layer: str, *args: Any, **kwargs: Any) -> None:
            heard.append(f"state {layer}")

        def timer(self, layer: str, *args: Any, **kwargs: Any) -> None:
            heard.append(f"timer {layer}")

        def secret(self, label: str, *args: Any, **kwargs: Any) -> None:
            heard.append(f"secret {label}")

    trace = Trace()
    tap = TraceTap(trace, "alice", then=Listener())
    for _ in range(2):
        tap.packet("udp", Direction.OUT, bytearray(b"x"), now=1.0, local=HERE, remote=THERE)
        tap.drop("dtls", b"y", "bad record MAC", now=2.0)
        tap.state("sctp", "association", "closed", "cookie-wait", now=3.0)
        tap.timer("sctp", "T1-init", now=4.0)
        tap.secret("CLIENT_RANDOM", b"r", b"s")
        tap.stop()
    assert trace.entries == [
        PacketEntry(1.0, "alice", "udp", Direction.OUT, b"x", HERE, THERE, number=0),
        DropEntry(2.0, "alice", "dtls", b"y", "bad record MAC", number=1),
        StateEntry(3.0, "alice", "sctp", "association", "closed", "cookie-wait", number=2),
        TimerEntry(4.0, "alice", "sctp", "T1-init", number=3),
        SecretEntry(4.0, "alice", "CLIENT_RANDOM", b"r", b"s", number=4),
    ]
    assert heard == ["packet udp", "drop dtls", "state sctp", "timer sctp", "secret CLIENT_RANDOM"] * 2


# --- the file ----------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    trace, path = filled(), tmp_path / "call.trace"
    trace.lost = 3
    trace.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "keys are inside"
    again = Trace.load(path)
    assert again.entries == trace.entries
    assert (again.names, again.lost, again.has_secrets) == (trace.names, 3, True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_redacted_trace_has_no_secrets_and_says_so(tmp_path: Path) -> None:
    trace, path = filled(), tmp_path / "call.trace"
    trace.entries[0].arguments = {  # type: ignore[attr-defined]
        "configuration": {"PeerConfiguration": {"certificates": [{"Certificate": {"key": "5ec4e7"}}]}},
        "servers": [{"ServerEndpoint": {"credential": "hunter2", "username": "joe"}}],
    }
    trace.save(path, secrets=False)
    text = path.read_text()
    assert "5ec4e7" not in text and "hunter2" not in text and "joe" in text
    again = Trace.load(path)
    assert not again.has_secrets
    assert not again.of(SecretEntry) and not again.of(DrawEntry)
    assert [entry.number for entry in again] == list(range(len(trace) - 2))
    assert "hunter2" in str(trace.entries[0]), "the trace itself stays as it is"


def rows(trace: Trace, tmp_path: Path) -> list[dict[str, Any]]:
    trace.save(tmp_path / "t")
    return [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()]


def refused(rows: list[Any]) -> TraceError:
    with pytest.raises(TraceError) as error:
        load(json.dumps(row).encode() + b"\n" for row in rows)
    return error.value


@pytest.mark.parametrize(
    ("line", "change", "expected"),
    [
        (1, {"rtcpy-trace": 2}, "line 1: the trace has version 2, this rtcpy reads 1"),
        (1, {"rtcpy-trace": None}, 'line 1: expected {"rtcpy-trace": 1, …}: this is no trace of rtcpy'),
        (1, {"rtcpy-trace": True}, "line 1: the trace has version True, this rtcpy reads 1"),
        (1, {"names": "alice"}, "line 1: names is 'alice', expected a list of texts"),
        (1, {"names": ["bob", "bob"]}, "line 1: names is ['bob', 'bob']: two endpoints of one name"),
        (1, {"names": ["alice"]}, "line 7: who is 'bob', expected one of alice"),
        (1, {"secrets": 1}, "line 1: secrets is 1, expected true or false"),
        (1, {"lost": -1}, "line 1: lost is -1, expected a number from 0"),
        (2, {"kind": "packets"}, "line 2: kind is 'packets', expected one of packet, drop, state"),
        (2, {"arguments": []}, "line 2: arguments is [], expected an object of at most 32 levels"),
        (3, {"data": "0g"}, "line 3: data is '0g', expected hex digits, two for each byte"),
        (3, {"data": "00 "}, "line 3: data is '00 ', expected hex digits, two for each byte"),
        (3, {"number": 2}, "line 3: entry 2 stands where 1 belongs: the file was cut or joined"),
        (4, {"unix_time": "now"}, "line 4: unix_time is 'now', expected a number"),
        (5, {"at": None}, "line 5: at is None, expected a number of seconds"),
        (5, {"at": 10**400}, "line 5: at is 1000"),
        (5, {"direction": "up"}, 'line 5: direction is \'up\', expected "in" or "out"'),
        (
            5,
            {"local": ["192.0.2.1", 65536]},
            "line 5: local is ['192.0.2.1', 65536], expected [\"host\", port]",
        ),
        (5, {"local": "192.0.2.1:5"}, "line 5: local is '192.0.2.1:5', expected [\"host\", port] or null"),
        (5, {"more": "yes"}, "line 5: more is 'yes', expected true or false"),
        (5, {"colour": "red"}, "line 5: a packet entry has no 'colour'"),
        (9, {"reason": "\ud800"}, "line 9: reason is '\\ud800', expected text"),
        (11, {"deadline": True}, "line 11: deadline is True, expected a number of seconds or null"),
    ],
)
def test_a_malformed_line_is_named_with_what_was_expected(
    tmp_path: Path, line: int, change: dict[str, object], expected: str
) -> None:
    found = rows(filled(), tmp_path)
    found[line - 1] |= change
    assert str(refused(found)).startswith(expected)


def test_every_field_of_every_kind_is_required(tmp_path: Path) -> None:
    found = rows(filled(), tmp_path)
    for number, row in enumerate(found[1:], 1):
        for name in list(row):
            cut = {key: value for key, value in row.items() if key != name}
            error = refused([*found[:number], cut])
            assert error.line == number + 1
            assert ("kind is None" if name == "kind" else f"without {name}") in str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n", "line 1: expected a JSON object, found b'\\n'"),
        (b"[]\n", "line 1: expected a JSON object, found []"),
        (b"\xff\xfe\n", "line 1: expected a JSON object, found b'\\xff\\xfe\\n'"),
        (b'{"rtcpy-trace": NaN}\n', "line 1: expected a JSON object"),
        (b"[" * 100_000 + b"\n", "line 1: expected a JSON object"),
        (b'{"n": ' + b"9" * 5000 + b"}\n", "line 1: expected a JSON object"),
        (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "line 1: expected a JSON object"),  # pcapng
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: bytes, expected: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    with pytest.raises(TraceError) as error:
        Trace.load(path)
    assert str(error.value).startswith(expected)


def test_deep_arguments_are_refused(tmp_path: Path) -> None:
    found = rows(filled(), tmp_path)
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    found[1]["result"] = deep
    assert "expected JSON of at most 32 levels" in str(refused(found))


@given(st.data())
def test_a_mutated_file_loads_or_is_refused_with_a_line(data: st.DataObject) -> None:
    from io import StringIO

    from rtcpy.explain.tracefile import dump

    file = StringIO()
    dump(filled(), file)
    text = bytearray(file.getvalue().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\n", b'"', b"{", b"null", b"1e999", b"-1"]))
        )
    try:
        trace = load(bytes(text).splitlines(keepends=True))
    except TraceError as error:
        found = error
    else:
        for entry in trace:
            assert all(hasattr(entry, each.name) for each in fields(entry))
        return
    assert found.line >= 1

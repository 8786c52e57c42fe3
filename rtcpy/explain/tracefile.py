"""A trace as a file: JSON lines, one entry each, after a line that says what the file is.

The first line is an object with ``"rtcpy-trace"``: the version of the format, here 1; ``"secrets"``: whether the file
opens the connections that it records; ``"names"``: the endpoints; ``"lost"``: entries that found no room. Each further
line has ``"kind"`` and the fields of that entry: bytes in hex, an address as ``["192.0.2.1", 5000]``, a direction as
``"in"`` or ``"out"``.

Reading checks every field of every line, so that whoever uses a `Trace` need not.

Specs: RFC 8259 (JSON), RFC 8259 §8.1 (UTF-8).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import IO

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain.trace import ENTRY_KINDS, Entry, Trace, TraceError

VERSION = 1
LINE_MAX = 64 * 1024 * 1024  # characters of one line; the largest UDP payload needs 131,014
READ_ENTRIES_MAX = 2_000_000  # entries read from one file
READ_BYTES_MAX = 2 * 1024 * 1024 * 1024  # bytes of data in them
NESTING_MAX = 32  # levels of objects and lists in the arguments of a call; real ones have six
SHOWN = 60  # characters of an offending value that a message shows

_KINDS = {kind.kind: kind for kind in ENTRY_KINDS}


def write(trace: Trace, path: Path) -> None:
    """Write `trace` to `path`, readable for its owner only. The file is complete or is not there."""
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            dump(trace, file)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def dump(trace: Trace, file: IO[str]) -> None:
    """Write `trace` to an open text file."""
    header = {
        "rtcpy-trace": VERSION,
        "secrets": trace.has_secrets,
        "names": trace.names,
        "lost": trace.lost,
    }
    file.write(json.dumps(header, ensure_ascii=False) + "\n")
    for entry in trace.entries:
        file.write(json.dumps(to_json(entry), ensure_ascii=True, allow_nan=False) + "\n")


def to_json(entry: Entry) -> dict[str, object]:
    """An entry as JSON has it."""
    row: dict[str, object] = {"kind": entry.kind, "number": entry.number, "at": entry.at, "who": entry.who}
    for each in fields(entry):
        if each.name not in row:
            row[each.name] = _plain(getattr(entry, each.name))
    return row


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Direction):
        return value.value
    if isinstance(value, Address):
        return [value.host, value.port]
    return value


def read(path: Path) -> Trace:
    """Read a trace from `path`. Raises `TraceError`, or OSError."""
    with path.open("rb") as file:
        return load(iter(partial(file.readline, LINE_MAX + 1), b""))


def load(lines: Iterable[bytes]) -> Trace:
    """Read a trace from its lines. Raises `TraceError`."""
    trace = Trace(entries_max=READ_ENTRIES_MAX, bytes_max=READ_BYTES_MAX)
    number = 0
    for number, line in enumerate(lines, 1):
        row = _object(line, number)
        if number == 1:
            lost = _header(trace, row)
            continue
        entry = _entry(row, number)
        if entry.number != len(trace.entries):
            raise TraceError(
                f"entry {entry.number} stands where {len(trace.entries)} belongs: the file was cut or joined",
                line=number,
            )
        if entry.who not in trace.names:
            raise TraceError(
                f"who is {_short(entry.who)}, expected one of {', '.join(trace.names)}", line=number
            )
        if not trace.append(entry):
            raise TraceError(
                f"too much: more than {READ_ENTRIES_MAX} entries or {READ_BYTES_MAX} bytes", line=number
            )
    if not number:
        raise TraceError('the file is empty, expected {"rtcpy-trace": 1, …}', line=1)
    trace.lost = lost
    return trace


def _object(line: bytes, number: int) -> dict[str, object]:
    if len(line) > LINE_MAX:
        raise TraceError(f"{len(line)} bytes, at most {LINE_MAX}", line=number)
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if number > 1 and not line.endswith(b"\n"):  # every line that `write` writes ends
            raise TraceError("the file ends within this line: it was cut", line=number) from None
        raise TraceError(f"expected a JSON object, found {_short(line)} ({error})", line=number) from None
    if not isinstance(row, dict):
        raise TraceError(f"expected a JSON object, found {_short(row)}", line=number)
    return row


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _header(trace: Trace, row: dict[str, object]) -> int:
    version = row.get("rtcpy-trace")
    if version is None:
        raise TraceError('expected {"rtcpy-trace": 1, …}: this is no trace of rtcpy', line=1)
    if version != VERSION or isinstance(version, bool):
        raise TraceError(f"the trace has version {_short(version)}, this rtcpy reads {VERSION}", line=1)
    names = row.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TraceError(f"names is {_short(names)}, expected a list of texts", line=1)
    if len(set(names)) != len(names):
        raise TraceError(f"names is {_short(names)}: two endpoints of one name", line=1)
    secrets = row.get("secrets")
    if not isinstance(secrets, bool):
        raise TraceError(f"secrets is {_short(secrets)}, expected true or false", line=1)
    lost = row.get("lost")
    if isinstance(lost, bool) or not isinstance(lost, int) or lost < 0:
        raise TraceError(f"lost is {_short(lost)}, expected a number from 0", line=1)
    trace.names, trace.has_secrets = list(names), secrets
    return lost


def _entry(row: dict[str, object], line: int) -> Entry:
    name = row.pop("kind", None)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise TraceError(f"kind is {_short(name)}, expected one of {', '.join(_KINDS)}", line=line)
    values: dict[str, object] = {}
    for each in fields(kind):
        if each.name not in row:
            raise TraceError(f"a {kind.kind} entry without {each.name}", line=line)
        check, expected = _CHECKS[str(each.type)]
        found = row.pop(each.name)
        try:
            values[each.name] = check(found)
        except ValueError:
            raise TraceError(f"{each.name} is {_short(found)}, expected {expected}", line=line) from None
    if row:
        raise TraceError(f"a {kind.kind} entry has no {', '.join(map(_short, row))}", line=line)
    return kind(**values)  # type: ignore[arg-type]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


# --- the types of fields, by their annotation ----------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return value


def _bytes(value: object) -> bytes:
    text = _text(value)
    if not text.isalnum() and text:
        raise ValueError  # bytes.fromhex would skip spaces
    return bytes.fromhex(text)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def _instant(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    try:
        instant = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(instant):
        raise ValueError
    return instant


def _instant_or_none(value: object) -> float | None:
    return None if value is None else _instant(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _direction(value: object) -> Direction:
    return Direction(value)


def _address(value: object) -> Address:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    port = _number(value[1])
    if port > 65535:
        raise ValueError
    return Address(_text(value[0]), port)


def _address_or_none(value: object) -> Address | None:
    return None if value is None else _address(value)


def _json(value: object) -> object:
    """Anything, but not nested without end."""
    level = [value]
    for _ in range(NESTING_MAX):
        level = [
            inner
            for outer in level
            for inner in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
        ]
        if not level:
            return value
    raise ValueError


def _named(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError
    _json(value)
    return value


_CHECKS: dict[str, tuple[Callable[[object], object], str]] = {
    "str": (_text, "text"),
    "bytes": (_bytes, "hex digits, two for each byte"),
    "int": (_number, "a number from 0"),
    "float": (_instant, "a number"),
    "Instant": (_instant, "a number of seconds"),
    "Instant | None": (_instant_or_none, "a number of seconds or null"),
    "bool": (_flag, "true or false"),
    "Direction": (_direction, '"in" or "out"'),
    "Address": (_address, '["host", port]'),
    "Address | None": (_address_or_none, '["host", port] or null'),
    "object": (_json, f"JSON of at most {NESTING_MAX} levels"),
    "dict[str, object]": (_named, f"an object of at most {NESTING_MAX} levels"),
}

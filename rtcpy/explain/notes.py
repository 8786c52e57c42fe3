"""What stands beside the lifelines of a ladder: calls, events, changes of state, drops and timers, in a few words each.

Owns the wording and the choice. Where a trace has the events that the application heard, the tap's changes of state that
say the same are left out.

Specs: W3C webrtc §4.3 (states), §4.4 (calls), §12 (events).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rtcpy.core.machine import Instant
from rtcpy.explain.trace import CallEntry, DropEntry, EventEntry, StateEntry, TimerEntry, Trace

TEXT_MAX = 60  # characters of a message that are shown
HIDDEN_CALLS = frozenset(
    {"Peer", "gather", "add_servers", "server_unreachable", "begin_operation", "end_operation", "get_stats"}
)
"""What a driver does, or what only asks."""

_STATES = {
    "signalingstatechange": "signaling",
    "icegatheringstatechange": "ICE gathering",
    "iceconnectionstatechange": "ICE connection",
    "connectionstatechange": "connection",
    "statechange of the DTLS transport": "DTLS",
    "statechange of the SCTP transport": "SCTP",
}
_TOLD = {
    ("dtls", "DtlsTransport"): "DTLS",
    ("sctp", "association"): "SCTP",
    ("ice", "connection"): "ICE connection",
}


@dataclass(slots=True, eq=False)
class Note:
    """A few words at an instant of an endpoint.

    Args:
        number: of the entry.
        at: when.
        who: the endpoint.
        kind: ``"call"``, ``"error"`` (a call that raised), ``"event"``, ``"state"``, ``"drop"`` or ``"timer"``.
        text: the words.
        title: more of them.
        is_minor: may be counted instead of shown where there are many.
        count: how many equal ones in a row it stands for.
    """

    number: int
    at: Instant
    who: str
    kind: str
    text: str
    title: str = ""
    is_minor: bool = False
    count: int = 1

    @property
    def words(self) -> str:
        """What is shown."""
        return self.text if self.count == 1 else f"{self.count} × {self.text}"

    @property
    def short(self) -> str:
        """The words without what differs from one to the next."""
        return self.text.partition(": ")[0] if self.kind == "event" else self.text


def notes(trace: Trace) -> list[Note]:
    """The notes of a trace, in its order."""
    heard = {entry.who for entry in trace.of(EventEntry)}
    out: list[Note] = []
    for entry in trace:
        match entry:
            case CallEntry(command=command, error=error) if command not in HIDDEN_CALLS:
                text = call_text(entry)
                if error:
                    out.append(
                        Note(
                            entry.number,
                            entry.at,
                            entry.who,
                            "error",
                            f"{error.partition(':')[0]}: {text}",
                            f"{text}\n{error}",
                        )
                    )
                else:
                    out.append(Note(entry.number, entry.at, entry.who, "call", text, text))
            case EventEntry(name=name, detail=detail):
                out.append(_event(entry, name, detail))
            case StateEntry(layer=layer, what=what, old=old, new=new) if entry.who not in heard:
                told = _TOLD.get((layer, what))
                if told is not None:
                    text = f"{told}: {new}"
                    out.append(
                        Note(entry.number, entry.at, entry.who, "state", text, f"{told}: {old} → {new}")
                    )
            case DropEntry(layer=layer, reason=reason):
                text = f"{layer} drops: {reason}"
                out.append(Note(entry.number, entry.at, entry.who, "drop", text, text, is_minor=True))
            case TimerEntry(layer=layer, name=name):
                text = f"{layer} timer: {name.lower().replace('_', ' ')}"
                out.append(Note(entry.number, entry.at, entry.who, "timer", text, text, is_minor=True))
            case _:
                pass
    return _joined(out)


def _joined(all_: list[Note]) -> list[Note]:
    """Equal notes of one endpoint and instant become one with a count."""
    out: list[Note] = []
    last: dict[str, Note] = {}
    for note in all_:
        before = last.get(note.who)
        if before is not None and (before.kind, before.title, before.at) == (note.kind, note.title, note.at):
            before.count += 1
            continue
        last[note.who] = note
        out.append(note)
    return out


def _event(entry: EventEntry, name: str, detail: str) -> Note:
    state = _STATES.get(name)
    if state is not None:
        text = f"{state}: {detail}"
        return Note(entry.number, entry.at, entry.who, "state", text, f"{name}\n{text}")
    words = _candidate(detail) if name == "icecandidate" else detail
    text = f"{name}: {words}" if words else name
    is_minor = name in ("message", "bufferedamountlow")
    return Note(entry.number, entry.at, entry.who, "event", _cut(text), f"{name}\n{detail[:400]}", is_minor)


def call_text(entry: CallEntry) -> str:
    """A call as one would write it, its arguments short."""
    arguments = entry.arguments
    shown = []
    for name, value in arguments.items():
        if value is None or name in ("generation", "now") or (name == "channel" and len(arguments) > 1):
            continue
        shown.append(_argument(name, value))
    return f"{entry.command}({', '.join(text for text in shown if text)})"


def _argument(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        description = value.get("SessionDescription")
        if isinstance(description, Mapping):
            kind = description.get("type")
            word = next(iter(kind.values()), "") if isinstance(kind, Mapping) else kind
            return str(word).lower()
        candidate = value.get("IceCandidate")
        if isinstance(candidate, Mapping):
            return _candidate(str(candidate.get("candidate", "")))
        if "channel" in value:
            return f"channel {value['channel']}"
        for word in ("bytes", "hex"):
            if word in value:
                return f"{len(str(value[word])) // 2} bytes"
        return name
    if isinstance(value, str):
        return repr(_cut(value))
    return f"{name}={_cut(str(value))}"


def _candidate(line: str) -> str:
    """Type and address of a candidate line; what is none stays as it is."""
    words = line.split()
    return f"{words[7]} {words[4]}:{words[5]}" if len(words) > 7 and words[6] == "typ" else line


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"

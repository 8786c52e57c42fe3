"""What an application would have heard, and what the states of both ends are: as text and as a table.

The names are those of JavaScript (W3C webrtc §12), because that is where most readers met them.

Not here: what crossed the wire (`rtcpy.explain.ladder`).

Specs: W3C webrtc §4.3 (states), §12 (events).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rtcpy.core.machine import Event, Instant
from rtcpy.peer import (
    ChannelBufferedAmountLow,
    ChannelClosed,
    ChannelClosing,
    ChannelError,
    ChannelMessage,
    ChannelOpened,
    ConnectionStateChanged,
    DataChannelAnnounced,
    DtlsStateChanged,
    IceCandidateError,
    IceCandidateFound,
    IceConnectionStateChanged,
    IceGatheringStateChanged,
    NegotiationNeeded,
    Peer,
    SctpStateChanged,
    SelectedCandidatePairChanged,
    SignalingStateChanged,
)

MESSAGE_SHOWN = 200
"""Characters or bytes of a message that are shown."""

_STATE_EVENTS: tuple[tuple[type[Event], str], ...] = (
    (SignalingStateChanged, "signalingstatechange"),
    (IceGatheringStateChanged, "icegatheringstatechange"),
    (IceConnectionStateChanged, "iceconnectionstatechange"),
    (ConnectionStateChanged, "connectionstatechange"),
    (DtlsStateChanged, "statechange of the DTLS transport"),
    (SctpStateChanged, "statechange of the SCTP transport"),
)


def describe(event: Event) -> tuple[str, str] | None:
    """(JavaScript's name, detail) of an event; `None` for those that an application does not hear."""
    for kind, name in _STATE_EVENTS:
        if isinstance(event, kind):
            return name, str(event.state)  # type: ignore[attr-defined]
    match event:
        case NegotiationNeeded():
            return "negotiationneeded", ""
        case IceCandidateFound(candidate=None):
            return "icecandidate", "null: gathering is complete"
        case IceCandidateFound(candidate=candidate) if candidate is not None:
            return "icecandidate", candidate.candidate or '"": no more of this generation'
        case IceCandidateError(url=url, error_code=code, error_text=text):
            return "icecandidateerror", f"{url}: {code} {text}"
        case SelectedCandidatePairChanged(local=local, remote=remote):
            return "selectedcandidatepairchange", f"{_ends(local.candidate)} to {_ends(remote.candidate)}"
        case DataChannelAnnounced(channel=channel):
            return "datachannel", repr(channel.label)
        case ChannelOpened(channel=channel):
            return "open", f"channel {channel.label!r}"
        case ChannelMessage(channel=channel, data=data):
            return "message", f"channel {channel.label!r}: {_preview(data)}"
        case ChannelClosing(channel=channel):
            return "closing", f"channel {channel.label!r}"
        case ChannelBufferedAmountLow(channel=channel):
            return "bufferedamountlow", f"channel {channel.label!r}"
        case ChannelError(channel=channel, detail=detail, message=message):
            return "error", f"channel {channel.label!r}: {detail}: {message}"
        case ChannelClosed(channel=channel):
            return "close", f"channel {channel.label!r}"
    return None


def _preview(data: str | bytes) -> str:
    """A message, and of a long one the beginning and the length."""
    if len(data) <= MESSAGE_SHOWN:
        return repr(data)
    unit = "bytes" if isinstance(data, bytes) else "characters"
    return f"{data[:MESSAGE_SHOWN]!r} and so on, {len(data)} {unit}"


def _ends(candidate: str) -> str:
    """Address and type of a candidate line."""
    words = candidate.split()
    return f"{words[4]}:{words[5]} ({words[7]})" if len(words) > 7 else candidate


@dataclass(slots=True)
class Item:
    """One event: `at` in **seconds** of virtual time, at the end called `who`."""

    at: Instant
    who: str
    name: str
    detail: str


class News:
    """Events in the order in which they happened."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = list(items)

    def names(self, who: str) -> list[str]:
        """The names of what `who` heard."""
        return [item.name for item in self.items if item.who == who]

    def __str__(self) -> str:
        if not self.items:
            return "nothing happened"
        width = max(len(item.who) for item in self.items)
        return "\n".join(
            f"{item.at * 1e3:5.0f} ms  {item.who:<{width}}  {item.name}{': ' if item.detail else ''}{item.detail}"
            for item in self.items
        )


_STATES = (
    ("signalingState", "signaling_state"),
    ("iceGatheringState", "ice_gathering_state"),
    ("iceConnectionState", "ice_connection_state"),
    ("connectionState", "connection_state"),
    ("DTLS transport", "dtls_state"),
    ("SCTP transport", "sctp_state"),
)


class States:
    """The states of several ends side by side."""

    __slots__ = ("names", "rows")

    def __init__(self, ends: Sequence[tuple[str, Peer]]) -> None:
        self.names = [name for name, _ in ends]
        self.rows = [
            (title, *(_spelled(getattr(peer, attribute)) for _, peer in ends)) for title, attribute in _STATES
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, States) and (self.names, self.rows) == (other.names, other.rows)

    __hash__ = None  # type: ignore[assignment]

    def changes(self, after: States) -> list[tuple[str, str, str, str]]:
        """What is different `after`: (whose, state, before, after)."""
        return [
            (name, row[0], row[column], later[column])
            for column, name in enumerate(self.names, 1)
            for row, later in zip(self.rows, after.rows, strict=True)
            if row[column] != later[column]
        ]

    def __str__(self) -> str:
        table = [("", *self.names), *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        return "\n".join(
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in ("", *self.names))
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(text)}</td>" for text in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def _spelled(state: object) -> str:
    return "—" if state is None else str(state)

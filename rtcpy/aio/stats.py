"""`rtcpy.StatsReport`: the answer to `PeerConnection.get_stats`.

Specs: W3C webrtc §8.3 (RTCStatsReport is maplike), §8.4 (RTCStats); W3C webrtc-stats (the members).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class StatsReport(Mapping[str, Mapping[str, object]]):
    """Statistics by id, each a mapping of W3C's member names (as in JavaScript) to values.

    Every entry has ``id``, ``type`` and ``timestamp`` (**milliseconds** of Unix time).
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Mapping[str, object]]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, key: str) -> Mapping[str, object]:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def of_type(self, kind: str) -> list[Mapping[str, object]]:
        """The entries of one type, such as ``"candidate-pair"`` or ``"data-channel"``, in report order."""
        return [entry for entry in self._entries.values() if entry.get("type") == kind]

    def __repr__(self) -> str:
        kinds = sorted({str(entry.get("type")) for entry in self._entries.values()})
        return f"<StatsReport of {len(self)}: {', '.join(kinds)}>"

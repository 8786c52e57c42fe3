"""Input whose time has not come: bounded, and dropped when there is too much.

Two rooms of a connection: one for what came too early to be read (datagrams before `start`, protected records before
their keys), where the newest counts, since it will be repeated last; one for application data behind the gate,
where order counts, so that what does not fit is refused.

Specs: RFC 6347 §4.2.4 (records of the next epoch are to be buffered or discarded).
"""

from __future__ import annotations

from collections import deque

MAX_BYTES = 1 << 16  # of one room: more than a first SCTP flight, which is what an honest peer can be ahead
ITEM_WEIGHT = 64  # bytes that an item counts on top of its own, or empty ones would be free


class WaitingRoom:
    """Byte strings in order of arrival, at most `limit` of them and 64 KiB."""

    __slots__ = ("_bytes", "_items", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._items: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def keep_newest(self, data: bytes) -> list[bytes]:
        """Take `data`; returns what had to go for it, oldest first."""
        self._items.append(data)
        self._bytes += len(data) + ITEM_WEIGHT
        gone = []
        while len(self._items) > self.limit or self._bytes > MAX_BYTES:
            oldest = self._items.popleft()
            self._bytes -= len(oldest) + ITEM_WEIGHT
            gone.append(oldest)
        return gone

    def keep_if_room(self, data: bytes) -> bool:
        """Take `data` unless that would be too much."""
        if len(self._items) >= self.limit or self._bytes + len(data) + ITEM_WEIGHT > MAX_BYTES:
            return False
        self._items.append(data)
        self._bytes += len(data) + ITEM_WEIGHT
        return True

    def take(self) -> list[bytes]:
        """Everything, in order; the room is empty afterwards."""
        items, self._items, self._bytes = list(self._items), deque(), 0
        return items

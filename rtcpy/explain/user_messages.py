"""Messages on SCTP streams, put together from the DATA chunks of a recording.

Fragments of a message have TSNs in a row, the first marked B and the last marked E (RFC 9260 §6.9). They may arrive in
any order and more than once. Memory is bounded: the longest-waiting fragments go first.

Specs: RFC 9260 §3.3.1, §6.9.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from rtcpy.sctp.chunks import DataChunk

WAITING_MAX = 1 << 23  # bytes of fragments kept until their message is whole
TSN_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class UserMessages:
    """Fragments waiting for the rest of their message."""

    _waiting: dict[tuple[Hashable, int], DataChunk] = field(
        default_factory=dict
    )  # by sender and TSN, oldest first
    _size: int = 0

    def hear(self, chunk: DataChunk, sender: Hashable) -> bytes | None:
        """Take a DATA chunk that came by; the whole message if this was the last of several fragments.

        Args:
            chunk: one fragment.
            sender: anything that tells associations and directions apart.
        """
        if chunk.beginning and chunk.ending:
            return None
        key = (sender, chunk.tsn)
        self._drop(key)
        self._waiting[key] = chunk
        self._size += len(chunk.user_data)
        while self._size > WAITING_MAX:
            self._drop(next(iter(self._waiting)))
        keys = self._run(sender, chunk)
        if not keys:
            return None
        message = b"".join(self._waiting[key].user_data for key in keys)
        for key in keys:
            self._drop(key)
        return message

    def _run(self, sender: Hashable, chunk: DataChunk) -> list[tuple[Hashable, int]]:
        """The keys of all fragments of the message of `chunk`, in order; none while one is missing."""
        first = chunk
        keys = [(sender, chunk.tsn)]
        while not first.beginning:
            key = (sender, (first.tsn - 1) & TSN_MASK)
            before = self._waiting.get(key)
            if before is None or before.ending:
                return []
            keys.insert(0, key)
            first = before
        last = chunk
        while not last.ending:
            key = (sender, (last.tsn + 1) & TSN_MASK)
            after = self._waiting.get(key)
            if after is None or after.beginning:
                return []
            keys.append(key)
            last = after
        return keys

    def _drop(self, key: tuple[Hashable, int]) -> None:
        chunk = self._waiting.pop(key, None)
        if chunk is not None:
            self._size -= len(chunk.user_data)

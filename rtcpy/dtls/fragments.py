"""Handshake messages from fragments, in any order, with bounds that hold against anyone.

Until the handshake is over nothing proves who sent a fragment, so every choice here assumes that some are
forged: memory is taken only for bytes that arrived, a fragment can never change the length of a message that has
begun, and a forged beginning of a message does not keep the true one out, since messages that differ in type or
length are assembled side by side, and the one that stopped growing makes room.

`InOrder` is for everything that has its turn; `Hellos` for ClientHellos at a server, which may come from
several senders before one of them proves to be the peer.

Specs: RFC 6347 §4.2.2 (message_seq), §4.2.3 (fragments may overlap).
"""

from __future__ import annotations

from enum import Enum

from rtcpy.dtls.messages import HandshakeFragment, Message

MAX_MESSAGE = 1 << 16  # bytes; a chain of several RSA certificates fits. OpenSSL allowed 16 MB: CVE-2014-3506
MAX_AHEAD = 4  # messages kept before their turn: all of flight 4 if its first message is late
MAX_RIVALS = 2  # versions of one message (differing in type or length) assembled side by side
MAX_PIECES = 1024  # fragments of one message; 64 KiB in the 64-byte pieces of the smallest path
MAX_BUFFERED = 1 << 17  # bytes over all messages
MAX_HELLOS = 4  # ClientHellos in assembly at once


REPEATED = "message that was read before (RFC 6347 §4.2.4)"  # why a repetition is dropped


class Verdict(Enum):
    """What became of a fragment."""

    KEPT = "kept"
    OLD = "old"  # of a message that was complete before: the peer retransmits
    BAD_FRAGMENT = "bad fragment (RFC 6347 §4.2.3)"
    TOO_LONG = "message too long (RFC 6347 §4.2.3)"
    TOO_FAR_AHEAD = "message too far ahead (RFC 6347 §4.2.2)"
    TOO_MUCH = "too much buffered (RFC 6347 §4.2.3)"


def check(fragment: HandshakeFragment) -> Verdict:
    """Whether a fragment makes sense by itself: inside its message, and not empty unless the message is."""
    size = len(fragment.fragment)
    if fragment.length > MAX_MESSAGE:
        return Verdict.TOO_LONG
    if fragment.fragment_offset + size > fragment.length or (size == 0 and fragment.length):
        return Verdict.BAD_FRAGMENT
    return Verdict.KEPT


class Assembly:
    """One message on its way: disjoint pieces in order of offset. Bytes that came first stay."""

    __slots__ = ("_missing", "_pieces", "size")

    def __init__(self, length: int) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._missing = length
        self.size = 0

    @property
    def is_complete(self) -> bool:
        """Whether no byte is missing."""
        return self._missing == 0

    def add(self, offset: int, data: bytes) -> bool:
        """Add what is new in ``data``; False if the message is in too many pieces."""
        begin, end = offset, offset + len(data)
        new: list[tuple[int, bytes]] = []
        for at, piece in self._pieces:  # cut away, left to right, what is there already
            if at + len(piece) <= begin:
                continue
            if at >= end:
                break
            if begin < at:
                new.append((begin, data[begin - offset : at - offset]))
            begin = at + len(piece)
        if begin < end:
            new.append((begin, data[begin - offset :]))
        if len(self._pieces) + len(new) > MAX_PIECES:
            return False
        if new:
            taken = sum(len(piece) for _, piece in new)
            self._missing -= taken
            self.size += taken
            self._pieces = sorted(self._pieces + new, key=lambda entry: entry[0])
        return True

    def body(self) -> bytes:
        """The whole message."""
        assert self.is_complete
        return b"".join(piece for _, piece in self._pieces)


class InOrder:
    """Messages by message_seq, handed out one after the other."""

    __slots__ = ("_buffered", "_slots", "next_seq")

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        # by (message_seq, type, length), the one that grew longest ago first: it goes when there are too many
        self._slots: dict[tuple[int, int, int], Assembly] = {}
        self._buffered = 0

    def reset(self, next_seq: int) -> None:
        """Forget everything and await `next_seq`."""
        self.next_seq = next_seq
        self._slots.clear()
        self._buffered = 0

    def add(self, fragment: HandshakeFragment) -> Verdict:
        """Take one fragment; then call `take` until it gives None."""
        seq = fragment.message_seq
        if seq < self.next_seq:
            return Verdict.OLD
        verdict = check(fragment)
        if verdict is not Verdict.KEPT:
            return verdict
        if seq > self.next_seq + MAX_AHEAD:
            return Verdict.TOO_FAR_AHEAD
        key = (seq, int(fragment.type), fragment.length)
        slot = self._slots.pop(key, None)
        if slot is None:
            slot = Assembly(fragment.length)
            rivals = [other for other in self._slots if other[0] == seq]
            if len(rivals) >= MAX_RIVALS:
                self._drop(rivals[0])
        else:
            self._buffered -= slot.size
        is_added = slot.add(fragment.fragment_offset, fragment.fragment)
        while self._buffered + slot.size > MAX_BUFFERED:
            self._drop(next(iter(self._slots)))
        self._slots[key] = slot  # now the one that grew last
        self._buffered += slot.size
        return Verdict.KEPT if is_added else Verdict.TOO_MUCH

    def take_whole(self, fragment: HandshakeFragment) -> Message | None:
        """The message, if `fragment` is all of the next one and nothing waits here: as `add` and `take` would give it."""
        size = len(fragment.fragment)
        if self._slots or fragment.message_seq != self.next_seq or not size == fragment.length <= MAX_MESSAGE:
            return None
        if fragment.fragment_offset:
            return None
        self.next_seq += 1
        return Message(int(fragment.type), fragment.message_seq, fragment.fragment)

    def _drop(self, key: tuple[int, int, int]) -> None:
        self._buffered -= self._slots.pop(key).size

    def take(self) -> Message | None:
        """The next message, if all of it is here. Its rivals are forgotten."""
        for (seq, kind, _), slot in self._slots.items():
            if seq == self.next_seq and slot.is_complete:
                message = Message(kind, seq, slot.body())
                for key in [key for key in self._slots if key[0] == seq]:
                    self._drop(key)
                self.next_seq += 1
                return message
        return None

    @property
    def buffered(self) -> int:
        """Bytes held."""
        return self._buffered


class Hellos:
    """ClientHellos in any number of pieces; each is handed out when complete, whatever its message_seq."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: dict[tuple[int, int], Assembly] = {}  # (message_seq, length), oldest first

    def add(self, fragment: HandshakeFragment) -> Message | Verdict:
        """Take one fragment; the message when it was the last one missing."""
        verdict = check(fragment)
        if verdict is not Verdict.KEPT:
            return verdict
        if len(fragment.fragment) == fragment.length:  # whole: no part of anyone's pieces
            return Message(int(fragment.type), fragment.message_seq, fragment.fragment)
        key = (fragment.message_seq, fragment.length)
        slot = self._slots.get(key)
        if slot is None:
            if len(self._slots) >= MAX_HELLOS:
                del self._slots[next(iter(self._slots))]
            slot = self._slots[key] = Assembly(fragment.length)
        if not slot.add(fragment.fragment_offset, fragment.fragment):
            del self._slots[key]
            return Verdict.TOO_MUCH
        if not slot.is_complete:
            return Verdict.KEPT
        del self._slots[key]
        return Message(int(fragment.type), fragment.message_seq, slot.body())

    def clear(self) -> None:
        """Forget all pieces."""
        self._slots.clear()

"""The receiving half: DATA chunks become messages, and what arrived becomes a SACK.

Owns the TSNs received, the fragments of unfinished messages, ordered messages that wait for an earlier one, and
the receive window. Does not own timers or packets: `association` decides when a SACK leaves.

TSNs are kept *extended*: plain integers that do not wrap, congruent to the wire's modulo 2³². So comparisons are
integer comparisons; `diff32` is needed only where a number enters.

Three structures, none scanned per packet:

- `_ranges`: runs of TSNs received beyond the cumulative one, in order: the gap blocks of the next SACK.
- `_by_first` / `_by_last`: runs of fragments of one message, found by either end, merged as holes fill.
- per stream, ordered messages that are complete but early, by stream sequence number.

As long as nothing is missing (`_ranges` is empty) none of them is touched: one message is under construction
(`_open`), each chunk extends or finishes it.

Specs: RFC 9260 §6.2 (SACK, window), §6.5–§6.7, §6.9 (streams, order, gaps, reassembly); RFC 3758 §3.6 (FORWARD TSN).
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum

from rtcpy.core.machine import Event
from rtcpy.core.serial import diff16, diff32
from rtcpy.sctp.chunks import FLAG_BEGINNING, FLAG_ENDING, FLAG_UNORDERED, SACK_HEADER, write_sack
from rtcpy.sctp.events import StreamMessage, StreamMessageTooLarge

MAX_GAP = 65535  # TSNs: a gap block counts in 16 bits, what lies farther ahead could not be acknowledged
HELD_OVERHEAD = (
    64  # bytes charged per held piece beside its data, so that tiny fragments cannot exhaust memory
)
MAX_DUPLICATES = 32  # TSNs reported per SACK; they inform, nothing depends on them
SILLY_WINDOW = 1500  # bytes: less free space than a packet is told as none (RFC 9260 §6.2, RFC 1122 §4.2.3.3)
M32 = 0xFFFFFFFF


class Arrival(Enum):
    """What became of a DATA chunk."""

    IN_ORDER = "in order"
    GAP = "beyond a gap, or filling one"
    DUPLICATE = "received before"
    REFUSED = "no room in the window, or too far ahead"
    BAD_STREAM = "stream identifier out of range"
    OVERFLOW = "in order, but beyond all limits: the peer ignores the window"


_IN_ORDER = Arrival.IN_ORDER  # a member of an Enum costs some to look up
_WHOLE = FLAG_BEGINNING | FLAG_ENDING


class _Run:
    """Consecutive fragments of one message. `parts` stays empty once the message is known to be too large."""

    __slots__ = (
        "begins",
        "ends",
        "first",
        "last",
        "parts",
        "ppid",
        "size",
        "stream_id",
        "stream_seq",
        "unordered",
    )

    def __init__(
        self, first: int, flags: int, stream_id: int, stream_seq: int, ppid: int, data: bytes
    ) -> None:
        self.first = self.last = first
        self.begins, self.ends = flags & FLAG_BEGINNING != 0, flags & FLAG_ENDING != 0
        self.unordered = flags & FLAG_UNORDERED != 0
        self.stream_id, self.stream_seq, self.ppid = stream_id, stream_seq, ppid
        self.parts = [data]
        self.size = len(data)

    def belongs(self, flags: int, stream_id: int, stream_seq: int) -> bool:
        """Whether a fragment with these fields can be of the same message."""
        return (
            self.stream_id == stream_id
            and self.unordered == (flags & FLAG_UNORDERED != 0)
            and (self.unordered or self.stream_seq == stream_seq)
        )


class _Stream:
    """Ordered delivery on one incoming stream: the next number, and what came too early."""

    __slots__ = ("early", "next_seq")

    def __init__(self) -> None:
        self.next_seq = 0
        self.early: dict[int, tuple[int, bytes]] = {}


class Inbound:
    """Receives chunks in any order, hands out messages in the order promised. `messages` is drained by the owner.

    Args:
        initial_tsn: the first TSN that the peer will use.
        window: bytes that may be held (a_rwnd at the start).
        max_message_size: bytes; larger messages are not assembled but reported.
        stream_count: stream identifiers are below this.
    """

    __slots__ = (
        "_by_first",
        "_by_last",
        "_expected",
        "_hard_limit",
        "_max_message_size",
        "_open",
        "_ranges",
        "_stream_count",
        "_streams",
        "_told_window",
        "_window",
        "cumulative",
        "discarded",
        "duplicates",
        "held",
        "messages",
    )

    def __init__(self, initial_tsn: int, *, window: int, max_message_size: int, stream_count: int) -> None:
        self.cumulative = initial_tsn - 1 + (1 << 32)
        self._expected = initial_tsn
        self._window, self._max_message_size, self._stream_count = window, max_message_size, stream_count
        self._told_window = window
        self._hard_limit = 2 * window + max_message_size
        self._ranges: list[list[int]] = []
        self._open: _Run | None = None
        self._by_first: dict[int, _Run] = {}
        self._by_last: dict[int, _Run] = {}
        self._streams: dict[int, _Stream] = {}
        self.held = 0
        self.duplicates: list[int] = []
        self.discarded = 0
        self.messages: list[Event] = []

    # -- DATA ------------------------------------------------------------------------------------

    def receive(
        self, flags: int, tsn: int, stream_id: int, stream_seq: int, ppid: int, data: bytes
    ) -> Arrival:
        """Take one DATA chunk. `data` is kept, so it must be `bytes` of its own."""
        if tsn != self._expected or self._ranges:
            return self._receive_out_of_order(flags, tsn, stream_id, stream_seq, ppid, data)
        if self.held > self._hard_limit:
            return Arrival.OVERFLOW
        self.cumulative += 1
        self._expected = (tsn + 1) & M32
        if stream_id >= self._stream_count:
            return Arrival.BAD_STREAM
        kind = flags & _WHOLE
        run = self._open
        if kind == _WHOLE:
            if run is not None:
                self._discard_open()
            stream = self._streams.get(stream_id)
            if (
                stream is None
                or flags & FLAG_UNORDERED
                or stream_seq != stream.next_seq
                or stream.early
                or len(data) > self._max_message_size
            ):
                self._deliver(flags & FLAG_UNORDERED, stream_id, stream_seq, ppid, data)
            else:  # the usual case of `_deliver`
                stream.next_seq = (stream_seq + 1) & 0xFFFF
                self.messages.append(StreamMessage(stream_id, ppid, data))
            return _IN_ORDER
        if kind == FLAG_BEGINNING:
            if run is not None:
                self._discard_open()
            self._open = _Run(self.cumulative, flags, stream_id, stream_seq, ppid, data)
            self.held += len(data)
        elif run is None or not run.belongs(flags, stream_id, stream_seq):
            self.discarded += 1  # a fragment whose beginning never was: nothing to add it to
            if run is not None:
                self._discard_open()
        else:
            run.size += len(data)
            if run.size <= self._max_message_size:
                run.parts.append(data)
                self.held += len(data)
            elif run.parts:
                self._give_up(run)
            if kind == FLAG_ENDING:
                self._open = None
                self._finish(run)
        return _IN_ORDER

    def _receive_out_of_order(
        self, flags: int, tsn: int, stream_id: int, stream_seq: int, ppid: int, data: bytes
    ) -> Arrival:
        """The lane for everything while TSNs are missing, and for what opens a gap."""
        cumulative = self.cumulative
        extended = cumulative + diff32(tsn, cumulative & M32)
        at = bisect_right(self._ranges, extended, key=_start)
        if extended <= cumulative or (at and self._ranges[at - 1][1] >= extended):
            if len(self.duplicates) < MAX_DUPLICATES:
                self.duplicates.append(tsn)
            return Arrival.DUPLICATE
        if extended - cumulative > MAX_GAP:
            return Arrival.REFUSED
        if self.held + len(data) + HELD_OVERHEAD > self._window:
            if extended != cumulative + 1:
                return (
                    Arrival.REFUSED
                )  # RFC 9260 §6.2; a chunk in order may pass, as it frees what waits for it
            if self.held > self._hard_limit:
                return Arrival.OVERFLOW
        run = self._open
        if run is not None:  # while a gap is open, the message in order is one run among others
            self._open = None
            run.last = cumulative
            self.held += HELD_OVERHEAD * (cumulative - run.first + 1)
            self._by_first[run.first] = self._by_last[cumulative] = run
        self._mark(extended, at)
        if stream_id >= self._stream_count:
            self._settle()
            return Arrival.BAD_STREAM
        if flags & (FLAG_BEGINNING | FLAG_ENDING) == FLAG_BEGINNING | FLAG_ENDING:
            self._deliver(flags & FLAG_UNORDERED, stream_id, stream_seq, ppid, data)
        else:
            self._place(extended, flags, stream_id, stream_seq, ppid, data)
        self._settle()
        return Arrival.GAP

    def _mark(self, extended: int, at: int) -> None:
        """Enter a TSN in the ranges; `at` is where a range beginning with it would stand."""
        ranges = self._ranges
        joins_left = at > 0 and ranges[at - 1][1] == extended - 1
        joins_right = at < len(ranges) and ranges[at][0] == extended + 1
        if joins_left and joins_right:
            ranges[at - 1][1] = ranges[at][1]
            del ranges[at]
        elif joins_left:
            ranges[at - 1][1] = extended
        elif joins_right:
            ranges[at][0] = extended
        else:
            ranges.insert(at, [extended, extended])
        self._absorb()

    def _absorb(self) -> None:
        """Move the cumulative TSN over a range that now adjoins it."""
        if self._ranges and self._ranges[0][0] <= self.cumulative + 1:
            self.cumulative = self._ranges.pop(0)[1]
        self._expected = (self.cumulative + 1) & M32

    def _place(
        self, extended: int, flags: int, stream_id: int, stream_seq: int, ppid: int, data: bytes
    ) -> None:
        """Add a fragment to the run before it, the run after it, both or neither."""
        left = None if flags & FLAG_BEGINNING else self._by_last.get(extended - 1)
        right = None if flags & FLAG_ENDING else self._by_first.get(extended + 1)
        if left is not None and (left.ends or not left.belongs(flags, stream_id, stream_seq)):
            left = None
        if right is not None and (right.begins or not right.belongs(flags, stream_id, stream_seq)):
            right = None
        run = _Run(extended, flags, stream_id, stream_seq, ppid, data)
        self.held += run.size + HELD_OVERHEAD
        if left is not None:
            del self._by_last[extended - 1]
            run = self._join(left, run)
        if right is not None:
            del self._by_first[right.first], self._by_last[right.last]
            run = self._join(run, right)
        self._by_first.pop(run.first, None)
        if run.begins and run.ends:
            self.held -= HELD_OVERHEAD * (run.last - run.first + 1)
            self._finish(run)
        else:
            self._by_first[run.first] = self._by_last[run.last] = run

    def _join(self, left: _Run, right: _Run) -> _Run:
        """`left` extended by `right`; what grows too large keeps its size and loses its parts."""
        left.size += right.size
        if left.size > self._max_message_size:
            self._give_up(left)
            self._give_up(right)
        else:
            left.parts += right.parts
        left.last, left.ends = right.last, right.ends
        return left

    def _give_up(self, run: _Run) -> None:
        """Free the parts of a message that is too large; it is reported when its end has come."""
        self.held -= sum(map(len, run.parts))
        run.parts = []

    def _settle(self) -> None:
        """When no gap is left, one run at most may go on; others lost their neighbours to a peer that broke the rules."""
        if self._ranges or not self._by_first:
            return
        for run in self._by_first.values():
            self.held -= HELD_OVERHEAD * (run.last - run.first + 1)
            if run.last == self.cumulative and run.begins and not run.ends:
                self._open = run
            else:
                self.discarded += 1
                self._give_up(run)
        self._by_first.clear()
        self._by_last.clear()

    def _discard_open(self) -> None:
        """The open message was never finished: the next chunk in order is no fragment of it."""
        if self._open is not None:
            self._give_up(self._open)
            self._open = None
            self.discarded += 1

    def _finish(self, run: _Run) -> None:
        """All fragments are here."""
        if not run.parts:
            self.messages.append(StreamMessageTooLarge(run.stream_id, run.size))
            if not run.unordered:
                self._skip(run.stream_id, run.stream_seq)
            return
        self.held -= run.size
        data = b"".join(run.parts)
        self._deliver(
            0 if not run.unordered else FLAG_UNORDERED, run.stream_id, run.stream_seq, run.ppid, data
        )

    # -- order within a stream -------------------------------------------------------------------

    def _deliver(self, unordered: int, stream_id: int, stream_seq: int, ppid: int, data: bytes) -> None:
        """Hand out a complete message, or keep it until its turn. Spec: RFC 9260 §6.6."""
        if len(data) > self._max_message_size:
            self.messages.append(StreamMessageTooLarge(stream_id, len(data)))
            if not unordered:
                self._skip(stream_id, stream_seq)
            return
        if unordered:
            self.messages.append(StreamMessage(stream_id, ppid, data))
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = self._streams[stream_id] = _Stream()
        if stream_seq == stream.next_seq:
            stream.next_seq = (stream_seq + 1) & 0xFFFF
            self.messages.append(StreamMessage(stream_id, ppid, data))
            if stream.early:
                self._deliver_early(stream_id, stream)
        elif diff16(stream_seq, stream.next_seq) > 0 and stream_seq not in stream.early:
            stream.early[stream_seq] = (ppid, data)
            self.held += len(data) + HELD_OVERHEAD
        else:
            self.discarded += 1  # a number that was used before

    def _deliver_early(self, stream_id: int, stream: _Stream) -> None:
        """Messages whose turn has come."""
        while (waiting := stream.early.pop(stream.next_seq, None)) is not None:
            ppid, data = waiting
            self.held -= len(data) + HELD_OVERHEAD
            stream.next_seq = (stream.next_seq + 1) & 0xFFFF
            self.messages.append(StreamMessage(stream_id, ppid, data))

    def _skip(self, stream_id: int, stream_seq: int) -> None:
        """Do not wait for messages up to `stream_seq`: deliver those that are here, in order. Spec: RFC 3758 §3.6."""
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = self._streams[stream_id] = _Stream()
        if diff16(stream_seq, stream.next_seq) < 0:
            return
        passed = [seq for seq in stream.early if diff16(seq, stream_seq) <= 0]
        for seq in sorted(passed, key=lambda seq: diff16(seq, stream.next_seq)):
            ppid, data = stream.early.pop(seq)
            self.held -= len(data) + HELD_OVERHEAD
            self.messages.append(StreamMessage(stream_id, ppid, data))
        stream.next_seq = (stream_seq + 1) & 0xFFFF
        self._deliver_early(stream_id, stream)

    # -- FORWARD TSN and stream reset ------------------------------------------------------------

    def forward(self, new_cumulative: int, skipped: list[tuple[int, int]]) -> bool:
        """The peer gave up everything up to `new_cumulative`. False if that is old news. Spec: RFC 3758 §3.6."""
        extended = self.cumulative + diff32(new_cumulative, self.cumulative & M32)
        if extended <= self.cumulative:
            return False
        self._discard_open()
        for run in list(self._by_first.values()):
            whole_so_far = run.begins or run.first > extended + 1
            if whole_so_far and (run.last >= extended or run.first > extended):
                continue  # it misses nothing up to there
            del self._by_first[run.first], self._by_last[run.last]
            self.held -= HELD_OVERHEAD * (run.last - run.first + 1)
            self._give_up(run)
        keep = 0
        while keep < len(self._ranges) and self._ranges[keep][1] <= extended:
            keep += 1
        del self._ranges[:keep]
        self.cumulative = extended
        self._absorb()
        for stream_id, stream_seq in skipped:
            if stream_id < self._stream_count:
                self._skip(stream_id, stream_seq)
        self._settle()
        return True

    def has_all(self, tsn: int) -> bool:
        """Whether everything up to `tsn` has arrived: the condition for a stream reset (RFC 6525 §5.2.2)."""
        return diff32(tsn, self.cumulative & M32) <= 0

    def reset_streams(self, stream_ids: list[int]) -> list[int]:
        """Start streams again at sequence number 0 (no ids: all that were used). Returns the ids. Spec: RFC 6525 §5.2.2."""
        affected = stream_ids or sorted(self._streams)
        for stream_id in affected:
            stream = self._streams.pop(stream_id, None)
            if stream is not None:
                self.held -= sum(len(data) + HELD_OVERHEAD for _, data in stream.early.values())
        return affected

    # -- acknowledgement -------------------------------------------------------------------------

    def wants_sack(self) -> bool:
        """Whether the next SACK should not be delayed: a TSN is missing, or the window opened again."""
        return bool(self._ranges) or (self._told_window < self._window >> 2 and self.window_opened)

    @property
    def has_gaps(self) -> bool:
        """Whether a TSN is missing: SACKs are not delayed then (RFC 9260 §6.7)."""
        return bool(self._ranges)

    @property
    def window(self) -> int:
        """Bytes of receive window to advertise now. Spec: RFC 9260 §6.2 (A to D)."""
        free = self._window - self.held
        return free if free >= SILLY_WINDOW else 0

    @property
    def window_opened(self) -> bool:
        """Whether the window grew by a quarter since a SACK told of a nearly closed one. Spec: RFC 9260 §6.2."""
        quarter = self._window >> 2
        return self._told_window < quarter <= self.window - self._told_window

    def sack(self, room: int) -> bytes:
        """A SACK chunk of at most `room` bytes for what has arrived; forgets the duplicates it reports.

        Spec: RFC 9260 §3.3.4, §6.2.
        """
        self._told_window = window = (
            self._window - self.held if self.held + SILLY_WINDOW <= self._window else 0
        )
        cumulative = self.cumulative
        if not self._ranges and not self.duplicates:
            return SACK_HEADER.pack(3, 0, 16, cumulative & M32, window, 0, 0)
        fit = (room - 16) // 4
        bounds = gap_blocks(self._ranges[:fit], cumulative)
        duplicates = self.duplicates[: fit - len(bounds) // 2]
        self.duplicates = []
        return write_sack(cumulative & M32, window, bounds, duplicates)


def gap_blocks(ranges: list[list[int]], cumulative: int) -> list[int]:
    """Start and end of each run beyond `cumulative`, as offsets from it: the Gap Ack Blocks of a SACK.

    Args:
        ranges: [first, last] of each run of TSNs, in order, neither overlapping nor touching.
        cumulative: the Cumulative TSN Ack, extended like the ranges.

    Spec: RFC 9260 §3.3.4.
    """
    bounds: list[int] = []
    for start, end in ranges:
        bounds += (start - cumulative, min(end - cumulative, MAX_GAP))
    return bounds


def _start(run: list[int]) -> int:
    return run[0]

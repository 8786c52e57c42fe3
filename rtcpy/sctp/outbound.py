"""The sending half: fragments, what is outstanding, acknowledgement, loss, retransmission, abandonment.

Owns every DATA chunk from the moment it has a TSN until it is cumulatively acknowledged. Messages without a TSN are
`sendqueue`'s; how much may be outstanding is `congestion`'s; packets and timers are `association`'s.

`_sent` is a plain list in TSN order, so the chunk of a TSN is found by subtraction. A SACK is worked off as
differences between intervals: what the gap blocks newly cover, what they no longer cover. Chunks to be sent
again stand in a heap of TSNs. Nothing walks all that is outstanding, except the expiry of T3-rtx.

Loss is detected as in RFC 9260 §7.2.4, with one addition. Every transmission has an order number; a chunk is
reported missing when something *sent after it* has newly arrived. For first transmissions that is the RFC's
rule (HTNA) word for word. For retransmissions it allows what the RFC leaves to the timer:
Deviation (§7.2.4, step 5): a fast-retransmitted chunk may be fast-retransmitted again, once three SACKs acknowledge
chunks sent after its retransmission. Otherwise each lost retransmission costs a whole RTO.

Specs: RFC 9260 §6.1, §6.2.1, §6.3.3, §6.9, §7.2.4; RFC 3758 §3.5 (abandonment, FORWARD TSN); RFC 7053 (I bit).
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from rtcpy.core.machine import Instant
from rtcpy.core.serial import diff32
from rtcpy.sctp.chunks import (
    FLAG_BEGINNING,
    FLAG_ENDING,
    FLAG_IMMEDIATE,
    FLAG_UNORDERED,
    ForwardTsnChunk,
    SkippedStream,
    write_data,
)
from rtcpy.sctp.congestion import Congestion
from rtcpy.sctp.sendqueue import Message, SendQueue

IN_FLIGHT, LOST, ACKED, ABANDONED = range(4)  # what is known of a chunk
MISSING_REPORTS = 3  # RFC 9260 §7.2.4
DATA_OVERHEAD = 16  # bytes of DATA header
MAX_OUTSTANDING = 32768  # chunks: gap blocks reach 65535 TSNs ahead; also the bound on memory for tiny chunks
COMPACT_AT = 512  # entries: acknowledged chunks are cut off the list in batches
M32 = 0xFFFFFFFF
_WHOLE = FLAG_BEGINNING | FLAG_ENDING
_WHOLE_UNORDERED = FLAG_UNORDERED | _WHOLE


class Sent:
    """One DATA chunk that has a TSN. `order` numbers its latest transmission, `sends` counts them."""

    __slots__ = ("chunk", "message", "missing", "order", "sends", "size", "state", "tsn")

    def __init__(self, tsn: int, chunk: bytes, size: int, message: Message, order: int) -> None:
        self.tsn = tsn
        self.chunk = chunk
        self.size = size
        self.message = message
        self.order = order
        self.state = IN_FLIGHT
        self.missing = 0
        self.sends = 1


class Outbound:
    """The retransmission queue of one association.

    Args:
        initial_tsn: the first TSN to use.
        peer_window: the peer's a_rwnd at the start, bytes.
        partial_reliability: the peer understands FORWARD TSN; else every message is sent reliably.
    """

    __slots__ = (
        "_gaps",
        "_head",
        "_order",
        "_peer_window",
        "_recovery_exit",
        "_sent",
        "_timed_at",
        "_timed_tsn",
        "abandoned",
        "advanced",
        "congestion",
        "cumulative",
        "earliest_resent",
        "fast_retransmit",
        "flight",
        "ignored_sacks",
        "next_tsn",
        "one_packet",
        "partial_reliability",
        "probe_window",
        "progress",
        "queue",
        "retransmissions",
        "to_retransmit",
    )

    def __init__(
        self,
        queue: SendQueue,
        congestion: Congestion,
        initial_tsn: int,
        peer_window: int,
        *,
        partial_reliability: bool,
    ) -> None:
        self.queue, self.congestion = queue, congestion
        self.next_tsn = initial_tsn + (1 << 32)  # extended, see `inbound`
        self.cumulative = self.advanced = self.next_tsn - 1
        self._peer_window = peer_window
        self.partial_reliability = partial_reliability
        self._sent: list[Sent] = []
        self._head = 0  # index in _sent of TSN cumulative + 1
        self._gaps: list[tuple[int, int]] = []  # extended, inclusive: what the last SACK reported
        self.to_retransmit: list[int] = []  # heap of extended TSNs; entries may be stale; read by `_flush`
        self._order = 0
        self._recovery_exit: int | None = None
        self._timed_tsn, self._timed_at = -1, 0.0
        self.flight = 0  # bytes in state IN_FLIGHT
        self.fast_retransmit = False  # one packet may leave whatever cwnd says (RFC 9260 §7.2.4, step 3)
        self.abandoned = False  # a message was given up since the owner looked: FORWARD TSN may be due
        self.earliest_resent = False  # T3-rtx is to be restarted (RFC 9260 §6.1, §7.2.4 step 4)
        self.one_packet = False  # after a timeout, until something is acknowledged (RFC 9260 §7.2.3)
        self.probe_window = False  # one chunk may leave although the peer's window is closed (§6.1 A)
        self.progress = False
        self.ignored_sacks = 0
        self.retransmissions = 0

    # -- views -----------------------------------------------------------------------------------

    @property
    def outstanding(self) -> bool:
        """Whether a TSN is not cumulatively acknowledged, abandoned ones included."""
        return self.next_tsn - 1 > self.cumulative

    @property
    def pending(self) -> bool:
        """Whether anything waits to be sent, first or again; windows aside."""
        return self.queue.buffered > 0 or bool(self.to_retransmit)

    @property
    def blocked_by_window(self) -> bool:
        """Nothing outstanding, data waiting, and the peer has no room for it."""
        return not self.outstanding and self.queue.buffered > 0

    @property
    def window(self) -> int:
        """Bytes that the peer has room for, after what is in flight. Spec: RFC 9260 §6.2.1 (A to D)."""
        return self._peer_window - self.flight

    def _at(self, tsn: int) -> Sent | None:
        """The chunk with this extended TSN, if it is outstanding."""
        if not self.cumulative < tsn < self.next_tsn:
            return None
        return self._sent[self._head + tsn - self.cumulative - 1]

    # -- sending ---------------------------------------------------------------------------------

    def fill(self, room: int, now: Instant, *, alone: bool = False) -> tuple[bytes, int]:
        """DATA chunks for one packet, joined, and how many: first what was lost, then new data. Empty if nothing may go.

        Args:
            room: bytes left in the packet, a multiple of 4.
            alone: nothing else is in the packet, so that a chunk cut for a larger path MTU may leave in it.

        Spec: RFC 9260 §6.1 (A to E).
        """
        if self.one_packet and self.flight:
            return b"", 0
        congestion = self.congestion
        out = b""
        count = 0
        if self.to_retransmit:
            out, count = self._fill_retransmissions(room, now, alone)
            room -= len(out)
        cwnd = congestion.cwnd
        queue = self.queue
        while queue.buffered and self.flight < cwnd and room > DATA_OVERHEAD:
            message = queue.current or queue.next_message(now)
            if message is None:
                break
            if message.expires is not None and now >= message.expires and self._may_abandon(message):
                self._abandon(message)
                continue
            data, offset = message.data, message.offset
            left = len(data) - offset
            size = room - DATA_OVERHEAD
            if left <= size:
                size = left
            elif count or left <= congestion.pmdcs or size < congestion.pmdcs >> 1:
                break  # it goes better into a packet of its own
            if self._peer_window - self.flight < size:
                if self.outstanding or not self.probe_window:
                    break
                self.probe_window = False
            if self.next_tsn - self.cumulative > MAX_OUTSTANDING:
                break
            chunk = self._emit(message, data, offset, size, now)
            out = out + chunk if count else chunk
            count += 1
            room -= len(chunk)
        return out, count

    def at_once(self, message: Message, now: Instant) -> bytes | None:
        """The DATA chunk of a message that may leave whole, now, with nothing queued before it; else None.

        The fast path beside queue, `fill` and `_emit`, for conversations in which nothing ever waits. It takes a message
        exactly when they would send it in the same packet, and leaves the same state behind; a test compares the two.
        """
        size, stream = len(message.data), message.stream
        congestion, flight = self.congestion, self.flight
        if (
            flight + size >= congestion.cwnd
            or size > congestion.pmdcs
            or self._peer_window - flight < size
            or self.next_tsn - self.cumulative > MAX_OUTSTANDING
            or self.one_packet
            or message.expires is not None
            or size > stream.low_threshold >= 0  # somebody wants to hear that it left the queue
        ):
            return None
        queue = self.queue
        # The stream's turn in the fair queue, see `sendqueue`.
        finish = stream.finish if stream.finish > queue.virtual_time else queue.virtual_time
        queue.virtual_time = finish
        stream.finish = finish + size / stream.priority
        if message.unordered:
            seq, flags = 0, _WHOLE_UNORDERED
        else:
            seq, flags = stream.next_seq, _WHOLE
            stream.next_seq = (seq + 1) & 0xFFFF
        message.stream_seq = seq
        tsn = message.first_tsn = stream.last_tsn = self.next_tsn
        chunk = write_data(flags, tsn & M32, stream.stream_id, seq, message.ppid, message.data)
        if flight == 0:
            congestion.sending(now, tsn - 1 > self.cumulative)
        self._order = order = self._order + 1
        self._sent.append(Sent(tsn, chunk, size, message, order))
        if self._timed_tsn < 0:
            self._timed_tsn, self._timed_at = tsn, now
        message.offset = size
        self.next_tsn = tsn + 1
        self.flight = flight + size
        return chunk

    def _emit(self, message: Message, data: bytes, offset: int, size: int, now: Instant) -> bytes:
        """Give the next `size` bytes of a message a TSN."""
        stream = message.stream
        tsn = self.next_tsn
        end = offset + size
        flags = FLAG_UNORDERED if message.unordered else 0
        if offset == 0:
            flags |= FLAG_BEGINNING
            message.first_tsn = tsn
        queue = self.queue
        if end == len(data):
            flags |= FLAG_ENDING
            queue.current = None
        if self.flight + size >= self.congestion.cwnd:
            flags |= (
                FLAG_IMMEDIATE  # RFC 9260 §6.1: the window is full, waiting for a delayed SACK would cost
            )
        piece = data if size == len(data) else data[offset:end]
        chunk = write_data(flags, tsn & M32, stream.stream_id, message.stream_seq, message.ppid, piece)
        if self.flight == 0:
            self.congestion.sending(now, self.outstanding)
        self._order += 1
        self._sent.append(Sent(tsn, chunk, size, message, self._order))
        if self._timed_tsn < 0:
            self._timed_tsn, self._timed_at = tsn, now
        message.offset = end
        self.next_tsn = tsn + 1
        stream.last_tsn = tsn
        self.flight += size
        queue.sent(message, size)
        return chunk

    def _fill_retransmissions(self, room: int, now: Instant, alone: bool) -> tuple[bytes, int]:
        """Lost chunks, lowest TSN first, as far as cwnd and room allow. Spec: RFC 9260 §6.1 (C), §7.2.4 (3)."""
        parts: list[bytes] = []
        heap = self.to_retransmit
        cwnd = self.congestion.cwnd
        while heap:
            sent = self._at(heap[0])
            if sent is None or sent.state != LOST:
                heappop(heap)
                continue
            if self.flight >= cwnd and not self.fast_retransmit:
                break
            message = sent.message
            if message.expires is not None and now >= message.expires and self._may_abandon(message):
                self._abandon(message)
                continue
            size = len(sent.chunk)
            if size > room and (parts or not alone or size <= self.congestion.pmdcs + DATA_OVERHEAD):
                break  # a chunk that outgrew a shrunken path MTU goes alone: it cannot be cut again (§6.9)
            heappop(heap)
            if sent.sends == 1:  # its SACK must not be delayed: others wait behind it (RFC 7053)
                sent.chunk = b"\0" + (sent.chunk[1] | FLAG_IMMEDIATE).to_bytes(1, "big") + sent.chunk[2:]
            parts.append(sent.chunk)
            room -= len(sent.chunk)
            sent.state = IN_FLIGHT
            sent.missing = 0
            sent.sends += 1
            self._order += 1
            sent.order = self._order
            self.flight += sent.size
            self.retransmissions += 1
            if sent.tsn == self.cumulative + 1:
                self.earliest_resent = True
            if sent.tsn <= self._timed_tsn:
                self._timed_tsn = -1  # Karn: that round trip became ambiguous (RFC 9260 §6.3.1, C5)
        if parts:
            self.fast_retransmit = False
        return b"".join(parts), len(parts)

    # -- acknowledgement -------------------------------------------------------------------------

    def acknowledge(self, cumulative: int, window: int, bounds: tuple[int, ...], now: Instant) -> bool:
        """Work off a SACK. Returns whether the earliest outstanding chunk was acknowledged, i.e. T3-rtx restarts.

        `progress` tells afterwards whether anything was newly acknowledged.

        SACKs that are older than the last, or speak of TSNs never sent, change nothing.

        Args:
            bounds: gap offsets (start, end, start, end, …).

        Spec: RFC 9260 §6.2.1 (D), §7.2.4.
        """
        if not bounds and self.acknowledge_everything(cumulative, window, now):
            return True
        extended = self.cumulative + diff32(cumulative, self.cumulative & M32)
        if extended < self.cumulative or extended >= self.next_tsn:
            self.ignored_sacks += 1
            return False
        if not bounds and not self._gaps:
            gaps: list[tuple[int, int]] = []
        else:
            checked = self._check_gaps(extended, bounds)
            if checked is None:
                self.ignored_sacks += 1
                return False
            gaps = checked
        flight_before = self.flight
        advanced = extended > self.cumulative
        newly, latest = self._pass(extended, now) if advanced else (0, 0)
        if gaps or self._gaps:
            more, highest = self._compare_gaps(gaps, now)
            newly += more
            latest = max(latest, highest)
        self._peer_window = window
        recovering = self._recovery_exit is not None
        if recovering and extended >= self._recovery_exit:  # type: ignore[operator]
            self._recovery_exit = None
        self.progress = newly > 0
        if newly:
            self.one_packet = False
            if not recovering:
                self.congestion.acknowledged(newly, flight_before)
        if gaps:
            self._count_missing(gaps, latest, recovering and advanced, now)
        if self.next_tsn - 1 == self.cumulative:  # nothing is outstanding
            self.congestion.partial_bytes_acked = 0  # RFC 9260 §7.2.2, last item
            self.advanced = max(self.advanced, self.cumulative)
        elif self.partial_reliability:
            self._advance()
        return advanced

    def acknowledge_everything(self, cumulative: int, window: int, now: Instant) -> bool:
        """The fast path beside the rest of `acknowledge`: a SACK without lists acknowledges all that was sent, and
        nothing was missing before it. Whether it was that; if not, nothing has changed.
        """
        last = self.next_tsn - 1
        if (
            cumulative != last & M32
            or last <= self.cumulative
            or self._gaps
            or self.to_retransmit
            or self._recovery_exit is not None
        ):
            return False
        newly = self.flight  # nothing is LOST, and what is ABANDONED is not in flight
        self._sent.clear()
        self._head = self.flight = 0
        self.cumulative = last
        self.advanced = last if last > self.advanced else self.advanced
        self._peer_window = window
        congestion = self.congestion
        if self._timed_tsn >= 0:
            congestion.measured(now - self._timed_at)
            self._timed_tsn = -1
        self.progress = newly > 0
        if newly:
            self.one_packet = False
            if congestion.cwnd > congestion.ssthresh or newly + congestion.pmdcs > congestion.cwnd:
                congestion.acknowledged(newly, newly)
        congestion.partial_bytes_acked = 0  # RFC 9260 §7.2.2, last item
        return True

    def acknowledge_cumulative(self, cumulative: int, now: Instant) -> bool:
        """The same for the cumulative TSN ack of a SHUTDOWN, which says nothing of gaps or windows (RFC 9260 §9.2)."""
        extended = self.cumulative + diff32(cumulative, self.cumulative & M32)
        if not self.cumulative < extended < self.next_tsn:
            return False
        self._pass(extended, now)
        if self.partial_reliability:
            self._advance()
        return True

    def adopt(self, peer_window: int, *, partial_reliability: bool) -> None:
        """The peer's side of a colliding set-up turned out to be this. Spec: RFC 9260 §5.2.4 (B)."""
        self._peer_window, self.partial_reliability = peer_window, partial_reliability

    def requeue(self) -> None:
        """Send again what went out beside a COOKIE ECHO that got no answer; no verdict on the path is drawn."""
        self._timed_tsn = -1
        for sent in self._sent[self._head :]:
            if sent.state == IN_FLIGHT:
                self.flight -= sent.size
                sent.state = LOST
                heappush(self.to_retransmit, sent.tsn)

    def _pass(self, extended: int, now: Instant) -> tuple[int, int]:
        """Everything up to `extended` has arrived: forget it. Returns bytes newly known to be there, and the latest order."""
        head, sent = self._head, self._sent
        stop = head + extended - self.cumulative
        newly = latest = in_flight = 0
        for at in range(head, stop):
            chunk = sent[at]
            state = chunk.state
            if state == IN_FLIGHT:
                size = chunk.size
                in_flight += size
                newly += size
                latest = chunk.order if chunk.order > latest else latest
            elif state == LOST:
                newly += chunk.size
        self.flight -= in_flight
        self.cumulative = extended
        if stop >= COMPACT_AT or stop == len(sent):
            del sent[:stop]
            self._head = 0
        else:
            self._head = stop
        timed = self._timed_tsn
        if 0 <= timed <= extended:
            self.congestion.measured(now - self._timed_at)
            self._timed_tsn = -1
        return newly, latest

    def _check_gaps(self, extended: int, bounds: tuple[int, ...]) -> list[tuple[int, int]] | None:
        """Gap blocks as extended TSNs, in order and disjoint; inverted and overlapping ones left out.

        None if a block acknowledges what was never sent.
        """
        gaps: list[tuple[int, int]] = []
        last = extended + 1  # TSN cumulative + 1 is missing by definition
        it = iter(bounds)
        for start, end in zip(it, it, strict=True):
            first, final = extended + start, extended + end
            if final >= self.next_tsn:
                return None
            if first > final or first <= last:
                self.ignored_sacks += 1
                continue
            gaps.append((first, final))
            last = final + 1
        return gaps

    def _compare_gaps(self, gaps: list[tuple[int, int]], now: Instant) -> tuple[int, int]:
        """Apply the difference between these gap blocks and the previous ones. Returns bytes newly there, latest order."""
        newly = latest = 0
        old = self._gaps
        self._gaps = gaps
        for first, final in _minus(gaps, old):
            for tsn in range(first, final + 1):
                sent = self._at(tsn)
                if sent is None or sent.state in (ACKED, ABANDONED):
                    continue
                if sent.state == IN_FLIGHT:
                    self.flight -= sent.size
                    latest = max(latest, sent.order)
                newly += sent.size
                sent.state = ACKED
                if tsn == self._timed_tsn:
                    self.congestion.measured(now - self._timed_at)
                    self._timed_tsn = -1
        for first, final in _minus(old, gaps):
            for tsn in range(max(first, self.cumulative + 1), final + 1):
                sent = self._at(tsn)
                if (
                    sent is not None and sent.state == ACKED
                ):  # the receiver took it back (RFC 9260 §6.2.1 D iii)
                    sent.state = IN_FLIGHT
                    sent.missing = 1
                    self.flight += sent.size
        return newly, latest

    def _count_missing(
        self, gaps: list[tuple[int, int]], latest: int, all_missing: bool, now: Instant
    ) -> None:
        """One more miss indication for chunks in the holes; at the third they are lost. Spec: RFC 9260 §7.2.4.

        Args:
            latest: order of the latest transmission that this SACK newly acknowledged.
            all_missing: in fast recovery with an advancing cumulative TSN every hole counts.
        """
        if not latest and not all_missing:
            return
        lost: list[Sent] = []
        sent, head = self._sent, self._head
        start = self.cumulative + 1
        base = head - start
        for first, final in gaps:
            for at in range(base + start, base + first):
                chunk = sent[at]
                if chunk.state != IN_FLIGHT:
                    continue
                if chunk.order < latest or (all_missing and chunk.sends == 1):
                    chunk.missing += 1
                    if chunk.missing >= MISSING_REPORTS:
                        lost.append(chunk)
            start = final + 1
        if not lost:
            return
        for chunk in lost:
            self._lose(chunk)
        if self._recovery_exit is None:
            self.congestion.lost()
            self._recovery_exit = self.next_tsn - 1
            self.fast_retransmit = True

    def _lose(self, sent: Sent) -> None:
        """Mark a chunk for retransmission, or give its message up if that was its last chance."""
        if sent.state != IN_FLIGHT:
            return
        self.flight -= sent.size
        sent.state = LOST
        limit = sent.message.max_retransmits
        if limit is not None and sent.sends > limit and self._may_abandon(sent.message):
            self._abandon(sent.message)
        else:
            heappush(self.to_retransmit, sent.tsn)

    def probe_tail(self) -> bool:
        """Nothing was heard for two round trips: send the earliest chunk in flight again, once, before T3-rtx fires.

        What is lost at the end of a flight shows in no gap report; without this each such loss costs an RTO and the
        whole window. It is a loss like any other: the window is halved. Chunks that may not be retransmitted
        are passed over. Returns whether there is one. Spec: RFC 8985 §7 (tail loss probe), after RFC 9260 §7.2.4.
        """
        for sent in self._sent[self._head :]:
            limit = sent.message.max_retransmits
            if sent.state == IN_FLIGHT and (
                limit is None or sent.sends <= limit or not self.partial_reliability
            ):
                break
        else:
            return False
        self._lose(sent)
        if self._recovery_exit is None:
            self.congestion.lost()
            self._recovery_exit = self.next_tsn - 1
        self.fast_retransmit = True
        return True

    def timed_out(self, now: Instant) -> None:
        """T3-rtx expired: everything in flight counts as lost. Spec: RFC 9260 §6.3.3 (E1 to E3)."""
        self.congestion.back_off()
        if not self.outstanding:
            self.probe_window = True
            return
        self.congestion.timed_out()
        self._recovery_exit = None
        self._timed_tsn = -1
        for sent in self._sent[self._head :]:
            if sent.state == IN_FLIGHT:
                self._lose(sent)
        self.fast_retransmit = False
        self.one_packet = True
        self._advance()

    # -- partial reliability (RFC 3758) ----------------------------------------------------------

    def _may_abandon(self, message: Message) -> bool:
        return self.partial_reliability and not message.abandoned

    def _abandon(self, message: Message) -> None:
        """Give up a message: all its fragments, sent or not. Spec: RFC 3758 §3.5 (A3).

        A message that was not sent to its end gets one more TSN, under which nothing is ever sent. If all that was
        sent has arrived, the receiver would otherwise wait for the rest for ever: FORWARD TSN can only speak of TSNs.
        """
        message.abandoned = self.abandoned = True
        if message.offset < len(message.data):
            left = len(message.data) - message.offset
            message.offset = len(message.data)
            self.queue.sent(message, left)
            if self.queue.current is message:
                self.queue.current = None
            end = Sent(self.next_tsn, b"", 0, message, self._order)
            end.state = ABANDONED
            self._sent.append(end)
            message.stream.last_tsn = self.next_tsn
            self.next_tsn += 1
        at = self._head + max(message.first_tsn - self.cumulative - 1, 0)
        while at < len(self._sent) and self._sent[at].message is message:
            sent = self._sent[at]
            if sent.state == IN_FLIGHT:
                self.flight -= sent.size
            sent.state = ABANDONED
            at += 1
        self._advance()

    def _advance(self) -> None:
        """Move the Advanced.Peer.Ack.Point over abandoned chunks. Spec: RFC 3758 §3.5 (C1, C2)."""
        point = max(self.advanced, self.cumulative)
        at = self._head + point - self.cumulative
        while at < len(self._sent) and self._sent[at].state == ABANDONED:
            at += 1
            point += 1
        self.advanced = point

    @property
    def must_forward(self) -> bool:
        """Whether the peer waits for TSNs that will not come. Spec: RFC 3758 §3.5 (C3)."""
        return self.advanced > self.cumulative

    def forward_tsn(self, room: int) -> bytes:
        """The FORWARD TSN chunk for what was abandoned, in at most `room` bytes.

        If not all streams fit, the new cumulative TSN stops before the first that does not. Spec: RFC 3758 §3.2.
        """
        skipped: dict[int, int] = {}
        point = self.cumulative
        for sent in self._sent[self._head : self._head + self.advanced - self.cumulative]:
            message = sent.message
            if not message.unordered and message.abandoned:
                stream_id = message.stream.stream_id
                if stream_id not in skipped and 8 + 4 * (len(skipped) + 1) > room:
                    break
                skipped[stream_id] = message.stream_seq  # TSN order is sequence order within a stream
            point = sent.tsn
        return ForwardTsnChunk(
            new_cumulative_tsn=point & M32,
            skipped=[SkippedStream(stream_id=i, stream_seq=seq) for i, seq in skipped.items()],
        ).serialize()

    # -- path MTU shrank -------------------------------------------------------------------------

    @property
    def has_oversize(self) -> bool:
        """Whether a chunk is outstanding that no longer fits a packet."""
        limit = self.congestion.pmdcs + DATA_OVERHEAD
        return any(
            len(sent.chunk) > limit and sent.state in (IN_FLIGHT, LOST) for sent in self._sent[self._head :]
        )

    def renumber(self) -> None:
        """Send messages that have an outstanding oversize chunk again, under new TSNs and in smaller fragments.

        A chunk cannot be cut once it has a TSN (RFC 9260 §6.9), and over DTLS there is no IP fragmentation to
        fall back on. So the old TSNs are given up as in RFC 3758, but without naming streams: the receiver drops the
        fragments and goes on waiting for the same stream sequence numbers.

        Only messages that the receiver cannot have whole may be treated so, else they would come twice. The owner
        sees to that: it calls this when a SACK has just told what is there, and had sent no oversize chunk for a while.
        """
        limit = self.congestion.pmdcs + DATA_OVERHEAD
        again: list[Message] = []
        for sent in self._sent[self._head :]:
            if len(sent.chunk) > limit and sent.state in (IN_FLIGHT, LOST):
                if not again or again[-1] is not sent.message:
                    again.append(sent.message)
        doomed = {id(message) for message in again}
        current = self.queue.current
        if current is not None and id(current) in doomed:
            self.queue.sent(
                current, len(current.data) - current.offset
            )  # `push_front` counts the whole again
            self.queue.current = None
        for sent in self._sent[self._head :]:
            if id(sent.message) in doomed:
                if sent.state == IN_FLIGHT:
                    self.flight -= sent.size
                sent.state = ABANDONED
        self._timed_tsn = -1
        self._recovery_exit = None
        self.queue.push_front(again)
        self._advance()


def _minus(these: list[tuple[int, int]], those: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of `these` intervals that `those` do not cover; both sorted and disjoint, bounds inclusive."""
    at = 0
    for first, final in these:
        while at < len(those) and those[at][1] < first:
            at += 1
        look = at
        while look < len(those) and those[look][0] <= final:
            if those[look][0] > first:
                yield first, those[look][0] - 1
            first = those[look][1] + 1
            look += 1
        if first <= final:
            yield first, final

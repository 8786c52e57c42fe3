"""Messages that wait to be sent, by stream, and the choice of which goes next.

Owns the queues, stream sequence numbers of outgoing streams, and `buffered_amount`. A message leaves whole before
another begins (without I-DATA fragments of two messages cannot be told apart, RFC 9260 §6.9), so the choice is
made per message: weighted fair queueing. Each stream has a virtual finish time that moves on by size / priority;
the least goes next. With equal priorities and sizes that is round robin, and a chat line does not wait for a
file's whole queue.

Specs: RFC 8260 §3 (schedulers), RFC 8831 §6.4 (priorities), RFC 9260 §6.5.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from rtcpy.core.machine import Event, Instant
from rtcpy.sctp.events import BufferLow

NORMAL_PRIORITY = 256  # RFC 8831 §6.4: below normal 128, normal 256, high 512, extra high 1024


class Message:
    """One user message on its way out. `offset` counts the bytes that already have a TSN."""

    __slots__ = (
        "abandoned",
        "data",
        "expires",
        "first_tsn",
        "max_retransmits",
        "offset",
        "ppid",
        "stream",
        "stream_seq",
        "unordered",
    )

    def __init__(
        self,
        stream: OutgoingStream,
        ppid: int,
        data: bytes,
        unordered: bool,
        max_retransmits: int | None,
        expires: Instant | None,
    ) -> None:
        self.stream = stream
        self.ppid = ppid
        self.data = data
        self.unordered = unordered
        self.max_retransmits = max_retransmits
        self.expires = expires
        self.offset = 0
        self.stream_seq = -1  # assigned with the first TSN
        self.first_tsn = 0
        self.abandoned = False


class OutgoingStream:
    """State of one stream that we send on."""

    __slots__ = (
        "active",
        "buffered",
        "finish",
        "last_tsn",
        "low_threshold",
        "next_seq",
        "priority",
        "queue",
        "resetting",
        "stream_id",
    )

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id
        self.queue: deque[Message] = deque()
        self.buffered = 0  # bytes without a TSN
        self.low_threshold = -1  # nobody asked to be told
        self.next_seq = 0
        self.priority = NORMAL_PRIORITY
        self.finish = 0.0  # virtual time at which what was sent so far is paid for
        self.active = False  # stands in the heap
        self.resetting = False  # RFC 6525 §5.1.2: no new sequence numbers until the response
        self.last_tsn = -1  # extended TSN of the last fragment sent on the stream


class SendQueue:
    """All outgoing streams. `events` is drained by the owner."""

    __slots__ = ("_heap", "_order", "buffered", "current", "events", "streams", "virtual_time")

    def __init__(self) -> None:
        self.streams: dict[int, OutgoingStream] = {}
        self._heap: list[tuple[float, int, OutgoingStream]] = []
        self.virtual_time = 0.0
        self._order = 0
        self.current: Message | None = None  # begun, but not yet wholly sent
        self.buffered = 0  # bytes over all streams
        self.events: list[Event] = []

    def stream(self, stream_id: int) -> OutgoingStream:
        """The stream, made on first use."""
        stream = self.streams.get(stream_id)
        if stream is None:
            stream = self.streams[stream_id] = OutgoingStream(stream_id)
        return stream

    def push(self, message: Message) -> None:
        """Queue a message behind those of its stream."""
        stream = message.stream
        size = len(message.data)
        stream.queue.append(message)
        stream.buffered += size
        self.buffered += size
        if not stream.active and not stream.resetting:
            self._activate(stream)

    def push_front(self, messages: list[Message]) -> None:
        """Queue messages again, before all others of their streams, in the order given."""
        for message in reversed(messages):
            stream = message.stream
            message.offset = 0
            stream.queue.appendleft(message)
            stream.buffered += len(message.data)
            self.buffered += len(message.data)
            if not stream.active:
                self._activate(stream)

    def _activate(self, stream: OutgoingStream) -> None:
        """Enter a stream into the contest, not before the present virtual time: silence earns no credit."""
        stream.finish = max(stream.finish, self.virtual_time)
        self._order += 1
        heappush(self._heap, (stream.finish, self._order, stream))
        stream.active = True

    def resume(self, stream: OutgoingStream) -> None:
        """The stream's reset is over: what was queued meanwhile may go."""
        stream.resetting = False
        if stream.queue and not stream.active:
            self._activate(stream)

    def next_message(self, now: Instant) -> Message | None:
        """The message whose next fragment is to be sent, or None. Expired ones are dropped on the way.

        Spec: RFC 3758 §4.1 (timed reliability: before the first TSN is assigned nothing needs to be told).
        """
        current = self.current
        if current is not None:
            return current
        while self._heap:
            finish, _, stream = self._heap[0]
            queue = stream.queue
            while (
                queue
                and (expires := queue[0].expires) is not None
                and now >= expires
                and queue[0].stream_seq < 0
            ):
                self.sent(queue[0], len(queue[0].data))
                queue.popleft()
            heappop(self._heap)
            stream.active = False
            if not queue:
                continue
            self.virtual_time = finish
            message = queue.popleft()
            stream.finish = finish + len(message.data) / stream.priority
            if queue:
                self._activate(stream)
            if message.stream_seq < 0:
                if message.unordered:
                    message.stream_seq = 0
                else:
                    message.stream_seq = stream.next_seq
                    stream.next_seq = (stream.next_seq + 1) & 0xFFFF
            self.current = message
            return message
        return None

    def sent(self, message: Message, size: int) -> None:
        """`size` bytes of the message got a TSN (or were dropped): they are not buffered any more."""
        self.buffered -= size
        stream = message.stream
        before = stream.buffered
        stream.buffered = before - size
        if before > stream.low_threshold >= before - size:
            self.events.append(BufferLow(stream.stream_id))

    def clear(self) -> None:
        """Forget everything that waits, and all numbers."""
        self.streams.clear()
        self._heap.clear()
        self.current = None
        self.buffered = 0

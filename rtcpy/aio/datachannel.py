"""`rtcpy.DataChannel`: W3C's RTCDataChannel, plus what Python programs expect of a stream of messages.

Owns: the events, the buffered amount as an application sees it, waiting (`drain`, `opened`, `closed`) and iteration.
Does not own: reliability, ordering, the open message (`rtcpy.sctp`), the handle's state (`rtcpy.peer.channel`).

Two ways to receive. ``channel.on("message", f)`` as in a browser, or ``async for message in channel``. Messages that
arrive before either exists are kept, up to `BACKLOG_LIMIT`, and delivered to whichever comes first: nothing is lost
between a channel's arrival and the line that starts to read it.

Specs: W3C webrtc §6.2; RFC 8831 (semantics), RFC 8832 (opening).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from rtcpy.aio.emitter import Emitter
from rtcpy.core.errors import InvalidStateError, OperationError, RtcRangeError
from rtcpy.sctp import Channel

if TYPE_CHECKING:
    from rtcpy.aio.peerconnection import PeerConnection

DRAIN_HIGH = 1024 * 1024  # bytes: up to here `drain` does not wait, so that the network never runs dry
DRAIN_LOW = 256 * 1024  # bytes: down to here it waits, so that an application is not woken for every packet
BACKLOG_LIMIT = 16 * 1024 * 1024  # bytes received and not yet read; a reader so far behind loses the channel
BACKLOG_MESSAGE_COST = (
    64  # bytes counted per message beside its payload, so that empty messages are bounded too
)
THRESHOLD_MAX = (1 << 32) - 1  # W3C: unsigned long


class DataChannelState(StrEnum):
    """Where a channel is in its life. Spec: W3C webrtc §6.2 (RTCDataChannelState)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


_OPEN = DataChannelState.OPEN  # a member of an Enum costs some to look up


class DataChannelError(OperationError):
    """What the ``error`` event of a channel carries: W3C's RTCError.

    Args:
        detail: ``"data-channel-failure"`` or ``"sctp-failure"``.
        message: the reason in words.
        sctp_cause_code: the cause in the ABORT that ended the association, if there was one (RFC 9260 §3.3.10).

    Spec: W3C webrtc §11.3 (RTCErrorDetailType).
    """

    def __init__(self, detail: str, message: str, sctp_cause_code: int | None = None) -> None:
        super().__init__(message or detail)
        self.detail = detail
        self.sctp_cause_code = sctp_cause_code


class DataChannel(Emitter):
    """A two-way channel for messages, made by `PeerConnection.create_data_channel` or by a ``datachannel`` event.

    Events: ``open``, ``message`` (the message, `str` or `bytes`), ``bufferedamountlow``, ``error``
    (a `DataChannelError`), ``closing``, ``close``.

    Spec: W3C webrtc §6.2.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"open", "message", "bufferedamountlow", "error", "closing", "close"}
    )

    def __init__(self, connection: PeerConnection, handle: Channel) -> None:
        super().__init__()
        self._connection = connection
        self._handle = handle
        self._state = DataChannelState(handle.state.value)
        self._buffered = 0
        self._threshold = 0
        self._backlog: deque[str | bytes] = deque()
        self._backlog_bytes = 0
        self._reading = False
        self._flushing = False
        self._waiters: list[tuple[str, int, asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        return f"<DataChannel {self.label!r} id={self.id} {self.ready_state}>"

    # ------------------------------------------------------------------ attributes (W3C webrtc §6.2)

    @property
    def label(self) -> str:
        """What the creator called it; any text, not unique."""
        return self._handle.label

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order of sending."""
        return self._handle.ordered

    @property
    def max_packet_life_time(self) -> int | None:
        """**Milliseconds** during which a message is (re)transmitted; `None` is for ever."""
        return self._handle.max_lifetime_ms

    @property
    def max_retransmits(self) -> int | None:
        """How often a message is retransmitted at most; `None` is without limit."""
        return self._handle.max_retransmits

    @property
    def protocol(self) -> str:
        """The application's sub-protocol, ``""`` if none."""
        return self._handle.protocol

    @property
    def negotiated(self) -> bool:
        """Whether the application agreed on the channel by other means than the in-band announcement."""
        return self._handle.negotiated

    @property
    def id(self) -> int | None:
        """The SCTP stream id; `None` until it is known."""
        return self._handle.id

    @property
    def ready_state(self) -> DataChannelState:
        """connecting, open, closing or closed."""
        return self._state

    @property
    def buffered_amount(self) -> int:
        """**Bytes** handed to `send` and not yet on the wire; never falls while a callback or task keeps the loop."""
        return self._buffered

    @property
    def buffered_amount_low_threshold(self) -> int:
        """**Bytes**: when `buffered_amount` falls from above it to it or below, ``bufferedamountlow`` fires."""
        return self._threshold

    @buffered_amount_low_threshold.setter
    def buffered_amount_low_threshold(self, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"buffered_amount_low_threshold must be an integer, not {value!r}")
        if not 0 <= value <= THRESHOLD_MAX:
            raise RtcRangeError(f"buffered_amount_low_threshold is {value}, expected 0…{THRESHOLD_MAX}")
        self._threshold = value

    @property
    def connection(self) -> PeerConnection:
        """The connection that carries it."""
        return self._connection

    # ------------------------------------------------------------------ sending

    def send(self, data: str | bytes | bytearray | memoryview) -> None:
        """Queue one message; text arrives as `str`, everything else as `bytes`.

        Raises:
            InvalidStateError: the channel is not open.
            TypeError: `data` has another type, or is larger than the other side accepts.
            OperationError: the send buffer is full; `await channel.drain()` keeps clear of that.

        Spec: W3C webrtc §6.2 (send).
        """
        if type(data) is bytes:
            size = len(data)
        elif isinstance(data, str):
            size = len(data) if data.isascii() else len(data.encode("utf-8", "surrogatepass"))
        elif isinstance(data, bytes | bytearray):
            size = len(data)
        elif isinstance(data, memoryview):
            size = data.nbytes
        else:
            raise TypeError(f"send takes str, bytes, bytearray or memoryview, not {type(data).__name__}")
        if self._state is not _OPEN:
            raise InvalidStateError(f"the data channel {self.label!r} is {self._state}, not open")
        connection = self._connection
        connection._send(self._handle, data)
        if size:
            if not self._buffered:
                connection._sending.append(self)
            self._buffered += size

    async def drain(self, below: int | None = None) -> None:
        """Wait until more may be sent without piling up memory.

        Args:
            below: **bytes**; return once `buffered_amount` is at most this. Without it the call returns at once up to
                `DRAIN_HIGH` buffered bytes and otherwise waits for `DRAIN_LOW`: call it after every `send`.

        Raises:
            InvalidStateError: the channel closed with bytes unsent.
        """
        if below is None:
            if self._buffered <= DRAIN_HIGH:
                return
            below = DRAIN_LOW
        if self._buffered <= below:
            return
        await self._wait("drain", below)

    # ------------------------------------------------------------------ receiving

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over messages until the channel closes. One reader at a time."""
        self._reading = True
        return self

    async def __anext__(self) -> str | bytes:
        """The next message, or the end."""
        try:
            return await self.receive()
        except InvalidStateError:
            raise StopAsyncIteration from None

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            InvalidStateError: the channel is closed and everything was read.
        """
        self._reading = True
        while not self._backlog:
            await self._wait("message", 0)
        message = self._backlog.popleft()
        self._backlog_bytes -= len(message) + BACKLOG_MESSAGE_COST
        return message

    def _deliver(self, message: str | bytes) -> None:
        """A message came in: to the listeners, and to the reader if there is one (or nobody yet)."""
        listeners = self._events.get("message")
        if listeners and not self._backlog:
            self._tell(listeners, message)
            if not self._reading:
                return
        self._backlog.append(message)
        self._backlog_bytes += len(message) + BACKLOG_MESSAGE_COST
        if self._backlog_bytes > BACKLOG_LIMIT:
            self._backlog.pop()
            self._overflow()
            return
        if self._waiters:
            self._wake("message")

    def _overflow(self) -> None:
        """Losing one message of a reliable stream silently would be worse than losing the channel aloud."""
        error = DataChannelError(
            "data-channel-failure",
            f"more than {BACKLOG_LIMIT} bytes arrived and were not read; channel closed",
        )
        self.emit("error", error)
        self.close()

    def _listener_added(self, event: str) -> None:
        if event == "message" and self._backlog and not self._reading and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush_backlog)

    def _flush_backlog(self) -> None:
        """Give the first listener what came before it, in order."""
        self._flushing = False
        while self._backlog and not self._reading and self._has_listeners("message"):
            message = self._backlog.popleft()
            self._backlog_bytes -= len(message) + BACKLOG_MESSAGE_COST
            self.emit("message", message)

    # ------------------------------------------------------------------ states

    async def opened(self) -> None:
        """Wait until messages can be sent.

        Raises:
            InvalidStateError: the channel closed first.
        """
        if self._state is not DataChannelState.OPEN:
            await self._wait("open", 0)

    async def closed(self) -> None:
        """Wait until the channel is closed, by either side."""
        if self._state is not DataChannelState.CLOSED:
            await self._wait("close", 0)

    def close(self) -> None:
        """Close after everything queued was sent; ``close`` fires when the other side has closed too. Idempotent.

        Spec: W3C webrtc §6.2 (close), RFC 8831 §6.7.
        """
        if self._state in (DataChannelState.CLOSING, DataChannelState.CLOSED):
            return
        self._state = DataChannelState.CLOSING
        self._connection._close_channel(self._handle)

    def _announced(self) -> None:
        """The other side made it: it can be sent on, though ``open`` has not fired. Spec: W3C webrtc §6.2.3."""
        self._state = DataChannelState.OPEN

    def _opened(self) -> None:
        if self._state in (DataChannelState.CLOSING, DataChannelState.CLOSED):
            return
        self._state = DataChannelState.OPEN
        self._wake("open")
        self.emit("open")

    def _closing(self) -> None:
        """The other side closes it. Spec: W3C webrtc §6.2.4 step 4."""
        self._state = DataChannelState.CLOSING
        self.emit("closing")

    def _closed(self) -> None:
        """The channel is closed for good: end every wait."""
        self._state = DataChannelState.CLOSED
        waiters, self._waiters = self._waiters, []
        for what, _level, future in waiters:
            if future.done():
                continue
            if what == "close":
                future.set_result(None)
            else:
                future.set_exception(InvalidStateError(f"the data channel {self.label!r} is closed"))

    def _error_sink(self) -> Emitter:
        """``error`` here is W3C's event; what listeners raise is the connection's to report."""
        return self._connection

    def _update_buffered(self, amount: int) -> None:
        """After a pump: bytes left the queue; fire and wake what waited for it. Spec: W3C webrtc §6.2."""
        before, self._buffered = self._buffered, amount
        if self._waiters:
            for waiter in [w for w in self._waiters if w[0] == "drain" and amount <= w[1]]:
                self._waiters.remove(waiter)
                if not waiter[2].done():
                    waiter[2].set_result(None)
        if (
            before > self._threshold >= amount
            and "bufferedamountlow" in self._events
            and self._state is _OPEN
        ):
            self.emit("bufferedamountlow")

    # ------------------------------------------------------------------ waiting

    async def _wait(self, what: str, level: int) -> None:
        if self._state is DataChannelState.CLOSED:
            raise InvalidStateError(f"the data channel {self.label!r} is closed")
        waiter = (what, level, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[2]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self, what: str) -> None:
        waiting = [waiter for waiter in self._waiters if waiter[0] == what]
        for waiter in waiting:
            self._waiters.remove(waiter)
            if not waiter[2].done():
                waiter[2].set_result(None)

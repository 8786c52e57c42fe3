"""The driver: the only loop between a `Machine` and the world.

Owns: the sockets, the clock, one timer handle, and the *pump* — drain packets to the sockets, drain events to the
listener, look at the next deadline. Does not own any protocol: it drives whatever follows the contract of
`rtcpy.core.machine`, a whole `rtcpy.peer.Peer` or a server of three lines.

Three rules make it fast and keep it simple:

- **One pump per wake-up.** A readiness callback feeds all of its datagrams to the machine, then pumps once. A command
  marks the driver as touched, and everything said in one turn of the loop leaves in one batch. No task, no future, no
  `call_soon` per packet.
- **A lazy timer.** A deadline that moved earlier is armed at once; one that is far off shares its wake-up with those of
  other connections (`rtcpy.aio.wakeups`). One that moved much later is followed a few times,
  then left alone: under load it moves with every acknowledgement, and one wake-up for nothing costs less than cancelling
  a handle for each. An idle connection, whose deadlines move seldom, is not woken for nothing.
- **Time never goes backwards** (law 1). A loop may call back a tick early; then the promised instant counts as
  reached (``now = max(deadline, loop.time())``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rtcpy.aio.sockets import UdpSocket
from rtcpy.aio.wakeups import Wakeup, on_grid, shared_wakeups
from rtcpy.core.machine import Address, Datagram, Instant, Machine

E = TypeVar("E")

PUMP_ROUNDS_MAX = (
    64  # rounds of packets and events per pump, so that a chatty listener cannot starve the loop
)
REARMS_MAX = 8  # later deadlines followed between two wake-ups: about what one wake-up for nothing costs
FOLLOW_GAIN = 0.25  # of the time to a later deadline that following it must save: retransmission timers creep
COALESCE_AFTER = (
    0.9  # s; deadlines no nearer than about a second (consent, heartbeats) share the grid of `wakeups`
)
TIMER_STEP_MIN = 0.001  # s; a machine whose due timer made no progress (law 3) may not spin the loop


class Driver(Generic[E]):
    """Runs one machine on the running asyncio loop.

    Args:
        machine: what to run. If it has `receive_many`, a wake-up with several datagrams goes there in one call.
        on_event: called with each of its events, in order, from the loop and never inside a command.
        after_pump: called when nothing moves any more, for whoever watches levels instead of events; if it sets
            something in motion, it says so by `touch`.
        segmentation: whether the sockets may batch datagrams in the kernel.

    An exception raised by `on_event` goes to the loop's exception handler; the next event is delivered all the same.
    """

    __slots__ = (
        "_after_pump",
        "_again",
        "_armed",
        "_closed",
        "_loop",
        "_machine",
        "_now",
        "_on_event",
        "_pumping",
        "_rearms",
        "_receive_many",
        "_segmentation",
        "_shared",
        "_sockets",
        "_timer",
        "_touched",
        "_wanted",
    )

    def __init__(
        self,
        machine: Machine[Datagram, E],
        on_event: Callable[[E], None],
        *,
        after_pump: Callable[[], None] | None = None,
        segmentation: bool = True,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._machine = machine
        self._receive_many: Callable[..., None] | None = getattr(machine, "receive_many", None)
        self._on_event = on_event
        self._after_pump = after_pump
        self._segmentation = segmentation
        self._sockets: dict[Address, UdpSocket] = {}
        self._shared = shared_wakeups(self._loop)
        self._timer: asyncio.TimerHandle | Wakeup | None = None
        self._wanted: Instant = 0.0  # the deadline that the timer was armed for
        self._armed: Instant = 0.0  # when it goes off, a little later perhaps
        self._rearms = 0
        self._touched: asyncio.Handle | None = None
        self._again = False
        self._pumping = False
        self._closed = False
        self._now: Instant = self._loop.time()

    # ------------------------------------------------------------------ time and sockets

    def now(self) -> Instant:
        """The loop's clock, never earlier than anything the machine has been told. Seconds."""
        if self._pumping:
            return self._now  # one instant for all that one wake-up brings about
        now = self._loop.time()
        self._now = now = now if now > self._now else self._now
        return now

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything here runs on."""
        return self._loop

    def bind(self, host: str, port: int = 0) -> Address:
        """Open a socket on `host` (port 0: any) and return its address, which is the datagrams' `local`.

        Raises:
            OSError: the kernel refuses.
        """
        udp = UdpSocket(self._loop, host, self._on_batch, port=port, segmentation=self._segmentation)
        self._sockets[udp.address] = udp
        return udp.address

    def unbind(self, address: Address) -> None:
        """Close one socket; no effect if it is not ours."""
        udp = self._sockets.pop(address, None)
        if udp is not None:
            udp.close()

    @property
    def sockets(self) -> tuple[UdpSocket, ...]:
        """The open sockets, for their counters."""
        return tuple(self._sockets.values())

    # ------------------------------------------------------------------ inputs

    def _on_batch(self, batch: list[Datagram]) -> None:
        now = self.now()
        if len(batch) > 1 and self._receive_many is not None:
            try:
                self._receive_many(batch, now=now)
            except Exception as exc:  # noqa: BLE001  law 5 says this cannot be; one bug must not deafen the socket
                self._report("a machine raised on received datagrams", exc)
        else:
            for datagram in batch:
                try:
                    self._machine.receive(datagram, now=now)
                except Exception as exc:  # noqa: BLE001  as above
                    self._report("a machine raised on a received datagram", exc)
        self.pump()

    def touch(self) -> None:
        """A command was given: pump once before this turn of the loop ends. Cheap to call many times."""
        if self._pumping:
            self._again = True
        elif self._touched is None and not self._closed:
            self._touched = self._loop.call_soon(self._on_touched)

    def _on_touched(self) -> None:
        self._touched = None
        self.now()
        self.pump()

    def _on_timer(self) -> None:
        self._timer = None
        self._rearms = 0
        now = self._now = max(self._armed, self.now())
        try:
            deadline = self._machine.next_timeout()
            if deadline is not None and deadline <= now:
                self._machine.handle_timeout(now=now)
        except Exception as exc:  # noqa: BLE001  as above: reported, and the connection goes on
            self._report("a machine raised on its timer", exc)
        self.pump(earliest=now + TIMER_STEP_MIN)

    # ------------------------------------------------------------------ the pump

    def pump(self, *, earliest: Instant = 0.0) -> None:
        """Drain packets, drain events, until nothing moves; then arm the timer. Safe to call from a listener."""
        if self._pumping:
            self._again = True  # the outer pump goes round once more
            return
        self._pumping = True
        machine, on_event = self._machine, self._on_event
        try:
            for _ in range(PUMP_ROUNDS_MAX):
                self._again = False
                packets = machine.take_packets()
                if packets:
                    self._transmit(packets)
                for event in machine.take_events():
                    try:
                        on_event(event)
                    except Exception as exc:  # noqa: BLE001  a listener's mistake is its own
                        self._report("an event listener raised", exc)
                # Listeners answer with commands, and commands say so by `touch`: nothing else makes packets here.
                if not self._again and self._after_pump is not None:
                    self._after_pump()
                if not self._again:
                    break
            else:
                self._touched = self._touched or self._loop.call_soon(self._on_touched)
        finally:
            self._pumping = False
        if not self._closed:
            self._arm(earliest)

    def _transmit(self, packets: Sequence[Datagram]) -> None:
        """Hand packets to the sockets they name, keeping runs together."""
        sockets = self._sockets
        first: Address = packets[0].local
        if len(packets) == 1 or len(sockets) == 1 or all(packet.local == first for packet in packets):
            udp = sockets.get(first)
            if udp is not None:
                udp.send(packets)
            return
        start, count = 0, len(packets)
        while start < count:
            local, end = packets[start].local, start + 1
            while end < count and packets[end].local == local:
                end += 1
            udp = sockets.get(local)
            if udp is not None:
                udp.send(packets[start:end])
            start = end

    def _arm(self, earliest: Instant) -> None:
        """Make sure a wake-up is planned no later than the machine's next deadline."""
        deadline = self._machine.next_timeout()
        if deadline is None:
            return  # a handle that is still armed wakes once for nothing
        wanted = deadline if deadline > earliest else earliest
        if self._timer is not None and self._wanted <= wanted <= self._armed:
            return  # what was near enough when it was planned still is
        shared = wanted - self._now >= COALESCE_AFTER
        at = on_grid(wanted) if shared else wanted
        if self._timer is not None:
            if at >= self._armed:
                if self._rearms >= REARMS_MAX or at - self._armed <= FOLLOW_GAIN * (at - self._now):
                    return  # we wake too early at worst, find nothing due, and arm again
                self._rearms += 1
            self._timer.cancel()
        self._wanted, self._armed = wanted, at
        self._timer = (self._shared if shared else self._loop).call_at(at, self._on_timer)

    def _report(self, message: str, exc: Exception) -> None:
        self._loop.call_exception_handler({"message": f"rtcpy: {message}", "exception": exc})

    # ------------------------------------------------------------------ ending

    def close(self) -> None:
        """Close the machine, send its farewell, close the sockets. Idempotent; events still reach the listener."""
        if self._closed:
            return
        self._closed = True
        self._machine.close(now=self.now())
        self.pump()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._touched is not None:
            self._touched.cancel()
            self._touched = None
        for udp in self._sockets.values():
            udp.close()
        self._sockets.clear()

"""Non-blocking UDP sockets that move datagrams in batches.

Owns: the file descriptor, its buffers and options, reading until the kernel has nothing more, writing runs of
equal-sized datagrams in one system call, and the queue for when the kernel says "not now". Does not own: what a
datagram means (`rtcpy.peer`), when to send (`rtcpy.aio.driver`), which interface to bind (`rtcpy.aio.interfaces`).

Why not asyncio's datagram transport: it reads one datagram per turn of the loop into a fresh 256 KiB buffer, which
costs about 45 µs per datagram against 9 µs for a drain loop into one preallocated buffer. On Linux two socket
options go further: `UDP_SEGMENT` lets one `sendmsg` carry up to 64 equal datagrams, `UDP_GRO` lets one `recvmsg`
bring as many. Where a kernel or device refuses, plain datagrams flow.

Specs: RFC 768, RFC 8899 §3 (probes need the don't-fragment bit), RFC 8085 §3.1.2 (a sender must cope with a
refusing kernel by slowing down, which the queue makes visible), udp(7), ip(7), ipv6(7).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from rtcpy.core.machine import Address, Datagram

MAX_DATAGRAM = 65_536  # bytes; a UDP payload is at most 65,507 (IPv4), and one GRO read never exceeds 65,535
MAX_READS_PER_WAKE = 32  # system calls per readiness callback, so that one busy socket cannot starve the loop
LONE_READS = 16  # wake-ups with one datagram before a second one is looked for, at the price of a system call
# Datagrams in one wake-up that make UDP_GRO worth having. Most connections never see so many, and where no other
# socket of the machine has it the kernel patches its own code to turn it on, and again to turn it off: 40 µs each.
GRO_AFTER = 4
BUFFER_WANTED = 4 * 1024 * 1024  # bytes asked of SO_RCVBUF and SO_SNDBUF; the kernel grants what it allows
SEND_QUEUE_LIMIT = (
    1024 * 1024
)  # bytes held while the kernel says EAGAIN; beyond it datagrams are lost, as on a wire
SEGMENTS_MAX = 64  # datagrams per UDP_SEGMENT call: UDP_MAX_SEGMENTS of older kernels
SEGMENTS_BYTES_MAX = 65_487  # bytes per UDP_SEGMENT call: 65,535 less an IPv6 and a UDP header
REFUSALS_MAX = 4  # segmented sends refused in a row before we stop trying on this socket
KNOWN_REMOTES_MAX = (
    256  # addresses whose conversion is remembered; more means a flood, and the table starts anew
)

_SOL_UDP = 17  # linux/udp.h; the socket module has no names for these
_UDP_SEGMENT = 103
_UDP_GRO = 104
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_PROBE = 3  # set don't-fragment, and ignore what the kernel believes the path MTU to be

_SEGMENT_SIZE = struct.Struct("=H")
_GRO_SIZE = struct.Struct("=i")
_CMSG_ROOM = socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 0
_HAS_RECVMSG = hasattr(socket.socket, "recvmsg_into")

# A device or kernel that cannot segment says one of these; the datagrams are then sent one by one.
_SEGMENT_REFUSED = {errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP}

# The content of a read buffer means nothing between two reads, so all sockets of one loop share one.
_READ_BUFFERS: WeakKeyDictionary[asyncio.AbstractEventLoop, bytearray] = WeakKeyDictionary()


def _read_buffer(loop: asyncio.AbstractEventLoop) -> bytearray:
    buffer = _READ_BUFFERS.get(loop)
    if buffer is None:
        buffer = _READ_BUFFERS[loop] = bytearray(MAX_DATAGRAM)
    return buffer


@dataclass(slots=True)
class SocketCounters:
    """What one socket did: figures for stats, tests and the curious."""

    datagrams_received: int = 0
    bytes_received: int = 0
    reads: int = 0
    """System calls that returned data; with GRO fewer than datagrams."""
    datagrams_sent: int = 0
    bytes_sent: int = 0
    writes: int = 0
    """System calls that sent; with segmentation fewer than datagrams."""
    queued: int = 0
    """Datagrams that had to wait because the kernel's buffer was full."""
    dropped: int = 0
    """Datagrams that were never handed to the kernel: the queue was full, or the kernel refused them."""
    errors: int = 0
    """Errors reported by the kernel, among them ICMP unreachables about earlier datagrams."""


class UdpSocket:
    """One bound UDP socket on an asyncio loop; hands every readiness over as one list of datagrams.

    Args:
        loop: the running loop.
        host: the address to bind, an IP literal (IPv6 link-local with ``%scope``).
        on_batch: called with the datagrams of one wake-up, never with an empty list.
        port: the port to bind; 0 lets the kernel choose.
        segmentation: whether to try UDP_SEGMENT, and UDP_GRO once datagrams come in numbers.

    Raises:
        OSError: the address cannot be bound.
    """

    __slots__ = (
        "_buffers",
        "_closed",
        "_fd",
        "_gro",
        "_gso",
        "_lone",
        "_loop",
        "_may_gro",
        "_on_batch",
        "_queue",
        "_queued_bytes",
        "_refusals",
        "_remotes",
        "_sock",
        "_sockaddrs",
        "_view",
        "address",
        "counters",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        on_batch: Callable[[list[Datagram]], None],
        *,
        port: int = 0,
        segmentation: bool = True,
    ) -> None:
        self._loop = loop
        self._on_batch = on_batch
        self._closed = False
        self._queue: deque[Datagram] = deque()
        self._queued_bytes = 0
        self._refusals = 0
        self._lone = LONE_READS  # wake-ups in which the first datagram is likely to be the only one
        self._remotes: dict[tuple[str | int, ...], Address] = {}
        self._sockaddrs: dict[Address, tuple[str | int, ...]] = {}
        self.counters = SocketCounters()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            _configure(sock, family)
            sock.bind(_sockaddr(Address(host, port)))
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        self._gso = segmentation and sys.platform == "linux"
        self._gro = False
        self._may_gro = self._gso and _HAS_RECVMSG
        self._fd = sock.fileno()
        self.address = Address(host, sock.getsockname()[1])
        self._view = memoryview(_read_buffer(loop))
        self._buffers = (self._view,)
        loop.add_reader(self._fd, self._on_readable)

    # ------------------------------------------------------------------ receiving

    def _on_readable(self) -> None:
        """Drain the socket until it would block, but at most `MAX_READS_PER_WAKE` reads, then deliver once."""
        batch: list[Datagram] = []
        counters, view, buffers, sock = self.counters, self._view, self._buffers, self._sock
        local, remotes, gro, lone = self.address, self._remotes, self._gro, self._lone
        segment = 0
        for _ in range(MAX_READS_PER_WAKE):
            try:
                if gro:
                    length, ancillary, _flags, raw = sock.recvmsg_into(buffers, _CMSG_ROOM)
                    segment = _gro_segment(ancillary) if ancillary else 0
                else:
                    length, raw = sock.recvfrom_into(view)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # ECONNREFUSED and its kin report the fate of a datagram sent earlier; the socket lives on.
                counters.errors += 1
                continue
            remote = remotes.get(raw) or self._remember_remote(raw)
            counters.reads += 1
            counters.bytes_received += length
            if segment and segment < length:
                for start in range(0, length, segment):
                    data = view[start : min(start + segment, length)].tobytes()
                    batch.append(Datagram(data, local, remote))
            else:
                batch.append(Datagram(bytes(view[:length]), local, remote))
                if lone and len(batch) == 1:
                    break  # most likely there is no second one; if there is, the loop calls again at once
        count = len(batch)
        if count > 1:
            self._lone = 0
            if self._may_gro and count >= GRO_AFTER:
                self._may_gro = False
                self._gro = _enable_gro(sock)
        else:
            self._lone = lone - 1 if lone else LONE_READS
        if count:
            counters.datagrams_received += count
            self._on_batch(batch)

    def _remember_remote(self, raw: tuple[str | int, ...]) -> Address:
        """Turn what the kernel gives as source into an `Address`, once per sender."""
        if len(self._remotes) >= KNOWN_REMOTES_MAX:
            self._remotes.clear()
        host, port = str(raw[0]), int(raw[1])
        if len(raw) == 4 and raw[3] and "%" not in host:
            host = f"{host}%{_interface_name(int(raw[3]))}"
        remote = self._remotes[raw] = Address(host, port)
        return remote

    # ------------------------------------------------------------------ sending

    def send(self, batch: Sequence[Datagram]) -> None:
        """Send `batch` in order; what the kernel will not take now waits in a bounded queue.

        Runs of datagrams to one address with one size (the last may be shorter) leave in a single system call.
        Nothing is raised: UDP promises nothing, and whoever needs certainty retransmits.
        """
        if self._closed:
            return
        if self._queue:
            self._enqueue(batch, 0)
            return
        index, count = 0, len(batch)
        if count == 1:
            try:
                self._send_one(batch[0])
            except (BlockingIOError, InterruptedError):
                self._enqueue(batch, 0)
            return
        while index < count:
            run = self._run_length(batch, index) if self._gso and count - index > 1 else 1
            try:
                if run == 1:
                    self._send_one(batch[index])
                else:
                    self._send_run(batch[index : index + run])
            except (BlockingIOError, InterruptedError):
                self._enqueue(batch, index)
                return
            index += run

    def _run_length(self, batch: Sequence[Datagram], start: int) -> int:
        """How many datagrams from `start` on may leave in one UDP_SEGMENT call."""
        first = batch[start]
        remote, size = first.remote, len(first.data)
        total, index = size, start + 1
        end = min(len(batch), start + SEGMENTS_MAX)
        while index < end:
            datagram = batch[index]
            length = len(datagram.data)
            total += length
            if length > size or not length or total > SEGMENTS_BYTES_MAX or datagram.remote != remote:
                break
            index += 1
            if length < size:  # only the last one may be shorter
                break
        return index - start

    def _send_one(self, datagram: Datagram) -> None:
        """One plain datagram; raises only BlockingIOError."""
        data, remote, counters = datagram.data, datagram.remote, self.counters
        try:
            self._sock.sendto(data, self._sockaddrs.get(remote) or self._remember_sockaddr(remote))
        except (BlockingIOError, InterruptedError):
            raise
        except OSError:
            # ENETUNREACH, EHOSTUNREACH, EPERM, EMSGSIZE (a path MTU probe), ENOBUFS: as good as lost on the way.
            counters.errors += 1
            counters.dropped += 1
            return
        counters.writes += 1
        counters.datagrams_sent += 1
        counters.bytes_sent += len(data)

    def _send_run(self, run: Sequence[Datagram]) -> None:
        """Equal-sized datagrams in one call, or one by one where the kernel refuses; raises only BlockingIOError.

        When it raises after a refusal, some of the run may have left already; they are then sent twice, which
        every protocol above takes for a duplicate.
        """
        first = run[0]
        size = _SEGMENT_SIZE.pack(len(first.data))
        remote = self._sockaddrs.get(first.remote) or self._remember_sockaddr(first.remote)
        try:
            sent = self._sock.sendmsg([d.data for d in run], ((_SOL_UDP, _UDP_SEGMENT, size),), 0, remote)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as exc:
            if exc.errno not in _SEGMENT_REFUSED:
                self.counters.errors += 1
                self.counters.dropped += len(run)
                return
            self._refusals += 1
            self._gso = self._refusals < REFUSALS_MAX
            for datagram in run:
                self._send_one(datagram)
            return
        self._refusals = 0
        counters = self.counters
        counters.writes += 1
        counters.datagrams_sent += len(run)
        counters.bytes_sent += sent

    def _enqueue(self, batch: Sequence[Datagram], start: int) -> None:
        """Hold what the kernel would not take, up to `SEND_QUEUE_LIMIT` bytes; the newest are lost beyond it."""
        counters = self.counters
        if not self._queue:
            self._loop.add_writer(self._fd, self._on_writable)
        for index in range(start, len(batch)):
            datagram = batch[index]
            if self._queued_bytes + len(datagram.data) > SEND_QUEUE_LIMIT:
                counters.dropped += len(batch) - index
                break
            self._queue.append(datagram)
            self._queued_bytes += len(datagram.data)
            counters.queued += 1

    def _on_writable(self) -> None:
        queue = self._queue
        try:
            while queue:
                self._send_one(queue[0])
                self._queued_bytes -= len(queue.popleft().data)
        except (BlockingIOError, InterruptedError):
            return
        self._loop.remove_writer(self._fd)

    def _remember_sockaddr(self, remote: Address) -> tuple[str | int, ...]:
        if len(self._sockaddrs) >= KNOWN_REMOTES_MAX:
            self._sockaddrs.clear()
        sockaddr = self._sockaddrs[remote] = _sockaddr(remote)
        return sockaddr

    # ------------------------------------------------------------------ ending

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the kernel."""
        return self._queued_bytes

    @property
    def segmentation(self) -> bool:
        """Whether runs are still sent in one call (UDP_SEGMENT has not been refused)."""
        return self._gso

    @property
    def coalescing(self) -> bool:
        """Whether the kernel hands over merged runs (UDP_GRO is on)."""
        return self._gro

    def close(self) -> None:
        """Send what is queued if the kernel takes it now, then close. Idempotent."""
        if self._closed:
            return
        if self._queue:
            self._on_writable()
            self._loop.remove_writer(self._fd)
            self.counters.dropped += len(self._queue)
            self._queue.clear()
            self._queued_bytes = 0
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._sock.close()


def _configure(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Large buffers and the don't-fragment bit; each is a wish, refused without harm."""
    wishes: list[tuple[int, int, int]] = [
        (socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_WANTED),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_WANTED),
    ]
    if family == socket.AF_INET6:
        wishes.append((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1))
    if sys.platform == "linux":
        # RFC 8899 §3: probes must not be fragmented, or they prove nothing about the path.
        if family == socket.AF_INET6:
            wishes.append((socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE))
        else:
            wishes.append((socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE))
    for level, option, value in wishes:
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            continue


def _enable_gro(sock: socket.socket) -> bool:
    try:
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True


def _gro_segment(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The size of the datagrams that the kernel merged, in **bytes**; 0 if it merged none."""
    for level, kind, data in ancillary:
        if level == _SOL_UDP and kind == _UDP_GRO and len(data) >= _GRO_SIZE.size:
            return int(_GRO_SIZE.unpack_from(data)[0])
    return 0


def _sockaddr(address: Address) -> tuple[str | int, ...]:
    """The tuple that the socket module wants: IPv6 link-local needs its scope as a number (RFC 4007 §11)."""
    host, _, scope = address.host.partition("%")
    if not scope:
        return (address.host, address.port)
    return (
        host,
        address.port,
        0,
        int(scope) if scope.isascii() and scope.isdigit() else socket.if_nametoindex(scope),
    )


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)

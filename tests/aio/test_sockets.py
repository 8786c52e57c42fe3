from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rtcpy.aio import sockets
from rtcpy.aio.sockets import SEND_QUEUE_LIMIT, UdpSocket
from rtcpy.core.machine import Address, Datagram

pytestmark = pytest.mark.sockets
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT and UDP_GRO are Linux's")

HOSTS = ["127.0.0.1", "::1"]


class Inbox:
    """Collects batches; `await inbox.count(n)` waits for n datagrams in all."""

    def __init__(self) -> None:
        self.batches: list[list[Datagram]] = []
        self._arrived = asyncio.Event()

    def __call__(self, batch: list[Datagram]) -> None:
        self.batches.append(batch)
        self._arrived.set()

    @property
    def all(self) -> list[Datagram]:
        return [datagram for batch in self.batches for datagram in batch]

    async def count(self, n: int) -> list[Datagram]:
        async with asyncio.timeout(20):
            while len(self.all) < n:
                self._arrived.clear()
                await self._arrived.wait()
        return self.all


def pair(
    host: str = "127.0.0.1", *, segmentation: bool = True
) -> tuple[UdpSocket, UdpSocket, Inbox, Callable[..., Datagram]]:
    loop = asyncio.get_running_loop()
    inbox = Inbox()
    a = UdpSocket(loop, host, Inbox(), segmentation=segmentation)
    b = UdpSocket(loop, host, inbox, segmentation=segmentation)
    return a, b, inbox, lambda data: Datagram(data, a.address, b.address)


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("segmentation", [True, False])
def test_datagrams_arrive_whole_in_order_with_both_addresses(host: str, segmentation: bool) -> None:
    async def test() -> None:
        a, b, inbox, to = pair(host, segmentation=segmentation)
        sent = [
            bytes([i]) * size for i, size in enumerate([1200, 1200, 1200, 700, 1, 1200, 1201, 1200, 1200, 9])
        ]
        a.send([to(data) for data in sent])
        got = await inbox.count(len(sent))
        assert [d.data for d in got] == sent
        assert {d.remote for d in got} == {a.address}
        assert {d.local for d in got} == {b.address}
        assert all(type(d.data) is bytes for d in got)
        assert a.counters.datagrams_sent == b.counters.datagrams_received == len(sent)
        assert a.counters.bytes_sent == b.counters.bytes_received == sum(map(len, sent))
        a.close()
        b.close()

    run(test)


@linux_only
def test_a_run_of_equal_datagrams_is_one_write_and_one_read() -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        sent = [i.to_bytes(2, "big") * 600 for i in range(40)] + [b"tail"]
        a.send([to(data) for data in sent])
        got = await inbox.count(len(sent))
        assert [d.data for d in got] == sent
        assert a.segmentation
        assert a.counters.writes == 1
        assert b.coalescing  # from now on: it has seen what comes
        reads = b.counters.reads
        a.send([to(data) for data in sent])
        got = await inbox.count(2 * len(sent))
        assert [d.data for d in got] == 2 * sent
        assert b.counters.reads - reads < len(sent)
        a.close()
        b.close()

    run(test)


@linux_only
def test_a_socket_that_sees_lone_datagrams_does_not_ask_for_merged_ones() -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        for i in range(20):
            a.send([to(bytes([i]) * 600)])
            await inbox.count(i + 1)
        assert not b.coalescing
        a.close()
        b.close()

    run(test)


@linux_only
def test_runs_respect_the_limits_of_the_kernel() -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        many = [to(i.to_bytes(2, "big")) for i in range(200)]  # more than 64 segments
        large = [to(bytes([i]) * 16_500) for i in range(8)]  # more than 64 KiB
        a.send(many)
        a.send(large)
        got = await inbox.count(208)
        assert [d.data for d in got] == [d.data for d in many + large]
        assert a.counters.writes == 4 + 3  # 64+64+64+8 and 3+3+2
        a.close()
        b.close()

    run(test)


def test_an_empty_datagram_and_the_largest_one_pass() -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        sent = [b"", b"x" * 65_507, b"", b"y"]
        a.send([to(data) for data in sent])
        assert [d.data for d in await inbox.count(4)] == sent
        a.close()
        b.close()

    run(test)


class Refusing:
    """A socket whose `sendmsg` or `sendto` fails a given number of times; everything else is the real one."""

    def __init__(
        self, real: socket.socket, *, sendmsg: list[int] | None = None, sendto: list[int] | None = None
    ) -> None:
        self._real, self._sendmsg, self._sendto = real, sendmsg or [], sendto or []
        self.segmented_attempts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendmsg(self, *args: Any) -> int:
        self.segmented_attempts += 1
        if self._sendmsg:
            code = self._sendmsg.pop(0)
            raise (BlockingIOError if code == errno.EAGAIN else OSError)(code, "planted")
        return self._real.sendmsg(*args)

    def sendto(self, *args: Any) -> int:
        if self._sendto:
            code = self._sendto.pop(0)
            raise (BlockingIOError if code == errno.EAGAIN else OSError)(code, "planted")
        return self._real.sendto(*args)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP])
def test_a_kernel_that_refuses_segmentation_gets_plain_datagrams(code: int) -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        fake = Refusing(a._sock, sendmsg=[code] * 100)
        a._sock = fake  # type: ignore[assignment]
        a._gso = True
        sent = [i.to_bytes(2, "big") * 100 for i in range(10)]
        for _ in range(6):
            a.send([to(data) for data in sent])
        assert [d.data for d in await inbox.count(60)] == sent * 6
        assert fake.segmented_attempts == sockets.REFUSALS_MAX  # then it stopped asking
        assert not a.segmentation
        a.close()
        b.close()

    run(test)


def test_one_refusal_does_not_end_segmentation() -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        a._sock = Refusing(a._sock, sendmsg=[errno.EINVAL])  # type: ignore[assignment]
        a._gso = True
        for _ in range(2):
            a.send([to(b"x" * 50)] * 5)
        await inbox.count(10)
        assert a.segmentation
        a.close()
        b.close()

    if sys.platform == "linux":
        run(test)
    else:
        pytest.skip("UDP_SEGMENT is Linux's")


@pytest.mark.parametrize(
    "code", [errno.ENETUNREACH, errno.ECONNREFUSED, errno.EPERM, errno.EMSGSIZE, errno.ENOBUFS]
)
def test_errors_cost_one_datagram_and_are_counted(code: int) -> None:
    async def test() -> None:
        a, b, inbox, to = pair()
        a._sock = Refusing(a._sock, sendto=[code])  # type: ignore[assignment]
        a.send([to(b"lost")])
        a.send([to(b"found")])
        assert [d.data for d in await inbox.count(1)] == [b"found"]
        assert (a.counters.errors, a.counters.dropped, a.counters.datagrams_sent) == (1, 1, 1)
        a.close()
        b.close()

    run(test)


def test_when_the_kernel_is_full_datagrams_wait_and_keep_their_order() -> None:
    async def test() -> None:
        a, b, inbox, to = pair(segmentation=False)
        a._sock = Refusing(a._sock, sendto=[errno.EAGAIN])  # type: ignore[assignment]
        a.send([to(b"1"), to(b"2")])
        a.send([to(b"3")])  # must not overtake
        assert a.queued_bytes == 3
        assert inbox.all == []
        assert [d.data for d in await inbox.count(3)] == [b"1", b"2", b"3"]
        assert a.queued_bytes == 0
        assert a.counters.queued == 3
        a.send([to(b"4")])
        await inbox.count(4)
        a.close()
        b.close()

    run(test)


def test_the_queue_is_bounded() -> None:
    async def test() -> None:
        a, b, _inbox, to = pair(segmentation=False)
        a._sock = Refusing(a._sock, sendto=[errno.EAGAIN])  # type: ignore[assignment]
        size = 60_000
        fits = SEND_QUEUE_LIMIT // size
        a.send([to(b"x" * size)] * (fits + 5))
        assert a.queued_bytes == fits * size <= SEND_QUEUE_LIMIT
        assert a.counters.dropped == 5
        a.close()
        assert a.queued_bytes == 0
        b.close()

    run(test)


def test_closing_flushes_what_the_kernel_takes_and_is_final() -> None:
    async def test() -> None:
        a, b, inbox, to = pair(segmentation=False)
        a._sock = Refusing(a._sock, sendto=[errno.EAGAIN])  # type: ignore[assignment]
        a.send([to(b"last words")])
        a.close()
        a.close()
        a.send([to(b"ghost")])
        assert [d.data for d in await inbox.count(1)] == [b"last words"]
        b.close()

    run(test)


def test_an_icmp_error_on_reading_is_counted_and_the_socket_lives_on() -> None:
    class Once:
        def __init__(self, real: socket.socket) -> None:
            self._real, self.raised = real, False

        def __getattr__(self, name: str) -> Any:
            method = getattr(self._real, name)
            if name not in ("recvmsg_into", "recvfrom_into"):
                return method

            def read(*args: Any) -> Any:
                if not self.raised:
                    self.raised = True
                    raise ConnectionRefusedError(errno.ECONNREFUSED, "planted")
                return method(*args)

            return read

    async def test() -> None:
        a, b, inbox, to = pair()
        b._sock = Once(b._sock)  # type: ignore[assignment]
        a.send([to(b"after the error")])
        assert [d.data for d in await inbox.count(1)] == [b"after the error"]
        assert b.counters.errors == 1
        a.close()
        b.close()

    run(test)


def test_one_busy_socket_does_not_starve_the_loop() -> None:
    """More datagrams than one wake-up may read are handed over in several batches, other callbacks between them."""

    async def test() -> None:
        a, b, inbox, to = pair(segmentation=False)
        sent = [i.to_bytes(2, "big") for i in range(sockets.MAX_READS_PER_WAKE * 3)]
        a.send([to(data) for data in sent])
        assert [d.data for d in await inbox.count(len(sent))] == sent
        assert max(map(len, inbox.batches)) <= sockets.MAX_READS_PER_WAKE
        assert len(inbox.batches) >= 3
        a.close()
        b.close()

    run(test)


def test_read_buffers_are_shared_by_the_sockets_of_a_loop() -> None:
    async def test() -> None:
        a, b, _inbox, _to = pair()
        assert a._view.obj is b._view.obj
        a.close()
        b.close()

    run(test)


def test_a_host_that_cannot_be_bound_raises_and_leaks_nothing() -> None:
    async def test() -> None:
        with pytest.raises(OSError):
            UdpSocket(asyncio.get_running_loop(), "192.0.2.55", Inbox())  # RFC 5737: nobody's address

    run(test)


def test_link_local_scopes_survive_the_way_through_the_kernel() -> None:
    assert sockets._sockaddr(Address("fe80::1%7", 9)) == ("fe80::1", 9, 0, 7)
    assert sockets._sockaddr(Address("::1", 9)) == ("::1", 9)
    name = socket.if_indextoname(1)
    assert sockets._sockaddr(Address(f"fe80::1%{name}", 9)) == ("fe80::1", 9, 0, 1)
    assert sockets._interface_name(1) == name
    assert sockets._interface_name(2_000_000_000) == "2000000000"


def test_remembered_addresses_are_bounded() -> None:
    async def test() -> None:
        a, b, _inbox, to = pair()
        for port in range(1, 1000):
            b._remember_remote(("198.51.100.1", port))
            b._remember_sockaddr(Address("198.51.100.1", port))
        assert len(b._remotes) <= sockets.KNOWN_REMOTES_MAX
        assert len(b._sockaddrs) <= sockets.KNOWN_REMOTES_MAX
        assert to(b"").remote == b.address
        a.close()
        b.close()

    run(test)

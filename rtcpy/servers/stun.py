"""The STUN server on real UDP ports: sockets and asyncio around `rtcpy.stun.StunServer`.

    service = await StunService.start([Address("127.0.0.1", 3478), Address("::1", 3478)])
    print(service.addresses)
    ...
    service.close()

Owned here: opening, reading, writing and closing sockets. What to answer is decided in `rtcpy.stun.server`.

One read callback per socket drains it until it would block (bounded, so that a flood on one port cannot starve the
rest of the loop); there is no task per datagram. An answer must leave from the address that was asked (RFC 8489
§6.3.1.2); on a wildcard address the kernel is asked which one that was (IP_PKTINFO) and told to use it.

Specs: RFC 8489 §6.3.1.2, §12, §18.6; RFC 3542 §4 and Linux ip(7) for the packet info.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from rtcpy.core.machine import Address, Datagram, Event
from rtcpy.stun import StunServer

DEFAULT_PORT = 3478  # RFC 8489 §18.6
MAX_BATCH = 64  # datagrams read per wake-up of the loop; more wait in the kernel
_BUFFER_BYTES = 2048  # one Ethernet frame and some; StunServer refuses more anyway
_ANCILLARY_BYTES = 64  # room for one packet-info message

_LINUX = sys.platform == "linux"
_IP_PKTINFO = 8  # <linux/in.h>; Python has no name for it before 3.14
_IN_PKTINFO = struct.Struct("=i4s4s")  # interface index, local address to use, destination address; ip(7)
_IN6_PKTINFO = struct.Struct("=16si")  # local address, interface index; RFC 3542 §4

SockAddr = tuple[str, int] | tuple[str, int, int, int]


def _address(sockaddr: SockAddr) -> Address:
    """A socket's address tuple as ours: the scope of a link-local address goes behind a ``%``."""
    host, port = sockaddr[:2]
    scope = sockaddr[3] if len(sockaddr) == 4 else 0
    return Address(f"{host}%{scope}" if scope and "%" not in host else host, port)


class _Port:
    """One bound UDP socket."""

    __slots__ = ("_family", "_loop", "_machine", "_observer", "_socket", "_wildcard", "address")

    def __init__(
        self,
        address: Address,
        machine: StunServer,
        loop: asyncio.AbstractEventLoop,
        observer: Callable[[Event], None] | None,
    ) -> None:
        ip = ip_address(address.host)
        self._family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
        self._machine, self._loop, self._observer = machine, loop, observer
        self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if self._family == socket.AF_INET6:
                # Answers to IPv4 clients must not come from a v4-mapped IPv6 socket; they get one of their own.
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._wildcard = _LINUX and ip.is_unspecified
            if self._wildcard and self._family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            elif self._wildcard:
                self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            self._socket.bind((address.host, address.port))
            self.address = _address(self._socket.getsockname())
            loop.add_reader(self._socket.fileno(), self._on_readable)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _on_readable(self) -> None:
        for _ in range(MAX_BATCH):
            try:
                data, ancillary, flags, peer = self._socket.recvmsg(_BUFFER_BYTES, _ANCILLARY_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error of an earlier answer; nothing to do with the next datagram
                continue
            if flags & socket.MSG_TRUNC:
                continue  # larger than any STUN request
            local = self._asked(ancillary)
            self._machine.receive(Datagram(data, local, _address(peer)), now=self._loop.time())
            for answer in self._machine.take_packets():
                self._answer(answer, peer)
            for event in self._machine.take_events():
                if self._observer is not None:
                    self._observer(event)

    def _asked(self, ancillary: Sequence[tuple[int, int, bytes]]) -> Address:
        """The address that a datagram was sent to."""
        for level, kind, info in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(info) >= _IN_PKTINFO.size:
                return Address(
                    socket.inet_ntop(socket.AF_INET, _IN_PKTINFO.unpack_from(info)[2]), self.address.port
                )
            if (
                level == socket.IPPROTO_IPV6
                and kind == socket.IPV6_PKTINFO
                and len(info) >= _IN6_PKTINFO.size
            ):
                return Address(socket.inet_ntop(socket.AF_INET6, info[:16]), self.address.port)
        return self.address

    def _answer(self, answer: Datagram, peer: SockAddr) -> None:
        """Send; what the kernel refuses is lost like any datagram, and the client asks again."""
        ancillary: list[tuple[int, int, bytes]] = []
        if self._wildcard:
            source = ip_address(answer.local.host.partition("%")[0])
            if not source.is_unspecified and source.version == 4:
                info = _IN_PKTINFO.pack(0, source.packed, bytes(4))
                ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, info)]
            elif not source.is_unspecified:
                scope = peer[3] if len(peer) == 4 else 0
                info = _IN6_PKTINFO.pack(source.packed, scope)
                ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]
        try:
            self._socket.sendmsg([answer.data], ancillary, 0, peer)
        except OSError:
            return


class StunService:
    """A running STUN server on one or more UDP addresses. Make it with `start`."""

    __slots__ = ("_loop", "_machine", "_ports")

    def __init__(self, machine: StunServer, loop: asyncio.AbstractEventLoop) -> None:
        self._machine, self._loop = machine, loop
        self._ports: list[_Port] = []

    @classmethod
    async def start(
        cls,
        addresses: Sequence[Address],
        *,
        machine: StunServer | None = None,
        observer: Callable[[Event], None] | None = None,
    ) -> StunService:
        """Bind all `addresses` and answer from then on.

        Args:
            addresses: IP literals and ports; port 0 lets the system choose (see `addresses` afterwards).
            machine: the server to run; default: one that answers everybody.
            observer: called with each `Answered` event, in the loop's thread.

        Raises:
            OSError: an address cannot be bound; none is left open then. `filename` is the address as text.
            ValueError: a host is no IP literal.
        """
        service = cls(machine if machine is not None else StunServer(), asyncio.get_running_loop())
        for address in addresses:
            try:
                service._ports.append(_Port(address, service._machine, service._loop, observer))
            except OSError as error:
                service.close()
                error.filename = str(address)
                raise
            except BaseException:
                service.close()
                raise
        return service

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, ports filled in."""
        return [port.address for port in self._ports]

    @property
    def answered(self) -> int:
        """Requests answered so far."""
        return self._machine.answered

    @property
    def dropped(self) -> Counter[str]:
        """Datagrams not answered so far, by reason."""
        return Counter({why.value: count for why, count in self._machine.dropped.items()})

    def close(self) -> None:
        """Close all sockets. Idempotent."""
        for port in self._ports:
            port.close()
        self._ports.clear()
        self._machine.close(now=self._loop.time())

"""The STUN server on real loopback sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address, Event
from rtcpy.servers import StunService
from rtcpy.stun import (
    XOR_MAPPED_ADDRESS,
    Answered,
    Authenticator,
    LongTermClient,
    Message,
    MessageClass,
    Method,
    StunServer,
    Verdict,
    new_transaction_id,
    parse_message,
)

pytestmark = pytest.mark.sockets

ENTROPY = SeededEntropy("sockets")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback on this machine")


class Client:
    """A plain UDP socket in the running loop."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.address = Address(*self.socket.getsockname()[:2])

    async def ask(self, data: bytes, to: Address) -> tuple[Message, Address]:
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(self.socket, data, to)
        answer, source = await asyncio.wait_for(loop.sock_recvfrom(self.socket, 2048), 10)
        return parse_message(answer), Address(*source[:2])

    def close(self) -> None:
        self.socket.close()


def binding() -> Message:
    return Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(ENTROPY))


async def mapped(listen: str, ask: str) -> None:
    """A server on `listen`, asked at `ask` by a client there: it says where we are, from the address we asked."""
    seen: list[Event] = []
    service = await StunService.start([Address(listen, 0)], observer=seen.append)
    client = Client(ask)
    try:
        to = Address(ask, service.addresses[0].port)
        request = binding()
        answer, source = await client.ask(request.serialize(), to)
        assert answer == request.success([XOR_MAPPED_ADDRESS(client.address)])
        assert source == to
        assert seen == [Answered(client.address, to, None)]
        assert service.answered == 1
    finally:
        client.close()
        service.close()


def test_ipv4() -> None:
    asyncio.run(mapped("127.0.0.1", "127.0.0.1"))


@needs_ipv6
def test_ipv6() -> None:
    asyncio.run(mapped("::1", "::1"))


@pytest.mark.skipif(not hasattr(socket, "SO_BINDTODEVICE"), reason="packet info is used on Linux")
@pytest.mark.parametrize("ask", ["127.0.0.1", "127.0.0.3"])
def test_a_wildcard_answers_from_the_address_that_was_asked(ask: str) -> None:
    """RFC 8489 §6.3.1.2."""
    asyncio.run(mapped("0.0.0.0", ask))


@needs_ipv6
def test_an_ipv6_wildcard() -> None:
    asyncio.run(mapped("::", "::1"))


@needs_ipv6
def test_both_families_on_one_port() -> None:
    """An IPv6 wildcard does not take the IPv4 port of the same number."""

    async def run() -> None:
        first = await StunService.start([Address("127.0.0.1", 0)])
        port = first.addresses[0].port
        second = await StunService.start([Address("::", port)])
        assert second.addresses == [Address("::", port)]
        second.close()
        first.close()

    asyncio.run(run())


def test_many_requests_at_once() -> None:
    """More datagrams than one read batch holds; junk between them costs nothing."""

    async def run() -> None:
        service = await StunService.start([Address("127.0.0.1", 0)])
        client = Client("127.0.0.1")
        loop = asyncio.get_running_loop()
        to = service.addresses[0]
        requests = {}
        for _ in range(90):  # below the burst of the rate limiter
            request = binding()
            requests[request.transaction_id] = request
            client.socket.sendto(request.serialize(), to)
            client.socket.sendto(b"junk", to)
        client.socket.sendto(bytes(3000), to)
        while requests:
            data = await asyncio.wait_for(loop.sock_recv(client.socket, 2048), 10)
            del requests[parse_message(data).transaction_id]
        client.close()
        service.close()
        assert service.answered == 90
        assert service.dropped == {"not STUN (RFC 8489 §5)": 90}

    asyncio.run(run())


def test_with_an_account() -> None:
    async def run() -> None:
        authenticator = Authenticator("example.org", {"ann": "secret"}, entropy=ENTROPY)
        service = await StunService.start(
            [Address("127.0.0.1", 0)], machine=StunServer(authenticator=authenticator)
        )
        client, account = Client("127.0.0.1"), LongTermClient("ann", "secret")
        challenge, _ = await client.ask(account.sign(binding()), service.addresses[0])
        assert account.handle_response(challenge) is Verdict.RETRY
        answer, _ = await client.ask(account.sign(binding()), service.addresses[0])
        assert account.handle_response(answer) is Verdict.ACCEPT
        assert answer.get(XOR_MAPPED_ADDRESS) == client.address
        client.close()
        service.close()

    asyncio.run(run())


def test_all_or_nothing() -> None:
    """When the second address is taken, the first is released, and the error names the taken one."""

    async def run() -> None:
        first = await StunService.start([Address("127.0.0.1", 0)])
        taken = first.addresses[0]
        free = await StunService.start([Address("127.0.0.1", 0)])
        port = free.addresses[0]
        free.close()
        with pytest.raises(OSError) as caught:
            await StunService.start([port, taken])
        assert caught.value.filename == str(taken)
        again = await StunService.start([port])
        again.close()
        again.close()
        first.close()
        with pytest.raises(ValueError):
            await StunService.start([Address("localhost", 0)])

    asyncio.run(run())

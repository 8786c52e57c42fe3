"""How to build a connection of each machine of rtcpy, for the laws: one function per class, each a lesson in using it."""

from __future__ import annotations

from functools import cache
from typing import Any

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.machine import Address, Datagram
from rtcpy.dtls import ApplicationData, Certificate, DtlsConnection, DtlsState, Role
from rtcpy.ice import CandidateFound, IceAgent, IceConnectionState, LocalAddress, StunServer
from rtcpy.peer import Peer
from rtcpy.peer.transport import Transport
from rtcpy.sctp import Association, DataChannels, SctpConfig
from rtcpy.sctp.events import ChannelAnnounced, ChannelMessage, ChannelOpened, StreamMessage
from rtcpy.sim import LinkConfig, Network, Pair
from rtcpy.stun.server import StunServer as StunServerMachine
from rtcpy.testing import Connection
from tests.sim.call import Call

LOSSY = LinkConfig(loss=0.03, jitter=0.005)


@cache
def certificate(name: str) -> Certificate:
    """One certificate per name."""
    return Certificate.generate(SeededEntropy(name), FixedClock())


def dtls(seed: int) -> Connection:
    """A DTLS handshake, then one record each way."""
    ends = [
        DtlsConnection(
            role=role,
            certificate=certificate(role.value),
            entropy=SeededEntropy(f"{seed}/{role.value}"),
            wall_clock=FixedClock(),
        )
        for role in (Role.CLIENT, Role.SERVER)
    ]
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        for end, other in zip(ends, (Role.SERVER, Role.CLIENT), strict=True):
            end.set_remote_fingerprints([certificate(other.value).fingerprint("sha-256")], now=sim.now)
            end.start(now=sim.now)

    def exercise() -> None:
        for end in ends:
            buffer = bytearray(b"across")
            for _ in range(20):  # records may be lost: DTLS repeats none
                end.send(buffer, now=sim.now)  # type: ignore[arg-type]
            buffer[:] = bytes(6)

    return Connection(
        sim,
        start=start,
        connected=lambda: all(end.state is DtlsState.CONNECTED for end in ends),
        exercise=exercise,
        exercised=lambda: all(sim.events_of(i, ApplicationData) for i in (0, 1)),
    )


HOSTS = (Address("192.0.2.1", 5001), Address("192.0.2.2", 5002))
STUN = Address("192.0.2.9", 3478)


def ice(seed: int) -> Connection:
    """Two ICE agents on one network with a STUN server, trickling."""
    sim = Network(seed=seed, link=LOSSY)
    agents = [
        IceAgent(controlling=controlling, entropy=SeededEntropy(f"{seed}/{controlling}"))
        for controlling in (True, False)
    ]
    for name, agent, address in zip("ab", agents, HOSTS, strict=True):
        sim.add_host(name, agent, [address.host])
    sim.add_host("stun", StunServerMachine(), [STUN.host])

    def on_event(end: int, event: Any, now: float) -> None:
        if end < 2 and isinstance(event, CandidateFound):
            agents[1 - end].add_remote_candidate(event.candidate, now=now)

    sim.on_event = on_event

    def start() -> None:
        for i, agent in enumerate(agents):
            agent.set_remote_credentials(agents[1 - i].local_credentials, now=sim.now)
            agent.gather([LocalAddress(HOSTS[i])], [StunServer(STUN)], now=sim.now)
            sim.settle()

    def wrap(to: int, data: bytes) -> Datagram:
        addresses = [*HOSTS, STUN]
        return Datagram(data, addresses[to], addresses[(to + 1) % 2])

    up = (IceConnectionState.CONNECTED, IceConnectionState.COMPLETED)
    return Connection(
        sim, start=start, connected=lambda: all(agent.state in up for agent in agents), wrap=wrap, linger=30.0
    )


def association(seed: int) -> Connection:
    """Two SCTP associations that start at the same moment, and messages on two streams each way."""
    ends = [Association(SctpConfig(), entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        for end in ends:
            end.start(now=sim.now)

    def exercise() -> None:
        for end in ends:
            for stream in (0, 1):
                buffer = bytearray(b"m" * 3000)
                end.send(stream, 51, buffer, unordered=bool(stream), now=sim.now)  # type: ignore[arg-type]
                buffer[:] = bytes(3000)
            end.reset_streams([1], now=sim.now)

    return Connection(
        sim,
        start=start,
        connected=lambda: all(end.state.value == "ESTABLISHED" for end in ends),
        exercise=exercise,
        exercised=lambda: all(
            [message.data for message in sim.events_of(i, StreamMessage)] == [b"m" * 3000] * 2 for i in (0, 1)
        ),
        linger=70.0,
    )


def data_channels(seed: int) -> Connection:
    """A data channel opened by one side, a message each way, closed again."""
    ends = [DataChannels(SctpConfig(), entropy=SeededEntropy(f"{seed}/{name}")) for name in "ab"]
    sim = Pair(*ends, seed=seed, link=LOSSY)

    def start() -> None:
        ends[0].set_role(True, now=sim.now)
        ends[1].set_role(False, now=sim.now)
        for end in ends:
            end.start(now=sim.now)
        ends[0].open("chat", now=sim.now)

    def exercise() -> None:
        channel = sim.events_of(1, ChannelAnnounced)[0].channel
        assert channel.id is not None
        ends[0].send(channel.id, "text", now=sim.now)
        buffer = bytearray(b"binary")
        ends[1].send(channel.id, buffer, now=sim.now)  # type: ignore[arg-type]
        buffer[:] = bytes(6)
        sim.at(sim.now + 10.0, lambda: ends[1].close_channel(channel, now=sim.now))

    def exercised() -> bool:
        received = [[message.data for message in sim.events_of(i, ChannelMessage)] for i in (0, 1)]
        return received == [[b"binary"], ["text"]]

    return Connection(
        sim,
        start=start,
        connected=lambda: bool(sim.events_of(0, ChannelOpened) and sim.events_of(1, ChannelAnnounced)),
        exercise=exercise,
        exercised=exercised,
    )


def peer(seed: int) -> Connection:
    """Two whole peers: offer and answer, candidates, a data channel, a message each way."""
    call = Call(seed=seed, link=LOSSY)

    def exercise() -> None:
        for end in (0, 1):
            call.send(end, f"from {end}")

    return Connection(
        call.net,
        start=call.start,
        connected=call.is_open,
        exercise=exercise,
        exercised=lambda: call.received == [["from 1"], ["from 0"]],
        wrap=lambda to, data: Datagram(data, call.addresses[to], call.addresses[1 - to]),
    )


MACHINES = {
    DtlsConnection: dtls,
    IceAgent: ice,
    StunServerMachine: ice,
    Association: association,
    DataChannels: data_channels,
    Transport: peer,
    Peer: peer,
}

"""How to build a connection of each machine of rtcpy, for the laws. Most are classes that follow a convention."""

from __future__ import annotations

from typing import Any

from rtcpy.core.machine import Datagram
from rtcpy.dtls import DtlsConnection
from rtcpy.ice import IceAgent
from rtcpy.peer import Peer
from rtcpy.peer.transport import Transport
from rtcpy.sctp import Association, DataChannels
from rtcpy.stun.server import StunServer
from rtcpy.testing import Connection
from rtcpy.testing.conventions import LOSSY
from rtcpy.testing.laws import Build
from tests.sim.call import Call


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


MACHINES: dict[type[Any], type[Any] | Build] = {
    DtlsConnection: DtlsConnection,
    IceAgent: IceAgent,
    StunServer: IceAgent,  # the agents' connection has one
    Association: Association,
    DataChannels: DataChannels,
    Transport: peer,
    Peer: peer,
}

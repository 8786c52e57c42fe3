"""asyncio, sockets and the W3C API: where the sans-I/O peer meets the world.

Everything below this package computes; this package waits. A `PeerConnection` is a `rtcpy.peer.Peer` with a driver:
datagrams come in from sockets, go out to sockets, and what the peer reports becomes events and awaitable calls.

Read in this order: `driver` (the one loop: receive, pump, wait), `sockets` (datagrams in batches), `wakeups`
(one timer for many connections), `interfaces` and `gatherer` (which addresses, which servers), `emitter` (events),
`peerconnection` and `datachannel` (the W3C API), `configuration`, `transports`, `stats`.

Specs: W3C webrtc §4–§6, §8; udp(7).
"""

from rtcpy.aio.configuration import Configuration
from rtcpy.aio.datachannel import DataChannel, DataChannelError, DataChannelState
from rtcpy.aio.driver import Driver
from rtcpy.aio.interfaces import NetworkAddress, list_addresses
from rtcpy.aio.peerconnection import PeerConnection
from rtcpy.aio.stats import StatsReport
from rtcpy.aio.transports import DtlsTransport, IceTransport, SctpTransport

__all__ = [
    "Configuration",
    "DataChannel",
    "DataChannelError",
    "DataChannelState",
    "Driver",
    "DtlsTransport",
    "IceTransport",
    "NetworkAddress",
    "PeerConnection",
    "SctpTransport",
    "StatsReport",
    "list_addresses",
]

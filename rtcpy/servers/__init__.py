"""Small servers to run beside an application, in a test or on a laptop without a network.

`stun` answers "from where do you see me?". A TURN relay and a signalling server will stand beside it. Each is a thin
layer of asyncio and sockets over a machine that does the thinking (`rtcpy.stun.StunServer`).

On the command line: ``python -m rtcpy serve --help``.
"""

from rtcpy.servers.stun import StunService

__all__ = ["StunService"]

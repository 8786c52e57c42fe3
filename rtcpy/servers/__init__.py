"""Small servers to run beside an application, in a test or on a laptop without a network.

- `stun` answers "from where do you see me?": a thin layer of asyncio and sockets over `rtcpy.stun.StunServer`.
- `signaling` puts two endpoints into a room and relays what they have to tell each other before they can talk
  directly. It needs the `websockets` package (``pip install rtcpy[cli]``), so it is not imported here.

A TURN relay will stand beside them. On the command line: ``python -m rtcpy serve --help``.
"""

from rtcpy.servers.stun import StunService

__all__ = ["StunService"]

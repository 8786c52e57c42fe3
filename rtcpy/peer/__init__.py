"""One end of a WebRTC connection, without I/O: negotiation, one transport, states, statistics.

Work in progress: `rtcpy.peer.peer` has the interface.
"""

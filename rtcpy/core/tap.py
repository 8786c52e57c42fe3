"""The tap: where tools see every hand-over between layers, with no keys and no sockets.

A machine holds ``tap: Tap | None`` and calls it at each hand-over, drop, state change and timer. Without
a tap that costs one ``is None``. Traces, ladder diagrams and packet captures are built from taps alone.
"""

from __future__ import annotations

from enum import Enum

from rtcpy.core.machine import Address, Instant


class Direction(Enum):
    """Seen from the endpoint that owns the tap."""

    IN = "in"
    OUT = "out"


class Tap:
    """A listener that ignores everything; subclass it and override what you want to see.

    `layer` is the protocol whose packet it is: ``"udp"`` (what crosses the socket), ``"stun"``, ``"dtls"``
    (a record), ``"sctp"`` (a packet, in the clear), ``"datachannel"`` (a message), ``"sdp"``.
    """

    __slots__ = ()

    def packet(
        self,
        layer: str,
        direction: Direction,
        data: bytes,
        *,
        now: Instant,
        local: Address | None = None,
        remote: Address | None = None,
    ) -> None:
        """A packet of `layer` was handed over. Addresses are given where the layer knows them."""

    def drop(self, layer: str, data: bytes, reason: str, *, now: Instant) -> None:
        """`layer` refused a packet from the network, and why."""

    def state(self, layer: str, what: str, old: str, new: str, *, now: Instant) -> None:
        """A state machine named `what` moved from `old` to `new` (both spelled as in its specification)."""

    def timer(self, layer: str, name: str, *, now: Instant) -> None:
        """The deadline called `name` fired."""

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        """A DTLS secret was derived; `label` as in the NSS key log format."""

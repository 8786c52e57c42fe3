"""rtcpy: WebRTC from scratch, to read, step through, break on purpose and use for real.

    import rtcpy

    async with rtcpy.PeerConnection() as pc:
        channel = pc.create_data_channel("chat")
        await pc.set_local_description()
        # signal pc.local_description, take the answer, …
        async for message in channel:
            print(message)

Two faces. `PeerConnection` is W3C's API in snake_case on asyncio (`rtcpy.aio`). `rtcpy.peer.Peer` is the same thing
without I/O, for simulators, tests and lessons. Below them each protocol has a package of its own, whose docstring is
its first page: `sdp`, `stun`, `ice`, `dtls`, `sctp`. Start with `rtcpy.peer`: it shows how they fit together.

The names below are imported on first use, so that ``import rtcpy.stun`` brings in STUN and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtcpy.aio import (
        Configuration,
        DataChannel,
        DataChannelError,
        DataChannelState,
        DtlsTransport,
        IceTransport,
        NetworkAddress,
        PeerConnection,
        SctpTransport,
        StatsReport,
    )
    from rtcpy.core.errors import (
        AbortError,
        CryptoError,
        InvalidAccessError,
        InvalidModificationError,
        InvalidStateError,
        NetworkError,
        NotSupportedError,
        OperationError,
        ProtocolError,
        RtcError,
        RtcRangeError,
        RtcSyntaxError,
        UsageError,
        WireError,
    )
    from rtcpy.dtls import Certificate
    from rtcpy.explain import explain
    from rtcpy.peer import IceCandidate, IceCandidateError, IceServer, SessionDescription

_HOMES = {
    "rtcpy.aio": (
        "Configuration",
        "DataChannel",
        "DataChannelError",
        "DataChannelState",
        "DtlsTransport",
        "IceTransport",
        "NetworkAddress",
        "PeerConnection",
        "SctpTransport",
        "StatsReport",
    ),
    "rtcpy.core.errors": (
        "AbortError",
        "CryptoError",
        "InvalidAccessError",
        "InvalidModificationError",
        "InvalidStateError",
        "NetworkError",
        "NotSupportedError",
        "OperationError",
        "ProtocolError",
        "RtcError",
        "RtcRangeError",
        "RtcSyntaxError",
        "UsageError",
        "WireError",
    ),
    "rtcpy.dtls": ("Certificate",),
    "rtcpy.peer": ("IceCandidate", "IceCandidateError", "IceServer", "SessionDescription"),
}
_PACKAGES = frozenset({"explain"})  # that are used as ``rtcpy.explain(x)``, without an import of their own
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AbortError",
    "Certificate",
    "Configuration",
    "CryptoError",
    "DataChannel",
    "DataChannelError",
    "DataChannelState",
    "DtlsTransport",
    "IceCandidate",
    "IceCandidateError",
    "IceServer",
    "IceTransport",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "NetworkAddress",
    "NetworkError",
    "NotSupportedError",
    "OperationError",
    "PeerConnection",
    "ProtocolError",
    "RtcError",
    "RtcRangeError",
    "RtcSyntaxError",
    "SctpTransport",
    "SessionDescription",
    "StatsReport",
    "UsageError",
    "WireError",
    "explain",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name in _PACKAGES:
        return importlib.import_module(f"rtcpy.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'rtcpy' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Pictures in pages: text where the repository is read, drawn by rtcpy where the site is built. `fences` is the directive.

    ```{drawn} ladder dtls
    client                      server
      |------ ClientHello ------> |
    ```

The text is what a code host shows. On the site the same fence is a picture made at the build from a seeded session or
from the layers' own tables, and the text waits below it to be opened. Inline, so that its titles show under the mouse.

- ``ladder LAYER …``: those datagrams of a connection in which one of the layers speaks.
- ``states MACHINE``: one of `rtcpy.explain.MACHINES`.
- ``bytes NAME``: one of `SAMPLES`, explained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape

import rtcpy
from rtcpy.core.machine import Address, Datagram
from rtcpy.explain import MACHINES, LadderPicture, state_chart
from rtcpy.rtp import ExtensionElement, RtpPacket, write_elements
from rtcpy.sim.session import Session
from rtcpy.stun import Message, MessageClass, Method, StunServer
from rtcpy.turn import ChannelData

LAYERS = ("stun", "dtls", "sctp", "dcep", "data")
TITLES = {
    "stun": "ICE between Alice and Bob: what STUN carries",
    "dtls": "A DTLS 1.2 handshake",
    "sctp": "An SCTP association, a data channel, and its first message",
}


@cache
def session() -> Session:
    """The connection that the ladders show."""
    session = Session(seed=1)
    session.connect()
    session.alice.send("chat", "Hello, Bob!")
    session.run(0.5)
    return session


def ladder(*layers: str) -> str:
    """The datagrams of some layers as SVG."""
    if not layers or not set(layers) <= set(LAYERS):
        raise ValueError(f"a ladder of {' '.join(layers) or 'nothing'}; there are {', '.join(LAYERS)}")
    return LadderPicture(session().trace, title=TITLES[layers[0]], notes=False, layers=layers).svg()


def states(*names: str) -> str:
    """A state machine as SVG."""
    if len(names) != 1 or names[0] not in MACHINES:
        raise ValueError(f"no machine {' '.join(names)!r}; there are {', '.join(MACHINES)}")
    return state_chart(names[0]).svg()


def _rtp() -> bytes:
    return RtpPacket(
        marker=True,
        payload_type=111,
        sequence_number=7,
        timestamp=960,
        ssrc=0xCAFE,
        extension=True,
        header_extension=write_elements([ExtensionElement(1, b"\x30"), ExtensionElement(4, b"0")]),
        payload=b"opus",
    ).serialize()


def _stun() -> bytes:
    server = StunServer()
    request = Message(Method.BINDING, MessageClass.REQUEST, bytes.fromhex("1ce28bc0 9e9264c7 258f245d"))
    server.receive(
        Datagram(
            request.serialize(fingerprint=False), Address("192.0.2.1", 3478), Address("203.0.113.9", 40000)
        ),
        now=0.0,
    )
    return server.take_packets()[0].data


def _channel_data() -> bytes:
    return ChannelData(channel_number=0x4001, data=_stun()).serialize()


SAMPLES: dict[str, Callable[[], bytes]] = {"rtp": _rtp, "stun": _stun, "channel-data": _channel_data}


def sample(*names: str) -> str:
    """A packet, explained, as HTML."""
    if len(names) != 1 or names[0] not in SAMPLES:
        raise ValueError(f"no packet {' '.join(names)!r}; there are {', '.join(SAMPLES)}")
    return str(rtcpy.explain(SAMPLES[names[0]]())._repr_html_())


KINDS: dict[str, Callable[..., str]] = {"ladder": ladder, "states": states, "bytes": sample}


def drawn(argument: str) -> str:
    """The picture that an argument of the directive asks for.

    Raises:
        ValueError: there is no such picture; says which there are.
    """
    kind, *names = argument.split()
    if kind not in KINDS:
        raise ValueError(f"no kind of picture is called {kind!r}; there are {', '.join(KINDS)}")
    return KINDS[kind](*names)


def as_html(argument: str, text: str) -> str:
    """Picture and text."""
    return (
        f'<figure class="drawn drawn-{escape(argument.split(maxsplit=1)[0])}">{drawn(argument)}</figure>\n'
        f'<details class="drawn"><summary>As text</summary><pre>{escape(text)}</pre></details>'
    )

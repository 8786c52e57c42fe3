"""``rtcpy serve``: run embedded servers until Ctrl-C.

Owned here: options, what is printed, signals. The servers are in `rtcpy.servers`.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
import sys
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_address

from rtcpy.core.env import SystemEntropy
from rtcpy.core.errors import UsageError
from rtcpy.core.machine import Address, Event
from rtcpy.servers.stun import DEFAULT_PORT, StunService
from rtcpy.stun import Answered, Authenticator, StunServer

NAME = "serve"
SUMMARY = "run a STUN server, a signalling server, or both"

DESCRIPTION = """\
Run servers that a WebRTC application needs beside itself, until Ctrl-C or SIGTERM.

STUN  A browser behind a router does not know its public address. It sends a Binding request to a STUN
      server, and the answer holds the address the request came from; that becomes an ICE candidate
      ("srflx"). On one machine there is no router between, so you will see your own address again.

Signalling  Two endpoints that cannot reach each other yet exchange offer, answer and candidates through it:
      whoever connects to the same ROOM hears the other. It relays JSON and understands nothing of it."""

EPILOG = """\
examples:
  rtcpy serve --stun                                  on 127.0.0.1:3478, for this machine only
  rtcpy serve --stun 127.0.0.1:0                      on a free port; the line printed says which
  rtcpy serve --stun 127.0.0.1 --stun [::1]           IPv4 and IPv6
  rtcpy serve --stun 0.0.0.0 --verbose                for the whole network, one line per answer
  rtcpy serve --stun --realm example.org --user ann:secret     only for ann (RFC 8489 §9.2)
  rtcpy serve --signaling                             WebSocket on 127.0.0.1:8765; connect to ws://127.0.0.1:8765/ROOM
  rtcpy serve --signaling --origin https://lab.example --token s3cret     for that page, with ?token=s3cret

To use it from a page:   new RTCPeerConnection({iceServers: [{urls: "stun:127.0.0.1:3478"}]})
and from rtcpy:          rtcpy.Configuration(ice_servers=[rtcpy.IceServer(urls="stun:127.0.0.1:3478")])"""

DEFAULT_ADDRESS = Address("127.0.0.1", DEFAULT_PORT)
DEFAULT_REALM = "rtcpy"
DEFAULT_SIGNALING = Address("127.0.0.1", 8765)


def parse_endpoint(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``127.0.0.1:3478``, ``[::1]:3478``, or the address alone.

    Raises:
        argparse.ArgumentTypeError: with what was expected.
    """
    host, port_text = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise argparse.ArgumentTypeError(f"{text!r}: an IPv6 address with a port is written [::1]:3478")
        port_text = rest[1:] if rest else ""
    elif text.count(":") == 1:
        host, port_text = text.split(":")
    try:
        ip_address(host)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: {host!r} is no IP address; say which interface to listen on, "
            "e.g. 127.0.0.1 for this machine only or 0.0.0.0 for all"
        ) from None
    port = default_port
    if port_text or text.endswith(":"):
        if not (port_text.isascii() and port_text.isdigit() and int(port_text) <= 0xFFFF):
            raise argparse.ArgumentTypeError(
                f"{text!r}: {port_text!r} is no port; expected 0…65535 (0: any free one)"
            )
        port = int(port_text)
    return Address(host, port)


def parse_user(text: str) -> tuple[str, str]:
    """``name:password``; the name ends at the first colon.

    Raises:
        argparse.ArgumentTypeError: without a colon, name or password. The text is not repeated: it holds a password.
    """
    name, colon, password = text.partition(":")
    if not (colon and name and password):
        raise argparse.ArgumentTypeError("expected NAME:PASSWORD")
    return name, password


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``rtcpy serve``. TURN will be `--turn` beside them."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "--stun",
        metavar="HOST[:PORT]",
        action="append",
        nargs="?",
        const=DEFAULT_ADDRESS,
        type=parse_endpoint,
        help=f"answer STUN over UDP here; may be repeated (default: {DEFAULT_ADDRESS})",
    )
    parser.add_argument(
        "--user",
        metavar="NAME:PASSWORD",
        action="append",
        default=[],
        type=parse_user,
        help="answer only with these long-term credentials; may be repeated "
        "(browsers never send any to a STUN server, so leave this out for them)",
    )
    parser.add_argument(
        "--realm", default=DEFAULT_REALM, help="the realm of those credentials (default: %(default)s)"
    )
    parser.add_argument(
        "--signaling",
        metavar="HOST[:PORT]",
        nargs="?",
        const=DEFAULT_SIGNALING,
        type=lambda text: parse_endpoint(text, DEFAULT_SIGNALING.port),
        help=f"relay signalling over WebSocket here (default: {DEFAULT_SIGNALING})",
    )
    parser.add_argument(
        "--origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="let pages of this origin use the signalling server, e.g. https://lab.example; may be repeated "
        "(pages of this machine always may)",
    )
    parser.add_argument(
        "--token", metavar="TEXT", help="clients of the signalling server must connect with ?token=TEXT"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print one line per answer")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    if not arguments.stun and not arguments.signaling:
        print(
            "rtcpy serve: nothing to serve; say for example --stun (see rtcpy serve --help)", file=sys.stderr
        )
        return 2
    if arguments.signaling:
        try:
            import websockets as _websockets  # noqa: F401
        except ImportError:
            print(
                "rtcpy serve: signalling needs the websockets package: pip install websockets",
                file=sys.stderr,
            )
            return 1
    try:
        return asyncio.run(_serve(arguments))
    except UsageError as error:
        print(f"rtcpy serve: {error}", file=sys.stderr)
        return 2


async def _serve(arguments: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stop.set)
    authenticator = None
    if arguments.user:
        authenticator = Authenticator(arguments.realm, dict(arguments.user), entropy=SystemEntropy())
    async with AsyncExitStack() as running:
        service: StunService | None = None
        try:
            if arguments.stun:
                service = await StunService.start(
                    arguments.stun,
                    machine=StunServer(authenticator=authenticator),
                    observer=_print_event if arguments.verbose else None,
                )
                running.callback(service.close)
                for address in service.addresses:
                    print(f"stun: listening on {address} (udp)", flush=True)
            if arguments.signaling:
                print(
                    f"signaling: listening on {await _start_signaling(arguments, running)}/ROOM", flush=True
                )
        except OSError as error:
            where = error.filename or arguments.signaling
            print(f"rtcpy serve: cannot listen on {where}: {_explain(error)}", file=sys.stderr)
            return 1
        print("Press Ctrl-C to stop.", flush=True)
        await stop.wait()
    if service is not None:
        print(_summary(service), flush=True)
    return 0


async def _start_signaling(arguments: argparse.Namespace, running: AsyncExitStack) -> str:
    """Start the signalling server; returns its URL. Raises OSError."""
    from rtcpy.servers.signaling import LOCAL_ORIGINS, SignalingServer

    server = SignalingServer(
        arguments.signaling.host,
        arguments.signaling.port,
        origins=[*LOCAL_ORIGINS, *arguments.origin],
        token=arguments.token,
    )
    await running.enter_async_context(server)
    return server.url


def _print_event(event: Event) -> None:
    if isinstance(event, Answered):
        what = f"you are {event.client}" if event.error is None else f"error {event.error}"
        print(f"stun: {event.client} -> {event.server}: {what}", flush=True)


def _explain(error: OSError) -> str:
    """The system's reason, and what to do about it."""
    advice = {
        errno.EADDRINUSE: "another program has this port; stop it, or take another port (0 finds a free one)",
        errno.EADDRNOTAVAIL: "no interface of this machine has this address",
        errno.EACCES: "ports below 1024 need special rights; take a higher one",
        errno.EAFNOSUPPORT: "this machine has no IPv6; leave that address out",
    }
    reason = error.strerror or str(error)
    hint = advice.get(error.errno or 0)
    return f"{reason} ({hint})" if hint else reason


def _summary(service: StunService) -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(service.dropped.items()))
    return f"stun: stopped; {service.answered} answered" + (f"; not answered: {dropped}" if dropped else "")

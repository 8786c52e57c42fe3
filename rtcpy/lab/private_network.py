"""A network of one's own for one thread: so that a browser and rtcpy can talk on one machine and nothing leaves it.

Linux gives each thread its network namespace. A fresh one has no interface but a sleeping `lo`; here it gets a virtual
cable with one address of RFC 5737 and a default route into nowhere. Sockets that the thread opens, and programs and
threads that it starts, live in there.

No specification; network_namespaces(7), veth(4), RFC 5737 §3 (the address), RFC 8828 §5.2 (why a default route).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

ADDRESS = "198.51.100.1"
"""The only address of the network besides loopback: TEST-NET-2."""

INTERFACE = "rtcpy0"
"""The interface that has it."""

_CLONE_NEWNET = 0x40000000  # linux/sched.h

_COMMANDS = (
    "ip link set lo up",
    f"ip link add {INTERFACE} type veth peer name rtcpy1",
    f"ip addr add {ADDRESS}/24 dev {INTERFACE}",
    f"ip link set {INTERFACE} up",
    "ip link set rtcpy1 up",
    # Without media permission a browser only offers the address of its default route (RFC 8828 §5.2).
    f"ip route add default dev {INTERFACE}",
)


class PrivateNetworkError(OSError):
    """This machine does not let us make one; the message says what is missing."""


def obstacle() -> str:
    """Why no private network can be made here, or an empty text."""
    if not os.path.exists("/proc/thread-self/ns/net"):
        return "needs Linux, for its network namespaces"
    if shutil.which("ip") is None:
        return "needs the `ip` command (Debian: iproute2)"
    if os.geteuid() != 0:
        return "needs root, to make a network namespace"
    return ""


@contextmanager
def private_network() -> Iterator[str]:
    """Put the calling thread into a network of its own, and back at the end. Yields its address.

    Raises:
        PrivateNetworkError: it cannot be made.
    """
    reason = obstacle()
    if reason:
        raise PrivateNetworkError(reason)
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home:
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise PrivateNetworkError(
                f"cannot leave the machine's network: {os.strerror(ctypes.get_errno())}"
            )
        try:
            for command in _COMMANDS:
                done = subprocess.run(command.split(), check=False, capture_output=True, text=True)
                if done.returncode:
                    raise PrivateNetworkError(f"`{command}` failed: {done.stderr.strip()}")
            yield ADDRESS
        finally:
            if libc.setns(home.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot return to the machine's network")

"""A network of the test's own: a fresh namespace with one veth address, so that no ICE traffic leaves it.

The calling thread (and every process and thread it starts meanwhile) lives in a new network namespace
whose only interfaces are `lo` and a veth pair holding 198.51.100.1/24 (TEST-NET-2, RFC 5737).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CLONE_NEWNET = 0x40000000
ADDRESS = "198.51.100.1"


def require_namespaces() -> None:
    """Skip, by name, where the machine cannot make a namespace."""
    if shutil.which("ip") is None:
        pytest.skip("needs the `ip` command (Debian: iproute2)")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a network namespace")


@contextmanager
def network_namespace() -> Iterator[str]:
    """Enter a fresh namespace; yields its address; leaves it again at the end."""
    require_namespaces()
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home:
        if libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip(f"cannot unshare the network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            for command in (
                "ip link set lo up",
                "ip link add test0 type veth peer name test1",
                f"ip addr add {ADDRESS}/24 dev test0",
                "ip link set test0 up",
                "ip link set test1 up",
                # Without media permission a browser only offers the address of its default route (RFC 8828 §5.2).
                "ip route add default dev test0",
            ):
                subprocess.run(command.split(), check=True, capture_output=True)
            yield ADDRESS
        finally:
            if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot return to the home network namespace")

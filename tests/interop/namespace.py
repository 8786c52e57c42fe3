"""A network of the test's own: `rtcpy.lab.private_network`, skipped by name where it cannot be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rtcpy.lab.private_network import ADDRESS, PrivateNetworkError, obstacle, private_network

__all__ = ["ADDRESS", "network_namespace", "require_namespaces"]


def require_namespaces() -> None:
    """Skip, by name, where the machine cannot make a namespace."""
    reason = obstacle()
    if reason:
        pytest.skip(reason)


@contextmanager
def network_namespace() -> Iterator[str]:
    """Enter a fresh namespace; yields its address; leaves it again at the end."""
    network = private_network()
    try:
        address = network.__enter__()
    except PrivateNetworkError as error:
        pytest.skip(str(error))
    try:
        yield address
    finally:
        network.__exit__(None, None, None)

"""The tap: a listener that hears nothing by default, and everything when told to."""

from __future__ import annotations

from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction, Tap


class Recorder(Tap):
    """Overrides one method only."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Direction, bytes, float]] = []

    def packet(  # type: ignore[no-untyped-def]
        self, layer, direction, data, *, now, local=None, remote=None
    ) -> None:
        self.seen.append((layer, direction, data, now))


def test_a_bare_tap_takes_every_call_and_keeps_nothing() -> None:
    tap = Tap()
    address = Address("::1", 5)
    assert tap.packet("udp", Direction.IN, b"x", now=0.0, local=address, remote=address) is None
    assert tap.drop("dtls", b"x", "replayed", now=0.0) is None
    assert tap.state("ice", "agent", "new", "checking", now=0.0) is None
    assert tap.timer("sctp", "T3-rtx", now=0.0) is None
    assert tap.secret("CLIENT_RANDOM", bytes(32), bytes(48)) is None
    assert not hasattr(tap, "__dict__")


def test_a_subclass_hears_what_it_overrides() -> None:
    tap = Recorder()
    tap.packet("stun", Direction.OUT, b"hello", now=1.5)
    tap.drop("stun", b"?", "not STUN", now=2.0)
    assert tap.seen == [("stun", Direction.OUT, b"hello", 1.5)]


def test_addresses_print_as_in_urls() -> None:
    assert str(Address("192.0.2.1", 3478)) == "192.0.2.1:3478"
    assert str(Address("2001:db8::1", 3478)) == "[2001:db8::1]:3478"
    assert Address("a", 1) == ("a", 1)

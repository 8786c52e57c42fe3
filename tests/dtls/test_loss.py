"""The handshake on bad networks, in virtual time: every single fault, every pair of drops, and seeds."""

from __future__ import annotations

import itertools
import statistics

import pytest

from rtcpy.dtls import DtlsConfig
from tests.dtls.link import Fate, Link, lossy, pair
from tests.profile import scale

LIMIT = 10.0  # s of virtual time for one fault or a pair
PLANS = {
    "plain": (DtlsConfig(), DtlsConfig()),
    "cookie": (DtlsConfig(), DtlsConfig(cookie=True)),
    "mtu 256": (DtlsConfig(mtu=256), DtlsConfig(mtu=256)),
    "rsa, cookie, mtu 548": (DtlsConfig(mtu=548), DtlsConfig(mtu=548, cookie=True)),
}


def _link(plan: str, fate: Fate) -> Link:
    client, server = PLANS[plan]
    kind = "rsa" if "rsa" in plan else "ecdsa"
    return Link(pair(client=client, server=server, client_key=kind, server_key=kind), fate=fate).start()


def _count(plan: str) -> int:
    """Datagrams of an undisturbed handshake."""
    return len(_link(plan, lambda _n, _s, data: [(0.0, data)]).run(until=LIMIT).sent)


def _check(link: Link) -> None:
    link.run(until=LIMIT)
    link.check_connected()
    assert max(link.connected_at.values()) <= LIMIT


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("copies", [0, 2, 3], ids=["dropped", "doubled", "tripled"])
def test_each_datagram_dropped_or_repeated(plan: str, copies: int) -> None:
    for k in range(_count(plan)):
        _check(
            _link(plan, lambda n, _s, data, k=k: [(0.001 * i, data) for i in range(copies if n == k else 1)])
        )  # type: ignore[misc]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("hold", [0.01, 0.1, 0.3, 1.0, 3.0])
def test_each_datagram_held_back(plan: str, hold: float) -> None:
    """Swapped with its neighbour, and later than its own retransmission."""
    for k in range(_count(plan)):
        _check(_link(plan, lambda n, _s, data, k=k: [(hold if n == k else 0.0, data)]))  # type: ignore[misc]


@pytest.mark.parametrize("plan", PLANS)
def test_each_datagram_repeated_late(plan: str) -> None:
    for k in range(_count(plan)):
        for hold in (0.05, 0.5, 2.0):
            _check(_link(plan, lambda n, _s, data, k=k, hold=hold: [(0.0, data)] + [(hold, data)] * (n == k)))  # type: ignore[misc]


@pytest.mark.parametrize("plan", PLANS)
def test_each_pair_of_drops(plan: str) -> None:
    """Of the first transmissions and of what replaces them."""
    reach = 2 * _count(plan) + 2
    pairs = list(itertools.combinations(range(reach), 2))
    for a, b in pairs[:: scale(dev=max(1, len(pairs) // 60), ci=1, thorough=1)]:
        _check(_link(plan, lambda n, _s, data, a=a, b=b: [] if n in (a, b) else [(0.0, data)]))  # type: ignore[misc]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("sender", [0, 1])
def test_everything_from_one_side_lost_for_a_while(plan: str, sender: int) -> None:
    for k in range(1, 6):
        left = [k]

        def fate(_n: int, who: int, data: bytes, left: list[int] = left) -> list[tuple[float, bytes]]:
            if who == sender and left[0]:
                left[0] -= 1
                return []
            return [(0.0, data)]

        _check(_link(plan, fate))


@pytest.mark.parametrize("plan", PLANS)
def test_each_datagram_corrupted(plan: str) -> None:
    """One bit anywhere. What a damaged flight made either side believe must not outlive the next retransmission."""
    lengths = [len(data) for _, _, data in _link(plan, lambda _n, _s, d: [(0.0, d)]).run(until=LIMIT).sent]
    places = [(k, at) for k, length in enumerate(lengths) for at in range(length)]
    for k, at in places[:: scale(dev=max(1, len(places) // 120), ci=7, thorough=1)]:

        def fate(n: int, _s: int, data: bytes, k: int = k, at: int = at) -> list[tuple[float, bytes]]:
            if n == k:
                data = data[:at] + bytes([data[at] ^ (1 << (at % 8))]) + data[at + 1 :]
            return [(0.0, data)]

        _check(_link(plan, fate))


def test_thirty_percent_loss() -> None:
    """With 10 % duplication and 20 % reordering: all within 60 s, half within 4 s."""
    times = []
    for seed in range(scale(dev=40, ci=200, thorough=1000)):
        fate = lossy(seed, loss=0.3, duplicate=0.1, reorder=0.2)
        link = Link(pair(seed=seed), fate=fate).start().run(until=60.0)
        link.check_connected()
        times.append(max(link.connected_at.values()))
    assert statistics.median(times) <= 4.0


def test_fifty_percent_loss_in_small_pieces() -> None:
    config = DtlsConfig(mtu=256)
    for seed in range(scale(dev=10, ci=50, thorough=200)):
        link = Link(pair(seed=seed, client=config, server=config), fate=lossy(seed, loss=0.5)).start()
        link.run(until=120.0).check_connected()


def test_loss_with_corruption() -> None:
    for seed in range(scale(dev=20, ci=100, thorough=500)):
        fate = lossy(seed, loss=0.1, duplicate=0.1, reorder=0.1, corrupt=0.1)
        Link(pair(seed=seed), fate=fate).start().run(until=60.0).check_connected()


def test_retransmissions_answer_within_reason() -> None:
    """A handshake without loss sends four datagrams; a doubled network does not make it send forty."""
    link = (
        Link(pair(), fate=lambda _n, _s, data: [(0.0, data), (0.001, data), (0.05, data)])
        .start()
        .run(until=10.0)
    )
    link.check_connected()
    assert len(link.sent) - 2 <= 12

"""Hosts with addresses: routing, NATs on the way out and in, hairpins, outages, deaths, forged packets."""

from __future__ import annotations

import pytest

from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.sim import FULL_CONE, SYMMETRIC, LinkConfig, NatConfig, Network


class Radio:
    """Remembers what it hears, and answers questions (packets that begin with '?') with '!' and the asker's face."""

    def __init__(self) -> None:
        self.heard: list[Datagram] = []
        self.out: list[Datagram] = []
        self.deadline: Instant | None = None

    def receive(self, packet: Datagram, *, now: Instant) -> None:
        self.heard.append(packet)
        if packet.data[:1] == b"?":
            self.out.append(Datagram(b"!" + str(packet.remote).encode(), packet.local, packet.remote))

    def say(self, text: bytes, local: Address, remote: Address) -> None:
        self.out.append(Datagram(text, local, remote))

    def handle_timeout(self, *, now: Instant) -> None:
        self.deadline = None

    def next_timeout(self) -> Instant | None:
        return self.deadline

    def take_packets(self) -> list[Datagram]:
        out, self.out = self.out, []
        return out

    def take_events(self) -> list[Event]:
        return []

    def close(self, *, now: Instant) -> None:
        self.deadline = None

    @property
    def texts(self) -> list[bytes]:
        return [packet.data for packet in self.heard]


HOME, SERVER, OTHER = Address("192.168.0.2", 40000), Address("198.51.100.1", 3478), Address("198.51.100.2", 9)


def household(config: NatConfig | None = None, **properties: object) -> tuple[Network, Radio, Radio]:
    net = Network(seed=1, **properties)  # type: ignore[arg-type]
    net.add_nat("home", "203.0.113.7", config)
    inner, server = Radio(), Radio()
    net.add_host("inner", inner, [HOME.host], behind="home")
    net.add_host("server", server, [SERVER.host])
    return net, inner, server


def test_a_datagram_arrives_with_its_ends_turned() -> None:
    net = Network()
    a, b = Radio(), Radio()
    net.add_host("a", a, ["10.0.0.1", "fd00::1"])
    net.add_host("b", b, ["10.0.0.2", "fd00::2"])
    a.say(b"four", Address("10.0.0.1", 1), Address("10.0.0.2", 2))
    a.say(b"six", Address("fd00::1", 1), Address("fd00::2", 2))
    net.drive(until=1.0)
    assert b.heard == [
        Datagram(b"four", Address("10.0.0.2", 2), Address("10.0.0.1", 1)),
        Datagram(b"six", Address("fd00::2", 2), Address("fd00::1", 1)),
    ]


def test_a_server_sees_the_face_of_the_nat_and_can_answer() -> None:
    net, inner, server = household()
    inner.say(b"?", HOME, SERVER)
    net.drive(until=1.0)
    assert server.heard[0].remote == Address("203.0.113.7", 40000)
    assert inner.texts == [b"!203.0.113.7:40000"]
    assert inner.heard[0].local == HOME and inner.heard[0].remote == SERVER


def test_strangers_are_kept_out_by_a_port_restricted_nat_and_let_in_by_a_full_cone() -> None:
    for config, enters in ((NatConfig(), []), (FULL_CONE, [b"knock"])):
        net, inner, server = household(config)
        stranger = Radio()
        net.add_host("stranger", stranger, [OTHER.host])
        inner.say(b"hello", HOME, SERVER)
        net.drive(until=1.0)
        stranger.say(b"knock", OTHER, Address("203.0.113.7", 40000))
        net.drive(until=2.0)
        assert inner.texts == enters and server.texts == [b"hello"]


def test_a_hole_punched_while_a_packet_is_under_way_lets_it_in() -> None:
    net, inner, server = household()
    server.say(b"early", SERVER, Address("203.0.113.7", 40000))
    net.drive(until=0.01)  # half of the way
    inner.say(b"out", HOME, SERVER)
    net.drive(until=1.0)
    assert inner.texts == [b"early"]


def test_symmetric_nats_show_each_remote_another_port() -> None:
    net, inner, server = household(SYMMETRIC)
    other = Radio()
    net.add_host("other", other, [OTHER.host])
    inner.say(b"1", HOME, SERVER)
    inner.say(b"2", HOME, OTHER)
    net.drive(until=1.0)
    assert server.heard[0].remote.port != other.heard[0].remote.port


@pytest.mark.parametrize("hairpinning", [True, False])
def test_two_behind_one_nat_meet_directly_and_by_hairpin(hairpinning: bool) -> None:
    """RFC 4787 §6: the source of a hairpinned packet is the external address."""
    net, inner, _ = household(NatConfig(hairpinning=hairpinning))
    sister = Radio()
    net.add_host("sister", sister, ["192.168.0.3"], behind="home")
    there = Address("192.168.0.3", 50000)
    inner.say(b"direct", HOME, there)
    inner.say(b"?", HOME, SERVER)
    sister.say(b"?", there, SERVER)
    net.drive(until=1.0)
    # Both open their filters towards the other's external face, then speak.
    inner.say(b"hairpin", HOME, Address("203.0.113.7", 50000))
    sister.say(b"open", there, Address("203.0.113.7", 40000))
    net.drive(until=2.0)
    inner.say(b"hairpin", HOME, Address("203.0.113.7", 50000))
    net.drive(until=3.0)
    by_hairpin = [packet for packet in sister.heard if packet.data == b"hairpin"]
    assert sister.texts[0] == b"direct"
    assert bool(by_hairpin) is hairpinning
    assert all(packet.remote == Address("203.0.113.7", 40000) for packet in by_hairpin)


def test_nats_behind_nats() -> None:
    net = Network()
    net.add_nat("carrier", "203.0.113.1")
    net.add_nat("home", "100.64.0.9", behind="carrier")
    inner, server = Radio(), Radio()
    net.add_host("inner", inner, [HOME.host], behind="home")
    net.add_host("server", server, [SERVER.host])
    inner.say(b"?", HOME, SERVER)
    net.drive(until=1.0)
    assert inner.texts == [b"!203.0.113.1:40000"]
    assert net.nats["home"].mappings(1.0)[0].external == Address("100.64.0.9", 40000)


def test_private_addresses_of_two_households_do_not_mix() -> None:
    net = Network()
    radios = [Radio(), Radio()]
    for i, radio in enumerate(radios):
        net.add_nat(f"home{i}", f"203.0.113.{i + 1}")
        net.add_host(f"host{i}", radio, ["192.168.0.2"], behind=f"home{i}")
    radios[0].say(b"to myself", HOME, Address("192.168.0.2", 5))
    radios[0].say(b"nowhere", HOME, Address("192.168.0.99", 5))
    net.drive(until=1.0)
    assert radios[0].texts == [b"to myself"] and not radios[1].heard
    assert net.unroutable == 1


def test_an_address_that_a_host_does_not_have_sends_nothing() -> None:
    net, _, server = household()
    server.say(b"forged", OTHER, SERVER)
    net.drive(until=1.0)
    assert not server.heard and net.unroutable == 1


def test_addresses_come_and_go() -> None:
    net, _, server = household()
    walker = Radio()
    net.add_host("walker", walker, ["198.51.100.8"])
    net.remove_address("walker", "198.51.100.8")
    net.add_address("walker", "198.51.100.9")
    walker.say(b"old", Address("198.51.100.8", 1), SERVER)
    walker.say(b"new", Address("198.51.100.9", 1), SERVER)
    net.drive(until=1.0)
    assert server.texts == [b"new"]
    with pytest.raises(ValueError, match=r"198\.51\.100\.1 is taken"):
        net.add_address("walker", SERVER.host)


def test_a_dead_host_neither_hears_nor_wakes() -> None:
    net, inner, server = household()
    server.deadline = 0.5
    inner.say(b"?", HOME, SERVER)
    net.kill("server")
    net.drive(until=5.0)
    assert not server.heard and server.deadline == 0.5 and not inner.heard


def test_an_outage_may_hit_one_host_or_all() -> None:
    net, inner, server = household()
    other = Radio()
    net.add_host("other", other, [OTHER.host])
    net.outage(0.0, 1.0, host="other")
    inner.say(b"a", HOME, SERVER)
    inner.say(b"b", HOME, OTHER)
    net.drive(until=0.5)
    assert server.texts == [b"a"] and other.texts == []
    net.outage(2.0, 1.0)
    net.drive(until=2.5)
    inner.say(b"c", HOME, SERVER)
    net.drive(until=3.5)
    inner.say(b"d", HOME, OTHER)
    net.drive(until=5.0)
    assert server.texts == [b"a"] and other.texts == [b"d"]


def test_paths_have_properties_of_their_own() -> None:
    net, inner, server = household()
    net.set_path("inner", "server", LinkConfig(delay=0.3), both=False)
    inner.say(b"?", HOME, SERVER)
    net.drive(until=0.29)
    assert not server.heard
    net.drive(until=0.31)
    assert server.heard
    net.drive(until=0.33)
    assert inner.heard, "the way back has the default delay"
    net.set_link(LinkConfig(loss=1.0))
    server.say(b"lost", SERVER, Address("203.0.113.7", 40000))
    net.drive(until=1.0)
    assert len(inner.heard) == 1


def test_forged_packets_reach_the_internet_and_are_filtered_like_all() -> None:
    net, inner, server = household()
    inner.say(b"hi", HOME, SERVER)
    net.drive(until=0.5)
    net.inject(b"as the server", SERVER, Address("203.0.113.7", 40000))
    net.inject(b"as nobody", OTHER, Address("203.0.113.7", 40000), at=0.7)
    net.inject(b"to the server", OTHER, SERVER)
    net.drive(until=1.0)
    assert inner.texts == [b"as the server"]
    assert server.texts == [b"hi", b"to the server"]


def test_one_seed_one_trace() -> None:
    def trace(seed: int) -> object:
        net = Network(seed=seed, link=LinkConfig(loss=0.3, jitter=0.05, duplicate=0.1))
        a, b = Radio(), Radio()
        net.add_host("a", a, ["10.0.0.1"])
        net.add_host("b", b, ["10.0.0.2"])
        for i in range(100):
            a.say(b"?%d" % i, Address("10.0.0.1", 1), Address("10.0.0.2", 2))
        net.drive(until=5.0)
        return [(p.data, p.remote) for p in a.heard], net.log

    assert trace(1) == trace(1) != trace(2)

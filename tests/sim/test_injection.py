"""An attacker who can send, but knows no password: nothing he sends is accepted, and nothing of it disturbs.

Off the path he forges neither end's address; on the path he forges both. 300 datagrams a second, during set-up and
transfer. A ClientHello or an alert from elsewhere has ended real calls (CVE-2023-49786 and its kin).
"""

from __future__ import annotations

import random
import struct

import pytest

from rtcpy.core.machine import Address
from rtcpy.sim import LinkConfig
from tests.fuzz.parsers import dtls_datagrams, stun_messages
from tests.profile import scale
from tests.sim.call import NAT_FACES, Call

RATE = 300  # datagrams a second, at each end
SEEDS = scale(dev=2, ci=5, thorough=50)
ELSEWHERE = Address("198.51.100.66", 6666)


def alert(level: int, description: int) -> bytes:
    """A plaintext alert record of epoch 0."""
    return struct.pack("!BHHHIHBB", 21, 0xFEFD, 0, 0, 99, 2, level, description)


def arsenal(rng: random.Random) -> list[bytes]:
    """What the attacker has: real hellos, alerts, checks without the right password, noise of every first byte."""
    hellos = [data for data in dtls_datagrams() if data[0] == 22 and data[13] == 1]
    checks = [
        data for data in stun_messages() if data[:2] in (b"\x00\x01", b"\x01\x01", b"\x01\x11", b"\x00\x11")
    ]
    noise = [bytes([first]) + rng.randbytes(rng.randrange(60)) for first in range(256)]
    protected = [struct.pack("!BHHHIH", 23, 0xFEFD, 1, 0, n, 64) + rng.randbytes(64) for n in range(20)]
    ccs = [struct.pack("!BHHHIHB", 20, 0xFEFD, 0, 0, 50, 1, 1)]
    return [*hellos, *checks, *noise, *protected, *ccs, alert(2, 40), alert(1, 0), alert(2, 20), b""]


def inject(call: Call, seconds: float, rng: random.Random, *, on_path: bool) -> None:
    """Schedule an attack on both ends from now on."""
    weapons = arsenal(rng)
    for number in range(int(seconds * RATE)):
        for end in (0, 1):
            source = call.addresses[1 - end] if on_path else ELSEWHERE
            call.net.inject(
                rng.choice(weapons), source, call.addresses[end], at=call.now + (number + rng.random()) / RATE
            )


@pytest.mark.parametrize("seed", range(SEEDS))
def test_off_path_during_set_up_and_transfer(seed: int) -> None:
    rng = random.Random(seed)
    call = Call(seed=seed, link=LinkConfig(loss=0.02, jitter=0.005))
    for end in (0, 1):  # the ports are known to the attacker before they are to the peers
        call.addresses[end] = Address(call.addresses[end].host, 5001)
    inject(call, 10.0, rng, on_path=False)
    assert call.connect(limit=10.0)
    assert call.now < 5.0, "the attack delayed the connection"
    check_transfer(call, rng)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_on_path_during_transfer(seed: int) -> None:
    rng = random.Random(seed)
    call = Call(seed=seed, link=LinkConfig(loss=0.02, jitter=0.005))
    assert call.connect()
    inject(call, 40.0, rng, on_path=True)
    check_transfer(call, rng)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_on_path_during_set_up_alerts_and_hellos_do_not_end_the_session(seed: int) -> None:
    """RFC 6347 §4.1.2.7: invalid records are dropped; a plaintext alert proves nothing."""
    rng = random.Random(seed)
    call = Call(seed=seed, link=LinkConfig(jitter=0.005))
    for end in (0, 1):
        call.addresses[end] = Address(call.addresses[end].host, 5001)
    inject(call, 5.0, rng, on_path=True)
    assert call.connect(limit=60.0), call.states
    check_transfer(call, rng)


def check_transfer(call: Call, rng: random.Random) -> None:
    """Data flows both ways intact for half a minute; states stay; nothing strange was delivered."""
    sent: list[list[str | bytes]] = [[], []]
    for number in range(100):
        for end in (0, 1):
            message = f"{end} {number} " + "x" * rng.randrange(3000)
            sent[end].append(message)
            call.net.at(call.now + number * 0.3, lambda end=end, message=message: call.send(end, message))
    call.run(40.0)
    assert call.received == [sent[1], sent[0]]
    for end in (0, 1):
        assert [state for _, state in call.states[end]] == ["connecting", "connected"]
        assert call.state(end) == "connected"


def test_forged_answers_teach_no_candidates_and_move_no_path() -> None:
    """RFC 8445 §7.2.5.2.2 and §7.3: without MESSAGE-INTEGRITY a message is as if it had never come."""
    call = Call(seed=1)
    assert call.connect()
    before = [peer.get_stats(now=call.now) for peer in call.peers]
    pairs = [sum(entry["type"] == "candidate-pair" for entry in stats.values()) for stats in before]
    rng = random.Random(1)
    for message in stun_messages():
        for end in (0, 1):
            for source in (ELSEWHERE, call.addresses[1 - end], Address(NAT_FACES[0], 1)):
                call.net.inject(message, source, call.addresses[end], at=call.now + rng.random())
    call.run(5.0)
    after = [peer.get_stats(now=call.now) for peer in call.peers]
    assert [sum(entry["type"] == "candidate-pair" for entry in stats.values()) for stats in after] == pairs
    assert call.net.log is not None
    assert not any(packet.remote == ELSEWHERE and packet.data[0] >= 4 for _, _, packet in call.net.log)

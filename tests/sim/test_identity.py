"""Whoever is not who the description says gets nothing: no byte of data in either direction, in either role."""

from __future__ import annotations

import re

import pytest

from rtcpy.core.machine import Address
from tests.sim.call import Call

WRONG = ":".join(["AB"] * 32)


def changed(pattern: str, replacement: str, victim: int):  # type: ignore[no-untyped-def]
    """An edit of the descriptions that end `victim` receives."""

    def edit(sender: int, text: str) -> str:
        if sender == victim:
            return text
        out, count = re.subn(pattern, replacement, text)
        assert count, f"nothing to change: {pattern}"
        return out

    return edit


@pytest.mark.parametrize("victim", [0, 1])
def test_a_wrong_fingerprint_in_either_role(victim: int) -> None:
    """RFC 8827 §6.5: the connection fails; the other side, whose expectation holds, gets nothing through either."""
    call = Call(
        seed=victim,
        edit=changed(r"a=fingerprint:sha-256 [0-9A-F:]+", f"a=fingerprint:sha-256 {WRONG}", victim),
    )
    call.start()
    call.run(60.0)
    assert call.received == [[], []] and call.opened[victim] == []
    assert call.state(victim) == "failed"
    assert not call.is_open()


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("attribute", ["ice-pwd", "ice-ufrag"])
def test_a_wrong_password_or_ufrag_never_connects(attribute: str, victim: int) -> None:
    """RFC 8445 §7.3.1: a check that fails its integrity is answered with an error at most, and changes nothing."""
    edit = changed(rf"a={attribute}:.*?\r", f"a={attribute}:{'x' * 24}\r", victim)
    call = Call(edit=edit, trickle=False)
    call.start()
    call.run(100.0)
    assert call.opened == [[], []]
    assert call.state(victim) == "failed"
    assert call.net.log is not None
    assert not any(packet.data[0] >= 20 for _, end, packet in call.net.log if end == victim), "DTLS was sent"


def test_another_hash_beside_the_right_one_is_no_harm() -> None:
    """RFC 8122 §5: one of the fingerprints must match, of a hash that we accept."""

    def add(sender: int, text: str) -> str:
        return text.replace("a=fingerprint:", f"a=fingerprint:sha-256 {WRONG}\r\na=fingerprint:", 1)

    call = Call(edit=add)
    assert call.connect()


def test_a_stranger_with_the_right_ice_password_but_another_certificate_is_refused() -> None:
    """Signalling server and network in one hand, but not the key: the fingerprint is what is left."""
    honest, stranger = Call(seed="honest"), Call(seed="stranger")
    texts: list[str] = []

    def keep(sender: int, text: str) -> str:
        texts.append(text)
        return text

    honest._edit = keep
    assert honest.connect()
    fingerprint = re.search(r"a=fingerprint:.*?\r", texts[1])
    assert fingerprint is not None
    # The stranger's answer, with the fingerprint of an honest answerer who is not there.
    stranger._edit = lambda sender, text: (
        text if sender == 0 else re.sub(r"a=fingerprint:sha-256 ..", "a=fingerprint:sha-256 00", text)
    )
    stranger.start()
    stranger.run(60.0)
    assert stranger.opened[0] == [] and stranger.state(0) == "failed"


def test_data_from_an_address_that_ice_never_validated_is_dropped() -> None:
    call = Call(seed=3)
    assert call.connect()
    assert call.net.log is not None
    before = len(call.net.log)
    call.send(0, "once")
    last = next(packet for _, end, packet in call.net.log[before:] if end == 0)
    fresh = Call(seed=3)  # an identical twin that has not seen that record yet
    assert fresh.connect()
    for source, received in ((Address("198.51.100.66", 6666), []), (last.local, ["once"])):
        fresh.net.inject(last.data, source, last.remote)
        fresh.run(0.0)
        assert fresh.received[1] == received

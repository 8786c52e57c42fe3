"""The bench of lesson 05: what it runs, what it writes down, and what it shows."""

from __future__ import annotations

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import InvalidAccessError
from rtcpy.dtls.keys12 import KeySchedule
from rtcpy.explain.trace import DrawEntry, LostEntry, TimerEntry
from rtcpy.lab.handshake import Handshake, messages
from rtcpy.sim import LinkConfig, Session

SEED = "bench"
CLIENT_NAMES = ["ClientHello", "Certificate", "ClientKeyExchange", "CertificateVerify", "Finished"]
SERVER_NAMES = [
    "ServerHello",
    "Certificate",
    "ServerKeyExchange",
    "CertificateRequest",
    "ServerHelloDone",
    "Finished",
]


def names(bench: Handshake, who: str) -> list[str]:
    return [one.name for one in messages(bench.trace) if one.who == who]


def test_both_ends_connect_in_two_round_trips() -> None:
    bench = Handshake(SEED).run()
    assert bench.is_connected and bench.now == pytest.approx(0.08)
    assert names(bench, "client") == CLIENT_NAMES and names(bench, "server") == SERVER_NAMES
    assert [row[3].text for row in bench.flights().rows] == ["1", "4", "5", "6"]


def test_the_keys_can_be_drawn_again() -> None:
    bench = Handshake(SEED).run()
    for who in ("client", "server"):
        draws = SeededEntropy(f"{SEED}/{who}")
        for entry in bench.trace.of(DrawEntry, who=who):
            assert draws.token(len(entry.data)) == entry.data
    assert bench.said("ClientHello").body[2:34] == SeededEntropy(f"{SEED}/client").token(32)
    assert bench.trace.key_tree("client").find("pre_master_secret").value is not None


def test_the_transcript_is_what_finished_covers() -> None:
    bench = Handshake(SEED).run()
    connected = bench._cable.events[0][1]
    schedule = KeySchedule(
        connected.cipher_suite,  # type: ignore[attr-defined]
        bench.said("ClientHello").body[2:34],
        bench.said("ServerHello").body[2:34],
        bench.master_secret(),
    )
    for of_client, who, last in ((True, "client", "CertificateVerify"), (False, "server", "Finished")):
        verify_data = schedule.verify_data(of_client=of_client, transcript=bench.transcript(until=last))
        assert bench.said("Finished", who).body == verify_data


@pytest.mark.parametrize("lose", [(1,), (2,), (3,), (4,), (1, 2, 3, 4), (3, 4, 6)])
def test_losses_cost_time_and_change_no_key(lose: tuple[int, ...]) -> None:
    bench = Handshake(SEED, lose=lose).run()
    assert bench.is_connected and bench.now >= 0.08 + 0.25
    assert len(bench.trace.of(LostEntry)) == len(lose) and bench.trace.of(TimerEntry)
    assert bench.master_secret() == Handshake(SEED).run().master_secret()
    rows = bench.flights().rows
    assert [number for number, row in enumerate(rows, 1) if "lost" in row[6].text] == list(lose)
    assert any("again" in row[6].text for row in rows)


def test_a_repeated_last_flight_is_called_one() -> None:
    """Of the first, which was lost, nobody has opened the Finished; of the second, the client has."""
    rows = Handshake(SEED, lose=[4]).run().flights().rows
    assert [(row[3].text, row[6].text) for row in rows[3:]] == [("6", "lost"), ("5", "again"), ("6", "again")]


@pytest.mark.parametrize("mtu", [128, 300, 1200])
def test_pieces_are_put_together(mtu: int) -> None:
    bench = Handshake(SEED, mtu=mtu).run()
    assert max(len(packet.data) for packet in bench.trace.datagrams()) <= mtu
    assert bench.master_secret() == Handshake(SEED).run().master_secret()
    whole = Handshake(SEED).run().transcript(until="Finished", who="server")
    assert bench.transcript(until="Finished", who="server") == whole
    assert ("Certificate [0…" in str(bench.flights())) is (mtu < 1200)


def test_a_cookie_costs_a_round_trip_and_is_in_no_hash() -> None:
    bench = Handshake(SEED, cookie=True).run()
    assert bench.now == pytest.approx(0.12)
    assert [row[3].text for row in bench.flights().rows] == ["1", "2", "3", "4", "5", "6"]
    assert names(bench, "client") == CLIENT_NAMES and names(bench, "server") == SERVER_NAMES
    assert bench.said("ClientHello").message.message_seq == 1


def test_the_chart_follows_the_handshake() -> None:
    bench = Handshake(SEED)
    assert bench.chart("client").current == "start" and bench.chart("server").current == "wait ClientHello"
    bench.start()
    assert bench.chart("client").current == "wait ServerHello"
    bench.step()
    assert bench.chart("server").current == "wait Certificate"
    bench.step()
    chart = bench.chart("client")
    assert chart.current == "wait ChangeCipherSpec" and "wait ServerKeyExchange" in chart.visited
    bench.run()
    assert bench.chart("client").current == bench.chart("server").current == "finished"


def test_a_client_with_keys_says_what_it_waits_for() -> None:
    """It goes on listening for a rival flight 4, but that is not what people want to know."""
    bench = Handshake(SEED, lose=[4])
    bench.start()
    bench.step()
    bench.step()
    assert bench.client.handshake_state.value == "wait ChangeCipherSpec"


def test_data_goes_through_and_is_written_down() -> None:
    bench = Handshake(SEED).run()
    record = bench.send("server", b"hello")
    assert record[0] == 23 and b"hello" not in record
    assert bench.flights().rows[-1][4].text == f"application data, protected ({len(record)})"
    bench.rest(1.0)
    assert [type(event).__name__ for event in bench._cable.events[0]][-1] == "ApplicationData"


def test_what_was_not_said_is_not_there() -> None:
    bench = Handshake(SEED)
    bench.start()
    with pytest.raises(InvalidAccessError, match="no Finished of the server was said so far"):
        bench.said("Finished", "server")
    with pytest.raises(InvalidAccessError, match="no ServerHello was said so far"):
        bench.transcript(until="ServerHello")


def test_a_cable_may_be_bad() -> None:
    bench = Handshake(SEED, link=LinkConfig(delay=0.05, loss=0.4, reorder=0.3, duplicate=0.2)).run(60)
    assert bench.is_connected
    assert names(bench, "client") == CLIENT_NAMES and names(bench, "server") == SERVER_NAMES


def test_messages_of_a_whole_session() -> None:
    call = Session(seed=SEED)
    call.connect()
    found = messages(call.trace)
    assert [one.name for one in found if one.who == "bob"] == CLIENT_NAMES
    assert [one.name for one in found if one.who == "alice"] == SERVER_NAMES

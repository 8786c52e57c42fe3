"""Recorded sessions replay to the same bytes, and every position can be reached from every other."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcpy.core.env import FixedClock, SeededEntropy, SystemClock, SystemEntropy
from rtcpy.core.errors import InvalidAccessError, UsageError
from rtcpy.core.machine import Address, Datagram
from rtcpy.core.tap import Direction, Tap
from rtcpy.dtls import Certificate
from rtcpy.explain import RecordedPeer, Replay, ReplayError, Trace, TraceTap
from rtcpy.explain.replay import check
from rtcpy.explain.snapshot import changes
from rtcpy.explain.trace import (
    CallEntry,
    DrawEntry,
    Entry,
    EventEntry,
    LostEntry,
    PacketEntry,
    TimerEntry,
    TraceError,
    WakeEntry,
    is_input,
)
from rtcpy.explain.tracefile import load, to_json
from rtcpy.ice import IceConfig, LocalAddress
from rtcpy.peer import IceCandidate, IceServer, Peer, PeerConfiguration, SessionDescription
from rtcpy.peer.states import SdpType
from rtcpy.sim import SYMMETRIC, LinkConfig
from rtcpy.sim.narration import TIMERS
from rtcpy.sim.session import End, Session

HERE, THERE = Address("192.0.2.1", 5000), Address("192.0.2.2", 5000)


def replays(trace: Trace) -> Replay:
    """Replay all of it; what the replay writes must be the recording, entry by entry, of every kind."""
    replay = trace.replay().run()
    for name, endpoint in replay._endpoints.items():
        recorded = [e for e in trace if e.who == name and not isinstance(e, LostEntry)]
        again = [replace(e, number=old.number) for e, old in zip(endpoint.again, recorded, strict=False)]
        assert again == recorded[: len(again)]
        # Events that nobody took before the end of the recording are in neither.
        assert len(again) == len(recorded)
    return replay


# --- sessions of all kinds -----------------------------------------------------------------------------------------------


def signal(session: Session, offerer: End, answerer: End) -> None:
    """One exchange, and candidates as they come for a while."""
    offerer.set_local_description()
    assert offerer.peer.local_description is not None
    answerer.set_remote_description(offerer.peer.local_description)
    answerer.set_local_description()
    assert answerer.peer.local_description is not None
    offerer.set_remote_description(answerer.peer.local_description)
    trickle(session, 2.0)


def trickle(session: Session, seconds: float) -> None:
    def pass_on() -> bool:
        for sender, receiver in ((session.alice, session.bob), (session.bob, session.alice)):
            for candidate in sender.take_candidates():
                try:
                    receiver.add_ice_candidate(candidate)
                except UsageError:
                    continue  # of a generation that was rolled back; the recording has the error
        return False

    session.run(seconds, stop=pass_on)


def restart(session: Session) -> None:
    session.alice.peer.restart_ice(now=session.now)
    signal(session, session.alice, session.bob)


def glare(session: Session) -> None:
    """Both offer at once; bob gives way."""
    alice, bob = session.alice, session.bob
    alice.set_local_description()
    bob.set_local_description()
    assert alice.peer.local_description is not None
    bob.set_remote_description(alice.peer.local_description)
    bob.set_local_description()
    assert bob.peer.local_description is not None
    alice.set_remote_description(bob.peer.local_description)
    trickle(session, 1.0)


def rollback(session: Session) -> None:
    session.bob.set_local_description()
    session.bob.set_local_description(SessionDescription(SdpType.ROLLBACK, ""))


def talk(session: Session) -> None:
    for end, data in ((session.alice, "text"), (session.bob, b"\x00" * 5000)):
        for label in sorted(end.open):
            try:
                end.send(label, data)
            except UsageError:
                continue  # closed by now
    session.run(1.0)


def another_channel(session: Session) -> None:
    session.bob.create_data_channel(f"more {len(session.bob.channels)}")
    session.run(1.0)


def close_a_channel(session: Session) -> None:
    channels = session.alice.peer.channels
    if channels:
        session.alice.peer.close_channel(channels[0], now=session.now)
        session.network.settle()
        session.run(1.0)


def mistake(session: Session) -> None:
    """Commands that fail are part of a recording too."""
    for call in (
        lambda: session.alice.set_remote_description(SessionDescription(SdpType.ANSWER, "v=0\r\n")),
        lambda: session.bob.add_ice_candidate(IceCandidate("candidate:nonsense", "0", 0)),
        lambda: session.bob.create_data_channel("x" * 70_000),
    ):
        with pytest.raises((UsageError, TypeError)):
            call()


def noise(session: Session) -> None:
    """Bytes from nobody."""
    rng = random.Random(7)
    for first in (0, 20, 22, 23, 63, 128, 255):
        host = session.network.hosts["bob"].addresses[0]
        session.network.inject(bytes([first]) + rng.randbytes(40), THERE, Address(host, 5001))
    session.run(0.5)


ACTIONS: dict[str, Callable[[Session], None]] = {
    action.__name__: action
    for action in (restart, glare, rollback, talk, another_channel, close_a_channel, mistake, noise)
}
LINKS = {
    "clean": LinkConfig(),
    "lossy": LinkConfig(loss=0.2, jitter=0.02),
    "wild": LinkConfig(loss=0.1, duplicate=0.1, reorder=0.1, corrupt=0.1, jitter=0.05),
}


def recorded(seed: int | str, link: str, actions: list[str], *, connect: bool = True) -> Session:
    session = Session(seed=seed, link=LINKS[link])
    if connect:
        session.connect()
    for name in actions:
        ACTIONS[name](session)
    return session


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_recorded_session_replays_to_the_same_bytes(action: str, link: str) -> None:
    session = recorded(f"{action}/{link}", link, ["talk", action, "talk"])
    session.alice.peer.close(now=session.now)
    session.run(1.0)
    replay = replays(session.trace)
    for end in session.ends:
        assert replay.snapshots()[end.name]["states"] == {
            "signalingState": end.peer.signaling_state.value,
            "iceGatheringState": end.peer.ice_gathering_state.value,
            "iceConnectionState": end.peer.ice_connection_state.value,
            "connectionState": end.peer.connection_state.value,
            "dtls": end.peer.dtls_state and end.peer.dtls_state.value,
            "sctp": end.peer.sctp_state and end.peer.sctp_state.value,
        }


@pytest.mark.parametrize("link", LINKS)
def test_every_timer_that_was_due_has_a_name(link: str) -> None:
    session = recorded(f"timers/{link}", link, ["talk", "restart"])
    session.run(60.0)  # consent, keepalives, heartbeats
    session.network.outage(session.now, 60.0)
    session.run(60.0)
    names = set()
    for step in session.trace.replay().steps:
        wake = step.entries[0]
        if isinstance(wake, WakeEntry) and wake.deadline is not None and wake.deadline <= wake.at:
            fired = [f"{e.layer} {e.name}" for e in step.entries if isinstance(e, TimerEntry)]
            assert fired, f"{step} has no name"
            assert all(name.partition(" ")[2] in TIMERS for name in fired), f"{fired}: without words"
            names.update(fired)
    assert {"ice RTO", "ice consent check", "ice consent expired", "sctp HEARTBEAT"} <= names


def test_a_session_behind_a_symmetric_nat_shows_what_the_nat_kept_out() -> None:
    session = Session(seed=4, nats=(SYMMETRIC, SYMMETRIC))
    with pytest.raises(TimeoutError):
        session.connect()
    replays(session.trace)
    fates = {entry.fate for entry in session.trace.of(LostEntry)}
    assert "filtered" in fates
    sent = {(e.who, e.data) for e in session.trace.datagrams() if e.direction is Direction.OUT}
    assert all((lost.who, lost.data) in sent for lost in session.trace.of(LostEntry))


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 2**32),
    st.sampled_from(sorted(LINKS)),
    st.lists(st.sampled_from(sorted(ACTIONS)), max_size=5),
    st.lists(st.one_of(st.integers(-3, 3), st.floats(0, 1)), min_size=1, max_size=12),
)
def test_stepping_back_and_forth_lands_in_identical_states(
    seed: int, link: str, actions: list[str], moves: list[int | float]
) -> None:
    replay = recorded(seed, link, actions).trace.replay()
    reference: dict[int, object] = {0: {}}
    forward = replay.trace.replay()
    while forward.step() is not None:
        reference[forward.position] = forward.snapshots()
    count = len(replay.steps)
    assert forward.position == count
    for move in moves:
        if isinstance(move, float):
            replay.to(round(move * count))
        for _ in range(move if isinstance(move, int) else 0):
            before = replay.position
            step = replay.step()
            assert (step is None) == (before == count)
        for _ in range(-move if isinstance(move, int) else 0):
            before = replay.position
            step = replay.back()
            assert (step is None) == (before == 0)
        assert replay.snapshots() == reference[replay.position]


def test_a_replay_is_the_same_in_another_process(tmp_path: Path) -> None:
    """Nothing hangs on the order of hashes or on what this process remembers."""
    session = recorded(5, "wild", ["talk", "restart", "close_a_channel"])
    path = tmp_path / "call.trace"
    session.trace.save(path)
    program = (
        "import sys, json\n"
        "from rtcpy.explain import Trace\n"
        "replay = Trace.load(sys.argv[1]).replay().run()\n"
        "print(json.dumps(replay.snapshots(), sort_keys=True))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert found == {json.dumps(session.trace.replay().run().snapshots(), sort_keys=True) + "\n"}


# --- positions -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trace() -> Trace:
    return recorded(1, "clean", ["talk"]).trace


def test_a_replay_has_a_step_for_each_input(trace: Trace) -> None:
    replay = trace.replay()
    assert [entry.number for step in replay.steps for entry in step.entries] == [e.number for e in trace]
    assert sum(is_input(entry) for entry in trace) == len(replay.steps)  # nothing arrived together here
    assert {step.name for step in replay.steps} >= {
        "Peer",
        "set_local_description",
        "datagram",
        "timer",
        "send",
    }
    assert str(replay.steps[0]) == "0: 0.0 ms, alice: Peer"
    assert repr(replay) == f"<Replay of alice, bob: 0 of {len(replay.steps)} steps>"


def test_a_replay_shows_each_endpoint_from_its_making_on(trace: Trace) -> None:
    replay = trace.replay()
    assert (replay.position, replay.peers, replay.snapshots()) == (0, {}, {})
    assert replay.back() is None
    step = replay.step()
    assert step is not None and step.who == "alice" and list(replay.peers) == ["alice"]
    assert replay.step() is not None and list(replay.peers) == ["alice", "bob"]
    assert "signalingState" in str(replay.states())
    replay.to(-1)
    assert replay.step() is None
    assert replay.peers["alice"].connection_state == "connected"


def test_a_replay_goes_to_positions_and_entries(trace: Trace) -> None:
    replay = trace.replay()
    offer = next(e for e in trace.of(CallEntry) if e.command == "set_local_description")
    replay.to_entry(offer.number)
    assert replay.peers["alice"].signaling_state == "have-local-offer"
    assert replay.back() is replay.steps[replay.position]
    assert replay.peers["alice"].signaling_state == "stable"
    for wrong in (len(replay.steps) + 1, -len(replay.steps) - 2):
        with pytest.raises(IndexError, match=f"this replay has positions 0…{len(replay.steps)}"):
            replay.to(wrong)
    with pytest.raises(IndexError, match="no step has entry"):
        replay.to_entry(len(trace))


def test_a_step_says_what_it_was(trace: Trace) -> None:
    shown = [str(step).partition(", ")[2] for step in trace.replay().steps]
    flight = "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone"
    for text in ("alice: datagram: Binding request", f"bob: datagram: {flight}", "alice: send"):
        assert text in shown
    failed = recorded("step", "clean", ["mistake"]).trace.replay().steps
    assert any("InvalidStateError: " in str(step) for step in failed)


def test_what_changed_between_two_positions_is_told_by_path(trace: Trace) -> None:
    replay = trace.replay()
    before = replay.to(2).snapshots()["alice"]
    created = replay.to_entry(
        next(e for e in trace.of(CallEntry) if e.command == "create_data_channel").number
    )
    told = changes(before, created.snapshots()["alice"])
    assert list(told) == ["channels"] and told["channels"][0] == []
    assert changes(before, before) == {}


# --- when a replay parts from the recording --------------------------------------------------------------------------------


def changed(trace: Trace, number: int, **values: object) -> Trace:
    copy = Trace()
    for entry in trace:
        copy.append(replace(entry, **values) if entry.number == number else replace(entry))  # type: ignore[arg-type]
    return copy


def parts(trace: Trace) -> ReplayError:
    with pytest.raises(ReplayError) as error:
        check(trace)
    return error.value


def first(trace: Trace, kind: type[Entry], **values: object) -> Entry:
    return next(e for e in trace.of(kind) if all(getattr(e, name) == value for name, value in values.items()))


def test_another_packet_is_shown_from_the_first_difference_on(trace: Trace) -> None:
    entry = first(trace, PacketEntry, layer="udp", direction=Direction.OUT)
    assert isinstance(entry, PacketEntry)
    other = entry.data[:10] + bytes([entry.data[10] ^ 1]) + entry.data[11:]
    error = parts(changed(trace, entry.number, data=other))
    assert (error.number, error.recorded, error.replayed) == (entry.number, other, entry.data)
    assert str(error).startswith(f"entry {entry.number}: alice sends another packet, from byte 10 on: ")
    error = parts(changed(trace, entry.number, data=entry.data + b"!"))
    assert f"from byte {len(entry.data)} on: nothing" in str(error) and "in the recording 21" in str(error)
    error = parts(changed(trace, entry.number, remote=THERE))
    assert "in the recording from" in str(error)


def test_a_packet_too_many_or_too_few_is_shown(trace: Trace) -> None:
    entry = first(trace, PacketEntry, layer="udp", direction=Direction.OUT)
    assert isinstance(entry, PacketEntry)
    error = parts(changed(trace, entry.number, layer="stun"))
    assert error.replayed == entry.data and "that the recording does not have" in str(error)
    stun = first(trace, PacketEntry, layer="stun", direction=Direction.OUT)
    error = parts(changed(trace, stun.number, layer="udp"))
    assert error.recorded is not None


@pytest.mark.parametrize(
    ("kind", "find", "values", "expected"),
    [
        (DrawEntry, {}, {"data": b""}, "random bytes are drawn, 0 in the recording"),
        (DrawEntry, {}, {"who": "bob"}, "40 random bytes are drawn, 8 in the recording"),
        (EventEntry, {"name": "open"}, {"detail": "channel 'other'"}, "hears open: channel 'chat', in the recording"),
        (CallEntry, {"command": "send"}, {"command": "close_channel"}, "close_channel ends with TypeError"),
        (CallEntry, {"command": "send"}, {"command": "take_packets"}, "a peer has no command 'take_packets'"),
        (CallEntry, {"command": "send"}, {"command": "__init__"}, "a peer has no command '__init__'"),
        (CallEntry, {"command": "send"}, {"error": "TypeError: no"}, "send ends with success, in the recording with"),
        (CallEntry, {"command": "Peer"}, {"command": "restart_ice"}, "alice is told something before it is made"),
        (CallEntry, {"command": "Peer"}, {"arguments": {}}, "a peer is made of a configuration"),
        (CallEntry, {"command": "send"}, {"arguments": {"channel": {"channel": 9}, "data": ""}}, "there is no channel 9 yet"),
        (CallEntry, {"command": "send"}, {"at": -1.0}, "time goes backwards"),
        (WakeEntry, {}, {"at": 1e9}, ""),
    ],
)  # fmt: skip
def test_what_else_differs_is_said(
    trace: Trace, kind: type[Entry], find: dict[str, object], values: dict[str, object], expected: str
) -> None:
    entry = first(trace, kind, **find)
    assert expected in str(parts(changed(trace, entry.number, **values)))


def test_draws_that_are_missing_are_said(trace: Trace) -> None:
    copy = Trace()
    for entry in trace:
        if not isinstance(entry, DrawEntry):
            copy.append(replace(entry))
    assert str(parts(copy)) == "entry 0: 40 random bytes are drawn that the recording does not have"


def test_draws_that_are_left_over_are_said(trace: Trace) -> None:
    copy = Trace()
    second = trace.inputs()[1].number
    for entry in trace:
        if entry.number == second:
            copy.append(DrawEntry(0.0, "alice", b"superfluous"))
        copy.append(replace(entry))
    assert "left over" in str(parts(copy))


def test_after_an_error_the_positions_before_it_can_still_be_looked_at(trace: Trace) -> None:
    entry = first(trace, CallEntry, command="send")
    replay = changed(trace, entry.number, error="TypeError: no").replay()
    with pytest.raises(ReplayError):
        replay.run()
    good = trace.replay().to_entry(entry.number - 1)
    assert replay.to(good.position).snapshots() == good.snapshots()


def test_a_trace_that_cannot_be_replayed_says_why(trace: Trace) -> None:
    with pytest.raises(ReplayError, match="saved without its secrets"):
        trace.redacted().replay()
    tapped = Trace()
    TraceTap(tapped, "me").packet("udp", Direction.IN, b"x", now=0.0)
    with pytest.raises(ReplayError, match="written by a tap alone"):
        tapped.replay()


def test_a_trace_that_ended_early_replays_as_far_as_it_goes(trace: Trace) -> None:
    for limit in (1, 30, 100, 200):
        short = Trace(entries_max=limit)
        for entry in trace:
            short.append(replace(entry))
        assert short.lost
        if limit == 1:
            with pytest.raises(ReplayError):
                short.replay()
        else:
            replay = short.replay().run()
            reference = trace.replay().to(replay.position)
            assert replay.snapshots() == reference.snapshots()


# --- what is recorded --------------------------------------------------------------------------------------------------


def peer(trace: Trace, configuration: PeerConfiguration | None = None, **options: object) -> RecordedPeer:
    arguments: dict[str, object] = {
        "entropy": SeededEntropy(1),
        "wall_clock": FixedClock(),
        "trace": trace,
        "who": "me",
        "now": 0.0,
        **options,
    }
    return RecordedPeer(configuration, **arguments)  # type: ignore[arg-type]


def test_a_recorded_peer_behaves_like_any_other() -> None:
    """Same bytes with and without the recorder, under a seed."""
    plain = Peer(entropy=SeededEntropy(1), wall_clock=FixedClock())
    traced = peer(Trace())
    for one in (plain, traced):
        one.create_data_channel("chat", now=0.0)
        one.set_local_description(None, now=0.0)
        one.gather(1, [LocalAddress(HERE)], now=0.1)
    assert plain.local_description == traced.local_description
    assert [repr(e) for e in plain.take_events()] == [repr(e) for e in traced.take_events()]


def test_keys_are_drawn_where_they_can_be_written_down() -> None:
    """With the system's entropy the library may make keys by itself; a recorded peer does not let it."""
    trace = Trace()
    one = peer(trace, entropy=SystemEntropy(), wall_clock=SystemClock())
    one.create_data_channel("chat", now=1.0)
    one.set_local_description(None, now=1.0)
    assert trace.of(DrawEntry)
    again = trace.replay().run().peers["me"]
    assert again.local_description == one.local_description


def test_a_configuration_is_recorded_whole(tmp_path: Path) -> None:
    certificate = Certificate.generate(SeededEntropy(2), FixedClock())
    configuration = PeerConfiguration(
        ice_servers=[IceServer(["stun:192.0.2.9", "turn:192.0.2.9"], "joe", "hunter2"), IceServer(("stun:a.example",))],
        certificates=[certificate],
        max_message_size=1000,
        path_mtu=1300,
        ice=IceConfig(allow_loopback=True, consent_interval=None),
    )  # fmt: skip
    trace = Trace()
    one = peer(trace, configuration)
    one.set_configuration(replace(configuration, ice_transport_policy="relay"), now=1.0)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        one.set_configuration(replace(configuration, max_message_size=2), now=1.0)
    trace.save(tmp_path / "t")
    again = Trace.load(tmp_path / "t").replay().run().peers["me"]
    old, new = one.get_configuration(), again.get_configuration()
    (copy,) = new.certificates
    assert copy.der == certificate.der and copy.fingerprint() == certificate.fingerprint()
    assert replace(new, certificates=[]) == replace(old, certificates=[])
    trace.save(tmp_path / "public", secrets=False)
    text = (tmp_path / "public").read_text()
    assert "hunter2" not in text and "joe" in text and '"key": "removed"' in text


def test_a_peer_that_could_not_be_made_is_recorded_with_its_error() -> None:
    trace = Trace()
    expired = Certificate.generate(SeededEntropy(2), FixedClock(0.0))
    with pytest.raises(InvalidAccessError):
        peer(trace, PeerConfiguration(certificates=[expired]))
    (entry,) = trace.of(CallEntry)
    assert entry.error.startswith("InvalidAccessError: a certificate has expired")
    assert trace.replay().run().peers == {}


def test_what_json_cannot_hold_ends_a_replay_with_its_name() -> None:
    trace = Trace()
    peer(trace, PeerConfiguration(ice=IceConfig(candidate_filter=lambda candidate: True)))
    assert "the arguments of Peer: <function" in str(parts(trace))
    assert "could not be recorded" in str(parts(trace))


def test_an_unrecordable_argument_of_a_failed_call_does_no_harm() -> None:
    trace = Trace()
    one = peer(trace)
    with pytest.raises(AttributeError):
        one.create_data_channel(object(), now=0.0)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        one.create_data_channel("x", protocol=object(), now=0.0)  # type: ignore[arg-type]
    check(trace)


def test_statistics_and_other_looks_leave_no_trace() -> None:
    trace = Trace()
    one = peer(trace)
    count = len(trace)
    one.get_stats(now=1.0), one.next_timeout(), one.local_description, one.channels, one.take_packets()
    assert len(trace) == count
    one.receive(Datagram(b"\x80nobody listens", HERE, THERE), now=2.0)
    one.receive_many([Datagram(b"\x16", HERE, THERE), Datagram(b"\x17", HERE, THERE)], now=3.0)
    assert [(e.at, e.more) for e in trace.datagrams()] == [(2.0, False), (3.0, True), (3.0, False)]
    steps = trace.replay().run().steps
    assert [step.name for step in steps] == ["Peer", "datagram", "2 datagrams"]


def test_a_users_own_tap_hears_what_it_always_heard() -> None:
    class Listener(Tap):
        def __init__(self) -> None:
            self.heard: list[tuple[object, ...]] = []

        def packet(self, layer: str, direction: Direction, data: bytes, **_: object) -> None:  # type: ignore[override]
            self.heard.append((layer, direction, data))

    listeners = [Listener(), Listener()]
    trace = Trace()
    for listener, one in zip(
        listeners,
        (
            Peer(entropy=SeededEntropy(1), wall_clock=FixedClock(), tap=listeners[0]),
            peer(trace, tap=listeners[1]),
        ),
        strict=True,
    ):
        one.create_data_channel("chat", now=0.0)
        one.set_local_description(None, now=0.0)
        one.receive(Datagram(b"\x00\x01 no STUN", HERE, THERE), now=0.5)
        assert [what[0] for what in listener.heard] == ["sdp", "udp"]
    assert listeners[0].heard == listeners[1].heard


def test_a_stopped_recording_is_whole() -> None:
    session = Session(seed=2)
    session.connect()
    for end in session.ends:
        assert isinstance(end.peer, RecordedPeer)
        end.peer.tap.stop()
    count = len(session.trace)
    session.alice.send("chat", "not recorded")
    session.network.on_fate = None
    session.run(5.0)
    assert len(session.trace) == count
    replays(session.trace)


# --- hostile files -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_manipulated_file_is_refused_or_replayed_and_nothing_else(data: st.DataObject) -> None:
    trace = recorded(9, "clean", [], connect=True).trace
    rows = [json.dumps(to_json(entry)) for entry in trace]
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(rows) - 1))
        row = json.loads(rows[index])
        victim: dict[str, object] = row
        while True:
            name = data.draw(st.sampled_from(sorted(victim)))
            inner = victim[name]
            if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
                break
            victim = inner
        victim[name] = data.draw(
            st.sampled_from(
                [None, True, 0, 1, 9, -5, 0.5, 2**70, "", "00", "Peer", "send", "alice", [], {}, {"channel": 1},
                 {"bytes": "zz"}, {"tuple": [1]}, {"SdpType": "NONE"}, {"IceCandidate": {"no": 1}},
                 {"Certificate": {"key": "00", "der": "00", "expires": 1}}, {"Address": ["a", 1]}]
            )
        )  # fmt: skip
        rows[index] = json.dumps(row)
    header = json.dumps({"rtcpy-trace": 1, "secrets": True, "names": trace.names, "lost": 0})
    try:
        replay = load(f"{line}\n".encode() for line in [header, *rows]).replay().run()
    except TraceError as error:
        found = str(error)
    else:
        found = repr(replay)
    assert found

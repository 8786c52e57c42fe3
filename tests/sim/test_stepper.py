"""One step at a time, forwards and back: the classic flow in named steps, what undoing means, and other futures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcpy.core.errors import InvalidStateError
from rtcpy.core.machine import Address
from rtcpy.explain.trace import LostEntry
from rtcpy.peer import SessionDescription
from rtcpy.sim import (
    CLASSIC,
    SYMMETRIC,
    Act,
    DivergedError,
    LinkConfig,
    NothingLeftError,
    Session,
    When,
)
from rtcpy.sim.frozen import digest, freeze
from tests.profile import scale

SEED = "offer and answer"
NAMED_MAX = 25  # what is promised


def walked(seed: int | str = SEED, **settings: object) -> Session:
    session = Session(seed=seed, **settings)  # type: ignore[arg-type]
    for _ in session.walk():
        pass
    return session


# --- the walk ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [SEED, 0, 1, 2, "glare"])
def test_the_classic_flow_in_named_steps(seed: int | str, record_property: pytest.RecordProperty) -> None:
    session = Session(seed=seed)
    story = list(session.walk())
    record_property("named steps of the classic flow", len(story))
    assert len(story) <= NAMED_MAX
    assert len({step.name for step in story}) == len(story), "every name is unique"
    assert session.bob.received == ["hello, Bob"] and session.alice.received == ["hello, Alice"]
    assert [part for step in story for part in step.parts] == session.steps, (
        "nothing is left out, nothing told twice"
    )
    assert story == session.named
    assert all(check.holds for step in story for check in step.checks)
    assert session.is_done and session.waits_for() == ""


def test_every_step_says_why() -> None:
    for step in walked().steps:
        assert step.says, step
        assert step.section or step.kind in ("wait", "look"), step


def test_the_calls_of_the_readme_are_all_there() -> None:
    calls = [step.name.partition("(")[0] for step in walked().steps if step.kind == "call"]
    assert calls == [
        "alice.create_data_channel",
        "alice.create_offer",
        "alice.set_local_description",
        "bob.set_remote_description",
        "bob.add_ice_candidate",
        "bob.create_answer",
        "bob.set_local_description",
        "alice.set_remote_description",
        "alice.add_ice_candidate",
        "bob.add_ice_candidate",
        "bob.add_ice_candidate",
        "alice.add_ice_candidate",
        "alice.send",
        "bob.send",
    ]


def test_three_misbeliefs_have_a_step_each() -> None:
    misbeliefs = {step.name: step for step in walked().named if step.name.startswith("Misbelief: ")}
    assert set(misbeliefs) == {
        "Misbelief: gathering starts with createOffer",
        "Misbelief: SDP fixes the resolution",
        "Misbelief: candidates must wait for the answer",
    }
    for step in misbeliefs.values():
        assert len(step.checks) >= 2 and all(check.holds for check in step.checks)
        assert step.says and step.section
    gathering, sizes, early = misbeliefs.values()
    assert not gathering.packets and not gathering.events and not gathering.state_changes
    assert "max-message-size" in sizes.says and "no line" in str(sizes)
    assert early.before.rows[0] == ("signalingState", "have-local-offer", "have-remote-offer")


def test_gathering_starts_with_the_local_description() -> None:
    session = Session(seed=SEED)
    story = {step.name: step for step in session.walk()}
    step = story["Alice means it: setLocalDescription, and gathering starts"]
    assert ("alice", "iceGatheringState", "new", "gathering") in step.state_changes
    assert [sent.receiver for sent in step.packets] == ["stun"]
    assert not any(
        change[1] == "iceGatheringState" for step in session.steps[:3] for change in step.state_changes
    )


def test_claims_that_do_not_hold_are_told_as_such() -> None:
    session = Session(seed=SEED)
    session.alice.create_data_channel("chat")
    session.alice.set_local_description()  # out of turn
    session.run(1)
    session.step()  # the script's createOffer
    session.step()
    wait = session.steps[-1]
    assert wait.name == "wait 1 s" and not all(check.holds for check in wait.checks)
    assert "✗ no candidate was found" in str(wait)


def test_a_rollback_is_told_as_one() -> None:
    session = Session(seed=SEED, script=())
    session.alice.create_data_channel("chat")
    session.alice.set_local_description()
    session.alice.set_local_description(SessionDescription("rollback"))
    step = session.steps[-1]
    assert "takes the offer back" in step.says and step.section == "RFC 9429 §5.7"
    [gone] = step.sdp_changes
    assert gone.section == "RFC 9429 §5.7" and gone.is_known and gone.is_gone
    assert "17 lines, all gone" in step._repr_html_()
    assert {line[0] for line in gone.lines} == {"-"}


def test_a_collision_is_told_as_one() -> None:
    session = Session(seed=SEED, script=())
    for end in session.ends:
        end.create_data_channel("chat")
        end.set_local_description()
    assert session.alice.peer.local_description is not None
    session.bob.set_remote_description(session.alice.peer.local_description)
    step = session.steps[-1]
    assert "rolled back first" in step.says
    sections = {change.description: change.section for change in step.sdp_changes}
    assert sections == {"localDescription": "RFC 9429 §5.7", "remoteDescription": "RFC 9429 §5.10"}


def test_another_path_is_a_milestone_each_time() -> None:
    session = walked()
    assert not any("another path" in step.name for step in session.named)
    for _ in range(2):
        offer = session.alice.create_offer(ice_restart=True)
        session.alice.set_local_description(offer)
        session.bob.set_remote_description(offer)
        session.bob.set_local_description()
        assert session.bob.peer.local_description is not None
        session.alice.set_remote_description(session.bob.peer.local_description)
        until = session.now + 0.5
        while session.now < until:
            session.step()
    changes = [step.name for step in session.named if "another path" in step.name]
    assert changes == [
        "Bob changes to another path",
        "Alice changes to another path",
        "Bob changes to another path (2)",
        "Alice changes to another path (2)",
    ]


def test_nothing_is_told_twice() -> None:
    session = walked()
    lost = next(step for step in session.steps if any(sent.fate for sent in step.packets))
    assert lost.refusals and lost.refusals_to_tell == []
    assert str(lost).count("leads nowhere") == lost._repr_html_().count("leads nowhere") == 1
    fresh = Session(seed=SEED, script=())
    with pytest.raises(InvalidStateError):
        fresh.alice.add_ice_candidate(session.bob.given[0])
    assert str(fresh.steps[-1]).count("no remote description") == 1


def test_a_text_that_was_shown_when_it_was_made_is_folded_when_it_is_set() -> None:
    story = list(Session(seed=SEED).walk())
    made, was_set, found = (story[n].sdp_changes[0] for n in (1, 3, 6))
    assert not made.is_known and was_set.is_known and not found.is_known
    assert "<details open" in story[1]._repr_html_() and "<details open" in story[6]._repr_html_()
    assert "<details open" not in story[3]._repr_html_()


# --- what a step tells -------------------------------------------------------------------------------------------------


def test_descriptions_change_by_their_sections() -> None:
    session = walked()
    changes = [(c.who, c.description, c.section) for step in session.steps for c in step.sdp_changes]
    assert ("alice", "offer made, not yet set", "RFC 9429 §5.2.1") in changes
    assert ("alice", "localDescription", "RFC 9429 §5.9") in changes
    assert ("bob", "remoteDescription", "RFC 9429 §5.10") in changes
    assert ("bob", "answer made, not yet set", "RFC 9429 §5.3.1") in changes
    assert ("alice", "localDescription", "W3C webrtc §5.6 (surface a candidate)") in changes
    assert ("bob", "remoteDescription", "RFC 9429 §3.5.2") in changes
    for end in session.ends:
        assert end.peer.local_description is not None
        grown = [
            c.lines
            for step in session.steps
            for c in step.sdp_changes
            if (c.who, c.description) == (end.name, "localDescription")
        ]
        text: list[str] = []
        for lines in grown:
            gone = [line[2:] for line in lines if line[0] == "-"]
            text = [line for line in text if line not in gone] + [
                line[2:] for line in lines if line[0] == "+"
            ]
        assert sorted(text) == sorted(end.peer.local_description.sdp.splitlines()), "the changes add up"


def test_the_text_form_has_everything() -> None:
    session = Session(seed=SEED)
    session.to(4)
    text = str(session.steps[-1])
    assert "alice.set_local_description(offer)" in text and "RFC 9429 §5.9" in text
    assert "alice  signalingState: stable → have-local-offer" in text
    assert "+ a=candidate:1 1 udp 2130706431 192.168.0.2 5001 typ host" in text
    assert "alice  hears icegatheringstatechange: gathering" in text
    assert "alice → stun  20 B  Binding request" in text


def test_the_html_form_is_escaped_and_lights_changes() -> None:
    session = Session(seed=SEED, script=())
    session.alice.create_data_channel("<script>")
    html = session.steps[-1]._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    session.alice.set_local_description()
    html = session.steps[-1]._repr_html_()
    assert "stable →</span> have-local-offer" in html and "+ a=setup:actpass" in html


# --- backwards ---------------------------------------------------------------------------------------------------------

JUMPS = st.lists(st.one_of(st.integers(0, 48), st.just("step"), st.just("back"), st.just("next")), max_size=6)


@settings(max_examples=scale(dev=12, ci=25, thorough=200), deadline=None)
@given(JUMPS)
def test_any_way_there_leads_to_the_same_state(jumps: list[int | str]) -> None:
    """Full snapshots: states, descriptions, pairs, DTLS, SCTP, packets in flight, to the last counter."""
    session = Session(seed=SEED)
    for jump in jumps:
        if jump == "step":
            session.step()
        elif jump == "back":
            session.back()
        elif jump == "next":
            session.next()
        else:
            session.to(int(jump))
    straight = Session(seed=SEED)
    straight.to(session.position)
    assert session.snapshot() == straight.snapshot()
    assert session.steps == straight.steps
    for both in (session, straight):  # and so is everything that comes
        for _ in range(12):
            both.step()
    assert session.network.log == straight.network.log
    assert session.snapshot() == straight.snapshot()


def test_a_snapshot_sees_the_smallest_difference() -> None:
    one, other = Session(seed=SEED), Session(seed=SEED)
    one.to(40)
    other.to(40)
    assert one.snapshot() == other.snapshot()
    transport = other.bob.peer.transport
    assert transport is not None and transport.channels is not None
    transport.channels.association.congestion.rto += 1e-9
    assert one.snapshot()["alice"] == other.snapshot()["alice"]
    assert one.snapshot() != other.snapshot()


def test_back_at_the_beginning_is_the_beginning() -> None:
    session = Session(seed=SEED)
    assert session.back() is None and session.position == 0
    session.to(3)
    assert session.back(5) is None and session.now == 0
    with pytest.raises(ValueError, match="before 0"):
        session.to(-1)


def test_what_was_undone_is_done_again_to_the_byte() -> None:
    session = walked()
    log, steps = list(session.network.log or ()), list(session.steps)
    session.to(9)
    assert session.position == 9 and session.steps == steps[:9]
    while session.position < len(steps):
        session.step()
    assert session.steps == steps and session.network.log == log


def test_calls_by_hand_are_steps_and_undone_too() -> None:
    session = Session(seed=2, script=())
    alice, bob = session.alice, session.bob
    alice.create_data_channel("chat")
    offer = alice.create_offer()
    alice.set_local_description(offer)
    session.run(0.1)
    bob.set_remote_description(offer)
    names = [step.name for step in session.steps if step.kind == "call"]
    assert names == [
        "alice.create_data_channel('chat')",
        "alice.create_offer()",
        "alice.set_local_description(offer)",
        "bob.set_remote_description(offer)",
    ]
    before = session.snapshot()
    session.back()
    assert bob.peer.signaling_state == "stable"
    session.step()
    assert bob.peer.signaling_state == "have-remote-offer" and session.snapshot() == before
    session.to(2)
    assert alice.peer.signaling_state == "stable" and session.now == 0


def test_something_else_makes_another_future() -> None:
    session = walked()
    whole = len(session.steps)
    session.to(6)
    session.alice.create_data_channel("another")
    assert session.position == 7
    session.to(7)
    assert len(list(session.walk())) > 10
    assert session.alice.open == {"chat", "another"} == session.bob.open
    assert len(session.steps) > whole


def test_the_script_takes_calls_by_hand_for_its_own() -> None:
    session = Session(seed=SEED)
    session.alice.create_data_channel("chat")
    session.alice.create_offer()
    list(session.walk())
    assert [s.name for s in session.steps].count("alice.create_offer()") == 1
    assert session.bob.received == ["hello, Bob"]


def test_a_call_that_fails_is_a_step_that_says_so() -> None:
    session = Session(seed=SEED, script=())
    with pytest.raises(InvalidStateError):
        session.bob.create_answer()
    assert "InvalidStateError: create_answer is not possible in stable" in str(session.steps[-1])
    [refusal] = session.refusals()
    assert refusal.layer == "api" and "create_answer is not possible" in refusal.check
    session.alice.create_data_channel("chat")
    session.back(2)
    session.to(2)
    assert session.steps[0].error and session.alice.channels


def test_what_is_taken_is_taken_again_after_going_back() -> None:
    session = Session(seed=3, script=())
    session.alice.create_data_channel("chat")
    session.alice.set_local_description()
    first = session.alice.take_candidates()
    assert len(first) == 1
    session.run(0.1)
    later = session.alice.take_candidates()
    assert len(later) == 3
    told = session.news().names("alice")
    session.to(2)
    assert session.alice.take_candidates() == first
    session.run(0.1)
    assert session.alice.take_candidates() == later
    assert session.news().names("alice") == told


def test_what_was_changed_past_the_session_is_noticed() -> None:
    session = Session(seed=4)
    session.to(12)
    session.alice.peer.restart_ice(now=session.now)
    session.alice.peer.close(now=session.now)
    session.step()
    with pytest.raises(DivergedError, match=r"Session\.tamper"):
        session.to(3)
        session.to(13)


def test_what_is_done_with_tamper_is_done_again() -> None:
    def cut(session: Session) -> None:
        session.network.outage(session.now, 5.0)

    session = Session(seed=4)
    session.to(12)
    session.tamper("the cable is pulled for 5 s", cut)
    session.run(2.0)
    before = session.snapshot()
    assert any("lost by the network" in refusal.check for refusal in session.refusals())
    session.to(5)
    session.to(13)
    session.run(2.0)
    assert session.snapshot() == before


def test_a_copy_goes_its_own_way() -> None:
    session = Session(seed=SEED)
    session.to(20)
    session.back(5)
    twin = session.copy()
    assert twin.position == 15 and twin.snapshot() == session.snapshot()
    twin.drop(0)
    assert session.position == 15
    for _ in range(5):
        session.step()
    assert session.position == 20


# --- nothing left -------------------------------------------------------------------------------------------------------


def test_nothing_left_says_what_the_script_waits_for() -> None:
    never = Act(name="never", who="alice", call="create_offer", when=When("pigs fly", lambda s: False))
    session = Session(script=(never,))
    with pytest.raises(NothingLeftError, match="pigs fly"):
        session.step()
    assert session.steps == []


def test_a_walk_that_leads_nowhere_ends() -> None:
    session = Session(nats=(SYMMETRIC, SYMMETRIC))
    with pytest.raises(NothingLeftError, match="channel is open at both ends"):
        list(session.walk())
    assert any(refusal.check == "no candidate pair works" for refusal in session.refusals())


def test_a_script_may_be_extended() -> None:
    files = Act(
        name="Alice opens a second channel, without an offer",
        who="alice",
        call="create_data_channel",
        arguments=["files"],
        when=When("the greeting is there", lambda s: bool(s.bob.received)),
    )
    done = Act(name="", call="look", when=When("it is open", lambda s: "files" in s.bob.open))
    session = Session(seed=SEED, script=(*CLASSIC, files, done))
    names = [step.name for step in session.walk()]
    assert "Alice opens a second channel, without an offer" in names and "files" in session.bob.open
    assert "The channel 'files' is open at Bob" in names


# --- meddling -----------------------------------------------------------------------------------------------------------


def at_first(session: Session, words: str) -> int:
    """Step until a packet in flight says `words`; its number."""
    for _ in range(80):
        for packet in session.pending:
            if words in packet.summary:
                return packet.index
        session.step()
    raise AssertionError(words)


def test_pending_lists_what_is_on_its_way() -> None:
    session = Session(seed=SEED)
    at_first(session, "ClientHello")
    pending = session.pending
    text = str(pending)
    assert "bob → alice's router   143 B  ClientHello" in text
    hello = pending[pending.find("ClientHello", sender="bob")]
    assert hello.says.startswith("DTLS begins") and hello.section == "RFC 6347 §4.2.1"
    assert hello._repr_html_().startswith("<div")
    assert "ClientHello" in pending._repr_html_()
    with pytest.raises(LookupError, match="nothing like it"):
        pending.find("nothing like it")
    session.to(0)
    assert str(session.pending) == "nothing is on its way" and len(session.pending) == 0


@pytest.mark.parametrize(
    "meddle",
    [
        lambda s, i: s.drop(i),
        lambda s, i: s.duplicate(i),
        lambda s, i: s.delay(i, 0.1),
        lambda s, i: s.edit(i, lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        lambda s, i: s.hold(i),
        lambda s, i: s.inject(b"\x80rtp", Address("203.0.113.66", 1), Address("192.0.2.2", 5001)),
        lambda s, i: s.hold(lambda flight: flight.sender == "bob"),
    ],
    ids=["drop", "duplicate", "delay", "edit", "hold", "inject", "hold a direction"],
)
@pytest.mark.parametrize(
    "words", ["Binding success", "ClientHello", "ServerHello", "COOKIE-ECHO", "hello, Bob"]
)
def test_what_is_done_to_a_packet_is_a_step_and_undone(
    meddle: Callable[[Session, int], object], words: str
) -> None:
    session = Session(seed=SEED)
    index = at_first(session, words)
    clean = session.snapshot()
    meddle(session, index)
    changed = session.steps[-1]
    assert changed.kind == "change" and session.snapshot() != clean
    session.run(0.4)
    after = session.snapshot()
    session.back(session.position - changed.number + 1)
    assert session.snapshot() == clean
    session.step()
    session.run(0.4)
    assert session.snapshot() == after


@pytest.mark.parametrize(
    "words", ["ClientHello", "ServerHello", "Finished", "INIT", "COOKIE-ECHO", "hello, Bob"]
)
@pytest.mark.parametrize("what", ["drop", "duplicate", "delay"])
def test_the_protocols_get_over_it(what: str, words: str) -> None:
    session = Session(seed=SEED)
    index = at_first(session, words)
    {"drop": session.drop, "duplicate": session.duplicate, "delay": lambda i: session.delay(i, 0.3)}[what](
        index
    )
    list(session.walk())
    assert session.bob.received == ["hello, Bob"] and session.alice.received == ["hello, Alice"]


def test_held_packets_wait_for_their_release() -> None:
    session = Session(seed=SEED)
    session.hold(at_first(session, "ClientHello"))
    held = session.pending[len(session.pending) - 1]
    assert held.flight.is_held and "held" in str(session.pending)
    session.run(0.01)
    assert session.pending[len(session.pending) - 1].flight.is_held
    session.release(len(session.pending) - 1)
    assert not any(packet.flight.is_held for packet in session.pending)
    list(session.walk())
    assert session.bob.received


def test_a_rule_holds_until_all_is_released() -> None:
    session = Session(seed=SEED)
    at_first(session, "ClientHello")
    session.hold(lambda flight: flight.sender == "bob")
    session.run(1.0)
    assert all(p.flight.sender == "bob" for p in session.pending if p.flight.is_held)
    assert session.alice.peer.dtls_state == "connecting"
    session.release()
    list(session.walk())
    assert session.bob.received


def test_an_edited_packet_is_refused_with_check_and_section() -> None:
    session = Session(seed=SEED)
    index = at_first(session, "Binding request (you control)")
    session.edit(index, lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:])
    assert session.steps[-1].says == "1 bytes of the packet are different now."
    session.run(0.1)
    assert any(
        r.section == "RFC 8489 §14.7" and r.who == "alice" and r.layer == "stun" for r in session.refusals()
    )
    assert "[RFC 8489 §14.7]" in session.why() and "alice (stun) refused" in session.why()


def test_an_injected_packet_that_nobody_understands() -> None:
    session = Session(seed=SEED)
    at_first(session, "ClientHello")
    session.inject(b"\x80rtp", Address("203.0.113.66", 1), Address("192.0.2.2", 5001))
    session.step()
    [refusal] = session.steps[-1].refusals
    assert (refusal.who, refusal.check, refusal.section) == ("bob", "nothing here speaks rtp", "RFC 7983 §7")


def test_numbers_that_are_not_there() -> None:
    session = Session(seed=SEED)
    with pytest.raises(IndexError, match="packet 0 of 0 in flight"):
        session.drop(0)
    at_first(session, "ClientHello")
    with pytest.raises(ValueError, match="a delay of -1"):
        session.delay(0, -1)
    with pytest.raises(LookupError, match="is not held"):
        session.release(0)


def test_the_network_tells_what_it_lost() -> None:
    session = Session(seed=SEED, link=LinkConfig(delay=0.02, mtu=300))
    session.to(30)
    refused = [r for r in session.refusals() if r.layer == "network" and r.section == "RFC 8899 §1.1"]
    assert (
        refused and "larger than the 300 bytes" in refused[0].check and "did not carry it" in str(refused[0])
    )


def test_nothing_refused() -> None:
    assert Session().why() == "nothing was refused"


def test_a_closed_connection_says_goodbye() -> None:
    session = walked()
    session.alice.close()
    assert session.steps[-1].name == "alice.close()" and session.states().rows[0][1] == "closed"
    session.run(1)
    assert session.bob.peer.dtls_state == "closed"


# --- snapshots ----------------------------------------------------------------------------------------------------------


def test_freezing_keeps_sharing_and_ends_loops() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert freeze(loop) == ("row", 1, ("again", 0))
    shared = [1]
    assert freeze([shared, shared]) != freeze([[1], [1]])
    assert freeze({1, 2}) == ("set", 1, 2) and freeze(bytearray(b"x")) == b"x"
    assert freeze(print)[0] == "other"  # type: ignore[index]
    assert digest([1]) == digest([1]) != digest([2])


# --- the trace ----------------------------------------------------------------------------------------------------------


def test_the_trace_of_a_session_that_went_back_replays() -> None:
    session = Session(seed=3)
    session.drop(at_first(session, "ClientHello"))
    session.run(1)
    session.back(5)
    while not session.pending:
        session.step()
    session.edit(0, lambda data: data[:-1] + b"!")
    session.step()
    session.to(session.position - 3)
    session.alice.create_data_channel("another future")
    list(session.walk())
    replay = session.trace.replay().run()
    assert replay.states() == session.states()
    assert [entry.fate for entry in session.trace.of(LostEntry)].count("lost") <= 1


def test_protected_packets_are_read_in_the_clear() -> None:
    session = Session(seed=SEED)
    index = at_first(session, "hello, Bob")
    packet = session.pending[index]
    assert 'DATA: text "hello, Bob"' in str(packet.explain()) and "hello, Bob" in packet._repr_html_()
    session.edit(packet.index, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    edited = next(p for p in session.pending if p.flight.note == "edited")
    assert "hello" not in edited.summary, "what was changed does not say any more what it said"
    session.run(0.05)
    assert any(r.section == "RFC 6347 §4.1.2.7" and r.who == "bob" for r in session.refusals())


def test_what_is_remembered_of_a_long_transfer_is_bounded() -> None:
    """Each datagram is read once, however often it is spoken of."""
    session = Session(seed=1)
    session.connect()
    session.alice.send("chat", bytes(250_000))
    session.run(1, stop=lambda: bool(session.bob.received))
    assert len(session._readings) <= 1_000 and session.bob.received == [bytes(250_000)]

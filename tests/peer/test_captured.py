"""What real endpoints wrote: every captured offer is answered, every captured answer to a data offer applies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtcpy import sdp
from rtcpy.peer.candidates import RemoteGeneration, candidates_for
from rtcpy.peer.negotiation import plan
from rtcpy.peer.sections import Description, read_description
from rtcpy.peer.states import SdpType, SignalingState
from tests.peer.builders import Talker, edited, lines

DATA = Path(__file__).parent.parent / "data" / "sdp"
OFFERS = sorted(p for p in (DATA / "captured").rglob("*offer*.sdp"))
ANSWERS = sorted(p for p in (DATA / "captured").rglob("*answer*.sdp"))
PLAIN_MEDIA = "plain-media"  # Chromium with encryption switched off: no fingerprint, no data


def read(path: Path) -> str:
    return path.read_bytes().decode()


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_there_is_something_to_test() -> None:
    assert len(OFFERS) >= 80
    assert len(ANSWERS) >= 40


@pytest.mark.parametrize("path", OFFERS, ids=name)
def test_every_captured_offer_gets_a_valid_answer(path: Path) -> None:
    offer = read(path)
    me = Talker()
    me.set_remote("offer", offer)
    text = me.answer()
    answer = sdp.SessionDescription.parse(text)
    answer.validate()
    theirs = sdp.SessionDescription.parse(offer)
    assert len(answer.media) == len(theirs.media)
    for ours, their in zip(answer.media, theirs.media, strict=True):
        assert (ours.media, ours.protocol, ours.mid) == (their.media, their.protocol, their.mid)
        assert (ours.port == 0) == (not ours.is_data or not data_possible(theirs)), (
            "media is rejected, data is not"
        )
        if ours.port == 0:
            assert ours.value("ice-ufrag") is None
        else:
            assert ours.value("setup") == ("passive" if theirs.setup(their).value == "active" else "active")  # type: ignore[union-attr]
    accepted = [m.mid for m in answer.media if m.port]
    assert answer.bundle_groups == ([accepted] if accepted and theirs.bundle_groups else [])
    me.set_local("answer", text)
    assert me.state.signaling is SignalingState.STABLE
    assert (plan(me.state) is not None) == bool(accepted)


def data_possible(offer: sdp.SessionDescription) -> bool:
    """Whether some data section has a port of its own, so that it does not depend on rejected media."""
    return any(m.is_data and m.port for m in offer.media)


@pytest.mark.parametrize("path", OFFERS, ids=name)
def test_our_offer_after_a_captured_one_keeps_every_place(path: Path) -> None:
    me = Talker(data=False)
    me.set_remote("offer", read(path))
    me.set_local("answer", me.answer())
    before = me.state.current_local
    assert before is not None
    offer = me.offer()
    assert [line.split()[0] for line in lines(offer, "m=")] == [f"m={s.kind}" for s in before.sections]
    assert lines(offer, "a=mid") == [f"a=mid:{s.mid}" for s in before.sections if s.mid]
    me.set_local("offer", offer)
    sdp.SessionDescription.parse(offer).validate()


DATA_ANSWERS = [
    p
    for p in ANSWERS
    if read(p).count("\r\nm=") == 1 and "\r\nm=application 9" in read(p).replace("m=application 0", "")
]


def test_browsers_answered_data_offers() -> None:
    assert {p.parent.name for p in DATA_ANSWERS} >= {"chromium-156", "firefox-153", "sessions"}


@pytest.mark.parametrize("path", DATA_ANSWERS, ids=name)
def test_captured_answers_to_data_offers_apply_to_ours(path: Path) -> None:
    me = Talker()
    offer = me.offer()
    me.set_local("offer", offer)
    answer = read(path)
    description = read_description(SdpType.ANSWER, answer)
    mid = description.sections[0].mid
    if mid != "0":
        answer = edited(answer, (f"a=mid:{mid}", "a=mid:0"), (f"BUNDLE {mid}", "BUNDLE 0"))
    me.set_remote("answer", answer)
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert agreed.sctp is not None
    assert agreed.sctp.remote_port == 5000
    assert not agreed.remote.is_dtls_client, "all of them answer active"


RESTARTS = [DATA / "captured" / browser for browser in ("chromium-156", "firefox-153")]


@pytest.mark.parametrize("folder", RESTARTS, ids=lambda p: p.name)
def test_a_captured_ice_restart_is_recognised(folder: Path) -> None:
    me = Talker()
    me.set_remote("offer", read(folder / "ice-restart-before-offer.sdp"))
    first = me.answer()
    me.set_local("answer", first)
    me.set_remote("offer", read(folder / "ice-restart-offer.sdp"))
    second = me.answer()
    assert lines(second, "a=ice-ufrag") != lines(first, "a=ice-ufrag")
    assert lines(second, "a=setup", "a=fingerprint") == lines(first, "a=setup", "a=fingerprint")
    effects = me.set_local("answer", second)
    assert [type(e).__name__ for e in effects] == ["RestartIce", "Connect"]


@pytest.mark.parametrize("folder", RESTARTS, ids=lambda p: p.name)
def test_captured_renegotiation_with_recycling(folder: Path) -> None:
    me = Talker()
    for step in ("first", "add-video", "stopped", "recycle"):
        me.set_remote("offer", read(folder / f"reoffer-{step}-offer.sdp"))
        answer = me.answer()
        effects = me.set_local("answer", answer)
        assert (effects == ()) == (step != "first"), "data goes on as it is"
        assert lines(answer, "m=application") == ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]


def test_examples_of_rfc_9429() -> None:
    examples = [e["text"] for e in json.loads((DATA / "rfc" / "rfc9429.json").read_text())]
    offers = [text for text in examples if "a=setup:actpass" in text]
    assert len(offers) >= 3
    for text in offers:
        me = Talker()
        me.set_remote("offer", text)
        answer = sdp.SessionDescription.parse(me.answer())
        assert [m.media for m in answer.media] == [m.media for m in sdp.SessionDescription.parse(text).media]


# --- candidates in bundled sections --------------------------------------------------------------------------


def description_of(peer: str, what: str = "av-data-offer-gathered") -> Description:
    return read_description(SdpType.OFFER, read(DATA / "captured" / peer / f"{what}.sdp"))


@pytest.mark.parametrize("peer", ["aiortc", "werift", "wrtc"])
def test_only_the_accepted_section_gives_candidates(peer: str) -> None:
    """The others have ports of their own that vanish with the answer."""
    offer = description_of(peer)
    section = offer.sections[2]
    assert section.is_data
    chosen, _ = candidates_for(offer, section, frozenset({2}), None)
    assert chosen == list(section.candidates)
    assert chosen
    assert {c.port for c in chosen}.isdisjoint(
        c.port for s in offer.sections[:2] for c in s.candidates if c.protocol == "udp"
    )


def test_pion_writes_all_candidates_into_the_first_section() -> None:
    offer = description_of("pion")
    assert not offer.sections[2].candidates
    chosen, complete = candidates_for(offer, offer.sections[2], frozenset({2}), None)
    assert [c.component for c in chosen] == [1], "the duplicate for RTCP is left out"
    assert chosen[0].address == "198.51.100.1"
    assert complete


def test_trickled_candidates_of_rejected_sections_are_left_out_unless_nothing_else_comes() -> None:
    offer = description_of("chromium-156", "av-data-offer")
    section = offer.sections[2]
    elsewhere = sdp.Candidate("1", 1, "udp", 2122260223, "198.51.100.9", 5001, "host")
    own = sdp.Candidate("1", 1, "udp", 2122260223, "198.51.100.9", 5003, "host")
    generation = RemoteGeneration(added=[(0, elsewhere)])
    assert candidates_for(offer, section, frozenset({2}), generation) == ([], False)
    generation.added.append((2, own))
    assert candidates_for(offer, section, frozenset({2}), generation) == ([own], False)
    generation.ended.add(0)
    assert candidates_for(offer, section, frozenset({2}), generation) == ([own], False), (
        "another section's end"
    )
    generation.ended.add(2)
    assert candidates_for(offer, section, frozenset({2}), generation) == ([own], True)
    alone = RemoteGeneration(added=[(0, elsewhere)], all_ended=True)
    assert candidates_for(offer, section, frozenset({2}), alone) == ([elsewhere], True)

"""Taking descriptions: what is accepted, what is refused with which error, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from rtcpy.core.errors import (
    InvalidAccessError,
    InvalidModificationError,
    InvalidStateError,
    RtcSyntaxError,
    UsageError,
)
from rtcpy.peer.apply import (
    CloseChannels,
    CloseTransport,
    Connect,
    OpenTransport,
    RestartIce,
    RollBackIce,
    UseSctp,
)
from rtcpy.peer.negotiation import has_sctp, is_negotiation_needed, plan
from rtcpy.peer.states import SIGNALING_TRANSITIONS, SdpType, Side, SignalingState
from rtcpy.peer.transceiver import TransceiverDirection
from tests.peer.builders import Talker, edited, exchange, lines
from tests.peer.test_negotiate import AUDIO_VIDEO_DATA, talker_in

S = SignalingState


def kinds(effects: tuple[object, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


# --- the state machine ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "side", "kind"), list(product(SignalingState, Side, SdpType)))
def test_every_state_and_every_description(state: SignalingState, side: Side, kind: SdpType) -> None:
    """All 48 combinations against the table; a refused one changes nothing."""
    me = talker_in(state)
    expected = SIGNALING_TRANSITIONS.get((state, side, kind))
    action = step(me, side, kind)
    before = me.state
    if expected is None:
        with pytest.raises((InvalidStateError, InvalidModificationError)):
            action()
        assert me.state is before
    else:
        action()
        assert me.state.signaling is expected


def step(me: Talker, side: Side, kind: SdpType) -> Callable[[], object]:
    """The command, with a description made for it where one can be made."""
    if kind is SdpType.ROLLBACK:
        return lambda: me.rollback(side)
    if side is Side.LOCAL:
        make = me.offer if kind is SdpType.OFFER else me.answer
        try:
            text = make()
        except InvalidStateError:
            text = "v=0"
        return lambda: me.set_local(kind, text)
    if kind is SdpType.OFFER:
        return lambda: me.set_remote(kind, Talker(2).offer())
    other = Talker(2)
    if me.state.pending_local is not None and me.state.pending_local.type is SdpType.OFFER:
        other.set_remote("offer", me.state.pending_local.text)
        answer = me.state.pending_remote.text if me.state.pending_remote is not None else other.answer()
        return lambda: me.set_remote(kind, answer)
    return lambda: me.set_remote(kind, AUDIO_VIDEO_DATA)


def test_a_whole_exchange_leaves_both_stable_with_the_same_pair() -> None:
    a, b = Talker(1), Talker(2)
    offer, answer = exchange(a, b)
    for side, local, remote in ((a, offer, answer), (b, answer, offer)):
        state = side.state
        assert state.signaling is S.STABLE
        assert state.current_local is not None
        assert state.current_remote is not None
        assert (state.current_local.text, state.current_remote.text) == (local, remote)
        assert state.pending_local is state.pending_remote is state.stable is None
        assert state.last_offer is state.last_answer is None


def test_modified_local_text_is_refused() -> None:
    me = Talker()
    offer = me.offer()
    before = me.state
    with pytest.raises(InvalidModificationError):
        me.set_local("offer", offer.replace("a=mid:0", "a=mid:1"))
    assert me.state is before
    with pytest.raises(InvalidModificationError):
        Talker().set_local("answer", offer)


def test_an_offer_made_before_the_last_one_is_refused() -> None:
    me = Talker()
    first = me.offer()
    me.offer()
    with pytest.raises(InvalidModificationError):
        me.set_local("offer", first)


def test_an_answer_to_an_older_offer_is_refused() -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    answer = me.answer()
    me.set_remote("offer", Talker(2).offer())
    with pytest.raises(InvalidModificationError):
        me.set_local("answer", answer)


# --- effects -------------------------------------------------------------------------------------------------


def test_effects_of_a_first_exchange() -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    assert kinds(a.set_local("offer", offer)) == ["OpenTransport"]
    assert kinds(b.set_remote("offer", offer)) == []
    answer = b.answer()
    answered = b.set_local("answer", answer)
    assert kinds(answered) == ["OpenTransport", "Connect", "UseSctp"]
    completed = a.set_remote("answer", answer)
    assert kinds(completed) == ["Connect", "UseSctp"]
    opened, to_a, with_a = answered
    to_b, with_b = completed
    assert isinstance(opened, OpenTransport)
    assert isinstance(to_a, Connect)
    assert isinstance(to_b, Connect)
    assert isinstance(with_a, UseSctp)
    assert isinstance(with_b, UseSctp)
    assert not opened.plan.controlling, "the offerer controls (RFC 8445 §6.1.1)"
    assert to_a.remote.is_dtls_client, "the answerer is active, i.e. the DTLS client"
    assert not to_b.remote.is_dtls_client
    assert with_a.sctp.remote_max_message_size == 262144
    assert plan(a.state) is not None
    assert to_b.remote.credentials == opened.plan.credentials


def test_renegotiation_without_changes_has_no_effects() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    before = plan(a.state), plan(b.state)
    for offerer, answerer in ((a, b), (b, a)):
        offer = offerer.offer()
        assert "a=setup:actpass" in offer
        assert offerer.set_local("offer", offer) == ()
        assert answerer.set_remote("offer", offer) == ()
        answer = answerer.answer()
        assert answerer.set_local("answer", answer) == ()
        assert offerer.set_remote("answer", answer) == ()
    assert (plan(a.state), plan(b.state)) == before
    role = "active" if answerer is b else "passive"
    assert lines(answer, "a=setup") == [f"a=setup:{role}"], "DTLS roles stay whoever offers"


def test_ice_restart_by_either_side() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    for offerer, answerer in ((a, b), (b, a)):
        before = plan(offerer.state)
        offer = offerer.offer(ice_restart=True)
        effects = offerer.set_local("offer", offer)
        assert kinds(effects) == ["RestartIce"]
        held = plan(offerer.state)
        assert before is not None
        assert held is not None
        assert held.remote == before.remote, "until the answer the old path is in use"
        answerer.set_remote("offer", offer)
        answer = answerer.answer()
        assert kinds(answerer.set_local("answer", answer)) == ["RestartIce", "Connect"]
        assert kinds(offerer.set_remote("answer", answer)) == ["Connect"]


def test_restart_ice_asks_for_new_credentials_until_they_are_negotiated() -> None:
    a, b = Talker(1), Talker(2)
    first, _ = exchange(a, b)
    a.restart_ice()
    assert is_negotiation_needed(a.state)
    second, _ = exchange(a, b)
    assert lines(second, "a=ice-ufrag") != lines(first, "a=ice-ufrag")
    assert a.state.replace == frozenset()
    assert not is_negotiation_needed(a.state)
    third, _ = exchange(a, b)
    assert lines(third, "a=ice-ufrag") == lines(second, "a=ice-ufrag")


def test_a_remote_restart_also_settles_restart_ice() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    b.restart_ice()
    exchange(a, b, ice_restart=True)
    assert b.state.replace == frozenset()


def test_a_second_restart_before_the_answer() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    a.set_local("offer", a.offer(ice_restart=True))
    effects = a.set_local("offer", a.offer(ice_restart=True))
    assert kinds(effects) == ["RollBackIce", "RestartIce"]


def test_rejecting_data_closes_channels_and_transport() -> None:
    a = Talker(1)
    offer = a.offer()
    a.set_local("offer", offer)
    refusal = edited(offer, ("m=application 9", "m=application 0"), ("a=group:BUNDLE 0\r\n", ""))
    effects = a.set_remote("answer", refusal)
    assert kinds(effects) == ["CloseChannels", "CloseTransport"]
    assert isinstance(effects[0], CloseChannels)
    assert isinstance(effects[1], CloseTransport)
    assert not has_sctp(a.state)


def test_a_reoffer_that_disables_data_closes_it_when_it_is_answered() -> None:
    a, b = Talker(1), Talker(2)
    offer, _ = exchange(a, b)
    disabled = edited(offer, ("m=application 9", "m=application 0"), ("a=group:BUNDLE 0\r\n", ""))
    assert b.set_remote("offer", disabled) == ()
    answer = b.answer()
    assert [line.split()[1] for line in lines(answer, "m=")] == ["0"]
    assert kinds(b.set_local("answer", answer)) == ["CloseChannels", "CloseTransport"]


def test_sctp_port_zero_in_an_answer_closes_the_association_only() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    answer = edited(b.answer(), ("a=sctp-port:5000", "a=sctp-port:0"))
    assert kinds(a.set_remote("answer", answer)) == ["CloseChannels"]


def test_a_lite_offerer_is_controlled() -> None:
    """RFC 8445 §6.1.1: the full agent controls, whoever offered."""
    me = Talker()
    me.set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=ice-options", "a=ice-lite\r\na=ice-options")))
    opened, connect, _ = me.set_local("answer", me.answer())
    assert isinstance(opened, OpenTransport)
    assert isinstance(connect, Connect)
    assert opened.plan.controlling
    assert connect.remote.lite


def test_a_provisional_answer_already_connects() -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    answer = b.answer()
    assert kinds(b.set_local("pranswer", answer)) == ["OpenTransport", "Connect", "UseSctp"]
    assert kinds(a.set_remote("pranswer", answer)) == ["Connect", "UseSctp"]
    final = b.answer()
    assert lines(final, "a=ice-", "a=setup") == lines(answer, "a=ice-", "a=setup")
    assert b.set_local("answer", final) == ()
    assert a.set_remote("answer", final) == ()
    assert a.state.signaling is b.state.signaling is S.STABLE


# --- rollback ------------------------------------------------------------------------------------------------


def test_rollback_of_a_first_offer_restores_exactly() -> None:
    me = Talker()
    made = me.offer()
    before = me.state
    me.set_local("offer", made)
    assert kinds(me.rollback()) == ["CloseTransport"]
    assert me.state == replace(before, abandoned_version=1, next_mid=1)


def test_rollback_of_a_remote_offer_restores_exactly() -> None:
    me = Talker()
    before = me.state
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    assert [(t.kind, t.mid, t.direction) for t in me.state.transceivers] == [
        ("audio", "a", TransceiverDirection.RECVONLY),
        ("video", "v", TransceiverDirection.RECVONLY),
    ]
    assert me.rollback(Side.REMOTE) == ()
    assert me.state == before


def test_rollback_of_a_restart_goes_back_to_the_old_generation() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    before = plan(a.state)
    a.set_local("offer", a.offer(ice_restart=True))
    effects = a.rollback()
    assert kinds(effects) == ["RollBackIce"]
    assert isinstance(effects[0], RollBackIce)
    assert plan(a.state) == before


def test_what_was_asked_for_meanwhile_survives_a_rollback() -> None:
    a, b = Talker(1, data=False), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    a.want_data()
    a.rollback()
    assert a.state.data_wanted
    exchange(a, b)
    a.set_local("offer", a.offer())
    a.restart_ice()
    a.rollback()
    assert a.state.replace
    effects = a.set_local("offer", a.offer())
    assert isinstance(effects[0], RestartIce)


def test_glare_resolved_by_rollback() -> None:
    """Both offer; the polite side rolls back and answers; mids of the abandoned offer are not used again."""
    polite, other = Talker(1), Talker(2)
    own, theirs = polite.offer(), other.offer()
    polite.set_local("offer", own)
    other.set_local("offer", theirs)
    polite.rollback()
    polite.set_remote("offer", theirs)
    answer = polite.answer()
    polite.set_local("answer", answer)
    other.set_remote("answer", answer)
    assert not is_negotiation_needed(polite.state), "the other side's section carries our channel too"
    assert plan(polite.state) is not None


# --- judgement -----------------------------------------------------------------------------------------------


BAD_OFFERS = {
    "no sdp": ("hello", RtcSyntaxError),
    "empty": ("", RtcSyntaxError),
    "malformed line": (edited(AUDIO_VIDEO_DATA, ("a=setup:actpass", "a=setup:whatever")), RtcSyntaxError),
    "malformed media line": (edited(AUDIO_VIDEO_DATA, ("m=video 9", "m=video nine")), RtcSyntaxError),
    "short password": (
        edited(AUDIO_VIDEO_DATA, ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:short")),
        RtcSyntaxError,
    ),
    "mid twice": (edited(AUDIO_VIDEO_DATA, ("a=mid:v", "a=mid:a")), RtcSyntaxError),
    "unknown mid in group": (edited(AUDIO_VIDEO_DATA, ("BUNDLE a v d", "BUNDLE a v x")), InvalidAccessError),
    "mid in two groups": (
        edited(AUDIO_VIDEO_DATA, ("a=group:BUNDLE a v d", "a=group:BUNDLE a d\r\na=group:BUNDLE v d")),
        InvalidAccessError,
    ),
    "no fingerprint": (
        "\r\n".join(x for x in AUDIO_VIDEO_DATA.split("\r\n") if not x.startswith("a=fingerprint")),
        InvalidAccessError,
    ),
    "no ufrag": (
        "\r\n".join(x for x in AUDIO_VIDEO_DATA.split("\r\n") if not x.startswith("a=ice-ufrag")),
        InvalidAccessError,
    ),
    "no pwd": (
        "\r\n".join(x for x in AUDIO_VIDEO_DATA.split("\r\n") if not x.startswith("a=ice-pwd")),
        InvalidAccessError,
    ),
    "holdconn": (edited(AUDIO_VIDEO_DATA, ("a=setup:actpass", "a=setup:holdconn")), InvalidAccessError),
    "no rtcp-mux": (edited(AUDIO_VIDEO_DATA, ("a=rtcp-mux\r\n", "")), InvalidAccessError),
}


@pytest.mark.parametrize("name", BAD_OFFERS)
def test_bad_offers_are_refused_and_change_nothing(name: str) -> None:
    text, error = BAD_OFFERS[name]
    me = Talker()
    before = me.state
    with pytest.raises(error) as caught:
        me.set_remote("offer", text)
    assert me.state is before
    assert isinstance(caught.value, UsageError)


def test_a_syntax_error_names_the_line() -> None:
    with pytest.raises(RtcSyntaxError, match="line 13"):
        Talker().set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=setup:actpass", "a=setup:whatever")))


def with_second_offer(*changes: tuple[str, str]) -> tuple[Talker, str]:
    """A side with a running connection, and the next offer of the other side, edited."""
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    return b, edited(a.offer(), *changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([(":".join(["01"] * 32), ":".join(["77"] * 32))], id="fingerprint"),
        pytest.param([("a=tls-id:tlsid", "a=tls-id:other")], id="tls-id"),
        pytest.param([("a=sctp-port:5000", "a=sctp-port:5001")], id="SCTP port"),
        pytest.param([("a=setup:actpass", "a=setup:active")], id="role"),
        pytest.param([("a=mid:0", "a=mid:7"), ("BUNDLE 0", "BUNDLE 7")], id="mid"),
        pytest.param(
            [("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 UDP/TLS/RTP/SAVPF 0")],
            id="kind",
        ),
        pytest.param(
            [("a=group:BUNDLE 0\r\n", ""), ("m=application", "m=application"), ("a=mid:0\r\n", "")],
            id="nothing",
        ),
    ],
)
def test_reoffers_that_break_continuity(
    changes: list[tuple[str, str]], request: pytest.FixtureRequest
) -> None:
    me, offer = with_second_offer(*changes)
    before = me.state
    if "nothing" in request.node.name:
        me.set_remote("offer", offer)  # losing mid and BUNDLE is allowed
        return
    with pytest.raises(InvalidAccessError):
        me.set_remote("offer", offer)
    assert me.state is before


def test_a_reoffer_cannot_lose_sections() -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    me.set_local("answer", me.answer())
    head, _ = AUDIO_VIDEO_DATA.split("m=application")
    with pytest.raises(InvalidAccessError, match="never removed"):
        me.set_remote("offer", head.replace("BUNDLE a v d", "BUNDLE a v"))


def test_a_reoffer_may_use_a_rejected_place_for_something_else() -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    me.set_local("answer", me.answer())
    again = edited(
        AUDIO_VIDEO_DATA, ("m=audio 9", "m=video 9"), ("a=mid:a", "a=mid:n"), ("BUNDLE a v d", "BUNDLE d n v")
    )
    me.set_remote("offer", again)
    answer = me.answer()
    assert [line.split()[0] for line in lines(answer, "m=")] == ["m=video", "m=video", "m=application"]
    assert lines(answer, "a=group") == ["a=group:BUNDLE d"]


BAD_ANSWERS: dict[str, list[tuple[str, str]]] = {
    "actpass": [("a=setup:active", "a=setup:actpass")],
    "holdconn": [("a=setup:active", "a=setup:holdconn")],
    "kind": [("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 UDP/TLS/RTP/SAVPF 0")],
    "protocol": [("UDP/DTLS/SCTP", "DTLS/SCTP")],
    "mid": [("a=mid:0", "a=mid:1"), ("BUNDLE 0", "BUNDLE 1")],
    "format": [("webrtc-datachannel", "t38")],
    "one more section": [("v=0\r\n", "v=0\r\n")],
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answers_are_refused_and_change_nothing(name: str) -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    answer = edited(b.answer(), *BAD_ANSWERS[name])
    if name == "one more section":
        answer += "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"
    before = a.state
    with pytest.raises(InvalidAccessError):
        a.set_remote("answer", answer)
    assert a.state is before


def test_an_answer_without_setup_counts_as_active() -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    a.set_remote("answer", edited(b.answer(), ("a=setup:active\r\n", "")))
    agreed = plan(a.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert not agreed.remote.is_dtls_client


def test_a_passive_answer_makes_the_offerer_the_client() -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    a.set_remote("answer", edited(b.answer(), ("a=setup:active", "a=setup:passive")))
    agreed = plan(a.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert agreed.remote.is_dtls_client


def test_an_answer_must_not_swap_the_dtls_roles() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    offer = b.offer()
    b.set_local("offer", offer)
    a.set_remote("offer", offer)
    with pytest.raises(InvalidAccessError, match="swap the roles"):
        b.set_remote("answer", edited(a.answer(), ("a=setup:passive", "a=setup:active")))


def test_an_answer_to_a_restart_that_swaps_the_dtls_roles_keeps_them() -> None:
    """Firefox 153 says `a=setup:active` whenever ICE restarts, and goes on with the DTLS association it has."""
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    for _ in range(2):
        offer = b.offer(ice_restart=True)
        b.set_local("offer", offer)
        a.set_remote("offer", offer)
        answer = a.answer()
        a.set_local("answer", answer)
        swapped = edited(answer, ("a=setup:passive", "a=setup:active"))
        b.set_remote("answer", swapped)
        agreed = plan(b.state)
        assert agreed is not None and agreed.remote is not None
        assert agreed.remote.is_dtls_client, "b answered first: it stays the client"
        assert b.state.current_remote is not None and b.state.current_remote.text == swapped
    offer = a.offer()
    b.set_remote("offer", offer)
    assert lines(b.answer(), "a=setup") == ["a=setup:active"]


def test_an_answer_to_a_restart_must_restart() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    b_old = plan(b.state)
    offer = a.offer(ice_restart=True)
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    answer = b.answer()
    assert b_old is not None
    ufrag, pwd = lines(answer, "a=ice-ufrag", "a=ice-pwd")
    stale = edited(
        answer, (ufrag, f"a=ice-ufrag:{b_old.credentials.ufrag}"), (pwd, f"a=ice-pwd:{b_old.credentials.pwd}")
    )
    with pytest.raises(InvalidAccessError, match="restarted ICE"):
        a.set_remote("answer", stale)
    a.set_remote("answer", answer)


def test_an_answer_must_not_restart_by_itself() -> None:
    a, b = Talker(1), Talker(2)
    exchange(a, b)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    answer = b.answer()
    (ufrag,) = lines(answer, "a=ice-ufrag")
    with pytest.raises(InvalidAccessError, match="did not restart"):
        a.set_remote("answer", edited(answer, (ufrag, "a=ice-ufrag:other")))


def test_an_answer_cannot_form_a_group_that_was_not_offered() -> None:
    a = Talker(1)
    offer = edited(a.offer())
    a.set_local("offer", offer)
    b = Talker(2)
    b.set_remote("offer", offer)
    answer = b.answer()
    a.state = replace(a.state, pending_local=replace(a.state.pending_local, bundle_groups=()))  # type: ignore[arg-type]
    with pytest.raises(InvalidAccessError, match="not offered as one group"):
        a.set_remote("answer", answer)


def test_an_answer_without_bundle_is_fine() -> None:
    a, b = Talker(1), Talker(2)
    offer = a.offer()
    a.set_local("offer", offer)
    b.set_remote("offer", offer)
    a.set_remote("answer", edited(b.answer(), ("a=group:BUNDLE 0\r\n", ""), ("a=mid:0\r\n", "")))
    assert plan(a.state) is not None


def test_session_level_parameters_are_inherited() -> None:
    """node-datachannel and Firefox write fingerprint and options at the session level."""
    fingerprint = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"
    moved = AUDIO_VIDEO_DATA.replace(fingerprint, "").replace("t=0 0\r\n", "t=0 0\r\n" + fingerprint)
    me = Talker()
    me.set_remote("offer", moved)
    me.set_local("answer", me.answer())
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert agreed.remote.fingerprints == (("sha-256", ":".join(["AB"] * 32)),)


def test_several_fingerprints_are_kept() -> None:
    more = f"a=fingerprint:sha-512 {':'.join(['CD'] * 64)}\r\na=setup:actpass"
    me = Talker()
    me.set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=setup:actpass", more)))
    me.set_local("answer", me.answer())
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert [algorithm for algorithm, _ in agreed.remote.fingerprints] == ["sha-256", "sha-512"]


@pytest.mark.parametrize(
    ("line", "size"),
    [("", 65536), ("a=max-message-size:0\r\n", 0), ("a=max-message-size:100000\r\n", 100000)],
)
def test_max_message_size(line: str, size: int) -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA + line)
    me.set_local("answer", me.answer())
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.sctp is not None
    assert agreed.sctp.remote_max_message_size == size


def test_back_to_back_offers_are_judged_from_stable() -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    data_only = Talker(5).offer()
    me.set_remote("offer", data_only)  # fewer sections than the first, which was never answered
    assert me.state.transceivers == ()
    assert lines(me.answer(), "m=") == ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]

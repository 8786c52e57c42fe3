"""Making offers and answers: line by line, RFC 9429 §5.2 and §5.3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtcpy import sdp
from rtcpy.core.errors import InvalidStateError
from rtcpy.peer.candidates import LocalGeneration
from rtcpy.peer.negotiate import is_last_answer_accurate, is_last_offer_accurate
from rtcpy.peer.negotiation import is_negotiation_needed, plan
from rtcpy.peer.states import SignalingState
from tests.peer.builders import Talker, edited, exchange, lines

AUDIO_VIDEO_DATA = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE a v d
a=ice-options:trickle
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=mid:a
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 {fp}
a=setup:actpass
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:v
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 {fp}
a=setup:actpass
a=rtcp-mux
a=rtpmap:96 VP8/90000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:d
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 {fp}
a=setup:actpass
a=sctp-port:5000
""".replace("{fp}", ":".join(["AB"] * 32)).replace("\n", "\r\n")


def data_offer(**changes: str) -> str:
    """A data-only offer of some other side."""
    text = Talker(9).offer()
    for old, new in changes.values() if False else ():
        text = text.replace(old, new)
    return text


def test_an_offer_without_anything_to_offer_has_no_sections() -> None:
    offer = Talker(data=False).offer()
    assert lines(offer, "m=", "a=group") == []
    assert lines(offer, "v=", "s=", "t=") == ["v=0", "s=-", "t=0 0"]


def test_the_data_section_has_what_jsep_demands() -> None:
    me = Talker()
    offer = me.offer()
    assert lines(offer, "m=") == ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]
    assert lines(offer, "a=") == [
        "a=group:BUNDLE 0",
        "a=ice-options:trickle ice2",
        "a=mid:0",
        "a=ice-ufrag:u0010001",
        "a=ice-pwd:password0000000100000001",
        f"a=fingerprint:sha-256 {':'.join(['01'] * 32)}",
        "a=setup:actpass",
        f"a=tls-id:{me.state.local.tls_id}",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]
    assert "c=IN IP4 0.0.0.0" in offer
    sdp.SessionDescription.parse(offer).validate()


def test_the_session_version_counts_every_description_and_the_id_stays() -> None:
    me = Talker()
    origins = [sdp.SessionDescription.parse(me.offer()).origin for _ in range(3)]
    assert [o.session_version for o in origins] == [1, 2, 3]
    assert len({o.session_id for o in origins}) == 1


def test_the_version_goes_on_after_a_rollback() -> None:
    """RFC 9429 §5.2.2: "the next generated offer will still have version N+2"."""
    me = Talker()
    me.set_local("offer", me.offer())
    me.rollback()
    assert sdp.SessionDescription.parse(me.offer()).origin.session_version == 2


def test_credentials_stay_in_a_second_offer_of_the_same_exchange() -> None:
    me = Talker()
    first = me.offer()
    me.set_local("offer", first)
    second = me.offer()
    assert lines(second, "a=ice-ufrag", "a=ice-pwd") == lines(first, "a=ice-ufrag", "a=ice-pwd")


def test_an_answer_mirrors_every_section_in_order() -> None:
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA)
    answer = me.answer()
    assert lines(answer, "m=") == [
        "m=audio 0 UDP/TLS/RTP/SAVPF 111",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert lines(answer, "a=mid") == ["a=mid:a", "a=mid:v", "a=mid:d"]
    assert lines(answer, "a=group") == ["a=group:BUNDLE d"]
    assert lines(answer, "a=setup") == ["a=setup:active"]
    assert lines(answer, "a=ice-options") == ["a=ice-options:trickle"], "only what was offered"
    assert lines(answer, "a=tls-id") == [], "RFC 8842 §5.3: none offered, none answered"
    assert lines(answer, "a=rtpmap") == ["a=rtpmap:111 opus/48000/2", "a=rtpmap:96 VP8/90000"]
    sdp.SessionDescription.parse(answer).validate()


def test_a_tls_id_is_answered_by_ours() -> None:
    offerer, answerer = Talker(1), Talker(2)
    _, answer = exchange(offerer, answerer)
    assert lines(answer, "a=tls-id") == [f"a=tls-id:{answerer.state.local.tls_id}"]


@pytest.mark.parametrize(
    ("offered", "answered"), [("actpass", "active"), ("active", "passive"), ("passive", "active")]
)
def test_roles_of_a_first_answer(offered: str, answered: str) -> None:
    me = Talker()
    me.set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=setup:actpass", f"a=setup:{offered}")))
    assert lines(me.answer(), "a=setup") == [f"a=setup:{answered}"]


def test_an_offer_without_setup_counts_as_actpass() -> None:
    me = Talker()
    me.set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=setup:actpass\r\n", "")))
    assert lines(me.answer(), "a=setup") == ["a=setup:active"]


def test_a_bundle_only_section_needs_a_section_with_a_port() -> None:
    """RFC 9143 §7.3.1 and §7.3.2: data waits for audio's transport, audio is rejected, so data must be."""
    me = Talker()
    offer = edited(
        AUDIO_VIDEO_DATA,
        ("m=application 9", "m=application 0"),
        ("a=sctp-port:5000", "a=sctp-port:5000\r\na=bundle-only"),
    )
    me.set_remote("offer", offer)
    answer = me.answer()
    assert [line.split()[1] for line in lines(answer, "m=")] == ["0", "0", "0"]
    assert lines(answer, "a=group") == []
    me.set_local("answer", answer)
    assert plan(me.state) is None


def test_a_section_without_credentials_uses_those_of_the_tagged_one() -> None:
    """RFC 9143 §7.1.3: transport attributes stand in the tagged section only."""
    head, data = AUDIO_VIDEO_DATA.split("m=application")
    bare = "".join(
        line + "\r\n"
        for line in ("m=application" + data).split("\r\n")
        if line and not line.startswith(("a=ice-", "a=fingerprint", "a=setup"))
    )
    me = Talker()
    me.set_remote("offer", head + bare)
    me.set_local("answer", me.answer())
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert agreed.remote.credentials == ("abcd", "0123456789012345678901")


def test_the_old_form_is_answered_in_the_old_form() -> None:
    offer = edited(
        AUDIO_VIDEO_DATA,
        ("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001"),
        ("a=sctp-port:5000", "a=sctpmap:5001 webrtc-datachannel 256"),
    )
    me = Talker()
    me.set_remote("offer", offer)
    answer = me.answer()
    assert lines(answer, "m=application") == ["m=application 9 DTLS/SCTP 5001"]
    assert lines(answer, "a=sctpmap") == ["a=sctpmap:5001 webrtc-datachannel 1024"]
    me.set_local("answer", answer)
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.sctp is not None
    assert (agreed.sctp.local_port, agreed.sctp.remote_port) == (5001, 5001)
    assert agreed.sctp.remote_max_message_size == 65536, "RFC 8841 §6.1: the default"


def test_a_reoffer_uses_the_right_profile_after_an_old_one() -> None:
    """RFC 9429 §5.1.2, last paragraph."""
    me = Talker()
    me.set_remote(
        "offer",
        edited(
            AUDIO_VIDEO_DATA,
            ("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000"),
            ("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 256"),
        ),
    )
    me.set_local("answer", me.answer())
    assert lines(me.offer(), "m=")[2] == "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"


def test_sctp_port_zero_is_answered_by_zero() -> None:
    """RFC 8841 §10.3: no association, but DTLS."""
    me = Talker()
    me.set_remote("offer", edited(AUDIO_VIDEO_DATA, ("a=sctp-port:5000", "a=sctp-port:0")))
    answer = me.answer()
    assert lines(answer, "a=sctp-port") == ["a=sctp-port:0"]
    me.set_local("answer", answer)
    agreed = plan(me.state)
    assert agreed is not None
    assert agreed.remote is not None
    assert agreed.sctp is None


def test_only_the_first_data_section_is_accepted() -> None:
    _, data = AUDIO_VIDEO_DATA.split("m=application")
    second = ("m=application" + data).replace("a=mid:d", "a=mid:e")
    me = Talker()
    me.set_remote("offer", AUDIO_VIDEO_DATA.replace("BUNDLE a v d", "BUNDLE a v d e") + second)
    answer = me.answer()
    assert [line.split()[1] for line in lines(answer, "m=")] == ["0", "0", "9", "0"]
    assert lines(answer, "a=group") == ["a=group:BUNDLE d"]


def test_an_offer_without_mid_and_bundle_gets_an_answer_without() -> None:
    offer = "\r\n".join(
        line for line in AUDIO_VIDEO_DATA.split("\r\n") if not line.startswith(("a=mid", "a=group"))
    )
    me = Talker()
    me.set_remote("offer", offer)
    answer = me.answer()
    assert lines(answer, "a=mid", "a=group") == []
    me.set_local("answer", answer)
    agreed = plan(me.state)
    assert agreed is not None
    assert (agreed.mid, agreed.mline_index) == (None, 2)


def test_rejected_places_are_kept_and_data_gets_a_new_mid_in_one_of_them() -> None:
    """RFC 9429 §5.2.2: a place with port 0 is recycled, with a new mid; the others stay."""
    me = Talker(data=False)
    head, _ = AUDIO_VIDEO_DATA.split("m=application")
    me.set_remote("offer", head.replace("BUNDLE a v d", "BUNDLE a v"))
    me.set_local("answer", me.answer())
    assert lines(me.offer(), "m=") == [
        "m=audio 0 UDP/TLS/RTP/SAVPF 111",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
    ]
    me.want_data()
    offer = me.offer()
    assert lines(offer, "m=") == [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
    ]
    assert lines(offer, "a=mid") == ["a=mid:0", "a=mid:v"]
    assert lines(offer, "a=group") == ["a=group:BUNDLE 0"]


def test_a_new_mid_never_collides_with_one_of_the_other_side() -> None:
    me = Talker(data=False)
    head, _ = AUDIO_VIDEO_DATA.split("m=application")
    me.set_remote(
        "offer", edited(head, ("BUNDLE a v d", "BUNDLE 0 1"), ("mid:a", "mid:0"), ("mid:v", "mid:1"))
    )
    me.set_local("answer", me.answer())
    me.want_data()
    assert lines(me.offer(), "a=mid") == ["a=mid:2", "a=mid:1"]


def test_recycled_place_stays_with_data_in_the_next_offers() -> None:
    me, other = Talker(1, data=False), Talker(2, data=False)
    head, _ = AUDIO_VIDEO_DATA.split("m=application")
    me.set_remote("offer", head.replace("BUNDLE a v d", "BUNDLE a v"))
    me.set_local("answer", me.answer())
    me.want_data()
    first = me.offer()
    me.set_local("offer", first)
    again = me.offer()
    assert lines(again, "m=", "a=mid") == lines(first, "m=", "a=mid")
    me.set_local("offer", again)
    other.set_remote("offer", again)
    answer = other.answer()
    me.set_remote("answer", answer)
    assert plan(me.state) is not None
    assert lines(me.offer(), "m=", "a=mid") == lines(first, "m=", "a=mid")


@pytest.mark.parametrize("state", list(SignalingState))
def test_create_offer_in_every_state(state: SignalingState) -> None:
    me = talker_in(state)
    if state in (SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER):
        assert me.offer().startswith("v=0")
    else:
        before = me.state
        with pytest.raises(InvalidStateError):
            me.offer()
        assert me.state is before


@pytest.mark.parametrize("state", list(SignalingState))
def test_create_answer_in_every_state(state: SignalingState) -> None:
    me = talker_in(state)
    if state in (SignalingState.HAVE_REMOTE_OFFER, SignalingState.HAVE_LOCAL_PRANSWER):
        assert me.answer().startswith("v=0")
    else:
        with pytest.raises(InvalidStateError):
            me.answer()


def talker_in(state: SignalingState) -> Talker:
    """A side that got into `state` by legal steps."""
    me, other = Talker(1), Talker(2)
    s = SignalingState
    if state in (s.HAVE_LOCAL_OFFER, s.HAVE_REMOTE_PRANSWER):
        offer = me.offer()
        me.set_local("offer", offer)
        if state is s.HAVE_REMOTE_PRANSWER:
            other.set_remote("offer", offer)
            me.set_remote("pranswer", other.answer())
    elif state in (s.HAVE_REMOTE_OFFER, s.HAVE_LOCAL_PRANSWER):
        me.set_remote("offer", other.offer())
        if state is s.HAVE_LOCAL_PRANSWER:
            me.set_local("pranswer", me.answer())
    elif state is s.CLOSED:
        me.state = replace(me.state, signaling=s.CLOSED)
    assert me.state.signaling is state
    return me


def test_candidates_stand_in_later_offers_and_set_the_default_address() -> None:
    me = Talker()
    me.set_local("offer", me.offer())
    me.gathered["u0010001"] = LocalGeneration(
        [
            sdp.Candidate("1", 1, "udp", 2130706431, "192.0.2.7", 5123, "host"),
            sdp.Candidate("2", 1, "udp", 1694498815, "203.0.113.9", 6000, "srflx", "192.0.2.7", 5123),
        ],
        ended=True,
    )
    offer = me.offer()
    assert lines(offer, "m=") == ["m=application 6000 UDP/DTLS/SCTP webrtc-datachannel"]
    assert lines(offer, "c=") == ["c=IN IP4 203.0.113.9"]
    assert lines(offer, "a=candidate", "a=end") == [
        "a=candidate:1 1 udp 2130706431 192.0.2.7 5123 typ host",
        "a=candidate:2 1 udp 1694498815 203.0.113.9 6000 typ srflx raddr 192.0.2.7 rport 5123",
        "a=end-of-candidates",
    ]


def test_last_offer_stays_accurate_until_something_changes() -> None:
    me = Talker(data=False)
    me.offer()
    assert is_last_offer_accurate(me.state, {})
    me.want_data()
    assert not is_last_offer_accurate(me.state, {})
    me.offer()
    assert is_last_offer_accurate(me.state, {})
    me.set_local("offer", me.offer())
    me.rollback()
    assert not is_last_offer_accurate(me.state, {}), "what was rolled back is not offered again by itself"


def test_last_answer_stays_accurate_until_the_offer_changes() -> None:
    me, other = Talker(1), Talker(2)
    me.set_remote("offer", other.offer())
    assert not is_last_answer_accurate(me.state, {})
    me.answer()
    assert is_last_answer_accurate(me.state, {})
    me.set_remote("offer", other.offer())
    assert not is_last_answer_accurate(me.state, {})


def test_negotiation_is_needed_for_data_until_it_was_negotiated() -> None:
    me, other = Talker(1, data=False), Talker(2, data=False)
    assert not is_negotiation_needed(me.state)
    me.want_data()
    assert is_negotiation_needed(me.state)
    exchange(me, other)
    assert not is_negotiation_needed(me.state)
    assert not is_negotiation_needed(other.state)


def test_negotiation_is_not_needed_for_ever_when_data_is_refused() -> None:
    me = Talker(1)
    offer = me.offer()
    me.set_local("offer", offer)
    refusal = edited(offer, ("m=application 9", "m=application 0"), ("a=group:BUNDLE 0\r\n", ""))
    me.set_remote("answer", refusal)
    assert not is_negotiation_needed(me.state)
    me.want_data()
    assert is_negotiation_needed(me.state), "a new channel asks again"
    again = me.offer()
    assert lines(again, "m=", "a=mid") == ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1"]

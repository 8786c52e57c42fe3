"""The state tables: all states × all inputs, and the derived states of W3C webrtc §4.3."""

from __future__ import annotations

from itertools import product

import pytest

from rtcpy.peer.states import (
    SIGNALING_TRANSITIONS,
    DtlsTransportState,
    IceConnectionState,
    IceGathererState,
    IceGatheringState,
    IceTransportState,
    PeerConnectionState,
    SdpType,
    Side,
    SignalingState,
    derive_connection_state,
    derive_ice_connection_state,
    derive_ice_gathering_state,
)

LEGAL_BY_TYPE = {  # RFC 9429 §5.5 and §5.6, retyped from the text
    (Side.LOCAL, SdpType.OFFER): {"stable", "have-local-offer"},
    (Side.LOCAL, SdpType.ANSWER): {"have-remote-offer", "have-local-pranswer"},
    (Side.LOCAL, SdpType.PRANSWER): {"have-remote-offer", "have-local-pranswer"},
    (Side.REMOTE, SdpType.OFFER): {"stable", "have-remote-offer"},
    (Side.REMOTE, SdpType.ANSWER): {"have-local-offer", "have-remote-pranswer"},
    (Side.REMOTE, SdpType.PRANSWER): {"have-local-offer", "have-remote-pranswer"},
    (Side.LOCAL, SdpType.ROLLBACK): {"have-local-offer", "have-remote-offer"},
    (Side.REMOTE, SdpType.ROLLBACK): {"have-local-offer", "have-remote-offer"},
}


@pytest.mark.parametrize(("state", "side", "kind"), list(product(SignalingState, Side, SdpType)))
def test_every_state_and_every_input(state: SignalingState, side: Side, kind: SdpType) -> None:
    after = SIGNALING_TRANSITIONS.get((state, side, kind))
    assert (after is not None) == (state in LEGAL_BY_TYPE[side, kind])
    if kind in (SdpType.ANSWER, SdpType.ROLLBACK) and after is not None:
        assert after is SignalingState.STABLE
    if kind is SdpType.OFFER and after is not None:
        assert after == f"have-{side}-offer"
    if kind is SdpType.PRANSWER and after is not None:
        assert after == f"have-{side}-pranswer"


def test_nothing_leaves_closed() -> None:
    assert not [key for key in SIGNALING_TRANSITIONS if key[0] is SignalingState.CLOSED]


def ice(*names: str, closed: bool = False) -> str:
    return derive_ice_connection_state([IceTransportState(n) for n in names], closed=closed)


def test_ice_connection_state_of_no_transport_is_new() -> None:
    assert ice() == "new"


@pytest.mark.parametrize("state", list(IceTransportState))
def test_ice_connection_state_of_one_transport(state: IceTransportState) -> None:
    expected = "new" if state is IceTransportState.CLOSED else state
    assert derive_ice_connection_state([state], closed=False) == expected
    assert derive_ice_connection_state([state], closed=True) == "closed"


@pytest.mark.parametrize(
    ("transports", "expected"),
    [
        (("failed", "connected"), "failed"),
        (("disconnected", "failed"), "failed"),
        (("disconnected", "new"), "disconnected"),
        (("new", "closed"), "new"),
        (("new", "connected"), "checking"),
        (("checking", "completed"), "checking"),
        (("completed", "closed"), "completed"),
        (("connected", "completed"), "connected"),
        (("connected", "closed"), "connected"),
    ],
)
def test_ice_connection_state_of_two_transports(transports: tuple[str, str], expected: str) -> None:
    assert ice(*transports) == expected
    assert ice(*reversed(transports)) == expected


C, D = IceConnectionState, DtlsTransportState


@pytest.mark.parametrize(
    ("ice_state", "dtls", "expected"),
    [
        (C.CLOSED, [D.CONNECTED], "closed"),
        (C.FAILED, [D.CONNECTED], "failed"),
        (C.CONNECTED, [D.FAILED], "failed"),
        (C.NEW, [D.FAILED], "failed"),
        (C.DISCONNECTED, [D.CONNECTED], "disconnected"),
        (C.NEW, [], "new"),
        (C.NEW, [D.NEW], "new"),
        (C.NEW, [D.CLOSED], "new"),
        (C.NEW, [D.CONNECTING], "connecting"),
        (C.CHECKING, [D.NEW], "connecting"),
        (C.CONNECTED, [D.NEW], "connecting"),
        (C.CONNECTED, [D.CONNECTING], "connecting"),
        (C.CONNECTED, [D.CONNECTED], "connected"),
        (C.COMPLETED, [D.CONNECTED], "connected"),
        (C.CONNECTED, [D.CONNECTED, D.CLOSED], "connected"),
        (C.CONNECTED, [D.CONNECTED, D.CONNECTING], "connecting"),
    ],
)
def test_connection_state(
    ice_state: IceConnectionState, dtls: list[DtlsTransportState], expected: str
) -> None:
    assert derive_connection_state(ice_state, dtls) == expected


def test_every_combination_of_one_transport_has_a_connection_state() -> None:
    for ice_state, dtls in product(IceConnectionState, DtlsTransportState):
        assert derive_connection_state(ice_state, [dtls]) in PeerConnectionState


@pytest.mark.parametrize(
    ("gatherers", "expected"),
    [
        ((), "new"),
        (("new",), "new"),
        (("new", "complete"), "new"),
        (("gathering", "complete"), "gathering"),
        (("gathering", "new"), "gathering"),
        (("complete",), "complete"),
        (("complete", "complete"), "complete"),
    ],
)
def test_ice_gathering_state(gatherers: tuple[str, ...], expected: str) -> None:
    result = derive_ice_gathering_state([IceGathererState(g) for g in gatherers])
    assert result is IceGatheringState(expected)

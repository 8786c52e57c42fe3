"""The table of a DTLS transport's states."""

from __future__ import annotations

from rtcpy.dtls.events import DtlsState
from rtcpy.dtls.states import TRANSITIONS, StateInput


def test_one_way_leads_to_connected() -> None:
    """RFC 8827 §6.5: nothing but a finished handshake with the right certificate."""
    into = [row for row, new in TRANSITIONS.items() if new is DtlsState.CONNECTED]
    assert into == [(DtlsState.CONNECTING, StateInput.ADMIT)]


def test_the_end_is_final() -> None:
    assert {old for old, _ in TRANSITIONS} == {DtlsState.NEW, DtlsState.CONNECTING, DtlsState.CONNECTED}


def test_a_live_connection_can_always_end() -> None:
    for state in (DtlsState.CONNECTING, DtlsState.CONNECTED):
        for ending in (StateInput.CLOSE, StateInput.CLOSE_NOTIFY):
            assert TRANSITIONS[state, ending] is DtlsState.CLOSED
        for ending in (StateInput.ALERT, StateInput.FAILURE):
            assert TRANSITIONS[state, ending] is DtlsState.FAILED

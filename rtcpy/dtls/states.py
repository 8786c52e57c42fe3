"""The public states of a connection and how it moves between them, as data.

Theory of operation: `connected` is behind a gate with two locks, a finished handshake and a certificate whose
fingerprint was signalled; nothing else leads there (RFC 8827 §6.5). Every way out is an end: there is no return from
`closed` or `failed`. What happens message by message while `connecting` is in `flights12`.

Specs: W3C webrtc §5.5 (the states), RFC 5246 §7.2 (alerts), RFC 8122 §6.2 (the gate).
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.core.enums import KeyEnum
from rtcpy.dtls.events import DtlsState


class StateInput(KeyEnum):
    """What moves a connection."""

    START = "command: start"
    ADMIT = "handshake finished, fingerprint matched"
    CLOSE = "command: close"
    CLOSE_NOTIFY = "close_notify received"
    ALERT = "fatal alert received"
    FAILURE = "the peer broke a rule, or is not who was announced, or time is up"


_S, _I = DtlsState, StateInput

TRANSITIONS: Mapping[tuple[DtlsState, StateInput], DtlsState] = {
    (_S.NEW, _I.START): _S.CONNECTING,
    (_S.NEW, _I.CLOSE): _S.CLOSED,
    (_S.CONNECTING, _I.ADMIT): _S.CONNECTED,
    (_S.CONNECTING, _I.CLOSE): _S.CLOSED,
    (_S.CONNECTING, _I.CLOSE_NOTIFY): _S.CLOSED,
    (_S.CONNECTING, _I.ALERT): _S.FAILED,
    (_S.CONNECTING, _I.FAILURE): _S.FAILED,
    (_S.CONNECTED, _I.CLOSE): _S.CLOSED,
    (_S.CONNECTED, _I.CLOSE_NOTIFY): _S.CLOSED,
    (_S.CONNECTED, _I.ALERT): _S.FAILED,
    (_S.CONNECTED, _I.FAILURE): _S.FAILED,
}

"""The states of an association and how it moves between them, as data.

Theory of operation: both sides of a data channel connection send INIT at once, so the usual way to ESTABLISHED is a
collision (RFC 9260 §5.2.1): each answers the other's INIT, each echoes the other's cookie, and whichever of COOKIE
ECHO and COOKIE ACK arrives first ends the wait. Without a second INIT the asking side goes CLOSED → COOKIE-WAIT →
COOKIE-ECHOED → ESTABLISHED, the answering side goes from CLOSED to ESTABLISHED in one step, since its memory is the
cookie. Data channels end by ABORT or by the end of DTLS; the orderly shutdown is there for peers that use it.

Spec: RFC 9260 §4 (figure 3), §9.2.
"""

from __future__ import annotations

from collections.abc import Mapping

from rtcpy.core.enums import KeyEnum


class State(KeyEnum):
    """RFC 9260 §4."""

    CLOSED = "CLOSED"
    COOKIE_WAIT = "COOKIE-WAIT"
    COOKIE_ECHOED = "COOKIE-ECHOED"
    ESTABLISHED = "ESTABLISHED"
    SHUTDOWN_PENDING = "SHUTDOWN-PENDING"
    SHUTDOWN_SENT = "SHUTDOWN-SENT"
    SHUTDOWN_RECEIVED = "SHUTDOWN-RECEIVED"
    SHUTDOWN_ACK_SENT = "SHUTDOWN-ACK-SENT"


class Input(KeyEnum):
    """What moves an association."""

    ASSOCIATE = "command: start"
    INIT_ACK = "INIT ACK received"
    VALID_COOKIE = "COOKIE ECHO with a valid cookie received"
    COOKIE_ACK = "COOKIE ACK received"
    STALE_COOKIE = "ERROR Stale Cookie received"
    SHUTDOWN_COMMAND = "command: shutdown"
    ALL_ACKNOWLEDGED = "nothing is outstanding any more"
    SHUTDOWN = "SHUTDOWN received"
    SHUTDOWN_ACK = "SHUTDOWN ACK received"
    SHUTDOWN_COMPLETE = "SHUTDOWN COMPLETE received"
    END = "ABORT sent or received, given up, closed"


S, I = State, Input
TRANSITIONS: Mapping[tuple[State, Input], State] = {
    (S.CLOSED, I.ASSOCIATE): S.COOKIE_WAIT,
    (S.CLOSED, I.VALID_COOKIE): S.ESTABLISHED,
    (S.COOKIE_WAIT, I.INIT_ACK): S.COOKIE_ECHOED,
    (S.COOKIE_WAIT, I.VALID_COOKIE): S.ESTABLISHED,
    (S.COOKIE_ECHOED, I.VALID_COOKIE): S.ESTABLISHED,
    (S.COOKIE_ECHOED, I.COOKIE_ACK): S.ESTABLISHED,
    (S.COOKIE_ECHOED, I.STALE_COOKIE): S.COOKIE_WAIT,
    (S.ESTABLISHED, I.SHUTDOWN_COMMAND): S.SHUTDOWN_PENDING,
    (S.ESTABLISHED, I.SHUTDOWN): S.SHUTDOWN_RECEIVED,
    (S.SHUTDOWN_PENDING, I.ALL_ACKNOWLEDGED): S.SHUTDOWN_SENT,
    (S.SHUTDOWN_PENDING, I.SHUTDOWN): S.SHUTDOWN_RECEIVED,
    (S.SHUTDOWN_SENT, I.SHUTDOWN): S.SHUTDOWN_ACK_SENT,
    (S.SHUTDOWN_SENT, I.SHUTDOWN_ACK): S.CLOSED,
    (S.SHUTDOWN_RECEIVED, I.ALL_ACKNOWLEDGED): S.SHUTDOWN_ACK_SENT,
    (S.SHUTDOWN_ACK_SENT, I.SHUTDOWN_ACK): S.CLOSED,
    (S.SHUTDOWN_ACK_SENT, I.SHUTDOWN_COMPLETE): S.CLOSED,
    # A restarted peer begins anew (§5.2.4 A), except when we only wait for the last word.
    (S.ESTABLISHED, I.VALID_COOKIE): S.ESTABLISHED,
    (S.SHUTDOWN_PENDING, I.VALID_COOKIE): S.ESTABLISHED,
    (S.SHUTDOWN_SENT, I.VALID_COOKIE): S.ESTABLISHED,
    (S.SHUTDOWN_RECEIVED, I.VALID_COOKIE): S.ESTABLISHED,
    **{(state, I.END): S.CLOSED for state in S},
}

# RFC 9260 §6: where DATA may be sent, where it is taken, where SACK counts.
MAY_SEND_DATA = frozenset({S.ESTABLISHED, S.SHUTDOWN_PENDING, S.SHUTDOWN_RECEIVED})
TAKES_DATA = frozenset({S.ESTABLISHED, S.SHUTDOWN_PENDING, S.SHUTDOWN_SENT})
TAKES_SACK = frozenset({S.COOKIE_ECHOED, S.ESTABLISHED, S.SHUTDOWN_PENDING, S.SHUTDOWN_RECEIVED})

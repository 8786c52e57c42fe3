"""The public state of an agent, derived from facts and never set by hand.

Theory of operation: the agent keeps facts (is there a path? does it answer? is anything left to check? may more
candidates come?) and after every input asks `stream_state` what they add up to. So no event order can leave a
stale state behind, and the whole function can be tested by enumerating its inputs.

Specs: W3C webrtc §5.6.4 (the states), RFC 8445 §6.1.3, RFC 8863 §4 (no failure before the patience is over).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtcpy.ice.events import IceConnectionState


@dataclass(slots=True)
class Facts:
    """What is known about one data stream.

    Args:
        path: there is a pair with consent to send on.
        silent: that path's consent checks have gone unanswered (`consent`).
        nominated: the path is the selected pair of the current session.
        expired: a path existed, and its consent ran out or was revoked.
        restarted: the session began with an ICE restart.
        pairs: any pair was ever formed.
        checks_left: a pair is frozen, waiting or in progress.
        candidates_left: we are still gathering, or the peer has not ended its candidates.
        patience_left: the PAC timer has not run out.
    """

    path: bool = False
    silent: bool = False
    nominated: bool = False
    expired: bool = False
    restarted: bool = False
    pairs: bool = False
    checks_left: bool = False
    candidates_left: bool = True
    patience_left: bool = True


def stream_state(facts: Facts) -> IceConnectionState:
    """The state of one stream.

    Spec: W3C webrtc §5.6.4. Where that leaves room: a path whose consent expired is `failed` at once, because
    nothing but a restart may revive it (RFC 7675 §5.1); a stream whose checks all failed stays `checking` as
    long as the patience of RFC 8863 lasts, and becomes `checking` again if the peer's own check arrives later
    (RFC 8445 §7.3.1.4).
    """
    if facts.path and not facts.silent:
        done = facts.nominated and not facts.candidates_left and not facts.checks_left
        return IceConnectionState.COMPLETED if done else IceConnectionState.CONNECTED
    if facts.path:
        hope = facts.restarted and (facts.checks_left or facts.candidates_left or facts.patience_left)
        return IceConnectionState.CHECKING if hope else IceConnectionState.DISCONNECTED
    if facts.checks_left:
        return IceConnectionState.CHECKING
    if facts.expired:
        return IceConnectionState.FAILED
    if not facts.patience_left:
        if not facts.candidates_left:
            return IceConnectionState.FAILED
        if facts.pairs:
            return IceConnectionState.DISCONNECTED
    return IceConnectionState.CHECKING if facts.pairs or facts.restarted else IceConnectionState.NEW


def combined_state(states: Iterable[IceConnectionState]) -> IceConnectionState:
    """The state of an agent from those of its streams: the worst that matters. Spec: W3C webrtc §4.3.4."""
    all_states = set(states)
    for decisive in (IceConnectionState.FAILED, IceConnectionState.DISCONNECTED):
        if decisive in all_states:
            return decisive
    if all_states <= {IceConnectionState.NEW, IceConnectionState.CLOSED}:
        return IceConnectionState.NEW
    if all_states & {IceConnectionState.NEW, IceConnectionState.CHECKING}:
        return IceConnectionState.CHECKING
    if IceConnectionState.CONNECTED in all_states:
        return IceConnectionState.CONNECTED
    return IceConnectionState.COMPLETED

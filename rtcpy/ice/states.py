"""The public state of an agent, derived from facts and never set by hand.

Theory of operation: the agent keeps facts (is there a path? does it answer? is anything left to check? may more
candidates come?) and after every input asks `stream_state` what they add up to. So no event order can leave a
stale state behind, and the whole function can be tested by enumerating its inputs.

Specs: W3C webrtc §5.6.4 (the states), RFC 8445 §6.1.3, RFC 8863 §4 (no failure before the patience is over).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace

from rtcpy.core.enums import KeyEnum
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


class Cause(KeyEnum):
    """What can happen to the facts of a stream."""

    PAIR = "a pair is formed"
    SUCCESS = "a check was answered: there is a path"
    NOMINATED = "the path is nominated"
    CHECKED = "nothing is left to check"
    CANDIDATES = "no more candidates will come"
    PATIENCE = "patience is over"
    SILENT = "the path stops answering"
    ANSWERED = "the path answers again"
    EXPIRED = "consent ran out"
    RESTART = "ICE restart"


CAUSES: Mapping[Cause, tuple[Mapping[str, bool], Mapping[str, bool]]] = {
    Cause.PAIR: ({"path": False}, {"pairs": True, "checks_left": True}),
    Cause.SUCCESS: ({"path": False, "checks_left": True}, {"path": True, "expired": False, "silent": False}),
    Cause.NOMINATED: (
        {"path": True, "silent": False, "nominated": False},
        {"nominated": True, "checks_left": False},
    ),
    Cause.CHECKED: ({"checks_left": True}, {"checks_left": False}),
    Cause.CANDIDATES: ({"candidates_left": True}, {"candidates_left": False}),
    Cause.PATIENCE: ({"patience_left": True}, {"patience_left": False}),
    Cause.SILENT: ({"path": True, "silent": False}, {"silent": True}),
    Cause.ANSWERED: ({"path": True, "silent": True}, {"silent": False}),
    Cause.EXPIRED: ({"path": True}, {"path": False, "silent": False, "nominated": False, "expired": True}),
    Cause.RESTART: (
        {"restarted": False},
        {
            "restarted": True,
            "expired": False,
            "nominated": False,
            "pairs": False,
            "checks_left": False,
            "candidates_left": True,
            "patience_left": True,
        },
    ),
}
"""For each cause: the facts that must hold for it to happen, and what they are afterwards."""


def transitions() -> dict[tuple[IceConnectionState, IceConnectionState], list[Cause]]:
    """Every change of state that `stream_state` makes when one cause after the other acts, with its causes.

    For pictures and tests: the agent itself asks `stream_state` and knows no transitions.
    """
    start = Facts()
    seen, to_do = {astuple(start)}, [start]
    found: dict[tuple[IceConnectionState, IceConnectionState], list[Cause]] = {}
    while to_do:
        facts = to_do.pop()
        old = stream_state(facts)
        for cause, (needs, changes) in CAUSES.items():
            if any(getattr(facts, name) is not value for name, value in needs.items()):
                continue
            after = replace(facts, **changes)
            new = stream_state(after)
            if new is not old and cause not in found.setdefault((old, new), []):
                found[old, new].append(cause)
            if astuple(after) not in seen:
                seen.add(astuple(after))
                to_do.append(after)
    places, order = list(IceConnectionState), list(Cause)
    return {
        move: sorted(found[move], key=order.index)
        for move in sorted(found, key=lambda move: (places.index(move[0]), places.index(move[1])))
    }


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

"""Build it yourself: ten blanks, each a rule of an RFC that a page of code can hold, checked by properties.

Write the function (or class), let `check` look for an input that it gets wrong, then put it into the live stack and
make a call with it:

>>> from rtcpy.testing.blanks import BLANKS, check, swapped
>>> def candidate_priority(type_preference: int, local_preference: int, component: int) -> int:
...     return (type_preference << 24) + (local_preference << 8) + (256 - component)
>>> check("candidate_priority", candidate_priority)
>>> with swapped("candidate_priority", candidate_priority) as used:
...     from rtcpy.sim import Session
...     Session(seed=1).connect()
>>> used.calls > 0
True

In the order of reading: `blank` (what a blank is, and how an answer gets into the stack), then the ten:
`blanks_stun` (header, XOR-MAPPED-ADDRESS), `blanks_ice` (candidate priority, foundation), `blanks_dtls` (PRF, replay window),
`blanks_sctp` (CRC32c, serial numbers, gap blocks, retransmission timeout).

A check is a law with a counterexample: Hypothesis looks for the smallest input that breaks it, and the message says what
was given, what came out and what is right. What is right comes from the RFC's words or vectors where that is possible,
and from a second implementation where it is not.

Specs: RFC 8489 §5 and §14.2, RFC 8445 §5.1.1.3 and §5.1.2.1, RFC 5246 §5, RFC 6347 §4.1.2.6, RFC 9260 §3.3.4, §6.3.1 and
appendix A, RFC 1982 §3.2.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from rtcpy.testing.blank import Blank, Swap, swap_in
from rtcpy.testing.blanks_dtls import PRF, REPLAY_WINDOW
from rtcpy.testing.blanks_ice import CANDIDATE_PRIORITY, FOUNDATION
from rtcpy.testing.blanks_sctp import CRC32C, GAP_BLOCKS, RETRANSMISSION_TIMEOUT, SERIAL_DISTANCE
from rtcpy.testing.blanks_stun import MAPPED_ADDRESS, STUN_HEADER

BLANKS: dict[str, Blank] = {
    blank.name: blank
    for blank in (
        STUN_HEADER,
        MAPPED_ADDRESS,
        CANDIDATE_PRIORITY,
        FOUNDATION,
        PRF,
        REPLAY_WINDOW,
        CRC32C,
        SERIAL_DISTANCE,
        GAP_BLOCKS,
        RETRANSMISSION_TIMEOUT,
    )
}
"""The ten, by the name of what is to be written, in the order of the course."""


def named(name: str) -> Blank:
    """The blank called `name`.

    Raises:
        KeyError: there is none; the message lists those that there are.
    """
    try:
        return BLANKS[name]
    except KeyError:
        raise KeyError(f"no blank is called {name!r}; there are {', '.join(BLANKS)}") from None


def check(name: str, answer: Any) -> None:
    """Look for an input that `answer` gets wrong.

    Raises:
        AssertionError: says the input, what came out, and what is right.
        KeyError: no blank has this name.
    """
    named(name).check(answer)


def swapped(name: str, answer: Any) -> AbstractContextManager[Swap]:
    """While the `with` block lasts, the whole stack uses `answer`: simulated peers, real ones, everything in this process.

    Raises:
        KeyError: no blank has this name.
    """
    return swap_in(named(name), answer)


__all__ = ["BLANKS", "Blank", "Swap", "check", "named", "swapped"]

"""Consent freshness: may we go on sending to the peer?

Owned here: when the next consent check is due, when its silence becomes suspicious, when permission ends. The
checks themselves are sent by `agent`.

Theory of operation, for the one path in use:

    answer ---- 4…6 s ----> consent check ---- no answer for `consent_grace` ----> SILENT (disconnected)
      ^                          |                                                     |
      |                          +-- after PROBE_AFTER: ordinary check, with repeats   | every 4…6 s a check
      +--------- any valid answer, at any time before expiry --------------------------+
    30 s after the last answer: EXPIRED; sending stops, and only an ICE restart helps.

Data that arrives proves nothing and renews nothing.

Specs: RFC 7675 §5.1 (expiry, interval), RFC 8445 §11 (keepalive), W3C webrtc §5.6.4 (disconnected).
"""

from __future__ import annotations

from enum import Enum

from rtcpy.core.env import Entropy, random_unit
from rtcpy.core.machine import Instant
from rtcpy.ice.checklist import CandidatePair
from rtcpy.ice.config import IceConfig

PROBE_AFTER = (
    1.0  # s without an answer to a consent check before an ordinary check helps it (ours; > most RTTs)
)
JITTER_LOW, JITTER_HIGH = 0.8, 1.2  # times the interval, RFC 7675 §5.1


class ConsentAction(Enum):
    """What `Consent.handle_timeout` asks for."""

    CHECK = "send a consent check"
    PROBE = "the consent check went unanswered: run an ordinary check"
    SILENT = "still no answer: the path looks dead"
    EXPIRED = "consent is over"
    KEEPALIVE = "nothing was sent for long: send an indication"


class Consent:
    """The permission to send on one pair.

    Args:
        pair: the path in use. Its `consent_until` is kept here.
        config: intervals.
        entropy: for the jitter that keeps agents from falling into step.
        now: instant of this call.

    Invariant: `next_timeout` never lies after `pair.consent_until`.
    """

    __slots__ = (
        "_check_at",
        "_config",
        "_entropy",
        "_probe_at",
        "_quiet_since",
        "_silent_at",
        "pair",
        "silent",
    )

    def __init__(self, pair: CandidatePair, config: IceConfig, entropy: Entropy, *, now: Instant) -> None:
        self.pair = pair
        self.silent = False
        self._config, self._entropy = config, entropy
        self._probe_at: Instant | None = None
        self._silent_at: Instant | None = None
        self._check_at: Instant | None = None
        self._quiet_since = now
        self._schedule(now)

    def _schedule(self, now: Instant) -> None:
        interval = self._config.consent_interval
        if interval is not None:
            jitter = JITTER_LOW + (JITTER_HIGH - JITTER_LOW) * random_unit(self._entropy)
            self._check_at = now + interval * jitter

    def _keepalive_at(self) -> Instant:
        """When nothing will have been sent on the pair for too long. Spec: RFC 8445 §11."""
        sent = self.pair.last_packet_sent
        quiet = self._quiet_since if sent is None else max(sent, self._quiet_since)
        return quiet + self._config.keepalive

    @property
    def expires(self) -> Instant | None:
        """When permission ends, unless an answer comes; infinitely late when consent is switched off."""
        return self.pair.consent_until

    def next_timeout(self) -> Instant:
        """The earliest of the deadlines."""
        deadline = self._keepalive_at()
        for other in (self._check_at, self._probe_at, self._silent_at, self.expires):
            if other is not None and other < deadline:
                deadline = other
        return deadline

    def handle_timeout(self, *, now: Instant) -> list[ConsentAction]:
        """What is due at `now`, in the order to do it."""
        expires = self.expires
        if expires is not None and now >= expires:
            return [ConsentAction.EXPIRED]
        actions = []
        if self._check_at is not None and now >= self._check_at:
            self._schedule(now)
            actions.append(ConsentAction.CHECK)
            if not self.silent and self._silent_at is None:
                self._probe_at = now + min(PROBE_AFTER, self._config.consent_grace)
                self._silent_at = now + self._config.consent_grace
        if self._probe_at is not None and now >= self._probe_at:
            self._probe_at = None
            actions.append(ConsentAction.PROBE)
        if self._silent_at is not None and now >= self._silent_at:
            self._silent_at = None
            self.silent = True
            actions.append(ConsentAction.SILENT)
        if now >= self._keepalive_at():
            self._quiet_since = now
            actions.append(ConsentAction.KEEPALIVE)
        return actions

    def handle_answer(self, *, now: Instant) -> None:
        """A valid answer came on the pair: permission runs anew. Spec: RFC 7675 §5.1."""
        self.silent = False
        self._probe_at = self._silent_at = None

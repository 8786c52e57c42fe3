"""The path in use, for each data stream, and the consent to use it.

Owned here: the choice of the path, its `Consent`, the `PairSelected` events.

Specs: RFC 8445 §12.1 (where data may go), §8.1.1 (several nominations), §9 (restart), RFC 7675 §5.1.
"""

from __future__ import annotations

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Address, Instant
from rtcpy.ice.checklist import CandidatePair
from rtcpy.ice.config import IceConfig
from rtcpy.ice.consent import Consent
from rtcpy.ice.events import PairSelected
from rtcpy.ice.session import Session


class Paths:
    """Which pair carries each stream's data.

    Args:
        streams: how many.
        config: of consent.
        entropy: for its jitter.
    """

    __slots__ = ("_announced", "_config", "_entropy", "consents", "pairs")

    def __init__(self, streams: int, config: IceConfig, entropy: Entropy) -> None:
        self._config, self._entropy = config, entropy
        self.pairs: list[CandidatePair | None] = [None] * streams
        self.consents: list[Consent | None] = [None] * streams
        self._announced: list[tuple[CandidatePair, bool] | None] = [None] * streams

    def addresses(self, index: int) -> tuple[Address, Address] | None:
        """(local base, remote) of a stream's path."""
        pair = self.pairs[index]
        return None if pair is None else (pair.local_address, pair.remote_address)

    def consent_on(self, pair: CandidatePair) -> Consent | None:
        """The consent of `pair` if it is a path in use."""
        consent = self.consents[pair.stream.index]
        return consent if consent is not None and consent.pair is pair else None

    def is_silent(self, index: int) -> bool:
        """Whether the path of a stream has stopped answering."""
        consent = self.consents[index]
        return consent is not None and consent.silent

    def uses(self, session: Session) -> bool:
        """Whether any path in use belongs to `session`."""
        return any(pair is not None and pair.stream.session is session for pair in self.pairs)

    def next_timeout(self) -> Instant | None:
        """When some consent has something to do."""
        if len(self.consents) == 1:
            only = self.consents[0]
            return None if only is None else only.next_timeout()
        return min([c.next_timeout() for c in self.consents if c is not None], default=None)

    def due(self, now: Instant) -> list[Consent]:
        """The consents that have something to do."""
        return [c for c in self.consents if c is not None and c.next_timeout() <= now]

    def update(self, session: Session, *, now: Instant) -> list[PairSelected]:
        """Choose anew; the events of what changed."""
        return [event for i in range(len(self.pairs)) if (event := self._update(session, i, now)) is not None]

    def _choose(self, session: Session, index: int, now: Instant) -> CandidatePair | None:
        """The pair to send data on. Spec: RFC 8445 §12.1.

        Once selected, the selected pair alone; after a restart the old path, while it answers; else the best
        valid pair.
        """
        stream = session.streams[index]
        if stream.selected is not None:
            if not stream.selected.has_consent(now):
                stream.selected = stream.best_nominated(now) or stream.selected
            return stream.selected if stream.selected.has_consent(now) else None
        inherited = self.pairs[index]
        if inherited is not None and (inherited.stream.session is session or not inherited.has_consent(now)):
            inherited = None
        if inherited is not None and not self.is_silent(index):
            return inherited
        return stream.best_valid(now) or inherited

    def _update(self, session: Session, index: int, now: Instant) -> PairSelected | None:
        pair = self._choose(session, index, now)
        if pair is not self.pairs[index]:
            self.pairs[index] = pair
            fresh = None if pair is None else Consent(pair, self._config, self._entropy, now=now)
            self.consents[index] = fresh
        announced = None if pair is None else (pair, pair is pair.stream.selected)
        if announced == self._announced[index]:
            return None
        self._announced[index] = announced
        if pair is None:
            return None
        return PairSelected(
            local=pair.local_address,
            remote=pair.remote_address,
            local_candidate=(pair.reflexive or pair.local).copy(),
            remote_candidate=pair.remote.copy(),
            nominated=pair is pair.stream.selected,
            stream=index,
        )

    def clear(self) -> None:
        """No path any more."""
        count = len(self.pairs)
        self.pairs, self.consents, self._announced = [None] * count, [None] * count, [None] * count

"""The sessions of one agent: the current one, the one before a restart, the one that a rollback brings back.

Owned here: which is which, and when the one before is over. What a session knows is `Session`'s (`session`); what a restart
means for roles, checks and paths is arranged by `agent`.

    restart          the current session becomes the one before, which carries data on and answers checks
    commit           the peer has answered: there is no way back
    conclude         all streams have a nominated pair: the one before is kept a little longer, then `retire`d
    rollback         instead of `commit`: the restart has not been

Specs: RFC 8445 §9 (restart), §8.3.1 (how long to go on answering), §12.1.
"""

from __future__ import annotations

from rtcpy.core.errors import InvalidStateError, RtcRangeError
from rtcpy.core.machine import Instant
from rtcpy.ice.candidate import IceCredentials
from rtcpy.ice.config import IceConfig
from rtcpy.ice.session import Session, Stream


class Sessions:
    """The sessions that still have something to say.

    Args:
        credentials: of the first one.
        streams: number of data streams, the same in all.
        config: limits and delays.
        watched: a tap wants to hear of pairs that change their state.
    """

    __slots__ = ("_config", "_undo", "_watched", "current", "previous", "retire_at")

    def __init__(
        self, credentials: IceCredentials, streams: int, config: IceConfig, *, watched: bool
    ) -> None:
        self._config, self._watched = config, watched
        self.current = self._begin(credentials, streams, restarted=False)
        self.previous: Session | None = None
        self._undo: tuple[Session, Session | None] | None = None
        self.retire_at: Instant | None = None

    def _begin(self, credentials: IceCredentials, streams: int, *, restarted: bool) -> Session:
        session = Session.begin(credentials, streams, self._config.max_pairs, restarted=restarted)
        if self._watched:
            session.checklists.listen()
        return session

    # --- queries -------------------------------------------------------------------------------------------

    def all(self) -> list[Session]:
        """The current session, then those that still have something to answer or to gather."""
        sessions = [self.current]
        if self.previous is None and self._undo is None:
            return sessions
        for other in (self.previous, self._undo[0] if self._undo else None):
            if other is not None and other not in sessions:
                sessions.append(other)
        return sessions

    def of(self, ufrag: str) -> Session | None:
        """The session whose own user name fragment this is."""
        return next((s for s in self.all() if s.credentials.ufrag == ufrag), None)

    def stream(self, index: int) -> Stream:
        """A stream of the current session.

        Raises:
            RtcRangeError: there is none with this index.
        """
        if not 0 <= index < len(self.current.streams):
            raise RtcRangeError(f"stream {index}, expected 0…{len(self.current.streams) - 1}")
        return self.current.streams[index]

    @property
    def alone(self) -> bool:
        """Whether no restart is under way, or has left something to look after."""
        return self.previous is None and self._undo is None

    # --- a restart, from beginning to end ------------------------------------------------------------------

    def restart(self, credentials: IceCredentials, *, in_use: bool) -> None:
        """Begin a new session. Spec: RFC 8445 §9.

        Args:
            credentials: ours, for it.
            in_use: some path in use belongs to the current session; else the one before goes on carrying data.
        """
        old = self.current
        self._undo = (old, self.previous)
        if self.previous is None or in_use:
            self.previous = old
        self.retire_at = None
        self.current = self._begin(credentials, len(old.streams), restarted=True)

    def rollback(self, now: Instant) -> None:
        """The restart has not been: the old session is the current one again.

        Raises:
            InvalidStateError: there is nothing to undo, or it is too late (`commit`).
        """
        if self._undo is None:
            raise InvalidStateError("no ICE restart can be rolled back")
        if self.current.gatherer is not None:
            self.current.gatherer.stop()
        self.current, self.previous = self._undo
        self._undo = None
        if self.previous is not None and self.current.concluded:
            self.retire_at = now + self._config.retire_delay

    def commit(self) -> None:
        """The peer has answered a restart: it cannot be rolled back, and what the old session gathers is moot."""
        for old in self.all()[1:]:
            if old.gatherer is not None:
                old.gatherer.stop()
                old.gatherer = None
        self._undo = None

    def conclude(self, now: Instant) -> None:
        """The current session has all its pairs: the one before is needed for what is still on its way only (§8.3.1)."""
        if self.previous is not None and self.retire_at is None:
            self.retire_at = now + self._config.retire_delay

    def retire(self) -> Session | None:
        """The session before the restart is over: its credentials answer no more. Spec: RFC 8445 §8.3.1, §9."""
        over, self.previous, self.retire_at = self.previous, None, None
        return over

    def close(self) -> None:
        """Stop gathering, and let go of all but the current session."""
        for session in self.all():
            if session.gatherer is not None:
                session.gatherer.stop()
        self.previous = self._undo = self.retire_at = None

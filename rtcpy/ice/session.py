"""What one ICE session knows: from one pair of credentials to the next.

An ICE restart begins a new session while the old one still carries data (RFC 8445 §9), so everything that belongs to
one generation of credentials stands here; `restart` holds a current and perhaps a previous one.

Specs: RFC 8445 §5.3, §9, §12.1; RFC 8838 §9; RFC 8863 §4, §5 (patience).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcpy.core.machine import Address, Instant
from rtcpy.ice.candidate import Candidate, IceCredentials
from rtcpy.ice.checklist import ACTIVE, CandidatePair, Checklist, ChecklistSet
from rtcpy.ice.events import IceGatheringState
from rtcpy.ice.gather import Gatherer
from rtcpy.stun import short_term_key

MAX_SEEN = 64  # transaction ids of authentic requests remembered, to tell a replay from another address
MAX_VALIDATED = (
    256  # (local, remote) address pairs remembered; more than MAX_PAIRS, so that none falls out early
)


@dataclass(slots=True)
class EarlyCheck:
    """A check that arrived before the peer's credentials; it is answered at once and acted on later.

    Spec: RFC 8445 §7.3, second paragraph.
    """

    local: Address
    remote: Address
    remote_ufrag: str
    priority: int | None
    use_candidate: bool


@dataclass(slots=True, eq=False)
class Stream:
    """One data stream of one session.

    Args:
        session: whose credentials it uses.
        index: position in the checklist set.
        checklist: its pairs.
        local: our candidates, those learnt as peer-reflexive included.
        bases: what may be paired: for each base, our best candidate on it.
        remote: the peer's candidates by address.
        end_of_candidates: the peer has no more.
        ended_ufrag: the session it said so for, before its credentials were known.
        early: checks that came before them.
        selected: the nominated pair.
        nominating: the pair whose USE-CANDIDATE is under way (controlling).
        nominate_at: when the best valid pair is nominated at the latest (controlling).
        expired: a path was lost to expired or revoked consent.
    """

    session: Session
    index: int
    checklist: Checklist
    local: list[Candidate] = field(default_factory=list)
    bases: dict[Address, Candidate] = field(default_factory=dict)
    remote: dict[Address, Candidate] = field(default_factory=dict)
    remote_credentials: IceCredentials | None = None
    remote_key: bytes = b""
    lite: bool = False
    end_of_candidates: bool = False
    ended_ufrag: str | None = None
    early: dict[tuple[Address, Address], EarlyCheck] = field(default_factory=dict)
    selected: CandidatePair | None = None
    nominating: CandidatePair | None = None
    nominate_at: Instant | None = None
    expired: bool = False

    def set_remote_credentials(self, credentials: IceCredentials, *, lite: bool) -> None:
        """Take the peer's credentials and derive the key that checks to it are signed with.

        Raises:
            RtcSyntaxError: the password has no OpaqueString form (RFC 8489 §9.1.1).
        """
        self.remote_key = short_term_key(credentials.pwd)
        self.remote_credentials, self.lite = credentials, lite

    @property
    def candidates_left(self) -> bool:
        """Whether we are still gathering, or the peer has not ended its candidates."""
        complete = self.session.gathering_state is IceGatheringState.COMPLETE
        return not (complete and self.end_of_candidates)

    def has_hope(self, now: Instant, patience: float) -> bool:
        """Whether a check of some pair may still succeed, as far as the state of the stream is concerned.

        Each check of the peer begins ours anew (RFC 8445 §7.3.1.4). Where ours are never answered, as with a wrong
        password, that would be `checking` for ever; once patience is over, so is the hope for a pair tried that long.
        """
        over = self.session.patience_over
        for pair in self.checklist.pairs:
            since = pair.unanswered_since
            if pair.state in ACTIVE and (not over or since is None or now - since < patience):
                return True
        return False

    def best_valid(self, now: Instant) -> CandidatePair | None:
        """The valid pair of highest priority that may be sent on. Spec: RFC 8445 §12.1."""
        for pair in self.checklist.pairs:
            if pair.has_consent(now):
                return pair
        return None

    def best_nominated(self, now: Instant) -> CandidatePair | None:
        """The nominated pair of highest priority that may be sent on. Spec: RFC 8445 §8.1.1."""
        for pair in self.checklist.pairs:
            if pair.nominated and pair.has_consent(now):
                return pair
        return None


@dataclass(slots=True, eq=False)
class Session:
    """One generation of our credentials.

    Args:
        credentials: ours.
        key: HMAC key of what is addressed to us.
        checklists: of all streams.
        restarted: it began with a restart.
        streams: see `Stream`.
        sockets: each bound address with its stream and the host (or relayed) candidate that stands for it.
        validated: address pairs on which a check with correct integrity has passed, oldest first.
        seen: transaction ids of the latest authentic requests, and where each came from first.
        gathering_state: W3C's.
        gatherer: the talk with STUN servers, once begun.
        more_to_come: candidates gathered elsewhere (relayed) are still expected.
        patience_until: the PAC timer (RFC 8863); `None` until the peer's credentials are known.
        patience_over: it has run out.
        news_until: when a missing end-of-candidates is taken as given.
    """

    credentials: IceCredentials
    checklists: ChecklistSet
    restarted: bool = False
    key: bytes = b""
    streams: list[Stream] = field(default_factory=list)
    sockets: dict[Address, tuple[int, Candidate]] = field(default_factory=dict)
    validated: dict[tuple[Address, Address], None] = field(default_factory=dict)
    seen: dict[bytes, tuple[Address, Address]] = field(default_factory=dict)
    gathering_state: IceGatheringState = IceGatheringState.NEW
    gatherer: Gatherer | None = None
    more_to_come: bool = False
    patience_until: Instant | None = None
    patience_over: bool = False
    news_until: Instant | None = None

    @classmethod
    def begin(cls, credentials: IceCredentials, streams: int, max_pairs: int, *, restarted: bool) -> Session:
        """A fresh session of `streams` streams."""
        session = cls(credentials, ChecklistSet.of(streams, max_pairs), restarted)
        session.key = short_term_key(credentials.pwd)
        session.streams = [Stream(session, i, session.checklists.lists[i]) for i in range(streams)]
        return session

    def add_validated(self, local: Address, remote: Address) -> None:
        """Remember that a check with correct integrity passed between the two."""
        key = (local, remote)
        if key not in self.validated:
            if len(self.validated) >= MAX_VALIDATED:
                del self.validated[next(iter(self.validated))]
            self.validated[key] = None

    def is_replay(self, transaction_id: bytes, local: Address, remote: Address) -> bool:
        """Whether this authentic request has come before, between other addresses.

        Integrity does not cover the source address, so whoever captured a request could send it again from his own
        and be taken for the peer. Only the first source of a transaction id is believed (RFC 8445 §19.2).
        """
        first = self.seen.get(transaction_id)
        if first is None:
            if len(self.seen) >= MAX_SEEN:
                del self.seen[next(iter(self.seen))]
            self.seen[transaction_id] = (local, remote)
        return first is not None and first != (local, remote)

    def hear_news(self, timeout: float | None, now: Instant) -> None:
        """The peer has told something: a missing end-of-candidates is waited for anew. Spec: RFC 8863 §5."""
        if timeout is not None and not self.concluded:
            if any(stream.remote_credentials is not None for stream in self.streams):
                self.news_until = now + timeout

    def lose_patience(self, now: Instant) -> None:
        """What was waited for long enough is waited for no more. Spec: RFC 8863 §4, §5."""
        if self.patience_until is not None and now >= self.patience_until:
            self.patience_until, self.patience_over = None, True
        if self.news_until is not None and now >= self.news_until:
            self.news_until = None
            for stream in self.streams:
                stream.end_of_candidates = True

    @property
    def concluded(self) -> bool:
        """Whether every stream has a nominated pair."""
        return all(stream.selected is not None for stream in self.streams)

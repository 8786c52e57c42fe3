"""What can be set about an ICE agent, and the limits that protect it.

Times are in seconds. The defaults follow the RFCs; where one deviates, it says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Address
from rtcpy.ice.candidate import Candidate

TA = 0.050  # s between ordinary checks, and between requests to servers, RFC 8445 §14.2
TA_MIN = 0.005  # s, the least that any pacing may be, RFC 8445 §14.2
RTO_MIN = 0.500  # s, first retransmission of a check, RFC 8445 §14.3
CONSENT_EXPIRY = 30.0  # s without a valid response, RFC 7675 §5.1
CONSENT_INTERVAL = 5.0  # s, times 0.8…1.2, RFC 7675 §5.1
CONSENT_INTERVAL_MIN = 5.0  # s: 0.8 of it is the 4 s below which RFC 7675 §5.1 forbids to go
KEEPALIVE = 15.0  # s, Tr, RFC 8445 §11
PATIENCE = 39.5  # s, the PAC timer: one whole STUN transaction, RFC 8863 §4

MAX_PAIRS = 100  # in all checklists together, RFC 8445 §6.1.2.5
MAX_REMOTE_CANDIDATES = 100  # per stream; a browser sends a dozen, an attacker any number (RFC 8445 §19.5.1)
MAX_PEER_REFLEXIVE = 20  # of these, learnt from authenticated checks; each costs a pair
MAX_EARLY_CHECKS = 32  # requests kept until the peer's credentials are known, RFC 8445 §7.3
MAX_SERVERS = 16  # STUN servers asked; more add nothing (RFC 8445 §5.1.1.2)
MAX_LOCAL_ADDRESSES = 64  # sockets per agent
MAX_STREAMS = 16  # data streams per agent; BUNDLE needs one


class TransportPolicy(Enum):
    """Which candidates may be used: W3C `iceTransportPolicy`, RFC 8828 §5.2 mode 4 in spirit."""

    ALL = "all"
    RELAY = "relay"


@dataclass(slots=True)
class StunServer:
    """A STUN server, its name already resolved by the driver.

    Args:
        address: where to send Binding requests.
        url: as configured (``"stun:stun.example.org:3478"``), for `CandidateFound` and `GatheringFailed`.
    """

    address: Address
    url: str = ""


@dataclass(slots=True)
class IceConfig:
    """Settings of one agent.

    Args:
        ta: seconds between ordinary checks. Other values than 50 ms are to be signalled (RFC 8445 §14.2).
        rto: seconds to the first retransmission of a check or of a request to a server; at least 0.5.
        rto_max: seconds that the doubling retransmission interval stops at.
            Deviation: RFC 8489 §6.2.1 lets it double seven times. A check says whether a path works *now*; at
            30 % loss the long silences of the full schedule are what keeps two hosts apart.
        check_timeout: seconds until an unanswered check fails. RFC 8489 §6.2.1 arrives at 39.5 with its defaults.
        gathering_timeout: seconds that `GatheringDone` waits for servers that do not answer.
        nomination_delay: seconds from the first valid pair to nomination when a better pair may still succeed.
        relay_nomination_delay: the same, when all that is valid goes through a relay.
        consent_interval: seconds between consent checks, times 0.8…1.2; `None` switches consent off (for
            lessons and tests only).
        consent_expiry: seconds after which a path without valid response must not be sent on; at most 30.
        consent_grace: seconds that an unanswered consent check is given, helped by ordinary checks, before the
            state becomes `disconnected`.
        keepalive: seconds of silence on the selected pair before a Binding indication; at least 15.
        patience: seconds before `failed`, even when nothing is left to check (RFC 8863).
        end_of_candidates_timeout: seconds after the last news from the peer when the missing end-of-candidates
            is taken as given (RFC 8863 §5 permits such a fallback). `None` waits for ever.
        retire_delay: seconds that the credentials before a restart keep answering once the new pair is selected.
        max_pairs: limit of all checklists together.
        allow_loopback: use 127.0.0.0/8 and ::1, on either side.
        transport_policy: `RELAY` uses relayed candidates alone: no host address is offered, answered from or
            told.
        reveal_related_address: whether reflexive and relayed candidates say what they derive from. With `False`
            it is ``0.0.0.0`` port 9 (RFC 8828 §5.2 modes 3 and 4).
        candidate_filter: called with each local candidate; `False` keeps it from being offered and paired.
    """

    ta: float = TA
    rto: float = RTO_MIN
    rto_max: float = 1.0
    check_timeout: float = PATIENCE
    gathering_timeout: float = 5.0
    nomination_delay: float = 0.5
    relay_nomination_delay: float = 2.0
    consent_interval: float | None = CONSENT_INTERVAL
    consent_expiry: float = CONSENT_EXPIRY
    consent_grace: float = 3.0
    keepalive: float = KEEPALIVE
    patience: float = PATIENCE
    end_of_candidates_timeout: float | None = 60.0
    retire_delay: float = 5.0
    max_pairs: int = MAX_PAIRS
    allow_loopback: bool = False
    transport_policy: TransportPolicy = TransportPolicy.ALL
    reveal_related_address: bool = True
    candidate_filter: Callable[[Candidate], bool] | None = None

    def validate(self) -> None:
        """Raise `RtcRangeError` for a value that an RFC forbids or that cannot work."""
        checks: tuple[tuple[bool, Callable[[], str]], ...] = (  # the messages are written only if needed
            (self.ta >= TA_MIN, lambda: f"ta is {self.ta} s, at least {TA_MIN} (RFC 8445 §14.2)"),
            (self.rto >= RTO_MIN, lambda: f"rto is {self.rto} s, at least {RTO_MIN} (RFC 8445 §14.3)"),
            (self.rto_max >= self.rto, lambda: f"rto_max is {self.rto_max} s, below rto {self.rto}"),
            (
                self.check_timeout >= self.rto,
                lambda: f"check_timeout is {self.check_timeout} s, below rto {self.rto}",
            ),
            (
                self.gathering_timeout > 0,
                lambda: f"gathering_timeout is {self.gathering_timeout} s, must be positive",
            ),
            (self.nomination_delay >= 0, lambda: f"nomination_delay is {self.nomination_delay} s, below 0"),
            (
                self.relay_nomination_delay >= 0,
                lambda: f"relay_nomination_delay is {self.relay_nomination_delay} s, below 0",
            ),
            (
                self.consent_interval is None or self.consent_interval >= CONSENT_INTERVAL_MIN,
                lambda: (
                    f"consent_interval is {self.consent_interval} s, at least {CONSENT_INTERVAL_MIN} (RFC 7675 §5.1)"
                ),
            ),
            (
                0 < self.consent_expiry <= CONSENT_EXPIRY,
                lambda: (
                    f"consent_expiry is {self.consent_expiry} s, at most {CONSENT_EXPIRY} (RFC 7675 §5.1)"
                ),
            ),
            (self.consent_grace > 0, lambda: f"consent_grace is {self.consent_grace} s, must be positive"),
            (
                self.keepalive >= KEEPALIVE,
                lambda: f"keepalive is {self.keepalive} s, at least {KEEPALIVE} (RFC 8445 §11)",
            ),
            (self.patience >= 0, lambda: f"patience is {self.patience} s, below 0"),
            (self.retire_delay >= 0, lambda: f"retire_delay is {self.retire_delay} s, below 0"),
            (self.max_pairs >= 1, lambda: f"max_pairs is {self.max_pairs}, at least 1"),
        )
        for good, message in checks:
            if not good:
                raise RtcRangeError(message())

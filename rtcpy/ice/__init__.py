"""ICE: find a path through whatever lies between two hosts, prove it, and keep permission to use it.

Two hosts behind unknown NATs and firewalls exchange lists of *candidates*, every address at which each might be
reached. Each side pairs its own with the peer's and tries the pairs with STUN Binding requests that only the
peer can answer (*connectivity checks*). The controlling side *nominates* one working pair. From then on a
request every five seconds asks whether the peer still *consents* to receive.

ICE stands between the sockets and DTLS: it moves `Datagram`s, since addresses are what it is about. It uses
`rtcpy.stun` for its messages. It does not know SDP (`rtcpy.peer` converts candidates) and opens no sockets: the
driver binds them and tells `IceAgent.gather`.

Read in this order:

1. `candidate` (what is ranked and how), `events` and `config` (what comes out and what can be set).
2. `session` (what belongs to one generation of credentials), `restart` (the current one and the one before).
3. `local` and `gather`, `remote` (where candidates come from: ours, with STUN servers, and the peer's).
4. `pairing` (who with whom), `checklist` (pairs, their states, which is next).
5. `binding` (what a check says), `check` and `checker` (ours in flight, and sending them), `requests` (the peer's).
6. `roles` and `conflict` (who controls, and if both want to), `nomination` (when to settle).
7. `consent` and `paths` (the path in use), `steady` (the same check every five seconds, cut short).
8. `states` (what the outside sees), `outbox`, and last `agent`, the machine that ties it together.

Specs: RFC 8445 (ICE), RFC 8838 (trickle), RFC 7675 (consent), RFC 8863 (patience), RFC 8421 (dual stack),
RFC 8828 (address privacy), W3C webrtc §5.6 (states).
"""

from rtcpy.ice.agent import IceAgent
from rtcpy.ice.candidate import (
    Candidate,
    CandidateType,
    IceCredentials,
    LocalAddress,
    candidate_priority,
    default_candidate,
    pair_priority,
)
from rtcpy.ice.config import IceConfig, StunServer, TransportPolicy
from rtcpy.ice.events import (
    CandidateFound,
    CandidatePairStats,
    GatheringDone,
    GatheringFailed,
    IceConnectionState,
    IceGatheringState,
    PairSelected,
    RoleChanged,
    StateChanged,
)

__all__ = [
    "Candidate",
    "CandidateFound",
    "CandidatePairStats",
    "CandidateType",
    "GatheringDone",
    "GatheringFailed",
    "IceAgent",
    "IceConfig",
    "IceConnectionState",
    "IceCredentials",
    "IceGatheringState",
    "LocalAddress",
    "PairSelected",
    "RoleChanged",
    "StateChanged",
    "StunServer",
    "TransportPolicy",
    "candidate_priority",
    "default_candidate",
    "pair_priority",
]

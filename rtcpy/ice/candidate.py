"""Candidates: the addresses at which an agent may be reached, and how they are ranked.

Owned here: the candidate record, foundations, priorities, the priority of a pair, the mix of IPv4 and IPv6,
the default candidate, and which addresses may be used at all. Not here: the text form (`rtcpy.sdp.candidate`;
`peer` converts), finding candidates (`gather`), pairing them (`checklist`).

Specs: RFC 8445 §5.1 (types, foundation, priority, redundancy), §6.1.2.3 (pair priority), RFC 8421 (dual stack),
RFC 8838 §9 (ufrag of a trickled candidate). Read top to bottom.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rtcpy.core.enums import KeyEnum
from rtcpy.core.env import Entropy, random_text
from rtcpy.core.machine import Address

COMPONENT_RTP = 1  # RFC 8445 §13: components count from 1; rtcpy multiplexes RTCP, so there is no 2
MAX_LOCAL_PREFERENCE = 65535  # RFC 8445 §5.1.2.1
LOCAL_PREFERENCE_STEP = (
    64  # between two local addresses: room for one unique preference per server and address
)
MAX_PRIORITY = (1 << 31) - 1  # RFC 8445 §5.1.2

ICE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # ice-char, RFC 8839 §5.4
UFRAG_CHARACTERS = 4  # 24 bits of randomness, the least that RFC 8445 §5.3 allows; browsers send 4 to 32
PWD_CHARACTERS = 24  # 144 bits; RFC 8445 §5.3 asks for 128
MIN_UFRAG_CHARACTERS, MIN_PWD_CHARACTERS, MAX_CREDENTIAL_CHARACTERS = 4, 22, 256  # RFC 8839 §5.4

REMEMBERED_ADDRESSES = 256
"""IP literals whose meaning is kept, in the whole process: a connection asks about each of its few a dozen times."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class CandidateType(KeyEnum):
    """How a candidate was found; the value is the token after `typ` in SDP. Spec: RFC 8445 §5.1.1, RFC 8839 §5.1."""

    HOST = "host"
    SERVER_REFLEXIVE = "srflx"
    PEER_REFLEXIVE = "prflx"
    RELAYED = "relay"


TYPE_PREFERENCE = {  # RFC 8445 §5.1.2.2
    CandidateType.HOST: 126,
    CandidateType.PEER_REFLEXIVE: 110,
    CandidateType.SERVER_REFLEXIVE: 100,
    CandidateType.RELAYED: 0,
}


@dataclass(slots=True)
class IceCredentials:
    """What authenticates checks: user name fragment and password of one side. Spec: RFC 8445 §5.3."""

    ufrag: str
    pwd: str

    @classmethod
    def generate(cls, entropy: Entropy) -> IceCredentials:
        """Fresh ones: 24 random bits of ufrag, 144 of password."""
        return cls(
            random_text(entropy, UFRAG_CHARACTERS, ICE_CHARACTERS),
            random_text(entropy, PWD_CHARACTERS, ICE_CHARACTERS),
        )


@dataclass(slots=True)
class LocalAddress:
    """An address that the driver has bound a UDP socket to.

    Args:
        address: IP literal and port of the socket. IPv6 link-local addresses carry their scope after ``%``.
        network: name of the interface (``"eth0"``); only told to tools.
        preference: the driver's ranking, higher is better; equal ones keep their order.
        stream: index of the data stream that the socket serves.
    """

    address: Address
    network: str = ""
    preference: int = 0
    stream: int = 0


@dataclass(slots=True)
class Candidate:
    """One transport address of one side, as it is signalled.

    Args:
        foundation: up to 32 ice-chars; equal for candidates that are likely to fare alike (§5.1.1.3).
        component: 1 for everything in rtcpy.
        transport: ``"udp"`` or ``"tcp"``, lower case.
        priority: 1…2³¹−1, higher is tried first.
        address: IP literal, or a ``.local`` name in a remote candidate.
        port: of `address`.
        type: how it was found.
        related_address: what it was derived from, for diagnosis; ``"0.0.0.0"`` where that must not be told.
        related_port: of `related_address`.
        tcp_type: ``"active"``, ``"passive"`` or ``"so"`` for TCP (RFC 6544 §4.5).
        ufrag: the session it belongs to, so that late ones of an old session can be told apart (RFC 8838 §9).
        generation: the extension that libwebrtc adds; kept, never judged.
        url: URL of the server it was learnt from; local candidates only (W3C `RTCIceCandidate.url`).
        base: local address that checks are sent from; local candidates only (§4).
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: CandidateType
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None
    ufrag: str | None = None
    generation: int | None = None
    url: str | None = field(default=None, compare=False)
    base: Address | None = field(default=None, compare=False)

    @property
    def transport_address(self) -> Address:
        """`address` and `port` together."""
        return Address(self.address, self.port)

    def copy(self) -> Candidate:
        """The same in another record, for whoever may change theirs."""
        return Candidate(
            self.foundation,
            self.component,
            self.transport,
            self.priority,
            self.address,
            self.port,
            self.type,
            self.related_address,
            self.related_port,
            self.tcp_type,
            self.ufrag,
            self.generation,
            self.url,
            self.base,
        )


# --- ranking -------------------------------------------------------------------------------------------------


def candidate_priority(
    type: CandidateType, local_preference: int = MAX_LOCAL_PREFERENCE, component: int = COMPONENT_RTP
) -> int:
    """The recommended formula: type first, then the address, then the component.

    Args:
        type: decides the top 7 bits.
        local_preference: 0…65535, unique among candidates of one type.
        component: 1…256.

    Spec: RFC 8445 §5.1.2.1.
    """
    return (TYPE_PREFERENCE[type] << 24) + (local_preference << 8) + (256 - component)


def pair_priority(controlling: int, controlled: int) -> int:
    """The priority of a pair, the same number on both sides: the weaker candidate counts most.

    Args:
        controlling: G, priority of the controlling agent's candidate.
        controlled: D, priority of the controlled agent's candidate.

    Spec: RFC 8445 §6.1.2.3.
    """
    low, high = (controlling, controlled) if controlling < controlled else (controlled, controlling)
    return (low << 32) + 2 * high + (1 if controlling > controlled else 0)


def local_preferences(addresses: Sequence[LocalAddress]) -> list[int]:
    """One local preference per address, in the order given: unique, IPv6 first, IPv4 mixed in.

    With N₄ IPv4 and N₆ IPv6 addresses, one IPv4 address comes after every (N₄ + N₆) / N₄ − 1 IPv6 addresses,
    so that a broken family delays the other by a few checks only. Inside a family the driver's `preference`
    decides. A single address gets 65535.

    Spec: RFC 8445 §5.1.2.1, RFC 8421 §4.
    """
    ranked = sorted(range(len(addresses)), key=lambda i: -addresses[i].preference)
    six = [i for i in ranked if ":" in addresses[i].address.host]
    four = [i for i in ranked if ":" not in addresses[i].address.host]
    head_start = (len(six) + len(four)) // len(four) if four else len(six)
    order: list[int] = []
    while six or four:
        order += six[: max(1, head_start - 1)] if four else six
        del six[: max(1, head_start - 1) if four else len(six)]
        order += four[:1] if six or not order or four else four
        del four[:1]
    out = [0] * len(addresses)
    for rank, i in enumerate(order):
        out[i] = max(0, MAX_LOCAL_PREFERENCE - LOCAL_PREFERENCE_STEP * rank)
    return out


class Foundations:
    """Hands out foundations: the same string for the same (type, base IP, server IP, transport), else a new one.

    They are counted, not hashed, so that they tell nothing about the addresses. Spec: RFC 8445 §5.1.1.3.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[CandidateType, str, str, str], str] = {}

    def of(self, type: CandidateType, base: str, server: str = "", transport: str = "udp") -> str:
        """The foundation of a candidate.

        Args:
            type: of the candidate.
            base: IP literal of its base, without port.
            server: IP literal of the STUN or TURN server that it was learnt from, if any.
            transport: ``"udp"`` or ``"tcp"``.
        """
        key = (type, base, server, transport)
        return self._known.setdefault(key, str(len(self._known) + 1))


def default_candidate(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate most likely to work for a peer without ICE: relayed before reflexive before host.

    Among equals IPv4 wins, then priority. It fills the `c=` and `m=` lines. Link-local and
    loopback addresses come last.

    Spec: RFC 5245 §4.1.4 (the choice), RFC 8839 §4.2.1.2 (where it is put).
    """
    order = {
        CandidateType.RELAYED: 3,
        CandidateType.SERVER_REFLEXIVE: 2,
        CandidateType.PEER_REFLEXIVE: 1,
        CandidateType.HOST: 0,
    }

    def rank(candidate: Candidate) -> tuple[bool, int, bool, int]:
        ip = parse_ip(candidate.address)
        reachable = ip is not None and not ip.is_link_local and not ip.is_loopback
        return reachable, order[candidate.type], ":" not in candidate.address, candidate.priority

    usable = [c for c in candidates if c.transport == "udp" and c.component == COMPONENT_RTP]
    return max(usable, key=rank, default=None)


# --- addresses -----------------------------------------------------------------------------------------------


@lru_cache(REMEMBERED_ADDRESSES)
def parse_ip(host: str) -> IPAddress | None:
    """`host` as an address object, or `None` if it is a name or rubbish."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def canonical(address: Address) -> Address:
    """The same address as sockets spell it: lower case, zeros compressed, without scope. Names are kept."""
    return Address(_canonical_host(address.host), address.port)


@lru_cache(REMEMBERED_ADDRESSES)
def _canonical_host(host: str) -> str:
    ip = parse_ip(host.partition("%")[0])
    return host if ip is None else str(ip)


def unusable_reason(address: Address, *, allow_loopback: bool) -> str | None:
    """Why no check may go to `address`, or `None` if it may.

    Candidates come from the peer, who could name any address as the target of our checks; those that reach many
    hosts, no host, or our own host are refused.

    Args:
        address: of a remote candidate.
        allow_loopback: for demos and tests on one machine.

    Spec: RFC 8445 §5.1.1.1 (what must not be offered), §19.5.1.
    """
    reason = _unusable_host(address.host)
    if reason == _LOOPBACK and allow_loopback:
        reason = None
    if reason is None and not 0 < address.port <= 0xFFFF:
        return "port 0"
    return reason


_LOOPBACK = "loopback address"


@lru_cache(REMEMBERED_ADDRESSES)
def _unusable_host(host: str) -> str | None:
    if host.lower().rstrip(".").endswith(".local"):
        return "mDNS names are not resolved"
    ip = parse_ip(host)
    if ip is None:
        return "not an IP address"
    if ip.is_unspecified or (ip.version == 4 and int(ip) >> 24 == 0):
        return "unspecified address"
    if ip.is_multicast:
        return "multicast address"
    if ip.version == 4 and int(ip) >> 28 == 0xF:
        return "broadcast or reserved address"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None or (int(ip) >> 32 == 0 and not ip.is_loopback):
            return "IPv4 address in IPv6 form"
        if ip.is_site_local:
            return "deprecated site-local address"
    return _LOOPBACK if ip.is_loopback else None


def may_pair(local: IPAddress, remote: IPAddress) -> bool:
    """Whether an address of ours and one of the peer's may form a pair.

    Same family; link-local IPv6 only with link-local IPv6; and loopback only with loopback, as nothing else is
    routed there. Spec: RFC 8445 §6.1.2.2.
    """
    if local.version != remote.version or local.is_loopback != remote.is_loopback:
        return False
    return local.version == 4 or local.is_link_local == remote.is_link_local

"""The ICE agent: finds a path to the peer, proves it, and keeps consent to use it. (Interface; body follows.)"""

from __future__ import annotations

from collections.abc import Sequence

from rtcpy.core.env import Entropy
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.ice.candidate import Candidate, IceCredentials, LocalAddress
from rtcpy.ice.config import IceConfig, StunServer
from rtcpy.ice.events import CandidatePairStats, IceConnectionState, IceGatheringState


class IceAgent:
    """`Machine[Datagram, Event]`. `selected_path`, `state`, `gathering_state` are plain attributes (cheap to read)."""

    selected_path: tuple[Address, Address] | None
    """(local base, remote) to send data on, of stream 0; also the best valid pair before nomination."""
    state: IceConnectionState
    gathering_state: IceGatheringState
    controlling: bool
    local_credentials: IceCredentials
    dropped: dict[str, int]
    """Datagrams and candidates refused, by reason."""

    def __init__(
        self,
        *,
        controlling: bool,
        entropy: Entropy,
        config: IceConfig | None = None,
        credentials: IceCredentials | None = None,
        streams: int = 1,
        tap: Tap | None = None,
    ) -> None:
        """`credentials`: made in advance with `IceCredentials.generate` (createOffer needs them first)."""
        raise NotImplementedError

    # --- commands
    def set_role(self, controlling: bool, *, now: Instant) -> None: ...
    def set_remote_credentials(
        self, credentials: IceCredentials, *, lite: bool = False, stream: int | None = None, now: Instant
    ) -> None:
        """Same ones again: no effect. Different ones without `restart` first: InvalidStateError."""

    def gather(
        self,
        local_addresses: Sequence[LocalAddress],
        servers: Sequence[StunServer] = (),
        *,
        more_to_come: bool = False,
        now: Instant,
    ) -> None:
        """Host candidates come out at once. `more_to_come`: wait for `finish_gathering` (relay candidates)."""

    def add_local_candidate(self, candidate: Candidate, *, stream: int = 0, now: Instant) -> None:
        """A relayed candidate that a TURN client allocated; datagrams whose `local` is its address go through it."""

    def finish_gathering(self, *, now: Instant) -> None: ...
    def add_remote_candidate(self, candidate: Candidate, *, stream: int = 0, now: Instant) -> None: ...
    def end_of_remote_candidates(
        self, *, stream: int | None = None, ufrag: str | None = None, now: Instant
    ) -> None: ...
    def restart(self, *, credentials: IceCredentials | None = None, now: Instant) -> IceCredentials:
        """New session; gather again. The old path carries data until the new one is selected."""

    def rollback_restart(self, *, now: Instant) -> None:
        """Undo `restart` (rollback of the offer): the session before it is the current one again."""

    # --- queries
    @property
    def send_allowed(self) -> bool:
        raise NotImplementedError

    def selected_path_of(self, stream: int) -> tuple[Address, Address] | None: ...
    def is_validated(self, local: Address, remote: Address) -> bool:
        raise NotImplementedError

    def local_candidates(self, stream: int = 0) -> list[Candidate]: ...  # type: ignore[empty-body]
    def remote_candidates(self, stream: int = 0) -> list[Candidate]: ...  # type: ignore[empty-body]
    def list_candidate_pairs(self) -> list[CandidatePairStats]: ...  # type: ignore[empty-body]

    # --- Machine
    def receive(self, packet: Datagram, *, now: Instant) -> None: ...
    def handle_timeout(self, *, now: Instant) -> None: ...
    def next_timeout(self) -> Instant | None: ...
    def take_packets(self) -> list[Datagram]: ...  # type: ignore[empty-body]
    def take_events(self) -> list[Event]: ...  # type: ignore[empty-body]
    def close(self, *, now: Instant) -> None: ...

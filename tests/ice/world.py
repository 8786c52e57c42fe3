"""Two agents in virtual time, a signalling channel between them, STUN servers and NATs where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address, Datagram, Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.ice import (
    Candidate,
    CandidateFound,
    CandidateType,
    GatheringDone,
    IceAgent,
    IceConfig,
    IceConnectionState,
    IceCredentials,
    LocalAddress,
    StunServer,
    candidate_priority,
)
from rtcpy.sim import LinkConfig, Network
from rtcpy.stun import (
    ERROR_CODE,
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    PRIORITY,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Message,
    MessageClass,
    Method,
    parse_message,
    short_term_key,
)

A, B = Address("10.0.0.1", 1000), Address("10.0.0.2", 2000)
SIGNALLING_DELAY = 0.03  # s one way
COMPLETED, CONNECTED, FAILED = (
    IceConnectionState.COMPLETED,
    IceConnectionState.CONNECTED,
    IceConnectionState.FAILED,
)
PEER = IceCredentials("peer", "p" * 22)


@dataclass
class World:
    """Agents `a` (offerer) and `b` on a seeded network; candidates trickle with `SIGNALLING_DELAY`."""

    seed: int = 0
    loss: float = 0.0
    roles: tuple[bool, bool] = (True, False)
    config: IceConfig | None = None
    link: LinkConfig | None = None
    trickle: bool = True
    streams: int = 1
    network: Network = field(init=False)
    agents: tuple[IceAgent, IceAgent] = field(init=False)
    keep_candidate: Callable[[Candidate], Candidate | None] = field(default=lambda candidate: candidate)

    def __post_init__(self) -> None:
        link = self.link or LinkConfig(delay=0.02, loss=self.loss)
        self.network = Network(seed=self.seed, link=link)
        self.agents = (
            IceAgent(
                controlling=self.roles[0],
                entropy=SeededEntropy(f"a{self.seed}"),
                config=self.config,
                streams=self.streams,
            ),
            IceAgent(
                controlling=self.roles[1],
                entropy=SeededEntropy(f"b{self.seed}"),
                config=self.config,
                streams=self.streams,
            ),
        )
        self.network.on_event = self._on_event

    @property
    def a(self) -> IceAgent:
        return self.agents[0]

    @property
    def b(self) -> IceAgent:
        return self.agents[1]

    def _on_event(self, end: int, event: Event, now: Instant) -> None:
        if end > 1 or not self.trickle:
            return
        other = self.agents[1 - end]
        if isinstance(event, CandidateFound):
            found = self.keep_candidate(event.candidate)
            if found is not None:
                self.network.at(
                    now + SIGNALLING_DELAY,
                    lambda: other.add_remote_candidate(found, stream=event.stream, now=self.network.now),
                )
        elif isinstance(event, GatheringDone):
            self.network.at(
                now + SIGNALLING_DELAY,
                lambda: other.end_of_remote_candidates(ufrag=event.ufrag, now=self.network.now),
            )

    def add_hosts(
        self,
        a: Sequence[str] = (A.host,),
        b: Sequence[str] = (B.host,),
        *,
        behind: tuple[str, str] = ("internet", "internet"),
    ) -> None:
        """Plug both in; call `signal` afterwards."""
        self.network.add_host("a", self.a, a, behind=behind[0])
        self.network.add_host("b", self.b, b, behind=behind[1])

    def signal(
        self,
        a: Sequence[Address] = (A,),
        b: Sequence[Address] = (B,),
        servers: Sequence[StunServer] = (),
    ) -> None:
        """Offer and answer: `a` gathers, `b` hears of it and gathers, `a` hears the answer."""
        network = self.network

        def answer() -> None:
            self.b.set_remote_credentials(self.a.local_credentials, now=network.now)
            gather(self.b, b, servers, network.now)
            credentials = self.b.local_credentials
            network.at(
                network.now + SIGNALLING_DELAY,
                lambda: self.a.set_remote_credentials(credentials, now=network.now),
            )

        gather(self.a, a, servers, network.now)
        network.at(network.now + SIGNALLING_DELAY, answer)

    def connect(self, *, within: float = 60.0) -> bool:
        """Run until both are completed."""
        return self.network.drive(
            until=self.network.now + within,
            stop=lambda: all(agent.state is COMPLETED for agent in self.agents),
        )

    def connected(self) -> World:
        """Plug in, signal, connect; asserts that it worked."""
        self.add_hosts()
        self.signal()
        assert self.connect(), (self.a.state, self.b.state)
        return self

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.network.drive(until=self.network.now + seconds)

    def states(self, end: int) -> list[str]:
        """All states that an agent went through."""
        from rtcpy.ice import StateChanged

        return [event.state.value for event in self.network.events_of(end, StateChanged)]

    def assert_agreed(self) -> None:
        """Both send to each other on the same path, and one of them controls."""
        assert self.a.controlling != self.b.controlling
        assert self.a.selected_path is not None and self.b.selected_path is not None
        mine = [p for p in self.a.list_candidate_pairs() if p.selected]
        theirs = [p for p in self.b.list_candidate_pairs() if p.selected]
        assert len(mine) == len(theirs) == 1
        assert mine[0].local.transport_address == theirs[0].remote.transport_address
        assert mine[0].remote.transport_address == theirs[0].local.transport_address


def gather(
    agent: IceAgent, addresses: Sequence[Address], servers: Sequence[StunServer], now: Instant
) -> None:
    """Give an agent its sockets, best first."""
    local = [LocalAddress(address, preference=-i) for i, address in enumerate(addresses)]
    agent.gather(local, servers, now=now)


def host(where: Address, **changes: object) -> Candidate:
    """A host candidate as a peer would signal it."""
    candidate = Candidate(
        "1", 1, "udp", candidate_priority(CandidateType.HOST), where.host, where.port, CandidateType.HOST
    )
    return replace(candidate, **changes)  # type: ignore[arg-type]


class Puppet:
    """The peer of one agent, played by hand: it signs what it sends and reads what it gets.

    The agent is at `A`, the puppet at `B` unless told otherwise.
    """

    def __init__(
        self,
        *,
        controlling: bool = True,
        config: IceConfig | None = None,
        known: bool = True,
        tap: Tap | None = None,
    ) -> None:
        self.agent = IceAgent(
            controlling=controlling, entropy=SeededEntropy("puppet"), config=config, tap=tap
        )
        self.now = 0.0
        gather(self.agent, [A], (), self.now)
        self._serial = 0
        self.key = short_term_key(self.agent.local_credentials.pwd)
        if known:
            self.agent.set_remote_credentials(PEER, now=self.now)

    def message(
        self,
        message_class: MessageClass = MessageClass.REQUEST,
        *,
        username: str | None = None,
        controlling: bool | None = None,
        tie_breaker: int = 1,
        use_candidate: bool = False,
        priority: int | None = 1845494271,
    ) -> Message:
        """A check of the peer, not yet signed."""
        self._serial += 1
        message = Message(Method.BINDING, message_class, self._serial.to_bytes(12, "big"))
        message.add(USERNAME, username or f"{self.agent.local_credentials.ufrag}:{PEER.ufrag}")
        controls = not self.agent.controlling if controlling is None else controlling
        message.add(ICE_CONTROLLING if controls else ICE_CONTROLLED, tie_breaker)
        if priority is not None:
            message.add(PRIORITY, priority)
        if use_candidate:
            message.add(USE_CANDIDATE, True)
        return message

    def send(
        self, message: Message | bytes, *, source: Address = B, to: Address = A, key: bytes | None = None
    ) -> None:
        """Deliver to the agent; a `Message` is signed with the agent's password."""
        data = message if isinstance(message, bytes) else message.serialize(self.key if key is None else key)
        self.agent.receive(Datagram(data, to, source), now=self.now)

    def take(self) -> list[tuple[Message, Datagram]]:
        """What the agent sent, parsed."""
        return [(parse_message(packet.data), packet) for packet in self.agent.take_packets()]

    def requests(self) -> list[tuple[Message, Datagram]]:
        """Only its requests."""
        return [item for item in self.take() if item[0].message_class is MessageClass.REQUEST]

    def answer(
        self, request: Message, packet: Datagram, *, mapped: Address = A, source: Address | None = None
    ) -> None:
        """Answer one of the agent's checks as an honest peer does."""
        data = request.success([XOR_MAPPED_ADDRESS(mapped)]).serialize(short_term_key(PEER.pwd))
        self.agent.receive(Datagram(data, packet.local, source or packet.remote), now=self.now)

    def refuse(self, request: Message, packet: Datagram, code: int) -> None:
        """Answer one of the agent's checks with an error."""
        from rtcpy.stun import ErrorCode

        data = request.error(ErrorCode(code, "")).serialize(short_term_key(PEER.pwd))
        self.agent.receive(Datagram(data, packet.local, packet.remote), now=self.now)

    def answer_all(self) -> int:
        """Answer every waiting check; how many there were."""
        requests = self.requests()
        for request, packet in requests:
            self.answer(request, packet)
        return len(requests)

    def wait(self, seconds: float) -> None:
        """Let time pass without answering; timers fire when they are due."""
        end = self.now + seconds
        while (deadline := self.agent.next_timeout()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.agent.handle_timeout(now=self.now)
        self.now = end

    def wait_answering(self, seconds: float) -> None:
        """Let time pass, answering every check at once."""
        end = self.now + seconds
        while (deadline := self.agent.next_timeout()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.agent.handle_timeout(now=self.now)
            self.answer_all()
        self.now = end

    def connect(self) -> None:
        """Bring the pair A–B to selected."""
        self.agent.add_remote_candidate(host(B), now=self.now)
        self.answer_all()
        if not self.agent.controlling:
            self.send(self.message(use_candidate=True))
        self.answer_all()
        assert self.agent.selected_path == (A, B)


def error_of(message: Message) -> int | None:
    """The code of an error response."""
    error = message.get(ERROR_CODE)
    return None if error is None else error.code

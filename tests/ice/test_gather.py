"""Gathering: host candidates at once, servers in parallel, dead ones delay nothing, lies are refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import InvalidAccessError, InvalidStateError, RtcRangeError
from rtcpy.core.machine import Address, Datagram, Event
from rtcpy.ice import (
    Candidate,
    CandidateFound,
    CandidateType,
    GatheringDone,
    GatheringFailed,
    IceAgent,
    IceConfig,
    IceGatheringState,
    LocalAddress,
    StunServer,
    TransportPolicy,
)
from rtcpy.ice.gather import may_ask
from rtcpy.sim import LinkConfig, NatConfig, Network
from rtcpy.stun import MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, AttributeValue, ErrorCode, Message, parse_message
from rtcpy.stun.server import StunServer as AnsweringServer

LOCAL = Address("192.168.1.2", 4000)
SERVER = StunServer(Address("198.51.100.1", 3478), "stun:one.example:3478")
SECOND = StunServer(Address("198.51.100.2", 3478), "stun:two.example:3478")
DEAD = StunServer(Address("198.51.100.99", 3478), "stun:dead.example:3478")


def make_agent(**config: object) -> IceAgent:
    return IceAgent(controlling=True, entropy=SeededEntropy("gather"), config=IceConfig(**config))  # type: ignore[arg-type]


class Home:
    """An agent behind a NAT, and servers that answer."""

    def __init__(
        self,
        servers: Sequence[StunServer],
        *,
        nat: NatConfig | None = None,
        loss: float = 0.0,
        seed: int = 1,
        **config: object,
    ) -> None:
        self.network = Network(seed=seed, link=LinkConfig(delay=0.02, loss=loss))
        self.network.add_nat("home", "203.0.113.7", nat)
        self.agent = make_agent(**config)
        self.network.add_host("a", self.agent, [LOCAL.host], behind="home")
        for i, server in enumerate((SERVER, SECOND)):
            self.network.add_host(f"server{i}", AnsweringServer(), [server.address.host])
        self.timed: list[tuple[float, Event]] = []
        self.network.on_event = lambda end, event, now: self.timed.append((now, event)) if end == 0 else None
        self.agent.gather([LocalAddress(LOCAL)], servers, now=0.0)

    def run(self, until: float = 60.0) -> None:
        self.network.drive(until=until)

    def found(self, type: CandidateType) -> list[tuple[float, Candidate]]:
        return [
            (at, e.candidate)
            for at, e in self.timed
            if isinstance(e, CandidateFound) and e.candidate.type is type
        ]

    def done_at(self) -> float:
        (at,) = [at for at, event in self.timed if isinstance(event, GatheringDone)]
        return at


def test_host_candidates_and_the_end_come_at_once_without_servers() -> None:
    agent = make_agent()
    six = Address("2001:db8::5%eth0", 7)
    agent.gather([LocalAddress(LOCAL), LocalAddress(six)], now=3.0)
    events = agent.take_events()
    candidates = [event.candidate for event in events if isinstance(event, CandidateFound)]
    assert [(c.address, c.port, c.type) for c in candidates] == [
        ("2001:db8::5", 7, CandidateType.HOST),
        ("192.168.1.2", 4000, CandidateType.HOST),
    ]
    assert candidates[0].base == six and candidates[0].priority > candidates[1].priority
    assert len({c.foundation for c in candidates}) == 2
    assert {c.ufrag for c in candidates} == {agent.local_credentials.ufrag}
    assert events[-1] == GatheringDone(agent.local_credentials.ufrag)
    assert agent.gathering_state is IceGatheringState.COMPLETE
    assert not agent.take_packets() and agent.next_timeout() is None


def test_a_reflexive_candidate() -> None:
    home = Home([SERVER])
    home.run()
    ((at, candidate),) = home.found(CandidateType.SERVER_REFLEXIVE)
    assert at == pytest.approx(0.04) == home.done_at()
    assert (candidate.address, candidate.port) == ("203.0.113.7", 4000)
    assert (candidate.related_address, candidate.related_port) == LOCAL
    assert candidate.base == LOCAL and candidate.url == SERVER.url
    assert candidate.priority == (100 << 24) + (65535 << 8) + 255


def test_a_dead_server_delays_no_candidate_and_the_end_only_so_much() -> None:
    home = Home([DEAD, SERVER], gathering_timeout=2.0)
    home.run()
    ((at, _),) = home.found(CandidateType.SERVER_REFLEXIVE)
    assert at == pytest.approx(0.09), "Ta after the dead one was asked, and a round trip"
    assert home.done_at() == 2.0
    (failed,) = [event for _, event in home.timed if isinstance(event, GatheringFailed)]
    assert (failed.server, failed.code, failed.local) == (DEAD.url, 701, LOCAL)
    assert "2 s" in failed.reason


def test_servers_are_asked_ta_apart_and_repeated() -> None:
    home = Home([DEAD, DEAD, DEAD])
    home.run()
    sent: dict[bytes, list[float]] = {}
    for at, end, packet in home.network.log or []:
        if end == 0:
            sent.setdefault(parse_message(packet.data).transaction_id, []).append(at)
    starts = [times[0] for times in sent.values()]
    assert starts == pytest.approx([0.0, 0.05, 0.1])
    first = next(iter(sent.values()))
    assert first == pytest.approx([0.0, 0.5, 1.5, 2.5, 3.5, 4.5])


def test_two_servers_that_agree_give_one_candidate() -> None:
    """RFC 8445 §5.1.3."""
    home = Home([SERVER, SECOND])
    home.run()
    assert len(home.found(CandidateType.SERVER_REFLEXIVE)) == 1


def test_a_symmetric_nat_gives_one_candidate_per_server_with_unique_priorities() -> None:
    from rtcpy.sim import SYMMETRIC

    home = Home([SERVER, SECOND], nat=SYMMETRIC)
    home.run()
    found = [candidate for _, candidate in home.found(CandidateType.SERVER_REFLEXIVE)]
    assert len({(c.address, c.port) for c in found}) == 2
    assert len({c.priority for c in found}) == 2 and len({c.foundation for c in found}) == 2


def test_without_nat_the_reflexive_candidate_is_redundant() -> None:
    network = Network(seed=1)
    agent = make_agent()
    network.add_host("a", agent, [LOCAL.host])
    network.add_host("server", AnsweringServer(), [SERVER.address.host])
    agent.gather([LocalAddress(LOCAL)], [SERVER], now=0.0)
    network.drive(until=1.0)
    assert [event.candidate.type for event in network.events_of(0, CandidateFound)] == [CandidateType.HOST]
    assert network.events_of(0, GatheringDone)


@pytest.mark.parametrize("seed", range(10))
def test_loss_is_survived(seed: int) -> None:
    home = Home([SERVER], loss=0.2, seed=seed)
    home.run()
    assert home.done_at() <= 5.0
    failed = [event for _, event in home.timed if isinstance(event, GatheringFailed)]
    assert len(home.found(CandidateType.SERVER_REFLEXIVE)) + len(failed) == 1


def answer(
    agent: IceAgent, build: object, *, source: Address | None = None, to: Address | None = None
) -> None:
    """Answer the agent's one request to `SERVER`; `build(request)` makes the response."""
    (packet,) = agent.take_packets()
    response: Message = build(parse_message(packet.data))  # type: ignore[operator]
    data = response.serialize(fingerprint=False)
    agent.receive(Datagram(data, to or packet.local, source or packet.remote), now=0.01)


def asking(**config: object) -> IceAgent:
    agent = make_agent(**config)
    agent.gather([LocalAddress(LOCAL)], [SERVER], now=0.0)
    agent.take_events()
    return agent


def success(*attributes: AttributeValue) -> object:
    return lambda request: request.success(attributes)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (lambda request: request.error(ErrorCode(500, "Server Error")), 500),
        (lambda request: request.error(ErrorCode(300, "Try Alternate")), 300),
        (success(), 701),
        (success(XOR_MAPPED_ADDRESS(Address("0.0.0.0", 5))), 701),
        (success(XOR_MAPPED_ADDRESS(Address("203.0.113.7", 0))), 701),
        (success(XOR_MAPPED_ADDRESS(Address("224.0.0.1", 5))), 701),
        (success(XOR_MAPPED_ADDRESS(Address("127.0.0.1", 5))), 701),
        (success(XOR_MAPPED_ADDRESS(Address("2001:db8::9", 5))), 701),
    ],
)
def test_answers_without_use_are_reported_and_end_the_query(response: object, code: int) -> None:
    agent = asking()
    answer(agent, response)
    events = agent.take_events()
    (failed,) = [event for event in events if isinstance(event, GatheringFailed)]
    assert failed.code == code and failed.reason
    assert not [event for event in events if isinstance(event, CandidateFound)]
    assert [event for event in events if isinstance(event, GatheringDone)]


def test_the_mapped_address_of_an_old_server_counts() -> None:
    agent = asking()
    answer(agent, success(MAPPED_ADDRESS(Address("203.0.113.7", 5))))
    (found,) = [event for event in agent.take_events() if isinstance(event, CandidateFound)]
    assert found.candidate.transport_address == Address("203.0.113.7", 5)


@pytest.mark.parametrize(
    ("source", "to"),
    [
        (Address("198.51.100.66", 3478), None),
        (Address("198.51.100.1", 3479), None),
        (None, Address("192.168.1.2", 4001)),
    ],
)
def test_answers_from_elsewhere_have_no_effect(source: Address | None, to: Address | None) -> None:
    agent = asking()
    answer(agent, success(XOR_MAPPED_ADDRESS(Address("203.0.113.7", 5))), source=source, to=to)
    assert agent.take_events() == []
    assert agent.dropped == {"response from another address than was asked (RFC 8489 §6.3.3)": 1}
    assert agent.next_timeout() == 0.5, "the query goes on"


def test_an_answer_counts_once() -> None:
    agent = asking()
    (packet,) = agent.take_packets()
    response = parse_message(packet.data).success([XOR_MAPPED_ADDRESS(Address("203.0.113.7", 5))])
    for _ in range(3):
        agent.receive(Datagram(response.serialize(fingerprint=False), packet.local, packet.remote), now=0.01)
    assert len([event for event in agent.take_events() if isinstance(event, CandidateFound)]) == 1
    assert agent.dropped == {"response to no request of ours (RFC 8489 §6.3.3)": 2}


def test_bindings_are_kept_alive_until_ice_concludes() -> None:
    """RFC 8445 §5.1.1.4."""
    home = Home([SERVER])
    home.run(until=61.0)
    sent = [at for at, end, _ in home.network.log or [] if end == 0]
    assert sent == pytest.approx([0.0, 15.04, 30.04, 45.04, 60.04])
    assert not home.agent.dropped


def test_the_filter_hides_candidates_but_not_their_server() -> None:
    home = Home([SERVER], candidate_filter=lambda candidate: candidate.type is not CandidateType.HOST)
    home.run(until=1.0)
    assert not home.found(CandidateType.HOST)
    assert len(home.found(CandidateType.SERVER_REFLEXIVE)) == 1
    assert len(home.agent.local_candidates()) == 1


def test_related_addresses_can_be_kept_to_ourselves() -> None:
    """RFC 8828 §5.2 modes 3 and 4."""
    home = Home([SERVER], reveal_related_address=False)
    home.run(until=1.0)
    ((_, candidate),) = home.found(CandidateType.SERVER_REFLEXIVE)
    assert (candidate.related_address, candidate.related_port) == ("0.0.0.0", 9)


def relayed(address: str = "198.51.100.50", port: int = 50000) -> Candidate:
    return Candidate("", 1, "udp", 0, address, port, CandidateType.RELAYED, "203.0.113.7", 4000)


def test_relay_only_leaves_no_trace_of_our_addresses() -> None:
    """docs/threats.md: nothing of host or reflexive candidates in what is told, nor any packet to a STUN server."""
    agent = make_agent(transport_policy=TransportPolicy.RELAY)
    agent.gather([LocalAddress(LOCAL)], [SERVER], more_to_come=True, now=0.0)
    assert agent.take_packets() == [] and agent.take_events() == []
    agent.add_local_candidate(relayed(), now=0.1)
    agent.finish_gathering(now=0.2)
    found, done = agent.take_events()
    assert isinstance(found, CandidateFound) and isinstance(done, GatheringDone)
    assert found.candidate.type is CandidateType.RELAYED
    assert (found.candidate.related_address, found.candidate.related_port) == ("0.0.0.0", 9)
    assert LOCAL.host not in repr(agent.local_candidates()) and "203.0.113.7" not in repr(
        agent.local_candidates()
    )


def test_relayed_candidates_are_filled_in_and_gathering_waits_for_them() -> None:
    agent = make_agent()
    agent.gather([LocalAddress(LOCAL)], more_to_come=True, now=0.0)
    agent.take_events()
    assert agent.gathering_state is IceGatheringState.GATHERING
    agent.add_local_candidate(relayed(), now=0.1)
    agent.add_local_candidate(relayed(port=50001), now=0.1)
    agent.add_local_candidate(relayed(port=50001), now=0.1)  # the same again: no effect
    first, second = [event.candidate for event in agent.take_events() if isinstance(event, CandidateFound)]
    assert first.foundation == second.foundation and first.foundation
    assert first.priority == 16777215 > second.priority
    assert first.base == first.transport_address
    assert (first.related_address, first.related_port) == ("203.0.113.7", 4000)
    with pytest.raises(InvalidAccessError):
        agent.add_local_candidate(Candidate("1", 1, "udp", 1, "192.0.2.1", 1, CandidateType.HOST), now=0.1)
    agent.finish_gathering(now=0.2)
    assert agent.gathering_state is IceGatheringState.COMPLETE
    with pytest.raises(InvalidStateError):
        agent.add_local_candidate(relayed(port=50002), now=0.3)


def test_gathering_happens_once_per_session() -> None:
    agent = make_agent()
    agent.gather([LocalAddress(LOCAL)], now=0.0)
    with pytest.raises(InvalidStateError):
        agent.gather([LocalAddress(LOCAL)], now=0.0)
    agent.restart(now=1.0)
    assert agent.gathering_state is IceGatheringState.NEW
    agent.gather([LocalAddress(LOCAL)], now=1.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "not-an-address"])
def test_unfit_local_addresses_are_skipped_and_counted(host: str) -> None:
    agent = make_agent()
    agent.gather([LocalAddress(Address(host, 4000)), LocalAddress(LOCAL)], now=0.0)
    assert [c.address for c in agent.local_candidates()] == [LOCAL.host]
    assert sum(agent.dropped.values()) == 1


def test_too_many_sockets_are_cut_off() -> None:
    agent = make_agent()
    agent.gather([LocalAddress(Address("10.0.0.1", 1000 + i)) for i in range(100)], now=0.0)
    assert len(agent.local_candidates()) == 64


def test_a_socket_of_an_unknown_stream_is_the_callers_mistake() -> None:
    with pytest.raises(RtcRangeError):
        make_agent().gather([LocalAddress(LOCAL, stream=1)], now=0.0)


@pytest.mark.parametrize(
    ("base", "server", "expected"),
    [
        ("10.0.0.1", "192.0.2.1", True),
        ("10.0.0.1", "2001:db8::1", False),
        ("2001:db8::2", "2001:db8::1", True),
        ("fe80::2%eth0", "2001:db8::1", False),
        ("fe80::2%eth0", "fe80::1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "stun.example", False),
    ],
)
def test_which_servers_a_socket_can_reach(base: str, server: str, expected: bool) -> None:
    assert may_ask(Address(base, 1), Address(server, 3478)) is expected

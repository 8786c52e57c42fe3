"""The short cut for consent checks, against the general way: the same bytes, events, deadlines and counters."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rtcpy.core.errors import UsageError
from rtcpy.core.machine import Address, Datagram
from rtcpy.core.tap import Direction, Tap
from rtcpy.ice import IceAgent, IceConfig
from rtcpy.ice.steady import Settlement, SteadyPath
from rtcpy.sim import LinkConfig
from rtcpy.stun import XOR_MAPPED_ADDRESS as XOR
from rtcpy.stun import Attribute, ErrorCode, Message, SignedTemplate, short_term_key
from rtcpy.stun.values import unknown_attribute
from tests.ice.world import PEER, A, B, Puppet, World, gather, host
from tests.profile import scale

C = Address("10.0.0.3", 3000)
SOFTWARE: Attribute[bytes] = unknown_attribute(0x8022)
UNKNOWN: Attribute[bytes] = unknown_attribute(0x7777)

WALKS = scale(dev=150, ci=300, thorough=10_000)

Step = tuple[str, Any]

ODD_QUESTIONS = (
    *(
        "other key",
        "other source",
        "nominate",
        "other priority",
        "same role",
        "same role, stronger",
        "other username",
    ),
    *("unknown attribute", "one attribute more", "no fingerprint", "sha256", "again", "again from elsewhere"),
    *("copied from elsewhere first", "tail removed", "old session", "old session"),
)
STEPS: dict[str, Callable[[Random], Any]] = {
    "idle": lambda random: random.choice((1.0, 6.0, 6.0, 30.0)),
    "wait": lambda random: random.choice((0.0, 0.3, 1.0, 4.5, 6.0, 29.0)),
    "late": lambda random: random.choice((0.1, 3.0, 31.0)),
    "silence": lambda random: random.choice((1.0, 3.5)),
    "ask": lambda random: random.choice((1, 3)),
    "ask oddly": lambda random: random.choice(ODD_QUESTIONS),
    "flip request": lambda random: random.randrange(8 * 88),
    "flip answer": lambda random: random.randrange(8 * 64),
    "answer": lambda random: random.choice(
        ("well", "well", "twice", "other source", "other key", "other address", "more", "oldest")
    ),
    "refuse": lambda random: random.choice((400, 403, 487, 500)),
    "command": lambda random: random.choice(
        ("role", "restart", "restart", "rollback", "candidate", "end", "close")
    ),
}
LIKELY = {
    "idle": 8,
    "ask": 4,
    "wait": 4,
    "answer": 6,
    "ask oddly": 5,
    "command": 2,
    "flip request": 2,
    "flip answer": 2,
}


def steps_of(seed: int) -> list[Step]:
    """A dozen things that may happen to a connection which has been idle for a while."""
    random = Random(seed)
    names = random.choices(tuple(STEPS), [LIKELY.get(name, 1) for name in STEPS], k=12)
    return [("idle", 12.0), *((name, STEPS[name](random)) for name in names)]


class Watch(Tap):
    """Notes what the tap is told."""

    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    def packet(self, layer: str, direction: Direction, data: bytes, **where: object) -> None:
        self.seen.append((layer, direction, data, where))

    def state(self, layer: str, machine: str, old: str, new: str, *, now: float) -> None:
        self.seen.append((layer, machine, old, new, now))

    def drop(self, layer: str, data: bytes, reason: str, *, now: float) -> None:
        self.seen.append((layer, data, reason, now))

    def timer(self, layer: str, name: str, *, now: float) -> None:
        self.seen.append((layer, name, now))


class Play(Puppet):
    """A connected agent, the steps done to it, and what came of each."""

    def __init__(self, controlling: bool) -> None:
        self.seen: list[object] = []
        super().__init__(controlling=controlling, config=IceConfig(), tap=Watch(self.seen))
        self.unanswered: list[tuple[Message, Datagram]] = []
        self.last = b""
        self.username = f"{self.agent.local_credentials.ufrag}:{PEER.ufrag}"
        self.old = self.username, self.key
        self.connect()
        self.note()

    def note(self) -> None:
        """Everything that can be seen of the agent from outside."""
        agent = self.agent
        self.seen += [
            agent.next_timeout(),
            [(p.data, p.local, p.remote) for p in self.packets()],
            agent.take_events(),
            (agent.state, agent.selected_path, agent.controlling, agent.round_trip(), dict(agent.dropped)),
            agent.list_candidate_pairs(),
            [agent.is_validated(A, address) for address in (B, C)],
        ]

    def packets(self) -> list[Datagram]:
        taken = self.take()
        self.unanswered += [item for item in taken if item[0].message_class == 0]
        return [packet for _, packet in taken]

    def ask(self, data: bytes, source: Address = B) -> None:
        self.last = data
        self.send(data, source=source)
        self.note()

    def step(self, what: str, how: Any) -> None:
        try:
            getattr(self, "do_" + what.replace(" ", "_"))(how)
        except UsageError as error:
            self.seen.append(str(error))
        self.note()

    def do_idle(self, seconds: float) -> None:
        """A peer that answers, and asks as often."""
        end = self.now + seconds
        while self.now < end:
            self.ask(self.message().serialize(self.key))
            self.wait_answering(min(5.0, end - self.now))
            self.note()

    def do_wait(self, seconds: float) -> None:
        self.wait(seconds)

    def do_silence(self, pause: float) -> None:
        """The peer has stopped answering, and asks all the same."""
        self.wait(9.5)
        for _ in range(4):
            self.do_ask(1)
            self.wait(pause)
            self.note()

    def do_late(self, seconds: float) -> None:
        """Time passes and no timer fires: the next input comes before what is overdue."""
        self.now += seconds

    def do_ask(self, times: int) -> None:
        for _ in range(times):
            self.ask(self.message().serialize(self.key))

    def do_ask_oddly(self, how: str) -> None:
        ours = self.agent.controlling
        message = {
            "nominate": lambda: self.message(use_candidate=True),
            "other priority": lambda: self.message(priority=7),
            "same role": lambda: self.message(controlling=ours, tie_breaker=1),
            "same role, stronger": lambda: self.message(controlling=ours, tie_breaker=(1 << 64) - 1),
            "other username": lambda: self.message(username=f"{self.agent.local_credentials.ufrag}:else"),
        }.get(how, self.message)()
        if how == "unknown attribute":
            message.add(UNKNOWN, b"1234")
        elif how == "one attribute more":
            message.add(SOFTWARE, b"1234")
        if how == "copied from elsewhere first":  # somebody on the way is faster than the peer
            data = message.serialize(self.key)
            self.ask(data, C)
            self.ask(data, B)
        elif how.startswith("again") and self.last:
            self.ask(self.last, C if how.endswith("elsewhere") else B)
        elif how == "old session":
            self.ask(self.message(username=self.old[0]).serialize(self.old[1]))
        elif how == "no fingerprint":
            self.ask(message.serialize(self.key, fingerprint=False))
        elif how == "sha256":
            self.ask(message.serialize(self.key, sha256=True))
        else:
            data = message.serialize(b"wrong" if how == "other key" else self.key)
            self.ask(data[:-8] if how == "tail removed" else data, C if how == "other source" else B)

    def do_flip_request(self, bit: int) -> None:
        self.ask(flipped(self.message().serialize(self.key), bit))

    def reply(
        self, make: Callable[[Message], bytes], *, source: Address | None = None, oldest: bool = False
    ) -> None:
        if self.unanswered:
            request, packet = self.unanswered.pop(0 if oldest else -1)
            self.send(make(request), source=source or packet.remote, to=packet.local)

    def do_flip_answer(self, bit: int) -> None:
        self.reply(
            lambda request: flipped(request.success([XOR(A)]).serialize(short_term_key(PEER.pwd)), bit)
        )

    def do_answer(self, how: str) -> None:
        def make(request: Message) -> bytes:
            attributes = [XOR(C if how == "other address" else A)]
            if how == "more":
                attributes.append(SOFTWARE(b"1234"))
            key = b"wrong" if how == "other key" else short_term_key(PEER.pwd)
            return request.success(attributes).serialize(key)

        if how == "twice" and self.unanswered:
            self.unanswered.append(self.unanswered[-1])
            self.reply(make)
            self.note()
        self.reply(make, source=C if how == "other source" else None, oldest=how == "oldest")

    def do_refuse(self, code: int) -> None:
        self.reply(lambda request: request.error(ErrorCode(code, "")).serialize(short_term_key(PEER.pwd)))

    def do_command(self, what: str) -> None:
        agent, now = self.agent, self.now
        if what == "role":
            agent.set_role(not agent.controlling, now=now)
        elif what == "restart":
            agent.restart(now=now)
            gather(agent, [A], (), now)
            agent.set_remote_credentials(PEER, now=now)
            agent.add_remote_candidate(host(B), now=now)
            self.old = self.username, self.key
            self.username = f"{agent.local_credentials.ufrag}:{PEER.ufrag}"
            self.key = short_term_key(agent.local_credentials.pwd)
            self.note()
            self.do_idle(6.0)
        elif what == "rollback":
            agent.restart(now=now)
            agent.rollback_restart(now=now)
        elif what == "candidate":
            agent.add_remote_candidate(host(C), now=now)
        elif what == "end":
            agent.end_of_remote_candidates(now=now)
        else:
            agent.close(now=now)


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit turned; the header's first byte is left alone, that is not for ICE to see."""
    out = bytearray(data)
    out[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(out)


def play(steps: list[Step], controlling: bool) -> list[object]:
    puppet = Play(controlling)
    for what, how in steps:
        puppet.step(what, how)
    return puppet.seen


def generally(patch: pytest.MonkeyPatch) -> None:
    """No short cuts: every input is followed by `_finish`, every message is parsed and built."""
    patch.setattr(Settlement, "_is_reached", lambda self: False)
    patch.setattr(SignedTemplate, "of", lambda message: None)


@pytest.mark.parametrize("controlling", [True, False])
def test_both_ways_do_the_same(controlling: bool) -> None:
    for seed in range(WALKS):
        steps = steps_of(seed)
        short = play(steps, controlling)
        with pytest.MonkeyPatch.context() as patch:
            generally(patch)
            general = play(steps, controlling)
        assert short == general, f"seed {seed}: {steps}"


@pytest.mark.parametrize(("a", "b"), [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_two_agents_do_the_same_for_minutes(a: str, b: str, loss: float) -> None:
    """Both ends take the short cut or neither does: every datagram at the same time, in both families."""

    def minutes() -> list[object]:
        world = World(seed=5, link=LinkConfig(delay=0.02, loss=loss))
        world.add_hosts((a,), (b,))
        world.signal((Address(a, 1000),), (Address(b, 2000),))
        assert world.connect()
        world.run(300.0)
        return [list(world.network.log), world.states(0), world.states(1), *map(pairs_of, world.agents)]

    def pairs_of(agent: IceAgent) -> object:
        return agent.list_candidate_pairs(), agent.dropped

    short = minutes()
    with pytest.MonkeyPatch.context() as patch:
        generally(patch)
        general = minutes()
    assert short == general


def test_the_short_cut_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparisons above compare nothing."""
    outcomes: list[bool] = []
    finished = 0
    receive, finish = SteadyPath.receive, IceAgent._finish

    def counted(self: SteadyPath, packet: Datagram, *, now: float) -> bool:
        outcomes.append(receive(self, packet, now=now))
        return outcomes[-1]

    def finishing(self: IceAgent, now: float) -> None:
        nonlocal finished
        finished += 1
        finish(self, now)

    world = World(seed=1).connected()
    world.run(70.0)  # until whatever was left from connecting is over
    monkeypatch.setattr(SteadyPath, "receive", counted)
    monkeypatch.setattr(IceAgent, "_finish", finishing)
    world.run(100.0)
    assert finished == 0
    assert len(outcomes) > 70 and all(outcomes)


def test_a_replayed_or_forged_answer_renews_nothing() -> None:
    puppet = Play(controlling=True)
    puppet.do_idle(12.0)
    puppet.wait(6.0)
    puppet.packets()
    request, packet = puppet.unanswered[-1]
    honest = request.success([XOR(A)]).serialize(short_term_key(PEER.pwd))

    def consent() -> float | None:
        pair = puppet.agent._paths.pairs[0]
        assert pair is not None
        return pair.consent_until

    before = consent()
    for bit in range(8 * len(honest)):
        puppet.send(flipped(honest, bit), source=packet.remote)
    puppet.send(honest, source=C)  # the right bytes from the wrong place end the check: RFC 8445 §7.2.5.2.1
    assert consent() == before
    puppet.wait(6.0)
    puppet.packets()
    request, packet = puppet.unanswered[-1]
    answer = request.success([XOR(A)]).serialize(short_term_key(PEER.pwd))
    puppet.send(answer, source=packet.remote)
    renewed = consent()
    assert before is not None and renewed is not None and renewed > before
    puppet.now += 1.0
    puppet.send(answer, source=packet.remote)
    assert consent() == renewed

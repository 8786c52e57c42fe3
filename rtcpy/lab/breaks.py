"""Break it: predict, run, compare. Eight things that go wrong, each with the check that catches it.

A `Break` asks a question with choices. `run` plays it in virtual time on two whole peers; which choice came true is
*found out* from what happened, never written down beforehand. The `Outcome` has the evidence: states, counters, what was
refused, by whom, and the section of the rule.

>>> from rtcpy.lab.breaks import FLIPPED_FINGERPRINT
>>> print(FLIPPED_FINGERPRINT)                          # the question
>>> print(FLIPPED_FINGERPRINT.run().compare("b"))       # was it b?

Specs: RFC 8122 §6.2, RFC 6347 §4.2.4 and §4.1.2.6, RFC 8489 §9.1.3, RFC 8445 §7.3.1.1, RFC 8899 §4.3, RFC 9429 §5.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from string import ascii_lowercase
from textwrap import wrap

from rtcpy.core.errors import InvalidStateError
from rtcpy.explain.trace import StateEntry
from rtcpy.peer import IceConnectionState, PeerConnectionState, SessionDescription
from rtcpy.sim import Act, LinkConfig, Refusal, Session
from rtcpy.sim.script import CLASSIC, trickle
from rtcpy.sim.step_html import CARD, page

SEED = "break it"
WIDTH = 100  # columns of text


@dataclass(frozen=True, slots=True)
class Choice:
    """A prediction, and how to see whether it came true."""

    words: str
    came_true: Callable[[Session], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Something to break.

    Args:
        name: in a few words.
        question: what is done, and what to predict.
        choices: of which one will come true.
        why: what happens and why, to be read afterwards.
        section: the rule that decides.
        play: does it, on a session that it makes.
        look: for the evidence: figures by name.
        telling: which refusals belong to the evidence.
    """

    name: str
    question: str
    choices: tuple[Choice, ...]
    why: str
    section: str
    play: Callable[[], Session]
    look: Callable[[Session], dict[str, object]]
    telling: Callable[[Refusal], bool]

    def run(self) -> Outcome:
        """Play it. The same each time.

        Raises:
            AssertionError: none of the choices came true, or more than one: then this lesson is wrong.
        """
        session = self.play()
        true = [number for number, choice in enumerate(self.choices) if choice.came_true(session)]
        assert len(true) == 1, f"{self.name}: came true: {[self.choices[number].words for number in true]}"
        refusals = [refusal for refusal in session.refusals() if self.telling(refusal)]
        return Outcome(self, true[0], session, self.look(session), refusals)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"Break it: {self.name}",
                *wrap(self.question, WIDTH),
                *(f"  {ascii_lowercase[n]}) {choice.words}" for n, choice in enumerate(self.choices)),
            ]
        )

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(choice.words)}</li>" for choice in self.choices)
        return page(
            f"<div style='{CARD}'><b>Break it: {escape(self.name)}</b><p style='margin:6px 0'>{escape(self.question)}</p>"
            f"<ol style='margin:4px 0;list-style:lower-alpha'>{items}</ol></div>"
        )


@dataclass(slots=True)
class Outcome:
    """What came of a break.

    Attributes:
        broken: the break.
        happened: number of the choice that came true, from 0.
        session: where it happened: step through it, look at its ladder.
        evidence: figures by name.
        refusals: the checks that failed.
        prediction: what the reader said, if anything.
    """

    broken: Break
    happened: int
    session: Session
    evidence: dict[str, object]
    refusals: list[Refusal]
    prediction: int | None = field(default=None)

    @property
    def letter(self) -> str:
        """Of the choice that came true."""
        return ascii_lowercase[self.happened]

    @property
    def is_right(self) -> bool | None:
        """Whether the prediction came true; `None` without one."""
        return None if self.prediction is None else self.prediction == self.happened

    def compare(self, prediction: str | int) -> Outcome:
        """The same outcome beside what the reader said: a letter, or a number from 0.

        Raises:
            ValueError: there is no such choice.
        """
        letters = ascii_lowercase[: len(self.broken.choices)]
        number = (
            letters.find(prediction) if isinstance(prediction, str) and len(prediction) == 1 else prediction
        )
        if not isinstance(number, int) or not 0 <= number < len(letters):
            raise ValueError(f"{prediction!r} is no choice; they are {', '.join(letters)}")
        return Outcome(self.broken, self.happened, self.session, self.evidence, self.refusals, number)

    def _verdict(self) -> str:
        happened = f"{self.letter}) {self.broken.choices[self.happened].words}"
        if self.prediction is None:
            return f"What happened: {happened}"
        if self.is_right:
            return f"As you said: {happened}"
        said = f"{ascii_lowercase[self.prediction]}) {self.broken.choices[self.prediction].words}"
        return f"You said: {said}\nWhat happened: {happened}"

    def _checks(self) -> list[str]:
        """The checks that failed, each once, with how often."""
        told: dict[tuple[str, str, str, str], int] = {}
        for refusal in self.refusals:
            key = (refusal.who, refusal.verb, refusal.check, refusal.section)
            told[key] = told.get(key, 0) + 1
        return [
            f"{count} × {who} {verb}: {check}{f' ({section})' if section else ''}"
            for (who, verb, check, section), count in told.items()
        ]

    def __str__(self) -> str:
        figures = [f"  {name}: {value}" for name, value in self.evidence.items()]
        checks = [f"  ✗ {check}" for check in self._checks()]
        return "\n".join(
            [
                f"Break it: {self.broken.name}",
                self._verdict(),
                *figures,
                *checks,
                *wrap(f"{self.broken.why} ({self.broken.section})", WIDTH),
            ]
        )

    def _repr_html_(self) -> str:
        colour = {None: "#57606a", True: "#116329", False: "#a40e26"}[self.is_right]
        verdict = "<br>".join(escape(line) for line in self._verdict().splitlines())
        figures = "".join(
            f"<tr><td style='padding:1px 12px 1px 0;text-align:left;color:#57606a'>{escape(name)}</td>"
            f"<td style='padding:1px 0;text-align:left'>{escape(str(value))}</td></tr>"
            for name, value in self.evidence.items()
        )
        checks = "".join(f"<div style='color:#a40e26'>✗ {escape(check)}</div>" for check in self._checks())
        return page(
            f"<div style='{CARD};border-left:5px solid {colour}'><b>Break it: {escape(self.broken.name)}</b>"
            f"<p style='margin:6px 0;color:{colour};font-weight:600'>{verdict}</p>"
            f"<table style='font-size:13px;border-collapse:collapse;color:#111'>{figures}</table>{checks}"
            f"<p style='margin:6px 0'>{escape(self.broken.why)} "
            f"<span style='color:#57606a;white-space:nowrap'>{escape(self.broken.section)}</span></p></div>"
        )


# --- what several of them need -------------------------------------------------------------------------------------------


def _states(session: Session) -> dict[str, object]:
    """W3C's states of both ends, in a line each."""
    rows = {row[0]: row[1:] for row in session.states().rows}
    return {
        f"{end.name}": ", ".join(
            f"{name} {rows[name][number]}"
            for name in ("iceConnectionState", "DTLS transport", "connectionState")
        )
        for number, end in enumerate(session.ends)
    }


def _ice_is_up(session: Session, name: str) -> bool:
    return session.end(name).peer.ice_connection_state in (
        IceConnectionState.CONNECTED,
        IceConnectionState.COMPLETED,
    )


def _failed(session: Session, name: str) -> bool:
    return session.end(name).peer.connection_state is PeerConnectionState.FAILED


def _with_offer(change: Callable[[str], str]) -> tuple[Act, ...]:
    """The classic flow, in which the offer that reaches Bob is not the one that Alice sent."""

    def changed(session: Session) -> Sequence[object]:
        return [SessionDescription("offer", change(session.alice.made["offer"].sdp))]  # type: ignore[arg-type]

    return tuple(
        Act(name="A changed offer reaches Bob", who="bob", call="set_remote_description", arguments=changed)
        if (act.who, act.call) == ("bob", "set_remote_description")
        else act
        for act in CLASSIC
    )


def _play(script: Sequence[Act], seconds: float, *, seed: str = SEED) -> Session:
    """Step until so many **seconds** of virtual time are over, or the script is done."""
    session = Session(seed=seed, script=script)
    while session.now < seconds and not session.is_done:
        session.step()
    return session


def _connected(seed: str = SEED) -> Session:
    """A session whose channel is open, before anything was said."""
    session = Session(seed=seed, script=[act for act in CLASSIC if act.call not in ("send", "look", "wait")])
    while not all("chat" in end.open for end in session.ends):
        session.step()
    session.run(0.2)
    return session


def _sent(session: Session, words: str, sender: str) -> list[float]:
    """When `sender` sent datagrams whose line contains `words`."""
    return [
        sent.at
        for step in session.steps
        for sent in step.packets
        if sent.sender == sender and words in sent.summary
    ]


# --- 1: a fingerprint ------------------------------------------------------------------------------------------------------


def flip_fingerprint(sdp: str) -> str:
    """The description with one bit of its fingerprint changed."""
    return re.sub(
        r"(a=fingerprint:sha-256 )([0-9A-F]{2})", lambda m: f"{m[1]}{int(m[2], 16) ^ 1:02X}", sdp, count=1
    )


FLIPPED_FINGERPRINT = Break(
    name="a flipped bit in the fingerprint",
    question="Alice's offer is changed on its way to Bob: one bit of a=fingerprint. Everything else is as it was. "
    "What happens?",
    choices=(
        Choice("nothing: the fingerprint is only a comment", lambda s: bool(s.alice.open and s.bob.open)),
        Choice("ICE fails: no candidate pair works", lambda s: not _ice_is_up(s, "bob")),
        Choice(
            "ICE connects, and Bob ends the DTLS handshake: Alice's certificate is not the one he was told of",
            lambda s: _failed(s, "bob") and _ice_is_up(s, "bob"),
        ),
        Choice(
            "it connects, but messages cannot be decrypted",
            lambda s: not s.bob.received and s.bob.peer.connection_state is PeerConnectionState.CONNECTED,
        ),
    ),
    why="ICE knows nothing of certificates: its checks are signed with the password of the description, which nobody has "
    "changed. In the DTLS handshake Alice shows her certificate and proves that she has its key. Bob hashes the "
    "certificate, and the hash is not the one in the offer: this may be anybody, and he ends it. (His alert is in the "
    "clear, which proves nothing to Alice: she waits on, until her patience is over.) So the fingerprint is what ties the "
    "encryption to the signalling, and whoever can change the signalling can sit in the middle.",
    section="RFC 8122 §6.2",
    play=lambda: _play(_with_offer(flip_fingerprint), 30.0),
    look=lambda s: {**_states(s), "messages received by Bob": len(s.bob.received)},
    telling=lambda refusal: refusal.is_fatal,
)


# --- 2: a flight lost for ever ----------------------------------------------------------------------------------------------


def _lose_flight() -> Session:
    session = Session(seed=SEED)

    def cut(session: Session) -> None:
        session.network.link("alice", "bob").drop_when(lambda data: data[0] == 22)  # handshake records

    session.tamper("every DTLS handshake record of Alice's will be lost", cut)
    while session.now < 150.0 and not _failed(session, "bob"):
        session.step()
    return session


def _gaps(session: Session) -> str:
    times = _sent(session, "ClientHello", "bob")
    return ", ".join(f"{after - before:g} s" for before, after in pairwise(times[:8]))


LOST_FLIGHT = Break(
    name="a DTLS flight that is lost for ever",
    question="Bob is the DTLS client and sends ClientHello. Alice's answer, flight 4, is lost each time. "
    "What does Bob do?",
    choices=(
        Choice("he gives up after the first loss", lambda s: len(_sent(s, "ClientHello", "bob")) == 1),
        Choice("he repeats ClientHello for ever", lambda s: not _failed(s, "bob") and s.now >= 150),
        Choice(
            "he repeats ClientHello, waiting twice as long each time, and gives up after two minutes",
            lambda s: _failed(s, "bob") and 100 < s.now < 130 and len(_sent(s, "ClientHello", "bob")) > 5,
        ),
        Choice(
            "ICE finds another pair of addresses for him",
            lambda s: s.bob.peer.transport is not None and s.bob.peer.transport.selected_pair_changes > 1,
        ),
    ),
    why="UDP promises nothing, so DTLS keeps a timer: no answer, the flight is sent again, and the wait doubles up to a "
    "limit, lest a jammed network be jammed further. Alice, who gets every ClientHello, repeats her flight for each. "
    "ICE is content all the while: its own checks get through.",
    section="RFC 6347 §4.2.4",
    play=_lose_flight,
    look=lambda s: {
        **_states(s),
        "ClientHellos of Bob": len(_sent(s, "ClientHello", "bob")),
        "gaps between them": _gaps(s),
        "answers of Alice, all lost": len(_sent(s, "ServerHello (", "alice")),
        "over after": f"{s.now - _sent(s, 'ClientHello', 'bob')[0]:.0f} s",
    },
    telling=lambda refusal: refusal.is_fatal,
)


# --- 3: a wrong password ----------------------------------------------------------------------------------------------------


def change_password(sdp: str) -> str:
    """The description with the last character of its ICE password changed."""
    return re.sub(r"(a=ice-pwd:\S*)(\S)", lambda m: m[1] + ("a" if m[2] != "a" else "b"), sdp, count=1)


_REFUSED_CHECK = "request whose MESSAGE-INTEGRITY is wrong: another password, or a changed byte"

WRONG_INTEGRITY = Break(
    name="checks with a wrong MESSAGE-INTEGRITY",
    question="In the offer that reaches Bob one character of Alice's ICE password is another. He signs his connectivity "
    "checks with it. Alice's checks to him are signed with his own password, which is right. Who gets a path?",
    choices=(
        Choice(
            "Alice thinks that she has one, for Bob answers her; Bob never gets an answer and fails",
            lambda s: _ice_was_up(s, "alice") and not _ice_was_up(s, "bob"),
        ),
        Choice(
            "both: the password is only for TURN", lambda s: _ice_is_up(s, "alice") and _ice_is_up(s, "bob")
        ),
        Choice(
            "Bob thinks that he has one; Alice never gets an answer",
            lambda s: not _ice_was_up(s, "alice") and _ice_was_up(s, "bob"),
        ),
        Choice("neither", lambda s: not _ice_was_up(s, "alice") and not _ice_was_up(s, "bob")),
    ),
    why="A check is signed with the password of the one who is asked, so that only who has read her description can make "
    "Alice do anything. Bob's signature is wrong, and Alice treats his checks as if they had never come: no answer, not "
    "even an error, nothing learnt. In the other direction all is well, so she finds her path, and waits on it for a "
    "ClientHello that Bob, who has none, does not send.",
    section="RFC 8489 §9.1.3",
    play=lambda: _play(_with_offer(change_password), 45.0),
    look=lambda s: {
        **_states(s),
        "checks of Bob that Alice refused": sum(r.check == _REFUSED_CHECK for r in s.refusals()),
        "checks of Alice that Bob answered": len(_sent(s, "Binding success", "bob")),
    },
    telling=lambda refusal: refusal.is_fatal or refusal.check == _REFUSED_CHECK,
)


def _ice_was_up(session: Session, name: str) -> bool:
    """Whether ICE was ever connected at an end."""
    return any(
        item.who == name
        and item.name == "iceconnectionstatechange"
        and item.detail in ("connected", "completed")
        for step in session.steps
        for item in step.events
    )


# --- 4: the same tie-breaker ------------------------------------------------------------------------------------------------

TIE_BREAKER = 0x5EED_5EED_5EED_5EED


def _both_control() -> Session:
    session = Session(seed=SEED, nats=(None, None), script=(trickle("alice", "bob"), trickle("bob", "alice")))
    alice, bob = session.alice, session.bob
    alice.create_data_channel("chat")
    offer = alice.create_offer()
    alice.set_local_description(offer)
    bob.set_remote_description(offer)
    answer = bob.create_answer()
    bob.set_local_description(answer)
    alice.set_remote_description(answer)  # there are no candidates in either, so no check has left yet

    def same(session: Session) -> None:
        for end in session.ends:
            assert end.peer.transport is not None
            role = end.peer.transport.ice._role
            role.controlling, role.tie_breaker = True, TIE_BREAKER

    session.tamper("both control, and both drew the same tie-breaker", same)
    while session.now < 10.0:
        session.step()
    return session


def _switches(session: Session) -> int:
    return sum(entry.what == "role" for entry in session.trace.of(StateEntry))


def _both_up(session: Session) -> bool:
    return all(_ice_is_up(session, end.name) for end in session.ends)


SAME_TIE_BREAKER = Break(
    name="the same tie-breaker at both ends",
    question="Alice and Bob both believe that they are controlling, as after two offers at once. Then the larger "
    "tie-breaker wins; but both have drawn the same 64 bits. What happens?",
    choices=(
        Choice("nothing special: the roles are not needed", lambda s: _both_up(s) and _switches(s) == 0),
        Choice(
            "they tell each other 487 for ever",
            lambda s: not _both_up(s) and _refused_roles(s) > 16,
        ),
        Choice("the one who is told 487 first gives way", lambda s: _both_up(s) and _switches(s) == 1),
        Choice(
            "each tells the other 487; both switch, draw new numbers, and agree",
            lambda s: _both_up(s) and _switches(s) >= 2 and _refused_roles(s) >= 2,
        ),
    ),
    why="An agent that controls and is asked by one that claims to control compares tie-breakers: larger or equal, it "
    "answers 487 and stays; smaller, it gives way. With equal numbers both answer 487, and whoever gets a 487 switches: "
    "now both are controlled. But with the switch each draws a new number, so the next conflict has a winner. That is "
    "why the numbers are drawn anew.",
    section="RFC 8445 §7.2.5.1",
    play=_both_control,
    look=lambda s: {
        **_states(s),
        "487 Role Conflict": _refused_roles(s),
        "switches of role": _switches(s),
        "in the end": ", ".join(
            f"{end.name} {'controlling' if end.peer.transport.ice.controlling else 'controlled'}"
            for end in s.ends
            if end.peer.transport is not None
        ),
    },
    telling=lambda refusal: refusal.is_fatal,
)


def _refused_roles(session: Session) -> int:
    return len(_sent(session, "487", "alice")) + len(_sent(session, "487", "bob"))


# --- 5: a record replayed -----------------------------------------------------------------------------------------------------

MESSAGE = "pay Mallory 10"
_REPLAYED = "record that came before, or is too old to tell"


def _replay() -> Session:
    session = _connected()
    session.alice.send("chat", MESSAGE)
    session.duplicate(session.pending.find(MESSAGE))
    session.run(1.0)
    return session


REPLAYED_RECORD = Break(
    name="a DTLS record, replayed",
    question=f"Alice sends {MESSAGE!r}. Mallory cannot read it, but she lets the same datagram arrive twice. "
    "What does Bob's application hear?",
    choices=(
        Choice("the message twice", lambda s: s.bob.received.count(MESSAGE) == 2),
        Choice(
            "the message once: SCTP has seen that TSN",
            lambda s: (
                s.bob.received.count(MESSAGE) == 1 and not any(r.check == _REPLAYED for r in s.refusals())
            ),
        ),
        Choice(
            "the message once: DTLS has seen that record number",
            lambda s: s.bob.received.count(MESSAGE) == 1 and any(r.check == _REPLAYED for r in s.refusals()),
        ),
        Choice("nothing: the connection ends", lambda s: not s.bob.received),
    ),
    why="Every record has a number that counts up, and the number is covered by the tag. Bob keeps a window of the last 64 "
    "numbers: what is in it already, or left of it, is dropped before it is even decrypted, and nobody is told. SCTP, "
    "which would have noticed the TSN, never sees the copy.",
    section="RFC 6347 §4.1.2.6",
    play=_replay,
    look=lambda s: {
        "datagrams with the message that reached Bob": sum(
            step.kind == "packet" and step.who == "bob" and MESSAGE in step.name for step in s.steps
        ),
        "messages that Bob heard": len(s.bob.received),
    },
    telling=lambda refusal: refusal.check == _REPLAYED,
)


# --- 6: a smaller path --------------------------------------------------------------------------------------------------------

LONG = "x" * 60_000
SMALL_PATH = 1_250  # bytes of UDP payload


def _shrink() -> Session:
    session = _connected()
    session.alice.send("chat", LONG)  # time for a search of the path MTU
    session.run(5.0)
    session.tamper(
        f"the path carries {SMALL_PATH} bytes from now on, and larger packets vanish",
        lambda s: s.network.set_link(LinkConfig(mtu=SMALL_PATH)),
    )
    session.alice.send("chat", LONG)
    session.run(30.0, stop=lambda: len(session.bob.received) == 2)
    return session


def _sizes(session: Session) -> tuple[int, int]:
    """The longest datagram of Alice's before the path shrank, and the longest that passed afterwards."""
    change = next(step.number for step in session.steps if step.kind == "change")
    before = [len(p.data) for step in session.steps[:change] for p in step.packets if p.sender == "alice"]
    after = [
        len(p.data)
        for step in session.steps[change:]
        for p in step.packets
        if p.sender == "alice" and not p.fate
    ]
    return max(before), max(after, default=0)


def _delay(session: Session) -> float:
    """**Seconds** from the second message's sending to its arrival, or to the end."""
    return session.now - [step.at for step in session.steps if step.name.startswith("alice.send")][-1]


SHRUNK_PATH = Break(
    name="a path that shrinks",
    question=f"Alice's SCTP has found that the path takes large packets. Then a link on the way is exchanged: it carries "
    f"{SMALL_PATH:,} bytes, and larger packets vanish without a word. Alice sends {len(LONG):,} bytes. What happens?",
    choices=(
        Choice(
            "the message arrives at once: IP fragments it",
            lambda s: len(s.bob.received) == 2 and _delay(s) < 0.3,
        ),
        Choice(
            "the message arrives late: SCTP notices the black hole and cuts the message into smaller pieces",
            lambda s: len(s.bob.received) == 2 and _delay(s) >= 0.3,
        ),
        Choice(
            "the message never arrives; short ones do",
            lambda s: len(s.bob.received) == 1 and not _failed(s, "alice"),
        ),
        Choice("the connection fails", lambda s: _failed(s, "alice")),
    ),
    why="Packets may not be fragmented, and no router says that it dropped one, so only silence tells: nothing large is "
    "acknowledged, while small packets are. After a timeout or two Alice takes the path for a black hole, goes back to "
    "the size that is assumed to pass everywhere, cuts what was not acknowledged anew, and searches again from there.",
    section="RFC 8899 §4.3",
    play=_shrink,
    look=lambda s: {
        "longest datagram before": f"{_sizes(s)[0]:,} bytes",
        "datagrams that vanished": sum(r.section == "RFC 8899 §1.1" for r in s.refusals()),
        "longest datagram that passed afterwards": f"{_sizes(s)[1]:,} bytes",
        "the message took": f"{_delay(s):.2f} s",
    },
    telling=lambda refusal: refusal.section == "RFC 8899 §1.1",
)


# --- 7: both offer at once ------------------------------------------------------------------------------------------------------


def _glare() -> Session:
    session = Session(seed=SEED, script=())
    for end in session.ends:
        end.create_data_channel(f"from {end.name}")
        end.set_local_description()
    alice, bob = session.alice, session.bob
    assert alice.peer.local_description is not None and bob.peer.local_description is not None
    offers = alice.peer.local_description, bob.peer.local_description
    bob.set_remote_description(offers[0])
    alice.set_remote_description(offers[1])
    answers = []
    for end in session.ends:
        end.set_local_description()
        assert end.peer.local_description is not None
        answers.append(end.peer.local_description)
    for end, answer in zip(session.ends, reversed(answers), strict=True):
        try:
            end.set_remote_description(answer)
        except InvalidStateError:
            continue  # a step that tells so
    session.run(5.0)
    return session


def _raised(session: Session, call: str) -> int:
    return sum(call in step.name and bool(step.error) for step in session.steps)


GLARE = Break(
    name="both offer at once, and both give way",
    question="Alice and Bob offer in the same moment, and the offers cross. Both are polite: each takes the other's "
    "offer, and answers it. What happens?",
    choices=(
        Choice(
            "the second offer raises an error: there is one already",
            lambda s: _raised(s, "set_remote_description(offer)") > 0,
        ),
        Choice("it connects: an answer is an answer", lambda s: bool(s.alice.open)),
        Choice(
            "the answer that comes first wins",
            lambda s: _raised(s, "set_remote_description(answer)") == 1,
        ),
        Choice(
            "both offers are rolled back, and both answers find nothing to answer",
            lambda s: _raised(s, "set_remote_description(answer)") == 2 and not s.alice.open,
        ),
    ),
    why="An offer that arrives while one's own is pending rolls one's own back: that is no error, and saves the day if one "
    "of the two does so. If both do, both offers are gone, each answer belongs to an offer that nobody has any more, and "
    "in stable there is nothing to answer. So exactly one is appointed polite beforehand, and the other ignores the offer "
    "that collides with its own: perfect negotiation.",
    section="RFC 9429 §5.7",
    play=_glare,
    look=lambda s: {
        "signalling states": " and ".join(str(end.peer.signaling_state) for end in s.ends),
        "answers refused": _raised(s, "set_remote_description(answer)"),
        "channels open": len(s.alice.open) + len(s.bob.open),
    },
    telling=lambda refusal: refusal.layer == "api",
)


# --- 8: a byte of Finished ------------------------------------------------------------------------------------------------------

_UNPROVEN = "record whose tag or length is wrong"


def _change_finished() -> Session:
    session = Session(seed=SEED)
    while not any("Finished" in packet.summary for packet in session.pending):
        session.step()

    def flip(data: bytes) -> bytes:
        return (
            data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
        )  # a byte of the ciphertext, before the 16 of the tag

    session.edit(session.pending.find("Finished", sender="bob"), flip)
    session.run(5.0)
    return session


def _unproven(session: Session) -> bool:
    return any(refusal.check == _UNPROVEN for refusal in session.refusals())


CHANGED_FINISHED = Break(
    name="a changed byte in Finished",
    question="Bob's flight 5 ends with Finished, the first protected record: a hash of the whole handshake. On its way one "
    "bit of it is flipped. What does Alice do?",
    choices=(
        Choice(
            "she compares the hash, finds it wrong, and ends the connection",
            lambda s: _failed(s, "alice") or _failed(s, "bob"),
        ),
        Choice("nothing: by now the keys are agreed", lambda s: _both_up(s) and not _unproven(s)),
        Choice(
            "she sends an alert, and Bob begins anew with another ClientHello",
            lambda s: len(_sent(s, "ClientHello", "bob")) > 1,
        ),
        Choice(
            "she drops the record without a word; Bob repeats his flight, and all is well",
            lambda s: (
                s.bob.peer.connection_state is PeerConnectionState.CONNECTED
                and _unproven(s)
                and len(_sent(s, "ClientHello", "bob")) == 1
                and len(_sent(s, "CertificateVerify", "bob")) > 1
            ),
        ),
    ),
    why="The record is sealed with the new keys, so a changed bit does not get as far as the hash: the tag does not fit, and "
    "on a network where anybody can throw in a packet, that is no reason to end anything. The record counts as never "
    "sent. Bob's timer repeats the flight. Had the handshake been changed, in the clear, the hashes would differ, and no "
    "repetition would help.",
    section="RFC 6347 §4.1.2.7",
    play=_change_finished,
    look=lambda s: {
        **_states(s),
        "flights 5 that Bob sent": len(_sent(s, "CertificateVerify", "bob")),
        "between the first two": f"{_apart(_sent(s, 'CertificateVerify', 'bob')):g} s",
    },
    telling=lambda refusal: refusal.is_fatal or refusal.check == _UNPROVEN,
)


def _apart(times: Sequence[float]) -> float:
    """**Seconds** between the first two; 0 if there are fewer."""
    return round(times[1] - times[0], 6) if len(times) > 1 else 0.0


BREAKS = (
    FLIPPED_FINGERPRINT,
    LOST_FLIGHT,
    WRONG_INTEGRITY,
    SAME_TIE_BREAKER,
    REPLAYED_RECORD,
    SHRUNK_PATH,
    GLARE,
    CHANGED_FINISHED,
)
"""All of them, in the order of the course."""

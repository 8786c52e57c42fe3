"""One thing at a time: the next call, packet or timer of a session, forwards and back.

`Stepper` keeps what was done (`Action`s) and what came of it (`Step`s). Going back does it all again from the seed up to
the place wanted: everything in a session is a function of its settings and its actions, to the byte. Whether that is so
is checked each time; what was changed past the session is reported as `DivergedError`.

What was undone is kept as a future that `step` makes again, until something else is done instead.

Not here: the world in which it happens (`session`), the script (`script`), what a step looks like (`steps`).

No specification.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtcpy.core.machine import Address
from rtcpy.sim.script import Act, Claim
from rtcpy.sim.steps import ON_THE_WIRE, Refusal, Step, named

if TYPE_CHECKING:
    from rtcpy.sim.flights import Flight
    from rtcpy.sim.pending import Pending
    from rtcpy.sim.session import Session

STEPS_MAX = 50_000
"""Steps that are kept; a session that goes on longer cannot go back any more."""

QUIET_LIMIT = 40.0  # s of virtual time without anything new, after which a walk is over


class DivergedError(RuntimeError):
    """Doing it again came out differently: something was changed past the session. `Session.tamper` is for that."""


class NothingLeftError(RuntimeError):
    """There is no call, packet or timer left; the message says what the script waits for."""


@dataclass(slots=True)
class Action:
    """Something to do, so that it can be done again.

    Args:
        kind: as in `Step`.
        name: of the step; empty: told by what happens.
        who: as in `Step`.
        run: does it; what it returns is the value of the call.
        says: the sentence; empty: told by what happens.
        section: the rule.
        label: name of the act in the script.
        claims: checked afterwards.
        call: name of the method, for calls.
        is_aside: no named step of its own.
    """

    kind: str
    name: str
    who: str
    run: Callable[[Session], object]
    says: str = ""
    section: str = ""
    label: str = ""
    claims: tuple[Claim, ...] = ()
    call: str = ""
    is_aside: bool = False
    begun: dict[str, int] = field(default_factory=dict)
    """What the reader had been told when it began (see `Stepper._marks`)."""
    ended: dict[str, int] = field(default_factory=dict)


WIRE = Action("packet", "", "", lambda session: session._advance())
"""One packet, timer or scripted action of the network, whatever is next."""


def _again(action: Action) -> Action:
    return Action(
        action.kind,
        action.name,
        action.who,
        action.run,
        action.says,
        action.section,
        action.label,
        action.claims,
        action.call,
        action.is_aside,
    )


class Stepper(ABC):
    """The past, the present and the undone future of a session. See `rtcpy.sim.session.Session`."""

    def __init__(self, script: Sequence[Act]) -> None:
        self.script = tuple(script)
        self.steps: list[Step] = []
        """What happened so far."""
        self._past: list[Action] = []
        self._future: list[tuple[Action, Step]] = []
        self._unkept = 0
        self._acting = False
        self._place = 0
        self._value: object = None

    # --- what a session provides -------------------------------------------------------------------------------

    @abstractmethod
    def _build(self) -> None:
        """Make the world as it was at the beginning."""

    @abstractmethod
    def _observed(self, action: Action, number: int) -> Step | None:
        """Run an action and say what it changed; `None`: there was nothing to do."""

    @abstractmethod
    def _marks(self) -> dict[str, int]:
        """How much of what it wants to read the reader has taken."""

    @abstractmethod
    def _restore(self, marks: dict[str, int]) -> None:
        """Go back to what `_marks` said."""

    @property
    @abstractmethod
    def _session(self) -> Session:
        """This, as what it is."""

    # --- forwards ----------------------------------------------------------------------------------------------

    def step(self) -> Step:
        """Do the next thing: what was undone, else the next call of the script if it is due, else one packet or timer.

        Raises:
            NothingLeftError: there is none.
            UsageError: the call raised it; the step is kept nevertheless.
        """
        if self._future:
            return self._redo()
        found = self.due()
        if found is not None:
            return self._do(self._action_of(*found))
        if not self._session.network.advance_possible():
            waiting = self.waits_for()
            raise NothingLeftError(
                f"nothing is left to happen; the script waits until {waiting}"
                if waiting
                else "nothing is left to happen"
            )
        return self._do(_again(WIRE))

    def next(self, *, quiet: float = QUIET_LIMIT) -> Step:
        """The next *named* step: a call, or everything on the wire up to the next milestone.

        Args:
            quiet: no milestone is waited for longer than so many **seconds** of virtual time.

        Raises:
            NothingLeftError: there is no call, packet or timer left.
            UsageError: the call raised it; the step is kept nevertheless.
        """
        begun, steps = self._session.now, len(self.steps)
        self.step()
        while not self._is_whole() and self._session.now - begun <= quiet:
            self.step()
        return next(step for step in reversed(self.named) if step.parts[0].number <= steps + 1)

    def _is_whole(self) -> bool:
        """Whether the named step that the last step belongs to has ended with it."""
        last = self.steps[-1]
        coming = self._future[0][1].is_aside if self._future else self._is_aside_due()
        if coming:
            return False
        if last.is_aside:
            return self.named[-1].parts[-1] is last and bool(self.named[-1].milestone or self.named[-1].label)
        if last.milestone:
            return True
        if last.kind in ON_THE_WIRE:
            if self._future:
                return self._future[0][1].kind not in ON_THE_WIRE
            return self.due() is not None or not self._session.network.advance_possible()
        if not last.label:
            return True
        if self._future:
            return self._future[0][1].label != last.label
        found = self.due()
        return found is None or self._label(found[1]) != last.label

    def _is_aside_due(self) -> bool:
        found = self.due()
        return found is not None and not self._label(found[1])

    def walk(self, *, quiet: float = QUIET_LIMIT) -> Iterator[Step]:
        """Named steps until the script is done.

        Args:
            quiet: give up after so many **seconds** of virtual time without a call or a milestone.

        Raises:
            NothingLeftError: nothing can happen any more, or nothing new happens for `quiet` seconds, and the script
                still waits.
        """
        while not self.is_done or self._future:
            begun = self._session.now
            step = self.next(quiet=quiet)
            yield step
            if not step.milestone and not step.label and self._session.now - begun > quiet:
                raise NothingLeftError(
                    f"nothing new for {quiet:g} s of virtual time; the script waits until {self.waits_for()}"
                )

    @property
    def named(self) -> list[Step]:
        """What happened so far, as named steps."""
        return named(self.steps)

    @property
    def position(self) -> int:
        """How many steps were made."""
        return len(self.steps)

    # --- the script --------------------------------------------------------------------------------------------

    @property
    def is_done(self) -> bool:
        """Whether every act of the script that comes once was made."""
        return all(act.repeats for act in self.script[self._place :])

    def due(self) -> tuple[int, Act] | None:
        """The act that would be made now, and its place in the script."""
        session, blocked = self._session, False
        for place, act in enumerate(self.script):
            if not act.repeats and (place < self._place or blocked):
                continue
            if act.when.holds(session):
                return place, act
            blocked = blocked or not act.repeats
        return None

    def waits_for(self) -> str:
        """The condition of the next act that comes once, in words; empty: the script is done."""
        return next((act.when.words for act in self.script[self._place :] if not act.repeats), "")

    def _label(self, act: Act) -> str:
        return act.name if isinstance(act.name, str) else act.name(self._session)

    def _action_of(self, place: int, act: Act) -> Action:
        session = self._session
        arguments = list(act.arguments(session) if callable(act.arguments) else act.arguments)

        def done(session: Session) -> None:
            if not act.repeats:
                session._place = place + 1

        if act.call in ("wait", "look"):
            seconds = float(arguments[0]) if act.call == "wait" and arguments else 0.0  # type: ignore[arg-type]
            action = (
                session._wait_action(seconds)
                if act.call == "wait"
                else Action("look", "look", "", lambda _: None)
            )
        else:
            action = session.end(act.who)._action(act.call, *arguments)
        run = action.run

        def run_and_note(session: Session) -> object:
            done(session)
            return run(session)

        action.run, action.label, action.claims = run_and_note, self._label(act), act.claims
        says = act.says(session) if callable(act.says) else act.says
        action.says, action.section = says or action.says, act.section or action.section
        action.is_aside = not action.label
        return action

    def _note_call(self, who: str, call: str) -> None:
        """A call by hand that the script would make next counts as that one."""
        for place in range(self._place, len(self.script)):
            act = self.script[place]
            if not act.repeats:
                if (act.who, act.call) == (who, call):
                    self._place = place + 1
                return

    # --- doing -------------------------------------------------------------------------------------------------

    def _do(self, action: Action) -> Step:
        """Something new: what was undone is gone for good."""
        self._future.clear()
        return self._perform(action)

    def _redo(self) -> Step:
        action, expected = self._future[0]
        self._restore(action.begun)
        del self._future[0]
        future = list(self._future)
        try:
            return self._perform(action, expected)
        finally:
            self._future = future

    def _perform(self, action: Action, expected: Step | None = None) -> Step:
        error: Exception | None = None
        if expected is None:
            action.begun = self._marks()
        self._acting = True
        try:
            step = self._observed(action, len(self.steps) + 1)
        finally:
            self._acting = False
        assert step is not None, "the caller knows that something is due"
        if expected is None:
            action.ended = self._marks()
        elif step != expected:
            self._future.clear()
            raise DivergedError(
                f"step {step.number}, “{expected.name}”, came out differently when done again; was something changed past "
                "the session? Session.tamper does it so that it can be done again"
            )
        if isinstance(self._value, Exception):
            error, self._value = self._value, None
        if len(self.steps) < STEPS_MAX:
            self.steps.append(step)
            self._past.append(action)
        else:
            self._unkept += 1
        if error is not None and expected is None:
            raise error
        return step

    def _wire(self) -> Step:
        """One packet or timer; again, if that is what was undone."""
        if self._future and self._future[0][1].kind in ON_THE_WIRE:
            return self._redo()
        return self._do(_again(WIRE))

    # --- backwards ---------------------------------------------------------------------------------------------

    def back(self, steps: int = 1) -> Step | None:
        """Undo the last step, or several. Returns the step that is then the last one, `None` at the beginning."""
        self.to(max(0, self.position - steps))
        return self.steps[-1] if self.steps else None

    def to(self, position: int) -> None:
        """Stand where one stood after so many steps.

        Forwards it makes what was undone again, and goes on where that ends.

        Raises:
            ValueError: negative, or the session was too long to go back.
            DivergedError: doing it again came out differently.
            NothingLeftError: so many steps will never happen.
        """
        if position < 0:
            raise ValueError(f"position {position}: there is nothing before 0")
        if position < self.position:
            self._rewind(position)
        while self.position < position:
            self.step()

    def _rewind(self, position: int) -> None:
        if self._unkept:
            raise ValueError(f"the session is {self._unkept} steps longer than the {STEPS_MAX} that are kept")
        done = [*zip(self._past, self.steps, strict=True), *self._future]
        self._past, self.steps, self._future, self._place = [], [], [], 0
        self._build()
        for action, expected in done[:position]:
            self._restore(action.begun)
            self._perform(action, expected)
        self._restore(done[position - 1][0].ended if position else dict.fromkeys(self._marks(), 0))
        self._future = done[position:]

    # --- meddling ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _pending(self) -> Pending:
        """What is on its way."""

    def _flight(self, index: int) -> Flight:
        flights = self._session.network.in_flight()
        if not 0 <= index < len(flights):
            raise IndexError(f"packet {index} of {len(flights)} in flight (`session.pending` lists them)")
        return flights[index]

    def _change(self, name: str, says: str, run: Callable[[Session], object]) -> Step:
        return self._do(Action("change", name, "network", run, says))

    def drop(self, index: int) -> Step:
        """Lose the packet with this number in `pending`."""
        flight = self._flight(index)
        return self._change(
            f"dropped: {self._named(flight)}", "The packet is lost.", lambda s: s.network.drop(flight.order)
        )

    def duplicate(self, index: int) -> Step:
        """Let the packet with this number arrive twice."""
        flight = self._flight(index)
        return self._change(
            f"duplicated: {self._named(flight)}",
            "The packet will arrive twice.",
            lambda s: s.network.duplicate(flight.order),
        )

    def delay(self, index: int, seconds: float) -> Step:
        """Let the packet with this number arrive so many **seconds** later."""
        flight = self._flight(index)
        return self._change(
            f"delayed by {seconds * 1e3:g} ms: {self._named(flight)}",
            "Others may overtake it.",
            lambda s: s.network.delay(flight.order, seconds),
        )

    def edit(self, index: int, new: bytes | Callable[[bytes], bytes]) -> Step:
        """Change the bytes of the packet with this number: to `new`, or to what `new` makes of them."""
        flight = self._flight(index)
        data = bytes(new(flight.data)) if callable(new) else bytes(new)
        changed = sum(a != b for a, b in zip(data, flight.data, strict=False)) + abs(
            len(data) - len(flight.data)
        )
        return self._change(
            f"edited: {self._named(flight)}",
            f"{changed} bytes of the packet are different now.",
            lambda s: s.network.edit(flight.order, data),
        )

    def inject(self, data: bytes, source: Address, destination: Address, *, after: float = 0.0) -> Step:
        """Let a datagram that nobody sent appear in the internet.

        Args:
            data: the UDP payload.
            source: where it pretends to come from.
            destination: where it goes.
            after: it arrives so many **seconds** from now.
        """
        data, source, destination = bytes(data), Address(*source), Address(*destination)
        return self._change(
            f"injected: {len(data)} bytes from {source} to {destination}",
            "A datagram that nobody here has sent.",
            lambda s: s.network.insert(data, source, destination, s.now + after),
        )

    def hold(self, what: int | Callable[[Flight], bool]) -> Step:
        """Stop a packet on its way, by number, or every packet that a function of the flight picks, from now on."""
        if callable(what):
            return self._change(
                "holding packets",
                "Packets that the rule picks stop until released.",
                lambda s: s.network.hold_when(what),
            )
        flight = self._flight(what)
        return self._change(
            f"held: {self._named(flight)}",
            "The packet waits until released.",
            lambda s: s.network.hold(flight.order),
        )

    def release(self, index: int | None = None) -> Step:
        """Let a held packet go on, by its number in `pending`; without one, all of them, and end the holding."""
        if index is None:
            return self._change("released all", "What was held goes on now.", lambda s: s.network.release())
        flight = self._flight(index)
        return self._change(
            f"released: {self._named(flight)}",
            "The packet goes on now.",
            lambda s: s.network.release(flight.order),
        )

    def tamper(self, name: str, change: Callable[[Session], Any], *, says: str = "") -> Step:
        """Change anything else, as a step that can be done again.

        Args:
            name: what is done, for the step.
            change: does it; it is called again whenever the session goes back past it, so it must do the same each time.
            says: a sentence about it.
        """
        return self._change(name, says, change)

    @abstractmethod
    def _named(self, flight: Flight) -> str:
        """A packet in flight, in a line."""

    # --- what was refused --------------------------------------------------------------------------------------

    def refusals(self) -> list[Refusal]:
        """What was refused so far, by whom, and which check it failed."""
        return [refusal for step in self.steps for refusal in step.refusals]

    def why(self) -> str:
        """What was refused so far, in words: one line for each check, with how often and what."""
        told: dict[tuple[str, str, str, str], list[Refusal]] = {}
        for refusal in self.refusals():
            key = (refusal.who, refusal.layer, refusal.check, refusal.section)
            told.setdefault(key, []).append(refusal)
        if not told:
            return "nothing was refused"
        lines = []
        for (who, layer, check, section), refused in told.items():
            times = f"{len(refused)} × " if len(refused) > 1 else ""
            lines.append(
                f"{refused[0].at * 1e3:6.0f} ms  {times}{who} ({layer}) {refused[0].verb}: {check}"
                + (f"   [{section}]" if section else "")
                + f"\n           it was: {refused[0].what}"
            )
        return "\n".join(lines)

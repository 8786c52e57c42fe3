"""`Step`: one thing that happened in a session, with all that it changed; as text and as HTML.

A session makes steps (`stepper`); nothing here knows how. `named` puts steps together that belong together: everything
on the wire up to the next milestone, calls of the script under one name. So a connection is a story of some twenty
sentences, each of which opens up to the packet.

Specs: none of its own; each step carries the section that made it happen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from rtcpy.core.machine import Address, Instant
from rtcpy.explain.news import Item, States

WIDTH = 100  # columns of text
ON_THE_WIRE = ("packet", "timer", "action")
LINES_SHOWN = 40  # lines of a description that the text form shows
_SET = ("localDescription", "remoteDescription")


@dataclass(slots=True)
class SdpChange:
    """What changed in one description.

    Args:
        who: whose it is: ``"alice"`` or ``"bob"``.
        description: W3C's name: ``"localDescription"``, ``"remoteDescription"``, or what a call returned.
        lines: changed lines, each behind ``+`` or ``-`` and a space.
        section: the rule that changed them.
    """

    who: str
    description: str
    lines: list[str]
    section: str

    @property
    def is_known(self) -> bool:
        """Whether a whole description was set or taken back: then its text was there when it was made."""
        return self.description in _SET and (self.lines[:1] == ["+ v=0"] or self.is_gone)

    @property
    def is_gone(self) -> bool:
        """Whether there is no description any more."""
        return self.lines[:1] == ["- v=0"]

    def __str__(self) -> str:
        shown = self.lines[:LINES_SHOWN]
        more = [f"  … and {len(self.lines) - LINES_SHOWN} lines"] if len(self.lines) > LINES_SHOWN else []
        return "\n".join(
            [f"{self.who}'s {self.description} ({self.section})", *(f"  {x}" for x in shown), *more]
        )


@dataclass(slots=True)
class Sent:
    """A datagram that left an end in a step.

    Args:
        at: when, in **seconds**.
        sender: who sent it.
        receiver: who is next on its way: a host, or the router before it; empty: nobody.
        data: the UDP payload.
        summary: what it is, in a line.
        source: own address of the sender.
        destination: where it was sent to.
        fate: empty: on its way. Else what the network did to it.
    """

    at: Instant
    sender: str
    receiver: str
    data: bytes
    summary: str
    source: Address
    destination: Address
    fate: str = ""

    def __str__(self) -> str:
        fate = f"   ✗ {self.fate}" if self.fate else ""
        return (
            f"{self.sender} → {self.receiver or self.destination}  {len(self.data)} B  {self.summary}{fate}"
        )


@dataclass(slots=True)
class Refusal:
    """Something that was refused, and the exact check that it failed.

    Args:
        at: when, in **seconds**.
        who: who refused it: an end, the STUN server, a router, or ``"network"``.
        layer: ``"stun"``, ``"dtls"``, ``"sctp"``, ``"datachannel"``, ``"ice"``, ``"api"`` or ``"network"``.
        check: what was wanting, in words.
        section: the rule; empty where the network is a network and follows none.
        what: the packet or call, in a line.
        data: its bytes, as far as there are any.
        is_fatal: it ended something: a handshake, a connection.
    """

    at: Instant
    who: str
    layer: str
    check: str
    section: str
    what: str
    data: bytes = b""
    is_fatal: bool = False

    @property
    def verb(self) -> str:
        """What was done to it, in a word or two."""
        return "gave up" if self.is_fatal else "did not carry it" if self.layer == "network" else "refused"

    def __str__(self) -> str:
        rule = f" ({self.section})" if self.section else ""
        layer = "" if self.layer == "network" else f", {self.layer}"
        return (
            f"{self.at * 1e3:.0f} ms  {self.who} {self.verb}{layer}: {self.check}{rule}. It was: {self.what}"
        )


@dataclass(slots=True)
class Checked:
    """A claim of the script about the step, put to the test."""

    claim: str
    holds: bool

    def __str__(self) -> str:
        return f"{'✓' if self.holds else '✗'} {self.claim}"


@dataclass(slots=True)
class Step:
    """One thing that happened, and what it changed.

    Args:
        number: from 1, in the order of the session.
        name: what happened, in a few words.
        kind: ``"call"``, ``"packet"``, ``"timer"``, ``"wait"`` (time passed and nothing happened), ``"look"``,
            ``"change"`` (something was done to the network), or ``"wire"`` for several put together by `named`.
        at: virtual time when it was over, in **seconds**.
        who: to whom: an end, ``"stun"``, or ``"network"``; for several, all of them.
        before: states of both ends before.
        after: and afterwards.
        says: one sentence about what and why.
        section: the rule that it follows; empty if it follows none.
        sdp_changes: what it changed in descriptions.
        packets: what was sent because of it.
        events: what the applications heard.
        refusals: what was refused in it.
        checks: claims that were put to the test.
        error: W3C's name and the message of the exception, if the call raised one.
        milestone: name of what was reached with it, or empty.
        label: name that the script gives the call; calls of one label are one named step.
        is_aside: it is no named step of its own, but part of whatever is going on.
        parts: the steps that this one was put together from.
    """

    number: int
    name: str
    kind: str
    at: Instant
    who: str
    before: States
    after: States
    says: str = ""
    section: str = ""
    sdp_changes: list[SdpChange] = field(default_factory=list)
    packets: list[Sent] = field(default_factory=list)
    events: list[Item] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    checks: list[Checked] = field(default_factory=list)
    error: str = ""
    milestone: str = ""
    label: str = ""
    is_aside: bool = False
    parts: list[Step] = field(default_factory=list)

    @property
    def state_changes(self) -> list[tuple[str, str, str, str]]:
        """(whose, state, before, after) for each state that this step changed."""
        return self.before.changes(self.after)

    @property
    def refusals_to_tell(self) -> list[Refusal]:
        """The refusals that neither `error` nor the fate of a packet sent in the step has told."""
        fates = {split_reason(sent.fate)[0] for sent in self.packets if sent.fate}
        return [
            refusal
            for refusal in self.refusals
            if not (self.error and refusal.layer == "api")
            and not (refusal.who == "network" and refusal.check in fates)
        ]

    def __repr__(self) -> str:
        return f"<Step {self.number} {self.kind}: {self.name}>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.number:>3} · {self.at * 1e3:.0f} ms · {self.name}"
        rule = f" ({self.section})" if self.section else ""
        yield from wrap(f"{self.says}{rule}", WIDTH, initial_indent="      ", subsequent_indent="      ")
        if self.error:
            yield f"      ✗ {self.error}"
        for check in self.checks:
            yield f"      {check}"
        for who, state, old, new in self.state_changes:
            yield f"      {who:<6} {state}: {old} → {new}"
        for change in self.sdp_changes:
            yield from (f"      {line}" for line in str(change).splitlines())
        for item in self.events:
            yield f"      {item.who:<6} hears {item.name}{': ' if item.detail else ''}{item.detail}"
        for sent in self.packets:
            yield f"      {sent}"
        for refusal in self.refusals_to_tell:
            yield f"      ✗ {refusal}"

    def _repr_html_(self) -> str:
        from rtcpy.sim.step_html import page, step_html

        return page(step_html(self))


# --- putting steps together -----------------------------------------------------------------------------------------


def together(parts: Sequence[Step], number: int, name: str) -> Step:
    """Several steps as one."""
    first, last = parts[0], parts[-1]
    whose = Counter(step.who for step in parts)
    telling = next((step for step in reversed(parts) if step.milestone), last)
    return Step(
        number,
        name,
        first.kind if len({step.kind for step in parts}) == 1 else "wire",
        last.at,
        ", ".join(whose),
        first.before,
        last.after,
        first.says if first.label else telling.says,
        first.section if first.label else telling.section,
        [change for step in parts for change in step.sdp_changes],
        [sent for step in parts for sent in step.packets],
        [item for step in parts for item in step.events],
        [refusal for step in parts for refusal in step.refusals],
        [check for step in parts for check in step.checks],
        next((step.error for step in parts if step.error), ""),
        telling.milestone,
        first.label,
        False,
        list(parts),
    )


def runs(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps in groups: calls of the same label, and what is on the wire up to a milestone."""
    group: list[Step] = []
    for step in steps:
        if group and not _continues(group, step):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _continues(group: Sequence[Step], step: Step) -> bool:
    """Whether `step` belongs to what is going on."""
    if step.is_aside:
        return step.kind == "look" or not any(part.milestone for part in group)
    told = [part for part in group if not part.is_aside]
    if not told:
        return step.kind in ON_THE_WIRE
    if told[0].kind in ON_THE_WIRE:
        return step.kind in ON_THE_WIRE and not told[-1].milestone
    return bool(step.label) and step.label == told[0].label


def named(steps: Sequence[Step]) -> list[Step]:
    """The story in named steps; a name that comes again is numbered."""
    told: Counter[str] = Counter()
    story = []
    for number, group in enumerate(runs(steps), 1):
        reached = next((step.milestone for step in group if step.milestone), "")
        name = group[0].label or reached or group[0].name
        if not group[0].label and not reached and len(group) > 1:
            name = f"{group[0].name}, and {len(group) - 1} more"
        told[name] += 1
        story.append(together(group, number, name if told[name] == 1 else f"{name} ({told[name]})"))
    return story


_RULE = re.compile(r"^(?P<check>.*?) \((?P<section>(?:RFC|W3C)[^()]*§[^()]*)\)$")


def split_reason(reason: str) -> tuple[str, str]:
    """The check and the section of a reason as the layers give them: ``"wrong checksum (RFC 9260 §6.8)"``."""
    found = _RULE.match(reason)
    return (found["check"], found["section"]) if found else (reason, "")

"""The calls that make a connection, as data: who calls what, with which arguments, and when.

A script is a sequence of `Act`s. The next one in line is made as soon as its condition holds; those that `repeats` are
out of line and are made whenever theirs holds, which is how candidates trickle. Make another script by writing another
tuple; `CLASSIC` is the classic flow of the README, with candidates both ways and a greeting each.

Specs: RFC 9429 §4.1 (the calls), §3.5.2 (trickling), §3.6 (what SDP says about sizes); W3C webrtc §10.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtcpy.explain.samples import sample
from rtcpy.peer import IceCandidate

if TYPE_CHECKING:
    from rtcpy.sim.session import End, Session


@dataclass(frozen=True, slots=True)
class When:
    """A condition, in words and as a function of the session."""

    words: str
    holds: Callable[[Session], bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that shall be true after an act: in words, and as a function of the session."""

    words: str
    holds: Callable[[Session], bool]


ALWAYS = When("at once", lambda _session: True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of a script.

    Args:
        name: what the step is called; or a function of the session that tells. Acts of one name that follow each
            other are one named step. Empty: it is no step of its own but belongs to whatever is going on.
        call: a method of `rtcpy.sim.session.End`; or ``"wait"`` (the argument is **seconds**), or ``"look"``: nothing
            is done, only the claims are checked.
        who: the end that calls; or a function of the session.
        arguments: for the call; or a function of the session that makes them.
        when: it is not made before this holds.
        repeats: made again each time that `when` holds, in whatever place of the script.
        says: the sentence about it; or a function of the session; empty: the usual one about the call.
        section: the rule; empty: the usual one.
        claims: checked when the act is done.
    """

    name: str | Callable[[Session], str]
    call: str
    who: str = ""
    arguments: Sequence[object] | Callable[[Session], Sequence[object]] = ()
    when: When = ALWAYS
    repeats: bool = False
    says: str | Callable[[Session], str] = ""
    section: str = ""
    claims: tuple[Claim, ...] = ()


# --- what scripts are made of ---------------------------------------------------------------------------------------


def unsignalled(sender: End, receiver: End) -> list[IceCandidate]:
    """Candidates that `sender` has found for its present description and `receiver` has not been given."""
    description = sender.peer.local_description
    text = description.sdp if description is not None else ""
    return [
        candidate
        for candidate in sender.found
        if candidate is not None
        and candidate not in receiver.given
        and f"a=ice-ufrag:{candidate.username_fragment}\r\n" in text
    ]


def trickle(sender: str, receiver: str) -> Act:
    """Hand each candidate over as it is found, as soon as the receiver knows the description that it belongs to."""

    def ends(session: Session) -> tuple[End, End]:
        return session.end(sender), session.end(receiver)

    def due(session: Session) -> bool:
        found, taken = ends(session)
        remote = taken.peer.remote_description
        waiting = unsignalled(found, taken)
        return (
            bool(waiting)
            and remote is not None
            and f"a=ice-ufrag:{waiting[0].username_fragment}" in remote.sdp
        )

    def name(session: Session) -> str:
        found, taken = ends(session)
        words = unsignalled(found, taken)[0].candidate.split()
        whose, to = sender.capitalize(), receiver.capitalize()
        early = taken.peer.signaling_state == "have-remote-offer"
        if not words:
            return ""
        kind = {"host": "host", "srflx": "server-reflexive", "relay": "relayed"}.get(words[7], words[7])
        if early and not taken.given:
            return f"{whose}'s {kind} candidate reaches {to}, before there is an answer"
        return f"{whose}'s {kind} candidate reaches {to}"

    def says(session: Session) -> str:
        found, taken = ends(session)
        if unsignalled(found, taken)[0].candidate:
            return ""
        return f"{receiver.capitalize()} learns that {sender.capitalize()} has found all there is."

    return Act(
        name=name,
        says=says,
        who=receiver,
        call="add_ice_candidate",
        arguments=lambda session: unsignalled(*ends(session))[:1],
        when=When(f"{sender} has a candidate, and {receiver} the description that it belongs to", due),
        repeats=True,
    )


_A_SIZE = re.compile(r"\d+x\d+|imageattr|framerate|framesize|width|height", re.IGNORECASE)
"""Anything in SDP that could be about the size of a picture."""

VIDEO_OFFER = "chromium-video-offer.sdp"


def _video_lines() -> list[str]:
    """What Chromium writes about the video that it is ready to receive, the first codecs of many."""
    lines = sample(VIDEO_OFFER).splitlines()
    return [line for line in lines if re.search(r"(rtpmap|fmtp):\d+ .*(VP8|H264|profile-level-id)", line)][:4]


def _connected(session: Session) -> bool:
    return all("chat" in end.open for end in session.ends)


ALICE_SAYS, BOB_SAYS = "hello, Bob", "hello, Alice"

CLASSIC: tuple[Act, ...] = (
    Act(name="Alice wants a channel", who="alice", call="create_data_channel", arguments=["chat"]),
    Act(
        name="Alice describes what she could do: createOffer",
        who="alice",
        call="create_offer",
        claims=(
            Claim("the offer contains no address", lambda s: "a=candidate:" not in s.alice.made["offer"].sdp),
            Claim("nothing was sent", lambda s: s.packets == 0),
        ),
    ),
    Act(
        name="Misbelief: gathering starts with createOffer",
        call="wait",
        arguments=[1.0],
        says="A second goes by and nothing happens. An offer is a text; gathering starts when it is set as local "
        "description, for only then is it meant.",
        section="RFC 9429 §3.5.1",
        claims=(
            Claim("iceGatheringState is still new", lambda s: s.alice.peer.ice_gathering_state == "new"),
            Claim("signalingState is still stable", lambda s: s.alice.peer.signaling_state == "stable"),
            Claim("no candidate was found", lambda s: not s.alice.found),
            Claim("nothing was sent", lambda s: s.packets == 0),
        ),
    ),
    Act(
        name="Alice means it: setLocalDescription, and gathering starts",
        who="alice",
        call="set_local_description",
        arguments=lambda s: [s.alice.made["offer"]],
        claims=(
            Claim("gathering has begun", lambda s: s.alice.peer.ice_gathering_state == "gathering"),
            Claim("the host candidate is known at once", lambda s: len(s.alice.found) == 1),
            Claim("the STUN server was asked", lambda s: s.packets == 1),
        ),
    ),
    Act(
        name="The offer reaches Bob: setRemoteDescription",
        who="bob",
        call="set_remote_description",
        arguments=lambda s: [s.alice.made["offer"]],
        claims=(Claim("Bob gathers nothing yet", lambda s: s.bob.peer.ice_gathering_state == "new"),),
    ),
    Act(
        name="Misbelief: SDP fixes the resolution",
        call="look",
        says="SDP says what one is able to take. In Chromium's offer of video no line has a size: profile and level of "
        "H.264 are a ceiling, and what is sent below it the sender decides anew for every picture. In the same way "
        "a=max-message-size of our offer is the longest message that Alice takes, not the length of any.",
        section="RFC 9429 §3.6",
        claims=(
            Claim(
                "no line of Chromium's video offer names a size, a rate or a width",
                lambda _: not _A_SIZE.search(sample(VIDEO_OFFER)),
            ),
            Claim(
                "it lists capabilities: " + "; ".join(_video_lines()[:2]), lambda _: len(_video_lines()) == 4
            ),
            Claim(
                "our offer has a ceiling for messages",
                lambda s: "a=max-message-size:262144" in s.alice.made["offer"].sdp,
            ),
        ),
    ),
    Act(
        name="Misbelief: candidates must wait for the answer",
        who="bob",
        call="add_ice_candidate",
        arguments=lambda s: unsignalled(s.alice, s.bob)[:1],
        when=When("alice has found a candidate", lambda s: bool(unsignalled(s.alice, s.bob))),
        says="Bob takes a candidate of Alice's though there is no answer in the world yet. All that a candidate needs "
        "is the description that it belongs to.",
        section="RFC 8838 §9",
        claims=(
            Claim("Bob has not answered", lambda s: s.bob.peer.signaling_state == "have-remote-offer"),
            Claim(
                "the candidate is in Bob's remote description",
                lambda s: (
                    (d := s.bob.peer.remote_description) is not None and d.sdp.count("a=candidate:") == 1
                ),
            ),
        ),
    ),
    trickle("alice", "bob"),
    Act(name="Bob describes his reply: createAnswer", who="bob", call="create_answer"),
    Act(
        name="Bob means it: he is stable, gathers, and checks at once",
        who="bob",
        call="set_local_description",
        arguments=lambda s: [s.bob.made["answer"]],
    ),
    Act(
        name="The answer reaches Alice: setRemoteDescription",
        who="alice",
        call="set_remote_description",
        arguments=lambda s: [s.bob.made["answer"]],
    ),
    trickle("bob", "alice"),
    Act(
        name="Both send a greeting",
        who="alice",
        call="send",
        arguments=["chat", ALICE_SAYS],
        when=When("the channel is open at both ends", _connected),
    ),
    Act(name="Both send a greeting", who="bob", call="send", arguments=["chat", BOB_SAYS]),
    Act(
        name="",
        call="look",
        when=When(
            "both have got a greeting",
            lambda s: BOB_SAYS in s.alice.received and ALICE_SAYS in s.bob.received,
        ),
        claims=(
            Claim("Bob got what Alice sent", lambda s: s.bob.received == [ALICE_SAYS]),
            Claim("Alice got what Bob sent", lambda s: s.alice.received == [BOB_SAYS]),
        ),
        says="Both have heard each other.",
    ),
)
"""The README's classic flow: offer, answer, candidates both ways, a greeting each; with three misbeliefs on the way."""

"""Two sides of a negotiation on the pure functions alone: no transport, no time."""

from __future__ import annotations

from dataclasses import replace

from rtcpy.peer.apply import Effect, apply_local, apply_remote, apply_rollback
from rtcpy.peer.candidates import LocalGeneration
from rtcpy.peer.negotiate import create_answer, create_offer
from rtcpy.peer.negotiation import Credentials, LocalParameters, Negotiation
from rtcpy.peer.states import SdpType, Side


def parameters(seed: int = 1) -> LocalParameters:
    """Constants of one side; different seeds give different sides."""
    return LocalParameters(
        session_id=1000 + seed,
        fingerprints=(("sha-256", ":".join([f"{seed:02X}"] * 32)),),
        tls_id=f"tlsid{seed:019d}",
        max_message_size=262144,
    )


class Talker:
    """One side. Commands return the effects; `state` is the value behind it."""

    def __init__(self, seed: int = 1, *, data: bool = True) -> None:
        self.seed = seed
        self.state = Negotiation(parameters(seed), data_wanted=data)
        self.gathered: dict[str, LocalGeneration] = {}
        self.made = 0

    def fresh(self) -> Credentials:
        self.made += 1
        return Credentials(f"u{self.seed:03d}{self.made:04d}", f"password{self.seed:08d}{self.made:08d}")

    def offer(self, *, ice_restart: bool = False) -> str:
        self.state = create_offer(
            self.state, fresh=self.fresh(), gathered=self.gathered, ice_restart=ice_restart
        )
        assert self.state.last_offer is not None
        return self.state.last_offer.text

    def answer(self) -> str:
        self.state = create_answer(self.state, fresh=self.fresh(), gathered=self.gathered)
        assert self.state.last_answer is not None
        return self.state.last_answer.text

    def set_local(self, kind: str, text: str) -> tuple[Effect, ...]:
        self.state, effects = apply_local(self.state, SdpType(kind), text)
        return effects

    def set_remote(self, kind: str, text: str) -> tuple[Effect, ...]:
        self.state, effects = apply_remote(self.state, SdpType(kind), text)
        return effects

    def rollback(self, side: Side = Side.LOCAL) -> tuple[Effect, ...]:
        self.state, effects = apply_rollback(self.state, side)
        return effects

    def want_data(self) -> None:
        self.state = replace(self.state, data_wanted=True)

    def restart_ice(self) -> None:
        described = frozenset[tuple[str, str]]()
        for description in (self.state.current_local, self.state.pending_local):
            if description is not None:
                described |= description.credentials
        self.state = replace(self.state, replace=described)


def exchange(offerer: Talker, answerer: Talker, *, ice_restart: bool = False) -> tuple[str, str]:
    """One whole offer and answer; both texts."""
    offer = offerer.offer(ice_restart=ice_restart)
    offerer.set_local("offer", offer)
    answerer.set_remote("offer", offer)
    answer = answerer.answer()
    answerer.set_local("answer", answer)
    offerer.set_remote("answer", answer)
    return offer, answer


def lines(text: str, *prefixes: str) -> list[str]:
    """The lines of a description that begin with one of `prefixes`, in order."""
    return [line for line in text.split("\r\n") if line.startswith(prefixes)]


def edited(text: str, *changes: tuple[str, str]) -> str:
    """`text` with each (old, new) replaced; every old must occur."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the description"
        text = text.replace(old, new)
    return text

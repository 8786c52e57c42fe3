"""The stepper with buttons, for Jupyter; and the whole walk as plain HTML where no buttons work.

    from rtcpy.lab import Session, stepper
    stepper(Session(seed="offer and answer"))

In a live notebook the buttons go to the beginning, back, one step or one named step on, and to the end; below are what
happened last, the packets in flight (choose one to see what it is, drop it, double it, flip a bit of it), and the
ladder so far. In a converted notebook, on a page of the documentation, and where ipywidgets is not installed, there is
the walk as a sequence of cards that open.

Both are shown at once, and the first click hides the cards: nobody can know beforehand whether a kernel will be there
when the page is read.

No specification.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any

from rtcpy.core.errors import UsageError
from rtcpy.sim.session import Session
from rtcpy.sim.step_html import CARD, body, heading, page, parts_html, walk_html
from rtcpy.sim.stepper import NothingLeftError
from rtcpy.sim.steps import Step

STORY_HEIGHT = "260px"  # of the list of named steps
BUTTONS = (
    ("first", "fast-backward", "Back to the beginning"),
    ("back", "step-backward", "Undo one step"),
    ("step", "step-forward", "One call, packet or timer"),
    ("next", "forward", "On to the next milestone"),
    ("end", "fast-forward", "Play to the end"),
)
"""Of each button: the method, the icon, and what it does."""


class StepperView:
    """A session on the screen. The methods are what the buttons do, and work without any.

    Args:
        session: what to step through; it is the reader's, and may be used beside the buttons.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.said = ""
        """What went wrong last; empty: nothing."""
        self.shown: Step | None = session.steps[-1] if session.steps else None
        """The step on the screen."""
        self.chosen: int | None = None
        """Number of the packet in flight that is explained."""

    # --- what buttons do ---------------------------------------------------------------------------------------

    def first(self) -> None:
        """Go to the beginning."""
        self._do(lambda: self.session.to(0))

    def back(self) -> None:
        """Undo one step."""
        self._do(self.session.back)

    def step(self) -> None:
        """One call, packet or timer."""
        self._do(self.session.step)

    def next(self) -> None:
        """One named step."""
        self._do(self.session.next, named=True)

    def end(self) -> None:
        """Play until the script is done."""

        def play() -> None:
            for _ in self.session.walk():
                pass

        self._do(play, named=True)

    def choose(self, index: int | None) -> None:
        """Explain the packet in flight with this number."""
        self.chosen = index if index is not None and index < len(self.session.pending) else None

    def meddle(self, what: str) -> None:
        """``"drop"``, ``"duplicate"`` or ``"flip"`` the packet that is chosen."""
        index = self.chosen
        if index is None:
            self.said = "Choose a packet first."
            return
        changes: dict[str, Callable[[], object]] = {
            "drop": lambda: self.session.drop(index),
            "duplicate": lambda: self.session.duplicate(index),
            "flip": lambda: self.session.edit(index, lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        }
        self._do(changes[what])

    def _do(self, what: Callable[[], object], *, named: bool = False) -> None:
        self.said, self.chosen = "", None
        try:
            what()
        except (NothingLeftError, UsageError) as problem:
            self.said = str(problem)
        steps = self.session.named if named else self.session.steps
        self.shown = steps[-1] if steps else None

    # --- what is on the screen ---------------------------------------------------------------------------------

    def position_html(self) -> str:
        """Where we are, and what went wrong."""
        session = self.session
        said = f" <b style='color:#a40e26'>{escape(self.said)}</b>" if self.said else ""
        return page(
            f"<p style='margin:2px 0;color:#57606a'>{session.position} steps, {len(session.named)} named, "
            f"{session.now * 1e3:.0f} ms{said}</p>"
        )

    def step_html(self) -> str:
        """The last step."""
        if self.shown is None:
            return page(f"<div style='{CARD}'>Nothing has happened yet. Press a button.</div>")
        return page(
            f"<div style='{CARD}'>{heading(self.shown)}{body(self.shown)}{parts_html(self.shown)}</div>"
        )

    def packet_html(self) -> str:
        """The chosen packet in flight: what it is for, and to the last bit what it says."""
        if self.chosen is None:
            return ""
        packet = self.session.pending[self.chosen]
        return (
            page(
                f"<p style='margin:6px 0'><b>{escape(packet.summary)}</b><br>{escape(packet.says)} "
                f"<span style='color:#57606a'>{escape(packet.section)}</span></p>"
            )
            + packet._repr_html_()
        )

    def story_html(self) -> str:
        """The named steps so far, the last one in bold."""
        story = self.session.named
        rows = "".join(
            f"<div style='{'font-weight:600' if step is story[-1] else ''}'>{step.number} · {escape(step.name)}</div>"
            for step in story
        )
        return page(f"<div style='max-height:{STORY_HEIGHT};overflow-y:auto;font-size:13px'>{rows}</div>")

    def ladder_html(self) -> str:
        """What went between the two so far, drawn; lost packets are broken arrows."""
        if not self.session.trace.datagrams():
            return page("<p style='margin:4px 0'>no packet yet</p>")
        return self.session.ladder()._repr_html_()

    # --- without buttons ---------------------------------------------------------------------------------------

    def static_html(self) -> str:
        """The whole walk from the beginning, as cards that open. The session itself does not move."""
        twin, said = self.session.copy(), ""
        try:
            for _ in twin.walk():
                pass
        except (NothingLeftError, UsageError) as problem:
            said = f"<p style='color:#a40e26'>{escape(str(problem))}</p>"
        story = twin.named
        title = f"The walk in {len(story)} named steps; open one to see what it changed."
        return f"<div id='{self._mark()}'>{page(walk_html(story, title=title) + said)}</div>"

    def _mark(self) -> str:
        """A name for the cards, by which the first click finds them."""
        what = repr((self.session._settings, [step.name for step in self.session.steps]))
        return "walk" + hashlib.sha256(what.encode()).hexdigest()[:10]

    def _repr_html_(self) -> str:
        return self.static_html()

    def __repr__(self) -> str:
        return f"<StepperView at step {self.session.position} of a session>"

    def _ipython_display_(self) -> None:
        display: Any = import_module("IPython.display").display  # untyped there

        try:
            buttons = self.widget()
        except ImportError:
            buttons = None
        if buttons is not None:
            display(buttons)
        display({"text/html": self.static_html(), "text/plain": repr(self)}, raw=True)

    # --- with buttons ------------------------------------------------------------------------------------------

    def widget(self) -> Any:
        """The buttons and what they change, as an `ipywidgets.VBox`.

        Raises:
            ImportError: ipywidgets is not installed (``pip install 'rtcpy[notebooks]'``).
        """
        import ipywidgets as w

        mark = self._mark()
        position, card, story, ladder = (w.HTML() for _ in range(4))
        explained, hide = w.HTML(), w.HTML()
        packets = w.Select(options=[], rows=6, layout=w.Layout(width="98%"))
        meddling = [
            w.Button(description=text, tooltip=tip, layout=w.Layout(width="auto"))
            for text, tip in (
                ("drop", "Lose this packet"),
                ("duplicate", "Let it arrive twice"),
                ("flip", "Change the last bit of it"),
            )
        ]
        flying = w.VBox([packets, w.HBox(meddling), explained])
        titles = ("packets in flight", "the story so far", "the ladder so far")
        more = w.Accordion(children=[flying, story, ladder], titles=titles)
        is_filling = [False]

        def draw() -> None:
            is_filling[0] = True
            packets.options = [(str(packet), packet.index) for packet in self.session.pending]
            packets.value = self.chosen
            is_filling[0] = False
            position.value, card.value = self.position_html(), self.step_html()
            story.value, ladder.value, explained.value = (
                self.story_html(),
                self.ladder_html(),
                self.packet_html(),
            )

        def pressed(button: Any) -> None:
            hide.value = f"<style>#{mark}{{display:none}}</style>"
            if button in meddling:
                self.meddle(button.description)
            else:
                getattr(self, button.description)()
            draw()

        def chosen(change: Any) -> None:
            if not is_filling[0]:
                self.choose(change["new"])
                explained.value = self.packet_html()

        buttons = [
            w.Button(description=name, icon=icon, tooltip=tip, layout=w.Layout(width="auto"))
            for name, icon, tip in BUTTONS
        ]
        for button in (*buttons, *meddling):
            button.on_click(pressed)
        packets.observe(chosen, names="value")
        draw()
        return w.VBox([w.HBox([*buttons, position]), hide, card, more])


def stepper(session: Session | None = None, **settings: Any) -> StepperView:
    """A session with buttons: the last line of a cell shows it.

    Args:
        session: what to step through; default: a new one.
        settings: of the new one, as `Session` takes them.
    """
    return StepperView(session if session is not None else Session(**settings))

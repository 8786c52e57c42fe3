"""Steps of a session as cards that open: readable in a converted notebook, printed in full where nothing is drawn.

No specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtcpy.sim.step_html import page, walk_html
from rtcpy.sim.steps import Step


@dataclass(frozen=True, slots=True)
class Cards:
    """What `cards` gives.

    Args:
        steps: what to show, in order.
        title: one line above.
    """

    steps: Sequence[Step]
    title: str = ""

    def __str__(self) -> str:
        return "\n".join([*([self.title] if self.title else []), *map(str, self.steps)])

    def _repr_html_(self) -> str:
        return page(walk_html(self.steps, title=self.title))


def cards(steps: Sequence[Step], title: str = "") -> Cards:
    """Several steps, each a line that opens; a single one is best shown as it is.

    Args:
        steps: single or named ones.
        title: one line above.
    """
    return Cards(list(steps), title)

"""Measured figures and how they are printed: one table per case, the ratio to aiortc last."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figure:
    """Samples of one quantity for both stacks, taken alternately in one run. Smaller is better."""

    name: str
    unit: str
    goal: float | None = None  # times better than aiortc that the project promises
    best: bool = True  # compare minima (CPU per work) rather than medians (latency)
    samples: dict[str, list[float]] = field(default_factory=lambda: {"rtcpy": [], "aiortc": []})

    def value(self, stack: str) -> float:
        """The representative sample of `stack`."""
        pick = min if self.best else statistics.median
        return pick(self.samples[stack])

    @property
    def ratio(self) -> float:
        """How many times less rtcpy needs than aiortc."""
        return self.value("aiortc") / self.value("rtcpy")

    def row(self) -> str:
        """One line: both values with their spread, the ratio, the goal."""
        cells = []
        for stack in ("rtcpy", "aiortc"):
            values = self.samples[stack]
            cells.append(
                f"{self.value(stack):10.3f} [{min(values):.3f}…{max(values):.3f}, n={len(values)}]".ljust(44)
            )
        goal = (
            ""
            if self.goal is None
            else f"  goal {self.goal:g}x {'met' if self.ratio >= self.goal else 'NOT met'}"
        )
        return f"{self.name:<46} {self.unit:<9} {cells[0]} {cells[1]} {self.ratio:7.2f}x{goal}"


def header() -> str:
    """The line above the rows."""
    return f"{'case':<46} {'unit':<9} {'rtcpy':<44} {'aiortc':<44} {'ratio':>8}"


def progress(text: str) -> None:
    """Say on stderr what is being measured; overwrites itself on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)

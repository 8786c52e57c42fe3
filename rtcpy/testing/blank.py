"""What a blank is, how an answer is checked, and how it gets into the live stack.

`swap_in` replaces every name by which the stack knows the original (modules that imported it have names of their own),
and puts all of them back. It is meant for lessons and tests: one at a time, in one thread.

No specification of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

EXAMPLES = 200  # inputs for each property: enough to meet every edge, and over in a blink


@dataclass(slots=True)
class Swap:
    """An answer at work. `calls` counts how often the stack asked it."""

    name: str
    calls: int = 0


Replacement = tuple[object, str, Any]
"""(module or object, attribute, what stands there for the time being)."""


@dataclass(frozen=True, slots=True)
class Blank:
    """A rule of an RFC, to be written by the reader.

    Args:
        name: of the function or class that is asked for.
        title: a few words.
        rfc: the section to lay beside it.
        task: what to write, in sentences.
        source: Python text of the empty form, to begin with.
        check: raises AssertionError with a counterexample.
        install: the answer, wrapped so that it fits the place of the original, and that place. It gets a
            function that counts a use.
    """

    name: str
    title: str
    rfc: str
    task: str
    source: str
    check: Callable[[Any], None]
    install: Callable[[Any, Callable[[], None]], list[Replacement]]

    def empty(self) -> Any:
        """The form as it is given out: a function that returns nothing, or a class without behaviour."""
        names: dict[str, Any] = {}
        exec(compile(self.source, f"<blank {self.name}>", "exec"), names)
        return names[self.name]


@contextmanager
def swap_in(blank: Blank, answer: Any) -> Iterator[Swap]:
    """Let the whole stack use `answer` instead of its own code until the block ends."""
    swap = Swap(blank.name)

    def count() -> None:
        swap.calls += 1

    undo: list[Replacement] = []
    try:
        for owner, attribute, replacement in blank.install(answer, count):
            undo.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, replacement)
        yield swap
    finally:
        for owner, attribute, original in reversed(undo):
            setattr(owner, attribute, original)


def everywhere(original: object, replacement: Any) -> list[Replacement]:
    """Every name in the loaded modules of rtcpy that stands for `original`."""
    places: list[Replacement] = []
    for name, module in list(sys.modules.items()):
        if (name == "rtcpy" or name.startswith("rtcpy.")) and not name.startswith("rtcpy.testing"):
            places += [
                (module, key, replacement) for key, value in list(vars(module).items()) if value is original
            ]
    return places


def for_all(inputs: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
    """Let Hypothesis look for an input that `check` refuses, the smallest that there is. The same ones each time."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def run(value: T) -> None:
        check(value)

    run()


def same(call: str, found: object, right: object) -> None:
    """Raise AssertionError with the call and both results unless they are equal."""
    assert found == right, f"{call} gives {found!r}; right is {right!r}"

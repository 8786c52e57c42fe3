"""Two blanks of ICE: how candidates are ranked, and which of them belong together.

Specs: RFC 8445 §5.1.1.3, §5.1.2.1; RFC 8839 §5.1 (ice-char).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

from rtcpy.ice import candidate as live
from rtcpy.ice.candidate import TYPE_PREFERENCE, CandidateType, Foundations
from rtcpy.testing.blank import Blank, Replacement, everywhere, for_all, same

FOUNDATION_TEXT = re.compile(r"[A-Za-z0-9+/]{1,32}")

_LONG = ["2001:db8:a0b1:c2d3:e4f5:1122:3344:5566", "2001:db8:a0b1:c2d3:e4f5:1122:3344:5567"]

Priority = Callable[[int, int, int], int]
Foundation = Callable[[str, str, str, str], str]


def check_candidate_priority(candidate_priority: Priority) -> None:
    """`candidate_priority(type_preference, local_preference, component)`. Spec: RFC 8445 §5.1.2.1."""

    def check(given: tuple[int, int, int]) -> None:
        kind, local, component = given
        right = 2**24 * kind + 2**8 * local + (256 - component)
        same(f"candidate_priority({kind}, {local}, {component})", candidate_priority(*given), right)

    for_all(st.tuples(st.integers(0, 126), st.integers(0, 65535), st.integers(1, 256)), check)


def _install_priority(candidate_priority: Priority, count: Callable[[], None]) -> list[Replacement]:
    def priority(
        type: CandidateType,
        local_preference: int = live.MAX_LOCAL_PREFERENCE,
        component: int = live.COMPONENT_RTP,
    ) -> int:
        count()
        return candidate_priority(TYPE_PREFERENCE[type], local_preference, component)

    return everywhere(live.candidate_priority, priority)


CANDIDATE_PRIORITY = Blank(
    name="candidate_priority",
    title="the priority of a candidate",
    rfc="RFC 8445 §5.1.2.1",
    task=(
        "The recommended formula: the type preference (0 to 126) counts most, then the local preference (0 to 65535), "
        "then the component (1 to 256), of which the lower is better."
    ),
    source='''def candidate_priority(type_preference: int, local_preference: int, component: int) -> int:
    """The priority of a candidate, a number of 31 bits."""
    ...  # your turn
''',
    check=check_candidate_priority,
    install=_install_priority,
)


def check_foundation(foundation: Foundation) -> None:
    """`foundation(type, base, server, transport)`: equal text exactly where all four are equal. Spec: RFC 8445 §5.1.1.3."""
    sources = st.tuples(
        st.sampled_from([kind.value for kind in CandidateType]),
        st.sampled_from(["192.0.2.1", "192.0.2.11", "2001:db8::1", *_LONG]),
        st.sampled_from(["", "198.51.100.1", "198.51.100.2", "2001:db8::53"]),
        st.sampled_from(["udp", "tcp"]),
    )

    def check(given: tuple[tuple[str, str, str, str], tuple[str, str, str, str]]) -> None:
        one, other = given
        first, second = foundation(*one), foundation(*other)
        calls = f"foundation{one!r} and foundation{other!r}"
        for source, text in ((one, first), (other, second)):
            assert isinstance(text, str) and FOUNDATION_TEXT.fullmatch(text), (
                f"foundation{source!r} gives {text!r}; right is a text of 1 to 32 letters, digits, '+' or '/'"
            )
        if one == other:
            assert first == second, f"{calls} give {first!r} and {second!r}; right is the same text"
        else:
            assert first != second, f"{calls} both give {first!r}; right is a different text for each"

    for_all(st.one_of(st.tuples(sources, sources), sources.map(lambda source: (source, source))), check)


def _install_foundation(foundation: Foundation, count: Callable[[], None]) -> list[Replacement]:
    def of(
        _self: Foundations, type: CandidateType, base: str, server: str = "", transport: str = "udp"
    ) -> str:
        count()
        return foundation(type.value, base, server, transport)

    return [(Foundations, "of", of)]


FOUNDATION = Blank(
    name="foundation",
    title="the foundation of a candidate",
    rfc="RFC 8445 §5.1.1.3",
    task=(
        "Two candidates have the same foundation exactly if they have the same type, the same base address (without "
        "port), the same STUN or TURN server (an empty text where none was asked), and the same transport. Return a text "
        "of 1 to 32 letters, digits, '+' and '/'. A hash is one way."
    ),
    source='''def foundation(type: str, base: str, server: str, transport: str) -> str:
    """A text of 1 to 32 letters, digits, '+' and '/': equal exactly where all arguments are equal."""
    ...  # your turn
''',
    check=check_foundation,
    install=_install_foundation,
)

"""Imports point downwards, and siblings do not know each other: the graph of docs/design.md, enforced."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT, Module, expect_none, imports, planted, product

PROTOCOLS = {"sdp", "stun", "dtls", "rtp", "sctp"}
BELOW_PROTOCOLS = {"core", "wire"}
BELOW_PEER = BELOW_PROTOCOLS | PROTOCOLS | {"ice", "turn"}
BELOW_AIO = BELOW_PEER | {"peer"}

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "wire": {"core"},
    **dict.fromkeys(PROTOCOLS, BELOW_PROTOCOLS),
    "ice": BELOW_PROTOCOLS | {"stun"},
    "turn": BELOW_PROTOCOLS | {"stun"},
    "peer": BELOW_PEER,
    "aio": BELOW_AIO | {"explain"},  # for ``pc.trace``, and only when asked for it
    "media": BELOW_AIO | {"aio"},
    "signaling": BELOW_AIO | {"aio"},
    "servers": BELOW_AIO | {"aio"},
    "lab": BELOW_AIO | {"aio", "media", "signaling", "servers", "explain", "sim", "testing"},
    "cli": BELOW_AIO | {"aio", "media", "signaling", "servers", "lab", "explain", "sim"},
    "explain": BELOW_AIO,
    "sim": BELOW_AIO
    | {"explain"},  # the network knows only core; `session` and what stands on it know the stack
    "testing": BELOW_PEER | {"sim"},
    "": BELOW_AIO | {"aio", "explain"},  # rtcpy/__init__.py re-exports the face
}
"""For each package, the packages of rtcpy whose modules it may import, besides its own."""

ALLOWED: set[tuple[str, str]] = set()
"""Exceptions as (module, imported package). Empty, and stays so."""


KNOW_THE_FACE = {"", "media", "signaling", "servers", "lab", "cli"}
"""Packages that may use ``import rtcpy``: they stand to the right of it."""


def offences(modules: tuple[Module, ...]) -> list[str]:
    """Imports that the graph does not have."""
    found = []
    for module in modules:
        allowed = MAY_IMPORT.get(module.layer)
        if allowed is None:
            found.append(f"{module}: package {module.layer!r} has no row in MAY_IMPORT")
            continue
        for target, line in imports(module):
            parts = target.split(".")
            if parts[0] != "rtcpy":
                continue
            if len(parts) == 1 or parts[1] not in MAY_IMPORT:
                if module.layer not in KNOW_THE_FACE:
                    found.append(f"{module}:{line} imports {target}, the face of the package, from below it")
            elif (
                parts[1] != module.layer
                and parts[1] not in allowed
                and (module.name, parts[1]) not in ALLOWED
            ):
                found.append(
                    f"{module}:{line} imports {target}; {module.layer or 'rtcpy'} may not know {parts[1]}"
                )
    return found


def test_imports_point_downwards() -> None:
    expect_none(offences(product()))


def test_the_simulated_network_is_light() -> None:
    """Protocol tests of one layer stand on it: only the whole session may bring in the whole stack."""
    script = "import sys, rtcpy.sim; print([m for m in sys.modules if m.startswith(('rtcpy.peer', 'rtcpy.explain'))])"
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


def test_connections_that_nobody_looks_at_load_no_explanations() -> None:
    script = "import sys, rtcpy.aio; print([m for m in sys.modules if m.startswith('rtcpy.explain')])"
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


def test_nothing_is_excepted() -> None:
    assert not ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "from rtcpy.dtls import record12",
        "import rtcpy.aio.driver",
        "from rtcpy import peer",
        "from ..ice import agent",
        "from .. import stun",
        "def f():\n    from rtcpy.peer.peer import Peer",
        "import rtcpy",
        "from rtcpy import PeerConnection",
    ],
)
def test_the_check_sees_an_offence(line: str) -> None:
    assert offences((planted("sctp", line),))


def test_the_check_lets_the_graph_pass() -> None:
    lines = (
        "from rtcpy.core.env import Entropy\nfrom rtcpy.wire import wire\nfrom . import chunks\nimport struct"
    )
    assert offences((planted("sctp", lines),)) == []

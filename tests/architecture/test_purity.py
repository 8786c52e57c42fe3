"""Protocol layers are pure: no sockets, clocks, threads or system randomness, except where the plan puts them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import Module, expect_none, imports, planted, product

RIGHT_OF_AIO = {"", "aio", "media", "signaling", "servers", "lab", "cli"}
SEEDED_CHANCE = {"sim", "testing"}  # may use random.Random(seed)

INPUT_OUTPUT = {
    "asyncio", "socket", "ssl", "threading", "time", "select", "selectors", "subprocess", "multiprocessing",
    "concurrent", "signal", "sched", "queue", "http", "urllib", "socketserver", "ifaddr",
}  # fmt: skip
CHANCE = {"random", "secrets", "uuid", "os"}
CALENDAR = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
# What `cryptography` draws from the system: keys and serial numbers come from Entropy instead.
SYSTEM_DRAWS = {"generate_private_key", "generate_key", "random_serial_number"}
SYSTEM_DRAW_CLASSES = {
    "X25519PrivateKey", "X448PrivateKey", "Ed25519PrivateKey", "Ed448PrivateKey", "MLKEM768PrivateKey",
}  # fmt: skip
CONSOLE = {"print", "input", "open", "breakpoint"}

ALLOWED = {("rtcpy.core.env", "os"), ("rtcpy.core.env", "time")}
"""The one impure file below aio. Nothing else, ever."""


def offences(module: Module) -> list[str]:
    """What makes `module` impure."""
    if module.layer in RIGHT_OF_AIO:
        return []
    found = []
    for target, line in imports(module):
        top = target.split(".")[0]
        if (module.name, top) in ALLOWED:
            continue
        if top in INPUT_OUTPUT or top in CHANCE - ({"random"} if module.layer in SEEDED_CHANCE else set()):
            found.append(f"{module}:{line} imports {target}")
        elif top == "random" and target not in ("random", "random.Random"):
            found.append(f"{module}:{line} imports {target}; only random.Random(seed) is repeatable")
    found += [f"{module}:{line} {what}" for what, line in impure_calls(module)]
    return found


def asked_for_the_system(module: Module) -> set[int]:
    """Lines under ``if isinstance(entropy, SystemEntropy)``: there the caller has said where to draw from."""
    lines: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.If) and re.fullmatch(
            r"isinstance\(\w+, SystemEntropy\)", ast.unparse(node.test)
        ):
            for statement in node.body:
                lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines


def impure_calls(module: Module) -> Iterator[tuple[str, int]]:
    """Calls that reach for the system by a name that an import does not show."""
    told = asked_for_the_system(module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name):
            if function.id in CONSOLE:
                yield f"calls {function.id}()", node.lineno
            if function.id == "Random" and not node.args:
                yield "draws from an unseeded Random()", node.lineno
        if not isinstance(function, ast.Attribute):
            continue
        owner = function.value
        of = (
            owner.id
            if isinstance(owner, ast.Name)
            else owner.attr
            if isinstance(owner, ast.Attribute)
            else ""
        )
        if (of, function.attr) in CALENDAR:
            yield f"reads the calendar with {of}.{function.attr}()", node.lineno
        draws = function.attr in SYSTEM_DRAWS or (function.attr == "generate" and of in SYSTEM_DRAW_CLASSES)
        if draws and node.lineno not in told:
            yield f"draws from the system with {of}.{function.attr}(): use Entropy", node.lineno
        if of == "random" and (function.attr != "Random" or not node.args):
            yield f"calls random.{function.attr} without a seed", node.lineno
        if of == "os" and module.name != "rtcpy.core.env":
            yield f"calls os.{function.attr}()", node.lineno


def test_protocol_layers_are_pure() -> None:
    expect_none([offence for module in product() for offence in offences(module)])


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("sctp", "import asyncio"),
        ("ice", "from time import monotonic"),
        ("dtls", "import os\nos.urandom(4)"),
        ("stun", "import secrets"),
        ("peer", "import random"),
        ("core", "import time"),
        ("sim", "import random\nrandom.random()"),
        ("sim", "import random\nr = random.Random()"),
        ("sim", "from random import randint"),
        ("testing", "import socket"),
        ("dtls", "import datetime\ndatetime.datetime.now()"),
        ("dtls", "ec.generate_private_key(ec.SECP256R1())"),
        ("dtls", "x25519.X25519PrivateKey.generate()"),
        ("sdp", "def f():\n    print(1)"),
    ],
)
def test_the_check_sees_an_offence(layer: str, text: str) -> None:
    assert offences(planted(layer, text))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("sim", "import random\nr = random.Random(7)"),
        ("aio", "import asyncio, socket, time"),
        (
            "dtls",
            "import datetime\ndatetime.datetime.fromtimestamp(0, datetime.UTC)\nCertificate.generate(entropy)",
        ),
        ("sctp", "import heapq, struct, hmac, logging"),
        ("dtls", "if isinstance(entropy, SystemEntropy):\n    key = rsa.generate_private_key(65537, 2048)"),
    ],
)
def test_the_check_lets_the_plan_pass(layer: str, text: str) -> None:
    assert offences(planted(layer, text)) == []

"""Whoever drops a packet names the check that failed and its section, in words that do not change from packet to packet.

Reasons are keys of dictionaries, so what goes into them must come from a small set: no text of the packet's own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from rtcpy.dtls.fragments import REPEATED, Verdict
from rtcpy.stun.server import Drop
from tests.architecture.source import Module, expect_none, planted, product

LAYERS = {"stun", "ice", "dtls", "sctp", "peer"}
REFUSERS = {"_drop", "drop", "_refuse", "_ignore"}
SECTION = re.compile(r"\((RFC \d{4,5}|W3C [a-z-]+) §[\d.]+\)$")
FINITE = re.compile(
    r"^((self|tcb)\.state\.value|kind|problem|reason|error\.rfc|BY_FIRST_BYTE\[first\]\.value)$"
)
"""What may stand in a reason: states, the 256 types of a byte, sections, the reasons of `unusable_reason`."""


def reasons(module: Module) -> Iterator[tuple[ast.expr, int]]:
    """Every text that is given as a reason in a module. A single word is the name of a layer."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REFUSERS:
            for given in node.args:
                match given:
                    case ast.Constant(value=str(text)) if " " in text:
                        yield given, node.lineno
                    case ast.JoinedStr() | ast.Call(func=ast.Name(id="str")):
                        yield given, node.lineno


def offences(module: Module) -> list[str]:
    """Reasons without a section, or with something endless in them."""
    if module.layer not in LAYERS:
        return []
    found = []
    for reason, line in reasons(module):
        text = ast.unparse(reason)
        if isinstance(reason, ast.Call):
            found.append(f"{module}:{line} {text} may be anything")
            continue
        parts = reason.values if isinstance(reason, ast.JoinedStr) else [reason]
        holes = [ast.unparse(part.value) for part in parts if isinstance(part, ast.FormattedValue)]
        found += [f"{module}:{line} {hole} may be anything" for hole in holes if not FINITE.match(hole)]
        ends_with_rule = holes and holes[-1] == "error.rfc"
        last = parts[-1]
        words = last.value if isinstance(last, ast.Constant) else ""
        if not ends_with_rule and not SECTION.search(str(words)):
            found.append(f"{module}:{line} {text} names no section")
    return found


def test_every_refusal_names_its_rule() -> None:
    expect_none([offence for module in product() for offence in offences(module)])


def test_so_does_every_one_that_is_an_enum() -> None:
    assert [why.value for why in (*Drop, *Verdict) if not SECTION.search(why.value)] == ["kept", "old"]
    assert SECTION.search(REPEATED)


def test_there_are_refusals() -> None:
    counted = dict.fromkeys(LAYERS, 0)
    for module in product():
        if module.layer in LAYERS:
            counted[module.layer] += len(list(reasons(module)))
    assert counted["ice"] > 12 and counted["dtls"] > 12 and counted["sctp"] > 35 and counted["peer"] > 2


@pytest.mark.parametrize(
    "line",
    [
        "self._drop(packet, 'not good', now)",
        "self._drop(packet, str(error), now)",
        "self._drop(p, f'{x} (RFC 9260 §3)', now)",
    ],
)
def test_the_check_sees_an_offence(line: str) -> None:
    assert offences(planted("sctp", line))


@pytest.mark.parametrize(
    "line", ["self._drop(packet, 'bad (RFC 9260 §3.2)', now)", "self._drop(b'', f'bad ({error.rfc})', now)"]
)
def test_the_check_lets_a_rule_pass(line: str) -> None:
    assert offences(planted("sctp", line)) == []

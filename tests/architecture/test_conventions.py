"""Conventions that a reader relies on: docstrings, citations, names, no leftovers, no state in modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT, Module, expect_none, planted, product, repository_files, suite

PROTOCOL_LAYERS = ("sdp", "stun", "ice", "dtls", "rtp", "sctp", "peer")
CITATIONS_PER_1000_LINES = 15  # the best codebase we know has ten
LINES_BEFORE_CITATIONS_COUNT = 200  # a package shorter than this is not written yet

LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|raise NotImplemented" r"Error")
CITATION = re.compile(
    r"(RFC[ \n]\d{3,5}|W3C|FIPS|draft-[a-z-]+|SEC 1|SP 800-\w+|ITU-T)[^\n]{0,40}?(§|Appendix|Table|Figure)"
)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "stuff", "base"}
MUTABLE_CALLS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
MUTATORS = {
    "append", "add", "update", "pop", "popitem", "clear", "extend", "insert", "remove", "discard", "setdefault",
}  # fmt: skip


def public(name: str) -> bool:
    """Whether readers meet this name from outside."""
    return not name.startswith("_")


def undocumented(module: Module) -> Iterator[str]:
    """Public modules, classes and functions without a docstring. What is nested in a function is private."""
    if not ast.get_docstring(module.tree):
        yield f"{module}: the module"

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef) and public(node.name):
                if not ast.get_docstring(node):
                    yield f"{module}:{node.lineno} class {prefix}{node.name}"
                yield from visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and public(node.name):
                decorators = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
                if not ast.get_docstring(node) and not decorators & {"overload", "setter", "override"}:
                    yield f"{module}:{node.lineno} {prefix}{node.name}"
            elif isinstance(node, ast.If | ast.Try):
                yield from visit([n for n in ast.walk(node) if isinstance(n, ast.ClassDef)], prefix)

    yield from visit(module.tree.body, "")


def documented_methods(modules: tuple[Module, ...]) -> dict[str, tuple[set[str], set[str]]]:
    """For each class, by name: the names of its bases, and its methods that have a docstring."""
    table: dict[str, tuple[set[str], set[str]]] = {}
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                bases, methods = table.setdefault(node.name, (set(), set()))
                bases |= {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
                methods |= {
                    n.name for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
                    if ast.get_docstring(n)
                }  # fmt: skip
    return table


def is_inherited(offence: str, table: dict[str, tuple[set[str], set[str]]]) -> bool:
    """An override need not repeat what the method of its base says."""
    owner, _, method = offence.rpartition(" ")[2].rpartition(".")
    seen: set[str] = set()
    waiting = list(table.get(owner, (set(), set()))[0])
    while waiting:
        base = waiting.pop()
        if base in table and base not in seen:
            seen.add(base)
            if method in table[base][1]:
                return True
            waiting += table[base][0]
    return False


def is_contract(module: Module, offence: str) -> bool:
    """The six methods of a Machine are documented once, in rtcpy.core.machine."""
    name = offence.rpartition(".")[2]
    six = {"receive", "handle_timeout", "next_timeout", "take_packets", "take_events", "close"}
    return name in six and " class " not in offence and module.layer not in ("core", "sim", "testing")


def state_in_module(module: Module) -> Iterator[str]:
    """`global`, mutable values under a name that is no constant, and constants that functions mutate."""
    constants = set()
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.value
            mutable = isinstance(
                value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
            ) or (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Name)
                and value.func.id in MUTABLE_CALLS
            )
            for target in targets:
                if mutable and isinstance(target, ast.Name):
                    constants.add(target.id)
                    if not re.fullmatch(r"_?[A-Z][A-Z0-9_]*|__all__", target.id):
                        yield f"{module}:{node.lineno} mutable module state {target.id}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield f"{module}:{node.lineno} global {', '.join(node.names)}"
    functions = [n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            name = None
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in MUTATORS
            ):
                name = node.func.value
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                name = node.value
            if isinstance(name, ast.Name) and name.id in constants:
                yield f"{module}:{node.lineno} {function.name} changes the module's {name.id}"


def sleeps(module: Module) -> Iterator[str]:
    """Calls of sleep, except the ``asyncio.sleep(0)`` that lets others run."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            zero = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            if name == "sleep" and not zero:
                yield f"{module}:{node.lineno} {ast.unparse(node)}"


def code_lines(module: Module) -> int:
    """Lines that are not empty."""
    return sum(1 for line in module.text.splitlines() if line.strip())


def test_everything_public_has_a_docstring() -> None:
    table = documented_methods(product())
    missing = [
        offence
        for module in product()
        for offence in undocumented(module)
        if not is_contract(module, offence) and not is_inherited(offence, table)
    ]
    expect_none(missing)


def test_package_pages_name_their_files() -> None:
    """The docstring of a package says in which order to read its files, so it must know them all."""
    silent = []
    packages = {m.layer: m for m in product() if m.path.name == "__init__.py" and m.layer}
    for module in product():
        name = module.path.stem
        if module.layer and name not in ("__init__", "__main__") and public(name):
            page = ast.get_docstring(packages[module.layer].tree) or ""
            if not re.search(rf"\b{re.escape(name)}\b", page):
                silent.append(f"rtcpy/{module.layer}/__init__.py does not mention {name}")
    expect_none(silent)


def test_no_leftovers() -> None:
    found = [
        f"{module}:{number} {line.strip()}"
        for module in product()
        for number, line in enumerate(module.text.splitlines(), 1)
        if LEFTOVER.search(line)
    ]
    expect_none(found)


def test_no_vague_file_names() -> None:
    expect_none([str(module) for module in (*product(), *suite()) if module.path.stem in VAGUE_NAMES])


def test_no_state_in_modules() -> None:
    expect_none([offence for module in product() for offence in state_in_module(module)])


def test_no_test_sleeps() -> None:
    expect_none([offence for module in suite() for offence in sleeps(module)])


@pytest.mark.parametrize("layer", PROTOCOL_LAYERS)
def test_protocol_layers_cite_their_rules(layer: str, record_property: pytest.RecordProperty) -> None:
    modules = [module for module in product() if module.layer == layer]
    lines = sum(code_lines(module) for module in modules)
    citations = sum(len(CITATION.findall(module.text)) for module in modules)
    density = 1000 * citations / max(1, lines)
    record_property("citations_per_1000_lines", round(density, 1))
    if lines >= LINES_BEFORE_CITATIONS_COUNT:
        assert density >= CITATIONS_PER_1000_LINES, f"{layer}: {citations} citations in {lines} lines"


def test_the_repository_stands_alone() -> None:
    """No file names a place on the machine that it was written on."""
    places = "|".join(("work", "root", "home", "tmp"))
    absolute = re.compile(rf"(?<![\w./*>}}\])-])/(?:{places})/[A-Za-z0-9_.]")
    outside = re.compile(r"\.\./shar" r"ed")
    found = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if absolute.search(line) or outside.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {line.strip()[:120]}")
    expect_none(found)


@pytest.mark.parametrize(
    "text",
    [
        "CACHE = {}\ndef f():\n    CACHE[1] = 2",
        "_SEEN = set()\ndef f():\n    _SEEN.add(1)",
        "registry = []",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_the_check_sees_module_state(text: str) -> None:
    assert list(state_in_module(planted("sctp", text)))


def test_the_check_lets_tables_pass() -> None:
    assert (
        list(
            state_in_module(
                planted("sctp", "TABLE = {1: 2}\n__all__ = ['a']\ndef f():\n    t = {}\n    t[1] = 2")
            )
        )
        == []
    )


def test_the_check_sees_missing_docstrings_and_sleeps() -> None:
    text = "class A:\n    'x'\n    def f(self): ...\n    def _g(self): ...\ndef h():\n    time.sleep(1)\n    sleep(0)"
    module = planted("sctp", text)
    assert [offence.rpartition(" ")[2] for offence in undocumented(module)] == ["module", "A.f", "h"]
    assert len(list(sleeps(module))) == 1


def test_the_citation_pattern_counts_sections() -> None:
    assert (
        len(CITATION.findall("RFC 9260 §6.3.1 (C1) and RFC 8445 Appendix B; RFC 1 is none; W3C webrtc §4.4"))
        == 3
    )


def test_an_override_inherits_its_docstring() -> None:
    module = planted(
        "sctp", "class A:\n  def f(self):\n    'x'\nclass B(A): ...\nclass C(B[int]):\n  def f(self): ..."
    )
    table = documented_methods((module,))
    assert is_inherited("x.py:5 C.f", table) and not is_inherited("x.py:5 C.g", table)

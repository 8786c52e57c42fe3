"""Citations: which section of which specification is implemented where, and tested where.

Owns: finding citations in source text (``RFC 8445 §6.1.2.3``, ``W3C webrtc §4.4.2``), the sections that exist, and
the page `coverage.md` made of both. The page is generated at each build; nobody keeps it by hand.

A citation counts for the line it stands on. "Tested" means that a test cites the section, too; or else that the
module which cites it has a test file of its own (`tests/<package>/test_<module>.py`), or that tests of its package use
what it defines.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = Path(__file__).resolve().parents[1] / "_data" / "sections.json"

DOCUMENT = re.compile(r"\bRFC[ \n]+(\d{3,5})\b|\bW3C[ \n]+(webrtc(?:-stats)?)\b")
SECTION = re.compile(r"§\s?([0-9]+(?:\.[0-9]+)*|[A-Z](?:\.[0-9]+)*)\b")
USERS_SHOWN = 2  # tests of a module without a test file of its own
GAP_MAX = 24  # characters between a document and its section, or between two sections of one list
BREAK = re.compile(r"[.;:!?)]\s|\n\s*\n|```")

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("SDP", ("8866", "3264", "8839", "8840", "8841", "8842", "9143", "5888", "8122", "4145")),
    ("STUN and TURN", ("8489", "8656", "7064", "7065", "5769")),
    ("ICE", ("8445", "8838", "8863", "7675", "8421", "6544", "5245")),
    (
        "DTLS",
        ("6347", "5246", "9147", "8446", "9846", "5764", "7627", "8422", "5746", "5288", "5705", "7905"),
    ),
    ("SCTP and data channels", ("9260", "8831", "8832", "8261", "3758", "6525", "9653", "8899", "4820")),
    ("RTP and RTCP", ("3550", "3551", "8285", "4585", "5104", "3611", "5506", "3711", "7714")),
    ("Offer and answer, the API", ("webrtc", "webrtc-stats", "9429", "8827", "7983")),
)
"""In which order the page shows them; documents that are not named here come last, by number."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file of the repository."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Citation:
    """One section of one document, cited at one place. `document` is an RFC's number or ``webrtc``."""

    document: str
    section: str
    place: Place


def cited(text: str, path: str) -> Iterator[Citation]:
    """The citations in one text, in order. A list (``RFC 9260 §6.1, §6.2``) is one citation for each section."""
    for document in DOCUMENT.finditer(text):
        name = document[1] or document[2]
        end = document.end()
        while (section := SECTION.search(text, end, end + GAP_MAX)) is not None:
            between = text[end : section.start()]
            if DOCUMENT.search(between) or BREAK.search(between):
                break
            line = text.count("\n", 0, section.start()) + 1
            yield Citation(name, section[1], Place(path, line))
            end = section.end()


def files(*folders: str) -> Iterator[Path]:
    """The Python files below `folders` of the repository, sorted."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def citations_of(*folders: str) -> list[Citation]:
    """All citations in the Python files below `folders`."""
    found: list[Citation] = []
    for path in files(*folders):
        found += cited(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    return found


def known_sections() -> dict[str, dict[str, str]]:
    """For each document, its title (key ``""``) and the title of each of its sections."""
    known: dict[str, dict[str, str]] = json.loads(SECTIONS.read_text(encoding="utf-8"))
    return known


def unknown(citations: Iterable[Citation], known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Citations of sections that do not exist in documents that we know, in words."""
    return [
        f"{c.place.path}:{c.place.line}: {spelled(c.document)} has no §{c.section}"
        for c in citations
        if c.document in known and c.section not in known[c.document]
    ]


def spelled(document: str) -> str:
    """``RFC 8445`` or ``W3C webrtc``."""
    return f"RFC {document}" if document.isdigit() else f"W3C {document}"


def address(document: str, section: str = "") -> str:
    """Where the section can be read."""
    if not document.isdigit():
        return f"https://www.w3.org/TR/{document}/"
    anchor = ""
    if section:
        kind = "section" if section[0].isdigit() else "appendix"
        anchor = f"#{kind}-{section}"
    return f"https://www.rfc-editor.org/rfc/rfc{document}.html{anchor}"


def own_test(module: str) -> str | None:
    """The test file that mirrors a module, if there is one."""
    path = Path(module)
    mirrored = Path("tests", *path.parts[1:-1], f"test_{path.name}")
    return mirrored.as_posix() if (ROOT / mirrored).exists() else None


@cache
def _imports(path: Path) -> tuple[tuple[str, str], ...]:
    """(module, name) of each ``from module import name`` of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(
        (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


@cache
def users(module: str) -> tuple[str, ...]:
    """The test files that import something of a module, directly or from its package, the keenest first.

    Those of other packages only if there is none in its own.
    """
    path = Path(module)
    package, dotted = f"rtcpy.{path.parts[1]}", ".".join(path.with_suffix("").parts)
    given = ROOT / "rtcpy" / path.parts[1] / "__init__.py"
    names = {name for source, name in _imports(given) if source == dotted} if given.exists() else set()

    def count(test: Path) -> int:
        return sum(
            source == dotted or (source == package and (name in names or f"{package}.{name}" == dotted))
            for source, name in _imports(test)
        )

    for folder in (path.parts[1], "."):
        counted = [(-count(test), test) for test in sorted((ROOT / "tests" / folder).rglob("test_*.py"))]
        if found := [test.relative_to(ROOT).as_posix() for number, test in sorted(counted) if number]:
            return tuple(found)
    return ()


def covered_by(modules: Iterable[str]) -> list[str]:
    """Tests for sections that no test cites: those that mirror the modules, else those that use them."""
    modules = list(dict.fromkeys(modules))
    mirrors = {test for module in modules if (test := own_test(module)) is not None}
    return sorted(mirrors or {test for module in modules for test in users(module)[:USERS_SHOWN]})


def _order(section: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in section.split("."))


def _documents(found: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """(group, documents in it) in the order of the page."""
    left = set(found)
    for group, members in GROUPS:
        here = [document for document in members if document in left]
        left -= set(here)
        if here:
            yield group, here
    if left:
        yield "Others", sorted(left, key=lambda d: (not d.isdigit(), d.zfill(5)))


def _links(places: Iterable[Place], base: str) -> str:
    """Each file once, with the lines that cite."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for place in sorted(set(places)):
        by_file[place.path].append(place.line)
    return "<br>".join(
        f"`{path.removeprefix(base)}` {', '.join(map(str, lines[:6]))}{' …' if len(lines) > 6 else ''}"
        for path, lines in by_file.items()
    )


def coverage_page() -> str:
    """The page: for each document a table of section, code and test."""
    known = known_sections()
    code: dict[str, dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
    tests: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for citation in citations_of("rtcpy"):
        code[citation.document][citation.section].append(citation.place)
    for citation in citations_of("tests"):
        tests[citation.document, citation.section].append(citation.place)
    sections = sum(len(places) for places in code.values())
    count = sum(len(p) for places in code.values() for p in places.values())
    lines = [
        "# Which section is where",
        "",
        f"Made from the source at each build: **{count:,}** citations of **{sections:,}** sections of "
        f"**{len(code)}** documents. To find the rule behind a line, read its comment; to find the line behind a rule, "
        "look here. A test is named if it cites the section itself; otherwise, in italics, the test file of the module, or "
        "those that use it most.",
        "",
    ]
    for group, documents in _documents(code):
        lines += [f"## {group}", ""]
        for document in documents:
            titles = known.get(document, {})
            title = f": {titles['']}" if titles.get("") else ""
            lines += [f"### [{spelled(document)}]({address(document)}){title}", ""]
            lines += ["| § | title | code | tests |", "|---|---|---|---|"]
            for section in sorted(code[document], key=_order):
                places = code[document][section]
                tested = _links(tests[document, section], "tests/")
                if not tested:
                    tested = "<br>".join(
                        f"*`{test.removeprefix('tests/')}`*"
                        for test in covered_by(place.path for place in places)
                    )
                name = titles.get(section, "").replace("|", "\\|")
                lines.append(
                    f"| [{section}]({address(document, section)}) | {name} | {_links(places, 'rtcpy/')} | {tested} |"
                )
            lines.append("")
    return "\n".join(lines)

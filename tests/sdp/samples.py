"""The descriptions of tests/data/sdp, and what is known to be wrong with some of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parent.parent / "data" / "sdp"

CAPTURED = sorted(DATA.glob("captured/*/*.sdp"))


def read(path: Path) -> str:
    """Text of a file with its line ends as they are."""
    return path.read_bytes().decode()


def captured(name: str) -> str:
    """One captured description, e.g. ``chromium-156/av-data-offer``."""
    return read(DATA / "captured" / f"{name}.sdp")


def rfc_examples() -> Iterator[tuple[str, str]]:
    """Name (``rfc9429 7.1 line 3584``) and text of every example of an RFC."""
    for path in sorted(DATA.glob("rfc/*.json")):
        for example in json.loads(path.read_text()):
            yield f"{path.stem} {example['section']} line {example['line']}", example["text"]


def corpus() -> dict[str, str]:
    """Seed inputs of the WebRTC project's SDP fuzzer."""
    inputs: dict[str, str] = json.loads((DATA / "webrtc-corpora" / "sdp.json").read_text())["inputs"]
    return inputs


def trickled() -> Iterator[tuple[str, str]]:
    """Peer and text of every trickled candidate, the empty ones included."""
    for path in sorted(DATA.glob("captured/*/candidates.json")):
        for text in _candidates(json.loads(path.read_text())):
            yield path.parent.name, text


def gathered() -> Iterator[str]:
    """The descriptions inside the candidate files."""
    for path in sorted(DATA.glob("captured/*/candidates.json")):
        for run in json.loads(path.read_text()).values():
            if isinstance(run, dict) and isinstance(run.get("gathered"), str):
                yield run["gathered"]


def _candidates(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("candidate"), str):
            yield value["candidate"]
        for one in value.values():
            yield from _candidates(one)
    elif isinstance(value, list):
        for one in value:
            yield from _candidates(one)


NOT_PARSED = {
    "rfc5245 17 line 4599": "placeholders for ports",
    "rfc5245 17 line 4655": "placeholders for ports",
    "rfc8839 A line 1770": "placeholders for ports",
    "rfc8839 A line 1810": "placeholders for ports",
    "rfc8840 7 line 1111": "'a=extmap 1' without colon",
    "rfc8859 4.7 line 480": "m= line without port and protocol",
    "rfc8859 14.2.1.1 line 2896": "'m=audio' alone",
    "rfc8859 14.2.1.2 line 2919": "port 560024",
}
"""Examples that are no descriptions, by slip or on purpose: each must be refused."""

NOT_VALID = {
    "rfc8627 7.1.1 line 1923": "'a=fmtp:98;' without blank",
    "rfc8627 7.1.2 line 1943": "'a=fmtp:110;' without blank",
}
"""Examples that parse, are whole, and still break the grammar of an attribute."""

"""Seeded mutations of all real descriptions: `SdpError` or a description, never anything else."""

from __future__ import annotations

import random

from tests.profile import scale
from tests.sdp.samples import CAPTURED, corpus, read, rfc_examples
from tests.sdp.test_codec import check_hostile

SEEDS = [read(path) for path in CAPTURED] + [text for _, text in rfc_examples()] + list(corpus().values())

DICTIONARY = [
    "\r\n", "\n", "\r", "\x00", "\x0b", "\u2028", "\u0661", "a=", "m=", "m=audio 9 RTP/AVP 0\r\n", "v=0\r\n", ":", ";",
    "/", " ", "  ", ",", "=", "~", "*", "-1", "0", "4294967296", "9" * 50, "9" * 5000, "65536", "sha-256 ", "typ ",
    "raddr ", "a=rid:", "a=simulcast:send ", "a=candidate:", "a=group:BUNDLE", "a=mid:", "\ud800", "\U0001f600",
]  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """One to four changes: characters, cuts, doubled and swapped lines, dictionary words, crossing with another."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.choice((1, 1, 1, 3, 10, 100)))
        match rng.randrange(8):
            case 0:
                text = (
                    text[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000)))) + text[at + 1 :]
                )
            case 1:
                text = text[:at] + text[to:]
            case 2:
                text = text[:at] + rng.choice(DICTIONARY) + text[at:]
            case 3:
                text = text[:at] + rng.choice(DICTIONARY) + text[to:]
            case 4:
                text = text[:to] + text[at:]
            case 5:
                lines = text.split("\r\n")
                one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[one], lines[two] = lines[two], lines[one]
                text = "\r\n".join(lines)
            case 6:
                lines = text.split("\r\n")
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
                text = "\r\n".join(lines)
            case _:
                text = text[:at] + rng.choice(SEEDS)[-rng.randrange(1, 400) :]
    return text


def test_mutations_of_everything_real() -> None:
    rng = random.Random(20261122)
    rounds = scale(dev=3_000, ci=20_000, thorough=1_000_000)
    parsed = 0
    for index in range(rounds):
        text = mutated(SEEDS[index % len(SEEDS)], rng)
        try:
            parsed += check_hostile(text)
        except Exception as error:
            raise AssertionError(f"mutation {index} of seed 20261122: {text!r}") from error
    assert rounds * 0.05 < parsed < rounds * 0.95  # the mutations are neither harmless nor hopeless

"""Seeded mutation: hostile inputs near valid ones, each from (driver, seed, index) alone, so that any can be replayed."""

from __future__ import annotations

import random
from collections.abc import Sequence

EXTREMES = (
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x00\x00",
    b"\xff\xff",
    b"\x00\x03",
    b"\x00\x04",
    b"\x7f\xff",
)
NUMBERS = ("0", "-1", "1", "65535", "65536", "4294967296", "9" * 40, "1e9", "0x10", "٣", "²", "")
FRAGMENTS = (
    "\r", "\n", "\r\n\r\n", "\0", "\x0b", "\x0c", "\x85", "\u2028", "a=", "m=", "v=0", ":", " ", "=", ";", "/", ",",
    "a=mid:0", "a=candidate:", "a=fingerprint:sha-256 ", "🙂", "A" * 3000, " " * 2000, "a=x\r\n" * 50, "(" * 200,
)  # fmt: skip
LARGEST = 70_000  # bytes: a UDP payload cannot be larger; texts may grow to a few of these


def rng_of(driver: str, seed: int, index: int) -> random.Random:
    """The only source of chance of input `index`."""
    return random.Random(f"{driver}/{seed}/{index}")


def mutate_bytes(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """`data` after one to six edits."""
    out = bytearray(data)
    for _ in range(min(6, 1 + int(rng.expovariate(0.7)))):
        size = len(out)
        at = rng.randrange(size) if size else 0
        kind = rng.randrange(9)
        if kind == 0 and size:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            extreme = rng.choice(EXTREMES)
            out[at : at + len(extreme)] = extreme
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + rng.randrange(1, 17)]
        elif kind == 4:
            out[at:at] = out[at : at + rng.randrange(1, 65)] * rng.choice((1, 1, 2, 20))
        elif kind == 5:
            out[at:at] = rng.randbytes(rng.randrange(1, 17))
        elif kind == 6 and size >= 2:  # a length field that is slightly, or wildly, wrong
            value = int.from_bytes(out[at : at + 2], "big") + rng.choice((-4, -1, 1, 2, 4, 256, -256))
            out[at : at + 2] = (value & 0xFFFF).to_bytes(2, "big")
        elif kind == 7:  # the head of one packet with the tail of another
            other = rng.choice(others)
            out[at:] = other[min(at, len(other)) :]
        elif kind == 8:
            out += rng.choice(others)[:200]
    return bytes(out[:LARGEST])


def mutate_text(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """`text` after one to six edits of lines, words and characters."""
    for _ in range(min(6, 1 + int(rng.expovariate(0.7)))):
        lines = text.split("\r\n")
        at = rng.randrange(len(lines))
        kind = rng.randrange(9)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines[at:at] = [lines[at]] * rng.choice((1, 1, 3, 200))
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            lines.insert(at, rng.choice(rng.choice(others).split("\r\n")))
        elif kind == 4:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = rng.choice(NUMBERS)
            lines[at] = " ".join(words)
        elif kind == 5:
            words = lines[at].split(" ")
            del words[rng.randrange(len(words))]
            lines[at] = " ".join(words)
        else:
            line = lines[at]
            cut = rng.randrange(len(line) + 1)
            if kind == 6:
                line = line[:cut] + rng.choice(FRAGMENTS) + line[cut:]
            elif kind == 7:
                line = (
                    line[:cut] + chr(rng.choice((0, 9, 32, 58, 127, 233, 0x2028, 0x1F600))) + line[cut + 1 :]
                )
            else:
                line = line[:cut]
            lines[at] = line
        text = "\r\n".join(lines)
    return text[: 8 * LARGEST]

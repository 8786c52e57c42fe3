"""Repeat one input of the fuzzer: ``python -m tests.fuzz DRIVER SEED INDEX``."""

from __future__ import annotations

import sys

from tests.fuzz.parsers import drivers


def main(arguments: list[str]) -> int:
    """Show the input and what the parser makes of it."""
    table = {driver.name: driver for driver in drivers()}
    if len(arguments) != 3 or arguments[0] not in table:
        print(f"usage: python -m tests.fuzz {{{','.join(table)}}} SEED INDEX")
        return 2
    driver = table[arguments[0]]
    data = driver.input(int(arguments[1]), int(arguments[2]))
    print(data.hex() if isinstance(data, bytes) else repr(data))
    try:
        print("result:", driver.run(data))
    except driver.error as error:
        print("refused, as documented:", repr(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What changed in a text, line by line: descriptions grow, and answers differ from offers.

No specification; the signs are those of a unified diff.
"""

from __future__ import annotations

from difflib import SequenceMatcher


def changed_lines(before: str, after: str, *, common: bool = False) -> list[str]:
    """Lines of two texts, each behind a sign and a space: ``-`` only in `before`, ``+`` only in `after`, ``" "`` in both.

    Args:
        before: the first text.
        after: the second.
        common: list the lines of both, too.
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[str] = []
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            lines += [f"  {line}" for line in old[old_start:old_end] if common]
        else:
            lines += [f"- {line}" for line in old[old_start:old_end]]
            lines += [f"+ {line}" for line in new[new_start:new_end]]
    return lines


def difference(before: str, after: str, *, common: bool = True) -> str:
    """`changed_lines` as one text."""
    return "\n".join(changed_lines(before, after, common=common))

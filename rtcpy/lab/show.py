"""`show`: a thing as well as the place can: drawn in Jupyter, printed elsewhere. `difference`: what changed in a text.

No specification.
"""

from __future__ import annotations

import sys
from difflib import SequenceMatcher


def show(*things: object) -> None:
    """Show each of `things`: text as it is, other things as HTML in Jupyter and as text elsewhere."""
    ipython = sys.modules.get("IPython")
    notebook = ipython is not None and ipython.get_ipython() is not None
    for thing in things:
        if notebook and hasattr(thing, "_repr_html_"):
            ipython.display.display(thing)  # type: ignore[union-attr]
        else:
            print(thing)


def difference(before: str, after: str, *, common: bool = True) -> str:
    """Two texts line by line: ``-`` stood only in `before`, ``+`` stands only in `after`.

    Args:
        before: the first text.
        after: the second.
        common: show the lines of both, too.
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[str] = []
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            lines += [f"  {line}" for line in old[old_start:old_end] if common]
        else:
            lines += [f"- {line}" for line in old[old_start:old_end]]
            lines += [f"+ {line}" for line in new[new_start:new_end]]
    return "\n".join(lines)

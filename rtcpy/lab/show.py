"""`show`: a thing as well as the place can: drawn in Jupyter, printed elsewhere.

No specification.
"""

from __future__ import annotations

import sys


def show(*things: object) -> None:
    """Show each of `things`: text as it is, other things as HTML in Jupyter and as text elsewhere."""
    ipython = sys.modules.get("IPython")
    notebook = ipython is not None and ipython.get_ipython() is not None
    for thing in things:
        if notebook and hasattr(thing, "_repr_html_"):
            ipython.display.display(thing)  # type: ignore[union-attr]
        else:
            print(thing)

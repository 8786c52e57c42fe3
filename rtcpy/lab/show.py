"""`show`: a thing as well as the place can: drawn in Jupyter, printed elsewhere.

No specification.
"""

from __future__ import annotations

import io
import sys
from typing import Any

DOTS_PER_INCH = 144  # of a plot: sharp on screens with small pixels
PIXELS_PER_INCH = 100  # of the page


def show(*things: object) -> None:
    """Show each of `things`: text as it is, other things as HTML or picture in Jupyter and as text elsewhere."""
    ipython = sys.modules.get("IPython")
    notebook = ipython is not None and ipython.get_ipython() is not None
    for thing in things:
        if notebook and hasattr(thing, "savefig"):
            ipython.display.display(_plot(thing, ipython.display.Image))  # type: ignore[union-attr]
        elif notebook and hasattr(thing, "_repr_html_"):
            ipython.display.display(thing)  # type: ignore[union-attr]
        else:
            print(thing)


def _plot(figure: Any, image: Any) -> Any:
    """A figure of matplotlib as a picture. Jupyter draws those of pyplot only, and ours are not."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DOTS_PER_INCH)
    return image(data=data.getvalue(), format="png", width=round(figure.get_figwidth() * PIXELS_PER_INCH))

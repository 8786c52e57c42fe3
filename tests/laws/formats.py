"""What the declarations of some formats cannot say about their attributes, for generated values."""

from __future__ import annotations

from hypothesis import strategies as st

from rtcpy.rtp.extensions import OneByteElement
from rtcpy.testing.strategies import Overrides

OVERRIDES: Overrides = {
    (OneByteElement, "data"): st.binary(
        min_size=1, max_size=16
    ),  # what a length of four bits, minus one, can tell
}

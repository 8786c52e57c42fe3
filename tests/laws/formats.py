"""What the declarations of some formats cannot say about their attributes, for generated values."""

from __future__ import annotations

from rtcpy.testing.strategies import Overrides

OVERRIDES: Overrides = {}

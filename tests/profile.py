"""How much work the tests do: `dev` on a laptop, `ci` on every change, `thorough` for the full figures.

Chosen with the environment variable RTCPY_PROFILE; the counts stand at each test.
"""

from __future__ import annotations

import os

PROFILE = os.environ.get("RTCPY_PROFILE", "dev")
if PROFILE not in ("dev", "ci", "thorough"):
    raise ValueError(f"RTCPY_PROFILE is {PROFILE!r}, expected dev, ci or thorough")


def scale(*, dev: int, ci: int, thorough: int) -> int:
    """The count for the profile in force."""
    return {"dev": dev, "ci": ci, "thorough": thorough}[PROFILE]

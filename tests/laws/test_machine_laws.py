"""Every machine of rtcpy, found by introspection, obeys the nine laws of `rtcpy.core.machine`."""

from __future__ import annotations

import pytest

from rtcpy.testing import check_machine
from rtcpy.testing.laws import Build
from tests.laws.discovery import machine_classes, name_of
from tests.laws.machines import MACHINES
from tests.profile import scale

CASES = sorted({build.__name__: build for build in MACHINES.values()}.items())


def test_every_machine_is_registered() -> None:
    assert {name_of(cls) for cls in machine_classes()} == {name_of(cls) for cls in MACHINES}


@pytest.mark.parametrize("build", [build for _, build in CASES], ids=[name for name, _ in CASES])
def test_every_machine_obeys_the_nine_laws(build: Build) -> None:
    check_machine(build, seeds=scale(dev=2, ci=4, thorough=50), hostile=scale(dev=200, ci=500, thorough=5000))

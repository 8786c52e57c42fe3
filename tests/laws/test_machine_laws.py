"""Every machine of rtcpy, found by introspection, obeys the nine laws of `rtcpy.core.machine`."""

from __future__ import annotations

from typing import Any

import pytest

from rtcpy.testing import check_machine
from rtcpy.testing.laws import Build
from tests.laws.discovery import machine_classes, name_of
from tests.laws.machines import MACHINES
from tests.profile import scale

CASES = sorted({machine.__name__: machine for machine in MACHINES.values()}.items())


def test_every_machine_is_registered() -> None:
    assert {name_of(cls) for cls in machine_classes()} == {name_of(cls) for cls in MACHINES}


@pytest.mark.parametrize("machine", [machine for _, machine in CASES], ids=[name for name, _ in CASES])
def test_every_machine_obeys_the_nine_laws(machine: type[Any] | Build) -> None:
    check_machine(
        machine, seeds=scale(dev=2, ci=4, thorough=50), hostile=scale(dev=200, ci=500, thorough=5000)
    )

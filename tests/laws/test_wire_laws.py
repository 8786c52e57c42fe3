"""Every declared format of every layer, found by introspection, obeys the laws of `rtcpy.testing.wire_laws`."""

from __future__ import annotations

import pytest

from rtcpy.testing import check_wire
from rtcpy.wire import Wire, box_diagram
from tests.laws.discovery import name_of, wire_classes
from tests.laws.formats import OVERRIDES
from tests.profile import scale

EXAMPLES = scale(dev=50, ci=100, thorough=400)
"""Values and hostile inputs for each of some hundred and seventy formats: at the profile's 2,000 it would be an hour."""


def test_the_layers_declare_their_formats() -> None:
    found = {name_of(cls).split(".")[0] for cls in wire_classes()}
    assert found >= {"stun", "dtls", "sctp", "rtp"}


@pytest.mark.parametrize("cls", wire_classes(), ids=name_of)
def test_every_format_obeys_the_laws(cls: type[Wire]) -> None:
    check_wire(cls, overrides=OVERRIDES, examples=EXAMPLES)


@pytest.mark.parametrize("cls", wire_classes(), ids=name_of)
def test_every_format_is_documented(cls: type[Wire]) -> None:
    assert (cls.__doc__ or "").strip() and not (cls.__doc__ or "").startswith(cls.__name__ + "(")
    assert "§" in cls.wire_rfc or "Appendix" in cls.wire_rfc, cls.wire_rfc
    assert all(len(line) <= 66 for line in box_diagram(cls).splitlines())

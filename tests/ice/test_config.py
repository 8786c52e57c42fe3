"""Settings: what the RFCs forbid is refused."""

from __future__ import annotations

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import RtcRangeError
from rtcpy.ice import IceAgent, IceConfig


def test_the_defaults_are_those_of_the_rfcs() -> None:
    config = IceConfig()
    config.validate()
    assert (config.ta, config.rto, config.max_pairs) == (0.05, 0.5, 100)  # RFC 8445 §14.2, §14.3, §6.1.2.5
    assert (config.consent_interval, config.consent_expiry) == (5.0, 30.0)  # RFC 7675 §5.1
    assert (config.keepalive, config.patience) == (15.0, 39.5)  # RFC 8445 §11, RFC 8863 §4


@pytest.mark.parametrize(
    "bad",
    [
        {"ta": 0.004},
        {"rto": 0.4},
        {"rto_max": 0.4},
        {"check_timeout": 0.1},
        {"gathering_timeout": 0.0},
        {"nomination_delay": -1.0},
        {"relay_nomination_delay": -1.0},
        {"consent_interval": 4.9},
        {"consent_expiry": 31.0},
        {"consent_expiry": 0.0},
        {"consent_grace": 0.0},
        {"keepalive": 14.0},
        {"patience": -1.0},
        {"retire_delay": -1.0},
        {"max_pairs": 0},
    ],
)
def test_forbidden_values(bad: dict[str, float]) -> None:
    with pytest.raises(RtcRangeError, match=next(iter(bad))):
        IceAgent(controlling=True, entropy=SeededEntropy(1), config=IceConfig(**bad))  # type: ignore[arg-type]


@pytest.mark.parametrize("streams", [0, -1, 17])
def test_number_of_streams(streams: int) -> None:
    with pytest.raises(RtcRangeError):
        IceAgent(controlling=True, entropy=SeededEntropy(1), streams=streams)

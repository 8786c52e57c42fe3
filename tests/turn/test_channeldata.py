"""Channel data, by hand and against the laws."""

from __future__ import annotations

import pytest

from rtcpy.testing.wire_laws import check_wire
from rtcpy.turn import ChannelData, TurnError


def test_the_format_obeys_the_laws() -> None:
    check_wire(ChannelData)


def test_a_message_by_hand() -> None:
    message = ChannelData.parse(bytes.fromhex("4001 0003 616263"))
    assert (message.channel_number, message.data) == (0x4001, b"abc")
    assert message.serialize() == bytes.fromhex("40010003616263")


def test_a_length_that_lies_is_refused() -> None:
    with pytest.raises(TurnError, match="data needs 4 bytes by length, 3 left"):
        ChannelData.parse(bytes.fromhex("4001 0004 616263"))

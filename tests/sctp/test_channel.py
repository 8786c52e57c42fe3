"""The table of a data channel's states."""

from __future__ import annotations

import pytest

from rtcpy.sctp import Channel, ChannelInput, ChannelState
from rtcpy.sctp.channel import CHANNEL_TRANSITIONS


@pytest.mark.parametrize("state", ChannelState)
@pytest.mark.parametrize("what", ChannelInput)
def test_a_channel_follows_its_table_and_nothing_else(state: ChannelState, what: ChannelInput) -> None:
    channel = Channel("x", state=state)
    if (state, what) in CHANNEL_TRANSITIONS:
        channel.move(what)
        assert channel.state is CHANNEL_TRANSITIONS[state, what]
    else:
        with pytest.raises(KeyError):
            channel.move(what)
        assert channel.state is state


def test_it_only_ever_goes_forward() -> None:
    """W3C webrtc §6.2: connecting, open, closing, closed."""
    order = list(ChannelState)
    assert all(order.index(new) >= order.index(old) for (old, _), new in CHANNEL_TRANSITIONS.items())


def test_the_end_of_the_association_ends_every_channel() -> None:
    for state in ChannelState:
        assert CHANNEL_TRANSITIONS[state, ChannelInput.END] is ChannelState.CLOSED

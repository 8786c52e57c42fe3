"""DATA_CHANNEL_OPEN and ACK: bytes, and what peers get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.sctp import SctpDecodeError
from rtcpy.sctp.dcep import AckMessage, ChannelParameters, read_open, write_open

parameters = st.builds(
    ChannelParameters,
    label=st.text(max_size=20),
    protocol=st.text(max_size=20),
    ordered=st.booleans(),
    max_retransmits=st.none() | st.integers(0, 65535),
    max_lifetime_ms=st.none(),
    priority=st.integers(0, 65535),
) | st.builds(ChannelParameters, label=st.text(max_size=5), max_lifetime_ms=st.integers(0, 65535))


@given(parameters)
def test_open_round_trip(given_parameters: ChannelParameters) -> None:
    assert read_open(write_open(given_parameters)) == given_parameters


def test_open_byte_by_byte() -> None:
    """RFC 8832 §5.1; lengths count bytes."""
    raw = write_open(ChannelParameters("é", "p", ordered=False, max_retransmits=3, priority=512))
    assert raw == bytes.fromhex("03 81 0200 00000003 0002 0001") + "é".encode() + b"p"
    assert AckMessage().serialize() == b"\2"


def test_lengths_that_count_characters_are_understood() -> None:
    """As two known stacks send them: label "ü€" and protocol "ß", counted 2 and 1."""
    raw = bytes.fromhex("03 00 0100 00000000 0002 0001") + "ü€ß".encode()
    got = read_open(raw)
    assert (got.label, got.protocol) == ("ü€", "ß")


@pytest.mark.parametrize("extra", [b"x", b"", None])
def test_lengths_that_lie_are_refused(extra: bytes | None) -> None:
    good = write_open(ChannelParameters("label", "proto"))
    bad = good[:-1] if extra is None else good[:9] + b"\xff" + good[10:] if extra == b"" else good + extra
    with pytest.raises(SctpDecodeError):
        read_open(bad)


@pytest.mark.parametrize("kind", [0x03, 0x7F, 0x83, 0xFF])
def test_unknown_channel_types_are_refused(kind: int) -> None:
    good = write_open(ChannelParameters("x"))
    with pytest.raises(SctpDecodeError):
        read_open(good[:1] + bytes([kind]) + good[2:])


def test_text_that_is_no_utf8_is_replaced() -> None:
    raw = bytes.fromhex("03 00 0100 00000000 0002 0000") + b"\xff\xfe"
    assert read_open(raw).label == "��"


@given(st.binary(max_size=40))
def test_arbitrary_bytes(raw: bytes) -> None:
    try:
        read_open(raw)
    except SctpDecodeError:
        return


def test_texts_of_the_largest_size() -> None:
    long = "x" * 65535
    got = read_open(write_open(ChannelParameters(long, long)))
    assert (got.label, got.protocol) == (long, long)

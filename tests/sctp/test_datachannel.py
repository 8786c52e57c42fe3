"""Data channels: ids, opening, messages, closing, limits, errors (RFC 8831, RFC 8832, W3C webrtc §6)."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidStateError, OperationError
from rtcpy.sctp import (
    Aborted,
    BufferedAmountLow,
    Channel,
    ChannelAnnounced,
    ChannelClosed,
    ChannelClosing,
    ChannelMessage,
    ChannelOpened,
    ChannelParameterError,
    ChannelState,
    DataChannels,
    MessageTooLargeError,
    Restarted,
    SctpConfig,
    State,
)
from rtcpy.sctp.dcep import AckMessage, ChannelParameters, write_open
from tests.sctp.link import Conditions, Link, channels


def config(**options: object) -> SctpConfig:
    values = {"heartbeat_interval": 0, "path_mtu_limit": 1200, "remote_max_message_size": 262144}
    return SctpConfig(**values | options)  # type: ignore[arg-type]


def up(
    conditions: Conditions | None = None,
    *,
    seed: int = 0,
    a: SctpConfig | None = None,
    b: SctpConfig | None = None,
) -> tuple[Link, DataChannels, DataChannels]:
    link, left, right = channels(seed=seed, a=a or config(), b=b or config())
    left.start(now=0.0)
    right.start(now=0.0)
    link.run(1.0)
    if conditions is not None:
        link.conditions = conditions
    return link, left, right


def opened(link: Link, left: DataChannels, **options: object) -> tuple[Channel, Channel]:
    """A channel of the left end, and what the right end knows of it."""
    before = len(link.of(1, ChannelAnnounced))
    channel = left.open("c", now=link.now, **options)  # type: ignore[arg-type]
    link.run(link.now + 1.0)
    return channel, link.of(1, ChannelAnnounced)[before].channel


def messages(link: Link, end: int) -> list[str | bytes]:
    return [event.data for event in link.of(end, ChannelMessage)]


# -- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ordered": False},
        {"max_retransmits": 0},
        {"max_retransmits": 65535, "ordered": False},
        {"max_lifetime_ms": 250, "priority": 1024},
    ],
    ids=str,
)
def test_label_protocol_and_options_arrive(before: bool, options: dict) -> None:
    link, a, b = channels(a=config(), b=config())
    if before:
        channel = a.open("naïve 標籤 🎛", "soap", now=0.0, **options)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    if not before:
        channel = a.open("naïve 標籤 🎛", "soap", now=1.0, **options)
    link.run(2.0)
    (announced,) = link.of(1, ChannelAnnounced)
    assert link.of(0, ChannelOpened) == [ChannelOpened(channel)]
    for field in (
        "label",
        "protocol",
        "ordered",
        "max_retransmits",
        "max_lifetime_ms",
        "priority",
        "id",
        "state",
    ):
        assert getattr(announced.channel, field) == getattr(channel, field), field
    assert channel.state is ChannelState.OPEN and channel.id == 0


def test_ids_are_even_for_the_dtls_client_and_odd_for_the_server() -> None:
    link, a, b = up()
    assert [a.open(str(i), now=link.now).id for i in range(3)] == [0, 2, 4]
    assert [b.open(str(i), now=link.now).id for i in range(3)] == [1, 3, 5]
    link.run(2.0)
    assert [e.channel.id for e in link.of(1, ChannelAnnounced)] == [0, 2, 4]
    assert [e.channel.id for e in link.of(0, ChannelAnnounced)] == [1, 3, 5]


def test_channels_made_before_the_role_is_known_get_their_ids_with_it() -> None:
    link, _, b = channels(a=config(), b=config())
    a = DataChannels(config(), entropy=link.ends[0].association.entropy)  # type: ignore[attr-defined]
    link.ends = (a, b)
    first, second = a.open("1", now=0.0), a.open("2", now=0.0)
    gone = a.open("closed at once", now=0.0)
    a.close_channel(gone, now=0.0)
    assert first.id is None and a.buffered_amount(first) == 0
    with pytest.raises(InvalidStateError):
        a.send(first, "too early", now=0.0)
    a.set_role(True, now=0.0)
    assert (first.id, second.id, gone.state) == (0, 2, ChannelState.CLOSED)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    assert [e.channel.label for e in link.of(1, ChannelAnnounced)] == ["1", "2"]


def test_negotiated_channels_need_no_message() -> None:
    link, a, b = up()
    link.keep_log = True
    left = a.open("x", negotiated=True, id=7, ordered=False, now=link.now)
    right = b.open("y", negotiated=True, id=7, now=link.now)
    assert left.state is right.state is ChannelState.OPEN
    assert not link.log
    a.send(left, "one", now=link.now)
    b.send(7, b"two", now=link.now)
    link.run(2.0)
    assert messages(link, 1) == ["one"] and messages(link, 0) == [b"two"]
    assert link.of(0, ChannelAnnounced) == link.of(1, ChannelAnnounced) == []


def test_automatic_ids_step_over_negotiated_ones() -> None:
    link, a, _ = up()
    a.open("n", negotiated=True, id=0, now=link.now)
    assert a.open("x", now=link.now).id == 2
    with pytest.raises(OperationError):
        a.open("n", negotiated=True, id=2, now=link.now)


@pytest.mark.parametrize(
    "arguments",
    [
        {"label": "x" * 65536},
        {"label": "x", "protocol": "é" * 32768},
        {"label": "x", "max_retransmits": 1, "max_lifetime_ms": 1},
        {"label": "x", "max_retransmits": 65536},
        {"label": "x", "max_lifetime_ms": -1},
        {"label": "x", "negotiated": True},
        {"label": "x", "negotiated": True, "id": 65535},
    ],
    ids=str,
)
def test_arguments_that_w3c_refuses(arguments: dict) -> None:
    _, a, _ = channels()
    with pytest.raises(ChannelParameterError) as caught:
        a.open(**arguments, now=0.0)
    assert isinstance(caught.value, TypeError)


def test_all_ids_can_be_used_and_then_there_are_none() -> None:
    link, a, _b = up(b=config(inbound_streams=10, outbound_streams=10))
    ids = [a.open(str(i), now=link.now).id for i in range(5)]
    assert ids == [0, 2, 4, 6, 8] and a.max_channels == 10
    with pytest.raises(OperationError):
        a.open("one too many", now=link.now)
    link.run(2.0)
    a.close_channel(4, now=link.now)
    link.run(3.0)
    assert a.open("again", now=link.now).id == 4


def test_id_65535_is_never_given() -> None:
    link, a, _ = up()
    a._next_id = 65534
    assert a.open("last", now=link.now).id == 65534
    assert a.open("around", now=link.now).id == 0


def test_channels_beyond_the_peers_streams_fail_when_that_is_known() -> None:
    link, a, b = channels(a=config(), b=config(inbound_streams=1024, outbound_streams=2048))
    good = a.open("n", negotiated=True, id=1023, now=0.0)
    bad = a.open("n", negotiated=True, id=1024, now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(1.0)
    assert (good.state, bad.state) == (ChannelState.OPEN, ChannelState.CLOSED)
    (closed,) = link.of(0, ChannelClosed)
    assert closed.channel is bad and closed.error


# -- messages --------------------------------------------------------------------------------------


def test_kinds_of_messages() -> None:
    link, a, _ = up()
    channel, other = opened(link, a)
    contents = ["text", "", b"", b"\0\1\2", "ünï", "x" * 262144, bytes(262144)]
    for content in contents:
        a.send(channel, content, now=link.now)
    link.run(5.0)
    assert messages(link, 1) == contents
    assert (channel.messages_sent, other.messages_received) == (7, 7)
    assert (
        channel.bytes_sent
        == other.bytes_received
        == sum(len(c.encode() if isinstance(c, str) else c) for c in contents)
    )


def test_message_sizes_are_limited_by_the_peer() -> None:
    link, a, _ = up(a=config(remote_max_message_size=1000))
    channel, _ = opened(link, a)
    with pytest.raises(MessageTooLargeError):
        a.send(channel, bytes(1001), now=link.now)
    a.set_remote_max_message_size(5000)
    a.send(channel, bytes(5000), now=link.now)
    link.run(5.0)
    assert messages(link, 1) == [bytes(5000)]


def test_a_message_beyond_our_limit_costs_the_peer_its_channel_only() -> None:
    link, a, _b = up(a=config(remote_max_message_size=0), b=config(max_message_size=1000))
    channel, other = opened(link, a)
    second, _ = opened(link, a)
    a.send(channel, bytes(5000), now=link.now)
    a.send(second, "fine", now=link.now)
    link.run(6.0)
    assert messages(link, 1) == ["fine"]
    (closed,) = link.of(1, ChannelClosed)
    assert closed.channel is other and "5000" in (closed.error or "")
    assert channel.state is ChannelState.CLOSED and second.state is ChannelState.OPEN


def test_data_rides_with_the_open_and_stays_ordered_until_the_ack() -> None:
    """RFC 8832 §6: nothing unordered before the peer is known to know the channel."""
    link, a, b = up()
    channel = a.open("fast", ordered=False, now=link.now)
    a.send(channel, "at once", now=link.now)
    packets = a.take_packets()
    flags = {packet[13] & 4 for packet in packets}
    assert flags == {0}
    for packet in packets:
        b.receive(packet, now=link.now)
    assert [type(e) for e in b.take_events()] == [ChannelAnnounced, ChannelMessage]
    for packet in b.take_packets():
        a.receive(packet, now=link.now)
    a.take_events()
    a.send(channel, "now unordered", now=link.now)
    (packet,) = a.take_packets()
    assert packet[-32:].count(b"now unordered") == 1
    link._post(0, packet)
    link.run(3.0)
    assert messages(link, 1) == ["now unordered"]


def test_deprecated_partial_ppids_are_joined() -> None:
    link, a, _b = up()
    _channel, _ = opened(link, a)
    for ppid, data in [(54, b"ab"), (54, b"cd"), (51, b"ef"), (52, b"12"), (53, b"34")]:
        a.association.send(0, ppid, data, now=link.now)
    link.run(5.0)
    assert messages(link, 1) == ["abcdef", b"1234"]


def test_text_that_is_no_utf8_is_replaced_and_unknown_ppids_are_dropped() -> None:
    link, a, b = up()
    opened(link, a)
    a.association.send(0, 51, b"\xff", now=link.now)
    a.association.send(0, 999, b"?", now=link.now)
    link.run(5.0)
    assert messages(link, 1) == ["�"] and b.dropped_messages == 1


def test_messages_on_unknown_streams_are_dropped_and_counted() -> None:
    link, a, b = up()
    a.association.send(40, 51, b"who?", now=link.now)
    link.run(5.0)
    assert b.dropped_messages == 1 and b.take_events() == [] and messages(link, 1) == []
    assert b.association.state is State.ESTABLISHED


def test_buffered_amount_and_its_threshold() -> None:
    link, a, _ = up()
    channel, _ = opened(link, a)
    a.set_buffered_amount_low_threshold(channel, 20_000)
    for _ in range(10):
        a.send(channel, bytes(10_000), now=link.now)
    assert 80_000 < a.buffered_amount(channel) < 100_000
    assert BufferedAmountLow(channel) not in link.events[0]
    link.run(6.0)
    assert link.events[0].count(BufferedAmountLow(channel)) == 1
    assert a.buffered_amount(channel) == 0
    a.send(channel, bytes(100), now=link.now)  # never above the threshold: nothing to tell
    link.run(7.0)
    assert link.events[0].count(BufferedAmountLow(channel)) == 1


def test_a_full_buffer_is_an_operation_error() -> None:
    link, a, _ = up(a=config(send_buffer_limit=100_000))
    channel, _ = opened(link, a)
    with pytest.raises(OperationError):
        for _ in range(100):
            a.send(channel, bytes(10_000), now=link.now)
    assert channel.state is ChannelState.OPEN
    link.run(9.0)
    a.send(channel, "room again", now=link.now)


# -- closing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_closing_delivers_what_was_sent_and_frees_the_id(seed: int) -> None:
    link, a, b = up(Conditions(loss=0.2, reordering=0.2), seed=seed)
    for round_number in range(3):
        channel = a.open(f"round {round_number}", now=link.now)
        assert channel.id == 0
        a._next_id = 0
        for i in range(5):
            a.send(channel, f"{round_number}.{i}" * 500, now=link.now)
        a.close_channel(channel, now=link.now)
        assert channel.state is ChannelState.CLOSING
        with pytest.raises(InvalidStateError):
            a.send(channel, "late", now=link.now)
        link.run(link.now + 30.0)
        assert channel.state is ChannelState.CLOSED
    assert len(messages(link, 1)) == 15
    kinds = [type(e) for e in link.events[1] if isinstance(e, ChannelClosing | ChannelClosed)]
    assert kinds == [ChannelClosing, ChannelClosed] * 3
    assert all(e.error is None for e in link.of(0, ChannelClosed) + link.of(1, ChannelClosed))
    assert a.channels == b.channels == []


def test_id_is_held_until_the_response() -> None:
    """Reuse before RE-CONFIG is acknowledged corrupted streams in another stack."""
    link, a, _b = up()
    channel, _ = opened(link, a)
    a.close_channel(channel, now=link.now)
    assert a.open("next", now=link.now).id == 2
    a._next_id = 0
    assert a.open("another", now=link.now).id == 4
    link.run(9.0)
    a._next_id = 0
    assert a.open("free again", now=link.now).id == 0


def test_both_close_at_once() -> None:
    link, a, b = up()
    channel, other = opened(link, a)
    a.close_channel(channel, now=link.now)
    b.close_channel(other, now=link.now)
    link.run(9.0)
    assert len(link.of(0, ChannelClosed)) == len(link.of(1, ChannelClosed)) == 1
    a.close_channel(channel, now=link.now)
    assert link.of(0, ChannelClosing) == []


def test_close_before_the_association_is_up() -> None:
    link, a, b = channels(a=config(), b=config())
    silent = a.open("never told", now=0.0)
    a.close_channel(silent, now=0.0)
    assert silent.state is ChannelState.CLOSED
    told = a.open("told and closed", now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    a.close_channel(told, now=0.0)
    link.run(5.0)
    assert told.state is ChannelState.CLOSED
    assert [e.channel.label for e in link.of(1, ChannelAnnounced)] == ["told and closed"]
    assert len(link.of(1, ChannelClosed)) == 1


def test_a_peer_without_reconfig_still_lets_us_close() -> None:
    link, a, _ = up()
    channel, _ = opened(link, a)
    a.association.remote.reconfig = False  # type: ignore[union-attr]
    a.close_channel(channel, now=link.now)
    assert channel.state is ChannelState.CLOSED
    a._next_id = 0
    assert a.open("x", now=link.now).id == 2, "an id that cannot be reset is not used again"


# -- what peers do wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\3",
        b"\3" + bytes(10),
        write_open(ChannelParameters("x"))[:-1],
        b"\3\x7f" + bytes(10),
        b"\1",
        b"\xff",
    ],
    ids=lambda raw: raw.hex() or "empty",
)
def test_broken_dcep_costs_a_channel_never_the_association(raw: bytes) -> None:
    link, a, b = up()
    channel, _ = opened(link, a)
    if raw:
        a.association.send(2, 50, raw, now=link.now)
    a.association.send(4, 50, AckMessage().serialize(), now=link.now)
    link.run(5.0)
    assert b.association.state is State.ESTABLISHED and len(b.channels) == 1
    a.send(channel, "alive", now=link.now)
    link.run(6.0)
    assert messages(link, 1) == ["alive"]


def test_open_with_an_id_that_is_not_theirs_to_give_is_refused() -> None:
    link, a, b = up()
    a.association.send(1, 50, write_open(ChannelParameters("wrong parity")), now=link.now)
    link.run(5.0)
    assert b.channels == [] and b.dropped_messages == 1
    assert link.of(1, ChannelAnnounced) == []


def test_open_on_a_stream_in_use_closes_the_channel() -> None:
    link, a, _b = up()
    channel, other = opened(link, a)
    a.association.send(0, 50, write_open(ChannelParameters("again")), now=link.now)
    link.run(5.0)
    assert other.state is ChannelState.CLOSED and channel.state is ChannelState.CLOSED
    assert link.of(1, ChannelClosed)[0].error


def test_open_glare_fails_both_channels_and_nothing_else() -> None:
    """Both ends took themselves for the DTLS client."""
    link, a, b = channels(a=config(), b=config())
    b.set_role(True, now=0.0)
    left, right = a.open("left", now=0.0), b.open("right", now=0.0)
    a.start(now=0.0)
    b.start(now=0.0)
    link.run(9.0)
    assert left.id == right.id == 0
    assert left.state is right.state is ChannelState.CLOSED
    assert a.association.state is b.association.state is State.ESTABLISHED


def test_restart_of_the_peer_closes_channels() -> None:
    link, a, b = up()
    _, other = opened(link, a)
    fresh = DataChannels(config(), entropy=a.association.entropy)
    fresh.set_role(True, now=link.now)
    link.ends = (fresh, b)
    fresh.start(now=link.now)
    again = fresh.open("second life", now=link.now)
    link.run(9.0)
    assert other.state is ChannelState.CLOSED and link.of(1, ChannelClosed)[0].error
    assert len(link.of(1, Restarted)) == 1
    fresh.send(again, "hello again", now=link.now)
    link.run(10.0)
    assert messages(link, 1) == ["hello again"]


def test_abort_closes_channels_with_an_error_and_close_without_events() -> None:
    link, a, b = up()
    channel, other = opened(link, a)
    a.close(now=link.now)
    assert channel.state is ChannelState.CLOSED and a.take_events() == []
    link.run(9.0)
    assert other.state is ChannelState.CLOSED
    assert [type(e) for e in link.events[1][-2:]] == [ChannelClosed, Aborted]
    with pytest.raises(InvalidStateError):
        b.open("too late", now=link.now)
    with pytest.raises(InvalidStateError):
        a.open("too late", now=link.now)
    assert a.next_timeout() is b.next_timeout() is None

"""Reassembly: any cut, order and repetition gives the message; nothing else can happen, within bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.dtls.fragments import (
    MAX_AHEAD,
    MAX_BUFFERED,
    MAX_HELLOS,
    MAX_MESSAGE,
    MAX_PIECES,
    MAX_RIVALS,
    Hellos,
    InOrder,
    Verdict,
)
from rtcpy.dtls.messages import HandshakeFragment, Message


def _piece(message: Message, begin: int, end: int) -> HandshakeFragment:
    return HandshakeFragment.parse(message.fragment(begin, end - begin))


@given(st.binary(max_size=200), st.integers(0, 3), st.data())
def test_any_pieces_in_any_order(body: bytes, seq: int, data: st.DataObject) -> None:
    message = Message(11, seq, body)
    cuts = data.draw(st.lists(st.tuples(st.integers(0, len(body)), st.integers(0, len(body))), max_size=20))
    pieces = [_piece(message, min(c), max(c)) for c in cuts if c[0] != c[1]]
    step = data.draw(st.integers(1, 64))
    pieces += [_piece(message, i, min(i + step, len(body))) for i in range(0, max(1, len(body)), step)]
    order = data.draw(st.permutations(pieces))
    buffer, hellos = InOrder(seq), Hellos()
    out = []
    for piece in order:
        assert buffer.add(piece) in (Verdict.KEPT, Verdict.OLD)
        if (done := buffer.take()) is not None:
            out.append(done)
    assert out == [message] and buffer.buffered == 0
    finished = [m for piece in order if isinstance(m := hellos.add(piece), Message)]
    assert finished and all(m == message for m in finished)


@given(
    st.lists(
        st.builds(
            HandshakeFragment,
            type=st.integers(0, 3),
            length=st.integers(0, 4),
            message_seq=st.integers(0, 3),
            fragment_offset=st.integers(0, 2),
            fragment=st.binary(max_size=4),
        ),
        max_size=12,
    )
)
def test_a_whole_message_in_its_turn_is_taken_as_pieces_would_be(fragments: list[HandshakeFragment]) -> None:
    quick, general = InOrder(0), InOrder(0)
    for fragment in fragments:
        expected_verdict = general.add(fragment)
        expected = list(iter(general.take, None))
        message = quick.take_whole(fragment)
        if message is not None:
            assert (expected_verdict, expected) == (Verdict.KEPT, [message])
        else:
            assert quick.add(fragment) is expected_verdict
            assert list(iter(quick.take, None)) == expected
        assert (quick.next_seq, quick.buffered) == (general.next_seq, general.buffered)


def test_messages_wait_for_their_turn() -> None:
    buffer = InOrder(0)
    for seq in (3, 1, 4, 2):
        assert buffer.add(_piece(Message(11, seq, b"x"), 0, 1)) is Verdict.KEPT
        assert buffer.take() is None
    assert buffer.add(_piece(Message(11, MAX_AHEAD + 1, b"x"), 0, 1)) is Verdict.TOO_FAR_AHEAD
    assert buffer.add(_piece(Message(2, 0, b"x"), 0, 1)) is Verdict.KEPT
    assert [m.message_seq for m in iter(buffer.take, None)] == [0, 1, 2, 3, 4]
    assert buffer.add(_piece(Message(11, 2, b"x"), 0, 1)) is Verdict.OLD


@pytest.mark.parametrize("assembler", [lambda: InOrder(0), Hellos])
def test_fragments_that_make_no_sense(assembler) -> None:  # type: ignore[no-untyped-def]
    """CVE-2022-29190 (zero length), CVE-2014-3506 (16 MB messages)."""
    for length, offset, body, verdict in (
        (5, 0, b"", Verdict.BAD_FRAGMENT),
        (5, 5, b"", Verdict.BAD_FRAGMENT),
        (5, 4, b"ab", Verdict.BAD_FRAGMENT),
        (0, 0, b"a", Verdict.BAD_FRAGMENT),
        (5, 0xFFFFFF, b"a", Verdict.BAD_FRAGMENT),
        (MAX_MESSAGE + 1, 0, b"a", Verdict.TOO_LONG),
        (0xFFFFFF, 0, b"a", Verdict.TOO_LONG),
    ):
        fragment = HandshakeFragment(
            type=1, length=length, message_seq=0, fragment_offset=offset, fragment=body
        )
        assert assembler().add(fragment) is verdict


def test_the_first_length_binds() -> None:
    """CVE-2014-0195: a fragment cannot change the length of a message in assembly; it begins a rival of its own."""
    buffer = InOrder(0)
    true = Message(11, 0, bytes(range(100)))
    assert buffer.add(
        HandshakeFragment(type=11, length=60000, message_seq=0, fragment_offset=0, fragment=b"x")
    ) is (Verdict.KEPT)
    assert buffer.add(_piece(true, 0, 60)) is Verdict.KEPT
    for length in (50, 101, 7):  # each drives out the one that grew longest ago, at the end the true one
        late = HandshakeFragment(type=11, length=length, message_seq=0, fragment_offset=0, fragment=b"x")
        assert buffer.add(late) is Verdict.KEPT and len(buffer._slots) == MAX_RIVALS
        assert buffer.add(_piece(true, 0, 60)) is Verdict.KEPT
    assert buffer.add(_piece(true, 60, 100)) is Verdict.KEPT
    assert buffer.take() == true and buffer.buffered == 0


def test_memory_is_bounded_by_what_arrives() -> None:
    rng = random.Random(1)
    buffer = InOrder(0)
    for _ in range(5000):
        length = rng.randrange(1, MAX_MESSAGE)
        offset = rng.randrange(length)
        size = min(length - offset, 1200)
        buffer.add(
            HandshakeFragment(
                type=rng.randrange(256),
                length=length,
                message_seq=rng.randrange(8),
                fragment_offset=offset,
                fragment=bytes(size),
            )
        )
        assert buffer.buffered <= MAX_BUFFERED
        assert len(buffer._slots) <= (MAX_AHEAD + 1) * MAX_RIVALS
    assert sum(slot.size for slot in buffer._slots.values()) == buffer.buffered


def test_pieces_and_hellos_are_bounded() -> None:
    buffer = InOrder(0)
    for i in range(2 * MAX_PIECES + 10):
        f = HandshakeFragment(
            type=11, length=MAX_MESSAGE, message_seq=0, fragment_offset=2 * i, fragment=b"x"
        )
        assert buffer.add(f) is (Verdict.KEPT if i < MAX_PIECES else Verdict.TOO_MUCH)
    hellos = Hellos()
    for length in range(2, 100):
        hellos.add(HandshakeFragment(type=1, length=length, message_seq=0, fragment_offset=0, fragment=b"x"))
        assert len(hellos._slots) <= MAX_HELLOS

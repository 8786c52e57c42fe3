"""Records: the fast lane equals the declaration, nonces only rise, the window cannot be poisoned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import OperationError
from rtcpy.dtls import CipherSuite, DtlsDecodeError
from rtcpy.dtls.keys12 import SUITES
from rtcpy.dtls.record12 import (
    MAX_CIPHERTEXT,
    MAX_PLAINTEXT,
    RECORD_HEADER_LENGTH,
    REPLAY_WINDOW,
    SEQUENCE_LIMIT,
    ReadEpoch,
    Record,
    ReplayWindow,
    WriteEpoch,
    parse_header,
    protection_for,
)
from tests.profile import scale

SUITE_LIST = list(CipherSuite)


def _protection(suite: CipherSuite):  # type: ignore[no-untyped-def]
    p = SUITES[suite]
    return protection_for(suite, b"k" * p.key_length, b"i" * p.fixed_iv_length)


def _epochs(suite: CipherSuite = SUITE_LIST[0]) -> tuple[WriteEpoch, ReadEpoch]:
    return WriteEpoch(1, _protection(suite)), ReadEpoch(1, _protection(suite))


def _open(reader: ReadEpoch, record: bytes) -> bytes | None:
    content_type, _, number, end = parse_header(record, 0)
    return reader.unprotect(content_type, number, record, RECORD_HEADER_LENGTH, end)


@given(st.binary(max_size=80), st.integers(0, 20))
def test_fast_header_equals_the_declaration(data: bytes, offset: int) -> None:
    try:
        content_type, version, number, end = parse_header(data, min(offset, len(data)))
    except DtlsDecodeError:
        with pytest.raises(DtlsDecodeError):
            Record.parse_from(data, min(offset, len(data)), len(data))
        return
    record, at = Record.parse_from(data, min(offset, len(data)), len(data))
    assert (record.content_type, record.version, at) == (content_type, version, end)
    assert record.epoch << 48 | record.sequence_number == number


def test_a_record_longer_than_any_may_be_is_refused() -> None:
    head = bytes.fromhex("17fefd0001000000000000")
    for size, fine in ((MAX_CIPHERTEXT, True), (MAX_CIPHERTEXT + 1, False)):
        record = head + size.to_bytes(2, "big") + bytes(size)
        if fine:
            assert parse_header(record, 0)[3] == len(record)
        else:
            with pytest.raises(DtlsDecodeError):
                parse_header(record, 0)


@pytest.mark.parametrize("suite", SUITE_LIST, ids=lambda s: s.name)
@given(data=st.binary(max_size=100), content_type=st.sampled_from([20, 21, 22, 23]), flip=st.integers(0))
def test_protection(suite: CipherSuite, data: bytes, content_type: int, flip: int) -> None:
    writer, reader = _epochs(suite)
    record = writer.protect(content_type, data)
    assert len(record) == len(data) + writer.overhead
    at = flip % (len(record) * 8)
    if at // 8 not in (1, 2, 11, 12):  # the version is not taken from the header, the length cuts the record
        forged = bytearray(record)
        forged[at // 8] ^= 1 << at % 8
        number = int.from_bytes(forged[3:11], "big")
        assert reader.unprotect(forged[0], number, bytes(forged), 13, len(forged)) is None
    for cut in range(1, len(record) - RECORD_HEADER_LENGTH):
        assert reader.unprotect(content_type, 1 << 48, record, 13, len(record) - cut) is None
    assert _open(reader, record) == data
    assert _open(reader, record) is None, "replayed"


@pytest.mark.parametrize("suite", [SUITE_LIST[0], CipherSuite.ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256])
def test_largest_record(suite: CipherSuite) -> None:
    writer, reader = _epochs(suite)
    assert _open(reader, writer.protect(23, bytes(MAX_PLAINTEXT))) == bytes(MAX_PLAINTEXT)
    assert _open(reader, writer.protect(23, bytes(MAX_PLAINTEXT + 1))) is None


def test_nonces_only_rise() -> None:
    """CVE-2026-26014 was a random GCM nonce. Ours is epoch and sequence number: RFC 5288 §3."""
    writer, _ = _epochs()
    last = -1
    for _ in range(scale(dev=20_000, ci=100_000, thorough=1_000_000)):
        record = writer.protect(23, b"")
        nonce = int.from_bytes(record[13:21], "big")
        assert nonce > last and record[13:21] == record[3:11]
        last = nonce


def test_numbers_do_not_wrap() -> None:
    writer, _ = _epochs()
    writer._next = (1 << 48) + SEQUENCE_LIMIT - 1
    assert writer.protect(23, b"")[3:11] == bytes.fromhex("0001ffffffffffff")
    for _ in range(2):
        with pytest.raises(OperationError):
            writer.protect(23, b"")


@given(st.lists(st.integers(0, 200), max_size=300))
def test_replay_window_equals_a_set(numbers: list[int]) -> None:
    window, seen, highest = ReplayWindow(), set(), -1
    for number in numbers:
        expected = number not in seen and number > highest - REPLAY_WINDOW
        assert window.is_new(number) == expected
        if expected:
            window.mark(number)
            seen.add(number)
            highest = max(highest, number)


def test_replay_window_over_long_jumps() -> None:
    window = ReplayWindow()
    for number in (0, 1 << 47, (1 << 48) - 1):
        assert window.is_new(number)
        window.mark(number)
        assert not window.is_new(number)
    assert not window.is_new(0) and window.is_new((1 << 48) - REPLAY_WINDOW)


def test_a_forged_number_does_not_move_the_window() -> None:
    """CVE-2016-2181: the window moves only after the tag has verified."""
    writer, reader = _epochs()
    records = [writer.protect(23, bytes([i])) for i in range(3)]
    forged = records[0][:3] + bytes.fromhex("0001ffffffffffff") + records[0][11:]
    assert _open(reader, forged) is None
    assert [_open(reader, record) for record in records] == [b"\0", b"\1", b"\2"]

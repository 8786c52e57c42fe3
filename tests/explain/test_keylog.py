"""Key logs: what is read, kept and written, and what is said about lines that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.explain import KeyLog, KeyLogError

RANDOM, SECRET = bytes(range(32)), bytes(range(48))
LINE = f"CLIENT_RANDOM {RANDOM.hex()} {SECRET.hex()}"


def test_a_line_is_read_whatever_stands_around_it() -> None:
    keys = KeyLog.parse(f"# a comment\n\n  {LINE.upper()}  \r\n")
    assert keys.master_secret(RANDOM) == SECRET
    assert keys.master_secret(SECRET[:32][::-1]) is None


def test_labels_of_other_versions_are_kept() -> None:
    text = f"{LINE}\nCLIENT_HANDSHAKE_TRAFFIC_SECRET {RANDOM.hex()} {'ab' * 32}\n"
    keys = KeyLog.parse(text)
    assert keys.serialize() == text and len(keys) == 2
    assert keys.secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", RANDOM) == b"\xab" * 32


@given(
    st.dictionaries(
        st.tuples(st.from_regex("[A-Z_0-9]{1,20}", fullmatch=True), st.binary(min_size=32, max_size=32)),
        st.binary(min_size=48, max_size=48),
    )
)
def test_what_is_written_is_read_again(secrets: dict[tuple[str, bytes], bytes]) -> None:
    keys = KeyLog()
    for (label, client_random), secret in secrets.items():
        keys.add(label, client_random, secret)
    assert KeyLog.parse(str(keys)) == keys
    assert list(keys) == [(label, client, secret) for (label, client), secret in secrets.items()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("CLIENT_RANDOM 00", "line 2: 2 words, a label and two hexadecimal values expected"),
        (f"CLIENT_RANDOM zz {SECRET.hex()}", "line 2: 'zz' is not hexadecimal"),
        (f"CLIENT_RANDOM 00 {SECRET.hex()}", "line 2: client random of 1 bytes, 32 expected"),
        (f"CLIENT_RANDOM {RANDOM.hex()} 00", "line 2: master secret of 1 bytes, 48 expected"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number(line: str, said: str) -> None:
    with pytest.raises(KeyLogError) as caught:
        KeyLog.parse(f"{LINE}\n{line}\n")
    assert str(caught.value) == said


def test_no_secret_is_shown_by_accident() -> None:
    assert SECRET.hex() not in repr(KeyLog(LINE)) and "CLIENT_RANDOM" in repr(KeyLog(LINE))
    assert repr(KeyLog()) == "<KeyLog, empty>"

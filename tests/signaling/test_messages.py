from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.peer import IceCandidate, SessionDescription
from rtcpy.signaling.copypaste import PREFIX, CopyPasteError, decode_description, encode_description
from rtcpy.signaling.messages import (
    MAX_CANDIDATE,
    MAX_MESSAGE,
    Bye,
    CandidateMessage,
    DescriptionMessage,
    Message,
    SignalingError,
    parse_message,
    serialize_message,
)

descriptions = st.builds(
    SessionDescription,
    type=st.sampled_from(["offer", "answer", "pranswer", "rollback"]),
    sdp=st.text(max_size=300),
)
candidates = st.builds(
    IceCandidate,
    st.text(max_size=100),
    st.none() | st.text(max_size=20),
    st.none() | st.integers(0, 65_535),
    st.none() | st.text(max_size=20),
)
messages = (
    st.builds(DescriptionMessage, descriptions)
    | st.builds(CandidateMessage, st.none() | candidates)
    | st.builds(Bye)
)


@given(messages)
def test_messages_survive_the_round_trip(message: Message) -> None:
    assert parse_message(serialize_message(message)) == message
    assert parse_message(serialize_message(message).encode()) == message


def test_what_a_browser_sends_is_understood() -> None:
    text = (
        '{"candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host",'
        '"sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"u"}}'
    )
    assert parse_message(text) == CandidateMessage(
        IceCandidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0, "u")
    )
    assert parse_message('{"candidate":null}') == CandidateMessage(None)
    assert parse_message('{"description":{"type":"rollback"}}') == DescriptionMessage(
        SessionDescription(type="rollback")  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "JSON object"),
        ("{}", "found nothing"),
        ('{"bye": 1}', "found 'bye'"),
        ('{"description": 3}', "no object"),
        ('{"description": {"type": "offer", "sdp": 3}}', "strings type and sdp"),
        ('{"description": {"type": "later", "sdp": ""}}', "'later' is none of"),
        ('{"candidate": "x"}', "neither an object nor null"),
        ('{"candidate": {"sdpMLineIndex": true}}', "unsigned short"),
        ('{"candidate": {"sdpMLineIndex": 65536}}', "unsigned short"),
        ('{"candidate": {"sdpMid": 7}}', "sdpMid"),
        (json.dumps({"candidate": {"candidate": "x" * (MAX_CANDIDATE + 1)}}), "at most"),
        (" " * (MAX_MESSAGE + 1), "at most"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(SignalingError, match=said):
        parse_message(text)


@given(st.text() | st.binary())
def test_hostile_text_gives_a_message_or_the_one_error(text: str | bytes) -> None:
    with contextlib.suppress(SignalingError):
        parse_message(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "sdp", "sdpMid", "candidate", "sdpMLineIndex"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["description", "candidate", "bye", "x"]), json_values, min_size=1, max_size=2
    )
)
def test_hostile_json_gives_a_message_or_the_one_error(value: dict[str, object]) -> None:
    try:
        message = parse_message(json.dumps(value))
    except SignalingError:
        return
    assert parse_message(serialize_message(message)) == message


@given(descriptions)
def test_a_pasted_line_gives_the_description_back_even_when_wrapped(description: SessionDescription) -> None:
    line = encode_description(description)
    assert "\n" not in line and line.isascii()
    assert decode_description(line) == description
    wrapped = "\r\n  ".join(line[i : i + 20] for i in range(0, len(line), 20))
    assert decode_description(f" {wrapped}\n") == description


@given(descriptions, st.data())
def test_a_line_that_was_cut_or_altered_is_refused(
    description: SessionDescription, data: st.DataObject
) -> None:
    line = encode_description(description)
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(CopyPasteError):
        decode_description(line[:cut])
    index = data.draw(st.integers(0, len(line) - 1))
    altered = (
        line[:index]
        + data.draw(st.sampled_from([c for c in "A_-z9!" if c != line[index]]))
        + line[index + 1 :]
    )
    with contextlib.suppress(CopyPasteError):
        # The last character of base64 may hold unused bits: altering those changes nothing.
        assert decode_description(altered) == description


def test_a_line_that_unfolds_to_gigabytes_is_refused() -> None:
    import base64
    import zlib

    bomb = PREFIX + base64.urlsafe_b64encode(zlib.compress(b" " * (64 * 1024 * 1024), 9)).decode()
    assert len(bomb) < MAX_MESSAGE
    with pytest.raises(CopyPasteError, match="cut off or has something behind"):
        decode_description(bomb)

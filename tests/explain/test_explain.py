"""The front door: what may be given, what is said about nonsense, and that the package can be called."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtcpy
from rtcpy.core.errors import RtcSyntaxError
from rtcpy.core.machine import Address, Datagram
from rtcpy.explain import Explanation, explain
from rtcpy.sctp.chunks import DataChunk
from rtcpy.stun import Message, MessageClass, Method

REQUEST = Message(Method.BINDING, MessageClass.REQUEST, bytes(range(12))).serialize()


def test_the_package_is_the_function() -> None:
    assert rtcpy.explain(REQUEST).to_json() == explain(REQUEST).to_json()


@pytest.mark.parametrize(
    "thing",
    [
        REQUEST,
        bytearray(REQUEST),
        memoryview(REQUEST),
        REQUEST.hex(),
        REQUEST.hex().upper(),
        REQUEST.hex(" "),
        REQUEST.hex(":", 2),
        "0x" + REQUEST.hex(),
        ", ".join(f"0x{byte:02x}" for byte in REQUEST),
        "\n  ".join(REQUEST[i : i + 8].hex(" ") for i in range(0, len(REQUEST), 8)) + "\n",
        Datagram(REQUEST, Address("192.0.2.1", 1), Address("192.0.2.2", 2)),
    ],
)
def test_every_spelling_of_bytes_is_explained_alike(thing: Any) -> None:
    assert explain(thing).to_json() == explain(REQUEST).to_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0001000", "an odd number of hexadecimal digits: 7"),
        ("00 01 00 0z", "neither hexadecimal nor SDP: character 'z' at 10"),
        ("hello", "neither hexadecimal nor SDP: character 'h' at 0"),
    ],
)
def test_text_that_is_nothing_is_told_so(text: str, said: str) -> None:
    with pytest.raises(RtcSyntaxError) as caught:
        explain(text)
    assert str(caught.value) == said


def test_other_things_are_refused_by_their_kind() -> None:
    with pytest.raises(TypeError, match="cannot explain int"):
        explain(5)


def test_a_format_is_drawn_and_a_value_of_it_explained() -> None:
    assert str(explain(DataChunk)).startswith("DataChunk, RFC 9260 §3.3.1\n 0 ")
    chunk = DataChunk(tsn=7, stream_id=1, stream_seq=0, ppid=51, user_data=b"hello")
    explanation = explain(chunk)
    assert explanation.data == chunk.serialize() and explanation.is_tiled
    assert explanation.find("tsn").value == 7


def test_objects_may_explain_themselves() -> None:
    class Mine:
        def __explain__(self, **known: Any) -> list[str]:
            return sorted(known)

    assert "passwords" in explain(Mine())


@given(st.binary(max_size=300))
def test_any_bytes_are_tiled(data: bytes) -> None:
    explanation = explain(data)
    assert isinstance(explanation, Explanation) and explanation.is_tiled
    bits = "".join(
        f"{explanation.bits_of(leaf):0{leaf.width}b}" for leaf in explanation.leaves() if leaf.width
    )
    assert bits == "".join(f"{byte:08b}" for byte in data)

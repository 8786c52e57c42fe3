"""Pictures of bytes: every byte and every field is shown, in text and in HTML, and a peer's text stays text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from rtcpy.explain import Explanation, Node, explain, picture
from rtcpy.sctp.chunks import DataChunk
from rtcpy.sctp.errors import SctpDecodeError
from rtcpy.testing import wire_values
from rtcpy.wire import Span
from rtcpy.wire import explain as spans_of

HELLO = DataChunk(tsn=7, stream_id=1, stream_seq=0, ppid=51, user_data=b"hello").serialize()
BYTE = re.compile(r"'> ([0-9a-f]{2}) </span>")


def spoken(span: Span) -> str:
    """The name that a span has in a tree."""
    return {"_reserved": "reserved", "_pad": "padding"}.get(span.name, span.name)


def test_text_shows_every_byte_and_every_field() -> None:
    text = str(picture(DataChunk, HELLO, "hello"))
    assert text.startswith("hello\n")
    assert "  2  00 15 " in text and " 16  68 65 6c 6c 6f " in text
    assert all(spoken(span) in text for span in spans_of(DataChunk, HELLO))


def test_a_picture_has_a_title_of_its_own() -> None:
    assert picture(DataChunk, HELLO).title == "DataChunk, 24 bytes, RFC 9260 §3.3.1"


def test_what_is_no_such_value_is_refused_by_the_format() -> None:
    for broken in (b"", HELLO[:10], HELLO + b"x", b"\x01" + HELLO[1:]):
        with pytest.raises(SctpDecodeError):
            picture(DataChunk, broken)


@given(wire_values(DataChunk))
def test_html_shows_every_byte_and_one_row_for_each_node(chunk: DataChunk) -> None:
    data = chunk.serialize()
    drawn = picture(DataChunk, data)
    html = drawn._repr_html_()
    assert "".join(BYTE.findall(html)) == data.hex()
    assert html.count("<tr") == 1 + len(list(drawn.walk()))
    assert len(list(drawn.leaves())) == len(spans_of(DataChunk, data))


def test_a_byte_of_several_fields_has_all_their_colours() -> None:
    html = picture(DataChunk, HELLO)._repr_html_()
    second = html.split("</span>")[2]
    assert len(set(re.findall(r"#[0-9a-f]{6} \d+%", second))) == 5  # reserved, I, U, B, E
    assert all(name in second for name in ("reserved", "immediate", "unordered", "beginning", "ending"))


def test_text_of_a_peer_stays_text() -> None:
    evil = b"<script>alert('x')</script>"
    root = Node("<b>", 0, len(evil) * 8, evil, evil.decode(), "</td><td>", "", "", "<i>")
    html = Explanation(evil, root, "<i>")._repr_html_()
    assert "<script" not in html and "<i>" not in html and "</td><td></td>" not in html
    assert html.count("&lt;script&gt;") >= 1 and "&lt;b&gt;" in html
    chunk = DataChunk(tsn=7, stream_id=1, stream_seq=0, ppid=51, user_data=b"\x1b[2J").serialize()
    assert "\x1b" not in str(picture(DataChunk, chunk))
    assert "\x1b" not in str(explain(b"\x02\x01\x00\x00" + b"\x1b" * 30))


def test_colours_are_there_only_if_asked_for() -> None:
    drawn = picture(DataChunk, HELLO)
    assert "\x1b[" not in drawn.render() and "\x1b[" in drawn.render(colour=True)
    plain = re.sub(r"\x1b\[\d+m", "", drawn.render(colour=True))
    assert [line.rstrip() for line in plain.split("\n")] == drawn.render().split("\n")


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_lines_keep_their_width(width: int) -> None:
    for line in picture(DataChunk, HELLO).render(width=width).split("\n"):
        assert len(line) <= width

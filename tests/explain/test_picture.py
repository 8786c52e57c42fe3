"""Pictures of bytes: every byte and every field is shown, in text and in HTML, and a peer's text stays text."""

from __future__ import annotations

import re

from hypothesis import given

from rtcpy.explain import Picture, picture
from rtcpy.sctp.chunks import DataChunk
from rtcpy.testing import wire_values
from rtcpy.wire import Span, explain

HELLO = DataChunk(tsn=7, stream_id=1, stream_seq=0, ppid=51, user_data=b"hello").serialize()
BYTE = re.compile(r"'> ([0-9a-f]{2}) </span>")


def test_text_shows_the_dump_and_every_field() -> None:
    text = str(picture(DataChunk, HELLO, "hello"))
    assert text.startswith("hello\n    0  00 03 00 15")
    assert all(span.name in text for span in explain(DataChunk, HELLO))


def test_a_picture_has_a_title_of_its_own() -> None:
    assert picture(DataChunk, HELLO).title == "DataChunk, 24 bytes, RFC 9260 §3.3.1"


@given(wire_values(DataChunk))
def test_html_shows_every_byte_and_one_row_for_each_field(chunk: DataChunk) -> None:
    data = chunk.serialize()
    html = picture(DataChunk, data)._repr_html_()
    assert "".join(BYTE.findall(html)) == data.hex()
    assert html.count("<tr") == 1 + len(explain(DataChunk, data))


def test_a_byte_of_several_fields_has_all_their_colours() -> None:
    html = picture(DataChunk, HELLO)._repr_html_()
    second = html.split("</span>")[2]
    assert len(set(re.findall(r"#[0-9a-f]{6} \d+%", second))) == 5  # reserved, I, U, B, E
    assert all(name in second for name in ("_reserved", "immediate", "unordered", "beginning", "ending"))


def test_text_of_a_peer_stays_text() -> None:
    evil = b"<script>alert('x')</script>"
    span = Span(0, 0, len(evil) * 8, "<b>", 0, evil, "</td><td>", "")
    html = Picture(evil, [span], "<i>")._repr_html_()
    assert (
        "<script" not in html and "<b>&lt;" in html and "&lt;b&gt;" in html and "</td><td></td>" not in html
    )
    steering = Picture(b"\x1b[2J", [Span(0, 0, 32, "text", 0, "\x1b[2J", "", "")])
    assert "\x1b" not in str(steering)


def test_bytes_without_a_meaning_are_shown_plain() -> None:
    assert BYTE.findall(Picture(b"\xab", [])._repr_html_()) == ["ab"]

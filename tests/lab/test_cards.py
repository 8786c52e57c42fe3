"""Steps as cards: printed in full, folded in HTML."""

from __future__ import annotations

from rtcpy.lab import Session, cards


def test_a_row_of_steps_is_folded_and_printed_in_full() -> None:
    call = Session(seed="cards")
    steps = [call.next() for _ in range(4)]
    row = cards(steps, title="four <steps>")
    html, text = row._repr_html_(), str(row)
    assert html.count("<details style='border") == 4 and "four &lt;steps&gt;" in html
    assert text.startswith("four <steps>\n") and all(str(step) in text for step in steps)
    assert str(cards(steps[:1])) == str(steps[0])

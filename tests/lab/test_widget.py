"""The stepper on the screen: what the buttons do, and what is there when there are none."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any

import pytest

from rtcpy.lab import Session, StepperView, stepper
from rtcpy.sim import Act
from rtcpy.sim.script import When

SEED = "offer and answer"


def test_the_buttons_move_the_session() -> None:
    view = stepper(seed=SEED)
    assert "Nothing has happened yet" in view.step_html()
    view.next()
    view.next()
    view.step()
    assert view.session.position == 3 and view.shown is view.session.steps[-1]
    view.back()
    assert view.session.position == 2
    view.end()
    assert view.session.is_done and view.session.bob.received == ["hello, Bob"]
    assert "Alice receives" in view.step_html() and "25 named" in view.position_html()
    view.first()
    assert view.session.position == 0 and view.shown is None and "0 steps" in view.position_html()


def test_named_steps_show_what_they_are_made_of() -> None:
    view = stepper(seed=SEED)
    while view.shown is None or len(view.shown.parts) < 2:
        view.next()
    assert "single steps" in view.step_html() and view.shown.parts[0].name in view.step_html().replace(
        "&#x27;", "'"
    )
    assert view.story_html().count("<div") == len(view.session.named) + 2


def test_what_cannot_be_done_is_told() -> None:
    never = Act(name="never", who="alice", call="create_offer", when=When("pigs fly", lambda s: False))
    view = stepper(script=(never,))
    view.step()
    assert "pigs fly" in view.position_html() and view.shown is None
    refused = Act(name="too early", who="alice", call="create_answer")
    view = stepper(script=(refused,))
    view.next()
    assert "create_answer is not possible in stable" in view.position_html()
    assert "InvalidStateError" in view.step_html()
    assert "create_answer is not possible" in stepper(script=(refused,)).static_html()


def test_a_packet_in_flight_is_explained_and_changed() -> None:
    view = stepper(seed=SEED)
    while "ClientHello" not in str(view.session.pending):
        view.step()
    view.meddle("drop")
    assert view.said == "Choose a packet first." and view.packet_html() == ""
    index = view.session.pending.find("ClientHello")
    view.choose(index)
    assert "DTLS begins" in view.packet_html() and "ClientHello" in view.packet_html()
    count = len(view.session.pending)
    view.meddle("duplicate")
    assert len(view.session.pending) == count + 1 and view.chosen is None
    view.choose(index)
    view.meddle("flip")
    view.choose(index)
    view.meddle("drop")
    assert len(view.session.pending) == count and view.session.steps[-1].kind == "change"
    view.choose(10_000)
    assert view.chosen is None
    assert "ClientHello" in view.ladder_html() or "Binding request" in view.ladder_html()


def test_without_buttons_the_whole_walk_is_there() -> None:
    session = Session(seed=SEED)
    session.to(7)
    html = StepperView(session)._repr_html_()
    assert session.position == 7, "showing does not move it"
    assert html.count("<details style='border") == 25 and "<script" not in html and "src=" not in html
    for step in ("Alice wants a channel", "DTLS flight 4", "Misbelief: SDP fixes the resolution"):
        assert step in html
    assert html == StepperView(session)._repr_html_(), "the same page each time"
    assert html.count("<div") == html.count("</div>") and html.count("<details") == html.count("</details>")


def test_the_ladder_before_any_packet() -> None:
    assert "no packet yet" in stepper(script=()).ladder_html()


class Screen:
    """Stands in for IPython: keeps what is displayed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Any] = []
        module, package = ModuleType("IPython.display"), ModuleType("IPython")
        module.display = lambda thing, raw=False: self.shown.append(thing)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", package)
        monkeypatch.setitem(sys.modules, "IPython.display", module)


def test_where_ipywidgets_is_missing_the_walk_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "ipywidgets":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    stepper(seed=SEED)._ipython_display_()
    [bundle] = screen.shown
    assert "25 named steps" in bundle["text/html"] and bundle["text/plain"].startswith("<StepperView")


# --- with Jupyter -------------------------------------------------------------------------------------------------------


def test_clicks_move_the_session_and_hide_the_cards() -> None:
    widgets = pytest.importorskip("ipywidgets", reason="needs ipywidgets")
    view = stepper(seed=SEED)
    box = view.widget()
    buttons = {
        child.description: child for child in box.children[0].children if isinstance(child, widgets.Button)
    }
    assert list(buttons) == ["first", "back", "step", "next", "end"]
    hide, card, more = box.children[1:]
    assert hide.value == ""
    buttons["next"].click()
    assert (view.session.position == 1 and "create_data_channel" in card.value) or "Alice wants" in card.value
    assert f"#{view_mark(view)}" in hide.value
    while "ClientHello" not in str(view.session.pending):
        buttons["step"].click()
    packets, meddling, explained = more.children[0].children
    index = view.session.pending.find("ClientHello")
    assert packets.options[index][1] == index and explained.value == ""
    packets.value = index
    assert "DTLS begins" in explained.value
    {child.description: child for child in meddling.children}["drop"].click()
    assert view.session.steps[-1].name.startswith("dropped: bob's ClientHello") and packets.value is None
    buttons["end"].click()
    assert view.session.bob.received == ["hello, Bob"]
    buttons["first"].click()
    assert view.session.position == 0 and packets.options == ()


def view_mark(view: StepperView) -> str:
    """The name of the cards of a session that has not begun."""
    return StepperView(view.session.__class__(seed=SEED))._mark()


@pytest.mark.sockets  # a kernel talks over loopback
def test_a_notebook_shows_buttons_and_cards() -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs the notebooks extra")
    pytest.importorskip("ipywidgets", reason="needs ipywidgets")
    pytest.importorskip("ipykernel", reason="needs the notebooks extra")
    nbclient = pytest.importorskip("nbclient", reason="needs the notebooks extra")
    nbconvert = pytest.importorskip("nbconvert", reason="needs the notebooks extra")
    source = f"from rtcpy.lab import stepper\nstepper(seed={SEED!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", extra_arguments=["--IPKernelApp.log_level=40"]
    ).execute()
    buttons, cards = notebook.cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in buttons.data
    assert "The walk in 25 named steps" in cards.data["text/html"]
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert "The walk in 25 named steps" in page and "DTLS flight 5: connected at Alice" in page

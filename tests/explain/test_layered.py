"""The layout of boxes and labelled arrows, on graphs that nobody chose."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from rtcpy.explain.layered import lay_out
from rtcpy.explain.svg import Box

NAMES = "ABCDEFGH"
SIZES = st.tuples(st.floats(20, 120), st.floats(10, 60))


@st.composite
def graphs(
    draw: st.DrawFn,
) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str, tuple[float, float]]]]:
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    sizes = {name: draw(SIZES) for name in names}
    pairs = [(a, b) for a in names for b in names if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []
    return sizes, [(a, b, draw(SIZES)) for a, b in chosen]


@given(graphs())
def test_nothing_lies_on_anything_and_every_arrow_joins_its_boxes(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str, tuple[float, float]]]],
) -> None:
    sizes, arrows = graph
    layout = lay_out(sizes, arrows)
    boxes = [_box(layout.centres[name], size, name) for name, size in sizes.items()]
    labels = [
        _box(route.label, size, f"{source}{target}")
        for (source, target, size), route in zip(arrows, layout.routes, strict=True)
    ]
    for one, other in combinations([*boxes, *labels], 2):
        assert not one.overlaps(other)
    for box in [*boxes, *labels]:
        assert box.left >= -0.01 and box.right <= layout.width + 0.01
        assert box.top >= -0.01 and box.bottom <= layout.height + 0.01
    by_name = dict(zip(sizes, boxes, strict=True))
    for (source, target, _), route in zip(arrows, layout.routes, strict=True):
        for (x, y), name in ((route.points[0], source), (route.points[-1], target)):
            box = by_name[name]
            assert box.left <= x <= box.right
            assert min(abs(y - box.top), abs(y - box.bottom)) < 0.01, "an arrow ends on the edge of its box"


@given(graphs())
def test_arrows_move_sideways_only_between_layers(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str, tuple[float, float]]]],
) -> None:
    sizes, arrows = graph
    layout = lay_out(sizes, arrows)
    for route in layout.routes:
        for (x0, y0), (x1, y1) in zip(route.points, route.points[1:], strict=False):
            if abs(x1 - x0) < 1:
                continue
            low, high = min(y0, y1), max(y0, y1)
            for name, (_, height) in sizes.items():
                y = layout.centres[name][1]
                assert y + height / 2 <= low + 0.01 or y - height / 2 >= high - 0.01, f"through {name}"


@given(graphs())
def test_the_same_graph_gives_the_same_picture(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str, tuple[float, float]]]],
) -> None:
    assert lay_out(*graph) == lay_out(*graph)


def test_a_chain_goes_straight_down() -> None:
    layout = lay_out(dict.fromkeys("ABC", (40.0, 20.0)), [("A", "B", (30.0, 12.0)), ("B", "C", (30.0, 12.0))])
    assert len({round(x, 3) for x, _ in layout.centres.values()}) == 1
    assert layout.centres["A"][1] < layout.centres["B"][1] < layout.centres["C"][1]


def _box(centre: tuple[float, float], size: tuple[float, float], text: str) -> Box:
    (x, y), (width, height) = centre, size
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2, text)

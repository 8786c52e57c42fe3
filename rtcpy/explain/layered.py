"""Where the boxes and arrows of a small graph go: layers from top to bottom, few crossings, room for every label.

Owns the layout alone; `states` draws it. The steps are those of Sugiyama, Tagawa and Toda: turn the arrows that would
lead upwards, give every box a layer, put what is long through helper points, order each layer by the middle of its
neighbours, then shift boxes towards straight lines. A label is a box of its own in the middle of its arrow, so that no
label can lie on anything.

Everything is deterministic: the same graph gives the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X = 26.0  # pixels between neighbours of a layer
GAP_Y = 30.0  # pixels between layers
SWEEPS = 24  # times that each layer is ordered anew; small graphs settle within a few
SHIFTS = 40  # times that each layer is moved towards its neighbours


@dataclass(slots=True, eq=False)
class Cell:
    """Something that takes room: a box (`name` is set), a label (`arrow` is set) or a helper point of a long arrow."""

    width: float
    height: float
    name: str = ""
    arrow: tuple[int, bool] | None = None  # (index of the arrow, whether this carries its label)
    layer: int = 0
    x: float = 0.0  # centre, pixels
    y: float = 0.0
    top: float = 0.0  # of its layer
    bottom: float = 0.0
    above: list[Cell] = field(default_factory=list)
    below: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class Route:
    """An arrow as laid out: the points that it goes through, from its source to its target, and its label's centre."""

    points: list[tuple[float, float]]
    label: tuple[float, float]


@dataclass(slots=True)
class Layout:
    """Centres of the boxes by name, routes in the order of the arrows, and the size of it all, in **pixels**."""

    centres: dict[str, tuple[float, float]]
    routes: list[Route]
    width: float
    height: float


def lay_out(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str, tuple[float, float]]],
) -> Layout:
    """Lay out boxes and labelled arrows; the first box is where reading begins.

    Args:
        sizes: (width, height) of each box in **pixels**, by name; the order breaks ties.
        arrows: (source, target, (width, height) of the label); no arrow may lead back to its own box.
    """
    order = {name: index for index, name in enumerate(sizes)}
    layers_of = _layers(list(sizes), [(a, b) for a, b, _ in arrows], order)
    boxes = {name: Cell(w, h, name, layer=2 * layers_of[name]) for name, (w, h) in sizes.items()}
    cells: list[Cell] = list(boxes.values())
    chains: list[list[Cell]] = []
    taken: dict[int, float] = {}  # pixels of labels by layer
    for index, (source, target, (w, h)) in enumerate(arrows):
        high, low = boxes[source], boxes[target]
        if high.layer > low.layer:
            high, low = low, high
        middle = _label_layer(high.layer, low.layer, taken)
        taken[middle] = taken.get(middle, 0.0) + w + GAP_X
        chain = [high]
        for layer in range(high.layer + 1, low.layer):
            carries = layer == middle
            cell = Cell(w if carries else 8.0, h if carries else 0.0, arrow=(index, carries), layer=layer)
            chain.append(cell)
            cells.append(cell)
        chain.append(low)
        for one, next_ in pairwise(chain):
            one.below.append(next_)
            next_.above.append(one)
        chains.append(chain if boxes[source] is high else chain[::-1])
    rows = _ordered(cells)
    _place_x(rows)
    height = _place_y(rows)
    left = min((cell.x - cell.width / 2 for cell in cells), default=0.0)
    for cell in cells:
        cell.x -= left
    width = max((cell.x + cell.width / 2 for cell in cells), default=0.0)
    routes = [_route(chain) for chain in chains]
    return Layout({name: (cell.x, cell.y) for name, cell in boxes.items()}, routes, width, height)


def _layers(names: list[str], arrows: list[tuple[str, str]], order: Mapping[str, int]) -> dict[str, int]:
    """The layer of each box: one below the lowest box that leads to it, arrows that would close a circle apart."""
    children: dict[str, list[str]] = {name: [] for name in names}
    for source, target in arrows:
        children[source].append(target)
    layer: dict[str, int] = dict.fromkeys(names, 0)
    forward: list[tuple[str, str]] = []
    done: set[str] = set()
    open_: set[str] = set()

    def visit(name: str) -> None:
        open_.add(name)
        for child in sorted(children[name], key=order.__getitem__):
            if child in open_:
                continue  # leads back up
            forward.append((name, child))
            if child not in done:
                visit(child)
        open_.discard(name)
        done.add(name)

    for name in names:
        if name not in done:
            visit(name)
    for _ in names:  # the longest way counts; no circles are left, so this ends
        for source, target in forward:
            layer[target] = max(layer[target], layer[source] + 1)
    return layer


def _label_layer(high: int, low: int, taken: Mapping[int, float]) -> int:
    """The odd layer between two even ones with the most room; of equals the one nearest to the middle."""
    return min(
        range(high + 1, low, 2), key=lambda layer: (taken.get(layer, 0.0), abs(2 * layer - high - low), layer)
    )


def _ordered(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The layers, each in an order with few crossings."""
    depth = max((cell.layer for cell in cells), default=-1) + 1
    rows: list[list[Cell]] = [[] for _ in range(depth)]
    for cell in cells:
        rows[cell.layer].append(cell)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            place = {id(cell): index for other in rows for index, cell in enumerate(other)}

            def middle(cell: Cell, place: dict[int, int] = place, down: bool = down) -> tuple[float, float]:
                near = cell.above if down else cell.below
                own = float(place[id(cell)])
                if not near:
                    return own, own
                return sum(place[id(other)] for other in near) / len(near), own

            row.sort(key=middle)
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[Cell]]) -> int:
    """How many pairs of arrows cross between neighbouring layers."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {id(cell): index for index, cell in enumerate(lower)}
        ends = [
            place[id(below)] for cell in upper for below in sorted(cell.below, key=lambda c: place[id(c)])
        ]
        total += sum(ends[i] > ends[j] for i in range(len(ends)) for j in range(i + 1, len(ends)))
    return total


def _place_x(rows: Sequence[Sequence[Cell]]) -> None:
    """Shift cells towards the middle of their neighbours, without changing their order or letting them touch."""
    for row in rows:
        x = 0.0
        for cell in row:
            cell.x = x + cell.width / 2
            x += cell.width + GAP_X
        for cell in row:
            cell.x -= (x - GAP_X) / 2
    for turn in range(SHIFTS):
        for row in rows if turn % 2 == 0 else rows[::-1]:
            wanted, weights = [], []
            for cell in row:
                if turn >= SHIFTS - 2:
                    near = cell.above + cell.below
                else:
                    near = cell.above if turn % 2 == 0 else cell.below
                pulls = [_pull(cell, other) for other in near]
                total = sum(pulls)
                wanted.append(
                    sum(other.x * pull for other, pull in zip(near, pulls, strict=True)) / total
                    if total
                    else cell.x
                )
                weights.append(total or 0.1)
            _spread(row, wanted, weights)


def _pull(one: Cell, other: Cell) -> float:
    """How strongly two neighbours want to stand below each other: the middle of a long arrow more than its ends."""
    return (1.0, 2.0, 8.0)[(one.arrow is not None) + (other.arrow is not None)]


def _spread(row: Sequence[Cell], wanted: Sequence[float], weights: Sequence[float]) -> None:
    """Give each cell the place nearest to what it wants: neighbours that would touch move as one block."""
    offsets: list[float] = []
    run = 0.0
    for index, cell in enumerate(row):
        if index:
            run += row[index - 1].width / 2 + GAP_X + cell.width / 2
        offsets.append(run)
    blocks: list[tuple[float, float, list[int]]] = []  # (weighted sum of wanted left edges, weight, members)
    for index, weight in enumerate(weights):
        total, sum_, members = (wanted[index] - offsets[index]) * weight, weight, [index]
        while blocks and blocks[-1][0] / blocks[-1][1] > total / sum_:
            before = blocks.pop()
            total, sum_, members = total + before[0], sum_ + before[1], before[2] + members
        blocks.append((total, sum_, members))
    for total, sum_, members in blocks:
        for index in members:
            row[index].x = total / sum_ + offsets[index]


def _place_y(rows: Sequence[Sequence[Cell]]) -> float:
    y = 0.0
    for row in rows:
        height = max((cell.height for cell in row), default=0.0)
        for cell in row:
            cell.y, cell.top, cell.bottom = y + height / 2, y, y + height
        y += height + GAP_Y
    return max(0.0, y - GAP_Y)


def _route(chain: Sequence[Cell]) -> Route:
    """The points of an arrow: out of its source, through its helpers and its label, into its target.

    Within a layer it goes straight down or up; it moves sideways only between layers, where nothing else is.
    """
    first, last = chain[0], chain[-1]
    down = first.layer < last.layer

    def through(cell: Cell, x: float) -> list[tuple[float, float]]:
        points = [(x, cell.top), (x, cell.bottom)] if cell.bottom > cell.top else [(x, cell.top)]
        return points if down else points[::-1]

    sign = 1.0 if down else -1.0
    x = _port(first, chain[1])
    points = [(x, first.y + sign * first.height / 2), through(first, x)[-1]]
    label = points[0]
    for cell in chain[1:-1]:
        points += through(cell, cell.x)
        if cell.arrow is not None and cell.arrow[1]:
            label = (cell.x, cell.y)
    x = _port(last, chain[-2])
    points += [through(last, x)[0], (x, last.y - sign * last.height / 2)]
    return Route(list(dict.fromkeys(points)), label)


def _port(box: Cell, towards: Cell) -> float:
    """Where on the edge of `box` the arrow to or from `towards` touches: neighbours in their order, evenly spread."""
    near = sorted(box.below if towards.layer > box.layer else box.above, key=lambda cell: cell.x)
    place = next(index for index, cell in enumerate(near) if cell is towards)
    room = max(0.0, box.width - 24)
    step = min(26.0, room / max(1, len(near) - 1)) if len(near) > 1 else 0.0
    return box.x + (place - (len(near) - 1) / 2) * step

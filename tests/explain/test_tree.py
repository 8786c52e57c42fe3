"""Trees: finding things in them, and the law that nothing is left out or told twice."""

from __future__ import annotations

import pytest

from rtcpy.explain import Explanation, Node, explain
from rtcpy.stun import PRIORITY, USERNAME, Message, MessageClass, Method

REQUEST = Message(
    Method.BINDING, MessageClass.REQUEST, bytes(range(12)), [USERNAME("them:us"), PRIORITY(0x6E0001FF)]
).serialize(b"secret")


def test_nodes_are_found_by_name_and_by_path() -> None:
    explanation = explain(REQUEST)
    assert explanation.find("USERNAME").value == "them:us"
    assert explanation.find("PRIORITY/type").offset == 32
    assert explanation.find("PRIORITY/value/component").value == 255
    assert [node.value for node in explanation.find_all("attributes/type")] == [6, 0x24, 8, 0x8028]
    assert len(list(explanation.find_all("type"))) == 4


def test_a_name_that_is_not_there_is_told_with_those_alike() -> None:
    with pytest.raises(
        KeyError, match="nothing is called 'USERNAM' in STUN message; did you mean 'USERNAME'"
    ):
        explain(REQUEST).find("USERNAM")
    with pytest.raises(KeyError, match="nothing is called 'zzzzzz' in STUN message"):
        explain(REQUEST).find("zzzzzz")


def test_the_leaf_at_a_bit_and_the_way_to_it() -> None:
    explanation = explain(REQUEST)
    assert explanation.node_at(7).name == "class_high"
    assert [node.name for node in explanation.path_to(7)] == ["STUN message", "message type", "class_high"]
    for outside in (-1, len(REQUEST) * 8):
        with pytest.raises(IndexError, match="is outside of"):
            explanation.node_at(outside)


def test_bits_of_a_part_of_a_byte() -> None:
    explanation = explain(b"\x00\x11" + REQUEST[2:])
    assert explanation.bits_of(explanation.find("class_low")) == 1
    assert explanation.bits_of(explanation.find("method_low")) == 1


def tree(*leaves: tuple[int, int], size: int = 2) -> Explanation:
    root = Node("root", 0, size * 8, children=[Node("leaf", first, width) for first, width in leaves])
    return Explanation(bytes(size), root)


def test_gaps_overlaps_and_excess_break_the_law() -> None:
    assert tree((0, 4), (4, 12)).is_tiled
    assert not tree((0, 4), (5, 11)).is_tiled  # a gap
    assert not tree((0, 5), (4, 12)).is_tiled  # an overlap
    assert not tree((0, 4), (4, 11)).is_tiled  # too little
    assert not tree((0, 16), (16, 8)).is_tiled  # too much
    assert not tree((0, 16), (16, 0)).is_tiled  # nothing
    assert not tree((4, 12), (0, 4)).is_tiled  # out of order
    assert Explanation(b"", Node("root", 0, 0)).is_tiled
    whole = tree((0, 16))
    whole.root.children[0].inside = tree((0, 4))
    assert not whole.is_tiled


def test_boxes_are_drawn_for_each_format_once() -> None:
    text = explain(REQUEST).boxes()
    assert text.count("DeclaredMessage, RFC 8489 §5") == 1 and text.count("DeclaredAttribute, ") == 1

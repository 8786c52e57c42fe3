"""What every picture must keep: it is well-formed, no text lies on another, and none is cut off."""

from __future__ import annotations

from xml.etree import ElementTree

from rtcpy.explain.svg import Sheet

SVG = "{http://www.w3.org/2000/svg}"


def check_sheet(sheet: Sheet) -> ElementTree.Element:
    """Check a picture and return its root."""
    boxes = sorted(sheet.boxes, key=lambda box: box.top)
    for number, box in enumerate(boxes):
        assert box.left >= 0 and box.top >= 0, f"{box} is cut off"
        assert box.right <= sheet.width and box.bottom <= sheet.height, f"{box} is cut off"
        for other in boxes[number + 1 :]:
            if other.top >= box.bottom:
                break
            assert not box.overlaps(other), f"{box} lies on {other}"
    root = ElementTree.fromstring(sheet.svg())
    assert root.tag == f"{SVG}svg"
    assert not any("id" in element.attrib for element in root.iter()), "two pictures in a page would collide"
    return root


def words(root: ElementTree.Element) -> list[str]:
    """All text that is written."""
    return [
        (element.text or "") + "".join(child.tail or "" for child in element)
        for element in root.iter(f"{SVG}text")
    ]


def titles(root: ElementTree.Element) -> list[str]:
    """What the pointer shows."""
    return [element.text or "" for element in root.iter(f"{SVG}title")]

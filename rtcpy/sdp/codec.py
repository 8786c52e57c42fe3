"""Text ⇄ `SessionDescription`, with the limits that hostile text meets.

Owns splitting into lines and sections, and joining. What the lines say is `lines` and the attribute modules.

Line ends are CRLF, LF or CR (RFC 8866 §5: parsers should also accept LF). `str.splitlines` is not used: it
also splits at VT, FF, NEL, LS and PS, by which one line of an attacker would become two.

What `parse` checks: limits, control characters, ``v=0`` in front, the shape of every line, and the grammar of all
lines but ``a=`` values. That the lines every description must have are there, and that attributes known here follow
their grammar, is for `SessionDescription.validate`, which JSEP needs and a program that shows or edits
descriptions does not: the examples of many RFCs are fragments without ``s=`` or ``t=``.

Deviation: of the order of lines after ``v= o= s=`` nothing is required. It carries no meaning, and programs that
edit descriptions insert ``b=`` in odd places, and none of that is ambiguous. The order is kept.

Spec: RFC 8866 §5, §9; RFC 9429 §5.8.
"""

from __future__ import annotations

from rtcpy.sdp.grammar import SdpError
from rtcpy.sdp.lines import check_lines
from rtcpy.sdp.model import MediaDescription, Section, SessionDescription

TEXT_MAX = (
    256 * 1024
)  # bytes; the largest captured from a browser has 12,000, a conference of 100 about 200,000
LINES_MAX = 1000  # per section; simulcast with every codec has about 150
SECTIONS_MAX = 128  # m= lines; conferences that send one section per participant stay below 100


def parse(text: str | bytes) -> SessionDescription:
    """Read a description.

    Args:
        text: with CRLF, LF or CR line ends; empty lines are allowed at its end only. Bytes are UTF-8.

    Returns:
        The description. Serialized again it is the same text, if that had CRLF line ends.

    Raises:
        SdpError: with the number of the line, the section and the offending value.

    Spec: RFC 8866 §5, §9.
    """
    lines = split_lines(decode_text(text))
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > SECTIONS_MAX:
        first_over = starts[SECTIONS_MAX]
        raise SdpError(f"more than {SECTIONS_MAX} m= sections", line=first_over + 1, value=lines[first_over])
    ends = [*starts, len(lines)]
    session = SessionDescription(lines[: ends[0]], start=1)
    session.media = [
        MediaDescription(lines[start:end], start=start + 1)
        for start, end in zip(starts, ends[1:], strict=True)
    ]
    for section in (session, *session.media):
        check_count(section, section.start)
        check_lines(section.lines, section.start, section.name)
    check_version(session)
    if 2 * len(text) + 2 > TEXT_MAX:  # with CRLF for LF it may have become too long to be written again
        join_lines(lines)
    return session


def serialize(description: SessionDescription) -> str:
    """Write a description, with CRLF after every line.

    Raises:
        SdpError: a line is no line, holds a control character, stands in the wrong section, or a limit of
            `parse` is passed: what this returns, `parse` takes.

    Spec: RFC 8866 §5, §9.
    """
    if len(description.media) > SECTIONS_MAX:
        raise SdpError(f"more than {SECTIONS_MAX} m= sections", value=len(description.media))
    lines: list[str] = []
    for section in (description, *description.media):
        check_count(section, len(lines) + 1)
        check_lines(section.lines, len(lines) + 1, section.name)
        for index, line in enumerate(section.lines):
            if line.startswith("m=") != (section is not description and index == 0):
                raise SdpError(
                    "m= line begins every media section and stands nowhere else",
                    line=len(lines) + index + 1,
                    section=section.name,
                    rfc="RFC 8866 §5.14",
                    value=line,
                )
        lines += section.lines
        if section is not description and not section.lines:
            raise SdpError("media section without m= line", section=section.name, rfc="RFC 8866 §5.14")
    check_version(description)
    return join_lines(lines)


def join_lines(lines: list[str]) -> str:
    """The text with CRLF after every line.

    Raises:
        SdpError: it has more than `TEXT_MAX` bytes.
    """
    return decode_text("\r\n".join([*lines, ""]))


def decode_text(text: str | bytes) -> str:
    """The text, if it has at most `TEXT_MAX` bytes of UTF-8.

    Raises:
        SdpError: too long, or no UTF-8.
    """
    size = len(text)
    try:
        if size <= TEXT_MAX:  # before any work on the text
            if not isinstance(text, str):
                text = bytes(text).decode()
            elif not text.isascii():
                size = len(text.encode())
    except UnicodeError:
        raise SdpError("description is not UTF-8", rfc="RFC 8866 §5") from None
    if size > TEXT_MAX:
        raise SdpError(f"description is longer than {TEXT_MAX} bytes", value=size)
    assert isinstance(text, str)
    return text


def split_lines(text: str) -> list[str]:
    """Lines without their ends, CRLF, LF or CR; empty lines at the end are dropped.

    Raises:
        SdpError: an empty line before the end, or no line at all.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise SdpError("description is empty", line=1, section="session", rfc="RFC 8866 §9")
    return lines


def check_count(section: Section, first: int) -> None:
    """Raises `SdpError` if a section has more than `LINES_MAX` lines; `first` is the number of its first."""
    if len(section.lines) > LINES_MAX:
        raise SdpError(
            f"more than {LINES_MAX} lines in one section",
            line=first + LINES_MAX,
            section=section.name,
            value=section.lines[LINES_MAX],
        )


def check_version(session: SessionDescription) -> None:
    """The first line is ``v=0``: what does not begin so is no session description at all.

    Raises:
        SdpError: it is not.

    Spec: RFC 8866 §5.1.
    """
    first = session.lines[0] if session.lines else ""
    if first != "v=0":
        raise SdpError(
            "a description begins with v=0", line=1, section="session", rfc="RFC 8866 §5.1", value=first
        )

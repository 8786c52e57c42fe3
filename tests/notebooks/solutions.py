"""Model solutions of the exercises in `notebooks/`, and wrong ones that the checks must refuse. Try yourself first."""

from __future__ import annotations

import struct
from typing import Any

from rtcpy.wire import Wire, bits, length_of, opaque, pad, wire

# --- 00 bytes and declarations --------------------------------------------------------------------------------------


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def padded_always(data: bytes) -> bytes:
    return data + bytes(4 - len(data) % 4)


def padded_in_front(data: bytes) -> bytes:
    return bytes(-len(data) % 4) + data


def padded_to_two(data: bytes) -> bytes:
    return data + bytes(-len(data) % 2)


def data_header(chunk: bytes) -> tuple[int, bool, bool]:
    return int.from_bytes(chunk[4:8], "big"), bool(chunk[1] & 2), bool(chunk[1] & 1)


def data_header_little(chunk: bytes) -> tuple[int, bool, bool]:
    return int.from_bytes(chunk[4:8], "little"), bool(chunk[1] & 2), bool(chunk[1] & 1)


def data_header_swapped(chunk: bytes) -> tuple[int, bool, bool]:
    return int.from_bytes(chunk[4:8], "big"), bool(chunk[1] & 1), bool(chunk[1] & 2)


def data_header_whole_byte(chunk: bytes) -> tuple[int, bool, bool]:
    return int.from_bytes(chunk[4:8], "big"), chunk[1] >= 2, bool(chunk[1] & 1)


@wire("RFC 8656 §12.4")
class ChannelData(Wire):
    """The two lines that were missing."""

    channel: int = bits(16, "0x4000 to 0x4FFF")
    length = length_of("data", 16, doc="bytes of the data")
    data: bytes = opaque("the data", length="length")


@wire("RFC 8656 §12.4")
class ChannelDataTotal(Wire):
    """Counts the header, too."""

    channel: int = bits(16)
    length = length_of("data", 16, plus=4)
    data: bytes = opaque(length="length")


@wire("RFC 8656 §12.4")
class ChannelDataPadded(Wire):
    """Pads, which over UDP nobody does (RFC 8656 §12.5)."""

    channel: int = bits(16)
    length = length_of("data", 16)
    data: bytes = opaque(length="length")
    _pad = pad(4)


@wire("RFC 8656 §12.4")
class ChannelDataOpen(Wire):
    """Counts nothing: the data is what is left."""

    channel: int = bits(16)
    data: bytes = opaque()


# --- 01 SDP ---------------------------------------------------------------------------------------------------------


def parameters(section: list[str]) -> dict[int, tuple[str, str]]:
    names: dict[str, str] = {}
    found: dict[str, str] = {}
    for line in section:
        head, _, rest = line.partition(" ")
        if head.startswith("a=rtpmap:"):
            names[head[9:]] = rest.partition("/")[0]
        elif head.startswith("a=fmtp:"):
            found[head[7:]] = rest
    return {int(number): (names[number], text) for number, text in found.items()}


def parameters_downwards(section: list[str]) -> dict[int, tuple[str, str]]:
    names: dict[str, str] = {}
    found: dict[int, tuple[str, str]] = {}
    for line in section:
        head, _, rest = line.partition(" ")
        if head.startswith("a=rtpmap:"):
            names[head[9:]] = rest.partition("/")[0]
        elif head.startswith("a=fmtp:") and head[7:] in names:
            found[int(head[7:])] = (names[head[7:]], rest)
    return found


def parameters_with_clock(section: list[str]) -> dict[int, tuple[str, str]]:
    return {number: (f"{name}/90000", text) for number, (name, text) in parameters(section).items()}


def parameters_first_word(section: list[str]) -> dict[int, tuple[str, str]]:
    return {number: (name, text.split()[0]) for number, (name, text) in parameters(section).items()}


def ufrag_of(text: str, mid: str) -> str | None:
    session, *sections = text.split("\r\nm=")
    for section in sections:
        if f"a=mid:{mid}" in section.split("\r\n"):
            for part in (section, session):
                for line in part.split("\r\n"):
                    if line.startswith("a=ice-ufrag:"):
                        return line[12:]
    return None


def ufrag_of_first(text: str, mid: str) -> str | None:
    return next((line[12:] for line in text.split("\r\n") if line.startswith("a=ice-ufrag:")), None)


def ufrag_of_section_only(text: str, mid: str) -> str | None:
    return ufrag_of("v=0" + text[text.index("\r\nm=") :], mid)


def ufrag_of_last_seen(text: str, mid: str) -> str | None:
    seen: str | None = None
    for line in text.split("\r\n"):
        if line.startswith("a=ice-ufrag:"):
            seen = line[12:]
        if line == f"a=mid:{mid}":
            return seen
    return None


# --- 02 STUN --------------------------------------------------------------------------------------------------------

COOKIE = bytes.fromhex("2112a442")


def stun_header(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[0] & 0xC0 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_any_cookie(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[0] & 0xC0:
        return None
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_any_length(data: bytes) -> tuple[int, int, bytes] | None:
    if data[0] & 0xC0 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def stun_header_takes_rtp(data: bytes) -> tuple[int, int, bytes] | None:
    if len(data) < 20 or data[4:8] != COOKIE:
        return None
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), data[8:20]


def mapped_address(value: bytes) -> tuple[str, int]:
    port = int.from_bytes(value[2:4], "big") ^ 0x2112
    return ".".join(str(a ^ b) for a, b in zip(value[4:8], COOKIE, strict=True)), port


def mapped_address_plain(value: bytes) -> tuple[str, int]:
    return ".".join(map(str, value[4:8])), int.from_bytes(value[2:4], "big")


def mapped_address_plain_port(value: bytes) -> tuple[str, int]:
    return mapped_address(value)[0], int.from_bytes(value[2:4], "big")


def mapped_address_wrong_half(value: bytes) -> tuple[str, int]:
    return mapped_address(value)[0], int.from_bytes(value[2:4], "big") ^ 0xA442


# --- 10 data channels -----------------------------------------------------------------------------------------------


def open_message(
    label: str, ordered: bool, max_retransmits: int | None, max_lifetime_ms: int | None
) -> bytes:
    kind, limit = 0, 0
    if max_retransmits is not None:
        kind, limit = 1, max_retransmits
    elif max_lifetime_ms is not None:
        kind, limit = 2, max_lifetime_ms
    if not ordered:
        kind |= 0x80
    text = label.encode()
    return struct.pack(">BBHIHH", 3, kind, 256, limit, len(text), 0) + text


def open_message_counts_characters(
    label: str, ordered: bool, max_retransmits: int | None, max_lifetime_ms: int | None
) -> bytes:
    data = bytearray(open_message(label, ordered, max_retransmits, max_lifetime_ms))
    data[8:10] = len(label).to_bytes(2, "big")
    return bytes(data)


def open_message_always_ordered(
    label: str, ordered: bool, max_retransmits: int | None, max_lifetime_ms: int | None
) -> bytes:
    return open_message(label, True, max_retransmits, max_lifetime_ms)


def open_message_zero_is_no_limit(
    label: str, ordered: bool, max_retransmits: int | None, max_lifetime_ms: int | None
) -> bytes:
    return open_message(label, ordered, max_retransmits or None, max_lifetime_ms)


def next_id(is_dtls_client: bool, taken: set[int], streams: int) -> int | None:
    for number in range(0 if is_dtls_client else 1, min(streams, 65535), 2):
        if number not in taken:
            return number
    return None


def next_id_odd_for_the_client(is_dtls_client: bool, taken: set[int], streams: int) -> int | None:
    return next_id(not is_dtls_client, taken, streams)


def next_id_counts_its_own(is_dtls_client: bool, taken: set[int], streams: int) -> int | None:
    """Goes on behind the highest, and never comes back to what was closed."""
    first = 0 if is_dtls_client else 1
    number = max((n + 2 for n in taken if n % 2 == first), default=first)
    return number if number < streams else None


def next_id_without_an_end(is_dtls_client: bool, taken: set[int], streams: int) -> int | None:
    return next_id(is_dtls_client, taken, 65535)


# --- 11 offer and answer --------------------------------------------------------------------------------------------


def next_state(state: str, side: str, type: str) -> str | None:
    mine, theirs = f"have-{side}-offer", "have-remote-offer" if side == "local" else "have-local-offer"
    if type == "offer":
        if state in ("stable", mine):
            return mine
        return "have-remote-offer" if (state, side) == ("have-local-offer", "remote") else None
    return "stable" if state == theirs else None


def next_state_anything_goes(state: str, side: str, type: str) -> str | None:
    return f"have-{side}-offer" if type == "offer" else "stable"


def next_state_answers_itself(state: str, side: str, type: str) -> str | None:
    if type == "answer":
        return "stable" if state == f"have-{side}-offer" else None
    return next_state(state, side, type)


def next_state_no_glare(state: str, side: str, type: str) -> str | None:
    if type == "offer" and state == "have-local-offer" and side == "remote":
        return None
    return next_state(state, side, type)


class Inbox:
    def __init__(self, end: Any) -> None:
        self.end = end
        self.waiting: list[Any] | None = []

    def description(self, description: Any) -> None:
        self.end.set_remote_description(description)
        waiting, self.waiting = self.waiting or [], None
        for candidate in waiting:
            self.end.add_ice_candidate(candidate)

    def candidate(self, candidate: Any) -> None:
        if self.waiting is None:
            self.end.add_ice_candidate(candidate)
        else:
            self.waiting.append(candidate)


class InboxHasty(Inbox):
    def candidate(self, candidate: Any) -> None:
        self.end.add_ice_candidate(candidate)


class InboxForgetful(Inbox):
    def candidate(self, candidate: Any) -> None:
        if self.waiting is None:
            self.end.add_ice_candidate(candidate)


class InboxBackwards(Inbox):
    def description(self, description: Any) -> None:
        self.waiting = (self.waiting or [])[::-1]
        super().description(description)


# --- 12 one connection ----------------------------------------------------------------------------------------------


def which_protocol(first_byte: int) -> str:
    for first, last, name in (
        (0, 3, "stun"),
        (16, 19, "zrtp"),
        (20, 63, "dtls"),
        (64, 79, "turn"),
        (128, 191, "rtp"),
    ):
        if first <= first_byte <= last:
            return name
    return "unknown"


def which_protocol_as_in_2010(first_byte: int) -> str:
    """RFC 5764 §5.1.2: before TURN channels and ZRTP had ranges of their own."""
    if first_byte < 2:
        return "stun"
    if 20 <= first_byte < 64:
        return "dtls"
    return "rtp" if 128 <= first_byte < 192 else "unknown"


def which_protocol_exclusive(first_byte: int) -> str:
    for first, last, name in (
        (0, 3, "stun"),
        (16, 19, "zrtp"),
        (20, 63, "dtls"),
        (64, 79, "turn"),
        (128, 191, "rtp"),
    ):
        if first <= first_byte < last:
            return name
    return "unknown"


def which_protocol_by_two_bits(first_byte: int) -> str:
    return ("stun" if first_byte < 4 else "dtls", "turn", "rtp", "unknown")[first_byte >> 6]


def round_trips(journeys: list[Any], who: str) -> int:
    now, returned, turn = float("-inf"), 0, True
    while True:
        arrivals = [
            one.arrived
            for one in journeys
            if (one.sender == who) is turn and one.left >= now and one.arrived is not None
        ]
        if not arrivals:
            return returned
        now, returned, turn = min(arrivals), returned + (not turn), not turn


def round_trips_in_pairs(journeys: list[Any], who: str) -> int:
    """Counts packets instead of waiting."""
    out = sum(one.sender == who for one in journeys)
    return min(out, len(journeys) - out)


def round_trips_lost_ones_count(journeys: list[Any], who: str) -> int:
    """Believes that what has left has arrived."""
    arrived = [one._replace(arrived=one.left + 1 if one.arrived is None else one.arrived) for one in journeys]
    return round_trips(arrived, who)


def round_trips_first_to_leave(journeys: list[Any], who: str) -> int:
    """Waits for the first that leaves, though a later one overtakes it."""
    now, returned, turn = float("-inf"), 0, True
    for one in journeys:
        if (one.sender == who) is turn and one.left >= now and one.arrived is not None:
            now, returned, turn = one.arrived, returned + (not turn), not turn
    return returned


# --- 14 your browser ------------------------------------------------------------------------------------------------


def hides_its_address(candidate: str) -> bool:
    return candidate.split()[4].lower().rstrip(".").endswith(".local")


def hides_its_address_anywhere(candidate: str) -> bool:
    return ".local" in candidate.lower()


def hides_its_address_exactly(candidate: str) -> bool:
    return candidate.split()[4].endswith(".local")


def hides_its_address_any_name(candidate: str) -> bool:
    return not candidate.split()[4].replace(".", "").replace(":", "").isdigit()

"""The exercises of the course: each check is a property, tried on many inputs, and its failure says what is wrong.

A notebook leaves a function or a declaration blank and calls `attempt` with a check from here. Checks compare with the
layers themselves, so there is no second truth; that they let right answers pass and refuse wrong ones is tested.
The ten rules to write and to put into the live stack are in `rtcpy.testing.blanks`.

Owns the checks of the notebooks, in their order. Properties of formats and machines in general are in `rtcpy.testing`.

Specs: those that each check names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from traceback import extract_tb
from typing import Any

from hypothesis import strategies as st

from rtcpy.core.errors import InvalidStateError, WireError
from rtcpy.lab.anatomy import Journey
from rtcpy.peer.demux import classify
from rtcpy.peer.states import SIGNALING_TRANSITIONS, SdpType, Side, SignalingState
from rtcpy.sctp.chunks import DataChunk
from rtcpy.sctp.dcep import ChannelParameters, write_open
from rtcpy.testing import blanks, check_wire, wire_values
from rtcpy.testing.blank import for_all, same
from rtcpy.wire import Wire


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt went. It is true if the answer is right; Jupyter shows nothing, since everything has been said."""

    is_right: bool

    def __bool__(self) -> bool:
        return self.is_right

    def _ipython_display_(self) -> None:
        """Nothing."""


EXAMPLES = 100  # inputs for each property: enough to meet every edge below, and over in a blink


def attempt(check: Callable[[Any], None] | str, answer: Any) -> Verdict:
    """Try `answer` and say in one line how it went. Nothing is raised: a lesson goes on.

    Args:
        check: a check of this module, or the name of one of `rtcpy.testing.blanks`.
        answer: the reader's.

    Returns:
        Whether it is right.
    """
    name = getattr(answer, "__name__", "this")
    try:
        blanks.check(check, answer) if isinstance(check, str) else check(answer)
    except AssertionError as wrong:
        print(f"✘ not yet: {_first_line(wrong)}")
    except Exception as fault:  # noqa: BLE001 - the reader's code may raise anything
        print(f"✘ not yet: {name} raised {type(fault).__name__}: {_first_line(fault)}{_where(fault, answer)}")
    else:
        print(f"✔ {name} is right")
        return Verdict(True)
    return Verdict(False)


def _where(fault: BaseException, answer: Any) -> str:
    """Which line of the reader's it was, and its text; empty if it was none of them."""
    home = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame for frame in extract_tb(fault.__traceback__) if frame.filename == home]
    return f"\n  line {lines[-1].lineno}: {lines[-1].line}" if lines and lines[-1].line else ""


def _first_line(fault: BaseException) -> str:
    return (str(fault).splitlines() or [""])[0]


# --- 00 bytes and declarations --------------------------------------------------------------------------------------


def check_padded(padded: Callable[[bytes], bytes]) -> None:
    """`padded(data)`: zero bytes up to a multiple of four. Spec: RFC 9260 §3.2."""

    def check(data: bytes) -> None:
        same(f"padded({data!r})", padded(data), data.ljust((len(data) + 3) // 4 * 4, b"\0"))

    for_all(st.binary(max_size=9), check)


def check_data_header(data_header: Callable[[bytes], tuple[int, bool, bool]]) -> None:
    """`data_header(chunk)`: (TSN, beginning, ending) of a DATA chunk. Spec: RFC 9260 §3.3.1."""

    def check(chunk: DataChunk) -> None:
        data = chunk.serialize()
        right = (chunk.tsn, chunk.beginning, chunk.ending)
        same(f"data_header(bytes.fromhex('{data.hex(' ')}'))", data_header(data), right)

    for_all(wire_values(DataChunk), check)


def check_channel_data(form: Any) -> None:
    """A declaration with `channel` and `data`. Spec: RFC 8656 §12.4."""
    assert isinstance(form, type) and issubclass(form, Wire), "a class that @wire made is expected"
    try:
        value = form(channel=0x4000, data=b"hello")  # type: ignore[call-arg]
    except TypeError as exc:
        raise AssertionError(f"{form.__name__}(channel=0x4000, data=b'hello'): {exc}") from exc
    try:
        data = value.serialize()
    except WireError as exc:
        raise AssertionError(f"it does not serialize: {exc}") from exc
    right = bytes.fromhex("4000 0005 68656c6c6f")
    same(f"{form.__name__}(channel=0x4000, data=b'hello').serialize()", data.hex(" "), right.hex(" "))
    check_wire(form, examples=EXAMPLES)


# --- 01 SDP ---------------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["VP8", "VP9", "H264", "opus", "rtx"])


def check_parameters(parameters: Callable[[list[str]], dict[int, tuple[str, str]]]) -> None:
    """`parameters(section)`: name and a=fmtp of each payload type that has one. Spec: RFC 8866 §6.6, §6.15."""

    @st.composite
    def sections(draw: st.DrawFn) -> tuple[list[str], dict[int, tuple[str, str]]]:
        types = draw(st.lists(st.integers(96, 127), min_size=1, max_size=4, unique=True))
        names = {number: draw(_NAMES) for number in types}
        right = {
            number: (names[number], draw(st.sampled_from(["apt=96", "a=1;b=2", "x=1 2"])))
            for number in types[1:]
        }
        lines = [f"a=rtpmap:{number} {name}/90000" for number, name in names.items()]
        lines += [f"a=fmtp:{number} {text}" for number, (_, text) in right.items()]
        return ["m=video 9 UDP/TLS/RTP/SAVPF 96", *draw(st.permutations([*lines, "a=mid:1"]))], right

    def check(given: tuple[list[str], dict[int, tuple[str, str]]]) -> None:
        section, right = given
        same(f"parameters({section})", parameters(section), right)

    for_all(sections(), check)


def check_ufrag(ufrag_of: Callable[[str, str], str | None]) -> None:
    """`ufrag_of(text, mid)`: the fragment in the section, else above all sections. Spec: RFC 8839 §5.4."""

    def check(given: tuple[str | None, list[str | None], bool]) -> None:
        session, sections, mid_first = given
        text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        text += f"a=ice-ufrag:{session}\r\n" if session else ""
        for mid, own in enumerate(sections):
            inner = [f"a=mid:{mid}\r\n", f"a=ice-ufrag:{own}\r\n" if own else ""]
            text += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" + "".join(inner if mid_first else inner[::-1])
        for mid, own in enumerate(sections):
            same(f"ufrag_of({text!r}, '{mid}')", ufrag_of(text, str(mid)), own or session)

    ufrags = st.one_of(st.none(), st.sampled_from(["abcd", "if4u", "0+/x"]))
    for_all(st.tuples(ufrags, st.lists(ufrags, min_size=1, max_size=3), st.booleans()), check)


# --- 10 data channels -----------------------------------------------------------------------------------------------


def check_open_message(open_message: Callable[[str, bool, int | None, int | None], bytes]) -> None:
    """`open_message(label, ordered, max_retransmits, max_lifetime_ms)`: DATA_CHANNEL_OPEN. Spec: RFC 8832 §5.1."""
    labels = st.one_of(st.sampled_from(["", "chat", "größe", "日本"]), st.text(max_size=5))
    limit = st.integers(0, 65535)
    limits = st.one_of(st.just((None, None)), limit.map(lambda n: (n, None)), limit.map(lambda n: (None, n)))

    def check(given: tuple[str, bool, tuple[int | None, int | None]]) -> None:
        label, ordered, (max_retransmits, max_lifetime_ms) = given
        right = write_open(
            ChannelParameters(
                label, ordered=ordered, max_retransmits=max_retransmits, max_lifetime_ms=max_lifetime_ms
            )
        )
        found = open_message(label, ordered, max_retransmits, max_lifetime_ms)
        call = f"open_message({label!r}, {ordered}, {max_retransmits}, {max_lifetime_ms})"
        shown = found.hex(" ") if isinstance(found, bytes | bytearray) else found
        same(call, shown, right.hex(" "))

    for_all(st.tuples(labels, st.booleans(), limits), check)


def check_next_id(next_id: Callable[[bool, set[int], int], int | None]) -> None:
    """`next_id(is_dtls_client, taken, streams)`: an id for a new channel; `None`: there is none. Spec: RFC 8832 §6."""
    few = st.tuples(st.booleans(), st.sets(st.integers(0, 9)), st.integers(1, 8))
    every = frozenset(range(65535))
    full = st.tuples(
        st.booleans(), st.sampled_from([every, every - {65533}, every - {65534}]), st.just(65535)
    )

    def check(given: tuple[bool, frozenset[int] | set[int], int]) -> None:
        is_dtls_client, taken, streams = given
        free = [n for n in range(0 if is_dtls_client else 1, min(streams, 65535), 2) if n not in taken]
        found = next_id(is_dtls_client, set(taken), streams)
        shown = set(taken) if len(taken) < 20 else f"all below 65535 but {sorted(every - taken)}"
        right = f"one of {free}" if free else "None"
        assert found in free if free else found is None, (
            f"next_id({is_dtls_client}, {shown}, {streams}) gives {found!r}; right is {right}"
        )

    for_all(st.one_of(few, full), check)


# --- 11 offer and answer --------------------------------------------------------------------------------------------


def check_next_state(next_state: Callable[[str, str, str], str | None]) -> None:
    """`next_state(state, side, type)`: where an offer or answer leads; `None`: it is an error. Spec: W3C webrtc §4.3.1."""
    for state in SignalingState:
        for side in Side:
            for kind in (SdpType.OFFER, SdpType.ANSWER):
                right = SIGNALING_TRANSITIONS.get((state, side, kind))
                if state in (SignalingState.HAVE_LOCAL_PRANSWER, SignalingState.HAVE_REMOTE_PRANSWER):
                    continue  # provisional answers are for another day
                if (state, side, kind) == (SignalingState.HAVE_LOCAL_OFFER, Side.REMOTE, SdpType.OFFER):
                    right = SignalingState.HAVE_REMOTE_OFFER  # ours is rolled back first (§4.4.1.4 step 4.3)
                found = next_state(state.value, side.value, kind.value)
                same(
                    f"next_state({state.value!r}, {side.value!r}, {kind.value!r})",
                    found,
                    None if right is None else right.value,
                )


class Strict:
    """Stands in for a peer connection: keeps what it is given, and refuses what W3C webrtc §4.4.2 makes it refuse."""

    def __init__(self) -> None:
        self.description: object = None
        self.candidates: list[object] = []

    def set_remote_description(self, description: object) -> None:
        """Take the description."""
        self.description = description

    def add_ice_candidate(self, candidate: object) -> None:
        """Take a candidate, if there is a description that it can belong to."""
        if self.description is None:
            raise InvalidStateError("there is no remote description yet")
        self.candidates.append(candidate)


def check_inbox(inbox: Callable[[Any], Any]) -> None:
    """`inbox(end)` with `.description(…)` and `.candidate(…)`: any order of arrival works. Spec: W3C webrtc §4.4.2."""

    def check(given: tuple[int, int]) -> None:
        before, after = given
        arrivals = [f"candidate {n}" for n in range(before + after)]
        end = Strict()
        box = inbox(end)
        story = [*arrivals[:before], "description", *arrivals[before:]]
        told = ", ".join(story)
        for message in story:
            try:
                box.description(message) if message == "description" else box.candidate(message)
            except InvalidStateError as exc:
                raise AssertionError(f"when there came {told}: InvalidStateError, {exc}") from exc
        assert end.description == "description", f"when there came {told}: the description was not set"
        assert end.candidates == arrivals, (
            f"when there came {told}: added were {end.candidates}, in this order"
        )

    for_all(st.tuples(st.integers(0, 3), st.integers(0, 3)), check)


# --- 12 one connection ----------------------------------------------------------------------------------------------


def check_which_protocol(which_protocol: Callable[[int], str]) -> None:
    """`which_protocol(first_byte)`: stun, zrtp, dtls, turn, rtp or unknown. Spec: RFC 7983 §7, RFC 9443 §3."""
    for byte in range(256):
        same(f"which_protocol({byte})", which_protocol(byte), classify(bytes([byte])).value)


def longest_relay(given: list[Journey], who: str) -> int:
    """How often a chain of journeys, each begun when the one before has arrived, can come back to `who`."""
    arrived = sorted((one for one in given if one.arrived is not None), key=lambda one: one.left)
    depths: list[int] = []  # journeys in the longest chain that ends with this one; 0: no chain does
    for number, one in enumerate(arrived):
        before = [
            depths[other]
            for other in range(number)
            if arrived[other].sender != one.sender and (arrived[other].arrived or 0) <= one.left
        ]
        longest = max(before, default=0)
        depths.append(longest + 1 if longest or one.sender == who else 0)
    return max((depth // 2 for depth in depths), default=0)


def check_round_trips(round_trips: Callable[[list[Journey], str], int]) -> None:
    """`round_trips(journeys, who)`: how often something can go to and fro, one after the other. Spec: none."""

    @st.composite
    def recordings(draw: st.DrawFn) -> list[Journey]:
        made = []
        for _ in range(draw(st.integers(0, 8))):
            left = draw(st.integers(0, 8))
            lasts = draw(st.sampled_from([1, 2, 6, None]))  # one that takes 6 is easily overtaken
            sender = draw(st.sampled_from(["alice", "bob"]))
            made.append(Journey(sender, left, None if lasts is None else left + lasts))
        return sorted(made, key=lambda one: one.left)

    def check(given: list[Journey]) -> None:
        shown = [tuple(one) for one in given]
        same(f"round_trips({shown}, 'alice')", round_trips(given, "alice"), longest_relay(given, "alice"))

    for_all(recordings(), check)


# --- 14 your browser ------------------------------------------------------------------------------------------------


def check_hides_its_address(hides_its_address: Callable[[str], bool]) -> None:
    """`hides_its_address(candidate)`: whether the address is a name of mDNS. Spec: RFC 8839 §5.1, RFC 6762 §3."""
    labels = st.sampled_from(["bb317e9d-a671-4917-89dc-01fa7df4553f", "printer", "x.y"])
    hidden = st.builds(lambda name, end: name + end, labels, st.sampled_from([".local", ".LOCAL", ".local."]))
    plain = st.sampled_from(["192.0.2.1", "2001:db8::1", "host.example.com", "local", "local.example.com"])

    def check(given: tuple[str, bool, str]) -> None:
        address, right, related = given
        line = f"candidate:1 1 udp 2122260223 {address} 50000 typ srflx raddr {related} rport 9 ufrag a.local"
        same(f"hides_its_address({line!r})", hides_its_address(line), right)

    addresses = st.one_of(
        st.tuples(hidden, st.just(True), st.one_of(hidden, plain)),
        st.tuples(plain, st.just(False), st.one_of(hidden, plain)),
    )
    for_all(addresses, check)

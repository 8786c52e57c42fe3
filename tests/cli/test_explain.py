"""``rtcpy explain``: every kind of input by its content, overview and detail, examples that run, errors that tell."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path

import pytest

from rtcpy.cli.explain import EPILOG, HTML_PACKETS_MAX, Range, packet_range
from rtcpy.cli.inputs import InputError, recognize
from rtcpy.cli.main import main
from rtcpy.core.machine import Address
from rtcpy.core.tap import Direction
from rtcpy.explain.trace import PacketEntry, SecretEntry, StateEntry, Trace
from rtcpy.sim import Session
from tests.explain import capture_files as made

DATA = Path(__file__).parents[1] / "data"
CAPTURES = DATA / "captures"
OFFER = DATA / "sdp" / "captured" / "sessions" / "chromium-aiortc-offer.sdp"
REQUEST = "000100002112a442000102030405060708090a0b"
STUN = bytes.fromhex(REQUEST)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.delenv("NO_COLOR", raising=False)


def run(*words: str | Path) -> int:
    """The command with these arguments."""
    return main(["explain", *map(str, words)])


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Put `data` on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed."""
    return capsys.readouterr().out.splitlines()


# --- what it is, it finds out by itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (STUN, "datagram"),
        (REQUEST.encode(), "datagram"),
        (b"0x00 01:00\n00", "datagram"),
        (b"v=0\r\n", "sdp"),
        (b'{"type": "offer", "sdp": "v=0\\r\\n"}', "sdp"),
        (b'{"description": {"type": "offer", "sdp": "v=0\\r\\n"}}', "sdp"),
        (made.pcap([]), "capture"),
        (made.section(), "capture"),
        (b'{"rtcpy-trace": 1, "secrets": true, "names": [], "lost": 0}\n', "trace"),
        (b"\x14\xfe\xfd\x00", "datagram"),
        (b"\x01\x02", "datagram"),
    ],
)
def test_content_decides(data: bytes, kind: str) -> None:
    assert recognize(data, "it").kind == kind


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"hello", "it: neither hexadecimal nor SDP: character 'h' at 0"),
        (b"012", "it: an odd number of hexadecimal digits: 3"),
        (b"\n", "it has no bytes"),
        (b"{", "begins like JSON, but is none"),
        (b'{"a": 1}', "it is JSON with 'a'; only"),
        (b'{"sdp": 1}', "it is JSON with 'sdp'; only"),
        (b"0" * (1 << 24) + b"00", "too long for hexadecimal"),
    ],
)
def test_what_is_nothing_is_said_to_be(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        recognize(data, "it")
    assert message in str(caught.value)


# --- detail -----------------------------------------------------------------------------------------------------------


def test_hexadecimal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("0001", "0000 2112a442", "000102030405060708090a0b") == 0
    out = lines(capsys)
    assert out[0].startswith("Binding request, 20 bytes (RFC 8489 §5)")
    assert any("magic cookie" in line for line in out)
    assert "\x1b" not in "".join(out) and max(map(len, out)) <= 110


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    feed(monkeypatch, STUN)
    assert run("-") == 0
    assert lines(capsys)[0].startswith("Binding request")


def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(REQUEST, "--colour", "always") == 0
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(REQUEST) == 0
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(REQUEST) == 0
    assert "\x1b[" not in capsys.readouterr().out
    assert run(REQUEST, "--colour", "never") == 0
    assert "\x1b[" not in capsys.readouterr().out


def test_json_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(REQUEST, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"] == REQUEST and found["root"]["name"] == "STUN message"


# --- descriptions -----------------------------------------------------------------------------------------------------


def test_a_description_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(OFFER) == 0
    out = lines(capsys)
    assert out[0].startswith("── session level") and "── media section 1: video" in out
    setup = next(line for line in out if line.startswith("a=setup:"))
    assert "who begins the DTLS handshake (RFC 4145 §4)" in setup
    assert len([line for line in out if line.startswith(("a=", "m=", "v="))]) > 100
    assert max(map(len, out)) <= 110


def test_a_description_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(OFFER, "--full") == 0
    assert any("clock rate" in line for line in lines(capsys))


def test_a_description_in_json_as_signalling_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "message.json"
    path.write_text(json.dumps({"description": {"type": "offer", "sdp": OFFER.read_bytes().decode()}}))
    assert run(path) == 0
    assert lines(capsys)[0].startswith("── session level")


def test_a_wrong_line_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a=sctp-port:70000") == 0
    assert "outside 0..65535" in lines(capsys)[1]


# --- captures ---------------------------------------------------------------------------------------------------------


def test_a_capture_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CAPTURES / "chromium-plain-media.pcap") == 0
    out = lines(capsys)
    assert out[0].split()[:2] == ["1", "0.000000"] and "Binding request" in out[0]
    assert any("transport-cc: " in line for line in out) and any("SR, SDES" in line for line in out)
    assert out[-2] == "112 packets." and "--packet N" in out[-1]


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap")), ids=lambda path: path.stem)
def test_every_capture_can_be_shown_in_every_way(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(path) == 0
    assert "something is wrong" not in capsys.readouterr().out
    assert run(path, "--full") == 0
    assert capsys.readouterr().out.count("\npacket ") > 5
    assert run(path, "--json") == 0
    rows = [json.loads(line) for line in lines(capsys)]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    page = tmp_path / "page.html"
    assert run(path, "--html", page) == 0
    assert page.read_text().count("<details>") == len(rows)
    assert capsys.readouterr().out.strip().endswith(f"{len(rows)} packets")


def test_packets_are_chosen_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    path = CAPTURES / "chromium-plain-media.pcap"
    assert run(path, "--packet", "2") == 0
    out = lines(capsys)
    assert out[0].startswith("packet 2  0.001875 s  198.51.100.1:40771 → 198.51.100.1:38412")
    assert out[1].startswith("Binding success response")
    assert run(path, "--packet", "2-4", "--packet", "111-", "--summary") == 0
    assert [line.split()[0] for line in lines(capsys)[:-3]] == ["2", "3", "4", "111", "112"]


def test_a_packet_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CAPTURES / "chromium-plain-media.pcap", "--packet", "999") == 1
    shown = capsys.readouterr()
    assert "no such packet: the input has 112 packets" in shown.err and shown.out == ""


@pytest.mark.parametrize(
    ("text", "expected"), [("3", Range(3, 3)), ("3-", Range(3, None)), ("3-7", Range(3, 7))]
)
def test_ranges(text: str, expected: Range) -> None:
    found = packet_range(text)
    assert found == expected and 3 in found and 2 not in found


@pytest.mark.parametrize("text", ["", "x", "-3", "7-3", "3-x"])
def test_ranges_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(REQUEST, f"--packet={text}")
    assert caught.value.code == 2
    assert repr(text) in capsys.readouterr().err


def test_comments_and_cuts_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = made.udp("192.0.2.1", "192.0.2.2", STUN)
    data = made.section() + made.interface(link=101)
    data += made.enhanced(frame, comment="look \x1b[31m") + made.enhanced(frame[:-4], cut=4)
    path = tmp_path / "a.pcapng"
    path.write_bytes(data)
    assert run(path, "--full") == 0
    out = capsys.readouterr().out
    assert "comment: look \\x1b[31m" in out and "less than the packet had" in out
    assert run(path) == 0
    out = capsys.readouterr().out
    assert "(cut by 4 bytes)" in out and "something is wrong with 1 packet: 2" in out


def test_what_is_left_out_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(
        made.pcap([bytes(12) + b"\x08\x06", made.ethernet(made.udp("192.0.2.1", "192.0.2.2", STUN))])
    )
    assert run(path) == 0
    shown = capsys.readouterr().out
    assert "1 packet; left out: 1 ARP." in shown and "Nothing of WebRTC" not in shown


def test_a_capture_without_webrtc_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = (
        bytes.fromhex("1234 0100 0001 0000 0000 0000 07") + b"example\x03com" + bytes.fromhex("00 0001 0001")
    )
    path = tmp_path / "a.pcap"
    for frames in ([], [made.udp("192.0.2.1", "192.0.2.2", question)]):
        path.write_bytes(made.pcap(frames, link=101))
        assert run(path) == 0
        assert "Nothing of WebRTC is among them: STUN, DTLS" in capsys.readouterr().out
    path.write_bytes(made.pcap([*frames, made.udp("192.0.2.1", "192.0.2.2", STUN)], link=101))
    assert run(path) == 0
    assert "2 packets; not of WebRTC: 1.\n" in capsys.readouterr().out


def test_packets_without_addresses_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(seed=1)
    session.connect()
    path = tmp_path / "a.pcapng"
    session.trace.to_pcapng(path)
    assert run(path) == 0
    shown = lines(capsys)
    bare = [line for line in shown[:-4] if "→" not in line]
    assert bare and f"{len(bare)} packets without addresses: SCTP by itself, as rtcpy writes" in shown[-2]


def test_a_damaged_capture_shows_what_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes((CAPTURES / "chromium-plain-media.pcap").read_bytes()[:3000])
    assert run(path) == 1
    shown = capsys.readouterr()
    assert "Binding request" in shown.out and "the file ends within packet" in shown.err


def test_a_page_has_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = made.udp("192.0.2.1", "192.0.2.2", b"")
    path, page = tmp_path / "a.pcap", tmp_path / "a.html"
    path.write_bytes(made.pcap([frame] * (HTML_PACKETS_MAX + 2), link=101))
    assert run(path, "--html", page) == 0
    assert f"{HTML_PACKETS_MAX:,} packets" in capsys.readouterr().out
    assert "2 packets more are not on this page" in page.read_text()


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_descriptions_of_the_session_check_signatures(capsys: pytest.CaptureFixture[str]) -> None:
    sessions = DATA / "sdp" / "captured" / "sessions"
    base = [CAPTURES / "chromium-firefox-dtls12.pcap", "--packet", "1"]
    assert run(*base) == 0
    assert "not checked: no password is known" in capsys.readouterr().out
    offer, answer = (sessions / f"chromium-firefox12-{kind}.sdp" for kind in ("offer", "answer"))
    assert run(*base, "--sdp", offer, "--sdp", answer) == 0
    assert "matches the password" in capsys.readouterr().out


def test_a_key_log_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.log"
    path.write_text("hello\n")
    assert run(REQUEST, "--keys", path) == 1
    assert "is no key log: line 1" in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe")
    assert run(REQUEST, "--keys", path) == 1
    assert "it is no text" in capsys.readouterr().err


# --- traces -----------------------------------------------------------------------------------------------------------

HERE, THERE = Address("192.0.2.1", 1), Address("192.0.2.2", 2)


def recorded(path: Path) -> Path:
    """A trace of two endpoints with a description, a datagram and what is no packet."""
    trace = Trace()
    for entry in (
        PacketEntry(0.0, "alice", "sdp", Direction.OUT, b"v=0\r\n"),
        StateEntry(0.1, "alice", "ice", "agent", "new", "checking"),
        PacketEntry(0.2, "alice", "udp", Direction.OUT, STUN, HERE, THERE),
        PacketEntry(0.2, "alice", "stun", Direction.OUT, STUN),
        PacketEntry(0.3, "bob", "udp", Direction.IN, STUN, THERE, HERE),
        SecretEntry(0.4, "bob", "CLIENT_RANDOM", bytes(32), bytes(48)),
    ):
        trace.append(entry)
    trace.save(path)
    return path


def test_a_trace_shows_each_packet_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(recorded(tmp_path / "trace.jsonl")) == 0
    out = lines(capsys)
    assert len(out) == 5 and "session description" in out[0]
    assert "alice: 192.0.2.1:1 → 192.0.2.2:2  Binding request" in out[1]


def test_a_trace_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(monkeypatch, recorded(tmp_path / "trace.jsonl").read_bytes())
    assert run("-", "--packet", "2") == 0
    assert "magic cookie" in capsys.readouterr().out


def test_a_broken_trace_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded(tmp_path / "trace.jsonl")
    path.write_text("".join([*path.read_text().splitlines(keepends=True)[:2], "{}\n"]))
    assert run(path) == 1
    assert "line 3" in capsys.readouterr().err


def test_a_trace_that_was_cut_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded(tmp_path / "trace.jsonl")
    path.write_bytes(path.read_bytes()[:-20])
    assert run(path) == 1
    assert "the file ends within this line: it was cut" in capsys.readouterr().err


# --- errors and examples ----------------------------------------------------------------------------------------------


def test_what_is_neither_file_nor_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("00zz") == 1
    assert "no such file: '00zz'; and as text it is neither hexadecimal nor SDP" in capsys.readouterr().err


def test_what_looks_like_a_file_is_not_read_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "offer.sdp").write_text("v=0\r\n")
    assert run(tmp_path / "ofer.sdp") == 1
    assert (
        capsys.readouterr()
        .err.rstrip()
        .endswith(f"no such file: '{tmp_path / 'ofer.sdp'}', but there is '{tmp_path / 'offer.sdp'}'")
    )
    for name in ("call.pcap", "no/such/folder", "ab/cd"):
        assert run(name) == 1
        assert capsys.readouterr().err == f"rtcpy explain: no such file: '{name}'\n"


def test_a_file_with_other_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes").write_text("hello")
    assert run(REQUEST, "--sdp", tmp_path / "notes") == 1
    assert f"{tmp_path / 'notes'}: neither hexadecimal nor SDP" in capsys.readouterr().err


def test_a_directory_is_no_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "directory" in capsys.readouterr().err


def test_names_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("\x1b[31m") == 1
    assert "\x1b" not in capsys.readouterr().err


def test_shapes_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(REQUEST, "--json", "--full")
    assert "not allowed with" in capsys.readouterr().err


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of the help text that begins with the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "offer.sdp").write_bytes(OFFER.read_bytes())
    (tmp_path / "call.pcapng").write_bytes((CAPTURES / "chromium-plain-media.pcap").read_bytes())
    (tmp_path / "keys.log").write_text(f"CLIENT_RANDOM {'00' * 32} {'00' * 48}\n")
    ran = 0
    for line in EPILOG.splitlines():
        if not line.startswith("  rtcpy explain"):
            continue
        words = shlex.split(line.strip().partition("  ")[0])
        if "<" in words:
            words = words[: words.index("<")]
            feed(monkeypatch, REQUEST.encode())
        assert main(words[1:]) == 0, line
        assert capsys.readouterr().out
        ran += 1
    assert ran >= 9
